"""Means over the rows of the data, each row with what is asked for put in place of its own (standardization).

With x_i(a) the columns of row i with the focal ones at a, the mean is ``m(a) = sum_i g(x_i(a)' beta) / n``, over all
rows or those of each split: the average that the data would have at a (g-computation, Robins 1986; marginaleffects'
``avg_predictions(variables=)`` and ``avg_comparisons``). A reference grid has cells instead of rows.
"""

from __future__ import annotations

import numpy as np

from hierbayes.design.design import Design
from hierbayes.errors import ModelError
from hierbayes.posterior import Posterior
from hierbayes.summaries.questions.grid import Averaged, Grid, averaged_rows, observed, product
from hierbayes.summaries.questions.predictors import Value, Values, levels_by_row
from hierbayes.summaries.questions.response_scale import grid_means
from hierbayes.tables.numbers import Floats


def row_grids(design: Design, wanted: Values, splits: Values, fixed: dict[str, tuple[Value, ...]]) -> list[Grid]:
    """Return one grid for each combination of the splits: its labels are what is wanted, its cells rows of the data.

    Raises
    ------
    ModelError
        If rows are split by a number, or no row is in a split.
    """
    for name in splits:
        if design.schema.by_name[name].kind == "numeric":
            raise ModelError(
                f"by={name!r} is numeric, so the rows do not fall into groups by it",
                "leave average out, or hold it with at",
            )
    held = {name: values for name, values in fixed.items() if name not in wanted and name not in splits}
    rows = observed(design, held, False)
    own = {name: levels_by_row(design, name) for name in splits}
    labels, grids = product(wanted), []
    for split in product(splits).itertuples(index=False, name=None):
        inside = np.ones(design.n, dtype=bool)
        for name, level in zip(splits, split, strict=True):
            inside &= own[name] == level
        if not inside.any():
            where = ", ".join(f"{name}={level}" for name, level in zip(splits, split, strict=True))
            raise ModelError(f"no row of the data has {where}", "leave average out: the means are then over the grid")
        cells = rows[inside].drop(columns=list(wanted)).reset_index(drop=True)
        grids.append(Grid(labels, cells, np.full(len(cells), 1 / len(cells))))
    return grids


def check_rows_alike(weights: object) -> None:
    """Refuse weights of cells where rows are averaged."""
    if weights != "equal":
        raise ModelError(
            f"weights={weights!r} says how cells of a grid count, and average=True takes the rows of the data",
            "leave one of them out",
        )


def averaged_over_rows(design: Design, grids: list[Grid]) -> Averaged:
    """Return the averaged design rows of all splits, split after split."""
    import pandas as pd

    parts = [averaged_rows(design, grid) for grid in grids]
    labels = pd.concat([part.labels for part in parts], ignore_index=True)
    wide, offset = np.concatenate([part.wide for part in parts]), np.concatenate([part.offset for part in parts])
    return Averaged(labels, wide, offset, parts[0].p)


def response_means(posterior: Posterior, design: Design, grids: list[Grid]) -> Floats:
    """Return the draws of the mean response of all splits, split after split, (chain, draw, splits x labels)."""
    return np.concatenate([grid_means(posterior, design, grid) for grid in grids], axis=2)
