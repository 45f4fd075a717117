"""What a classical fit reports."""

from __future__ import annotations

from dataclasses import dataclass

from hierbayes.engines.base import Floats


@dataclass(frozen=True)
class Estimates:
    """A classical fit, in the internal coordinates of the problem.

    Attributes
    ----------
    beta : array, shape (p,)
    beta_covariance : array, shape (p, p)
        Given the estimated sds, correlations and sigma.
    sds : tuple of array
        Standard deviations (not variances) of each block.
    corrs : tuple of array
        Correlation matrices; NaN beside an sd of 0.
    factors : tuple of array, shape (k, k)
        Square roots of the covariance matrices of each block: ``Sigma = factor @ factor.T``.
    sigma : float
        Residual standard deviation; 1 where the standard errors of the rows are known.
    sigma_known : bool
        Whether sigma is held and not estimated.
    loglik : float
        Log likelihood; the restricted one for REML. The criterion is -2 times it.
    singular : bool
        Whether an sd is 0 or a correlation matrix has no inverse.
    modes : tuple of array, shape (levels, k)
        Conditional modes of b.
    mode_covariances : tuple of array, shape (levels, k, k)
        Conditional covariances of b, given beta and the other estimates.
    parameters : int
        Number of estimated parameters: coefficients, sds, correlations and sigma.
    reml : bool
    evaluations : int
    doubt : str
        Why this may not be the best optimum; empty where nothing speaks against it.
    """

    beta: Floats
    beta_covariance: Floats
    sds: tuple[Floats, ...]
    corrs: tuple[Floats, ...]
    factors: tuple[Floats, ...]
    sigma: float
    sigma_known: bool
    loglik: float
    singular: bool
    modes: tuple[Floats, ...]
    mode_covariances: tuple[Floats, ...]
    parameters: int
    reml: bool
    evaluations: int
    doubt: str = ""
