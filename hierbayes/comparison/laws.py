"""The prior distributions of single parameters and of weighted sums, where these are known in closed form."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from hierbayes.design.scaling import BlockPriors, ResolvedPriors
from hierbayes.engines.base import Floats, Problem
from hierbayes.errors import ModelError
from hierbayes.priors import NoLawError, Normal
from hierbayes.summaries.questions.expressions import Linear, coefficient_weights
from hierbayes.summaries.questions.parameters import Parameter


@dataclass(frozen=True)
class Law:
    """The prior distribution of a number times a weight; `of` is that of the number, as SciPy has it."""

    of: Any
    weight: float = 1.0

    def density(self, x: float) -> float:
        """Return the density."""
        return float(self.of.pdf(x / self.weight)) / abs(self.weight)

    def below(self, x: float) -> float:
        """Return the distribution function."""
        below = float(self.of.cdf(x / self.weight))
        return below if self.weight > 0 else 1 - below


def prior_law(form: Linear, problem: Problem, priors: ResolvedPriors, factors: tuple[str, ...]) -> Law:
    """Return the prior of a weighted sum, its constant left out.

    Parameters
    ----------
    form : Linear
    problem : Problem
    priors : ResolvedPriors
    factors : tuple of str
        The grouping factor of each block.

    Raises
    ------
    NoLawError
        If it is not known in closed form; says why.
    """
    kinds = {parameter.kind for parameter, _ in form.weights}
    if kinds <= {"coefficient"} and kinds:
        return _normal_law(form, problem)
    if kinds & {"effect", "total"}:
        raise NoLawError("the prior of a level's effect depends on the sd, so its density has no closed form")
    if len(form.weights) != 1:
        raise NoLawError("the prior of a combination of sds, correlations or coefficients has no closed form")
    ((parameter, weight),) = form.weights
    return Law(_component_law(parameter, problem, priors, factors), float(weight))


def _normal_law(form: Linear, problem: Problem) -> Law:
    mean = variance = spread = 0.0
    for weight, prior in zip(coefficient_weights(form, problem), problem.beta_priors, strict=True):
        if weight == 0:
            continue
        if not isinstance(prior, Normal):
            raise NoLawError(prior.why_no_law)
        mean += weight * prior.mu
        own = abs(float(weight)) * prior.sigma
        variance, spread = variance + own * own, math.hypot(spread, own)
    # a variance may be beyond the largest double where the sd is not
    return Law(Normal(mean, math.sqrt(variance) if math.isfinite(variance) else spread).law())


def _component_law(parameter: Parameter, problem: Problem, priors: ResolvedPriors, factors: tuple[str, ...]) -> Any:
    """Return the law of one parameter, as SciPy has it."""
    if parameter.kind in ("sigma", "family"):
        return problem.prior_of(parameter.name).law()
    block, j, back = _place(parameter, problem, priors, factors)
    if parameter.kind == "sd":
        if _moved(back, j):
            raise NoLawError(
                f"its prior speaks of {_where(block, 'of the sd')} has no closed form: set the priors of this "
                "factor's sds, which are then read for the columns as given"
            )
        return block.sd[j].law()
    i = j - (parameter.index[1] - parameter.index[0])
    if _moved(back, i) or _moved(back, j):
        raise NoLawError(
            f"the prior of the correlations speaks of {_where(block, '')} has no closed form: "
            f"set the prior corr_{parameter.factor}, which is then read for the columns as given"
        )
    assert block.corr is not None
    return block.corr.law(len(block.sd))


def _moved(back: Floats, term: int) -> bool:
    """Whether a term as given is not the internal one in its place, as an intercept beside centred columns."""
    return not np.array_equal(back[term], np.eye(len(back))[term])


def _where(block: BlockPriors, what: str) -> str:
    """Say of what a prior speaks, and that it is another one that was asked for."""
    if block.columns:
        return " ".join(f"columns that do not depend on the coding of factors, so that {what} as coded".split())
    return " ".join(f"the mean of the predictors, so that {what} at zero".split())


def _place(
    parameter: Parameter, problem: Problem, priors: ResolvedPriors, factors: tuple[str, ...]
) -> tuple[BlockPriors, int, Floats]:
    """Return the block of an sd or correlation, the place of its last term there, and how to return from centring."""
    j = parameter.index[-1]
    for factor, block, own in zip(factors, priors.blocks, problem.blocks, strict=True):
        if factor != parameter.factor:
            continue
        if j < len(block.sd):
            return block, j, own.back
        j -= len(block.sd)
    raise ModelError(f"there is no prior of {parameter.name}")
