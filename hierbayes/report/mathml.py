r"""Mathematics for a page: the LaTeX that `hierbayes.report.equation` writes, as MathML.

Browsers draw MathML by themselves: the page needs neither a script nor a font from elsewhere. Only the commands that
hierbayes writes are known; any other is refused, so that no formula is shown by halves.
"""

from __future__ import annotations

import re
from html import escape, unescape

from hierbayes.errors import ModelError

WIDEST = 48
"""A sum of more signs is broken into lines."""

_GREEK = dict(
    zip(
        (
            "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi "
            "psi omega"
        ).split(),
        "αβγδεζηθικλμνξπρστυφχψω",
        strict=True,
    )
)
_SIGNS = {
    **{name: f"<mi>{sign}</mi>" for name, sign in _GREEK.items()},
    "sim": '<mo form="infix">∼</mo>', "ne": "<mo>≠</mo>", "le": "<mo>≤</mo>",
    "dots": "<mo>…</mo>", "cdot": "<mo>·</mo>", "sum": "<mo>∑</mo>", "textstyle": "",
    "exp": '<mi mathvariant="normal">exp</mi>',
    "textbackslash": "<mo>\\</mo>", "textasciicircum": "<mo>^</mo>", "textasciitilde": "<mo>~</mo>",
}  # fmt: skip
_PLUS = '<mo form="infix">+</mo>'
_ACCENTS = {"tilde": "~", "bar": "‾", "hat": "^"}
_SPACES = {",": 0.17, ";": 0.28, " ": 0.33}
_WORDS = {"textbackslash": "\\", "textasciicircum": "^", "textasciitilde": "~"}
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\d+(?:\.\d+)?(?:e[-+]\d+)?|[A-Za-z]+|.", flags=re.DOTALL)


def mathml(latex: str) -> str:
    r"""Return an ``aligned`` block, or a formula, as MathML; names are escaped.

    Raises
    ------
    ModelError
        If a command is not known.

    Examples
    --------
    >>> from hierbayes.report.mathml import mathml
    >>> print(mathml(r"\mu_i &= \text{<b>}"))
    <math display="block"><mtable><mtr><mtd><msub><mi>μ</mi><mi>i</mi></msub></mtd><mtd><mo form="infix">=</mo><mtext>&lt;b&gt;</mtext></mtd><mtd></mtd></mtr></mtable></math>
    """  # noqa: E501
    body = latex.strip().removeprefix(r"\begin{aligned}").removesuffix(r"\end{aligned}")
    reader = _Reader(body)
    rows = reader.rows(())
    return f'<math display="block"><mtable>{"".join(map(_aligned, rows))}</mtable></math>'


def _aligned(cells: list[list[str]]) -> str:
    left, right, *notes = [*cells, [], []][: max(2, len(cells))]
    first, *more = _broken(right)
    lines = [_line("".join(left), first, "".join(node for note in notes for node in note))]
    return "".join([*lines, *(_line("", part, "") for part in more)])


def _line(left: str, right: list[str], note: str) -> str:
    return f"<mtr><mtd>{left}</mtd><mtd>{''.join(right)}</mtd><mtd>{note}</mtd></mtr>"


def _broken(nodes: list[str]) -> list[list[str]]:
    """Break a long sum before its plus signs."""
    summands: list[list[str]] = [[]]
    for node in nodes:
        if node == _PLUS:
            summands.append([])
        summands[-1].append(node)
    lines = summands[:1]
    for summand in summands[1:]:
        if _length(lines[-1]) + _length(summand) > WIDEST:
            lines.append(summand)
        else:
            lines[-1] = lines[-1] + summand
    return lines


def _operator(sign: str) -> str:
    """Return a sign with the room of a relation around it; brackets keep the height of a letter."""
    if sign in "=+":
        return f'<mo form="infix">{sign}</mo>'
    still = ' stretchy="false"' if sign in "()[]" else ""
    return f"<mo{still}>{'−' if sign == '-' else escape(sign)}</mo>"


def _length(nodes: list[str]) -> int:
    return len(unescape(re.sub(r"<[^>]*>", "", "".join(nodes))))


class _Reader:
    """Reads LaTeX from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0

    def peek(self) -> str:
        found = _TOKEN.match(self.text, self.place)
        return found.group() if found else ""

    def take(self) -> str:
        token = self.peek()
        self.place += len(token)
        return token

    def skip_blanks(self) -> None:
        while self.peek().isspace():
            self.place += 1

    def rows(self, stops: tuple[str, ...]) -> list[list[list[str]]]:
        """Read rows of cells of nodes, up to a stop or the end."""
        rows: list[list[list[str]]] = [[[]]]
        while (token := self.peek()) and token not in stops:
            if token in ("&", r"\\"):
                self.take()
                (rows.append([[]]) if token == r"\\" else rows[-1].append([]))
            elif token.isspace():
                self.take()
            elif node := self.scripted():
                rows[-1][-1].append(node)
        return rows

    def scripted(self) -> str:
        """Read one sign with what stands below and above it."""
        base = self.atom()
        scripts: dict[str, str] = {}
        while self.peek() in ("_", "^") and base:
            sign = self.take()
            scripts[sign] = self.atom()
        if len(scripts) == 2:
            return f"<msubsup>{base}{scripts['_']}{scripts['^']}</msubsup>"
        for sign, tag in (("_", "msub"), ("^", "msup")):
            if sign in scripts:
                return f"<{tag}>{base}{scripts[sign]}</{tag}>"
        return base

    def atom(self) -> str:
        token = self.take()
        if token == "{":
            return self.group()
        if token[0] == "\\":
            return self.command(token[1:])
        if token[0].isdigit():
            return f"<mn>{token}</mn>"
        if token.isalpha() and token.isascii():
            return f"<mi>{token}</mi>"
        return _operator(token)

    def group(self) -> str:
        rows = self.rows(("}",))
        self.take()
        return f"<mrow>{''.join(node for row in rows for cell in row for node in cell)}</mrow>"

    def command(self, name: str) -> str:
        if name in _SIGNS:
            self.skip_blanks()
            return _SIGNS[name]
        if name in _SPACES:
            return f'<mspace width="{_SPACES[name]}em"></mspace>'
        if not name.isalpha():
            return f"<mo>{escape(name)}</mo>"
        return self.with_argument(name)

    def with_argument(self, name: str) -> str:
        if name in ("text", "operatorname"):
            words = escape(self.words())
            return f"<mtext>{words}</mtext>" if name == "text" else f'<mi mathvariant="normal">{words}</mi>'
        if name in _ACCENTS:
            return f'<mover accent="true">{self.atom()}<mo>{_ACCENTS[name]}</mo></mover>'
        if name == "sqrt":
            return f"<msqrt>{self.atom()}</msqrt>"
        if name == "frac":
            return f"<mfrac>{self.atom()}{self.atom()}</mfrac>"
        if name == "begin" and self.words() == "pmatrix":
            return self.matrix()
        raise ModelError(f"the page has no way to draw the LaTeX command {name!r}")

    def words(self) -> str:
        """Read text in braces, its escapes undone."""
        self.take()
        found = []
        while (token := self.take()) and token != "}":
            if token[0] == "\\" and token[1:] in _WORDS:
                self.place += self.peek()[:1] == " "
                token = _WORDS[token[1:]]
            found.append(token[1:] if len(token) == 2 and token[0] == "\\" else token)
        return "".join(found)

    def matrix(self) -> str:
        rows = self.rows((r"\end",))
        self.take()
        self.words()
        cells = ["".join(f"<mtd>{''.join(cell)}</mtd>" for cell in row) for row in rows]
        table = "".join(f"<mtr>{row}</mtr>" for row in cells)
        return f'<mrow><mo>(</mo><mtable class="matrix">{table}</mtable><mo>)</mo></mrow>'
