"""The syntax tree of an expression as frozen values: names, constants, operators, comparisons and calls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Span:
    """A half-open range of characters of the text. Spans never take part in comparisons."""

    start: int
    stop: int


NOWHERE = Span(0, 0)


@dataclass(frozen=True)
class Name:
    """A column of the data, or another quantity that has a name."""

    name: str
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Number:
    """A number as it is written."""

    value: float
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Text:
    """A quoted string, `True`, `False` or `None` as it is written."""

    value: str | bool | None
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Sequence:
    """A list of literals, as in ``levels=["a", "b"]`` or ``c("a", "b")``."""

    items: tuple[Expression, ...]
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Call:
    """A function of the allow-list and its arguments."""

    function: str
    args: tuple[Expression, ...]
    kwargs: tuple[tuple[str, Expression], ...] = ()
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Unary:
    """``-x``, ``+x`` or ``!x``."""

    operator: str
    operand: Expression
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Binary:
    """Arithmetic or a comparison. A power is always written ``**``."""

    operator: str
    left: Expression
    right: Expression
    span: Span = field(default=NOWHERE, compare=False)


CONSTANTS = {"True": True, "TRUE": True, "False": False, "FALSE": False, "None": None, "NULL": None}
"""Words that are constants, and no names."""
_COMPARED = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")
COMPARISONS = dict(zip(("==", "!=", "<", "<=", ">", ">="), _COMPARED, strict=True))
"""The comparisons, with the names of what computes them."""

Expression = Name | Number | Text | Sequence | Call | Unary | Binary


def operands(expression: Expression) -> tuple[Expression, ...]:
    """Return what an operator, a call or a list is applied to, without arguments by name; nothing for a leaf."""
    match expression:
        case Call(args=parts) | Sequence(items=parts):
            return parts
        case Unary(operand=operand):
            return (operand,)
        case Binary(left=left, right=right):
            return left, right
        case _:
            return ()


def walk(expression: Expression) -> Iterator[Expression]:
    """Yield an expression and all that it is made of, from left to right, without arguments by name."""
    yield expression
    for part in operands(expression):
        yield from walk(part)


def names_in(expression: Expression) -> Iterator[Name]:
    """Yield every name in an expression, from left to right."""
    return (node for node in walk(expression) if isinstance(node, Name))


def compared(expression: Expression, *operators: str) -> set[int]:
    """Return the ids of what stands on either side of a comparison."""
    pairs = (node for node in walk(expression) if isinstance(node, Binary) and node.operator in operators)
    return {id(side) for pair in pairs for side in operands(pair)}
