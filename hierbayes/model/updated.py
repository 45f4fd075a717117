"""A model with something changed: formula, data, priors or options."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain, count
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from hierbayes.design.build import build, from_columns
from hierbayes.design.checks import warn_of_bare_bar
from hierbayes.design.design import Design
from hierbayes.design.scaling import prior_keys
from hierbayes.design.table import to_pandas
from hierbayes.errors import DataError, ModelError, warn
from hierbayes.formula import Formula, parse
from hierbayes.formula.printing import fill_dots
from hierbayes.formula.roles import coded_columns
from hierbayes.model.options import OF_MODEL, unknown_option
from hierbayes.priors.bambi import without_bambi
from hierbayes.spec import ModelSpec, make_spec
from hierbayes.storage.fingerprint import data_fingerprint


class Changed(NamedTuple):
    """A spec and its design after a change."""

    spec: ModelSpec
    design: Design


def keep_data(data: Any) -> Any:
    """Return the data for later; what the user then does to a pandas frame does not reach the copy.

    pandas copies only what is changed, so the copy costs nothing.
    """
    return data.copy(deep=False) if isinstance(data, pd.DataFrame) else data


def with_weights(data: Any, weights: Any) -> tuple[Any, str | None]:
    """Return the data and the name of the column of weights; weights that are an array become a column of a copy.

    Raises
    ------
    DataError
        If there is not a weight for each row, or they are labelled otherwise than the rows.
    """
    if weights is None or isinstance(weights, str):
        return data, weights
    table = to_pandas(data)
    if isinstance(weights, pd.Series) and not weights.index.equals(table.index):
        raise DataError(
            "the weights are a series whose index is not that of the data",
            "give weights.to_numpy() if they are in the order of the rows",
        )
    values = np.asarray(weights)
    if values.ndim != 1 or len(values) != len(table):
        raise DataError(
            f"weights are an array of shape {values.shape}, and the data have {len(table)} rows",
            "give one weight a row, or the name of a column",
        )
    name = next(each for each in chain(["weights"], (f"weights_{i}" for i in count(2))) if each not in table.columns)
    return table.assign(**{name: values}), name


def changed(
    old: ModelSpec,
    design: Design,
    kept: Any,
    formula: str | None,
    data: Any,
    priors: Mapping[str, Any] | str | None,
    options: Mapping[str, Any],
) -> Changed:
    """Return the spec and design of an updated model.

    Parameters
    ----------
    old : ModelSpec
    design : Design
    kept : data frame or None
        The data of the old model, None if only its design is left.
    formula, data, priors, options
        As `Model.update` takes them; None is unchanged.
    """
    for name in options:
        if name not in OF_MODEL:
            raise unknown_option(name, ("formula", "data", *OF_MODEL))
    if options.get("weights") is not None and not isinstance(options["weights"], str):
        if data is None and kept is None:
            raise ModelError("the data are not there for weights that are no column", "give the data: update(data=...)")
        data, column = with_weights(kept if data is None else data, options["weights"])
        options = {**options, "weights": column}
    spec = _changed_spec(old, formula, priors, options)
    new = _changed_design(spec, old, design, kept, data)
    if formula is not None:
        warn_of_bare_bar(spec.formula)
    return Changed(replace(_without_lost(spec, priors, new), family=new.family), new)


def _changed_spec(
    old: ModelSpec, formula: str | None, priors: Mapping[str, Any] | str | None, options: Mapping[str, Any]
) -> ModelSpec:
    read = old.formula if formula is None else _read(formula, old.formula)
    contrasts = options["contrasts"] if "contrasts" in options else _contrasts_left(old, read)
    return make_spec(
        read,
        family_name=options.get("family", old.family),
        priors=_laid_over(old.priors, priors, [group.label for group in read.groups]),
        contrasts=contrasts,
        weights=options.get("weights", old.weights),
        missing=options.get("missing", old.missing),
        rank=options.get("rank", old.rank),
    )


def _contrasts_left(old: ModelSpec, read: Formula) -> dict[str, Any]:
    """Return the codings of columns that are still terms; warn of the others."""
    coded = coded_columns(read)
    lost = [name for name in old.contrasts if name not in coded]
    if lost:
        warn(f"the contrasts of {', '.join(map(repr, lost))} are dropped: the new formula has no such terms")
    return {name: own for name, own in old.contrasts.items() if name in coded}


def _read(formula: str, old: Formula) -> Formula:
    """Return the formula that a text means; one that was written by its difference is shown in full."""
    filled = fill_dots(formula, old) if isinstance(formula, str) and formula.strip() else formula
    read = parse(filled)
    return read if filled == formula else parse(read.canonical)


def _laid_over(
    old: Mapping[str, Any] | str, new: Mapping[str, Any] | str | None, factors: Sequence[str]
) -> Mapping[str, Any] | str:
    """Return the old priors with the new ones in their place; None for a parameter gives it its default."""
    if new is None:
        return old
    if isinstance(new, str) or not isinstance(new, Mapping):
        return new
    if isinstance(old, str):
        warn(f"priors={old!r} of the old model is dropped: parameters without a prior of their own have their defaults")
    base = {} if isinstance(old, str) else dict(old)
    return {key: prior for key, prior in {**base, **without_bambi(new, factors)}.items() if prior is not None}


def _changed_design(spec: ModelSpec, old: ModelSpec, design: Design, kept: Any, data: Any) -> Design:
    if data is not None:
        return build(spec, data)
    if kept is not None:
        _check_unchanged(old, design, kept)
        return build(spec, kept)
    columns = {column.name: column for column in design.columns}
    absent = [name for name in spec.columns if name not in columns]
    if absent:
        raise DataError(
            f"the fit was loaded from a file, which holds only the columns that its model reads, not {absent[0]!r}",
            "give the data: update(data=...)",
        )
    return from_columns(spec, columns, design.rows, design.rows_given, design.labels)


def _check_unchanged(old: ModelSpec, design: Design, kept: Any) -> None:
    """Refuse data that have been changed since; a pandas frame of ours cannot be, others may."""
    if isinstance(kept, pd.DataFrame):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        now = build(old, kept)
    if _fingerprint(now) != _fingerprint(design):
        raise DataError("the data have been changed since the model was made", "give them anew: update(data=...)")


def _fingerprint(design: Design) -> str:
    return data_fingerprint(design.columns, design.rows, design.rows_given)


def _without_lost(spec: ModelSpec, given: Any, design: Design) -> ModelSpec:
    """Return the spec without inherited priors of parameters that are no more; warn of them."""
    if isinstance(spec.priors, str):
        return spec
    known, new = set(prior_keys(design)), set(given) if isinstance(given, Mapping) else set()
    lost = [key for key in spec.priors if key not in known and key not in new]
    if not lost:
        return spec
    warn(f"the priors of {', '.join(map(repr, lost))} are dropped: the new model has no such parameters")
    return make_spec(
        spec.formula,
        family_name=spec.family,
        priors={key: prior for key, prior in spec.priors.items() if key not in lost},
        contrasts=spec.contrasts,
        weights=spec.weights,
        missing=spec.missing,
        rank=spec.rank,
    )
