"""Prior beside posterior, and how strongly each of the two sources tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hierbayes.comparison.checks import refuse_few_draws
from hierbayes.comparison.prior_densities import prior_densities
from hierbayes.comparison.row_densities import row_densities
from hierbayes.engines.assemble import Labels
from hierbayes.engines.base import Floats, Problem
from hierbayes.errors import ModelError
from hierbayes.posterior import Posterior
from hierbayes.sampling.tree import tree_name, true_name
from hierbayes.tables.numbers import estimates
from hierbayes.tables.own_words import coefficient_word

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from hierbayes.design.design import Design


def named_parameters(labels: Labels, draws: Posterior) -> dict[str, Floats]:
    """Return the draws of each parameter that has a prior, by the name of that prior, shape (chains, draws).

    Correlations have the names of both terms, ``corr_g[x, y]``, each pair once and without those that the model
    leaves out. A coefficient that is called as a parameter of the family is, ``sigma``, is ``beta[sigma]``.
    """
    coefficients = enumerate(labels.coefficients)
    found = {coefficient_word(name, labels.parameters): draws.beta[:, k] for k, name in coefficients}
    for factor, members in labels.grouped.items():
        terms = [term for i in members for term in labels.terms[i]]
        own = draws.factors[factor]
        found |= {f"sd_{factor}[{term}]": own.sd[:, k] for k, term in enumerate(terms)}
        pairs = [(j, k) for k in range(len(terms)) for j in range(k) if not np.all(np.isnan(own.corr[:, k, j]))]
        found |= {f"corr_{factor}[{terms[j]}, {terms[k]}]": own.corr[:, k, j] for j, k in pairs}
    return {name: draws.by_chain(values) for name, values in {**found, **draws.parameters}.items()}


def beside(labels: Labels, prior: Posterior, posterior: Posterior, ci_prob: float) -> pd.DataFrame:
    """Return prior and posterior of each parameter, a row each; see `Fit.prior_posterior`."""
    import pandas as pd

    before, after = named_parameters(labels, prior), named_parameters(labels, posterior)
    rows = []
    for name, draws in after.items():
        own, other = estimates(draws, ci_prob), estimates(before[name], ci_prob)
        wide, narrow = other["upper"] - other["lower"], own["upper"] - own["lower"]
        row: dict[str, Any] = {"parameter": name}
        row |= {f"prior_{key}": float(other[key]) for key in ("median", "lower", "upper")}
        row |= {key: float(own[key]) for key in ("median", "lower", "upper")}
        row["contraction"] = float(1 - (narrow / wide) ** 2) if wide > 0 else np.nan
        rows.append(row)
    return pd.DataFrame(rows).set_index("parameter")


def power_scaling(design: Design, problem: Problem, labels: Labels, posterior: Posterior) -> pd.DataFrame:
    """Return power-scaling sensitivity by ArviZ; see `Fit.psense`.

    The likelihood enters through its logarithm summed over rows, so that no draws x rows array is made.

    Raises
    ------
    ModelError
        If there are too few draws, or no prior has a density that varies.
    """
    import logging

    import arviz_stats
    import xarray as xr

    moving = {name: values for name, values in named_parameters(labels, posterior).items() if np.ptp(values) > 0}
    shape = posterior.shape
    refuse_few_draws(posterior.size)
    priors = sum(
        np.asarray(values.reshape(*shape, -1).sum(axis=2))
        for values in prior_densities(problem, labels, posterior).values()
    )
    if np.ptp(priors) == 0:
        raise ModelError("every prior is flat or fixed, so none can be scaled", "give the parameters proper priors")
    total = np.zeros(posterior.size)
    for _, values in row_densities(design, posterior):
        total += values.sum(axis=1)
    tree = xr.DataTree.from_dict(
        {
            "/posterior": _scalars({tree_name(name): values for name, values in moving.items()}),
            "/log_prior": _scalars({"log_prior": np.asarray(priors)}),
            "/log_likelihood": _scalars({"log_likelihood": total.reshape(shape)}),
        }
    )
    logger = logging.getLogger("arviz_stats.psense")
    disabled, logger.disabled = logger.disabled, True
    try:
        found: pd.DataFrame = arviz_stats.psense_summary(tree, round_to=6)
    finally:
        logger.disabled = disabled
    found.index = found.index.map(true_name).rename("parameter")
    return found


def _scalars(values: dict[str, Floats]) -> xr.Dataset:
    import xarray as xr

    return xr.Dataset({name: (("chain", "draw"), own) for name, own in values.items()})
