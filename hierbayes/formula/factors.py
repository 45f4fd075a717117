"""The right side of a bar: the grouping factors."""

from __future__ import annotations

from hierbayes.errors import FormulaError
from hierbayes.formula.stream import Stream
from hierbayes.formula.syntax import Call, Name
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
