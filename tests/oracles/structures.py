"""Model structures that the density is checked on, and the small table they share."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

import hierbayes as hb


@cache
def table():
    """Return 60 rows with three grouping factors (one nested), four numbers, a categorical, weights and an offset."""
    rng = np.random.default_rng(20)
    n = 60
    g = np.arange(n) % 6
    return pd.DataFrame(
        {
            "y": rng.normal(10, 3, n),
            "x": rng.normal(2, 1, n),
            "z": rng.uniform(5, 9, n),
            "u": rng.normal(size=n),
            "f": pd.Categorical(np.array(["p", "q", "r"])[rng.integers(0, 3, n)]),
            "g": [f"g{i}" for i in g],
            "h": [f"h{i}" for i in rng.integers(0, 5, n)],
            "k": [f"k{i}" for i in rng.integers(0, 3, n)],
            "w": rng.uniform(0.5, 2, n),
            "known": rng.normal(size=n),
            "apart": 50.0 * g + rng.normal(size=n),
            # 20 levels of one row each, two larger ones
            "lone": [f"l{max(i - 38, 0) if i >= 40 else i % 2}" for i in range(n)],
            # crossed with g, every cell but one
            "m": [f"m{0 if (i % 6, i // 6 % 4) == (2, 1) else i // 6 % 4}" for i in range(n)],
        }
    )


def _laplace(name, **kwargs):
    import pymc as pm

    return pm.Laplace(name, 0, 4, **kwargs)


MIXED = {
    "Intercept": hb.Normal(9, 4),
    "x": hb.Normal(1, 2),
    "z": hb.Flat(),
    "sd_g[Intercept]": hb.Exponential(0.5),
    "sd_g[x]": hb.Gamma(2, 1.5),
    "sd_h": hb.HalfCauchy(1.5),
    "sd_k": hb.LogNormal(0.2, 0.7),
    "corr_g": hb.LKJ(3.5),
    "sigma": hb.InverseGamma(3, 4),
}

# name: formula, options, number of free variables
STRUCTURES = {
    "regression": ("y ~ x + z", {}, 2),
    "no coefficients": ("y ~ 0 + (1 | g)", {}, 3),
    "intercepts": ("y ~ x + (1 | g)", {}, 4),
    "slope alone": ("y ~ x + (0 + x | g)", {}, 4),
    "two correlated": ("y ~ x + (x | g)", {}, 5),
    "two uncorrelated": ("y ~ x + (x || g)", {}, 5),
    "three correlated": ("y ~ x + z + (x + z | g)", {}, 5),
    "four correlated": ("y ~ x + (x + z + u | h)", {}, 5),
    "categorical": ("y ~ f + (0 + f | g)", {}, 5),
    "categorical, sum": ("y ~ f + (f | g)", {"contrasts": {"f": "sum"}}, 5),
    "nested": ("y ~ x + (1 | k/g)", {}, 6),
    "crossed": ("y ~ x + (1 | g) + (1 | h)", {}, 6),
    "four terms": ("y ~ x + (x | g) + (1 | h) + (0 + z | k) + (1 | g:k)", {}, 11),
    "pair and single of one factor": ("y ~ x + (x | g) + (0 + z | g)", {}, 6),
    "weights and offset": ("y ~ x + offset(known) + (x | g)", {"weights": "w"}, 5),
    "fixed": (
        "y ~ x + (x | g)",
        {
            "priors": {
                "sd_g[Intercept]": hb.Fixed(1.5),
                "sd_g[x]": hb.Fixed(0.4),
                "corr_g": hb.Fixed(0.3),
                "sigma": hb.Fixed(2),
            }
        },
        2,
    ),
    "singletons": ("y ~ x + (x | lone)", {}, 5),
    "missing cell": ("y ~ x + (1 | g) + (x | m)", {}, 7),
    "nested, slopes": ("y ~ x + (x | k/g)", {}, 8),
    "one fixed": ("y ~ x + (x | g)", {"priors": {"sd_g[x]": hb.Fixed(0.4)}}, 5),
    "mixed priors": ("y ~ x + z + (x | g) + (1 | h) + (1 | k)", {"priors": MIXED}, 12),
    "uniform and half-normal": (
        "y ~ x + (1 | g)",
        {"priors": {"sd_g": hb.Uniform(0, 9), "sigma": hb.HalfNormal(3)}},
        4,
    ),
    "flat": ("y ~ x + (x | g)", {"priors": "flat"}, 5),
    "centred form": ("apart ~ x + (1 | g) + (1 | h)", {"priors": {"sd_g": hb.HalfNormal(2)}}, 6),
}

LAPLACE = hb.Custom(_laplace)
