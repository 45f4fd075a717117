"""What an engine is given: arrays and resolved priors, no names of columns and no tables.

The coordinates are internal: the population columns may be centred, and so may the columns of a correlated group term.
`Problem.beta_back` and `Block.back` say how to return to the columns as the user gave them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hierbayes.priors import Prior

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Block:
    """One group-level term in internal coordinates.

    Attributes
    ----------
    Z : array, shape (n, k)
        The columns left of the bar, one row an observation.
    codes : array of int, shape (n,)
        The level of each row, ``0 .. n_levels - 1``.
    n_levels : int
        Number of levels, J.
    sd_priors : tuple of Prior, length k
        Priors of the sds (not variances) of the k columns. `Fixed` holds one at a number.
    corr_prior : Prior or None
        `LKJ` or `Fixed`; None where k is 1.
    back : array, shape (k, k)
        ``b = back @ b_internal`` for one level; the covariance is ``back @ Sigma_internal @ back.T``.
    """

    Z: Floats
    codes: Ints
    n_levels: int
    sd_priors: tuple[Prior, ...]
    corr_prior: Prior | None
    back: Floats


@dataclass(frozen=True)
class Problem:
    """A Gaussian or other regression with group-level effects, as arrays.

    The linear predictor of row i is ``offset_i + X_i beta + sum_t Z_ti b_t[codes_ti]``; for the Gaussian family the
    residual variance of row i is ``sigma**2 / weights_i``.

    Attributes
    ----------
    y : array, shape (n,)
    X : array, shape (n, p)
        Population columns in internal coordinates; p may be 0.
    offset : array, shape (n,)
    weights : array, shape (n,)
        Positive.
    beta_priors : tuple of Prior, length p
        `Normal` or `Flat` for the kernels; `Custom` and others only for PyMC.
    beta_back : array, shape (p, p)
        ``beta = beta_back @ beta_internal``.
    blocks : tuple of Block
        One a group-level term.
    sigma_prior : Prior
        Prior of the residual sd.
    """

    y: Floats
    X: Floats
    offset: Floats
    weights: Floats
    beta_priors: tuple[Prior, ...]
    beta_back: Floats
    blocks: tuple[Block, ...]
    sigma_prior: Prior
    family: str = field(default="gaussian")

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.y)

    @property
    def p(self) -> int:
        """Number of population-level coefficients."""
        return int(self.X.shape[1])
