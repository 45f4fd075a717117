"""The factor at one theta, in work space that is used again: all that a value and any number of draws of b need."""

# mypy: allow-untyped-defs, allow-untyped-calls
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from hierbayes.engines.base import Floats, Ints
from hierbayes.engines.collapsed import tape as at
from hierbayes.engines.collapsed.border import add_prior, cholesky_upper, nothing_left, scale_border
from hierbayes.engines.collapsed.dense import BATCH, eliminate
from hierbayes.engines.collapsed.kernel import FAILED, conclude, fill_lam, layer_table, matrix, sparse_forward
from hierbayes.engines.theta import Tables, unpack_theta


@dataclass(frozen=True)
class Workspace:
    """What `factor_at` fills; a fresh one for every value would cost as much as a third of the value.

    Attributes
    ----------
    lam : array
        ``L / sigma``, flat, layer by layer.
    gram : array, shape (q + p + 1, q + p + 1)
        Its upper triangle is the border's factor.
    store : array
        Factors and rows of the chain's nodes; empty where the rows are dense.
    """

    lam: Floats
    gram: Floats
    store: Floats

    @classmethod
    def of(cls, words: Ints) -> Workspace:
        """Return work space for a tape."""
        width = int(words[at.BORDER] + words[at.P] + 1)
        return cls(np.empty(int(words[at.MOMENTS])), np.empty((width, width)), np.empty(int(words[at.STORE])))

    def fill(self, words: Ints, theta: Floats) -> tuple[float, float]:
        """Fill the factor at theta, a tape's without a chart; return the log density, up to the evidence, and sigma."""
        value, sigma = factor_at(
            words, words.view(np.float64), np.ascontiguousarray(theta), self.lam, self.gram, self.store
        )
        return float(value), float(sigma)


@njit(cache=True, nogil=True, error_model="numpy")
def block_table(ints):
    """Return the table of blocks."""
    place, blocks = ints[at.AT_BLOCK_INTS], ints[at.BLOCKS]
    return ints[place : place + 4 * blocks].reshape(blocks, 4)


@njit(cache=True, nogil=True, error_model="numpy")
def lam_at(ints, floats, theta, lam):
    """Fill ``Lam = L / sigma`` at theta; return the log prior density of theta, with every Jacobian, and sigma."""
    blocks = block_table(ints)
    sds_count = 1
    flat_count = 0
    for t in range(blocks.shape[0]):
        sds_count += blocks[t, 0]
        flat_count += blocks[t, 0] * blocks[t, 0]
    scalars = ints[at.AT_SCALAR_INTS]
    sds = np.empty(sds_count)
    factors = floats[ints[at.AT_FACTORS] : ints[at.AT_FACTORS] + flat_count].copy()
    tables = Tables(
        ints[scalars : scalars + 3 * sds_count].reshape(sds_count, 3),
        matrix(floats, ints[at.AT_SCALAR_FLOATS], sds_count, 5),
        blocks,
        floats[ints[at.AT_ETAS] : ints[at.AT_ETAS] + blocks.shape[0]],
    )
    log_prior = unpack_theta(tables, theta, sds, np.empty(sds_count), factors, np.zeros(ints[at.DIM]))
    sigma = sds[sds_count - 1]
    fill_lam(ints, blocks, layer_table(ints), sds, factors, sigma, lam)
    return log_prior, sigma


@njit(cache=True, nogil=True, error_model="numpy")
def factor_at(ints, floats, theta, lam, gram, store):
    """Fill lam, the border's factor and, where the rows are sparse, the chain's, at theta.

    Returns the log posterior density of theta, up to the evidence, and sigma.
    """
    q, p = ints[at.BORDER], ints[at.P]
    m = q + p + 1
    layers = layer_table(ints)
    log_prior, sigma = lam_at(ints, floats, theta, lam)
    gram[:] = matrix(floats, ints[at.AT_BASE], m, m)
    half_log_det = 0.0
    if ints[at.SPARSE]:
        store[:] = floats[ints[at.AT_TAIL] : ints[at.AT_TAIL] + ints[at.STORE]]
        good, half_log_det = sparse_forward(ints, floats, lam, sigma, at.BAYES, store, gram)
    else:
        if layers.shape[0] > 0:
            k, levels = layers[0, at.K], layers[0, at.J]
            lanes = min(levels, BATCH)
            half_log_det = eliminate(
                k, levels, m,
                matrix(floats, ints[at.AT_R], k * (k + 1) // 2, levels),
                matrix(floats, ints[at.AT_TAIL], k * m, levels),
                lam, np.empty((k * k, lanes)), np.empty((k * k, lanes)), np.empty((k * m, lanes)), gram,
            )  # fmt: skip
        scale_border(layers, lam, gram)
        add_prior(matrix(floats, ints[at.AT_PRIOR], p + 1, p + 1), q, p, sigma, gram)
        good = cholesky_upper(gram) or nothing_left(gram)
    if not good:
        return FAILED, sigma
    return log_prior + conclude(ints, floats, gram, half_log_det, sigma, at.BAYES), sigma
