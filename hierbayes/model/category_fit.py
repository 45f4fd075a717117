"""One category of a categorical response against the reference: a bernoulli fit with the draws of the whole."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from hierbayes.design.scaling import BlockPriors, ResolvedPriors
from hierbayes.design.stacked import parts_of, single_design, single_schema
from hierbayes.errors import ModelError
from hierbayes.model.decomposing import Decomposing
from hierbayes.model.predicting import Predicting
from hierbayes.model.questioning import Questioning
from hierbayes.model.tabulating import Tabulating
from hierbayes.plots.accessor import HasTables
from hierbayes.plots.category_plots import CategoryPlots
from hierbayes.priors import LKJ, Custom, Fixed, Prior
from hierbayes.sampling.run import Draws
from hierbayes.sampling.tree import as_group, row_name, tree_name
from hierbayes.summaries.single_category import single_posterior

if TYPE_CHECKING:
    from hierbayes.design.design import Design
    from hierbayes.model.fitted import Fit


_OF_NEITHER = ("category", "explore", "to_bambi")
"""What neither the whole fit nor one category of it has."""


class CategoryFit(Tabulating, Predicting, Decomposing, Questioning):
    """One category of a categorical response against the reference. Made by `Fit.category`.

    Its model is bernoulli with the link logit, of the rows whose response is one of the two, and its draws are the part
    of the whole fit's that refers to this category. What scores or keeps a whole fit (`loo`, `save`, ...) is asked of
    that one.

    Attributes
    ----------
    model : Model
    """

    _whole: Fit
    _name: str

    def __reduce__(self) -> tuple[Callable[[Fit, str], CategoryFit], tuple[Fit, str]]:
        """Send the fit of all categories to another process, and ask it for this one there."""
        return category_fit, (self._whole, self._name)

    def __copy__(self) -> CategoryFit:
        return category_fit(self._whole, self._name)

    def __deepcopy__(self, memo: dict[int, Any]) -> CategoryFit:
        return category_fit(deepcopy(self._whole), self._name)

    @property
    def plot(self) -> CategoryPlots:
        """Figures of this category, without those that score the whole fit."""
        return CategoryPlots(cast("HasTables", self))

    @property
    def _of(self) -> str:
        reference, own = self.design.schema.response_levels
        return f", of {self.design.response} = {own} against {reference}"

    def __getattr__(self, name: str) -> Any:
        from hierbayes.model.fitted import Fit

        if name.startswith("_") or not hasattr(Fit, name):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        if name in _OF_NEITHER:
            raise ModelError(f"fit.category(...).{name} is not there: it is not made for categories without an order")
        raise ModelError(
            f"fit.category(...).{name} is not there: it is a question to the fit of all categories together",
            f"ask fit.{name}",
        )


def category_fit(fit: Fit, name: Any) -> CategoryFit:
    """Return the fit of one category; see `Fit.category`.

    Raises
    ------
    ModelError
        If the family is not categorical, or there is no such category.
    """
    design = fit.design
    place = _place(design, name)
    kept = np.flatnonzero((design.y == 1) | (design.y == place + 1))
    single = replace(single_design(design, place, kept), rows_given=len(kept) + design.rows_given - design.n)
    spec = replace(fit.spec, family=single.family)
    model = type(fit.model).of_parts(spec, single, _single_priors(fit.model.resolved_priors, design, place))
    found = CategoryFit(model, _single_draws(fit, single, place))
    found._whole, found._name = fit, str(name)
    return found


def _place(design: Design, name: Any) -> int:
    """Return the place of a category, from 1; the reference's is 0."""
    if design.family.has_mean:
        raise ModelError(
            f"fit.category() is for the categorical family, and this model's is {design.family.name}",
            "a fit with one linear predictor answers by itself",
        )
    others = design.categories[1:]
    if str(name) not in others:
        reference = f"{name!r} is the reference" if str(name) == design.categories[0] else f"there is no {name!r}"
        raise ModelError(
            f"{reference} among the categories of {design.response!r}", f"name one of: {', '.join(others)}"
        )
    return 1 + others.index(str(name))


def _single_priors(priors: ResolvedPriors, design: Design, place: int) -> ResolvedPriors:
    S, p = design.predictors, len(design.coefficients) // design.predictors
    own, blocks, i = slice((place - 1) * p, place * p), [], 0
    for group in single_schema(design.schema, place).groups:
        k, width = len(group.terms), parts_of(group, S)
        block = priors.blocks[i + place - 1 if group.split else i]
        part = slice(0, k) if group.split else slice((place - 1) * k, place * k)
        columns = tuple(name.removeprefix(f"{design.categories[place]}:") for name in block.columns[part])
        blocks.append(BlockPriors(block.sd[part], _single_corr(block, part), block.basis[part, part], columns))
        i += width
    return ResolvedPriors(priors.beta[own], priors.centre[own], tuple(blocks), priors.parameters, priors.user)


def _single_corr(block: BlockPriors, part: slice) -> Prior | None:
    """Return the prior of the correlations of some terms, all others integrated out.

    Of an LKJ(eta) matrix of K terms those of k are LKJ(eta + (K - k) / 2): Lewandowski, Kurowicka and Joe (2009),
    Journal of Multivariate Analysis 100, section 3.
    """
    K, k = len(block.sd), len(block.sd[part])
    if k < 2 or k == K:
        return block.corr if k > 1 else None
    if isinstance(block.corr, LKJ):
        return LKJ(block.corr.eta + (K - k) / 2)
    if isinstance(block.corr, Fixed) and not isinstance(block.corr.value, float):
        return Fixed(tuple(row[part] for row in block.corr.value[part]))
    return Custom(_of_all_categories) if isinstance(block.corr, Custom) else block.corr


def _of_all_categories(name: str, **_: Any) -> Any:
    raise ModelError(
        f"the Custom prior of the correlations of all categories tells no prior of {name}, those of one category",
        "ask the fit of all categories",
    )


def _single_draws(fit: Fit, single: Design, place: int) -> Draws:
    """Return the part of the draws that refers to one category, under the names of a model of it alone."""
    import xarray as xr

    posterior = as_group(single_posterior(fit.posterior, fit.design, single, place))
    row, name = row_name(single.response), tree_name(single.response)
    observed = xr.Dataset({name: (row, single.y)}, coords={row: np.arange(single.n)})
    stats = fit.tree["sample_stats"].to_dataset()
    groups = {"/posterior": posterior, "/sample_stats": stats, "/observed_data": observed}
    return replace(fit._draws, tree=xr.DataTree.from_dict(groups))
