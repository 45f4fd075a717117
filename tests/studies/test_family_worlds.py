"""Simulation and experiments of every family."""

from __future__ import annotations

import numpy as np
import pytest
from family_fits import EVERY
from test_likelihoods import known

import hierbayes as hb
from hierbayes.families import Family

TRUTH = {"Intercept": 0.3, "x": 0.5, "sd_g": 0.6}
OWN = {"sigma": 0.5, "nu": 3.0, "alpha": 2.0, "kappa": 5.0, "shift": 1.5, "gap_2": 0.8, "gap_3": 1.3}


def simulated(family, rows=2000, **more):
    truth = TRUTH | {name: OWN[name] for name in family.parameters} | more
    left = "y | trials(n)" if family.name == "binomial" else "y"
    predictors = {"x": hb.Normal(0, 1)} | ({"n": 12} if family.name == "binomial" else {})
    sizes = {"g": 6, "rows": rows // 6}
    return hb.simulate(f"{left} ~ x + (1 | g)", sizes, truth, seed=4, family=family, predictors=predictors)


@pytest.mark.parametrize("family", EVERY, ids=str)
def test_simulated_responses_have_the_moments_of_their_predictor(family):
    data = simulated(family)
    said = data.attrs["truth"]
    assert set(said) == {"beta", "sd_g", "b_g", *family.parameters}
    b = data["g"].map(said["b_g"]["Intercept"]).to_numpy(dtype=float)
    eta = 0.3 + 0.5 * data["x"].to_numpy() + b
    if family.ordered:
        assert data["y"].cat.categories.tolist() == ["1", "2", "3", "4"]
        assert data["y"].cat.ordered
        data["y"] = data["y"].cat.codes + 1
    assert np.std(list(said["b_g"]["Intercept"].values())) > 0.1

    def gap(at):
        law = known(family, at, OWN)
        mean, variance = law.mean(), law.var()
        return float((data["y"] - mean).sum() / np.sqrt(variance.sum() if np.ndim(variance) else variance * len(at)))

    assert abs(gap(eta)) < 4
    # negative control
    assert abs(gap(eta + 0.4)) > 4
    if family.values in ("binary", "binomial", "count"):
        assert data["y"].dtype.kind == "i"


def test_what_a_truth_must_say():
    with pytest.raises(hb.errors.ModelError, match="sigma"):
        simulated(Family("bernoulli", "logit"), sigma=1.0)
    with pytest.raises(hb.errors.ModelError, match="above 0"):
        simulated(Family("gamma", "log"), alpha=0.0)
    with pytest.raises(hb.errors.ModelError, match="does not say alpha"):
        hb.simulate("y ~ 1 + (1 | g)", {"g": 3, "rows": 4}, {"Intercept": 0, "sd_g": 1}, family="gamma", seed=1)
    with pytest.raises(hb.errors.FormulaError, match="trials"):
        hb.simulate("cbind(k, f) ~ 1 + (1 | g)", {"g": 3}, {"Intercept": 0, "sd_g": 1}, family="binomial", seed=1)


def test_truths_from_priors():
    priors = {"Intercept": hb.Normal(0, 1), "sd_g": hb.HalfNormal(1), "alpha": hb.Gamma(2, 0.5)}
    sizes = {"g": 5, "rows": 8}
    data = hb.simulate("y ~ 1 + (1 | g)", sizes, "prior", seed=2, family="negative_binomial", priors=priors)
    assert data.attrs["truth"]["alpha"] > 0
    assert (data["y"] >= 0).all()


def test_texts_stay_texts():
    import pandas as pd

    given = pd.DataFrame({"y": ["no", "yes"] * 20, "g": np.repeat(list("abcd"), 10)})
    data = hb.simulate("y ~ 1 + (1 | g)", data=given, truth={"Intercept": 3.0, "sd_g": 0.1}, family="bernoulli", seed=1)
    assert set(data["y"]) <= {"no", "yes"}
    assert (data["y"] == "yes").mean() > 0.8


def test_an_experiment_without_a_sampler():
    truth = {"Intercept": 0.0, "sd_g": 1.0}
    sizes = {"g": 8, "rows": 15}
    options = {"n": 8, "seed": 3, "family": "poisson", "fits": ("complete", "no"), "progress": False}
    found = hb.experiment("y ~ 1 | g", sizes, truth, **options)
    error = found.errors().groupby("method")["error"].apply(lambda e: np.mean(np.abs(e)))
    # with groups this far apart, each by itself is nearer to its truth than all in one
    assert error["no"] < error["complete"]
    with pytest.raises(hb.errors.ModelError, match="reml"):
        hb.experiment("y ~ 1 | g", sizes, truth, **(options | {"fits": ("reml",)}))
