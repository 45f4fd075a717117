"""All classical fits of a model beside its posterior, each a column, and the table that shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from hierbayes.design.design import Design
from hierbayes.errors import DataError, ModelError
from hierbayes.estimates.classical_fit import ClassicalFit
from hierbayes.estimates.side_by_side import (
    Column,
    complete_column,
    fixed_column,
    likelihood_column,
    parameters,
    separate_column,
    tidy_column,
)
from hierbayes.tables.cells import number
from hierbayes.tables.tidying import NUMBERS, Tabled

METHODS = ("complete", "separate", "fixed", "REML", "ML", "posterior")
IN_TABLE = {"loglik": "log-likelihood", "aic": "AIC", "bic": "BIC", "criterion": "-2 log-likelihood"}
"""The criteria that the table shows, and what it calls them."""


class HasLikelihood(Protocol):
    """What is needed of a model."""

    @property
    def design(self) -> Design: ...

    def reml(self) -> ClassicalFit: ...

    def ml(self) -> ClassicalFit: ...


@dataclass(frozen=True)
class ClassicalColumns:
    """The answers of every method, and where they come from.

    Attributes
    ----------
    columns : tuple of Column
        complete, separate and fixed (with groups), REML, ML, posterior.
    levels : DataFrame
        The separate fits; without rows where there are no groups.
    reml, ml : ClassicalFit or None
        None where the likelihood has no maximum to report.
    """

    columns: tuple[Column, ...]
    levels: pd.DataFrame
    reml: ClassicalFit | None
    ml: ClassicalFit | None

    @property
    def notes(self) -> tuple[str, ...]:
        """What could not be given, and why."""
        return tuple(note for column in self.columns for note in column.notes)


def refuse_others(design: Design) -> None:
    """Refuse families for which least squares and REML are not made.

    Raises
    ------
    ModelError
        If the family is not the gaussian.
    """
    if not design.family.conjugate:
        raise ModelError(
            f"the classical fits are for the gaussian family, and this model's is {design.family.name}",
            f"complete and no pooling by maximum likelihood: {poolings_of(design)}"
            + ("" if not design.family.has_mean else ", hb.pooling"),
        )


def poolings_of(design: Design) -> str:
    """Return the call that compares poolings by maximum likelihood: of one category, where a row has several."""
    of = f".category({design.categories[1]!r})" if not design.family.has_mean else ""
    return f"fit{of}.pooling_tables()"


def classical_columns(model: HasLikelihood, fit: Tabled, factor: str, ci_prob: float) -> ClassicalColumns:
    """Return the classical fits of a model and its posterior.

    Parameters
    ----------
    model : object with design, reml and ml
    fit : object with the accessors of a fit
        The posterior.
    factor : str
        The grouping factor of the separate fits; empty without groups.
    ci_prob : float
    """
    refuse_others(model.design)
    columns, levels = _least_squares(model.design, factor, ci_prob)
    reml, ml = (_likelihood(model, method) for method in ("REML", "ML"))
    columns += [found if isinstance(found, Column) else likelihood_column(found, ci_prob) for found in (reml, ml)]
    columns.append(tidy_column("posterior", fit, ci_prob))
    return ClassicalColumns(
        tuple(columns), levels, None if isinstance(reml, Column) else reml, None if isinstance(ml, Column) else ml
    )


def side_by_side(design: Design, columns: tuple[Column, ...]) -> pd.DataFrame:
    """Return the comparison as text: a row for each parameter, then the criteria; estimates (standard errors).

    Methods without any estimate, and criteria that no method has, are left out.
    """
    names = list(parameters(design)["parameter"])
    shown = pd.DataFrame(index=[*names, *IN_TABLE.values()])
    for column in columns:
        if np.isfinite(column.numbers[:, 0]).any():
            below = [_two_decimals(column.criteria.get(key, np.nan)) for key in IN_TABLE]
            shown[column.method] = [*(_cell(value, error) for value, error in column.numbers[:, :2]), *below]
    known = (shown != "").any(axis=1) | shown.index.isin(names)
    return shown[known]


def _least_squares(design: Design, factor: str, ci_prob: float) -> tuple[list[Column], pd.DataFrame]:
    complete = complete_column(design, ci_prob)
    if not factor:
        return [complete], pd.DataFrame(columns=["group", "level", "term", "rows", *NUMBERS])
    separate, levels = separate_column(design, factor, ci_prob)
    return [complete, separate, fixed_column(design, ci_prob)], levels


def _likelihood(model: HasLikelihood, method: str) -> ClassicalFit | Column:
    try:
        return model.reml() if method == "REML" else model.ml()
    except (ModelError, DataError) as error:
        empty = np.full((len(parameters(model.design)), len(NUMBERS)), np.nan)
        return Column(method, empty, {}, (f"{method}: {error.what}",))


def _cell(value: float, error: float) -> str:
    if not np.isfinite(value):
        return ""
    if not np.isfinite(error):
        return number(value, abs(value) / 10)
    return f"{number(value, error)} ({number(error, error)})"


def _two_decimals(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else ""
