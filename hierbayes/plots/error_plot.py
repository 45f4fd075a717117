"""The error experiment: absolute error of no and partial pooling, level by level, in classes of equal size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hierbayes.errors import DataError
from hierbayes.plots import style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = ("group", "size", "replicate", "method", "error")
LOOKS = {"no": style.NO, "partial": style.PARTIAL}
MEANS = {"no": "solid", "partial": (0, (4, 2))}
MOST_BLOCKS = 8
"""Different sizes that make a block each; of more, four blocks of neighbouring sizes are made."""


def draw_errors(
    table: pd.DataFrame,
    *,
    y_label: str = "absolute error",
    ax: Axes | None = None,
    figsize: tuple[float, float] | None = None,
) -> Figure:
    """Draw the absolute error of each level's estimate, no pooling beside partial pooling, and the mean of each class.

    Levels stand in classes of equal numbers of rows, small ones first (of more than eight sizes in four classes of
    neighbouring sizes); the horizontal lines are the means of a class. With several replicates a dot is the mean over
    them.

    Parameters
    ----------
    table : DataFrame
        Columns group, size (rows of the group), replicate, method ("no" or "partial"; others are left out), error: as
        `hierbayes.experiment(...).errors()` gives. Signed errors are taken absolute.
    y_label : str
        Name of the y axis.
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
        If a column is missing, or there is no error of no or partial pooling.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"group": ["a", "b"] * 2, "size": [5, 25] * 2, "replicate": 0,
    ...                       "method": ["no", "no", "partial", "partial"], "error": [2.0, 0.5, 1.0, 0.45]})
    >>> [text.get_text() for text in draw_errors(table).axes[0].texts]
    ['5 rows', '25 rows']
    """
    means, replicates = _by_group(table)
    blocks = _blocks(means)
    figure, axes = style.new_axes(ax, figsize, style.WIDTH, 4.2)
    style.tidy(axes)
    axes.grid(False, axis="x")
    methods = [method for method in LOOKS if (means["method"] == method).any()]
    for method in methods:
        _dots(axes, means[means["method"] == method], method)
    for method in methods:
        _block_means(axes, means[means["method"] == method], method)
    _name_blocks(axes, blocks)
    axes.set_ylim(0, style.core_limits(means["error"], means.loc[means["method"] == methods[-1], "error"], reach=2)[1])
    axes.set_ylabel(style.literal(y_label), color=style.INK)
    axes.set_xlabel("group", color=style.INK)
    title = f"mean of {replicates} replicates" if replicates > 1 else ""
    style.legend_above(axes, _handles(methods), title)
    legend = axes.get_legend()
    assert legend is not None
    legend.set_bbox_to_anchor((0.0, 1.06))  # above the names of the blocks
    return figure


def _by_group(table: Any) -> tuple[Any, int]:
    """Return the mean absolute error of each group and method, with the place of each group; and the replicates."""
    missing = [name for name in COLUMNS if name not in table]
    if missing:
        raise DataError(f"The table has no column {missing[0]!r}.", f"It needs {', '.join(COLUMNS)}.")
    own = table[table["method"].isin(list(LOOKS))]
    own = own.assign(error=own["error"].abs(), group=own["group"].astype(str)).dropna(subset="error")
    if not len(own):
        raise DataError("The table has no errors of no or partial pooling.", 'Its method is "no" or "partial".')
    means = own.groupby(["size", "group", "method"], sort=False, observed=True)["error"].mean().reset_index()
    groups = means[["size", "group"]].drop_duplicates().sort_values("size", kind="stable")
    place = {key: i + 1 for i, key in enumerate(zip(groups["size"], groups["group"], strict=True))}
    means["x"] = [place[key] for key in zip(means["size"], means["group"], strict=True)]
    sizes = groups["size"].to_numpy()
    cuts = np.unique(sizes) if len(set(sizes)) <= MOST_BLOCKS else np.unique(np.quantile(sizes, [0, 0.25, 0.5, 0.75]))
    means["block"] = np.searchsorted(cuts, means["size"], side="right") - 1
    return means, int(own["replicate"].nunique())


def _blocks(means: Any) -> list[tuple[str, float, float]]:
    """Return name, first and last place of each block."""
    found = []
    for _, rows in means.groupby("block"):
        low, high = rows["size"].min(), rows["size"].max()
        name = f"{low} row{'s' if low > 1 else ''}" if low == high else f"{low} to {high} rows"
        found.append((name, float(rows["x"].min()), float(rows["x"].max())))
    return found


def _dots(ax: Axes, rows: Any, method: str) -> None:
    look, size = LOOKS[method], float(np.clip(400 / max(len(rows), 1), 2.5, 5.5))
    ax.plot(
        rows["x"], rows["error"], look.marker, markersize=size, markeredgecolor=look.colour,
        markerfacecolor=look.colour if method == "no" else "white", markeredgewidth=0.9, zorder=4, alpha=0.9,
    )  # fmt: skip


def _block_means(ax: Axes, rows: Any, method: str) -> None:
    for _, own in rows.groupby("block"):
        ax.plot(
            [own["x"].min() - 0.4, own["x"].max() + 0.4], [own["error"].mean()] * 2, color=LOOKS[method].colour,
            linestyle=MEANS[method], linewidth=1.8, zorder=3,
        )  # fmt: skip


def _name_blocks(ax: Axes, blocks: list[tuple[str, float, float]]) -> None:
    for _, _, last in blocks[:-1]:
        ax.axvline(last + 0.5, color=style.GREY, linewidth=0.7, zorder=1)
    for name, first, last in blocks:
        ax.annotate(
            name, ((first + last) / 2, 1.0), (0, 3), xycoords=ax.get_xaxis_transform(), textcoords="offset points",
            ha="center", va="bottom", fontsize=8.5, color=style.INK,
        )  # fmt: skip
    ax.set_xlim(0.3, blocks[-1][2] + 0.7)
    ax.locator_params(axis="x", integer=True)


def _handles(methods: list[str]) -> list[Any]:
    found = [style.dot(LOOKS[method], 5, filled=method == "no") for method in methods]
    for method in methods:
        line = style.line(LOOKS[method], 1.8, label=f"block mean, {LOOKS[method].label}")
        line.set_linestyle(MEANS[method])
        found.append(line)
    return found
