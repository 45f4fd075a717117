"""Random linear mixed models for the search of the best optimum: one to ten group-level columns in one to three terms.

Each has several codings of its group-level columns: the same model, so that the criterion must be the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hierbayes.engines.base import Block, Problem
from hierbayes.priors import LKJ, POSITIVE, Fixed, Flat, Parameter

CODINGS = ("treatment", "sum", "helmert", "cell means")


@dataclass(frozen=True)
class Term:
    """A group-level term.

    Attributes
    ----------
    Z : array, shape (n, k)
        Indicators of every category, then numeric columns; or an intercept, then numeric columns.
    categories : int
        Number of indicators; 0 where there is an intercept or nothing of either.
    codes : array of int, shape (n,)
    correlated : bool
    """

    Z: np.ndarray
    categories: int
    codes: np.ndarray
    correlated: bool


@dataclass(frozen=True)
class Design:
    """Data of one random model.

    Attributes
    ----------
    y, X, weights : array
    terms : tuple of Term
    """

    y: np.ndarray
    X: np.ndarray
    weights: np.ndarray
    terms: tuple[Term, ...]

    @property
    def columns(self) -> int:
        """Number of group-level columns."""
        return sum(term.Z.shape[1] for term in self.terms)

    def problem(self, coding: str = "treatment") -> Problem:
        """Return the problem in one of the codings; those of uncorrelated terms do not change."""
        blocks = []
        for term in self.terms:
            k = term.Z.shape[1]
            Z = term.Z @ recoding(coding, k, term.categories) if term.correlated else term.Z
            prior = None if k == 1 else LKJ(1.0) if term.correlated else Fixed(0.0)
            levels = int(term.codes.max()) + 1
            blocks.append(Block(np.ascontiguousarray(Z), term.codes, levels, (Flat(),) * k, prior, np.eye(k)))
        n, p = self.X.shape
        return Problem(
            y=self.y, X=self.X, offset=np.zeros(n), weights=self.weights, beta_priors=(Flat(),) * p,
            beta_back=np.eye(p), blocks=tuple(blocks), parameters=(Parameter("sigma", POSITIVE, Flat()),),
        )  # fmt: skip


def recoding(coding: str, k: int, categories: int) -> np.ndarray:
    """Return the map from the columns of a term to those of a coding; numeric columns are moved, scaled and mixed."""
    C = np.eye(k)
    if categories:
        C[:categories, :categories] = contrasts(coding, categories)
    if coding == "sum" and k > categories:
        C[0 if not categories else slice(0, categories), max(categories, 1) :] = 7.0
    if coding == "helmert":
        C[:, max(categories, 1) :] *= 1e-3
    if coding == "cell means" and k > 2 and not categories:
        C[1:, 1:] += np.tril(np.ones((k - 1, k - 1)), -1)
    return C


def contrasts(coding: str, levels: int) -> np.ndarray:
    """Return the columns of a factor under a coding, one row for each level."""
    if coding == "cell means":
        return np.eye(levels)
    C = np.zeros((levels, levels))
    C[:, 0] = 1.0
    for j in range(1, levels):
        if coding == "treatment":
            C[j, j] = 1.0
        elif coding == "sum":
            C[j - 1, j], C[-1, j] = 1.0, -1.0
        else:
            C[:j, j], C[j, j] = -1.0, j
    return C


def random_design(seed: int) -> Design:
    """Return a random model: numeric and categorical columns, poor cells, and truths with and without an inverse."""
    rng = np.random.default_rng([13, seed])
    total = int(rng.integers(1, 11))
    parts = _parts(rng, total)
    levels = [round(np.exp(rng.uniform(np.log(3), np.log(60)))) for _ in parts]
    effects = sum(k * J for k, J in zip(parts, levels, strict=True))
    n = int(max(max(levels) * rng.uniform(2.5, 9), effects * rng.uniform(1.1, 3.0) + 2 * total + 10))
    numbers = rng.normal(size=(n, 10))
    first = _codes(rng, n, levels[0])
    terms, X, signal = [], [np.ones(n)], np.zeros(n)
    for t, (k, J) in enumerate(zip(parts, levels, strict=True)):
        codes = first if t == 0 or rng.random() < 0.25 else _codes(rng, n, J)
        if t and rng.random() < 0.2:
            codes = _dense(first * 3 + rng.integers(0, 3, n))
        term = _term(rng, n, k, codes, numbers)
        terms.append(term)
        signal += _effects(rng, term)
        X += [term.Z[:, j] for j in range(1, k) if rng.random() < 0.8]
    X = _independent(np.column_stack(X))
    weights = rng.uniform(0.5, 2, n) if rng.random() < 0.15 else np.ones(n)
    y = X @ rng.normal(size=X.shape[1]) + signal + rng.normal(size=n) / np.sqrt(weights)
    return Design(y, X, weights, tuple(terms))


def _parts(rng, total):
    count = int(rng.integers(1, min(3, total) + 1))
    cuts = np.sort(rng.choice(np.arange(1, total), count - 1, replace=False)) if count > 1 else []
    return np.diff([0, *cuts, total]).astype(int).tolist()


def _codes(rng, n, levels):
    shares = rng.dirichlet(np.full(levels, 2.0)) if rng.random() < 0.4 else np.full(levels, 1 / levels)
    return _dense(
        np.concatenate([np.arange(min(levels, n)), rng.choice(levels, max(0, n - levels), p=shares)])[
            rng.permutation(n)
        ]
    )


def _dense(codes):
    return np.unique(codes, return_inverse=True)[1].astype(np.int64)


def _term(rng, n, k, codes, numbers):
    categorical = k > 1 and rng.random() < 0.5
    if not categorical:
        own = numbers[:, rng.choice(10, k, replace=False)].copy()
        if rng.random() < 0.85:
            own[:, 0] = 1.0
        return Term(own, 0, codes, k == 1 or rng.random() < 0.8)
    m = int(rng.integers(2, k + 1))
    f = rng.choice(m, n, p=rng.dirichlet(np.full(m, 5.0)))
    f[:m] = np.arange(m)
    own = np.column_stack([np.eye(m)[f], numbers[:, rng.choice(10, k - m, replace=False)]])
    return Term(own, m, codes, True)


def _effects(rng, term):
    k, J = term.Z.shape[1], int(term.codes.max()) + 1
    rank = k if rng.random() < 0.7 else int(rng.integers(0, k + 1))
    L = rng.normal(size=(k, rank)) * np.exp(rng.uniform(-1, 1, size=(k, 1))) / np.sqrt(max(rank, 1))
    L = L + np.diag(np.exp(rng.uniform(-1, 1, k)))[:, :rank]
    if not term.correlated:
        L = np.diag(np.exp(rng.uniform(-2, 1, k)) * (rng.random(k) < 0.7))
    L = L * np.exp(rng.choice([-2.5, 0.0, 0.0, 0.7, 1.5]))
    b = rng.normal(size=(J, L.shape[1])) @ L.T
    return np.einsum("ik,ik->i", term.Z, b[term.codes])


def _independent(X):
    kept = [0]
    for j in range(1, X.shape[1]):
        own = X[:, [*kept, j]]
        s = np.linalg.svd(own / np.linalg.norm(own, axis=0), compute_uv=False)
        if s[-1] > 1e-6:
            kept.append(j)
    return np.ascontiguousarray(X[:, kept])
