"""The dense border: the terms that are not eliminated level by level, and the population-level coefficients.

The border is one symmetric matrix over ``[v, gamma, y]``, q + p + 1 wide, factored as ``R' R`` with R upper triangular;
the last column of R then holds what back-substitution needs and its last entry squared is the penalised residual sum
of squares.
"""

# mypy: allow-untyped-calls, allow-untyped-decorators, disable-error-code="no-any-return"
from __future__ import annotations

import math

import numpy as np
from numba import njit

from hierbayes.engines.base import Floats, Ints
from hierbayes.engines.collapsed.tape import EDGE, LAM, ROLE, START, J, K


@njit(cache=True, nogil=True, error_model="numpy")
def cholesky_upper(a: Floats) -> bool:
    """Overwrite the upper triangle of `a` with R, ``a = R' R``. Returns False where it is not positive definite."""
    m = a.shape[0]
    for k in range(m):
        pivot = a[k, k]
        if not pivot > 0.0:
            return False
        root = math.sqrt(pivot)
        a[k, k] = root
        for j in range(k + 1, m):
            a[k, j] /= root
        for i in range(k + 1, m):
            s = a[k, i]
            if s != 0.0:
                for j in range(i, m):
                    a[i, j] -= s * a[k, j]
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def nothing_left(a: Floats) -> bool:
    """Say whether `cholesky_upper` failed at its last pivot alone, and by rounding; that pivot is then 0.

    It is the penalised sum of squares. Where sigma is so large that the prior of the coefficients outweighs the data it
    is a difference of numbers as large as ``sigma^2``, of which the density takes the share of ``1 / sigma^2``.
    """
    last = a.shape[0] - 1
    taken = 0.0
    for i in range(last):
        if not a[i, i] > 0.0:
            return False
        taken += a[i, last] * a[i, last]
    if not abs(a[last, last]) <= 1e-10 * taken:
        return False
    a[last, last] = 0.0
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def inverse_upper(r: Floats, n: int, w: Floats) -> None:
    """Fill `w` with the inverse of the leading n by n triangle of the upper triangular `r`."""
    w[:n, :n] = 0.0
    for i in range(n - 1, -1, -1):
        d = 1.0 / r[i, i]
        w[i, i] = d
        for k in range(i + 1, n):
            s = r[i, k] * d
            if s != 0.0:
                for j in range(k, n):
                    w[i, j] -= s * w[k, j]


@njit(cache=True, nogil=True, error_model="numpy")
def plain_scales(layers: Ints, lam: Floats, width: int) -> Floats:
    """Return the factor of every border column where all terms have one column, else an empty array."""
    scales = np.ones(width)
    for t in range(layers.shape[0]):
        if layers[t, ROLE] == EDGE:
            if layers[t, K] > 1:
                return np.empty(0)
            scales[layers[t, START] : layers[t, START] + layers[t, J]] = lam[layers[t, LAM]]
    return scales


@njit(cache=True, nogil=True, error_model="numpy")
def scale_border(layers: Ints, lam: Floats, a: Floats) -> None:
    """Turn the border from effects b into spherical effects v: ``Lam' a Lam + I`` in the rows and columns of v."""
    m = a.shape[0]
    scales = plain_scales(layers, lam, m)
    if scales.shape[0] > 0:
        for r in range(m):
            s = scales[r]
            for c in range(m):
                a[r, c] *= s * scales[c]
        for t in range(layers.shape[0]):
            if layers[t, ROLE] == EDGE:
                for r in range(layers[t, START], layers[t, START] + layers[t, J]):
                    a[r, r] += 1.0
        return
    for t in range(layers.shape[0]):
        if layers[t, ROLE] != EDGE:
            continue
        k, at, start = layers[t, K], layers[t, LAM], layers[t, START]
        for j in range(layers[t, J]):
            s = start + j * k
            # Going up, row r still finds the rows below it unscaled.
            for r in range(k):
                for c in range(m):
                    total = 0.0
                    for i in range(r, k):
                        total += lam[at + i * k + r] * a[s + i, c]
                    a[s + r, c] = total
        for row in range(m):
            for j in range(layers[t, J]):
                s = start + j * k
                for r in range(k):
                    total = 0.0
                    for i in range(r, k):
                        total += lam[at + i * k + r] * a[row, s + i]
                    a[row, s + r] = total
        for s in range(start, start + k * layers[t, J]):
            a[s, s] += 1.0


@njit(cache=True, nogil=True, error_model="numpy")
def scale_upper(layers: Ints, lam: Floats, a: Floats) -> None:
    """Do what `scale_border` does to the upper triangle, where only that is filled."""
    m = a.shape[0]
    scales = plain_scales(layers, lam, m)
    if scales.shape[0] == 0:
        for r in range(m):
            for c in range(r):
                a[r, c] = a[c, r]
        scale_border(layers, lam, a)
        return
    for r in range(m):
        s = scales[r]
        for c in range(r, m):
            a[r, c] *= s * scales[c]
    for t in range(layers.shape[0]):
        if layers[t, ROLE] == EDGE:
            for r in range(layers[t, START], layers[t, START] + layers[t, J]):
                a[r, r] += 1.0


@njit(cache=True, nogil=True, error_model="numpy")
def unscale_rows(layers: Ints, lam: Floats, w: Floats, columns: int) -> None:
    """Turn the rows of v in `w` into rows of b: ``Lam w``, over the first `columns` columns."""
    for t in range(layers.shape[0]):
        if layers[t, ROLE] != EDGE:
            continue
        k, at, start = layers[t, K], layers[t, LAM], layers[t, START]
        for j in range(layers[t, J]):
            s = start + j * k
            for r in range(k - 1, -1, -1):
                for c in range(columns):
                    total = 0.0
                    for i in range(r + 1):
                        total += lam[at + r * k + i] * w[s + i, c]
                    w[s + r, c] = total


@njit(cache=True, nogil=True, error_model="numpy")
def unscale_columns(layers: Ints, lam: Floats, w: Floats) -> None:
    """Turn the columns of v in `w` into columns of b: ``w Lam'``."""
    scales = plain_scales(layers, lam, w.shape[1])
    if scales.shape[0] > 0:
        for row in range(w.shape[0]):
            for c in range(w.shape[1]):
                w[row, c] *= scales[c]
        return
    for row in range(w.shape[0]):
        for t in range(layers.shape[0]):
            if layers[t, ROLE] != EDGE:
                continue
            k, at, start = layers[t, K], layers[t, LAM], layers[t, START]
            for j in range(layers[t, J]):
                s = start + j * k
                for r in range(k - 1, -1, -1):
                    total = 0.0
                    for i in range(r + 1):
                        total += lam[at + r * k + i] * w[row, s + i]
                    w[row, s + r] = total


@njit(cache=True, nogil=True, error_model="numpy")
def back_substitute(r: Floats, n: int, rhs: Floats, out: Floats) -> None:
    """Solve ``R x = rhs`` for the leading n by n triangle."""
    for i in range(n - 1, -1, -1):
        row, s = r[i], rhs[i]
        start = i + 1
        if n - start >= 32:
            # Four sums at a time: one alone waits for itself.
            s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
            while start + 4 <= n:
                s0 += row[start] * out[start]
                s1 += row[start + 1] * out[start + 1]
                s2 += row[start + 2] * out[start + 2]
                s3 += row[start + 3] * out[start + 3]
                start += 4
            s -= (s0 + s1) + (s2 + s3)
        for j in range(start, n):
            s -= row[j] * out[j]
        out[i] = s / r[i, i]


@njit(cache=True, nogil=True, error_model="numpy")
def log_diagonal(r: Floats, start: int, stop: int) -> float:
    """Return the sum of the logarithms of the diagonal of `r` from start to stop."""
    total = 0.0
    for i in range(start, stop):
        total += math.log(r[i, i])
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def outer_product(w: Floats, columns: int, cov: Floats) -> None:
    """Fill ``cov = W W'`` over the first `columns` columns of an upper triangular W."""
    for a in range(w.shape[0]):
        for b in range(a, w.shape[0]):
            total = 0.0
            for i in range(b, columns):
                total += w[a, i] * w[b, i]
            cov[a, b] = total
            cov[b, a] = total


@njit(cache=True, nogil=True, error_model="numpy")
def border_moments(layers: Ints, cov: Floats, mean: Floats, sigma: float, moments: Floats) -> None:
    """Fill M of the border's layers from ``Q^-1`` and the conditional means."""
    for t in range(layers.shape[0]):
        if layers[t, ROLE] != EDGE:
            continue
        k, at, start = layers[t, K], layers[t, LAM], layers[t, START]
        for a in range(k):
            for b in range(a + 1):
                total = 0.0
                for j in range(layers[t, J]):
                    r, c = start + j * k + a, start + j * k + b
                    total += mean[r] / sigma * (mean[c] / sigma) + cov[r, c]
                if a == b:
                    total -= layers[t, J]
                moments[at + a * k + b] = total
                moments[at + b * k + a] = total


@njit(cache=True, nogil=True, error_model="numpy")
def coefficient_terms(prior: Floats, cov: Floats, mean: Floats, q: int, p: int, sigma: float) -> float:
    """Return ``(beta - m)' P (beta - m) + tr(P Q^-1)`` of the coefficients."""
    total = 0.0
    for a in range(p):
        for b in range(p):
            total += prior[a, b] * (sigma * sigma * cov[q + a, q + b] + mean[q + a] * mean[q + b])
        total -= 2 * prior[a, p] * mean[q + a]
    return total + prior[p, p]


@njit(cache=True, nogil=True, error_model="numpy")
def add_prior(prior: Floats, q: int, p: int, sigma: float, a: Floats) -> None:
    """Add ``sigma^2 P`` and its company to the coefficients' corner of the border."""
    for i in range(p + 1):
        for j in range(p + 1):
            a[q + i, q + j] += sigma * sigma * prior[i, j]
