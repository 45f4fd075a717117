"""Where the variance comes from: shares, R2, sources of variation, pooling factors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from hierbayes.errors import DataError, ModelError
from hierbayes.model.base import FitBase
from hierbayes.tables.numbers import check_prob

if TYPE_CHECKING:
    import pandas as pd

    from hierbayes.estimates.classical_tests import TermTest
    from hierbayes.summaries.shrinkage_factors import PoolingFactors


class Decomposing(FitBase):
    """The part of a `Fit` that asks where the variance comes from."""

    def icc(
        self, ci_prob: float = 0.95, kind: Literal["adjusted", "unadjusted"] = "adjusted", by_group: bool = True
    ) -> pd.DataFrame:
        r"""Return intraclass correlations: the share of the variance (not sd) that each grouping factor holds.

        The variance that a factor gives to a row is ``z' Sigma z``, on average over the rows; with a random intercept
        alone that is ``sd**2``. The residual's is ``sigma**2 / weight``, on average. Shares are taken draw by draw.

        For other families than the gaussian all variances are on the scale of the link, and a column ``note`` says
        what stands for the residual's: for ``bernoulli`` and ``binomial`` pi^2/3 (logit), 1 (probit) or pi^2/6
        (cloglog), of one trial; for ``poisson`` and ``negative_binomial`` trigamma of the mean and of
        ``1 / (1/mean + 1/alpha)``, for ``gamma`` trigamma of its shape, the variance of the logarithm; for ``beta`` the
        delta method; the variance of the Student and of the ex-Gaussian; ``sigma**2`` for the log-normals. The mean is
        that of the response over the rows and all levels that there might be.

        Parameters
        ----------
        ci_prob : float
            Probability of the equal-tailed interval.
        kind : "adjusted" or "unadjusted"
            ``"adjusted"`` divides by groups and residual; ``"unadjusted"`` also counts the variance over the rows of
            the population-level part ``X beta + offset``, which has a row of its own, ``Fixed``.
        by_group : bool
            False puts all grouping factors together into one row, ``all groups``, which is the ICC of R's performance.

        Returns
        -------
        DataFrame
            One row for each factor and one for the residual; their shares add up to 1. Columns group, mean, sd, median,
            lower, upper of the share; and with `by_group` correlation, correlation_lower, correlation_upper: the
            correlation (posterior mean and interval) of two different rows of one level, drawn at random, with the
            levels of other factors that they share. With one random intercept it is the share.

        Raises
        ------
        ModelError
            If an argument is not understood.

        References
        ----------
        Nakagawa, Johnson and Schielzeth (2017), J. R. Soc. Interface 14, 20170213. Random slopes: Johnson (2014),
        Methods in Ecology and Evolution 5, 944-946.

        Examples
        --------
        >>> import hierbayes as hb
        >>> known = {"sd_Batch": hb.Fixed(40.0), "sigma": hb.Fixed(50.0)}
        >>> data = hb.load_data("dyestuff")
        >>> fit = hb.fit("Yield ~ 1 | Batch", data, priors=known, draws=100, chains=2, seed=1, progress=False)
        >>> print(fit.icc()[["group", "mean", "correlation"]].round(4).to_string(index=False))  # 1600 / (1600 + 2500)
           group   mean  correlation
           Batch 0.3902       0.3902
        Residual 0.6098          NaN
        """
        self._one_predictor("icc")
        self._own_likelihood("icc")
        from hierbayes.summaries.variance_shares import variance_shares

        return variance_shares(self.design, self._arrays, check_prob(ci_prob), kind, by_group)

    def r2(self, ci_prob: float = 0.95) -> pd.DataFrame:
        """Return R2, draw by draw: the share of the variance of the response that the model explains.

        With ``fixed`` the variance over the rows (ddof 1) of ``X beta + offset``, ``fitted`` that of
        ``X beta + Z b + offset``, ``groups`` the mean over the rows of ``z' Sigma z`` and ``residual`` the mean of
        ``sigma**2 / weight``:

        ============  =============  ===============================================
        method        kind           R2
        ============  =============  ===============================================
        ``bayes``     conditional    ``fitted / (fitted + residual)``
        ``bayes``     marginal       ``fixed / (fixed + groups + residual)``
        ``nakagawa``  conditional    ``(fixed + groups) / (fixed + groups + residual)``
        ``nakagawa``  marginal       ``fixed / (fixed + groups + residual)``
        ============  =============  ===============================================

        ``bayes`` is the Bayesian R2 with the residual variance of the model, as published in 2019 (an earlier form took
        the variance of the realised residuals). Conditional, it refers to the levels at hand. Marginal, the
        group-level effects are integrated out: what they vary by is residual to the population, and the two marginal
        R2 are the same number.

        For other families ``bayes`` is on the scale of the response (for ``binomial`` of the share of successes), with
        the variance over the rows of their means for ``fitted`` and ``fixed``, and the family's variance of the
        response, on average over the rows, as the residual. ``nakagawa`` is on the scale of the link, with the
        residual variance that `icc` takes. They then are different numbers.

        Returns
        -------
        DataFrame
            Columns method, kind, mean, sd, median, lower, upper.

        References
        ----------
        Gelman, Goodrich, Gabry and Vehtari (2019), The American Statistician 73, 307-309. Nakagawa, Johnson and
        Schielzeth (2017), J. R. Soc. Interface 14, 20170213.

        Examples
        --------
        >>> import hierbayes as hb
        >>> sleep = hb.load_data("sleepstudy")
        >>> fit = hb.fit("Reaction ~ Days + (1 | Subject)", sleep, draws=200, chains=2, seed=1, progress=False)
        >>> fit.r2()["kind"].tolist()
        ['conditional', 'marginal', 'conditional', 'marginal']
        """
        self._one_predictor("r2")
        self._own_likelihood("r2")
        from hierbayes.summaries.rsquared import r_squared

        return r_squared(self.design, self._arrays, check_prob(ci_prob))

    def anova(self, ci_prob: float = 0.95) -> pd.DataFrame:
        """Return the analysis of variance: the sd of every source of variation, and the classical tests beside it.

        All sds are in units of the response, as posterior median and equal-tailed interval. The *finite-population* sd
        describes the effects of the levels at hand: for a factor of J levels the sd of their effects, the sum of
        squares over the degrees of freedom. The *super-population* sd describes the population that the levels are
        drawn from: for a group term its ``sd``.

        - A population term is what it adds to the terms before it, over the rows. For a term of factors alone the
          finite sd is ``sqrt(K / n * sum of squares / df)`` with K its number of cells: in balanced data the sd of its
          effects. Its super-population sd is the one that its effects, as they are estimated, would have if they
          were normal with a default group-level prior on that sd. A term with a number in it has the sd of its part
          over the rows, and no population.
        - A group term with several columns has a row for each, for what it adds to the columns before it: their
          super-population variances add up to the mean of ``z' Sigma z``. Effects that other sources could hold as well
          are set apart: within ``B``, those of ``B:V`` sum to 0.
        - Residual: the sd of the errors of the rows at hand, and sigma (times the root of the mean of 1 / weight).

        The classical columns stand in the rows of population terms and come from the REML fit. ``sum_sq``, ``mean_sq``
        and ``F`` are sequential (type I), as ``anova`` of lme4 prints them; lme4 gives no p-value for F, for its
        distribution is not known in general. ``chi_sq`` and its upper tail ``p`` are the Wald test of type II, as
        ``car::Anova`` prints it. They are NaN, and ``note`` says why, where there is no REML fit.

        For other families all sds are on the scale of the link, the residual's that of `icc`, and the classical columns
        are left out, for there are no sums of squares.

        Returns
        -------
        DataFrame
            Index: source. Columns kind ("population", "group", "residual"), df, finite_sd, finite_lower, finite_upper,
            super_sd, super_lower, super_upper, sum_sq, mean_sq, F, chi_sq, p, note.

        References
        ----------
        Gelman (2005), Analysis of variance: why it is more important than ever. Annals of Statistics 33, 1-53.

        Examples
        --------
        >>> import hierbayes as hb
        >>> data = hb.load_data("penicillin")
        >>> formula = "diameter ~ 1 + sample + (1 | plate)"
        >>> fit = hb.fit(formula, data, draws=200, chains=2, seed=1, progress=False)
        >>> fit.anova().loc["sample", ["df", "sum_sq", "mean_sq", "F", "chi_sq"]].astype(float).round(2).tolist()
        [5.0, 449.22, 89.84, 297.09, 1485.45]
        """
        self._one_predictor("anova")
        self._own_likelihood("anova")
        from hierbayes.summaries.variance_sources import sources_table

        prob = check_prob(ci_prob)
        tests = self._term_tests() if self.spec.family.conjugate else None
        return sources_table(self.design, self.spec.formula, self._arrays, tests, prob)

    def _term_tests(self) -> tuple[TermTest, ...] | str:
        """Return the classical tests of the population terms, or why there are none."""
        from hierbayes.estimates.classical_tests import term_tests

        terms = self.spec.formula.population.terms
        if not terms:
            return ()
        try:
            found = self.model.reml().estimates
        except (ModelError, DataError) as error:
            return error.what
        return term_tests(
            found.beta, found.beta_covariance, found.sigma, self.design.terms, [frozenset(t.atoms) for t in terms]
        )

    def effective_n(self, ci_prob: float = 0.95) -> pd.DataFrame:
        """Return how many independent rows the rows are worth for the population mean.

        The mean variance of one row over the variance of the mean, given the sds, correlations and sigma, draw by draw.
        With ``V = Z Sigma Z' + sigma**2 / W`` and v the mean of its diagonal: ``n**2 v / (1' V 1)`` for the plain mean
        of the rows and ``v (1' V^-1 1)`` for the mean with the best weights (generalised least squares). In a balanced
        design with one random intercept both are ``n / (1 + (m - 1) icc)`` for m rows a level.

        Returns
        -------
        DataFrame
            Rows ``rows`` (the plain mean) and ``rows, best weights``. Columns mean_of, n, mean, sd, median, lower,
            upper of the effective number. The second is NaN where crossed factors have more than some 600 effects, and
            uses evenly spaced draws where it would take long.

        Examples
        --------
        >>> import hierbayes as hb
        >>> known = {"sd_Batch": hb.Fixed(40.0), "sigma": hb.Fixed(50.0)}
        >>> data = hb.load_data("dyestuff")
        >>> fit = hb.fit("Yield ~ 1 | Batch", data, priors=known, draws=100, chains=2, seed=1, progress=False)
        >>> fit.effective_n()["mean"].round(3).tolist()  # 30 / (1 + 4 * 0.3902)
        [11.714, 11.714]
        """
        from hierbayes.summaries.row_means import effective_rows

        self._only_gaussian("effective_n")
        self._own_likelihood("effective_n")
        return effective_rows(self.design, self._arrays, check_prob(ci_prob))

    def variance_of_mean(self, by: str | None = None, rows: Any = None, ci_prob: float = 0.95) -> pd.DataFrame:
        """Return the variance of means of rows, given the sds, correlations and sigma, draw by draw.

        As `hierbayes.variance_of_mean`, with the correlations that the fit finds between the rows.

        Parameters
        ----------
        by : str, optional
            A grouping factor or a column that the model reads: the mean of the rows of each of its levels or values.
        rows : array of int or of bool, optional
            The mean of these rows of the rows in use, counted from 0. All rows by default.
        ci_prob : float
            Probability of the equal-tailed interval.

        Returns
        -------
        DataFrame
            Columns rows (which), n, quantity, mean, sd, median, lower, upper. Quantities: variance and sd of the mean;
            effective_n, the mean variance of a row over that variance; ratio, that variance over what it would be if
            the rows were independent.

        Raises
        ------
        ModelError
            If there is no such column, or the rows are not rows of the fit.

        Examples
        --------
        >>> import hierbayes as hb
        >>> known = {"sd_Batch": hb.Fixed(40.0), "sigma": hb.Fixed(50.0)}
        >>> data = hb.load_data("dyestuff")
        >>> fit = hb.fit("Yield ~ 1 | Batch", data, priors=known, draws=100, chains=2, seed=1, progress=False)
        >>> table = fit.variance_of_mean(by="Batch")
        >>> table.query("rows == 'A' and quantity == 'variance'")["mean"].round(6).tolist()  # 40**2 + 50**2 / 5
        [2100.0]
        """
        from hierbayes.summaries.row_means import batches, mean_table

        self._only_gaussian("variance_of_mean")
        self._own_likelihood("variance_of_mean")
        return mean_table(self.design, self._arrays, batches(self.design, by, rows), check_prob(ci_prob))

    def pooling(self, ci_prob: float = 0.95) -> PoolingFactors:
        """Return pooling factors, per term and per level: 0 is no pooling, 1 is complete pooling.

        ``.terms``: for each batch of group-level effects, and for the errors of the rows, Gelman and Pardoe's
        ``1 - Var_j(E[b_j]) / E[Var_j(b_j)]``, with variances over the levels (ddof 1) and posterior means E. Errors are
        those of the rows times the root of their weight.

        ``.levels``: for each level, ``factor`` is the posterior mean, with its interval, of the diagonal of
        ``(I + Sigma A_j)^-1``, where ``A_j = Z_j' W_j Z_j / sigma**2`` is the information in the level's own rows: how
        far its own estimate is drawn to the population. With a random intercept alone it is
        ``sigma**2 / (sigma**2 + n_j sd**2)``. For other families ``A_j = Z_j' W Z_j`` with the Fisher information of
        each row about its linear predictor, at the posterior means, for W; and the errors of the rows have no factor.
        ``variance_left`` is ``var(b_j | y) / E[sd**2]``, which also counts what
        is not known of the population.

        Returns
        -------
        PoolingFactors
            With the data frames ``terms`` and ``levels``.

        References
        ----------
        Gelman and Pardoe (2006), Bayesian measures of explained variance and pooling in multilevel (hierarchical)
        models. Technometrics 48, 241-251.

        Examples
        --------
        >>> import hierbayes as hb
        >>> known = {"sd_Batch": hb.Fixed(40.0), "sigma": hb.Fixed(50.0)}
        >>> data = hb.load_data("dyestuff")
        >>> fit = hb.fit("Yield ~ 1 | Batch", data, priors=known, draws=100, chains=2, seed=1, progress=False)
        >>> fit.pooling().levels["factor"].round(4).tolist()  # 2500 / (2500 + 5 * 1600)
        [0.2381, 0.2381, 0.2381, 0.2381, 0.2381, 0.2381]
        """
        self._one_predictor("pooling")
        self._own_likelihood("pooling")
        from hierbayes.summaries.shrinkage_factors import pooling_factors

        return pooling_factors(self.design, self._arrays, check_prob(ci_prob))

    def _only_gaussian(self, name: str) -> None:
        if not self.spec.family.conjugate:
            unordered = not self.spec.family.has_mean
            ask, what = ("category_probabilities", "probabilities") if unordered else ("predict", "means")
            raise ModelError(
                f"fit.{name}() is for the gaussian family, and this model's is {self.spec.family.name}",
                f"the variance of a mean of its rows depends on their {what}, not on sds alone; fit.{ask}(groups="
                f'"average", draws=True) gives draws of the rows\' {what}',
            )
