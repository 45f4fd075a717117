"""What every prior is asked: its law, its draws, how engines and files write it; what it may be the prior of.

Scales are in the units of the parameter: a prior for a standard deviation refers to the sd, never to the variance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from hierbayes.errors import ModelError
from hierbayes.priors.codes import MAP_LOG

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


class NoLawError(Exception):
    """A prior that is not known in closed form; the message says why."""


@dataclass(frozen=True)
class Prior:
    """Base of every prior. Subclasses state their parameters, with the names of PyMC, and their law.

    Attributes
    ----------
    fits : tuple of str
        What it may be the prior of: ``real``, ``positive`` or ``correlation``.
    signed : tuple of str
        Those of its parameters that may have either sign; the others are positive.
    scale, rate : str
        The one of its parameters that is multiplied, or divided, where the number is multiplied.
    code : int
        By which the kernels know the law of a positive number, see `codes`; -1 where they do not.
    parametric : bool
        Whether it is a distribution that its parameters state.
    drawable : bool
        Whether numpy can draw from it.
    reaches_zero : bool
        Whether a positive number may come as near to 0 as the data take it.
    """

    fits: ClassVar[tuple[str, ...]] = ()
    signed: ClassVar[tuple[str, ...]] = ()
    scale: ClassVar[str] = ""
    rate: ClassVar[str] = ""
    code: ClassVar[int] = -1
    parametric: ClassVar[bool] = True
    drawable: ClassVar[bool] = True
    reaches_zero: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for parameter in (f.name for f in fields(self)):
            value = getattr(self, parameter)
            try:
                number = real_number(value)
            except (TypeError, ValueError, OverflowError) as error:
                raise ModelError(f"{type(self).__name__}: {parameter} must be a number, not {value!r}") from error
            object.__setattr__(self, parameter, number)
            if not (math.isfinite(number) and (number > 0 or parameter in self.signed)):
                wanted = "finite" if parameter in self.signed else "positive and finite"
                raise ModelError(f"{type(self).__name__}: {parameter} must be {wanted}, not {number!r}")

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
        if self.scale:
            return replace(self, **{self.scale: getattr(self, self.scale) * factor})
        if self.rate:
            return replace(self, **{self.rate: getattr(self, self.rate) / factor})
        raise ModelError(f"the prior {self} has no scale that could be multiplied by {factor:g}")

    def widened(self, name: str, factor: float) -> Self:
        """Return the prior of the parameter `name` with its scale multiplied; see `hierbayes.sensitivity`.

        Raises
        ------
        ModelError
            If it has no scale.
        """
        return self.scaled(factor)

    @property
    def limits(self) -> tuple[float, float]:
        """What the parameter lies between."""
        return -math.inf, math.inf

    @property
    def why_no_law(self) -> str:
        """Why it has no density or draws here."""
        return f"the density of its prior, {self}, is known to the PyMC model only"

    def law(self, k: int = 1) -> Any:
        """Return the frozen SciPy distribution of the number; of one correlation of k columns.

        Raises
        ------
        NoLawError
            If it has no density that is known here; says why.
        """
        raise NoLawError(self.why_no_law)

    def log_density(self, value: Any) -> Any:
        """Return the log density at a number or an array; of correlations at a matrix or a stack of them.

        0 where the prior is flat or fixed.
        """
        return self.law().logpdf(value)

    def draw(self, draws: int, rng: np.random.Generator) -> Floats:
        """Return draws of one number.

        Raises
        ------
        ModelError
            If it is flat or known to PyMC only.
        """
        raise ModelError(f"one cannot draw from the prior {self}")

    def draw_factors(self, k: int, draws: int, rng: np.random.Generator) -> Floats:
        """Return draws of Cholesky factors of k by k correlation matrices, shape (draws, k, k)."""
        raise ModelError(f"one cannot draw from the prior {self}")

    @property
    def encoded(self) -> tuple[int, float, float]:
        """The code and the two numbers by which the kernels know the prior of a positive number.

        Raises
        ------
        ModelError
            If they do not know it.

        Examples
        --------
        >>> from hierbayes.priors import HalfNormal
        >>> HalfNormal(2.0).encoded
        (1, 2.0, 0.0)
        """
        if self.code < 0:
            raise ModelError(
                f"the compiled kernels have no prior {self} for a standard deviation",
                'choose another prior, or sample with engine="pymc"',
            )
        first, second, *_ = (*(getattr(self, f.name) for f in fields(self)), 0.0, 0.0)
        return self.code, first, second

    def coordinate(self, scale: float, log_only: bool = False) -> tuple[int, float, float]:
        """Return the code and the two numbers of the coordinate in which a positive number is sampled.

        Parameters
        ----------
        scale : float
            A size that the data suggest, for priors that state none.
        log_only : bool
            Walk in the logarithm whatever the prior.

        Examples
        --------
        >>> from hierbayes.priors import HalfStudentT
        >>> HalfStudentT(3, 10.0).coordinate(scale=1.0)
        (2, 10.0, 0.0)
        """
        return (MAP_LOG, math.log(scale), 1.0) if log_only else self._coordinate(scale)

    def _coordinate(self, scale: float) -> tuple[int, float, float]:
        raise NotImplementedError

    def distribution(self, positive: bool) -> str:
        """Return the name of PyMC's distribution, and Bambi's."""
        return type(self).__name__

    def in_pymc(self, name: str, positive: bool = True, **kwargs: Any) -> Any:
        """Return a variable in the PyMC model that is open; a constant where it is fixed."""
        import pymc as pm

        return getattr(pm, self.distribution(positive))(name, **{**vars(self), **kwargs})

    def factor_in_pymc(self, name: str, k: int) -> Any:
        """Return the Cholesky factor of a k by k correlation matrix in the PyMC model that is open."""
        raise NotImplementedError


@dataclass(frozen=True)
class PositivePrior(Prior):
    """Base of the priors of a positive number: an sd or `sigma`."""

    fits = ("positive",)

    @property
    def limits(self) -> tuple[float, float]:
        return 0.0, math.inf


def scipy_law(name: str, *numbers: float, **scale: float) -> Any:
    """Return a frozen distribution; SciPy loads when the first is asked for."""
    from scipy import stats

    return getattr(stats, name)(*numbers, **scale)


def shared_parameters(priors: Sequence[Prior]) -> dict[str, Floats] | None:
    """Return the parameters of priors of one kind as arrays; None if the kinds differ or have no distribution."""
    import numpy as np

    if len({type(prior) for prior in priors}) != 1 or not priors[0].parametric:
        return None
    return {f.name: np.asarray([getattr(prior, f.name) for prior in priors]) for f in fields(priors[0])}


def real_number(value: Any) -> float:
    """Return a number as a float; what merely could be read as one (a text, True) is refused."""
    if isinstance(value, bool | str | bytes) or type(value).__name__ in ("bool_", "bool"):
        raise TypeError(f"{value!r} is not a number")
    return float(value)
