"""The log-normal families: the logarithm of a response, or of a response less a shift, is normal around eta."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from hierbayes.families.base import Family
from hierbayes.families.gaussian import HALF_LOG_2PI, normal_log_density
from hierbayes.families.registry import register
from hierbayes.families.slots import SIGMA, Compiled, Law, Parameters, Slot
from hierbayes.priors import Uniform


@register
@dataclass(frozen=True)
class LogNormal(Family):
    """A positive response whose logarithm is normal; sigma is the sd of the logarithm."""

    name = "lognormal"
    links = ("identity",)
    slots: ClassVar[tuple[Slot, ...]] = (SIGMA,)
    values = "positive"
    aliases = ("log_normal",)
    bambi: ClassVar[str | None] = "lognormal"
    latex = r"\operatorname{log}(y_i) &\sim \operatorname{Normal}(\mu_i,\ \sigma)"
    words = "The log of {y} is normal around a mean, with sd sigma ~ {sigma}."
    latent_words = "sigma^2, of the logarithm"
    kernels = {"identity": "gaussian"}  # noqa: RUF012

    @property
    def mean_link(self) -> str:
        return "log"

    def log_mean_shift(self, sigma: float) -> float:
        return 0.5 * sigma**2

    def _shift(self, parameters: Parameters) -> Any:
        return 0.0

    def on_location(self, y: Any) -> Any:
        return np.log(y)

    def mean(self, predictor: Any, parameters: Parameters | None = None) -> Any:
        return np.exp(predictor + 0.5 * np.asarray((parameters or {})["sigma"]) ** 2)

    def mean_slope(self, predictor: Any, parameters: Parameters | None = None) -> Any:
        return self.mean(np.asarray(predictor, dtype=float), parameters) - self._shift(parameters or {})

    def average(self, predictor: Any, variance: Any, parameters: Parameters | None = None) -> Any:
        return self.mean(np.asarray(predictor) + 0.5 * np.asarray(variance), parameters)

    def spread(self, predictor: Any, variance: Any, parameters: Parameters | None = None, trials: Any = None) -> Any:
        total = np.asarray(variance) + np.asarray((parameters or {})["sigma"]) ** 2
        return np.expm1(total) * np.exp(2 * np.asarray(predictor) + total)

    def log_density(self, y: Any, eta: Any, parameters: Parameters, trials: Any) -> Any:
        above = y - self._shift(parameters)
        logs = np.log(np.where(above > 0, above, 1.0))
        return np.where(above > 0, normal_log_density(logs, eta, np.asarray(parameters["sigma"])) - logs, -np.inf)

    def draw_rows(self, eta: Any, parameters: Parameters, rng: np.random.Generator, trials: Any) -> Any:
        logs = eta + np.asarray(parameters["sigma"]) * rng.standard_normal(eta.shape)
        return np.exp(np.minimum(logs, 700.0)) + self._shift(parameters)

    def variance_of(self, eta: Any, parameters: Parameters, trials: Any) -> Any:
        square = np.asarray(parameters["sigma"]) ** 2
        return np.expm1(square) * np.exp(2 * eta + square)

    def score_of(self, y: Any, eta: Any, parameters: Parameters, trials: Any) -> Any:
        return (np.log(y - self._shift(parameters)) - eta) / np.asarray(parameters["sigma"]) ** 2

    def information_of(self, eta: Any, parameters: Parameters, trials: Any) -> Any:
        return 1 / np.asarray(parameters["sigma"]) ** 2 + 0 * eta

    def latent_variance(self, parameters: Parameters, draws: int, inverse_weight: float, overall_mean: Any) -> Any:
        return np.asarray(parameters["sigma"] ** 2)

    def start(self, y: Any, parameters: Parameters, trials: Any) -> Any:
        return np.asarray(np.log(y - self._shift(parameters)))

    def compiled(self, y: Any, weights: Any, trials: Any) -> Compiled:
        total, logs = float(np.sum(weights)), np.log(y)
        constant = -total * HALF_LOG_2PI - float(np.sum(weights * logs))
        return Compiled("gaussian", logs, weights, "none", constant, total)

    def pymc_law(self, eta: Any, parameters: Parameters, trials: Any) -> Law | None:
        import pymc as pm

        return Law(pm.LogNormal, {"mu": eta, "sigma": parameters["sigma"]})

    def unit(self, response: str, location: str, reference: str) -> str:
        return f"log({response})"


@register
@dataclass(frozen=True)
class ShiftedLogNormal(LogNormal):
    """A response above a shift, for response times; the shift is the same in all rows."""

    name = "shifted_lognormal"
    slots = (SIGMA, Slot("shift", r"\delta", lambda sd, least: Uniform(0.0, least), below_responses=True))
    aliases = ("shiftedlognormal",)
    bambi = None
    latex = r"\operatorname{log}(y_i - \delta) &\sim \operatorname{Normal}(\mu_i,\ \sigma)"
    words = "The log of {y} less a shift ~ {shift} is normal around a mean, with sd sigma ~ {sigma}."
    latent_words = "sigma^2, of the logarithm less the shift"
    kernels = {}  # noqa: RUF012

    @property
    def mean_link(self) -> str:
        return self.link

    def log_mean_shift(self, sigma: float) -> float:
        return 0.0

    def _shift(self, parameters: Parameters) -> Any:
        return np.asarray(parameters.get("shift", 0.0))

    def mean(self, predictor: Any, parameters: Parameters | None = None) -> Any:
        return super().mean(predictor, parameters) + (parameters or {})["shift"]

    def pymc_law(self, eta: Any, parameters: Parameters, trials: Any) -> Law | None:
        return None

    def pymc_log_density(self, value: Any, eta: Any, parameters: Parameters, trials: Any) -> Any:
        import pymc as pm

        return pm.logp(pm.LogNormal.dist(eta, parameters["sigma"]), value - parameters["shift"])

    def unit(self, response: str, location: str, reference: str) -> str:
        return f"log({response} - shift)"
