"""The joint engine of one problem, for families that do not integrate out.

NUTS walks over theta, beta and the group-level effects at once, in a chart around the mode.
"""

# mypy: allow-untyped-calls
from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from hierbayes.engines.base import Expanded, Floats, Ints, Problem, Trace
from hierbayes.engines.collapsed.mode import rough_curvatures
from hierbayes.engines.collapsed.threads import one_blas_thread
from hierbayes.engines.compiled import CompiledEngine, uncompiled
from hierbayes.engines.engine import Sampler, Settings
from hierbayes.engines.joint import tape as at
from hierbayes.engines.joint.arrange import Rows, arrange
from hierbayes.engines.joint.cells import Cells, find_cells
from hierbayes.engines.joint.charting import with_chart
from hierbayes.engines.joint.entries import DENSITY, size_of
from hierbayes.engines.joint.moving_chart import acceptance, moves, with_moving_chart
from hierbayes.engines.joint.pack import build_tape, term_table
from hierbayes.engines.joint.surface import Peak, Surface, better, find_peak, first_guess
from hierbayes.engines.pointer import nutpie_model
from hierbayes.engines.theta import Theta, far_start, log_jacobian, pack, unpack_draws
from hierbayes.priors import Flat, Normal

TUNE = 200
"""Warm-up steps in the chart; five times as many without one."""

BORDER_LIMIT = 3000
"""Most effects outside the largest term, for their factor is dense."""

_WIDE = 1500
"""Effects outside the largest term from which the engine is not chosen unasked."""


def refusal(problem: Problem) -> str | None:
    """Return why the engine does not take a problem, None if it does."""
    if problem.likelihood.kernel is None:
        return f"the {problem.family} family with the link {problem.link} is not compiled"
    for prior in problem.beta_priors:
        if not isinstance(prior, Normal | Flat):
            return f"the prior {prior} of a coefficient is not compiled"
    refused = uncompiled(problem)
    sizes = sorted(block.n_levels * block.Z.shape[1] for block in problem.blocks)
    if refused is None and sum(sizes[:-1]) + problem.p > BORDER_LIMIT:
        return f"the terms outside the largest one have {sum(sizes[:-1])} effects; at most {BORDER_LIMIT} are taken"
    return refused


class JointEngine(CompiledEngine):
    """A problem with its tape, its mode and the chart around it, each made on first use."""

    name = "joint"
    density = DENSITY

    def refuses(self) -> str | None:
        return refusal(self.problem)

    def cost(self) -> str | None:
        """Return why this engine would be slow; None if it is not.

        Its search for a mode factors the dense border some hundred times: a fifth of a second each at 1,500 effects.
        """
        border = sum(sorted(levels * k for levels, k in self.sizes)[:-1])
        return None if border <= _WIDE else f"the terms outside the largest one have {border} effects, a dense border"

    @property
    def walked(self) -> int:
        return self.covariance_numbers + self.effects

    @cached_property
    def rows(self) -> Rows:
        """The rows, arranged."""
        return arrange(self.problem)

    @cached_property
    def tape(self) -> Ints:
        """Everything that the compiled density reads, without a chart."""
        return build_tape(self.problem, self.rows, self.cells, self.layout)

    @cached_property
    def cells(self) -> Cells:
        """Where the largest term meets the border."""
        return find_cells(self.problem, self.rows)

    @cached_property
    def spans(self) -> list[tuple[int, int, int, int]]:
        """Of each term, in the order of w, its block, its levels, its columns, and where its effects start."""
        table = term_table(self.problem, self.rows)
        return [(block, levels, k, start) for levels, k, start, block in table[:, : at.BLOCK + 1].tolist()]

    def surface(self) -> Surface:
        """Return the marginal density of theta by Laplace's approximation, with its search for modes at the start."""
        _, levels, k, _ = self.spans[0] if self.spans else (0, 0, 0, 0)
        return Surface(
            self.tape, first_guess(self.problem.likelihood, self.rows, int(self.tape[at.EFFECTS])), levels, k
        )

    @cached_property
    def peak(self) -> Peak | None:
        """The mode of theta's marginal density by Laplace's approximation; None where it was not found."""
        surface, far = self.surface(), far_start(self.problem, self.layout)
        with one_blas_thread():
            found = find_peak(surface, rough_curvatures(self.problem, self.layout, np.zeros(self.layout.dim)))
            if far is None:
                return found
            return better(found, find_peak(self.surface(), rough_curvatures(self.problem, self.layout, far), far))

    @cached_property
    def charted(self) -> Ints:
        """The tape with its chart; without one where the mode was not found."""
        if self.peak is None:
            return self.tape
        with one_blas_thread():
            if self.chart == "moving":
                return with_moving_chart(self.tape, self.peak)
            return with_chart(self.tape, self.problem, self.layout, self.peak)

    @cached_property
    def chart(self) -> str:
        """The chart in which the chains walk: ``"moving"`` or ``"fixed"``, ``"none"`` where the mode was not found."""
        if self.peak is None:
            return "none"
        with one_blas_thread():
            return "moving" if moves(self.tape, self.layout, self.peak) else "fixed"

    @cached_property
    def target_accept(self) -> float:
        """The share of proposals that the step size aims at: see "What is measured" in the page on the engine."""
        if self.chart != "moving":
            return 0.8
        with one_blas_thread():
            return acceptance(self.charted)

    @property
    def tune(self) -> int:
        """Warm-up steps."""
        return TUNE if self.peak is not None else 5 * TUNE

    def model(self, by_pointer: bool = True) -> Any:
        """Return the model that nutpie samples."""
        return nutpie_model(self.charted, DENSITY, by_pointer)

    def sample(self, chosen: Settings, sampler: Sampler) -> Trace:
        with sampler.working("looking for the mode (longer, once, after installation)", chosen.progress):
            model = self.model()
        found = sampler.run(model, chosen, tune=self.tune, target_accept=self.target_accept)
        kept = found.draws["theta"]
        expanded = self.expand(kept.reshape(-1, kept.shape[2]))
        return replace(found, draws=self.named(expanded, chosen.chains))

    def expand(self, drawn: Floats) -> Expanded:
        """Return draws of everything from what the sampler kept: theta, effects and coefficients, a row a draw."""
        dim, effects = int(self.tape[at.DIM]), int(self.tape[at.EFFECTS])
        sds, corrs, sigma, aux = unpack_draws(self.layout, drawn[:, :dim])
        b: list[Floats] = [np.zeros(0)] * len(self.problem.blocks)
        for block, levels, k, start in self.spans:
            b[block] = drawn[:, dim + start : dim + start + levels * k].reshape(len(drawn), levels, k)
        return Expanded(sds, corrs, sigma, drawn[:, dim + effects :], tuple(b), aux)

    def point(self, value: Theta, beta: Floats, b: tuple[Floats, ...]) -> Floats:
        """Return the point of the tape without a chart, whose w holds v, at (theta, beta, b)."""
        x = np.zeros(size_of(self.tape))
        dim, effects = int(self.tape[at.DIM]), int(self.tape[at.EFFECTS])
        x[:dim] = pack(self.layout, value)
        for block, _, _, start in self.spans:
            L = value.sds[block][:, None] * value.factors[block]
            v = np.linalg.solve(L, b[block].T).T
            x[dim + start :][: v.size] = v.ravel()
        x[dim + effects :] = beta
        return x

    def log_density(self, value: Theta, beta: Floats, b: tuple[Floats, ...]) -> float:
        """Return ``log p(y, sd, corr, sigma, aux, beta, b)``, in internal coordinates; no sd may be 0."""
        x = self.point(value, beta, b)
        found = DENSITY.log_density(self.tape, x)
        for block, sd, factor in zip(self.problem.blocks, value.sds, value.factors, strict=True):
            found -= block.n_levels * float(np.sum(np.log(sd * np.diag(factor))))
        return found - log_jacobian(self.layout, x[: int(self.tape[at.DIM])])
