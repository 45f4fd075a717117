"""The Savage-Dickey ratio of a point hypothesis: posterior density over prior density at the point."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hierbayes.comparison.laws import Law, prior_law
from hierbayes.design.scaling import ResolvedPriors
from hierbayes.engines.base import Floats, Problem
from hierbayes.errors import ModelError
from hierbayes.priors import NoLawError
from hierbayes.summaries.questions.expressions import Linear, coefficient_weights
from hierbayes.summaries.questions.parameters import Parameters
from hierbayes.tables.numbers import mean_error

if TYPE_CHECKING:
    from hierbayes.engines.assemble import Labels

FEWEST_NEAR = 20
"""Draws that a kernel must reach for the density to be told."""

WORST_TAIL = 0.7
"""Pareto k beyond which the mean of the ratios may have no finite error (Vehtari et al. 2024, JMLR 25)."""


@dataclass(frozen=True)
class Asked:
    """What the draws are of.

    Attributes
    ----------
    parameters : Parameters
    labels : Labels
    priors : ResolvedPriors
    problem : Problem or None
        In internal (centred) coordinates; None where ratios of evidence cannot be had, and `why` says why.
    why : str
    progress : bool or None
    """

    parameters: Parameters
    labels: Labels
    priors: ResolvedPriors
    problem: Problem | None
    why: str = ""
    progress: bool | None = None

    @property
    def known(self) -> Problem:
        """The problem.

        Raises
        ------
        NoLawError
            If there is none.
        """
        if self.problem is None:
            raise NoLawError(self.why)
        return self.problem


@dataclass(frozen=True)
class Ratio:
    """A ratio with its Monte Carlo error; NaN where it does not apply, and `note` says why or how it was found."""

    value: float
    error: float
    note: str


def savage_dickey(asked: Asked, form: Linear | None) -> Ratio:
    """Return the ratio in favour of ``form = 0``.

    Parameters
    ----------
    asked : Asked
    form : Linear or None
        Left side less right side; None if it is no weighted sum of parameters.
    """
    if form is None:
        return _refused("it is no weighted sum of parameters, so its prior density has no closed form")
    if not form.weights:
        return _refused("the parameters cancel")
    try:
        _check_point(form)
        law = prior_law(form, asked.known, asked.priors, asked.labels.factors)
    except NoLawError as reason:
        return _refused(str(reason))
    if form.weights[0][0].kind == "coefficient":
        return _of_coefficients(asked, form, law)
    return _of_component(asked, form, law)


def _refused(why: str) -> Ratio:
    return Ratio(math.nan, math.nan, f"no Savage-Dickey ratio: {why}")


def _check_point(form: Linear) -> None:
    """Refuse points on or beyond the edge of what an sd or correlation can be."""
    if len(form.weights) != 1:
        return
    ((parameter, weight),) = form.weights
    point = -form.constant / weight
    if parameter.kind in ("sd", "sigma", "family") and point == 0:
        raise NoLawError(
            f"0 is the boundary of what {parameter.name} can be, where a density says nothing of the term's absence: "
            "compare the models with and without the term by hb.bayes_factor"
        )
    if parameter.kind in ("sd", "sigma", "family") and point < 0:
        raise NoLawError(f"{parameter.name} is never negative")
    if parameter.kind == "corr" and not -1 < point < 1:
        raise NoLawError(f"{parameter.name} lies between -1 and 1")


def _of_coefficients(asked: Asked, form: Linear, law: Law) -> Ratio:
    """Average the exact ratios over theta; where beta does not integrate out, estimate the density from its draws."""
    from hierbayes.comparison.restricted import log_ratios
    from hierbayes.engines.collapsed.engine import refusal

    if refusal(asked.known) is None:
        weights = coefficient_weights(form, asked.known)
        posterior = asked.parameters.posterior
        try:
            logs = log_ratios(asked.known, asked.labels, posterior, weights, -form.constant, asked.progress)
        except ModelError:  # the border is too large to be integrated out
            logs = None
        if logs is not None:
            return averaged(logs)
    drawn = sum(weight * asked.parameters.draws(parameter) for parameter, weight in form.weights)
    return _by_kernel(np.asarray(drawn), -form.constant, law.density(-form.constant))


def averaged(logs: Floats) -> Ratio:
    """Return the mean of ratios that are given by their logarithms (chain, draw), with its Monte Carlo error."""
    from arviz_stats.base import array_stats

    ratios = np.exp(logs)
    note = "Savage-Dickey ratio averaged exactly over the draws of sds, correlations and sigma"
    if logs.size >= 100 and np.ptp(logs) > 0:
        tail = float(array_stats.psislw(logs.reshape(-1))[1])
        if tail > WORST_TAIL:
            note += (
                f"; a few draws decide it (Pareto k {tail:.2f}), so its error may be understated: compare the models "
                "by hb.bayes_factor"
            )
    return Ratio(float(ratios.mean()), mean_error(ratios), note)


def _of_component(asked: Asked, form: Linear, law: Law) -> Ratio:
    """Return the ratio of one sd, on the scale of its logarithm, or of one correlation, on that of atanh."""
    ((parameter, weight),) = form.weights
    point = -form.constant / weight
    draws = asked.parameters.draws(parameter)
    prior = law.density(-form.constant) * abs(weight)
    if prior == 0:
        return _refused("the prior gives this point no density")
    if parameter.kind == "corr":
        return _by_kernel(np.arctanh(draws), math.atanh(point), prior * (1 - point**2))
    return _by_kernel(np.log(draws), math.log(point), prior * point)


def _by_kernel(draws: Floats, point: float, prior: float) -> Ratio:
    """Return kernel density over prior density, with the Monte Carlo error of the former."""
    if np.ptp(draws) == 0:
        return _refused("the draws do not vary")
    values = kernel_values(draws, point)
    near = int(np.sum(values > 0))
    if near < FEWEST_NEAR or values.mean() <= 0:
        return _refused(
            f"only {near} of {values.size} draws lie near the point, too few to tell the density there; the evidence "
            "against it is strong"
        )
    note = "Savage-Dickey ratio by a kernel density of the draws"
    return Ratio(float(values.mean()) / prior, mean_error(values) / prior, note)


def kernel_values(draws: Floats, point: float) -> Floats:
    """Return values whose mean is the density of the draws at a point, one a draw.

    The kernel is normal of fourth order, ``(3 - u^2) / 2`` times the normal density, whose bias is of the order of the
    fourth power of the bandwidth; that is two thirds of the best for a normal density, ``1.08 sd n^(-1/9)``, so that
    the error is all but Monte Carlo error. Source: Wand and Jones (1995), Kernel Smoothing, section 2.8.
    """
    spread = min(float(draws.std(ddof=1)), float(np.subtract(*np.quantile(draws, [0.75, 0.25]))) / 1.349)
    width = 0.72 * spread * draws.size ** (-1 / 9)
    u = (point - draws) / width
    return np.asarray((3 - u**2) / 2 * np.exp(-0.5 * u**2) / (math.sqrt(2 * math.pi) * width))
