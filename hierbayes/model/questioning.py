"""Questions put to the draws: means, contrasts, slopes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from hierbayes.model.hypothesizing import Hypothesizing

if TYPE_CHECKING:
    import pandas as pd

    from hierbayes.summaries.questions.scales import Scale

Kind = Literal["pairwise", "reference", "sequential", "mean", "polynomial"]


class Questioning(Hypothesizing):
    """The part of a `Fit` that has to do with questioning."""

    def means(
        self,
        focal: str | Sequence[str],
        by: str | Sequence[str] | None = None,
        ci_prob: float = 0.95,
        weights: Literal["equal", "proportional"] = "equal",
        at: Mapping[str, Any] | None = None,
        scale: Literal["link", "response", "odds"] = "link",
        average: bool = False,
    ) -> pd.DataFrame:
        """Return estimated marginal means, as emmeans: the linear predictor averaged over a reference grid.

        The grid holds every combination of the levels of the categorical columns, numeric ones at their mean.
        Cells that are not asked for are averaged, ``m = sum_c w_c (x_c' beta + offset_c)``, group-level effects zero.

        Parameters
        ----------
        focal : str or list of str
            The columns whose means are wanted. A numeric one needs its values in `at`.
        by : str or list of str, optional
            Columns by which the table is split; a numeric one at mean - sd, mean and mean + sd, or as `at` says.
        ci_prob : float
            Probability of the equal-tailed interval.
        weights : "equal" or "proportional"
            Cells count alike, or by the number of rows of the data with those levels.
        at : mapping, optional
            Values that columns are held at, one or several: ``{"Days": [0, 9]}``. Several values of a column
            that is not asked for are averaged.
        scale : "link", "response" or "odds"
            ``"response"`` averages the mean of the response (the inverse link of the linear predictor) over the cells,
            draw by draw: probabilities for ``bernoulli`` and ``binomial``. ``"odds"``, for the link logit, gives the
            exponential of the mean on the scale of the link (for ``ordinal`` the odds of being above the first
            category, for ``fit.category(...)`` those against the reference).
        average : bool
            Average over the rows of the data instead of a grid, each row with the focal columns set to the values
            that are asked for and its own values of all others: standardization, or g-computation, as marginaleffects'
            ``avg_predictions(variables=)``. `by` takes the rows with its levels. Rows count alike, and group-level
            effects are zero. The rows of ``fit.category("yes")`` are those whose response is it or the reference.

        Returns
        -------
        DataFrame
            A column for each that was asked for, then mean, sd, median, lower, upper.

        Raises
        ------
        ModelError
            If a column, level or option is not known, or a numeric column has no values.

        Examples
        --------
        >>> import hierbayes as hb
        >>> oats = hb.load_data("oats")
        >>> fit = hb.fit("Y ~ V + N + (1 | B/V)", oats, draws=100, chains=2, seed=1, progress=False)
        >>> fit.means("N", by="V").shape
        (12, 7)
        """
        self._one_predictor("means")
        self._own_likelihood("means")
        from hierbayes.summaries.questions.marginal_means import means_table

        return means_table(self._arrays, self.design, focal, by, ci_prob, weights, at, scale, average)

    def contrasts(
        self,
        focal: str | Sequence[str],
        by: str | Sequence[str] | None = None,
        kind: Kind | Mapping[str, Any] | Sequence[Any] = "pairwise",
        reference: Any = None,
        interaction: bool = False,
        ci_prob: float = 0.95,
        weights: Literal["equal", "proportional"] = "equal",
        at: Mapping[str, Any] | None = None,
        scale: Scale = "link",
        slopes: str | None = None,
        average: bool = False,
    ) -> pd.DataFrame:
        """Return contrasts of estimated marginal means, later less earlier, with the probability of being positive.

        Parameters
        ----------
        focal, by, ci_prob, weights, at
            As in `means`. Contrasts are taken within each combination of `by`.
        kind : str, mapping or sequence
            - ``"pairwise"``, all pairs; ``"reference"``, each less the reference; ``"sequential"``, each less the one
              before; ``"mean"``, each less the mean of all.
            - ``"polynomial"``: orthogonal polynomials of one focal column, linear, quadratic and so on to degree 6,
              with the whole weights of the usual tables (-3, -1, 1, 3 for four levels). Levels count as equally spaced
              in their order; the values of a numeric column have the distances that `at` gives them.
            - Weights of one's own: a name for each contrast and its weights, one for each mean in their order or by
              level, ``{"late": {"c": 0.5, "b": 0.5, "a": -1}}``; a list of weights is a contrast by itself. They are
              taken as they are. Where they do not add up to 0 the result is no comparison but a weighted sum: it holds
              the intercept, and ``prob_positive`` compares it with 0.
        reference : str or list, optional
            The level (one of each focal column) that ``"reference"`` compares with; the first by default.
        interaction : bool
            Return the pairwise differences, between the combinations of `by`, of the contrasts: differences of
            differences, which are 0 without an interaction.
        scale : "link", "response", "odds" or "ratio"
            With ``"response"`` contrasts are differences of the mean response, such as risk differences. ``"odds"``,
            for the link logit, gives odds ratios, the exponentials of the contrasts on the scale of the link, and
            ``"ratio"`` ratios of mean responses, such as risk or rate ratios, draw by draw. With weights c the ratio of
            means m is ``prod_k m_k ** c_k``: each over the geometric mean of all for ``kind="mean"``. An interaction is
            then a ratio of ratios.
        slopes : str, optional
            A numeric predictor: contrasts are of its slopes in place of means, as emmeans' ``emtrends`` with ``pairs``.
            On the scale of the response they are those of the mean response, with ``"odds"`` ratios of odds ratios for
            one unit, and ``"ratio"`` is for the link log.
        average : bool
            Average over the rows of the data instead of a grid: means as in `means`, over the same rows whatever the
            level (marginaleffects' ``avg_comparisons``); slopes each over the rows with its own levels.

        Returns
        -------
        DataFrame
            Columns contrast, those of `by`, mean, sd, median, lower, upper, prob_positive (posterior probability that
            the contrast is above 0); of ratios prob_above_1 in its place.

        Raises
        ------
        ModelError
            As `means`; or if there is nothing to compare, weights do not fit the means, or a scale is none of the
            family's.

        Examples
        --------
        >>> import hierbayes as hb
        >>> oats = hb.load_data("oats")
        >>> fit = hb.fit("Y ~ V + N + (1 | B/V)", oats, draws=100, chains=2, seed=1, progress=False)
        >>> fit.contrasts("N", kind="sequential")["contrast"].tolist()
        ['0.2cwt - 0.0cwt', '0.4cwt - 0.2cwt', '0.6cwt - 0.4cwt']
        >>> fit.contrasts("N", kind={"any": [-1, 1/3, 1/3, 1/3]})["contrast"].tolist()
        ['any']
        """
        self._one_predictor("contrasts")
        self._own_likelihood("contrasts")
        from hierbayes.summaries.questions.contrast_tables import Contrasts, contrasts_table

        question = Contrasts(
            focal, by, kind, reference, interaction, ci_prob, weights, at, scale, slopes=slopes, average=average
        )
        return contrasts_table(self._arrays, self.design, question)

    def slopes(
        self,
        variable: str | Sequence[str],
        by: str | Sequence[str] | None = None,
        at: Mapping[str, Any] | None = None,
        average: bool = False,
        groups: str | None = None,
        levels: Sequence[str] | None = None,
        ci_prob: float = 0.95,
        weights: Literal["equal", "proportional"] = "equal",
        scale: Scale = "link",
    ) -> pd.DataFrame:
        """Return slopes: derivatives of the linear predictor in a numeric column, as marginaleffects.

        The design row is differentiated by differences over five points, exact for polynomials up to degree four, and
        averaged; group-level effects are zero unless `groups` names a factor.

        Parameters
        ----------
        variable : str or list of str
            Numeric columns.
        by : str or list of str, optional
            Columns by which the table is split, as in `means`.
        at : mapping, optional
            Values that columns are held at; several values of the variable give a row each.
        average : bool
            Average over the rows of the data (marginaleffects' ``avg_slopes``) instead of at the reference grid, where
            the variable stands at its mean.
        groups : str, optional
            A grouping factor: return the slope of each of its levels, with its group-level effects, averaged over its
            own rows. The effects of other factors are zero.
        levels : list of str, optional
            The levels of `groups` that are wanted; all by default.
        ci_prob : float
            Probability of the equal-tailed interval.
        weights : "equal" or "proportional"
            As in `means`.
        scale : "link", "response", "odds" or "ratio"
            ``"response"`` gives the derivative of the mean response (marginal effects), averaged draw by draw.
            ``"odds"``, for the link logit, gives the odds ratio for one unit, ``exp(slope)``, and ``"ratio"``, for the
            link log, the ratio of means for one unit.

        Returns
        -------
        DataFrame
            Columns predictor, group and level (if `groups` is given), those of `by`, the variable (if `at` holds it),
            mean, sd, median, lower, upper, prob_positive (posterior probability that the slope is above 0); of ratios
            prob_above_1 in its place.

        Raises
        ------
        ModelError
            If a column, factor, level or option is not known, or a column is categorical.

        Examples
        --------
        >>> import hierbayes as hb
        >>> sleep = hb.load_data("sleepstudy")
        >>> fit = hb.fit("Reaction ~ Days + (1 | Subject)", sleep, draws=100, chains=2, seed=1, progress=False)
        >>> bool(abs(fit.slopes("Days")["mean"][0] - fit.fixef()["mean"]["Days"]) < 1e-9)
        True
        """
        self._one_predictor("slopes")
        self._own_likelihood("slopes")
        from hierbayes.summaries.questions.slope_tables import Slopes, slopes_table

        question = Slopes(variable, by, at, average, groups, levels, ci_prob, weights, scale)
        return slopes_table(self._arrays, self.design, question)
