"""Designs in which a row has several linear predictors: columns, labels and groups for all of them, and back.

With S predictors a row, the design has S n rows, those of one observation end to end, and the columns of each predictor
are nonzero in its own rows alone. So the predictor c of observation i lies in row ``S i + c``, and coefficient j of it
in column ``p c + j``; every linear predictor is ``X beta + Z b`` as before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from hierbayes.design.design import Design
from hierbayes.design.groups import GroupBlock
from hierbayes.design.schema import GroupSchema, Schema, group_schema
from hierbayes.design.table import Categorical, Column, Floats, Ints
from hierbayes.errors import DataError
from hierbayes.families import family


def stacked_labels(labels: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """Return the labels of stacked columns, ``name:label``, name after name.

    Examples
    --------
    >>> stacked_labels(("Intercept", "x"), ("b", "c"))
    ('b:Intercept', 'b:x', 'c:Intercept', 'c:x')
    """
    return tuple(f"{name}:{label}" for name in names for label in labels)


def stacked_matrix(matrix: Floats, predictors: int) -> Floats:
    """Return the columns of one predictor, (n, k), for all of them, (S n, S k).

    Examples
    --------
    >>> stacked_matrix(np.array([[1.0, 5.0]]), 2).tolist()
    [[1.0, 5.0, 0.0, 0.0], [0.0, 0.0, 1.0, 5.0]]
    """
    n, k = matrix.shape
    found = np.zeros((n, predictors, predictors, k))
    for c in range(predictors):
        found[:, c, c] = matrix
    return found.reshape(n * predictors, predictors * k)


def centred(matrix: Floats, centre: Floats, predictors: int = 1) -> Floats:
    """Return stacked columns less their centres, each in the rows of its own predictor.

    Examples
    --------
    >>> stacked = stacked_matrix(np.array([[1.0, 5.0]]), 2)
    >>> centred(stacked, np.array([0.0, 2.0, 0.0, 2.0]), 2).tolist()
    [[1.0, 3.0, 0.0, 0.0], [0.0, 0.0, 1.0, 3.0]]
    """
    if predictors == 1 or not np.any(centre):
        return matrix - centre
    found, k = matrix.copy(), len(centre) // predictors
    for c in range(predictors):
        own = slice(c * k, (c + 1) * k)
        found[c::predictors, own] -= centre[own]
    return found


def stacked_design(base: Design, names: Sequence[str]) -> Design:
    """Return a design of one predictor for a predictor each of several names; offsets are refused.

    The covariance of a level's effects is one matrix for all predictors and terms; the parts of a term that ``||``
    split stay apart, for each predictor too.

    Raises
    ------
    DataError
        If two columns would bear one label.
    """
    S = len(names)
    coefficients = stacked_labels(base.coefficients, names)
    groups = tuple(own for block in base.groups for own in _stacked_block(block, names))
    for labels in (coefficients, *(_terms(groups, factor) for factor in base.factors)):
        twice = next((label for label in labels if labels.count(label) > 1), None)
        if twice is not None:
            raise DataError(f"two columns would both be called {twice!r}", "rename a category of the response")
    schema = replace(base.schema, coefficients=coefficients, groups=tuple(group_schema(block) for block in groups))
    return replace(
        base,
        X=stacked_matrix(base.X, S),
        coefficients=coefficients,
        terms=base.terms * S,
        offset=np.zeros(S * base.n),
        groups=groups,
        schema=schema,
    )


def _terms(groups: Sequence[GroupBlock], factor: str) -> tuple[str, ...]:
    return tuple(term for block in groups if block.factor == factor for term in block.terms)


def _stacked_block(block: GroupBlock, names: Sequence[str]) -> Iterator[GroupBlock]:
    codes, Z = np.repeat(block.codes, len(names)), stacked_matrix(block.Z, len(names))
    if not block.split:
        yield replace(block, terms=stacked_labels(block.terms, names), codes=codes, Z=Z)
        return
    k = len(block.terms)
    for c, name in enumerate(names):
        own = np.ascontiguousarray(Z[:, c * k : (c + 1) * k])
        yield replace(block, terms=stacked_labels(block.terms, (name,)), codes=codes, Z=own)


def parts_of(group: GroupSchema | GroupBlock, predictors: int) -> int:
    """Return how many blocks of a stacked design one block of a single predictor makes."""
    return predictors if group.split else 1


def first_of_each[Group: (GroupSchema, GroupBlock)](groups: Sequence[Group], predictors: int) -> tuple[Group, ...]:
    """Return one block, the first, for each group-level term of the formula."""
    found, i = [], 0
    while i < len(groups):
        found.append(groups[i])
        i += parts_of(groups[i], predictors)
    return tuple(found)


def owners(block: GroupBlock, number: int, predictors: int) -> tuple[int, ...]:
    """Return for each term of a block the place, from 0, of the predictor that has it.

    Parameters
    ----------
    block : GroupBlock
    number : int
        Its place among the blocks that its term of the formula has made: 0 where ``||`` did not split it.
    predictors : int
    """
    if block.split:
        return (number,) * len(block.terms)
    k = len(block.terms) // predictors
    return tuple(j // k for j in range(len(block.terms)))


def single_schema(schema: Schema, category: int) -> Schema:
    """Return the schema of one category against the reference, as that of a bernoulli response."""
    S = schema.family.predictors
    prefix = len(schema.categories[category]) + 1
    firsts, i = [], 0
    while i < len(schema.groups):
        group = schema.groups[i]
        own = schema.groups[i + category - 1] if group.split else group
        k = len(own.terms) if group.split else len(own.terms) // S
        terms = own.terms if group.split else own.terms[(category - 1) * k : category * k]
        firsts.append(replace(own, terms=tuple(term[prefix:] for term in terms)))
        i += parts_of(group, S)
    p = len(schema.coefficients) // S
    own_labels = schema.coefficients[(category - 1) * p : category * p]
    return replace(
        schema,
        coefficients=tuple(label[prefix:] for label in own_labels),
        groups=tuple(firsts),
        family=family(f"bernoulli({schema.family.link})"),
        response_levels=(schema.categories[0], schema.categories[category]),
    )


def one_each(design: Design) -> tuple[str, ...]:
    """Return for each coefficient the name that it has in the formula, without its category."""
    if design.predictors == 1:
        return design.coefficients
    return single_schema(design.schema, 1).coefficients * design.predictors


def terms_alike(design: Design) -> tuple[tuple[str, ...], ...]:
    """Return for each block the names that its terms have in the formula, without their categories."""
    if design.predictors == 1:
        return tuple(block.terms for block in design.groups)
    found: list[tuple[str, ...]] = []
    for group in single_schema(design.schema, 1).groups:
        parts = parts_of(group, design.predictors)
        found += [group.terms * (design.predictors // parts)] * parts
    return tuple(found)


def single_design(design: Design, category: int = 1, rows: Ints | None = None) -> Design:
    """Return the design of one category against the reference, with a bernoulli response.

    Parameters
    ----------
    design : Design
        Stacked.
    category : int
        Its number less 1: from 1, for the reference is 0.
    rows : array of int, optional
        The observations that are kept; all by default, those of other categories with the response 0.
    """
    schema, S = single_schema(design.schema, category), design.family.predictors
    kept = np.arange(design.n) if rows is None else rows
    own = kept * S + category - 1
    groups, i = [], 0
    for group in schema.groups:
        block = design.groups[i + category - 1] if group.split else design.groups[i]
        k = len(group.terms)
        Z = block.Z[own] if group.split else block.Z[own][:, (category - 1) * k : category * k]
        groups.append(replace(block, terms=group.terms, codes=block.codes[own], Z=np.ascontiguousarray(Z)))
        i += parts_of(group, S)
    p = len(schema.coefficients)
    return replace(
        design,
        y=(design.y[kept] == category + 1).astype(np.float64),
        X=np.ascontiguousarray(design.X[own][:, (category - 1) * p : category * p]),
        coefficients=schema.coefficients,
        terms=design.terms[:p],
        offset=design.offset[own],
        weights=design.weights[kept],
        groups=tuple(groups),
        columns=tuple(_column_at(column, kept) for column in design.columns),
        rows=design.rows[kept],
        labels=design.index[kept],
        schema=schema,
    )


def term_places(schema: Schema, factor: str, category: int) -> Ints:
    """Return the places of one category's terms among all terms of a factor, as the posterior has them."""
    S, start, found = schema.family.predictors, 0, []
    groups = [group for group in schema.groups if group.factor == factor]
    i = 0
    while i < len(groups):
        width = parts_of(groups[i], S)
        k = sum(len(group.terms) for group in groups[i : i + width]) // S
        found += [start + k * (category - 1) + j for j in range(k)]
        start, i = start + S * k, i + width
    return np.asarray(found, dtype=np.int64)


def _column_at(column: Column, rows: Ints) -> Column:
    """Return some rows of a column; levels stay, whether they occur or not."""
    if isinstance(column, Categorical):
        return replace(column, codes=column.codes[rows])
    exact = None if column.exact is None else column.exact[rows]
    factor = None if column.factor is None else replace(column.factor, codes=column.factor.codes[rows])
    return replace(column, values=column.values[rows], exact=exact, factor=factor)
