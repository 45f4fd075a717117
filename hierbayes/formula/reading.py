"""From the text of a formula to a `Formula`."""

from __future__ import annotations

from hierbayes.errors import FormulaError
from hierbayes.expressions.scanner import Kind, Token
from hierbayes.expressions.stream import Stream
from hierbayes.formula.expand import Collected, expand_side
from hierbayes.formula.parser import read_side
from hierbayes.formula.refusals import FORMULA
from hierbayes.formula.response import EXAMPLE, read_response
from hierbayes.formula.syntax import Formula
from hierbayes.formula.tree import Bar


def parse(text: str) -> Formula:
    """Read a formula.

    Parameters
    ----------
    text : str
        The formula in the notation of lme4.

    Returns
    -------
    Formula
        The response with its trials or standard errors, the population-level part, the group-level terms and the
        offsets, every operator expanded.

    Raises
    ------
    FormulaError
        If the text is not a formula, or asks for what is not available. The message marks the place.

    Examples
    --------
    >>> formula = parse("Reaction ~ Days + (Days | Subject)")
    >>> formula.canonical
    'Reaction ~ 1 + Days + (1 + Days | Subject)'
    >>> formula.groups[0].label
    'Subject'
    >>> parse("cbind(k, n - k) ~ x + (1 | g)").canonical
    'k | trials(n) ~ 1 + x + (1 | g)'
    """
    if not isinstance(text, str):
        raise FormulaError(f"a formula is text, not {type(text).__name__}", hint=EXAMPLE)
    if not text.strip():
        raise FormulaError("the formula is empty", hint=EXAMPLE)
    try:
        return read(str(text))
    except RecursionError:
        # Nesting is limited, but a caller deep in its own calls may have little of the stack left.
        raise FormulaError("the formula is nested too deep", text, hint="Use fewer brackets.") from None


def read(text: str) -> Formula:
    """Read a text that is not empty."""
    stream = Stream(text, FORMULA)
    check_tilde(stream)
    response = read_response(stream)
    tilde = stream.take()
    if stream.current.kind is Kind.END:
        raise stream.error("nothing stands right of ~", tilde.span, "Write y ~ 1 for an intercept alone.")
    side = read_side(stream)
    right = expand_side(stream, side)
    check_something(stream, right, tilde)
    return Formula(
        text,
        response.value,
        right.part,
        tuple(right.groups),
        tuple(right.offsets),
        trials=response.trials,
        se=response.se,
        bare=isinstance(side, Bar) and side.bare,
    )


def check_tilde(stream: Stream) -> None:
    """Refuse a formula that has no ``~``, or two, or no response."""
    tildes = [token for token in stream.tokens if token.is_operator("~")]
    if not tildes:
        second = stream.following
        if second.is_operator("=", "==", "<"):
            raise stream.error("the formula has no ~", second.span, "Write ~ here.")
        raise FormulaError("the formula has no ~", stream.text, 0, len(stream.text.rstrip()), EXAMPLE)
    if len(tildes) > 1:
        raise stream.error("the formula has a second ~", tildes[1].span, "Write one formula, with one response.")
    if stream.sees("~"):
        raise stream.error("nothing stands left of ~", tildes[0].span, EXAMPLE)


def check_something(stream: Stream, right: Collected, tilde: Token) -> None:
    """Refuse a right side without any column."""
    if right.intercept or right.terms or right.groups:
        return
    place = stream.tokens[-2].span
    raise FormulaError(
        "the formula has no coefficient left",
        stream.text,
        tilde.span.stop + (stream.text[tilde.span.stop] == " "),
        place.stop,
        "Write y ~ 1, or name a column.",
    )
