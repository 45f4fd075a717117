"""Checked arrays, and the least-squares solution that every fit rests on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hierbayes.errors import DataError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

# A column counts as a combination of others when less than this share of its length is left after projection.
# Rounding leaves about 1e-15; a column of mean 1e9 and sd 1 leaves 1e-9.
RANK_TOLERANCE = 1e-11


@dataclass(frozen=True)
class Solution:
    """The shortest least-squares solution, columns scaled.

    Attributes
    ----------
    beta : array (p,)
    bread : array (p, p)
        Pseudo-inverse of the columns' products.
    rank : int
    lost : array (p, p - rank)
        Directions of the coefficients that change no fitted value, each of length 1 in the scaled columns.
    scale : array (p,)
        What the columns were divided by.
    """

    beta: FloatArray
    bread: FloatArray
    rank: int
    lost: FloatArray
    scale: FloatArray


def solve(response: FloatArray, columns: FloatArray, length: FloatArray | None = None) -> Solution:
    """Solve the least-squares problem; `length` is what the columns are scaled by, their own length by default."""
    length = np.linalg.norm(columns, axis=0) if length is None else length
    scale = np.where(length > 0, length, 1.0)
    q, r = np.linalg.qr(columns / scale)
    left, singular, right = np.linalg.svd(r, full_matrices=True)
    used = singular > RANK_TOLERANCE
    m = len(singular)
    root = right[:m][used].T / singular[used] / scale[:, None]
    lost = np.vstack([right[:m][~used], right[m:]]).T
    return Solution(root @ (left[:, used].T @ (q.T @ response)), root @ root.T, int(used.sum()), lost, scale)


def log_likelihood(squares: float, root: FloatArray) -> float:
    """Return the log-likelihood at the maximum-likelihood variance, ``squares / rows``."""
    n = len(root)
    with np.errstate(divide="ignore"):
        return float(np.log(root).sum() - n / 2 * (np.log(2 * np.pi * squares / n) + 1))


def root_weights(y: ArrayLike, weights: ArrayLike | None) -> FloatArray:
    """Return the square roots of the weights, 1 without any."""
    n = len(np.asarray(y))
    values = np.ones(n) if weights is None else np.asarray(weights, dtype=float)
    if values.shape != (n,):
        raise DataError(f"The weights have shape {values.shape}; {n} rows need ({n},).")
    if n == 0:
        raise DataError("There are no rows to fit.")
    if not (np.isfinite(values) & (values > 0)).all():
        row = int(np.flatnonzero(~(np.isfinite(values) & (values > 0)))[0])
        raise DataError(
            f"Weight {values[row]} in row {row} is not a positive number.", "Drop the row or mend its weight."
        )
    return np.sqrt(values)


def rows_of(values: ArrayLike, root: FloatArray) -> FloatArray:
    """Return a finite table of the rows, each times the root of its weight."""
    array = np.asarray(values, dtype=float)
    table = array[:, None] if array.ndim == 1 else array
    if table.ndim != 2 or len(table) != len(root):
        raise DataError(f"An array of shape {array.shape} does not fit {len(root)} rows.")
    if not np.isfinite(table).all():
        raise DataError(f"Row {int(np.argwhere(~np.isfinite(table))[0, 0])} holds a missing or infinite number.")
    return table * root[:, None]


def level_codes(codes: ArrayLike, n: int, n_levels: int) -> IntArray:
    """Return the level codes of the rows, all within range."""
    array = np.asarray(codes, dtype=np.int64)
    if array.shape != (n,):
        raise DataError(f"The level codes have shape {array.shape}; {n} rows need ({n},).")
    outside = np.flatnonzero((array < 0) | (array >= n_levels))
    if len(outside):
        raise DataError(f"Row {outside[0]} has level code {array[outside[0]]}; there are {n_levels} levels.")
    return array
