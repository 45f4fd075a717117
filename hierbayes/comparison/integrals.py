"""The likelihood of some rows with group-level effects integrated out, for any family, at many draws at once.

With ``b = L v``, ``v ~ N(0, I)``, and A the columns of the rows times L, the likelihood at one draw of all else is

    m  =  integral of  prod_i p(y_i | eta_i + A_i v)  N(v; 0, I)  over v.

Fisher scoring finds the mode of the integrand, and v is laid out around it in units of the information ``H = R R'``
there, ``v = mode + R'^-1 x``. Up to `MOST` dimensions the integral over x is a Gauss-Hermite sum (Liu and Pierce 1994,
Biometrika 81); but one effect of a family whose integrand may have several peaks, or one of unknown width, is summed by
the trapezoidal rule over all places where the prior of v has mass. Beyond them it is the mean of importance weights at
random points, half of them from the normal at the mode and half from the prior of v, so that no weight is larger than
twice the likelihood: unbiased, but noisy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import logsumexp

from hierbayes.engines.base import Floats
from hierbayes.families import Family
from hierbayes.summaries.covariances import chunks

MOST = 3
"""Dimensions up to which a sum over a grid replaces random points."""

_NODES = {1: 31, 2: 17, 3: 11}
_POINTS = 512
_NUMBERS = 1 << 20
_STEPS = 200
_CLOSE = 1e-7
_FAR = 2.0
"""Most that one step moves a predictor with a log link: far beyond the responses the likelihood of a gamma falls only
linearly, and Fisher scoring, whose information there is still that of the mode, would need hundreds of steps to come
back."""
_SWEPT = ("student_t", "exgaussian")
"""Families that are summed by the trapezoidal rule: outliers of the one make several peaks, and the information of the
other is a guess."""


@dataclass(frozen=True)
class Responses:
    """Rows whose likelihood is asked for.

    Attributes
    ----------
    family : Family
    y, weights : array, shape (n,)
    trials : array, shape (n,), or None
    """

    family: Family
    y: Floats
    weights: Floats
    trials: Floats | None = None

    def log_likelihood(self, predictor: Floats, own: Mapping[str, Floats]) -> Floats:
        """Return the log likelihood of each row; the last axis of `predictor` goes by their predictors."""
        return np.asarray(self.family.log_likelihood(self.y, predictor, own, self.weights, self.trials))

    def slopes(self, predictor: Floats, A: Floats, own: Mapping[str, Floats]) -> tuple[Floats, Floats]:
        """Return the score about each predictor, and the information about all of them times the columns A."""
        given = (own, self.weights, self.trials)
        return self.family.score(self.y, predictor, *given), self.family.informed(predictor, A, *given)

    def without(self, row: int) -> Responses:
        """Return the same without one row."""
        trials = None if self.trials is None else np.delete(self.trials, row)
        return Responses(self.family, np.delete(self.y, row), np.delete(self.weights, row), trials)


def log_integrals(
    rows: Responses,
    predictor: Floats,
    A: Floats,
    own: Mapping[str, Floats],
    rng: np.random.Generator,
) -> Floats:
    """Return the logarithm of the integral at every draw.

    Parameters
    ----------
    rows : Responses
    predictor : array, shape (draws, n)
        What is not integrated out of the linear predictor.
    A : array, shape (draws, n, q)
        With q of 0 nothing is integrated out.
    own : mapping of str to array, shape (draws,)
        The family's parameters.
    rng : numpy.random.Generator
        Random points, where q is above `MOST`.

    Returns
    -------
    array, shape (draws,)
    """
    n, q = A.shape[1:]
    found = np.zeros(len(predictor))
    if n == 0:
        return found
    for part in chunks(len(found), n * _evaluations(q), _NUMBERS):
        here = _Integrand(rows, predictor[part], A[part], {name: values[part, None] for name, values in own.items()})
        if q == 0:
            found[part] = rows.log_likelihood(here.predictor, here.own).sum(axis=1)
            continue
        swept = q == 1 and rows.family.name in _SWEPT
        how = _swept if swept else _summed if q <= MOST else _averaged
        found[part] = how(here, *here.find_mode(), rng)
    return found


def _evaluations(q: int) -> int:
    return 1 if q == 0 else len(_grid(q)[0]) if q <= MOST else _POINTS


@dataclass(frozen=True)
class _Integrand:
    """The integrand at several draws, as a function of v: `log_integrals` has the attributes."""

    rows: Responses
    predictor: Floats
    A: Floats
    own: Mapping[str, Floats]

    def find_mode(self) -> tuple[Floats, Floats]:
        """Return the mode at each draw, shape (draws, q), and the information there, shape (draws, q, q)."""
        v = np.zeros((len(self.A), self.A.shape[2]))
        height = self._height(v)
        for _ in range(_STEPS):
            step, _H = self._scoring(v)
            if self.rows.family.steps_overshoot:
                far = np.abs(np.einsum("snq,sq->sn", self.A, step)).max(axis=1)
                step *= (_FAR / np.maximum(far, _FAR))[:, None]
            v, height, moved = self._ascend(v, step, height)
            if moved < _CLOSE:
                break
        return v, self._scoring(v)[1]

    def _height(self, v: Floats) -> Floats:
        at = self.predictor + np.einsum("snq,sq->sn", self.A, v)
        return np.asarray(self.rows.log_likelihood(at, self.own).sum(axis=1) - 0.5 * np.sum(v**2, axis=1))

    def _scoring(self, v: Floats) -> tuple[Floats, Floats]:
        """Return the step of Fisher scoring, and the information."""
        A = self.A
        slope, known = self.rows.slopes(self.predictor + np.einsum("snq,sq->sn", A, v), A, self.own)
        H = np.matmul(A.transpose(0, 2, 1), known) + np.eye(A.shape[2])
        pull = np.einsum("snq,sn->sq", A, np.broadcast_to(slope, A.shape[:2])) - v
        return np.linalg.solve(H, pull[..., None])[..., 0], H

    def _ascend(self, v: Floats, step: Floats, height: Floats) -> tuple[Floats, Floats, float]:
        """Return the points after a step, halved where it would lead down, their heights, and the largest move."""
        size = np.ones(len(v))
        for _ in range(30):
            new = v + size[:, None] * step
            reached = self._height(new)
            worse = ~(reached >= height - 1e-10 * (1 + np.abs(height)))
            if not worse.any():
                break
            size[worse] /= 2
        kept = np.where(worse[:, None], v, new)
        return kept, np.where(worse, height, reached), float(np.abs(kept - v).max(initial=0.0))

    def at(self, V: Floats) -> Floats:
        """Return the log likelihood of all rows at points V, shape (draws, points, q)."""
        at = self.predictor[:, None] + V @ self.A.transpose(0, 2, 1)
        return np.asarray(
            self.rows.log_likelihood(at, {k: value[..., None] for k, value in self.own.items()}).sum(axis=2)
        )


@cache
def _grid(q: int) -> tuple[Floats, Floats]:
    """Return the points of a Gauss-Hermite grid, shape (points, q), and the logarithms of their normal weights."""
    x, w = np.polynomial.hermite_e.hermegauss(_NODES[q])
    axes = np.meshgrid(*[x] * q, indexing="ij")
    logs = np.meshgrid(*[np.log(w) - 0.5 * np.log(2 * np.pi)] * q, indexing="ij")
    return np.stack([axis.ravel() for axis in axes], axis=1), np.sum([own.ravel() for own in logs], axis=0)


def _summed(here: _Integrand, mode: Floats, H: Floats, rng: np.random.Generator) -> Floats:
    x, log_w = _grid(here.A.shape[2])
    R = np.linalg.cholesky(H)
    V = mode[:, None] + x @ np.linalg.inv(R)
    terms = here.at(V) + log_w + 0.5 * (np.sum(x**2, axis=1) - np.sum(V**2, axis=2))
    return np.asarray(logsumexp(terms, axis=1) - _log_diagonal(R))


def _swept(here: _Integrand, mode: Floats, H: Floats, rng: np.random.Generator) -> Floats:
    low, high = np.minimum(mode, 0.0)[:, 0] - 9.0, np.maximum(mode, 0.0)[:, 0] + 9.0
    # a peak of n rows that agree is hardly narrower than sigma over the root of n
    reach = np.abs(here.A[..., 0]).max(axis=1) * np.sqrt(max(1.0, here.rows.weights.sum()))
    step = np.minimum(0.25, 0.5 * here.own["sigma"][:, 0] / np.maximum(reach, 1e-300))
    places = np.linspace(0.0, 1.0, int(np.ceil(((high - low) / step).max())) + 1)
    total = np.full(len(mode), -np.inf)
    for first in range(0, len(places), 128):
        part = (low[:, None] + (high - low)[:, None] * places[first : first + 128])[..., None]
        terms = here.at(part) - 0.5 * part[..., 0] ** 2
        total = np.logaddexp(total, logsumexp(terms, axis=1))
    width = (high - low) / (len(places) - 1)
    return np.asarray(total + np.log(width) - 0.5 * np.log(2 * np.pi))


def _averaged(here: _Integrand, mode: Floats, H: Floats, rng: np.random.Generator) -> Floats:
    R, half = np.linalg.cholesky(H), _POINTS // 2
    x = rng.standard_normal((len(mode), _POINTS, mode.shape[1]))
    V = np.concatenate([mode[:, None] + x[:, :half] @ np.linalg.inv(R), x[:, half:]], axis=1)
    prior = -0.5 * np.sum(V**2, axis=2)
    near = -0.5 * np.sum(((V - mode[:, None]) @ R) ** 2, axis=2) + _log_diagonal(R)[:, None]
    terms = here.at(V) + prior - np.logaddexp(prior, near) + np.log(2)
    return np.asarray(logsumexp(terms, axis=1) - np.log(_POINTS))


def _log_diagonal(R: Floats) -> Floats:
    return np.asarray(np.sum(np.log(np.diagonal(R, axis1=1, axis2=2)), axis=1))
