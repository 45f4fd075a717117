"""The compiled functions that Python and the sampler call by address.

This is Python's side; the bodies are in `collapsed.callables` and `joint.callables`. No kernel is imported here, for a
process that finds the object code on disk needs none.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from hierbayes.engines.base import Floats, Ints
from hierbayes.engines.native import load

_OF_A_DENSITY = {"density": "iiiii", "value": "iiii", "expand": "iiiii"}


class Density:
    """The compiled functions over one kind of tape: its density, and others that belong to it.

    Parameters
    ----------
    module : str
        Where the bodies are.
    size : callable
        How many numbers the sampler walks in, by the tape.
    others : tuple of str
        Functions other than those of a density; what they are given is handed over in one array, see `call`.
    """

    def __init__(self, module: str, size: Callable[[Ints], int], others: tuple[str, ...]) -> None:
        self.module, self.size = module, size
        self.entries = _OF_A_DENSITY | dict.fromkeys(others, "i")

    @cached_property
    def functions(self) -> dict[str, Any]:
        """The C functions, loaded on first use."""
        return load(self.module, self.entries)

    def address(self, name: str) -> int:
        """Return the address of a function."""
        return int(ctypes.cast(self.functions[name], ctypes.c_void_p).value or 0)

    def call(self, name: str, *arguments: int | Floats | Ints) -> None:
        """Call another function. An argument has three words: a number, or a place, rows and columns."""
        words = np.zeros((len(arguments), 3), dtype=np.int64)
        for word, each in zip(words, arguments, strict=True):
            word[:] = (each, 1, 1) if isinstance(each, int) else (_at(each), *each.shape, 1)[:3]
        self.functions[name](_at(words))

    def log_density(self, words: Ints, x: Floats, grad: Floats | None = None) -> float:
        """Return a tape's log density at x and fill its gradient."""
        value, x = np.empty(1), np.ascontiguousarray(x, dtype=np.float64)
        if grad is None:
            self.functions["value"](len(x), _at(x), _at(value), _at(words))
        else:
            self.functions["density"](len(x), _at(x), _at(grad), _at(value), _at(words))
        return float(value[0])

    def expanded(self, words: Ints, x: Floats) -> Floats:
        """Return what is kept of a draw, at a point of the tape's chart."""
        out, x = np.empty(len(x)), np.ascontiguousarray(x, dtype=np.float64)
        self.functions["expand"](len(x), len(x), _at(x), _at(out), _at(words))
        return out

    def seconds_per_gradient(self, words: Ints, seconds: float) -> float:
        """Return what one evaluation of density and gradient takes: the least of many batches."""
        size = self.size(words)
        arrays = np.full(size, 0.1), np.empty(size), np.empty(1), words
        pointers, density = [_at(array) for array in arrays], self.functions["density"]
        best, stop, batch = np.inf, time.perf_counter() + seconds, 1
        while time.perf_counter() < stop:
            started = time.perf_counter()
            for _ in range(batch):
                density(size, *pointers)
            gone = time.perf_counter() - started
            best = min(best, gone / batch)
            batch = batch if gone > 0.01 else 2 * batch
        return best


def _at(array: Floats | Ints) -> int:
    """Return where an array lies; compiled code reads on from there without a look at strides."""
    if not array.flags.c_contiguous:
        raise ValueError("an array that goes to compiled code must be contiguous")
    return int(array.ctypes.data)
