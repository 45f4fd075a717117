"""Draws to numbers: mean, sd, median and interval of each parameter, and how well the chains agree.

Every array has chain and draw as its first two axes.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hierbayes.errors import ModelError

Floats = NDArray[np.float64]

ESTIMATES = ["mean", "sd", "median", "lower", "upper"]
CONVERGENCE = ["ess_bulk", "ess_tail", "r_hat"]


def check_prob(ci_prob: Any) -> float:
    """Return the probability of an interval.

    Raises
    ------
    ModelError
        If it does not lie between 0 and 1.
    """
    if isinstance(ci_prob, bool) or not isinstance(ci_prob, int | float) or not 0 < ci_prob < 1:
        raise ModelError(f"ci_prob={ci_prob!r} must lie between 0 and 1, for example 0.95")
    return float(ci_prob)


def check_flag(name: str, value: Any) -> bool:
    """Return an option that is on or off.

    Raises
    ------
    ModelError
        If it is neither True nor False; it is named.
    """
    if not isinstance(value, bool | np.bool_):
        raise ModelError(f"{name}={value!r} must be True or False")
    return bool(value)


def estimates(draws: Floats, ci_prob: float) -> dict[str, Floats]:
    """Return mean, sd (ddof 1), median and the limits of the equal-tailed interval, over chains and draws."""
    tail = (1 - check_prob(ci_prob)) / 2
    flat = draws.reshape(-1, *draws.shape[2:])
    with np.errstate(over="ignore", invalid="ignore"):
        lower, median, upper = np.quantile(flat, [tail, 0.5, 1 - tail], axis=0)
    mean, sd = moments(flat)
    return {"mean": mean, "sd": sd, "median": median, "lower": lower, "upper": upper}


def moments(draws: Floats) -> tuple[Floats, Floats]:
    """Return mean and sd (ddof 1, NaN of a single draw) over the first axis, of large numbers too.

    Examples
    --------
    >>> mean, sd = moments(np.array([1e200, 2e200, 3e200]))
    >>> f"{mean:.3g} and {sd:.3g}"
    '2e+200 and 1e+200'
    """
    with np.errstate(over="ignore", invalid="ignore"):
        mean: Any = draws.mean(axis=0)
        sd: Any = draws.std(axis=0, ddof=1) if len(draws) > 1 else np.full(draws.shape[1:], np.nan)
        if len(draws) < 2 or (np.isfinite(mean).all() and np.isfinite(sd).all()):
            return mean, sd
        top = np.abs(draws).max(axis=0)
        share = draws / top
        large = np.isfinite(top) & ~(np.isfinite(mean) & np.isfinite(sd))
        sd = np.where(large, top * share.std(axis=0, ddof=1), sd)[()]
        return np.where(large, top * share.mean(axis=0), mean)[()], sd


def convergence(draws: Floats) -> dict[str, Floats]:
    """Return bulk and tail effective sample sizes and rank-normalised R-hat, from ArviZ; NaN for what does not vary."""
    from arviz_stats.base import array_stats

    flat = draws.reshape(*draws.shape[:2], -1)
    found = {name: np.full(flat.shape[2], np.nan) for name in CONVERGENCE}
    moving = np.flatnonzero(np.ptp(flat.reshape(-1, flat.shape[2]), axis=0) > 0)
    if flat.shape[1] >= 4 and moving.size:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            kept = np.ascontiguousarray(flat[:, :, moving])
            axes = {"chain_axis": 0, "draw_axis": 1}
            found["ess_bulk"][moving] = array_stats.ess(kept, method="bulk", **axes)
            found["ess_tail"][moving] = array_stats.ess(kept, method="tail", prob=(0.05, 0.95), **axes)
            if draws.shape[0] > 1:
                found["r_hat"][moving] = array_stats.rhat(kept, method="rank", **axes)
    return {name: values.reshape(draws.shape[2:]) for name, values in found.items()}


def described(draws: Floats, ci_prob: float) -> pd.DataFrame:
    """Return one row for each entry of the trailing axis, with its estimates."""
    return pd.DataFrame({name: np.atleast_1d(values) for name, values in estimates(draws, ci_prob).items()})


def share_positive(draws: Floats) -> Floats:
    """Return the share of draws (chain, draw, ...) above 0, NaN where they are NaN.

    Examples
    --------
    >>> share_positive(np.array([[[1.0, np.nan], [-1.0, np.nan]]])).tolist()
    [0.5, nan]
    """
    return np.asarray(np.where(np.isnan(draws).any(axis=(0, 1)), np.nan, (draws > 0).mean(axis=(0, 1))))


def mean_error(draws: Floats) -> float:
    """Return the Monte Carlo standard error of the mean of draws (chain, draw), from ArviZ; 0 for a constant."""
    from arviz_stats.base import array_stats

    if draws.size < 2 or np.ptp(draws) == 0:
        return 0.0 if draws.size > 1 else float("nan")
    if draws.shape[1] < 4:
        return float(draws.std(ddof=1) / np.sqrt(draws.size))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return float(array_stats.mcse(draws, method="mean", chain_axis=0, draw_axis=1))
