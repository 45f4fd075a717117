"""Formulas written by their difference from another: ``. ~ . + x``, as in R's ``update``."""

from __future__ import annotations

from hierbayes.errors import FormulaError
from hierbayes.expressions.scanner import Kind, Token, scan
from hierbayes.formula.printing import left_side
from hierbayes.formula.refusals import FORMULA
from hierbayes.formula.syntax import Formula


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
