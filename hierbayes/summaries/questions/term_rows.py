"""What each term of a formula says beyond the others, as rows of weights that do not depend on how factors are coded.

A term asks for differences between levels of its factors and for slopes in its numeric columns, together for an
interaction: differences of differences, differences of slopes. Factors that are not in it are averaged over their
levels, all alike, and numeric columns stand at their mean over the rows. With sum contrasts and centred columns these
are the coefficients of the term, and with other contrasts the same quantities (emmeans' ``joint_tests``; car's
``Anova`` of type III after ``contr.sum``).

A design column is a product of one column of each of its atoms, so that each weight is a product too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hierbayes.design.atoms import Columns, Factor, read_atom
from hierbayes.design.design import Design
from hierbayes.design.rank import told_apart
from hierbayes.design.redundancy import codings
from hierbayes.design.stateful import States
from hierbayes.design.table import Categorical, Column
from hierbayes.errors import ModelError
from hierbayes.expressions.syntax import Call, names_in
from hierbayes.formula import show
from hierbayes.formula.syntax import Atom
from hierbayes.tables.numbers import Floats

_SAME = 1e-10
"""A singular value or weight below this share of the largest is 0 but for rounding."""


@dataclass(frozen=True)
class TermRows:
    """The quantities of one term, ``weights @ beta``.

    Attributes
    ----------
    term : str
        As the formula shows it.
    weights : array, shape (q, p)
        Linearly independent: what the data determine of the term, which with empty cells may be nothing.
    partial : bool
        Whether the data do not determine all of it.
    """

    term: str
    weights: Floats
    partial: bool


@dataclass(frozen=True)
class _Block:
    """Some columns of a term: the products of all columns of its atoms, the last varying fastest."""

    atoms: tuple[Atom, ...]
    columns: Mapping[Atom, Columns | Factor]
    full: Mapping[Atom, bool]

    def coding(self, atom: Atom) -> Floats | None:
        """Return the rows of the levels of a factor, None of a numeric atom."""
        value = self.columns[atom]
        if not isinstance(value, Factor):
            return None
        return (value.indicators if self.full[atom] else value.contrasts).matrix

    def labels(self) -> tuple[str, ...]:
        """Return the labels of the columns."""
        found: tuple[str, ...] = ("",)
        for atom in self.atoms:
            value = self.columns[atom]
            own = value.columns(self.full[atom]).labels if isinstance(value, Factor) else value.labels
            found = tuple(f"{first}:{second}" if first else second for first in found for second in own)
        return found


def term_rows(design: Design) -> tuple[TermRows, ...]:
    """Return the quantities of each term of the population part, in the order of the formula.

    Raises
    ------
    ModelError
        If the fit no longer holds its data.
    """
    part = design.schema.formula.population
    read = _read_atoms(design)
    numeric = [frozenset(atom for atom in term.atoms if not isinstance(read[atom], Factor)) for term in part.terms]
    factors = [tuple(atom for atom in term.atoms if isinstance(read[atom], Factor)) for term in part.terms]
    blocks = []
    for i, product in codings(part.intercept, list(zip(numeric, factors, strict=True))):
        atoms = tuple(atom for atom in part.terms[i].atoms if atom in numeric[i] or atom in product)
        blocks.append(_Block(atoms, read, {atom: product.get(atom, False) for atom in atoms}))
    found, taken = [], set[frozenset[Atom]]()
    for i, term in enumerate(part.terms):
        fresh = [own for own in _effects(numeric[i], factors[i], term.atoms) if frozenset(own) not in taken]
        taken |= {frozenset(own) for own in fresh}
        weights = np.vstack([_weights(own, blocks, part.intercept) for own in fresh])
        found.append(TermRows(":".join(map(show, term.atoms)), *_determined(weights, blocks, part.intercept, design)))
    return tuple(found)


def _read_atoms(design: Design) -> dict[Atom, Columns | Factor]:
    schema = design.schema
    atoms = dict.fromkeys(atom for term in schema.formula.population.terms for atom in term.atoms)
    reckoned = {name.name for atom in atoms if isinstance(atom, Call) for name in names_in(atom)}
    names = schema.needed(groups=False, response=False, weights=False)
    columns = {name: _column(design, name, name in reckoned) for name in names}
    states = States.frozen(schema.states)
    return {atom: read_atom(atom, columns, schema.contrasts, design.n, states) for atom in atoms}


def _column(design: Design, name: str, reckoned: bool) -> Column:
    """Return a column of the fit; of a factor its levels are enough, which are there without the data."""
    own = design.schema.by_name[name]
    try:
        return design.column(name)
    except ModelError as error:
        if own.kind != "numeric" and own.kind != "number" and not reckoned:
            return Categorical(name, own.levels, np.zeros(design.n, dtype=np.int64), own.kind)
        raise ModelError(
            f"terms are tested with numeric columns at their means, and the file of the fit does not hold {name!r}",
            "save the fit with data=True",
        ) from error


def _effects(numeric: frozenset[Atom], factors: Sequence[Atom], order: Sequence[Atom]) -> list[tuple[Atom, ...]]:
    """Return the effects within a term: all its numeric atoms with some of its factors, those of all last."""
    from itertools import combinations

    some = [frozenset(own) for k in range(len(factors) + 1) for own in combinations(factors, k)]
    each = [tuple(atom for atom in order if atom in numeric or atom in own) for own in some]
    return [own for own in each if own]


def _weights(effect: tuple[Atom, ...], blocks: Sequence[_Block], intercept: bool) -> Floats:
    """Return the weights of all columns, dropped ones too, in the quantities of an effect."""
    parts = [np.zeros((1, 1))] if intercept else []
    for block in blocks:
        count = len(block.labels())
        parts.append(_of_block(effect, block) if set(effect) <= set(block.atoms) else np.zeros((1, count)))
    rows = max(len(part) for part in parts)
    return np.hstack([part if len(part) == rows else np.zeros((rows, part.shape[1])) for part in parts])


def _of_block(effect: tuple[Atom, ...], block: _Block) -> Floats:
    product = np.ones(())
    for atom in block.atoms:
        product = np.multiply.outer(product, _of_atom(atom, block, atom in effect))
    # the axes are rows and columns of each atom in turn; the rows go in the order of the effect
    k = len(block.atoms)
    others = [i for i, atom in enumerate(block.atoms) if atom not in effect]
    rows = [2 * i for i in (*(block.atoms.index(atom) for atom in effect), *others)]
    moved = product.transpose(*rows, *(2 * i + 1 for i in range(k)))
    return moved.reshape(int(np.prod(moved.shape[:k])), -1)


def _of_atom(atom: Atom, block: _Block, tested: bool) -> Floats:
    coding = block.coding(atom)
    if coding is not None:
        return coding[1:] - coding[:1] if tested else coding.mean(axis=0, keepdims=True)
    columns = block.columns[atom]
    assert isinstance(columns, Columns)
    return np.eye(len(columns.labels)) if tested else columns.matrix.mean(axis=0, keepdims=True)


def _determined(weights: Floats, blocks: Sequence[_Block], intercept: bool, design: Design) -> tuple[Floats, bool]:
    """Return the weights of the columns that were kept, without rows that follow from others, and if some are lost.

    Lost is what the data do not determine; sums of rows whose gaps cancel remain.
    """
    labels = [*(["Intercept"] if intercept else []), *(label for block in blocks for label in block.labels())]
    own, gap = told_apart(weights, labels, design.schema.dropped)
    if gap.any():
        left, values, _ = np.linalg.svd(gap / np.abs(gap).max())
        own = left[:, int(np.sum(values > _SAME * values[0])) :].T @ own
        own[np.abs(own) <= _SAME * np.abs(weights).max()] = 0.0
    size = np.abs(own).max(axis=0, initial=0.0)
    scaled = own / np.where(size > 0, size, 1.0)
    left, values, _ = np.linalg.svd(scaled, full_matrices=False)
    rank = int(np.sum(values > _SAME * values[0])) if values.size and values[0] > 0 else 0
    return own if rank == len(own) else left[:, :rank].T @ own, bool(gap.any())
