"""Least squares: the complete-pooling and no-pooling fits, on arrays.

The model is `y ~ N(X beta, sigma² diag(1 / weights))`. Complete pooling fits one `beta` for all rows; no pooling
fits one coefficient vector for each level of a grouping factor, by least squares alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hierbayes.errors import DataError, ModelError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

# A column counts as a combination of others when less than this share of its length is left after projection.
# Rounding leaves about 1e-15; a column of mean 1e9 and sd 1 leaves 1e-9.
RANK_TOLERANCE = 1e-11


@dataclass(frozen=True)
class LeastSquares:
    """A least-squares fit.

    Attributes
    ----------
    beta : array (p,)
        Coefficients, in units of y per unit of the column.
    covariance : array (p, p)
        Covariance of `beta`: `sigma² (X'WX)⁻¹`.
    sigma : float
        Residual standard deviation (not the variance) of a row of weight 1; NaN when no degrees of freedom are left.
    df : int
        Residual degrees of freedom, rows minus rank.
    rank : int
        Number of linearly independent columns of X.
    loglik : float
        Log-likelihood at the maximum-likelihood estimate (sigma² = weighted sum of squares / rows).
    """

    beta: FloatArray
    covariance: FloatArray
    sigma: float
    df: int
    rank: int
    loglik: float


@dataclass(frozen=True)
class NoPooling:
    """A separate least-squares fit for each level of a grouping factor.

    Attributes
    ----------
    coef : array (J, k)
        Coefficients of each level; a row of NaN where the level is too small for its own fit.
    se : array (J, k)
        Standard errors of `coef`, from the pooled `sigma`.
    counts : array (J,)
        Rows of each level.
    too_small : bool array (J,)
        True where a level has fewer rows than columns, or columns that are linearly dependent within it.
    sigma : float
        Residual standard deviation pooled over the levels that were fitted; NaN without degrees of freedom.
    df : int
        Residual degrees of freedom behind `sigma`.
    gamma : array (p,)
        The coefficients that all levels share.
    gamma_covariance : array (p, p)
        Covariance of `gamma`; zero in directions that no level identifies, which are held, not estimated.
    """

    coef: FloatArray
    se: FloatArray
    counts: IntArray
    too_small: BoolArray
    sigma: float
    df: int
    gamma: FloatArray
    gamma_covariance: FloatArray


def least_squares(
    y: ArrayLike, X: ArrayLike, weights: ArrayLike | None = None, *, allow_deficient: bool = False
) -> LeastSquares:
    """Fit `y ~ N(X beta, sigma² / weights)` by least squares.

    Parameters
    ----------
    y : array (n,)
        Response.
    X : array (n, p)
        Columns of the model.
    weights : array (n,), optional
        Precision weights, positive: a row's variance is `sigma² / weight`. Default 1.
    allow_deficient : bool
        When the columns of X are linearly dependent: give the shortest solution (columns scaled to length 1)
        instead of raising.

    Returns
    -------
    LeastSquares

    Raises
    ------
    ModelError
        If the columns of X are linearly dependent and `allow_deficient` is False.
    DataError
        If shapes disagree, values are not finite or weights are not positive.

    Examples
    --------
    >>> from hierbayes.estimates import least_squares
    >>> line = least_squares([1.0, 3.0, 5.0, 7.0], [[1, 0], [1, 1], [1, 2], [1, 3]])
    >>> line.beta.round(6).tolist(), line.df
    ([1.0, 2.0], 2)
    """
    root = _root_weights(y, weights)
    response, columns = _rows(y, root)[:, 0], _rows(X, root)
    beta, bread, rank = _solve(response, columns)
    if rank < columns.shape[1] and not allow_deficient:
        raise ModelError(
            f"The {columns.shape[1]} columns of the model have rank {rank}: "
            f"{columns.shape[1] - rank} can be written as a combination of the others.",
            "Remove the redundant terms from the formula.",
        )
    residual = response - columns @ beta
    squares, df = float(residual @ residual), len(response) - rank
    variance = squares / df if df > 0 else np.nan
    return LeastSquares(beta, variance * bread, float(np.sqrt(variance)), df, rank, _loglik(squares, root))


def complete_pooling(y: ArrayLike, X: ArrayLike, weights: ArrayLike | None = None) -> LeastSquares:
    """Fit all rows as one group: the grouping factors are ignored.

    Parameters
    ----------
    y : array (n,)
        Response.
    X : array (n, p)
        The population columns.
    weights : array (n,), optional
        Precision weights, positive. Default 1.

    Returns
    -------
    LeastSquares

    Raises
    ------
    ModelError
        If the columns of X are linearly dependent.
    DataError
        If shapes disagree, values are not finite or weights are not positive.

    Examples
    --------
    >>> from hierbayes.estimates import complete_pooling
    >>> complete_pooling([1.0, 2.0, 6.0], [[1], [1], [1]]).beta.round(6).tolist()
    [3.0]
    """
    return least_squares(y, X, weights)


def no_pooling(
    y: ArrayLike,
    X: ArrayLike | None,
    Z: ArrayLike,
    codes: ArrayLike,
    n_levels: int,
    weights: ArrayLike | None = None,
    gamma_complete: ArrayLike | None = None,
) -> NoPooling:
    """Fit each level of a grouping factor by itself.

    The columns Z get coefficients `a_j` of their own in each level j, the columns X coefficients `gamma` that all
    levels share, fitted together by least squares. Without X this is one separate fit per level. With `M_j` the
    projection off the columns of Z in level j, and `X⊥`, `y⊥` the stacked `M_j X_j`, `M_j y_j`:

        gamma = gamma_complete + pinv(X⊥) (y⊥ - X⊥ gamma_complete)        a_j = pinv(Z_j) (y_j - X_j gamma)

    so a direction of `gamma` that no level identifies, such as a predictor constant within each level, keeps its
    complete-pooling estimate. Levels too small for their own fit take no part.

    Parameters
    ----------
    y : array (n,)
        Response.
    X : array (n, p) or None
        Columns with shared coefficients, none of them in the span of Z; None for none.
    Z : array (n, k)
        The group term's columns.
    codes : int array (n,)
        Level of each row, from 0 to `n_levels - 1`.
    n_levels : int
        Number of levels, J.
    weights : array (n,), optional
        Precision weights, positive. Default 1.
    gamma_complete : array (p,), optional
        Complete-pooling estimates of the shared coefficients; needed where the levels do not identify them all.

    Returns
    -------
    NoPooling

    Raises
    ------
    ModelError
        If the levels do not identify all of `gamma` and `gamma_complete` is not given.
    DataError
        If shapes disagree, values are not finite, weights are not positive or a code is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from hierbayes.estimates import no_pooling
    >>> fit = no_pooling([1.0, 3.0, 10.0, 14.0, 5.0], None, np.ones((5, 1)), [0, 0, 1, 1, 2], 3)
    >>> fit.coef[:, 0].round(6).tolist(), fit.too_small.tolist()
    ([2.0, 12.0, 5.0], [False, False, False])
    """
    root = _root_weights(y, weights)
    response, own = _rows(y, root), _rows(Z, root)
    shared = np.empty((len(response), 0)) if X is None else _rows(X, root)
    parts = _project_levels(
        own, np.column_stack([shared, response]), _level_codes(codes, len(response), n_levels), n_levels
    )
    gamma, bread, rank = _shared_coefficients(parts, shared, gamma_complete)
    residual = parts.left[:, -1] - parts.left[:, :-1] @ gamma
    df = len(residual) - int((~parts.too_small).sum()) * own.shape[1] - rank
    variance = float(residual @ residual) / df if df > 0 else np.nan
    slopes = parts.slopes[..., :-1]
    spread = parts.unscaled + np.einsum("jkp,pq,jkq->jk", slopes, bread, slopes)
    coef = parts.slopes[..., -1] - slopes @ gamma
    se = np.sqrt(variance * spread)
    return NoPooling(
        coef,
        se,
        parts.counts,
        parts.too_small,
        float(np.sqrt(variance)),
        df,
        gamma,
        variance * bread if rank else bread,
    )


@dataclass(frozen=True)
class _Projection:
    """Per level: regressions of [X, y] on Z (J, k, p + 1), diag((Z'Z)⁻¹) (J, k), and what they leave (rows, p + 1)."""

    slopes: FloatArray
    unscaled: FloatArray
    left: FloatArray
    counts: IntArray
    too_small: BoolArray


def _project_levels(own: FloatArray, targets: FloatArray, codes: IntArray, n_levels: int) -> _Projection:
    order = np.argsort(codes, kind="stable")
    counts = np.bincount(codes, minlength=n_levels)
    starts = np.cumsum(counts) - counts
    k = own.shape[1]
    slopes = np.full((n_levels, k, targets.shape[1]), np.nan)
    unscaled = np.full((n_levels, k), np.nan)
    too_small = np.ones(n_levels, dtype=bool)
    left = [np.empty((0, targets.shape[1]))]
    # Levels of one size are factored in one call; the number of different sizes is small even for many levels.
    for size in np.unique(counts[counts >= max(k, 1)]):
        members = np.flatnonzero(counts == size)
        rows = order[starts[members, None] + np.arange(size)]
        q, inverse, full = _factor(own[rows])
        block, members = targets[rows[full]], members[full]
        within = np.swapaxes(q, 1, 2) @ block
        slopes[members] = inverse @ within
        unscaled[members] = np.square(inverse).sum(axis=2)
        too_small[members] = False
        left.append((block - q @ within).reshape(-1, targets.shape[1]))
    return _Projection(slopes, unscaled, np.concatenate(left), counts.astype(np.int64), too_small)


def _factor(blocks: FloatArray) -> tuple[FloatArray, FloatArray, BoolArray]:
    """QR of each block (J, m, k) with columns scaled to length 1; Q and R⁻¹ (scale undone) where the rank is full."""
    length = np.linalg.norm(blocks, axis=1)
    scale = np.where(length > 0, length, 1.0)
    q, r = np.linalg.qr(blocks / scale[:, None, :])
    full = (np.abs(np.diagonal(r, axis1=1, axis2=2)) > RANK_TOLERANCE).all(axis=1)
    inverse = np.linalg.inv(r[full]) / scale[full, :, None]
    return q[full], inverse, full


def _shared_coefficients(
    parts: _Projection, shared: FloatArray, gamma_complete: ArrayLike | None
) -> tuple[FloatArray, FloatArray, int]:
    p = shared.shape[1]
    held = np.zeros(p) if gamma_complete is None else np.asarray(gamma_complete, dtype=float)
    if held.shape != (p,):
        raise DataError(f"gamma_complete has shape {held.shape}; the shared columns need ({p},).")
    columns, response = parts.left[:, :-1], parts.left[:, -1]
    step, bread, rank = _solve(response - columns @ held, columns, np.linalg.norm(shared, axis=0))
    if rank < p and gamma_complete is None:
        raise ModelError(
            f"The levels identify {rank} of the {p} shared coefficients: some predictor does not vary within levels.",
            "Pass their complete-pooling estimates as gamma_complete.",
        )
    return held + step, bread, rank


def _solve(
    response: FloatArray, columns: FloatArray, length: FloatArray | None = None
) -> tuple[FloatArray, FloatArray, int]:
    """Return the shortest solution, the pseudo-inverse of X'X and the rank, columns scaled by `length`."""
    length = np.linalg.norm(columns, axis=0) if length is None else length
    scale = np.where(length > 0, length, 1.0)
    q, r = np.linalg.qr(columns / scale)
    left, singular, right = np.linalg.svd(r, full_matrices=False)
    keep = singular > RANK_TOLERANCE
    root = right[keep].T / singular[keep] / scale[:, None]
    return root @ (left[:, keep].T @ (q.T @ response)), root @ root.T, int(keep.sum())


def _loglik(squares: float, root: FloatArray) -> float:
    n = len(root)
    with np.errstate(divide="ignore"):
        return float(np.log(root).sum() - n / 2 * (np.log(2 * np.pi * squares / n) + 1))


def _root_weights(y: ArrayLike, weights: ArrayLike | None) -> FloatArray:
    n = len(np.asarray(y))
    values = np.ones(n) if weights is None else np.asarray(weights, dtype=float)
    if values.shape != (n,):
        raise DataError(f"The weights have shape {values.shape}; {n} rows need ({n},).")
    if n == 0:
        raise DataError("There are no rows to fit.")
    if not (np.isfinite(values) & (values > 0)).all():
        row = int(np.flatnonzero(~(np.isfinite(values) & (values > 0)))[0])
        raise DataError(
            f"Weight {values[row]} in row {row} is not a positive number.", "Drop the row or mend its weight."
        )
    return np.sqrt(values)


def _rows(values: ArrayLike, root: FloatArray) -> FloatArray:
    array = np.asarray(values, dtype=float)
    table = array[:, None] if array.ndim == 1 else array
    if table.ndim != 2 or len(table) != len(root):
        raise DataError(f"An array of shape {array.shape} does not fit {len(root)} rows.")
    if not np.isfinite(table).all():
        raise DataError(f"Row {int(np.argwhere(~np.isfinite(table))[0, 0])} holds a missing or infinite number.")
    return table * root[:, None]


def _level_codes(codes: ArrayLike, n: int, n_levels: int) -> IntArray:
    array = np.asarray(codes, dtype=np.int64)
    if array.shape != (n,):
        raise DataError(f"The level codes have shape {array.shape}; {n} rows need ({n},).")
    outside = np.flatnonzero((array < 0) | (array >= n_levels))
    if len(outside):
        raise DataError(f"Row {outside[0]} has level code {array[outside[0]]}; there are {n_levels} levels.")
    return array
