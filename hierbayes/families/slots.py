"""The values by which a family speaks of its parameters, to PyMC and to the joint engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from hierbayes.priors import Flat, HalfStudentT, Prior

if TYPE_CHECKING:
    from pymc.distributions.distribution import Distribution

Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class Slot:
    """A positive parameter of a family beside the location, one number for all rows.

    Attributes
    ----------
    name : str
    symbol : str
        In LaTeX.
    default : callable
        Gives the default prior, from the sd of the response and the smallest response.
    limit : str or None
        The likelihood to which that of the family tends as the parameter grows, where a flat prior would make the
        posterior improper.
    below_responses : bool
        Whether it lies below every response.
    """

    name: str
    symbol: str
    default: Callable[[float, float], Prior]
    limit: str | None = None
    below_responses: bool = False

    def default_prior(self, sd: float, least: float, flat: bool) -> Prior:
        """Return the default prior; a flat one where that is asked for and leaves a proper posterior."""
        return Flat() if flat and self.limit is None and not self.below_responses else self.default(sd, least)


SIGMA = Slot("sigma", r"\sigma", lambda sd, least: HalfStudentT(3, sd))
"""The residual sd."""


@dataclass(frozen=True)
class Law:
    """A distribution of PyMC with its arguments."""

    kind: type[Distribution]
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Compiled:
    """What the compiled density of the joint engine reads of the responses.

    Attributes
    ----------
    code : str
        The compiled likelihood, a key of `hierbayes.engines.joint.tape.CODES`.
    a, b : array, shape (n,) or (n, predictors)
        Two numbers a row: see `hierbayes.engines.joint.likelihoods`.
    adds : str
        Which rows of one predictor may be one row: "all", their numbers added up; "equal", those that agree in `a`,
        with `b` added up; "none".
    constant : float
        What of the log likelihood depends on no parameter.
    coefficient : float
        That of ``-log sigma``, or of ``alpha`` for the gamma.
    counts : array, shape (2, distinct)
        Distinct responses and the sums of their weights, where the density needs them.
    """

    code: str
    a: Any
    b: Any
    adds: str = "all"
    constant: float = 0.0
    coefficient: float = 0.0
    counts: Any = field(default_factory=lambda: np.zeros((2, 0)))
