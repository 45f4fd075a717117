"""Predictions and tables of numbers near the largest double: exact, or infinite in words of our own."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from fits import fake_fit

import hierbayes as hb
from hierbayes.errors import HierBayesWarning
from hierbayes.predict.row_estimates import row_estimates
from hierbayes.tables.numbers import estimates, moments

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


@pytest.fixture(scope="module")
def table():
    data = hb.load_data("sleepstudy")
    return data.assign(count=np.arange(len(data)) % 5, grade=np.arange(len(data)) % 3 + 1)


@pytest.fixture(scope="module")
def fit(table):
    return fake_fit("Reaction ~ Days + (Days | Subject)", table)


def rows(value):
    return pd.DataFrame({"Days": [value, 0.0], "Subject": ["308", "309"]})


@pytest.mark.parametrize("groups", ["known", "population", "average"])
def test_predictions_scale_up_to_the_largest_double(fit, groups):
    small, large = (fit.predict(rows(value), groups=groups).iloc[0] for value in (1e100, 1e306))
    np.testing.assert_allclose(large / 1e306, small / 1e100, rtol=1e-12)
    assert np.isfinite(large).all()


@pytest.mark.parametrize("value", [1e308, -1e308])
@pytest.mark.parametrize("options", [{}, {"kind": "response", "seed": 1}, {"groups": "population"}], ids=str)
def test_what_is_beyond_it_is_infinite_and_said_so(fit, value, options):
    asked = pd.concat([rows(value), rows(value)], ignore_index=True)
    with pytest.warns(HierBayesWarning, match=r"the numbers of 2 rows are beyond the largest .* inf, -inf or NaN"):
        found = fit.predict(asked, **options)
    assert not np.isfinite(found.loc[[0, 2], ["lower", "upper"]]).all().all()
    assert not found[["median", "lower", "upper"]].isna().any().any()
    pd.testing.assert_frame_equal(found.iloc[[1]], fit.predict(rows(1.0), **options).iloc[[1]].set_axis([1]))
    with pytest.warns(HierBayesWarning, match="the numbers of 2 rows"):
        drawn = fit.predict(asked, draws=True, **options)
    assert not np.isnan(drawn).any()


@pytest.mark.parametrize(
    "family",
    ["poisson", "negative_binomial", "gamma", "lognormal", "student_t", "exgaussian", "shifted_lognormal", "ordinal"],
)
@pytest.mark.parametrize("value", [800.0, 1e200, 1e308])
@pytest.mark.filterwarnings("ignore::hierbayes.errors.HierBayesWarning")
def test_no_family_leaks_a_warning_of_numpy(table, family, value):
    response = {"poisson": "count", "negative_binomial": "count", "ordinal": "grade"}.get(family, "Reaction")
    made = fake_fit(f"{response} ~ Days + (1 | Subject)", table, family=family)
    for options in ({}, {"kind": "response", "seed": 1}, {"groups": "average"}, {"draws": True}, {"kind": "link"}):
        try:
            made.predict(rows(value), **options)
        except hb.ModelError:
            assert family == "ordinal"  # without numbers some of these are not asked of it
    assert not made.simulate(rows(value), nsim=2, seed=1).empty


def test_ordinary_rows_have_the_bits_of_old(fit):
    rng = np.random.default_rng(1)
    draws = rng.normal(size=(50, 401))
    found = row_estimates(draws.copy(), np.empty_like(draws), 0.9)
    np.testing.assert_array_equal(found[0], np.add.reduce(draws, axis=1) / 401)
    np.testing.assert_allclose(found[1], draws.std(axis=1, ddof=1), rtol=1e-13)
    np.testing.assert_allclose(found[2:], np.quantile(draws, [0.5, 0.05, 0.95], axis=1), rtol=1e-13)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit.predict(rows(5.0))


@pytest.mark.parametrize("size", [1e160, 1e250, 1e306])
def test_moments_of_large_draws_are_those_of_small_ones(size):
    draws = np.random.default_rng(2).normal(size=(3, 200))
    small, large = (row_estimates(own.copy(), np.empty_like(own), 0.95) for own in (draws, draws * size))
    np.testing.assert_allclose(large / size, small, rtol=1e-12)
    mean, sd = moments(draws.T * size)
    np.testing.assert_allclose(mean / size, draws.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(sd / size, draws.std(axis=1, ddof=1), rtol=1e-12)


def test_draws_from_end_to_end_of_the_doubles_have_quantiles():
    draws = np.tile([[-1.7e308, -1e308, 1e308, 1.7e308]], (2, 1))
    found = row_estimates(draws.copy(), np.empty_like(draws), 0.5)
    np.testing.assert_allclose(found[2:, 0] / 1e308, [0.0, -1.175, 1.175], atol=1e-12)
    only = np.array([[np.inf, np.inf, np.inf], [-np.inf, 0.0, np.inf]])
    found = row_estimates(only.copy(), np.empty_like(only), 0.5)
    assert found[2:, 0].tolist() == [np.inf] * 3
    assert found[2:, 1].tolist() == [0.0, -np.inf, np.inf]


def test_tables_of_questions_take_large_numbers(fit):
    found = fit.hypothesis("Intercept + 1e200 * Days > 0")
    small = fit.hypothesis("Intercept / 1e200 + Days > 0")
    assert found.table["sd"][0] / 1e200 == pytest.approx(small.table["sd"][0], rel=1e-9)
    means = [fit.means("Days", at={"Days": [0.0, value]})["sd"][1] for value in (1e100, 1e200)]
    assert means[1] / 1e200 == pytest.approx(means[0] / 1e100, rel=1e-9)
    assert np.isfinite(fit.slopes("Days", at={"Days": [0.0, 1e200]})["sd"]).all()
    fit.means("Days", at={"Days": [0.0, 1e308]})


def test_estimates_of_ordinary_draws_have_the_bits_of_old():
    draws = np.random.default_rng(3).normal(size=(4, 100, 3))
    found, flat = estimates(draws, 0.9), draws.reshape(-1, 3)
    np.testing.assert_array_equal(found["mean"], flat.mean(axis=0))
    np.testing.assert_array_equal(found["sd"], flat.std(axis=0, ddof=1))
    assert np.isnan(estimates(draws[:1, :1], 0.9)["sd"]).all()
    assert np.isnan(moments(np.array([1.0, np.nan]))[0])
