"""Fits as tidy frames, in the words of R's broom: one row for each estimate."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal, Protocol

import numpy as np
import pandas as pd

from hierbayes.errors import ModelError
from hierbayes.tables.numbers import ESTIMATES

Effect = Literal["fixed", "ran_pars", "ran_vals", "ran_coefs", "own"]
EFFECTS = ("fixed", "ran_pars", "ran_vals", "ran_coefs")
NUMBERS = ["estimate", "std_error", "conf_low", "conf_high"]


class Tabled(Protocol):
    """A fit with the four accessors, Bayesian or classical."""

    def fixef(self, ci_prob: float = ...) -> pd.DataFrame: ...
    def varcorr(self, ci_prob: float = ...) -> pd.DataFrame: ...
    def ranef(self, ci_prob: float = ...) -> pd.DataFrame: ...
    def coef(self, ci_prob: float = ...) -> pd.DataFrame: ...


def tidied(
    fit: Tabled,
    effects: str | Sequence[str] = ("fixed", "ran_pars"),
    ci_prob: float = 0.95,
    estimate: Literal["mean", "median"] | None = None,
    own: pd.DataFrame | None = None,
    multiplied: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return one row for each estimate; see `hierbayes.Fit.tidy`.

    `own` is the table of the user's own variables; `multiplied` that of the exponentials of the coefficients, given
    where it is to stand in place of theirs.
    """
    asked = (effects,) if isinstance(effects, str) else tuple(effects)
    known = EFFECTS if own is None else (*EFFECTS, "own")
    unknown = [effect for effect in asked if effect not in known]
    if unknown or not asked:
        choices = " and ".join([", ".join(f'"{effect}"' for effect in known[:-1]), f'"{known[-1]}"'])
        raise ModelError(f"effects={effects!r} is not understood", f"choose from {choices}")
    tables = {"fixed": fit.fixef, "ran_pars": fit.varcorr, "ran_vals": fit.ranef, "ran_coefs": fit.coef}
    found = {effect: tables[effect](ci_prob) if effect in tables else own for effect in asked}
    medians = {"ran_pars"}
    if multiplied is not None:
        if "fixed" not in found:
            raise ModelError(
                "exponentiate=True is for the fixed effects, which effects leaves out",
                'add "fixed" to effects, or leave exponentiate out',
            )
        found["fixed"] = multiplied
        medians.add("fixed")
    return stacked({effect: table for effect, table in found.items() if table is not None}, estimate, medians)


def stacked(
    tables: dict[str, pd.DataFrame], estimate: str | None = None, medians: Collection[str] = ("ran_pars",)
) -> pd.DataFrame:
    """Return the rows of fixef, varcorr, ranef and coef tables, by the names of their effects.

    `medians` are the effects whose estimate is the median by default.
    """
    if estimate not in (None, "mean", "median"):
        raise ModelError(f'estimate={estimate!r} is not understood: write "mean" or "median"')
    parts = []
    for effect, table in tables.items():
        centre = estimate or ("median" if effect in medians else "mean")
        if effect == "own" and not len(table) and len(tables) > 1:
            continue
        names = {"fixed": _coefficients, "own": _coefficients, "ran_pars": _components}.get(effect, _levels)(table)
        numbers = table[[centre, "sd", "lower", "upper"]].to_numpy(dtype=float)
        values = pd.DataFrame(numbers, columns=NUMBERS)
        parts.append(pd.concat([names.assign(effect=effect).reset_index(drop=True), values], axis=1))
    joined = pd.concat(parts, ignore_index=True)
    if "level" in joined:
        joined["level"] = joined["level"].fillna("")
    return joined[["effect", "group", *(["level"] if "level" in joined else []), "term", *NUMBERS]]


def _coefficients(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"group": "", "term": np.asarray(table.index, dtype=object)})


def _levels(table: pd.DataFrame) -> pd.DataFrame:
    return table[["group", "level", "term"]]


def _components(table: pd.DataFrame) -> pd.DataFrame:
    terms = [component(*row) for row in table[["kind", "term", "term2"]].itertuples(index=False)]
    return pd.DataFrame({"group": table["group"], "term": pd.Series(terms, dtype=object)})


def by_level(factor: str, levels: Sequence[str], terms: Sequence[str], numbers: pd.DataFrame) -> pd.DataFrame:
    """Return numbers of every level and, within it, every term with their names: group, level and term."""
    names = pd.DataFrame(
        {
            "group": factor,
            "level": np.repeat(np.asarray(levels, dtype=object), len(terms)),
            "term": np.tile(np.asarray(terms, dtype=object), len(levels)),
        }
    )
    return pd.concat([names, numbers], axis=1)


def joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Return tables of levels as one, without rows where there are no groups."""
    if not parts:
        return pd.DataFrame(columns=["group", "level", "term", *ESTIMATES])
    return pd.concat(parts, ignore_index=True)


def component(kind: str, term: str, term2: str) -> str:
    """Name an sd, a correlation or sigma as broom.mixed does; other parameters of the family have their own names."""
    named = {"sigma": "sd__Observation", "sd": f"sd__{term}", "corr": f"cor__{term}.{term2}"}
    return named.get(kind, kind)
