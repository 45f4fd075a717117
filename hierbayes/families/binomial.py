"""The binomial family: successes of trials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import betaln, gammaln

from hierbayes.families.registry import register
from hierbayes.families.shares import SuccessFamily
from hierbayes.families.slots import Compiled, Law, Parameters


@register
@dataclass(frozen=True)
class Binomial(SuccessFamily):
    """The number of successes of a number of trials; the location is the probability of a success."""

    name = "binomial"
    values = "binomial"
    counts_trials = True
    bambi = "binomial"
    latex = r"y_i &\sim \operatorname{Binomial}(n_i,\ \mu_i)"
    words = "{y} counts the successes of {trials} trials, whose share has the linear predictor as its {link}."

    def log_density(self, y: Any, eta: Any, parameters: Parameters, trials: Any) -> Any:
        rest = np.asarray(trials, dtype=float) - y
        return super().log_density(y, eta, parameters, trials) - np.log1p(y + rest) - betaln(y + 1, rest + 1)

    def draw(
        self, predictor: Any, parameters: Parameters, rng: np.random.Generator, weights: Any = 1.0, trials: Any = None
    ) -> Any:
        eta = np.asarray(predictor, dtype=float)
        eta = np.broadcast_to(eta, np.broadcast_shapes(eta.shape, np.shape(trials)))
        return super().draw(eta, parameters, rng, weights, trials)

    def draw_rows(self, eta: Any, parameters: Parameters, rng: np.random.Generator, trials: Any) -> Any:
        count = np.asarray(trials).astype(np.int64)
        return rng.binomial(count, np.clip(self.inverse(eta), 0, 1), eta.shape).astype(float)

    def variance_of(self, eta: Any, parameters: Parameters, trials: Any) -> Any:
        return np.asarray(trials) * self.share_variance(eta)

    def spread(self, predictor: Any, variance: Any, parameters: Parameters | None = None, trials: Any = None) -> Any:
        return self.spread_of(predictor, variance, parameters, trials)

    def compiled(self, y: Any, weights: Any, trials: Any) -> Compiled:
        ways = gammaln(trials + 1) - gammaln(y + 1) - gammaln(trials - y + 1)
        return Compiled(str(self.kernel), weights * y, weights * trials, constant=float(np.sum(weights * ways)))

    def pymc_law(self, eta: Any, parameters: Parameters, trials: Any) -> Law | None:
        import pymc as pm

        return Law(pm.Binomial, {"n": trials, "logit_p": eta}) if self.link == "logit" else None

    def pymc_log_density(self, value: Any, eta: Any, parameters: Parameters, trials: Any) -> Any:
        import pytensor.tensor as pt

        ways = pt.gammaln(trials + 1) - pt.gammaln(value + 1) - pt.gammaln(trials - value + 1)
        return ways + super().pymc_log_density(value, eta, parameters, trials)
