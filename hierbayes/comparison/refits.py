"""Exact refits without some rows, and the joint density of these rows given all others.

For one theta, ``w(theta) = p(y_out | y_rest, theta) = p(y | theta) / p(y_rest | theta)``: both come from the
collapsed engine, with beta and b integrated out, whatever the structure. Its mean over theta given ``y_rest`` is
``p(y_out | y_rest)``, and the mean of ``1 / w`` over theta given y is the inverse of that. The optimal bridge between
the two posteriors uses the draws of both: far less noise than either, where the rows left out tell much about theta.
"""

# mypy: allow-untyped-calls
from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hierbayes.comparison.bridges import bridge, effective, relative_error
from hierbayes.design.proper import refuse_improper
from hierbayes.design.table import at_rows
from hierbayes.engines.assemble import Labels
from hierbayes.engines.base import Block, Floats, Problem
from hierbayes.errors import ModelError
from hierbayes.posterior.internal import Internal, internal
from hierbayes.posterior.roots import roots
from hierbayes.priors import Flat
from hierbayes.sampling.run import Runner
from hierbayes.sampling.sampler import Settings, counting

if TYPE_CHECKING:
    import xarray as xr

    from hierbayes.design.design import Design
    from hierbayes.engines.collapsed.conditional import Conditional
    from hierbayes.engines.theta import Theta

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Scored:
    """The log density of rows left out, and its Monte Carlo standard error."""

    value: float
    error: float


def bridged(given_all: Floats, given_rest: Floats) -> Scored:
    """Return the log of a ratio of constants by the optimal bridge between two posteriors.

    Parameters
    ----------
    given_all, given_rest : array, shape (chains, draws)
        The log of the rows' density at draws of the posterior given all rows, and of that given the rest.
    """
    worth = [effective(np.exp(own - own.max())) for own in (-given_all, given_rest)]
    value, below, above = bridge(given_all, given_rest, *worth)
    return Scored(value, float(np.hypot(relative_error(below), relative_error(above))))


class Refits(ABC):
    """Refits of one model without some of its rows; every prior stays that of all the data."""

    def __init__(self, design: Design, problem: Problem, labels: Labels, posterior: xr.Dataset) -> None:
        self.design, self.problem, self.labels, self.posterior = design, problem, labels, posterior

    @abstractmethod
    def score(self, out: Flags, chosen: Settings, what: str) -> Scored:
        """Return the joint log density of the rows marked in `out` given the others; `what` names them."""

    def score_all(self, outs: Sequence[tuple[str, Flags]], chosen: Settings, message: str) -> list[Scored]:
        """Return the score of each set of rows, with a progress bar; sets are named."""
        quiet = replace(chosen, progress=False)
        seeds = np.random.SeedSequence(chosen.seed).generate_state(len(outs), np.uint32)
        found = []
        with counting(message, len(outs), chosen.progress) as advance:
            for (what, out), seed in zip(outs, seeds.tolist(), strict=True):
                found.append(self.score(out, replace(quiet, seed=int(seed)), what))
                advance()
        return found

    def _thinned(self, wanted: int) -> xr.Dataset:
        """Return about as many draws given all rows as wanted."""
        chains, draws = self.posterior.sizes["chain"], self.posterior.sizes["draw"]
        return self.posterior.isel(draw=slice(None, None, max(1, chains * draws // wanted)))

    def _check(self, rows: Flags, what: str) -> None:
        """Refuse what would leave an improper posterior."""
        problem = self.problem
        if not rows.any():
            raise ModelError(f"without {what} no row is left")
        flat = [k for k, prior in enumerate(problem.beta_priors) if isinstance(prior, Flat)]
        wide = by_predictor(rows, problem.likelihood.predictors)
        improper = np.linalg.matrix_rank(problem.X[wide][:, flat]) < len(flat)
        try:
            refuse_improper(
                problem.beta_priors,
                [block.sd_priors for block in problem.blocks],
                problem.parameters,
                _rows_of(self.design, rows),
            )
        except ModelError:
            improper = True
        if improper:
            raise ModelError(
                f"without {what} the flat priors leave an improper posterior", "use proper priors, such as the defaults"
            )


class CollapsedRefits(Refits):
    """Refits by the collapsed engine, beta and b integrated out exactly."""

    _given_all: tuple[list[Theta], Floats] | None = None

    @cached_property
    def whole(self) -> Conditional:
        """The log likelihood of all rows."""
        return Runner(self.problem, self.labels).collapsed.conditional

    def given_all(self, wanted: int) -> tuple[list[Theta], Floats]:
        """Return about as many draws of theta given all rows as wanted, and their log likelihoods (chains, draws)."""
        if self._given_all is None:
            thetas = thetas_of(internal(self.problem, self.labels, self._thinned(wanted)))
            whole = np.array([self.whole.at(theta) for theta in thetas])
            self._given_all = thetas, whole.reshape(self.posterior.sizes["chain"], -1)
        return self._given_all

    def score(self, out: Flags, chosen: Settings, what: str) -> Scored:
        """Return the joint log density of the rows marked in `out` given the others; `what` names them."""
        from hierbayes.engines.theta import unpack

        self._check(~out, what)
        runner = Runner(kept(self.problem, ~out), self.labels)
        draws = runner.sample_theta(chosen)
        layout, rest = runner.collapsed.layout, runner.collapsed.conditional
        chains, kept_draws, free = draws.shape
        values = [unpack(layout, theta) for theta in draws.reshape(chains * kept_draws, free)]
        given_rest = np.array([self.whole.at(value) - rest.at(value) for value in values]).reshape(chains, kept_draws)
        thetas, whole = self.given_all(chains * kept_draws if free else 1)
        given_all = whole - np.array([rest.at(value) for value in thetas]).reshape(whole.shape)
        return bridged(given_all, given_rest)


def thetas_of(drawn: Internal) -> list[Theta]:
    """Return the draws one by one."""
    from hierbayes.engines.theta import Theta

    factors = [roots(np.ones(sd.shape), corr) for sd, corr in zip(drawn.sds, drawn.corrs, strict=True)]
    return [
        Theta(tuple(sd[i] for sd in drawn.sds), tuple(factor[i] for factor in factors), float(drawn.sigma[i]))
        for i in range(len(drawn.sigma))
    ]


def by_predictor(rows: Flags, predictors: int) -> Flags:
    """Return flags of rows as flags of their linear predictors, which lie end to end."""
    return rows if predictors == 1 else np.repeat(rows, predictors)


def kept(problem: Problem, rows: Flags, levels: bool = False) -> Problem:
    """Return a problem with some rows only; levels without rows are dropped unless `levels` keeps them."""
    wide = by_predictor(rows, problem.likelihood.predictors)
    return replace(
        problem,
        y=problem.y[rows],
        X=np.ascontiguousarray(problem.X[wide]),
        offset=problem.offset[wide],
        weights=problem.weights[rows],
        trials=at_rows(problem.trials, rows),
        blocks=tuple(_kept_block(block, wide, levels) for block in problem.blocks),
    )


def _kept_block(block: Block, rows: Flags, every: bool) -> Block:
    if every:
        return replace(block, Z=np.ascontiguousarray(block.Z[rows]), codes=block.codes[rows])
    levels, codes = np.unique(block.codes[rows], return_inverse=True)
    return replace(block, Z=np.ascontiguousarray(block.Z[rows]), codes=codes.astype(np.int64), n_levels=len(levels))


def _rows_of(design: Design, rows: Flags) -> Design:
    """Return a design with some rows only, as far as the check of flat priors looks at it."""
    groups, wide = [], by_predictor(rows, design.predictors)
    for block in design.groups:
        levels, codes = np.unique(block.codes[wide], return_inverse=True)
        names = tuple(block.levels[i] for i in levels)
        groups.append(replace(block, levels=names, codes=codes.astype(np.int64), Z=block.Z[wide]))
    trials = at_rows(design.trials, rows)
    return replace(design, y=design.y[rows], X=design.X[wide], trials=trials, groups=tuple(groups))
