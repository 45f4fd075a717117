"""The columns of a group-level term in a form that does not depend on how its factors are coded.

Treatment, sum, Helmert and polynomial contrasts, another reference level and cell means (``0 + f``) span one space, but
independent priors of the sds of their columns are different priors of the effects. The default priors are therefore
stated for columns that the space alone determines, up to the order of the levels' names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import combinations

import numpy as np

from hierbayes.design.atoms import Columns, Factor, read_atom
from hierbayes.design.rank import kept_columns
from hierbayes.design.redundancy import codings
from hierbayes.design.stateful import States
from hierbayes.design.table import Column, Floats
from hierbayes.expressions.syntax import Call, Name
from hierbayes.formula import show
from hierbayes.formula.syntax import Atom, Part
from hierbayes.spec import Contrast

_EXACT = 1e-9
"""Of its length, how much of a column may be left beside the term's own columns."""

_ROUNDED = 1e-13
"""A column that counts for less than this share of another is there by rounding alone."""

_CLEAR = 1e-7
"""The least share that the smallest singular value of the term's columns may be of the largest."""

Piece = tuple[tuple[Atom, ...], tuple[Atom, ...]]


@dataclass(frozen=True)
class Even:
    """Columns that treat the levels of every factor alike.

    Attributes
    ----------
    basis : array, shape (k, k)
        ``Z @ basis`` are the columns, Z those that the user's coding gives; effects of the latter are ``basis @ u``.
    scales : tuple of float, length k
        By which the default scales of the sds are divided.
    names : tuple of str, length k
        What each column is, in words.
    """

    basis: Floats
    scales: tuple[float, ...]
    names: tuple[str, ...]


def even_contrasts(levels: Sequence[str]) -> Floats:
    """Return one row a level and one column a contrast: each level against the mean of those before it by name.

    The columns are orthogonal and of squared length 1/2, so that the difference of any two levels has squared length 1:
    with independent effects of one variance on the columns, it has that variance. Two levels stand 1 apart.

    Examples
    --------
    >>> even_contrasts(("b", "a")).tolist()
    [[0.5], [-0.5]]
    """
    size = len(levels)
    matrix = np.zeros((size, size - 1))
    for j in range(1, size):
        matrix[:j, j - 1], matrix[j, j - 1] = -1.0, j
        matrix[:, j - 1] /= np.sqrt(2.0 * j * (j + 1))
    rank = np.argsort(np.argsort(np.asarray(levels, dtype=str), kind="stable"), kind="stable")
    return np.asarray(matrix[rank])


def even_columns(
    part: Part,
    Z: Floats,
    columns: Mapping[str, Column],
    given: Mapping[str, Contrast],
    states: States,
) -> Even | None:
    """Return the columns of a term with factors, at the mean of the columns where it has an intercept.

    Parameters
    ----------
    part : Part
        The left side of the bar.
    Z : array, shape (n, k)
        Its columns as coded, without those that no row determines.
    columns, given, states
        As in `hierbayes.design.terms.evaluate`.

    Returns
    -------
    Even or None
        None for a term of one column, one without factors, one whose columns the rows do not tell apart, and one for
        which these columns are its own less their means, as those of a factor of two levels.
    """
    n, k = Z.shape
    found = {atom: read_atom(atom, columns, given, n, states) for term in part.terms for atom in term.atoms}
    if k < 2 or not any(isinstance(value, Factor) for value in found.values()):
        return None
    pieces = _pieces(part, found)
    constant = ((), ()) in pieces
    blocks = [_columns(piece, pieces, found, n) for piece in pieces]
    matrix = np.hstack([block.matrix for block, _ in blocks])
    if constant:
        matrix[:, 1:] -= matrix[:, 1:].mean(axis=0)
    kept = kept_columns(matrix, constant)
    basis = basis_of(Z, matrix[:, kept]) if len(kept) == k else None
    if basis is None or _is_centring(basis, Z, part.intercept):
        return None
    names = [label for block, _ in blocks for label in block.labels]
    scales = [scale for block, numeric in blocks for scale in _scales(block, numeric, constant)]
    return Even(basis, tuple(scales[j] for j in kept), tuple(names[j] for j in kept))


def _pieces(part: Part, found: Mapping[Atom, Columns | Factor]) -> list[Piece]:
    """Return the products that the space of a term is the sum of: numeric atoms, and factors taken by contrasts.

    They stand in an order that depends on the space alone: an indicator is the constant and the contrasts.
    """
    terms = [
        (
            frozenset(atom for atom in term.atoms if isinstance(found[atom], Columns)),
            tuple(atom for atom in term.atoms if isinstance(found[atom], Factor)),
        )
        for term in part.terms
    ]
    every: set[Piece] = {((), ())} if part.intercept else set()
    for i, product in codings(part.intercept, terms):
        numeric = tuple(sorted(terms[i][0], key=show))
        full = [atom for atom in terms[i][1] if product.get(atom)]
        fixed = [atom for atom in terms[i][1] if product.get(atom) is False]
        for size in range(len(full) + 1):
            for taken in combinations(full, size):
                every.add((numeric, tuple(sorted([*fixed, *taken], key=_column_of))))
    return sorted(every, key=lambda own: (len(own[0]) + len(own[1]), [*map(show, own[0]), *map(_column_of, own[1])]))


def _column_of(atom: Atom) -> str:
    """Return the column that a factor comes from, however it is coded."""
    if isinstance(atom, Call) and isinstance(atom.args[0], Name):
        return atom.args[0].name
    return show(atom)


def _columns(
    piece: Piece, pieces: Sequence[Piece], found: Mapping[Atom, Columns | Factor], n: int
) -> tuple[Columns, Floats | None]:
    """Return the columns of one piece, and its numeric columns as they are, once for each; None where it has none.

    Beside the same contrasts alone, numbers are taken less their mean.
    """
    numeric, factors = piece
    contrasts = reduce(_times, [_contrasts(found[atom], _column_of(atom)) for atom in factors], _one(n))
    if not numeric:
        return contrasts, None
    numbers = reduce(_times, [own for atom in numeric if isinstance(own := found[atom], Columns)], _one(n))
    inner = numbers
    if factors and ((), factors) in pieces:
        inner = Columns(numbers.matrix - numbers.matrix.mean(axis=0), numbers.labels)
    return _times(inner, contrasts), np.repeat(numbers.matrix, len(contrasts.labels), axis=1)


def _one(n: int) -> Columns:
    return Columns(np.ones((n, 1)), ("Intercept",))


def _contrasts(value: Columns | Factor, name: str) -> Columns:
    assert isinstance(value, Factor)
    levels = value.indicators.labels
    named = [f"{name}[{level}]" for level in sorted(levels)]
    labels = [f"{own} against {named[0]}{f' to {named[j]}' if j else ''}" for j, own in enumerate(named[1:])]
    return Columns(even_contrasts(levels)[value.codes], tuple(labels))


def _times(first: Columns, second: Columns) -> Columns:
    matrix = (first.matrix[:, :, None] * second.matrix[:, None, :]).reshape(len(first.matrix), -1)
    if first.labels == ("Intercept",):
        return Columns(matrix, second.labels)
    if second.labels == ("Intercept",):
        return Columns(matrix, first.labels)
    return Columns(matrix, tuple(f"{one} by {other}" for one in first.labels for other in second.labels))


def _scales(block: Columns, numeric: Floats | None, constant: bool) -> list[float]:
    if numeric is None:
        return [1.0] * len(block.labels)
    return [scale_of(column, constant) for column in numeric.T]


def scale_of(column: Floats, intercept: bool) -> float:
    """Return the scale of a numeric column: 1 if it holds 0 and 1 alone, else its sd, or rms without an intercept."""
    if np.isin(column, (0.0, 1.0)).all():
        return 1.0
    return float(np.std(column, ddof=1)) if intercept else float(np.sqrt(np.mean(column**2)))


def basis_of(Z: Floats, wanted: Floats) -> Floats | None:
    """Return the matrix with ``Z @ basis == wanted``; None if there is none, or more than one.

    Examples
    --------
    >>> Z = np.array([[1.0, 0.0], [1.0, 2.0], [1.0, 2.0]])
    >>> basis_of(Z, np.array([[3.0], [4.0], [4.0]])).round(9).tolist()
    [[3.0], [0.5]]
    >>> basis_of(Z, np.array([[3.0], [4.0], [5.0]])) is None
    True
    """
    size = np.maximum(np.linalg.norm(Z, axis=0), 1e-300)
    length = np.linalg.norm(wanted, axis=0)
    solved, _, rank, values = np.linalg.lstsq(Z / size, wanted, rcond=None)
    if rank < Z.shape[1] or not values[-1] > _CLEAR * values[0]:
        return None
    left = np.linalg.norm(Z / size @ solved - wanted, axis=0)
    solved[np.abs(solved) <= _ROUNDED * length] = 0.0
    return solved / size[:, None] if np.all(left <= _EXACT * length) else None


def _is_centring(basis: Floats, Z: Floats, intercept: bool) -> bool:
    """Whether the columns are those of Z less their means, which is then done exactly."""
    if not intercept:
        return bool(np.allclose(basis, np.eye(len(basis)), rtol=0, atol=_EXACT))
    size = np.maximum(np.abs(Z).max(axis=0), 1e-300)
    return bool(np.allclose(basis * size[:, None] / size, centring(Z) * size[:, None] / size, rtol=0, atol=_EXACT))


def centring(Z: Floats) -> Floats:
    """Return the matrix that takes the mean of every column but the first, an intercept, away from it.

    Examples
    --------
    >>> centring(np.array([[1.0, 2.0], [1.0, 4.0]])).tolist()
    [[1.0, -3.0], [0.0, 1.0]]
    """
    found = np.eye(Z.shape[1])
    found[0, 1:] -= Z[:, 1:].mean(axis=0)
    return found


def stacked_basis(basis: Floats, predictors: int) -> Floats:
    """Return the matrix of several predictors, whose columns stand end to end, from that of one.

    Examples
    --------
    >>> stacked_basis(np.array([[1.0, 3.0], [0.0, 1.0]]), 2)[2:].tolist()
    [[0.0, 0.0, 1.0, 3.0], [0.0, 0.0, 0.0, 1.0]]
    """
    return np.asarray(np.kron(np.eye(predictors), basis))
