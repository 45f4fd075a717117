"""A formula and its data in the language of formulae, which Bambi speaks."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

import numpy as np
import pandas as pd

from hierbayes.design.arithmetic import as_zero_one
from hierbayes.design.design import Design
from hierbayes.design.table import Categorical, Column, Floats, Ints, as_factor
from hierbayes.errors import ModelError
from hierbayes.expressions.evaluate import literal
from hierbayes.expressions.functions import denied, row_function
from hierbayes.expressions.syntax import (
    COMPARISONS,
    Binary,
    Call,
    Expression,
    Name,
    Number,
    Sequence,
    Text,
    Unary,
    names_in,
)
from hierbayes.formula.syntax import Formula, Part, Term

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_CATEGORICAL = ("C", "factor")
_OF_FORMULAE = ("center", "scale", "standardize", "poly", "bs", "I", "offset")


@dataclass
class Written:
    """A formula for Bambi and the names that it needs: functions that formulae lacks, constants that it cannot read.

    Attributes
    ----------
    text : str
    namespace : dict
        For Bambi's ``extra_namespace``.
    taken : frozenset of str
        The columns of the data.
    """

    text: str = ""
    namespace: dict[str, Any] = field(default_factory=dict)
    taken: frozenset[str] = frozenset()

    def constant(self, value: Any) -> str:
        """Return a name for a constant, which no column has."""
        names = (f"constant{i}" for i in count())
        name = next(name for name in names if name not in self.taken and name not in self.namespace)
        self.namespace[name] = value
        return name


def write_formula(formula: Formula, design: Design) -> Written:
    """Return a formula as Bambi reads it.

    Contrasts are left out: Bambi codes by treatment, and the draws are converted. The bars of one grouping factor
    become one, for in Bambi all group-level effects are uncorrelated. Successes and trials are columns by name.
    """
    written = Written(taken=frozenset(formula.columns))
    parts = [_part(formula.population, written), *_offsets(formula, written)]
    bars: dict[tuple[str, ...], Part] = {}
    for group in formula.groups:
        before = bars.get(group.factor, Part(False, ()))
        terms = tuple(dict.fromkeys((*before.terms, *group.part.terms)))
        bars[group.factor] = Part(before.intercept or group.part.intercept, terms)
    parts += [f"({_part(part, written)} | {':'.join(map(_name, factor))})" for factor, part in bars.items()]
    counted = list(counts(design, formula))
    response = _expression(formula.response, written) if not counted else _name(counted[0])
    if design.family.counts_trials:
        response = f"p({response}, {_name(counted[1])})"
    written.text = f"{response} ~ {' + '.join(parts)}"
    return written


def counts(design: Design, formula: Formula) -> dict[str, Ints]:
    """Return the whole numbers of a response by the names of their columns: counts, 0 and 1, or successes and trials.

    A column that the formula names alone keeps its name, unless it stands right of ``~`` too.
    """
    if not design.family.whole:
        return {}
    parts: list[tuple[Expression, str, Floats]] = [(formula.response, "response", design.y)]
    if formula.trials is not None and design.trials is not None:
        parts += [(formula.trials, "trials", design.trials)]
    right = {name.name for node in formula.right() for name in names_in(node)}
    found: dict[str, Ints] = {}
    for node, name, values in parts:
        if isinstance(node, Name) and node.name not in right:
            name = node.name
        else:
            name = next(other for other in (name + "_" * i for i in count()) if other not in formula.columns)
        found[name] = values.astype(np.int64)
    return found


def _part(part: Part, written: Written) -> str:
    return " + ".join(["1" if part.intercept else "0", *(_term(term, written) for term in part.terms)])


def _term(term: Term, written: Written) -> str:
    return ":".join(_expression(atom, written) for atom in term.atoms)


def _offsets(formula: Formula, written: Written) -> list[str]:
    # one offset in all: with several Bambi takes wrong columns out of its design
    shown = [_expression(offset, written) for offset in formula.offsets]
    return [f"offset({' + '.join(shown)})"] if shown else []


def _name(name: str) -> str:
    if any(mark in name for mark in "`|"):
        raise ModelError(f"Bambi cannot take a column called {name!r}", "rename the column and fit again")
    return name if _PLAIN.match(name) else f"`{name}`"


def _expression(node: Expression, written: Written) -> str:
    match node:
        case Name(name=name):
            return _name(name)
        case Number(value=value):
            return _number(value, written)
        case Text(value=value) if value is None or isinstance(value, bool):
            return str(value)
        case Text() | Sequence():
            return written.constant(literal(node))
        case Call(function=function, args=args) if function in _CATEGORICAL:
            return f"C({_expression(args[0], written)})"
        case Call(function=function, args=args, kwargs=kwargs):
            given = [_expression(a, written) for a in args] + [f"{k}={_expression(v, written)}" for k, v in kwargs]
            return f"{_function(function, written)}({', '.join(given)})"
        case Unary(operator="!", operand=operand):
            written.namespace["is_not"] = partial(denied, np)
            return f"is_not({_expression(operand, written)})"
        case Unary(operator=operator, operand=operand):
            return f"({operator}{_reckoned(operand, written)})"
        case Binary(operator=operator, left=left, right=right):
            write = _expression if operator in COMPARISONS else _reckoned
            return f"({write(left, written)} {operator} {write(right, written)})"


def _reckoned(node: Expression, written: Written) -> str:
    """Write an operand of arithmetic; of two comparisons formulae would take the union for the sum."""
    text = _expression(node, written)
    return f"({text} * 1)" if isinstance(node, Binary) and node.operator in COMPARISONS else text


def _number(value: float, written: Written) -> str:
    plain = str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))
    return plain if re.fullmatch(r"\d+(\.\d+)?", plain) else written.constant(value)


def _function(name: str, written: Written) -> str:
    if name == "ave":
        raise ModelError(
            "Bambi has no ave(): it would take the means of new data anew",
            "put the means into the data as a column, and fit again",
        )
    if name not in _OF_FORMULAE:
        written.namespace[name] = row_function(name, np)
    return name


def frame(design: Design, formula: Formula) -> pd.DataFrame:
    """Return the rows in use as Bambi takes them, the whole numbers of `counts` under their names.

    Other numbers are floats. Categories are ordered, for formulae would sort them anew; so is a column of numbers that
    only groups, whose levels are then the texts that hierbayes shows. The weights are not among the columns.
    """
    alone = {node.name for node in formula.expressions() if isinstance(node, Name)}
    inside = _inside_calls(formula)
    columns = {name: _column(design.column(name), name in alone, name in inside) for name in formula.columns}
    return pd.DataFrame(columns | counts(design, formula))


def _inside_calls(formula: Formula) -> set[str]:
    """Return the columns that some function takes."""
    found: set[str] = set()
    for node in formula.expressions():
        if not isinstance(node, Name) and not (isinstance(node, Call) and node.function in _CATEGORICAL):
            found |= {name.name for name in names_in(node)}
    return found


def _column(column: Column, alone: bool, inside: bool) -> Any:
    if not isinstance(column, Categorical) and (alone or inside):
        return column.values
    factor = as_factor(column)
    if inside and factor.kind == "boolean":
        return as_zero_one(factor)
    return pd.Categorical.from_codes(factor.codes.tolist(), pd.Index(factor.levels), ordered=True)
