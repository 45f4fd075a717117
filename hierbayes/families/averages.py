"""The mean of a response whose linear predictor is not a number but normal: group-level effects integrated out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from hierbayes.families import Family, likelihoods, ordinal

_REACH = 7.0
"""sds on either side over which the normal is summed; what lies beyond is 3e-12 of it."""
_FINE = 5
"""Halvings of the step; a normal wider than these allow is far wider than the link's own curve."""

# For a link whose inverse is a distribution function: what its argument must fall below in units of sd for the widest
# step, and the mean and variance of that distribution.
_LAWS: Mapping[str, tuple[float, float, float]] = {
    "logit": (1.7, 0.0, np.pi**2 / 3),
    "cloglog": (0.85, -0.5772156649015329, np.pi**2 / 6),
    "probit": (1.7, 0.0, 1.0),
}


def average(family: Family, predictor: Any, variance: Any, parameters: Mapping[str, Any] | None = None) -> Any:
    r"""Return ``E[mean(eta)]`` for ``eta ~ N(predictor, variance)``, elementwise; for ``binomial`` that of one trial.

    Exact for the identity, log and probit links: ``exp(predictor + variance / 2)`` and
    ``Phi(predictor / sqrt(1 + variance))``. For logit and cloglog it is the trapezoidal sum over the normal, which for
    these converges so fast that the error is below 1e-9; where the sd is above 27 the link's own curve counts as normal
    (error below 1e-5). What comes out at one element does not depend on the others.

    Parameters
    ----------
    family : Family
    predictor, variance : array
        Mean and variance (not sd) of the linear predictor.
    parameters : mapping of str to array, optional
        As for `Family.mean`.

    Examples
    --------
    >>> from hierbayes.families import family
    >>> round(float(average(family("poisson"), 0.0, 1.0)), 6)  # exp(1/2)
    1.648721
    >>> round(float(average(family("bernoulli"), 1.0, 4.0)), 6)  # below expit(1) = 0.731059
    0.647726
    """
    if family.linear:
        return np.asarray(predictor) + 0.0 * np.asarray(variance)
    if family.ordered:
        return 1.0 + sum(above for above, _ in _tails(family, predictor, variance, parameters or {}))
    if family.link in ("log", "identity"):
        return family.mean(np.asarray(predictor) + 0.5 * np.asarray(variance), parameters)
    if family.link == "probit":
        return family.inverse(np.asarray(predictor) / np.sqrt(1.0 + np.asarray(variance)))
    return _summed(family.inverse, family.link, predictor, np.sqrt(variance))


def spread(
    family: Family, predictor: Any, variance: Any, parameters: Mapping[str, Any] | None = None, trials: Any = None
) -> Any:
    r"""Return the variance of a response whose linear predictor is ``N(predictor, variance)``, elementwise.

    By the law of total variance ``E[Var(y | eta)] + Var(mean(eta))``; for ``binomial`` of the share of successes.

    Parameters
    ----------
    family, predictor, variance, parameters
        As for `average`; the gaussian's weight is 1.
    trials : array, optional
        For ``binomial``.

    Examples
    --------
    >>> from hierbayes.families import family
    >>> float(spread(family("gaussian"), 0.0, 4.0, {"sigma": 1.0}))
    5.0
    """
    own = parameters or {}
    if family.linear:
        return np.asarray(variance) + likelihoods.variance(family, predictor, own)
    if family.link == "identity":
        total = np.asarray(variance) + np.asarray(own["sigma"]) ** 2
        return np.expm1(total) * np.exp(2 * np.asarray(predictor) + total)
    if family.ordered:
        return ordinal.variance_of(_tails(family, predictor, variance, own))
    mean = average(family, predictor, variance, own)
    if family.name == "bernoulli":
        return mean * (1 - mean)
    if family.link == "log":
        square = mean**2 * np.exp(variance)
        alpha = np.asarray(own["alpha"]) if "alpha" in family.parameters else np.inf
        return (0.0 if family.name == "gamma" else mean) + square / alpha + square - mean**2
    square = _summed(lambda eta: family.inverse(eta) ** 2, family.link, predictor, np.sqrt(variance))
    return (mean - square) / (trials if family.name == "binomial" else 1 + np.asarray(own["kappa"])) + square - mean**2


def category_average(
    family: Family, category: int, predictor: Any, variance: Any, parameters: Mapping[str, Any] | None = None
) -> Any:
    """Return the probability of one category of an ordinal response, averaged over ``eta ~ N(predictor, variance)``.

    Examples
    --------
    >>> three = Family("ordinal", "probit", 3)
    >>> shares = [category_average(three, k, 0.0, 3.0, {"gap_2": 2.0}) for k in (1, 2, 3)]
    >>> [round(float(share), 6) for share in shares]  # Phi(0), Phi(1) - Phi(0) and 1 - Phi(1), for sqrt(1 + 3) = 2
    [0.5, 0.341345, 0.158655]
    """
    found = list(_tails(family, predictor, variance, parameters or {}))
    if category in (1, family.categories):
        return found[0][1] if category == 1 else found[-1][0]
    return np.maximum(found[category - 2][0] - found[category - 1][0], 0.0)


def _tails(family: Family, predictor: Any, variance: Any, own: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    """Yield ``P(y > k)`` and ``P(y <= k)`` of an ordered response, averaged over a normal linear predictor."""
    above = Family("bernoulli", family.link)
    for cut in ordinal.cuts(ordinal.gaps_of(own, family.categories)):
        distance = np.asarray(predictor) - cut
        yield average(above, distance, variance), average(above, -distance, variance)


def mean_slope(family: Family, predictor: Any, parameters: Mapping[str, Any] | None = None) -> Any:
    """Return the derivative of `Family.mean` in the linear predictor, elementwise.

    Examples
    --------
    >>> from hierbayes.families import family
    >>> float(mean_slope(family("bernoulli"), 0.0)), float(mean_slope(family("gaussian"), 3.0))
    (0.25, 1.0)
    """
    eta = np.asarray(predictor, dtype=float)
    if family.linear:
        return np.ones_like(eta)
    if family.ordered:
        gaps = ordinal.gaps_of(parameters or {}, family.categories)
        return sum(_SLOPES[family.link](eta - cut) for cut in ordinal.cuts(gaps))
    if family.link in ("log", "identity"):
        shift = (parameters or {}).get("shift", 0.0) if family.name == "shifted_lognormal" else 0.0
        return family.mean(eta, parameters) - shift
    return _SLOPES[family.link](eta)


def _logistic_slope(eta: Any) -> Any:
    from scipy.special import expit

    return expit(eta) * expit(-eta)


_SLOPES: Mapping[str, Callable[[Any], Any]] = {
    "logit": _logistic_slope,
    "probit": lambda eta: np.exp(-0.5 * eta**2) / np.sqrt(2 * np.pi),
    "cloglog": lambda eta: np.exp(np.minimum(eta, 700.0) - np.exp(np.minimum(eta, 700.0))),
}


def _summed(inverse: Callable[[Any], Any], link: str, predictor: Any, sd: Any) -> Any:
    widest, centre, own = _LAWS[link]
    predictor, sd = np.broadcast_arrays(np.asarray(predictor, dtype=float), np.asarray(sd, dtype=float))
    halvings = np.ceil(np.log2(np.maximum(sd / widest, 1.0))).astype(np.int64)
    found = np.empty(predictor.shape)
    for level in np.unique(halvings):
        here = halvings == level
        if level > _FINE:
            from scipy.special import ndtr

            found[here] = ndtr((predictor[here] - centre) / np.sqrt(sd[here] ** 2 + own))
        else:
            found[here] = _trapezoid(inverse, predictor[here], sd[here], 0.5 / 2**level)
    return found


def _trapezoid(inverse: Callable[[Any], Any], predictor: Any, sd: Any, step: float) -> Any:
    nodes = step * np.arange(-round(_REACH / step), round(_REACH / step) + 1)
    weights = np.exp(-0.5 * nodes**2)
    weights /= weights.sum()
    found = np.zeros_like(predictor)
    for node, weight in zip(nodes, weights, strict=True):
        found += weight * inverse(predictor + node * sd)
    return found
