"""Expressions that are weighted sums of names."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hierbayes.expressions.evaluate import applied, fold
from hierbayes.expressions.syntax import Binary, Expression, Name, Number, Unary

Sum = tuple[dict[Name, float], float]
"""The weights of names, and a constant."""


def linear_sum(expression: Expression) -> Sum | None:
    """Return an expression as a weighted sum, None if it is none; a name that cancels has the weight 0.

    Examples
    --------
    >>> x, y = Name("x"), Name("y")
    >>> weights, constant = linear_sum(Binary("-", Binary("*", Number(2.0), x), Binary("-", y, Number(3.0))))
    >>> {name.name: weight for name, weight in weights.items()}, constant
    ({'x': 2.0, 'y': -1.0}, 3.0)
    >>> linear_sum(Binary("*", x, y)) is None
    True
    """
    found = fold(expression, _leaf, _combined)
    if found is None or not all(map(math.isfinite, (found[1], *found[0].values()))):
        return None
    return found


def _leaf(node: Expression) -> Sum | None:
    match node:
        case Number(value=value):
            return {}, value
        case Name():
            return {node: 1.0}, 0.0
    return None


def _combined(node: Expression, operands: Sequence[Sum | None]) -> Sum | None:
    import numpy as np

    parts = [part for part in operands if part is not None]
    if len(parts) < len(operands):
        return None
    constants = [np.float64(constant) for weights, constant in parts if not weights]
    with np.errstate(all="ignore"):
        match node:
            case Unary(operator="+" | "-" as sign):
                return _times(parts[0], -1.0 if sign == "-" else 1.0)
            case Binary(operator="+" | "-" as sign):
                return _plus(parts[0], _times(parts[1], -1.0 if sign == "-" else 1.0))
            case _ if len(constants) == len(parts):
                return {}, float(applied(node, constants, np))
            case Binary(operator="*") if constants:
                return _times(next(part for part in parts if part[0]), float(constants[0]))
            case Binary(operator="/") if not parts[1][0]:
                return _times(parts[0], float(1.0 / constants[0]))
    return None


def _plus(left: Sum, right: Sum) -> Sum:
    weights = dict(left[0])
    for name, weight in right[0].items():
        weights[name] = weights.get(name, 0.0) + weight
    return weights, left[1] + right[1]


def _times(part: Sum, factor: float) -> Sum:
    return {name: weight * factor for name, weight in part[0].items()}, part[1] * factor
