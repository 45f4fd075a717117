"""Priors of one positive number, and the coordinates in which the sampler sees it, as compiled functions of numbers.

A prior is a code and two numbers, ``(kind, a, b)``, and so is a coordinate, see `priors.codes`. The coordinate ``x``
of an sd is its normal score under a distribution with a cheap quantile function, ``sd = F^-1(Phi(x))``; where that
distribution is the prior itself, ``x`` is a standard normal a priori. Any increasing map gives the same posterior.
"""

# mypy: allow-untyped-calls, allow-untyped-decorators, disable-error-code="no-any-return"
from __future__ import annotations

import math

import numpy as np
from numba import njit

from hierbayes.engines.quantiles import (
    FAR,
    far_half_normal,
    far_score,
    half_normal_quantile,
    half_t3_quantile,
    hazard_excess,
    log_mills,
    minus_log_upper,
)
from hierbayes.priors.codes import (
    EXPONENTIAL,
    GAMMA,
    HALF_CAUCHY,
    HALF_NORMAL,
    HALF_T,
    INVERSE_GAMMA,
    LOG_NORMAL,
    MAP_EXPONENTIAL,
    MAP_HALF_CAUCHY,
    MAP_HALF_NORMAL,
    MAP_HALF_T2,
    MAP_HALF_T3,
    MAP_LOG,
    MAP_UNIFORM,
    UNIFORM,
)

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
_TINY = 1e-300
_LEAST = 1e-307
_LOG_HUGE = 690.0
"""Logarithm of the largest sd that half-t priors are walked to: 1e299."""

_LARGE = 1e200
"""Squares from which 1 does not count beside them, well before they overflow."""


@njit(cache=True, nogil=True, error_model="numpy")
def log_prior(kind: int, a: float, b: float, s: float) -> tuple[float, float]:
    """Return the log density of the prior at ``s`` and ``s`` times its derivative there."""
    if kind == HALF_NORMAL:
        t = s / a
        return 0.5 * math.log(2 / math.pi) - math.log(a) - 0.5 * t * t, -t * t
    if kind == HALF_T:
        t = (s / b) * (s / b) / a
        const = math.lgamma((a + 1) / 2) - math.lgamma(a / 2) - 0.5 * math.log(a * math.pi) - math.log(b / 2)
        if t > _LARGE:
            return const - (a + 1) * (math.log(s / b) - 0.5 * math.log(a)), -(a + 1)
        return const - (a + 1) / 2 * math.log1p(t), -(a + 1) * t / (1 + t)
    if kind == HALF_CAUCHY:
        t = (s / a) * (s / a)
        if t > _LARGE:
            return math.log(2 / math.pi) - math.log(a) - 2 * math.log(s / a), -2.0
        return math.log(2 / math.pi) - math.log(a) - math.log1p(t), -2 * t / (1 + t)
    if kind == EXPONENTIAL:
        return math.log(a) - a * s, -a * s
    if kind == GAMMA:
        return a * math.log(b) - math.lgamma(a) + (a - 1) * math.log(s) - b * s, (a - 1) - b * s
    if kind == INVERSE_GAMMA:
        return a * math.log(b) - math.lgamma(a) - (a + 1) * math.log(s) - b / s, -(a + 1) + b / s
    if kind == LOG_NORMAL:
        z = (math.log(s) - a) / b
        return -_HALF_LOG_2PI - math.log(b) - math.log(s) - 0.5 * z * z, -1 - z / b
    if kind == UNIFORM:
        return -math.log(b - a), 0.0
    return 0.0, 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def _start(kind: int, a: float, b: float) -> float:
    """Return the slope of the quantile function at 0, where every one of them is a straight line."""
    if kind == MAP_HALF_NORMAL:
        return a * math.sqrt(0.5 * math.pi)
    if kind == MAP_HALF_T3:
        return a * 0.25 * math.pi * math.sqrt(3.0)
    if kind == MAP_HALF_T2:
        return a * math.sqrt(2.0)
    if kind == MAP_HALF_CAUCHY:
        return a * 0.5 * math.pi
    return b if kind == MAP_UNIFORM else 1 / a


@njit(cache=True, nogil=True, error_model="numpy")
def _power_tail(kind: int, a: float) -> tuple[float, float]:
    """Return log c and k: at its upper end a half-t is ``c w^-k``, w the probability of what lies above."""
    if kind == MAP_HALF_T3:
        return math.log(a) + 0.5 * math.log(12.0) - math.log(6 * math.pi) / 3, 1 / 3
    if kind == MAP_HALF_T2:
        return math.log(a), 0.5
    return math.log(a) + math.log(2 / math.pi), 1.0


@njit(cache=True, nogil=True, error_model="numpy")
def _far_prior(kind: int, a: float, b: float, s: float) -> float:
    """Return the log density at ``s`` of the distribution whose normal score is walked, and ``s`` times its slope."""
    if kind == MAP_HALF_NORMAL:
        return log_prior(HALF_NORMAL, a, 0.0, s)
    if kind == MAP_HALF_T3:
        return log_prior(HALF_T, 3.0, a, s)
    if kind == MAP_HALF_T2:
        return log_prior(HALF_T, 2.0, a, s)
    if kind == MAP_HALF_CAUCHY:
        return log_prior(HALF_CAUCHY, a, 0.0, s)
    return log_prior(UNIFORM, a, b, s) if kind == MAP_UNIFORM else log_prior(EXPONENTIAL, a, 0.0, s)


@njit(cache=True, nogil=True, error_model="numpy")
def _far_from_coordinate(kind: int, a: float, b: float, x: float) -> tuple[float, float, float, float]:
    """Return what `from_coordinate` does where ``abs(x) > FAR``."""
    if x > 0 and kind == MAP_HALF_NORMAL:
        t = far_half_normal(x)
        slope = math.exp(log_mills(t) - log_mills(x))
        return a * t, slope / t, math.log(a) + math.log(slope), hazard_excess(x) - hazard_excess(t) * slope
    if x > 0 and kind == MAP_EXPONENTIAL:
        log_hazard, own = -log_mills(x), minus_log_upper(x)
        return own / a, math.exp(log_hazard) / own, log_hazard - math.log(a), hazard_excess(x)
    if x > 0:
        log_c, k = _power_tail(kind, a)
        s = math.exp(min(log_c + k * minus_log_upper(x), _LOG_HUGE))
        density, score = _far_prior(kind, a, b, s)
        log_slope = -_HALF_LOG_2PI - 0.5 * x * x - density
        relative = math.exp(log_slope - math.log(s))
        return s, relative, log_slope, -x - score * relative
    s = _start(kind, a, b) * math.exp(-minus_log_upper(-x))
    density = _far_prior(kind, a, b, s)[0]
    return s, hazard_excess(-x) - x, -_HALF_LOG_2PI - 0.5 * x * x - density, -x


@njit(cache=True, nogil=True, error_model="numpy")
def from_coordinate(kind: int, a: float, b: float, x: float) -> tuple[float, float, float, float]:
    """Return ``s``, ``d log s / dx``, ``log ds/dx`` and the derivative of the last, at coordinate ``x``."""
    if kind == MAP_LOG:
        s = math.exp(a + b * x)
        return s, b, math.log(b) + a + b * x, b
    if abs(x) > FAR and (kind != MAP_UNIFORM or (a == 0 and x < 0)):
        return _far_from_coordinate(kind, a, b, x)
    u = max(0.5 * math.erfc(-x / math.sqrt(2.0)), _TINY)
    w = max(0.5 * math.erfc(x / math.sqrt(2.0)), _TINY)
    log_normal = -_HALF_LOG_2PI - 0.5 * x * x
    if kind == MAP_UNIFORM:
        s = a + (b - a) * u
        log_slope = log_normal + math.log(b - a)
        return s, math.exp(log_slope) / s, log_slope, -x
    if kind == MAP_EXPONENTIAL:
        s = (-math.log(w) if u > 0.5 else -math.log1p(-u)) / a
        density, score = log_prior(EXPONENTIAL, a, 0.0, s)
    elif kind == MAP_HALF_NORMAL:
        s = a * half_normal_quantile(u, w)
        density, score = log_prior(HALF_NORMAL, a, 0.0, s)
    elif kind == MAP_HALF_T3:
        s = a * half_t3_quantile(u, w)
        density, score = log_prior(HALF_T, 3.0, a, s)
    elif kind == MAP_HALF_T2:
        s = a * math.sqrt(2.0) * u / math.sqrt(w * (1 + u))
        density, score = log_prior(HALF_T, 2.0, a, s)
    else:
        s = a * (math.tan(0.5 * math.pi * u) if u < 0.5 else 1 / math.tan(0.5 * math.pi * w))
        density, score = log_prior(HALF_CAUCHY, a, 0.0, s)
    log_slope = log_normal - density
    relative = math.exp(log_slope - math.log(s))
    return s, relative, log_slope, -x - score * relative


@njit(cache=True, nogil=True, error_model="numpy")
def _far_to_coordinate(kind: int, a: float, b: float, s: float, lower: float) -> float:
    """Return the coordinate of an ``s`` beyond that of `FAR`, at the lower end or the upper one.

    An ``s`` of 0 is taken for one of 1e-307 of the prior's size.
    """
    if lower:
        return -far_score(-math.log(max(s / _start(kind, a, b), _LEAST)))
    if kind == MAP_HALF_NORMAL:
        return far_score(minus_log_upper(s / a) - math.log(2.0))
    if kind == MAP_EXPONENTIAL:
        return far_score(a * s)
    log_c, k = _power_tail(kind, a)
    return far_score((math.log(s) - log_c) / k)


@njit(cache=True, nogil=True, error_model="numpy")
def to_coordinate(kind: int, a: float, b: float, s: float) -> float:
    """Return the coordinate of ``s`` by bisection and Newton steps; the inverse of `from_coordinate`."""
    if kind == MAP_LOG:
        return (math.log(s) - a) / b
    if (kind != MAP_UNIFORM or a == 0) and s < from_coordinate(kind, a, b, -FAR)[0]:
        return _far_to_coordinate(kind, a, b, s, True)
    if kind != MAP_UNIFORM and s > from_coordinate(kind, a, b, FAR)[0]:
        return _far_to_coordinate(kind, a, b, s, False)
    lower, upper = -37.0, 37.0
    x = 0.0
    for _ in range(200):
        value, relative, _, _ = from_coordinate(kind, a, b, x)
        if value < s:
            lower = x
        else:
            upper = x
        step = (math.log(s) - math.log(value)) / relative
        proposal = x + step
        if not (lower < proposal < upper) or not np.isfinite(proposal):
            proposal = 0.5 * (lower + upper)
        if abs(proposal - x) < 1e-14 * (1 + abs(x)):
            return proposal
        x = proposal
    return x
