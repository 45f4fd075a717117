"""A posterior for the columns as given, taken back to the engine's internal (centred) coordinates."""

# mypy: allow-untyped-calls
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hierbayes.engines.assemble import Labels
from hierbayes.engines.base import Floats, Problem
from hierbayes.errors import ModelError

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
        The family's other parameters, in its order.
    """

    sds: tuple[Floats, ...]
    corrs: tuple[Floats, ...]
    sigma: Floats
    beta: Floats
    aux: tuple[Floats, ...] = ()

    def thinned(self, step: int) -> Internal:
        """Return every `step`-th draw."""
        return Internal(
            tuple(sd[::step] for sd in self.sds),
            tuple(corr[::step] for corr in self.corrs),
            self.sigma[::step],
            self.beta[::step],
            tuple(own[::step] for own in self.aux),
        )


def internal(problem: Problem, labels: Labels, posterior: xr.Dataset) -> Internal:
    """Return the draws of sds, correlations, sigma and beta that stand behind a posterior."""
    from hierbayes.engines.naming import moved

    draws = posterior.sizes["chain"] * posterior.sizes["draw"]
    parameters = {own.name: flat(posterior, own.name) for own in problem.parameters}
    sigma, aux = parameters.pop("sigma", np.ones(draws)), tuple(parameters.values())
    beta = np.zeros((draws, 0))
    if problem.p:
        beta = np.linalg.solve(problem.beta_back, flat(posterior, "beta").T).T
    sds, corrs = [], []
    for block, (sd, corr) in zip(problem.blocks, by_block(labels, posterior), strict=True):
        own = moved(np.linalg.inv(block.back), sd, corr)
        sds.append(own[0])
        corrs.append(own[1])
    return Internal(tuple(sds), tuple(corrs), sigma, np.ascontiguousarray(beta), aux)


def by_block(labels: Labels, posterior: xr.Dataset) -> list[tuple[Floats, Floats]]:
    """Return the sds (draws, k) and correlations (draws, k, k) of each block, for the columns as given."""
    found: list[tuple[Floats, Floats]] = [(np.zeros((0, 0)), np.zeros((0, 0, 0)))] * len(labels.factors)
    for factor, members in labels.grouped.items():
        sd, start = flat(posterior, f"sd_{factor}"), 0
        corr = flat(posterior, f"corr_{factor}") if f"corr_{factor}" in posterior else None
        for i in members:
            stop = start + len(labels.terms[i])
            own = np.ones((len(sd), 1, 1)) if stop - start == 1 or corr is None else corr[:, start:stop, start:stop]
            found[i] = (sd[:, start:stop], own)
            start = stop
    return found


def effects_by_block(labels: Labels, posterior: xr.Dataset) -> list[Floats]:
    """Return the group-level effects of each block, shape (draws, levels, k), for the columns as given."""
    found: list[Floats] = [np.zeros((0, 0, 0))] * len(labels.factors)
    for factor, members in labels.grouped.items():
        effects, start = flat(posterior, f"b_{factor}"), 0
        for i in members:
            stop = start + len(labels.terms[i])
            found[i] = effects[:, :, start:stop]
            start = stop
    return found


def flat(posterior: xr.Dataset, name: str) -> Floats:
    """Return the draws of a variable, chain and draw as one axis."""
    if name not in posterior:
        raise ModelError(f"the draws hold no variable {name!r}, which the model has", "sample the model again")
    values = np.asarray(posterior[name].transpose("chain", "draw", ...).to_numpy(), dtype=np.float64)
    return values.reshape(-1, *values.shape[2:])


def roots(sd: Floats, corr: Floats) -> Floats:
    """Return ``L = diag(sd) chol(corr)`` for every draw; a matrix on the edge of the cone gets another square root."""
    try:
        factor = np.linalg.cholesky(corr)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(corr)
        factor = vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]
    return np.asarray(sd[:, :, None] * factor)
