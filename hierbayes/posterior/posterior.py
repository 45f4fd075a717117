"""A posterior as plain arrays: the draws of coefficients, of the family's parameters and of each grouping factor."""

# mypy: allow-untyped-calls
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hierbayes.design.table import Floats, Ints
from hierbayes.engines.assemble import Labels
from hierbayes.engines.base import Problem
from hierbayes.errors import ModelError
from hierbayes.posterior.internal import Internal
from hierbayes.posterior.predictor import RowsLike, Term, add_predictor
from hierbayes.posterior.roots import covariance_root, roots

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
        Standard deviations (not variances) of the effects.
    corr : array, shape (S, K, K)
        Their correlations; NaN between terms that the model leaves uncorrelated, and beside an sd of 0.
    """

    b: Floats
    sd: Floats
    corr: Floats

    @cached_property
    def known_corr(self) -> Floats:
        """The correlations with those of an identity matrix in place of NaN."""
        return np.where(np.isnan(self.corr), np.eye(self.corr.shape[1]), self.corr)

    @cached_property
    def root(self) -> Floats:
        """The lower triangles L of ``Sigma = L L'``, the draws last, shape (K, K, S)."""
        return covariance_root(self.sd, self.known_corr)

    @cached_property
    def cholesky(self) -> Floats:
        """``L = diag(sd) chol(corr)`` of each draw, shape (S, K, K), or another root of a singular matrix."""
        return roots(self.sd, self.known_corr)

    @cached_property
    def covariance(self) -> Floats:
        """The covariance matrix of one level's effects, shape (S, K, K)."""
        return np.asarray(self.sd[:, :, None] * self.known_corr * self.sd[:, None, :])

    def take(self, draws: Ints) -> FactorDraws:
        """Return the draws at these positions."""
        return FactorDraws(self.b[draws], self.sd[draws], self.corr[draws])

    def terms(self, part: slice) -> FactorDraws:
        """Return the draws of some of the terms."""
        if part == slice(0, self.sd.shape[1]):
            return self
        return FactorDraws(self.b[:, :, part], self.sd[:, part], self.corr[:, part, part])


@dataclass(frozen=True)
class Posterior:
    """The draws of one posterior for the columns as given, chain after chain: S draws in all.

    Attributes
    ----------
    chains, draws : tuple of int
        The labels of the chains and of the draws within a chain; S is the product of their numbers.
    beta : array, shape (S, p)
    parameters : mapping of str to array, shape (S,)
        The family's parameters by their names: ``sigma``, the residual standard deviation, where it has one.
    factors : mapping of str to FactorDraws
    places : tuple of (str, slice)
        The factor of each group-level term, and where its columns stand among those of the factor.
    """

    chains: tuple[int, ...]
    draws: tuple[int, ...]
    beta: Floats
    parameters: Mapping[str, Floats]
    factors: Mapping[str, FactorDraws]
    places: tuple[tuple[str, slice], ...]

    @property
    def size(self) -> int:
        """Number of draws, S."""
        return len(self.chains) * len(self.draws)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of chains, and of the draws of each."""
        return len(self.chains), len(self.draws)

    @property
    def width(self) -> int:
        """Number of numbers that one draw holds."""
        arrays = [array for part in self.factors.values() for array in (part.b, part.sd, part.corr)]
        return int(self.beta.shape[1]) + len(self.parameters) + sum(int(array[0].size) for array in arrays)

    @cached_property
    def columns(self) -> Floats:
        """The coefficients with the draws last, side by side in memory, shape (p, S)."""
        return np.ascontiguousarray(self.beta.T)

    def by_chain(self, values: Floats) -> Floats:
        """Return numbers by draw, (S, ...), as (chain, draw, ...)."""
        return values.reshape(*self.shape, *values.shape[1:])

    @cached_property
    def blocks(self) -> tuple[FactorDraws, ...]:
        """The draws of each group-level term."""
        return tuple(self.factors[factor].terms(part) for factor, part in self.places)

    def covariance(self, factor: str) -> Floats:
        """Return the covariance matrix of one level's effects, shape (S, K, K)."""
        return self.factors[factor].covariance

    @cached_property
    def mean(self) -> Posterior:
        """The posterior means of all numbers as a single draw."""
        arrays = {name: (part.b, part.sd, part.corr) for name, part in self.factors.items()}
        return Posterior(
            chains=(0,),
            draws=(0,),
            beta=self.beta.mean(axis=0)[None],
            parameters={name: values.mean()[None] for name, values in self.parameters.items()},
            factors={name: FactorDraws(*(a.mean(axis=0)[None] for a in part)) for name, part in arrays.items()},
            places=self.places,
        )

    @property
    def typical_parameters(self) -> dict[str, float]:
        """The posterior means of the family's parameters."""
        return {name: float(values.mean()) for name, values in self.parameters.items()}

    def at(self, draws: slice | Ints) -> Mapping[str, Floats]:
        """Return the family's parameters at some draws, each of shape (draws, 1), to stand beside rows."""
        return {name: values[draws, None] for name, values in self.parameters.items()}

    def linear_predictor(
        self,
        rows: RowsLike,
        terms: Sequence[Term] = (),
        draws: slice = slice(None),
        some: slice | Ints = slice(None),
        new: Sequence[NDArray[np.bool_]] | None = None,
    ) -> Floats:
        """Return ``offset + X beta + sum Z b`` of some rows at some draws, shape (draws, rows).

        Parameters
        ----------
        rows : RowsLike
            A design, or rows of new data.
        terms : sequence of Term
            The group-level terms that count: all of the design, or none.
        draws : slice
            Positions; a caller whose draws times rows are many asks for a few at a time.
        some, new
            As in `hierbayes.posterior.predictor.add_predictor`.

        Examples
        --------
        >>> import hierbayes as hb
        >>> fit = hb.fit("Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff"), draws=50, chains=2, progress=False)
        >>> posterior_of(fit.posterior, fit.model.labels).linear_predictor(fit.design, fit.design.groups).shape
        (100, 30)
        """
        beta, effects = self.beta[draws], [self.blocks[i].b[draws] for i in range(len(terms))]
        eta = np.zeros((len(beta), len(rows.offset[some])))
        return add_predictor(eta, rows, terms, beta, effects, some, new)

    def internal(self, problem: Problem) -> Internal:
        """Return the draws of what has a prior of its own in the internal (centred) coordinates of the engines."""
        from hierbayes.engines.naming import moved

        beta = np.zeros((self.size, 0))
        if problem.p:
            beta = np.ascontiguousarray(np.linalg.solve(problem.beta_back, self.beta.T).T)
        sds, corrs = [], []
        for i, block in enumerate(problem.blocks):
            sd, corr = moved(np.linalg.inv(block.back), self.blocks[i].sd, self.blocks[i].corr)
            sds.append(sd)
            corrs.append(corr)
        sigma = self.parameters.get("sigma", np.ones(self.size))
        others = tuple(self.parameters[own.name] for own in problem.kernel_parameters[1:])
        return Internal(tuple(sds), tuple(corrs), sigma, beta, others)

    def evenly(self, number: int) -> Posterior:
        """Return so many draws, evenly spread over all chains, as one chain; more than S repeat some."""
        return self.take(_spread(self.size, number), (0,), tuple(range(number)))

    def thinned(self, number: int) -> Posterior:
        """Return so many draws of each chain, evenly spread, under their own labels."""
        return self._of_each_chain(_spread(len(self.draws), number))

    def every(self, step: int) -> Posterior:
        """Return every `step`-th draw of each chain."""
        return self if step == 1 else self._of_each_chain(np.arange(0, len(self.draws), step))

    def _of_each_chain(self, kept: Ints) -> Posterior:
        places = (np.arange(len(self.chains))[:, None] * len(self.draws) + kept).ravel()
        return self.take(places, self.chains, tuple(self.draws[i] for i in kept))

    def take(self, places: Ints, chains: tuple[int, ...], draws: tuple[int, ...]) -> Posterior:
        """Return the draws at some positions, under new labels."""
        return Posterior(
            chains=chains,
            draws=draws,
            beta=self.beta[places],
            parameters={name: values[places] for name, values in self.parameters.items()},
            factors={factor: part.take(places) for factor, part in self.factors.items()},
            places=self.places,
        )


def _spread(size: int, number: int) -> Ints:
    """Return the middles of `number` equal parts of 0 to `size` - 1."""
    return ((2 * np.arange(number) + 1) * size) // (2 * number)


def posterior_of(posterior: xr.Dataset, labels: Labels) -> Posterior:
    """Return the draws of a posterior as arrays, views of its own where these lie chain by chain.

    Raises
    ------
    ModelError
        If a variable of the model is missing.
    """
    beta = np.zeros((posterior.sizes["chain"] * posterior.sizes["draw"], 0))
    return Posterior(
        chains=tuple(posterior["chain"].to_numpy().tolist()),
        draws=tuple(posterior["draw"].to_numpy().tolist()),
        beta=_flat(posterior, "beta") if labels.coefficients else beta,
        parameters={name: _flat(posterior, name) for name in labels.parameters},
        factors={factor: _factor(posterior, factor) for factor in labels.grouped},
        places=places_of(labels),
    )


def places_of(labels: Labels) -> tuple[tuple[str, slice], ...]:
    """Return the factor of each group-level term, and where its columns stand among those of the factor."""
    found, starts = [], dict.fromkeys(labels.factors, 0)
    for factor, terms in zip(labels.factors, labels.terms, strict=True):
        start = starts[factor]
        starts[factor] += len(terms)
        found.append((factor, slice(start, starts[factor])))
    return tuple(found)


def _flat(posterior: xr.Dataset, name: str) -> Floats:
    """Return the draws of a variable, chains end to end."""
    if name not in posterior:
        raise ModelError(f"the draws hold no variable {name!r}, which the model has", "sample the model again")
    values = np.asarray(posterior[name].transpose("chain", "draw", ...).to_numpy(), dtype=np.float64)
    return values.reshape(-1, *values.shape[2:])


def _factor(posterior: xr.Dataset, factor: str) -> FactorDraws:
    sd = _flat(posterior, f"sd_{factor}")
    size, k = sd.shape
    if f"corr_{factor}" in posterior:
        corr = _flat(posterior, f"corr_{factor}")
    else:
        corr = np.broadcast_to(np.where(np.eye(k) == 1, 1.0, np.nan), (size, k, k))
    return FactorDraws(_flat(posterior, f"b_{factor}"), sd, corr)
