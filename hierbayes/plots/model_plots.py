"""The figures of a fit that ask for more than one table: fan, variance components, conditional effects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from hierbayes.errors import ModelError
from hierbayes.plots.fit_like import FitLike, draws_of
from hierbayes.summaries.single_category import refuse_several

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class ModelPlots:
    """The part of ``fit.plot`` that shows what the model says of levels, components and the population."""

    _fit: FitLike

    def fan(
        self,
        factor: str | None = None,
        levels: Sequence[str] | None = None,
        x: str | None = None,
        lines: int = 50,
        ci_prob: float = 0.95,
        **options: Any,
    ) -> Figure:
        """Draw posterior lines of each level over its data, and the posterior predictive ribbon of a new level.

        The lines are means of the response under single draws, each averaged over the rows of the level, which keep
        their other columns and their levels of other factors. The inner ribbon is the mean of a level not seen
        before, the outer one a response of it with every factor at a new level.

        Parameters
        ----------
        factor : str, optional
            Grouping factor; the first by default.
        levels : sequence of str, optional
            Levels to show; all by default.
        x : str, optional
            The column along x; by default the first that varies within levels, numbers before categories.
        lines : int
            Lines of each level.
        ci_prob : float
            Probability of the ribbons.
        **options
            ``figsize``.

        Returns
        -------
        Figure

        Raises
        ------
        ModelError
            If the factor or column does not exist.
        DataError
            If a level does not exist.

        Examples
        --------
        >>> import hierbayes as hb
        >>> fit = hb.fit("Yield ~ 1 | Batch", hb.load_data("dyestuff"), draws=100, chains=2, seed=1, progress=False)
        >>> [ax.get_title() for ax in fit.plot.fan(levels=["A", "C"]).axes if ax.get_visible()]
        ['A', 'C', 'a new Batch']
        """
        refuse_several(self._fit.design, "plot.fan")
        from hierbayes.plots.fan_plot import fan
        from hierbayes.plots.panels import MOST, spread
        from hierbayes.summaries.fans import fan_tables
        from hierbayes.summaries.poolings import pick_factor

        fit = self._fit
        name = pick_factor(fit.design, factor)
        known = list(fit.design.blocks(name)[0].levels)
        shown = spread(known, MOST - 1) if levels is None else levels
        tables = fan_tables(fit.design, draws_of(fit), name, shown, x, lines, ci_prob)
        return fan(**vars(tables), n_levels=len(known), ci_prob=ci_prob, **options)

    def components(
        self,
        ci_prob: float = 0.95,
        prior: bool | None = None,
        reml: bool | None = None,
        draws: int = 4000,
        seed: int | None = None,
        **options: Any,
    ) -> Figure:
        """Draw sds (not variances), correlations and shares of variance, prior beside posterior, REML marked.

        Parameters
        ----------
        ci_prob : float
            Probability of the outer equal-tailed intervals; the thick ones have 0.5.
        prior, reml : bool, optional
            Draw the prior and the REML estimates; by default where there are any (flat priors cannot be drawn from,
            and REML knows no fixed sd).
        draws : int
            Draws from the prior.
        seed : int, optional
            Of the draws from the prior; by default that of the fit.
        **options
            ``figsize``.

        Returns
        -------
        Figure

        Raises
        ------
        ModelError
            If prior or REML are asked for and there are none.

        Examples
        --------
        >>> import hierbayes as hb
        >>> fit = hb.fit("Yield ~ 1 | Batch", hb.load_data("dyestuff"), draws=100, chains=2, seed=1, progress=False)
        >>> [ax.get_xlabel() for ax in fit.plot.components().axes]
        ['sd (units of Yield)', 'share of variance']
        """
        from hierbayes.plots.components_plot import components
        from hierbayes.summaries.component_intervals import component_intervals

        fit = self._fit
        own_seed = fit.diagnostics["seed"] if seed is None else seed
        table = component_intervals(
            fit.design,
            fit.posterior,
            _unless_refused(prior, lambda: fit.model.prior_draws(draws, own_seed)),
            _unless_refused(reml, lambda: fit.model.reml().varcorr()),
            ci_prob,
        )
        return components(table, ci_prob=ci_prob, **options)

    def effects(
        self,
        focal: str | None = None,
        by: str | None = None,
        at: Mapping[str, Any] | None = None,
        ci_prob: float = 0.95,
        weights: Literal["equal", "proportional"] = "equal",
        **options: Any,
    ) -> Figure:
        """Draw the conditional effect of a predictor: the population's curve and band over the data.

        It is the mean of the response, group-level effects zero, at the reference grid of `Fit.means`: other numeric
        columns at their mean, other categorical ones averaged. Medians and equal-tailed intervals, on the scale of
        the response; along a categorical column dots with intervals.

        Parameters
        ----------
        focal : str, optional
            The column along x; the first numeric one by default, else the first.
        by : str, optional
            A second column, a colour for each of its values, or a panel where it has more than four: its levels, or
            mean - sd, mean and mean + sd of a numeric one (data then take the nearest), or as `at` says.
        at : mapping, optional
            Values that columns are held at: ``{"Days": 5}``.
        ci_prob : float
            Probability of the band.
        weights : "equal" or "proportional"
            How the levels of other categorical columns are averaged.
        **options
            ``data=False`` leaves the data out; ``panels_by=True`` draws a panel for each value of `by`; ``ax`` and
            ``figsize``.

        Returns
        -------
        Figure

        Raises
        ------
        ModelError
            If a column or level does not exist, or the population part has no columns.

        Examples
        --------
        >>> import hierbayes as hb
        >>> sleep = hb.load_data("sleepstudy")
        >>> fit = hb.fit("Reaction ~ Days + (1 | Subject)", sleep, draws=100, chains=2, seed=1, progress=False)
        >>> fit.plot.effects("Days").axes[0].get_ylabel()
        'Reaction'
        """
        from hierbayes.plots.effects_plot import effects
        from hierbayes.summaries.effect_curves import effect_curves, first_predictor

        fit = self._fit
        name = first_predictor(fit.design) if focal is None else focal
        tables = effect_curves(fit.design, draws_of(fit), name, by, at, ci_prob, weights)
        return effects(**vars(tables), ci_prob=ci_prob, **options)


def _unless_refused(asked: bool | None, make: Callable[[], Any]) -> Any:
    """Return what is made; None where it is not wanted, or not asked for and refused."""
    if asked is False:
        return None
    try:
        return make()
    except ModelError:
        if asked:
            raise
        return None
