"""Estimated marginal means, from draws of the coefficients; their contrasts are in `contrast_tables`.

A marginal mean averages the linear predictor at the population level over the reference grid; being linear, it is the
averaged design row times beta: ``m = x' beta + offset`` with ``x = sum_c w_c x_c`` over the cells c. On the scale of
the response the mean of each cell is averaged instead, draw by draw (`response_scale`). Vocabulary of emmeans (Searle,
Speed and Milliken 1980, The American Statistician 34, 216-221).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from hierbayes.design.design import Design
from hierbayes.errors import ModelError
from hierbayes.posterior import Posterior
from hierbayes.summaries.questions.grid import Grid, Weights, average_grid, product, reference_grid
from hierbayes.summaries.questions.predictors import (
    Value,
    Values,
    check_named,
    chosen,
    fixed_values,
    label_columns,
    split_values,
)
from hierbayes.summaries.questions.response_scale import grid_means, predictor_draws
from hierbayes.summaries.questions.scales import back, check_scale
from hierbayes.summaries.questions.standardized import (
    averaged_over_rows,
    check_rows_alike,
    response_means,
    row_grids,
)
from hierbayes.tables.numbers import ESTIMATES, Floats, check_flag, check_prob, described


def means_table(
    posterior: Posterior,
    design: Design,
    focal: Any,
    by: Any,
    ci_prob: float,
    weights: Weights,
    at: Any,
    scale: str = "link",
    average: Any = False,
) -> pd.DataFrame:
    """Return the marginal means, one row for each combination; see `Fit.means`."""
    ci_prob = check_prob(ci_prob)
    check_scale(scale, design.family, "means")
    wanted, splits = apart(design, focal, by, at)
    asked, fixed = {**wanted, **splits}, fixed_values(design, at)
    if check_flag("average", average):
        check_rows_alike(weights)
        grids = row_grids(design, wanted, splits, fixed)
        cells, draws = product(asked), _over_rows(posterior, design, grids, scale)
    elif scale == "response" and not design.family.linear:
        grid = reference_grid(design, asked, fixed, weights)
        cells, draws = grid.labels, grid_means(posterior, design, grid)
    else:
        found = average_grid(design, asked, fixed, weights)
        cells, draws = found.labels, predictor_draws(posterior, found.X, found.offset)
    labels = label_columns(cells, ESTIMATES)
    return pd.concat([labels, described(back(draws, scale), ci_prob)], axis=1)


def _over_rows(posterior: Posterior, design: Design, grids: list[Grid], scale: str) -> Floats:
    """Return the draws of means over rows, (chain, draw, means x splits); the split varies fastest, as in a grid."""
    if scale == "response" and not design.family.linear:
        draws = response_means(posterior, design, grids)
    else:
        found = averaged_over_rows(design, grids)
        draws = predictor_draws(posterior, found.X, found.offset)
    chains, count = draws.shape[:2]
    return draws.reshape(chains, count, len(grids), -1).swapaxes(2, 3).reshape(chains, count, -1)


def apart(design: Design, focal: Any, by: Any, at: Any) -> tuple[Values, Values]:
    """Return the values of the focal columns and of those by which the table is split."""
    names, splits = chosen(design, focal, "means of"), chosen(design, by, "by")
    check_named(design, names)
    if both := [name for name in names if name in splits]:
        raise ModelError(f"{both[0]!r} is asked for and stands in by too", "name it once")
    fixed = fixed_values(design, at)
    return {n: _focal_values(design, n, fixed) for n in names}, {n: split_values(design, n, fixed) for n in splits}


def _focal_values(design: Design, name: str, fixed: Mapping[str, tuple[Value, ...]]) -> tuple[Value, ...]:
    column = design.schema.by_name[name]
    if column.kind == "numeric" and name not in fixed:
        raise ModelError(
            f"{name!r} is numeric, so it has no levels to give the means of",
            f"say where: at={{{name!r}: [...]}}; for its slope: fit.slopes({name!r})",
        )
    return fixed.get(name, column.levels)
