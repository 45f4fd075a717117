"""Random points in the parameter space of a problem, and their values under the names of a PyMC model."""

from __future__ import annotations

import numpy as np
from oracles.joint import Point, log_corr_jacobian

from hierbayes import priors as hp


def random_point(problem, rng):
    """Return a point: fixed parameters at their values, the others at random."""
    sds = tuple(np.array([_positive(prior, rng) for prior in block.sd_priors]) for block in problem.blocks)
    corrs = tuple(_corr(block, rng) for block in problem.blocks)
    b = tuple(
        rng.normal(size=(block.n_levels, len(sd))) @ (np.linalg.cholesky(corr).T * sd)
        for block, sd, corr in zip(problem.blocks, sds, corrs, strict=True)
    )
    return Point(rng.normal(size=problem.p), _positive(problem.kernel_parameters[0].prior, rng), sds, corrs, b)


def _positive(prior, rng):
    return prior.value if isinstance(prior, hp.Fixed) else float(rng.uniform(0.3, 3))


def _corr(block, rng):
    if isinstance(block.corr_prior, hp.Fixed):
        return np.asarray(block.corr_prior.value)
    rows = np.tril(rng.normal(size=(block.Z.shape[1],) * 2), -1) + np.eye(block.Z.shape[1])
    rows /= np.linalg.norm(rows, axis=1)[:, None]
    return rows @ rows.T


def named_values(problem, labels, point, model):
    """Return values for every variable that the PyMC model may have, and a log Jacobian.

    `model` is the PyMC model; it says which terms are sampled in their non-centred form. The Jacobian is
    that of (v, chol) in place of (b, corr): ``log p(v, chol) = log p(b, corr) + jacobian``.
    """
    values, jacobian = {"sigma": point.sigma}, 0.0
    _enter(values, "beta", labels.coefficients, point.beta)
    for factor, members in labels.grouped.items():
        terms = [term for i in members for term in labels.terms[i]]
        _enter(values, f"sd_{factor}", terms, np.concatenate([point.sd[i] for i in members]))
        for number, i in enumerate(members):
            label = factor if len(members) == 1 else f"{factor}_{number + 1}"
            jacobian += _enter_block(values, label, problem.blocks[i], point.sd[i], point.corr[i], point.b[i])
            if f"v_{label}" in model:
                jacobian += _log_scale(problem.blocks[i], point.sd[i], point.corr[i])
    return values, jacobian


def _enter(values, name, labels, numbers):
    for full in (name, f"{name}_centred", f"{name}_contrasts"):
        values[full] = np.asarray(numbers, dtype=float)
        values |= {f"{full}[{label}]": number for label, number in zip(labels, numbers, strict=True)}


def _enter_block(values, label, block, sd, corr, b):
    chol = np.linalg.cholesky(corr)
    values[f"chol_corr_{label}"] = chol
    values[f"b_{label}_sampled"] = b
    values[f"v_{label}"] = np.linalg.solve(sd[:, None] * chol, b.T).T
    return log_corr_jacobian(chol) if isinstance(block.corr_prior, hp.LKJ) else 0.0


def _log_scale(block, sd, corr):
    return block.n_levels * float(np.log(np.diag(np.linalg.cholesky(corr)) * sd).sum())
