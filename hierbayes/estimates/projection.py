"""Targets projected off the columns that each level of a grouping factor has to itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hierbayes.estimates.arrays import RANK_TOLERANCE, BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class Projection:
    """What regressions on a group's own columns, level by level, find and leave.

    Attributes
    ----------
    slopes : array (J, k, t)
        Coefficients of each target on the level's columns; NaN where the level is too small.
    unscaled : array (J, k, k)
        `(Z_j'Z_j)⁻¹`; NaN where the level is too small.
    left : array (m, t)
        What the regressions leave of the targets, over the rows of the levels that were fitted.
    counts : array (J,)
        Rows of each level.
    too_small : bool array (J,)
        True where a level has fewer rows than columns, or columns that are linearly dependent within it.
    """

    slopes: FloatArray
    unscaled: FloatArray
    left: FloatArray
    counts: IntArray
    too_small: BoolArray


def project_levels(own: FloatArray, targets: FloatArray, codes: IntArray, n_levels: int) -> Projection:
    """Project `targets` off the columns `own`, level by level; levels too small for their columns are left out."""
    order = np.argsort(codes, kind="stable")
    counts = np.bincount(codes, minlength=n_levels)
    starts = np.cumsum(counts) - counts
    k = own.shape[1]
    slopes = np.full((n_levels, k, targets.shape[1]), np.nan)
    unscaled = np.full((n_levels, k, k), np.nan)
    too_small = np.ones(n_levels, dtype=bool)
    left = [np.empty((0, targets.shape[1]))]
    # Levels of one size are factored in one call; the number of different sizes is small even for many levels.
    for size in np.unique(counts[counts >= max(k, 1)]):
        members = np.flatnonzero(counts == size)
        rows = order[starts[members, None] + np.arange(size)]
        q, inverse, full = _factor(own[rows])
        block, members = targets[rows[full]], members[full]
        within = np.swapaxes(q, 1, 2) @ block
        slopes[members] = inverse @ within
        unscaled[members] = inverse @ np.swapaxes(inverse, 1, 2)
        too_small[members] = False
        left.append((block - q @ within).reshape(-1, targets.shape[1]))
    return Projection(slopes, unscaled, np.concatenate(left), counts.astype(np.int64), too_small)


def _factor(blocks: FloatArray) -> tuple[FloatArray, FloatArray, BoolArray]:
    """QR of each block (J, m, k) with columns scaled to length 1; Q and R⁻¹ (scale undone) where the rank is full."""
    length = np.linalg.norm(blocks, axis=1)
    scale = np.where(length > 0, length, 1.0)
    q, r = np.linalg.qr(blocks / scale[:, None, :])
    full = (np.abs(np.diagonal(r, axis1=1, axis2=2)) > RANK_TOLERANCE).all(axis=1)
    inverse = np.linalg.inv(r[full]) / scale[full, :, None]
    return q[full], inverse, full
