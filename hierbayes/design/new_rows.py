"""New data to rows of the design, through the frozen schema and without the data of the fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from hierbayes.design.arithmetic import as_zero_one
from hierbayes.design.build import row_weights
from hierbayes.design.design import Design
from hierbayes.design.groups import cross, level_labels
from hierbayes.design.rank import told_apart
from hierbayes.design.response import read_response, read_trials
from hierbayes.design.row_labels import labels_of_rows
from hierbayes.design.schema import ColumnSchema, GroupSchema, Schema
from hierbayes.design.stacked import first_of_each, parts_of, stacked_matrix
from hierbayes.design.stateful import States
from hierbayes.design.table import (
    LARGEST_EXACT,
    Categorical,
    Column,
    Floats,
    Ints,
    Numeric,
    as_factor,
    missing_values,
    read_column,
    to_pandas,
)
from hierbayes.design.terms import evaluate, evaluate_numeric
from hierbayes.errors import DataError
from hierbayes.formula import suggest


@dataclass(frozen=True)
class RowGroup:
    """The rows of one group-level term.

    Attributes
    ----------
    factor : str
    Z : array, shape (n, k)
        The columns, as given (not centred).
    codes : array of int, shape (n,)
        Below J the level of the fit; J + i is `new[i]`; -1 where the level is missing or not given.
    new : tuple of str
        Labels of levels that the fit has not seen.
    new_keys : tuple of tuple of str
        The same levels as tuples, one entry a column of the factor.
    """

    factor: str
    Z: Floats
    codes: Ints
    new: tuple[str, ...] = ()
    new_keys: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Rows:
    """Rows of the design that new data make.

    A ``categorical`` response has K - 1 rows for each of the data in X, offset and groups, as in the design.

    Attributes
    ----------
    n : int
        Number of rows of the data.
    X : array, shape (n, p)
        The population columns as given (not centred).
    offset : array, shape (n,)
    weights : array, shape (n,)
        1 unless they were asked for.
    groups : tuple of RowGroup
        In the order of ``schema.groups``; empty if they were not asked for.
    y : array, shape (n,), or None
        The response, if it was asked for.
    trials : array, shape (n,), or None
        The number of trials, if they were asked for and the model has any.
    index : pandas.Index, length n, or None
        The labels of the rows of the data; None where they are numbered from 0.
    gap : array, shape (n, d), or None
        How far each row is from what the data of the fit determine, for each column of the population part that was
        dropped (see `hierbayes.design.rank`); None where nothing was.
    """

    n: int
    X: Floats
    offset: Floats
    weights: Floats
    groups: tuple[RowGroup, ...]
    y: Floats | None
    trials: Floats | None = None
    index: pd.Index | None = None
    gap: Floats | None = None

    def of_predictor(self, place: int, predictors: int) -> Rows:
        """Return the rows of one of several predictors, with the columns of all: those of others hold zeros."""
        own = slice(place, None, predictors)
        groups = tuple(replace(group, Z=group.Z[own], codes=group.codes[own]) for group in self.groups)
        return replace(self, X=self.X[own], offset=self.offset[own], groups=groups)


def design_rows(design: Design) -> Rows:
    """Return the rows of the fit itself."""
    groups = tuple(RowGroup(block.factor, block.Z, block.codes) for block in design.groups)
    return Rows(design.n, design.X, design.offset, design.weights, groups, design.y, design.trials, design.index)


def rows_of(
    schema: Schema,
    data: Any,
    *,
    groups: bool = True,
    response: bool = False,
    weights: bool | None = None,
    absent: bool = False,
    trials: bool | None = None,
    undetermined: Literal["raise", "nan", "keep"] = "raise",
) -> Rows:
    """Return the rows of the design that new data make. The data are never changed.

    What the calls of the formula learnt from the data of the fit (means, sds, knots) and the levels of its categorical
    columns are replayed, so that the rows of the fit's own data come out bit for bit, and a row does not depend on the
    rows beside it.

    Parameters
    ----------
    schema : Schema
    data : data frame or dict
        Needs the columns that the formula names; other columns do not matter. A dict of single values is one
        row.
    groups : bool
        Read the group-level terms; without them the grouping columns are not needed.
    response : bool
        Read the response; without it the column is not needed.
    weights : bool, optional
        Read the weights, and with them the known standard errors; by default where the response is read.
    absent : bool
        Let grouping columns be absent: the level of every row is then not given.
    trials : bool, optional
        Read the number of trials; by default where the response is read, and always there.
    undetermined : "raise", "nan" or "keep"
        What to do with rows of which the data of the fit say nothing, for columns were dropped there, as in a cell
        that was empty: refuse them, make their columns NaN, or keep them, beside their `Rows.gap`.

    Raises
    ------
    DataError
        Names the column that is missing or cannot be used, the first row with a missing or infinite value (counting
        from 0), the level of a column that the fit has not seen, or a row that the fit does not determine.
    """
    table = to_pandas(as_rows(data))
    weights = response if weights is None else weights
    trials = response or bool(trials)
    n, states = len(table), States.frozen(schema.states)
    columns = _read(schema, table, schema.needed(groups=groups, response=response, weights=weights, trials=trials))
    population = evaluate(schema.formula.population, columns, schema.contrasts, n, states)
    offset = np.zeros(n)
    for expression in schema.formula.offsets:
        offset = offset + evaluate_numeric(expression, columns, n, "offset", states)
    rows = np.arange(n)
    y, given = _response(schema, columns, rows, states, response, trials)
    S = schema.family.predictors
    X, gap = told_apart(population.matrix, population.labels, schema.dropped)
    X = _determined(X, gap, [own.label for own in schema.dropped], "the population part", undetermined)
    return Rows(
        n=n,
        X=X if S == 1 else stacked_matrix(X, S),
        offset=np.repeat(offset, S),
        weights=row_weights(schema.residual, columns, rows, states) if weights else np.ones(n),
        groups=_groups(schema, table, columns, states, absent, undetermined) if groups else (),
        y=y,
        trials=given,
        index=labels_of_rows(table),
        gap=gap if schema.dropped else None,
    )


def _determined(X: Floats, gap: Floats, names: Sequence[str], where: str, undetermined: str) -> Floats:
    """Return the columns, with rows that the fit does not determine as they are, as NaN or refused."""
    if undetermined == "keep" or not gap.any():
        return X
    if undetermined == "nan":
        return np.where(gap.any(axis=1)[:, None], np.nan, X)
    row, column = np.argwhere(gap)[0]
    raise DataError(
        f"row {row} (counting from 0) lies where the fit had no data: there {names[column]!r} counts, which no row of "
        f"the fit determined and {where} is without",
        "leave such rows out, or fit a model without that interaction",
    )


def _response(
    schema: Schema, columns: Mapping[str, Column], rows: Ints, states: States, response: bool, trials: bool
) -> tuple[Floats | None, Floats | None]:
    """Return the response and the number of trials, as far as they are asked for."""
    formula = schema.formula
    if response:
        found = read_response(formula, schema.family.values, columns, rows, states, schema.response_levels)
        return found.y, found.trials
    if trials and formula.trials is not None:
        return None, read_trials(formula.trials, columns, rows, states)
    return None, None


def as_rows(data: Any) -> Any:
    """Return a dict of single values as one row."""
    if isinstance(data, dict) and data and all(isinstance(v, str) or np.ndim(v) == 0 for v in data.values()):
        return {name: [value] for name, value in data.items()}
    return data


def _read(schema: Schema, table: pd.DataFrame, names: tuple[str, ...]) -> dict[str, Column]:
    """Return the columns as numbers or with the levels of the fit."""
    rows = np.arange(len(table))
    for name in names:
        _check_there(name, table)
        _check_gaps(name, table[name])
    return {
        name: _as_in_fit(read_column(table, name, rows), schema.by_name[name], name in schema.coded) for name in names
    }


def _check_there(name: str, table: pd.DataFrame) -> None:
    if name in table.columns:
        return
    available = [str(column) for column in table.columns]
    nearest = suggest(name, available)
    hint = f"did you mean {nearest!r}?" if nearest else f"they have {', '.join(available[:10]) or 'no columns'}"
    raise DataError(f"the new data have no column {name!r}, which the model reads", hint)


def _check_gaps(name: str, series: pd.Series) -> None:
    gaps = missing_values(series)
    if gaps.any():
        raise DataError(
            f"column {name!r} of the new data has {int(gaps.sum())} missing value(s), the first in row "
            f"{int(np.argmax(gaps))} (counting from 0)",
            "fill them in, or leave those rows out",
        )


def _as_in_fit(column: Column, fitted: ColumnSchema, coded: bool) -> Column:
    if fitted.kind == "numeric":
        return _as_number(column)
    if fitted.kind == "number":
        number = _as_number(column)
        own = as_factor(number)
        return replace(number, factor=_onto(own, fitted.levels) if coded else own)
    if fitted.kind == "boolean":
        return _onto(_as_boolean(column), ("False", "True"))
    own = as_factor(column)
    levels = fitted.levels if coded else own.levels
    return _onto(Categorical(own.name, own.levels, own.codes, "text"), levels)


def _as_number(column: Column) -> Numeric:
    if isinstance(column, Numeric):
        return column
    if column.kind == "boolean":
        return Numeric(column.name, as_zero_one(column))
    raise DataError(
        f"column {column.name!r} holds text or categories, such as {column.levels[0]!r}, but the model reads it as a "
        "number",
        "give numbers there, as in the data of the fit",
    )


def _as_boolean(column: Column) -> Categorical:
    if isinstance(column, Numeric) and np.isin(column.values, (0.0, 1.0)).all():
        return Categorical(column.name, ("False", "True"), column.values.astype(np.int64), "boolean")
    own = as_factor(column)
    return Categorical(own.name, own.levels, own.codes, "boolean")


def _onto(column: Categorical, levels: tuple[str, ...]) -> Categorical:
    """Return the column with the levels of the fit, in their order."""
    if column.levels == levels:
        return column
    index = {level: i for i, level in enumerate(levels)}
    place = np.asarray([index.get(level, -1) for level in column.levels], dtype=np.int64)
    codes = place[column.codes]
    unseen = np.flatnonzero(codes < 0)
    if unseen.size:
        level = column.levels[column.codes[unseen[0]]]
        raise DataError(
            f"column {column.name!r} has the level {level!r} in row {int(unseen[0])} (counting from 0), which the fit "
            "has not seen and has no coefficient for",
            f"its levels are: {', '.join(levels[:20])}{', ...' if len(levels) > 20 else ''}",
        )
    return Categorical(column.name, levels, codes, column.kind)


def _groups(
    schema: Schema,
    table: pd.DataFrame,
    columns: Mapping[str, Column],
    states: States,
    absent: bool,
    undetermined: str,
) -> tuple[RowGroup, ...]:
    n, S = len(table), schema.family.predictors
    found: dict[str, tuple[Ints, tuple[str, ...], tuple[tuple[str, ...], ...]]] = {}
    rows = []
    for own, group in zip(first_of_each(schema.groups, S), schema.formula.groups, strict=True):
        if own.factor not in found:
            found[own.factor] = _levels(own, table, absent)
        codes, new, new_keys = found[own.factor]
        part = evaluate(group.part, columns, schema.contrasts, n, states)
        matrix, gap = told_apart(part.matrix, part.labels, own.dropped)
        names = [each.label for each in own.dropped]
        matrix = _determined(matrix, gap, names, f"the term of {own.factor!r}", undetermined)
        matrix, codes = (matrix, codes) if S == 1 else (stacked_matrix(matrix, S), np.repeat(codes, S))
        for Z in np.hsplit(matrix, parts_of(own, S)):
            rows.append(RowGroup(own.factor, Z, codes, new, new_keys))
    return tuple(rows)


def _levels(
    own: GroupSchema, table: pd.DataFrame, absent: bool
) -> tuple[Ints, tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Return the code of each row, and the levels that the fit has not seen, as labels and as keys."""
    codes = np.full(len(table), -1, dtype=np.int64)
    if absent and any(name not in table.columns for name in own.columns):
        return codes, (), ()
    for name in own.columns:
        _check_there(name, table)
    given = np.flatnonzero(~np.logical_or.reduce([missing_values(table[name]) for name in own.columns]))
    if given.size == 0:
        return codes, (), ()
    read = [read_column(table, name, given) for name in own.columns]
    for i, column in enumerate(read):
        _check_merged(column, own, i)
    keys, cells = cross([as_factor(column) for column in read])
    new_keys = tuple(key for key in keys if key not in own.index)
    place = {**own.index, **{key: own.n_levels + i for i, key in enumerate(new_keys)}}
    codes[given] = np.asarray([place[key] for key in keys], dtype=np.int64)[cells]
    return codes, level_labels((*own.keys, *new_keys), own.factor)[own.n_levels :] if new_keys else (), new_keys


def _check_merged(column: Column, own: GroupSchema, position: int) -> None:
    """Refuse long identifiers that have been through a float, in which neighbours are one number."""
    if not isinstance(column, Numeric) or column.exact is not None or np.abs(column.values).max() < LARGEST_EXACT:
        return
    levels = (key[position].lstrip("-") for key in own.keys)
    if any(level.isdigit() and int(level) > LARGEST_EXACT for level in levels):
        raise DataError(
            f"column {column.name!r} holds identifiers beyond 2**53 as floats, in which neighbours are one number",
            "read it as integers or as text",
        )
