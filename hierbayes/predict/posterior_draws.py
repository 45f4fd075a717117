"""A posterior as plain arrays, laid out for predictions: the draws last, side by side in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hierbayes.design.schema import Schema
from hierbayes.design.table import Floats, Ints

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class FactorDraws:
    """The draws of one grouping factor; K counts the terms of all its blocks.

    Attributes
    ----------
    b : array, shape (S, J, K)
        Effects of the levels of the fit.
    sd : array, shape (S, K)
        Standard deviations of the effects.
    corr : array, shape (S, K, K)
        Their correlations, 0 between terms that the model leaves uncorrelated.
    """

    b: Floats
    sd: Floats
    corr: Floats

    def take(self, draws: Ints) -> FactorDraws:
        """Return the draws at these positions."""
        return FactorDraws(self.b[draws], self.sd[draws], self.corr[draws])


@dataclass(frozen=True)
class PosteriorDraws:
    """The draws of one posterior, chain after chain: S draws in all.

    Attributes
    ----------
    chains, draws : tuple of int
        The labels of the chains and of the draws within a chain; S is the product of their numbers.
    beta : array, shape (p, S)
    parameters : mapping of str to array, shape (S,)
        The family's parameters by their names: ``sigma``, the residual standard deviation, where it has one.
    factors : mapping of str to FactorDraws
    """

    chains: tuple[int, ...]
    draws: tuple[int, ...]
    beta: Floats
    parameters: Mapping[str, Floats]
    factors: Mapping[str, FactorDraws]

    @property
    def size(self) -> int:
        """Number of draws, S."""
        return len(self.chains) * len(self.draws)

    @property
    def width(self) -> int:
        """Number of numbers that one draw holds."""
        arrays = [array for part in self.factors.values() for array in (part.b, part.sd, part.corr)]
        return len(self.beta) + len(self.parameters) + sum(int(array[0].size) for array in arrays)

    def evenly(self, number: int) -> PosteriorDraws:
        """Return so many draws, evenly spread over all chains, as one chain; more than S repeat some."""
        return self._at(_spread(self.size, number), (0,), tuple(range(number)))

    def thinned(self, number: int) -> PosteriorDraws:
        """Return so many draws of each chain, evenly spread, under their own labels."""
        kept = _spread(len(self.draws), number)
        places = (np.arange(len(self.chains))[:, None] * len(self.draws) + kept).ravel()
        return self._at(places, self.chains, tuple(self.draws[i] for i in kept))

    def _at(self, places: Ints, chains: tuple[int, ...], draws: tuple[int, ...]) -> PosteriorDraws:
        return PosteriorDraws(
            chains=chains,
            draws=draws,
            beta=np.ascontiguousarray(self.beta[:, places]),
            parameters={name: own[places] for name, own in self.parameters.items()},
            factors={factor: own.take(places) for factor, own in self.factors.items()},
        )


def _spread(size: int, number: int) -> Ints:
    """Return the middles of `number` equal parts of 0 to `size` - 1."""
    return ((2 * np.arange(number) + 1) * size) // (2 * number)


def posterior_draws(posterior: xr.Dataset, schema: Schema) -> PosteriorDraws:
    """Return the draws of a posterior as arrays."""
    chains, draws = posterior["chain"].to_numpy(), posterior["draw"].to_numpy()
    size = len(chains) * len(draws)
    beta = np.zeros((0, size))
    if schema.coefficients:
        beta = np.ascontiguousarray(_in_order(posterior["beta"]).reshape(size, -1).T)
    return PosteriorDraws(
        chains=tuple(chains.tolist()),
        draws=tuple(draws.tolist()),
        beta=beta,
        parameters={name: _in_order(posterior[name]).reshape(size) for name in schema.family.parameters},
        factors={factor: _factor(posterior, factor, size) for factor in schema.factors},
    )


def _in_order(values: xr.DataArray) -> Floats:
    """Return draws with chain and draw first."""
    return np.asarray(values.transpose("chain", "draw", ...).to_numpy())


def _factor(posterior: xr.Dataset, factor: str, size: int) -> FactorDraws:
    b = _in_order(posterior[f"b_{factor}"])
    sd = _in_order(posterior[f"sd_{factor}"]).reshape(size, -1)
    k = sd.shape[1]
    corr = np.broadcast_to(np.eye(k), (size, k, k))
    if f"corr_{factor}" in posterior:
        given = _in_order(posterior[f"corr_{factor}"]).reshape(size, k, k)
        # NaN stands for a pair that the model leaves uncorrelated, and beside an sd of 0
        corr = np.where(np.isnan(given), np.eye(k), given)
    return FactorDraws(b.reshape(size, *b.shape[2:]), sd, corr)


def covariance_root(sd: Floats, corr: Floats) -> Floats:
    """Return the lower triangle L of ``Sigma = L L'``, ``L = diag(sd) chol(corr)``, of each draw.

    Parameters
    ----------
    sd : array, shape (S, K)
    corr : array, shape (S, K, K)
        May be singular: a column without variance of its own gets zeros.

    Returns
    -------
    array, shape (K, K, S)
    """
    k, size = sd.shape[1], len(sd)
    root = np.zeros((k, k, size))
    for j in range(k):
        for i in range(j, k):
            left = corr[:, i, j].copy()
            for m in range(j):
                left -= root[i, m] * root[j, m]
            if i == j:
                # rounding may leave a singular matrix a little below zero
                root[j, j] = np.sqrt(np.maximum(left, 0.0))
            else:
                root[i, j] = np.divide(left, root[j, j], out=np.zeros(size), where=root[j, j] > 0)
    return root * sd.T[:, None, :]
