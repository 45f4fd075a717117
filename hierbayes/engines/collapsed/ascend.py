"""The way back up the chain: conditional means and covariances where the factor has entries, and nowhere else.

A node's covariance with what stands above it is minus its own solve times the covariances above, all of which belong
to pairs that the factor holds (Takahashi's recursion).
"""

# mypy: allow-untyped-calls, allow-untyped-decorators, disable-error-code="no-any-return"
from __future__ import annotations

import numpy as np
from numba import njit

from hierbayes.engines.base import Floats, Ints
from hierbayes.engines.collapsed.descend import (
    Chain,
    Row,
    empty_path,
    locate,
    node_factor,
    small_cholesky,
    solve_rows,
)
from hierbayes.engines.collapsed.tape import FIRST, LAM, NODES, ROLE, J, K


@njit(cache=True, nogil=True, error_model="numpy")
def ascend(
    chain: Chain, lam: Floats, store: Floats, mean: Floats, cov: Floats, use_x: bool, sigma: float, moments: Floats,
    keep: bool,
) -> None:  # fmt: skip
    """Fill M of the chain's layers, from the factored `store` and the border's mean and covariance, both for b.

    Slots of later layers, and of the first if `keep`, become covariances of b, their last columns conditional means.
    """
    layers, nodes, all_cells, maps, base, length, q, p = chain
    path = empty_path(nodes, length)
    for depth in range(length - 1, -1, -1):
        k, role = layers[depth, K], layers[depth, ROLE]
        place = layers[depth, LAM]
        own = lam[place : place + k * k]
        total = np.zeros((k, k))
        factor = np.empty(k * k)
        e = np.empty(k)
        s = np.empty((k, k))
        v = np.empty((k, k))
        r = np.empty((k, k))
        for level in range(layers[depth, J]):
            node = layers[depth, NODES] + level
            slot, first, count = nodes[node, 0], nodes[node, 1], nodes[node, 2]
            above = locate(layers, length, depth, level, nodes, maps, path)
            wide = above + count + p + 1
            row = Row(k, depth, length, above, count, q, p, use_x)
            u = store[slot + k * k : slot + k * k + k * wide].reshape(k, wide)
            cells = all_cells[first : first + count]
            pulled = np.zeros((k, wide))
            residual(row, layers, nodes, path, cells, u, store, mean, e)
            spread_rows(row, layers, nodes, path, cells, u, store, cov, pulled)
            for i in range(k):
                for j in range(k):
                    dot = 0.0
                    for c in range(wide - 1):
                        dot += pulled[i, c] * u[j, c]
                    s[i, j] = dot
            if role == FIRST:
                node_factor(role, k, own, base[slot : slot + k * k], factor)
                small_cholesky(k, factor)
                if keep:
                    keep_first(k, own, base[slot : slot + k * k], factor, slot, wide, e, s, store)
                for i in range(k):
                    for j in range(k):
                        r[i, j] = base[slot + i * k + j]
                        s[i, j] += e[i] / sigma * (e[j] / sigma) - (1.0 if i == j else 0.0)
                solve_rows(k, k, factor, r)
                for i in range(k):
                    for j in range(k):
                        dot = 0.0
                        for h in range(k):
                            dot += s[i, h] * r[h, j]
                        v[i, j] = dot
                for i in range(k):
                    for j in range(k):
                        for h in range(k):
                            total[i, j] += r[h, i] * v[h, j]
                continue
            factor[:] = store[slot : slot + k * k]
            for i in range(k):
                s[i, i] += 1.0
            solve_back(k, factor, e, pulled, s, wide)
            for i in range(k):
                for j in range(k):
                    total[i, j] += e[i] / sigma * (e[j] / sigma) + s[i, j] - (1.0 if i == j else 0.0)
            store_node(k, own, slot, wide, e, s, pulled, store)
        if role == FIRST:
            sandwich(k, own, total, moments[place : place + k * k])
        else:
            for i in range(k):
                for j in range(k):
                    moments[place + i * k + j] = total[i, j]


@njit(cache=True, nogil=True, error_model="numpy")
def whitened(k: int, lam: Floats, block: Floats, factor: Floats) -> Floats:
    """Return ``F = G^-1/2 R Lam`` of one level of the first layer."""
    f = np.zeros((k, k))
    for i in range(k):
        for j in range(k):
            for h in range(max(i, j), k):
                f[i, j] += block[i * k + h] * lam[h * k + j]
    solve_rows(k, k, factor, f)
    return f


@njit(cache=True, nogil=True, error_model="numpy")
def keep_first(
    k: int, lam: Floats, block: Floats, factor: Floats, slot: int, wide: int, e: Floats, s: Floats, store: Floats
) -> None:
    """Put a level's conditional covariance and mean of b into its slot; ``s`` is ``U Cov U'``."""
    f = whitened(k, lam, block, factor)
    v = np.zeros(k)
    inner = np.zeros((k, k))
    for i in range(k):
        for h in range(k):
            v[i] += f[h, i] * e[h]
        for j in range(k):
            inner[i, j] = 1.0 if i == j else 0.0
            for h in range(k):
                for r in range(k):
                    inner[i, j] += f[h, i] * (s[h, r] - (1.0 if h == r else 0.0)) * f[r, j]
    store_node(k, lam, slot, wide, v, inner, store[slot + k * k : slot + k * k + k * wide].reshape(k, wide), store)


@njit(cache=True, nogil=True, error_model="numpy")
def sandwich(k: int, lam: Floats, middle: Floats, out: Floats) -> None:
    """Fill ``Lam' middle Lam``."""
    for i in range(k):
        for j in range(k):
            value = 0.0
            for x in range(i, k):
                for z in range(j, k):
                    value += lam[x * k + i] * middle[x, z] * lam[z * k + j]
            out[i * k + j] = value


@njit(cache=True, nogil=True, error_model="numpy")
def residual(
    at: Row, layers: Ints, nodes: Ints, path: Ints, cells: Ints, u: Floats, store: Floats, mean: Floats, e: Floats,
) -> None:  # fmt: skip
    """Fill ``e = u_y - U b`` with the conditional means of everything above."""
    k, above, count, p, q = at.k, at.above, at.cells, at.p, at.q
    for i in range(k):
        s = u[i, above + count + p]
        for c in range(count):
            s -= u[i, above + c] * mean[cells[c]]
        for c in range(p):
            s -= u[i, above + count + c] * mean[q + c]
        e[i] = s
    for t in range(at.depth + 1, at.chain):
        kt, offset = layers[t, K], path[t, 1]
        slot = nodes[path[t, 0], 0]
        wide_t = above - offset - kt + nodes[path[t, 0], 2] + p + 1
        for a in range(kt):
            x = store[slot + kt * kt + a * wide_t + wide_t - 1]
            for i in range(k):
                e[i] -= u[i, offset + a] * x


@njit(cache=True, nogil=True, error_model="numpy")
def spread_rows(
    at: Row, layers: Ints, nodes: Ints, path: Ints, cells: Ints, u: Floats, store: Floats, cov: Floats, pulled: Floats,
) -> None:  # fmt: skip
    """Fill ``pulled = U Cov`` over the columns of a node's row."""
    k, above, count, p, q = at.k, at.above, at.cells, at.p, at.q
    tail = above + count
    for a in range(count):
        row = cells[a]
        for i in range(k):
            pulled[i, above + a] += u[i, above + a] * cov[row, row]
        # Half of the look-ups: they miss the cache, and the matrix is symmetric.
        for b in range(a + 1, count):
            x = cov[row, cells[b]]
            for i in range(k):
                pulled[i, above + b] += u[i, above + a] * x
                pulled[i, above + a] += u[i, above + b] * x
        if at.use_x:
            for c in range(p):
                x = cov[row, q + c]
                for i in range(k):
                    pulled[i, tail + c] += u[i, above + a] * x
                    pulled[i, above + a] += u[i, tail + c] * x
    if at.use_x:
        for a in range(p):
            for b in range(p):
                for i in range(k):
                    pulled[i, tail + b] += u[i, tail + a] * cov[q + a, q + b]
    for t in range(at.depth + 1, at.chain):
        kt, start = layers[t, K], path[t, 1]
        slot, cells_t = nodes[path[t, 0], 0], nodes[path[t, 0], 2]
        above_t = above - start - kt
        wide_t = above_t + cells_t + p + 1
        for a in range(kt):
            row = slot + kt * kt + a * wide_t
            for i in range(k):
                own = u[i, start + a]
                gained = 0.0
                for b in range(kt):
                    pulled[i, start + b] += own * store[slot + a * kt + b]
                for b in range(above_t):
                    x = store[row + b]
                    pulled[i, start + kt + b] += own * x
                    gained += u[i, start + kt + b] * x
                for c in range(count):
                    x = store[row + above_t + path[t, 2 + c]]
                    pulled[i, above + c] += own * x
                    gained += u[i, above + c] * x
                for c in range(p):
                    x = store[row + above_t + cells_t + c]
                    pulled[i, tail + c] += own * x
                    gained += u[i, tail + c] * x
                pulled[i, start + a] += gained


@njit(cache=True, nogil=True, error_model="numpy")
def solve_back(k: int, factor: Floats, e: Floats, pulled: Floats, s: Floats, wide: int) -> None:
    """Overwrite e, `pulled` with ``factor^-T`` times themselves and s with ``factor^-T s factor^-1``."""
    for i in range(k - 1, -1, -1):
        d = 1.0 / factor[i * k + i]
        for h in range(i + 1, k):
            f = factor[h * k + i]
            e[i] -= f * e[h]
            for c in range(wide):
                pulled[i, c] -= f * pulled[h, c]
            for c in range(k):
                s[i, c] -= f * s[h, c]
        e[i] *= d
        for c in range(wide):
            pulled[i, c] *= d
        for c in range(k):
            s[i, c] *= d
    for j in range(k - 1, -1, -1):
        d = 1.0 / factor[j * k + j]
        for h in range(j + 1, k):
            f = factor[h * k + j]
            for i in range(k):
                s[i, j] -= s[i, h] * f
        for i in range(k):
            s[i, j] *= d


@njit(cache=True, nogil=True, error_model="numpy")
def store_node(k: int, lam: Floats, slot: int, wide: int, e: Floats, s: Floats, pulled: Floats, store: Floats) -> None:
    """Put a node's covariances and mean of b into its slot."""
    for i in range(k):
        mean = 0.0
        for h in range(i + 1):
            mean += lam[i * k + h] * e[h]
        row = slot + k * k + i * wide
        for c in range(wide - 1):
            value = 0.0
            for h in range(i + 1):
                value -= lam[i * k + h] * pulled[h, c]
            store[row + c] = value
        store[row + wide - 1] = mean
        for j in range(k):
            value = 0.0
            for h in range(i + 1):
                for r in range(j + 1):
                    value += lam[i * k + h] * s[h, r] * lam[j * k + r]
            store[slot + i * k + j] = value
