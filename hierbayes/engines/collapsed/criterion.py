"""The REML or ML criterion, sigma at its best value, as a smooth function of square roots of the relative covariances.

With ``Sigma / sigma**2 = A A'`` for a square A of each correlated term, and ``a**2`` for every sd that stands alone,
nothing is bounded: a covariance matrix without an inverse is an A of lower rank, an inner point like any other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hierbayes.engines.base import Floats, Problem
from hierbayes.engines.collapsed.conditional import Conditional, Place
from hierbayes.priors import LKJ

DELTA = 1e-5
"""Added, squared, to the diagonal of a relative covariance where derivatives are wanted: they need an inverse."""
_LEAST = 1e-12
"""Least share of the residual sum of squares without groups that is told from rounding."""


@dataclass(frozen=True)
class Piece:
    """A covariance matrix that is free as a whole: a correlated term, or one column of another.

    Attributes
    ----------
    block, column, k : int
        The block, its first column in the block and the number of columns.
    place : Place
        The place of the block among the flat factors.
    levels : int
    first : int
        Where its square root starts in the flat vector of all.
    """

    block: int
    column: int
    k: int
    place: Place
    levels: int
    first: int

    @property
    def part(self) -> slice:
        """The place of its square root in the vector of all."""
        return slice(self.first, self.first + self.k**2)

    def own(self, flat: Floats) -> Floats:
        """Return its matrix in the flat factors, or what has their form; a view."""
        part = slice(self.column, self.column + self.k)
        return self.place.of(flat)[part, part]

    def root(self, x: Floats) -> Floats:
        """Return its square root in the vector of all, as a matrix."""
        return x[self.part].reshape(self.k, self.k)


class Criterion:
    """Minus the log likelihood of the roots of all pieces, with sigma profiled out unless it is known."""

    # `known` is the sigma that is held, 0 where it is estimated
    def __init__(self, problem: Problem, criterion: str) -> None:
        self.criterion = criterion
        self.problem = problem
        self.free = problem.n - (problem.p if criterion == "reml" else 0)
        self.known = problem.parameters[0].held or 0.0
        self.conditional = Conditional(problem)
        self.work = self.conditional.statistics.work
        self.pieces = _pieces(self.conditional)
        self.size = sum(piece.k**2 for piece in self.pieces)
        self.least = _LEAST * problem.n * self.conditional.statistics.size**2
        self.evaluations = 0

    def factors(self, x: Floats, delta: float = 0.0) -> Floats:
        """Return triangular factors of ``A A' + delta**2 I``, flat as the kernel reads them."""
        lam = self.conditional.empty()
        for piece in self.pieces:
            piece.own(lam)[:] = _triangular(piece.root(x), delta)
        return lam

    def evaluate(self, lam: Floats, sigma: float, moments: Floats, slopes: Floats) -> float:
        """Return the log likelihood at relative factors and sigma; see `kernel.log_likelihood`."""
        self.evaluations += 1
        return self.conditional.log_likelihood(lam, sigma, self.criterion, moments, slopes)

    def squares(self, lam: Floats) -> float:
        """Return the penalised residual sum of squares."""
        slopes = np.zeros(2)
        self.evaluate(lam, 1.0, np.zeros(0), slopes)
        return float(slopes[1])

    def sigma(self, lam: Floats) -> float:
        """Return the sigma that goes with relative factors; NaN where the squares left over are those of rounding."""
        if self.known:
            return self.known
        squares = self.squares(lam)
        return math.sqrt(squares / self.free) if squares > self.least else math.nan

    def leaves_nothing(self, x: Floats) -> bool:
        """Say whether the squares left over are near those of rounding: sigma then tends to 0."""
        return not self.known and not self.squares(self.factors(x)) > 100 * self.least

    def value(self, x: Floats) -> float:
        """Return minus the log likelihood; infinite where it cannot be computed."""
        return self._at(self.factors(x), np.zeros(0))

    def moments(self, x: Floats, delta: float = DELTA) -> tuple[float, list[Floats], list[Floats]]:
        """Return minus the log likelihood, and of each piece its factor L and ``M = 2 L' G L``.

        G is the derivative of the log likelihood in the relative covariance. M / levels is what a step of the EM
        algorithm adds to the unit matrix between L and L'.
        """
        lam, flat = self.factors(x, delta), self.conditional.empty()
        value = self._at(lam, flat)
        return value, [piece.own(lam) for piece in self.pieces], [piece.own(flat) for piece in self.pieces]

    def __call__(self, x: Floats) -> tuple[float, Floats]:
        """Return minus the log likelihood and its gradient, at ``A A' + DELTA**2 I``."""
        value, lower, moments = self.moments(x)
        gradient = np.zeros(len(x))
        if math.isfinite(value):
            for piece, L, M in zip(self.pieces, lower, moments, strict=True):
                gradient[piece.part] = -_by_root(piece.root(x), L, M).ravel()
        return value, gradient

    def by_covariance(self, x: Floats, delta: float) -> list[Floats]:
        """Return the derivatives of the log likelihood in the relative covariances at ``A A' + delta**2 I``."""
        _, lower, moments = self.moments(x, delta)
        return [
            0.5 * np.linalg.solve(L.T, np.linalg.solve(L.T, M.T).T) for L, M in zip(lower, moments, strict=True)
        ]  # fmt: skip

    def _at(self, lam: Floats, moments: Floats) -> float:
        sigma = self.sigma(lam)
        if not sigma > 0:
            return math.inf
        value = self.evaluate(lam, sigma, moments, np.zeros(2))
        return -value if math.isfinite(value) else math.inf


def _triangular(root: Floats, delta: float) -> Floats:
    if len(root) == 1:
        return np.array([[math.hypot(root[0, 0], delta)]])
    stacked = np.vstack([root.T, delta * np.eye(len(root))]) if delta else root.T
    return np.linalg.qr(stacked, mode="r").T


def _by_root(root: Floats, L: Floats, M: Floats) -> Floats:
    """Return the derivative in a square root, ``2 G A``."""
    if len(root) == 1:
        return M * root / L**2
    return np.linalg.solve(L.T, M @ np.linalg.solve(L, root))


def _pieces(conditional: Conditional) -> tuple[Piece, ...]:
    pieces: list[Piece] = []
    first = 0
    for number, (place, block) in enumerate(zip(conditional.places, conditional.problem.blocks, strict=True)):
        width = place.k if isinstance(block.corr_prior, LKJ) else 1
        for column in range(0, place.k, width):
            pieces.append(Piece(number, column, width, place, block.n_levels, first))
            first += width**2
    return tuple(pieces)
