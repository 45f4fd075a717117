"""Names for what an engine draws: the variables, dims and coordinates of a posterior."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hierbayes.engines.assemble import Labels
from hierbayes.engines.base import Expanded, Floats, Problem
from hierbayes.families.ordinal import cuts

THETA = "unconstrained theta"
"""Key of the collapsed engine's theta among the draws; a variable of a PyMC model may well be called theta."""


def posterior_dims(labels: Labels) -> dict[str, tuple[str, ...]]:
    """Return the names of the posterior's variables with their dims, chain and draw left out."""
    dims: dict[str, tuple[str, ...]] = {"beta": ("coef",)} if labels.coefficients else {}
    dims |= dict.fromkeys(labels.parameters, ())
    dims |= {"threshold": ("threshold_dim",)} if labels.thresholds else {}
    for factor, members in labels.grouped.items():
        dims[f"sd_{factor}"] = (f"{factor}_term",)
        if any(len(labels.terms[i]) > 1 for i in members):
            dims[f"corr_{factor}"] = (f"{factor}_term", f"{factor}_term2")
        dims[f"b_{factor}"] = (factor, f"{factor}_term")
    return dims


def posterior_coords(labels: Labels) -> dict[str, list[str]]:
    """Return the coordinates of the posterior's dims."""
    coords = {"coef": list(labels.coefficients)}
    coords |= {"threshold_dim": list(labels.thresholds)} if labels.thresholds else {}
    for factor, members in labels.grouped.items():
        terms = [term for i in members for term in labels.terms[i]]
        coords[factor] = list(labels.levels[members[0]])
        coords[f"{factor}_term"] = terms
        coords[f"{factor}_term2"] = terms
    return coords


def tree_name(name: str) -> str:
    """Return a name without the slash: to a DataTree it is a path, and PyMC refuses it. `run_tree.true_name` undoes it.

    Examples
    --------
    >>> tree_name("b_Subject"), tree_name("b_site/plot"), tree_name("50%")
    ('b_Subject', 'b_site%2Fplot', '50%')
    """
    if "/" in name or "%2F" in name or "%25" in name:
        return name.replace("%", "%25").replace("/", "%2F")
    return name


def as_given(problem: Problem, labels: Labels, drawn: Expanded, chains: int) -> dict[str, Floats]:
    """Return draws in internal coordinates as named arrays (chain, draw, ...) for the columns as given."""
    found = problem.named(drawn.sigma, drawn.aux)
    if labels.coefficients:
        found["beta"] = drawn.beta @ problem.beta_back.T
    if labels.thresholds:
        found["threshold"] = thresholds(labels, drawn.aux, found.get("beta"))
    for factor, members in labels.grouped.items():
        sds, effects = [], []
        total = sum(len(labels.terms[i]) for i in members)
        corr = np.full((len(drawn.sigma), total, total), np.nan)
        corr[:, np.arange(total), np.arange(total)] = 1.0
        start = 0
        for i in members:
            sd, own = moved(problem.blocks[i].back, drawn.sds[i], drawn.corrs[i])
            stop = start + sd.shape[1]
            corr[:, start:stop, start:stop] = own
            sds.append(sd)
            effects.append(_back(drawn.b[i], problem.blocks[i].back))
            start = stop
        found[f"sd_{factor}"] = np.concatenate(sds, axis=1)
        found[f"b_{factor}"] = effects[0] if len(effects) == 1 else np.concatenate(effects, axis=2)
        if any(len(labels.terms[i]) > 1 for i in members):
            found[f"corr_{factor}"] = corr
    return {name: values.reshape(chains, -1, *values.shape[1:]) for name, values in found.items()}


def thresholds(labels: Labels, gaps: Sequence[Floats], beta: Floats | None) -> Floats:
    """Return the thresholds of a predictor without its intercept, ``c_k - Intercept``, one row a draw.

    A model without an intercept has the thresholds c_k themselves, the first of them 0.
    """
    found = np.stack(list(np.broadcast_arrays(*cuts(gaps))), axis=-1)
    if beta is None or "Intercept" not in labels.coefficients:
        return found
    return np.asarray(found - beta[:, labels.coefficients.index("Intercept"), None])


def moved(back: Floats, sd: Floats, corr: Floats) -> tuple[Floats, Floats]:
    """Return sds and correlations of ``back @ b``, one a draw: ``Sigma = A Sigma_c A'``; NaN beside an sd of 0."""
    if np.array_equal(back, np.eye(len(back))):
        return sd, corr
    covariance = back @ (sd[:, :, None] * corr * sd[:, None, :]) @ back.T
    own = np.sqrt(np.maximum(np.diagonal(covariance, axis1=1, axis2=2), 0.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        moved_corr = covariance / (own[:, :, None] * own[:, None, :])
    diagonal = np.arange(len(back))
    moved_corr[:, diagonal, diagonal] = 1.0
    return own, moved_corr


def _back(effects: Floats, back: Floats) -> Floats:
    return effects if np.array_equal(back, np.eye(len(back))) else effects @ back.T
