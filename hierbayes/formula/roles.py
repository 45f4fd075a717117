"""Which columns of a formula are taken as levels, and which of them become columns of the design."""

from __future__ import annotations

from collections.abc import Iterator

from hierbayes.expressions.syntax import Call, Expression, Name, names_in, walk
from hierbayes.formula.syntax import Formula

BY_LEVELS = ("C", "factor")
"""Functions that take a column as levels, whatever it holds."""


def averaged_within(expression: Expression) -> Iterator[Name]:
    """Yield the columns within whose levels ``ave()`` takes means, at any depth.

    Examples
    --------
    >>> from hierbayes.formula import parse
    >>> [name.name for name in averaged_within(next(iter(parse("y ~ I(x - ave(x, g, h))").right())))]
    ['g', 'h']
    """
    calls = (node for node in walk(expression) if isinstance(node, Call) and node.function == "ave")
    return (group for call in calls for group in call.args[1:] if isinstance(group, Name))


def coded_columns(formula: Formula) -> frozenset[str]:
    """Return the columns that stand by themselves in a term, or in ``C()``: their levels, if they have any, are coded.

    Examples
    --------
    >>> from hierbayes.formula import parse
    >>> sorted(coded_columns(parse("y ~ f:x + log(z) + (C(k) | g)")))
    ['f', 'k', 'x']
    """
    return frozenset(name for name, _ in _atoms(formula))


def key_columns(formula: Formula) -> tuple[str, ...]:
    """Return the columns that are taken as levels alone, never as numbers: grouping factors, and what is in ``C()``.

    Examples
    --------
    >>> from hierbayes.formula import parse
    >>> key_columns(parse("y ~ day + C(kind) + (1 | day) + (1 | school/class)"))
    ('school', 'class', 'kind')
    """
    bare = {name for name, by_levels in _atoms(formula) if not by_levels}
    inside = {
        name.name
        for expression in formula.expressions()
        if not isinstance(expression, Name) and not _by_levels(expression)
        for name in _as_numbers(expression)
    }
    outside = {name.name for own in (*formula.left, *formula.offsets) for name in names_in(own)}
    numbers = bare | inside | outside
    keys = [name for group in formula.groups for name in group.factor]
    keys += [name for name, by_levels in _atoms(formula) if by_levels]
    return tuple(dict.fromkeys(name for name in keys if name not in numbers))


def _as_numbers(expression: Expression) -> list[Name]:
    """Return the columns of an expression but those within whose levels ``ave()`` takes means."""
    spans = {name.span for name in averaged_within(expression)}
    return [name for name in names_in(expression) if name.span not in spans]


def _atoms(formula: Formula) -> list[tuple[str, bool]]:
    """Return the columns that are atoms of terms, and whether ``C()`` takes them as levels."""
    parts = (formula.population, *(group.part for group in formula.groups))
    found = []
    for atom in (atom for part in parts for term in part.terms for atom in term.atoms):
        if isinstance(atom, Name):
            found.append((atom.name, False))
        elif _by_levels(atom) and isinstance(atom.args[0], Name):
            found.append((atom.args[0].name, True))
    return found


def _by_levels(expression: object) -> bool:
    return isinstance(expression, Call) and expression.function in BY_LEVELS
