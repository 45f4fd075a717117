"""Prior sensitivity: each parameter's posterior against the factor by which a prior's scale was multiplied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hierbayes.errors import ModelError
from hierbayes.plots import style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_sensitivity(
    table: pd.DataFrame,
    parameters: Sequence[str] | None = None,
    *,
    ci_prob: float | None = None,
    figsize: tuple[float, float] | None = None,
) -> Figure:
    """Draw mean and interval of each parameter against the factor: a row per parameter, a column per prior.

    The band is the interval at the factor 1. The number over each point is the change of the mean, in posterior sds.

    Parameters
    ----------
    table : DataFrame
        Columns key, factor, parameter, mean, lower, upper, change; as `hierbayes.sensitivity` gives it.
    parameters : sequence of str, optional
        Draw these only, in this order.
    ci_prob : float, optional
        Probability of the interval, for the legend.
    figsize : (float, float), optional
        Width and height in inches.

    Returns
    -------
    Figure

    Raises
    ------
    ModelError
        If a parameter does not exist.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"key": "sigma", "factor": [0.5, 1.0], "parameter": "sigma", "mean": [2.0, 2.1],
    ...                       "lower": [1.0, 1.1], "upper": [3.0, 3.1], "change": [-0.2, 0.0]})
    >>> len(draw_sensitivity(table).axes)
    1
    """
    names = _chosen(table, parameters)
    keys = list(dict.fromkeys(table["key"]))
    width = min(style.WIDTH + 3.0 * max(0, len(keys) - 3), 2.2 + 2.6 * len(keys))
    figure = style.new_figure(figsize, max(width, 4.6), 1.1 + 1.35 * len(names))
    axes = figure.subplots(len(names), len(keys), sharex="col", sharey="row", squeeze=False)
    for i, name in enumerate(names):
        for j, key in enumerate(keys):
            rows = table[(table["key"] == key) & (table["parameter"] == name)].sort_values("factor")
            _panel(axes[i, j], rows)
            if i == 0:
                axes[i, j].set_title(f"prior of {style.shown(key, 34)}", fontsize=9, color=style.INK)
            if i == len(names) - 1:
                axes[i, j].set_xlabel("scale times", color=style.INK)
        axes[i, 0].set_ylabel(_two_lines(name), color=style.INK, fontsize=8.5, rotation=0, ha="right", va="center")
    figure.align_ylabels(axes[:, 0])
    _legend(figure, ci_prob)
    return figure


def _chosen(table: pd.DataFrame, parameters: Sequence[str] | None) -> list[str]:
    known = list(dict.fromkeys(table["parameter"]))
    names = known if parameters is None else [str(name) for name in parameters]
    missing = [name for name in names if name not in known]
    if missing or not names:
        raise ModelError(f"there is no parameter {missing[0] if missing else ''!r}", f"known: {', '.join(known)}")
    return names


def _panel(ax: Axes, rows: pd.DataFrame) -> None:
    style.tidy(ax, 8)
    x = list(range(len(rows)))
    base = rows[rows["factor"] == 1]
    if len(base):
        ax.axhspan(float(base["lower"].iloc[0]), float(base["upper"].iloc[0]), color=style.PALE, zorder=0, linewidth=0)
    ax.vlines(x, rows["lower"], rows["upper"], color=style.PARTIAL.colour, linewidth=1.6, alpha=0.75)
    ax.plot(x, rows["mean"], style.PARTIAL.marker, color=style.PARTIAL.colour, markersize=5, markeredgewidth=0)
    ax.set_xticks(x, [f"{factor:.4g}" for factor in rows["factor"]])
    ax.set_xlim(-0.5, len(x) - 0.5)
    ax.margins(y=0.22)
    ax.locator_params(axis="y", nbins=4)
    for place, (top, factor, change) in enumerate(zip(rows["upper"], rows["factor"], rows["change"], strict=True)):
        if factor != 1:
            ax.annotate(
                _signed(change), (place, float(top)), (0, 2), textcoords="offset points",
                ha="center", va="bottom", fontsize=7, color=style.INK,
            )  # fmt: skip


def _signed(change: float) -> str:
    """Write a change in posterior sds.

    >>> _signed(0.251), _signed(-0.001)
    ('+0.25', '0.00')
    """
    text = f"{change:+.2f}"
    return "0.00" if text in ("+0.00", "-0.00") else text.replace("-", "−")


def _two_lines(name: str) -> str:
    """Return a name, broken before its bracket where it is long."""
    head, bracket, tail = name.partition("[")
    if len(name) <= 14 or not bracket:
        return style.shown(name, 24)
    return f"{style.shown(head, 22)}\n{style.shown(bracket + tail, 22)}"


def _legend(figure: Figure, ci_prob: float | None) -> None:
    from matplotlib.patches import Patch

    interval = style.interval_label(ci_prob)
    handles: list[Any] = [
        style.dot(style.PARTIAL, 5, label="posterior mean"),
        style.line(style.PARTIAL, label=interval),
        Patch(color=style.PALE, label="at the factor 1"),
    ]
    look = style.legend_look() | {"columnspacing": 1.0}
    figure.legend(
        handles=handles, loc="outside upper left", ncols=3, title="numbers: change of the mean in posterior sds", **look
    )
