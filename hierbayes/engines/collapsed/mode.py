"""The mode of theta, the curvature there, and the chart in which NUTS walks.

The chart is ``theta = mode + C z`` with ``C C' = H^-1``, H minus the Hessian of the log density of theta with every
Jacobian. Near the mode z is then a standard normal, and a sampler needs only a short warm-up.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count

import numpy as np

from hierbayes.engines.base import Floats, Ints, Problem
from hierbayes.engines.collapsed import tape as at
from hierbayes.engines.collapsed.entries import DENSITY
from hierbayes.engines.collapsed.threads import threads_for
from hierbayes.engines.scalars import from_coordinate
from hierbayes.engines.theta import ThetaLayout
from hierbayes.errors import SamplingError

_STEP = 1e-4
_BETTER = 1e-3
_FLOOR = 0.1
"""Least curvature that the chart believes: a coordinate is a normal score or near it, so its prior has curvature 1."""


@dataclass(frozen=True)
class Mode:
    """The mode and the chart around it.

    Attributes
    ----------
    theta : array, shape (dim,)
    factor : array, shape (dim, dim)
        Lower triangular C, ``C C' = H^-1``.
    hessian : array, shape (dim, dim)
        Of the log density, unfloored.
    log_density : float
    agree : bool
        Whether all starts ended at the same mode; where not, leave adaptation to the sampler.
    gradients : int
        Evaluations spent.
    """

    theta: Floats
    factor: Floats
    hessian: Floats
    log_density: float
    agree: bool
    gradients: int


def find_mode(
    words: Ints,
    starts: int = 3,
    seed: int = 0,
    rough: Floats | None = None,
    cores: int = 1,
    far: Floats | None = None,
) -> Mode:
    """Return the mode of theta.

    Parameters
    ----------
    words : array of int
        A tape without a chart.
    starts : int
        Number of starting points: the middle of the priors, small sds, then points at random.
    seed : int
        For the points at random.
    rough : array, shape (dim,), optional
        Rough curvatures, for a density that is expensive: the climb takes fewer gradients, and ends a little sooner.
    cores : int
        Gradients at a time where the curvature is measured; the result does not depend on it.
    far : array, shape (dim,), optional
        A further start, whose mode counts only where it is a better one; see `theta.far_start`.

    Raises
    ------
    SamplingError
        If no start leads to a finite density.
    """
    from scipy.optimize import minimize

    dim = int(words[at.DIM])
    spent = count()

    def fall(theta: Floats) -> tuple[float, Floats]:
        next(spent)
        grad = np.empty(dim)
        value = DENSITY.log_density(words, theta, grad)
        if not (np.isfinite(value) and np.all(np.isfinite(grad))):
            return 1e100, np.zeros(dim)
        return -value, -grad

    if dim == 0:
        return Mode(np.zeros(0), np.zeros((0, 0)), np.zeros((0, 0)), -fall(np.zeros(0))[0], True, 1)
    options: dict[str, object] = {"gtol": 1e-4, "maxiter": 200}
    if rough is not None:
        options |= {"gtol": 0.02 * float(np.sqrt(rough.min())), "hess_inv0": np.diag(1 / rough)}
    ends: list[tuple[float, Floats]] = []
    for start in [*_starts(dim, starts, seed), *([] if far is None else [far])]:
        found = minimize(fall, start, jac=True, method="BFGS", options=options)
        better = start is not far or not ends or found.fun < min(end[0] for end in ends) - _BETTER
        if found.fun < 1e99 and better:
            ends.append((float(found.fun), np.asarray(found.x)))
    if not ends:
        raise SamplingError(
            "the posterior density is not finite at any starting point",
            "check the data for constant responses or columns and the priors for impossible values",
        )
    ends.sort(key=lambda end: end[0])
    value, theta = ends[0]
    hessian = _hessian(fall, theta, cores)
    factor = _factor(hessian)
    agree = all(_near(factor, other - theta) or low > value + 20 for low, other in ends[1:])
    return Mode(theta, factor, -hessian, -value, agree, next(spent))


def _starts(dim: int, count: int, seed: int) -> list[Floats]:
    rng = np.random.default_rng(seed)
    points = [np.zeros(dim), np.full(dim, -1.0)]
    points += [rng.normal(size=dim) for _ in range(max(0, count - 2))]
    return points[:count]


def _hessian(fall: Callable[[Floats], tuple[float, Floats]], theta: Floats, cores: int) -> Floats:
    """Return the Hessian of the negative log density by central differences of gradients."""
    steps = _STEP * np.vstack([np.eye(len(theta)), -np.eye(len(theta))])
    with ThreadPoolExecutor(threads_for(len(steps), cores)) as pool:
        up, down = np.split(np.array([found[1] for found in pool.map(fall, theta + steps)]), 2)
    hessian = (up - down) / (2 * _STEP)
    return np.asarray(0.5 * (hessian + hessian.T))


def _factor(hessian: Floats) -> Floats:
    values, vectors = np.linalg.eigh(hessian)
    inverse = (vectors / np.maximum(values, _FLOOR)) @ vectors.T
    return np.asarray(np.linalg.cholesky(0.5 * (inverse + inverse.T)))


def _near(factor: Floats, gap: Floats) -> bool:
    """Return whether a gap is small beside the posterior's spread."""
    return bool(np.linalg.norm(np.linalg.solve(factor, gap)) < 0.1)


def rough_curvatures(problem: Problem, layout: ThetaLayout, theta: Floats) -> Floats:
    """Return rough curvatures of the log density around a theta: those of an sd known as well as its levels allow."""
    counts = [block.n_levels for block in problem.blocks for _ in block.sd_priors]
    counts += [problem.n] * len(problem.kernel_parameters)
    rough = np.ones(layout.dim)
    for (_, kind, place), (_, _, a, b, _), known in zip(layout.scalar_ints, layout.scalar_floats, counts, strict=True):
        if place >= 0:
            rough[place] += 2 * known * from_coordinate(kind, a, b, theta[place])[1] ** 2
    for (k, _, place, _), block in zip(layout.block_ints, problem.blocks, strict=True):
        if place >= 0:
            rough[place : place + k * (k - 1) // 2] += block.n_levels
    return rough
