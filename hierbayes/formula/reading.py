"""From the text of a formula to a `Formula`."""

from __future__ import annotations

from hierbayes.errors import FormulaError
from hierbayes.formula.checks import check_name
from hierbayes.formula.expand import Collected, expand_side
from hierbayes.formula.parser import read_side
from hierbayes.formula.refusals import RESPONSE
from hierbayes.formula.scanner import Kind, Token
from hierbayes.formula.stream import Stream
from hierbayes.formula.syntax import Call, Expression, Formula, Name
from hierbayes.formula.tree import Bar, Node

EXAMPLE = "Write response ~ terms, as in Reaction ~ Days + (Days | Subject)."
NO_RESPONSE = ("poly", "bs", "C", "offset")


def parse(text: str) -> Formula:
    """Read a formula.

    Parameters
    ----------
    text : str
        The formula in the notation of lme4.

    Returns
    -------
    Formula
        The response, the population-level part, the group-level terms and the offsets, every operator expanded.

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
    stream = Stream(text)
    check_tilde(stream)
    response = read_response(stream)
    tilde = stream.take()
    if stream.current.kind is Kind.END:
        raise stream.error("nothing stands right of ~", tilde.span, "Write y ~ 1 for an intercept alone.")
    right = expand_side(stream, read_side(stream))
    check_something(stream, right, tilde)
    return Formula(text, response, right.part, tuple(right.groups), tuple(right.offsets))


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


def read_response(stream: Stream) -> Expression:
    """Read the left side: a column, or an allowed function of columns."""
    if stream.current.kind is Kind.NAME and stream.following.is_operator("~"):
        check_name(stream, stream.current)
    tree = read_side(stream)
    if not stream.sees("~"):
        raise stream.error("`~` cannot stand here", stream.current.span, EXAMPLE)
    if isinstance(tree, Name) or (isinstance(tree, Call) and tree.function not in NO_RESPONSE):
        return tree
    raise response_error(stream, tree)


def response_error(stream: Stream, tree: Node) -> FormulaError:
    """Return the error for a left side that is not available as a response."""
    source = stream.source(tree.span)
    if isinstance(tree, Call):
        return stream.error(f"{tree.function}() cannot be the response", tree.span, RESPONSE)
    if isinstance(tree, Bar):
        return stream.error("a bar in the response is not available", tree.span, RESPONSE)
    hint = f"{RESPONSE} Write I(...) around arithmetic."
    return stream.error(f"the response {source} is neither a column nor a function of one", tree.span, hint)


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
