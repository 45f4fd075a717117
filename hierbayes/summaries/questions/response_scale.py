"""Means and slopes on the scale of the response: averages of the mean itself, not of its linear predictor.

For ``eta = x' beta + offset`` and the mean ``g(eta)`` of the response (the inverse link), a marginal mean is
``sum_c w_c g(eta_c)`` over the cells or rows c, and a slope the same average of ``g'(eta_c) d eta_c / dv``. Under the
identity link both are what the averaged design row gives; elsewhere the average must be taken draw by draw.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hierbayes.design.design import Design
from hierbayes.design.table import Ints
from hierbayes.families import Family
from hierbayes.posterior import Posterior
from hierbayes.summaries.questions.derivatives import RowsAndSlopes, derivatives
from hierbayes.summaries.questions.grid import Grid, plain_rows
from hierbayes.tables.numbers import Floats

NUMBERS = 4_000_000
"""Numbers in an array of draws by rows that is held at a time."""


def family_draws(posterior: Posterior) -> dict[str, Floats]:
    """Return the draws of the family's parameters, (chain, draw, 1) each."""
    return {name: posterior.by_chain(values)[..., None] for name, values in posterior.parameters.items()}


def predictor_draws(posterior: Posterior, X: Floats, offset: Floats) -> Floats:
    """Return ``X beta + offset`` for every draw, (chain, draw, rows of X)."""
    with np.errstate(over="ignore", invalid="ignore"):  # what is beyond the largest double is infinite
        return posterior.by_chain(np.asarray(posterior.beta @ X.T + offset))


def grid_means(posterior: Posterior, design: Design, grid: Grid) -> Floats:
    """Return the mean response averaged over the cells of a grid, (chain, draw, labels), group-level effects zero."""
    own, count = family_draws(posterior), len(grid.shares)
    found = np.zeros((*posterior.shape, len(grid.labels)))
    for part, values in grid.frames(design):
        X, offset = plain_rows(design, values)
        for rows in _pieces(len(offset), posterior.size):
            means = design.family.mean(predictor_draws(posterior, X[rows], offset[rows]), own)
            place = np.arange(rows.start, rows.stop)
            _add(found[..., part], place // count, means * grid.shares[place % count])
    return found


def grid_slopes(posterior: Posterior, design: Design, grid: Grid, name: str) -> Floats:
    """Return the slope of the mean response in a column, averaged over a grid's cells, (chain, draw, labels)."""
    own, count = family_draws(posterior), len(grid.shares)
    found = np.zeros((*posterior.shape, len(grid.labels)))
    for part, values in grid.frames(design):
        X, offset = plain_rows(design, values)
        slopes = derivatives(design, values, name)
        for rows in _pieces(len(offset), posterior.size):
            steep = design.family.mean_slope(predictor_draws(posterior, X[rows], offset[rows]), own)
            steep *= predictor_draws(posterior, slopes.X[rows], slopes.offset[rows])
            place = np.arange(rows.start, rows.stop)
            _add(found[..., part], place // count, steep * grid.shares[place % count])
    return found


def row_slopes(
    posterior: Posterior, family: Family, rows: RowsAndSlopes, cells: Ints, count: int, effects: Mapping[int, Floats]
) -> Floats:
    """Return the slope of the mean response, averaged over the rows of each cell, (chain, draw, cells).

    Parameters
    ----------
    rows : RowsAndSlopes
    cells : array of int, shape (n,)
        The cell of each row, 0 to `count` - 1.
    effects : mapping of int to array, shape (chain, draw, levels, k)
        The effects that count, by the place of their group-level term.
    """
    own = family_draws(posterior)
    found = np.zeros((*posterior.shape, count))
    for part in _pieces(len(cells), posterior.size):
        predictor = predictor_draws(posterior, rows.X[part], rows.offset[part])
        slope = predictor_draws(posterior, rows.slopes.X[part], rows.slopes.offset[part])
        for i, b in effects.items():
            at = b[:, :, rows.codes[i][part]]
            predictor += np.einsum("cdnk,nk->cdn", at, rows.Z[i][part])
            slope += np.einsum("cdnk,nk->cdn", at, rows.slopes.Z[i][part])
        _add(found, cells[part], family.mean_slope(predictor, own) * slope)
    return np.asarray(found / np.bincount(cells, minlength=count))


def _pieces(rows: int, draws: int) -> list[slice]:
    step = max(1, NUMBERS // max(draws, 1))
    return [slice(start, min(start + step, rows)) for start in range(0, rows, step)]


def _add(found: Floats, place: Ints, values: Floats) -> None:
    """Add values (chain, draw, rows) to the place of each row in the last axis of `found`."""
    np.add.at(np.moveaxis(found, -1, 0), place, np.moveaxis(values, -1, 0))
