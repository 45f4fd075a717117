"""Conditional mean and covariance of beta and b, given L and sigma: what a classical fit reports."""

# mypy: allow-untyped-calls, allow-untyped-decorators, disable-error-code="no-any-return"
from __future__ import annotations

import numpy as np
from numba import njit

from hierbayes.engines.collapsed import tape as at
from hierbayes.engines.collapsed.ascend import ascend
from hierbayes.engines.collapsed.border import back_substitute, unscale_columns, unscale_rows
from hierbayes.engines.collapsed.kernel import border_inverse, chain_of, matrix, sparse_forward


@njit(cache=True, nogil=True, error_model="numpy")
def condition(ints, floats, lam, sigma, store, given_beta):  # type: ignore[no-untyped-def]
    """Fill `store` with means and covariances of b; return the border's mean, and its covariances over sigma^2."""
    chain = chain_of(ints, floats)
    layers, q, p = chain.layers, chain.q, chain.p
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
    ascend(chain, lam, store, mean, cov, not given_beta, sigma, moments, True)
    return mean, spread, cov
