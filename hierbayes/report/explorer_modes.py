"""The way from complete to no pooling where nothing integrates out: modes of beta and b given the sds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from hierbayes.engines.base import Block, Floats, Ints, Problem
from hierbayes.engines.joint import tape as at
from hierbayes.engines.joint.engine import JointEngine, refusal
from hierbayes.engines.joint.entries import Hessian, laplace
from hierbayes.engines.joint.pack import term_table
from hierbayes.engines.joint.surface import first_guess
from hierbayes.errors import ModelError
from hierbayes.priors import Fixed
from hierbayes.report.explorer_path import MULTIPLIERS, PoolingPath
from hierbayes.sampling.sampler import counting


def modes_path(
    problem: Problem,
    covariances: Sequence[Floats],
    parameters: Mapping[str, float],
    members: Sequence[int],
    multipliers: Floats = MULTIPLIERS,
) -> PoolingPath:
    """Return the posterior modes of coefficients and effects for every multiple of the sds of one grouping factor.

    Coefficients have the priors of the model. What is fixed is as for `explorer_path.pooling_path`; the modes are
    those about which the joint engine approximates the posterior.

    Parameters
    ----------
    problem : Problem
        Of a family that the joint engine takes.
    covariances : sequence of array, shape (k, k)
        The covariance matrix (variances, not sds) of each block in internal coordinates.
    parameters : mapping of str to float
        Those of the family.
    members : sequence of int
        The blocks of the factor.
    multipliers : array
        Not negative.

    Raises
    ------
    ModelError
        If the joint engine does not take the model, or a mode is not found.
    """
    fixed = _fixed(problem, covariances, parameters)
    refused = refusal(fixed)
    if refused is not None:
        raise ModelError(f"the explorer has no estimates for this model: {refused}")
    engine = JointEngine(fixed)
    terms = term_table(fixed, engine.rows)
    effects = int(engine.tape[at.EFFECTS])
    start = first_guess(problem.likelihood, engine.rows, effects)
    state = _state(engine, terms, start)
    betas, found = [], []
    with counting("from complete to no pooling", len(multipliers), None) as advance:
        for m in multipliers:
            sds = _set_sds(engine, fixed, members, float(m))
            state.w[:] = start
            if not np.isfinite(laplace(engine.tape, np.zeros(0), state)):
                raise ModelError(
                    f"no estimates were found at {m:.3g} times the sds",
                    "the data may be separated, or their numbers too large",
                )
            modes = _effects(fixed, terms, state.w, sds)
            betas.append(problem.beta_back @ state.w[effects:])
            found.append(np.hstack([modes[i] @ problem.blocks[i].back.T for i in members]))
            advance()
    return PoolingPath(np.asarray(multipliers, dtype=float), np.array(betas), np.array(found))


def _state(engine: JointEngine, terms: Ints, start: Floats) -> Hessian:
    """Return the arrays that a search fills."""
    levels, k = int(terms[0, at.LEVELS]), int(terms[0, at.K])
    border = len(start) - levels * k
    cells = int(engine.tape[at.CELLS])
    return Hessian(start.copy(), np.empty((levels, k, k)), np.empty(cells * k), np.empty((border, border)))


def _fixed(problem: Problem, covariances: Sequence[Floats], parameters: Mapping[str, float]) -> Problem:
    """Return the problem with everything but coefficients and effects fixed."""
    blocks = tuple(_fixed_block(own, S) for own, S in zip(problem.blocks, covariances, strict=True))
    held = tuple(own.under(Fixed(float(parameters[own.name]))) for own in problem.parameters)
    return replace(problem, blocks=blocks, parameters=held)


def _fixed_block(block: Block, covariance: Floats) -> Block:
    sd = np.sqrt(np.diag(covariance))
    scale = np.where(sd > 0, sd, 1.0)
    corr = covariance / scale[:, None] / scale
    np.fill_diagonal(corr, 1.0)
    prior = None if len(sd) == 1 else Fixed(tuple(map(tuple, corr.tolist())))
    return replace(block, sd_priors=tuple(Fixed(float(value)) for value in sd), corr_prior=prior)


def _set_sds(engine: JointEngine, fixed: Problem, members: Sequence[int], m: float) -> list[Floats]:
    """Write the sds into the tape, those of the members times m, and return them."""
    numbers = engine.tape.view(np.float64)
    place, sds = int(engine.tape[at.AT_SCALAR_FLOATS]) + 4, []
    for i, block in enumerate(fixed.blocks):
        own = np.array([prior.value for prior in block.sd_priors if isinstance(prior, Fixed)], dtype=float)
        sds.append(own * (m if i in members else 1.0))
        for value in sds[-1]:
            numbers[place] = value
            place += 5
    return sds


def _effects(fixed: Problem, terms: Ints, w: Floats, sds: Sequence[Floats]) -> list[Floats]:
    """Return ``b = L v`` of every block."""
    from hierbayes.engines.theta import layout, unpack

    factors = unpack(layout(fixed), np.zeros(0)).factors
    found: list[Floats] = [np.zeros((0, 0))] * len(fixed.blocks)
    for term in terms:
        block, levels, k, start = (int(term[key]) for key in (at.BLOCK, at.LEVELS, at.K, at.START))
        v = w[start : start + levels * k].reshape(levels, k)
        found[block] = v @ (sds[block][:, None] * factors[block]).T
    return found
