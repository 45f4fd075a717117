"""One data set of a calibration: parameters from the priors, data from the parameters, ranks among posterior draws."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from hierbayes.design.design import Design
from hierbayes.design.table import Floats, Ints
from hierbayes.engines.assemble import Labels
from hierbayes.engines.base import Problem, Trace
from hierbayes.errors import HierBayesError, SamplingError
from hierbayes.sampling.sampler import Settings
from hierbayes.studies.calibration_quantities import Quantity, of_draws, of_world
from hierbayes.studies.worlds import PriorSource, World

THIN = 5
"""Draws of a chain for each one that is kept."""

LONGEST = 10
"""A chain that mixes badly is run again, up to so many times as long."""

_TIES, _SAMPLER = 0x7469, 0x7361

Sampler = Callable[[Problem, Labels, Settings], Trace]
"""See `calibration_samplers`."""


@dataclass(frozen=True)
class Task:
    """What every data set goes through. Holds arrays and names only, so that it can be sent to another process.

    Attributes
    ----------
    source : PriorSource
        Draws parameters and data, with numpy.
    problem : Problem
        What is fitted, its response replaced.
    quantities : tuple of Quantity
    chosen : Settings
        One chain; its draws are those that are kept.
    sampler : callable
        Takes a problem, its labels and settings to draws for the columns as given.
    """

    source: PriorSource
    problem: Problem
    quantities: tuple[Quantity, ...]
    chosen: Settings
    sampler: Sampler

    @property
    def design(self) -> Design:
        """The design of every data set."""
        return self.source.design


@dataclass(frozen=True)
class RankedSet:
    """What one data set gave.

    Attributes
    ----------
    truth, mean, sd : array, shape (quantities,)
        The value that the data were drawn from; posterior mean and sd over the kept draws. NaN where it failed.
    rank : array of int, shape (quantities,)
        Kept draws below the truth, 0 to draws; ties are broken at random. -1 where it failed.
    place : array, shape (quantities,)
        ``(rank + U) / (draws + 1)`` with U uniform on (0, 1): uniform on (0, 1) under a sampler that is right.
    ess : array, shape (quantities,)
        Bulk effective sample size of the whole chain.
    draws, divergences : int
        Draws of the chain, before thinning.
    seconds : float
    failed : str
        Why the posterior could not be sampled; empty if it was.
    """

    truth: Floats
    mean: Floats
    sd: Floats
    rank: Ints
    place: Floats
    ess: Floats
    draws: int
    divergences: int
    seconds: float
    failed: str = field(default="")


def rank_sets(task: Task, seeds: Sequence[int]) -> list[RankedSet]:
    """Return the ranks of some data sets; each depends on its own seed alone."""
    return [rank_set(task, seed) for seed in seeds]


def rank_set(task: Task, seed: int) -> RankedSet:
    """Draw a world, fit its data and rank the truth among the draws."""
    started = time.perf_counter()
    world = task.source.draw(seed)
    truth = of_world(task.quantities, task.design, world, seed)
    try:
        drawn, effective, trace = _long_enough(task, world, seed)
    except HierBayesError as error:
        return _failed(truth, error.what, time.perf_counter() - started)
    except np.linalg.LinAlgError as error:
        return _failed(truth, str(error), time.perf_counter() - started)
    kept = drawn[_evenly(len(drawn), task.chosen.draws)]
    rank, place = _ranks(truth, kept, seed)
    return RankedSet(
        truth=truth,
        mean=kept.mean(axis=0),
        sd=kept.std(axis=0, ddof=1),
        rank=rank,
        place=place,
        ess=effective,
        draws=len(drawn),
        divergences=int(np.sum(trace.stats["diverging"])) if "diverging" in trace.stats else 0,
        seconds=time.perf_counter() - started,
    )


def _long_enough(task: Task, world: World, seed: int) -> tuple[Floats, Floats, Trace]:
    """Return draws of the quantities (draw, quantity) from a chain whose effective draws are as many as are kept.

    A rank among autocorrelated draws is not uniform (Talts et al. 2018, section 5.1): where the least effective sample
    size is below the number that is kept, the chain is run again, longer.
    """
    problem = replace(task.problem, y=world.y)
    own = int(np.random.SeedSequence([seed, _SAMPLER]).generate_state(1, np.uint64)[0] >> np.uint64(2))
    length = THIN * task.chosen.draws
    drawn, effective, trace = _drawn(task, problem, world, replace(task.chosen, draws=length, seed=own), seed)
    least = float(np.nanmin(effective, initial=np.inf))
    if least < task.chosen.draws:
        longer = length * math.ceil(min(LONGEST, 1.2 * task.chosen.draws / max(least, 1.0)))
        if longer > length:
            return _drawn(task, problem, world, replace(task.chosen, draws=longer, seed=own), seed)
    return drawn, effective, trace


def _drawn(task: Task, problem: Problem, world: World, chosen: Settings, seed: int) -> tuple[Floats, Floats, Trace]:
    trace = task.sampler(problem, task.source.labels, chosen)
    if trace.interrupted:
        raise KeyboardInterrupt
    design = replace(task.design, y=world.y)
    drawn = of_draws(task.quantities, design, task.source.labels, trace, problem, seed)
    if not np.isfinite(drawn).all():
        bad = task.quantities[int(np.flatnonzero(~np.isfinite(drawn).all(axis=0))[0])].name
        raise SamplingError(f"draws of {bad} are not finite")
    if not (np.ptp(drawn, axis=0) > 0).all():
        # quantities differ between data sets: one that does not within a chain tells of a chain that stands still
        raise SamplingError("the chain never moved: the data are too extreme to be sampled")
    return drawn, _bulk_ess(drawn), trace


def _bulk_ess(drawn: Floats) -> Floats:
    """Return the bulk effective sample size of each quantity; NaN for fewer than four draws."""
    from arviz_stats.base import array_stats

    if len(drawn) < 4:
        return np.full(drawn.shape[1], np.nan)
    return np.asarray(array_stats.ess(np.ascontiguousarray(drawn[None]), method="bulk", chain_axis=0, draw_axis=1))


def _evenly(size: int, number: int) -> Ints:
    """Return `number` places, evenly spread over `size` draws."""
    return np.asarray(((2 * np.arange(number) + 1) * size) // (2 * number))


def _ranks(truth: Floats, kept: Floats, seed: int) -> tuple[Ints, Floats]:
    rng = np.random.default_rng([seed, _TIES])
    ties = np.sum(kept == truth, axis=0)
    rank = np.sum(kept < truth, axis=0) + rng.integers(0, ties + 1)
    return rank, (rank + rng.uniform(size=len(rank))) / (len(kept) + 1)


def _failed(truth: Floats, reason: str, seconds: float) -> RankedSet:
    nothing = np.full(len(truth), np.nan)
    return RankedSet(
        truth, nothing, nothing, np.full(len(truth), -1), nothing, nothing, 0, 0, seconds, reason or "it failed"
    )
