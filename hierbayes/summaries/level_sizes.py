"""Every level with its size: how many rows it has, and the interval of its own fit beside that of partial pooling."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import norm
from scipy.stats import t as student

from hierbayes.design.design import Design
from hierbayes.design.table import Floats
from hierbayes.estimates import NoPooling
from hierbayes.families import Family
from hierbayes.formula.syntax import Formula
from hierbayes.posterior import Posterior
from hierbayes.summaries.poolings import PoolingTables, level_span, own_fits, pooling_tables
from hierbayes.tables.numbers import check_prob

SIZED = ["rows", "no_lower", "no_upper"]


def sized_tables(
    design: Design,
    formula: Formula,
    posterior: Posterior,
    factor: str | None = None,
    ci_prob: float = 0.95,
) -> tuple[PoolingTables, pd.DataFrame]:
    """Return the pooling tables of one factor, and their levels with sizes.

    Returns
    -------
    PoolingTables
        As `hierbayes.summaries.poolings.pooling_tables` gives it.
    DataFrame
        Its ``table`` with the columns of `with_sizes`.
    """
    tables = pooling_tables(design, formula, posterior, factor, ci_prob)
    return tables, with_sizes(design, posterior, tables.table, tables.factor, ci_prob)


def with_sizes(
    design: Design,
    posterior: Posterior,
    table: pd.DataFrame,
    factor: str,
    ci_prob: float = 0.95,
) -> pd.DataFrame:
    """Return the levels of a pooling table with their sizes and the limits of their own fits.

    The limits are ``no ± t se``, with ``t`` the quantile of Student's distribution on the residual degrees of freedom
    of all separate fits together, and ``se`` from their pooled sigma: the classical confidence interval, and the
    posterior interval under a flat prior of the coefficients and of log sigma. For other families than the gaussian
    they are ``no ± z se`` with the normal quantile and ``se`` from the Fisher information.

    Parameters
    ----------
    design : Design
    posterior : Posterior
    table : DataFrame
        All levels and terms of the factor, in order, as ``PoolingTables.table``.
    factor : str
    ci_prob : float
        Probability of the intervals.

    Returns
    -------
    DataFrame
        The table and the columns rows (of the data in the level), no_lower, no_upper (NaN for a level too small for
        its own fit, or where no degree of freedom is left).
    """
    pieces = level_span(design, factor)
    _, own = own_fits(design, pieces, posterior)
    reach = _reach(own, ci_prob, design.family)
    return table.assign(
        rows=np.repeat(pieces.counts, len(pieces.terms)),
        no_lower=(own.coef - reach).reshape(-1),
        no_upper=(own.coef + reach).reshape(-1),
    )


def _reach(own: NoPooling, ci_prob: float, family: Family) -> Floats:
    """Return half the width of each interval, (levels, terms)."""
    tail = (1 - check_prob(ci_prob)) / 2
    if not family.conjugate:
        return np.asarray(norm.isf(tail) * own.se)
    if own.df < 1:
        return np.full_like(own.se, np.nan)
    return np.asarray(student.isf(tail, own.df) * own.se)
