"""From the text of a formula to a `Formula`; the left side with its trials or standard errors where it has them."""

from __future__ import annotations

from dataclasses import dataclass

from hierbayes.errors import FormulaError
from hierbayes.expressions.scanner import Kind, Stream, Token
from hierbayes.expressions.syntax import Binary, Call, Expression, Name, Number, Span, names_in
from hierbayes.formula.arguments import check_name, check_text
from hierbayes.formula.calls import CallReader
from hierbayes.formula.expand import Collected, expand_side
from hierbayes.formula.parser import Bar, Node, misplaced, read_side, read_sum
from hierbayes.formula.refusals import ADDITIONS, FORMULA, RESPONSE
from hierbayes.formula.syntax import Formula

PAIRS = ("cbind", "p", "prop", "proportion")
ADDED = ("trials", "se")
NO_RESPONSE = ("poly", "bs", "C", "factor", "offset", "ave")
EXAMPLE = "Write response ~ terms, as in Reaction ~ Days + (Days | Subject)."
PAIR_HINTS = {
    "cbind": "Write cbind(successes, failures), as in cbind(k, n - k).",
    "p": "Write p(successes, trials), as in p(k, n).",
}


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
    what = "the formula has no coefficient left"
    hint = "Write y ~ 1, or name a column."
    raise FormulaError(what, stream.text, tilde.span.stop + (stream.text[tilde.span.stop] == " "), place.stop, hint)


@dataclass(frozen=True)
class Response:
    """What stands left of ``~``: see the fields of `Formula` with these names."""

    value: Expression
    trials: Expression | None = None
    se: Expression | None = None


def read_response(stream: Stream) -> Response:
    """Read the left side, up to ``~``.

    Raises
    ------
    FormulaError
        If it is not a column or an allowed function of columns, or carries what a response does not take.
    """
    first = stream.current
    if first.kind is Kind.NAME and stream.following.is_operator("~"):
        check_name(stream, first)
    if first.kind is Kind.NAME and first.value in PAIRS and stream.following.is_operator("("):
        return end(stream, read_pair(stream))
    if stream.sees("|", "||"):
        raise stream.error("nothing stands left of this bar", stream.current.span, RESPONSE)
    tree = read_sum(stream)
    if stream.sees("||"):
        raise stream.error("|| stands right of ~ only", stream.current.span, RESPONSE)
    if not stream.sees("|", "~"):
        raise misplaced(stream) if stream.current.kind is not Kind.END else no_tilde(stream)
    if not isinstance(tree, Name) and not (isinstance(tree, Call) and tree.function not in NO_RESPONSE):
        raise response_error(stream, tree)
    return end(stream, read_addition(stream, tree) if stream.sees("|") else Response(tree))


def end(stream: Stream, response: Response) -> Response:
    """Return the response if ``~`` follows it."""
    if stream.sees("|", "||"):
        raise stream.error("a response has one bar at most", stream.current.span, RESPONSE)
    if stream.sees("+") and (response.trials or response.se):
        what = "a response takes one of trials() and se()"
        raise stream.error(what, stream.current.span, 'Weights stand beside the formula: weights="column".')
    if not stream.sees("~"):
        raise misplaced(stream) if stream.current.kind is not Kind.END else no_tilde(stream)
    return response


def no_tilde(stream: Stream) -> FormulaError:
    """Return the error for a left side that ends without its ``~``, which stands inside parentheses."""
    return stream.error("`~` cannot stand here", stream.current.span, EXAMPLE)


def read_pair(stream: Stream) -> Response:
    """Read ``cbind(successes, failures)`` or ``p(successes, trials)``."""
    name = stream.current.value
    (first, second), span = read_arguments(stream, 2, PAIR_HINTS.get(name, PAIR_HINTS["p"].replace("p(", f"{name}(")))
    if next(names_in(first), None) is None:
        raise stream.error(f"the successes of {name}() name no column", first.span if first.span.stop else span)
    check_whole(stream, second, least=0 if name == "cbind" else 1)
    trials = with_successes(first, second) if name == "cbind" else second
    return Response(first if isinstance(first, Name | Call) else Call("I", (first,), (), first.span), trials)


def with_successes(successes: Expression, failures: Expression) -> Expression:
    """Return the trials of successes and failures: ``n`` where the failures are written ``n - successes``."""
    if isinstance(failures, Binary) and failures.operator == "-" and failures.right == successes:
        return failures.left
    return Binary("+", successes, failures, failures.span)


def read_addition(stream: Stream, value: Expression) -> Response:
    """Read what stands right of the response's bar: ``trials(n)`` or ``se(s)``."""
    bar = stream.take()
    token = stream.current
    if token.kind is not Kind.NAME or not stream.following.is_operator("("):
        what = "right of the response's bar stands trials() or se()"
        raise stream.error(what, token.span if token.span.stop > token.span.start else bar.span, RESPONSE)
    if token.value not in ADDED:
        what, hint = ADDITIONS.get(token.value, (f"{token.value}() cannot stand in a response", RESPONSE))
        raise stream.error(what, token.span, hint)
    name = token.value
    (argument,), _ = read_arguments(stream, 1, f"Write {name}({'n' if name == 'trials' else 's'}).")
    if name == "trials":
        check_whole(stream, argument, least=1)
        return Response(value, trials=argument)
    if isinstance(argument, Number) and not argument.value > 0:
        raise stream.error("a standard error is a number above 0", argument.span)
    return Response(value, se=argument)


def read_arguments(stream: Stream, number: int, hint: str) -> tuple[tuple[Expression, ...], Span]:
    """Read a function of the left side, which takes this number of arguments, and return its place."""
    reader = CallReader(stream)
    token = stream.take()
    reader.within.append(token.value)
    args, kwargs, stop = reader.arguments()
    span = Span(token.span.start, stop)
    if kwargs:
        raise stream.error(f"{token.value}() has no argument {kwargs[0][0]!r}", kwargs[0][1].span, hint)
    if len(args) != number:
        takes = "one argument" if number == 1 else "two arguments"
        raise stream.error(f"{token.value}() takes {takes}, not {len(args)}", span, hint)
    for argument in args:
        check_text(stream, argument)
    return args, span


def check_whole(stream: Stream, argument: Expression, least: int) -> None:
    """Refuse a constant that is no number of trials."""
    if isinstance(argument, Number) and not (argument.value.is_integer() and argument.value >= least):
        raise stream.error(f"a number of trials must be a whole number, {least} or more", argument.span)


def response_error(stream: Stream, tree: Node) -> FormulaError:
    """Return the error for a left side that is not available as a response."""
    source = stream.source(tree.span)
    if isinstance(tree, Call):
        return stream.error(f"{tree.function}() cannot be the response", tree.span, RESPONSE)
    if isinstance(tree, Bar):
        return stream.error("a bar in parentheses cannot be the response", tree.span, RESPONSE)
    hint = f"{RESPONSE} Write I(...) around arithmetic."
    return stream.error(f"the response {source} is neither a column nor a function of one", tree.span, hint)
