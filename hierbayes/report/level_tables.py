"""The levels of each grouping factor: deviation, interval and pooling factor of every term, a row a level."""

from __future__ import annotations

from typing import Any

import pandas as pd

from hierbayes.report.blocks import Block, Table
from hierbayes.tables.cells import number

MOST_LEVELS = 60
MOST_TERMS = 3


def level_tables(effects: pd.DataFrame, factors: pd.DataFrame | None, ci_prob: float) -> tuple[Block, ...]:
    """Return the tables of the group-level effects.

    Parameters
    ----------
    effects : DataFrame
        As `Fit.ranef`.
    factors : DataFrame, optional
        As ``Fit.pooling().levels``.
    ci_prob : float
    """
    blocks: list[Block] = []
    for name, own in effects.groupby("group", sort=False):
        kept, note = _kept(own)
        terms = list(dict.fromkeys(own["term"]))
        for start in range(0, len(terms), MOST_TERMS):
            frame = _wide(kept, terms[start : start + MOST_TERMS], factors, str(name))
            caption = f"{name}: deviation of each level from the population, with {100 * ci_prob:g}% interval"
            blocks.append(Table(frame, caption, note))
    return tuple(blocks)


def _kept(own: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Return all levels, or the lowest and highest ones where there are many."""
    levels = own["level"].nunique()
    if levels <= MOST_LEVELS:
        return own, ""
    first = own[own["term"] == own["term"].iloc[0]].sort_values("mean", kind="stable")["level"]
    ends = [*first.iloc[: MOST_LEVELS // 2], *first.iloc[-(MOST_LEVELS // 2) :]]
    note = f"The {MOST_LEVELS // 2} lowest and highest of {levels:,} levels; fit.ranef() has them all."
    rank = {level: place for place, level in enumerate(ends)}
    kept = own[own["level"].isin(rank)]
    return kept.iloc[kept["level"].map(rank).argsort(kind="stable")], note


def _wide(own: pd.DataFrame, terms: list[str], factors: pd.DataFrame | None, name: str) -> pd.DataFrame:
    order = list(dict.fromkeys(own["level"]))
    columns: dict[str, Any] = {}
    for term in terms:
        rows = own[own["term"] == term].set_index("level").loc[order]
        columns[term] = [_interval(row) for row in rows[["mean", "sd", "lower", "upper"]].to_numpy()]
        if factors is not None:
            found = factors[(factors["group"] == name) & (factors["term"] == term)].set_index("level")
            columns[f"pooling of {term}"] = [f"{value:.2f}" for value in found["factor"].loc[order]]
    return pd.DataFrame(columns, index=pd.Index(order, name=name))


def _interval(row: Any) -> str:
    mean, sd, lower, upper = (float(value) for value in row)
    return f"{number(mean, sd)} [{number(lower, sd)}, {number(upper, sd)}]".replace("-", "\u2212")
