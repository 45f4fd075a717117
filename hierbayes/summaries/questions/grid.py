"""The reference grid: every combination of the predictors' values, and what a fit's design makes of it.

Vocabulary of emmeans: a categorical predictor takes its levels, a numeric one its mean, or what ``at`` says; means are
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
from hierbayes.errors import ModelError
from hierbayes.summaries.numbers import Floats
from hierbayes.summaries.questions.predictors import Value, levels_by_row, predictors, values_of

Weights = Literal["equal", "proportional"]

MOST_CELLS = 1_000_000
"""Cells of a grid; beyond it some predictors have to be held by ``at``."""

CHUNK = 100_000
"""Rows of the grid that are made at a time."""


@dataclass(frozen=True)
class Averaged:
    """Linear predictors averaged over parts of the grid: ``X beta + offset``.

    Attributes
    ----------
    labels : DataFrame
        One row for each part: the values of the predictors that were asked for.
    X : array, shape (parts, p)
    offset : array, shape (parts,)
    """

    labels: pd.DataFrame
    X: Floats
    offset: Floats


RowMaker = Callable[[Design, pd.DataFrame], tuple[Floats, Floats]]
"""From a frame of predictors to design rows (n, p) and offsets (n,)."""


def frame(design: Design, values: Mapping[str, Any]) -> pd.DataFrame:
    """Return a data frame of predictors in the types that the schema reads back."""
    columns = {}
    for name, given in values.items():
        kind = design.schema.by_name[name].kind
        if kind in ("numeric", "number"):
            columns[name] = np.asarray([float(value) for value in given])
        else:
            columns[name] = np.asarray(given, dtype=object)
    return pd.DataFrame(columns)


def plain_rows(design: Design, values: pd.DataFrame) -> tuple[Floats, Floats]:
    """Return the design rows of a frame of predictors, and their offsets."""
    rows = rows_of(design.schema, values, groups=False)
    return rows.X, rows.offset


def average_grid(
    design: Design,
    asked: Mapping[str, tuple[Value, ...]],
    fixed: Mapping[str, tuple[Value, ...]],
    weights: Weights,
    maker: RowMaker = plain_rows,
) -> Averaged:
    """Return the design rows of each combination of the asked values, averaged over the other predictors.

    Parameters
    ----------
    design : Design
    asked : mapping of str to tuple
        The predictors that stay apart, with their values; the last varies fastest.
    fixed : mapping of str to tuple
        What other predictors are held at; several values are averaged.
    weights : "equal" or "proportional"
        How the cells of the other categorical predictors are weighted.
    maker : callable
        What makes rows of a frame.
    """
    grid = reference_grid(design, asked, fixed, weights)
    X = np.empty((len(grid.labels), len(design.coefficients)))
    offset = np.empty(len(grid.labels))
    for part, values in grid.frames(design):
        made, shifts = maker(design, values)
        shape = (part.stop - part.start, len(grid.cells))
        X[part] = np.einsum("c,lcp->lp", grid.shares, made.reshape(*shape, X.shape[1]))
        offset[part] = shifts.reshape(shape) @ grid.shares
    return Averaged(grid.labels, X, offset)


@dataclass(frozen=True)
class Grid:
    """The combinations that stay apart, and the cells that each of them is averaged over.

    Attributes
    ----------
    labels : DataFrame
        One row for each combination of the values that were asked for.
    cells : DataFrame
        One row for each combination of the other predictors.
    shares : array, shape (cells,)
        The weight of each cell; they sum to 1.
    """

    labels: pd.DataFrame
    cells: pd.DataFrame
    shares: Floats

    def frames(self, design: Design) -> Iterator[tuple[slice, pd.DataFrame]]:
        """Yield some of the labels at a time, and the predictors of all their cells; the cell varies fastest."""
        for part in _chunks(len(self.labels), len(self.cells)):
            yield part, _crossed(design, self.labels.iloc[part], self.cells)


def reference_grid(
    design: Design, asked: Mapping[str, tuple[Value, ...]], fixed: Mapping[str, tuple[Value, ...]], weights: Weights
) -> Grid:
    """Return the reference grid; arguments as for `average_grid`."""
    labels = product(asked)
    others = {c.name: values_of(design, c, fixed) for c in predictors(design) if c.name not in asked}
    cells = product(others)
    return Grid(labels, cells, _shares(design, cells, weights))


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
    seen = pd.MultiIndex.from_arrays([levels_by_row(design, name) for name in counted], names=counted)
    counts = pd.Series(1.0, index=seen).groupby(level=list(range(len(counted)))).sum()
    shares = counts.reindex(own).fillna(0.0).to_numpy()
    if shares.sum() == 0:
        raise ModelError("no row of the data lies in the cells that are averaged over", 'use weights="equal"')
    return np.asarray(shares / shares.sum())
