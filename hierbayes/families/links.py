"""Links: functions that take the location of a response to its linear predictor, each with all that is known of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

EXPONENT = 700.0
"""The largest exponent of a mean that is taken; beyond it exp is no longer a finite double."""
PENALTY = 500.0
"""The largest exponent in a log density: -1e217 is as good as -inf, and stays finite when multiplied and added."""
TINY = 1e-300

_REACH = 7.0
"""sds on either side over which the normal is summed; what lies beyond is 3e-12 of it."""
_FLAT = 40.0
"""Linear predictors beyond which a share is 0 or 1 to double precision."""
_STEP = 0.1
"""Of a sum over linear predictors where a share is neither."""
_FINE = 5
"""Halvings of the step; a normal wider than these allow is far wider than the link's own curve."""


class Tolerance(NamedTuple):
    """The distribution whose distribution function is the inverse of a link.

    Attributes
    ----------
    widest : float
        The sd of a linear predictor, in units of the step, up to which the widest step of the sum is taken.
    mean, variance : float
        Of the distribution.
    words : str
        Its variance, in words.
    """

    widest: float
    mean: float
    variance: float
    words: str


@dataclass(frozen=True)
class Link:
    """A link, elementwise.

    Attributes
    ----------
    name : str
    forward, inverse, slope : function
        From the location to the linear predictor, back, and the derivative of the inverse.
    far : tuple of float
        Linear predictors beyond which a share is 0 or 1, or a mean count 0, for all that data tell.
    tolerance : Tolerance or None
        For the links of shares.
    """

    name: str
    forward: Callable[[Any], Any]
    inverse: Callable[[Any], Any]
    slope: Callable[[Any], Any]
    far: tuple[float, float] = (-np.inf, np.inf)
    tolerance: Tolerance | None = None

    def average(self, predictor: Any, variance: Any) -> Any:
        """Return ``E[inverse(eta)]`` for ``eta ~ N(predictor, variance)``, elementwise.

        Exact for identity, log and probit. For logit and cloglog it is the trapezoidal sum over the normal, which for
        these converges so fast that the error is below 1e-9; where the sd is above 27 (cloglog) or 54 (logit) the
        link's own curve counts as normal (error below 1e-5). What comes out at one element does not depend on
        others.

        Examples
        --------
        >>> round(float(LINKS["logit"].average(1.0, 4.0)), 6)
        0.647726
        """
        if self.name == "identity":
            return np.asarray(predictor) + 0.0 * np.asarray(variance)
        if self.name == "log":
            return self.inverse(np.asarray(predictor) + 0.5 * np.asarray(variance))
        if self.name == "probit":
            return self.inverse(np.asarray(predictor) / np.sqrt(1.0 + np.asarray(variance)))
        return self.average_of(self.inverse, predictor, np.sqrt(variance))

    def average_of(self, function: Callable[[Any], Any], predictor: Any, sd: Any) -> Any:
        """Return the average of the inverse, or of a function as smooth as it that rises from 0 to 1 where it does."""
        assert self.tolerance is not None
        law = self.tolerance
        predictor, sd = np.broadcast_arrays(np.asarray(predictor, dtype=float), np.asarray(sd, dtype=float))
        halvings = self._halvings(sd)
        averages = np.empty(predictor.shape)
        for level in np.unique(halvings):
            here = halvings == level
            if level > _FINE:
                averages[here] = _normal((predictor[here] - law.mean) / np.sqrt(sd[here] ** 2 + law.variance))
            else:
                averages[here] = _trapezoid(function, predictor[here], sd[here], 0.5 / 2**level)
        return averages

    def average_square(self, predictor: Any, sd: Any, mean: Any) -> Any:
        """Return ``E[p**2]`` of a share p whose mean is given.

        Beside a normal far wider than the link's own curve it is the mean less ``E[p (1 - p)]``, summed where p is
        neither 0 nor 1.

        Examples
        --------
        >>> link = LINKS["logit"]
        >>> round(float(0.5 - link.average_square(0.0, 1e3, 0.5)), 9)  # 1 / sqrt(2 pi) / sd
        0.000398942
        """
        square = self.average_of(lambda eta: self.inverse(eta) ** 2, predictor, sd)
        predictor, sd, mean = np.broadcast_arrays(np.asarray(predictor, dtype=float), sd, mean)
        wide = self._halvings(sd) > _FINE
        if np.any(wide):
            centre, spread, within = predictor[wide], sd[wide], np.zeros(np.count_nonzero(wide))
            for node in np.arange(-_FLAT, _FLAT, _STEP):
                share = self.inverse(node)
                within += share * (1 - share) * np.exp(-0.5 * ((node - centre) / spread) ** 2)
            square[wide] = mean[wide] - _STEP * within / (np.sqrt(2 * np.pi) * spread)
        return square

    def _halvings(self, sd: Any) -> Any:
        assert self.tolerance is not None
        return np.ceil(np.log2(np.maximum(np.asarray(sd, dtype=float) / self.tolerance.widest, 1.0))).astype(np.int64)


def _trapezoid(function: Callable[[Any], Any], predictor: Any, sd: Any, step: float) -> Any:
    nodes = step * np.arange(-round(_REACH / step), round(_REACH / step) + 1)
    weights = np.exp(-0.5 * nodes**2)
    weights /= weights.sum()
    total = np.zeros_like(predictor)
    for node, weight in zip(nodes, weights, strict=True):
        total += weight * function(predictor + node * sd)
    return total


def capped_exp(exponent: Any, most: float = EXPONENT) -> Any:
    """Return the exponential, of exponents up to `most`."""
    return np.exp(np.minimum(exponent, most))


def _logistic(predictor: Any) -> Any:
    from scipy.special import expit

    return expit(predictor)


def _logistic_slope(predictor: Any) -> Any:
    from scipy.special import expit

    return expit(predictor) * expit(np.negative(predictor))


def _normal(predictor: Any) -> Any:
    from scipy.special import ndtr

    return ndtr(predictor)


def _logit(location: Any) -> Any:
    from scipy.special import logit

    return logit(location)


def _probit(location: Any) -> Any:
    from scipy.special import ndtri

    return ndtri(location)


LINKS: Mapping[str, Link] = {
    link.name: link
    for link in (
        Link("identity", lambda location: location, lambda predictor: predictor, np.ones_like),
        Link("log", np.log, np.exp, np.exp, (-20.0, np.inf)),
        Link(
            "logit", _logit, _logistic, _logistic_slope, (-20.0, 20.0),
            Tolerance(1.7, 0.0, np.pi**2 / 3, "pi^2/3, the variance of the logistic"),
        ),
        Link(
            "probit", _probit, _normal, lambda eta: np.exp(-0.5 * eta**2) / np.sqrt(2 * np.pi), (-6.0, 6.0),
            Tolerance(1.7, 0.0, 1.0, "1, the variance of the normal behind the probit"),
        ),
        Link(
            "cloglog",
            lambda location: np.log(-np.log1p(-location)),
            # beyond 700 exp overflows, and the share has long been 1
            lambda predictor: -np.expm1(-capped_exp(predictor)),
            lambda predictor: np.exp(np.minimum(predictor, EXPONENT) - capped_exp(predictor)),
            (-20.0, 3.0),
            Tolerance(0.85, -0.5772156649015329, np.pi**2 / 6, "pi^2/6, the variance of the Gumbel behind the cloglog"),
        ),
    )
}  # fmt: skip


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
    from scipy.special import log_expit, log_ndtr

    if link == "logit":
        return log_expit(predictor), log_expit(np.negative(predictor))
    if link == "probit":
        return log_ndtr(predictor), log_ndtr(np.negative(predictor))
    hazard = np.maximum(capped_exp(predictor, PENALTY), TINY)
    # log(1 - exp(-hazard)): the first form loses small hazards, the second large ones; log of a tiny hazard is eta
    small = np.minimum(predictor, 0.0) + np.log(-np.expm1(-hazard) / hazard)
    large = np.log1p(-np.exp(-np.maximum(hazard, 1.0)))
    return np.where(np.less(predictor, 0), small, large), -hazard


def log_share_slopes(link: str, predictor: Any) -> tuple[Any, Any]:
    """Return the derivatives of the two logarithms of `log_shares` in the linear predictor."""
    from scipy.special import expit, log_ndtr

    if link == "logit":
        return expit(-predictor), -expit(predictor)
    if link == "probit":
        log_density = -0.5 * predictor**2 - 0.5 * np.log(2 * np.pi)
        return np.exp(log_density - log_ndtr(predictor)), -np.exp(log_density - log_ndtr(-predictor))
    hazard = np.exp(np.clip(predictor, -300.0, 300.0))
    return hazard * np.exp(-hazard) / -np.expm1(-hazard), -hazard


def log_share_tensors(link: str, eta: Any) -> tuple[Any, Any]:
    """Return `log_shares` as PyTensor's tensors, finite with finite slopes at any predictor."""
    import pytensor.tensor as pt

    if link == "logit":
        return -pt.softplus(-eta), -pt.softplus(eta)
    if link == "probit":
        return log_normal_cdf(eta), log_normal_cdf(-eta)
    rate = pt.exp(pt.minimum(eta, PENALTY))
    # where the rate is tiny the share is the rate; each branch sees only predictors that it can take
    low = pt.minimum(eta, -30.0)
    high = pt.exp(pt.clip(eta, -30.0, 5.0))
    return pt.switch(eta < -30.0, low, pt.log(-pt.expm1(-high))), -rate


def log_normal_cdf(z: Any) -> Any:
    """Return the log of the standard normal distribution function as a tensor, exact in both tails."""
    import pytensor.tensor as pt

    low, high = pt.minimum(z, -1.0), pt.maximum(z, -1.0)
    tail = pt.log(0.5 * pt.erfcx(-low / np.sqrt(2.0))) - 0.5 * low**2
    return pt.switch(z < -1.0, tail, pt.log1p(-0.5 * pt.erfc(high / np.sqrt(2.0))))
