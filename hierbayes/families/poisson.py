"""The poisson family: ``Poisson(exp(eta))``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import gammaln

from hierbayes.families.links import PENALTY, capped_exp
from hierbayes.families.rates import CountFamily, draw_counts, log_scale_variance
from hierbayes.families.registry import register
from hierbayes.families.slots import Compiled, Law, Parameters


@register
@dataclass(frozen=True)
class Poisson(CountFamily):
    """A Poisson count."""

    name = "poisson"
    bambi = "poisson"
    kernels = {"log": "poisson"}  # noqa: RUF012
    latex = r"y_i &\sim \operatorname{Poisson}(\mu_i)"
    words = "{y} is a Poisson count, and the log of its mean is the linear predictor."
    latent_words = "trigamma(mean), the variance of the logarithm (Nakagawa 2017)"

    def log_density(self, y: Any, eta: Any, parameters: Parameters, trials: Any) -> Any:
        return y * eta - capped_exp(eta, PENALTY) - gammaln(y + 1)

    def draw_rows(self, eta: Any, parameters: Parameters, rng: np.random.Generator, trials: Any) -> Any:
        return draw_counts(capped_exp(eta), rng)

    def variance_of(self, eta: Any, parameters: Parameters, trials: Any) -> Any:
        return capped_exp(eta)

    def spread(self, predictor: Any, variance: Any, parameters: Parameters | None = None, trials: Any = None) -> Any:
        mean = self.average(predictor, variance, parameters)
        return mean + mean**2 * np.exp(variance) - mean**2

    def latent_variance(self, parameters: Parameters, draws: int, inverse_weight: float, overall_mean: Any) -> Any:
        return log_scale_variance(np.maximum(overall_mean(), 1e-100))

    def compiled(self, y: Any, weights: Any, trials: Any) -> Compiled:
        return Compiled("poisson", weights * y, weights, constant=-float(np.sum(weights * gammaln(y + 1))))

    def pymc_law(self, eta: Any, parameters: Parameters, trials: Any) -> Law:
        import pymc as pm
        import pytensor.tensor as pt

        return Law(pm.Poisson, {"mu": pt.exp(eta)})
