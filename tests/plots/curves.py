"""Made-up tables of curves, components and errors for the figures that draw them."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd


def fans(levels: list[str], draws: int = 50, points: int = 5, seed: int = 4) -> dict[str, pd.DataFrame]:
    """Return lines, data and ribbon; every level has its own line, which each draw turns a little."""
    rng = np.random.default_rng(seed)
    x = np.linspace(0, 9, points)
    lines, data = [], []
    for level in levels:
        start, slope = rng.normal(50, 5), rng.normal(3, 1)
        turned = rng.normal([start, slope], [2, 0.5], (draws, 2))
        lines += [(level, d, at, turned[d, 0] + turned[d, 1] * at) for d in range(draws) for at in x]
        data += [(level, at, start + slope * at + rng.normal(0, 3)) for at in x]
    middle = 50 + 3 * x
    ribbon = pd.DataFrame({"x": x, "median": middle, "level_lower": middle - 10 - x, "level_upper": middle + 10 + x,
                           "lower": middle - 14 - x, "upper": middle + 14 + x})  # fmt: skip
    return {
        "lines": pd.DataFrame(lines, columns=["level", "draw", "x", "y"]),
        "points": pd.DataFrame(data, columns=["level", "x", "y"]),
        "ribbon": ribbon,
    }


def component_rows(groups: list[str], terms: list[str], sources: tuple[str, ...] = ("posterior", "prior", "REML")):
    """Return sds of every term of every group, correlations, sigma and shares under each source."""
    rng = np.random.default_rng(5)
    keys = [("sd", g, term, "", "y" if term == "Intercept" else f"y per unit of {term}")
            for g in groups for term in terms]  # fmt: skip
    keys += [("sigma", "Residual", "", "", "y")]
    keys += [("corr", g, a, b, "") for g in groups for i, b in enumerate(terms) for a in terms[:i]]
    keys += [("share", g, "", "", "") for g in [*groups, "Residual"]]
    found = []
    for source, key in product(sources, keys):
        middle = rng.uniform(-0.2, 0.6) if key[0] in ("corr", "share") else rng.uniform(2, 6)
        middle = abs(middle) if key[0] == "share" else middle
        wide = {"posterior": 0.3, "prior": 0.4, "REML": np.nan}[source] * (1 if key[0] in ("corr", "share") else 4)
        if source == "prior" and key[0] in ("sd", "sigma"):
            wide *= 30
        limits = [max(middle - wide, 0 if key[0] != "corr" else -1), min(middle + wide, 1 if wide < 1 else 99)]
        if source == "REML":
            limits = [np.nan, np.nan]
        inner = [(middle + limit) / 2 for limit in limits]
        found.append((*key, source, middle, *limits, *inner))
    columns = ["kind", "group", "term", "term2", "unit", "source", "median", "lower", "upper"]
    return pd.DataFrame(found, columns=[*columns, "inner_lower", "inner_upper"])


def effect_tables(names: list[str], x_names: list[str] | None = None, n: int = 60) -> dict[str, pd.DataFrame]:
    """Return curves with bands and data for every value of a second variable, on a number or on categories."""
    rng = np.random.default_rng(6)
    x = np.linspace(0, 10, 12) if x_names is None else np.arange(len(x_names), dtype=float)
    curves, points = [], []
    for i, name in enumerate(names):
        curves += [(name, at, 20 + 3 * at + 6 * i, 16 + 3 * at + 6 * i, 24 + 3 * at + 6 * i) for at in x]
        for _ in range(n // len(names)):
            at = rng.uniform(0, 10) if x_names is None else rng.choice(x)
            points.append((name, at, 20 + 3 * at + 6 * i + rng.normal(0, 6)))
    return {
        "curves": pd.DataFrame(curves, columns=["by", "x", "median", "lower", "upper"]),
        "points": pd.DataFrame(points, columns=["by", "x", "y"]),
    }


def errors(sizes: list[int], per_size: int = 15, replicates: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    rows = []
    for size, i, replicate in product(sizes, range(per_size), range(replicates)):
        own = rng.normal(0, 3 / size**0.5)
        rows += [(f"{size}.{i}", size, replicate, "no", own)]
        rows += [(f"{size}.{i}", size, replicate, "partial", own * rng.uniform(0.4, 1.0))]
    return pd.DataFrame(rows, columns=["group", "size", "replicate", "method", "error"])
