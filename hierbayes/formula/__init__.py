"""Formulas: text to frozen values. Standard library only; knows no data."""

from __future__ import annotations

from hierbayes.formula.functions import FUNCTIONS, Function
from hierbayes.formula.names import column_error, index_error, suggest
from hierbayes.formula.printing import canonical, show, with_population
from hierbayes.formula.reading import parse
from hierbayes.formula.syntax import (
    Atom,
    Binary,
    Call,
    Expression,
    Formula,
    Group,
    Name,
    Number,
    Part,
    Sequence,
    Span,
    Term,
    Text,
    Unary,
    names_in,
)

__all__ = [
    "FUNCTIONS",
    "Atom",
    "Binary",
    "Call",
    "Expression",
    "Formula",
    "Function",
    "Group",
    "Name",
    "Number",
    "Part",
    "Sequence",
    "Span",
    "Term",
    "Text",
    "Unary",
    "canonical",
    "column_error",
    "index_error",
    "names_in",
    "parse",
    "show",
    "suggest",
    "with_population",
]
