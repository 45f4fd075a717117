"""One number of theta that a family has: its name, where it lies, its prior."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from hierbayes.priors.prior import Prior
from hierbayes.priors.special import Fixed


@dataclass(frozen=True)
class Support:
    """An open interval in which a number lies, with the one coordinate that runs from minus to plus infinity there.

    Attributes
    ----------
    name : str
        As in `Prior.fits`.
    low, high : float
        Its bounds.

    Examples
    --------
    >>> float(POSITIVE.unconstrained(1.0)), float(CORRELATION.unconstrained(0.0)), float(UNIT.constrained(0.0))
    (0.0, 0.0, 0.5)
    """

    name: str
    low: float = -math.inf
    high: float = math.inf

    def unconstrained(self, value: Any) -> Any:
        """Return the coordinate: the number, the log of its distance to the bound, or the log of their ratio."""
        import numpy as np

        above, below = np.subtract(value, self.low), np.subtract(self.high, value)
        if math.isinf(self.low):
            return value if math.isinf(self.high) else -np.log(below)
        return np.log(above) if math.isinf(self.high) else np.log(above) - np.log(below)

    def constrained(self, coordinate: Any) -> Any:
        """Return the number at a coordinate: the inverse of `unconstrained`."""
        import numpy as np

        if math.isinf(self.low):
            return coordinate if math.isinf(self.high) else self.high - np.exp(np.negative(coordinate))
        if math.isinf(self.high):
            return self.low + np.exp(coordinate)
        return self.low + (self.high - self.low) / (1 + np.exp(np.negative(coordinate)))


REAL, POSITIVE = Support("real"), Support("positive", 0.0)
UNIT, CORRELATION = Support("unit", 0.0, 1.0), Support("correlation", -1.0, 1.0)


@dataclass(frozen=True)
class Parameter:
    """One number that a family has beside its location.

    Attributes
    ----------
    name : str
    support : Support
    prior : Prior
    fixed : bool
        Whether the model itself holds it, as known standard errors hold sigma at 1: then it takes no other prior than
        this `Fixed`.
    """

    name: str
    support: Support
    prior: Prior
    fixed: bool = False

    @property
    def held(self) -> float | None:
        """The number at which the model or a prior of the user holds it; None where it is estimated."""
        value = self.prior.value if isinstance(self.prior, Fixed) else None
        return value if isinstance(value, float) else None

    def under(self, prior: Prior) -> Parameter:
        """Return the parameter with another prior."""
        return replace(self, prior=prior)


def prior_of(parameters: Iterable[Parameter], name: str) -> Prior:
    """Return the prior of the parameter of that name."""
    return next(parameter.prior for parameter in parameters if parameter.name == name)
