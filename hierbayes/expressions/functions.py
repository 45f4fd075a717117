"""The functions that an expression may call: what each takes, and its values. Nothing else is ever called.

A form is written once, for NumPy and PyTensor alike: `xp` is either of the two modules, and a text is a name in both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial, reduce
from types import MappingProxyType
from typing import Any

from hierbayes.errors import ModelError
from hierbayes.expressions.syntax import Expression, Number, Sequence, Text, Unary


@dataclass(frozen=True)
class Function:
    """What an allowed function takes, and its values.

    Attributes
    ----------
    form : str or callable, optional
        How a row's value follows from the arguments: a name in NumPy and PyTensor, or a function of the module and the
        arguments. None where it depends on the column as a whole.
    arguments : tuple of (str, str)
        Name and kind of each argument after the expressions, in order: constants of the kind ``count``,
        ``whole``, ``number``, ``numbers`` or ``flag``.
    expressions : (int, int)
        Least and greatest number of arguments that are expressions of columns; they come first.
    one_of : tuple of str
        Arguments of which at least one must be given.
    columns : bool
        Whether the result may have several columns, so that it stands only as a term of its own or of an interaction.
    """

    form: str | Callable[..., Any] | None = None
    arguments: tuple[tuple[str, str], ...] = ()
    one_of: tuple[str, ...] = ()
    columns: bool = False
    expressions: tuple[int, int] = (1, 1)

    @property
    def most(self) -> int:
        """The greatest number of positional arguments."""
        return self.expressions[1] + len(self.arguments)

    @property
    def keywords(self) -> tuple[str, ...]:
        """The arguments that may be given by name."""
        return tuple(name for name, _ in self.arguments)


def same(xp: Any, x: Any) -> Any:
    """Return the argument, for ``I()``."""
    return x


def denied(xp: Any, condition: Any) -> Any:
    """Return 1 where a condition is 0 or False, as R's ``!`` does."""
    return xp.where(xp.not_equal(condition, 0), 0.0, 1.0)


def chosen(xp: Any, condition: Any, yes: Any, no: Any) -> Any:
    """Return one of two values, for ``ifelse()``."""
    return xp.where(xp.not_equal(condition, 0), yes, no)


def largest(xp: Any, *values: Any) -> Any:
    """Return the largest value of each row."""
    return reduce(xp.maximum, values)


def smallest(xp: Any, *values: Any) -> Any:
    """Return the smallest value of each row."""
    return reduce(xp.minimum, values)


def rounded(xp: Any, x: Any, digits: int = 0) -> Any:
    """Return numbers to so many decimals, halves to the even neighbour."""
    return xp.round(x * 10.0**digits) / 10.0**digits if digits else xp.round(x)


_NAMED = ("log", "log1p", "log2", "log10", "exp", "expm1", "sqrt", "abs", "sin", "cos", "tan", "tanh", "floor")
MOST_COMPARED = 20
MOST_GROUPS = 5
"""Columns that ``ave()`` takes the combinations of."""
SPLINE = (
    *(("df", "count"), ("knots", "numbers"), ("degree", "whole")),
    *(("intercept", "flag"), ("lower_bound", "number"), ("upper_bound", "number")),
)
CATEGORICAL = (("contrast", "contrast"), ("levels", "levels"), ("reference", "level"))

FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {
        **{name: Function(name) for name in _NAMED},
        "ceiling": Function("ceil"),
        **{name: Function() for name in ("scale", "standardize", "center")},
        "I": Function(same),
        "offset": Function(),
        "pmax": Function(largest, expressions=(2, MOST_COMPARED)),
        "pmin": Function(smallest, expressions=(2, MOST_COMPARED)),
        "ifelse": Function(chosen, expressions=(3, 3)),
        "ave": Function(expressions=(2, MOST_GROUPS + 1)),
        "round": Function(rounded, (("digits", "whole"),)),
        "poly": Function(None, (("degree", "count"), ("raw", "flag")), columns=True),
        "bs": Function(None, SPLINE, one_of=("df", "knots"), columns=True),
        "C": Function(None, CATEGORICAL, columns=True),
        "factor": Function(None, CATEGORICAL, columns=True),
    }
)


def row_function(name: str, xp: Any) -> Callable[..., Any]:
    """Return a function of the allow-list for NumPy or PyTensor, `xp`.

    Raises
    ------
    ModelError
        If its values follow from the column as a whole, and not row by row.
    """
    form = FUNCTIONS[name].form
    if form is None:
        raise ModelError(f"{name}() cannot be computed row by row")
    return partial(form, xp) if callable(form) else getattr(xp, form)


KINDS = {
    "count": "a whole number, 1 or more",
    "whole": "a whole number that is not negative",
    "number": "a number",
    "numbers": "a list of numbers, as in [1, 2.5]",
    "flag": "True or False",
}


def is_kind(value: Expression, kind: str) -> bool:
    """Whether a constant is of the kind that an argument takes. `None` stands for an argument that is not given."""
    match value:
        case Text(value=constant):
            return constant is None or (kind == "flag" and isinstance(constant, bool))
        case Sequence(items=items):
            return kind == "numbers" and all(is_kind(item, "number") for item in items)
        case Unary(operand=operand):
            return kind == "number" and is_kind(operand, "number")
        case Number(value=number):
            least = {"whole": -math.inf, "count": 1}.get(kind, math.inf)
            return kind == "number" or (number.is_integer() and number >= least)
    return False
