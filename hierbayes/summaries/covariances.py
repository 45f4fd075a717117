"""Sums over the rows of each level, and draws a few at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hierbayes.design.table import Floats, Ints

CHUNK = 2_000_000
"""Numbers in an array of draws by rows, or draws by levels, that is held at a time."""


def inner(form: Floats, covariance: Floats) -> Floats:
    """Return ``sum_ij form_ij covariance_ij`` of each draw."""
    return np.asarray(np.einsum("ij,dij->d", form, covariance))


def sums_by(codes: Ints, columns: Floats, n: int, weights: Floats | None = None) -> Floats:
    """Return the sum of each column over the rows of each code, (n, k)."""
    own = columns if weights is None else columns * weights[:, None]
    return np.column_stack([np.bincount(codes, weights=column, minlength=n) for column in own.T])


def products_by(codes: Ints, Z: Floats, n: int, weights: Floats) -> Floats:
    """Return ``Z_j' W_j Z_j`` of the rows of each code, (n, k, k)."""
    k = Z.shape[1]
    found = np.empty((n, k, k))
    for i in range(k):
        for j in range(i + 1):
            found[:, i, j] = found[:, j, i] = np.bincount(codes, weights=weights * Z[:, i] * Z[:, j], minlength=n)
    return found


def chunks(total: int, width: int, most: int = CHUNK) -> Iterator[slice]:
    """Cut `total` draws into slices that hold at most `most` numbers, `width` a draw, and at least one draw."""
    step = max(1, most // max(width, 1))
    for start in range(0, total, step):
        yield slice(start, min(start + step, total))


def spaced(total: int, wanted: int) -> Ints:
    """Return the positions of at most `wanted` draws, evenly spaced."""
    return np.unique(np.linspace(0, total - 1, min(wanted, total)).astype(np.int64))
