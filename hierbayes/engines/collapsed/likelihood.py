"""Classical point estimates: REML and ML, from the kernel that the posterior uses.

The search (`optimum`) runs over square roots of the relative covariance matrices in orthonormal columns (`columns`,
`criterion`), sigma profiled out or known. In log sds the gradient vanishes as an sd goes to 0, and a singular fit would
never be seen.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from hierbayes.engines.base import Floats, Problem
from hierbayes.engines.collapsed.columns import Orthonormal, orthonormal
from hierbayes.engines.collapsed.conditional import Conditional
from hierbayes.engines.collapsed.criterion import Criterion
from hierbayes.engines.collapsed.estimates import Estimates
from hierbayes.engines.collapsed.optimum import Optimum, search
from hierbayes.errors import DataError, ModelError
from hierbayes.priors import Fixed, Flat

_ROUNDING = 1e-14
"""Residuals below this share of the response are those of rounding."""
_DENSE = 2e7
"""Largest number of entries of all columns, side by side, that least squares is taken on."""


def fit_reml(problem: Problem) -> Estimates:
    """Return the restricted maximum likelihood fit; priors play no part.

    Parameters
    ----------
    problem : Problem
        Gaussian. Correlations fixed at 0 stay so, and so does a sigma that is fixed, as beside known standard errors.

    Raises
    ------
    ModelError
        If an sd or a correlation other than 0 is fixed, the coefficients are not determined, or the likelihood has no
        maximum because sigma tends to 0.
    DataError
        If the model fits the data exactly.
    """
    return _fit(problem, "reml")


def fit_ml(problem: Problem) -> Estimates:
    """Return the maximum likelihood fit; see `fit_reml`."""
    return _fit(problem, "ml")


def _fit(problem: Problem, criterion: str) -> Estimates:
    moved = orthonormal(plain(problem))
    profile = Criterion(moved.problem, criterion)
    _refuse_no_residuals(profile)
    found = search(profile)
    lam = profile.factors(found.x)
    sigma = profile.sigma(lam)
    _refuse_no_sigma(profile, found)
    beta, covariance, modes, spreads = _effects(moved, profile, lam, sigma)
    factors = _factors(moved, profile, lam, sigma)
    blocks = [described(factor) for factor in factors]
    free = sum(p.k * (p.k + 1) // 2 for p in profile.pieces)
    return Estimates(
        beta=beta,
        beta_covariance=covariance,
        sds=tuple(sd for sd, _ in blocks),
        corrs=tuple(corr for _, corr in blocks),
        factors=factors,
        sigma=sigma,
        sigma_known=bool(profile.known),
        loglik=-found.value,
        singular=any(rank < piece.k for rank, piece in zip(found.ranks, profile.pieces, strict=True)),
        modes=modes,
        mode_covariances=spreads,
        parameters=problem.p + free + (0 if profile.known else 1),
        reml=criterion == "reml",
        evaluations=profile.evaluations,
        doubt=_doubt(found),
    )


def plain(problem: Problem) -> Problem:
    """Return the problem with flat priors of what is estimated, after a check of what is fixed."""
    if any(isinstance(prior, Fixed) for block in problem.blocks for prior in block.sd_priors):
        raise ModelError("REML and ML estimate every sd, but one is fixed", "leave out the Fixed prior")
    for block in problem.blocks:
        if isinstance(block.corr_prior, Fixed) and np.any(_off_diagonal(block.corr_prior)):
            raise ModelError("REML and ML know free correlations, or none", "leave out the Fixed prior")
    if problem.p >= problem.n or (problem.p and np.linalg.matrix_rank(_scaled(problem.X)) < problem.p):
        raise ModelError("the coefficients are not determined by the data", "drop columns that others imply")
    blocks = tuple(replace(block, sd_priors=(Flat(),) * block.Z.shape[1]) for block in problem.blocks)
    parameters = tuple(own if own.held is not None else own.under(Flat()) for own in problem.parameters)
    return replace(problem, beta_priors=(Flat(),) * problem.p, blocks=blocks, parameters=parameters)


def described(factor: Floats) -> tuple[Floats, Floats]:
    """Return sds and correlations of a covariance matrix from its square root; correlations beside an sd of 0 are NaN.

    Examples
    --------
    >>> import numpy as np
    >>> sds, corr = described(np.array([[2.0, 0.0], [3.0, 4.0]]))
    >>> sds.tolist(), corr[0, 1].item()
    ([2.0, 5.0], 0.6)
    """
    sds = np.linalg.norm(factor, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        rows = factor / sds[:, None]
    corr = np.clip(rows @ rows.T, -1.0, 1.0)
    np.fill_diagonal(corr, 1.0)
    return sds, corr


def _factors(moved: Orthonormal, profile: Criterion, lam: Floats, sigma: float) -> tuple[Floats, ...]:
    """Return square roots of the covariances of the blocks' own columns."""
    found = [np.zeros((len(turn), len(turn))) for turn in moved.turns]
    for piece in profile.pieces:
        part = slice(piece.column, piece.column + piece.k)
        found[piece.block][part, part] = sigma * piece.own(lam)
    return tuple(np.linalg.solve(turn, factor) for turn, factor in zip(moved.turns, found, strict=True))


def _scaled(X: Floats) -> Floats:
    norms = np.linalg.norm(X, axis=0)
    return X / np.where(norms > 0, norms, 1.0)


def _off_diagonal(prior: Fixed) -> Floats:
    if isinstance(prior.value, float):
        return np.array([prior.value])
    matrix = np.array(prior.value)
    return np.asarray(matrix[~np.eye(len(matrix), dtype=bool)])


def _refuse_no_residuals(profile: Criterion) -> None:
    """Refuse data that the coefficients alone fit exactly."""
    problem = profile.problem
    y = (problem.y - problem.offset) * np.sqrt(problem.weights)
    squares = profile.squares(profile.factors(np.zeros(profile.size)))
    if not profile.known and math.sqrt(max(squares, 0.0)) <= _ROUNDING * float(np.linalg.norm(y)):
        raise _exact("coefficients fit")


def _refuse_no_sigma(profile: Criterion, found: Optimum) -> None:
    """Refuse data that coefficients and effects fit exactly, and models that leave nothing to sigma."""
    if math.isfinite(found.value) and not profile.leaves_nothing(found.x):
        return
    if _explained(profile.problem):
        raise _exact("group-level terms fit")
    raise ModelError(
        "the likelihood has no maximum: sigma tends to 0, for coefficients and effects explain any response",
        "use fewer group-level terms: they have about as many effects as there are rows",
    )


def _doubt(found: Optimum) -> str:
    """Return why a fit may not be the best one; empty where nothing speaks against it."""
    if not found.converged:
        return f"the search stopped early: a further step promises {found.promised:.2g} more log likelihood"
    if not found.agreed:
        ends = ", ".join(sorted({f"{2 * value:.3f}" for value in found.reached if math.isfinite(value)}, key=float))
        return f"{len(found.reached)} starts ended at criteria {ends}; the best is given, and a better one may exist"
    return ""


def _exact(what: str) -> DataError:
    return DataError(f"the {what} the data exactly: the residual sum of squares is 0", "use fewer terms")


def _explained(problem: Problem) -> bool:
    """Say whether coefficients and effects explain the response, in fewer dimensions than there are rows."""
    root = np.sqrt(problem.weights)
    effects = sum(block.n_levels * block.Z.shape[1] for block in problem.blocks)
    if problem.n * (problem.p + effects) > _DENSE:
        return False
    columns = [problem.X]
    for block in problem.blocks:
        own = np.zeros((problem.n, block.n_levels, block.Z.shape[1]))
        own[np.arange(problem.n), block.codes] = block.Z
        columns.append(own.reshape(problem.n, -1))
    whole = _scaled(np.hstack(columns) * root[:, None])
    y = (problem.y - problem.offset) * root
    y = y - _scaled(problem.X * root[:, None]) @ np.linalg.lstsq(_scaled(problem.X * root[:, None]), y, rcond=None)[0]
    found, _, rank, _ = np.linalg.lstsq(whole, y, rcond=1e-10)
    return bool(rank < problem.n and np.linalg.norm(y - whole @ found) <= 1e-9 * np.linalg.norm(y))


def _effects(
    moved: Orthonormal, profile: Criterion, lam: Floats, sigma: float
) -> tuple[Floats, Floats, tuple[Floats, ...], tuple[Floats, ...]]:
    """Return mean and covariance of the coefficients, and of b level by level in the blocks' own columns."""
    problem, conditional = moved.problem, profile.conditional
    if not problem.blocks:
        return *_least_squares(problem, sigma), (), ()
    if conditional.statistics.rows is None:
        conditional = Conditional(problem, sparse=True)
        # the layers stand in another order there
        lam = conditional.flat([place.of(lam) for place in profile.conditional.places])
    law = conditional.law(lam, sigma)
    backs = [np.linalg.inv(turn) for turn in moved.turns]
    return (
        law.beta,
        law.covariance,
        tuple(mode @ back.T for mode, back in zip(law.modes, backs, strict=True)),
        tuple(back @ spread @ back.T for spread, back in zip(law.spreads, backs, strict=True)),
    )


def _least_squares(problem: Problem, sigma: float) -> tuple[Floats, Floats]:
    root = np.sqrt(problem.weights)
    norms = np.linalg.norm(problem.X * root[:, None], axis=0)
    basis, upper = np.linalg.qr(problem.X * root[:, None] / norms)
    inverse = np.linalg.inv(upper * norms) if problem.p else np.zeros((0, 0))
    beta = inverse @ (basis.T @ (root * (problem.y - problem.offset)))
    return beta, sigma**2 * inverse @ inverse.T
