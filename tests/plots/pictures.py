"""Synthetic tables for the figures, and a measure of how their texts lie."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

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
