"""PSIS-LOO of a fit, by ArviZ's importance sampling, in blocks of rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from hierbayes.comparison.checks import refuse_few_draws
from hierbayes.comparison.row_densities import row_densities
from hierbayes.engines.base import Floats, Problem
from hierbayes.errors import ModelError, warn
from hierbayes.posterior import Posterior
from hierbayes.sampling.sampler import counting

if TYPE_CHECKING:
    from hierbayes.comparison.elpd import Loo
    from hierbayes.design.design import Design

KINDS = ("conditional", "marginal")

_ROWS = 100
"""Rows of the first block, evenly spaced, from which the efficiency of the draws is taken; an ESS takes 1 ms."""


def psis_loo(
    design: Design,
    problem: Problem,
    drawn: Posterior,
    kind: str = "conditional",
    thin: int = 1,
    progress: bool | None = None,
) -> Loo:
    """Return leave-one-out by Pareto-smoothed importance sampling; see `Fit.loo`.

    Raises
    ------
    ModelError
        If the kind is not known, or the problem is too large for marginal densities.
    """
    if kind not in KINDS:
        raise ModelError(f"kind={kind!r} is not understood: write {' or '.join(map(repr, KINDS))}")
    drawn = drawn.every(thin)
    refuse_few_draws(drawn.size)
    if kind == "marginal" and design.family.conjugate:
        blocks = _marginal(problem, drawn, progress)
    elif kind == "marginal":
        blocks = _integrated(design, drawn, progress)
    else:
        blocks = row_densities(design, drawn)
    return _result(blocks, design.n, drawn.shape, kind, progress if kind == "conditional" else False)


def _marginal(problem: Problem, drawn: Posterior, progress: bool | None) -> Iterable[tuple[slice, Floats]]:
    from hierbayes.comparison.left_out_rows import LeftOutRows
    from hierbayes.engines.collapsed.threads import one_blas_thread

    rows = LeftOutRows(problem)
    batches = -(-drawn.size // rows.batch)
    with one_blas_thread(), counting("densities of rows left out", batches, progress) as advance:
        return [(slice(0, problem.n), rows.densities(drawn.internal(problem), advance))]


def _integrated(design: Design, drawn: Posterior, progress: bool | None) -> Iterable[tuple[slice, Floats]]:
    from hierbayes.comparison.left_out_effects import integrated_densities
    from hierbayes.engines.collapsed.threads import one_blas_thread

    with one_blas_thread():
        return [(slice(0, design.n), integrated_densities(design, drawn, progress))]


def _result(
    blocks: Iterable[tuple[slice, Floats]], n: int, shape: tuple[int, int], kind: str, progress: bool | None
) -> Loo:
    import xarray as xr
    from arviz_stats.base import array_stats

    from hierbayes.comparison.elpd import Loo

    found = np.empty((3, n))
    with counting("leaving out each row", n, progress) as advance:
        efficiency: float | None = None
        for rows, values in blocks:
            own = values.T.reshape(-1, *shape)
            if efficiency is None:
                efficiency = relative_efficiency(own[:: -(-len(own) // _ROWS)])
            for i, row in enumerate(own, rows.start):
                found[:, i] = array_stats.loo(row, r_eff=efficiency) if np.ptp(row) > 0 else (row[0, 0], -np.inf, 0.0)
                advance()
    elpd_i, pareto_k, p_i = found
    elpd, se, p, _ = array_stats.loo_summary(elpd_i, p_i)
    coords: dict[str, Any] = {"row": np.arange(n)}
    draws = shape[0] * shape[1]
    good_k = float(min(1 - 1 / np.log10(draws), 0.7))
    return Loo(
        elpd=float(elpd),
        se=float(se),
        p=float(p),
        n_samples=draws,
        n_data_points=n,
        scale="log",
        warning=bool(np.any(pareto_k > good_k)),
        good_k=good_k,
        elpd_i=xr.DataArray(elpd_i, dims="row", coords=coords, name="elpd_i"),
        pareto_k=xr.DataArray(pareto_k, dims="row", coords=coords, name="pareto_k"),
        p_loo_i=xr.DataArray(p_i, dims="row", coords=coords, name="p_loo_i"),
        conditional_on=kind,
    )


def relative_efficiency(values: Floats) -> float:
    """Return effective draws over draws of ``p(y_i | ...)``, the mean over rows; 1 with a single chain.

    Parameters
    ----------
    values : array, shape (rows, chains, draws)
        Log densities.
    """
    from arviz_stats.base import array_stats

    chains, draws = values.shape[1:]
    if chains < 2 or draws < 4:
        return 1.0
    densities = np.exp(values - values.max(axis=(1, 2), keepdims=True))
    ess = array_stats.ess(densities, method="mean", chain_axis=1, draw_axis=2)
    ess = ess[np.isfinite(ess)]
    return float(np.mean(ess) / (chains * draws)) if len(ess) else 1.0


def complain(found: Loo) -> None:
    """Warn about rows whose importance weights are too uneven, and say what to do."""
    bad = found.bad_rows
    if not bad:
        return
    worst = max(bad, key=lambda i: float(found.pareto_k[i]))
    other = "" if found.conditional_on == "marginal" else ' kind="marginal" has far more even weights;'
    others = f", and so do {len(bad) - 1} other rows" if len(bad) > 1 else ""
    warn(
        f"leaving out row {worst} moves the posterior too far for importance sampling (Pareto k "
        f"{float(found.pareto_k[worst]):.2f}, should be at most {found.good_k:.2f}){others}: elpd is likely too high."
        f"{other} refit=True refits the model without each such row."
    )
