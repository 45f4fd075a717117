"""The marginal density of theta by Laplace's approximation, and what its mode says of theta and w."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

import numpy as np

from hierbayes.engines.base import Floats, Ints
from hierbayes.engines.joint import tape as at
from hierbayes.engines.joint.arrange import Rows
from hierbayes.engines.joint.entries import Hessian, laplace
from hierbayes.families import Family

NEVER = 1e100
_BETTER = 1e-3


class Surface:
    """Minus the log marginal density as a function of theta; each search starts where the last one ended."""

    def __init__(self, words: Ints, start: Floats, levels: int, k: int) -> None:
        self.words, self.start = words, start
        size, border = len(start), len(start) - levels * k
        cells = int(words[at.CELLS])
        self.at = Hessian(start.copy(), np.empty((levels, k, k)), np.empty(cells * k), np.empty((border, border)))
        self.size, self.spent = size, count()

    def __call__(self, theta: Floats) -> float:
        next(self.spent)
        value = -laplace(self.words, theta, self.at)
        if np.isfinite(value):
            return value
        self.at.w[:] = self.start
        value = -laplace(self.words, theta, self.at)
        if np.isfinite(value):
            return value
        self.at.w[:] = self.start
        return NEVER

    def with_slope(self, theta: Floats, step: Floats) -> tuple[float, Floats]:
        """Return value and gradient, by central differences."""
        value = self(theta)
        if value >= NEVER:
            return value, np.zeros(len(theta))
        keep, slope = self.at.w.copy(), np.zeros(len(theta))
        for i, own in enumerate(step):
            move = np.zeros(len(theta))
            move[i] = own
            up, down = self(theta + move), self(theta - move)
            if up >= NEVER or down >= NEVER:
                return value, np.zeros(len(theta))
            slope[i] = (up - down) / (2 * own)
        self.at.w[:] = keep
        return value, slope


@dataclass(frozen=True)
class Peak:
    """The mode of theta and what was measured around it.

    Attributes
    ----------
    theta : array, shape (dim,)
    hessian : array, shape (dim, dim)
        Of minus the log marginal density.
    modes : array, shape (dim, 2, effects + p)
        The mode of (v, beta) a step above and below in each coordinate.
    steps : array, shape (dim,)
    at : Hessian
        At the mode.
    fall : float
        Minus the log marginal density there.
    spent : int
        Inner searches.
    """

    theta: Floats
    hessian: Floats
    modes: Floats
    steps: Floats
    at: Hessian
    fall: float
    spent: int


def find_peak(surface: Surface, rough: Floats, start: Floats | None = None) -> Peak | None:
    """Return the mode of the marginal density of theta; None where it is not found.

    Parameters
    ----------
    surface : Surface
    rough : array, shape (dim,)
        Rough curvatures, which scale the steps.
    start : array, shape (dim,), optional
        The middle of the priors by default.
    """
    from scipy.optimize import minimize

    dim = len(rough)
    steps = 0.03 / np.sqrt(rough)
    theta = np.zeros(dim) if start is None else start
    if dim:
        found = minimize(
            lambda point: surface.with_slope(point, steps), theta, jac=True, method="BFGS",
            options={"gtol": 0.1 * float(np.sqrt(rough.min())), "hess_inv0": np.diag(1 / rough), "maxiter": 60},
        )  # fmt: skip
        theta = np.asarray(found.x)
    if surface(theta) >= NEVER:
        return None
    keep = surface.at.w.copy()
    hessian, modes = _curvature(surface, theta, 3 * steps)
    surface.at.w[:] = keep
    fall = surface(theta)
    if hessian is None or fall >= NEVER:
        return None
    return Peak(theta, hessian, modes, 3 * steps, surface.at, fall, next(surface.spent))


def better(one: Peak | None, other: Peak | None) -> Peak | None:
    """Return the higher of two modes, the first where they are the same."""
    if one is None or other is None:
        return one or other
    return other if other.fall < one.fall - _BETTER else one


def _curvature(surface: Surface, theta: Floats, steps: Floats) -> tuple[Floats | None, Floats]:
    """Return the Hessian by second differences, and the modes of (v, beta) met on the axes."""
    dim, middle = len(theta), surface(theta)
    modes = np.zeros((dim, 2, surface.size))
    hessian, up, down = np.zeros((dim, dim)), np.zeros(dim), np.zeros(dim)
    axes = np.diag(steps)
    for i in range(dim):
        up[i] = surface(theta + axes[i])
        modes[i, 0] = surface.at.w
        down[i] = surface(theta - axes[i])
        modes[i, 1] = surface.at.w
        hessian[i, i] = (up[i] - 2 * middle + down[i]) / steps[i] ** 2
    for i in range(dim):
        for j in range(i):
            both = surface(theta + axes[i] + axes[j]) + surface(theta - axes[i] - axes[j])
            apart = up[i] + down[i] + up[j] + down[j] - 2 * middle
            hessian[i, j] = hessian[j, i] = (both - apart) / (2 * steps[i] * steps[j])
    return (hessian if np.all(np.abs(hessian) < NEVER / 1e10) else None), modes


def first_guess(family: Family, rows: Rows, effects: int) -> Floats:
    """Return a start for (v, beta): v at 0, beta by least squares on the responses taken to the predictor's scale."""
    target, root = family.first_guess(rows.a, rows.b), np.sqrt(rows.b)
    p = rows.X.shape[1]
    beta, *_ = np.linalg.lstsq(rows.X * root[:, None], (target - rows.offset) * root, rcond=None)
    return np.concatenate([np.zeros(effects), beta if p else np.zeros(0)])
