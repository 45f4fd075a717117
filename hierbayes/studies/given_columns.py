"""Columns of a simulated table: values dealt out to rows or levels, or drawn from a distribution."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hierbayes.errors import DataError
from hierbayes.priors import Prior
from hierbayes.studies.layouts import Layout

STREAM = 0x7078
"""Keeps the random numbers of columns apart from all others."""

HINT = (
    "write values, a number, a distribution (hb.Normal(0, 1), or one of scipy.stats), a function of (rng, n), "
    'or any of them for each level of a column: {"school": ...}'
)


def longest_values(predictors: Mapping[str, Any]) -> int:
    """Return the length of the longest list of values that is dealt out over the rows of a cell, at least 1."""
    return max((len(given) for given in predictors.values() if _is_values(given)), default=1)


def add_columns(layout: Layout, predictors: Mapping[str, Any], seed: int) -> pd.DataFrame:
    """Return the table with its columns.

    Each column has random numbers of its own, so that one more column changes no other.

    Raises
    ------
    DataError
        If a column cannot be read or does not fit the rows.
    """
    table = layout.frame.copy()
    for name, given in predictors.items():
        rng = np.random.default_rng([seed, STREAM, zlib.crc32(name.encode())])
        if isinstance(given, Mapping):
            table[name] = _by_level(name, given, table, rng)
        elif _is_values(given):
            table[name] = _dealt(name, given, layout)
        else:
            table[name] = _drawn(name, given, layout.n, rng)
    return table


def _is_values(given: Any) -> bool:
    listed = isinstance(given, Sequence | np.ndarray | pd.Series | pd.Index | pd.Categorical)
    return listed and not isinstance(given, str | bytes) and np.ndim(given) == 1


def _values(name: str, given: Any) -> Any:
    """Return values as an array, texts as a categorical with its levels in the order in which they first appear."""
    if len(given) == 0:
        raise DataError(f"predictors[{name!r}] holds no values")
    if isinstance(given, pd.Categorical):
        return given
    if isinstance(given, pd.Series | pd.Index) and isinstance(given.dtype, pd.CategoricalDtype):
        return pd.Categorical(given)
    items = list(given)
    if all(isinstance(item, str) for item in items):
        return pd.Categorical(items, categories=list(dict.fromkeys(items)))
    return np.asarray(given)


def _dealt(name: str, given: Any, layout: Layout) -> Any:
    """Deal values out row by row, from the first again in each cell; values for every row stay as they are."""
    values = _values(name, given)
    if len(values) == layout.n:
        return values
    if len(values) > layout.longest:
        raise DataError(
            f"predictors[{name!r}] holds {len(values)} values, but the largest cell has {layout.longest} rows "
            f"and the table {layout.n}",
            'give as many as a cell has rows, or change "rows" in sizes',
        )
    return values[layout.places % len(values)]


def _by_level(name: str, given: Mapping[Any, Any], table: pd.DataFrame, rng: np.random.Generator) -> Any:
    """Give all rows of a level one value."""
    if len(given) != 1:
        raise DataError(f"predictors[{name!r}] is {given!r}", HINT)
    ((by, what),) = given.items()
    labels, codes = _levels_of(name, str(by), table)
    if isinstance(what, Mapping):
        missing = next((label for label in labels if label not in what), None)
        if missing is not None:
            raise DataError(f"predictors[{name!r}] has no value for level {missing!r} of {by!r}")
        values = _values(name, [what[label] for label in labels])
    elif _is_values(what):
        listed = _values(name, what)
        if len(listed) > len(labels):
            raise DataError(f"predictors[{name!r}] holds {len(listed)} values for the {len(labels)} levels of {by!r}")
        values = listed[np.arange(len(labels)) % len(listed)]
    else:
        values = _drawn(name, what, len(labels), rng)
    return values[codes]


def _levels_of(name: str, by: str, table: pd.DataFrame) -> tuple[list[Any], NDArray[np.int64]]:
    columns = [by] if by in table.columns else by.split(":")
    absent = next((column for column in columns if column not in table.columns), None)
    if absent is not None:
        raise DataError(
            f"predictors[{name!r}] goes by {absent!r}, which is no column of the table so far",
            f"columns: {', '.join(map(str, table.columns))}",
        )
    grouped = table.groupby(columns if len(columns) > 1 else columns[0], sort=True, observed=True)
    labels = [":".join(map(str, key)) if isinstance(key, tuple) else key for key in grouped.groups]
    return labels, grouped.ngroup().to_numpy().astype(np.int64)


def _drawn(name: str, given: Any, n: int, rng: np.random.Generator) -> Any:
    """Return `n` draws of a distribution or values of a function; a number stands for itself."""
    if isinstance(given, bool | np.bool_ | int | float | np.integer | np.floating):
        return np.full(n, given)
    make = _maker(name, given)
    try:
        values = make(rng, n)
    except (TypeError, ValueError) as error:
        raise DataError(f"predictors[{name!r}] gave no values: {error}", HINT) from error
    array = values if isinstance(values, pd.Categorical) else np.asarray(values)
    if np.shape(array) != (n,):
        raise DataError(f"predictors[{name!r}] gave an array of shape {np.shape(array)} where ({n},) is needed")
    if not isinstance(array, pd.Categorical) and array.dtype.kind in "OUS":
        return pd.Categorical([str(value) for value in array])
    return array


def _maker(name: str, given: Any) -> Callable[[np.random.Generator, int], Any]:
    if isinstance(given, Prior):
        return lambda rng, n: given.draw(n, rng)
    if hasattr(given, "rvs"):
        return lambda rng, n: given.rvs(size=n, random_state=rng)
    if callable(given):
        found: Callable[[np.random.Generator, int], Any] = given
        return found
    raise DataError(f"predictors[{name!r}] is {given!r}", HINT)
