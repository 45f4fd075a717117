"""Whether fits can be compared at all: same response, same rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hierbayes.errors import DataError, ModelError, warn

if TYPE_CHECKING:
    from hierbayes.comparison.elpd import Loo
    from hierbayes.comparison.evidence import Evidence
    from hierbayes.design.design import Design


_FEWEST = 20


class Comparable(Protocol):
    """What a comparison asks of a fit."""

    @property
    def design(self) -> Design: ...

    def loo(self, kind: str = "conditional", *, progress: bool | None = None) -> Loo: ...

    def log_marginal_likelihood(self, seed: int | None = None, progress: bool | None = None) -> Evidence: ...


def refuse_other_data(fits: Mapping[str, Comparable]) -> None:
    """Refuse fits to different responses or rows.

    Raises
    ------
    DataError
        Names the fits and what differs.
    ModelError
        If one of them is no fit.
    """
    for name, fit in fits.items():
        if not (hasattr(fit, "design") and hasattr(fit, "loo")):
            raise ModelError(f"{name!r} is no fit, but {type(fit).__name__}", "give what model.fit() returns")
    if len({fit.design.family.whole for fit in fits.values()}) > 1:
        warn(
            "some of these fits give probabilities of a discrete response and others densities of a continuous one: "
            "their difference depends on the unit of the response"
        )
    (first, base), *others = fits.items()
    for name, fit in others:
        found = difference(base.design, fit.design)
        if found:
            raise DataError(
                f"the fits {first!r} and {name!r} cannot be compared: {found}",
                "a comparison needs the same response in the same rows; drop rows with missing values beforehand",
            )


def refuse_few_draws(draws: int) -> None:
    """Refuse importance sampling from so few draws that their weights tell nothing.

    Raises
    ------
    ModelError
        Says how many there are.
    """
    if draws < _FEWEST:
        raise ModelError(f"{draws} draws are too few for importance sampling", "sample at least 100")


def difference(one: Design, other: Design) -> str | None:
    """Return what differs between the responses of two designs, None if nothing does."""
    if one.response != other.response:
        return f"the response is {one.response!r} in one and {other.response!r} in the other"
    if one.n != other.n:
        return f"one has {one.n} rows and the other {other.n}{_dropped(one, other)}"
    a, b = _as_held(one), _as_held(other)
    if not np.array_equal(a, b):
        rows = np.flatnonzero(a != b)
        first = int(rows[0])
        values = f"{_said(a[first])} against {_said(b[first])}"
        return f"{len(rows)} of {one.n} responses differ, the first in row {first}: {values}"
    return None


def _as_held(design: Design) -> NDArray[Any]:
    """Return the responses as the data hold them: the categories of an ordinal one, as numbers where they are some."""
    if not design.categories:
        return design.y
    names = np.asarray(design.categories, dtype=object)[design.y.astype(np.int64) - 1]
    try:
        return names.astype(np.float64)
    except ValueError:
        return names


def _said(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else repr(value)


def _dropped(one: Design, other: Design) -> str:
    if one.rows_given != other.rows_given:
        return ""
    only = np.setxor1d(one.rows, other.rows)
    return f"; row {int(only[0])} of the data is in use in one only" if len(only) else ""
