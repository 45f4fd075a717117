"""Priors of hierbayes as `bambi.Prior`, where Bambi can say them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hierbayes.design.design import Design
from hierbayes.design.scaling import ResolvedPriors
from hierbayes.design.table import Floats
from hierbayes.priors import Flat, Normal, Prior
from hierbayes.priors.prior import shared_parameters


def as_bambi_priors(
    model: Any, design: Design, priors: ResolvedPriors, population: Floats, groups: dict[str, Floats]
) -> dict[str, Any]:
    """Return Bambi's priors by Bambi's names, for the terms whose columns are the same here.

    Parameters
    ----------
    model : bambi.Model
    design : Design
    priors : ResolvedPriors
    population : array, shape (q, p)
        From hierbayes' coefficients to Bambi's.
    groups : dict of str to array
        The same for the terms of each grouping factor.

    Returns
    -------
    dict
        A term that is coded otherwise, or whose prior Bambi has not (that of a correlated term refers to the mean of
        its columns), is left out: Bambi has its own default for it.
    """
    parent = parent_of(model)
    common = [*([parent.intercept_term] if parent.intercept_term else []), *parent.common_terms.values()]
    sizes = [1 if t.kind == "intercept" else int(np.reshape(t.data, (design.n, -1)).shape[1]) for t in common]
    found: dict[str, Any] = {}
    for term, own in zip(common, _cut(population, priors.beta, sizes), strict=True):
        stated = _stated(own) if all(isinstance(prior, Normal | Flat) for prior in own) else None
        if stated is not None:
            found[term.name] = stated
    for factor in design.factors:
        found |= _group_priors(parent, design, priors, factor, groups[factor])
    for parameter in priors.parameters:
        said = _stated((parameter.prior,), half=True) if parameter.held is None else parameter.held
        if said is not None:
            found[parameter.name] = said
    return found


def parent_of(model: Any) -> Any:
    """Return the parameter of a Bambi model that its formula is about: the mean or the share."""
    return model.parameters[model.family.likelihood.parent]


def _group_priors(parent: Any, design: Design, priors: ResolvedPriors, factor: str, A: Floats) -> dict[str, Any]:
    import bambi

    pairs = [(b, p) for b, p in zip(design.groups, priors.blocks, strict=True) if b.factor == factor]
    if any(own.moved for _, own in pairs):
        return {}
    every = [prior for _, own in pairs for prior in own.sd]
    name = ":".join(pairs[0][0].columns)
    terms = [t for t in parent.group_specific_terms.values() if t.term.factor.name == name]
    sizes = [int(np.reshape(t.predictor, (design.n, -1)).shape[1]) for t in terms]
    found = {}
    for term, own in zip(terms, _cut(A, every, sizes), strict=True):
        stated = _stated(own, half=True)
        if stated is not None:
            found[term.name] = bambi.Prior("Normal", mu=0, sigma=stated)
    return found


def _cut(A: Floats, own: Sequence[Prior], sizes: Sequence[int]) -> list[tuple[Prior, ...]]:
    """Return the priors of the columns of each of Bambi's terms; none for a term that has another column."""
    found, start = [], 0
    for size in sizes:
        rows = A[start : start + size]
        same = [np.flatnonzero(row == 1) for row in rows]
        plain = all(len(place) == 1 and np.count_nonzero(A[:, place[0]]) == 1 for place in same)
        plain = plain and np.count_nonzero(rows) == size
        found.append(tuple(own[place[0]] for place in same) if plain else ())
        start += size
    return found


def _stated(own: Sequence[Prior], half: bool = False) -> Any:
    """Return one `bambi.Prior` for columns whose priors are of one kind; None if there is none."""
    import bambi

    shared = shared_parameters(own)
    if shared is None:
        return None
    numbers = {name: values if len(own) > 1 else float(values[0]) for name, values in shared.items()}
    return bambi.Prior(own[0].distribution(positive=half), **numbers)
