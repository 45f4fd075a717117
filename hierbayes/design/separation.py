"""What discrete responses leave open: levels that say nothing of their effect, and coefficients without a maximum."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hierbayes.design.design import Design
from hierbayes.design.groups import GroupBlock
from hierbayes.design.table import Floats
from hierbayes.design.units import lengths


def _bounds(design: Design) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which rows lie on the lower and which on the upper bound of what a discrete response may be."""
    low, high = design.family.range(design.trials)
    nothing = np.zeros(design.n, dtype=bool)
    return nothing if low is None else design.y == low, nothing if high is None else design.y == high


def telling_levels(block: GroupBlock, design: Design, wide: bool = False) -> int:
    """Return how many levels say of their effect that it is not infinite.

    With `wide`, for an ordinal response whose gaps may grow without bound too, those are the levels with two categories
    or more: any single one can be made certain.

    A level whose responses all lie on one bound (all failures, all successes, all counts 0) fits the better the more
    extreme its effect is, so that its share of the likelihood does not fall as the sd grows. Every level of a
    continuous response counts.
    """
    if wide:
        cells = np.unique(np.stack([block.codes, design.y.astype(np.int64)]), axis=1)
        return int(np.sum(np.bincount(cells[0], minlength=block.n_levels) > 1))
    low, high = _bounds(design)
    rows = np.bincount(block.codes, minlength=block.n_levels)
    at_low = np.bincount(block.codes, low.astype(float), block.n_levels)
    at_high = np.bincount(block.codes, high.astype(float), block.n_levels)
    return int(np.sum((at_low < rows) & (at_high < rows)))


def separated(design: Design, X: Floats) -> bool:
    """Say whether some combination of the columns predicts the bounds of a discrete response without an error.

    There is then a direction d of the coefficients along which no row becomes less likely: ``x'd <= 0`` where the row
    lies on the lower bound, ``>= 0`` on the upper, ``= 0`` elsewhere, not 0 throughout (Albert and Anderson, 1984). A
    linear programme looks for it.

    Parameters
    ----------
    design : Design
    X : array, shape (n, k)
        The columns of the flat coefficients, linearly independent.
    """
    from scipy.optimize import linprog

    low, high = _bounds(design)
    if X.shape[1] == 0 or not (low.any() or high.any()):
        return False
    scaled = X / lengths(X) * np.sqrt(design.n)
    signed = np.unique(np.where(low[:, None], -scaled, scaled)[low | high], axis=0)
    inside = np.unique(scaled[~(low | high)], axis=0)
    found = linprog(
        -signed.sum(axis=0),
        A_ub=np.vstack([signed, -signed]),
        b_ub=np.concatenate([np.ones(len(signed)), np.zeros(len(signed))]),
        A_eq=inside if len(inside) else None,
        b_eq=np.zeros(len(inside)) if len(inside) else None,
        bounds=(None, None),
    )
    return bool(found.status == 0 and -found.fun > 1e-6)


def open_categories(design: Design, X: Floats, flat: Sequence[int]) -> bool:
    """Say whether flat gaps, and flat coefficients with them, can grow together without a row becoming less likely.

    A direction moves the coefficients by d and gap k by ``e_k >= 0``. The likelihood of a row of category k with the
    columns x does not fall along it where ``sum_{j < k} e_j <= x'd <= sum_{j <= k} e_j``, without the lower bound
    for the first category and the upper one for the last. If such a direction is there, the posterior is improper.

    Parameters
    ----------
    design : Design
        Of an ordinal response.
    X : array, shape (n, p)
        The columns of the flat coefficients, linearly independent.
    flat : sequence of int
        The categories whose gaps have a flat prior.
    """
    from scipy.optimize import linprog

    if not flat:
        return False
    last = design.family.categories
    scaled = X / lengths(X) * np.sqrt(design.n) if X.shape[1] else X
    rows = np.unique(np.column_stack([design.y, scaled]), axis=0)
    y, moves = rows[:, 0], rows[:, 1:]
    below = np.column_stack([y > k for k in flat]).astype(float)
    up_to = np.column_stack([y >= k for k in flat]).astype(float)
    if not up_to.any(axis=0).all():
        return True
    slack = np.vstack([np.hstack([moves, -below])[y > 1], np.hstack([-moves, up_to])[y < last]])
    slack = np.unique(slack, axis=0)
    found = linprog(
        -slack.sum(axis=0),
        A_ub=np.vstack([slack, -slack]),
        b_ub=np.concatenate([np.ones(len(slack)), np.zeros(len(slack))]),
        bounds=[(None, None)] * X.shape[1] + [(0, None)] * len(flat),
    )
    return bool(found.status == 0 and -found.fun > 1e-6)
