"""Expressions with parameters as trees, and their values for every draw. Nothing is ever evaluated as Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hierbayes.errors import FormulaError
from hierbayes.formula.syntax import Span
from hierbayes.summaries.questions.parameters import Parameter
from hierbayes.tables.numbers import Floats


@dataclass(frozen=True)
class Number:
    """A number as it is written."""

    value: float
    span: Span


@dataclass(frozen=True)
class Quantity:
    """A parameter of the fit."""

    parameter: Parameter
    span: Span


@dataclass(frozen=True)
class Operation:
    """An operator or a function with its operands: ``+``, ``-`` (one operand or two), ``*``, ``/``, ``^``, ``log``."""

    name: str
    operands: tuple[Node, ...]
    span: Span


Node = Number | Quantity | Operation


@dataclass(frozen=True)
class Hypothesis:
    """A comparison of two sides, or of more that are in order.

    Attributes
    ----------
    text : str
        As it was typed.
    sides : tuple of Node
        From small to large; a single one for an expression without a comparison.
    point : bool
        Whether the two sides are said to be equal.
    ties : tuple of bool
        For each step from side to side, whether they may be equal: ``<=`` rather than ``<``. Matters for what is fixed.
    """

    text: str
    sides: tuple[Node, ...]
    point: bool = False
    ties: tuple[bool, ...] = ()

    def source(self, node: Node) -> str:
        """Return the text of a part."""
        return " ".join(self.text[node.span.start : node.span.stop].split())

    def holds(self, values: Sequence[Floats]) -> NDArray[np.bool_]:
        """Return in which draws the sides are in order."""
        steps = zip(values, values[1:], self.ties, strict=False)
        return np.asarray(np.logical_and.reduce([one <= two if tie else one < two for one, two, tie in steps]))


def parameters_of(node: Node) -> Iterator[Parameter]:
    """Yield every parameter of an expression, from left to right."""
    match node:
        case Quantity(parameter=parameter):
            yield parameter
        case Operation(operands=operands):
            for operand in operands:
                yield from parameters_of(operand)


_ARITHMETIC: dict[str, Callable[..., Floats]] = {
    "*": np.multiply,
    "/": np.divide,
    "^": np.power,
    "abs": np.abs,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
}


class Drawn(Protocol):
    """Draws of parameters, all of one shape."""

    @property
    def shape(self) -> tuple[int, int]:
        """Chains and draws."""
        ...

    def draws(self, parameter: Parameter) -> Floats:
        """Return the draws of a parameter, (chain, draw)."""
        ...


def evaluate(node: Node, parameters: Drawn, text: str) -> Floats:
    """Return an expression for every draw, (chain, draw).

    Raises
    ------
    FormulaError
        If it is no finite number for some draw, as a logarithm of a negative number; the place is marked.
    """
    match node:
        case Number(value=value):
            return np.full(parameters.shape, value)
        case Quantity(parameter=parameter):
            found = parameters.draws(parameter)
        case Operation(name=name, operands=operands):
            with np.errstate(all="ignore"):
                found = applied(name, [evaluate(operand, parameters, text) for operand in operands])
    bad = int(np.sum(~np.isfinite(found)))
    if bad:
        what = f"this is no finite number in {bad} of {found.size} draws"
        raise FormulaError(what, text, node.span.start, node.span.stop)
    return found


def applied(name: str, values: list[Floats]) -> Floats:
    """Return an operator or function of arrays."""
    if name in ("min", "max"):
        return np.asarray((np.minimum if name == "min" else np.maximum).reduce(values))
    if name in ("+", "-"):
        first, *rest = values
        if rest:
            return first + rest[0] if name == "+" else first - rest[0]
        return first if name == "+" else -first
    return np.asarray(_ARITHMETIC[name](*values))
