"""What else depends on levels, on random designs: rows left out, restrictions, the explorer, separate fits."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from oracles.dense import log_left_out
from oracles.dense_normal import DenseNormal
from oracles.design_checks import factors_of
from oracles.joint_checks import _mild
from oracles.random_designs import random_design

import hierbayes as hb
from hierbayes.comparison.left_out_rows import LeftOutRows
from hierbayes.comparison.refits import kept
from hierbayes.comparison.restricted import restrict
from hierbayes.engines.collapsed.conditional import Conditional
from hierbayes.estimates import no_pooling
from hierbayes.posterior.internal import Internal
from hierbayes.priors import Flat, Normal
from hierbayes.report.explorer_modes import modes_path
from hierbayes.report.explorer_path import pooling_path

MANY = 150


def designs(number=MANY, first=0):
    """Return tame designs of any shape."""
    return [random_design(seed, tame=True) for seed in range(first, first + number)]


def split(design):
    """Return the sds and correlations of each block."""
    sds = [np.linalg.norm(root, axis=1) for root in design.roots]
    return sds, [root @ root.T / np.outer(sd, sd) for root, sd in zip(design.roots, sds, strict=True)]


def determined(problem):
    """Whether the flat coefficients are determined by all rows but any one."""
    flat = [isinstance(prior, Flat) for prior in problem.beta_priors]
    rest = (np.delete(problem.X[:, flat], i, axis=0) for i in range(problem.n))
    return all(np.linalg.svd(rows, compute_uv=False).min(initial=1.0) > 1e-3 and len(rows) > sum(flat) for rows in rest)


def value_of(problem, design):
    given = Conditional(problem)
    lam, _ = factors_of(given, design.roots, design.sigma)
    return given.log_likelihood(lam, design.sigma)


def test_rows_left_out_are_those_of_the_dense_normal():
    looked = 0
    for design in designs():
        problem = design.problem
        if not determined(problem):
            continue
        looked += 1
        sds, corrs = split(design)
        drawn = Internal(
            tuple(sd[None] for sd in sds), tuple(corr[None] for corr in corrs), np.array([design.sigma]),
            np.zeros((1, problem.p)),
        )  # fmt: skip
        found = LeftOutRows(problem).densities(drawn)[0]
        wanted = log_left_out(problem, sds, corrs, design.sigma)
        assert np.max(np.abs(found - wanted) / (1 + np.abs(wanted))) < 1e-9 * design.ratio**2, design.number
    assert looked > MANY // 3


def test_rows_kept_for_a_refit_give_the_density_of_the_rest():
    """``p(y_out | y_rest, theta)`` is a ratio of two densities; a column may be 0 in the rows that are kept."""
    zero = 0
    for design in designs():
        problem = replace(design.problem, beta_priors=tuple(Normal(0.1, 2.0) for _ in design.problem.beta_priors))
        out = np.random.default_rng(design.number).random(problem.n) < 0.3
        out[0] = False
        rest = kept(problem, ~out)
        zero += bool(rest.p and np.any(~rest.X.any(axis=0)))
        found = value_of(rest, design)
        wanted = DenseNormal(rest, design.roots, design.sigma).log_likelihood
        assert found == pytest.approx(wanted, rel=1e-9, abs=1e-9), design.number
    assert zero > MANY // 15


def test_a_restriction_is_the_ratio_of_densities_of_the_coefficients():
    """Held at r, ``p(y | c'beta = r) / p(y)`` is the posterior's density of ``c'beta`` at r over the prior's."""
    looked = 0
    for design in designs(200):
        problem = design.problem
        normal = [k for k, prior in enumerate(problem.beta_priors) if isinstance(prior, Normal)]
        if not normal:
            continue
        looked += 1
        rng = np.random.default_rng(design.number)
        c = np.zeros(problem.p)
        c[normal] = rng.normal(size=len(normal))
        mean, covariance = DenseNormal(problem, design.roots, design.sigma).conditional()
        q = len(mean) - problem.p
        prior = [problem.beta_priors[k] for k in normal]
        at = float(c @ mean[q:]) + 0.3
        after = _log_normal(at, c @ mean[q:], c @ covariance[q:, q:] @ c)
        before = _log_normal(at, sum(c[k] * own.mu for k, own in zip(normal, prior, strict=True)),
                             sum((c[k] * own.sigma) ** 2 for k, own in zip(normal, prior, strict=True)))  # fmt: skip
        found = value_of(restrict(problem, c, at), design) - value_of(problem, design)
        assert found == pytest.approx(after - before, rel=1e-7, abs=1e-7), design.number
    assert looked > 50


def _log_normal(x, mean, variance):
    return -0.5 * (math.log(2 * math.pi * variance) + (x - mean) ** 2 / variance)


def test_the_path_of_the_explorer_is_that_of_the_dense_normal():
    looked = 0
    for design in designs():
        problem = design.problem
        if problem.p >= problem.n or any(isinstance(prior, Normal) for prior in problem.beta_priors):
            continue
        looked += 1
        covariances = [root @ root.T for root in design.roots]
        path = pooling_path(problem, covariances, design.sigma, [0], np.array([0.0, 0.1, 1.0, 30.0]))
        k, levels = problem.blocks[0].Z.shape[1], problem.blocks[0].n_levels
        for i, m in enumerate(path.multipliers):
            roots = [root * (m if own == 0 else 1.0) for own, root in enumerate(design.roots)]
            mean, _ = DenseNormal(problem, roots, design.sigma, "reml").conditional()
            q = len(mean) - problem.p
            np.testing.assert_allclose(path.beta[i], mean[q:], rtol=1e-7, atol=1e-7)
            np.testing.assert_allclose(path.b[i], mean[: levels * k].reshape(levels, k), rtol=1e-7, atol=1e-7)
    assert looked > MANY // 4


def test_the_path_by_modes_is_that_of_the_dense_normal_for_a_gaussian():
    for design in designs(60):
        problem = _mild(design.problem)
        problem = replace(problem, beta_priors=tuple(Normal(0.1, 2.0) for _ in problem.beta_priors))
        covariances = [root @ root.T for root in design.roots]
        path = modes_path(problem, covariances, {"sigma": design.sigma}, [0], np.array([0.0, 1.0, 3.0]))
        k, levels = problem.blocks[0].Z.shape[1], problem.blocks[0].n_levels
        for i, m in enumerate(path.multipliers):
            roots = [root * (m if own == 0 else 1.0) for own, root in enumerate(design.roots)]
            mean, _ = DenseNormal(problem, roots, design.sigma).conditional()
            q = len(mean) - problem.p
            np.testing.assert_allclose(path.beta[i], mean[q:], rtol=1e-6, atol=1e-6)
            np.testing.assert_allclose(path.b[i], mean[: levels * k].reshape(levels, k), rtol=1e-6, atol=1e-6)


def test_separate_fits_are_least_squares_level_by_level():
    small = 0
    for design in designs():
        problem, block = design.problem, design.problem.blocks[0]
        y, root = problem.y - problem.offset, np.sqrt(problem.weights)[:, None]
        found = no_pooling(y, None, block.Z, block.codes, block.n_levels, problem.weights)
        for level in range(block.n_levels):
            rows = block.codes == level
            columns = block.Z[rows] * root[rows]
            full = rows.sum() >= columns.shape[1] and np.linalg.matrix_rank(columns) == columns.shape[1]
            assert found.too_small[level] != full
            small += not full
            wanted = np.linalg.lstsq(columns, y[rows] * root[rows, 0], rcond=None)[0] if full else np.nan
            np.testing.assert_allclose(found.coef[level], np.broadcast_to(wanted, found.coef[level].shape), atol=1e-8)
    assert small > MANY


@pytest.mark.slow
def test_predictions_for_a_condition_that_a_subject_never_had():
    """Given theta, the mean of a cell without rows is that of the dense normal, through the correlations alone."""
    rng = np.random.default_rng(3)
    sizes = [1] * 14 + [3] * 4
    data = pd.DataFrame({"g": np.repeat([f"g{i:02d}" for i in range(18)], sizes)})
    data["f"] = np.concatenate([rng.permutation(["p", "q", "r"])[:size] for size in sizes])
    data["y"] = rng.normal(5, 2, len(data))
    priors = {"sd_g": hb.Fixed(1.5), "corr_g": hb.Fixed(0.6), "sigma": hb.Fixed(0.8)}
    model = hb.Model("y ~ f + (0 + f | g)", data, priors=priors)
    fit = model.fit(draws=4000, chains=4, seed=1, engine="collapsed", progress=False)
    sd, corr = np.full(3, 1.5), 0.4 * np.eye(3) + 0.6
    root = sd[:, None] * np.linalg.cholesky(corr)
    mean, covariance = DenseNormal(model.problem, [root], 0.8).conditional()
    new = pd.DataFrame({"g": np.repeat(data["g"].unique()[:3], 3), "f": ["p", "q", "r"] * 3})
    found = fit.predict(new, kind="mean")
    rows = np.column_stack([np.ones(9), new["f"] == "q", new["f"] == "r"]).astype(float)
    columns = np.zeros((9, len(mean)))
    columns[np.arange(9), np.repeat(np.arange(3), 3) * 3 + np.tile(np.arange(3), 3)] = 1.0
    columns[:, -3:] = rows @ model.problem.beta_back
    wanted, spread = columns @ mean, np.sqrt(np.einsum("ij,jk,ik->i", columns, covariance, columns))
    assert np.all(np.abs(found["mean"].to_numpy() - wanted) < 4.5 * spread / np.sqrt(16_000))
    np.testing.assert_allclose(found["sd"].to_numpy(), spread, rtol=0.03)
