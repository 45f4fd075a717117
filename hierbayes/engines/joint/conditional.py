"""What the joint engine knows given everything but coefficients and effects: their modes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from hierbayes.engines.base import Block, Floats, Problem
from hierbayes.engines.joint import tape as at
from hierbayes.engines.joint.engine import JointEngine
from hierbayes.engines.joint.entries import laplace
from hierbayes.engines.joint.surface import Surface
from hierbayes.engines.theta import unpack
from hierbayes.priors import Fixed


class Conditional:
    """A problem with everything fixed but coefficients and effects.

    Parameters
    ----------
    problem : Problem
    covariances : sequence of array, shape (k, k)
        The covariance matrix (variances, not sds) of each block in internal coordinates.
    parameters : mapping of str to float
        Those of the family.
    """

    def __init__(self, problem: Problem, covariances: Sequence[Floats], parameters: Mapping[str, float]) -> None:
        blocks = tuple(_fixed(block, S) for block, S in zip(problem.blocks, covariances, strict=True))
        held = tuple(own.under(Fixed(float(parameters[own.name]))) for own in problem.parameters)
        self.problem = replace(problem, blocks=blocks, parameters=held)
        self._sds = [np.sqrt(np.diag(covariance)) for covariance in covariances]
        self.engine = JointEngine(self.problem)

    @cached_property
    def _surface(self) -> Surface:
        return self.engine.surface()

    def refuses(self) -> str | None:
        """Return why the joint engine does not take the problem, None if it does."""
        return self.engine.refuses()

    def modes(self, scales: Sequence[float]) -> tuple[Floats, list[Floats]] | None:
        """Return the modes of beta and of the effects of each block, its sds times a scale; None if none are found."""
        engine, surface = self.engine, self._surface
        sds = [scale * sd for scale, sd in zip(scales, self._sds, strict=True)]
        numbers, place = engine.tape.view(np.float64), int(engine.tape[at.AT_SCALAR_FLOATS])
        fixed = numbers[place : place + engine.layout.scalar_floats.size].reshape(-1, 5)[:, 4]
        fixed[: sum(map(len, sds))] = np.concatenate([np.zeros(0), *sds])
        surface.at.w[:] = surface.start
        if not np.isfinite(laplace(engine.tape, np.zeros(0), surface.at)):
            return None
        w, factors = surface.at.w, unpack(engine.layout, np.zeros(0)).factors
        found: list[Floats] = [np.zeros((0, 0))] * len(self.problem.blocks)
        for block, levels, k, start in engine.spans:
            v = w[start : start + levels * k].reshape(levels, k)
            found[block] = v @ (sds[block][:, None] * factors[block]).T
        return w[int(engine.tape[at.EFFECTS]) :].copy(), found


def _fixed(block: Block, covariance: Floats) -> Block:
    sd = np.sqrt(np.diag(covariance))
    scale = np.where(sd > 0, sd, 1.0)
    corr = covariance / scale[:, None] / scale
    np.fill_diagonal(corr, 1.0)
    prior = None if len(sd) == 1 else Fixed(tuple(map(tuple, corr.tolist())))
    return replace(block, sd_priors=tuple(Fixed(float(value)) for value in sd), corr_prior=prior)
