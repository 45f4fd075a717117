"""Estimated marginal means and their contrasts, from draws of the coefficients.

A marginal mean averages the linear predictor at the population level over the reference grid; being linear, it is the
averaged design row times beta: ``m = x' beta + offset`` with ``x = sum_c w_c x_c`` over the cells c. A contrast of
means is the same with the contrast of the rows. On the scale of the response the mean of each cell is averaged instead,
draw by draw (`response_scale`). Vocabulary of emmeans (Searle, Speed and Milliken 1980, The American
Statistician 34, 216-221).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hierbayes.design.design import Design
from hierbayes.design.rank import narrowed
from hierbayes.errors import ModelError
from hierbayes.families import GAUSSIAN, Family
from hierbayes.formula.names import suggest
from hierbayes.summaries.numbers import ESTIMATES, Floats, check_flag, check_prob, described, share_positive
from hierbayes.summaries.questions.grid import Averaged, Weights, average_grid, product, reference_grid
from hierbayes.summaries.questions.predictors import (
    Value,
    check_named,
    chosen,
    fixed_values,
    label_columns,
    shown_value,
    spread_values,
)
from hierbayes.summaries.questions.response_scale import grid_means, on_response, predictor_draws

if TYPE_CHECKING:
    import xarray as xr

KINDS = ("pairwise", "reference", "sequential", "mean")

MOST_ROWS = 20_000
"""Rows of a table of contrasts."""


def means_table(
    posterior: xr.Dataset,
    design: Design,
    focal: Any,
    by: Any,
    ci_prob: float,
    weights: Weights,
    at: Any,
    family: Family = GAUSSIAN,
    scale: str = "link",
) -> pd.DataFrame:
    """Return the marginal means, one row for each combination; see `Fit.means`."""
    ci_prob = check_prob(ci_prob)
    wanted, apart = _apart(design, focal, by, at)
    asked, fixed = {**wanted, **apart}, fixed_values(design, at)
    if on_response(scale, family):
        grid = reference_grid(design, asked, fixed, weights)
        cells, draws = grid.labels, grid_means(posterior, family, design, grid)
    else:
        found = average_grid(design, asked, fixed, weights)
        cells, draws = found.labels, predictor_draws(posterior, found.X, found.offset)
    labels = label_columns(cells, ESTIMATES)
    return pd.concat([labels, described(draws, ci_prob, chains_too=False)], axis=1)


def contrasts_table(
    posterior: xr.Dataset,
    design: Design,
    focal: Any,
    by: Any,
    kind: str,
    reference: Any,
    ci_prob: float,
    weights: Weights,
    at: Any,
    interaction: bool,
    family: Family = GAUSSIAN,
    scale: str = "link",
) -> pd.DataFrame:
    """Return contrasts of the marginal means; see `Fit.contrasts`."""
    ci_prob, interaction = check_prob(ci_prob), check_flag("interaction", interaction)
    wanted, apart = _apart(design, focal, by, at)
    names = _names(product(wanted))
    first, labels = contrast_matrix(names, kind, reference)
    table, second = product(apart), None
    if interaction:
        second, between = _between(table, apart)
        table = pd.DataFrame({", ".join(apart): between})
    asked, fixed = {**apart, **wanted}, fixed_values(design, at)
    if on_response(scale, family):
        means = grid_means(posterior, family, design, reference_grid(design, asked, fixed, weights))
        draws = _contrasted(means, first, second)
    else:
        found = average_grid(design, asked, fixed, weights)
        rows, shifts = _contrast_rows(_by_blocks(found, len(names)), first, second)
        draws = predictor_draws(posterior, narrowed(rows, found.p), shifts)
    repeated = table.loc[np.repeat(table.index, len(labels))].reset_index(drop=True)
    own = label_columns(repeated, ("contrast", *ESTIMATES, "prob_positive"))
    own.insert(0, "contrast", np.tile(np.asarray(labels, dtype=object), len(table)))
    described_draws = described(draws, ci_prob, chains_too=False)
    return pd.concat([own, described_draws.assign(prob_positive=share_positive(draws))], axis=1)


def _contrast_rows(blocks: tuple[Floats, Floats], first: Floats, second: Floats | None) -> tuple[Floats, Floats]:
    """Return the design rows of the contrasts, split after split, and their offsets."""
    if second is not None:
        blocks = _mixed(blocks, second)
    rows = np.einsum("rk,bkp->brp", first, blocks[0])
    shifts = np.einsum("rk,bk->br", first, blocks[1])
    return rows.reshape(-1, rows.shape[-1]), shifts.reshape(-1)


def _contrasted(means: Floats, first: Floats, second: Floats | None) -> Floats:
    """Return contrasts of means (chain, draw, splits x means), (chain, draw, splits x contrasts)."""
    own = means.reshape(*means.shape[:2], -1, first.shape[1])
    second = np.eye(own.shape[2]) if second is None else second
    # a mean that is NaN makes NaN the contrasts that it stands in, and no others
    unknown = np.isnan(own).any(axis=(0, 1))
    found = np.einsum("sb,rk,cdbk->cdsr", second, first, np.where(unknown, 0.0, own))
    found[..., np.abs(second) @ unknown @ np.abs(first).T > 0] = np.nan
    return np.asarray(found.reshape(*means.shape[:2], -1))


Values = dict[str, tuple[Value, ...]]


def _apart(design: Design, focal: Any, by: Any, at: Any) -> tuple[Values, Values]:
    """Return the values of the focal predictors and of those by which the table is split."""
    names, splits = chosen(design, focal, "means of"), chosen(design, by, "by")
    check_named(design, names)
    if both := [name for name in names if name in splits]:
        raise ModelError(f"{both[0]!r} is asked for and stands in by too", "name it once")
    fixed = fixed_values(design, at)
    return {n: _focal_values(design, n, fixed) for n in names}, {n: split_values(design, n, fixed) for n in splits}


def _focal_values(design: Design, name: str, fixed: Mapping[str, tuple[Value, ...]]) -> tuple[Value, ...]:
    column = design.schema.by_name[name]
    if column.kind == "numeric" and name not in fixed:
        raise ModelError(
            f"{name!r} is numeric, so it has no levels to give the means of",
            f"say where: at={{{name!r}: [...]}}; for its slope: fit.slopes({name!r})",
        )
    return fixed.get(name, column.levels)


def split_values(design: Design, name: str, fixed: Mapping[str, tuple[Value, ...]]) -> tuple[Value, ...]:
    """Return the values by which a table is split: levels, or mean - sd, mean and mean + sd, or what ``at`` says."""
    column = design.schema.by_name[name]
    if name in fixed:
        return fixed[name]
    return column.levels if column.kind != "numeric" else spread_values(design, name)


def _names(cells: pd.DataFrame) -> list[str]:
    return [" ".join(shown_value(value) for value in row) for row in cells.itertuples(index=False)]


def _by_blocks(found: Averaged, size: int) -> tuple[Floats, Floats]:
    """Return the averaged rows as (splits, cells of the focal predictors, p), and their offsets."""
    return found.wide.reshape(-1, size, found.wide.shape[1]), found.offset.reshape(-1, size)


def _between(table: pd.DataFrame, apart: Values) -> tuple[Floats, list[str]]:
    if not apart:
        raise ModelError("an interaction needs by: contrasts of what, between which levels?", 'write by="V"')
    return contrast_matrix(_names(table), "pairwise", None)


def _mixed(blocks: tuple[Floats, Floats], second: Floats) -> tuple[Floats, Floats]:
    return np.einsum("sb,bkp->skp", second, blocks[0]), second @ blocks[1]


def contrast_matrix(names: Sequence[str], kind: str, reference: Any) -> tuple[Floats, list[str]]:
    """Return the weights of each contrast, (contrasts, means), and their labels; later less earlier throughout.

    Parameters
    ----------
    names : sequence of str, length k
        The means.
    kind : str
        ``"pairwise"``, all k (k - 1) / 2 pairs; ``"reference"``, each less the reference; ``"sequential"``, each less
        the one before; ``"mean"``, each less the mean of all.
    reference : str, optional
        The mean that ``"reference"`` compares with; the first by default.

    Raises
    ------
    ModelError
        If a name or option is not known, or there is nothing to compare.

    Examples
    --------
    >>> contrast_matrix(["a", "b", "c"], "sequential", None)[1]
    ['b - a', 'c - b']
    """
    size = len(names)
    if kind not in KINDS:
        raise ModelError(f"kind={kind!r} is not known", f"write one of {', '.join(map(repr, KINDS))}")
    if size < 2:
        raise ModelError(f"there is only one mean, {names[0]!r}, so nothing to compare it with")
    if reference is not None and kind != "reference":
        raise ModelError(f"kind={kind!r} takes no reference", 'write kind="reference"')
    eye = np.eye(size)
    if kind == "mean":
        return eye - 1 / size, [f"{name} - mean" for name in names]
    pairs = _pairs(kind, size, 0 if kind != "reference" else _reference(names, reference))
    if len(pairs) > MOST_ROWS:
        raise ModelError(f"{size} means make {len(pairs):,} pairs", 'write kind="reference" or kind="mean", or fewer')
    return np.array([eye[i] - eye[j] for i, j in pairs]), [f"{names[i]} - {names[j]}" for i, j in pairs]


def _pairs(kind: str, size: int, reference: int) -> list[tuple[int, int]]:
    if kind == "pairwise":
        return [(i, j) for j in range(size) for i in range(j + 1, size)]
    if kind == "sequential":
        return [(i, i - 1) for i in range(1, size)]
    return [(i, reference) for i in range(size) if i != reference]


def _reference(names: Sequence[str], reference: Any) -> int:
    if reference is None:
        return 0
    many = isinstance(reference, Sequence) and not isinstance(reference, str)
    parts = list(reference) if many else [reference]
    wanted = " ".join(part if isinstance(part, str) else f"{part:.6g}" for part in parts)
    if wanted in names:
        return names.index(wanted)
    nearest = suggest(wanted, names)
    guess = f"did you mean {nearest!r}? " if nearest else ""
    raise ModelError(f"there is no mean {wanted!r} to take as reference", f"{guess}means: {', '.join(names[:20])}")
