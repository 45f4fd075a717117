"""Four models of few levels, whose sds the data leave open: one real, three simulated with plain numpy."""

from __future__ import annotations

import numpy as np
import pandas as pd

import hierbayes as hb


def departments():
    """Admissions of six departments, Bickel, Hammel and O'Connell (1975)."""
    data = pd.DataFrame(
        {
            "dept": np.repeat(list("ABCDEF"), 2),
            "male": [1, 0] * 6,
            "admit": [512, 89, 353, 17, 120, 202, 138, 131, 53, 94, 22, 24],
            "applications": [825, 108, 560, 25, 325, 593, 417, 375, 191, 393, 373, 341],
        }
    )
    return "admit | trials(applications) ~ male + (male | dept)", data, "binomial"


def _eta(rng, levels, rows, sds):
    """Return a table with a predictor and the linear predictor of these group-level sds, intercept 0.5, slope 0.4."""
    x, g = rng.normal(size=levels * rows), np.repeat(np.arange(levels), rows)
    b = rng.normal(size=(levels, 2)) * sds
    return pd.DataFrame({"x": x, "g": [f"g{i}" for i in g]}), 0.5 + b[g, 0] + (0.4 + b[g, 1]) * x


def counts():
    """Eight levels of three rows: one row a level more than columns."""
    rng = np.random.default_rng(31)
    data, eta = _eta(rng, 8, 3, [0.5, 0.3])
    return "y ~ x + (x | g)", data.assign(y=rng.poisson(np.exp(eta))), "poisson"


def grades():
    """Five levels of twelve rows, four categories."""
    rng = np.random.default_rng(32)
    data, eta = _eta(rng, 5, 12, [0.6, 0.0])
    latent = eta + rng.logistic(size=len(eta))
    return "y ~ x + (1 | g)", data.assign(y=1 + np.sum(latent[:, None] > [-1.0, 0.5, 2.0], axis=1)), "ordinal"


def dispersed():
    """Six levels of six rows, counts with more variance than those of Poisson."""
    rng = np.random.default_rng(33)
    data, eta = _eta(rng, 6, 6, [0.4, 0.0])
    mean = np.exp(eta + 1.0)
    return "y ~ x + (1 | g)", data.assign(y=rng.negative_binomial(3, 3 / (3 + mean))), "negative_binomial"


MAKERS = {"departments": departments, "counts": counts, "grades": grades, "dispersed": dispersed}


def model(name, **options):
    formula, data, family = MAKERS[name]()
    return hb.Model(formula, data, family=family, **options)
