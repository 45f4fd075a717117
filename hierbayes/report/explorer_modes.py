"""The way from complete to no pooling where nothing integrates out: modes of beta and b given the sds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hierbayes.engines.base import Floats, Problem
from hierbayes.engines.joint.conditional import Conditional
from hierbayes.errors import ModelError
from hierbayes.report.explorer_path import MULTIPLIERS, PoolingPath
from hierbayes.sampling.sampler import counting


def modes_path(
    problem: Problem,
    covariances: Sequence[Floats],
    parameters: Mapping[str, float],
    members: Sequence[int],
    multipliers: Floats = MULTIPLIERS,
) -> PoolingPath:
    """Return the posterior modes of coefficients and effects for every multiple of the sds of one grouping factor.

    Coefficients have the priors of the model. What is fixed is as for `explorer_path.pooling_path`; the modes are
    those about which the joint engine approximates the posterior.

    Parameters
    ----------
    problem : Problem
        Of a family that the joint engine takes.
    covariances : sequence of array, shape (k, k)
        The covariance matrix (variances, not sds) of each block in internal coordinates.
    parameters : mapping of str to float
        Those of the family.
    members : sequence of int
        The blocks of the factor.
    multipliers : array
        Not negative.

    Raises
    ------
    ModelError
        If the joint engine does not take the model, or a mode is not found.
    """
    conditional = Conditional(problem, covariances, parameters)
    refused = conditional.refuses()
    if refused is not None:
        raise ModelError(f"the explorer has no estimates for this model: {refused}")
    betas, found = [], []
    with counting("from complete to no pooling", len(multipliers), None) as advance:
        for m in multipliers:
            modes = conditional.modes([float(m) if i in members else 1.0 for i in range(len(problem.blocks))])
            if modes is None:
                raise ModelError(
                    f"no estimates were found at {m:.3g} times the sds",
                    "the data may be separated, or their numbers too large",
                )
            betas.append(problem.beta_back @ modes[0])
            found.append(np.hstack([modes[1][i] @ problem.blocks[i].back.T for i in members]))
            advance()
    return PoolingPath(np.asarray(multipliers, dtype=float), np.array(betas), np.array(found))
