"""The levels that the explorer holds: their points, and the columns that make their lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hierbayes.design.design import Design
from hierbayes.design.levels import FactorColumns
from hierbayes.design.table import Floats, Ints
from hierbayes.summaries.covariances import sums_by

Bools = NDArray[np.bool_]

MOST_LEVELS = 1000
"""Levels that a page holds."""
MOST_POINTS = 20_000
"""Rows that a page draws as points."""
MOST_PLACES = 60
"""Points of one level's line."""


def spread(total: int, wanted: int) -> Ints:
    """Return the places of at most `wanted` out of `total`, evenly spread, the first and the last among them."""
    return np.unique(np.linspace(0, total - 1, min(wanted, total)).round().astype(np.int64))


def kept_levels(own: FactorColumns, first: Sequence[str]) -> list[int]:
    """Return the levels that the page holds: those asked for, and others spread evenly while there is room."""
    place = {level: j for j, level in enumerate(own.levels)}
    asked = {place[level] for level in first}
    others = [j for j in range(own.n_levels) if j not in asked]
    room = max(MOST_LEVELS - len(asked), 0)
    return sorted([*asked, *(others[i] for i in spread(len(others), room))])


def level_rows(
    design: Design,
    own: FactorColumns,
    kept: Sequence[int],
    x: Floats,
    y: Floats,
    small: Bools,
    shown: set[str],
    shift: Floats,
) -> list[dict[str, Any]]:
    """Return each level's points, and the rows of X and Z along its line: where x repeats, their means.

    `shift`, shape (n,), is what the line has beside X beta + Z b on the scale of the predictor.
    """
    order = np.argsort(own.codes, kind="stable")
    counts = np.bincount(own.codes, minlength=own.n_levels)
    starts = np.cumsum(counts) - counts
    share = min(1.0, MOST_POINTS / max(int(counts[list(kept)].sum()), 1))
    found = []
    for j in kept:
        rows = order[starts[j] : starts[j] + counts[j]]
        points = rows[spread(len(rows), max(1, int(share * len(rows))))]
        at, X, Z, added = _along(x[rows], design.X[rows], own.Z[rows], shift[rows, None])
        found.append(
            {
                "name": own.levels[j],
                "rows": len(rows),
                "small": bool(small[j]),
                "shown": own.levels[j] in shown,
                "x": rounded(x[points]),
                "y": y[points].tolist(),
                "at": rounded(at),
                "X": rounded(X),
                "Z": rounded(Z),
                "shift": rounded(added[:, 0]),
            }
        )
    return found


def _along(x: Floats, *columns: Floats) -> tuple[Floats, ...]:
    """Return the different x, thinned where they are many, with the mean rows of each matrix there."""
    places, back = np.unique(x, return_inverse=True)
    some = spread(len(places), MOST_PLACES)
    return places[some], *(_means(back, own)[some] for own in columns)


def _means(codes: Ints, columns: Floats) -> Floats:
    counts = np.bincount(codes)
    if not columns.shape[1]:
        return np.zeros((len(counts), 0))
    return np.asarray(sums_by(codes, columns, len(counts)) / counts[:, None])


def rounded(values: Floats, digits: int = 12) -> Any:
    """Return nested lists of numbers with so many significant digits."""
    flat = np.asarray(values, dtype=float).ravel()
    short = [float(f"{value:.{digits}g}") for value in flat.tolist()]
    return np.array(short).reshape(np.shape(values)).tolist()
