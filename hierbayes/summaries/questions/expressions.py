"""Expressions with parameters, and their values for every draw. Nothing is ever evaluated as Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hierbayes.errors import FormulaError
from hierbayes.expressions.evaluate import applied, fold, literal
from hierbayes.expressions.syntax import Expression, Name
from hierbayes.summaries.numbers import Floats
from hierbayes.summaries.questions.parameters import Parameter


@dataclass(frozen=True)
class Quantity(Name):
    """A parameter of the fit in an expression."""

    parameter: Parameter = field(kw_only=True)


@dataclass(frozen=True)
class Hypothesis:
    """A comparison of two sides, or of more that are in order.

    Attributes
    ----------
    text : str
        As it was typed.
    sides : tuple of Expression
        From small to large; a single one for an expression without a comparison. Their names are each a `Quantity`.
    point : bool
        Whether the two sides are said to be equal.
    ties : tuple of bool
        For each step from side to side, whether they may be equal: ``<=`` rather than ``<``. Matters for what is fixed.
    """

    text: str
    sides: tuple[Expression, ...]
    point: bool = False
    ties: tuple[bool, ...] = ()

    def source(self, node: Expression) -> str:
        """Return the text of a part."""
        return " ".join(self.text[node.span.start : node.span.stop].split())

    def holds(self, values: Sequence[Floats]) -> NDArray[np.bool_]:
        """Return in which draws the sides are in order."""
        steps = zip(values, values[1:], self.ties, strict=False)
        return np.asarray(np.logical_and.reduce([one <= two if tie else one < two for one, two, tie in steps]))


class Drawn(Protocol):
    """Draws of parameters, all of one shape."""

    @property
    def shape(self) -> tuple[int, int]:
        """Chains and draws."""
        ...

    def draws(self, parameter: Parameter) -> Floats:
        """Return the draws of a parameter, (chain, draw)."""
        ...


def evaluate(node: Expression, parameters: Drawn, text: str) -> Floats:
    """Return an expression for every draw, (chain, draw).

    Raises
    ------
    FormulaError
        If it is no finite number for some draw, as a logarithm of a negative number; the place is marked.
    """

    def finite(part: Expression, found: Floats) -> Floats:
        if bad := int(np.sum(~np.isfinite(found))):
            what = f"this is no finite number in {bad} of {found.size} draws"
            raise FormulaError(what, text, part.span.start, part.span.stop)
        return found

    def leaf(part: Expression) -> Floats:
        if isinstance(part, Quantity):
            return finite(part, parameters.draws(part.parameter))
        return np.full(parameters.shape, literal(part), dtype=np.float64)

    with np.errstate(all="ignore"):
        return fold(node, leaf, lambda part, values: finite(part, applied(part, values, np)))
