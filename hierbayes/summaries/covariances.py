"""The group-level part of a model as arrays: the columns of each factor, and the covariance of its effects by draw."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hierbayes.design.design import Design
from hierbayes.design.table import Floats, Ints

if TYPE_CHECKING:
    import xarray as xr

CHUNK = 2_000_000
"""Numbers in an array of draws by rows, or draws by levels, that is held at a time."""


@dataclass(frozen=True)
class FactorColumns:
    """All group-level terms of one grouping factor together.

    Attributes
    ----------
    name : str
    Z : array, shape (n, k)
        The columns as given.
    codes : array of int, shape (n,)
        The level of each row.
    terms : tuple of str, length k
    levels : tuple of str
    """

    name: str
    Z: Floats
    codes: Ints
    terms: tuple[str, ...]
    levels: tuple[str, ...]

    @property
    def n_levels(self) -> int:
        """Number of levels, J."""
        return len(self.levels)


def factor_columns(design: Design) -> tuple[FactorColumns, ...]:
    """Return the columns of every grouping factor."""
    found = []
    for factor in design.factors:
        blocks = design.blocks(factor)
        terms = tuple(term for block in blocks for term in block.terms)
        Z = np.hstack([block.Z for block in blocks])
        found.append(FactorColumns(factor, Z, blocks[0].codes, terms, blocks[0].levels))
    return tuple(found)


def drawn(posterior: xr.Dataset, name: str) -> Floats:
    """Return the draws of a variable, chains end to end."""
    values = posterior[name].to_numpy()
    return np.asarray(values.reshape(-1, *values.shape[2:]))


def count_draws(posterior: xr.Dataset) -> int:
    """Return the number of draws, all chains together."""
    return int(posterior.sizes["chain"] * posterior.sizes["draw"])


def covariances(posterior: xr.Dataset, factor: str) -> Floats:
    """Return the covariance matrix of one level's effects, (draws, k, k); correlations that are left out are 0."""
    sd = drawn(posterior, f"sd_{factor}")
    k = sd.shape[-1]
    corr = np.broadcast_to(np.eye(k), (*sd.shape, k))
    if f"corr_{factor}" in posterior:
        corr = np.nan_to_num(drawn(posterior, f"corr_{factor}"), nan=0.0)
    return np.asarray(sd[:, :, None] * corr * sd[:, None, :])


def coefficients(posterior: xr.Dataset, design: Design) -> Floats:
    """Return the draws of beta, (draws, p); p may be 0."""
    if not design.coefficients:
        return np.zeros((count_draws(posterior), 0))
    return drawn(posterior, "beta")


def inner(form: Floats, covariance: Floats) -> Floats:
    """Return ``sum_ij form_ij covariance_ij`` of each draw."""
    return np.asarray(np.einsum("ij,dij->d", form, covariance))


def sums_by(codes: Ints, columns: Floats, n: int, weights: Floats | None = None) -> Floats:
    """Return the sum of each column over the rows of each code, (n, k)."""
    own = columns if weights is None else columns * weights[:, None]
    return np.column_stack([np.bincount(codes, weights=column, minlength=n) for column in own.T])


def products_by(codes: Ints, Z: Floats, n: int, weights: Floats) -> Floats:
    """Return ``Z_j' W_j Z_j`` of the rows of each code, (n, k, k)."""
    k = Z.shape[1]
    found = np.empty((n, k, k))
    for i in range(k):
        for j in range(i + 1):
            found[:, i, j] = found[:, j, i] = np.bincount(codes, weights=weights * Z[:, i] * Z[:, j], minlength=n)
    return found


def chunks(total: int, width: int, most: int = CHUNK) -> Iterator[slice]:
    """Cut `total` draws into slices that hold at most `most` numbers, `width` a draw, and at least one draw."""
    step = max(1, most // max(width, 1))
    for start in range(0, total, step):
        yield slice(start, min(start + step, total))


def spaced(total: int, wanted: int) -> Ints:
    """Return the positions of at most `wanted` draws, evenly spaced."""
    return np.unique(np.linspace(0, total - 1, min(wanted, total)).astype(np.int64))
