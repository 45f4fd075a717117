"""The log prior density of each parameter at every draw."""

# mypy: allow-untyped-calls
from __future__ import annotations

import numpy as np

from hierbayes.comparison.prior_draws import every_prior
from hierbayes.engines.assemble import Labels
from hierbayes.engines.base import Floats, Problem
from hierbayes.engines.density import correlation_log_density
from hierbayes.errors import ModelError
from hierbayes.posterior import Posterior
from hierbayes.posterior.internal import Internal
from hierbayes.priors import Custom


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
    numbers = problem.named(drawn.sigma, drawn.aux)
    found = {own.name: own.prior.log_density(numbers[own.name]) for own in problem.parameters}
    if problem.p:
        found["beta"] = np.column_stack(
            [prior.log_density(drawn.beta[:, k]) for k, prior in enumerate(problem.beta_priors)]
        )
    for factor, members in labels.grouped.items():
        found |= _factor(problem, factor, members, drawn)
    return {name: posterior.by_chain(values) for name, values in found.items()}


def _refuse_custom(problem: Problem) -> None:
    for prior in every_prior(problem):
        if isinstance(prior, Custom):
            raise ModelError(
                f"the density of the prior {prior} is known to the PyMC model only",
                "pymc.compute_log_prior computes it from draws of model.pymc",
            )


def _factor(problem: Problem, factor: str, members: tuple[int, ...], drawn: Internal) -> dict[str, Floats]:
    sds = [
        prior.log_density(drawn.sds[i][:, k]) for i in members for k, prior in enumerate(problem.blocks[i].sd_priors)
    ]
    found = {f"sd_{factor}": np.column_stack(sds)}
    if any(problem.blocks[i].corr_prior is not None for i in members):
        parts = [correlation_log_density(problem.blocks[i], drawn.corrs[i]) for i in members]
        found[f"corr_{factor}"] = np.sum(parts, axis=0)
    return found
