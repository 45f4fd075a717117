"""The collapsed engine against quadrature, on eight models: every coefficient, sd, correlation and sigma."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from oracles.joint import log_prior
from oracles.quadrature import one_way_posterior
from trust.exact import EXACT, z_scores

import hierbayes as hb


@cache
def exact(name, finer=1, narrower=1.0):
    return EXACT[name].solve(finer, narrower)


@cache
def posterior(name):
    fit = EXACT[name].model().fit(draws=5000, chains=4, seed=1, engine="collapsed", progress=False)
    return fit.posterior


def scores(name, narrower=1.0):
    return z_scores(EXACT[name], posterior(name), exact(name, narrower=narrower))


@pytest.mark.parametrize("name", EXACT)
def test_a_grid_twice_as_fine_changes_nothing(name):
    coarse, fine = exact(name), exact(name, finer=2)
    assert coarse.keys() == fine.keys()
    for number, wanted in fine.items():
        size = max(abs(wanted["mean"]), wanted.get("sd", 0.0))
        for statistic, value in wanted.items():
            assert coarse[number][statistic] == pytest.approx(value, rel=1e-5, abs=1e-5 * min(size, 1.0)), statistic


@pytest.mark.slow
@pytest.mark.parametrize("name", EXACT)
def test_draws_agree_with_quadrature(name):
    found = scores(name)
    assert len(found) >= 7
    assert {key: round(float(z), 2) for key, z in found.items() if not abs(z) < 4} == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", EXACT)
def test_another_prior_is_seen(name):
    """Half the scale in the priors of the sds: the same draws no longer agree."""
    assert max(abs(z) for z in scores(name, narrower=2.0).values()) > 4


def test_two_ways_to_dyestuff_agree():
    """The grid of `oracles.quadrature` integrates the group means, this one the eigenspaces of the layout."""
    design = EXACT["dyestuff"].model().design
    spread = float(np.std(design.y, ddof=1))
    sd, sigma = hb.HalfStudentT(3, 2.5 * spread), hb.HalfStudentT(3, spread)
    other = one_way_posterior(
        design.y, design.groups[0].codes, (float(np.mean(design.y)), 2.5 * spread),
        lambda x: log_prior(sd, x), lambda x: log_prior(sigma, x), 600,
    )  # fmt: skip
    own = exact("dyestuff")
    assert other["Intercept"] == pytest.approx((own["Intercept"]["mean"], own["Intercept"]["sd"]), rel=1e-6)
    for name in ("sd", "sigma"):
        assert other[name][0] == pytest.approx(own[name]["mean"], rel=1e-5)


def test_a_layout_that_is_not_balanced_is_refused():
    from trust.quadrature import balanced, log_axis

    axes = [log_axis("sd", 1, 2, 3), log_axis("sigma", 1, 2, 3)]
    with pytest.raises(AssertionError, match="not balanced"):
        balanced(np.arange(5.0), [np.array([0, 0, 0, 1, 1])], (0.0, 1.0), [np.log, np.log], axes)


def test_a_grid_that_cuts_the_posterior_is_refused():
    from trust.quadrature import log_axis, weights_of

    with pytest.raises(AssertionError, match="cuts the posterior of sd"):
        weights_of([log_axis("sd", 1, 2, 5)], np.zeros(5))
