"""`Fit`, a posterior and what one may ask of it. Thin: it calls the rooms of the package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hierbayes.model.comparing import Comparing
from hierbayes.model.decomposing import Decomposing
from hierbayes.model.keeping import Keeping
from hierbayes.model.predicting import Predicting
from hierbayes.model.questioning import Questioning
from hierbayes.plots.accessor import FitPlots
from hierbayes.summaries.numbers import check_prob
from hierbayes.summaries.poolings import PoolingTables, pooling_tables
from hierbayes.summaries.printing import Summary, method_line
from hierbayes.summaries.tables import (
    fixed_effects,
    group_coefficients,
    group_effects,
    thresholds,
    variance_components,
)
from hierbayes.summaries.tidying import Effect, tidied

if TYPE_CHECKING:
    import pandas as pd

    from hierbayes.report.explorer import Explorer


class Fit(Predicting, Decomposing, Questioning, Comparing, Keeping):
    """A posterior and what one may ask of it. Made by `Model.fit`.

    Attributes
    ----------
    model : Model
    """

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
        return fixed_effects(self.posterior, self.design, check_prob(ci_prob))

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
        return thresholds(self.posterior, self.design, check_prob(ci_prob))

    def varcorr(self, ci_prob: float = 0.95) -> pd.DataFrame:
        """Return standard deviations (not variances) and correlations of the group-level effects, and sigma.

        Returns
        -------
        DataFrame
            Columns group, term, term2, kind ("sd", "corr", "sigma", or another parameter of the family), mean, sd,
            median, lower, upper, ess_bulk, ess_tail, r_hat.
        """
        return variance_components(self.posterior, self.design, check_prob(ci_prob))

    def ranef(self, ci_prob: float = 0.95) -> pd.DataFrame:
        """Return the group-level effects: each level's deviation from the population.

        Returns
        -------
        DataFrame
            Columns group, level, term, mean, sd, median, lower, upper.
        """
        return group_effects(self.posterior, self.design, check_prob(ci_prob))

    def coef(self, ci_prob: float = 0.95) -> pd.DataFrame:
        """Return each level's totals: population-level coefficient plus deviation.

        Returns
        -------
        DataFrame
            Columns group, level, term, mean, sd, median, lower, upper.
        """
        return group_coefficients(self.posterior, self.design, check_prob(ci_prob))

    def summary(self, ci_prob: float = 0.95) -> Summary:
        """Return the tables ``.fixed``, ``.varcorr`` and ``.diagnostics``; prints as lme4's summary, with intervals."""
        import pandas as pd

        counts = ", ".join(f"{f} {self.design.blocks(f)[0].n_levels}" for f in self.design.factors)
        dropped = self.design.rows_given - self.design.n
        text = f"Number of rows: {self.design.n}" + (f" ({dropped} dropped)" if dropped else "")
        level = self.design.modelled
        modelled = "" if level is None else f", of {self.design.response} = {level}"
        return Summary(
            fixed=self.fixef(ci_prob),
            varcorr=self.varcorr(ci_prob),
            diagnostics=pd.DataFrame([self.diagnostics]),
            ci_prob=ci_prob,
            title=f"Bayesian hierarchical model, {self.spec.family} family{modelled}",
            formula=self.spec.formula.text,
            counts=text + (f"; levels: {counts}" if counts else ""),
            method=method_line(self.diagnostics),
            complaints=self.complaints,
            thresholds=self.thresholds(ci_prob),
        )

    def tidy(
        self,
        effects: Effect | Sequence[Effect] = ("fixed", "ran_pars"),
        ci_prob: float = 0.95,
        estimate: Literal["mean", "median"] | None = None,
    ) -> pd.DataFrame:
        """Return estimates as one tidy frame, one row each, in the words of R's broom.

        Parameters
        ----------
        effects : str or sequence of str
            ``"fixed"`` (coefficients), ``"ran_pars"`` (sds, not variances, correlations and sigma), ``"ran_vals"``
            (deviations of the levels), ``"ran_coefs"`` (their totals).
        ci_prob : float
            Probability of the equal-tailed interval.
        estimate : "mean" or "median", optional
            By default the mean of coefficients and levels and the median of sds and correlations, as the summary shows.

        Returns
        -------
        DataFrame
            Columns effect, group, (level, where levels are asked for,) term, estimate, std_error (the posterior sd),
            conf_low, conf_high. Terms of sds and correlations are written ``sd__Days`` and ``cor__Intercept.Days``,
            sigma ``sd__Observation``.

        Raises
        ------
        ModelError
            If an effect or estimate is not known.

        Examples
        --------
        >>> import hierbayes as hb
        >>> model = hb.Model("Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff"))
        >>> fit = model.fit(draws=100, chains=2, seed=1, progress=False)
        >>> fit.tidy()["term"].tolist()
        ['Intercept', 'sd__Intercept', 'sd__Observation']
        """
        return tidied(self, effects, ci_prob, estimate)

    def pooling_tables(self, factor: str | None = None, ci_prob: float = 0.95) -> PoolingTables:
        """Return complete, no and partial pooling of one grouping factor as tables, the first factor by default."""
        prob, family = check_prob(ci_prob), self.spec.family
        return pooling_tables(self.design, self.spec.formula, self.posterior, factor, prob, family)

    @property
    def plot(self) -> FitPlots:
        """Figures of the fit: ``fit.plot.shrinkage()``, ``fit.plot.pooling()``, ``fit.plot.caterpillar()``."""
        return FitPlots(self)

    def report(self, path: str | Path) -> Path:
        """Write one self-contained HTML page that needs no network and no script, and prints well.

        It has the question that the formula asks, the model in mathematics, the priors, whether the draws can be
        trusted, coefficients, variance components and group-level effects, figures, pooling factors, shares of the
        variance, the classical fits beside the posterior, seed, versions and a fingerprint of the data. What a fit
        cannot give (without groups, or loaded without its data) is left out, and the page says so.

        Parameters
        ----------
        path : str or Path

        Returns
        -------
        Path

        Raises
        ------
        DataError
            If the file cannot be written.

        Examples
        --------
        >>> import hierbayes as hb
        >>> fit = hb.fit("Yield ~ 1 | Batch", hb.load_data("dyestuff"), draws=100, chains=2, seed=1, progress=False)
        >>> fit.report("report.html")  # doctest: +SKIP
        PosixPath('report.html')
        """
        from hierbayes.report.fit_page import fit_page
        from hierbayes.report.page import write_page
        from hierbayes.sampling import working
        from hierbayes.storage.record import texts_of

        with working("writing the report", None):
            return write_page(path, fit_page(self, texts_of(self.model.record(self._draws))))

    def explore(
        self,
        path: str | Path | None = None,
        factor: str | None = None,
        levels: Sequence[str] | None = None,
        terms: Sequence[str] | None = None,
    ) -> Explorer:
        """Show one grouping factor from complete to no pooling, on a page with a slider.

        The slider multiplies the sds (not variances) of the factor's effects by m, from 0 through 1 (REML's values) to
        100, in 60 steps; sigma, the correlations and all other factors stay at REML's estimates. The lines of the
        levels are exact at each step, for a flat beta: with ``V = m² Z Sigma Z' + R``, R all other variation,

            beta = (X' V⁻¹ X)⁻¹ X' V⁻¹ y        b_j = m² Sigma Z_j' V⁻¹ (y - X beta)

        (Henderson, 1975). Below the slider lies the posterior density of the sd. The page is one file that asks nothing
        of the network; in a notebook the result shows itself. Where REML is singular the posterior's median sds and
        mean correlations stand in for its own, and the page says so.

        For the other families of the joint engine, 1 is the posterior median of the sds, all other parameters but the
        coefficients stay at theirs (correlations at their means), and the lines are those of the posterior modes of
        coefficients and effects at each step; panels are drawn on the scale of the response, the plane of arrows on
        that of the linear predictor.

        Parameters
        ----------
        path : str or Path, optional
            Where to write the page.
        factor : str, optional
            Grouping factor; the first by default.
        levels : sequence of str, optional
            Levels whose panels are open at first; by default all, or 24 spread evenly. The page can open others.
        terms : sequence of str, optional
            The two terms of the plane of arrows, or a single one; by default the first two.

        Returns
        -------
        Explorer
            With ``html``, ``write(path)``, and ``data``, which holds all numbers of the page.

        Raises
        ------
        ModelError
            If the model has no grouping factor, or not this factor or term, or no compiled engine takes it.
        DataError
            If a level does not exist or the file cannot be written.

        Examples
        --------
        >>> import hierbayes as hb
        >>> model = hb.Model("Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff"))
        >>> fit = model.fit(draws=100, chains=2, seed=1, progress=False)
        >>> fit.explore()
        Explorer of Batch: 6 levels, 61 positions of the slider
        """
        from hierbayes.report.explorer import explore

        shown = explore(self, factor, levels, terms)
        if path is not None:
            shown.write(path)
        return shown

    def __repr__(self) -> str:
        return str(self.summary())

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()
