"""Panels of small axes that share their x and y: how many, how large, and who bears the tick labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hierbayes.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 100
"""Panels of a figure; of more levels so many are drawn, evenly spread."""


@dataclass(frozen=True)
class Panels:
    """A figure of panels.

    Attributes
    ----------
    figure : Figure
    axes : tuple of Axes
        Those in use, row by row.
    size : float
        Of titles and tick labels, in points.
    room : int
        Characters that fit across a panel.
    """

    figure: Figure
    axes: tuple[Axes, ...]
    size: float
    room: int


def spread(levels: list[str], most: int = MOST) -> list[str]:
    """Return at most so many levels, evenly spread.

    >>> spread(["a", "b", "c", "d", "e"], 3)
    ['a', 'c', 'e']
    """
    if len(levels) <= most:
        return levels
    return [levels[i] for i in np.linspace(0, len(levels) - 1, most).round().astype(int)]


def columns_for(n: int) -> int:
    """Return the number of columns, near 1.6 n ** 0.5 panels to a row, that leaves the fewest panels empty.

    >>> columns_for(19), columns_for(4), columns_for(100)
    (5, 2, 10)
    """
    target = (1.6 * n) ** 0.5
    tries = [c for c in range(1, n + 1) if 0.75 * target <= c <= 1.25 * target + 0.5 and c <= 10] or [min(n, 10)]
    return min(tries, key=lambda c: (-n % c, abs(c - target)))


def make_panels(
    titles: Sequence[str], figsize: tuple[float, float] | None, x_names: Sequence[str] | None, whole: bool
) -> Panels:
    """Return tidy axes with their titles and x ticks, one for each title.

    Parameters
    ----------
    titles : sequence of str
    figsize : (float, float), optional
    x_names : sequence of str or None
        Names of the places 0, 1, ... on a categorical x axis.
    whole : bool
        Ticks of a numeric x axis at whole numbers only.
    """
    n = len(titles)
    columns = columns_for(n)
    rows = -(-n // columns)
    width = figsize[0] if figsize else min(style.WIDTH, 1.4 + 2.4 * columns)
    size = float(np.clip(13 - 0.9 * columns, 6, 9))
    room = int((width - 0.9) / columns * 72 / (0.62 * size))
    ticks = style.shown_all(x_names or [], 12)
    upright = len(ticks) * max(map(len, ticks), default=0) > room
    # Upright names stand below every column; below a ragged last row they take the height of a panel as well.
    names = upright * min(rows, 2) * max(map(len, ticks), default=0) * size / 110
    figure = style.new_figure(figsize, width, float(np.clip(1.45 * rows, 2.6, 12)) + 0.9 + names)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for ax, title in zip(grid.flat, style.shown_all(titles, max(4, room)), strict=False):
        style.tidy(ax, size)
        ax.set_title(title, fontsize=size, color=style.INK, pad=2.5)
    for ax in list(grid.flat)[n:]:
        ax.set_visible(False)
    _ticks(grid, ticks, upright, room, whole)
    _name_last_of_column(grid, n)
    return Panels(figure, tuple(grid.flat)[:n], size, room)


def _ticks(grid: Any, names: list[str], upright: bool, room: int, whole: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    grid[0, 0].yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10], min_n_ticks=2))
    if not names:
        most = int(np.clip(room / 8, 1, 5))
        grid[0, 0].xaxis.set_major_locator(MaxNLocator(most, integer=whole, steps=[1, 2, 5, 10], min_n_ticks=2))
        return
    step = -(-len(names) // 12)
    grid[0, 0].set_xticks(range(0, len(names), step), names[::step])
    grid[0, 0].set_xlim(-0.5, len(names) - 0.5)
    for ax in grid.flat:
        ax.tick_params(axis="x", labelrotation=90 if upright else 0)


def _name_last_of_column(grid: Any, n: int) -> None:
    # The last panels of a ragged grid have nothing below them, so they carry the x ticks of their column.
    for column in range(grid.shape[1]):
        shown = [ax for i, ax in enumerate(grid.flat) if i < n and i % grid.shape[1] == column]
        shown[-1].tick_params(labelbottom=True)


def outer_labels(figure: Figure, x_label: str, y_label: str) -> None:
    """Name both axes once for all panels."""
    figure.supxlabel(style.literal(x_label), fontsize=10, color=style.INK)
    figure.supylabel(style.literal(y_label), fontsize=10, color=style.INK)


def legend_outside(figure: Figure, handles: Sequence[Any], title: str, columns: int | None = None) -> None:
    """Put the legend above all panels."""
    figure.legend(
        handles=list(handles), title=title, loc="outside upper left", ncols=columns or len(handles),
        **style.legend_look(),
    )  # fmt: skip


def whole_numbers(x: Any) -> bool:
    """Say whether all numbers are whole."""
    return bool((np.asarray(x, dtype=float) % 1 == 0).all())
