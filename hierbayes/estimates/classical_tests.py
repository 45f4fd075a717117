"""The classical tests of population terms from a REML fit: sequential F as lme4, Wald chi-square as car."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hierbayes.design.table import Floats


@dataclass(frozen=True)
class TermTest:
    """The classical test of one population term.

    Attributes
    ----------
    df : int
        Number of coefficients.
    sum_sq, mean_sq, F : float
        As lme4's ``anova`` prints them; lme4 gives no p-value for F, for its distribution is not known in general.
    chi_sq, p : float
        Wald chi-square of type II, as ``car::Anova`` prints it, and its upper tail.
    """

    df: int
    sum_sq: float
    mean_sq: float
    F: float
    chi_sq: float
    p: float


def term_tests(
    beta: Floats, covariance: Floats, sigma: float, owners: Sequence[int], terms: Sequence[frozenset[object]]
) -> tuple[TermTest, ...]:
    """Return the tests of every term.

    Parameters
    ----------
    beta : array, shape (p,)
        Estimates, columns in the order of the terms.
    covariance : array, shape (p, p)
        Of `beta`, given the estimated sds, correlations and sigma.
    sigma : float
        Residual standard deviation.
    owners : sequence of int, length p
        The term of each column; 0 is the intercept, term i of `terms` is ``i + 1``.
    terms : sequence of frozenset
        The atoms of each term: a term contains another whose atoms it holds.

    Notes
    -----
    With R upper triangular, ``R'R = sigma**2 covariance^-1`` (lme4's RX), the sum of squares of a term is the sum of
    squares of its entries of ``R beta``: what it explains after the terms before it. The type II chi-square compares
    all terms that do not contain the term with those and the term itself: with
    ``W(S) = beta_S' covariance_SS^-1 beta_S`` and C the columns of the terms that contain it, it is
    ``W(C and term) - W(C)``.
    """
    from scipy.stats import chi2

    own = np.asarray(owners)
    scale = np.sqrt(np.diagonal(covariance))
    precision = np.linalg.inv(covariance / scale[:, None] / scale)
    effects = sigma * (np.linalg.cholesky(precision).T @ (beta / scale))
    found = []
    for i, atoms in enumerate(terms, start=1):
        mine = own == i
        larger = [j for j, other in enumerate(terms, start=1) if j != i and atoms < other]
        containing = np.isin(own, larger)
        df = int(mine.sum())
        sum_sq = float(np.sum(effects[mine] ** 2))
        chi_sq = _wald(beta, covariance, mine | containing) - _wald(beta, covariance, containing)
        mean_sq = sum_sq / df
        found.append(TermTest(df, sum_sq, mean_sq, mean_sq / sigma**2, chi_sq, float(chi2.sf(chi_sq, df))))
    return tuple(found)


def _wald(beta: Floats, covariance: Floats, some: np.typing.NDArray[np.bool_]) -> float:
    if not some.any():
        return 0.0
    part = beta[some]
    return float(part @ np.linalg.solve(covariance[np.ix_(some, some)], part))
