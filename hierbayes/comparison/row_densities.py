"""The log density of each row given every parameter, ``log p(y_i | beta, b, sigma)`` or the like, in blocks of rows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from hierbayes.design.table import at_rows
from hierbayes.engines.base import Floats
from hierbayes.errors import ModelError
from hierbayes.posterior import Posterior

if TYPE_CHECKING:
    from hierbayes.design.design import Design

_LOG_2PI = math.log(2 * math.pi)

CHUNK = 1 << 22
"""Numbers in one block of draws and rows: 32 MB."""

MOST_GB = 2.0
"""Size of a draws x rows array from which it is refused unless asked for."""


def step_of(draws: int) -> int:
    """Return the number of rows that are worked on at a time."""
    return max(1, CHUNK // max(draws, 1))


def row_densities(
    design: Design,
    drawn: Posterior,
    step: int | None = None,
) -> Iterator[tuple[slice, Floats]]:
    """Yield blocks of rows with their log densities, shape (draws, rows of the block).

    Parameters
    ----------
    design : Design
    drawn : Posterior
    step : int, optional
        Rows of a block.
    """
    S = design.predictors
    step = step or step_of(drawn.size * S)
    for start in range(0, design.n, step):
        rows = slice(start, min(start + step, design.n))
        eta = drawn.linear_predictor(design, design.groups, some=slice(S * rows.start, S * rows.stop))
        yield rows, _densities(design, drawn.at(slice(None)), rows, eta)


def _densities(design: Design, own: Mapping[str, Floats], rows: slice, found: Floats) -> Floats:
    """Return the log densities of rows at their linear predictors, which are overwritten."""
    family = design.family
    if not family.has_mean:
        return np.asarray(family.log_likelihood(design.y[rows], found, own, design.weights[rows]))
    if not family.conjugate:
        trials = at_rows(design.trials, rows)
        return np.asarray(family.log_likelihood(design.y[rows], found, own, design.weights[rows], trials))
    found -= design.y[rows]
    found *= np.sqrt(design.weights[rows]) / own["sigma"]
    np.square(found, out=found)
    found *= -0.5
    found -= np.log(own["sigma"])
    found += 0.5 * np.log(design.weights[rows]) - 0.5 * _LOG_2PI
    return found


def all_row_densities(
    design: Design,
    drawn: Posterior,
    thin: int,
    max_gb: float = MOST_GB,
) -> Floats:
    """Return the log densities of all rows, shape (chains, draws, rows).

    Raises
    ------
    ModelError
        If the array would take more than `max_gb`, or that is no size.
    """
    if isinstance(max_gb, bool) or not isinstance(max_gb, int | float) or not max_gb > 0:
        raise ModelError(f"max_gb={max_gb!r} must be a number above 0, in gigabytes")
    chains, draws = len(drawn.chains), len(drawn.draws[::thin])
    size = 8 * chains * draws * design.n / 1e9
    if size > max_gb:
        raise ModelError(
            f"the log density of {design.n} rows at {chains * draws} draws takes {size:.3g} GB",
            f"thin={math.ceil(thin * size / max_gb)} keeps it below {max_gb:g} GB; max_gb={math.ceil(size)} allows it; "
            "fit.loo() and fit.psense() need no such array",
        )
    found = np.empty((chains * draws, design.n))
    for rows, values in row_densities(design, drawn.every(thin)):
        found[:, rows] = values
    return found.reshape(chains, draws, design.n)
