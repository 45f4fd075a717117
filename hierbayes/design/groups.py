"""Grouping factors: levels, codes and the block of columns that varies with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from hierbayes.design.even import Even, even_columns
from hierbayes.design.rank import Dropped, combinations, kept_columns, say_dropped
from hierbayes.design.stateful import States
from hierbayes.design.table import Categorical, Column, Floats, Ints, as_factor
from hierbayes.design.terms import evaluate
from hierbayes.errors import DataError
from hierbayes.formula.syntax import Group
from hierbayes.spec import Contrast, Rank


@dataclass(frozen=True)
class GroupBlock:
    """One group-level term with its data.

    Attributes
    ----------
    factor : str
        Name of the grouping factor, ``a:b`` for an interaction.
    columns : tuple of str
        The columns of the data that make the factor.
    terms : tuple of str, length k
        Labels of the columns that vary by level. Where the factor carries the same column in an earlier block, the
        label has a suffix.
    levels : tuple of str, length J
        Labels of the levels, ``A:a`` for an interaction.
    keys : tuple of tuple of str, length J
        The levels as tuples, one entry a column of the factor, so that ``("a:b", "c")`` and ``("a", "b:c")`` differ.
    codes : array of int, shape (n,)
        The level of each row.
    Z : array, shape (n, k)
        The columns, as given (not centred).
    split : bool
        Whether the term was split off by ``||``.
    intercept : bool
        Whether the first column is the intercept.
    dropped : tuple of Dropped
        Columns of the term that no row determines.
    even : Even or None
        The columns for which the default priors are stated, where they are not those of Z or these less their means.
        Of one predictor, where a row has several.
    """

    factor: str
    columns: tuple[str, ...]
    terms: tuple[str, ...]
    levels: tuple[str, ...]
    keys: tuple[tuple[str, ...], ...]
    codes: Ints
    Z: Floats
    split: bool
    intercept: bool
    dropped: tuple[Dropped, ...] = ()
    even: Even | None = None

    @property
    def n_levels(self) -> int:
        """Number of levels, J."""
        return len(self.levels)

    @property
    def correlated(self) -> bool:
        """Whether the term has more than one column, and so correlations."""
        return len(self.terms) > 1


def build_groups(
    groups: Sequence[Group],
    columns: Mapping[str, Column],
    contrasts: Mapping[str, Contrast],
    n: int,
    states: States,
    rank: Rank = "drop",
) -> tuple[GroupBlock, ...]:
    """Return a block for every group-level term, with labels that are unique within each factor.

    Columns that no row determines are left out, unless they would be all of a term.
    """
    factors: dict[tuple[str, ...], tuple[tuple[tuple[str, ...], ...], Ints]] = {}
    blocks = []
    for group in groups:
        if group.factor not in factors:
            factors[group.factor] = cross([as_factor(columns[name]) for name in group.factor])
        keys, codes = factors[group.factor]
        _check_levels(group.label, len(keys))
        part = evaluate(group.part, columns, contrasts, n, states)
        kept = kept_columns(part.matrix, group.part.intercept)
        dropped = combinations(part.matrix, kept, part.labels) if len(kept) else ()
        say_dropped(dropped, f"of the term of {group.label!r}", group.part.intercept, rank)
        part = part.at(kept) if len(kept) else part
        blocks.append(
            GroupBlock(
                factor=group.label,
                columns=group.factor,
                terms=part.labels,
                levels=level_labels(keys, group.label),
                keys=keys,
                codes=codes,
                Z=part.matrix,
                split=group.split,
                intercept=group.part.intercept,
                dropped=dropped,
                even=None if group.split else even_columns(group.part, part.matrix, columns, contrasts, states),
            )
        )
    return _unique_terms(blocks)


def cross(factors: Sequence[Categorical]) -> tuple[tuple[tuple[str, ...], ...], Ints]:
    """Return the combinations of levels that occur, as tuples in the order of the first factor, and a code a row."""
    sizes = [len(factor.levels) for factor in factors]
    cells = np.ravel_multi_index([factor.codes for factor in factors], sizes)
    used, codes = np.unique(cells, return_inverse=True)
    places = np.unravel_index(used, sizes)
    keys = tuple(zip(*([f.levels[i] for i in place] for f, place in zip(factors, places, strict=True)), strict=True))
    return keys, codes.astype(np.int64)


def level_labels(keys: tuple[tuple[str, ...], ...], factor: str) -> tuple[str, ...]:
    """Write each level as text, ``A:a`` for an interaction.

    Two cells that would be written alike (levels that hold a colon themselves) are told apart by quotes.
    """
    labels = tuple(":".join(key) for key in keys)
    if len(set(labels)) == len(labels):
        return labels
    seen: dict[str, int] = {}
    for label in labels:
        seen[label] = seen.get(label, 0) + 1
    return tuple(
        ":".join(f'"{piece}"' for piece in key) if seen[label] > 1 else label
        for key, label in zip(keys, labels, strict=True)
    )


def _check_levels(factor: str, n_levels: int) -> None:
    if n_levels < 2:
        raise DataError(
            f"the grouping factor {factor!r} has a single level, so nothing can vary between its levels",
            "leave the term out, or group by another column",
        )


def _unique_terms(blocks: list[GroupBlock]) -> tuple[GroupBlock, ...]:
    given: dict[str, set[str]] = {}
    for block in blocks:
        given.setdefault(block.factor, set()).update(block.terms)
    seen: dict[str, set[str]] = {}
    unique = []
    for block in blocks:
        own = seen.setdefault(block.factor, set())
        terms = []
        for term in block.terms:
            label = term if term not in own else _free(term, own | given[block.factor])
            own.add(label)
            terms.append(label)
        unique.append(replace(block, terms=tuple(terms)))
    return tuple(unique)


def _free(term: str, taken: set[str]) -> str:
    """Return the term with the first suffix that no other term has."""
    return next(label for i in count(2) if (label := f"{term}_{i}") not in taken)
