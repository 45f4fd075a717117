"""Draws from the priors by numpy, and prior beside posterior."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fits import fake_fit
from oracles.dense import moments
from oracles.joint import _distribution
from oracles.structures import LAPLACE, STRUCTURES, table
from scipy import stats

import hierbayes as hb
from hierbayes.comparison.prior_draws import draw_correlation_factors
from hierbayes.sampling.sampler import settings

PRIORS = [
    hb.Normal(2, 3), hb.HalfNormal(3), hb.HalfCauchy(2), hb.Exponential(0.3), hb.Gamma(3, 0.5),
    hb.InverseGamma(3, 5), hb.LogNormal(1, 0.5), hb.Uniform(1, 6),
]  # fmt: skip


@pytest.mark.parametrize("prior", PRIORS, ids=str)
def test_draws_follow_the_prior(prior):
    draws = prior.draw(4000, np.random.default_rng(1))
    assert stats.kstest(draws, _distribution(prior).cdf).pvalue > 1e-3
    assert stats.kstest(draws, _distribution(prior.scaled(1.3)).cdf).pvalue < 1e-3


def test_draws_follow_the_half_t():
    draws = hb.HalfStudentT(3, 2).draw(4000, np.random.default_rng(1))
    assert stats.kstest(draws, lambda x: 2 * stats.t(3, scale=2).cdf(x) - 1).pvalue > 1e-3
    assert stats.kstest(draws, lambda x: 2 * stats.t(3, scale=2.6).cdf(x) - 1).pvalue < 1e-3


@pytest.mark.parametrize("k", [2, 3, 4])
def test_every_correlation_has_the_lkj_marginal(k):
    """Under LKJ(eta) every correlation of k columns is 2 Beta(a, a) - 1 with a = eta + (k - 2) / 2."""
    block = hb.Model("y ~ x + (x | g)", table()).problem.blocks[0]
    block = replace(block, Z=np.zeros((60, k)), corr_prior=hb.LKJ(1.7))
    factor = draw_correlation_factors(block, 4000, np.random.default_rng(2))
    corr = factor @ factor.transpose(0, 2, 1)
    a = 1.7 + (k - 2) / 2
    for i in range(k):
        for j in range(i):
            assert stats.kstest((corr[:, i, j] + 1) / 2, stats.beta(a, a).cdf).pvalue > 1e-4
            assert stats.kstest((corr[:, i, j] + 1) / 2, stats.beta(a + 1, a + 1).cdf).pvalue < 1e-4


def test_responses_have_the_moments_of_the_model():
    """With fixed sds and sigma the response is one dense normal, weights and offset and centring included."""
    priors = {"sd_g": hb.Fixed(1.5), "corr_g": hb.Fixed(0.4), "sd_h": hb.Fixed(0.7), "sigma": hb.Fixed(2)}
    model = hb.Model("y ~ x + offset(known) + (x | g) + (1 | h)", table(), priors=priors, weights="w")
    problem = model.problem
    corr = np.array([[1, 0.4], [0.4, 1]])
    mean, K, _ = moments(problem, [np.array([1.5, 1.5]), np.array([0.7])], [corr, np.eye(1)], 2.0)
    y = model.prior_predictive(draws=4000, seed=1)["prior_predictive"]["y"].to_numpy()[0]

    def p_value(covariance):
        z = np.linalg.solve(np.linalg.cholesky(covariance), (y - mean).T)
        return stats.kstest(np.sum(z**2, axis=0), stats.chi2(60).cdf).pvalue

    assert p_value(K) > 1e-3
    assert p_value(K + 0.5 * np.eye(60)) < 1e-3


@pytest.mark.parametrize("name", [name for name in STRUCTURES if name not in ("flat", "mixed priors")])
def test_the_group_has_the_variables_of_the_posterior(name):
    formula, options, _ = STRUCTURES[name]
    model = hb.Model(formula, table(), **options)
    tree = model.prior_predictive(draws=5, seed=1)
    posterior = fake_fit(formula, table(), **options).posterior
    assert {k: v.dims for k, v in tree["prior"].data_vars.items()} == {k: v.dims for k, v in posterior.items()}
    assert set(tree.children) == {"prior", "prior_predictive", "observed_data"}
    assert model.prior_draws(draws=5, seed=1).equals(tree["prior"].to_dataset())


def test_one_seed_fixes_it():
    model = hb.Model("y ~ x + (x | g)", table())
    one, two, other = (model.prior_predictive(draws=4, seed=seed) for seed in (1, 1, 2))
    assert one["prior_predictive"].equals(two["prior_predictive"])
    assert not one["prior_predictive"].equals(other["prior_predictive"])


@pytest.mark.slow
def test_numpy_and_pymc_draw_alike():
    model = hb.Model("y ~ x + (x | g)", table())
    mine = model.prior_predictive(draws=2000, seed=1)
    theirs = model._pymc_prior(settings(draws=2000, seed=1))
    for name in ("beta", "sigma", "sd_g", "corr_g", "b_g"):
        own, other = (tree["prior"][name].to_numpy().reshape(2000, -1)[:, -2:] for tree in (mine, theirs))
        for k in range(own.shape[1]):
            if np.ptp(own[:, k]) > 0:
                assert stats.ks_2samp(own[:, k], other[:, k]).pvalue > 1e-3, name


@pytest.mark.slow
def test_custom_priors_are_drawn_by_pymc():
    model = hb.Model("y ~ x + (1 | g)", table(), priors={"x": LAPLACE})
    found = model.prior_draws(draws=1000, seed=1)
    x = found["beta"].sel(coef="x").to_numpy().ravel()
    assert stats.kstest(x, stats.laplace(0, 4).cdf).pvalue > 1e-3


def test_flat_priors_are_refused():
    fit = fake_fit("y ~ x + (1 | g)", table(), priors="flat")
    with pytest.raises(hb.ModelError, match="flat priors cannot be drawn from"):
        fit.prior_posterior()


def test_prior_beside_posterior():
    fit = hb.fit("Yield ~ 1 | Batch", hb.load_data("dyestuff"), seed=1, progress=False)
    found = fit.prior_posterior(draws=20_000, seed=2)
    prior = fit.model.resolved_priors
    sigma = found.loc["sigma"]
    scale = prior.prior_of("sigma").sigma
    assert sigma["prior_median"] == pytest.approx(scale * stats.t(3).ppf(0.75), rel=0.03)
    assert sigma["prior_upper"] == pytest.approx(scale * stats.t(3).ppf(0.9875), rel=0.06)
    assert sigma["median"] == pytest.approx(float(fit.varcorr().set_index("kind").loc["sigma", "median"]))
    wide, narrow = sigma["prior_upper"] - sigma["prior_lower"], sigma["upper"] - sigma["lower"]
    assert sigma["contraction"] == pytest.approx(1 - (narrow / wide) ** 2)
    assert fit.tree["prior"]["sigma"].sizes == {"chain": 1, "draw": 20_000}
    assert fit.prior_posterior(draws=100, seed=2).equals(fit.prior_posterior(draws=100, seed=2))


@pytest.mark.slow
def test_arviz_draws_prior_and_posterior():
    import arviz_plots

    fit = hb.fit("Yield ~ 1 | Batch", hb.load_data("dyestuff"), draws=200, chains=2, seed=1, progress=False)
    fit.prior_posterior(draws=500)
    drawn = arviz_plots.plot_prior_posterior(fit.tree, var_names=["sigma"], backend="matplotlib")
    lines = [line for ax in drawn.viz["figure"].item().axes for line in ax.get_lines()]
    assert len([line for line in lines if len(line.get_xdata()) > 50]) == 2


@pytest.mark.filterwarnings("ignore::hierbayes.HierBayesWarning")
def test_power_scaling_is_that_of_arviz_and_sees_a_conflict():
    import arviz_stats

    data = hb.load_data("dyestuff")
    fit = hb.fit("Yield ~ 1 | Batch", data, draws=500, chains=2, seed=1, progress=False)
    fit.log_likelihood()
    fit.log_prior()
    wanted = arviz_stats.psense_summary(fit.tree, var_names=["beta", "sd_Batch", "sigma"], round_to=6)
    found = fit.psense()
    np.testing.assert_allclose(found[["prior", "likelihood"]], wanted[["prior", "likelihood"]], atol=2e-6)
    narrow = {"Intercept": hb.Normal(1700, 20)}
    other = hb.fit("Yield ~ 1 | Batch", data, priors=narrow, draws=500, chains=2, seed=1, progress=False).psense()
    assert other.loc["Intercept", "prior"] > 0.05 > found.loc["Intercept", "prior"]
    assert "potential" in other.loc["Intercept", "diagnosis"]


def test_power_scaling_leaves_out_what_does_not_move():
    fit = fake_fit("y ~ x + (x || g)", table(), chains=4, draws=100, priors={"sigma": hb.Fixed(2)})
    fit.posterior["sigma"][:] = 2.0
    names = list(fit.psense().index)
    assert "sigma" not in names
    assert not any(name.startswith("corr_") for name in names)


def test_power_scaling_names_a_factor_with_a_slash():
    data = hb.load_data("dyestuff").rename(columns={"Batch": "site/batch"})
    fit = hb.fit("Yield ~ 1 + (1 | `site/batch`)", data, draws=100, chains=2, seed=1, progress=False)
    assert "sd_site/batch[Intercept]" in set(fit.psense().index)


def test_power_scaling_needs_a_prior_and_draws():
    fit = fake_fit("y ~ x + (1 | g)", table(), chains=2, draws=100, priors="flat")
    with pytest.raises(hb.ModelError, match="every prior is flat or fixed"):
        fit.psense()
    with pytest.raises(hb.ModelError, match="8 draws are too few"):
        fake_fit("y ~ x + (1 | g)", table(), chains=2, draws=4).psense()
