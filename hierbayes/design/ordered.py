"""An ordinal response: which categories it has, in which order, and the score of each row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hierbayes.design.table import Categorical, Column, Floats, Ints, plain_number
from hierbayes.errors import DataError, warn

MOST_CATEGORIES = 50
"""Each category but two is a parameter; beyond it a response is a number or a count."""


def scores_of(
    column: Column | None, y: Floats | None, rows: Ints, shown: str, known: tuple[str, ...] = ()
) -> tuple[Floats, tuple[str, ...]]:
    """Return the score of each row, 1 to K, and the categories in their order.

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
        The categories of the fit, for new data; by default those that the column declares or, of numbers, those that
        occur.

    Raises
    ------
    DataError
        If the categories have no order, are too few or too many, or a row has one that the fit has not seen.
    """
    if isinstance(column, Categorical):
        categories = known or _declared(column, shown)
        labels: Sequence[str] = column.levels
        codes = column.codes
    else:
        assert y is not None
        values, codes = np.unique(y, return_inverse=True)
        labels = tuple(plain_number(value) for value in values)
        if not known:
            _check_whole(y, shown, rows)
        categories = known or tuple(labels)
    check_number(categories, shown, "ordinal", "a threshold")
    place = {label: i + 1 for i, label in enumerate(categories)}
    scores = np.asarray([place.get(label, 0) for label in labels], dtype=np.float64)[codes]
    check_seen(scores, labels, np.asarray(codes), rows, categories, shown)
    if not known:
        _warn_unobserved(scores, categories, shown)
    return scores, categories


def _declared(column: Categorical, shown: str) -> tuple[str, ...]:
    if column.declared:
        if len(set(column.declared)) < len(column.declared):
            raise DataError(f"the response {shown!r} declares two categories of one name", "rename one of them")
        return column.declared
    what = {"text": "text", "boolean": "truth values"}.get(column.kind, "categories without an order")
    few = ", ".join(map(repr, column.levels[:5])) + (", ..." if len(column.levels) > 5 else "")
    if column.kind == "boolean" or len(column.levels) < 3:
        raise DataError(
            f"the response {shown!r} has the categories {few}; the ordinal family takes three or more, in their order",
            'write family="bernoulli" for one of two',
        )
    order = ", ".join(map(repr, column.levels)) if len(column.levels) <= 5 else "..."
    raise DataError(
        f"the response {shown!r} holds {what} ({few}); the ordinal family needs to know their order",
        f"say it in the data: pd.Categorical(data[{column.name!r}], categories=[{order}], ordered=True), lowest first",
    )


def _check_whole(y: Floats, shown: str, rows: Ints) -> None:
    bad = y != np.floor(y)
    if bad.any():
        i = int(np.argmax(bad))
        raise DataError(
            f"the response {shown!r} is {y[i]:g} in row {int(rows[i])} (counting from 0); the ordinal family takes "
            "ordered categories, or whole numbers in their order",
            'family="gaussian" takes any number; pd.cut makes ordered categories of it',
        )


def check_number(categories: tuple[str, ...], shown: str, family: str, each: str) -> None:
    """Refuse fewer than three categories, or more than anyone means; `each` is what each has of its own."""
    count = len(categories)
    if count < 3:
        few = " and ".join(map(repr, categories))
        raise DataError(
            f"the response {shown!r} has {'one category' if count == 1 else f'{count} categories'} ({few}); the "
            f"{family} family takes three or more",
            'write family="bernoulli" for one of two' if count == 2 else "look at the column",
        )
    if count > MOST_CATEGORIES:
        raise DataError(
            f"the response {shown!r} has {count} categories, each with {each} of its own; at most "
            f"{MOST_CATEGORIES} are taken",
            'family="gaussian" takes numbers, "poisson" counts; pd.cut makes fewer categories of either',
        )


def check_seen(
    scores: Floats, labels: Sequence[str], codes: Ints, rows: Ints, categories: tuple[str, ...], shown: str
) -> None:
    """Refuse a category that the fit has not seen: its number is 0."""
    unseen = np.flatnonzero(scores == 0)
    if unseen.size:
        raise DataError(
            f"the response {shown!r} has the category {labels[codes[unseen[0]]]!r} in row {int(rows[unseen[0]])} "
            "(counting from 0), which the fit has not seen",
            f"its categories are: {', '.join(categories)}",
        )


def _warn_unobserved(scores: Floats, categories: tuple[str, ...], shown: str) -> None:
    """Say which categories no row has: they stay in the model, whose priors alone refer to their widths."""
    lost = [repr(name) for i, name in enumerate(categories, start=1) if not np.any(scores == i)]
    if lost:
        many = len(lost) > 1
        warn(
            f"no row in use has the categor{'ies' if many else 'y'} {', '.join(lost)} of the response {shown!r}: "
            f"{'they stay' if many else 'it stays'} in the model, and the priors of the gaps have the main say about "
            f"{'them' if many else 'it'}. data[...].cat.remove_unused_categories() leaves unused categories out"
        )
