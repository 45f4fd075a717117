"""The eight schools of the catalogue: the collapsed engine's draws against their posterior by quadrature."""

from __future__ import annotations

import pytest
from scipy import stats
from trust.quadrature import known_errors, log_axis, of_draws

import hierbayes as hb
from hierbayes.catalogue import catalogue

KEYS = {"Intercept": "mu", "sd_school[Intercept]": "tau", "school A": "first"}


def published():
    return {
        KEYS[name]: (own["mean"], own["sd"])
        for name, own in catalogue()["eight_schools"].published["posterior"].items()
    }


def fit(**changed):
    spec = catalogue()["eight_schools"]
    return hb.fit(spec.formula, spec.table(), **{**spec.options(), **changed}, draws=10_000, seed=1, progress=False)


def scores(posterior):
    """Return the gaps of means and sds from the published figures, in Monte Carlo errors."""
    mu = posterior["beta"].to_numpy()[..., 0]
    draws = {
        "mu": mu,
        "tau": posterior["sd_school"].to_numpy()[..., 0],
        "first": mu + posterior["b_school"].sel(school="A").to_numpy()[..., 0],
    }
    found = {}
    for name, wanted in published().items():
        own = of_draws(draws[name], positive=False)
        found |= {
            (name, kind): (own[kind][0] - value) / own[kind][1]
            for kind, value in zip(("mean", "sd"), wanted, strict=True)
        }
    return found


def test_the_published_figures_are_those_of_a_fine_grid():
    table = catalogue()["eight_schools"].table()
    y, errors = table["effect"].to_numpy(), table["error"].to_numpy()
    found = known_errors(y, errors, (0.0, 5.0), stats.halfcauchy(scale=5).logpdf, log_axis("sd", 1e-8, 1e4, 4000))
    assert (found["Intercept"]["mean"], found["Intercept"]["sd"]) == pytest.approx(published()["mu"], abs=1e-6)
    assert found["sd"]["mean"] == pytest.approx(published()["tau"][0], abs=1e-6)


def test_draws_agree_with_the_published_figures():
    own = fit()
    assert own.engine == "collapsed"
    found = scores(own.posterior)
    assert len(found) == 6
    assert {key: round(float(z), 2) for key, z in found.items() if not abs(z) < 4} == {}


def test_another_prior_is_seen():
    other = fit(priors={"Intercept": hb.Normal(0, 5), "sd_school": hb.HalfCauchy(2.5)})
    assert max(abs(z) for z in scores(other.posterior).values()) > 4
