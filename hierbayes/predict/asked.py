"""From a question (which rows, which group effects, mean, link or response) to the draws that answer it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hierbayes.design.design import Design
from hierbayes.design.new_rows import RowGroup, Rows, design_rows, rows_of
from hierbayes.design.schema import GroupSchema, Schema
from hierbayes.errors import DataError, ModelError
from hierbayes.families import Family
from hierbayes.posterior import Posterior
from hierbayes.predict.category_draws import (
    CategoryDraws,
    CategoryFinish,
    average_of_each,
    category_of,
    ordered_probabilities,
    predictors_themselves,
    probabilities,
)
from hierbayes.predict.level_effects import LevelEffects
from hierbayes.predict.row_draws import Finish, RowDraws, average_of, link_itself, mean_of, response_of

GROUPS = ("known", "new", "population", "average")
KINDS = ("mean", "link", "response")


@dataclass(frozen=True)
class Asked:
    """What is to be predicted.

    Attributes
    ----------
    groups : str
        ``"known"``, ``"new"``, ``"population"`` or ``"average"``.
    kind : str
        ``"mean"``, ``"link"`` or ``"response"``.
    seed : int
    """

    groups: str
    kind: str
    seed: int

    @property
    def effects_matter(self) -> bool:
        """Whether group-level effects are drawn; "average" integrates them out of a mean instead."""
        if self.groups == "average":
            return self.kind == "response"
        return self.groups != "population"

    def spread_matters(self, family: Family) -> bool:
        """Whether the variance of group-level effects enters the mean: they average out of one linear in them."""
        return self.groups == "average" and self.kind == "mean" and not family.linear


def asked(groups: Any, kind: Any, seed: int) -> Asked:
    """Check the words of a question.

    Raises
    ------
    ModelError
        If a word is not known.
    """
    for name, given, known in (("groups", groups, GROUPS), ("kind", kind, KINDS)):
        if not isinstance(given, str) or given not in known:
            raise ModelError(f"{name}={given!r} is not understood", f"write {' or '.join(map(repr, known))}")
    return Asked(groups, kind, seed)


def row_draws(question: Asked, posterior: Posterior, design: Design, newdata: Any) -> RowDraws:
    """Return what gives the draws that answer a question, for new data or, if None, for the rows of the fit.

    The family is one with a single linear predictor; see `category_draws`.
    """
    rows = _rows(question, design, newdata)
    return _row_draws(question, posterior, design.schema, rows, _finish(question, design.family, posterior, rows))


def category_draws(question: Asked, posterior: Posterior, design: Design, newdata: Any) -> CategoryDraws:
    """Return what gives the draws of a category, the probabilities of all, or their linear predictors."""
    rows, S = _rows(question, design, newdata), design.predictors
    each = [rows.of_predictor(place, S) for place in range(S)] if S > 1 else [rows]
    sources = tuple(_row_draws(question, posterior, design.schema, own, link_itself) for own in each)
    return CategoryDraws(sources, _category_finish(question, posterior, design.family, each))


def _category_finish(question: Asked, posterior: Posterior, family: Family, each: Sequence[Rows]) -> CategoryFinish:
    if question.kind == "link":
        return predictors_themselves
    if question.kind == "response":
        return category_of(question.seed)
    if family.has_thresholds:
        return ordered_probabilities(family, posterior, each[0] if question.spread_matters(family) else None)
    return average_of_each(posterior, each) if question.spread_matters(family) else probabilities


def _rows(question: Asked, design: Design, newdata: Any) -> Rows:
    return design_rows(design) if newdata is None else _new_rows(question, design.schema, newdata)


def _row_draws(question: Asked, posterior: Posterior, schema: Schema, rows: Rows, finish: Finish) -> RowDraws:
    rows = replace(rows, groups=_coded(question, schema, rows) if question.effects_matter else ())
    return RowDraws(posterior, rows, _effects(question, schema, posterior, rows), finish)


def _new_rows(question: Asked, schema: Schema, newdata: Any) -> Rows:
    respond = question.kind == "response"
    return rows_of(
        schema,
        newdata,
        groups=question.effects_matter or question.spread_matters(schema.family),
        # a weight is part of what a gaussian response is like, and of no other
        weights=respond and schema.family.conjugate,
        trials=respond,
        absent=question.groups == "average",
    )


def _finish(question: Asked, family: Family, posterior: Posterior, rows: Rows) -> Finish:
    if question.spread_matters(family):
        return average_of(family, posterior, rows)
    if question.kind == "response":
        return response_of(family, posterior, rows, question.seed)
    return mean_of(family, posterior) if question.kind == "mean" else link_itself


def _coded(question: Asked, schema: Schema, rows: Rows) -> tuple[RowGroup, ...]:
    """Return the groups with a level for every row, after checks."""
    coded = []
    for group, own in zip(rows.groups, schema.groups, strict=True):
        if question.groups == "average":
            # a level that is not given stands alone
            alone = own.n_levels + len(group.new) + np.arange(rows.n)
            coded.append(replace(group, codes=np.where(group.codes < 0, alone, group.codes)))
            continue
        _check_given(group)
        if question.groups == "known":
            _check_known(group, own)
        coded.append(group)
    return tuple(coded)


def _check_given(group: RowGroup) -> None:
    gaps = np.flatnonzero(group.codes < 0)
    if gaps.size:
        raise DataError(
            f"the grouping factor {group.factor!r} is missing in row {int(gaps[0])} (counting from 0), so its effects "
            "cannot be told",
            'name the level, or pass groups="population" (effects of 0) or groups="average" (effects integrated out)',
        )


def _check_known(group: RowGroup, own: GroupSchema) -> None:
    unseen = np.flatnonzero(group.codes >= own.n_levels)
    if unseen.size:
        level = group.new[group.codes[unseen[0]] - own.n_levels]
        raise DataError(
            f"the fit has not seen the level {level!r} of {group.factor!r}, in row {int(unseen[0])} (counting from 0)",
            'pass groups="new" to draw such levels from the population, or groups="population" for effects of 0',
        )


def _effects(question: Asked, schema: Schema, posterior: Posterior, rows: Rows) -> dict[str, LevelEffects]:
    effects: dict[str, LevelEffects] = {}
    for group, own in zip(rows.groups, schema.groups, strict=False):
        if group.factor in effects:
            continue
        known = 0 if question.groups == "average" else own.n_levels
        draws = posterior.factors[group.factor]
        effects[group.factor] = LevelEffects(draws, known, _words(group, own), question.seed)
        effects[group.factor].prepare(group.codes)
    return effects


def _words(group: RowGroup, own: GroupSchema) -> Callable[[int], tuple[str, ...]]:
    """Return the words that stand for a level: its factor and its name, never its position among the levels."""

    def words(code: int) -> tuple[str, ...]:
        if code < own.n_levels:
            return ("level", own.factor, *own.keys[code])
        if code < own.n_levels + len(group.new_keys):
            return ("level", own.factor, *group.new_keys[code - own.n_levels])
        return ("row", own.factor, str(code - own.n_levels - len(group.new_keys)))

    return words
