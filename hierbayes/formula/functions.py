"""The functions that a formula may call, and what each takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from hierbayes.formula.syntax import Expression, Number, Sequence, Text, Unary


@dataclass(frozen=True)
class Function:
    """What an allowed function takes.

    Attributes
    ----------
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


ONE_ARGUMENT = (
    *("log", "log1p", "log2", "log10", "exp", "expm1", "sqrt", "abs", "sin", "cos", "tan", "tanh"),
    *("floor", "ceiling", "scale", "standardize", "center", "I", "offset"),
)
MOST_COMPARED = 20
MOST_GROUPS = 5
"""Columns that ``ave()`` takes the combinations of."""
SPLINE = (
    ("df", "count"),
    ("knots", "numbers"),
    ("degree", "whole"),
    ("intercept", "flag"),
    ("lower_bound", "number"),
    ("upper_bound", "number"),
)
CATEGORICAL = (("contrast", "contrast"), ("levels", "levels"), ("reference", "level"))

FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {
        **{name: Function() for name in ONE_ARGUMENT},
        "pmax": Function(expressions=(2, MOST_COMPARED)),
        "pmin": Function(expressions=(2, MOST_COMPARED)),
        "ifelse": Function(expressions=(3, 3)),
        "ave": Function(expressions=(2, MOST_GROUPS + 1)),
        "round": Function((("digits", "whole"),)),
        "poly": Function((("degree", "count"), ("raw", "flag")), columns=True),
        "bs": Function(SPLINE, one_of=("df", "knots"), columns=True),
        "C": Function(CATEGORICAL, columns=True),
        "factor": Function(CATEGORICAL, columns=True),
    }
)

KINDS = {
    "count": "a whole number, 1 or more",
    "whole": "a whole number that is not negative",
    "number": "a number",
    "numbers": "a list of numbers, as in [1, 2.5]",
    "flag": "True or False",
}


def is_kind(value: Expression, kind: str) -> bool:
    """Whether a constant is of the kind that an argument takes. `None` stands for an argument that is not given."""
    if isinstance(value, Text):
        return value.value is None or (kind == "flag" and isinstance(value.value, bool))
    if kind == "numbers":
        return isinstance(value, Sequence) and all(is_kind(item, "number") for item in value.items)
    if kind == "number" and isinstance(value, Unary):
        return is_kind(value.operand, "number")
    if not isinstance(value, Number):
        return False
    if kind == "number":
        return True
    return value.value.is_integer() and (kind == "whole" or (kind == "count" and value.value >= 1))
