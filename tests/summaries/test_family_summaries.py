"""Variance shares, R2, anova and pooling of every family, against loops, closed forms and hand-computed logits."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest
from family_fits import EVERY, OTHERS, made_up, parameters, predictors, response, table, variances
from fits import fake_fit
from scipy.optimize import minimize
from scipy.special import logit, polygamma

import hierbayes as hb
from hierbayes.estimates import Responses, maximum_by_level, maximum_likelihood
from hierbayes.families import family as by_name

BERNOULLI, BINOMIAL, POISSON = by_name("bernoulli(logit)"), by_name("binomial(logit)"), by_name("poisson(log)")
OWN = {"sigma": 0.7, "nu": 4.5, "alpha": 2.5, "kappa": 6.0, "shift": 0.4, "gap_2": 0.8, "gap_3": 1.3}


def residual(fit) -> np.ndarray:
    """The residual variance on the scale of the link, by the definitions."""
    family, own = fit.spec.family, {k: v[..., 0] for k, v in parameters(fit).items()}
    if family.name in ("bernoulli", "binomial", "ordinal"):
        fixed = {"logit": np.pi**2 / 3, "probit": 1.0, "cloglog": np.pi**2 / 6}[family.link]
        return np.full((2, 30), fixed)
    if family.name == "student_t":
        return own["sigma"] ** 2 * own["nu"] / (own["nu"] - 2)
    if family.name == "exgaussian":
        return own["sigma"] ** 2 + own["nu"] ** 2
    if "lognormal" in family.name or family.name == "gaussian":
        return own["sigma"] ** 2
    if family.name == "gamma":
        return polygamma(1, own["alpha"])
    mean = np.asarray(fit.predict(groups="average", draws=True)).mean(axis=2)
    if family.name == "poisson":
        return polygamma(1, mean)
    if family.name == "negative_binomial":
        return polygamma(1, 1 / (1 / mean + 1 / own["alpha"]))
    step, eta = 1e-5, family.linked(mean)
    slope = (family.inverse(eta + step) - family.inverse(eta - step)) / (2 * step)
    return mean * (1 - mean) / (1 + own["kappa"]) / slope**2


@pytest.mark.parametrize("family", EVERY, ids=str)
def test_shares_and_nakagawa(family):
    fit, data = made_up(family), table()
    post = fit.posterior
    sd, corr = post["sd_g"].to_numpy(), post["corr_g"].to_numpy()
    z = np.column_stack([np.ones(60), data["x"]])
    g = np.einsum("ni,cdi,cdij,cdj,nj->cdn", z, sd, corr, sd, z).mean(axis=2)
    h, left = post["sd_h"].to_numpy()[..., 0] ** 2, residual(fit)
    table_ = fit.icc().set_index("group")
    total = g + h + left
    for name, part in (("g", g), ("h", h), ("Residual", left)):
        assert table_["mean"][name] == pytest.approx(np.mean(part / total), rel=1e-8)
    fixed = predictors(fit, level="none").var(axis=2, ddof=1)
    r2 = fit.r2().set_index(["method", "kind"])["mean"]
    assert r2["nakagawa", "marginal"] == pytest.approx(np.mean(fixed / (fixed + total)), rel=1e-8)
    assert r2["nakagawa", "conditional"] == pytest.approx(np.mean((fixed + g + h) / (fixed + total)), rel=1e-8)
    assert ("note" in table_) == (family.name != "gaussian")
    if family.link in ("logit", "probit", "cloglog") and family.name != "beta":
        assert family.link in table_["note"]["Residual"]


@pytest.mark.parametrize("family", EVERY, ids=str)
def test_bayesian_r2_on_the_scale_of_the_response(family):
    fit, trials = made_up(family), table()["n"].to_numpy()
    eta, own = predictors(fit), parameters(fit)
    fitted = family.mean(eta, own).var(axis=2, ddof=1)
    noise = np.broadcast_to(family.variance(eta, own, trials=trials), eta.shape)
    noise = (noise / (trials**2 if family.name == "binomial" else 1)).mean(axis=2)
    r2 = fit.r2().set_index(["method", "kind"])["mean"]
    assert r2["bayes", "conditional"] == pytest.approx(np.mean(fitted / (fitted + noise)), rel=1e-8)
    # marginal, by a grid over the levels that there might be
    nodes = np.linspace(-8, 8, 161)
    weights = np.exp(-0.5 * nodes**2) / np.exp(-0.5 * nodes**2).sum()
    base, sd = predictors(fit, level="none"), np.sqrt(variances(fit))
    mean = square = within = 0.0
    for node, w in zip(nodes, weights, strict=True):
        one = family.mean(base + node * sd, own)
        mean, square = mean + w * one, square + w * one**2
        noise = family.variance(base + node * sd, own, trials=trials)
        within = within + w * noise / (trials**2 if family.name == "binomial" else 1)
    fitted = mean.var(axis=2, ddof=1)
    expected = np.mean(fitted / (fitted + (within + square - mean**2).mean(axis=2)))
    assert r2["bayes", "marginal"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("family", OTHERS, ids=str)
def test_anova_and_pooling_factors(family):
    fit = made_up(family)
    found = fit.anova()
    assert list(found.index[:2]) == ["x", "f"]
    assert found.index[-1] == "Residual"
    assert not {"F", "sum_sq", "p"} & set(found)
    expected = np.median(np.sqrt(residual(fit)))
    assert found["super_sd"]["Residual"] == pytest.approx(expected, rel=1e-8)
    assert found["super_sd"]["h"] == pytest.approx(float(fit.posterior["sd_h"].median()), rel=1e-9)
    factors = fit.pooling()
    assert list(factors.terms["group"]) == ["g", "g", "h"]
    # one random intercept: 1 / (1 + information sd^2), with the information at the posterior means
    eta = predictors(fit).mean(axis=(0, 1))
    own = {name: float(fit.posterior[name].mean()) for name in family.parameters}
    known = family.information(eta, own, 1.0, table()["n"] if family.name == "binomial" else None)
    level = np.bincount(pd.Categorical(table()["h"]).codes, weights=np.broadcast_to(known, 60))
    sd2 = fit.posterior["sd_h"].to_numpy()[..., 0] ** 2
    expected = [np.mean(1 / (1 + sd2 * total)) for total in level]
    np.testing.assert_allclose(factors.levels.query("group == 'h'")["factor"], expected, rtol=1e-9)


@pytest.mark.parametrize("family", EVERY, ids=str)
def test_score_and_information(family):
    y = {"real": 0.7, "positive": 1.9, "count": 3.0, "binary": 1.0, "binomial": 5.0, "unit": 0.3, "ordered": 2.0}
    y = y[family.values]
    trials = 8.0 if family.name == "binomial" else None
    eta, step = np.linspace(-1.5, 1.5, 7), 1e-5
    ends = [family.log_likelihood(y, eta + s * step, OWN, 1.3, trials) for s in (1, -1)]
    if family.name != "gaussian":
        np.testing.assert_allclose(
            family.score(y, eta, OWN, 1.3, trials), (ends[0] - ends[1]) / (2 * step), rtol=2e-5, atol=1e-6
        )
    if family.name == "exgaussian":
        return

    rng, at = np.random.default_rng(3), 0.4
    drawn = family.draw(np.full(60_000, at), OWN, rng, trials=trials)
    slopes = family.score(drawn, at, OWN, 1.0, trials)
    known = float(family.information(at, OWN, 1.0, trials))
    assert abs(slopes.mean()) < 4 * np.sqrt(known / 60_000)
    assert slopes.var() == pytest.approx(known, rel=0.06)


@pytest.mark.parametrize("family", [f for f in OTHERS if f.name != "shifted_lognormal"], ids=str)
def test_maximum_likelihood_is_the_maximum(family):
    data, fit = table(), made_up(family)
    design = fit.design
    rows = Responses(family, design.y, OWN, design.offset, data["w"].to_numpy(), design.trials)
    found = maximum_likelihood(rows, design.X)
    best = minimize(lambda beta: -rows.log_likelihood(design.X @ beta), np.zeros(3), method="BFGS", tol=1e-9)
    # the information of the ex-Gaussian is approximate, so its steps are, and they stop a little short
    near = 1e-4 if family.name == "exgaussian" else 1e-7
    assert rows.log_likelihood(design.X @ found.beta) >= -best.fun - near
    np.testing.assert_allclose(found.beta, best.x, atol=2e-2 if family.name == "exgaussian" else 2e-4)


def test_levels_alone_are_hand_computed_logits():
    k, n, codes = np.array([3.0, 1.0, 0.0, 5.0, 2.0]), np.array([5.0, 5.0, 4.0, 5.0, 3.0]), np.array([0, 0, 1, 2, 3])
    rows = Responses(BINOMIAL, k, {}, np.zeros(5), np.ones(5), n)
    fit = maximum_by_level(rows, np.zeros((5, 0)), np.ones((5, 1)), codes, 4, np.zeros(0))
    np.testing.assert_allclose(fit.coef[[0, 3], 0], logit([0.4, 2 / 3]), rtol=1e-8)
    assert list(fit.too_small) == [False, True, True, False]
    assert np.isnan(fit.coef[[1, 2]]).all()
    # the standard error of a logit is 1 / sqrt(n p q)
    np.testing.assert_allclose(fit.se[[0, 3], 0], 1 / np.sqrt([10 * 0.24, 3 * 2 / 9]), rtol=1e-7)


def test_separated_slopes_take_no_part():
    x = np.tile(np.arange(6.0), 3)
    y = np.concatenate([[0, 0, 0, 1, 1, 1], [0, 1, 0, 1, 0, 1], [1, 0, 1, 1, 0, 0]]).astype(float)
    Z, codes = np.column_stack([np.ones(18), x]), np.repeat([0, 1, 2], 6)
    fit = maximum_by_level(
        Responses(BERNOULLI, y, {}, np.zeros(18), np.ones(18)), np.zeros((18, 0)), Z, codes, 3, np.zeros(0)
    )
    assert list(fit.too_small) == [True, False, False]
    alone = maximum_likelihood(Responses(BERNOULLI, y[6:12], {}, np.zeros(6), np.ones(6)), Z[6:12])
    np.testing.assert_allclose(fit.coef[1], alone.beta, rtol=1e-6)
    assert maximum_likelihood(Responses(BERNOULLI, y[:6], {}, np.zeros(6), np.ones(6)), Z[:6]) is None


@pytest.mark.parametrize("family", OTHERS, ids=str)
def test_pooling_tables(family):
    fit = made_up(family)
    tables = fit.pooling_tables("h")
    found = tables.table.set_index("level")
    total = fit.posterior["beta"].sel(coef="Intercept") + fit.posterior["b_h"].sel(h="u", h_term="Intercept")
    assert found["partial"]["u"] == pytest.approx(float(total.mean()), rel=1e-9)
    assert found["factor"].between(0, 1).all()
    if family.name == "bernoulli":
        assert tables.binary
        assert tables.y_label == "binary"
    if family.name in ("bernoulli", "binomial", "beta"):
        assert tables.curves[["complete", "no", "partial"]].stack().between(0, 1).all()
        assert tables.points["y"].between(0, 1).all()


def test_complete_and_no_pooling_of_counts():
    """With an intercept alone, complete and no pooling are logarithms of means over exposures."""
    data = table().assign(e=lambda d: np.log(d["n"]))
    fit = fake_fit("count ~ 1 + offset(e) + (1 | g)", data, family="poisson")
    found = fit.pooling_tables().table.set_index("level")
    rate = data.groupby("g")[["count", "n"]].sum()
    np.testing.assert_allclose(found["no"], np.log(rate["count"] / rate["n"])[found.index], rtol=1e-7)
    assert found["complete"].iloc[0] == pytest.approx(np.log(data["count"].sum() / data["n"].sum()))


@pytest.mark.parametrize("name", ["effective_n", "variance_of_mean"])
def test_what_is_for_the_gaussian_says_so(name):
    with pytest.raises(hb.errors.ModelError, match=r"gaussian.*bernoulli"):
        getattr(made_up(BERNOULLI), name)()


@pytest.mark.parametrize("method", ["reml", "ml", "classical"])
def test_classical_fits_are_refused(method):
    fit = made_up(BERNOULLI)
    asked = partial(hb.classical, fit) if method == "classical" else getattr(fit.model, method)
    with pytest.raises(hb.errors.ModelError, match="gaussian") as caught:
        asked()
    assert caught.value.hint


@pytest.mark.parametrize("family", OTHERS, ids=str)
def test_questions_on_both_scales(family):
    fit = made_up(family)
    data, own = table(), parameters(fit)
    coef = {c: fit.posterior["beta"].sel(coef=c).to_numpy()[..., None] for c in ("Intercept", "x", "f[low]")}
    mean_x = data["x"].mean()
    eta = {
        level: coef["Intercept"] + mean_x * coef["x"] + low * coef["f[low]"] for level, low in (("high", 0), ("low", 1))
    }
    link, real = fit.means("f").set_index("f")["mean"], fit.means("f", scale="response").set_index("f")["mean"]
    for level, values in eta.items():
        assert link[level] == pytest.approx(values.mean(), rel=1e-9, abs=1e-12)
        assert real[level] == pytest.approx(family.mean(values, own).mean(), rel=1e-9)
    gap = family.mean(eta["low"], own) - family.mean(eta["high"], own)
    found = fit.contrasts("f", scale="response")
    assert found["mean"][0] == pytest.approx(gap.mean(), rel=1e-8)
    assert found["prob_positive"][0] == pytest.approx((gap > 0).mean())
    # slopes: differences of the mean response, averaged over the rows with and without the effects of a factor
    step = 1e-5
    base = predictors(fit, level="none")
    moved = (family.mean(base + step * coef["x"], own) - family.mean(base - step * coef["x"], own)) / (2 * step)
    average = fit.slopes("x", average=True, scale="response")
    assert average["mean"][0] == pytest.approx(moved.mean(), rel=1e-6)
    b = fit.posterior["b_g"].transpose("chain", "draw", "g", "g_term").to_numpy()
    code = pd.Categorical(data["g"]).codes
    with_g = base + b[:, :, code, 0] + data["x"].to_numpy() * b[:, :, code, 1]
    turn = coef["x"] + b[:, :, code, 1]
    moved = (family.mean(with_g + step * turn, own) - family.mean(with_g - step * turn, own)) / (2 * step)
    levels = fit.slopes("x", groups="g", scale="response").set_index("level")["mean"]
    for level in ("a", "d"):
        assert levels[level] == pytest.approx(moved[..., data["g"] == level].mean(), rel=1e-6)
    grid = fit.slopes("x", scale="response")["mean"][0]
    middle = [
        (family.mean(e + step * coef["x"], own) - family.mean(e - step * coef["x"], own)) / (2 * step)
        for e in eta.values()
    ]
    assert grid == pytest.approx(np.mean(middle), rel=1e-6)


def test_parameters_of_the_family_have_names():
    fit = made_up(by_name("negative_binomial(log)"))
    draws = fit.posterior["alpha"].to_numpy()
    asked = fit.hypothesis("alpha > 1").table
    assert asked["prob"][0] == pytest.approx((draws > 1).mean())
    assert 0 < asked["prior_prob"][0] < 1
    with pytest.raises(hb.errors.FormulaError, match="sigma"):
        fit.hypothesis("sigma > 1")
    with pytest.raises(hb.errors.ModelError, match="scale"):
        fit.means("f", scale="logit")


@pytest.mark.parametrize("family", EVERY, ids=str)
def test_priors_of_every_family_can_be_drawn(family):
    fit = made_up(family)
    prior = fit.model.prior_draws(draws=50, seed=1)
    assert set(family.parameters) <= set(prior.data_vars)
    assert fit.model.prior_predictive(draws=20, seed=1)["prior_predictive"]
    beside = fit.prior_posterior(draws=200)
    assert list(beside.index[-len(family.parameters) :] if family.parameters else []) == list(family.parameters)
    assert response(family)
