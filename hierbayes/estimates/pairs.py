"""The paired t-test, and where a model is one: two rows for each level, one under each of two conditions."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from hierbayes.design.design import Design
from hierbayes.errors import DataError
from hierbayes.estimates.arrays import FloatArray


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


@dataclass(frozen=True)
class PairedTest:
    """The paired t-test, and the t values of the other methods beside it.

    Attributes
    ----------
    term : str
        The coefficient that is the difference of the two conditions.
    test : PairedDifference
        SciPy's `ttest_rel`: difference, std_error, t, df, p_value, lower, upper, pairs, correlation; of the response at
        the larger value of the term's column less that at the smaller.
    table : DataFrame
        Index method; columns estimate, std_error and t of the same difference, and equal: whether t is that of the
        paired test, to 1e-6 of it.
    explanation : str
        Why they agree, or why one of them does not.
    """

    term: str
    test: PairedDifference
    table: pd.DataFrame
    explanation: str

    @property
    def difference(self) -> float:
        """Mean of the differences within pairs."""
        return self.test.difference

    @property
    def std_error(self) -> float:
        """Standard error of the difference."""
        return self.test.std_error

    @property
    def t(self) -> float:
        """The t value."""
        return self.test.t

    @property
    def df(self) -> int:
        """Degrees of freedom: pairs less one."""
        return self.test.df

    @property
    def p_value(self) -> float:
        """Two-sided p-value."""
        return self.test.p_value

    def __str__(self) -> str:
        said = (
            f"Paired t-test of {self.term}: difference {self.difference:.5g}, se {self.std_error:.4g}, "
            f"t {self.t:.4f}, df {self.df}, p {self.p_value:.4g}"
        )
        shown = self.table.to_string(float_format=lambda value: f"{value:.5g}")
        return f"{said}\n{shown}\n{self.explanation}"

    def __repr__(self) -> str:
        return str(self)


def paired_test(design: Design, methods: dict[str, FloatArray], ci_prob: float) -> PairedTest | None:
    """Return the paired t-test if the design is one, with each method's estimate and standard error of the term."""
    found = _pairs(design)
    if found is None:
        return None
    first, second, step = found
    test = paired_difference(first, second, ci_prob)
    rows = {"paired t-test": (test.difference, test.std_error)}
    rows |= {name: (step * numbers[1, 0], step * numbers[1, 1]) for name, numbers in methods.items()}
    table = pd.DataFrame(rows, index=["estimate", "std_error"]).T.rename_axis("method")
    table["t"] = table["estimate"] / table["std_error"]
    table["equal"] = (table["t"] - test.t).abs() <= 1e-6 * abs(test.t)
    return PairedTest(design.coefficients[1], test, table, _explanation(test, design.factors[0]))


def _pairs(design: Design) -> tuple[FloatArray, FloatArray, float] | None:
    """Return the two rows of every level, in the order of the term's column, and how far that column steps."""
    if len(design.groups) != 1 or len(design.coefficients) != 2 or not design.intercept:
        return None
    block = design.groups[0]
    x = design.X[:, 1]
    values = np.unique(x)
    plain = block.terms == ("Intercept",) and block.intercept and np.all(design.weights == design.weights[0])
    if not plain or len(values) != 2 or design.n != 2 * block.n_levels:
        return None
    side = x == values[1]
    if np.any(np.bincount(block.codes[side], minlength=block.n_levels) != 1):
        return None
    if np.any(np.bincount(block.codes[~side], minlength=block.n_levels) != 1):
        return None
    y = design.y - design.offset
    first, second = np.empty(block.n_levels), np.empty(block.n_levels)
    first[block.codes[~side]], second[block.codes[side]] = y[~side], y[side]
    return first, second, float(values[1] - values[0])


def _explanation(test: PairedDifference, factor: str) -> str:
    if test.covariance > 0:
        return (
            f"The two rows of a level of {factor} vary together, so REML finds an sd above 0, takes the levels out and "
            "has the t value of the paired test, as the groups as fixed effects and the separate fits have. Complete "
            "pooling has that of the unpaired test. ML divides by the number of pairs, not by its degrees of freedom."
        )
    return (
        f"The two rows of a level of {factor} do not vary together (correlation {test.correlation:.2f}). A random "
        "intercept cannot give them a negative covariance: REML puts its sd at 0 and has the t value of the unpaired "
        "test, too large in size here. The groups as fixed effects and the separate fits have that of the paired test."
    )
