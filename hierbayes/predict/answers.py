"""Draws of rows to what the user gets: a table of estimates, or all draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hierbayes.design.table import Floats
from hierbayes.errors import DataError, warn
from hierbayes.predict.category_draws import CategoryDraws
from hierbayes.predict.pieces import Piece, over_pieces, pieces
from hierbayes.predict.row_draws import RowDraws
from hierbayes.predict.row_estimates import row_estimates
from hierbayes.sampling.memory import require_memory
from hierbayes.tables.numbers import ESTIMATES, check_prob

if TYPE_CHECKING:
    import xarray as xr


Source = RowDraws | CategoryDraws


def estimate_table(source: Source, ci_prob: float, progress: bool | None) -> pd.DataFrame:
    """Return mean, sd, median and interval of every row, under its label.

    Never holds more than a piece of the draws.
    """
    found = np.empty((len(ESTIMATES), source.rows.n))
    prob, size = check_prob(ci_prob), source.posterior.size

    def work(piece: Piece) -> None:
        scratch = np.empty((piece.stop - piece.start, size))
        found[:, piece.rows] = row_estimates(source.of(piece, scratch), scratch, prob)

    over_pieces(work, pieces(source.rows.n, size), f"predicting {source.rows.n} rows", progress)
    say_infinite(~np.isfinite(found[0]))
    return pd.DataFrame(dict(zip(ESTIMATES, found, strict=True)), index=source.rows.index)


def all_draws(source: Source, progress: bool | None) -> Floats:
    """Return every draw of every row, shape (S, n).

    Raises
    ------
    DataError
        If they are more than the memory of the machine.
    """
    n, size = source.rows.n, source.posterior.size
    check_memory(n, size)
    found, lost = np.empty((size, n)), np.zeros(n, dtype=bool)

    def work(piece: Piece) -> None:
        drawn = source.of(piece, np.empty((piece.stop - piece.start, size)))
        lost[piece.rows] = ~np.isfinite(drawn).all(axis=1)
        found[:, piece.rows] = drawn.T

    over_pieces(work, pieces(n, size), f"predicting {n} rows", progress)
    say_infinite(lost)
    return found


def say_infinite(lost: NDArray[np.bool_]) -> None:
    """Warn of rows whose numbers are beyond the largest double."""
    rows = int(lost.sum())
    if rows:
        warn(
            f"the numbers of {rows} row{'s' if rows > 1 else ''} are beyond the largest that a computer holds, "
            "1.8e308: they stand as inf, -inf or NaN. Look at the columns that they are predicted from."
        )


def labelled_draws(source: Source, row: str, progress: bool | None) -> xr.DataArray:
    """Return every draw of every row under the labels of the posterior, dims chain, draw and `row`."""
    import xarray as xr

    own = source.posterior
    found = all_draws(source, progress).reshape(len(own.chains), len(own.draws), source.rows.n)
    coords = {"chain": list(own.chains), "draw": list(own.draws), row: np.arange(source.rows.n)}
    return xr.DataArray(found, coords=coords, dims=("chain", "draw", row))


def category_table(source: CategoryDraws, names: Sequence[str], ci_prob: float, progress: bool | None) -> pd.DataFrame:
    """Return the estimates of every row and category, row by row; the numbers of all categories come together."""
    n, size, prob = source.rows.n, source.posterior.size, check_prob(ci_prob)
    found = np.empty((len(names), len(ESTIMATES), n))

    def work(piece: Piece) -> None:
        scratch = np.empty((piece.stop - piece.start, size))
        every = source.of(piece, scratch)
        for k in range(len(names)):
            found[k][:, piece.rows] = row_estimates(np.ascontiguousarray(every[..., k]), scratch, prob)

    over_pieces(work, pieces(n, size), f"predicting {n} rows", progress)
    say_infinite(~np.isfinite(found[:, 0]).all(axis=0))
    tables = [pd.DataFrame(dict(zip(ESTIMATES, own, strict=True))) for own in found]
    return _row_by_row(tables, names, source.rows.index)


def _row_by_row(tables: Sequence[pd.DataFrame], names: Sequence[str], index: pd.Index | None) -> pd.DataFrame:
    """Join the tables of the categories; the rows of one category by itself have the labels of the data."""
    n = len(tables[0])
    named = [
        table.set_axis(range(n)).assign(category=name).rename_axis("row").reset_index()
        for table, name in zip(tables, names, strict=True)
    ]
    joined = pd.concat(named).sort_values("row", kind="stable")[["row", "category", *ESTIMATES]]
    return joined.set_axis((pd.RangeIndex(n) if index is None else index).repeat(len(tables)))


def labelled_categories(source: CategoryDraws, names: Sequence[str], progress: bool | None) -> xr.DataArray:
    """Return every draw of every row and category, dims chain, draw, row and category."""
    import xarray as xr

    own, n = source.posterior, source.rows.n
    check_memory(n * len(names), own.size, f" of {n} rows by {len(names)}")
    found, lost = np.empty((own.size, n, len(names))), np.zeros(n, dtype=bool)

    def work(piece: Piece) -> None:
        every = source.of(piece, np.empty((piece.stop - piece.start, own.size)))
        lost[piece.rows] = ~np.isfinite(every).all(axis=(1, 2))
        found[:, piece.rows] = every.transpose(1, 0, 2)

    over_pieces(work, pieces(n, own.size), f"predicting {n} rows", progress)
    say_infinite(lost)
    coords = {"chain": list(own.chains), "draw": list(own.draws), "row": np.arange(n), "category": list(names)}
    shaped = found.reshape(len(own.chains), len(own.draws), n, len(names))
    return xr.DataArray(shaped, coords=coords, dims=("chain", "draw", "row", "category"))


def check_memory(n: int, size: int, what: str = "") -> None:
    """Refuse more draws of rows than the machine can hold.

    Parameters
    ----------
    n, size : int
        Rows (or numbers of another kind) and draws.
    what : str
        What they are, if not rows.

    Raises
    ------
    DataError
        Says how much they would take.
    """
    require_memory(
        n * size,
        f"{size} draws{what or f' of {n} rows'}",
        "ask for a table of estimates, without draws=True, or for fewer draws or rows at a time",
        DataError,
    )
