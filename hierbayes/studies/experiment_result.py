"""What an experiment gives: tables of estimates beside truths, coverage, errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hierbayes.errors import ModelError
from hierbayes.formula.names import suggest
from hierbayes.studies.replicates import Outcome, Trial
from hierbayes.studies.scores import level_coverage, level_table, parameter_coverage, parameter_table
from hierbayes.studies.truths import addresses
from hierbayes.studies.worlds import FixedSource, named_truth, plain
from hierbayes.tables.exporting import Tables, indent

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False, repr=False)
class Experiment(Tables):
    """Many simulated tables, their fits and their truths. Made by `hierbayes.experiment`.

    Attributes
    ----------
    trial : Trial
        What was repeated.
    from_prior : bool
        Whether every repetition has parameters of its own, drawn from the priors.
    seeds : tuple of int
        The seed of each repetition.
    outcomes : tuple of Outcome
        The arrays behind the tables.
    """

    trial: Trial
    from_prior: bool
    seeds: tuple[int, ...]
    outcomes: tuple[Outcome, ...]

    @property
    def n(self) -> int:
        """Number of repetitions."""
        return len(self.outcomes)

    @property
    def ci_prob(self) -> float:
        """Probability of the intervals."""
        return self.trial.ci_prob

    @property
    def factor(self) -> str:
        """The grouping factor whose levels are compared; empty without groups."""
        return self.trial.factor

    @property
    def truth(self) -> Mapping[str, float]:
        """The parameters of all repetitions, by the keys of their priors; those of the first if drawn from priors."""
        return named_truth(self.trial.plan.design, self.trial.source.draw(self.seeds[0]))

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row for each repetition, parameter and method.

        Columns replicate, parameter, method; estimate, sd (standard error or posterior sd), lower, upper (missing where
        a method has no interval); truth; error, estimate less truth; covered. The estimate of the posterior is the mean
        for coefficients and the median for sds (not variances), correlations and sigma.
        """
        return parameter_table(self.trial, self.outcomes)

    @cached_property
    def levels(self) -> pd.DataFrame:
        """One row for each repetition, level, term and method; what holds for the level, population and deviation.

        Columns replicate, group (the level), size (its rows), term, method, and those of `table`. A level too small for
        a fit of its own has no row under "no".
        """
        return level_table(self.trial, self.outcomes)

    @cached_property
    def diagnostics(self) -> pd.DataFrame:
        """One row for each repetition: replicate, seed, divergences, max_rhat (coefficients, sds, corr, sigma)."""
        return pd.DataFrame(
            {
                "replicate": np.arange(self.n),
                "seed": self.seeds,
                "divergences": [outcome.divergences for outcome in self.outcomes],
                "max_rhat": [outcome.max_rhat for outcome in self.outcomes],
            }
        )

    def coverage(self, levels: bool = False) -> pd.DataFrame:
        """Return how often the intervals hold the truth, and how large the errors are.

        Parameters
        ----------
        levels : bool
            Of the levels of the grouping factor, by their number of rows, instead of the parameters.

        Returns
        -------
        DataFrame
            Columns parameter (or term, size) and method; n, repetitions; coverage, the share of intervals that hold the
            truth, and mcse, its Monte Carlo standard error, ``sqrt(coverage (1 - coverage) / n)`` for a parameter;
            width, the median width of the intervals; bias and rmse, the mean and root mean square of the errors;
            claimed, the standard error or posterior sd that a fit reports (root mean square); actual, the sd of the
            errors. A method is over-confident where claimed is less than actual.
        """
        return level_coverage(self.levels) if levels else parameter_coverage(self.table)

    def errors(self, term: str | None = None) -> pd.DataFrame:
        """Return the absolute error of each level's estimate under every method.

        Parameters
        ----------
        term : str, optional
            The term of the grouping factor; the first by default.

        Returns
        -------
        DataFrame
            Columns group (the level), size (its rows), replicate, method, error. The error is absolute, of what holds
            for the level: population-level coefficient plus deviation.

        Raises
        ------
        ModelError
            If there are no groups, or not that term.
        """
        own = self._of_term(term)
        found = own[["group", "size", "replicate", "method", "error"]].reset_index(drop=True)
        return found.assign(error=found["error"].abs())

    def _of_term(self, term: str | None) -> pd.DataFrame:
        found = self.trial.levels
        if found is None:
            raise ModelError("the model has no groups, so there are no levels to compare")
        name = found.terms[0] if term is None else term
        if name not in found.terms:
            nearest = suggest(name, found.terms)
            hint = f"did you mean {nearest!r}? " if nearest else ""
            raise ModelError(f"{found.name!r} has no term {term!r}", f"{hint}it has: {', '.join(found.terms)}")
        return self.levels[self.levels["term"] == name]

    def data(self, replicate: int) -> pd.DataFrame:
        """Return the data of a repetition, with its truth in ``.attrs["truth"]``, as `simulate` gives them.

        Raises
        ------
        ModelError
            If there is no such repetition.
        """
        whole = isinstance(replicate, int | np.integer) and not isinstance(replicate, bool)
        if not whole or not 0 <= replicate < self.n:
            raise ModelError(f"there is no repetition {replicate!r}; they count from 0 to {self.n - 1}")
        plan = self.trial.plan
        world = self.trial.source.draw(self.seeds[replicate])
        table = plan.filled(world.y)
        table.attrs["truth"] = plain(plan.design, world)
        return table

    def plot(self, term: str | None = None, **options: Any) -> Figure:
        """Draw the absolute errors of the levels under no and partial pooling, in classes of equal size.

        Parameters
        ----------
        term : str, optional
            The term of the grouping factor; the first by default.
        **options
            Those of the figure, such as ``figsize``.
        """
        from hierbayes.plots.error_plot import draw_errors

        return draw_errors(self.errors(term), **options)

    def tables(self) -> tuple[tuple[str, pd.DataFrame], ...]:
        """Return coverage and errors, each with its caption."""
        found = [(f"Coverage of {100 * self.ci_prob:g}% intervals, {self._about()}", self.coverage())]
        if len(self.levels):
            found.append((f"Levels of {self.factor}, {self._about()}", self.coverage(levels=True)))
        return tuple(found)

    def _about(self) -> str:
        times = f"{self.n} repetition{'s' if self.n > 1 else ''}"
        return f"{times} of {self.trial.plan.spec.formula.text}"

    def _wide(self) -> pd.DataFrame:
        """Return coverage with its Monte Carlo error, a column for each method."""
        found = self.coverage().dropna(subset="coverage")
        said = [f"{c:.3f} ({e:.3f})" for c, e in zip(found["coverage"], found["mcse"], strict=True)]
        names = [address.name for address in addresses(self.trial.plan.design)]
        wide = found.assign(said=said).pivot(index="parameter", columns="method", values="said")
        kept = [name for name in names if name in wide.index]
        methods = [method for method in self.trial.methods if method in wide.columns]
        return wide.reindex(index=kept, columns=methods).fillna("").rename_axis(index=None, columns=None)

    def _said(self) -> list[tuple[str, pd.DataFrame]]:
        parts = [(f"share of {100 * self.ci_prob:g}% intervals that hold the truth (Monte Carlo error)", self._wide())]
        coefficients = self.trial.plan.design.coefficients
        found = self.coverage()
        own = found[found["parameter"].isin(coefficients)].set_index(["parameter", "method"])[["claimed", "actual"]]
        if len(own):
            parts.append(("sd that the fits claim, and actual sd of their errors", own))
        if len(self.levels):
            errors = self.levels.assign(error=self.levels["error"].abs())
            mean = errors.pivot_table(index=["term", "size"], columns="method", values="error", sort=False)
            methods = [method for method in self.trial.methods if method in mean.columns]
            parts.append((f"mean absolute error of the levels of {self.factor}", mean[methods]))
        return parts

    def _source(self) -> str:
        if not isinstance(self.trial.source, FixedSource):
            return "truths drawn from the priors"
        return f"truth: {', '.join(f'{name} {value:g}' for name, value in self.truth.items())}"

    def __repr__(self) -> str:
        parts = [self._about(), self._source()]
        for caption, table in self._said():
            parts += ["", caption, indent(table.to_string(float_format=lambda value: f"{value:.4g}"))]
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        parts = [f"<p><b>{escape(self._about())}</b><br>{escape(self._source())}</p>"]
        for caption, table in self._said():
            parts.append(f"<p>{escape(caption)}</p>{table.to_html(float_format=lambda value: f'{value:.4g}')}")
        return f"<div>{''.join(parts)}</div>"
