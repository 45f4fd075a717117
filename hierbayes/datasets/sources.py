"""What the bundled data sets are: read from ``sources.toml``, without opening the data."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hierbayes.errors import DataError

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Column:
    """One column of a bundled data set.

    Attributes
    ----------
    name : str
        Name of the column.
    about : str
        What it holds.
    unit : str
        Unit of its values; empty for a factor without one.
    levels : str or tuple of str or None
        For a factor the order of its levels, ``"number"``, ``"text"`` or the levels themselves; else None.
    """

    name: str
    about: str
    unit: str = ""
    levels: str | tuple[str, ...] | None = None


@dataclass(frozen=True)
class Dataset:
    """One bundled data set.

    Attributes
    ----------
    name, title, source : str
        Name in the catalogue, title, and the paper or book that it comes from.
    rows : int
        Number of rows.
    columns : tuple of Column
        The columns, in the order of the file.
    path : pathlib.Path
        The CSV file.
    """

    name: str
    title: str
    source: str
    rows: int
    columns: tuple[Column, ...]
    path: Path

    @property
    def factors(self) -> tuple[str, ...]:
        """The names of the factor columns."""
        return tuple(column.name for column in self.columns if column.levels is not None)


@cache
def sources() -> Mapping[str, Dataset]:
    """Return every bundled data set by name.

    Examples
    --------
    >>> from hierbayes.datasets.sources import sources
    >>> sources()["sleepstudy"].rows
    180
    """
    table = tomllib.loads((HERE / "sources.toml").read_text(encoding="utf-8"))
    return MappingProxyType({name: _dataset(name, entry) for name, entry in table.items()})


def find(name: str) -> Dataset:
    """Return the data set called `name`, whatever the case of its letters.

    Raises
    ------
    DataError
        If there is no such data set; names the nearest and lists all.

    Examples
    --------
    >>> from hierbayes.datasets.sources import find
    >>> find("SleepStudy").name
    'sleepstudy'
    """
    if not isinstance(name, str):
        raise DataError(f"the name of a data set is a string such as 'sleepstudy', not {name!r}")
    known = sources()
    if (key := name.strip().lower()) in known:
        return known[key]
    from difflib import get_close_matches

    near = get_close_matches(key, known, n=1)
    guess = f"Did you mean {near[0]!r}? " if near else ""
    raise DataError(f"there is no data set called {name!r}", f"{guess}The data sets are {', '.join(known)}.")


def _dataset(name: str, entry: Mapping[str, Any]) -> Dataset:
    columns = tuple(_column(column, about) for column, about in entry["columns"].items())
    return Dataset(name, entry["title"], entry["source"], entry["rows"], columns, HERE / entry["file"])


def _column(name: str, entry: Mapping[str, Any]) -> Column:
    levels = entry.get("levels")
    return Column(name, entry["about"], entry.get("unit", ""), tuple(levels) if isinstance(levels, list) else levels)
