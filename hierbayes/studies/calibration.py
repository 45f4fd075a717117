"""`calibrate`: simulation-based calibration of a model's posterior."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hierbayes.comparison.prior_draws import drawable
from hierbayes.design.scaling import prior_table
from hierbayes.errors import ModelError, SamplingError
from hierbayes.estimates.plain import plain_design
from hierbayes.model import Fit, Model
from hierbayes.sampling.memory import require_memory
from hierbayes.sampling.sampler import Settings, counting, quiet_libraries, settings, whole_number
from hierbayes.studies.calibration_quantities import quantities_of
from hierbayes.studies.calibration_result import Calibration
from hierbayes.studies.calibration_samplers import sample_by
from hierbayes.studies.calibration_sets import RankedSet, Task, rank_sets
from hierbayes.studies.calibration_store import Store, header_of
from hierbayes.studies.worlds import PriorSource

FEWEST = 20
"""Data sets without which the ranks say nothing."""

FEWEST_DRAWS = 10
_SEEDS = 0x7362
_OF_A_SET = 100
"""Numbers that a data set takes while it waits: fewer than it does."""
_PROBES = 3
_BATCH = 16
_PAUSE = 10.0
"""Seconds between two writings of what is finished."""


def calibrate(
    model: Model | Fit,
    n: int = 200,
    *,
    seed: int | None = None,
    draws: int = 100,
    engine: str = "auto",
    executor: Executor | None = None,
    progress: bool | None = None,
    resume: str | Path | None = None,
) -> Calibration:
    r"""Check that posteriors are right, by simulation-based calibration.

    Parameters are drawn from the priors of the model, data from the parameters, at the design of the model and with
    plain numpy; the data are fitted, with the priors at the same numbers. If the posterior is right, the truth is a
    draw from it like any other: its rank among L of its draws is uniform on 0, ..., L, for every quantity. Too often at
    both ends: posteriors are too narrow. In the middle: too wide. On one side: biased.

    What is ranked: every coefficient, sd (not variance), correlation and sigma; the effects of the smallest level of
    each grouping factor; the log likelihood, which sees errors that no single parameter shows (Modrak et al. 2023); and
    a prediction for a new level. Parameters that are fixed are left out.

    Parameters
    ----------
    model : Model or Fit
        Its data give the design and, through the default priors, the scale; its response plays no other part.
    n : int
        Data sets, at least 20.
    seed : int, optional
        Fixes every number, whatever runs it. The first data sets of a larger calibration are the same.
    draws : int
        L, the draws of each posterior that are kept, at least 10: evenly spread over one chain of five times as many. A
        chain with fewer effective draws than are kept is run again, longer.
    engine : str
        As in `Model.fit`; chosen once for all data sets. PyMC compiles once in every process that runs them, up to a
        minute.
    executor : concurrent.futures.Executor, optional
        Where data sets run: threads, processes, or a cluster that speaks this protocol. It is not shut down. By default
        threads on all cores: the kernels and the sampler release the interpreter's lock.
    progress : bool, optional
        Show a progress bar; by default when it takes longer than two seconds.
    resume : path, optional
        A file (numpy's npz) that keeps the finished data sets. If it is there, they are not run again. Needs a seed;
        model, seed, draws and engine must be the same, n may grow.

    Returns
    -------
    Calibration
        With `.passed`, `.table()`, `.ranks`, `.failures`, `.plot()`.

    Raises
    ------
    ModelError
        If a prior is improper or `Custom`, so that nothing can be drawn from it; or an option is out of range.
    DataError
        If the file at `resume` belongs to another calibration, or cannot be written.
    SamplingError
        If it is interrupted. What is finished is in `resume`.

    Notes
    -----
    A data set whose posterior cannot be sampled is counted in `.failures`, with the reason.

    Under default priors families with a log or a logit link reach responses that no double holds: a share of exactly 0,
    a count of 1e20. Such data sets count as failures; priors that keep the response within what can be seen avoid them.

    Talts, Betancourt, Simpson, Vehtari and Gelman (2018), arXiv:1804.06788. Modrak, Moon, Kim, Bürkner, Huurre,
    Faltejsková, Gelman and Vehtari (2023), Bayesian Analysis.

    Examples
    --------
    >>> import hierbayes as hb
    >>> model = hb.Model("Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff"))
    >>> found = hb.calibrate(model, n=40, seed=1, draws=50, progress=False)
    >>> found.passed, found.table()["quantity"].tolist()
    (True, ['Intercept', 'sd_Batch[Intercept]', 'sigma', 'b_Batch[A, Intercept]', 'log likelihood', 'new level'])
    """
    kept = whole_number("draws", draws, FEWEST_DRAWS)
    chosen = settings(draws=kept, chains=1, cores=1, seed=seed, progress=False)
    sets = whole_number("n", n, FEWEST)
    require_memory(_OF_A_SET * sets, f"{sets} data sets", "ask for a smaller n=")
    outer = settings(draws=sets, seed=chosen.seed, progress=progress)
    if resume is not None and seed is None:
        raise ModelError("resume needs a seed: without one, every run has data sets of its own", "write seed=1")
    if executor is not None and not hasattr(executor, "submit"):
        raise ModelError(f"executor={executor!r} is no executor", "pass a concurrent.futures.Executor")
    own = _model(model)
    name = own.runner.choose(engine, progress)[0]
    own.runner.check_memory(name, chosen)
    task = make_task(own, chosen, name)
    formula = own.spec.formula.text
    store = None if resume is None else Store(resume, header_of(task, formula, name, chosen.seed))
    seeds = seeds_of(chosen.seed, outer.draws)
    outcomes = run_sets(task, seeds, executor, outer.progress, store)
    return Calibration(formula, name, task.quantities, chosen.draws, seeds, outcomes)


def _model(model: Any) -> Model:
    if not isinstance(model, Model | Fit):
        raise ModelError(f"hb.calibrate takes a Model or a Fit, not {type(model).__name__}")
    own = model.model if isinstance(model, Fit) else model
    if not isinstance(own, Model):
        raise ModelError("the fit was saved without its data, so there is no design to simulate at", "make the model")
    return own


def make_task(model: Model, chosen: Settings, engine: str) -> Task:
    """Return what every data set goes through.

    Raises
    ------
    ModelError
        If nothing can be drawn from a prior; it is named.
    """
    _refuse_priors(model)
    source = PriorSource(plain_design(model.design), model.problem, model.labels)
    quantities = quantities_of(source, seeds_of(chosen.seed, _PROBES))
    return Task(source, model.problem, quantities, chosen, sample_by(engine, model.problem.y))


def _refuse_priors(model: Model) -> None:
    table = prior_table(model.resolved_priors, model.design)["prior"]
    flat = list(dict.fromkeys(table.index[table == "Flat()"]))
    if flat:
        raise ModelError(
            f"calibration draws parameters from their priors, and {', '.join(flat)} "
            f"{'has a flat one, which is' if len(flat) == 1 else 'have flat ones, which are'} no distribution",
            "give proper priors, or leave them to their defaults",
        )
    if not drawable(model.problem):
        custom = list(table.index[table.str.startswith("Custom(")])
        what = f"the priors of {', '.join(custom)}" if custom else f"the {model.problem.family} family"
        raise ModelError(f"calibration draws data with numpy, which does not know {what}")


def seeds_of(seed: int, n: int) -> tuple[int, ...]:
    """Return the seed of each data set; more of them begin with the same ones."""
    states = np.random.SeedSequence([seed, _SEEDS]).generate_state(n, np.uint64) >> np.uint64(2)
    return tuple(int(state) for state in states)


def run_sets(
    task: Task,
    seeds: Sequence[int],
    executor: Executor | None = None,
    progress: bool | None = False,
    store: Store | None = None,
) -> tuple[RankedSet, ...]:
    """Run all data sets that are not in the store, several at a time, and return them in order.

    Raises
    ------
    SamplingError
        If it is interrupted.
    """
    kept = {} if store is None else store.read()
    done = {number: own for number, own in kept.items() if number < len(seeds)}
    todo = [i for i in range(len(seeds)) if i not in done]
    try:
        with quiet_libraries(), counting(f"{len(todo)} data sets", len(todo), progress) as advance:
            for number, outcome in _finished(task, seeds, todo, executor, _saver(store, kept)):
                done[number] = outcome
                advance()
    except KeyboardInterrupt:
        where = "there is no result yet" if store is None else f"what is finished is in {str(store.path)!r}"
        raise SamplingError(f"interrupted: {where}") from None
    return tuple(done[i] for i in range(len(seeds)))


def _saver(store: Store | None, kept: Mapping[int, RankedSet]) -> Callable[[Mapping[int, RankedSet], bool], None]:
    """Return a function that writes what is finished, now and then or at once."""
    last = time.monotonic()

    def save(found: Mapping[int, RankedSet], at_once: bool) -> None:
        nonlocal last
        if store is None or not found or (not at_once and time.monotonic() - last < _PAUSE):
            return
        store.write({**kept, **found})
        last = time.monotonic()

    return save


def _finished(
    task: Task,
    seeds: Sequence[int],
    todo: Sequence[int],
    executor: Executor | None,
    save: Callable[[Mapping[int, RankedSet], bool], None],
) -> Iterator[tuple[int, RankedSet]]:
    """Yield data sets with their numbers as they are finished, and save them, whatever ends the run."""
    found: dict[int, RankedSet] = {}
    with _pool(executor) as (pool, size):
        tasks: dict[Future[list[RankedSet]], Sequence[int]] = {}
        for first in range(0, len(todo), size):
            part = todo[first : first + size]
            tasks[pool.submit(rank_sets, task, [seeds[i] for i in part])] = part
        try:
            for future in as_completed(tasks):
                for number, outcome in zip(tasks[future], future.result(), strict=True):
                    found[number] = outcome
                    yield number, outcome
                save(found, False)
        finally:
            for future, part in tasks.items():
                if not future.cancel() and future.done() and future.exception() is None:
                    found |= dict(zip(part, future.result(), strict=True))
            save(found, True)


@contextmanager
def _pool(executor: Executor | None) -> Iterator[tuple[Executor, int]]:
    """Give where to run, and how many data sets to send at a time: another process is sent the whole design."""
    from hierbayes.engines.collapsed.threads import one_blas_thread, usable_cores

    if executor is not None:
        yield executor, _BATCH
        return
    # held outside the threads too: what one of them restores must not change what another relies on
    with one_blas_thread():
        pool = ThreadPoolExecutor(usable_cores(), thread_name_prefix="hierbayes-calibration")
        try:
            yield pool, 1
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def with_fitted(task: Task, **changes: Any) -> Task:
    """Return a task that fits another problem than the one that makes the data: what a check must be able to see."""
    return replace(task, problem=replace(task.problem, **changes))
