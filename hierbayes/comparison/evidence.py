"""The log marginal likelihood (evidence) by bridge sampling over theta, and Bayes factors.

In the collapsed engine beta and b are integrated out exactly, so that only theta, a handful of numbers, is left. With
``q(theta) = p(y, theta)`` and a proposal g, Meng and Wong's (1996) optimal bridge estimates ``r = p(y)`` by iterating

    r = mean_g[ q / (s1 q + s2 r g) ] / mean_post[ g / (s1 q + s2 r g) ],        s1 = n1 / (n1 + n2),  s2 = 1 - s1,

n1 the effective number of posterior draws (Gronau et al. 2017). g is a Student t with the mean and covariance of the
first half of each chain; the second half is what is averaged over. Its points are scrambled Sobol sequences (Owen
1997), which for a smooth integrand of few dimensions are worth far more than independent draws; independent scrambles
give the error of their mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hierbayes.comparison.bridges import bridge, effective, relative_error
from hierbayes.comparison.prior_draws import every_prior
from hierbayes.engines.base import Floats, Problem
from hierbayes.errors import ModelError, SamplingError
from hierbayes.priors import Flat
from hierbayes.sampling.sampler import counting

if TYPE_CHECKING:
    from hierbayes.engines.collapsed.engine import CollapsedEngine

_FREEDOM = 8.0
_SCRAMBLES = 16
_TARGET = 2e-4
"""Error of the proposal's share at which no more of its points are evaluated."""
_MOST = 1 << 16
_WORK = 1e12
"""Multiplications that all points together may take, where a density is expensive."""
_BRIDGE = 0x6272
"""Keeps the random numbers of the proposal apart from those of the draws."""


@dataclass(frozen=True)
class Evidence:
    """A log marginal likelihood.

    Attributes
    ----------
    value : float
        ``log p(y)``, natural logarithm, with every normalising constant.
    error : float
        Its standard error: of the logarithm, so also the relative error of ``p(y)``.
    draws : int
        Posterior draws of theta that were averaged over.
    proposals : int
        Points of the proposal.
    """

    value: float
    error: float
    draws: int
    proposals: int

    def __float__(self) -> float:
        return self.value

    def __repr__(self) -> str:
        how = f"bridge sampling, {self.draws} draws and {self.proposals} proposals" if self.draws else "exact"
        return f"log marginal likelihood {self.value:.4f} (standard error {self.error:.2g}; {how})"


def refuse_improper_priors(problem: Problem) -> None:
    """Refuse flat priors, under which the marginal likelihood is not defined.

    Raises
    ------
    ModelError
    """
    if any(isinstance(prior, Flat) for prior in every_prior(problem)):
        raise ModelError(
            "a flat prior is improper: its density is known only up to a constant, and so would be the marginal "
            "likelihood and every Bayes factor",
            "give all parameters proper priors, such as the defaults",
        )


def engine_for(problem: Problem, engine: CollapsedEngine) -> CollapsedEngine:
    """Return the engine if it can tell the marginal likelihood of the problem.

    Raises
    ------
    ModelError
        If a prior is improper, or beta and b do not integrate out.
    """
    from hierbayes.engines.collapsed.engine import refusal

    refuse_improper_priors(problem)
    refused = refusal(problem)
    if refused is not None:
        raise ModelError(
            f"the marginal likelihood is computed by the collapsed engine, which does not take this model: {refused}",
            "fit.loo() compares models of any kind",
        )
    return engine


def evidence(engine: CollapsedEngine, theta: Floats, seed: int, cores: int, progress: bool | None = None) -> Evidence:
    """Return the log marginal likelihood.

    Parameters
    ----------
    engine : CollapsedEngine
    theta : array, shape (chains, draws, dim)
        Draws of theta from its posterior, in the engine's coordinates.
    seed : int
        Fixes the points of the proposal.
    cores : int
        Threads; changes no number.
    progress : bool, optional

    Raises
    ------
    SamplingError
        If there are too few draws.
    """
    from hierbayes.engines.collapsed.threads import one_blas_thread

    dim = theta.shape[2]
    with one_blas_thread():
        if dim == 0:
            return Evidence(float(engine.log_densities(np.zeros((1, 0)))[0]), 0.0, 0, 0)
        half = theta.shape[1] // 2
        if theta.shape[0] * half < 20 * (dim + 1):
            raise SamplingError(
                f"{theta.shape[0] * theta.shape[1]} draws are too few for bridge sampling over {dim} parameters",
                f"sample at least {40 * (dim + 1)}, better 2000",
            )
        work = max(engine.statistics.work, 1.0)
        most = int(np.clip(_WORK / work, 1024, _MOST))
        # Below a tenth of a millisecond threads would only wait for each other's turn in the interpreter.
        cores = cores if work > 1e6 else 1
        proposal = Proposal.of(theta[:, :half].reshape(-1, dim))
        return _bridge(engine, theta[:, half:], proposal, most, [seed, _BRIDGE], cores, progress)


@dataclass(frozen=True)
class Proposal:
    """A multivariate Student t: mean, and lower Cholesky factor of its scale."""

    mean: Floats
    factor: Floats

    @classmethod
    def of(cls, draws: Floats) -> Proposal:
        """Return the t with the mean and covariance of the draws, shape (draws, dim)."""
        covariance = np.atleast_2d(np.cov(draws.T)) * (_FREEDOM - 2) / _FREEDOM
        try:
            return cls(draws.mean(axis=0), np.linalg.cholesky(covariance))
        except np.linalg.LinAlgError as error:
            raise SamplingError("the draws of theta do not vary in every direction", "sample longer") from error

    def points(self, uniform: Floats) -> Floats:
        """Return points of the t from points of the unit cube, shape (points, dim + 1)."""
        from scipy.special import chdtri, ndtri

        # The cube is open: 0 would be at infinity.
        inside = np.clip(uniform, 2.0**-60, 1 - 2.0**-53)
        stretch = np.sqrt(chdtri(_FREEDOM, 1 - inside[:, -1:]) / _FREEDOM)
        return np.asarray(self.mean + (ndtri(inside[:, :-1]) / stretch) @ self.factor.T)

    def log_density(self, points: Floats) -> Floats:
        """Return the log density at rows of points."""
        from scipy.special import gammaln

        dim = len(self.mean)
        z = np.linalg.solve(self.factor, (points - self.mean).T)
        constant = gammaln((_FREEDOM + dim) / 2) - gammaln(_FREEDOM / 2) - 0.5 * dim * np.log(_FREEDOM * np.pi)
        constant -= np.sum(np.log(np.diag(self.factor)))
        return np.asarray(constant - 0.5 * (_FREEDOM + dim) * np.log1p(np.sum(z**2, axis=0) / _FREEDOM))


def _bridge(
    engine: CollapsedEngine,
    theta: Floats,
    proposal: Proposal,
    most: int,
    seed: list[int],
    cores: int,
    progress: bool | None,
) -> Evidence:
    chains, draws, dim = theta.shape
    theta = theta[:, :: max(1, chains * draws // max(most, 1))]
    flat = theta.reshape(-1, dim)
    with counting("bridge sampling", len(flat) + most, progress) as advance:
        ratio = engine.log_densities(flat, cores, advance) - proposal.log_density(flat)
        ratio = ratio.reshape(theta.shape[:2])
        draws_worth = effective(np.exp(ratio - ratio.max()))
        sequences = _sequences(dim + 1, seed)
        proposed = np.empty((_SCRAMBLES, 0))
        size = max(64, 1 << int(np.log2(most / _SCRAMBLES / 16)))
        while True:
            uniform = np.stack([sequence.random(size - proposed.shape[1]) for sequence in sequences])
            points = proposal.points(uniform.reshape(-1, dim + 1))
            new = engine.log_densities(points, cores, advance) - proposal.log_density(points)
            proposed = np.column_stack([proposed, new.reshape(_SCRAMBLES, -1)])
            log_r, below, above = bridge(ratio, proposed, draws_worth, proposed.size)
            # Points of one scramble lean on each other; scrambles are independent.
            by_points = float(above.mean(axis=1).std(ddof=1) / above.mean() / np.sqrt(_SCRAMBLES))
            if by_points < _TARGET or 2 * size * _SCRAMBLES > most:
                break
            size *= 2
    return Evidence(log_r, float(np.hypot(relative_error(below), by_points)), ratio.size, proposed.size)


def _sequences(dim: int, seed: list[int]) -> list[Any]:
    from scipy.stats import qmc

    streams = np.random.SeedSequence(seed).spawn(_SCRAMBLES)
    return [qmc.Sobol(dim, rng=np.random.default_rng(stream)) for stream in streams]
