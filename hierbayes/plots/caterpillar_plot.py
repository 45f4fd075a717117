"""The caterpillar: group-level effects in order, each with its interval, and its normal-quantile twin."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from hierbayes.plots import style
from hierbayes.plots.selection import legend_over, one_axes_each, select

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEAD = 1.0  # inches above and below the rows: legend, ticks and axis label
NAMED_ENDS = 3  # levels named at either end of the quantile plot


def caterpillar(
    effects: pd.DataFrame,
    *,
    factor: str,
    terms: Sequence[str] | None = None,
    order_by: str | None = None,
    levels: Sequence[str] | None = None,
    quantiles: bool = False,
    ci_prob: float | None = None,
    ax: Axes | None = None,
    figsize: tuple[float, float] | None = None,
) -> Figure:
    """Draw group-level effects (deviations from the population) in order, a column per term.

    Parameters
    ----------
    effects : DataFrame
        Columns group, level, term, mean, lower, upper, as `fit.ranef()` gives: in units of y per unit of the term.
    factor : str
        The grouping factor to draw.
    terms : sequence of str, optional
        Draw these terms only.
    order_by : str, optional
        The term that orders the levels. Default: the first one drawn.
    levels : sequence of str, optional
        Draw these levels only.
    quantiles : bool
        Put standard normal quantiles on the y axis instead of level names, each term in its own order: normal
        effects lie on a line. `order_by` does not apply.
    ci_prob : float, optional
        Probability of the interval, for the legend.
    ax : Axes, optional
        Where to draw; for one term only.
    figsize : (float, float), optional
        Width and height in inches.

    Returns
    -------
    Figure

    Raises
    ------
    ModelError
        If a term does not exist, or `ax` is given for several terms.
    DataError
        If the factor or a level does not exist.

    Examples
    --------
    >>> import pandas as pd
    >>> effects = pd.DataFrame({"group": "batch", "level": ["a", "b"], "term": "Intercept",
    ...                         "mean": [2.0, -2.0], "lower": [1.0, -3.0], "upper": [3.0, -1.0]})
    >>> [label.get_text() for label in caterpillar(effects, factor="batch").axes[0].get_yticklabels()]
    ['b', 'a']
    """
    chosen = select(effects, factor, terms, levels)
    first = style.terms_of(chosen.rows, [order_by] if order_by else chosen.terms[:1], factor)[0]
    order = list(chosen.of(first).sort_values("mean").index)
    height = 4.2 if quantiles else style.rows_height(len(order))
    n = len(chosen.terms)
    width = 6.0 if n == 1 else min(style.WIDTH, 2.0 + 3.2 * n)
    figure, axes = one_axes_each(ax, figsize, chosen.terms, (width, height + HEAD), sharey=True)
    for panel, term in zip(axes, chosen.terms, strict=True):
        table = chosen.of(term)
        ordered = table.sort_values("mean") if quantiles else table.loc[order]
        y = _normal_quantiles(len(ordered)) if quantiles else np.arange(len(ordered), dtype=float)
        _intervals(panel, y, ordered, term)
        if quantiles:
            _name_ends(panel, y, ordered)
    if quantiles:
        axes[0].set_ylabel("standard normal quantile", color=style.INK)
    else:
        style.level_ticks(axes[0], style.shown_all(order), (figure.get_figheight() - HEAD) if ax is None else height)
    legend_over(figure, ax, _handles(ci_prob), chosen.title)
    return figure


def _intervals(ax: Axes, y: Any, table: Any, term: str) -> None:
    style.tidy(ax)
    size = float(np.clip(260 / len(y), 2.5, 5))
    ax.axvline(0, color=style.GREY, linewidth=1, zorder=1)
    ax.hlines(y, table["lower"], table["upper"], color=style.PARTIAL.colour, linewidth=size / 3, alpha=0.75)
    ax.plot(table["mean"], y, "o", color=style.PARTIAL.colour, markersize=size, markeredgewidth=0)
    ax.locator_params(axis="x", nbins=6)
    ax.set_xlabel(style.literal(term), color=style.INK)


def _normal_quantiles(n: int) -> Any:
    return np.array([NormalDist().inv_cdf((i + 0.5) / n) for i in range(n)])


def _name_ends(ax: Axes, y: Any, table: Any) -> None:
    """Name the outermost levels, which lie far enough apart, on the side of the interval that points inwards."""
    ends = min(NAMED_ENDS, len(y) // 2)
    names = style.shown_all(table.index, 14)
    for row in [*range(ends), *range(len(y) - ends, len(y))]:
        low = row < ends
        ax.annotate(
            names[row], (float(table["upper" if low else "lower"].iloc[row]), float(y[row])),
            (4 if low else -4, 0), textcoords="offset points", ha="left" if low else "right", va="center",
            fontsize=7, color=style.INK,
        )  # fmt: skip


def _handles(ci_prob: float | None) -> list[Any]:
    mean = style.dot(style.PARTIAL, 5, label="posterior mean")
    return [mean, style.line(style.PARTIAL, label=style.interval_label(ci_prob))]
