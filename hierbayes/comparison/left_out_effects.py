"""The density of each row given all others and the rest of the parameters, the effects of its level integrated out.

For a family whose coefficients and effects do not integrate out exactly, those of one grouping factor do so by
quadrature, level by level: with phi all other parameters and m the integrals of `integrals`,

    p(y_i | y_-i, phi) = m(rows of the level) / m(the same without row i).

(Vehtari et al. 2016, JMLR 17, call leave-one-out from such weights integrated importance sampling.) The factor is the
one with most levels, whose effects each row tells most about.
"""

# mypy: allow-untyped-calls
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hierbayes.comparison.integrals import MOST, log_integrals
from hierbayes.comparison.new_levels import predictors, responses
from hierbayes.engines.base import Floats, Ints
from hierbayes.errors import ModelError
from hierbayes.posterior import Posterior
from hierbayes.sampling.sampler import counting

if TYPE_CHECKING:
    from hierbayes.design.design import Design


def integrated_factor(design: Design) -> str | None:
    """Return the factor whose effects are integrated out; None for a model without groups.

    Raises
    ------
    ModelError
        If a level has too many effects for quadrature.
    """
    if not design.groups:
        return None
    factor = max(design.factors, key=lambda name: design.blocks(name)[0].n_levels)
    size = sum(block.Z.shape[1] for block in design.blocks(factor))
    if size > MOST:
        raise ModelError(
            f"marginal leave-one-out integrates the effects of {factor!r} out by quadrature, and a level has {size}; "
            f"at most {MOST} are taken for the {design.family.name} family",
            'use kind="conditional"',
        )
    return factor


def integrated_densities(design: Design, drawn: Posterior, progress: bool | None = None) -> Floats:
    """Return ``log p(y_i | y_-i, phi)``, shape (draws, rows).

    Raises
    ------
    ModelError
        If a level has too many effects for quadrature.
    """
    factor = integrated_factor(design)
    found = np.empty((drawn.size, design.n))
    rng = np.random.default_rng(0)  # not drawn from: there are few enough dimensions
    new = [np.full(block.n_levels, block.factor == factor) for block in design.groups]
    codes = np.arange(design.n) if factor is None else design.blocks(factor)[0].codes[:: design.predictors]
    sets = [np.flatnonzero(codes == level) for level in np.unique(codes)]
    with counting("densities of rows left out", len(sets), progress) as advance:
        for rows in sets:
            found[:, rows] = _of_level(design, drawn, rows, new, rng)
            advance()
    return found


def _of_level(design: Design, drawn: Posterior, rows: Ints, new: list[np.ndarray], rng: np.random.Generator) -> Floats:
    predictor, A = predictors(design, drawn, rows, new)
    own = responses(design, rows)
    whole = log_integrals(own, predictor, A, drawn.parameters, rng)
    found, S = np.empty((len(predictor), len(rows))), design.predictors
    for i in range(len(rows)):
        out = slice(S * i, S * (i + 1))
        rest = np.delete(predictor, out, axis=1), np.delete(A, out, axis=1)
        found[:, i] = whole - log_integrals(own.without(i), *rest, drawn.parameters, rng)
    return found
