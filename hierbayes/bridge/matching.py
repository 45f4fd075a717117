"""Which columns of two designs are the same, told by their numbers and not by their names."""

from __future__ import annotations

import numpy as np

from hierbayes.design.table import Floats, Ints

CLOSE = 1e-9


def proportional(column: Floats, others: Floats) -> tuple[int, float] | None:
    """Return which of `others` is a positive multiple of a column, and the multiple.

    Parameters
    ----------
    column : array, shape (n,)
    others : array, shape (n, k)

    Returns
    -------
    (int, float) or None
        ``(k, c)`` with ``others[:, k] = c * column`` to rounding, the nearest if several are; None if none is.

    Examples
    --------
    >>> import numpy as np
    >>> proportional(np.array([1.0, 2.0]), np.array([[1.0, 3.0], [1.0, 6.0]]))
    (1, 3.0)
    """
    power = float(column @ column)
    if power == 0 or others.shape[1] == 0:
        return None
    multiples = column @ others / power
    gaps = np.linalg.norm(others - np.outer(column, multiples), axis=0)
    gaps = gaps / np.maximum(np.linalg.norm(others, axis=0), np.finfo(float).tiny)
    nearest = int(np.argmin(gaps))
    if gaps[nearest] > CLOSE or multiples[nearest] <= 0:
        return None
    multiple = float(multiples[nearest])
    return nearest, 1.0 if abs(multiple - 1) < CLOSE else multiple


def combination(target: Floats, source: Floats) -> Floats | None:
    """Return the matrix ``A`` with ``source @ A = target``, None if there is none.

    Coefficients b of the columns of `target` then are the coefficients ``A b`` of those of `source`. Where each column
    of `target` stands in `source` as it is, `A` holds exact zeros and ones.

    Parameters
    ----------
    target : array, shape (n, p)
    source : array, shape (n, q)

    Returns
    -------
    array, shape (q, p), or None
    """
    A = np.zeros((source.shape[1], target.shape[1]))
    lengths = np.linalg.norm(source, axis=0)
    scaled = source / np.where(lengths > 0, lengths, 1.0)
    for j, column in enumerate(target.T):
        same = np.flatnonzero((source == column[:, None]).all(axis=0))
        if same.size:
            A[same[0], j] = 1.0
            continue
        weights = np.linalg.lstsq(scaled, column, rcond=None)[0]
        size = float(np.linalg.norm(column))
        if float(np.linalg.norm(scaled @ weights - column)) > CLOSE * size:
            return None
        A[:, j] = np.where(np.abs(weights) > 1e-12 * size, weights, 0.0) / np.where(lengths > 0, lengths, 1.0)
    return A


def same_levels(left: Ints, right: Ints) -> Ints | None:
    """Return, for each code of `right`, the code of `left` that marks the same rows; -1 where no row has it.

    None if the two do not divide the rows alike.

    Examples
    --------
    >>> import numpy as np
    >>> same_levels(np.array([0, 0, 1]), np.array([2, 2, 0]))
    array([ 1, -1,  0])
    """
    found = np.full(int(right.max()) + 1, -1, dtype=np.int64)
    found[right] = left
    used = found[found >= 0]
    if not np.array_equal(found[right], left) or len(np.unique(used)) != len(used):
        return None
    return found
