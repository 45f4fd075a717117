"""Categories without an order: the likelihood, its slopes and draws, and the joint density by hand."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from oracles.categories import STRUCTURES, log_joint, log_likelihood, moderate, predictors, table
from oracles.given import as_written
from oracles.points import random_point
from scipy import special, stats

import hierbayes as hb
from hierbayes.engines.assemble import assemble
from hierbayes.errors import ModelError
from hierbayes.families import categorical, family, family_from_json
from hierbayes.families import family as by_name

CLASSICAL = json.loads((Path(__file__).parents[1] / "reference" / "classical.json").read_text())
MULTINOM = CLASSICAL["verbagg_multinomial"]
THREE, FIVE = by_name("categorical(logit)", 3), by_name("categorical(logit)", 5)


@cache
def at_random(name: str, seed: int = 5):
    """Return the model of a structure, and a point as a user writes it."""
    model = STRUCTURES[name].model()
    problem, labels = assemble(model.design, model.resolved_priors)
    given, effects = as_written(problem, labels, moderate(random_point(problem, np.random.default_rng(seed))))
    return model, {"sd": given["sd"], "corr": given["corr"], **effects}


# the family


def test_the_family():
    assert family("multinomial") == family("nominal") == family("categorical") == by_name("categorical(logit)")
    assert (THREE.predictors, FIVE.predictors, family("categorical").predictors) == (2, 4, 1)
    assert THREE.parameters == ()
    assert THREE.whole
    assert family_from_json(THREE.to_json()) == THREE
    with pytest.raises(ModelError, match="does not take the link 'probit'"):
        by_name("categorical(probit)")
    for categories in (0, 2, -1):
        with pytest.raises(ModelError, match=f"does not have {categories} categories"):
            family_from_json({"name": "categorical", "link": "logit", "categories": categories})
    with pytest.raises(ModelError, match="have no mean"):
        THREE.mean(np.zeros(4))
    with pytest.raises(ModelError, match="have no variance"):
        THREE.variance(np.zeros(4), {})


# likelihood


@pytest.mark.parametrize("own", [THREE, FIVE], ids=["three", "five"])
def test_log_likelihood_is_that_of_scipy(own):
    rng = np.random.default_rng(1)
    S, n = own.predictors, 40
    eta = rng.normal(0, 3, (7, n, S))
    y, weights = rng.integers(1, S + 2, n), rng.uniform(0.3, 3, n)
    logs = special.log_softmax(np.concatenate([np.zeros((7, n, 1)), eta], axis=-1), axis=-1)
    expected = np.array([[logs[d, i, y[i] - 1] for i in range(n)] for d in range(7)])
    found = own.log_likelihood(y.astype(float), eta.reshape(7, -1), {})
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    np.testing.assert_allclose(own.log_likelihood(y, eta.reshape(7, -1), {}, weights), weights * expected, rtol=1e-13)
    one_hot = np.eye(S + 1)[y - 1]
    probabilities = np.exp(categorical.log_probabilities(eta[0]))
    np.testing.assert_allclose(stats.multinomial(1, probabilities).logpmf(one_hot), found[0], rtol=1e-12)
    # predictors that lie category by category, not row by row, are something else
    assert np.abs(own.log_likelihood(y, np.swapaxes(eta, 1, 2).reshape(7, -1), {}) - expected).max() > 1


def test_given_a_category_or_the_reference_the_odds_are_the_predictor():
    eta = np.random.default_rng(2).normal(0, 2, (20, 4))
    shares = np.exp(categorical.log_probabilities(eta))
    for k in range(1, 5):
        np.testing.assert_allclose(
            shares[:, k] / (shares[:, 0] + shares[:, k]), special.expit(eta[:, k - 1]), rtol=1e-13
        )


@pytest.mark.parametrize("size", [40.0, 800.0, 1e5, 1e12, 1e300])
def test_far_predictors_stay_finite_and_exact(size):
    for eta, expected in (
        ([size, 0.0], [-size, 0.0, -size]),
        ([-size, 0.0], [-np.log(2), -size - np.log(2), -np.log(2)]),
        ([-size, -size], [0.0, -size, -size]),
        ([size, size], [-size - np.log(2), -np.log(2), -np.log(2)]),
    ):
        np.testing.assert_allclose(categorical.log_probabilities(eta), expected, rtol=1e-14, atol=2.1 * np.exp(-size))
        assert np.isfinite(THREE.score(np.arange(1.0, 4.0), np.tile(eta, 3), {})).all()
        assert np.isfinite(THREE.informed(np.asarray(eta), np.eye(2), {})).all()
        assert np.isfinite(THREE.draw(np.tile(eta, 9), {}, np.random.default_rng(1))).all()


@pytest.mark.parametrize("own", [THREE, FIVE], ids=["three", "five"])
def test_scores_are_those_of_differences(own):
    rng = np.random.default_rng(3)
    S, n, h = own.predictors, 12, 1e-5
    eta, y, weights = rng.normal(0, 2, n * S), rng.integers(1, S + 2, n), rng.uniform(0.5, 2, n)
    found = own.score(y, eta, {}, weights)
    for place in range(n * S):
        ends = [
            own.log_likelihood(y, eta + sign * h * (np.arange(n * S) == place), {}, weights).sum() for sign in (1, -1)
        ]
        assert found[place] == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-6, abs=1e-8)
    drawn = rng.normal(0, 2, (4, n * S))
    every = own.score(y, drawn, {}, weights)
    np.testing.assert_array_equal(every[2], own.score(y, drawn[2], {}, weights))
    # many responses at one set of predictors
    many = rng.integers(1, S + 2, (4, n))
    np.testing.assert_array_equal(own.score(many, eta, {})[3], own.score(many[3], eta, {}))


@pytest.mark.parametrize("own", [THREE, FIVE], ids=["three", "five"])
def test_information_is_the_mean_of_the_squared_score(own):
    rng = np.random.default_rng(4)
    S, n, q = own.predictors, 6, 3
    eta, weights, columns = rng.normal(0, 2, n * S), rng.uniform(0.5, 2, n), rng.normal(size=(n * S, q))
    found = own.informed(eta, columns, {}, weights)
    for i in range(n):
        part = slice(i * S, (i + 1) * S)
        logs = special.log_softmax([0.0, *eta[part]])
        scores = [own.score(np.array([k]), eta[part], {}) for k in range(1, S + 2)]
        mean = sum(np.exp(logs[k]) * np.outer(scores[k], scores[k]) for k in range(S + 1))
        np.testing.assert_allclose(found[part], weights[i] * mean @ columns[part], rtol=1e-12, atol=1e-14)
        # the variances alone would be another matrix
        assert np.abs(np.diag(np.diag(mean)) @ columns[part] - mean @ columns[part]).max() > 1e-3
    draws = rng.normal(0, 2, (5, n * S))
    every = own.informed(draws, np.broadcast_to(columns, (5, *columns.shape)), {}, weights)
    np.testing.assert_allclose(every[3], own.informed(draws[3], columns, {}, weights), rtol=1e-13)
    np.testing.assert_allclose(own.informed(draws, columns, {}, weights), every, rtol=1e-13)


def test_the_information_of_other_families_is_diagonal():
    eta, columns = np.linspace(-1, 2, 5), np.random.default_rng(1).normal(size=(5, 2))
    found = family("poisson").informed(eta, columns, {})
    np.testing.assert_allclose(found, np.exp(eta)[:, None] * columns, rtol=1e-14)


# draws


def far_from(counts, probabilities) -> float:
    """The p value of counts under probabilities, by Pearson's statistic."""
    return stats.chisquare(counts, np.asarray(probabilities) * counts.sum()).pvalue


def test_draws_have_the_probabilities():
    eta, size = np.array([0.7, -1.2, 0.1, 1.5]), 60_000
    found = FIVE.draw(np.tile(eta, size), {}, np.random.default_rng(6))
    assert found.shape == (size,)
    counts = np.array([np.sum(found == k) for k in range(1, 6)])
    assert counts.sum() == size
    expected = special.softmax([0.0, *eta])
    assert far_from(counts, expected) > 1e-3
    assert far_from(counts, special.softmax([0.0, *(eta + np.array([0.1, 0, 0, 0]))])) < 1e-6
    assert far_from(counts, expected[[1, 0, 2, 3, 4]]) < 1e-6


def test_the_prior_predictive_has_the_mean_probabilities():
    """Over all draws of the priors: of each row the frequency is the mean of the probabilities at the same draws."""
    from hierbayes.comparison.prior_draws import draw_parameters, draw_responses
    from hierbayes.posterior.predictor import add_predictor

    model = STRUCTURES["slopes"].model(
        priors={"Intercept": hb.Normal(0.5, 1), "x": hb.Normal(0, 0.5), "sd_g": hb.HalfNormal(0.5)}
    )
    problem, draws = model.problem, 4000
    rng = np.random.default_rng(7)
    drawn = draw_parameters(problem, draws, rng)
    eta = np.zeros((draws, 2 * problem.n))
    add_predictor(eta, problem, problem.blocks, drawn.beta, drawn.b)
    found = draw_responses(problem, drawn, rng)
    shares = np.exp(categorical.log_probabilities(categorical.apart(eta, 3)))
    gaps, swapped = [], []
    for k in range(3):
        own = shares[:, :, k]
        error = np.sqrt((own * (1 - own)).sum(axis=0)) / draws
        gaps.append(((found == k + 1).mean(axis=0) - own.mean(axis=0)) / error)
        swapped.append(((found == (k + 1) % 3 + 1).mean(axis=0) - own.mean(axis=0)) / error)
    assert np.abs(gaps).max() < 4.5
    assert np.std(gaps) == pytest.approx(1, abs=0.2)
    assert np.abs(swapped).max() > 20


def test_prior_draws_have_the_shape_of_the_model():
    model = STRUCTURES["crossed"].model()
    tree = model.prior_predictive(draws=50, seed=2)
    response = tree["prior_predictive"]["y4"].to_numpy()
    assert response.shape == (1, 50, len(table()))
    assert set(np.unique(response)) == {1.0, 2.0, 3.0, 4.0}
    prior = model.prior_draws(draws=50, seed=2)
    assert prior["beta"].shape == (1, 50, 6)
    assert prior["corr_h"].shape == (1, 50, 6, 6)
    assert prior["b_h"]["h_term"].to_numpy().tolist() == [
        f"{name}:{term}" for name in ("beer", "water", "cola") for term in ("Intercept", "x")
    ]
    again = model.prior_predictive(draws=50, seed=2)["prior_predictive"]["y4"].to_numpy()
    np.testing.assert_array_equal(response, again)


# the joint density


@pytest.mark.parametrize("name", STRUCTURES)
def test_the_density_is_that_written_by_hand(name):
    model, at = at_random(name)
    expected = log_joint(STRUCTURES[name], model, **at)
    assert model.log_density(**at) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", ["slopes", "uncorrelated", "crossed", "weights"])
def test_the_check_sees_exchanged_categories(name):
    structure, (model, at) = STRUCTURES[name], at_random(name)
    first, second, *_ = structure.categories
    swap = {first: second, second: first}
    answers = [swap.get(str(value), str(value)) for value in table()[structure.formula.split()[0]]]
    exchanged = log_joint(structure, model, **at, answers=answers)
    assert abs(model.log_density(**at) - exchanged) > 1
    # nor is it blind to the effects of one category
    moved = at | {"b": {factor: own + np.eye(own.shape[1])[-1] for factor, own in at["b"].items()}}
    assert abs(model.log_density(**moved) - log_joint(structure, model, **at)) > 0.1
    assert model.log_density(**moved) == pytest.approx(log_joint(structure, model, **moved), rel=1e-9)


def test_weights_are_rows_repeated():
    data = table().head(40).assign(w=1.0)
    twice = data.assign(w=np.where(np.arange(40) < 10, 3.0, 1.0))
    rows = data.loc[np.repeat(data.index, twice["w"].astype(int))]
    # two regressions with one prior: the density of beta moves by the same
    options = {"family": "categorical", "priors": {"beta": hb.Normal(0, 2)}}
    weighted = hb.Model("y3 ~ 0 + x", twice, weights="w", **options)
    repeated = hb.Model("y3 ~ 0 + x", rows, **options)
    beta = np.array([0.4, -0.7])
    assert weighted.log_density(beta=beta) == pytest.approx(repeated.log_density(beta=beta), rel=1e-12)
    assert abs(weighted.log_density(beta=beta) - hb.Model("y3 ~ 0 + x", data, **options).log_density(beta=beta)) > 1


def test_the_density_refuses_sigma():
    model, at = at_random("intercepts")
    with pytest.raises(ModelError, match="the categorical family has no sigma"):
        model.log_density(**at, sigma=1.0)
    with pytest.raises(ModelError):
        model.log_density(sd=at["sd"])


# nnet::multinom


def of_multinom(what: str = "coef") -> np.ndarray:
    """R's estimates, or their standard errors, in the order of our coefficients: R's GenderM is our Gender[M]."""
    model = verbagg()
    names = {"Intercept": "(Intercept)", "Anger": "Anger", "Gender[M]": "GenderM", "btype[scold]": "btypescold"}
    names |= {"btype[shout]": "btypeshout", "situ[self]": "situself"}
    parts = [label.split(":", 1) for label in model.design.coefficients]
    return np.array([MULTINOM[what][name][names[label]] for name, label in parts])


@cache
def verbagg() -> hb.Model:
    return hb.Model("resp ~ Anger + Gender + btype + situ", hb.load_data("verbagg"), family="categorical")


def test_the_likelihood_is_that_of_multinom():
    design = verbagg().design
    assert list(design.categories) == MULTINOM["levels"]

    def total(beta):
        return design.family.log_likelihood(design.y, design.X @ beta, {}).sum()

    beta = of_multinom()
    assert total(beta) == pytest.approx(MULTINOM["logLik"], abs=1e-6)
    slope = design.X.T @ design.family.score(design.y, design.X @ beta, {})
    assert np.abs(slope).max() < 0.01
    # it is a maximum, and its standard errors are those of the information
    information = design.X.T @ design.family.informed(design.X @ beta, design.X, {})
    ours = np.sqrt(np.diag(np.linalg.inv(information)))
    np.testing.assert_allclose(ours, of_multinom("se"), rtol=1e-5)
    assert total(np.roll(beta, 6)) < total(beta) - 100  # the two categories exchanged
    shares = np.exp(categorical.log_probabilities(categorical.apart(design.X @ beta, 3)))
    # with an intercept the mean probabilities of a maximum are the shares of the data
    np.testing.assert_allclose(shares.mean(axis=0), np.bincount(design.y.astype(int))[1:] / design.n, atol=1e-6)


def test_the_oracle_counts_every_row():
    """The hand-written likelihood is not ours: it reads the table, and moves with every row."""
    structure, (model, at) = STRUCTURES["regression"], at_random("regression")
    eta = predictors(structure, model.design, at["beta"], at["b"])
    moved = eta.copy()
    moved[7, 1] += 0.5
    assert log_likelihood(structure, moved) != log_likelihood(structure, eta)
    np.testing.assert_allclose(model.design.X @ at["beta"], eta.ravel(), rtol=1e-12)


def test_a_region_for_all_coefficients_leaves_every_intercept_out():
    model = hb.Model("y ~ x", pd.DataFrame({"y": list("abcabcba"), "x": np.linspace(-1, 1, 8)}), family="categorical")
    fit = model.attach(model.prior_draws(draws=50, seed=1))
    assert fit.rope((-0.1, 0.1))["quantity"].tolist() == ["b:x", "c:x"]


def test_a_category_with_a_blank_is_asked_of_in_backquotes():
    data = pd.DataFrame({"y": ["no", "not sure", "yes"] * 4, "x": np.linspace(-1, 1, 12)})
    model = hb.Model("y ~ x", data, family="categorical")
    fit = model.attach(model.prior_draws(draws=400, seed=1))
    with pytest.raises(hb.FormulaError, match=r"there is no parameter 'not'(.|\n)*backquotes: `not sure:Intercept`"):
        fit.hypothesis("not sure:x > 0")
    asked = fit.hypothesis("`not sure:x` > 0").table["prob"][0]
    assert asked == float((fit.posterior["beta"].sel(coef="not sure:x") > 0).mean())
