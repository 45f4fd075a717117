"""Refits of a model whose effects do not integrate out, and the density of the rows left out given all others.

With phi all that the rows that stay refer to (coefficients, sds, correlations, the family's parameters, the effects of
their levels), and effects of levels that no row is left of integrated out over their distribution,

    w(phi) = p(y_out | phi),     E[w | y_rest] = p(y_out | y_rest) = 1 / E[1 / w | y].

Where the new levels have up to three effects together, the integral is a Gauss-Hermite sum, and the optimal bridge
between the two posteriors takes the draws of both. Beyond that it is a mean over random points, an unbiased one: its
noise does no harm to the first expectation, which is then taken alone.
"""

# mypy: allow-untyped-calls
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hierbayes.comparison.bridges import relative_error
from hierbayes.comparison.integrals import MOST, log_integrals
from hierbayes.comparison.new_levels import predictors, responses
from hierbayes.comparison.refits import Flags, Refits, Scored, bridged, by_predictor, kept
from hierbayes.engines.assemble import Labels
from hierbayes.engines.base import Floats, Problem
from hierbayes.errors import ModelError, SamplingError, warn
from hierbayes.posterior import posterior_of
from hierbayes.sampling.run import Runner
from hierbayes.sampling.sampler import Settings
from hierbayes.sampling.tree import named_tree, with_true_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr

    from hierbayes.design.design import Design

LARGEST = 200
"""Most effects of new levels that are integrated out together."""

_POINTS = 0x706F
"""Keeps the random points of an integral apart from the draws."""


class SampledRefits(Refits):
    """Refits by NUTS over all parameters: with the joint engine, or PyMC where it does not take the model."""

    def __init__(self, design: Design, problem: Problem, labels: Labels, posterior: xr.Dataset) -> None:
        super().__init__(design, problem, labels, posterior)
        self.engine, self.reason = Runner(problem, labels).choose("auto")

    def score_all(self, outs: Sequence[tuple[str, Flags]], chosen: Settings, message: str) -> list[Scored]:
        """Return the score of each set of rows, with a progress bar; sets are named."""
        for what, out in outs:
            self._check(~out, what)
            self._size(out, what)
        if self.engine == "pymc" and outs:
            warn(
                f"{len(outs)} refits are sampled with PyMC, which compiles each anew and takes a minute or so: "
                f"{self.reason}"
            )
        return super().score_all(outs, chosen, message)

    def score(self, out: Flags, chosen: Settings, what: str) -> Scored:
        """Return the joint log density of the rows marked in `out` given the others; `what` names them."""
        self._check(~out, what)
        size, rng = self._size(out, what), np.random.default_rng([chosen.seed, _POINTS])
        rest = self._sampled(~out, chosen)
        chains, draws = rest.sizes["chain"], rest.sizes["draw"]
        given_rest = self._densities(rest, out, rng).reshape(chains, draws)
        if size > MOST:
            top = float(given_rest.max())
            terms = np.exp(given_rest - top)
            return Scored(top + float(np.log(terms.mean())), relative_error(terms))
        whole = self._thinned(chains * draws)
        given_all = self._densities(whole, out, rng).reshape(whole.sizes["chain"], -1)
        return bridged(given_all, given_rest)

    def _sampled(self, rows: Flags, chosen: Settings) -> xr.Dataset:
        """Return the posterior given some rows; levels without rows stay, with effects from their distribution."""
        runner = Runner(kept(self.problem, rows, levels=True), self.labels)
        trace = runner.sample(self.engine, chosen)
        if trace.interrupted:
            raise SamplingError("interrupted: there is no result yet")
        return with_true_names(named_tree(trace, self.labels, runner.problem)["posterior"].to_dataset())

    def _new(self, out: Flags) -> list[Flags]:
        """Return for each block which levels have rows in `out` alone."""
        wide = by_predictor(out, self.design.predictors)
        return [
            (np.bincount(block.codes[wide], minlength=block.n_levels) > 0)
            & (np.bincount(block.codes[~wide], minlength=block.n_levels) == 0)
            for block in self.design.groups
        ]

    def _size(self, out: Flags, what: str) -> int:
        """Return how many effects are integrated out."""
        pairs = zip(self._new(out), self.design.groups, strict=True)
        size = sum(int(new.sum()) * len(block.terms) for new, block in pairs)
        if size > LARGEST:
            raise ModelError(
                f"without {what} {size} effects would have no row left; at most {LARGEST} are integrated out together",
                'fit.loo(kind="conditional") needs no refits',
            )
        return size

    def _densities(self, posterior: xr.Dataset, out: Flags, rng: np.random.Generator) -> Floats:
        drawn, rows = posterior_of(posterior, self.labels), np.flatnonzero(out)
        predictor, A = predictors(self.design, drawn, rows, self._new(out))
        return log_integrals(responses(self.design, rows), predictor, A, drawn.parameters, rng)
