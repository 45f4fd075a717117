"""Derivatives of design rows in one numeric column.

The derivative is a difference over five points, exact for polynomials up to degree four, and one-sided at the ends of
the data, beyond which a spline may not reach (Fornberg 1988, Mathematics of Computation 51).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hierbayes.design.design import Design
from hierbayes.design.new_rows import rows_of
from hierbayes.design.rank import narrowed
from hierbayes.design.table import Ints
from hierbayes.summaries.questions.grid import CHUNK
from hierbayes.summaries.questions.predictors import numbers_of
from hierbayes.tables.numbers import Floats

STEP = 1e-3
"""Distance between the points, in sds of the column."""

POINTS = {
    "central": (-2, (1, -8, 0, 8, -1)),
    "forward": (0, (-25, 48, -36, 16, -3)),
    "backward": (-4, (3, -16, 36, -48, 25)),
}
"""First point and twelve times the weights of ``f(v + k h)``, k from the first point on."""


@dataclass(frozen=True)
class Derivatives:
    """Design rows differentiated in one column.

    Attributes
    ----------
    X : array, shape (n, p)
    offset : array, shape (n,)
    Z : tuple of array, shape (n, k)
        One a group-level term; empty if these were not asked for.
    """

    X: Floats
    offset: Floats
    Z: tuple[Floats, ...]


@dataclass(frozen=True)
class RowsAndSlopes:
    """Design rows and their derivatives in one column.

    Attributes
    ----------
    X : array, shape (n, p)
    offset : array, shape (n,)
    Z : tuple of array, shape (n, k)
        One a group-level term; empty if these were not asked for.
    codes : tuple of array of int, shape (n,)
        The level of each row in the factor of each term.
    slopes : Derivatives
    """

    X: Floats
    offset: Floats
    Z: tuple[Floats, ...]
    codes: tuple[Ints, ...]
    slopes: Derivatives


def derivatives(design: Design, values: pd.DataFrame, name: str, groups: bool = False) -> Derivatives:
    """Return the design rows of a frame of columns, differentiated in one of them.

    Parameters
    ----------
    design : Design
    values : DataFrame
        Columns as `frame` makes them.
    name : str
        A numeric column.
    groups : bool
        Differentiate the columns of the group-level terms too.
    """
    observed = numbers_of(design, name)
    # a power of two: then neither the points nor their distances are rounded where the data have few digits
    step = 2.0 ** math.floor(math.log2(STEP * float(np.std(observed))))
    first, weights = _points(values[name].to_numpy(), step, float(observed.min()), float(observed.max()))
    parts = []
    for start in range(0, len(values), CHUNK // 5):
        rows = slice(start, start + CHUNK // 5)
        parts.append(_differences(design, values.iloc[rows], name, step, first[rows], weights[rows], groups))
    return Derivatives(
        np.concatenate([part.X for part in parts]),
        np.concatenate([part.offset for part in parts]),
        tuple(np.concatenate(own) for own in zip(*(part.Z for part in parts), strict=True)),
    )


def _points(at: Floats, step: float, low: float, high: float) -> tuple[Ints, Floats]:
    """Return the first point and the weights for each row: one-sided where two steps would leave the data."""
    first = np.full(len(at), POINTS["central"][0])
    weights = np.tile(np.asarray(POINTS["central"][1], dtype=float), (len(at), 1))
    inside = (at >= low) & (at <= high)
    for side, where in (("forward", at - 2 * step < low), ("backward", at + 2 * step > high)):
        first[inside & where], weights[inside & where] = POINTS[side]
    return first, weights


def _differences(
    design: Design, values: pd.DataFrame, name: str, step: float, first: Ints, weights: Floats, groups: bool
) -> Derivatives:
    n = len(values)
    spread = values.loc[values.index.repeat(5)].reset_index(drop=True)
    spread[name] = (values[name].to_numpy()[:, None] + step * (first[:, None] + np.arange(5))).reshape(-1)
    rows = rows_of(design.schema, spread, groups=groups, absent=True, undetermined="keep")

    def slope(columns: Floats) -> Floats:
        return np.asarray(np.einsum("nk,nkp->np", weights, columns.reshape(n, 5, -1)) / (12 * step))

    Z = tuple(slope(own.Z) for own in rows.groups)
    X = slope(rows.X).reshape(n, len(design.coefficients))
    if rows.gap is not None:
        # a slope may be determined where the mean is not, as that of x in an empty cell of f:h is under x + f*h
        X = narrowed(np.column_stack([X, slope(rows.gap).reshape(n, -1)]), len(design.coefficients))
    return Derivatives(X, slope(rows.offset)[:, 0], Z)
