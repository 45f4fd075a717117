"""Problems of many structures, and plain numpy densities to hold the kernels against."""

from __future__ import annotations

import numpy as np
import scipy.stats as stats

from hierbayes.engines.base import Block, Floats, Problem
from hierbayes.engines.collapsed.conditional import Conditional
from hierbayes.priors import (
    LKJ,
    POSITIVE,
    Exponential,
    Fixed,
    Flat,
    Gamma,
    HalfCauchy,
    HalfNormal,
    HalfStudentT,
    InverseGamma,
    LogNormal,
    Normal,
    Parameter,
    Prior,
    Uniform,
)

SD_PRIORS: tuple[Prior, ...] = (
    HalfStudentT(3, 2.0),
    HalfNormal(1.5),
    HalfCauchy(1.0),
    Exponential(0.7),
    Gamma(2.0, 1.0),
    InverseGamma(3.0, 2.0),
    LogNormal(0.1, 0.8),
    Uniform(0.0, 5.0),
    HalfStudentT(7, 1.0),
    HalfStudentT(2.5, 1.0),
    Flat(),
)


def block(rng, codes, k=1, corr=True, priors=None, n_levels=None, corr_prior=None, columns=None):
    """Return a block whose first column is constant and the others are noise."""
    n = len(codes)
    z = columns if columns is not None else np.column_stack([np.ones(n), rng.normal(size=(n, k - 1))])
    k = z.shape[1]
    priors = priors or tuple(SD_PRIORS[(int(rng.integers(100)) + i) % len(SD_PRIORS)] for i in range(k))
    if corr_prior is None and k > 1:
        corr_prior = LKJ(float(rng.uniform(0.6, 3))) if corr else Fixed(0.0)
    levels = n_levels or int(codes.max()) + 1
    return Block(z, np.asarray(codes, dtype=np.int64), levels, priors, corr_prior, np.eye(k))


def problem(rng, blocks, n, p=2, flat=True, weights=False, offset=False, sigma_prior=None):
    """Return a problem with the given blocks."""
    X = np.column_stack([np.ones(n), rng.normal(size=(n, max(p - 1, 0)))])[:, :p]
    priors = tuple(Flat() if flat is True or (flat == "mixed" and i % 2) else Normal(0.3 * i, 1.5) for i in range(p))
    return Problem(
        y=rng.normal(size=n) * 2 + 1.0,
        X=X,
        offset=rng.normal(size=n) if offset else np.zeros(n),
        weights=rng.uniform(0.3, 3.0, size=n) if weights else np.ones(n),
        beta_priors=priors,
        beta_back=np.eye(p),
        blocks=tuple(blocks),
        parameters=(Parameter("sigma", POSITIVE, sigma_prior or HalfStudentT(3, 1.0)),),
    )


def structures() -> dict[str, Problem]:
    """Return problems of one to four terms: nested, crossed, 1 to 4 columns, weights, singletons, missing cells."""
    rng = np.random.default_rng(20240607)
    n = 60
    a = np.arange(n) % 6
    fine = np.arange(n) // 3
    middle = fine // 4
    coarse = middle // 2
    uneven = np.sort(rng.integers(0, 9, size=n))
    single = np.r_[np.zeros(30, int), np.arange(1, 31)]
    keep = ~((a == 2) & (middle == 1))
    kept = int(keep.sum())
    return {
        "no groups": problem(rng, [], n),
        "intercept": problem(rng, [block(rng, a)], n),
        "correlated slope": problem(rng, [block(rng, a, 2)], n),
        "uncorrelated slope": problem(rng, [block(rng, a, 2, corr=False)], n, flat=False),
        "two bars of one factor": problem(
            rng, [block(rng, a), block(rng, a, columns=rng.normal(size=(n, 1)))], n, flat="mixed"
        ),
        "three columns": problem(rng, [block(rng, uneven, 3)], n, p=3),
        "four columns": problem(rng, [block(rng, uneven, 4)], n, p=1, weights=True),
        "unbalanced, weights, offset": problem(rng, [block(rng, uneven, 2)], n, weights=True, offset=True, flat=False),
        "singletons": problem(rng, [block(rng, single, 2)], n),
        "empty levels": problem(rng, [block(rng, a, 2, n_levels=9)], n),
        "nested": problem(rng, [block(rng, fine), block(rng, middle)], n),
        "nested thrice": problem(rng, [block(rng, coarse), block(rng, fine), block(rng, middle)], n, flat="mixed"),
        "nested slopes": problem(rng, [block(rng, fine, 2), block(rng, coarse, 3)], n, weights=True),
        "crossed": problem(rng, [block(rng, a), block(rng, uneven)], n),
        "crossed slopes": problem(rng, [block(rng, a, 2), block(rng, fine, 2)], n, p=3, flat=False),
        "missing cell": problem(
            rng, [block(rng, a[keep]), block(rng, middle[keep], 2), block(rng, fine[keep])], kept, weights=True
        ),
        "four terms": problem(
            rng,
            [block(rng, a, 2), block(rng, uneven), block(rng, fine), block(rng, coarse, 2, corr=False)],
            n,
            flat="mixed",
            offset=True,
        ),
        "fixed sds and correlation": problem(
            rng,
            [
                block(rng, a, 2, priors=(Fixed(0.7), HalfNormal(1.0)), corr_prior=Fixed(0.4)),
                block(rng, fine, priors=(Fixed(0.0),)),
            ],
            n,
        ),
        "fixed sigma": problem(rng, [block(rng, fine, 2)], n, sigma_prior=Fixed(1.3), flat=False),
        "no coefficients": problem(rng, [block(rng, uneven, 2)], n, p=0),
        "big blocks crossed": problem(rng, [block(rng, uneven, 3), block(rng, a, 3), block(rng, fine, 2)], n, p=4),
    }


def random_theta(problem: Problem, rng) -> tuple[list[Floats], list[Floats], float]:
    """Return sds, correlation matrices and sigma at random, as fixed where the priors fix them."""
    sds, corrs = [], []
    for b in problem.blocks:
        k = b.Z.shape[1]
        sd = rng.uniform(0.2, 2.5, size=k)
        sds.append(np.array([p.value if isinstance(p, Fixed) else s for p, s in zip(b.sd_priors, sd, strict=True)]))
        root = rng.normal(size=(k, k + 1))
        cov = root @ root.T
        corr = cov / np.sqrt(np.outer(np.diag(cov), np.diag(cov)))
        if isinstance(b.corr_prior, Fixed):
            corr = np.full((k, k), b.corr_prior.value)
            np.fill_diagonal(corr, 1.0)
        corrs.append(corr)
    held = problem.kernel_parameters[0].held
    sigma = float(rng.uniform(0.5, 2)) if held is None else held
    return sds, corrs, sigma


def design(problem: Problem, sds, corrs) -> tuple[Floats, Floats]:
    """Return the dense Z of all effects and their covariance."""
    n = problem.n
    z_parts, covs = [np.zeros((n, 0))], []
    for b, sd, corr in zip(problem.blocks, sds, corrs, strict=True):
        k = b.Z.shape[1]
        z = np.zeros((n, b.n_levels * k))
        for i in range(n):
            z[i, b.codes[i] * k : (b.codes[i] + 1) * k] = b.Z[i]
        z_parts.append(z)
        covs.append(np.kron(np.eye(b.n_levels), np.outer(sd, sd) * corr))
    z = np.hstack(z_parts)
    full = np.zeros((z.shape[1], z.shape[1]))
    start = 0
    for c in covs:
        full[start : start + len(c), start : start + len(c)] = c
        start += len(c)
    return z, full


def marginal(problem: Problem, sds, corrs, sigma, criterion="bayes") -> float:
    """Return log p(y | theta), beta integrated over its prior ("bayes"), flat ("reml") or at its best ("ml")."""
    z, cov = design(problem, sds, corrs)
    y = problem.y - problem.offset
    v = z @ cov @ z.T + sigma**2 * np.diag(1 / problem.weights)
    X = problem.X
    flat = np.ones(problem.p, bool)
    if criterion == "bayes":
        flat = np.array([isinstance(p, Flat) for p in problem.beta_priors], dtype=bool)
        for k in np.flatnonzero(~flat):
            v = v + problem.beta_priors[k].sigma ** 2 * np.outer(X[:, k], X[:, k])
            y = y - problem.beta_priors[k].mu * X[:, k]
    F = X[:, flat]
    vi = np.linalg.inv(v)
    info = F.T @ vi @ F
    best = np.linalg.solve(info, F.T @ vi @ y) if F.shape[1] else np.zeros(0)
    value = stats.multivariate_normal(np.zeros(problem.n), v).logpdf(y - F @ best)
    if criterion != "ml":
        value += 0.5 * F.shape[1] * np.log(2 * np.pi) - 0.5 * np.linalg.slogdet(info)[1]
    return float(value)


def conditional(problem: Problem, sds, corrs, sigma) -> tuple[Floats, Floats]:
    """Return mean and covariance of (b, beta) given y and theta; needs no sd of 0."""
    z, cov = design(problem, sds, corrs)
    V = np.hstack([z, problem.X])
    q = z.shape[1]
    precision = np.zeros((V.shape[1], V.shape[1]))
    precision[:q, :q] = np.linalg.inv(cov)
    target = np.zeros(V.shape[1])
    for k, prior in enumerate(problem.beta_priors):
        if isinstance(prior, Normal):
            precision[q + k, q + k] = prior.sigma**-2
            target[q + k] = prior.mu * prior.sigma**-2
    w = problem.weights / sigma**2
    precision += V.T @ (w[:, None] * V)
    covariance = np.linalg.inv(precision)
    return covariance @ (V.T @ (w * (problem.y - problem.offset)) + target), covariance


def prior_density(prior: Prior, s: float) -> float:
    """Return the log density of a prior of an sd, by scipy."""
    match prior:
        case HalfStudentT(nu, sigma):
            return float(stats.t(nu, scale=sigma).logpdf(s) + np.log(2))
        case HalfNormal(sigma):
            return float(stats.halfnorm(scale=sigma).logpdf(s))
        case HalfCauchy(beta):
            return float(stats.halfcauchy(scale=beta).logpdf(s))
        case Exponential(lam):
            return float(stats.expon(scale=1 / lam).logpdf(s))
        case Gamma(alpha, beta):
            return float(stats.gamma(alpha, scale=1 / beta).logpdf(s))
        case InverseGamma(alpha, beta):
            return float(stats.invgamma(alpha, scale=beta).logpdf(s))
        case LogNormal(mu, sigma):
            return float(stats.lognorm(sigma, scale=np.exp(mu)).logpdf(s))
        case Uniform(lower, upper):
            return float(stats.uniform(lower, upper - lower).logpdf(s))
    return 0.0


def lkj_density(corr: Floats, eta: float) -> float:
    """Return the log density of the LKJ distribution over the entries below the diagonal.

    The constant is that of Lewandowski, Kurowicka and Joe (2009), equation 16.
    """
    from scipy.special import betaln

    k = len(corr)
    log_constant = 0.0
    for i in range(1, k):
        shape = eta + (k - 1 - i) / 2
        log_constant += (2 * eta - 2 + k - i) * (k - i) * np.log(2) + (k - i) * betaln(shape, shape)
    return float((eta - 1) * np.linalg.slogdet(corr)[1] - log_constant)


PROBLEMS = structures()


def ways(problem):
    return [False] if len({tuple(b.codes) for b in problem.blocks}) < 2 else [False, True]


CASES = [(name, sparse) for name, problem in PROBLEMS.items() for sparse in ways(problem)]


def tape_of(problem, sparse):
    given = Conditional(problem, sparse)
    return given.tape, given.layout


def flat_lam(given, sds, corrs, sigma):
    """Return Lam = L / sigma, flat, layer by layer."""
    return given.flat([sd[:, None] * np.linalg.cholesky(corr) / sigma for sd, corr in zip(sds, corrs, strict=True)])


def evaluate(given, lam, sigma, criterion):
    moments, slope = given.empty(), np.zeros(2)
    value = given.log_likelihood(lam, sigma, criterion, moments, slope)
    return value, moments, slope[0]
