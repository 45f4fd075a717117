"""Log likelihood of a chunk of rows, with its derivatives in the linear predictor and in the family's parameters.

Every function takes the predictors `eta` of a chunk, two numbers a row, `a` and `b` (see `arrange`), and the parameters
(sigma, then the others); it fills `g`, the derivative in eta, and adds to `slopes` the derivatives in the logarithms of
the parameters. What does not depend on eta is in `constant_terms`, once an evaluation.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, allow-untyped-decorators
from __future__ import annotations

import math

import numpy as np
from numba import njit

from hierbayes.engines.joint import tape as at
from hierbayes.engines.joint.categories import categorical, shares
from hierbayes.engines.joint.elementary import digamma, dot, exponential, log_one_plus, product_of, total_of

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


@njit(cache=True, nogil=True, error_model="numpy")
def gaussian(eta, a, b, sigma, g, slopes):
    """Residual variance ``sigma^2 / b``; `a` is the response."""
    scale = 1.0 / (sigma * sigma)
    for i in range(eta.shape[0]):
        eta[i] = a[i] - eta[i]
        g[i] = scale * b[i] * eta[i]
    rest = dot(g, eta)
    slopes[0] += rest
    return -0.5 * rest


@njit(cache=True, nogil=True, error_model="numpy")
def student(eta, a, b, sigma, nu, g, slopes):
    """Student's t with `nu` degrees of freedom; `a` is the response, `b` the weight of the row."""
    scale = 1.0 / (nu * sigma * sigma)
    value, by_sigma, by_nu = 0.0, 0.0, 0.0
    for i in range(eta.shape[0]):
        gap = a[i] - eta[i]
        q = gap * gap * scale
        share = q / (1.0 + q)
        own = b[i] * math.log1p(q)
        value -= own
        by_sigma += b[i] * share
        by_nu += (nu + 1.0) * b[i] * share - nu * own
        g[i] = (nu + 1.0) * b[i] * gap * scale / (1.0 + q)
    slopes[0] += (nu + 1.0) * by_sigma
    slopes[1] += 0.5 * by_nu
    return 0.5 * (nu + 1.0) * value


@njit(cache=True, nogil=True, error_model="numpy")
def logistic(eta, a, b, g, spare):
    """``a eta - b log(1 + exp(eta))``: `a` successes of `b` trials; `spare` is left holding ``log(1 + exp(eta))``."""
    for i in range(eta.shape[0]):
        t = eta[i]
        e = exponential(-abs(t))
        s = 1.0 / (1.0 + e)
        spare[i] = (t if t > 0.0 else 0.0) + log_one_plus(e)
        g[i] = a[i] - b[i] * (s if t > 0.0 else e * s)
    return dot(a, eta) - dot(b, spare)


@njit(cache=True, nogil=True, error_model="numpy")
def unit_logistic(eta, a, g, spare):
    """One trial a row: the logarithms of a chunk are one logarithm of a product, at most 2^256."""
    for i in range(eta.shape[0]):
        t = eta[i]
        e = exponential(-abs(t))
        s = 1.0 / (1.0 + e)
        spare[i] = 1.0 + e
        g[i] = a[i] - (s if t > 0.0 else e * s)
        eta[i] = a[i] * t - (t if t > 0.0 else 0.0)
    return total_of(eta) - math.log(product_of(spare))


@njit(cache=True, nogil=True, error_model="numpy")
def negative_binomial(eta, a, b, alpha, g, spare, trials, slopes):
    """Logistic in ``eta - log(alpha)`` with ``a`` successes of ``a + alpha b`` trials."""
    shift = math.log(alpha)
    for i in range(eta.shape[0]):
        eta[i] -= shift
        trials[i] = a[i] + alpha * b[i]
    value = logistic(eta, a, trials, g, spare)
    slopes[1] -= alpha * dot(b, spare) + total_of(g)
    return value


@njit(cache=True, nogil=True, error_model="numpy")
def poisson(eta, a, b, g, spare):
    """``a eta - b exp(eta)``."""
    for i in range(eta.shape[0]):
        spare[i] = b[i] * exponential(eta[i])
        g[i] = a[i] - spare[i]
    return dot(a, eta) - total_of(spare)


@njit(cache=True, nogil=True, error_model="numpy")
def gamma(eta, a, b, alpha, g, spare, slopes):
    """``-alpha (b eta + a exp(-eta))``; `a` is the weighted response."""
    for i in range(eta.shape[0]):
        spare[i] = a[i] * exponential(-eta[i])
        g[i] = alpha * (spare[i] - b[i])
    value = -alpha * (dot(b, eta) + total_of(spare))
    slopes[1] += value
    return value


@njit(cache=True, nogil=True, error_model="numpy")
def log_normal_tail(x):
    """Return ``log Phi(x)`` and ``phi(x) / Phi(x)``."""
    if x > -30.0:
        below = 0.5 * math.erfc(-x / math.sqrt(2.0))
        log_below = math.log1p(-0.5 * math.erfc(x / math.sqrt(2.0))) if x > 1.0 else math.log(below)
        return log_below, math.exp(-_HALF_LOG_2PI - 0.5 * x * x) / below
    q = 1.0 / (x * x)
    series = 1.0 - q * (1.0 - 3.0 * q * (1.0 - 5.0 * q * (1.0 - 7.0 * q * (1.0 - 9.0 * q * (1.0 - 11.0 * q)))))
    return -_HALF_LOG_2PI - 0.5 * x * x - math.log(-x) + math.log(series), -x / series


@njit(cache=True, nogil=True, error_model="numpy")
def probit(eta, a, b, g):
    """`a` successes of `b` trials, each of probability ``Phi(eta)``."""
    value = 0.0
    for i in range(eta.shape[0]):
        yes, slope = log_normal_tail(eta[i])
        no, fall = log_normal_tail(-eta[i])
        value += a[i] * yes + (b[i] - a[i]) * no
        g[i] = a[i] * slope - (b[i] - a[i]) * fall
    return value


@njit(cache=True, nogil=True, error_model="numpy")
def fill_cuts(parameters):
    """Return the thresholds of the ordinal family, the running sums of its gaps; sigma is the first parameter."""
    cuts = np.zeros(parameters.shape[0])
    for k in range(1, cuts.shape[0]):
        cuts[k] = cuts[k - 1] + parameters[k]
    return cuts


@njit(cache=True, nogil=True, error_model="numpy")
def add_gaps(by_cut, parameters, slopes):
    """Add the derivatives in the logarithms of the gaps: each gap moves all thresholds from its own on."""
    total = 0.0
    for k in range(by_cut.shape[0] - 1, 0, -1):
        total += by_cut[k]
        slopes[k] += parameters[k] * total


@njit(cache=True, nogil=True, error_model="numpy")
def ordinal(eta, a, b, parameters, g, slopes):
    """``log F(c_k - eta) + log F(eta - c_(k-1))``, F logistic; `a` is the score k, `b` the weight of the row.

    The rest of ``log(F(c_k - eta) - F(c_(k-1) - eta))``, ``log(1 - exp(-gap_k))``, is in `constant_terms`.
    """
    cuts = fill_cuts(parameters)
    by_cut = np.zeros(cuts.shape[0])
    value = 0.0
    for i in range(eta.shape[0]):
        k, w, slope = int(a[i]), b[i], 0.0
        if k <= cuts.shape[0]:
            t = cuts[k - 1] - eta[i]
            e = exponential(-abs(t))
            beyond = (e if t > 0.0 else 1.0) / (1.0 + e)
            value -= w * ((0.0 if t > 0.0 else -t) + log_one_plus(e))
            by_cut[k - 1] += w * beyond
            slope -= beyond
        if k > 1:
            t = eta[i] - cuts[k - 2]
            e = exponential(-abs(t))
            beyond = (e if t > 0.0 else 1.0) / (1.0 + e)
            value -= w * ((0.0 if t > 0.0 else -t) + log_one_plus(e))
            by_cut[k - 2] -= w * beyond
            slope += beyond
        g[i] = w * slope
    add_gaps(by_cut, parameters, slopes)
    return value


@njit(cache=True, nogil=True, error_model="numpy")
def log_normal_between(a, b):
    """Return ``log P`` of ``P = Phi(b) - Phi(a)``, and ``phi(a) / P`` and ``phi(b) / P``."""
    flip = a + b > 0.0
    low, high = (-b, -a) if flip else (a, b)
    top, by_high = log_normal_tail(high)
    bottom, by_low = log_normal_tail(low)
    rest = -math.expm1(bottom - top)
    by_low, by_high = by_low * math.exp(bottom - top) / rest, by_high / rest
    if flip:
        return top + math.log(rest), by_high, by_low
    return top + math.log(rest), by_low, by_high


@njit(cache=True, nogil=True, error_model="numpy")
def ordered_normal(eta, k, cuts):
    """Return the log probability of score k under the probit link, and the densities at its thresholds over it."""
    if k == 1:
        value, upper = log_normal_tail(cuts[0] - eta)
        return value, 0.0, upper
    if k > cuts.shape[0]:
        value, lower = log_normal_tail(eta - cuts[k - 2])
        return value, lower, 0.0
    return log_normal_between(cuts[k - 2] - eta, cuts[k - 1] - eta)


@njit(cache=True, nogil=True, error_model="numpy")
def ordinal_probit(eta, a, b, parameters, g, slopes):
    """``log(Phi(c_k - eta) - Phi(c_(k-1) - eta))``; `a` is the score k, `b` the weight of the row."""
    cuts = fill_cuts(parameters)
    by_cut = np.zeros(cuts.shape[0])
    value = 0.0
    for i in range(eta.shape[0]):
        k = int(a[i])
        own, lower, upper = ordered_normal(eta[i], k, cuts)
        value += b[i] * own
        g[i] = b[i] * (lower - upper)
        if k <= cuts.shape[0]:
            by_cut[k - 1] += b[i] * upper
        if k > 1:
            by_cut[k - 2] -= b[i] * lower
    add_gaps(by_cut, parameters, slopes)
    return value


@njit(cache=True, nogil=True, error_model="numpy")
def log_likelihood(kind, predictors, eta, a, b, parameters, g, spare, trials, slopes):
    """Return the log likelihood of a chunk, up to `constant_terms`; `eta`, `spare` and `trials` are overwritten."""
    if kind == at.UNIT_LOGISTIC:
        return unit_logistic(eta, a, g, spare)
    if kind == at.LOGISTIC:
        return logistic(eta, a, b, g, spare)
    if kind == at.POISSON:
        return poisson(eta, a, b, g, spare)
    if kind == at.NEGATIVE_BINOMIAL:
        return negative_binomial(eta, a, b, parameters[1], g, spare, trials, slopes)
    if kind == at.GAMMA:
        return gamma(eta, a, b, parameters[1], g, spare, slopes)
    if kind == at.STUDENT:
        return student(eta, a, b, parameters[0], parameters[1], g, slopes)
    if kind == at.GAUSSIAN:
        return gaussian(eta, a, b, parameters[0], g, slopes)
    if kind == at.ORDINAL:
        return ordinal(eta, a, b, parameters, g, slopes)
    if kind == at.ORDINAL_PROBIT:
        return ordinal_probit(eta, a, b, parameters, g, slopes)
    if kind == at.CATEGORICAL:
        return categorical(eta, a, b, predictors, g, spare, trials)
    return probit(eta, a, b, g)


@njit(cache=True, nogil=True, error_model="numpy")
def rising(alpha, y):
    """Return ``log Gamma(y + alpha) - log Gamma(alpha)`` and its derivative in alpha."""
    if y < 40.0 and y == math.floor(y):
        # Sums keep the digits that the difference of two large numbers would lose.
        value, slope = 0.0, 0.0
        for i in range(int(y)):
            value += math.log(alpha + i)
            slope += 1.0 / (alpha + i)
        return value, slope
    return math.lgamma(y + alpha) - math.lgamma(alpha), digamma(y + alpha) - digamma(alpha)


@njit(cache=True, nogil=True, error_model="numpy")
def constant_terms(kind, parameters, consts, counts, slopes):
    """Return what of the log likelihood depends on the parameters alone, and add its derivatives to `slopes`.

    `consts` holds the constant of the density, the sum of the weights and the coefficient of ``-log sigma``, or of
    ``alpha`` for the gamma; `counts` the distinct counts of the negative binomial, or scores, and their weights.
    """
    value, weight, extra = consts[0], consts[1], consts[2]
    if kind == at.GAUSSIAN or kind == at.STUDENT:
        value -= extra * math.log(parameters[0])
        slopes[0] -= extra
    if kind == at.STUDENT:
        nu = parameters[1]
        const = math.lgamma(0.5 * nu + 0.5) - math.lgamma(0.5 * nu) - 0.5 * math.log(nu * math.pi)
        value += weight * const
        slopes[1] += weight * (0.5 * nu * (digamma(0.5 * nu + 0.5) - digamma(0.5 * nu)) - 0.5)
    if kind == at.GAMMA:
        alpha = parameters[1]
        value += weight * (alpha * math.log(alpha) - math.lgamma(alpha)) + alpha * extra
        slopes[1] += alpha * (weight * (math.log(alpha) + 1.0 - digamma(alpha)) + extra)
    if kind == at.NEGATIVE_BINOMIAL:
        alpha = parameters[1]
        distinct = counts.shape[0] // 2
        for i in range(distinct):
            own, slope = rising(alpha, counts[i])
            value += counts[distinct + i] * own
            slopes[1] += counts[distinct + i] * alpha * slope
    if kind == at.ORDINAL:
        distinct = counts.shape[0] // 2
        for i in range(distinct):
            k = int(counts[i])
            if 1 < k <= parameters.shape[0]:
                gap = parameters[k - 1]
                value += counts[distinct + i] * math.log(-math.expm1(-gap))
                slopes[k - 1] += counts[distinct + i] * gap / math.expm1(gap)
    return value


@njit(cache=True, nogil=True, error_model="numpy")
def ordered_information(kind, eta, a, b, parameters, out):
    """Fill minus the second derivative in eta for the ordinal family; both links make it positive."""
    cuts = fill_cuts(parameters)
    for i in range(eta.shape[0]):
        k, total = int(a[i]), 0.0
        if kind == at.ORDINAL_PROBIT:
            _, lower, upper = ordered_normal(eta[i], k, cuts)
            total = (lower - upper) * (lower - upper)
            total -= (cuts[k - 2] - eta[i]) * lower if k > 1 else 0.0
            total += (cuts[k - 1] - eta[i]) * upper if k <= cuts.shape[0] else 0.0
            total = max(total, 1e-12)
        else:
            for place in range(max(k - 2, 0), min(k, cuts.shape[0])):
                e = exponential(-abs(cuts[place] - eta[i]))
                total += e / ((1.0 + e) * (1.0 + e))
        out[i] = b[i] * total


@njit(cache=True, nogil=True, error_model="numpy")
def information(kind, predictors, eta, a, b, parameters, out):
    """Fill minus the second derivative in eta, or something positive near it.

    For the probit that is its expectation, for outliers of Student's t a tenth of their weight in least squares. For
    the categorical family, whose derivatives make a matrix, it is the probabilities that this is made of.
    """
    if kind == at.CATEGORICAL:
        shares(eta, predictors, out)
        return
    if kind == at.ORDINAL or kind == at.ORDINAL_PROBIT:
        ordered_information(kind, eta, a, b, parameters, out)
        return
    for i in range(eta.shape[0]):
        t = eta[i]
        if kind == at.GAUSSIAN:
            out[i] = b[i] / (parameters[0] * parameters[0])
        elif kind == at.STUDENT:
            nu = parameters[1]
            scale = 1.0 / (nu * parameters[0] * parameters[0])
            q = (a[i] - t) * (a[i] - t) * scale
            out[i] = b[i] * (nu + 1.0) * scale * max(1.0 - q, 0.1 * (1.0 + q)) / ((1.0 + q) * (1.0 + q))
        elif kind == at.POISSON:
            out[i] = b[i] * exponential(t)
        elif kind == at.GAMMA:
            out[i] = parameters[1] * a[i] * exponential(-t)
        elif kind == at.PROBIT:
            out[i] = b[i] * log_normal_tail(t)[1] * log_normal_tail(-t)[1]
        else:
            trials = b[i]
            if kind == at.NEGATIVE_BINOMIAL:
                t -= math.log(parameters[1])
                trials = a[i] + parameters[1] * b[i]
            e = exponential(-abs(t))
            out[i] = trials * e / ((1.0 + e) * (1.0 + e))
