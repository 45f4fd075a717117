"""Repetitions to tables: every estimate beside its truth, and how often intervals hold it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from hierbayes.design.table import Floats
from hierbayes.studies.replicates import NUMBERS, Outcome, Trial

COVERAGE = ["n", "coverage", "mcse", "width", "bias", "rmse", "claimed", "actual"]


def parameter_table(trial: Trial, outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """Return a row for each repetition, method and parameter that the method estimates."""
    names = np.asarray([address.name for address in trial.addresses], dtype=object)
    truth = np.stack([outcome.truth for outcome in outcomes])
    n, count = truth.shape
    parts = []
    for method in trial.methods:
        numbers = np.stack([outcome.numbers[method] for outcome in outcomes])
        index = {"replicate": np.repeat(np.arange(n), count), "parameter": np.tile(names, n), "method": method}
        parts.append(_scored(index, numbers.reshape(-1, 4), truth.reshape(-1)))
    return _ordered(parts, ["replicate", "parameter", "method"], [list(names), list(trial.methods)])


def level_table(trial: Trial, outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """Return a row for each repetition, method, level and term of one grouping factor."""
    levels = trial.levels
    columns = ["replicate", "group", "size", "term", "method", *NUMBERS, "truth", "error", "covered"]
    methods = [method for method in trial.methods if method in outcomes[0].by_level]
    if levels is None or not methods:
        return pd.DataFrame(columns=columns)
    truth = np.stack([outcome.totals for outcome in outcomes])
    n, J, k = truth.shape
    index = {
        "replicate": np.repeat(np.arange(n), J * k),
        "group": np.tile(np.repeat(np.asarray(levels.levels, dtype=object), k), n),
        "size": np.tile(np.repeat(levels.counts, k), n),
        "term": np.tile(np.asarray(levels.terms, dtype=object), n * J),
    }
    parts = []
    for method in methods:
        numbers = np.stack([outcome.by_level[method] for outcome in outcomes])
        parts.append(_scored({**index, "method": method}, numbers.reshape(-1, 4), truth.reshape(-1)))
    order = ["replicate", "group", "term", "method"]
    return _ordered(parts, order, [list(levels.levels), list(levels.terms), methods])


def _scored(index: dict[str, object], numbers: Floats, truth: Floats) -> pd.DataFrame:
    """Return estimates beside truths; `covered` is missing where there is no interval."""
    table = pd.DataFrame({**index, **dict(zip(NUMBERS, numbers.T, strict=True))})
    table["truth"] = truth
    table["error"] = table["estimate"] - truth
    inside = (table["lower"] <= truth) & (truth <= table["upper"])
    table["covered"] = inside.astype("boolean").mask(table["lower"].isna() | table["upper"].isna())
    return table[table["estimate"].notna()]


def _ordered(parts: list[pd.DataFrame], by: list[str], orders: list[list[str]]) -> pd.DataFrame:
    """Return the parts as one table, its labels in the order of the model."""
    table = pd.concat(parts, ignore_index=True)
    ranks = {name: {label: i for i, label in enumerate(order)} for name, order in zip(by[1:], orders, strict=True)}
    keys = [table["replicate"].to_numpy(), *(table[name].map(ranks[name]).to_numpy() for name in by[1:])]
    return table.iloc[np.lexsort(keys[::-1])].reset_index(drop=True)


def parameter_coverage(table: pd.DataFrame) -> pd.DataFrame:
    """Return coverage and errors, one row for each parameter and method."""
    return _summarised(table, ["parameter", "method"])


def level_coverage(table: pd.DataFrame) -> pd.DataFrame:
    """Return coverage and errors over the levels, one row for each term, number of rows and method."""
    return _summarised(table, ["term", "size", "method"])


def _summarised(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Return one row for each group of rows; levels of one repetition are not independent, so they are averaged."""
    rows = []
    for key, own in table.groupby(by, sort=False):
        rows.append((*(key if isinstance(key, tuple) else (key,)), *_summary(own)))
    return pd.DataFrame(rows, columns=[*by, *COVERAGE])


def _summary(own: pd.DataFrame) -> tuple[float, ...]:
    error = own["error"].to_numpy(dtype=float)
    shares = own.dropna(subset="covered").groupby("replicate")["covered"].mean().to_numpy(dtype=float)
    n = len(shares)
    covered = float(shares.mean()) if n else np.nan
    spread = float(np.sqrt(np.mean((shares - covered) ** 2) / n)) if n else np.nan
    return (
        own["replicate"].nunique(),
        covered,
        spread,
        float((own["upper"] - own["lower"]).median()),
        float(error.mean()),
        float(np.sqrt(np.mean(error**2))),
        float(np.sqrt((own["sd"] ** 2).mean())),
        float(error.std(ddof=1)) if len(error) > 1 else np.nan,
    )
