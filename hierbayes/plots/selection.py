"""What of a table a figure shows: one grouping factor, some of its terms and levels. And the axes for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hierbayes.errors import ModelError
from hierbayes.plots import style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Selection:
    """The rows to draw.

    Attributes
    ----------
    factor : str
    rows : DataFrame
        Those of the factor, of all its levels and terms; levels and terms are strings.
    terms, levels : list of str
        To draw, in order.
    """

    factor: str
    rows: Any
    terms: list[str]
    levels: list[str]

    def of(self, term: str) -> Any:
        """Return the rows of one term, indexed by the levels to draw, in their order."""
        return self.rows[self.rows["term"] == term].set_index("level").loc[self.levels]

    @property
    def title(self) -> str:
        """The title of the legend: the factor, how many levels, and how many have no fit of their own."""
        text = f"{style.literal(self.factor)}: {len(self.levels)} level{'s' * (len(self.levels) > 1)}"
        missing = int(self.of(self.terms[0])["no"].isna().sum()) if "no" in self.rows else 0
        return text + (
            f", {missing} too small for a fit of {'its' if missing == 1 else 'their'} own" if missing else ""
        )


def select(
    table: pd.DataFrame, factor: str, terms: Sequence[str] | None = None, levels: Sequence[str] | None = None
) -> Selection:
    """Return what to draw: all terms and levels of the factor in the table's order, or those asked for.

    Raises
    ------
    DataError
        If the factor or a level does not exist.
    ModelError
        If a term does not exist.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"group": "g", "level": ["a", "b"], "term": "Intercept", "no": [4.0, 0.0]})
    >>> select(table, "g", levels=["b"]).of("Intercept")["no"].tolist()
    [0.0]
    """
    rows = style.of_factor(table, factor)
    names = style.terms_of(rows, terms, factor)
    return Selection(factor, rows, names, style.choose(list(dict.fromkeys(rows["level"])), levels, factor))


def one_axes_each(
    ax: Axes | None, figsize: tuple[float, float] | None, terms: Sequence[str], size: tuple[float, float],
    *, rows: int = 1, **shared: Any,
) -> tuple[Figure, list[Axes]]:  # fmt: skip
    """Return a figure with one axes a term, in `rows` rows: a new one of `size`, or the axes given for a single term.

    Raises
    ------
    ModelError
        If `ax` is given for several terms, or with `figsize`.
    """
    if len(terms) == 1:
        figure, only = style.new_axes(ax, figsize, *size)
        return figure, [only]
    if ax is not None:
        raise ModelError(f"{len(terms)} terms need {len(terms)} axes and ax is one.", "Choose one with terms=[...].")
    figure = style.new_figure(figsize, *size)
    return figure, list(figure.subplots(rows, -(-len(terms) // rows), squeeze=False, **shared).flat)


def legend_over(
    figure: Figure, ax: Axes | None, handles: Sequence[Any], title: str, columns: int | None = None, lift: float = 0.4
) -> None:
    """Put the legend above all axes of the figure, or above `ax` if one was given, `lift` letters high.

    A legend of the figure leaves the widths of the axes alone, however wide it is.
    """
    look = style.legend_look() | {"handles": list(handles), "title": title, "ncols": columns or len(handles)}
    if ax is None:
        figure.legend(loc="outside upper left", **look)
    else:
        ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), **look | {"borderaxespad": lift})


def away_text(away: int) -> str:
    """Return the remark that no-pooling estimates lie outside the frame; empty if none does."""
    return f"{away} no-pooling estimate{'s' * (away > 1)} outside the frame" if away else ""


def note_away(ax: Axes, away: int) -> None:
    """Say below the axes how many no-pooling estimates lie outside the frame, if any."""
    if away:
        style.note_below(ax, away_text(away))


def upright_bars(ax: Axes, x: Any, low: Any, high: Any, **options: Any) -> None:
    """Draw the vertical bars whose ends are both known."""
    x, low, high = (np.asarray(values, dtype=float) for values in (x, low, high))
    kept = np.isfinite(low) & np.isfinite(high)
    ax.vlines(x[kept], low[kept], high[kept], **options)
