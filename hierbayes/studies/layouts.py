"""Which rows a simulated table has: the grouping columns that `sizes` describes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hierbayes.errors import DataError
from hierbayes.formula.names import suggest

Ints = NDArray[np.int64]

ROWS = "rows"
"""The key of `sizes` that counts the rows of a cell."""

MOST_ROWS = 50_000_000
"""Rows that a simulated table may have."""


@dataclass(frozen=True)
class Layout:
    """The rows of a table before it has columns.

    Attributes
    ----------
    frame : DataFrame
        The columns that `sizes` names, as string categoricals.
    cells : array of int, shape (n,)
        The cell of each row, from 0 in the order of the rows.
    places : array of int, shape (n,)
        The place of each row in its cell, from 0.
    """

    frame: pd.DataFrame
    cells: Ints
    places: Ints

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.cells)

    @property
    def longest(self) -> int:
        """Rows of the largest cell."""
        return int(self.places.max()) + 1


@dataclass(frozen=True)
class _Levels:
    """What one key of `sizes` says: labels of the levels; rows of each level; or levels within each parent level."""

    labels: tuple[str, ...]
    rows: Ints | None = None


@dataclass(frozen=True)
class _Cells:
    """The cells so far: for each column its labels and the code of each cell."""

    labels: dict[str, tuple[str, ...]]
    codes: dict[str, Ints]
    count: int

    def repeated(self, times: Any) -> dict[str, Ints]:
        return {name: np.repeat(codes, times) for name, codes in self.codes.items()}


def lay_out(sizes: Any, columns: Collection[str], longest: int = 1) -> Layout:
    """Return the rows that `sizes` describes.

    Parameters
    ----------
    sizes : mapping or int
        See `hierbayes.simulate`.
    columns : collection of str
        The columns that the model reads; no other may be named.
    longest : int
        Rows of a cell where `sizes` does not say.

    Raises
    ------
    DataError
        If it cannot be read; the key is named.
    """
    given = _as_mapping(sizes)
    if ROWS in columns:
        raise DataError(f"the column {ROWS!r} would be mixed up with the rows of a cell", "rename it in the formula")
    cells, counts = _Cells({}, {}, 1), None
    for key, value in given.items():
        if key == ROWS:
            continue
        parent, name = _split(key, columns)
        _check_name(name, key, cells, columns)
        if parent is None:
            levels = _levels(key, value)
            cells = _crossed(cells, name, levels.labels)
            counts = levels.rows if levels.rows is not None else counts
        else:
            cells = _nested(cells, parent, name, key, value)
    if counts is not None and (len(cells.labels) > 1 or ROWS in given):
        raise DataError(
            "rows level by level are for a table with one grouping column",
            f'with more, count the rows of every cell, the last column varying fastest: {{..., "{ROWS}": [2, 0, 3]}}',
        )
    own = counts if counts is not None else _cell_rows(given.get(ROWS, longest), cells.count)
    return _filled(cells, own)


def _as_mapping(sizes: Any) -> Mapping[str, Any]:
    if isinstance(sizes, int | np.integer) and not isinstance(sizes, bool):
        return {ROWS: sizes}
    if isinstance(sizes, Mapping) and all(isinstance(key, str) for key in sizes):
        return sizes
    raise DataError(
        f"sizes is {sizes!r}: it maps grouping columns to their numbers of levels",
        'write {"Subject": 18, "rows": 10}, for instance, or a number of rows where there are no groups',
    )


def _split(key: str, columns: Collection[str]) -> tuple[str | None, str]:
    """Read ``"batch/cask"`` as the column cask within batch; a column may itself bear a slash."""
    if key in columns or "/" not in key:
        return None, key
    outer, name = key.rsplit("/", 1)
    return (outer if outer in columns else outer.rsplit("/", 1)[-1]).strip(), name.strip()


def _check_name(name: str, key: str, cells: _Cells, columns: Collection[str]) -> None:
    if name in cells.labels:
        raise DataError(f"sizes names the column {name!r} twice", "give every column one size")
    if name not in columns:
        nearest = suggest(name, columns)
        hint = f"did you mean {nearest!r}?" if nearest else f"the model reads: {', '.join(columns)}"
        raise DataError(f"sizes names {key!r}, but the model reads no column {name!r}", hint)


def _levels(key: str, value: Any) -> _Levels:
    """Read a number of levels, their labels, rows level by level, or both in a mapping."""
    if _is_whole(value):
        return _Levels(_numbered(_checked_count(_at_least_one(key, value))))
    if isinstance(value, Mapping) and value:
        return _Levels(_labels(key, list(value)), _counts(key, list(value.values())))
    if isinstance(value, Sequence | np.ndarray | pd.Index | range) and not isinstance(value, str) and len(value):
        items = list(value)
        if all(_is_whole(item) for item in items):
            return _Levels(_numbered(len(items)), _counts(key, items))
        if all(isinstance(item, str) for item in items):
            return _Levels(_labels(key, items))
    raise DataError(
        f"sizes[{key!r}] is {value!r}",
        'write a number of levels, 4; their labels, ["a", "b"]; rows level by level, [5, 10]; or both, '
        '{"a": 5, "b": 10}',
    )


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(str(i + 1) for i in range(count))


def _labels(key: str, items: list[Any]) -> tuple[str, ...]:
    labels = tuple(str(item) for item in items)
    if len(set(labels)) < len(labels):
        raise DataError(f"sizes[{key!r}] names a level twice: {', '.join(labels[:10])}")
    return labels


def _counts(key: str, items: list[Any], least: int = 1) -> Ints:
    bad = next((item for item in items if not _is_whole(item) or item < least), None)
    if bad is not None:
        raise DataError(f"sizes[{key!r}] counts {bad!r} rows; it takes whole numbers from {least} up")
    _checked_count(sum(map(int, items)))
    return np.asarray([int(item) for item in items], dtype=np.int64)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool | np.bool_)


def _at_least_one(key: str, value: Any) -> int:
    if value < 1:
        raise DataError(f"sizes[{key!r}] is {value}; it must be at least 1")
    return int(value)


def _crossed(cells: _Cells, name: str, labels: tuple[str, ...]) -> _Cells:
    """Give every cell every level."""
    count = _checked_count(cells.count * len(labels))
    codes = cells.repeated(len(labels)) | {name: np.tile(np.arange(len(labels)), cells.count)}
    return _Cells({**cells.labels, name: labels}, codes, count)


def _nested(cells: _Cells, parent: str, name: str, key: str, value: Any) -> _Cells:
    """Give the cells of every level of `parent` levels of their own, labelled ``A:1``."""
    if parent not in cells.labels:
        raise DataError(f"sizes[{key!r}] comes before the size of {parent!r}", f"name {parent!r} first")
    outer = cells.labels[parent]
    if _is_whole(value):
        _checked_count(_at_least_one(key, value) * len(outer))
    own = np.full(len(outer), int(value)) if _is_whole(value) else _within(key, value, outer)
    labels = tuple(f"{label}:{i + 1}" for label, count in zip(outer, own, strict=True) for i in range(count))
    starts = np.concatenate([[0], np.cumsum(own)[:-1]])
    times = own[cells.codes[parent]]
    _checked_count(int(times.sum()))
    first = np.repeat(starts[cells.codes[parent]], times)
    return _Cells(
        {**cells.labels, name: labels},
        cells.repeated(times) | {name: first + _places(times)},
        int(times.sum()),
    )


def _within(key: str, value: Any, outer: tuple[str, ...]) -> Ints:
    if isinstance(value, Mapping):
        missing = [label for label in outer if label not in value]
        if missing or len(value) != len(outer):
            raise DataError(f"sizes[{key!r}] must name every outer level once; look at {[*missing, *value][0]!r}")
        value = [value[label] for label in outer]
    if isinstance(value, str) or not isinstance(value, Sequence | np.ndarray) or len(value) != len(outer):
        raise DataError(
            f"sizes[{key!r}] is {value!r}", f"write a number, or one for each of the {len(outer)} outer levels"
        )
    return _counts(key, list(value))


def _cell_rows(value: Any, count: int) -> Ints:
    """Return the rows of each cell."""
    if _is_whole(value):
        _checked_count(_at_least_one(ROWS, value) * count)
        return np.full(count, int(value), dtype=np.int64)
    if isinstance(value, str) or not isinstance(value, Sequence | np.ndarray) or len(value) != count:
        raise DataError(f"sizes[{ROWS!r}] is {value!r}", f"write a number, or one for each of the {count} cells")
    return _counts(ROWS, list(value), least=0)


def _filled(cells: _Cells, own: Ints) -> Layout:
    n = _checked_count(int(own.sum()))
    if n == 0:
        raise DataError("sizes leaves no rows")
    frame = pd.DataFrame(index=pd.RangeIndex(n))
    for name, codes in cells.repeated(own).items():
        column = pd.Categorical.from_codes(codes, categories=pd.Index(cells.labels[name]))
        frame[name] = column.remove_unused_categories()
    return Layout(frame, np.repeat(np.arange(cells.count), own), _places(own))


def _places(times: Ints) -> Ints:
    """Count from 0 within each repetition: ``[2, 3]`` gives ``0 1 0 1 2``."""
    ends = np.cumsum(times)
    return np.arange(int(ends[-1])) - np.repeat(ends - times, times)


def _checked_count(count: int) -> int:
    if count > MOST_ROWS:
        raise DataError(f"sizes asks for {count} rows; at most {MOST_ROWS} can be simulated at once")
    return count
