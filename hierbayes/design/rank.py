"""Columns that no row determines: those that are, in every row, a combination of the columns before them.

An empty cell of a crossed design makes some: with no row of ``f = A`` and ``h = v`` the column ``f[A]:h[v]`` is 0 in
every row, or one of the others follows from the rest. As in lme4 they are left out, the later ones first to go, and
what is left spans the same space. New rows of which the data say nothing are told by the same combination.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hierbayes.design.table import Floats, Ints
from hierbayes.errors import ModelError, warn
from hierbayes.spec import Rank

_SHARE = 1e-10
"""A column of which less than this share is left beside those before it is a combination of them."""
_AGREES = 1e-7
_MOST_NAMED = 8


@dataclass(frozen=True)
class Dropped:
    """A column that was left out.

    Attributes
    ----------
    label : str
    weights : tuple of float
        The combination of the columns that were kept which it is in every row of the fit; all 0 where it is 0.
    """

    label: str
    weights: tuple[float, ...]


def kept_columns(matrix: Floats, intercept: bool) -> Ints:
    """Return the places of the columns that the ones before them do not determine, in their order.

    Columns are told apart after centring where there is an intercept, so that the place of zero does not matter. Once
    there are as many columns as rows nothing is left to tell the others by, and those that are not 0 are kept: proper
    priors determine them.

    Parameters
    ----------
    matrix : array, shape (n, k)
    intercept : bool
        Whether the first column is 1 in every row.

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 4.0, 3.0])
    >>> kept_columns(np.column_stack([np.ones(4), x, 2 * x - 1, x**2]), True).tolist()
    [0, 1, 3]
    """
    n, k = matrix.shape
    if k == 0 or _clearly_apart(matrix, intercept):
        return np.arange(k)
    first = int(intercept)
    unit, live = _scaled(matrix[:, first:], intercept)
    basis, rank = np.empty((n, min(n - first, int(live.sum()))), order="F"), 0
    kept = list(range(first))
    for j in np.flatnonzero(live):
        left, found = unit[:, j], basis[:, :rank]
        for _ in range(2):  # the second time takes away what rounding left the first time
            left = left - found @ (found.T @ left)
        length = float(np.linalg.norm(left))
        if rank < n - first and length > _SHARE:
            basis[:, rank] = left / length
            rank += 1
        elif rank < n - first:
            continue
        kept.append(first + int(j))
    return np.asarray(kept, dtype=np.int64)


def _clearly_apart(matrix: Floats, intercept: bool) -> bool:
    """Whether the columns are far from dependent; a few rows tell almost always."""
    n, k = matrix.shape
    if k >= n:
        return False
    some = np.linspace(0, n - 1, min(n, 4 * k + 40)).astype(np.int64)
    for rows in (some, np.arange(n)):
        columns, live = _scaled(matrix[rows, int(intercept) :], intercept)
        if columns.shape[1] == 0 or (live.all() and np.abs(np.diag(np.linalg.qr(columns, mode="r"))).min() > 1e-6):
            return True
    return False


def _scaled(columns: Floats, centred: bool) -> tuple[Floats, np.typing.NDArray[np.bool_]]:
    """Return the columns with length 1, centred or not, and which of them are not constant or 0 to begin with."""
    largest = np.abs(columns).max(axis=0, initial=0)
    held = columns / np.where(largest > 0, largest, 1.0)
    live = np.ptp(held, axis=0) > 1e-15 if centred else largest > 0
    if centred:
        held = held - held.mean(axis=0)
    length = np.sqrt(np.sum(held**2, axis=0))
    return held / np.where(length > 0, length, 1.0), live


def combinations(matrix: Floats, kept: Ints, labels: Sequence[str]) -> tuple[Dropped, ...]:
    """Return the columns that are not among `kept`, each as a combination of these."""
    out = np.setdiff1d(np.arange(matrix.shape[1]), kept)
    if not out.size:
        return ()
    largest = np.maximum(np.abs(matrix).max(axis=0, initial=0), 1e-300)
    unit = matrix / largest
    # `lstsq` of as many columns as rows explains anything, but then only columns of zeros are left out
    weights = np.linalg.lstsq(unit[:, kept], unit[:, out], rcond=None)[0] * largest[out] / largest[kept][:, None]
    weights[:, ~matrix[:, out].any(axis=0)] = 0.0
    size = np.abs(weights) * largest[kept][:, None] / largest[out]
    weights[size < 1e-9] = 0.0
    return tuple(Dropped(labels[int(j)], tuple(map(float, own))) for j, own in zip(out, weights.T, strict=True))


def told_apart(matrix: Floats, labels: Sequence[str], dropped: Sequence[Dropped]) -> tuple[Floats, Floats]:
    """Return the kept columns of new rows, and the gap between each dropped column and its combination of these.

    The gap is 0 in every row of the fit. A row, or a mean or difference of rows, of which it is not 0 is one that the
    data of the fit do not determine: gaps add up as rows do.

    Parameters
    ----------
    matrix : array, shape (n, k)
        All columns, the dropped ones too.
    labels : sequence of str, length k
    dropped : sequence of Dropped
    """
    if not dropped:
        return matrix, np.zeros((len(matrix), 0))
    names = {own.label for own in dropped}
    kept = np.asarray([label not in names for label in labels], dtype=bool)
    place = {label: j for j, label in enumerate(labels)}
    own, given = np.ascontiguousarray(matrix[:, kept]), matrix[:, [place[each.label] for each in dropped]]
    weights = np.asarray([each.weights for each in dropped]).T
    gap = given - own @ weights
    size = np.abs(given) + np.abs(own) @ np.abs(weights)
    return own, np.where(np.abs(gap) <= _AGREES * size, 0.0, gap)


def narrowed(rows: Floats, p: int) -> Floats:
    """Return rows of p columns and gaps as rows of p columns, NaN where a gap is not 0.

    Examples
    --------
    >>> narrowed(np.array([[1.0, 2.0, 0.0], [1.0, 3.0, 1.0]]), 2).tolist()
    [[1.0, 2.0], [nan, nan]]
    """
    if rows.shape[1] == p:
        return rows
    open_rows = (np.abs(rows[:, p:]) > _AGREES).any(axis=1)
    return np.where(open_rows[:, None], np.nan, rows[:, :p])


def say_dropped(dropped: Sequence[Dropped], where: str, intercept: bool, rank: Rank) -> None:
    """Warn of columns that are left out, or refuse them.

    Parameters
    ----------
    dropped : sequence of Dropped
    where : str
        The part of the formula, as it is to be named.
    intercept : bool
        Whether the first column is the intercept.
    rank : "drop" or "raise"

    Raises
    ------
    ModelError
        With ``rank="raise"``, if there are any.
    """
    if not dropped:
        return
    what = f"the data do not determine {_named(dropped)} {where}: {_why(dropped, intercept)}"
    if rank == "raise":
        raise ModelError(
            what,
            'leave it out of the formula, or write rank="drop", the default, which drops such columns, as lme4 does',
        )
    warn(
        f"{what}. Dropped, as lme4 does: new rows for which it counts cannot be predicted, and means over them are "
        'NaN. rank="raise" refuses such a model'
    )


def _why(dropped: Sequence[Dropped], intercept: bool) -> str:
    """Say why the first column is not determined."""
    used = [j for j, weight in enumerate(dropped[0].weights) if weight]
    one = "it" if len(dropped) == 1 else "the first"
    crossed = ", as where a cell of a crossed design is empty" if ":" in dropped[0].label else ""
    if not used:
        return f"{one} is 0 in every row{crossed}"
    if intercept and used == [0]:
        return f"{one} is the same in every row"
    return f"{one} is a linear combination of the columns before it{crossed}"


def _named(dropped: Sequence[Dropped]) -> str:
    more = f" and {len(dropped) - _MOST_NAMED} more" if len(dropped) > _MOST_NAMED else ""
    noun = "column" if len(dropped) == 1 else f"{len(dropped)} columns"
    return f"the {noun} {', '.join(repr(own.label) for own in dropped[:_MOST_NAMED])}{more}"
