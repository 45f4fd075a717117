"""Intraclass correlations: the share of the variance that each grouping factor holds, and what two rows share."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from hierbayes.design.design import Design
from hierbayes.design.levels import FactorColumns, factor_columns
from hierbayes.design.table import Floats
from hierbayes.errors import ModelError
from hierbayes.posterior import Posterior
from hierbayes.summaries.covariances import inner, sums_by
from hierbayes.summaries.latent import latent_variance
from hierbayes.summaries.variation import group_variances, population_variance
from hierbayes.tables.numbers import check_flag, described
from hierbayes.tables.own_words import own_word

KINDS = ("adjusted", "unadjusted")
CORRELATION = ["correlation", "correlation_lower", "correlation_upper"]


def variance_shares(
    design: Design,
    posterior: Posterior,
    ci_prob: float,
    kind: str = "adjusted",
    by_group: bool = True,
) -> pd.DataFrame:
    """Return the share of every grouping factor and of the residual; see `hierbayes.Fit.icc`."""
    family = design.family
    if kind not in KINDS:
        raise ModelError(f'kind={kind!r} is not understood: write "adjusted" or "unadjusted"')
    parts = dict(group_variances(design, posterior))
    if not check_flag("by_group", by_group):
        parts = {"all groups": np.sum(list(parts.values()), axis=0)} if parts else {}
    if kind == "unadjusted":
        parts[own_word("Fixed", parts)] = population_variance(design, posterior)
    residual = own_word("Residual", parts)
    parts[residual] = latent_variance(design, posterior, family)
    shares = shares_of(parts)
    table = described(shares[None], ci_prob)
    table.insert(0, "group", list(parts))
    if by_group:
        found = pair_correlations(design, posterior)
        draws = np.stack([found.get(name, np.full(len(shares), np.nan)) for name in parts], axis=-1)
        own = described(draws[None], ci_prob)[["mean", "lower", "upper"]]
        table[CORRELATION] = own.to_numpy()
    if not family.conjugate:
        table["note"] = [f"on the {family.link} scale: {family.latent_note}" if n == residual else "" for n in parts]
    return table


def shares_of(parts: Mapping[str, Floats]) -> Floats:
    """Return each part over their sum, (draws, parts); of a residual without bound the share is 1."""
    stacked = np.stack(list(parts.values()), axis=-1)
    bound = np.isfinite(stacked)
    shares = np.where(bound, stacked, 0.0) / np.where(bound, stacked, 0.0).sum(axis=-1, keepdims=True)
    return np.where(bound.all(axis=-1, keepdims=True), shares, ~bound)


def pair_correlations(design: Design, posterior: Posterior) -> dict[str, Floats]:
    """Return, for each factor, the correlation of two different rows of one level drawn at random, by draw.

    It is the mean covariance of such pairs over the mean variance of their rows, given the sds, correlations and sigma;
    a pair also shares the levels of other factors where both rows lie in one. NaN where no level has two rows.
    """
    factors = factor_columns(design)
    gaussian = design.family.conjugate
    residual = posterior.parameters["sigma"] ** 2 if gaussian else latent_variance(design, posterior, design.family)
    weights = design.weights if gaussian else np.ones(design.n)
    spreads = [posterior.covariance(own.name) for own in factors]
    found = {}
    for one in factors:
        partners = np.bincount(one.codes)[one.codes] - 1.0
        pairs = float(partners.sum())
        if pairs == 0:
            continue
        shared = np.zeros(len(residual))
        total = residual * float(np.sum(partners / weights)) / pairs
        for other, Sigma in zip(factors, spreads, strict=True):
            shared += inner(_together(one, other) / pairs, Sigma)
            total += inner((other.Z * partners[:, None]).T @ other.Z / pairs, Sigma)
        found[one.name] = shared / total
    return found


def _together(one: FactorColumns, other: FactorColumns) -> Floats:
    """Return the sum of ``z_i z_i''`` over ordered pairs of rows that are in one level of both factors."""
    cells, codes = np.unique(one.codes * other.n_levels + other.codes, return_inverse=True)
    sums = sums_by(codes, other.Z, len(cells))
    return np.asarray(sums.T @ sums - other.Z.T @ other.Z)
