"""Rows of a Gaussian problem as sums that add: the sums of two parts give those of the whole, in any split.

A cell is a set of rows that agree in the levels of every term. Rows of a cell enter a density through the cross
products of ``[Z, X, y]`` alone, and any rows with the same cross products stand in for them: the triangular factor of
the cell's columns of Z, with what it takes of X and y, and for all cells together one triangular factor of what this
leaves of ``[X, y]``. Sums are added by factoring the rows of both once more. Orthogonal factors keep the digits that
cross products would lose.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hierbayes.engines.base import Block, Floats, Ints, Problem
from hierbayes.engines.collapsed.entries import project_levels
from hierbayes.errors import DataError, ModelError


@dataclass(frozen=True)
class Sums:
    """Rows of a problem, or fewer rows with the same cross products.

    Attributes
    ----------
    n : int
        Number of rows of the data.
    log_weights : float
        Sum of the logarithms of their weights.
    origin : array, shape (p,)
        Coefficients whose fit was taken off the response; different from 0 only for a column of ones.
    rows : Problem
        The rows, with offset 0 and the response less the fit of `origin`.
    """

    n: int
    log_weights: float
    origin: Floats
    rows: Problem

    @classmethod
    def of(cls, problem: Problem) -> Sums:
        """Return the sums of the rows of a problem, which may have none; for each cell as many rows as its Z has rank.

        Raises
        ------
        ModelError
            If the family is not Gaussian.
        DataError
            If the weights are not positive.
        """
        whole = centred(problem, of_part=True)
        return replace(whole, rows=_reduced(whole.rows))

    def __add__(self, other: Sums) -> Sums:
        """Return the sums of the rows of both.

        Raises
        ------
        ModelError
            If the two do not have the same columns and levels.
        """
        if _shape(self.rows) != _shape(other.rows):
            raise ModelError("sums of different models do not add", "take the levels of both from one schema")
        origin = max(self, other, key=lambda part: part.n).origin
        rows = _reduced(_stacked(self._about(origin), other._about(origin)))
        return Sums(self.n + other.n, self.log_weights + other.log_weights, origin, rows)

    def _about(self, origin: Floats) -> Problem:
        # The difference of two origins is exact or nearly so, whatever their size.
        return replace(self.rows, y=self.rows.y + self.rows.X @ (self.origin - origin))


def centred(problem: Problem, of_part: bool = False) -> Sums:
    """Return the rows as they are, the response less its mean where a column is constant; raises as `Sums.of`.

    In a part of the rows, which may be one, any column may be constant, at any size: there it has to be of ones.
    """
    if not problem.likelihood.conjugate:
        raise ModelError(f"the collapsed engine takes the gaussian family only, not {problem.family}")
    if not np.all(problem.weights > 0):
        raise DataError("weights must be positive", "leave out rows of weight 0")
    y = np.asarray(problem.y - problem.offset, dtype=np.float64)
    origin = np.zeros(problem.p)
    first = problem.X[0] if problem.n else origin
    usable = first == 1 if of_part else first != 0
    constant = [k for k in np.flatnonzero(usable) if np.all(problem.X[:, k] == first[k])]
    if constant:
        # A plain difference keeps the digits that a projection from 1e9 would round away.
        middle = float(np.mean(y))
        y = y - middle
        origin[constant[0]] = middle / first[constant[0]]
    log_weights = float(np.sum(np.log(problem.weights)))
    return Sums(problem.n, log_weights, origin, replace(problem, y=y, offset=np.zeros(problem.n)))


def _reduced(problem: Problem) -> Problem:
    """Return the fewest rows of weight 1 with the same cross products in every cell."""
    root = np.sqrt(problem.weights)[:, None]
    z = np.hstack([np.zeros((problem.n, 0)), *(block.Z for block in problem.blocks)]) * root
    tail = np.column_stack([problem.X, problem.y]) * root
    first, order, starts = _cells(problem)
    cells, k, m = len(first), z.shape[1], tail.shape[1]
    r, c = np.zeros((k * (k + 1) // 2, cells)), np.zeros((k * m, cells))
    left = np.zeros_like(tail)
    columns, values = np.zeros((problem.n, 0), dtype=np.int64), np.zeros((problem.n, 0))
    project_levels((order, starts, z, tail, columns, values), 0, r, c, np.zeros((m, m)), np.zeros((problem.n, k)), left)
    factors = np.zeros((cells, k, k))
    factors[:, *np.triu_indices(k)] = r.T
    spanning = np.any(factors != 0, axis=2)
    spanning[:, :1] = True  # even a cell without a column says which levels occur together
    rest = np.linalg.qr(left, mode="r")
    tails = np.vstack([c.T.reshape(cells, k, m)[spanning], rest])
    wide = np.vstack([factors[spanning], np.zeros((len(rest), k))])
    # What is left belongs to no level; the rows of the first cell take it, with columns that are 0.
    cell = np.concatenate([np.nonzero(spanning)[0], np.zeros(len(rest), dtype=np.int64)])
    ends = np.cumsum([0, *(block.Z.shape[1] for block in problem.blocks)])
    blocks = tuple(
        replace(block, Z=np.ascontiguousarray(wide[:, start:stop]), codes=block.codes[first[cell]])
        for block, start, stop in zip(problem.blocks, ends[:-1], ends[1:], strict=True)
    )
    n = len(tails)
    return replace(
        problem, y=tails[:, -1].copy(), X=tails[:, :-1].copy(), offset=np.zeros(n), weights=np.ones(n), blocks=blocks
    )


def _cells(problem: Problem) -> tuple[Ints, Ints, Ints]:
    """Return the first row of each cell, the rows in the order of their cells, and where each cell starts in it."""
    cell = np.zeros(problem.n, dtype=np.int64)
    for block in problem.blocks:
        _, cell = np.unique(cell * block.n_levels + block.codes, return_inverse=True)
    _, first = np.unique(cell, return_index=True)
    order = np.argsort(cell, kind="stable")
    return first, order, np.searchsorted(cell[order], np.arange(len(first) + 1)).astype(np.int64)


def _stacked(one: Problem, two: Problem) -> Problem:
    """Return a problem with the rows of both."""
    return replace(
        one,
        y=np.concatenate([one.y, two.y]),
        X=np.vstack([one.X, two.X]),
        offset=np.concatenate([one.offset, two.offset]),
        weights=np.concatenate([one.weights, two.weights]),
        blocks=tuple(_both(*pair) for pair in zip(one.blocks, two.blocks, strict=True)),
    )


def _both(one: Block, two: Block) -> Block:
    return replace(one, Z=np.vstack([one.Z, two.Z]), codes=np.concatenate([one.codes, two.codes]))


def _shape(problem: Problem) -> tuple[int, list[tuple[int, int]]]:
    return problem.p, [(block.n_levels, block.Z.shape[1]) for block in problem.blocks]
