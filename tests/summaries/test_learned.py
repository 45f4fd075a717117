"""The learned population: its draws, and the density of a new level against a slow sum and against simulation."""

from __future__ import annotations

import numpy as np
import pytest
from fits import fake_fit
from scipy import stats

import hierbayes as hb
from hierbayes.errors import ModelError
from hierbayes.plots.fit_like import draws_of
from hierbayes.summaries.learned import learned_population, mixture


def learned(fit, factor=None, **options):
    return learned_population(fit.design, draws_of(fit), factor, **options)


@pytest.fixture(scope="module")
def sleep():
    return fake_fit("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy"))


def flat(fit, name):
    values = fit.posterior[name].to_numpy()
    return values.reshape(-1, *values.shape[2:])


def test_draws_are_those_of_the_posterior(sleep):
    found = learned(sleep, draws=7)
    assert found.draws.groupby("term", sort=False).size().to_dict() == {"Intercept": 7, "Days": 7}
    for i, term in enumerate(["Intercept", "Days"]):
        own = found.draws[found.draws["term"] == term]
        np.testing.assert_array_equal(own["mean"], flat(sleep, "beta")[own["draw"], i])
        np.testing.assert_array_equal(own["sd"], flat(sleep, "sd_Subject")[own["draw"], i])
    assert found.draws["draw"].iloc[[0, -1]].tolist() == [0, 79]


def test_all_draws_where_fewer_than_asked_for(sleep):
    assert len(learned(sleep, draws=10_000).draws) == 2 * 80


def test_density_is_the_average_of_normal_densities(sleep):
    found = learned(sleep)
    for i, term in enumerate(["Intercept", "Days"]):
        own = found.density[found.density["term"] == term]
        mean, sd = flat(sleep, "beta")[:, i], flat(sleep, "sd_Subject")[:, i]
        slow = [np.mean([stats.norm(m, s).pdf(x) for m, s in zip(mean, sd, strict=True)]) for x in own["x"][::40]]
        np.testing.assert_allclose(own["density"][::40], slow, rtol=1e-12)
        assert np.trapezoid(own["density"], own["x"]) == pytest.approx(1, abs=0.01)


def test_density_is_that_of_simulated_levels_and_not_that_of_the_mean_draw():
    rng = np.random.default_rng(1)
    means, sds = rng.normal(3, 0.5, 400), rng.uniform(0.2, 3, 400)
    levels = rng.normal(np.tile(means, 200), np.tile(sds, 200))
    x = np.linspace(-12, 18, 3001)
    cdf = np.cumsum(mixture(x, means, sds)) * (x[1] - x[0])
    at = np.searchsorted(np.sort(levels), x) / len(levels)
    assert np.abs(cdf - at).max() < 0.006
    plain = stats.norm(means.mean(), sds.mean()).cdf(x)
    assert np.abs(plain - at).max() > 0.02


def test_a_draw_without_spread_counts_and_adds_nothing_beside_its_mean():
    x, means = np.array([-1.0, 0.5, 2.0]), np.array([0.0, 0.0, 1.0, 0.0])
    own = mixture(x, means, np.array([1.0, 0.0, 2.0, 0.0]))
    np.testing.assert_allclose(own, (stats.norm.pdf(x) + stats.norm.pdf(x, 1.0, 2.0)) / 4, rtol=1e-12)


def test_a_term_without_a_population_coefficient_has_mean_zero():
    fit = fake_fit("Reaction ~ 1 + (Days | Subject)", hb.load_data("sleepstudy"))
    found = learned(fit)
    assert (found.draws.loc[found.draws["term"] == "Days", "mean"] == 0).all()
    assert (found.draws.loc[found.draws["term"] == "Intercept", "mean"] != 0).any()


def test_coefficients_are_taken_to_the_terms():
    data = hb.load_data("oats")
    fit = fake_fit("Y ~ N + (0 + N | B)", data)
    found = learned(fit, draws=1)
    beta = flat(fit, "beta")[0]
    np.testing.assert_allclose(found.draws["mean"], [beta[0], *(beta[0] + beta[1:])])


def test_a_factor_is_chosen():
    fit = fake_fit("diameter ~ 1 + (1 | plate) + (1 | sample)", hb.load_data("penicillin"))
    assert learned(fit).factor == "plate"
    assert set(learned(fit, "sample").density["group"]) == {"sample"}
    with pytest.raises(ModelError, match="no grouping factor"):
        learned(fit, "batch")


@pytest.mark.parametrize("draws", [0, -1, 2.5, True])
def test_draws_are_a_whole_number(sleep, draws):
    with pytest.raises(ModelError, match="whole number"):
        learned(sleep, draws=draws)
