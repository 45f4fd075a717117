"""The response of a model as numbers: what each family takes, and what it refuses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hierbayes.design.categories import numbers_of
from hierbayes.design.stateful import States
from hierbayes.design.table import Categorical, Column, Floats, Ints
from hierbayes.design.terms import evaluate_numeric
from hierbayes.errors import DataError, warn
from hierbayes.expressions.syntax import Expression, Name
from hierbayes.families import Family, Values
from hierbayes.formula import Formula, show

"""Families whose likelihood has no bound where all responses are one number."""


@dataclass(frozen=True)
class Response:
    """The response as it was read.

    Attributes
    ----------
    y : array, shape (n,)
        0 and 1 for ``bernoulli``, the number of successes for ``binomial``, numbers of categories, 1 to K, for
        ``ordinal`` and ``categorical``.
    trials : array, shape (n,), or None
        Number of trials of each row.
    levels : tuple of str
        Where the response is a column of two texts, the one that stands for 0 and the one that stands for 1; all
        categories of an ordinal response, the lowest first, or of a categorical one, the reference first.
    """

    y: Floats
    trials: Floats | None = None
    levels: tuple[str, ...] = ()


def read_response(
    formula: Formula,
    values: Values,
    columns: Mapping[str, Column],
    rows: Ints,
    states: States,
    levels: tuple[str, ...] = (),
) -> Response:
    """Return the response.

    Parameters
    ----------
    formula : Formula
    values : str
        What the family takes, `hierbayes.families.Family.values`.
    columns : mapping of str to Column
    rows : array of int, shape (n,)
        Positions of the rows in the user's data, for errors.
    states : States
    levels : tuple of str
        Those of the fit, for new data; by default those that the column has.

    Raises
    ------
    DataError
        If a value is not one that the family takes; row and value are named.
    """
    n, shown = len(rows), show(formula.response)
    column = columns.get(formula.response.name) if isinstance(formula.response, Name) else None
    if values == "binary" and isinstance(column, Categorical) and column.kind != "boolean":
        return _of_levels(column, rows, levels)
    if values in ("ordered", "unordered"):
        return _categories(formula.response, values, column, columns, rows, states, levels)
    _refuse_text(column, values, shown)
    y = evaluate_numeric(formula.response, columns, n, "response", states)
    if formula.trials is not None:
        trials = read_trials(formula.trials, columns, rows, states)
        _check_successes(y, trials, shown, show(formula.trials), rows)
        return Response(y, trials)
    _check_values(y, values, shown, rows)
    return Response(y)


def _categories(
    response: Expression,
    values: Values,
    column: Column | None,
    columns: Mapping[str, Column],
    rows: Ints,
    states: States,
    levels: tuple[str, ...],
) -> Response:
    """Return the numbers of the categories of an ordinal or categorical response."""
    named = isinstance(column, Categorical)
    y = None if named else evaluate_numeric(response, columns, len(rows), "response", states)
    numbers, categories = numbers_of(values, column, y, rows, show(response), levels)
    return Response(numbers, None, categories)


def _refuse_text(column: Column | None, values: Values, shown: str) -> None:
    """Say what to do with a response of two texts where the family takes numbers."""
    if isinstance(column, Categorical) and column.kind != "boolean" and len(column.levels) == 2:
        raise DataError(
            f"the response {shown!r} must be numeric, but the column holds text or categories",
            f'it has two levels: family="bernoulli" models the probability of the second, {column.levels[1]!r}'
            if values != "binomial"
            else "successes and trials are counts",
        )


def _of_levels(column: Categorical, rows: Ints, levels: tuple[str, ...]) -> Response:
    """Return 1 where the column has the second level, as R does."""
    if not levels and len(column.levels) != 2:
        few = ", ".join(map(repr, column.levels[:5])) + (", ..." if len(column.levels) > 5 else "")
        many = f"{len(column.levels)} levels ({few})" if len(column.levels) > 1 else f"one level ({few})"
        raise DataError(
            f"the response {column.name!r} has {many}; the bernoulli family takes two",
            f'write I({column.name} == "{column.levels[0]}") for one of them against the rest',
        )
    levels = levels or column.levels
    code = np.asarray([levels.index(level) if level in levels else -1 for level in column.levels])[column.codes]
    unseen = np.flatnonzero(code < 0)
    if unseen.size:
        level = column.levels[column.codes[unseen[0]]]
        raise DataError(
            f"the response {column.name!r} has the level {level!r} in row {int(rows[unseen[0]])} (counting from 0), "
            "which the fit has not seen",
            f"its levels are: {', '.join(levels)}",
        )
    return Response(code.astype(np.float64), None, tuple(levels))


def read_trials(trials: Expression, columns: Mapping[str, Column], rows: Ints, states: States) -> Floats:
    """Return the number of trials of each row.

    Raises
    ------
    DataError
        If one is not a whole number above 0.
    """
    found = evaluate_numeric(trials, columns, len(rows), "number of trials", states)
    bad = (found < 1) | (found != np.floor(found))
    if bad.any():
        i = int(np.argmax(bad))
        raise DataError(
            f"the number of trials {show(trials)!r} is {found[i]:g} in row {int(rows[i])} (counting from 0); "
            "it must be a whole number, 1 or more",
            "leave rows without trials out of the data: they say nothing" if found[i] == 0 else None,
        )
    return found


def _check_successes(y: Floats, trials: Floats, shown: str, of: str, rows: Ints) -> None:
    wrong = (y < 0) | (y != np.floor(y))
    if wrong.any():
        i = int(np.argmax(wrong))
        share = bool(np.all((y >= 0) & (y <= 1)))
        raise DataError(
            f"the number of successes {shown!r} is {y[i]:g} in row {int(rows[i])} (counting from 0); "
            "it must be a whole number, 0 or more",
            f"these look like shares: the successes are {shown} times the trials" if share else None,
        )
    wrong = y > trials
    if wrong.any():
        i = int(np.argmax(wrong))
        raise DataError(
            f"{shown!r} is {y[i]:g} in row {int(rows[i])} (counting from 0), more than its {trials[i]:g} trials ({of})",
            "p() takes successes and trials, cbind() successes and failures",
        )


def _outside(y: Floats, values: Values) -> NDArray[np.bool_]:
    """Return where a response is not one that the family takes."""
    outside: Mapping[str, NDArray[np.bool_]] = {
        "positive": y <= 0,
        "count": (y < 0) | (y != np.floor(y)),
        "binary": (y != 0) & (y != 1),
        "unit": (y <= 0) | (y >= 1),
    }
    return outside.get(values, np.zeros(len(y), dtype=bool))


_TAKES: Mapping[str, str] = {
    "positive": "the family takes numbers above 0",
    "count": "the family takes counts: whole numbers, 0 or more",
    "binary": "the bernoulli family takes 0 and 1, True and False, or two texts",
    "unit": "the beta family takes numbers between 0 and 1, both excluded",
}


def _check_values(y: Floats, values: Values, shown: str, rows: Ints) -> None:
    bad = _outside(y, values)
    if bad.any():
        i = int(np.argmax(bad))
        raise DataError(
            f"the response {shown!r} is {y[i]:g} in row {int(rows[i])} (counting from 0); {_TAKES[values]}",
            _advice(y, values, shown),
        )


def _advice(y: Floats, values: Values, shown: str) -> str | None:
    """Return what to do about a response that the family does not take."""
    whole, shares = bool(np.all(y == np.floor(y))), bool(np.all((y >= 0) & (y <= 1)))
    found = np.unique(y)
    if values == "binary":
        if len(found) == 2:
            return f"it has two values: write I({shown} == {found[1]:g})"
        if shares:
            return 'shares of counted trials: p(successes, trials) with family="binomial"; other shares: family="beta"'
        counts = 'counts: family="poisson", or p(successes, trials) with family="binomial"'
        return counts if whole and y.min() >= 0 else 'numbers: family="gaussian"'
    if values == "count":
        if y.min() < 0:
            return 'family="gaussian" takes any number'
        return "a rate is a count over an exposure: model the count, with offset(log(exposure))"
    if values == "positive":
        return 'family="gaussian" takes any number' + ("" if y.min() < 0 else "; for counts there is poisson")
    if shares:
        return 'shares of counted trials, 0 and 1 included: p(successes, trials) with family="binomial"'
    return "percentages: divide by 100" if y.min() > 0 and y.max() < 100 else None


def check_spread(y: Floats, response: Response, family: Family, shown: str) -> None:
    """Refuse or warn of a response that does not vary, or not within the reach of numbers.

    Parameters
    ----------
    y : array, shape (n,)
        The response on the scale of the family's location: its logarithm for the log-normal families.
    response : Response
    family : Family
    shown : str
        The response as it is written.

    Raises
    ------
    DataError
        If it is the same in every row and the family would find the spread 0, or its square overflows.
    """
    if family.whole:
        _warn_of_bound(response, family, shown)
        return
    if np.ptp(y) == 0:
        raise DataError(
            f"the response {shown!r} is the same in every row ({response.y[0]:g})",
            "look at the column, and at how the rows were chosen",
        )
    with np.errstate(over="ignore"):
        spread = float(np.var(y))
    if not np.isfinite(spread) or spread == 0:
        raise DataError(
            f"the response {shown!r} is of a size that overflows or underflows when squared",
            "change its unit, so that its values are nearer to 1",
        )


def _warn_of_bound(response: Response, family: Family, shown: str) -> None:
    """Warn where all responses lie on the bound of what they may be: the likelihood then has no maximum."""
    low, high = family.range(response.trials)
    at_bottom = low is not None and bool(np.all(response.y == low))
    at_top = high is not None and bool(np.all(response.y == high))
    if at_bottom or at_top:
        what = "the number of trials" if at_top and response.trials is not None else f"{response.y[0]:g}"
        warn(
            f"the response {shown!r} is {what} in every row in use: only the priors keep the intercept from "
            f"{'infinity' if at_top else 'minus infinity'}"
        )
