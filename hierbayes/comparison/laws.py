"""The prior distributions of single parameters and of weighted sums, where these are known in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from hierbayes.design.scaling import BlockPriors, ResolvedPriors
from hierbayes.engines.base import Floats, Problem
from hierbayes.errors import ModelError
from hierbayes.priors import (
    LKJ,
    Exponential,
    Fixed,
    Flat,
    Gamma,
    HalfCauchy,
    HalfNormal,
    HalfStudentT,
    InverseGamma,
    LogNormal,
    Normal,
    Prior,
    Uniform,
)
from hierbayes.summaries.questions.expressions import Linear, coefficient_weights
from hierbayes.summaries.questions.parameters import Parameter


@dataclass(frozen=True)
class Law:
    """The prior distribution of a number.

    Attributes
    ----------
    density, below : callable
        Density and distribution function.
    """

    density: Callable[[float], float]
    below: Callable[[float], float]


class NoLawError(Exception):
    """A prior that is not known in closed form; the message says why."""


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
    own = _component_law(parameter, problem, priors, factors)
    if weight > 0:
        return Law(lambda x: own.density(x / weight) / weight, lambda x: own.below(x / weight))
    return Law(lambda x: own.density(x / weight) / -weight, lambda x: 1 - own.below(x / weight))


def _normal_law(form: Linear, problem: Problem) -> Law:
    mean = variance = spread = 0.0
    for weight, prior in zip(coefficient_weights(form, problem), problem.beta_priors, strict=True):
        if weight == 0:
            continue
        if not isinstance(prior, Normal):
            raise NoLawError(why_no_density(prior))
        mean += weight * prior.mu
        own = abs(float(weight)) * prior.sigma
        variance, spread = variance + own * own, math.hypot(spread, own)
    # a variance may be beyond the largest double where the sd is not
    law = stats.norm(mean, math.sqrt(variance) if math.isfinite(variance) else spread)
    return Law(lambda x: float(law.pdf(x)), lambda x: float(law.cdf(x)))


def why_no_density(prior: Prior) -> str:
    """Return why a prior has no density or draws here."""
    if isinstance(prior, Flat):
        return "its prior is flat, which has no density to compare with: give the parameter a proper prior"
    return f"the density of its prior, {prior}, is known to the PyMC model only"


def _component_law(parameter: Parameter, problem: Problem, priors: ResolvedPriors, factors: tuple[str, ...]) -> Law:
    if parameter.kind == "sigma":
        return positive_law(priors.sigma)
    if parameter.kind == "family":
        return positive_law(problem.aux_priors[parameter.index[0]])
    block, j, back = _place(parameter, problem, priors, factors)
    if parameter.kind == "sd":
        if _moved(back, j):
            raise NoLawError(
                f"its prior speaks of {_where(block, 'of the sd')} has no closed form: set the priors of this "
                "factor's sds, which are then read for the columns as given"
            )
        return positive_law(block.sd[j])
    i = j - (parameter.index[1] - parameter.index[0])
    if _moved(back, i) or _moved(back, j):
        raise NoLawError(
            f"the prior of the correlations speaks of {_where(block, '')} has no closed form: "
            f"set the prior corr_{parameter.factor}, which is then read for the columns as given"
        )
    return correlation_law(block)


def _moved(back: Floats, term: int) -> bool:
    """Whether a term as given is not the internal one in its place, as an intercept beside centred predictors."""
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


def positive_law(prior: Prior) -> Law:
    """Return the law of an sd (not a variance), of sigma or of another positive parameter.

    Raises
    ------
    NoLawError
        If the prior has no density that is known here.
    """
    match prior:
        case HalfStudentT(nu=nu, sigma=sigma):
            folded = stats.t(nu, scale=sigma)
            return Law(
                lambda x: float(2 * folded.pdf(x)) if x >= 0 else 0.0,
                lambda x: float(2 * folded.cdf(x) - 1) if x >= 0 else 0.0,
            )
        case HalfNormal(sigma=sigma):
            law = stats.halfnorm(scale=sigma)
        case HalfCauchy(beta=beta):
            law = stats.halfcauchy(scale=beta)
        case Exponential(lam=lam):
            law = stats.expon(scale=1 / lam)
        case Gamma(alpha=alpha, beta=beta):
            law = stats.gamma(alpha, scale=1 / beta)
        case InverseGamma(alpha=alpha, beta=beta):
            law = stats.invgamma(alpha, scale=beta)
        case LogNormal(mu=mu, sigma=sigma):
            law = stats.lognorm(sigma, scale=math.exp(mu))
        case Uniform(lower=lower, upper=upper):
            law = stats.uniform(lower, upper - lower)
        case Fixed(value=value):
            raise NoLawError(f"it is fixed at {value}")
        case _:
            raise NoLawError(why_no_density(prior))
    return Law(lambda x: float(law.pdf(x)), lambda x: float(law.cdf(x)))


def correlation_law(block: BlockPriors) -> Law:
    """Return the law of one correlation of a k by k matrix under LKJ(eta): Beta(a, a) on (-1, 1), a = eta + k/2 - 1.

    Source: Lewandowski, Kurowicka and Joe (2009), Journal of Multivariate Analysis 100, section 3.
    """
    if not isinstance(block.corr, LKJ):
        if isinstance(block.corr, Fixed):
            raise NoLawError("it is fixed")
        raise NoLawError(why_no_density(block.corr or Flat()))
    a = block.corr.eta + len(block.sd) / 2 - 1
    law = stats.beta(a, a, loc=-1, scale=2)
    return Law(lambda x: float(law.pdf(x)), lambda x: float(law.cdf(x)))
