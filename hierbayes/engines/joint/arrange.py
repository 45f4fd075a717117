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

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from hierbayes.engines.base import Floats, Ints, Problem
from hierbayes.engines.joint import tape as at
from hierbayes.errors import DataError

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)

KINDS = {
    ("gaussian", "identity"): at.GAUSSIAN,
    ("lognormal", "identity"): at.GAUSSIAN,
    ("student_t", "identity"): at.STUDENT,
    ("bernoulli", "logit"): at.LOGISTIC,
    ("binomial", "logit"): at.LOGISTIC,
    ("bernoulli", "probit"): at.PROBIT,
    ("binomial", "probit"): at.PROBIT,
    ("poisson", "log"): at.POISSON,
    ("negative_binomial", "log"): at.NEGATIVE_BINOMIAL,
    ("gamma", "log"): at.GAMMA,
    ("ordinal", "logit"): at.ORDINAL,
    ("ordinal", "probit"): at.ORDINAL_PROBIT,
    ("categorical", "logit"): at.CATEGORICAL,
}
"""The kind of likelihood of each family and link that is compiled."""

_ORDERED = (at.ORDINAL, at.ORDINAL_PROBIT)

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
    kind = KINDS[problem.family, problem.link]
    a, b = _two_numbers(problem, kind)
    consts, counts = _constants(problem, kind)
    columns = [problem.offset, *problem.X.T, *(column for i in order for column in blocks[i].Z.T)]
    codes = [blocks[i].codes for i in order]
    kept, S = np.arange(problem.n), problem.likelihood.predictors
    if kind == at.CATEGORICAL:
        # the rows of one observation agree in their levels
        columns, codes = [own for column in columns for own in column.reshape(-1, S).T], [own[::S] for own in codes]
        kept, cell = _distinct(columns, codes)
        a = np.column_stack([np.bincount(cell, own, len(kept)) for own in a.reshape(-1, S).T])
        b = np.bincount(cell, b[::S], len(kept))
    elif kind in _ORDERED:
        # rows of one score and one predictor are one row of their weight; scores cannot be added
        kept, cell = _distinct([*columns, a], codes)
        a, b = a[kept], np.bincount(cell, b, len(kept))
    elif kind not in (at.GAUSSIAN, at.STUDENT):
        kept, cell = _distinct(columns, codes)
        a, b = np.bincount(cell, a, len(kept)), np.bincount(cell, b, len(kept))
    if codes:
        by_level = np.argsort(codes[0][kept], kind="stable")
        kept, a, b = kept[by_level], a[by_level], b[by_level]
    if kind == at.CATEGORICAL:
        kept, a, b = (S * kept[:, None] + np.arange(S)).ravel(), a.ravel(), np.repeat(b, S)
    if kind == at.LOGISTIC and np.all(b == 1.0):
        kind = at.UNIT_LOGISTIC
    return Rows(
        kind, order, a, b, problem.offset[kept], problem.X[kept], tuple(blocks[i].Z[kept] for i in order),
        tuple(blocks[i].codes[kept] for i in order), consts, counts, S,
    )  # fmt: skip


def _two_numbers(problem: Problem, kind: int) -> tuple[Floats, Floats]:
    weights = np.asarray(problem.weights, dtype=np.float64)
    if kind in (at.GAUSSIAN, at.STUDENT):
        return np.log(problem.y) if problem.family == "lognormal" else np.asarray(problem.y, dtype=float), weights
    if kind in _ORDERED:
        return np.asarray(problem.y, dtype=float), weights
    if kind == at.CATEGORICAL:
        others = np.arange(2, problem.categories + 1)
        return (weights[:, None] * (problem.y[:, None] == others)).ravel(), np.repeat(weights, len(others))
    if kind in (at.LOGISTIC, at.PROBIT):
        return weights * problem.y, weights * (1.0 if problem.trials is None else problem.trials)
    return weights * problem.y, weights


def _constants(problem: Problem, kind: int) -> tuple[Floats, Floats]:
    """Return the constants of the log density, that of beta's prior left out, and the table of counts."""
    y, w = problem.y, problem.weights
    total, extra, counts = float(np.sum(w)), 0.0, np.zeros((2, 0))
    const = 0.0
    if kind == at.GAUSSIAN:
        plain = problem.family == "gaussian"
        extra = float(problem.n) if plain else total
        const = -extra * _HALF_LOG_2PI + (0.5 * float(np.sum(np.log(w))) if plain else -float(np.sum(w * np.log(y))))
    elif kind == at.STUDENT:
        extra = total
    elif kind == at.GAMMA:
        extra = float(np.sum(w * np.log(y)))
        const = -extra
    elif problem.family == "binomial" and problem.trials is not None:
        const = float(np.sum(w * (gammaln(problem.trials + 1) - gammaln(y + 1) - gammaln(problem.trials - y + 1))))
    elif kind in (at.POISSON, at.NEGATIVE_BINOMIAL):
        const = -float(np.sum(w * gammaln(y + 1)))
    if kind in (at.NEGATIVE_BINOMIAL, *_ORDERED):
        distinct, which = np.unique(y, return_inverse=True)
        counts = np.array([distinct, np.bincount(which, w, len(distinct))])
    return np.array([const, total, extra]), counts


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
