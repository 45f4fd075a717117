"""The summary of a fit: three tables that print as lme4's summary does, with intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from hierbayes.tables.cells import number
from hierbayes.tables.exporting import Tables, indent
from hierbayes.tables.tidying import stacked

THRESHOLDS = "(of the latent variable less its intercept, with {} interval)"
"""What the thresholds of an ordinal model are; the first one is minus the intercept."""


@dataclass(frozen=True)
class Summary(Tables):
    """The tables of a fit.

    Attributes
    ----------
    fixed : DataFrame
        Population-level coefficients, as `Fit.fixef`.
    varcorr : DataFrame
        Standard deviations (not variances) and correlations, as `Fit.varcorr`.
    diagnostics : DataFrame
        One row, as `Fit.diagnostics`.
    ci_prob : float
        Probability of the equal-tailed intervals.
    thresholds : DataFrame
        Those of an ordinal model, as `Fit.thresholds`; without rows for other families.
    """

    fixed: pd.DataFrame
    varcorr: pd.DataFrame
    diagnostics: pd.DataFrame
    ci_prob: float
    title: str
    formula: str
    counts: str
    method: str
    complaints: tuple[str, ...] = ()
    thresholds: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def _sections(self) -> tuple[tuple[str, pd.DataFrame], ...]:
        """The tables as they are printed after the first: coefficients, and the thresholds of an ordinal model."""
        percent = f"{100 * self.ci_prob:g}%"
        found = [("Fixed effects", f"(with {percent} interval)", plain_fixed(self.fixed))]
        if self._ordinal:
            found.append(("Thresholds", THRESHOLDS.format(percent), plain_fixed(self.thresholds)))
        return tuple((f"{name}{{}} {said}", table) for name, said, table in found)

    @property
    def _ordinal(self) -> bool:
        return len(self.thresholds) > 0

    @property
    def _components(self) -> pd.DataFrame:
        """The sds and correlations, without the gaps of an ordinal model, which its thresholds tell."""
        return self.varcorr[~self.varcorr["kind"].str.startswith("gap_")] if self._ordinal else self.varcorr

    def tables(self) -> tuple[tuple[str, pd.DataFrame], ...]:
        """Return the tables as they are printed, each with its caption."""
        percent = f"{100 * self.ci_prob:g}%"
        return (
            (f"Random effects of {self.formula} (sd, with {percent} interval)", random_effects(self._components)),
            *((said.format(f" of {self.formula}"), table) for said, table in self._sections),
        )

    def tidy(self) -> pd.DataFrame:
        """Return coefficients, sds, correlations and sigma as one tidy frame; see `hierbayes.Fit.tidy`."""
        return stacked({"fixed": self.fixed, "ran_pars": self.varcorr})

    def __str__(self) -> str:
        percent = f"{100 * self.ci_prob:g}%"
        parts = [
            self.title,
            f"Formula: {self.formula}",
            "",
        ]
        components = random_effects(self._components)
        if len(components):  # a model without groups may have none
            said = f"Random effects (sd, with {percent} interval):"
            parts += [said, indent(components.to_string(index=False))]
        parts += [self.counts, ""]
        for said, table in self._sections:
            parts += [f"{said.format('')}:", indent(table.to_string()), ""]
        parts.append(self.method)
        parts += [f"Warning: {complaint}" for complaint in self.complaints]
        return "\n".join(parts)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        percent = f"{100 * self.ci_prob:g}%"
        said = "".join(f"<p><strong>Warning:</strong> {escape(complaint)}</p>" for complaint in self.complaints)
        components = random_effects(self._components)
        first = f"<p>Random effects (sd, with {percent} interval)</p>{components.to_html(index=False)}"
        rest = "".join(f"<p>{escape(name.format(''))}</p>{table.to_html()}" for name, table in self._sections)
        head = f"<p><strong>{escape(self.title)}</strong><br><code>{escape(self.formula)}</code></p>"
        tail = f"<p><small>{escape(self.method)}</small></p>{said}"
        return f"<div>{head}{first if len(components) else ''}<p>{escape(self.counts)}</p>{rest}{tail}</div>"


def plain_fixed(fixed: pd.DataFrame) -> pd.DataFrame:
    """Return the coefficients as text, numbers to four significant digits of their sd."""
    shown = pd.DataFrame(index=fixed.index.rename(None))
    for name in ("mean", "sd", "lower", "upper"):
        shown[name] = [number(v, s) for v, s in zip(fixed[name], fixed["sd"], strict=True)]
    shown["ess_bulk"] = [_count(v) for v in fixed["ess_bulk"]]
    shown["r_hat"] = [_ratio(v) for v in fixed["r_hat"]]
    return shown


def random_effects(varcorr: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each sd, with the correlations of that term with the terms before it, as lme4 prints them."""
    rows = []
    previous = None
    for _, row in varcorr[varcorr["kind"] != "corr"].iterrows():
        corr = varcorr[
            (varcorr["kind"] == "corr") & (varcorr["group"] == row["group"]) & (varcorr["term2"] == row["term"])
        ]
        rows.append(
            {
                "Group": "" if row["group"] == previous else row["group"],
                # a parameter of the family is no sd: its name says what it is
                "Name": row["term"] if row["kind"] in ("sd", "sigma") else row["kind"],
                "sd": number(row["median"], row["sd"]),
                "lower": number(row["lower"], row["sd"]),
                "upper": number(row["upper"], row["sd"]),
                "Corr": "  ".join(_interval(c) for _, c in corr.iterrows()),
                "r_hat": _ratio(row["r_hat"]),
            }
        )
        previous = row["group"]
    columns = ["Group", "Name", "sd", "lower", "upper", "Corr", "r_hat"]
    shown = pd.DataFrame(rows, columns=columns).rename(columns={"sd": "sd (median)"})
    return shown if any(shown["Corr"]) else shown.drop(columns="Corr")


def _interval(row: pd.Series) -> str:
    return f"{row['median']:.2f} [{row['lower']:.2f}, {row['upper']:.2f}]"


def _count(value: float) -> str:
    return f"{value:.0f}" if np.isfinite(value) else ""


def _ratio(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else ""


def method_line(found: dict[str, Any]) -> str:
    """Return one line on how the fit was made."""
    chains = found["chains"]
    parts = [
        f"{chains} {'chain' if chains == 1 else 'chains'} x {found['draws']} draws",
        f"engine {found['engine']} ({found['reason']})",
        "" if math.isnan(found["seconds"]) else f"{found['seconds']:.1f} s",
        f"{found['divergences']} divergences",
        "" if math.isnan(found["max_rhat"]) else f"largest R-hat {_ratio(found['max_rhat'])}",
        "" if math.isnan(found["min_ess_bulk"]) else f"least bulk ESS {_count(found['min_ess_bulk'])}",
        # attached draws have a seed that hierbayes does not know
        "" if found["engine"] == "attached" else f"seed {found['seed']}",
    ]
    return ", ".join(filter(None, parts))
