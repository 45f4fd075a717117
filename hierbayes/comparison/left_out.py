"""Exact leave-one-out: each row, or all rows of a level, scored by a refit without them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hierbayes.comparison.refits import Flags, Refits, Scored
from hierbayes.errors import DataError, ModelError
from hierbayes.sampling.sampler import Settings

if TYPE_CHECKING:
    import pandas as pd

    from hierbayes.comparison.elpd import Loo
    from hierbayes.design.design import Design


@dataclass(frozen=True, eq=False, repr=False)
class LeftOut:
    """Exact leave-one-out: what was left out, and how well the rest predicts it.

    Attributes
    ----------
    what : str
        The grouping factor, or ``"row"``.
    table : DataFrame
        Index: the level or row. Columns rows (how many were left out), elpd (their joint log predictive density given
        all others) and error (its Monte Carlo standard error).
    """

    what: str
    table: pd.DataFrame

    @property
    def elpd(self) -> float:
        """The sum of the log predictive densities."""
        return float(self.table["elpd"].sum())

    @property
    def se(self) -> float:
        """Standard error of `elpd` over what was left out: the root of their number times their sd."""
        return float(np.sqrt(len(self.table)) * self.table["elpd"].std(ddof=0))

    @property
    def error(self) -> float:
        """Monte Carlo standard error of `elpd`; far smaller than `se`, and shrinks with more draws."""
        return float(np.sqrt(np.sum(self.table["error"] ** 2)))

    def __repr__(self) -> str:
        return (
            f"Leave out one {self.what} at a time, {len(self.table)} exact refits\n"
            f"elpd {self.elpd:.2f} (standard error {self.se:.2f}; Monte Carlo error {self.error:.2f})\n"
            f"{self.table.to_string(float_format=lambda value: f'{value:.4g}')}"
        )


def left_out_groups(refits: Refits, factor: str | None, chosen: Settings) -> LeftOut:
    """Return the score of every level of a grouping factor; see `Fit.leave_one_group_out`.

    Raises
    ------
    ModelError
        If the model has no group-level terms.
    DataError
        If it has no such factor.
    """
    design = refits.design
    if not design.groups:
        raise ModelError("the model has no group-level terms, so there is no group to leave out")
    factor = design.factors[0] if factor is None else factor
    if factor not in design.factors:
        raise DataError(f"there is no grouping factor {factor!r}", f"factors: {', '.join(design.factors)}")
    block = design.blocks(factor)[0]
    codes = block.codes[:: design.predictors]
    outs = [(f"{factor} {level!r}", codes == j) for j, level in enumerate(block.levels)]
    scored = refits.score_all(outs, chosen, f"refitting without each {factor}")
    return LeftOut(factor, _table(factor, block.levels, outs, scored))


def left_out_rows(refits: Refits, rows: Sequence[int] | None, chosen: Settings) -> LeftOut:
    """Return the score of every row, or of some; see `Fit.leave_one_out_exact`.

    Raises
    ------
    DataError
        If there is no such row.
    """
    chosen_rows = _checked(range(refits.design.n) if rows is None else rows, refits.design)
    outs = [(f"row {i}", np.arange(refits.design.n) == i) for i in chosen_rows]
    scored = refits.score_all(outs, chosen, "refitting without each row")
    return LeftOut("row", _table("row", chosen_rows, outs, scored))


def with_refits(found: Loo, refits: Refits, chosen: Settings) -> Loo:
    """Return leave-one-out with the rows of too large a Pareto k replaced by exact refits."""
    bad = found.bad_rows
    if not bad:
        return found
    from arviz_stats.base import array_stats

    elpd_i, p_i, pareto_k = (own.copy(deep=True) for own in (found.elpd_i, found.p_loo_i, found.pareto_k))
    for row, value in left_out_rows(refits, bad, chosen).table["elpd"].items():
        p_i[row] += elpd_i[row] - value
        elpd_i[row] = value
        # As in ArviZ's reloo: an exact figure has no weights to distrust.
        pareto_k[row] = 0.0
    refitted = copy(found)
    refitted.elpd_i, refitted.p_loo_i, refitted.pareto_k = elpd_i, p_i, pareto_k
    summary = array_stats.loo_summary(elpd_i.to_numpy(), p_i.to_numpy())
    refitted.elpd, refitted.se, refitted.p = (float(number) for number in summary[:3])
    refitted.refitted, refitted.warning = bad, False
    return refitted


def _checked(rows: Any, design: Design) -> list[int]:
    if isinstance(rows, int | np.integer):
        rows = [rows]
    if isinstance(rows, str) or not isinstance(rows, Iterable):
        raise DataError(f"rows are a list of numbers, not {rows!r}", "write rows=[0, 7]")
    found: list[int] = []
    for row in rows:
        if isinstance(row, bool) or not isinstance(row, int | np.integer) or not 0 <= row < design.n:
            raise DataError(f"there is no row {row!r}", f"rows in use are numbered 0 to {design.n - 1}")
        if row in found:
            raise DataError(f"the row {row} is named twice", "name each row once")
        found.append(int(row))
    if not found:
        raise DataError("no row is named", "leave rows out for all of them")
    return found


def _table(
    name: str, index: Sequence[Any], outs: Sequence[tuple[str, Flags]], scored: Sequence[Scored]
) -> pd.DataFrame:
    import pandas as pd

    columns = {
        "rows": [int(out.sum()) for _, out in outs],
        "elpd": [own.value for own in scored],
        "error": [own.error for own in scored],
    }
    return pd.DataFrame(columns, index=pd.Index(list(index), name=name))
