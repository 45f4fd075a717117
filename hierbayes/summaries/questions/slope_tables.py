"""Slopes: derivatives of the linear predictor in one numeric column, averaged over a grid or over rows.

The design row is differentiated, ``d = dx/dv``, and the slope is ``d' beta``; averages are taken of the rows, before
the draws come in; on the scale of the response the average is taken draw by draw (`response_scale`). The vocabulary is
that of marginaleffects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from hierbayes.design.design import Design
from hierbayes.design.new_rows import rows_of
from hierbayes.design.table import Ints
from hierbayes.errors import ModelError
from hierbayes.formula.names import suggest
from hierbayes.posterior import Posterior
from hierbayes.summaries.questions.derivatives import Derivatives, RowsAndSlopes, derivatives
from hierbayes.summaries.questions.grid import Weights, average_grid, observed, product, reference_grid
from hierbayes.summaries.questions.predictors import (
    Value,
    check_named,
    chosen,
    fixed_values,
    label_columns,
    levels_by_row,
    numbers_of,
    split_values,
)
from hierbayes.summaries.questions.response_scale import grid_slopes, predictor_draws, row_slopes
from hierbayes.summaries.questions.scales import back, check_scale, share_above
from hierbayes.tables.numbers import ESTIMATES, Floats, check_flag, check_prob, described

OWN_COLUMNS = ("predictor", "group", "level", *ESTIMATES, "prob_positive", "prob_above_1")


@dataclass(frozen=True)
class Slopes:
    """What slopes are asked for; the fields are the arguments of `Fit.slopes`."""

    variable: Any
    by: Any
    at: Any
    average: Any
    groups: Any
    levels: Any
    ci_prob: Any
    weights: Any
    scale: Any


def slopes_table(posterior: Posterior, design: Design, question: Slopes) -> pd.DataFrame:
    """Return slopes with intervals; see `Fit.slopes`."""
    by, at, groups, levels, scale = question.by, question.at, question.groups, question.levels, question.scale
    ci_prob = check_prob(question.ci_prob)
    within, average = groups is not None, check_flag("average", question.average)
    if levels is not None and not within:
        raise ModelError("levels chooses among those of a grouping factor", 'name it: groups="Subject"')
    names = chosen(design, question.variable, "slopes of", within)
    check_named(design, names)
    check_scale(scale, design.family, "slopes")
    curved = scale == "response" and not design.family.linear
    parts = []
    for name in names:
        _check_numeric(design, name)
        if within or average:
            parts.append(_over_rows(posterior, design, name, by, at, groups, levels, curved))
        else:
            parts.append(_over_grid(posterior, design, name, by, at, question.weights, curved))
    labels = pd.concat([part[0] for part in parts], ignore_index=True)
    draws = np.concatenate([part[1] for part in parts], axis=2)
    table = pd.concat([labels, described(back(draws, scale), ci_prob)], axis=1)
    return table.assign(**share_above(draws, scale))


def _check_numeric(design: Design, name: str) -> None:
    if design.schema.by_name[name].kind != "numeric":
        raise ModelError(f"{name!r} is categorical and has no slope", f"compare its levels: fit.contrasts({name!r})")
    numbers_of(design, name)  # its spread gives the step of the differences: without the data there are none


def cell_slopes(
    posterior: Posterior,
    design: Design,
    name: str,
    asked: Mapping[str, tuple[Value, ...]],
    fixed: dict[str, tuple[Value, ...]],
    weights: Weights,
    average: bool,
    curved: bool,
) -> Floats:
    """Return the draws of the slope in each combination of the asked values, (chain, draw, combinations).

    Parameters
    ----------
    name : str
        The numeric column.
    asked : mapping of str to tuple
        The columns that stay apart, with their values; the last varies fastest.
    fixed : mapping of str to tuple
        What others are held at.
    average : bool
        Average over the rows of each combination, instead of over the grid.
    curved : bool
        Whether the slope is to be that of the mean response, which is not linear in the column.

    Raises
    ------
    ModelError
        If the column is categorical or not known, or a combination has no rows to average over.
    """
    chosen(design, name, "slopes")
    _check_numeric(design, name)
    if average:
        return _averaged_cells(posterior, design, name, asked, fixed, curved)
    if curved:
        return grid_slopes(posterior, design, reference_grid(design, asked, fixed, weights), name)
    found = average_grid(design, asked, fixed, weights, partial(_rows_at, name))
    return predictor_draws(posterior, found.X, found.offset)


def _averaged_cells(
    posterior: Posterior,
    design: Design,
    name: str,
    asked: Mapping[str, tuple[Value, ...]],
    fixed: dict[str, tuple[Value, ...]],
    curved: bool,
) -> Floats:
    held = {key: values for key, values in fixed.items() if key not in asked}
    if len(held.get(name, ())) > 1:
        raise ModelError(f"at holds {name!r} at {len(held[name])} values, whose slopes would not be told apart")
    labels, draws = _over_rows(posterior, design, name, list(asked), held, None, None, curved)
    own = labels.drop(columns="predictor").iloc[:, : len(asked)]
    place = {cell: i for i, cell in enumerate(own.itertuples(index=False, name=None))}
    cells = list(product(asked).itertuples(index=False, name=None))
    for cell in cells:
        if cell not in place:
            where = ", ".join(f"{key}={value}" for key, value in zip(asked, cell, strict=True))
            raise ModelError(
                f"no row of the data has {where}, so there is nothing to average over there",
                "leave average out: the slopes are then those at the reference grid",
            )
    return np.asarray(draws[..., [place[cell] for cell in cells]])


def _labelled(name: str, labels: pd.DataFrame) -> pd.DataFrame:
    own = label_columns(labels, OWN_COLUMNS)
    own.insert(0, "predictor", name)
    return own


def _over_grid(
    posterior: Posterior, design: Design, name: str, by: Any, at: Any, weights: Weights, curved: bool
) -> tuple[pd.DataFrame, Floats]:
    """Return labels and draws of slopes at the reference grid; of the mean response of a family that is curved."""
    fixed = fixed_values(design, at)
    splits = {split: split_values(design, split, fixed) for split in chosen(design, by, "by")}
    if name in fixed:
        splits.setdefault(name, fixed[name])
    if curved:
        grid = reference_grid(design, splits, fixed, weights)
        return _labelled(name, grid.labels), grid_slopes(posterior, design, grid, name)
    found = average_grid(design, splits, fixed, weights, partial(_rows_at, name))
    return _labelled(name, found.labels), predictor_draws(posterior, found.X, found.offset)


def _rows_at(name: str, design: Design, values: pd.DataFrame) -> tuple[Floats, Floats]:
    found = derivatives(design, values, name)
    return found.X, found.offset


def _over_rows(
    posterior: Posterior, design: Design, name: str, by: Any, at: Any, groups: Any, levels: Any, curved: bool
) -> tuple[pd.DataFrame, Floats]:
    """Return labels and draws of slopes averaged over the rows of the fit, those of each level apart if asked."""
    within = groups is not None
    fixed = fixed_values(design, at, within)
    labels, cells = _cells(design, by, groups, levels)
    kept = np.flatnonzero(cells >= 0)
    tables, draws = [], []
    for value in fixed.get(name, (None,)):
        values = observed(design, {**fixed, **({} if value is None else {name: (value,)})}, within).iloc[kept]
        found = derivatives(design, values.reset_index(drop=True), name, within)
        mean = partial(_cell_means, cells[kept], len(labels))
        if curved:
            rows = _with_rows(design, values.reset_index(drop=True), kept, found, within)
            effects = _effects_of(posterior, design, groups) if within else {}
            own = row_slopes(posterior, design.family, rows, cells[kept], len(labels), effects)
        else:
            own = predictor_draws(posterior, mean(found.X), mean(found.offset[:, None])[:, 0])
        if within and not curved:
            own = own + _group_part(posterior, design, groups, labels["level"], [mean(Z) for Z in found.Z])
        tables.append(labels if value is None else labels.assign(**{name: value}))
        draws.append(own)
    table = pd.concat(tables, ignore_index=True)
    keys = ["group", "level"] if within else []
    table = pd.concat([table[keys], label_columns(table.drop(columns=keys), OWN_COLUMNS)], axis=1)
    table.insert(0, "predictor", name)
    return table, np.concatenate(draws, axis=2)


def _with_rows(design: Design, values: pd.DataFrame, kept: Ints, slopes: Derivatives, within: bool) -> RowsAndSlopes:
    rows = rows_of(design.schema, values, groups=within, absent=True, undetermined="nan")
    codes = tuple(block.codes[kept] for block in design.groups)
    return RowsAndSlopes(rows.X, rows.offset, tuple(own.Z for own in rows.groups), codes, slopes)


def _effects_of(posterior: Posterior, design: Design, groups: str) -> dict[int, Floats]:
    """Return the effects of each term of one factor, (chain, draw, levels, k), by the place of the term."""
    return {
        i: posterior.by_chain(posterior.blocks[i].b) for i, block in enumerate(design.groups) if block.factor == groups
    }


def _cells(design: Design, by: Any, groups: Any, levels: Any) -> tuple[pd.DataFrame, Ints]:
    """Return the labels of the cells that hold rows, and the cell of each row, -1 where it is not asked for."""
    splits = chosen(design, by, "by")
    for split in splits:
        if design.schema.by_name[split].kind == "numeric":
            raise ModelError(
                f"by={split!r} is numeric, so the rows do not fall into groups by it",
                "leave average and groups out, or hold it with at",
            )
    codes = [np.zeros(design.n, dtype=np.int64)]
    columns: dict[str, tuple[str, ...]] = {}
    if groups is not None:
        codes.append(_level_codes(design, groups, levels))
        columns["level"] = design.blocks(groups)[0].levels
    for split in splits:
        columns[split] = design.schema.by_name[split].levels
        place = {level: i for i, level in enumerate(columns[split])}
        codes.append(np.asarray([place[level] for level in levels_by_row(design, split)], dtype=np.int64))
    stacked = np.column_stack(codes)
    used = np.all(stacked >= 0, axis=1)
    cells, which = np.unique(stacked[used], axis=0, return_inverse=True)
    found = np.full(design.n, -1, dtype=np.int64)
    found[used] = which.reshape(-1)
    labels = pd.DataFrame(
        {key: np.asarray(own, dtype=object)[cells[:, i + 1]] for i, (key, own) in enumerate(columns.items())},
        index=range(len(cells)),
    )
    if groups is not None:
        labels.insert(0, "group", groups)
    return labels, found


def _level_codes(design: Design, groups: Any, levels: Any) -> Ints:
    if groups not in design.factors:
        nearest = suggest(str(groups), design.factors)
        guess = f"did you mean {nearest!r}? " if nearest else ""
        known = ", ".join(design.factors) or "none"
        raise ModelError(f"there is no grouping factor {groups!r}", f"{guess}grouping factors: {known}")
    block = design.blocks(groups)[0]
    if levels is None:
        return block.codes
    wanted = [levels] if isinstance(levels, str | int) else list(levels)
    if not wanted:
        raise ModelError("levels names no level", "leave it out for all of them")
    for level in wanted:
        if str(level) not in block.levels:
            nearest = suggest(str(level), block.levels)
            raise ModelError(
                f"{groups!r} has no level {str(level)!r}", f"did you mean {nearest!r}?" if nearest else None
            )
    asked = np.isin(np.asarray(block.levels), [str(level) for level in wanted])
    return np.where(asked[block.codes], block.codes, -1)


def _cell_means(cells: Ints, count: int, columns: Floats) -> Floats:
    sums = np.zeros((count, columns.shape[1]))
    np.add.at(sums, cells, columns)
    return np.asarray(sums / np.bincount(cells, minlength=count)[:, None])


def _group_part(posterior: Posterior, design: Design, groups: str, levels: pd.Series, means: list[Floats]) -> Floats:
    """Return what the group-level effects of one factor add to the slopes, (chain, draw, cells)."""
    block = design.blocks(groups)[0]
    place = {level: i for i, level in enumerate(block.levels)}
    codes = np.asarray([place[level] for level in levels], dtype=np.int64)
    effects = posterior.by_chain(posterior.factors[groups].b)
    own = np.column_stack([mean for mean, each in zip(means, design.groups, strict=True) if each.factor == groups])
    total = np.zeros((*effects.shape[:2], len(codes)))
    for i in np.flatnonzero(np.any(own != 0, axis=0)):
        total += own[:, i] * effects[:, :, codes, i]
    return total
