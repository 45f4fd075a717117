"""NUTS by nutpie: seeds, progress, interruption. Nowhere else is a sampler called."""

from __future__ import annotations

import contextlib
import itertools
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hierbayes.engines.base import Trace
from hierbayes.errors import ModelError, SamplingError, warn

_PATIENCE = 2.0
"""Seconds after which a progress bar appears by itself."""


@dataclass(frozen=True)
class Settings:
    """How to sample.

    Attributes
    ----------
    draws, chains : int
        Draws of each chain, and the number of chains.
    tune : int or None
        Warm-up steps of each chain; None leaves it to the engine.
    cores : int or None
        Chains run at a time; None takes what the machine has, and more than it has are not taken.
    seed : int
    target_accept : float or None
        The acceptance rate that the step size is tuned to; None leaves it to the engine.
    progress : bool or None
        None shows a bar when it takes longer than two seconds.
    """

    draws: int
    tune: int | None
    chains: int
    cores: int | None
    seed: int
    target_accept: float | None
    progress: bool | None

    @property
    def threads(self) -> int:
        """Threads at a time: `cores`, or as many as this process may use, and never more than that."""
        from hierbayes.engines.collapsed.threads import threads_for, usable_cores

        return threads_for(usable_cores(), self.cores)

    def alone(self, seed: int) -> Settings:
        """Return the settings of one chain with a seed of its own."""
        return replace(self, chains=1, seed=seed)


def settings(
    *,
    draws: Any = 1000,
    tune: Any = "auto",
    chains: Any = 4,
    cores: Any = None,
    seed: Any = None,
    target_accept: Any = None,
    progress: Any = None,
) -> Settings:
    """Check the user's sampling options.

    Raises
    ------
    ModelError
        If one of them is out of range; it is named.
    """
    if seed is None:
        seed = int(np.random.SeedSequence().generate_state(1, np.uint64)[0] >> np.uint64(2))
    if target_accept is not None and not (isinstance(target_accept, int | float) and 0 < target_accept < 1):
        raise ModelError(f"target_accept={target_accept!r} must lie between 0 and 1, for example 0.95")
    if progress not in (None, True, False):
        raise ModelError(f"progress={progress!r} must be None, True or False")
    return Settings(
        draws=whole_number("draws", draws, 1),
        tune=None if isinstance(tune, str) and tune == "auto" else whole_number("tune", tune, 1),
        chains=whole_number("chains", chains, 1),
        cores=None if cores is None else whole_number("cores", cores, 1),
        seed=whole_number("seed", seed, 0),
        target_accept=None if target_accept is None else float(target_accept),
        progress=progress,
    )


def whole_number(name: str, value: Any, least: int = 1) -> int:
    """Return a whole number that the user gave.

    Raises
    ------
    ModelError
        If it is none, or too small or large; it is named.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ModelError(f"{name}={value!r} must be a whole number, at least {least}")
    if value >= 2**63:
        raise ModelError(f"{name}={value!r} is too large")
    return int(value)


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep back what concerns no user: that PyTensor found no BLAS, and how ArviZ finds a dim named."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="PyTensor could not link to a BLAS")
        warnings.filterwarnings("ignore", message="Found dimension named")
        yield


def compile_pymc(model: Any, names: list[str]) -> Any:
    """Compile a PyMC model for nutpie; `names` are the variables to keep besides the sampled ones."""
    import nutpie

    sampled = [variable.name for variable in model.free_RVs]
    return nutpie.compile_pymc_model(model, var_names=[*sampled, *names])


def run(compiled: Any, chosen: Settings, tune: int, target_accept: float = 0.8, **options: Any) -> Trace:
    """Sample a compiled nutpie model; on Ctrl-C keep the draws so far.

    `tune` and `target_accept` stand in for what the user left to the engine.

    Raises
    ------
    SamplingError
        If the sampler cannot start, or is interrupted before the first draw.
    """
    import nutpie

    warm = tune if chosen.tune is None else chosen.tune
    watch = _Watch(chosen.chains * (chosen.draws + warm))
    try:
        sampler = nutpie.sample(
            compiled,
            draws=chosen.draws,
            tune=warm,
            chains=chosen.chains,
            cores=min(chosen.chains, chosen.threads),
            seed=chosen.seed,
            target_accept=target_accept if chosen.target_accept is None else chosen.target_accept,
            progress_bar=False,
            progress_callback=watch.update,
            blocking=False,
            return_raw_trace=True,
            **options,
        )
        with quiet_libraries():
            raw, interrupted = _wait(sampler, watch, chosen)
    except (RuntimeError, ValueError) as error:
        reason = str(error).split("\n\nStack backtrace")[0].strip()
        raise SamplingError(
            f"the sampler stopped: {reason}",
            "the usual cause is a starting point of density zero: look at model.priors and at the scale of the data",
        ) from error
    return _collect(raw, interrupted)


@contextlib.contextmanager
def working(message: str, progress: bool | None) -> Iterator[None]:
    """Show a line with a moving bar and the time gone by while something of unknown length is done."""
    bar = _Bar(message, total=None, columns=())
    bar.start(progress)
    try:
        yield
    finally:
        bar.stop()


@contextlib.contextmanager
def counting(message: str, total: int, progress: bool | None) -> Iterator[Callable[[], None]]:
    """Show a bar with an estimate of the time left; gives a function to call after each of `total` steps."""
    bar = _Bar(message, total=total, columns=())
    bar.start(progress)
    done = itertools.count(1)
    try:
        yield lambda: bar.show(next(done))
    finally:
        bar.stop()


class _Watch:
    """Holds what the sampler's thread last said of its chains."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0
        self.divergences = 0

    def update(self, chains: Any) -> None:
        self.done = sum(chain.finished_draws for chain in chains)
        self.divergences = sum(chain.divergences for chain in chains)


def _wait(sampler: Any, watch: _Watch, chosen: Settings) -> tuple[Any, bool]:
    """Return the draws when the sampler is done or interrupted, and whether it was interrupted."""
    bar = _Bar(f"sampling {chosen.chains} chains", total=watch.total, columns=("divergences",))
    bar.start(chosen.progress)
    pause = 0.001
    try:
        # Python itself waits: an interruption that arrives inside nutpie's own waiting can be lost there
        while not _finished(sampler):
            time.sleep(pause)
            pause = min(1.15 * pause, 0.05)
            bar.show(watch.done, divergences=watch.divergences)
        bar.show(watch.total, divergences=watch.divergences)
        return sampler.wait(), False
    except KeyboardInterrupt:
        return sampler.abort(), True
    finally:
        bar.stop()


def _finished(sampler: Any) -> bool:
    try:
        return bool(sampler.is_finished)
    except TimeoutError:
        # the sampler's threads hold its lock just now
        return False


class _Bar:
    """A rich progress bar; unless forced, it appears after some seconds only, and in a terminal or notebook only."""

    def __init__(self, message: str, total: int | None, columns: tuple[str, ...]) -> None:
        self.message, self.total, self.columns = message, total, columns
        self.progress: Any = None
        self.task: Any = None
        self.timer: Any = None
        self.forced = False

    def start(self, progress: bool | None) -> None:
        """Start now if `progress` is True, after some patience if None, never if False."""
        import threading

        if progress is False:
            return
        self.forced = bool(progress)
        self.timer = threading.Timer(0.0 if self.forced else _PATIENCE, self._start)
        self.timer.daemon = True
        self.timer.start()

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        extra = [TextColumn(f"{{task.fields[{name}]}} {name}") for name in self.columns]
        remaining = [TextColumn("left"), TimeRemainingColumn()] if self.total else []
        # a notebook shows what is printed; a terminal keeps the bar off standard output
        console = Console(stderr=True)
        if not (self.forced or console.is_terminal or console.is_jupyter):
            return
        times = [TextColumn("elapsed"), TimeElapsedColumn(), *remaining]
        progress = Progress(TextColumn("{task.description}"), BarColumn(), *extra, *times, console=console)
        counts: dict[str, Any] = dict.fromkeys(self.columns, 0)
        self.task = progress.add_task(self.message, total=self.total, **counts)
        progress.start()
        self.progress = progress

    def show(self, done: int, **fields: Any) -> None:
        if self.progress is not None:
            self.progress.update(self.task, completed=done, **fields)

    def stop(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer.join()
        if self.progress is not None:
            self.progress.stop()


def _collect(raw: Any, interrupted: bool) -> Trace:
    """Return the draws after warm-up as arrays. nutpie's own conversion, by way of ArviZ, can outlast the sampling."""
    draws, stats = raw.get_arrow_trace()
    tuned = [int(np.asarray(batch.column("tuning")).sum()) for batch in stats]
    whole = min(batch.num_rows - own for batch, own in zip(stats, tuned, strict=True))
    gradients = sum(int(np.asarray(batch.column("n_steps")).sum()) for batch in stats)
    if interrupted:
        if whole <= 0:
            raise SamplingError("interrupted before every chain had its first draw", "nothing to keep; start again")
        warn(f"interrupted: the fit holds the {whole} draws that every chain had finished")
    kept = [slice(own, own + whole) for own in tuned]
    return Trace(_arrays(draws, kept), _arrays(stats, kept), gradients, interrupted)


_INDEX = ("chain", "draw", "tuning")


def _arrays(batches: list[Any], kept: list[slice]) -> dict[str, NDArray[Any]]:
    """Return every numeric column of all chains as an array (chain, draw, ...)."""
    found: dict[str, list[NDArray[Any]]] = {}
    for batch, rows in zip(batches, kept, strict=True):
        for name in batch.schema.names:
            if name in _INDEX:
                continue
            values = _column(batch, name, rows)
            if values is not None:
                found.setdefault(str(name), []).append(values)
    return {name: np.stack(values) for name, values in found.items() if len(values) == len(batches)}


def _column(batch: Any, name: str, rows: slice) -> NDArray[Any] | None:
    """Return some rows of an arrow column (draw, ...); None for text, and for what is not there in every draw."""
    import pyarrow

    about = batch.schema.field(name).metadata or {}
    shape = [int(size) for size in about.get(b"shape", b"").decode().split(",") if size]
    array = pyarrow.array(batch.column(name))[rows.start : rows.stop]
    if array.null_count:
        return None
    flat = array.flatten() if shape else array
    if pyarrow.types.is_nested(flat.type) or not (
        pyarrow.types.is_integer(flat.type)
        or pyarrow.types.is_floating(flat.type)
        or pyarrow.types.is_boolean(flat.type)
    ):
        return None
    return np.asarray(flat.to_numpy(zero_copy_only=False).reshape(len(array), *shape))
