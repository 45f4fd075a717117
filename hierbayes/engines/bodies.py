"""What the bodies of compiled entries have in common: arrays made of pointers, and the three functions of a density."""

# mypy: allow-untyped-calls, allow-untyped-defs, allow-untyped-decorators, disable-error-code="call-arg"
from __future__ import annotations

import numpy as np
from numba import carray, njit, types
from numba.extending import intrinsic

from hierbayes.engines.collapsed.tape import HEADER, TOTAL


@intrinsic
def _pointer(typing_context, address):
    """Return an address as a pointer."""

    def generate(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], context.get_value_type(types.voidptr))

    return types.voidptr(types.int64), generate


@njit(cache=True, nogil=True, error_model="numpy")
def floats_at(address, shape):
    """Return the array of numbers that lies at an address."""
    return carray(_pointer(address), shape, np.float64)


@njit(cache=True, nogil=True, error_model="numpy")
def ints_at(address, shape):
    """Return the array of whole numbers that lies at an address."""
    return carray(_pointer(address), shape, np.int64)


@njit(cache=True, nogil=True, error_model="numpy")
def tape_at(address):
    """Return the tape that lies at an address, as whole numbers and as numbers."""
    total = ints_at(address, (HEADER,))[TOTAL]
    return ints_at(address, (total,)), floats_at(address, (total,))


def bodies_of(log_density, chart_point):
    """Return the bodies of ``density``, ``value`` and ``expand`` of a kernel."""

    def density(dim, x, grad, value, tape):
        """Fill log density and gradient at x; 0 if they are finite."""
        total = carray(tape, (HEADER,), np.int64)[TOTAL]
        slopes = carray(grad, (dim,), np.float64)
        found = log_density(
            carray(tape, (total,), np.int64), carray(tape, (total,), np.float64), carray(x, (dim,), np.float64), slopes
        )
        carray(value, (1,), np.float64)[0] = found
        if not np.isfinite(found):
            return 4
        for i in range(dim):
            if not np.isfinite(slopes[i]):
                return 3
        return 0

    def log_density_alone(dim, x, value, tape):
        """Fill the log density at x."""
        total = carray(tape, (HEADER,), np.int64)[TOTAL]
        ints, floats = carray(tape, (total,), np.int64), carray(tape, (total,), np.float64)
        carray(value, (1,), np.float64)[0] = log_density(ints, floats, carray(x, (dim,), np.float64), np.zeros(0))
        return 0

    def expand(dim, expanded, x, out, tape):
        """Fill what is kept of the draw at the chart's point x."""
        total = carray(tape, (HEADER,), np.int64)[TOTAL]
        ints, floats = carray(tape, (total,), np.int64), carray(tape, (total,), np.float64)
        chart_point(ints, floats, carray(x, (dim,), np.float64), carray(out, (expanded,), np.float64))
        return 0

    return density, log_density_alone, expand
