"""The sd of the population that a batch of effects was drawn from, after the effects themselves have been estimated."""

from __future__ import annotations

import numpy as np

from hierbayes.design.table import Floats

_POINTS = 500
_DEPTH = 30.0
"""What lies this far below the highest log density is left out."""


def batch_sd(squares: Floats, df: int, scale: float, probs: Floats) -> Floats:
    """Return quantiles of the sd of a batch that was sampled as fixed, had it been normal with an unknown sd.

    The batch has `df` effects free of each other, ``N(0, s**2)`` each. Where the draws come from a flat prior on them,
    the posterior of s is proportional to its prior times the mean over draws of ``s**-df exp(-squares / (2 s**2))``.
    The prior of s is that of a group-level sd, half-Student-t with 3 degrees of freedom.

    Parameters
    ----------
    squares : array, shape (draws,)
        Sum of squares of the batch's effects.
    df : int
    scale : float
        Scale of the prior, in the units of the effects.
    probs : array
        Probabilities of the quantiles.
    """
    typical = max(float(np.sqrt(np.median(squares) / df)), 1e-6 * scale)
    log_s = np.linspace(np.log(1e-4 * min(typical, scale)), np.log(1e4 * max(typical, scale)), _POINTS)
    for _ in range(2):
        density = _log_density(log_s, squares, df, scale)
        held = np.flatnonzero(density > density.max() - _DEPTH)
        low, high = max(held[0] - 1, 0), min(held[-1] + 1, _POINTS - 1)
        log_s = np.linspace(log_s[low], log_s[high], _POINTS)
    density = _log_density(log_s, squares, df, scale)
    mass = np.exp(density - density.max())
    steps = np.concatenate([[0.0], np.cumsum(0.5 * (mass[1:] + mass[:-1]))])
    return np.asarray(np.exp(np.interp(probs, steps / steps[-1], log_s)))


def _log_density(log_s: Floats, squares: Floats, df: int, scale: float) -> Floats:
    """Return the log density of log s, up to a constant."""
    from scipy.special import logsumexp

    s2 = np.exp(2 * log_s)
    likelihood = logsumexp(-squares[:, None] / (2 * s2), axis=0) - df * log_s
    return np.asarray(likelihood + log_s - 2 * np.log1p(s2 / (3 * scale**2)))
