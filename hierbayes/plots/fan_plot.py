"""The fan: posterior lines of each level over its data, and the ribbon in which a new level would lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hierbayes.plots import panels, style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NEW_MEAN = "#9cc3dd"
NEW_RESPONSE = "#dceaf4"


def fan(
    lines: pd.DataFrame,
    points: pd.DataFrame,
    ribbon: pd.DataFrame,
    *,
    factor: str,
    x_label: str,
    y_label: str,
    x_names: Sequence[str] | None = None,
    levels: Sequence[str] | None = None,
    n_levels: int | None = None,
    ci_prob: float | None = None,
    figsize: tuple[float, float] | None = None,
) -> Figure:
    """Draw a panel per level with its posterior lines and data, and a last panel with the ribbon of a new level.

    Parameters
    ----------
    lines : DataFrame
        Columns level, draw, x, y: the mean of a level under a posterior draw.
    points : DataFrame
        Columns level, x, y: the data.
    ribbon : DataFrame
        Columns x, median, level_lower, level_upper (the mean of a new level), lower, upper (a response of it; NaN where
        there is none to draw).
    factor : str
        The grouping factor.
    x_label, y_label : str
        Names of the axes.
    x_names : sequence of str, optional
        Names of the places 0, 1, ... of a categorical x.
    levels : sequence of str, optional
        Draw these levels only. Default: all, or 99 spread evenly where there are more.
    n_levels : int, optional
        Number of levels that the factor has, for the legend; by default those in the table.
    ci_prob : float, optional
        Probability of the ribbons, for the legend.
    figsize : (float, float), optional
        Width and height in inches.

    Returns
    -------
    Figure

    Raises
    ------
    DataError
        If a level asked for does not exist.

    Examples
    --------
    >>> import pandas as pd
    >>> lines = pd.DataFrame({"level": ["a"] * 4, "draw": [0, 0, 1, 1], "x": [0, 1] * 2, "y": [1.0, 2.0, 1.1, 2.3]})
    >>> points = pd.DataFrame({"level": ["a", "a"], "x": [0, 1], "y": [1.0, 2.2]})
    >>> ribbon = pd.DataFrame({"x": [0, 1], "median": [1.0, 2.0], "level_lower": [0.0, 1.0], "level_upper": [2.0, 3.0],
    ...                        "lower": [-1.0, 0.0], "upper": [3.0, 4.0]})
    >>> figure = fan(lines, points, ribbon, factor="person", x_label="day", y_label="y")
    >>> [ax.get_title() for ax in figure.axes]
    ['a', 'a new person']
    """
    fans = {str(level): own for level, own in lines.groupby("level", sort=False)}
    chosen = style.choose(list(fans), levels, factor)
    drawn = panels.spread(chosen, panels.MOST - 1) if levels is None else chosen
    new = f"a new {factor}" if len(factor) <= 8 else "a new level"
    made = panels.make_panels([*drawn, new], figsize, x_names, panels.whole_numbers(points["x"]))
    data = {str(level): own for level, own in points.groupby("level", sort=False)}
    for ax, level in zip(made.axes, drawn, strict=False):
        _fan(ax, fans[level])
        if level in data:
            ax.plot(
                data[level]["x"], data[level]["y"], "o", color=style.INK, markersize=made.size / 3, markeredgewidth=0,
                zorder=4,
            )  # fmt: skip
    _ribbon(made.axes[-1], ribbon)
    made.axes[-1].set_title(made.axes[-1].get_title(), fontsize=made.size, fontstyle="italic", color=style.INK, pad=2.5)
    _limits(made.axes[0], [fans[level] for level in drawn], points[points["level"].isin(drawn)], ribbon)
    if x_names is None:
        made.axes[0].set_xlim(style.core_limits(points["x"], ribbon["x"], margin=0.05))
    panels.outer_labels(made.figure, x_label, y_label)
    total = n_levels or len(chosen)
    note = "" if len(drawn) == total else f" ({len(drawn)} of {total} levels)"
    count = lines.loc[lines["level"] == lines["level"].iloc[0], "draw"].nunique()
    handles = _handles(ribbon, count, len(points) > 0, ci_prob)
    columns = 2 if made.figure.get_figwidth() < 7.5 else None
    panels.legend_outside(made.figure, handles, style.literal(factor) + note, columns)
    return made.figure


def _fan(ax: Axes, lines: Any) -> None:
    from matplotlib.collections import LineCollection

    curves = [own[["x", "y"]].to_numpy(dtype=float) for _, own in lines.groupby("draw", sort=False)]
    curves = [_at_least_a_dash(curve) for curve in curves]
    ax.add_collection(
        LineCollection(
            curves, colors=style.PARTIAL.colour, linewidths=0.7, alpha=float(np.clip(8 / len(curves), 0.12, 0.8)),
            zorder=3,
        ),
        autolim=False,
    )  # fmt: skip


def _at_least_a_dash(curve: Any) -> Any:
    """A lone point has no line to show, so it gets a short level one."""
    if len(curve) > 1:
        return curve
    return np.array([curve[0] - [0.4, 0], curve[0] + [0.4, 0]])


def _ribbon(ax: Axes, ribbon: Any) -> None:
    x = ribbon["x"].to_numpy(dtype=float)
    own = {name: ribbon[name].to_numpy(dtype=float) for name in ribbon if name != "x"}
    if len(x) == 1:
        x, own = np.array([x[0] - 0.4, x[0] + 0.4]), {name: np.repeat(values, 2) for name, values in own.items()}
    if np.isfinite(own["lower"]).any():
        ax.fill_between(x, own["lower"], own["upper"], color=NEW_RESPONSE, linewidth=0)
    ax.fill_between(x, own["level_lower"], own["level_upper"], color=NEW_MEAN, linewidth=0)
    ax.plot(x, own["median"], color=style.PARTIAL.colour, linewidth=1.6)


def _limits(ax: Axes, fans: list[Any], points: Any, ribbon: Any) -> None:
    ends = ["level_lower", "level_upper", "lower", "upper"]
    core = np.concatenate([*(own["y"] for own in fans), points["y"], *(ribbon[end] for end in ends)]).astype(float)
    ax.set_ylim(style.core_limits(core, core))


def _handles(ribbon: Any, count: int, data: bool, ci_prob: float | None) -> list[Any]:
    from matplotlib.patches import Patch

    share = "" if ci_prob is None else f" ({100 * ci_prob:g}%)"
    found = [style.dot(style.Look(style.INK, "none", "o", "data"), 4)] if data else []
    found.append(style.line(style.PARTIAL, 0.9, label=f"{count} posterior draw{'s' if count > 1 else ''}"))
    found.append(Patch(color=NEW_MEAN, label=f"mean of a new level{share}"))
    if ribbon["lower"].notna().any():
        found.append(Patch(color=NEW_RESPONSE, label=f"response of a new level{share}"))
    return found
