"""Probabilities of categories averaged over normal predictors, against integration on dense grids and Monte Carlo."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, special, stats

from hierbayes.families import category_averages
from hierbayes.families.category_averages import average_probabilities


def shares(eta):
    return special.softmax(np.concatenate([np.zeros((*eta.shape[:-1], 1)), eta], axis=-1), axis=-1)


def dense(mean, root, step=0.08, reach=8.5):
    """The trapezoidal sum over a grid fine and wide enough that it is the integral."""
    S = len(mean)
    axis = np.arange(-reach, reach + step / 2, step)
    points = np.stack(np.meshgrid(*[axis] * S, indexing="ij"), axis=-1).reshape(-1, S)
    weights = np.exp(-0.5 * np.sum(points**2, axis=1))
    total = np.zeros(S + 1)
    for part in np.array_split(np.arange(len(points)), max(1, len(points) // 200_000)):
        total += weights[part] @ shares(mean + points[part] @ np.asarray(root).T)
    return total / weights.sum()


def roots(S, size, rng, count):
    found = np.tril(rng.normal(size=(count, S, S)))
    return found * (size / np.linalg.norm(found, axis=(1, 2)))[:, None, None]


@pytest.mark.parametrize("size", [0.3, 1.0, 3.0, 8.0, 15.0])
def test_three_categories_are_those_of_a_dense_grid(size):
    rng = np.random.default_rng(1)
    mean, root = rng.normal(0, 2, (6, 2)), roots(2, size, rng, 6)
    expected = [dense(m, r, step=0.02 if size > 5 else 0.08) for m, r in zip(mean, root, strict=True)]
    found = average_probabilities(mean, root)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.abs(shares(mean) - expected).max() > 20 * 1e-5  # without the effects it would be far off
    np.testing.assert_allclose(found.sum(axis=-1), 1, rtol=1e-12)


@pytest.mark.parametrize(("size", "slack"), [(0.3, 1e-5), (1.0, 1e-5), (2.0, 1e-5), (5.0, 1e-3)])
def test_four_categories_are_those_of_a_dense_grid(size, slack):
    rng = np.random.default_rng(2)
    mean, root = rng.normal(0, 1.5, (3, 3)), roots(3, size, rng, 3)
    step = 0.25 if size < 1.5 else 0.12
    expected = [dense(m, r, step=step, reach=7.0) for m, r in zip(mean, root, strict=True)]
    np.testing.assert_allclose(average_probabilities(mean, root), expected, atol=slack)
    assert np.abs(shares(mean) - expected).max() > 3 * slack


@pytest.mark.parametrize("S", [2, 3, 4, 7])
def test_any_number_of_categories_is_that_of_simulation(S):
    rng = np.random.default_rng(3)
    mean, root, size = rng.normal(0, 1, S), roots(S, 2.5, rng, 1)[0], 200_000
    drawn = shares(mean + rng.standard_normal((size, S)) @ root.T)
    error = drawn.std(axis=0) / np.sqrt(size)
    found = average_probabilities(mean, root)
    assert found.shape == (S + 1,)
    slack = 4.5 * error + (3e-4 if S > 3 else 2e-5)
    assert np.all(np.abs(found - drawn.mean(axis=0)) < slack)
    assert np.any(np.abs(average_probabilities(mean, 0.9 * root) - drawn.mean(axis=0)) > slack)
    # the root itself, not its transpose, is what the effects are multiplied by
    assert np.any(np.abs(average_probabilities(mean, root.T) - drawn.mean(axis=0)) > slack)


def test_a_root_of_rank_one_is_an_integral_over_a_line():
    """All predictors move with one normal number: a quadrature over it."""
    for S, places in ((2, (0.7, -1.5)), (3, (0.4, -0.8, 1.1)), (4, (0.5, 1.0, -1.0, 0.2))):
        mean, line = np.linspace(-0.5, 1, S), np.array(places)
        root = np.zeros((S, S))
        root[:, 0] = line
        expected = [
            integrate.quad(lambda u, k=k: shares(mean + line * u)[k] * stats.norm.pdf(u), -12, 12, epsabs=1e-12)[0]  # noqa: B023
            for k in range(S + 1)
        ]
        np.testing.assert_allclose(average_probabilities(mean, root), expected, atol=1e-5 if S < 4 else 3e-4)


@pytest.mark.parametrize("S", [2, 3, 4, 6])
def test_without_effects_they_are_the_probabilities(S):
    mean = np.random.default_rng(4).normal(0, 3, (5, S))
    found = average_probabilities(mean, np.zeros((5, S, S)))
    np.testing.assert_allclose(found, shares(mean), rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(average_probabilities(mean, 1e-200 * np.eye(S)), shares(mean), rtol=1e-11)


def test_a_single_category_that_moves():
    """Only the first predictor varies: of one dimension, whatever the others."""
    mean, sd = np.array([0.3, -0.4]), 2.0
    root = np.array([[sd, 0.0], [0.0, 0.0]])
    expected = [
        integrate.quad(
            lambda u, k=k: shares(np.array([0.3 + sd * u, -0.4]))[k] * stats.norm.pdf(u), -12, 12, epsabs=1e-12
        )[0]
        for k in range(3)
    ]
    np.testing.assert_allclose(average_probabilities(mean, root), expected, atol=1e-6)


@pytest.mark.parametrize("S", [2, 3, 4])
def test_symmetries(S):
    rng = np.random.default_rng(5)
    mean, root = rng.normal(0, 1, S), roots(S, 1.5, rng, 1)[0]
    # another root of the same covariance, by a rotation
    turned = root @ np.linalg.qr(rng.normal(size=(S, S)))[0]
    slack = 2e-5 if S < 4 else 5e-4
    found = average_probabilities(mean, root)
    np.testing.assert_allclose(average_probabilities(mean, turned), found, atol=slack)
    # the categories in another order
    order = rng.permutation(S)
    covariance = (root @ root.T)[np.ix_(order, order)]
    other = average_probabilities(mean[order], np.linalg.cholesky(covariance))
    np.testing.assert_allclose(other[1:], found[1:][order], atol=slack)
    # another category as the reference
    change = np.eye(S)
    change[:, 0] -= 1
    change[0] = 0
    change[0, 0] = -1
    swapped = average_probabilities(change @ mean, np.linalg.cholesky(change @ root @ root.T @ change.T))
    np.testing.assert_allclose(swapped[[1, 0, *range(2, S + 1)]], found, atol=slack)


@pytest.mark.parametrize("S", [2, 3, 4])
def test_an_element_does_not_depend_on_the_others(S):
    rng = np.random.default_rng(6)
    sizes = np.array([0.0, 0.2, 1.0, 3.0, 30.0, 200.0] * 3)
    mean, root = rng.normal(0, 2, (18, S)), sizes[:, None, None] * roots(S, 1.0, rng, 18)
    every = average_probabilities(mean, root)
    for i in range(18):
        np.testing.assert_allclose(average_probabilities(mean[i], root[i]), every[i], rtol=1e-13)
    back = average_probabilities(mean[::-1], root[::-1])[::-1]
    np.testing.assert_allclose(back, every, rtol=1e-13)
    shaped = average_probabilities(mean.reshape(2, 9, S), root.reshape(2, 9, S, S))
    np.testing.assert_array_equal(shaped, every.reshape(2, 9, S + 1))
    one_root = average_probabilities(mean, root[4])
    np.testing.assert_allclose(one_root[4], every[4], rtol=1e-13)
    np.testing.assert_array_equal(average_probabilities(mean, root), every)


def test_many_elements_are_taken_in_parts():
    """More numbers than are held at once: the parts join to what one by one gives."""
    rng = np.random.default_rng(7)
    mean, root = rng.normal(0, 1, (200, 2)), roots(2, 14.0, rng, 200)
    found = average_probabilities(mean, root)
    for i in (0, 1, 99, 199):
        np.testing.assert_allclose(found[i], average_probabilities(mean[i], root[i]), rtol=1e-13)


def test_far_predictors_stay_probabilities():
    for mean in ([800.0, 0.0], [-800.0, -900.0], [1e5, 1e5], [-1e6, 1e6]):
        for size in (0.0, 1.0, 100.0):
            found = average_probabilities(np.array(mean), size * np.eye(2))
            assert np.isfinite(found).all()
            assert found.sum() == pytest.approx(1, rel=1e-12)
    np.testing.assert_allclose(average_probabilities(np.array([1e5, 1e5]), np.zeros((2, 2))), [0, 0.5, 0.5])
    # effects without bound: which predictor is the largest, or the reference
    wide = average_probabilities(np.zeros(2), 1e6 * np.eye(2))
    np.testing.assert_allclose(wide, [1 / 4, 3 / 8, 3 / 8], atol=2e-3)


@pytest.mark.parametrize("S", [2, 3, 4])
def test_what_does_not_move_is_not_averaged(S, monkeypatch):
    rng = np.random.default_rng(6)
    mean = rng.normal(0, 2, (3, S))
    still = np.zeros((3, S, S))
    still[1] = np.eye(S)
    expected = shares(mean)
    found = average_probabilities(mean, still)
    np.testing.assert_allclose(found[[0, 2]], expected[[0, 2]], rtol=1e-12)
    assert np.abs(found[1] - expected[1]).max() > 0.01
    summed = []
    own = category_averages._summed
    monkeypatch.setattr(category_averages, "_summed", lambda mu, *rest: summed.append(len(mu)) or own(mu, *rest))
    average_probabilities(mean, still)
    assert sum(summed) == 1
