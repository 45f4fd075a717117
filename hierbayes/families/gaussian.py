"""The gaussian family: ``Normal(eta, sigma / sqrt(weight))``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hierbayes.families.base import Family
from hierbayes.families.registry import register
from hierbayes.families.slots import SIGMA, Compiled, Parameters

HALF_LOG_2PI = 0.5 * np.log(2 * np.pi)


@register
@dataclass(frozen=True)
class Gaussian(Family):
    """A normal response; the only family whose weights divide the variance of a row."""

    name = "gaussian"
    links = ("identity",)
    slots = (SIGMA,)
    aliases = ("normal",)
    bambi = "gaussian"
    linear = True
    conjugate = True
    divides_variance = True
    kernels = {"identity": "gaussian"}  # noqa: RUF012
    words = "{y} is normal around a mean, with residual sd sigma ~ {sigma}."
    latent_words = "sigma^2 / weight"

    def log_density(self, y: Any, eta: Any, parameters: Parameters, trials: Any) -> Any:
        return normal_log_density(y, eta, np.asarray(parameters["sigma"]))

    def log_likelihood(
        self, y: Any, predictor: Any, parameters: Parameters, weights: Any = 1.0, trials: Any = None
    ) -> Any:
        value, eta = np.asarray(y, dtype=float), np.asarray(predictor, dtype=float)
        return normal_log_density(value, eta, np.asarray(parameters["sigma"]) / np.sqrt(weights))

    def draw(
        self, predictor: Any, parameters: Parameters, rng: np.random.Generator, weights: Any = 1.0, trials: Any = None
    ) -> Any:
        eta, sd = np.asarray(predictor, dtype=float), np.asarray(parameters["sigma"]) / np.sqrt(weights)
        return eta + sd * rng.standard_normal(np.broadcast_shapes(eta.shape, np.shape(sd)))

    def variance(self, predictor: Any, parameters: Parameters, weights: Any = 1.0, trials: Any = None) -> Any:
        return np.asarray(parameters["sigma"]) ** 2 / weights + 0 * np.asarray(predictor, dtype=float)

    def variance_of(self, eta: Any, parameters: Parameters, trials: Any) -> Any:
        return np.asarray(parameters["sigma"]) ** 2 + 0 * eta

    def score_of(self, y: Any, eta: Any, parameters: Parameters, trials: Any) -> Any:
        return (y - eta) / np.asarray(parameters["sigma"]) ** 2

    def information_of(self, eta: Any, parameters: Parameters, trials: Any) -> Any:
        return 1 / np.asarray(parameters["sigma"]) ** 2 + 0 * eta

    def spread(self, predictor: Any, variance: Any, parameters: Parameters | None = None, trials: Any = None) -> Any:
        return np.asarray(variance) + self.variance(predictor, parameters or {})

    def latex_line(self, spread: str) -> str:
        return rf"y_i &\sim \operatorname{{Normal}}(\mu_i,\ {spread})"

    def latent_variance(self, parameters: Parameters, draws: int, inverse_weight: float, overall_mean: Any) -> Any:
        return np.asarray(parameters["sigma"] ** 2 * inverse_weight)

    def compiled(self, y: Any, weights: Any, trials: Any) -> Compiled:
        rows, constant = float(len(y)), 0.5 * float(np.sum(np.log(weights)))
        return Compiled("gaussian", y, weights, "none", -rows * HALF_LOG_2PI + constant, rows)

    def observe(
        self, name: str, eta: Any, parameters: Parameters, y: Any, weights: Any = None, trials: Any = None
    ) -> None:
        import pymc as pm

        sigma = parameters["sigma"] if weights is None else parameters["sigma"] / pm.math.sqrt(weights)
        pm.Normal(name, eta, sigma, observed=y)


def normal_log_density(y: Any, mu: Any, sd: Any) -> Any:
    """Return the log density of normal numbers of mean `mu`."""
    return -0.5 * np.log(2 * np.pi) - np.log(sd) - 0.5 * ((y - mu) / sd) ** 2
