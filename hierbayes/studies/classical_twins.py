"""`classical`: the classical fits of a model beside its posterior."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hierbayes.errors import ModelError
from hierbayes.estimates.classical_columns import IN_TABLE, METHODS, classical_columns, refuse_others, side_by_side
from hierbayes.estimates.pairs import PairedTest, paired_test
from hierbayes.estimates.side_by_side import CRITERIA, Column, parameters
from hierbayes.model import Fit, Model
from hierbayes.summaries.poolings import pick_factor
from hierbayes.tables.exporting import Tables, indent
from hierbayes.tables.numbers import check_prob
from hierbayes.tables.tidying import NUMBERS

if TYPE_CHECKING:
    from hierbayes.design.design import Design
    from hierbayes.estimates.classical_fit import ClassicalFit


@dataclass(frozen=True, repr=False)
class ClassicalTwins(Tables):
    """Classical fits of a model beside its posterior. Made by `hierbayes.classical`.

    Attributes
    ----------
    formula : str
    table : DataFrame
        Tidy: one row for each parameter and method. Columns parameter, effect ("fixed" or "ran_pars"), group, term,
        method, estimate, std_error, conf_low, conf_high; NaN for what a method does not have. All are standard
        deviations, not variances.
    criteria : DataFrame
        Index method. Columns loglik (restricted for REML), parameters, aic, bic, criterion (-2 times loglik: the
        REML criterion or deviance), df_residual.
    levels : DataFrame
        The separate fits, R's ``lmList``: columns group, level, term, rows, estimate, std_error (from the sd pooled
        over the levels), conf_low, conf_high.
    notes : tuple of str
        What could not be given, and why.
    paired : PairedTest or None
        The paired t-test where the model is one.
    fit : Fit
        The posterior.
    reml, ml : ClassicalFit or None
        None where the likelihood has no maximum to report.
    factor : str
        The grouping factor of the separate fits; empty without groups.
    ci_prob : float
    columns : tuple of Column
        The numbers of `table` as arrays, method by method.
    """

    formula: str
    table: pd.DataFrame
    criteria: pd.DataFrame
    levels: pd.DataFrame
    notes: tuple[str, ...]
    paired: PairedTest | None
    fit: Fit
    reml: ClassicalFit | None
    ml: ClassicalFit | None
    factor: str
    ci_prob: float
    columns: tuple[Column, ...]

    @property
    def wide(self) -> pd.DataFrame:
        """Return one row for each parameter, then the criteria; columns (method, "estimate" or "std_error")."""
        names = self.table["parameter"].drop_duplicates()
        own = self.table.pivot(index="parameter", columns="method", values=["estimate", "std_error"])
        columns = pd.MultiIndex.from_product([METHODS, ["estimate", "std_error"]], names=["method", None])
        wide = own.swaplevel(axis=1).reindex(index=names, columns=columns)
        below = self.criteria[list(IN_TABLE)].rename(columns=IN_TABLE).T.reindex(columns=list(METHODS))
        below.columns = pd.MultiIndex.from_product([METHODS, ["estimate"]])
        return pd.concat([wide, below.reindex(columns=columns)]).rename_axis("parameter")

    def tables(self) -> tuple[tuple[str, pd.DataFrame], ...]:
        """Return the comparison as it is printed, estimates with their standard errors in brackets."""
        return ((f"Classical fits of {self.formula} beside its posterior: estimate (standard error)", self._shown()),)

    def _shown(self) -> pd.DataFrame:
        return side_by_side(self.fit.design, self.columns)

    def __str__(self) -> str:
        parts = [
            f"Classical fits of {self.formula} beside its posterior",
            "estimate (standard error); posterior: mean of coefficients, median of sds and correlations (sd)",
            "",
            indent(self._shown().to_string()),
        ]
        parts += ["", *(f"Note: {note}" for note in self.notes)] if self.notes else []
        parts += ["", str(self.paired)] if self.paired else []
        return "\n".join(parts)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        said = "".join(f"<p><small>Note: {escape(note)}</small></p>" for note in self.notes)
        pairs = f"<pre>{escape(str(self.paired))}</pre>" if self.paired else ""
        return f"<div>{self.to_html()}{said}{pairs}</div>"


def classical(model: Model | Fit, factor: str | None = None, ci_prob: float = 0.95, **options: Any) -> ClassicalTwins:
    """Lay the classical fits of a model beside its posterior.

    ========= ==========================================================================================================
    complete  Least squares over all rows, the groups ignored: R's ``lm``.
    separate  A fit for each level of one factor, R's ``lmList``: the mean of their coefficients and its standard error,
              sd / sqrt(levels); the sds and correlations of the levels' own estimates, their noise included.
    fixed     Least squares with the groups as fixed effects that sum to zero, R's ``contr.sum``: the standard errors
              refer to these levels and no others.
    REML, ML  `Model.reml`, `Model.ml`.
    posterior The mean of coefficients, the median of sds and correlations, and the posterior sd.
    ========= ==========================================================================================================

    Limits of the least-squares fits are those of Student's t, and of the chi-square for sigma.

    Parameters
    ----------
    model : Model or Fit
        A Model is sampled once, a Fit is not.
    factor : str, optional
        The grouping factor of the separate fits; the first by default.
    ci_prob : float
        Probability of the intervals.
    **options
        Those of `Model.fit`, for a Model.

    Returns
    -------
    ClassicalTwins

    Raises
    ------
    ModelError
        If options are given with a Fit, the factor is not in the model, or the family is not the gaussian.

    Examples
    --------
    >>> import hierbayes as hb
    >>> model = hb.Model("Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff"))
    >>> both = hb.classical(model, draws=200, chains=2, seed=1, progress=False)
    >>> wide = both.wide.xs("std_error", axis=1, level=1).loc["Intercept"]
    >>> wide[["complete", "separate", "fixed", "REML"]].round(2).to_dict()
    {'complete': 11.51, 'separate': 19.38, 'fixed': 9.04, 'REML': 19.38}
    """
    check_prob(ci_prob)
    if not isinstance(model, Fit | Model):
        raise ModelError(f"hb.classical takes a Model or a Fit, not {type(model).__name__}")
    if isinstance(model, Fit) and options:
        raise ModelError(f"a Fit is not sampled again, so {', '.join(options)} has no use", "pass its model")
    design = model.design
    refuse_others(design)
    chosen = pick_factor(design, factor) if design.factors or factor is not None else ""
    fit = model if isinstance(model, Fit) else model.fit(**options)
    found = classical_columns(fit.model, fit, chosen, ci_prob)
    return ClassicalTwins(
        formula=fit.spec.formula.text,
        table=_long(design, found.columns),
        criteria=_criteria(found.columns),
        levels=found.levels,
        notes=found.notes,
        paired=paired_test(design, {column.method: column.numbers for column in found.columns}, ci_prob),
        fit=fit,
        reml=found.reml,
        ml=found.ml,
        factor=chosen,
        ci_prob=ci_prob,
        columns=found.columns,
    )


def _long(design: Design, columns: tuple[Column, ...]) -> pd.DataFrame:
    names = parameters(design)
    parts = [
        pd.concat([names.assign(method=column.method), pd.DataFrame(column.numbers, columns=NUMBERS)], axis=1)
        for column in columns
    ]
    return pd.concat(parts, ignore_index=True)


def _criteria(columns: tuple[Column, ...]) -> pd.DataFrame:
    rows = {column.method: [column.criteria.get(name, np.nan) for name in CRITERIA] for column in columns}
    return pd.DataFrame.from_dict(rows, orient="index", columns=CRITERIA, dtype=float).rename_axis("method")
