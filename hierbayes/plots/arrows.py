"""Shrinkage arrows in the plane of two terms: from each level's own fit to its partial-pooling estimate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hierbayes.errors import ModelError
from hierbayes.plots import style
from hierbayes.plots.labels import Room, segment_ink
from hierbayes.plots.selection import legend_over, note_away, select

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FloatArray = NDArray[np.float64]

MASSES = (0.1, 0.3, 0.5, 0.7, 0.9)
MOST_NAMED = 40
NAMED_EXTREMES = 14


def shrinkage_arrows(
    table: pd.DataFrame,
    *,
    term_x: str,
    term_y: str,
    factor: str,
    population: Mapping[str, float],
    complete: Mapping[str, float],
    covariance: ArrayLike | pd.DataFrame,
    levels: Sequence[str] | None = None,
    ax: Axes | None = None,
    figsize: tuple[float, float] | None = None,
) -> Figure:
    """Draw an arrow per level from its no-pooling to its partial-pooling estimate of two terms.

    Parameters
    ----------
    table : DataFrame
        Columns group, level, term, complete, no, partial, as `hb.pooling(...).table()` gives: totals, not deviations.
        A level whose `no` is NaN gets a dot and no arrow.
    term_x, term_y : str
        The terms on the axes.
    factor : str
        The grouping factor to draw.
    population, complete : mapping
        Term to population mean, and to complete-pooling estimate.
    covariance : array (2, 2) or DataFrame
        Covariance (not sds) of the level effects in the order term_x, term_y; a DataFrame is read by its labels. NaN
        off the diagonal means uncorrelated.
    levels : sequence of str, optional
        Draw these levels only.
    ax : Axes, optional
        Where to draw.
    figsize : (float, float), optional
        Width and height in inches.

    Returns
    -------
    Figure
        Dashed ellipses hold 10, 30, 50, 70 and 90% of the levels of the fitted population. With more than 40 levels
        only the outermost ones are named.

    Raises
    ------
    DataError
        If the factor or a level does not exist.
    ModelError
        If a term does not exist or the covariance is not 2 by 2.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"group": "g", "level": ["a", "a", "b", "b"], "term": ["Intercept", "x"] * 2,
    ...                       "no": [1.0, 2.0, 5.0, 4.0], "partial": [2.0, 2.5, 4.0, 3.5]})
    >>> centre = {"Intercept": 3.0, "x": 3.0}
    >>> figure = shrinkage_arrows(table, term_x="Intercept", term_y="x", factor="g", population=centre,
    ...                           complete=centre, covariance=[[4.0, 0.0], [0.0, 1.0]])
    >>> figure.axes[0].get_xlabel()
    'Intercept'
    """
    chosen = select(table, factor, [term_x, term_y], levels)
    terms, names = (term_x, term_y), chosen.levels
    figure, panel = style.new_axes(ax, figsize, 7.5, 6.6)
    ink = draw_plane(panel, chosen.rows, terms, names, population, complete, covariance)
    legend_over(figure, ax, handles(), chosen.title, 3)
    panel.set_xlabel(style.literal(term_x), color=style.INK)
    panel.set_ylabel(style.literal(term_y), color=style.INK)
    note_away(panel, outside(panel, _estimates(chosen.rows, "no", terms, names)))
    most = MOST_NAMED if len(names) <= MOST_NAMED else NAMED_EXTREMES
    name_levels(panel, chosen.rows, terms, names, ink, covariance, population, most)
    return figure


def draw_plane(
    ax: Axes, rows: Any, terms: tuple[str, str], levels: list[str], population: Mapping[str, float],
    complete: Mapping[str, float], covariance: Any,
) -> FloatArray:  # fmt: skip
    """Draw arrows, dots and ellipses on the axes; return the ink that labels must not cover."""
    style.tidy(ax)
    no, partial = _estimates(rows, "no", terms, levels), _estimates(rows, "partial", terms, levels)
    centre = np.array([population[term] for term in terms], dtype=float)
    pooled = np.array([complete[term] for term in terms], dtype=float)
    rings = [ellipse(centre, covariance_of(covariance, terms), mass) for mass in MASSES]
    for ring in rings:
        ax.plot(*ring.T, color=style.GREY, linestyle=(0, (4, 3)), linewidth=0.8, zorder=1.5)
    size = float(np.clip(150 / len(levels), 2.5, 4.5))
    ax.plot(*no.T, "o", color="white", markeredgecolor=style.NO.colour, markersize=size, zorder=3)
    _arrows(ax, no, partial, size)
    ax.plot(*partial.T, "o", color=style.PARTIAL.colour, markersize=size, markeredgewidth=0, zorder=4)
    _centres(ax, pooled, centre)
    _limits(ax, no, np.vstack([partial, centre, pooled, *rings]))
    return np.vstack(
        [segment_ink(no, partial), _disc(no, ax), _disc(partial, ax), np.repeat([centre, pooled], 9, axis=0)]
    )


def _estimates(rows: Any, column: str, terms: tuple[str, str], levels: list[str]) -> FloatArray:
    wide = rows.pivot(index="level", columns="term", values=column).loc[levels, list(terms)]
    values = wide.to_numpy(dtype=float)
    return np.where(np.isfinite(values).all(axis=1, keepdims=True), values, np.nan)


def covariance_of(covariance: Any, terms: Sequence[str]) -> FloatArray:
    """Return the covariance of the terms as an array; NaN off the diagonal is read as uncorrelated."""
    labelled = hasattr(covariance, "loc")
    values = np.array(covariance.loc[list(terms), list(terms)] if labelled else covariance, dtype=float)
    if values.shape != (len(terms), len(terms)):
        raise ModelError(
            f"The covariance has shape {values.shape}; {len(terms)} terms need ({len(terms)}, {len(terms)}).",
            f"Give it in the order {', '.join(terms)}.",
        )
    return np.where(np.isnan(values) & ~np.eye(len(terms), dtype=bool), 0.0, values)


def ellipse(centre: FloatArray, covariance: FloatArray, mass: float, points: int = 121) -> FloatArray:
    """Return the outline (points, 2) of the ellipse that holds `mass` of a bivariate normal distribution.

    >>> ring = ellipse(np.zeros(2), np.eye(2), 0.5)
    >>> round(float(np.hypot(*ring[7]) ** 2 / 2), 4)  # log 2
    0.6931
    """
    values, vectors = np.linalg.eigh(covariance)
    angle = np.linspace(0, 2 * np.pi, points)
    circle = np.column_stack([np.cos(angle), np.sin(angle)]) * np.sqrt(-2 * np.log1p(-mass))
    return np.asarray(centre + circle * np.sqrt(np.clip(values, 0, None)) @ vectors.T)


def _arrows(ax: Axes, tails: FloatArray, heads: FloatArray, size: float) -> None:
    kept = np.isfinite(tails).all(axis=1) & np.isfinite(heads).all(axis=1)
    tails, heads = tails[kept], heads[kept]
    ax.quiver(
        *tails.T, *(heads - tails).T, angles="xy", scale_units="xy", scale=1, color=style.GREY, zorder=2,
        units="inches", width=0.012, headwidth=5.5, headlength=7, headaxislength=6, minlength=0,
    )  # fmt: skip


def _centres(ax: Axes, pooled: FloatArray, centre: FloatArray) -> None:
    # The two coincide in balanced data, so the diamond is the larger and lies below the square.
    ax.plot(
        *pooled, style.COMPLETE.marker, color=style.COMPLETE.colour, markersize=13, markeredgecolor="white", zorder=5
    )
    ax.plot(
        *centre,
        style.POPULATION.marker,
        color=style.POPULATION.colour,
        markersize=7,
        markeredgecolor="white",
        zorder=5.1,
    )


def _limits(ax: Axes, no: FloatArray, core: FloatArray) -> None:
    ax.set_xlim(style.core_limits(no[:, 0], core[:, 0]))
    ax.set_ylim(style.core_limits(no[:, 1], core[:, 1]))


def outside(ax: Axes, points: FloatArray) -> int:
    """Return how many points lie outside the axes' limits."""
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    x, y = points.T
    return int(((x < left) | (x > right) | (y < low) | (y > high)).sum())


def _disc(points: FloatArray, ax: Axes) -> FloatArray:
    """Return a dot as five points, so that a label that only grazes it still pays."""
    reach = np.array([np.ptp(ax.get_xlim()), np.ptp(ax.get_ylim())]) * 0.006
    ring = np.array([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]]) * reach
    points = points[np.isfinite(points).all(axis=1)]
    return np.asarray((points[:, None] + ring).reshape(-1, 2))


def name_levels(
    ax: Axes, rows: Any, terms: tuple[str, str], levels: list[str], ink: FloatArray, covariance: Any,
    population: Mapping[str, float], most: int, size: float = 8,
) -> None:  # fmt: skip
    """Name the ellipses and the levels, the outermost ones only where there are more than `most`."""
    no, partial = _estimates(rows, "no", terms, levels), _estimates(rows, "partial", terms, levels)
    room = Room(ax, ink)
    matrix = covariance_of(covariance, terms)
    centre = np.array([population[term] for term in terms], dtype=float)
    for mass in MASSES[::-1]:
        ring = ellipse(centre, matrix, mass)
        room.label(f"{mass:.0%}", _clearest(room, ring), np.pi / 2, 6.5, style.GREY)
    names = style.shown_all(levels, 16)
    own = np.where(np.isfinite(no), no, partial)
    scale = np.array([np.ptp(ax.get_xlim()), np.ptp(ax.get_ylim())])
    far = np.hypot(*((own - centre) / scale).T)
    for row in sorted(range(len(levels)), key=lambda i: -far[i])[:most]:
        way = (own[row] - partial[row]) / scale
        way = way if np.hypot(*way) > 1e-9 else (own[row] - centre) / scale
        # A tail outside the frame cannot be named there, so the name goes to the head.
        anchor = partial[row] if outside(ax, own[row : row + 1]) else own[row]
        room.label(names[row], anchor, float(np.arctan2(way[1], way[0])), size)


def _clearest(room: Room, ring: FloatArray) -> FloatArray:
    """Return the point of the outline, in its upper part, that lies farthest from any ink and inside the axes."""
    pixels = room.ax.transData.transform(ring)
    inside = (pixels > room.frame[:2] + 8).all(axis=1) & (pixels < room.frame[2:] - 12).all(axis=1)
    upper = pixels[:, 1] >= np.quantile(pixels[:, 1], 0.55)
    gap = np.hypot(*np.moveaxis(pixels[:, None] - room.ink[None], 2, 0)).min(axis=1)
    return np.asarray(ring[int(np.argmax(np.where(inside & upper, np.minimum(gap, 60), -1)))])


def handles() -> list[Any]:
    """Return the legend entries of the arrows."""
    ring = style.Look(style.GREY, (0, (4, 3)), "", f"{', '.join(f'{mass:.0%}'[:-1] for mass in MASSES)}% of levels")
    return [
        style.dot(style.NO, 4.5, filled=False), style.dot(style.PARTIAL, 4.5),
        style.dot(style.COMPLETE, 11, edge="white"), style.dot(style.POPULATION, 7, edge="white"),
        style.line(ring, 0.8),
    ]  # fmt: skip
