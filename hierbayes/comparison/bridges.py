"""The optimal bridge between two densities known up to their constants, and its errors."""

# mypy: allow-untyped-calls
from __future__ import annotations

import numpy as np

from hierbayes.engines.base import Floats
from hierbayes.errors import SamplingError


def bridge(ratio: Floats, proposed: Floats, n1: float, n2: float) -> tuple[float, Floats, Floats]:
    """Return ``log r``, r the ratio of the constants of q and g, and what the two means are taken of.

    Meng and Wong's (1996) estimator, ``r = mean_g[w / (s1 w + s2 r)] / mean_q[1 / (s1 w + s2 r)]`` with ``w = q / g``,
    iterated until it stays.

    Parameters
    ----------
    ratio : array
        ``log q - log g`` at draws from q.
    proposed : array
        The same at draws from g.
    n1, n2 : float
        Effective number of draws from q and from g.

    Returns
    -------
    log_r : float
    below, above : array
        Values at `ratio` and at `proposed`, whose means are the denominator and the numerator.

    Raises
    ------
    SamplingError
        If the two do not overlap.
    """
    s1 = n1 / (n1 + n2)
    middle = float(np.median(ratio))
    q1, q2 = np.exp(np.minimum(ratio - middle, 600.0)), np.exp(np.minimum(proposed - middle, 600.0))
    r = 1.0
    for _ in range(1000):
        above = q2 / (s1 * q2 + (1 - s1) * r)
        below = 1 / (s1 * q1 + (1 - s1) * r)
        before, r = r, float(above.mean() / below.mean())
        if not (np.isfinite(r) and r > 0):
            raise SamplingError("bridge sampling found no overlap between two densities", "take more draws")
        if abs(r / before - 1) < 1e-12:
            break
    return middle + float(np.log(r)), below, above


def relative_error(values: Floats) -> float:
    """Return the Monte Carlo standard error of a mean over its size; chains of draws, shape (chains, draws)."""
    if np.ptp(values) == 0:
        return 0.0
    return float(values.std(ddof=1) / values.mean() / np.sqrt(effective(values)))


def effective(values: Floats) -> float:
    """Return the number of effective draws of a mean, at most their number; shape (chains, draws)."""
    from arviz_stats.base import array_stats

    if values.shape[1] < 4 or np.ptp(values) == 0:
        return float(values.size)
    found = float(array_stats.ess(values, method="mean", chain_axis=0, draw_axis=1))
    return float(np.clip(found, 1.0, values.size)) if np.isfinite(found) else float(values.size)
