"""Function calls of a formula to columns of numbers, through formulae, on an allow-list.

formulae never sees the user's frame, the user's names or any Python name: columns are handed over as ``v0, v1, ...``,
functions as ``f_log, ...`` and constants as ``k0, ...``, all from a namespace that holds nothing else.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd
from formulae import transforms
from formulae.environment import Environment
from formulae.matrices import design_matrices

from hierbayes.design.stateful import STATEFUL, States, stateful
from hierbayes.design.table import Categorical, Column, Floats, as_factor, as_numbers
from hierbayes.errors import DataError, HierBayesError, ModelError
from hierbayes.formula import show
from hierbayes.formula.syntax import Binary, Call, Expression, Name, Number, Sequence, Text, Unary

ROW_FUNCTIONS: Mapping[str, Any] = {
    "log": np.log,
    "log1p": np.log1p,
    "log2": np.log2,
    "log10": np.log10,
    "exp": np.exp,
    "expm1": np.expm1,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "tanh": np.tanh,
    "floor": np.floor,
    "ceiling": np.ceil,
    "round": np.round,
    "pmax": lambda *values: reduce(np.maximum, values),
    "pmin": lambda *values: reduce(np.minimum, values),
    "ifelse": lambda condition, yes, no: np.where(_holds(condition), yes, no),
    "I": transforms.I,
}


def _holds(condition: Any) -> Any:
    return np.asarray(condition, dtype=np.float64) != 0


def denied(condition: Any) -> Any:
    """Return 1 where a condition is 0 or False, as R's ``!`` does."""
    return np.where(_holds(condition), 0.0, 1.0)


@dataclass
class _Names:
    """The safe names handed to formulae, and what they stand for."""

    columns: Mapping[str, Column]
    states: States
    namespace: dict[str, Any] = field(default_factory=lambda: {"whole": transforms.I})
    frame: dict[str, pd.Series] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    def variable(self, name: str) -> str:
        if name not in self.variables:
            self.variables[name] = f"v{len(self.variables)}"
            self.frame[self.variables[name]] = _plain(self.columns[name])
        return self.variables[name]

    def levels(self, name: str) -> str:
        """Return the name of a column as the texts of its levels."""
        safe = f"g{len(self.frame)}"
        own = as_factor(self.columns[name])
        self.frame[safe] = pd.Series(np.asarray(own.levels, dtype=object)[own.codes], dtype=object)
        return safe

    def constant(self, value: Any) -> str:
        safe = f"k{len(self.namespace)}"
        self.namespace[safe] = value
        return safe

    def function(self, call: Call) -> str:
        if call.function in STATEFUL:
            return self.constant(stateful(call.function, show(call), self.states))
        self.namespace[f"f_{call.function}"] = ROW_FUNCTIONS[call.function]
        return f"f_{call.function}"


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
    names = _Names(columns, states)
    # bare arithmetic would be read as formula operators; inside a function it is arithmetic
    text = f"0 + whole({_written(call, names)})"
    try:
        # formulae prints what went wrong before it raises
        with contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
            frame = pd.DataFrame(names.frame)
            common = design_matrices(text, frame, na_action="pass", env=Environment([names.namespace])).common
        (term,) = common.terms.values()
        return np.ascontiguousarray(np.asarray(term.data, dtype=np.float64).reshape(n, -1))
    except HierBayesError:
        raise
    except Exception as error:
        raise DataError(f"{shown!r} cannot be computed from the data: {error}") from error


def _check_degree(call: Call, shown: str, columns: Mapping[str, Column]) -> None:
    """Refuse a polynomial that has as many powers as its column has values, or more."""
    first = call.args[0]
    degree = next((int(literal(value)) for key, value in call.kwargs if key == "degree"), None)
    if degree is None:
        degree = int(literal(call.args[1])) if len(call.args) > 1 else 1
    if not isinstance(first, Name):
        return
    values = len(np.unique(as_numbers(column))) if not isinstance(column := columns[first.name], Categorical) else 2
    if degree >= values:
        instead = f"write poly({show(first)}, {values - 1}) or less, or C({show(first)}) for a coefficient each"
        raise DataError(f"{shown!r} needs more than {degree} values, and {first.name!r} has {values}", instead)


def _check_text(expression: Expression, shown: str, columns: Mapping[str, Column], compared: bool = False) -> None:
    match expression:
        case Name(name=name):
            column = columns[name]
            if isinstance(column, Categorical) and column.kind != "boolean" and not compared:
                raise DataError(
                    f"{shown!r} reckons with column {name!r}, which holds text or categories",
                    f'compare it with a level, as in I({name} == "{column.levels[0]}")',
                )
        case Call(function=function, args=args):
            for argument in args[: 1 if function == "ave" else None]:
                _check_text(argument, shown, columns)
        case Unary(operand=operand):
            _check_text(operand, shown, columns)
        case Binary(operator=operator, left=left, right=right):
            for side in (left, right):
                _check_text(side, shown, columns, operator in ("==", "!="))


def _written(expression: Expression, names: _Names) -> str:
    """Write an expression in formulae's language with safe names."""
    match expression:
        case Name(name=name):
            return names.variable(name)
        case Number() | Text() | Sequence():
            return names.constant(literal(expression))
        case Call(function=function) if function in ("C", "factor"):
            raise DataError(f"{show(expression)!r} cannot be used inside another function")
        case Call(function="ave", args=(first, *groups)):
            levels = [names.levels(group.name) for group in groups if isinstance(group, Name)]
            return f"{names.function(expression)}({', '.join([_written(first, names), *levels])})"
        case Call(args=args, kwargs=kwargs):
            given = [_written(a, names) for a in args] + [f"{k}={_written(v, names)}" for k, v in kwargs]
            return f"{names.function(expression)}({', '.join(given)})"
        case Unary(operator="!", operand=operand):
            names.namespace["f_not"] = denied
            return f"f_not({_written(operand, names)})"
        case Unary(operator=operator, operand=operand):
            return f"({operator}{_written(operand, names)})"
        case Binary(operator=operator, left=left, right=right):
            return f"({_written(left, names)} {operator} {_written(right, names)})"


def _plain(column: Column) -> pd.Series:
    """Return a column for arithmetic: a boolean as 0/1, a categorical as text that can be compared with a text."""
    if not isinstance(column, Categorical):
        return pd.Series(as_numbers(column))
    if column.kind == "boolean":
        return pd.Series(as_zero_one(column))
    return pd.Series(np.asarray(column.levels, dtype=object)[column.codes], dtype=object)


def as_zero_one(column: Categorical) -> Floats:
    """Return a boolean column as 0 and 1."""
    return np.asarray([level == "True" for level in column.levels], dtype=float)[column.codes]


def literal(expression: Expression) -> Any:
    """Return the value of a constant that is written in a formula.

    Raises
    ------
    ModelError
        If it is no constant.
    """
    match expression:
        case Number(value=value):
            return int(value) if float(value).is_integer() else value
        case Text(value=value):
            return value
        case Sequence(items=items):
            return [literal(item) for item in items]
        case Unary(operator=operator, operand=operand):
            return -literal(operand) if operator == "-" else literal(operand)
    raise ModelError(f"{show(expression)!r} must be a number, a text or a list of them")
