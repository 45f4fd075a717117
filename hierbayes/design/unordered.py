"""A response of categories without an order: which there are, which is the reference, and the number of each row's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hierbayes.design.ordered import check_number, check_seen
from hierbayes.design.table import Categorical, Column, Floats, Ints, plain_number
from hierbayes.errors import DataError


def numbers_of(
    column: Column | None, y: Floats | None, rows: Ints, shown: str, known: tuple[str, ...] = ()
) -> tuple[Floats, tuple[str, ...]]:
    """Return the number of each row's category, from 1, and the categories, the reference first.

    Parameters
    ----------
    column : Column or None
        The column that the response is; None where the formula computes it.
    y : array, shape (n,), or None
        The response where it is a number.
    rows : array of int, shape (n,)
        Positions of the rows in the user's data, for errors.
    shown : str
        The response as it is written.
    known : tuple of str
        The categories of the fit, for new data; by default the levels of the column that occur, or of numbers those
        that occur, in ascending order.

    Raises
    ------
    DataError
        If the categories are too few or too many, or a row has one that the fit has not seen.
    """
    if isinstance(column, Categorical):
        labels: Sequence[str] = column.levels
        codes = column.codes
    else:
        assert y is not None
        if not known:
            _check_whole(y, shown, rows)
        values, codes = np.unique(y, return_inverse=True)
        labels = tuple(plain_number(value) for value in values)
    categories = known or tuple(labels)
    check_number(categories, shown, "categorical", "a linear predictor")
    place = {label: i + 1 for i, label in enumerate(categories)}
    numbers = np.asarray([place.get(label, 0) for label in labels], dtype=np.float64)[codes]
    check_seen(numbers, labels, np.asarray(codes), rows, categories, shown)
    return numbers, categories


def _check_whole(y: Floats, shown: str, rows: Ints) -> None:
    bad = y != np.floor(y)
    if bad.any():
        i = int(np.argmax(bad))
        raise DataError(
            f"the response {shown!r} is {y[i]:g} in row {int(rows[i])} (counting from 0); the categorical family takes "
            "texts, categories, or whole numbers that stand for some",
            'family="gaussian" takes any number; pd.cut makes categories of it',
        )
