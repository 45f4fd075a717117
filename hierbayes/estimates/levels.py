"""No pooling: coefficients of its own for each level of a grouping factor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hierbayes.errors import DataError, ModelError
from hierbayes.estimates.arrays import BoolArray, FloatArray, IntArray, level_codes, root_weights, rows_of, solve
from hierbayes.estimates.projection import Projection, project_levels


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

    so a direction of `gamma` that no level identifies, such as a column constant within each level, keeps its
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
    root = root_weights(y, weights)
    response, own = rows_of(y, root), rows_of(Z, root)
    shared = np.empty((len(response), 0)) if X is None else rows_of(X, root)
    parts = project_levels(
        own, np.column_stack([shared, response]), level_codes(codes, len(response), n_levels), n_levels
    )
    gamma, bread, rank = _shared_coefficients(parts, shared, gamma_complete)
    residual = parts.left[:, -1] - parts.left[:, :-1] @ gamma
    df = len(residual) - int((~parts.too_small).sum()) * own.shape[1] - rank
    variance = float(residual @ residual) / df if df > 0 else np.nan
    slopes = parts.slopes[..., :-1]
    spread = np.diagonal(parts.unscaled, axis1=1, axis2=2) + np.einsum("jkp,pq,jkq->jk", slopes, bread, slopes)
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


def _shared_coefficients(
    parts: Projection, shared: FloatArray, gamma_complete: ArrayLike | None
) -> tuple[FloatArray, FloatArray, int]:
    p = shared.shape[1]
    held = np.zeros(p) if gamma_complete is None else np.asarray(gamma_complete, dtype=float)
    if held.shape != (p,):
        raise DataError(f"gamma_complete has shape {held.shape}; the shared columns need ({p},).")
    columns, response = parts.left[:, :-1], parts.left[:, -1]
    found = solve(response - columns @ held, columns, np.linalg.norm(shared, axis=0))
    if found.rank < p and gamma_complete is None:
        raise ModelError(
            f"The levels identify {found.rank} of the {p} shared coefficients: "
            "some predictor does not vary within levels.",
            "Pass their complete-pooling estimates as gamma_complete.",
        )
    return held + found.beta, found.bread, found.rank
