"""Arrays and names of a model in a form that goes to another process."""

from __future__ import annotations

from dataclasses import replace

from hierbayes.design.design import Design
from hierbayes.engines.base import Problem
from hierbayes.priors import Custom, Flat, Prior


def plain_design(design: Design) -> Design:
    """Return a design that can be sent to another process."""
    schema = design.schema
    return replace(design, schema=replace(schema, contrasts=dict(schema.contrasts), states=dict(schema.states)))


def plain_problem(problem: Problem) -> Problem:
    """Return a problem of a classical fit, in which priors play no part, without those that are functions."""
    blocks = tuple(
        replace(
            block,
            sd_priors=tuple(map(_plain, block.sd_priors)),
            corr_prior=None if block.corr_prior is None else _plain(block.corr_prior),
        )
        for block in problem.blocks
    )
    return replace(
        problem,
        beta_priors=tuple(map(_plain, problem.beta_priors)),
        blocks=blocks,
        parameters=tuple(own.under(_plain(own.prior)) for own in problem.parameters),
    )


def _plain(prior: Prior) -> Prior:
    return Flat() if isinstance(prior, Custom) else prior
