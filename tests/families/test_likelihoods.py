"""Log densities, draws and variances of every family of one predictor, against scipy's distributions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from known_laws import GAPS, PARAMETERS, TRIALS, known
from scipy import integrate, stats

from hierbayes.families import FAMILIES, Family
from hierbayes.families import family as by_name
from hierbayes.families.links import log_shares, shares

# for the categorical family, with several linear predictors a row, see test_categorical
EVERY = [
    by_name(f"{name}({link})", 5 if kind.values == "ordered" else 0)
    for name, kind in FAMILIES.items()
    for link in kind.links
    if kind.values != "unordered"
]


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
    got = family.log_likelihood(y, ETA[:, None], PARAMETERS, trials=TRIALS)
    np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-11)
    # a family without a parameter or link of its own would pass unseen
    other = family.log_likelihood(y, ETA[:, None] + 1e-3, PARAMETERS, trials=TRIALS)
    assert np.abs(other - expected).max() > 1e-5


@pytest.mark.parametrize("family", [own for own in EVERY if own.parameters], ids=str)
def test_every_parameter_enters(family: Family):
    y = responses(family)[-1 if family.ordered else -2]
    base = family.log_likelihood(y, 0.3, PARAMETERS)
    for name in family.parameters:
        assert abs(family.log_likelihood(y, 0.3, PARAMETERS | {name: PARAMETERS[name] * 0.9}) - base) > 1e-4


@pytest.mark.parametrize("family", EVERY, ids=str)
def test_weights(family: Family):
    y, weights = responses(family), np.linspace(0.5, 2.0, len(responses(family)))
    plain = family.log_likelihood(y, 0.3, PARAMETERS, trials=TRIALS)
    got = family.log_likelihood(y, 0.3, PARAMETERS, weights, TRIALS)
    if family.name == "gaussian":
        np.testing.assert_allclose(got, stats.norm(0.3, 0.7 / np.sqrt(weights)).logpdf(y), rtol=1e-12)
    else:
        np.testing.assert_allclose(got, weights * plain, rtol=1e-12)


@pytest.mark.parametrize("family", EVERY, ids=str)
def test_draws_of_parameters_broadcast_against_rows(family: Family):
    y, draws = responses(family), 3
    own = {name: PARAMETERS[name] * np.array([[0.8], [1.0], [0.9]]) for name in family.parameters}
    eta = np.linspace(-0.5, 0.5, draws * len(y)).reshape(draws, len(y))
    got = family.log_likelihood(y, eta, own, trials=np.full(len(y), TRIALS))
    assert got.shape == (draws, len(y))
    for i in range(draws):
        alone = {name: float(values[i, 0]) for name, values in own.items()}
        np.testing.assert_allclose(got[i], family.log_likelihood(y, eta[i], alone, trials=TRIALS), rtol=1e-13)
    assert family.draw(eta, own, np.random.default_rng(1), trials=np.full(len(y), TRIALS)).shape == eta.shape
    assert np.broadcast_shapes(np.shape(family.variance(eta, own, trials=TRIALS)), eta.shape) == eta.shape


@pytest.mark.parametrize("family", EVERY, ids=str)
@pytest.mark.parametrize("eta", [-1e4, -800.0, -40.0, 40.0, 800.0, 1e4])
def test_far_predictors_stay_finite(family: Family, eta: float):
    y = responses(family)
    got = family.log_likelihood(y, eta, PARAMETERS, trials=TRIALS)
    assert np.isfinite(got).all()
    drawn = family.draw(np.full(20, eta), PARAMETERS, np.random.default_rng(1), trials=TRIALS)
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
    got = by_name("exgaussian(identity)").log_likelihood(y, 0.4, {"sigma": 1.3, "nu": 1.3 * ratio})
    assert got == pytest.approx(np.log(convolved(y, 0.4, 1.3, 1.3 * ratio)), rel=1e-8)


def test_large_shapes_approach_their_limits():
    y, eta = np.array([0.0, 3.0, 11.0]), 1.2
    poisson = by_name("poisson(log)").log_likelihood(y, eta, {})
    near = by_name("negative_binomial(log)").log_likelihood(y, eta, {"alpha": 1e12})
    np.testing.assert_allclose(near, poisson, atol=1e-9)
    normal = by_name("gaussian(identity)").log_likelihood(y, eta, {"sigma": 2.0})
    student = by_name("student_t(identity)").log_likelihood(y, eta, {"sigma": 2.0, "nu": 1e12})
    np.testing.assert_allclose(student, normal, atol=1e-9)


def test_at_or_below_the_shift_there_is_nothing():
    family = by_name("shifted_lognormal(identity)")
    got = family.log_likelihood(np.array([0.3, 0.4, 0.5]), 0.0, PARAMETERS)
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
    drawn = family.draw(np.full(SIZE, eta), own, np.random.default_rng(20), trials=TRIALS)
    assert moments_differ(family, drawn, eta, own) < 4
    law = known(family, np.float64(eta), own)
    whole = float(law.mean()) / (TRIALS if family.name == "binomial" else 1)
    assert float(family.mean(np.float64(eta), own)) == pytest.approx(whole, rel=1e-12)
    assert float(family.variance(eta, own, trials=TRIALS)) == pytest.approx(float(law.var()), rel=1e-10)
    # negative control: draws at a predictor a little off are told apart
    off = family.draw(np.full(SIZE, eta + 0.06), own, np.random.default_rng(20), trials=TRIALS)
    assert moments_differ(family, off, eta, own) > 4


@pytest.mark.parametrize("family", [own for own in EVERY if own.parameters], ids=str)
def test_draws_take_each_parameter(family: Family):
    own = PARAMETERS | {"sigma": 0.4, "nu": 9.0 if family.name == "student_t" else 0.8}
    for name in family.parameters:
        near = own | {name: own[name] * (0.4 if name == "nu" else 0.7)}
        drawn = family.draw(np.full(SIZE, 0.35), near, np.random.default_rng(20))
        assert moments_differ(family, drawn, 0.35, own) > 4


def test_weights_of_draws():
    rng = np.random.default_rng(3)
    gaussian = by_name("gaussian(identity)").draw(np.zeros(SIZE), {"sigma": 2.0}, rng, weights=4.0)
    assert gaussian.std() == pytest.approx(1.0, rel=0.02)
    assert by_name("gaussian(identity)").variance(0.0, {"sigma": 2.0}, weights=4.0) == 1.0
    once, thrice = (
        by_name("poisson(log)").draw(np.zeros(50), {}, np.random.default_rng(3), weights=w) for w in (1.0, 3.0)
    )
    np.testing.assert_array_equal(once, thrice)
    assert by_name("student_t(identity)").variance(0.0, {"sigma": 1.0, "nu": 2.0}) == np.inf


def test_counts_beyond_what_a_generator_takes():
    drawn = by_name("poisson(log)").draw(np.full(2000, 46.0), {}, np.random.default_rng(4))
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
    got = by_name(f"ordinal({link})", 5).log_likelihood(np.arange(1.0, 6.0), eta, GAPS)
    np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-11)
    with np.errstate(divide="ignore"):
        plain = np.log(np.diff(law.cdf(edges)))  # the difference of probabilities, as other software takes it
    if eta < -40:
        assert np.abs(plain - expected).max() > 0.1


def test_narrow_categories_keep_their_digits():
    """The probability of a narrow category is its width times the density."""
    for link, law in (("logit", stats.logistic), ("probit", stats.norm)):
        own = {"gap_2": 7.0, "gap_3": 1e-9}
        got = by_name(f"ordinal({link})", 4).log_likelihood(3.0, 2.0, own)
        assert got == pytest.approx(np.log(1e-9) + law.logpdf(5.0), abs=1e-6 if link == "probit" else 1e-8)


def test_scores_and_informations_of_ordered_categories_are_those_of_differences():

    for link in ("logit", "probit"):
        own, h = by_name(f"ordinal({link})", 5), 1e-5
        y, eta = np.arange(1.0, 6.0), np.linspace(-3, 6, 7)[:, None]
        slope = (own.log_likelihood(y, eta + h, GAPS) - own.log_likelihood(y, eta - h, GAPS)) / (2 * h)
        np.testing.assert_allclose(own.score(y, eta, GAPS), slope, rtol=1e-7, atol=1e-8)
        shares = np.exp(own.log_likelihood(y, eta, GAPS))
        np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-13)
        expected = (shares * slope**2).sum(axis=1)
        np.testing.assert_allclose(own.information(eta[:, 0], GAPS), expected, rtol=1e-6)


def test_ordered_categories_averaged_over_a_normal_predictor():

    for link in ("logit", "probit"):
        own, mean, sd = by_name(f"ordinal({link})", 5), 0.7, 1.6
        nodes, weights = np.polynomial.hermite_e.hermegauss(80)
        weights = weights / weights.sum()
        eta = mean + sd * nodes
        shares = np.exp(own.log_likelihood(np.arange(1.0, 6.0), eta[:, None], GAPS)).T @ weights
        found = [own.category_average(k, mean, sd**2, GAPS) for k in range(1, 6)]
        np.testing.assert_allclose(found, shares, rtol=1e-6)
        scores = np.arange(1.0, 6.0)
        assert float(own.average(mean, sd**2, GAPS)) == pytest.approx(float(shares @ scores), rel=1e-7)
        expected = float(shares @ (scores - shares @ scores) ** 2)
        assert float(own.spread(mean, sd**2, GAPS)) == pytest.approx(expected, rel=1e-6)
        h = 1e-5
        slope = (own.mean(mean + h, GAPS) - own.mean(mean - h, GAPS)) / (2 * h)
        assert float(own.mean_slope(mean, GAPS)) == pytest.approx(float(slope), rel=1e-8)
