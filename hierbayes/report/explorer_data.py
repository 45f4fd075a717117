"""What the explorer shows, as plain lists and numbers that its page reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from hierbayes.design.design import Design
from hierbayes.design.levels import FactorColumns, LevelSpan, span
from hierbayes.design.table import Floats
from hierbayes.engines.base import Problem
from hierbayes.errors import ModelError
from hierbayes.plots.style import choose
from hierbayes.posterior import Posterior, posterior_of
from hierbayes.report.explorer_anchor import Anchor, find_anchor
from hierbayes.report.explorer_levels import MOST_POINTS, Bools, kept_levels, level_rows, rounded, spread
from hierbayes.report.explorer_path import ABOVE, BELOW, STEPS, PoolingPath, distance_left, pooling_path
from hierbayes.summaries.poolings import PoolingTables, pick_factor

if TYPE_CHECKING:
    import xarray as xr

MOST_PANELS = 24
"""Levels whose panels are open at first."""
_DENSITY_POINTS = 591


class Explored(Protocol):
    """What the explorer needs of a fit."""

    model: Any

    @property
    def design(self) -> Design: ...

    @property
    def posterior(self) -> xr.Dataset: ...

    def pooling_tables(self, factor: str | None = None, ci_prob: float = 0.95) -> PoolingTables: ...


def explorer_data(
    fit: Explored, factor: str | None, levels: Sequence[str] | None, terms: Sequence[str] | None
) -> dict[str, Any]:
    """Return all that the page shows of one grouping factor, ready for JSON.

    Raises
    ------
    ModelError
        If no compiled engine takes the model, it has no such grouping factor or term, or the coefficients are not
        determined.
    DataError
        If a level does not exist.
    """
    problem: Problem = fit.model.problem
    name = pick_factor(fit.design, factor)
    own = span(fit.design, name)
    axes = _axes(own, terms)
    chosen = choose(own.levels, levels, own.name)
    tables = fit.pooling_tables(own.name)
    posterior = posterior_of(fit.posterior, fit.model.labels)
    anchor = find_anchor(problem, fit.design, posterior, own.name)
    members = [i for i, block in enumerate(fit.design.groups) if block.factor == own.name]
    parameters = {name: float(np.median(values)) for name, values in posterior.parameters.items()}
    path = _path(problem, parameters, anchor, members)
    kept = kept_levels(own, chosen if levels is not None else [])
    small = tables.table["no"].isna().to_numpy().reshape(own.n_levels, -1).any(axis=1)
    shown = chosen if levels is not None else [own.levels[kept[i]] for i in spread(len(kept), MOST_PANELS)]
    x, names = _horizontal(tables.points["x"])
    exact = problem.likelihood.conjugate
    left = distance_left(path, fit.design.X, own.Z, own.codes)[~small[own.codes]]
    return {
        "exact": exact,
        # of an ordinal response: P(y > k) falls with the k-th, and the expected score is one more than their sum
        "cuts": problem.likelihood.thresholds(parameters),
        "link": problem.likelihood.mean_link,
        "factor": own.name,
        "formula": fit.model.spec.formula.text,
        "response": fit.design.response,
        "xLabel": tables.x_label,
        "yLabel": tables.y_label,
        "xNames": names,
        "terms": list(own.terms),
        "axes": axes,
        "multipliers": path.multipliers.tolist(),
        "beta": path.beta.tolist(),
        "b": rounded(path.b[:, kept]),
        "toTerms": rounded(_to_terms(own)),
        "levels": level_rows(
            fit.design, own, kept, x, tables.points["y"].to_numpy(), small, set(shown), _shift(fit.design, anchor.sigma)
        ),
        "anchor": _anchor(anchor),
        "posterior": _posterior(posterior, own, anchor),
        "left": float(left.max()) if exact and len(left) else None,
        "warnings": list(anchor.notes),
        "notes": _notes(fit.design, own, kept, small),
    }


def _path(problem: Problem, parameters: Mapping[str, float], anchor: Anchor, members: Sequence[int]) -> PoolingPath:
    if problem.likelihood.conjugate:
        return pooling_path(problem, anchor.covariances, anchor.sigma, members)
    from hierbayes.report.explorer_modes import modes_path

    return modes_path(problem, anchor.covariances, parameters, members)


def _shift(design: Design, sigma: float) -> Floats:
    """Return what the mean of a row has beside X beta + Z b before the link is undone.

    Points of the Gaussian family are drawn less their offset. A log-normal mean is ``exp(eta + sigma^2 / 2)``.
    """
    if design.family.conjugate:
        return np.zeros(design.n)
    return design.offset + design.family.log_mean_shift(sigma)


def _axes(own: FactorColumns, terms: Sequence[str] | None) -> list[int]:
    """Return the places of the terms on the two axes, or of a single one."""
    wanted = list(own.terms[:2]) if terms is None else [terms] if isinstance(terms, str) else list(terms)
    for term in wanted:
        if term not in own.terms:
            raise ModelError(f"{own.name!r} has no term {term!r}", f"its terms are {', '.join(own.terms)}")
    if len(wanted) not in (1, 2) or len(set(wanted)) < len(wanted):
        raise ModelError("the explorer draws one or two different terms", "name them in terms=[...]")
    return [own.terms.index(term) for term in wanted]


def _horizontal(x: pd.Series) -> tuple[Floats, list[str] | None]:
    """Return x as numbers, and the names of the places where it is categorical."""
    if isinstance(x.dtype, pd.CategoricalDtype):
        return np.asarray(x.cat.codes, dtype=float), [str(name) for name in x.cat.categories]
    return np.asarray(x, dtype=float), None


def _to_terms(own: LevelSpan) -> Floats:
    """Return the matrix (k, p) that takes beta to the population's value of each term; see `pooling_tables`."""
    found = np.zeros((len(own.terms), len(own.inside)))
    found[:, own.inside] = own.T
    return found


def _anchor(anchor: Anchor) -> dict[str, Any]:
    return {
        "name": anchor.name,
        "sds": anchor.sds.tolist(),
        "covariance": anchor.covariance.tolist(),
        "sigma": anchor.sigma,
        "reml": None if anchor.reml is None else anchor.reml.tolist(),
    }


def _posterior(posterior: Posterior, own: FactorColumns, anchor: Anchor) -> list[dict[str, Any] | None]:
    """Return the posterior of each sd along the slider: the density of log10(sd / anchor), and its median."""
    sds = posterior.factors[own.name].sd
    return [_density(sds[:, i], anchor.sds[i]) for i in range(len(own.terms))]


def _density(draws: Floats, anchor: float) -> dict[str, Any] | None:
    from arviz_stats.base import array_stats

    if np.ptp(draws) == 0 or len(draws) < 10:
        return None
    places = np.linspace(-BELOW / STEPS, ABOVE / STEPS, _DENSITY_POINTS)
    values = np.log10(np.maximum(draws, 1e-300) / anchor)
    # Draws next to 0 are told as a share: their logarithms would stretch the grid of the estimate out of use.
    inside = values > 3 * places[0]
    grid, height, _ = array_stats.kde(values[inside])
    share = inside.mean()
    return {
        "density": rounded(np.interp(places, grid, height * share, left=0.0, right=0.0), 5),
        "median": float(np.median(draws)),
        "below": float(np.mean(values < places[0])),
    }


def _notes(design: Design, own: FactorColumns, kept: list[int], small: Bools) -> list[str]:
    notes = []
    others = [factor for factor in design.factors if factor != own.name]
    if others:
        them = f"factor ({others[0]}) stays" if len(others) == 1 else f"factors ({', '.join(others)}) stay"
        notes.append(
            f"The other grouping {them} in the model unchanged at every position of the slider; "
            f"the lines are those of {own.name} alone."
        )
    if np.any(small):
        count = f"{int(small.sum())} level{'s have' if small.sum() > 1 else ' has'}"
        few = "too few rows" + ("" if design.family.conjugate else ", or no finite estimate (all the same),")
        notes.append(f"{count} {few} for a fit without pooling, and so no line of no pooling.")
    if len(kept) < own.n_levels:
        notes.append(f"The page holds {len(kept)} of the {own.n_levels} levels, spread evenly.")
    if design.n > MOST_POINTS:
        notes.append("Not every row is drawn as a point: rows are thinned evenly, the estimates use them all.")
    return notes
