"""The likelihood of each family in PyMC."""

# mypy: allow-untyped-calls
from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hierbayes.families import Family, categorical
from hierbayes.families.likelihoods import draw

if TYPE_CHECKING:
    from pymc.distributions.distribution import Distribution

Parameters = Mapping[str, Any]

_HIGHEST = 500.0
"""The largest exponent that is taken: beyond it a log probability is as good as minus infinity, but stays finite."""


@dataclass(frozen=True)
class Law:
    """A distribution of PyMC with its arguments."""

    kind: type[Distribution]
    arguments: dict[str, Any]


def observe(
    name: str, family: Family, eta: Any, own: Parameters, y: Any, weights: Any = None, trials: Any = None
) -> None:
    """Add the observed response to the PyMC model of the context.

    A row with a weight has its log likelihood multiplied by it; but for the gaussian, whose sd is divided by the root
    of the weight. What PyMC has no distribution for is a `pymc.CustomDist` with the same log density as
    `hierbayes.families.likelihoods.log_likelihood`, and draws from `hierbayes.families.likelihoods.draw`.

    Parameters
    ----------
    name : str
        Of the variable.
    family : Family
    eta : tensor, shape (n,)
        Linear predictor; for ``categorical`` those of each row end to end.
    own : mapping of str to tensor
        The family's parameters.
    y, weights, trials : tensor, shape (n,)
        `weights` is None where they are 1, `trials` where the family has none.
    """
    import pymc as pm
    import pytensor.tensor as pt

    if family.name == "gaussian":
        sigma = own["sigma"] if weights is None else own["sigma"] / pm.math.sqrt(weights)
        pm.Normal(name, eta, sigma, observed=y)
        return
    if weights is None and not _written_out(family):
        found = law(family, eta, own, trials)
        found.kind(name, **found.arguments, observed=y)
        return
    if family.unordered:
        _observe_categories(name, family, eta, y, weights)
        return
    known = [weights if weights is not None else pt.ones(1), trials if trials is not None else pt.ones(1)]
    functions = {"logp": _logp(family, own), "random": _random(family, own)}
    whole = "int64" if family.whole else "float64"
    pm.CustomDist(name, eta, *known, *own.values(), **functions, dtype=whole, observed=y)


def _observe_categories(name: str, family: Family, eta: Any, y: Any, weights: Any) -> None:
    """Add a response of categories without an order: of each row its predictors, beside a 0 for the reference.

    PyMC's Categorical takes the logarithm of a probability, which is 0 far out.
    """
    import pymc as pm
    import pytensor.tensor as pt

    rows = pt.concatenate([pt.zeros((y.shape[0], 1)), eta.reshape((-1, family.predictors))], axis=1)

    def logp(value: Any, whole: Any, weights: Any) -> Any:
        own = pt.eq(pt.arange(1, family.categories + 1), pt.cast(value, "int64")[..., None])
        return weights * (pt.sum(whole * own, axis=-1) - pt.logsumexp(whole, axis=-1))

    def random(whole: Any, weights: Any, *, rng: np.random.Generator, size: Any = None) -> Any:
        spread = np.broadcast_to(whole, np.shape(whole) if size is None else (*size, np.shape(whole)[-1]))
        return categorical.draw(spread[..., 1:] - spread[..., :1], rng).astype(np.int64)

    known = weights if weights is not None else pt.ones(1)
    functions = {"logp": logp, "random": random, "signature": "(k),()->()"}
    pm.CustomDist(name, rows, known, **functions, dtype="int64", observed=y)


def law(family: Family, eta: Any, own: Parameters, trials: Any = None) -> Law:
    """Return the distribution of a response, where PyMC has it."""
    return _LAWS[family.name](family, eta, own, trials)


def log_density(family: Family, value: Any, eta: Any, own: Parameters, trials: Any) -> Any:
    """Return the log density of a response, weights left out, as a tensor."""
    import pymc as pm

    if family.name == "shifted_lognormal":
        return pm.logp(pm.LogNormal.dist(eta, own["sigma"]), value - own["shift"])
    if family.name == "exgaussian":
        return _exgaussian(value, eta - own["nu"], own["sigma"], own["nu"])
    if family.ordered:
        return _ordinal(family.link, value, eta, list(own.values()))
    if not _written_out(family):
        found = law(family, eta, own, trials)
        return pm.logp(found.kind.dist(**found.arguments), value)
    yes, no = log_shares(family.link, eta)
    if family.name == "bernoulli":
        return value * yes + (1 - value) * no
    return _log_choose(trials, value) + value * yes + (trials - value) * no


def log_shares(link: str, eta: Any) -> tuple[Any, Any]:
    """Return the logarithms of the share and of the rest, finite with finite slopes at any predictor."""
    import pytensor.tensor as pt

    if link == "logit":
        return -pt.softplus(-eta), -pt.softplus(eta)
    if link == "probit":
        return _log_normal_cdf(eta), _log_normal_cdf(-eta)
    rate = pt.exp(pt.minimum(eta, _HIGHEST))
    # where the rate is tiny the share is the rate; each branch sees only predictors that it can take
    low = pt.minimum(eta, -30.0)
    high = pt.exp(pt.clip(eta, -30.0, 5.0))
    return pt.switch(eta < -30.0, low, pt.log(-pt.expm1(-high))), -rate


def _log_normal_cdf(z: Any) -> Any:
    import pytensor.tensor as pt

    low, high = pt.minimum(z, -1.0), pt.maximum(z, -1.0)
    tail = pt.log(0.5 * pt.erfcx(-low / np.sqrt(2.0))) - 0.5 * low**2
    return pt.switch(z < -1.0, tail, pt.log1p(-0.5 * pt.erfc(high / np.sqrt(2.0))))


def _exgaussian(value: Any, mu: Any, sigma: Any, nu: Any) -> Any:
    """Return the log density of a normal plus an exponential of mean nu, for any ratio of sigma and nu.

    PyMC's takes a normal where nu is below sigma / 20, which leaves a step, and rounds the root of 2.
    """
    import pytensor.tensor as pt

    z = (value - mu) / sigma
    u = (sigma / nu - z) / np.sqrt(2.0)
    near = pt.log(0.5 * pt.erfcx(pt.maximum(u, -1.0))) - 0.5 * z**2
    # beyond, erfcx grows without bound, and the exponential tail is what is left
    beyond = pt.log1p(-0.5 * pt.erfc(-pt.minimum(u, -1.0))) + 0.5 * (sigma / nu) ** 2 - z * sigma / nu
    return pt.switch(u > -1.0, near, beyond) - pt.log(nu)


def _ordinal(link: str, value: Any, eta: Any, gaps: list[Any]) -> Any:
    """Return the log probability of scores, see `hierbayes.families.ordinal`, with finite slopes at any predictor.

    PyMC's OrderedLogistic and OrderedProbit take differences of probabilities, which are 0 in the tails.
    """
    import pytensor.tensor as pt

    last = len(gaps) + 2
    # a CustomDist hands numbers over as arrays of one entry
    widths = pt.stack([pt.as_tensor(gap).ravel()[0] for gap in gaps])
    cuts = pt.concatenate([pt.zeros(1), pt.cumsum(widths)])
    bottom, top = pt.eq(value, 1), pt.eq(value, last)
    # each branch sees only thresholds that are there
    lower = cuts[pt.clip(value - 2, 0, last - 2)] - eta
    upper = cuts[pt.clip(value - 1, 0, last - 2)] - eta
    if link == "logit":
        width = widths[pt.clip(value - 2, 0, last - 3)]
        below = pt.switch(top, 0.0, -pt.softplus(-upper))
        above = pt.switch(bottom, 0.0, -pt.softplus(lower))
        return below + above + pt.switch(bottom | top, 0.0, pt.log(-pt.expm1(-width)))
    flip = pt.or_(top, pt.and_(pt.invert(bottom), pt.gt(lower + upper, 0)))
    near = _log_normal_cdf(pt.switch(flip, -lower, upper))
    far = _log_normal_cdf(pt.switch(flip, -upper, lower))
    gap = pt.switch(bottom | top, -1.0, far - near)
    return near + pt.switch(bottom | top, 0.0, pt.log(-pt.expm1(gap)))


def _log_choose(trials: Any, value: Any) -> Any:
    import pytensor.tensor as pt

    return pt.gammaln(trials + 1) - pt.gammaln(value + 1) - pt.gammaln(trials - value + 1)


def _written_out(family: Family) -> bool:
    """Whether PyMC has no distribution for the family, or one that is not exact in the tails or at this link."""
    share = family.name in ("bernoulli", "binomial") and family.link != "logit"
    return share or family.name in ("shifted_lognormal", "exgaussian", "ordinal", "categorical")


def _logp(family: Family, own: Parameters) -> Callable[..., Any]:
    def logp(value: Any, eta: Any, weights: Any, trials: Any, *parameters: Any) -> Any:
        return weights * log_density(family, value, eta, dict(zip(own, parameters, strict=True)), trials)

    return logp


def _random(family: Family, own: Parameters) -> Callable[..., Any]:
    def random(
        eta: Any, weights: Any, trials: Any, *parameters: Any, rng: np.random.Generator, size: Any = None
    ) -> Any:
        named = dict(zip(own, parameters, strict=True))
        spread = np.broadcast_to(eta, np.shape(eta) if size is None else size)
        count = trials if family.name == "binomial" else None
        drawn = draw(family, spread, named, rng, weights=weights, trials=count)
        return np.asarray(drawn, dtype=np.int64 if family.whole else np.float64)

    return random


def _share(link: str, eta: Any) -> tuple[Any, Any]:
    import pytensor.tensor as pt

    yes, no = log_shares(link, eta)
    return pt.exp(yes), pt.exp(no)


def _student(family: Family, eta: Any, own: Parameters, trials: Any) -> Law:
    import pymc as pm

    return Law(pm.StudentT, {"nu": own["nu"], "mu": eta, "sigma": own["sigma"]})


def _bernoulli(family: Family, eta: Any, own: Parameters, trials: Any) -> Law:
    import pymc as pm

    return Law(pm.Bernoulli, {"logit_p": eta})


def _binomial(family: Family, eta: Any, own: Parameters, trials: Any) -> Law:
    import pymc as pm

    return Law(pm.Binomial, {"n": trials, "logit_p": eta})


def _poisson(family: Family, eta: Any, own: Parameters, trials: Any) -> Law:
    import pymc as pm
    import pytensor.tensor as pt

    return Law(pm.Poisson, {"mu": pt.exp(eta)})


def _negative_binomial(family: Family, eta: Any, own: Parameters, trials: Any) -> Law:
    import pymc as pm
    import pytensor.tensor as pt

    return Law(pm.NegativeBinomial, {"mu": pt.exp(eta), "alpha": own["alpha"]})


def _gamma(family: Family, eta: Any, own: Parameters, trials: Any) -> Law:
    import pymc as pm
    import pytensor.tensor as pt

    return Law(pm.Gamma, {"alpha": own["alpha"], "beta": own["alpha"] * pt.exp(-eta)})


def _lognormal(family: Family, eta: Any, own: Parameters, trials: Any) -> Law:
    import pymc as pm

    return Law(pm.LogNormal, {"mu": eta, "sigma": own["sigma"]})


def _beta(family: Family, eta: Any, own: Parameters, trials: Any) -> Law:
    import pymc as pm

    yes, no = _share(family.link, eta)
    return Law(pm.Beta, {"alpha": yes * own["kappa"], "beta": no * own["kappa"]})


_LAWS: Mapping[str, Callable[[Family, Any, Parameters, Any], Law]] = {
    "student_t": _student,
    "bernoulli": _bernoulli,
    "binomial": _binomial,
    "poisson": _poisson,
    "negative_binomial": _negative_binomial,
    "gamma": _gamma,
    "lognormal": _lognormal,
    "beta": _beta,
}
