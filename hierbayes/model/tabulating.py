"""Tables of a fit, and its figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, cast

from hierbayes.model.base import FitBase
from hierbayes.plots.accessor import FitPlots, HasTables
from hierbayes.summaries.own_variables import own_table
from hierbayes.summaries.poolings import PoolingTables, pooling_tables
from hierbayes.summaries.printing import Summary, method_line
from hierbayes.summaries.tables import (
    exponentials,
    fixed_effects,
    group_coefficients,
    group_effects,
    thresholds,
    variance_components,
)
from hierbayes.tables.numbers import check_flag, check_prob
from hierbayes.tables.tidying import Effect, tidied

if TYPE_CHECKING:
    import pandas as pd


class Tabulating(FitBase):
    """The part of a `Fit` that has to do with tables."""

    def fixef(self, ci_prob: float = 0.95) -> pd.DataFrame:
        """Return the population-level coefficients (fixed effects).

        Parameters
        ----------
        ci_prob : float
            Probability of the equal-tailed interval.

        Returns
        -------
        DataFrame
            Index: coefficient. Columns mean, sd, median, lower, upper, ess_bulk, ess_tail, r_hat; all for the columns
            as given, whatever was centred for sampling.
        """
        return fixed_effects(self._arrays, self.design, check_prob(ci_prob), self._agreement)

    def thresholds(self, ci_prob: float = 0.95) -> pd.DataFrame:
        """Return the thresholds between the categories of an ordinal response.

        They are those of the predictor less its intercept, ``c_k - Intercept``: ``P(y <= k) = F(threshold_k - rest)``,
        as brms, ordinal's ``clmm`` and Bambi print them. The first is minus the intercept; from one to the next the
        distance is the gap of the category between them, which has the prior (``gap_2``, ..., in `varcorr`).

        Parameters
        ----------
        ci_prob : float
            Probability of the equal-tailed interval.

        Returns
        -------
        DataFrame
            Index: threshold, ``low|middle`` between the categories low and middle. Columns as `fixef`. Without rows for
            other families.

        Examples
        --------
        >>> import hierbayes as hb
        >>> wine = hb.load_data("wine")
        >>> fit = hb.fit("rating ~ temp", wine, family="ordinal", draws=200, chains=2, seed=1, progress=False)
        >>> fit.thresholds().index.tolist()
        ['1|2', '2|3', '3|4', '4|5']
        """
        return thresholds(self.posterior, self.design, check_prob(ci_prob), self._agreement)

    def varcorr(self, ci_prob: float = 0.95) -> pd.DataFrame:
        """Return standard deviations (not variances) and correlations of the group-level effects, and sigma.

        Returns
        -------
        DataFrame
            Columns group, term, term2, kind ("sd", "corr", "sigma", or another parameter of the family), mean, sd,
            median, lower, upper, ess_bulk, ess_tail, r_hat.
        """
        return variance_components(self._arrays, self.design, check_prob(ci_prob), self._agreement)

    def ranef(self, ci_prob: float = 0.95) -> pd.DataFrame:
        """Return the group-level effects: each level's deviation from the population.

        Returns
        -------
        DataFrame
            Columns group, level, term, mean, sd, median, lower, upper.
        """
        return group_effects(self._arrays, self.design, check_prob(ci_prob))

    def coef(self, ci_prob: float = 0.95) -> pd.DataFrame:
        """Return each level's totals: population-level coefficient plus deviation.

        Returns
        -------
        DataFrame
            Columns group, level, term, mean, sd, median, lower, upper.
        """
        return group_coefficients(self._arrays, self.design, check_prob(ci_prob))

    def summary(self, ci_prob: float = 0.95) -> Summary:
        """Return the tables ``.fixed``, ``.varcorr`` and ``.diagnostics``; prints as lme4's summary, with intervals."""
        import pandas as pd

        counts = ", ".join(f"{f} {self.design.blocks(f)[0].n_levels}" for f in self.design.factors)
        dropped = self.design.rows_given - self.design.n
        text = f"Number of rows: {self.design.n}" + (f" ({dropped} dropped)" if dropped else "")
        return Summary(
            fixed=self.fixef(ci_prob),
            varcorr=self.varcorr(ci_prob),
            diagnostics=pd.DataFrame([self.diagnostics]),
            ci_prob=ci_prob,
            title=f"Bayesian hierarchical model, {self.spec.family} family{self._of}",
            formula=self.spec.formula.text,
            counts=text + (f"; levels: {counts}" if counts else ""),
            method=method_line(self.diagnostics),
            complaints=self.complaints,
            thresholds=self.thresholds(ci_prob),
        )

    def tidy(
        self,
        effects: Effect | Sequence[Effect] = ("fixed", "ran_pars", "own"),
        ci_prob: float = 0.95,
        estimate: Literal["mean", "median"] | None = None,
        exponentiate: bool = False,
    ) -> pd.DataFrame:
        """Return estimates as one tidy frame, one row each, in the words of R's broom.

        Parameters
        ----------
        effects : str or sequence of str
            ``"fixed"`` (coefficients), ``"ran_pars"`` (sds, not variances, correlations and sigma), ``"ran_vals"``
            (deviations of the levels), ``"ran_coefs"`` (their totals), ``"own"`` (variables of your own among attached
            draws, see `Model.attach`; those of more than 1,000 numbers are left out).
        ci_prob : float
            Probability of the equal-tailed interval.
        estimate : "mean" or "median", optional
            By default the mean of coefficients and levels and the median of sds and correlations, as the summary shows.
        exponentiate : bool
            Give the exponentials of the fixed effects: odds ratios with the link logit, ratios of means with the link
            log and for ``lognormal``, hazard ratios with cloglog; that of the intercept is the odds, mean or hazard
            where all columns are 0. Each draw is exponentiated, so that std_error is the posterior sd of the ratio
            (broom's is the estimate times that of the coefficient), and the estimate is by default the median, which
            is the exponential of that of the coefficient. Other effects stay on the scale of the link, as in broom.

        Returns
        -------
        DataFrame
            Columns effect, group, (level, where levels are asked for,) term, estimate, std_error (the posterior sd),
            conf_low, conf_high. Terms of sds and correlations are written ``sd__Days`` and ``cor__Intercept.Days``,
            sigma ``sd__Observation``.

        Raises
        ------
        ModelError
            If an effect or estimate is not known, or exponentials of the coefficients are no ratios with this link.

        Examples
        --------
        >>> import hierbayes as hb
        >>> model = hb.Model("Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff"))
        >>> fit = model.fit(draws=100, chains=2, seed=1, progress=False)
        >>> fit.tidy()["term"].tolist()
        ['Intercept', 'sd__Intercept', 'sd__Observation']
        """
        prob = check_prob(ci_prob)
        own, ratios = own_table(self.posterior, self._own_variables, prob), None
        if check_flag("exponentiate", exponentiate):
            ratios = exponentials(self._arrays, self.spec.family, self.design.coefficients, prob)
        return tidied(self, effects, ci_prob, estimate, own, ratios)

    def pooling_tables(self, factor: str | None = None, ci_prob: float = 0.95) -> PoolingTables:
        """Return complete, no and partial pooling of one grouping factor as tables, the first factor by default."""
        self._one_predictor("pooling_tables")
        prob = check_prob(ci_prob)
        return pooling_tables(self.design, self.spec.formula, self._arrays, factor, prob)

    @property
    def plot(self) -> FitPlots:
        """Figures of the fit: ``fit.plot.shrinkage()``, ``fit.plot.pooling()``, ``fit.plot.caterpillar()``."""
        if self._doubt:
            from hierbayes.model.attached_plots import AttachedPlots

            return AttachedPlots(cast("HasTables", self))
        return FitPlots(cast("HasTables", self))

    @property
    def _of(self) -> str:
        """What a summary says of a response that is no number: the level modelled, or the reference."""
        design = self.design
        if not design.family.has_mean:
            return f", of {design.response} against {design.categories[0]}"
        return "" if design.modelled is None else f", of {design.response} = {design.modelled}"

    def __repr__(self) -> str:
        return str(self.summary())

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()
