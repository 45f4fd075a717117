"""Columns of group-level terms in which a search does not depend on their coding.

Treatment, sum or cell-mean contrasts, a column near or far from 0, grams or tonnes: each is the same term after a
map of its columns. The search for REML and ML takes columns that are orthonormal over the rows, turned to the main
axes of what the levels say of the response, and so meets the same surface, and starts at the same places, whatever
the coding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from hierbayes.engines.base import Block, Floats, Problem
from hierbayes.priors import LKJ

_DEPENDENT = 1e-8
"""Least share of a column that the ones before it must leave; below it the columns of a term count as dependent."""


@dataclass(frozen=True)
class Orthonormal:
    """A problem with orthonormal columns of every correlated term.

    Attributes
    ----------
    problem : Problem
        With ``Z_new`` such that ``Z = Z_new @ turn``.
    turns : tuple of array, shape (k, k)
        One a block; diagonal where correlations are fixed at 0 or columns depend on each other.
    """

    problem: Problem
    turns: tuple[Floats, ...]


def orthonormal(problem: Problem) -> Orthonormal:
    """Return the problem with orthonormal columns, ``Z' W Z / n`` the unit matrix in each term where that can be.

    Examples
    --------
    >>> import numpy as np
    >>> import hierbayes as hb
    >>> moved = orthonormal(hb.Model("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy")).problem)
    >>> Z = moved.problem.blocks[0].Z
    >>> bool(np.allclose(Z.T @ Z / len(Z), np.eye(2)))
    True
    """
    root = np.sqrt(np.asarray(problem.weights, dtype=np.float64))[:, None]
    y = np.asarray(problem.y - problem.offset, dtype=np.float64)
    response = root[:, 0] * (y - np.mean(y))
    moved = [_turned(block, root, response) for block in problem.blocks]
    return Orthonormal(replace(problem, blocks=tuple(block for block, _ in moved)), tuple(turn for _, turn in moved))


def _turned(block: Block, root: Floats, response: Floats) -> tuple[Block, Floats]:
    """Return a block in its orthonormal columns, and the map from these to its own."""
    n, k = block.Z.shape
    weighted = block.Z * (root / math.sqrt(n))
    sizes = np.sqrt(np.sum(weighted * weighted, axis=0))
    sizes[sizes == 0] = 1.0
    if k > 1 and n >= k and isinstance(block.corr_prior, LKJ):
        basis, upper = np.linalg.qr(weighted / sizes)
        if np.min(np.abs(np.diag(upper))) > _DEPENDENT:
            axes = _axes(basis, block, response)
            Z = np.ascontiguousarray((basis @ axes) * (math.sqrt(n) / root))
            return replace(block, Z=Z), np.asarray(axes.T @ (upper * sizes))
    return replace(block, Z=np.ascontiguousarray(block.Z / sizes)), np.diag(sizes)


def _axes(basis: Floats, block: Block, response: Floats) -> Floats:
    """Return the main axes of the products of basis and response, level by level, each pointing to their sum."""
    products = basis * response[:, None]
    scores = np.stack([np.bincount(block.codes, column, block.n_levels) for column in products.T], axis=1)
    # products that cannot be squared have no axes
    largest = float(np.max(np.abs(scores), initial=0.0))
    if not 0 < largest < math.inf:
        return np.eye(basis.shape[1])
    scores = scores / largest
    _, vectors = np.linalg.eigh(scores.T @ scores)
    return np.asarray(vectors * np.where(np.sum(scores @ vectors, axis=0) < 0, -1.0, 1.0))
