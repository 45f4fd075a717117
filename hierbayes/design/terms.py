"""Terms of a formula to columns of numbers: a population part, the left side of a bar, a response, an offset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hierbayes.design.arithmetic import as_zero_one
from hierbayes.design.atoms import Columns, Factor, read_atom
from hierbayes.design.redundancy import codings
from hierbayes.design.stateful import States
from hierbayes.design.table import Categorical, Column, Floats, Ints, as_numbers
from hierbayes.errors import DataError
from hierbayes.expressions.syntax import Call, Expression, Name, Number
from hierbayes.formula import show
from hierbayes.formula.syntax import Atom, Part
from hierbayes.spec import Contrast


@dataclass(frozen=True)
class Evaluated:
    """The columns of one part of a formula.

    Attributes
    ----------
    matrix : array, shape (n, k)
    labels : tuple of str, length k
    terms : tuple of int, length k
        The term that each column belongs to: 0 is the intercept, 1 the first term.
    """

    matrix: Floats
    labels: tuple[str, ...]
    terms: tuple[int, ...]

    def at(self, places: Ints) -> Evaluated:
        """Return some of the columns."""
        if len(places) == len(self.labels):
            return self
        return Evaluated(
            np.ascontiguousarray(self.matrix[:, places]),
            tuple(self.labels[j] for j in places),
            tuple(self.terms[j] for j in places),
        )


def evaluate(
    part: Part, columns: Mapping[str, Column], given: Mapping[str, Contrast], n: int, states: States
) -> Evaluated:
    """Return the columns of a population part or of the left side of a bar; the intercept leads if there is one.

    Categoricals are coded by contrasts where the part holds the constant already and by indicators where it does not,
    so that the columns span what the terms ask for and no column is redundant.

    Raises
    ------
    DataError
        If a function of a column is not finite, or cannot be computed.
    """
    found = {atom: read_atom(atom, columns, given, n, states) for term in part.terms for atom in term.atoms}
    factors = {atom: value for atom, value in found.items() if isinstance(value, Factor)}
    sorted_atoms = [
        (
            frozenset(atom for atom in term.atoms if atom not in factors),
            tuple(atom for atom in term.atoms if atom in factors),
        )
        for term in part.terms
    ]
    blocks = [Columns(np.ones((n, 1)), ("Intercept",))] if part.intercept else []
    owners = [0] * len(blocks)
    for i, product in codings(part.intercept, sorted_atoms):
        wanted = [atom for atom in part.terms[i].atoms if atom not in factors or atom in product]
        block = _product([_taken(found[atom], product.get(atom, False)) for atom in wanted], n)
        blocks.append(block)
        owners += [i + 1] * len(block.labels)
    matrix = np.hstack([block.matrix for block in blocks]) if blocks else np.ones((n, 0))
    labels = tuple(label for block in blocks for label in block.labels)
    _check_finite(matrix, labels)
    return Evaluated(np.ascontiguousarray(matrix), labels, tuple(owners))


def _taken(value: Columns | Factor, full: bool) -> Columns:
    return value.columns(full) if isinstance(value, Factor) else value


def _product(factors: list[Columns], n: int) -> Columns:
    """Return the products of every column of each with every column of the others; the last varies fastest."""
    matrix, labels = factors[0].matrix, factors[0].labels
    for other in factors[1:]:
        with np.errstate(all="ignore"):
            matrix = (matrix[:, :, None] * other.matrix[:, None, :]).reshape(n, -1)
        labels = tuple(f"{first}:{second}" for first in labels for second in other.labels)
    return Columns(matrix, labels)


def evaluate_numeric(
    expression: Expression, columns: Mapping[str, Column], n: int, role: str, states: States
) -> Floats:
    """Return an expression as one column of numbers, for a response or an offset.

    Raises
    ------
    DataError
        If it is not numeric, has more than one column, or is not finite.
    """
    shown = show(expression)
    if isinstance(expression, Number):
        return np.full(n, expression.value)
    if isinstance(expression, Name):
        column = columns[expression.name]
        if not isinstance(column, Categorical):
            return as_numbers(column)
        if column.kind == "boolean":
            return as_zero_one(column)
        raise DataError(
            f"the {role} {shown!r} must be numeric, but the column holds text or categories",
            f'compare it with a level, as in I({shown} == "{column.levels[0]}"), or take another column',
        )
    atom: Atom = expression if isinstance(expression, Call) else Call("I", (expression,))
    found = read_atom(atom, columns, {}, n, states)
    if isinstance(found, Factor):
        raise DataError(f"the {role} {shown!r} must be numeric, but it is categorical")
    if found.matrix.shape[1] != 1:
        raise DataError(f"the {role} {shown!r} gives {found.matrix.shape[1]} columns; it must be a single number a row")
    _check_finite(found.matrix, (shown,))
    return np.ascontiguousarray(found.matrix[:, 0])


def _check_finite(matrix: Floats, labels: tuple[str, ...]) -> None:
    bad = np.argwhere(~np.isfinite(matrix))
    if bad.size:
        row, column = bad[0]
        raise DataError(
            f"{labels[column]!r} is {matrix[row, column]} in row {row} of the rows in use (counting from 0)",
            "look at the data there, or at the function applied to them",
        )
