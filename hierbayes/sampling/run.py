"""From a problem to draws: choose the engine, sample, recover beta and b, and put names on what comes back."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from hierbayes.engines.assemble import Labels
from hierbayes.engines.base import Expanded, Floats, Problem
from hierbayes.engines.naming import as_given, posterior_dims
from hierbayes.errors import ModelError, SamplingError
from hierbayes.sampling.memory import require_memory
from hierbayes.sampling.sampler import Settings, Trace, compile_pymc, counting, quiet_libraries, run, working
from hierbayes.sampling.tree import THETA, named_tree

if TYPE_CHECKING:
    import xarray as xr

    from hierbayes.engines.collapsed.engine import CollapsedEngine
    from hierbayes.engines.joint.engine import JointEngine

ENGINES = ("auto", "collapsed", "joint", "pymc")

_OF_A_STEP = 8
"""Numbers that the sampler keeps of each step beside its place: fewer than it does."""

_WIDE = 1500
"""Effects outside the largest term from which the joint engine is not chosen unasked."""


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
        self._compiled: Any = None

    @cached_property
    def model(self) -> Any:
        """The `pymc.Model`, built on first access."""
        from hierbayes.engines.pymc import build_pymc

        _refuse_slashes(posterior_dims(self.labels))
        with quiet_libraries():
            return build_pymc(self.problem, self.labels)

    @cached_property
    def collapsed(self) -> CollapsedEngine:
        """The collapsed engine."""
        from hierbayes.engines.collapsed.engine import CollapsedEngine

        return CollapsedEngine(self.problem)

    @cached_property
    def joint(self) -> JointEngine:
        """The joint engine."""
        from hierbayes.engines.joint.engine import JointEngine

        return JointEngine(self.problem)

    def choose(self, engine: str, progress: bool | None = False) -> tuple[str, str]:
        """Return the engine to run and the reason.

        Raises
        ------
        ModelError
            If there is no such engine, or it does not take the model.
        """
        if engine not in ENGINES:
            raise ModelError(f"engine={engine!r} is not available", f"available: {', '.join(map(repr, ENGINES))}")
        if engine == "pymc":
            return "pymc", "asked for"
        refused = self._joint_refusal() if engine == "joint" else self._refusal(progress)
        if engine != "auto":
            if refused is not None:
                raise ModelError(f"the {engine} engine does not take this model: {refused}", 'leave engine="auto"')
            return engine, "asked for"
        refused = refused or self._cost()
        if refused is None:
            return "collapsed", "beta and b integrate out exactly"
        also = self._joint_refusal() or self._joint_cost()
        if also is None:
            return "joint", refused
        return "pymc", refused if self.problem.likelihood.conjugate else also

    def _joint_cost(self) -> str | None:
        """Return why the joint engine would be slow; None if it is not.

        Its search for a mode factors the dense border some hundred times: a fifth of a second each at 1,500 effects.
        """
        sizes = sorted(block.n_levels * block.Z.shape[1] for block in self.problem.blocks)
        border = sum(sizes[:-1])
        return None if border <= _WIDE else f"the terms outside the largest one have {border} effects, a dense border"

    def _joint_refusal(self) -> str | None:
        from hierbayes.engines.joint.engine import refusal

        return refusal(self.problem)

    def _cost(self) -> str | None:
        """Return why the collapsed engine would be the slower one, by a rough estimate; None if it is not.

        Seconds an effective draw: 2e-11 a multiplication of `Statistics.work` by surrogate and ten times that by NUTS;
        7e-7 a row and term in PyMC. Both were measured on InstEval; only a large difference counts.
        """
        engine, problem = self.collapsed, self.problem
        own = engine.statistics.work * (2e-11 if engine.dear else 2e-10)
        other = 7e-7 * problem.n * (1 + len(problem.blocks))
        if own < 3 * other or own < 1e-2:
            return None
        border = engine.statistics.structure.border
        return f"integrating out a border of {border} crossed effects would cost about {own:.2g} s an effective draw"

    def _refusal(self, progress: bool | None) -> str | None:
        from hierbayes.engines.collapsed.engine import refusal

        found = refusal(self.problem)
        if found is not None:
            return found
        try:
            with working("preparing the compiled kernels (longer, once, after installation)", progress):
                _ = self.collapsed.tape
        except ModelError as error:
            return error.what
        return None

    def sample(self, name: str, chosen: Settings) -> Trace:
        """Sample by an engine and return draws for the columns as given, under the posterior's names.

        Raises
        ------
        ModelError
            If the draws are more than the memory that is free.
        """
        self.check_memory(name, chosen)
        if name == "pymc":
            return self._sample_pymc(chosen)
        if name == "joint":
            return self._sample_joint(chosen)
        found, expanded = self._walk(chosen)
        named = as_given(self.problem, self.labels, expanded, chosen.chains)
        return replace(found, draws={**named, THETA: found.draws["theta"]})

    def check_memory(self, name: str, chosen: Settings) -> None:
        """Refuse draws that cannot be held: nutpie keeps warm-up steps too, and ends the process where it cannot."""
        blocks = self.problem.blocks
        sizes = [(block.n_levels, block.Z.shape[1]) for block in blocks]
        effects = sum(levels * k for levels, k in sizes) + self.problem.p
        walked = sum(k * (k + 1) // 2 for _, k in sizes if name != "pymc") + (0 if name == "collapsed" else effects)
        steps = chosen.chains * (chosen.draws + (chosen.tune or 0))
        require_memory(
            steps * (walked + _OF_A_STEP) + chosen.chains * chosen.draws * (effects + sum(k + k * k for _, k in sizes)),
            f"{chosen.chains} chains of {chosen.draws} draws"
            + (f" and {chosen.tune} steps of warm-up" if chosen.tune else ""),
            "ask for fewer draws=, chains= or tune=: 4 chains of 1000 draws do for most purposes",
        )

    def sample_theta(self, chosen: Settings) -> Floats:
        """Return draws (chain, draw, theta) of the collapsed engine's theta alone, without beta and b.

        Raises
        ------
        SamplingError
            If it is interrupted.
        """
        engine = self.collapsed
        self.check_memory("collapsed", chosen)
        if engine.layout.dim == 0:
            return _still(chosen).draws["theta"]
        found = self._walk(chosen)[0] if engine.dear else self._by_nuts(chosen)
        if found.interrupted:
            raise SamplingError("interrupted: there is no result yet")
        return found.draws["theta"]

    def _walk(self, chosen: Settings) -> tuple[Trace, Expanded]:
        """Return what the sampler gave, and draws of everything in internal coordinates."""
        engine = self.collapsed
        if engine.layout.dim > 0:
            with working("looking for the mode", chosen.progress):
                _ = engine.mode
            walked = self._by_surrogate(chosen) if engine.dear else None
            if walked is not None:
                return walked
        found = self._by_nuts(chosen) if engine.layout.dim > 0 else _still(chosen)
        theta = found.draws["theta"]
        chains, draws, dim = theta.shape
        return found, engine.expand(theta.reshape(chains * draws, dim), chosen.seed, chosen.threads)

    def _by_nuts(self, chosen: Settings, start: Floats | None = None) -> Trace:
        """Return draws of theta by NUTS; all chains start at one theta if it is given."""
        from hierbayes.engines.collapsed.engine import TUNE
        from hierbayes.engines.collapsed.pack import with_chart
        from hierbayes.engines.collapsed.pointer import nutpie_model

        engine = self.collapsed
        tape = engine.charted if start is None else with_chart(engine.tape, start, engine.mode.factor)
        with engine.chains_side_by_side():
            return run(
                nutpie_model(tape, jitter=1.0 if start is None else 0.0),
                chosen,
                tune=TUNE if engine.mode.agree else 4 * TUNE,
                target_accept=0.9,
            )

    def _by_surrogate(self, chosen: Settings) -> tuple[Trace, Expanded] | None:
        """Return draws by a surrogate's proposals, None if the surrogate is too far from the density."""
        from hierbayes.engines.collapsed.surrogate import LEAST_EFFICIENCY, fit_surrogate, sample_by_surrogate

        cores, engine = chosen.threads, self.collapsed
        with working("fitting a surrogate of the density", chosen.progress):
            surrogate = fit_surrogate(engine.tape, engine.mode, cores, chosen.seed)
        if surrogate.efficiency < LEAST_EFFICIENCY:
            return None
        with counting(f"sampling {chosen.chains} chains", chosen.chains * chosen.draws, chosen.progress) as advance:
            walked = sample_by_surrogate(
                engine.tape, surrogate, chosen.draws, chosen.chains, cores, chosen.seed, advance
            )
        stats = {"diverging": np.zeros(walked.accepted.shape, dtype=bool), "accepted": walked.accepted}
        spent = engine.mode.gradients + surrogate.values + walked.values
        return Trace({"theta": walked.theta}, stats, spent, False), engine.expand_walked(walked)

    def resume(self, name: str, chosen: Settings, theta: Floats | None) -> Trace:
        """Sample on from where chains stand, after a warm-up of their own whose draws are discarded.

        Parameters
        ----------
        name : str
            The engine.
        chosen : Settings
            Of the new draws; its seed must be one that has not been used.
        theta : array, shape (chain, theta), or None
            Where the chains of the collapsed engine stand. Without it, with PyMC and where a surrogate proposes, the
            chains start afresh.
        """
        self.check_memory(name, chosen)
        if name != "collapsed" or theta is None or theta.shape[1] == 0 or self.collapsed.dear:
            return self.sample(name, chosen)
        seeds = np.random.SeedSequence(chosen.seed).generate_state(len(theta) + 1, np.uint64) >> np.uint64(2)
        found = [
            self._by_nuts(replace(chosen, chains=1, seed=int(seed)), start)
            for start, seed in zip(theta, seeds[:-1], strict=True)
        ]
        if any(trace.interrupted for trace in found):
            raise SamplingError("interrupted: the fit is as it was")
        walked = np.concatenate([trace.draws["theta"] for trace in found])
        expanded = self.collapsed.expand(walked.reshape(-1, theta.shape[1]), int(seeds[-1]), chosen.threads)
        common = set.intersection(*(set(trace.stats) for trace in found))
        stats = {key: np.concatenate([trace.stats[key] for trace in found]) for key in found[0].stats if key in common}
        named = as_given(self.problem, self.labels, expanded, len(theta))
        return Trace({**named, THETA: walked}, stats, sum(trace.gradients for trace in found), False)

    def _sample_joint(self, chosen: Settings) -> Trace:
        engine = self.joint
        with working("looking for the mode (longer, once, after installation)", chosen.progress):
            model = engine.model()
        found = run(model, chosen, tune=engine.tune, target_accept=engine.target_accept)
        kept = found.draws["theta"]
        expanded = engine.expand(kept.reshape(-1, kept.shape[2]))
        return replace(found, draws=as_given(self.problem, self.labels, expanded, chosen.chains))

    def _sample_pymc(self, chosen: Settings) -> Trace:
        return self._walk_pymc(self.compile_pymc(chosen.progress), chosen)

    def sample_response(self, y: Floats, chosen: Settings) -> Trace:
        """Sample by PyMC with another response in the place of the problem's, without compiling anew."""
        compiled = self.compile_pymc(chosen.progress)
        name = next(each.name for each in self.model.data_vars if re.fullmatch("(data_)*y_data", each.name))
        return self._walk_pymc(compiled.with_data(**{name: y}), chosen)

    def compile_pymc(self, progress: bool | None) -> Any:
        """Return the PyMC model, compiled on first use."""
        if self._compiled is None:
            names = list(posterior_dims(self.labels))
            with quiet_libraries(), working("compiling the PyMC model (up to a minute)", progress):
                self._compiled = compile_pymc(self.model, names)
        return self._compiled

    def _walk_pymc(self, compiled: Any, chosen: Settings) -> Trace:
        metric = "diag" if nested(self.problem) else "low_rank"
        return run(compiled, chosen, tune=800, target_accept=0.95, adaptation=metric)


def _still(chosen: Settings) -> Trace:
    """Return the draws of a theta that has no free numbers."""
    shape = (chosen.chains, chosen.draws)
    return Trace({"theta": np.zeros((*shape, 0))}, {"diverging": np.zeros(shape, dtype=bool)}, 0, False)


def _refuse_slashes(names: Iterable[str]) -> None:
    for name in names:
        if "/" in name:
            raise ModelError(f"the PyMC engine does not take the name {name!r}, for the slash", "rename the column")


def nested(problem: Problem) -> bool:
    """Say whether the levels of one grouping factor lie within those of another, as in ``(1 | a/b)``.

    The mass matrix is then diagonal. Elsewhere its low-rank form follows the tie between an intercept and the mean of
    its group-level effects, and gives two to eight times the effective draws; under nesting it gives half.
    """
    for one in problem.blocks:
        for other in problem.blocks:
            cells = np.unique(one.codes * other.n_levels + other.codes)
            if one.n_levels > other.n_levels and len(cells) == one.n_levels:
                return True
    return False


def draw(runner: Runner, chosen: Settings, engine: str) -> Draws:
    """Sample the posterior and name its parts."""
    started = time.perf_counter()
    name, reason = runner.choose(engine, chosen.progress)
    trace = runner.sample(name, chosen)
    tree = named_tree(trace, runner.labels, runner.problem)
    return Draws(tree, name, reason, time.perf_counter() - started, trace.gradients, chosen.seed, chosen, engine)
