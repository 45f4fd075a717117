"""Tables out: LaTeX, Markdown, and HTML that a word processor takes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from hierbayes.errors import DataError, ModelError
from hierbayes.tables.cells import Cells, cells

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["latex", "markdown", "html"]
KINDS: tuple[str, ...] = get_args(Kind)
SUFFIXES = {".tex": "latex", ".md": "markdown", ".html": "html", ".htm": "html"}

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    **{c: f"\\{c}" for c in "&%$#_"},
}
_NUMBER = re.compile(r"(?P<less><?)(?P<value>-?[\d.]+|-?inf)(?:e(?P<power>[-+]\d+))?")
_FONT = "font-family:Calibri,Arial,sans-serif;font-size:10pt"


class Tables:
    """What can be written out: a thing that has one or more tables, each with a caption."""

    def tables(self) -> tuple[tuple[str, pd.DataFrame], ...]:
        """Return every table with its caption."""
        raise NotImplementedError

    def to_latex(self, path: str | Path | None = None) -> str:
        r"""Return the tables as LaTeX, with the rules of the booktabs package; every label is escaped.

        Parameters
        ----------
        path : str or Path, optional
            A file to write as well.

        Raises
        ------
        DataError
            If the file cannot be written.
        """
        return export(self, "latex", path=path)

    def to_markdown(self, path: str | Path | None = None) -> str:
        """Return the tables as GitHub's Markdown; otherwise as `to_latex`."""
        return export(self, "markdown", path=path)

    def to_html(self, path: str | Path | None = None) -> str:
        """Return the tables as HTML that keeps its form when pasted into Word; otherwise as `to_latex`."""
        return export(self, "html", path=path)


def export(
    table: pd.DataFrame | Tables,
    kind: Kind | None = None,
    *,
    path: str | Path | None = None,
    caption: str = "",
    digits: int = 4,
) -> str:
    r"""Write a table as LaTeX, Markdown or HTML.

    Parameters
    ----------
    table : DataFrame, or a fit, summary, classical fit or comparison
        Any table of hierbayes, or of pandas; of a fit its summary. The index is written unless it only counts.
    kind : "latex", "markdown" or "html", optional
        LaTeX needs ``\usepackage{booktabs}``. Markdown is GitHub's. HTML carries its style inline, so that it can be
        pasted into Word. By default what the ending of `path` says, Markdown without one.
    path : str or Path, optional
        A file to write as well, in UTF-8.
    caption : str
        A caption, for a DataFrame.
    digits : int
        Significant digits of columns without a spread beside them; estimates show three digits of their sd.

    Returns
    -------
    str

    Raises
    ------
    ModelError
        If the kind is not known, or it is no table.
    DataError
        If the file cannot be written.

    Examples
    --------
    >>> import hierbayes as hb
    >>> fit = hb.Model("Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff")).reml()
    >>> print(hb.export(fit.fixef()))
    | coefficient |   mean |   sd | median |  lower |  upper |
    | :---------- | -----: | ---: | -----: | -----: | -----: |
    | Intercept   | 1527.5 | 19.4 | 1527.5 | 1489.5 | 1565.5 |
    """
    chosen = _kind(kind, path)
    if isinstance(digits, bool) or not isinstance(digits, int) or not 1 <= digits <= 15:
        raise ModelError(f"digits={digits!r} must be a whole number from 1 to 15")
    write = {"latex": _latex, "markdown": _markdown, "html": _html}[chosen]
    text = "\n\n".join(write(cells(frame, digits), said) for said, frame in _parts(table, caption))
    if path is not None:
        _save(text, chosen, Path(path))
    return text


def _parts(table: Any, caption: str) -> Sequence[tuple[str, pd.DataFrame]]:
    import pandas as pd

    if isinstance(table, pd.DataFrame):
        return [(caption, table)]
    if isinstance(table, Tables):
        return table.tables()
    summary = getattr(table, "summary", None)
    if callable(summary) and isinstance(summed := summary(), Tables):
        return summed.tables()
    raise ModelError(
        f"{type(table).__name__} is not a table", "pass a DataFrame, such as fit.ranef(), or fit.summary()"
    )


def _kind(kind: str | None, path: str | Path | None) -> str:
    if kind is None:
        return SUFFIXES.get(Path(path).suffix.lower(), "markdown") if path is not None else "markdown"
    if kind not in KINDS:
        raise ModelError(f'kind={kind!r} is not understood: write "latex", "markdown" or "html"')
    return kind


def _save(text: str, kind: str, path: Path) -> None:
    whole = f'<!DOCTYPE html>\n<html><head><meta charset="utf-8"></head><body>\n{text}\n</body></html>'
    try:
        path.write_text((whole if kind == "html" else text) + "\n", encoding="utf-8", errors="replace")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"cannot write the table to '{path}': {reason}", "choose another place") from error


def _one_line(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text).strip()


def _latex(own: Cells, caption: str) -> str:
    body_rows = [_latex_row(row, own.numeric) for row in own.rows]
    head = _latex_row(own.headers, (False,) * len(own.headers))
    rows = [r"\toprule", head, r"\midrule", *body_rows, r"\bottomrule"]
    spec = "".join("r" if numeric else "l" for numeric in own.numeric)
    body = "\n".join([rf"\begin{{tabular}}{{{spec}}}", *rows, r"\end{tabular}"])
    if not caption:
        return body
    said = _latex_text(caption)
    return "\n".join([r"\begin{table}", r"\centering", rf"\caption{{{said}}}", body, r"\end{table}"])


def _latex_row(row: Sequence[str], numeric: Sequence[bool]) -> str:
    texts = [_latex_number(cell) if number else _latex_text(cell) for cell, number in zip(row, numeric, strict=True)]
    # `\\[` and `\\*` read on as arguments of the line break
    if texts and texts[0][:1] in ("[", "*"):
        texts[0] = f"{{{texts[0][0]}}}{texts[0][1:]}"
    return " & ".join(texts) + r" \\"


def _latex_text(text: str) -> str:
    shown = "".join(_LATEX.get(character, character) for character in _one_line(text))
    return shown.replace("--", "-{}-").replace("--", "-{}-")  # else a dash is set


def _latex_number(text: str) -> str:
    found = _NUMBER.fullmatch(text)
    if found is None:
        return text
    value, power = found["value"].replace("inf", r"\infty"), found["power"]
    shown = found["less"] + (value if power is None else rf"{value}\times 10^{{{int(power)}}}")
    return shown if shown.replace(".", "").isdigit() else f"${shown}$"


def _markdown(own: Cells, caption: str) -> str:
    headers = [_markdown_text(text) for text in own.headers]
    rows = [[_markdown_text(text) for text in row] for row in own.rows]
    widths = [max(4, *(len(row[i]) for row in [headers, *rows])) for i in range(len(headers))]
    rule = [
        "-" * (w - 1) + ":" if numeric else ":" + "-" * (w - 1) for w, numeric in zip(widths, own.numeric, strict=True)
    ]
    lines = [_padded(row, widths, own.numeric) for row in [headers, rule, *rows]]
    return "\n".join(([f"**{_markdown_text(caption)}**", ""] if caption else []) + lines)


def _padded(row: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> str:
    shown = [text.rjust(w) if right else text.ljust(w) for text, w, right in zip(row, widths, numeric, strict=True)]
    return "| " + " | ".join(shown) + " |"


def _markdown_text(text: str) -> str:
    """Escape what would be markup; underscores inside words and brackets without a link are none."""
    shown = re.sub(r"([\\`*~|])", r"\\\1", _one_line(text))
    shown = re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\_", shown)
    return shown.replace("](", "]\\(").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _html(own: Cells, caption: str) -> str:
    head = "".join(_html_cell("th", t, n, top=True, bottom=True) for t, n in zip(own.headers, own.numeric, strict=True))
    lines = []
    for i, row in enumerate(own.rows):
        last = i == len(own.rows) - 1
        lines.append("".join(_html_cell("td", t, n, bottom=last) for t, n in zip(row, own.numeric, strict=True)))
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    said = f'<caption style="text-align:left;{_FONT}">{escape(_one_line(caption))}</caption>\n' if caption else ""
    return (
        f'<table style="border-collapse:collapse;{_FONT}">\n{said}'
        f"<thead>\n<tr>{head}</tr>\n</thead>\n<tbody>\n{body}\n</tbody>\n</table>"
    )


def _html_cell(tag: str, text: str, numeric: bool, top: bool = False, bottom: bool = False) -> str:
    rules = ("border-top:1.5pt solid black;" if top else "") + (
        f"border-bottom:{'0.75' if tag == 'th' else '1.5'}pt solid black;" if bottom else ""
    )
    side = "right" if numeric else "left"
    style = f"{rules}padding:1pt 6pt;text-align:{side};white-space:nowrap"
    return f'<{tag} style="{style}">{escape(_one_line(text))}</{tag}>'


def indent(text: str) -> str:
    """Indent every line by one blank."""
    return "\n".join(f" {line}" for line in text.splitlines())
