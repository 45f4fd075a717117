"""From any data frame to checked columns: the only place where the user's frame is read."""

from __future__ import annotations

import datetime
import decimal
import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hierbayes.errors import DataError, warn

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Numeric:
    """A numeric column, cast to float so that small integers cannot overflow.

    Attributes
    ----------
    name : str
    values : array, shape (n,)
    exact : array of int, shape (n,), or None
        The integers themselves where a float cannot tell them apart (beyond 2**53), as long identifiers are.
    factor : Categorical or None
        For new data, the column as a factor with the levels of the fit, where the formula takes it so.
    """

    name: str
    values: Floats
    exact: NDArray[Any] | None = None
    factor: Categorical | None = None


@dataclass(frozen=True)
class Categorical:
    """A categorical column: levels as text, in the order that the design keeps, and a code for each row.

    `declared` holds all categories of one that the data call ordered, whether they occur or not; else it is empty.
    """

    name: str
    levels: tuple[str, ...]
    codes: Ints
    kind: Literal["categorical", "text", "number", "boolean"]
    declared: tuple[str, ...] = ()


Column = Numeric | Categorical

_TABLES = "give a data frame, or a dict of columns of one length"

LARGEST_EXACT = 2**53
"""The largest whole number up to which a float tells every one from its neighbours."""


def to_pandas(data: Any) -> pd.DataFrame:
    """Return a pandas view of a pandas, polars, pyarrow or other frame; the frame itself is never written to.

    Raises
    ------
    DataError
        If it is no data frame, or has no rows, or has two columns of one name.
    """
    if isinstance(data, dict):
        try:
            data = pd.DataFrame(data)
        except (ValueError, TypeError) as error:
            raise DataError(f"the data cannot be made into a table: {error}", _TABLES) from error
    table = data if isinstance(data, pd.DataFrame) else _read_frame(data)
    repeated = table.columns[table.columns.duplicated()].unique().tolist()
    if repeated:
        raise DataError(f"the data have more than one column called {repeated[0]!r}", "rename or drop one of them")
    if len(table) == 0:
        raise DataError("the data have no rows", "look at how the rows were chosen or read")
    return table


def _read_frame(data: Any) -> pd.DataFrame:
    try:
        frame = nw.from_native(data)
        if isinstance(frame, nw.LazyFrame):
            frame = frame.collect()
        return _faithful(frame)
    except nw.exceptions.DuplicateError as error:
        raise DataError(f"the data have two columns of one name: {error}", "rename or drop one of them") from error
    except (TypeError, nw.exceptions.NarwhalsError) as error:
        raise DataError(
            f"the data must be a data frame (pandas, polars, pyarrow, ...), not {type(data).__name__}", _TABLES
        ) from error
    except Exception as error:
        raise DataError(f"the data frame cannot be read: {error}", _TABLES) from error


def _faithful(frame: nw.DataFrame[Any]) -> pd.DataFrame:
    """Return the frame in pandas, without what its own conversion loses or adds."""
    table = frame.to_pandas()
    for name in frame.columns:
        dtype = frame[name].dtype
        if dtype.is_integer() and pd.api.types.is_float_dtype(table[name].dtype):
            # integers with nulls come out as floats, in which long identifiers merge
            unsigned = str(dtype).startswith("U")
            table[name] = pd.array(frame[name].to_list(), dtype="UInt64" if unsigned else "Int64")
        if dtype == nw.Categorical and frame.implementation.is_polars():
            # a polars Categorical has no order of its own: here its levels would stand as the rows happen to
            table[name] = table[name].astype(object)
    return table


def complete_rows(table: pd.DataFrame, columns: Sequence[str], missing: str) -> Ints:
    """Return the positions of the rows that miss no value in `columns`.

    Warns
    -----
    HierBayesWarning
        Once, with counts, if rows are dropped.

    Raises
    ------
    DataError
        If ``missing="raise"`` and a value is missing, or if no row is left.
    """
    absent = {name: missing_values(table[name]) for name in columns}
    incomplete = np.zeros(len(table), dtype=bool)
    for where in absent.values():
        incomplete |= where
    if not incomplete.any():
        return np.arange(len(table))
    counts = ", ".join(f"{name} {int(where.sum())}" for name, where in absent.items() if where.any())
    if missing == "raise":
        name, where = next((n, w) for n, w in absent.items() if w.any())
        raise DataError(
            f"missing values ({counts}); the first is in column {name!r}, row {int(np.argmax(where))} "
            "(counting from 0)",
            'fill them in, or leave those rows out (a model does so with missing="drop")',
        )
    if incomplete.all():
        raise DataError(
            f"every row misses a value (missing: {counts}), so no row is left",
            "fill them in, or leave the emptiest column out of the formula",
        )
    warn(f"{int(incomplete.sum())} of {len(table)} rows dropped for missing values ({counts})")
    return np.flatnonzero(~incomplete)


def read_column(table: pd.DataFrame, name: str, rows: Ints) -> Column:
    """Return one column as numbers or as categories, over the given rows.

    Raises
    ------
    DataError
        If its type cannot be used, or a number is infinite, or two different values have the same name.
    """
    series = table[name].iloc[rows]
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _from_categorical(name, series)
    if pd.api.types.is_bool_dtype(dtype):
        return _from_levels(name, series.astype(bool), (False, True), "boolean")
    if pd.api.types.is_complex_dtype(dtype):
        raise DataError(f"column {name!r} holds complex numbers", "use its real part, imaginary part or modulus")
    if pd.api.types.is_datetime64_any_dtype(dtype) or pd.api.types.is_timedelta64_dtype(dtype):
        raise _dates(name, str(dtype), pd.api.types.is_timedelta64_dtype(dtype))
    if pd.api.types.is_numeric_dtype(dtype):
        return Numeric(name, _finite(name, _as_float(series), rows), _exact_integers(series))
    return _from_objects(name, series, rows)


def _dates(name: str, kind: str, duration: bool, plain: bool = False) -> DataError:
    """Return the error for dates and times, with what makes levels of them, and numbers."""
    own = f"data[{name!r}]"
    if duration:
        number = f"pd.to_timedelta({own}).dt.total_seconds()" if plain else f"{own}.dt.total_seconds()"
    elif kind == "time":
        number = f"pd.to_timedelta({own}.astype(str)).dt.total_seconds()"
    else:
        whole = f"{own}.dt.to_timestamp()" if kind.lower().startswith("period") else own
        when = f"pd.to_datetime({own})" if plain and kind != "Period" else whole
        number = f"({when} - {when}.min()).dt.total_seconds() / 86400"
    return DataError(
        f"column {name!r} holds dates or durations ({kind})",
        f"for levels, as of a grouping factor, write {own} = {own}.astype(str); for a number {own} = {number}",
    )


def as_factor(column: Column) -> Categorical:
    """Return a column as the levels of a grouping factor; numbers are sorted as numbers and written plainly."""
    if isinstance(column, Categorical):
        return column
    if column.factor is not None:
        return column.factor
    values, codes = np.unique(column.values if column.exact is None else column.exact, return_inverse=True)
    labels = tuple(plain_number(value) if column.exact is None else str(value) for value in values)
    return Categorical(column.name, labels, codes.astype(np.int64), "number")


def as_numbers(column: Numeric) -> Floats:
    """Return a column to compute with.

    Raises
    ------
    DataError
        If it holds whole numbers so large that as floats some of them become one.
    """
    if column.exact is not None and len(np.unique(column.values)) < len(np.unique(column.exact)):
        raise DataError(
            f"column {column.name!r} holds whole numbers beyond 2**53, some of which are one number to a float",
            f"subtract a constant from it in the data; identifiers stand right of a bar or in C({column.name})",
        )
    return column.values


def plain_number(value: float) -> str:
    """Write a number as a level: 1 for 1.0, and as many digits as tell it from its neighbours."""
    return str(int(value)) if float(value).is_integer() and abs(value) <= LARGEST_EXACT else repr(float(value))


def missing_values(series: pd.Series) -> NDArray[np.bool_]:
    """Return where a column misses a value; to a model null and NaN are both missing."""
    try:
        where = np.asarray(series.isna().to_numpy(), dtype=bool)
    except ArithmeticError as error:  # a Decimal("sNaN") raises whenever it is looked at
        raise DataError(f"column {series.name!r} cannot be read: {error}") from error
    if isinstance(series.dtype, pd.ArrowDtype) or str(series.dtype) == "Float64":
        # a nullable column tells null from NaN; to a model both are missing
        where = where | np.isnan(_as_float(series)) if pd.api.types.is_float_dtype(series.dtype) else where
    return where


def _as_float(series: pd.Series) -> Floats:
    return np.asarray(series.to_numpy(dtype=np.float64, na_value=np.nan))


def _exact_integers(series: pd.Series) -> NDArray[Any] | None:
    if not pd.api.types.is_integer_dtype(series.dtype):
        return None
    unsigned = pd.api.types.is_unsigned_integer_dtype(series.dtype)
    whole = series.to_numpy(dtype=np.uint64 if unsigned else np.int64)
    return whole if int(whole.max()) > LARGEST_EXACT or int(whole.min()) < -LARGEST_EXACT else None


def _finite(name: str, values: Floats, rows: Ints) -> Floats:
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise DataError(
            f"column {name!r} is {values[bad[0]]} in row {int(rows[bad[0]])} (counting from 0)",
            "remove the row or put a finite number there",
        )
    return np.ascontiguousarray(values)


def _from_categorical(name: str, series: pd.Series) -> Categorical:
    raw = series.cat.codes.to_numpy().astype(np.int64)
    used = np.unique(raw)
    labels = [_label(value) for value in series.cat.categories[used]]
    _check_twins(name, labels)
    declared = tuple(_label(value) for value in series.cat.categories) if series.cat.ordered else ()
    return Categorical(name, tuple(labels), np.searchsorted(used, raw), "categorical", declared)


def _from_levels(name: str, series: pd.Series, order: Sequence[Any], kind: Any) -> Categorical:
    values = np.asarray(series.to_numpy())
    present = [value for value in order if (values == value).any()]
    codes = np.zeros(len(values), dtype=np.int64)
    for code, value in enumerate(present):
        codes[values == value] = code
    return Categorical(name, tuple(_label(value) for value in present), codes, kind)


def _from_objects(name: str, series: pd.Series, rows: Ints) -> Column:
    try:
        with np.errstate(all="ignore"):  # numbers of several widths are cast to one
            codes, values = pd.factorize(series)
    except TypeError as error:
        example = type(series.iloc[0]).__name__
        raise DataError(
            f"column {name!r} holds values of type {example}, not one value a row",
            "make it a column of numbers or of text",
        ) from error
    kinds = _kinds(series, list(values))
    if kinds == {"number"}:
        return _from_numbers(name, np.asarray(codes), list(values), rows)
    if kinds == {"boolean"}:
        return _from_levels(name, series.astype(bool), (False, True), "boolean")
    if kinds != {"text"}:
        example = next(value for value in values if _kind(value) != "text")
        if isinstance(example, datetime.date | datetime.time | datetime.timedelta | pd.Period):
            raise _dates(name, type(example).__name__, isinstance(example, datetime.timedelta), plain=True)
        raise DataError(
            f"column {name!r} mixes kinds of values or holds values that are neither text nor numbers, "
            f"such as {example!r} ({type(example).__name__})",
            "make the column all text, all numbers or a categorical",
        )
    labels = [str(value) for value in values]
    order = sorted(range(len(labels)), key=labels.__getitem__)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return Categorical(name, tuple(labels[i] for i in order), rank[codes], "text")


def _from_numbers(name: str, codes: Ints, values: list[Any], rows: Ints) -> Numeric:
    try:
        found = np.asarray([float(value) for value in values], dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(
            f"column {name!r} holds numbers that cannot be read: {error}",
            "use smaller numbers, or text for identifiers",
        ) from error
    whole = all(isinstance(value, numbers.Integral) for value in values)
    exact = np.asarray([int(value) for value in values], dtype=object) if whole else None
    long = exact is not None and any(abs(value) > LARGEST_EXACT for value in exact)
    return Numeric(name, _finite(name, found[codes], rows), exact[codes] if exact is not None and long else None)


def _kinds(series: pd.Series, values: Sequence[Any]) -> set[str]:
    """Return the kinds of values of a column; `values` are the distinct ones."""
    kinds = {_kind(value) for value in values}
    if kinds in ({"number"}, {"boolean"}) and any(value in (0, 1) for value in values):
        # to Python 1 and True are one value, so that the distinct ones do not tell whether both occur
        kinds = {_kind(value) for value in series}
    return kinds


def _kind(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return "boolean"
    if isinstance(value, str):
        return "text"
    if isinstance(value, numbers.Real | decimal.Decimal | np.integer | np.floating):
        return "number"
    return "other"


def _label(value: Any) -> str:
    if isinstance(value, float | np.floating):
        return plain_number(float(value))
    return str(value)


def _check_twins(name: str, labels: list[str]) -> None:
    seen: set[str] = set()
    for label in labels:
        if label in seen:
            raise DataError(
                f"column {name!r} has two different values that are both written {label!r}",
                "make them the same type, or rename one",
            )
        seen.add(label)


def at_rows(values: Floats | None, *rows: Any) -> Floats | None:
    """Return some rows of what a response may not have, such as trials; None where it has none.

    Examples
    --------
    >>> at_rows(None, slice(0, 2)) is None, at_rows(np.array([4.0, 5.0, 6.0]), slice(0, 2)).tolist()
    (True, [4.0, 5.0])
    """
    if values is None:
        return None
    for part in rows:
        values = values[part]
    return values


def share_of(y: Any, trials: Any) -> Any:
    """Return responses on the scale of their mean: the share of successes where they count these.

    Examples
    --------
    >>> float(share_of(3.0, None)), float(share_of(np.float64(3.0), 4.0))
    (3.0, 0.75)
    """
    return y if trials is None else y / trials
