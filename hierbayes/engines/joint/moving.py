"""The chart that moves with theta: effects and coefficients as the working Gaussian model draws them, from given z.

At the mode the log likelihood has the information G in the effects, in units of b, and G b plus its slope is the target
c. With T = diag(L, ..., L, I), which takes (v, beta) to (b, beta), let at each theta

    A = T' G T + P      r = T' c + P m      (v, beta) = A^-1 r + R^-1 z      R' R = A,

P and m the prior precision and mean of (v, beta). So z is nearly a standard normal vector given any theta, where the
likelihood is nearly that of the working model. The log Jacobian is ``-log |R|``.

R is upper triangular in the order of elimination: the levels of the largest term, then the border. Within a level the
last column is eliminated first. Let a bar mark derivatives of the log density, with ``a = A^-1 r`` and ``y = R^-1 z``.
In reverse, ``z_bar = R^-T (v, beta)_bar``, ``r_bar = R^-1 z_bar``, and for a step ``dL = L K`` of a term the log
density changes by ``tr(M' K)`` with

    M = sum over levels of  v v' - I + r_bar a' + a r_bar' + B,     B = R^-1 (I + N) R^-T,

the diagonal block of B at the level, N symmetric with ``N_xy = z_bar_x z_y`` for x not after y. That the last column
comes first makes the part of the derivative in A that lies off the diagonal blocks fall away, for K is lower
triangular. B follows from ``R B = (I + N) R^-T``, whose entries above the diagonal are ``z_bar_x y_y``: a recursion
from the last row to the first that visits the places that R holds and no others, as that of Takahashi for the inverse
of A. Where the model is Gaussian ``z_bar = -z`` and M is that of the collapsed engine.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators
from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from hierbayes.engines.base import Floats, Ints
from hierbayes.engines.joint import tape as at
from hierbayes.engines.joint.effects import turn_back
from hierbayes.engines.joint.elementary import add_scaled, dot
from hierbayes.engines.joint.rows import part

_ORDER_FREE = {"reassoc", "contract", "nsz"}


class Elimination(NamedTuple):
    """What the elimination at one theta leaves for the reverse pass; the border is in the order of elimination.

    Attributes
    ----------
    roots : array, (levels, k, k) flat
        R of each level of the largest term, lower triangular, for its last column comes first.
    cross : array
        ``R_j^-T`` times the cells of level j: k rows of its border columns.
    border : array, shape (m, m)
        R of the border in its upper triangle.
    t : array, shape (effects + p,)
        ``R^-T r``.
    u : array, shape (effects + p,)
        (v, beta), in the order of w.
    starts, lists : array of int
        For each place of the border the later ones that its row of R holds.
    pointers, columns : array of int
        For each level of the largest term the places of the border that it meets, rising.
    """

    roots: Floats
    cross: Floats
    border: Floats
    t: Floats
    u: Floats
    starts: Ints
    lists: Ints
    pointers: Ints
    columns: Ints


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
    starts = part(ints, ints[at.AT_LIST_STARTS], m + 1)
    return Elimination(
        np.empty(levels * k * k),
        np.empty(ints[at.CELLS] * k),
        np.empty((m, m)),
        np.empty(size),
        np.empty(size),
        starts,
        part(ints, ints[at.AT_LISTS], starts[m]).view(np.uint64),
        part(ints, ints[at.AT_POINTERS], levels + 1),
        part(ints, ints[at.AT_COLUMNS], ints[at.CELLS]).view(np.uint64),
    )


@njit(cache=True, nogil=True, error_model="numpy")
def reverse(terms, x):
    """Reverse the columns of each level in the border: from the order of w to that of elimination, and back."""
    for t in range(1, terms.shape[0]):
        k = terms[t, at.K]
        for j in range(terms[t, at.LEVELS] if k > 1 else 0):
            start = terms[t, at.START] + j * k
            for c in range(k // 2):
                x[start + c], x[start + k - 1 - c] = x[start + k - 1 - c], x[start + c]


@njit(cache=True, nogil=True, error_model="numpy")
def factor_border(e):
    """Overwrite the upper triangle of the border with R; returns its log determinant, or NaN."""
    a, m, log_det = e.border, e.border.shape[0], 0.0
    for i in range(m):
        if not a[i, i] > 0.0:
            return math.nan
        root, row = math.sqrt(a[i, i]), a[i]
        log_det += math.log(root)
        row[i] = root
        first, stop = e.starts[i], e.starts[i + 1]
        if stop - first == m - 1 - i:
            for c in range(i + 1, m):
                row[c] /= root
            for c in range(i + 1, m):
                add_scaled(-row[c], row[c:], a[c, c:])
            continue
        for c in range(first, stop):
            row[e.lists[c]] /= root
        for c in range(first, stop):
            x, into = row[e.lists[c]], a[e.lists[c]]
            for d in range(c, stop):
                into[e.lists[d]] -= x * row[e.lists[d]]
    return log_det


@njit(cache=True, nogil=True, error_model="numpy")
def solve_border(e, x):
    """Overwrite the border's x with ``R^-1 x``."""
    m = x.shape[0]
    for i in range(m - 1, -1, -1):
        first, stop, row, s = e.starts[i], e.starts[i + 1], e.border[i], x[i]
        if stop - first == m - 1 - i:
            s -= dot(row[i + 1 :], x[i + 1 :])
        else:
            for c in range(first, stop):
                s -= row[e.lists[c]] * x[e.lists[c]]
        x[i] = s / row[i]


@njit(cache=True, nogil=True, error_model="numpy")
def solve_border_transposed(e, x):
    """Overwrite the border's x with ``R^-T x``."""
    m = x.shape[0]
    for i in range(m):
        first, stop, row = e.starts[i], e.starts[i + 1], e.border[i]
        x[i] /= row[i]
        if stop - first == m - 1 - i:
            add_scaled(-x[i], row[i + 1 :], x[i + 1 :])
        else:
            for c in range(first, stop):
                x[e.lists[c]] -= x[i] * row[e.lists[c]]


@njit(cache=True, nogil=True, error_model="numpy")
def fill_border(ints, floats, terms, lower, border):
    """Fill the border's part of A."""
    levels, k = first_size(terms)
    m, p, place = border.shape[0], ints[at.P], ints[at.AT_BORDER]
    scales = np.ones(m)
    for t in range(1, terms.shape[0]):
        if terms[t, at.K] == 1:
            first = terms[t, at.START] - levels * k
            scales[first : first + terms[t, at.LEVELS]] = lower[terms[t, at.L]]
    for i in range(m):
        row, scale = border[i], scales[i]
        for j in range(m):
            row[j] = scale * scales[j] * floats[place + i * m + j]
    for t in range(1, terms.shape[0]):
        wide, flat = terms[t, at.K], terms[t, at.L]
        first = terms[t, at.START] - levels * k
        for j in range(terms[t, at.LEVELS] if wide > 1 else 0):
            turn_rows(border, first + j * wide, wide, lower, flat)
            for i in range(m):
                turn_run(border[i], first + j * wide, wide, lower, flat)
    for i in range(m):
        border[i, i] += 1.0 if i < m - p else floats[ints[at.AT_PRIOR] + p + i - (m - p)]


@njit(cache=True, nogil=True, error_model="numpy")
def turn_rows(border, start, k, lower, flat):
    """Turn the rows of one level from b to v; the last column's row comes first."""
    for c in range(k):
        row, x = border[start + k - 1 - c], lower[flat + c * k + c]
        for i in range(row.shape[0]):
            row[i] *= x
        for h in range(c + 1, k):
            add_scaled(lower[flat + h * k + c], border[start + k - 1 - h], row)


@njit(cache=True, nogil=True, error_model="numpy")
def turn_run(row, start, k, lower, flat):
    """Turn the columns of one level from b to v: column c becomes the sum of those from c on; the last comes first."""
    for c in range(k):
        s = 0.0
        for h in range(c, k):
            s += row[start + k - 1 - h] * lower[flat + h * k + c]
        row[start + k - 1 - c] = s


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
def turn_columns(terms, lower, columns, width, row):
    """Turn a row of cells from b to v on the border's side; the coefficients' columns, past `width`, stay."""
    size1 = terms[0, at.LEVELS] * terms[0, at.K]
    t, a = 1, 0
    while a < width:
        while columns[a] >= terms[t, at.START] - size1 + terms[t, at.LEVELS] * terms[t, at.K]:
            t += 1
        turn_run(row, a, terms[t, at.K], lower, terms[t, at.L])
        a += terms[t, at.K]


@njit(cache=True, nogil=True, error_model="numpy")
def take_square(row, columns, border):
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
def fill_levels(ints, floats, terms, lower, e):
    """Fill R and the cells of every level, and take their share out of the border; returns log |R|, or NaN."""
    levels, k = first_size(terms)
    information, coupling, others = ints[at.AT_LEVELS], ints[at.AT_COUPLING], terms.shape[0] > 1
    log_det = 0.0
    for j in range(levels):
        base, start, width = j * k * k, e.pointers[j], e.pointers[j + 1] - e.pointers[j]
        log_det += fill_root(floats, information + base, k, lower, e.roots, base)
        cell, own = e.cross[start * k : (start + width) * k], e.columns[start : start + width]
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
    reverse(terms, t)
    fill_border(ints, floats, terms, lower, e.border)
    log_det = fill_levels(ints, floats, terms, lower, e) + factor_border(e)
    if not np.isfinite(log_det):
        return math.nan
    forward_substitute(terms, e, t)
    for i in range(u.shape[0]):
        u[i] = t[i] + z[i]
    back_substitute(terms, e, u)
    reverse(terms, u)
    return log_det


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_ORDER_FREE)
def back_substitute(terms, e, x):
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
def forward_substitute(terms, e, x):
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


@njit(cache=True, nogil=True, error_model="numpy")
def retrace(terms, z, e, by_u, moments):
    """Turn derivatives in (v, beta) into those in z, in place, and fill M of every term."""
    reverse(terms, by_u)
    forward_substitute(terms, e, by_u)
    by_r, y = by_u.copy(), z.copy()
    back_substitute(terms, e, by_r)
    back_substitute(terms, e, y)
    levels, k = first_size(terms)
    spread = border_spread(e, by_u[levels * k :], y[levels * k :])
    moments[:] = 0.0
    if levels > 0:
        add_levels(terms, z, e, by_u, y[levels * k :], spread, moments)
    reverse(terms, by_r)
    reverse(terms, y)
    for t in range(terms.shape[0]):
        add_means(terms, t, e.u, by_r, y, moments)
        if t > 0:
            add_blocks(terms, t, spread, moments)


@njit(cache=True, nogil=True, error_model="numpy")
def border_spread(e, by_z, y):
    """Return the border's part of B, symmetric, at the places that R holds."""
    m = e.border.shape[0]
    spread = np.zeros((m, m))
    for i in range(m - 1, -1, -1):
        first, stop, row = e.starts[i], e.starts[i + 1], e.border[i]
        whole, last = stop - first == m - 1 - i, 1.0 / row[i] + by_z[i] * y[i]
        for c in range(first, stop):
            j = e.lists[c]
            s = by_z[i] * y[j]
            if whole:
                s -= dot(row[i + 1 :], spread[j, i + 1 :])
            else:
                for d in range(first, stop):
                    s -= row[e.lists[d]] * spread[j, e.lists[d]]
            spread[i, j] = s / row[i]
            spread[j, i] = spread[i, j]
            last -= row[j] * spread[i, j]
        spread[i, i] = last / row[i]
    return spread


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
    """Add the diagonal blocks of B over the border, the last column first, to M of one of its terms."""
    k, place = terms[t, at.K], terms[t, at.L]
    first = terms[t, at.START] - terms[0, at.LEVELS] * terms[0, at.K]
    for j in range(terms[t, at.LEVELS]):
        last = first + j * k + k - 1
        for i in range(k):
            for h in range(k):
                moments[place + i * k + h] += spread[last - i, last - h]


@njit(cache=True, nogil=True, error_model="numpy")
def add_levels(terms, z, e, by_z, y, spread, moments):
    """Add the blocks of B at the largest term's levels to its M."""
    levels, k = first_size(terms)
    block, crossed = np.empty((k, k)), np.empty(k)
    turned = np.empty(spread.shape[0])
    for j in range(levels):
        start, width, first = e.pointers[j], e.pointers[j + 1] - e.pointers[j], j * k
        own = e.columns[start : start + width]
        for i in range(k):
            row = e.cross[start * k + i * width : start * k + (i + 1) * width]
            if k == 1:
                crossed[0], block[0, 0] = square(row, own, spread, y)
                continue
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
def square(row, columns, spread, y):
    """Return a row of cells times y, and the row times the border's symmetric matrix times the row."""
    width, crossed, total = row.shape[0], 0.0, 0.0
    if width == spread.shape[0]:
        for a in range(width):
            s = 0.0
            for b in range(a):
                s += row[b] * spread[a, b]
            total += row[a] * (2.0 * s + row[a] * spread[a, a])
            crossed += row[a] * y[a]
        return crossed, total
    for a in range(width):
        s, into = 0.0, columns[a]
        for b in range(a):
            s += row[b] * spread[into, columns[b]]
        total += row[a] * (2.0 * s + row[a] * spread[into, into])
        crossed += row[a] * y[into]
    return crossed, total


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
