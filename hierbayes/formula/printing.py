"""Formulas and their parts back to text, and formulas that are written by their difference from another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from hierbayes.errors import FormulaError
from hierbayes.expressions.printing import show_expression, show_name
from hierbayes.expressions.scanner import Kind, Token, scan
from hierbayes.expressions.syntax import Call, Expression
from hierbayes.formula.refusals import FORMULA
from hierbayes.formula.syntax import Formula, Group, Part, Term


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
            return show_expression(node)


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
    offsets = (show_expression(Call("offset", (offset,))) for offset in formula.offsets)
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
    shown = show_expression(formula.response)
    if formula.trials is not None:
        return f"{shown} | trials({show_expression(formula.trials)})"
    return shown if formula.se is None else f"{shown} | se({show_expression(formula.se)})"


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


def fill_dots(text: str, old: Formula) -> str:
    """Return a formula in which each lone dot is replaced by what stood on that side of the old one.

    Parameters
    ----------
    text : str
        ``". ~ . + x"``, ``"log(y) ~ ."``, ``"~ . - x"`` (an empty left side stands for the old one), or a formula
        without dots, which comes back as it is.
    old : Formula

    Raises
    ------
    FormulaError
        If a dot is multiplied, crossed or nested, for what it stands for is a sum.

    Examples
    --------
    >>> from hierbayes.formula import parse
    >>> old = parse("Reaction ~ Days + (Days | Subject)")
    >>> fill_dots(". ~ . + log(Days)", old)
    'Reaction ~ 1 + Days + (1 + Days | Subject) + log(Days)'
    >>> fill_dots("log(.) ~ .", old)
    'log(Reaction) ~ 1 + Days + (1 + Days | Subject)'
    """
    tokens = scan(text, FORMULA)
    tilde = next((i for i, token in enumerate(tokens) if token.is_operator("~")), None)
    if tilde is None:
        return text
    left = left_side(old)
    right = old.canonical.removeprefix(f"{left} ~ ")
    pieces = [f"{left} "] if tilde == 0 else []
    position = 0
    for i, token in enumerate(tokens):
        if token.kind is Kind.NAME and token.value == ".":
            if i > tilde:
                _check_summand(text, tokens, i)
            pieces += [text[position : token.span.start], left if i < tilde else right]
            position = token.span.stop
    return "".join([*pieces, text[position:]])


def _check_summand(text: str, tokens: tuple[Token, ...], i: int) -> None:
    """Refuse a dot that is not a summand of the right side by itself."""
    before, after = tokens[i - 1], tokens[i + 1]
    if before.is_operator("~", "+") and (after.is_operator("+", "-") or after.kind is Kind.END) and _outside(tokens, i):
        return
    what = "this dot stands for all that the old formula has on its right side, which can only be added to"
    hint = "Write '. ~ . + x' or '. ~ . - x', or write the formula out."
    raise FormulaError(what, text, tokens[i].span.start, tokens[i].span.stop, hint)


def _outside(tokens: tuple[Token, ...], i: int) -> bool:
    depth = 0
    for token in tokens[:i]:
        depth += token.is_operator("(", "[") - token.is_operator(")", "]")
    return depth == 0
