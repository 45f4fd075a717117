"""R2, by draw: Gelman's Bayesian R2, and Nakagawa's marginal and conditional R2."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hierbayes.design.design import Design
from hierbayes.design.table import Floats
from hierbayes.posterior import Posterior
from hierbayes.summaries.covariances import chunks, spaced
from hierbayes.summaries.latent import latent_variance, marginal_rows
from hierbayes.summaries.variation import group_variances, population_variance, row_spread
from hierbayes.tables.numbers import described

MOST = 20_000_000
"""Rows times draws of the marginal R2 of a curved link; with more, evenly spaced draws stand for all."""


def r_squared(design: Design, posterior: Posterior, ci_prob: float) -> pd.DataFrame:
    """Return four R2, one row each; see `hierbayes.Fit.r2`."""
    fixed = population_variance(design, posterior)
    between = np.sum([np.zeros(len(fixed)), *group_variances(design, posterior).values()], axis=0)
    residual = latent_variance(design, posterior, design.family)
    total = fixed + between + residual
    if design.family.conjugate:
        fitted = row_spread(design, posterior).fitted if design.groups else fixed
        conditional, marginal = fitted / (fitted + residual), fixed / total
    else:
        conditional, marginal = _conditional(design, posterior), _marginal(design, posterior)
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
        return described(np.stack(found, axis=-1)[None], ci_prob)
    tables = [described(own[None, :, None], ci_prob) for own in found]
    return pd.concat(tables, ignore_index=True)


def _conditional(design: Design, posterior: Posterior) -> Floats:
    """Return the variance over the rows of their means, over itself and the mean variance of a row, by draw."""
    found = np.empty(posterior.size)
    for part in chunks(len(found), design.n):
        eta, given = posterior.linear_predictor(design, design.groups, part), posterior.at(part)
        fitted = design.family.mean(eta, given).var(axis=1, ddof=1)
        noise = np.broadcast_to(design.family.variance(eta, given, trials=design.trials), eta.shape)
        if design.trials is not None:
            noise = noise / design.trials**2
        found[part] = fitted / (fitted + noise.mean(axis=1))
    return found


def _marginal(design: Design, posterior: Posterior) -> Floats:
    """Return the same with the group-level effects integrated out, by draw."""
    chosen = spaced(posterior.size, max(MOST // design.n, 250))
    thinned = posterior.take(chosen, (0,), tuple(range(len(chosen))))
    found = np.empty(len(chosen))
    for part in chunks(len(found), design.n):
        predictor, between = marginal_rows(design, thinned, part)
        given = thinned.at(part)
        fitted = design.family.average(predictor, between, given).var(axis=1, ddof=1)
        noise = np.broadcast_to(design.family.spread(predictor, between, given, design.trials), predictor.shape)
        found[part] = fitted / (fitted + noise.mean(axis=1))
    return found
