"""The right side of a bar: the grouping factors."""

from __future__ import annotations

from hierbayes.errors import FormulaError
from hierbayes.expressions.scanner import Kind, Token
from hierbayes.expressions.stream import Stream
from hierbayes.expressions.syntax import Call, Name, Span
from hierbayes.formula.tree import Chain, Node

Factor = tuple[str, ...]
MOST_COLUMNS = 20


def read_factors(stream: Stream, node: Node) -> tuple[Factor, ...]:
    """Return the columns of each grouping factor: one for ``g`` and ``a:b``; ``a/b`` is ``a`` and ``a:b``.

    Raises
    ------
    FormulaError
        If the right side is anything but columns joined by ``:`` and ``/``.
    """
    if isinstance(node, Name):
        return ((node.name,),)
    if not isinstance(node, Chain) or node.first is None or node.rest[0][0] not in (":", "*", "/"):
        raise refused(stream, node)
    factors = read_factors(stream, node.first)
    for operator, operand in node.rest:
        if operator == "*":
            raise refused(stream, node)
        inner = read_factors(stream, operand)
        if operator == ":":
            factors = tuple(joined(stream, operand, one, other) for one in factors for other in inner)
        else:
            factors += tuple(joined(stream, operand, factors[-1], other) for other in inner)
        if max(len(factors), len(factors[-1])) > MOST_COLUMNS:
            raise stream.error(f"a grouping factor of more than {MOST_COLUMNS} columns", node.span)
    return factors


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


def joined(stream: Stream, node: Node, outer: Factor, inner: Factor) -> Factor:
    """Return the factor of two factors' combinations."""
    for column in inner:
        if column in outer:
            raise stream.error(f"the grouping factor names {column} twice", node.span)
    return outer + inner


def refused(stream: Stream, node: Node) -> FormulaError:
    """Return the error for a right side that is no grouping factor, with what to write instead."""
    source = stream.source(node.span)
    if isinstance(node, Chain) and node.first is not None:
        sides = [stream.source(each.span) for each in (node.first, *(operand for _, operand in node.rest))]
        if node.rest[0][0] == "+":
            return stream.error("a sum cannot be a grouping factor", node.span, separate(sides))
        if node.rest[0][0] in ("*", "/"):
            hint = separate([*sides, ":".join(sides)])
            return stream.error("a crossing with * cannot be a grouping factor", node.span, hint)
    if isinstance(node, Call):
        first = node.args[0]
        hint = f"Put {source} into the data as a column and name it."
        if node.function == "C" and isinstance(first, Name):
            hint = f"A grouping factor is always categorical: write {stream.source(first.span)}."
        return stream.error("a function call cannot be a grouping factor", node.span, hint)
    hint = "Name a column: (1 | g), (1 | a:b) or (1 | a/b)."
    return stream.error(f"{source} cannot be a grouping factor", node.span, hint)


def separate(factors: list[str]) -> str:
    """Return what to write for several factors, each with a term of its own."""
    return f"Write {' + '.join(f'(1 | {factor})' for factor in factors)}."
