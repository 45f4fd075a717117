"""Coordinates of sds and correlations, their Jacobians and prior densities."""

from __future__ import annotations

import math
from dataclasses import replace

import collapsed_problems as oracle
import numpy as np
import pytest
import scipy.stats as stats

from hierbayes.engines import scalars
from hierbayes.engines.theta import Theta, layout, log_jacobian, log_prior_density, pack, unpack
from hierbayes.errors import ModelError
from hierbayes.priors import LKJ, POSITIVE, Custom, Fixed, HalfNormal, HalfStudentT, Normal, Parameter

POINTS = np.linspace(-6.5, 6.5, 27)


@pytest.mark.parametrize("prior", oracle.SD_PRIORS, ids=str)
def test_prior_densities_are_those_of_scipy(prior):
    code = prior.encoded
    for s in (1e-6, 0.3, 1.0, 4.9):
        value, slope = scalars.log_prior(*code, s)
        assert value == pytest.approx(oracle.prior_density(prior, s), rel=1e-12, abs=1e-12)
        h = 1e-5
        up, down = scalars.log_prior(*code, s * math.exp(h))[0], scalars.log_prior(*code, s * math.exp(-h))[0]
        assert (up - down) / (2 * h) == pytest.approx(slope, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize(
    ("code", "distribution"),
    [
        ((scalars.MAP_HALF_NORMAL, 2.0, 0.0), stats.halfnorm(scale=2.0)),
        ((scalars.MAP_HALF_CAUCHY, 2.0, 0.0), stats.halfcauchy(scale=2.0)),
        ((scalars.MAP_EXPONENTIAL, 2.0, 0.0), stats.expon(scale=0.5)),
        ((scalars.MAP_UNIFORM, 1.0, 3.0), stats.uniform(1.0, 2.0)),
        ((scalars.MAP_LOG, 0.3, 0.7), stats.lognorm(0.7, scale=math.exp(0.3))),
    ],
)
def test_coordinates_are_normal_scores(code, distribution):
    for x in POINTS[POINTS > -4]:
        s = scalars.from_coordinate(*code, x)[0]
        expected = distribution.ppf(stats.norm.cdf(x)) if x < 0 else distribution.isf(stats.norm.sf(x))
        assert s == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("kind", "df"), [(scalars.MAP_HALF_T3, 3), (scalars.MAP_HALF_T2, 2)])
def test_half_t_scores(kind, df):
    for x in POINTS:
        s = scalars.from_coordinate(kind, 2.0, 0.0, x)[0] / 2.0
        upper = 0.5 * stats.norm.sf(x)
        if x > -2:
            assert stats.t(df).sf(s) == pytest.approx(upper, rel=1e-10)
        else:
            # Near 0 the distribution function is a straight line.
            assert 2 * s * stats.t(df).pdf(0) == pytest.approx(stats.norm.cdf(x), rel=1e-2)


@pytest.mark.parametrize("kind", range(7))
def test_derivatives_of_the_coordinates(kind):
    a, b = (0.0, 3.0) if kind == scalars.MAP_UNIFORM else (1.3, 0.8)
    for x in POINTS:
        _, relative, log_slope, score = scalars.from_coordinate(kind, a, b, x)
        h = 1e-4
        up, down = scalars.from_coordinate(kind, a, b, x + h), scalars.from_coordinate(kind, a, b, x - h)
        middle = scalars.from_coordinate(kind, a, b, x)[0]
        assert (math.log(up[0]) - math.log(down[0])) / (2 * h) == pytest.approx(relative, rel=1e-6, abs=1e-6)
        assert math.log(middle * relative) == pytest.approx(log_slope, rel=1e-9, abs=1e-9)
        assert (up[2] - down[2]) / (2 * h) == pytest.approx(score, rel=1e-6, abs=1e-6)
        if kind != scalars.MAP_UNIFORM or x < 5:
            assert scalars.to_coordinate(kind, a, b, middle) == pytest.approx(x, abs=1e-8)


@pytest.mark.parametrize("prior", [p for p in oracle.SD_PRIORS if str(p) != "Flat()"], ids=str)
def test_the_density_of_the_coordinate_integrates_to_one(prior):
    from scipy.integrate import quad

    code, chart = prior.encoded, prior.coordinate(1.0)

    def density(x):
        s, _, log_slope, _ = scalars.from_coordinate(*chart, x)
        return math.exp(scalars.log_prior(*code, s)[0] + log_slope)

    lower, upper = (-60, 60) if chart[0] == scalars.MAP_LOG else (-20, 20)
    assert quad(density, lower, upper, limit=400)[0] == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("k", [2, 3, 4])
def test_jacobian_of_correlations_against_differences(k):
    rng = np.random.default_rng(k)
    problem = oracle.problem(rng, [oracle.block(rng, np.arange(20) % 4, k, corr_prior=LKJ(1.7))], 20)
    table = layout(problem)
    theta = rng.normal(size=table.dim)
    lower = np.tril_indices(k, -1)

    def flat(t):
        value = unpack(table, t)
        return np.concatenate([value.sds[0], value.corrs[0][lower], [value.sigma]])

    h = 1e-6
    jacobian = np.array([(flat(theta + h * e) - flat(theta - h * e)) / (2 * h) for e in np.eye(table.dim)])
    assert log_jacobian(table, theta) == pytest.approx(np.linalg.slogdet(jacobian)[1], rel=1e-6, abs=1e-6)


def test_prior_density_of_theta_has_every_jacobian():
    rng = np.random.default_rng(3)
    problem = oracle.problem(
        rng, [oracle.block(rng, np.arange(20) % 4, 3, corr_prior=LKJ(1.7), priors=(HalfNormal(1.0),) * 3)], 20
    )
    table = layout(problem)
    theta = rng.normal(size=table.dim)
    value = unpack(table, theta)
    expected = oracle.lkj_density(value.corrs[0], 1.7) + oracle.prior_density(problem.prior_of("sigma"), value.sigma)
    expected += sum(oracle.prior_density(HalfNormal(1.0), s) for s in value.sds[0])
    assert log_prior_density(table, theta) == pytest.approx(expected + log_jacobian(table, theta), rel=1e-10)


def test_what_is_fixed_takes_no_place():
    problem = oracle.structures()["fixed sds and correlation"]
    table = layout(problem)
    assert table.dim == 2
    value = unpack(table, np.zeros(2))
    assert value.sds[0][0] == 0.7
    assert value.corrs[0][0, 1] == pytest.approx(0.4)
    assert value.sds[1][0] == 0.0
    assert pack(table, value) == pytest.approx(np.zeros(2))


def test_correlations_near_one_survive_the_round_trip():
    rng = np.random.default_rng(1)
    problem = oracle.problem(rng, [oracle.block(rng, np.arange(20) % 4, 2)], 20)
    table = layout(problem)
    for x in (-17.0, 17.0):
        theta = np.array([0.1, -0.3, x, 0.2])
        value = unpack(table, theta)
        again = pack(table, Theta(value.sds, value.factors, value.sigma))
        np.testing.assert_allclose(again, theta, rtol=1e-8)


def test_unknown_priors_and_bad_correlations_are_refused():
    rng = np.random.default_rng(2)
    problem = oracle.problem(rng, [oracle.block(rng, np.arange(20) % 4, 2)], 20)
    block = problem.blocks[0]
    for change in (
        {"sd_priors": (Custom(print), HalfNormal(1.0))},
        {"sd_priors": (Fixed(-1.0), HalfNormal(1.0))},
        {"corr_prior": Normal(0, 1)},
        {"corr_prior": Fixed(1.5)},
    ):
        with pytest.raises(ModelError):
            layout(replace(problem, blocks=(replace(block, **change),)))
    assert layout(replace(problem, parameters=(Parameter("sigma", POSITIVE, HalfStudentT(3, 1)),))).dim == 4
