"""The collapsed engine of one problem: what is prepared once, and what is asked of it.

beta and b are integrated out exactly; a sampler walks over theta alone, and `expand` draws beta and b afterwards.
"""

# mypy: allow-untyped-calls
from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import cached_property

import numpy as np

from hierbayes.engines.base import Expanded, Floats, Ints, Problem, Trace
from hierbayes.engines.collapsed.conditional import Conditional
from hierbayes.engines.collapsed.entries import DENSITY
from hierbayes.engines.collapsed.lapack import LARGE
from hierbayes.engines.collapsed.mode import Mode, find_mode, rough_curvatures
from hierbayes.engines.collapsed.pack import with_chart
from hierbayes.engines.collapsed.recover import Recovered, by_block, recover
from hierbayes.engines.collapsed.statistics import Statistics
from hierbayes.engines.collapsed.threads import one_blas_thread, usable_cores
from hierbayes.engines.compiled import CompiledEngine, uncompiled
from hierbayes.engines.engine import Sampler, Settings
from hierbayes.engines.naming import THETA
from hierbayes.engines.pointer import nutpie_model
from hierbayes.engines.theta import Theta, far_start, log_jacobian, pack, unpack_draws
from hierbayes.errors import SamplingError
from hierbayes.priors import Flat, Normal

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
    return uncompiled(problem)


class CollapsedEngine(CompiledEngine):
    """A problem with its sufficient statistics, its mode and the chart around it, each made on first use."""

    name = "collapsed"
    merit = "beta and b integrate out exactly"
    preparing = "preparing the compiled kernels (longer, once, after installation)"
    density = DENSITY

    @property
    def suited(self) -> bool:
        return self.problem.likelihood.conjugate

    def refuses(self) -> str | None:
        return refusal(self.problem)

    def prepare(self) -> None:
        _ = self.tape

    def cost(self) -> str | None:
        """Return why this engine would be the slower one, by a rough estimate; None if it is not.

        Seconds an effective draw: 2e-11 a multiplication of `Statistics.work` by surrogate and ten times that by NUTS;
        7e-7 a row and term in PyMC. Both were measured on InstEval; only a large difference counts.
        """
        seconds = self.statistics.work * (2e-11 if self.dear else 2e-10)
        other = 7e-7 * self.problem.n * (1 + len(self.problem.blocks))
        if seconds < 3 * other or seconds < 1e-2:
            return None
        border = self.statistics.structure.border
        return (
            f"integrating out a border of {border} crossed effects would cost about {seconds:.2g} s an effective draw"
        )

    @property
    def walked(self) -> int:
        return self.covariance_numbers

    @cached_property
    def conditional(self) -> Conditional:
        """What is known given theta; raises ModelError where the dense border would be too large."""
        return Conditional(self.problem)

    @property
    def statistics(self) -> Statistics:
        """The sufficient statistics."""
        return self.conditional.statistics

    @property
    def tape(self) -> Ints:
        """Everything that the compiled density reads, flat, without a chart."""
        return self.conditional.tape

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
                rough = rough_curvatures(self.problem, self.layout, np.zeros(self.layout.dim))
                return find_mode(self.tape, starts=1, rough=rough, cores=usable_cores(), far=far)
            return find_mode(self.tape, far=far)

    @cached_property
    def charted(self) -> Ints:
        """The tape with the chart ``theta = mode + C z`` in which the sampler walks."""
        return with_chart(self.tape, self.mode.theta, self.mode.factor)

    def expand(self, theta: Floats, seed: int, cores: int) -> Expanded:
        """Return sds, correlations and sigma at each theta, and a draw of beta and b given it."""
        with self.chains_side_by_side():
            drawn = recover(self.problem, self.tape, theta, [seed, _RECOVERY], cores)
        return self._expanded(theta, drawn)

    def _expanded(self, theta: Floats, drawn: Recovered) -> Expanded:
        sds, corrs, sigma, _ = unpack_draws(self.layout, theta)
        return Expanded(sds, corrs, sigma, drawn.beta, drawn.b)

    def sample(self, chosen: Settings, sampler: Sampler) -> Trace:
        found, expanded = self._walk(chosen, sampler)
        return self._named(found, expanded)

    def _named(self, found: Trace, drawn: Expanded) -> Trace:
        theta = found.draws["theta"]
        return replace(found, draws={**self.named(drawn, len(theta)), THETA: theta})

    def sample_theta(self, chosen: Settings, sampler: Sampler) -> Floats:
        """Return draws (chain, draw, theta) of theta alone, without beta and b.

        Raises
        ------
        SamplingError
            If it is interrupted.
        """
        if self.layout.dim == 0:
            return _still(chosen).draws["theta"]
        found = self._walk(chosen, sampler)[0] if self.dear else self._by_nuts(chosen, sampler)
        if found.interrupted:
            raise SamplingError("interrupted: there is no result yet")
        return found.draws["theta"]

    def _walk(self, chosen: Settings, sampler: Sampler) -> tuple[Trace, Expanded]:
        """Return what the sampler gave, and draws of everything in internal coordinates."""
        if self.layout.dim > 0:
            with sampler.working("looking for the mode", chosen.progress):
                _ = self.mode
            walked = self._by_surrogate(chosen, sampler) if self.dear else None
            if walked is not None:
                return walked
        found = self._by_nuts(chosen, sampler) if self.layout.dim > 0 else _still(chosen)
        chains, draws, dim = found.draws["theta"].shape
        return found, self.expand(found.draws["theta"].reshape(chains * draws, dim), chosen.seed, chosen.threads)

    def _by_nuts(self, chosen: Settings, sampler: Sampler, start: Floats | None = None) -> Trace:
        """Return draws of theta by NUTS; all chains start at one theta if it is given."""
        tape = self.charted if start is None else with_chart(self.tape, start, self.mode.factor)
        with self.chains_side_by_side():
            return sampler.run(
                nutpie_model(tape, DENSITY, jitter=1.0 if start is None else 0.0),
                chosen,
                tune=TUNE if self.mode.agree else 4 * TUNE,
                target_accept=0.9,
            )

    def _by_surrogate(self, chosen: Settings, sampler: Sampler) -> tuple[Trace, Expanded] | None:
        """Return draws by a surrogate's proposals, None if the surrogate is too far from the density."""
        from hierbayes.engines.collapsed.surrogate import LEAST_EFFICIENCY, fit_surrogate, sample_by_surrogate

        with sampler.working("fitting a surrogate of the density", chosen.progress):
            surrogate = fit_surrogate(self.tape, self.mode, chosen.threads, chosen.seed)
        if surrogate.efficiency < LEAST_EFFICIENCY:
            return None
        what, steps = f"sampling {chosen.chains} chains", chosen.chains * chosen.draws
        with sampler.counting(what, steps, chosen.progress) as advance:
            walked = sample_by_surrogate(
                self.tape, surrogate, chosen.draws, chosen.chains, chosen.threads, chosen.seed, advance
            )
        stats = {"diverging": np.zeros(walked.accepted.shape, dtype=bool), "accepted": walked.accepted}
        spent = self.mode.gradients + surrogate.values + walked.values
        theta, beta, b = (part.reshape(steps, part.shape[2]) for part in (walked.theta, walked.beta, walked.b))
        drawn = self._expanded(theta, Recovered(beta, by_block(self.problem, b)))
        return Trace({"theta": walked.theta}, stats, spent, False), drawn

    def resume(self, chosen: Settings, theta: Floats | None, sampler: Sampler) -> Trace:
        if theta is None or theta.shape[1] == 0 or self.dear:
            return self.sample(chosen, sampler)
        seeds = np.random.SeedSequence(chosen.seed).generate_state(len(theta) + 1, np.uint64) >> np.uint64(2)
        found = [
            self._by_nuts(chosen.alone(int(seed)), sampler, start)
            for start, seed in zip(theta, seeds[:-1], strict=True)
        ]
        if any(trace.interrupted for trace in found):
            raise SamplingError("interrupted: the fit is as it was")
        walked = np.concatenate([trace.draws["theta"] for trace in found])
        expanded = self.expand(walked.reshape(-1, theta.shape[1]), int(seeds[-1]), chosen.threads)
        common = set.intersection(*(set(trace.stats) for trace in found))
        stats = {key: np.concatenate([trace.stats[key] for trace in found]) for key in found[0].stats if key in common}
        return self._named(Trace({"theta": walked}, stats, sum(trace.gradients for trace in found), False), expanded)

    def log_density(self, value: Theta) -> float:
        """Return the log density of (sd, corr, sigma) and y, beta and b integrated out, in internal coordinates."""
        theta = pack(self.layout, value)
        return DENSITY.log_density(self.tape, theta) - log_jacobian(self.layout, theta)

    def log_densities(self, points: Floats, cores: int = 1, advance: Callable[[], None] = lambda: None) -> Floats:
        """Return ``log p(y, theta)`` at rows of theta, -inf where it is no number; `advance` is called after each."""
        from hierbayes.engines.collapsed.kernel import log_density

        floats, nothing = self.tape.view(np.float64), np.zeros(0)
        found, points = np.empty(len(points)), np.ascontiguousarray(points)

        def share(first: int) -> None:
            for i in range(first, len(points), cores):
                found[i] = log_density(self.tape, floats, points[i], nothing)
                advance()

        if cores == 1:
            share(0)
        else:
            with ThreadPoolExecutor(cores) as pool:
                list(pool.map(share, range(cores)))
        return np.where(np.isnan(found), -np.inf, found)


def _still(chosen: Settings) -> Trace:
    """Return the draws of a theta that has no free numbers."""
    shape = (chosen.chains, chosen.draws)
    return Trace({"theta": np.zeros((*shape, 0))}, {"diverging": np.zeros(shape, dtype=bool)}, 0, False)
