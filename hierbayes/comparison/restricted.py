"""The evidence for linear restrictions of the coefficients, averaged exactly over everything else.

With theta the sds, correlations and sigma, and beta and b integrated out, the Savage-Dickey ratio of ``c' beta = r`` is

    p(c' beta = r | y) / p(c' beta = r)  =  E[ p(y | theta, c' beta = r) / p(y | theta) ],

the mean over the posterior draws of theta; beta is independent of theta a priori. Each term is known exactly, so that
no density has to be estimated from draws of beta (the Rao-Blackwell estimator; Dickey 1971, Annals of Mathematical
Statistics 42; Gelfand and Smith 1990, JASA 85).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hierbayes.engines.base import Floats, Problem
from hierbayes.posterior.internal import Internal, internal
from hierbayes.posterior.roots import roots
from hierbayes.priors import Normal
from hierbayes.sampling.sampler import counting

if TYPE_CHECKING:
    import xarray as xr

    from hierbayes.engines.assemble import Labels

MULTIPLICATIONS = 4e10
"""What the ratios may cost together, as `Statistics.work` counts: some tens of seconds. Draws are thinned to it."""

FEWEST_DRAWS = 100


def restrict(problem: Problem, weights: Floats, value: float | Floats) -> Problem:
    """Return the problem in which weighted sums of its coefficients are held at values.

    The coefficients with a weight have normal priors, ``beta = m + s u``. An orthogonal map turns u so that its first
    entries alone make the sums; held, they become an offset, and the others stay independent and standard normal.

    Parameters
    ----------
    problem : Problem
    weights : array, shape (p,) or (q, p)
        Of the internal coefficients; rows are linearly independent.
    value : float, or array of shape (q,)
    """
    rows = np.atleast_2d(weights)
    own = np.flatnonzero(np.abs(rows).max(axis=0))
    normals = [prior for i in own if isinstance(prior := problem.beta_priors[i], Normal)]
    m, s = np.array([prior.mu for prior in normals]), np.array([prior.sigma for prior in normals])
    turn, triangle = np.linalg.qr((rows[:, own] * s).T, mode="complete")
    q = len(rows)
    first = np.linalg.solve(triangle[:q].T, np.atleast_1d(value) - rows[:, own] @ m)
    held = m + s * (turn[:, :q] @ first)
    others = np.setdiff1d(np.arange(problem.p), own)
    # What is left of the turned coefficients keeps its mean at 0: that of `held` and of m lies in the offset.
    X = np.column_stack([problem.X[:, others], problem.X[:, own] @ (s[:, None] * turn[:, q:])])
    return replace(
        problem,
        X=np.ascontiguousarray(X),
        offset=problem.offset + problem.X[:, own] @ held,
        beta_priors=(*(problem.beta_priors[i] for i in others), *(Normal(0.0, 1.0) for _ in own[q:])),
        beta_back=np.eye(X.shape[1]),
    )


def log_ratios(
    problem: Problem,
    labels: Labels,
    posterior: xr.Dataset,
    weights: Floats,
    value: float | Floats,
    progress: bool | None = None,
) -> Floats:
    """Return ``log p(y | theta, restriction) - log p(y | theta)`` at the draws of theta, (chain, draw).

    Parameters
    ----------
    problem : Problem
        Gaussian, with normal or flat priors of the coefficients.
    labels : Labels
    posterior : xarray.Dataset
        The draws for the columns as given.
    weights : array, shape (p,) or (q, p)
        Of the internal coefficients; not all 0, and rows linearly independent.
    value : float, or array of shape (q,)
        What the weighted sums are held at.
    progress : bool, optional
        None shows a bar after two seconds.

    Returns
    -------
    array, shape (chains, draws)
        Evenly thinned where all draws would take too long.
    """
    from hierbayes.engines.collapsed.conditional import Conditional

    full, fewer = Conditional(problem), Conditional(restrict(problem, weights, value))
    kept = posterior.isel(draw=_kept(posterior, full.statistics.work))
    drawn = internal(problem, labels, kept)
    factors = relative_factors(drawn)
    found = np.empty(len(drawn.sigma))
    with counting("comparing with the restricted model", len(found), progress) as advance:
        for i, sigma in enumerate(drawn.sigma):
            relative = [factor[i] for factor in factors]
            held, free = (each.log_likelihood(each.flat(relative), sigma) for each in (fewer, full))
            found[i] = held - free
            advance()
    return found.reshape(kept.sizes["chain"], -1)


def _kept(posterior: xr.Dataset, work: float) -> slice:
    """Return the draws of each chain that are used."""
    chains, draws = posterior.sizes["chain"], posterior.sizes["draw"]
    most = max(FEWEST_DRAWS, int(MULTIPLICATIONS / max(work, 1.0)))
    return slice(None, None, max(1, -(-chains * draws // most)))


def relative_factors(found: Internal) -> list[Floats]:
    """Return ``L / sigma`` of every draw, a block each."""
    # beside an sd of 0 a correlation is not defined and does not matter
    return [
        roots(sd, np.where(np.isnan(corr), 0.0, corr)) / found.sigma[:, None, None]
        for sd, corr in zip(found.sds, found.corrs, strict=True)
    ]
