"""Numbers as a reader wants them: one column, one number of decimals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd


def text(value: Any) -> str:
    """Return one value as text: nothing for a missing one, four figures for a number.

    Examples
    --------
    >>> from hierbayes.report.text import text
    >>> text(24.740657995)
    '24.74'
    """
    if isinstance(value, tuple):
        return ":".join(map(text, value))
    if value is None or value is pd.NA or value is pd.NaT:
        return ""
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else _minus(f"{float(value):.4g}")
    return str(value)


def texts(column: pd.Series[Any]) -> list[str]:
    """Return a column as text; numbers with as many decimals as its smallest number asks for.

    Examples
    --------
    >>> import pandas as pd
    >>> from hierbayes.report.text import texts
    >>> texts(pd.Series([251.405, -10.467]))
    ['251.41', '−10.47']
    """
    if not pd.api.types.is_float_dtype(column):
        return [text(value) for value in column]
    values = column.to_numpy(dtype=float, na_value=np.nan)
    size = np.abs(values[np.isfinite(values) & (values != 0)])
    if size.size and (size.max() >= 1e7 or size.min() < 1e-3):
        return [text(value) for value in values]
    decimals = 0 if str(column.name).startswith("ess") else _decimals(size)
    return ["" if np.isnan(value) else _minus(f"{value:.{decimals}f}") for value in values]


def _decimals(size: np.ndarray[Any, np.dtype[np.float64]]) -> int:
    if not size.size or (size == np.round(size)).all():
        return 0
    return 3 if size.min() < 1 else 2 if size.min() < 1000 else 1


def _minus(number: str) -> str:
    return number.replace("-", "\u2212") if "e" not in number else number
