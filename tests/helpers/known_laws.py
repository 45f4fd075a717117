"""scipy's distribution of a response, for every family of one predictor."""

from __future__ import annotations

import numpy as np
from scipy import stats

from hierbayes.families import Family

GAPS = {"gap_2": 0.8, "gap_3": 1.3, "gap_4": 0.5}
PARAMETERS = {"sigma": 0.7, "nu": 4.5, "alpha": 2.5, "kappa": 6.0, "shift": 0.4} | GAPS
TRIALS = 12


def inverse(link: str, eta: np.ndarray) -> np.ndarray:
    """The location, from the definitions of the links."""
    if link == "logit":
        return 1 / (1 + np.exp(-eta))
    if link == "probit":
        return stats.norm.cdf(eta)
    if link == "cloglog":
        return 1 - np.exp(-np.exp(eta))
    return np.exp(eta) if link == "log" else eta


class Cut:
    """A continuous distribution around eta, cut at thresholds into scores, from the definition."""

    def __init__(self, link: str, eta: np.ndarray, own: dict[str, float]) -> None:
        law = {"logit": stats.logistic, "probit": stats.norm}[link]
        gaps = [own[name] for name in sorted(own) if name.startswith("gap_")]
        edges = np.concatenate([[-np.inf, 0.0], np.cumsum(gaps), [np.inf]])
        self.shares = np.diff(law.cdf(edges - np.asarray(eta)[..., None]), axis=-1)
        self.scores = np.arange(1.0, len(edges))

    def logpmf(self, y: np.ndarray) -> np.ndarray:
        one = self.shares if self.shares.ndim < 3 else self.shares[..., 0, :]
        return np.log(one[..., np.asarray(y, dtype=int) - 1])

    def moment(self, power: int) -> np.ndarray:
        return np.sum(self.shares * (self.scores - self.mean()[..., None]) ** power, axis=-1)

    def stats(self, moments: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        assert moments == "mvk"
        return self.mean(), self.var(), self.moment(4) / self.var() ** 2 - 3

    def mean(self) -> np.ndarray:
        return self.shares @ self.scores

    def var(self) -> np.ndarray:
        return self.moment(2)


def known(family: Family, eta: np.ndarray, own: dict[str, float] = PARAMETERS):
    """scipy's distribution of a response."""
    mu = inverse(family.link, np.asarray(eta, dtype=float))
    sigma, nu, alpha, kappa = (own[name] for name in ("sigma", "nu", "alpha", "kappa"))
    return {
        "gaussian": lambda: stats.norm(mu, sigma),
        "student_t": lambda: stats.t(nu, mu, sigma),
        "bernoulli": lambda: stats.bernoulli(mu),
        "binomial": lambda: stats.binom(TRIALS, mu),
        "poisson": lambda: stats.poisson(mu),
        "negative_binomial": lambda: stats.nbinom(alpha, alpha / (alpha + mu)),
        "gamma": lambda: stats.gamma(alpha, scale=mu / alpha),
        "lognormal": lambda: stats.lognorm(sigma, scale=np.exp(mu)),
        "shifted_lognormal": lambda: stats.lognorm(sigma, own["shift"], np.exp(mu)),
        "exgaussian": lambda: stats.exponnorm(nu / sigma, mu - nu, sigma),
        "beta": lambda: stats.beta(mu * kappa, (1 - mu) * kappa),
        "ordinal": lambda: Cut(family.link, np.asarray(eta), own),
    }[family.name]()
