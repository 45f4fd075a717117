"""Synthetic tables for the figures, and a measure of how their texts lie."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import norm

MEANS = {"Intercept": 50.0, "x": 3.0, "size[B]": -2.0}
HOSTILE = ["", "<script>alert(1)</script>", "$x^2$", "cost $5", "a_very_long_name_of_a_level_that_goes_on_1",
           "a_very_long_name_of_a_level_that_goes_on_2", "new\nline", r"\alpha"]  # fmt: skip


def covariance(k: int) -> np.ndarray:
    sd = np.array([4.0, 1.5, 2.0])[:k]
    return np.outer(sd, sd) * (0.4 + 0.6 * np.eye(k))


def pooled(levels: list[str], k: int, seed: int = 1) -> pd.DataFrame:
    """Return a table as `hb.pooling().table()` gives, with k terms; the last level is too small for its own fit."""
    rng = np.random.default_rng(seed)
    terms = list(MEANS)[:k]
    mean = np.array(list(MEANS.values()))[:k]
    no = mean + rng.multivariate_normal(np.zeros(k), covariance(k), len(levels)) + rng.normal(size=(len(levels), k))
    partial = mean + 0.7 * (no - mean)
    no[-1] = np.nan
    rows = [
        ("g", level, term, MEANS[term] + 0.5, no[j, i], partial[j, i], partial[j, i] - 1, partial[j, i] + 1, 0.3)
        for j, level in enumerate(levels)
        for i, term in enumerate(terms)
    ]
    return pd.DataFrame(
        rows, columns=["group", "level", "term", "complete", "no", "partial", "lower", "upper", "factor"]
    )


def deviations(levels: list[str], k: int, seed: int = 1) -> pd.DataFrame:
    table = pooled(levels, k, seed)
    mean = table["term"].map(MEANS)
    parts = {"mean": table["partial"] - mean, "lower": table["lower"] - mean, "upper": table["upper"] - mean}
    return table[["group", "level", "term"]].assign(**parts)


def sizes(n: int, seed: int = 3) -> np.ndarray:
    return np.clip(np.exp(np.random.default_rng(seed).normal(2.0, 1.0, n)).round(), 1, 90).astype(int)


def sized(levels: list[str], k: int, seed: int = 1, rows: np.ndarray | None = None) -> pd.DataFrame:
    """Return a table as `summaries.level_sizes.sized_tables` gives: small levels have wide intervals, and move far."""
    table = pooled(levels, k, seed)
    rows = np.repeat(sizes(len(levels)) if rows is None else rows, k)
    reach = 6 / np.sqrt(rows)
    factor = 1 / (1 + rows / 5)
    mean = table["term"].map(MEANS)
    partial = mean + (1 - factor) * (table["no"] - mean).fillna(0)
    parts = {"partial": partial, "lower": partial - reach / 2, "upper": partial + reach / 2}
    own = {"no_lower": table["no"] - reach, "no_upper": table["no"] + reach}
    return table.assign(**parts, factor=factor, rows=rows, **own)


def learned(k: int, n: int = 40, seed: int = 5) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the draws and the average density of `summaries.learned.learned_population`."""
    rng = np.random.default_rng(seed)
    draws, density = [], []
    for i, (term, mean) in enumerate(list(MEANS.items())[:k]):
        sd = np.sqrt(covariance(k)[i, i])
        own = pd.DataFrame({"group": "g", "term": term, "draw": np.arange(n), "mean": rng.normal(mean, sd / 4, n)})
        draws.append(own.assign(sd=sd * rng.uniform(0.7, 1.4, n)))
        x = np.linspace(mean - 4 * sd, mean + 4 * sd, 101)
        density.append(pd.DataFrame({"group": "g", "term": term, "x": x, "density": norm(mean, sd).pdf(x)}))
    return pd.concat(draws, ignore_index=True), pd.concat(density, ignore_index=True)


def names(n: int) -> list[str]:
    return [f"school {i:03d}" for i in range(n)]


def lines(levels: list[str], x: list, seed: int = 2) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the points and curves of a trellis; the last level has no line of its own."""
    rng = np.random.default_rng(seed)
    points, curves = [], []
    for level in levels:
        start, slope = rng.normal(50, 5), rng.normal(3, 1)
        for i, value in enumerate(x):
            own = np.nan if level == levels[-1] else start + slope * i
            points.append((level, value, start + slope * i + rng.normal()))
            curves.append((level, value, 50.0 + 3 * i, own, (start + 50) / 2 + (slope + 3) / 2 * i))
    columns = ["level", "x", "complete", "no", "partial"]
    return pd.DataFrame(points, columns=["level", "x", "y"]), pd.DataFrame(curves, columns=columns)


def texts(figure) -> list[tuple[str, np.ndarray]]:
    """Return every visible text of the drawn figure with its box in pixels."""
    from matplotlib.text import Text

    figure.draw_without_rendering()
    hidden = {id(ax) for ax in figure.axes if not ax.get_visible()}
    axes = [axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)]
    ticks = {id(label) for axis in axes for tick in axis.get_major_ticks() for label in (tick.label1, tick.label2)}
    found = []
    for text in figure.findobj(Text):
        if id(text) in ticks or not text.get_visible() or not text.get_text().strip() or id(text.axes) in hidden:
            continue
        found.append((text.get_text(), np.array(text.get_window_extent().extents)))
    return found + tick_texts(figure)


def tick_texts(figure) -> list[tuple[str, np.ndarray]]:
    """Return the tick labels that are drawn: of visible axes, on visible sides, inside the limits."""
    found = []
    for ax in figure.axes:
        for axis, limits in ((ax.xaxis, sorted(ax.get_xlim())), (ax.yaxis, sorted(ax.get_ylim()))):
            for tick in axis.get_major_ticks() if ax.get_visible() else []:
                label = tick.label1
                if label.get_visible() and label.get_text() and limits[0] <= tick.get_loc() <= limits[1]:
                    found.append((label.get_text(), np.array(label.get_window_extent().extents)))
    return found


def faults(figure, slack: float = 1.0) -> list[tuple[str, str]]:
    """Return the pairs of texts that overlap by more than `slack` pixels both ways, and the texts cut by the edge."""
    drawn = texts(figure)
    edge = figure.get_size_inches() * figure.dpi + slack
    pairs = [
        (a, b)
        for (a, one), (b, two) in combinations(drawn, 2)
        if (np.minimum(one[2:], two[2:]) - np.maximum(one[:2], two[:2]) > slack).all()
    ]
    return pairs + [(text, "edge") for text, box in drawn if (box[:2] < -slack).any() or (box[2:] > edge).any()]


def legend_texts(figure) -> list[str]:
    found = figure.legends or [figure.axes[0].get_legend()]
    return [text.get_text() for text in found[0].get_texts()]
