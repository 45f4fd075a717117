"""What a Bambi model is made of, as text and data of hierbayes; what hierbayes has not is refused by name."""

from __future__ import annotations

from typing import Any

import pandas as pd

from hierbayes.errors import FormulaError, ModelError
from hierbayes.expressions.functions import FUNCTIONS
from hierbayes.expressions.printing import show_name
from hierbayes.formula import parse


def check_model(model: Any) -> None:
    """Refuse what is no Bambi model, or one of a kind that hierbayes has not.

    Raises
    ------
    ModelError
        It names what is not understood, and what to write instead.
    """
    kinds = type(model).__mro__
    if not any(kind.__name__ == "Model" and kind.__module__.split(".")[0] == "bambi" for kind in kinds):
        raise ModelError(f"from_bambi takes a bambi.Model, not {type(model).__name__}")
    _check_family(model)
    _check_response(model)
    parent = model.parameters[model.family.likelihood.parent]
    if parent.hsgp_terms:
        raise _not_here(f"the Gaussian process {next(iter(parent.hsgp_terms))!r}", "Write bs(x, df=5) or poly(x, 3).")
    if model.potentials:
        raise _not_here("potentials", "Build the model without them, and add them to model.pymc.")


def _check_family(model: Any) -> None:
    family = model.family
    if family.name != "gaussian" or family.likelihood.name != "Normal" or family.likelihood.dist is not None:
        raise ModelError(
            f"Bambi models of the family {family.name!r} are not read, only gaussian ones",
            "write the model with hb.Model(formula, data, family=...)",
        )
    link = family.link[family.likelihood.parent].name
    if link != "identity":
        raise _not_here(f"the link {link!r}", "Transform the response instead, as in log(y) ~ x.")
    others = [name for name in model.conditional_parameters if name != family.likelihood.parent]
    if others:
        raise _not_here(f"the formula for {others[0]!r}", "hierbayes has one sigma for all rows, or weights.")


def _check_response(model: Any) -> None:
    response = model.response_term
    for kind in ("censored", "constrained", "truncated", "weighted"):
        if getattr(response, f"is_{kind}"):
            hint = "A row of weight w has the residual variance sigma**2 / w: hb.Model(..., weights=column)."
            why = hint if kind == "weighted" else "Name the response alone."
            raise _not_here(f"the {kind} response {response.name!r}", why)


def _not_here(what: str, hint: str) -> ModelError:
    return ModelError(f"the Bambi model has {what}, which hierbayes does not understand", hint)


def formula_text(model: Any) -> str:
    """Return the formula in hierbayes' language, with group-level effects that are uncorrelated, as Bambi's are.

    A bar whose columns are all single numbers becomes ``(1 + x || g)``. A column of several (a categorical, a spline)
    keeps its one bar, ``(1 + a | g)``, for ``||`` would code it otherwise: its correlations are to be fixed at 0.
    """
    parent = model.parameters[model.family.likelihood.parent]
    population = ["1" if parent.intercept_term else "0"]
    population += [_term(term.term) for term in (*parent.common_terms.values(), *parent.offset_terms.values())]
    bars: dict[str, list[Any]] = {}
    for term in parent.group_specific_terms.values():
        bars.setdefault(_term(term.term.factor), []).append(term)
    groups = [bar for factor, terms in bars.items() for bar in _bars(factor, terms)]
    text = f"{_term(model.response_term.term)} ~ {' + '.join([*population, *groups])}"
    _check_terms(text, [*population[1:], *groups])
    return text


def _bars(factor: str, terms: list[Any]) -> list[str]:
    intercept = any(term.kind == "intercept" for term in terms)
    parts = [_term(term.term.expr) for term in terms if term.kind != "intercept"]
    left = " + ".join(["1" if intercept else "0", *parts])
    if not any(is_several(term) for term in terms):
        return [f"({left} {'||' if len(terms) > 1 else '|'} {factor})"]
    # without an intercept formulae codes every categorical in full, which one bar would not
    return [f"({left} | {factor})"] if intercept else [f"(0 + {part} | {factor})" for part in parts]


def is_several(term: Any) -> bool:
    """Whether a group-level term of Bambi stands for several columns, or for levels."""
    return bool(term.categorical or (term.predictor.ndim == 2 and term.predictor.shape[1] > 1))


def _check_terms(text: str, parts: list[str]) -> None:
    try:
        parse(text)
        return
    except FormulaError as whole:
        for part in parts:
            try:
                parse(f"y ~ 0 + {part}" if not part.startswith("offset") else f"y ~ 1 + {part}")
            except FormulaError as error:
                raise ModelError(f"the term {part} of the Bambi model is not understood: {error}") from error
        raise ModelError(f"the Bambi model is not understood: {whole}") from whole


def _term(term: Any) -> str:
    return ":".join(_component(component) for component in term.components)


def _component(component: Any) -> str:
    call = getattr(component, "call", None)
    return show_name(component.name) if call is None else _lazy(call)


def _lazy(node: Any) -> str:
    """Write an expression of formulae; its own text has lost backquotes and parentheses."""
    match type(node).__name__:
        case "LazyVariable":
            return show_name(node.name)
        case "LazyOperator":
            operands = [f"({_lazy(arg)})" if type(arg).__name__ == "LazyOperator" else _lazy(arg) for arg in node.args]
            return f" {node.symbol} ".join(operands) if len(operands) > 1 else f"{node.symbol}{operands[0]}"
        case "LazyCall":
            named = [f"{name}={_lazy(value)}" for name, value in node.kwargs.items()]
            return f"{_function(node.callee)}({', '.join([*map(_lazy, node.args), *named])})"
        case _:
            return str(node)


def _function(name: str) -> str:
    """Return a function's name, without the module where it is numpy's and a formula knows it."""
    module, _, last = name.rpartition(".")
    return last if module in ("np", "numpy") and last in FUNCTIONS else name


def data_in_use(model: Any) -> pd.DataFrame:
    """Return the rows and columns that the Bambi model uses, its categories in Bambi's order.

    formulae sorts the levels of unordered categories; a reference level is the first one.
    """
    parent = model.parameters[model.family.likelihood.parent]
    design = [*(parent.design.common.terms.values() if parent.design.common else ())]
    for term in parent.design.group.terms.values() if parent.design.group else ():
        design += [term.expr, term.factor]
    components = [c for term in design for c in getattr(term, "components", ())]
    names = set(model.response_term.term.var_names).union(*(c.var_names for c in components))
    given: pd.DataFrame = model.data
    data = given[[name for name in given.columns if name in names]].dropna().reset_index(drop=True)
    for component in components:
        if getattr(component, "call", None) is None:
            data[component.name] = _as_coded(data[component.name], component)
    return data


def _as_coded(column: pd.Series, component: Any) -> pd.Series:
    if component.kind == "numeric":
        return column.astype(float) if pd.api.types.is_bool_dtype(column.dtype) else column
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column
    return pd.Series(pd.Categorical(column, categories=component.levels), name=column.name)
