"""Effects and their prior: from w, which holds b or v level by level, to b, and derivatives back."""

# mypy: allow-untyped-calls, allow-untyped-decorators, disable-error-code="no-any-return"
from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from hierbayes.engines.base import Floats, Ints
from hierbayes.engines.joint import tape as at

HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


@njit(cache=True, nogil=True, error_model="numpy")
def fill_factors(terms: Ints, blocks: Ints, values: Floats, factors: Floats, lower: Floats) -> None:
    """Fill ``L = diag(sd) C`` of every term, flat."""
    for t in range(terms.shape[0]):
        k, start, block = terms[t, at.K], terms[t, at.L], terms[t, at.BLOCK]
        first, flat = blocks[block, 1], blocks[block, 3]
        for i in range(k):
            for j in range(k):
                lower[start + i * k + j] = values[first + i] * factors[flat + i * k + j] if j <= i else 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def spread(ints: Ints, terms: Ints, lower: Floats, w: Floats, effects: Floats, v: Floats) -> Any:
    """Fill b and v of every level from w; returns the log prior density of w given L.

    Where w holds b, its density is that of ``Normal(0, L L')``; where it holds v, a standard normal's.
    """
    value = 0.0
    for t in range(terms.shape[0]):
        k, start = terms[t, at.K], terms[t, at.START]
        own = lower[terms[t, at.L] : terms[t, at.L] + k * k].reshape(k, k)
        flags = ints[ints[at.AT_CENTRED] + terms[t, at.CENTRED] :]
        log_det, given = 0.0, 0
        for i in range(k):
            log_det += math.log(own[i, i])
        if k == 1:
            levels = terms[t, at.LEVELS]
            given = spread_single(
                own[0, 0],
                flags[:levels],
                w[start : start + levels],
                effects[start : start + levels],
                v[start : start + levels],
            )
        for j in range(terms[t, at.LEVELS] if k > 1 else 0):
            place = start + j * k
            if flags[j]:
                given += 1
                for i in range(k):
                    s = w[place + i]
                    effects[place + i] = s
                    for m in range(i):
                        s -= own[i, m] * v[place + m]
                    v[place + i] = s / own[i, i]
            else:
                for i in range(k):
                    v[place + i] = w[place + i]
                    s = 0.0
                    for m in range(i + 1):
                        s += own[i, m] * w[place + m]
                    effects[place + i] = s
        squares = 0.0
        for i in range(start, start + k * terms[t, at.LEVELS]):
            squares += v[i] * v[i]
        value -= 0.5 * squares + k * terms[t, at.LEVELS] * HALF_LOG_2PI
        if given > 0:
            value -= given * log_det
    return value


@njit(cache=True, nogil=True, error_model="numpy")
def spread_single(sd: float, flags: Ints, w: Floats, effects: Floats, v: Floats) -> Any:
    """Fill b and v of a term with one column; returns at how many levels w holds b."""
    given, inverse = 0, 1.0 / sd
    for j in range(w.shape[0]):
        given += flags[j]
        effects[j] = w[j] if flags[j] else sd * w[j]
        v[j] = w[j] * inverse if flags[j] else w[j]
    return given


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def gather_single(sd: float, flags: Ints, v: Floats, pull: Floats) -> Any:
    """Do for a term with one column what `gather` does; returns its M."""
    moment, inverse = 0.0, 1.0 / sd
    for j in range(v.shape[0]):
        back = pull[j] * sd
        moment += v[j] * v[j] - 1.0 if flags[j] else back * v[j]
        pull[j] = pull[j] - v[j] * inverse if flags[j] else back - v[j]
    return moment


@njit(cache=True, nogil=True, error_model="numpy")
def gather(ints: Ints, terms: Ints, lower: Floats, v: Floats, pull: Floats, moments: Floats) -> None:
    """Turn derivatives in b into those in w, in place, with the prior's share, and fill M of every term.

    ``d log p = tr(M' K)`` for a step ``dL = L K``. Where w holds v, b moves with L and ``M = sum L' g v'``; where it
    holds b, v does and ``M = sum (v v' - I)``.
    """
    for t in range(terms.shape[0]):
        k, start = terms[t, at.K], terms[t, at.START]
        own = lower[terms[t, at.L] : terms[t, at.L] + k * k].reshape(k, k)
        moment = moments[terms[t, at.L] : terms[t, at.L] + k * k].reshape(k, k)
        flags = ints[ints[at.AT_CENTRED] + terms[t, at.CENTRED] :]
        back = np.empty(k)
        if k == 1:
            levels = terms[t, at.LEVELS]
            moment[0, 0] = gather_single(
                own[0, 0], flags[:levels], v[start : start + levels], pull[start : start + levels]
            )
        for j in range(terms[t, at.LEVELS] if k > 1 else 0):
            place = start + j * k
            if flags[j]:
                # back = L^-T v
                for i in range(k - 1, -1, -1):
                    s = v[place + i]
                    for m in range(i + 1, k):
                        s -= own[m, i] * back[m]
                    back[i] = s / own[i, i]
                for i in range(k):
                    pull[place + i] -= back[i]
                    moment[i, i] -= 1.0
                    for m in range(k):
                        moment[i, m] += v[place + i] * v[place + m]
            else:
                for i in range(k):
                    s = 0.0
                    for m in range(i, k):
                        s += own[m, i] * pull[place + m]
                    back[i] = s
                for i in range(k):
                    pull[place + i] = back[i] - v[place + i]
                    for m in range(k):
                        moment[i, m] += back[i] * v[place + m]


@njit(cache=True, nogil=True, error_model="numpy")
def coefficient_prior(means: Floats, precisions: Floats, beta: Floats, pull: Floats) -> float:
    """Return the log prior density of beta up to its constant, and add its derivative to `pull` unless empty."""
    value = 0.0
    for i in range(beta.shape[0]):
        gap = beta[i] - means[i]
        value -= 0.5 * precisions[i] * gap * gap
        if pull.shape[0] > 0:
            pull[i] -= precisions[i] * gap
    return value


@njit(cache=True, nogil=True, error_model="numpy")
def turn(terms: Ints, lower: Floats, v: Floats, effects: Floats) -> None:
    """Fill ``b = L v``."""
    for t in range(terms.shape[0]):
        k, flat = terms[t, at.K], terms[t, at.L]
        for j in range(terms[t, at.LEVELS]):
            place = terms[t, at.START] + j * k
            for i in range(k):
                s = 0.0
                for m in range(i + 1):
                    s += lower[flat + i * k + m] * v[place + m]
                effects[place + i] = s


@njit(cache=True, nogil=True, error_model="numpy")
def turn_back(terms: Ints, lower: Floats, by_b: Floats, by_v: Floats) -> None:
    """Fill ``L'`` times the derivatives in b."""
    for t in range(terms.shape[0]):
        k, flat = terms[t, at.K], terms[t, at.L]
        for j in range(terms[t, at.LEVELS]):
            place = terms[t, at.START] + j * k
            for i in range(k):
                s = 0.0
                for m in range(i, k):
                    s += lower[flat + m * k + i] * by_b[place + m]
                by_v[place + i] = s
