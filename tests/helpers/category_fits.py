"""Made-up fits of the categorical family, and their linear predictors by loops over draws, rows and categories."""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
import pandas as pd
from fits import fake_fit

import hierbayes as hb

NAMES = ("bus", "car", "foot", "rail", "tram", "bike", "boat", "taxi")
FORMULAS = {
    "correlated": "~ x + f + (x | g) + (1 | h)",
    "apart": "~ x + f + (x || g)",
    "nested": "~ x + (1 | g/h)",
    "crossed": "~ x + f + (1 | g) + (x | h)",
    "plain": "~ x + f",
}


def table(names=NAMES[:3], n=60) -> pd.DataFrame:
    """Rows with two crossed factors, a number, a category, and a response of the given categories, the first lowest."""
    rng = np.random.default_rng(5)
    data = pd.DataFrame(
        {
            "g": rng.choice(list("abcdef"), n),
            "h": rng.choice(["u", "v", "w"], n),
            "x": rng.normal(size=n).round(2),
            "f": rng.choice(["low", "high"], n),
        }
    )
    slopes = rng.normal(size=len(names))
    utility = np.outer(data["x"], slopes) + rng.gumbel(size=(n, len(names)))
    which = utility.argmax(axis=1)
    which[: len(names)] = np.arange(len(names))  # every category occurs
    data["kind"] = pd.Categorical([names[k] for k in which], categories=names)
    return data


@cache
def made_up(structure: str = "correlated", names=NAMES[:3], draws: int = 30):
    """A fit whose posterior is made up; effects of moderate size."""
    return shrunk(f"kind {FORMULAS[structure]}", table(names), draws)


def shrunk(formula: str, data: pd.DataFrame, draws: int = 30, **options):
    """A fit of any formula whose posterior is made up, coefficients and effects half those of `fake_fit`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hb.HierBayesWarning)
        fit = fake_fit(formula, data, draws=draws, **({"family": "categorical"} | options))
    for name in fit.posterior:
        if str(name) == "beta" or str(name).startswith(("b_", "sd_")):
            fit.posterior[name] *= 0.5
    return fit


def known(fit):
    """The effects of the fit's levels, as a function of factor and level: draws by term."""
    return lambda factor, level: fit.posterior[f"b_{factor}"].sel({factor: level})


def nothing(factor, level):
    return None


def numbers_of(row) -> dict[str, float]:
    return {"Intercept": 1.0, "x": row.x, "f[low]": float(row.f == "low")}


def level_of(row, factor: str) -> str:
    return ":".join(getattr(row, part) for part in factor.split(":"))


def predictors(fit, data=None, effects=None) -> np.ndarray:
    """The linear predictors, shape (chain, draw, row, K - 1), by loops; `effects` gives those of a level."""
    effects, data = effects or known(fit), table(fit.design.categories) if data is None else data
    post, others = fit.posterior, fit.design.categories[1:]
    found = np.zeros((post.sizes["chain"], post.sizes["draw"], len(data), len(others)))
    for i, row in enumerate(data.itertuples()):
        x = numbers_of(row)
        for c, name in enumerate(others):
            for coef in post["coef"].to_numpy():
                if str(coef).startswith(f"{name}:"):
                    beta = post["beta"].sel(coef=coef).to_numpy()
                    found[:, :, i, c] += beta * x[str(coef).removeprefix(f"{name}:")]
            for factor in fit.design.factors:
                b = effects(factor, level_of(row, factor))
                for term in post[f"{factor}_term"].to_numpy() if b is not None else ():
                    if str(term).startswith(f"{name}:"):
                        own = b.sel({f"{factor}_term": term}).to_numpy()
                        found[:, :, i, c] += own * x[str(term).removeprefix(f"{name}:")]
    return found


def shares(eta: np.ndarray) -> np.ndarray:
    """The probabilities of all categories, the reference first, from the definition."""
    odds = np.concatenate([np.ones((*eta.shape[:-1], 1)), np.exp(eta)], axis=-1)
    return odds / odds.sum(axis=-1, keepdims=True)


def covariance(fit, row) -> np.ndarray:
    """The covariance of a row's linear predictors over levels that there might be, shape (chain, draw, K-1, K-1)."""
    post, others = fit.posterior, fit.design.categories[1:]
    S, x = len(others), numbers_of(row)
    found = np.zeros((post.sizes["chain"], post.sizes["draw"], S, S))
    for factor in fit.design.factors:
        terms = [str(term) for term in post[f"{factor}_term"].to_numpy()]
        z = np.zeros((S, len(terms)))
        for j, term in enumerate(terms):
            for c, name in enumerate(others):
                if term.startswith(f"{name}:"):
                    z[c, j] = x[term.removeprefix(f"{name}:")]
        sd = post[f"sd_{factor}"].to_numpy()
        corr = np.broadcast_to(np.eye(len(terms)), (*sd.shape, len(terms)))
        if f"corr_{factor}" in post:
            given = post[f"corr_{factor}"].to_numpy()
            corr = np.where(np.isnan(given), np.eye(len(terms)), given)
        Sigma = sd[..., :, None] * corr * sd[..., None, :]
        found += z @ Sigma @ z.T
    return found
