"""From complete to no pooling: exact estimates of beta and b while the sds of one grouping factor grow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hierbayes.engines.base import Floats, Ints, Problem
from hierbayes.engines.collapsed.conditional import Conditional
from hierbayes.errors import ModelError
from hierbayes.posterior.roots import lower_root
from hierbayes.priors import Flat
from hierbayes.sampling.sampler import counting

STEPS = 15
"""Positions of the slider in one decade of the sd."""
BELOW, ABOVE = 29, 30
"""Positions between 0 and the anchor, and from the anchor to a hundred times it."""
MULTIPLIERS = np.concatenate([[0.0], 10.0 ** (np.arange(-BELOW, ABOVE + 1) / STEPS)])
"""What the sds are multiplied by at each position: exactly 0 at the first, 1 at the middle and 100 at the last."""


@dataclass(frozen=True)
class PoolingPath:
    """Estimates along the way, in the columns as given.

    Attributes
    ----------
    multipliers : array, shape (m,)
        What the sds (not variances) of the factor are multiplied by.
    beta : array, shape (m, p)
        Population-level coefficients, by generalised least squares.
    b : array, shape (m, levels, k)
        Deviations of the factor's levels, all its terms side by side: conditional modes, which are conditional means.
    """

    multipliers: Floats
    beta: Floats
    b: Floats


def pooling_path(
    problem: Problem,
    covariances: Sequence[Floats],
    sigma: float,
    members: Sequence[int],
    multipliers: Floats = MULTIPLIERS,
) -> PoolingPath:
    """Return the estimates for every multiple of the sds of one grouping factor.

    With ``V = Z diag(m² Sigma, ...) Z' + sigma² W⁻¹``, the factor's covariance Sigma times ``m²`` and all else held,

        beta = (X' V⁻¹ X)⁻¹ X' V⁻¹ y        b_j = m² Sigma Z_j' V⁻¹ (y - X beta)

    which are the estimates of Henderson's equations, from the kernel that the posterior uses. At ``m = 0`` the factor
    plays no part; as m grows its levels come to stand each for itself.

    Parameters
    ----------
    problem : Problem
        Gaussian; the priors play no part, beta is flat.
    covariances : sequence of array, shape (k, k)
        The covariance matrix (variances, not sds) of each block in internal coordinates.
    sigma : float
        Residual standard deviation.
    members : sequence of int
        The blocks of the factor.
    multipliers : array
        Not negative.

    Raises
    ------
    ModelError
        If the family is not Gaussian or the coefficients are not determined by the data.
    """
    conditional = Conditional(_flat(problem), sparse=True)
    roots = [lower_root(covariance) / sigma for covariance in covariances]
    betas, effects = [], []
    with counting("from complete to no pooling", len(multipliers), None) as advance:
        for m in multipliers:
            relative = [root * (m if i in members else 1.0) for i, root in enumerate(roots)]
            law = conditional.law(conditional.flat(relative), sigma)
            betas.append(problem.beta_back @ law.beta)
            effects.append(np.hstack([law.modes[i] @ problem.blocks[i].back.T for i in members]))
            advance()
    return PoolingPath(np.asarray(multipliers, dtype=float), np.array(betas), np.array(effects))


def _flat(problem: Problem) -> Problem:
    """Return the problem without priors."""
    scaled = problem.X / np.maximum(np.linalg.norm(problem.X, axis=0), 1e-300)
    if problem.p >= problem.n or (problem.p and np.linalg.matrix_rank(scaled) < problem.p):
        raise ModelError("the coefficients are not determined by the data", "drop columns that others imply")
    blocks = tuple(replace(block, sd_priors=(Flat(),) * block.Z.shape[1]) for block in problem.blocks)
    parameters = tuple(own.under(Flat()) for own in problem.parameters)
    return replace(problem, beta_priors=(Flat(),) * problem.p, blocks=blocks, parameters=parameters)


def distance_left(path: PoolingPath, X: Floats, Z: Floats, codes: Ints) -> Floats:
    """Return how far the fit of each row at the last position is from its limit, no pooling.

    What is left of the shrinkage falls with the square of the sd, so two positions tell the limit:
    ``limit - last = (last - earlier) / ((m_last / m_earlier)² - 1)``, up to terms of the fourth power.
    """
    last, earlier = (X @ path.beta[i] + np.sum(Z * path.b[i][codes], axis=1) for i in (-1, -1 - STEPS // 3))
    ratio = path.multipliers[-1] / path.multipliers[-1 - STEPS // 3]
    return np.asarray(np.abs(last - earlier) / (ratio**2 - 1))
