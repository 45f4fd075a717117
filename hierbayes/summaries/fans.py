"""Posterior curves of the levels of one grouping factor, and where a new level would lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from hierbayes.design.design import Design
from hierbayes.design.levels import factor_columns
from hierbayes.design.table import Floats, Ints, share_of
from hierbayes.errors import DataError, ModelError
from hierbayes.families import Family
from hierbayes.formula.names import suggest
from hierbayes.posterior import Posterior
from hierbayes.summaries.covariances import CHUNK, spaced
from hierbayes.summaries.curve_rows import Along, along, contains, curve_parts
from hierbayes.summaries.latent import latent_variance
from hierbayes.summaries.observed import mean_label, observed
from hierbayes.summaries.poolings import pick_factor
from hierbayes.tables.numbers import check_prob

MIXED = 2000
"""Draws of which the ribbons are made, evenly spaced."""

RESPONSES = 40_000
"""Responses of a new level that are drawn at each place, for families other than the gaussian."""
SHARES = 101
"""Predictors that stand for the normal of one draw where expected scores are ranked."""


@dataclass(frozen=True)
class FanTables:
    """Curves of one grouping factor along one column, in units of the response.

    Attributes
    ----------
    factor : str
    lines : DataFrame
        Columns level, draw, x, y: the mean of the response of a level under one posterior draw.
    points : DataFrame
        The data: columns level, x, y.
    ribbon : DataFrame
        Columns x, median, level_lower, level_upper (the mean of a level not seen before), lower, upper (one response of
        such a level; of counted successes their share). The last two are NaN for ``bernoulli``, where every response is
        0 or 1 and an interval says nothing.
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
    posterior: Posterior,
    factor: str | None = None,
    levels: Sequence[str] | None = None,
    x: str | None = None,
    lines: int = 50,
    ci_prob: float = 0.95,
) -> FanTables:
    """Return posterior curves of the levels of a factor, and the posterior predictive ribbon of a new level.

    The curve of level j under one draw is ``x' beta + sum_f z_f' b_f`` (through the inverse link), averaged over the
    rows of the level: each keeps its other columns and its levels of other factors while x moves. So the curve runs
    through the data of the level.

    Under one draw the linear predictor of a new level is normal around the same average over all rows, without the
    effects of the factor and of those that it is nested in; its variance is ``sum z' Sigma z`` over these. A response
    of it, every factor at a new level, is ``N(x' beta, sum_f z_f' Sigma_f z_f + sigma**2 / weight)``, ``1 / weight`` on
    average over the rows. The ribbons are exact equal-tailed quantiles of the mixture over the draws. For other
    families that of a response is made of `RESPONSES` draws from the family at predictors so distributed, of counted
    successes with the trials of a row drawn at random; the random numbers are always the same ones.

    Parameters
    ----------
    lines : int
        Curves of each level, from draws evenly spread over the posterior.

    Raises
    ------
    ModelError
        If the factor or column does not exist, or `lines` is no positive whole number.
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
    places = place[block.codes]
    names = np.asarray(block.levels, dtype=object)
    kept = places >= 0
    return FanTables(
        factor=name,
        lines=_lines(design, posterior, axis, places, names[own], lines),
        points=pd.DataFrame({"level": names[block.codes[kept]], "x": axis.rows[kept], "y": observed(design)[kept]}),
        ribbon=_ribbon(design, posterior, name, axis, prob),
        x_label=axis.name,
        y_label=mean_label(design),
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


def _lines(design: Design, posterior: Posterior, axis: Along, places: Ints, levels: Any, count: int) -> pd.DataFrame:
    draws = spaced(posterior.size, count)
    beta = posterior.beta[draws]
    b = {factor: posterior.factors[factor].b[draws] for factor in design.factors}
    predictor = np.zeros((len(levels), len(draws), len(axis.grid)))
    for part in curve_parts(design, axis, places, design.factors):
        step = max(1, CHUNK // (len(draws) * len(axis.grid)))
        for start in range(0, len(part.level), step):
            own = slice(start, start + step)
            values = part.offset[own, None] + np.einsum("cgp,dp->cdg", part.X[own], beta)
            for factor, codes in part.codes.items():
                values += np.einsum("cgk,dck->cdg", part.Z[factor][own], b[factor][:, codes[own]])
            np.add.at(predictor, part.level[own], values * part.share[own, None, None])
    j, d, g = predictor.shape
    return pd.DataFrame(
        {
            "level": np.repeat(levels, d * g),
            "draw": np.tile(np.repeat(draws, g), j),
            "x": np.tile(axis.grid, j * d),
            "y": np.asarray(design.family.mean(predictor, posterior.at(draws))).ravel(),
        }
    )


def _ribbon(design: Design, posterior: Posterior, factor: str, axis: Along, ci_prob: float) -> pd.DataFrame:
    family = design.family
    kept = spaced(posterior.size, MIXED)
    new = (factor, *contains(design, factor))
    rows = _average_row(design, axis, [name for name in design.factors if name not in new])
    whole_mean = rows.offset + posterior.beta[kept] @ rows.X.T
    mean = whole_mean.copy()
    for name, weights in rows.by_level.items():
        mean += np.einsum("lgk,dlk->dg", weights, posterior.factors[name].b[kept], optimize=True)
    spread = {name: _spread(Z, posterior.covariance(name)[kept]) for name, Z in rows.Z.items()}
    sd = np.sqrt(sum(spread[name] for name in new))
    tail = (1 - ci_prob) / 2
    table: dict[str, Any] = {"x": axis.grid}
    for column, prob in (("median", 0.5), ("level_lower", tail), ("level_upper", 1 - tail)):
        table[column] = _mean_quantile(family, posterior, kept, mean, sd, prob)
    table |= {"lower": np.nan, "upper": np.nan}
    variance = sum(spread.values())
    if family.conjugate:
        sd = np.sqrt(variance + latent_variance(design, posterior, family)[kept, None])
        table |= {column: mixture_quantile(whole_mean, sd, p) for column, p in (("lower", tail), ("upper", 1 - tail))}
    elif family.interval:
        ends = _response_quantiles(design, posterior, kept, whole_mean, np.sqrt(variance), (tail, 1 - tail))
        table |= {"lower": ends[0], "upper": ends[1]}
    return pd.DataFrame(table)


def _response_quantiles(
    design: Design,
    posterior: Posterior,
    kept: Ints,
    mean: Floats,
    sd: Floats,
    probs: tuple[float, ...],
) -> Floats:
    """Return quantiles of a response whose linear predictor is ``N(mean, sd**2)``, over the draws, (probs, points).

    Every point has the same random numbers, so that the ribbon moves with the predictor and not with chance.
    """
    times = max(1, RESPONSES // len(kept))
    found = np.empty((len(probs), mean.shape[1]))
    for g in range(mean.shape[1]):
        rng = np.random.default_rng(0)
        predictor = mean[:, g, None] + sd[:, g, None] * rng.standard_normal((len(kept), times))
        trials = None if design.trials is None else rng.choice(design.trials, predictor.shape)
        y = design.family.draw(predictor, posterior.at(kept), rng, trials=trials)
        found[:, g] = np.quantile(share_of(y, trials), probs)
    return found


def _mean_quantile(family: Family, posterior: Posterior, kept: Ints, mean: Floats, sd: Floats, prob: float) -> Floats:
    """Return a quantile of the mean response over the draws, whose linear predictors are ``N(mean, sd**2)``."""
    if family.has_thresholds:
        return score_quantile(family, posterior.at(kept), mean, sd, prob)
    if family.link != "identity" or family.linear:
        return np.asarray(family.mean(mixture_quantile(mean, sd, prob)))
    # the mean of a log-normal is exp(mu + sigma**2 / 2) above a shift, which is taken at its posterior mean
    found = mixture_quantile(mean + 0.5 * posterior.parameters["sigma"][kept, None] ** 2, sd, prob)
    shift = float(posterior.parameters["shift"].mean()) if "shift" in family.parameters else 0.0
    return np.asarray(np.exp(found) + shift)


def score_quantile(family: Family, own: Mapping[str, Floats], mean: Floats, sd: Floats, prob: float) -> Floats:
    """Return a quantile of the expected score over draws of which each has gaps of its own.

    No quantile of the linear predictor stands for it, so every normal is taken as `SHARES` equally likely predictors.

    Parameters
    ----------
    family : Family
    own : mapping of str to array, shape (S, 1)
        The gaps of each draw.
    mean, sd : array, shape (S, G)
        Of the linear predictors.
    prob : float

    Returns
    -------
    array, shape (G,)
    """
    nodes = ndtri((np.arange(SHARES) + 0.5) / SHARES)
    columns = zip(mean.T, sd.T, strict=True)
    return np.array([np.quantile(family.mean(m[:, None] + s[:, None] * nodes, own), prob) for m, s in columns])


@dataclass(frozen=True)
class _AverageRow:
    """The average over all rows: X (G, p), offset (G,), Z by factor (G, k), and that of some factors by level."""

    X: Floats
    offset: Floats
    Z: dict[str, Floats]
    by_level: dict[str, Floats]


def _average_row(design: Design, axis: Along, apart: Sequence[str]) -> _AverageRow:
    """Average over all rows; the columns of the factors in `apart` also level by level, (levels, G, k)."""
    points = len(axis.grid)
    X, offset = np.zeros((points, len(design.coefficients))), np.zeros(points)
    own = factor_columns(design)
    Z = {factor.name: np.zeros((points, len(factor.terms))) for factor in own}
    by_level = {f.name: np.zeros((f.n_levels, points, len(f.terms))) for f in own if f.name in apart}
    for part in curve_parts(design, axis, np.zeros(design.n, dtype=np.int64), apart):
        X += np.einsum("c,cgp->gp", part.share, part.X)
        offset += part.share @ part.offset
        for factor in Z:
            Z[factor] += np.einsum("c,cgk->gk", part.share, part.Z[factor])
        for factor, weights in by_level.items():
            np.add.at(weights, part.codes[factor], part.Z[factor] * part.share[:, None, None])
    return _AverageRow(X, offset, Z, by_level)


def _spread(Z: Floats, Sigma: Floats) -> Floats:
    """Return ``z_g' Sigma_d z_g``, (draws, points)."""
    return np.asarray(np.maximum(np.einsum("gi,dij,gj->dg", Z, Sigma, Z, optimize=True), 0.0))


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
