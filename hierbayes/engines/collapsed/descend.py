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


class Path(NamedTuple):
    """For each later layer the node above the one at hand, its offset in the row, and where it has the row's cells."""

    ids: Ints
    offsets: Ints
    places: Ints


class Row(NamedTuple):
    """The row of a node: the columns of its ancestors, its cells, the coefficients and the response."""

    k: int
    depth: int
    slot: int
    above: int
    cells: int
    wide: int


@njit(cache=True, nogil=True, error_model="numpy")
def chain_length(layers: Ints) -> int:
    """Return the number of layers in the chain."""
    length = 0
    while length < layers.shape[0] and layers[length, ROLE] != EDGE:
        length += 1
    return length


@njit(cache=True, nogil=True, error_model="numpy")
def empty_path(chain: Chain) -> Path:
    """Return work space for `locate`."""
    most = 1
    for i in range(chain.nodes.shape[0]):
        most = max(most, chain.nodes[i, 2])
    return Path(
        np.zeros(chain.length, np.int64), np.zeros(chain.length, np.int64), np.zeros((chain.length, most), np.int64)
    )


@njit(cache=True, nogil=True, error_model="numpy")
def locate(chain: Chain, depth: int, level: int, path: Path) -> Row:
    """Fill, for every later layer of the chain, the node above this one, its offset in the row, and its cells' places.

    ``places[t, c]`` is where cell c of this node stands among the cells of its ancestor in layer t. Returns the row.
    """
    layers, nodes = chain.layers, chain.nodes
    node = layers[depth, NODES] + level
    first, count = nodes[node, 1], nodes[node, 2]
    for c in range(count):
        path.places[depth, c] = c
    offset = 0
    below = node
    for t in range(depth + 1, chain.length):
        above = layers[t, NODES] + nodes[below, 3]
        path.ids[t] = above
        path.offsets[t] = offset
        offset += layers[t, K]
        start = first if t == depth + 1 else nodes[below, 1]
        for c in range(count):
            path.places[t, c] = chain.maps[start + path.places[t - 1, c]]
        below = above
    return Row(layers[depth, K], depth, nodes[node, 0], offset, count, offset + count + chain.p + 1)


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
    layers, nodes = chain.layers, chain.nodes
    path = empty_path(chain)
    widest = 1
    for t in range(chain.length):
        widest = max(widest, layers[t, K])
    factor = np.empty(widest * widest)
    half_log_det = 0.0
    for depth in range(chain.length):
        k, role = layers[depth, K], layers[depth, ROLE]
        own = lam[layers[depth, LAM] : layers[depth, LAM] + k * k]
        sign = 1.0 if role == FIRST else -1.0
        for level in range(layers[depth, J]):
            row = locate(chain, depth, level, path)
            slot, wide, first = row.slot, row.wide, nodes[layers[depth, NODES] + level, 1]
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
            hand_up(chain, path, row, sign, u, store)
            hand_over(row, chain.cells[first : first + row.cells], chain.q, sign, u, gram)
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
def hand_up(chain: Chain, path: Path, row_of: Row, sign: float, u: Floats, store: Floats) -> None:
    """Add a node's Schur complement to the slots of its ancestors."""
    k, above, count, width = row_of.k, row_of.above, row_of.cells, chain.p + 1
    nodes, ids, offsets, places = chain.nodes, path.ids, path.offsets, path.places
    for t in range(row_of.depth + 1, chain.length):
        kt = chain.layers[t, K]
        slot, cells_t = nodes[ids[t], 0], nodes[ids[t], 2]
        above_t = above - offsets[t] - kt
        wide_t = above_t + cells_t + width
        for a in range(kt):
            row = slot + kt * kt + a * wide_t
            for i in range(k):
                x = sign * u[i, offsets[t] + a]
                if x == 0.0:
                    continue
                for b in range(kt):
                    store[slot + a * kt + b] += x * u[i, offsets[t] + b]
                for b in range(above_t):
                    store[row + b] += x * u[i, offsets[t] + kt + b]
                for c in range(count):
                    store[row + above_t + places[t, c]] += x * u[i, above + c]
                for c in range(width):
                    store[row + above_t + cells_t + c] += x * u[i, above + count + c]


@njit(cache=True, nogil=True, error_model="numpy")
def hand_over(row_of: Row, cells: Ints, q: int, sign: float, u: Floats, gram: Floats) -> None:
    """Add a node's Schur complement to the upper triangle of the border."""
    k, above, count = row_of.k, row_of.above, row_of.cells
    width = row_of.wide - above - count
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
