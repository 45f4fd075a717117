"""Minimisation of a smooth function without bounds by BFGS, for functions that may be infinite far out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hierbayes.engines.base import Floats

Function = Callable[[Floats], tuple[float, Floats]]

_STEPS = 300
_TRIALS = 25
_REACH = 3.0
"""How far a step may go, in units of the largest coordinate, or of 1."""
_NOISE = 1e-13
"""Relative rounding of a value: smaller rises count as none."""


@dataclass(frozen=True)
class Minimum:
    """Where a descent ended.

    Attributes
    ----------
    x : array
    value : float
    promised : float
        Twice what a further quasi-Newton step promises to gain.
    """

    x: Floats
    value: float
    promised: float


@dataclass(frozen=True)
class _Point:
    step: float
    x: Floats
    value: float
    gradient: Floats
    slope: float


def minimise(function: Function, x: Floats, spread: Floats, tolerance: float) -> Minimum:
    """Return where BFGS ends.

    Parameters
    ----------
    function : callable
        Returns value and gradient; the value may be infinite, but not at the start.
    x : array
    spread : array
        A first guess of the diagonal of the inverse Hessian.
    tolerance : float
        The search ends where twice the gain that a step promises is less.

    Examples
    --------
    >>> import numpy as np
    >>> found = minimise(lambda x: (float(np.sum(x**4)), 4 * x**3), np.ones(2), np.ones(2), 1e-12)
    >>> bool(found.value < 1e-9)
    True
    """
    value, gradient = function(x)
    inverse, fresh = np.diag(spread), True
    for _ in range(_STEPS):
        direction = -inverse @ gradient
        slope = float(gradient @ direction)
        if slope > -tolerance:
            break
        reached = _search(function, _Point(0.0, x, value, gradient, slope), direction)
        if reached is None:
            break
        inverse, fresh = _updated(inverse, reached.x - x, reached.gradient - gradient, fresh)
        x, value, gradient = reached.x, reached.value, reached.gradient
    return Minimum(x, value, float(gradient @ inverse @ gradient))


def _search(function: Function, start: _Point, direction: Floats) -> _Point | None:
    """Return a point along a direction where value and slope have fallen enough; None where there is none."""
    noise = _NOISE * max(1.0, abs(start.value))
    limit = _REACH * max(1.0, float(np.max(np.abs(start.x)))) / float(np.max(np.abs(direction)))
    low, high = start, None
    step = min(1.0, limit)
    for _ in range(_TRIALS):
        point = _along(function, start, direction, step)
        if not point.value <= start.value + 1e-4 * step * start.slope + noise:
            high = point
        elif point.slope < 0.9 * start.slope and step < limit:
            low = point
        else:
            return point
        step = min(3.0 * step, limit) if high is None else _between(low, high)
    return low if low is not start else None


def _along(function: Function, start: _Point, direction: Floats, step: float) -> _Point:
    x = start.x + step * direction
    value, gradient = function(x)
    return _Point(step, x, value, gradient, float(gradient @ direction) if math.isfinite(value) else math.inf)


def _between(low: _Point, high: _Point) -> float:
    """Return a step between two: the minimum of the cubic through both, kept away from the ends."""
    width = high.step - low.step
    if not math.isfinite(high.value):
        return low.step + 0.1 * width
    bend = low.slope + high.slope - 3 * (high.value - low.value) / width
    root = math.sqrt(max(bend * bend - low.slope * high.slope, 0.0))
    below = high.slope - low.slope + 2 * root
    share = 1 - (high.slope + root - bend) / below if below > 0 else 0.5
    return low.step + min(max(share, 0.1), 0.6) * width


def _updated(inverse: Floats, moved: Floats, turned: Floats, fresh: bool) -> tuple[Floats, bool]:
    """Return the inverse Hessian after a step; a first guess is scaled to what the first step has shown."""
    product = float(moved @ turned)
    if product <= 1e-12 * float(np.linalg.norm(moved) * np.linalg.norm(turned)):
        return inverse, fresh
    if fresh:
        inverse = inverse * (product / float(turned @ inverse @ turned))
    across = inverse @ turned
    crossed = np.outer(across, moved)
    grown = (1 + float(turned @ across) / product) / product * np.outer(moved, moved)
    return inverse + grown - (crossed + crossed.T) / product, False
