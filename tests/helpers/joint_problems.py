"""Problems of every compiled family and many structures, and points to evaluate them at."""

from __future__ import annotations

from dataclasses import replace

import collapsed_problems as gaussian
import numpy as np
from oracles.joint_families import FamilyPoint
from scipy import special

from hierbayes.engines.theta import Theta
from hierbayes.families import family as by_name
from hierbayes.priors import LKJ, POSITIVE, Gamma, HalfStudentT, Normal, Parameter

FAMILIES = (
    by_name("gaussian(identity)"),
    by_name("lognormal(identity)"),
    by_name("student_t(identity)"),
    by_name("bernoulli(logit)"),
    by_name("bernoulli(probit)"),
    by_name("binomial(logit)"),
    by_name("binomial(probit)"),
    by_name("poisson(log)"),
    by_name("negative_binomial(log)"),
    by_name("gamma(log)"),
    by_name("ordinal(logit)", 5),
    by_name("ordinal(probit)", 4),
    by_name("categorical(logit)", 3),
)
STRUCTURES = (
    "no groups",
    "intercept",
    "unbalanced, weights, offset",
    "three columns",
    "singletons",
    "empty levels",
    "nested slopes",
    "crossed slopes",
    "missing cell",
    "four terms",
)


def problem_of(family, structure, seed=0):
    """Return a Gaussian structure with the response, priors and trials of another family."""
    return of_family(family, gaussian.PROBLEMS[structure], seed)


def of_family(family, base, seed=0):
    """Return a Gaussian problem with the response, priors and trials of another family."""
    if family.unordered:
        base = of_several_predictors(base, family.predictors)
    rng = np.random.default_rng(seed)
    eta = 0.3 + base.X @ rng.normal(scale=0.4, size=base.p) + base.offset
    for block in base.blocks:
        effects = rng.normal(scale=0.5, size=(block.n_levels, block.Z.shape[1]))
        eta = eta + np.sum(block.Z * effects[block.codes], axis=1)
    trials = rng.integers(1, 9, base.n).astype(float) if family.name == "binomial" else None
    y = response(family, eta, trials, rng)
    priors = tuple(HalfStudentT(3, 2.0) if name == "nu" else Gamma(2.0, 0.3) for name in family.parameters[1:])
    if "sigma" in family.parameters:
        priors = (HalfStudentT(3, 1.0), *priors)
    else:
        priors = tuple(Gamma(2.0, 0.3) for _ in family.parameters)
    parameters = tuple(Parameter(name, POSITIVE, own) for name, own in zip(family.parameters, priors, strict=True))
    return replace(
        base, y=y, beta_priors=tuple(Normal(0.2 * i, 2.0) for i in range(base.p)),
        family=family.name, link=family.link, parameters=parameters, trials=trials, categories=family.categories,
    )  # fmt: skip


def of_several_predictors(base, S):
    """Return a problem whose rows have S predictors each, end to end; all effects of a level are correlated."""
    blocks = tuple(
        replace(
            block, Z=spread_out(block.Z, S), codes=np.repeat(block.codes, S), back=np.kron(np.eye(S), block.back),
            sd_priors=tuple(own for c in range(S) for own in block.sd_priors), corr_prior=LKJ(1.5),
        )
        for block in base.blocks
    )  # fmt: skip
    return replace(
        base, X=spread_out(base.X, S), offset=np.repeat(base.offset, S), blocks=blocks,
        beta_priors=base.beta_priors * S, beta_back=np.kron(np.eye(S), base.beta_back),
    )  # fmt: skip


def spread_out(matrix, S):
    """Return a row for each predictor of each row, which has the row's columns in the place of the predictor's own."""
    n, k = matrix.shape
    found = np.zeros((n * S, k * S))
    for i in range(n):
        for c in range(S):
            found[i * S + c, c * k : (c + 1) * k] = matrix[i]
    return found


def response(family, eta, trials, rng):
    """Return a response drawn at the predictor."""
    if family.unordered:
        shares = special.softmax(np.insert(eta.reshape(-1, family.predictors), 0, 0.0, axis=1), axis=1)
        return 1.0 + np.array([rng.choice(family.categories, p=own) for own in shares])
    share = family.inverse(eta)
    match family.name:
        case "gaussian":
            return rng.normal(eta, 0.8)
        case "lognormal":
            return np.exp(rng.normal(eta, 0.8))
        case "student_t":
            return eta + 0.7 * rng.standard_t(4, size=len(eta))
        case "bernoulli":
            return rng.binomial(1, share).astype(float)
        case "binomial":
            return rng.binomial(trials.astype(int), share).astype(float)
        case "poisson":
            return rng.poisson(share).astype(float)
        case "negative_binomial":
            return rng.negative_binomial(3, 3 / (3 + share)).astype(float)
        case "gamma":
            return rng.gamma(2.5, share / 2.5)
        case "ordinal":
            noise = rng.logistic(size=len(eta)) if family.link == "logit" else rng.normal(size=len(eta))
            return 1.0 + sum((eta + noise > cut).astype(float) for cut in (0.0, 1.2, 2.0, 4.0)[: family.categories - 1])
    raise TypeError(family)


def point_at_random(problem, rng):
    """Return a point as the oracle takes it, and as the engine does."""
    sds, corrs, sigma = gaussian.random_theta(problem, rng)
    b = tuple(rng.normal(scale=0.7, size=(block.n_levels, block.Z.shape[1])) for block in problem.blocks)
    beta = rng.normal(scale=0.5, size=problem.p)
    aux = tuple(float(rng.uniform(1.5, 6)) for _ in problem.kernel_parameters[1:])
    factors = tuple(np.linalg.cholesky(corr) for corr in corrs)
    return FamilyPoint(beta, sigma, tuple(sds), tuple(corrs), b, aux), Theta(tuple(sds), factors, sigma, aux)
