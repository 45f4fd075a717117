"""The shrinkage figure that fits the number of terms: rows, a plane, or a matrix of planes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hierbayes.errors import ModelError
from hierbayes.plots import arrows, style
from hierbayes.plots.arrow_rows import shrinkage_rows
from hierbayes.plots.selection import Selection, legend_over, select

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

NAMED_IN_MATRIX = 6


def shrinkage(
    table: pd.DataFrame,
    *,
    factor: str,
    population: Mapping[str, float],
    complete: Mapping[str, float],
    covariance: ArrayLike | pd.DataFrame,
    terms: Sequence[str] | None = None,
    levels: Sequence[str] | None = None,
    ci_prob: float | None = None,
    ax: Axes | None = None,
    figsize: tuple[float, float] | None = None,
) -> Figure:
    """Draw how partial pooling moves each level's own estimates towards the population.

    One term gives a row per level, two an arrow per level in their plane, more a matrix of such planes.

    Parameters
    ----------
    table : DataFrame
        Columns group, level, term, complete, no, partial, lower, upper, as `hb.pooling(...).table()` gives: totals.
    factor : str
        The grouping factor to draw.
    population, complete : mapping
        Term to population mean, and to complete-pooling estimate.
    covariance : array (k, k) or DataFrame
        Covariance (not sds) of the level effects, in the order of `terms`; a DataFrame is read by its labels. NaN off
        the diagonal means uncorrelated.
    terms : sequence of str, optional
        Draw these terms only. Default: all of the factor, in the table's order.
    levels : sequence of str, optional
        Draw these levels only.
    ci_prob : float, optional
        Probability of the interval in `lower` and `upper`, for the legend.
    ax : Axes, optional
        Where to draw; for one or two terms.
    figsize : (float, float), optional
        Width and height in inches.

    Returns
    -------
    Figure

    Raises
    ------
    DataError
        If the factor or a level does not exist.
    ModelError
        If a term does not exist, the covariance has another shape, or `ax` is given for more than two terms.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"group": "g", "level": ["a", "b"], "term": "Intercept", "no": [4.0, 0.0],
    ...                       "partial": [3.0, 1.0], "lower": [2.0, 0.0], "upper": [4.0, 2.0]})
    >>> mean = {"Intercept": 2.0}
    >>> shrinkage(table, factor="g", population=mean, complete=mean, covariance=[[4.0]]).axes[0].get_xlabel()
    'Intercept'
    """
    chosen = select(table, factor, terms, levels)
    names = chosen.terms
    common: dict[str, Any] = {"factor": factor, "population": population, "complete": complete, "levels": levels}
    if len(names) == 1:
        return shrinkage_rows(table, term=names[0], ci_prob=ci_prob, ax=ax, figsize=figsize, **common)
    if len(names) == 2:
        return arrows.shrinkage_arrows(
            table, term_x=names[0], term_y=names[1], covariance=covariance, ax=ax, figsize=figsize, **common
        )
    if ax is not None:
        raise ModelError(f"{len(names)} terms need a matrix of axes and ax is one.", "Choose two with terms=[...].")
    return _matrix(chosen, population, complete, covariance, figsize)


def _matrix(
    chosen: Selection, population: Mapping[str, float], complete: Mapping[str, float], covariance: Any,
    figsize: tuple[float, float] | None,
) -> Figure:  # fmt: skip
    rows, terms, levels = chosen.rows, chosen.terms, chosen.levels
    k = len(terms)
    full = arrows.covariance_of(covariance, terms)
    figure = style.new_figure(figsize, style.WIDTH, min(2.9 * (k - 1), 12.0) + 0.7)
    grid = figure.subplots(k - 1, k - 1, sharex="col", sharey="row", squeeze=False)
    legend_over(figure, None, arrows.handles(), chosen.title, 5)
    inks = {}
    for row in range(k - 1):
        for column in range(k - 1):
            if column > row:
                grid[row, column].set_visible(False)
            else:
                x, y = column, row + 1
                block = full[[[x], [y]], [[x, y]]]
                pair = (terms[x], terms[y])
                inks[row, column] = (
                    arrows.draw_plane(grid[row, column], rows, pair, levels, population, complete, block), pair, block,
                )  # fmt: skip
    # Names come last: they need the final layout and limits, which shared axes settle together.
    for (row, column), (_, pair, _) in inks.items():
        panel = grid[row, column]
        panel.locator_params(nbins=5)
        panel.set_xlabel(style.literal(pair[0]) if row == k - 2 else "", color=style.INK)
        panel.set_ylabel(style.literal(pair[1]) if column == 0 else "", color=style.INK)
    for (row, column), (ink, pair, block) in inks.items():
        arrows.name_levels(grid[row, column], rows, pair, levels, ink, block, population, NAMED_IN_MATRIX, size=7)
    return figure
