"""Conditional mean and covariance of beta and b, given L and sigma: what a classical fit reports."""

# mypy: allow-untyped-calls, allow-untyped-decorators
from __future__ import annotations

import numpy as np
from numba import njit

from hierbayes.engines.base import Floats, Ints, Problem
from hierbayes.engines.collapsed import tape as at
from hierbayes.engines.collapsed.ascend import ascend
from hierbayes.engines.collapsed.border import back_substitute, unscale_columns, unscale_rows
from hierbayes.engines.collapsed.kernel import border_inverse, layer_table, matrix, sparse_forward, sparse_parts
from hierbayes.engines.collapsed.tape import EDGE, NODES, ROLE, START, K


def conditional_modes(
    problem: Problem, words: Ints, lam: Floats, sigma: float, given_beta: bool = True
) -> tuple[Floats, Floats, list[Floats], list[Floats]]:
    """Return mean and covariance of beta, and of b level by level, given L and sigma, for flat priors of beta.

    Parameters
    ----------
    problem : Problem
    words : array of int
        A tape whose rows are sparse.
    lam : array
        ``L / sigma``, flat, layer by layer.
    given_beta : bool
        The covariances of b hold beta at its estimate, as lme4's do; otherwise they integrate it out.

    Returns
    -------
    beta, covariance, modes, covariances
        The last two one array a block: (levels, k) and (levels, k, k).
    """
    floats = words.view(np.float64)
    store = floats[words[at.AT_TAIL] : words[at.AT_TAIL] + words[at.STORE]].copy()
    mean, spread, edge = np.zeros(0), np.zeros((0, 0)), np.zeros((0, 0))
    mean, spread, edge = condition(words, floats, lam, sigma, store, given_beta)
    p, q = problem.p, int(words[at.BORDER])
    layers = layer_table(words)
    nodes = sparse_parts(words)[0]
    ks = layers[:, K]
    chain = int(np.sum(layers[:, ROLE] != EDGE))
    modes: list[Floats] = []
    covariances: list[Floats] = []
    places = words[words[at.AT_PLACES] :][: 2 * len(problem.blocks)].reshape(-1, 2)
    for (layer, column), block in zip(places, problem.blocks, strict=True):
        wide, levels, k = int(ks[layer]), block.n_levels, block.Z.shape[1]
        part = slice(column, column + k)
        if layers[layer, ROLE] == EDGE:
            index = layers[layer, START] + np.arange(levels * wide).reshape(levels, wide)[:, part]
            if words[at.THIN] and layers[layer, START] == 0:
                index = index[np.argsort(words[words[at.AT_LEVELS] :][:levels])]
            modes.append(mean[index])
            covariances.append(edge[index[:, :, None], index[:, None, :]] * sigma**2)
            continue
        own = nodes[layers[layer, NODES] : layers[layer, NODES] + levels]
        row = int(np.sum(ks[layer + 1 : chain])) + own[:, 2] + p + 1
        inner = np.arange(wide)
        lasts = own[:, [0]] + wide * wide + inner * row[:, None] + row[:, None] - 1
        modes.append(store[lasts][:, part])
        cells = own[:, [0]] + np.arange(wide * wide)
        covariances.append(store[cells].reshape(levels, wide, wide)[:, part, part] * sigma**2)
    back = floats[words[at.AT_BACK] :]
    shift, turn = back[:p], back[p : p + p * p].reshape(p, p)
    return shift + turn @ mean[q:], sigma**2 * turn @ spread @ turn.T, modes, covariances


@njit(cache=True, nogil=True, error_model="numpy")
def condition(ints, floats, lam, sigma, store, given_beta):  # type: ignore[no-untyped-def]
    """Fill `store` with means and covariances of b; return the border's mean, and its covariances over sigma^2."""
    q, p = ints[at.BORDER], ints[at.P]
    layers = layer_table(ints)
    nodes, cells, maps = sparse_parts(ints)
    base = floats[ints[at.AT_TAIL] : ints[at.AT_TAIL] + ints[at.STORE]]
    gram = matrix(floats, ints[at.AT_BASE], q + p + 1, q + p + 1).copy()
    sparse_forward(ints, floats, lam, sigma, at.REML, store, gram)
    mean = np.empty(q + p)
    back_substitute(gram, q + p, gram[: q + p, q + p].copy(), mean)
    spread = border_inverse(ints, gram, q + p)[q:, q:].copy()
    cov = border_inverse(ints, gram, q if given_beta else q + p)
    unscale_rows(layers, lam, cov, q + p)
    unscale_columns(layers, lam, cov)
    unscale_rows(layers, lam, mean.reshape(q + p, 1), 1)
    moments = np.zeros(ints[at.MOMENTS])
    ascend(layers, nodes, cells, maps, q, p, lam, base, store, mean, cov, not given_beta, sigma, moments, True)
    return mean, spread, cov
