"""Posteriors that lie far out in the tail of the prior of an sd: modes and draws beside quadrature."""

from __future__ import annotations

import math
import time

import numpy as np
import pandas as pd
import pytest
import scipy.stats as stats
from scipy.optimize import minimize

import hierbayes as hb
from hierbayes import Exponential, HalfCauchy, HalfNormal, HalfStudentT
from hierbayes.engines.theta import far_start, unpack

ROWS = 50
SIGMA, INTERCEPT = hb.HalfNormal(2.0), hb.Normal(0, 5)


def table(groups, rows=ROWS, seed=1):
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), rows)
    return pd.DataFrame({"y": rng.normal(size=groups)[group] + rng.normal(size=len(group)), "g": group.astype(str)})


def model_of(prior, data):
    return hb.Model("y ~ 1 + (1 | g)", data, priors={"sd_g": prior, "sigma": SIGMA, "Intercept": INTERCEPT})


def prior_of(prior):
    match prior:
        case HalfNormal(sigma):
            return stats.halfnorm(scale=sigma)
        case HalfStudentT(nu, sigma):
            return stats.t(nu, scale=sigma)
        case HalfCauchy(beta):
            return stats.halfcauchy(scale=beta)
        case Exponential(lam):
            return stats.expon(scale=1 / lam)


class Balanced:
    """One-way layout with equal groups: the density of (sd, sigma) in closed form, the mean integrated out."""

    def __init__(self, data, rows, prior):
        y = data["y"].to_numpy().reshape(-1, rows)
        self.rows, self.groups, self.prior = rows, len(y), prior_of(prior)
        means = y.mean(axis=1)
        self.within, self.between = float(((y.T - means) ** 2).sum()), float(((means - means.mean()) ** 2).sum())
        self.mean = float(means.mean())

    def log_density(self, sd, sigma):
        v = sd**2 + sigma**2 / self.rows
        found = -self.groups * (self.rows - 1) * np.log(sigma) - self.within / (2 * sigma**2)
        found = found - 0.5 * (self.groups - 1) * np.log(v) - self.between / (2 * v)
        found = found + stats.norm.logpdf(self.mean, 0, np.sqrt(INTERCEPT.sigma**2 + v / self.groups))
        return found + self.prior.logpdf(sd) + stats.halfnorm.logpdf(sigma, scale=SIGMA.sigma)

    def mode(self):
        """The mode in the logarithms of sd and sigma, from the side of the data."""
        return minimize(
            lambda z: -self.log_density(*np.exp(z)) - z.sum(), [0.0, 0.0], method="Nelder-Mead",
            options={"maxiter": 4000, "xatol": 1e-9, "fatol": 1e-9},
        ).x  # fmt: skip

    def moments(self):
        """Mean and sd of the sd, and mean of sigma, on a grid around the mode."""
        first, second = self.mode()
        sd = np.exp(np.linspace(first - 0.4, first + 0.4, 801))[:, None]
        sigma = np.exp(np.linspace(second - 0.1, second + 0.1, 401))
        log_weight = self.log_density(sd, sigma) + np.log(sd) + np.log(sigma)
        weight = np.exp(log_weight - log_weight.max())
        assert max(weight[0].max(), weight[-1].max(), weight[:, 0].max(), weight[:, -1].max()) < 1e-6
        weight /= weight.sum()
        mean = float((weight * sd).sum())
        return mean, math.sqrt((weight * (sd - mean) ** 2).sum()), float((weight * sigma).sum())


FAR = {
    HalfNormal(0.004): (300, 50, 50, 51),
    HalfNormal(0.001): (300, 200, 90, 120),
    HalfNormal(0.0002): (100, 2000, 150, 250),
    HalfNormal(0.02): (300, 50, 24, 26),
    Exponential(2000.0): (300, 50, 800, 900),
    HalfStudentT(3, 1e-4): (300, 50, 9000, 9500),
    HalfStudentT(2, 1e-4): (300, 50, 9000, 9500),
    HalfCauchy(1e-4): (300, 50, 9000, 9500),
}
"""Priors, groups, rows of each, and between how many scales the posterior lies."""


@pytest.mark.parametrize("prior", FAR, ids=str)
def test_the_mode_is_found_where_the_data_say(prior):
    groups, rows, least, most = FAR[prior]
    data = table(groups, rows)
    engine = model_of(prior, data).runner.collapsed
    mode = engine.mode
    found, exact = unpack(engine.layout, mode.theta), Balanced(data, rows, prior)
    sd = float(found.sds[0][0])
    scale = 1 / prior.lam if isinstance(prior, Exponential) else getattr(prior, "sigma", getattr(prior, "beta", None))
    assert least < sd / scale < most

    def walked(z):
        """Minus the density in the engine's coordinates, by the closed form and SciPy's prior."""
        log_slope = stats.norm.logpdf(z[0]) - exact.prior.logpdf(sd_at(z[0]))
        return -(exact.log_density(sd_at(z[0]), math.exp(z[1])) + log_slope + z[1])

    def sd_at(x):
        theta = mode.theta.copy()
        theta[0] = x
        return float(unpack(engine.layout, theta).sds[0][0])

    best = minimize(
        walked, [mode.theta[0], math.log(found.sigma)], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-8}
    )
    assert sd == pytest.approx(sd_at(best.x[0]), rel=1e-4)
    assert found.sigma == pytest.approx(math.exp(best.x[1]), rel=1e-4)


def test_a_prior_of_the_size_of_the_data_asks_for_no_further_start():
    data = hb.load_data("sleepstudy")
    for priors in (None, {"sd_Subject": hb.HalfNormal(50)}, {"sd_Subject": hb.Exponential(0.02)}):
        engine = hb.Model("Reaction ~ Days + (Days | Subject)", data, priors=priors).runner.collapsed
        assert far_start(engine.problem, engine.layout) is None
    engine = hb.Model(
        "Reaction ~ Days + (Days | Subject)", data, priors={"sd_Subject": hb.HalfNormal(5)}
    ).runner.collapsed
    assert far_start(engine.problem, engine.layout)[0] > 5


@pytest.mark.parametrize("prior", [HalfNormal(0.004), HalfStudentT(3, 1e-4)], ids=str)
def test_the_joint_engine_finds_that_mode_too(prior):
    model = model_of(prior, table(300))
    peak = model.runner.joint.peak
    np.testing.assert_allclose(peak.theta, model.runner.collapsed.mode.theta, rtol=0.01)


def test_a_prior_that_the_data_cannot_leave_keeps_them():
    """1,000 scales out a half-normal weighs half a million: more than all the data do."""
    data = table(300)
    model = model_of(Exponential(25000.0), data)
    engine = model.runner.collapsed
    assert float(unpack(engine.layout, engine.mode.theta).sds[0][0]) < 1e-4
    exact = Balanced(data, ROWS, Exponential(25000.0))
    assert exact.log_density(4e-5, 1.3623) > max(exact.log_density(s, 1.0) for s in (0.1, 0.3, 0.5, 0.9)) + 100


@pytest.mark.slow
@pytest.mark.parametrize("prior", FAR, ids=str)
def test_draws_are_those_of_quadrature(prior):
    groups, rows, *_ = FAR[prior]
    data = table(groups, rows)
    fit = model_of(prior, data).fit(draws=2000, seed=1, progress=False)
    assert not fit.complaints
    mean, spread, sigma = Balanced(data, rows, prior).moments()
    sd = fit.posterior["sd_g"].to_numpy()
    assert sd.mean() == pytest.approx(mean, abs=0.08 * spread)
    assert sd.std() == pytest.approx(spread, rel=0.06)
    assert float(fit.posterior["sigma"].mean()) == pytest.approx(sigma, abs=0.001)


@pytest.mark.slow
@pytest.mark.parametrize("prior", [HalfNormal(0.004), HalfNormal(0.003)], ids=str)
def test_three_thousand_groups_come_to_an_end(prior):
    data = table(3000, rows=20)
    started = time.perf_counter()
    fit = model_of(prior, data).fit(seed=1, progress=False)
    assert time.perf_counter() - started < 120
    mean, spread, _ = Balanced(data, 20, prior).moments()
    sd = fit.posterior["sd_g"].to_numpy()
    assert sd.mean() / prior.sigma > 90
    assert sd.mean() == pytest.approx(mean, abs=0.1 * spread)
    assert sd.std() == pytest.approx(spread, rel=0.08)


@pytest.mark.slow
def test_the_joint_engine_draws_the_same():
    data = table(300)
    found = [
        model_of(HalfNormal(0.004), data).fit(draws=500, seed=1, progress=False, engine=engine).posterior["sd_g"]
        for engine in ("collapsed", "joint")
    ]
    assert float(found[1].mean()) == pytest.approx(float(found[0].mean()), abs=0.15 * float(found[0].std()))
    assert float(found[1].mean()) / 0.004 > 45
