"""A table of numbers as a table of text: sensible digits, one rule for every format."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

ESTIMATED = ("mean", "sd", "median", "lower", "upper", "estimate", "std_error", "conf_low", "conf_high")
SPREADS = ("sd", "std_error")
COUNTS = ("ess_bulk", "ess_tail")
PROBABILITIES = ("p", "p_value")
MOST_DECIMALS = 8

_NUMBER = re.compile(r"<?-?\d+(\.\d+)?(e[-+]\d{2,3})?|-?inf")


@dataclass(frozen=True)
class Cells:
    """A table as text.

    Attributes
    ----------
    headers : tuple of str
    rows : tuple of tuple of str
    numeric : tuple of bool
        Which columns hold numbers alone, and are set to the right.
    """

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]


def cells(frame: pd.DataFrame, digits: int = 4) -> Cells:
    """Write every number of a table as text.

    A column of estimates beside one of their spread (``sd`` or ``std_error``) shows three digits of that spread, as the
    summary does. Other columns have one number of decimals, such that the middle number shows `digits` digits, unless a
    number would vanish; whole numbers have none. What is missing is left empty. An index that only counts is left out.
    """
    table = _with_index(frame)
    spread = next((table[name] for name in SPREADS if name in table and _is_float(table[name])), None)
    columns = []
    for name in table.columns:
        own = table[name]
        if name in ESTIMATED and spread is not None and _is_float(own):
            columns.append([number(v, s) for v, s in zip(own, spread, strict=True)])
        else:
            columns.append(_column(str(name), own, digits))
    numeric = tuple(any(column) and all(_NUMBER.fullmatch(cell) for cell in column if cell) for column in columns)
    return Cells(tuple(map(str, table.columns)), tuple(zip(*columns, strict=True)), numeric)


def _with_index(frame: pd.DataFrame) -> pd.DataFrame:
    table = frame.copy(deep=False)
    if isinstance(table.columns, pd.MultiIndex):
        table.columns = pd.Index([" ".join(str(part) for part in key if part != "") for key in table.columns])
    counts = isinstance(table.index, pd.RangeIndex) and table.index.name is None
    if counts:
        return table
    names = ["" if name is None else str(name) for name in table.index.names]
    parts = [table.index.get_level_values(i) for i in range(table.index.nlevels)]
    labels = pd.concat([pd.Series(part, dtype=object) for part in parts], axis=1)
    labels.columns = pd.Index(names)
    return pd.concat([labels, table.reset_index(drop=True)], axis=1)


def _is_float(column: Any) -> bool:
    return isinstance(column, pd.Series) and pd.api.types.is_float_dtype(column)


def _column(name: str, column: pd.Series, digits: int) -> list[str]:
    if not _is_float(column):
        return [_any(value, digits) for value in column]
    values = column.to_numpy(dtype=float)
    if name in COUNTS:
        return [_shown(value, ".0f") for value in values]
    if name == "r_hat":
        return [_shown(value, ".3f") for value in values]
    if name in PROBABILITIES:
        return ["<0.0001" if 0 <= value < 1e-4 else _shown(value, ".4f") for value in values]
    return _plain(values, digits)


def _plain(values: np.ndarray, digits: int) -> list[str]:
    """Write a column with one number of decimals; where that hides a number, each by itself."""
    size = np.abs(values[np.isfinite(values) & (values != 0)])
    if not len(size) or size.max() >= 1e7:
        return [_shown(value, f".{digits}g") for value in values]
    if np.all(values[np.isfinite(values)] % 1 == 0):
        return [_shown(value, ".0f") for value in values]
    decimals = int(np.clip(digits - 1 - np.floor(np.log10(np.median(size))), 0, MOST_DECIMALS))
    if size.min() < 10.0 ** (1 - decimals):
        return [_shown(value, f".{digits}g") for value in values]
    return [_shown(value, f".{decimals}f") for value in values]


def _any(value: Any, digits: int) -> str:
    if isinstance(value, float | np.floating):
        return _shown(float(value), f".{digits}g")
    return "" if value is None or value is pd.NA or value is pd.NaT else str(value)


def _shown(value: float, form: str) -> str:
    return "" if np.isnan(value) else format(value, form)


def number(value: float, spread: float) -> str:
    """Write a number with as many decimals as show three digits of its spread."""
    if not np.isfinite(value):
        return ""
    if not (np.isfinite(spread) and spread > 0):
        return f"{value:.5g}"
    size = max(abs(value), spread)
    if size >= 1e7 or size < 1e-4:
        return f"{value:.4g}"
    decimals = int(np.clip(2 - np.floor(np.log10(spread)), 0, MOST_DECIMALS))
    return f"{value:.{decimals}f}"
