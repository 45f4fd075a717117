"""A design and its priors make the arrays that an engine works on, and the names that go back on its answers."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from hierbayes.design.design import Design
from hierbayes.design.scaling import ResolvedPriors
from hierbayes.design.stacked import centred
from hierbayes.engines.base import Block, Floats, Problem
from hierbayes.errors import ModelError


@dataclass(frozen=True)
class Labels:
    """The names of a problem's parts.

    Attributes
    ----------
    response : str
    coefficients : tuple of str, length p
    factors : tuple of str
        The grouping factor of each block.
    terms : tuple of tuple of str
        The terms of each block.
    levels : tuple of tuple of str
        The levels of each block's factor.
    parameters : tuple of str
        The family's parameters beside the location, ``sigma`` first where there is one.
    categories : tuple of str
        Those of an ordinal response, the lowest first.
    """

    response: str
    coefficients: tuple[str, ...]
    factors: tuple[str, ...]
    terms: tuple[tuple[str, ...], ...]
    levels: tuple[tuple[str, ...], ...]
    parameters: tuple[str, ...] = ("sigma",)
    categories: tuple[str, ...] = ()

    @property
    def thresholds(self) -> tuple[str, ...]:
        """The names of the thresholds between categories: ``low|middle``."""
        return tuple(f"{low}|{high}" for low, high in itertools.pairwise(self.categories))

    @property
    def grouped(self) -> dict[str, tuple[int, ...]]:
        """The positions of each factor's blocks."""
        found: dict[str, tuple[int, ...]] = {}
        for i, factor in enumerate(self.factors):
            found[factor] = (*found.get(factor, ()), i)
        return found


def assemble(design: Design, priors: ResolvedPriors) -> tuple[Problem, Labels]:
    """Return the problem in internal (centred) coordinates, and its labels.

    Raises
    ------
    ModelError
        If a grouping factor bears a name that the posterior uses itself.
    """
    own = ("threshold", "threshold_dim") if design.family.has_thresholds else ()
    _check_factors(design.factors, (*design.family.parameters, *own))
    S = design.predictors
    blocks = tuple(
        Block(
            Z=np.ascontiguousarray(block.Z @ own.basis if own.moved else block.Z),
            codes=block.codes,
            n_levels=block.n_levels,
            sd_priors=own.sd,
            corr_prior=own.corr,
            back=own.basis,
            columns=own.columns,
        )
        for block, own in zip(design.groups, priors.blocks, strict=True)
    )
    problem = Problem(
        y=design.y,
        X=np.ascontiguousarray(centred(design.X, priors.centre, S)),
        offset=design.offset,
        weights=design.weights,
        beta_priors=priors.beta,
        beta_back=_back(priors.centre, S),
        blocks=blocks,
        parameters=priors.parameters,
        family=design.family.name,
        link=design.family.link,
        trials=design.trials,
        categories=design.family.categories,
    )
    return problem, labels_of(design)


def labels_of(design: Design) -> Labels:
    """Return the names of the parts of a problem."""
    return Labels(
        response=design.response,
        coefficients=design.coefficients,
        factors=tuple(block.factor for block in design.groups),
        terms=tuple(block.terms for block in design.groups),
        levels=tuple(block.levels for block in design.groups),
        parameters=design.family.parameters,
        categories=design.categories if design.family.has_thresholds else (),
    )


def _check_factors(factors: tuple[str, ...], parameters: tuple[str, ...]) -> None:
    """Refuse names that would stand for two things in the posterior."""
    taken = {"chain", "draw", "coef", "beta", "sigma", *parameters}
    own = [{f, f"{f}_term", f"{f}_term2", f"b_{f}", f"sd_{f}", f"corr_{f}"} for f in factors]
    for i, factor in enumerate(factors):
        others = taken.union(*own[:i], *own[i + 1 :])
        if clash := sorted(own[i] & others):
            raise ModelError(
                f"the grouping factor {factor!r} would give {clash[0]!r} a second meaning in the posterior",
                "rename the column",
            )


def _back(centre: Floats, predictors: int = 1) -> Floats:
    """Return the matrix that takes coefficients at the centre to coefficients at zero.

    Those of each predictor stand together, its intercept first.
    """
    back, k = np.eye(len(centre)), len(centre) // predictors
    if np.any(centre):
        for first in range(0, len(centre), k):
            back[first, first : first + k] -= centre[first : first + k]
    return back
