"""Formulas and their parts back to text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

from hierbayes.formula.checks import CONSTANTS
from hierbayes.formula.scanner import is_plain
from hierbayes.formula.syntax import (
    Binary,
    Call,
    Expression,
    Formula,
    Group,
    Name,
    Number,
    Part,
    Sequence,
    Term,
    Text,
    Unary,
)

PRECEDENCE = {"+": 2, "-": 2, "*": 3, "/": 3, "**": 5}
DENIAL, COMPARISON, SIGN, OPERAND = 0, 1, 4, 6
LARGEST_WHOLE = 1e15


def show(node: Expression | Term | Part | Group) -> str:
    """Return the text of a part of a formula.

    Parameters
    ----------
    node : Expression, Term, Part or Group
        What to write: ``x``, ``I(x^2)``, ``a:b``, ``1 + x``, ``(1 + x | g)``.

    Returns
    -------
    str
        Text that reads back as the same part; powers are written ``^``, names in backquotes where they need them.

    Examples
    --------
    >>> from hierbayes.formula import parse
    >>> [show(term) for term in parse("y ~ I(x**2) * `a b`").population.terms]
    ['I(x^2)', '`a b`', 'I(x^2):`a b`']
    """
    match node:
        case Term(atoms=atoms):
            return ":".join(show(atom) for atom in atoms)
        case Part(intercept=intercept, terms=terms):
            return " + ".join(["1" if intercept else "0", *map(show, terms)])
        case Group():
            return show_group(node)
        case _:
            return expression(node)


def canonical(formula: Formula) -> str:
    """Return a formula with every abbreviation expanded.

    The intercept is written out, as 1 or 0, and so are crossings and nestings. Terms that ``||`` split are
    gathered again under one ``||``. Reading the result gives the same formula.

    Examples
    --------
    >>> from hierbayes.formula import parse
    >>> canonical(parse("Yield ~ 1 | Batch"))
    'Yield ~ 1 + (1 | Batch)'
    >>> canonical(parse("y ~ a * b - 1 + (x || g/h)"))
    'y ~ 0 + a + b + a:b + (1 + x || g) + (1 + x || g:h)'
    """
    offsets = (expression(Call("offset", (offset,))) for offset in formula.offsets)
    groups = (show_group(group) for group in gathered(formula.groups))
    right = " + ".join([show(formula.population), *offsets, *groups])
    return f"{left_side(formula)} ~ {right}"


def with_population(formula: Formula) -> str:
    """Return the formula with all that varies by the first grouping factor at the population level too.

    Examples
    --------
    >>> from hierbayes.formula import parse
    >>> with_population(parse("Reaction ~ Days | Subject"))
    'Reaction ~ 1 + Days + (1 + Days | Subject)'
    """
    return canonical(replace(formula, population=next(gathered(formula.groups)).part))


def left_side(formula: Formula) -> str:
    """Return what stands left of ``~``, in its canonical form.

    Examples
    --------
    >>> from hierbayes.formula import parse
    >>> left_side(parse("cbind(k, f) ~ x"))
    'k | trials(k + f)'
    """
    shown = expression(formula.response)
    if formula.trials is not None:
        return f"{shown} | trials({expression(formula.trials)})"
    return shown if formula.se is None else f"{shown} | se({expression(formula.se)})"


def gathered(groups: Iterable[Group]) -> Iterator[Group]:
    """Gather neighbours that one ``||`` would split into."""
    whole: Group | None = None
    for group in groups:
        if whole is not None and belongs(whole, group):
            part = Part(whole.part.intercept, whole.part.terms + group.part.terms)
            whole = Group(part, whole.factor, True, whole.span)
            continue
        if whole is not None:
            yield whole
        whole = group
    if whole is not None:
        yield whole


def belongs(whole: Group, group: Group) -> bool:
    """Whether splitting the two together would give them back, in this order."""
    if not (whole.split and group.split and whole.factor == group.factor) or group.part.intercept:
        return False
    if any(term in whole.part.terms for term in group.part.terms):
        return False
    sizes = [len(term.atoms) for term in whole.part.terms + group.part.terms]
    return sizes == sorted(sizes)


def show_group(group: Group) -> str:
    """Return ``(part | factor)``."""
    factor = ":".join(show_name(column) for column in group.factor)
    return f"({show(group.part)} {'||' if group.split else '|'} {factor})"


def expression(node: Expression) -> str:
    """Return the text of an expression."""
    return write(node)[0]


def write(node: Expression) -> tuple[str, int]:
    """Return the text of an expression and how tightly its outermost operator binds."""
    match node:
        case Name(name=name):
            return show_name(name), OPERAND
        case Number(value=value):
            return show_number(value), OPERAND
        case Text(value=value):
            return show_text(value) if isinstance(value, str) else str(value), OPERAND
        case Sequence(items=items):
            return f"[{', '.join(expression(item) for item in items)}]", OPERAND
        case Call(function=function, args=args, kwargs=kwargs):
            named = (f"{show_name(key)}={expression(value)}" for key, value in kwargs)
            return f"{function}({', '.join([*map(expression, args), *named])})", OPERAND
        case Unary(operator=operator, operand=operand):
            if operator == "!":
                return f"!{expression(operand)}", DENIAL
            return f"{operator}{enclosed(operand, SIGN)}", SIGN
        case Binary():
            return write_binary(node)


def write_binary(node: Binary) -> tuple[str, int]:
    """Return two operands and their operator; a power groups from the right, the others from the left."""
    binds = PRECEDENCE.get(node.operator, COMPARISON)
    if node.operator == "**":
        return f"{enclosed(node.left, OPERAND)}^{enclosed(node.right, SIGN)}", binds
    left = enclosed(node.left, binds + (binds == COMPARISON))
    return f"{left} {node.operator} {enclosed(node.right, binds + 1)}", binds


def enclosed(node: Expression, least: int) -> str:
    """Return the text of an operand, in parentheses if it binds less than `least`."""
    text, binds = write(node)
    return text if binds >= least else f"({text})"


def show_name(name: str) -> str:
    """Return a column's name, in backquotes unless it is plain."""
    if is_plain(name) and name not in (*CONSTANTS, "pi"):
        return name
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"


def show_number(value: float) -> str:
    """Return a number as short as it can be written exactly."""
    if value == math.pi:
        return "pi"
    return str(int(value)) if value.is_integer() and abs(value) < LARGEST_WHOLE else repr(value)


def show_text(value: str) -> str:
    """Return a text in double quotes."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'
