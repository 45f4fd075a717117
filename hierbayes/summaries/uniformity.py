"""Are numbers uniform on (0, 1)? Chi-square, and simultaneous bands of the empirical distribution function.

The bands are those of Säilynoja, Bürkner and Vehtari (2022, Statistics and Computing 32): at each of a set of points
z the number of values below z is binomial, and one pointwise level gamma is chosen by simulation such that the whole
curve stays inside with the probability asked for. ArviZ has such bands as well, but not the p value that goes with
them, which is what a verdict over many quantities needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from scipy import stats

from hierbayes.tables.numbers import Floats

SIMULATIONS = 20_000
"""Curves of uniform numbers behind each p value: none is smaller than 1 / (SIMULATIONS + 1)."""

MOST_POINTS = 100
_SEED = 0x756E69
_CHUNK = 2_000


@dataclass(frozen=True)
class Bands:
    """The law of the empirical distribution function of `n` uniform numbers at evenly spaced points.

    Attributes
    ----------
    n : int
    """

    n: int

    @cached_property
    def points(self) -> Floats:
        """Where the curve is looked at: evenly spaced, 0 and 1 left out."""
        parts = min(max(self.n, 2), MOST_POINTS)
        return np.arange(1, parts) / parts

    @cached_property
    def _levels(self) -> Floats:
        """Two-sided pointwise p values of every count, shape (n + 1, points)."""
        counts = np.arange(self.n + 1)[:, None]
        below = stats.binom.cdf(counts, self.n, self.points)
        above = stats.binom.sf(counts - 1, self.n, self.points)
        return np.asarray(2 * np.minimum(below, above))

    @cached_property
    def _least(self) -> Floats:
        """Least pointwise p value of each simulated curve, in order."""
        rng = np.random.default_rng([_SEED, self.n])
        parts = len(self.points) + 1
        columns = np.arange(parts - 1)
        found = []
        for _ in range(SIMULATIONS // _CHUNK):
            counts = rng.multinomial(self.n, np.full(parts, 1 / parts), size=_CHUNK)
            found.append(self._levels[np.cumsum(counts, axis=1)[:, :-1], columns].min(axis=1))
        return np.sort(np.concatenate(found))

    def p_value(self, values: Floats) -> float:
        """Return the probability that uniform numbers leave a band that these just touch, or a wider one."""
        counts = np.searchsorted(np.sort(values), self.points, side="right")
        own = self._levels[counts, np.arange(len(self.points))].min()
        # a curve that ties with this one counts, rounding included
        more = int(np.searchsorted(self._least, own * (1 + 1e-9), side="right"))
        return (1 + more) / (1 + SIMULATIONS)

    def limits(self, prob: float) -> tuple[Floats, Floats]:
        """Return the least and the largest share of values at each point that the simultaneous band holds."""
        gamma = float(np.quantile(self._least, 1 - prob))
        inside = self._levels > gamma
        counts = np.arange(self.n + 1)[:, None]
        low = np.where(inside, counts, self.n).min(axis=0) / self.n
        return low, np.where(inside, counts, 0).max(axis=0) / self.n


@lru_cache(maxsize=8)
def bands(n: int) -> Bands:
    """Return the bands of `n` numbers; they are simulated once.

    Examples
    --------
    >>> low, high = bands(100).limits(0.95)
    >>> round(float(low[49]), 2), round(float(high[49]), 2)
    (0.36, 0.64)
    >>> bands(100).p_value(np.linspace(0.005, 0.995, 100)) > 0.5, bands(100).p_value(np.linspace(0, 0.8, 100)) < 0.001
    (True, True)
    """
    return Bands(n)


def chi_square(values: Floats) -> tuple[float, int, float]:
    """Return the chi-square statistic of uniform numbers over equal bins, its degrees of freedom and p value.

    At most 20 bins, and at least five numbers expected in each.

    Examples
    --------
    >>> statistic, df, p = chi_square(np.linspace(0.005, 0.995, 100))
    >>> statistic, df, round(p, 3)
    (0.0, 19, 1.0)
    """
    bins = max(2, min(20, len(values) // 5))
    counts = np.histogram(values, bins=bins, range=(0.0, 1.0))[0]
    expected = len(values) / bins
    statistic = float(np.sum((counts - expected) ** 2) / expected)
    return statistic, bins - 1, float(stats.chi2.sf(statistic, bins - 1))


def central_coverage(values: Floats, prob: float) -> tuple[float, float]:
    """Return the share of numbers in the central interval of a probability, and its error sqrt(prob (1 - prob) / n)."""
    share = float(np.mean(np.abs(values - 0.5) <= prob / 2))
    return share, float(np.sqrt(prob * (1 - prob) / len(values)))
