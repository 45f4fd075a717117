"""The joint log density of a problem, written out with numpy: for teaching and for checks."""

# mypy: allow-untyped-calls
from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from hierbayes.engines.base import Block, Floats, Problem
from hierbayes.priors import LKJ

_LOG_2PI = math.log(2 * math.pi)


def joint_log_density(
    problem: Problem,
    sds: tuple[Floats, ...],
    corrs: tuple[Floats, ...],
    parameters: Mapping[str, float],
    beta: Floats,
    b: tuple[Floats, ...],
) -> float:
    """Return ``log p(y, sd, corr, parameters, beta, b)`` in internal coordinates.

    Parameters
    ----------
    sds : tuple of array, shape (k,)
        Standard deviations (not variances) of each block.
    corrs : tuple of array, shape (k, k)
    parameters : mapping of str to float
        Those of the family beside its location.
    beta : array, shape (p,)
    b : tuple of array, shape (levels, k)
    """
    total = sum(own.prior.log_density(parameters[own.name]) for own in problem.parameters)
    total += sum(prior.log_density(value) for prior, value in zip(problem.beta_priors, beta, strict=True))
    mean = problem.offset + problem.X @ beta
    for block, sd, corr, effects in zip(problem.blocks, sds, corrs, b, strict=True):
        total += sum(prior.log_density(value) for prior, value in zip(block.sd_priors, sd, strict=True))
        total += float(correlation_log_density(block, corr)) + _effects(sd, corr, effects)
        mean = mean + np.einsum("ik,ik->i", block.Z, effects[block.codes])
    return float(total + np.sum(row_log_likelihood(problem, mean, parameters)))


def row_log_likelihood(problem: Problem, predictor: Floats, parameters: Mapping[str, float]) -> Floats:
    """Return the log likelihood of each row, its weight in it, at a linear predictor."""
    found = problem.likelihood.log_likelihood(problem.y, predictor, parameters, problem.weights, problem.trials)
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
