"""The figures of a fit that show levels by their size, and the population that they come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hierbayes.plots.fit_like import FitLike, draws_of
from hierbayes.summaries.single_category import refuse_several

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class LevelPlots:
    """The part of ``fit.plot`` that shows the levels of one grouping factor as a population."""

    _fit: FitLike

    def group_size(
        self,
        factor: str | None = None,
        terms: Sequence[str] | None = None,
        levels: Sequence[str] | None = None,
        ci_prob: float = 0.95,
        **options: Any,
    ) -> Figure:
        """Draw the estimate of each level against its number of rows, no pooling left and partial pooling right.

        On the left small levels fan out, by chance alone; on the right they lie near the population. The line of
        complete pooling runs across both. The intervals on the left are classical t intervals with one sigma for all
        levels (for other families than the gaussian normal ones from the likelihood, on the scale of the link), those
        on the right posterior ones. The levels that are moved most are named.

        Parameters
        ----------
        factor : str, optional
            Grouping factor; the first by default.
        terms, levels : sequence of str, optional
            What to show; all by default. A row of two panels for each term.
        ci_prob : float
            Probability of the intervals.
        **options
            ``figsize``; ``ax``, a pair of axes, for one term.

        Returns
        -------
        Figure

        Raises
        ------
        ModelError
            If the factor or a term does not exist.
        DataError
            If a level does not exist.

        Examples
        --------
        >>> import hierbayes as hb
        >>> fit = hb.fit("Yield ~ 1 | Batch", hb.load_data("dyestuff"), draws=100, chains=2, seed=1, progress=False)
        >>> [ax.get_title() for ax in fit.plot.group_size().axes]
        ['no pooling', 'partial pooling']
        """
        refuse_several(self._fit.design, "plot.group_size")
        from hierbayes.plots.group_size_plot import group_size
        from hierbayes.summaries.level_sizes import sized_tables

        fit = self._fit
        tables, sized = sized_tables(fit.design, fit.spec.formula, draws_of(fit), factor, ci_prob)
        return group_size(
            sized,
            factor=tables.factor,
            population=tables.population,
            complete=tables.complete,
            terms=terms,
            levels=levels,
            ci_prob=ci_prob,
            **options,
        )

    def tadpoles(
        self,
        factor: str | None = None,
        terms: Sequence[str] | None = None,
        levels: Sequence[str] | None = None,
        blocks: int = 4,
        ci_prob: float = 0.95,
        **options: Any,
    ) -> Figure:
        """Draw each level's own estimate joined to its partial-pooling estimate, in size classes from few rows to many.

        The line is the population mean. Above each block stands how far it is pooled, the mean of the levels' pooling
        factors (`hierbayes.Fit.pooling`): 0 for no pooling, 100% for complete pooling.

        Parameters
        ----------
        factor : str, optional
            Grouping factor; the first by default.
        terms, levels : sequence of str, optional
            What to show; all by default. The terms stand one above the other.
        blocks : int
            Most blocks to make; levels of one size are never parted.
        ci_prob : float
            Probability of the posterior intervals.
        **options
            ``figsize``; ``ax``, for one term.

        Returns
        -------
        Figure

        Raises
        ------
        ModelError
            If the factor or a term does not exist.
        DataError
            If a level does not exist.

        Examples
        --------
        >>> import hierbayes as hb
        >>> fit = hb.fit("Yield ~ 1 | Batch", hb.load_data("dyestuff"), draws=100, chains=2, seed=1, progress=False)
        >>> [label.get_text() for label in fit.plot.tadpoles(levels=["E", "F"]).axes[0].get_xticklabels()]
        ['F', 'E']
        """
        refuse_several(self._fit.design, "plot.tadpoles")
        from hierbayes.plots.tadpoles_plot import tadpoles
        from hierbayes.summaries.level_sizes import sized_tables

        fit = self._fit
        tables, sized = sized_tables(fit.design, fit.spec.formula, draws_of(fit), factor, ci_prob)
        return tadpoles(
            sized,
            factor=tables.factor,
            population=tables.population,
            terms=terms,
            levels=levels,
            blocks=blocks,
            ci_prob=ci_prob,
            **options,
        )

    def population(
        self,
        factor: str | None = None,
        terms: Sequence[str] | None = None,
        levels: Sequence[str] | None = None,
        draws: int = 50,
        **options: Any,
    ) -> Figure:
        """Draw the population of levels that the model has learned, over the histograms of the levels' estimates.

        Each thin curve is the normal density ``N(mu, sd²)`` of the levels' totals under one posterior draw; the thick
        one is their average over the posterior, the density of a level not yet seen. The histogram of no-pooling
        estimates is wider than the population, since it holds their errors too; that of the partial-pooling estimates
        is narrower, since each is drawn to the mean.

        Parameters
        ----------
        factor : str, optional
            Grouping factor; the first by default.
        terms : sequence of str, optional
            Terms to show, a panel each; all by default.
        levels : sequence of str, optional
            Levels to count in the histograms; all by default. The population stays that of all.
        draws : int
            Posterior draws to show.
        **options
            ``figsize``; ``ax``, for one term.

        Returns
        -------
        Figure

        Raises
        ------
        ModelError
            If the factor or a term does not exist, or `draws` is not at least 1.
        DataError
            If a level does not exist.

        Examples
        --------
        >>> import hierbayes as hb
        >>> fit = hb.fit("Yield ~ 1 | Batch", hb.load_data("dyestuff"), draws=100, chains=2, seed=1, progress=False)
        >>> [ax.get_xlabel() for ax in fit.plot.population().axes]
        ['Intercept']
        """
        refuse_several(self._fit.design, "plot.population")
        from hierbayes.plots.population_plot import population
        from hierbayes.summaries.learned import learned_population
        from hierbayes.summaries.poolings import pooling_tables

        fit = self._fit
        tables = pooling_tables(fit.design, fit.spec.formula, draws_of(fit), factor)
        learned = learned_population(fit.design, draws_of(fit), tables.factor, draws)
        return population(
            tables.table, learned.draws, learned.density, factor=tables.factor, terms=terms, levels=levels, **options
        )
