"""The grouping factors of a design, each with the columns of all its terms, and the coefficients that vary with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hierbayes.design.design import Design
from hierbayes.design.table import Floats, Ints


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

    @property
    def counts(self) -> Ints:
        """Rows of each level."""
        return np.bincount(self.codes, minlength=self.n_levels)


@dataclass(frozen=True)
class LevelSpan(FactorColumns):
    """A grouping factor and the population-level coefficients that its terms make vary.

    Attributes
    ----------
    T : array, shape (k, inside.sum())
        Takes the population-level coefficients in the span of Z to the terms: their mean over the levels.
    inside : array of bool, shape (p,)
        The population-level columns in the span of Z; the others have coefficients that all levels share.
    """

    T: Floats
    inside: NDArray[np.bool_]

    def population(self, beta: Floats) -> Floats:
        """Return the value of each term for the population, shape (..., k)."""
        return np.asarray(beta[..., self.inside] @ self.T.T)

    def totals(self, beta: Floats, b: Floats) -> Floats:
        """Return what holds for each level, population and deviation together, shape (..., levels, k)."""
        return np.asarray(self.population(beta)[..., None, :] + b)


def factor_columns(design: Design) -> tuple[FactorColumns, ...]:
    """Return the columns of every grouping factor."""
    return tuple(columns_of(design, factor) for factor in design.factors)


def columns_of(design: Design, factor: str) -> FactorColumns:
    """Return the columns of one grouping factor."""
    blocks = design.blocks(factor)
    Z = np.hstack([block.Z for block in blocks])
    return FactorColumns(factor, Z, blocks[0].codes, tuple(design.factor_terms(factor)), blocks[0].levels)


def span(design: Design, factor: str) -> LevelSpan:
    """Return the columns of a factor with the coefficients that vary by it.

    Examples
    --------
    >>> import hierbayes as hb
    >>> design = hb.Model("Reaction ~ Days + (1 | Subject)", hb.load_data("sleepstudy")).design
    >>> span(design, "Subject").inside.tolist()
    [True, False]
    """
    own = columns_of(design, factor)
    T, *_ = np.linalg.lstsq(own.Z, design.X, rcond=None)
    length = np.maximum(np.linalg.norm(design.X, axis=0), 1e-300)
    inside = np.linalg.norm(design.X - own.Z @ T, axis=0) / length < 1e-9
    exact = np.where(np.abs(T - np.round(T)) < 1e-9, np.round(T), T)
    return LevelSpan(own.name, own.Z, own.codes, own.terms, own.levels, exact[:, inside], inside)
