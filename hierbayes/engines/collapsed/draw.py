"""One draw of beta and b from their conditional normal, given the factor at a theta."""

# mypy: allow-untyped-calls, allow-untyped-decorators, disable-error-code="no-any-return"
from __future__ import annotations

import math

import numpy as np
from numba import njit

from hierbayes.engines.collapsed import tape as at
from hierbayes.engines.collapsed.ascend import residual
from hierbayes.engines.collapsed.border import back_substitute, unscale_rows
from hierbayes.engines.collapsed.dense import upper
from hierbayes.engines.collapsed.descend import Row, empty_path, locate, node_factor, small_cholesky
from hierbayes.engines.collapsed.factor import factor_at
from hierbayes.engines.collapsed.kernel import block_table, chain_of, layer_table, matrix
from hierbayes.engines.collapsed.tape import EDGE, FIRST, LAM, NODES, ROLE, START, J, K


@njit(cache=True, nogil=True, error_model="numpy")
def draw_many(ints, floats, theta, normals, beta, b):  # type: ignore[no-untyped-def]
    """Fill rows of `beta` and `b` from rows of `theta` and of standard normal numbers."""
    q, p = ints[at.BORDER], ints[at.P]
    gram = np.empty((q + p + 1, q + p + 1))
    store = np.empty(ints[at.STORE])
    lam = np.empty(ints[at.MOMENTS])
    for d in range(theta.shape[0]):
        _, sigma = factor_at(ints, floats, theta[d], lam, gram, store)
        draw_one(ints, floats, lam, sigma, gram, store, normals[d], beta[d], b[d])


@njit(cache=True, nogil=True, error_model="numpy")
def draw_one(ints, floats, lam, sigma, gram, store, normals, beta, b):  # type: ignore[no-untyped-def]
    """Fill one draw of beta and of all b from what `factor_at` left; it stays fit for another draw."""
    q, p = ints[at.BORDER], ints[at.P]
    layers, blocks = layer_table(ints), block_table(ints)
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
        draw_chain(ints, floats, blocks, lam, sigma, normals[q + p :], w, store, b)
    elif layers.shape[0] > 0:
        draw_levels(ints, floats, blocks, lam, sigma, normals[q + p :], w, b)
    for t in range(layers.shape[0]):
        if layers[t, ROLE] == EDGE:
            for level in range(layers[t, J]):
                start = layers[t, START] + level * layers[t, K]
                own = ints[ints[at.AT_LEVELS] + level] if ints[at.THIN] > 0 and layers[t, START] == 0 else level
                put(ints, blocks, layers, t, own, w[start : start + layers[t, K]], b)


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
def draw_levels(ints, floats, blocks, lam, sigma, normals, w, b):  # type: ignore[no-untyped-def]
    """Draw the first layer's effects given the border's, one level after the other."""
    layers = layer_table(ints)
    k, levels, m = layers[0, K], layers[0, J], ints[at.BORDER] + ints[at.P] + 1
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
def draw_chain(ints, floats, blocks, lam, sigma, normals, w, store, b):  # type: ignore[no-untyped-def]
    """Draw the chain's effects given the border's, the last layer first."""
    layers, nodes, cells, maps, base, length, q, p = chain_of(ints, floats)
    path = empty_path(nodes, length)
    widest = 1
    for t in range(length):
        widest = max(widest, layers[t, K])
    # The means of what stands above give way to its draws until the first layer is done.
    means = np.empty(nodes.shape[0] * widest)
    used = 0
    for depth in range(length - 1, -1, -1):
        k, role = layers[depth, K], layers[depth, ROLE]
        own = lam[layers[depth, LAM] : layers[depth, LAM] + k * k]
        e = np.empty(k)
        v = np.empty(k)
        a = np.empty(k * k)
        for level in range(layers[depth, J]):
            node = layers[depth, NODES] + level
            slot, first, count = nodes[node, 0], nodes[node, 1], nodes[node, 2]
            above = locate(layers, length, depth, level, nodes, maps, path)
            wide = above + count + p + 1
            row = Row(k, depth, length, above, count, q, p, True)
            u = store[slot + k * k : slot + k * k + k * wide].reshape(k, wide)
            residual(row, layers, nodes, path, cells[first : first + count], u, store, w, e)
            if role == FIRST and k == 1:
                x = base[slot] * own[0]
                root = math.sqrt(1.0 + x * x)
                v[0] = (x * e[0] + sigma * normals[used]) / root
            elif role == FIRST:
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
            if role != FIRST:
                for i in range(k):
                    last = slot + k * k + i * wide + wide - 1
                    means[node * widest + i] = store[last]
                    store[last] = v[i]
            put(ints, blocks, layers, depth, level, v, b)
    restore(layers, length, nodes, p, widest, means, store)


@njit(cache=True, nogil=True, error_model="numpy")
def restore(layers, chain, nodes, p, widest, means, store):  # type: ignore[no-untyped-def]
    """Put the last columns of the chain's later layers back."""
    above = 0
    for depth in range(chain - 1, 0, -1):
        k = layers[depth, K]
        for node in range(layers[depth, NODES], layers[depth, NODES] + layers[depth, J]):
            slot, wide = nodes[node, 0], above + nodes[node, 2] + p + 1
            for i in range(k):
                store[slot + k * k + i * wide + wide - 1] = means[node * widest + i]
        above += k


@njit(cache=True, nogil=True, error_model="numpy")
def undo(k, factor, e):  # type: ignore[no-untyped-def]
    """Overwrite e with ``factor e``, the lower triangle of a flat k by k matrix."""
    for i in range(k - 1, -1, -1):
        s = 0.0
        for h in range(i + 1):
            s += factor[i * k + h] * e[h]
        e[i] = s
