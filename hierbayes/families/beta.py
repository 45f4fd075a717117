"""The beta family: ``Beta(mu kappa, (1 - mu) kappa)``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import betaln, polygamma, psi, xlogy

from hierbayes.families.links import TINY, log_share_tensors, shares
from hierbayes.families.registry import register
from hierbayes.families.shares import ShareFamily
from hierbayes.families.slots import Law, Parameters, Slot
from hierbayes.priors import LogNormal


@register
@dataclass(frozen=True)
class Beta(ShareFamily):
    """A share between 0 and 1, both excluded; kappa is its precision."""

    name = "beta"
    slots = (Slot("kappa", r"\kappa", lambda sd, least: LogNormal(2.0, 2.0)),)
    values = "unit"
    aliases = ("beta_family", "beta_regression", "betar")
    bambi = "beta"
    latex = r"y_i &\sim \operatorname{Beta}(\mu_i\,\kappa,\ (1 - \mu_i)\,\kappa)"
    words = "{y} is beta with precision kappa ~ {kappa}, and the {link} of its mean is the linear predictor."
    latent_words = "delta method at the mean"

    def _shapes(self, eta: Any, parameters: Parameters) -> tuple[Any, Any]:
        success, failure = shares(self.link, eta)
        kappa = np.asarray(parameters["kappa"])
        return np.maximum(success * kappa, TINY), np.maximum(failure * kappa, TINY)

    def log_density(self, y: Any, eta: Any, parameters: Parameters, trials: Any) -> Any:
        a, b = self._shapes(eta, parameters)
        return xlogy(a - 1, y) + (b - 1) * np.log1p(-y) - betaln(a, b)

    def draw_rows(self, eta: Any, parameters: Parameters, rng: np.random.Generator, trials: Any) -> Any:
        return rng.beta(*self._shapes(eta, parameters), eta.shape)

    def variance_of(self, eta: Any, parameters: Parameters, trials: Any) -> Any:
        return self.share_variance(eta) / (1 + np.asarray(parameters["kappa"]))

    def spread(self, predictor: Any, variance: Any, parameters: Parameters | None = None, trials: Any = None) -> Any:
        return self.spread_of(predictor, variance, parameters, 1 + np.asarray((parameters or {})["kappa"]))

    def score_of(self, y: Any, eta: Any, parameters: Parameters, trials: Any) -> Any:
        kappa = np.asarray(parameters["kappa"])
        success, failure = shares(self.link, eta)
        gap = np.log(y) - np.log1p(-y) - psi(success * kappa) + psi(failure * kappa)
        return kappa * gap * self.mean_slope(eta)

    def information_of(self, eta: Any, parameters: Parameters, trials: Any) -> Any:
        kappa = np.asarray(parameters["kappa"])
        success, failure = shares(self.link, eta)
        both = polygamma(1, success * kappa) + polygamma(1, failure * kappa)
        return (kappa * self.mean_slope(eta)) ** 2 * both

    def pymc_law(self, eta: Any, parameters: Parameters, trials: Any) -> Law:
        import pymc as pm
        import pytensor.tensor as pt

        success, failure = (pt.exp(share) for share in log_share_tensors(self.link, eta))
        return Law(pm.Beta, {"alpha": success * parameters["kappa"], "beta": failure * parameters["kappa"]})
