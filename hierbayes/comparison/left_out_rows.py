"""The density of each row given all others and theta, beta and b integrated out.

With ``y | theta ~ N(mu, K)``, K the covariance with the priors of beta and b in it,

    p(y_i | y_-i, theta) = N(y_i; y_i - g_i / c_i, 1 / c_i),    c = diag(K^-1),  g = K^-1 (y - mu)

(Sundararajan and Keerthi 2001; Buerkner, Gabry and Vehtari 2021). With ``V = [Z (I x L), X]``, W the weights and
``Q = V'WV / sigma^2 + P`` of the engine, ``K^-1 = (W - W V Q^-1 V'W / sigma^2) / sigma^2``, so that
only matrices as large as Q are needed, never K:

    c_i = w_i / sigma^2 (1 - w_i v_i' Q^-1 v_i / sigma^2)       g = W (y - V w) / sigma^2,   w the conditional mean
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from hierbayes.design.design import sparse_columns
from hierbayes.engines.base import Block, Floats, Ints, Problem
from hierbayes.errors import ModelError
from hierbayes.posterior.internal import Internal
from hierbayes.posterior.roots import roots
from hierbayes.priors import Flat, Normal

LARGEST = 2000
"""Largest number of effects and coefficients: Q is a dense matrix."""

_NUMBERS = 1 << 22
_LOG_2PI = math.log(2 * math.pi)


def refuse_large(problem: Problem) -> None:
    """Refuse a problem whose Q would be too large, or with other priors than the formula above integrates out.

    Raises
    ------
    ModelError
    """
    size = problem.p + sum(block.n_levels * block.Z.shape[1] for block in problem.blocks)
    if size > LARGEST:
        raise ModelError(
            f"marginal leave-one-out needs dense matrices as wide as all effects, {size} here; it takes {LARGEST}",
            'use kind="conditional"',
        )
    for prior in problem.beta_priors:
        if not isinstance(prior, Normal | Flat):
            raise ModelError(f"the prior {prior} of a coefficient does not integrate out", 'use kind="conditional"')


class LeftOutRows:
    """The densities ``log p(y_i | y_-i, theta)`` of a Gaussian problem."""

    def __init__(self, problem: Problem) -> None:
        refuse_large(problem)
        self.problem = problem
        root = np.sqrt(problem.weights)[:, None]
        # Columns of length 1 keep Q well conditioned, and y about a least-squares fit keeps the digits of a far offset.
        norms = np.linalg.norm(problem.X * root, axis=0)
        self.norms = np.where(norms > 0, norms, 1.0)
        self.X = problem.X / self.norms
        y = problem.y - problem.offset
        self.start = np.linalg.lstsq(self.X * root, y * root[:, 0], rcond=None)[0] if problem.p else np.zeros(0)
        self.left = y - self.X @ self.start
        self.gram, self.cross = self._products()
        precisions = [0.0 if isinstance(prior, Flat) else prior.sigma**-2 for prior in self._normals()]
        self.precision = np.array(precisions) / self.norms**2
        means = np.array([0.0 if isinstance(prior, Flat) else prior.mu for prior in self._normals()])
        self.pull = self.precision * (means * self.norms - self.start)

    def _normals(self) -> list[Normal | Flat]:
        return [prior for prior in self.problem.beta_priors if isinstance(prior, Normal | Flat)]

    def _products(self) -> tuple[Floats, Floats]:
        """Return ``[Z, X]' W [Z, X]`` and ``[Z, X]' W y``, dense."""
        from scipy.sparse import csr_matrix, hstack

        V = hstack([*map(sparse_columns, self.problem.blocks), csr_matrix(self.X)], format="csr")
        weighted = V.multiply(self.problem.weights[:, None]).tocsr()
        return np.asarray((V.T @ weighted).todense()), np.asarray(weighted.T @ self.left)

    @property
    def batch(self) -> int:
        """Draws that are worked on at a time, so that no array grows large."""
        wide = sum(block.Z.shape[1] for block in self.problem.blocks) + self.problem.p
        return int(max(1, _NUMBERS // max(len(self.gram) ** 2, self.problem.n * wide)))

    def densities(self, drawn: Internal, advance: Callable[[], None] = lambda: None) -> Floats:
        """Return the log densities, shape (draws, rows); `advance` is called after every batch."""
        found = np.empty((len(drawn.sigma), self.problem.n))
        for first in range(0, len(found), self.batch):
            part = slice(first, first + self.batch)
            own = [roots(sd[part], corr[part]) for sd, corr in zip(drawn.sds, drawn.corrs, strict=True)]
            found[part] = self._batch(own, drawn.sigma[part])
            advance()
        return found

    def _batch(self, own: list[Floats], sigma: Floats) -> Floats:
        problem, variance = self.problem, sigma[:, None] ** 2
        inverse, mean = self._solved(own, variance)
        terms = self._terms(own)
        gaps, leverage = np.broadcast_to(self.left, (len(sigma), problem.n)), np.zeros((len(sigma), problem.n))
        for i, (left, at_left) in enumerate(terms):
            gaps = gaps - np.sum(left * mean[:, at_left], axis=2)
            for j, (right, at_right) in enumerate(terms[: i + 1]):
                corner = inverse[:, at_left[:, :, None], at_right[:, None, :]] @ right[..., None]
                leverage += (1 if i == j else 2) * np.sum(left * corner[..., 0], axis=2)
        precision = problem.weights / variance
        c = precision * np.maximum(1 - precision * leverage, 1e-15)
        return np.asarray(0.5 * (np.log(c) - (precision * gaps) ** 2 / c - _LOG_2PI))

    def _terms(self, own: list[Floats]) -> list[tuple[Floats, Ints]]:
        """Return the non-zero entries of V, shape (draws or 1, n, k), and where they stand, shape (n or 1, k)."""
        terms: list[tuple[Floats, Ints]] = []
        start = 0
        for block, root in zip(self.problem.blocks, own, strict=True):
            k = block.Z.shape[1]
            terms.append((block.Z @ root, start + places(block)))
            start += block.n_levels * k
        return [*terms, (self.X[None], np.arange(start, start + self.problem.p)[None])]

    def _solved(self, own: list[Floats], variance: Floats) -> tuple[Floats, Floats]:
        """Return ``Q^-1`` and the conditional mean of the spherical effects and of beta about its start."""
        draws, size, p = len(variance), len(self.gram), self.problem.p
        Q = np.broadcast_to(self.gram, (draws, size, size)) / variance[:, :, None]
        h = self.cross / variance
        start = 0
        for block, root in zip(self.problem.blocks, own, strict=True):
            J, k = block.n_levels, block.Z.shape[1]
            here = slice(start, start + J * k)
            Q[:, :, here] = (Q[:, :, here].reshape(draws, size, J, k) @ root[:, None]).reshape(draws, size, J * k)
            turned = root.transpose(0, 2, 1)[:, None]
            Q[:, here] = (turned @ Q[:, here].reshape(draws, J, k, size)).reshape(draws, J * k, size)
            h[:, here] = (turned @ h[:, here].reshape(draws, J, k, 1)).reshape(draws, J * k)
            start += J * k
        diagonal = np.concatenate([np.ones(size - p), self.precision])
        Q[:, np.arange(size), np.arange(size)] += diagonal
        h[:, size - p :] += self.pull
        inverse = np.linalg.inv(Q)
        return inverse, np.einsum("dij,dj->di", inverse, h)


def places(block: Block) -> Ints:
    """Return the places of each row's entries among the effects of a block, shape (n, k)."""
    k = block.Z.shape[1]
    return np.asarray(block.codes[:, None] * k + np.arange(k))
