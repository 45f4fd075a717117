"""What discrete responses leave open: levels that say nothing of their effect, and coefficients without a maximum."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hierbayes.design.design import Design
from hierbayes.design.groups import GroupBlock
from hierbayes.design.table import Floats
from hierbayes.design.units import lengths


def _bounds(design: Design) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which rows lie on the lower and which on the upper bound of what a discrete response may be."""
    nothing = np.zeros(design.n, dtype=bool)
    values = design.family.values
    if values not in ("binary", "binomial", "count"):
        return nothing, nothing
    top = np.ones(design.n) if design.trials is None else design.trials
    return design.y == 0, nothing if values == "count" else design.y == top


def telling_levels(block: GroupBlock, design: Design) -> int:
    """Return how many levels say of their effect that it is not infinite.

    A level whose responses all lie on one bound (all failures, all successes, all counts 0) fits the better the more
    extreme its effect is, so that its share of the likelihood does not fall as the sd grows. Every level of a
    continuous response counts.
    """
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
