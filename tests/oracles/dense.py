"""The Gaussian model as one dense normal distribution of y, beta and b integrated out."""

from __future__ import annotations

import numpy as np
from scipy import stats

from hierbayes.priors import Flat


def random_covariance(problem, sds, corrs, sigma, rows=slice(None)):
    """Return the covariance of y given beta: group-level effects and residuals."""
    K = np.diag(sigma**2 / problem.weights[rows])
    for block, sd, corr in zip(problem.blocks, sds, corrs, strict=True):
        same = block.codes[rows][:, None] == block.codes[rows][None]
        K += np.where(same, block.Z[rows] @ (np.outer(sd, sd) * corr) @ block.Z[rows].T, 0.0)
    return K


def moments(problem, sds, corrs, sigma):
    """Return mean and covariance of y, coefficients with normal priors integrated out, and the columns of flat ones."""
    K, mean, flat = random_covariance(problem, sds, corrs, sigma), problem.offset.copy(), []
    for k, prior in enumerate(problem.beta_priors):
        if isinstance(prior, Flat):
            flat.append(k)
        else:
            K += prior.sigma**2 * np.outer(problem.X[:, k], problem.X[:, k])
            mean += prior.mu * problem.X[:, k]
    return mean, K, problem.X[:, flat]


def log_left_out(problem, sds, corrs, sigma):
    """Return log p(y_i | y_-i, theta) of every row by solving with the others; flat coefficients by least squares."""
    mean, K, F = moments(problem, sds, corrs, sigma)
    e, found = problem.y - mean, np.empty(problem.n)
    for i in range(problem.n):
        rest = np.delete(np.arange(problem.n), i)
        others = K[np.ix_(rest, rest)]
        solved = np.linalg.solve(others, np.column_stack([e[rest], K[rest, i], F[rest]]))
        centre, variance = K[i, rest] @ solved[:, 0], K[i, i] - K[i, rest] @ solved[:, 1]
        if F.shape[1]:
            gram = F[rest].T @ solved[:, 2:]
            beta = np.linalg.solve(gram, F[rest].T @ solved[:, 0])
            gap = F[i] - K[i, rest] @ solved[:, 2:]
            centre, variance = centre + gap @ beta, variance + gap @ np.linalg.solve(gram, gap)
        found[i] = stats.norm.logpdf(e[i], centre, np.sqrt(variance))
    return found


def log_likelihoods(problem, sds, corrs, sigma, step=20_000):
    """Return log p(y | theta) at many thetas: sds (draws, k), corrs (draws, k, k), sigma (draws,); proper priors."""
    y, total = problem.y - problem.offset, np.empty(len(sigma))
    fixed = np.zeros((problem.n, problem.n))
    for k, prior in enumerate(problem.beta_priors):
        y = y - prior.mu * problem.X[:, k]
        fixed += prior.sigma**2 * np.outer(problem.X[:, k], problem.X[:, k])
    for start in range(0, len(sigma), step):
        part = slice(start, start + step)
        K = fixed + sigma[part, None, None] ** 2 * np.diag(1 / problem.weights)
        for block, sd, corr in zip(problem.blocks, sds, corrs, strict=True):
            same = block.codes[:, None] == block.codes[None]
            covariance = sd[part, :, None] * corr[part] * sd[part, None, :]
            K += np.where(same, block.Z @ covariance @ block.Z.T, 0.0)
        L = np.linalg.cholesky(K)
        z = np.linalg.solve(L, np.broadcast_to(y[:, None], (len(L), problem.n, 1)))[..., 0]
        log_det = np.log(np.diagonal(L, axis1=1, axis2=2)).sum(axis=1)
        total[part] = -0.5 * problem.n * np.log(2 * np.pi) - log_det - 0.5 * np.sum(z**2, axis=1)
    return total
