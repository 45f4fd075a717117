"""Means of rows of a fit: their variance and how many independent rows they are worth, by draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hierbayes.design.design import Design, sparse_columns
from hierbayes.design.levels import FactorColumns, factor_columns
from hierbayes.design.table import Categorical, Floats, Ints
from hierbayes.errors import ModelError
from hierbayes.formula.names import suggest
from hierbayes.posterior import Posterior
from hierbayes.sampling.sampler import counting
from hierbayes.summaries.covariances import chunks, products_by, spaced, sums_by
from hierbayes.summaries.shrinkage_factors import alike
from hierbayes.tables.numbers import described

QUANTITIES = ("variance", "sd", "effective_n", "ratio")


@dataclass(frozen=True)
class Batches:
    """Rows cut into batches, each of which has a mean.

    Attributes
    ----------
    codes : array of int, shape (n,)
        The batch of each row; -1 where it is in none.
    labels : tuple of str
    """

    codes: Ints
    labels: tuple[str, ...]

    @property
    def sizes(self) -> Ints:
        """Rows of each batch."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.labels))


def batches(design: Design, by: str | None, rows: Any) -> Batches:
    """Return the batches that a user asks for: by a grouping factor or column, or some rows, or all rows."""
    if by is not None and rows is not None:
        raise ModelError("give by or rows, not both")
    if rows is not None:
        codes = np.full(design.n, -1, dtype=np.int64)
        codes[_positions(rows, design.n)] = 0
        return Batches(codes, ("rows",))
    if by is None:
        return Batches(np.zeros(design.n, dtype=np.int64), ("all",))
    if by in design.factors:
        block = design.blocks(by)[0]
        return Batches(block.codes, block.levels)
    names = [column.name for column in design.columns]
    if by not in names:
        known = tuple(dict.fromkeys((*design.factors, *names)))
        nearest = suggest(str(by), known)
        hint = f"did you mean {nearest!r}? " if nearest else ""
        raise ModelError(f"the model reads no column {by!r}", f"{hint}it has: {', '.join(known)}")
    column = design.column(by)
    if isinstance(column, Categorical):
        used, codes = np.unique(column.codes, return_inverse=True)
        return Batches(codes, tuple(column.levels[i] for i in used))
    values, codes = np.unique(column.values, return_inverse=True)
    return Batches(codes, tuple(f"{value:.15g}" for value in values))


def _positions(rows: Any, n: int) -> Ints:
    """Return row numbers, from numbers or a mask."""
    found = np.asarray(rows)
    if found.dtype == bool and found.shape == (n,):
        found = np.flatnonzero(found)
    if found.ndim != 1 or found.size == 0 or found.dtype.kind not in "iu":
        raise ModelError(f"rows must be positions from 0 to {n - 1}, or {n} times True or False, at least one row")
    if found.min() < 0 or found.max() >= n:
        raise ModelError(f"rows holds {found[(found < 0) | (found >= n)][0]}; the {n} rows in use count from 0")
    if len(np.unique(found)) < len(found):
        raise ModelError("rows holds a row twice", "leave it out once")
    return np.asarray(found, dtype=np.int64)


@dataclass(frozen=True)
class MeanParts:
    """Of the mean of each batch, by draw: arrays of shape (draws, batches).

    Attributes
    ----------
    variance : array
        Variance of the plain mean of the rows, given the sds, correlations and sigma.
    independent : array
        The same if the rows were independent.
    single : array
        Mean variance of one row.
    """

    variance: Floats
    independent: Floats
    single: Floats


@dataclass(frozen=True)
class _Forms:
    """What the variances of means are made of: for each batch, quadratic forms in Sigma of each factor.

    Attributes
    ----------
    sizes : array, shape (batches,)
    inverse : array, shape (batches,)
        Sum of ``1 / weight`` over the rows.
    own, shared : tuple of array, shape (batches, k, k)
        Sum over rows of ``z z'``, and over levels of ``(Z_j' 1) (Z_j' 1)'``; one a factor.
    covariances : tuple of array, shape (draws, k, k)
    sigma2 : array, shape (draws,)
    """

    sizes: Floats
    inverse: Floats
    own: tuple[Floats, ...]
    shared: tuple[Floats, ...]
    covariances: tuple[Floats, ...]
    sigma2: Floats

    def parts(self, some: slice) -> MeanParts:
        """Return the variances of some of the batches."""
        m = self.sizes[some]
        single = self.sigma2[:, None] * (self.inverse[some] / m)
        variance = self.sigma2[:, None] * (self.inverse[some] / m**2)
        for own, shared, Sigma in zip(self.own, self.shared, self.covariances, strict=True):
            single += np.einsum("sij,dij->ds", own[some] / m[:, None, None], Sigma)
            variance += np.einsum("sij,dij->ds", shared[some] / m[:, None, None] ** 2, Sigma)
        return MeanParts(variance, single / m, single)


def mean_forms(design: Design, posterior: Posterior, own: Batches) -> _Forms:
    """Prepare the variance of the mean of each batch.

    With ``V = sum_t Z_t (I x Sigma_t) Z_t' + sigma**2 / W`` it is ``1' V 1 / m**2``, and ``1' V 1`` is a sum over
    levels of ``(Z_j' 1)' Sigma (Z_j' 1)``: V itself is never made.
    """
    inside, n = own.codes >= 0, len(own.labels)
    codes, factors = own.codes[inside], factor_columns(design)
    ones = np.ones(len(codes))
    return _Forms(
        sizes=own.sizes.astype(float),
        inverse=np.bincount(codes, weights=1 / design.weights[inside], minlength=n),
        own=tuple(products_by(codes, factor.Z[inside], n, ones) for factor in factors),
        shared=tuple(_shared(codes, factor, inside, n) for factor in factors),
        covariances=tuple(posterior.covariance(factor.name) for factor in factors),
        sigma2=posterior.parameters["sigma"] ** 2,
    )


def _shared(codes: Ints, factor: FactorColumns, inside: NDArray[np.bool_], n: int) -> Floats:
    """Return, for each batch, the sum over levels of ``(Z_j' 1) (Z_j' 1)'``."""
    cells, place = np.unique(codes * factor.n_levels + factor.codes[inside], return_inverse=True)
    sums = sums_by(place, factor.Z[inside], len(cells))
    return products_by(cells // factor.n_levels, sums, n, np.ones(len(cells)))


def mean_table(design: Design, posterior: Posterior, own: Batches, ci_prob: float) -> pd.DataFrame:
    """Return variance, sd, effective n and ratio of the mean of each batch, one row each."""
    forms, tables = mean_forms(design, posterior, own), []
    for some in chunks(len(own.labels), len(forms.sigma2) * len(QUANTITIES)):
        parts = forms.parts(some)
        variance = parts.variance
        found = np.stack([variance, np.sqrt(variance), parts.single / variance, variance / parts.independent], axis=-1)
        tables.append(described(found.reshape(1, len(found), -1), ci_prob))
    table = pd.concat(tables, ignore_index=True)
    table.insert(0, "rows", np.repeat(np.asarray(own.labels, dtype=object), len(QUANTITIES)))
    table.insert(1, "n", np.repeat(own.sizes, len(QUANTITIES)))
    table.insert(2, "quantity", np.tile(np.asarray(QUANTITIES, dtype=object), len(own.labels)))
    return table


def effective_rows(design: Design, posterior: Posterior, ci_prob: float) -> pd.DataFrame:
    """Return the effective number of rows of the plain and of the generalised mean; see `hierbayes.Fit.effective_n`."""
    parts = mean_forms(design, posterior, batches(design, None, None)).parts(slice(0, 1))
    plain = parts.single[:, 0] / parts.variance[:, 0]
    best, chosen = generalised_information(design, posterior)
    rows = [described(plain[None, :, None], ci_prob)]
    rows.append(described((parts.single[chosen, 0] * best)[None, :, None], ci_prob))
    table = pd.concat(rows, ignore_index=True)
    table.insert(0, "mean_of", ["rows", "rows, best weights"])
    table.insert(1, "n", design.n)
    return table


_FEWEST = 100
_WORK = 3e10
"""Multiplications that the crossed generalised mean may cost; beyond, evenly spaced draws stand for all."""


def generalised_information(design: Design, posterior: Posterior) -> tuple[Floats, Ints]:
    """Return ``1' V^-1 1``, one over the variance of the best mean, for some draws, and which draws these are.

    By Woodbury: ``1'W1 / sigma**2 - a' (I + Sigma A)^-1 Sigma a`` with ``A = Z'WZ / sigma**2`` and
    ``a = Z'W1 / sigma**2``.
    One factor splits into levels. Several are solved together, and are NaN where they have too many effects.
    """
    factors, total = factor_columns(design), posterior.size
    sigma2 = posterior.parameters["sigma"] ** 2
    whole = float(np.sum(design.weights))
    if not factors:
        return whole / sigma2, np.arange(total)
    if len(factors) == 1:
        chosen, explained = _by_level(factors[0], design.weights, posterior, sigma2)
    else:
        effects = sum(own.n_levels * len(own.terms) for own in factors)
        chosen = spaced(total, max(int(_WORK / effects**3), 1))
        if len(chosen) < min(_FEWEST, total):
            return np.full(total, np.nan), np.arange(total)
        explained = _together(factors, design.weights, posterior, sigma2, chosen)
    return whole / sigma2[chosen] - explained, chosen


def _by_level(own: FactorColumns, weights: Floats, posterior: Posterior, sigma2: Floats) -> tuple[Ints, Floats]:
    k = len(own.terms)
    information = products_by(own.codes, own.Z, own.n_levels, weights)
    totals = sums_by(own.codes, own.Z, own.n_levels, weights)
    patterns, place = alike(np.concatenate([information, totals[:, :, None]], axis=2))
    counts = np.bincount(place)
    A, a = patterns[:, :, :k], patterns[:, :, k:]
    chosen = spaced(len(sigma2), max(1_000_000 // len(patterns), 250))
    Sigma = posterior.covariance(own.name)[chosen] / sigma2[chosen, None, None]
    explained = np.zeros(len(chosen))
    for part in chunks(len(patterns), len(chosen) * k * k):
        solved = np.linalg.solve(np.eye(k) + Sigma[:, None] @ A[part], Sigma[:, None] @ a[part])
        explained += np.einsum("dui,ui,u->d", solved[..., 0], a[part, :, 0], counts[part])
    return chosen, explained / sigma2[chosen]


def _together(
    factors: tuple[FactorColumns, ...], weights: Floats, posterior: Posterior, sigma2: Floats, chosen: Ints
) -> Floats:
    from scipy.sparse import hstack

    Z = hstack([sparse_columns(own) for own in factors], format="csr")
    A = (Z.T @ Z.multiply(weights[:, None])).toarray()
    a = Z.T @ weights
    spreads = [posterior.covariance(own.name)[chosen] for own in factors]
    explained = np.empty(len(chosen))
    with counting("weighing the rows, draw by draw", len(chosen), None) as advance:
        for d, draw in enumerate(chosen):
            moved = _spread([Sigma[d] / sigma2[draw] for Sigma in spreads], factors, np.column_stack([A, a]))
            solved = np.linalg.solve(np.eye(len(a)) + moved[:, :-1], moved[:, -1])
            explained[d] = a @ solved / sigma2[draw]
            advance()
    return explained


def _spread(spreads: list[Floats], factors: tuple[FactorColumns, ...], right: Floats) -> Floats:
    """Return ``(I x Sigma) right``, factor by factor."""
    found, start = np.empty_like(right), 0
    for Sigma, own in zip(spreads, factors, strict=True):
        k = len(own.terms)
        stop = start + own.n_levels * k
        part = right[start:stop].reshape(own.n_levels, k, -1)
        found[start:stop] = (Sigma @ part).reshape(stop - start, -1)
        start = stop
    return found
