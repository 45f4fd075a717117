"""The joint log density of a problem, written out with numpy: for teaching and for checks."""

# mypy: allow-untyped-calls
from __future__ import annotations

import math

import numpy as np

from hierbayes.engines.base import Block, Floats, Problem
from hierbayes.errors import ModelError
from hierbayes.priors import LKJ, Fixed, Flat, Normal, Prior

_LOG_2PI = math.log(2 * math.pi)


def joint_log_density(
    problem: Problem,
    sds: tuple[Floats, ...],
    corrs: tuple[Floats, ...],
    sigma: float,
    beta: Floats,
    b: tuple[Floats, ...],
    aux: tuple[float, ...] = (),
) -> float:
    """Return ``log p(y, sd, corr, sigma, beta, b)``, with the family's other parameters, in internal coordinates.

    Parameters
    ----------
    sds : tuple of array, shape (k,)
        Standard deviations (not variances) of each block.
    corrs : tuple of array, shape (k, k)
    sigma : float
        Residual standard deviation; plays no part for a family that has none.
    beta : array, shape (p,)
    b : tuple of array, shape (levels, k)
    aux : tuple of float
        The family's other parameters, in the order of `Problem.aux`.
    """
    total = scalar_log_prior(problem.sigma_prior, sigma)
    total += sum(scalar_log_prior(prior, value) for prior, value in zip(problem.aux_priors, aux, strict=True))
    for prior, value in zip(problem.beta_priors, beta, strict=True):
        total += coefficient_log_prior(prior, float(value))
    mean = problem.offset + problem.X @ beta
    for block, sd, corr, effects in zip(problem.blocks, sds, corrs, b, strict=True):
        total += sum(scalar_log_prior(p, float(s)) for p, s in zip(block.sd_priors, sd, strict=True))
        total += correlation_log_prior(block, corr) + _effects(sd, corr, effects)
        mean = mean + np.einsum("ik,ik->i", block.Z, effects[block.codes])
    return float(total + np.sum(row_log_likelihood(problem, mean, sigma, aux)))


def row_log_likelihood(problem: Problem, predictor: Floats, sigma: float, aux: tuple[float, ...]) -> Floats:
    """Return the log likelihood of each row, its weight in it, at a linear predictor."""
    own = {**({"sigma": sigma} if problem.has_sigma else {}), **dict(zip(problem.aux, aux, strict=True))}
    found = problem.likelihood.log_likelihood(problem.y, predictor, own, problem.weights, problem.trials)
    return np.asarray(found, dtype=np.float64)


def coefficient_log_prior(prior: Prior, value: float) -> float:
    """Return the log prior density of a coefficient; 0 where it is flat."""
    if isinstance(prior, Flat):
        return 0.0
    if isinstance(prior, Normal):
        return -0.5 * _LOG_2PI - math.log(prior.sigma) - 0.5 * ((value - prior.mu) / prior.sigma) ** 2
    raise ModelError(f"the density of the prior {prior} is known to the PyMC model only")


def scalar_log_prior(prior: Prior, value: float) -> float:
    """Return the log prior density of an sd or sigma; 0 where it is flat or fixed."""
    from hierbayes.engines.scalars import encode, log_prior

    if isinstance(prior, Fixed):
        return 0.0
    kind, first, second = encode(prior)
    return float(log_prior(kind, first, second, value)[0])


def correlation_log_prior(block: Block, corr: Floats) -> float:
    """Return the log LKJ density of a correlation matrix; 0 where there is none or it is fixed."""
    prior, k = block.corr_prior, block.Z.shape[1]
    if not isinstance(prior, LKJ):
        return 0.0
    eta = prior.eta
    norm = sum(
        math.lgamma(eta + 0.5 * (k - 1)) - 0.5 * i * math.log(math.pi) - math.lgamma(eta + 0.5 * (k - 1 - i))
        for i in range(1, k)
    )
    return norm + (eta - 1) * float(np.linalg.slogdet(corr)[1])


def _effects(sd: Floats, corr: Floats, effects: Floats) -> float:
    L = sd[:, None] * np.linalg.cholesky(corr)
    v = np.linalg.solve(L, effects.T)
    log_det = float(np.sum(np.log(np.diag(L))))
    return float(-0.5 * np.sum(v**2) - effects.shape[0] * (0.5 * len(sd) * _LOG_2PI + log_det))
