"""Log densities, draws and variances of every family of one predictor, against scipy's distributions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import integrate, stats

from hierbayes.families import FAMILIES, Family
from hierbayes.families.likelihoods import draw, log_likelihood, log_shares, shares, variance

# for the categorical family, with several linear predictors a row, see test_categorical
EVERY = [
    Family(name, link, 5 if kind.values == "ordered" else 0)
    for name, kind in FAMILIES.items()
    for link in kind.links
    if kind.values != "unordered"
]
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


def responses(family: Family) -> np.ndarray:
    return {
        "real": np.array([-3.0, -0.2, 0.1, 1.7, 9.0]),
        "positive": np.array([0.5, 0.9, 1.1, 3.0, 20.0]),
        "count": np.array([0.0, 1.0, 2.0, 7.0, 40.0]),
        "binary": np.array([0.0, 1.0]),
        "binomial": np.array([0.0, 1.0, 5.0, 11.0, 12.0]),
        "unit": np.array([1e-6, 0.2, 0.5, 0.8, 1 - 1e-6]),
        "ordered": np.array([1.0, 2.0, 3.0, 4.0, 5.0]),
    }[family.values]


ETA = np.array([-2.0, -0.4, 0.0, 0.3, 1.9])


@pytest.mark.parametrize("family", EVERY, ids=str)
def test_log_likelihood_is_that_of_scipy(family: Family):
    y = responses(family)
    law = known(family, ETA[:, None])
    expected = law.logpmf(y) if family.whole else law.logpdf(y)
    got = log_likelihood(family, y, ETA[:, None], PARAMETERS, trials=TRIALS)
    np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-11)
    # a family without a parameter or link of its own would pass unseen
    other = log_likelihood(family, y, ETA[:, None] + 1e-3, PARAMETERS, trials=TRIALS)
    assert np.abs(other - expected).max() > 1e-5


@pytest.mark.parametrize("family", [own for own in EVERY if own.parameters], ids=str)
def test_every_parameter_enters(family: Family):
    y = responses(family)[-1 if family.ordered else -2]
    base = log_likelihood(family, y, 0.3, PARAMETERS)
    for name in family.parameters:
        assert abs(log_likelihood(family, y, 0.3, PARAMETERS | {name: PARAMETERS[name] * 0.9}) - base) > 1e-4


@pytest.mark.parametrize("family", EVERY, ids=str)
def test_weights(family: Family):
    y, weights = responses(family), np.linspace(0.5, 2.0, len(responses(family)))
    plain = log_likelihood(family, y, 0.3, PARAMETERS, trials=TRIALS)
    got = log_likelihood(family, y, 0.3, PARAMETERS, weights, TRIALS)
    if family.name == "gaussian":
        np.testing.assert_allclose(got, stats.norm(0.3, 0.7 / np.sqrt(weights)).logpdf(y), rtol=1e-12)
    else:
        np.testing.assert_allclose(got, weights * plain, rtol=1e-12)


@pytest.mark.parametrize("family", EVERY, ids=str)
def test_draws_of_parameters_broadcast_against_rows(family: Family):
    y, draws = responses(family), 3
    own = {name: PARAMETERS[name] * np.array([[0.8], [1.0], [0.9]]) for name in family.parameters}
    eta = np.linspace(-0.5, 0.5, draws * len(y)).reshape(draws, len(y))
    got = log_likelihood(family, y, eta, own, trials=np.full(len(y), TRIALS))
    assert got.shape == (draws, len(y))
    for i in range(draws):
        alone = {name: float(values[i, 0]) for name, values in own.items()}
        np.testing.assert_allclose(got[i], log_likelihood(family, y, eta[i], alone, trials=TRIALS), rtol=1e-13)
    assert draw(family, eta, own, np.random.default_rng(1), trials=np.full(len(y), TRIALS)).shape == eta.shape
    assert np.broadcast_shapes(np.shape(variance(family, eta, own, trials=TRIALS)), eta.shape) == eta.shape


@pytest.mark.parametrize("family", EVERY, ids=str)
@pytest.mark.parametrize("eta", [-1e4, -800.0, -40.0, 40.0, 800.0, 1e4])
def test_far_predictors_stay_finite(family: Family, eta: float):
    y = responses(family)
    got = log_likelihood(family, y, eta, PARAMETERS, trials=TRIALS)
    assert np.isfinite(got).all()
    drawn = draw(family, np.full(20, eta), PARAMETERS, np.random.default_rng(1), trials=TRIALS)
    assert np.isfinite(drawn).all()
    # on the wrong side the density is very low, and lower the farther it is
    if family.name == "bernoulli":
        assert got[0 if eta > 0 else 1] < -30


def test_far_values_of_the_shares_are_exact():
    # Mills: log Phi(-x) = -x^2/2 - log(x sqrt(2 pi)) - 1/x^2 + ...
    assert log_shares("probit", -40.0)[0] == pytest.approx(stats.norm.logcdf(-40.0), rel=1e-12)
    assert log_shares("logit", -800.0)[0] == -800.0
    assert log_shares("cloglog", -800.0)[0] == -800.0
    assert log_shares("cloglog", -30.0)[0] == pytest.approx(-30 - 0.5 * np.exp(-30), rel=1e-15)
    assert shares("cloglog", 3.0)[1] == pytest.approx(np.exp(-np.exp(3.0)), rel=1e-12)
    for link in ("logit", "probit", "cloglog"):
        np.testing.assert_allclose(np.add(*shares(link, np.linspace(-8, 8, 33))), 1.0, rtol=1e-14)


def convolved(y: float, mean: float, sigma: float, nu: float) -> float:
    """The density of the ex-Gaussian: its two parts convolved by quadrature, over whichever part is the smoother."""
    normal = stats.norm(mean - nu, sigma)
    if nu < sigma:
        return integrate.quad(lambda u: np.exp(-u) * normal.pdf(y - nu * u), 0, 60, epsabs=0, epsrel=1e-11)[0]
    lowest = min(y, mean - nu) - 30 * sigma
    return integrate.quad(
        lambda x: normal.pdf(x) * np.exp(-(y - x) / nu) / nu,
        *(lowest, y),
        points=[point for point in (mean - nu - sigma, mean - nu + sigma) if lowest < point < y],
        epsabs=0,
        epsrel=1e-11,
        limit=200,
    )[0]


@pytest.mark.parametrize("ratio", [1e-3, 1e-2, 1.0, 30.0])
@pytest.mark.parametrize("y", [-4.0, -0.5, 0.3, 2.0, 5.0])
def test_exgaussian_holds_from_nearly_normal_to_nearly_exponential(ratio: float, y: float):
    got = log_likelihood(Family("exgaussian", "identity"), y, 0.4, {"sigma": 1.3, "nu": 1.3 * ratio})
    assert got == pytest.approx(np.log(convolved(y, 0.4, 1.3, 1.3 * ratio)), rel=1e-8)


def test_large_shapes_approach_their_limits():
    y, eta = np.array([0.0, 3.0, 11.0]), 1.2
    poisson = log_likelihood(Family("poisson", "log"), y, eta, {})
    near = log_likelihood(Family("negative_binomial", "log"), y, eta, {"alpha": 1e12})
    np.testing.assert_allclose(near, poisson, atol=1e-9)
    normal = log_likelihood(Family("gaussian", "identity"), y, eta, {"sigma": 2.0})
    student = log_likelihood(Family("student_t", "identity"), y, eta, {"sigma": 2.0, "nu": 1e12})
    np.testing.assert_allclose(student, normal, atol=1e-9)


def test_at_or_below_the_shift_there_is_nothing():
    family = Family("shifted_lognormal", "identity")
    got = log_likelihood(family, np.array([0.3, 0.4, 0.5]), 0.0, PARAMETERS)
    assert list(np.isneginf(got)) == [True, True, False]


SIZE = 40_000


def moments_differ(family: Family, drawn: np.ndarray, eta: float, own: dict[str, float]) -> float:
    """The largest |z| of the mean and the variance of draws against scipy's distribution."""
    law = known(family, np.float64(eta), own)
    mean, spread, excess = (float(value) for value in law.stats("mvk"))
    z_mean = (drawn.mean() - mean) / np.sqrt(spread / drawn.size)
    z_variance = (drawn.var() - spread) / (spread * np.sqrt((excess + 2) / drawn.size))
    return max(abs(z_mean), abs(z_variance))


@pytest.mark.parametrize("family", EVERY, ids=str)
def test_draws_have_the_mean_and_the_variance(family: Family):
    own = PARAMETERS | {"sigma": 0.4, "nu": 9.0 if family.name == "student_t" else 0.8}
    eta = 0.35
    drawn = draw(family, np.full(SIZE, eta), own, np.random.default_rng(20), trials=TRIALS)
    assert moments_differ(family, drawn, eta, own) < 4
    law = known(family, np.float64(eta), own)
    whole = float(law.mean()) / (TRIALS if family.name == "binomial" else 1)
    assert float(family.mean(np.float64(eta), own)) == pytest.approx(whole, rel=1e-12)
    assert float(variance(family, eta, own, trials=TRIALS)) == pytest.approx(float(law.var()), rel=1e-10)
    # negative control: draws at a predictor a little off are told apart
    off = draw(family, np.full(SIZE, eta + 0.06), own, np.random.default_rng(20), trials=TRIALS)
    assert moments_differ(family, off, eta, own) > 4


@pytest.mark.parametrize("family", [own for own in EVERY if own.parameters], ids=str)
def test_draws_take_each_parameter(family: Family):
    own = PARAMETERS | {"sigma": 0.4, "nu": 9.0 if family.name == "student_t" else 0.8}
    for name in family.parameters:
        near = own | {name: own[name] * (0.4 if name == "nu" else 0.7)}
        drawn = draw(family, np.full(SIZE, 0.35), near, np.random.default_rng(20))
        assert moments_differ(family, drawn, 0.35, own) > 4


def test_weights_of_draws():
    rng = np.random.default_rng(3)
    gaussian = draw(Family("gaussian", "identity"), np.zeros(SIZE), {"sigma": 2.0}, rng, weights=4.0)
    assert gaussian.std() == pytest.approx(1.0, rel=0.02)
    assert variance(Family("gaussian", "identity"), 0.0, {"sigma": 2.0}, weights=4.0) == 1.0
    once, thrice = (
        draw(Family("poisson", "log"), np.zeros(50), {}, np.random.default_rng(3), weights=w) for w in (1.0, 3.0)
    )
    np.testing.assert_array_equal(once, thrice)
    assert variance(Family("student_t", "identity"), 0.0, {"sigma": 1.0, "nu": 2.0}) == np.inf


def test_counts_beyond_what_a_generator_takes():
    drawn = draw(Family("poisson", "log"), np.full(2000, 46.0), {}, np.random.default_rng(4))
    mean = np.exp(46.0)
    assert abs(drawn.mean() - mean) < 4 * np.sqrt(mean / 2000)
    assert drawn.std() == pytest.approx(np.sqrt(mean), rel=0.1)


def log_between(law, a: float, b: float) -> float:
    """``log(F(b) - F(a))`` by quadrature of the density over its height at its highest place there."""
    top = min(max(a, 0.0), b)
    ends = max(a, top - 60.0), min(b, top + 60.0)
    scaled = lambda t: np.exp(law.logpdf(t) - law.logpdf(top))  # noqa: E731
    return law.logpdf(top) + np.log(integrate.quad(scaled, *ends, points=[top], epsabs=0, epsrel=1e-12, limit=400)[0])


@pytest.mark.parametrize("link", ["logit", "probit"])
@pytest.mark.parametrize("eta", [-60.0, -25.0, -9.0, 0.4, 9.0, 25.0, 60.0])
def test_ordered_categories_hold_in_both_tails(link: str, eta: float):
    law = {"logit": stats.logistic, "probit": stats.norm}[link]
    edges = np.concatenate([[-np.inf, 0.0], np.cumsum(list(GAPS.values())), [np.inf]]) - eta
    expected = [log_between(law, low, high) for low, high in itertools.pairwise(edges)]
    got = log_likelihood(Family("ordinal", link, 5), np.arange(1.0, 6.0), eta, GAPS)
    np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-11)
    with np.errstate(divide="ignore"):
        plain = np.log(np.diff(law.cdf(edges)))  # the difference of probabilities, as other software takes it
    if eta < -40:
        assert np.abs(plain - expected).max() > 0.1


def test_narrow_categories_keep_their_digits():
    """The probability of a narrow category is its width times the density."""
    for link, law in (("logit", stats.logistic), ("probit", stats.norm)):
        own = {"gap_2": 7.0, "gap_3": 1e-9}
        got = log_likelihood(Family("ordinal", link, 4), 3.0, 2.0, own)
        assert got == pytest.approx(np.log(1e-9) + law.logpdf(5.0), abs=1e-6 if link == "probit" else 1e-8)


def test_scores_and_informations_of_ordered_categories_are_those_of_differences():
    from hierbayes.families.fisher import information, score

    for link in ("logit", "probit"):
        own, h = Family("ordinal", link, 5), 1e-5
        y, eta = np.arange(1.0, 6.0), np.linspace(-3, 6, 7)[:, None]
        slope = (log_likelihood(own, y, eta + h, GAPS) - log_likelihood(own, y, eta - h, GAPS)) / (2 * h)
        np.testing.assert_allclose(score(own, y, eta, GAPS), slope, rtol=1e-7, atol=1e-8)
        shares = np.exp(log_likelihood(own, y, eta, GAPS))
        np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-13)
        expected = (shares * slope**2).sum(axis=1)
        np.testing.assert_allclose(information(own, eta[:, 0], GAPS), expected, rtol=1e-6)


def test_ordered_categories_averaged_over_a_normal_predictor():
    from hierbayes.families.averages import average, category_average, mean_slope, spread

    for link in ("logit", "probit"):
        own, mean, sd = Family("ordinal", link, 5), 0.7, 1.6
        nodes, weights = np.polynomial.hermite_e.hermegauss(80)
        weights = weights / weights.sum()
        eta = mean + sd * nodes
        shares = np.exp(log_likelihood(own, np.arange(1.0, 6.0), eta[:, None], GAPS)).T @ weights
        found = [category_average(own, k, mean, sd**2, GAPS) for k in range(1, 6)]
        np.testing.assert_allclose(found, shares, rtol=1e-6)
        scores = np.arange(1.0, 6.0)
        assert float(average(own, mean, sd**2, GAPS)) == pytest.approx(float(shares @ scores), rel=1e-7)
        expected = float(shares @ (scores - shares @ scores) ** 2)
        assert float(spread(own, mean, sd**2, GAPS)) == pytest.approx(expected, rel=1e-6)
        h = 1e-5
        slope = (own.mean(mean + h, GAPS) - own.mean(mean - h, GAPS)) / (2 * h)
        assert float(mean_slope(own, mean, GAPS)) == pytest.approx(float(slope), rel=1e-8)
