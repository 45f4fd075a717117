"""The collapsed engine of one problem: what is prepared once, and what is asked of it.

beta and b are integrated out exactly; a sampler walks over theta alone, and `expand` draws beta and b afterwards.
"""

# mypy: allow-untyped-calls
from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from hierbayes.engines.base import Expanded, Floats, Ints, Problem
from hierbayes.engines.collapsed.lapack import LARGE
from hierbayes.engines.collapsed.mode import Mode, find_mode
from hierbayes.engines.collapsed.pack import build_tape, with_chart
from hierbayes.engines.collapsed.recover import Recovered, by_block, recover
from hierbayes.engines.collapsed.statistics import Statistics, accumulate
from hierbayes.engines.collapsed.threads import one_blas_thread, usable_cores
from hierbayes.engines.entries import functions, log_density
from hierbayes.engines.scalars import from_coordinate
from hierbayes.engines.theta import Theta, ThetaLayout, far_start, layout, log_jacobian, pack, unpack_draws
from hierbayes.errors import ModelError
from hierbayes.priors import LKJ, Fixed, Flat, Normal

if TYPE_CHECKING:
    from hierbayes.engines.collapsed.surrogate import Walked

TUNE = 150
"""Warm-up steps in the chart; four times as many where the starts disagree about the mode."""

DEAR = 2e8
"""Multiplications in a gradient (`Statistics.work`) from which a surrogate beats NUTS."""

_WIDEST = 8
"""Numbers in theta up to which a polynomial can stand in for the density."""

_RECOVERY = 0x6265
"""Keeps the random numbers of beta and b apart from those of theta."""


def refusal(problem: Problem) -> str | None:
    """Return why the engine does not take a problem, None if it does."""
    if not problem.likelihood.conjugate:
        return f"the {problem.family} family does not integrate out"
    for prior in problem.beta_priors:
        if not isinstance(prior, Normal | Flat):
            return f"the prior {prior} of a coefficient does not integrate out"
    for block in problem.blocks:
        if not isinstance(block.corr_prior, LKJ | Fixed | None):
            return f"the prior {block.corr_prior} of a correlation is not compiled"
    try:
        layout(problem)
    except ModelError as error:
        return error.what
    return None


class CollapsedEngine:
    """A problem with its sufficient statistics, its mode and the chart around it, each made on first use."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem

    @cached_property
    def layout(self) -> ThetaLayout:
        """Where everything lies in theta."""
        return layout(self.problem)

    @cached_property
    def statistics(self) -> Statistics:
        """The sufficient statistics; raises ModelError where the dense border would be too large."""
        return accumulate(self.problem)

    @cached_property
    def tape(self) -> Ints:
        """Everything that the compiled density reads, flat, without a chart."""
        return build_tape(self.problem, self.statistics, self.layout)

    @property
    def dear(self) -> bool:
        """Whether a gradient costs so much that a surrogate is worth its while."""
        return self.statistics.work > DEAR and 0 < self.layout.dim <= _WIDEST

    def chains_side_by_side(self) -> AbstractContextManager[None]:
        """Hold BLAS to one thread where the kernels call it; to find its threads takes as long as a mode."""
        large = self.statistics.structure.border + self.statistics.p >= LARGE
        return one_blas_thread() if large else nullcontext()

    @cached_property
    def mode(self) -> Mode:
        """The mode of theta and the curvature there."""
        far = far_start(self.problem, self.layout)
        with self.chains_side_by_side():
            if self.dear:
                return find_mode(self.tape, starts=1, rough=self._rough(), cores=usable_cores(), far=far)
            return find_mode(self.tape, far=far)

    def _rough(self) -> Floats:
        """Return rough curvatures of the log density in theta: those of an sd known as well as its levels allow."""
        own, problem = self.layout, self.problem
        counts = [block.n_levels for block in problem.blocks for _ in block.sd_priors] + [problem.n]
        rough = np.ones(own.dim)
        for (_, kind, place), (_, _, a, b, _), known in zip(own.scalar_ints, own.scalar_floats, counts, strict=True):
            if place >= 0:
                rough[place] += 2 * known * from_coordinate(kind, a, b, 0.0)[1] ** 2
        for (k, _, place, _), block in zip(own.block_ints, problem.blocks, strict=True):
            if place >= 0:
                rough[place : place + k * (k - 1) // 2] += block.n_levels
        return rough

    @cached_property
    def charted(self) -> Ints:
        """The tape with the chart ``theta = mode + C z`` in which the sampler walks."""
        return with_chart(self.tape, self.mode.theta, self.mode.factor)

    def expand(self, theta: Floats, seed: int, cores: int) -> Expanded:
        """Return sds, correlations and sigma at each theta, and a draw of beta and b given it."""
        with self.chains_side_by_side():
            drawn = recover(self.problem, self.tape, theta, [seed, _RECOVERY], cores)
        return self._expanded(theta, drawn)

    def expand_walked(self, walked: Walked) -> Expanded:
        """Return sds, correlations and sigma at each theta, with the beta and b that were drawn on the way."""
        draws = walked.accepted.size
        theta, beta, b = (part.reshape(draws, part.shape[2]) for part in (walked.theta, walked.beta, walked.b))
        return self._expanded(theta, Recovered(beta, by_block(self.problem, b)))

    def _expanded(self, theta: Floats, drawn: Recovered) -> Expanded:
        sds, corrs, sigma, _ = unpack_draws(self.layout, theta)
        return Expanded(sds, corrs, sigma, drawn.beta, drawn.b)

    def seconds_per_gradient(self, seconds: float = 1.0) -> float:
        """Return what one evaluation of density and gradient takes, for benchmarks: the least of many batches."""
        import time

        z, grad, value = np.full(self.layout.dim, 0.1), np.empty(self.layout.dim), np.empty(1)
        pointers = [array.ctypes.data for array in (z, grad, value, self.charted)]
        density = functions()["hierbayes_density"]
        best, stop, batch = np.inf, time.perf_counter() + seconds, 1
        while time.perf_counter() < stop:
            started = time.perf_counter()
            for _ in range(batch):
                density(len(z), *pointers)
            gone = time.perf_counter() - started
            best = min(best, gone / batch)
            batch = batch if gone > 0.01 else 2 * batch
        return best

    def log_density(self, value: Theta) -> float:
        """Return the log density of (sd, corr, sigma) and y, beta and b integrated out, in internal coordinates."""
        theta = pack(self.layout, value)
        found = log_density(self.tape, theta)
        return found - log_jacobian(self.layout, theta)
