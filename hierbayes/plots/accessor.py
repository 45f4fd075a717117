"""`fit.plot`: the figures of one fit, each a short call into a file of this folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from hierbayes.plots.arviz_access import ArvizPlots
from hierbayes.plots.fit_like import FitLike
from hierbayes.plots.level_plots import LevelPlots
from hierbayes.plots.model_plots import ModelPlots
from hierbayes.summaries.single_category import refuse_several

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from hierbayes.summaries.poolings import PoolingTables


class HasTables(FitLike, Protocol):
    """What the figures need of a fit."""

    def ranef(self, ci_prob: float = 0.95) -> pd.DataFrame: ...

    def pooling_tables(self, factor: str | None = None, ci_prob: float = 0.95) -> PoolingTables: ...


class FitPlots(LevelPlots, ModelPlots, ArvizPlots):
    """The figures of a fit. Each returns a matplotlib figure; those that ArviZ draws return its PlotCollection."""

    _fit: HasTables

    def __init__(self, fit: HasTables) -> None:
        self._fit = fit

    def shrinkage(
        self,
        factor: str | None = None,
        levels: Sequence[str] | None = None,
        ci_prob: float = 0.95,
        terms: Sequence[str] | None = None,
        **options: Any,
    ) -> Figure:
        """Draw an arrow from the no-pooling to the partial-pooling estimate of each level.

        One term gives a row for each level, two an arrow for each level in their plane with ellipses that hold 10, 30,
        50, 70 and 90% of the fitted population, more a matrix of such planes.

        Parameters
        ----------
        factor : str, optional
            Grouping factor; the first by default.
        levels : sequence of str, optional
            Levels to show; all by default.
        ci_prob : float
            Probability of the intervals, where some are drawn.
        terms : sequence of str, optional
            Terms to show; all by default.
        **options
            ``figsize``; ``ax``, for one or two terms.

        Returns
        -------
        Figure

        Raises
        ------
        ModelError
            If the factor or a term does not exist.
        DataError
            If a level does not exist.
        """
        refuse_several(self._fit.design, "plot.shrinkage")
        tables = self._fit.pooling_tables(factor, ci_prob)
        return draw_shrinkage(tables, levels, ci_prob=ci_prob, terms=terms, **options)

    def pooling(self, factor: str | None = None, levels: Sequence[str] | None = None, **options: Any) -> Figure:
        """Draw a panel for each level: its data and the complete-, no- and partial-pooling fits.

        Parameters
        ----------
        factor : str, optional
            Grouping factor; the first by default.
        levels : sequence of str, optional
            Levels to show; all by default.
        **options
            ``figsize``.
        """
        refuse_several(self._fit.design, "plot.pooling")
        return draw_pooling(self._fit.pooling_tables(factor), levels, **options)

    def caterpillar(
        self,
        factor: str | None = None,
        terms: Sequence[str] | None = None,
        order_by: str | None = None,
        levels: Sequence[str] | None = None,
        quantiles: bool = False,
        ci_prob: float = 0.95,
        **options: Any,
    ) -> Figure:
        """Draw the deviation of each level with its interval, ordered by one term, a column for each term.

        Parameters
        ----------
        factor : str, optional
            Grouping factor; the first by default.
        terms, levels : sequence of str, optional
            What to show; all by default.
        order_by : str, optional
            The term by which levels are ordered; the first by default.
        quantiles : bool
            Place the levels at standard normal quantiles: a straight line speaks for normal effects.
        ci_prob : float
            Probability of the intervals.
        **options
            ``figsize``.
        """
        from hierbayes.plots.caterpillar_plot import caterpillar

        effects = self._fit.ranef(ci_prob)
        from hierbayes.summaries.poolings import pick_factor

        name = pick_factor(self._fit.design, factor)
        return caterpillar(
            effects,
            factor=name,
            terms=terms,
            order_by=order_by,
            levels=levels,
            quantiles=quantiles,
            ci_prob=ci_prob,
            **options,
        )


def draw_shrinkage(tables: PoolingTables, levels: Sequence[str] | None = None, **options: Any) -> Figure:
    """Draw the shrinkage figure of pooling tables."""
    from hierbayes.plots.shrinkage_plot import shrinkage

    return shrinkage(
        tables.table,
        factor=tables.factor,
        population=tables.population,
        complete=tables.complete,
        covariance=tables.covariance,
        levels=levels,
        **options,
    )


def draw_pooling(tables: PoolingTables, levels: Sequence[str] | None = None, **options: Any) -> Figure:
    """Draw the pooling trellis of pooling tables."""
    from hierbayes.plots.trellis_plot import pooling_trellis

    return pooling_trellis(
        tables.points,
        tables.curves,
        level_order=list(dict.fromkeys(tables.table["level"])),
        x_label=tables.x_label,
        y_label=tables.y_label,
        factor=tables.factor,
        levels=levels,
        binary=tables.binary,
        **options,
    )
