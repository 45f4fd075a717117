"""Priors of one positive number, and the coordinates in which the sampler sees it, as compiled functions of numbers.

A prior is a code and two numbers, ``(kind, a, b)``, and so is a coordinate. The coordinate ``x``
of an sd is its normal score under a distribution with a cheap quantile function, ``sd = F^-1(Phi(x))``; where that
distribution is the prior itself, ``x`` is a standard normal a priori. Any increasing map gives the same posterior.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
from __future__ import annotations

import math

import numpy as np
from numba import njit

from hierbayes.engines.stale import drop_stale, find_cache
from hierbayes.errors import ModelError
from hierbayes.priors import (
    Exponential,
    Flat,
    Gamma,
    HalfCauchy,
    HalfNormal,
    HalfStudentT,
    InverseGamma,
    LogNormal,
    Prior,
    Uniform,
)

# No kernel runs before this file is imported.
drop_stale()
find_cache()

FLAT, HALF_NORMAL, HALF_T, HALF_CAUCHY, EXPONENTIAL, GAMMA, INVERSE_GAMMA, LOG_NORMAL, UNIFORM = range(9)

MAP_LOG, MAP_HALF_NORMAL, MAP_HALF_T3, MAP_HALF_T2, MAP_HALF_CAUCHY, MAP_EXPONENTIAL, MAP_UNIFORM = range(7)

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
_TINY = 1e-300


def encode(prior: Prior) -> tuple[int, float, float]:
    """Return the code and the two numbers of a prior of a positive number.

    Parameters
    ----------
    prior : Prior
        One of the kinds that the kernels know.

    Raises
    ------
    ModelError
        If the kernels do not know the prior.

    Examples
    --------
    >>> from hierbayes.priors import HalfNormal
    >>> encode(HalfNormal(2.0))
    (1, 2.0, 0.0)
    """
    match prior:
        case Flat():
            return FLAT, 0.0, 0.0
        case HalfNormal(sigma):
            return HALF_NORMAL, sigma, 0.0
        case HalfStudentT(nu, sigma):
            return HALF_T, nu, sigma
        case HalfCauchy(beta):
            return HALF_CAUCHY, beta, 0.0
        case Exponential(lam):
            return EXPONENTIAL, lam, 0.0
        case Gamma(alpha, beta):
            return GAMMA, alpha, beta
        case InverseGamma(alpha, beta):
            return INVERSE_GAMMA, alpha, beta
        case LogNormal(mu, sigma):
            return LOG_NORMAL, mu, sigma
        case Uniform(lower, upper):
            return UNIFORM, lower, upper
    raise ModelError(
        f"the compiled kernels have no prior {prior} for a standard deviation",
        'choose another prior, or sample with engine="pymc"',
    )


def coordinate(prior: Prior, scale: float, log_only: bool = False) -> tuple[int, float, float]:
    """Return the code and the two numbers of the coordinate in which an sd with this prior is sampled.

    Parameters
    ----------
    prior : Prior
        Prior of the sd.
    scale : float
        A size of the sd that the data suggest, for priors that state none.
    log_only : bool
        Walk in the logarithm of the sd whatever the prior.

    Examples
    --------
    >>> from hierbayes.priors import HalfStudentT
    >>> coordinate(HalfStudentT(3, 10.0), scale=1.0)
    (2, 10.0, 0.0)
    """
    if log_only and not isinstance(prior, Uniform):
        return MAP_LOG, math.log(scale), 1.0
    match prior:
        case HalfNormal(sigma):
            return MAP_HALF_NORMAL, sigma, 0.0
        case HalfStudentT(nu, sigma):
            kind = MAP_HALF_T3 if nu >= 3 else MAP_HALF_T2 if nu >= 2 else MAP_HALF_CAUCHY
            return kind, sigma, 0.0
        case HalfCauchy(beta):
            return MAP_HALF_CAUCHY, beta, 0.0
        case Exponential(lam):
            return MAP_EXPONENTIAL, lam, 0.0
        case Gamma(alpha, beta):
            return MAP_LOG, math.log(alpha / beta), 1 / math.sqrt(alpha)
        case InverseGamma(alpha, beta):
            return MAP_LOG, math.log(beta / alpha), 1 / math.sqrt(alpha)
        case LogNormal(mu, sigma):
            return MAP_LOG, mu, sigma
        case Uniform(lower, upper):
            return MAP_UNIFORM, lower, upper
    return MAP_HALF_T3, scale, 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def log_prior(kind, a, b, s):
    """Return the log density of the prior at ``s`` and ``s`` times its derivative there."""
    if kind == HALF_NORMAL:
        t = s / a
        return 0.5 * math.log(2 / math.pi) - math.log(a) - 0.5 * t * t, -t * t
    if kind == HALF_T:
        t = (s / b) * (s / b) / a
        const = math.lgamma((a + 1) / 2) - math.lgamma(a / 2) - 0.5 * math.log(a * math.pi) - math.log(b / 2)
        return const - (a + 1) / 2 * math.log1p(t), -(a + 1) * t / (1 + t)
    if kind == HALF_CAUCHY:
        t = (s / a) * (s / a)
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
def normal_quantile(p):
    """Return the standard normal quantile of ``0 < p <= 0.5``, to full precision (algorithm AS 241)."""
    q = p - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        num = (
            (
                (
                    (
                        ((2509.0809287301226727 * r + 33430.575583588128105) * r + 67265.770927008700853) * r
                        + 45921.953931549871457
                    )
                    * r
                    + 13731.693765509461125
                )
                * r
                + 1971.5909503065514427
            )
            * r
            + 133.14166789178437745
        ) * r + 3.387132872796366608
        den = (
            (
                (
                    (
                        ((5226.495278852545925 * r + 28729.085735721942674) * r + 39307.89580009271061) * r
                        + 21213.794301586595867
                    )
                    * r
                    + 5394.1960214247511077
                )
                * r
                + 687.1870074920579083
            )
            * r
            + 42.313330701600911252
        ) * r + 1.0
        return q * num / den
    r = math.sqrt(-math.log(p))
    if r <= 5:
        r -= 1.6
        num = (
            (
                (
                    (
                        ((7.7454501427834140764e-4 * r + 0.0227238449892691845833) * r + 0.24178072517745061177) * r
                        + 1.27045825245236838258
                    )
                    * r
                    + 3.64784832476320460504
                )
                * r
                + 5.7694972214606914055
            )
            * r
            + 4.6303378461565452959
        ) * r + 1.42343711074968357734
        den = (
            (
                (
                    (
                        ((1.05075007164441684324e-9 * r + 5.475938084995344946e-4) * r + 0.0151986665636164571966) * r
                        + 0.14810397642748007459
                    )
                    * r
                    + 0.68976733498510000455
                )
                * r
                + 1.6763848301838038494
            )
            * r
            + 2.05319162663775882187
        ) * r + 1.0
        return -num / den
    r -= 5
    num = (
        (
            (
                (
                    ((2.01033439929228813265e-7 * r + 2.71155556874348757815e-5) * r + 0.0012426609473880784386) * r
                    + 0.026532189526576123093
                )
                * r
                + 0.29656057182850489123
            )
            * r
            + 1.7848265399172913358
        )
        * r
        + 5.4637849111641143699
    ) * r + 6.6579046435011037772
    den = (
        (
            (
                (
                    ((2.04426310338993978564e-15 * r + 1.4215117583164458887e-7) * r + 1.8463183175100546818e-5) * r
                    + 7.868691311456132591e-4
                )
                * r
                + 0.0148753612908506148525
            )
            * r
            + 0.13692988092273580531
        )
        * r
        + 0.59983220655588793769
    ) * r + 1.0
    return -num / den


@njit(cache=True, nogil=True, error_model="numpy")
def _half_normal_quantile(u, w):
    """Return the quantile of the absolute value of a standard normal at ``u = 1 - w``."""
    if u > 1e-3:
        return -normal_quantile(0.5 * w)
    # Near 0 the quantile is an odd series in c, where 0.5 - 0.5 * u would lose digits.
    c = u * math.sqrt(math.pi / 2)
    c2 = c * c
    return c * (1 + c2 * (1 / 6 + c2 * (7 / 120 + c2 * 127 / 5040)))


@njit(cache=True, nogil=True, error_model="numpy")
def _half_t3_quantile(u, w):
    """Return the quantile of the absolute value of Student's t with 3 degrees of freedom at ``u = 1 - w``.

    With ``s = sqrt(3) tan(a)`` the distribution function is ``(2 a + sin 2a) / pi``; Newton in ``2 a`` from below
    or, in the upper tail, in its complement.
    """
    if u < 0.7:
        d = 0.5 * math.pi * u
        d = d * (1 + d * d / 12 * (1 + d * d / 20))
        for _ in range(30):
            step = (d + math.sin(d) - math.pi * u) / (1 + math.cos(d))
            d -= step
            if abs(step) <= 1e-15 * d:
                break
        return math.sqrt(3.0) * math.tan(0.5 * d)
    # d = pi - c gives c - sin c = pi w
    target = math.pi * w
    c = (6 * target) ** (1 / 3)
    c = c * (1 + c * c / 60)
    for _ in range(30):
        c2 = c * c
        if c < 0.5:
            gap = c * c2 / 6 * (1 - c2 / 20 * (1 - c2 / 42 * (1 - c2 / 72 * (1 - c2 / 110 * (1 - c2 / 156)))))
        else:
            gap = c - math.sin(c)
        half = math.sin(0.5 * c)
        step = (gap - target) / (2 * half * half)
        c -= step
        if abs(step) <= 1e-15 * c:
            break
    return math.sqrt(3.0) / math.tan(0.5 * c)


@njit(cache=True, nogil=True, error_model="numpy")
def from_coordinate(kind, a, b, x):
    """Return ``s``, ``d log s / dx``, ``log ds/dx`` and the derivative of the last, at coordinate ``x``."""
    if kind == MAP_LOG:
        s = math.exp(a + b * x)
        return s, b, math.log(b) + a + b * x, b
    u = max(0.5 * math.erfc(-x / math.sqrt(2.0)), _TINY)
    w = max(0.5 * math.erfc(x / math.sqrt(2.0)), _TINY)
    log_normal = -_HALF_LOG_2PI - 0.5 * x * x
    if kind == MAP_UNIFORM:
        s = a + (b - a) * u
        log_slope = log_normal + math.log(b - a)
        if a == 0 and x < -30:
            return s, -x, log_slope, -x
        return s, math.exp(log_slope) / s, log_slope, -x
    if kind == MAP_EXPONENTIAL:
        s = (-math.log(w) if u > 0.5 else -math.log1p(-u)) / a
        density, score = log_prior(EXPONENTIAL, a, 0.0, s)
    elif kind == MAP_HALF_NORMAL:
        s = a * _half_normal_quantile(u, w)
        density, score = log_prior(HALF_NORMAL, a, 0.0, s)
    elif kind == MAP_HALF_T3:
        s = a * _half_t3_quantile(u, w)
        density, score = log_prior(HALF_T, 3.0, a, s)
    elif kind == MAP_HALF_T2:
        s = a * math.sqrt(2.0) * u / math.sqrt(w * (1 + u))
        density, score = log_prior(HALF_T, 2.0, a, s)
    else:
        s = a * (math.tan(0.5 * math.pi * u) if u < 0.5 else 1 / math.tan(0.5 * math.pi * w))
        density, score = log_prior(HALF_CAUCHY, a, 0.0, s)
    log_slope = log_normal - density
    # Beyond 30 the distribution function underflows; there d log s / dx is -x to the last digits that matter.
    relative = -x if x < -30 else math.exp(log_slope - math.log(s))
    return s, relative, log_slope, -x - score * relative


@njit(cache=True, nogil=True, error_model="numpy")
def to_coordinate(kind, a, b, s):
    """Return the coordinate of ``s`` by bisection and Newton steps; the inverse of `from_coordinate`."""
    if kind == MAP_LOG:
        return (math.log(s) - a) / b
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
