"""The joint log density of (theta, w) and its gradient, read off a tape."""

# mypy: allow-untyped-calls, allow-untyped-decorators, disable-error-code="no-any-return"
from __future__ import annotations

import numpy as np
from numba import njit

from hierbayes.engines.base import Floats, Ints
from hierbayes.engines.joint import tape as at
from hierbayes.engines.joint.chart import pull_back, pull_theta, to_point, to_theta
from hierbayes.engines.joint.effects import (
    HALF_LOG_2PI,
    coefficient_prior,
    fill_factors,
    gather,
    spread,
    turn,
    turn_back,
)
from hierbayes.engines.joint.elementary import add_scaled, copy_into, dot
from hierbayes.engines.joint.elimination import room
from hierbayes.engines.joint.following import pull_following
from hierbayes.engines.joint.moving import move
from hierbayes.engines.joint.moving_reverse import gather_coefficients, gather_terms, retrace, spread_count
from hierbayes.engines.joint.rows import part, pass_over_rows, term_table
from hierbayes.engines.theta import Tables, push_moment, unpack_theta


@njit(cache=True, nogil=True, error_model="numpy")
def block_table(ints: Ints) -> Ints:
    """Return the table of blocks, `ThetaLayout.block_ints`."""
    terms = ints[at.TERMS]
    return part(ints, ints[at.AT_BLOCK_INTS], 4 * terms).reshape(terms, 4)


@njit(cache=True, nogil=True, error_model="numpy")
def scalar_table(ints: Ints) -> Ints:
    """Return the table of scalars, `ThetaLayout.scalar_ints`."""
    scalars = ints[at.SCALARS]
    return part(ints, ints[at.AT_SCALAR_INTS], 3 * scalars).reshape(scalars, 3)


@njit(cache=True, nogil=True, error_model="numpy")
def unpacked(
    ints: Ints, floats: Floats, theta: Floats, values: Floats, slopes: Floats, factors: Floats, pull: Floats
) -> float:
    """Fill what `theta.unpack_theta` fills; returns the log prior density of theta."""
    scalars, terms = ints[at.SCALARS], ints[at.TERMS]
    factors[:] = part(floats, ints[at.AT_FACTORS], ints[at.FLAT])
    tables = Tables(
        scalar_table(ints),
        part(floats, ints[at.AT_SCALAR_FLOATS], 5 * scalars).reshape(scalars, 5),
        block_table(ints),
        part(floats, ints[at.AT_ETAS], terms),
    )
    return unpack_theta(tables, theta, values, slopes, factors, pull)


@njit(cache=True, nogil=True, error_model="numpy")
def sds_count(blocks: Ints) -> int:
    """Return the number of sds; sigma and the other parameters come after them."""
    count = 0
    for t in range(blocks.shape[0]):
        count += blocks[t, 0]
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def log_density(ints: Ints, floats: Floats, z: Floats, grad: Floats) -> float:
    """Return the log density of theta and w, ``log p(y, theta, w)`` with every Jacobian, and fill its gradient.

    Where the tape carries a chart, it is the density of z up to a constant. An empty `grad` is left alone.
    """
    if ints[at.CHART_ON] == at.MOVING_CHART:
        return moving_density(ints, floats, z, grad)
    return fixed_density(ints, floats, z, grad)


@njit(cache=True, nogil=True, error_model="numpy")
def moving_density(ints: Ints, floats: Floats, z: Floats, grad: Floats) -> float:
    """Return the log density of z in the moving chart, see `moving`, and fill its gradient unless that is empty."""
    dim, p, effects_count = ints[at.DIM], ints[at.P], ints[at.EFFECTS]
    size = effects_count + p
    terms, blocks = term_table(ints), block_table(ints)
    theta, by_theta = np.empty(dim), np.zeros(dim)
    to_theta(ints, floats, z, theta)
    values, slopes = np.empty(ints[at.SCALARS]), np.empty(ints[at.SCALARS])
    factors, lower = np.empty(ints[at.FLAT]), np.empty(ints[at.FLAT])
    value = unpacked(ints, floats, theta, values, slopes, factors, by_theta)
    fill_factors(terms, blocks, values, factors, lower)
    e = room(ints, terms)
    value -= move(ints, floats, terms, lower, z, e)
    v, beta = e.u[:effects_count], e.u[effects_count:]
    effects = e.u.copy()
    turn(terms, lower, v, effects)
    value -= 0.5 * dot(v, v) + effects_count * HALF_LOG_2PI
    pull = np.zeros(size if grad.shape[0] > 0 else 0)
    first, prior = sds_count(blocks), ints[at.AT_PRIOR]
    by_parameters = np.zeros(max(2, ints[at.SCALARS] - first))
    value += coefficient_prior(part(floats, prior, p), part(floats, prior + p, p), beta, pull[effects_count:])
    value += pass_over_rows(ints, floats, effects, values[first:], pull, by_parameters)
    if grad.shape[0] == 0:
        return value
    traced, by_z, moments = np.empty((4, size)), grad[dim:], np.empty(ints[at.FLAT])
    copy_into(e.u, traced[0])
    copy_into(pull, traced[1])
    turn_back(terms, lower, pull, traced[1])
    add_scaled(-1.0, v, traced[1, :effects_count])
    copy_into(traced[1], by_z)
    by_log_scale, by_e = np.empty(size), np.empty(size)
    spreads = np.empty(spread_count(terms) + p)
    retrace(terms, z[dim:], e, by_z, traced, spreads)
    done = gather_terms(terms, blocks, traced, spreads, factors, moments, by_log_scale)
    gather_coefficients(ints, floats, traced[:, effects_count:], spreads[done:], by_log_scale[effects_count:])
    push(ints, terms, blocks, theta, factors, moments, slopes, by_parameters, by_theta)
    pull_theta(ints, floats, by_theta, grad)
    copy_into(traced[2], by_e)
    turn(terms, lower, traced[2], by_e)
    for i in range(size):
        by_e[i] *= e.scale[i]
    pull_following(ints, floats, z, by_log_scale, by_e, grad)
    return value


@njit(cache=True, nogil=True, error_model="numpy")
def fixed_density(ints: Ints, floats: Floats, z: Floats, grad: Floats) -> float:
    """Return the log density of z in the fixed chart or of (theta, w) without one; see `log_density`."""
    dim, p, effects_count = ints[at.DIM], ints[at.P], ints[at.EFFECTS]
    size = effects_count + p
    terms, blocks = term_table(ints), block_table(ints)
    theta, w = np.empty(dim), np.empty(size)
    to_point(ints, floats, terms, z, theta, w)
    values, slopes = np.empty(ints[at.SCALARS]), np.empty(ints[at.SCALARS])
    factors, lower = np.empty(ints[at.FLAT]), np.empty(ints[at.FLAT])
    by_theta = np.zeros(dim)
    value = unpacked(ints, floats, theta, values, slopes, factors, by_theta)
    fill_factors(terms, blocks, values, factors, lower)
    effects, v = np.empty(size), np.empty(effects_count)
    effects[effects_count:] = w[effects_count:]
    value += spread(ints, terms, lower, w, effects, v)
    by_w = np.zeros(size if grad.shape[0] > 0 else 0)
    first = sds_count(blocks)
    by_parameters = np.zeros(max(2, ints[at.SCALARS] - first))
    prior = ints[at.AT_PRIOR]
    value += coefficient_prior(
        part(floats, prior, p), part(floats, prior + p, p), effects[effects_count:], by_w[effects_count:]
    )
    value += pass_over_rows(ints, floats, effects, values[first:], by_w, by_parameters)
    if grad.shape[0] == 0:
        return value
    moments = np.zeros(ints[at.FLAT])
    gather(ints, terms, lower, v, by_w, moments)
    push(ints, terms, blocks, theta, factors, moments, slopes, by_parameters, by_theta)
    pull_back(ints, floats, terms, by_theta, by_w, grad)
    return value


@njit(cache=True, nogil=True, error_model="numpy")
def push(
    ints: Ints, terms: Ints, blocks: Ints, theta: Floats, factors: Floats, moments: Floats, slopes: Floats,
    by_parameters: Floats, by_theta: Floats,
) -> None:  # fmt: skip
    """Add the derivatives in sds, correlations and parameters to that of theta."""
    scalars, first = scalar_table(ints), sds_count(blocks)
    for t in range(terms.shape[0]):
        k, block = terms[t, at.K], terms[t, at.BLOCK]
        flat = blocks[block, 3]
        by_log_sd = np.empty(k)
        moment = moments[terms[t, at.L] : terms[t, at.L] + k * k].reshape(k, k)
        factor = factors[flat : flat + k * k].reshape(k, k)
        push_moment(k, moment, factor, theta, blocks[block, 2], by_log_sd, by_theta)
        for i in range(k):
            place = scalars[blocks[block, 1] + i, 2]
            if place >= 0:
                by_theta[place] += by_log_sd[i] * slopes[blocks[block, 1] + i]
    for i in range(first, scalars.shape[0]):
        if scalars[i, 2] >= 0:
            by_theta[scalars[i, 2]] += by_parameters[i - first] * slopes[i]


@njit(cache=True, nogil=True, error_model="numpy")
def expand(ints: Ints, floats: Floats, z: Floats, out: Floats) -> None:
    """Fill theta, then b of every term and beta, in the order of w, at z."""
    dim, effects_count = ints[at.DIM], ints[at.EFFECTS]
    terms = term_table(ints)
    theta, w = out[:dim], np.empty(effects_count + ints[at.P])
    moves = ints[at.CHART_ON] == at.MOVING_CHART
    if moves:
        to_theta(ints, floats, z, theta)
    else:
        to_point(ints, floats, terms, z, theta, w)
    values, slopes = np.empty(ints[at.SCALARS]), np.empty(ints[at.SCALARS])
    factors, lower = np.empty(ints[at.FLAT]), np.empty(ints[at.FLAT])
    unpacked(ints, floats, theta, values, slopes, factors, np.zeros(dim))
    fill_factors(terms, block_table(ints), values, factors, lower)
    if moves:
        e = room(ints, terms)
        move(ints, floats, terms, lower, z, e)
        turn(terms, lower, e.u, out[dim:])
        out[dim + effects_count :] = e.u[effects_count:]
        return
    spread(ints, terms, lower, w, out[dim:], np.empty(effects_count))
    out[dim + effects_count :] = w[effects_count:]
