"""Ordinal fits among others: the same data are the same, flat gaps are looked at in refits, words of warning."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from fits import fake_fit

import hierbayes as hb
from hierbayes.comparison.checks import difference, refuse_other_data
from hierbayes.errors import DataError, HierBayesWarning, ModelError


def table(n=48):
    rng = np.random.default_rng(2)
    return pd.DataFrame(
        {"y": np.resize([0, 10, 20, 30], n), "x": rng.normal(size=n), "g": np.repeat(list("abcdef"), n // 6)}
    )


def test_scores_and_counts_of_one_column_are_the_same_data():
    data = table()
    ordinal = fake_fit("y ~ x + (1 | g)", data, family="ordinal")
    counts = fake_fit("y ~ x + (1 | g)", data, family="poisson")
    assert difference(ordinal.design, counts.design) is None
    other = fake_fit(
        "y ~ x + (1 | g)", data.assign(y=data["y"].replace(30, 20).where(data["x"] > 0, data["y"])), family="poisson"
    )
    with pytest.raises(DataError, match=r"responses differ, the first in row .*: 30 against 20"):
        refuse_other_data({"a": ordinal, "b": other})


def test_categories_in_another_order_are_the_same_data():
    data = table().assign(y=lambda d: d["y"].map({0: "low", 10: "mid", 20: "high", 30: "top"}))
    one, other = (
        fake_fit("y ~ x + (1 | g)", data.assign(y=pd.Categorical(data["y"], names, ordered=True)), family="ordinal")
        for names in (["low", "mid", "high", "top"], ["top", "high", "mid", "low"])
    )
    assert difference(one.design, other.design) is None


def test_probabilities_beside_densities_warn():
    data = table()
    counts = fake_fit("y ~ x + (1 | g)", data, family="poisson")
    normal = fake_fit("y ~ x + (1 | g)", data)
    with pytest.warns(HierBayesWarning, match="depends on the unit of the response"):
        refuse_other_data({"a": counts, "b": normal})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        refuse_other_data({"a": counts, "b": fake_fit("y ~ 1 + (1 | g)", data, family="poisson")})


def test_a_flat_gap_that_no_row_holds_any_more_is_refused_in_a_refit():
    data = table().assign(y=lambda d: np.where((d["y"] == 30) & (d["g"] != "f"), 20, d["y"]))
    fit = fake_fit("y ~ x + (1 | g)", data, family="ordinal", priors={"gap_3": hb.Flat()})
    with pytest.raises(ModelError, match="without g 'f' the flat priors leave an improper posterior"):
        fit.leave_one_group_out("g", progress=False)


def test_an_ordinal_model_without_an_intercept_warns():
    with pytest.warns(HierBayesWarning, match="first threshold fixed at 0"):
        hb.Model("y ~ 0 + x", table(), family="ordinal").design  # noqa: B018
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        hb.Model("y ~ 0 + g", table(), family="ordinal").design  # noqa: B018


def test_simulated_categories_are_of_the_kind_of_the_data():
    data = table().assign(y=lambda d: pd.Categorical(d["y"], [0, 10, 20, 30], ordered=True))
    truth = {"Intercept": 1, "x": 0.5, "sd_g": 0.5, "gap_2": 1, "gap_3": 1}
    found = hb.simulate("y ~ x + (1 | g)", data=data, truth=truth, family="ordinal", seed=1)
    assert found["y"].dtype == data["y"].dtype
    assert (found["y"] == 20).any()
