"""LAPACK by address: Cholesky factor and inverse of a large dense border, from compiled code.

The addresses stand on the tape, so that the compiled functions hold none and can be cached on disk.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators, disable-error-code="call-arg"
from __future__ import annotations

from functools import cache

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

from hierbayes.engines.base import Ints

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
def _call(typing_context, address, a, b, c, d, e):
    """Call the function at an address with five pointers."""
    from llvmlite import ir

    signature = types.void(types.int64, types.int64, types.int64, types.int64, types.int64, types.int64)

    def generate(context, builder, signature, arguments):
        word = ir.IntType(64)
        kind = ir.FunctionType(ir.VoidType(), [word] * 5)
        builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), list(arguments[1:]))
        return context.get_dummy_value()

    return signature, generate


@njit(cache=True, nogil=True, error_model="numpy")
def _in_place(address, a, n):
    """Call dpotrf or dpotri on the upper triangle of the leading n by n part of the row-major `a`."""
    # Rows of `a` are LAPACK's columns, so that its lower triangle is our upper one.
    lower = np.array([76], dtype=np.uint8)
    order = np.array([n], dtype=np.int32)
    leading = np.array([a.shape[1]], dtype=np.int32)
    info = np.zeros(1, dtype=np.int32)
    _call(address, lower.ctypes.data, order.ctypes.data, a.ctypes.data, leading.ctypes.data, info.ctypes.data)
    return info[0] == 0


@njit(cache=True, nogil=True, error_model="numpy")
def large_cholesky(address, a):
    """Overwrite the upper triangle of `a` with R, ``a = R' R``; return whether it is positive definite."""
    return _in_place(address, a, a.shape[0])


@njit(cache=True, nogil=True, error_model="numpy")
def large_inverse(address, r, n, cov):
    """Fill the leading n by n part of `cov` with ``(R' R)^-1``."""
    work = r.copy()
    _in_place(address, work, n)
    for i in range(n):
        for j in range(i, n):
            cov[i, j] = work[i, j]
            cov[j, i] = work[i, j]
