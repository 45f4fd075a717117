"""A spec and a table make a design."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from hierbayes.design.checks import check_column_names, check_contrasts, check_formula
from hierbayes.design.design import Design
from hierbayes.design.groups import GroupBlock, build_groups
from hierbayes.design.rank import Dropped, combinations, kept_columns, say_dropped
from hierbayes.design.response import check_spread, read_response
from hierbayes.design.row_labels import labels_of_rows
from hierbayes.design.schema import schema_of
from hierbayes.design.stacked import stacked_design
from hierbayes.design.stateful import States
from hierbayes.design.table import Categorical, Column, Floats, Ints, complete_rows, read_column, to_pandas
from hierbayes.design.terms import Evaluated, evaluate, evaluate_numeric
from hierbayes.design.text_numbers import warn_of_text_numbers
from hierbayes.errors import DataError, warn
from hierbayes.expressions.syntax import Call, Name
from hierbayes.families import with_categories
from hierbayes.formula import Formula, show
from hierbayes.formula.syntax import Atom, Group
from hierbayes.residuals import Residual
from hierbayes.spec import ModelSpec

_MOST_WEIGHT = 1e6
"""Beyond it, and below its inverse, sds and sigma are of sizes too different for the search of their mode."""


def build(spec: ModelSpec, data: Any) -> Design:
    """Read the columns that the spec names and return the design. The data are never changed.

    Raises
    ------
    FormulaError
        If the formula names a column that is not there; the place is marked.
    DataError
        If the data cannot be used; the column, level or row is named.
    """
    table = to_pandas(data)
    check_column_names(spec.columns, table.columns)
    check_formula(spec, [name for name in table.columns if isinstance(name, str)], table.index.names)
    rows = complete_rows(table, spec.columns, spec.missing)
    columns = {name: read_column(table, name, rows) for name in spec.columns}
    return _design(spec, columns, rows, len(table), labels_of_rows(table, rows))


def from_columns(
    spec: ModelSpec, columns: Mapping[str, Column], rows: Ints, rows_given: int, labels: pd.Index | None = None
) -> Design:
    """Return the design of columns that have been read already, as those of another design; otherwise as `build`.

    Parameters
    ----------
    spec : ModelSpec
    columns : mapping of str to Column
        May hold more than the spec names.
    rows : array of int, shape (n,)
        Positions of the rows in the user's data.
    rows_given : int
        Number of rows in the user's data.
    labels : pandas.Index, length n, optional
        Labels of the rows.
    """
    check_formula(spec, list(columns))
    return _design(spec, {name: columns[name] for name in spec.columns}, rows, rows_given, labels)


def _design(
    spec: ModelSpec, columns: Mapping[str, Column], rows: Ints, rows_given: int, labels: pd.Index | None
) -> Design:
    check_contrasts(spec, tuple(columns.values()))
    n = len(rows)
    states = States()
    response = read_response(spec.formula, spec.family.values, columns, rows, states)
    spec = replace(spec, family=with_categories(spec.family, len(response.levels)))
    shown = show(spec.formula.response)
    if n < 2:
        raise DataError(f"the data have {n} row in use; a model needs at least two", "give more rows")
    check_spread(spec.family.on_location(response.y), response, spec.family, shown)
    population = evaluate(spec.formula.population, columns, spec.contrasts, n, states)
    _check_labels(population.labels)
    population, dropped = _determined(population, spec)
    offset = np.zeros(n)
    for expression in spec.formula.offsets:
        offset = offset + evaluate_numeric(expression, columns, n, "offset", states)
    groups = build_groups(spec.formula.groups, columns, spec.contrasts, n, states, spec.rank)
    design = Design(
        response=shown,
        y=response.y,
        trials=response.trials,
        X=population.matrix,
        coefficients=population.labels,
        terms=population.terms,
        offset=offset,
        weights=row_weights(spec.residual, columns, rows, states),
        groups=groups,
        columns=tuple(columns.values()),
        rows=rows,
        rows_given=rows_given,
        labels=labels,
        schema=schema_of(spec, response.levels, population.labels, columns.values(), states.freeze(), groups, dropped),
    )
    _check_weights(spec.weights, design.weights)
    _warn_of_many(len(population.labels), n)
    for block in design.groups:
        _check_block(block, n, spec)
    _warn_told_twice(spec, columns)
    warn_of_text_numbers(spec.formula, columns)
    if not spec.family.has_mean:
        _refuse_offset(spec.formula)
        return stacked_design(design, response.levels[1:])
    if spec.family.has_thresholds and not _spans_intercept(design.X):
        warn(
            "an ordinal model without an intercept has its first threshold fixed at 0, while brms and clmm leave all "
            "thresholds free: leave out the 0 in the formula unless that is meant"
        )
    return design


def _determined(population: Evaluated, spec: ModelSpec) -> tuple[Evaluated, tuple[Dropped, ...]]:
    """Return the columns without those that no row determines, and these."""
    kept = kept_columns(population.matrix, spec.formula.population.intercept)
    dropped = combinations(population.matrix, kept, population.labels)
    say_dropped(dropped, "of the population part", spec.formula.population.intercept, spec.rank)
    return population.at(kept), dropped


def _warn_of_many(p: int, n: int) -> None:
    if p >= n:
        warn(
            f"{p} population-level coefficients for {n} rows: the data alone do not determine them, and what they do "
            "not say the priors decide. If an identifier is among the predictors, it belongs right of a bar"
        )


def _refuse_offset(formula: Formula) -> None:
    """Refuse an offset beside a categorical response: it would count for all categories but the reference alike."""
    for expression in formula.offsets:
        raise formula.error(
            "an offset beside a categorical response would be added to the log odds of every category against the "
            "reference alike, which is hardly meant",
            expression.span,
            "leave it out, or make it a predictor",
        )


def _spans_intercept(X: Floats) -> bool:
    one = np.ones(len(X))
    left = one - X @ np.linalg.lstsq(X, one, rcond=None)[0] if X.shape[1] else one
    return bool(np.linalg.norm(left) < 1e-8 * np.sqrt(len(X)))


def row_weights(residual: Residual, columns: Mapping[str, Column], rows: Ints, states: States) -> Floats:
    """Return the weight of each row; `rows` are the positions in the data, for the error.

    Raises
    ------
    DataError
        If a weight or a standard error is not a number above 0.
    """
    name, se = residual.weights, residual.errors
    column = None if name is None else columns[name]
    if isinstance(column, Categorical):
        raise DataError(f"the weights column {name!r} must be numeric", "turn it into a column of positive numbers")
    errors = None if se is None else evaluate_numeric(se, columns, len(rows), "standard error", states)
    return residual.row_weights(None if column is None else column.values, errors, rows)


def _check_weights(name: str | None, weights: Floats) -> None:
    with np.errstate(over="ignore"):
        mean = float(np.mean(weights))
    if not 1 / _MOST_WEIGHT <= mean <= _MOST_WEIGHT:
        raise DataError(
            f"the weights in column {name!r} are {mean:g} on average, too far from 1 to compute with",
            "divide them all by their mean; sigma is then the residual sd of a row of mean weight",
        )


def _check_labels(labels: tuple[str, ...]) -> None:
    repeated = {label for label in labels if labels.count(label) > 1}
    if repeated:
        raise DataError(f"two population columns would both be called {sorted(repeated)[0]!r}", "rename a level")


def _check_block(block: GroupBlock, n: int, spec: ModelSpec) -> None:
    # Where the variance of a row is known but for its mean, effects of the rows show as overdispersion.
    known = spec.residual.errors is not None or spec.family.name in ("poisson", "binomial")
    if block.n_levels == n and block.intercept and not known:
        rest = "the residual" if spec.family.has_sigma else f"what the {spec.family.name} family varies by itself"
        warn(
            f"every row is a level of its own in {block.factor!r}: its effects cannot be told from {rest}, "
            "and only the priors tell their sds apart"
        )
    if block.split:
        _warn_far_from_zero(block)


def _warn_told_twice(spec: ModelSpec, columns: Mapping[str, Column]) -> None:
    """Warn where the levels of a factor have coefficients of their own beside their group-level intercepts."""
    alone = [term.atoms[0] for term in spec.formula.population.terms if len(term.atoms) == 1]
    coded = {name for atom in alone if (name := _coded(atom, columns)) is not None}
    grouped = dict.fromkeys(group.factor[0] for group in spec.formula.groups if _of_levels(group))
    for name in grouped:
        if name in coded:
            warn(
                f"each level of {name!r} has a coefficient of its own and an effect in (1 | {name}) as well: the data "
                "cannot tell the two apart, and only the priors do. Leave one of them out"
            )


def _of_levels(group: Group) -> bool:
    return group.part.intercept and len(group.factor) == 1


def _coded(atom: Atom, columns: Mapping[str, Column]) -> str | None:
    """Return the column whose levels an atom makes columns of, None if it makes none."""
    if isinstance(atom, Call):
        first = atom.args[0]
        return first.name if atom.function in ("C", "factor") and isinstance(first, Name) else None
    return atom.name if isinstance(columns[atom.name], Categorical) else None


def _warn_far_from_zero(block: GroupBlock) -> None:
    for j, term in enumerate(block.terms):
        column = block.Z[:, j]
        spread = float(np.std(column))
        if spread > 0 and abs(float(np.mean(column))) > 3 * spread:
            warn(
                f"{term!r} varies by {block.factor!r} without a correlation (||), and its mean lies more than three "
                f"sds from zero: the model then depends on where zero is. Centre it: center({term}), or keep the "
                "correlation with |"
            )
