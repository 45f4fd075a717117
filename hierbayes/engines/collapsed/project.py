"""Orthogonal triangular factors of the first layer's columns, level by level, in one pass over the rows."""

# mypy: allow-untyped-calls, allow-untyped-decorators, disable-error-code="no-any-return"
from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from hierbayes.engines.base import Floats, Ints


class FirstLayer(NamedTuple):
    """The rows of the first layer: row i of the border holds ``edge_values[i, e]`` in column ``edge_columns[i, e]``."""

    order: Ints
    starts: Ints
    z: Floats
    tail: Floats
    edge_columns: Ints
    edge_values: Floats


@njit(cache=True, nogil=True, error_model="numpy")
def orthogonalise(q: Floats, r: Floats) -> None:
    """Overwrite the columns of `q` with an orthonormal basis, ``old q = q r``; dependent columns become 0.

    Gram and Schmidt twice over: once loses orthogonality where columns are nearly parallel. A level may have fewer rows
    than columns: once the basis has as many columns as there are rows, every further column depends on them. Columns
    that became 0 do not count, for they span nothing.
    """
    rows, k = q.shape
    rank = 0
    for j in range(k):
        size = 0.0
        for i in range(rows):
            size += q[i, j] * q[i, j]
        for _ in range(2):
            for h in range(j):
                s = 0.0
                for i in range(rows):
                    s += q[i, h] * q[i, j]
                r[h, j] += s
                for i in range(rows):
                    q[i, j] -= s * q[i, h]
        left = 0.0
        for i in range(rows):
            left += q[i, j] * q[i, j]
        if rank == rows or left <= 1e-28 * size or left == 0.0:
            r[j, j] = 0.0
            for i in range(rows):
                q[i, j] = 0.0
            continue
        rank += 1
        root = math.sqrt(left)
        r[j, j] = root
        for i in range(rows):
            q[i, j] /= root


@njit(cache=True, nogil=True, error_model="numpy")
def project_out(q: Floats, t: Floats, c: Floats) -> None:
    """Fill ``c = q' t`` and take its share out of `t`, twice over."""
    rows, k = q.shape
    for _ in range(2):
        for j in range(k):
            for col in range(t.shape[1]):
                s = 0.0
                for i in range(rows):
                    s += q[i, j] * t[i, col]
                c[j, col] += s
                for i in range(rows):
                    t[i, col] -= s * q[i, j]


@njit(cache=True, nogil=True, error_model="numpy")
def project_levels(
    layer: FirstLayer, q_border: int, r: Floats, c: Floats, gram: Floats, q_out: Floats, residual_out: Floats
) -> None:
    """Factor every level: `r` packed (k (k + 1) / 2, levels), `c` (k m, levels), `gram` (m, m) of the residuals.

    Where `q_out` has rows, the
    orthonormal columns and the residuals of `tail` are kept, in the order of the rows.
    """
    order, starts, z, tail, edge_columns, edge_values = layer
    k = z.shape[1]
    m = q_border + tail.shape[1]
    for level in range(starts.shape[0] - 1):
        first, stop = starts[level], starts[level + 1]
        rows = stop - first
        q = np.empty((rows, k))
        t = np.zeros((rows, m))
        for i in range(rows):
            row = order[first + i]
            for j in range(k):
                q[i, j] = z[row, j]
            for e in range(edge_columns.shape[1]):
                t[i, edge_columns[row, e]] = edge_values[row, e]
            for j in range(tail.shape[1]):
                t[i, q_border + j] = tail[row, j]
        rr = np.zeros((k, k))
        cc = np.zeros((k, m))
        orthogonalise(q, rr)
        project_out(q, t, cc)
        at = 0
        for a in range(k):
            for b in range(a, k):
                r[at, level] = rr[a, b]
                at += 1
            for col in range(m):
                c[a * m + col, level] = cc[a, col]
        for i in range(rows):
            for a in range(m):
                x = t[i, a]
                if x != 0.0:
                    for b in range(m):
                        gram[a, b] += x * t[i, b]
        if q_out.shape[0] > 0:
            for i in range(rows):
                row = order[first + i]
                for j in range(k):
                    q_out[row, j] = q[i, j]
                for j in range(tail.shape[1]):
                    residual_out[row, j] = t[i, q_border + j]
