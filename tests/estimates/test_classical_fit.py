"""`Model.reml` and `Model.ml` through their tables, against lme4's figures and dense computations."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from linear_catalogue import linear_models
from scipy.optimize import minimize_scalar
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


def test_a_fixed_sd_is_refused_in_words():
    priors = {"sd_Subject": hb.Fixed(1)}
    model = hb.Model("Reaction ~ Days + (1 | Subject)", hb.load_data("sleepstudy"), priors=priors)
    with pytest.raises(hb.ModelError, match="every sd, but one is fixed"):
        model.reml()


def test_a_fixed_sigma_is_held():
    """At the estimate nothing moves; elsewhere the criterion is that of the dense normal at its best sd."""
    data, formula = hb.load_data("dyestuff"), "Yield ~ 1 + (1 | Batch)"
    free = hb.Model(formula, data).reml()
    held = hb.Model(formula, data, priors={"sigma": hb.Fixed(free.estimates.sigma)}).reml()
    assert held.criterion == pytest.approx(free.criterion, abs=1e-8)
    assert held.aic == pytest.approx(free.aic - 2, abs=1e-8)
    model = hb.Model(formula, data, priors={"sigma": hb.Fixed(70.0)})
    fit = model.reml()
    wanted = minimize_scalar(lambda u: criterion(model, [u, np.log(70.0)], True), (2.0, 5.0), method="bounded",
                             bounds=(0.0, 6.0), options={"xatol": 1e-8})  # fmt: skip
    assert fit.varcorr()["mean"].tolist() == pytest.approx([np.exp(wanted.x), 70.0], rel=1e-5)
    assert fit.loglik == pytest.approx(-wanted.fun - 29 / 2 * np.log(2 * np.pi), abs=1e-6)
    assert "sigma is held at 70" in repr(fit)


BCG = np.array([
    [4, 119, 11, 128], [6, 300, 29, 274], [3, 228, 11, 209], [62, 13536, 248, 12619], [33, 5036, 47, 5761],
    [180, 1361, 372, 1079], [8, 2537, 10, 619], [505, 87886, 499, 87892], [29, 7470, 45, 7232], [17, 1699, 65, 1600],
    [186, 50448, 141, 27197], [5, 2493, 3, 2338], [27, 16886, 29, 17825],
])  # fmt: skip
"""Cases and others, vaccinated and not, of 13 trials of a vaccine against tuberculosis (Colditz et al. 1994)."""


def trials():
    cases, others = BCG[:, [0, 2]], BCG[:, [1, 3]]
    risk = np.log(cases / (cases + others))
    error = np.sqrt(np.sum(1 / cases - 1 / (cases + others), axis=1))
    return pd.DataFrame({"y": risk[:, 0] - risk[:, 1], "s": error, "trial": [f"t{i:02d}" for i in range(13)]})


def meta(d, tau, reml):
    """Return mean, standard error and log likelihood of a random-effects meta-analysis at tau, in closed form."""
    weights = 1 / (d.s**2 + tau**2)
    mean = float(np.sum(weights * d.y) / np.sum(weights))
    value = -0.5 * float(np.sum(np.log(2 * np.pi / weights) + weights * (d.y - mean) ** 2))
    if reml:
        value += 0.5 * np.log(2 * np.pi) - 0.5 * np.log(np.sum(weights))
    return mean, float(np.sum(weights) ** -0.5), value


@pytest.mark.parametrize(("method", "tau2", "mean", "error"), [
    ("reml", 0.3132, -0.7145, 0.1798), ("ml", 0.2800, -0.7112, 0.1719),
])  # fmt: skip
def test_a_meta_analysis_is_that_of_metafor(method, tau2, mean, error):
    """The published figures of metafor's ``rma(measure = "RR")`` for these trials, and the closed form."""
    d = trials()
    fit = getattr(hb.Model("y | se(s) ~ 1 + (1 | trial)", d), method)()
    tau = float(fit.varcorr()["mean"][0])
    assert tau**2 == pytest.approx(tau2, abs=6e-5)
    assert fit.fixef()[["mean", "sd"]].to_numpy()[0] == pytest.approx([mean, error], abs=6e-5)
    best = minimize_scalar(lambda t: -meta(d, t, method == "reml")[2], bounds=(0.01, 3), method="bounded",
                           options={"xatol": 1e-9})  # fmt: skip
    assert tau == pytest.approx(best.x, rel=1e-5)
    assert fit.loglik == pytest.approx(-best.fun, abs=1e-8)
    h = 1e-3
    values = [meta(d, best.x * np.exp(u), method == "reml")[2] for u in (-h, 0, h)]
    assert fit.varcorr()["sd"][0] == pytest.approx(
        best.x * h / np.sqrt(2 * values[1] - values[0] - values[2]), rel=1e-4
    )
    assert fit.estimates.parameters == 2
    assert fit.varcorr().iloc[1][["mean", "sd", "lower", "upper"]].tolist() == [1.0, 0.0, 1.0, 1.0]


def test_reml_of_the_eight_schools_is_zero():
    d = pd.DataFrame(
        {"y": [28, 8, -3, 7, -1, 1, 18, 12], "s": [15, 10, 16, 11, 9, 11, 10, 18], "school": list("ABCDEFGH")}
    )
    fit = hb.Model("y | se(s) ~ 1 + (1 | school)", d).reml()
    assert (fit.varcorr()["mean"][0], fit.singular) == (0.0, True)
    assert fit.fixef()[["mean", "sd"]].to_numpy()[0] == pytest.approx(meta(d, 0.0, True)[:2], rel=1e-8)
    assert fit.loglik == pytest.approx(meta(d, 0.0, True)[2], abs=1e-8)


def far(shift):
    """Random slopes of a predictor, moved: the same model, whose intercept then is that at another place."""
    r = np.random.default_rng(7)
    g = np.repeat(np.arange(8), 9)
    x = r.normal(size=72)
    y = 3 + x + r.normal(size=8)[g] + 0.6 * r.normal(size=8)[g] * x + r.normal(size=72) * 0.5
    return pd.DataFrame({"y": y, "x": x + shift, "g": g})


@pytest.mark.parametrize("shift", [10.0, 100.0, 500.0, 2000.0, 1e5, 1e8, 1e9])
@pytest.mark.parametrize("method", ["reml", "ml"])
@pytest.mark.filterwarnings("error")
def test_errors_do_not_depend_on_where_a_predictor_lies(shift, method):
    base = getattr(hb.Model("y ~ x + (x | g)", far(0.0)), method)()
    moved = getattr(hb.Model("y ~ x + (x | g)", far(shift)), method)()
    rows, numbers = [1, 3], ["mean", "sd", "lower", "upper"]  # the sd of x and sigma
    np.testing.assert_allclose(moved.varcorr()[numbers].iloc[rows], base.varcorr()[numbers].iloc[rows], rtol=1e-4)
    assert moved.criterion == pytest.approx(base.criterion, abs=1e-4)
    # that of the intercept tends to the shift times that of x
    table = moved.varcorr()
    if shift >= 2000:
        np.testing.assert_allclose(table["sd"][0], shift * table["sd"][1], rtol=2e-3)
    assert -1.0 <= table["lower"][2] <= table["mean"][2] <= table["upper"][2] <= 1.0


def test_errors_of_the_intercept_and_correlation_of_a_moved_predictor():
    """The delta method written out: the covariance matrix at another place is a linear map of the first."""
    base, moved = (hb.Model("y ~ x + (x | g)", far(shift)).reml() for shift in (0.0, 3.0))
    h, x = 1e-4, np.array([*np.log(base.varcorr()["mean"][:2]), np.arctanh(base.varcorr()["mean"][2])])

    def there(x):
        sd, corr = np.exp(x[:2]), np.tanh(x[2])
        sigma = np.outer(sd, sd) * np.array([[1, corr], [corr, 1]])
        turn = np.array([[1, -3.0], [0, 1]])
        new = turn @ sigma @ turn.T
        return np.array([*np.log(np.diag(new)) / 2, np.arctanh(new[0, 1] / np.sqrt(new[0, 0] * new[1, 1]))])

    slopes = np.array([(there(x + s) - there(x - s)) / (2 * h) for s in h * np.eye(3)]).T

    def hessian(model, x, size=2e-3):
        steps = size * np.eye(4)
        return np.array([[
            sum(a * b * criterion(model, x + a * s + b * t, True) for a in (1, -1) for b in (1, -1)) / (4 * size**2)
            for s in steps] for t in steps
        ])  # fmt: skip

    model = hb.Model("y ~ x + (x | g)", far(0.0))
    covariance = np.linalg.inv(hessian(model, np.array([*x, np.log(base.estimates.sigma)])))[:3, :3]
    error = np.sqrt(np.diag(slopes @ covariance @ slopes.T))
    table = moved.varcorr()
    mean = table["mean"].to_numpy()
    np.testing.assert_allclose(table["sd"][:3], error * [mean[0], mean[1], 1 - mean[2] ** 2], rtol=2e-3)


def test_uncorrelated_terms_have_errors_of_their_own():
    sleep = hb.load_data("sleepstudy")
    split = hb.Model("Reaction ~ Days + (Days || Subject)", sleep).reml().varcorr()
    bars = hb.Model("Reaction ~ Days + (1 | Subject) + (0 + Days | Subject)", sleep).reml().varcorr()
    np.testing.assert_allclose(split["sd"], bars["sd"], rtol=1e-6)
    assert np.isfinite(split[["sd", "lower", "upper"]]).all(axis=None)


PROPER = {"sigma": hb.InverseGamma(2.0, 1.0)}
"""Under the default prior of sigma data that the model fits exactly are refused before."""


@pytest.mark.filterwarnings("error")
def test_only_an_exact_fit_is_said_to_be_one():
    rng = np.random.default_rng(5)
    g = np.repeat(np.arange(6), 5)
    x, level = rng.normal(size=30), rng.normal(size=6)[g]
    exact = {"coefficients": 2 + 3 * x, "group-level terms": 1 + 3 * x + level}
    for said, y in exact.items():
        model = hb.Model("y ~ x + (1 | g)", pd.DataFrame({"y": y, "x": x, "g": g}), priors=PROPER)
        with pytest.raises(hb.DataError, match=f"the {said} fit the data exactly"):
            model.reml()
    for size in (1e-5, 1e-3):
        d = pd.DataFrame({"y": 1 + 3 * x + level + size * rng.normal(size=30), "x": x, "g": g})
        fit = hb.Model("y ~ x + (1 | g)", d).reml()
        assert fit.estimates.sigma == pytest.approx(size, rel=0.5)
        assert fit.varcorr()["mean"][0] == pytest.approx(np.std([level[5 * j] for j in range(6)], ddof=1), rel=0.01)


def test_what_depends_on_a_classical_fit_survives_an_exact_one():
    """hb.classical has the other columns and a note, as it has for every fit that does not exist."""
    rng = np.random.default_rng(5)
    g = np.repeat(np.arange(6), 5)
    model = hb.Model("y ~ 1 + (1 | g)", pd.DataFrame({"y": rng.normal(size=6)[g], "g": g}), priors=PROPER)
    from hierbayes.estimates.classical_columns import _likelihood

    assert "exactly" in _likelihood(model, "REML").notes[0]


@pytest.mark.parametrize(("formula", "constant"), [
    ("y ~ x + (x | g)", np.log(2)), ("y ~ x + z + (x + z | g)", np.log(np.pi**2 / 2)),
    ("y ~ x + z + w + (x + z + w | g)", np.log(32 * np.pi**2 / 27)), ("y ~ x + (x || g)", 0.0),
    ("y ~ x + z + (x | g) + (0 + z | h)", np.log(2)), ("y ~ x + (x | g) + (x | h)", 2 * np.log(2)),
])  # fmt: skip
def test_what_flat_priors_add_to_the_criterion(formula, constant):
    """The volume of all correlation matrices: 2 of a pair, pi^2 / 2 of three, 32 pi^2 / 27 of four."""
    rng = np.random.default_rng(11)
    n, g, h = 600, np.arange(600) % 40, np.arange(600) // 15 % 20
    d = pd.DataFrame(rng.normal(size=(n, 3)), columns=["x", "z", "w"]).assign(g=g, h=h)
    d["y"] = rng.normal(size=n) + sum(
        rng.normal(size=40)[g] * c + rng.normal(size=20)[h] * c for c in (1, d.x, d.z, d.w)
    )
    model = hb.Model(formula, d, priors="flat")
    fit = model.reml()
    assert not fit.singular
    rows = fit.varcorr()
    sd = {f: rows.loc[(rows.group == f) & (rows.kind == "sd"), "mean"].to_numpy() for f in fit.design.factors}
    corr = {}
    for factor, own in sd.items():
        members = [i for i, block in enumerate(fit.design.groups) if block.factor == factor]
        corr[factor] = fit._parts.corrs[members[0]] if len(members) == 1 else np.eye(len(own))
    value = model.log_density(sd=sd, corr=corr, sigma=fit.estimates.sigma)
    assert -2 * value == pytest.approx(fit.criterion + 2 * constant, abs=1e-6)


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
