"""Sufficient statistics of a Gaussian problem: after them the rows are never looked at again.

The population columns are replaced by an orthonormal basis, ``sqrt(w) X = Q R``, ``gamma = R (beta - shift)``, and the
response by what its least-squares fit leaves over, so that neither a far offset nor a wild scale costs digits. The
first layer enters by orthogonal factors, level by level (see `dense`), all else by what these leave over.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hierbayes.engines.base import Floats, Ints, Problem
from hierbayes.engines.collapsed.entries import project_levels
from hierbayes.engines.collapsed.order import NOTHING, Thin, thinned
from hierbayes.engines.collapsed.rows import Rows, sparse_rows
from hierbayes.engines.collapsed.structure import Layer, Structure, chained, flattened, layers_of
from hierbayes.engines.collapsed.sums import Sums, centred
from hierbayes.errors import ModelError

BORDER_LIMIT = 4000
"""Largest number of border effects: the border is a dense matrix, and its cost grows with the cube."""


@dataclass(frozen=True)
class Statistics:
    """Sufficient statistics, in the units of the tape.

    Attributes
    ----------
    n : int
        Number of rows.
    structure : Structure
    rotation : array, shape (p, p)
        Upper triangular R; ``gamma = R (beta - shift)``.
    shift : array, shape (p,)
        Least-squares coefficients.
    log_weights : float
        Sum of the logarithms of the weights.
    r : array, shape (k (k + 1) / 2, levels)
        Packed triangular factors of the first layer.
    tail : array, shape (k m, levels)
        ``Q_j' [border, X, y]`` of the first layer; ``[X, y]`` where the rows are sparse.
    base : array, shape (m, m)
        Gram matrix of ``[border, X, y]`` after projection on the first layer.
    rows : Rows or None
        Rows of the chain and the cells of the border, where these are kept sparse.
    thin : Thin
        The border's rows that are eliminated one by one, where the rows are sparse.
    size : float
        Root mean square of the residuals, a scale for sigma.
    """

    n: int
    structure: Structure
    rotation: Floats
    shift: Floats
    log_weights: float
    r: Floats
    tail: Floats
    base: Floats
    rows: Rows | None
    thin: Thin
    size: float

    @property
    def p(self) -> int:
        """Number of coefficients."""
        return len(self.shift)

    @property
    def work(self) -> float:
        """Rough number of multiplications in one gradient; it does not depend on the number of rows."""
        width = self.structure.border + self.p + 1
        if not self.structure.chain:
            return float(width**3)
        if self.rows is None:
            return float(self.structure.chain[0].size * width**2 + width**3)
        ancestors = sum(layer.k for layer in self.structure.chain[1:])
        return float(2 * np.sum((self.rows.nodes[:, 2] + ancestors + self.p + 1) ** 2) + width**3)


def accumulate(problem: Problem, sparse: bool | None = None) -> Statistics:
    """Return the sufficient statistics of a Gaussian problem.

    Parameters
    ----------
    problem : Problem
    sparse : bool, optional
        Keep the border's columns sparse or dense; by default the cheaper.

    Raises
    ------
    ModelError
        If the family is not Gaussian, or the dense border would be larger than `BORDER_LIMIT`.
    DataError
        If the weights are not positive.
    """
    return statistics_of(centred(problem), sparse)


def statistics_of(sums: Sums, sparse: bool | None = None) -> Statistics:
    """Return the sufficient statistics of rows or of their sums; raises a `ModelError` as `accumulate`.

    Parameters
    ----------
    sums : Sums
    sparse : bool, optional
        As for `accumulate`.
    """
    problem = sums.rows
    root = np.sqrt(np.asarray(problem.weights, dtype=np.float64))
    basis, rotation, shift, residual = _population(problem.X * root[:, None], problem.y * root, sums.origin)
    layers = layers_of(problem)
    structure, sparse = _choose(layers, problem.p, sparse)
    if structure.border > BORDER_LIMIT:
        raise ModelError(
            f"the terms outside the largest one have {structure.border} effects; "
            f"the collapsed engine takes at most {BORDER_LIMIT}",
            'sample with another engine, for example engine="pymc"',
        )
    structure, thin = thinned(structure, problem.p) if sparse else (structure, NOTHING)
    tail = np.column_stack([basis, residual])
    r, c, base, rows = _first_layer(structure, root, tail, sparse)
    return Statistics(
        n=sums.n,
        structure=structure,
        rotation=rotation,
        shift=shift,
        log_weights=sums.log_weights,
        r=r,
        tail=c,
        base=base,
        rows=rows,
        thin=thin,
        size=float(np.sqrt(np.sum(residual * residual) / sums.n)) or 1.0,
    )


def _population(weighted: Floats, y: Floats, origin: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return an orthonormal basis of the weighted columns, the rotation, the shift and the residual response."""
    n, p = weighted.shape
    if p == 0:
        return np.zeros((n, 0)), np.zeros((0, 0)), origin, y
    norms = np.linalg.norm(weighted, axis=0)
    norms[norms == 0] = 1.0
    basis, upper = np.linalg.qr(weighted / norms)
    diagonal = np.abs(np.diag(upper))
    if basis.shape[1] < p or diagonal.min() <= 1e-10 * diagonal.max():
        # Dependent columns, which proper priors make harmless: keep them as they are, scaled.
        return weighted / norms, np.diag(norms), origin, y
    fitted = basis.T @ y
    y = y - basis @ fitted
    again = basis.T @ y
    y = y - basis @ again
    rotation = upper * norms
    return basis, rotation, origin + np.linalg.solve(rotation, fitted + again), y


def _choose(layers: tuple[Layer, ...], p: int, sparse: bool | None) -> tuple[Structure, bool]:
    """Return the structure and whether the border's columns are kept sparse, by a count of multiplications."""
    flat, deep = flattened(layers), chained(layers)
    if len(layers) < 2 and not (layers and sparse):
        return flat, False
    if sparse is None:
        first = flat.chain[0]
        width = flat.border + p + 1
        # Vectors do four multiplications at a time.
        dense_cost = first.size * width**2 / 4 + width**3 / 3
        sparse_cost = sparse_work(deep, p) + (deep.border + p + 1) ** 3 / 3
        sparse = first.size * width > 2e7 or sparse_cost < dense_cost
    return (deep if sparse else flat), sparse


def sparse_work(structure: Structure, p: int) -> float:
    """Return a rough count of the multiplications of the sparse path, without the border's own factor."""
    first = structure.chain[0]
    width = np.full(first.levels, float(p + 1 + sum(layer.k for layer in structure.chain[1:])))
    for layer in structure.edge:
        pairs = np.unique(first.codes * layer.levels + layer.codes)
        width += np.bincount(pairs // layer.levels, minlength=first.levels) * layer.k
    return float(first.k * np.sum(width**2) * 2 + 200 * first.size)


def _first_layer(
    structure: Structure, root: Floats, tail: Floats, sparse: bool
) -> tuple[Floats, Floats, Floats, Rows | None]:
    n = len(root)
    edge = () if sparse else structure.edge
    border = sum(layer.size for layer in edge)
    m = border + tail.shape[1]
    base = np.zeros((m, m))
    if not structure.chain:
        return np.zeros((0, 0)), np.zeros((0, 0)), tail.T @ tail, None
    first = structure.chain[0]
    order = np.argsort(first.codes, kind="stable")
    starts = np.searchsorted(first.codes[order], np.arange(first.levels + 1)).astype(np.int64)
    columns, values = _edge_columns(edge, root, n)
    r = np.zeros((first.k * (first.k + 1) // 2, first.levels))
    c = np.zeros((first.k * m, first.levels))
    basis = np.zeros((n, first.k)) if sparse else np.zeros((0, first.k))
    left = np.zeros_like(tail) if sparse else np.zeros((0, tail.shape[1]))
    z = np.ascontiguousarray(first.Z * root[:, None])
    layer = order, starts, z, np.ascontiguousarray(tail), columns, values
    project_levels(layer, border, r, c, base, basis, left)
    if not sparse:
        return r, c, base, None
    rows = sparse_rows(structure, root, basis, left, r, c)
    return r, c, rows.border, rows


def _edge_columns(edge: tuple[Layer, ...], root: Floats, n: int) -> tuple[Ints, Floats]:
    """Return where each row has entries in the border, and which."""
    columns: list[Ints] = []
    values: list[Floats] = []
    start = 0
    for layer in edge:
        columns.append(start + layer.codes[:, None] * layer.k + np.arange(layer.k))
        values.append(layer.Z * root[:, None])
        start += layer.size
    if not columns:
        return np.zeros((n, 0), dtype=np.int64), np.zeros((n, 0))
    return np.hstack(columns).astype(np.int64), np.hstack(values)
