"""The collapsed density against a dense normal, and its gradient against differences."""

from __future__ import annotations

import itertools

import collapsed_problems as oracle
import numpy as np
import pytest
from collapsed_problems import CASES, PROBLEMS, evaluate, flat_lam, tape_of

from hierbayes.engines.collapsed.conditional import CRITERIA, Conditional
from hierbayes.engines.collapsed.kernel import log_density
from hierbayes.engines.collapsed.pack import with_chart
from hierbayes.engines.theta import Theta, log_jacobian, pack, unpack
from hierbayes.priors import LKJ, Fixed


def difference(function, x, direction, h=1e-3):
    """Return the derivative along a direction, by five points."""
    near = function(x + h * direction) - function(x - h * direction)
    far = function(x + 2 * h * direction) - function(x - 2 * h * direction)
    return (8 * near - far) / (12 * h)


@pytest.mark.parametrize(("name", "sparse"), CASES)
@pytest.mark.parametrize("criterion", CRITERIA)
def test_log_likelihood_is_that_of_a_dense_normal(name, sparse, criterion):
    problem = PROBLEMS[name]
    given = Conditional(problem, sparse)
    rng = np.random.default_rng(4)
    points = [oracle.random_theta(problem, rng) for _ in range(3)]
    identity = ([np.ones(b.Z.shape[1]) for b in problem.blocks], [np.eye(b.Z.shape[1]) for b in problem.blocks], 1.0)
    for sds, corrs, sigma in [identity, *points]:
        value, _, _ = evaluate(given, flat_lam(given, sds, corrs, sigma), sigma, criterion)
        assert value == pytest.approx(oracle.marginal(problem, sds, corrs, sigma, criterion), rel=1e-10)


@pytest.mark.parametrize(("name", "sparse"), CASES)
@pytest.mark.parametrize("criterion", CRITERIA)
def test_moments_are_the_derivatives_along_multiplicative_steps(name, sparse, criterion):
    problem = PROBLEMS[name]
    given = Conditional(problem, sparse)
    rng = np.random.default_rng(5)
    sds, corrs, sigma = oracle.random_theta(problem, rng)
    lam = flat_lam(given, sds, corrs, sigma)
    _, moments, slope = evaluate(given, lam, sigma, criterion)
    h = 1e-5
    for at, k in {(place.start, place.wide): None for place in given.places}:
        step = np.tril(rng.normal(size=(k, k)))
        L = lam[at : at + k * k].reshape(k, k)
        values = []
        for sign in (1, -1):
            moved = lam.copy()
            moved[at : at + k * k] = (L @ (np.eye(k) + sign * h * step)).ravel()
            values.append(evaluate(given, moved, sigma, criterion)[0])
        expected = np.sum(moments[at : at + k * k].reshape(k, k) * step)
        assert (values[0] - values[1]) / (2 * h) == pytest.approx(expected, rel=1e-6, abs=1e-6)
    up = evaluate(given, lam / np.exp(h), sigma * np.exp(h), criterion)[0]
    down = evaluate(given, lam * np.exp(h), sigma / np.exp(h), criterion)[0]
    assert (up - down) / (2 * h) == pytest.approx(slope, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(("name", "sparse"), CASES)
def test_log_density_is_likelihood_prior_and_jacobian(name, sparse):
    problem = PROBLEMS[name]
    words, table = tape_of(problem, sparse)
    rng = np.random.default_rng(6)
    sds, corrs, sigma = oracle.random_theta(problem, rng)
    theta = pack(table, Theta(tuple(sds), tuple(np.linalg.cholesky(c) for c in corrs), sigma))
    back = unpack(table, theta)
    for sd, again in zip(sds, back.sds, strict=True):
        np.testing.assert_allclose(again, sd, rtol=1e-12)
    for corr, again in zip(corrs, back.corrs, strict=True):
        np.testing.assert_allclose(again, corr, atol=1e-12)
    assert back.sigma == pytest.approx(sigma, rel=1e-12)
    expected = oracle.marginal(problem, sds, corrs, sigma) + log_jacobian(table, theta)
    for block, sd, corr in zip(problem.blocks, sds, corrs, strict=True):
        expected += sum(
            oracle.prior_density(p, s) for p, s in zip(block.sd_priors, sd, strict=True) if not isinstance(p, Fixed)
        )
        if isinstance(block.corr_prior, LKJ):
            expected += oracle.lkj_density(corr, block.corr_prior.eta)
    if not isinstance(problem.prior_of("sigma"), Fixed):
        expected += oracle.prior_density(problem.prior_of("sigma"), sigma)
    value = log_density(words, words.view(np.float64), theta, np.zeros(table.dim))
    assert value == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(("name", "sparse"), CASES)
def test_gradient_against_differences(name, sparse):
    problem = PROBLEMS[name]
    words, table = tape_of(problem, sparse)
    rng = np.random.default_rng(7)
    grad, ignored = np.zeros(table.dim), np.zeros(table.dim)
    factor = rng.normal(size=(table.dim, table.dim))
    for tape_words in (words, with_chart(words, rng.normal(size=table.dim), 0.3 * factor)):
        floats = tape_words.view(np.float64)
        for _ in range(3):
            theta = rng.normal(size=table.dim)
            log_density(tape_words, floats, theta, grad)
            for i, e in enumerate(np.eye(table.dim)):
                slope = difference(lambda t, w=tape_words, f=floats: log_density(w, f, t, ignored), theta, e)
                assert slope == pytest.approx(grad[i], rel=1e-6, abs=1e-6 * (1 + np.abs(grad).max()))


def test_density_and_gradient_are_finite_and_right_at_the_edges():
    problem = PROBLEMS["correlated slope"]
    words, table = tape_of(problem, False)
    floats = words.view(np.float64)
    grad, ignored = np.zeros(table.dim), np.zeros(table.dim)
    for corner in itertools.product([-9.0, -3.0, 2.0], [-9.0, -3.0, 2.0], [-18.0, -5.0, 0.0, 18.0]):
        theta = np.append(corner, 0.3)
        value = log_density(words, floats, theta, grad)
        assert np.isfinite(value)
        assert np.all(np.isfinite(grad))
        for i, e in enumerate(np.eye(table.dim)):
            assert difference(lambda t: log_density(words, floats, t, ignored), theta, e) == pytest.approx(
                grad[i], rel=1e-6, abs=1e-6 * (1 + np.abs(grad).max())
            )
