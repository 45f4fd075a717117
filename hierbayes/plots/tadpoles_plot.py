"""Tadpoles: the estimate of each level by itself joined to its partial-pooling estimate, in classes by size.

After the figure of the reed frog tanks in McElreath, Statistical Rethinking (chapter 13 of the second edition).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hierbayes.plots import style
from hierbayes.plots.selection import away_text, legend_over, one_axes_each, select, upright_bars

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_BLOCKS = 4
WIDEST = 10.5  # inches: a hundred names stand side by side
GAP = 1.0  # places between blocks
HEADS = 3.6  # height of the blocks' heads, in letters of the legend


def tadpoles(
    table: pd.DataFrame,
    *,
    factor: str,
    population: Mapping[str, float],
    terms: Sequence[str] | None = None,
    levels: Sequence[str] | None = None,
    blocks: int = MOST_BLOCKS,
    ci_prob: float | None = None,
    ax: Axes | None = None,
    figsize: tuple[float, float] | None = None,
) -> Figure:
    """Draw each level's own estimate joined to its partial-pooling estimate, over the line of the population.

    Levels stand in size classes from few rows to many, in a class in the order of the partial-pooling estimate of the
    first term. Above each class stands its size and how far it is pooled: the mean of the levels' pooling factors, 0
    for no and 100% for complete pooling.

    Parameters
    ----------
    table : DataFrame
        Columns group, level, term, rows, no, partial, lower, upper, factor, as
        `hierbayes.summaries.level_sizes.sized_tables` gives it: totals, not deviations.
    factor : str
        The grouping factor to draw.
    population : mapping
        Term to population mean.
    terms : sequence of str, optional
        Draw these terms only, one above the other. Default: all.
    levels : sequence of str, optional
        Draw these levels only.
    blocks : int
        Most blocks to make. Levels of one size are never parted.
    ci_prob : float, optional
        Probability of the interval in `lower` and `upper`, for the legend.
    ax : Axes, optional
        Where to draw; for one term.
    figsize : (float, float), optional
        Width and height in inches.

    Returns
    -------
    Figure
        A level too small for its own fit has no open dot.

    Raises
    ------
    DataError
        If the factor or a level does not exist.
    ModelError
        If a term does not exist, or `ax` is given for several terms.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"group": "g", "level": ["a", "b", "c"], "term": "Intercept", "rows": [2, 2, 20],
    ...                       "no": [5.0, 1.0, 2.0], "partial": [3.5, 1.5, 2.0], "lower": [2.0, 0.0, 1.8],
    ...                       "upper": [5.0, 3.0, 2.2], "factor": [0.5, 0.5, 0.1]})
    >>> figure = tadpoles(table, factor="g", population={"Intercept": 2.3})
    >>> [label.get_text() for label in figure.axes[0].get_xticklabels()]
    ['b', 'a', 'c']
    """
    chosen = select(table, factor, terms, levels)
    groups = in_blocks(chosen.of(chosen.terms[0]), max(1, blocks))
    places = np.concatenate([np.arange(len(g)) + (sum(map(len, groups[:i])) + i * GAP) for i, g in enumerate(groups)])
    order = [level for group in groups for level in group]
    width = float(np.clip(0.098 * places[-1] + 1.0, 6.5, WIDEST))
    figure, axes = one_axes_each(
        ax,
        figsize,
        chosen.terms,
        (width, min(2.6 * len(chosen.terms), 10.0) + 1.6),
        rows=len(chosen.terms),
        sharex=True,
    )
    away = 0
    for panel, term in zip(axes, chosen.terms, strict=True):
        away += _panel(panel, places, chosen.of(term).loc[order], population[term])
        panel.set_ylabel(style.literal(term), color=style.INK)
        _head_blocks(panel, groups, chosen.of(term), with_size=panel is axes[0])
    axes[-1].set_xlim(-0.8, float(places[-1]) + 0.8)
    _name_levels(axes[-1], places, order, figure.get_figwidth() if ax is None else width)
    rising = ", from few rows to many" if chosen.of(chosen.terms[0])["rows"].nunique() > 1 else ""
    axes[-1].set_xlabel(style.literal(factor) + rising, color=style.INK)
    figure.align_ylabels(axes)
    title = ", ".join(filter(None, (chosen.title, away_text(away))))
    legend_over(figure, ax, _handles(ci_prob), title, lift=HEADS)
    return figure


def in_blocks(rows: Any, most: int) -> list[list[str]]:
    """Return the levels in at most so many blocks of rising size, in a block by partial-pooling estimate.

    >>> import pandas as pd
    >>> rows = pd.DataFrame({"rows": [5, 1, 5], "partial": [2.0, 3.0, 1.0]}, index=["a", "b", "c"])
    >>> in_blocks(rows, 4), in_blocks(rows, 1)
    ([['b'], ['c', 'a']], [['c', 'a', 'b']])
    """
    sizes = rows["rows"].to_numpy(dtype=float)
    different, counts = np.unique(sizes, return_counts=True)
    # Where there are more sizes than blocks, the cuts come nearest to blocks of as many levels each.
    share = (np.cumsum(counts) - counts / 2) / len(sizes)
    block = np.arange(len(different)) if len(different) <= most else np.minimum((share * most).astype(int), most - 1)
    member = block[np.searchsorted(different, sizes)]
    ordered = rows.assign(_block=member).sort_values(["_block", "partial"], kind="stable")
    return [list(own.index) for _, own in ordered.groupby("_block", sort=True)]


def _panel(ax: Axes, x: NDArray[np.float64], table: Any, population: float) -> int:
    """Draw one term; return how many no-pooling estimates lie outside the frame."""
    style.tidy(ax)
    ax.grid(False, axis="x")
    size = float(np.clip(240 / len(x), 2.6, 5))
    ax.axhline(population, color=style.POPULATION.colour, linewidth=3, alpha=0.3, zorder=1.5)
    bar = {"color": style.PARTIAL.colour, "linewidth": size * 0.8, "alpha": 0.18, "zorder": 2}
    upright_bars(ax, x, table["lower"], table["upper"], **bar)
    upright_bars(ax, x, table["no"], table["partial"], color=style.GREY, linewidth=1, zorder=2.5)
    ax.plot(x, table["no"], "o", color="white", markeredgecolor=style.NO.colour, markersize=size, zorder=3)
    ax.plot(x, table["partial"], "o", color=style.PARTIAL.colour, markersize=size, markeredgewidth=0, zorder=4)
    core = np.concatenate([*(table[name] for name in ("partial", "lower", "upper")), [population]])
    ax.set_ylim(style.core_limits(table["no"], core))
    low, high = ax.get_ylim()
    return int(((table["no"] < low) | (table["no"] > high)).sum())


def _head_blocks(ax: Axes, groups: list[list[str]], rows: Any, *, with_size: bool) -> None:
    """Part the blocks by a line and write above each its size and how far it is pooled."""
    start = 0.0
    for i, group in enumerate(groups):
        if i:
            ax.axvline(start - (1 + GAP) / 2, color=style.GREY, linewidth=0.7, zorder=1)
        own = rows.loc[group]
        text = f"{own['factor'].mean():.0%} pooled"
        if with_size:
            text = f"{_size(own['rows'])}\n{text}"
        ax.annotate(
            text, (start + (len(group) - 1) / 2, 1.0), (0, 3), xycoords=("data", "axes fraction"),
            textcoords="offset points", ha="center", va="bottom", fontsize=8, color=style.INK,
        )  # fmt: skip
        start += len(group) + GAP


def _size(rows: Any) -> str:
    low, high = int(rows.min()), int(rows.max())
    return f"{low:,} to {high:,} rows" if high > low else f"{low:,} row{'s' * (low > 1)}"


def _name_levels(ax: Axes, places: NDArray[np.float64], order: list[str], width: float) -> None:
    """Name the places on the x axis: names stand upright where they do not fit, shrink, then thin out."""
    names = style.shown_all(order, 16)
    pitch = (width - 0.9) * 72 / (float(np.ptp(places)) + 1.6)
    flat = max(map(len, names)) * 0.62 * 9 < 0.9 * pitch
    size = 9.0 if flat else float(np.clip(0.85 * pitch, style.SMALLEST, 9))
    step = 1 if flat else max(1, int(np.ceil(style.SMALLEST / 0.85 / pitch)))
    ax.set_xticks(places[::step], names[::step])
    ax.tick_params(axis="x", labelsize=size, labelrotation=0 if flat else 90)


def _handles(ci_prob: float | None) -> list[Any]:
    interval = style.line(style.Look(style.PARTIAL.colour, "solid", "", style.interval_label(ci_prob)), 5)
    interval.set_alpha(0.18)
    mean = style.line(style.POPULATION, 3)
    mean.set_alpha(0.3)
    return [style.dot(style.NO, 5, filled=False), style.dot(style.PARTIAL, 5), interval, mean]
