"""A tree of draws to one that netCDF can hold, and back: names, texts and attributes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hierbayes.errors import DataError
from hierbayes.storage.names import decode_name, decode_texts, encode_name, encode_texts

if TYPE_CHECKING:
    import xarray as xr

_CHANGED = "hierbayes_percent_encoded"
"""Attribute of a variable whose texts had to be encoded."""


def encoded(tree: xr.DataTree, leave_out: frozenset[str] = frozenset()) -> dict[str, xr.Dataset]:
    """Return the groups of a tree by path, all names and texts as netCDF holds them.

    Parameters
    ----------
    tree : xarray.DataTree
    leave_out : frozenset of str
        Groups below the root that are not wanted.
    """
    return _every_group(tree, encode_name, _encoded_variable, leave_out)


def decoded(tree: xr.DataTree, leave_out: frozenset[str] = frozenset()) -> dict[str, xr.Dataset]:
    """Return the groups of a tree that `encoded` made, with the names and texts of old."""
    return _every_group(tree, decode_name, _decoded_variable, leave_out)


def encoded_dataset(dataset: xr.Dataset) -> xr.Dataset:
    """Return one group as netCDF holds it; its names may hold what a tree refuses."""
    return _renamed(dataset, encode_name, _encoded_variable)


def floats_as_they_are(groups: Mapping[str, xr.Dataset]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the encoding that keeps xarray from marking NaN as missing in numbers."""
    return {
        path: {str(k): {"_FillValue": None} for k, v in group.variables.items() if v.dtype.kind == "f"}
        for path, group in groups.items()
    }


def _every_group(
    tree: xr.DataTree,
    rename: Callable[[str], str],
    change: Callable[[str, xr.Variable], xr.Variable],
    leave_out: frozenset[str],
) -> dict[str, xr.Dataset]:
    groups = {}
    for node in tree.subtree:
        parts = [part for part in node.relative_to(tree).split("/") if part not in ("", ".")]
        if parts and parts[0] in leave_out:
            continue
        path = "/" + "/".join(rename(part) for part in parts)
        groups[path] = _renamed(node.to_dataset(inherit=False), rename, change)
    return groups


def _renamed(
    dataset: xr.Dataset, rename: Callable[[str], str], change: Callable[[str, xr.Variable], xr.Variable]
) -> xr.Dataset:
    """Return the dataset with other names and values; made anew, for xarray's own renaming looks up paths."""
    import xarray as xr

    def variable(name: str, given: xr.Variable) -> xr.Variable:
        changed = change(name, given.to_base_variable())
        return xr.Variable([rename(str(dim)) for dim in changed.dims], changed.data, _plain(changed.attrs))

    return xr.Dataset(
        {rename(str(name)): variable(str(name), v.variable) for name, v in dataset.data_vars.items()},
        coords={rename(str(name)): variable(str(name), v.variable) for name, v in dataset.coords.items()},
        attrs=_plain(dataset.attrs),
    )


def _encoded_variable(name: str, variable: xr.Variable) -> xr.Variable:
    if variable.dtype.kind not in "OUT":
        return variable
    values = np.asarray(variable.values, dtype=object)
    if not all(isinstance(value, str) for value in values.flat):
        raise DataError(f"the variable {name!r} of the tree holds values that are neither numbers nor texts")
    texts, changed = encode_texts(values.flat)
    made = variable.copy(data=np.asarray(texts, dtype=object).reshape(values.shape))
    if changed:
        made.attrs = {**made.attrs, _CHANGED: 1}
    return made


def _decoded_variable(name: str, variable: xr.Variable) -> xr.Variable:
    if variable.dtype.kind not in "OUT":
        return variable
    values = np.asarray(variable.values, dtype=object)
    if not all(isinstance(value, str) for value in values.flat):
        raise DataError(f"the variable {name!r} of the file holds values that are neither numbers nor texts")
    texts = decode_texts(values.flat) if _CHANGED in variable.attrs else list(values.flat)
    made = variable.copy(data=as_texts(texts).reshape(values.shape))
    made.attrs = {key: value for key, value in variable.attrs.items() if key != _CHANGED}
    return made


def as_texts(texts: list[str]) -> NDArray[Any]:
    """Return texts as an array that keeps every one of them; numpy's own text arrays drop NULs at the end."""
    kept: NDArray[Any] = np.asarray(texts, dtype=object)
    return kept if any(text.endswith("\0") for text in texts) or not texts else kept.astype(str)


def _plain(attributes: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the attributes that netCDF can hold; others are written as text."""
    simple = (str, int, float, np.integer, np.floating)
    kept: dict[str, Any] = {}
    for name, value in attributes.items():
        numeric = isinstance(value, np.ndarray) and value.dtype.kind in "iuf" and value.ndim == 1
        if isinstance(value, bool) or not (isinstance(value, simple) or numeric):
            value = str(value)
        kept[str(name)] = encode_texts([value])[0][0] if isinstance(value, str) else value
    return kept
