"""Families, options and weights under the names that R and Bambi give them: taken, or answered with what is there."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pandas as pd
import pytest

import hierbayes as hb
from hierbayes.errors import DataError, ModelError
from hierbayes.families import FAMILIES, family

DATA = pd.DataFrame({"g": np.arange(40) % 5, "x": np.random.default_rng(1).normal(size=40)})
DATA["y"] = np.random.default_rng(2).normal(size=40)
DATA["won"] = (DATA["y"] > 0).astype(int)
DATA["w"] = 1.0 + DATA["g"]

TAKEN = {
    "nbinom2": "negative_binomial",
    "negbinomial": "negative_binomial",
    "negativebinomial": "negative_binomial",
    "negative.binomial": "negative_binomial",
    "nb": "negative_binomial",
    "Gamma": "gamma",
    "Poisson": "poisson",
    "t_family": "student_t",
    "t": "student_t",
    "beta_family": "beta",
    "cumulative": "ordinal",
    "binomial(link = 'probit')": "binomial(probit)",
    "bernoulli(cloglog)": "bernoulli(cloglog)",
}
REFUSED = {
    "nbinom1": ("negative_binomial",),
    "quasipoisson": ("negative_binomial", "poisson"),
    "logit": ("bernoulli", "binomial"),
    "probit": ("bernoulli(probit)", "binomial(probit)"),
    "beta_binomial": ("binomial",),
    "weibull": ("gamma", "lognormal"),
    "sratio": ("ordinal",),
    "skew_normal": ("student_t",),
    "zero_inflated_poisson": ("negative_binomial",),
    "hurdle_gamma": ("negative_binomial",),
    "vonmises": (),
    "poison": ("poisson",),
    "gausian": ("gaussian",),
    "bernouli": ("bernoulli",),
}


@pytest.mark.parametrize("name", TAKEN)
def test_a_name_of_another_package_is_taken(name: str) -> None:
    assert str(family(name)) == TAKEN[name]


@pytest.mark.parametrize("name", REFUSED)
def test_a_family_that_is_not_there_is_answered_with_one_that_is(name: str) -> None:
    with pytest.raises(ModelError, match=f"family '{name}' is not available") as caught:
        family(name)
    hint = str(caught.value.hint)
    for near in REFUSED[name]:
        assert re.search(rf"[\"']{re.escape(near)}[\"']", hint), hint
        assert family(near).name in FAMILIES


def test_binomial_of_outcomes_is_bernoulli() -> None:
    one = hb.Model("won ~ x + (1 | g)", DATA, family="binomial")
    other = hb.Model("won ~ x + (1 | g)", DATA, family="bernoulli")
    assert one.spec == other.spec
    pd.testing.assert_frame_equal(one.priors, other.priors)
    assert str(hb.Model("won ~ x", DATA, family="binomial(probit)").spec.family) == "bernoulli(probit)"
    with pytest.raises(DataError, match=r"'g' is 2 in row 2.*\n.*p\(successes, trials\) with family=\"binomial\""):
        hb.Model("g ~ x", DATA, family="binomial")


OPTIONS = {
    "sigma": "one residual sd",
    "dispformula": "one residual sd",
    "correlation": "independent given the effects",
    "ziformula": "no zero-inflated",
    "REML": ".reml()",
    "prior": "priors=",
    "random": "(1 | g)",
    "na.action": "missing=",
    "wieghts": "did you mean 'weights'?",
    "contrast": "contrasts=",
}


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_of_another_package_is_answered(name: str) -> None:
    for call in (hb.Model, hb.fit):
        with pytest.raises(ModelError, match=f"there is no option '{name}'") as caught:
            call("y ~ x + (1 | g)", DATA, **{name: 1})
        assert OPTIONS[name] in str(caught.value.hint)


@pytest.mark.parametrize("name", ["warmup", "iter", "random_seed", "adapt_delta", "chain"])
def test_an_option_of_the_sampler_is_answered(name: str) -> None:
    wanted = {"warmup": "tune=", "iter": "draws=", "random_seed": "seed=", "adapt_delta": "target_accept="}
    with pytest.raises(ModelError) as caught:
        hb.fit("y ~ x", DATA, **{name: 1})
    assert wanted.get(name, "did you mean 'chains'?") in str(caught.value.hint)


def test_weights_as_an_array() -> None:
    named = hb.Model("y ~ x + (1 | g)", DATA, weights="w")
    given = DATA.copy()
    for weights in (DATA["w"], DATA["w"].to_numpy(), DATA["w"].tolist()):
        model = hb.Model("y ~ x + (1 | g)", given, weights=weights)
        np.testing.assert_array_equal(model.design.weights, named.design.weights)
        assert model.spec.weights == "weights"
    pd.testing.assert_frame_equal(given, DATA)
    assert hb.Model("y ~ x", DATA.assign(weights=1.0), weights=DATA["w"]).spec.weights == "weights_2"
    again = hb.Model("y ~ x + (1 | g)", DATA).update(weights=DATA["w"].to_numpy())
    np.testing.assert_array_equal(again.design.weights, named.design.weights)
    holes = DATA.assign(x=DATA["x"].where(DATA.index != 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hb.HierBayesWarning)
        model = hb.Model("y ~ x", holes, weights=DATA["w"].to_numpy())
    np.testing.assert_array_equal(model.design.weights, np.delete(DATA["w"].to_numpy(), 3))


def test_weights_that_are_not_one_a_row() -> None:
    with pytest.raises(DataError, match=r"shape \(3,\), and the data have 40 rows"):
        hb.Model("y ~ x", DATA, weights=[1.0, 2.0, 3.0])
    with pytest.raises(DataError, match="whose index is not that of the data"):
        hb.Model("y ~ x", DATA, weights=DATA["w"].sample(frac=1, random_state=1))
    with pytest.raises(DataError, match=r"shape \(\), and"):
        hb.Model("y ~ x", DATA, weights=2.0)
