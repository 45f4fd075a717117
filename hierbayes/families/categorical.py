r"""The categorical family: one of several categories without an order, by multinomial logit.

The first of K categories is the reference. A row has K - 1 linear predictors, one for each other category, each the
logarithm of how much more probable that category is than the reference:

    P(y = k) = exp(eta_k) / (1 + exp(eta_2) + ... + exp(eta_K)),  k = 1, ..., K        eta_1 = 0

so that given ``y`` is k or the reference, it is k with the probability ``expit(eta_k)``. Arrays in, arrays out, with
numpy's broadcasting. The last axis of `eta` goes by the K - 1 predictors of a row; `apart` gives arrays that axis in
which the predictors of all rows lie end to end, row by row.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def apart(predictor: Any, categories: int) -> Any:
    """Return predictors that lie end to end, row by row, with an axis of their own for those of one row.

    Examples
    --------
    >>> apart(np.arange(6.0), 3).tolist()
    [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
    """
    eta = np.asarray(predictor, dtype=float)
    return eta.reshape(*eta.shape[:-1], -1, categories - 1)


def log_probabilities(eta: Any) -> Any:
    """Return the log probability of every category, the reference first; the last axis is one longer than `eta`'s.

    Examples
    --------
    >>> np.exp(log_probabilities(np.log([2.0, 5.0]))).round(6).tolist()
    [0.125, 0.25, 0.625]
    """
    eta = np.asarray(eta, dtype=float)
    whole = np.concatenate([np.zeros((*eta.shape[:-1], 1)), eta], axis=-1)
    top = whole.max(axis=-1, keepdims=True)
    return whole - top - np.log(np.exp(whole - top).sum(axis=-1, keepdims=True))


def log_probability(y: Any, eta: Any) -> Any:
    """Return the log probability of categories, numbered from 1, the reference.

    Examples
    --------
    >>> round(float(log_probability(3, np.log([2.0, 5.0]))), 6)  # log(5/8)
    -0.470004
    """
    logs = log_probabilities(eta)
    which = np.asarray(y).astype(np.int64)[..., None] - 1
    which, _ = np.broadcast_arrays(which, logs[..., :1])
    return np.take_along_axis(logs, which, axis=-1)[..., 0]


def draw(eta: Any, rng: np.random.Generator) -> Any:
    """Return one category for each row, numbered from 1, as floats.

    Each category is given a standard Gumbel number beside its predictor, and the largest sum is the draw.
    """
    logs = log_probabilities(eta)
    return 1.0 + np.argmax(logs + rng.gumbel(size=logs.shape), axis=-1).astype(float)


def score(y: Any, eta: Any) -> Any:
    """Return the derivative of `log_probability` in each predictor: 1 for that of the category, less its probability.

    Examples
    --------
    >>> score(1, np.log([2.0, 5.0])).round(6).tolist()  # of the reference
    [-0.25, -0.625]
    """
    shares = np.exp(log_probabilities(eta))[..., 1:]
    others = np.arange(2, shares.shape[-1] + 2)
    return (np.asarray(y)[..., None] == others) - shares
