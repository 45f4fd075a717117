"""Made-up fits of every family on one small table, and their linear predictors by loops."""

from __future__ import annotations

import warnings
from copy import copy
from functools import cache

import numpy as np
import pandas as pd
from fits import fake_fit

import hierbayes as hb
from hierbayes.families import FAMILIES, Family
from hierbayes.families import family as by_name
from hierbayes.posterior import posterior_of

# all with one linear predictor a row; the categorical family has fits and tests of its own
EVERY = [
    by_name(f"{name}({link})", 4 if kind.values == "ordered" else 0)
    for name, kind in FAMILIES.items()
    for link in kind.links
    if kind.values != "unordered"
]
OTHERS = [family for family in EVERY if family.name != "gaussian"]
FORMULA = "~ x + f + (x | g) + (1 | h)"


def table() -> pd.DataFrame:
    """Sixty rows: two crossed factors, a number, a category, and a response for each family."""
    rng = np.random.default_rng(8)
    n = 60
    data = pd.DataFrame(
        {
            "g": rng.choice(list("abcdef"), n),
            "h": rng.choice(["u", "v", "w"], n),
            "x": rng.normal(size=n).round(2),
            "f": rng.choice(["low", "high"], n),
            "n": rng.integers(1, 9, n),
            "w": rng.uniform(0.5, 2, n).round(2),
        }
    )
    eta = 0.4 * data["x"] + rng.normal(0, 0.7, 6)[data["g"].map("abcdef".index)]
    data["real"] = eta + rng.normal(size=n)
    data["positive"] = 2.5 + np.exp(eta) * rng.gamma(3.0, 1 / 3, n)
    data["count"] = rng.poisson(np.exp(eta + 0.5))
    data["binary"] = (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(int)
    data["said"] = np.where(data["binary"] == 1, "yes", "no")
    data["k"] = rng.binomial(data["n"], 1 / (1 + np.exp(-eta)))
    data["unit"] = rng.beta(2, 3, n)
    score = 1 + sum((eta + rng.logistic(size=n) > cut).astype(int) for cut in (-1.0, 0.0, 1.2))
    names = ["none", "some", "more", "most"]
    data["ordered"] = pd.Categorical([names[k - 1] for k in score], categories=names, ordered=True)
    return data


def response(family: Family) -> str:
    return "k | trials(n)" if family.values == "binomial" else family.values


@cache
def made_up(family: Family, weights: str | None = None):
    """A fit of the family whose posterior is made up; effects of moderate size."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hb.HierBayesWarning)
        fit = fake_fit(f"{response(family)} {FORMULA}", table(), draws=30, family=family, weights=weights)
    for name in fit.posterior:
        if str(name) in ("beta",) or str(name).startswith(("b_", "sd_")):
            fit.posterior[name] *= 0.5
        if str(name) == "nu" and family.name == "student_t":
            fit.posterior[name] += 3.0
        if str(name) == "sigma" and family.values == "positive":
            fit.posterior[name] *= 0.3
    return fit


def predictors(fit, level=None) -> np.ndarray:
    """The linear predictor of each draw and row, by loops; `level` replaces the effects by a function of factor."""
    post, data = fit.posterior, table()
    chains, draws = post.sizes["chain"], post.sizes["draw"]
    coefs, terms = list(post["coef"].to_numpy()), list(post["g_term"].to_numpy())
    found = np.zeros((chains, draws, len(data)))
    for i, row in enumerate(data.itertuples()):
        x = {"Intercept": 1.0, "x": row.x, "f[low]": float(row.f == "low")}
        found[..., i] = sum(post["beta"].to_numpy()[..., coefs.index(c)] * x[c] for c in coefs)
        if level is None:
            b = post["b_g"].sel(g=row.g).transpose("chain", "draw", "g_term").to_numpy()
            found[..., i] += sum(b[..., terms.index(t)] * x[t] for t in terms)
            found[..., i] += post["b_h"].sel(h=row.h).to_numpy()[..., 0]
    return found


def with_draws(fit, posterior):
    """The same fit with other draws, as far as predictions look at them."""
    other = copy(fit)
    other.__dict__["_arrays"] = posterior_of(posterior, fit.model.labels)
    return other


def parameters(fit) -> dict[str, np.ndarray]:
    return {name: fit.posterior[name].to_numpy()[..., None] for name in fit.spec.family.parameters}


def variances(fit) -> np.ndarray:
    """``z' Sigma z`` of each draw and row over both factors, by loops."""
    post, data = fit.posterior, table()
    sd, corr = post["sd_g"].to_numpy(), post["corr_g"].to_numpy()
    Sigma = np.einsum("cdi,cdij,cdj->cdij", sd, corr, sd)
    z = np.column_stack([np.ones(len(data)), data["x"]])
    return np.einsum("ni,cdij,nj->cdn", z, Sigma, z) + post["sd_h"].to_numpy() ** 2
