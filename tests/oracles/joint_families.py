"""The joint log density of every compiled family, by scipy, from the families' definitions; see `joint`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from oracles import joint
from scipy import special, stats


@dataclass(frozen=True)
class FamilyPoint(joint.Point):
    """Values of all parameters; `aux` are the family's own, in its order, but sigma."""

    aux: tuple[float, ...] = ()


def log_joint(problem, point):
    """Return log p(y, beta, sd, corr, sigma, aux, b), no transform and so no Jacobian."""
    total = sum(joint.log_prior(prior, x) for prior, x in zip(problem.beta_priors, point.beta, strict=True))
    numbers = zip(problem.kernel_parameters, (point.sigma, *point.aux), strict=True)
    total += sum(joint.log_prior(own.prior, x) for own, x in numbers)
    eta = problem.offset + problem.X @ point.beta
    for block, sd, corr, b in zip(problem.blocks, point.sd, point.corr, point.b, strict=True):
        total += sum(joint.log_prior(prior, x) for prior, x in zip(block.sd_priors, sd, strict=True))
        total += joint.log_corr_prior(block.corr_prior, corr)
        total += stats.multivariate_normal(np.zeros(len(sd)), np.outer(sd, sd) * corr).logpdf(b).sum()
        eta = eta + np.array([block.Z[i] @ b[code] for i, code in enumerate(block.codes)])
    return total + log_likelihood(problem, eta, point.sigma, point.aux)


def log_likelihood(problem, eta, sigma, aux):
    """Return log p(y | eta)."""
    y, w = problem.y, problem.weights
    if problem.family == "gaussian":
        return stats.norm(eta, sigma / np.sqrt(w)).logpdf(y).sum()
    return float(np.sum(w * _rows(problem, y, eta, sigma, aux)))


def _rows(problem, y, eta, sigma, aux):
    # the logarithm of a share of nearly 1 is as exact as that of the rest
    log_share = {"logit": special.log_expit, "probit": special.log_ndtr}.get(problem.link)
    match problem.family:
        case "lognormal":
            return stats.lognorm(sigma, scale=np.exp(eta)).logpdf(y)
        case "student_t":
            return stats.t(aux[0], eta, sigma).logpdf(y)
        case "bernoulli":
            return log_share(np.where(y == 1, eta, -eta))
        case "binomial":
            ways = -np.log(problem.trials + 1) - special.betaln(y + 1, problem.trials - y + 1)
            return ways + y * log_share(eta) + (problem.trials - y) * log_share(-eta)
        case "poisson":
            return stats.poisson(np.exp(eta)).logpmf(y)
        case "negative_binomial":
            ways = special.gammaln(y + aux[0]) - special.gammaln(aux[0]) - special.gammaln(y + 1)
            return ways - aux[0] * np.log1p(np.exp(eta) / aux[0]) + y * (eta - np.logaddexp(eta, np.log(aux[0])))
        case "gamma":
            return stats.gamma(aux[0], scale=np.exp(eta) / aux[0]).logpdf(y)
        case "ordinal":
            edges = np.concatenate([[-np.inf, 0.0], np.cumsum(aux), [np.inf]])
            law = {"logit": stats.logistic, "probit": stats.norm}[problem.link]
            low, high = edges[y.astype(int) - 1] - eta, edges[y.astype(int)] - eta
            # on the side of the smaller tail
            return np.log(np.where(low > 0, law.sf(low) - law.sf(high), law.cdf(high) - law.cdf(low)))
        case "categorical":
            whole = np.insert(eta.reshape(-1, problem.categories - 1), 0, 0.0, axis=1)
            return special.log_softmax(whole, axis=1)[np.arange(len(y)), y.astype(int) - 1]
    raise TypeError(problem.family)
