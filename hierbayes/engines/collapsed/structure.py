"""Which terms are eliminated level by level, and which form the border.

Terms with the same levels form one layer. The first layer is block diagonal; a layer in which it is nested stays block
diagonal once the first is gone, and so on: they form a chain. The rest is the border, dense or nearly so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hierbayes.engines.base import Floats, Ints, Problem


@dataclass(frozen=True)
class Layer:
    """Terms that share a partition of the rows.

    Attributes
    ----------
    codes : array of int, shape (n,)
    levels : int
    Z : array, shape (n, k)
        Columns of all its terms, side by side.
    members : tuple of (block, first column)
    """

    codes: Ints
    levels: int
    Z: Floats
    members: tuple[tuple[int, int], ...]

    @property
    def k(self) -> int:
        """Number of columns."""
        return int(self.Z.shape[1])

    @property
    def size(self) -> int:
        """Number of effects."""
        return self.levels * self.k


@dataclass(frozen=True)
class Structure:
    """The order of elimination.

    Attributes
    ----------
    chain : tuple of Layer
        Eliminated level by level, each nested in the next.
    edge : tuple of Layer
        The border.
    """

    chain: tuple[Layer, ...]
    edge: tuple[Layer, ...]

    @property
    def border(self) -> int:
        """Number of effects in the border."""
        return sum(layer.size for layer in self.edge)


def layers_of(problem: Problem) -> tuple[Layer, ...]:
    """Return the layers of a problem, in the order in which their first terms stand."""
    groups: list[list[int]] = []
    for index, block in enumerate(problem.blocks):
        for group in groups:
            other = problem.blocks[group[0]]
            if other.n_levels == block.n_levels and np.array_equal(other.codes, block.codes):
                group.append(index)
                break
        else:
            groups.append([index])
    layers = []
    for group in groups:
        blocks = [problem.blocks[i] for i in group]
        first = np.cumsum([0] + [b.Z.shape[1] for b in blocks])
        layers.append(
            Layer(
                codes=np.asarray(blocks[0].codes, dtype=np.int64),
                levels=blocks[0].n_levels,
                Z=np.hstack([np.asarray(b.Z, dtype=np.float64) for b in blocks]),
                members=tuple((i, int(c)) for i, c in zip(group, first[:-1], strict=True)),
            )
        )
    return tuple(layers)


def parents_of(fine: Layer, coarse: Layer) -> Ints | None:
    """Return the level of `coarse` in which each level of `fine` lies, or None where it is not nested.

    A level without rows lies in level 0.
    """
    parents = np.zeros(fine.levels, dtype=np.int64)
    parents[fine.codes] = coarse.codes
    return parents if np.array_equal(parents[fine.codes], coarse.codes) else None


def chained(layers: tuple[Layer, ...]) -> Structure:
    """Return the structure with the longest reach: the chain that leaves the smallest border."""
    order = sorted(range(len(layers)), key=lambda i: (-layers[i].levels, -layers[i].size))
    best: Structure | None = None
    for position, start in enumerate(order):
        chain = [start]
        for later in order[position + 1 :]:
            if parents_of(layers[chain[-1]], layers[later]) is not None:
                chain.append(later)
        edge = [i for i in range(len(layers)) if i not in chain]
        candidate = Structure(tuple(layers[i] for i in chain), tuple(layers[i] for i in edge))
        if best is None or candidate.border < best.border:
            best = candidate
    return best if best is not None else Structure((), ())


def flattened(layers: tuple[Layer, ...]) -> Structure:
    """Return the structure that eliminates only the largest layer."""
    if not layers:
        return Structure((), ())
    first = max(range(len(layers)), key=lambda i: layers[i].size)
    return Structure((layers[first],), tuple(layer for i, layer in enumerate(layers) if i != first))
