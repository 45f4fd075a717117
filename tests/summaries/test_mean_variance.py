"""The variance of a mean: closed forms, the double sum, simulation, and what cannot be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hierbayes as hb


def double_sum(cov, weights):
    weights = np.asarray(weights, float) / np.sum(weights)
    return sum(weights[i] * weights[j] * cov[i, j] for i in range(len(cov)) for j in range(len(cov)))


@given(n=st.integers(2, 40), rho=st.floats(0, 1), sd=st.floats(0.1, 10))
def test_compound_symmetry_has_its_closed_form(n, rho, sd):
    found = hb.variance_of_mean(n, rho=rho, sd=sd)
    assert found.variance == pytest.approx(sd**2 / n * (1 + (n - 1) * rho))
    assert found.ratio == pytest.approx(1 + (n - 1) * rho)
    assert found.effective_n == pytest.approx(n / (1 + (n - 1) * rho))
    assert found.sd == pytest.approx(np.sqrt(found.variance))


def test_positive_correlation_tells_less_and_negative_more():
    few, none, many = (hb.variance_of_mean(5, rho=rho).effective_n for rho in (0.3, 0.0, -0.2))
    assert few < none < many
    assert none == pytest.approx(5)


def matrices(n, seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(n, n + 2))
    cov = root @ root.T
    sd = np.sqrt(np.diag(cov))
    return cov, cov / np.outer(sd, sd), sd, rng.uniform(0, 2, n)


@pytest.mark.parametrize("seed", range(5))
def test_matrices_give_the_double_sum(seed):
    cov, corr, sd, weights = matrices(6, seed)
    for options in ({"cov": cov}, {"corr": corr, "sd": sd}):
        plain, weighted = hb.variance_of_mean(**options), hb.variance_of_mean(**options, weights=weights)
        assert plain.variance == pytest.approx(double_sum(cov, np.ones(6)))
        assert weighted.variance == pytest.approx(double_sum(cov, weights))
        assert weighted.independent == pytest.approx(double_sum(np.diag(np.diag(cov)), weights))
        assert weighted.effective_n == pytest.approx(np.mean(np.diag(cov)) / weighted.variance)


def test_one_correlation_and_its_matrix_agree():
    corr = np.where(np.eye(7, dtype=bool), 1, 0.3)
    sd = np.linspace(1, 3, 7)
    assert hb.variance_of_mean(rho=0.3, sd=sd).variance == pytest.approx(hb.variance_of_mean(corr=corr, sd=sd).variance)


def test_groups_are_blocks():
    labels = list("aababcc")
    corr = np.array([[1.0 if i == j else 0.4 * (labels[i] == labels[j]) for j in range(7)] for i in range(7)])
    assert hb.variance_of_mean(rho=0.4, groups=labels).variance == pytest.approx(double_sum(corr, np.ones(7)))


def test_a_fit_of_means_is_seen_in_simulated_means():
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(20000, 1)) * np.sqrt(0.5)
    means = (shared + rng.normal(size=(20000, 10)) * np.sqrt(0.5)).mean(axis=1)
    variance = hb.variance_of_mean(10, rho=0.5).variance
    assert np.var(means) == pytest.approx(variance, rel=0.05)
    # the independent answer is far off
    assert abs(np.var(means) / 0.1 - 1) > 1


def test_many_observations_need_no_matrix():
    found = hb.variance_of_mean(10_000_000, rho=0.01)
    assert found.effective_n == pytest.approx(100, rel=1e-3)


def test_the_most_negative_correlation_leaves_no_variance():
    found = hb.variance_of_mean(4, rho=-1 / 3)
    assert (found.variance, found.effective_n) == (0.0, float("inf"))
    assert "worth inf" in repr(found)


def test_it_prints():
    found = hb.variance_of_mean(10, rho=0.5, sd=2)
    assert repr(found).splitlines()[0] == "Mean of 10 observations"
    assert "5.5 times" in repr(found)
    assert "<strong>Mean of 10 observations</strong>" in found._repr_html_()
    assert repr(hb.variance_of_mean(1, rho=0.2)).splitlines()[0] == "Mean of 1 observation"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "one of rho, corr and cov; none"),
        ({"n": 3}, "one of rho, corr and cov; none"),
        ({"rho": 0.2, "corr": np.eye(3)}, "rho and corr were given"),
        ({"rho": 0.2}, "number of observations is missing"),
        ({"n": 3, "rho": -0.6}, r"cannot all be so opposed.*\n.*-0\.5 to 1"),
        ({"n": 3, "rho": 1.1}, "3 observations cannot be"),
        ({"n": 3, "rho": float("nan")}, "rho=nan must be a number"),
        ({"n": 3, "rho": "big"}, "rho='big' must be a number"),
        ({"n": 0, "rho": 0.1}, "at least one observation"),
        ({"n": 2.5, "rho": 0.1}, "whole number"),
        ({"n": True, "rho": 0.1}, "whole number"),
        ({"n": 4, "corr": np.eye(3)}, "number of observations differs: n 4, the matrix 3"),
        ({"n": 4, "rho": 0.1, "sd": [1, 2]}, "differs"),
        ({"n": 4, "rho": 0.1, "groups": "aabb", "weights": [1, 2]}, "differs"),
        ({"n": 4, "rho": 0.1, "sd": -1}, "sd must be positive"),
        ({"n": 2, "rho": 0.1, "weights": [-1, 2]}, "must not be negative"),
        ({"n": 2, "rho": 0.1, "weights": [0, 0]}, "nor all 0"),
        ({"cov": np.eye(2), "sd": 2}, "cov holds the variances already"),
        ({"corr": np.eye(2), "groups": "ab"}, "groups go with rho"),
        ({"n": 2, "rho": 0.1, "groups": [["a"], ["b"]]}, "one label"),
        ({"corr": [[1, 0.5], [0.4, 1]]}, "not symmetric"),
        ({"corr": [[2, 0.5], [0.5, 1]]}, "2 on its diagonal"),
        ({"cov": [[0, 0], [0, 1]]}, "must be positive"),
        ({"cov": [[1, 2], [2, 1]]}, "contradicts itself"),
        ({"corr": [[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]]}, "contradicts itself"),
        ({"corr": [[1, 0, 0]]}, "square"),
        ({"corr": "abc"}, "square matrix of numbers"),
        ({"corr": [[1, np.nan], [np.nan, 1]]}, "not finite"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(options, said):
    with pytest.raises(hb.ModelError, match=said):
        hb.variance_of_mean(**options)


def test_nothing_given_is_changed():
    cov, weights = np.array([[2.0, 1.0], [1.0, 3.0]]), [1, 3]
    hb.variance_of_mean(cov=cov, weights=weights)
    assert cov.tolist() == [[2.0, 1.0], [1.0, 3.0]]
    assert weights == [1, 3]
