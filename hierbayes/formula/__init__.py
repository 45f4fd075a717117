"""Formulas: text to frozen values. Standard library only; knows no data."""

from __future__ import annotations

from hierbayes.formula.names import column_error, index_error, suggest
from hierbayes.formula.printing import canonical, show, with_population
from hierbayes.formula.reading import parse
from hierbayes.formula.syntax import Atom, Formula, Group, Part, Term

__all__ = [
    "Atom",
    "Formula",
    "Group",
    "Part",
    "Term",
    "canonical",
    "column_error",
    "index_error",
    "parse",
    "show",
    "suggest",
    "with_population",
]
