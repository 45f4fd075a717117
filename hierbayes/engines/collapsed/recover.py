"""beta and b given theta: exact draws from their conditional normal."""

# mypy: allow-untyped-calls, allow-untyped-decorators
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numba import njit

from hierbayes.engines.base import Floats, Ints, Problem
from hierbayes.engines.collapsed import tape as at
from hierbayes.engines.collapsed.ascend import residual
from hierbayes.engines.collapsed.border import (
    add_prior,
    back_substitute,
    cholesky_upper,
    scale_border,
    unscale_rows,
)
from hierbayes.engines.collapsed.dense import BATCH, eliminate, upper
from hierbayes.engines.collapsed.descend import chain_length, locate, node_factor, small_cholesky
from hierbayes.engines.collapsed.kernel import fill_lam, layer_table, matrix, sparse_forward, sparse_parts
from hierbayes.engines.collapsed.tape import EDGE, FIRST, LAM, NODES, ROLE, START, J, K
from hierbayes.engines.theta import unpack_theta

_CHUNK_NUMBERS = 1 << 19
"""Random numbers that one chunk of draws takes; chunks set the streams, so this must not depend on the machine."""


@dataclass(frozen=True)
class Recovered:
    """Draws of beta and b, in the internal coordinates of the problem.

    Attributes
    ----------
    beta : array, shape (draws, p)
    b : tuple of array, shape (draws, levels, k)
        One a block.
    """

    beta: Floats
    b: tuple[Floats, ...]


def recover(problem: Problem, words: Ints, theta: Floats, seed: int | list[int], cores: int = 1) -> Recovered:
    """Draw beta and every b once for each draw of theta, from their exact conditional.

    Parameters
    ----------
    problem : Problem
    words : array of int
        The problem's tape.
    theta : array, shape (draws, dim)
    seed : int or list of int
        Fixes every number, whatever the number of cores.
    cores : int
        Threads.
    """
    draws = len(theta)
    sizes = [block.n_levels * block.Z.shape[1] for block in problem.blocks]
    total = sum(sizes)
    beta = np.empty((draws, problem.p))
    b = np.empty((draws, total))
    step = max(1, _CHUNK_NUMBERS // max(1, total + problem.p))
    floats = words.view(np.float64)
    theta = np.ascontiguousarray(theta, dtype=np.float64)

    def chunk(first: int) -> None:
        stop = min(first + step, draws)
        source = np.random.SeedSequence(seed, spawn_key=(first // step,))
        normals = np.random.Generator(np.random.SFC64(source)).standard_normal((stop - first, total + problem.p))
        draw_many(words, floats, theta[first:stop], normals, beta[first:stop], b[first:stop])

    starts = range(0, draws, step)
    if cores > 1 and len(starts) > 1:
        with ThreadPoolExecutor(cores) as pool:
            list(pool.map(chunk, starts))
    else:
        for first in starts:
            chunk(first)
    ends = np.cumsum([0, *sizes])
    return Recovered(
        beta=beta,
        b=tuple(
            b[:, ends[i] : ends[i + 1]].reshape(draws, block.n_levels, block.Z.shape[1])
            for i, block in enumerate(problem.blocks)
        ),
    )


@njit(cache=True, nogil=True, error_model="numpy")
def draw_many(ints, floats, theta, normals, beta, b):  # type: ignore[no-untyped-def]
    """Fill rows of `beta` and `b` from rows of `theta` and of standard normal numbers."""
    blocks_count = ints[at.BLOCKS]
    place = ints[at.AT_BLOCK_INTS]
    blocks = ints[place : place + 4 * blocks_count].reshape(blocks_count, 4)
    layers = layer_table(ints)
    sds_count = 1
    flat_count = 0
    for t in range(blocks_count):
        sds_count += blocks[t, 0]
        flat_count += blocks[t, 0] * blocks[t, 0]
    sds = np.empty(sds_count)
    slopes = np.empty(sds_count)
    lam = np.empty(ints[at.MOMENTS])
    pull = np.zeros(ints[at.DIM])
    scalars = ints[at.AT_SCALAR_INTS]
    for d in range(theta.shape[0]):
        factors = floats[ints[at.AT_FACTORS] : ints[at.AT_FACTORS] + flat_count].copy()
        unpack_theta(
            ints[scalars : scalars + 3 * sds_count].reshape(sds_count, 3),
            matrix(floats, ints[at.AT_SCALAR_FLOATS], sds_count, 5),
            blocks,
            floats[ints[at.AT_ETAS] : ints[at.AT_ETAS] + blocks_count],
            theta[d],
            sds,
            slopes,
            factors,
            pull,
        )
        sigma = sds[sds_count - 1]
        fill_lam(ints, blocks, layers, sds, factors, sigma, lam)
        draw_one(ints, floats, blocks, layers, lam, sigma, normals[d], beta[d], b[d])


@njit(cache=True, nogil=True, error_model="numpy")
def draw_one(ints, floats, blocks, layers, lam, sigma, normals, beta, b):  # type: ignore[no-untyped-def]
    """Fill one draw of beta and of all b."""
    q, p = ints[at.BORDER], ints[at.P]
    m = q + p + 1
    gram = matrix(floats, ints[at.AT_BASE], m, m).copy()
    store = np.empty(0)
    if ints[at.SPARSE]:
        store = floats[ints[at.AT_TAIL] : ints[at.AT_TAIL] + ints[at.STORE]].copy()
        sparse_forward(ints, floats, lam, sigma, at.BAYES, store, gram)
    else:
        if layers.shape[0] > 0:
            k, levels = layers[0, K], layers[0, J]
            lanes = min(levels, BATCH)
            eliminate(
                k, levels, m,
                matrix(floats, ints[at.AT_R], k * (k + 1) // 2, levels),
                matrix(floats, ints[at.AT_TAIL], k * m, levels),
                lam, np.empty((k * k, lanes)), np.empty((k * k, lanes)), np.empty((k * m, lanes)), gram,
            )  # fmt: skip
        scale_border(layers, lam, gram)
        add_prior(matrix(floats, ints[at.AT_PRIOR], p + 1, p + 1), q, p, sigma, gram)
        cholesky_upper(gram)
    w = np.empty(q + p)
    rhs = np.empty(q + p)
    for i in range(q + p):
        rhs[i] = gram[i, q + p] + sigma * normals[i]
    back_substitute(gram, q + p, rhs, w)
    unscale_rows(layers, lam, w.reshape(q + p, 1), 1)
    back = ints[at.AT_BACK]
    for i in range(p):
        s = floats[back + i]
        for j in range(p):
            s += floats[back + p + i * p + j] * w[q + j]
        beta[i] = s
    if ints[at.SPARSE]:
        draw_chain(ints, floats, blocks, layers, lam, sigma, normals[q + p :], w, store, b)
    elif layers.shape[0] > 0:
        draw_levels(ints, floats, blocks, layers, lam, sigma, normals[q + p :], w, b)
    for t in range(layers.shape[0]):
        if layers[t, ROLE] == EDGE:
            for level in range(layers[t, J]):
                start = layers[t, START] + level * layers[t, K]
                put(ints, blocks, layers, t, level, w[start : start + layers[t, K]], b)


@njit(cache=True, nogil=True, error_model="numpy")
def put(ints, blocks, layers, layer, level, values, b):  # type: ignore[no-untyped-def]
    """Put one level's effects where its blocks keep them."""
    places = ints[at.AT_PLACES]
    start = 0
    for t in range(blocks.shape[0]):
        own, column = ints[places + 2 * t], ints[places + 2 * t + 1]
        k = blocks[t, 0]
        if own == layer:
            for i in range(k):
                b[start + level * k + i] = values[column + i]
        start += layers[own, J] * k


@njit(cache=True, nogil=True, error_model="numpy")
def draw_levels(ints, floats, blocks, layers, lam, sigma, normals, w, b):  # type: ignore[no-untyped-def]
    """Draw the first layer's effects given the border's, one level after the other."""
    k, levels = layers[0, K], layers[0, J]
    m = ints[at.BORDER] + ints[at.P] + 1
    r = matrix(floats, ints[at.AT_R], k * (k + 1) // 2, levels)
    c = matrix(floats, ints[at.AT_TAIL], k * m, levels)
    x = np.empty((k, k))
    a = np.empty(k * k)
    e = np.empty(k)
    v = np.empty(k)
    for level in range(levels):
        for i in range(k):
            s = c[i * m + m - 1, level]
            for j in range(m - 1):
                s -= c[i * m + j, level] * w[j]
            e[i] = s
            for j in range(k):
                s = 0.0
                for h in range(max(i, j), k):
                    s += r[upper(k, i, h), level] * lam[h * k + j]
                x[i, j] = s
        normal_given(k, x, e, sigma, normals[level * k : level * k + k], a, v)
        times_lam(k, lam, v)
        put(ints, blocks, layers, 0, level, v, b)


@njit(cache=True, nogil=True, error_model="numpy")
def normal_given(k, x, e, sigma, normals, a, v):  # type: ignore[no-untyped-def]
    """Fill `v` with a draw from ``N(A^-1 x'e, sigma^2 A^-1)``, ``A = I + x'x``."""
    for i in range(k):
        v[i] = 0.0
        for h in range(k):
            v[i] += x[h, i] * e[h]
        for j in range(i + 1):
            s = 1.0 if i == j else 0.0
            for h in range(k):
                s += x[h, i] * x[h, j]
            a[i * k + j] = s
    small_cholesky(k, a)
    for i in range(k):
        for h in range(i):
            v[i] -= a[i * k + h] * v[h]
        v[i] /= a[i * k + i]
    for i in range(k):
        v[i] += sigma * normals[i]
    for i in range(k - 1, -1, -1):
        for h in range(i + 1, k):
            v[i] -= a[h * k + i] * v[h]
        v[i] /= a[i * k + i]


@njit(cache=True, nogil=True, error_model="numpy")
def times_lam(k, lam, v):  # type: ignore[no-untyped-def]
    """Overwrite v with ``Lam v``."""
    for i in range(k - 1, -1, -1):
        s = 0.0
        for h in range(i + 1):
            s += lam[i * k + h] * v[h]
        v[i] = s


@njit(cache=True, nogil=True, error_model="numpy")
def draw_chain(ints, floats, blocks, layers, lam, sigma, normals, w, store, b):  # type: ignore[no-untyped-def]
    """Draw the chain's effects given the border's, the last layer first."""
    q, p = ints[at.BORDER], ints[at.P]
    nodes, cells, maps = sparse_parts(ints)
    base = floats[ints[at.AT_TAIL] : ints[at.AT_TAIL] + ints[at.STORE]]
    chain = chain_length(layers)
    ids = np.zeros(chain, np.int64)
    offsets = np.zeros(chain, np.int64)
    most = 1
    for i in range(nodes.shape[0]):
        most = max(most, nodes[i, 2])
    places = np.zeros((chain, most), np.int64)
    used = 0
    for depth in range(chain - 1, -1, -1):
        k, role = layers[depth, K], layers[depth, ROLE]
        own = lam[layers[depth, LAM] : layers[depth, LAM] + k * k]
        e = np.empty(k)
        v = np.empty(k)
        a = np.empty(k * k)
        for level in range(layers[depth, J]):
            node = layers[depth, NODES] + level
            slot, first, count = nodes[node, 0], nodes[node, 1], nodes[node, 2]
            above = locate(layers, chain, depth, level, nodes, maps, ids, offsets, places)
            wide = above + count + p + 1
            u = store[slot + k * k : slot + k * k + k * wide].reshape(k, wide)
            own_cells = cells[first : first + count]
            residual(k, depth, chain, layers, nodes, ids, offsets, above, count, p, q, own_cells, u, store, w, e)
            if role == FIRST:
                node_factor(role, k, own, base[slot : slot + k * k], a)
                small_cholesky(k, a)
                undo(k, a, e)
                f = np.zeros((k, k))
                for i in range(k):
                    for j in range(k):
                        for h in range(max(i, j), k):
                            f[i, j] += base[slot + i * k + h] * own[h * k + j]
                normal_given(k, f, e, sigma, normals[used : used + k], a, v)
            else:
                for i in range(k):
                    v[i] = e[i] + sigma * normals[used + i]
                for i in range(k - 1, -1, -1):
                    for h in range(i + 1, k):
                        v[i] -= store[slot + h * k + i] * v[h]
                    v[i] /= store[slot + i * k + i]
            used += k
            times_lam(k, own, v)
            for i in range(k):
                store[slot + k * k + i * wide + wide - 1] = v[i]
            put(ints, blocks, layers, depth, level, v, b)


@njit(cache=True, nogil=True, error_model="numpy")
def undo(k, factor, e):  # type: ignore[no-untyped-def]
    """Overwrite e with ``factor e``, the lower triangle of a flat k by k matrix."""
    for i in range(k - 1, -1, -1):
        s = 0.0
        for h in range(i + 1):
            s += factor[i * k + h] * e[h]
        e[i] = s
