"""Names on what comes back from an engine: draws as a DataTree with dims and coordinates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hierbayes.engines.assemble import Labels
from hierbayes.engines.base import Problem, Trace
from hierbayes.engines.naming import THETA, posterior_coords, posterior_dims
from hierbayes.engines.naming import tree_name as tree_name

if TYPE_CHECKING:
    import xarray as xr


def named_tree(trace: Trace, labels: Labels, problem: Problem) -> xr.DataTree:
    """Return the draws as a DataTree with dims and coordinates."""
    import xarray as xr

    dims, coords = posterior_dims(labels), posterior_coords(labels)
    chains, draws = next(iter(trace.stats.values())).shape[:2]
    index = {"chain": np.arange(chains), "draw": np.arange(draws)}
    posterior = _dataset({k: trace.draws[k] for k in dims}, dims, {**index, **coords})
    stats = {k: v for k, v in trace.stats.items() if v.ndim == 2 and v.dtype != object}
    row = row_name(labels.response)
    observed = xr.Dataset({tree_name(labels.response): (row, problem.y)}, coords={row: _labels(np.arange(problem.n))})
    groups = {
        "/posterior": posterior,
        "/sample_stats": _dataset(stats, dict.fromkeys(stats, ()), index),
        "/observed_data": observed,
    }
    if THETA in trace.draws:
        groups["/unconstrained_posterior"] = _dataset({"theta": trace.draws[THETA]}, {"theta": ("theta_dim",)}, index)
    return xr.DataTree.from_dict(groups)


def row_name(response: str) -> str:
    """Return the name of the dim of rows, which the response must not bear itself."""
    return "row" if response != "row" else "row_number"


def response_name(response: str) -> tuple[str, str]:
    """Return the names of a variable of the response beside chains and draws, and of the dim of its rows.

    >>> response_name("Reaction"), response_name("row"), response_name("draw")
    (('Reaction', 'row'), ('row', 'row_number'), ('response_draw', 'row'))
    """
    name = f"response_{response}" if response in ("chain", "draw") else response
    return name, row_name(name)


def _dataset(values: Mapping[str, Any], dims: Mapping[str, tuple[str, ...]], coords: Mapping[str, Any]) -> xr.Dataset:
    import xarray as xr

    used = {"chain", "draw", *(dim for name in values for dim in dims[name])}
    return xr.Dataset(
        {tree_name(name): (("chain", "draw", *map(tree_name, dims[name])), array) for name, array in values.items()},
        coords={tree_name(dim): _labels(own) for dim, own in coords.items() if dim in used},
    )


def _labels(coordinate: Any) -> Any:
    """Return a coordinate as an index, which xarray takes as it is: for others it imports every array library there is.

    Labels stay Python's own text: in numpy's, NULs at the end would be lost.
    """
    import pandas as pd

    return pd.Index(coordinate, dtype=object if isinstance(coordinate, list) else None)


def true_name(name: str) -> str:
    """Return the name that `tree_name` was given."""
    return name.replace("%2F", "/").replace("%25", "%")


def with_true_names(dataset: xr.Dataset) -> xr.Dataset:
    """Return a group of a tree with the names of the model, slashes too."""
    return _renamed(dataset, true_name)


def as_group(dataset: xr.Dataset) -> xr.Dataset:
    """Return a dataset with names that a group of a tree takes."""
    return _renamed(dataset, tree_name)


def _renamed(dataset: xr.Dataset, rename: Callable[[str], str]) -> xr.Dataset:
    names = {str(name): rename(str(name)) for name in (*dataset.variables, *dataset.dims)}
    changed = {old: new for old, new in names.items() if old != new}
    return dataset.rename(changed) if changed else dataset
