"""Sds, correlations and shares of variance as intervals: posterior, prior and REML in one table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hierbayes.design.design import Design
from hierbayes.design.stacked import terms_alike
from hierbayes.design.table import Floats
from hierbayes.engines.assemble import labels_of
from hierbayes.posterior import FactorDraws, Posterior, places_of, posterior_of
from hierbayes.summaries.latent import latent_variance
from hierbayes.summaries.variance_shares import shares_of
from hierbayes.summaries.variation import group_variances
from hierbayes.tables.numbers import check_prob, estimates
from hierbayes.tables.own_words import own_word

if TYPE_CHECKING:
    import xarray as xr

COLUMNS = ["kind", "group", "term", "term2", "unit", "source", "median", "lower", "upper", "inner_lower", "inner_upper"]

INNER = 0.5
"""Probability of the inner interval."""


def component_intervals(
    design: Design,
    posterior: xr.Dataset,
    prior: xr.Dataset | None = None,
    reml: pd.DataFrame | None = None,
    ci_prob: float = 0.95,
) -> pd.DataFrame:
    """Return the variance components under the posterior, the prior and REML.

    The share of a factor is ``mean of z' Sigma z over the rows``, that of the residual ``mean of sigma**2 / weight``,
    each over their sum, draw by draw (`hierbayes.Fit.icc`). Shares are those of a gaussian response; the sds of other
    families are on the scale of the link, and the family's other parameters stand beside them. A categorical response
    has no shares, for each of its categories has its own.

    Parameters
    ----------
    design : Design
    posterior : Posterior
    prior : Dataset, optional
        Draws from the prior under the names of the posterior.
    reml : DataFrame, optional
        A table as `Model.reml().varcorr()` gives.
    ci_prob : float
        Probability of the outer equal-tailed interval; the inner one has 0.5.

    Returns
    -------
    DataFrame
        One row for each component and source. Columns kind ("sd", "sigma", "corr", "share", or the name of another
        parameter of the family), group, term, term2, unit
        (of sds: that of the response, or per unit of the term), source ("posterior", "prior" or "REML"), median, lower,
        upper, inner_lower, inner_upper; REML has an estimate and no limits.
    """
    prob = check_prob(ci_prob)
    labels = labels_of(design)
    parts = [_described(design, posterior_of(posterior, labels), "posterior", prob)]
    if prior is not None:
        parts.append(_described(design, posterior_of(prior, labels), "prior", prob))
    if reml is not None:
        parts.append(_estimated(design, reml))
    table = pd.concat(parts, ignore_index=True)
    order = {"sd": 0, "sigma": 1, "corr": 3, "share": 4}
    return table.sort_values(
        "kind", key=lambda kinds: kinds.map(lambda kind: order.get(kind, 2)), kind="stable", ignore_index=True
    )[COLUMNS]


def _described(design: Design, draws: Posterior, source: str, ci_prob: float) -> pd.DataFrame:
    names, values = _components(design, draws)
    stacked = np.stack(values, axis=-1)
    outer, inner = estimates(stacked[None], ci_prob), estimates(stacked[None], INNER)
    found = pd.DataFrame(names, columns=["kind", "group", "term", "term2", "unit"]).assign(source=source)
    found[["median", "lower", "upper"]] = np.column_stack([outer["median"], outer["lower"], outer["upper"]])
    return found.assign(inner_lower=inner["lower"], inner_upper=inner["upper"])


def _estimated(design: Design, table: pd.DataFrame) -> pd.DataFrame:
    """Return the estimates alone: as a posterior of a single draw."""
    found = _described(design, one_draw(design, table), "REML", 0.95)
    found[["lower", "upper", "inner_lower", "inner_upper"]] = np.nan
    return found


_Name = tuple[str, str, str, str, str]


def _components(design: Design, draws: Posterior) -> tuple[list[_Name], list[Floats]]:
    names: list[_Name] = []
    values: list[Floats] = []
    scale = _scale(design)
    for factor in design.factors:
        blocks = design.blocks(factor)
        terms = [term for block in blocks for term in block.terms]
        columns = np.hstack([block.Z for block in blocks])
        # terms of several categories have one unit
        bare = [
            name
            for block, own in zip(design.groups, terms_alike(design), strict=True)
            if block.factor == factor
            for name in own
        ]
        sd = draws.factors[factor].sd
        for i, term in enumerate(terms):
            unit = scale if np.isin(columns[:, i], (0.0, 1.0)).all() else f"{scale} per unit of {bare[i]}"
            names.append(("sd", factor, term, "", unit))
            values.append(sd[:, i])
        for i, j in design.correlated_pairs(factor):
            names.append(("corr", factor, terms[i], terms[j], ""))
            values.append(draws.factors[factor].corr[:, i, j])
    for name in design.family.parameters:
        sigma = name == "sigma"
        group = own_word("Residual" if sigma else "Family", design.factors)
        names.append((name, group, "", "", scale if sigma else ""))
        values.append(draws.parameters[name])
    if not design.family.has_mean:  # each category has shares of its own
        return names, values
    parts = group_variances(design, draws)
    parts[own_word("Residual", parts)] = latent_variance(design, draws, design.family)
    names += [("share", group, "", "", "") for group in parts]
    values += list(shares_of(parts).T)
    return names, values


def _scale(design: Design) -> str:
    """Return the unit of the linear predictor: the response's, or that of a function of it."""
    location = "share" if design.family.counts_trials else "mean"
    return design.family.unit(design.response, location, design.categories[0] if design.categories else "")


def one_draw(design: Design, table: pd.DataFrame) -> Posterior:
    """Return the sds, correlations and sigma of a classical fit as a posterior of a single draw without effects."""
    labels = labels_of(design)
    factors = {}
    for factor in design.factors:
        rows = table[table["group"] == factor]
        sds = rows.loc[rows["kind"] == "sd", "mean"].to_numpy(dtype=float)
        corr = np.full((len(sds), len(sds)), np.nan)
        np.fill_diagonal(corr, 1.0)
        own = rows.loc[rows["kind"] == "corr", "mean"].to_numpy(dtype=float)
        for (i, j), value in zip(design.correlated_pairs(factor), own, strict=True):
            corr[i, j] = corr[j, i] = value
        factors[factor] = FactorDraws(np.zeros((1, 0, len(sds))), sds[None], corr[None])
    sigma = table.loc[table["kind"] == "sigma", "mean"].to_numpy(dtype=float)
    return Posterior((0,), (0,), np.zeros((1, 0)), {"sigma": sigma}, factors, places_of(labels))
