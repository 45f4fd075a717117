"""The chart in which NUTS walks: a constant linear map from z to (theta, w).

    theta = mode + C z_theta          w = w_mode + D (theta - mode) + z_w through the factors of the border and levels

The largest term's effects are, given the border's, independent of each other: ``w_j = A_j z_j + F_j d``, with d the
border's move under its own z. Then z is close to a standard normal vector where the density is close to normal.
"""

# mypy: allow-untyped-calls, allow-untyped-decorators, disable-error-code="no-any-return"
from __future__ import annotations

import numpy as np
from numba import njit

from hierbayes.engines.base import Floats, Ints
from hierbayes.engines.joint import tape as at
from hierbayes.engines.joint.elementary import add_scaled, copy_into, dot
from hierbayes.engines.joint.rows import part


@njit(cache=True, nogil=True, error_model="numpy")
def to_point(ints: Ints, floats: Floats, terms: Ints, z: Floats, theta: Floats, w: Floats) -> None:
    """Fill theta and w at z; where the tape carries no chart, z holds them."""
    dim, size = ints[at.DIM], w.shape[0]
    if not ints[at.CHART_ON]:
        copy_into(z[:dim], theta)
        copy_into(z[dim:], w)
        return
    mode = ints[at.AT_MODE]
    curves = ints[at.AT_CURVES]
    border(ints, floats, terms, z[dim:], w)
    coupled(ints, floats, terms, z[dim:], w)
    for i in range(dim):
        move = dot(part(floats, curves + i * dim, dim), z[:dim])
        theta[i] = floats[mode + i] + move
        add_scaled(move, part(floats, curves + dim * dim + i * size, size), w)
    add_scaled(1.0, part(floats, mode + dim, size), w)


@njit(cache=True, nogil=True, error_model="numpy")
def to_theta(ints: Ints, floats: Floats, z: Floats, theta: Floats) -> None:
    """Fill theta alone at z: ``mode + C z_theta``."""
    dim = ints[at.DIM]
    for i in range(dim):
        theta[i] = floats[ints[at.AT_MODE] + i] + dot(part(floats, ints[at.AT_CURVES] + i * dim, dim), z[:dim])


@njit(cache=True, nogil=True, error_model="numpy")
def pull_theta(ints: Ints, floats: Floats, by_theta: Floats, grad: Floats) -> None:
    """Fill the derivatives in ``z_theta`` from those in theta alone."""
    dim = ints[at.DIM]
    grad[:dim] = 0.0
    for i in range(dim):
        add_scaled(by_theta[i], part(floats, ints[at.AT_CURVES] + i * dim, dim), grad[:dim])


@njit(cache=True, nogil=True, error_model="numpy")
def border(ints: Ints, floats: Floats, terms: Ints, z: Floats, w: Floats) -> None:
    """Fill the border's move: the lower triangular factor times its z."""
    first = terms[0, at.LEVELS] * terms[0, at.K] if terms.shape[0] > 0 else 0
    m = w.shape[0] - first
    place = ints[at.AT_BORDER]
    own = z[first:]
    for i in range(m):
        w[first + i] = dot(part(floats, place + i * m, i + 1), own[: i + 1])


@njit(cache=True, nogil=True, error_model="numpy")
def coupled(ints: Ints, floats: Floats, terms: Ints, z: Floats, w: Floats) -> None:
    """Fill the moves of the largest term's effects."""
    if terms.shape[0] == 0:
        return
    levels, k = terms[0, at.LEVELS], terms[0, at.K]
    pointers = part(ints, ints[at.AT_POINTERS], levels + 1)
    columns = part(ints, ints[at.AT_COLUMNS], ints[at.CELLS]).view(np.uint64)
    coupling, factors = ints[at.AT_COUPLING], ints[at.AT_LEVELS]
    moves = w[levels * k :]
    for j in range(levels):
        start, stop = pointers[j], pointers[j + 1]
        own = columns[start:stop]
        for c in range(k):
            row = part(floats, coupling + start * k + c * (stop - start), stop - start)
            s = 0.0
            if row.shape[0] == moves.shape[0]:
                s = dot(row, moves)
            else:
                for i in range(row.shape[0]):
                    s += row[i] * moves[own[i]]
            for m in range(c + 1):
                s += floats[factors + (j * k + c) * k + m] * z[j * k + m]
            w[j * k + c] = s


@njit(cache=True, nogil=True, error_model="numpy")
def pull_back(ints: Ints, floats: Floats, terms: Ints, by_theta: Floats, by_w: Floats, grad: Floats) -> None:
    """Fill the gradient in z from those in theta and w; `by_w` is overwritten."""
    dim, size = ints[at.DIM], by_w.shape[0]
    if not ints[at.CHART_ON]:
        grad[:dim] = by_theta
        grad[dim:] = by_w
        return
    curves = ints[at.AT_CURVES]
    grad[:] = 0.0
    for i in range(dim):
        whole = by_theta[i] + dot(part(floats, curves + dim * dim + i * size, size), by_w)
        add_scaled(whole, part(floats, curves + i * dim, dim), grad[:dim])
    pull_back_levels(ints, floats, terms, by_w, grad[dim:])
    first = terms[0, at.LEVELS] * terms[0, at.K] if terms.shape[0] > 0 else 0
    m = size - first
    place = ints[at.AT_BORDER]
    for i in range(m):
        add_scaled(by_w[first + i], part(floats, place + i * m, i + 1), grad[dim + first : dim + first + i + 1])


@njit(cache=True, nogil=True, error_model="numpy")
def pull_back_levels(ints: Ints, floats: Floats, terms: Ints, by_w: Floats, grad: Floats) -> None:
    """Take the largest term's derivatives to z and, through the coupling, to the border's move."""
    if terms.shape[0] == 0:
        return
    levels, k = terms[0, at.LEVELS], terms[0, at.K]
    pointers = part(ints, ints[at.AT_POINTERS], levels + 1)
    columns = part(ints, ints[at.AT_COLUMNS], ints[at.CELLS]).view(np.uint64)
    coupling, factors = ints[at.AT_COUPLING], ints[at.AT_LEVELS]
    moves = by_w[levels * k :]
    for j in range(levels):
        start, stop = pointers[j], pointers[j + 1]
        own = columns[start:stop]
        for c in range(k):
            g = by_w[j * k + c]
            row = part(floats, coupling + start * k + c * (stop - start), stop - start)
            if row.shape[0] == moves.shape[0]:
                add_scaled(g, row, moves)
            else:
                for i in range(row.shape[0]):
                    moves[own[i]] += g * row[i]
            for m in range(c + 1):
                grad[j * k + m] += floats[factors + (j * k + c) * k + m] * g
