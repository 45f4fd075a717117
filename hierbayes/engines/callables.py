"""The bodies of the entries: arrays made of pointers, and a call of the kernel. `native` compiles them."""

# mypy: allow-untyped-calls, allow-untyped-defs
from __future__ import annotations

import numpy as np
from numba import carray

from hierbayes.engines.collapsed import draw, kernel, project
from hierbayes.engines.collapsed import tape as at
from hierbayes.engines.theta import unpack_rows


def hierbayes_density(dim, x, grad, value, tape):
    """Fill log density and gradient at x; 0 if they are finite."""
    total = carray(tape, (at.HEADER,), np.int64)[at.TOTAL]
    slopes = carray(grad, (dim,), np.float64)
    found = kernel.log_density(
        carray(tape, (total,), np.int64), carray(tape, (total,), np.float64), carray(x, (dim,), np.float64), slopes
    )
    carray(value, (1,), np.float64)[0] = found
    if not np.isfinite(found):
        return 4
    for i in range(dim):
        if not np.isfinite(slopes[i]):
            return 3
    return 0


def hierbayes_value(dim, x, value, tape):
    """Fill the log density at x."""
    total = carray(tape, (at.HEADER,), np.int64)[at.TOTAL]
    carray(value, (1,), np.float64)[0] = kernel.log_density(
        carray(tape, (total,), np.int64), carray(tape, (total,), np.float64), carray(x, (dim,), np.float64), np.zeros(0)
    )
    return 0


def hierbayes_expand(dim, expanded, x, out, tape):
    """Fill theta at the chart's point x."""
    total = carray(tape, (at.HEADER,), np.int64)[at.TOTAL]
    ints, floats = carray(tape, (total,), np.int64), carray(tape, (total,), np.float64)
    kernel.chart_point(ints, floats, carray(x, (dim,), np.float64), carray(out, (expanded,), np.float64))
    return 0


def hierbayes_project(
    rows, k, levels, tails, edges, border, kept, order, starts, z, tail, columns, values, r, c, gram, basis, left
):
    """Factor every level."""
    m = border + tails
    project.project_levels(
        carray(order, (rows,), np.int64),
        carray(starts, (levels + 1,), np.int64),
        carray(z, (rows, k), np.float64),
        carray(tail, (rows, tails), np.float64),
        carray(columns, (rows, edges), np.int64),
        carray(values, (rows, edges), np.float64),
        border,
        carray(r, (k * (k + 1) // 2, levels), np.float64),
        carray(c, (k * m, levels), np.float64),
        carray(gram, (m, m), np.float64),
        carray(basis, (kept, k), np.float64),
        carray(left, (kept, tails), np.float64),
    )
    return 0


def hierbayes_draw(draws, dim, effects, tape, theta, normals, beta, b):
    """Fill rows of beta and b."""
    head = carray(tape, (at.HEADER,), np.int64)
    total, p = head[at.TOTAL], head[at.P]
    draw.draw_many(
        carray(tape, (total,), np.int64),
        carray(tape, (total,), np.float64),
        carray(theta, (draws, dim), np.float64),
        carray(normals, (draws, p + effects), np.float64),
        carray(beta, (draws, p), np.float64),
        carray(b, (draws, effects), np.float64),
    )
    return 0


def hierbayes_unpack(draws, dim, scalars, blocks, flat, ints, floats, block_ints, etas, theta, values, factors):
    """Fill rows of sds and correlation factors."""
    unpack_rows(
        carray(ints, (scalars, 3), np.int64),
        carray(floats, (scalars, 5), np.float64),
        carray(block_ints, (blocks, 4), np.int64),
        carray(etas, (blocks,), np.float64),
        carray(theta, (draws, dim), np.float64),
        carray(values, (draws, scalars), np.float64),
        carray(factors, (draws, flat), np.float64),
    )
    return 0
