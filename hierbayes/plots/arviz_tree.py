"""A fit as the plots of ArviZ read it best: the parameters that are worth a look, and the groups that a plot needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from hierbayes.plots.fit_like import draws_of
from hierbayes.sampling.tree import as_group, true_name

if TYPE_CHECKING:
    import xarray as xr

    from hierbayes.plots.fit_like import FitLike

SAMPLE = ("chain", "draw")
ADDED = ("chain", "component_group", "group", "model", "alpha")
"""Dims that ArviZ's plots add to those of a parameter."""


def parameters(fit: FitLike, draws: xr.Dataset) -> dict[str, xr.DataArray]:
    """Return coefficients, sds, correlations and sigma, without what is fixed in the posterior of the fit.

    ``corr_<g>`` has one entry for each pair that the model lets correlate, along the dim ``<g>_pair``.

    Parameters
    ----------
    fit : FitLike
    draws : Dataset
        The posterior of the fit, or draws from its prior under the same names.
    """
    design, found = fit.design, {}
    if design.coefficients:
        found["beta"] = "coef"
    for factor in design.factors:
        found[f"sd_{factor}"] = f"{factor}_term"
    made = {name: _entries(fit.posterior[name], draws[name], dim) for name, dim in found.items()}
    for factor in design.factors:
        if pairs := design.correlated_pairs(factor):
            own, given = (_pairs(source[f"corr_{factor}"], factor, pairs) for source in (fit.posterior, draws))
            made[f"corr_{factor}"] = _entries(own, given, f"{factor}_pair")
    for name in fit.spec.family.parameters:
        if np.ptp(fit.posterior[name].to_numpy()) > 0:
            made[name] = draws[name]
    return {name: values for name, values in made.items() if values.size}


def _entries(posterior: xr.DataArray, draws: xr.DataArray, dim: str) -> xr.DataArray:
    """Return the entries that vary in the posterior; a fixed number has no chains to look at."""
    moving = np.ptp(posterior.to_numpy(), axis=(0, 1)) > 0
    if moving.all():
        return draws
    return draws.isel({dim: np.flatnonzero(moving)}).rename({dim: f"{draws.name}_{dim}"})


def _pairs(corr: xr.DataArray, factor: str, pairs: list[tuple[int, int]]) -> xr.DataArray:
    import xarray as xr

    terms = [str(term) for term in corr[f"{factor}_term"].to_numpy()]
    values = np.stack([corr.to_numpy()[..., i, j] for i, j in pairs], axis=-1)
    labels = [f"{terms[i]}, {terms[j]}" for i, j in pairs]
    coords: dict[str, Any] = {dim: corr[dim].to_numpy() for dim in SAMPLE} | {f"{factor}_pair": labels}
    return xr.DataArray(values, coords=coords, dims=(*SAMPLE, f"{factor}_pair"), name=f"corr_{factor}")


def tree_of(fit: FitLike, effects: bool) -> xr.DataTree:
    """Return the tree of a fit with its parameters as `parameters` has them, and the group-level effects if asked."""
    import xarray as xr

    found = parameters(fit, fit.posterior)
    if effects:
        found |= {f"b_{factor}": fit.posterior[f"b_{factor}"] for factor in fit.design.factors}
    tree = xr.DataTree.from_dict({"/posterior": as_group(xr.Dataset(found))})
    for name in ("sample_stats", "observed_data"):
        if name in fit.tree.children:
            own = fit.tree[name].to_dataset()
            tree[name] = xr.DataTree(_whole(fit, own) if name == "observed_data" else own)
    return tree


def _whole(fit: FitLike, responses: xr.Dataset) -> xr.Dataset:
    """Return the numbers of categories as whole numbers, by which ArviZ tells what is discrete."""
    return responses.astype(np.int64) if not fit.design.family.has_mean else responses


def with_prior(fit: FitLike, tree: xr.DataTree, draws: int, seed: int | None) -> None:
    """Add draws from the prior."""
    import xarray as xr

    found = fit.model.prior_draws(draws, fit.diagnostics["seed"] if seed is None else seed)
    tree["prior"] = xr.DataTree(as_group(xr.Dataset(parameters(fit, found))))


def with_predictive(fit: FitLike, tree: xr.DataTree, draws: int | None, seed: int | None) -> None:
    """Add replicated data, of so many draws of each chain."""
    import xarray as xr

    seed = fit.diagnostics["seed"] if seed is None else seed
    drawn = fit.posterior_predictive(seed=seed, draws=draws)["posterior_predictive"].to_dataset()
    tree["posterior_predictive"] = xr.DataTree(_whole(fit, drawn))


def with_power_scaling(fit: FitLike, tree: xr.DataTree) -> None:
    """Add the logarithms of prior and likelihood at each draw, each summed, which is all that power scaling reads."""
    import xarray as xr

    from hierbayes.comparison.prior_densities import prior_densities
    from hierbayes.comparison.row_densities import row_densities

    drawn = draws_of(fit)
    shape, likelihood = drawn.shape, np.zeros(drawn.size)
    for _, values in row_densities(fit.design, drawn):
        likelihood += values.sum(axis=1)
    densities = prior_densities(fit.model.problem, fit.model.labels, drawn)
    prior = sum((own.reshape(*shape, -1).sum(axis=2) for own in densities.values()), np.zeros(shape))
    index = {dim: fit.posterior[dim].to_numpy() for dim in SAMPLE}
    for group, summed in (("log_prior", prior), ("log_likelihood", likelihood.reshape(shape))):
        tree[group] = xr.DataTree(xr.Dataset({group: (SAMPLE, summed)}, coords=index))


def with_likelihood(fit: FitLike, tree: xr.DataTree) -> None:
    """Add the log density of each row at each draw."""
    import xarray as xr

    tree["log_likelihood"] = xr.DataTree(as_group(fit.log_likelihood()))


def labeller() -> Any:
    """Return what writes names in the plots of ArviZ as the tables of hierbayes do: ``sd_Subject[Days]``."""
    from arviz_base.labels import BaseLabeller

    class Names(BaseLabeller):  # type: ignore[misc,unused-ignore]
        def dim_coord_to_str(self, dim: Any, coord_val: Any, coord_idx: Any) -> str:
            return str(coord_val)

        def var_name_to_str(self, var_name: Any) -> Any:
            return None if var_name is None else true_name(str(var_name))

        def make_label_vert(self, var_name: Any, sel: Any, isel: Any) -> str:
            return str(self.make_label_flat(var_name, sel, isel))

        def make_label_flat(self, var_name: Any, sel: Any, isel: Any) -> str:
            own = {dim: value for dim, value in sel.items() if dim not in ADDED}
            # a coefficient goes by its own name
            name = str(super().make_label_flat(None if var_name == "beta" and own else var_name, own, own))
            return ", ".join([name, *(str(value) for dim, value in sel.items() if dim in ADDED)])

    return Names()


def in_one_column(tree: xr.DataTree, names: list[str]) -> xr.DataTree:
    """Return the named variables of the posterior as one, ``parameter``, along a dim of all their names."""
    import xarray as xr

    write, labels, values = labeller(), [], []
    for name in names:
        variable = tree["posterior"][name].transpose(*SAMPLE, ...)
        inner = variable.dims[2:]
        for place in np.ndindex(*variable.shape[2:]):
            sel = {dim: variable[dim].to_numpy()[i] for dim, i in zip(inner, place, strict=True)}
            labels.append(write.make_label_flat(name, sel, dict(zip(inner, place, strict=True))))
            values.append(variable.to_numpy()[:, :, *place])
    coords: dict[str, Any] = {dim: tree["posterior"][dim].to_numpy() for dim in SAMPLE} | {"name": labels}
    whole = xr.DataArray(np.stack(values, axis=-1), coords=coords, dims=(*SAMPLE, "name"))
    return xr.DataTree.from_dict({"/posterior": xr.Dataset({"parameter": whole})})


@contextmanager
def look() -> Iterator[None]:
    """Give ArviZ, while it draws, its own style, with smaller letters and a layout in which no texts overlap.

    Names are written as they are: dollar signs begin no formula. Afterwards the settings are the user's again.
    """
    from arviz_plots import style as arviz_style  # registers the styles
    from matplotlib import style

    smaller = {"axes.titlesize": 10, "axes.titleweight": "normal", "axes.labelsize": 9, "xtick.labelsize": 8.5,
               "ytick.labelsize": 8.5, "legend.fontsize": 9, "font.size": 9, "text.parse_math": False}  # fmt: skip
    assert "arviz-variat" in arviz_style.available()["matplotlib"]
    _start_backend()
    with style.context(["arviz-variat", smaller]):
        yield


@cache
def _start_backend() -> None:
    """Start the backend of pyplot, once in a process, as its first figure would do.

    A notebook's backend turns the interactive mode on when it starts. Within a style's context, which brings every
    setting back at its end, that would be undone, and the notebook would show no further figure.
    """
    import matplotlib
    from matplotlib import pyplot

    pyplot.switch_backend(matplotlib.get_backend())
