"""The Gaussian model as one dense normal distribution of y, in doubles or in as many decimal digits as are wanted.

Two thirds of a double's digits are gone where an sd is 1e5 times sigma, and all of them at 1e8: the covariance of y is
then a matrix of huge numbers whose inverse is made of tiny differences. In eighty decimal digits it is not, and what
comes out is right to the last digit of a double. Everything is written from the definition

    y ~ N(offset + X_n mu + X_f beta_f, K),    K = sum_t Z_t (I x L_t L_t') Z_t' + X_n S X_n' + sigma^2 W^-1,

``X_n`` the columns of normal coefficients and ``X_f`` those of flat ones.
"""

from __future__ import annotations

import decimal
import math
from functools import cached_property

import numpy as np

from hierbayes.priors import Normal

DIGITS = decimal.Context(prec=80)
_exactly = np.frompyfunc(decimal.Decimal, 1, 1)


def numbers(values, exact):
    """Return an array of floats, or of the decimal numbers that are equal to them."""
    values = np.asarray(values, dtype=float)
    return _exactly(values) if exact else values


def eliminated(matrix, right):
    """Return ``matrix^-1 right`` and the log determinant of a positive definite matrix."""
    if matrix.dtype != object:
        if not len(matrix):
            return np.array(right), 0.0
        return np.linalg.solve(matrix, right), float(np.linalg.slogdet(matrix)[1])
    n = len(matrix)
    whole, product = np.hstack([matrix, right]), decimal.Decimal(1)
    for j in range(n):
        product *= whole[j, j]
        whole[j, j + 1 :] /= whole[j, j]
        if j + 1 < n:
            whole[j + 1 :, j + 1 :] -= whole[j + 1 :, j, None] * whole[j, j + 1 :]
    out = whole[:, n:]
    for j in range(n - 1, 0, -1):
        out[:j] -= whole[:j, j, None] * out[j]
    power = product.adjusted()
    return out, math.log(float(product.scaleb(-power))) + power * math.log(10)


class DenseNormal:
    """The model at one point.

    Parameters
    ----------
    problem : Problem
    roots : sequence of array, shape (k, k)
        L of every block, ``L L'`` the covariance of a level's effects.
    sigma : float
    criterion : str
        ``"bayes"``, ``"reml"`` or ``"ml"``.
    exact : bool
        In eighty decimal digits instead of doubles.
    """

    def __init__(self, problem, roots, sigma, criterion="bayes", exact=False):
        self.problem, self.criterion, self.exact = problem, criterion, exact
        normal = [criterion == "bayes" and isinstance(prior, Normal) for prior in problem.beta_priors]
        self.normal, self.flat = np.flatnonzero(normal), np.flatnonzero(~np.array(normal, dtype=bool))
        with decimal.localcontext(DIGITS):
            self._set_up([self._own(root) for root in roots], decimal.Decimal(sigma) if exact else float(sigma))

    def _own(self, values):
        return numbers(values, self.exact)

    def _set_up(self, roots, sigma):
        problem = self.problem
        n = problem.n
        self.roots, self.Z = roots, [self._own(block.Z) for block in problem.blocks]
        X = self._own(problem.X)
        priors = [problem.beta_priors[k] for k in self.normal]
        self.X, self.F = X[:, self.normal], X[:, self.flat]
        self.spread = self._own([prior.sigma for prior in priors]) ** 2
        self.mu = self._own([prior.mu for prior in priors])
        self.residual = sigma * sigma / self._own(problem.weights)
        K = self._own(np.zeros((n, n)))
        for block, Z, root in zip(problem.blocks, self.Z, roots, strict=True):
            A = Z @ root
            K += np.where(block.codes[:, None] == block.codes, A @ A.T, K * 0)
        K += (self.X * self.spread) @ self.X.T
        K[np.arange(n), np.arange(n)] += self.residual
        self.K = K
        gap = self._own(problem.y) - self._own(problem.offset) - self.X @ self.mu
        solved, self.log_det = eliminated(K, np.hstack([self._own(np.eye(n)), self.F, gap[:, None]]))
        self.inverse, left = solved[:, :n], solved[:, n:-1]
        self.info = self.F.T @ left
        f = len(self.flat)
        bread, self.log_info = eliminated(
            self.info, np.hstack([self._own(np.eye(f)), (self.F.T @ solved[:, -1])[:, None]])
        )
        self.bread, self.best, self.left = bread[:, :f], bread[:, -1], left
        self.P = self.inverse - left @ self.bread @ left.T if f else self.inverse
        self.a = solved[:, -1] - left @ self.best if f else solved[:, -1]
        self.squares = float(gap @ self.a)

    @property
    def log_likelihood(self):
        """log p(y | theta), coefficients integrated out, or, for ML, at their best."""
        value = -0.5 * (self.problem.n * math.log(2 * math.pi) + self.log_det + self.squares)
        if self.criterion != "ml":
            value += 0.5 * (len(self.flat) * math.log(2 * math.pi) - self.log_info)
        return value

    @cached_property
    def by_covariance(self):
        """Twice the derivative of the log likelihood in the covariance of y."""
        with decimal.localcontext(DIGITS):
            return np.outer(self.a, self.a) - (self.inverse if self.criterion == "ml" else self.P)

    def moment(self, members):
        """Return M of blocks that share their levels, ``d log p = tr(M' K)`` for ``dL = L K``, and its parts' size."""
        with decimal.localcontext(DIGITS):
            Z = np.hstack([self.Z[i] for i in members])
            root = self._own(np.zeros((Z.shape[1], Z.shape[1])))
            start = 0
            for i in members:
                k = len(self.roots[i])
                root[start : start + k, start : start + k] = self.roots[i]
                start += k
            codes = self.problem.blocks[members[0]].codes
            A = Z @ root
            same = codes[:, None] == codes
            found = A.T @ np.where(same, self.by_covariance, self.by_covariance * 0) @ A
            return found.astype(float)

    @property
    def by_log_sigma(self):
        """The derivative in log sigma at fixed L."""
        with decimal.localcontext(DIGITS):
            return float(np.sum(self.residual * np.diag(self.by_covariance)))

    def conditional(self, given_beta=False):
        """Return mean and covariance of (b, beta), b level by level, block by block."""
        problem = self.problem
        with decimal.localcontext(DIGITS):
            parts, spreads = [], []
            for block, Z, root in zip(problem.blocks, self.Z, self.roots, strict=True):
                k = Z.shape[1]
                wide = self._own(np.zeros((problem.n, block.n_levels * k)))
                for c in range(k):
                    wide[np.arange(problem.n), block.codes * k + c] = Z[:, c]
                own = self._own(np.zeros((block.n_levels * k, block.n_levels * k)))
                for j in range(block.n_levels):
                    own[j * k : (j + 1) * k, j * k : (j + 1) * k] = root @ root.T
                parts.append(wide)
                spreads.append(own)
            q, m = sum(part.shape[1] for part in parts), len(self.normal)
            U = np.hstack([*parts, self.X])
            D = self._own(np.zeros((q + m, q + m)))
            start = 0
            for own in [*spreads, np.diag(self.spread) if m else self._own(np.zeros((0, 0)))]:
                D[start : start + len(own), start : start + len(own)] = own
                start += len(own)
            return self._gathered(U, D, q, given_beta)

    def _gathered(self, U, D, q, given_beta):
        p, pull = self.problem.p, U @ D
        mean, covariance = self._own(np.zeros(q + p)), self._own(np.zeros((q + p, q + p)))
        own, flat = np.r_[np.arange(q), q + self.normal], q + self.flat
        mean[own] = pull.T @ self.a
        mean[q + self.normal] += self.mu
        mean[flat] = self.best
        covariance[np.ix_(own, own)] = D - pull.T @ (self.inverse if given_beta else self.P) @ pull
        if len(flat):
            cross = self._own(np.zeros((len(own), len(flat)))) - pull.T @ self.left @ self.bread
            covariance[np.ix_(own, flat)], covariance[np.ix_(flat, own)] = cross, cross.T
            covariance[np.ix_(flat, flat)] = self.bread
        return mean.astype(float), covariance.astype(float)
