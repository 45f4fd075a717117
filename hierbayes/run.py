"""From a problem to draws: choose the engine, sample, and put names on what comes back."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hierbayes.engines.assemble import Labels
from hierbayes.engines.base import Problem
from hierbayes.errors import ModelError
from hierbayes.sampling import Settings, Trace, compile_pymc, quiet_libraries, run, working

if TYPE_CHECKING:
    import xarray as xr

ENGINES = ("auto", "pymc")


@dataclass(frozen=True)
class Draws:
    """The posterior of a model with its names.

    Attributes
    ----------
    tree : xarray.DataTree
        Groups ``posterior``, ``sample_stats`` and ``observed_data``.
    engine : str
        The engine that ran.
    reason : str
        Why it was chosen.
    seconds : float
        Wall time, compilation included.
    gradients : int
        Evaluations of the gradient, warm-up included.
    seed : int
    """

    tree: xr.DataTree
    engine: str
    reason: str
    seconds: float
    gradients: int
    seed: int


class PymcRunner:
    """Holds the PyMC model of a problem and, once compiled, the compiled functions."""

    def __init__(self, problem: Problem, labels: Labels) -> None:
        self.problem, self.labels = problem, labels
        self._model: Any = None
        self._compiled: Any = None

    @property
    def model(self) -> Any:
        """The `pymc.Model`, built on first access."""
        if self._model is None:
            from hierbayes.engines.pymc import build_pymc

            with quiet_libraries():
                self._model = build_pymc(self.problem, self.labels)
        return self._model

    def sample(self, chosen: Settings) -> Trace:
        """Compile once, then sample."""
        if self._compiled is None:
            names = list(posterior_dims(self.labels))
            with quiet_libraries(), working("compiling the PyMC model (up to a minute)", chosen.progress):
                self._compiled = compile_pymc(self.model, names)
        return run(self._compiled, chosen, adaptation="diag" if nested(self.problem) else "low_rank")


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


def choose_engine(engine: str) -> tuple[str, str]:
    """Return the engine to run and the reason.

    Raises
    ------
    ModelError
        If there is no such engine.
    """
    if engine not in ENGINES:
        raise ModelError(f"engine={engine!r} is not available", f"available: {', '.join(map(repr, ENGINES))}")
    return ("pymc", "asked for") if engine == "pymc" else ("pymc", "the engine that takes every model")


def draw(runner: PymcRunner, chosen: Settings, engine: str) -> Draws:
    """Sample the posterior and name its parts."""
    name, reason = choose_engine(engine)
    started = time.perf_counter()
    trace = runner.sample(chosen)
    tree = named_tree(trace, runner.labels, runner.problem)
    return Draws(tree, name, reason, time.perf_counter() - started, trace.gradients, chosen.seed)


def posterior_dims(labels: Labels) -> dict[str, tuple[str, ...]]:
    """Return the names of the posterior's variables with their dims, chain and draw left out."""
    dims: dict[str, tuple[str, ...]] = {"beta": ("coef",)} if labels.coefficients else {}
    dims["sigma"] = ()
    for factor, members in labels.grouped.items():
        dims[f"sd_{factor}"] = (f"{factor}_term",)
        if any(len(labels.terms[i]) > 1 for i in members):
            dims[f"corr_{factor}"] = (f"{factor}_term", f"{factor}_term2")
        dims[f"b_{factor}"] = (factor, f"{factor}_term")
    return dims


def posterior_coords(labels: Labels) -> dict[str, list[str]]:
    """Return the coordinates of the posterior's dims."""
    coords = {"coef": list(labels.coefficients)}
    for factor, members in labels.grouped.items():
        terms = [term for i in members for term in labels.terms[i]]
        coords[factor] = list(labels.levels[members[0]])
        coords[f"{factor}_term"] = terms
        coords[f"{factor}_term2"] = terms
    return coords


def named_tree(trace: Trace, labels: Labels, problem: Problem) -> xr.DataTree:
    """Return the draws as a DataTree with dims and coordinates."""
    import xarray as xr

    dims, coords = posterior_dims(labels), posterior_coords(labels)
    chains, draws = next(iter(trace.stats.values())).shape[:2]
    index = {"chain": np.arange(chains), "draw": np.arange(draws)}
    posterior = _dataset({k: trace.draws[k] for k in dims}, dims, {**index, **coords})
    stats = {k: v for k, v in trace.stats.items() if v.ndim == 2 and v.dtype != object}
    row = "row" if labels.response != "row" else "row_number"
    observed = xr.Dataset({labels.response: (row, problem.y)}, coords={row: np.arange(problem.n)})
    return xr.DataTree.from_dict(
        {
            "/posterior": posterior,
            "/sample_stats": _dataset(stats, dict.fromkeys(stats, ()), index),
            "/observed_data": observed,
        }
    )


def _dataset(values: Mapping[str, Any], dims: Mapping[str, tuple[str, ...]], coords: Mapping[str, Any]) -> xr.Dataset:
    import xarray as xr

    used = {"chain", "draw", *(dim for name in values for dim in dims[name])}
    return xr.Dataset(
        {name: (("chain", "draw", *dims[name]), array) for name, array in values.items()},
        coords={dim: coordinate for dim, coordinate in coords.items() if dim in used},
    )
