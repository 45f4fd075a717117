"""Exponential and logarithm without branches, so that a loop over rows becomes vector code.

The mathematical functions of the C library are called one number at a time. Those here are additions, multiplications,
shifts and choices, which the compiler does for four or eight rows at once; they are right to the last digit or two.
"""

# mypy: allow-untyped-calls, allow-untyped-decorators, disable-error-code="no-any-return"
from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

from hierbayes.engines.base import Floats

_LOG2_E = 1 / math.log(2.0)
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
# Added to a float, it leaves the nearest whole number in the lowest bits.
_SHIFTER = 6755399441055744.0


@intrinsic
def bits_of(typing_context: Any, x: Any) -> Any:
    """Return the bits of a float as a whole number."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.int64))

    return types.int64(types.float64), generate


@intrinsic
def float_of(typing_context: Any, bits: Any) -> Any:
    """Return the float that has these bits."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.float64))

    return types.float64(types.int64), generate


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True, fastmath={"contract"})
def exponential(x: float) -> float:
    """Return exp(x); 0 below -708, and about 1e308 above 709."""
    y = x if x > -708.0 else -708.0
    y = y if y < 709.0 else 709.0
    shifted = y * _LOG2_E + _SHIFTER
    n = shifted - _SHIFTER
    r = y - n * _LN2_HIGH
    r = r - n * _LN2_LOW
    s = 1.6059043836821613e-10
    s = s * r + 2.0876756987868099e-09
    s = s * r + 2.5052108385441719e-08
    s = s * r + 2.7557319223985888e-07
    s = s * r + 2.7557319223985893e-06
    s = s * r + 2.4801587301587302e-05
    s = s * r + 1.9841269841269841e-04
    s = s * r + 1.3888888888888889e-03
    s = s * r + 8.3333333333333333e-03
    s = s * r + 4.1666666666666667e-02
    s = s * r + 1.6666666666666667e-01
    s = s * r + 0.5
    s = s * r + 1.0
    s = s * r + 1.0
    found = s * float_of((bits_of(shifted) + np.int64(1023)) << np.int64(52))
    return found if x > -708.0 else 0.0


@njit(cache=True, nogil=True, error_model="numpy", forceinline=True, fastmath={"contract"})
def log_one_plus(e: float) -> float:
    """Return log(1 + e) for e between 0 and 1: ``2 artanh(r)`` with ``r = e / (2 + e)``."""
    r = e / (2.0 + e)
    q = r * r
    s = 1.0 / 31.0
    s = s * q + 1.0 / 29.0
    s = s * q + 1.0 / 27.0
    s = s * q + 1.0 / 25.0
    s = s * q + 1.0 / 23.0
    s = s * q + 1.0 / 21.0
    s = s * q + 1.0 / 19.0
    s = s * q + 1.0 / 17.0
    s = s * q + 1.0 / 15.0
    s = s * q + 1.0 / 13.0
    s = s * q + 1.0 / 11.0
    s = s * q + 1.0 / 9.0
    s = s * q + 1.0 / 7.0
    s = s * q + 1.0 / 5.0
    s = s * q + 1.0 / 3.0
    return 2.0 * r + 2.0 * r * q * s


@njit(cache=True, nogil=True, error_model="numpy")
def digamma(x: float) -> float:
    """Return the derivative of log gamma at a positive number."""
    total = 0.0
    while x < 8.0:
        total -= 1.0 / x
        x += 1.0
    q = 1.0 / (x * x)
    tail = q * (1 / 12 - q * (1 / 120 - q * (1 / 252 - q * (1 / 240 - q * (1 / 132 - q * (691 / 32760 - q / 12))))))
    return total + math.log(x) - 0.5 / x - tail


_ORDER_FREE = {"reassoc", "contract", "nsz"}


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_ORDER_FREE)
def total_of(a: Floats) -> float:
    """Return the sum, its order left to the compiler."""
    s = 0.0
    for i in range(a.shape[0]):
        s += a[i]
    return s


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_ORDER_FREE)
def product_of(a: Floats) -> float:
    """Return the product, its order left to the compiler."""
    s = 1.0
    for i in range(a.shape[0]):
        s *= a[i]
    return s


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_ORDER_FREE)
def dot(a: Floats, b: Floats) -> float:
    """Return the sum of products, its order left to the compiler."""
    s = 0.0
    for i in range(a.shape[0]):
        s += a[i] * b[i]
    return s


@njit(cache=True, nogil=True, error_model="numpy")
def add_scaled(factor: float, a: Floats, out: Floats) -> None:
    """Add ``factor * a`` to `out`."""
    for i in range(a.shape[0]):
        out[i] += factor * a[i]


@njit(cache=True, nogil=True, error_model="numpy")
def copy_into(a: Floats, out: Floats) -> None:
    """Copy `a` to `out`: a slice assigned to a slice costs ten times as much, for it minds overlaps."""
    for i in range(a.shape[0]):
        out[i] = a[i]
