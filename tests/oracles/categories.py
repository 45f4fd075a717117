"""Categorical models written out by hand: the linear predictors by loops over rows, categories, labels and levels.

Nothing here knows of stacked matrices: each structure says what its columns are in one row of the table, by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from types import SimpleNamespace

import numpy as np
import pandas as pd
from oracles.given import covariance_parts
from oracles.joint import log_corr_prior, log_prior
from scipy import special, stats

import hierbayes as hb

THREE, FOUR = ("no", "perhaps", "yes"), ("tea", "beer", "water", "cola")


@cache
def table() -> pd.DataFrame:
    """Sixty rows: responses of three (text) and four (declared order) categories, three factors, one nested."""
    rng = np.random.default_rng(31)
    n = 60
    return pd.DataFrame(
        {
            "y3": rng.choice(THREE, n, p=[0.2, 0.5, 0.3]),
            "y4": pd.Categorical(rng.choice(FOUR, n), FOUR),
            "y5": rng.integers(0, 5, n),
            "x": rng.normal(2, 1, n),
            "z": rng.uniform(5, 9, n),
            "f": pd.Categorical(np.array(["p", "q", "r"])[rng.integers(0, 3, n)]),
            "g": [f"g{i % 6}" for i in range(n)],
            "h": [f"h{i}" for i in rng.integers(0, 4, n)],
            "k": [f"k{i % 6 % 2}" for i in range(n)],
            "w": rng.uniform(0.5, 2, n),
            # told by the level of g, but for a few rows
            "told": np.where(rng.random(n) < 0.95, np.take(THREE, np.arange(n) % 6 % 3), rng.choice(THREE, n)),
        }
    )


Columns = Callable[[object], dict[str, float]]


@dataclass(frozen=True)
class Bar:
    """A group-level term: its factor, the label of a row's level, its columns in a row."""

    factor: str
    level: Callable[[object], str]
    columns: Columns


@dataclass(frozen=True)
class Structure:
    """A formula and the same in words of Python."""

    formula: str
    categories: tuple[str, ...]
    population: Columns
    bars: tuple[Bar, ...] = ()
    options: dict = field(default_factory=dict)

    def model(self, **options) -> hb.Model:
        return hb.Model(self.formula, table(), family="categorical", **(self.options | options))


def one(row):
    return {"Intercept": 1.0}


def line(row):
    return {"Intercept": 1.0, "x": row.x}


def treated(row):
    return {"Intercept": 1.0, "f[q]": float(row.f == "q"), "f[r]": float(row.f == "r")}


def summed(row):
    last = float(row.f == "r")
    return {"Intercept": 1.0, "f[p]": (row.f == "p") - last, "f[q]": (row.f == "q") - last}


def cells(row):
    return {f"f[{level}]": float(row.f == level) for level in "pqr"}


def by(factor: str, columns: Columns = one) -> Bar:
    return Bar(factor, lambda row: ":".join(getattr(row, name) for name in factor.split(":")), columns)


PRIORS = {
    "perhaps:Intercept": hb.Normal(0.4, 2),
    "x": hb.Normal(0.2, 0.9),
    "yes:z": hb.Normal(-1, 3),
    "beta": hb.Normal(0, 4),
    "sd_g[Intercept]": hb.Exponential(0.5),
    "sd_g[yes:x]": hb.Gamma(2, 1.5),
    "sd_g": hb.LogNormal(0.2, 0.7),
    "sd_h": hb.InverseGamma(3, 4),
    "corr_g": hb.LKJ(3.5),
}

FIXED = {
    "sd_g[perhaps:Intercept]": hb.Fixed(1.5),
    "sd_g[x]": hb.Fixed(0.4),
    "corr_g": hb.Fixed(0.2),
    "sd_h": hb.Fixed(0.7),
}

STRUCTURES = {
    "regression": Structure("y3 ~ x + f", THREE, lambda row: line(row) | treated(row)),
    "intercepts": Structure("y3 ~ x + (1 | g)", THREE, line, (by("g"),)),
    "slopes": Structure("y3 ~ x + (x | g)", THREE, line, (by("g", line),)),
    "uncorrelated": Structure(
        "y3 ~ x + (x || g)",
        THREE,
        line,
        (by("g"), by("g", lambda row: {"x": row.x})),
        {"priors": {"sd_g[x]": hb.HalfNormal(1)}},
    ),
    "factor uncorrelated": Structure("y3 ~ f + (0 + f || h)", THREE, treated, (by("h", cells),)),
    "cells": Structure("y3 ~ f + (0 + f | h)", THREE, treated, (by("h", cells),)),
    "sum contrasts": Structure("y3 ~ f + (f | h)", THREE, summed, (by("h", summed),), {"contrasts": {"f": "sum"}}),
    "nested": Structure("y3 ~ x + (1 | k/g)", THREE, line, (by("k"), by("k:g"))),
    "crossed": Structure("y4 ~ x + (1 | g) + (x | h)", FOUR, line, (by("g"), by("h", line))),
    "two terms of a factor": Structure(
        "y3 ~ x + z + (x | g) + (0 + z | g)",
        THREE,
        lambda row: line(row) | {"z": row.z},
        (by("g", line), by("g", lambda row: {"z": row.z})),
    ),
    "weights": Structure(
        "y3 ~ x * z + (x | g)",
        THREE,
        lambda row: line(row) | {"z": row.z, "x:z": row.x * row.z},
        (by("g", line),),
        {"weights": "w"},
    ),
    "no intercept": Structure("y4 ~ 0 + f + (0 + x | g)", FOUR, cells, (by("g", lambda row: {"x": row.x}),)),
    "no coefficients": Structure("y3 ~ 0 + (1 | g)", THREE, lambda row: {}, (by("g"),)),
    "numbers": Structure("y5 ~ x + (1 | k)", ("0", "1", "2", "3", "4"), line, (by("k"),)),
    "own priors": Structure(
        "y3 ~ x + z + (x | g) + (1 | h)",
        THREE,
        lambda row: line(row) | {"z": row.z},
        (by("g", line), by("h")),
        {"priors": PRIORS},
    ),
    "centred form": Structure("told ~ x + (1 | g) + (1 | h)", THREE, line, (by("g"), by("h"))),
    "fixed": Structure("y3 ~ x + (x | g) + (1 | h)", THREE, line, (by("g", line), by("h")), {"priors": FIXED}),
}


def predictors(structure: Structure, design, beta, b) -> np.ndarray:
    """Return the linear predictors of the categories but the first, shape (rows, categories - 1), by loops."""
    found = np.zeros((design.n, len(structure.categories) - 1))
    coefficients = dict(zip(design.coefficients, beta, strict=True))
    for i, row in enumerate(table().itertuples()):
        for c, name in enumerate(structure.categories[1:]):
            for label, value in structure.population(row).items():
                found[i, c] += coefficients[f"{name}:{label}"] * value
            for bar in structure.bars:
                levels = design.blocks(bar.factor)[0].levels
                terms = [term for block in design.blocks(bar.factor) for term in block.terms]
                effects = b[bar.factor][levels.index(bar.level(row))]
                for label, value in bar.columns(row).items():
                    found[i, c] += effects[terms.index(f"{name}:{label}")] * value
    return found


def log_likelihood(structure: Structure, eta, given=None) -> float:
    """Return the log likelihood by rows, from the definition of the multinomial logit."""
    data = table()
    given = [str(value) for value in data[structure.formula.split()[0]]] if given is None else given
    weights = data[structure.options["weights"]] if "weights" in structure.options else np.ones(len(data))
    total = 0.0
    for row, answer, weight in zip(eta, given, weights, strict=True):
        total += weight * special.log_softmax([0.0, *row])[structure.categories.index(answer)]
    return total


def log_joint(structure: Structure, model, sd, corr, beta, b, answers=None) -> float:
    """Return the log density of data and parameters, of (sd, corr, beta, b) for the columns as given."""
    design, priors = model.design, model.resolved_priors
    total = log_likelihood(structure, predictors(structure, design, beta, b), answers)
    total += log_prior_beta(structure, design, priors, beta)
    start: dict[str, int] = dict.fromkeys(design.factors, 0)
    for block, own in zip(design.groups, priors.blocks, strict=True):
        part = slice(start[block.factor], start[block.factor] + len(block.terms))
        start[block.factor] = part.stop
        sds, R = sd[block.factor][part], corr[block.factor][part, part]
        total += (
            stats.multivariate_normal(np.zeros(len(sds)), np.outer(sds, sds) * R).logpdf(b[block.factor][:, part]).sum()
        )
        columns = [bar.columns for bar in structure.bars if bar.factor == block.factor]
        total += log_prior_covariance(block, own, sds, R, inward(block, own, columns))
    return total


def log_prior_beta(structure: Structure, design, priors, beta) -> float:
    """Return the log prior of the coefficients; that of an intercept is at the means of its category's predictors."""
    values = dict(zip(design.coefficients, beta, strict=True))
    means = means_of(structure.population)
    total = 0.0
    for label, prior in zip(design.coefficients, priors.beta, strict=True):
        value = values[label]
        if label.endswith(":Intercept"):
            name = label.removesuffix(":Intercept")
            value += sum(means[k] * values[f"{name}:{k}"] for k in means.index if k != "Intercept")
        total += log_prior(prior, value)
    return total


def means_of(*columns: Columns) -> pd.Series:
    """Return the mean of each column over the rows of the table."""
    rows = [{name: value for each in columns for name, value in each(row).items()} for row in table().itertuples()]
    return pd.DataFrame(rows).mean()


def inward(block, own, columns) -> np.ndarray:
    """Return the matrix that takes effects as written to those that the priors refer to.

    With a factor f of three levels these are, in each category, the mean of the cells over the rows, q against p, and r
    against the mean of both, written out here. Else they are the effects as written, an intercept at the means.
    """
    found, means = np.eye(len(block.terms)), means_of(*columns)
    names = [term.split(":", 1) for term in block.terms]
    if not own.moved:
        return found
    if any(label.startswith("f[") for _, label in names):
        p, q, r = (pd.Series(columns[0](SimpleNamespace(f=level))) for level in "pqr")
        rows = [means, q - p, (2 * r - p - q) / np.sqrt(3)]
        return np.kron(np.eye(len(names) // 3), np.array([row.to_numpy() for row in rows]))
    for place, (name, label) in enumerate(names):
        if label != "Intercept":
            found[names.index([name, "Intercept"]), place] = means[label]
    return found


def log_prior_covariance(block, own, sd, corr, inverse) -> float:
    """Return the log prior of sds and correlations, which may refer to other columns than those that are written."""
    inside_sd, inside_corr = covariance_parts(inverse, sd, corr)
    total = sum(log_prior(prior, value) for prior, value in zip(own.sd, inside_sd, strict=True))
    return total + log_corr_prior(own.corr, inside_corr) + _log_jacobian(inverse, sd, corr)


def _log_jacobian(inverse, sd, corr) -> float:
    """Return log |d inside / d given| of sds and correlations, by complex steps."""
    k = len(sd)
    rows, columns = np.tril_indices(k, -1)
    at = np.concatenate([sd, corr[rows, columns]]).astype(complex)
    slopes = np.empty((len(at), len(at)))
    for i in range(len(at)):
        moved = at.copy()
        moved[i] += 1e-30j
        matrix = np.eye(k, dtype=complex)
        matrix[rows, columns] = matrix[columns, rows] = moved[k:]
        own_sd, own_corr = covariance_parts(inverse, moved[:k], matrix)
        slopes[:, i] = np.concatenate([own_sd, own_corr[rows, columns]]).imag / 1e-30
    return np.linalg.slogdet(slopes)[1]


def moderate(point):
    """Return a point with coefficients and effects of moderate size."""
    return replace(point, beta=0.5 * point.beta, b=tuple(0.5 * own for own in point.b))
