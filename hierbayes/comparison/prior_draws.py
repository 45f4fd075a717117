"""Draws from the priors, and data from the draws, with numpy alone."""

# mypy: allow-untyped-calls
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hierbayes.engines.assemble import Labels
from hierbayes.engines.base import Block, Expanded, Floats, Problem
from hierbayes.errors import ModelError
from hierbayes.posterior.predictor import add_predictor
from hierbayes.priors import (
    Flat,
    Prior,
)
from hierbayes.sampling.memory import require_memory
from hierbayes.sampling.tree import as_group, response_name

if TYPE_CHECKING:
    import xarray as xr

_NUMBERS = 1 << 22


def every_prior(problem: Problem) -> list[Prior]:
    """Return all priors of a problem, block by block."""
    found: list[Prior] = [*problem.beta_priors]
    for block in problem.blocks:
        found += [*block.sd_priors, *([] if block.corr_prior is None else [block.corr_prior])]
    return [*found, *(own.prior for own in problem.kernel_parameters)]


def drawable(problem: Problem) -> bool:
    """Say whether numpy can draw from all priors.

    Raises
    ------
    ModelError
        If a prior is flat.
    """
    priors = every_prior(problem)
    if any(isinstance(prior, Flat) for prior in priors):
        raise ModelError("flat priors cannot be drawn from", "give the parameters proper priors")
    return all(prior.drawable for prior in priors)


def prior_tree(problem: Problem, labels: Labels, draws: int, seed: int, predictive: bool = True) -> xr.DataTree:
    """Return draws from the priors under the posterior's names, for the columns as given.

    Parameters
    ----------
    problem : Problem
    labels : Labels
    draws : int
    seed : int
    predictive : bool
        Draw the response as well.

    Returns
    -------
    DataTree
        Groups prior, prior_predictive and observed_data.

    Raises
    ------
    ModelError
        If the draws are more than the memory that is free.
    """
    import xarray as xr

    from hierbayes.engines.naming import as_given, posterior_coords, posterior_dims

    require_prior_memory(problem, draws, predictive)
    rng = np.random.default_rng(seed)
    drawn = draw_parameters(problem, draws, rng)
    values, dims = as_given(problem, labels, drawn, 1), posterior_dims(labels)
    coords: dict[str, Any] = {"chain": [0], "draw": np.arange(draws), **posterior_coords(labels)}
    used = {"chain", "draw", *(dim for own in dims.values() for dim in own)}
    prior = xr.Dataset(
        {name: (("chain", "draw", *own), values[name]) for name, own in dims.items()},
        coords={dim: coords[dim] for dim in coords if dim in used},
    )
    if not predictive:
        return xr.DataTree.from_dict({"/prior": as_group(prior)})
    name, row = response_name(labels.response)
    index = {"chain": [0], "draw": np.arange(draws), row: np.arange(problem.n)}
    response = (("chain", "draw", row), draw_responses(problem, drawn, rng)[None])
    observed = xr.Dataset({name: (row, problem.y)}, coords={row: index[row]})
    return xr.DataTree.from_dict(
        {
            "/prior": as_group(prior),
            "/prior_predictive": as_group(xr.Dataset({name: response}, coords=index)),
            "/observed_data": as_group(observed),
        }
    )


def require_prior_memory(problem: Problem, draws: int, predictive: bool) -> None:
    """Refuse more draws from the priors than can be held.

    Raises
    ------
    ModelError
    """
    numbers = 1 + problem.p + sum(block.n_levels * block.Z.shape[1] for block in problem.blocks)
    also = f" and {problem.n} rows" if predictive else ""
    require_memory(
        draws * (numbers + (problem.n if predictive else 0)),
        f"{draws} draws of {numbers} numbers{also}",
        "ask for fewer draws=",
    )


def draw_parameters(problem: Problem, draws: int, rng: np.random.Generator) -> Expanded:
    """Return draws of every parameter from its prior, in internal coordinates."""
    beta = [prior.draw(draws, rng) for prior in problem.beta_priors]
    sds, corrs, effects = [], [], []
    for block in problem.blocks:
        k = block.Z.shape[1]
        sd = np.column_stack([prior.draw(draws, rng) for prior in block.sd_priors])
        factor = draw_correlation_factors(block, draws, rng)
        v = rng.standard_normal((draws, block.n_levels, k))
        sds.append(sd)
        corrs.append(factor @ factor.transpose(0, 2, 1))
        effects.append((v @ factor.transpose(0, 2, 1)) * sd[:, None])
    sigma, *aux = (own.prior.draw(draws, rng) for own in problem.kernel_parameters)
    stacked = np.column_stack(beta) if beta else np.zeros((draws, 0))
    return Expanded(tuple(sds), tuple(corrs), sigma, stacked, tuple(effects), tuple(aux))


def draw_responses(problem: Problem, drawn: Expanded, rng: np.random.Generator) -> Floats:
    """Return a draw of the response for every draw of the parameters, shape (draws, rows)."""
    if not problem.likelihood.conjugate:
        return _draw_others(problem, drawn, rng)
    found = rng.standard_normal((len(drawn.sigma), problem.n))
    root = np.sqrt(problem.weights)
    step = max(1, _NUMBERS // problem.n)
    for first in range(0, len(found), step):
        part = slice(first, first + step)
        found[part] *= drawn.sigma[part, None] / root
        add_predictor(found[part], problem, problem.blocks, drawn.beta[part], [b[part] for b in drawn.b])
    return found


def _draw_others(problem: Problem, drawn: Expanded, rng: np.random.Generator) -> Floats:
    own = problem.named(drawn.sigma, drawn.aux)
    family, found = problem.likelihood, np.empty((len(drawn.sigma), problem.n))
    predictors = len(problem.offset)
    step = max(1, _NUMBERS // predictors)
    for first in range(0, len(found), step):
        part = slice(first, first + step)
        eta = np.zeros((len(found[part]), predictors))
        add_predictor(eta, problem, problem.blocks, drawn.beta[part], [b[part] for b in drawn.b])
        given = {name: values[part, None] for name, values in own.items()}
        found[part] = family.draw(eta, given, rng, trials=problem.trials)
    return found


def draw_correlation_factors(block: Block, draws: int, rng: np.random.Generator) -> Floats:
    """Return Cholesky factors of correlation matrices from the block's prior, shape (draws, k, k)."""
    k, prior = block.Z.shape[1], block.corr_prior
    return np.tile(np.eye(k), (draws, 1, 1)) if prior is None else prior.draw_factors(k, draws, rng)
