"""The log prior density of each parameter at every draw."""

# mypy: allow-untyped-calls
from __future__ import annotations

import numpy as np

from hierbayes.engines.assemble import Labels
from hierbayes.engines.base import Block, Floats, Problem
from hierbayes.errors import ModelError
from hierbayes.posterior import Posterior
from hierbayes.posterior.internal import Internal
from hierbayes.priors import LKJ, Custom, Fixed, Flat, Normal, Prior


def prior_densities(problem: Problem, labels: Labels, posterior: Posterior) -> dict[str, Floats]:
    """Return log prior densities by variable of the posterior, shape (chains, draws, entries or nothing).

    Densities are those of the prior as it is stated: of the coefficients and sds of the centred columns where columns
    are centred, and of the columns that the notes of `Model.priors` name where these do not depend on the coding of
    factors. What is flat or fixed has 0. ``corr_g`` is one number, over all correlation matrices of the factor.

    Raises
    ------
    ModelError
        If a prior is known to the PyMC model only.
    """
    _refuse_custom(problem)
    drawn = posterior.internal(problem)
    found = {"sigma": scalar_densities(problem.sigma_prior, drawn.sigma)} if problem.has_sigma else {}
    for name, prior, values in zip(problem.aux, problem.aux_priors, drawn.aux, strict=True):
        found[name] = scalar_densities(prior, values)
    if problem.p:
        found["beta"] = np.column_stack(
            [_coefficient(prior, drawn.beta[:, k]) for k, prior in enumerate(problem.beta_priors)]
        )
    for factor, members in labels.grouped.items():
        found |= _factor(problem, factor, members, drawn)
    return {name: posterior.by_chain(values) for name, values in found.items()}


def _refuse_custom(problem: Problem) -> None:
    every: list[Prior | None] = [*problem.beta_priors, problem.sigma_prior, *problem.aux_priors]
    for block in problem.blocks:
        every += [*block.sd_priors, block.corr_prior]
    for prior in every:
        if isinstance(prior, Custom):
            raise ModelError(
                f"the density of the prior {prior} is known to the PyMC model only",
                "pymc.compute_log_prior computes it from draws of model.pymc",
            )


def _factor(problem: Problem, factor: str, members: tuple[int, ...], drawn: Internal) -> dict[str, Floats]:
    sds = [
        scalar_densities(prior, drawn.sds[i][:, k])
        for i in members
        for k, prior in enumerate(problem.blocks[i].sd_priors)
    ]
    found = {f"sd_{factor}": np.column_stack(sds)}
    if any(problem.blocks[i].corr_prior is not None for i in members):
        parts = [correlation_densities(problem.blocks[i], drawn.corrs[i]) for i in members]
        found[f"corr_{factor}"] = np.sum(parts, axis=0)
    return found


def _coefficient(prior: Prior, values: Floats) -> Floats:
    if isinstance(prior, Normal):
        z = (values - prior.mu) / prior.sigma
        return np.asarray(-0.5 * np.log(2 * np.pi) - np.log(prior.sigma) - 0.5 * z**2)
    return np.zeros(len(values))


def scalar_densities(prior: Prior, values: Floats) -> Floats:
    """Return the log prior density of an sd or another positive parameter at every value; 0 if it is flat or fixed."""
    from hierbayes.engines.scalars import encode, log_prior

    if isinstance(prior, Fixed | Flat):
        return np.zeros(len(values))
    kind, first, second = encode(prior)
    return np.array([log_prior(kind, first, second, value)[0] for value in values.tolist()])


def correlation_densities(block: Block, corrs: Floats) -> Floats:
    """Return the log LKJ density of every correlation matrix; 0 where there is none or it is fixed."""
    from hierbayes.engines.density import correlation_log_prior

    if not isinstance(block.corr_prior, LKJ):
        return np.zeros(len(corrs))
    constant = correlation_log_prior(block, np.eye(corrs.shape[1]))
    return np.asarray(constant + (block.corr_prior.eta - 1) * np.linalg.slogdet(corrs)[1])
