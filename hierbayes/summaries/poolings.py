"""Complete, no and partial pooling of one grouping factor, side by side, as tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from hierbayes.design.design import Design
from hierbayes.design.levels import LevelSpan, span
from hierbayes.design.table import Categorical, Numeric
from hierbayes.errors import ModelError
from hierbayes.estimates import (
    NoPooling,
    Responses,
    least_squares,
    maximum_by_level,
    maximum_likelihood,
    no_pooling,
)
from hierbayes.expressions.syntax import names_in
from hierbayes.formula.names import suggest
from hierbayes.formula.syntax import Formula
from hierbayes.posterior import Posterior
from hierbayes.summaries.observed import mean_label, observed
from hierbayes.summaries.shrinkage_factors import conditional_factors, row_information
from hierbayes.tables.numbers import Floats, estimates


@dataclass(frozen=True)
class PoolingTables:
    """The three ways to pool, for one grouping factor.

    Attributes
    ----------
    factor : str
    table : DataFrame
        Columns group, level, term, complete, no, partial, lower, upper, factor. See `pooling_tables`.
    population : mapping of str to float
        Posterior mean of each term over the population of levels.
    complete : mapping of str to float
        Complete-pooling estimate of each term.
    covariance : DataFrame
        Posterior mean of the covariance (variances and covariances, not sds) of the level effects, terms by terms.
    points : DataFrame
        The data: columns level, x, y.
    curves : DataFrame
        The three fits along x: columns level, x, complete, no, partial.
    x_label, y_label : str
    binary : bool
        Whether every response is 0 or 1.
    """

    factor: str
    table: pd.DataFrame
    population: dict[str, float]
    complete: dict[str, float]
    covariance: pd.DataFrame
    points: pd.DataFrame
    curves: pd.DataFrame
    x_label: str
    y_label: str
    binary: bool = False


def pick_factor(design: Design, factor: str | None) -> str:
    """Return the grouping factor asked for, the first one if none was.

    Raises
    ------
    ModelError
        If the model has no grouping factor, or not that one.
    """
    if not design.factors:
        raise ModelError(
            "the model has no group-level terms, so there is nothing to pool",
            "add one to the formula, such as (1 | group)",
        )
    if factor is None:
        return design.factors[0]
    if factor not in design.factors:
        nearest = suggest(factor, design.factors)
        hint = f"did you mean {nearest!r}? " if nearest else ""
        raise ModelError(f"the model has no grouping factor {factor!r}", f"{hint}it has: {', '.join(design.factors)}")
    return factor


def pooling_tables(
    design: Design,
    formula: Formula,
    posterior: Posterior,
    factor: str | None = None,
    ci_prob: float = 0.95,
) -> PoolingTables:
    """Compare the three ways to pool the levels of one grouping factor.

    The columns of ``table``, for each level and each term of the factor:

    - ``complete``: least squares over all rows, the factor ignored; the same for every level.
    - ``no``: least squares for each level by itself (`hierbayes.estimates.no_pooling`); NaN where a level is too small
      for its own fit. Population-level columns outside the term keep coefficients that all levels share; other
      grouping factors are left out.
    - ``partial``, ``lower``, ``upper``: posterior mean and equal-tailed interval of the level's total, the
      population-level coefficient plus the level's deviation.
    - ``factor``: the pooling factor, 0 for no pooling and 1 for complete pooling: the posterior mean of the diagonal of
      ``(I + Sigma A_j)^-1``, with Sigma the covariance of the effects and ``A_j = Z_j' W_j Z_j / sigma^2`` the
      information in the level's own rows. With a random intercept alone it is ``sigma^2 / (sigma^2 + n_j sd^2)``.

    For other families than the gaussian the table is on the scale of the link, and complete and no pooling are maximum
    likelihood (`hierbayes.estimates.maximum_likelihood`, `maximum_by_level`) with the family's own parameters at their
    posterior means. ``no`` is also NaN where a level's estimate lies at infinity, as with successes alone, and
    ``complete`` where that of all rows does. Points and curves are on the scale of the mean response.
    """
    family = design.family
    name = pick_factor(design, factor)
    pieces = level_span(design, name)
    beta, separate = own_fits(design, pieces, posterior)
    own = posterior.factors[name]
    common = pieces.population(posterior.beta)
    totals = estimates((common[:, None, :] + own.b)[None], ci_prob)
    complete = pieces.T @ beta[pieces.inside]
    factors = conditional_factors(pieces, row_information(design, posterior), posterior)["mean"]
    table = _table(name, pieces, complete, separate.coef, totals, factors)
    fits = {
        "complete": design.X @ beta,
        "no": design.X[:, ~pieces.inside] @ separate.gamma + _rowwise(pieces, separate.coef),
        "partial": design.X @ posterior.beta.mean(axis=0) + _rowwise(pieces, own.b.mean(axis=0)),
    }
    y = design.y - design.offset if family.conjugate else observed(design)
    if not family.conjugate:
        typical = posterior.typical_parameters
        fits = {key: np.asarray(family.mean(fit + design.offset, typical)) for key, fit in fits.items()}
    x, x_label = _horizontal(design, formula, name, pieces)
    points, curves = _lines(pieces, x, y, fits)
    return PoolingTables(
        factor=name,
        table=table,
        population=dict(zip(pieces.terms, common.mean(axis=0).tolist(), strict=True)),
        complete=dict(zip(pieces.terms, complete.tolist(), strict=True)),
        covariance=pd.DataFrame(posterior.covariance(name).mean(axis=0), index=pieces.terms, columns=pieces.terms),
        points=points,
        curves=curves,
        x_label=x_label,
        y_label=mean_label(design) + (" less offset" if family.conjugate and np.any(design.offset) else ""),
        binary=family.values == "binary",
    )


def level_span(design: Design, factor: str) -> LevelSpan:
    """Return the columns of one grouping factor, and the coefficients that vary by it.

    Raises
    ------
    ModelError
        If its terms are linearly dependent.
    """
    found = span(design, factor)
    length = np.maximum(np.linalg.norm(found.Z, axis=0), 1e-300)
    if np.linalg.matrix_rank(found.Z / length) < found.Z.shape[1]:
        raise ModelError(f"the terms that vary by {factor!r} are linearly dependent, so no level can have its own fit")
    return found


def own_fits(design: Design, pieces: LevelSpan, posterior: Posterior) -> tuple[Floats, NoPooling]:
    """Return the complete-pooling coefficients, (p,), NaN where they are not determined, and each level's own fit."""
    if not design.family.conjugate:
        return _own_likelihood_fits(design, pieces, posterior.typical_parameters)
    y = design.y - design.offset
    beta = least_squares(y, design.X, design.weights).beta if design.coefficients else np.zeros(0)
    separate = no_pooling(
        y,
        design.X[:, ~pieces.inside],
        pieces.Z,
        pieces.codes,
        len(pieces.levels),
        design.weights,
        gamma_complete=beta[~pieces.inside],
    )
    return np.asarray(beta), separate


def _own_likelihood_fits(design: Design, pieces: LevelSpan, parameters: dict[str, float]) -> tuple[Floats, NoPooling]:
    rows = Responses(design.family, design.y, parameters, design.offset, design.weights, design.trials)
    p = len(design.coefficients)
    found = maximum_likelihood(rows, design.X) if p else None
    beta = np.full(p, np.nan) if found is None else found.beta
    shared = design.X[:, ~pieces.inside]
    # where no level identifies a shared coefficient and all rows together do not either, it is held at 0
    held = np.nan_to_num(beta[~pieces.inside])
    return beta, maximum_by_level(rows, shared, pieces.Z, pieces.codes, len(pieces.levels), held)


def _rowwise(pieces: LevelSpan, coefficients: Floats) -> Floats:
    return np.asarray(np.einsum("ik,ik->i", pieces.Z, coefficients[pieces.codes]))


def _table(
    name: str, pieces: LevelSpan, complete: Floats, separate: Floats, totals: dict[str, Floats], factors: Floats
) -> pd.DataFrame:
    J, k = len(pieces.levels), len(pieces.terms)
    return pd.DataFrame(
        {
            "group": name,
            "level": np.repeat(np.asarray(pieces.levels, dtype=object), k),
            "term": np.tile(np.asarray(pieces.terms, dtype=object), J),
            "complete": np.tile(complete, J),
            "no": separate.reshape(-1),
            "partial": totals["mean"].reshape(-1),
            "lower": totals["lower"].reshape(-1),
            "upper": totals["upper"].reshape(-1),
            "factor": factors.reshape(-1),
        }
    )


def _horizontal(design: Design, formula: Formula, factor: str, pieces: LevelSpan) -> tuple[Any, str]:
    """Choose what to draw along x: a number that varies by level, any column, else the row within its level."""
    own = [g for g in formula.groups if g.label == factor]
    varying = [n.name for g in own for t in g.part.terms for atom in t.atoms for n in names_in(atom)]
    others = [n.name for t in formula.population.terms for atom in t.atoms for n in names_in(atom)]
    columns = [design.column(name) for name in dict.fromkeys((*varying, *others))]
    for column in columns:
        if isinstance(column, Numeric) and _varies_within(column.values, pieces):
            return column.values, column.name
    for column in columns:
        if isinstance(column, Categorical) and _varies_within(column.codes.astype(float), pieces):
            return pd.Categorical.from_codes(column.codes.tolist(), pd.Index(column.levels), ordered=True), column.name
    order = pd.Series(pieces.codes).groupby(pieces.codes).cumcount().to_numpy() + 1
    return order.astype(float), "observation"


def _varies_within(values: Floats, pieces: LevelSpan) -> bool:
    grouped = pd.Series(values).groupby(pieces.codes)
    return bool((grouped.max() - grouped.min() > 0).any())


def _lines(pieces: LevelSpan, x: Any, y: Floats, fits: dict[str, Floats]) -> tuple[pd.DataFrame, pd.DataFrame]:
    level = np.asarray(pieces.levels, dtype=object)[pieces.codes]
    points = pd.DataFrame({"level": level, "x": x, "y": y})
    rows = pd.DataFrame({"level": level, "x": x, **fits})
    # rows of one level at one x differ in other predictors: their mean is drawn
    curves = rows.groupby(["level", "x"], as_index=False, observed=True, sort=True).mean()
    return points, curves
