r"""What one response is like at its linear predictor: log density, draws and variance, for every family.

Arrays in, arrays out, elementwise with numpy's broadcasting: the same functions serve one row, all rows at one draw,
and all draws of a row. The parametrisations are PyMC's; the tables below read as the formulas in the docstrings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy.special import betaln, erfcx, gammaln, log_expit, log_ndtr, xlogy

from hierbayes.errors import ModelError
from hierbayes.families import NO_MEAN, Family, categorical, ordinal

Parameters = Mapping[str, Any]

_LOG_2PI = np.log(2 * np.pi)
_EXPONENT = 700.0
"""The largest exponent of a mean that is taken; beyond it exp is no longer a finite double."""
_PENALTY = 500.0
"""The largest exponent in a log density: -1e217 is as good as -inf, and stays finite when multiplied and added."""
_TINY = 1e-300
_COUNTABLE = 1e15
"""Above it a Poisson count is no longer a whole number of a double's precision; a normal draw stands in for it."""


def log_likelihood(
    family: Family, y: Any, predictor: Any, parameters: Parameters, weights: Any = 1.0, trials: Any = None
) -> Any:
    r"""Return the log density or log probability of responses, every constant included.

    With the location ``mu`` (the inverse link of the predictor) and, for the log-normals, the predictor ``eta`` itself:
    ``Normal(mu, sigma / sqrt(weight))``, ``StudentT(nu, mu, sigma)``, ``Bernoulli(mu)``, ``Binomial(trials, mu)``,
    ``Poisson(mu)``, ``NegativeBinomial(mu, alpha)`` of variance ``mu + mu**2 / alpha``, ``Gamma(alpha, alpha / mu)``
    (shape and rate), ``LogNormal(eta, sigma)`` of ``y`` or of ``y - shift``, ``ExGaussian(mu - nu, sigma, nu)`` and
    ``Beta(mu kappa, (1 - mu) kappa)``; for ``ordinal`` the score y has ``P(y <= k) = F(c_k - eta)``, see
    `hierbayes.families.ordinal`; for ``categorical`` ``P(y = k)`` is the share of ``exp(eta_k)``, see
    `hierbayes.families.categorical`.

    Parameters
    ----------
    family : Family
    y : array
        Responses: 0 and 1 for ``bernoulli``, successes for ``binomial``, numbers of categories from 1 for ``ordinal``
        and ``categorical``. A value that the family does not allow is not told from others, but for one at or below
        the shift of a log-normal: its log density is -inf.
    predictor : array
        Linear predictor, on the scale of the link. For ``categorical`` its last axis goes by rows, the K - 1 predictors
        of each end to end, and so K - 1 times as long as that of the result.
    parameters : mapping of str to array
        The family's parameters (`Family.parameters`) by their names; sds and shapes, not variances.
    weights : array
        For the gaussian the residual variance is ``sigma**2 / weight``; for all others the log density is multiplied by
        the weight.
    trials : array, optional
        Number of trials; for ``binomial`` only, which needs it.

    Returns
    -------
    array
        Of the shape to which all of them broadcast (see `predictor` for ``categorical``). Finite at predictors of any
        size that a sampler can meet: an exponent above 500, where the log density is below -1e217, counts as 500.

    Examples
    --------
    >>> from hierbayes.families import family
    >>> round(float(log_likelihood(family("poisson"), 2, 0.0, {})), 4)
    -1.6931
    >>> round(float(log_likelihood(family("gaussian"), 1.0, 0.0, {"sigma": 2.0}, weights=4.0)), 4)
    -1.4189
    """
    eta = np.asarray(predictor, dtype=float)
    value = np.asarray(y, dtype=float)
    if family.name == "gaussian":
        return _normal(value, eta, np.asarray(parameters["sigma"]) / np.sqrt(weights))
    if family.unordered:
        return np.multiply(weights, categorical.log_probability(value, categorical.apart(eta, family.categories)))
    return np.multiply(weights, _LOG_DENSITIES[family.name](family, value, eta, parameters, trials))


def draw(
    family: Family,
    predictor: Any,
    parameters: Parameters,
    rng: np.random.Generator,
    weights: Any = 1.0,
    trials: Any = None,
) -> Any:
    """Draw one response at every linear predictor.

    Parameters
    ----------
    family, predictor, parameters, trials
        As for `log_likelihood`.
    rng : numpy.random.Generator
    weights : array
        For the gaussian the residual variance is ``sigma**2 / weight``. For others a weight says how many rows like
        this there are, and does not change what one of them is like.

    Returns
    -------
    array of float
        Responses, of the shape to which predictor and parameters broadcast: 0 or 1 for ``bernoulli``, the number of
        successes for ``binomial``, the number of the category for ``ordinal`` and ``categorical``.

    Examples
    --------
    >>> from hierbayes.families import family
    >>> import numpy as np
    >>> draw(family("binomial"), np.zeros(3), {}, np.random.default_rng(1), trials=10).shape
    (3,)
    """
    eta = np.asarray(predictor, dtype=float)
    if family.name == "gaussian":
        sd = np.asarray(parameters["sigma"]) / np.sqrt(weights)
        return eta + sd * rng.standard_normal(np.broadcast_shapes(eta.shape, np.shape(sd)))
    if family.unordered:
        return categorical.draw(categorical.apart(eta, family.categories), rng)
    given = [np.shape(parameters[name]) for name in family.parameters]
    shape = np.broadcast_shapes(eta.shape, np.shape(trials) if family.name == "binomial" else (), *given)
    return _DRAWS[family.name](family, np.broadcast_to(eta, shape), parameters, rng, trials)


def variance(family: Family, predictor: Any, parameters: Parameters, weights: Any = 1.0, trials: Any = None) -> Any:
    """Return the variance (not the sd) of the response at a linear predictor, elementwise.

    Parameters
    ----------
    family, predictor, parameters, trials
        As for `log_likelihood`.
    weights : array
        As for `draw`: ``sigma**2 / weight`` for the gaussian, without effect for others.

    Returns
    -------
    array
        In squared units of the response; of the count of successes for ``binomial``. Infinite for a ``student_t`` with
        two degrees of freedom or fewer.

    Raises
    ------
    ModelError
        For ``categorical``, whose response has no variance.

    Examples
    --------
    >>> from hierbayes.families import family
    >>> float(variance(family("negative_binomial"), 0.0, {"alpha": 2.0}))
    1.5
    >>> float(variance(family("bernoulli"), 0.0, {}))
    0.25
    """
    eta = np.asarray(predictor, dtype=float)
    if family.name == "gaussian":
        return np.asarray(parameters["sigma"]) ** 2 / weights + 0 * eta
    if family.unordered:
        raise ModelError(NO_MEAN.replace("mean", "variance"))
    return _VARIANCES[family.name](family, eta, parameters, trials)


def shares(link: str, predictor: Any) -> tuple[Any, Any]:
    """Return the probabilities of success and of failure at a linear predictor, each exact where it is small.

    Examples
    --------
    >>> [float(f"{share:.3g}") for share in shares("logit", 50.0)]
    [1.0, 1.93e-22]
    """
    logs = log_shares(link, predictor)
    return np.exp(logs[0]), np.exp(logs[1])


def log_shares(link: str, predictor: Any) -> tuple[Any, Any]:
    """Return the logarithms of the probabilities of success and of failure at a linear predictor."""
    if link == "logit":
        return log_expit(predictor), log_expit(np.negative(predictor))
    if link == "probit":
        return log_ndtr(predictor), log_ndtr(np.negative(predictor))
    hazard = np.maximum(_exp(predictor, _PENALTY), _TINY)
    # log(1 - exp(-hazard)): the first form loses small hazards, the second large ones; log of a tiny hazard is eta
    small = np.minimum(predictor, 0.0) + np.log(-np.expm1(-hazard) / hazard)
    large = np.log1p(-np.exp(-np.maximum(hazard, 1.0)))
    return np.where(np.less(predictor, 0), small, large), -hazard


def _exp(exponent: Any, most: float = _EXPONENT) -> Any:
    return np.exp(np.minimum(exponent, most))


def _normal(y: Any, mu: Any, sd: Any) -> Any:
    return -0.5 * _LOG_2PI - np.log(sd) - 0.5 * ((y - mu) / sd) ** 2


def _student_t(family: Family, y: Any, eta: Any, own: Parameters, trials: Any) -> Any:
    sigma, nu = np.asarray(own["sigma"]), np.asarray(own["nu"])
    square = ((y - eta) / sigma) ** 2
    # betaln, not a difference of two gammaln, holds for any nu
    return -betaln(0.5, nu / 2) - 0.5 * np.log(nu) - np.log(sigma) - 0.5 * (nu + 1) * np.log1p(square / nu)


def _bernoulli(family: Family, y: Any, eta: Any, own: Parameters, trials: Any) -> Any:
    success, failure = log_shares(family.link, eta)
    return y * success + (1 - y) * failure


def _binomial(family: Family, y: Any, eta: Any, own: Parameters, trials: Any) -> Any:
    success, failure = log_shares(family.link, eta)
    rest = np.asarray(trials, dtype=float) - y
    return y * success + rest * failure - np.log1p(y + rest) - betaln(y + 1, rest + 1)


def _poisson(family: Family, y: Any, eta: Any, own: Parameters, trials: Any) -> Any:
    return y * eta - _exp(eta, _PENALTY) - gammaln(y + 1)


def _negative_binomial(family: Family, y: Any, eta: Any, own: Parameters, trials: Any) -> Any:
    alpha = np.asarray(own["alpha"], dtype=float)
    ratio = eta - np.log(alpha)
    # log choose(y + alpha - 1, y), written so that a large alpha cancels nothing
    choose = -betaln(y + 1, alpha) - np.log(y + alpha)
    return choose + y * log_expit(ratio) + alpha * log_expit(-ratio)


def _gamma(family: Family, y: Any, eta: Any, own: Parameters, trials: Any) -> Any:
    alpha = np.asarray(own["alpha"], dtype=float)
    return alpha * (np.log(alpha) - eta - y * _exp(-eta, _PENALTY)) + xlogy(alpha - 1, y) - gammaln(alpha)


def _lognormal(family: Family, y: Any, eta: Any, own: Parameters, trials: Any) -> Any:
    above = y - np.asarray(own["shift"]) if family.name == "shifted_lognormal" else y
    logs = np.log(np.where(above > 0, above, 1.0))
    return np.where(above > 0, _normal(logs, eta, np.asarray(own["sigma"])) - logs, -np.inf)


def _exgaussian(family: Family, y: Any, eta: Any, own: Parameters, trials: Any) -> Any:
    sigma, nu = np.asarray(own["sigma"]), np.asarray(own["nu"])
    z, k = (y - eta + nu) / sigma, sigma / nu
    # two forms of one formula: in the lower tail k**2 / 2 would cancel against log_ndtr, in the upper erfcx overflows
    lower = -0.5 * z**2 + np.log(0.5 * erfcx(np.maximum(k - z, 0.0) / np.sqrt(2)))
    upper = 0.5 * k**2 - z * k + log_ndtr(np.maximum(z - k, 0.0))
    return np.where(z < k, lower, upper) - np.log(nu)


def _beta(family: Family, y: Any, eta: Any, own: Parameters, trials: Any) -> Any:
    a, b = _shapes(family, eta, own)
    return xlogy(a - 1, y) + (b - 1) * np.log1p(-y) - betaln(a, b)


def _ordinal(family: Family, y: Any, eta: Any, own: Parameters, trials: Any) -> Any:
    return ordinal.log_probability(family.link, y, eta, ordinal.gaps_of(own, family.categories))


def _shapes(family: Family, eta: Any, own: Parameters) -> tuple[Any, Any]:
    success, failure = shares(family.link, eta)
    kappa = np.asarray(own["kappa"])
    return np.maximum(success * kappa, _TINY), np.maximum(failure * kappa, _TINY)


_LOG_DENSITIES: Mapping[str, Callable[[Family, Any, Any, Parameters, Any], Any]] = {
    "student_t": _student_t,
    "bernoulli": _bernoulli,
    "binomial": _binomial,
    "poisson": _poisson,
    "negative_binomial": _negative_binomial,
    "gamma": _gamma,
    "lognormal": _lognormal,
    "shifted_lognormal": _lognormal,
    "exgaussian": _exgaussian,
    "beta": _beta,
    "ordinal": _ordinal,
}


def _counts(mu: Any, rng: np.random.Generator) -> Any:
    found = rng.poisson(np.minimum(mu, _COUNTABLE)).astype(float)
    large = np.greater(mu, _COUNTABLE)
    if np.any(large):
        found[large] = np.rint(mu[large] + np.sqrt(mu[large]) * rng.standard_normal(np.count_nonzero(large)))
    return found


def _draw_lognormal(family: Family, eta: Any, own: Parameters, rng: np.random.Generator, trials: Any) -> Any:
    found = _exp(eta + np.asarray(own["sigma"]) * rng.standard_normal(eta.shape))
    return found + own["shift"] if family.name == "shifted_lognormal" else found


def _draw_exgaussian(family: Family, eta: Any, own: Parameters, rng: np.random.Generator, trials: Any) -> Any:
    noise = np.asarray(own["sigma"]) * rng.standard_normal(eta.shape)
    return eta + noise + np.asarray(own["nu"]) * (rng.standard_exponential(eta.shape) - 1)


_DRAWS: Mapping[str, Callable[[Family, Any, Parameters, np.random.Generator, Any], Any]] = {
    "student_t": lambda f, eta, own, rng, trials: eta + own["sigma"] * rng.standard_t(own["nu"], eta.shape),
    "bernoulli": lambda f, eta, own, rng, trials: (rng.random(eta.shape) < f.inverse(eta)).astype(float),
    "binomial": lambda f, eta, own, rng, trials: rng.binomial(
        np.asarray(trials).astype(np.int64), np.clip(f.inverse(eta), 0, 1), eta.shape
    ).astype(float),
    "poisson": lambda f, eta, own, rng, trials: _counts(_exp(eta), rng),
    "negative_binomial": lambda f, eta, own, rng, trials: _counts(
        rng.standard_gamma(own["alpha"], eta.shape) * (_exp(eta) / own["alpha"]), rng
    ),
    "gamma": lambda f, eta, own, rng, trials: rng.standard_gamma(own["alpha"], eta.shape) * (_exp(eta) / own["alpha"]),
    "lognormal": _draw_lognormal,
    "shifted_lognormal": _draw_lognormal,
    "exgaussian": _draw_exgaussian,
    "beta": lambda f, eta, own, rng, trials: rng.beta(*_shapes(f, eta, own), eta.shape),
    "ordinal": lambda f, eta, own, rng, trials: ordinal.draw(f.link, eta, ordinal.gaps_of(own, f.categories), rng),
}


def _student_variance(family: Family, eta: Any, own: Parameters, trials: Any) -> Any:
    nu = np.asarray(own["nu"], dtype=float)
    spread = np.where(nu > 2, nu / np.where(nu > 2, nu - 2, 1.0), np.inf)
    return np.asarray(own["sigma"]) ** 2 * spread + 0 * eta


def _lognormal_variance(family: Family, eta: Any, own: Parameters, trials: Any) -> Any:
    square = np.asarray(own["sigma"]) ** 2
    return np.expm1(square) * np.exp(2 * eta + square)


def _share_variance(family: Family, eta: Any, own: Parameters, trials: Any) -> Any:
    success, failure = shares(family.link, eta)
    return success * failure


_VARIANCES: Mapping[str, Callable[[Family, Any, Parameters, Any], Any]] = {
    "student_t": _student_variance,
    "bernoulli": _share_variance,
    "binomial": lambda f, eta, own, trials: np.asarray(trials) * _share_variance(f, eta, own, trials),
    "poisson": lambda f, eta, own, trials: _exp(eta),
    "negative_binomial": lambda f, eta, own, trials: _exp(eta) + _exp(eta) ** 2 / own["alpha"],
    "gamma": lambda f, eta, own, trials: _exp(eta) ** 2 / own["alpha"],
    "lognormal": _lognormal_variance,
    "shifted_lognormal": _lognormal_variance,
    "exgaussian": lambda f, eta, own, trials: np.asarray(own["sigma"]) ** 2 + np.asarray(own["nu"]) ** 2 + 0 * eta,
    "beta": lambda f, eta, own, trials: _share_variance(f, eta, own, trials) / (1 + np.asarray(own["kappa"])),
    "ordinal": lambda f, eta, own, trials: ordinal.variance_of(
        ordinal.tails(f.link, eta, ordinal.gaps_of(own, f.categories))
    ),
}
