"""The atoms of a formula, a column or a function of columns, as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hierbayes.design.arithmetic import call_columns
from hierbayes.design.contrasts import Coding, contrasts, indicators
from hierbayes.design.stateful import States
from hierbayes.design.table import Categorical, Column, Floats, as_factor, as_numbers
from hierbayes.errors import DataError
from hierbayes.expressions.evaluate import literal
from hierbayes.expressions.syntax import Call, Name
from hierbayes.formula import show
from hierbayes.formula.syntax import Atom
from hierbayes.spec import Contrast, contrast


@dataclass(frozen=True)
class Columns:
    """Columns with their labels.

    Attributes
    ----------
    matrix : array, shape (n, k)
    labels : tuple of str, length k
    """

    matrix: Floats
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Factor:
    """A categorical atom, which a term takes by indicators or by contrasts."""

    shown: str
    codes: np.typing.NDArray[np.int64]
    indicators: Coding
    contrasts: Coding

    def columns(self, full: bool) -> Columns:
        """Return an indicator for every level, or the contrasts."""
        coding = self.indicators if full else self.contrasts
        return Columns(coding.matrix[self.codes], tuple(f"{self.shown}[{label}]" for label in coding.labels))


def read_atom(
    atom: Atom, columns: Mapping[str, Column], given: Mapping[str, Contrast], n: int, states: States
) -> Columns | Factor:
    """Return the columns of a numeric atom, or a categorical one with its codings.

    The columns of new data must have the levels of the fit, and `states` what the fit has learnt; then the rows are
    what they would have been among the data of the fit.

    Raises
    ------
    DataError
        If a categorical has one level, or a function cannot be computed.
    """
    shown = show(atom)
    if isinstance(atom, Name):
        column = columns[atom.name]
        if isinstance(column, Categorical):
            return _factor(column, given.get(atom.name, Contrast("treatment")), shown)
        return Columns(as_numbers(column)[:, None], (shown,))
    if atom.function in ("C", "factor"):
        return _categorical_call(atom, shown, columns, given)
    matrix = call_columns(atom, columns, n, states)
    k = matrix.shape[1]
    return Columns(matrix, (shown,) if k == 1 else tuple(f"{shown}[{i + 1}]" for i in range(k)))


def _factor(column: Categorical, kind: Contrast, shown: str) -> Factor:
    if len(column.levels) < 2:
        raise DataError(
            f"the categorical column {column.name!r} has a single level, {column.levels[0]!r}, in the rows in use",
            "leave it out of the formula",
        )
    return Factor(shown, column.codes, indicators(column.levels), contrasts(kind, column.name, column.levels))


def _categorical_call(call: Call, shown: str, columns: Mapping[str, Column], given: Mapping[str, Contrast]) -> Factor:
    argument = call.args[0]
    if not isinstance(argument, Name):
        raise DataError(f"{shown!r}: C() takes a column", "make the column first, then use its name")
    options = {key: literal(value) for key, value in call.kwargs}
    column = as_factor(columns[argument.name])
    levels = options.get("levels")
    if levels is not None:
        column = _relevel(column, tuple(_level_text(level) for level in levels), shown)
    kind = given.get(argument.name, Contrast("treatment"))
    if options.get("contrast") is not None:
        kind = contrast(options["contrast"])
    if options.get("reference") is not None:
        kind = contrast((kind.kind, _level_text(options["reference"])))
    return _factor(column, kind, shown)


def _relevel(column: Categorical, levels: tuple[str, ...], shown: str) -> Categorical:
    if sorted(levels) != sorted(column.levels):
        missing = sorted(set(column.levels) - set(levels)) or sorted(set(levels) - set(column.levels))
        raise DataError(f"{shown!r}: levels must name every level of the column once; look at {missing[0]!r}")
    place = np.asarray([levels.index(level) for level in column.levels], dtype=np.int64)
    return Categorical(column.name, levels, place[column.codes], column.kind)


def _level_text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
