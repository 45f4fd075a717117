"""What a name, a function and its arguments may be."""

from __future__ import annotations

from hierbayes.expressions.functions import FUNCTIONS, KINDS, Function, is_kind
from hierbayes.expressions.scanner import Kind, Token
from hierbayes.expressions.stream import Stream
from hierbayes.expressions.syntax import Binary, Call, Expression, Name, Sequence, Text, Unary
from hierbayes.formula.names import suggest
from hierbayes.formula.refusals import FUNCTIONS as REFUSED

COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
GROUPS = "Write the columns alone: ave(x, g), or ave(x, g, h) for the combinations of two."


def check_name(stream: Stream, token: Token) -> None:
    """Refuse names that stand for something else in other languages."""
    if token.kind is not Kind.NAME:
        return
    if token.value.strip(".") == "":
        what = f"'{stream.source(token.span)}' is not available"
        raise stream.error(what, token.span, "Name the columns: y ~ a + b.")
    if token.value == "lambda" and stream.following.kind is Kind.NAME:
        raise stream.error("a lambda is not available", token.span, REFUSED["lambda"][1])


def check_function(stream: Stream, token: Token, within: list[str]) -> None:
    """Refuse a function that is not on the allow-list, or that cannot stand inside another."""
    name = token.value
    if within and within[-1] == "ave" and name in ("C", "factor", "as.factor", "as.character", "interaction"):
        raise stream.error(f"{name}() is not needed inside ave()", token.span, GROUPS)
    if name in FUNCTIONS:
        if within and (FUNCTIONS[name].columns or name == "offset"):
            raise stream.error(
                f"{name}() cannot stand inside {within[-1]}()", token.span, f"Write {name}() as a term of its own."
            )
        return
    if name in REFUSED:
        what, hint = REFUSED[name]
        raise stream.error(what, token.span, hint)
    last = name.rpartition(".")[2]
    if last != name and last in FUNCTIONS:
        raise stream.error(f"{name}() is not an allowed function", token.span, f"Write {last}(x).")
    nearest = suggest(name, FUNCTIONS)
    allowed = f"The allowed functions are {', '.join(FUNCTIONS)}."
    hint = allowed if nearest is None else f"Did you mean {nearest}()? {allowed}"
    raise stream.error(f"{name}() is not an allowed function", token.span, hint)


def check_arguments(stream: Stream, call: Call, function: Function) -> None:
    """Check the arguments of a call against what the function takes."""
    name = call.function
    if not call.args:
        raise stream.error(f"{name}() lacks its first argument, a column", call.span, f"Write {name}(x).")
    least, most = function.expressions
    if len(call.args) < least:
        example = {"ifelse": "ifelse(x > 0, 1, 0)", "ave": "ave(x, g)"}.get(name, f"{name}(x, 0)")
        raise stream.error(f"{name}() takes {least} arguments", call.span, f"Write {example}.")
    if len(call.args) > function.most:
        takes = "one argument" if function.most == 1 else f"at most {function.most} arguments"
        raise stream.error(f"{name}() takes {takes}", call.args[function.most].span)
    for expression in call.args[:most]:
        check_text(stream, expression, compared=False)
    kinds = dict(function.arguments)
    given = list(zip(function.keywords, call.args[most:], strict=False))
    if name == "ave":
        _check_groups(stream, call)
    for keyword, value in call.kwargs:
        if keyword not in kinds:
            takes = f"{name}() takes {', '.join(kinds)}." if kinds else f"{name}() takes a column only."
            raise stream.error(f"{name}() has no argument {keyword!r}", value.span, takes)
        if keyword in dict(given):
            raise stream.error(f"{name}() is given {keyword} twice", value.span)
        given.append((keyword, value))
    for keyword, value in given:
        if not is_kind(value, kinds[keyword]):
            raise stream.error(f"{keyword} of {name}() must be {KINDS[kinds[keyword]]}", value.span)
    if function.one_of and not {keyword for keyword, _ in given} & set(function.one_of):
        raise stream.error(f"{name}() lacks {' or '.join(function.one_of)}", call.span, f"Write {name}(x, 5).")


def _check_groups(stream: Stream, call: Call) -> None:
    """Refuse groups of ``ave()`` that are no columns, and a summary that is not the mean."""
    for keyword, value in call.kwargs:
        if keyword in ("FUN", "na.rm"):
            hint = (
                "It is the mean. Put another summary into the data as a column, "
                'data["m"] = data.groupby("g")["x"].transform("median"), and name it.'
            )
            raise stream.error(f"ave() takes no {keyword}", value.span, hint)
    for group in call.args[1:]:
        if not isinstance(group, Name):
            raise stream.error("ave() takes the mean within levels of columns, and this is none", group.span, GROUPS)


def check_text(stream: Stream, expression: Expression, compared: bool) -> None:
    """Refuse lists in arithmetic, and text that is not compared with anything."""
    match expression:
        case Text(span=span) if not compared:
            raise stream.error("text cannot be reckoned with", span, 'Compare it: I(g == "a").')
        case Sequence(span=span):
            raise stream.error("a list cannot be reckoned with", span)
        case Unary(operand=operand):
            check_text(stream, operand, compared=False)
        case Binary(operator=operator, left=left, right=right):
            check_text(stream, left, compared=operator in COMPARISONS)
            check_text(stream, right, compared=operator in COMPARISONS)
        case _:
            return
