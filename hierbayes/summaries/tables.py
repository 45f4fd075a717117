"""A posterior with its names to tables: coefficients, variance components, group effects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hierbayes.design.design import Design
from hierbayes.errors import ModelError
from hierbayes.families import GAUSSIAN, Family
from hierbayes.posterior import Posterior
from hierbayes.summaries.health import Agreement
from hierbayes.summaries.questions.scales import back
from hierbayes.tables.numbers import CONVERGENCE, ESTIMATES, Floats, described
from hierbayes.tables.own_words import own_word
from hierbayes.tables.tidying import by_level, joined

if TYPE_CHECKING:
    import xarray as xr


def fixed_effects(posterior: Posterior, design: Design, ci_prob: float, agreement: Agreement) -> pd.DataFrame:
    """Return the population-level coefficients, one row each."""
    if not design.coefficients:
        return pd.DataFrame(columns=[*ESTIMATES, *CONVERGENCE], index=pd.Index([], name="coefficient"), dtype=float)
    table = described(posterior.beta[None], ci_prob).assign(**agreement.of("beta"))
    table.index = pd.Index(design.coefficients, name="coefficient")
    return table


def thresholds(posterior: xr.Dataset, design: Design, ci_prob: float, agreement: Agreement) -> pd.DataFrame:
    """Return the thresholds of an ordinal model, ``c_k - Intercept``, one row each; no rows for other families."""
    if not design.family.has_thresholds:
        return pd.DataFrame(columns=[*ESTIMATES, *CONVERGENCE], index=pd.Index([], name="threshold"), dtype=float)
    table = described(posterior["threshold"].to_numpy(), ci_prob)
    table = table.assign(**agreement.of("threshold"))
    table.index = pd.Index(posterior["threshold_dim"].to_numpy(), name="threshold")
    return table


def variance_components(posterior: Posterior, design: Design, ci_prob: float, agreement: Agreement) -> pd.DataFrame:
    """Return sds and correlations of the group-level effects and the residual sd, one row each; sds, not variances.

    Other parameters of the family follow, in the group ``Family``, each with its name as its kind.
    """
    rows: list[tuple[str, str, str, str]] = []
    draws: list[Floats] = []
    places: list[tuple[str, tuple[int, ...]]] = []
    for factor in design.factors:
        terms = design.factor_terms(factor)
        own = posterior.factors[factor]
        rows += [(factor, term, "", "sd") for term in terms]
        draws += [own.sd[:, i] for i in range(len(terms))]
        places += [(f"sd_{factor}", (i,)) for i in range(len(terms))]
        for i, j in design.correlated_pairs(factor):
            rows.append((factor, terms[i], terms[j], "corr"))
            draws.append(own.corr[:, i, j])
            places.append((f"corr_{factor}", (i, j)))
    for name in design.family.parameters:
        rows.append((own_word("Residual" if name == "sigma" else "Family", design.factors), "", "", name))
        draws.append(posterior.parameters[name])
        places.append((name, ()))
    columns = ["group", "term", "term2", "kind"]
    if not rows:
        return pd.DataFrame(columns=[*columns, *ESTIMATES, *CONVERGENCE])
    names = pd.DataFrame(rows, columns=columns)
    known = {key: [float(agreement.of(name)[key][place]) for name, place in places] for key in CONVERGENCE}
    estimated = described(np.stack(draws, axis=-1)[None], ci_prob)
    return pd.concat([names, estimated.assign(**known)], axis=1)


def exponentials(posterior: Posterior, family: Family, coefficients: Sequence[str], ci_prob: float) -> pd.DataFrame:
    """Return the estimates of the exponentials of the coefficients.

    Raises
    ------
    ModelError
        If they are no ratios under this family.
    """
    if not family.exponentials:
        instead = '; for a response in logarithms fit the response itself with family="lognormal"'
        raise ModelError(
            f"exponentiate=True is for the links log, logit and cloglog, and that of {family.name} is {family.link}: "
            "the exponential of a coefficient is no ratio of means there",
            f"leave it out{instead if family == GAUSSIAN else ''}",
        )
    if not coefficients:
        return pd.DataFrame(columns=ESTIMATES, index=pd.Index([]), dtype=float)
    table = described(back(posterior.by_chain(posterior.beta), "odds"), ci_prob)
    table.index = pd.Index(list(coefficients))
    return table


def group_effects(posterior: Posterior, design: Design, ci_prob: float) -> pd.DataFrame:
    """Return the deviation of every level of every factor, one row for each level and term."""
    parts = []
    for factor in design.factors:
        terms = design.factor_terms(factor)
        parts.append(_by_level(posterior.factors[factor].b, factor, design, terms, ci_prob))
    return joined(parts)


def group_coefficients(posterior: Posterior, design: Design, ci_prob: float) -> pd.DataFrame:
    """Return the total of every level: the population-level coefficient plus the level's deviation.

    As in lme4's ``coef``, every population-level coefficient has a row for each level, also those that do not vary.
    """
    parts = []
    for factor in design.factors:
        terms = design.factor_terms(factor)
        deviations = posterior.factors[factor].b
        names = list(dict.fromkeys((*design.coefficients, *terms)))
        total = np.zeros((*deviations.shape[:2], len(names)))
        if design.coefficients:
            total[..., : len(design.coefficients)] += posterior.beta[:, None, :]
        for i, term in enumerate(terms):
            total[..., names.index(term)] += deviations[..., i]
        parts.append(_by_level(total, factor, design, names, ci_prob))
    return joined(parts)


def _by_level(draws: Floats, factor: str, design: Design, terms: list[str], ci_prob: float) -> pd.DataFrame:
    flat = draws.reshape(1, len(draws), -1)
    return by_level(factor, design.blocks(factor)[0].levels, terms, described(flat, ci_prob))
