"""Which border columns meet a level of the largest term: the pattern of the Hessian outside its blocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hierbayes.engines.base import Ints, Problem
from hierbayes.engines.joint.arrange import Rows


@dataclass(frozen=True)
class Cells:
    """The pattern, level by level.

    Attributes
    ----------
    pointers : array of int, shape (levels + 1,)
        Where the columns of each level start.
    columns : array of int
        Columns of the border, rising within a level; all coefficients are among them, last.
    positions : array of int, shape (terms - 1, rows)
        For each other term and row the place of its first column among those of the row's level.
    """

    pointers: Ints
    columns: Ints
    positions: Ints


def find_cells(problem: Problem, rows: Rows) -> Cells:
    """Return the pattern of a problem's rows; without terms there are no levels."""
    if not rows.order:
        return Cells(np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros((0, rows.n), dtype=np.int64))
    levels = problem.blocks[rows.order[0]].n_levels
    sizes = [problem.blocks[i].Z.shape[1] for i in rows.order[1:]]
    counts = [problem.blocks[i].n_levels for i in rows.order[1:]]
    widths = np.full(levels, problem.p)
    places, owners, first_columns, wides, start = [], [], [], [], 0
    for codes, k, count in zip(rows.codes[1:], sizes, counts, strict=True):
        pairs, which = np.unique(rows.codes[0] * count + codes, return_inverse=True)
        owner = pairs // count
        # pairs are sorted by level, so that the rank within a level is a difference of places
        met = np.bincount(owner, minlength=levels)
        rank = np.arange(len(pairs)) - (np.cumsum(met) - met)[owner]
        before = widths[owner] - problem.p
        places.append((before + rank * k)[which])
        owners.append(owner)
        first_columns.append((start + pairs % count * k, before + rank * k))
        wides.append(k)
        widths = widths + met * k
        start += count * k
    pointers = np.concatenate([[0], np.cumsum(widths)])
    columns = np.empty(pointers[-1], dtype=np.int64)
    for owner, (column, place), k in zip(owners, first_columns, wides, strict=True):
        for c in range(k):
            columns[pointers[owner] + place + c] = column + c
    for c in range(problem.p):
        columns[pointers[1:] - problem.p + c] = start + c
    positions = np.array(places, dtype=np.int64).reshape(len(sizes), rows.n)
    return Cells(pointers.astype(np.int64), columns, positions)
