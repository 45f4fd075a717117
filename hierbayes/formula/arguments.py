"""What a name, a function and its arguments may be.

Every spelling of a contrast in `C()` is brought to one form: ``C(x)`` with the keywords ``contrast`` (``treatment``,
``sum``, ``helmert`` or ``poly``), ``reference`` and ``levels``, each only if given. So the word for a contrast is never
taken for a column.
"""

from __future__ import annotations

from hierbayes.expressions.functions import FUNCTIONS, KINDS, Function, is_kind
from hierbayes.expressions.scanner import Kind, Stream, Token
from hierbayes.expressions.syntax import COMPARISONS, Call, Expression, Name, Number, Sequence, Text, compared, walk
from hierbayes.formula.names import suggest
from hierbayes.formula.refusals import FUNCTIONS as REFUSED

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
            hint = f"Write {name}() as a term of its own."
            raise stream.error(f"{name}() cannot stand inside {within[-1]}()", token.span, hint)
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
        check_text(stream, expression)
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


def check_text(stream: Stream, expression: Expression) -> None:
    """Refuse lists in arithmetic, and text that is not compared with anything."""
    sides = compared(expression, *COMPARISONS)
    for node in walk(expression):
        if isinstance(node, Text) and id(node) not in sides:
            raise stream.error("text cannot be reckoned with", node.span, 'Compare it: I(g == "a").')
        if isinstance(node, Sequence):
            raise stream.error("a list cannot be reckoned with", node.span)


CONTRASTS = ("treatment", "sum", "helmert", "poly")
SPELLINGS: dict[str, str] = {
    spelling: contrast for contrast in CONTRASTS for spelling in (contrast, contrast.capitalize(), f"contr.{contrast}")
} | {"Polynomial": "poly", "polynomial": "poly"}
KEYWORDS = {"levels": "levels"} | dict.fromkeys(("contrast", "contr", "contrasts"), "contrast")
KEYWORDS |= dict.fromkeys(("reference", "ref"), "reference")
ORDER = ("contrast", "reference", "levels")


def categorical(stream: Stream, call: Call) -> Call:
    """Return the one form of a call of `C` or `factor`.

    Raises
    ------
    FormulaError
        If the first argument is not a column, or a contrast is not known.
    """
    if not call.args or not isinstance(call.args[0], Name):
        place = call.args[0].span if call.args else call.span
        hint = f"Write {call.function}(x), or put the derived column into the data."
        raise stream.error(f"{call.function}() takes a column first", place, hint)
    found: dict[str, Expression] = {}
    for value in call.args[1:]:
        add(stream, found, "levels" if isinstance(value, Sequence) else "contrast", value)
    for keyword, value in call.kwargs:
        if keyword not in KEYWORDS:
            hint = f"It takes {', '.join(ORDER)}."
            raise stream.error(f"{call.function}() has no argument {keyword!r}", value.span, hint)
        add(stream, found, KEYWORDS[keyword], value)
    check_reference(stream, found)
    kwargs = tuple((key, found[key]) for key in ORDER if key in found)
    return Call("C", (call.args[0],), kwargs, call.span)


def add(stream: Stream, found: dict[str, Expression], key: str, value: Expression) -> None:
    """Add one argument under its keyword; a contrast such as ``Treatment("B")`` adds the reference too."""
    if key in found:
        raise stream.error(f"{key} is given twice", value.span)
    if key == "levels":
        found[key] = levels(stream, value)
    elif key == "reference":
        found[key] = level(stream, value)
    else:
        found[key] = contrast(stream, value)
        if isinstance(value, Call):
            add_reference(stream, found, value)


def contrast(stream: Stream, value: Expression) -> Text:
    """Return the name of a contrast, from a bare word, a text or a call."""
    match value:
        case Name(name=word) | Text(value=str(word)) | Call(function=word):
            if word in SPELLINGS:
                return Text(SPELLINGS[word], value.span)
            nearest = suggest(word, SPELLINGS)
            hint = f"Did you mean {nearest}? " if nearest else ""
            raise stream.error(f"{word!r} is not a contrast", value.span, f"{hint}Write one of {', '.join(CONTRASTS)}.")
        case _:
            raise stream.error("this is not a contrast", value.span, f"Write one of {', '.join(CONTRASTS)}.")


def add_reference(stream: Stream, found: dict[str, Expression], call: Call) -> None:
    """Add the reference of ``Treatment("B")``; the other contrasts take no argument."""
    values = [*call.args, *(value for key, value in call.kwargs if key in ("reference", "ref"))]
    if len(values) < len(call.args) + len(call.kwargs):
        raise stream.error(f"{call.function}() takes a reference only", call.span, 'Write Treatment("B").')
    if len(values) > 1:
        raise stream.error(f"{call.function}() takes one reference", values[1].span, 'Write Treatment("B").')
    for value in values:
        add(stream, found, "reference", value)


def check_reference(stream: Stream, found: dict[str, Expression]) -> None:
    """Only the treatment contrast has a reference; a reference alone asks for it."""
    if "reference" not in found:
        return
    chosen = found.setdefault("contrast", Text("treatment", found["reference"].span))
    if not isinstance(chosen, Text) or chosen.value != "treatment":
        hint = 'Write C(x, Treatment("B")).'
        raise stream.error("only the treatment contrast has a reference", found["reference"].span, hint)


def levels(stream: Stream, value: Expression) -> Sequence:
    """Return the levels, a list without repeats."""
    if not isinstance(value, Sequence):
        raise stream.error("levels must be a list", value.span, 'Write levels=["a", "b"].')
    for i, item in enumerate(value.items):
        if item in value.items[:i]:
            raise stream.error("this level is listed twice", item.span)
    return value


def level(stream: Stream, value: Expression) -> Expression:
    """Return one level: a text or a number."""
    if isinstance(value, Number | Text) and value != Text(None):
        return value
    raise stream.error("the reference must be a level", value.span, 'Write the level as text: Treatment("B").')
