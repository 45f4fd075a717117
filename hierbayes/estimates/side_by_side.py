"""The columns of the classical comparison: one row for each parameter, NaN for what a method does not have."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.special import chdtri, stdtrit

from hierbayes.design.design import Design
from hierbayes.errors import ModelError
from hierbayes.estimates import (
    FixedGroups,
    GroupColumns,
    LeastSquares,
    NoPooling,
    fixed_groups,
    least_squares,
    no_pooling,
)
from hierbayes.estimates.classical_fit import ClassicalFit
from hierbayes.tables.numbers import Floats
from hierbayes.tables.own_words import coefficient_word, own_word
from hierbayes.tables.tidying import NUMBERS, Tabled, by_level, component, tidied

CRITERIA = ["loglik", "parameters", "aic", "bic", "criterion", "df_residual"]
MOST_NAMED = 5


@dataclass(frozen=True)
class Column:
    """One method's answers.

    Attributes
    ----------
    method : str
    numbers : array, shape (parameters, 4)
        Estimate, standard error, lower and upper limit, in the order of `parameters`.
    criteria : dict of str to float
        Keys as `CRITERIA`; what does not exist is left out.
    notes : tuple of str
        What could not be given, and why.
    """

    method: str
    numbers: Floats
    criteria: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def parameters(design: Design) -> pd.DataFrame:
    """Return the rows of the comparison: parameter, effect, group, term; coefficients, sds and correlations, sigma."""
    rows = [(coefficient_word(name, ["sigma"]), "fixed", "", name) for name in design.coefficients]
    for factor in design.factors:
        terms = design.factor_terms(factor)
        rows += [(f"sd_{factor}[{term}]", "ran_pars", factor, component("sd", term, "")) for term in terms]
        for i, j in design.correlated_pairs(factor):
            shown = component("corr", terms[i], terms[j])
            rows.append((f"corr_{factor}[{terms[i]}, {terms[j]}]", "ran_pars", factor, shown))
    rows.append(("sigma", "ran_pars", own_word("Residual", design.factors), component("sigma", "", "")))
    return pd.DataFrame(rows, columns=["parameter", "effect", "group", "term"])


def tidy_column(method: str, fit: Tabled, ci_prob: float) -> Column:
    """Return the column of a fit that has the accessors: the posterior."""
    return Column(method, tidied(fit, ("fixed", "ran_pars"), ci_prob)[NUMBERS].to_numpy(dtype=float))


def likelihood_column(fit: ClassicalFit, ci_prob: float) -> Column:
    """Return the column of a REML or ML fit."""
    column = tidy_column(fit.method, fit, ci_prob)
    criteria = _criteria(fit.loglik, fit.estimates.parameters, fit.design.n)
    table = fit.varcorr()
    zero = table[(table["kind"] == "sd") & (table["mean"] == 0)]
    names = [f"sd_{row.group}[{row.term}]" for row in zero.itertuples()]
    said = f"{fit.method} is singular: " + (
        f"{named(names)} {'is' if len(names) == 1 else 'are'} estimated as 0"
        if names
        else "a correlation matrix has no inverse"
    )
    notes = (said,) if fit.singular else ()
    doubts = (f"{fit.method}: {fit.doubt}",) if fit.doubt else ()
    return Column(column.method, column.numbers, criteria, (*notes, *doubts))


def complete_column(design: Design, ci_prob: float) -> Column:
    """Return least squares over all rows, the groups ignored."""
    if not design.coefficients:
        return Column("complete", _empty(design), notes=("complete: there are no population-level coefficients",))
    try:
        found = least_squares(design.y - design.offset, design.X, design.weights)
    except ModelError as error:
        return Column("complete", _empty(design), notes=(f"complete: {error.what}",))
    return _fitted_column("complete", design, found, ci_prob)


def fixed_column(design: Design, ci_prob: float) -> Column:
    """Return least squares with the groups as fixed effects that sum to zero."""
    groups = [
        GroupColumns(np.hstack([block.Z for block in blocks]), blocks[0].codes, blocks[0].n_levels)
        for blocks in map(design.blocks, design.factors)
    ]
    try:
        found = fixed_groups(design.y - design.offset, design.X, groups, design.weights)
    except ModelError as error:
        return Column("fixed", _empty(design), notes=(f"fixed: {error.what}",))
    notes = []
    lost = [name for name, known in zip(design.coefficients, found.identified, strict=True) if not known]
    if lost:
        notes.append(f"fixed: beside fixed effects of the groups, {named(lost)} cannot be told from them")
    if found.left_out:
        notes.append(f"fixed: {found.left_out} levels are too small for columns of their own and are left out")
    notes += _no_freedom("fixed", found.df)
    return _fitted_column("fixed", design, found, ci_prob, tuple(notes))


def _fitted_column(
    method: str, design: Design, found: LeastSquares | FixedGroups, ci_prob: float, notes: tuple[str, ...] = ()
) -> Column:
    numbers = _empty(design)
    with np.errstate(invalid="ignore"):
        errors = np.sqrt(np.diag(found.covariance))
    numbers[: len(found.beta)] = _with_limits(found.beta, errors, found.df, ci_prob)
    numbers[-1] = _sigma(found.sigma, found.df, ci_prob)
    return Column(method, numbers, _criteria(found.loglik, found.rank + 1, design.n, found.df), notes)


def separate_column(design: Design, factor: str, ci_prob: float) -> tuple[Column, pd.DataFrame]:
    """Return the mean and spread of a separate fit for each level, and those fits."""
    terms, columns = _own_columns(design, factor)
    block = design.blocks(factor)[0]
    found = no_pooling(design.y - design.offset, None, columns, block.codes, block.n_levels, design.weights)
    levels = _levels(found, factor, block.levels, terms, ci_prob)
    numbers = _empty(design)
    kept = found.coef[~found.too_small]
    if not len(kept):
        said = f"separate: no level of {factor} has a fit of its own: {named(_constant(design, block.codes, factor))}"
        return Column("separate", numbers, notes=(said,)), levels
    _fill_means(numbers, design, kept, terms, ci_prob)
    _fill_spreads(numbers, design, factor, kept, terms)
    numbers[-1] = _sigma(found.sigma, found.df, ci_prob)
    notes = list(_no_freedom("separate", found.df))
    if found.too_small.any():
        small = [level for level, out in zip(block.levels, found.too_small, strict=True) if out]
        notes.append(f"separate: too small for a fit of their own and left out: {named(small)}")
    criteria = {} if found.too_small.any() else _criteria(*_separate_loglik(found, design, terms), found.df)
    return Column("separate", numbers, criteria, tuple(notes)), levels


def named(names: list[str]) -> str:
    """List names, the first few of many."""
    shown = ", ".join(names[:MOST_NAMED])
    return shown + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")


def _own_columns(design: Design, factor: str) -> tuple[list[str], Floats]:
    """Return the population columns and the factor's own that they do not span: what a fit of one level has."""
    terms, columns = list(design.coefficients), design.X
    for block in design.blocks(factor):
        for i, term in enumerate(block.terms):
            z = block.Z[:, i]
            left = z - columns @ np.linalg.lstsq(columns, z, rcond=None)[0] if columns.shape[1] else z
            if np.linalg.norm(left) > 1e-9 * np.linalg.norm(z):
                terms.append(term)
                columns = np.column_stack([columns, z])
    return terms, columns


def _fill_means(numbers: Floats, design: Design, kept: Floats, terms: list[str], ci_prob: float) -> None:
    J, p = len(kept), len(design.coefficients)
    error = kept.std(axis=0, ddof=1) / np.sqrt(J) if J > 1 else np.full(len(terms), np.nan)
    numbers[:p] = _with_limits(kept.mean(axis=0), error, J - 1, ci_prob)[:p]


def _fill_spreads(numbers: Floats, design: Design, factor: str, kept: Floats, terms: list[str]) -> None:
    rows = parameters(design)
    places = {name: i for i, name in enumerate(rows["parameter"])}
    own = design.factor_terms(factor)
    if len(kept) < 2:
        return
    for term in own:
        if term in terms:
            numbers[places[f"sd_{factor}[{term}]"], 0] = kept[:, terms.index(term)].std(ddof=1)
    for i, j in design.correlated_pairs(factor):
        if len(kept) > 2 and own[i] in terms and own[j] in terms:
            pair = kept[:, [terms.index(own[i]), terms.index(own[j])]]
            if np.all(np.ptp(pair, axis=0) > 0):
                correlations: Floats = np.atleast_2d(np.corrcoef(pair.T))
                numbers[places[f"corr_{factor}[{own[i]}, {own[j]}]"], 0] = correlations[0, 1]


def _levels(found: NoPooling, factor: str, levels: tuple[str, ...], terms: list[str], ci_prob: float) -> pd.DataFrame:
    numbers = _with_limits(found.coef.reshape(-1), found.se.reshape(-1), found.df, ci_prob)
    table = pd.DataFrame(numbers, columns=NUMBERS)
    table.insert(0, "rows", np.repeat(found.counts, len(terms)))
    return by_level(factor, levels, terms, table)


def _constant(design: Design, codes: np.ndarray, factor: str) -> list[str]:
    """Say which population columns stand still within every level; if none does, that the levels are too small."""
    sizes = np.bincount(codes)
    X = np.asarray(design.X)
    within = np.stack([np.bincount(codes, weights=x) for x in X.T], axis=1) / sizes[:, None]
    still = np.all(np.abs(X - within[codes]) <= 1e-12 * np.abs(X).max(axis=0), axis=0)
    names = [name for name, flat in zip(design.coefficients, still, strict=True) if flat and name != "Intercept"]
    return [f"{name} does not vary within it" for name in names] or ["each has too few rows"]


def _separate_loglik(found: NoPooling, design: Design, terms: list[str]) -> tuple[float, int, int]:
    count = found.coef.shape[0] * len(terms) + 1
    if found.df <= 0:
        return float("nan"), count, design.n
    squares = found.sigma**2 * found.df
    half = 0.5 * float(np.log(design.weights).sum())
    return half - design.n / 2 * (float(np.log(2 * np.pi * squares / design.n)) + 1), count, design.n


def _criteria(loglik: float, count: int, n: int, df: int | None = None) -> dict[str, float]:
    own = {"parameters": float(count)} | ({} if df is None else {"df_residual": float(df)})
    if not np.isfinite(loglik) or (df is not None and df <= 0):
        return own
    criterion = -2 * loglik
    bic = criterion + float(np.log(n)) * count
    return {**own, "loglik": loglik, "aic": criterion + 2 * count, "bic": bic, "criterion": criterion}


def _no_freedom(method: str, df: int) -> list[str]:
    return [f"{method}: no residual degrees of freedom are left, so there is no sigma"] if df <= 0 else []


def _empty(design: Design) -> Floats:
    return np.full((len(parameters(design)), len(NUMBERS)), np.nan)


def _with_limits(estimate: Floats, error: Floats, df: int, ci_prob: float) -> Floats:
    t = float(stdtrit(df, 0.5 + ci_prob / 2)) if df > 0 else np.nan
    return np.column_stack([estimate, error, estimate - t * error, estimate + t * error])


def _sigma(sigma: float, df: int, ci_prob: float) -> Floats:
    """Return sigma, its standard error ``sigma / sqrt(2 df)`` and the limits from the chi-square of the squares."""
    if df <= 0:
        return np.full(4, np.nan)
    tail = (1 - ci_prob) / 2
    lower, upper = sigma * np.sqrt(df / chdtri(df, np.array([tail, 1 - tail])))
    return np.array([sigma, sigma / np.sqrt(2 * df), lower, upper])
