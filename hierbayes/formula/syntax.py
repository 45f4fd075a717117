"""The parts of a formula as frozen values.

An expression is a tree of `Name`, `Number`, `Text`, `Sequence`, `Call`, `Unary` and `Binary` nodes. Terms and parts are
what is left once the operators of the formula language (``+``, ``:``, ``*``, ``/``, ``^``, ``|``) have been expanded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Span:
    """A half-open range of characters in the text of the formula. Spans never take part in comparisons."""

    start: int
    stop: int


NOWHERE = Span(0, 0)


@dataclass(frozen=True)
class Name:
    """A column of the data."""

    name: str
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Number:
    """A number written in the formula."""

    value: float
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Text:
    """A quoted string, `True`, `False` or `None` written in the formula."""

    value: str | bool | None
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Sequence:
    """A list of literals, as in ``levels=["a", "b"]`` or ``c("a", "b")``."""

    items: tuple[Expression, ...]
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Call:
    """A function of the allow-list and its arguments."""

    function: str
    args: tuple[Expression, ...]
    kwargs: tuple[tuple[str, Expression], ...] = ()
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Unary:
    """``-x``, ``+x`` or ``!x`` inside a function call."""

    operator: str
    operand: Expression
    span: Span = field(default=NOWHERE, compare=False)


@dataclass(frozen=True)
class Binary:
    """Arithmetic or a comparison inside a function call. A power is always written ``**``."""

    operator: str
    left: Expression
    right: Expression
    span: Span = field(default=NOWHERE, compare=False)


Expression = Name | Number | Text | Sequence | Call | Unary | Binary
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
    """

    part: Part
    factor: tuple[str, ...]
    split: bool = False
    span: Span = field(default=NOWHERE, compare=False)

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

    @property
    def canonical(self) -> str:
        """The formula with every abbreviation expanded; reading it again gives the same formula."""
        from hierbayes.formula.printing import canonical

        return canonical(self)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that the formula names, each once, in order of appearance."""
        seen: dict[str, None] = {}
        for expression in self.expressions():
            for name in names_in(expression):
                seen.setdefault(name.name)
        for group in self.groups:
            for column in group.factor:
                seen.setdefault(column)
        return tuple(seen)

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


def names_in(expression: Expression) -> Iterator[Name]:
    """Yield every column name in an expression, from left to right."""
    match expression:
        case Name():
            yield expression
        case Call(args=args, kwargs=kwargs):
            for argument in (*args, *(value for _, value in kwargs)):
                yield from names_in(argument)
        case Unary(operand=operand):
            yield from names_in(operand)
        case Binary(left=left, right=right):
            yield from names_in(left)
            yield from names_in(right)
        case Sequence(items=items):
            for item in items:
                yield from names_in(item)
        case _:
            return
