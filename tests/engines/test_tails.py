"""Tails of the priors of sds: coordinates, Jacobians and densities beside SciPy's logarithms of probabilities."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.special as special
import scipy.stats as stats

from hierbayes.engines import quantiles, scalars
from hierbayes.priors import (
    Exponential,
    Flat,
    Gamma,
    HalfCauchy,
    HalfNormal,
    HalfStudentT,
    InverseGamma,
    LogNormal,
    Uniform,
)

A = 0.004
"""The scale of the priors, far from 1 so that a lost scale shows."""

PRIORS = {
    HalfNormal(A): stats.halfnorm(scale=A),
    HalfStudentT(3, A): stats.t(3, scale=A),
    HalfStudentT(2, A): stats.t(2, scale=A),
    HalfStudentT(7, A): stats.t(7, scale=A),
    HalfCauchy(A): stats.halfcauchy(scale=A),
    Exponential(1 / A): stats.expon(scale=A),
    Gamma(2.5, 2.5 / A): stats.gamma(2.5, scale=A / 2.5),
    InverseGamma(2.5, 2.5 * A): stats.invgamma(2.5, scale=2.5 * A),
    LogNormal(math.log(A), 1.3): stats.lognorm(1.3, scale=A),
    Uniform(0.0, A): stats.uniform(0.0, A),
}
HALF = 2.0
"""A half-t has twice the density of the t above 0."""

SCALES = np.logspace(-300, 4, 153)
CHARTS = {
    "half-normal": (scalars.MAP_HALF_NORMAL, A),
    "half-t3": (scalars.MAP_HALF_T3, A),
    "half-t2": (scalars.MAP_HALF_T2, A),
    "half-Cauchy": (scalars.MAP_HALF_CAUCHY, A),
    "exponential": (scalars.MAP_EXPONENTIAL, 1 / A),
}
POWERS = {"half-t3": (3, 4 * math.sqrt(3) / math.pi), "half-t2": (2, 1.0), "half-Cauchy": (1, 2 / math.pi)}
"""Beyond 1e8 scales the upper probability is ``c t**-k`` to the last digit."""

FAR = [*np.linspace(20, 40, 41), 60.0, 141.5, 1e3, 1e4, 2e4]
NEAR_ZERO = [-20.0, -25.5, -29.99, -30.01, -33.0, -36.5, -37.4]


def log_tail(name, t):
    """The log of the upper probability at ``t`` scales, by SciPy where it has one."""
    if name == "half-normal":
        return math.log(2) + special.log_ndtr(-t)
    if name == "exponential":
        return -t
    k, c = POWERS[name]
    if t > 1e8:
        return math.log(c) - k * math.log(t)
    return math.log(HALF) + stats.t(k).logsf(t)


def log_head(name, t):
    """The log of the lower probability at ``t`` scales near 0, where it is a straight line."""
    own = {"half-normal": stats.halfnorm, "exponential": stats.expon, "half-Cauchy": stats.halfcauchy}
    return math.log(own[name].pdf(0) if name in own else HALF * stats.t(POWERS[name][0]).pdf(0)) + math.log(t)


@pytest.mark.parametrize("prior", PRIORS, ids=str)
def test_prior_densities_in_their_tails(prior):
    code, own = prior.encoded, PRIORS[prior]
    for t in [t for t in SCALES if not isinstance(prior, Uniform) or t < 1]:
        with np.errstate(over="ignore", divide="ignore"):
            expected = own.logpdf(t * A) + (math.log(HALF) if isinstance(prior, HalfStudentT) else 0.0)
        value, slope = scalars.log_prior(*code, t * A)
        assert value == pytest.approx(expected, rel=1e-11, abs=1e-11)
        h = 1e-4
        up, down = scalars.log_prior(*code, t * A * math.exp(h))[0], scalars.log_prior(*code, t * A * math.exp(-h))[0]
        if math.isfinite(value):
            assert slope == pytest.approx((up - down) / (2 * h), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(("prior", "power"), [(HalfStudentT(3, A), 4), (HalfStudentT(2, A), 3), (HalfCauchy(A), 2)])
def test_densities_of_heavy_tails_do_not_overflow(prior, power):
    code = prior.encoded
    before = scalars.log_prior(*code, 1e90)[0]
    for s in (1e95, 1e99, 1e150, 1e200, 1e300):
        value, slope = scalars.log_prior(*code, s)
        assert value == pytest.approx(before - power * (math.log(s) - math.log(1e90)), rel=1e-13)
        assert slope == pytest.approx(-power, rel=1e-13)


@pytest.mark.parametrize("x", FAR)
@pytest.mark.parametrize("name", CHARTS)
def test_upper_tails_are_those_of_scipy(name, x):
    s = scalars.from_coordinate(*CHARTS[name], 0.0, x)[0]
    if s > 1e298:  # where the walk ends
        assert name in POWERS
        assert x > 37
        return
    assert log_tail(name, s / A) == pytest.approx(special.log_ndtr(-x), rel=1e-14 if x > 30 else 1e-12)


@pytest.mark.parametrize("x", NEAR_ZERO)
@pytest.mark.parametrize("name", CHARTS)
def test_lower_tails_are_those_of_scipy(name, x):
    s = scalars.from_coordinate(*CHARTS[name], 0.0, x)[0]
    assert log_head(name, s / A) == pytest.approx(special.log_ndtr(x), rel=1e-14, abs=2e-12)


@pytest.mark.parametrize("name", CHARTS)
def test_a_half_normal_and_an_exponential_reach_ten_thousand_scales_and_every_prior_does(name):
    chart = CHARTS[name]
    for t in SCALES:
        x = scalars.to_coordinate(*chart, 0.0, t * A)
        assert scalars.from_coordinate(*chart, 0.0, x)[0] == pytest.approx(t * A, rel=1e-11)
        wanted = special.log_ndtr(-x) if t > 1 else special.log_ndtr(x)
        if t > 1:
            assert log_tail(name, t) == pytest.approx(wanted, rel=1e-11, abs=1e-11)
        elif t < 1e-8:
            assert log_head(name, t) == pytest.approx(wanted, rel=1e-11)


@pytest.mark.parametrize("name", CHARTS)
def test_coordinates_come_back(name):
    for x in [*FAR, *NEAR_ZERO, *np.linspace(-36, 36, 73)]:
        s = scalars.from_coordinate(*CHARTS[name], 0.0, x)[0]
        if s < 1e298:
            assert scalars.to_coordinate(*CHARTS[name], 0.0, s) == pytest.approx(x, rel=1e-12, abs=1e-12)


def test_an_sd_of_0_has_a_coordinate():
    for chart in CHARTS.values():
        x = scalars.to_coordinate(*chart, 0.0, 0.0)
        assert -38 < x < -37
        assert 0 < scalars.from_coordinate(*chart, 0.0, x)[0] < 1e-304


@pytest.mark.parametrize("name", [*CHARTS, "uniform"])
def test_derivatives_in_the_tails(name):
    chart = (*CHARTS[name], 0.0) if name in CHARTS else (scalars.MAP_UNIFORM, 0.0, A)
    for x in [*NEAR_ZERO, *(() if name == "uniform" else FAR)]:
        s, relative, log_slope, score = scalars.from_coordinate(*chart, x)
        if s > 1e290 or s == 0:
            continue
        h = 1e-4 * max(1, abs(x) / 30)
        up, down = scalars.from_coordinate(*chart, x + h), scalars.from_coordinate(*chart, x - h)
        assert down[0] < s < up[0]
        assert (math.log(up[0]) - math.log(down[0])) / (2 * h) == pytest.approx(relative, rel=1e-6)
        assert math.log(s) + math.log(relative) == pytest.approx(log_slope, rel=1e-12, abs=1e-11)
        assert (up[2] - down[2]) / (2 * h) == pytest.approx(score, rel=1e-5, abs=1e-8)
        density = scalars._far_prior(*chart, s)[0]
        assert density + log_slope == pytest.approx(stats.norm.logpdf(x), rel=1e-13)


@pytest.mark.parametrize("end", [-quantiles.FAR, quantiles.FAR])
@pytest.mark.parametrize("name", CHARTS)
def test_nothing_jumps_where_the_tails_begin(name, end):
    inside, outside = np.nextafter(end, 0.0), np.nextafter(end, 2 * end)
    near, far = (np.array(scalars.from_coordinate(*CHARTS[name], 0.0, x)) for x in (inside, outside))
    assert far[0] == pytest.approx(near[0], rel=3e-13)
    assert far[1:] == pytest.approx(near[1:], rel=1e-11, abs=1e-11)
    grid = np.linspace(end - 1e-9, end + 1e-9, 201)
    assert np.all(np.diff([scalars.from_coordinate(*CHARTS[name], 0.0, x)[0] for x in grid]) >= 0)


def test_the_prior_without_a_scale_of_its_own_goes_as_far():
    chart = Flat().coordinate(A)
    for t in (1e-300, 1e-10, 1.0, 1e4, 1e8):
        x = scalars.to_coordinate(*chart, t * A)
        assert scalars.from_coordinate(*chart, x)[0] == pytest.approx(t * A, rel=1e-11)
