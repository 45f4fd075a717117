"""What the families with a log link have in common: poisson, negative binomial and gamma."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hierbayes.families.base import Family
from hierbayes.families.slots import Parameters

COUNTABLE = 1e15
"""Above it a Poisson count is no longer a whole number of a double's precision; a normal draw stands in for it."""


@dataclass(frozen=True)
class RateFamily(Family):
    """A family whose mean is the exponential of the linear predictor, and whose density is of the exponential kind."""

    links = ("log",)
    steps_overshoot = True

    def log_rate(self, total: float, offset: Any) -> float:
        """Return the log of a total over all exposures: with ``offset(log(exposure))`` the rate of the whole."""
        largest = float(np.max(offset))
        return float(np.log(total)) - (largest + float(np.log(np.sum(np.exp(offset - largest)))))

    def mean_slope(self, predictor: Any, parameters: Parameters | None = None) -> Any:
        return self.mean(np.asarray(predictor, dtype=float), parameters)

    def score(self, y: Any, predictor: Any, parameters: Parameters, weights: Any = 1.0, trials: Any = None) -> Any:
        eta, value = np.asarray(predictor, dtype=float), np.asarray(y, dtype=float)
        mu = np.exp(np.minimum(eta, 700.0))
        return weights * (value - mu) * mu / self.variance_of(eta, parameters, trials)

    def information(self, predictor: Any, parameters: Parameters, weights: Any = 1.0, trials: Any = None) -> Any:
        eta = np.minimum(np.asarray(predictor, dtype=float), 340.0)
        return weights * np.exp(eta) ** 2 / self.variance_of(eta, parameters, trials)

    def overall_predictor(self, y: Any, offset: Any, trials: Any) -> float | None:
        total = float(np.sum(y))
        return self.log_rate(max(total, 0.5) if self.whole else total, offset)

    def first_guess(self, a: Any, b: Any) -> Any:
        return np.log(a / b + 0.5) if self.whole else np.log(a / b)


@dataclass(frozen=True)
class CountFamily(RateFamily):
    """A family of counts."""

    values = "count"
    whole = True

    def working_response(self, y: Any, trials: Any) -> Any:
        return np.asarray(self.linked(y + 0.5))

    def range(self, trials: Any) -> tuple[Any, Any]:
        return 0.0, None


def draw_counts(mu: Any, rng: np.random.Generator) -> Any:
    """Draw Poisson counts as floats."""
    counts = rng.poisson(np.minimum(mu, COUNTABLE)).astype(float)
    large = np.greater(mu, COUNTABLE)
    if np.any(large):
        counts[large] = np.rint(mu[large] + np.sqrt(mu[large]) * rng.standard_normal(np.count_nonzero(large)))
    return counts


def log_scale_variance(size: Any) -> Any:
    """Return the variance of the logarithm of a gamma of this shape: the trigamma function (Nakagawa 2017)."""
    from scipy.special import polygamma

    return np.asarray(polygamma(1, size))
