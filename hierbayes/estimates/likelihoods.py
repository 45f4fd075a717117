"""Maximum likelihood for families other than the gaussian: complete and no pooling by Fisher scoring.

Each step is a weighted least-squares fit, of the working response ``eta - offset + score / information`` with the
information as weights (iteratively reweighted least squares). A parameter of the family beside the location is held at
a given number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hierbayes.design.table import at_rows
from hierbayes.estimates.arrays import BoolArray, FloatArray, IntArray
from hierbayes.estimates.levels import NoPooling, no_pooling
from hierbayes.estimates.pooled import LeastSquares, least_squares
from hierbayes.families import Family

STEPS = 500
TOLERANCE = 1e-12


@dataclass(frozen=True)
class Responses:
    """Responses of one family.

    Attributes
    ----------
    family : Family
    y : array (n,)
        Number of successes for ``binomial``.
    parameters : mapping of str to float
        The family's parameters beside the location, held at these numbers.
    offset : array (n,)
    weights : array (n,)
        Multiply the log likelihood of the rows.
    trials : array (n,), or None
    """

    family: Family
    y: FloatArray
    parameters: Mapping[str, float]
    offset: FloatArray
    weights: FloatArray
    trials: FloatArray | None = None

    def at(self, rows: Any) -> Responses:
        """Return some of the rows."""
        trials = at_rows(self.trials, rows)
        return replace(self, y=self.y[rows], offset=self.offset[rows], weights=self.weights[rows], trials=trials)

    def held(self, eta: FloatArray) -> FloatArray:
        """Return linear predictors that do not run away."""
        return np.clip(eta, *self.family.far(self.parameters))

    def far(self, eta: FloatArray) -> BoolArray:
        """Say which rows have run away."""
        low, high = self.family.far(self.parameters)
        return (eta <= low) | (eta >= high)

    def working(self, eta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the working response, less the offset, and its weights."""
        known = self.family.information(eta, self.parameters, self.weights, self.trials)
        known = np.maximum(known, 1e-12)
        slope = self.family.score(self.y, eta, self.parameters, self.weights, self.trials)
        return np.asarray(eta - self.offset + slope / known), np.asarray(known)

    def log_likelihood(self, eta: FloatArray) -> float:
        """Return the log likelihood of all rows."""
        own = self.family.log_likelihood(self.y, eta, self.parameters, self.weights, self.trials)
        return float(np.sum(own))


def maximum_likelihood(responses: Responses, X: FloatArray) -> LeastSquares | None:
    """Return the fit of all rows as one group, None where the estimate lies at infinity (the data are separated).

    Parameters
    ----------
    responses : Responses
    X : array (n, p)
        Of full rank.

    Returns
    -------
    LeastSquares or None
        `beta`; its `covariance`, the inverse of the Fisher information; `sigma` 1, `df` infinite in effect (the number
        of rows less rank); `loglik`.

    Raises
    ------
    ModelError
        If the columns of X are linearly dependent.

    Examples
    --------
    >>> from hierbayes.families import family
    >>> y = np.array([0.0, 0.0, 0.0, 1.0])
    >>> own = Responses(family("bernoulli"), y, {}, np.zeros(4), np.ones(4))
    >>> round(float(maximum_likelihood(own, np.ones((4, 1))).beta[0]), 6)  # logit(1/4)
    -1.098612
    """

    def step(response: FloatArray, weights: FloatArray) -> tuple[LeastSquares, FloatArray]:
        found = least_squares(response, X, weights)
        return found, X @ found.beta

    found, eta = _climb(responses, step)
    if responses.far(eta).any():
        return None
    bread = np.linalg.inv(X.T @ (responses.working(eta)[1][:, None] * X))
    return replace(found, covariance=bread, sigma=1.0, loglik=responses.log_likelihood(eta))


def maximum_by_level(
    responses: Responses, X: FloatArray, Z: FloatArray, codes: IntArray, n_levels: int, gamma_complete: FloatArray
) -> NoPooling:
    """Return the fit of each level by itself; the arguments are those of `no_pooling`.

    Returns
    -------
    NoPooling
        As by least squares. A level whose estimate lies at infinity, such as one of successes alone, counts as too
        small; it takes no part. `sigma` is 1: standard errors are from the Fisher information. They are NaN where no
        degree of freedom is left.

    Examples
    --------
    >>> from hierbayes.families import family
    >>> y, codes = np.array([0.0, 1.0, 1.0, 1.0, 1.0]), np.array([0, 0, 0, 1, 1])
    >>> own = Responses(family("bernoulli"), y, {}, np.zeros(5), np.ones(5))
    >>> fit = maximum_by_level(own, np.zeros((5, 0)), np.ones((5, 1)), codes, 2, np.zeros(0))
    >>> fit.coef[:, 0].round(6).tolist(), fit.too_small.tolist()  # logit(2/3)
    ([0.693147, nan], [False, True])
    """
    counts = np.bincount(codes, minlength=n_levels).astype(np.int64)
    kept = ~_extreme(responses, Z, codes, n_levels)[codes]
    while kept.any():
        own, part, Zs, levels = responses.at(kept), X[kept], Z[kept], codes[kept]

        def step(response: FloatArray, weights: FloatArray) -> tuple[NoPooling, FloatArray]:
            found = no_pooling(response, part, Zs, levels, n_levels, weights, gamma_complete)  # noqa: B023
            # rows of levels too small for their own fit take no part
            coef = np.nan_to_num(found.coef[levels])  # noqa: B023
            return found, part @ found.gamma + np.einsum("ik,ik->i", Zs, coef)  # noqa: B023

        found, eta = _climb(own, step)
        away = np.unique(levels[own.far(eta) & ~found.too_small[levels]])
        if not len(away):
            return replace(found, se=found.se / found.sigma, sigma=1.0, counts=counts)
        kept &= ~np.isin(codes, away)
    return _none(counts, Z.shape[1], gamma_complete)


def _climb[Fit](
    responses: Responses, step: Callable[[FloatArray, FloatArray], tuple[Fit, FloatArray]]
) -> tuple[Fit, FloatArray]:
    """Take steps of weighted least squares until the log likelihood is at rest; half of one that leads down."""
    eta = responses.held(responses.family.start(responses.y, responses.parameters, responses.trials))
    value = -np.inf
    for _ in range(STEPS):
        found, fixed = step(*responses.working(eta))
        proposed = responses.held(fixed + responses.offset)
        reached = responses.log_likelihood(proposed)
        for _ in range(20):
            if reached >= value - 1e-9 * abs(value) or not np.isfinite(value):
                break
            proposed = 0.5 * (proposed + eta)
            reached = responses.log_likelihood(proposed)
        eta, gained, value = proposed, reached - value, reached
        if abs(gained) <= TOLERANCE * (1 + abs(value)):
            break
    found, fixed = step(*responses.working(eta))
    return found, responses.held(fixed + responses.offset)


def _extreme(responses: Responses, Z: FloatArray, codes: IntArray, n_levels: int) -> BoolArray:
    """Return the levels that lie on one bound (successes, failures, zeros), where their columns hold the constant."""
    ones = np.ones(len(Z))
    constant = np.allclose(Z @ np.linalg.lstsq(Z, ones, rcond=None)[0], ones)
    low, high = responses.family.range(responses.trials)
    extreme = np.zeros(n_levels, dtype=bool)
    if constant and low is not None:
        extreme |= np.bincount(codes, weights=responses.y - low, minlength=n_levels) == 0
    if constant and high is not None:
        extreme |= np.bincount(codes, weights=high - responses.y, minlength=n_levels) == 0
    return extreme


def _none(counts: IntArray, k: int, gamma: FloatArray) -> NoPooling:
    nothing = np.full((len(counts), k), np.nan)
    free = np.zeros((len(gamma), len(gamma)))
    return NoPooling(nothing, nothing.copy(), counts, np.ones(len(counts), dtype=bool), np.nan, 0, gamma, free)
