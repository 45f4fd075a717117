"""What a calibration gives: ranks, tests of their uniformity, coverage, and what could not be sampled."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hierbayes.studies.calibration_quantities import Quantity
from hierbayes.studies.calibration_sets import RankedSet
from hierbayes.summaries.uniformity import SIMULATIONS, bands, central_coverage, chi_square
from hierbayes.tables.exporting import Tables, indent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hierbayes.design.table import Floats

FALSE_ALARM = 0.01
"""Probability that a sampler which is right does not pass, over all quantities and both tests together."""

LOST = 0.01
"""Share of the data sets that may fail to be sampled."""

INTERVALS = (50, 90, 95)


@dataclass(frozen=True, eq=False, repr=False)
class Calibration(Tables):
    """Ranks of true values among posterior draws, over many simulated data sets. Made by `hierbayes.calibrate`.

    Attributes
    ----------
    formula, engine : str
    quantities : tuple of Quantity
        What is ranked.
    draws : int
        Draws of each posterior that are kept; ranks run from 0 to it.
    seeds : tuple of int
        The seed of each data set.
    outcomes : tuple of RankedSet
        The arrays behind the tables.
    """

    formula: str
    engine: str
    quantities: tuple[Quantity, ...]
    draws: int
    seeds: tuple[int, ...]
    outcomes: tuple[RankedSet, ...]

    @property
    def n(self) -> int:
        """Number of data sets, with those that could not be sampled."""
        return len(self.outcomes)

    @cached_property
    def ranks(self) -> pd.DataFrame:
        """One row for each data set and quantity.

        Columns set (its number), quantity, kind ("parameter", "effect", "loglik", "new level"); truth; mean and sd of
        the posterior; rank, the kept draws below the truth; place, ``(rank + U) / (draws + 1)`` with a random U that
        makes it uniform on (0, 1); ess, the bulk effective sample size of the chain. Data sets that failed are not here
        but in `failures`.
        """
        good, m = self._sampled, len(self.quantities)
        columns = {name: self._stacked(name).ravel() for name in ("truth", "mean", "sd", "rank", "place", "ess")}
        index = {
            "set": np.repeat(good, m),
            "quantity": np.tile(np.array([each.name for each in self.quantities], dtype=object), len(good)),
            "kind": np.tile(np.array([each.kind for each in self.quantities], dtype=object), len(good)),
        }
        return pd.DataFrame({**index, **columns})

    @cached_property
    def failures(self) -> pd.DataFrame:
        """The data sets whose posterior could not be sampled: columns set, seed, reason."""
        bad = [i for i, outcome in enumerate(self.outcomes) if outcome.failed]
        rows = [(i, self.seeds[i], self.outcomes[i].failed) for i in bad]
        return pd.DataFrame(rows, columns=["set", "seed", "reason"])

    @cached_property
    def diagnostics(self) -> pd.DataFrame:
        """One row for each data set: set, seed, draws (of the chain), divergences, min_ess, seconds, failed."""
        rows = [
            (i, seed, own.draws, own.divergences, float(own.ess.min()), own.seconds, bool(own.failed))
            for i, (seed, own) in enumerate(zip(self.seeds, self.outcomes, strict=True))
        ]
        return pd.DataFrame(rows, columns=["set", "seed", "draws", "divergences", "min_ess", "seconds", "failed"])

    @property
    def bar(self) -> float:
        """The p value below which a quantity does not pass: a hundredth, shared among all quantities and two tests."""
        return max(FALSE_ALARM / (2 * len(self.quantities)), 2 / (SIMULATIONS + 1))

    def table(self) -> pd.DataFrame:
        """Return whether the ranks of each quantity are uniform.

        Returns
        -------
        DataFrame
            Columns quantity, kind; n, data sets; chi2, over at most 20 bins, and its p_chi2; p_ecdf, the p value of the
            simultaneous band that the empirical distribution function just touches; coverage_50, coverage_90,
            coverage_95, the share of central posterior intervals that hold the truth, each with the Monte Carlo error
            mcse of a sampler that is right, ``sqrt(p (1 - p) / n)``; passed, neither p value below `bar`.
        """
        places = self._stacked("place")
        rows = [self._row(each, places[:, i]) for i, each in enumerate(self.quantities)]
        return pd.DataFrame(rows)

    def _row(self, quantity: Quantity, places: Floats) -> dict[str, Any]:
        row: dict[str, Any] = {"quantity": quantity.name, "kind": quantity.kind, "n": len(places)}
        if not len(places):
            return {**row, "passed": False}
        row["chi2"], _, row["p_chi2"] = chi_square(places)
        row["p_ecdf"] = bands(len(places)).p_value(places)
        for prob in INTERVALS:
            row[f"coverage_{prob}"], row[f"mcse_{prob}"] = central_coverage(places, prob / 100)
        return {**row, "passed": min(row["p_chi2"], row["p_ecdf"]) >= self.bar}

    @cached_property
    def passed(self) -> bool:
        """Whether the ranks of every quantity are uniform, and no more than one data set of a hundred was lost.

        A sampler that is right fails to pass once in a hundred calibrations at most.
        """
        return bool(self.table()["passed"].all()) and len(self.failures) <= LOST * self.n

    def plot(self, quantities: list[str] | None = None, ci_prob: float = 0.95, **options: Any) -> Figure:
        """Draw the distribution function of the ranks less the uniform one, a panel a quantity, with its band.

        Parameters
        ----------
        quantities : list of str, optional
            Those to draw; all by default.
        ci_prob : float
            Probability with which the whole curve of a right sampler stays in its band.
        **options
            Those of the figure: ``figsize``.

        Raises
        ------
        DataError
            If there is no quantity of that name.
        """
        from hierbayes.plots.calibration_plot import draw_calibration

        return draw_calibration(self.ranks, quantities=quantities, ci_prob=ci_prob, **options)

    def tables(self) -> tuple[tuple[str, pd.DataFrame], ...]:
        """Return the tests, and the failures if there are any, each with a caption."""
        found = [(self._about(), self.table())]
        if len(self.failures):
            found.append(("Data sets whose posterior could not be sampled", self.failures))
        return tuple(found)

    @cached_property
    def _sampled(self) -> Any:
        return np.array([i for i, outcome in enumerate(self.outcomes) if not outcome.failed], dtype=np.int64)

    def _stacked(self, name: str) -> Floats:
        own = [getattr(self.outcomes[i], name) for i in self._sampled]
        return np.array(own) if own else np.zeros((0, len(self.quantities)))

    def _about(self) -> str:
        return f"Calibration of {self.formula} on {self.n} simulated data sets ({self.engine} engine)"

    def _verdict(self) -> str:
        table = self.table()
        lost = f"; {len(self.failures)} data sets could not be sampled" if len(self.failures) else ""
        if self.passed:
            return f"passed: the ranks of all {len(table)} quantities are uniform{lost}"
        bad = table.loc[~table["passed"], "quantity"].tolist()
        if not bad:
            return f"not passed: {len(self.failures)} of {self.n} data sets could not be sampled"
        return f"not passed: the ranks are not uniform for {', '.join(bad)}{lost}"

    def _shown(self) -> pd.DataFrame:
        """Return the table without what repeats itself, coverage with its Monte Carlo error."""
        table = self.table()
        shown = table[["quantity", "p_chi2", "p_ecdf"]].copy() if "p_chi2" in table else table[["quantity"]].copy()
        for prob in INTERVALS:
            if f"coverage_{prob}" in table:
                pairs = zip(table[f"coverage_{prob}"], table[f"mcse_{prob}"], strict=True)
                shown[f"{prob}% interval"] = [f"{share:.3f} ({error:.3f})" for share, error in pairs]
        return shown.set_index("quantity").rename_axis(None)

    def __repr__(self) -> str:
        shown = self._shown().to_string(float_format=lambda value: f"{value:.3g}")
        said = f"p values below {self.bar:.2g} do not pass; intervals: share that holds the truth (Monte Carlo error)"
        return "\n".join([self._about(), self._verdict(), "", indent(shown), "", said])

    def _repr_html_(self) -> str:
        shown = self._shown().to_html(float_format=lambda value: f"{value:.3g}")
        return f"<div><p><b>{escape(self._about())}</b><br>{escape(self._verdict())}</p>{shown}</div>"
