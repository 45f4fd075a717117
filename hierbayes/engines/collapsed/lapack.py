"""LAPACK by address: Cholesky factor and inverse of a large dense border, from compiled code.

The addresses stand on the tape, so that the compiled functions hold none and can be cached on disk.
"""

# mypy: allow-untyped-calls, allow-untyped-decorators, disable-error-code="call-arg, no-any-return"
from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

from hierbayes.engines.base import Floats, Ints

LARGE = 96
"""Border width from which LAPACK is faster than plain loops."""


@cache
def addresses() -> Ints:
    """Return the addresses of dpotrf and dpotri in this process."""
    from numba.extending import get_cython_function_address

    names = ("dpotrf", "dpotri")
    found = [get_cython_function_address("scipy.linalg.cython_lapack", name) for name in names]
    return np.array(found, dtype=np.int64)


@intrinsic
def _call(typing_context: Any, address: Any, a: Any, b: Any, c: Any, d: Any, e: Any) -> Any:
    """Call the function at an address with five pointers."""
    from llvmlite import ir

    signature = types.void(types.int64, types.int64, types.int64, types.int64, types.int64, types.int64)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word = ir.IntType(64)
        kind = ir.FunctionType(ir.VoidType(), [word] * 5)
        builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), list(arguments[1:]))
        return context.get_dummy_value()

    return signature, generate


@njit(cache=True, nogil=True, error_model="numpy")
def _in_place(address: int, a: Floats, n: int) -> bool:
    """Call dpotrf or dpotri on the upper triangle of the leading n by n part of the row-major `a`."""
    # Rows of `a` are LAPACK's columns, so that its lower triangle is our upper one.
    lower = np.array([76], dtype=np.uint8)
    order = np.array([n], dtype=np.int32)
    leading = np.array([a.strides[0] // a.itemsize], dtype=np.int32)
    info = np.zeros(1, dtype=np.int32)
    _call(address, lower.ctypes.data, order.ctypes.data, a.ctypes.data, leading.ctypes.data, info.ctypes.data)
    return info[0] == 0


@njit(cache=True, nogil=True, error_model="numpy")
def large_cholesky(address: int, a: Floats, starts: Ints, columns: Ints) -> bool:
    """Overwrite the upper triangle of `a` with R, ``a = R' R``; return whether it is positive definite.

    Row r of the first ones has entries only in ``columns[starts[r] : starts[r + 1]]``; the rest is dense.
    """
    thin = starts.shape[0] - 1
    values = np.empty(a.shape[0])
    for k in range(thin):
        if not a[k, k] > 0.0:
            return False
        root = math.sqrt(a[k, k])
        a[k, k] = root
        # Places without a sign spare the compiler a test for negative ones at every multiplication.
        own = columns[starts[k] : starts[k + 1]].view(np.uint64)
        count = np.uint64(own.shape[0])
        for i in range(count):
            values[i] = a[k, own[i]] / root
            a[k, own[i]] = values[i]
        for i in range(count):
            x = values[i]
            row = a[own[i]]
            for j in range(i, count):
                row[own[j]] -= x * values[j]
    return _in_place(address, a[thin:, thin:], a.shape[0] - thin)


@njit(cache=True, nogil=True, error_model="numpy")
def large_inverse(address: int, r: Floats, n: int, cov: Floats) -> None:
    """Fill the leading n by n part of `cov` with ``(R' R)^-1``."""
    work = r.copy()
    _in_place(address, work, n)
    for i in range(n):
        for j in range(i, n):
            cov[i, j] = work[i, j]
            cov[j, i] = work[i, j]
