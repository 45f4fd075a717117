"""What the collapsed engine knows given the covariances: the likelihood, and the law of beta and b.

Covariances are given by relative factors, for each block a lower triangular ``L / sigma`` with ``L L'`` the covariance
matrix of the effects of a level.
"""

# mypy: allow-untyped-calls
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hierbayes.engines.base import Floats, Ints, Problem
from hierbayes.engines.collapsed import tape as at
from hierbayes.engines.collapsed.pack import build_tape
from hierbayes.engines.collapsed.statistics import Statistics, accumulate
from hierbayes.engines.collapsed.tape import EDGE, NODES, ROLE, START, K
from hierbayes.engines.theta import Theta, layout

CRITERIA = {"bayes": at.BAYES, "reml": at.REML, "ml": at.ML}
"""Over what the coefficients are integrated: their priors, flat ones, or not at all; see `kernel.log_likelihood`."""

_NOTHING = np.zeros(0)


@dataclass(frozen=True)
class Place:
    """Where a block stands in what is laid out like the flat factors: in the matrix of its layer.

    Attributes
    ----------
    start, wide : int
        Where this matrix starts, and its width.
    column, k : int
        The first column of the block in it, and the number of its columns.
    """

    start: int
    wide: int
    column: int
    k: int

    def layer(self, flat: Floats) -> Floats:
        """Return the matrix of the layer, a view."""
        return flat[self.start : self.start + self.wide**2].reshape(self.wide, self.wide)

    def of(self, flat: Floats) -> Floats:
        """Return the matrix of the block, a view."""
        part = slice(self.column, self.column + self.k)
        return self.layer(flat)[part, part]


@dataclass(frozen=True)
class Law:
    """The conditional law of beta and b, where the coefficients have flat priors.

    Attributes
    ----------
    beta, covariance : array, shape (p,) and (p, p)
    modes : tuple of array, shape (levels, k)
        The means of b, a block each.
    spreads : tuple of array, shape (levels, k, k)
        Their covariances.
    """

    beta: Floats
    covariance: Floats
    modes: tuple[Floats, ...]
    spreads: tuple[Floats, ...]


class Conditional:
    """A Gaussian problem at any covariances and sigma.

    Parameters
    ----------
    problem : Problem
    sparse : bool, optional
        How the rows are kept; by default as the engine would. `law` and `draws` do not depend on it but for rounding.
    statistics : Statistics, optional
        Those of the problem, where they are there already.
    """

    def __init__(self, problem: Problem, sparse: bool | None = None, statistics: Statistics | None = None) -> None:
        self.problem = problem
        self.statistics = accumulate(problem, sparse=sparse) if statistics is None else statistics
        self.layout = layout(problem)

    @cached_property
    def tape(self) -> Ints:
        """Everything that the compiled functions read."""
        return build_tape(self.problem, self.statistics, self.layout)

    @cached_property
    def _layers(self) -> Ints:
        from hierbayes.engines.collapsed.kernel import layer_table

        return np.asarray(layer_table(self.tape))

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """The place of each block among the flat factors."""
        return tuple(
            Place(int(self._layers[layer, at.LAM]), int(self._layers[layer, K]), int(column), block.Z.shape[1])
            for (layer, column), block in zip(self._members, self.problem.blocks, strict=True)
        )

    @property
    def _members(self) -> Ints:
        """The layer of each block, and its first column in it."""
        return self.tape[self.tape[at.AT_PLACES] :][: 2 * len(self.problem.blocks)].reshape(-1, 2)

    def empty(self) -> Floats:
        """Return flat factors that are all 0."""
        return np.zeros(int(self.tape[at.MOMENTS]))

    def flat(self, relative: Sequence[Floats]) -> Floats:
        """Return the flat factors of relative factors, one a block."""
        flat = self.empty()
        for place, factor in zip(self.places, relative, strict=True):
            place.of(flat)[:] = factor
        return flat

    def at(self, value: Theta) -> float:
        """Return ``log p(y | sds, correlations, sigma)``; the priors of these are not in it."""
        pairs = zip(value.sds, value.factors, strict=True)
        return self.log_likelihood(self.flat([sd[:, None] * C / value.sigma for sd, C in pairs]), value.sigma)

    def log_likelihood(
        self,
        flat: Floats,
        sigma: float,
        criterion: str = "bayes",
        moments: Floats = _NOTHING,
        slopes: Floats | None = None,
    ) -> float:
        """Return the log likelihood at flat factors and sigma, by one of `CRITERIA`; see `kernel.log_likelihood`."""
        from hierbayes.engines.collapsed.kernel import log_likelihood

        slopes, kind = np.zeros(2) if slopes is None else slopes, CRITERIA[criterion]
        return float(log_likelihood(self.tape, self.tape.view(np.float64), flat, sigma, kind, moments, slopes))

    def law(self, flat: Floats, sigma: float, given_beta: bool = True) -> Law:
        """Return the law of beta and b at flat factors and sigma, on rows that are kept sparse.

        Parameters
        ----------
        flat : array
        sigma : float
        given_beta : bool
            The covariances of b hold beta at its estimate, as lme4's do; otherwise they integrate it out.
        """
        from hierbayes.engines.collapsed.condition import condition

        words, floats, layers = self.tape, self.tape.view(np.float64), self._layers
        store = floats[words[at.AT_TAIL] : words[at.AT_TAIL] + words[at.STORE]].copy()
        mean, spread, edge = condition(words, floats, flat, sigma, store, given_beta)
        p, q = self.problem.p, int(words[at.BORDER])
        nodes = words[words[at.AT_ROWS] :][: 4 * int(words[at.NODE_COUNT])].reshape(-1, 4)
        chain = int(np.sum(layers[:, ROLE] != EDGE))
        modes: list[Floats] = []
        spreads: list[Floats] = []
        for (layer, _), place, block in zip(self._members, self.places, self.problem.blocks, strict=True):
            wide, levels, part = place.wide, block.n_levels, slice(place.column, place.column + place.k)
            if layers[layer, ROLE] == EDGE:
                index = layers[layer, START] + np.arange(levels * wide).reshape(levels, wide)[:, part]
                if words[at.THIN] and layers[layer, START] == 0:
                    index = index[np.argsort(words[words[at.AT_LEVELS] :][:levels])]
                modes.append(mean[index])
                spreads.append(edge[index[:, :, None], index[:, None, :]] * sigma**2)
                continue
            node = nodes[layers[layer, NODES] : layers[layer, NODES] + levels]
            row = int(np.sum(layers[layer + 1 : chain, K])) + node[:, 2] + p + 1
            inner = np.arange(wide)
            lasts = node[:, [0]] + wide * wide + inner * row[:, None] + row[:, None] - 1
            modes.append(store[lasts][:, part])
            cells = node[:, [0]] + np.arange(wide * wide)
            spreads.append(store[cells].reshape(levels, wide, wide)[:, part, part] * sigma**2)
        back = floats[words[at.AT_BACK] :]
        shift, turn = back[:p], back[p : p + p * p].reshape(p, p)
        return Law(shift + turn @ mean[q:], sigma**2 * turn @ spread @ turn.T, tuple(modes), tuple(spreads))

    def draws(self, theta: Floats, normals: Floats) -> tuple[Floats, Floats]:
        """Return beta and b, all blocks side by side, at rows of theta, made of rows of standard normal numbers."""
        from hierbayes.engines.collapsed.entries import draw_many

        beta = np.zeros((len(theta), self.problem.p))
        b = np.zeros((len(theta), normals.shape[1] - self.problem.p))
        draw_many(self.tape, np.ascontiguousarray(theta), np.ascontiguousarray(normals), beta, b)
        return beta, b
