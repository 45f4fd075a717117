"""Expressions that are weighted sums of parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hierbayes.engines.base import Problem
from hierbayes.summaries.questions.expressions import Node, Number, Operation, Quantity, applied
from hierbayes.summaries.questions.parameters import Parameter
from hierbayes.tables.numbers import Floats


@dataclass(frozen=True)
class Linear:
    """``constant + sum of weight * parameter``; weights of 0 are left out."""

    weights: tuple[tuple[Parameter, float], ...]
    constant: float


def linear_form(node: Node) -> Linear | None:
    """Return an expression as a weighted sum, None if it is none.

    Examples
    --------
    >>> from hierbayes.formula.syntax import Span
    >>> from hierbayes.summaries.questions.expressions import Number, Operation, Quantity
    >>> here, x = Span(0, 1), Parameter("x", "coefficient", index=(1,))
    >>> double = Operation("*", (Number(2.0, here), Quantity(x, here)), here)
    >>> linear_form(Operation("-", (double, Number(3.0, here)), here)).constant
    -3.0
    """
    found = _linear(node)
    if found is None:
        return None
    weights, constant = found
    if not math.isfinite(constant) or not all(map(math.isfinite, weights.values())):
        return None
    return Linear(tuple((own, weight) for own, weight in weights.items() if weight != 0), constant)


_Sum = tuple[dict[Parameter, float], float]


def _linear(node: Node) -> _Sum | None:
    match node:
        case Number(value=value):
            return {}, value
        case Quantity(parameter=parameter):
            return {parameter: 1.0}, 0.0
        case Operation(name=name, operands=operands):
            parts = [_linear(operand) for operand in operands]
            known = [part for part in parts if part is not None]
            return _combined(name, known) if len(known) == len(parts) else None


def _combined(name: str, parts: list[_Sum]) -> _Sum | None:
    if name in ("+", "-"):
        sign = 1.0 if name == "+" else -1.0
        if len(parts) == 1:
            return _times(parts[0], sign)
        return _plus(parts[0], _times(parts[1], sign))
    constants = [part[1] for part in parts if not part[0]]
    if len(constants) == len(parts):
        return _constant(name, constants)
    if len(constants) == 1 and name == "*":
        return _times(next(part for part in parts if part[0]), constants[0])
    if len(constants) == 1 and name == "/" and not parts[1][0]:
        with np.errstate(all="ignore"):
            return _times(parts[0], float(np.divide(1.0, constants[0])))
    return None


def _plus(left: _Sum, right: _Sum) -> _Sum:
    weights = dict(left[0])
    for parameter, weight in right[0].items():
        weights[parameter] = weights.get(parameter, 0.0) + weight
    return weights, left[1] + right[1]


def _times(part: _Sum, factor: float) -> _Sum:
    return {parameter: weight * factor for parameter, weight in part[0].items()}, part[1] * factor


def _constant(name: str, values: list[float]) -> _Sum:
    with np.errstate(all="ignore"):
        return {}, float(applied(name, [np.asarray(value) for value in values]))


def coefficient_weights(form: Linear, problem: Problem) -> Floats:
    """Return the weights of the internal (centred) coefficients that make the same sum.

    The coefficients as given are ``beta = back @ internal``, so that ``c' beta = (back' c)' internal``.
    """
    weights = np.zeros(problem.p)
    for parameter, weight in form.weights:
        weights[parameter.index[0]] += weight
    return np.asarray(problem.beta_back.T @ weights)
