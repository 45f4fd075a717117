"""A posterior as arrays for the columns as given, and the linear predictors of rows some of whose levels are new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hierbayes.comparison.integrals import Responses
from hierbayes.comparison.internal import by_block, effects_by_block, flat, roots
from hierbayes.design.table import at_rows
from hierbayes.engines.assemble import Labels
from hierbayes.engines.base import Floats, Ints

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from hierbayes.design.design import Design


@dataclass(frozen=True)
class Everything:
    """Draws of all parameters, chains one after the other.

    Attributes
    ----------
    beta : array, shape (draws, p)
    b : tuple of array, shape (draws, levels, k)
        Of each block.
    roots : tuple of array, shape (draws, k, k)
        ``L`` of each block, ``L L'`` the covariance of one level's effects.
    own : mapping of str to array, shape (draws,)
        The family's parameters.
    """

    beta: Floats
    b: tuple[Floats, ...]
    roots: tuple[Floats, ...]
    own: Mapping[str, Floats]


def everything(design: Design, labels: Labels, posterior: xr.Dataset) -> Everything:
    """Return the draws of a posterior as arrays."""
    draws = posterior.sizes["chain"] * posterior.sizes["draw"]
    return Everything(
        beta=flat(posterior, "beta") if design.coefficients else np.zeros((draws, 0)),
        b=tuple(effects_by_block(labels, posterior)),
        # beside an sd of 0 a correlation is not defined and does not matter
        roots=tuple(roots(sd, np.where(np.isnan(corr), 0.0, corr)) for sd, corr in by_block(labels, posterior)),
        own={name: flat(posterior, name) for name in design.family.parameters},
    )


def responses(design: Design, rows: Ints) -> Responses:
    """Return the responses of some rows."""
    trials = at_rows(design.trials, rows)
    return Responses(design.family, design.y[rows], design.weights[rows], trials)


def predictors(
    design: Design, drawn: Everything, rows: Ints, new: Sequence[NDArray[np.bool_]]
) -> tuple[Floats, Floats]:
    """Return what is known of the linear predictors of rows, and the columns of the spherical effects of new levels.

    Parameters
    ----------
    design : Design
    drawn : Everything
    rows : array of int
    new : sequence of array of bool, shape (levels,)
        For each block the levels whose effects are not known: they are ``L v``, ``v ~ N(0, I)``.

    Returns
    -------
    predictor : array, shape (draws, rows)
        For ``categorical`` K - 1 numbers a row, here and in A.
    A : array, shape (draws, rows, q)
        The predictor is ``predictor + A v``.
    """
    S = design.predictors
    rows = rows if S == 1 else (S * rows[:, None] + np.arange(S)).ravel()
    found = drawn.beta @ design.X[rows].T + design.offset[rows]
    columns = []
    for block, b, root, unknown in zip(design.groups, drawn.b, drawn.roots, new, strict=True):
        codes, Z = block.codes[rows], block.Z[rows]
        known = ~unknown[codes]
        for k, z in enumerate(Z[known].T):
            found[:, known] += b[:, codes[known], k] * z
        turned = Z @ root
        for level in np.unique(codes[~known]):
            columns.append(turned * (codes == level)[:, None])
    return found, np.concatenate(columns, axis=2) if columns else np.zeros((*found.shape, 0))
