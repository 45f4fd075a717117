"""What the bodies of compiled entries have in common: arrays at addresses, and the functions of a density."""

# mypy: allow-untyped-calls, allow-untyped-decorators, disable-error-code="call-arg, no-any-return"
from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, njit, types
from numba.extending import intrinsic

from hierbayes.engines.base import Floats, Ints
from hierbayes.engines.collapsed.tape import HEADER, TOTAL


@intrinsic
def _pointer(typing_context: Any, address: Any) -> Any:
    """Return an address as a pointer."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(types.voidptr))

    return types.voidptr(types.int64), generate


@njit(cache=True, nogil=True, error_model="numpy")
def floats_at(address: int, shape: tuple[int, ...]) -> Floats:
    """Return the array of numbers that lies at an address."""
    return carray(_pointer(address), shape, np.float64)


@njit(cache=True, nogil=True, error_model="numpy")
def ints_at(address: int, shape: tuple[int, ...]) -> Ints:
    """Return the array of whole numbers that lies at an address."""
    return carray(_pointer(address), shape, np.int64)


@njit(cache=True, nogil=True, error_model="numpy")
def tape_at(address: int) -> tuple[Ints, Floats]:
    """Return the tape that lies at an address, as whole numbers and as numbers."""
    total = (ints_at(address, (HEADER,))[TOTAL],)
    return ints_at(address, total), floats_at(address, total)


@njit(cache=True, nogil=True, error_model="numpy")
def argument(call: int, i: int) -> Ints:
    """Return the words of the i-th argument of `entries.Density.call`: a number, or a place and a shape."""
    return ints_at(call + 24 * i, (3,))


@njit(cache=True, nogil=True, error_model="numpy")
def vector(call: int, i: int) -> Floats:
    """Return the i-th argument as an array of numbers."""
    word = argument(call, i)
    return floats_at(word[0], (word[1] * word[2],))


@njit(cache=True, nogil=True, error_model="numpy")
def matrix(call: int, i: int) -> Floats:
    """Return the i-th argument as a matrix."""
    word = argument(call, i)
    return floats_at(word[0], (word[1], word[2]))


@njit(cache=True, nogil=True, error_model="numpy")
def whole_vector(call: int, i: int) -> Ints:
    """Return the i-th argument as an array of whole numbers."""
    word = argument(call, i)
    return ints_at(word[0], (word[1] * word[2],))


@njit(cache=True, nogil=True, error_model="numpy")
def whole_matrix(call: int, i: int) -> Ints:
    """Return the i-th argument as a matrix of whole numbers."""
    word = argument(call, i)
    return ints_at(word[0], (word[1], word[2]))


def bodies_of(log_density: Any, chart_point: Any) -> tuple[Any, Any, Any]:
    """Return the bodies of ``density``, ``value`` and ``expand`` of a kernel."""

    def density(dim: int, x: int, grad: int, value: int, tape: int) -> int:
        """Fill log density and gradient at x; 0 if they are finite."""
        ints, floats = tape_at(tape)
        slopes = floats_at(grad, (dim,))
        found = log_density(ints, floats, floats_at(x, (dim,)), slopes)
        floats_at(value, (1,))[0] = found
        if not np.isfinite(found):
            return 4
        for i in range(dim):
            if not np.isfinite(slopes[i]):
                return 3
        return 0

    def value_alone(dim: int, x: int, value: int, tape: int) -> int:
        """Fill the log density at x."""
        ints, floats = tape_at(tape)
        floats_at(value, (1,))[0] = log_density(ints, floats, floats_at(x, (dim,)), np.zeros(0))
        return 0

    def expand(dim: int, expanded: int, x: int, out: int, tape: int) -> int:
        """Fill what is kept of the draw at the chart's point x."""
        ints, floats = tape_at(tape)
        chart_point(ints, floats, floats_at(x, (dim,)), floats_at(out, (expanded,)))
        return 0

    return density, value_alone, expand
