"""Exact refits: the joint density of left-out rows against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from oracles.dense import log_likelihoods, random_covariance
from oracles.structures import table
from scipy import stats
from scipy.special import logsumexp

import hierbayes as hb
from hierbayes.comparison.bridges import bridge, effective, relative_error
from hierbayes.comparison.refits import kept
from hierbayes.engines.theta import layout, unpack
from hierbayes.sampling.run import Runner

pytestmark = pytest.mark.filterwarnings("ignore::hierbayes.HierBayesWarning")
SLEEP = "Reaction ~ Days + (Days | Subject)"


@pytest.fixture(scope="module")
def sleep():
    return hb.fit(SLEEP, hb.load_data("sleepstudy"), seed=1, progress=False)


@pytest.fixture(scope="module")
def others(sleep):
    """For two subjects a fit to the others, with the priors of all."""
    data, priors = hb.load_data("sleepstudy"), sleep.model.resolved_priors
    return {
        level: hb.Model(SLEEP, data[data["Subject"] != level])
        .with_resolved(priors)
        .fit(draws=3000, seed=3, progress=False)
        for level in ("309", "337")
    }


@pytest.fixture(scope="module")
def without(sleep):
    return sleep.leave_one_group_out(progress=False)


def brute_force(fit, sub, level, spread=1.0):
    """Average dense normal densities of a subject's rows over the draws of a fit to the others.

    `spread` multiplies the sds of the group-level effects in these normals.
    """
    draws = {name: own.to_numpy().reshape(-1, *own.shape[2:]) for name, own in sub.posterior.items()}
    block = fit.design.groups[0]
    rows = block.codes == block.levels.index(level)
    y, X, Z = fit.design.y[rows], fit.design.X[rows], block.Z[rows]
    values = []
    for i in range(0, len(draws["sigma"]), 4):
        sd, corr = spread * draws["sd_Subject"][i], draws["corr_Subject"][i]
        covariance = Z @ (np.outer(sd, sd) * corr) @ Z.T + draws["sigma"][i] ** 2 * np.eye(len(y))
        values.append(stats.multivariate_normal(X @ draws["beta"][i], covariance).logpdf(y))
    terms = np.exp(np.array(values) - np.max(values))
    return logsumexp(values) - np.log(len(values)), terms.std() / terms.mean() / np.sqrt(len(values) / 4)


@pytest.mark.parametrize("level", ["309", "337"])
def test_a_level_left_out_is_scored_as_a_new_one(sleep, others, without, level):
    wanted, error = brute_force(sleep, others[level], level)
    found = without.table.loc[level]
    print(f"{level}: {found['elpd']:.3f} ({found['error']:.3f}) against {wanted:.3f} ({error:.3f})")
    assert found["rows"] == 10
    assert abs(found["elpd"] - wanted) < 4 * np.hypot(error, found["error"])


def test_the_check_tells_effects_of_another_size(sleep, others, without):
    wanted, error = brute_force(sleep, others["309"], "309", spread=0.5)
    found = without.table.loc["309"]
    assert abs(found["elpd"] - wanted) > 4 * np.hypot(error, found["error"])


def test_the_sum_and_its_errors(without):
    assert list(without.table.index)[:2] == ["308", "309"]
    assert len(without.table) == 18
    assert without.elpd == pytest.approx(without.table["elpd"].sum())
    assert without.se == pytest.approx(np.sqrt(18) * without.table["elpd"].std(ddof=0))
    assert 0 < without.error < 0.3
    assert "Subject" in repr(without)


def test_a_level_of_a_crossed_factor_shares_the_others_effects():
    """p(y_g | y_-g) = p(y) / p(y_-g), each by its own bridge."""
    from dataclasses import replace

    from hierbayes.comparison.evidence import evidence
    from hierbayes.sampling.sampler import settings

    data = hb.load_data("penicillin")
    fit = hb.fit("diameter ~ 1 + (1 | plate) + (1 | sample)", data, seed=1, progress=False)
    block = fit.design.blocks("sample")[0]
    out = block.codes == 2
    found = fit._refits().score(out, settings(seed=4, progress=False), "sample C")
    runner = Runner(kept(fit.model.problem, ~out), fit.model.labels)
    theta = runner.sample_theta(settings(draws=2000, seed=5, progress=False))
    rest = evidence(runner.collapsed, theta, 1, 1, False)
    whole = fit.log_marginal_likelihood()
    gap = found.value - (whole.value - rest.value)
    assert abs(gap) < 4 * np.hypot(found.error, np.hypot(whole.error, rest.error))
    other = fit._refits().score(block.codes == 3, settings(seed=4, progress=False), "sample D")
    assert abs(other.value - (whole.value - rest.value)) > 4 * np.hypot(other.error, rest.error)
    assert replace(found, error=0.0).value == found.value


def test_rows_of_a_problem():
    fit = hb.Model("y ~ x + (x | g) + (1 | h)", table())
    rows = (fit.design.groups[0].codes != 2) & (np.arange(60) > 4)
    own = kept(fit.problem, rows)
    assert own.blocks[0].n_levels == 5
    sds, corrs = [np.array([1.0, 0.5]), np.array([2.0])], [np.array([[1.0, 0.3], [0.3, 1.0]]), np.eye(1)]
    np.testing.assert_allclose(
        random_covariance(own, sds, corrs, 1.5), random_covariance(fit.problem, sds, corrs, 1.5, rows)
    )
    assert own.beta_priors == fit.problem.beta_priors


@pytest.mark.parametrize("formula", ["y ~ x + (x | g) + (1 | h)", "y ~ x + (1 | k/g)", "y ~ x"])
def test_log_likelihood_at_a_theta_is_that_of_the_dense_normal(formula):
    problem = hb.Model(formula, table(), weights="w").problem
    runner = Runner(problem, None)
    own, evaluated = layout(problem), runner.collapsed.conditional
    values = [unpack(own, theta) for theta in np.random.default_rng(2).normal(size=(4, own.dim)) * 0.7]
    sds = [np.stack([value.sds[t] for value in values]) for t in range(len(problem.blocks))]
    corrs = [np.stack([value.corrs[t] for value in values]) for t in range(len(problem.blocks))]
    wanted = log_likelihoods(problem, sds, corrs, np.array([value.sigma for value in values]))
    np.testing.assert_allclose([evaluated.at(value) for value in values], wanted, rtol=1e-9)


def test_bridge_between_two_normals():
    """exp(-x^2 / 2) against exp(-(x - 1)^2 / 8) / 3: the constants are known."""
    rng = np.random.default_rng(8)
    q, g = rng.normal(size=(4, 2000)), rng.normal(1, 2, size=(4, 2000))

    def ratio(x):
        return -0.5 * x**2 + (x - 1) ** 2 / 8 + np.log(3)

    wanted = np.log(np.sqrt(2 * np.pi) / (np.sqrt(8 * np.pi) / 3))
    found, below, above = bridge(ratio(q), ratio(g), q.size, g.size)
    error = np.hypot(relative_error(below), relative_error(above))
    assert abs(found - wanted) < 4 * error < 0.1
    assert abs(found - wanted - np.log(3)) > 4 * error
    assert effective(q) > 4000


def test_bridge_refuses_what_does_not_overlap():
    with pytest.raises(hb.SamplingError, match="overlap"):
        bridge(np.full((2, 50), 10.0), np.full((2, 50), -np.inf), 100, 100)


def test_what_cannot_be_left_out():
    fit = hb.fit("y ~ x", table(), draws=100, chains=2, seed=1, progress=False)
    with pytest.raises(hb.ModelError, match="no group-level terms"):
        fit.leave_one_group_out()
    fit = hb.fit("y ~ x + (1 | k)", table(), draws=100, chains=2, seed=1, progress=False)
    with pytest.raises(hb.DataError, match="factors: k"):
        fit.leave_one_group_out("g")


def test_flat_priors_that_would_be_improper_without_the_rows():
    data = table()[lambda own: own["g"].isin(["g0", "g1", "g2"])]
    fit = hb.fit("y ~ 1 + (1 | g)", data, priors="flat", draws=100, chains=2, seed=1, progress=False)
    with pytest.raises(hb.ModelError, match="without g 'g0' the flat priors leave an improper posterior"):
        fit.leave_one_group_out(progress=False)
    lone = data.assign(only=(np.arange(len(data)) == 3).astype(float))
    fit = hb.fit("y ~ only", lone, priors="flat", draws=100, chains=2, seed=1, progress=False)
    with pytest.raises(hb.ModelError, match="without row 3"):
        fit.leave_one_out_exact([3])


def test_seeds_fix_everything(sleep):
    one, two, other = (
        sleep.leave_one_out_exact([3], draws=100, chains=2, seed=seed, progress=False).elpd for seed in (5, 5, 6)
    )
    assert one == two != other
