"""Expressions with parameters: their values for every draw, and the weights of those that are weighted sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hierbayes.engines.base import Problem
from hierbayes.errors import FormulaError
from hierbayes.expressions.evaluate import applied, fold, linear_sum, literal
from hierbayes.expressions.syntax import Expression, Name
from hierbayes.summaries.questions.parameters import Parameter
from hierbayes.tables.numbers import Floats


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


@dataclass(frozen=True)
class Linear:
    """``constant + sum of weight * parameter``; weights of 0 are left out."""

    weights: tuple[tuple[Parameter, float], ...]
    constant: float


def linear_form(node: Expression) -> Linear | None:
    """Return an expression as a weighted sum, None if it is none.

    Examples
    --------
    >>> from hierbayes.expressions.syntax import Binary, Number
    >>> x = Quantity("x", parameter=Parameter("x", "coefficient", index=(1,)))
    >>> linear_form(Binary("-", Binary("*", Number(2.0), x), Number(3.0))).constant
    -3.0
    """
    if (found := linear_sum(node)) is None:
        return None
    weights, constant = found
    named = ((name.parameter, weight) for name, weight in weights.items() if isinstance(name, Quantity))
    return Linear(tuple((parameter, weight) for parameter, weight in named if weight != 0), constant)


def coefficient_weights(form: Linear, problem: Problem) -> Floats:
    """Return the weights of the internal (centred) coefficients that make the same sum.

    The coefficients as given are ``beta = back @ internal``, so that ``c' beta = (back' c)' internal``.
    """
    weights = np.zeros(problem.p)
    for parameter, weight in form.weights:
        weights[parameter.index[0]] += weight
    return np.asarray(problem.beta_back.T @ weights)
