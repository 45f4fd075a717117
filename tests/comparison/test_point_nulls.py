"""Savage-Dickey ratios against closed forms, dense linear algebra and quadrature."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fits import fake_fit
from scipy import stats

import hierbayes as hb
from hierbayes.comparison.point_nulls import kernel_values
from hierbayes.comparison.restricted import log_ratios, restrict

FIXED = {"sd_Subject": hb.Fixed(20.0), "corr_Subject": hb.Fixed(0.2), "sigma": hb.Fixed(30.0)}


def covariance(design, sds, corrs, sigma):
    """The covariance of the response given theta, written out."""
    V = np.diag(sigma**2 / design.weights)
    for block, sd, corr in zip(design.groups, sds, corrs, strict=True):
        own = block.codes[:, None] == block.codes[None, :]
        V = V + own * (block.Z @ (sd[:, None] * corr * sd[None, :]) @ block.Z.T)
    return V


def conditional(design, problem, V):
    """Mean and covariance of the coefficients as given, and of their prior, given theta."""
    A = problem.beta_back
    m, s = np.array([p.mu for p in problem.beta_priors]), np.array([p.sigma for p in problem.beta_priors])
    X = design.X @ A
    inverse = np.linalg.inv(V)
    S = np.linalg.inv(X.T @ inverse @ X + np.diag(s**-2.0))
    mean = S @ (X.T @ inverse @ (design.y - design.offset) + m / s**2)
    return A @ mean, A @ S @ A.T, A @ m, A @ np.diag(s**2) @ A.T


def ratio(moments, c, r):
    mean, S, m, P = moments
    posterior = stats.norm(c @ mean, np.sqrt(c @ S @ c))
    return posterior.pdf(r) / stats.norm(c @ m, np.sqrt(c @ P @ c)).pdf(r)


@pytest.fixture(scope="module")
def conjugate():
    """Every sd fixed: the coefficients are exactly normal."""
    sleep = hb.load_data("sleepstudy")
    return hb.fit("Reaction ~ Days + (Days | Subject)", sleep, priors=FIXED, draws=500, seed=3, progress=False)


POINTS = [
    ("Days = 10", [0, 1], 10),
    ("Days = 0", [0, 1], 0),
    ("Intercept = 250", [1, 0], 250),
    ("Intercept + 9*Days = 340", [1, 9], 340),
    ("2*(Intercept - 100) = 300 - Days", [2, 1], 500),
    ("13 - Days = Days/2", [0, -1.5], -13),
]


@pytest.mark.parametrize(("text", "c", "r"), POINTS)
def test_conjugate_model_is_exact(conjugate, text, c, r):
    V = covariance(conjugate.design, [np.full(2, 20.0)], [np.array([[1, 0.2], [0.2, 1]])], 30.0)
    expected = ratio(conditional(conjugate.design, conjugate.model.problem, V), np.array(c, float), r)
    row = conjugate.hypothesis(text).table.loc[0]
    assert row["evidence_ratio"] == pytest.approx(expected, rel=1e-7)
    assert row["evidence_mcse"] == pytest.approx(0, abs=1e-9 * expected)
    assert np.isnan(row["prob"])


def test_a_prior_at_zero_instead_of_the_mean_would_be_seen(conjugate):
    V = covariance(conjugate.design, [np.full(2, 20.0)], [np.array([[1, 0.2], [0.2, 1]])], 30.0)
    mean, S, *_ = conditional(conjugate.design, conjugate.model.problem, V)
    priors = conjugate.model.problem.beta_priors
    wrong = ratio(
        (mean, S, np.array([p.mu for p in priors]), np.diag([p.sigma**2 for p in priors])), np.array([1.0, 0]), 250
    )
    row = conjugate.hypothesis("Intercept = 250").table.loc[0]
    assert abs(row["evidence_ratio"] / wrong - 1) > 0.05


@pytest.mark.parametrize("z", [0.0, 1.0, -2.0])
def test_kernel_density_against_the_closed_form(conjugate, z):
    V = covariance(conjugate.design, [np.full(2, 20.0)], [np.array([[1, 0.2], [0.2, 1]])], 30.0)
    mean, S, *_ = conditional(conjugate.design, conjugate.model.problem, V)
    law = stats.norm(mean[1], np.sqrt(S[1, 1]))
    draws = law.rvs((4, 5000), random_state=5)
    values = kernel_values(draws, mean[1] + z * law.std())
    error = values.std() / np.sqrt(values.size)
    assert abs(values.mean() - law.pdf(mean[1] + z * law.std())) < 4 * error
    assert error < 0.12 * values.mean()
    # negative control: a neighbouring point has another density
    assert abs(values.mean() - law.pdf(mean[1] + (z + 0.5) * law.std())) > 4 * error


def structures():
    rng = np.random.default_rng(2)
    n = 90
    g, h = rng.integers(0, 8, n), rng.integers(0, 5, n)
    x, u = rng.normal(3, 1, n), rng.normal(size=n)
    y = (
        1
        + 0.5 * x
        + rng.normal(size=8)[g]
        + 0.4 * rng.normal(size=8)[g] * x
        + rng.normal(size=5)[h]
        + rng.normal(size=n)
    )
    data = pd.DataFrame({"y": y, "x": x, "u": u, "g": g.astype(str), "h": h.astype(str), "w": rng.uniform(0.5, 2, n)})
    return {
        "nothing": ("y ~ x + u", data, {}),
        "slopes": ("y ~ x + u + (x | g)", data, {}),
        "crossed": ("y ~ x + u + (1 | g) + (1 | h)", data, {}),
        "split": ("y ~ x + u + (center(x) || g) + (1 | g:h)", data, {}),
        "weights": ("y ~ x + u + offset(u) + (1 | g)", data, {"weights": "w"}),
        "no intercept": ("y ~ 0 + x + u + (1 | g)", data, {}),
    }


@pytest.mark.parametrize("name", structures())
def test_log_ratios_against_dense_algebra(name):
    formula, data, options = structures()[name]
    fit = fake_fit(formula, data, draws=4, **options)
    problem, labels, design = fit.model.problem, fit.model.labels, fit.design
    c = np.linspace(1.0, -0.5, problem.p)
    weights = problem.beta_back.T @ c
    found = log_ratios(problem, labels, fit.posterior, weights, 0.7, False)
    for chain in range(2):
        for draw in range(4):
            own = fit.posterior.isel(chain=chain, draw=draw)
            sds, corrs = [], []
            for block in design.groups:
                terms = list(block.terms)
                sds.append(own[f"sd_{block.factor}"].sel({f"{block.factor}_term": terms}).to_numpy())
                if len(terms) > 1:
                    pair = {f"{block.factor}_term": terms, f"{block.factor}_term2": terms}
                    corrs.append(own[f"corr_{block.factor}"].sel(pair).to_numpy())
                else:
                    corrs.append(np.eye(1))
            V = covariance(design, sds, corrs, float(own["sigma"]))
            expected = np.log(ratio(conditional(design, problem, V), c, 0.7))
            assert found[chain, draw] == pytest.approx(expected, rel=1e-8, abs=1e-8)


def test_flat_nuisance_coefficients_are_let_be():
    formula, data, _ = structures()["slopes"]
    fit = fake_fit(formula, data, draws=4, priors={"u": hb.Flat()})
    wide = fake_fit(formula, data, draws=4, priors={"u": hb.Normal(0, 1e5)})
    one, other = (f.hypothesis("x = 0.3").table["evidence_ratio"][0] for f in (fit, wide))
    assert one == pytest.approx(other, rel=1e-6)
    assert "flat" in fit.hypothesis("u = 0").table["note"][0]
    assert np.isnan(fit.hypothesis("u + x = 0").table["evidence_ratio"][0])


def test_restriction_keeps_the_prior_of_the_rest():
    """What is left of the coefficients has the conditional prior, given the sum."""
    fit = fake_fit("Reaction ~ Days + I(Days^2)", hb.load_data("sleepstudy"), draws=4)
    problem = fit.model.problem
    c, r = np.array([0.3, 2.0, -40.0]), 5.0
    held = restrict(problem, c, r)
    m, S = np.array([p.mu for p in problem.beta_priors]), np.diag([p.sigma**2 for p in problem.beta_priors])
    gain = S @ c / (c @ S @ c)
    mean, cov = problem.X @ (m + gain * (r - c @ m)), problem.X @ (S - np.outer(gain, c @ S)) @ problem.X.T
    np.testing.assert_allclose(held.offset, mean, rtol=1e-9)
    np.testing.assert_allclose(held.X @ held.X.T, cov, rtol=1e-7, atol=1e-8 * np.abs(cov).max())


@pytest.fixture(scope="module")
def plain():
    return hb.fit("Yield ~ 1", hb.load_data("dyestuff"), draws=2000, seed=1, progress=False)


def test_sigma_against_quadrature(plain):
    grid = np.linspace(20, 160, 400)
    logs = np.array([plain.model.log_density(sigma=s) for s in grid])
    density = np.exp(logs - logs.max())
    density /= np.sum((density[1:] + density[:-1]) / 2 * np.diff(grid))
    scale = plain.model.resolved_priors.prior_of("sigma").sigma
    for point in (55.0, 62.0, 80.0):
        expected = np.interp(point, grid, density) / (2 * stats.t(3, scale=scale).pdf(point))
        row = plain.hypothesis(f"sigma = {point}").table.loc[0]
        assert abs(row["evidence_ratio"] - expected) < 4 * row["evidence_mcse"] + 0.005 * expected
        assert row["evidence_mcse"] < 0.1 * expected
        # negative control: not the ratio at a neighbouring point
        other = np.interp(point + 12, grid, density) / (2 * stats.t(3, scale=scale).pdf(point + 12))
        assert abs(row["evidence_ratio"] - other) > 4 * row["evidence_mcse"]


def test_the_kernel_stands_in_where_beta_does_not_integrate_out(plain, monkeypatch):
    exact = plain.hypothesis("Intercept = 1510").table.loc[0]
    monkeypatch.setattr("hierbayes.engines.collapsed.engine.refusal", lambda problem: "for the test")
    row = plain.hypothesis("Intercept = 1510").table.loc[0]
    assert "kernel" in row["note"]
    assert "kernel" not in exact["note"]
    assert abs(row["evidence_ratio"] - exact["evidence_ratio"]) < 4 * row["evidence_mcse"]
    assert row["evidence_mcse"] > 3 * exact["evidence_mcse"]


def test_far_from_the_draws_a_kernel_says_nothing(plain):
    row = plain.hypothesis("sigma = 500").table.loc[0]
    assert np.isnan(row["evidence_ratio"])
    assert "too few to tell" in row["note"]


REFUSED = [
    ("sd_Subject[Days] = 0", "0 is the boundary"),
    ("sd_Subject[Days] - 3 = -4", "is never negative"),
    ("sigma = 0", "0 is the boundary"),
    ("corr_Subject = 1", "lies between -1 and 1"),
    ("Days*sigma = 3", "no weighted sum"),
    ("Days^2 = 3", "no weighted sum"),
    ("Days = sigma", "combination of sds"),
    ("sd_Subject[Days] = sd_Subject[Intercept]", "combination of sds"),
    ("b_Subject[308, Days] = 0", "depends on the sd"),
    ("coef_Subject[308, Days] = 10", "depends on the sd"),
    ("sd_Subject[Intercept] = 20", "speaks of the mean of the predictors"),
    ("corr_Subject = 0", "speaks of the mean of the predictors"),
    ("Days = Days", "cancel"),
]


@pytest.mark.parametrize(("text", "why"), REFUSED)
def test_where_the_ratio_does_not_apply(text, why):
    fit = fake_fit("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy"), draws=10)
    row = fit.hypothesis(text).table.loc[0]
    assert np.isnan(row["evidence_ratio"])
    assert why in row["note"]
    assert np.isfinite(row["mean"])


def test_a_correlation_whose_prior_is_read_as_written():
    sleep = hb.load_data("sleepstudy")
    own = {"corr_Subject": hb.LKJ(2)}
    fit = hb.fit("Reaction ~ Days + (Days | Subject)", sleep, priors=own, draws=1000, seed=2, progress=False)
    row = fit.hypothesis("corr_Subject = 0").table.loc[0]
    draws = np.arctanh(fit.posterior["corr_Subject"].to_numpy()[..., 0, 1])
    # near 0 the posterior of atanh is all but normal
    rough = stats.gaussian_kde(draws.ravel())(0.0)[0] / (1.5 * 0.5)
    assert row["evidence_ratio"] == pytest.approx(rough, rel=0.08)


def test_agrees_with_the_bayes_factor_of_the_two_models():
    """Another route: bridge sampling of both marginal likelihoods, with the same priors of what they share."""
    data = hb.load_data("sleepstudy").assign(u=np.random.default_rng(0).normal(size=180))
    days = {"Days": hb.Normal(0, 50)}
    options = {"draws": 500, "seed": 1, "progress": False}
    full = hb.fit("Reaction ~ Days + u + (Days | Subject)", data, priors={**days, "u": hb.Normal(0, 10)}, **options)
    fewer = hb.fit("Reaction ~ Days + (Days | Subject)", data, priors=days, **options)
    row = full.hypothesis("u = 0").table.loc[0]
    other = hb.bayes_factor(fewer, full)
    assert row["evidence_ratio"] == pytest.approx(other.value, rel=0.02)
    assert row["evidence_mcse"] < 0.01 * row["evidence_ratio"]
    # negative control: another prior of u gives another ratio
    wide = hb.fit("Reaction ~ Days + u + (Days | Subject)", data, priors={**days, "u": hb.Normal(0, 20)}, **options)
    assert wide.hypothesis("u = 0").table["evidence_ratio"][0] / other.value > 1.5


def test_draws_are_thinned_where_all_would_cost_too_much(monkeypatch):
    fit = fake_fit("Reaction ~ Days + (1 | Subject)", hb.load_data("sleepstudy"), draws=300)
    arguments = fit.model.problem, fit.model.labels, fit.posterior, np.array([0.0, 1.0]), 3.0, False
    whole = log_ratios(*arguments)
    assert whole.shape == (2, 300)
    monkeypatch.setattr("hierbayes.comparison.restricted.MULTIPLICATIONS", 1.0)
    np.testing.assert_array_equal(log_ratios(*arguments), whole[:, ::6])
