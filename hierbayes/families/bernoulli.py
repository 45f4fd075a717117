"""The bernoulli family: one of two outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hierbayes.families.registry import register
from hierbayes.families.shares import SuccessFamily
from hierbayes.families.slots import Compiled, Law, Parameters


@register
@dataclass(frozen=True)
class Bernoulli(SuccessFamily):
    """One of two outcomes, 0 or 1; the location is the probability of 1."""

    name = "bernoulli"
    values = "binary"
    bambi = "bernoulli"
    interval = False
    latex = r"y_i &\sim \operatorname{Bernoulli}(\mu_i)"
    words = "{y} is {one} with a probability whose {link} is the linear predictor."

    def _count(self, trials: Any) -> Any:
        return 1.0

    def draw_rows(self, eta: Any, parameters: Parameters, rng: np.random.Generator, trials: Any) -> Any:
        return (rng.random(eta.shape) < self.inverse(eta)).astype(float)

    def variance_of(self, eta: Any, parameters: Parameters, trials: Any) -> Any:
        return self.share_variance(eta)

    def spread(self, predictor: Any, variance: Any, parameters: Parameters | None = None, trials: Any = None) -> Any:
        mean = self.average(predictor, variance, parameters)
        return mean * (1 - mean)

    def compiled(self, y: Any, weights: Any, trials: Any) -> Compiled:
        return Compiled(str(self.kernel), weights * y, weights * 1.0)

    def pymc_law(self, eta: Any, parameters: Parameters, trials: Any) -> Law | None:
        import pymc as pm

        return Law(pm.Bernoulli, {"logit_p": eta}) if self.link == "logit" else None
