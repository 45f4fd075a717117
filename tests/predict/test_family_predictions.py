"""Predictions, residuals, replicated data and densities of every family, against loops and quadrature."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from family_fits import EVERY, OTHERS, made_up, parameters, predictors, table, variances, with_draws
from known_laws import known
from scipy import stats

import hierbayes as hb
from hierbayes.families import family as by_name

BERNOULLI = by_name("bernoulli(logit)")


def of(fit, row: int, draw: tuple[int, int], eta: float):
    """scipy's distribution of a response in one draw."""
    own = {"sigma": 1.0, "nu": 1.0, "alpha": 1.0, "kappa": 1.0, "shift": 0.0}
    own |= {name: float(fit.posterior[name].to_numpy()[draw]) for name in fit.spec.family.parameters}
    return own, known(fit.spec.family, np.float64(eta), own)


@pytest.mark.parametrize("family", EVERY, ids=str)
def test_link_and_mean_of_the_rows(family):
    fit = made_up(family)
    eta = predictors(fit)
    np.testing.assert_allclose(fit.predict(kind="link", draws=True), eta, atol=1e-12)
    mean = family.mean(eta, parameters(fit))
    np.testing.assert_allclose(fit.predict(draws=True), mean, rtol=1e-11)
    np.testing.assert_allclose(fit.predict(newdata=table(), draws=True), mean, rtol=1e-11)
    np.testing.assert_allclose(fit.fitted()["mean"], mean.mean(axis=(0, 1)), rtol=1e-11)
    population = predictors(fit, level="none")
    np.testing.assert_allclose(fit.predict(kind="link", groups="population", draws=True), population, atol=1e-12)
    # the draws tell the two apart
    assert np.abs(eta - population).max() > 0.3


@pytest.mark.parametrize("family", EVERY, ids=str)
def test_average_integrates_the_groups_out(family):
    fit = made_up(family)
    if family.link == "cloglog":  # which falls too fast for Gauss and Hermite
        nodes = np.linspace(-9, 9, 401)
        weights = np.exp(-0.5 * nodes**2)
    else:
        nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    eta, sd = predictors(fit, level="none"), np.sqrt(variances(fit))
    own = parameters(fit)
    exact = sum(w * family.mean(eta + node * sd, own) for node, w in zip(nodes, weights / weights.sum(), strict=True))
    got = fit.predict(groups="average", draws=True).to_numpy()
    np.testing.assert_allclose(got, exact, rtol=1e-6)
    without = table().drop(columns=["g", "h"])
    np.testing.assert_allclose(fit.predict(without, groups="average", draws=True), got, rtol=1e-12)
    plain = fit.predict(groups="population", draws=True).to_numpy()
    if family.linear:
        np.testing.assert_array_equal(got, plain)
    else:  # the mean at the average level is not the average of the means
        assert np.abs(got / plain - 1).max() > 0.02
    link = fit.predict(kind="link", groups="average", draws=True)
    np.testing.assert_array_equal(link, fit.predict(kind="link", groups="population", draws=True))


@pytest.mark.parametrize("family", [own for own in OTHERS if not own.linear], ids=str)
@pytest.mark.parametrize("sd", [0.0, 0.4, 1.6, 4.0, 12.0])
def test_averages_against_adaptive_quadrature(family, sd):
    from scipy.integrate import quad

    if family.link in ("log", "identity") and sd > 1.6:
        pytest.skip("the closed form is exact")
    own = {"sigma": 0.4, "shift": 0.3, "alpha": 2.0, "kappa": 5.0, "gap_2": 0.8, "gap_3": 1.3}
    trials, size = (7, 7) if family.name == "binomial" else (None, 1)
    for eta in (-3.0, 0.2, 2.5):
        places = [p for p in (-eta / max(sd, 0.1), 0.0) if abs(p) < 10]

        def expected(function, eta=eta, places=places):
            def inner(u):
                return function(eta + sd * u) * stats.norm.pdf(u)

            return quad(inner, -12, 12, points=places, limit=300, epsabs=1e-13)[0]

        mean = expected(lambda e: family.mean(e, own))
        assert family.average(eta, sd**2, own) == pytest.approx(mean, rel=1e-8)
        square = expected(lambda e: family.mean(e, own) ** 2)
        within = expected(lambda e: family.variance(e, own, trials=trials) / size**2)
        total = within + square - mean**2
        assert family.spread(eta, sd**2, own, trials) == pytest.approx(total, rel=1e-6)


@pytest.mark.parametrize("name", ["binomial", "binomial(cloglog)", "binomial(probit)", "beta", "beta(cloglog)"])
@pytest.mark.parametrize("sd", [30.0, 100.0, 1e3])
def test_shares_under_effects_far_wider_than_the_link(name, sd):
    """Nearly all shares are 0 or 1, and what is between them is a thousandth of the variance and less of a share."""
    own, kind = {"kappa": 3.0}, by_name(name)
    trials, size = (20.0, 20.0) if name.startswith("binomial") else (None, 4.0)
    for eta in (0.0, -20.0, 45.0):
        nodes = np.linspace(-60, 60, 120_001)
        p = kind.mean(nodes, own)
        # beyond the nodes a share is 0 or 1
        mass = stats.norm.pdf(nodes, eta, sd) * (nodes[1] - nodes[0])
        mean = p @ mass + stats.norm.sf(60, eta, sd)
        within = (p * (1 - p)) @ mass
        expected = within / size + (mean - within) - mean**2
        assert float(kind.spread(eta, sd**2, own, trials)) == pytest.approx(expected, rel=0, abs=1e-5)
        # all shares 0 or 1
        assert abs((mean - mean**2) / expected - 1) > (3e-3 if sd == 30 else 2e-4)


@pytest.mark.parametrize("family", EVERY, ids=str)
def test_slope_of_the_mean(family):
    own = {"sigma": 0.4, "shift": 0.3, "alpha": 2.0, "kappa": 5.0, "nu": 4.0, "gap_2": 0.8, "gap_3": 1.3}
    eta, step = np.linspace(-2, 2, 9), 1e-5
    differences = (family.mean(eta + step, own) - family.mean(eta - step, own)) / (2 * step)
    np.testing.assert_allclose(family.mean_slope(eta, own), differences, rtol=1e-8)


@pytest.mark.parametrize("family", EVERY, ids=str)
def test_responses_have_the_moments_of_their_row(family):
    fit = made_up(family)
    eta, draw = predictors(fit), (1, 7)
    repeated = pd.concat([table().iloc[[11]]] * 6000, ignore_index=True)
    one = fit.posterior.isel(chain=[draw[0]], draw=[draw[1]])
    _, law = of(fit, 11, draw, float(eta[*draw, 11]))
    source = with_draws(fit, one)
    got = source.predict(repeated, kind="response", seed=3, draws=True).to_numpy().ravel()
    trials = int(table()["n"][11])
    mean, spread_, excess = (float(v) for v in law.stats("mvk"))
    if family.name == "binomial":
        law = stats.binom(trials, law.mean() / 12)
        mean, spread_, excess = (float(v) for v in law.stats("mvk"))
    assert abs(got.mean() - mean) < 4 * np.sqrt(spread_ / len(got))
    if np.isfinite(excess):
        assert abs(got.var() / spread_ - 1) < 4 * np.sqrt((excess + 2) / len(got))
    # negative control: the response of another row
    other = pd.concat([table().iloc[[5]]] * 6000, ignore_index=True)
    off = source.predict(other, kind="response", seed=3, draws=True).to_numpy().ravel()
    assert abs(off.mean() - mean) > 4 * np.sqrt(spread_ / len(got))
    again = source.predict(repeated, kind="response", seed=3, draws=True).to_numpy().ravel()
    np.testing.assert_array_equal(got, again)


@pytest.mark.parametrize("family", EVERY, ids=str)
def test_residuals(family):
    fit = made_up(family)
    eta, own, data = predictors(fit), parameters(fit), table()
    y = fit.design.y if family.name != "binomial" else data["k"] / data["n"]
    left = np.asarray(y) - family.mean(eta, own)
    np.testing.assert_allclose(fit.residuals()["mean"], left.mean(axis=(0, 1)), atol=1e-10)
    trials = data["n"].to_numpy()
    spread_ = family.variance(eta, own, trials=trials)
    sd = np.sqrt(spread_) / (trials if family.name == "binomial" else 1)
    np.testing.assert_allclose(fit.residuals(standardized=True)["mean"], (left / sd).mean(axis=(0, 1)), rtol=1e-9)


@pytest.mark.parametrize("family", EVERY, ids=str)
def test_densities_of_the_rows(family):
    fit = made_up(family, "w")
    eta, data = predictors(fit), table()
    found = fit.log_likelihood()
    values = next(iter(found.values())).to_numpy()
    for draw, row in (((0, 3), 4), ((1, 20), 31)):
        own, law = of(fit, row, draw, float(eta[*draw, row]))
        y, w = fit.design.y[row], data["w"][row]
        if family.name == "gaussian":
            expected = stats.norm(eta[*draw, row], own["sigma"] / np.sqrt(w)).logpdf(y)
        elif family.name == "binomial":
            expected = w * stats.binom(data["n"][row], law.mean() / 12).logpmf(y)
        else:
            expected = w * (law.logpmf(y) if family.whole else law.logpdf(y))
        assert values[*draw, row] == pytest.approx(expected, rel=1e-9)


def test_weights_leave_other_families_responses_alone():
    fit = made_up(by_name("poisson(log)"), "w")
    plain = made_up(by_name("poisson(log)"))
    one, other = (each.predict(kind="response", seed=4, draws=True).to_numpy() for each in (fit, plain))
    np.testing.assert_array_equal(one, other)
    fit.predict(table().drop(columns="w"), kind="response", seed=4)


def test_trials_are_needed_for_counts_alone():
    fit = made_up(by_name("binomial(logit)"))
    new = table().drop(columns=["n", "k"])
    assert fit.predict(new)["mean"].between(0, 1).all()
    with pytest.raises(hb.errors.DataError, match="'n'"):
        fit.predict(new, kind="response", seed=1)
    counts = fit.predict(new.assign(n=1000), kind="response", seed=1)["mean"]
    np.testing.assert_allclose(counts / 1000, fit.predict(new)["mean"], atol=0.02)


def test_replicated_data_are_of_the_kind_of_the_data():
    fit = made_up(BERNOULLI)
    assert set(np.unique(fit.simulate(nsim=3, seed=1))) == {0.0, 1.0}
    tree = fit.posterior_predictive(seed=1, draws=5)
    assert set(np.unique(tree["posterior_predictive"]["binary"])) == {0.0, 1.0}
    counts = made_up(by_name("binomial(probit)")).simulate(nsim=2, seed=1).to_numpy()
    assert (counts <= table()["n"].to_numpy()[:, None]).all()
    assert counts.max() > 1


def test_leave_one_out_by_importance_sampling():
    fit = made_up(BERNOULLI)
    with pytest.warns(hb.HierBayesWarning):
        found = fit.loo()
    assert found.n_data_points == 60
    values = fit.log_likelihood()["binary"].to_numpy().reshape(-1, 60)
    lower = -np.log(np.mean(np.exp(-values), axis=0)).sum()
    # harmonic means and smoothed weights agree roughly where draws are few
    assert abs(float(found.elpd) - lower) < 0.2 * abs(lower)
    with pytest.raises(hb.errors.ModelError, match="bernoulli"):
        fit.log_marginal_likelihood()
    assert list(fit.log_prior().data_vars)
