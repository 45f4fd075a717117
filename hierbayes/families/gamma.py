"""The gamma family: ``Gamma(alpha, alpha / mu)``, shape and rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import gammaln, xlogy

from hierbayes.families.links import PENALTY, capped_exp
from hierbayes.families.rates import RateFamily, log_scale_variance
from hierbayes.families.registry import register
from hierbayes.families.slots import Compiled, Law, Parameters, Slot
from hierbayes.priors import LogNormal


@register
@dataclass(frozen=True)
class Gamma(RateFamily):
    """A positive response of variance ``mu**2 / alpha``."""

    name = "gamma"
    slots = (Slot("alpha", r"\alpha", lambda sd, least: LogNormal(1.0, 2.0)),)
    values = "positive"
    bambi = "gamma"
    kernels = {"log": "gamma"}  # noqa: RUF012
    latex = r"y_i &\sim \operatorname{Gamma}(\alpha,\ \alpha / \mu_i)"
    words = "{y} is gamma with shape alpha ~ {alpha}, and the log of its mean is the linear predictor."
    latent_words = "trigamma(alpha), the variance of the logarithm (Nakagawa 2017)"

    def log_density(self, y: Any, eta: Any, parameters: Parameters, trials: Any) -> Any:
        alpha = np.asarray(parameters["alpha"], dtype=float)
        return alpha * (np.log(alpha) - eta - y * capped_exp(-eta, PENALTY)) + xlogy(alpha - 1, y) - gammaln(alpha)

    def draw_rows(self, eta: Any, parameters: Parameters, rng: np.random.Generator, trials: Any) -> Any:
        alpha = parameters["alpha"]
        return rng.standard_gamma(alpha, eta.shape) * (capped_exp(eta) / alpha)

    def variance_of(self, eta: Any, parameters: Parameters, trials: Any) -> Any:
        return capped_exp(eta) ** 2 / parameters["alpha"]

    def spread(self, predictor: Any, variance: Any, parameters: Parameters | None = None, trials: Any = None) -> Any:
        mean = self.average(predictor, variance, parameters)
        square = mean**2 * np.exp(variance)
        return square / np.asarray((parameters or {})["alpha"]) + square - mean**2

    def latent_variance(self, parameters: Parameters, draws: int, inverse_weight: float, overall_mean: Any) -> Any:
        return log_scale_variance(parameters["alpha"])

    def compiled(self, y: Any, weights: Any, trials: Any) -> Compiled:
        logs = float(np.sum(weights * np.log(y)))
        return Compiled("gamma", weights * y, weights, constant=-logs, coefficient=logs)

    def pymc_law(self, eta: Any, parameters: Parameters, trials: Any) -> Law:
        import pymc as pm
        import pytensor.tensor as pt

        return Law(pm.Gamma, {"alpha": parameters["alpha"], "beta": parameters["alpha"] * pt.exp(-eta)})
