"""Contrasts of marginal means or of slopes, from draws.

A contrast of means on the scale of the link is the same combination of the averaged design rows. Everywhere else it is
taken of the draws: of the mean responses, of their logarithms where ratios are asked for (``prod_k m_k^c_k``, for two
means ``m_2 / m_1``), or of slopes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from hierbayes.design.design import Design
from hierbayes.design.rank import narrowed
from hierbayes.errors import ModelError
from hierbayes.posterior import Posterior
from hierbayes.summaries.questions.contrast_weights import contrast_matrix
from hierbayes.summaries.questions.grid import Averaged, average_grid, product, reference_grid
from hierbayes.summaries.questions.marginal_means import apart
from hierbayes.summaries.questions.predictors import Values, fixed_values, label_columns, shown_value
from hierbayes.summaries.questions.response_scale import grid_means, predictor_draws
from hierbayes.summaries.questions.scales import back, check_scale, multiplied, share_above
from hierbayes.summaries.questions.slope_tables import cell_slopes
from hierbayes.summaries.questions.standardized import (
    averaged_over_rows,
    check_rows_alike,
    response_means,
    row_grids,
)
from hierbayes.tables.numbers import ESTIMATES, Floats, check_flag, check_prob, described

_DUST = 1e-12
"""A sum that is no larger than this share of its summands' sizes is 0 but for rounding."""


@dataclass(frozen=True)
class Contrasts:
    """What contrasts are asked for; the fields are the arguments of `Fit.contrasts`."""

    focal: Any
    by: Any
    kind: Any
    reference: Any
    interaction: Any
    ci_prob: Any
    weights: Any
    at: Any
    scale: Any
    slopes: Any = None
    average: Any = False


def contrasts_table(posterior: Posterior, design: Design, question: Contrasts) -> pd.DataFrame:
    """Return contrasts of the marginal means or of slopes; see `Fit.contrasts`."""
    ci_prob, interaction = check_prob(question.ci_prob), check_flag("interaction", question.interaction)
    check_scale(question.scale, design.family, "contrasts" if question.slopes is None else "slopes")
    _check_average(question)
    wanted, splits = apart(design, question.focal, question.by, question.at)
    names, sign = _names(product(wanted)), "/" if multiplied(question.scale) else "-"
    first, labels = contrast_matrix(names, question.kind, question.reference, _places(wanted), sign)
    table, second = product(splits), None
    if interaction:
        second, between = _between(table, splits, sign)
        table = pd.DataFrame({", ".join(splits): between})
    draws = _draws(posterior, design, question, wanted, splits, first, second)
    shares = share_above(draws, question.scale)
    repeated = table.loc[np.repeat(table.index, len(labels))].reset_index(drop=True)
    own = label_columns(repeated, ("contrast", *ESTIMATES, *shares))
    own.insert(0, "contrast", np.tile(np.asarray(labels, dtype=object), len(table)))
    estimated = described(back(draws, question.scale), ci_prob)
    return pd.concat([own, estimated.assign(**shares)], axis=1)


def _check_average(question: Contrasts) -> None:
    if check_flag("average", question.average):
        check_rows_alike(question.weights)
    if question.slopes is not None and not isinstance(question.slopes, str):
        raise ModelError(f"slopes={question.slopes!r} must be the name of a numeric predictor", 'write slopes="x"')


def _draws(
    posterior: Posterior,
    design: Design,
    question: Contrasts,
    wanted: Values,
    splits: Values,
    first: Floats,
    second: Floats | None,
) -> Floats:
    """Return the draws of the contrasts, (chain, draw, splits x contrasts); of logarithms where ratios are wanted."""
    fixed, scale, asked = fixed_values(design, question.at), question.scale, {**splits, **wanted}
    if question.slopes is not None:
        curved = scale == "response" and not design.family.linear
        found = cell_slopes(
            posterior, design, question.slopes, asked, fixed, question.weights, question.average, curved
        )
        return _contrasted(found, first, second)
    grids = row_grids(design, wanted, splits, fixed) if question.average else None
    if scale in ("response", "ratio") and not design.family.linear:
        if grids is not None:
            means = response_means(posterior, design, grids)
        else:
            means = grid_means(posterior, design, reference_grid(design, asked, fixed, question.weights))
        with np.errstate(divide="ignore", invalid="ignore"):
            return _contrasted(np.log(means) if scale == "ratio" else means, first, second)
    if grids is not None:
        grid = averaged_over_rows(design, grids)
    else:
        grid = average_grid(design, asked, fixed, question.weights)
    rows, shifts = _contrast_rows(_by_blocks(grid, first.shape[1]), first, second)
    return predictor_draws(posterior, narrowed(rows, grid.p), shifts)


def _contrast_rows(blocks: tuple[Floats, Floats], first: Floats, second: Floats | None) -> tuple[Floats, Floats]:
    """Return the design rows of the contrasts, split after split, and their offsets."""
    second = np.eye(len(blocks[0])) if second is None else second
    rows = _without_dust("sb,rk,bkp->srp", second, first, blocks[0], ())
    shifts = _without_dust("sb,rk,bk->sr", second, first, blocks[1], ())
    return rows.reshape(-1, rows.shape[-1]), shifts.reshape(-1)


def _without_dust(sums: str, second: Floats, first: Floats, parts: Floats, over: tuple[int, ...]) -> Floats:
    """Return weighted sums, exactly 0 where they are but rounding of what cancels, everywhere `over` some axes.

    What the model makes 0, as an interaction that it does not have, must not get a sign from its last bits.
    """
    found = np.einsum(sums, second, first, parts, optimize=True)
    size = np.einsum(sums, np.abs(second), np.abs(first), np.abs(parts), optimize=True)
    return np.where(np.all(np.abs(found) <= _DUST * size, axis=over, keepdims=True), 0.0, found)


def _contrasted(means: Floats, first: Floats, second: Floats | None) -> Floats:
    """Return contrasts of means (chain, draw, splits x means), (chain, draw, splits x contrasts)."""
    own = means.reshape(*means.shape[:2], -1, first.shape[1])
    second = np.eye(own.shape[2]) if second is None else second
    # a mean that is NaN makes NaN the contrasts that it stands in, and no others
    unknown = np.isnan(own).any(axis=(0, 1))
    found = _without_dust("sb,rk,cdbk->cdsr", second, first, np.where(unknown, 0.0, own), (0, 1))
    found[..., np.abs(second) @ unknown @ np.abs(first).T > 0] = np.nan
    return np.asarray(found.reshape(*means.shape[:2], -1))


def _names(cells: pd.DataFrame) -> list[str]:
    return [" ".join(shown_value(value) for value in row) for row in cells.itertuples(index=False)]


def _places(wanted: Values) -> list[float] | None:
    """Return where the means of one column lie: the numbers that it is held at, or equally spaced levels."""
    if len(wanted) != 1:
        return None
    (values,) = wanted.values()
    return [float(i if isinstance(value, str) else value) for i, value in enumerate(values)]


def _by_blocks(found: Averaged, size: int) -> tuple[Floats, Floats]:
    """Return the averaged rows as (splits, cells of the focal columns, p), and their offsets."""
    return found.wide.reshape(-1, size, found.wide.shape[1]), found.offset.reshape(-1, size)


def _between(table: pd.DataFrame, splits: Values, sign: str) -> tuple[Floats, list[str]]:
    if not splits:
        raise ModelError("an interaction needs by: contrasts of what, between which levels?", 'write by="V"')
    return contrast_matrix(_names(table), "pairwise", None, sign=sign)
