"""Labels of the rows, the index of the user's frame: what they are, and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from hierbayes.design.table import Ints
from hierbayes.errors import DataError

_NUMBERS, _TIMES = "iufb", "mM"
"""Kinds of numpy's types: those that JSON holds as they are, and those that it holds as whole numbers."""


def labels_of_rows(table: pd.DataFrame, rows: Ints | None = None) -> pd.Index | None:
    """Return the index of some rows of a table (all, if None), or None where it numbers the rows of the table from 0.

    Parameters
    ----------
    table : DataFrame
    rows : array of int, optional
        Positions of the rows.
    """
    index = table.index
    if type(index) is pd.RangeIndex and (index.start, index.step, index.name) == (0, 1, None):
        return None
    return index if rows is None else index[rows]


def index_of_rows(labels: pd.Index | None, rows: Ints, n: int) -> pd.Index:
    """Return the index of the rows in use: their labels, or their positions among the `n` rows of the user's data."""
    if labels is not None:
        return labels
    return pd.RangeIndex(n) if len(rows) == n else pd.Index(rows)


def labels_to_json(labels: pd.Index | None) -> list[dict[str, Any]] | None:
    """Return labels as mappings, lists, texts and numbers, one for each level of the index.

    None where there are none, or they are of a kind that JSON cannot hold to the last bit: numbers, texts, booleans,
    times and spans of time are kept.
    """
    if labels is None:
        return None
    levels = [labels.get_level_values(i) for i in range(labels.nlevels)]
    found = [_level_to_json(level) for level in levels]
    return None if any(own is None for own in found) else [own for own in found if own is not None]


def _level_to_json(level: pd.Index) -> dict[str, Any] | None:
    name = level.name if isinstance(level.name, str) else None
    if isinstance(level.dtype, np.dtype) and level.dtype.kind in _NUMBERS + _TIMES:
        raw = level.to_numpy()
        whole = raw.view("int64") if level.dtype.kind in _TIMES else raw
        return {"name": name, "kind": str(level.dtype), "values": whole.tolist()}
    values = level.tolist()
    if values and all(isinstance(value, str) for value in values):
        return {"name": name, "kind": "text", "values": values}
    return None


def labels_from_json(given: list[Mapping[str, Any]] | None, n: int) -> pd.Index | None:
    """Return the labels that `labels_to_json` wrote.

    Raises
    ------
    DataError
        If they are not what hierbayes writes, or not `n`.
    """
    if given is None:
        return None
    levels = [_level_from_json(own, n) for own in given]
    if not levels:
        raise DataError("the labels of the rows in the file are not what hierbayes writes")
    return levels[0] if len(levels) == 1 else pd.MultiIndex.from_arrays(levels)


def _level_from_json(given: Mapping[str, Any], n: int) -> pd.Index:
    kind, name, values = given["kind"], given["name"], given["values"]
    dtype = None if kind == "text" else np.dtype(kind)
    known = dtype is None or dtype.kind in _NUMBERS + _TIMES
    if not known or len(values) != n or not (name is None or isinstance(name, str)):
        raise DataError("the labels of the rows in the file are not what hierbayes writes")
    if dtype is None:
        raw = values
    elif dtype.kind in _TIMES:
        raw = np.asarray(values, dtype="int64").view(dtype)
    else:
        raw = np.asarray(values, dtype=dtype)
    found: pd.Index = pd.Index(raw, name=name)
    return found
