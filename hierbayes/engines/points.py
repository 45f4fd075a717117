"""The density at one point given by names: what a teacher types to numbers in internal coordinates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from hierbayes.engines.assemble import Labels
from hierbayes.engines.base import Block, Floats, Problem
from hierbayes.engines.naming import moved
from hierbayes.errors import ModelError
from hierbayes.priors import Fixed, Prior


def density_at(
    problem: Problem,
    labels: Labels,
    sd: Any,
    corr: Any,
    sigma: Any,
    beta: Any,
    b: Any,
    parameters: Mapping[str, Any] | None = None,
) -> float:
    """Return the log density at a point for the columns as given; see `hierbayes.Model.log_density`."""
    numbers = _parameters(problem, sigma, parameters or {})
    if (beta is None and problem.p > 0) != (b is None and bool(problem.blocks)) and problem.p and problem.blocks:
        raise ModelError("give both beta and b, or neither: they are integrated out together")
    sds, corrs, log_jacobian = _internal(problem, _by_block(labels, "sd", sd, 1), _corrs(problem, labels, corr))
    if _outside(problem, sds, numbers):
        return -math.inf
    if beta is None and b is None:
        return _collapsed(problem, sds, corrs, numbers.get("sigma", 1.0)) + log_jacobian
    if any(np.any(sd == 0) for sd in sds):
        raise ModelError("where an sd is 0, b has no density", "leave beta and b out")
    from hierbayes.engines.density import joint_log_density

    coefficients = np.linalg.solve(problem.beta_back, _shaped("beta", beta, (problem.p,))) if problem.p else np.zeros(0)
    effects = tuple(
        _shaped(f"b of {factor!r}", own, (block.n_levels, block.Z.shape[1])) @ np.linalg.inv(block.back).T
        for factor, block, own in zip(labels.factors, problem.blocks, _by_block(labels, "b", b, 2), strict=True)
    )
    for block in problem.blocks:
        log_jacobian -= block.n_levels * float(np.linalg.slogdet(block.back)[1])
    return joint_log_density(problem, sds, corrs, numbers, coefficients, effects) + log_jacobian


def _parameters(problem: Problem, sigma: Any, given: Mapping[str, Any]) -> dict[str, float]:
    """Return the family's parameters, each checked; one that is held and left out has its number."""
    names = [own.name for own in problem.parameters]
    if sigma is not None and "sigma" not in names:
        raise ModelError(f"the {problem.family} family has no sigma", "leave it out")
    unknown = [name for name in given if name not in names or name == "sigma"]
    if unknown:
        takes = ", ".join(names) or "none"
        raise ModelError(f"the {problem.family} family has no parameter {unknown[0]!r}", f"its parameters: {takes}")
    found = {}
    for own in problem.parameters:
        value = sigma if own.name == "sigma" else given.get(own.name)
        if value is None and own.held is None:
            needs = "give the residual sd: " if own.name == "sigma" else f"the {problem.family} family needs it: "
            raise ModelError(f"{own.name} is missing", f"{needs}{own.name}=...")
        found[own.name] = own.held if value is None and own.held is not None else _positive(own.name, value)
        _check_fixed(own.name, own.prior, found[own.name])
    return found


def _positive(name: str, given: Any) -> float:
    try:
        value = float(given)
    except (TypeError, ValueError):
        value = float("nan")
    if not (np.isfinite(value) and value > 0):
        raise ModelError(f"{name}={given!r} must be a positive number")
    return value


def _outside(problem: Problem, sds: tuple[Floats, ...], parameters: Mapping[str, float]) -> bool:
    """Say whether a number lies outside the support of its prior."""
    pairs = [(own.prior, parameters[own.name]) for own in problem.parameters]
    for block, sd in zip(problem.blocks, sds, strict=True):
        pairs += zip(block.sd_priors, sd.tolist(), strict=True)
    return any(not (p.limits[0] < number < p.limits[1] or isinstance(p, Fixed)) for p, number in pairs)


def _check_fixed(name: str, prior: Prior | None, given: Any) -> None:
    """Refuse another number than the one that a prior fixes."""
    if not isinstance(prior, Fixed):
        return
    given = np.asarray(given)
    wanted = prior.matrix(len(given)) if given.ndim == 2 else np.asarray(prior.value)
    if not np.allclose(given, wanted, rtol=1e-9, atol=0):
        raise ModelError(f"{name}={given.tolist()} is not what the model fixes it at: {prior.value}")


def _collapsed(problem: Problem, sds: tuple[Floats, ...], corrs: tuple[Floats, ...], sigma: float) -> float:
    from hierbayes.engines.collapsed.engine import CollapsedEngine, refusal
    from hierbayes.engines.theta import Theta

    refused = refusal(problem)
    if refused is not None:
        raise ModelError(f"beta and b cannot be integrated out: {refused}", "give beta and b")
    factors = tuple(np.linalg.cholesky(corr) for corr in corrs)
    return CollapsedEngine(problem).log_density(Theta(sds, factors, sigma))


def _internal(
    problem: Problem, sds: list[Any], corrs: list[Floats]
) -> tuple[tuple[Floats, ...], tuple[Floats, ...], float]:
    """Return sds and correlations of the internal columns, and the log Jacobian.

    The covariances are tied by a matrix A: ``Sigma = A Sigma_c A'``, ``|d Sigma / d Sigma_c| = |det A|^(k + 1)``, and
    ``|d Sigma / d (sd, corr)| = 2^k prod sd_i^k``.
    """
    own_sds, own_corrs, log_jacobian = [], [], 0.0
    for i, (block, given, corr) in enumerate(zip(problem.blocks, sds, corrs, strict=True)):
        k = block.Z.shape[1]
        sd = _shaped(f"sd of term {i + 1}", given, (k,))
        for number, prior in zip(sd, block.sd_priors, strict=True):
            _check_fixed("sd", prior, number)
            if not (np.isfinite(number) and (number > 0 or isinstance(prior, Fixed))):
                raise ModelError(f"sd={sd.tolist()} must be positive")
        if np.array_equal(block.back, np.eye(k)):
            centred_sd, centred_corr = sd, corr
        else:
            found = moved(np.linalg.inv(block.back), sd[None], corr[None])
            centred_sd, centred_corr = found[0][0], found[1][0]
            log_jacobian += k * float(np.sum(np.log(sd) - np.log(centred_sd)))
            log_jacobian -= (k + 1) * float(np.linalg.slogdet(block.back)[1])
        own_sds.append(centred_sd)
        own_corrs.append(centred_corr)
    return tuple(own_sds), tuple(own_corrs), log_jacobian


def _by_block(labels: Labels, name: str, given: Any, ndim: int) -> list[Any]:
    """Cut what is given by factor into its terms' parts; the last axis runs over terms."""
    grouped = labels.grouped
    if not isinstance(given, Mapping):
        if len(grouped) > 1:
            raise ModelError(f"{name} takes a mapping with the keys {', '.join(grouped)}")
        given = {next(iter(grouped)): given} if grouped else {}
    missing = [factor for factor in grouped if factor not in given or given[factor] is None]
    if missing:
        raise ModelError(f"{name} of the grouping factor {missing[0]!r} is missing")
    parts: list[Any] = [None] * len(labels.factors)
    for factor, members in grouped.items():
        whole = np.asarray(given[factor], dtype=float)
        levels = len(labels.levels[members[0]])
        if ndim == 2 and (whole.ndim == 0 or len(whole) != levels):
            raise ModelError(f"{name} of {factor!r} has the shape {whole.shape}; it needs {levels} rows")
        whole = whole.reshape(-1) if ndim == 1 else whole.reshape(levels, -1)
        start = 0
        for i in members:
            stop = start + len(labels.terms[i])
            parts[i] = whole[..., start:stop]
            start = stop
        if start != whole.shape[-1]:
            raise ModelError(f"{name} of {factor!r} has {whole.shape[-1]} terms; the model has {start}")
    return parts


def _corrs(problem: Problem, labels: Labels, given: Any) -> list[Floats]:
    """Return the correlation matrix of each block, cut from that of its factor."""
    found: list[Floats] = [np.eye(1)] * len(problem.blocks)
    for factor, members in labels.grouped.items():
        own = given.get(factor) if isinstance(given, Mapping) else given
        start, total = 0, sum(len(labels.terms[i]) for i in members)
        for i in members:
            stop = start + len(labels.terms[i])
            if stop - start > 1:
                found[i] = _corr(problem.blocks[i], factor, own, slice(start, stop), total)
            start = stop
    return found


def _corr(block: Block, factor: str, given: Any, own: slice, total: int) -> Floats:
    k, fixed = own.stop - own.start, block.corr_prior if isinstance(block.corr_prior, Fixed) else None
    if given is None:
        if fixed is None:
            raise ModelError(f"corr of the grouping factor {factor!r} is missing")
        return fixed.matrix(k)
    matrix = _square(given, k)
    if matrix.shape == (total, total):
        matrix = matrix[own, own]
    if matrix.shape != (k, k) or not _is_correlation(matrix):
        raise ModelError(f"corr of {factor!r} is no {k} x {k} correlation matrix")
    _check_fixed("corr", fixed, matrix)
    return matrix


def _is_correlation(matrix: Floats) -> bool:
    return bool(
        np.all(np.isfinite(matrix))
        and np.allclose(np.diag(matrix), 1)
        and np.allclose(matrix, matrix.T)
        and np.linalg.eigvalsh(matrix).min() > 0
    )


def _square(given: Any, k: int) -> Floats:
    """Return a matrix; a number stands for every correlation."""
    matrix = np.asarray(given, dtype=float)
    return np.where(np.eye(k, dtype=bool), 1.0, matrix) if matrix.ndim == 0 else matrix


def _shaped(name: str, given: Any, shape: tuple[int, ...]) -> Floats:
    array = np.asarray(given, dtype=float)
    if array.shape != shape:
        raise ModelError(f"{name} has the shape {array.shape}; it must be {shape}")
    return array
