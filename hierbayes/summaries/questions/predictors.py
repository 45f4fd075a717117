"""The columns of a fit: which there are, what values they take, and what a user names."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from hierbayes.design.design import Design
from hierbayes.design.schema import ColumnSchema
from hierbayes.design.table import Column, Numeric, as_factor
from hierbayes.errors import ModelError
from hierbayes.expressions.syntax import names_in
from hierbayes.formula.names import suggest
from hierbayes.tables.numbers import Floats

Value = float | str
Values = dict[str, tuple[Value, ...]]
"""Columns with the values that they take."""


def predictors(design: Design, groups: bool = False) -> tuple[ColumnSchema, ...]:
    """Return the columns that the population part and the offsets read, and the group-level terms if asked."""
    schema = design.schema
    return tuple(schema.by_name[name] for name in schema.needed(groups=groups, response=False, weights=False))


def chosen(design: Design, given: Any, role: str, groups: bool = False) -> tuple[str, ...]:
    """Return the columns that the user names.

    Raises
    ------
    ModelError
        If one is no column of the population part.
    """
    names = [] if given is None else [given] if isinstance(given, str) else given
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise ModelError(f"{role} takes the name of a predictor or a list of them, not {given!r}")
    for name in names:
        check_predictor(design, name, role, groups)
    if len(set(names)) < len(names):
        raise ModelError(f"{role} names a predictor twice: {', '.join(names)}")
    return tuple(names)


def check_predictor(design: Design, name: Any, role: str, groups: bool = False) -> None:
    """Refuse what is no column of the population part, or of the group-level terms if these count too."""
    known = [column.name for column in predictors(design, groups)]
    if name in known:
        return
    hint = f"predictors: {', '.join(known)}" if known else "the population part has no predictors"
    if name in design.factors or any(name in block.columns for block in design.groups):
        raise ModelError(
            f"{role}: {name!r} is a grouping factor, whose effects are zero at the population level",
            f"look at its levels with fit.ranef() or fit.coef(); {hint}",
        )
    if name == design.response or name in response_columns(design):
        raise ModelError(f"{role}: {name!r} is the response", hint)
    nearest = suggest(str(name), known)
    raise ModelError(
        f"{role}: there is no predictor {name!r}", f"did you mean {nearest!r}? {hint}" if nearest else hint
    )


def response_columns(design: Design) -> set[str]:
    """Return the columns that the response reads."""
    return {node.name for node in names_in(design.schema.formula.response)}


def fixed_values(design: Design, at: Mapping[str, Any] | None, groups: bool = False) -> dict[str, tuple[Value, ...]]:
    """Return what ``at`` holds columns at, checked.

    Raises
    ------
    ModelError
        If a name is no column, a level is unknown, or a number is not finite.
    """
    if at is not None and not isinstance(at, Mapping):
        raise ModelError(f"at takes a mapping of predictors to values, not {at!r}", 'write {"Days": [0, 9]}')
    found = {}
    for name, given in (at or {}).items():
        check_predictor(design, name, "at", groups)
        column = design.schema.by_name[name]
        many = isinstance(given, Sequence | np.ndarray | pd.Series) and not isinstance(given, str)
        values = [_value(column, value) for value in (given if many else [given])]
        if not values:
            raise ModelError(f"at gives no value for {name!r}")
        if len(set(values)) < len(values):
            raise ModelError(f"at gives a value of {name!r} twice")
        found[name] = tuple(values)
    return found


def _value(column: ColumnSchema, value: Any) -> Value:
    if column.kind != "numeric":
        text = _level_text(value)
        if text not in column.levels:
            nearest = suggest(text, column.levels)
            guess = f"did you mean {nearest!r}? " if nearest else ""
            levels = ", ".join(column.levels[:20])
            raise ModelError(f"at: {column.name!r} has no level {text!r}", f"{guess}its levels are: {levels}")
        return text
    if isinstance(value, bool | str) or not isinstance(value, int | float | np.integer | np.floating):
        raise ModelError(f"at: {column.name!r} is numeric, so {value!r} is no value of it")
    if not math.isfinite(value):
        raise ModelError(f"at: {column.name!r} is held at {value!r}, which is not finite")
    return float(value)


def _level_text(value: Any) -> str:
    whole = isinstance(value, float | np.floating) and float(value).is_integer()
    return str(int(value)) if whole else str(value)


def values_of(design: Design, column: ColumnSchema, fixed: Mapping[str, tuple[Value, ...]]) -> tuple[Value, ...]:
    """Return the values that a column takes in the grid when nothing else is asked: its levels, or its mean."""
    if column.name in fixed:
        return fixed[column.name]
    return column.levels if column.kind != "numeric" else (float(np.mean(numbers_of(design, column.name, True))),)


def numbers_of(design: Design, name: str, held: bool = False) -> Floats:
    """Return the values of a numeric column in the rows of the fit; `held` says that `at` would do in their place.

    Raises
    ------
    ModelError
        If the fit no longer holds its data.
    """
    column = _column(design, name, held)
    if not isinstance(column, Numeric):
        raise ModelError(f"{name!r} is not numeric")
    return column.values


def _column(design: Design, name: str, held: bool) -> Column:
    try:
        return design.column(name)
    except ModelError as error:
        hint = f"{f'give values with at: {{{name!r}: ...}}, or ' if held else ''}save the fit with data=True"
        raise ModelError(f"this needs the values of {name!r}, which the file of the fit does not hold", hint) from error


def spread_values(design: Design, name: str) -> tuple[float, ...]:
    """Return mean - sd, mean and mean + sd of a numeric column."""
    values = numbers_of(design, name, True)
    mean, sd = float(np.mean(values)), float(np.std(values, ddof=1))
    return (mean - sd, mean, mean + sd)


def split_values(design: Design, name: str, fixed: Mapping[str, tuple[Value, ...]]) -> tuple[Value, ...]:
    """Return the values by which a table is split: levels, or mean - sd, mean and mean + sd, or what ``at`` says."""
    column = design.schema.by_name[name]
    if name in fixed:
        return fixed[name]
    return column.levels if column.kind != "numeric" else spread_values(design, name)


def levels_by_row(design: Design, name: str, held: bool = False) -> Any:
    """Return the level of a categorical column in each row of the fit; `held` as in `numbers_of`."""
    own = as_factor(_column(design, name, held))
    return np.asarray(own.levels, dtype=object)[own.codes]


def shown_value(value: Value) -> str:
    """Write a value of a predictor: a level, or a number without needless digits."""
    return value if isinstance(value, str) else f"{value:.6g}"


def label_columns(labels: pd.DataFrame, taken: Sequence[str]) -> pd.DataFrame:
    """Return the labels with other names where a column of the data is called like one of the table."""
    return labels.rename(columns={name: f"{name} (predictor)" for name in labels if name in taken})


def check_named(design: Design, focal: tuple[str, ...]) -> None:
    """Refuse a question that names no column."""
    if not focal:
        names = ", ".join(column.name for column in predictors(design))
        raise ModelError("no predictor is named", f"predictors: {names or 'none'}")
