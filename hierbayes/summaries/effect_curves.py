"""Conditional effects: the population's response along one column, split by another, beside the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from hierbayes.design.design import Design
from hierbayes.design.stacked import single_design
from hierbayes.design.table import Floats
from hierbayes.errors import ModelError
from hierbayes.families.categorical import log_probabilities
from hierbayes.posterior import Posterior
from hierbayes.summaries.observed import mean_label, observed
from hierbayes.summaries.questions.grid import Weights, average_grid
from hierbayes.summaries.questions.predictors import (
    Value,
    check_named,
    chosen,
    fixed_values,
    levels_by_row,
    numbers_of,
    predictors,
    shown_value,
    split_values,
)
from hierbayes.summaries.questions.response_scale import family_draws, predictor_draws
from hierbayes.tables.numbers import ESTIMATES, check_prob, described

POINTS = 60
"""Points of a curve along a numeric column."""


@dataclass(frozen=True)
class EffectTables:
    """The mean of the response along one column at the population level, group-level effects zero.

    Attributes
    ----------
    curves : DataFrame
        Columns by, x, mean, sd, median, lower, upper, on the scale of the response.
    points : DataFrame
        The data: columns by, x, y. For a numeric second column `by` is the nearest of its values.
    x_label, y_label : str
    x_names : tuple of str or None
        Names of the places 0, 1, ... where x is categorical.
    by_label : str or None
        The second column.
    by_names : tuple of str
        Its values in order; one empty name without a second column.
    """

    curves: pd.DataFrame
    points: pd.DataFrame
    x_label: str
    y_label: str
    x_names: tuple[str, ...] | None
    by_label: str | None
    by_names: tuple[str, ...]


def effect_curves(
    design: Design,
    posterior: Posterior,
    focal: str,
    by: str | None = None,
    at: Mapping[str, Any] | None = None,
    ci_prob: float = 0.95,
    weights: Weights = "equal",
) -> EffectTables:
    """Return the population curve along a predictor: ``inverse link(x' beta + offset)`` by draw, then its estimates.

    For a categorical response one curve for each category, its probability, which stand in the place of `by`.

    Rows are those of the reference grid (`hierbayes.Fit.means`): other numeric columns at their mean or at what `at`
    says, other categorical ones averaged on the scale of the linear predictor.

    Parameters
    ----------
    focal : str
        Along a numeric one 60 points over the range of the data, or those that `at` gives.
    by : str, optional
        A categorical one splits by its levels; a numeric one at mean - sd, mean and mean + sd, or as `at` says.

    Raises
    ------
    ModelError
        If a column, level or option is not known, or the two are the same; if `by` is given for a categorical
        response.
    """
    if not design.family.has_mean:
        return _category_curves(design, posterior, focal, by, at, ci_prob, weights)
    (x,), split = _one(design, focal, "effects of"), _one(design, by, "by") if by is not None else ()
    if x in split:
        raise ModelError(f"{x!r} is the predictor and stands in by too", "name another one in by")
    fixed, prob = fixed_values(design, at), check_prob(ci_prob)
    asked = {name: split_values(design, name, fixed) for name in split} | {x: _focal_values(design, x, fixed)}
    found = average_grid(design, asked, fixed, weights)
    predictor = predictor_draws(posterior, found.X, found.offset)
    draws = np.asarray(design.family.mean(predictor, family_draws(posterior)))
    names = _shown_values(asked[split[0]]) if split else ("",)
    levels = design.schema.by_name[x].levels if design.schema.by_name[x].kind != "numeric" else None
    labels = pd.DataFrame(
        {
            "by": np.repeat(np.asarray(names, dtype=object), len(asked[x])),
            "x": np.tile(_places(asked[x], levels), len(names)),
        }
    )
    return EffectTables(
        curves=pd.concat([labels, described(draws, prob)[ESTIMATES]], axis=1),
        points=_points(design, x, split[0] if split else None, asked, names, levels),
        x_label=x,
        y_label=mean_label(design),
        x_names=levels,
        by_label=split[0] if split else None,
        by_names=names,
    )


def _category_curves(
    design: Design,
    posterior: Posterior,
    focal: str,
    by: str | None,
    at: Mapping[str, Any] | None,
    ci_prob: float,
    weights: Weights,
) -> EffectTables:
    """Return the probability of each category along a column."""
    if by is not None:
        raise ModelError(
            "the categories of the response stand where by would, so that by cannot be drawn beside them",
            "hold the other predictor at a value instead: at={...}",
        )
    single = single_design(design)
    (x,), fixed, prob = _one(single, focal, "effects of"), fixed_values(single, at), check_prob(ci_prob)
    asked = {x: _focal_values(single, x, fixed)}
    found = average_grid(single, asked, fixed, weights)
    each = np.split(posterior.beta, design.predictors, axis=1)
    parts = [predictor_draws(replace(posterior, beta=beta), found.X, found.offset) for beta in each]
    draws = np.exp(log_probabilities(np.stack(parts, axis=-1)))
    levels = single.schema.by_name[x].levels if single.schema.by_name[x].kind != "numeric" else None
    places = _places(asked[x], levels)
    curves = [
        pd.DataFrame({"by": name, "x": places}).join(described(draws[..., k], prob)[ESTIMATES])
        for k, name in enumerate(design.categories)
    ]
    return EffectTables(
        curves=pd.concat(curves, ignore_index=True),
        points=_shares(design, single, x, places, levels),
        x_label=x,
        y_label=f"probability of {design.response}",
        x_names=levels,
        by_label=design.response,
        by_names=design.categories,
    )


def _shares(design: Design, single: Design, x: str, places: Floats, levels: tuple[str, ...] | None) -> pd.DataFrame:
    """Return the share of each category among the rows of each level; nothing along a number."""
    if levels is None:
        return pd.DataFrame({"by": [], "x": [], "y": []})
    own = _places(tuple(levels_by_row(single, x)), levels)
    rows = [
        {"by": name, "x": place, "y": float(np.mean(design.y[own == place] == k))}
        for k, name in enumerate(design.categories, start=1)
        for place in places
        if np.any(own == place)
    ]
    return pd.DataFrame(rows)


def _one(design: Design, name: Any, role: str) -> tuple[str, ...]:
    if not isinstance(name, str):
        raise ModelError(f"{role} takes the name of one predictor, not {name!r}")
    names = chosen(design, name, role)
    check_named(design, names)
    return names


def _shown_values(values: tuple[Value, ...]) -> tuple[str, ...]:
    """Write values with as few digits as keep them apart, four at least."""
    short = tuple(value if isinstance(value, str) else f"{value:.4g}" for value in values)
    return short if len(set(short)) == len(short) else tuple(map(shown_value, values))


def first_predictor(design: Design) -> str:
    """Return the first column of the population part, a numeric one if there is one.

    Raises
    ------
    ModelError
        If there is none.
    """
    columns = predictors(design)
    if not columns:
        raise ModelError("the population part has no predictors, so there is no effect to draw")
    return next((column.name for column in columns if column.kind == "numeric"), columns[0].name)


def _focal_values(design: Design, name: str, fixed: Mapping[str, tuple[Value, ...]]) -> tuple[Value, ...]:
    column = design.schema.by_name[name]
    if name in fixed:
        return fixed[name]
    if column.kind != "numeric":
        return column.levels
    values = numbers_of(design, name)
    low, high = float(values.min()), float(values.max())
    return tuple(np.linspace(low, high, POINTS).tolist()) if high > low else (low,)


def _places(values: tuple[Value, ...], levels: tuple[str, ...] | None) -> Floats:
    if levels is None:
        return np.asarray(values, dtype=float)
    return np.array([levels.index(str(value)) for value in values], dtype=float)


def _points(
    design: Design,
    x: str,
    by: str | None,
    asked: Mapping[str, tuple[Value, ...]],
    names: tuple[str, ...],
    levels: tuple[str, ...] | None,
) -> pd.DataFrame:
    own = numbers_of(design, x) if levels is None else _places(tuple(levels_by_row(design, x)), levels)
    label = np.full(design.n, "", dtype=object)
    if by is not None and design.schema.by_name[by].kind == "numeric":
        stops = np.asarray(asked[by], dtype=float)
        nearest = np.abs(numbers_of(design, by)[:, None] - stops).argmin(axis=1)
        label = np.asarray(names, dtype=object)[nearest]
    elif by is not None:
        label = levels_by_row(design, by)
    table = pd.DataFrame({"by": label, "x": own, "y": observed(design)})
    kept = table["by"].isin(names)
    if levels is not None:
        kept &= table["x"].isin(_places(asked[x], levels))
    return table[kept].reset_index(drop=True)
