"""The learned population: the distribution of the levels under posterior draws, over the levels' own estimates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hierbayes.errors import ModelError
from hierbayes.plots import style
from hierbayes.plots.selection import Selection, legend_over, one_axes_each, select

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FloatArray = NDArray[np.float64]

DRAW = "#6f7f8c"
POINTS = 241
MOST_NAMED = 12
SHOWN = 0.999
"""Share of the average density that the x axis shows at the least."""


def population(
    table: pd.DataFrame,
    draws: pd.DataFrame,
    density: pd.DataFrame,
    *,
    factor: str,
    terms: Sequence[str] | None = None,
    levels: Sequence[str] | None = None,
    ax: Axes | None = None,
    figsize: tuple[float, float] | None = None,
) -> Figure:
    """Draw normal densities of the levels under posterior draws, their average, and the histogram of level estimates.

    The histogram of no-pooling estimates is wider than the population, for it holds their errors too; that of
    partial-pooling estimates is narrower, for each is drawn to the mean.

    Parameters
    ----------
    table : DataFrame
        Columns group, level, term, no, partial, as `hb.pooling(...).table()` gives: totals, not deviations.
    draws : DataFrame
        Columns group, term, draw, mean, sd (not variance), as `hierbayes.summaries.learned.learned_population` gives.
    density : DataFrame
        Columns group, term, x, density: that of a level not seen before, from the same function.
    factor : str
        The grouping factor to draw.
    terms : sequence of str, optional
        Draw these terms only, a panel each. Default: all.
    levels : sequence of str, optional
        Count these levels only; the population stays that of all.
    ax : Axes, optional
        Where to draw; for one term.
    figsize : (float, float), optional
        Width and height in inches.

    Returns
    -------
    Figure
        The y axis is a density: each histogram and each curve has an area of 1.

    Raises
    ------
    DataError
        If the factor or a level does not exist.
    ModelError
        If a term does not exist or has no draws, or `ax` is given for several terms.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"group": "g", "level": ["a", "b"], "term": "Intercept", "no": [4.0, 0.0],
    ...                       "partial": [3.0, 1.0]})
    >>> draws = pd.DataFrame({"group": "g", "term": "Intercept", "draw": [0, 1], "mean": [2.0, 1.8], "sd": [1.0, 1.2]})
    >>> density = pd.DataFrame({"group": "g", "term": "Intercept", "x": [0.0, 2.0, 4.0], "density": [0.1, 0.4, 0.1]})
    >>> population(table, draws, density, factor="g").axes[0].get_xlabel()
    'Intercept'
    """
    chosen = select(table, factor, terms, levels)
    k = len(chosen.terms)
    rows = -(-k // 3)
    width = style.WIDTH if k > 1 else 6.5
    figure, axes = one_axes_each(ax, figsize, chosen.terms, (width, 3.4 * rows + 0.7), rows=rows)
    for unused in axes[k:]:
        unused.set_visible(False)
    count = 0
    for i, (panel, term) in enumerate(zip(axes, chosen.terms, strict=False)):
        own, curve = (_of_term(part, factor, term) for part in (draws, density))
        count = len(own)
        _panel(panel, chosen.of(term), own, curve)
        panel.set_xlabel(style.literal(term), color=style.INK)
        panel.set_ylabel("density" if i % -(-len(axes) // rows) == 0 else "", color=style.INK)
    has_own = bool(chosen.of(chosen.terms[0])["no"].notna().any())
    legend_over(figure, ax, _handles(count, has_own), chosen.title, 2)
    _name_few(axes, chosen)
    return figure


def _of_term(part: Any, factor: str, term: str) -> Any:
    rows = style.of_factor(part, factor) if "level" in part else part[part["group"].astype(str) == factor]
    own = rows[rows["term"].astype(str) == term]
    if not len(own):
        raise ModelError(f"{factor} has no draws of the term {term!r}.", "Draw it from the tables of one fit.")
    return own


def _panel(ax: Axes, rows: Any, draws: Any, curve: Any) -> None:
    style.tidy(ax)
    no, partial = (rows[name].to_numpy(dtype=float) for name in ("no", "partial"))
    x, average = curve["x"].to_numpy(dtype=float), curve["density"].to_numpy(dtype=float)
    mean, sd = (draws[name].to_numpy(dtype=float) for name in ("mean", "sd"))
    left, right = style.core_limits(no, np.concatenate([partial, _middle(x, average)]), reach=0.5)
    ax.set_xlim(left, right)
    own = np.clip(no[np.isfinite(no)], left, right)
    edges = bins(np.concatenate([own, partial])).tolist()
    ax.hist(partial, edges, density=True, color=style.PARTIAL.colour, alpha=0.25, linewidth=0, zorder=1.5)
    if len(own):
        ax.hist(
            own, edges, density=True, histtype="step", color=style.NO.colour,
            linestyle=style.NO.line, linewidth=1.4, zorder=2.5,
        )  # fmt: skip
    grid = np.linspace(left, right, POINTS)
    _curves(ax, grid, mean, sd)
    ax.plot(x, average, color=style.POPULATION.colour, linewidth=2.2, zorder=3)
    highest = max(float(average.max()), *(patch.get_height() for patch in ax.patches if hasattr(patch, "get_height")))
    ax.set_ylim(0, 1.35 * highest)
    ax.plot(partial, np.zeros(len(partial)), "|", color=style.PARTIAL.colour, markersize=9, zorder=4, clip_on=False)
    ax.locator_params(axis="x", nbins=6)
    ax.locator_params(axis="y", nbins=4)


def _middle(x: FloatArray, density: FloatArray) -> FloatArray:
    """Return the ends of the stretch of x that holds `SHOWN` of the density."""
    share = np.cumsum(density) / density.sum()
    tail = (1 - SHOWN) / 2
    low, high = np.clip(np.searchsorted(share, [tail, 1 - tail]), 0, len(x) - 1)
    return x[[int(low), int(high)]]


def bins(values: FloatArray) -> FloatArray:
    """Return the edges of 5 to 30 bins from the least to the largest value, of the width of Freedman and Diaconis.

    >>> bins(np.arange(6.0)).tolist()
    [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    """
    low, high = float(values.min()), float(values.max())
    if high <= low:
        low, high = low - 0.5, high + 0.5
    width = 2 * float(np.subtract(*np.quantile(values, [0.75, 0.25]))) * len(values) ** (-1 / 3)
    count = int(np.clip((high - low) / width, 5, 30)) if width > 0 else 5
    return np.linspace(low, high, count + 1)


def _curves(ax: Axes, x: FloatArray, mean: FloatArray, sd: FloatArray) -> None:
    from matplotlib.collections import LineCollection

    kept = sd > 0
    z = (x[None] - mean[kept, None]) / sd[kept, None]
    y = np.exp(-0.5 * z * z) / sd[kept, None] / np.sqrt(2 * np.pi)
    curves = np.stack([np.broadcast_to(x, y.shape), y], axis=-1)
    alpha = float(np.clip(12 / max(len(curves), 1), 0.1, 0.8))
    ax.add_collection(LineCollection(list(curves), colors=DRAW, linewidths=0.7, alpha=alpha, zorder=2), autolim=False)


def _name_few(axes: Sequence[Axes], chosen: Selection) -> None:
    """Name the levels at their ticks on the axis, where they are few."""
    if len(chosen.levels) > MOST_NAMED:
        return
    from hierbayes.plots.labels import Room

    names = style.shown_all(chosen.levels, 12)
    for panel, term in zip(axes, chosen.terms, strict=False):
        partial = chosen.of(term)["partial"].to_numpy(dtype=float)
        room = Room(panel, np.column_stack([partial, np.zeros(len(partial))]))
        for name, value in zip(names, partial, strict=True):
            room.label(name, np.array([value, 0.0]), np.pi / 2, 7.5)


def _handles(count: int, has_own: bool) -> list[Any]:
    from matplotlib.patches import Patch

    levels = Patch(color=style.PARTIAL.colour, alpha=0.25, linewidth=0, label="levels, partial pooling")
    own = style.line(style.NO, 1.4, label="levels, no pooling")
    one = style.line(style.Look(DRAW, "solid", "", f"the population under {count} posterior draws"), 0.9)
    mean = style.line(style.POPULATION, 2.2, label="their average: a level not yet seen")
    return [levels, *([own] if has_own else []), one, mean]
