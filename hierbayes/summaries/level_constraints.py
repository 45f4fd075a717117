"""Which part of a batch of group-level effects other sources of variation could hold as well, and the rest of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hierbayes.design.levels import FactorColumns
from hierbayes.design.table import Floats, Ints

_NIL = 1e-9
_ANGLE = 1e-7
"""Sine of the angle between two spaces of rows below which a direction counts as common to both."""
_LARGEST = 20_000_000


def span_of(columns: Floats, basis: Floats) -> Floats:
    """Return an orthonormal basis of what `columns` span beyond `basis`, (n, rank)."""
    length = np.linalg.norm(columns, axis=0)
    left = columns[:, length > 0] / length[length > 0]
    for _ in range(2):
        left = left - basis @ (basis.T @ left)
    if left.shape[1] == 0:
        return left
    vectors, sizes, _ = np.linalg.svd(left, full_matrices=False)
    return np.asarray(vectors[:, sizes > _NIL])


@dataclass(frozen=True)
class Constraints:
    """The constraints of one batch of J effects, in the words of Gelman (2005): what is left has J - c df.

    Attributes
    ----------
    df : int
    coarse : array of int, shape (J,), or None
        A coarser factor within whose levels the effects sum to 0.
    basis : array, shape (J, c)
        Orthonormal; the effects are orthogonal to it.
    """

    df: int
    coarse: Ints | None
    basis: Floats

    def without(self, effects: Floats) -> Floats:
        """Return effects, (draws, J), less the part that the constraints rule out."""
        left = effects if self.coarse is None else centred(effects, self.coarse)
        return np.asarray(left - (left @ self.basis) @ self.basis.T)


def constraints(
    own: FactorColumns, column: Floats, population: Floats, factors: tuple[FactorColumns, ...]
) -> Constraints | None:
    """Return the constraints of the effects of one column of a factor.

    A pattern over the levels is ruled out where, times the column, it is a combination of population columns, or is
    the same within the levels of a coarser factor that varies by that column too. So the effects of a factor sum to 0,
    those of ``B:V`` do so within every level of B and, beside a fixed V, within every level of V.

    Parameters
    ----------
    column : array, shape (n,)
        The column, cleared of the columns before it.
    population : array, shape (n, c)
        Orthonormal basis of the population columns.

    Returns
    -------
    Constraints or None
        None where several coarser factors have too many levels to solve for.
    """
    J = own.n_levels
    patterns = _from_population(own, column, population)
    coarse = _finest([place for other in factors if (place := _coarser(own, other, column)) is not None])
    if not coarse:
        basis = span_of(patterns, np.zeros((J, 0)))
        return Constraints(J - basis.shape[1], None, basis)
    if len(coarse) == 1:
        place = coarse[0]
        basis = span_of(_scaled_left(patterns, place), np.zeros((J, 0)))
        return Constraints(J - int(place.max()) - 1 - basis.shape[1], place, basis)
    width = sum(int(place.max()) + 1 for place in coarse) + patterns.shape[1]
    if J * width > _LARGEST:
        return None
    basis = span_of(np.hstack([patterns, *(np.eye(int(p.max()) + 1)[p] for p in coarse)]), np.zeros((J, 0)))
    return Constraints(J - basis.shape[1], None, basis)


def _from_population(own: FactorColumns, column: Floats, population: Floats) -> Floats:
    """Return the patterns over levels that, times the column, lie among the population columns."""
    if population.shape[1] == 0:
        return np.zeros((own.n_levels, 0))
    size = np.bincount(own.codes, weights=column**2, minlength=own.n_levels)
    size = np.where(size > 0, size, 1.0)
    means = np.column_stack(
        [np.bincount(own.codes, weights=column * x, minlength=own.n_levels) / size for x in population.T]
    )
    left = population - column[:, None] * means[own.codes]
    _, sizes, turns = np.linalg.svd(np.linalg.qr(left, mode="r"))
    return np.asarray(means @ turns[sizes < _ANGLE].T)


def _coarser(own: FactorColumns, other: FactorColumns, column: Floats) -> Ints | None:
    """Return the level of `other` that each level lies in; None if levels cross or `other` does not vary so."""
    if other.n_levels >= own.n_levels:
        return None
    place = np.zeros(own.n_levels, dtype=np.int64)
    place[own.codes] = other.codes
    if np.any(place[own.codes] != other.codes):
        return None
    basis = span_of(other.Z, np.zeros((len(column), 0)))
    left = column - basis @ (basis.T @ column)
    return place if np.linalg.norm(left) < _NIL * np.linalg.norm(column) else None


def _finest(places: list[Ints]) -> list[Ints]:
    """Drop a factor that a finer one implies."""
    kept: list[Ints] = []
    for place in sorted(places, key=lambda p: -int(p.max())):
        if not any(_implied(place, finer) for finer in kept):
            kept.append(place)
    return kept


def _implied(place: Ints, finer: Ints) -> bool:
    found = np.zeros(int(finer.max()) + 1, dtype=np.int64)
    found[finer] = place
    return bool(np.all(found[finer] == place))


def centred(effects: Floats, coarse: Ints) -> Floats:
    """Return effects, (draws, J), less their mean within each level of a coarser factor."""
    order = np.argsort(coarse, kind="stable")
    sizes = np.bincount(coarse)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    means = np.add.reduceat(effects[:, order], starts, axis=1) / sizes
    return np.asarray(effects - means[:, coarse])


def _scaled_left(patterns: Floats, place: Ints) -> Floats:
    """Return patterns less their means within the levels of a coarser factor, without those that vanish."""
    length = np.linalg.norm(patterns, axis=0)
    left = centred((patterns / np.where(length > 0, length, 1.0)).T, place).T
    return left[:, np.linalg.norm(left, axis=0) > _NIL]
