"""Laplace's approximation: the mode of (v, beta) at one theta, the Hessian there, and the marginal density of theta.

Newton's method in v, ``b = L v``, so that an sd of 0 is no exception:

    H_11 = blocks of the largest term + I     C = what couples it to the border     S = H_bb - C' H_11^-1 C

The Hessian is minus the expected second derivative where the second derivative itself may have either sign.
"""

# mypy: allow-untyped-calls, allow-untyped-decorators, disable-error-code="no-any-return"
from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from hierbayes.engines.base import Floats, Ints
from hierbayes.engines.collapsed.border import cholesky_upper
from hierbayes.engines.collapsed.lapack import LARGE, large_cholesky
from hierbayes.engines.joint import tape as at
from hierbayes.engines.joint.effects import coefficient_prior, fill_factors, turn, turn_back
from hierbayes.engines.joint.elementary import add_scaled, dot
from hierbayes.engines.joint.hessian import assemble
from hierbayes.engines.joint.kernel import block_table, sds_count, unpacked
from hierbayes.engines.joint.rows import part, pass_over_rows, term_table

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
_STEPS = 100
_CLOSE = 1e-12


@njit(cache=True, nogil=True, error_model="numpy")
def climb(ints: Ints, floats: Floats, terms: Ints, lower: Floats, parameters: Floats, w: Floats, pull: Floats) -> Any:
    """Return the log density of y and (v, beta), but for v's constant; fill its gradient unless `pull` is empty."""
    effects_count, p = ints[at.EFFECTS], ints[at.P]
    effects = w.copy()
    turn(terms, lower, w, effects)
    by_b = np.zeros(pull.shape[0])
    prior = ints[at.AT_PRIOR]
    value = coefficient_prior(
        part(floats, prior, p), part(floats, prior + p, p), w[effects_count:], by_b[effects_count:]
    )
    value += pass_over_rows(ints, floats, effects, parameters, by_b, np.zeros(max(2, parameters.shape[0])))
    v = w[:effects_count]
    value -= 0.5 * dot(v, v)
    if pull.shape[0] > 0:
        pull[:] = by_b
        turn_back(terms, lower, by_b, pull)
        add_scaled(-1.0, v, pull[:effects_count])
    return value


@njit(cache=True, nogil=True, error_model="numpy")
def invert_small(a: Floats, k: int) -> float:
    """Overwrite a flat k by k positive definite matrix with its inverse; returns its log determinant, or NaN.

    Gauss-Jordan without pivoting, which is stable for such matrices.
    """
    log_det = 0.0
    for i in range(k):
        pivot = a[i * k + i]
        if not pivot > 0.0:
            return math.nan
        log_det += math.log(pivot)
        a[i * k + i] = 1.0
        for j in range(k):
            a[i * k + j] /= pivot
        for r in range(k):
            if r != i:
                s = a[r * k + i]
                a[r * k + i] = 0.0
                for j in range(k):
                    a[r * k + j] -= s * a[i * k + j]
    return log_det


@njit(cache=True, nogil=True, error_model="numpy")
def eliminate(ints: Ints, levels: int, k: int, own: Floats, coupling: Floats, border: Floats) -> float:
    """Eliminate the first term: `own` becomes its inverse, `coupling` ``H_11^-1 C``, `border` S, factored as ``R' R``.

    Returns the log determinant of the whole Hessian, NaN where it is not positive definite.
    """
    pointers = part(ints, ints[at.AT_POINTERS], levels + 1)
    cells = part(ints, ints[at.AT_COLUMNS], ints[at.CELLS])
    log_det = 0.0
    for j in range(levels):
        inverse = own[j * k * k : (j + 1) * k * k]
        log_det += invert_small(inverse, k)
        start, width = pointers[j], pointers[j + 1] - pointers[j]
        before = coupling[start * k : (start + width) * k].copy()
        after = coupling[start * k : (start + width) * k]
        after[:] = 0.0
        for c in range(k):
            for e in range(k):
                add_scaled(inverse[c * k + e], before[e * width : (e + 1) * width], after[c * width : (c + 1) * width])
        columns = cells[start : start + width]
        for c in range(k):
            left, right = before[c * width : (c + 1) * width], after[c * width : (c + 1) * width]
            for a in range(width):
                s, row = left[a], border[columns[a]]
                for b in range(a, width):
                    row[columns[b]] -= s * right[b]
    m = border.shape[0]
    good = (
        large_cholesky(ints[ints[at.AT_LAPACK]], border, np.zeros(1, np.int64), np.zeros(0, np.int64))
        if m >= LARGE
        else cholesky_upper(border)
    )
    if not good:
        return math.nan
    for i in range(m):
        log_det += 2.0 * math.log(border[i, i])
    return log_det


@njit(cache=True, nogil=True, error_model="numpy")
def solve(
    ints: Ints, levels: int, k: int, own: Floats, coupling: Floats, border: Floats, pull: Floats, step: Floats
) -> None:
    """Fill ``H^-1 pull`` from what `eliminate` leaves."""
    pointers = part(ints, ints[at.AT_POINTERS], levels + 1)
    cells = part(ints, ints[at.AT_COLUMNS], ints[at.CELLS])
    size1, m = levels * k, border.shape[0]
    rest = pull[size1:].copy()
    for j in range(levels):
        start, width = pointers[j], pointers[j + 1] - pointers[j]
        columns = cells[start : start + width]
        for c in range(k):
            s = pull[j * k + c]
            row = coupling[start * k + c * width : start * k + (c + 1) * width]
            for a in range(width):
                rest[columns[a]] -= s * row[a]
    for i in range(m):
        rest[i] /= border[i, i]
        add_scaled(-rest[i], border[i, i + 1 :], rest[i + 1 :])
    for i in range(m - 1, -1, -1):
        rest[i] = (rest[i] - dot(border[i, i + 1 :], rest[i + 1 :])) / border[i, i]
    step[size1:] = rest
    for j in range(levels):
        start, width = pointers[j], pointers[j + 1] - pointers[j]
        columns = cells[start : start + width]
        for c in range(k):
            s = dot(own[(j * k + c) * k : (j * k + c + 1) * k], pull[j * k : (j + 1) * k])
            row = coupling[start * k + c * width : start * k + (c + 1) * width]
            for a in range(width):
                s -= row[a] * rest[columns[a]]
            step[j * k + c] = s


@njit(cache=True, nogil=True, error_model="numpy")
def laplace(
    ints: Ints, floats: Floats, theta: Floats, w: Floats, own: Floats, coupling: Floats, border: Floats
) -> float:
    """Move `w` = (v, beta) to its mode at theta, fill the eliminated Hessian, and return the log marginal density.

    NaN where Newton's method fails.
    """
    terms, blocks = term_table(ints), block_table(ints)
    values, slopes = np.empty(ints[at.SCALARS]), np.empty(ints[at.SCALARS])
    factors, lower = np.empty(ints[at.FLAT]), np.empty(ints[at.FLAT])
    prior = unpacked(ints, floats, theta, values, slopes, factors, np.zeros(ints[at.DIM]))
    fill_factors(terms, blocks, values, factors, lower)
    parameters = values[sds_count(blocks) :]
    k, levels = 0, 0
    if terms.shape[0] > 0:
        k, levels = terms[0, at.K], terms[0, at.LEVELS]
    size = w.shape[0]
    pull, step, trial = np.empty(size), np.empty(size), np.empty(size)
    value = climb(ints, floats, terms, lower, parameters, w, pull)
    if not np.isfinite(value):
        return math.nan
    for _ in range(_STEPS):
        assemble(ints, floats, terms, lower, parameters, w, own, coupling, border)
        log_det = eliminate(ints, levels, k, own, coupling, border)
        if not np.isfinite(log_det):
            return math.nan
        solve(ints, levels, k, own, coupling, border, pull, step)
        gain = dot(pull, step)
        if not np.isfinite(gain):
            return math.nan
        if gain < _CLOSE * (1.0 + size):
            return value + prior - 0.5 * log_det + ints[at.P] * _HALF_LOG_2PI
        length, better = 1.0, False
        while length > 1e-4:
            trial[:] = w
            add_scaled(length, step, trial)
            found = climb(ints, floats, terms, lower, parameters, trial, pull)
            # A full step may lose what rounding can hide.
            if found >= value + 0.1 * length * gain or (length == 1.0 and found >= value - 1e-12 * abs(value)):
                better = True
                break
            length *= 0.5
        if not better:
            # Rounding hides a gain this small; what is left of it cannot matter.
            climb(ints, floats, terms, lower, parameters, w, pull)
            return value + prior - 0.5 * log_det + ints[at.P] * _HALF_LOG_2PI if gain < 1e-6 * size else math.nan
        w[:] = trial
        value = found
    return math.nan
