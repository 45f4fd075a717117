"""The sds at which the slider of the explorer reads 1: REML's, or the posterior's where those are on the boundary."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hierbayes.design.design import Design
from hierbayes.engines.base import Floats, Problem
from hierbayes.engines.collapsed.estimates import Estimates
from hierbayes.engines.collapsed.likelihood import fit_reml
from hierbayes.errors import ModelError
from hierbayes.posterior import Posterior
from hierbayes.priors import Fixed

_LEAST = 1e-7
"""Least eigenvalue of a correlation matrix that has an inverse."""


@dataclass(frozen=True)
class Anchor:
    """What the estimates are conditional on where the slider stands at 1.

    Attributes
    ----------
    name : str
        ``"REML"`` or ``"posterior median"``: whose sds of the factor are multiplied.
    covariances : tuple of array, shape (k, k)
        Covariance matrix (variances, not sds) of every block, in internal coordinates.
    covariance : array, shape (k, k)
        Of the factor's effects, all its terms, in the columns as given.
    sigma : float
        Residual standard deviation.
    reml : array, shape (k,), or None
        REML's sds of the factor's terms in the columns as given; None without a REML fit.
    notes : tuple of str
        What a reader must know of it.
    """

    name: str
    covariances: tuple[Floats, ...]
    covariance: Floats
    sigma: float
    reml: Floats | None
    notes: tuple[str, ...]

    @property
    def sds(self) -> Floats:
        """Standard deviations of the factor's terms in the columns as given."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))


def find_anchor(problem: Problem, design: Design, posterior: Posterior, factor: str) -> Anchor:
    """Return where the slider stands at 1.

    REML's estimates serve unless they leave the factor's covariance matrix without an inverse: a multiple of 0 is 0,
    and levels that can only move along one line never reach their own fits. The factor's posterior (median sds, mean
    correlations) serves then, and for all parameters where an sd or correlation is fixed and there is no REML fit.

    Raises
    ------
    ModelError
        If an sd of the factor is fixed at 0.
    """
    members = [i for i, block in enumerate(design.groups) if block.factor == factor]
    gaussian = problem.likelihood.conjugate
    found = _reml(problem) if gaussian else None
    if found is None:
        typical = [_typical(problem, design, posterior, i) for i in range(len(problem.blocks))]
        sigma = float(np.median(posterior.parameters["sigma"])) if "sigma" in posterior.parameters else 1.0
        notes = (_NO_REML,) if gaussian else ()
        anchor = Anchor("posterior median", tuple(typical), _given(problem, typical, members), sigma, None, notes)
    else:
        anchor = _from_reml(problem, design, posterior, factor, members, found)
    if not np.all(anchor.sds > 0):
        raise ModelError(f"an sd of {factor!r} is fixed at 0, so that no slider can move it", "choose another factor")
    return anchor


_NO_REML = (
    "An sd or correlation of this model is fixed, so there is no REML fit: the slider multiplies the posterior "
    "medians of the sds; sigma is at its posterior median and the correlations at their posterior means."
)


def _reml(problem: Problem) -> Estimates | None:
    priors = [
        *(own.prior for own in problem.parameters),
        *(p for block in problem.blocks for p in (*block.sd_priors, block.corr_prior)),
    ]
    try:
        return fit_reml(problem)
    except ModelError:
        if any(isinstance(prior, Fixed) for prior in priors):
            return None
        raise


def _from_reml(
    problem: Problem, design: Design, posterior: Posterior, factor: str, members: list[int], found: Estimates
) -> Anchor:
    own = [sd[:, None] * np.nan_to_num(corr) * sd for sd, corr in zip(found.sds, found.corrs, strict=True)]
    covariance = _given(problem, own, members)
    reml = np.sqrt(np.diag(covariance))
    if not any(_singular(found.sds[i], found.corrs[i]) for i in members):
        doubts = (f"REML: {found.doubt}.",) if found.doubt else ()
        return Anchor("REML", tuple(own), covariance, found.sigma, reml, doubts)
    why = _boundary(reml, [term for i in members for term in design.groups[i].terms])
    for i in members:
        own[i] = _typical(problem, design, posterior, i)
    tied = ", with their correlations at the posterior mean" if any(len(found.sds[i]) > 1 for i in members) else ""
    note = (
        f"REML is singular here: {why}. Multiples of that never reach no pooling, so the slider multiplies the "
        f"posterior medians of the sds of {factor}{tied}; sigma stays at REML's value."
    )
    return Anchor("posterior median", tuple(own), _given(problem, own, members), found.sigma, reml, (note,))


def _singular(sd: Floats, corr: Floats) -> bool:
    return bool(np.any(sd == 0) or np.linalg.eigvalsh(np.nan_to_num(corr))[0] < _LEAST)


def _boundary(reml: Floats, terms: list[str]) -> str:
    zero = [term for term, sd in zip(terms, reml, strict=True) if sd == 0]
    return f"it puts the sd of {', '.join(zero)} at 0" if zero else "it puts a correlation at its limit"


def _typical(problem: Problem, design: Design, posterior: Posterior, block: int) -> Floats:
    """Return a block's covariance at the posterior medians of its sds and means of its correlations, internally."""
    own = posterior.blocks[block]
    sds, draws = np.asarray(np.median(own.sd, axis=0)), own.covariance
    scale = np.sqrt(np.diagonal(draws, axis1=1, axis2=2))
    corr = np.mean(draws / np.maximum(scale[:, :, None] * scale[:, None, :], 1e-300), axis=0)
    np.fill_diagonal(corr, 1.0)
    inward = np.linalg.inv(problem.blocks[block].back)
    return np.asarray(inward @ (sds[:, None] * corr * sds) @ inward.T)


def _given(problem: Problem, own: list[Floats], members: list[int]) -> Floats:
    """Return the factor's covariance in the columns as given, its blocks along the diagonal."""
    from scipy.linalg import block_diag

    backs = [problem.blocks[i].back for i in members]
    return np.asarray(block_diag(*(back @ own[i] @ back.T for back, i in zip(backs, members, strict=True))))
