"""One category of a categorical response: its part of the posterior, and the questions that only it can answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hierbayes.design.design import Design
from hierbayes.design.stacked import term_places
from hierbayes.engines.assemble import labels_of
from hierbayes.engines.naming import posterior_coords, posterior_dims
from hierbayes.errors import ModelError

if TYPE_CHECKING:
    import xarray as xr


def refuse_several(design: Design, question: str) -> None:
    """Refuse a question that is asked of one linear predictor where a row has several.

    Raises
    ------
    ModelError
        Says how to ask it of one category.
    """
    if not design.family.has_mean:
        reference, other, *_ = design.categories
        raise ModelError(
            f"fit.{question}() asks about one linear predictor, and a categorical response has {design.predictors}, "
            f"one for each category but {reference!r}",
            f"fit.category({other!r}).{question}() asks about {other!r} against {reference!r}",
        )


def single_posterior(posterior: xr.Dataset, design: Design, single: Design, category: int) -> xr.Dataset:
    """Return the draws of one category's coefficients and effects.

    Parameters
    ----------
    posterior : Dataset
    design : Design
        Of all categories.
    single : Design
        Of this one against the reference, see `hierbayes.design.stacked.single_design`.
    category : int
        Its number less 1: from 1, for the reference is 0.
    """
    import xarray as xr

    labels = labels_of(single)
    dims, coords = posterior_dims(labels), posterior_coords(labels)
    p = len(single.coefficients)
    places = {"coef": np.arange((category - 1) * p, category * p)}
    for factor in single.factors:
        places[f"{factor}_term"] = places[f"{factor}_term2"] = term_places(design.schema, factor, category)
    found = {}
    for name, own in dims.items():
        chosen = {dim: places[dim] for dim in own if dim in places}
        values = posterior[name].transpose("chain", "draw", ...).isel(chosen)
        found[name] = (("chain", "draw", *own), values.to_numpy())
    index: dict[str, Any] = {dim: posterior[dim].to_numpy() for dim in ("chain", "draw")}
    used = {dim for own in dims.values() for dim in own}
    return xr.Dataset(found, coords=index | {dim: list(own) for dim, own in coords.items() if dim in used})
