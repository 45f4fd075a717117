"""The structure of a simulation, made once: the table without its response, and its design."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, count
from typing import Any

import numpy as np
import pandas as pd

from hierbayes.design.build import build
from hierbayes.design.design import Design
from hierbayes.design.scaling import ResolvedPriors, prior_table, resolve
from hierbayes.design.table import Floats, to_pandas
from hierbayes.errors import DataError, HierBayesWarning, ModelError
from hierbayes.expressions.syntax import Call, Expression, Name, names_in
from hierbayes.formula import parse, show
from hierbayes.formula.names import find_column
from hierbayes.model.updated import with_weights
from hierbayes.priors import LKJ
from hierbayes.spec import ModelSpec, make_spec
from hierbayes.studies.categories import Asked, as_held, check_reference, placeholder_categories
from hierbayes.studies.given_columns import add_columns, longest_values
from hierbayes.studies.layouts import Layout, lay_out

_INVERSES: Mapping[str, Callable[[Floats], Floats]] = {
    "log": np.exp,
    "log1p": np.expm1,
    "log2": np.exp2,
    "log10": lambda values: np.power(10.0, values),
    "I": lambda values: values,
}
"""What takes a response of the formula back to its column."""


@dataclass(frozen=True)
class Plan:
    """A model with a table that only lacks its response.

    Attributes
    ----------
    spec : ModelSpec
    table : DataFrame
        All columns; the response holds placeholders, or what the user's data had.
    design : Design
    response : str
        The column of the response.
    inverse : callable
        Takes the response of the formula to its column.
    observed : bool
        Whether the response is the user's data.
    """

    spec: ModelSpec
    table: pd.DataFrame
    design: Design
    response: str
    inverse: Callable[[Floats], Floats]
    observed: bool

    def filled(self, y: Floats) -> pd.DataFrame:
        """Return the table with a response, on the scale of the formula."""
        with np.errstate(over="ignore"):
            values = self.inverse(y)
        if not np.isfinite(values).all():
            raise DataError(f"the simulated {self.response!r} overflows", "look at the truth: it is meant for the log")
        table = self.table.copy()
        levels = self.design.schema.response_levels
        if self.design.categories:
            codes = values.astype(np.int64) - 1
            table[self.response] = as_held(codes, levels, table[self.response], self.design.family)
            return table
        if levels:
            values = np.asarray(levels, dtype=object)[values.astype(np.int64)]
        elif self.design.family.whole and np.abs(values).max() < 2**53:
            values = values.astype(np.int64)
        table[self.response] = values
        return table

    @cached_property
    def priors(self) -> ResolvedPriors:
        """The priors, once for all tables that are simulated.

        Raises
        ------
        ModelError
            If a prior is a default, which is scaled to a response, and there is none.
        """
        resolved = resolve(self.spec, self.design)
        if not self.observed:
            _refuse_defaults(resolved, self.design)
        return resolved


def make_plan(
    formula: str,
    sizes: Any,
    *,
    data: Any,
    predictors: Mapping[str, Any] | None,
    seed: int,
    asked: Asked,
    **options: Any,
) -> Plan:
    """Return the structure of a simulation.

    Raises
    ------
    FormulaError
        If the response is no column or logarithm of one, or a column has neither sizes nor values.
    DataError
        If sizes, columns or data do not fit each other or the formula.
    """
    data, predictors, options["weights"] = _named_weights(formula, sizes, data, predictors, options.get("weights"))
    spec = make_spec(formula, family_name=asked.family, missing="raise", **options)
    response, inverse = _response(spec)
    needed = [name for name in spec.columns if name != response]
    given = _checked_predictors(predictors, response, needed)
    layout, observed = _layout(sizes, data, needed, given, response)
    table = add_columns(layout, given, seed)
    _check_complete(spec, table, needed)
    if not observed:
        table.insert(0, response, _placeholders(spec, asked.names, len(table)))
    with warnings.catch_warnings():
        # what is odd about a design is said when it is fitted
        warnings.simplefilter("ignore", HierBayesWarning)
        design = build(spec, table)
    check_reference(asked.reference, design.categories)
    return Plan(replace(spec, family=design.family), table, design, response, inverse, observed)


def _named_weights(
    formula: str, sizes: Any, data: Any, predictors: Mapping[str, Any] | None, weights: Any
) -> tuple[Any, Mapping[str, Any] | None, str | None]:
    """Return data, columns and the name of the column of weights, into which weights that are values are put.

    Beside data they are one a row; beside sizes they are dealt out as columns are.
    """
    if data is not None or weights is None or isinstance(weights, str):
        data, name = with_weights(data, weights)
        return data, predictors, name
    if not isinstance(weights, Sequence | np.ndarray | pd.Series) or np.ndim(weights) != 1:
        raise DataError(
            f"weights={weights!r} is neither a column nor a list of weights",
            'write weights="w" with predictors={"w": ...}, or a weight for each row of a cell or of the table',
        )
    given = {} if predictors is None else predictors
    taken = {*parse(formula).columns, *given, *(sizes if isinstance(sizes, Mapping) else ())}
    name = next(each for each in chain(["weights"], (f"weights_{i}" for i in count(2))) if each not in taken)
    return data, {**given, name: weights}, name


def _placeholders(spec: ModelSpec, names: tuple[str, ...], n: int) -> Any:
    """Return responses that the family takes, until they are simulated."""
    match spec.family.values:
        case "ordered" | "unordered":
            return placeholder_categories(spec.family, names, n)
        case "binary":
            return np.asarray(np.arange(n) % 2, dtype=np.float64)
        case "binomial":
            return np.zeros(n)
        case "unit":
            return np.asarray(np.arange(1.0, n + 1.0) / (n + 1.0))
    return np.asarray(np.arange(1.0, n + 1.0), dtype=np.float64)


def _response(spec: ModelSpec) -> tuple[str, Callable[[Floats], Floats]]:
    expression: Expression = spec.formula.response
    _refuse_failures(spec)
    if isinstance(expression, Name):
        return expression.name, _INVERSES["I"]
    if isinstance(expression, Call) and expression.function in _INVERSES and isinstance(expression.args[0], Name):
        return expression.args[0].name, _INVERSES[expression.function]
    raise spec.formula.error(
        f"the response {show(expression)!r} cannot be simulated: it must be a column or the logarithm of one",
        expression.span,
        "write y ~ ... and transform the simulated y yourself",
    )


def _refuse_failures(spec: ModelSpec) -> None:
    """Refuse a number of trials that holds the response, as ``cbind(k, f)`` does: it is not known beforehand."""
    formula = spec.formula
    if formula.trials is None or not set(_columns(formula.trials)) & set(_columns(formula.response)):
        return
    raise formula.error(
        "successes beside failures cannot be simulated, for their sum, the number of trials, is not known",
        formula.response.span,
        f"write {show(formula.response)} | trials(n) ~ ..., with the column n of trials",
    )


def _columns(expression: Expression) -> list[str]:
    return [name.name for name in names_in(expression)]


def _checked_predictors(given: Mapping[str, Any] | None, response: str, needed: list[str]) -> Mapping[str, Any]:
    found = {} if given is None else given
    if not isinstance(found, Mapping) or not all(isinstance(name, str) for name in found):
        raise DataError(f"predictors is {given!r}: it maps columns to values", 'write {"Days": range(10)}')
    if response in found:
        raise DataError(f"predictors names the response {response!r}, which is simulated", "leave it out")
    return found


def _layout(sizes: Any, data: Any, needed: list[str], given: Mapping[str, Any], response: str) -> tuple[Layout, bool]:
    if data is not None and sizes is not None:
        raise DataError("sizes and data both say which rows there are", "give one of them")
    if data is None:
        rest = [name for name in needed if name not in given]
        if sizes is None:
            raise DataError("neither sizes nor data say which rows there are", f"give sizes for {', '.join(rest)}")
        layout = lay_out(sizes, needed, longest_values(given))
        both = next((name for name in given if name in layout.frame.columns), None)
        if both is not None:
            raise DataError(f"the column {both!r} stands in sizes and in predictors", "give it in one of them")
        return layout, False
    table = to_pandas(data).reset_index(drop=True).copy()
    table.attrs = {}
    observed = response in table.columns
    n = len(table)
    return Layout(table, np.zeros(n, dtype=np.int64), np.arange(n)), observed


def _check_complete(spec: ModelSpec, table: pd.DataFrame, needed: list[str]) -> None:
    missing = [name for name in needed if name not in table.columns]
    if not missing:
        return
    groups = {name for group in spec.formula.groups for name in group.factor}
    asked = [
        f'sizes={{"{name}": ...}} (levels)' if name in groups else f'predictors={{"{name}": ...}}' for name in missing
    ]
    place = find_column(spec.formula, missing[0])
    many = len(missing) > 1
    what = f"nothing says what column{'s' * many} {', '.join(map(repr, missing))} hold{'s' * (not many)}"
    hint = f"give {'; '.join(asked)}"
    raise spec.formula.error(what, place, hint)


def _refuse_defaults(resolved: ResolvedPriors, design: Design) -> None:
    """Refuse default priors, which placeholders have scaled; LKJ has no scale."""
    table = prior_table(resolved, design)
    own = table["source"].eq("default") & ~table["prior"].str.startswith(LKJ.__name__)
    if own.any():
        names = list(dict.fromkeys(table.index[own]))
        raise ModelError(
            f"truths are drawn from the priors, but the priors of {', '.join(names)} are scaled to a response, and "
            "there is none",
            "set them in priors={...}, or give data= with a response that they are scaled to",
        )
