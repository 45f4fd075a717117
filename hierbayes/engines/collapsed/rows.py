"""Rows of the chain and cells of the border, for the sparse path.

A node is one level of one layer of the chain. Its slot in the store holds a k by k matrix (the triangular factor R of
the first layer; Z'Z, after projection on the first layer, of later ones) and a k by width row: the columns of its
ancestors, then its cells of the border, then X and y.
"""

# mypy: allow-untyped-calls, allow-untyped-decorators, disable-error-code="no-any-return"
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from hierbayes.engines.base import Floats, Ints
from hierbayes.engines.collapsed import tape as at
from hierbayes.engines.collapsed.structure import Layer, Structure, parents_of


@dataclass(frozen=True)
class Rows:
    """The chain's nodes and what they hold.

    Attributes
    ----------
    nodes : array of int, shape (nodes, 4)
        Place of the slot in `store`, first cell, number of cells, level of the parent in the next layer.
    cells : array of int
        Border column of every cell, ascending within a node.
    maps : array of int
        Place of each cell among those of the parent.
    store : array
    border : array, shape (q + p + 1, q + p + 1)
        Gram matrix of ``[border, X, y]`` after projection on the first layer.
    """

    nodes: Ints
    cells: Ints
    maps: Ints
    store: Floats
    border: Floats

    def sections(self) -> dict[int, Ints | Floats]:
        """Return the sections of the tape that hold the rows."""
        return {
            at.AT_ROWS: self.nodes,
            at.AT_CELLS: self.cells,
            at.AT_MAPS: self.maps,
            at.AT_TAIL: self.store,
        }


def sparse_rows(structure: Structure, root: Floats, basis: Floats, tail: Floats, r: Floats, c: Floats) -> Rows:
    """Build the rows.

    Parameters
    ----------
    structure : Structure
    root : array, shape (n,)
        Square roots of the weights.
    basis : array, shape (n, k)
        Orthonormal columns of the first layer, level by level.
    tail : array, shape (n, p + 1)
        X and y after projection on the first layer.
    r, c : array
        Packed triangular factors, and ``Q_j' [X, y]``, of the first layer.
    """
    from scipy import sparse

    chain, edge = structure.chain, structure.edge
    width = tail.shape[1]
    others = [_columns(layer, layer.Z * root[:, None]) for layer in (*chain[1:], *edge)]
    beside = sparse.hstack(others, format="csr") if others else sparse.csr_matrix((len(root), 0))
    own = _columns(chain[0], basis)
    across = (own.T @ beside).tocsr()
    across.sort_indices()
    gram = (beside.T @ beside - across.T @ across).tocsr()
    gram.sort_indices()
    coupling = np.asarray(beside.T @ tail)
    q = structure.border
    inner = gram.shape[0] - q
    border = np.zeros((q + width, q + width))
    border[:q, :q] = gram[inner:, inner:].toarray()
    border[:q, q:] = coupling[inner:]
    border[q:, :q] = coupling[inner:].T
    border[q:, q:] = tail.T @ tail
    nodes, cells, maps, size = _pattern(structure, width)
    store = np.zeros(size)
    starts = np.cumsum([0, *(layer.size for layer in chain[1:])]).astype(np.int64)
    ks = np.array([layer.k for layer in chain], dtype=np.int64)
    tails = np.ascontiguousarray(c.T.reshape(chain[0].levels, chain[0].k, width))
    first = 0
    for depth, layer in enumerate(chain):
        part = nodes[first : first + layer.levels]
        matrix = across if depth == 0 else gram[starts[depth - 1] : starts[depth]]
        beyond = tails if depth == 0 else coupling[starts[depth - 1] : starts[depth]].reshape(-1, layer.k, width)
        _fill(
            depth, part, cells, ks, starts,
            (matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64), matrix.data),
            np.ascontiguousarray(beyond), store,
        )  # fmt: skip
        first += layer.levels
    _fill_factors(nodes[: chain[0].levels], r, chain[0].k, store)
    return Rows(nodes, cells, maps, store, border)


def _columns(layer: Layer, values: Floats) -> Any:
    from scipy import sparse

    n, k = values.shape
    columns = layer.codes[:, None] * k + np.arange(k)
    return sparse.csr_matrix((values.ravel(), columns.ravel(), np.arange(0, n * k + 1, k)), shape=(n, layer.size))


def _pattern(structure: Structure, width: int) -> tuple[Ints, Ints, Ints, int]:
    """Return nodes, cells, maps and the length of the store."""
    chain = structure.chain
    tables: list[Ints] = []
    lists: list[Ints] = []
    counts: list[Ints] = []
    offset, place = 0, 0
    for depth, layer in enumerate(chain):
        levels, columns = _cells(layer, structure.edge)
        count = np.bincount(levels, minlength=layer.levels).astype(np.int64)
        ancestors = sum(above.k for above in chain[depth + 1 :])
        slots = layer.k * (layer.k + ancestors + count + width)
        table = np.zeros((layer.levels, 4), dtype=np.int64)
        table[:, 0] = place + np.cumsum(slots) - slots
        table[:, 1] = offset + np.cumsum(count) - count
        table[:, 2] = count
        if depth + 1 < len(chain):
            parents = parents_of(layer, chain[depth + 1])
            table[:, 3] = 0 if parents is None else parents
        place += int(slots.sum())
        offset += len(columns)
        tables.append(table)
        lists.append(columns)
        counts.append(levels)
    cells = np.concatenate(lists).astype(np.int64)
    maps = np.zeros(len(cells), dtype=np.int64)
    border = structure.border
    for depth in range(len(chain) - 1):
        # Keys (level, column) ascend in both lists, so that one search finds each cell's place in the parent.
        table, above = tables[depth], tables[depth + 1]
        parent = table[counts[depth], 3]
        keys = counts[depth + 1] * border + lists[depth + 1]
        found = np.searchsorted(keys, parent * border + lists[depth])
        start = table[0, 1]
        maps[start : start + len(found)] = found + above[0, 1] - above[parent, 1]
    return np.vstack(tables), cells, maps, place


def _cells(layer: Layer, edge: tuple[Layer, ...]) -> tuple[Ints, Ints]:
    """Return level and border column of every cell of a layer, by level and then by column."""
    levels: list[Ints] = [np.zeros(0, dtype=np.int64)]
    columns: list[Ints] = [np.zeros(0, dtype=np.int64)]
    start = 0
    for other in edge:
        pairs = np.unique(layer.codes * other.levels + other.codes)
        level, code = pairs // other.levels, pairs % other.levels
        levels.append(np.repeat(level, other.k))
        columns.append((start + code[:, None] * other.k + np.arange(other.k)).ravel())
        start += other.size
    level, column = np.concatenate(levels), np.concatenate(columns)
    order = np.lexsort((column, level))
    return level[order], column[order]


@njit(cache=True, nogil=True, error_model="numpy")
def _fill(depth, nodes, cells, ks, starts, columns, beyond, store):  # type: ignore[no-untyped-def]
    indptr, indices, data = columns
    k = ks[depth]
    chain = ks.shape[0]
    inner = starts[chain - 1]
    ancestors = 0
    for t in range(depth + 1, chain):
        ancestors += ks[t]
    width = beyond.shape[2]
    for level in range(nodes.shape[0]):
        slot, first, count = nodes[level, 0], nodes[level, 1], nodes[level, 2]
        wide = ancestors + count + width
        for a in range(k):
            row = slot + k * k + a * wide
            for i in range(indptr[level * k + a], indptr[level * k + a + 1]):
                column = indices[i]
                if column >= inner:
                    where = np.searchsorted(cells[first : first + count], column - inner)
                    store[row + ancestors + where] = data[i]
                    continue
                offset = 0
                for t in range(1, chain):
                    if starts[t - 1] <= column < starts[t]:
                        if t == depth:
                            store[slot + a * k + (column - starts[t - 1]) % k] = data[i]
                        elif t > depth:
                            store[row + offset + (column - starts[t - 1]) % ks[t]] = data[i]
                    if t > depth:
                        offset += ks[t]
            for col in range(width):
                store[row + ancestors + count + col] = beyond[level, a, col]


@njit(cache=True, nogil=True, error_model="numpy")
def _fill_factors(nodes, r, k, store):  # type: ignore[no-untyped-def]
    for level in range(nodes.shape[0]):
        at_pair = 0
        for a in range(k):
            for b in range(a, k):
                store[nodes[level, 0] + a * k + b] = r[at_pair, level]
                at_pair += 1
