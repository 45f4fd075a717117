"""Student's t: ``StudentT(nu, eta, sigma)``, sigma its scale, not its sd."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import betaln

from hierbayes.families.base import Family
from hierbayes.families.registry import register
from hierbayes.families.slots import SIGMA, Compiled, Law, Parameters, Slot
from hierbayes.priors import Gamma


@register
@dataclass(frozen=True)
class StudentT(Family):
    """Student's t, for responses with outliers."""

    name = "student_t"
    links = ("identity",)
    slots = (SIGMA, Slot("nu", r"\nu", lambda sd, least: Gamma(2.0, 0.1), limit="that of the gaussian family"))
    aliases = ("t", "student", "studentt", "t_family")
    bambi = "t"
    linear = True
    kernels = {"identity": "student"}  # noqa: RUF012
    latex = r"y_i &\sim \operatorname{StudentT}(\nu,\ \mu_i,\ \sigma)"
    words = "{y} is Student t around a mean, with scale sigma ~ {sigma} and degrees of freedom nu ~ {nu}."
    latent_words = "sigma^2 nu / (nu - 2), the variance of the Student"

    def log_density(self, y: Any, eta: Any, parameters: Parameters, trials: Any) -> Any:
        sigma, nu = np.asarray(parameters["sigma"]), np.asarray(parameters["nu"])
        square = ((y - eta) / sigma) ** 2
        # betaln, not a difference of two gammaln, holds for any nu
        return -betaln(0.5, nu / 2) - 0.5 * np.log(nu) - np.log(sigma) - 0.5 * (nu + 1) * np.log1p(square / nu)

    def draw_rows(self, eta: Any, parameters: Parameters, rng: np.random.Generator, trials: Any) -> Any:
        return eta + parameters["sigma"] * rng.standard_t(parameters["nu"], eta.shape)

    def variance_of(self, eta: Any, parameters: Parameters, trials: Any) -> Any:
        nu = np.asarray(parameters["nu"], dtype=float)
        spread = np.where(nu > 2, nu / np.where(nu > 2, nu - 2, 1.0), np.inf)
        return np.asarray(parameters["sigma"]) ** 2 * spread + 0 * eta

    def spread(self, predictor: Any, variance: Any, parameters: Parameters | None = None, trials: Any = None) -> Any:
        return np.asarray(variance) + self.variance(predictor, parameters or {})

    def score_of(self, y: Any, eta: Any, parameters: Parameters, trials: Any) -> Any:
        gap, nu = y - eta, np.asarray(parameters["nu"])
        return (nu + 1) * gap / (nu * np.asarray(parameters["sigma"]) ** 2 + gap**2)

    def information_of(self, eta: Any, parameters: Parameters, trials: Any) -> Any:
        nu = parameters["nu"]
        return (nu + 1) / ((nu + 3) * np.asarray(parameters["sigma"]) ** 2) + 0 * eta

    def compiled(self, y: Any, weights: Any, trials: Any) -> Compiled:
        return Compiled("student", y, weights, "none", coefficient=float(np.sum(weights)))

    def pymc_law(self, eta: Any, parameters: Parameters, trials: Any) -> Law:
        import pymc as pm

        return Law(pm.StudentT, {"nu": parameters["nu"], "mu": eta, "sigma": parameters["sigma"]})
