"""Labels beside points that overlap neither each other nor, where there is room, the drawing.

Greedy and without chance: each label tries places around its point, near ones first, and takes the one that covers
the least ink. A label without any free place is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hierbayes.plots.style import GREY, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FloatArray = NDArray[np.float64]

RADII = (3.0, 6.0, 10.0, 15.0, 21.0, 28.0, 36.0, 46.0, 58.0)  # points, from the anchor to the label's edge
ANGLES = 24
LEADER = 12.0  # points: a label farther off than this is tied to its point by a thin line


class Room:
    """The axes in pixels: what is drawn, and the boxes already taken.

    Parameters
    ----------
    ax : Axes
        With its limits and layout final.
    ink : array (m, 2)
        Points in data coordinates that labels should not cover.
    """

    def __init__(self, ax: Axes, ink: FloatArray) -> None:
        from matplotlib.patheffects import Stroke

        figure = ax.get_figure(root=True)
        assert figure is not None
        figure.draw_without_rendering()
        self.ax = ax
        # Letters of straight lines alone, such as E, would be snapped to whole pixels and lose their thin strokes.
        self.halo = [Stroke(linewidth=2, foreground="white", snap=False), Stroke(linewidth=0, snap=False)]
        self.unit = figure.dpi / 72
        self.ink = ax.transData.transform(ink)
        self.frame = np.array(ax.get_window_extent().extents)
        self.taken = np.empty((0, 4))

    def label(self, text: str, anchor: FloatArray, towards: float, size: float, colour: str = INK) -> bool:
        """Write `text` near `anchor` (data coordinates), best in direction `towards` (radians); False if no room."""
        note = self.ax.annotate(
            text, (float(anchor[0]), float(anchor[1])), (0, 0), textcoords="offset points", ha="center", va="center",
            fontsize=size, color=colour, annotation_clip=True, zorder=6, path_effects=self.halo,
        )  # fmt: skip
        note.set_in_layout(False)
        extent = note.get_window_extent()
        at = self.ax.transData.transform(anchor)
        centres, radii, cost = self._places(at, np.array([extent.width, extent.height]), towards)
        if not np.isfinite(cost).any():
            note.remove()
            return False
        best = int(np.argmin(cost))
        offset = (centres[best] - at) / self.unit
        note.set_position((float(offset[0]), float(offset[1])))
        if radii[best] > LEADER:
            self._leader(anchor, offset, extent.height / self.unit)
        self._take(centres[best], np.array([extent.width, extent.height]))
        return True

    def _places(self, at: FloatArray, box: FloatArray, towards: float) -> tuple[FloatArray, FloatArray, FloatArray]:
        turn = np.arange(ANGLES) * 2 * np.pi / ANGLES
        radius, angle = (grid.ravel() for grid in np.meshgrid(RADII, turn, indexing="ij"))
        way = np.column_stack([np.cos(towards + angle), np.sin(towards + angle)])
        support = np.abs(way) @ (box / 2)
        centres = at + way * (radius * self.unit + support)[:, None]
        low, high = centres - box / 2 - 1.5, centres + box / 2 + 1.5
        swing = np.minimum(angle, 2 * np.pi - angle)
        cost = radius / 4 + 0.8 * swing + 2.5 * _inside(self.ink, low, high)
        free = (low >= self.frame[:2]).all(axis=1) & (high <= self.frame[2:]).all(axis=1)
        cost[~free | self._hits(low, high)] = np.inf
        return centres, radius, cost

    def _hits(self, low: FloatArray, high: FloatArray) -> NDArray[np.bool_]:
        apart = (low[:, None] >= self.taken[None, :, 2:]) | (high[:, None] <= self.taken[None, :, :2])
        return np.asarray((~apart.any(axis=2)).any(axis=1))

    def _take(self, centre: FloatArray, box: FloatArray) -> None:
        self.taken = np.vstack([self.taken, [*(centre - box / 2), *(centre + box / 2)]])

    def _leader(self, anchor: FloatArray, offset: FloatArray, height: float) -> None:
        short = offset * max(0.0, 1 - 0.6 * height / float(np.hypot(*offset)))
        self.ax.annotate(
            "", (float(anchor[0]), float(anchor[1])), (float(short[0]), float(short[1])), textcoords="offset points",
            arrowprops={"arrowstyle": "-", "linewidth": 0.5, "color": GREY, "shrinkA": 0, "shrinkB": 2}, zorder=2.5,
        ).set_in_layout(False)  # fmt: skip


def segment_ink(tails: FloatArray, heads: FloatArray, dots: int = 16) -> FloatArray:
    """Return points along each segment from tail to head, (n · dots, 2), rows with NaN left out."""
    along = np.linspace(0, 1, dots)[None, :, None]
    points = (tails[:, None] * (1 - along) + heads[:, None] * along).reshape(-1, 2)
    return np.asarray(points[np.isfinite(points).all(axis=1)])


def _inside(points: FloatArray, low: FloatArray, high: FloatArray) -> Any:
    return ((points[None] > low[:, None]) & (points[None] < high[:, None])).all(axis=2).sum(axis=1)
