"""The PyMC model of every family against the joint density written out with scipy, at random points."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from oracles.graphs import logp_function
from oracles.joint import log_corr_prior, log_prior
from oracles.points import named_values, random_point
from scipy import special, stats

import hierbayes as hb
from hierbayes.engines.assemble import assemble
from hierbayes.engines.pymc import build_pymc, left_over
from hierbayes.families import FAMILIES, Family, family

pytestmark = pytest.mark.slow

# the logarithms of the share and of the rest, each without a difference of near equals
LOG_SHARES = {
    "logit": lambda eta: (special.log_expit(eta), special.log_expit(-eta)),
    "probit": lambda eta: (stats.norm.logcdf(eta), stats.norm.logsf(eta)),
    "cloglog": lambda eta: (np.log(-np.expm1(-np.exp(eta))), -np.exp(eta)),
}

LEFT = {
    "binary": "o",
    "binomial": "p(k, n)",
    "count": "c",
    "positive": "t",
    "unit": "u",
    "real": "y",
    "ordered": "r",
}

# for the categorical family, with several linear predictors a row, see test_pymc_categorical
SINGLE = {name: kind for name, kind in FAMILIES.items() if kind.values != "unordered"}
# every family with every link, and every family with weights
CASES = [(f"{name}({link})", False) for name, kind in SINGLE.items() for link in kind.links]
CASES += [(name, True) for name in SINGLE]


@cache
def table() -> pd.DataFrame:
    rng = np.random.default_rng(7)
    n = 36
    n_trials = rng.integers(1, 9, n)
    return pd.DataFrame(
        {
            "x": rng.normal(2, 1, n),
            "g": [f"g{i % 4}" for i in range(n)],
            "known": rng.normal(0, 0.3, n),
            "w": rng.uniform(0.3, 2.5, n),
            "n": n_trials,
            "k": rng.binomial(n_trials, 0.4),
            "c": rng.poisson(2, n),
            "t": rng.gamma(3, 0.5, n) + 0.2,
            "u": rng.beta(2, 3, n),
            "y": rng.normal(1, 2, n),
            "o": np.where(rng.random(n) < 0.4, "yes", "no"),
            "r": pd.Categorical(rng.choice(list("abcd"), n), list("abcd"), ordered=True),
        }
    )


def model_of(name: str, weighted: bool, formula: str = "{} ~ x + offset(known) + (x | g)", **options) -> hb.Model:
    own = family(name)
    return hb.Model(formula.format(LEFT[own.values]), table(), family=own, weights="w" if weighted else None, **options)


def log_rows(own: Family, y, eta, parameters, weights, trials):
    """The log likelihood of each row, from scipy's distributions."""
    mu = np.exp(eta)
    yes, no = LOG_SHARES[own.link](eta) if own.link in LOG_SHARES else (None, None)
    match own.name:
        case "gaussian":
            return stats.norm(eta, parameters["sigma"] / np.sqrt(weights)).logpdf(y)
        case "student_t":
            rows = stats.t(parameters["nu"], eta, parameters["sigma"]).logpdf(y)
        case "bernoulli":
            rows = np.where(y == 1, yes, no)
        case "binomial":
            rows = np.log(special.comb(trials, y)) + y * yes + (trials - y) * no
        case "poisson":
            rows = stats.poisson(mu).logpmf(y)
        case "negative_binomial":
            alpha = parameters["alpha"]
            rows = stats.nbinom(alpha, alpha / (alpha + mu)).logpmf(y)
        case "gamma":
            rows = stats.gamma(parameters["alpha"], scale=mu / parameters["alpha"]).logpdf(y)
        case "lognormal":
            rows = stats.lognorm(parameters["sigma"], scale=np.exp(eta)).logpdf(y)
        case "shifted_lognormal":
            rows = stats.lognorm(parameters["sigma"], parameters["shift"], np.exp(eta)).logpdf(y)
        case "exgaussian":
            sigma, nu = parameters["sigma"], parameters["nu"]
            rows = stats.exponnorm(nu / sigma, eta - nu, sigma).logpdf(y)
        case "beta":
            rows = stats.beta(np.exp(yes) * parameters["kappa"], np.exp(no) * parameters["kappa"]).logpdf(y)
        case "ordinal":
            edges = [-np.inf, 0, parameters["gap_2"], parameters["gap_2"] + parameters["gap_3"], np.inf]
            below, above = (np.asarray(edges)[y.astype(int) + side] - eta for side in (-1, 0))
            law = {"logit": stats.logistic, "probit": stats.norm}[own.link]
            rows = np.log(law.cdf(above) - law.cdf(below))
    return weights * rows


def predictor(problem, point):
    eta = problem.offset + problem.X @ point.beta
    for block, b in zip(problem.blocks, point.b, strict=True):
        eta = eta + np.einsum("ik,ik->i", block.Z, b[block.codes])
    return eta


def log_joint(problem, point, aux, drop_weights=False):
    total = sum(log_prior(prior, x) for prior, x in zip(problem.beta_priors, point.beta, strict=True))
    numbers = {"sigma": point.sigma, **aux}
    total += sum(log_prior(own.prior, numbers[own.name]) for own in problem.parameters)
    for block, sd, corr, b in zip(problem.blocks, point.sd, point.corr, point.b, strict=True):
        total += sum(log_prior(prior, x) for prior, x in zip(block.sd_priors, sd, strict=True))
        total += log_corr_prior(block.corr_prior, corr)
        total += stats.multivariate_normal(np.zeros(len(sd)), np.outer(sd, sd) * corr).logpdf(b).sum()
    own, weights = problem.likelihood, np.ones(problem.n) if drop_weights else problem.weights
    return total + log_rows(own, problem.y, predictor(problem, point), numbers, weights, problem.trials).sum()


def aux_values(problem, rng):
    """Values of the family's other parameters; a shift lies below every response."""
    return {
        own.name: 0.15 if own.name == "shift" else float(rng.uniform(0.5, 4)) if own.held is None else own.held
        for own in problem.kernel_parameters[1:]
    }


def at_random(model, seed):
    """Return the problem, a point, and the values of the PyMC model's variables there with their log Jacobian."""
    problem, labels = assemble(model.design, model.resolved_priors)
    rng = np.random.default_rng(seed)
    point, aux = random_point(problem, rng), aux_values(problem, rng)
    if problem.link != "identity":
        # far out a share rounds to 1, and scipy's densities are no oracle
        point = replace(point, beta=0.3 * point.beta, b=tuple(0.3 * b for b in point.b))
    values, jacobian = named_values(problem, labels, point, model.pymc)
    return problem, point, aux, values | aux, jacobian


@cache
def compared(name: str, weighted: bool):
    """Return the PyMC log density, the oracle's, and the oracle's without weights."""
    model = model_of(name, weighted)
    problem, point, aux, values, jacobian = at_random(model, len(name))
    given = logp_function(model)(values)
    return given, log_joint(problem, point, aux) + jacobian, log_joint(problem, point, aux, True) + jacobian


@pytest.mark.parametrize(("name", "weighted"), CASES)
def test_density_is_the_joint_density(name, weighted):
    found, expected, _ = compared(name, weighted)
    # PyMC rounds log 2 in its half-Student density to single precision: three or four of them
    assert found == pytest.approx(expected, rel=1e-9, abs=2e-7)


@pytest.mark.parametrize("name", SINGLE)
def test_a_density_without_the_weights_would_be_told_apart(name):
    found, _, unweighted = compared(name, True)
    assert abs(found - unweighted) > 0.1


@pytest.mark.parametrize("name", SINGLE)
def test_variables_of_the_family(name):
    model = model_of(name, False)
    known = ("sigma", "nu", "alpha", "kappa", "shift", "gap_2", "gap_3")
    own = [v.name for v in model.pymc.free_RVs if v.name in known]
    assert tuple(own) == model.spec.family.parameters
    assert len(model.pymc.observed_RVs) == 1
    observed = model.pymc.rvs_to_values[model.pymc.observed_RVs[0]].eval()
    np.testing.assert_array_equal(observed, model.design.y)
    if name == "binomial":
        np.testing.assert_array_equal(model.pymc["trials"].get_value(), table()["n"])


@pytest.mark.parametrize(
    "name", ["bernoulli(probit)", "binomial(cloglog)", "shifted_lognormal", "exgaussian", "poisson"]
)
def test_what_is_written_out_draws_what_it_says(name):
    """Draws of a response whose parameters are all known have the mean of the family, weighted (poisson) or not."""
    import pymc as pm

    own = family(name)
    fixed = {"sigma": hb.Fixed(0.4), "shift": hb.Fixed(0.15), "nu": hb.Fixed(0.7)}
    priors = {key: fixed[key] for key in own.parameters} | {"sd_g": hb.Fixed(0)}
    model = model_of(name, name == "poisson", "{} ~ 1 + (1 | g)", priors=priors | {"Intercept": hb.Normal(0.3, 1e-9)})
    (response,) = model.pymc.observed_RVs
    values = pm.draw(response, 1000, random_seed=3, mode="FAST_COMPILE")
    assert values.shape == (1000, len(table()))
    expected = own.mean(0.3, {"sigma": 0.4, "shift": 0.15}) * (table()["n"].to_numpy() if own.name == "binomial" else 1)
    ratio = values / expected
    error = ratio.std() / np.sqrt(ratio.size)
    assert abs(ratio.mean() - 1) < 4 * error
    assert error < 0.02  # so that a mean that is a tenth off would be seen


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
def test_shares_keep_their_tails(link):
    """Log probabilities far out are those of scipy, and their slopes are finite however far out."""
    import pytensor
    import pytensor.tensor as pt

    from hierbayes.families.links import log_share_tensors

    eta = pt.vector("eta")
    yes, no = log_share_tensors(link, eta)
    every = pytensor.function(
        [eta], [yes, no, *(pytensor.grad(side.sum(), eta) for side in (yes, no))], mode="FAST_COMPILE"
    )
    at = np.array([-60.0, -35.0, -10.0, -1.0, 0.0, 1.0, 4.0])
    np.testing.assert_allclose(every(at)[:2], LOG_SHARES[link](at), rtol=1e-12)
    assert np.all(np.isfinite(every(np.array([-800.0, -36.0, 36.0, 800.0]))))


@pytest.mark.parametrize("nu", [1e-3, 0.05, 0.3, 2.0, 50.0])
def test_the_exgaussian_density_is_exact_for_any_ratio(nu):
    """Against the convolution of a normal and an exponential, by quadrature."""
    import pytensor.tensor as pt
    from scipy.integrate import quad

    at, sigma = np.array([-2.0, 0.0, 0.7, 3.0]), 0.6
    graph = family("exgaussian").pymc_log_density(pt.as_tensor(at), 0.2, {"sigma": sigma, "nu": nu}, None)
    found = graph.eval(mode="FAST_COMPILE") if hasattr(graph, "eval") else graph
    normal = stats.norm(0.2 - nu, sigma)
    exact = [
        np.log(
            quad(
                lambda e, y=y: normal.pdf(y - e * nu) * np.exp(-e),
                0,
                60,
                epsabs=1e-14,
                limit=500,
                points=[np.clip((y - 0.2 + nu) / nu, 0, 60)],
            )[0]
        )
        for y in at
    ]
    np.testing.assert_allclose(found, exact, rtol=1e-6, atol=1e-8)


def test_working_response_lies_on_the_scale_of_the_predictor():
    problem = model_of("binomial", False).problem
    expected = special.logit((problem.y + 0.5) / (problem.trials + 1)) - problem.offset
    beta = np.linalg.lstsq(problem.X * np.sqrt(problem.trials)[:, None], expected * np.sqrt(problem.trials))[0]
    np.testing.assert_allclose(left_over(problem), expected - problem.X @ beta, atol=1e-10)
    counts = model_of("poisson", False).problem
    np.testing.assert_allclose(counts.likelihood.working_response(counts.y, None), np.log(counts.y + 0.5))
    times = model_of("lognormal", False).problem
    np.testing.assert_allclose(times.likelihood.working_response(times.y, None), np.log(times.y))


def test_known_standard_errors_stand_in_for_sigma():
    model = hb.Model("y | se(w) ~ x + (1 | g)", table())
    problem, labels = model.problem, model.labels
    assert problem.prior_of("sigma") == hb.Fixed(1.0)
    graph = build_pymc(problem, labels)
    assert "sigma" not in [v.name for v in graph.free_RVs]
    np.testing.assert_allclose(problem.weights, table()["w"] ** -2.0)


@pytest.mark.parametrize("link", ["logit", "probit"])
def test_ordered_categories_keep_their_tails(link):
    """Log probabilities far out are those of the family, their slopes finite however far out."""
    import pytensor
    import pytensor.tensor as pt

    own, given = family(f"ordinal({link})", 5), [0.8, 1.3, 0.5]
    eta, y, gaps = pt.vector("eta"), pt.lvector("y"), pt.dvectors(3)
    named = {f"gap_{k}": gap[0] for k, gap in zip((2, 3, 4), gaps, strict=True)}
    rows = own.pymc_log_density(y, eta, named, None)
    slopes = pytensor.grad(rows.sum(), [eta, *gaps])
    every = pytensor.function([eta, y, *gaps], [rows, *slopes], mode="FAST_COMPILE")
    places, scores = (part.ravel() for part in np.meshgrid([-60.0, -9.0, -1.0, 0.4, 3.0, 9.0, 60.0], np.arange(1, 6)))
    numbers = {f"gap_{k}": gap for k, gap in zip((2, 3, 4), given, strict=True)}
    found = every(places, scores, *([gap] for gap in given))
    np.testing.assert_allclose(found[0], own.log_likelihood(scores, places, numbers), rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(found[1], own.score(scores, places, numbers), rtol=1e-9, atol=1e-13)
    for k in range(3):
        ends = [
            own.log_likelihood(scores, places, numbers | {f"gap_{k + 2}": given[k] + h}).sum() for h in (1e-6, -1e-6)
        ]
        assert found[2 + k][0] == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-5)
    far = every(np.repeat([-3000.0, 3000.0], 5), np.tile(np.arange(1, 6), 2), *([gap] for gap in given))
    assert all(np.all(np.isfinite(part)) for part in far)
