"""The response of every family: what it takes, what it refuses with what advice, and what new data make of it."""

from __future__ import annotations

import json
import re
import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import hierbayes as hb
from hierbayes.design.build import build
from hierbayes.design.design import Design
from hierbayes.design.new_rows import rows_of
from hierbayes.design.schema import Schema
from hierbayes.errors import DataError, HierBayesWarning, ModelError
from hierbayes.spec import make_spec

DATA = pd.DataFrame(
    {
        "x": [0.0, 1, 2, 3, 4, 5],
        "g": list("aabbcc"),
        "k": [0, 1, 2, 3, 2, 0],
        "n": [3, 4, 2, 5, 6, 1],
        "f": [3, 3, 0, 2, 4, 1],
        "zero_trials": [3, 4, 0, 5, 6, 1],
        "half": [0.5, 1, 2, 3, 2, 0],
        "share": [0.0, 0.25, 1.0, 0.6, 0.3, 0.0],
        "inner": [0.1, 0.25, 0.9, 0.6, 0.3, 0.5],
        "percent": [10.0, 25, 90, 60, 30, 50],
        "t": [0.3, 2.0, 1.1, 0.7, 5.0, 0.9],
        "real": [-1.0, 2.0, 0.5, 0.7, 5.0, 0.9],
        "flag": [True, False, True, True, False, False],
        "zero_one": [1, 0, 1, 1, 0, 0],
        "one_two": [2, 1, 2, 2, 1, 1],
        "said": ["yes", "no", "yes", "yes", "no", "no"],
        "three": list("abcabc"),
        "same": ["yes"] * 6,
        "se": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
        "bad_se": [0.1, 0.2, 0.0, 0.4, 0.5, 0.6],
        "w": [1.0, 2, 1, 2, 1, 2],
        "nothing": [0] * 6,
        "five": [5.0] * 6,
    }
)
DATA["ordered"] = pd.Categorical(DATA["said"], categories=["yes", "no"])


def design_of(formula: str, data: Any = DATA, **options: Any) -> Design:
    return build(make_spec(formula, **options), data)


TAKEN = [
    ("flag ~ x", "bernoulli", [1, 0, 1, 1, 0, 0], None, None),
    ("zero_one ~ x", "bernoulli", [1, 0, 1, 1, 0, 0], None, None),
    ("said ~ x", "bernoulli", [1, 0, 1, 1, 0, 0], None, "yes"),
    ("ordered ~ x", "bernoulli", [0, 1, 0, 0, 1, 1], None, "no"),
    ('I(said == "no") ~ x', "bernoulli", [0, 1, 0, 0, 1, 1], None, None),
    ("I(one_two == 2) ~ x", "bernoulli(probit)", [1, 0, 1, 1, 0, 0], None, None),
    ("k | trials(n) ~ x", "binomial", [0, 1, 2, 3, 2, 0], [3, 4, 2, 5, 6, 1], None),
    ("cbind(k, f) ~ x", "binomial", [0, 1, 2, 3, 2, 0], [3, 4, 2, 5, 6, 1], None),
    ("cbind(k, n - k) ~ x", "binomial", [0, 1, 2, 3, 2, 0], [3, 4, 2, 5, 6, 1], None),
    ("p(k, 6) ~ x", "binomial(cloglog)", [0, 1, 2, 3, 2, 0], [6] * 6, None),
    ("k ~ x", "poisson", [0, 1, 2, 3, 2, 0], None, None),
    ("k ~ x", "negative_binomial", [0, 1, 2, 3, 2, 0], None, None),
    ("t ~ x", "gamma", DATA["t"], None, None),
    ("t ~ x", "shifted_lognormal", DATA["t"], None, None),
    ("inner ~ x", "beta", DATA["inner"], None, None),
    ("I(percent / 100) ~ x", "beta", DATA["percent"] / 100, None, None),
    ("real ~ x", "student_t", DATA["real"], None, None),
    ("real ~ x", "exgaussian", DATA["real"], None, None),
    ("flag ~ x", "gaussian", [1, 0, 1, 1, 0, 0], None, None),
]


@pytest.mark.parametrize(("formula", "family", "y", "trials", "modelled"), TAKEN)
@pytest.mark.parametrize("convert", [lambda table: table, pl.from_pandas])
def test_a_response_is_read(formula, family, y, trials, modelled, convert):
    design = design_of(formula, convert(DATA) if "ordered" not in formula else DATA, family_name=family)
    np.testing.assert_array_equal(design.y, y)
    assert design.modelled == modelled
    assert design.trials is None if trials is None else design.trials.tolist() == trials
    back = Schema.from_json(json.loads(json.dumps(design.schema.to_json())))
    assert back == design.schema
    rows = rows_of(back, DATA, response=True)
    np.testing.assert_array_equal(rows.y, design.y)
    assert rows.trials is None if trials is None else rows.trials.tolist() == trials


REFUSED = [
    (
        "k ~ x",
        "bernoulli",
        "'k' is 2 in row 2 .counting from 0.; the bernoulli family takes 0 and 1",
        'family="poisson"',
    ),
    ("one_two ~ x", "bernoulli", "'one_two' is 2 in row 0", r"I\(one_two == 2\)"),
    ("share ~ x", "bernoulli", "'share' is 0.25 in row 1", r"p\(successes, trials\)"),
    ("real ~ x", "bernoulli", "'real' is -1 in row 0", 'family="gaussian"'),
    ("three ~ x", "bernoulli", "'three' has 3 levels .'a', 'b', 'c'.", 'I.three == "a".'),
    ("same ~ x", "bernoulli", "'same' has one level .'yes'.", 'I.same == "yes".'),
    ("half ~ x", "poisson", "'half' is 0.5 in row 0", r"offset\(log\(exposure\)\)"),
    ("real ~ x", "negative_binomial", "'real' is -1 in row 0", 'family="gaussian"'),
    ("k ~ x", "gamma", "'k' is 0 in row 0 .counting from 0.; the family takes numbers above 0", "poisson"),
    ("real ~ x", "lognormal", "'real' is -1 in row 0", 'family="gaussian"'),
    ("nothing ~ x", "shifted_lognormal", "'nothing' is 0 in row 0", "poisson"),
    ("share ~ x", "beta", "'share' is 0 in row 0", r"p\(successes, trials\)"),
    ("percent ~ x", "beta", "'percent' is 10 in row 0", "divide by 100"),
    (
        "said ~ x",
        "gaussian",
        "'said' must be numeric",
        "family=\"bernoulli\" models the probability of the second, 'yes'",
    ),
    ("said ~ x", "poisson", "'said' must be numeric", 'family="bernoulli"'),
    ("three ~ x", "gaussian", "'three' must be numeric", ""),
    ("five ~ x", "gaussian", "'five' is the same in every row", ""),
    ("five ~ x", "gamma", "'five' is the same in every row", ""),
    ("five ~ x", "student_t", "'five' is the same in every row", ""),
    ("p(half, n) ~ x", "binomial", "number of successes 'half' is 0.5 in row 0", ""),
    ("p(share, n) ~ x", "binomial", "number of successes 'share' is 0.25 in row 1", "share times the trials"),
    ("p(k, half) ~ x", "binomial", "number of trials 'half' is 0.5 in row 0", ""),
    ("p(k, zero_trials) ~ x", "binomial", "number of trials 'zero_trials' is 0 in row 2", "leave rows without trials"),
    (
        "p(n, f + (x == 2)) ~ x",
        "binomial",
        "'n' is 4 in row 1 .counting from 0., more than its 3 trials .f",
        "successes and failures",
    ),
    ("p(said, n) ~ x", "binomial", "'said' must be numeric", "counts"),
    ("real | se(bad_se) ~ x", "gaussian", "standard error 'bad_se' is 0 in row 2", "leave such rows out"),
    ("real | se(se * 1e-160) ~ x", "gaussian", "of a size that cannot be squared", "unit"),
]


@pytest.mark.parametrize(("formula", "family", "what", "hint"), REFUSED)
def test_a_response_that_the_family_does_not_take_is_refused_with_advice(formula, family, what, hint):
    with pytest.raises(DataError, match=what) as caught:
        design_of(formula, family_name=family)
    if hint:
        assert re.search(hint, caught.value.hint or ""), caught.value.hint


def test_rows_are_counted_in_the_data_as_given():
    data = pd.concat([DATA.iloc[:1].assign(x=np.nan), DATA], ignore_index=True)
    with pytest.warns(HierBayesWarning, match="1 of 7 rows dropped"), pytest.raises(DataError, match="is 2 in row 3 "):
        design_of("k ~ x", data, family_name="bernoulli")


@pytest.mark.parametrize(
    ("formula", "family", "what"),
    [
        ("p(k, n) ~ x", "gaussian", "has trials, which the gaussian family does not take"),
        ("p(k, n) ~ x", "bernoulli", "has trials, which the bernoulli family does not take"),
        ("k | se(se) ~ x", "poisson", "known standard errors, which the poisson family does not take"),
        ("real | se(se) ~ x", "student_t", "known standard errors, which the student_t family does not take"),
    ],
)
def test_left_side_and_family_must_go_together(formula, family, what):
    with pytest.raises(ModelError, match=what) as caught:
        hb.Model(formula, DATA, family=family)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("formula", "family", "what"),
    [
        ("nothing ~ x", "bernoulli", "'nothing' is 0 in every row in use.*minus infinity"),
        ("I(nothing + 1) ~ x", "bernoulli", "is 1 in every row in use.* from infinity"),
        ("p(nothing, n) ~ x", "binomial", "is 0 in every row"),
        ("p(n, n) ~ x", "binomial", "is the number of trials in every row"),
        ("nothing ~ x", "poisson", "is 0 in every row"),
        ("nothing ~ x", "negative_binomial", "is 0 in every row"),
    ],
)
def test_responses_that_all_agree_are_allowed_with_a_warning_and_a_finite_prior(formula, family, what):
    with pytest.warns(HierBayesWarning, match=what):
        model = hb.Model(formula, DATA, family=family)
    assert np.isfinite(model.resolved_priors.beta[0].mu)
    assert model.resolved_priors.beta[0].sigma == 2.5


def test_a_constant_count_above_nought_is_no_cause_for_alarm():
    with warnings.catch_warnings():
        warnings.simplefilter("error", HierBayesWarning)
        assert design_of("five ~ x", family_name="poisson").y.tolist() == [5.0] * 6


def test_known_standard_errors_are_weights():
    design = design_of("real | se(se) ~ x", weights="w")
    np.testing.assert_allclose(design.weights, DATA["w"] / DATA["se"] ** 2)
    assert rows_of(design.schema, DATA[["x"]]).weights.tolist() == [1.0] * 6
    np.testing.assert_array_equal(rows_of(design.schema, DATA, weights=True).weights, design.weights)
    with pytest.raises(DataError, match="no column 'se'"):
        rows_of(design.schema, DATA[["x", "w"]], weights=True)


def test_new_data_need_trials_only_where_they_are_asked_for():
    schema = design_of("p(k, n) ~ x", family_name="binomial").schema
    assert rows_of(schema, {"x": [1.0, 2.0]}).trials is None
    assert rows_of(schema, {"x": [1.0, 2.0], "n": [3, 9]}, trials=True).trials.tolist() == [3, 9]
    assert schema.needed(groups=True, response=False, weights=False, trials=True) == ("x", "n")
    with pytest.raises(DataError, match="no column 'n'"):
        rows_of(schema, {"x": [1.0]}, trials=True)
    with pytest.raises(DataError, match="number of trials 'n' is 0 in row 1"):
        rows_of(schema, {"x": [1.0, 2.0], "n": [3, 0]}, trials=True)


def test_new_responses_keep_the_levels_of_the_fit():
    schema = design_of("ordered ~ x", family_name="bernoulli").schema
    assert rows_of(schema, {"x": [1.0, 2.0], "ordered": ["no", "yes"]}, response=True).y.tolist() == [1.0, 0.0]
    assert rows_of(schema, {"x": [1.0], "ordered": ["yes"]}, response=True).y.tolist() == [0.0]
    with pytest.raises(DataError, match=r"level 'perhaps' in row 1 .*which the fit has not seen"):
        rows_of(schema, {"x": [1.0, 2.0], "ordered": ["no", "perhaps"]}, response=True)


def test_the_design_says_what_is_modelled():
    shown = str(design_of("said ~ x", family_name="bernoulli"))
    assert "1 is 'yes', 0 is 'no'" in shown
    assert "trials" in str(design_of("p(k, n) ~ x", family_name="binomial"))


@pytest.mark.parametrize(
    ("formula", "family", "warned"),
    [
        ("real ~ x + (1 | row)", "gaussian", "cannot be told from the residual"),
        ("k ~ x + (1 | row)", "negative_binomial", "cannot be told from what the negative_binomial family varies"),
        ("zero_one ~ x + (1 | row)", "bernoulli", "cannot be told from what the bernoulli family varies"),
        ("k ~ x + (1 | row)", "poisson", ""),
        ("p(k, n) ~ x + (1 | row)", "binomial", ""),
        ("real | se(se) ~ x + (1 | row)", "gaussian", ""),
    ],
)
def test_an_effect_of_each_row_is_warned_of_where_it_cannot_be_told_apart(formula, family, warned):
    data = DATA.assign(row=[f"r{i}" for i in range(6)])
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        design_of(formula, data, family_name=family)
    said = [str(each.message) for each in found]
    assert any(warned in text for text in said) if warned else not said
