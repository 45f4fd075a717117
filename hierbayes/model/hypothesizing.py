"""Questions put to the draws: hypotheses about parameters, regions of equivalence, tests of terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from hierbayes.errors import ModelError
from hierbayes.model.base import FitBase
from hierbayes.sampling.sampler import settings

if TYPE_CHECKING:
    import pandas as pd

    from hierbayes.comparison.hypotheses import HypothesisTable
    from hierbayes.comparison.point_nulls import Asked


class Hypothesizing(FitBase):
    """The part of a `Fit` that judges hypotheses."""

    @cached_property
    def _asked(self) -> Asked:
        from hierbayes.comparison.point_nulls import Asked
        from hierbayes.summaries.questions.parameters import Parameters

        model, problem, why = self.model, None, ""
        try:
            problem = model.problem
        except ModelError:
            why = "it needs the data of the fit, which its file does not hold"
        if self.engine == "attached":
            problem, why = None, "the draws were attached, perhaps from an extended model"
        parameters = Parameters(self.posterior, self.design, self._own_variables)
        return Asked(parameters, model.labels, model.resolved_priors, problem, why)

    def hypothesis(
        self,
        hypothesis: str | Sequence[str],
        ci_prob: float = 0.95,
        rope: tuple[float, float] | None = None,
        progress: bool | None = None,
    ) -> HypothesisTable:
        """Judge hypotheses about parameters by the posterior.

        A hypothesis compares two sides, ``"Days > 8"``, ``"Days = 10"``, or gives a range or an order,
        ``"0 < Days < 3"``. A side is arithmetic (``+ - * / ^``, parentheses, abs, exp, log, sqrt, min, max) with
        numbers and the parameters of the fit: coefficients (``Days``, ``recipe[B]:temp``, or ``beta[Days]``),
        ``sd_Subject[Intercept]``, ``corr_Subject[Intercept, Days]``, ``sigma`` and other parameters of the family
        (``nu``, ``alpha``), variables of your own among attached draws, deviations of levels ``b_Subject[308, Days]``
        and their totals ``coef_Subject[308, Days]``, all on the scale of the link. A name with odd characters stands in
        backquotes.

        For an order the posterior probability is the share of the draws that obey it, and the evidence ratio the Bayes
        factor of the hypothesis against its contrary: posterior odds over prior odds. For a point, ``=`` or ``==``,
        the evidence ratio is the Savage-Dickey ratio in its favour (Dickey 1971), the posterior over the prior density
        of the difference at 0; at even prior odds its probability is ``ratio / (1 + ratio)``. Where the prior is not
        known in closed form, or is flat, the ratio is NaN and ``note`` says why.

        Parameters
        ----------
        hypothesis : str or list of str
        ci_prob : float
            Probability of the equal-tailed interval.
        rope : tuple of float, optional
            Region of practical equivalence of the quantity: its share of the posterior stands in ``in_rope``.
        progress : bool, optional
            Show a progress bar; by default when it takes longer than two seconds.

        Returns
        -------
        HypothesisTable
            Prints as a table; ``.table`` is the tidy frame with the columns hypothesis, quantity, mean, sd, lower,
            upper (of left side less right side; of the middle of a range), prob, prob_mcse, odds, prior_prob,
            evidence_ratio, evidence_mcse and note. ``mcse`` are Monte Carlo standard errors. Where all draws agree the
            odds are infinite in the frame, printed as more than the number of draws; the note says what they bound.

        Raises
        ------
        FormulaError
            If the text cannot be read or names no parameter; the place is marked.
        ModelError
            If an option is out of range.

        Examples
        --------
        >>> import hierbayes as hb
        >>> fit = hb.fit("Yield ~ 1 | Batch", hb.load_data("dyestuff"), draws=200, chains=2, seed=1, progress=False)
        >>> asked = fit.hypothesis(["Intercept > 1500", "sd_Batch > sigma"])
        >>> draws = fit.posterior["beta"].sel(coef="Intercept")
        >>> bool(asked.table["prob"][0] == float((draws > 1500).mean()))
        True
        """
        from dataclasses import replace

        from hierbayes.comparison.hypotheses import hypothesis_table

        shown = settings(progress=progress).progress
        return hypothesis_table(replace(self._asked, progress=shown), hypothesis, ci_prob, rope)

    def joint_tests(
        self, terms: str | Sequence[str] | None = None, evidence: bool = True, progress: bool | None = None
    ) -> pd.DataFrame:
        """Test each term of the population part, all its coefficients together, by the posterior.

        A term stands for what it says beyond the others: differences between the levels of its factors, slopes in its
        numeric columns, and differences of these for an interaction. Other factors are averaged over their levels, and
        numeric columns stand at their means, so that a main effect beside its interaction is that of the average level
        and row (emmeans' ``joint_tests``, car's ``Anova`` of type III after ``contr.sum``). With treatment contrasts
        that is not what the term's own coefficients are: these refer to the reference level.

        The tail probability of 0 is the share of the draws at least as far from the posterior mean as 0, by the
        Mahalanobis distance of the draws; like a p-value it is small where 0 lies far out, and it is no probability
        of the term being absent. It does not depend on the contrasts of a factor but through the prior. Flat priors
        apart, the evidence ratio is a Bayes factor between the model and one in which the term is 0; it does depend on
        the prior, whose default widths are those of the coefficients as they are coded.

        Parameters
        ----------
        terms : str or list of str, optional
            Terms of the formula, such as ``"V:N"``; all by default.
        evidence : bool
            Compute the evidence ratios too.
        progress : bool, optional
            Show a progress bar; by default when it takes longer than two seconds.

        Returns
        -------
        DataFrame
            One row for each term. Columns term, df (the number of quantities that are tested together), chi2 (the
            squared distance of 0), tail_prob and its Monte Carlo standard error tail_mcse, chi2_prob (the same tail
            under a normal posterior), and with `evidence` evidence_ratio (posterior over prior density at 0, in favour
            of the term being absent), evidence_mcse and note (how the ratio was found, or why there is none). Where
            cells of a term are empty, what the data determine of it is tested, fewer quantities, and the note says so.
            Where that is nothing, or there are fewer draws than ten for each quantity, the numbers are NaN.

        Raises
        ------
        ModelError
            If there is no such term.

        See Also
        --------
        anova : The sd of every source of variation, and the classical F tests.

        Examples
        --------
        >>> import hierbayes as hb
        >>> oats = hb.load_data("oats")
        >>> fit = hb.fit("Y ~ V * N + (1 | B/V)", oats, draws=200, chains=2, seed=1, progress=False)
        >>> fit.joint_tests()[["term", "df"]].to_numpy().tolist()
        [['V', 2], ['N', 3], ['V:N', 6]]
        """
        from dataclasses import replace

        from hierbayes.comparison.joint_tests import joint_table

        self._one_predictor("joint_tests")
        shown = settings(progress=progress).progress
        return joint_table(replace(self._asked, progress=shown), self.design, terms, evidence)

    def rope(
        self, regions: Mapping[str, tuple[float, float]] | tuple[float, float], ci_prob: float = 0.95
    ) -> pd.DataFrame:
        """Return how much of the posterior lies in a region of practical equivalence to nothing (Kruschke 2018).

        There is no default region: what is practically zero depends on the units and on the subject matter.

        Parameters
        ----------
        regions : mapping of str to tuple of float, or tuple of float
            A region for each quantity, such as ``{"Days": (-1, 1)}``; a quantity is a parameter or arithmetic with
            some, as in `hypothesis`. Two numbers alone are for every coefficient but the intercept.
        ci_prob : float
            Probability of the equal-tailed interval. (Kruschke takes the interval of highest density.)

        Returns
        -------
        DataFrame
            Columns quantity, low, high (the region), lower, upper (the interval), below, in_rope, above (shares of the
            posterior), in_rope_ci (share of the draws within the interval) and decision: "equivalent" if the interval
            lies within the region, "different" if they are apart, else "undecided".

        Raises
        ------
        FormulaError
            If a quantity cannot be read; the place is marked.
        ModelError
            If a region is not two numbers in order.

        Examples
        --------
        >>> import hierbayes as hb
        >>> sleep = hb.load_data("sleepstudy")
        >>> fit = hb.fit("Reaction ~ Days + (1 | Subject)", sleep, draws=200, chains=2, seed=1, progress=False)
        >>> fit.rope({"Days": (-1, 1)})["decision"].tolist()
        ['different']
        """
        from hierbayes.summaries.questions.practical import region_table

        return region_table(self._asked.parameters, regions, ci_prob)
