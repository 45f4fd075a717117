"""Priors as frozen values. What a prior is, not how a sampler evaluates it.

Scales are in the units of the parameter: a prior for a standard deviation speaks of the sd, never of the variance.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from hierbayes.errors import ModelError


@dataclass(frozen=True)
class Prior:
    """Base of every prior. Subclasses state their parameters; `scaled` moves a prior to other units."""

    def __str__(self) -> str:
        shown = ", ".join(f"{getattr(self, f.name):.4g}" for f in fields(self))
        return f"{type(self).__name__}({shown})"

    def scaled(self, factor: float) -> Self:
        """Return the prior of `factor` times the parameter.

        Raises
        ------
        ModelError
            If the factor is not positive, or the prior has no scale, as a correlation's has none.
        """
        if not (factor > 0 and math.isfinite(factor)):
            raise ModelError(f"a prior can be scaled by a positive number only, not by {factor!r}")
        return self if factor == 1 else self._scaled(factor)

    def _scaled(self, factor: float) -> Self:
        raise ModelError(f"the prior {self} has no scale that could be multiplied by {factor:g}")


@dataclass(frozen=True)
class PositivePrior(Prior):
    """Base of the priors of a positive number: an sd or `sigma`."""


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

    mu: float = 0.0
    sigma: float = 1.0

    def __post_init__(self) -> None:
        _finite(self, "mu")
        _positive(self, "sigma")

    def _scaled(self, factor: float) -> Self:
        return replace(self, mu=self.mu * factor, sigma=self.sigma * factor)


@dataclass(frozen=True)
class Flat(Prior):
    """Improper flat prior: constant density on the parameter itself (on the sd, not on its logarithm)."""

    def __str__(self) -> str:
        return "Flat()"

    def _scaled(self, factor: float) -> Self:
        return self


@dataclass(frozen=True)
class HalfNormal(PositivePrior):
    """Half-normal distribution: the absolute value of a Normal(0, sigma)."""

    sigma: float = 1.0

    def __post_init__(self) -> None:
        _positive(self, "sigma")

    def _scaled(self, factor: float) -> Self:
        return replace(self, sigma=self.sigma * factor)


@dataclass(frozen=True)
class HalfStudentT(PositivePrior):
    """Half Student-t distribution with `nu` degrees of freedom and scale `sigma`."""

    nu: float = 3.0
    sigma: float = 1.0

    def __post_init__(self) -> None:
        _positive(self, "nu", "sigma")

    def _scaled(self, factor: float) -> Self:
        return replace(self, sigma=self.sigma * factor)


@dataclass(frozen=True)
class HalfCauchy(PositivePrior):
    """Half-Cauchy distribution with scale `beta`."""

    beta: float = 1.0

    def __post_init__(self) -> None:
        _positive(self, "beta")

    def _scaled(self, factor: float) -> Self:
        return replace(self, beta=self.beta * factor)


@dataclass(frozen=True)
class Exponential(PositivePrior):
    """Exponential distribution with rate `lam`; its mean is ``1 / lam``."""

    lam: float = 1.0

    def __post_init__(self) -> None:
        _positive(self, "lam")

    def _scaled(self, factor: float) -> Self:
        return replace(self, lam=self.lam / factor)


@dataclass(frozen=True)
class Gamma(PositivePrior):
    """Gamma distribution with shape `alpha` and rate `beta`; its mean is ``alpha / beta``."""

    alpha: float = 2.0
    beta: float = 1.0

    def __post_init__(self) -> None:
        _positive(self, "alpha", "beta")

    def _scaled(self, factor: float) -> Self:
        return replace(self, beta=self.beta / factor)


@dataclass(frozen=True)
class InverseGamma(PositivePrior):
    """Inverse gamma distribution with shape `alpha` and scale `beta`, of the sd itself."""

    alpha: float = 3.0
    beta: float = 1.0

    def __post_init__(self) -> None:
        _positive(self, "alpha", "beta")

    def _scaled(self, factor: float) -> Self:
        return replace(self, beta=self.beta * factor)


@dataclass(frozen=True)
class LogNormal(PositivePrior):
    """Log-normal distribution: the logarithm is Normal(mu, sigma)."""

    mu: float = 0.0
    sigma: float = 1.0

    def __post_init__(self) -> None:
        _finite(self, "mu")
        _positive(self, "sigma")

    def _scaled(self, factor: float) -> Self:
        return replace(self, mu=self.mu + math.log(factor))


@dataclass(frozen=True)
class Uniform(PositivePrior):
    """Uniform distribution between `lower` and `upper`, for an sd or `sigma`; `lower` is at least 0."""

    lower: float = 0.0
    upper: float = 1.0

    def __post_init__(self) -> None:
        _finite(self, "lower", "upper")
        if not 0 <= self.lower < self.upper:
            raise ModelError(f"{self}: needs 0 <= lower < upper")

    def _scaled(self, factor: float) -> Self:
        return replace(self, lower=self.lower * factor, upper=self.upper * factor)


@dataclass(frozen=True)
class LKJ(Prior):
    """LKJ distribution of a correlation matrix: density proportional to ``det(corr) ** (eta - 1)``.

    `eta` of 1 is uniform over correlation matrices; larger values favour small correlations.
    """

    eta: float = 2.0

    def __post_init__(self) -> None:
        _positive(self, "eta")


@dataclass(frozen=True)
class Fixed(Prior):
    """A known value instead of a prior: a number for an sd or `sigma`, a number or a matrix for a correlation.

    Parameters
    ----------
    value : float or nested sequence of float
        An sd of 0 switches the term off (complete pooling). For `corr_<g>` one number serves for every pair.

    Examples
    --------
    >>> import hierbayes as hb
    >>> print(hb.Fixed(0.5))
    Fixed(0.5)
    """

    value: float | tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        value: Any = self.value
        frozen: float | tuple[tuple[float, ...], ...]
        try:
            nested = hasattr(value, "__len__") and getattr(value, "ndim", 2) > 0
            frozen = tuple(tuple(map(_real, row)) for row in value) if nested else _real(value)
        except (TypeError, ValueError, OverflowError) as error:
            raise ModelError(f"Fixed takes a number or a square matrix of numbers, not {value!r}") from error
        object.__setattr__(self, "value", frozen)
        flat = [frozen] if isinstance(frozen, float) else [x for row in frozen for x in row]
        if not all(map(math.isfinite, flat)):
            raise ModelError(f"Fixed takes finite numbers, not {value!r}")

    def __str__(self) -> str:
        return f"Fixed({self.value:.4g})" if isinstance(self.value, float) else f"Fixed({self.value})"

    def _scaled(self, factor: float) -> Self:
        if not isinstance(self.value, float):
            return super()._scaled(factor)
        return replace(self, value=self.value * factor)


@dataclass(frozen=True)
class Custom(Prior):
    """A prior of any kind, written in PyMC; the model is then sampled by the PyMC engine.

    Parameters
    ----------
    make : callable
        Called as ``make(name, **kwargs)`` inside the model; returns a PyMC random variable of that name.
        `kwargs` holds ``dims`` where the parameter is a vector.

    Examples
    --------
    >>> import hierbayes as hb
    >>> def laplace(name, **kwargs):
    ...     import pymc as pm
    ...     return pm.Laplace(name, 0, 10, **kwargs)
    >>> print(hb.Custom(laplace))
    Custom(laplace)
    """

    make: Callable[..., Any]

    def __post_init__(self) -> None:
        if not callable(self.make):
            raise ModelError(f"Custom takes a function of (name, **kwargs), not {self.make!r}")

    def __str__(self) -> str:
        return f"Custom({getattr(self.make, '__name__', repr(self.make))})"


def _positive(prior: Prior, *names: str) -> None:
    for name in names:
        value = _number(prior, name)
        if not (value > 0 and math.isfinite(value)):
            raise ModelError(f"{type(prior).__name__}: {name} must be positive and finite, not {value!r}")


def _finite(prior: Prior, *names: str) -> None:
    for name in names:
        value = _number(prior, name)
        if not math.isfinite(value):
            raise ModelError(f"{type(prior).__name__}: {name} must be finite, not {value!r}")


def _number(prior: Prior, name: str) -> float:
    value = getattr(prior, name)
    try:
        number = _real(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ModelError(f"{type(prior).__name__}: {name} must be a number, not {value!r}") from error
    object.__setattr__(prior, name, number)
    return number


def _real(value: Any) -> float:
    """Return a number as a float; what merely could be read as one (a text, True) is refused."""
    if isinstance(value, bool | str | bytes) or type(value).__name__ in ("bool_", "bool"):
        raise TypeError(f"{value!r} is not a number")
    return float(value)
