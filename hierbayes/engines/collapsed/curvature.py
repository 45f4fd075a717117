"""Standard errors of variance components, from the curvature of the criterion.

The curvature is taken where numbers are of one size: in K of ``L (I + K)``, L the factor of the estimate in orthonormal
columns, and log sigma, by differences of analytic gradients. From there the errors go to the columns as given by the
delta method, however far from 0 these lie.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hierbayes.engines.base import Floats, Problem
from hierbayes.engines.collapsed.columns import orthonormal
from hierbayes.engines.collapsed.criterion import Criterion, Piece
from hierbayes.engines.collapsed.estimates import Estimates
from hierbayes.engines.collapsed.likelihood import described, plain


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
    atanhs : tuple of array, shape (k, k)
        Inverse hyperbolic tangents of the correlations, exact where a correlation rounds to 1.
    atanh_errors : tuple of array, shape (k, k)
        Their standard errors.
    log_sigma_error : float
        0 where sigma is known.
    """

    sds: tuple[Floats, ...]
    corrs: tuple[Floats, ...]
    sigma: float
    log_sd_errors: tuple[Floats, ...]
    atanhs: tuple[Floats, ...]
    atanh_errors: tuple[Floats, ...]
    log_sigma_error: float


_STEP = 1e-4


def components(problem: Problem, found: Estimates) -> Components:
    """Return sds and correlations for the columns as given, with standard errors where the fit is regular."""
    rows = [block.back @ factor for block, factor in zip(problem.blocks, found.factors, strict=True)]
    pairs = [described(each) for each in rows]
    if found.singular:
        nothing = [np.full(sd.shape, np.nan) for sd, _ in pairs], [np.full(corr.shape, np.nan) for _, corr in pairs]
        log_sds, atanh_errors, log_sigma = *nothing, np.nan
    else:
        log_sds, atanh_errors, log_sigma = _errors(problem, found)
    return Components(
        sds=tuple(sd for sd, _ in pairs),
        corrs=tuple(corr for _, corr in pairs),
        sigma=found.sigma,
        log_sd_errors=tuple(log_sds),
        atanhs=tuple(_atanh(each) for each in rows),
        atanh_errors=tuple(atanh_errors),
        log_sigma_error=0.0 if found.sigma_known else log_sigma,
    )


def _errors(problem: Problem, found: Estimates) -> tuple[list[Floats], list[Floats], float]:
    """Return the standard errors of log sds, inverse hyperbolic tangents of correlations, and log sigma."""
    moved = orthonormal(plain(problem))
    profile = Criterion(moved.problem, "reml" if found.reml else "ml")
    roots = [turn @ factor for turn, factor in zip(moved.turns, found.factors, strict=True)]
    lower = [np.linalg.qr(root.T, mode="r").T for root in roots]
    covariance = _covariance(profile, lower, found)
    log_sds, atanhs = [], []
    for number, (block, turn, L) in enumerate(zip(problem.blocks, moved.turns, lower, strict=True)):
        own = [(t, i, j) for t, (p, i, j) in enumerate(_entries(profile)) if p.block == number]
        units = block.back @ np.linalg.solve(turn, L)
        units /= np.maximum(np.linalg.norm(units, axis=1), 1e-300)[:, None]
        part = covariance[np.ix_([t for t, _, _ in own], [t for t, _, _ in own])]
        log_sds.append(_roots(_by_log_sd(units, own), part))
        atanhs.append(_roots(_by_atanh(units, own), part))
    return log_sds, atanhs, float(np.sqrt(covariance[-1, -1]))


def _entries(profile: Criterion) -> list[tuple[Piece, int, int]]:
    """Return the entries of K that are free: the piece, and row and column in its block."""
    found = []
    for piece in profile.pieces:
        found += [(piece, piece.column + i, piece.column + j) for i in range(piece.k) for j in range(i + 1)]
    return found


def _covariance(profile: Criterion, lower: list[Floats], found: Estimates) -> Floats:
    """Return the inverse of the observed information on K and log sigma; NaN where it has none."""
    size = len(_entries(profile)) + (0 if found.sigma_known else 1)
    steps = _STEP * np.eye(size)
    differences = [
        _gradient(profile, lower, found.sigma, s) - _gradient(profile, lower, found.sigma, -s) for s in steps
    ]
    information = -np.array(differences).reshape(size, size) / (2 * _STEP)
    information = 0.5 * (information + information.T)
    if size == 0 or not np.all(np.isfinite(information)) or np.linalg.eigvalsh(information)[0] <= 0:
        return np.full((max(size, 1), max(size, 1)), np.nan)
    return np.asarray(np.linalg.inv(information))


def _gradient(profile: Criterion, lower: list[Floats], sigma: float, x: Floats) -> Floats:
    """Return the gradient of the log likelihood in the free entries of K, and in log sigma where x has it."""
    entries = _entries(profile)
    inner = [np.eye(len(L)) for L in lower]
    for value, (piece, i, j) in zip(x, entries, strict=False):
        inner[piece.block][i, j] += value
    sigma = sigma * float(np.exp(x[-1])) if len(x) > len(entries) else sigma
    lam, moments, slopes = profile.conditional.empty(), profile.conditional.empty(), np.zeros(2)
    for piece in profile.pieces:
        part = slice(piece.column, piece.column + piece.k)
        piece.own(lam)[:] = (lower[piece.block] @ inner[piece.block])[part, part] / sigma
    profile.evaluate(lam, sigma, moments, slopes)
    slope = {}
    for piece in profile.pieces:
        part = slice(piece.column, piece.column + piece.k)
        slope[piece] = np.linalg.solve(inner[piece.block][part, part].T, piece.own(moments))
    found = [slope[piece][i - piece.column, j - piece.column] for piece, i, j in entries]
    return np.array([*found, slopes[0]][: len(x)])


_Own = list[tuple[int, int, int]]


def _by_log_sd(units: Floats, own: _Own) -> Floats:
    """Return the derivatives of the log sds, ``units`` the rows of the factor, each of length 1."""
    return np.stack([units[:, i] * units[:, j] for _, i, j in own], axis=-1)


def _by_atanh(units: Floats, own: _Own) -> Floats:
    """Return the derivatives of the inverse hyperbolic tangents of the correlations."""
    corr = units @ units.T
    # what is left of the second row beside the first; 1 - corr**2 would lose it to rounding
    left = units[None, :, :] - corr[:, :, None] * units[:, None, :]
    squares = np.sum(left * left, axis=-1)
    slopes = np.stack([units[:, None, i] * left[:, :, j] for _, i, j in own], axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((slopes + slopes.transpose(1, 0, 2)) / squares[:, :, None])


def _atanh(rows: Floats) -> Floats:
    """Return the inverse hyperbolic tangents of the correlations between rows."""
    with np.errstate(divide="ignore", invalid="ignore"):
        units = rows / np.linalg.norm(rows, axis=1)[:, None]
        corr = units @ units.T
        left = np.linalg.norm(units[None, :, :] - corr[:, :, None] * units[:, None, :], axis=-1)
        return np.asarray(np.arcsinh(corr / left))


def _roots(slopes: Floats, covariance: Floats) -> Floats:
    """Return the standard errors that the delta method gives."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.sqrt(np.einsum("...i,ij,...j->...", slopes, covariance, slopes)))
