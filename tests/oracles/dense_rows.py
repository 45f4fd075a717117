"""A model's rows written out, one draw at a time: the mean and the whole covariance matrix, by plain loops.

Slow and plain on purpose. `cases` are made-up posteriors of designs that hold weights, offsets, slopes, nested, crossed
and unbalanced factors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from fits import fake_fit

import hierbayes as hb


@dataclass
class Rows:
    """One draw: the population part, the fitted mean, and the parts of the covariance of the rows."""

    fixed: np.ndarray
    mean: np.ndarray
    groups: dict
    residual: np.ndarray

    @property
    def V(self):
        return sum(self.groups.values()) + self.residual


def every_draw(fit):
    """Yield the rows of every draw, chain by chain."""
    sizes = fit.posterior.sizes
    for chain in range(sizes["chain"]):
        for draw in range(sizes["draw"]):
            yield rows_of_draw(fit, fit.posterior.isel(chain=chain, draw=draw))


def rows_of_draw(fit, point):
    design = fit.design
    n = design.n
    fixed = np.array([sum(design.X[i] * point["beta"].to_numpy()) + design.offset[i] for i in range(n)])
    mean, groups = fixed.copy(), {}
    for factor in design.factors:
        groups[factor] = np.zeros((n, n))
        start = 0
        for block in design.blocks(factor):
            k = len(block.terms)
            own = slice(start, start + k)
            sd = point[f"sd_{factor}"].to_numpy()[own]
            corr = point[f"corr_{factor}"].to_numpy()[own, own] if f"corr_{factor}" in point and k > 1 else np.eye(k)
            Sigma = np.diag(sd) @ corr @ np.diag(sd)
            for i in range(n):
                level = block.levels[block.codes[i]]
                b = point[f"b_{factor}"].sel({factor: level}).to_numpy()[own]
                mean[i] += block.Z[i] @ b
                for j in range(n):
                    if block.codes[i] == block.codes[j]:
                        groups[factor][i, j] += block.Z[i] @ Sigma @ block.Z[j]
            start += k
    residual = np.diag(float(point["sigma"]) ** 2 / design.weights)
    return Rows(fixed, mean, groups, residual)


def uneven():
    """24 rows: an unbalanced factor, a nested one, a crossed one, a predictor, an offset and weights."""
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "y": rng.normal(10, 3, 24),
            "x": np.round(rng.uniform(0, 4, 24), 2),
            "f": pd.Categorical(rng.choice(list("uvw"), 24)),
            "g": list("aaaaaaaabbbbbbcccccdddde"),
            "h": list("123") * 8,
            "o": rng.normal(size=24),
            "w": rng.uniform(0.5, 3, 24),
        }
    )


CASES = {
    "intercept": ("y ~ 1 + (1 | g)", {}),
    "slope": ("y ~ x + (x | g)", {}),
    "split": ("y ~ x + f + (x || g)", {}),
    "weighted": ("y ~ x + offset(o) + (x | g)", {"weights": "w"}),
    "crossed": ("y ~ f + (1 | g) + (x | h)", {"weights": "w"}),
    "nested": ("y ~ x + (x | g/h)", {}),
}


def cases(draws=6):
    return {
        name: fake_fit(formula, uneven(), draws=draws, seed=i, **options)
        for i, (name, (formula, options)) in enumerate(CASES.items())
    }


def fixed_dyestuff(sd=40.0, sigma=50.0, **options):
    """Dyestuff, 6 batches of 5, with the sds held fixed: everything about the variance has a closed form."""
    given = {"sd_Batch": hb.Fixed(sd), "sigma": hb.Fixed(sigma)}
    options = {"draws": 1000, "chains": 4, "seed": 1, "progress": False} | options
    return hb.fit("Yield ~ 1 | Batch", hb.load_data("dyestuff"), priors=given, **options)
