"""A posterior with its names to tables: coefficients, variance components, group effects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hierbayes.design.design import Design
from hierbayes.posterior import Posterior
from hierbayes.summaries.health import Agreement
from hierbayes.summaries.numbers import CONVERGENCE, ESTIMATES, Floats, described
from hierbayes.summaries.own_words import own_word

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
    if not design.family.ordered:
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
        terms = [term for block in design.blocks(factor) for term in block.terms]
        own = posterior.factors[factor]
        rows += [(factor, term, "", "sd") for term in terms]
        draws += [own.sd[:, i] for i in range(len(terms))]
        places += [(f"sd_{factor}", (i,)) for i in range(len(terms))]
        for i, j in correlated_pairs(design, factor):
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


def correlated_pairs(design: Design, factor: str) -> list[tuple[int, int]]:
    """Return the pairs of a factor's terms that the model lets correlate."""
    pairs, start = [], 0
    for block in design.blocks(factor):
        k = len(block.terms)
        pairs += [(start + i, start + j) for i in range(k) for j in range(i + 1, k)]
        start += k
    return pairs


def group_effects(posterior: Posterior, design: Design, ci_prob: float) -> pd.DataFrame:
    """Return the deviation of every level of every factor, one row for each level and term."""
    parts = []
    for factor in design.factors:
        terms = [term for block in design.blocks(factor) for term in block.terms]
        parts.append(_by_level(posterior.factors[factor].b, factor, design, terms, ci_prob))
    return _joined(parts)


def group_coefficients(posterior: Posterior, design: Design, ci_prob: float) -> pd.DataFrame:
    """Return the total of every level: the population-level coefficient plus the level's deviation.

    As in lme4's ``coef``, every population-level coefficient has a row for each level, also those that do not vary.
    """
    parts = []
    for factor in design.factors:
        terms = [term for block in design.blocks(factor) for term in block.terms]
        deviations = posterior.factors[factor].b
        names = list(dict.fromkeys((*design.coefficients, *terms)))
        total = np.zeros((*deviations.shape[:2], len(names)))
        if design.coefficients:
            total[..., : len(design.coefficients)] += posterior.beta[:, None, :]
        for i, term in enumerate(terms):
            total[..., names.index(term)] += deviations[..., i]
        parts.append(_by_level(total, factor, design, names, ci_prob))
    return _joined(parts)


def _by_level(draws: Floats, factor: str, design: Design, terms: list[str], ci_prob: float) -> pd.DataFrame:
    levels = design.blocks(factor)[0].levels
    names = pd.DataFrame(
        {
            "group": factor,
            "level": np.repeat(np.asarray(levels, dtype=object), len(terms)),
            "term": np.tile(np.asarray(terms, dtype=object), len(levels)),
        }
    )
    flat = draws.reshape(1, len(draws), -1)
    return pd.concat([names, described(flat, ci_prob)], axis=1)


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    if not parts:
        return pd.DataFrame(columns=["group", "level", "term", *ESTIMATES])
    return pd.concat(parts, ignore_index=True)
