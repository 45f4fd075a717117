"""What the elimination of the moving chart leaves, and its border: the part that is dense or nearly so."""

# mypy: allow-untyped-calls, allow-untyped-decorators, disable-error-code="no-any-return"
from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from hierbayes.engines.base import Floats, Ints
from hierbayes.engines.joint import tape as at
from hierbayes.engines.joint.elementary import add_scaled, dot
from hierbayes.engines.joint.rows import part


class Elimination(NamedTuple):
    """What the elimination at one theta leaves for the reverse pass; the border is in the order of elimination.

    Attributes
    ----------
    roots : array, (levels, k, k) flat
        R of each level of the largest term, lower triangular, for its last column comes first.
    cross : array
        ``R_j^-T`` times the cells of level j: k rows of its border columns.
    border : array, shape (m, m)
        R of the border in its upper triangle.
    t : array, shape (effects + p,)
        ``R^-T r``.
    u : array, shape (effects + p,)
        (v, beta), in the order of w.
    scale : array, shape (effects + p,)
        D, in the order of w.
    starts, lists : array of int
        For each place of the border the later ones that its row of R holds.
    pointers, columns : array of int
        For each level of the largest term the places of the border that it meets, rising.
    """

    roots: Floats
    cross: Floats
    border: Floats
    t: Floats
    u: Floats
    scale: Floats
    starts: Ints
    lists: Ints
    pointers: Ints
    columns: Ints


@njit(cache=True, nogil=True, error_model="numpy")
def first_size(terms: Ints) -> tuple[int, int]:
    """Return the number of levels of the largest term and of its columns."""
    if terms.shape[0] == 0:
        return 0, 0
    return terms[0, at.LEVELS], terms[0, at.K]


@njit(cache=True, nogil=True, error_model="numpy")
def room(ints: Ints, terms: Ints) -> Elimination:
    """Return an elimination to be filled."""
    levels, k = first_size(terms)
    size = ints[at.EFFECTS] + ints[at.P]
    m = size - levels * k
    starts = part(ints, ints[at.AT_LIST_STARTS], m + 1)
    return Elimination(
        np.empty(levels * k * k),
        np.empty(ints[at.CELLS] * k),
        np.empty((m, m)),
        np.empty(size),
        np.empty(size),
        np.empty(size),
        starts,
        part(ints, ints[at.AT_LISTS], starts[m]).view(np.uint64),
        part(ints, ints[at.AT_POINTERS], levels + 1),
        part(ints, ints[at.AT_COLUMNS], ints[at.CELLS]).view(np.uint64),
    )


@njit(cache=True, nogil=True, error_model="numpy")
def reverse(terms: Ints, x: Floats) -> None:
    """Reverse the columns of each level in the border: from the order of w to that of elimination, and back."""
    for t in range(1, terms.shape[0]):
        k = terms[t, at.K]
        for j in range(terms[t, at.LEVELS] if k > 1 else 0):
            start = terms[t, at.START] + j * k
            for c in range(k // 2):
                x[start + c], x[start + k - 1 - c] = x[start + k - 1 - c], x[start + c]


@njit(cache=True, nogil=True, error_model="numpy")
def fill_border(ints: Ints, floats: Floats, terms: Ints, lower: Floats, e: Elimination) -> None:
    """Fill the border's part of A."""
    levels, k = first_size(terms)
    border, m, p, place = e.border, e.border.shape[0], ints[at.P], ints[at.AT_BORDER]
    whole = e.scale.copy()
    reverse(terms, whole)
    scales = whole[levels * k :]
    for t in range(1, terms.shape[0]):
        if terms[t, at.K] == 1:
            first = terms[t, at.START] - levels * k
            scales[first : first + terms[t, at.LEVELS]] *= lower[terms[t, at.L]]
    for i in range(m):
        row, scale = border[i], scales[i]
        for j in range(m):
            row[j] = scale * scales[j] * floats[place + i * m + j]
    for t in range(1, terms.shape[0]):
        wide, flat = terms[t, at.K], terms[t, at.L]
        first = terms[t, at.START] - levels * k
        for j in range(terms[t, at.LEVELS] if wide > 1 else 0):
            turn_rows(border, first + j * wide, wide, lower, flat)
            for i in range(m):
                turn_run(border[i], first + j * wide, wide, lower, flat)
    for i in range(m):
        border[i, i] += 1.0 if i < m - p else floats[ints[at.AT_PRIOR] + p + i - (m - p)]


@njit(cache=True, nogil=True, error_model="numpy")
def turn_rows(border: Floats, start: int, k: int, lower: Floats, flat: int) -> None:
    """Turn the rows of one level from b to v; the last column's row comes first."""
    for c in range(k):
        row, x = border[start + k - 1 - c], lower[flat + c * k + c]
        for i in range(row.shape[0]):
            row[i] *= x
        for h in range(c + 1, k):
            add_scaled(lower[flat + h * k + c], border[start + k - 1 - h], row)


@njit(cache=True, nogil=True, error_model="numpy")
def turn_run(row: Floats, start: int, k: int, lower: Floats, flat: int) -> None:
    """Turn the columns of one level from b to v: column c becomes the sum of those from c on; the last comes first."""
    for c in range(k):
        s = 0.0
        for h in range(c, k):
            s += row[start + k - 1 - h] * lower[flat + h * k + c]
        row[start + k - 1 - c] = s


@njit(cache=True, nogil=True, error_model="numpy")
def factor_border(e: Elimination) -> float:
    """Overwrite the upper triangle of the border with R; returns its log determinant, or NaN."""
    a, m, log_det = e.border, e.border.shape[0], 0.0
    for i in range(m):
        if not a[i, i] > 0.0:
            return math.nan
        root, row = math.sqrt(a[i, i]), a[i]
        log_det += math.log(root)
        row[i] = root
        first, stop = e.starts[i], e.starts[i + 1]
        if stop - first == m - 1 - i:
            for c in range(i + 1, m):
                row[c] /= root
            for c in range(i + 1, m):
                add_scaled(-row[c], row[c:], a[c, c:])
            continue
        for c in range(first, stop):
            row[e.lists[c]] /= root
        for c in range(first, stop):
            x, into = row[e.lists[c]], a[e.lists[c]]
            for d in range(c, stop):
                into[e.lists[d]] -= x * row[e.lists[d]]
    return log_det


@njit(cache=True, nogil=True, error_model="numpy")
def solve_border(e: Elimination, x: Floats) -> None:
    """Overwrite the border's x with ``R^-1 x``."""
    m = x.shape[0]
    for i in range(m - 1, -1, -1):
        first, stop, row, s = e.starts[i], e.starts[i + 1], e.border[i], x[i]
        if stop - first == m - 1 - i:
            s -= dot(row[i + 1 :], x[i + 1 :])
        else:
            for c in range(first, stop):
                s -= row[e.lists[c]] * x[e.lists[c]]
        x[i] = s / row[i]


@njit(cache=True, nogil=True, error_model="numpy")
def solve_border_transposed(e: Elimination, x: Floats) -> None:
    """Overwrite the border's x with ``R^-T x``."""
    m = x.shape[0]
    for i in range(m):
        first, stop, row = e.starts[i], e.starts[i + 1], e.border[i]
        x[i] /= row[i]
        if stop - first == m - 1 - i:
            add_scaled(-x[i], row[i + 1 :], x[i + 1 :])
        else:
            for c in range(first, stop):
                x[e.lists[c]] -= x[i] * row[e.lists[c]]
