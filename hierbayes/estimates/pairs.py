"""The paired t-test, from SciPy, and what it needs to be laid beside a random intercept."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hierbayes.errors import DataError


@dataclass(frozen=True)
class PairedDifference:
    """A paired t-test of `second - first`.

    Attributes
    ----------
    difference, std_error : float
        Mean of the differences and its standard error, `sd(d) / sqrt(pairs)`.
    t : float
    df : int
        Pairs less one.
    p_value : float
        Two-sided.
    lower, upper : float
        Limits of the interval of the mean difference.
    pairs : int
    correlation : float
        Correlation of the two columns over the pairs; NaN where one does not vary.
    covariance : float
        Their covariance (ddof 1).
    """

    difference: float
    std_error: float
    t: float
    df: int
    p_value: float
    lower: float
    upper: float
    pairs: int
    correlation: float
    covariance: float


def paired_difference(first: ArrayLike, second: ArrayLike, ci_prob: float = 0.95) -> PairedDifference:
    """Test whether the mean of `second - first` is zero, pair by pair.

    Parameters
    ----------
    first, second : array (pairs,)
        The two measurements of each pair.
    ci_prob : float
        Probability of the interval.

    Returns
    -------
    PairedDifference

    Raises
    ------
    DataError
        If the lengths differ, or there are fewer than two pairs.

    Examples
    --------
    >>> from hierbayes.estimates import paired_difference
    >>> found = paired_difference([1.0, 2.0, 3.0], [2.0, 4.0, 6.0])
    >>> round(found.difference, 6), round(found.t, 4), found.df
    (2.0, 3.4641, 2)
    """
    from scipy.stats import ttest_rel

    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if a.shape != b.shape or a.ndim != 1 or len(a) < 2:
        raise DataError(f"Arrays of shapes {a.shape} and {b.shape} are not two or more pairs.")
    with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of differences that are all alike
        found = ttest_rel(b, a)
        limits = found.confidence_interval(ci_prob)
    gap = b - a
    covariance = np.cov(a, b)
    spread = float(np.sqrt(covariance[0, 0] * covariance[1, 1]))
    return PairedDifference(
        difference=float(gap.mean()),
        std_error=float(gap.std(ddof=1) / np.sqrt(len(gap))),
        t=float(found.statistic),
        df=int(found.df),
        p_value=float(found.pvalue),
        lower=float(limits.low),
        upper=float(limits.high),
        pairs=len(gap),
        correlation=float(covariance[0, 1]) / spread if spread > 0 else float("nan"),
        covariance=float(covariance[0, 1]),
    )
