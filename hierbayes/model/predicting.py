"""Predictions: fitted values, new data, replicated data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from hierbayes.design.new_rows import design_rows
from hierbayes.errors import ModelError
from hierbayes.families.categorical import NO_MEAN
from hierbayes.model.replicating import Groups, Replicating
from hierbayes.predict.answers import (
    category_table,
    estimate_table,
    labelled_categories,
    labelled_draws,
)
from hierbayes.predict.asked import asked, category_draws, row_draws
from hierbayes.predict.averages import (
    Cells,
    average_draws,
    average_table,
    category_averages,
    cells_of,
    labelled_averages,
)
from hierbayes.predict.category_draws import CategoryDraws
from hierbayes.predict.row_draws import residual_of
from hierbayes.sampling.sampler import settings
from hierbayes.tables.numbers import check_flag, check_prob

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

Kind = Literal["mean", "link", "response"]


class Predicting(Replicating):
    """The part of a `Fit` that has to do with predicting."""

    @overload
    def predict(
        self,
        newdata: Any = None,
        groups: Groups = "known",
        kind: Kind = "mean",
        seed: int | None = None,
        ci_prob: float = 0.95,
        draws: Literal[False] = False,
        progress: bool | None = None,
        by: str | Sequence[str] | None = None,
        average: bool = False,
    ) -> pd.DataFrame: ...

    @overload
    def predict(
        self,
        newdata: Any = None,
        groups: Groups = "known",
        kind: Kind = "mean",
        seed: int | None = None,
        ci_prob: float = 0.95,
        *,
        draws: Literal[True],
        progress: bool | None = None,
        by: str | Sequence[str] | None = None,
        average: bool = False,
    ) -> xr.DataArray: ...

    def predict(
        self,
        newdata: Any = None,
        groups: Groups = "known",
        kind: Kind = "mean",
        seed: int | None = None,
        ci_prob: float = 0.95,
        draws: bool = False,
        progress: bool | None = None,
        by: str | Sequence[str] | None = None,
        average: bool = False,
    ) -> pd.DataFrame | xr.DataArray:
        """Predict the mean, the linear predictor or the response, for new data or for the rows of the fit.

        The linear predictor of a row is ``offset + x beta + sum z b``, computed for each posterior draw; the mean is
        that of the family at this predictor (through the inverse link), and ``kind="response"`` draws one response of
        it: for the gaussian the mean and residual noise ``N(0, sigma**2 / weight)``.

        Parameters
        ----------
        newdata : data frame or dict, optional
            pandas, polars, pyarrow or another frame; a dict of single values is one row. It needs the columns that
            the formula names; the response, other columns and the order of rows and columns do
            not matter. By default the rows of the data that the fit uses.
        groups : str
            What stands for the group-level effects ``b``.

            - ``"known"``: the sampled effects; a level that the fit has not seen is refused.
            - ``"new"``: levels that the fit has not seen are drawn from the population, ``b ~ N(0, Sigma)`` with the
              ``Sigma`` of each posterior draw; one draw of a level serves all its rows and all its terms, and levels
              are independent. Known levels keep their effects.
            - ``"population"``: 0. Grouping columns are not needed.
            - ``"average"``: integrated out, as if every level were new. With the identity link the mean is that of
              ``"population"``; with others it is the average of the mean over the population of levels,
              ``E[mean(eta)]`` with ``eta ~ N(offset + x beta, z Sigma z')``, computed for each draw (see
              `hierbayes.families.links`). No grouping column is needed. A response varies by ``z Sigma z'`` more,
              and a row whose level is not given is a level of its own.
        kind : str
            - ``"mean"``: of the response; for ``bernoulli`` and ``binomial`` the probability of a success, also where
              the response counts the successes of several trials; for ``ordinal`` the expected score, categories
              counted from 1 (`category_probabilities` gives each category by itself). Categories without an order
              (``categorical``) have none.
            - ``"link"``: the linear predictor, on the scale of the link; of ``categorical`` one for each category but
              the reference.
            - ``"response"``: one new observation a row, for ``binomial`` the number of successes, for ``ordinal`` the
              score of a category. It needs the column of weights if a gaussian model has one, and the number of trials
              if the response has one. For ``categorical`` it is the number of a category, the reference 1, of which
              only draws are given.
        seed : int, optional
            Fixes new levels and noise, bit for bit. A new level is keyed by seed and name: its effects are the same in
            every frame. Noise is keyed by seed and row: it repeats for the same frame.
        ci_prob : float
            Probability of the equal-tailed interval.
        draws : bool
            Return every draw of every row instead of the table.
        progress : bool, optional
            Show a progress bar; by default when it takes longer than two seconds.
        by : str or list of str, optional
            With ``average=True``: columns of the data, for each combination of whose values the rows are averaged; any
            column of `newdata`, or one that the model reads.
        average : bool
            Average over the rows, all of them or those of each group that `by` makes, in every draw; rows count alike.
            As marginaleffects' ``avg_predictions(by=)``. With ``kind="response"`` it is the mean of the new
            observations.

        Returns
        -------
        DataFrame
            One row for each row of the data, in their order and under their index; columns mean, sd, median, lower,
            upper, on the scale that `kind` says. The rows of the fit are those in use: a row that was left out for a
            missing value is not among them, so that ``data["mean"] = fit.predict()["mean"]`` has NaN there. The
            memory it takes does not grow with the number of draws times rows. Of ``categorical``, with ``kind="link"``,
            one for each row and category, with the columns row and category before the others. With ``average=True``
            one row for each combination of the values of `by`, which stand in columns of their own before the others.
        xarray.DataArray
            If ``draws=True``; dims chain, draw, row (counting from 0; ``fit.design.index`` holds the labels of the rows
            of the fit), and category for the predictors of ``categorical``. With ``average=True`` the dim cell, with
            the values of `by` as its coordinates, stands in place of row, and is not there without `by`.

        Raises
        ------
        DataError
            Names a column that is missing, a row with a missing or infinite value, a level that the fit has not seen.
        ModelError
            If an option is not understood, or the response is categorical and has no mean.

        Examples
        --------
        >>> import hierbayes as hb
        >>> sleep = hb.load_data("sleepstudy")
        >>> fit = hb.fit("Reaction ~ Days + (Days | Subject)", sleep, draws=200, chains=2, seed=1, progress=False)
        >>> tenth_day = fit.predict({"Days": [9, 9], "Subject": ["308", "nobody"]}, groups="new", seed=1)
        >>> width = tenth_day["upper"] - tenth_day["lower"]
        >>> bool(width[1] > width[0])  # less is known of someone new
        True
        >>> fit.predict({"Days": 9}, groups="population", draws=True).shape
        (2, 200, 1)
        >>> fit.predict(by="Days", average=True).shape  # the mean over the subjects, day by day
        (10, 6)
        """
        self._own_likelihood("predict")
        chosen = settings(seed=seed, progress=progress)
        prob, question = check_prob(ci_prob), asked(groups, kind, chosen.seed)
        wanted = check_flag("draws", draws)
        cells = cells_of(self.design, newdata, by, average)
        if not self.spec.family.has_mean and question.kind == "link":
            each = category_draws(question, self._arrays, self.design, newdata)
            return _by_category(each, self.design.categories[1:], wanted, prob, chosen.progress, cells)
        if not self.spec.family.has_mean and question.kind == "mean":
            raise ModelError(NO_MEAN, "category_probabilities() gives the probability of each")
        if not self.spec.family.has_mean and not wanted:
            raise ModelError(
                "drawn categories without an order have no mean or interval to tabulate",
                "draws=True returns them; simulate() gives them by name, category_probabilities() their probabilities",
            )
        source = self._source(question, newdata)
        if cells is not None and not self.spec.family.has_mean:
            raise ModelError(
                "numbers of drawn categories without an order have no average",
                "category_probabilities(average=True) averages the probability of each",
            )
        if cells is not None:
            found = average_draws(source, cells, chosen.progress)
            return labelled_averages(found, cells, source) if wanted else average_table(found, cells, prob)
        if wanted:
            return labelled_draws(source, "row", chosen.progress)
        return estimate_table(source, prob, chosen.progress)

    def category_probabilities(
        self,
        newdata: Any = None,
        groups: Groups = "known",
        seed: int | None = None,
        ci_prob: float = 0.95,
        draws: bool = False,
        progress: bool | None = None,
        by: str | Sequence[str] | None = None,
        average: bool = False,
    ) -> pd.DataFrame | xr.DataArray:
        """Predict the probability of each category of an ordinal or categorical response.

        In each posterior draw it is ``F(c_k - eta) - F(c_(k-1) - eta)`` for ``ordinal``, with the linear predictor eta
        of `predict` and the thresholds c of `hierbayes.families.ordinal`, and for ``categorical`` the share of
        ``exp(eta_k)``, see `hierbayes.families.categorical`. ``groups="average"`` integrates the group-level
        effects out of it.

        Parameters
        ----------
        newdata, groups, seed, ci_prob, progress, by, average
            As for `predict`: with ``average=True`` the probability of each category, averaged over rows.
        draws : bool
            Return every draw instead of the table.

        Returns
        -------
        DataFrame
            One row for each row of the data and category, the categories in their order (the reference first);
            columns row (counting from 0), category, mean, sd, median, lower, upper. The means of a row add up to 1. The
            index is that of the data, each label once for every category.
        xarray.DataArray
            If ``draws=True``; dims chain, draw, row, category.

        Raises
        ------
        ModelError
            If the family has no categories, or an option is not understood.
        DataError
            As `predict`.

        Examples
        --------
        >>> import hierbayes as hb
        >>> wine = hb.load_data("wine")
        >>> formula = "rating ~ temp + contact + (1 | judge)"
        >>> fit = hb.fit(formula, wine, family="ordinal", draws=200, chains=2, seed=1, progress=False)
        >>> warm = fit.category_probabilities({"temp": "warm", "contact": "yes"}, groups="average")
        >>> warm["category"].tolist(), round(float(warm["mean"].sum()), 6)
        (['1', '2', '3', '4', '5'], 1.0)
        """
        self._own_likelihood("category_probabilities")
        names = self.design.categories
        if not names:
            raise ModelError(
                f"the {self.spec.family.name} family has no categories", 'predict(kind="mean") gives its mean'
            )
        chosen, prob = settings(seed=seed, progress=progress), check_prob(ci_prob)
        question, wanted = asked(groups, "mean", chosen.seed), check_flag("draws", draws)
        cells = cells_of(self.design, newdata, by, average)
        source = category_draws(question, self._arrays, self.design, newdata)
        return _by_category(source, names, wanted, prob, chosen.progress, cells)

    def fitted(self, ci_prob: float = 0.95) -> pd.DataFrame:
        """Return the fitted values: the mean of every row of the fit, group-level effects included.

        Returns
        -------
        DataFrame
            One row for each row of the data in use, under their index; columns mean, sd, median, lower, upper, on the
            scale of the response. A row that was left out for a missing value is not among them: assigned to the
            data, ``data["fit"] = fit.fitted()["mean"]``, it is NaN.

        Raises
        ------
        ModelError
            If the response is categorical and has no mean.
        """
        if not self.spec.family.has_mean:
            raise ModelError(NO_MEAN, "category_probabilities() gives the probability of each in every row")
        self._own_likelihood("fitted")
        return self.predict(ci_prob=ci_prob)

    def residuals(self, ci_prob: float = 0.95, standardized: bool = False) -> pd.DataFrame:
        """Return the residuals: response minus fitted value, in every draw.

        For ``binomial`` the response is the share of successes, as the fitted value is.

        Parameters
        ----------
        ci_prob : float
            Probability of the equal-tailed interval.
        standardized : bool
            Divide by the sd of the row's response in the same draw: ``sigma / sqrt(weight)`` for the gaussian, for
            other families the root of their variance at that mean (Pearson residuals).

        Returns
        -------
        DataFrame
            One row for each row of the data in use, under their index as in `fitted`; columns mean, sd, median, lower,
            upper. The means are what lme4's
            ``residuals()`` gives at its estimates. The interval is that of the row's fitted value, not of new noise.

        Examples
        --------
        >>> import hierbayes as hb
        >>> dyestuff = hb.load_data("dyestuff")
        >>> fit = hb.fit("Yield ~ 1 + (1 | Batch)", dyestuff, draws=100, chains=2, seed=1, progress=False)
        >>> gap = fit.model.design.y - fit.fitted()["mean"] - fit.residuals()["mean"]
        >>> bool(abs(gap).max() < 1e-9)
        True
        """
        self._one_predictor("residuals")
        self._own_likelihood("residuals")
        source = row_draws(asked("known", "mean", 0), self._arrays, self.design, None)
        scaled = check_flag("standardized", standardized)
        finish = residual_of(self.spec.family, self._arrays, design_rows(self.design), scaled)
        return estimate_table(source.ending(finish), check_prob(ci_prob), None)


def _by_category(
    source: CategoryDraws, names: Sequence[str], draws: bool, prob: float, progress: bool | None, cells: Cells | None
) -> pd.DataFrame | xr.DataArray:
    if cells is not None:
        found = average_draws(source, cells, progress)
        return labelled_averages(found, cells, source, names) if draws else category_averages(found, cells, names, prob)
    if draws:
        return labelled_categories(source, names, progress)
    return category_table(source, names, prob, progress)
