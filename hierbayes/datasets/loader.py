"""Reads the bundled data sets into pandas."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from hierbayes.datasets.sources import Column, find, sources

if TYPE_CHECKING:
    import pandas as pd


def load_data(name: str) -> pd.DataFrame:
    """Return a bundled data set.

    Grouping and factor columns are unordered categoricals of strings, their levels in the order that R's ``factor``
    gives them: numerically where every level is a number, else alphabetically. All other columns are numbers.
    Every call returns a new frame.

    Parameters
    ----------
    name : str
        A name of `list_data`, in letters of any case.

    Returns
    -------
    pandas.DataFrame
        One row an observation; `list_data` and ``hierbayes data NAME`` say what the columns are and their units.

    Raises
    ------
    DataError
        If there is no data set of that name.

    Examples
    --------
    >>> import hierbayes as hb
    >>> sleep = hb.load_data("sleepstudy")
    >>> sleep.shape
    (180, 3)
    >>> list(sleep["Subject"].cat.categories[:3])
    ['308', '309', '310']
    """
    import pandas as pd

    dataset = find(name)
    text = dict.fromkeys(dataset.factors, str)
    frame = pd.read_csv(dataset.path, dtype=text, keep_default_na=False, encoding="utf-8")
    for column in dataset.columns:
        if column.levels is not None:
            kind = pd.CategoricalDtype(_ordered_levels(frame[column.name].unique(), column))
            frame[column.name] = frame[column.name].astype(kind)
    return frame


def list_data() -> pd.DataFrame:
    """Return a table of the bundled data sets: name, rows, columns, title and source.

    Examples
    --------
    >>> import hierbayes as hb
    >>> table = hb.list_data()
    >>> table.loc[table["name"] == "sleepstudy", "columns"].item()
    'Reaction, Days, Subject'
    """
    import pandas as pd

    return pd.DataFrame(
        {
            "name": dataset.name,
            "rows": dataset.rows,
            "columns": ", ".join(column.name for column in dataset.columns),
            "title": dataset.title,
            "source": dataset.source,
        }
        for dataset in sources().values()
    )


def _ordered_levels(found: Iterable[str], column: Column) -> list[str]:
    """Return the levels of a factor in their order."""
    if isinstance(column.levels, tuple):
        return list(column.levels)
    if column.levels == "number":
        return sorted(found, key=float)
    # R sorts strings by the locale: letters first, their case only between words that are otherwise alike.
    return sorted(found, key=lambda level: (level.casefold(), level.swapcase()))
