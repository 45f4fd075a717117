"""Square roots of covariance matrices: one matrix, or one for each draw."""

from __future__ import annotations

import numpy as np

from hierbayes.design.table import Floats


def lower_root(covariance: Floats) -> Floats:
    """Return lower triangular L with ``L L'`` the covariance, which need not have an inverse.

    Examples
    --------
    >>> lower_root(np.array([[4.0, 2.0], [2.0, 1.0]])).round(12) + 0.0
    array([[2., 0.],
           [1., 0.]])
    """
    values, vectors = np.linalg.eigh(covariance)
    upper = np.linalg.qr((vectors * np.sqrt(np.maximum(values, 0.0))).T, mode="r")
    return np.asarray((upper * np.where(np.diag(upper) < 0, -1.0, 1.0)[:, None]).T)


def roots(sd: Floats, corr: Floats) -> Floats:
    """Return ``L = diag(sd) chol(corr)`` for every draw; a matrix on the edge of the cone gets another square root."""
    try:
        factor = np.linalg.cholesky(corr)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(corr)
        factor = vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]
    return np.asarray(sd[:, :, None] * factor)


def covariance_root(sd: Floats, corr: Floats) -> Floats:
    """Return the lower triangle L of ``Sigma = L L'``, ``L = diag(sd) chol(corr)``, of each draw, the draws last.

    Every draw is worked out by itself, so that it has the same bits whatever others stand beside it.

    Parameters
    ----------
    sd : array, shape (S, K)
    corr : array, shape (S, K, K)
        May be singular: a column without variance of its own gets zeros.

    Returns
    -------
    array, shape (K, K, S)
    """
    k, size = sd.shape[1], len(sd)
    root = np.zeros((k, k, size))
    for j in range(k):
        for i in range(j, k):
            left = corr[:, i, j].copy()
            for m in range(j):
                left -= root[i, m] * root[j, m]
            if i == j:
                # rounding may leave a singular matrix a little below zero
                root[j, j] = np.sqrt(np.maximum(left, 0.0))
            else:
                root[i, j] = np.divide(left, root[j, j], out=np.zeros(size), where=root[j, j] > 0)
    return root * sd.T[:, None, :]
