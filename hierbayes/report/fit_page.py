"""The HTML page of one fit: what was asked, the model, whether to trust it, what came out, and how it was made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import pandas as pd

from hierbayes.errors import DataError, ModelError
from hierbayes.estimates.classical_columns import METHODS, classical_columns, side_by_side
from hierbayes.estimates.pairs import paired_test
from hierbayes.report.blocks import MINUS, Block, Code, Listing, Maths, Table, Words
from hierbayes.report.level_tables import level_tables
from hierbayes.report.mathml import mathml
from hierbayes.report.page import Page, Section, page
from hierbayes.report.pictures import pictures
from hierbayes.report.question import question, rows_in_use, variation
from hierbayes.report.sampler_checks import checks, verdict
from hierbayes.summaries.printing import plain_fixed, random_effects

if TYPE_CHECKING:
    from hierbayes.summaries.shrinkage_factors import PoolingFactors

MOST_COEFFICIENTS = 40
"""A model with more is not written as a formula."""
MOST_EFFECTS = 2000
"""A model with more group-level effects has no classical columns: least squares with as many columns takes long."""


class Reported(Protocol):
    """What the page needs of a fit."""

    model: Any

    @property
    def plot(self) -> Any: ...

    @property
    def design(self) -> Any: ...

    @property
    def diagnostics(self) -> dict[str, Any]: ...

    @property
    def complaints(self) -> tuple[str, ...]: ...

    def fixef(self, ci_prob: float = 0.95) -> pd.DataFrame: ...

    def varcorr(self, ci_prob: float = 0.95) -> pd.DataFrame: ...

    def thresholds(self, ci_prob: float = 0.95) -> pd.DataFrame: ...

    def ranef(self, ci_prob: float = 0.95) -> pd.DataFrame: ...

    def coef(self, ci_prob: float = 0.95) -> pd.DataFrame: ...

    def icc(self, ci_prob: float = 0.95) -> pd.DataFrame: ...

    def r2(self, ci_prob: float = 0.95) -> pd.DataFrame: ...

    def anova(self, ci_prob: float = 0.95) -> pd.DataFrame: ...

    def pooling(self, ci_prob: float = 0.95) -> PoolingFactors: ...


def fit_page(fit: Reported, made: Mapping[str, Any] | None = None) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    fit : Reported
    made : mapping, optional
        How the fit was made: ``packages`` (versions by name), ``fingerprint`` (of the data).
    """
    parts: tuple[tuple[str, Callable[[], tuple[Block, ...]]], ...] = (
        ("The question", lambda: _question(fit)),
        ("The model", lambda: _model(fit)),
        ("Priors", lambda: _priors(fit)),
        ("Can the draws be trusted?", lambda: _checks(fit)),
        ("Coefficients and variance components", lambda: _estimates(fit)),
        ("Figures", lambda: _figures(fit)),
        ("Pooling", lambda: _pooling(fit)),
        ("Group-level effects", lambda: _levels(fit)),
        ("Where the variance comes from", lambda: _variance(fit)),
        ("Classical fits beside the posterior", lambda: _classical(fit)),
        ("How it was made", lambda: _made(fit, made or {})),
    )
    sections = tuple(Section(title, _attempt(make)) for title, make in parts)
    return page(
        Page(
            title=f"{fit.design.response}: a hierarchical model"
            if fit.design.factors
            else f"{fit.design.response}: a linear model",
            formula=fit.model.spec.formula.text,
            notes=fit.complaints,
            sections=sections,
            footer="Intervals are equal-tailed and hold 95% of the posterior. Spreads are standard deviations, not "
            "variances, unless a table says otherwise.",
        )
    )


def _attempt(make: Callable[[], tuple[Block, ...]]) -> tuple[Block, ...]:
    """Return the blocks, or the reason why there are none."""
    try:
        return make()
    except (ModelError, DataError) as error:
        return (Words(f"This part is left out: {error.what}.", aside=True),)


def _question(fit: Reported) -> tuple[Block, ...]:
    formula = fit.model.spec.formula
    said = Listing((*variation(formula, fit.design), *rows_in_use(fit.design)))
    return Words(question(formula, fit.design)), said


def _model(fit: Reported) -> tuple[Block, ...]:
    if len(fit.design.coefficients) > MOST_COEFFICIENTS:
        return (Words(f"{len(fit.design.coefficients)} coefficients are too many to write out here.", aside=True),)
    return Maths(mathml(fit.model.equation("latex"))), Code(fit.model.equation("words"))


def _priors(fit: Reported) -> tuple[Block, ...]:
    table = fit.model.priors
    shown = table.loc[:, [name for name in table if (table[name] != "").any()]]
    return (
        Table(shown, "", "Priors of sds speak of sds, not variances. model.prior_predictive() draws data from them."),
    )


def _checks(fit: Reported) -> tuple[Block, ...]:
    table = checks(fit.diagnostics)
    blocks: list[Block] = [Words(verdict(fit.complaints)), Table(table)]
    if not fit.complaints and (table["passed"] == "no").any():
        blocks.append(Words("What is not so concerns group-level effects, which are drawn exactly given the rest."))
    return tuple(blocks)


def _estimates(fit: Reported) -> tuple[Block, ...]:
    blocks: list[Block] = []
    if fit.design.coefficients:
        blocks.append(Table(plain_fixed(fit.fixef()), "Population-level coefficients: posterior mean and 95% interval"))
    components = fit.varcorr()
    if fit.design.family.has_thresholds:
        caption = "Thresholds of the latent variable less its intercept: posterior mean and 95% interval"
        blocks.append(Table(plain_fixed(fit.thresholds()), caption))
        # the gaps are the distances of the thresholds
        components = components[~components["kind"].str.startswith("gap_")]
    caption = "Standard deviations and correlations: posterior median and 95% interval"
    return (*blocks, Table(_true_minus(random_effects(components)), caption))


def _figures(fit: Reported) -> tuple[Block, ...]:
    return pictures(fit.plot, fit.design, bool(fit.model.spec.formula.population.terms))


def _pooling(fit: Reported) -> tuple[Block, ...]:
    if not fit.design.factors:
        return (Words("The model has no grouping factor, so nothing is pooled.", aside=True),)
    found = fit.pooling()
    said = "0 is no pooling: each level is estimated from its own rows. 1 is complete pooling: all levels are alike."
    levels = found.levels.groupby(["group", "term"], sort=False)["factor"].agg(["min", "median", "max"])
    terms = found.terms[found.terms["group"].isin(fit.design.factors)].set_index(["group", "term"])
    table = terms.rename(columns={"size": "levels", "factor": "all levels"}).join(levels)
    note = (
        "All levels: one less the variance of the levels' posterior means over the mean of their variance (Gelman and "
        "Pardoe 2006). min, median and max: how far single levels are drawn to the population."
    )
    return Words(said), Table(table.map(_three), "Pooling factors", note)


def _three(value: float) -> str:
    return f"{value:.3f}" if isinstance(value, float) else f"{value:,}"


def _levels(fit: Reported) -> tuple[Block, ...]:
    if not fit.design.factors:
        return (Words("The model has no grouping factor.", aside=True),)
    try:
        factors = fit.pooling().levels
    except (ModelError, DataError) as error:
        left = Words(f"Pooling factors are left out: {error.what}.", aside=True)
        return (left, *level_tables(fit.ranef(), None, 0.95))
    return level_tables(fit.ranef(), factors, 0.95)


def _variance(fit: Reported) -> tuple[Block, ...]:
    shares = _attempt(lambda: _shares(fit))
    sources = _attempt(lambda: _sources(fit))
    # Without the data both are left out for one reason, which is said once.
    return shares if sources == shares else (*shares, *sources)


def _shares(fit: Reported) -> tuple[Block, ...]:
    explained = _bare(fit.r2().set_index(["method", "kind"]), "median")
    said = "Conditional counts the group-level effects as explained, marginal does not."
    r2 = Table(explained, "R\u00b2: share of the variance that is explained", said)
    if not fit.design.factors:
        return (r2,)
    note = "Correlation: of two rows of one level, drawn at random."
    return Table(
        _bare(fit.icc().set_index("group"), "median"), "Intraclass correlations: shares of the variance", note
    ), r2


def _sources(fit: Reported) -> tuple[Block, ...]:
    table = fit.anova()
    spreads = ["kind", "df", "finite_sd", "finite_lower", "finite_upper", "super_sd", "super_lower", "super_upper"]
    units = "units of the response" if fit.design.family.conjugate else "units of the linear predictor"
    first = Table(
        _bare(table[spreads]),
        "Analysis of variance: the sd of every source of variation",
        "finite: of the effects at hand; super: of the population that they are drawn from. Posterior medians, in the "
        f"{units}.",
    )
    if "F" not in table:
        return (first,)
    tests = table.loc[table["kind"] == "population", ["df", "sum_sq", "mean_sq", "F", "chi_sq", "p", "note"]]
    if tests[["F", "chi_sq"]].isna().all(axis=None):
        return (first,)
    note = "F is sequential (type I), as lme4 prints it; chi_sq and p are the Wald test of type II. From the REML fit."
    return first, Table(_bare(tests), "Classical tests of the population terms", note)


def _true_minus(table: pd.DataFrame) -> pd.DataFrame:
    """Write the minus signs of cells that are text with several numbers."""
    columns = [name for name in ("Corr", *METHODS) if name in table]
    return table.assign(**{name: table[name].str.replace("-", MINUS) for name in columns})


def _bare(table: pd.DataFrame, *unwanted: str) -> pd.DataFrame:
    """Leave out columns that hold nothing."""
    kept = [
        name
        for name in table
        if name not in unwanted and not (table[name].isna() | (table[name].astype(str) == "")).all()
    ]
    return table[kept]


def _classical(fit: Reported) -> tuple[Block, ...]:
    design = fit.design
    effects = sum(block.n_levels * len(block.terms) for block in design.groups)
    if effects > MOST_EFFECTS:
        said = f"{effects:,} group-level effects are too many for least squares here; hb.classical(fit) tries."
        return (Words(said, aside=True),)
    factor = design.factors[0] if design.factors else ""
    found = classical_columns(fit.model, fit, factor, 0.95)
    note = (
        "Estimate (standard error). complete: least squares, groups ignored; separate: a fit for each level of "
        f"{factor or 'a factor'}, averaged; fixed: groups as fixed effects that sum to zero; posterior: mean of "
        "coefficients, median of sds and correlations (sd)."
    )
    blocks: list[Block] = [Table(_true_minus(side_by_side(design, found.columns)), "", note)]
    if found.notes:
        blocks.append(Listing(found.notes))
    paired = paired_test(design, {column.method: column.numbers for column in found.columns}, 0.95)
    return (*blocks, Code(str(paired))) if paired else tuple(blocks)


def _made(fit: Reported, made: Mapping[str, Any]) -> tuple[Block, ...]:
    found = fit.diagnostics
    facts = {
        "engine": f"{found['engine']} ({found['reason']})",
        "draws": f"{found['chains']} chains of {found['draws']:,} after warm-up",
        "gradients": f"{found['gradients']:,}",
        "seconds": f"{found['seconds']:.1f}",
        "seed": str(found["seed"]),
        "formula in full": fit.model.spec.formula.canonical,
        "family": f"{fit.model.spec.family.name}, link {fit.model.spec.family.link}",
        "data": f"{fit.design.n:,} rows; fingerprint {made['fingerprint']}" if made.get("fingerprint") else "",
        "versions": ", ".join(f"{name} {number}" for name, number in made.get("packages", {}).items()),
    }
    rows = {name: value for name, value in facts.items() if value}
    return (Table(pd.DataFrame({"how": list(rows.values())}, index=list(rows)), headed=False),)
