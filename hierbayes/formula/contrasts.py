"""The arguments of `C()`: every spelling of a contrast brought to one form.

What comes out is ``C(x)`` with the keywords ``contrast`` (``treatment``, ``sum``, ``helmert`` or ``poly``),
``reference`` and ``levels``, each only if given. So the word for a contrast is never taken for a column.
"""

from __future__ import annotations

from hierbayes.expressions.stream import Stream
from hierbayes.expressions.syntax import Call, Expression, Name, Number, Sequence, Text
from hierbayes.formula.names import suggest

CONTRASTS = ("treatment", "sum", "helmert", "poly")
SPELLINGS: dict[str, str] = {
    spelling: contrast for contrast in CONTRASTS for spelling in (contrast, contrast.capitalize(), f"contr.{contrast}")
} | {"Polynomial": "poly", "polynomial": "poly"}
KEYWORDS = {
    "contrast": "contrast",
    "contr": "contrast",
    "contrasts": "contrast",
    "levels": "levels",
    "reference": "reference",
    "ref": "reference",
}
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
            raise stream.error(
                f"{call.function}() has no argument {keyword!r}", value.span, f"It takes {', '.join(ORDER)}."
            )
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
        raise stream.error(
            "only the treatment contrast has a reference", found["reference"].span, 'Write C(x, Treatment("B")).'
        )


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
