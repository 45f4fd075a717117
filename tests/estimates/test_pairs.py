"""The paired t-test against its formula."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t as student

from hierbayes.errors import DataError
from hierbayes.estimates import paired_difference


def test_against_the_formula():
    rng = np.random.default_rng(5)
    first = rng.normal(size=9)
    second = first + rng.normal(0.4, 1, 9)
    found = paired_difference(first, second, 0.9)
    gap = second - first
    error = np.sqrt(np.sum((gap - gap.mean()) ** 2) / 8 / 9)
    assert (found.difference, found.std_error, found.df) == pytest.approx((gap.mean(), error, 8))
    assert found.t == pytest.approx(gap.mean() / error, rel=1e-12)
    assert found.p_value == pytest.approx(2 * student.sf(abs(found.t), 8), rel=1e-10)
    half = student.ppf(0.95, 8) * error
    assert (found.lower, found.upper) == pytest.approx((gap.mean() - half, gap.mean() + half))
    assert found.correlation == pytest.approx(np.corrcoef(first, second)[0, 1])
    assert found.pairs == 9


def test_the_chapters_four_pairs():
    """Differences -1.5646, 1.0593, 1.7856, 0.5873, whose sd is 1.441."""
    found = paired_difference([8.7944, 4.5168, -6.1863, -1.1461], [7.2298, 5.5761, -4.4007, -0.5588])
    assert found.std_error * 2 == pytest.approx(1.441, abs=5e-4)


def test_constant_pairs_give_nan_and_no_failure():
    found = paired_difference([1.0, 1.0], [2.0, 2.0])
    assert np.isnan(found.correlation)
    assert found.std_error == 0


@pytest.mark.parametrize(("a", "b"), [([1.0], [2.0]), ([1.0, 2.0], [1.0, 2.0, 3.0])])
def test_what_is_no_pairs_is_refused(a, b):
    with pytest.raises(DataError, match="pairs"):
        paired_difference(a, b)
