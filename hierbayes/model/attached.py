"""Draws that the user sampled by hand, checked and put in the model's order."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hierbayes.engines.base import Trace
from hierbayes.engines.naming import posterior_coords, posterior_dims
from hierbayes.errors import DataError
from hierbayes.model.likelihood_check import judge
from hierbayes.sampling.run import Draws
from hierbayes.sampling.tree import named_tree, tree_name, with_true_names

if TYPE_CHECKING:
    import xarray as xr

    from hierbayes.model.model import Model

DOUBT, OWN_VARIABLES = "hierbayes_likelihood_doubt", "hierbayes_own_variables"
"""Attributes of the posterior: why its likelihood may not be the model's, and the user's own variables, as JSON."""

_HINT = "sample model.pymc itself, or a model that extends it, and keep its variables"


def attached(tree: Any, model: Model, same_likelihood: bool = False) -> Draws:
    """Return draws that were sampled from the PyMC model, with variables, dims and coordinates checked.

    Parameters
    ----------
    tree : DataTree or Dataset
    model : Model
    same_likelihood : bool
        Take the likelihood for the model's, whatever speaks against it.

    Raises
    ------
    DataError
        If a variable is missing, has other dims or levels, or holds a draw that is not finite.
    """
    given, labels, problem = _given(tree), model.labels, model.problem
    posterior = with_true_names(_group(given, "posterior"))
    dims, coords = posterior_dims(labels), posterior_coords(labels)
    lost = [name for name in dims if name not in posterior]
    if lost:
        raise DataError(f"the draws have no variable {', '.join(map(repr, lost))}", _HINT)
    own = {name: _in_order(posterior[name], name, dims[name], coords) for name in dims}
    chains, draws = next(iter(own.values())).shape[:2]
    kept = named_tree(Trace(own, {"diverging": np.zeros((chains, draws), bool)}, 0, False), labels, problem)
    judged = judge(model, given, posterior)
    doubt = "" if same_likelihood else judged.doubt
    draws = _draws(given, posterior, coords, kept)
    draws.tree["posterior"].attrs |= {DOUBT: doubt, OWN_VARIABLES: json.dumps(judged.own)}
    return draws


def _given(tree: Any) -> xr.DataTree:
    import xarray as xr

    if isinstance(tree, xr.Dataset):
        return xr.DataTree.from_dict({"/posterior": tree})
    if not isinstance(tree, xr.DataTree):
        raise DataError(
            f"draws are attached as a DataTree, or its posterior as a Dataset, not as {type(tree).__name__}",
            "pm.sample and nutpie.sample return one",
        )
    return tree


def _group(tree: xr.DataTree, name: str) -> xr.Dataset:
    if name not in tree.children:
        raise DataError(f"the tree has no group {name!r}", _HINT)
    return tree[name].to_dataset()


def _in_order(
    values: xr.DataArray, name: str, own: tuple[str, ...], coords: Mapping[str, list[str]]
) -> np.typing.NDArray[np.float64]:
    """Return the draws of one variable as (chain, draw, ...), every dim in the order of the model."""
    wanted = ("chain", "draw", *own)
    if set(map(str, values.dims)) != set(wanted):
        raise DataError(f"the draws of {name!r} have the dims {values.dims}, not {wanted}", _HINT)
    values = values.transpose(*wanted)
    for dim in own:
        values = values.isel({dim: _places(values, name, dim, coords[dim])})
    found = np.ascontiguousarray(values.to_numpy(), dtype=np.float64)
    if 0 in found.shape[:2]:
        raise DataError(f"there are no draws of {name!r}")
    if not np.isfinite(found).all() and not name.startswith("corr_"):
        raise DataError(f"the draws of {name!r} are not all finite", "keep only draws that the sampler finished")
    return found


def _places(values: xr.DataArray, name: str, dim: str, wanted: list[str]) -> list[int]:
    """Return the position of each label of the model; a dim without labels is taken in the order of the model."""
    if values.sizes[dim] != len(wanted):
        size = values.sizes[dim]
        raise DataError(f"the draws of {name!r} have {size} entries along {dim!r}, not {len(wanted)}", _HINT)
    if dim not in values.coords:
        return list(range(len(wanted)))
    index = {str(label): i for i, label in enumerate(values[dim].to_numpy())}
    lost = [label for label in wanted if label not in index]
    if lost:
        others = [label for label in index if label not in wanted]
        instead = f"; they have {others[0]!r}, which the model does not know" if others else ""
        raise DataError(f"the draws of {name!r} lack {lost[0]!r} along {dim!r}{instead}", _HINT)
    return [index[label] for label in wanted]


def _draws(given: xr.DataTree, posterior: xr.Dataset, coords: Mapping[str, list[str]], kept: xr.DataTree) -> Draws:
    """Return the user's tree with the posterior of the model, and with what variables the user added to it."""
    import xarray as xr

    groups = {f"/{path}": node.to_dataset(inherit=False) for path, node in given.subtree_with_keys if path != "."}
    for name in ("observed_data", "sample_stats"):
        groups.setdefault(f"/{name}", kept[name].to_dataset())
    own = kept["posterior"].to_dataset()
    more = {tree_name(str(name)): values for name, values in posterior.data_vars.items()}
    added = {name: _added(values, coords) for name, values in more.items() if name not in own}
    groups["/posterior"] = own.assign(added)
    stats = groups["/sample_stats"] = _numbers(groups["/sample_stats"])
    spent = int(stats["n_steps"].sum()) if "n_steps" in stats else 0
    seconds = posterior.attrs.get("sampling_time", stats.attrs.get("sampling_time", np.nan))
    return Draws(xr.DataTree.from_dict(groups), "attached", "sampled by hand", float(seconds), spent, 0)


def _numbers(stats: xr.Dataset) -> xr.Dataset:
    """Return what the sampler counted, without the Python objects that PyMC puts beside it."""
    return stats.drop_vars([name for name, values in stats.data_vars.items() if values.dtype == object])


def _added(values: xr.DataArray, coords: Mapping[str, list[str]]) -> xr.DataArray:
    """Return a variable of the user's own, in the order of the model along the dims of the model."""
    known = [str(dim) for dim in values.dims if dim in coords]
    for dim in known:
        values = values.isel({dim: _places(values, str(values.name), dim, coords[dim])})
    bare = values.drop_vars([name for name in (*known, "chain", "draw") if name in values.coords])
    return bare.rename({str(dim): tree_name(str(dim)) for dim in bare.dims})
