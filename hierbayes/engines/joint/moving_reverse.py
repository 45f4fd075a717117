"""Derivatives of the density in the chart that moves with theta.

Let a bar mark derivatives of the log density, with ``a = A^-1 r`` and ``y = R^-1 z``, as in `moving`. In reverse,
``z_bar = R^-T u_bar`` and ``r_bar = R^-1 z_bar`` with ``u = (v, beta)``. For a step ``dT = T K`` of the chart, K lower
triangular block by block, the log density changes by ``tr(M' K)`` with

    M = sum over levels of  B - I + r_bar a' + a r_bar' - u_bar u',     B = R^-1 (I + N) R^-T,

the diagonal block of B at the level, N symmetric with ``N_xy = z_bar_x z_y`` for x not after y. That the last column
comes first makes the part of the derivative in A that lies off the diagonal blocks fall away. A step ``dL = L K`` moves
``b = L v`` as well, which adds ``(u_bar + v) v'``. For a step Delta of ``log D`` at one level K is ``C^-1 Delta C``,
with C the factor of the correlations, for the sds commute with Delta. The coefficients have P in place of I:

    P (B + 2 r_bar a - r_bar m) - 1 - u_bar u.

B follows from ``R B = (I + N) R^-T``, whose entries above the diagonal are ``z_bar_x y_y``: a recursion from the last
row to the first that visits the places that R holds and no others, as that of Takahashi for the inverse of A. Where the
model is Gaussian ``z_bar = -z`` and the sum for a step of L is that of the collapsed engine.
"""

# mypy: allow-untyped-calls, allow-untyped-decorators, disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from hierbayes.engines.base import Floats, Ints
from hierbayes.engines.joint import tape as at
from hierbayes.engines.joint.elementary import copy_into, dot
from hierbayes.engines.joint.elimination import Elimination, first_size, reverse
from hierbayes.engines.joint.moving import ORDER_FREE, back_substitute, forward_substitute


@njit(cache=True, nogil=True, error_model="numpy")
def spread_count(terms: Ints) -> Any:
    """Return how many numbers the diagonal blocks of B over all terms have."""
    count = 0
    for t in range(terms.shape[0]):
        count += terms[t, at.LEVELS] * terms[t, at.K] ** 2
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def retrace(terms: Ints, z: Floats, e: Elimination, by_u: Floats, traced: Floats, spreads: Floats) -> None:
    """Turn derivatives in (v, beta) into those in z, in place, and fill r_bar, y and the diagonal blocks of B."""
    reverse(terms, by_u)
    forward_substitute(terms, e, by_u)
    by_r, y = traced[2], traced[3]
    copy_into(by_u, by_r)
    copy_into(z, y)
    back_substitute(terms, e, by_r)
    back_substitute(terms, e, y)
    levels, k = first_size(terms)
    spread = border_spread(e, by_u[levels * k :], y[levels * k :])
    if levels > 0:
        fill_first_blocks(terms, z, e, by_u, y[levels * k :], spread, spreads)
    fill_border_blocks(terms, spread, spreads)
    reverse(terms, by_r)
    reverse(terms, y)


@njit(cache=True, nogil=True, error_model="numpy")
def border_spread(e: Elimination, by_z: Floats, y: Floats) -> Floats:
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
def fill_first_blocks(
    terms: Ints, z: Floats, e: Elimination, by_z: Floats, y: Floats, spread: Floats, spreads: Floats
) -> None:
    """Fill the blocks of B at the largest term's levels."""
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
                spreads[(first + i) * k + h] = block[i, h]


@njit(cache=True, nogil=True, error_model="numpy")
def fill_border_blocks(terms: Ints, spread: Floats, spreads: Floats) -> None:
    """Fill the diagonal blocks of B over the border: of its terms, the last column first, then of the coefficients."""
    first = terms[0, at.LEVELS] * terms[0, at.K] if terms.shape[0] > 0 else 0
    place, start = first * terms[0, at.K] if terms.shape[0] > 0 else 0, 0
    for t in range(1, terms.shape[0]):
        k = terms[t, at.K]
        for _ in range(terms[t, at.LEVELS]):
            last = start + k - 1
            for i in range(k):
                for h in range(k):
                    spreads[place + i * k + h] = spread[last - i, last - h]
            start += k
            place += k * k
    for i in range(start, spread.shape[0]):
        spreads[place + i - start] = spread[i, i]


@njit(cache=True, nogil=True, error_model="numpy")
def gather_levels(
    k: int, traced: Floats, spreads: Floats, factor: Floats, moment: Floats, by_log_scale: Floats
) -> None:
    """Add ``v v' - I + r_bar a' + a r_bar' + B`` of every level of a term to its M, and fill derivatives in log D.

    `traced` holds rows u, u_bar, r_bar and y of the term's effects.
    """
    u, pull, by_r, y = traced[0], traced[1], traced[2], traced[3]
    own, inverse = np.empty((k, k)), inverse_of(factor, k)
    for start in range(0, u.shape[0], k):
        for i in range(k):
            r, mean = by_r[start + i], u[start + i] - y[start + i]
            for h in range(k):
                other = u[start + h]
                own[i, h] = r * (other - y[start + h]) + mean * by_r[start + h] + spreads[(start + i) * k + h]
                moment[i * k + h] += own[i, h] + u[start + i] * other
                own[i, h] -= pull[start + i] * other
            own[i, i] -= 1.0
            moment[i * k + i] -= 1.0
        for i in range(k):
            s = 0.0
            for a in range(i, k):
                for b in range(i + 1):
                    s += inverse[a, i] * own[a, b] * factor[i * k + b]
            by_log_scale[start + i] = s


@njit(cache=True, nogil=True, error_model="numpy")
def inverse_of(factor: Floats, k: int) -> Floats:
    """Return the inverse of a lower triangular matrix."""
    found = np.zeros((k, k))
    for c in range(k):
        found[c, c] = 1.0 / factor[c * k + c]
        for i in range(c + 1, k):
            s = 0.0
            for h in range(c, i):
                s += factor[i * k + h] * found[h, c]
            found[i, c] = -s / factor[i * k + i]
    return found


@njit(cache=True, nogil=True, error_model="numpy")
def gather_terms(
    terms: Ints, blocks: Ints, traced: Floats, spreads: Floats, factors: Floats, moments: Floats, by_log_scale: Floats
) -> Any:
    """Do what `gather_levels` does for every term; returns how much of `spreads` belongs to the terms."""
    moments[:] = 0.0
    place = 0
    for t in range(terms.shape[0]):
        k, flat, first = terms[t, at.K], terms[t, at.L], terms[t, at.START]
        last = first + terms[t, at.LEVELS] * k
        shape = blocks[terms[t, at.BLOCK], 3]
        gather_levels(
            k,
            traced[:, first:last],
            spreads[place : place + (last - first) * k],
            factors[shape : shape + k * k],
            moments[flat : flat + k * k],
            by_log_scale[first:last],
        )
        place += (last - first) * k
    return place


@njit(cache=True, nogil=True, error_model="numpy")
def gather_coefficients(ints: Ints, floats: Floats, traced: Floats, spreads: Floats, by_log_scale: Floats) -> None:
    """Fill derivatives in log D of the coefficients: ``-1 + P (r_bar (2 a - m) + B) - u_bar u``."""
    p, prior = ints[at.P], ints[at.AT_PRIOR]
    for i in range(p):
        mean, precision = floats[prior + i], floats[prior + p + i]
        u, pull, by_r, y = traced[0, i], traced[1, i], traced[2, i], traced[3, i]
        both = by_r * (2.0 * (u - y) - mean) + spreads[i]
        by_log_scale[i] = precision * both - pull * u - 1.0


@njit(cache=True, nogil=True, error_model="numpy", fastmath=ORDER_FREE)
def square(row: Floats, columns: Ints, spread: Floats, y: Floats) -> Any:
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


@njit(cache=True, nogil=True, error_model="numpy", fastmath=ORDER_FREE)
def products(cross: Floats, place: int, turned: Floats, width: int) -> float:
    """Return the sum of products of a row of cells with as many numbers."""
    s = 0.0
    for a in range(width):
        s += cross[place + a] * turned[a]
    return s


@njit(cache=True, nogil=True, error_model="numpy")
def divide_block(roots: Floats, base: int, block: Floats) -> None:
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


@njit(cache=True, nogil=True, error_model="numpy", fastmath=ORDER_FREE)
def spread_row(row: Floats, columns: Ints, spread: Floats, y: Floats, turned: Floats) -> Any:
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
