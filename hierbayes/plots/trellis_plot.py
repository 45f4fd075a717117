"""The pooling trellis: a panel per level, its data, and three fits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hierbayes.plots import style
from hierbayes.plots.panels import columns_for, spread

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_PANELS = 100
LOOKS = {"complete": style.COMPLETE, "no": style.NO, "partial": style.PARTIAL}


def pooling_trellis(
    points: pd.DataFrame,
    curves: pd.DataFrame,
    *,
    level_order: Sequence[str],
    x_label: str,
    y_label: str,
    factor: str,
    levels: Sequence[str] | None = None,
    binary: bool = False,
    figsize: tuple[float, float] | None = None,
) -> Figure:
    """Draw a panel per level: the data and the lines of complete, no and partial pooling.

    Parameters
    ----------
    points : DataFrame
        Columns level, x, y: the data. `x` holds numbers or, for a categorical column, strings.
    curves : DataFrame
        Columns level, x, complete, no, partial: the three fits, in units of y. `no` is NaN for a level too small
        for a fit of its own, which then has no such line.
    level_order : sequence of str
        All levels, in the order of the panels.
    x_label, y_label : str
        Names of the axes.
    factor : str
        The grouping factor, the title of the legend.
    levels : sequence of str, optional
        Draw these levels only. Default: all, or 100 spread evenly where there are more.
    binary : bool
        The data are 0 and 1: dots are moved a little at random up and down, so that they do not hide each other.
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
    >>> points = pd.DataFrame({"level": ["a", "a", "b", "b"], "x": [0, 1, 0, 1], "y": [1.0, 2.0, 3.0, 3.5]})
    >>> curves = points[["level", "x"]].assign(complete=[2.0, 2.75] * 2, no=points["y"], partial=[1.2, 2.1, 2.8, 3.4])
    >>> figure = pooling_trellis(points, curves, level_order=["a", "b"], x_label="day", y_label="y", factor="person")
    >>> [ax.get_title() for ax in figure.axes]
    ['a', 'b']
    """
    chosen = style.choose([str(level) for level in level_order], levels, factor)
    drawn = spread(chosen, MOST_PANELS) if levels is None else chosen
    columns = columns_for(len(drawn))
    rows = -(-len(drawn) // columns)
    width = figsize[0] if figsize else style.WIDTH
    size = float(np.clip(13 - 0.9 * columns, 6, 9))
    room = int((width - 0.9) / columns * 72 / (0.62 * size))
    points = points.assign(y=jittered(points["y"])) if binary else points
    position = _positions(points, curves)
    ticks = style.shown_all(position or [], 12)
    upright = sum(map(len, ticks)) > room
    # Upright names stand below every column; below a ragged last row they take the height of a panel as well.
    height = (
        float(np.clip(1.45 * rows, 2.6, 12))
        + 0.9
        + upright * min(rows, 2) * max(map(len, ticks), default=0) * size / 110
    )
    figure = style.new_figure(figsize, width, height)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    _fill(grid, points, curves, drawn, size, style.shown_all(drawn, max(4, room)), position)
    if position is None:
        _number_ticks(grid, room, _whole(curves["x"]))
    else:
        _name_ticks(grid, ticks, upright)
    _outer_labels(figure, grid, len(drawn), x_label, y_label)
    note = "" if len(drawn) == len(chosen) else f" ({len(drawn)} of {len(chosen)} levels)"
    figure.legend(
        handles=_handles(curves, drawn), title=style.literal(factor) + note, loc="outside upper left", ncols=4,
        **style.legend_look(),
    )  # fmt: skip
    return figure


def jittered(values: Any) -> Any:
    """Return numbers moved by up to 0.04 at random, always in the same way."""
    return np.asarray(values, dtype=float) + np.random.default_rng(0).uniform(-0.04, 0.04, len(values))


def _fill(
    grid: Any,
    points: Any,
    curves: Any,
    drawn: list[str],
    size: float,
    names: list[str],
    position: dict[str, int] | None,
) -> None:
    data = dict(iter(points.assign(level=points["level"].astype(str)).groupby("level")))
    fits = dict(iter(curves.assign(level=curves["level"].astype(str)).groupby("level")))
    for ax, level, name in zip(grid.flat, drawn, names, strict=False):
        style.tidy(ax, size)
        ax.set_title(name, fontsize=size, color=style.INK, pad=2.5)
        if level in fits:
            _lines(ax, _place(fits[level]["x"], position), fits[level])
        if level in data:
            x = _place(data[level]["x"], position)
            ax.plot(x, data[level]["y"], "o", color=style.INK, markersize=size / 3, markeredgewidth=0, zorder=3)
    for ax in list(grid.flat)[len(drawn) :]:
        ax.set_visible(False)
    shown = set(drawn)
    seen, fitted = (table[table["level"].astype(str).isin(shown)] for table in (points, curves))
    core = np.concatenate([seen["y"], fitted["complete"], fitted["partial"]]).astype(float)
    grid[0, 0].set_ylim(style.core_limits(fitted["no"], core, reach=0.5))
    grid[0, 0].margins(x=0.08)


def _lines(ax: Axes, x: Any, fits: Any) -> None:
    order = np.argsort(x, kind="stable")
    single = len(np.unique(x)) == 1
    for name, look in LOOKS.items():
        y = fits[name].to_numpy(dtype=float)[order]
        if np.isfinite(y).any():
            # A lone point has no line to show, so it gets a short level one.
            ends = (np.array([x[0] - 0.4, x[0] + 0.4]), np.repeat(y[:1], 2)) if single else (x[order], y)
            ax.plot(*ends, color=look.colour, linestyle=look.line, linewidth=1.5, label=look.label)


def _positions(points: Any, curves: Any) -> dict[str, int] | None:
    """Return a place for each category, in the order of a categorical column or of appearance; None for numbers."""
    x = points["x"]
    if x.dtype.kind in "iufb":
        return None
    known = list(x.cat.categories) if hasattr(x, "cat") else list(dict.fromkeys(x))
    return {str(name): i for i, name in enumerate(dict.fromkeys([*known, *curves["x"]]))}


def _place(x: Any, position: dict[str, int] | None) -> Any:
    if position is None:
        return x.to_numpy(dtype=float)
    return np.array([position[str(name)] for name in x], dtype=float)


def _number_ticks(grid: Any, room: int, whole: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    most = int(np.clip(room / 8, 1, 5))
    grid[0, 0].xaxis.set_major_locator(MaxNLocator(most, integer=whole, steps=[1, 2, 5, 10], min_n_ticks=2))


def _name_ticks(grid: Any, names: list[str], upright: bool) -> None:
    step = -(-len(names) // 12)
    grid[0, 0].set_xticks(range(0, len(names), step), names[::step])
    for ax in grid.flat:
        ax.tick_params(axis="x", labelrotation=90 if upright else 0)


def _outer_labels(figure: Figure, grid: Any, n: int, x_label: str, y_label: str) -> None:
    from matplotlib.ticker import MaxNLocator

    grid[0, 0].yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10], min_n_ticks=2))
    # The last panels of a ragged grid have nothing below them, so they carry the x ticks of their column.
    for column in range(grid.shape[1]):
        shown = [ax for i, ax in enumerate(grid.flat) if i < n and i % grid.shape[1] == column]
        shown[-1].tick_params(labelbottom=True)
    figure.supxlabel(style.literal(x_label), fontsize=10, color=style.INK)
    figure.supylabel(style.literal(y_label), fontsize=10, color=style.INK)


def _whole(x: Any) -> bool:
    return bool((x.to_numpy(dtype=float) % 1 == 0).all())


def _handles(curves: Any, drawn: list[str]) -> list[Any]:
    data = style.dot(style.Look(style.INK, "none", "o", "data"), 4)
    rows = curves[curves["level"].astype(str).isin(set(drawn))]
    return [data, *(style.line(look) for name, look in LOOKS.items() if rows[name].notna().any())]
