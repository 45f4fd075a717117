"""The chart that moves with theta in dense matrices, from the model's definition and the families' Fisher information.

Nothing here reads the engine's elimination: the working model is formed from all rows, A is a dense matrix with its
rows and columns put in the order of elimination, and the Cholesky factor is numpy's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from oracles import joint_families as oracle
from oracles.joint_families import FamilyPoint
from scipy import stats
from scipy.linalg import block_diag, solve_triangular

from hierbayes.engines.theta import log_jacobian, unpack

NODE = 2.0


@dataclass(frozen=True)
class DenseChart:
    """A problem with its blocks in the order of w, and the working model at a mode."""

    problem: object
    layout: object
    order: tuple[int, ...]
    mode: np.ndarray
    root: np.ndarray
    """C of ``theta = mode + C z``."""
    information: np.ndarray
    target: np.ndarray
    following: np.ndarray
    """a, a', g and g' of each coordinate of theta, shape (dim, 4, effects + p)."""

    def followed(self, x):
        """Return D and e at the coordinates of theta; beyond the nodes the square goes on as its tangent."""
        bent = np.where(np.abs(x) < NODE, x**2, 2 * NODE * np.abs(x) - NODE**2)
        features = np.concatenate([x, bent])
        logs = np.concatenate([self.following[:, 0], self.following[:, 1]])
        shifts = np.concatenate([self.following[:, 2], self.following[:, 3]])
        return np.exp(features @ logs), self.target + features @ shifts

    @property
    def blocks(self):
        return [self.problem.blocks[i] for i in self.order]

    @property
    def elimination(self):
        """Places of (v, beta) in the order of elimination: the last column of each level first, coefficients last."""
        places, start = np.arange(self.information.shape[0]), 0
        for block in self.blocks:
            k = block.Z.shape[1]
            size = block.n_levels * k
            places[start : start + size] = places[start : start + size].reshape(-1, k)[:, ::-1].ravel()
            start += size
        return places

    def ordered(self, z):
        """Return z in the order of elimination, in which the border's lies already."""
        first = self.blocks[0].n_levels * self.blocks[0].Z.shape[1] if self.order else 0
        return np.concatenate([z[self.elimination[:first]], z[first:]])

    def factors(self, value):
        return [value.sds[i][:, None] * value.factors[i] for i in self.order]

    def at(self, z):
        """Return theta, (v, beta), (b, beta) and ``log |d (v, beta) / d z|`` at z."""
        dim = len(self.mode)
        theta = self.mode + self.root @ z[:dim]
        value, p = unpack(self.layout, theta), self.problem.p
        repeated = [np.kron(np.eye(b.n_levels), L) for b, L in zip(self.blocks, self.factors(value), strict=True)]
        T = block_diag(*repeated, np.eye(p)) if p or repeated else np.zeros((0, 0))
        T = T[-self.information.shape[0] :]  # block_diag of nothing has a row
        precision, mean = np.ones(len(T)), np.zeros(len(T))
        if p:
            precision[-p:] = [prior.sigma**-2 for prior in self.problem.beta_priors]
            mean[-p:] = [prior.mu for prior in self.problem.beta_priors]
        D, e = self.followed(z[:dim])
        A = T.T @ np.diag(D) @ self.information @ np.diag(D) @ T + np.diag(precision)
        r = T.T @ (D * e) + precision * mean
        places = self.elimination
        R = np.linalg.cholesky(A[np.ix_(places, places)]).T
        u = np.empty(len(T))
        u[places] = np.linalg.solve(A[np.ix_(places, places)], r[places]) + solve_triangular(R, self.ordered(z[dim:]))
        return theta, u, T @ u, -np.sum(np.log(np.diag(R)))

    def log_density(self, z):
        """Return log p(y, theta, v, beta) with every Jacobian of the way from z but the constant one of theta."""
        theta, _, w, jacobian = self.at(z)
        value, start, b = unpack(self.layout, theta), 0, [None] * len(self.order)
        for i, block in zip(self.order, self.blocks, strict=True):
            size = block.n_levels * block.Z.shape[1]
            b[i] = w[start : start + size].reshape(block.n_levels, -1)
            start += size
        corrs = tuple(factor @ factor.T for factor in value.factors)
        point = FamilyPoint(w[start:], value.sigma, value.sds, corrs, tuple(b), value.aux)
        stretched = sum(
            block.n_levels * np.log(np.diag(L)).sum() for block, L in zip(self.blocks, self.factors(value), strict=True)
        )
        whole = oracle.log_joint(self.problem, point) + log_jacobian(self.layout, theta)
        return whole + stretched + jacobian


def design(problem, order):
    """Return the dense columns of all effects, block by block in that order, and of the coefficients."""
    parts = [np.zeros((len(problem.X), 0))]
    for i in order:
        block = problem.blocks[i]
        k = block.Z.shape[1]
        dense = np.zeros((len(problem.X), block.n_levels * k))
        for row, level in enumerate(block.codes):
            dense[row, level * k : (level + 1) * k] = block.Z[row]
        parts.append(dense)
    return np.hstack([*parts, problem.X])


def parameters_of(problem, value):
    """Return the family's parameters beside the location, by name."""
    return problem.named(value.sigma, value.aux)


def unwhitened(engine, theta, w):
    """Return (b, beta) from (v, beta) at theta, in the order of w."""
    value, found, start = unpack(engine.layout, theta), w.copy(), 0
    for i in engine.rows.order:
        size = engine.problem.blocks[i].n_levels * engine.problem.blocks[i].Z.shape[1]
        L = value.sds[i][:, None] * value.factors[i]
        found[start : start + size] = (found[start : start + size].reshape(-1, len(L)) @ L.T).ravel()
        start += size
    return found


def dense_working(engine, theta, w):
    """Return the information in (b, beta), and the slope of the log likelihood, at theta and (b, beta)."""
    problem, family = engine.problem, engine.problem.likelihood
    value = unpack(engine.layout, theta)
    V = design(problem, tuple(engine.rows.order))
    eta, own = problem.offset + V @ w, parameters_of(problem, value)
    if family.predictors > 1:
        weighted = family.informed(eta, V, own, problem.weights)
        slope = family.score(problem.y, eta, own, problem.weights)
    else:
        weighted = curvature(problem, eta, own)[:, None] * V
        slope = family.score(problem.y, eta, own, problem.weights, problem.trials)
    return V.T @ weighted, V.T @ slope


def dense_chart(engine, following):
    """Return the dense chart of an engine, at its mode, which follows theta by the given numbers."""
    from hierbayes.engines.joint.charting import theta_factor

    peak = engine.peak
    w = unwhitened(engine, peak.theta, peak.at.w)
    G, slope = dense_working(engine, peak.theta, w)
    order, root = tuple(engine.rows.order), theta_factor(peak.hessian)
    numbers = following.reshape(len(peak.theta), 4, len(w))
    return DenseChart(engine.problem, engine.layout, order, peak.theta, root, G, G @ w + slope, numbers)


def curvature(problem, eta, own):
    """Return minus the second derivative of each row, or what the engine has in its place where that may be negative.

    That is its expectation for the probit link, and for Student's t a tenth of the weight in least squares at least.
    """
    y, w, family = problem.y, problem.weights, problem.likelihood
    match family.name:
        case "student_t":
            nu, sigma = own["nu"], own["sigma"]
            q = (y - eta) ** 2 / (nu * sigma**2)
            return w * (nu + 1) / (nu * sigma**2) * np.maximum(1 - q, 0.1 * (1 + q)) / (1 + q) ** 2
        case "gamma":
            return w * own["alpha"] * y * np.exp(-eta)
        case "negative_binomial":
            alpha, mu = own["alpha"], np.exp(eta)
            return w * (y + alpha) * alpha * mu / (alpha + mu) ** 2
        case "ordinal":
            edges = np.concatenate([[-np.inf, 0.0], np.cumsum(problem_gaps(problem, own)), [np.inf]])
            law = {"logit": stats.logistic, "probit": stats.norm}[family.link]
            low, high = edges[y.astype(int) - 1] - eta, edges[y.astype(int)] - eta
            mass = np.where(low > 0, law.sf(low) - law.sf(high), law.cdf(high) - law.cdf(low))
            slope = (law.pdf(low) - law.pdf(high)) / mass
            bend = (_steep(law, high) - _steep(law, low)) / mass
            return w * (slope**2 - bend)
    return w * family.information(eta, own, 1.0, problem.trials)


def _steep(law, x):
    """Return the derivative of a density, 0 at infinity."""
    finite = np.where(np.isfinite(x), x, 0.0)
    rate = -finite if law is stats.norm else 1 - 2 * law.cdf(finite)
    return np.where(np.isfinite(x), law.pdf(finite) * rate, 0.0)


def problem_gaps(problem, own):
    """Return the gaps between the thresholds."""
    return [own[parameter.name] for parameter in problem.parameters]
