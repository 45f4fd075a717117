"""What the engines with a compiled density have in common."""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property
from typing import ClassVar

from hierbayes.engines.base import Ints, Problem
from hierbayes.engines.engine import Engine
from hierbayes.engines.entries import Density
from hierbayes.engines.theta import ThetaLayout, layout
from hierbayes.errors import ModelError
from hierbayes.priors import LKJ, Fixed


class CompiledEngine(Engine):
    """An engine whose density is compiled, and reads what it needs off a tape."""

    density: ClassVar[Density]

    @cached_property
    def layout(self) -> ThetaLayout:
        """Where everything lies in theta."""
        return layout(self.problem)

    @property
    @abstractmethod
    def charted(self) -> Ints:
        """The tape with the chart in which the sampler walks."""

    @property
    def covariance_numbers(self) -> int:
        """Numbers of theta, as far as they are of group-level terms."""
        return sum(k * (k + 1) // 2 for _, k in self.sizes)

    def seconds_per_gradient(self, seconds: float = 1.0) -> float:
        """Return what one evaluation of density and gradient takes, for benchmarks: the least of many batches."""
        return self.density.seconds_per_gradient(self.charted, seconds)


def uncompiled(problem: Problem) -> str | None:
    """Return why no compiled density knows a problem's priors of sds and correlations; None if one does."""
    for block in problem.blocks:
        if not isinstance(block.corr_prior, LKJ | Fixed | None):
            return f"the prior {block.corr_prior} of a correlation is not compiled"
    try:
        layout(problem)
    except ModelError as error:
        return error.what
    return None
