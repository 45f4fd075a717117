"""Function calls of a formula to columns of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hierbayes.design.stateful import States, stateful
from hierbayes.design.table import Categorical, Column, Floats, as_factor, as_numbers
from hierbayes.errors import DataError
from hierbayes.expressions.evaluate import array_value, constants
from hierbayes.expressions.syntax import Call, Expression, Name, compared, names_in
from hierbayes.formula import show
from hierbayes.formula.roles import averaged_within


def call_columns(call: Call, columns: Mapping[str, Column], n: int, states: States) -> Floats:
    """Return the columns of a function call, shape (n, k).

    Functions that learn from the data keep in `states` what they learn, or replay it from there.

    Raises
    ------
    DataError
        If it cannot be computed from the data.
    """
    shown = show(call)
    _check_text(call, shown, columns)
    if call.function == "poly" and states.learning:
        _check_degree(call, shown, columns)
    arrays = {node.name: _plain(columns[node.name]) for node in names_in(call)}

    def learnt(node: Call, x: Any) -> Any:
        levels = [_levels(columns[group.name]) for group in node.args[1:] if isinstance(group, Name)]
        return stateful(node.function, show(node), states, x, *levels, **constants(node))

    try:
        values = array_value(call, arrays, learnt)
        return np.ascontiguousarray(np.asarray(values, dtype=np.float64).reshape(n, -1))
    except (TypeError, ValueError) as error:
        raise DataError(f"{shown!r} cannot be computed from the data: {error}") from error


def _check_degree(call: Call, shown: str, columns: Mapping[str, Column]) -> None:
    """Refuse a polynomial that has as many powers as its column has values, or more."""
    first, degree = call.args[0], constants(call).get("degree", 1)
    if not isinstance(first, Name):
        return
    values = len(np.unique(as_numbers(column))) if not isinstance(column := columns[first.name], Categorical) else 2
    if degree >= values:
        instead = f"write poly({show(first)}, {values - 1}) or less, or C({show(first)}) for a coefficient each"
        raise DataError(f"{shown!r} needs more than {degree} values, and {first.name!r} has {values}", instead)


def _check_text(expression: Expression, shown: str, columns: Mapping[str, Column]) -> None:
    levels = compared(expression, "==", "!=") | {id(group) for group in averaged_within(expression)}
    for node in names_in(expression):
        column = columns[node.name]
        if isinstance(column, Categorical) and column.kind != "boolean" and id(node) not in levels:
            raise DataError(
                f"{shown!r} reckons with column {node.name!r}, which holds text or categories",
                f'compare it with a level, as in I({node.name} == "{column.levels[0]}")',
            )


def _plain(column: Column) -> Any:
    """Return a column for arithmetic: a boolean as 0/1, a categorical as texts that can be compared with a text."""
    if not isinstance(column, Categorical):
        return as_numbers(column)
    return as_zero_one(column) if column.kind == "boolean" else _levels(column)


def _levels(column: Column) -> Any:
    """Return the text of the level of each row."""
    factor = as_factor(column)
    return np.asarray(factor.levels, dtype=object)[factor.codes]


def as_zero_one(column: Categorical) -> Floats:
    """Return a boolean column as 0 and 1."""
    return np.asarray([level == "True" for level in column.levels], dtype=float)[column.codes]
