"""A point in internal (centred) coordinates as the user would write it, and the Jacobian between the two."""

from __future__ import annotations

import numpy as np
from oracles.joint import Point


def as_written(problem, labels, point):
    """Return the keyword arguments of `Model.log_density` for a point in internal coordinates."""
    sds, corrs, effects = {}, {}, {}
    for factor, members in labels.grouped.items():
        own = [covariance_parts(problem.blocks[i].back, point.sd[i], point.corr[i]) for i in members]
        total = sum(len(sd) for sd, _ in own)
        corr = np.full((total, total), np.nan)
        start = 0
        for sd, part in own:
            corr[start : start + len(sd), start : start + len(sd)] = part
            start += len(sd)
        sds[factor] = np.concatenate([sd for sd, _ in own])
        corrs[factor] = corr
        effects[factor] = np.hstack([point.b[i] @ problem.blocks[i].back.T for i in members])
    beta = problem.beta_back @ point.beta
    return {"sd": sds, "corr": corrs, "sigma": point.sigma}, {"beta": beta, "b": effects}


def covariance_parts(back, sd, corr):
    """Return sds and correlations of ``back @ b``; also for complex numbers."""
    covariance = back @ (sd[:, None] * corr * sd) @ back.T
    own = np.sqrt(np.diag(covariance))
    return own, covariance / np.outer(own, own)


def log_jacobian(problem, point):
    """Return log |d internal / d written| of sds and correlations, by complex steps: no cancellation."""
    return -sum(
        _log_det(block.back, sd, corr) for block, sd, corr in zip(problem.blocks, point.sd, point.corr, strict=True)
    )


def log_jacobian_of_effects(problem):
    """Return log |d internal / d written| of the effects: one matrix for every level."""
    return -sum(block.n_levels * np.log(abs(np.linalg.det(block.back))) for block in problem.blocks)


def _log_det(back, sd, corr):
    k = len(sd)
    rows, columns = np.tril_indices(k, -1)
    x = np.concatenate([sd, corr[rows, columns]]).astype(complex)
    slopes = np.empty((len(x), len(x)))
    for i in range(len(x)):
        moved = x.copy()
        moved[i] += 1e-30j
        matrix = np.eye(k, dtype=complex)
        matrix[rows, columns] = matrix[columns, rows] = moved[k:]
        own_sd, own_corr = covariance_parts(back, moved[:k], matrix)
        slopes[:, i] = np.concatenate([own_sd, own_corr[rows, columns]]).imag / 1e-30
    return np.linalg.slogdet(slopes)[1]


def elsewhere(problem, point, rng):
    """Return the same hyperparameters with another beta and b, of any size."""
    b = tuple(rng.normal(size=own.shape) * 2 for own in point.b)
    return Point(rng.normal(size=problem.p) * 3, point.sigma, point.sd, point.corr, b)


def log_conditional(problem, point):
    """Return log p(beta, b | y, sd, corr, sigma), a dense normal by its precision."""
    from hierbayes.priors import Normal

    n, p = problem.n, problem.p
    parts, covariances, values = [np.zeros((n, 0))], [], []
    for block, sd, corr, b in zip(problem.blocks, point.sd, point.corr, point.b, strict=True):
        k = len(sd)
        Z = np.zeros((n, block.n_levels, k))
        Z[np.arange(n), block.codes] = block.Z
        parts.append(Z.reshape(n, -1))
        covariances += [np.outer(sd, sd) * corr] * block.n_levels
        values.append(b.ravel())
    V = np.hstack([*parts, problem.X])
    precision, target, start = np.zeros((V.shape[1],) * 2), np.zeros(V.shape[1]), 0
    for covariance in covariances:
        stop = start + len(covariance)
        precision[start:stop, start:stop] = np.linalg.inv(covariance)
        start = stop
    for i, prior in enumerate(problem.beta_priors):
        if isinstance(prior, Normal):
            precision[start + i, start + i] = prior.sigma**-2
            target[start + i] = prior.mu * prior.sigma**-2
    weight = problem.weights / point.sigma**2
    precision += V.T @ (weight[:, None] * V)
    target += V.T @ (weight * (problem.y - problem.offset))
    gap = np.concatenate([*values, point.beta, np.zeros(0)]) - np.linalg.solve(precision, target)
    size = len(gap)
    assert size == start + p
    return -0.5 * size * np.log(2 * np.pi) + 0.5 * np.linalg.slogdet(precision)[1] - 0.5 * gap @ precision @ gap
