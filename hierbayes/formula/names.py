"""The nearest name to one that is not known, and the error that marks it in the formula."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable

from hierbayes.errors import FormulaError
from hierbayes.expressions.syntax import Span, names_in
from hierbayes.formula.syntax import Formula

MOST_LISTED = 10


def suggest(name: str, candidates: Iterable[object]) -> str | None:
    """Return the candidate nearest to `name`, or None when none is near.

    Parameters
    ----------
    name : str
        The name that is not known.
    candidates : iterable
        The names that are; each is taken as text.

    Examples
    --------
    >>> suggest("dayz", ["Days", "Subject"])
    'Days'
    >>> suggest("temperature", ["Days", "Subject"]) is None
    True
    """
    lowered: dict[str, str] = {}
    for candidate in candidates:
        lowered.setdefault(str(candidate).lower(), str(candidate))
    nearest = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.6)
    return lowered[nearest[0]] if nearest else None


def column_error(formula: Formula, name: str, available: Iterable[object]) -> FormulaError:
    """Return the error for a column that the data does not have, marked where the formula first names it.

    Parameters
    ----------
    formula : Formula
        The formula that names the column.
    name : str
        The column that is missing.
    available : iterable
        The columns of the data.

    Returns
    -------
    FormulaError
        To be raised by the caller.

    Examples
    --------
    >>> from hierbayes.formula import parse
    >>> print(column_error(parse("y ~ dayz"), "dayz", ["y", "Days"]))
    the data has no column 'dayz'
        y ~ dayz
            ^^^^
    Did you mean 'Days'?
    """
    columns = [str(column) for column in available]
    nearest = suggest(name, columns)
    hint = f"Did you mean {nearest!r}?" if nearest is not None else listed(columns)
    if (twin := twin_of(name, columns)) is not None:
        hint = f"It has {twin!a}, which looks like {name!a} and is made of other characters: rename the column."
    what = f"the data has no column {name!r}"
    return formula.error(what, find_column(formula, name), hint)


def index_error(formula: Formula, name: str) -> FormulaError:
    """Return the error for a name that is the index of the data, and no column."""
    what = f"{name!r} is the index of the data, and no column"
    return formula.error(what, find_column(formula, name), "Make it a column: data.reset_index().")


def twin_of(name: str, columns: Iterable[str]) -> str | None:
    """Return a column that looks the same and is made of other characters, such as an accent of its own.

    Examples
    --------
    >>> twin_of("\u00e9", ["x", "e\u0301"]) == "e\u0301"
    True
    >>> twin_of("x", ["X"]) is None
    True
    """
    composed = unicodedata.normalize("NFKC", name)
    return next((each for each in columns if each != name and unicodedata.normalize("NFKC", each) == composed), None)


def listed(columns: list[str]) -> str:
    """Return the columns of the data in words."""
    more = ", ..." if len(columns) > MOST_LISTED else "."
    return f"The data has {', '.join(columns[:MOST_LISTED])}{more}" if columns else "The data has no columns."


def find_column(formula: Formula, name: str) -> Span | None:
    """Return the first place in the text that names a column, None if no place is known."""
    places = [node.span for each in formula.expressions() for node in names_in(each) if node.name == name]
    for group in formula.groups:
        places += [place for column, place in zip(group.factor, group.places, strict=False) if column == name]
    return min((place for place in places if place.stop > place.start), key=lambda place: place.start, default=None)
