"""Whether draws that were sampled by hand are of the likelihood that the model knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hierbayes.engines.naming import posterior_dims, tree_name
from hierbayes.errors import ModelError, warn
from hierbayes.sampling.sampler import quiet_libraries
from hierbayes.sampling.tree import row_name

if TYPE_CHECKING:
    import pymc
    import xarray as xr

    from hierbayes.model.model import Model

_DENSITIES = ("lp", "logp")
"""What PyMC's sampler and nutpie call the log density of a draw."""
_POINTS = 3
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Extension:
    """What has been done to a `pymc.Model` since it was built.

    Attributes
    ----------
    added : tuple of str
        Variables, potentials and data by name.
    likelihood : str
        Why the likelihood may no longer be the one that was built; empty where it is.
    """

    added: tuple[str, ...] = ()
    likelihood: str = ""


@dataclass(frozen=True)
class Judged:
    """What is known of attached draws.

    Attributes
    ----------
    doubt : str
        Why they may be of another likelihood; empty where nothing speaks for it.
    own : tuple of str
        The user's own variables among them.
    """

    doubt: str
    own: tuple[str, ...]


def judge(model: Model, given: xr.DataTree, posterior: xr.Dataset) -> Judged:
    """Look for evidence that draws are of another likelihood than the model's.

    Three things speak for one: `Model.pymc` has been extended by an observed variable, by other data or by a potential
    that reads data; the draws hold a variable that it has not, or have not one that it samples; or the log density that
    the sampler noted is not that of `Model.pymc` at the same point. Where the two densities agree, variables that it
    has not were added to the draws later. Draws of the model's own variables alone, without a log density, are taken
    for the model's.

    Parameters
    ----------
    model : Model
    given : DataTree
    posterior : Dataset
        That of the tree, under the model's names.
    """
    others = [str(name) for name in posterior.data_vars if name not in posterior_dims(model.labels)]
    built = _built(model)
    if built is None and not others and _density(given) is None:
        return Judged("", ())
    try:
        pristine = _fresh(model)
    except ModelError as error:
        return Judged(f"model.pymc cannot be built ({error.what})" if others else "", tuple(others))
    own = tuple(name for name in others if tree_name(name) not in pristine.named_vars)
    changed = Extension() if built is None else _extension(built, pristine, model.design.n)
    return Judged(changed.likelihood or _strange(built or pristine, given, others, model.labels.response), own)


def extension(model: Model) -> Extension:
    """Return what the user has done to `Model.pymc`; nothing if it was never asked for."""
    built = _built(model)
    return Extension() if built is None else _extension(built, _fresh(model), model.design.n)


def warn_of_extension(model: object) -> None:
    """Warn that a new model is made from the formula, without what the user added to `Model.pymc`."""
    from hierbayes.model.model import Model

    assert isinstance(model, Model)
    added = extension(model).added
    if added:
        warn(
            f"the new model is without what model.pymc has been extended by: {', '.join(map(repr, added))}; add them "
            "to its own model.pymc"
        )


def _built(model: Model) -> pymc.Model | None:
    runner = vars(model).get("_runner")
    return None if runner is None else vars(runner).get("model")


def _fresh(model: Model) -> pymc.Model:
    from hierbayes.engines.pymc import build_pymc

    with quiet_libraries():
        return build_pymc(model.problem, model.labels)


def _extension(built: pymc.Model, pristine: pymc.Model, n: int) -> Extension:
    added = tuple(name for name in built.named_vars if name not in pristine.named_vars)
    return Extension(added, _other_likelihood(built, pristine, n))


def _other_likelihood(built: pymc.Model, pristine: pymc.Model, n: int) -> str:
    before, after = ({rv.name for rv in each.observed_RVs} for each in (pristine, built))
    if before != after:
        return f"model.pymc has another observed variable than it was made with, {sorted(before ^ after)[0]!r}"
    for own in pristine.data_vars:
        now = built.named_vars.get(own.name)
        if now is None or not np.array_equal(now.get_value(borrow=True), own.get_value(borrow=True)):
            return f"the data {own.name!r} of model.pymc have been changed"
    known = {own.name for own in pristine.potentials}
    for own in built.potentials:
        if own.name not in known and _reads_data(own, built, n):
            return f"model.pymc has been extended by the potential {own.name!r}, which reads data"
    return ""


def _reads_data(potential: Any, built: pymc.Model, n: int) -> bool:
    """Say whether a potential depends on data, or on an array that is as long as they are: else it is a prior."""
    from pytensor.compile.sharedvalue import SharedVariable
    from pytensor.graph.basic import Constant
    from pytensor.graph.traversal import ancestors

    data = set(built.data_vars)
    for node in ancestors([potential]):
        if node in data:
            return True
        values = node.data if isinstance(node, Constant) else None
        if isinstance(node, SharedVariable):
            values = node.get_value(borrow=True)
        if isinstance(values, np.ndarray) and values.ndim and max(values.shape) >= n:
            return True
    return False


def _strange(current: pymc.Model, given: xr.DataTree, others: list[str], response: str) -> str:
    """Return why the draws are not those of a PyMC model; empty if they are, or nothing tells."""
    agrees = _agrees(current, given)
    if agrees:
        return ""
    if agrees is not None:
        return "their log density is not that of model.pymc: they were drawn from another model"
    stranger = next((name for name in others if tree_name(name) not in current.named_vars), None)
    if stranger is not None:
        return f"the draws hold {stranger!r}, which is no variable of model.pymc"
    lost = [rv.name for rv in current.free_RVs if rv.name not in given["posterior"]]
    if lost and _density(given) is not None and not _named_here(given, response):
        return f"the draws lack {lost[0]!r}, which model.pymc samples: they were drawn from another model"
    return ""


def _named_here(given: xr.DataTree, response: str) -> bool:
    """Say whether a tree is one of hierbayes' own, which names the rows and leaves the sampler's variables out."""
    return "observed_data" in given.children and row_name(response) in given["observed_data"].sizes


def _density(given: xr.DataTree) -> str | None:
    if "sample_stats" not in given.children:
        return None
    return next((name for name in _DENSITIES if name in given["sample_stats"]), None)


def _agrees(current: pymc.Model, given: xr.DataTree) -> bool | None:
    """Say whether the log density that the sampler noted is that of the model; None where it cannot be told."""
    name, posterior = _density(given), given["posterior"]
    if name is None or any(rv.name not in posterior for rv in current.free_RVs):
        return None
    noted = given["sample_stats"][name].transpose("chain", "draw")
    places = np.linspace(0, noted.size - 1, min(_POINTS, noted.size)).round().astype(int)
    try:
        with quiet_libraries():
            density = _density_at(current)
            raw = [posterior[rv.name].transpose("chain", "draw", ...).to_numpy() for rv in current.free_RVs]
            found = [density([own.reshape(-1, *own.shape[2:])[i] for own in raw]) for i in places]
    except Exception:  # of another shape or version: nothing is known then
        return None
    said = noted.to_numpy().ravel()[places]
    return bool(np.all(np.abs(np.asarray(found) - said) <= _TOLERANCE * (1 + np.abs(said))))


def _density_at(current: pymc.Model) -> Any:
    """Return a function from the values of the free variables, as a trace holds them, to the log density.

    It is run a few times only, so that it is not worth compiling.
    """
    import pytensor
    from pytensor.graph.replace import graph_replace

    free = list(current.free_RVs)
    raw = [rv.type() for rv in free]
    moved = []
    for rv, own in zip(free, raw, strict=True):
        transform = current.rvs_to_transforms[rv]
        moved.append(own if transform is None else transform.forward(own, *rv.owner.inputs))
    moved = graph_replace(moved, dict(zip(free, raw, strict=True)), strict=False)
    values = [current.rvs_to_values[rv] for rv in free]
    total = graph_replace(current.logp(), dict(zip(values, moved, strict=True)))
    density = pytensor.function(raw, total, mode="FAST_COMPILE", on_unused_input="ignore")
    return lambda point: float(density(*point))
