"""What the families of shares have in common: bernoulli, binomial and beta."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from hierbayes.families.base import Family
from hierbayes.families.links import log_share_slopes, log_share_tensors, log_shares, shares
from hierbayes.families.slots import Parameters


@dataclass(frozen=True)
class ShareFamily(Family):
    """A family whose location is a share."""

    links = ("logit", "probit", "cloglog")

    def share_variance(self, eta: Any) -> Any:
        """Return ``p (1 - p)``."""
        success, failure = shares(self.link, eta)
        return success * failure

    def spread_of(self, predictor: Any, variance: Any, parameters: Parameters | None, size: Any) -> Any:
        """Return the variance of a response whose variance at a share p is ``p (1 - p) / size``, see `spread`."""
        mean = self.average(predictor, variance, parameters)
        square = self.function.average_square(predictor, np.sqrt(variance), mean)
        return (mean - square) / size + square - mean**2

    def overall_predictor(self, y: Any, offset: Any, trials: Any) -> float | None:
        rows = float(len(y) if trials is None else np.sum(trials))
        share = float(np.sum(y)) / rows
        if self.whole:  # where all responses agree it would be infinite, and half an observation is moved
            share = min(max(share, 0.5 / rows), 1 - 0.5 / rows)
        return float(self.linked(share)) - float(np.mean(offset))


@dataclass(frozen=True)
class SuccessFamily(ShareFamily):
    """A family of successes."""

    whole = True
    kernels = {"logit": "logistic", "probit": "probit"}  # noqa: RUF012

    @property
    def latent_note(self) -> str:
        assert self.function.tolerance is not None
        return f"{self.function.tolerance.words}; of one trial"

    def log_density(self, y: Any, eta: Any, parameters: Parameters, trials: Any) -> Any:
        success, failure = log_shares(self.link, eta)
        return y * success + (self._count(trials) - y) * failure

    def _count(self, trials: Any) -> Any:
        return 1.0 if trials is None else trials

    def score_of(self, y: Any, eta: Any, parameters: Parameters, trials: Any) -> Any:
        success, failure = log_share_slopes(self.link, eta)
        return y * success + (self._count(trials) - y) * failure

    def information(self, predictor: Any, parameters: Parameters, weights: Any = 1.0, trials: Any = None) -> Any:
        success, failure = log_share_slopes(self.link, np.asarray(predictor, dtype=float))
        return weights * self._count(trials) * -(success * failure)

    def latent_variance(
        self, parameters: Parameters, draws: int, inverse_weight: float, overall_mean: Callable[[], Any]
    ) -> Any:
        assert self.function.tolerance is not None
        return np.full(draws, self.function.tolerance.variance)

    def first_guess(self, a: Any, b: Any) -> Any:
        return np.log((a + 0.5) / (b - a + 0.5)) if self.link == "logit" else self.linked((a + 0.5) / (b + 1.0))

    def working_response(self, y: Any, trials: Any) -> Any:
        return np.asarray(self.linked((y + 0.5) / (self._count(trials) + 1.0)))

    def range(self, trials: Any) -> tuple[Any, Any]:
        return 0.0, 1.0 if trials is None else trials

    def pymc_log_density(self, value: Any, eta: Any, parameters: Parameters, trials: Any) -> Any:
        success, failure = log_share_tensors(self.link, eta)
        return value * success + (self._count(trials) - value) * failure
