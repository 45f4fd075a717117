"""A Bambi model as formula, data and priors of hierbayes: the same model, or an error that says where it is not."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from hierbayes.bridge.matching import CLOSE, proportional, same_levels
from hierbayes.bridge.reading import check_model, data_in_use, formula_text
from hierbayes.design.build import build
from hierbayes.design.design import Design
from hierbayes.design.table import Floats
from hierbayes.errors import HierBayesWarning, ModelError
from hierbayes.priors import Fixed, Flat, Prior
from hierbayes.priors.bambi import is_bambi_prior, read_bambi_prior, read_coefficient_prior, read_group_prior
from hierbayes.spec import make_spec


@dataclass(frozen=True)
class Understood:
    """What `hierbayes.Model` takes to make the model of Bambi.

    Attributes
    ----------
    formula : str
    data : DataFrame
        The rows and columns in use.
    priors : dict of str to Prior
        A prior for every parameter, with Bambi's scales as numbers.
    """

    formula: str
    data: pd.DataFrame
    priors: dict[str, Prior]


def understand(model: Any) -> Understood:
    """Read a Bambi model.

    Every column of Bambi's design is looked up by its numbers in the design that hierbayes makes of the same formula
    and data, so that another coding or transformation is found out and not taken for the same.

    Parameters
    ----------
    model : bambi.Model

    Raises
    ------
    ModelError
        If a part of the model is not understood, or a column differs; names it.
    """
    check_model(model)
    text, data = formula_text(model), data_in_use(model)
    with warnings.catch_warnings():
        # the model that is made of this warns of the same again
        warnings.simplefilter("ignore", HierBayesWarning)
        design = build(make_spec(text), data)
    parent = model.parameters[model.family.likelihood.parent]
    _check_rows(model, parent, design)
    priors = {**_population_priors(parent, design, bool(model.center_predictors)), **_group_priors(parent, design)}
    return Understood(text, data, {**priors, "sigma": _sigma_prior(model.parameters["sigma"].prior)})


def _check_rows(model: Any, parent: Any, design: Design) -> None:
    y = np.asarray(model.response_term.data, dtype=float).reshape(-1)
    if len(y) != design.n or not np.allclose(y, design.y, rtol=CLOSE, atol=0):
        raise ModelError(f"the response {model.response_term.name!r} of the Bambi model has other rows or values here")
    offset = sum((np.asarray(t.data, dtype=float).reshape(-1) for t in parent.offset_terms.values()), np.zeros(len(y)))
    if not np.allclose(offset, design.offset, rtol=CLOSE, atol=CLOSE):
        raise ModelError("the offset of the Bambi model has other values here")


def _population_priors(parent: Any, design: Design, centred: bool) -> dict[str, Prior]:
    found: dict[str, Prior] = {}
    if parent.intercept_term:
        found["Intercept"] = read_coefficient_prior(parent.intercept_term.prior, "Intercept")
        _check_centre(found["Intercept"], design, centred)
    for term in parent.common_terms.values():
        matrix = np.asarray(term.data, dtype=float).reshape(design.n, -1)
        for place, column in enumerate(matrix.T):
            k, multiple = _found(column, design.X, f"column {place + 1} of the term {term.name!r}")
            prior = read_coefficient_prior(term.prior, term.name, place)
            found[design.coefficients[k]] = prior.scaled(1 / multiple)
    _check_all(found, design.coefficients)
    return found


def _check_centre(prior: Prior, design: Design, centred: bool) -> None:
    """Refuse a prior of the intercept where all columns are 0, unless it is the same as at their means."""
    means, sizes = np.abs(design.X[:, 1:].mean(axis=0)), np.abs(design.X[:, 1:]).max(axis=0, initial=0.0)
    if not centred and not isinstance(prior, Flat) and np.any(means > CLOSE * sizes):
        raise ModelError(
            "the Bambi model has center_predictors=False: the prior of its intercept speaks of the point where every "
            "predictor is 0, that of hierbayes of their means",
            "Leave center_predictors at True, or centre the predictors.",
        )


def _group_priors(parent: Any, design: Design) -> dict[str, Prior]:
    found: dict[str, Prior] = {}
    for term in parent.group_specific_terms.values():
        for place, key, multiple in _group_columns(term, design):
            found[key] = read_group_prior(term.prior, term.name, place).scaled(1 / multiple)
    _check_all(found, [f"sd_{block.factor}[{term}]" for block in design.groups for term in block.terms])
    found |= {f"corr_{block.factor}": Fixed(0.0) for block in design.groups if block.correlated and not block.split}
    return found


def _group_columns(term: Any, design: Design) -> Iterator[tuple[int, str, float]]:
    """Yield the place of each column of Bambi's term, the key of its sd, and the multiple that it is here."""
    factor = term.term.factor.name
    blocks = [block for block in design.groups if ":".join(block.columns) == factor]
    if not blocks or same_levels(blocks[0].codes, np.asarray(term.group_index)) is None:
        raise ModelError(f"the grouping factor {factor!r} of the Bambi model has other levels here")
    matrix = np.asarray(term.predictor, dtype=float).reshape(design.n, -1)
    names = [f"sd_{factor}[{label}]" for block in blocks for label in block.terms]
    Z: Floats = np.column_stack([block.Z for block in blocks])
    for place, column in enumerate(matrix.T):
        k, multiple = _found(column, Z, f"column {place + 1} of the term {term.name!r}")
        yield place, names[k], multiple


def _found(column: Floats, matrix: Floats, what: str) -> tuple[int, float]:
    match = proportional(column, matrix)
    if match is None:
        raise ModelError(
            f"{what} of the Bambi model has other values here: hierbayes codes or transforms it otherwise",
            "Put the derived column into the data and name it in the formula.",
        )
    return match


def _check_all(found: dict[str, Prior], needed: Any) -> None:
    missing = [name for name in needed if name not in found]
    if missing:
        raise ModelError(
            f"the formula of the Bambi model gives {missing[0]!r} here, which is no column of Bambi's",
            "Put the derived column into the data and name it in the formula.",
        )


def _sigma_prior(prior: Any) -> Prior:
    return read_bambi_prior(prior, "sigma") if is_bambi_prior(prior) else Fixed(float(prior))
