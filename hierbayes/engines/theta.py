"""The unconstrained vector theta and what it stands for: sds, correlations, sigma and the family's other parameters.

theta holds, block by block, a coordinate for each sd that is not fixed, then ``k (k - 1) / 2`` partial correlations on
the scale ``atanh`` (row by row of the lower triangle) unless the correlations are fixed, then a coordinate for sigma,
and last one for each other parameter of the family.
With partial correlations ``tanh(x)`` the Cholesky factor of the correlation matrix has rows
``C[i, j] = tanh(x_ij) prod_{m<j} sech(x_im)``, ``C[i, i] = prod_m sech(x_im)``, and under LKJ(eta) the x are
independent with densities proportional to ``sech(x_ij) ** (k - j + 2 eta - 2)`` (j from 0).
"""

# mypy: allow-untyped-calls, allow-untyped-decorators, disable-error-code="no-any-return"
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit

from hierbayes.engines.base import Block, Floats, Ints, Problem
from hierbayes.engines.scalars import from_coordinate, log_prior, to_coordinate
from hierbayes.errors import ModelError
from hierbayes.priors import LKJ, Fixed, Prior
from hierbayes.priors.codes import MAP_EXPONENTIAL, MAP_LOG, MAP_UNIFORM

_LOG_2 = math.log(2.0)
_FAR_OUT = 2.0
"""Normal score under its prior from which an sd of the size that the data suggest is a start of its own."""


@dataclass(frozen=True)
class Theta:
    """What theta stands for.

    Attributes
    ----------
    sds : tuple of array
        Standard deviations of each block, length k.
    factors : tuple of array
        Lower Cholesky factor of each block's correlation matrix, k by k.
    sigma : float
        Residual sd; 1 for a family without it.
    aux : tuple of float
        The family's other parameters, in its order.
    """

    sds: tuple[Floats, ...]
    factors: tuple[Floats, ...]
    sigma: float
    aux: tuple[float, ...] = ()

    @property
    def corrs(self) -> tuple[Floats, ...]:
        """Correlation matrices of the blocks."""
        return tuple(c @ c.T for c in self.factors)


class Tables(NamedTuple):
    """Where everything lies in theta, as compiled functions read it; see `ThetaLayout`."""

    scalar_ints: Ints
    scalar_floats: Floats
    block_ints: Ints
    etas: Floats


@dataclass(frozen=True)
class ThetaLayout:
    """Where everything lies in theta, as flat arrays for the compiled functions.

    Attributes
    ----------
    dim : int
        Length of theta.
    scalar_ints : array of int, shape (scalars, 3)
        Prior kind, coordinate kind and place in theta (-1 where fixed) of every sd, of sigma and, last, of the family's
        other parameters.
    scalar_floats : array, shape (scalars, 5)
        Two numbers of the prior, two of the coordinate, and the value where fixed.
    block_ints : array of int, shape (blocks, 4)
        Columns k, first sd, place of the first partial correlation (-1 where fixed), place of the factor in `factors`.
    etas : array, shape (blocks,)
        Parameter of the LKJ prior.
    factors : array
        The k by k Cholesky factors of fixed correlations, flat; identity elsewhere.
    """

    dim: int
    scalar_ints: Ints
    scalar_floats: Floats
    block_ints: Ints
    etas: Floats
    factors: Floats

    @property
    def tables(self) -> Tables:
        """The tables for the compiled functions."""
        return Tables(self.scalar_ints, self.scalar_floats, self.block_ints, self.etas)

    @property
    def sigma(self) -> int:
        """The place of sigma among the scalars: after all sds."""
        return int(self.block_ints[:, 0].sum())


def layout(problem: Problem, log_only: bool = False) -> ThetaLayout:
    """Return the layout of theta for a problem.

    Parameters
    ----------
    problem : Problem
    log_only : bool
        Walk in logarithms of the sds of group-level effects instead of the normal scores of their priors. sigma and the
        family's other parameters, which the data mostly tell, are walked in their logarithms in any case.

    Raises
    ------
    ModelError
        If a prior is not one that the compiled kernels know, or a fixed correlation matrix is not one.
    """
    size = _typical_size(problem)
    scalars: list[tuple[int, int, int, float, float, float, float, float]] = []
    blocks: list[tuple[int, int, int, int]] = []
    etas: list[float] = []
    factors: list[Floats] = []
    place, flat = 0, 0
    for block in problem.blocks:
        k = block.Z.shape[1]
        first = len(scalars)
        for column, prior in zip(block.Z.T, block.sd_priors, strict=True):
            scalars.append(_scalar(prior, _suggested(size, column), place, log_only))
            place += scalars[-1][2] >= 0
        eta, factor = _correlation(block)
        free = k > 1 and eta > 0
        blocks.append((k, first, place if free else -1, flat))
        place += k * (k - 1) // 2 if free else 0
        flat += k * k
        etas.append(eta)
        factors.append(factor.ravel())
    for i, parameter in enumerate(problem.kernel_parameters):
        scalars.append(_scalar(parameter.prior, 1.0 if i else size, place, True))
        place += scalars[-1][2] >= 0
    return ThetaLayout(
        dim=place,
        scalar_ints=np.array([s[:3] for s in scalars], dtype=np.int64),
        scalar_floats=np.array([s[3:] for s in scalars], dtype=np.float64),
        block_ints=np.array(blocks, dtype=np.int64).reshape(-1, 4),
        etas=np.array(etas, dtype=np.float64),
        factors=np.concatenate(factors) if factors else np.zeros(0),
    )


def far_start(problem: Problem, layout: ThetaLayout) -> Floats | None:
    """Return a start at sds of the size that the data suggest, None where no prior of an sd puts that far out.

    Under a prior of sds much smaller than those of the data the density may have a second mode, near the prior's
    scale, that holds nothing of the posterior; a search that starts there stays there.
    """
    size, theta = _typical_size(problem), np.zeros(layout.dim)
    columns = [column for block in problem.blocks for column in block.Z.T]
    walked = [
        (place, kind, a, b, _suggested(size, column))
        for (_, kind, place), (_, _, a, b, _), column in zip(
            layout.scalar_ints[: layout.sigma], layout.scalar_floats[: layout.sigma], columns, strict=True
        )
        if place >= 0 and kind != MAP_UNIFORM
    ]
    if all(_is_near(kind, a, b, sd) for _, kind, a, b, sd in walked):
        return None
    for place, kind, a, b, sd in walked:
        theta[place] = max(0.0, to_coordinate(kind, a, b, sd))
    return theta if np.any(theta > _FAR_OUT) else None


def _is_near(kind: int, a: float, b: float, sd: float) -> bool:
    """Say whether an sd is certainly no further out under its prior than `_FAR_OUT`, without a compiled function.

    To call one from here takes a third of a second in every process. All priors with a scale have a fortieth of their
    mass, and more, beyond twice that scale.
    """
    if kind == MAP_LOG:
        return (math.log(sd) - a) / b <= _FAR_OUT
    return sd <= 2.0 * (1 / a if kind == MAP_EXPONENTIAL else a)


def unpack(layout: ThetaLayout, theta: Floats) -> Theta:
    """Return the sds, correlation factors, sigma and other parameters at `theta`."""
    sds, _, factors, sigma, _ = _evaluate(layout, theta)
    cut = [(int(k), int(first), int(flat)) for k, first, _, flat in layout.block_ints]
    return Theta(
        sds=tuple(sds[first : first + k].copy() for k, first, _ in cut),
        factors=tuple(factors[flat : flat + k * k].reshape(k, k).copy() for k, _, flat in cut),
        sigma=sigma,
        aux=tuple(float(value) for value in sds[layout.sigma + 1 :]),
    )


def unpack_draws(
    layout: ThetaLayout, theta: Floats
) -> tuple[tuple[Floats, ...], tuple[Floats, ...], Floats, tuple[Floats, ...]]:
    """Return sds (draws, k) and correlations (draws, k, k) of each block, sigma (draws,) and the other parameters.

    One row of theta is one draw; the other parameters are a tuple of arrays (draws,).
    """
    from hierbayes.engines.collapsed.entries import unpack_many

    draws = len(theta)
    values = np.empty((draws, len(layout.scalar_ints)))
    factors = np.tile(layout.factors, (draws, 1))
    unpack_many(layout.tables, np.ascontiguousarray(theta, dtype=np.float64), values, factors)
    sds, corrs = [], []
    for k, first, _, flat in layout.block_ints:
        sds.append(values[:, first : first + k].copy())
        factor = factors[:, flat : flat + k * k].reshape(draws, k, k)
        corrs.append(factor @ factor.transpose(0, 2, 1))
    own = [values[:, i].copy() for i in range(layout.sigma, values.shape[1])]
    return tuple(sds), tuple(corrs), own[0], tuple(own[1:])


def pack(layout: ThetaLayout, value: Theta) -> Floats:
    """Return the theta that stands for `value`; what is fixed is left out."""
    theta = np.zeros(layout.dim)
    numbers = [*np.concatenate([*value.sds, np.zeros(0)]), value.sigma, *value.aux]
    for (_, kind, place), (_, _, a, b, _), number in zip(
        layout.scalar_ints, layout.scalar_floats, numbers, strict=True
    ):
        if place >= 0:
            theta[place] = to_coordinate(kind, a, b, float(number))
    for (k, _, place, _), factor in zip(layout.block_ints, value.factors, strict=True):
        if place < 0:
            continue
        for i in range(1, k):
            # The norm of what is left of the row keeps digits that 1 - sum of squares would lose.
            for j in range(i):
                theta[place] = math.asinh(factor[i, j] / float(np.linalg.norm(factor[i, j + 1 : i + 1])))
                place += 1
    return theta


def log_prior_density(layout: ThetaLayout, theta: Floats) -> float:
    """Return the log prior density of theta, with every Jacobian."""
    return float(_evaluate(layout, theta)[4])


def log_jacobian(layout: ThetaLayout, theta: Floats) -> float:
    """Return ``log |d(sd, corr, sigma, aux) / d theta|`` over what is free; corr by its entries below the diagonal."""
    total = 0.0
    for (_, kind, place), (_, _, a, b, _) in zip(layout.scalar_ints, layout.scalar_floats, strict=True):
        if place >= 0:
            total += from_coordinate(kind, a, b, theta[place])[2]
    for k, _, place, _ in layout.block_ints:
        if place < 0:
            continue
        for i in range(1, k):
            for j in range(i):
                total += (k - j) * _log_sech(theta[place])
                place += 1
    return float(total)


def _evaluate(layout: ThetaLayout, theta: Floats) -> tuple[Floats, Floats, Floats, float, float]:
    sds = np.empty(len(layout.scalar_ints))
    slopes = np.empty(len(layout.scalar_ints))
    factors = layout.factors.copy()
    grad = np.zeros(layout.dim)
    theta = np.ascontiguousarray(theta, dtype=np.float64)
    density = unpack_theta(layout.tables, theta, sds, slopes, factors, grad)
    return sds, slopes, factors, float(sds[layout.sigma]), float(density)


def _suggested(size: float, column: Floats) -> float:
    """Return an sd that would let a column make as much of the response as it varies."""
    return size / (math.sqrt(float(np.mean(column * column))) or 1.0)


def _scalar(
    prior: Prior, scale: float, place: int, log_only: bool
) -> tuple[int, int, int, float, float, float, float, float]:
    if isinstance(prior, Fixed):
        if not isinstance(prior.value, float) or prior.value < 0:
            raise ModelError(f"a fixed standard deviation is one number, 0 or more, not {prior.value}")
        return 0, 0, -1, 0.0, 0.0, 0.0, 1.0, prior.value
    kind, a, b = prior.encoded
    chart, c, d = prior.coordinate(scale, log_only)
    return kind, chart, place, a, b, c, d, 0.0


def _correlation(block: Block) -> tuple[float, Floats]:
    """Return eta of the LKJ prior, or 0 and the Cholesky factor where the correlations are fixed."""
    k = block.Z.shape[1]
    match block.corr_prior:
        case None:
            return 0.0, np.eye(k)
        case LKJ(eta):
            return eta, np.eye(k)
        case Fixed():
            return 0.0, _factor(block.corr_prior.matrix(k), k)
    raise ModelError(
        f"the compiled kernels have no prior {block.corr_prior} for correlations",
        'use LKJ or Fixed, or sample with engine="pymc"',
    )


def _factor(corr: Floats, k: int) -> Floats:
    valid = corr.shape == (k, k) and np.allclose(corr, corr.T) and np.allclose(np.diag(corr), 1)
    values, vectors = np.linalg.eigh(corr) if valid else (np.array([-1.0]), corr)
    if values[0] > -1e-10:
        # A singular matrix, correlations of 1, is moved by 1e-16 so that derivatives exist.
        upper = np.linalg.qr((vectors * np.sqrt(np.maximum(values, 1e-16))).T)[1]
        return np.asarray((upper * np.where(np.diag(upper) < 0, -1.0, 1.0)[:, None]).T)
    raise ModelError(f"fixed correlations must be a {k} by {k} correlation matrix, not {corr.tolist()}")


def _typical_size(problem: Problem) -> float:
    """Return the sd of the response on the scale of the predictor, for coordinates whose prior has no scale.

    It is 1 behind a logarithm or a logit.
    """
    return problem.likelihood.typical_size(problem.y, problem.offset)


@njit(cache=True, nogil=True, error_model="numpy")
def _log_sech(x: float) -> float:
    a = abs(x)
    return _LOG_2 - a - math.log1p(math.exp(-2 * a))


@njit(cache=True, nogil=True, error_model="numpy")
def unpack_theta(tables: Tables, theta: Floats, values: Floats, slopes: Floats, factors: Floats, grad: Floats) -> float:
    """Fill the scalars, ``d log scalar / d theta``, the correlation factors and the gradient of the log prior.

    Returns the log prior density of theta. `factors` comes in as `ThetaLayout.factors`.
    """
    scalar_ints, scalar_floats, block_ints, etas = tables
    total = 0.0
    for i in range(scalar_ints.shape[0]):
        place = scalar_ints[i, 2]
        if place < 0:
            values[i] = scalar_floats[i, 4]
            slopes[i] = 0.0
            continue
        s, slope, log_slope, score = from_coordinate(
            scalar_ints[i, 1], scalar_floats[i, 2], scalar_floats[i, 3], theta[place]
        )
        density, pull = log_prior(scalar_ints[i, 0], scalar_floats[i, 0], scalar_floats[i, 1], s)
        values[i] = s
        slopes[i] = slope
        total += density + log_slope
        grad[place] = pull * slope + score
    for t in range(block_ints.shape[0]):
        k, place, flat = block_ints[t, 0], block_ints[t, 2], block_ints[t, 3]
        if place < 0:
            continue
        for i in range(1, k):
            rest = 1.0
            for j in range(i):
                x = theta[place]
                power = k - j + 2 * etas[t] - 2
                sech = math.exp(_log_sech(x))
                factors[flat + i * k + j] = math.tanh(x) * rest
                rest *= sech
                total += power * _log_sech(x)
                total += math.lgamma(0.5 * power + 0.5) - math.lgamma(0.5 * power) - 0.5 * math.log(math.pi)
                grad[place] = -power * math.tanh(x)
                place += 1
            factors[flat + i * k + i] = rest
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def unpack_rows(tables: Tables, theta: Floats, values: Floats, factors: Floats) -> None:
    """Fill rows of `values`, the sds, sigma and others, and of flat correlation factors from rows of theta."""
    slopes = np.empty(values.shape[1])
    grad = np.zeros(theta.shape[1])
    for d in range(theta.shape[0]):
        unpack_theta(tables, theta[d], values[d], slopes, factors[d], grad)


@njit(cache=True, nogil=True, error_model="numpy")
def push_moment(
    k: int, moment: Floats, factor: Floats, theta: Floats, place: int, by_log_sd: Floats, grad: Floats
) -> None:
    """Turn the moment matrix M of a block into derivatives in log sd and in the partial correlations.

    ``d log p = tr(M' K)`` for ``dL = L K``. `by_log_sd` is filled, and `grad` is added to from `place` on (unless -1).
    """
    if k == 1:
        by_log_sd[0] = moment[0, 0]
        return
    inverse = np.zeros((k, k))
    for j in range(k):
        inverse[j, j] = 1 / factor[j, j]
        for i in range(j + 1, k):
            s = 0.0
            for m in range(j, i):
                s += factor[i, m] * inverse[m, j]
            inverse[i, j] = -s / factor[i, i]
    # pulled[i, b] = sum_a inverse[a, i] M[a, b]
    for i in range(k):
        s = 0.0
        for b in range(i + 1):
            pulled = 0.0
            for a in range(i, k):
                pulled += inverse[a, i] * moment[a, b]
            s += pulled * factor[i, b]
        by_log_sd[i] = s
    if place < 0:
        return
    for i in range(1, k):
        before = 1.0
        for j in range(i):
            x = theta[place]
            sech = math.exp(_log_sech(x))
            tanh = math.tanh(x)
            s = 0.0
            for b in range(j, i + 1):
                slope = sech * sech * before if b == j else -tanh * factor[i, b]
                pulled = 0.0
                for a in range(i, k):
                    pulled += inverse[a, i] * moment[a, b]
                s += pulled * slope
            grad[place] += s
            before *= sech
            place += 1
