"""Draws taken back to the engine's internal (centred) coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hierbayes.engines.assemble import Labels
from hierbayes.engines.base import Floats, Problem

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Internal:
    """Draws of the parameters that have priors of their own, in internal coordinates, chains one after the other.

    Attributes
    ----------
    sds : tuple of array, shape (draws, k)
        Standard deviations (not variances) of each block.
    corrs : tuple of array, shape (draws, k, k)
    sigma : array, shape (draws,)
        1 throughout for a family without it.
    beta : array, shape (draws, p)
    aux : tuple of array, shape (draws,)
        The family's other parameters, in the order of `Problem.kernel_parameters`.
    """

    sds: tuple[Floats, ...]
    corrs: tuple[Floats, ...]
    sigma: Floats
    beta: Floats
    aux: tuple[Floats, ...] = ()


def internal(problem: Problem, labels: Labels, posterior: xr.Dataset) -> Internal:
    """Return the draws of sds, correlations, sigma and beta that stand behind a posterior under its names."""
    from hierbayes.posterior.posterior import posterior_of

    return posterior_of(posterior, labels).internal(problem)
