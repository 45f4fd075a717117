"""Design rows along one predictor, the other predictors as the data have them, averaged over the rows of each level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hierbayes.design.design import Design
from hierbayes.design.new_rows import rows_of
from hierbayes.design.table import Floats, Ints, Numeric
from hierbayes.errors import ModelError
from hierbayes.formula.names import suggest
from hierbayes.formula.syntax import names_in
from hierbayes.sampling import counting
from hierbayes.summaries.covariances import factor_columns, sums_by
from hierbayes.summaries.questions.grid import CHUNK, frame
from hierbayes.summaries.questions.predictors import levels_by_row, numbers_of, predictors

POINTS = 25
"""Points of a curve along a numeric predictor."""

OBSERVATION = "observation"
"""Name of the axis where no predictor varies within a level: the place of a row among those of its level, from 1."""


@dataclass(frozen=True)
class Along:
    """A predictor to draw along.

    Attributes
    ----------
    name : str
        The predictor, or ``"observation"``.
    grid : array, shape (G,)
        Where curves are computed; for a categorical predictor 0, 1, ..., the places of its levels.
    rows : array, shape (n,)
        Where the rows of the fit lie.
    names : tuple of str or None
        The levels of a categorical predictor.
    predictor : bool
        False where the axis is the place of the row.
    """

    name: str
    grid: Floats
    rows: Floats
    names: tuple[str, ...] | None = None
    predictor: bool = True


@dataclass(frozen=True)
class CurveRows:
    """Design rows of a curve for each of J levels, averaged over the rows of the level.

    Attributes
    ----------
    X : array, shape (J, G, p)
    offset : array, shape (J, G)
    Z : mapping of str to array, shape (J, G, k)
        The columns of each grouping factor, the terms of all its blocks together.
    """

    X: Floats
    offset: Floats
    Z: dict[str, Floats]


def along(design: Design, factor: str, x: str | None = None) -> Along:
    """Choose what to draw along: the predictor asked for; else the first that varies within levels.

    Numbers come before categories, and what varies by the factor before the rest of the population part; where
    nothing varies within a level, the place of the row.

    Raises
    ------
    ModelError
        If there is no such predictor.
    """
    codes = design.blocks(factor)[0].codes
    if x is not None:
        return _axis(design, _checked(design, x), codes)
    candidates = [_axis(design, name, codes) for name in _candidates(design, factor)]
    varying = [axis for axis in candidates if varies_within(axis.rows, codes)]
    numeric = [axis for axis in varying if axis.names is None]
    return (numeric or varying or [_places(codes)])[0]


def _checked(design: Design, x: str) -> str:
    known = [column.name for column in predictors(design, groups=True)]
    if x in known:
        return x
    nearest = suggest(str(x), known)
    hint = f"did you mean {nearest!r}? " if nearest else ""
    raise ModelError(f"x: there is no predictor {x!r}", f"{hint}predictors: {', '.join(known) or 'none'}")


def _candidates(design: Design, factor: str) -> list[str]:
    formula = design.schema.formula
    own = [group.part for group in formula.groups if group.label == factor]
    terms = [term for part in (*own, formula.population) for term in part.terms]
    return list(dict.fromkeys(name.name for term in terms for atom in term.atoms for name in names_in(atom)))


def _axis(design: Design, name: str, codes: Ints) -> Along:
    if design.schema.by_name[name].kind == "numeric":
        values = numbers_of(design, name)
        low, high = float(values.min()), float(values.max())
        return Along(name, np.linspace(low, high, POINTS) if high > low else np.array([low]), values)
    names = design.schema.by_name[name].levels
    place = {level: float(i) for i, level in enumerate(names)}
    rows = np.array([place[level] for level in levels_by_row(design, name)])
    return Along(name, np.arange(len(names), dtype=float), rows, names)


def _places(codes: Ints) -> Along:
    rows = pd.Series(codes).groupby(codes).cumcount().to_numpy().astype(float) + 1
    return Along(OBSERVATION, np.unique([1.0, rows.max()]), rows, predictor=False)


def varies_within(values: Floats, codes: Ints) -> bool:
    """Say whether values differ within at least one level."""
    grouped = pd.Series(values).groupby(codes)
    return bool((grouped.max() > grouped.min()).any())


def curve_rows(design: Design, axis: Along, codes: Ints, count: int) -> CurveRows:
    """Return the design rows of every level along the axis, averaged over the rows of the level.

    Each row of the fit moves along the axis while its other predictors stay what they are. Rows with equal predictors
    are made once.

    Parameters
    ----------
    design : Design
    axis : Along
    codes : array of int, shape (n,)
        The level of each row; rows below 0 are left out.
    count : int
        Number of levels, J. Each must have a row.
    """
    if not axis.predictor:
        return _still(design, len(axis.grid), codes, count)
    cells = _cells(design, axis.name, codes)
    shape = (count, len(axis.grid))
    found = CurveRows(
        np.zeros((*shape, len(design.coefficients))),
        np.zeros(shape),
        {own.name: np.zeros((*shape, len(own.terms))) for own in factor_columns(design)},
    )
    totals = np.bincount(cells["code"], weights=cells["count"], minlength=count)
    step = max(1, CHUNK // len(axis.grid))
    starts = range(0, len(cells), step)
    with counting(f"design rows along {axis.name}", len(starts), None) as advance:
        for start in starts:
            part = cells.iloc[start : start + step]
            _add(design, axis, part, part["count"].to_numpy() / totals[part["code"]], found)
            advance()
    return found


def _still(design: Design, points: int, codes: Ints, count: int) -> CurveRows:
    """Return the same averaged row at every point."""
    kept = codes >= 0
    totals = np.bincount(codes[kept], minlength=count).astype(float)

    def spread(columns: Floats) -> Floats:
        means = np.zeros((count, 0))
        if columns.shape[1]:
            means = sums_by(codes[kept], columns[kept], count) / totals[:, None]
        return np.repeat(means[:, None], points, axis=1)

    blocks = {own.name: spread(own.Z) for own in factor_columns(design)}
    return CurveRows(spread(design.X), spread(design.offset[:, None])[..., 0], blocks)


def _cells(design: Design, x: str, codes: Ints) -> pd.DataFrame:
    """Return each combination of level and other predictors that occurs, with its number of rows."""
    kept = np.flatnonzero(codes >= 0)
    columns: dict[str, object] = {"code": codes[kept]}
    for i, column in enumerate(predictors(design, groups=True)):
        if column.name != x:
            numeric = isinstance(design.column(column.name), Numeric) and column.kind == "numeric"
            values = numbers_of(design, column.name) if numeric else levels_by_row(design, column.name)
            columns[f"{i}"] = np.asarray(values)[kept]
    table = pd.DataFrame(columns)
    return table.groupby(list(table), sort=True).size().rename("count").reset_index()


def _add(design: Design, axis: Along, cells: pd.DataFrame, shares: Floats, found: CurveRows) -> None:
    size, grid = len(cells), len(axis.grid)
    values: dict[str, Sequence[object]] = {}
    for i, column in enumerate(predictors(design, groups=True)):
        if column.name == axis.name:
            places = axis.grid if axis.names is None else np.asarray(axis.names, dtype=object)
            values[column.name] = np.tile(places, size)
        else:
            values[column.name] = np.repeat(cells[f"{i}"].to_numpy(), grid)
    rows = rows_of(design.schema, frame(design, values), weights=False, absent=True)
    codes = cells["code"].to_numpy()
    np.add.at(found.X, codes, rows.X.reshape(size, grid, -1) * shares[:, None, None])
    np.add.at(found.offset, codes, rows.offset.reshape(size, grid) * shares[:, None])
    for factor, own in found.Z.items():
        Z = np.hstack([group.Z for group in rows.groups if group.factor == factor])
        np.add.at(own, codes, Z.reshape(size, grid, -1) * shares[:, None, None])
