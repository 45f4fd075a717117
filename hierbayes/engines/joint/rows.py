"""One pass over the rows: linear predictor, log likelihood and its derivatives, gathered by coefficient and level."""

# mypy: allow-untyped-calls, allow-untyped-decorators, disable-error-code="no-any-return"
from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from hierbayes.engines.base import Floats, Ints
from hierbayes.engines.joint import tape as at
from hierbayes.engines.joint.elementary import add_scaled, copy_into, dot, total_of
from hierbayes.engines.joint.likelihoods import constant_terms, log_likelihood


@njit(cache=True, nogil=True, error_model="numpy")
def part(array: Floats, place: int, length: int) -> Any:
    """Return a section as an array of its own."""
    return array[place : place + length]


@njit(cache=True, nogil=True, error_model="numpy")
def term_table(ints: Ints) -> Ints:
    """Return the table of terms."""
    terms = ints[at.TERMS]
    return part(ints, ints[at.AT_TERMS], terms * at.TERM_WORDS).reshape(terms, at.TERM_WORDS)


@njit(cache=True, nogil=True, error_model="numpy")
def codes_of(ints: Ints, term: int, first: int, m: int) -> Any:
    """Return the levels of a chunk's rows under a term other than the first.

    As numbers without a sign they spare the compiler a test for negative places.
    """
    return part(ints, ints[at.AT_CODES] + (term - 1) * ints[at.N] + first, m).view(np.uint64)


@njit(cache=True, nogil=True, error_model="numpy")
def column_of(floats: Floats, place: int, first: int, m: int, width: int, column: int) -> Floats:
    """Return one column of a chunk, of a matrix that is kept chunk by chunk."""
    return part(floats, place + first * width + column * m, m)


@njit(cache=True, nogil=True, error_model="numpy")
def predict(
    ints: Ints, floats: Floats, terms: Ints, first: int, m: int, level: int, effects: Floats, eta: Floats
) -> int:
    """Fill the linear predictors of a chunk. `level` is that of its first row; returns that of the row after it."""
    copy_into(part(floats, ints[at.AT_OFFSET] + first, m), eta)
    p, beta = ints[at.P], ints[at.EFFECTS]
    for c in range(p):
        add_scaled(effects[beta + c], column_of(floats, ints[at.AT_X], first, m, p, c), eta)
    for t in range(1, terms.shape[0]):
        k = terms[t, at.K]
        codes, own = codes_of(ints, t, first, m), effects[terms[t, at.START] :]
        if terms[t, at.ONES]:
            for i in range(m):
                eta[i] += own[codes[i]]
            continue
        for c in range(k):
            z = column_of(floats, ints[at.AT_Z] + terms[t, at.Z], first, m, k, c)
            wide, shift = np.uint64(k), np.uint64(c)
            for i in range(m):
                eta[i] += z[i] * own[codes[i] * wide + shift]
    if terms.shape[0] > 0:
        return predict_first(ints, floats, terms, first, m, level, effects, eta)
    return level


@njit(cache=True, nogil=True, error_model="numpy")
def predict_first(
    ints: Ints, floats: Floats, terms: Ints, first: int, m: int, level: int, effects: Floats, eta: Floats
) -> int:
    """Add the first term, whose levels come one after another; returns the level of the row after the chunk."""
    k = terms[0, at.K]
    starts = part(ints, ints[at.AT_STARTS], terms[0, at.LEVELS] + 1)
    i = 0
    while i < m:
        stop = min(starts[level + 1] - first, m)
        if terms[0, at.ONES]:
            own = effects[level]
            run = eta[i:stop]
            for r in range(run.shape[0]):
                run[r] += own
        else:
            for c in range(k):
                z = column_of(floats, ints[at.AT_Z] + terms[0, at.Z], first, m, k, c)
                add_scaled(effects[level * k + c], z[i:stop], eta[i:stop])
        i = stop
        if first + stop == starts[level + 1]:
            level += 1
    return level


@njit(cache=True, nogil=True, error_model="numpy")
def scatter(ints: Ints, floats: Floats, terms: Ints, first: int, m: int, level: int, g: Floats, pull: Floats) -> None:
    """Add the derivatives in the predictors of a chunk to those in effects and coefficients."""
    p, beta = ints[at.P], ints[at.EFFECTS]
    for c in range(p):
        pull[beta + c] += dot(column_of(floats, ints[at.AT_X], first, m, p, c), g)
    for t in range(1, terms.shape[0]):
        k = terms[t, at.K]
        codes, own = codes_of(ints, t, first, m), pull[terms[t, at.START] :]
        if terms[t, at.ONES]:
            for i in range(m):
                own[codes[i]] += g[i]
            continue
        for c in range(k):
            z = column_of(floats, ints[at.AT_Z] + terms[t, at.Z], first, m, k, c)
            wide, shift = np.uint64(k), np.uint64(c)
            for i in range(m):
                own[codes[i] * wide + shift] += z[i] * g[i]
    if terms.shape[0] > 0:
        scatter_first(ints, floats, terms, first, m, level, g, pull)


@njit(cache=True, nogil=True, error_model="numpy")
def scatter_first(
    ints: Ints, floats: Floats, terms: Ints, first: int, m: int, level: int, g: Floats, pull: Floats
) -> None:
    """Add the first term's share."""
    k = terms[0, at.K]
    starts = part(ints, ints[at.AT_STARTS], terms[0, at.LEVELS] + 1)
    i = 0
    while i < m:
        stop = min(starts[level + 1] - first, m)
        if terms[0, at.ONES]:
            pull[level] += total_of(g[i:stop])
        else:
            for c in range(k):
                z = column_of(floats, ints[at.AT_Z] + terms[0, at.Z], first, m, k, c)
                pull[level * k + c] += dot(z[i:stop], g[i:stop])
        i = stop
        if first + stop == starts[level + 1]:
            level += 1


@njit(cache=True, nogil=True, error_model="numpy")
def first_level(ints: Ints, terms: Ints) -> int:
    """Return the level of the first row: levels without rows may come before it."""
    level = 0
    if terms.shape[0] > 0:
        starts = part(ints, ints[at.AT_STARTS], terms[0, at.LEVELS] + 1)
        while level < terms[0, at.LEVELS] and starts[level + 1] == 0:
            level += 1
    return level


@njit(cache=True, nogil=True, error_model="numpy")
def pass_over_rows(
    ints: Ints, floats: Floats, effects: Floats, parameters: Floats, pull: Floats, slopes: Floats
) -> float:
    """Return the log likelihood at `effects`, b of every term and beta.

    Parameters
    ----------
    pull : array
        The derivatives in `effects` are added to it; left alone if it is empty.
    slopes : array
        Those in the logarithms of the parameters are added to it.
    """
    terms, n = term_table(ints), ints[at.N]
    buffers = np.empty((4, at.CHUNK))
    value = constant_terms(
        ints[at.KIND],
        parameters,
        part(floats, ints[at.AT_CONSTS], 3),
        part(floats, ints[at.AT_COUNTS], 2 * ints[at.COUNTS]),
        slopes,
    )
    level = first_level(ints, terms)
    first = 0
    while first < n:
        m = min(ints[at.STEP], n - first)
        eta, g = buffers[0, :m], buffers[1, :m]
        after = predict(ints, floats, terms, first, m, level, effects, eta)
        value += log_likelihood(
            ints[at.KIND],
            ints[at.PREDICTORS],
            eta,
            part(floats, ints[at.AT_A] + first, m),
            part(floats, ints[at.AT_B] + first, m),
            parameters,
            g,
            buffers[2, :m],
            buffers[3, :m],
            slopes,
        )
        if pull.shape[0] > 0:
            scatter(ints, floats, terms, first, m, level, g, pull)
        level = after
        first += m
    return value
