"""One sampled bernoulli fit, and what it answers from the formula to the page."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

import hierbayes as hb

pytestmark = pytest.mark.slow

TRUTH = {"Intercept": -0.4, "x": 1.0, "sd_g": 0.8}


@pytest.fixture(scope="module")
def fit():
    data = hb.simulate(
        "y ~ x + (1 | g)", {"g": 10, "rows": 30}, TRUTH, seed=5, family="bernoulli", predictors={"x": hb.Normal(0, 1)}
    )
    data["y"] = np.where(data["y"] == 1, "yes", "no")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hb.HierBayesWarning)
        return hb.fit(
            "y ~ x + (1 | g)", data, family="bernoulli", draws=500, chains=2, seed=1, engine="pymc", progress=False
        )


def test_the_truth_is_found(fit):
    fixed = fit.fixef()
    for name in ("Intercept", "x"):
        assert abs(fixed["mean"][name] - TRUTH[name]) < 3 * fixed["sd"][name]
    assert fixed["mean"]["x"] > 3 * fixed["sd"]["x"]  # negative control: no effect is ruled out
    assert fit.spec.family.name == "bernoulli"
    assert "sigma" not in fit.posterior


def test_means_are_calibrated(fit):
    """At the posterior, expected and observed successes agree in every third of the fitted probabilities."""
    mean = fit.fitted()["mean"].to_numpy()
    y = fit.design.y
    for part in np.array_split(np.argsort(mean), 3):
        spread = np.sqrt(np.sum(mean[part] * (1 - mean[part])))
        assert abs(np.sum(y[part] - mean[part])) < 3 * spread
    order = np.argsort(mean)
    assert y[order[-100:]].mean() > y[order[:100]].mean() + 0.2


def test_a_new_group_on_average(fit):
    """The average over groups lies between one half and the mean at the average group."""
    new = {"x": [2.0]}
    average = fit.predict(new, groups="average")["mean"][0]
    population = fit.predict(new, groups="population")["mean"][0]
    assert 0.5 < average < population
    drawn = fit.predict({"x": [2.0] * 400, "g": [f"new {i}" for i in range(400)]}, groups="new", seed=1)
    assert drawn["mean"].mean() == pytest.approx(average, abs=0.02)


def test_what_else_it_answers(fit, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hb.HierBayesWarning)
        loo = fit.loo()
    beta, b = fit.posterior["beta"].mean(("chain", "draw")).to_numpy(), fit.ranef()["mean"].to_numpy()
    eta = fit.design.X @ beta + b[fit.design.groups[0].codes]
    at_means = np.log(np.where(fit.design.y == 1, expit(eta), expit(-eta))).sum()
    assert at_means - 20 < float(loo.elpd) < at_means
    assert {"prior", "likelihood"} <= set(fit.psense())
    assert 0 < fit.icc()["mean"][0] < 0.5
    assert fit.r2()["mean"].between(0, 1).all()
    back = hb.load(fit.save(tmp_path / "fit.nc"))
    pd.testing.assert_frame_equal(back.predict(), fit.predict())
    assert fit.report(tmp_path / "page.html").stat().st_size > 10_000
