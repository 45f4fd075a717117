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

Rows of two parts of the data add: they are stacked, and those that agree are added up once more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hierbayes.engines.base import Floats, Ints, Problem
from hierbayes.engines.joint import tape as at
from hierbayes.errors import DataError, ModelError

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
    adds : str
        Which rows may be one row, see `hierbayes.families.base.Compiled`.
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
    predictors: int
    adds: str

    @property
    def n(self) -> int:
        """Number of rows, after those that agree were added up."""
        return len(self.a)

    def __add__(self, other: Rows) -> Rows:
        """Return the rows of both, those that agree added up.

        Raises
        ------
        ModelError
            If the two are not rows of one model.
        """
        if _shape(self) != _shape(other):
            raise ModelError("rows of different models do not add", "take the levels of both from one schema")
        counts, which = np.unique(np.append(self.counts[0], other.counts[0]), return_inverse=True)
        both = Rows(
            _shape(self)[0], self.order, np.append(self.a, other.a), np.append(self.b, other.b),
            np.append(self.offset, other.offset), np.vstack([self.X, other.X]),
            tuple(np.vstack(pair) for pair in zip(self.Z, other.Z, strict=True)),
            tuple(np.append(*pair) for pair in zip(self.codes, other.codes, strict=True)),
            self.consts + other.consts,
            np.array([counts, np.bincount(which, np.append(self.counts[1], other.counts[1]), len(counts))]),
            self.predictors, self.adds,
        )  # fmt: skip
        return _added_up(both, 1.0)


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
    rows = Rows(
        at.CODES[responses.code], order, responses.a.ravel(), np.repeat(responses.b, family.predictors),
        problem.offset, problem.X, tuple(blocks[i].Z for i in order), tuple(blocks[i].codes for i in order),
        np.array([responses.constant, np.sum(problem.weights), responses.coefficient]), responses.counts,
        family.predictors, responses.adds,
    )  # fmt: skip
    return _added_up(rows, _WORTH)


def _added_up(rows: Rows, worth: float) -> Rows:
    """Return the rows by level, those that agree added up if at most a share `worth` of them remains."""
    S = rows.predictors
    a, b = rows.a.reshape(-1, S) if S > 1 else rows.a, rows.b[::S]
    codes = [part[::S] for part in rows.codes]
    first = np.arange(len(b))
    if rows.adds != "none":
        columns = [rows.offset, *rows.X.T, *(column for Z in rows.Z for column in Z.T)]
        # the rows of one observation, one a predictor, agree in their levels
        columns = [part for column in columns for part in column.reshape(-1, S).T]
        first, cell = _distinct([*columns, a] if rows.adds == "equal" else columns, codes, worth)
        b = np.bincount(cell, b, len(first))
        a = a[first] if rows.adds == "equal" else _sums(cell, a, len(first))
    if codes:
        by_level = np.argsort(codes[0][first], kind="stable")
        first, a, b = first[by_level], a[by_level], b[by_level]
    kept, a, b = (S * first[:, None] + np.arange(S)).ravel(), a.ravel(), np.repeat(b, S)
    return replace(
        rows, kind=at.UNIT_LOGISTIC if rows.kind == at.LOGISTIC and np.all(b == 1.0) else rows.kind, a=a, b=b,
        offset=rows.offset[kept], X=rows.X[kept], Z=tuple(Z[kept] for Z in rows.Z),
        codes=tuple(part[kept] for part in rows.codes),
    )  # fmt: skip


def _shape(rows: Rows) -> tuple[int, tuple[int, ...], int, list[int], int, str]:
    """Return what rows of one model agree in, the kind of likelihood first."""
    kind = at.LOGISTIC if rows.kind == at.UNIT_LOGISTIC else rows.kind
    return kind, rows.order, rows.X.shape[1], [Z.shape[1] for Z in rows.Z], rows.predictors, rows.adds


def _sums(cell: Ints, values: Floats, cells: int) -> Floats:
    """Return the sums of values by cell; of each column where there are several."""
    if values.ndim == 1:
        return np.bincount(cell, values, cells)
    return np.column_stack([np.bincount(cell, column, cells) for column in values.T])


def _distinct(columns: list[Floats], codes: list[Ints], worth: float) -> tuple[Ints, Ints]:
    """Return the first row of each set of rows that agree, and the set of each row."""
    n = len(columns[0])
    keys = [(column + 0.0).view(np.uint64) for column in columns] + [own.astype(np.uint64) for own in codes]
    mixed = np.zeros(n, dtype=np.uint64)
    for key in keys:
        mixed = (mixed ^ key) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    _, kept, cell = np.unique(mixed, return_index=True, return_inverse=True)
    if len(kept) > worth * n or any(np.any(key[kept][cell] != key) for key in keys):
        return np.arange(n), np.arange(n)
    return kept, cell
