"""The linear predictors of rows some of whose levels are new, whose effects are still to be integrated out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from hierbayes.comparison.integrals import Responses
from hierbayes.design.table import at_rows
from hierbayes.engines.base import Floats, Ints
from hierbayes.posterior import Posterior

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hierbayes.design.design import Design


def responses(design: Design, rows: Ints) -> Responses:
    """Return the responses of some rows."""
    trials = at_rows(design.trials, rows)
    return Responses(design.family, design.y[rows], design.weights[rows], trials)


def predictors(design: Design, drawn: Posterior, rows: Ints, new: Sequence[NDArray[np.bool_]]) -> tuple[Floats, Floats]:
    """Return what is known of the linear predictors of rows, and the columns of the spherical effects of new levels.

    Parameters
    ----------
    design : Design
    drawn : Posterior
    rows : array of int
    new : sequence of array of bool, shape (levels,)
        For each block the levels whose effects are not known: they are ``L v``, ``v ~ N(0, I)``.

    Returns
    -------
    predictor : array, shape (draws, rows)
        For ``categorical`` K - 1 numbers a row, here and in A.
    A : array, shape (draws, rows, q)
        The predictor is ``predictor + A v``.
    """
    S = design.predictors
    rows = rows if S == 1 else (S * rows[:, None] + np.arange(S)).ravel()
    found = drawn.linear_predictor(design, design.groups, some=rows, new=new)
    columns = []
    for i, (block, unknown) in enumerate(zip(design.groups, new, strict=True)):
        codes = block.codes[rows]
        levels = np.unique(codes[unknown[codes]])
        if not len(levels):
            continue
        turned = block.Z[rows] @ drawn.blocks[i].cholesky
        columns += [turned * (codes == level)[:, None] for level in levels]
    return found, np.concatenate(columns, axis=2) if columns else np.zeros((*found.shape, 0))
