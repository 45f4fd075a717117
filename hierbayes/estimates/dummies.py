"""Groups as fixed effects: a column for each level beside the population columns, by least squares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hierbayes.errors import ModelError
from hierbayes.estimates.arrays import (
    BoolArray,
    FloatArray,
    IntArray,
    Solution,
    level_codes,
    log_likelihood,
    root_weights,
    rows_of,
    solve,
)
from hierbayes.estimates.projection import Projection, project_levels

LARGEST = 30_000_000
"""Numbers in the table of columns that is solved at once (240 MB)."""

_LOST = 1e-8
_INSIDE = 1e-9


@dataclass(frozen=True)
class GroupColumns:
    """The columns `Z` (n, k) that a grouping factor lets vary, and the level of each row, 0 to `n_levels - 1`."""

    Z: ArrayLike
    codes: ArrayLike
    n_levels: int


@dataclass(frozen=True)
class FixedGroups:
    """A least-squares fit with the group-level effects as unknown constants that sum to zero over the levels.

    Attributes
    ----------
    beta : array (p,)
        Population coefficients; NaN where the groups leave them undetermined.
    covariance : array (p, p)
        Of `beta`, given the groups at hand: it holds nothing of the variation between groups.
    identified : bool array (p,)
    sigma : float
        Residual standard deviation of a row of weight 1; NaN without degrees of freedom.
    df : int
        Residual degrees of freedom.
    rank : int
        Number of linearly independent columns, those of the groups included.
    loglik : float
        At the maximum-likelihood estimate; NaN where rows were left out.
    left_out : int
        Levels of the largest factor that are too small for their own columns, and whose rows take no part.
    """

    beta: FloatArray
    covariance: FloatArray
    identified: BoolArray
    sigma: float
    df: int
    rank: int
    loglik: float
    left_out: int


def fixed_groups(
    y: ArrayLike, X: ArrayLike, groups: Sequence[GroupColumns], weights: ArrayLike | None = None
) -> FixedGroups:
    """Fit `y ~ N(X beta + sum_f Z_f b_f, sigma² / weights)` with every `b` an unknown constant.

    The effects of a column that is also in the span of X sum to zero over the levels, as R's ``contr.sum`` has it, so
    that `beta` refers to the average level and stands beside the `beta` of a hierarchical fit. The factor with the most
    columns is projected off level by level; with `a_j` its coefficients, `C` the columns of all the rest and `M` that
    projection,

        gamma = pinv(M C) M y        mean a = mean_j pinv(Z_j) (y_j - C_j gamma)        beta = (T⁻¹ mean a, gamma)

    where `X = Z T` for the population columns in the span of Z. A coefficient is undetermined where it has a part in a
    direction that changes no fitted value.

    Parameters
    ----------
    y : array (n,)
        Response.
    X : array (n, p)
        Population columns, linearly independent.
    groups : sequence of GroupColumns
        One for each grouping factor, at least one.
    weights : array (n,), optional
        Precision weights, positive. Default 1.

    Returns
    -------
    FixedGroups

    Raises
    ------
    ModelError
        If the columns of X are linearly dependent, no level has a fit of its own, or the columns are too many to solve.
    DataError
        If shapes disagree, values are not finite, weights are not positive or a code is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from hierbayes.estimates import GroupColumns, fixed_groups
    >>> group = GroupColumns(np.ones((5, 1)), [0, 0, 1, 1, 1], 2)
    >>> fit = fixed_groups([1.0, 3.0, 10.0, 14.0, 12.0], np.ones((5, 1)), [group])
    >>> fit.beta.round(6).tolist(), fit.df  # the mean of the two means, 2 and 12
    ([7.0], 3)
    """
    root = root_weights(y, weights)
    n = len(root)
    response, columns = rows_of(y, root)[:, 0], rows_of(X, root)
    own = [(rows_of(g.Z, root), level_codes(g.codes, n, g.n_levels), g.n_levels) for g in groups]
    if solve(response, columns).rank < columns.shape[1]:
        raise ModelError("The population columns are linearly dependent.", "Remove the redundant terms.")
    largest = max(range(len(own)), key=lambda i: own[i][0].shape[1] * own[i][2])
    Z, codes, n_levels = own.pop(largest)
    inside, T = _span(columns, Z)
    _check_size(n, columns.shape[1], own)
    rest = np.hstack([columns[:, ~inside], *(_indicators(*other, columns) for other in own)])
    parts = project_levels(Z, np.column_stack([rest, response]), codes, n_levels)
    if parts.too_small.all():
        raise ModelError("No level has a fit of its own: its columns do not vary within it.")
    found = solve(parts.left[:, -1], parts.left[:, :-1], np.linalg.norm(rest, axis=0))
    return _collected(parts, found, inside, T, root, np.linalg.norm(columns, axis=0))


def _span(columns: FloatArray, Z: FloatArray) -> tuple[BoolArray, FloatArray]:
    """Return which columns lie in the span of Z, and the coefficients that make them."""
    T, *_ = np.linalg.lstsq(Z, columns, rcond=None)
    length = np.maximum(np.linalg.norm(columns, axis=0), 1e-300)
    inside = np.linalg.norm(columns - Z @ T, axis=0) / length < _INSIDE
    return inside, T[:, inside]


def _check_size(n: int, p: int, own: Sequence[tuple[FloatArray, IntArray, int]]) -> None:
    wide = p + sum(Z.shape[1] * n_levels for Z, _, n_levels in own)
    if n * wide > LARGEST:
        raise ModelError(f"{wide} columns for {n} rows are too many to solve at once.")


def _indicators(Z: FloatArray, codes: IntArray, n_levels: int, columns: FloatArray) -> FloatArray:
    """Return Z by level; in sum coding where the column lies in the span of the population columns."""
    shared, _ = _span(Z, columns)
    one_hot = np.eye(n_levels)[codes]
    coded = one_hot[:, :-1] - one_hot[:, -1:]
    return np.hstack([(coded if in_span else one_hot) * z[:, None] for in_span, z in zip(shared, Z.T, strict=True)])


def _collected(
    parts: Projection, found: Solution, inside: BoolArray, T: FloatArray, root: FloatArray, length: FloatArray
) -> FixedGroups:
    fitted = ~parts.too_small
    J, k = int(fitted.sum()), parts.slopes.shape[1]
    residual = parts.left[:, -1] - parts.left[:, :-1] @ found.beta
    rank = J * k + found.rank
    squares, df = float(residual @ residual), len(residual) - rank
    variance = squares / df if df > 0 else np.nan
    mean = parts.slopes[fitted].mean(axis=0)
    back = np.linalg.pinv(T)
    p, q = len(inside), len(found.beta)
    C, start = np.zeros((p, q)), np.zeros(p)
    C[inside], start[inside] = -back @ mean[:, :-1], back @ mean[:, -1]
    C[~inside, np.arange(int((~inside).sum()))] = 1.0
    spread = C @ found.bread @ C.T
    spread[np.ix_(inside, inside)] += back @ parts.unscaled[fitted].sum(axis=0) @ back.T / J**2
    # in units of fitted values on both sides, so that it is a pure number
    scaled = C / found.scale * length[:, None]
    moved = np.linalg.norm(scaled @ found.lost, axis=1)
    identified = moved <= _LOST * np.maximum(np.linalg.norm(scaled, axis=1), 1.0)
    known = np.where(identified, 1.0, np.nan)
    return FixedGroups(
        (start + C @ found.beta) * known,
        variance * spread * np.outer(known, known),
        identified,
        float(np.sqrt(variance)),
        df,
        rank,
        log_likelihood(squares, root) if fitted.all() else np.nan,
        int((~fitted).sum()),
    )
