"""The linear predictor of rows, ``offset + X beta + sum Z b``, at many draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hierbayes.design.table import Floats, Ints


class Term(Protocol):
    """The rows of one group-level term: its columns and the level of each row."""

    @property
    def Z(self) -> Floats: ...

    @property
    def codes(self) -> Ints: ...


class RowsLike(Protocol):
    """Rows of a design: those of the fit, or those that new data make."""

    @property
    def X(self) -> Floats: ...

    @property
    def offset(self) -> Floats: ...


def add_predictor(
    eta: Floats,
    rows: RowsLike,
    terms: Sequence[Term],
    beta: Floats,
    effects: Sequence[Floats],
    some: slice | Ints = slice(None),
    new: Sequence[NDArray[np.bool_]] | None = None,
) -> Floats:
    """Add the linear predictors of some rows to `eta`, shape (draws, rows), and return it.

    Parameters
    ----------
    eta : array, shape (draws, rows)
        Overwritten.
    rows : RowsLike
    terms : sequence of Term
        The group-level terms that count, with the columns of all rows.
    beta : array, shape (draws, p)
    effects : sequence of array, shape (draws, levels, k)
        One a term.
    some : slice or array of int
        The rows that are wanted; all by default. With several linear predictors a row, these are counted.
    new : sequence of array of bool, shape (levels,), optional
        For each term the levels that add nothing, for their effects are not known.
    """
    eta += beta @ rows.X[some].T + rows.offset[some]
    for i, (term, b) in enumerate(zip(terms, effects, strict=True)):
        codes, Z = term.codes[some], term.Z[some]
        if new is None:
            for k, z in enumerate(Z.T):
                eta += b[:, codes, k] * z
            continue
        known = ~new[i][codes]
        for k, z in enumerate(Z[known].T):
            eta[:, known] += b[:, codes[known], k] * z
    return eta
