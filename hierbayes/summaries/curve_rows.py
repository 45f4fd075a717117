"""Design rows along one column, everything else about the rows as the data have it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from hierbayes.design.design import Design
from hierbayes.design.levels import factor_columns
from hierbayes.design.new_rows import rows_of
from hierbayes.design.table import Floats, Ints
from hierbayes.errors import ModelError
from hierbayes.expressions.syntax import names_in
from hierbayes.formula.names import suggest
from hierbayes.sampling.sampler import counting
from hierbayes.summaries.questions.grid import CHUNK, frame
from hierbayes.summaries.questions.predictors import levels_by_row, numbers_of, predictors

POINTS = 25
"""Points of a curve along a numeric column."""

OBSERVATION = "observation"
"""Name of the axis where no column varies within a level: the place of a row among those of its level, from 1."""


@dataclass(frozen=True)
class Along:
    """A column to draw along.

    Attributes
    ----------
    name : str
        The column, or ``"observation"``.
    grid : array, shape (G,)
        Where curves are computed; for a categorical column 0, 1, ..., the places of its levels.
    rows : array, shape (n,)
        Where the rows of the fit lie.
    names : tuple of str or None
        The levels of a categorical column.
    predictor : bool
        False where the axis is the place of the row.
    """

    name: str
    grid: Floats
    rows: Floats
    names: tuple[str, ...] | None = None
    predictor: bool = True


@dataclass(frozen=True)
class CurvePart:
    """Some rows of the fit, equal ones once, moved along the axis while all else about them stays.

    Attributes
    ----------
    level : array of int, shape (c,)
        What each belongs to.
    share : array, shape (c,)
        Its weight in the average over what it belongs to.
    X : array, shape (c, G, p)
    offset : array, shape (c, G)
    Z : mapping of str to array, shape (c, G, k)
        The columns of each grouping factor, the terms of all its blocks together.
    codes : mapping of str to array of int, shape (c,)
        The level of each kept grouping factor.
    """

    level: Ints
    share: Floats
    X: Floats
    offset: Floats
    Z: dict[str, Floats]
    codes: dict[str, Ints]


def along(design: Design, factor: str, x: str | None = None) -> Along:
    """Choose what to draw along: the column asked for; else the first that varies within levels.

    Numbers come before categories, and what varies by the factor before the rest of the population part; where
    nothing varies within a level, the place of the row.

    Raises
    ------
    ModelError
        If there is no such column.
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


def varies_within(values: Any, codes: Ints) -> bool:
    """Say whether values differ within at least one level."""
    grouped = pd.Series(values).groupby(codes)
    return bool((grouped.max() > grouped.min()).any())


def curve_parts(design: Design, axis: Along, level: Ints, keep: Sequence[str] = ()) -> Iterator[CurvePart]:
    """Give the design rows of curves along the axis, a part at a time.

    Each row of the fit moves along the axis while its other columns stay what they are; an average over the shares
    is thus one over the rows of a level.

    Parameters
    ----------
    design : Design
    axis : Along
    level : array of int, shape (n,)
        What each row belongs to, 0, 1, ...; rows below 0 are left out.
    keep : sequence of str
        Grouping factors whose levels the rows keep apart.
    """
    cells = _cells(design, axis, level, keep)
    totals = np.bincount(cells["level"], weights=cells["count"])
    step = max(1, CHUNK // len(axis.grid))
    starts = range(0, len(cells), step)
    with counting(f"design rows along {axis.name}", len(starts), None) as advance:
        for start in starts:
            part = cells.iloc[start : start + step]
            own = part["level"].to_numpy()
            X, offset, Z = _moved(design, axis, part) if axis.predictor else _still(design, axis, part)
            codes = {factor: part[f"of {i}"].to_numpy() for i, factor in enumerate(keep)}
            yield CurvePart(own, part["count"].to_numpy() / totals[own], X, offset, Z, codes)
            advance()


def _cells(design: Design, axis: Along, level: Ints, keep: Sequence[str]) -> pd.DataFrame:
    """Return each combination of level, kept factors and other columns that occurs, with its number of rows."""
    kept = np.flatnonzero(level >= 0)
    columns: dict[str, Any] = {"level": level[kept]}
    columns |= {f"of {i}": design.blocks(factor)[0].codes[kept] for i, factor in enumerate(keep)}
    if not axis.predictor:
        columns["row"] = kept
    for i, column in enumerate(predictors(design, groups=True) if axis.predictor else ()):
        if column.name != axis.name:
            reader = numbers_of if column.kind == "numeric" else levels_by_row
            columns[f"{i}"] = np.asarray(reader(design, column.name))[kept]
    table = pd.DataFrame(columns)
    return table.groupby(list(table), sort=True).size().rename("count").reset_index()


_Made = tuple[Floats, Floats, dict[str, Floats]]


def _still(design: Design, axis: Along, cells: pd.DataFrame) -> _Made:
    """Return the rows as they are, the same at every point."""
    rows, points = cells["row"].to_numpy(), len(axis.grid)
    Z = {own.name: np.repeat(own.Z[rows, None], points, axis=1) for own in factor_columns(design)}
    offset = np.repeat(design.offset[rows, None], points, axis=1)
    return np.repeat(design.X[rows, None], points, axis=1), offset, Z


def _moved(design: Design, axis: Along, cells: pd.DataFrame) -> _Made:
    size, points = len(cells), len(axis.grid)
    values: dict[str, Any] = {}
    for i, column in enumerate(predictors(design, groups=True)):
        if column.name == axis.name:
            places = axis.grid if axis.names is None else np.asarray(axis.names, dtype=object)
            values[column.name] = np.tile(places, size)
        else:
            values[column.name] = np.repeat(cells[f"{i}"].to_numpy(), points)
    rows = rows_of(design.schema, frame(design, values), weights=False, absent=True, undetermined="nan")
    Z = {}
    for factor in design.factors:
        own = np.hstack([group.Z for group in rows.groups if group.factor == factor])
        Z[factor] = own.reshape(size, points, -1)
    return rows.X.reshape(size, points, -1), rows.offset.reshape(size, points), Z


def contains(design: Design, factor: str) -> tuple[str, ...]:
    """Return the grouping factors that the factor is nested in: each of its levels lies in one of theirs."""
    codes = design.blocks(factor)[0].codes
    others = [name for name in design.factors if name != factor]
    return tuple(name for name in others if not varies_within(design.blocks(name)[0].codes, codes))
