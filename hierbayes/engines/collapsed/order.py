"""The order of the border's largest term: its sparse part first.

After the chain is gone two levels of the border touch only where some level of the chain has both. Eliminated by least
degree, the first levels touch few others, and their share of the factor costs little; what is left is dense.
"""

# mypy: allow-untyped-calls, allow-untyped-decorators, disable-error-code="no-any-return"
from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hierbayes.engines.base import Ints
from hierbayes.engines.collapsed.lapack import LARGE
from hierbayes.engines.collapsed.structure import Structure

Flags = NDArray[np.bool_]

_RATIO = 4.0
"""How many times as long a multiplication takes at scattered places, as a ratio of row lengths."""


@dataclass(frozen=True)
class Thin:
    """The rows of the border that are eliminated one by one, before the dense rest.

    Attributes
    ----------
    levels : array of int
        The level of the border's first term that stands at each place; empty where nothing was moved.
    starts : array of int, shape (rows + 1,)
        Where the columns of each thin row start in `columns`.
    columns : array of int
        Border columns beyond the diagonal that a thin row of the factor has, ascending; X and y are among them.
    """

    levels: Ints
    starts: Ints
    columns: Ints


NOTHING = Thin(np.zeros(0, np.int64), np.zeros(1, np.int64), np.zeros(0, np.int64))


def thinned(structure: Structure, p: int) -> tuple[Structure, Thin]:
    """Return the structure with the levels of the border's first term in a good order, and its thin rows.

    Parameters
    ----------
    structure : Structure
        With the border's columns kept sparse.
    p : int
        Number of population-level coefficients.
    """
    edge = structure.edge
    if not edge or edge[0].k != 1 or structure.border < LARGE or edge[0].levels < structure.border // 2:
        return structure, NOTHING
    touching = _touching(structure)
    beyond = structure.border - edge[0].levels + p + 1
    count, levels, filled = _least_degree(touching, beyond, _RATIO)
    if count < structure.border // 10:
        return structure, NOTHING
    place = np.empty_like(levels)
    place[levels] = np.arange(len(levels))
    first = replace(edge[0], codes=place[edge[0].codes])
    starts, columns = _pattern(filled, levels, int(count), beyond)
    return Structure(structure.chain, (first, *edge[1:])), Thin(levels, starts, columns)


def _touching(structure: Structure) -> Flags:
    """Return which levels of the border's first term touch: in one row of the data, or over a level of the chain."""
    from scipy import sparse

    term = structure.edge[0]
    found = sparse.csr_matrix((term.levels, term.levels))
    for layer in structure.chain:
        ones = np.ones(len(term.codes))
        counts = sparse.csr_matrix((ones, (layer.codes, term.codes)), shape=(layer.levels, term.levels))
        found = found + counts.T @ counts
    touching = found.toarray() > 0
    np.fill_diagonal(touching, False)
    return np.ascontiguousarray(touching)


def _pattern(filled: Flags, levels: Ints, count: int, beyond: int) -> tuple[Ints, Ints]:
    size = len(levels)
    tail = np.arange(size, size + beyond)
    rows = [
        np.concatenate([row + 1 + np.flatnonzero(filled[levels[row], levels[row + 1 :]]), tail]) for row in range(count)
    ]
    starts = np.cumsum([0, *(len(row) for row in rows)]).astype(np.int64)
    return starts, np.concatenate(rows).astype(np.int64)


@njit(cache=True, nogil=True, error_model="numpy")
def _least_degree(touching, beyond, ratio):  # type: ignore[no-untyped-def]
    """Eliminate the level with the fewest neighbours while these are few; `touching` is filled in.

    Returns how many were eliminated, the levels in order and the filled matrix.
    """
    size = touching.shape[0]
    alive = np.ones(size, np.bool_)
    degrees = np.zeros(size, np.int64)
    for i in range(size):
        for j in range(size):
            degrees[i] += touching[i, j]
    levels = np.zeros(size, np.int64)
    near = np.empty(size, np.int64)
    count = 0
    while count < size:
        best = -1
        for i in range(size):
            if alive[i] and (best < 0 or degrees[i] < degrees[best]):
                best = i
        if ratio * (degrees[best] + beyond) > size - count + beyond:
            break
        neighbours = 0
        for j in range(size):
            if alive[j] and touching[best, j]:
                near[neighbours] = j
                neighbours += 1
        alive[best] = False
        levels[count] = best
        count += 1
        for x in range(neighbours):
            i = near[x]
            degrees[i] -= 1
            for z in range(x + 1, neighbours):
                j = near[z]
                if not touching[i, j]:
                    touching[i, j] = True
                    touching[j, i] = True
                    degrees[i] += 1
                    degrees[j] += 1
    rest = count
    for i in range(size):
        if alive[i]:
            levels[rest] = i
            rest += 1
    return count, levels, touching
