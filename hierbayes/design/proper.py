"""Whether flat priors, and data without a residual, leave a proper posterior."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hierbayes.design.design import Design
from hierbayes.design.groups import GroupBlock
from hierbayes.design.separation import open_categories, separated, telling_levels
from hierbayes.design.table import Floats, Ints
from hierbayes.design.units import lengths
from hierbayes.errors import ModelError
from hierbayes.priors import Flat, Parameter, Prior


def refuse_improper(
    beta: Sequence[Prior], sds: Sequence[Sequence[Prior]], parameters: Sequence[Parameter], design: Design
) -> None:
    """Refuse flat priors that would leave the posterior without a finite integral.

    For discrete responses the count of levels is a necessary condition, not a sufficient one: effects of several
    columns may be separated within a level.

    Parameters
    ----------
    beta : sequence of Prior, length p
    sds : sequence of sequence of Prior
        Those of each group-level term's sds.
    parameters : sequence of Parameter
        Those of the family; of an ordinal one the gaps.
    design : Design

    Raises
    ------
    ModelError
        The grouping factor is named.
    """
    flat = np.asarray([isinstance(prior, Flat) for prior in beta], dtype=bool)
    loose = [own.name for own in parameters if isinstance(own.prior, Flat)]
    gaps = [k for k, own in enumerate(parameters, start=2) if design.family.has_thresholds and own.name in loose]
    for block, own in zip(design.groups, sds, strict=True):
        flat_sds = [j for j, prior in enumerate(own) if isinstance(prior, Flat)]
        if not flat_sds:
            continue
        taken = max(_absorbed(block, j, design.X[:, flat]) for j in flat_sds)
        # for a large sd the likelihood falls as sd ** -(levels - taken), and its integral is finite from 2 on;
        # k sds that grow together need one level more each
        needed = len(block.terms) + 1 + taken + len(gaps)
        told = telling_levels(block, design, wide=bool(gaps))
        if told < needed:
            which = "" if told == block.n_levels else " whose responses are not all on one bound"
            which = " with more than one category" if gaps and which else which
            raise ModelError(
                f"a flat prior on the sds of {block.factor!r} gives an improper posterior: it has {told} "
                f"levels{which} and would need {needed}, for flat population-level coefficients take up {taken} of "
                "them" + (f" and flat gaps {len(gaps)}" if gaps else ""),
                "use a proper prior, such as the default",
            )
    if flat.any() and design.n <= len(design.coefficients) + int("sigma" in loose):
        raise ModelError(
            "flat priors with as many coefficients as rows give an improper posterior", "use the default priors"
        )
    if flat.any() and separated(design, design.X[:, flat]):
        raise ModelError(
            "flat priors on the population-level coefficients give an improper posterior: a combination of the "
            f"predictors foretells the bounds of {design.response!r} without an error (separation)",
            "use proper priors, such as the default",
        )
    if open_categories(design, design.X[:, flat], gaps):
        raise ModelError(
            f"flat priors on {', '.join(f'gap_{k}' for k in gaps)} give an improper posterior: the data let the gaps "
            "grow without bound, as with no row in the highest category",
            "use proper priors, such as the default",
        )


_EXACT = 1e-12


def refuse_exact(sigma: Prior, design: Design) -> None:
    """Refuse data that the model fits exactly: sigma then goes to 0, where the likelihood has no bound.

    Looked at are the population-level columns alone, and beside the group-level terms of each grouping factor.

    Parameters
    ----------
    sigma : Prior
        Under a prior without density at 0, such as InverseGamma, or if it is fixed, the posterior is proper.
    design : Design

    Raises
    ------
    ModelError
        Says what explains the response.
    """
    if not sigma.reaches_zero:
        return
    y = design.y - design.offset
    least = _EXACT * float(np.linalg.norm(y - y.mean()))
    if design.n > len(design.coefficients) and _explained(y, design.X, least):
        raise _exact("the predictors explain")
    for factor in design.factors:
        blocks = design.blocks(factor)
        Z, codes = np.hstack([block.Z for block in blocks]), blocks[0].codes
        if _explained_beside(y, design.X, Z, codes, blocks[0].n_levels, least):
            terms = "levels" if Z.shape[1] == 1 and blocks[0].intercept else "group-level terms"
            raise _exact(f"the {terms} of {factor!r} explain")


def _explained_beside(y: Floats, X: Floats, Z: Floats, codes: Ints, levels: int, least: float) -> bool:
    """Say whether the columns of X explain what the columns of Z leave of y, level by level."""
    sizes = np.bincount(codes, minlength=levels)
    spare = np.maximum(sizes - Z.shape[1], 0)
    p = X.shape[1]
    if spare.sum() <= p:
        return False
    # the largest levels tell almost always: what is not explained there is not explained
    largest = np.argsort(-sizes, kind="stable")
    few = int(np.searchsorted(np.cumsum(spare[largest]), p + 10)) + 1
    for some in (largest[:few], largest):
        chosen = np.zeros(levels, dtype=bool)
        chosen[some] = True
        rows = chosen[codes]
        number = np.cumsum(chosen) - 1
        left = _within(np.column_stack([y, X])[rows], Z[rows], number[codes[rows]], int(chosen.sum()))
        if not _explained(left[:, 0], left[:, 1:], least):
            return False
    return True


def _explained(y: Floats, X: Floats, least: float) -> bool:
    """Say whether the columns explain y; what they do not explain in some rows they do not explain in all."""
    some = np.linspace(0, len(y) - 1, min(len(y), 4 * X.shape[1] + 40)).astype(np.int64)
    return _left(y[some], X[some]) <= least and _left(y, X) <= least


def _left(y: Floats, X: Floats) -> float:
    """Return the length of what the columns leave of y by least squares."""
    length = lengths(X)
    scaled = X[:, length > 0] / length[length > 0]
    if scaled.shape[1] == 0:
        return float(np.linalg.norm(y))
    return float(np.linalg.norm(y - scaled @ np.linalg.lstsq(scaled, y, rcond=1e-10)[0]))


def _within(columns: Floats, Z: Floats, codes: Ints, levels: int) -> Floats:
    """Return what least squares on the columns of Z, level by level, leaves of other columns."""
    k = Z.shape[1]
    scaled = Z / np.maximum(lengths(Z), 1e-300)
    gram = np.empty((levels, k, k))
    for i in range(k):
        for j in range(k):
            gram[:, i, j] = np.bincount(codes, scaled[:, i] * scaled[:, j], levels)
    inverse = np.linalg.pinv(gram, rcond=1e-12, hermitian=True)
    left = columns.copy()
    # the second time takes away what rounding left the first time
    for _ in range(2):
        for column in left.T:
            cross = np.stack([np.bincount(codes, own * column, levels) for own in scaled.T], axis=1)
            column -= np.sum(scaled * np.einsum("jkl,jl->jk", inverse, cross)[codes], axis=1)
    # what rounding leaves of a column that is constant in every level must not count as variation
    return np.where(np.abs(left) <= 1e-12 * np.abs(columns).max(axis=0, initial=0), 0.0, left)


def _exact(what: str) -> ModelError:
    return ModelError(
        f"{what} the response exactly, so that nothing is left for sigma and its posterior is improper",
        "look for a predictor that holds the response, or fix sigma: priors={'sigma': hb.Fixed(...)}",
    )


def _absorbed(block: GroupBlock, j: int, X: Floats) -> int:
    """Return how many combinations of the columns of X lie in the span of column j of a term, level by level."""
    if X.shape[1] == 0:
        return 0
    z = block.Z[:, j]
    power = np.bincount(block.codes, z**2, block.n_levels)
    scaled = X / lengths(X)
    left = np.empty_like(scaled)
    for k, x in enumerate(scaled.T):
        slope = np.bincount(block.codes, z * x, block.n_levels) / np.where(power > 0, power, 1.0)
        left[:, k] = x - z * slope[block.codes]
    return int(X.shape[1] - np.linalg.matrix_rank(left, tol=1e-7))
