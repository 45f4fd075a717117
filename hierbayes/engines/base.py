"""What an engine is given: arrays and resolved priors, no names of columns and no tables.

The coordinates are internal: the population columns may be centred, and the columns of a correlated group term may be
others of the same space.
`Problem.beta_back` and `Block.back` say how to return to the columns as the user gave them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hierbayes.families import Family, family
from hierbayes.priors import POSITIVE, Fixed, Parameter, Prior
from hierbayes.priors.parameter import prior_of

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
    columns : tuple of str
        What the columns of Z are, in words, where they are more than those as given less their means; else empty.
    """

    Z: Floats
    codes: Ints
    n_levels: int
    sd_priors: tuple[Prior, ...]
    corr_prior: Prior | None
    back: Floats
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Problem:
    """A Gaussian or other regression with group-level effects, as arrays.

    A ``categorical`` response of K categories has K - 1 linear predictors a row, end to end, in X, offset and blocks.
    The linear predictor of row i is ``offset_i + X_i beta + sum_t Z_ti b_t[codes_ti]``; for the Gaussian family the
    residual variance of row i is ``sigma**2 / weights_i``, for every other the row's log likelihood is multiplied by
    ``weights_i``.

    Attributes
    ----------
    y : array, shape (n,)
        The response; 0 and 1 for ``bernoulli``, the number of successes for ``binomial``, numbers of categories for
        ``ordinal`` and ``categorical``.
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
    parameters : tuple of Parameter
        What the family has beside its location, in its order.
    family, link : str
        As in `hierbayes.families.FAMILIES`.
    trials : array, shape (n,), or None
        Number of trials of each row, for ``binomial``.
    categories : int
        Number of categories K, for ``ordinal`` and ``categorical``, whose response is 1 to K.
    """

    y: Floats
    X: Floats
    offset: Floats
    weights: Floats
    beta_priors: tuple[Prior, ...]
    beta_back: Floats
    blocks: tuple[Block, ...]
    parameters: tuple[Parameter, ...] = ()
    family: str = "gaussian"
    link: str = "identity"
    trials: Floats | None = None
    categories: int = 0

    @property
    def likelihood(self) -> Family:
        """The family with its link."""
        return family(f"{self.family}({self.link})", self.categories)

    def prior_of(self, name: str) -> Prior:
        """Return the prior of one of the family's parameters."""
        return prior_of(self.parameters, name)

    @property
    def kernel_parameters(self) -> tuple[Parameter, ...]:
        """The parameters as kernels take them: first a sigma, held at 1 in a family that has none."""
        none = Parameter("sigma", POSITIVE, Fixed(1.0), fixed=True)
        return self.parameters if any(own.name == "sigma" for own in self.parameters) else (none, *self.parameters)

    def named[T](self, sigma: T, others: Sequence[T]) -> dict[str, T]:
        """Return by name what kernels have of the parameters: that of sigma, and those of the others."""
        numbers = dict(zip((own.name for own in self.kernel_parameters), (sigma, *others), strict=True))
        return {own.name: numbers[own.name] for own in self.parameters}

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.y)

    @property
    def p(self) -> int:
        """Number of population-level coefficients."""
        return int(self.X.shape[1])


@dataclass(frozen=True)
class Expanded:
    """Draws of everything, in internal coordinates.

    Attributes
    ----------
    sds : tuple of array, shape (draws, k)
    corrs : tuple of array, shape (draws, k, k)
    sigma : array, shape (draws,)
        1 throughout for a family without it.
    beta : array, shape (draws, p)
    b : tuple of array, shape (draws, levels, k)
    aux : tuple of array, shape (draws,)
        The family's other parameters, in its order.
    """

    sds: tuple[Floats, ...]
    corrs: tuple[Floats, ...]
    sigma: Floats
    beta: Floats
    b: tuple[Floats, ...]
    aux: tuple[Floats, ...] = ()


@dataclass(frozen=True)
class Trace:
    """What the sampler gave back.

    Attributes
    ----------
    draws : mapping of str to array, each of shape (chain, draw, ...)
    stats : mapping of str to array, each of shape (chain, draw)
    gradients : int
        Evaluations of the gradient, warm-up included.
    interrupted : bool
    """

    draws: dict[str, NDArray[Any]]
    stats: dict[str, NDArray[Any]]
    gradients: int
    interrupted: bool
