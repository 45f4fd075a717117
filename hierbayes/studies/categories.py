"""The categories of a simulated response: how many, their names, and the column that they make."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from hierbayes.design.categories import MOST_CATEGORIES
from hierbayes.design.table import Ints
from hierbayes.errors import DataError, ModelError, warn
from hierbayes.families import Family, family, with_categories

REFERENCE = "reference"
"""The key by which a truth names the reference category, and the name of one that it does not name."""


@dataclass(frozen=True)
class Asked:
    """A family with what a truth says of its categories.

    Attributes
    ----------
    family : Family
        With the number of categories, where the truth tells it.
    names : tuple of str
        Of the categories, the reference first; empty where they are numbered, or the family has none.
    reference : str or None
        The reference that the truth names.
    truth : Any
        The parameters that are left.
    """

    family: Family
    names: tuple[str, ...]
    reference: str | None
    truth: Any


def asked_categories(chosen: str | Family, truth: Any) -> Asked:
    """Return the family with its categories, as far as a truth tells them.

    The gaps of an ordinal response say how many there are; the coefficients of a categorical one name all but the
    reference, in the order in which they come.

    Raises
    ------
    ModelError
        If there is no such family, or the truth and the family name different numbers of categories.
    """
    own = family(chosen)
    if not isinstance(truth, Mapping) or not (own.ordered or own.unordered):
        return Asked(own, (), None, truth)
    if own.ordered:
        gaps = [int(found.group(1)) for key in truth if (found := re.fullmatch(r"gap_(\d{1,3})", str(key)))]
        return Asked(with_categories(own, max(gaps, default=1) + 1), (), None, truth)
    reference = _reference(truth)
    names = _names(truth, reference)
    if names and own.categories not in (0, len(names)):
        raise ModelError(
            f"the family has {own.categories} categories, and the truth has coefficients of {len(names) - 1}: "
            f"{', '.join(names[1:])}",
            f"{own.categories} categories have coefficients of {own.categories - 1}, all but the reference",
        )
    rest = {key: value for key, value in truth.items() if key != REFERENCE}
    return Asked(with_categories(own, len(names) or own.categories), names, reference, rest)


def _reference(truth: Mapping[Any, Any]) -> str | None:
    given = truth.get(REFERENCE)
    if given is not None and not (isinstance(given, str) and given):
        raise ModelError(f"the truth's {REFERENCE!r} is {given!r}: it is the name of a category", 'write "no"')
    return given


def _names(truth: Mapping[Any, Any], reference: str | None) -> tuple[str, ...]:
    """Return the categories, the reference first; none where no coefficient names one."""
    others = tuple(dict.fromkeys(key.partition(":")[0] for key in _coefficients(truth) if ":" in key))
    if not others:
        return ()
    numbered = others == tuple(str(k) for k in range(2, len(others) + 2))
    first = reference or ("1" if numbered else REFERENCE)
    if first in others:
        raise ModelError(
            f"the truth has coefficients of {first!r}, the reference, whose linear predictor is 0",
            "leave them out"
            if reference
            else f'name another reference in the truth: {{"{REFERENCE}": ..., "{first}:Intercept": ...}}',
        )
    return (first, *others)


def _coefficients(truth: Mapping[Any, Any]) -> Iterator[str]:
    for key, value in truth.items():
        name = str(key)
        if name == "beta" and hasattr(value, "items"):
            yield from map(str, value.keys())
        elif not name.startswith(("sd_", "corr_")):
            yield name


def placeholder_categories(own: Family, names: tuple[str, ...], n: int) -> Any:
    """Return categories one after the other, until they are simulated.

    Raises
    ------
    ModelError
        If nothing says how many there are.
    DataError
        If there are fewer rows than categories without an order, of which a design holds only those that occur.
    """
    count = own.categories
    if not 3 <= count <= MOST_CATEGORIES:
        told = f"the truth names {count}: {', '.join(names)}" if names else "nothing says how many these are"
        raise ModelError(
            f"{'an' if own.ordered else 'a'} {own.name} response has 3 to {MOST_CATEGORIES} categories, and {told}",
            "name the gaps between the thresholds in the truth, from gap_2 on (K categories have K - 2), or give data= "
            "with the response"
            if own.ordered
            else 'name all but the reference in the truth, {"b:Intercept": 0, "c:Intercept": 0, ...}, say how many by '
            'family=hierbayes.families.family("categorical", 3), or give data= with the response',
        )
    if own.unordered and n < count:
        raise DataError(f"{n} rows cannot hold {count} categories", "simulate as many rows as categories, or more")
    levels = names or tuple(str(k) for k in range(1, count + 1))
    return pd.Categorical.from_codes(np.arange(n) % count, categories=pd.Index(levels), ordered=own.ordered)


def check_reference(asked: str | None, categories: tuple[str, ...]) -> None:
    """Refuse a reference that is not that of the data.

    Raises
    ------
    ModelError
        Says how to change it.
    """
    if asked is not None and categories and asked != categories[0]:
        raise ModelError(
            f"the truth takes {asked!r} for the reference, and in the data it is {categories[0]!r}, the first category",
            "make the column a pd.Categorical whose first category is the reference",
        )


def as_held(codes: Ints, levels: tuple[str, ...], before: pd.Series, own: Family) -> Any:
    """Return categories as the column held them: numbers where it did, else a categorical.

    Parameters
    ----------
    codes : array of int, shape (n,)
        From 0, in the order of `levels`.
    levels : tuple of str
    before : Series
        The column in whose place they come.
    own : Family
    """
    if own.unordered:
        _warn_unobserved(codes, levels, str(before.name))
    if isinstance(before.dtype, pd.CategoricalDtype):
        # without an order, only categories that occur are those of the model
        used = np.unique(before.cat.codes) if own.unordered else np.arange(len(levels))
        return pd.Categorical.from_codes(used[used >= 0][codes], dtype=before.dtype)
    if pd.api.types.is_numeric_dtype(before.dtype):
        return np.asarray([int(float(level)) for level in levels])[codes]
    return pd.Categorical.from_codes(codes, categories=pd.Index(levels))


def _warn_unobserved(codes: Ints, levels: tuple[str, ...], response: str) -> None:
    """Say which categories no row has: a fit knows only those that occur, and takes the first for the reference."""
    lost = [repr(level) for i, level in enumerate(levels) if not np.any(codes == i)]
    if lost:
        warn(
            f"no simulated row has {', '.join(lost)} for {response!r}: a fit of these data knows only the categories "
            "that occur" + (", and has another reference" if not np.any(codes == 0) else "")
        )
