"""The joint engine samples the posterior that PyMC samples, and lies where maximum likelihood says: cbpp and VerbAgg.

VerbAgg takes minutes in PyMC, as yes or no and as three categories: means, sds and their Monte Carlo errors are kept in
`reference/verbagg_pymc.json` and `reference/three_answers_pymc.json`, made by `reference/make_verbagg.py`.
"""

from __future__ import annotations

import json
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import three_answers
from oracles.agreement import gaps, largest, limit, summary

import hierbayes as hb
from hierbayes.catalogue import catalogue

pytestmark = pytest.mark.slow

REFERENCE = Path(__file__).parents[1] / "reference"
# model: how many numbers have a posterior
MODELS = {"cbpp": 20, "verbagg": 348, "three_answers": 219}


def model_of(name, **changed):
    if name == "three_answers":
        return three_answers.model(**changed)
    spec = catalogue()[name]
    return hb.Model(spec.formula, spec.table(), **{**spec.options(), **changed})


@cache
def ours(name):
    # with few herds a step of the default acceptance diverges now and then; see docs/joint-engine.md
    draws, accept = (5000, 0.95) if name == "cbpp" else (1000, None)
    return model_of(name).fit(draws=draws, seed=1, target_accept=accept, progress=False)


@cache
def theirs(name):
    """Return the summary of PyMC's posterior."""
    if name != "cbpp":
        kept = json.loads((REFERENCE / f"{name}_pymc.json").read_text())["summary"]
        return {
            variable: {kind: tuple(map(np.asarray, pair)) for kind, pair in own.items()}
            for variable, own in kept.items()
        }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hb.HierBayesWarning)
        return summary(model_of(name).fit(draws=2000, seed=2, progress=False, engine="pymc").posterior)


@pytest.mark.parametrize("name", MODELS)
def test_every_mean_and_sd_agrees(name):
    fit = ours(name)
    assert fit.engine == "joint"
    scores = gaps(summary(fit.posterior), theirs(name))
    worst, count = largest(scores)
    assert count == 2 * MODELS[name]
    assert worst < limit(count), {key: float(np.abs(z).max()) for key, z in scores.items()}


def test_the_check_sees_another_prior():
    """A prior of the sd a third as wide: the sd comes out smaller, and the check fails."""
    median = float(ours("cbpp").posterior["sd_herd"].median())
    other = model_of("cbpp", priors={"sd_herd": hb.HalfNormal(median / 3)}).fit(draws=5000, seed=1, progress=False)
    worst, count = largest(gaps(summary(other.posterior), theirs("cbpp")))
    assert worst > limit(count)


def test_the_check_sees_two_hundredths_in_the_sd_of_the_persons():
    """Two hundredths are 13 Monte Carlo errors, one is 6 and might pass with other seeds."""
    own = summary(ours("verbagg").posterior)
    wrong = {**own, "sd_id": {kind: (1.02 * value, error) for kind, (value, error) in own["sd_id"].items()}}
    worst, count = largest(gaps(wrong, theirs("verbagg")))
    assert worst > limit(count)


@pytest.mark.parametrize("name", MODELS)
def test_the_joint_engine_mixes_well(name):
    found = ours(name).diagnostics
    # near an sd of 0 they cluster: with eight seeds of cbpp none or one of 20,000 draws in seven runs, 14 in the other
    assert found["divergences"] <= found["draws"] * found["chains"] / 500
    assert found["max_rhat"] < 1.01
    assert min(found["min_ess_bulk"], found["min_ess_tail"]) > 1000


def beside_glmer(name, moved=0.0):
    """Return gaps of coefficients in posterior sds, and median sds over glmer's; `moved` shifts the coefficients."""
    published, fit = catalogue()[name].published, ours(name)
    table = fit.fixef()
    gap = (table["mean"] + moved * table["sd"] - [published["fixef"][label] for label in table.index]) / table["sd"]
    ratios = {
        factor: float(fit.posterior[f"sd_{factor}"].median()) / terms["Intercept"]
        for factor, terms in published["sds"].items()
    }
    return gap, ratios


@pytest.mark.parametrize("name", ["cbpp", "verbagg"])
def test_posteriors_lie_at_the_estimates_of_glmer(name):
    """Within 0.35 posterior sds for coefficients; medians of sds from 0.97 to 1.25 of the Laplace estimate.

    Three things part them. The coefficients have weak priors, and the mean of a skewed posterior lies beyond its mode:
    a tenth or two of an sd. Maximum likelihood takes the coefficients as known, which makes an sd too small, and
    Laplace's approximation makes it smaller still where groups tell little; the posterior of an sd leans to the right,
    so that its median lies above the mode. The fewer the levels, the more: 15 herds and 24 items, but 316 persons.
    """
    gap, ratios = beside_glmer(name)
    assert gap.abs().max() < 0.35, gap
    assert all(0.97 < ratio < (1.25 if factor != "id" else 1.06) for factor, ratio in ratios.items()), ratios


def test_a_coefficient_half_an_sd_away_would_be_seen():
    assert beside_glmer("verbagg", moved=0.5)[0].abs().max() > 0.35
