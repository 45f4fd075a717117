"""`Model.reml` and `Model.ml` through their tables, against lme4's figures and dense computations."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from linear_catalogue import linear_models
from scipy.stats import norm

import hierbayes as hb
from hierbayes.catalogue import catalogue

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "classical.json").read_text())
NAMES = tuple(linear_models())
COLUMNS = ["mean", "sd", "median", "lower", "upper"]


def model_of(name):
    spec = catalogue()[name]
    return hb.Model(spec.formula, spec.table(), **spec.options())


def label(name):
    """Return lme4's name of a coefficient as R writes it."""
    return name.replace("[", "").replace("]", "").replace("Intercept", "(Intercept)")


def own_group(reference, factor):
    """Return the reference's entry of a factor; an interaction may stand in the other order."""
    return reference.get(factor) or reference[":".join(reversed(factor.split(":")))]


def levels_of(group, factor, reference):
    if factor in reference:
        return group["levels"]
    return [":".join(reversed(level.split(":"))) for level in group["levels"]]


def plain(level):
    return level.replace(" ", ".")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", ["reml", "ml"])
def test_estimates_are_those_of_lme4(name, method):
    fit = getattr(model_of(name), method)()
    reference = REFERENCE[name] if method == "reml" else REFERENCE[name]["ml"]
    wanted = REFERENCE[name]["reml_criterion" if method == "reml" else "ml_deviance"]
    assert fit.criterion == pytest.approx(wanted, abs=1e-6)
    assert fit.loglik == pytest.approx(-wanted / 2, abs=1e-6)
    found = fit.fixef()
    assert set(map(label, found.index)) == set(reference["fixef"])
    ordered = [reference["fixef"][label(name)] for name in found.index]
    np.testing.assert_allclose(found["mean"], ordered, rtol=1e-5, atol=1e-5)
    table = fit.varcorr().set_index(["group", "term", "term2"])["mean"]
    assert table["Residual", "", ""] == pytest.approx(reference["sigma"], rel=1e-4)
    for factor in fit.design.factors:
        group = own_group(reference["varcorr"], factor)
        for i, (term, sd) in enumerate(zip(group["names"], group["sd"], strict=True)):
            key = term.replace("(Intercept)", "Intercept")
            assert table[factor, key, ""] == pytest.approx(sd, rel=1e-4, abs=1e-12)
            for j in range(i):
                if (factor, group["names"][j].replace("(Intercept)", "Intercept"), key) in table.index:
                    assert table[factor, "Intercept", key] == pytest.approx(group["corr"][i][j], abs=1e-4)
    assert fit.singular == (name == "dyestuff2")


@pytest.mark.parametrize("name", NAMES)
def test_standard_errors_and_effects_are_those_of_lme4(name):
    fit = model_of(name).reml()
    errors = [REFERENCE[name]["se"][label(coefficient)] for coefficient in fit.fixef().index]
    np.testing.assert_allclose(fit.fixef()["sd"], errors, rtol=1e-4)
    table = fit.ranef()
    checked = 0
    for factor in fit.design.factors:
        group = own_group(REFERENCE[name]["ranef"], factor)
        values = pd.DataFrame(
            group["values"],
            index=list(map(plain, levels_of(group, factor, REFERENCE[name]["ranef"]))),
            columns=[term.replace("(Intercept)", "Intercept") for term in group["names"]],
        )
        own = table[table["group"] == factor]
        size = np.abs(values.to_numpy()).max() + 1e-9
        for row in own.itertuples():
            assert row.mean == pytest.approx(values.loc[plain(row.level), row.term], abs=1e-4 * size)
            checked += 1
    assert checked == len(table) == sum(b.n_levels * len(b.terms) for b in fit.design.groups)


@pytest.mark.parametrize("formula", [None, "Reaction ~ 0 + (Days | Subject)", "Reaction ~ Days + (Days || Subject)"])
def test_tables_have_the_rows_of_the_posterior(formula):
    """The names of rows are those of a Fit, so that the two can be laid side by side."""
    sleep = hb.load_data("sleepstudy")
    models = [model_of(name) for name in NAMES] if formula is None else [hb.Model(formula, sleep)]
    for model in models:
        reml, fit = model.reml(), model.fit(seed=1, progress=False)
        for name, keys in (
            ("varcorr", ["group", "term", "term2", "kind"]),
            ("ranef", ["group", "level", "term"]),
            ("coef", ["group", "level", "term"]),
        ):
            ours, theirs = getattr(reml, name)(), getattr(fit, name)()
            pd.testing.assert_frame_equal(ours[keys], theirs[keys], check_dtype=False)
            assert list(ours.columns) == [*keys, *COLUMNS]
        assert list(reml.fixef().index) == list(fit.fixef().index)
        assert list(reml.fixef().columns) == COLUMNS


def test_totals_are_coefficients_plus_modes():
    fit = hb.Model("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy")).reml()
    total = fit.coef().set_index(["level", "term"])["mean"]
    modes = fit.ranef().set_index(["level", "term"])["mean"]
    for level, term in modes.index:
        assert total[level, term] == pytest.approx(modes[level, term] + fit.fixef()["mean"][term])
    assert total["308", "Days"] == pytest.approx(10.4672859596 + 9.1989719, abs=1e-4)
    assert fit.coef()[["sd", "lower", "upper"]].isna().all(axis=None)


def test_information_criteria_are_those_of_lme4():
    """The figures that lme4 prints for its own examples."""
    model = hb.Model("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy"))
    assert (model.reml().aic, model.reml().bic) == pytest.approx((1755.628, 1774.786), abs=1e-3)
    assert (model.ml().aic, model.ml().bic) == pytest.approx((1763.939, 1783.097), abs=1e-3)
    for name in NAMES:
        fit = model_of(name).ml()
        design = fit.design
        count = len(design.coefficients) + 1
        for block in design.groups:
            k = len(block.terms)
            count += k * (k + 1) // 2 if block.correlated else k
        assert fit.aic == pytest.approx(fit.criterion + 2 * count)
        assert fit.bic == pytest.approx(fit.criterion + np.log(design.n) * count)


def test_dyestuff2_is_exactly_zero_and_says_singular():
    model = model_of("dyestuff2")
    for fit in (model.reml(), model.ml()):
        assert fit.singular is True
        assert fit.varcorr()["mean"][0] == 0.0
        assert (fit.ranef()[["mean", "sd"]] == 0).all(axis=None)
        assert fit.varcorr()[["sd", "lower", "upper"]].isna().all(axis=None)
        assert "singular" in repr(fit)
    assert "singular" not in repr(model_of("dyestuff").reml())


def criterion(model, x, reml):
    """Return minus the log likelihood, dense, at (log sds, atanh corr, log sigma) of one correlated or plain term."""
    X, y, block = model.design.X, model.design.y, model.design.groups[0]
    k = len(block.terms)
    sd, corr = np.exp(x[:k]), np.eye(k)
    if k == 2:
        corr[0, 1] = corr[1, 0] = np.tanh(x[2])
    same = block.codes[:, None] == block.codes
    V = same * (block.Z @ (np.outer(sd, sd) * corr) @ block.Z.T) + np.exp(2 * x[-1]) * np.eye(len(y))
    inverse = np.linalg.inv(V)
    information = X.T @ inverse @ X
    gap = y - X @ np.linalg.solve(information, X.T @ inverse @ y)
    value = 0.5 * (np.linalg.slogdet(V)[1] + gap @ inverse @ gap)
    return value + (0.5 * np.linalg.slogdet(information)[1] if reml else 0.0)


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("name", ["sleepstudy", "sleepstudy_intercept", "cake", "dyestuff"])
def test_errors_of_variance_components_come_from_the_dense_hessian(name, reml):
    model = model_of(name)
    fit = model.reml() if reml else model.ml()
    table = fit.varcorr(0.9)
    mean = table["mean"].to_numpy()
    kinds = table["kind"].to_numpy()
    x = np.where(kinds == "corr", np.arctanh(np.where(kinds == "corr", mean, 0)), np.log(np.abs(mean)))
    size, h = len(x), 2e-3
    steps = h * np.eye(size)
    hessian = np.array(
        [
            [
                sum(a * b * criterion(model, x + a * steps[i] + b * steps[j], reml) for a in (1, -1) for b in (1, -1))
                / (4 * h * h)
                for j in range(size)
            ]
            for i in range(size)
        ]
    )
    error = np.sqrt(np.diag(np.linalg.inv(hessian)))
    slope = np.where(kinds == "corr", 1 - mean**2, mean)
    np.testing.assert_allclose(table["sd"], slope * error, rtol=1e-3)
    for side, sign in (("lower", -1), ("upper", 1)):
        limits = x + sign * norm.ppf(0.95) * error
        np.testing.assert_allclose(table[side], np.where(kinds == "corr", np.tanh(limits), np.exp(limits)), rtol=2e-3)


def test_errors_of_a_balanced_layout_in_closed_form():
    """Mean squares of a balanced one-way layout are independent, each with variance 2 MS² / df."""
    model = model_of("dyestuff")
    table = model.reml().varcorr()
    sd, sigma = table["mean"]
    between, within = 5 * sd**2 + sigma**2, sigma**2
    wanted = np.sqrt(2 * between**2 / 5 + 2 * within**2 / 24) / 5 / (2 * sd), sigma / np.sqrt(48)
    np.testing.assert_allclose(table["sd"], wanted, rtol=1e-4)


def test_wald_limits():
    fit = model_of("sleepstudy").reml()
    table = fit.fixef(0.9)
    np.testing.assert_allclose(table["upper"] - table["mean"], norm.ppf(0.95) * table["sd"])
    np.testing.assert_allclose(table["mean"] - table["lower"], norm.ppf(0.95) * table["sd"])
    with pytest.raises(hb.ModelError, match="ci_prob"):
        fit.fixef(1.5)


def test_no_groups_is_least_squares():
    sleep = hb.load_data("sleepstudy")
    reference = REFERENCE["sleepstudy_pooled"]
    fit = hb.Model("Reaction ~ Days", sleep).reml()
    np.testing.assert_allclose(fit.fixef()["mean"], list(reference["fixef"].values()), rtol=1e-8)
    np.testing.assert_allclose(fit.fixef()["sd"], list(reference["se"].values()), rtol=1e-8)
    assert fit.varcorr()["mean"].tolist() == pytest.approx([reference["sigma"]], rel=1e-8)
    assert fit.varcorr()["sd"].tolist() == pytest.approx([reference["sigma"] / np.sqrt(2 * 178)], rel=1e-4)
    assert (len(fit.ranef()), len(fit.coef()), fit.singular) == (0, 0, False)
    assert repr(fit).startswith("Linear model fit by REML")
    ml = hb.Model("Reaction ~ Days", sleep).ml()
    squares = 178 * reference["sigma"] ** 2
    assert ml.loglik == pytest.approx(-90 * (np.log(2 * np.pi * squares / 180) + 1), rel=1e-10)


def test_text_and_html():
    fit = model_of("sleepstudy").reml()
    text = repr(fit)
    assert str(fit) == fit.summary() == text
    for said in ("fit by REML", "REML criterion: 1743.6283", "24.740", "0.06555", "25.592", "251.41", "6.825"):
        assert said in text
    assert "fit by ML" in repr(model_of("sleepstudy").ml())
    assert fit._repr_html_().startswith("<pre>")
    hostile = hb.load_data("dyestuff").rename(columns={"Batch": "a<b"})
    assert "a&lt;b" in hb.Model("Yield ~ 1 | `a<b`", hostile).reml()._repr_html_()


def test_priors_play_no_part():
    sleep = hb.load_data("sleepstudy")
    formula = "Reaction ~ Days + (Days | Subject)"
    told = hb.Model(formula, sleep, priors={"sd_Subject": hb.HalfNormal(0.1), "Days": hb.Normal(0, 0.1)})
    assert told.reml().criterion == pytest.approx(1743.6282719, abs=1e-6)


def test_what_is_fixed_is_refused_in_words():
    sleep = hb.load_data("sleepstudy")
    for priors in ({"sd_Subject": hb.Fixed(1)}, {"sigma": hb.Fixed(1)}):
        with pytest.raises(hb.ModelError, match="fixed"):
            hb.Model("Reaction ~ Days + (1 | Subject)", sleep, priors=priors).reml()


def test_weights_scale_the_residual_variance():
    """Weights of 4 throughout: the same fit, sigma twice as large."""
    data = hb.load_data("dyestuff").assign(w=4.0)
    plain_fit, weighted = model_of("dyestuff").reml(), hb.Model("Yield ~ 1 | Batch", data, weights="w").reml()
    assert weighted.criterion == pytest.approx(plain_fit.criterion, abs=1e-6)
    np.testing.assert_allclose(weighted.varcorr()["mean"], plain_fit.varcorr()["mean"] * [1, 2], rtol=1e-4)


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_any_scale(scale):
    data = hb.load_data("sleepstudy")
    moved = data.assign(Reaction=scale * data["Reaction"])
    formula = "Reaction ~ Days + (Days | Subject)"
    plain_fit, fit = hb.Model(formula, data).reml(), hb.Model(formula, moved).reml()
    assert fit.criterion == pytest.approx(plain_fit.criterion + 2 * 178 * np.log(scale), abs=1e-6)
    factors = np.array([scale, scale, 1, scale])
    np.testing.assert_allclose(fit.varcorr()["mean"], plain_fit.varcorr()["mean"] * factors, rtol=1e-4)
    np.testing.assert_allclose(fit.varcorr()["sd"], plain_fit.varcorr()["sd"] * factors, rtol=1e-3)
