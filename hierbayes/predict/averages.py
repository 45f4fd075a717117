"""Averages of draws over rows: all of them, or those with each combination of levels.

The average is taken draw by draw, ``a_s = sum_(i in cell) p_is / n``, rows alike, and summarised afterwards: the
interval is that of the average, not an average of intervals. The vocabulary is that of marginaleffects
(``avg_predictions``).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hierbayes.design.design import Design
from hierbayes.design.new_rows import as_rows
from hierbayes.design.table import Column, Floats, Ints, Numeric, as_factor, missing_values, read_column, to_pandas
from hierbayes.errors import DataError, ModelError
from hierbayes.formula.names import suggest
from hierbayes.predict.answers import Source, check_memory, say_infinite
from hierbayes.predict.pieces import Piece, over_pieces, pieces
from hierbayes.summaries.questions.predictors import label_columns
from hierbayes.tables.numbers import ESTIMATES, check_flag, described

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Cells:
    """Which rows are averaged together.

    Attributes
    ----------
    labels : DataFrame
        One row for each cell: the values of the columns that were asked for; no column where all rows are one cell.
    codes : array of int, shape (n,)
        The cell of each row.
    """

    labels: pd.DataFrame
    codes: Ints


def cells_of(design: Design, newdata: Any, by: Any, average: Any) -> Cells | None:
    """Return which rows are averaged together, None where no average is asked for.

    Raises
    ------
    DataError, ModelError
        If a column is not there or misses a value, or `by` is given without an average.
    """
    names = [] if by is None else [by] if isinstance(by, str) else by
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise ModelError(f"by takes the name of a column or a list of them, not {by!r}")
    if len(set(names)) < len(names):
        raise ModelError(f"by names a column twice: {', '.join(names)}")
    if not check_flag("average", average):
        if by is not None:
            raise ModelError("by says over which rows to average, and no average is asked for", "write average=True")
        return None
    if newdata is None:
        columns, n = [_of_the_fit(design, name) for name in names], design.n
    else:
        table = to_pandas(as_rows(newdata))
        columns, n = [_of_new_data(table, name, design) for name in names], len(table)
    return _crossed(design, names, columns, n)


def _of_the_fit(design: Design, name: str) -> Column:
    known = [column.name for column in design.schema.columns]
    if name not in known:
        hint = _columns_of_factor(name, design) or f"columns: {', '.join(known)}"
        nearest = suggest(name, known)
        guess = f"did you mean {nearest!r}? " if nearest else ""
        raise ModelError(
            f"by: the model reads no column {name!r}", f"{guess}{hint}; for another column of the data: newdata=data"
        )
    try:
        return design.column(name)
    except ModelError as error:
        hint = "give the data: newdata=data, or save the fit with data=True"
        raise ModelError(f"this needs the values of {name!r}, which the file of the fit does not hold", hint) from error


def _of_new_data(table: pd.DataFrame, name: str, design: Design) -> Column:
    known = [str(column) for column in table.columns]
    if name not in known:
        nearest = suggest(name, known)
        guess = f"did you mean {nearest!r}?" if nearest else f"they have {', '.join(known[:10])}"
        raise DataError(f"by: the new data have no column {name!r}", _columns_of_factor(name, design) or guess)
    gaps = missing_values(table[name])
    if gaps.any():
        raise DataError(
            f"by: column {name!r} of the new data has {int(gaps.sum())} missing value(s), the first in row "
            f"{int(np.argmax(gaps))} (counting from 0), so it is not told which average they belong to",
            "fill them in, or leave those rows out",
        )
    return read_column(table, name, np.arange(len(table)))


def _columns_of_factor(name: str, design: Design) -> str | None:
    if name not in design.factors:
        return None
    columns = ", ".join(map(repr, design.blocks(name)[0].columns))
    return f"{name!r} is made of several columns: by=[{columns}]"


def _crossed(design: Design, names: Sequence[str], columns: Sequence[Column], n: int) -> Cells:
    if not names:
        return Cells(pd.DataFrame(index=range(1)), np.zeros(n, dtype=np.int64))
    read = [_values_and_codes(design, column) for column in columns]
    cells, codes = np.unique(np.column_stack([own for _, own in read]), axis=0, return_inverse=True)
    labels = {name: values[cells[:, i]] for i, (name, (values, _)) in enumerate(zip(names, read, strict=True))}
    return Cells(pd.DataFrame(labels), codes.reshape(-1).astype(np.int64))


def _values_and_codes(design: Design, column: Column) -> tuple[Any, Ints]:
    """Return the values of a column in their order, and the place of each row's; levels in the order of the fit."""
    levels = any(column.name in block.columns for block in design.groups)
    if isinstance(column, Numeric) and not levels:
        values, codes = np.unique(column.values, return_inverse=True)
        return values, codes.astype(np.int64)
    own = as_factor(column)
    fitted = design.schema.by_name[column.name].levels if column.name in design.schema.by_name else ()
    order = (*fitted, *(level for level in own.levels if level not in fitted))
    place = {level: i for i, level in enumerate(order)}
    codes = np.asarray([place[level] for level in own.levels], dtype=np.int64)[own.codes]
    return np.asarray(order, dtype=object), codes


def average_draws(source: Source, cells: Cells, progress: bool | None) -> Floats:
    """Return the average over each cell's rows in every draw, shape (S, cells), or (S, cells, K) of probabilities.

    Never holds more than pieces of the rows; sums run over the rows in their order, whatever the number of cores.
    """
    n, size, count = source.rows.n, source.posterior.size, len(cells.labels)
    check_memory(count, size, f" of {count} averages")
    todo = pieces(n, size)
    waiting: dict[int, tuple[Ints, Floats]] = {}
    total: list[Floats] = []
    lock, starts = threading.Lock(), iter([piece.start for piece in todo])
    due = [next(starts, -1)]

    def work(piece: Piece) -> None:
        drawn = source.of(piece, np.empty((piece.stop - piece.start, size)))
        own, place = np.unique(cells.codes[piece.rows], return_inverse=True)
        part = np.zeros((len(own), *drawn.shape[1:]))
        np.add.at(part, place.reshape(-1), drawn)
        with lock:
            waiting[piece.start] = (own, part)
            if not total:
                total.append(np.zeros((count, *drawn.shape[1:])))
            while due[0] in waiting:
                which, sums = waiting.pop(due[0])
                total[0][which] += sums
                due[0] = next(starts, -1)

    over_pieces(work, todo, f"averaging over {n} rows", progress)
    rows = np.bincount(cells.codes, minlength=count).reshape(-1, *(1 for _ in total[0].shape[1:]))
    found = np.asarray(np.moveaxis(total[0] / rows, 1, 0))
    say_infinite(~np.isfinite(found).all(axis=tuple(i for i in range(found.ndim) if i != 1)))
    return found


def average_table(found: Floats, cells: Cells, ci_prob: float) -> pd.DataFrame:
    """Return the estimates of each average, its labels before them."""
    labels = label_columns(cells.labels, ("category", *ESTIMATES))
    return pd.concat([labels, described(found[None], ci_prob)], axis=1)


def category_averages(found: Floats, cells: Cells, names: Sequence[str], ci_prob: float) -> pd.DataFrame:
    """Return the estimates of each average and category; `found` has the shape (S, cells, K)."""
    count, K = found.shape[1:]
    labels = label_columns(cells.labels, ("category", *ESTIMATES))
    repeated = labels.loc[np.repeat(labels.index, K)].reset_index(drop=True)
    category = pd.Series(np.tile(np.asarray(names, dtype=object), count), name="category")
    flat = found.reshape(1, found.shape[0], -1)
    return pd.concat([repeated, category, described(flat, ci_prob)], axis=1)


def labelled_averages(found: Floats, cells: Cells, source: Source, names: Sequence[str] | None = None) -> xr.DataArray:
    """Return every draw of the averages, dims chain, draw and cell, and category where they have names.

    The values of the columns that were asked for are coordinates of the cells; a single average has no dim of its own.
    """
    import xarray as xr

    own = source.posterior
    dims = ["chain", "draw", "cell", *(["category"] if names is not None else [])]
    coords: dict[str, Any] = {"chain": list(own.chains), "draw": list(own.draws)}
    if names is not None:
        coords["category"] = list(names)
    array = xr.DataArray(found.reshape(len(own.chains), len(own.draws), *found.shape[1:]), coords=coords, dims=dims)
    if not len(cells.labels.columns):
        return array.isel(cell=0)
    labels = label_columns(cells.labels, ("chain", "draw", "cell", "category"))
    return array.assign_coords({str(name): ("cell", labels[name].to_numpy()) for name in labels})
