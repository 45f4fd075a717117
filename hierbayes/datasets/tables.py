"""Reads a user's CSV file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from hierbayes.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

# Shorter than the list of pandas: "None" is a common name of a control group.
MISSING = ["", "NA", "N/A", "NaN", "nan", "NULL", "null"]


def read_csv(path: str | Path) -> pd.DataFrame:
    """Return the table in a CSV file (optionally compressed, e.g. ``.csv.gz``); text stays text.

    Parameters
    ----------
    path : str or pathlib.Path
        A file in UTF-8 with a header line. Empty cells and ``NA``, ``N/A``, ``NaN`` and ``NULL`` are missing values.

    Returns
    -------
    pandas.DataFrame
        One row a line.

    Raises
    ------
    DataError
        If the file is missing, not readable, not a table or empty.
    """
    import pandas as pd

    place = Path(path)
    # Unlike Path.is_file, these do not raise where the name is too long for a file.
    if not os.path.isfile(place):
        what = "it is a directory" if os.path.isdir(place) else "there is no such file"
        raise DataError(f"cannot read the data in {str(path)!r}: {what}", "Give the path of a CSV file.")
    try:
        frame = pd.read_csv(place, keep_default_na=False, na_values=MISSING, encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        what = f"cannot read the data in {str(path)!r}: it is not text in UTF-8"
        raise DataError(what, "Save it as UTF-8.") from error
    # A broken archive raises EOFError or zlib's own error, a broken table one of several kinds of ValueError.
    except Exception as error:
        raise DataError(f"cannot read the data in {str(path)!r} as a CSV file: {_one_line(error)}") from error
    if frame.empty:
        raise DataError(f"the data in {str(path)!r} have no rows")
    return frame


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
