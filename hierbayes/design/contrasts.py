"""Codings of categorical predictors: a matrix with a row for each level, as R's ``contr.*``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hierbayes.design.table import Floats
from hierbayes.errors import ModelError
from hierbayes.spec import Contrast


@dataclass(frozen=True)
class Coding:
    """How the levels of one column become numbers.

    Attributes
    ----------
    matrix : array, shape (J, k)
        Row j is what stands in the design where the column has level j; k is J for indicators, J - 1 for contrasts.
    labels : tuple of str, length k
    """

    matrix: Floats
    labels: tuple[str, ...]


def indicators(levels: tuple[str, ...]) -> Coding:
    """Return a column for every level, used where the coding has to span the constant."""
    return Coding(np.eye(len(levels)), levels)


def contrasts(kind: Contrast, column: str, levels: tuple[str, ...]) -> Coding:
    """Return the J - 1 columns of a contrast, used beside a constant.

    Parameters
    ----------
    kind : Contrast
    column : str
        The column's name, for the error.
    levels : tuple of str, length J

    Raises
    ------
    ModelError
        If the reference level is not among the levels.

    Examples
    --------
    >>> from hierbayes.spec import Contrast
    >>> contrasts(Contrast("treatment", "b"), "g", ("a", "b", "c")).labels
    ('a', 'c')
    """
    if kind.reference is not None and kind.reference not in levels:
        raise ModelError(
            f"column {column!r} has no level {kind.reference!r} to take as reference",
            f"its levels are: {', '.join(levels[:20])}",
        )
    match kind.kind:
        case "sum":
            return _sum(levels, len(levels) - 1 if kind.reference is None else levels.index(kind.reference))
        case "helmert":
            return _helmert(levels)
        case "poly":
            return _polynomial(levels)
        case _:
            return _treatment(levels, 0 if kind.reference is None else levels.index(kind.reference))


def _treatment(levels: tuple[str, ...], reference: int) -> Coding:
    """Each coefficient is a level's distance from the reference level."""
    return Coding(np.delete(np.eye(len(levels)), reference, axis=1), levels[:reference] + levels[reference + 1 :])


def _sum(levels: tuple[str, ...], omitted: int) -> Coding:
    """Each coefficient is a level's distance from the mean of the level means."""
    coding = _treatment(levels, omitted)
    coding.matrix[omitted] = -1
    return coding


def _helmert(levels: tuple[str, ...]) -> Coding:
    """The coefficient of a level compares it with the mean of the levels before it."""
    matrix = np.zeros((len(levels), len(levels) - 1))
    for j in range(len(levels) - 1):
        matrix[: j + 1, j] = -1
        matrix[j + 1, j] = j + 1
    return Coding(matrix, levels[1:])


def _polynomial(levels: tuple[str, ...]) -> Coding:
    """Orthonormal polynomials of the rank of a level: `.L` linear, `.Q` quadratic, `.C` cubic, `^4` ..."""
    size = len(levels)
    position = np.arange(size) - (size - 1) / 2
    columns = [np.full(size, 1 / np.sqrt(size))]
    for _ in range(1, size):
        # position times the one before, made orthogonal twice over: plain powers lose all digits by degree 15
        column = position * columns[-1]
        for _ in range(2):
            column = column - np.sum([np.dot(column, each) * each for each in columns], axis=0)
        columns.append(column / np.linalg.norm(column))
    names = (".L", ".Q", ".C", *(f"^{power}" for power in range(4, size)))
    return Coding(np.column_stack(columns[1:]), names[: size - 1])
