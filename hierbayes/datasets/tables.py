"""Reads a user's CSV file."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hierbayes.errors import DataError, warn

if TYPE_CHECKING:
    import pandas as pd

_LEADING_ZERO, _POWER = re.compile(r"[+-]?0\d"), re.compile(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+")

# Shorter than the list of pandas: "None" is a common name of a control group.
MISSING = ["", "NA", "N/A", "NaN", "nan", "NULL", "null"]


def read_csv(path: str | Path, keys: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the table in a CSV file (optionally compressed, e.g. ``.csv.gz``); text stays text.

    Identifiers are not always numbers: a column of `keys` stays text where as numbers it would lose leading zeros
    (``001``) or be raised to a power (``1e5``), or two of its texts would become one. Where the keys are not known,
    every column of whole numbers with leading zeros does.

    Parameters
    ----------
    path : str or pathlib.Path
        A file in UTF-8 with a header line. Empty cells and ``NA``, ``N/A``, ``NaN`` and ``NULL`` are missing values.
    keys : sequence of str, optional
        Columns that are read for their levels alone, as grouping factors are.

    Returns
    -------
    pandas.DataFrame
        One row a line.

    Raises
    ------
    DataError
        If the file is missing, not readable, not a table or empty.

    Warns
    -----
    HierBayesWarning
        Names each column that is kept as text though it looks like numbers.
    """
    place = Path(path)
    # Unlike Path.is_file, these do not raise where the name is too long for a file.
    if not os.path.isfile(place):
        what = "it is a directory" if os.path.isdir(place) else "there is no such file"
        raise DataError(f"cannot read the data in {str(path)!r}: {what}", "Give the path of a CSV file.")
    try:
        frame = _with_texts(_read(place), place, keys)
    except UnicodeDecodeError as error:
        what = f"cannot read the data in {str(path)!r}: it is not text in UTF-8"
        raise DataError(what, "Save it as UTF-8.") from error
    # A broken archive raises EOFError or zlib's own error, a broken table one of several kinds of ValueError.
    except Exception as error:
        raise DataError(f"cannot read the data in {str(path)!r} as a CSV file: {_one_line(error)}") from error
    if frame.empty:
        raise DataError(f"the data in {str(path)!r} have no rows")
    return frame


def _read(place: Path, **options: Any) -> pd.DataFrame:
    import pandas as pd

    # in one piece: by pieces a column may be numbers in one and text in another
    frame: pd.DataFrame = pd.read_csv(
        place, keep_default_na=False, na_values=MISSING, encoding="utf-8-sig", low_memory=False, **options
    )
    return frame


def _with_texts(frame: pd.DataFrame, place: Path, keys: Sequence[str] | None) -> pd.DataFrame:
    """Return the table with the columns of identifiers as they are written, where numbers would not keep them."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    asked = [key for key in (frame.columns if keys is None else keys) if key in frame]
    numbers = [key for key in asked if is_numeric_dtype(frame[key]) and not is_bool_dtype(frame[key])]
    if not numbers:
        return frame
    texts = _read(place, usecols=numbers, dtype=str)
    for key in numbers:
        written = texts[key].str.strip()
        found = written.dropna().unique().tolist()
        if keys is None and not all(text.lstrip("+-").isdigit() for text in found):
            continue
        why = _lost(found, frame[key].nunique() if keys is not None else len(found))
        if why is not None:
            frame[key] = written
            warn(
                f"the column {key!r} of {str(place)!r} is kept as text, for as numbers {why}"
                + (f"; if it is a number, pd.to_numeric(data[{key!r}]) makes one of it" if keys is None else "")
            )
    return frame


def _lost(texts: Sequence[str], numbers: int) -> str | None:
    """Say what identifiers lose as so many different numbers, None if they lose nothing."""
    zeros = next((text for text in texts if _LEADING_ZERO.match(text)), None)
    if zeros is not None:
        return f"its levels would lose leading zeros, as {zeros!r}"
    power = next((text for text in texts if _POWER.fullmatch(text)), None)
    if power is not None:
        return f"its levels would be raised to a power, as {power!r}"
    return "some of its levels would be one" if len(texts) > numbers else None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
