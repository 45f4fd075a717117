"""Text columns whose levels are numbers, which would become a coefficient for each number."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from hierbayes.design.table import Categorical, Column
from hierbayes.errors import warn
from hierbayes.expressions.syntax import Name
from hierbayes.formula import Formula
from hierbayes.formula.syntax import Atom

_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")
_IDENTIFIER = re.compile(r"[+-]?0\d")
_NEARLY_ALL = 0.9
_FEW_DECIMALS, _FEW_WHOLE = 5, 12
"""Up to so many levels, numbers with a fraction (doses) and whole ones (years, months) may well be meant as levels."""


def warn_of_text_numbers(formula: Formula, columns: Mapping[str, Column]) -> None:
    """Warn where the levels of a text column that a term takes bare are numbers, nearly all of them.

    Not of columns that the data call categorical or the formula puts into ``C()``, of identifiers with leading zeros,
    nor where the levels are so few that they may be meant: 5, or 12 of whole numbers.

    Warns
    -----
    HierBayesWarning
        Names the column, and says how to make it a number, or levels without a warning.
    """
    for name in dict.fromkeys(atom.name for atom in _atoms(formula) if isinstance(atom, Name)):
        column = columns[name]
        if isinstance(column, Categorical) and column.kind == "text" and looks_like_numbers(column.levels):
            warn(_said(name, column.levels))


def looks_like_numbers(levels: Iterable[str]) -> bool:
    """Say whether levels are numbers written as text, rather than a few levels or identifiers that look like some.

    Examples
    --------
    >>> looks_like_numbers([f"{i},5" for i in range(30)]), looks_like_numbers(["2019", "2020", "2021"])
    (True, False)
    """
    stripped = [level.strip() for level in levels]
    numbers = [level for level in stripped if _NUMBER.fullmatch(level)]
    if len(numbers) < _NEARLY_ALL * len(stripped) or any(_IDENTIFIER.match(level) for level in numbers):
        return False
    broken = any(not level.lstrip("+-").isdigit() for level in numbers)
    return len(numbers) > (_FEW_DECIMALS if broken else _FEW_WHOLE)


def _said(name: str, levels: tuple[str, ...]) -> str:
    numbers = [level for level in levels if _NUMBER.fullmatch(level.strip())]
    others = [level for level in levels if level not in numbers]
    comma = next((level for level in numbers if "," in level), None)
    own = f"data[{name!r}]"
    text = own if comma is None else f'{own}.str.replace(",", ".")'
    number = f'pd.to_numeric({text}, errors="coerce"), NaN for the rest' if others else f"pd.to_numeric({text})"
    but = f" (but {', '.join(map(repr, others[:3]))}{', ...' if len(others) > 3 else ''})" if others else ""
    shown = f"numbers, such as {numbers[0]!r}" if comma is None else f"numbers with a decimal comma, such as {comma!r}"
    return (
        f"column {name!r} is text, but its {len(levels)} levels look like {shown}{but}: each of them gets a "
        f"coefficient of its own. If it is a number, write {own} = {number}; if its levels are meant, "
        f'{own} = {own}.astype("category")'
    )


def _atoms(formula: Formula) -> Iterable[Atom]:
    parts = (formula.population, *(group.part for group in formula.groups))
    return (atom for part in parts for term in part.terms for atom in term.atoms)
