"""Standard errors of variance components, from the curvature of the criterion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hierbayes.engines.base import Floats, Problem
from hierbayes.engines.collapsed.likelihood import Estimates, surface
from hierbayes.priors import LKJ


@dataclass(frozen=True)
class Components:
    """Standard deviations (not variances) and correlations, for the columns as given.

    Attributes
    ----------
    sds : tuple of array, shape (k,)
    corrs : tuple of array, shape (k, k)
    sigma : float
    log_sd_errors : tuple of array, shape (k,)
        Standard errors of the logarithms of the sds; NaN where the fit is singular.
    atanh_errors : tuple of array, shape (k, k)
        Standard errors of the inverse hyperbolic tangents of the correlations.
    log_sigma_error : float
    """

    sds: tuple[Floats, ...]
    corrs: tuple[Floats, ...]
    sigma: float
    log_sd_errors: tuple[Floats, ...]
    atanh_errors: tuple[Floats, ...]
    log_sigma_error: float


_STEP = 1e-3


def components(problem: Problem, found: Estimates) -> Components:
    """Return sds and correlations for the columns as given, with standard errors where the fit is regular."""
    raw = [_moved(b.back, sd, corr) for b, sd, corr in zip(problem.blocks, found.sds, found.corrs, strict=True)]
    sds, corrs = tuple(sd for sd, _ in raw), tuple(corr for _, corr in raw)
    sizes = [len(sd) for sd in sds]
    if found.singular or not all(np.all(np.isfinite(corr)) for corr in corrs):
        nothing = tuple(np.full(k, np.nan) for k in sizes), tuple(np.full((k, k), np.nan) for k in sizes)
        return Components(sds, corrs, found.sigma, *nothing, np.nan)
    # correlations that are fixed (at 0) are no parameters
    pairs = [
        k * (k - 1) // 2 if isinstance(b.corr_prior, LKJ) else 0 for b, k in zip(problem.blocks, sizes, strict=True)
    ]
    below = [np.arctanh(_below(corr)[:count]) for corr, count in zip(corrs, pairs, strict=True)]
    parts = [np.concatenate([np.log(sd), corr]) for sd, corr in zip(sds, below, strict=True)]
    start = np.concatenate([*parts, [np.log(found.sigma)]])

    value = surface(problem, found.reml)
    backs = [np.linalg.inv(block.back) for block in problem.blocks]

    def criterion(x: Floats) -> float:
        own_sds, own_corrs, place = [], [], 0
        for back, k, count in zip(backs, sizes, pairs, strict=True):
            sd = np.exp(x[place : place + k])
            corr = _matrix(np.tanh(x[place + k : place + k + count]), k)
            moved_sd, moved_corr = _moved(back, sd, corr)
            own_sds.append(moved_sd)
            own_corrs.append(moved_corr)
            place += k + count
        return value(own_sds, own_corrs, float(np.exp(x[-1])))

    errors = _errors(_hessian(criterion, start))
    log_sds, atanhs, place = [], [], 0
    for k, count in zip(sizes, pairs, strict=True):
        log_sds.append(errors[place : place + k])
        atanhs.append(_matrix(errors[place + k : place + k + count], k))
        place += k + count
    return Components(sds, corrs, found.sigma, tuple(log_sds), tuple(atanhs), float(errors[-1]))


def _moved(back: Floats, sd: Floats, corr: Floats) -> tuple[Floats, Floats]:
    if np.array_equal(back, np.eye(len(back))):
        return sd, corr
    covariance = back @ (sd[:, None] * np.where(np.isfinite(corr), corr, 0.0) * sd) @ back.T
    own = np.sqrt(np.maximum(np.diag(covariance), 0))
    with np.errstate(invalid="ignore", divide="ignore"):
        moved = covariance / np.outer(own, own)
    np.fill_diagonal(moved, 1.0)
    return own, moved


def _below(corr: Floats) -> Floats:
    return np.asarray(corr[np.tril_indices(len(corr), -1)])


def _matrix(below: Floats, k: int) -> Floats:
    matrix = np.eye(k)
    if len(below) == 0:
        return matrix
    rows, columns = np.tril_indices(k, -1)
    matrix[rows, columns] = matrix[columns, rows] = below
    return matrix


def _hessian(function: Callable[[Floats], float], x: Floats) -> Floats:
    """Return the Hessian by central second differences."""
    size = len(x)
    steps = _STEP * np.eye(size)
    middle = function(x)
    hessian = np.empty((size, size))
    for i in range(size):
        hessian[i, i] = (function(x + steps[i]) - 2 * middle + function(x - steps[i])) / _STEP**2
        for j in range(i):
            crossed = (
                function(x + steps[i] + steps[j]) - function(x + steps[i] - steps[j])
                - function(x - steps[i] + steps[j]) + function(x - steps[i] - steps[j])
            )  # fmt: skip
            hessian[i, j] = hessian[j, i] = crossed / (4 * _STEP**2)
    return hessian


def _errors(hessian: Floats) -> Floats:
    """Return standard errors from the Hessian of minus the log likelihood; NaN where it is not positive definite."""
    try:
        if np.linalg.eigvalsh(hessian).min() <= 0:
            return np.full(len(hessian), np.nan)
        return np.sqrt(np.diag(np.linalg.inv(hessian)))
    except np.linalg.LinAlgError:
        return np.full(len(hessian), np.nan)
