"""Prior draws of single parameters, for prior probabilities that have no closed form."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from hierbayes.comparison.prior_draws import draw_correlation_factors
from hierbayes.engines.assemble import Labels
from hierbayes.engines.base import Block, Floats, Problem
from hierbayes.engines.naming import moved
from hierbayes.errors import ModelError
from hierbayes.priors import NoLawError, Prior
from hierbayes.summaries.questions.parameters import Parameter

DRAWS = 200_000
"""The error of a prior probability is at most 0.0011."""

_SEED = 0x7072696F72


class PriorParameters:
    """Independent draws from the priors, of those parameters alone that are asked for; the same ones every time.

    Parameters
    ----------
    problem : Problem
        In internal (centred) coordinates.
    labels : Labels
    """

    def __init__(self, problem: Problem, labels: Labels) -> None:
        self.problem, self.labels = problem, labels
        self._levels: dict[tuple[int, int], Floats] = {}

    @property
    def shape(self) -> tuple[int, int]:
        """One chain, and the number of draws."""
        return 1, DRAWS

    def draws(self, parameter: Parameter) -> Floats:
        """Return the draws of a parameter, (1, DRAWS), for the columns as given.

        Raises
        ------
        NoLawError
            If a prior is flat, or only PyMC can draw from it.
        """
        return self._drawn(parameter)[None]

    def _drawn(self, parameter: Parameter) -> Floats:
        match parameter.kind:
            case "coefficient":
                return self._coefficient(parameter.index[0])
            case "sigma":
                return _own(self.problem.prior_of("sigma"), self._random(0))
            case "family":
                return _own(self.problem.prior_of(parameter.name), self._random(5, parameter.index[0]))
            case "sd":
                i, j = self._place(parameter.factor, parameter.index[0])
                return np.asarray(self._components[i][0][:, j])
            case "corr":
                i, j = self._place(parameter.factor, parameter.index[0])
                return np.asarray(self._components[i][1][:, j, j + parameter.index[1] - parameter.index[0]])
            case "effect":
                return self._effect(parameter.factor, parameter.index[0], parameter.index[1])
        level, term, coefficient = parameter.index
        total = np.zeros(DRAWS)
        if term >= 0:
            total = total + self._effect(parameter.factor, level, term)
        return total + self._coefficient(coefficient) if coefficient >= 0 else total

    def _random(self, *key: int) -> np.random.Generator:
        return np.random.default_rng([_SEED, *key])

    def _coefficient(self, index: int) -> Floats:
        total = np.zeros(DRAWS)
        for k in np.flatnonzero(self.problem.beta_back[index]):
            own = _own(self.problem.beta_priors[k], self._random(1, int(k)))
            total += self.problem.beta_back[index, k] * own
        return total

    def _place(self, factor: str, term: int) -> tuple[int, int]:
        """Return the block of a factor's term, and the term's place there."""
        for i in self.labels.grouped[factor]:
            if term < len(self.labels.terms[i]):
                return i, term
            term -= len(self.labels.terms[i])
        raise ModelError(f"{factor} has no such term")

    @cached_property
    def _internal(self) -> list[tuple[Floats, Floats]]:
        """Sds and Cholesky factors of the correlations of each block in internal coordinates."""
        return [
            (
                np.column_stack([_own(p, self._random(2, i, j)) for j, p in enumerate(block.sd_priors)]),
                _factors(block, self._random(3, i)),
            )
            for i, block in enumerate(self.problem.blocks)
        ]

    @cached_property
    def _components(self) -> list[tuple[Floats, Floats]]:
        """Sds and correlations of each block for the columns as given."""
        return [
            moved(block.back, sd, factor @ factor.transpose(0, 2, 1))
            for block, (sd, factor) in zip(self.problem.blocks, self._internal, strict=True)
        ]

    def _effect(self, factor: str, level: int, term: int) -> Floats:
        i, j = self._place(factor, term)
        if (i, level) not in self._levels:
            sd, root = self._internal[i]
            v = self._random(4, i, level).standard_normal(sd.shape)
            self._levels[i, level] = sd * np.einsum("dij,dj->di", root, v) @ self.problem.blocks[i].back.T
        return np.asarray(self._levels[i, level][:, j])


def _own(prior: Prior, random: np.random.Generator) -> Floats:
    if not prior.drawable:
        raise NoLawError(prior.why_no_law)
    return prior.draw(DRAWS, random)


def _factors(block: Block, random: np.random.Generator) -> Floats:
    if block.corr_prior is not None and not block.corr_prior.drawable:
        raise NoLawError(block.corr_prior.why_no_law)
    return draw_correlation_factors(block, DRAWS, random)
