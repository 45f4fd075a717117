"""Draws of rows to mean, sd, median and interval of each row."""

from __future__ import annotations

import numpy as np

from hierbayes.design.table import Floats


@np.errstate(over="ignore", invalid="ignore")
def row_estimates(draws: Floats, work: Floats, ci_prob: float) -> Floats:
    """Return mean, sd (ddof 1), median and the limits of the equal-tailed interval of each row.

    Parameters
    ----------
    draws : array, shape (m, S)
        Overwritten: afterwards each row holds its draws in another order.
    work : array, shape (m, S)
        Overwritten.
    ci_prob : float

    Returns
    -------
    array, shape (5, m)
        Each row's numbers depend on that row alone, to the last bit.
    """
    m, size = draws.shape
    found = np.full((5, m), np.nan)
    np.add.reduce(draws, axis=1, out=found[0])
    found[0] /= size
    if size > 1:
        np.subtract(draws, found[0][:, None], out=work)
        np.multiply(work, work, out=work)
        found[1] = np.sqrt(np.add.reduce(work, axis=1) / (size - 1))
    tail = (1 - ci_prob) / 2
    found[2:] = _quantiles(draws, (0.5, tail, 1 - tail))
    lost = np.flatnonzero(~np.isfinite(found[:2]).all(axis=0) & (size > 1))
    if lost.size:
        found[:2, lost] = _large_moments(draws[lost])
    return found


def _large_moments(draws: Floats) -> Floats:
    """Return mean and sd of rows whose sums or squares are beyond the largest double, though they need not be.

    Of draws that are infinite themselves the mean is, and the sd is not a number.
    """
    top = np.abs(draws).max(axis=1)
    share = draws / top[:, None]
    mean = np.where(np.isfinite(top), top * share.mean(axis=1), draws.mean(axis=1))
    return np.stack([mean, top * share.std(axis=1, ddof=1)])


def _quantiles(draws: Floats, probs: tuple[float, ...]) -> Floats:
    """Return quantiles by linear interpolation, numpy's and R's default, sorting no more than they need."""
    size = draws.shape[1]
    places = [(size - 1) * prob for prob in probs]
    below = [min(int(place), size - 1) for place in places]
    above = [min(low + 1, size - 1) for low in below]
    draws.partition(sorted({*below, *above}), axis=1)
    return np.stack(
        [
            _between(draws[:, low], draws[:, high], place - low)
            for place, low, high in zip(places, below, above, strict=True)
        ]
    )


def _between(low: Floats, high: Floats, share: float) -> Floats:
    # from the nearer end, as numpy does, so that the result cannot leave [low, high] by rounding
    gap = high - low
    found = low + gap * share if share < 0.5 else high - gap * (1 - share)
    if np.isfinite(gap).all():
        return found
    # what is infinite has no gap, and a gap beyond the largest double is no number to take a share of
    apart = np.where(share == 0, low, low * (1 - share) + high * share)
    return np.where(np.isfinite(gap), found, np.where(low == high, low, apart))
