"""How the working model follows theta: its scales and its target, and derivatives back.

With x for the coordinates of theta in the chart, ``theta = mode + C x``, every effect and coefficient has a scale D
and a target e,

    log D = sum over the coordinates of  a x + a' bent(x)        e = c + sum of  g x + g' bent(x),

1 and c at the mode. `bent` is the square as far as the nodes, at which the two were measured, and its tangent beyond.
The information at theta is ``D G D``, the target ``D e``.
"""

# mypy: allow-untyped-calls, allow-untyped-decorators, disable-error-code="no-any-return"
from __future__ import annotations

import math

from numba import njit

from hierbayes.engines.base import Floats, Ints
from hierbayes.engines.joint import tape as at
from hierbayes.engines.joint.elementary import add_scaled, dot
from hierbayes.engines.joint.rows import part


@njit(cache=True, nogil=True, error_model="numpy")
def bent(x: float) -> float:
    """Return the square of x as far as the nodes and its tangent beyond."""
    far = min(max(x, -at.NODE), at.NODE)
    return far * (2.0 * x - far)


@njit(cache=True, nogil=True, error_model="numpy")
def slope_of_bent(x: float) -> float:
    """Return the derivative of `bent`."""
    return 2.0 * min(max(x, -at.NODE), at.NODE)


@njit(cache=True, nogil=True, error_model="numpy")
def follow(ints: Ints, floats: Floats, x: Floats, scale: Floats, target: Floats) -> None:
    """Fill D and ``D e``, in the order of w, at the coordinates of theta."""
    size, place = scale.shape[0], ints[at.AT_FOLLOWING]
    target[:] = part(floats, ints[at.AT_TARGET], size)
    scale[:] = 0.0
    for d in range(ints[at.DIM]):
        first, own = place + 4 * d * size, bent(x[d])
        add_scaled(x[d], part(floats, first, size), scale)
        add_scaled(own, part(floats, first + size, size), scale)
        add_scaled(x[d], part(floats, first + 2 * size, size), target)
        add_scaled(own, part(floats, first + 3 * size, size), target)
    for i in range(size):
        scale[i] = math.exp(scale[i])
        target[i] *= scale[i]


@njit(cache=True, nogil=True, error_model="numpy")
def pull_following(ints: Ints, floats: Floats, x: Floats, by_log_scale: Floats, by_e: Floats, grad: Floats) -> None:
    """Add what derivatives in log D and e say of the coordinates of theta."""
    size, place = by_e.shape[0], ints[at.AT_FOLLOWING]
    for d in range(ints[at.DIM]):
        first = place + 4 * d * size
        straight = dot(part(floats, first, size), by_log_scale) + dot(part(floats, first + 2 * size, size), by_e)
        curved = dot(part(floats, first + size, size), by_log_scale) + dot(part(floats, first + 3 * size, size), by_e)
        grad[d] += straight + slope_of_bent(x[d]) * curved
