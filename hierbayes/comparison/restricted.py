"""The evidence for linear restrictions of the coefficients, averaged exactly over everything else.

With theta the sds, correlations and sigma, and beta and b integrated out, the Savage-Dickey ratio of ``c' beta = r`` is

    p(c' beta = r | y) / p(c' beta = r)  =  E[ p(y | theta, c' beta = r) / p(y | theta) ],

the mean over the posterior draws of theta; beta is independent of theta a priori. Each term is known exactly, so that
no density has to be estimated from draws of beta (the Rao-Blackwell estimator; Dickey 1971, Annals of Mathematical
Statistics 42; Gelfand and Smith 1990, JASA 85).
"""

# mypy: allow-untyped-calls
from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hierbayes.engines.base import Floats, Ints, Problem
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
    from hierbayes.engines.collapsed import tape as at
    from hierbayes.engines.collapsed.kernel import log_likelihood
    from hierbayes.engines.collapsed.pack import build_tape
    from hierbayes.engines.collapsed.statistics import accumulate
    from hierbayes.engines.theta import layout

    gathered = accumulate(problem)
    kept = posterior.isel(draw=_kept(posterior, gathered.work))
    words = build_tape(problem, gathered, layout(problem))
    held = restrict(problem, weights, value)
    held_words = build_tape(held, accumulate(held), layout(held))
    drawn = internal(problem, labels, kept)
    sigma, lams = drawn.sigma, relative_factors(drawn, words)
    nothing, slopes = np.zeros(0), np.zeros(2)
    found = np.empty(len(sigma))
    with counting("comparing with the restricted model", len(sigma), progress) as advance:
        for i, lam in enumerate(lams):
            full = log_likelihood(words, words.view(np.float64), lam, sigma[i], at.BAYES, nothing, slopes)
            fewer = log_likelihood(held_words, held_words.view(np.float64), lam, sigma[i], at.BAYES, nothing, slopes)
            found[i] = fewer - full
            advance()
    return found.reshape(kept.sizes["chain"], -1)


def _kept(posterior: xr.Dataset, work: float) -> slice:
    """Return the draws of each chain that are used."""
    chains, draws = posterior.sizes["chain"], posterior.sizes["draw"]
    most = max(FEWEST_DRAWS, int(MULTIPLICATIONS / max(work, 1.0)))
    return slice(None, None, max(1, -(-chains * draws // most)))


def relative_factors(found: Internal, words: Ints) -> Floats:
    """Return ``L / sigma`` of every draw, flat as the compiled density reads it."""
    from hierbayes.engines.collapsed import tape as at
    from hierbayes.engines.collapsed.kernel import layer_table

    layers = layer_table(words)
    places = words[words[at.AT_PLACES] :][: 2 * len(found.sds)].reshape(-1, 2)
    lams = np.zeros((len(found.sigma), int(words[at.MOMENTS])))
    for (layer, column), sd, corr in zip(places, found.sds, found.corrs, strict=True):
        k, wide, first = sd.shape[1], int(layers[layer, at.K]), int(layers[layer, at.LAM])
        own = lams[:, first : first + wide * wide].reshape(-1, wide, wide)
        # beside an sd of 0 a correlation is not defined and does not matter
        L = roots(sd, np.where(np.isnan(corr), 0.0, corr))
        own[:, column : column + k, column : column + k] = L / found.sigma[:, None, None]
    return lams
