"""beta and b given theta: exact draws from their conditional normal."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from hierbayes.engines.base import Floats, Ints, Problem
from hierbayes.engines.collapsed.entries import draw_many
from hierbayes.engines.collapsed.threads import threads_for

_CHUNK_NUMBERS = 1 << 16
"""Random numbers that one chunk of draws takes; chunks set the streams, so this must not depend on the machine."""


@dataclass(frozen=True)
class Recovered:
    """Draws of beta and b, in the internal coordinates of the problem.

    Attributes
    ----------
    beta : array, shape (draws, p)
    b : tuple of array, shape (draws, levels, k)
        One a block.
    """

    beta: Floats
    b: tuple[Floats, ...]


def recover(problem: Problem, words: Ints, theta: Floats, seed: int | list[int], cores: int = 1) -> Recovered:
    """Draw beta and every b once for each draw of theta, from their exact conditional.

    Parameters
    ----------
    problem : Problem
    words : array of int
        The problem's tape.
    theta : array, shape (draws, dim)
    seed : int or list of int
        Fixes every number, whatever the number of cores.
    cores : int
        Threads; no more are taken than this process may use.
    """
    draws = len(theta)
    sizes = [block.n_levels * block.Z.shape[1] for block in problem.blocks]
    total = sum(sizes)
    beta = np.empty((draws, problem.p))
    b = np.empty((draws, total))
    step = max(1, _CHUNK_NUMBERS // max(1, total + problem.p))
    theta = np.ascontiguousarray(theta, dtype=np.float64)

    def chunk(first: int) -> None:
        stop = min(first + step, draws)
        source = np.random.SeedSequence(seed, spawn_key=(first // step,))
        normals = np.random.Generator(np.random.SFC64(source)).standard_normal((stop - first, total + problem.p))
        draw_many(words, theta[first:stop], normals, beta[first:stop], b[first:stop])

    starts = range(0, draws, step)
    threads = threads_for(len(starts), cores)
    if threads > 1:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(chunk, starts))
    else:
        for first in starts:
            chunk(first)
    return Recovered(beta, by_block(problem, b))


def by_block(problem: Problem, b: Floats) -> tuple[Floats, ...]:
    """Return all effects, shape (draws, effects), block by block: (draws, levels, k)."""
    shapes = [(block.n_levels, block.Z.shape[1]) for block in problem.blocks]
    ends = np.cumsum([0, *(levels * k for levels, k in shapes)])
    return tuple(b[:, ends[i] : ends[i + 1]].reshape(len(b), *shape) for i, shape in enumerate(shapes))
