"""Complete pooling: one coefficient vector for all rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hierbayes.errors import ModelError
from hierbayes.estimates.arrays import FloatArray, log_likelihood, root_weights, rows_of, solve


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
    root = root_weights(y, weights)
    response, columns = rows_of(y, root)[:, 0], rows_of(X, root)
    found = solve(response, columns)
    beta, rank = found.beta, found.rank
    if rank < columns.shape[1] and not allow_deficient:
        raise ModelError(
            f"The {columns.shape[1]} columns of the model have rank {rank}: "
            f"{columns.shape[1] - rank} can be written as a combination of the others.",
            "Remove the redundant terms from the formula.",
        )
    residual = response - columns @ beta
    squares, df = float(residual @ residual), len(response) - rank
    variance = squares / df if df > 0 else np.nan
    return LeastSquares(beta, variance * found.bread, float(np.sqrt(variance)), df, rank, log_likelihood(squares, root))
