"""Effects of the levels of one grouping factor: those of the fit from its draws, others from the population."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np

from hierbayes.design.table import Floats, Ints
from hierbayes.posterior import FactorDraws

HELD = 2**28
"""Bytes of effects that are made once and held; beyond that each piece of rows makes its own."""


def generator(seed: int, *words: str) -> np.random.Generator:
    """Return the generator of one named thing: a level, or a piece of noise.

    It depends on the seed and the words alone, so that a level has the same effects wherever it stands. Each word is
    hashed with its length, so that no two tuples of words run together.
    """
    digest = hashlib.blake2b(digest_size=16)
    for word in (str(seed), *words):
        # a lone surrogate is no text to utf-8, but it may stand in a level
        encoded = word.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "little"))
        digest.update(encoded)
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest.digest(), "little")))


class LevelEffects:
    """The effects of levels by their codes: ``b_j`` of the fit, or ``L z_j`` with one ``z_j ~ N(0, I)`` a level.

    Parameters
    ----------
    draws : FactorDraws
    known : int
        Codes below it are levels of the fit; all others are drawn.
    words : callable
        Gives the words that stand for a level that is drawn, by its code.
    seed : int
    """

    def __init__(self, draws: FactorDraws, known: int, words: Callable[[int], tuple[str, ...]], seed: int) -> None:
        self._draws, self._known, self._words, self._seed = draws, known, words, seed
        self._root: Floats | None = None
        self._held: tuple[Ints, Floats] | None = None

    def prepare(self, codes: Ints) -> None:
        """Make what all pieces of the rows need, as long as it is small."""
        used = np.unique(codes)
        if used.size and used[-1] >= self._known:
            self._root = self._draws.root
        size, k = self._draws.sd.shape
        if used.size * size * k * 8 <= HELD:
            self._held = (used, self._made(used))

    def at(self, codes: Ints) -> tuple[Floats, Ints]:
        """Return effects, shape (levels, K, S), and where in them each code stands."""
        if self._held is not None:
            used, effects = self._held
            return effects, np.searchsorted(used, codes)
        used, place = np.unique(codes, return_inverse=True)
        return self._made(used), place

    def _made(self, codes: Ints) -> Floats:
        size, k = self._draws.sd.shape
        effects = np.empty((len(codes), k, size))
        known = codes < self._known
        if known.any():
            effects[known] = self._draws.b[:, codes[known]].transpose(1, 2, 0)
        for i in np.flatnonzero(~known):
            z = generator(self._seed, *self._words(int(codes[i]))).standard_normal((k, size))
            self._through_root(z, effects[i])
        return effects

    def _through_root(self, z: Floats, out: Floats) -> None:
        assert self._root is not None
        for i, row in enumerate(self._root):
            # term by term, so that every draw is summed in one order
            np.multiply(row[0], z[0], out=out[i])
            for j in range(1, i + 1):
                out[i] += row[j] * z[j]
