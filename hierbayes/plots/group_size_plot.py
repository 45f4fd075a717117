"""Twin panels by group size: estimates against rows per level, no pooling on the left, partial pooling on the right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hierbayes.errors import ModelError
from hierbayes.plots import style
from hierbayes.plots.labels import Room, segment_ink
from hierbayes.plots.selection import legend_over, select, upright_bars

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FloatArray = NDArray[np.float64]

ALL_NAMED = 20
MOST_NAMED = 10
HALF = 0.42  # of the gap to the next size: how far levels of one size may stray
SIDES = (("no", "no_lower", "no_upper", style.NO), ("partial", "lower", "upper", style.PARTIAL))


def group_size(
    table: pd.DataFrame,
    *,
    factor: str,
    population: Mapping[str, float],
    complete: Mapping[str, float],
    terms: Sequence[str] | None = None,
    levels: Sequence[str] | None = None,
    ci_prob: float | None = None,
    ax: Sequence[Axes] | None = None,
    figsize: tuple[float, float] | None = None,
) -> Figure:
    """Draw the estimate of each level against its number of rows: no pooling on the left, partial pooling on the right.

    Small levels fan out on the left and lie near the population on the right. Levels of one size stand side by side, in
    the table's order; the names are those of the levels that are moved most.

    Parameters
    ----------
    table : DataFrame
        Columns group, level, term, rows, no, no_lower, no_upper, partial, lower, upper, as
        `hierbayes.summaries.level_sizes.sized_tables` gives it: totals, not deviations.
    factor : str
        The grouping factor to draw.
    population, complete : mapping
        Term to population mean, a pale line on the right, and to complete-pooling estimate, the line across both.
    terms : sequence of str, optional
        Draw these terms only, a row of two panels each. Default: all.
    levels : sequence of str, optional
        Draw these levels only.
    ci_prob : float, optional
        Probability of the intervals, for the legend.
    ax : pair of Axes, optional
        Left and right, for one term.
    figsize : (float, float), optional
        Width and height in inches.

    Returns
    -------
    Figure
        The y axes of a term are shared. A level too small for its own fit is on the right alone.

    Raises
    ------
    DataError
        If the factor or a level does not exist.
    ModelError
        If a term does not exist, or `ax` is not a pair or is given for several terms.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"group": "g", "level": ["a", "b"], "term": "Intercept", "rows": [2, 20],
    ...                       "no": [5.0, 1.0], "no_lower": [1.0, 0.5], "no_upper": [9.0, 1.5],
    ...                       "partial": [2.5, 1.1], "lower": [1.0, 0.6], "upper": [4.0, 1.6]})
    >>> figure = group_size(table, factor="g", population={"Intercept": 1.5}, complete={"Intercept": 1.4})
    >>> [axes.get_title() for axes in figure.axes]
    ['no pooling', 'partial pooling']
    """
    chosen = select(table, factor, terms, levels)
    figure, pairs = _axes(ax, figsize, chosen.terms)
    sizes = chosen.of(chosen.terms[0])["rows"].to_numpy(dtype=float)
    x = abreast(sizes)
    for row, (term, pair) in enumerate(zip(chosen.terms, pairs, strict=True)):
        _pair(pair, x, chosen.of(term), complete[term], population[term])
        pair[0].set_ylabel(style.literal(term), color=style.INK)
        for panel, side in zip(pair, SIDES, strict=True):
            if row == 0:
                panel.set_title(side[3].label, fontsize=10, color=style.INK)
            if row == len(pairs) - 1:
                panel.set_xlabel(_size_label(sizes, factor), color=style.INK)
            _size_ticks(panel, sizes)
    figure.align_ylabels([pair[0] for pair in pairs])
    legend_over(figure, None if ax is None else pairs[0][0], _handles(ci_prob), chosen.title, lift=2.2)
    for term, pair in zip(chosen.terms, pairs, strict=True):
        _name_moved(pair, x, chosen.of(term))
    return figure


def _axes(
    ax: Sequence[Axes] | None, figsize: tuple[float, float] | None, terms: Sequence[str]
) -> tuple[Figure, list[list[Axes]]]:
    if ax is None:
        figure = style.new_figure(figsize, style.WIDTH, min(3.3 * len(terms), 10.0) + 0.9)
        return figure, [list(row) for row in figure.subplots(len(terms), 2, sharex=True, sharey="row", squeeze=False)]
    pair = list(ax) if np.iterable(ax) else [ax]
    if len(pair) != 2 or len(terms) != 1:
        raise ModelError(
            f"ax has {len(pair)} axes for {len(terms)} terms.", "Give the left and the right axes, and one term."
        )
    figure, _ = style.new_axes(pair[0], figsize, 0, 0)
    return figure, [pair]


def abreast(sizes: FloatArray) -> FloatArray:
    """Return where each level stands on the log axis: levels of one size side by side about it, in order.

    >>> abreast(np.array([2.0, 8.0])).tolist()
    [2.0, 8.0]
    """
    logs = np.log(sizes)
    different, member, counts = np.unique(logs, return_inverse=True, return_counts=True)
    span = max(float(np.ptp(different)), np.log(4.0))
    gaps = np.concatenate([[np.inf], np.diff(different), [np.inf]])
    half = np.minimum(HALF * np.minimum(gaps[:-1], gaps[1:]), span * counts / max(len(sizes), 12))
    place = np.empty(len(sizes))
    for i, count in enumerate(counts):
        place[member == i] = np.linspace(-1, 1, count) * half[i] if count > 1 else 0.0
    return np.asarray(sizes * np.exp(place))


def _pair(pair: list[Axes], x: FloatArray, table: Any, complete: float, population: float) -> None:
    size = float(np.clip(200 / len(x), 2.4, 4.5))
    for panel, (estimate, lower, upper, look) in zip(pair, SIDES, strict=True):
        style.tidy(panel)
        panel.set_xscale("log")
        panel.axhline(complete, color=style.COMPLETE.colour, linestyle=style.COMPLETE.line, linewidth=1.6, zorder=1.6)
        bar = {"color": look.colour, "linewidth": size / 4, "alpha": 0.6, "zorder": 2}
        upright_bars(panel, x, table[lower], table[upper], **bar)
        panel.plot(
            x, table[estimate], "o", color="white" if look is style.NO else look.colour, markeredgecolor=look.colour,
            markeredgewidth=0.8, markersize=size, zorder=3,
        )  # fmt: skip
    pair[1].axhline(population, color=style.POPULATION.colour, linewidth=3, alpha=0.3, zorder=1.5)
    core = np.concatenate([*(table[name] for name in ("partial", "lower", "upper", "no")), [complete, population]])
    limits = style.core_limits(table[["no_lower", "no_upper"]], core, margin=0.05, reach=0.4)
    for panel in pair:
        panel.set_ylim(limits)
        panel.set_xlim(_x_limits(x))


def _x_limits(x: FloatArray) -> tuple[float, float]:
    low, high = float(x.min()), float(x.max())
    pad = max((high / low) ** 0.06, 1.12)
    return low / pad, high * pad


def _size_label(sizes: FloatArray, factor: str) -> str:
    if len(set(sizes)) == 1:
        return f"levels of {style.shown(factor)}, {sizes[0]:,.0f} row{'s' * int(sizes[0] > 1)} each"
    return f"rows per level of {style.shown(factor)} (log scale)"


def _size_ticks(ax: Axes, sizes: FloatArray) -> None:
    """Tick the sizes themselves where they are few and far enough apart, else 1, 2, 5, 10 and so on."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

    different = np.unique(sizes)
    if len(different) == 1:
        ax.set_xticks([], minor=False)
        ax.set_xticks([], minor=True)
        return
    apart = np.diff(np.log(different)) > 0.1 * np.log(ax.get_xlim()[1] / ax.get_xlim()[0])
    decades = np.log10(different[-1] / different[0])
    few = len(different) <= 6 and bool(apart.all())
    ax.xaxis.set_major_locator(
        FixedLocator(different.tolist()) if few else LogLocator(subs=(1, 2, 5) if decades < 2.4 else (1,))
    )
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else ""))


def most_named(n: int) -> int:
    """Return how many of n levels are named."""
    return ALL_NAMED if n <= ALL_NAMED else MOST_NAMED


def _name_moved(pair: list[Axes], x: FloatArray, table: Any) -> None:
    """Name the levels that partial pooling moves most, at the estimate in either panel."""
    names = style.shown_all(table.index, 16)
    moved = np.abs(table["no"] - table["partial"]).to_numpy(dtype=float)
    most = [
        i for i in np.argsort(-np.nan_to_num(moved, nan=-1.0), kind="stable")[: most_named(len(x))] if moved[i] >= 0
    ]
    for panel, (estimate, lower, upper, _) in zip(pair, SIDES, strict=True):
        y = table[estimate].to_numpy(dtype=float)
        ends = [np.column_stack([x, table[name]]) for name in (lower, upper)]
        low, high = panel.get_ylim()
        ends = [np.column_stack([end[:, 0], np.clip(end[:, 1], low, high)]) for end in ends]
        dots = np.repeat(np.column_stack([x, y])[np.isfinite(y)], 6, axis=0)
        room = Room(panel, np.vstack([segment_ink(ends[0], ends[1]), dots]))
        middle = (low + high) / 2
        for i in most:
            if low < y[i] < high:
                room.label(names[i], np.array([x[i], y[i]]), np.pi / 4 if y[i] > middle else -np.pi / 4, 7.5)


def _handles(ci_prob: float | None) -> list[Any]:
    interval = style.line(style.Look(style.GREY, "solid", "", style.interval_label(ci_prob)), 1.2)
    mean = style.line(style.POPULATION, 3)
    mean.set_alpha(0.3)
    estimates = [style.dot(style.NO, 4.5, filled=False), style.dot(style.PARTIAL, 4.5)]
    return [*estimates, interval, style.line(style.COMPLETE), mean]
