"""Fingerprints: short texts that change when the data, or the arrays of a file, change."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hierbayes.design.table import Categorical, Column, Ints

if TYPE_CHECKING:
    import xarray as xr

_SIZE = 32


def data_fingerprint(columns: Iterable[Column], rows: Ints, rows_given: int) -> str:
    """Return the fingerprint of the columns that a model reads and of the rows in use.

    Names, kinds, levels, values to the last bit and the order of the rows all count; other columns do not.

    Examples
    --------
    >>> import numpy as np
    >>> from hierbayes.design.table import Numeric
    >>> x, rows = Numeric("x", np.array([1.0, 2.0])), np.arange(2)
    >>> data_fingerprint([x], rows, 2) == data_fingerprint([Numeric("x", np.array([1.0, 2.0]))], rows, 2)
    True
    >>> data_fingerprint([x], rows, 2) == data_fingerprint([Numeric("x", np.array([2.0, 1.0]))], rows, 2)
    False
    """
    found = blake2b(digest_size=_SIZE)
    _add_text(found, "rows", rows_given)
    _add_array(found, rows)
    for column in columns:
        if isinstance(column, Categorical):
            _add_text(found, column.name, column.kind, list(column.levels))
            _add_array(found, column.codes)
            if column.declared:
                _add_text(found, list(column.declared))
            continue
        _add_text(found, column.name, "numeric")
        _add_array(found, column.values)
        if column.exact is not None:
            _add_text(found, [str(value) for value in column.exact])
    return found.hexdigest()


def contents_fingerprint(texts: Mapping[str, str], groups: Mapping[str, xr.Dataset]) -> str:
    """Return the fingerprint of the texts and arrays of a file, whatever the order of either."""
    found = blake2b(digest_size=_SIZE)
    for name in sorted(texts):
        _add_text(found, name, texts[name])
    for path in sorted(groups):
        own = {str(name): variable for name, variable in groups[path].variables.items()}
        for key in sorted(own):
            _add_text(found, path, key, list(map(str, own[key].dims)))
            _add_array(found, own[key].values)
    return found.hexdigest()


def _add_array(found: Any, values: NDArray[Any]) -> None:
    if values.dtype.kind in "OUT":
        _add_text(found, list(values.shape), [str(value) for value in values.flat])
        return
    little = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
    _add_text(found, little.dtype.str, list(values.shape))
    found.update(little.data if little.size else b"")


def _add_text(found: Any, *parts: Any) -> None:
    text = json.dumps(parts).encode("ascii")
    found.update(len(text).to_bytes(8, "little") + text)
