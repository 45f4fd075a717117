"""The search for the REML or ML optimum, and the check that it is one.

A descent alternates with two steps that no gradient sees. `_dropped` takes out directions of a covariance matrix that
the criterion is as good without. `_grown` asks the converse: with G the derivative of the log likelihood in the
covariance matrix, a matrix without an inverse is an optimum only if no direction v has ``v' G v > 0``; where one has,
the search goes on from there. The conditions are those of Karush, Kuhn and Tucker for the cone of covariance matrices.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hierbayes.engines.base import Floats
from hierbayes.engines.collapsed.criterion import DELTA, Criterion, Piece
from hierbayes.engines.collapsed.quasi_newton import Minimum, minimise

_ROUNDS = 8
_SMALL = 0.1
"""Directions whose sd, relative to sigma and for columns of size 1, is below are tried without."""
_INWARD = 1e-4
"""Diagonal added, squared, where the derivative in directions of no variance is wanted."""
_SIZES = (1.0, 0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3)
_SAME = 5e-5
"""Optima whose log likelihoods differ by less count as one: 1e-4 in the criterion."""
_PROMISED = 1e-5
"""A search that ends where a step still promises more log likelihood has not converged."""
_FEW = 2
"""Columns up to which an optimum inside is taken for the only one."""
_ENOUGH = 3
"""Starts that must agree, twice as many where there are more columns; where they do not, all others are tried too."""
_RANDOM = 9
_TIGHT, _LOOSE = 1e-18, 1e-12
"""Gains promised at which a descent ends, relative to the criterion: digits of the estimates, or of the criterion."""
_CHEAP = 5e8
"""Multiplications of one more descent up to which it is made where several optima are likely."""


@dataclass(frozen=True)
class Optimum:
    """Where the search ended.

    Attributes
    ----------
    x : array
        Square roots of all pieces; their columns of 0 are directions without variance.
    value : float
        Minus the log likelihood.
    ranks : tuple of int
        Ranks of the covariance matrices of the pieces.
    promised : float
        Log likelihood that a further step still promises.
    reached : tuple of float
        Minus the log likelihoods that the starts ended in.
    """

    x: Floats
    value: float
    ranks: tuple[int, ...]
    promised: float
    reached: tuple[float, ...] = ()

    @property
    def converged(self) -> bool:
        """Whether nothing is left to gain."""
        return self.promised < _PROMISED

    @property
    def agreed(self) -> bool:
        """Whether there was one start, or more than half of them ended in the best optimum."""
        best = sum(value < self.value + _SAME for value in self.reached)
        return len(self.reached) < 2 or 2 * best > len(self.reached)


def search(criterion: Criterion) -> Optimum:
    """Return the best optimum found: of one descent, or of several where more than one optimum is likely.

    On the boundary two optima side by side are no rarity: a correlation of 1 and one of -1, or the sd of one term at 0
    or that of another. With many columns there may be two inside.
    """
    first = _local(criterion, _expected(criterion, _expected(criterion, _start(criterion, 1.0))), _TIGHT)
    singular = any(rank < piece.k for rank, piece in zip(first.ranks, criterion.pieces, strict=True))
    columns = sum(piece.k for piece in criterion.pieces)
    found = [first]
    cheap = criterion.work * criterion.evaluations < _CHEAP and not criterion.leaves_nothing(first.x)
    if (singular or columns > _FEW) and first.converged and cheap:
        enough = _ENOUGH if columns <= _FEW else 2 * _ENOUGH
        for start in _other_starts(criterion, first):
            found.append(_local(criterion, start, _LOOSE))
            if len(found) >= enough and _agree(found):
                break
    best = min(found, key=lambda each: each.value)
    if best.value < first.value - _room(first.value):
        best = min(best, _local(criterion, best.x, _TIGHT), key=lambda each: each.value)
    elif first.converged:
        best = first
    return Optimum(best.x, best.value, best.ranks, best.promised, tuple(each.value for each in found))


def _agree(found: list[Optimum]) -> bool:
    values = [each.value for each in found]
    return max(values) - min(values) < _SAME


def _start(criterion: Criterion, size: float) -> Floats:
    return np.concatenate([np.zeros(0), *((size * np.eye(piece.k)).ravel() for piece in criterion.pieces)])


def _other_starts(criterion: Criterion, found: Optimum) -> list[Floats]:
    """Return starts far from an optimum: turned away from the boundary, small, and at random."""
    rng = np.random.default_rng(1)
    away = found.x.copy()
    for piece, rank in zip(criterion.pieces, found.ranks, strict=True):
        if rank < piece.k:
            away[piece.part] = _turned_away(piece.root(found.x)).ravel()
    return [away, _start(criterion, 0.2), *(_random_start(criterion, rng) for _ in range(_RANDOM))]


def _random_start(criterion: Criterion, rng: np.random.Generator) -> Floats:
    sizes = [math.exp(rng.normal(-0.5, 1.0)) for _ in criterion.pieces]
    roots = [size * rng.normal(size=piece.k**2) for size, piece in zip(sizes, criterion.pieces, strict=True)]
    return np.concatenate(roots)


def _turned_away(root: Floats) -> Floats:
    """Return a root with the variances of another and correlations of the other sign, and no direction without."""
    signs = np.where(np.arange(len(root)) % 2, -1.0, 1.0)[:, None]
    size = max(float(np.linalg.norm(root)) / math.sqrt(len(root)), 0.1)
    return np.linalg.cholesky((signs * root) @ (signs * root).T + 0.1 * size**2 * np.eye(len(root)))


def _local(criterion: Criterion, x: Floats, tolerance: float) -> Optimum:
    """Return the optimum that a start leads to."""
    ranks = tuple(piece.k for piece in criterion.pieces)
    for _ in range(_ROUNDS):
        found = _descended(criterion, x, tolerance)
        if not (math.isfinite(found.value) and 0.5 * found.promised < _PROMISED):
            return Optimum(found.x, criterion.value(found.x), ranks, 0.5 * found.promised)
        x, best, fewer = _dropped(criterion, found.x, ranks)
        if fewer != ranks:
            ranks = fewer
            continue
        x, ranks, grown = _grown(criterion, x, best, ranks)
        if not grown:
            break
    x = _filled(criterion, x, ranks)
    return Optimum(x, criterion.value(x), ranks, 0.5 * found.promised)


def _filled(criterion: Criterion, x: Floats, ranks: tuple[int, ...]) -> Floats:
    """Return the roots of covariances of full rank with what derivatives have added to them, so that they are zero."""
    lam, x = criterion.factors(x, DELTA), x.copy()
    for piece, rank in zip(criterion.pieces, ranks, strict=True):
        if rank == piece.k:
            x[piece.part] = piece.own(lam).ravel()
    return x


def _expected(criterion: Criterion, x: Floats) -> Floats:
    """Return a step of the EM algorithm: ``L (I + M / levels) L'``."""
    value, lower, moments = criterion.moments(x)
    if not math.isfinite(value):
        return x
    roots = [np.zeros(0)]
    for piece, L, M in zip(criterion.pieces, lower, moments, strict=True):
        values, vectors = np.linalg.eigh(np.eye(piece.k) + M / piece.levels)
        roots.append((L @ (vectors * np.sqrt(np.maximum(values, 1e-6)))).ravel())
    return np.concatenate(roots)


def _descended(criterion: Criterion, x: Floats, tolerance: float) -> Minimum:
    """Return where BFGS ends, in units of the start: there the information on a term grows with its levels."""
    pieces = criterion.pieces
    units = [piece.own(flat) for flat in [criterion.factors(x, 1e-2)] for piece in pieces]

    def outward(z: Floats) -> Floats:
        own = [(L @ piece.root(z)).ravel() for piece, L in zip(pieces, units, strict=True)]
        return np.concatenate([np.zeros(0), *own])

    def function(z: Floats) -> tuple[float, Floats]:
        value, gradient = criterion(outward(z))
        own = [(L.T @ piece.root(gradient)).ravel() for piece, L in zip(pieces, units, strict=True)]
        return value, np.concatenate([np.zeros(0), *own])

    start = [np.linalg.solve(L, piece.root(x)).ravel() for piece, L in zip(pieces, units, strict=True)]
    spread = [np.full(piece.k**2, 0.5 / piece.levels) for piece in pieces]
    tolerance *= max(10.0, abs(criterion.value(x)))
    found = minimise(function, np.concatenate([np.zeros(0), *start]), np.concatenate([np.zeros(0), *spread]), tolerance)
    return Minimum(outward(found.x), found.value, found.promised)


def _room(value: float) -> float:
    """Return the difference in log likelihood that counts as none."""
    return min(1e-10 * max(10.0, abs(value)), 1e-5)


def _dropped(criterion: Criterion, x: Floats, ranks: tuple[int, ...]) -> tuple[Floats, float, tuple[int, ...]]:
    """Take small directions out where the criterion is as good without them; return x, value and ranks."""
    best, left = criterion.value(x), list(ranks)
    for number, piece in enumerate(criterion.pieces):
        vectors, sizes, _ = np.linalg.svd(piece.root(x))
        while left[number] and sizes[left[number] - 1] < _SMALL:
            sizes[left[number] - 1 :] = 0.0
            trial = x.copy()
            trial[piece.part] = (vectors * sizes).ravel()
            value = criterion.value(trial)
            if not value <= best + _room(best):
                break
            x, best = trial, min(value, best)
            left[number] -= 1
    return x, best, tuple(left)


def _grown(
    criterion: Criterion, x: Floats, best: float, ranks: tuple[int, ...]
) -> tuple[Floats, tuple[int, ...], bool]:
    """Give variance to a direction that has none where that pays; return x, ranks and whether any was found."""
    if all(rank == piece.k for rank, piece in zip(ranks, criterion.pieces, strict=True)):
        return x, ranks, False
    left, found = list(ranks), False
    for number, (piece, slopes) in enumerate(zip(criterion.pieces, criterion.by_covariance(x, _INWARD), strict=True)):
        if ranks[number] < piece.k:
            trial, value = _with_direction(criterion, piece, x, slopes)
            if value < best - 2 * _room(best):
                x, best, found = trial, value, True
                left[number] += 1
    return x, tuple(left), found


def _with_direction(criterion: Criterion, piece: Piece, x: Floats, slopes: Floats) -> tuple[Floats, float]:
    """Return the best of several sizes of variance in the direction that promises most."""
    values, vectors = np.linalg.eigh(slopes)
    if values[-1] < 1e-4:
        return x, math.inf
    root = piece.root(x)
    empty = int(np.argmin(np.sum(root * root, axis=0)))
    trials = []
    for size in _SIZES:
        trial = x.copy()
        piece.root(trial)[:, empty] = size * vectors[:, -1]
        trials.append((criterion.value(trial), size, trial))
    value, _, trial = min(trials, key=lambda each: each[:2])
    return trial, value
