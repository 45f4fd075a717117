"""The models that are calibrated: every kind of term, few and unequal groups, sds near 0."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

import hierbayes as hb


@dataclass(frozen=True)
class Structure:
    """A model to calibrate; default priors take their scale from the response of its table."""

    formula: str
    data: Callable[[], pd.DataFrame]
    about: str
    options: dict[str, Any] = field(default_factory=dict)
    engine: str = "auto"
    share: float = 1.0
    """Of the data sets of the others."""

    def model(self) -> hb.Model:
        return hb.Model(self.formula, self.data(), **self.options)


def bundled(name: str) -> Callable[[], pd.DataFrame]:
    return lambda: hb.load_data(name)


def grouped(sizes: list[int], seed: int) -> Callable[[], pd.DataFrame]:
    """Return a maker of a table of groups of these sizes, with two predictors, a factor, weights and an offset."""

    def make() -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        n = sum(sizes)
        return pd.DataFrame(
            {
                "y": rng.normal(10, 4, n),
                "x": rng.normal(2, 1, n),
                "z": rng.uniform(0, 5, n),
                "f": np.resize(["p", "q", "r"], n),
                "w": rng.uniform(0.3, 3, n),
                "known": rng.normal(0, 3, n),
                "g": np.repeat([f"g{i:02d}" for i in range(len(sizes))], sizes),
            }
        )

    return make


def conditions(sizes: list[int], seed: int) -> Callable[[], pd.DataFrame]:
    """Return a maker of a table of subjects with so many of the conditions p, q and r, a row each, in any order."""

    def make() -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        n = sum(sizes)
        return pd.DataFrame(
            {
                "y": rng.normal(10, 4, n),
                "f": np.concatenate([rng.permutation(["p", "q", "r"])[:size] for size in sizes]),
                "g": np.repeat([f"g{i:02d}" for i in range(len(sizes))], sizes),
                "h": rng.choice(["s", "t", "u", "v", "w"], n, p=[0.4, 0.3, 0.15, 0.1, 0.05]),
            }
        )

    return make


def few_rows(seed: int) -> Callable[[], pd.DataFrame]:
    """Return a maker of a table whose groups have one or two rows but for the last three; pairs share x or z."""

    def make() -> pd.DataFrame:
        found = grouped([1] * 8 + [2] * 8 + [5, 8, 12], seed)()
        pairs = np.arange(8, 24, 2)
        for first in pairs[:4]:
            found.loc[first + 1, "x"] = found.loc[first, "x"]
        for first in pairs[4:6]:
            found.loc[first + 1, "z"] = found.loc[first, "z"]
        return found

    return make


UNEQUAL = [1, 2, 3, 5, 8, 13, 30, 60]

STRUCTURES = {
    "dyestuff": Structure("Yield ~ 1 + (1 | Batch)", bundled("dyestuff"), "6 batches of 5"),
    "three groups": Structure("y ~ 1 + (1 | g)", grouped([4, 4, 4], 1), "3 groups of 4"),
    "unequal groups": Structure("y ~ x + (1 | g)", grouped(UNEQUAL, 2), "8 groups of 1 to 60 rows"),
    "sd near nought": Structure(
        "y ~ 1 + (1 | g)", grouped([5] * 8, 3), "8 groups of 5; the prior keeps the sd below a fifth of sigma",
        {"priors": {"sd_g": hb.HalfNormal(0.3), "sigma": hb.LogNormal(1.4, 0.2)}},
    ),
    "single rows": Structure("y ~ x + (1 | g)", grouped([1] * 16 + [6, 9], 4), "16 of 18 groups have one row"),
    "sleepstudy, intercepts": Structure("Reaction ~ Days + (1 | Subject)", bundled("sleepstudy"), "18 of 10"),
    "sleepstudy, split": Structure("Reaction ~ Days + (Days || Subject)", bundled("sleepstudy"), "18 of 10"),
    "sleepstudy": Structure("Reaction ~ Days + (Days | Subject)", bundled("sleepstudy"), "18 of 10"),
    "slopes, unequal": Structure("y ~ x + (x | g)", grouped(UNEQUAL, 5), "8 groups of 1 to 60 rows"),
    "three terms": Structure("y ~ x + z + (x + z | g)", grouped([8] * 9, 6), "9 groups of 8, three correlations"),
    "categories": Structure(
        "y ~ f + (0 + f | g)", grouped([6] * 10, 7), "10 groups of 6, two rows a cell", {"contrasts": {"f": "sum"}}
    ),
    "weights and offset": Structure(
        "y ~ x + offset(known) + (x | g)", grouped([3, 4, 6, 8, 9, 12], 8), "6 groups", {"weights": "w"}
    ),
    "pastes": Structure("strength ~ 1 + (1 | batch/cask)", bundled("pastes"), "nested: 10 batches of 3 casks of 2"),
    "penicillin": Structure(
        "diameter ~ 1 + (1 | plate) + (1 | sample)", bundled("penicillin"), "crossed: 24 plates by 6 samples"
    ),
    "oats": Structure("Y ~ V * N + (1 | B/V)", bundled("oats"), "split plot, 12 coefficients"),
    "no groups": Structure("y ~ x + z", grouped([15], 9), "15 rows"),
    "one condition each": Structure(
        "y ~ f + (0 + f | g)", conditions([1] * 22 + [3] * 8, 12), "30 subjects, 3 conditions; 22 subjects have one row"
    ),
    "one and two rows": Structure(
        "y ~ x + z + (x + z | g)", few_rows(13), "19 groups, 16 of one or two rows, 6 of these with equal x or z"
    ),
    "empty cells, crossed": Structure(
        "y ~ f + (0 + f | g) + (1 | h)", conditions([1] * 6 + [2] * 6 + [3] * 4, 14),
        "16 subjects, 12 of them without a condition or two, by 5 items",
    ),
}  # fmt: skip


def counted(seed: int) -> Callable[[], pd.DataFrame]:
    """Return a maker of a table of eight groups of five rows, with a response for every family."""

    def make() -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        n = 40
        return pd.DataFrame(
            {
                "x": rng.normal(size=n),
                "g": np.repeat([f"g{i}" for i in range(8)], n // 8),
                "h": np.resize(["r", "s", "t", "u"], n),
                "yes": rng.integers(0, 2, n),
                "k": rng.integers(0, 10, n),
                "n": 9,
                "count": rng.poisson(3, n),
                "size": np.exp(rng.normal(size=n)),
                "share": rng.beta(2, 2, n),
                "grade": np.resize([1, 2, 3, 4], n),
                "pick": np.resize(["bus", "car", "train"], n),
                "time": rng.normal(1, 0.5, n) + rng.exponential(0.5, n),
                "w": rng.integers(1, 4, n),
                "known": rng.normal(0, 0.3, n),
            }
        )

    return make


def kernel(formula: str, family: str, about: str, engine: str = "joint", share: float = 0.2, **more: Any) -> Structure:
    """Return a structure of another family; its priors keep the response within what a double holds."""
    priors = {"Intercept": hb.Normal(0.5, 0.7), "beta": hb.Normal(0, 0.5), "sd_g": hb.HalfNormal(0.7), **more}
    return Structure(formula, counted(11), about, {"family": family, "priors": priors}, engine, share)


_SHAPE, _GAP = hb.LogNormal(1, 0.5), hb.LogNormal(0, 0.5)
ROWS = "8 groups of 5"

STRUCTURES |= {
    "bernoulli": kernel("yes ~ x + (1 | g)", "bernoulli", ROWS),
    "bernoulli, probit": kernel("yes ~ x + (1 | g)", "bernoulli(probit)", ROWS),
    "binomial": kernel("k | trials(n) ~ x + (1 | g)", "binomial", f"{ROWS}, 9 trials a row"),
    "binomial, probit": kernel("k | trials(n) ~ x + (1 | g)", "binomial(probit)", f"{ROWS}, 9 trials a row"),
    "poisson": kernel("count ~ x + offset(known) + (1 | g)", "poisson", f"{ROWS}, an exposure"),
    "poisson, slopes": kernel("count ~ x + (x | g)", "poisson", f"{ROWS}, correlated"),
    "poisson, crossed": kernel("count ~ x + (1 | g) + (1 | h)", "poisson", "8 by 4 levels", sd_h=hb.HalfNormal(0.7)),
    "negative binomial": kernel("count ~ x + (1 | g)", "negative_binomial", ROWS, alpha=_SHAPE),
    "gamma": kernel("size ~ x + (1 | g)", "gamma", ROWS, alpha=_SHAPE),
    "lognormal": kernel("size ~ x + (1 | g)", "lognormal", ROWS, sigma=hb.HalfNormal(1)),
    "Student's t": kernel("size ~ x + (1 | g)", "student_t", ROWS, sigma=hb.HalfNormal(1), nu=hb.Gamma(2, 0.1)),
    "ordinal": kernel("grade ~ x + (1 | g)", "ordinal", f"{ROWS}, 4 categories", gap_2=_GAP, gap_3=_GAP),
    "ordinal, probit": kernel(
        "grade ~ x + (1 | g)", "ordinal(probit)", f"{ROWS}, 4 categories", gap_2=_GAP, gap_3=_GAP
    ),
    "categorical": kernel("pick ~ x + (1 | g)", "categorical", f"{ROWS}, 3 categories"),
    "gaussian, joint": kernel("size ~ x + (x | g)", "gaussian", f"{ROWS}, correlated", sigma=hb.HalfNormal(1)),
    "sleepstudy, PyMC": Structure(
        "Reaction ~ Days + (Days | Subject)", bundled("sleepstudy"), "18 of 10", {}, "pymc", 0.1
    ),
    "beta, PyMC": kernel("share ~ x + (1 | g)", "beta", ROWS, "pymc", 0.1, kappa=hb.LogNormal(2, 0.5)),
    "ex-Gaussian, PyMC": kernel(
        "time ~ x + (1 | g)", "exgaussian", ROWS, "pymc", 0.1, sigma=hb.HalfNormal(1), nu=hb.HalfNormal(1)
    ),
}


def few_levels(levels: int, rows: int, seed: int) -> Callable[[], pd.DataFrame]:
    """Return a maker of a table of few levels, with a response for every family and trials of several sizes."""

    def make() -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        n = levels * rows
        return pd.DataFrame(
            {
                "x": rng.normal(size=n),
                "g": np.repeat([f"g{i}" for i in range(levels)], rows),
                "yes": rng.integers(0, 2, n),
                "k": rng.integers(0, 5, n),
                "n": np.resize([5, 10, 20, 40], n),
                "count": rng.poisson(3, n),
                "grade": np.resize([1, 2, 3, 4], n),
                "pick": np.resize(["bus", "car", "train"], n),
            }
        )

    return make


def few(formula: str, family: str, levels: int, rows: int, about: str = "", **more: Any) -> Structure:
    """Return a structure of few levels, where an sd may be near 0 and is known to a factor of two; see `moving`."""
    priors = {"Intercept": hb.Normal(0, 1.5), "beta": hb.Normal(0, 1.5), "sd_g": hb.HalfNormal(1), **more}
    about = f"{levels} groups of {rows}{about}"
    return Structure(formula, few_levels(levels, rows, 21), about, {"family": family, "priors": priors}, "joint", 0.5)


_LKJ = hb.LKJ(2)

FEW_LEVELS = {
    "few, bernoulli": few("yes ~ x + (1 | g)", "bernoulli", 6, 15),
    "few, binomial slopes": few(
        "k | trials(n) ~ x + (x | g)", "binomial", 5, 8, ", 5 to 40 trials a row, correlated", corr_g=_LKJ
    ),
    "few, poisson slopes": few("count ~ x + (x | g)", "poisson", 8, 3, ", correlated", corr_g=_LKJ),
    "few, ordinal": few("grade ~ x + (1 | g)", "ordinal", 5, 12, ", 4 categories", gap_2=_GAP, gap_3=_GAP),
    "few, negative binomial": few("count ~ x + (1 | g)", "negative_binomial", 6, 6, alpha=_SHAPE),
    "few, categorical": few("pick ~ x + (1 | g)", "categorical", 5, 20, ", 3 categories"),
}
"""Few levels of families that do not integrate out: the chart of the joint engine moves with the sds in all of them."""

STRUCTURES |= FEW_LEVELS


@dataclass(frozen=True)
class Truth:
    """An experiment with one truth for every repetition: how often intervals hold it then."""

    formula: str
    sizes: dict[str, Any]
    truth: dict[str, Any]
    about: str


TRUTHS = {
    "sd near nought": Truth(
        "y ~ 1 + (1 | g)", {"g": [5] * 8}, {"Intercept": 10, "sd_g": 0.05, "sigma": 1}, "8 groups of 5, sd 0.05"
    ),
    "three groups": Truth(
        "y ~ 1 + (1 | g)", {"g": [4] * 3}, {"Intercept": 10, "sd_g": 1, "sigma": 1}, "3 groups of 4, sd 1"
    ),
    "unequal groups": Truth(
        "y ~ 1 + (1 | g)", {"g": UNEQUAL}, {"Intercept": 10, "sd_g": 1, "sigma": 2}, "8 groups of 1 to 60, sd 1"
    ),
}

QUICK = {"structures": ("three groups", "sleepstudy", "bernoulli"), "truths": ("three groups",), "exact": ("dyestuff",)}
