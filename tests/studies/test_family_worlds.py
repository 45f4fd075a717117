"""Simulation and experiments of every family."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from family_fits import EVERY
from known_laws import known

import hierbayes as hb
from hierbayes.families import family as by_name

TRUTH = {"Intercept": 0.3, "x": 0.5, "sd_g": 0.6}
OWN = {"sigma": 0.5, "nu": 3.0, "alpha": 2.0, "kappa": 5.0, "shift": 1.5, "gap_2": 0.8, "gap_3": 1.3}


def simulated(family, rows=2000, **more):
    truth = TRUTH | {name: OWN[name] for name in family.parameters} | more
    left = "y | trials(n)" if family.name == "binomial" else "y"
    predictors = {"x": hb.Normal(0, 1)} | ({"n": 12} if family.name == "binomial" else {})
    sizes = {"g": 6, "rows": rows // 6}
    return hb.simulate(f"{left} ~ x + (1 | g)", sizes, truth, seed=4, family=family, predictors=predictors)


@pytest.mark.parametrize("family", [family for family in EVERY if not family.unordered], ids=str)
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
        simulated(by_name("bernoulli(logit)"), sigma=1.0)
    with pytest.raises(hb.errors.ModelError, match="above 0"):
        simulated(by_name("gamma(log)"), alpha=0.0)
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


OWN_PRIORS = {"Intercept": hb.Normal(0.5, 0.7), "x": hb.Normal(0, 0.7), "sd_g": hb.HalfNormal(0.8)}


def partial(family, **options):
    shared = {"predictors": {"x": hb.Normal(0, 1)}, "priors": OWN_PRIORS, "family": family, "progress": False}
    sizes = {"g": [3, 4, 6, 8, 12, 20]}
    return hb.experiment("y ~ x + (1 | g)", sizes, "prior", **{**shared, "n": 40, "seed": 6, "draws": 250, **options})


@pytest.fixture(scope="module", params=["poisson", "bernoulli"])
def repeated(request):
    return request.param, partial(request.param, ci_prob=0.8)


@pytest.mark.slow
def test_intervals_hold_truths_from_the_priors_as_often_as_they_say(repeated):
    _, found = repeated
    own = found.coverage().set_index(["parameter", "method"])
    levels = found.coverage(levels=True).groupby("method")["coverage"].mean()
    error = np.sqrt(0.8 * 0.2 / 40)
    for name in ("Intercept", "x", "sd_g[Intercept]"):
        assert abs(own.loc[(name, "partial"), "coverage"] - 0.8) < 3.5 * error
    assert abs(levels["partial"] - 0.8) < 3.5 * error
    # one fit for all levels claims far more than it knows
    assert levels["complete"] < 0.8 - 3.5 * error
    assert (found.diagnostics["max_rhat"] < 1.05).mean() > 0.8
    errors = found.errors().groupby("method")["error"].mean()
    assert errors["partial"] < errors["complete"]


@pytest.mark.slow
def test_partial_pooling_of_other_families_is_the_posterior_of_a_fit(repeated):
    family, found = repeated
    fit = hb.fit("y ~ x + (1 | g)", found.data(1), family=family, priors=OWN_PRIORS, draws=2000, seed=9, progress=False)
    own = found.table[(found.table["replicate"] == 1) & (found.table["method"] == "partial")].set_index("parameter")
    fixed = fit.fixef()
    for name in ("Intercept", "x"):
        assert abs(own.loc[name, "estimate"] - fixed["mean"][name]) < 0.25 * fixed["sd"][name]
        assert own.loc[name, "sd"] == pytest.approx(fixed["sd"][name], rel=0.2)
    assert fit.engine == "joint"
    other = found.table[(found.table["replicate"] == 2) & (found.table["method"] == "partial")].set_index("parameter")
    assert abs(other.loc["x", "estimate"] - fixed["mean"]["x"]) > 0.25 * fixed["sd"]["x"]


@pytest.mark.slow
def test_cores_change_no_number_of_other_families(repeated):
    family, found = repeated
    again = partial(family, ci_prob=0.8, n=2, cores=1)
    first = found.table[found.table["replicate"] < 2].reset_index(drop=True)
    pd.testing.assert_frame_equal(again.table, first, check_exact=True)
    assert not partial(family, n=1, seed=7).table["estimate"].equals(first["estimate"][: len(again.table) // 2])


def test_what_only_pymc_samples_is_refused():
    with pytest.raises(hb.errors.ModelError, match=r"does not sample with PyMC.*beta family"):
        hb.experiment(
            "y ~ 1 + (1 | g)", {"g": 4, "rows": 5}, {"Intercept": 0, "sd_g": 1, "kappa": 5}, n=1, family="beta", seed=1
        )
