"""REML and ML beside the posterior: a classical fit with the accessors of a Bayesian one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.special import ndtri

from hierbayes.design.design import Design
from hierbayes.engines.base import Floats, Problem
from hierbayes.engines.collapsed.curvature import Components, components
from hierbayes.engines.collapsed.estimates import Estimates
from hierbayes.estimates.plain import plain_design, plain_problem
from hierbayes.tables.cells import number
from hierbayes.tables.exporting import Tables, indent
from hierbayes.tables.numbers import check_prob
from hierbayes.tables.own_words import own_word
from hierbayes.tables.tidying import Effect, by_level, joined, tidied


@dataclass(frozen=True)
class ClassicalFit(Tables):
    """A REML or ML fit.

    Tables have the columns of the posterior's: the estimate stands in ``mean`` and ``median``, its standard error in
    ``sd``, the limits of its Wald interval in ``lower`` and ``upper``.

    Attributes
    ----------
    formula : str
    design : Design
    problem : Problem
        In internal coordinates, as `estimates` are.
    estimates : Estimates
    """

    formula: str
    design: Design
    problem: Problem
    estimates: Estimates

    def __reduce__(self) -> tuple[type[ClassicalFit], tuple[str, Design, Problem, Estimates]]:
        """Send the fit to another process as its parts: names, arrays and numbers."""
        return type(self), (self.formula, plain_design(self.design), plain_problem(self.problem), self.estimates)

    @property
    def method(self) -> str:
        """``"REML"`` or ``"ML"``."""
        return "REML" if self.estimates.reml else "ML"

    @property
    def loglik(self) -> float:
        """The log likelihood, restricted for REML; the criterion (deviance) is -2 times it."""
        return self.estimates.loglik

    @property
    def criterion(self) -> float:
        """Minus twice the log likelihood: lme4's REML criterion or ML deviance."""
        return -2 * self.estimates.loglik

    @property
    def aic(self) -> float:
        """Akaike's information criterion, as lme4 counts parameters."""
        return self.criterion + 2 * self.estimates.parameters

    @property
    def bic(self) -> float:
        """Schwarz's information criterion, with the number of rows."""
        return self.criterion + float(np.log(self.design.n)) * self.estimates.parameters

    @property
    def singular(self) -> bool:
        """Whether an sd is estimated as 0, or a correlation matrix has no inverse."""
        return self.estimates.singular

    @property
    def doubt(self) -> str:
        """Why this may not be the best optimum of the criterion; empty where nothing speaks against it."""
        return self.estimates.doubt

    def fixef(self, ci_prob: float = 0.95) -> pd.DataFrame:
        """Return the fixed effects: index coefficient, columns as in the class's description."""
        back = self.problem.beta_back
        errors = np.sqrt(np.diag(back @ self.estimates.beta_covariance @ back.T))
        table = _wald(back @ self.estimates.beta, errors, ci_prob)
        table.index = pd.Index(self.design.coefficients, name="coefficient")
        return table

    def varcorr(self, ci_prob: float = 0.95) -> pd.DataFrame:
        """Return sds (not variances), correlations and sigma.

        Standard errors and limits come from the curvature of the criterion in log sds and atanh correlations; they are
        NaN where the fit is singular.
        """
        z = float(ndtri(0.5 + check_prob(ci_prob) / 2))
        rows: list[tuple[str, str, str, str]] = []
        numbers: list[tuple[float, float, float, float]] = []
        parts = self._parts.corrs, self._parts.atanhs, self._parts.atanh_errors
        for factor in self.design.factors:
            members = [i for i, block in enumerate(self.design.groups) if block.factor == factor]
            for i in members:
                for j, term in enumerate(self.design.groups[i].terms):
                    rows.append((factor, term, "", "sd"))
                    numbers.append(_positive(self._parts.sds[i][j], self._parts.log_sd_errors[i][j], z))
            for i in members:
                for j, k in combinations(range(len(self.design.groups[i].terms)), 2):
                    terms = self.design.groups[i].terms
                    rows.append((factor, terms[j], terms[k], "corr"))
                    corr, atanh, error = (float(own[i][j, k]) for own in parts)
                    numbers.append(_correlation(corr, atanh, error, z))
        rows.append((own_word("Residual", self.design.factors), "", "", "sigma"))
        numbers.append(_positive(self._parts.sigma, self._parts.log_sigma_error, z))
        names = pd.DataFrame(rows, columns=["group", "term", "term2", "kind"])
        mean, error, lower, upper = np.array(numbers).T
        return names.assign(mean=mean, sd=error, median=mean, lower=lower, upper=upper)

    @cached_property
    def _parts(self) -> Components:
        return components(self.problem, self.estimates)

    def ranef(self, ci_prob: float = 0.95) -> pd.DataFrame:
        """Return the conditional modes of the group-level effects with their conditional sds, as lme4's ``ranef``."""
        parts = []
        for block, own, modes, spread in zip(
            self.design.groups, self.problem.blocks, self.estimates.modes, self.estimates.mode_covariances, strict=True
        ):
            covariance = own.back @ spread @ own.back.T
            errors = np.sqrt(np.maximum(np.diagonal(covariance, axis1=1, axis2=2), 0))
            parts.append(_by_level(block.factor, block.levels, block.terms, modes @ own.back.T, errors, ci_prob))
        return _ordered(parts, self.design)

    def coef(self, ci_prob: float = 0.95) -> pd.DataFrame:
        """Return the totals: fixed effect plus conditional mode. Standard errors are not defined here and are NaN."""
        fixed = self.fixef()["mean"]
        parts = []
        deviations = self.ranef()
        for factor in self.design.factors:
            own = deviations[deviations["group"] == factor].pivot(index="level", columns="term", values="mean")
            levels = self.design.blocks(factor)[0].levels
            own = own.reindex(list(levels))
            varying = self.design.factor_terms(factor)
            terms = list(dict.fromkeys((*self.design.coefficients, *varying)))
            total = np.column_stack([fixed.get(t, 0.0) + (own[t] if t in own else np.zeros(len(own))) for t in terms])
            parts.append(_by_level(factor, levels, terms, total, np.full(total.shape, np.nan), ci_prob))
        return joined(parts)

    @property
    def _title(self) -> str:
        return f"Linear {'mixed ' if self.design.groups else ''}model fit by {self.method}"

    @property
    def _components(self) -> pd.DataFrame:
        rows = [
            {
                "Group": r["group"],
                "Name": r["term"],
                "": r["term2"],
                "kind": r["kind"],
                "estimate": number(r["mean"], r["mean"] / 50),
            }
            for _, r in self.varcorr().iterrows()
        ]
        return pd.DataFrame(rows)

    @property
    def _coefficients(self) -> pd.DataFrame:
        fixed = self.fixef()
        return pd.DataFrame(
            {"estimate": [number(m, s) for m, s in zip(fixed["mean"], fixed["sd"], strict=True)],
             "se": [number(s, s / 10) for s in fixed["sd"]]},
            index=fixed.index.rename(None),
        )  # fmt: skip

    def tables(self) -> tuple[tuple[str, pd.DataFrame], ...]:
        """Return the two tables as they are printed, each with its caption."""
        return (
            (f"{self._title}: random effects of {self.formula} (sd and correlation)", self._components),
            (f"{self._title}: fixed effects of {self.formula}", self._coefficients),
        )

    def tidy(self, effects: Effect | Sequence[Effect] = ("fixed", "ran_pars"), ci_prob: float = 0.95) -> pd.DataFrame:
        """Return estimates as one tidy frame, one row each; see `hierbayes.Fit.tidy`."""
        return tidied(self, effects, ci_prob)

    @cached_property
    def _text(self) -> str:
        shown, plain = self._components, self._coefficients
        said = " (singular: an sd is 0 or a correlation is at its limit)" if self.singular else ""
        known = f"sigma is held at {self.estimates.sigma:g}, not estimated" if self.estimates.sigma_known else ""
        return "\n".join(
            [
                self._title + said,
                f"Formula: {self.formula}",
                *(f"Note: {note}" for note in (known, self.doubt) if note),
                f"{'REML criterion' if self.estimates.reml else 'Deviance'}: {self.criterion:.4f}   "
                f"log likelihood: {self.loglik:.4f}   AIC: {self.aic:.2f}   BIC: {self.bic:.2f}",
                "",
                "Random effects (sd and correlation):",
                indent(shown.to_string(index=False)),
                "",
                "Fixed effects:",
                indent(plain.to_string()),
            ]
        )

    def summary(self) -> str:
        """Return the fit as text, as lme4 prints it."""
        return self._text

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        return f"<pre>{escape(self._text)}</pre>"


def _positive(value: float, error: float, z: float) -> tuple[float, float, float, float]:
    """Return an sd, its standard error and limits that are symmetric in its logarithm."""
    with np.errstate(over="ignore", invalid="ignore"):  # an upper limit beyond every double is infinite
        return value, value * error, value * float(np.exp(-z * error)), value * float(np.exp(z * error))


def _correlation(value: float, atanh: float, error: float, z: float) -> tuple[float, float, float, float]:
    """Return a correlation, its standard error and limits that are symmetric in its inverse hyperbolic tangent."""
    with np.errstate(over="ignore", invalid="ignore"):
        lower, upper = np.tanh(atanh + z * error * np.array([-1.0, 1.0]))
        # 1 - value**2, also where the value rounds to 1
        return value, float(error / np.cosh(atanh) ** 2), float(lower), float(upper)


def _wald(estimate: Floats, error: Floats, ci_prob: float) -> pd.DataFrame:
    z = float(ndtri(0.5 + check_prob(ci_prob) / 2))
    return pd.DataFrame(
        {
            "mean": estimate,
            "sd": error,
            "median": estimate,
            "lower": estimate - z * error,
            "upper": estimate + z * error,
        }
    )


def _by_level(
    factor: str, levels: tuple[str, ...], terms: Sequence[str], values: Floats, errors: Floats, ci_prob: float
) -> pd.DataFrame:
    return by_level(factor, levels, terms, _wald(values.reshape(-1), errors.reshape(-1), ci_prob))


def _ordered(parts: list[pd.DataFrame], design: Design) -> pd.DataFrame:
    """Put the blocks of one factor together, level by level, as the posterior's table has them."""
    whole = joined(parts)
    names = [(factor, level) for factor in design.factors for level in design.blocks(factor)[0].levels]
    place = {name: i for i, name in enumerate(names)}
    keys = [place[name] for name in zip(whole["group"], whole["level"], strict=True)]
    return whole.iloc[np.argsort(keys, kind="stable")].reset_index(drop=True)
