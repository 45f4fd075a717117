"""The chart that moves with theta: effects and coefficients as the working Gaussian model draws them, from given z.

At the mode the log likelihood has the information G in the effects, in units of b, and G b plus its slope is the target
c. Away from it the information is ``D G D`` and the target ``D e``, D and e functions of theta, see `following`. With
``T = D diag(L, ..., L, I)``, of which the second factor takes (v, beta) to (b, beta), let at each theta

    A = T' G T + P      r = T' e + P m      (v, beta) = A^-1 r + R^-1 z      R' R = A,

P and m the prior precision and mean of (v, beta). So z is nearly a standard normal vector given any theta, where the
likelihood is nearly that of the working model. The log Jacobian is ``-log |R|``.

R is upper triangular in the order of elimination: the levels of the largest term, then the border. Within a level the
last column is eliminated first. Derivatives are those of `moving_reverse`.
"""

# mypy: allow-untyped-calls, allow-untyped-decorators, disable-error-code="no-any-return"
from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from hierbayes.engines.base import Floats, Ints
from hierbayes.engines.joint import tape as at
from hierbayes.engines.joint.effects import turn_back
from hierbayes.engines.joint.elimination import (
    Elimination,
    factor_border,
    fill_border,
    first_size,
    reverse,
    solve_border,
    solve_border_transposed,
    turn_run,
)
from hierbayes.engines.joint.following import follow
from hierbayes.engines.joint.rows import part

ORDER_FREE = {"reassoc", "contract", "nsz"}


@njit(cache=True, nogil=True, error_model="numpy")
def fill_root(information: Floats, k: int, lower: Floats, scale: Floats, roots: Floats, base: int) -> Any:
    """Fill R of one level from its information, D and L; returns log |R|, or NaN."""
    for i in range(k):
        for h in range(i + 1):
            s = 1.0 if i == h else 0.0
            for a in range(i, k):
                x = scale[a] * lower[a * k + i]
                for b in range(h, k):
                    s += x * information[a * k + b] * scale[b] * lower[b * k + h]
            roots[base + i * k + h] = s
    log_det = 0.0
    for i in range(k - 1, -1, -1):
        row = base + i * k
        if not roots[row + i] > 0.0:
            return math.nan
        root = math.sqrt(roots[row + i])
        log_det += math.log(root)
        roots[row + i] = root
        for h in range(i):
            roots[row + h] /= root
        for a in range(i):
            x = roots[row + a]
            for h in range(a + 1):
                roots[base + a * k + h] -= x * roots[row + h]
    return log_det


@njit(cache=True, nogil=True, error_model="numpy", fastmath=ORDER_FREE)
def fill_cell(
    coupling: Floats, width: int, lower: Floats, scale: Floats, scales: Floats, root: Floats, cell: Floats
) -> None:
    """Fill a level's cells from the information, with D on both sides and L on the level's, times ``R^-T``."""
    k = scale.shape[0]
    for i in range(k):
        into = i * width
        x = scale[i] * lower[i * k + i]
        for a in range(width):
            cell[into + a] = x * scales[a] * coupling[into + a]
        for h in range(i + 1, k):
            x = scale[h] * lower[h * k + i]
            for a in range(width):
                cell[into + a] += x * scales[a] * coupling[h * width + a]
    for i in range(k - 1, -1, -1):
        into = i * width
        for h in range(i + 1, k):
            x = root[h * k + i]
            for a in range(width):
                cell[into + a] -= x * cell[h * width + a]
        inverse = 1.0 / root[i * k + i]
        for a in range(width):
            cell[into + a] *= inverse


@njit(cache=True, nogil=True, error_model="numpy")
def turn_columns(terms: Ints, lower: Floats, columns: Ints, width: int, row: Floats) -> None:
    """Turn a row of cells from b to v on the border's side; the coefficients' columns, past `width`, stay."""
    size1 = terms[0, at.LEVELS] * terms[0, at.K]
    t, a = 1, 0
    while a < width:
        while columns[a] >= terms[t, at.START] - size1 + terms[t, at.LEVELS] * terms[t, at.K]:
            t += 1
        turn_run(row, a, terms[t, at.K], lower, terms[t, at.L])
        a += terms[t, at.K]


@njit(cache=True, nogil=True, error_model="numpy")
def take_square(row: Floats, columns: Ints, border: Floats) -> None:
    """Take ``row' row`` out of the border's upper triangle."""
    width = row.shape[0]
    if width == border.shape[0]:
        for a in range(width):
            x = row[a]
            for b in range(a, width):
                border[a, b] -= x * row[b]
        return
    for a in range(width):
        x, into = row[a], columns[a]
        for b in range(a, width):
            border[into, columns[b]] -= x * row[b]


@njit(cache=True, nogil=True, error_model="numpy")
def fill_levels(ints: Ints, floats: Floats, terms: Ints, lower: Floats, e: Elimination) -> Any:
    """Fill R and the cells of every level, and take their share out of the border; returns log |R|, or NaN."""
    levels, k = first_size(terms)
    information, coupling, others = ints[at.AT_LEVELS], ints[at.AT_COUPLING], terms.shape[0] > 1
    log_det, whole = 0.0, e.scale.copy()
    reverse(terms, whole)
    rest, scales = whole[levels * k :], np.empty(whole.shape[0] - levels * k)
    for j in range(levels):
        base, start, width = j * k * k, e.pointers[j], e.pointers[j + 1] - e.pointers[j]
        scale = e.scale[j * k : (j + 1) * k]
        cell, own = e.cross[start * k : (start + width) * k], e.columns[start : start + width]
        if k == 1:
            x = scale[0] * lower[0]
            root = math.sqrt(1.0 + x * x * floats[information + j])
            log_det += math.log(root)
            e.roots[j] = root
            x /= root
            for a in range(width):
                cell[a] = x * rest[own[a]] * floats[coupling + start + a]
        else:
            log_det += fill_root(part(floats, information + base, k * k), k, lower, scale, e.roots, base)
            for a in range(width):
                scales[a] = rest[own[a]]
            roots = e.roots[base : base + k * k]
            fill_cell(part(floats, coupling + start * k, width * k), width, lower, scale, scales, roots, cell)
        for i in range(k):
            row = cell[i * width : (i + 1) * width]
            if others:
                turn_columns(terms, lower, own, width - ints[at.P], row)
            take_square(row, own, e.border)
    return log_det


@njit(cache=True, nogil=True, error_model="numpy")
def move(ints: Ints, floats: Floats, terms: Ints, lower: Floats, z: Floats, e: Elimination) -> Any:
    """Fill an elimination at z, whose first numbers are those of theta; returns log |R|, NaN where A has none."""
    p, effects, dim = ints[at.P], ints[at.EFFECTS], ints[at.DIM]
    t, u, target = e.t, e.u, np.empty(effects + p)
    follow(ints, floats, z, e.scale, target)
    turn_back(terms, lower, target, t)
    for i in range(p):
        prior = ints[at.AT_PRIOR] + i
        t[effects + i] = target[effects + i] + floats[prior + p] * floats[prior]
    reverse(terms, t)
    fill_border(ints, floats, terms, lower, e)
    log_det = fill_levels(ints, floats, terms, lower, e) + factor_border(e)
    if not np.isfinite(log_det):
        return math.nan
    forward_substitute(terms, e, t)
    for i in range(u.shape[0]):
        u[i] = t[i] + z[dim + i]
    back_substitute(terms, e, u)
    reverse(terms, u)
    return log_det


@njit(cache=True, nogil=True, error_model="numpy", fastmath=ORDER_FREE)
def back_substitute(terms: Ints, e: Elimination, x: Floats) -> None:
    """Overwrite x with ``R^-1 x``."""
    levels, k = first_size(terms)
    rest = x[levels * k :]
    solve_border(e, rest)
    pointers, columns = e.pointers, e.columns
    for j in range(levels):
        start, width, base = pointers[j], pointers[j + 1] - pointers[j], j * k * k
        for i in range(k):
            cell, s = start * k + i * width, 0.0
            if width == rest.shape[0]:
                for a in range(width):
                    s += e.cross[cell + a] * rest[a]
            else:
                for a in range(width):
                    s += e.cross[cell + a] * rest[columns[start + a]]
            s = x[j * k + i] - s
            for h in range(i):
                s -= e.roots[base + i * k + h] * x[j * k + h]
            x[j * k + i] = s / e.roots[base + i * k + i]


@njit(cache=True, nogil=True, error_model="numpy")
def forward_substitute(terms: Ints, e: Elimination, x: Floats) -> None:
    """Overwrite x with ``R^-T x``."""
    levels, k = first_size(terms)
    rest = x[levels * k :]
    pointers, columns = e.pointers, e.columns
    for j in range(levels):
        start, width, base = pointers[j], pointers[j + 1] - pointers[j], j * k * k
        for i in range(k - 1, -1, -1):
            s = x[j * k + i] / e.roots[base + i * k + i]
            x[j * k + i] = s
            for h in range(i):
                x[j * k + h] -= s * e.roots[base + i * k + h]
            cell = start * k + i * width
            if width == rest.shape[0]:
                for a in range(width):
                    rest[a] -= s * e.cross[cell + a]
            else:
                for a in range(width):
                    rest[columns[start + a]] -= s * e.cross[cell + a]
    solve_border_transposed(e, rest)
