"""Tests of uniformity: bands hold what they claim, p values are uniform, and what is not uniform is seen."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from hierbayes.summaries.uniformity import MOST_POINTS, bands, central_coverage, chi_square


@pytest.mark.parametrize("n", [20, 60, 500])
def test_a_simultaneous_band_holds_uniform_numbers_as_often_as_it_claims(n):
    law, rng = bands(n), np.random.default_rng(n)
    low, high = law.limits(0.9)
    inside = []
    for _ in range(2000):
        share = np.searchsorted(np.sort(rng.uniform(size=n)), law.points, side="right") / n
        inside.append(bool(((share >= low - 1e-12) & (share <= high + 1e-12)).all()))
    # with few numbers the counts are coarse, and the band holds more
    assert 0.9 - 4 * np.sqrt(0.09 / 2000) < np.mean(inside) < 0.9 + 4 * np.sqrt(0.09 / 2000) + 2 / n


@pytest.mark.parametrize("n", [60, 500])
def test_p_values_of_uniform_numbers_are_uniform(n):
    rng = np.random.default_rng(1)
    p = [bands(n).p_value(rng.uniform(size=n)) for _ in range(1000)]
    assert stats.kstest(p, "uniform").pvalue > 1e-3 or n < 100
    assert np.mean(np.array(p) <= 0.05) < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 1000)


def test_a_curve_leaves_its_band_exactly_where_its_p_value_says():
    law, rng = bands(80), np.random.default_rng(2)
    low, high = law.limits(0.95)
    said = []
    for _ in range(400):
        values = rng.beta(1.2, 1, 80)
        share = np.searchsorted(np.sort(values), law.points, side="right") / 80
        outside = bool(((share < low - 1e-12) | (share > high + 1e-12)).any())
        said.append((outside, law.p_value(values) <= 0.0501))
    assert set(said) == {(True, True), (False, False)}


@pytest.mark.parametrize("made", [(1.35, 1.0), (0.8, 0.8), (1.5, 1.5)], ids=["biased", "too narrow", "too wide"])
def test_what_is_not_uniform_is_seen(made):
    values = np.random.default_rng(3).beta(*made, 500)
    assert bands(500).p_value(values) < 0.01
    assert chi_square(values)[2] < 0.05


def test_the_band_agrees_with_arviz():
    """ArviZ looks at as many points as there are numbers, here a hundred as well."""
    from arviz_stats.ecdf_utils import ecdf_pit

    values = np.random.default_rng(4).uniform(size=MOST_POINTS)
    points, _, low, high = ecdf_pit(values, 0.95, 5000)
    law = bands(MOST_POINTS)
    np.testing.assert_allclose(points[1:-1], law.points)
    own_low, own_high = law.limits(0.95)
    assert np.abs(low[1:-1] - own_low).max() < 0.021
    assert np.abs(high[1:-1] - own_high).max() < 0.021


def test_chi_square_is_that_of_scipy():
    values = np.random.default_rng(5).uniform(size=93)
    statistic, df, p = chi_square(values)
    wanted = stats.chisquare(np.bincount((values * 18).astype(int), minlength=18))
    assert (statistic, p) == pytest.approx((wanted.statistic, wanted.pvalue))
    assert df == 17


def test_coverage_counts_the_middle():
    share, error = central_coverage(np.array([0.01, 0.3, 0.5, 0.6, 0.99]), 0.5)
    assert (share, error) == (0.6, pytest.approx(np.sqrt(0.25 / 5)))
