"""Expressions that are weighted sums of parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hierbayes.engines.base import Problem
from hierbayes.expressions.linear import linear_sum
from hierbayes.expressions.syntax import Expression
from hierbayes.summaries.numbers import Floats
from hierbayes.summaries.questions.expressions import Quantity
from hierbayes.summaries.questions.parameters import Parameter


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
