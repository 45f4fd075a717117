"""The chain, eliminated level by level, with the cells of the border kept sparse.

Going down the chain each node adds its Schur complement to its ancestors and to the border; the way back is in
`ascend`.
"""

# mypy: allow-untyped-calls, allow-untyped-decorators, disable-error-code="no-any-return"
from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from hierbayes.engines.base import Floats, Ints
from hierbayes.engines.collapsed.tape import EDGE, FIRST, LAM, NODES, ROLE, J, K


class Chain(NamedTuple):
    """What a tape says of the chain: its table of layers, its nodes, what the store starts as, the width of the border.

    A node has its slot in the store, its first cell, the number of its cells, and its parent. `cells` are columns of
    the border, `maps` the place of each among the cells of the parent.
    """

    layers: Ints
    nodes: Ints
    cells: Ints
    maps: Ints
    base: Floats
    length: int
    q: int
    p: int


class Row(NamedTuple):
    """The row of a node: whole numbers alone, for a tuple of arrays would cost time at each of its nodes.

    Its columns are those of its ancestors, `above` of them, its cells, the coefficients and the response. `use_x` says
    whether the coefficients have a covariance.
    """

    k: int
    depth: int
    chain: int
    above: int
    cells: int
    q: int
    p: int
    use_x: bool


@njit(cache=True, nogil=True, error_model="numpy")
def chain_length(layers: Ints) -> int:
    """Return the number of layers in the chain."""
    length = 0
    while length < layers.shape[0] and layers[length, ROLE] != EDGE:
        length += 1
    return length


@njit(cache=True, nogil=True, error_model="numpy")
def empty_path(nodes: Ints, chain: int) -> Ints:
    """Return work space for `locate`."""
    most = 1
    for i in range(nodes.shape[0]):
        most = max(most, nodes[i, 2])
    return np.zeros((chain, 2 + most), np.int64)


@njit(cache=True, nogil=True, error_model="numpy")
def locate(layers: Ints, chain: int, depth: int, level: int, nodes: Ints, maps: Ints, path: Ints) -> int:
    """Fill, for every later layer of the chain, the node above this one, its offset in the row, and its cells' places.

    ``path[t, 2 + c]`` is where cell c of this node stands among the cells of its ancestor in layer t.
    """
    node = layers[depth, NODES] + level
    first, count = nodes[node, 1], nodes[node, 2]
    for c in range(count):
        path[depth, 2 + c] = c
    offset = 0
    below = node
    for t in range(depth + 1, chain):
        above = layers[t, NODES] + nodes[below, 3]
        path[t, 0] = above
        path[t, 1] = offset
        offset += layers[t, K]
        start = first if t == depth + 1 else nodes[below, 1]
        for c in range(count):
            path[t, 2 + c] = maps[start + path[t - 1, 2 + c]]
        below = above
    return offset


@njit(cache=True, nogil=True, error_model="numpy")
def small_cholesky(k: int, a: Floats) -> float:
    """Overwrite the lower triangle of the k by k `a` (flat) with its Cholesky factor; return its log diagonal."""
    total = 0.0
    for j in range(k):
        d = a[j * k + j]
        for h in range(j):
            d -= a[j * k + h] * a[j * k + h]
        d = math.sqrt(d)
        a[j * k + j] = d
        total += math.log(d)
        for i in range(j + 1, k):
            s = a[i * k + j]
            for h in range(j):
                s -= a[i * k + h] * a[j * k + h]
            a[i * k + j] = s / d
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def node_factor(role: int, k: int, lam: Floats, block: Floats, out: Floats) -> None:
    """Fill `out` with ``I + B B'`` (first layer, ``B = R Lam``) or ``I + Lam' S Lam`` (later ones)."""
    if k == 1:
        out[0] = 1.0 + (block[0] * lam[0]) * ((block[0] if role == FIRST else 1.0) * lam[0])
        return
    for i in range(k):
        for j in range(k):
            out[i * k + j] = 1.0 if i == j else 0.0
    b = np.zeros((k, k))
    for i in range(k):
        for j in range(k):
            for h in range(j, k):
                b[i, j] += block[i * k + h] * lam[h * k + j]
    for i in range(k):
        for j in range(k):
            s = 0.0
            for h in range(k):
                s += b[i, h] * b[j, h] if role == FIRST else lam[h * k + i] * b[h, j]
            out[i * k + j] += s


@njit(cache=True, nogil=True, error_model="numpy")
def descend(chain: Chain, lam: Floats, store: Floats, gram: Floats) -> float:
    """Eliminate the chain. `store` becomes factors and ``U``; `gram`, the border's upper triangle, is added to.

    Returns half the log determinant of what was eliminated.
    """
    layers, nodes, cells, maps, _, length, q, p = chain
    path = empty_path(nodes, length)
    widest = 1
    for t in range(length):
        widest = max(widest, layers[t, K])
    factor = np.empty(widest * widest)
    half_log_det = 0.0
    for depth in range(length):
        k, role = layers[depth, K], layers[depth, ROLE]
        own = lam[layers[depth, LAM] : layers[depth, LAM] + k * k]
        sign = 1.0 if role == FIRST else -1.0
        for level in range(layers[depth, J]):
            node = layers[depth, NODES] + level
            slot, first, count = nodes[node, 0], nodes[node, 1], nodes[node, 2]
            above = locate(layers, length, depth, level, nodes, maps, path)
            wide = above + count + p + 1
            row = Row(k, depth, length, above, count, q, p, True)
            node_factor(role, k, own, store[slot : slot + k * k], factor)
            half_log_det += small_cholesky(k, factor)
            u = store[slot + k * k : slot + k * k + k * wide].reshape(k, wide)
            if role != FIRST:
                for i in range(k):
                    store[slot + i * k : slot + i * k + k] = factor[i * k : i * k + k]
                    for c in range(wide):
                        s = own[i * k + i] * u[i, c]
                        for h in range(i + 1, k):
                            s += own[h * k + i] * u[h, c]
                        u[i, c] = s
            solve_rows(k, wide, factor, u)
            hand_up(row, layers, nodes, path, sign, u, store)
            hand_over(row, cells[first : first + count], sign, u, gram)
    return half_log_det


@njit(cache=True, nogil=True, error_model="numpy")
def solve_rows(k: int, wide: int, factor: Floats, u: Floats) -> None:
    """Overwrite ``u`` with ``factor^-1 u``."""
    for i in range(k):
        for h in range(i):
            s = factor[i * k + h]
            for c in range(wide):
                u[i, c] -= s * u[h, c]
        d = 1.0 / factor[i * k + i]
        for c in range(wide):
            u[i, c] *= d


@njit(cache=True, nogil=True, error_model="numpy")
def hand_up(at: Row, layers: Ints, nodes: Ints, path: Ints, sign: float, u: Floats, store: Floats) -> None:
    """Add a node's Schur complement to the slots of its ancestors."""
    k, above, count, width = at.k, at.above, at.cells, at.p + 1
    for t in range(at.depth + 1, at.chain):
        kt, offset = layers[t, K], path[t, 1]
        slot, cells_t = nodes[path[t, 0], 0], nodes[path[t, 0], 2]
        above_t = above - offset - kt
        wide_t = above_t + cells_t + width
        for a in range(kt):
            row = slot + kt * kt + a * wide_t
            for i in range(k):
                x = sign * u[i, offset + a]
                if x == 0.0:
                    continue
                for b in range(kt):
                    store[slot + a * kt + b] += x * u[i, offset + b]
                for b in range(above_t):
                    store[row + b] += x * u[i, offset + kt + b]
                for c in range(count):
                    store[row + above_t + path[t, 2 + c]] += x * u[i, above + c]
                for c in range(width):
                    store[row + above_t + cells_t + c] += x * u[i, above + count + c]


@njit(cache=True, nogil=True, error_model="numpy")
def hand_over(at: Row, cells: Ints, sign: float, u: Floats, gram: Floats) -> None:
    """Add a node's Schur complement to the upper triangle of the border."""
    k, above, count, width, q = at.k, at.above, at.cells, at.p + 1, at.q
    # Places without a sign spare the compiler a test for negative ones at every multiplication.
    places = cells.view(np.uint64)
    stop = np.uint64(count)
    for i in range(k):
        own = u[i, above : above + count]
        for a in range(stop):
            x = sign * own[a]
            if x == 0.0:
                continue
            row = gram[places[a]]
            for b in range(a, stop):
                row[places[b]] += x * own[b]
            for c in range(width):
                row[q + c] += x * u[i, above + count + c]
        for a in range(width):
            x = sign * u[i, above + count + a]
            for c in range(a, width):
                gram[q + a, q + c] += x * u[i, above + count + c]
