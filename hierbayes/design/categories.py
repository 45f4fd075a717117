"""A response of categories: which there are, in which order or with which reference, and the number of each row's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hierbayes.design.table import Categorical, Column, Floats, Ints, plain_number
from hierbayes.errors import DataError, warn
from hierbayes.families import Values

MOST_CATEGORIES = 50
"""Each category but two is a parameter; beyond it a response is a number or a count."""


@dataclass(frozen=True)
class _Kind:
    """What messages say of the family that takes the categories: its name, what each has of its own, what it takes."""

    family: str
    each: str
    takes: str
    cut: str


_KINDS = {
    "ordered": _Kind(
        "ordinal", "a threshold", "ordered categories, or whole numbers in their order", "ordered categories"
    ),
    "unordered": _Kind(
        "categorical", "a linear predictor", "texts, categories, or whole numbers that stand for some", "categories"
    ),
}


def numbers_of(
    values: Values, column: Column | None, y: Floats | None, rows: Ints, shown: str, known: tuple[str, ...] = ()
) -> tuple[Floats, tuple[str, ...]]:
    """Return the number of each row's category, 1 to K, and the categories: in their order, or the reference first.

    Parameters
    ----------
    values : "ordered" or "unordered"
        What the family takes.
    column : Column or None
        The column that the response is; None where the formula computes it.
    y : array, shape (n,), or None
        The response where it is a number.
    rows : array of int, shape (n,)
        Positions of the rows in the user's data, for errors.
    shown : str
        The response as it is written.
    known : tuple of str
        The categories of the fit, for new data; by default those that the column declares in their order or, without
        an order, its levels that occur; of numbers those that occur, in ascending order.

    Raises
    ------
    DataError
        If the categories have no order and need one, are too few or too many, or a row has one that the fit has not
        seen.
    """
    kind, in_order = _KINDS[values], values == "ordered"
    if isinstance(column, Categorical):
        labels, codes = column.levels, column.codes
        categories = known or (_declared(column, shown) if in_order else labels)
    else:
        assert y is not None
        distinct, codes = np.unique(y, return_inverse=True)
        labels = tuple(plain_number(value) for value in distinct)
        if not known:
            _check_whole(y, shown, rows, kind)
        categories = known or labels
    _check_number(categories, shown, kind)
    place = {label: i + 1 for i, label in enumerate(categories)}
    numbers = np.asarray([place.get(label, 0) for label in labels], dtype=np.float64)[codes]
    unseen = np.flatnonzero(numbers == 0)
    if unseen.size:
        raise DataError(
            f"the response {shown!r} has the category {labels[codes[unseen[0]]]!r} in row {int(rows[unseen[0]])} "
            "(counting from 0), which the fit has not seen",
            f"its categories are: {', '.join(categories)}",
        )
    if in_order and not known:
        _warn_unobserved(numbers, categories, shown)
    return numbers, categories


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


def _check_whole(y: Floats, shown: str, rows: Ints, kind: _Kind) -> None:
    bad = y != np.floor(y)
    if bad.any():
        i = int(np.argmax(bad))
        raise DataError(
            f"the response {shown!r} is {y[i]:g} in row {int(rows[i])} (counting from 0); the {kind.family} "
            f"family takes {kind.takes}",
            f'family="gaussian" takes any number; pd.cut makes {kind.cut} of it',
        )


def _check_number(categories: tuple[str, ...], shown: str, kind: _Kind) -> None:
    """Refuse fewer than three categories, or more than anyone means."""
    count = len(categories)
    if count < 3:
        few = " and ".join(map(repr, categories))
        raise DataError(
            f"the response {shown!r} has {'one category' if count == 1 else f'{count} categories'} ({few}); the "
            f"{kind.family} family takes three or more",
            'write family="bernoulli" for one of two' if count == 2 else "look at the column",
        )
    if count > MOST_CATEGORIES:
        raise DataError(
            f"the response {shown!r} has {count} categories, each with {kind.each} of its own; at most "
            f"{MOST_CATEGORIES} are taken",
            'family="gaussian" takes numbers, "poisson" counts; pd.cut makes fewer categories of either',
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
