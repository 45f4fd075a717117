"""The parts of a formula as frozen values.

Terms and parts are what is left once the operators of the formula language (``+``, ``:``, ``*``, ``/``, ``^``, ``|``)
have been expanded; their atoms are expressions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from hierbayes.errors import FormulaError
from hierbayes.expressions.syntax import NOWHERE, Call, Expression, Name, Span, names_in

Atom = Name | Call


@dataclass(frozen=True)
class Term:
    """A product of atoms: ``x`` is one atom, ``a:x`` two. Comparison ignores the order of the atoms."""

    atoms: tuple[Atom, ...]
    span: Span = field(default=NOWHERE, compare=False)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Term) and frozenset(self.atoms) == frozenset(other.atoms)

    def __hash__(self) -> int:
        return hash(frozenset(self.atoms))


@dataclass(frozen=True)
class Part:
    """An intercept or none, and terms, main effects first: a population part, or the left side of a bar."""

    intercept: bool
    terms: tuple[Term, ...]


@dataclass(frozen=True)
class Group:
    """One group-level term, `(part | factor)`, after ``/`` and ``||`` have been expanded.

    Attributes
    ----------
    part : Part
        What varies from level to level.
    factor : tuple of str
        The columns of the grouping factor; more than one for an interaction such as ``a:b``.
    split : bool
        Whether this term was split off by ``||``.
    places : tuple of Span
        Where the columns of the factor stand in the text.
    """

    part: Part
    factor: tuple[str, ...]
    split: bool = False
    span: Span = field(default=NOWHERE, compare=False)
    places: tuple[Span, ...] = field(default=(), compare=False)

    @property
    def label(self) -> str:
        """The name of the factor, `a:b` for an interaction."""
        return ":".join(self.factor)


@dataclass(frozen=True)
class Formula:
    """A formula that has been read and expanded.

    Attributes
    ----------
    text : str
        The formula as it was typed.
    response : Expression
        What is modelled: the left side of ``~``; the successes where there are trials.
    population : Part
        The population-level part.
    groups : tuple of Group
        The group-level terms, in the order in which they were written.
    offsets : tuple of Expression
        The arguments of every ``offset()``.
    trials : Expression or None
        The number of trials: that of ``k | trials(n)`` and ``p(k, n)``, and ``k + f`` for ``cbind(k, f)``.
    se : Expression or None
        The known standard errors of ``y | se(s)``.
    bare : bool
        Whether a bar without parentheses takes the whole right side, ``y ~ x | g``. Not compared: it is the same model
        as ``y ~ 1 + (x | g)``.
    """

    text: str
    response: Expression
    population: Part
    groups: tuple[Group, ...] = ()
    offsets: tuple[Expression, ...] = ()
    trials: Expression | None = None
    se: Expression | None = None
    bare: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        return self.text

    def error(self, what: str, place: Span | None, hint: str | None = None) -> FormulaError:
        """Return an error that marks a place in the text, if there is one."""
        if place is None:
            return FormulaError(what, hint=hint)
        return FormulaError(what, self.text, place.start, place.stop, hint)

    @property
    def canonical(self) -> str:
        """The formula with every abbreviation expanded; reading it again gives the same formula."""
        from hierbayes.formula.printing import canonical

        return canonical(self)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that the formula names, each once, in order of appearance."""
        names = [name.name for expression in self.expressions() for name in names_in(expression)]
        return tuple(dict.fromkeys([*names, *(column for group in self.groups for column in group.factor)]))

    @property
    def left(self) -> tuple[Expression, ...]:
        """The expressions left of ``~``: the response, then its trials or standard errors if it has them."""
        return tuple(each for each in (self.response, self.trials, self.se) if each is not None)

    def expressions(self) -> Iterator[Expression]:
        """Yield the left side, the offsets and the atoms of every term."""
        yield from self.left
        yield from self.right()

    def right(self) -> Iterator[Expression]:
        """Yield the offsets and the atoms of every term."""
        yield from self.offsets
        for part in (self.population, *(group.part for group in self.groups)):
            for term in part.terms:
                yield from term.atoms
