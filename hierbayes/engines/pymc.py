"""The PyMC model of a problem: readable, extensible, and the oracle that the faster engines are tested against."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hierbayes.engines.assemble import Labels
from hierbayes.engines.base import Block, Floats, Problem
from hierbayes.engines.naming import tree_name
from hierbayes.priors import Custom, Fixed, Parameter, Prior
from hierbayes.priors.prior import shared_parameters

if TYPE_CHECKING:
    import pymc

CENTRED_FROM = 10.0
"""Ratio of mean squares, between levels to within, from which a term is written in its centred form."""


def centred(block: Block, left: Floats, weights: Floats) -> bool:
    """Say whether a term is sampled as ``b`` (centred) rather than as ``v``, ``b = L v`` (non-centred).

    Centred when the data say clearly where each level lies: when for every column the mean square between levels is at
    least `CENTRED_FROM` times that within, an analysis of variance of `left`, what least squares on the population
    columns leaves of the response. Then ``v`` would have to follow every move of the sds. Otherwise the sd may be near
    0 and the prior decides where the effects lie, and it is ``b`` that would have to follow. A term with a fixed sd is
    always non-centred, so that an sd of 0 stays possible.

    Parameters
    ----------
    block : Block
    left : array, shape (n,)
    weights : array, shape (n,)
        Both by linear predictors, of which a row may have several.
    """
    if any(isinstance(prior, Fixed) for prior in block.sd_priors):
        return False
    return bool(mean_squares(block, left, weights).min() >= CENTRED_FROM)


def mean_squares(block: Block, left: Floats, weights: Floats) -> Floats:
    """Return for each column of a term the mean square between levels over that within; 0 where rows do not tell."""
    Z, codes, J, k = block.Z, block.codes, block.n_levels, block.Z.shape[1]
    gram, cross = np.empty((J, k, k)), np.empty((J, k))
    for i in range(k):
        cross[:, i] = np.bincount(codes, weights * Z[:, i] * left, J)
        for j in range(k):
            gram[:, i, j] = np.bincount(codes, weights * Z[:, i] * Z[:, j], J)
    inverse = np.linalg.pinv(gram, hermitian=True)
    own = np.einsum("jkl,jl->jk", inverse, cross)
    spread = np.diagonal(inverse, axis1=1, axis2=2)
    information = np.divide(1, spread, out=np.zeros((J, k)), where=spread > 0)
    within = float(np.sum(weights * (left - np.sum(Z * own[codes], axis=1)) ** 2)) / max(len(codes) - J * k, 1)
    total = information.sum(axis=0)
    if len(codes) <= J * k or within <= 0 or np.any(total <= 0):
        return np.zeros(k)
    middle = np.sum(information * own, axis=0) / total
    return np.asarray(np.sum(information * (own - middle) ** 2, axis=0) / (J - 1) / within)


def left_over(problem: Problem) -> Floats:
    """Return what weighted least squares on the population columns leaves of the working response."""
    y: Floats = problem.likelihood.working_response(problem.y, problem.trials) - problem.offset
    root = np.sqrt(row_weights(problem))
    if not problem.p:
        return y
    beta, *_ = np.linalg.lstsq(problem.X * root[:, None], y * root, rcond=None)
    return np.asarray(y - problem.X @ beta)


def row_weights(problem: Problem) -> Floats:
    """Return how much the predictors weigh in that judgement: the rows' weights, times any trials."""
    weights = np.repeat(problem.weights, problem.likelihood.predictors)
    return np.asarray(weights if problem.trials is None else weights * problem.trials)


def build_pymc(problem: Problem, labels: Labels) -> pymc.Model:
    """Return the model as a `pymc.Model`.

    Its variables are ``beta`` (dim ``coef``), ``sigma`` and the other parameters of the family and, for each grouping
    factor g, ``sd_g`` (dim ``g_term``), ``corr_g`` (dims ``g_term``, ``g_term2``) where the factor has correlated
    terms, and ``b_g`` (dims ``g``, ``g_term``), all for the columns as given. Where columns are centred, the sampled
    variables carry ``_centred`` in their names and those of the list above follow from them; ``sd_g_contrasts`` (dim
    ``g_column``) are those of columns that do not depend on how factors are coded. ``eta`` is the linear
    predictor of the rows on the scale of the link, a tensor to build upon that is not among the draws (for
    ``categorical`` those of each row end to end). ``v_g`` are the spherical effects of a non-centred term,
    ``b_g_sampled`` the effects of a centred one (see `centred`) in internal coordinates, and ``chol_corr_g`` the
    Cholesky factor of a correlation matrix.
    """
    import pymc as pm

    left, rows = left_over(problem), row_weights(problem)
    with pm.Model(coords=_coords(problem, labels)) as model:
        eta: Any = _data("offset", problem.offset) if np.any(problem.offset) else 0.0
        if problem.p:
            eta = eta + _beta(problem, labels)
        for factor, members in labels.grouped.items():
            blocks, terms = [problem.blocks[i] for i in members], [labels.terms[i] for i in members]
            eta = eta + _factor(factor, blocks, terms, [centred(block, left, rows) for block in blocks])
        own = {parameter.name: _parameter(parameter) for parameter in problem.parameters}
        if labels.thresholds:
            _thresholds(labels, list(own.values()))
        weights = _data("weights", problem.weights) if np.any(problem.weights != 1) else None
        trials = None if problem.trials is None else _data("trials", problem.trials.astype(np.int64))
        y = _data("y_data", problem.y.astype(np.int64) if problem.likelihood.whole else problem.y)
        problem.likelihood.observe(_unused(tree_name(labels.response), "response_"), eta, own, y, weights, trials)
        eta.name = _unused("eta", "linear_")
        # not a Deterministic, of which every draw would be kept: n numbers each
        model.add_named_variable(eta)
    return model


def _data(name: str, values: Any) -> Any:
    import pymc as pm

    return pm.Data(_unused(name, "data_"), values)


def _unused(name: str, prefix: str) -> str:
    """Return the name, with prefixes until no variable or dim of the model bears it."""
    import pymc as pm

    model = pm.modelcontext(None)
    while name in model.named_vars or name in model.coords:
        name = f"{prefix}{name}"
    return name


def _coords(problem: Problem, labels: Labels) -> dict[str, Sequence[str]]:
    coords: dict[str, Sequence[str]] = {"coef": labels.coefficients}
    coords |= {"threshold_dim": labels.thresholds} if labels.thresholds else {}
    for factor, members in labels.grouped.items():
        terms = [term for i in members for term in labels.terms[i]]
        coords[factor] = labels.levels[members[0]]
        coords[f"{factor}_term"] = terms
        if any(len(labels.terms[i]) > 1 for i in members):
            coords[f"{factor}_term2"] = terms
        if any(problem.blocks[i].columns for i in members):
            named = [name for i in members for name in problem.blocks[i].columns or labels.terms[i]]
            coords[f"{factor}_column"] = named
    return coords


def _beta(problem: Problem, labels: Labels) -> Any:
    import pymc as pm

    moved = not np.array_equal(problem.beta_back, np.eye(problem.p))
    name = "beta_centred" if moved else "beta"
    beta = _vector(name, problem.beta_priors, labels.coefficients, "coef")
    if moved:
        pm.Deterministic("beta", pm.math.dot(problem.beta_back, beta), dims="coef")
    return pm.math.dot(_data("X", problem.X), beta)


def _factor(factor: str, blocks: list[Block], terms: list[tuple[str, ...]], centres: list[bool]) -> Any:
    """Add the effects of one grouping factor, and return their share of the linear predictor."""
    import pymc as pm
    import pytensor.tensor as pt

    moved = any(not np.array_equal(block.back, np.eye(len(block.back))) for block in blocks)
    others = any(block.columns for block in blocks)
    suffix = "_contrasts" if others else "_centred" if moved else ""
    names = [name for block, own in zip(blocks, terms, strict=True) for name in (block.columns or own)]
    dim = f"{factor}_column" if others else f"{factor}_term"
    sd = _vector(f"sd_{factor}{suffix}", [p for b in blocks for p in b.sd_priors], names, dim)
    eta: Any = 0.0
    effects, covariances, start = [], [], 0
    codes = _data(f"{factor}_codes", blocks[0].codes)
    for i, block in enumerate(blocks):
        k = block.Z.shape[1]
        label = factor if len(blocks) == 1 else f"{factor}_{i + 1}"
        L = _cholesky(label, block, sd[start : start + k])
        b = _effects(label, block, L, centres[i])
        eta = eta + (b[codes] * _data(f"Z_{label}", block.Z)).sum(axis=-1)
        effects.append(pt.dot(b, block.back.T) if moved else b)
        back_L = pt.dot(block.back, L) if moved else L
        covariances.append(pt.dot(back_L, back_L.T))
        start += k
    pm.Deterministic(f"b_{factor}", pt.concatenate(effects, axis=1), dims=(factor, f"{factor}_term"))
    if moved:
        scales = pt.concatenate([pt.sqrt(pt.diag(S)) for S in covariances])
        pm.Deterministic(f"sd_{factor}", scales, dims=f"{factor}_term")
    if any(block.Z.shape[1] > 1 for block in blocks):
        corr = _full_corr(covariances, blocks)
        pm.Deterministic(f"corr_{factor}", corr, dims=(f"{factor}_term", f"{factor}_term2"))
    return eta


def _cholesky(label: str, block: Block, sd: Any) -> Any:
    """Return ``L = diag(sd) chol(corr)`` of one term."""
    import pytensor.tensor as pt

    if block.corr_prior is None:
        return pt.diag(sd)
    return sd[:, None] * block.corr_prior.factor_in_pymc(f"chol_corr_{label}", block.Z.shape[1])


def _effects(label: str, block: Block, L: Any, as_given: bool) -> Any:
    import pymc as pm
    import pytensor.tensor as pt

    k = block.Z.shape[1]
    shape: Any = {"shape": (block.n_levels, k)}
    if not as_given:
        return pt.dot(pm.Normal(f"v_{label}", 0, 1, **shape), L.T)
    if k == 1:
        return pm.Normal(f"b_{label}_sampled", 0, L[0, 0], **shape)
    return pm.MvNormal(f"b_{label}_sampled", np.zeros(k), chol=L, **shape)


def _full_corr(covariances: list[Any], blocks: list[Block]) -> Any:
    import pytensor.tensor as pt

    total = sum(block.Z.shape[1] for block in blocks)
    full: Any = pt.as_tensor(np.where(np.eye(total, dtype=bool), 1.0, np.nan))
    start = 0
    for S, block in zip(covariances, blocks, strict=True):
        stop = start + block.Z.shape[1]
        scale = pt.sqrt(pt.diag(S))
        if stop - start > 1:
            full = pt.set_subtensor(full[start:stop, start:stop], S / scale[:, None] / scale[None, :])
        start = stop
    return full


def _vector(name: str, priors: Sequence[Prior], terms: Sequence[str], dim: str) -> Any:
    """Return one vector variable where all priors are of one kind, else a variable for each entry, stacked."""
    import pymc as pm
    import pytensor.tensor as pt

    sd = name.startswith("sd_")
    if isinstance(priors[0], Custom) and len(set(priors)) == 1:
        return priors[0].in_pymc(name, dims=dim)
    shared = shared_parameters(priors)
    if shared is not None:
        return priors[0].in_pymc(name, sd, **shared, dims=dim)
    entries = [p.in_pymc(tree_name(f"{name}[{term}]"), sd) for term, p in zip(terms, priors, strict=True)]
    return pm.Deterministic(name, pt.stack(entries), dims=dim)


def _parameter(parameter: Parameter) -> Any:
    """Return a parameter of the family; one that is fixed is a named constant, so that it is among the draws."""
    import pymc as pm

    found = parameter.prior.in_pymc(parameter.name)
    return found if parameter.held is None else pm.Deterministic(parameter.name, found)


def _thresholds(labels: Labels, gaps: list[Any]) -> None:
    """Add the thresholds of a predictor without its intercept, see `naming.thresholds`."""
    import pymc as pm
    import pytensor.tensor as pt

    found = pt.stack([pt.as_tensor(np.float64(0.0)), *itertools.accumulate(gaps)])
    if "Intercept" in labels.coefficients:
        found = found - pm.modelcontext(None)["beta"][labels.coefficients.index("Intercept")]
    pm.Deterministic("threshold", found, dims="threshold_dim")
