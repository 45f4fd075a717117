"""The first layer, eliminated in batches of levels, with everything else as dense columns beside it.

Level j enters through the triangular factor of its columns, ``Z_j = Q_j R_j``, and ``C_j = Q_j' [border, X, y]``. With
``B_j = R_j Lam`` its share of the border is ``C_j' G_j^-1 C_j``, ``G_j = I + B_j B_j'``: no difference of large
numbers as the sds go to 0, nor, where a level has one column, as sigma does. Of several columns G is as ill conditioned
as the square of B: where an effect is a million times the residuals four digits are left. Arrays hold levels along
their last axis, so that each step is one loop over a batch of levels that the compiler turns into vector instructions.
"""

# mypy: allow-untyped-calls, allow-untyped-decorators, disable-error-code="no-any-return"
from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from hierbayes.engines.base import Floats

BATCH = 64


class Shape(NamedTuple):
    """Columns of the first layer, width of all else, and how many of its columns have a covariance.

    Whole numbers alone: tuples of arrays took a tenth of a small model's gradient.
    """

    k: int
    m: int
    columns: int


@njit(cache=True, nogil=True, error_model="numpy")
def empty_batch(k: int, m: int, levels: int) -> Floats:
    """Return work space for a batch: B, then the factor of G, then ``U = G^-1/2 C``, as the last one left them."""
    return np.empty((2 * k * k + k * m, min(levels, BATCH)))


@njit(cache=True, nogil=True, error_model="numpy")
def upper(k: int, a: int, b: int) -> int:
    """Return the place of entry (a, b), ``a <= b``, of a packed upper triangle of order k."""
    return a * k - (a * (a - 1)) // 2 + b - a


@njit(cache=True, nogil=True, error_model="numpy")
def factor_batch(k: int, m: int, first: int, size: int, r: Floats, c: Floats, lam: Floats, batch: Floats) -> None:
    """Fill B, the Cholesky factor of G (its diagonal inverted) and ``U = G^-1/2 C`` for one batch of levels."""
    b, g, u = batch[: k * k], batch[k * k : 2 * k * k], batch[2 * k * k :]
    for i in range(k):
        for j in range(k):
            row = i * k + j
            low = max(i, j)
            s = lam[low * k + j]
            source = upper(k, i, low)
            for n in range(size):
                b[row, n] = s * r[source, first + n]
            for h in range(low + 1, k):
                s = lam[h * k + j]
                source = upper(k, i, h)
                for n in range(size):
                    b[row, n] += s * r[source, first + n]
    for i in range(k):
        for j in range(i + 1):
            row = i * k + j
            start = 1.0 if i == j else 0.0
            for n in range(size):
                g[row, n] = start
            for h in range(k):
                x, y = i * k + h, j * k + h
                for n in range(size):
                    g[row, n] += b[x, n] * b[y, n]
    for j in range(k):
        pivot = j * k + j
        for h in range(j):
            x = j * k + h
            for n in range(size):
                g[pivot, n] -= g[x, n] * g[x, n]
        for n in range(size):
            g[pivot, n] = 1.0 / math.sqrt(g[pivot, n])
        for i in range(j + 1, k):
            row = i * k + j
            for h in range(j):
                x, y = i * k + h, j * k + h
                for n in range(size):
                    g[row, n] -= g[x, n] * g[y, n]
            for n in range(size):
                g[row, n] *= g[pivot, n]
    for i in range(k):
        for col in range(m):
            row = i * m + col
            for n in range(size):
                u[row, n] = c[row, first + n]
            for h in range(i):
                x, y = i * k + h, h * m + col
                for n in range(size):
                    u[row, n] -= g[x, n] * u[y, n]
            d = i * k + i
            for n in range(size):
                u[row, n] *= g[d, n]


@njit(cache=True, nogil=True, error_model="numpy")
def eliminate(k: int, m: int, r: Floats, c: Floats, lam: Floats, batch: Floats, gram: Floats) -> float:
    """Add the first layer's share to the border `gram`; return half the log determinant of its G."""
    levels, g, u = r.shape[1], batch[k * k : 2 * k * k], batch[2 * k * k :]
    pairs = m * (m + 1) // 2
    total = np.zeros((pairs, min(levels, BATCH)))
    product = np.ones(min(levels, BATCH))
    half_log_det = 0.0
    for first in range(0, levels, BATCH):
        size = min(BATCH, levels - first)
        factor_batch(k, m, first, size, r, c, lam, batch)
        for i in range(k):
            d = i * k + i
            for n in range(size):
                product[n] *= g[d, n]
        for n in range(size):
            if product[n] < 1e-100:
                half_log_det -= math.log(product[n])
                product[n] = 1.0
        pair = 0
        for x in range(m):
            for y in range(x, m):
                for i in range(k):
                    s, t = i * m + x, i * m + y
                    for n in range(size):
                        total[pair, n] += u[s, n] * u[t, n]
                pair += 1
    for n in range(product.shape[0]):
        half_log_det -= math.log(product[n])
    pair = 0
    for x in range(m):
        for y in range(x, m):
            value = 0.0
            for n in range(total.shape[1]):
                value += total[pair, n]
            gram[x, y] += value
            if y != x:
                gram[y, x] += value
            pair += 1
    return half_log_det


@njit(cache=True, nogil=True, error_model="numpy")
def first_moment(
    shape: Shape, r: Floats, c: Floats, lam: Floats, mean: Floats, w: Floats, sigma: float, batch: Floats,
    moment: Floats,
) -> None:  # fmt: skip
    """Fill the k by k moment matrix M of the first layer.

    `mean` and `w` hold the border's conditional mean and a factor ``W W'`` of its covariance, both for b, not v.
    """
    k, m, levels = shape.k, shape.m, r.shape[1]
    g, u = batch[k * k : 2 * k * k], batch[2 * k * k :]
    lanes = min(levels, BATCH)
    e = np.empty((k, lanes))
    y = np.empty((k, lanes))
    s = np.empty((k * k, lanes))
    f = np.empty((k * k, lanes))
    v = np.empty((k, lanes))
    total = np.zeros((k * k, lanes))
    for first in range(0, levels, BATCH):
        size = min(BATCH, levels - first)
        if levels > BATCH:
            factor_batch(k, m, first, size, r, c, lam, batch)
        spread(shape, size, u, mean, w, sigma, e, y, s)
        for i in range(k):
            for j in range(k):
                row = i * k + j
                if j >= i:
                    source = upper(k, i, j)
                    for n in range(size):
                        f[row, n] = r[source, first + n]
                else:
                    for n in range(size):
                        f[row, n] = 0.0
                for h in range(i):
                    x, z = i * k + h, h * k + j
                    for n in range(size):
                        f[row, n] -= g[x, n] * f[z, n]
                d = i * k + i
                for n in range(size):
                    f[row, n] *= g[d, n]
        for j in range(k):
            for i in range(k):
                for n in range(size):
                    v[i, n] = 0.0
                for h in range(k):
                    x = max(i, h) * k + min(i, h)
                    z = h * k + j
                    for n in range(size):
                        v[i, n] += s[x, n] * f[z, n]
            for i in range(j + 1):
                row = i * k + j
                for h in range(k):
                    x = h * k + i
                    for n in range(size):
                        total[row, n] += f[x, n] * v[h, n]
    half = np.zeros((k, k))
    for i in range(k):
        for j in range(i, k):
            value = 0.0
            for n in range(lanes):
                value += total[i * k + j, n]
            half[i, j] = value
            half[j, i] = value
    for i in range(k):
        for j in range(k):
            value = 0.0
            for x in range(i, k):
                for z in range(j, k):
                    value += lam[x * k + i] * half[x, z] * lam[z * k + j]
            moment[i * k + j] = value


@njit(cache=True, nogil=True, error_model="numpy")
def spread(
    shape: Shape, size: int, u: Floats, mean: Floats, w: Floats, sigma: float, e: Floats, y: Floats, s: Floats
) -> None:
    """Fill ``s = e e' + Y Y' - I`` with the residual e and Y = U W of a batch, both in the units of G^-1/2."""
    k, m, columns = shape
    last = m - 1
    inverse = 1.0 / sigma
    for i in range(k):
        source = i * m + last
        for n in range(size):
            e[i, n] = u[source, n]
        for col in range(last):
            x = mean[col]
            source = i * m + col
            for n in range(size):
                e[i, n] -= x * u[source, n]
        for n in range(size):
            e[i, n] *= inverse
    for i in range(k):
        for j in range(i + 1):
            row = i * k + j
            start = -1.0 if i == j else 0.0
            for n in range(size):
                s[row, n] = start + e[i, n] * e[j, n]
    for col in range(columns):
        for i in range(k):
            for n in range(size):
                y[i, n] = 0.0
            for x in range(last):
                factor = w[x, col]
                if factor == 0.0:
                    continue
                source = i * m + x
                for n in range(size):
                    y[i, n] += factor * u[source, n]
        for i in range(k):
            for j in range(i + 1):
                row = i * k + j
                for n in range(size):
                    s[row, n] += y[i, n] * y[j, n]
