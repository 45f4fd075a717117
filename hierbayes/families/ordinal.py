r"""The ordinal family: one latent variable, cut into ordered categories.

A row with the linear predictor ``eta`` has the latent variable ``eta + e``, with e logistic (link logit) or standard
normal (probit) of the distribution function F. Its category, scored 1 to K, is the number of thresholds below the
latent variable, and one:

    P(y <= k) = F(c_k - eta),  k = 1, ..., K - 1        c_1 = 0,  c_k = gap_2 + ... + gap_k

so that ``gap_k > 0`` is the width of category k on the latent scale, and the intercept of eta is minus the first
threshold of software that has no intercept. Arrays in, arrays out, with numpy's broadcasting.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

_HALF_LOG_2PI = 0.5 * np.log(2 * np.pi)


def gap_names(categories: int) -> tuple[str, ...]:
    """Return the names of the gaps between the thresholds of so many categories.

    Examples
    --------
    >>> gap_names(5)
    ('gap_2', 'gap_3', 'gap_4')
    """
    return tuple(f"gap_{k}" for k in range(2, categories))


def gaps_of(own: Mapping[str, Any], categories: int) -> list[Any]:
    """Return the gaps out of the parameters of a family, as arrays, in their order."""
    return [np.asarray(own[name], dtype=float) for name in gap_names(categories)]


def cuts(gaps: Sequence[Any]) -> Iterator[Any]:
    """Yield the thresholds ``c_1 = 0, c_2, ...``, the running sums of the gaps.

    Examples
    --------
    >>> [float(cut) for cut in cuts([1.5, 2.0])]
    [0.0, 1.5, 3.5]
    """
    cut: Any = 0.0
    yield cut
    for gap in gaps:
        cut = cut + gap
        yield cut


def tails(link: str, eta: Any, gaps: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield ``P(y > k)`` and ``P(y <= k)`` for k from 1, each exact where it is small.

    Examples
    --------
    >>> [(float(above), float(below)) for above, below in tails("logit", 0.0, [])]
    [(0.5, 0.5)]
    """
    share = _share(link)
    for cut in cuts(gaps):
        yield share(eta - cut), share(cut - eta)


def mean(link: str, eta: Any, gaps: Sequence[Any]) -> Any:
    """Return the expected score, ``1 + sum_k P(y > k)``: between 1 and K.

    Examples
    --------
    >>> float(mean("logit", 0.0, [0.0, 0.0]))  # half of the rows in category 1, half in category 4
    2.5
    """
    return 1.0 + sum(above for above, _ in tails(link, np.asarray(eta, dtype=float), gaps))


def variance_of(found: Iterator[tuple[Any, Any]]) -> Any:
    """Return the variance of a score from its `tails`: the covariances of ``y > j`` and ``y > k``, all summed.

    Each is ``P(y > max(j, k)) P(y <= min(j, k))``, and not negative: nothing cancels where the score is nearly certain.
    """
    total: Any = 0.0
    below_before: Any = 0.0
    for above, below in found:
        total = total + above * (below + 2 * below_before)
        below_before = below_before + below
    return total


def log_probability(link: str, y: Any, eta: Any, gaps: Sequence[Any]) -> Any:
    """Return the log probability of scores, without cancellation in either tail.

    Examples
    --------
    >>> round(float(log_probability("logit", 2, 0.0, [1.0, 1.0])), 4)  # log(expit(1) - expit(0))
    -1.4651
    >>> round(float(log_probability("probit", 2, 40.0, [1.0, 1.0])), 4)  # log(Phi(-39) - Phi(-40))
    -765.0832
    """
    lower, upper, width = limits(y, gaps)
    eta = np.asarray(eta, dtype=float)
    return _between(link, lower - eta, upper - eta, width)


def probabilities(link: str, eta: Any, gaps: Sequence[Any]) -> Iterator[Any]:
    """Yield the probability of each category, in order."""
    for score in range(1, len(gaps) + 3):
        yield np.exp(log_probability(link, score, eta, gaps))


def limits(y: Any, gaps: Sequence[Any]) -> tuple[Any, Any, Any]:
    """Return the thresholds below and above each score, infinite at either end, and how far they are apart."""
    y = np.asarray(y)
    lower: Any = -np.inf
    upper: Any = np.inf
    width: Any = np.inf
    for k, cut in enumerate(cuts(gaps), start=1):
        upper = np.where(y == k, cut, upper)
        lower = np.where(y == k + 1, cut, lower)
        # the gap itself, not the difference of two sums in which a small one would be lost
        width = width if k == 1 else np.where(y == k, gaps[k - 2], width)
    return lower, upper, width


def _between(link: str, a: Any, b: Any, width: Any) -> Any:
    """Return ``log(F(b) - F(a))`` with ``width = b - a``."""
    from scipy.special import log_expit, log_ndtr

    with np.errstate(divide="ignore"):
        if link == "logit":
            return log_expit(b) + log_expit(-a) + np.log(-np.expm1(-width))
        # to the side of the smaller tail, where the two logarithms are far apart
        flip = a + b > 0
        a, b = np.where(flip, -b, a), np.where(flip, -a, b)
        top = log_ndtr(b)
        return top + np.log(-np.expm1(log_ndtr(a) - top))


def draw(link: str, eta: Any, gaps: Sequence[Any], rng: np.random.Generator) -> Any:
    """Return one score at every linear predictor, as floats: the latent variable is drawn and cut."""
    eta = np.asarray(eta, dtype=float)
    latent = eta + (rng.logistic(size=eta.shape) if link == "logit" else rng.standard_normal(eta.shape))
    return 1.0 + sum((latent > cut).astype(float) for cut in cuts(gaps))


def score(link: str, y: Any, eta: Any, gaps: Sequence[Any]) -> Any:
    """Return the derivative of `log_probability` in the linear predictor."""
    from scipy.special import expit

    lower, upper, width = limits(y, gaps)
    eta = np.asarray(eta, dtype=float)
    a, b = lower - eta, upper - eta
    if link == "logit":
        return expit(a) - expit(-b)
    log_p = _between(link, a, b, width)
    return np.exp(-0.5 * a**2 - _HALF_LOG_2PI - log_p) - np.exp(-0.5 * b**2 - _HALF_LOG_2PI - log_p)


def information(link: str, eta: Any, gaps: Sequence[Any]) -> Any:
    """Return the Fisher information of one score about the linear predictor: the mean of the squared derivative."""
    each = enumerate(probabilities(link, eta, gaps), start=1)
    return sum(probability * score(link, y, eta, gaps) ** 2 for y, probability in each)


def _share(link: str) -> Any:
    from scipy.special import expit, ndtr

    return expit if link == "logit" else ndtr
