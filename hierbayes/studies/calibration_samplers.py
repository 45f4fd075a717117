"""How the data sets of a calibration are sampled: by an engine's name, and by PyMC with one compilation for all."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from hierbayes.design.table import Floats
from hierbayes.engines.assemble import Labels
from hierbayes.engines.base import Problem, Trace
from hierbayes.sampling import sampler
from hierbayes.sampling.run import Runner
from hierbayes.sampling.sampler import Settings
from hierbayes.studies.calibration_sets import Sampler


def sample_by(engine: str, y: Floats) -> Sampler:
    """Return the sampler of an engine by its name; `y` is any response, with which a PyMC model is compiled."""
    return SwappedResponse(y) if engine == "pymc" else partial(_sample, engine)


def _sample(engine: str, problem: Problem, labels: Labels, chosen: Settings) -> Trace:
    return Runner(problem, labels).sample(engine, chosen)


@dataclass(frozen=True)
class SwappedResponse:
    """Samples by PyMC. The model is compiled with one response, whatever data set comes first, and then given others.

    Attributes
    ----------
    y : array, shape (n,)
        That response. It decides which terms are centred, so that this does not depend on the order of data sets.
    """

    y: Floats

    def __call__(self, problem: Problem, labels: Labels, chosen: Settings) -> Trace:
        """Return draws of the posterior of a problem."""
        return _runner(replace(problem, y=self.y), labels, chosen).sample_response(problem.y, chosen)


_LOCK = threading.Lock()
_LAST: dict[str, Runner] = {}
"""The runner that was compiled last in this process, by what it was made from: data sets come one model at a time."""


def _runner(problem: Problem, labels: Labels, chosen: Settings) -> Runner:
    made_from = hashlib.blake2b()
    _add(made_from, (problem, labels))
    key = made_from.hexdigest()
    with _LOCK:
        if key not in _LAST:
            runner = Runner(problem, labels)
            # compiled here, where no other thread compiles it too
            runner.pymc.compiled(chosen.progress, sampler)
            _LAST.clear()
            _LAST[key] = runner
        return _LAST[key]


def _add(found: Any, value: Any) -> None:
    """Add a value to a digest, arrays by their numbers."""
    if isinstance(value, np.ndarray):
        found.update(f"{value.dtype.str}{value.shape}".encode() + np.ascontiguousarray(value).tobytes())
    elif is_dataclass(value):
        _add(found, (type(value).__name__, *(getattr(value, field.name) for field in fields(value))))
    elif isinstance(value, tuple):
        found.update(f"({len(value)}".encode())
        for each in value:
            _add(found, each)
    else:
        found.update(repr(value).encode() + b"\0")
