"""`y ~ x | g` without parentheses: read as lme4 reads it, and what is missing is said."""

from __future__ import annotations

import re
import warnings

import pytest

import hierbayes as hb
from hierbayes.formula import parse


@pytest.fixture(scope="module")
def sleep():
    return hb.load_data("sleepstudy")


def heard(formula, data):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        model = hb.Model(formula, data)
    return model, [str(each.message) for each in found]


def test_a_bar_without_parentheses_is_the_model_that_lme4_fits(sleep):
    model, said = heard("Reaction ~ Days | Subject", sleep)
    found = model.reml()
    # lmer(Reaction ~ Days | Subject, sleepstudy), lme4 1.1-31
    assert found.fixef()["mean"].round(3).to_dict() == {"Intercept": 257.762}
    assert found.criterion == pytest.approx(1769.845, abs=5e-4)
    assert len(said) == 1
    assert "population-level effects of Days" in said[0]


@pytest.mark.parametrize(
    "formula", ["Reaction ~ Days | Subject", "Reaction ~ Days || Subject", "Reaction ~ 0 + Days | Subject"]
)
def test_the_formula_that_the_warning_gives_has_the_slope(sleep, formula):
    model, (said,) = heard(formula, sleep)
    assert model.design.coefficients == ("Intercept",)
    better, silence = heard(re.findall(r"write '(.*)'$", said)[0], sleep)
    assert better.design.coefficients[-1] == "Days"
    assert not silence
    assert better.design.groups[0].terms == model.design.groups[0].terms


@pytest.mark.parametrize(
    "formula", ["Reaction ~ 1 | Subject", "Reaction ~ 1 + (Days | Subject)", "Reaction ~ Days + (Days | Subject)"]
)
def test_nothing_is_said_where_nothing_is_missing_by_accident(sleep, formula):
    assert heard(formula, sleep)[1] == []


def test_an_update_by_its_difference_keeps_the_meaning(sleep):
    model, _ = heard("Reaction ~ Days | Subject", sleep)
    assert model.update(". ~ . + Days").spec.formula.canonical == "Reaction ~ 1 + Days + (1 + Days | Subject)"
    with pytest.warns(hb.HierBayesWarning, match="population-level effects of Days"):
        hb.Model("Reaction ~ 1", sleep).update("Reaction ~ Days | Subject")


def test_both_ways_of_writing_are_one_formula():
    assert parse("y ~ x | g").canonical == parse("y ~ 1 + (x | g)").canonical
    assert parse("y ~ x | g").bare
    assert not parse("y ~ (x | g)").bare
