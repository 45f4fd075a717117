"""Variables of the user's own among attached draws: their entries by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from hierbayes.tables.numbers import CONVERGENCE, ESTIMATES, Floats, described

if TYPE_CHECKING:
    import xarray as xr

MOST_ENTRIES = 1_000
"""A variable with more, one for each row for instance, is among the draws only."""


class Entry(NamedTuple):
    """One number of a variable: its name, ``gamma`` or ``gamma[low]``, the variable, and the place in it."""

    name: str
    variable: str
    place: tuple[int, ...]


def entries(posterior: xr.Dataset, own: Sequence[str]) -> Iterator[Entry]:
    """Yield every number of the variables, those of arrays with their labels or, without any, places from 0.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> values = (("chain", "draw", "dose"), np.zeros((1, 2, 2)))
    >>> draws = xr.Dataset({"gamma": values}, coords={"dose": ["low", "high"]})
    >>> [entry.name for entry in entries(draws, ["gamma"])]
    ['gamma[low]', 'gamma[high]']
    """
    for variable in own:
        values = posterior[variable]
        dims = [dim for dim in values.dims if dim not in ("chain", "draw")]
        shape = tuple(values.sizes[dim] for dim in dims)
        if values.dtype.kind not in "iuf" or not 0 < np.prod(shape, dtype=np.int64) <= MOST_ENTRIES:
            continue
        labels = [values[dim].to_numpy().tolist() if dim in values.coords else range(values.sizes[dim]) for dim in dims]
        for place in np.ndindex(*shape):
            inside = ", ".join(str(own[i]) for own, i in zip(labels, place, strict=True))
            yield Entry(f"{variable}[{inside}]" if dims else variable, variable, place)


def entry_draws(posterior: xr.Dataset, entry: Entry) -> Floats:
    """Return the draws of one number, (chain, draw)."""
    values = posterior[entry.variable].transpose("chain", "draw", ...).to_numpy()
    whole: Any = (slice(None), slice(None), *entry.place)
    return np.asarray(values[whole], dtype=np.float64)


def own_table(posterior: xr.Dataset, own: Sequence[str], ci_prob: float) -> pd.DataFrame:
    """Return one row for each number, as the other tables of estimates."""
    found = list(entries(posterior, own))
    if not found:
        return pd.DataFrame(columns=[*ESTIMATES, *CONVERGENCE], index=pd.Index([], name="variable"), dtype=float)
    table = described(np.stack([entry_draws(posterior, entry) for entry in found], axis=-1), ci_prob)
    table.index = pd.Index([entry.name for entry in found], name="variable")
    return table
