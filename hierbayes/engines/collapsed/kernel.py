"""The collapsed log density and its gradient, read off a tape.

With ``Lam = L / sigma``, ``V = [Z_1 (I x Lam_1), ..., X]`` and beta and b integrated out,

    log p(y | theta) = const - (n - p) log sigma - 1/2 log |V'V + I_v + sigma^2 P| - 1/2 r^2 / sigma^2,

r^2 the least penalised sum of squares. The gradient is the expected complete-data score (Fisher's identity).
"""

# mypy: allow-untyped-defs, allow-untyped-calls
from __future__ import annotations

import math

import numpy as np
from numba import njit

from hierbayes.engines.collapsed import tape as at
from hierbayes.engines.collapsed.ascend import ascend
from hierbayes.engines.collapsed.border import (
    add_prior,
    back_substitute,
    border_moments,
    cholesky_upper,
    coefficient_terms,
    inverse_upper,
    log_diagonal,
    nothing_left,
    outer_product,
    scale_border,
    scale_upper,
    unscale_columns,
    unscale_rows,
)
from hierbayes.engines.collapsed.dense import BATCH, eliminate, first_moment
from hierbayes.engines.collapsed.descend import descend
from hierbayes.engines.collapsed.lapack import LARGE, large_cholesky, large_inverse
from hierbayes.engines.theta import Tables, push_moment, unpack_theta

FAILED = -math.inf


@njit(cache=True, nogil=True, error_model="numpy")
def matrix(floats, place, rows, columns):
    """Return a section of the tape as a matrix."""
    return floats[place : place + rows * columns].reshape(rows, columns)


@njit(cache=True, nogil=True, error_model="numpy")
def layer_table(ints):
    """Return the table of layers."""
    place, layers = ints[at.AT_LAYERS], ints[at.LAYERS]
    return ints[place : place + layers * at.LAYER_WORDS].reshape(layers, at.LAYER_WORDS)


@njit(cache=True, nogil=True, error_model="numpy")
def log_likelihood(ints, floats, lam, sigma, criterion, moments, by_log_sigma):
    """Return the log likelihood of theta given as ``Lam = L / sigma`` (flat, layer by layer) and sigma.

    Parameters
    ----------
    criterion : int
        BAYES integrates the coefficients over their priors, REML over flat ones, ML takes them at their best.
    moments : array
        Filled with M of every layer, k by k, where L lies in `lam`: ``d log p = tr(M' K)`` for ``dL = L K``.
        Empty where no derivatives are wanted.
    by_log_sigma : array, shape (2,)
        Filled with the derivative in ``log sigma`` at fixed L, and with r^2.
    """
    if ints[at.SPARSE]:
        return sparse_likelihood(ints, floats, lam, sigma, criterion, moments, by_log_sigma)
    q, p, n = ints[at.BORDER], ints[at.P], ints[at.ROWS]
    m = q + p + 1
    layers = layer_table(ints)
    gram = matrix(floats, ints[at.AT_BASE], m, m).copy()
    prior = matrix(floats, ints[at.AT_PRIOR], p + 1, p + 1)
    half_log_det = 0.0
    k, levels = 0, 0
    if layers.shape[0] > 0:
        k, levels = layers[0, at.K], layers[0, at.J]
    lanes = min(levels, BATCH)
    b = np.empty((k * k, lanes))
    g = np.empty((k * k, lanes))
    u = np.empty((k * m, lanes))
    r = matrix(floats, ints[at.AT_R], k * (k + 1) // 2, levels)
    c = matrix(floats, ints[at.AT_TAIL], k * m, levels)
    if levels > 0:
        half_log_det = eliminate(k, levels, m, r, c, lam, b, g, u, gram)
    scale_border(layers, lam, gram)
    if criterion == at.BAYES:
        add_prior(prior, q, p, sigma, gram)
    if not (cholesky_upper(gram) or (criterion == at.BAYES and nothing_left(gram))):
        return FAILED
    value = conclude(ints, floats, gram, half_log_det, sigma, criterion)
    if moments.shape[0] < ints[at.MOMENTS]:
        by_log_sigma[1] = gram[q + p, q + p] * gram[q + p, q + p]
        return value
    w = np.empty((q + p, q + p))
    cov = np.empty((q + p, q + p))
    mean = np.empty(q + p)
    columns = q if criterion == at.ML else q + p
    inverse_upper(gram, q + p, w)
    outer_product(w, columns, cov)
    border_gradient(layers, gram, q, p, n, sigma, criterion, prior, cov, mean, moments, by_log_sigma)
    if levels > 0:
        unscale_rows(layers, lam, w, columns)
        unscale_rows(layers, lam, mean.reshape(q + p, 1), 1)
        first_moment(k, levels, m, r, c, lam, mean, w, columns, sigma, b, g, u, moments)
        for i in range(k):
            by_log_sigma[0] -= moments[i * k + i]
    return value


@njit(cache=True, nogil=True, error_model="numpy")
def sparse_parts(ints):
    """Return the integer sections of the sparse path: nodes, cells, maps."""
    nodes, cells = ints[at.NODE_COUNT], ints[at.CELL_COUNT]
    return (
        ints[ints[at.AT_ROWS] : ints[at.AT_ROWS] + 4 * nodes].reshape(nodes, 4),
        ints[ints[at.AT_CELLS] : ints[at.AT_CELLS] + cells],
        ints[ints[at.AT_MAPS] : ints[at.AT_MAPS] + cells],
    )


@njit(cache=True, nogil=True, error_model="numpy")
def sparse_forward(ints, floats, lam, sigma, criterion, store, gram):
    """Eliminate the chain and factor the border. Returns whether that went well, and half the log determinant."""
    q, p = ints[at.BORDER], ints[at.P]
    layers = layer_table(ints)
    nodes, cells, maps = sparse_parts(ints)
    half_log_det = descend(layers, nodes, cells, maps, q, p, lam, store, gram)
    scale_upper(layers, lam, gram)
    if criterion == at.BAYES:
        add_prior(matrix(floats, ints[at.AT_PRIOR], p + 1, p + 1), q, p, sigma, gram)
    if q + p >= LARGE:
        thin, starts, columns = ints[at.THIN], ints[at.AT_THIN], ints[at.AT_THIN_COLUMNS]
        own = ints[starts : starts + thin + 1]
        return large_cholesky(ints[ints[at.AT_LAPACK]], gram, own, ints[columns : columns + own[thin]]), half_log_det
    return cholesky_upper(gram) or (criterion == at.BAYES and nothing_left(gram)), half_log_det


@njit(cache=True, nogil=True, error_model="numpy")
def border_inverse(ints, factor, columns):
    """Return ``Q^-1`` of the border's first `columns` rows and columns, 0 elsewhere."""
    width = factor.shape[0] - 1
    cov = np.zeros((width, width))
    if width >= LARGE:
        large_inverse(ints[ints[at.AT_LAPACK] + 1], factor, columns, cov)
        return cov
    w = np.empty((width, width))
    inverse_upper(factor, width, w)
    outer_product(w, columns, cov)
    return cov


@njit(cache=True, nogil=True, error_model="numpy")
def sparse_likelihood(ints, floats, lam, sigma, criterion, moments, by_log_sigma):
    """Return what `log_likelihood` returns, for a tape whose rows are sparse."""
    q, p, n = ints[at.BORDER], ints[at.P], ints[at.ROWS]
    layers = layer_table(ints)
    nodes, cells, maps = sparse_parts(ints)
    base = floats[ints[at.AT_TAIL] : ints[at.AT_TAIL] + ints[at.STORE]]
    store = base.copy()
    gram = matrix(floats, ints[at.AT_BASE], q + p + 1, q + p + 1).copy()
    good, half_log_det = sparse_forward(ints, floats, lam, sigma, criterion, store, gram)
    if not good:
        return FAILED
    value = conclude(ints, floats, gram, half_log_det, sigma, criterion)
    if moments.shape[0] < ints[at.MOMENTS]:
        by_log_sigma[1] = gram[q + p, q + p] * gram[q + p, q + p]
        return value
    prior = matrix(floats, ints[at.AT_PRIOR], p + 1, p + 1)
    mean = np.empty(q + p)
    cov = border_inverse(ints, gram, q if criterion == at.ML else q + p)
    border_gradient(layers, gram, q, p, n, sigma, criterion, prior, cov, mean, moments, by_log_sigma)
    unscale_rows(layers, lam, cov, q + p)
    unscale_columns(layers, lam, cov)
    unscale_rows(layers, lam, mean.reshape(q + p, 1), 1)
    use_x = criterion != at.ML
    ascend(layers, nodes, cells, maps, q, p, lam, base, store, mean, cov, use_x, sigma, moments, False)
    for t in range(layers.shape[0]):
        if layers[t, at.ROLE] != at.EDGE:
            for i in range(layers[t, at.K]):
                by_log_sigma[0] -= moments[layers[t, at.LAM] + i * layers[t, at.K] + i]
    return value


@njit(cache=True, nogil=True, error_model="numpy")
def conclude(ints, floats, factor, half_log_det, sigma, criterion):
    """Return the log likelihood from the border's factor and half the log determinant of what was eliminated."""
    q, p, n = ints[at.BORDER], ints[at.P], ints[at.ROWS]
    half_log_det += log_diagonal(factor, 0, q)
    free = n
    if criterion != at.ML:
        half_log_det += log_diagonal(factor, q, q + p)
        free = n - p
    rest = factor[q + p, q + p] / sigma
    return floats[ints[at.AT_CONSTS] + criterion] - free * math.log(sigma) - half_log_det - 0.5 * rest * rest


@njit(cache=True, nogil=True, error_model="numpy")
def border_gradient(layers, factor, q, p, n, sigma, criterion, prior, cov, mean, moments, by_log_sigma):
    """Fill the conditional mean, M of the border's layers and the share of log sigma."""
    back_substitute(factor, q + p, factor[: q + p, q + p].copy(), mean)
    border_moments(layers, cov, mean, sigma, moments)
    rest = factor[q + p, q + p] / sigma
    total = rest * rest - n
    if criterion != at.ML:
        total += p
    if criterion == at.BAYES:
        total -= coefficient_terms(prior, cov, mean, q, p, sigma)
    for t in range(layers.shape[0]):
        if layers[t, at.ROLE] == at.EDGE:
            for i in range(layers[t, at.K]):
                total -= moments[layers[t, at.LAM] + i * layers[t, at.K] + i]
    by_log_sigma[0] = total
    by_log_sigma[1] = factor[q + p, q + p] * factor[q + p, q + p]


@njit(cache=True, nogil=True, error_model="numpy")
def fill_lam(ints, blocks, layers, sds, factors, sigma, lam):
    """Fill ``Lam = diag(sd) C / sigma`` of every layer, its blocks along the diagonal."""
    lam[:] = 0.0
    places = ints[at.AT_PLACES]
    for t in range(blocks.shape[0]):
        layer, column = ints[places + 2 * t], ints[places + 2 * t + 1]
        start, wide = layers[layer, at.LAM], layers[layer, at.K]
        k, first, flat = blocks[t, 0], blocks[t, 1], blocks[t, 3]
        for i in range(k):
            for j in range(i + 1):
                lam[start + (column + i) * wide + column + j] = sds[first + i] * factors[flat + i * k + j] / sigma


@njit(cache=True, nogil=True, error_model="numpy")
def chart_point(ints, floats, x, theta):
    """Fill theta, ``mode + factor @ x`` where the tape carries a chart and x itself where not."""
    dim, chart = ints[at.DIM], ints[at.AT_CHART]
    for i in range(dim):
        s = x[i]
        if ints[at.CHART_ON]:
            s = floats[chart + i]
            for j in range(dim):
                s += floats[chart + dim + i * dim + j] * x[j]
        theta[i] = s


@njit(cache=True, nogil=True, error_model="numpy")
def log_density(ints, floats, x, grad):
    """Return the log posterior density of theta, up to the evidence, and fill its gradient.

    Where the tape carries a chart, `x` is z and the density is that of z, ``theta = mode + factor @ z``, up to a
    constant. An empty `grad` is left alone, which is cheaper.
    """
    dim, blocks_count = ints[at.DIM], ints[at.BLOCKS]
    scalars = ints[at.AT_SCALAR_INTS]
    layers = layer_table(ints)
    place = ints[at.AT_BLOCK_INTS]
    blocks = ints[place : place + 4 * blocks_count].reshape(blocks_count, 4)
    sds_count = 1
    flat_count = 0
    for t in range(blocks_count):
        sds_count += blocks[t, 0]
        flat_count += blocks[t, 0] * blocks[t, 0]
    chart = ints[at.AT_CHART]
    theta = np.empty(dim)
    pull = np.zeros(dim)
    chart_point(ints, floats, x, theta)
    sds = np.empty(sds_count)
    slopes = np.empty(sds_count)
    factors = floats[ints[at.AT_FACTORS] : ints[at.AT_FACTORS] + flat_count].copy()
    scalar_ints = ints[scalars : scalars + 3 * sds_count].reshape(sds_count, 3)
    tables = Tables(
        scalar_ints,
        matrix(floats, ints[at.AT_SCALAR_FLOATS], sds_count, 5),
        blocks,
        floats[ints[at.AT_ETAS] : ints[at.AT_ETAS] + blocks_count],
    )
    value = unpack_theta(tables, theta, sds, slopes, factors, pull)
    sigma = sds[sds_count - 1]
    lam = np.empty(ints[at.MOMENTS])
    moments = np.zeros(ints[at.MOMENTS] if grad.shape[0] > 0 else 0)
    by_log_sigma = np.zeros(2)
    fill_lam(ints, blocks, layers, sds, factors, sigma, lam)
    value += log_likelihood(ints, floats, lam, sigma, at.BAYES, moments, by_log_sigma)
    if grad.shape[0] == 0:
        return value
    gather(ints, blocks, layers, theta, factors, moments, slopes, scalar_ints, pull)
    if scalar_ints[sds_count - 1, 2] >= 0:
        pull[scalar_ints[sds_count - 1, 2]] += by_log_sigma[0] * slopes[sds_count - 1]
    if ints[at.CHART_ON]:
        for j in range(dim):
            s = 0.0
            for i in range(dim):
                s += floats[chart + dim + i * dim + j] * pull[i]
            grad[j] = s
    else:
        for j in range(dim):
            grad[j] = pull[j]
    return value


@njit(cache=True, nogil=True, error_model="numpy")
def gather(ints, blocks, layers, theta, factors, moments, slopes, scalar_ints, grad):
    """Add the likelihood's derivatives in the sds and correlations to `grad`."""
    places = ints[at.AT_PLACES]
    for t in range(blocks.shape[0]):
        layer, column = ints[places + 2 * t], ints[places + 2 * t + 1]
        start, wide = layers[layer, at.LAM], layers[layer, at.K]
        k, first, flat = blocks[t, 0], blocks[t, 1], blocks[t, 3]
        moment = moments[start : start + wide * wide].reshape(wide, wide)[column : column + k, column : column + k]
        by_log_sd = np.empty(k)
        factor = factors[flat : flat + k * k].reshape(k, k)
        push_moment(k, moment, factor, theta, blocks[t, 2], by_log_sd, grad)
        for i in range(k):
            if scalar_ints[first + i, 2] >= 0:
                grad[scalar_ints[first + i, 2]] += by_log_sd[i] * slopes[first + i]
