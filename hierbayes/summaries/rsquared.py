"""R2, by draw: Gelman's Bayesian R2, and Nakagawa's marginal and conditional R2."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hierbayes.design.design import Design
from hierbayes.summaries.numbers import described
from hierbayes.summaries.variation import group_variances, population_variance, residual_variance, row_spread

if TYPE_CHECKING:
    import xarray as xr


def r_squared(design: Design, posterior: xr.Dataset, ci_prob: float) -> pd.DataFrame:
    """Return four R2, one row each; see `hierbayes.Fit.r2`."""
    fixed = population_variance(design, posterior)
    between = np.sum([np.zeros(len(fixed)), *group_variances(design, posterior).values()], axis=0)
    residual = residual_variance(design, posterior)
    fitted = row_spread(design, posterior).fitted if design.groups else fixed
    total = fixed + between + residual
    found = {
        ("bayes", "conditional"): fitted / (fitted + residual),
        ("bayes", "marginal"): fixed / total,
        ("nakagawa", "conditional"): (fixed + between) / total,
        ("nakagawa", "marginal"): fixed / total,
    }
    table = described(np.stack(list(found.values()), axis=-1)[None], ci_prob, chains_too=False)
    table.insert(0, "method", [method for method, _ in found])
    table.insert(1, "kind", [kind for _, kind in found])
    return table
