"""`compare`: order, differences, weights, and what is refused."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import hierbayes as hb

pytestmark = pytest.mark.filterwarnings("ignore::hierbayes.HierBayesWarning")
OPTIONS = {"draws": 500, "chains": 2, "seed": 1, "progress": False}


@pytest.fixture(scope="module")
def fits():
    data = hb.load_data("sleepstudy")
    formulas = {"intercept": "Reaction ~ Days + (1 | Subject)", "slope": "Reaction ~ Days + (Days | Subject)"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hb.HierBayesWarning)
        return {name: hb.fit(formula, data, **OPTIONS) for name, formula in formulas.items()}


@pytest.mark.parametrize(("by", "kind"), [("loo", "conditional"), ("loo_marginal", "marginal")])
def test_by_leave_one_out(fits, by, kind):
    found = hb.compare(fits, by=by)
    assert list(found.index) == ["slope", "intercept"]
    one, other = (fits[name].loo(kind) for name in found.index)
    gaps = other.elpd_i.to_numpy() - one.elpd_i.to_numpy()
    assert found["elpd"].tolist() == pytest.approx([one.elpd, other.elpd])
    assert found["elpd_diff"].tolist() == pytest.approx([0, gaps.sum()])
    assert found["dse"].iloc[1] == pytest.approx(np.sqrt(180) * gaps.std())
    assert found["bad_k"].tolist() == [len(one.bad_rows), len(other.bad_rows)]
    assert found["weight"].sum() == pytest.approx(1)
    assert found["weight"].iloc[0] > 0.7


def test_both_kinds_estimate_one_number(fits):
    conditional, marginal = hb.compare(fits, by="loo"), hb.compare(fits, by="loo_marginal")
    np.testing.assert_allclose(conditional["elpd"], marginal["elpd"], atol=3)
    assert (marginal["p"] < conditional["p"]).all()


def test_by_evidence(fits):
    found = hb.compare(fits, by="evidence")
    factor = hb.bayes_factor(fits["intercept"], fits["slope"])
    assert found.loc["intercept", "log_bf"] == pytest.approx(factor.log)
    assert found.loc["intercept", "log_bf_error"] == pytest.approx(factor.error)
    assert found.loc["slope", "log_bf_error"] == 0
    assert found.loc["intercept", "weight"] == pytest.approx(factor.probability())
    assert found["weight"].sum() == pytest.approx(1)


@pytest.mark.parametrize("by", ["loo", "evidence"])
def test_progress_is_handed_on(fits, by):
    with pytest.raises(hb.ModelError, match="progress='loud'"):
        hb.compare(fits, by=by, progress="loud")
    with pytest.raises(hb.ModelError, match="progress='loud'"):
        hb.bayes_factor(*fits.values(), progress="loud")


def other(fits, change, formula="Reaction ~ Days + (1 | Subject)"):
    return {"slope": fits["slope"], "other": hb.fit(formula, change(hb.load_data("sleepstudy")), **OPTIONS)}


def test_other_data_are_named(fits):
    with pytest.raises(hb.DataError, match=r"180 rows and the other 170"):
        hb.compare(other(fits, lambda data: data.iloc[:170]))
    with pytest.raises(hb.DataError, match=r"'slope' and 'other'.*'Reaction' in one and 'log\(Reaction\)'"):
        hb.compare(other(fits, lambda data: data, "log(Reaction) ~ Days + (1 | Subject)"))
    with pytest.raises(hb.DataError, match=r"180 of 180 responses differ, the first in row 0: 249\.56 against 499\.12"):
        hb.bayes_factor(*other(fits, lambda data: data.assign(Reaction=2 * data["Reaction"])).values())

    def gap(data):
        data.loc[7, "Days"] = np.nan
        return data

    with pytest.raises(hb.DataError, match="row 7 of the data is in use in one only"):
        hb.compare(other(fits, gap))


def test_what_cannot_be_compared(fits):
    with pytest.raises(hb.ModelError, match="at least two"):
        hb.compare({"slope": fits["slope"]})
    with pytest.raises(hb.ModelError, match="'loo_marginal'"):
        hb.compare(fits, by="aic")
    with pytest.raises(hb.ModelError, match="'b' is no fit, but int"):
        hb.compare({"a": fits["slope"], "b": 3})
    with pytest.raises(hb.ModelError, match="the same text"):
        hb.compare({1: fits["slope"], "1": fits["intercept"]})


def test_what_has_no_bayes_factor(fits):
    with pytest.raises(hb.ModelError, match="'b' is no fit, but int"):
        hb.bayes_factor(fits["slope"], 3)
    # under one name the rows of the two would not be compared
    for names in (("a", "a"), ("a",), "ab", 3):
        with pytest.raises(hb.ModelError, match="two different names"):
            hb.bayes_factor(fits["slope"], fits["intercept"], names=names)
    for prior in (0, 1, "a", True):
        with pytest.raises(hb.ModelError, match="between 0 and 1"):
            hb.bayes_factor(fits["slope"], fits["intercept"]).probability(prior)
