"""The population of levels that the model has learned: the distribution of their totals, draw by draw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from hierbayes.design.design import Design
from hierbayes.design.levels import LevelSpan
from hierbayes.design.table import Floats
from hierbayes.errors import ModelError
from hierbayes.posterior import Posterior
from hierbayes.summaries.covariances import chunks, spaced
from hierbayes.summaries.poolings import level_span, pick_factor

AVERAGED = 8000
"""Draws over which the density of a new level is averaged, evenly spaced."""
POINTS = 241
REACH = 3.5  # sds on either side of the mean
ROOT_TWO_PI = np.sqrt(2 * np.pi)


@dataclass(frozen=True)
class LearnedPopulation:
    """The distribution of the levels of one grouping factor, each term by itself.

    Attributes
    ----------
    factor : str
    draws : DataFrame
        Columns group, term, draw, mean, sd (not variance): the normal distribution of a level's total under some
        posterior draws, evenly spaced.
    density : DataFrame
        Columns group, term, x, density: that of a level not seen before, the average over the posterior.
    """

    factor: str
    draws: pd.DataFrame
    density: pd.DataFrame


def learned_population(
    design: Design, posterior: Posterior, factor: str | None = None, draws: int = 50
) -> LearnedPopulation:
    """Return the normal distributions of the levels of a factor under posterior draws, and their average.

    The total of a level is ``mu + b_j`` with ``b_j ~ N(0, sd**2)``: under draw d, ``N(mu_d, sd_d**2)``. A level not
    seen before has the density ``mean_d N(x; mu_d, sd_d**2)``.

    Parameters
    ----------
    design : Design
    posterior : Posterior
    factor : str, optional
        The first by default.
    draws : int
        How many posterior draws to return; all where there are fewer.

    Raises
    ------
    ModelError
        If the model has no such factor or `draws` is not at least 1.
    """
    if isinstance(draws, bool) or not isinstance(draws, int) or draws < 1:
        raise ModelError(f"draws={draws!r} must be a whole number of at least 1, for example 50")
    name = pick_factor(design, factor)
    pieces = level_span(design, name)
    means = pieces.population(posterior.beta)
    sds = posterior.factors[name].sd
    picked, averaged = spaced(len(sds), draws), spaced(len(sds), AVERAGED)
    return LearnedPopulation(
        name,
        _draws(name, pieces, picked, means[picked], sds[picked]),
        _densities(name, pieces, means[averaged], sds[averaged]),
    )


def _draws(name: str, pieces: LevelSpan, picked: np.ndarray, means: Floats, sds: Floats) -> pd.DataFrame:
    k = len(pieces.terms)
    return pd.DataFrame(
        {
            "group": name,
            "term": np.tile(np.asarray(pieces.terms, dtype=object), len(picked)),
            "draw": np.repeat(picked, k),
            "mean": means.reshape(-1),
            "sd": sds.reshape(-1),
        }
    )


def _densities(name: str, pieces: LevelSpan, means: Floats, sds: Floats) -> pd.DataFrame:
    parts = []
    for i, term in enumerate(pieces.terms):
        mean, sd = means[:, i], sds[:, i]
        reach = REACH * float(np.median(sd)) + float(np.ptp(np.quantile(mean, [0.005, 0.995])))
        x = float(mean.mean()) + np.linspace(-reach, reach, POINTS)
        parts.append(pd.DataFrame({"group": name, "term": term, "x": x, "density": mixture(x, mean, sd)}))
    return pd.concat(parts, ignore_index=True)


def mixture(x: Floats, means: Floats, sds: Floats) -> Floats:
    """Return the average of the normal densities at x, in pieces; a draw without spread adds nothing beside its mean.

    >>> mixture(np.array([0.0]), np.array([0.0, 0.0]), np.array([1.0, 2.0])).round(6).tolist()
    [0.299207]
    """
    total = np.zeros(len(x))
    kept = sds > 0
    mean, sd = means[kept], sds[kept]
    for part in chunks(len(sd), len(x)):
        z = (x[None] - mean[part, None]) / sd[part, None]
        total += (np.exp(-0.5 * z * z) / sd[part, None]).sum(axis=0)
    return np.asarray(total / ROOT_TWO_PI / max(len(sds), 1))
