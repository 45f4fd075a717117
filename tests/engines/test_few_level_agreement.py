"""With few levels too the joint engine samples the posterior that PyMC samples, in the chart that moves with the sds.

Four models with default priors. Every coefficient, sd, correlation, effect and parameter of the family is compared, by
mean and sd and their Monte Carlo errors from the effective draws of both. Few levels make funnels, in which PyMC needs
small steps and minutes: what it found is kept in `reference/few_levels_pymc.json`, made by
`reference/make_few_levels.py`.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import few_level_models
import numpy as np
import pytest
from oracles.agreement import gaps, largest, summary

import hierbayes as hb

pytestmark = pytest.mark.slow

KEPT = json.loads((Path(__file__).parents[1] / "reference" / "few_levels_pymc.json").read_text())
# model: how many numbers have a posterior
NUMBERS = {"departments": 17, "counts": 21, "grades": 13, "dispersed": 10}
OTHER = {
    "departments": {"sd_dept": hb.HalfStudentT(3, 5)},
    "counts": {"sd_g[Intercept]": hb.HalfStudentT(3, 5), "sd_g[x]": hb.HalfStudentT(3, 2 * 2.868)},
    "grades": {"sd_g": hb.HalfStudentT(3, 5)},
    # data that know the sd better: here it takes a prior of a quarter of the scale
    "dispersed": {"sd_g": hb.HalfStudentT(3, 2.5 / 4)},
}
"""Priors of twice the scale of the defaults, but for the last."""

FURTHEST = 4.0
"""Monte Carlo errors from which two posteriors disagree; by chance one of all 122 gaps is as large in 1 of 130 runs."""


def fitted(name, **options):
    return few_level_models.model(name, **options).fit(draws=10_000, seed=1, progress=False)


@cache
def ours(name):
    return fitted(name)


def worst(own, name):
    """Return the largest gap beside PyMC's posterior, in Monte Carlo errors, and how many gaps there are."""
    theirs = {
        variable: {kind: tuple(map(np.asarray, pair)) for kind, pair in kept.items()}
        for variable, kept in KEPT[name]["summary"].items()
    }
    return largest(gaps(own, theirs))


@pytest.mark.parametrize("name", NUMBERS)
def test_every_mean_and_sd_agrees_with_few_levels(name):
    fit = ours(name)
    assert {str(key): str(prior) for key, prior in fit.model.priors["prior"].items()} == KEPT[name]["priors"]
    assert fit.model.runner.joint.chart == "moving"
    found, count = worst(summary(fit.posterior), name)
    assert count == 2 * NUMBERS[name]
    assert found < FURTHEST


@pytest.mark.parametrize("name", NUMBERS)
def test_the_chains_are_healthy_with_few_levels(name):
    found = ours(name).diagnostics
    assert found["divergences"] <= found["draws"] * found["chains"] / 2000
    assert found["max_rhat"] < 1.005
    assert min(found["min_ess_bulk"], found["min_ess_tail"]) > 5000
    kept = KEPT[name]["diagnostics"]
    assert kept["divergences"] <= 1
    assert kept["max_rhat"] < 1.01
    assert min(kept["min_ess_bulk"], kept["min_ess_tail"]) > 2000


@pytest.mark.parametrize("name", NUMBERS)
def test_a_tenth_more_spread_is_seen(name):
    own = summary(ours(name).posterior)
    wrong = {key: {**each, "sd": (1.1 * each["sd"][0], 1.1 * each["sd"][1])} for key, each in own.items()}
    assert worst(wrong, name)[0] > FURTHEST


@pytest.mark.parametrize("name", NUMBERS)
def test_another_prior_of_the_sds_is_seen(name):
    assert worst(summary(fitted(name, priors=OTHER[name]).posterior), name)[0] > FURTHEST


@pytest.mark.parametrize("name", NUMBERS)
def test_effects_of_the_wrong_levels_are_seen(name):
    own = summary(ours(name).posterior)
    key = next(each for each in own if each.startswith("b_"))
    columns = 2 if name in ("departments", "counts") else 1
    turned = tuple(np.roll(values, columns) for values in own[key]["mean"])
    assert worst({**own, key: {**own[key], "mean": turned}}, name)[0] > FURTHEST
