"""Exact sampling of theta where a gradient is dear: a cheap surrogate proposes, an exact step accepts.

A large dense border makes one gradient cost as much as two or three values, and NUTS needs several for a draw. But then
the data are many and theta is nearly normal around its mode, so that a polynomial of low order, fitted to a hundred
exact values, is very nearly the log density. A short chain on the surrogate, free of cost, makes a proposal that hardly
depends on where it started; one exact value then accepts or rejects it (the surrogate transition of Liu, 2001). The
draws are exact whatever the surrogate; only the share of accepted ones depends on it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from hierbayes.engines.base import Floats, Ints
from hierbayes.engines.collapsed.kernel import log_density
from hierbayes.engines.collapsed.mode import Mode
from hierbayes.errors import SamplingError

Flags = NDArray[np.bool_]

DEAR = 2e8
"""Multiplications in a gradient (`Statistics.work`) from which a surrogate beats NUTS."""

LEAST_EFFICIENCY = 0.35
"""Least `Surrogate.efficiency` that makes this way worth while."""

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
    """

    mode: Floats
    factor: Floats
    powers: Ints
    coefficients: Floats
    top: float
    efficiency: float

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
    powers = _powers(dim, 4 if dim <= 3 else 3 if dim <= 6 else 2)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1_000_003,)))
    z = _draw_t(rng, max(20, int(2.5 * len(powers))), dim)
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
    return Surrogate(mode.theta, mode.factor, powers, coefficients, top, efficiency)


def sample_by_surrogate(
    words: Ints,
    surrogate: Surrogate,
    draws: int,
    chains: int,
    cores: int,
    seed: int,
    advance: Callable[[], None] = lambda: None,
) -> tuple[Floats, Flags]:
    """Draw theta by a surrogate's proposals and exact accept steps.

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

    Returns
    -------
    theta : array, shape (chains, draws, dim)
    accepted : array of bool, shape (chains, draws)

    Raises
    ------
    SamplingError
        If no starting point has a finite density.
    """

    def chain(number: int) -> tuple[Floats, Flags]:
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
        return _chain(words, surrogate, draws, rng, advance)

    with one_blas_thread(), ThreadPoolExecutor(max(1, cores)) as pool:
        found = list(pool.map(chain, range(chains)))
    return np.array([theta for theta, _ in found]), np.array([accepted for _, accepted in found])


def _chain(
    words: Ints, surrogate: Surrogate, draws: int, rng: np.random.Generator, advance: Callable[[], None]
) -> tuple[Floats, Flags]:
    dim = len(surrogate.mode)
    theta = np.empty((draws, dim))
    accepted = np.zeros(draws, dtype=bool)
    for _ in range(50):
        z = _walk(surrogate, np.zeros(dim), rng)
        excess = _excess(words, surrogate, z)
        if np.isfinite(excess):
            break
    else:
        raise SamplingError("the posterior density is not finite at any starting point", "try another seed")
    for d in range(draws):
        proposal = _walk(surrogate, z, rng)
        log_u = np.log(rng.uniform())
        if not np.array_equal(proposal, z):
            found = _excess(words, surrogate, proposal)
            if log_u < found - excess:
                z, excess, accepted[d] = proposal, found, True
        theta[d] = surrogate.theta(z[None])[0]
        advance()
    return theta, accepted


def _excess(words: Ints, surrogate: Surrogate, z: Floats) -> float:
    """Return the exact log density less the surrogate's, -inf where it is not a number."""
    exact = _value(words, surrogate.theta(z[None])[0])
    if not np.isfinite(exact):
        return -np.inf
    return float(exact - surrogate.log_density(z[None])[0])


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


def _value(words: Ints, point: Floats) -> float:
    nothing = np.zeros(0)
    return float(log_density(words, words.view(np.float64), np.ascontiguousarray(point), nothing))


def _values(words: Ints, points: Floats, cores: int) -> Floats:
    with one_blas_thread(), ThreadPoolExecutor(max(1, cores)) as pool:
        return np.array(list(pool.map(lambda point: _value(words, point), points)))


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold BLAS to one thread, so that chains side by side do not fight over the cores."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(limits=1, user_api="blas"):
        yield
