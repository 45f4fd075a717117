"""The reference grid: every combination of the columns' values, and what a fit's design makes of it.

Vocabulary of emmeans: a categorical column takes its levels, a numeric one its mean, or what ``at`` says; means are
then averages over the cells of the grid, at the population level (group-level effects zero).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from hierbayes.design.design import Design
from hierbayes.design.new_rows import rows_of
from hierbayes.design.rank import narrowed
from hierbayes.errors import ModelError
from hierbayes.summaries.questions.predictors import Value, levels_by_row, numbers_of, predictors, values_of
from hierbayes.tables.numbers import Floats

Weights = Literal["equal", "proportional"]

MOST_CELLS = 1_000_000
"""Cells of a grid; beyond it some columns have to be held by ``at``."""

CHUNK = 100_000
"""Rows of the grid that are made at a time."""


@dataclass(frozen=True)
class Averaged:
    """Linear predictors averaged over parts of the grid: ``X beta + offset``.

    Attributes
    ----------
    labels : DataFrame
        One row for each part: the values of the columns that were asked for.
    wide : array, shape (parts, p + d)
        Design rows, and beside them the gaps of columns that were dropped (see `hierbayes.design.rank`).
    offset : array, shape (parts,)
    p : int
        Number of columns of the design.
    """

    labels: pd.DataFrame
    wide: Floats
    offset: Floats
    p: int

    @property
    def X(self) -> Floats:
        """The design rows, (parts, p); NaN where the data do not determine them."""
        return narrowed(self.wide, self.p)


RowMaker = Callable[[Design, pd.DataFrame], tuple[Floats, Floats]]
"""From a frame of columns to design rows (n, p), or with gaps (n, p + d), and offsets (n,)."""


def frame(design: Design, values: Mapping[str, Any]) -> pd.DataFrame:
    """Return a data frame of columns in the types that the schema reads back."""
    columns = {}
    for name, given in values.items():
        kind = design.schema.by_name[name].kind
        if kind in ("numeric", "number"):
            columns[name] = np.asarray([float(value) for value in given])
        else:
            columns[name] = np.asarray(given, dtype=object)
    return pd.DataFrame(columns)


def observed(design: Design, fixed: dict[str, tuple[Value, ...]], groups: bool) -> pd.DataFrame:
    """Return the columns in the rows of the fit, held where ``at`` says so."""
    values: dict[str, Any] = {}
    for column in predictors(design, groups):
        held = fixed.get(column.name)
        if held is not None and len(held) > 1:
            raise ModelError(f"at holds {column.name!r} at {len(held)} values; over rows it can be held at one")
        if held is not None:
            values[column.name] = list(held) * design.n
        elif column.kind in ("numeric", "number"):
            values[column.name] = numbers_of(design, column.name)
        else:
            values[column.name] = levels_by_row(design, column.name)
    return frame(design, values)


def plain_rows(design: Design, values: pd.DataFrame) -> tuple[Floats, Floats]:
    """Return the design rows of a frame of columns, NaN where not determined, and their offsets."""
    rows = rows_of(design.schema, values, groups=False, undetermined="nan")
    return rows.X, rows.offset


def wide_rows(design: Design, values: pd.DataFrame) -> tuple[Floats, Floats]:
    """Return the design rows of a frame of columns with their gaps, and their offsets."""
    rows = rows_of(design.schema, values, groups=False, undetermined="keep")
    return rows.X if rows.gap is None else np.column_stack([rows.X, rows.gap]), rows.offset


def average_grid(
    design: Design,
    asked: Mapping[str, tuple[Value, ...]],
    fixed: Mapping[str, tuple[Value, ...]],
    weights: Weights,
    maker: RowMaker = wide_rows,
) -> Averaged:
    """Return the design rows of each combination of the asked values, averaged over the other columns.

    Parameters
    ----------
    design : Design
    asked : mapping of str to tuple
        The columns that stay apart, with their values; the last varies fastest.
    fixed : mapping of str to tuple
        What other columns are held at; several values are averaged.
    weights : "equal" or "proportional"
        How the cells of the other categorical columns are weighted.
    maker : callable
        What makes rows of a frame.
    """
    return averaged_rows(design, reference_grid(design, asked, fixed, weights), maker)


def averaged_rows(design: Design, grid: Grid, maker: RowMaker = wide_rows) -> Averaged:
    """Return the design rows of each label of a grid, averaged over its cells."""
    parts = []
    offset = np.empty(len(grid.labels))
    for part, values in grid.frames(design):
        made, shifts = maker(design, values)
        shape = (part.stop - part.start, len(grid.cells))
        parts.append(np.einsum("c,lcp->lp", grid.shares, made.reshape(*shape, made.shape[1])))
        offset[part] = shifts.reshape(shape) @ grid.shares
    return Averaged(grid.labels, np.concatenate(parts), offset, len(design.coefficients))


@dataclass(frozen=True)
class Grid:
    """The combinations that stay apart, and the cells that each of them is averaged over.

    Attributes
    ----------
    labels : DataFrame
        One row for each combination of the values that were asked for.
    cells : DataFrame
        One row for each combination of the other columns.
    shares : array, shape (cells,)
        The weight of each cell; they sum to 1.
    """

    labels: pd.DataFrame
    cells: pd.DataFrame
    shares: Floats

    def frames(self, design: Design) -> Iterator[tuple[slice, pd.DataFrame]]:
        """Yield some of the labels at a time, and the columns of all their cells; the cell varies fastest."""
        for part in _chunks(len(self.labels), len(self.cells)):
            yield part, _crossed(design, self.labels.iloc[part], self.cells)


def reference_grid(
    design: Design, asked: Mapping[str, tuple[Value, ...]], fixed: Mapping[str, tuple[Value, ...]], weights: Weights
) -> Grid:
    """Return the reference grid; arguments as for `average_grid`."""
    labels = product(asked)
    others = {c.name: values_of(design, c, fixed) for c in predictors(design) if c.name not in asked}
    cells = product(others)
    shares = _shares(design, cells, weights)
    # what counts for nothing must not be asked for either: the data may not determine it
    return Grid(labels, cells[shares > 0].reset_index(drop=True), shares[shares > 0])


def product(values: Mapping[str, Sequence[Value]]) -> pd.DataFrame:
    """Return every combination of values, one a row; the last column varies fastest.

    Raises
    ------
    ModelError
        If there are more than `MOST_CELLS`.
    """
    sizes = [len(each) for each in values.values()]
    count = math.prod(sizes)
    if count > MOST_CELLS:
        raise ModelError(
            f"the grid has {count:,} cells ({' x '.join(map(str, sizes))}); the limit is {MOST_CELLS:,}",
            f"hold some predictors with at: {', '.join(values)}",
        )
    columns, repeats = {}, count
    for name, each in values.items():
        repeats //= len(each)
        own = np.asarray(each, dtype=float if all(isinstance(v, float) for v in each) else object)
        columns[name] = np.tile(np.repeat(own, repeats), count // (repeats * len(each)))
    return pd.DataFrame(columns, index=range(count))


def _chunks(labels: int, cells: int) -> Iterator[slice]:
    step = max(1, CHUNK // max(1, cells))
    for start in range(0, labels, step):
        yield slice(start, min(start + step, labels))


def _crossed(design: Design, labels: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    values = {str(name): np.repeat(labels[name].to_numpy(), len(cells)) for name in labels}
    values |= {str(name): np.tile(cells[name].to_numpy(), len(labels)) for name in cells}
    crossed = frame(design, values)
    return crossed if len(crossed.columns) else pd.DataFrame(index=range(len(labels) * len(cells)))


def _shares(design: Design, cells: pd.DataFrame, weights: Weights) -> Floats:
    """Return the weight of each cell that is averaged over; they sum to 1."""
    if weights not in ("equal", "proportional"):
        raise ModelError(f'weights={weights!r} is not understood: write "equal" or "proportional"')
    counted = [
        name for name in map(str, cells) if design.schema.by_name[name].kind != "numeric" and len(set(cells[name])) > 1
    ]
    if weights == "equal" or not counted:
        return np.full(len(cells), 1 / len(cells))
    own = pd.MultiIndex.from_frame(cells[counted])
    seen = pd.MultiIndex.from_arrays([levels_by_row(design, name, True) for name in counted], names=counted)
    counts = pd.Series(1.0, index=seen).groupby(level=list(range(len(counted)))).sum()
    shares = counts.reindex(own).fillna(0.0).to_numpy()
    if shares.sum() == 0:
        raise ModelError("no row of the data lies in the cells that are averaged over", 'use weights="equal"')
    return np.asarray(shares / shares.sum())
