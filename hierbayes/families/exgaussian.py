"""The ex-Gaussian: a normal and an exponential of mean nu, added; eta is the mean of the whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import erfcx, log_ndtr

from hierbayes.families.base import Family
from hierbayes.families.registry import register
from hierbayes.families.slots import SIGMA, Parameters, Slot
from hierbayes.priors import HalfStudentT


@register
@dataclass(frozen=True)
class ExGaussian(Family):
    """The sum of a normal and an exponential, for response times."""

    name = "exgaussian"
    links = ("identity",)
    slots = (SIGMA, Slot("nu", r"\nu", lambda sd, least: HalfStudentT(3, sd)))
    aliases = ("ex_gaussian",)
    linear = True
    latex = r"y_i &\sim \operatorname{ExGaussian}(\mu_i - \nu,\ \sigma,\ \nu)"
    words = "{y} is the sum of a normal with sd sigma ~ {sigma} and an exponential with mean nu ~ {nu}, around a mean."
    latent_words = "sigma^2 + nu^2, the variance of the ex-Gaussian"

    def log_density(self, y: Any, eta: Any, parameters: Parameters, trials: Any) -> Any:
        sigma, nu = np.asarray(parameters["sigma"]), np.asarray(parameters["nu"])
        z, k = (y - eta + nu) / sigma, sigma / nu
        # two forms of one formula: below, k**2 / 2 would cancel against log_ndtr, and above erfcx overflows
        lower = -0.5 * z**2 + np.log(0.5 * erfcx(np.maximum(k - z, 0.0) / np.sqrt(2)))
        upper = 0.5 * k**2 - z * k + log_ndtr(np.maximum(z - k, 0.0))
        return np.where(z < k, lower, upper) - np.log(nu)

    def draw_rows(self, eta: Any, parameters: Parameters, rng: np.random.Generator, trials: Any) -> Any:
        noise = np.asarray(parameters["sigma"]) * rng.standard_normal(eta.shape)
        return eta + noise + np.asarray(parameters["nu"]) * (rng.standard_exponential(eta.shape) - 1)

    def variance_of(self, eta: Any, parameters: Parameters, trials: Any) -> Any:
        return np.asarray(parameters["sigma"]) ** 2 + np.asarray(parameters["nu"]) ** 2 + 0 * eta

    def information_of(self, eta: Any, parameters: Parameters, trials: Any) -> Any:
        return 1 / self.variance_of(eta, parameters, trials)

    def spread(self, predictor: Any, variance: Any, parameters: Parameters | None = None, trials: Any = None) -> Any:
        return np.asarray(variance) + self.variance(predictor, parameters or {})

    def pymc_log_density(self, value: Any, eta: Any, parameters: Parameters, trials: Any) -> Any:
        """Return the log density of a normal plus an exponential of mean nu, for any ratio of sigma and nu.

        PyMC's takes a normal where nu is below sigma / 20, which leaves a step, and rounds the root of 2.
        """
        import pytensor.tensor as pt

        sigma, nu = parameters["sigma"], parameters["nu"]
        z = (value - (eta - nu)) / sigma
        u = (sigma / nu - z) / np.sqrt(2.0)
        near = pt.log(0.5 * pt.erfcx(pt.maximum(u, -1.0))) - 0.5 * z**2
        # beyond, erfcx grows without bound, and the exponential tail is what is left
        beyond = pt.log1p(-0.5 * pt.erfc(-pt.minimum(u, -1.0))) + 0.5 * (sigma / nu) ** 2 - z * sigma / nu
        return pt.switch(u > -1.0, near, beyond) - pt.log(nu)
