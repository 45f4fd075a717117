"""The score of one response and the information in it, both about its linear predictor, for every family."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy.special import expit, log_ndtr, polygamma, psi

from hierbayes.families import Family, categorical, ordinal
from hierbayes.families.averages import mean_slope
from hierbayes.families.likelihoods import Parameters, log_likelihood, shares, variance


def score(
    family: Family, y: Any, predictor: Any, parameters: Parameters, weights: Any = 1.0, trials: Any = None
) -> Any:
    """Return the derivative of `hierbayes.families.likelihoods.log_likelihood` in the linear predictor, elementwise.

    For ``categorical`` it is that in each of a row's predictors, which lie as there.

    Examples
    --------
    >>> from hierbayes.families import family
    >>> float(score(family("poisson"), 3.0, 0.0, {}))
    2.0
    """
    eta, value = np.asarray(predictor, dtype=float), np.asarray(y, dtype=float)
    if family.unordered:
        slopes = categorical.score(value, categorical.apart(eta, family.categories))
        weighted = np.asarray(weights)[..., None] * slopes
        return weighted.reshape(*weighted.shape[:-2], -1)
    if family.name in ("bernoulli", "binomial"):
        success, failure = _share_slopes(family.link, eta)
        rest = (1.0 if trials is None else np.asarray(trials, dtype=float)) - value
        return weights * (value * success + rest * failure)
    if family.name in ("poisson", "negative_binomial", "gamma"):
        mu = np.exp(np.minimum(eta, 700.0))
        return weights * (value - mu) * mu / variance(family, eta, parameters)
    return weights * _SCORES[family.name](family, value, eta, parameters)


def information(family: Family, predictor: Any, parameters: Parameters, weights: Any = 1.0, trials: Any = None) -> Any:
    """Return the Fisher information of one response about its linear predictor, elementwise.

    For the ex-Gaussian, whose information has no closed form, it is ``1 / (sigma**2 + nu**2)``, a little less. Not for
    ``categorical``, where it is a matrix: see `informed`.

    Examples
    --------
    >>> from hierbayes.families import family
    >>> float(information(family("binomial"), 0.0, {}, trials=8))
    2.0
    """
    eta = np.asarray(predictor, dtype=float)
    if family.name in ("bernoulli", "binomial"):
        success, failure = _share_slopes(family.link, eta)
        return weights * (1.0 if trials is None else np.asarray(trials)) * -(success * failure)
    if family.name in ("poisson", "negative_binomial", "gamma"):
        mu = np.exp(np.minimum(eta, 340.0))
        return weights * mu**2 / variance(family, np.minimum(eta, 340.0), parameters)
    return weights * _INFORMATION[family.name](family, eta, parameters)


def informed(
    family: Family, predictor: Any, columns: Any, parameters: Parameters, weights: Any = 1.0, trials: Any = None
) -> Any:
    """Return the Fisher information of the responses about their predictors, times columns.

    It is diagonal, but for ``categorical``: there that of a row about its K - 1 predictors is ``diag(p) - p p'``, with
    p the probabilities of the categories.

    Parameters
    ----------
    family, predictor, parameters, weights, trials
        As for `information`; the last axis of `predictor` goes by predictors.
    columns : array, shape (..., predictors, q)

    Examples
    --------
    >>> from hierbayes.families import Family
    >>> three = Family("categorical", "logit", 3)
    >>> informed(three, np.log([2.0, 5.0]), np.eye(2), {}).round(6).tolist()
    [[0.1875, -0.15625], [-0.15625, 0.234375]]
    """
    if not family.unordered:
        known = information(family, predictor, parameters, weights, trials)
        return columns * np.broadcast_to(known, np.shape(columns)[:-1])[..., None]
    shares = np.exp(categorical.log_probabilities(categorical.apart(predictor, family.categories)))[..., 1:]
    own = np.asarray(columns)
    own = own.reshape(*own.shape[:-2], *shares.shape[-2:], own.shape[-1])
    scaled = shares[..., None] * own
    known = np.asarray(weights)[..., None, None] * (scaled - shares[..., None] * scaled.sum(axis=-2, keepdims=True))
    return known.reshape(*known.shape[:-3], -1, own.shape[-1])


def _share_slopes(link: str, eta: Any) -> tuple[Any, Any]:
    """Return the derivatives of ``log p`` and of ``log (1 - p)``."""
    if link == "logit":
        return expit(-eta), -expit(eta)
    if link == "probit":
        log_density = -0.5 * eta**2 - 0.5 * np.log(2 * np.pi)
        return np.exp(log_density - log_ndtr(eta)), -np.exp(log_density - log_ndtr(-eta))
    hazard = np.exp(np.clip(eta, -300.0, 300.0))
    return hazard * np.exp(-hazard) / -np.expm1(-hazard), -hazard


def _student_score(family: Family, y: Any, eta: Any, own: Parameters) -> Any:
    gap, nu = y - eta, np.asarray(own["nu"])
    return (nu + 1) * gap / (nu * np.asarray(own["sigma"]) ** 2 + gap**2)


def _log_score(family: Family, y: Any, eta: Any, own: Parameters) -> Any:
    above = y - np.asarray(own["shift"]) if family.name == "shifted_lognormal" else y
    return (np.log(above) - eta) / np.asarray(own["sigma"]) ** 2


def _exgaussian_score(family: Family, y: Any, eta: Any, own: Parameters) -> Any:
    step = 1e-4 * np.asarray(own["sigma"])
    ends = (log_likelihood(family, y, eta + sign * step, own) for sign in (1, -1))
    return (next(ends) - next(ends)) / (2 * step)


def _beta_score(family: Family, y: Any, eta: Any, own: Parameters) -> Any:
    kappa = np.asarray(own["kappa"])
    success, failure = shares(family.link, eta)
    gap = np.log(y) - np.log1p(-y) - psi(success * kappa) + psi(failure * kappa)
    return kappa * gap * mean_slope(family, eta)


def _beta_information(family: Family, eta: Any, own: Parameters) -> Any:
    kappa = np.asarray(own["kappa"])
    success, failure = shares(family.link, eta)
    both = polygamma(1, success * kappa) + polygamma(1, failure * kappa)
    return (kappa * mean_slope(family, eta)) ** 2 * both


_SCORES: Mapping[str, Callable[[Family, Any, Any, Parameters], Any]] = {
    "gaussian": lambda f, y, eta, own: (y - eta) / np.asarray(own["sigma"]) ** 2,
    "student_t": _student_score,
    "lognormal": _log_score,
    "shifted_lognormal": _log_score,
    "exgaussian": _exgaussian_score,
    "beta": _beta_score,
    "ordinal": lambda f, y, eta, own: ordinal.score(f.link, y, eta, ordinal.gaps_of(own, f.categories)),
}

_INFORMATION: Mapping[str, Callable[[Family, Any, Parameters], Any]] = {
    "gaussian": lambda f, eta, own: 1 / np.asarray(own["sigma"]) ** 2 + 0 * eta,
    "student_t": lambda f, eta, own: (own["nu"] + 1) / ((own["nu"] + 3) * np.asarray(own["sigma"]) ** 2) + 0 * eta,
    "lognormal": lambda f, eta, own: 1 / np.asarray(own["sigma"]) ** 2 + 0 * eta,
    "shifted_lognormal": lambda f, eta, own: 1 / np.asarray(own["sigma"]) ** 2 + 0 * eta,
    "exgaussian": lambda f, eta, own: 1 / variance(f, eta, own),
    "beta": _beta_information,
    "ordinal": lambda f, eta, own: ordinal.information(f.link, eta, ordinal.gaps_of(own, f.categories)),
}
