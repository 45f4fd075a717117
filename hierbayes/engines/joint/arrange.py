"""A problem's rows in the order and form in which the compiled density reads them.

Rows are sorted by the level of the largest term, and rows that agree in all but the response are added up where the
likelihood allows it: every row then has two numbers,

    logistic, probit     a = successes         b = trials           (both times the weight)
    poisson, gamma, negative binomial          a = weight times response     b = weight
    gaussian, student, lognormal               a = response (its logarithm)  b = weight
    ordinal                                    a = score                     b = weight
    categorical                                a = weight of the category    b = weight

The categorical family has a row for each predictor of an observation, end to end: `a` is the weight where the response
is the category of the predictor, else 0. Observations whose rows all agree are added up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hierbayes.engines.base import Floats, Ints, Problem
from hierbayes.engines.joint import tape as at
from hierbayes.errors import DataError

_WORTH = 0.9
"""Share of rows that must remain at most for adding rows up to be worth its while."""


@dataclass(frozen=True)
class Rows:
    """Rows of a problem, arranged.

    Attributes
    ----------
    kind : int
        Kind of likelihood.
    order : tuple of int
        The blocks of the problem, the one with most effects first.
    a, b, offset : array, shape (rows,)
    X : array, shape (rows, p)
    Z : tuple of array, shape (rows, k)
        In the order of `order`, as `codes`.
    codes : tuple of array of int, shape (rows,)
    consts : array, shape (3,)
        See `likelihoods.constant_terms`.
    counts : array, shape (2, distinct)
        Distinct counts or scores and their weights, for the negative binomial and the ordinal family.
    predictors : int
        Rows of one observation, which stand together.
    """

    kind: int
    order: tuple[int, ...]
    a: Floats
    b: Floats
    offset: Floats
    X: Floats
    Z: tuple[Floats, ...]
    codes: tuple[Ints, ...]
    consts: Floats
    counts: Floats
    predictors: int = 1

    @property
    def n(self) -> int:
        """Number of rows, after those that agree were added up."""
        return len(self.a)


def arrange(problem: Problem) -> Rows:
    """Return the rows of a problem, arranged.

    Raises
    ------
    DataError
        If the weights are not positive.
    """
    if not np.all(problem.weights > 0):
        raise DataError("weights must be positive", "leave out rows of weight 0")
    blocks = problem.blocks
    order = tuple(sorted(range(len(blocks)), key=lambda i: -blocks[i].n_levels * blocks[i].Z.shape[1]))
    family = problem.likelihood
    responses = family.compiled(problem.y, np.asarray(problem.weights, dtype=np.float64), problem.trials)
    kind, a, b, S = at.CODES[responses.code], responses.a, responses.b, family.predictors
    columns = [problem.offset, *problem.X.T, *(column for i in order for column in blocks[i].Z.T)]
    codes = [blocks[i].codes[::S] for i in order]
    rows = np.arange(problem.n)
    if responses.adds != "none":
        # the rows of one observation, one a predictor, agree in their levels
        columns = [part for column in columns for part in column.reshape(-1, S).T]
        rows, cell = _distinct([*columns, a] if responses.adds == "equal" else columns, codes)
        b = np.bincount(cell, b, len(rows))
        a = a[rows] if responses.adds == "equal" else _sums(cell, a, len(rows))
    if codes:
        by_level = np.argsort(codes[0][rows], kind="stable")
        rows, a, b = rows[by_level], a[by_level], b[by_level]
    kept, a, b = (S * rows[:, None] + np.arange(S)).ravel(), a.ravel(), np.repeat(b, S)
    if kind == at.LOGISTIC and np.all(b == 1.0):
        kind = at.UNIT_LOGISTIC
    return Rows(
        kind, order, a, b, problem.offset[kept], problem.X[kept], tuple(blocks[i].Z[kept] for i in order),
        tuple(blocks[i].codes[kept] for i in order),
        np.array([responses.constant, np.sum(problem.weights), responses.coefficient]), responses.counts, S,
    )  # fmt: skip


def _sums(cell: Ints, values: Floats, cells: int) -> Floats:
    """Return the sums of values by cell; of each column where there are several."""
    if values.ndim == 1:
        return np.bincount(cell, values, cells)
    return np.column_stack([np.bincount(cell, column, cells) for column in values.T])


def _distinct(columns: list[Floats], codes: list[Ints]) -> tuple[Ints, Ints]:
    """Return the first row of each set of rows that agree, and the set of each row."""
    n = len(columns[0])
    keys = [(column + 0.0).view(np.uint64) for column in columns] + [own.astype(np.uint64) for own in codes]
    mixed = np.zeros(n, dtype=np.uint64)
    for key in keys:
        mixed = (mixed ^ key) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    _, kept, cell = np.unique(mixed, return_index=True, return_inverse=True)
    if len(kept) > _WORTH * n or any(np.any(key[kept][cell] != key) for key in keys):
        return np.arange(n), np.arange(n)
    return kept, cell
