"""The joint log density of a problem, written out with numpy: for teaching and for checks."""

# mypy: allow-untyped-calls
from __future__ import annotations

import math

import numpy as np

from hierbayes.engines.base import Block, Floats, Problem
from hierbayes.families.likelihoods import log_likelihood
from hierbayes.priors import LKJ

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
    total = float(problem.sigma_prior.log_density(sigma))
    total += sum(prior.log_density(value) for prior, value in zip(problem.aux_priors, aux, strict=True))
    total += sum(prior.log_density(value) for prior, value in zip(problem.beta_priors, beta, strict=True))
    mean = problem.offset + problem.X @ beta
    for block, sd, corr, effects in zip(problem.blocks, sds, corrs, b, strict=True):
        total += sum(prior.log_density(value) for prior, value in zip(block.sd_priors, sd, strict=True))
        total += float(correlation_log_density(block, corr)) + _effects(sd, corr, effects)
        mean = mean + np.einsum("ik,ik->i", block.Z, effects[block.codes])
    return float(total + np.sum(row_log_likelihood(problem, mean, sigma, aux)))


def row_log_likelihood(problem: Problem, predictor: Floats, sigma: float, aux: tuple[float, ...]) -> Floats:
    """Return the log likelihood of each row, its weight in it, at a linear predictor."""
    own = {**({"sigma": sigma} if problem.has_sigma else {}), **dict(zip(problem.aux, aux, strict=True))}
    found = log_likelihood(problem.likelihood, problem.y, predictor, own, problem.weights, problem.trials)
    return np.asarray(found, dtype=np.float64)


def correlation_log_density(block: Block, corr: Floats) -> Floats:
    """Return the log LKJ density of correlation matrices, shape (..., k, k); 0 where there is none or it is fixed."""
    prior = block.corr_prior
    return np.asarray(prior.log_density(corr) if isinstance(prior, LKJ) else np.zeros(corr.shape[:-2]))


def _effects(sd: Floats, corr: Floats, effects: Floats) -> float:
    L = sd[:, None] * np.linalg.cholesky(corr)
    v = np.linalg.solve(L, effects.T)
    log_det = float(np.sum(np.log(np.diag(L))))
    return float(-0.5 * np.sum(v**2) - effects.shape[0] * (0.5 * len(sd) * _LOG_2PI + log_det))
