"""Priors that are no law of one number: of a correlation matrix, a known value, and what only PyMC knows."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from hierbayes.errors import ModelError
from hierbayes.priors.prior import NoLawError, Prior, real_number, scipy_law

if TYPE_CHECKING:
    import numpy as np

    from hierbayes.priors.prior import Floats


@dataclass(frozen=True)
class LKJ(Prior):
    """LKJ distribution of a correlation matrix: density proportional to ``det(corr) ** (eta - 1)``.

    `eta` of 1 is uniform over correlation matrices; larger values favour small correlations.
    """

    fits = ("correlation",)
    eta: float = 2.0

    def widened(self, name: str, factor: float) -> Self:
        return replace(self, eta=self.eta / factor)

    def law(self, k: int = 1) -> Any:
        # Beta(a, a) on (-1, 1): Lewandowski, Kurowicka and Joe (2009), Journal of Multivariate Analysis 100, section 3
        a = self.eta + k / 2 - 1
        return scipy_law("beta", a, a, loc=-1, scale=2)

    def log_density(self, value: Any) -> Any:
        import numpy as np

        k, eta = np.shape(value)[-1], self.eta
        norm = sum(
            math.lgamma(eta + 0.5 * (k - 1)) - 0.5 * i * math.log(math.pi) - math.lgamma(eta + 0.5 * (k - 1 - i))
            for i in range(1, k)
        )
        return norm + (eta - 1) * np.linalg.slogdet(value)[1]

    def draw_factors(self, k: int, draws: int, rng: np.random.Generator) -> Floats:
        """Return Cholesky factors of correlation matrices, shape (draws, k, k).

        The partial correlations of the rows, ``C[i, j] = r_ij prod_{m<j} sqrt(1 - r_im^2)``, are independent and
        ``(r_ij + 1) / 2 ~ Beta(a, a)`` with ``a = eta + (k - j - 2) / 2``, j from 0 (Lewandowski et al. 2009).
        """
        import numpy as np

        factor = np.broadcast_to(np.eye(k), (draws, k, k)).copy()
        for i in range(1, k):
            rest = np.ones(draws)
            for j in range(i):
                a = self.eta + (k - j - 2) / 2
                r = 2 * rng.beta(a, a, draws) - 1
                factor[:, i, j] = r * rest
                rest = rest * np.sqrt(1 - r**2)
            factor[:, i, i] = rest
        return factor

    def factor_in_pymc(self, name: str, k: int) -> Any:
        import pymc as pm

        return pm.LKJCorr(name, n=k, eta=self.eta)


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

    fits = ("positive", "correlation")
    parametric = False
    value: float | tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        value: Any = self.value
        frozen: float | tuple[tuple[float, ...], ...]
        try:
            nested = hasattr(value, "__len__") and getattr(value, "ndim", 2) > 0
            frozen = tuple(tuple(map(real_number, row)) for row in value) if nested else real_number(value)
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

    def widened(self, name: str, factor: float) -> Self:
        raise ModelError(f"{name} is fixed at {self.value}: there is no prior whose scale could change")

    def law(self, k: int = 1) -> Any:
        raise NoLawError("it is fixed" if k > 1 else f"it is fixed at {self.value}")

    def log_density(self, value: Any) -> Any:
        import numpy as np

        return np.zeros(np.shape(value))

    def draw(self, draws: int, rng: np.random.Generator) -> Floats:
        import numpy as np

        return np.full(draws, self.value) if isinstance(self.value, float) else super().draw(draws, rng)

    @property
    def limits(self) -> tuple[float, float]:
        return (self.value, self.value) if isinstance(self.value, float) else super().limits

    def matrix(self, k: int) -> Floats:
        """Return the correlation matrix of k columns, of which one number is every correlation."""
        import numpy as np

        given = np.asarray(self.value)
        return np.where(np.eye(k, dtype=bool), 1.0, given) if given.ndim == 0 else given

    def draw_factors(self, k: int, draws: int, rng: np.random.Generator) -> Floats:
        import numpy as np

        return np.broadcast_to(np.linalg.cholesky(self.matrix(k)), (draws, k, k)).copy()

    def in_pymc(self, name: str, positive: bool = True, **kwargs: Any) -> Any:
        import numpy as np
        import pytensor.tensor as pt

        return pt.as_tensor(np.float64(self.value))  # type: ignore[arg-type]

    def factor_in_pymc(self, name: str, k: int) -> Any:
        import numpy as np

        return np.linalg.cholesky(self.matrix(k))


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

    fits = ("real", "positive", "correlation")
    parametric = False
    drawable = False
    make: Callable[..., Any]

    def __post_init__(self) -> None:
        if not callable(self.make):
            raise ModelError(f"Custom takes a function of (name, **kwargs), not {self.make!r}")

    def __str__(self) -> str:
        return f"Custom({getattr(self.make, '__name__', repr(self.make))})"

    def widened(self, name: str, factor: float) -> Self:
        raise ModelError(f"the prior {self} of {name} is a function, whose scale is not known")

    def log_density(self, value: Any) -> Any:
        raise ModelError(f"the density of the prior {self} is known to the PyMC model only")

    def in_pymc(self, name: str, positive: bool = True, **kwargs: Any) -> Any:
        return self.make(name, **kwargs)

    def factor_in_pymc(self, name: str, k: int) -> Any:
        return self.make(name, n=k)
