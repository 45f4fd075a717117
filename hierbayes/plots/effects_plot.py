"""Conditional effects: the population's curve and band over the data, split by a second variable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hierbayes.errors import ModelError
from hierbayes.plots import panels, style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Apart for colour-blind readers, and none of the colours of complete and no pooling.
LOOKS = (
    style.Look("#0072B2", "solid", "o", ""),
    style.Look("#CC79A7", (0, (5, 2)), "s", ""),
    style.Look("#E69F00", (0, (4, 1.5, 1, 1.5)), "^", ""),
    style.Look("#222222", (0, (1, 1)), "D", ""),
)
MOST_POINTS = 4000
"""Points of the data that are drawn; of more so many, evenly spread over the rows."""


def effects(
    curves: pd.DataFrame,
    points: pd.DataFrame,
    *,
    x_label: str,
    y_label: str,
    x_names: Sequence[str] | None = None,
    by_label: str | None = None,
    by_names: Sequence[str] = ("",),
    ci_prob: float | None = None,
    data: bool = True,
    panels_by: bool | None = None,
    ax: Axes | None = None,
    figsize: tuple[float, float] | None = None,
) -> Figure:
    """Draw the mean of the response along one column at the population level.

    Curves with bands along a number; dots with intervals along a category. The data lie behind.

    Parameters
    ----------
    curves : DataFrame
        Columns by, x, median, lower, upper, on the scale of the response.
    points : DataFrame
        Columns by, x, y: the data.
    x_label, y_label : str
        Names of the axes.
    x_names : sequence of str, optional
        Names of the places 0, 1, ... of a categorical x.
    by_label : str, optional
        The second variable.
    by_names : sequence of str
        Its values in order.
    ci_prob : float, optional
        Probability of the band, for the legend.
    data : bool
        Draw the data.
    panels_by : bool, optional
        A panel for each value of the second variable instead of a colour; by default where it has more than four.
    ax : Axes, optional
        Where to draw; without panels only.
    figsize : (float, float), optional
        Width and height in inches.

    Returns
    -------
    Figure

    Raises
    ------
    ModelError
        If `ax` is given for several panels, or there are more values than colours.

    Examples
    --------
    >>> import pandas as pd
    >>> curves = pd.DataFrame({"by": "", "x": [0.0, 1.0], "median": [1.0, 2.0], "lower": [0.0, 1.0], "upper": [2, 3]})
    >>> points = pd.DataFrame({"by": "", "x": [0.0, 1.0], "y": [1.2, 1.8]})
    >>> effects(curves, points, x_label="day", y_label="y").axes[0].get_xlabel()
    'day'
    """
    apart = len(by_names) > len(LOOKS) if panels_by is None else panels_by and len(by_names) > 1
    if not apart and len(by_names) > len(LOOKS):
        raise ModelError(
            f"{by_label!r} has {len(by_names)} values and there are {len(LOOKS)} colours", "leave panels_by out"
        )
    if apart and ax is not None:
        raise ModelError(f"{len(by_names)} panels need axes of their own and ax is one.", "Leave ax out.")
    points = _thinned(points) if data else points[:0]
    curves, points = _located(curves, points, x_names, 1 if apart else len(by_names))
    if apart:
        return _apart(curves, points, by_names, x_label, y_label, x_names, by_label, ci_prob, figsize)
    figure, axes = style.new_axes(ax, figsize, 6.4, 4.2)
    style.tidy(axes)
    for name, look in zip(by_names, LOOKS, strict=False):
        _draw(axes, curves[curves["by"] == name], points[points["by"] == name], look, x_names is not None)
    axes.set_xlabel(style.literal(x_label), color=style.INK)
    axes.set_ylabel(style.literal(y_label), color=style.INK)
    _name_places(axes, x_names)
    title = "" if by_label is None else style.literal(by_label)
    handles = _handles(by_names, LOOKS, x_names is not None, len(points) > 0, ci_prob)
    style.legend_above(axes, handles, title, min(len(handles), 4))
    return figure


def _apart(
    curves: Any,
    points: Any,
    by_names: Sequence[str],
    x_label: str,
    y_label: str,
    x_names: Sequence[str] | None,
    by_label: str | None,
    ci_prob: float | None,
    figsize: tuple[float, float] | None,
) -> Figure:
    drawn = panels.spread(list(by_names))
    made = panels.make_panels(drawn, figsize, x_names, panels.whole_numbers(points["x"]))
    for ax, name in zip(made.axes, drawn, strict=True):
        own = points[points["by"] == name]
        _draw(ax, curves[curves["by"] == name], own, LOOKS[0], x_names is not None, made.size / 9)
    panels.outer_labels(made.figure, x_label, y_label)
    note = "" if len(drawn) == len(by_names) else f" ({len(drawn)} of {len(by_names)} values)"
    handles = _handles(("",), LOOKS, x_names is not None, len(points) > 0, ci_prob)
    panels.legend_outside(made.figure, handles, style.literal(by_label or "") + note)
    return made.figure


def _thinned(points: Any) -> Any:
    if len(points) <= MOST_POINTS:
        return points
    return points.iloc[np.linspace(0, len(points) - 1, MOST_POINTS).round().astype(int)]


def _located(curves: Any, points: Any, x_names: Sequence[str] | None, side_by_side: int) -> tuple[Any, Any]:
    """Return both tables with the x at which they are drawn: on a categorical axis the data lie beside the dots."""
    if x_names is None:
        return curves, points
    names = list(dict.fromkeys(curves["by"])) if side_by_side > 1 else []
    width = 0.8 / side_by_side
    shift = {name: (i - (side_by_side - 1) / 2) * width for i, name in enumerate(names)}
    dots = curves["x"] + curves["by"].map(shift).fillna(0.0).astype(float) + 0.12 * width
    # The golden ratio spreads neighbours evenly, without chance.
    jitter = ((np.arange(len(points)) * 0.6180339887) % 1 - 0.5) * 0.35 * width
    middle = points["x"] + points["by"].map(shift).fillna(0.0).astype(float) - 0.2 * width
    return curves.assign(x=dots), points.assign(x=middle + jitter)


def _draw(ax: Axes, curve: Any, points: Any, look: style.Look, category: bool, scale: float = 1.0) -> None:
    faint = float(np.clip(60 / max(len(points), 1), 0.25, 0.7))
    ax.plot(
        points["x"], points["y"], look.marker, color=look.colour, markersize=3.2 * scale, markeredgewidth=0,
        alpha=faint, zorder=2,
    )  # fmt: skip
    x, median, lower, upper = (curve[name].to_numpy(dtype=float) for name in ("x", "median", "lower", "upper"))
    if category or len(x) == 1:
        ax.vlines(x, lower, upper, color=look.colour, linewidth=1.8 * scale, zorder=4)
        ax.plot(
            x, median, look.marker, color=look.colour, markersize=6.5 * scale, markeredgecolor="white",
            markeredgewidth=0.7, zorder=5,
        )  # fmt: skip
        return
    order = np.argsort(x, kind="stable")
    x, median, lower, upper = x[order], median[order], lower[order], upper[order]
    ax.fill_between(x, lower, upper, color=look.colour, alpha=0.2, linewidth=0, zorder=3)
    ax.plot(x, median, color=look.colour, linestyle=look.line, linewidth=1.9 * scale, zorder=4)


def _name_places(ax: Axes, x_names: Sequence[str] | None) -> None:
    if x_names is None:
        return
    names = style.shown_all(x_names, 16)
    step = -(-len(names) // 40)
    ax.set_xticks(range(0, len(names), step), names[::step])
    ax.set_xlim(-0.6, len(names) - 0.4)
    if sum(map(len, names)) > 60:
        ax.tick_params(axis="x", labelrotation=90)
    ax.grid(False, axis="x")


def _handles(
    by_names: Sequence[str], looks: Sequence[style.Look], category: bool, data: bool, ci_prob: float | None
) -> list[Any]:
    interval = style.interval_label(ci_prob)
    if len(by_names) == 1:
        median = style.dot(looks[0], 6, label="median") if category else style.line(looks[0], label="median")
        found = [median, _interval(looks[0].colour, category, interval)]
        dot = style.dot(style.Look("#7fb3d3", "none", looks[0].marker, "data"), 4)
        return [*found, dot] if data else found
    found = []
    for name, look in zip(style.shown_all(by_names), looks, strict=False):
        made = style.dot(look, 6, label=name) if category else style.line(look, label=name)
        found.append(made)
    return [*found, _interval(style.GREY, category, interval)]


def _interval(colour: str, category: bool, label: str) -> Any:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    if category:
        return Line2D([], [], color=colour, linewidth=1.8, label=label)
    return Patch(color=colour, alpha=0.3, linewidth=0, label=label)
