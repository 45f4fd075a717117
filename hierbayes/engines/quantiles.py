"""Quantiles of the distributions by whose normal scores sds are walked, and their tails in logarithms.

Beyond `FAR` on either side the probabilities of a normal score are taken in logarithms: those themselves end at 38.
"""

# mypy: allow-untyped-calls, allow-untyped-decorators, disable-error-code="no-any-return"
from __future__ import annotations

import math

from numba import njit

from hierbayes.engines.stale import drop_stale, find_cache

# No kernel runs before this file is imported.
drop_stale()
find_cache()

FAR = 30.0
"""Normal score from which tails are taken in logarithms."""

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


@njit(cache=True, nogil=True, error_model="numpy")
def normal_quantile(p: float) -> float:
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
def half_normal_quantile(u: float, w: float) -> float:
    """Return the quantile of the absolute value of a standard normal at ``u = 1 - w``."""
    if u > 1e-3:
        return -normal_quantile(0.5 * w)
    # Near 0 the quantile is an odd series in c, where 0.5 - 0.5 * u would lose digits.
    c = u * math.sqrt(math.pi / 2)
    c2 = c * c
    return c * (1 + c2 * (1 / 6 + c2 * (7 / 120 + c2 * 127 / 5040)))


@njit(cache=True, nogil=True, error_model="numpy")
def half_t3_quantile(u: float, w: float) -> float:
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
def _shortfall(x: float) -> float:
    """Return ``1 - x M(x)`` for ``x >= FAR``, where M is Mills' ratio, that of the upper tail to the density.

    The terms of the asymptotic series beyond the seventh are below 1e-17.
    """
    r = 1 / (x * x)
    return r * (1 - 3 * r * (1 - 5 * r * (1 - 7 * r * (1 - 9 * r * (1 - 11 * r * (1 - 13 * r))))))


@njit(cache=True, nogil=True, error_model="numpy")
def log_mills(x: float) -> float:
    """Return the logarithm of Mills' ratio for ``x >= FAR``."""
    return math.log1p(-_shortfall(x)) - math.log(x)


@njit(cache=True, nogil=True, error_model="numpy")
def hazard_excess(x: float) -> float:
    """Return ``1 / M(x) - x`` for ``x >= FAR``, which is minus the derivative of ``log M``."""
    gap = _shortfall(x)
    return x * gap / (1 - gap)


@njit(cache=True, nogil=True, error_model="numpy")
def minus_log_upper(x: float) -> float:
    """Return minus the log probability that a standard normal exceeds ``x >= FAR``."""
    return 0.5 * x * x + _HALF_LOG_2PI - log_mills(x)


@njit(cache=True, nogil=True, error_model="numpy")
def far_score(target: float) -> float:
    """Return the ``x >= FAR`` at which `minus_log_upper` has a value."""
    x = math.sqrt(2 * target)
    for _ in range(50):
        step = (minus_log_upper(x) - target) / (x + hazard_excess(x))
        x -= step
        if abs(step) <= 1e-15 * x:
            break
    return x


@njit(cache=True, nogil=True, error_model="numpy")
def far_half_normal(x: float) -> float:
    """Return the quantile of the absolute value of a standard normal whose upper tail is that of ``x >= FAR``.

    The quantile is ``x + e`` with ``e (x + e / 2) = log 2 + log M(x + e) - log M(x)``.
    """
    own = log_mills(x)
    e = math.log(2.0) / x
    for _ in range(50):
        gap = e * (x + 0.5 * e) - math.log(2.0) - (log_mills(x + e) - own)
        step = gap / (x + e + hazard_excess(x + e))
        e -= step
        if abs(step) <= 1e-15 * x:
            break
    return x + e
