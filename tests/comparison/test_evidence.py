"""Log marginal likelihoods against quadrature and against means over the prior; Bayes factors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from oracles.dense import log_likelihoods
from oracles.joint import log_prior
from oracles.structures import table
from scipy import integrate, stats
from scipy.special import logsumexp

import hierbayes as hb
from hierbayes.comparison.evidence import Proposal

pytestmark = pytest.mark.filterwarnings("ignore::hierbayes.HierBayesWarning")
DYESTUFF = "Yield ~ 1 | Batch"
QUIET = {"seed": 1, "progress": False}


@pytest.fixture(scope="module")
def dyestuff():
    return hb.fit(DYESTUFF, hb.load_data("dyestuff"), **QUIET)


@pytest.fixture(scope="module")
def sleep():
    return hb.fit("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy"), **QUIET)


@pytest.fixture(scope="module")
def sleep_without():
    return hb.fit("Reaction ~ Days + (1 | Subject)", hb.load_data("sleepstudy"), **QUIET)


def by_quadrature(problem, points, prior_of_sd=None):
    """Sum the dense normal density of y times the priors over a grid in log sd and log sigma.

    The trapezoid rule converges faster than any power for a smooth density that vanishes at the ends.
    """
    log_sd, log_sigma = np.linspace(np.log(1e-3), np.log(3e4), points), np.linspace(np.log(10), np.log(500), points)
    sd, sigma = (own.ravel() for own in np.meshgrid(np.exp(log_sd), np.exp(log_sigma), indexing="ij"))
    one = np.ones((len(sd), 1, 1))
    total = log_likelihoods(problem, [sd[:, None]], [one], sigma, step=5000) + np.log(sd) + np.log(sigma)
    total += log_prior(prior_of_sd or problem.blocks[0].sd_priors[0], sd) + log_prior(problem.prior_of("sigma"), sigma)
    return logsumexp(total) + np.log(log_sd[1] - log_sd[0]) + np.log(log_sigma[1] - log_sigma[0])


@pytest.fixture(scope="module")
def exact(dyestuff):
    coarse, fine = (by_quadrature(dyestuff.model.problem, points) for points in (70, 140))
    assert coarse == pytest.approx(fine, abs=1e-5)
    return fine


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_dyestuff_is_that_of_quadrature_to_a_thousandth(exact, seed):
    fit = hb.fit(DYESTUFF, hb.load_data("dyestuff"), seed=seed, progress=False)
    found = fit.log_marginal_likelihood()
    print(f"dyestuff: {found.value:.5f} ({found.error:.1g}) against {exact:.5f}")
    assert abs(found.value - exact) < 1e-3
    assert found.error < 1e-3


def test_the_check_tells_another_scale_of_the_prior(dyestuff):
    prior = dyestuff.model.problem.blocks[0].sd_priors[0]
    other = by_quadrature(dyestuff.model.problem, 70, prior.scaled(1.1))
    assert abs(dyestuff.log_marginal_likelihood().value - other) > 1e-2


@pytest.mark.slow
def test_errors_are_honest(exact):
    """Over many short fits the errors that are stated are those that are made."""
    data, scores = hb.load_data("dyestuff"), []
    for seed in range(40):
        fit = hb.fit(DYESTUFF, data, draws=100, chains=2, seed=seed, progress=False)
        found = fit.log_marginal_likelihood()
        scores.append((found.value - exact) / found.error)
    assert 0.6 < np.std(scores) < 1.6
    assert abs(np.mean(scores)) < 4 * np.std(scores) / np.sqrt(40)


PRIORS = [
    hb.HalfNormal(3),
    hb.HalfStudentT(3, 2),
    hb.HalfStudentT(7, 2),
    hb.HalfCauchy(2),
    hb.Exponential(0.3),
    hb.Gamma(3, 1),
    hb.InverseGamma(3, 5),
    hb.LogNormal(1, 0.5),
    hb.Uniform(1, 6),
]


@pytest.mark.parametrize("prior", PRIORS, ids=str)
def test_constants_of_every_prior(prior):
    """One free number, sigma: quadrature in one dimension, with scipy's densities."""
    model = hb.Model("y ~ x", table(), priors={"sigma": prior, "Intercept": hb.Normal(9, 2), "x": hb.Normal(0, 1)})
    found = model.fit(draws=500, **QUIET).log_marginal_likelihood()
    top = log_likelihoods(model.problem, [], [], np.array([3.0]))[0]

    def density(sigma):
        own = log_likelihoods(model.problem, [], [], np.array([sigma]))[0]
        return math.exp(own - top + float(log_prior(prior, sigma)))

    wanted = top + math.log(integrate.quad(density, 1.5, 7, epsabs=1e-10, limit=200)[0])
    assert found.value == pytest.approx(wanted, abs=2e-3)
    assert found.error < 1e-3


def test_correlations_weights_and_offset_by_a_mean_over_the_prior():
    """log p(y) is the log of the mean likelihood over draws from the prior, which scipy makes here."""
    data = table().iloc[:14].assign(x=lambda own: own["x"] - own["x"].mean())
    priors = {
        "sd_g[Intercept]": hb.HalfNormal(2), "sd_g[x]": hb.HalfStudentT(5, 1), "corr_g": hb.LKJ(1.5),
        "sigma": hb.Gamma(9, 3), "Intercept": hb.Normal(10, 1), "x": hb.Normal(0, 1),
    }  # fmt: skip
    model = hb.Model("y ~ x + offset(known) + (x | g)", data, priors=priors, weights="w")
    found = model.fit(draws=1000, **QUIET).log_marginal_likelihood()
    rng, size = np.random.default_rng(3), 200_000
    sd = np.column_stack([np.abs(rng.normal(0, 2, size)), np.abs(stats.t(5).rvs(size, random_state=rng))])
    corr = np.broadcast_to(np.eye(2), (size, 2, 2)).copy()
    corr[:, 0, 1] = corr[:, 1, 0] = 2 * rng.beta(1.5, 1.5, size) - 1
    values = log_likelihoods(model.problem, [sd], [corr], rng.gamma(9, 1 / 3, size))
    terms = np.exp(values - values.max())
    error = terms.std() / terms.mean() / np.sqrt(size)
    wanted = values.max() + np.log(terms.mean())
    print(f"correlated: {found.value:.4f} ({found.error:.1g}) against {wanted:.4f} ({error:.1g})")
    assert abs(found.value - wanted) < 4 * np.hypot(found.error, error) < 0.1
    # The constant of LKJ(1.5), which the check would miss if it were left out.
    assert abs(stats.beta(1.5, 1.5).logpdf(0.5) - np.log(2)) > 4 * np.hypot(found.error, error)


def test_nothing_to_integrate_is_exact():
    priors = {"sd_g": hb.Fixed(1.3), "sigma": hb.Fixed(2.0)}
    fit = hb.fit("y ~ x + (1 | g)", table(), priors=priors, draws=10, chains=2, **QUIET)
    found = fit.log_marginal_likelihood()
    one = np.ones((1, 1, 1))
    wanted = log_likelihoods(fit.model.problem, [np.array([[1.3]])], [one], np.array([2.0]))[0]
    assert found.value == pytest.approx(wanted, rel=1e-10)
    assert found.error == 0
    assert "exact" in repr(found)


def test_is_the_random_slope_needed(sleep, sleep_without):
    found = hb.bayes_factor(sleep, sleep_without, names=("slope", "no slope"))
    print(f"sleepstudy: {found!r}")
    assert found.error < 0.05
    assert found.log == pytest.approx(
        sleep.log_marginal_likelihood().value - sleep_without.log_marginal_likelihood().value
    )
    assert found.evidence == "decisive evidence for slope over no slope"
    assert hb.bayes_factor(sleep_without, sleep).log == pytest.approx(-found.log)
    assert found.probability() == pytest.approx(1 / (1 + 1 / found.value))


def test_bayes_factor_agrees_with_other_draws(sleep, sleep_without):
    found, again = hb.bayes_factor(sleep, sleep_without), []
    for own in (sleep, sleep_without):
        again.append(own.model.fit(draws=500, seed=9, progress=False).log_marginal_likelihood(seed=4))
    gap = found.log - (again[0].value - again[1].value)
    assert abs(gap) < 4 * np.hypot(found.error, np.hypot(again[0].error, again[1].error))


def test_a_fit_by_pymc_is_given_theta_of_its_own(dyestuff, exact):
    from fits import fake_fit

    fit = fake_fit(DYESTUFF, hb.load_data("dyestuff"))
    assert fit.engine == "pymc"
    assert fit.log_marginal_likelihood(seed=5, progress=False).value == pytest.approx(exact, abs=2e-3)


def test_seeds_fix_everything(dyestuff):
    one, two, other = (dyestuff.log_marginal_likelihood(seed=seed) for seed in (3, 3, 4))
    assert one == two
    assert one.value != other.value
    assert dyestuff.log_marginal_likelihood() == dyestuff.log_marginal_likelihood(seed=1)


def test_many_proposals_on_two_cores_change_nothing(dyestuff):
    engine = dyestuff.model.runner.collapsed
    points = np.random.default_rng(1).normal(size=(50, 2))
    np.testing.assert_array_equal(engine.log_densities(points, 1), engine.log_densities(points, 3))


def test_the_proposal_is_a_t():
    rng = np.random.default_rng(2)
    proposal = Proposal.of(rng.normal(size=(4000, 3)) @ np.diag([1, 2, 3.0]) + 5)
    shape = proposal.factor @ proposal.factor.T
    wanted = stats.multivariate_t(proposal.mean, shape, df=8)
    points = proposal.points(rng.uniform(size=(4000, 4)))
    np.testing.assert_allclose(proposal.log_density(points), wanted.logpdf(points), rtol=1e-10)
    np.testing.assert_allclose(np.cov(points.T), np.diag([1, 4, 9.0]), atol=0.9)
    whitened = np.sum(np.linalg.solve(proposal.factor, (points - proposal.mean).T) ** 2, axis=0) / 3
    assert stats.kstest(whitened, stats.f(3, 8).cdf).pvalue > 1e-3
    assert stats.kstest(whitened, stats.f(3, 30).cdf).pvalue < 1e-3


@pytest.mark.parametrize(
    "priors", ["flat", {"Days": hb.Flat()}, {"sigma": hb.Flat()}, {"sd_Subject[Days]": hb.Flat()}], ids=str
)
def test_improper_priors_are_refused_with_the_reason(priors):
    data = hb.load_data("sleepstudy")
    fit = hb.fit("Reaction ~ Days + (Days | Subject)", data, priors=priors, draws=100, chains=2, **QUIET)
    with pytest.raises(hb.ModelError, match="improper"):
        fit.log_marginal_likelihood()
    with pytest.raises(hb.ModelError, match="improper"):
        hb.bayes_factor(fit, fit)


def test_too_few_draws_are_refused():
    fit = hb.fit(DYESTUFF, hb.load_data("dyestuff"), draws=20, chains=2, **QUIET)
    with pytest.raises(hb.SamplingError, match="40 draws are too few"):
        fit.log_marginal_likelihood()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1.0, "favour neither"),
        (2.0, "barely worth mentioning evidence for a"),
        (0.2, "substantial evidence for b"),
        (20, "strong evidence for a"),
        (50, "very strong evidence for a"),
        (1e-3, "decisive evidence for b"),
    ],
)
def test_jeffreys_words(value, words):
    factor = hb.BayesFactor(math.log(value), 0.01)
    assert words in factor.evidence
    assert factor.value == pytest.approx(value)


def test_far_bayes_factors_do_not_overflow():
    far = hb.BayesFactor(5000.0, 0.01)
    assert far.value == math.inf
    assert far.probability() == 1.0
    assert hb.BayesFactor(-5000.0, 0.01).probability(0.5) == 0.0
    assert "exp(5000.0)" in repr(far)
    with pytest.raises(hb.ModelError, match="between 0 and 1"):
        far.probability(1.0)
