"""R2, by draw: Gelman's Bayesian R2, and Nakagawa's marginal and conditional R2."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hierbayes.design.design import Design
from hierbayes.design.table import Floats
from hierbayes.families import GAUSSIAN, Family
from hierbayes.families.averages import average, spread
from hierbayes.families.likelihoods import variance
from hierbayes.summaries.covariances import chunks, coefficients, count_draws, drawn, factor_columns, spaced
from hierbayes.summaries.latent import latent_variance, marginal_rows
from hierbayes.summaries.variation import group_variances, population_variance, row_spread
from hierbayes.tables.numbers import described

if TYPE_CHECKING:
    import xarray as xr

MOST = 20_000_000
"""Rows times draws of the marginal R2 of a curved link; with more, evenly spaced draws stand for all."""


def r_squared(design: Design, posterior: xr.Dataset, ci_prob: float, family: Family = GAUSSIAN) -> pd.DataFrame:
    """Return four R2, one row each; see `hierbayes.Fit.r2`."""
    fixed = population_variance(design, posterior)
    between = np.sum([np.zeros(len(fixed)), *group_variances(design, posterior).values()], axis=0)
    residual = latent_variance(design, posterior, family)
    total = fixed + between + residual
    if family.name == "gaussian":
        fitted = row_spread(design, posterior).fitted if design.groups else fixed
        conditional, marginal = fitted / (fitted + residual), fixed / total
    else:
        conditional, marginal = _conditional(design, posterior, family), _marginal(design, posterior, family)
    found = {
        ("bayes", "conditional"): conditional,
        ("bayes", "marginal"): marginal,
        ("nakagawa", "conditional"): (fixed + between) / total,
        ("nakagawa", "marginal"): fixed / total,
    }
    table = _described(list(found.values()), ci_prob)
    table.insert(0, "method", [method for method, _ in found])
    table.insert(1, "kind", [kind for _, kind in found])
    return table


def _described(found: list[Floats], ci_prob: float) -> pd.DataFrame:
    if len({len(own) for own in found}) == 1:
        return described(np.stack(found, axis=-1)[None], ci_prob, chains_too=False)
    tables = [described(own[None, :, None], ci_prob, chains_too=False) for own in found]
    return pd.concat(tables, ignore_index=True)


def _conditional(design: Design, posterior: xr.Dataset, family: Family) -> Floats:
    """Return the variance over the rows of their means, over itself and the mean variance of a row, by draw."""
    found, beta = np.empty(count_draws(posterior)), coefficients(posterior, design)
    effects = [(own, drawn(posterior, f"b_{own.name}")) for own in factor_columns(design)]
    parameters = {name: drawn(posterior, name)[:, None] for name in family.parameters}
    for part in chunks(len(found), design.n):
        eta = beta[part] @ design.X.T + design.offset
        for own, b in effects:
            for i, column in enumerate(own.Z.T):
                eta += b[part, :, i][:, own.codes] * column
        given = {name: values[part] for name, values in parameters.items()}
        fitted = family.mean(eta, given).var(axis=1, ddof=1)
        noise = np.broadcast_to(variance(family, eta, given, trials=design.trials), eta.shape)
        if design.trials is not None:
            noise = noise / design.trials**2
        found[part] = fitted / (fitted + noise.mean(axis=1))
    return found


def _marginal(design: Design, posterior: xr.Dataset, family: Family) -> Floats:
    """Return the same with the group-level effects integrated out, by draw."""
    chosen = spaced(count_draws(posterior), max(MOST // design.n, 250))
    flat = posterior.stack(sample=("chain", "draw")).isel(sample=chosen)
    thinned = flat.drop_vars(("sample", "chain", "draw")).rename(sample="draw").expand_dims("chain")
    thinned = thinned.transpose("chain", "draw", ...)
    parameters = {name: drawn(thinned, name)[:, None] for name in family.parameters}
    found = np.empty(len(chosen))
    for part in chunks(len(found), design.n):
        predictor, between = marginal_rows(design, thinned, part)
        given = {name: values[part] for name, values in parameters.items()}
        fitted = average(family, predictor, between, given).var(axis=1, ddof=1)
        noise = np.broadcast_to(spread(family, predictor, between, given, design.trials), predictor.shape)
        found[part] = fitted / (fitted + noise.mean(axis=1))
    return found
