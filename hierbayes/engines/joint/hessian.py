"""The Hessian of (v, beta) from one pass over the rows.

The rows add up in b, where a term's columns are what the tape holds: sums of products over neighbouring rows for the
largest term and the coefficients, so that the compiler takes four rows at once, and one addition a row for the others.
``b = L v`` turns the sums into those of v, level by level and cell by cell, at the end.
"""

# mypy: allow-untyped-calls, allow-untyped-decorators, disable-error-code="no-any-return"
from __future__ import annotations

import numpy as np
from numba import njit

from hierbayes.engines.base import Floats, Ints
from hierbayes.engines.joint import tape as at
from hierbayes.engines.joint.effects import turn
from hierbayes.engines.joint.elementary import copy_into, dot, total_of
from hierbayes.engines.joint.likelihoods import information
from hierbayes.engines.joint.rows import codes_of, column_of, first_level, part, predict, term_table


@njit(cache=True, nogil=True, error_model="numpy")
def assemble(
    ints: Ints, floats: Floats, terms: Ints, lower: Floats, parameters: Floats, w: Floats, own: Floats,
    coupling: Floats, border: Floats,
) -> None:  # fmt: skip
    """Fill the Hessian: `own` (levels, k, k), `coupling` (k numbers a cell), the upper triangle of `border`."""
    effects = w.copy()
    turn(terms, lower, w, effects)
    add_rows(ints, floats, terms, effects, parameters, own, coupling, border)
    turn_own(ints, terms, lower, own, coupling)
    turn_border(terms, lower, border)
    add_priors(ints, floats, terms, own, border)


@njit(cache=True, nogil=True, error_model="numpy")
def add_rows(
    ints: Ints, floats: Floats, terms: Ints, effects: Floats, parameters: Floats, own: Floats, coupling: Floats,
    border: Floats,
) -> None:  # fmt: skip
    """Fill the information of the rows on the effects and coefficients, in units of b, without priors."""
    p, n = ints[at.P], ints[at.N]
    own[:] = 0.0
    coupling[:] = 0.0
    border[:] = 0.0
    widest = max(1, p)
    for t in range(terms.shape[0]):
        widest = max(widest, terms[t, at.K])
    buffers, weighted = np.empty((2, at.CHUNK)), np.empty((widest, at.CHUNK))
    level, first = first_level(ints, terms), 0
    while first < n:
        m = min(ints[at.STEP], n - first)
        eta, weight = buffers[0, :m], buffers[1, :m]
        after = predict(ints, floats, terms, first, m, level, effects, eta)
        information(
            ints[at.KIND],
            ints[at.PREDICTORS],
            eta,
            part(floats, ints[at.AT_A] + first, m),
            part(floats, ints[at.AT_B] + first, m),
            parameters,
            weight,
        )
        add_coefficients(ints, floats, first, m, weight, weighted, border)
        for t in range(1, terms.shape[0]):
            add_term(ints, floats, terms, t, first, m, weight, weighted, border)
        if terms.shape[0] > 0:
            add_first(ints, floats, first, m, level, weight, weighted, own, coupling)
        level = after
        first += m


@njit(cache=True, nogil=True, error_model="numpy")
def weigh(
    ints: Ints, floats: Floats, terms: Ints, t: int, first: int, m: int, weight: Floats, weighted: Floats
) -> None:
    """Fill the columns of a term, a chunk of them, times the weights of the rows."""
    k = terms[t, at.K]
    for c in range(k):
        if terms[t, at.ONES]:
            copy_into(weight, weighted[c, :m])
        else:
            z = column_of(floats, ints[at.AT_Z] + terms[t, at.Z], first, m, k, c)
            weigh_column(ints, floats, first, m, weight, z, weighted[c, :m])


@njit(cache=True, nogil=True, error_model="numpy")
def weigh_column(ints: Ints, floats: Floats, first: int, m: int, weight: Floats, column: Floats, out: Floats) -> None:
    """Fill a column times the information of the rows: their weights, or of categories ``b (diag(p) - p p')``.

    The rows of one observation have one level under every term, so that the products of its weighted columns with
    others add up as those of single rows do.
    """
    if ints[at.KIND] != at.CATEGORICAL:
        multiply(weight, column, out)
        return
    S, b = ints[at.PREDICTORS], part(floats, ints[at.AT_B] + first, m)
    for start in range(0, m, S):
        mean = 0.0
        for i in range(start, start + S):
            out[i] = weight[i] * column[i]
            mean += out[i]
        for i in range(start, start + S):
            out[i] = b[i] * (out[i] - weight[i] * mean)


@njit(cache=True, nogil=True, error_model="numpy")
def multiply(a: Floats, b: Floats, out: Floats) -> None:
    """Fill the products of two columns."""
    for i in range(out.shape[0]):
        out[i] = a[i] * b[i]


@njit(cache=True, nogil=True, error_model="numpy")
def add_coefficients(
    ints: Ints, floats: Floats, first: int, m: int, weight: Floats, weighted: Floats, border: Floats
) -> None:
    """Add a chunk's products of the coefficients' columns with each other."""
    p = ints[at.P]
    head = border.shape[0] - p
    for c in range(p):
        x = column_of(floats, ints[at.AT_X], first, m, p, c)
        weigh_column(ints, floats, first, m, weight, x, weighted[c, :m])
        for e in range(c + 1):
            border[head + e, head + c] += dot(weighted[c, :m], column_of(floats, ints[at.AT_X], first, m, p, e))


@njit(cache=True, nogil=True, error_model="numpy")
def add_term(
    ints: Ints, floats: Floats, terms: Ints, t: int, first: int, m: int, weight: Floats, weighted: Floats,
    border: Floats,
) -> None:  # fmt: skip
    """Add a chunk's products of a term of the border with itself, with those after it and with the coefficients."""
    p, k = ints[at.P], terms[t, at.K]
    size1, head = terms[0, at.LEVELS] * terms[0, at.K], border.shape[0] - p
    weigh(ints, floats, terms, t, first, m, weight, weighted)
    codes, base = codes_of(ints, t, first, m), terms[t, at.START] - size1
    for c in range(k):
        scaled = weighted[c, :m]
        for e in range(p):
            x = column_of(floats, ints[at.AT_X], first, m, p, e)
            for i in range(m):
                border[base + np.int64(codes[i]) * k + c, head + e] += scaled[i] * x[i]
        for u in range(t, terms.shape[0]):
            wide, other = terms[u, at.K], codes_of(ints, u, first, m)
            start = terms[u, at.START] - size1
            for e in range(wide):
                if terms[u, at.ONES]:
                    for i in range(m):
                        border[base + np.int64(codes[i]) * k + c, start + np.int64(other[i])] += scaled[i]
                    continue
                z = column_of(floats, ints[at.AT_Z] + terms[u, at.Z], first, m, wide, e)
                for i in range(m):
                    border[base + np.int64(codes[i]) * k + c, start + np.int64(other[i]) * wide + e] += scaled[i] * z[i]


@njit(cache=True, nogil=True, error_model="numpy")
def add_first(
    ints: Ints, floats: Floats, first: int, m: int, level: int, weight: Floats, weighted: Floats, own: Floats,
    coupling: Floats,
) -> None:  # fmt: skip
    """Add a chunk's products of the first term's columns with each other and with the border's."""
    terms = term_table(ints)
    k, levels = terms[0, at.K], terms[0, at.LEVELS]
    starts = part(ints, ints[at.AT_STARTS], levels + 1)
    pointers = part(ints, ints[at.AT_POINTERS], levels + 1)
    weigh(ints, floats, terms, 0, first, m, weight, weighted)
    i = 0
    while i < m:
        stop = min(starts[level + 1] - first, m)
        width = pointers[level + 1] - pointers[level]
        for c in range(k):
            scaled = weighted[c, i:stop]
            if terms[0, at.ONES]:
                own[level] += total_of(scaled)
            else:
                for e in range(k):
                    z = column_of(floats, ints[at.AT_Z] + terms[0, at.Z], first, m, k, e)
                    own[(level * k + c) * k + e] += dot(scaled, z[i:stop])
            place = pointers[level] * k + c * width
            couple(ints, floats, terms, first, m, i, scaled, coupling[place : place + width])
        i = stop
        if first + stop == starts[level + 1]:
            level += 1


@njit(cache=True, nogil=True, error_model="numpy")
def couple(ints: Ints, floats: Floats, terms: Ints, first: int, m: int, i: int, scaled: Floats, out: Floats) -> None:
    """Add the products of one weighted column, over the rows of a level from the chunk's i-th on, with the border's."""
    n, p = ints[at.N], ints[at.P]
    rows = scaled.shape[0]
    for e in range(p):
        x = column_of(floats, ints[at.AT_X], first, m, p, e)
        out[out.shape[0] - p + e] += dot(scaled, x[i : i + rows])
    for t in range(1, terms.shape[0]):
        positions = part(ints, ints[at.AT_POSITIONS] + (t - 1) * n + first + i, rows)
        k = terms[t, at.K]
        if terms[t, at.ONES]:
            for r in range(rows):
                out[positions[r]] += scaled[r]
            continue
        for c in range(k):
            z = column_of(floats, ints[at.AT_Z] + terms[t, at.Z], first, m, k, c)[i : i + rows]
            for r in range(rows):
                out[positions[r] + c] += scaled[r] * z[r]


@njit(cache=True, nogil=True, error_model="numpy")
def turn_right(matrix: Floats, lower: Floats, flat: int, k: int) -> None:
    """Multiply a few columns by L from the right, in place: column c becomes the sum of those from c on."""
    for c in range(k):
        for i in range(matrix.shape[0]):
            matrix[i, c] *= lower[flat + c * k + c]
        for e in range(c + 1, k):
            for i in range(matrix.shape[0]):
                matrix[i, c] += matrix[i, e] * lower[flat + e * k + c]


@njit(cache=True, nogil=True, error_model="numpy")
def turn_own(ints: Ints, terms: Ints, lower: Floats, own: Floats, coupling: Floats) -> None:
    """Turn the largest term's blocks, and what couples them to the border, from b to v."""
    if terms.shape[0] == 0:
        return
    levels, k = terms[0, at.LEVELS], terms[0, at.K]
    pointers = part(ints, ints[at.AT_POINTERS], levels + 1)
    cells = part(ints, ints[at.AT_COLUMNS], ints[at.CELLS])
    for j in range(levels):
        block = own[j * k * k : (j + 1) * k * k].reshape(k, k)
        turn_right(block, lower, 0, k)
        turn_right(block.T, lower, 0, k)
        start, width = pointers[j], pointers[j + 1] - pointers[j]
        cell = coupling[start * k : (start + width) * k].reshape(k, width)
        turn_right(cell.T, lower, 0, k)
        turn_cells(terms, lower, cells[start : start + width - ints[at.P]], cell)


@njit(cache=True, nogil=True, error_model="numpy")
def turn_cells(terms: Ints, lower: Floats, columns: Ints, cell: Floats) -> None:
    """Turn the border's columns that meet a level, term by term; those of the coefficients come last and stay."""
    size1 = terms[0, at.LEVELS] * terms[0, at.K]
    t, a = 1, 0
    while a < columns.shape[0]:
        while columns[a] >= terms[t, at.START] - size1 + terms[t, at.LEVELS] * terms[t, at.K]:
            t += 1
        k = terms[t, at.K]
        turn_right(cell[:, a : a + k], lower, terms[t, at.L], k)
        a += k


@njit(cache=True, nogil=True, error_model="numpy")
def turn_border(terms: Ints, lower: Floats, border: Floats) -> None:
    """Turn the upper triangle of the border's own Hessian from b to v."""
    if terms.shape[0] == 0:
        return
    size1 = terms[0, at.LEVELS] * terms[0, at.K]
    for t in range(1, terms.shape[0]):
        k, flat = terms[t, at.K], terms[t, at.L]
        for j in range(terms[t, at.LEVELS]):
            a = terms[t, at.START] - size1 + j * k
            for c in range(k):
                for e in range(c):
                    border[a + c, a + e] = border[a + e, a + c]
            turn_right(border[: a + k, a : a + k], lower, flat, k)
            turn_right(border[a : a + k, a:].T, lower, flat, k)


@njit(cache=True, nogil=True, error_model="numpy")
def add_priors(ints: Ints, floats: Floats, terms: Ints, own: Floats, border: Floats) -> None:
    """Add the prior precisions: 1 for v, and those of beta."""
    p, k, levels = ints[at.P], 0, 0
    if terms.shape[0] > 0:
        k, levels = terms[0, at.K], terms[0, at.LEVELS]
    for j in range(levels * k):
        own[j * k + j % k] += 1.0
    rest = ints[at.EFFECTS] - levels * k
    for i in range(rest):
        border[i, i] += 1.0
    for i in range(p):
        border[rest + i, rest + i] += floats[ints[at.AT_PRIOR] + p + i]
