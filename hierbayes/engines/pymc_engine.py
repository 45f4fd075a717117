"""The engine that takes every model: NUTS over all parameters, through PyMC."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any

import numpy as np

from hierbayes.engines.base import Floats, Problem, Trace
from hierbayes.engines.engine import Engine, Sampler, Settings
from hierbayes.engines.naming import posterior_dims
from hierbayes.errors import ModelError


class PymcEngine(Engine):
    """A problem as a `pymc.Model`, compiled on first use."""

    name = "pymc"
    _compiled: Any = None

    def refuses(self) -> str | None:
        """Return None: there is no model that it does not take."""
        return None

    @property
    def walked(self) -> int:
        return self.effects

    @cached_property
    def model(self) -> Any:
        """The `pymc.Model`, built on first access."""
        from hierbayes.engines.pymc import build_pymc

        assert self.labels is not None
        for name in posterior_dims(self.labels):
            if "/" in name:
                raise ModelError(f"the PyMC engine does not take the name {name!r}, for the slash", "rename the column")
        return build_pymc(self.problem, self.labels)

    def compiled(self, progress: bool | None, sampler: Sampler) -> Any:
        """Return the model compiled for nutpie."""
        if self._compiled is None:
            assert self.labels is not None
            names = list(posterior_dims(self.labels))
            with sampler.quiet_libraries(), sampler.working("compiling the PyMC model (up to a minute)", progress):
                self._compiled = sampler.compile_pymc(self.model, names)
        return self._compiled

    def sample(self, chosen: Settings, sampler: Sampler) -> Trace:
        return self._walk(self.compiled(chosen.progress, sampler), chosen, sampler)

    def sample_response(self, y: Floats, chosen: Settings, sampler: Sampler) -> Trace:
        """Sample with another response in the place of the problem's, without compiling anew."""
        compiled = self.compiled(chosen.progress, sampler)
        name = next(each.name for each in self.model.data_vars if re.fullmatch("(data_)*y_data", each.name))
        return self._walk(compiled.with_data(**{name: y}), chosen, sampler)

    def _walk(self, compiled: Any, chosen: Settings, sampler: Sampler) -> Trace:
        metric = "diag" if nested(self.problem) else "low_rank"
        return sampler.run(compiled, chosen, tune=800, target_accept=0.95, adaptation=metric)


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
