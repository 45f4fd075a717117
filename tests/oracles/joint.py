"""The joint log density of a hierarchical model in plain numpy and scipy, written from the model's definition.

Everything is in the internal coordinates of `hierbayes.engines.base.Problem`. The density is with respect to
(sd, corr, sigma, beta, b): no transform, so no Jacobian.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from hierbayes import priors as hp


@dataclass(frozen=True)
class Point:
    """Values of all parameters: `sd`, `corr` and `b` hold one array for each block."""

    beta: np.ndarray
    sigma: float
    sd: tuple[np.ndarray, ...]
    corr: tuple[np.ndarray, ...]
    b: tuple[np.ndarray, ...]


def log_joint(problem, point):
    """Return log p(y, beta, sd, corr, sigma, b)."""
    total = sum(log_prior(prior, x) for prior, x in zip(problem.beta_priors, point.beta, strict=True))
    total += log_prior(problem.prior_of("sigma"), point.sigma)
    mean = problem.offset + problem.X @ point.beta
    for block, sd, corr, b in zip(problem.blocks, point.sd, point.corr, point.b, strict=True):
        total += sum(log_prior(prior, x) for prior, x in zip(block.sd_priors, sd, strict=True))
        total += log_corr_prior(block.corr_prior, corr)
        total += stats.multivariate_normal(np.zeros(len(sd)), np.outer(sd, sd) * corr).logpdf(b).sum()
        for i, code in enumerate(block.codes):
            mean[i] += block.Z[i] @ b[code]
    return total + stats.norm(mean, point.sigma / np.sqrt(problem.weights)).logpdf(problem.y).sum()


def log_prior(prior, x):
    """Return the log density of a prior at x; 0 for flat and fixed ones."""
    if isinstance(prior, hp.Flat | hp.Fixed):
        return 0.0
    return _distribution(prior).logpdf(x)


def _distribution(prior):
    match prior:
        case hp.Normal(mu, sigma):
            return stats.norm(mu, sigma)
        case hp.HalfNormal(sigma):
            return stats.halfnorm(scale=sigma)
        case hp.HalfStudentT(nu, sigma):
            return _HalfT(nu, sigma)
        case hp.HalfCauchy(beta):
            return stats.halfcauchy(scale=beta)
        case hp.Exponential(lam):
            return stats.expon(scale=1 / lam)
        case hp.Gamma(alpha, beta):
            return stats.gamma(alpha, scale=1 / beta)
        case hp.InverseGamma(alpha, beta):
            return stats.invgamma(alpha, scale=beta)
        case hp.LogNormal(mu, sigma):
            return stats.lognorm(sigma, scale=np.exp(mu))
        case hp.Uniform(lower, upper):
            return stats.uniform(lower, upper - lower)
    raise TypeError(prior)


@dataclass(frozen=True)
class _HalfT:
    nu: float
    scale: float

    def logpdf(self, x):
        return np.log(2) + stats.t(self.nu, scale=self.scale).logpdf(x)


def log_corr_prior(prior, corr):
    """Return the log density of a correlation matrix, normalised, with respect to its entries below the diagonal."""
    if prior is None or isinstance(prior, hp.Fixed):
        return 0.0
    d, eta = len(corr), prior.eta
    volume = sum(
        k / 2 * np.log(np.pi) + special.gammaln(eta + (d - 1 - k) / 2) - special.gammaln(eta + (d - 1) / 2)
        for k in range(1, d)
    )
    return (eta - 1) * np.linalg.slogdet(corr)[1] - volume


def log_corr_jacobian(chol):
    """Return log |d corr / d chol|, both by their entries below the diagonal; the rows of chol have length 1."""
    d = len(chol)
    return float(np.sum((d - np.arange(1, d + 1)) * np.log(np.diag(chol))))
