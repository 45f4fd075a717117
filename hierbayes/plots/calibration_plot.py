"""Ranks of a calibration: the empirical distribution function less the uniform one, in its simultaneous band."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hierbayes.errors import DataError
from hierbayes.plots import style
from hierbayes.plots.panels import MOST, legend_outside, make_panels, outer_labels, spread
from hierbayes.summaries.uniformity import bands
from hierbayes.tables.numbers import check_prob

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INSIDE, OUTSIDE = style.PARTIAL.colour, style.NO.colour


def draw_calibration(
    table: pd.DataFrame,
    *,
    quantities: Sequence[str] | None = None,
    ci_prob: float = 0.95,
    figsize: tuple[float, float] | None = None,
) -> Figure:
    """Draw, for each quantity, how far the distribution of its ranks is from the uniform one.

    A curve that stays in its band is what a right sampler gives with probability `ci_prob`, for that panel as a whole.
    One that leaves it has another colour, and a star at its title. Arched above 0: truths lie low among the draws.
    First above, then below: posteriors are too narrow.

    Parameters
    ----------
    table : DataFrame
        Columns quantity and place (on 0 to 1), as `hierbayes.calibrate(...).ranks` has them.
    quantities : sequence of str, optional
        Those to draw, in that order; all by default, at most a hundred.
    ci_prob : float
        Probability of each simultaneous band.
    figsize : (float, float), optional
        Width and height in inches.

    Returns
    -------
    Figure

    Raises
    ------
    DataError
        If a column or a quantity is missing, or there are no ranks.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"quantity": "sigma", "place": np.linspace(0.005, 0.995, 100)})
    >>> [ax.get_title() for ax in draw_calibration(table).axes]
    ['sigma']
    """
    check_prob(ci_prob)
    chosen = _chosen(table, quantities)
    places = {name: table.loc[table["quantity"] == name, "place"].to_numpy(dtype=float) for name in chosen}
    panels = make_panels(chosen, figsize, None, whole=False)
    left = [_panel(ax, own, ci_prob) for ax, own in zip(panels.axes, places.values(), strict=True)]
    panels.axes[0].set_xlim(0, 1)
    panels.axes[0].set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    outer_labels(panels.figure, "place of the truth among the draws", "share below, less the uniform one")
    legend_outside(panels.figure, _handles(ci_prob, any(left)), "")
    return panels.figure


def _chosen(table: Any, quantities: Sequence[str] | None) -> list[str]:
    missing = [name for name in ("quantity", "place") if name not in table]
    if missing:
        raise DataError(f"The table has no column {missing[0]!r}.", "It needs quantity and place.")
    known = list(dict.fromkeys(table["quantity"].astype(str)))
    if not known:
        raise DataError("There are no ranks to draw.", "No data set could be sampled.")
    if quantities is None:
        return spread(known, MOST)
    wrong = [name for name in quantities if name not in known]
    if wrong or not len(quantities):
        raise DataError(f"There is no quantity {wrong[0] if wrong else ''!r}.", f"There are {', '.join(known)}.")
    return list(dict.fromkeys(quantities))


def _panel(ax: Axes, places: Any, ci_prob: float) -> bool:
    """Draw one quantity; say whether it leaves its band."""
    law = bands(len(places))
    points = np.concatenate([[0.0], law.points, [1.0]])
    low, high = (np.concatenate([[0.0], own - law.points, [0.0]]) for own in law.limits(ci_prob))
    below = np.searchsorted(np.sort(places), law.points, side="right") / len(places)
    curve = np.concatenate([[0.0], below - law.points, [0.0]])
    left = bool(((curve < low - 1e-12) | (curve > high + 1e-12)).any())
    ax.fill_between(points, low, high, color=style.PALE, linewidth=0)
    ax.axhline(0, color=style.GREY, linewidth=0.7)
    ax.plot(points, curve, color=OUTSIDE if left else INSIDE, linewidth=1.4, linestyle=(0, (4, 1)) if left else "solid")
    if left:
        ax.set_title(f"{ax.get_title()} *", fontsize=ax.title.get_fontsize(), color=style.INK, pad=2.5)
    return left


def _handles(ci_prob: float, left: bool) -> list[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    found: list[Any] = [
        Patch(color=style.PALE, label=f"{100 * ci_prob:g}% band, whole curve"),
        Line2D([], [], color=INSIDE, linewidth=1.4, label="inside"),
    ]
    if left:
        found.append(Line2D([], [], color=OUTSIDE, linewidth=1.4, linestyle=(0, (4, 1)), label="* leaves it"))
    return found
