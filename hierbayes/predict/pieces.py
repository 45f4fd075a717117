"""Rows in pieces, over the cores."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from hierbayes.engines.collapsed.threads import usable_cores
from hierbayes.sampling.sampler import counting

STEP = 16
"""Pieces start at multiples of it, and noise comes by so many rows at once."""
NUMBERS = 2**17
"""Numbers (rows x draws) of a piece: its arrays then fit the cache of a core."""


@dataclass(frozen=True)
class Piece:
    """Neighbouring rows, `start` to `stop` - 1."""

    start: int
    stop: int

    @property
    def rows(self) -> slice:
        """The rows as a slice."""
        return slice(self.start, self.stop)


def pieces(n: int, size: int) -> list[Piece]:
    """Return `n` rows in pieces that suit `size` draws."""
    step = STEP * max(1, NUMBERS // (STEP * max(size, 1)))
    return [Piece(start, min(start + step, n)) for start in range(0, n, step)]


def over_pieces(work: Callable[[Piece], None], todo: list[Piece], message: str, progress: bool | None) -> None:
    """Do the work for every piece, on all cores (numpy lets go of Python's lock), with a progress bar.

    The work on one piece must not depend on another, so the result does not depend on the cores.
    """

    def quiet(piece: Piece) -> None:
        # what is beyond the largest double is infinite; numpy would warn in words of its own
        with np.errstate(over="ignore", invalid="ignore"):
            work(piece)

    with counting(message, len(todo), progress) as advance:
        cores = min(usable_cores(), len(todo))
        if cores < 2:
            for piece in todo:
                quiet(piece)
                advance()
            return
        pool = ThreadPoolExecutor(cores)
        try:
            for _ in pool.map(quiet, todo):
                advance()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
