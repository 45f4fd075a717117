"""Exact sampling of theta where a gradient is expensive: a cheap surrogate proposes, an exact step accepts.

A large dense border makes one gradient cost as much as two or three values, and NUTS needs several for a draw. But then
the data are many and theta is nearly normal around its mode, so that a polynomial of low order, fitted to a hundred
exact values, is very nearly the log density. A short chain on the surrogate, free of cost, makes a proposal that hardly
depends on where it started; one exact value then accepts or rejects it (the surrogate transition of Liu, 2001). The
draws are exact whatever the surrogate; only the share of accepted ones depends on it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from hierbayes.engines.base import Floats, Ints
from hierbayes.engines.collapsed import tape as at
from hierbayes.engines.collapsed.draw import draw_one
from hierbayes.engines.collapsed.factor import Workspace
from hierbayes.engines.collapsed.kernel import layer_table
from hierbayes.engines.collapsed.mode import Mode
from hierbayes.engines.collapsed.threads import one_blas_thread, threads_for
from hierbayes.errors import SamplingError

Flags = NDArray[np.bool_]

LEAST_EFFICIENCY = 0.35
"""Least `Surrogate.efficiency` that makes this way worth while."""

HOLD = 3
"""Draws of beta and b for one exact value of theta's density."""

_FREEDOM = 8.0
_INNER = 40
"""Steps on the surrogate for one exact value."""


@dataclass(frozen=True)
class Surrogate:
    """A log density of theta: a normal around the mode, times the exponential of a polynomial.

    Attributes
    ----------
    mode : array, shape (dim,)
    factor : array, shape (dim, dim)
        ``theta = mode + factor @ z``.
    powers : array of int, shape (terms, dim)
    coefficients : array, shape (terms,)
    top : float
        Where the polynomial is cut off, so that the density stays proper.
    efficiency : float
        Share of effective draws among those of the t, weighted by the exact density.
    values : int
        Exact values that it took.
    """

    mode: Floats
    factor: Floats
    powers: Ints
    coefficients: Floats
    top: float
    efficiency: float
    values: int

    def log_density(self, z: Floats) -> Floats:
        """Return the log density at rows of z, up to a constant."""
        return np.minimum(_monomials(z, self.powers) @ self.coefficients, self.top) - 0.5 * np.sum(z**2, axis=1)

    def theta(self, z: Floats) -> Floats:
        """Return theta at rows of z."""
        return np.asarray(self.mode + z @ self.factor.T)


def fit_surrogate(words: Ints, mode: Mode, cores: int, seed: int) -> Surrogate:
    """Return a surrogate of the density around its mode.

    Parameters
    ----------
    words : array of int
        A tape without a chart.
    mode : Mode
    cores : int
        Threads; the result does not depend on it.
    seed : int
    """
    dim = len(mode.theta)
    powers = _powers(dim, _order(dim))
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1_000_003,)))
    z = _draw_t(rng, max(40, 2 * len(powers)), dim)
    values = _values(words, mode.theta + z @ mode.factor.T, cores)
    target = values + 0.5 * np.sum(z**2, axis=1)
    finite = np.isfinite(target)
    weights, efficiency = _weights(values - _log_t(z))
    # Far points say little about where the draws will be.
    root = np.sqrt(weights * len(weights) + 0.01)[finite]
    design = _monomials(z[finite], powers)
    middle = float(np.average(target[finite], weights=root)) if finite.any() else 0.0
    coefficients = np.linalg.lstsq(design * root[:, None], (target[finite] - middle) * root, rcond=1e-8)[0]
    top = float(np.max(target[finite]) - middle) + 1.0 if finite.any() else 0.0
    return Surrogate(mode.theta, mode.factor, powers, coefficients, top, efficiency, len(z))


@dataclass(frozen=True)
class Walked:
    """What the chains gave.

    Attributes
    ----------
    theta : array, shape (chains, draws, dim)
    beta : array, shape (chains, draws, p)
    b : array, shape (chains, draws, effects)
        Every effect, block by block, level by level.
    accepted : array of bool, shape (chains, draws)
        Whether theta is new at this draw.
    values : int
        Exact values spent, one factor each.
    """

    theta: Floats
    beta: Floats
    b: Floats
    accepted: Flags
    values: int


def sample_by_surrogate(
    words: Ints,
    surrogate: Surrogate,
    draws: int,
    chains: int,
    cores: int,
    seed: int,
    advance: Callable[[], None] = lambda: None,
    hold: int = HOLD,
) -> Walked:
    """Draw theta by a surrogate's proposals and exact accept steps, and beta and b from the factors of these.

    Parameters
    ----------
    words : array of int
        A tape without a chart.
    surrogate : Surrogate
    draws, chains : int
    cores : int
        Chains that run at a time; the draws do not depend on it.
    seed : int
    advance : callable
        Called after every draw.
    hold : int
        Draws of beta and b for one exact value: theta moves at every `hold`-th draw, beta and b at each.

    Raises
    ------
    SamplingError
        If no starting point has a finite density.
    """
    p, effects = int(words[at.P]), int(sum(layer[at.J] * layer[at.K] for layer in layer_table(words)))
    theta = np.empty((chains, draws, len(surrogate.mode)))
    beta, b = np.empty((chains, draws, p)), np.empty((chains, draws, effects))
    accepted = np.zeros((chains, draws), dtype=bool)

    def chain(number: int) -> int:
        own = _Chain(words, surrogate, np.random.SeedSequence(seed, spawn_key=(number,)))
        for d in range(draws):
            if d % hold == 0:
                accepted[number, d] = own.move()
            theta[number, d] = own.draw(beta[number, d], b[number, d])
            advance()
        return own.values

    with one_blas_thread(), ThreadPoolExecutor(threads_for(chains, cores)) as pool:
        values = sum(pool.map(chain, range(chains)))
    return Walked(theta, beta, b, accepted, values)


class _Chain:
    """One chain: where it stands, the factor there, and its random numbers."""

    def __init__(self, words: Ints, surrogate: Surrogate, seed: np.random.SeedSequence) -> None:
        self.words, self.surrogate = words, surrogate
        steps, normals = seed.spawn(2)
        self.rng = np.random.default_rng(steps)
        self.normals = np.random.Generator(np.random.SFC64(normals))
        self.here, self.other = Workspace.of(words), Workspace.of(words)
        self.values = 0
        self._start()

    def _start(self) -> None:
        for _ in range(50):
            self.z = _walk(self.surrogate, np.zeros(len(self.surrogate.mode)), self.rng)
            self.excess, self.sigma = self._excess(self.z, self.here)
            if np.isfinite(self.excess):
                return
        raise SamplingError("the posterior density is not finite at any starting point", "try another seed")

    def _excess(self, z: Floats, space: Workspace) -> tuple[float, float]:
        """Return the exact log density less the surrogate's, -inf where it is not a number, and sigma."""
        self.values += 1
        exact, sigma = space.fill(self.words, self.surrogate.theta(z[None])[0])
        if not np.isfinite(exact):
            return -np.inf, sigma
        return float(exact - self.surrogate.log_density(z[None])[0]), sigma

    def move(self) -> bool:
        """Propose, and accept or stay; return whether theta moved."""
        proposal = _walk(self.surrogate, self.z, self.rng)
        log_u = np.log(self.rng.uniform())
        if np.array_equal(proposal, self.z):
            return False
        found, sigma = self._excess(proposal, self.other)
        if not log_u < found - self.excess:
            return False
        self.z, self.excess, self.sigma = proposal, found, sigma
        self.here, self.other = self.other, self.here
        return True

    def draw(self, beta: Floats, b: Floats) -> Floats:
        """Fill beta and b with a draw at the theta where the chain stands, and return that theta."""
        normals = self.normals.standard_normal(len(beta) + len(b))
        space, floats = self.here, self.words.view(np.float64)
        draw_one(self.words, floats, space.lam, self.sigma, space.gram, space.store, normals, beta, b)
        return np.asarray(self.surrogate.theta(self.z[None])[0])


def _walk(surrogate: Surrogate, z: Floats, rng: np.random.Generator) -> Floats:
    """Return where some steps of independent proposals from the t lead on the surrogate: reversible for it."""
    points = np.vstack([z, _draw_t(rng, _INNER, len(z))])
    height = surrogate.log_density(points) - _log_t(points)
    log_u = np.log(rng.uniform(size=_INNER + 1))
    current = 0
    for i in range(1, _INNER + 1):
        if log_u[i] < height[i] - height[current]:
            current = i
    return np.asarray(points[current])


def _draw_t(rng: np.random.Generator, size: int, dim: int) -> Floats:
    return rng.standard_normal((size, dim)) / np.sqrt(rng.chisquare(_FREEDOM, size) / _FREEDOM)[:, None]


def _log_t(z: Floats) -> Floats:
    return np.asarray(-0.5 * (_FREEDOM + z.shape[1]) * np.log1p(np.sum(z**2, axis=1) / _FREEDOM))


def _order(dim: int) -> int:
    """Return the order of the polynomial, by what its coefficients cost in exact values."""
    return 4 if dim <= 5 else 3 if dim <= 7 else 2


def _powers(dim: int, order: int) -> Ints:
    """Return the exponents of all monomials up to an order."""
    rows = [
        [combination.count(i) for i in range(dim)]
        for degree in range(order + 1)
        for combination in combinations_with_replacement(range(dim), degree)
    ]
    return np.array(rows, dtype=np.int64).reshape(-1, dim)


def _monomials(z: Floats, powers: Ints) -> Floats:
    return np.asarray(np.prod(z[:, None, :] ** powers[None], axis=2))


def _weights(log_weights: Floats) -> tuple[Floats, float]:
    """Return normalised weights and the share of effective draws."""
    finite = np.isfinite(log_weights)
    if not finite.any():
        return np.full(len(log_weights), 1 / len(log_weights)), 0.0
    raw = np.where(finite, np.exp(log_weights - log_weights[finite].max()), 0.0)
    weights = raw / raw.sum()
    return weights, float(1 / np.sum(weights**2) / len(weights))


def _values(words: Ints, points: Floats, cores: int) -> Floats:
    """Return the exact log density at rows of `points`."""
    found = np.empty(len(points))
    count = threads_for(len(points), cores)

    def share(first: int) -> None:
        space = Workspace.of(words)
        for i in range(first, len(points), count):
            found[i] = space.fill(words, points[i])[0]

    with one_blas_thread(), ThreadPoolExecutor(count) as pool:
        list(pool.map(share, range(count)))
    return found
