"""Shrinkage of one term: a row per level, an arrow from its own fit to its partial-pooling estimate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hierbayes.plots import style
from hierbayes.plots.selection import legend_over, note_away, select

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEAD = 1.5  # inches above and below the rows: legend, ticks and axis label


def shrinkage_rows(
    table: pd.DataFrame,
    *,
    term: str,
    factor: str,
    population: Mapping[str, float],
    complete: Mapping[str, float],
    levels: Sequence[str] | None = None,
    ci_prob: float | None = None,
    ax: Axes | None = None,
    figsize: tuple[float, float] | None = None,
) -> Figure:
    """Draw a row per level: an arrow from the no-pooling to the partial-pooling estimate, and the latter's interval.

    Parameters
    ----------
    table : DataFrame
        Columns group, level, term, no, partial, lower, upper, as `hb.pooling(...).table()` gives: totals.
    term : str
        The term on the x axis.
    factor : str
        The grouping factor to draw.
    population, complete : mapping
        Term to population mean, and to complete-pooling estimate: the two vertical lines.
    levels : sequence of str, optional
        Draw these levels only. Rows are ordered by the partial-pooling estimate.
    ci_prob : float, optional
        Probability of the interval in `lower` and `upper`, for the legend.
    ax : Axes, optional
        Where to draw.
    figsize : (float, float), optional
        Width and height in inches.

    Returns
    -------
    Figure

    Raises
    ------
    DataError
        If the factor or a level does not exist.
    ModelError
        If the term does not exist.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"group": "g", "level": ["a", "b"], "term": "Intercept", "no": [4.0, 0.0],
    ...                       "partial": [3.0, 1.0], "lower": [2.0, 0.0], "upper": [4.0, 2.0]})
    >>> figure = shrinkage_rows(table, term="Intercept", factor="g", population={"Intercept": 2.0},
    ...                         complete={"Intercept": 2.0})
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['b', 'a']
    """
    chosen = select(table, factor, [term], levels)
    ordered = chosen.of(term).sort_values("partial")
    height = style.rows_height(len(ordered))
    figure, axes = style.new_axes(ax, figsize, 7.5, height + HEAD)
    _draw(axes, ordered)
    axes.axvline(complete[term], color=style.COMPLETE.colour, linestyle=style.COMPLETE.line, linewidth=1.6, zorder=1.6)
    axes.axvline(population[term], color=style.POPULATION.colour, linewidth=3, alpha=0.3, zorder=1.5)
    core = np.concatenate(
        [ordered[name] for name in ("partial", "lower", "upper")] + [[complete[term], population[term]]]
    )
    axes.set_xlim(style.core_limits(ordered["no"], core))
    axes.set_xlabel(style.literal(term), color=style.INK)
    style.level_ticks(axes, style.shown_all(ordered.index), figure.get_figheight() - HEAD if ax is None else height)
    legend_over(figure, ax, _handles(style.interval_label(ci_prob)), chosen.title, 3)
    low, high = axes.get_xlim()
    note_away(axes, int(((ordered["no"] < low) | (ordered["no"] > high)).sum()))
    return figure


def _draw(ax: Axes, table: Any) -> None:
    style.tidy(ax)
    y = np.arange(len(table), dtype=float)
    size = float(np.clip(220 / len(y), 2.2, 5))
    no, partial = table["no"].to_numpy(dtype=float), table["partial"].to_numpy(dtype=float)
    ax.hlines(y, table["lower"], table["upper"], color=style.PARTIAL.colour, linewidth=size * 0.8, alpha=0.22, zorder=2)
    ax.plot(no, y, "o", color="white", markeredgecolor=style.NO.colour, markersize=size, zorder=3)
    kept = np.isfinite(no)
    ax.quiver(
        no[kept], y[kept], (partial - no)[kept], np.zeros(int(kept.sum())), angles="xy", scale_units="xy", scale=1,
        color=style.GREY, units="inches", width=0.0035 * size, headwidth=4.5, headlength=5.5, headaxislength=5,
        minlength=0, zorder=3.5,
    )  # fmt: skip
    ax.plot(partial, y, "o", color=style.PARTIAL.colour, markersize=size, markeredgewidth=0, zorder=4)


def _handles(interval_name: str) -> list[Any]:
    interval = style.Look(style.PARTIAL.colour, "solid", "", interval_name)
    handle = style.line(interval, 5)
    handle.set_alpha(0.22)
    mean = style.line(style.POPULATION, 3)
    mean.set_alpha(0.3)
    return [style.dot(style.NO, 5, filled=False), style.dot(style.PARTIAL, 5), handle, style.line(style.COMPLETE), mean]
