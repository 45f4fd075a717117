"""The factor at one theta, in work space that is used again: all that a value and any number of draws of b need."""

# mypy: allow-untyped-calls, allow-untyped-decorators, disable-error-code="no-any-return"
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from hierbayes.engines.base import Floats, Ints
from hierbayes.engines.collapsed import tape as at
from hierbayes.engines.collapsed.border import add_prior, cholesky_upper, nothing_left, scale_border
from hierbayes.engines.collapsed.dense import eliminate, empty_batch
from hierbayes.engines.collapsed.kernel import (
    FAILED,
    conclude,
    fill_lam,
    layer_table,
    matrix,
    sparse_forward,
    theta_tables,
)
from hierbayes.engines.theta import unpack_theta


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
def lam_at(ints: Ints, floats: Floats, theta: Floats, lam: Floats) -> tuple[float, float]:
    """Fill ``Lam = L / sigma`` at theta; return the log prior density of theta, with every Jacobian, and sigma."""
    tables, factors = theta_tables(ints, floats)
    count = tables.scalar_ints.shape[0]
    sds = np.empty(count)
    log_prior = unpack_theta(tables, theta, sds, np.empty(count), factors, np.zeros(ints[at.DIM]))
    fill_lam(ints, tables.block_ints, layer_table(ints), sds, factors, sds[count - 1], lam)
    return log_prior, sds[count - 1]


@njit(cache=True, nogil=True, error_model="numpy")
def factor_at(
    ints: Ints, floats: Floats, theta: Floats, lam: Floats, gram: Floats, store: Floats
) -> tuple[float, float]:
    """Fill lam, the border's factor and, where the rows are sparse, the chain's, at theta.

    Returns the log posterior density of theta, up to the evidence, and sigma.
    """
    q, p = ints[at.BORDER], ints[at.P]
    log_prior, sigma = lam_at(ints, floats, theta, lam)
    gram[:] = matrix(floats, ints[at.AT_BASE], q + p + 1, q + p + 1)
    half_log_det = 0.0
    if ints[at.SPARSE]:
        store[:] = floats[ints[at.AT_TAIL] : ints[at.AT_TAIL] + ints[at.STORE]]
        good, half_log_det = sparse_forward(ints, floats, lam, sigma, at.BAYES, store, gram)
    else:
        layers, m = layer_table(ints), q + p + 1
        if layers.shape[0] > 0:
            k, levels = layers[0, at.K], layers[0, at.J]
            r = matrix(floats, ints[at.AT_R], k * (k + 1) // 2, levels)
            c = matrix(floats, ints[at.AT_TAIL], k * m, levels)
            half_log_det = eliminate(k, m, r, c, lam, empty_batch(k, m, levels), gram)
        scale_border(layers, lam, gram)
        add_prior(matrix(floats, ints[at.AT_PRIOR], p + 1, p + 1), q, p, sigma, gram)
        good = cholesky_upper(gram) or nothing_left(gram)
    if not good:
        return FAILED, sigma
    return log_prior + conclude(ints, floats, gram, half_log_det, sigma, at.BAYES), sigma
