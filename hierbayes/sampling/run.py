"""From a problem to draws: choose the engine, sample, recover beta and b, and put names on what comes back."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from hierbayes.engines.assemble import Labels
from hierbayes.engines.base import Floats, Problem, Trace
from hierbayes.engines.engine import NAMES, Engine, make_engine
from hierbayes.errors import ModelError
from hierbayes.sampling import sampler
from hierbayes.sampling.memory import require_memory
from hierbayes.sampling.sampler import Settings
from hierbayes.sampling.tree import named_tree

if TYPE_CHECKING:
    import xarray as xr

    from hierbayes.engines.collapsed.engine import CollapsedEngine
    from hierbayes.engines.joint.engine import JointEngine
    from hierbayes.engines.pymc_engine import PymcEngine

_OF_A_STEP = 8
"""Numbers that the sampler keeps of each step beside its place: fewer than it does."""


@dataclass(frozen=True)
class Draws:
    """The posterior of a model with its names.

    Attributes
    ----------
    tree : xarray.DataTree
        Groups ``posterior``, ``sample_stats`` and ``observed_data``; with the collapsed engine also
        ``unconstrained_posterior``, whose ``theta`` is in the engine's own coordinates.
    engine : str
        The engine that ran.
    reason : str
        Why it was chosen.
    seconds : float
        Wall time, compilation included.
    gradients : int
        Evaluations of the gradient, warm-up included.
    seed : int
    settings : Settings or None
        How they were sampled; None for draws that hierbayes did not sample.
    asked : str
        The engine that was asked for.
    """

    tree: xr.DataTree
    engine: str
    reason: str
    seconds: float
    gradients: int
    seed: int
    settings: Settings | None = None
    asked: str = "auto"


class Runner:
    """The engines of one problem, each made on first use and kept."""

    def __init__(self, problem: Problem, labels: Labels) -> None:
        self.problem, self.labels = problem, labels
        self._engines: dict[str, Engine] = {}

    def engine(self, name: str) -> Engine:
        """Return an engine by its name."""
        if name not in self._engines:
            self._engines[name] = make_engine(name, self.problem, self.labels)
        return self._engines[name]

    @property
    def collapsed(self) -> CollapsedEngine:
        """The collapsed engine, which alone knows the density of theta."""
        return cast("CollapsedEngine", self.engine("collapsed"))

    @property
    def joint(self) -> JointEngine:
        """The joint engine."""
        return cast("JointEngine", self.engine("joint"))

    @property
    def pymc(self) -> PymcEngine:
        """The PyMC engine, which alone takes another response."""
        return cast("PymcEngine", self.engine("pymc"))

    @cached_property
    def model(self) -> Any:
        """The `pymc.Model`, built on first access."""
        with sampler.quiet_libraries():
            return self.pymc.model

    def choose(self, engine: str, progress: bool | None = False) -> tuple[str, str]:
        """Return the engine to run and the reason.

        Raises
        ------
        ModelError
            If there is no such engine, or it does not take the model.
        """
        if engine == "auto":
            return self._first(progress)
        if engine not in NAMES:
            available = ", ".join(map(repr, ("auto", *NAMES)))
            raise ModelError(f"engine={engine!r} is not available", f"available: {available}")
        refused = _refusal(self.engine(engine), progress)
        if refused is not None:
            raise ModelError(f"the {engine} engine does not take this model: {refused}", 'leave engine="auto"')
        return engine, "asked for"

    def _first(self, progress: bool | None) -> tuple[str, str]:
        """Return the first engine that takes the model and is not too slow, and its merit or what held others back."""
        reasons: list[str] = []
        suited: list[str] = []
        for engine in map(self.engine, NAMES):
            reason = _refusal(engine, progress) or engine.cost()
            if reason is None:
                return engine.name, engine.merit or [*suited, reasons[-1]][0]
            reasons.append(reason)
            suited += [reason] if engine.suited else []
        raise AssertionError("the last engine takes every model")

    def sample(self, name: str, chosen: Settings) -> Trace:
        """Sample by an engine and return draws for the columns as given, under the posterior's names.

        Raises
        ------
        ModelError
            If the draws are more than the memory that is free.
        """
        self.check_memory(name, chosen)
        return self.engine(name).sample(chosen, sampler)

    def check_memory(self, name: str, chosen: Settings) -> None:
        """Refuse draws that cannot be held: nutpie keeps warm-up steps too, and ends the process where it cannot."""
        engine = self.engine(name)
        steps = chosen.chains * (chosen.draws + (chosen.tune or 0))
        drawn = engine.effects + sum(k + k * k for _, k in engine.sizes)
        require_memory(
            steps * (engine.walked + _OF_A_STEP) + chosen.chains * chosen.draws * drawn,
            f"{chosen.chains} chains of {chosen.draws} draws"
            + (f" and {chosen.tune} steps of warm-up" if chosen.tune else ""),
            "ask for fewer draws=, chains= or tune=: 4 chains of 1000 draws do for most purposes",
        )

    def resume(self, name: str, chosen: Settings, theta: Floats | None) -> Trace:
        """Sample on from where chains stand, after a warm-up of their own whose draws are discarded.

        Parameters
        ----------
        name : str
            The engine.
        chosen : Settings
            Of the new draws; its seed must be one that has not been used.
        theta : array, shape (chain, theta), or None
            Where the chains of the collapsed engine stand. Without it, with other engines and where a surrogate
            proposes, the chains start afresh.
        """
        self.check_memory(name, chosen)
        return self.engine(name).resume(chosen, theta, sampler)

    def sample_theta(self, chosen: Settings) -> Floats:
        """Return draws (chain, draw, theta) of the collapsed engine's theta alone, without beta and b.

        Raises
        ------
        SamplingError
            If it is interrupted.
        """
        self.check_memory(self.collapsed.name, chosen)
        return self.collapsed.sample_theta(chosen, sampler)

    def sample_response(self, y: Floats, chosen: Settings) -> Trace:
        """Sample by PyMC with another response in the place of the problem's, without compiling anew."""
        return self.pymc.sample_response(y, chosen, sampler)


def _refusal(engine: Engine, progress: bool | None) -> str | None:
    """Return why an engine does not take its problem, after all that it prepares."""
    refused = engine.refuses()
    if refused is None and engine.preparing:
        try:
            with sampler.working(engine.preparing, progress):
                engine.prepare()
        except ModelError as error:
            return error.what
    return refused


def draw(runner: Runner, chosen: Settings, engine: str) -> Draws:
    """Sample the posterior and name its parts."""
    started = time.perf_counter()
    name, reason = runner.choose(engine, chosen.progress)
    trace = runner.sample(name, chosen)
    tree = named_tree(trace, runner.labels, runner.problem)
    return Draws(tree, name, reason, time.perf_counter() - started, trace.gradients, chosen.seed, chosen, engine)
