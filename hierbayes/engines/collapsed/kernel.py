"""The collapsed log density and its gradient, read off a tape.

With ``Lam = L / sigma``, ``V = [Z_1 (I x Lam_1), ..., X]`` and beta and b integrated out,

    log p(y | theta) = const - (n - p) log sigma - 1/2 log |V'V + I_v + sigma^2 P| - 1/2 r^2 / sigma^2,

r^2 the least penalised sum of squares. The gradient is the expected complete-data score (Fisher's identity).
"""

# mypy: allow-untyped-calls, allow-untyped-decorators, disable-error-code="no-any-return"
from __future__ import annotations

import math

import numpy as np
from numba import njit

from hierbayes.engines.base import Floats, Ints
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
from hierbayes.engines.collapsed.dense import Shape, eliminate, empty_batch, first_moment
from hierbayes.engines.collapsed.descend import Chain, chain_length, descend
from hierbayes.engines.collapsed.lapack import LARGE, large_cholesky, large_inverse
from hierbayes.engines.theta import Tables, push_moment, unpack_theta

FAILED = -math.inf


@njit(cache=True, nogil=True, error_model="numpy")
def matrix(floats: Floats, place: int, rows: int, columns: int) -> Floats:
    """Return a section of the tape as a matrix."""
    return floats[place : place + rows * columns].reshape(rows, columns)


@njit(cache=True, nogil=True, error_model="numpy")
def layer_table(ints: Ints) -> Ints:
    """Return the table of layers."""
    place, layers = ints[at.AT_LAYERS], ints[at.LAYERS]
    return ints[place : place + layers * at.LAYER_WORDS].reshape(layers, at.LAYER_WORDS)


@njit(cache=True, nogil=True, error_model="numpy")
def log_likelihood(
    ints: Ints, floats: Floats, lam: Floats, sigma: float, criterion: int, moments: Floats, by_log_sigma: Floats
) -> float:
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
    q, p = ints[at.BORDER], ints[at.P]
    layers = layer_table(ints)
    m = q + p + 1
    gram = matrix(floats, ints[at.AT_BASE], m, m).copy()
    prior = matrix(floats, ints[at.AT_PRIOR], p + 1, p + 1)
    half_log_det = 0.0
    k, levels = 0, 0
    if layers.shape[0] > 0:
        k, levels = layers[0, at.K], layers[0, at.J]
    r = matrix(floats, ints[at.AT_R], k * (k + 1) // 2, levels)
    c = matrix(floats, ints[at.AT_TAIL], k * m, levels)
    batch = empty_batch(k, m, levels)
    if levels > 0:
        half_log_det = eliminate(k, m, r, c, lam, batch, gram)
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
    by_log_sigma[0] = border_gradient(ints, layers, prior, gram, sigma, criterion, cov, mean, moments)
    by_log_sigma[1] = gram[q + p, q + p] * gram[q + p, q + p]
    if levels > 0:
        unscale_rows(layers, lam, w, columns)
        unscale_rows(layers, lam, mean.reshape(q + p, 1), 1)
        first_moment(Shape(k, m, columns), r, c, lam, mean, w, sigma, batch, moments)
        for i in range(k):
            by_log_sigma[0] -= moments[i * k + i]
    return value


@njit(cache=True, nogil=True, error_model="numpy")
def chain_of(ints: Ints, floats: Floats) -> Chain:
    """Return the chain of the sparse path."""
    nodes, cells, layers = ints[at.NODE_COUNT], ints[at.CELL_COUNT], layer_table(ints)
    return Chain(
        layers,
        ints[ints[at.AT_ROWS] : ints[at.AT_ROWS] + 4 * nodes].reshape(nodes, 4),
        ints[ints[at.AT_CELLS] : ints[at.AT_CELLS] + cells],
        ints[ints[at.AT_MAPS] : ints[at.AT_MAPS] + cells],
        floats[ints[at.AT_TAIL] : ints[at.AT_TAIL] + ints[at.STORE]],
        chain_length(layers),
        ints[at.BORDER],
        ints[at.P],
    )


@njit(cache=True, nogil=True, error_model="numpy")
def sparse_forward(
    ints: Ints, floats: Floats, lam: Floats, sigma: float, criterion: int, store: Floats, gram: Floats
) -> tuple[bool, float]:
    """Eliminate the chain and factor the border. Returns whether that went well, and half the log determinant."""
    q, p = ints[at.BORDER], ints[at.P]
    half_log_det = descend(chain_of(ints, floats), lam, store, gram)
    scale_upper(layer_table(ints), lam, gram)
    if criterion == at.BAYES:
        add_prior(matrix(floats, ints[at.AT_PRIOR], p + 1, p + 1), q, p, sigma, gram)
    if q + p >= LARGE:
        thin, starts, columns = ints[at.THIN], ints[at.AT_THIN], ints[at.AT_THIN_COLUMNS]
        own = ints[starts : starts + thin + 1]
        return large_cholesky(ints[ints[at.AT_LAPACK]], gram, own, ints[columns : columns + own[thin]]), half_log_det
    return cholesky_upper(gram) or (criterion == at.BAYES and nothing_left(gram)), half_log_det


@njit(cache=True, nogil=True, error_model="numpy")
def border_inverse(ints: Ints, factor: Floats, columns: int) -> Floats:
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
def sparse_likelihood(
    ints: Ints, floats: Floats, lam: Floats, sigma: float, criterion: int, moments: Floats, by_log_sigma: Floats
) -> float:
    """Return what `log_likelihood` returns, for a tape whose rows are sparse."""
    chain = chain_of(ints, floats)
    layers, q, p = chain.layers, chain.q, chain.p
    store = chain.base.copy()
    gram = matrix(floats, ints[at.AT_BASE], q + p + 1, q + p + 1).copy()
    good, half_log_det = sparse_forward(ints, floats, lam, sigma, criterion, store, gram)
    if not good:
        return FAILED
    value = conclude(ints, floats, gram, half_log_det, sigma, criterion)
    if moments.shape[0] < ints[at.MOMENTS]:
        by_log_sigma[1] = gram[q + p, q + p] * gram[q + p, q + p]
        return value
    mean = np.empty(q + p)
    cov = border_inverse(ints, gram, q if criterion == at.ML else q + p)
    prior = matrix(floats, ints[at.AT_PRIOR], p + 1, p + 1)
    by_log_sigma[0] = border_gradient(ints, layers, prior, gram, sigma, criterion, cov, mean, moments)
    by_log_sigma[1] = gram[q + p, q + p] * gram[q + p, q + p]
    unscale_rows(layers, lam, cov, q + p)
    unscale_columns(layers, lam, cov)
    unscale_rows(layers, lam, mean.reshape(q + p, 1), 1)
    use_x = criterion != at.ML
    ascend(chain, lam, store, mean, cov, use_x, sigma, moments, False)
    for t in range(layers.shape[0]):
        if layers[t, at.ROLE] != at.EDGE:
            for i in range(layers[t, at.K]):
                by_log_sigma[0] -= moments[layers[t, at.LAM] + i * layers[t, at.K] + i]
    return value


@njit(cache=True, nogil=True, error_model="numpy")
def conclude(ints: Ints, floats: Floats, factor: Floats, half_log_det: float, sigma: float, criterion: int) -> float:
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
def border_gradient(
    ints: Ints, layers: Ints, prior: Floats, factor: Floats, sigma: float, criterion: int, cov: Floats, mean: Floats,
    moments: Floats,
) -> float:  # fmt: skip
    """Fill the conditional mean and M of the border's layers; return the share of log sigma."""
    q, p, n = ints[at.BORDER], ints[at.P], ints[at.ROWS]
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
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def fill_lam(ints: Ints, blocks: Ints, layers: Ints, sds: Floats, factors: Floats, sigma: float, lam: Floats) -> None:
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
def chart_point(ints: Ints, floats: Floats, x: Floats, theta: Floats) -> None:
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
def block_table(ints: Ints) -> Ints:
    """Return the table of blocks."""
    place, blocks = ints[at.AT_BLOCK_INTS], ints[at.BLOCKS]
    return ints[place : place + 4 * blocks].reshape(blocks, 4)


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def theta_tables(ints: Ints, floats: Floats) -> tuple[Tables, Floats]:
    """Return where everything lies in theta, and the factors of correlations, with 1 and 0 where they are free."""
    blocks = block_table(ints)
    count, flat = 1, 0
    for t in range(blocks.shape[0]):
        count += blocks[t, 0]
        flat += blocks[t, 0] * blocks[t, 0]
    scalars, etas, factors = ints[at.AT_SCALAR_INTS], ints[at.AT_ETAS], ints[at.AT_FACTORS]
    tables = Tables(
        ints[scalars : scalars + 3 * count].reshape(count, 3),
        matrix(floats, ints[at.AT_SCALAR_FLOATS], count, 5),
        blocks,
        floats[etas : etas + blocks.shape[0]],
    )
    return tables, floats[factors : factors + flat].copy()


@njit(cache=True, nogil=True, error_model="numpy")
def log_density(ints: Ints, floats: Floats, x: Floats, grad: Floats) -> float:
    """Return the log posterior density of theta, up to the evidence, and fill its gradient.

    Where the tape carries a chart, `x` is z and the density is that of z, ``theta = mode + factor @ z``, up to a
    constant. An empty `grad` is left alone, which is cheaper.
    """
    dim, chart = ints[at.DIM], ints[at.AT_CHART]
    tables, factors = theta_tables(ints, floats)
    scalar_ints, blocks, layers = tables.scalar_ints, tables.block_ints, layer_table(ints)
    last = scalar_ints.shape[0] - 1
    theta = np.empty(dim)
    pull = np.zeros(dim)
    chart_point(ints, floats, x, theta)
    sds = np.empty(last + 1)
    slopes = np.empty(last + 1)
    value = unpack_theta(tables, theta, sds, slopes, factors, pull)
    lam = np.empty(ints[at.MOMENTS])
    moments = np.zeros(ints[at.MOMENTS] if grad.shape[0] > 0 else 0)
    by_log_sigma = np.zeros(2)
    fill_lam(ints, blocks, layers, sds, factors, sds[last], lam)
    value += log_likelihood(ints, floats, lam, sds[last], at.BAYES, moments, by_log_sigma)
    if grad.shape[0] == 0:
        return value
    gather(ints, blocks, layers, theta, factors, moments, slopes, scalar_ints, pull)
    if scalar_ints[last, 2] >= 0:
        pull[scalar_ints[last, 2]] += by_log_sigma[0] * slopes[last]
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
def gather(
    ints: Ints, blocks: Ints, layers: Ints, theta: Floats, factors: Floats, moments: Floats, slopes: Floats,
    scalar_ints: Ints, grad: Floats,
) -> None:  # fmt: skip
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
