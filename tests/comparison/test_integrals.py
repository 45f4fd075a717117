"""Likelihoods with effects integrated out, for every family, against scipy's quadrature and products of integrals."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from family_fits import EVERY
from known_laws import known
from scipy.integrate import dblquad, quad

from hierbayes.comparison.integrals import Responses, log_integrals
from hierbayes.families import family as by_name

OWN = {"sigma": 0.7, "nu": 3.0, "alpha": 2.0, "kappa": 5.0, "shift": 0.2, "gap_2": 0.9, "gap_3": 1.4}
SDS = np.array([0.1, 0.8, 2.5])
RNG = np.random.default_rng(0)


def rows_of(family, n=5):
    rng = np.random.default_rng(3)
    y = {
        "real": rng.normal(size=n),
        "positive": rng.gamma(3, 0.5, n) + 0.3,
        "count": np.array([0.0, 3, 1, 0, 7])[:n],
        "binary": np.array([1.0, 1, 0, 1, 1])[:n],
        "binomial": np.array([8.0, 3, 1, 0, 7])[:n],
        "unit": rng.beta(2, 3, n),
        "ordered": np.array([1.0, 3, 2, 4, 2])[:n],
    }[family.values]
    trials = np.array([8.0, 6, 4, 9, 7])[:n] if family.name == "binomial" else None
    return Responses(family, y, np.array([1.0, 0.5, 2.0, 1.0, 1.3])[:n], trials)


def own_of(family, draws):
    return {name: np.full(draws, OWN[name]) for name in family.parameters}


def by_quad(rows, eta, column):
    """Integrate in pieces around the peak of a fine grid."""

    def height(v):
        own = {name: OWN[name] for name in rows.family.parameters}
        return float(rows.log_likelihood(eta + column * v, own).sum() - 0.5 * v * v - 0.5 * np.log(2 * np.pi))

    at = np.linspace(-9, 9, 3601)
    heights = np.array([height(v) for v in at])
    top, peak = heights.max(), float(at[heights.argmax()])
    ends = [-12.0, *(peak + np.array([-2, -0.5, -0.1, 0.1, 0.5, 2])), 12.0]
    total = sum(quad(lambda v: np.exp(height(v) - top), a, b, epsabs=1e-13)[0] for a, b in pairwise(ends))
    return top + np.log(total)


@pytest.mark.parametrize("family", EVERY, ids=str)
def test_one_effect(family):
    rows, eta = rows_of(family), np.array([0.2, -0.4, 0.1, 0.5, -0.1])
    z = np.array([1.0, 0.7, 1.3, 1.0, -0.4])
    found = log_integrals(rows, np.tile(eta, (3, 1)), (SDS[:, None] * z)[..., None], own_of(family, 3), RNG)
    wanted = [by_quad(rows, eta, sd * z) for sd in SDS]
    # the scale of the grid is a guess for the ex-Gaussian, whose information has no closed form
    np.testing.assert_allclose(found, wanted, atol=2e-4 if family.name == "exgaussian" else 2e-5)
    assert abs(found[1] - by_quad(rows, eta, 1.05 * SDS[1] * z)) > 1e-3


def test_a_row_alone_with_a_large_sd():
    """A count of 40 at a mean of 1: the prior, far away, decides the shape."""
    rows = Responses(by_name("poisson(log)"), np.array([40.0]), np.ones(1))
    found = log_integrals(rows, np.zeros((3, 1)), np.array([0.3, 1.0, 3.0])[:, None, None], {}, RNG)
    np.testing.assert_allclose(found, [by_quad(rows, np.zeros(1), np.array([sd])) for sd in (0.3, 1.0, 3.0)], atol=1e-6)


FAR = [
    *((by_name("gamma(log)"), np.full(5, np.exp(sd * 2.5)), sd, {"alpha": alpha}) for sd in (1.0, 2.0, 3.0)
      for alpha in (20.0, 200.0)),
    *((by_name("negative_binomial(log)"), np.full(5, np.round(np.exp(sd * 2.5))), sd, {"alpha": 20.0})
      for sd in (2.0, 3.0)),
    (by_name("student_t(identity)"), np.full(4, 9.0), 3.2, {"sigma": 0.3, "nu": 1.7}),
    (by_name("student_t(identity)"), np.array([9.0, 9.1, -3.0]), 3.0, {"sigma": 0.3, "nu": 2.0}),
    (by_name("exgaussian(identity)"), np.array([4.0, 4.1, 9.0]), 3.0, {"sigma": 0.1, "nu": 3.0}),
]  # fmt: skip


@pytest.mark.parametrize(("family", "y", "sd", "own"), FAR, ids=[f"{each[0]}-{i}" for i, each in enumerate(FAR)])
def test_levels_far_from_the_population(family, y, sd, own):
    """Against a sum over a fine grid: where steps of Fisher scoring overshoot or the integrand has several peaks."""
    v = np.linspace(-12, 12, 96_001)
    rows = Responses(family, y, np.ones(len(y)))
    given = {name: np.array([value]) for name, value in own.items()}
    height = rows.log_likelihood(sd * v[:, None] + np.zeros(len(y)), given).sum(axis=1) - 0.5 * v * v
    wanted = np.log(np.exp(height - height.max()).sum() * (v[1] - v[0])) + height.max() - 0.5 * np.log(2 * np.pi)
    found = log_integrals(rows, np.zeros((1, len(y))), np.full((1, len(y), 1), sd), given, RNG)
    assert found[0] == pytest.approx(wanted, abs=2e-3)


@pytest.mark.parametrize("family", [by_name("bernoulli(logit)"), by_name("poisson(log)")], ids=str)
def test_two_effects(family):
    rows, eta = rows_of(family), np.array([0.2, -0.4, 0.1, 0.5, -0.1])
    z = np.column_stack([np.ones(5), [0.5, -1, 2, 0, 1]])
    A = z @ np.array([[0.8, 0.0], [0.3, 0.9]])

    def height(v, u):
        at = eta + A @ [u, v]
        return np.exp(rows.log_likelihood(at, {}).sum() - 0.5 * (u * u + v * v)) / (2 * np.pi)

    wanted = np.log(dblquad(height, -8, 8, -8, 8, epsabs=1e-12)[0])
    assert log_integrals(rows, eta[None], A[None], {}, RNG)[0] == pytest.approx(wanted, abs=1e-5)


def test_many_effects_multiply_and_their_noise_averages_out():
    """Five levels of a row each, together and one by one: random points against the sum over a grid."""
    rows, eta, draws = rows_of(by_name("poisson(log)")), np.array([0.2, -0.4, 0.1, 0.5, -0.1]), 400
    A = np.tile(np.diag([0.5, 1.0, 1.5, 1.0, 0.7]), (draws, 1, 1))
    found = log_integrals(rows, np.tile(eta, (draws, 1)), A, {}, np.random.default_rng(5))
    alone = 0.0
    for i in range(5):
        one = Responses(rows.family, rows.y[i : i + 1], rows.weights[i : i + 1])
        alone += log_integrals(one, eta[None, i : i + 1], A[:1, i : i + 1, i : i + 1], {}, RNG)[0]
    ratios = np.exp(found - alone)
    error = ratios.std() / np.sqrt(draws)
    assert abs(ratios.mean() - 1) < 4 * error < 0.02
    assert ratios.std() < 0.25


def test_nothing_to_integrate_is_the_likelihood():
    family = by_name("gamma(log)")
    rows, eta = rows_of(family), np.array([0.2, -0.4, 0.1, 0.5, -0.1])
    found = log_integrals(rows, eta[None], np.zeros((1, 5, 0)), own_of(family, 1), RNG)
    wanted = np.sum(rows.weights * known(family, eta, OWN).logpdf(rows.y))
    assert found[0] == pytest.approx(wanted, rel=1e-10)
    none = Responses(family, np.zeros(0), np.zeros(0))
    assert log_integrals(none, np.zeros((1, 0)), np.zeros((1, 0, 1)), own_of(family, 1), RNG)[0] == 0


def test_without_a_row():
    rows = rows_of(by_name("binomial(logit)"))
    rest = rows.without(1)
    assert rest.y.tolist() == [8, 1, 0, 7]
    assert rest.trials.tolist() == [8, 4, 9, 7]
    assert rest.weights.tolist() == [1, 2, 1, 1.3]


def test_chunks_change_nothing(monkeypatch):
    from hierbayes.comparison import integrals

    family = by_name("poisson(log)")
    rows, eta = rows_of(family), np.random.default_rng(1).normal(size=(40, 5))
    A = np.ones((40, 5, 1))
    whole = log_integrals(rows, eta, A, {}, RNG)
    monkeypatch.setattr(integrals, "_NUMBERS", 700)
    np.testing.assert_allclose(log_integrals(rows, eta, A, {}, RNG), whole, rtol=1e-10)
