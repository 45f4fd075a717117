"""Tokens to a tree: the operators of the formula language, outside function calls.

From the tightest: ``^``, ``:``, ``* /``, ``+ -``, ``|``. A sign stands only before a summand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hierbayes.errors import FormulaError
from hierbayes.expressions.scanner import Kind, Stream, Token
from hierbayes.expressions.syntax import COMPARISONS, CONSTANTS, Call, Name, Number, Span, Text
from hierbayes.formula.arguments import check_name
from hierbayes.formula.calls import CallReader

GREATEST_POWER = 100


@dataclass(frozen=True)
class Chain:
    """Operands joined by operators of one precedence, from left to right: ``+ -``, ``* /`` or ``:``.

    A leading sign leaves `first` empty. Chains are flat, so that a long sum is not a deep tree.
    """

    first: Node | None
    rest: tuple[tuple[str, Node], ...]
    span: Span


@dataclass(frozen=True)
class Power:
    """``(a + b)^n``."""

    base: Node
    exponent: int
    span: Span


@dataclass(frozen=True)
class Bar:
    """``left | right``, or ``left || right`` when `split`; `bare` without parentheses around it."""

    left: Node
    right: Node
    split: bool
    bare: bool
    span: Span


Node = Name | Number | Text | Call | Chain | Power | Bar


def read_side(stream: Stream) -> Node:
    """Read one side of the formula, up to ``~`` or the end."""
    side = read_bar(stream, bare=True)
    if not stream.sees("~") and stream.current.kind is not Kind.END:
        raise misplaced(stream)
    return side


def read_bar(stream: Stream, bare: bool) -> Node:
    """Read a sum and, if a bar follows, the grouping factor to its right."""
    start = stream.current.span.start
    if stream.sees("|", "||"):
        raise stream.error("nothing stands left of this bar", stream.current.span, "Write (1 | g).")
    left = read_sum(stream)
    if not stream.sees("|", "||"):
        return left
    bar = stream.take()
    if stream.sees(")", "|", "||", "~") or stream.current.kind is Kind.END:
        raise stream.error("nothing stands right of this bar", bar.span, "Write the grouping factor there: (1 | g).")
    refuse_levels(stream)
    right = read_sum(stream)
    if stream.sees("|", "||"):
        what = "a term has one bar; (1 |p| g), which names a set of correlations, is not available"
        hint = "Write (1 | g). Effects of one term, as in (1 + x | g), are correlated."
        raise stream.error(what, Span(bar.span.start, stream.current.span.stop), hint)
    return Bar(left, right, bar.value == "||", bare, Span(start, stream.tokens[stream.index - 1].span.stop))


def read_sum(stream: Stream) -> Node:
    """Read summands; each may have signs before it."""
    start = stream.current.span.start
    first = None if stream.sees("+", "-") else read_product(stream)
    rest: list[tuple[str, Node]] = []
    while stream.sees("+", "-"):
        sign = "+"
        while stream.sees("+", "-"):
            if sign == "-" and stream.sees("-"):
                raise stream.error("a second minus follows the first", stream.current.span, "Write one sign.")
            sign = "-" if stream.take().value == "-" else sign
        rest.append((sign, read_product(stream)))
    if not rest and first is not None:
        return first
    return Chain(first, tuple(rest), Span(start, rest[-1][1].span.stop))


def read_product(stream: Stream) -> Node:
    """Read factors joined by ``*`` and ``/``."""
    return read_chain(stream, read_interaction, ("*", "/"))


def read_interaction(stream: Stream) -> Node:
    """Read factors joined by ``:``."""
    return read_chain(stream, read_power, (":",))


def read_chain(stream: Stream, operand: Callable[[Stream], Node], operators: tuple[str, ...]) -> Node:
    """Read operands joined by operators of one precedence."""
    first = operand(stream)
    rest: list[tuple[str, Node]] = []
    while stream.sees(*operators):
        sign = stream.take()
        if stream.sees("+", "-"):
            hint = "Write arithmetic inside I(): I(x * -1)."
            raise stream.error(f"a sign cannot follow {sign.value}", stream.current.span, hint)
        rest.append((sign.value, operand(stream)))
    return Chain(first, tuple(rest), Span(first.span.start, rest[-1][1].span.stop)) if rest else first


def read_power(stream: Stream) -> Node:
    """Read an operand and its power, a whole number."""
    base = read_operand(stream)
    if not stream.sees("^", "**"):
        return base
    stream.take()
    token = stream.current
    atomic = isinstance(base, Name | Call | Number)
    source = stream.source(base.span) if atomic else f"({stream.source(base.span)})"
    exponent = float(token.value) if token.kind is Kind.NUMBER else 0.0
    if not (exponent.is_integer() and 1 <= exponent <= GREATEST_POWER):
        what = f"outside a function call a power must be a whole number from 1 to {GREATEST_POWER}"
        raise stream.error(what, token.span, f"Write I({source}^...) for arithmetic, or (a + b)^2 for interactions.")
    span = Span(base.span.start, stream.take().span.stop)
    if isinstance(base, Name | Call):
        hint = f"Write I({source}^{token.value}) for the power."
        raise stream.error(f"{source} crossed with itself is {source} again, no power", span, hint)
    if stream.sees("^", "**"):
        raise stream.error("powers cannot be chained here", stream.current.span, "Write one power.")
    return Power(base, int(exponent), span)


def read_operand(stream: Stream) -> Node:
    """Read a column, a call, a number or parentheses."""
    token = stream.current
    if token.kind is Kind.NAME and stream.following.is_operator("("):
        return CallReader(stream).call()
    if token.kind is Kind.NAME and token.value in CONSTANTS:
        hint = f"Write `{token.value}` between backquotes if it is one."
        raise stream.error(f"{token.value} is not a column", token.span, hint)
    if token.is_name:
        check_name(stream, token)
        return Name(token.value, stream.take().span)
    if token.kind is Kind.NUMBER:
        return Number(float(token.value), stream.take().span)
    if token.kind is Kind.TEXT:
        return Text(token.value, stream.take().span)
    if token.is_operator("("):
        return read_parentheses(stream)
    raise misplaced(stream)


def read_parentheses(stream: Stream) -> Node:
    """Read parentheses, which may hold a group-level term."""
    opening = stream.take()
    if stream.sees(")"):
        raise stream.error("these parentheses are empty", Span(opening.span.start, stream.current.span.stop))
    inner = read_bar(stream, bare=False)
    if not stream.sees(")"):
        raise misplaced(stream)
    stream.take()
    return inner


def misplaced(stream: Stream) -> FormulaError:
    """Return the error for a token that cannot stand where it stands."""
    token = stream.current
    if token.is_operator(*COMPARISONS):
        return stream.error("a comparison stands only inside a call", token.span, "Write I(x > 1).")
    if token.is_operator("="):
        return stream.error("= stands only inside a call", token.span, "Write I(x == 1) to compare.")
    if token.is_operator("["):
        return stream.error("a column cannot be subset in a formula", token.span, "Choose the rows of the data before.")
    if token.is_operator("~"):
        return stream.error("`~` cannot stand here", token.span, "A formula has one ~, outside every parenthesis.")
    if token.is_operator("!"):
        return stream.error("! stands only inside a call", token.span, "Write I(!x).")
    if token.is_operator(","):
        return stream.error("a comma stands only inside a function call", token.span, "Join terms with +.")
    return stream.unexpected("an operator" if stream.after_operand else "a term")


LEVELS = ("as.factor", "factor", "C", "as_factor", "as.character", "as.ordered", "ordered", "fct", "interaction")
"""Functions that make levels of a column in R: right of a bar a column is levels already."""


def refuse_levels(stream: Stream) -> None:
    """Refuse ``as.factor(g)`` and its like right of a bar; the next token is the first after the bar."""
    depth = 0
    for i, token in enumerate(stream.tokens[stream.index :], stream.index):
        following = stream.tokens[min(i + 1, len(stream.tokens) - 1)]
        if token.kind is Kind.NAME and token.value in LEVELS and following.is_operator("("):
            inside = _arguments(stream, i + 1)
            named = ":".join(stream.source(each.span) for each in inside) if inside else "the column alone"
            hint = f"A grouping factor is always categorical: write {named}."
            place = Span(token.span.start, _closing(stream, i + 1).span.stop)
            raise stream.error("a function call cannot be a grouping factor", place, hint)
        depth += token.is_operator("(") - token.is_operator(")")
        if depth < 0 or token.kind is Kind.END:
            return


def _closing(stream: Stream, opening: int) -> Token:
    """Return the parenthesis that closes the one at a place; brackets were checked to match."""
    depth = 0
    for token in stream.tokens[opening:]:
        depth += token.is_operator("(") - token.is_operator(")")
        if depth == 0:
            return token
    return stream.tokens[-1]


def _arguments(stream: Stream, opening: int) -> list[Token]:
    """Return the columns between parentheses: the first, and others that commas part; none if it is no column."""
    found, i = [stream.tokens[opening + 1]], opening + 2
    while (
        stream.tokens[i].is_operator(",") and stream.tokens[i + 1].is_name and not stream.tokens[i + 2].is_operator("=")
    ):
        found.append(stream.tokens[i + 1])
        i += 2
    whole = found[0].is_name and stream.tokens[i].is_operator(")", ",")
    return found if whole else []
