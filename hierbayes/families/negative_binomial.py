"""The negative binomial family: a count of variance ``mu + mu**2 / alpha``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import betaln, gammaln, log_expit

from hierbayes.families.links import capped_exp
from hierbayes.families.rates import CountFamily, draw_counts, log_scale_variance
from hierbayes.families.registry import register
from hierbayes.families.slots import Compiled, Law, Parameters, Slot
from hierbayes.priors import LogNormal


@register
@dataclass(frozen=True)
class NegativeBinomial(CountFamily):
    """An overdispersed count; alpha is its shape."""

    name = "negative_binomial"
    slots = (Slot("alpha", r"\alpha", lambda sd, least: LogNormal(1.0, 2.0), limit="that of the poisson family"),)
    aliases = ("negbinomial", "negativebinomial", "nbinom", "nbinom2", "nb", "nb2")
    bambi = "negativebinomial"
    kernels = {"log": "negative_binomial"}  # noqa: RUF012
    latex = r"y_i &\sim \operatorname{NegativeBinomial}(\mu_i,\ \alpha)"
    words = (
        "{y} is a negative binomial count, and the log of its mean is the linear predictor; its variance is "
        "mean + mean^2 / alpha, alpha ~ {alpha}."
    )
    latent_words = "trigamma(1 / (1/mean + 1/alpha)), the variance of the logarithm (Nakagawa 2017)"

    def log_density(self, y: Any, eta: Any, parameters: Parameters, trials: Any) -> Any:
        alpha = np.asarray(parameters["alpha"], dtype=float)
        ratio = eta - np.log(alpha)
        # log choose(y + alpha - 1, y), written so that a large alpha cancels nothing
        choose = -betaln(y + 1, alpha) - np.log(y + alpha)
        return choose + y * log_expit(ratio) + alpha * log_expit(-ratio)

    def draw_rows(self, eta: Any, parameters: Parameters, rng: np.random.Generator, trials: Any) -> Any:
        alpha = parameters["alpha"]
        return draw_counts(rng.standard_gamma(alpha, eta.shape) * (capped_exp(eta) / alpha), rng)

    def variance_of(self, eta: Any, parameters: Parameters, trials: Any) -> Any:
        return capped_exp(eta) + capped_exp(eta) ** 2 / parameters["alpha"]

    def spread(self, predictor: Any, variance: Any, parameters: Parameters | None = None, trials: Any = None) -> Any:
        mean = self.average(predictor, variance, parameters)
        square = mean**2 * np.exp(variance)
        return mean + square / np.asarray((parameters or {})["alpha"]) + square - mean**2

    def latent_variance(self, parameters: Parameters, draws: int, inverse_weight: float, overall_mean: Any) -> Any:
        size = 1 / (1 / overall_mean() + 1 / parameters["alpha"])
        return log_scale_variance(np.maximum(size, 1e-100))

    def compiled(self, y: Any, weights: Any, trials: Any) -> Compiled:
        distinct, which = np.unique(y, return_inverse=True)
        counts = np.array([distinct, np.bincount(which, weights, len(distinct))])
        constant = -float(np.sum(weights * gammaln(y + 1)))
        return Compiled("negative_binomial", weights * y, weights, constant=constant, counts=counts)

    def pymc_law(self, eta: Any, parameters: Parameters, trials: Any) -> Law:
        import pymc as pm
        import pytensor.tensor as pt

        return Law(pm.NegativeBinomial, {"mu": pt.exp(eta), "alpha": parameters["alpha"]})
