"""log p(y_i | y_-i, theta) from the engine's small matrices against the dense normal, row by row."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from oracles.dense import log_left_out
from oracles.points import random_point
from oracles.structures import STRUCTURES, table

import hierbayes as hb
from hierbayes.comparison.left_out_rows import LeftOutRows
from hierbayes.posterior.internal import Internal


@cache
def problem_of(name):
    formula, options, _ = STRUCTURES[name]
    return hb.Model(formula, table(), **options).problem


def drawn(problem, points):
    return Internal(
        tuple(np.stack([point.sd[t] for point in points]) for t in range(len(problem.blocks))),
        tuple(np.stack([point.corr[t] for point in points]) for t in range(len(problem.blocks))),
        np.array([point.sigma for point in points]),
        np.zeros((len(points), problem.p)),
    )


def gap(problem, found, point):
    wanted = log_left_out(problem, point.sd, point.corr, point.sigma)
    return np.max(np.abs(found - wanted) / (1 + np.abs(wanted)))


@pytest.mark.parametrize("name", STRUCTURES)
def test_densities_are_those_of_the_dense_normal(name):
    problem = problem_of(name)
    rng = np.random.default_rng(5)
    points = [random_point(problem, rng) for _ in range(3)]
    found = LeftOutRows(problem).densities(drawn(problem, points))
    assert max(gap(problem, found[i], point) for i, point in enumerate(points)) < 1e-7


def test_the_check_sees_weights_and_priors_left_out():
    from dataclasses import replace

    problem = problem_of("weights and offset")
    point = random_point(problem, np.random.default_rng(6))
    found = LeftOutRows(problem).densities(drawn(problem, [point]))[0]
    assert gap(problem, found, point) < 1e-7
    assert gap(replace(problem, weights=np.ones(problem.n)), found, point) > 1e-3
    narrow = tuple(hb.Normal(prior.mu, prior.sigma / 3) for prior in problem.beta_priors)
    assert gap(replace(problem, beta_priors=narrow), found, point) > 1e-4


def test_batches_change_nothing(monkeypatch):
    from hierbayes.comparison import left_out_rows

    problem = problem_of("four terms")
    points = [random_point(problem, np.random.default_rng(i)) for i in range(7)]
    whole = LeftOutRows(problem).densities(drawn(problem, points))
    monkeypatch.setattr(left_out_rows, "_NUMBERS", 1)
    assert LeftOutRows(problem).batch == 1
    np.testing.assert_allclose(LeftOutRows(problem).densities(drawn(problem, points)), whole, rtol=1e-10)


def test_a_far_offset_costs_no_digits():
    data = table()
    near = hb.Model("y ~ x + (1 | g)", data, priors="flat").problem
    far = hb.Model(
        "y ~ x + (1 | g)", data.assign(y=(data["y"] * 2**20).round() / 2**20 + 2.0**27), priors="flat"
    ).problem
    point = random_point(near, np.random.default_rng(7))
    first, second = (LeftOutRows(own).densities(drawn(own, [point]))[0] for own in (near, far))
    np.testing.assert_allclose(first, second, atol=1e-4)


def test_too_many_effects_are_refused():
    import pandas as pd

    data = pd.DataFrame({"y": np.random.default_rng(0).normal(size=4100), "g": np.arange(4100) // 2})
    with pytest.raises(hb.ModelError, match="2051 here") as raised:
        LeftOutRows(hb.Model("y ~ 1 + (1 | g)", data).problem)
    assert 'kind="conditional"' in str(raised.value)
