"""The working Gaussian model at the mode: what the chart that moves with theta keeps of the likelihood."""

# mypy: allow-untyped-calls, allow-untyped-decorators, disable-error-code="no-any-return"
from __future__ import annotations

import numpy as np
from numba import njit

from hierbayes.engines.base import Floats, Ints
from hierbayes.engines.joint import tape as at
from hierbayes.engines.joint.effects import fill_factors, turn
from hierbayes.engines.joint.elementary import add_scaled, dot
from hierbayes.engines.joint.elimination import first_size
from hierbayes.engines.joint.hessian import add_rows
from hierbayes.engines.joint.kernel import block_table, sds_count, unpacked
from hierbayes.engines.joint.rows import part, pass_over_rows, term_table


@njit(cache=True, nogil=True, error_model="numpy")
def working(
    ints: Ints, floats: Floats, theta: Floats, w: Floats, own: Floats, coupling: Floats, border: Floats, target: Floats
) -> None:
    """Fill the information G in (b, beta) at theta and (v, beta), in units of b, and G b plus the slope there.

    `border` holds all of its symmetric matrix, where `hessian.assemble` fills the upper triangle.
    """
    terms, blocks = term_table(ints), block_table(ints)
    values, slopes = np.empty(ints[at.SCALARS]), np.empty(ints[at.SCALARS])
    factors, lower = np.empty(ints[at.FLAT]), np.empty(ints[at.FLAT])
    unpacked(ints, floats, theta, values, slopes, factors, np.zeros(ints[at.DIM]))
    fill_factors(terms, blocks, values, factors, lower)
    parameters = values[sds_count(blocks) :]
    effects = w.copy()
    turn(terms, lower, w, effects)
    add_rows(ints, floats, terms, effects, parameters, own, coupling, border)
    for i in range(border.shape[0]):
        for j in range(i):
            border[i, j] = border[j, i]
    target[:] = 0.0
    pass_over_rows(ints, floats, effects, parameters, target, np.zeros(max(2, parameters.shape[0])))
    add_product(ints, terms, effects, own, coupling, border, target)


@njit(cache=True, nogil=True, error_model="numpy")
def add_product(
    ints: Ints, terms: Ints, effects: Floats, own: Floats, coupling: Floats, border: Floats, target: Floats
) -> None:
    """Add ``G (b, beta)`` to the target."""
    levels, k = first_size(terms)
    rest, by_rest = effects[levels * k :], target[levels * k :]
    for i in range(rest.shape[0]):
        by_rest[i] += dot(border[i], rest)
    pointers = part(ints, ints[at.AT_POINTERS], levels + 1)
    columns = part(ints, ints[at.AT_COLUMNS], ints[at.CELLS])
    for j in range(levels):
        start, width = pointers[j], pointers[j + 1] - pointers[j]
        for i in range(k):
            effect, cell = effects[j * k + i], start * k + i * width
            add_scaled(effect, own[(j * k + i) * k : (j * k + i + 1) * k], target[j * k : (j + 1) * k])
            for a in range(width):
                target[j * k + i] += coupling[cell + a] * rest[columns[start + a]]
                by_rest[columns[start + a]] += effect * coupling[cell + a]
