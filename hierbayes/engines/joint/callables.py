"""The bodies of the joint engine's entries: arrays made of pointers, and a call of the kernel."""

# mypy: allow-untyped-calls, allow-untyped-defs
from __future__ import annotations

import numpy as np
from numba import carray

from hierbayes.engines.joint import kernel
from hierbayes.engines.joint import laplace as approximation
from hierbayes.engines.joint import tape as at
from hierbayes.engines.joint import working as model


def hierbayes_joint_density(dim, x, grad, value, tape):
    """Fill log density and gradient at x; 0 if they are finite."""
    total = carray(tape, (at.HEADER,), np.int64)[at.TOTAL]
    slopes = carray(grad, (dim,), np.float64)
    found = kernel.log_density(
        carray(tape, (total,), np.int64), carray(tape, (total,), np.float64), carray(x, (dim,), np.float64), slopes
    )
    carray(value, (1,), np.float64)[0] = found
    if not np.isfinite(found):
        return 4
    for i in range(dim):
        if not np.isfinite(slopes[i]):
            return 3
    return 0


def hierbayes_joint_value(dim, x, value, tape):
    """Fill the log density at x."""
    total = carray(tape, (at.HEADER,), np.int64)[at.TOTAL]
    carray(value, (1,), np.float64)[0] = kernel.log_density(
        carray(tape, (total,), np.int64), carray(tape, (total,), np.float64), carray(x, (dim,), np.float64), np.zeros(0)
    )
    return 0


def hierbayes_joint_expand(dim, expanded, x, out, tape):
    """Fill theta, effects and coefficients at x."""
    total = carray(tape, (at.HEADER,), np.int64)[at.TOTAL]
    kernel.expand(
        carray(tape, (total,), np.int64),
        carray(tape, (total,), np.float64),
        carray(x, (dim,), np.float64),
        carray(out, (expanded,), np.float64),
    )
    return 0


def hierbayes_joint_laplace(dim, size, own, cells, width, tape, theta, w, levels, coupling, border, value):
    """Fill the mode of (v, beta) at theta, the Hessian there and the log marginal density."""
    total = carray(tape, (at.HEADER,), np.int64)[at.TOTAL]
    carray(value, (1,), np.float64)[0] = approximation.laplace(
        carray(tape, (total,), np.int64),
        carray(tape, (total,), np.float64),
        carray(theta, (dim,), np.float64),
        carray(w, (size,), np.float64),
        carray(levels, (own,), np.float64),
        carray(coupling, (cells,), np.float64),
        carray(border, (width, width), np.float64),
    )
    return 0


def hierbayes_joint_working(dim, size, own, cells, width, tape, theta, w, levels, coupling, border, target):
    """Fill the information of the rows and the target of the moving chart at theta and w."""
    total = carray(tape, (at.HEADER,), np.int64)[at.TOTAL]
    model.working(
        carray(tape, (total,), np.int64),
        carray(tape, (total,), np.float64),
        carray(theta, (dim,), np.float64),
        carray(w, (size,), np.float64),
        carray(levels, (own,), np.float64),
        carray(coupling, (cells,), np.float64),
        carray(border, (width, width), np.float64),
        carray(target, (size,), np.float64),
    )
    return 0
