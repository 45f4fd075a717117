"""What can be said of a formula and the columns of the data before any value is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from hierbayes.design.table import Categorical, Column
from hierbayes.errors import DataError, FormulaError, warn
from hierbayes.expressions.syntax import Call, Name, Number, Span, names_in, walk
from hierbayes.formula import Formula, column_error, index_error, show, suggest, with_population
from hierbayes.formula.roles import coded_columns
from hierbayes.spec import ModelSpec


def check_column_names(wanted: Sequence[str], columns: Iterable[object]) -> None:
    """Refuse a table that has a column only under a name that is no text.

    Raises
    ------
    DataError
        The name is given.
    """
    names = list(columns)
    for name in wanted:
        for other in names:
            if name not in names and not isinstance(other, str) and _reads_as(name, other):
                raise DataError(
                    f"the formula names the column {name!r}, but in the data that name is no text: it is {other!r}, "
                    f"of type {type(other).__name__}",
                    "give the columns names that are text: data.columns = [...]",
                )


def _reads_as(name: str, other: object) -> bool:
    return name in map(str, other) if isinstance(other, tuple) else str(other) == name


def check_formula(spec: ModelSpec, available: Sequence[str], index: Sequence[object] = ()) -> None:
    """Check that every column exists and plays one part only; `index` names the levels of the frame's index.

    Raises
    ------
    FormulaError
        If the formula names a column that is not there, explains the response by itself, or lets a column vary by its
        own levels; the place is marked.
    DataError
        If `weights` or `contrasts` names a column that is not there or not in use.
    """
    formula = spec.formula
    for name in formula.columns:
        if name not in available:
            raise index_error(formula, name) if name in index else column_error(formula, name, available)
    _check_pi(formula, available)
    if "Intercept" in formula.columns:
        hint = "rename the column"
        raise FormulaError("a column called 'Intercept' would be mixed up with the model's intercept", hint=hint)
    _check_options(spec, available)
    _check_response(formula)
    _check_own_levels(formula)
    _check_factor_names(formula)


def _check_pi(formula: Formula, available: Sequence[str]) -> None:
    """Refuse ``pi`` inside a call where the data have a column of that name too."""
    places = [node.span for each in formula.expressions() for node in walk(each) if isinstance(node, Number)]
    for place in places:
        if "pi" in available and formula.text[place.start : place.stop] == "pi":
            what = "inside a call pi is the number 3.14159..., and the data have a column of that name"
            hint = "write `pi` between backquotes for the column, or 3.141592653589793 for the number"
            raise formula.error(what, place, hint)


def _check_options(spec: ModelSpec, available: Sequence[str]) -> None:
    given = [("weights", spec.weights)] if spec.weights is not None else []
    for role, name in (*given, *(("contrasts", name) for name in spec.contrasts)):
        if name not in available:
            nearest = suggest(name, available)
            hint = f"did you mean {nearest!r}?" if nearest else f"columns: {', '.join(available[:20])}"
            raise DataError(f"{role} names the column {name!r}, which the data do not have", hint)
    coded = coded_columns(spec.formula)
    for name in spec.contrasts:
        if name not in spec.formula.columns:
            raise DataError(f"contrasts names the column {name!r}, which the formula does not use", "leave it out")
        if name not in coded:
            raise DataError(_not_coded(spec.formula, name), "leave it out of contrasts")


def _not_coded(formula: Formula, name: str) -> str:
    """Say why a coding of a column would change nothing."""
    if any(name in group.factor for group in formula.groups):
        return (
            f"contrasts names the column {name!r}, which the formula uses as a grouping factor only: its levels have "
            "effects of their own, without a coding"
        )
    return f"contrasts names the column {name!r}, which is no term of the formula and has no coding there"


def warn_of_bare_bar(formula: Formula) -> None:
    """Warn that a bar without parentheses leaves the population an intercept, where something else varies.

    Warns
    -----
    HierBayesWarning
        Says what is missing, and how to write the model that has it.
    """
    varying = dict.fromkeys(show(term) for group in formula.groups for term in group.part.terms)
    if not formula.bare or not varying:
        return
    named = ", ".join(varying)
    warn(
        f"{formula.text!r} means {formula.canonical!r}, as in lme4: without parentheses all that stands left of the "
        f"bar varies, and the population part is an intercept, so that the effects of {named} vary around 0. For "
        f"population-level effects of {named} write {with_population(formula)!r}"
    )


def check_contrasts(spec: ModelSpec, columns: Sequence[Column]) -> None:
    """Refuse a contrast for a column that is used as a number.

    Raises
    ------
    DataError
        The column is named.
    """
    coded = {
        expression.args[0].name
        for expression in spec.formula.expressions()
        if isinstance(expression, Call) and expression.function == "C" and isinstance(expression.args[0], Name)
    }
    for column in columns:
        if column.name in spec.contrasts and not isinstance(column, Categorical) and column.name not in coded:
            raise DataError(
                f"contrasts names the column {column.name!r}, which is numeric",
                f"write C({column.name}) in the formula to make it categorical",
            )


def _check_response(formula: Formula) -> None:
    """Refuse the response on the right side; a response of several columns may share one of them with it."""
    read = {name.name for name in names_in(formula.response)}
    if len(read) != 1:
        return
    (response,) = read
    for name, place in _right_side(formula):
        if name == response:
            what = f"the response {response!r} stands on the right side too, where it would explain itself"
            raise formula.error(what, place, "leave it out there")


def _right_side(formula: Formula) -> Iterator[tuple[str, Span]]:
    for expression in formula.right():
        for node in names_in(expression):
            yield node.name, node.span
    for group in formula.groups:
        yield from zip(group.factor, group.places, strict=True)


def _check_own_levels(formula: Formula) -> None:
    for group in formula.groups:
        alone = len(group.part.terms) + int(group.part.intercept) == 1
        for term in group.part.terms:
            (first, *more) = term.atoms
            if isinstance(first, Name) and not more and first.name in group.factor and not alone:
                raise formula.error(
                    f"{first.name!r} does not change within a level of {group.label!r}, so what it adds there "
                    "cannot be told from the intercept",
                    group.span,
                    f"leave it out left of the bar: (1 | {group.label})",
                )


def _check_factor_names(formula: Formula) -> None:
    seen: dict[str, tuple[str, ...]] = {}
    for group in formula.groups:
        if seen.setdefault(group.label, group.factor) != group.factor:
            what = f"a column and an interaction of columns are both called {group.label!r}"
            raise formula.error(what, group.span, "rename the column")
