"""Log likelihood of categories without an order, whose observations have several predictors each, end to end."""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators
from __future__ import annotations

import math

from numba import njit

from hierbayes.engines.joint.elementary import exponential


@njit(cache=True, nogil=True, error_model="numpy")
def categorical(eta, a, b, predictors, g, spare, trials):
    """``sum a eta - b log(1 + sum exp(eta))`` over the predictors of each observation; `b` is the same in its rows.

    The exponentials of a chunk stand in a loop of their own, which the compiler takes several rows at once. Those of an
    observation are taken less the largest, so that their sum lies between 1 and K: the logarithms of a chunk's sums
    with weight 1 are one logarithm of their product, at most 3^128.
    """
    for start in range(0, eta.shape[0], predictors):
        top = 0.0
        for i in range(start, start + predictors):
            top = max(top, eta[i])
        for i in range(start, start + predictors):
            spare[i] = top
    for i in range(eta.shape[0]):
        g[i] = exponential(eta[i] - spare[i])
        trials[i] = exponential(-spare[i])
    value, product = 0.0, 1.0
    for start in range(0, eta.shape[0], predictors):
        total = trials[start]
        for i in range(start, start + predictors):
            total += g[i]
            value += a[i] * eta[i]
        value -= b[start] * spare[start]
        if b[start] == 1.0:
            product *= total
        else:
            value -= b[start] * math.log(total)
        share = b[start] / total
        for i in range(start, start + predictors):
            g[i] = a[i] - share * g[i]
    return value - math.log(product)


@njit(cache=True, nogil=True, error_model="numpy")
def shares(eta, predictors, out):
    """Fill the probability of each category but the reference."""
    for start in range(0, eta.shape[0], predictors):
        top = 0.0
        for i in range(start, start + predictors):
            top = max(top, eta[i])
        total = exponential(-top)
        for i in range(start, start + predictors):
            out[i] = exponential(eta[i] - top)
            total += out[i]
        for i in range(start, start + predictors):
            out[i] /= total
