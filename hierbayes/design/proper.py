"""Whether flat priors leave a proper posterior."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hierbayes.design.design import Design
from hierbayes.design.groups import GroupBlock
from hierbayes.design.separation import separated, telling_levels
from hierbayes.design.table import Floats
from hierbayes.design.units import lengths
from hierbayes.errors import ModelError
from hierbayes.priors import Flat, Prior


def refuse_improper(beta: Sequence[Prior], sds: Sequence[Sequence[Prior]], sigma: Prior, design: Design) -> None:
    """Refuse flat priors that would leave the posterior without a finite integral.

    For discrete responses the count of levels is a necessary condition, not a sufficient one: effects of several
    columns may be separated within a level.

    Parameters
    ----------
    beta : sequence of Prior, length p
    sds : sequence of sequence of Prior
        Those of each group-level term's sds.
    sigma : Prior
    design : Design

    Raises
    ------
    ModelError
        The grouping factor is named.
    """
    flat = np.asarray([isinstance(prior, Flat) for prior in beta], dtype=bool)
    for block, own in zip(design.groups, sds, strict=True):
        flat_sds = [j for j, prior in enumerate(own) if isinstance(prior, Flat)]
        if not flat_sds:
            continue
        taken = max(_absorbed(block, j, design.X[:, flat]) for j in flat_sds)
        # for a large sd the likelihood falls as sd ** -(levels - taken), and its integral is finite from 2 on;
        # k sds that grow together need one level more each
        needed, told = len(block.terms) + 1 + taken, telling_levels(block, design)
        if told < needed:
            which = "" if told == block.n_levels else " whose responses are not all on one bound"
            raise ModelError(
                f"a flat prior on the sds of {block.factor!r} gives an improper posterior: it has {told} "
                f"levels{which} and would need {needed}, for flat population-level coefficients take up {taken} of "
                "them",
                "use a proper prior, such as the default",
            )
    if flat.any() and design.n <= len(design.coefficients) + int(isinstance(sigma, Flat)):
        raise ModelError("flat priors with as many coefficients as rows give an improper posterior")
    if flat.any() and separated(design, design.X[:, flat]):
        raise ModelError(
            "flat priors on the population-level coefficients give an improper posterior: a combination of the "
            f"predictors foretells the bounds of {design.response!r} without an error (separation)",
            "use proper priors, such as the default",
        )


def _absorbed(block: GroupBlock, j: int, X: Floats) -> int:
    """Return how many combinations of the columns of X lie in the span of column j of a term, level by level."""
    if X.shape[1] == 0:
        return 0
    z = block.Z[:, j]
    power = np.bincount(block.codes, z**2, block.n_levels)
    scaled = X / lengths(X)
    left = np.empty_like(scaled)
    for k, x in enumerate(scaled.T):
        slope = np.bincount(block.codes, z * x, block.n_levels) / np.where(power > 0, power, 1.0)
        left[:, k] = x - z * slope[block.codes]
    return int(X.shape[1] - np.linalg.matrix_rank(left, tol=1e-7))
