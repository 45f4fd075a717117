"""Every kernel of the joint engine, and few levels, calibrated on 200 small data sets; planted errors must be found.

The error is a likelihood counted twice. The structures of few levels are those of `make trust`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import hierbayes as hb
from hierbayes.families import FAMILIES
from hierbayes.families import family as by_name
from hierbayes.sampling.run import Runner
from hierbayes.sampling.sampler import settings
from hierbayes.studies.calibration import make_task, run_sets, seeds_of, with_fitted
from hierbayes.studies.calibration_result import Calibration

DOCS = Path(__file__).resolve().parents[2] / "docs"
GROUPS, ROWS = 8, 5
FEW = ("bernoulli", "binomial slopes", "poisson slopes", "ordinal", "negative binomial", "categorical")
OWN_PRIORS = {"sigma": hb.HalfNormal(1), "alpha": hb.LogNormal(1, 0.5), "nu": hb.Gamma(2, 0.1)}

COMPILED = [by_name(f"{name}({link})") for name, kind in FAMILIES.items() for link in kind.kernels]


def model_of(family):
    """Return a small model whose priors keep the response within what a double holds."""
    rng = np.random.default_rng(4)
    n = GROUPS * ROWS
    some = {
        "binary": rng.integers(0, 2, n), "count": rng.poisson(3, n), "binomial": rng.integers(0, 10, n),
        "ordered": np.resize([1, 2, 3, 4], n), "unordered": np.resize([1, 2, 3], n),
    }  # fmt: skip
    y = some.get(family.values, np.exp(rng.normal(size=n)))
    g = np.repeat([f"g{i}" for i in range(GROUPS)], ROWS)
    data = pd.DataFrame({"y": y, "trials": 9, "x": rng.normal(size=n), "g": g})
    priors = {"Intercept": hb.Normal(0.5, 0.7), "x": hb.Normal(0, 0.5), "sd_g": hb.HalfNormal(0.7)}
    left = "y | trials(trials)" if family.name == "binomial" else "y"
    priors |= {name: OWN_PRIORS[name] for name in family.parameters}
    priors |= {"gap_2": hb.LogNormal(0, 0.5), "gap_3": hb.LogNormal(0, 0.5)} if family.ordered else {}
    return hb.Model(f"{left} ~ x + (1 | g)", data, family=family, priors=priors)


def task_of(model):
    return make_task(model, settings(draws=20, chains=1, cores=1, seed=3, progress=False), "joint")


def calibrated(model, n, planted):
    task = task_of(model)
    if planted:
        task = with_fitted(task, weights=2 * task.problem.weights)
    seeds = seeds_of(3, n)
    return Calibration(model.spec.formula.text, "joint", task.quantities, 20, seeds, run_sets(task, seeds))


def suspicious(found):
    """Say whether ranks are far from uniform: once in 2,000 times where the sampler is right.

    `passed` fails for one right sampler of a hundred, and here are thirteen. Below 6e-5 the p value of the band is the
    smallest that there is.
    """
    own = found.table()
    return bool((own["p_chi2"] < 1e-5).any() or (own["p_ecdf"] < 6e-5).any())


@pytest.mark.slow
@pytest.mark.parametrize("family", COMPILED, ids=str)
def test_a_kernel_is_calibrated_and_a_likelihood_counted_twice_is_found(family):
    found = calibrated(model_of(family), 200, planted=False)
    assert not suspicious(found), found.table()
    assert len(found.failures) == 0
    assert suspicious(calibrated(model_of(family), 60, planted=True))


@pytest.fixture
def few_levels(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    from _trust.structures import FEW_LEVELS

    return {name.removeprefix("few, "): own for name, own in FEW_LEVELS.items()}


def test_the_structures_of_few_levels_are_these(few_levels):
    assert tuple(few_levels) == FEW


@pytest.mark.slow
@pytest.mark.parametrize("name", FEW)
def test_few_levels_are_calibrated_without_divergences_and_a_likelihood_counted_twice_is_found(name, few_levels):
    found = calibrated(few_levels[name].model(), 200, planted=False)
    assert not suspicious(found), found.table()
    assert len(found.failures) == 0
    # 500 longer chains of each structure gave 2 divergent ones at most
    assert (found.diagnostics["divergences"] > 0).mean() <= 0.05
    assert suspicious(calibrated(few_levels[name].model(), 100, planted=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", FEW)
def test_the_chart_moves_where_levels_are_few(name, few_levels):
    task = task_of(few_levels[name].model())
    worlds = [task.source.draw(seed) for seed in seeds_of(4, 20)]
    charts = [Runner(replace(task.problem, y=own.y), task.source.labels).joint.chart for own in worlds]
    assert set(charts) == {"moving"}
