"""Posterior curves of the levels of one grouping factor, and where a new level would lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import ndtr

from hierbayes.design.design import Design
from hierbayes.design.table import Floats, Ints
from hierbayes.errors import DataError, ModelError
from hierbayes.families import Family
from hierbayes.formula.names import suggest
from hierbayes.summaries.covariances import coefficients, count_draws, covariances, drawn, spaced
from hierbayes.summaries.curve_rows import Along, CurveRows, along, curve_rows
from hierbayes.summaries.numbers import check_prob
from hierbayes.summaries.poolings import pick_factor
from hierbayes.summaries.variation import residual_variance

if TYPE_CHECKING:
    import xarray as xr

MIXED = 2000
"""Draws of which the ribbons are made, evenly spaced."""


@dataclass(frozen=True)
class FanTables:
    """Curves of one grouping factor along one predictor, in units of the response.

    Attributes
    ----------
    factor : str
    lines : DataFrame
        Columns level, draw, x, y: the mean of the response of a level under one posterior draw.
    points : DataFrame
        The data: columns level, x, y.
    ribbon : DataFrame
        Columns x, median, level_lower, level_upper (the mean of a level not seen before), lower, upper (one response of
        such a level). The last two are NaN for families other than the gaussian.
    x_label, y_label : str
    x_names : tuple of str or None
        Names of the places 0, 1, ... where x is categorical.
    """

    factor: str
    lines: pd.DataFrame
    points: pd.DataFrame
    ribbon: pd.DataFrame
    x_label: str
    y_label: str
    x_names: tuple[str, ...] | None = None


def fan_tables(
    design: Design,
    family: Family,
    posterior: xr.Dataset,
    factor: str | None = None,
    levels: Sequence[str] | None = None,
    x: str | None = None,
    lines: int = 50,
    ci_prob: float = 0.95,
) -> FanTables:
    """Return posterior curves of the levels of a factor, and the posterior predictive ribbon of a new level.

    The curve of level j under one draw is ``x' beta + z' b_j`` (through the inverse link), with the design rows averaged
    over the rows of the level: each keeps its other predictors while x moves. Effects of other factors are zero.

    Under one draw the linear predictor of a new level is ``N(x' beta, z' Sigma z)``, and a response of it, with every
    factor at a new level, ``N(x' beta, sum_f z_f' Sigma_f z_f + sigma**2 / weight)``, the rows averaged over all rows
    and ``1 / weight`` likewise. The ribbons are exact equal-tailed quantiles of the mixture over the draws.

    Parameters
    ----------
    lines : int
        Curves of each level, from draws evenly spread over the posterior.

    Raises
    ------
    ModelError
        If the factor or predictor does not exist, or `lines` is no positive whole number.
    DataError
        If a level does not exist.
    """
    name, prob = pick_factor(design, factor), check_prob(ci_prob)
    if isinstance(lines, bool) or not isinstance(lines, int | np.integer) or lines < 1:
        raise ModelError(f"lines={lines!r} must be a whole number, at least 1")
    axis, block = along(design, name, x), design.blocks(name)[0]
    own = _positions(block.levels, levels, name)
    place = np.full(len(block.levels), -1)
    place[own] = np.arange(len(own))
    chosen = [block.levels[i] for i in own]
    rows = curve_rows(design, axis, place[block.codes], len(own))
    kept = place[block.codes] >= 0
    level = np.asarray(block.levels, dtype=object)[block.codes]
    return FanTables(
        factor=name,
        lines=_lines(rows, axis, chosen, own, name, posterior, design, family, lines),
        points=pd.DataFrame({"level": level[kept], "x": axis.rows[kept], "y": design.y[kept]}),
        ribbon=_ribbon(design, family, posterior, name, axis, prob),
        x_label=axis.name,
        y_label=design.response,
        x_names=axis.names,
    )


def _positions(known: Sequence[str], levels: Sequence[str] | None, factor: str) -> Ints:
    if levels is None:
        return np.arange(len(known))
    if isinstance(levels, str):
        levels = [levels]
    index = {level: i for i, level in enumerate(known)}
    wanted = list(dict.fromkeys(map(str, levels)))
    for level in wanted:
        if level not in index:
            nearest = suggest(level, known)
            hint = f"did you mean {nearest!r}? " if nearest else ""
            few = ", ".join(known[:10])
            raise DataError(f"{factor!r} has no level {level!r}", f"{hint}its levels: {few}")
    if not wanted:
        raise DataError(f"levels names no level of {factor!r}", "leave it out for all")
    return np.array([index[level] for level in wanted])


def _lines(
    rows: CurveRows,
    axis: Along,
    levels: list[str],
    own: Ints,
    factor: str,
    posterior: xr.Dataset,
    design: Design,
    family: Family,
    count: int,
) -> pd.DataFrame:
    draws = spaced(count_draws(posterior), count)
    beta = coefficients(posterior, design)[draws]
    b = drawn(posterior, f"b_{factor}")[draws][:, own]
    predictor = rows.offset[:, None] + np.einsum("jgp,dp->jdg", rows.X, beta)
    predictor += np.einsum("jgk,djk->jdg", rows.Z[factor], b)
    j, d, g = predictor.shape
    return pd.DataFrame(
        {
            "level": np.repeat(np.asarray(levels, dtype=object), d * g),
            "draw": np.tile(np.repeat(draws, g), j),
            "x": np.tile(axis.grid, j * d),
            "y": np.asarray(family.mean(predictor)).ravel(),
        }
    )


def _ribbon(
    design: Design, family: Family, posterior: xr.Dataset, factor: str, axis: Along, ci_prob: float
) -> pd.DataFrame:
    rows = curve_rows(design, axis, np.zeros(design.n, dtype=np.int64), 1)
    kept = spaced(count_draws(posterior), MIXED)
    mean = rows.offset[0] + coefficients(posterior, design)[kept] @ rows.X[0].T
    between = {name: _spread(Z[0], covariances(posterior, name)[kept]) for name, Z in rows.Z.items()}
    tail = (1 - ci_prob) / 2
    probs = (tail, 0.5, 1 - tail)
    lower, median, upper = (mixture_quantile(mean, np.sqrt(between[factor]), prob) for prob in probs)
    table: dict[str, Any] = {
        "x": axis.grid,
        "median": family.mean(median),
        "level_lower": family.mean(lower),
        "level_upper": family.mean(upper),
        "lower": np.nan,
        "upper": np.nan,
    }
    if family.name == "gaussian":
        whole = sum(between.values()) + residual_variance(design, posterior)[kept, None]
        table |= {
            "lower": mixture_quantile(mean, np.sqrt(whole), tail),
            "upper": mixture_quantile(mean, np.sqrt(whole), 1 - tail),
        }
    return pd.DataFrame(table)


def _spread(Z: Floats, Sigma: Floats) -> Floats:
    """Return ``z_g' Sigma_d z_g``, (draws, points)."""
    return np.maximum(np.einsum("gi,dij,gj->dg", Z, Sigma, Z, optimize=True), 0.0)


def mixture_quantile(mean: Floats, sd: Floats, prob: float) -> Floats:
    """Return a quantile of equal mixtures of normals, by bisection.

    Parameters
    ----------
    mean, sd : array, shape (S, G)
        The S components of each of G mixtures; an sd may be 0.
    prob : float

    Returns
    -------
    array, shape (G,)

    Examples
    --------
    >>> import numpy as np
    >>> mixture_quantile(np.zeros((1, 1)), np.ones((1, 1)), 0.975).round(6)
    array([1.959964])
    """
    low, high = (mean - 40 * sd).min(axis=0), (mean + 40 * sd).max(axis=0)
    scale = np.where(sd > 0, sd, 1e-300)
    for _ in range(60):
        middle = (low + high) / 2
        below = ndtr((middle - mean) / scale).mean(axis=0) < prob
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray((low + high) / 2)
