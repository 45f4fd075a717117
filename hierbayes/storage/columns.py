"""The columns that a model reads as a group of a file, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from hierbayes.design.row_labels import labels_from_json, labels_to_json
from hierbayes.design.schema import ColumnSchema, Schema
from hierbayes.design.table import Categorical, Column, Ints, Numeric
from hierbayes.errors import DataError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


def columns_group(columns: Sequence[Column], rows: Ints, labels: pd.Index | None = None) -> xr.Dataset:
    """Return a dataset of the columns: numbers as they are, categories as codes with their levels as an attribute.

    Its coordinate holds the positions of the rows in the user's data, and in an attribute their labels, if they have
    any. Whole numbers that a float cannot tell apart stand as texts in an attribute of their column.
    """
    import xarray as xr

    names = {column.name for column in columns}
    row = next(name for i in count(1) if (name := "row" if i == 1 else f"row_{i}") not in names)
    variables = {}
    for column in columns:
        values = column.codes if isinstance(column, Categorical) else column.values
        variables[column.name] = xr.Variable((row,), values, _attributes(column))
    written = labels_to_json(labels)
    attributes = {} if written is None else {"labels": json.dumps(written)}
    return xr.Dataset(variables, coords={row: xr.Variable((row,), rows, attributes)})


def _attributes(column: Column) -> dict[str, str]:
    if isinstance(column, Categorical):
        found = {"kind": column.kind, "levels": json.dumps(column.levels)}
        return found | ({"declared": json.dumps(column.declared)} if column.declared else {})
    if column.exact is None:
        return {"kind": "numeric"}
    kind = "object" if column.exact.dtype == object else column.exact.dtype.str.lstrip("<>|=")
    return {"kind": "numeric", "exact": json.dumps([kind, [int(value) for value in column.exact]])}


def columns_of(group: xr.Dataset, schema: Schema) -> tuple[tuple[Column, ...], Ints, pd.Index | None]:
    """Return the columns, the positions of their rows and the labels of these that `columns_group` wrote.

    Raises
    ------
    DataError
        If they are not those of the schema, or are of another kind or length, or a code has no level.
    """
    if {str(name) for name in group.data_vars} != set(schema.by_name) or len(group.coords) != 1:
        raise DataError("the columns in the file are not those of its model")
    (row,) = group.coords
    rows = np.asarray(group.coords[row].values)
    if rows.dtype != np.int64:
        raise DataError("the rows of the columns in the file are not numbered")
    columns = tuple(_column(own, group[own.name]) for own in schema.columns)
    said = group.coords[row].attrs.get("labels")
    return columns, rows, None if said is None else labels_from_json(json.loads(said), len(rows))


def _column(own: ColumnSchema, found: xr.DataArray) -> Column:
    values, attributes = np.ascontiguousarray(found.values), found.attrs
    if own.kind == "numeric" or own.kind == "number":
        if attributes["kind"] != "numeric" or values.dtype != np.float64 or not np.isfinite(values).all():
            raise _disagrees(own.name)
        return Numeric(own.name, values, _exact(attributes, len(values)))
    levels = tuple(json.loads(attributes["levels"]))
    declared = tuple(json.loads(attributes["declared"])) if "declared" in attributes else ()
    said = (attributes["kind"], levels, declared, values.dtype)
    if said != (own.kind, own.levels, own.declared, np.dtype(np.int64)):
        raise _disagrees(own.name)
    if values.size == 0 or values.min() < 0 or values.max() >= len(levels):
        raise _disagrees(own.name)
    return Categorical(own.name, levels, values, own.kind, declared)


def _exact(attributes: Mapping[str, Any], n: int) -> Any:
    if "exact" not in attributes:
        return None
    kind, values = json.loads(attributes["exact"])
    if kind not in ("i8", "u8", "object") or len(values) != n or not all(isinstance(value, int) for value in values):
        raise DataError("the whole numbers in the file are not what hierbayes writes")
    return np.asarray(values, dtype=object if kind == "object" else kind)


def _disagrees(name: str) -> DataError:
    return DataError(f"the column {name!r} in the file is not what its schema says")
