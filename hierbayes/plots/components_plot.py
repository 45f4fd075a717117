"""Variance components: sds, correlations and shares of variance as intervals, prior beside posterior, REML marked."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from hierbayes.errors import DataError
from hierbayes.plots import style
from hierbayes.plots.panels import legend_outside

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POSTERIOR = style.PARTIAL
PRIOR = style.Look(style.GREY, "solid", "o", "prior")
REML = style.Look(style.INK, "none", "d", "REML")
LOOKS = {"posterior": POSTERIOR, "prior": PRIOR, "REML": REML}
ROW = 0.36  # inches
SHIFT = 0.28  # of a row: how far below the posterior the prior lies


def components(
    table: pd.DataFrame, *, ci_prob: float | None = None, figsize: tuple[float, float] | None = None
) -> Figure:
    """Draw sds (not variances) and correlations on the left, a panel for each unit, and shares of variance beside.

    Dots are medians, thick lines the inner intervals, thin ones the outer. A prior that reaches far beyond the rest
    leaves the frame, with an arrow.

    Parameters
    ----------
    table : DataFrame
        Columns kind ("sd", "sigma", "corr", "share"), group, term, term2, unit, source ("posterior", "prior", "REML"),
        median, lower, upper, inner_lower, inner_upper, as `hierbayes.summaries.component_intervals` gives.
    ci_prob : float, optional
        Probability of the outer interval, for the legend.
    figsize : (float, float), optional
        Width and height in inches.

    Returns
    -------
    Figure

    Raises
    ------
    DataError
        If the table is empty.

    Examples
    --------
    >>> import pandas as pd
    >>> row = {"group": "Residual", "term": "", "term2": "", "unit": "y", "source": "posterior", "median": 2.0,
    ...        "lower": 1.0, "upper": 3.0, "inner_lower": 1.5, "inner_upper": 2.5}
    >>> table = pd.DataFrame([row | {"kind": "sigma"}, row | {"kind": "share", "median": 1.0}])
    >>> [ax.get_xlabel() for ax in components(table).axes]
    ['sd (units of y)', 'share of variance']
    """
    if not len(table):
        raise DataError("The table of variance components is empty.", "Give one with at least sigma.")
    left = [(label, own) for label, own in _panels(table[table["kind"] != "share"])]
    shares = table[table["kind"] == "share"]
    names = {label: _row_names(own) for label, own in left} | {"share": _row_names(shares)}
    heights = [len(names[label]) + 1.9 for label, _ in left]
    figure = style.new_figure(figsize, style.WIDTH, 0.75 + ROW * max(sum(heights), len(names["share"]) + 3.0))
    halves: Any = figure.subfigures(1, 2, width_ratios=[1.15, 1]) if len(shares) else None
    stack = halves[0] if halves is not None else figure
    for ax, (label, own) in zip(_column(stack, heights), left, strict=True):
        _draw(ax, own, names[label], (-1.0, 1.0) if label == "correlation" else None)
        ax.set_xlabel(style.literal(fill(label, 48)), color=style.INK)
    if halves is not None:
        own_height = len(names["share"]) + 1.9
        ax, *rest = _column(
            halves[1], [own_height, *([sum(heights) - own_height] if sum(heights) > own_height else [])]
        )
        for empty in rest:
            empty.set_visible(False)
        _draw(ax, shares, names["share"], (0.0, 1.0))
        ax.set_xlabel("share of variance", color=style.INK)
    legend_outside(figure, _handles(table, ci_prob), "")
    return figure


def _column(figure: Any, heights: list[float]) -> list[Axes]:
    return list(figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0])


def _panels(table: Any) -> list[tuple[str, Any]]:
    """Return the sds of each unit, that of sigma first, and the correlations."""
    sds, corrs = table[table["kind"] != "corr"], table[table["kind"] == "corr"]
    family = ~sds["kind"].isin(("sd", "sigma"))
    others, sds = sds[family], sds[~family]
    first = list(sds.loc[sds["kind"] == "sigma", "unit"])
    units = dict.fromkeys([*first, *sds["unit"]])
    found = [(f"sd (units of {unit})", sds[sds["unit"] == unit]) for unit in units]
    # parameters of the family have scales of their own
    found += [(str(kind), others[others["kind"] == kind]) for kind in dict.fromkeys(others["kind"])]
    return found + ([("correlation", corrs)] if len(corrs) else [])


def _row_names(table: Any) -> dict[tuple[str, str, str], str]:
    """Return a name for every component, in the order of the table."""
    keys = list(dict.fromkeys(zip(table["group"], table["term"], table["term2"], strict=True)))
    shown = []
    for group, term, term2 in keys:
        inside = ", ".join(part for part in (term, term2) if part)
        shown.append(f"{group}: {inside}" if inside and inside != "Intercept" else group)
    return dict(zip(keys, style.shown_all(shown, 30), strict=True))


def _draw(ax: Axes, table: Any, names: dict[tuple[str, str, str], str], limits: tuple[float, float] | None) -> None:
    style.tidy(ax)
    ax.grid(False, axis="y")
    place = {key: float(i) for i, key in enumerate(reversed(names))}
    reach = limits or _from_zero(table)
    for source, look in LOOKS.items():
        rows = table[table["source"] == source]
        y = np.array([place[key] for key in zip(rows["group"], rows["term"], rows["term2"], strict=True)])
        if not len(rows):  # an empty line that is not clipped would take the whole figure for its own
            continue
        if source == "REML":
            ax.plot(
                rows["median"], y, look.marker, markerfacecolor="none", markeredgecolor=look.colour, markersize=8,
                markeredgewidth=1.1, zorder=5, clip_on=False,
            )  # fmt: skip
        else:
            _intervals(ax, rows, y - SHIFT * (source == "prior"), look, reach[1])
    ax.set_yticks(list(place.values()), [names[key] for key in place])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_ylim(-0.65, len(place) - 0.5)
    pad = 0.025 * (reach[1] - reach[0])
    ax.set_xlim(reach[0] - pad, reach[1] + pad)
    ax.locator_params(axis="x", nbins=6)


def _from_zero(table: Any) -> tuple[float, float]:
    """Return limits that hold posterior and REML, and the inner interval of the prior as far as twice their reach."""
    prior = table["source"] == "prior"
    core = np.nanmax(table.loc[~prior, ["upper", "median"]].to_numpy(dtype=float))
    inner = table.loc[prior, "inner_upper"].to_numpy(dtype=float)
    top = max(float(core), min(2 * float(core), float(inner.max()))) if len(inner) else float(core)
    return 0.0, 1.03 * top if top > 0 else 1.0


def _intervals(ax: Axes, rows: Any, y: Any, look: style.Look, edge: float) -> None:
    thin, thick, size = (1.4, 4.0, 6.0) if look is POSTERIOR else (1.0, 2.6, 4.0)
    ax.hlines(y, rows["lower"], rows["upper"], color=look.colour, linewidth=thin, zorder=2)
    ax.hlines(y, rows["inner_lower"], rows["inner_upper"], color=look.colour, linewidth=thick, zorder=3)
    ax.plot(rows["median"], y, look.marker, color=look.colour, markersize=size, markeredgewidth=0, zorder=4)
    for height, upper in zip(y, rows["upper"], strict=True):
        if upper > edge:
            ax.plot(edge, height, marker=">", color=look.colour, markersize=4.5, markeredgewidth=0, clip_on=False)


def _handles(table: Any, ci_prob: float | None) -> list[Any]:
    from matplotlib.lines import Line2D

    shown = "median and interval" if ci_prob is None else f"median, 50% and {100 * ci_prob:g}% intervals"
    found = []
    for source in ("posterior", "prior"):
        if (table["source"] == source).any():
            look = LOOKS[source]
            found.append(
                Line2D([], [], color=look.colour, marker="o", markersize=5, linewidth=1.6, label=f"{source}: {shown}")
            )
    if (table["source"] == "REML").any():
        found.append(style.dot(REML, 8, filled=False, edge=style.INK))
    return found
