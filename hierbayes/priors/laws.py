"""Priors of one number as frozen values, each with its law, its draws and its coordinate."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from hierbayes.errors import ModelError
from hierbayes.priors import codes
from hierbayes.priors.prior import PositivePrior, Prior, scipy_law

if TYPE_CHECKING:
    import numpy as np

    from hierbayes.priors.prior import Floats


@dataclass(frozen=True)
class Normal(Prior):
    """Normal distribution, for a population-level coefficient.

    Parameters
    ----------
    mu : float
        Mean, in units of the coefficient.
    sigma : float
        Standard deviation (not variance).

    Examples
    --------
    >>> import hierbayes as hb
    >>> print(hb.Normal(0, 5))
    Normal(0, 5)
    """

    fits = ("real",)
    signed = ("mu",)
    mu: float = 0.0
    sigma: float = 1.0

    def _scaled(self, factor: float) -> Self:
        return replace(self, mu=self.mu * factor, sigma=self.sigma * factor)

    def widened(self, name: str, factor: float) -> Self:
        return replace(self, sigma=self.sigma * factor)

    def law(self, k: int = 1) -> Any:
        return scipy_law("norm", self.mu, self.sigma)

    def draw(self, draws: int, rng: np.random.Generator) -> Floats:
        return rng.normal(self.mu, self.sigma, draws)


@dataclass(frozen=True)
class Flat(Prior):
    """Improper flat prior: constant density on the parameter itself (on the sd, not on its logarithm)."""

    fits = ("real", "positive")
    code = codes.FLAT
    drawable = False
    reaches_zero = True

    def __str__(self) -> str:
        return "Flat()"

    def _scaled(self, factor: float) -> Self:
        return self

    def widened(self, name: str, factor: float) -> Self:
        raise ModelError(f"the prior of {name} is flat, and has no scale", "give it a proper prior")

    @property
    def why_no_law(self) -> str:
        return "its prior is flat, which has no density to compare with: give the parameter a proper prior"

    def log_density(self, value: Any) -> Any:
        import numpy as np

        return np.zeros(np.shape(value))

    def _coordinate(self, scale: float) -> tuple[int, float, float]:
        return codes.MAP_HALF_T3, scale, 0.0

    def distribution(self, positive: bool) -> str:
        return "HalfFlat" if positive else "Flat"


@dataclass(frozen=True)
class HalfNormal(PositivePrior):
    """Half-normal distribution: the absolute value of a Normal(0, sigma)."""

    code = codes.HALF_NORMAL
    scale = "sigma"
    reaches_zero = True
    sigma: float = 1.0

    def law(self, k: int = 1) -> Any:
        return scipy_law("halfnorm", scale=self.sigma)

    def draw(self, draws: int, rng: np.random.Generator) -> Floats:
        import numpy as np

        return np.abs(rng.normal(0, self.sigma, draws))

    def _coordinate(self, scale: float) -> tuple[int, float, float]:
        return codes.MAP_HALF_NORMAL, self.sigma, 0.0


@dataclass(frozen=True)
class HalfStudentT(PositivePrior):
    """Half Student-t distribution with `nu` degrees of freedom and scale `sigma`."""

    code = codes.HALF_T
    scale = "sigma"
    reaches_zero = True
    nu: float = 3.0
    sigma: float = 1.0

    def law(self, k: int = 1) -> Any:
        return _Folded(scipy_law("t", self.nu, scale=self.sigma))

    def draw(self, draws: int, rng: np.random.Generator) -> Floats:
        import numpy as np

        return self.sigma * np.abs(rng.standard_t(self.nu, draws))

    def _coordinate(self, scale: float) -> tuple[int, float, float]:
        kind = codes.MAP_HALF_T3 if self.nu >= 3 else codes.MAP_HALF_T2 if self.nu >= 2 else codes.MAP_HALF_CAUCHY
        return kind, self.sigma, 0.0


@dataclass(frozen=True)
class HalfCauchy(PositivePrior):
    """Half-Cauchy distribution with scale `beta`."""

    code = codes.HALF_CAUCHY
    scale = "beta"
    reaches_zero = True
    beta: float = 1.0

    def law(self, k: int = 1) -> Any:
        return scipy_law("halfcauchy", scale=self.beta)

    def draw(self, draws: int, rng: np.random.Generator) -> Floats:
        import numpy as np

        return self.beta * np.abs(rng.standard_cauchy(draws))

    def _coordinate(self, scale: float) -> tuple[int, float, float]:
        return codes.MAP_HALF_CAUCHY, self.beta, 0.0


@dataclass(frozen=True)
class Exponential(PositivePrior):
    """Exponential distribution with rate `lam`; its mean is ``1 / lam``."""

    code = codes.EXPONENTIAL
    rate = "lam"
    reaches_zero = True
    lam: float = 1.0

    def law(self, k: int = 1) -> Any:
        return scipy_law("expon", scale=1 / self.lam)

    def draw(self, draws: int, rng: np.random.Generator) -> Floats:
        return rng.exponential(1 / self.lam, draws)

    def _coordinate(self, scale: float) -> tuple[int, float, float]:
        return codes.MAP_EXPONENTIAL, self.lam, 0.0


@dataclass(frozen=True)
class Gamma(PositivePrior):
    """Gamma distribution with shape `alpha` and rate `beta`; its mean is ``alpha / beta``."""

    code = codes.GAMMA
    rate = "beta"
    alpha: float = 2.0
    beta: float = 1.0

    def law(self, k: int = 1) -> Any:
        return scipy_law("gamma", self.alpha, scale=1 / self.beta)

    def draw(self, draws: int, rng: np.random.Generator) -> Floats:
        return rng.gamma(self.alpha, 1 / self.beta, draws)

    def _coordinate(self, scale: float) -> tuple[int, float, float]:
        return codes.MAP_LOG, math.log(self.alpha / self.beta), 1 / math.sqrt(self.alpha)


@dataclass(frozen=True)
class InverseGamma(PositivePrior):
    """Inverse gamma distribution with shape `alpha` and scale `beta`, of the sd itself."""

    code = codes.INVERSE_GAMMA
    scale = "beta"
    alpha: float = 3.0
    beta: float = 1.0

    def law(self, k: int = 1) -> Any:
        return scipy_law("invgamma", self.alpha, scale=self.beta)

    def draw(self, draws: int, rng: np.random.Generator) -> Floats:
        return self.beta / rng.gamma(self.alpha, 1.0, draws)

    def _coordinate(self, scale: float) -> tuple[int, float, float]:
        return codes.MAP_LOG, math.log(self.beta / self.alpha), 1 / math.sqrt(self.alpha)


@dataclass(frozen=True)
class LogNormal(PositivePrior):
    """Log-normal distribution: the logarithm is Normal(mu, sigma)."""

    code = codes.LOG_NORMAL
    signed = ("mu",)
    mu: float = 0.0
    sigma: float = 1.0

    def _scaled(self, factor: float) -> Self:
        return replace(self, mu=self.mu + math.log(factor))

    def law(self, k: int = 1) -> Any:
        return scipy_law("lognorm", self.sigma, scale=math.exp(self.mu))

    def draw(self, draws: int, rng: np.random.Generator) -> Floats:
        return rng.lognormal(self.mu, self.sigma, draws)

    def _coordinate(self, scale: float) -> tuple[int, float, float]:
        return codes.MAP_LOG, self.mu, self.sigma


@dataclass(frozen=True)
class Uniform(PositivePrior):
    """Uniform distribution between `lower` and `upper`, for an sd or `sigma`; `lower` is at least 0."""

    code = codes.UNIFORM
    signed = ("lower", "upper")
    reaches_zero = True
    lower: float = 0.0
    upper: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.lower < self.upper:
            raise ModelError(f"{self}: needs 0 <= lower < upper")

    def _scaled(self, factor: float) -> Self:
        return replace(self, lower=self.lower * factor, upper=self.upper * factor)

    def law(self, k: int = 1) -> Any:
        return scipy_law("uniform", self.lower, self.upper - self.lower)

    def draw(self, draws: int, rng: np.random.Generator) -> Floats:
        return rng.uniform(self.lower, self.upper, draws)

    def coordinate(self, scale: float, log_only: bool = False) -> tuple[int, float, float]:
        return codes.MAP_UNIFORM, self.lower, self.upper

    @property
    def limits(self) -> tuple[float, float]:
        return self.lower, self.upper


@dataclass(frozen=True)
class _Folded:
    """The law of the absolute value of a number that is symmetric around 0."""

    whole: Any

    def pdf(self, x: Any) -> Any:
        import numpy as np

        return np.where(np.less(x, 0), 0.0, 2 * self.whole.pdf(x))

    def cdf(self, x: Any) -> Any:
        import numpy as np

        return np.where(np.less(x, 0), 0.0, 2 * self.whole.cdf(x) - 1)

    def logpdf(self, x: Any) -> Any:
        import numpy as np

        return np.where(np.less(x, 0), -np.inf, math.log(2) + self.whole.logpdf(x))
