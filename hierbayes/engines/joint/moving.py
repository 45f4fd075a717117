"""The chart that moves with theta: effects and coefficients as the working Gaussian model draws them, from given z.

At the mode the log likelihood has the information G in the effects, in units of b, and G b + its slope is the target c.
With T = diag(L, ..., L, I), which takes (v, beta) to (b, beta), let at each theta

    A = T' G T + P      r = T' c + P m      (v, beta) = A^-1 r + R^-1 z      R' R = A,

P and m the prior precision and mean of (v, beta). So z is nearly a standard normal vector given any theta, where the
likelihood is nearly that of the working model. The log Jacobian is ``-log |R|``.

R is lower triangular: the last column is eliminated first, level by level and then in the border. Let a bar mark
derivatives of the log density, with `s = R^-T r + z` and `a = A^-1 r`. In reverse, ``z_bar = R^-T (v, beta)_bar``,
``r_bar = R^-1 z_bar``, and for a step ``dL = L K`` of a term the log density changes by ``tr(M' K)`` with

    M = sum over levels of  v v' - I + r_bar a' + a r_bar' + [R^-1 (I + N) R^-T],     N_xy = z_bar_x z_y for x >= y,

N symmetric and the bracket its diagonal block at the level. That the last column comes first makes the part of the
derivative in A that lies off the diagonal blocks fall away, because K is lower triangular. Where the model is Gaussian
``z_bar = -z`` and M is that of the collapsed engine.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators
from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from hierbayes.engines.base import Floats
from hierbayes.engines.joint import tape as at
from hierbayes.engines.joint.effects import turn_back
from hierbayes.engines.joint.elementary import add_scaled, copy_into, dot
from hierbayes.engines.joint.hessian import turn_right
from hierbayes.engines.joint.rows import part

_ORDER_FREE = {"reassoc", "contract", "nsz"}


class Elimination(NamedTuple):
    """What the elimination at one theta leaves for the reverse pass.

    Attributes
    ----------
    roots : array, (levels, k, k) flat
        R of each level of the largest term.
    cross : array
        ``R_j^-T`` times the cells of level j: k rows of its border columns.
    border : array, shape (m, m)
        R of the border in its lower triangle.
    t : array, shape (effects + p,)
        ``R^-T r``.
    u : array, shape (effects + p,)
        (v, beta).
    """

    roots: Floats
    cross: Floats
    border: Floats
    t: Floats
    u: Floats


@njit(cache=True, nogil=True, error_model="numpy")
def first_size(terms):
    """Return the number of levels of the largest term and of its columns."""
    if terms.shape[0] == 0:
        return 0, 0
    return terms[0, at.LEVELS], terms[0, at.K]


@njit(cache=True, nogil=True, error_model="numpy")
def room(ints, terms):
    """Return an elimination to be filled."""
    levels, k = first_size(terms)
    size = ints[at.EFFECTS] + ints[at.P]
    m = size - levels * k
    return Elimination(
        np.empty(levels * k * k), np.empty(ints[at.CELLS] * k), np.empty((m, m)), np.empty(size), np.empty(size)
    )


@njit(cache=True, nogil=True, error_model="numpy")
def cholesky_lower(a):
    """Overwrite the lower triangle of `a` with R, ``a = R' R``; returns its log determinant, or NaN."""
    log_det = 0.0
    for j in range(a.shape[0] - 1, -1, -1):
        if not a[j, j] > 0.0:
            return math.nan
        root = math.sqrt(a[j, j])
        log_det += math.log(root)
        a[j, j] = root
        row = a[j, :j]
        for i in range(j):
            row[i] /= root
        for i in range(j):
            add_scaled(-row[i], row[: i + 1], a[i, : i + 1])
    return log_det


@njit(cache=True, nogil=True, error_model="numpy")
def solve_lower(root, x):
    """Overwrite x with ``R^-1 x``."""
    for i in range(x.shape[0]):
        x[i] = (x[i] - dot(root[i, :i], x[:i])) / root[i, i]


@njit(cache=True, nogil=True, error_model="numpy")
def solve_transposed(root, x):
    """Overwrite x with ``R^-T x``."""
    for i in range(x.shape[0] - 1, -1, -1):
        x[i] /= root[i, i]
        add_scaled(-x[i], root[i, :i], x[:i])


@njit(cache=True, nogil=True, error_model="numpy")
def level_part(ints, k, j, cross):
    """Return the border columns of a level and its part of the cells."""
    pointers = part(ints, ints[at.AT_POINTERS] + j, 2)
    start, width = pointers[0], pointers[1] - pointers[0]
    columns = part(ints, ints[at.AT_COLUMNS] + start, width).view(np.uint64)
    return columns, cross[start * k : (start + width) * k].reshape(k, width)


@njit(cache=True, nogil=True, error_model="numpy")
def times(row, columns, x):
    """Return the product of a row of cells with the border's x."""
    if row.shape[0] == x.shape[0]:
        return dot(row, x)
    s = 0.0
    for i in range(row.shape[0]):
        s += row[i] * x[columns[i]]
    return s


@njit(cache=True, nogil=True, error_model="numpy")
def add_times(factor, row, columns, x):
    """Add a multiple of a row of cells to the border's x."""
    if row.shape[0] == x.shape[0]:
        add_scaled(factor, row, x)
    else:
        for i in range(row.shape[0]):
            x[columns[i]] += factor * row[i]


@njit(cache=True, nogil=True, error_model="numpy")
def fill_border(ints, floats, terms, lower, border):
    """Fill the border's part of A."""
    levels, k = first_size(terms)
    m, p = border.shape[0], ints[at.P]
    for i in range(m):
        copy_into(part(floats, ints[at.AT_BORDER] + i * m, m), border[i])
    for t in range(1, terms.shape[0]):
        wide, flat = terms[t, at.K], terms[t, at.L]
        for j in range(terms[t, at.LEVELS]):
            a = terms[t, at.START] - levels * k + j * wide
            turn_right(border[:, a : a + wide], lower, flat, wide)
            turn_right(border[a : a + wide].T, lower, flat, wide)
    for i in range(m):
        border[i, i] += 1.0 if i < m - p else floats[ints[at.AT_PRIOR] + p + i - (m - p)]


@njit(cache=True, nogil=True, error_model="numpy")
def fill_root(floats, place, k, lower, roots, base):
    """Fill R of one level from its information; returns log |R|, or NaN."""
    for i in range(k):
        for h in range(i + 1):
            s = 1.0 if i == h else 0.0
            for a in range(i, k):
                x = lower[a * k + i]
                for b in range(h, k):
                    s += x * floats[place + a * k + b] * lower[b * k + h]
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


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_ORDER_FREE)
def fill_cell(floats, place, k, width, lower, root, cell):
    """Fill a level's cells from the information, turned from b to v on the level's side, times ``R^-T``."""
    for i in range(k):
        into = i * width
        x = lower[i * k + i]
        for a in range(width):
            cell[into + a] = x * floats[place + into + a]
        for h in range(i + 1, k):
            x = lower[h * k + i]
            for a in range(width):
                cell[into + a] += x * floats[place + h * width + a]
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
def turn_columns(terms, lower, columns, width, cell):
    """Turn a row of cells from b to v on the border's side; the coefficients' columns, past `width`, stay."""
    size1 = terms[0, at.LEVELS] * terms[0, at.K]
    t, a = 1, 0
    while a < width:
        while columns[a] >= terms[t, at.START] - size1 + terms[t, at.LEVELS] * terms[t, at.K]:
            t += 1
        k, flat = terms[t, at.K], terms[t, at.L]
        for c in range(k):
            s = 0.0
            for e in range(c, k):
                s += cell[a + e] * lower[flat + e * k + c]
            cell[a + c] = s
        a += k


@njit(cache=True, nogil=True, error_model="numpy")
def take_square(row, columns, border):
    """Take ``row' row`` out of the border's lower triangle."""
    width = row.shape[0]
    if width == border.shape[0]:
        for a in range(width):
            x = row[a]
            for b in range(a + 1):
                border[a, b] -= x * row[b]
        return
    for a in range(width):
        x, into = row[a], columns[a]
        for b in range(a + 1):
            border[into, columns[b]] -= x * row[b]


@njit(cache=True, nogil=True, error_model="numpy")
def fill_levels(ints, floats, terms, lower, e):
    """Fill R and the cells of every level, and take their share out of the border; returns log |R|, or NaN."""
    levels, k = first_size(terms)
    pointers = part(ints, ints[at.AT_POINTERS], levels + 1)
    columns = part(ints, ints[at.AT_COLUMNS], ints[at.CELLS]).view(np.uint64)
    information, coupling, others = ints[at.AT_LEVELS], ints[at.AT_COUPLING], terms.shape[0] > 1
    log_det = 0.0
    for j in range(levels):
        base, start, width = j * k * k, pointers[j], pointers[j + 1] - pointers[j]
        log_det += fill_root(floats, information + base, k, lower, e.roots, base)
        cell, own = e.cross[start * k : (start + width) * k], columns[start : start + width]
        fill_cell(floats, coupling + start * k, k, width, lower, e.roots[base : base + k * k], cell)
        for i in range(k):
            row = cell[i * width : (i + 1) * width]
            if others:
                turn_columns(terms, lower, own, width - ints[at.P], row)
            take_square(row, own, e.border)
    return log_det


@njit(cache=True, nogil=True, error_model="numpy")
def move(ints, floats, terms, lower, z, e):
    """Fill an elimination at L and z, (v, beta) too; returns log |R|, NaN where A is not positive definite."""
    p, effects = ints[at.P], ints[at.EFFECTS]
    t, u = e.t, e.u
    target = part(floats, ints[at.AT_TARGET], effects + p)
    turn_back(terms, lower, target, t)
    for i in range(p):
        prior = ints[at.AT_PRIOR] + i
        t[effects + i] = target[effects + i] + floats[prior + p] * floats[prior]
    fill_border(ints, floats, terms, lower, e.border)
    log_det = fill_levels(ints, floats, terms, lower, e) + cholesky_lower(e.border)
    if not np.isfinite(log_det):
        return math.nan
    forward_substitute(ints, terms, e, t)
    for i in range(u.shape[0]):
        u[i] = t[i] + z[i]
    back_substitute(ints, terms, e, u)
    return log_det


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_ORDER_FREE)
def back_substitute(ints, terms, e, x):
    """Overwrite x with ``R^-1 x``."""
    levels, k = first_size(terms)
    rest = x[levels * k :]
    solve_lower(e.border, rest)
    pointers = part(ints, ints[at.AT_POINTERS], levels + 1)
    columns = part(ints, ints[at.AT_COLUMNS], ints[at.CELLS]).view(np.uint64)
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
def forward_substitute(ints, terms, e, x):
    """Overwrite x with ``R^-T x``."""
    levels, k = first_size(terms)
    rest = x[levels * k :]
    pointers = part(ints, ints[at.AT_POINTERS], levels + 1)
    columns = part(ints, ints[at.AT_COLUMNS], ints[at.CELLS]).view(np.uint64)
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
    solve_transposed(e.border, rest)


@njit(cache=True, nogil=True, error_model="numpy")
def retrace(ints, terms, z, e, by_u, moments):
    """Turn derivatives in (v, beta) into those in z, in place, and fill M of every term."""
    forward_substitute(ints, terms, e, by_u)
    by_r, y = by_u.copy(), z.copy()
    back_substitute(ints, terms, e, by_r)
    back_substitute(ints, terms, e, y)
    levels, k = first_size(terms)
    spread = border_blocks(e.border, by_u[levels * k :], z[levels * k :])
    moments[:] = 0.0
    for t in range(terms.shape[0]):
        add_means(terms, t, e.u, by_r, y, moments)
        if t > 0:
            add_blocks(terms, t, spread, moments)
    if levels > 0:
        add_levels(ints, terms, z, e, by_u, y[levels * k :], spread, moments)


@njit(cache=True, nogil=True, error_model="numpy")
def add_means(terms, t, u, by_r, y, moments):
    """Add ``v v' - I + r_bar a' + a r_bar'``, a = u - y, of the levels of a term."""
    k, place = terms[t, at.K], terms[t, at.L]
    for j in range(terms[t, at.LEVELS]):
        start = terms[t, at.START] + j * k
        for i in range(k):
            moments[place + i * k + i] -= 1.0
            v, r, mean = u[start + i], by_r[start + i], u[start + i] - y[start + i]
            for h in range(k):
                other = u[start + h]
                moments[place + i * k + h] += v * other + r * (other - y[start + h]) + mean * by_r[start + h]


@njit(cache=True, nogil=True, error_model="numpy")
def add_blocks(terms, t, spread, moments):
    """Add the diagonal blocks of a symmetric matrix over the border to M of one of its terms."""
    k, place = terms[t, at.K], terms[t, at.L]
    first = terms[t, at.START] - terms[0, at.LEVELS] * terms[0, at.K]
    for j in range(terms[t, at.LEVELS]):
        start = first + j * k
        for i in range(k):
            for h in range(k):
                moments[place + i * k + h] += spread[start + i, start + h]


@njit(cache=True, nogil=True, error_model="numpy")
def border_blocks(root, by_z, z):
    """Return ``R^-1 (I + N) R^-T`` of the border, whole."""
    m = root.shape[0]
    inverse, product = np.zeros((m, m)), np.empty(m)
    for i in range(m):
        row = inverse[i]
        for a in range(i):
            add_scaled(-root[i, a], inverse[a, : a + 1], row[: a + 1])
        for a in range(i):
            row[a] /= root[i, i]
        row[i] = 1.0 / root[i, i]
    found = np.empty((m, m))
    for i in range(m):
        row = inverse[i]
        # N is built of two vectors, so that a row times N is two running sums
        above, below = dot(row[: i + 1], by_z[: i + 1]), 0.0
        for b in range(i + 1):
            product[b] = row[b] + above * z[b] + below * by_z[b]
            above -= row[b] * by_z[b]
            below += row[b] * z[b]
        for h in range(i + 1):
            found[i, h] = dot(product[: h + 1], inverse[h, : h + 1])
            found[h, i] = found[i, h]
    return found


@njit(cache=True, nogil=True, error_model="numpy")
def add_levels(ints, terms, z, e, by_z, y, spread, moments):
    """Add the brackets of the largest term's levels to its M."""
    levels, k = first_size(terms)
    pointers = part(ints, ints[at.AT_POINTERS], levels + 1)
    columns = part(ints, ints[at.AT_COLUMNS], ints[at.CELLS]).view(np.uint64)
    block, crossed = np.empty((k, k)), np.empty(k)
    turned = np.empty(spread.shape[0])
    for j in range(levels):
        start, width, first = pointers[j], pointers[j + 1] - pointers[j], j * k
        own = columns[start : start + width]
        for i in range(k):
            row = e.cross[start * k + i * width : start * k + (i + 1) * width]
            crossed[i] = spread_row(row, own, spread, y, turned)
            for h in range(i + 1):
                block[i, h] = products(e.cross, start * k + h * width, turned, width)
        for i in range(k):
            block[i, i] += 1.0
            for h in range(i + 1):
                both = by_z[first + i] * z[first + h]
                both -= crossed[i] * by_z[first + h] + by_z[first + i] * crossed[h]
                block[i, h] += both
                block[h, i] = block[i, h]
        divide_block(e.roots, first * k, block)
        for i in range(k):
            for h in range(k):
                moments[i * k + h] += block[i, h]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_ORDER_FREE)
def products(cross, place, turned, width):
    """Return the sum of products of a row of cells with as many numbers."""
    s = 0.0
    for a in range(width):
        s += cross[place + a] * turned[a]
    return s


@njit(cache=True, nogil=True, error_model="numpy")
def divide_block(roots, base, block):
    """Overwrite a small matrix B with ``R^-1 B R^-T``."""
    k = block.shape[0]
    for c in range(k):
        for i in range(k):
            s = block[i, c]
            for h in range(i):
                s -= roots[base + i * k + h] * block[h, c]
            block[i, c] = s / roots[base + i * k + i]
    for c in range(k):
        for i in range(k):
            s = block[c, i]
            for h in range(i):
                s -= roots[base + i * k + h] * block[c, h]
            block[c, i] = s / roots[base + i * k + i]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_ORDER_FREE)
def spread_row(row, columns, spread, y, turned):
    """Fill a row of cells times the border's symmetric matrix, at the level's columns; returns the row times y."""
    width, crossed = row.shape[0], 0.0
    if width == spread.shape[0]:
        for a in range(width):
            s = 0.0
            for b in range(width):
                s += row[b] * spread[a, b]
            turned[a] = s
            crossed += row[a] * y[a]
        return crossed
    for a in range(width):
        s, into = 0.0, columns[a]
        for b in range(width):
            s += row[b] * spread[into, columns[b]]
        turned[a] = s
        crossed += row[a] * y[into]
    return crossed
