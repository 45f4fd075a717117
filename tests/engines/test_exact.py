"""NUTS against quadrature: Dyestuff under the default priors."""

from __future__ import annotations

import numpy as np
import pytest
from oracles.joint import log_prior
from oracles.quadrature import one_way_posterior

import hierbayes as hb

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model():
    return hb.Model("Yield ~ 1 | Batch", hb.load_data("dyestuff"))


def numbers(fit):
    posterior = fit.posterior
    return {
        "Intercept": posterior["beta"].to_numpy()[..., 0],
        "sd": posterior["sd_Batch"].to_numpy()[..., 0],
        "sigma": posterior["sigma"].to_numpy(),
    }


OPTIONS = {
    "collapsed": {"draws": 10_000},
    "pymc": {"draws": 5000, "target_accept": 0.95},
}


@pytest.fixture(scope="module", params=OPTIONS)
def sampled(model, request):
    return numbers(model.fit(seed=1, engine=request.param, progress=False, **OPTIONS[request.param]))


def exact(model, points=300, narrower=1.0):
    """The default priors, written out; `narrower` divides the scale of the sd's prior."""
    y, block = model.design.y, model.design.groups[0]
    spread = float(np.std(y, ddof=1))
    sd, sigma = hb.HalfStudentT(3, 2.5 * spread / narrower), hb.HalfStudentT(3, spread)
    return one_way_posterior(
        y,
        block.codes,
        (float(np.mean(y)), 2.5 * spread),
        lambda x: log_prior(sd, x),
        lambda x: log_prior(sigma, x),
        points,
    )


def z_scores(sampled, wanted):
    from arviz_stats.base import array_stats

    scores = {}
    for name, draws in sampled.items():
        for i, (kind, value) in enumerate((("mean", draws.mean()), ("sd", draws.std(ddof=1)))):
            error = float(array_stats.mcse(draws, method=kind, chain_axis=0, draw_axis=1))
            scores[name, kind] = (value - wanted[name][i]) / error
    return scores


def test_quadrature_is_stable(model):
    coarse, fine = exact(model, 300), exact(model, 600)
    for name in coarse:
        assert coarse[name] == pytest.approx(fine[name], rel=1e-6)


def test_nuts_agrees_with_quadrature(model, sampled):
    scores = z_scores(sampled, exact(model, 600))
    assert len(scores) == 6
    assert {key: z for key, z in scores.items() if not abs(z) < 4} == {}


def test_draws_lie_within_a_fiftieth_of_a_posterior_sd(model):
    """Means and sds of the collapsed engine's draws against quadrature.

    The largest Monte Carlo error of 160,000 draws, that of the sd of `sd_Batch`, is 0.005 of a posterior sd.
    """
    found = numbers(model.fit(draws=40_000, chains=4, seed=1, engine="collapsed", progress=False))
    gaps = {}
    for name, (mean, sd) in exact(model, 600).items():
        draws = found[name].ravel()
        assert draws.size == 160_000
        gaps[name] = max(abs(draws.mean() - mean), abs(draws.std(ddof=1) - sd)) / sd
    assert max(gaps.values()) < 0.02, gaps


def test_the_check_sees_another_prior(model, sampled):
    """With half the scale in the prior of the sd the same check fails."""
    scores = z_scores(sampled, exact(model, 600, narrower=2.0))
    assert abs(scores["sd", "mean"]) > 4
    assert abs(scores["sd", "sd"]) > 4
