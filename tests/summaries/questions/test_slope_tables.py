"""Slopes against coefficients, derivatives by hand and totals of levels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fits import fake_fit

import hierbayes as hb
from hierbayes.summaries.questions.derivatives import derivatives
from hierbayes.summaries.questions.grid import frame

ESTIMATES = ["mean", "sd", "median", "lower", "upper"]


def check(row, draws):
    draws = np.asarray(draws)
    expected = [draws.mean(), draws.std(ddof=1), *np.quantile(draws, [0.5, 0.025, 0.975])]
    np.testing.assert_allclose([row[name] for name in ESTIMATES], expected, rtol=1e-8, atol=1e-10)
    assert row["prob_positive"] == np.mean(draws > 0)


def coefficient(fit, label):
    return fit.posterior["beta"].sel(coef=label).to_numpy()


@pytest.fixture(scope="module")
def sleep():
    return fake_fit("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy"))


@pytest.fixture(scope="module")
def cake():
    return fake_fit("angle ~ recipe * temp + (1 + temp | replicate)", hb.load_data("cake"))


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(4)
    n = 90
    return pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "x": rng.uniform(1, 6, n),
            "z": rng.normal(size=n),
            "v": rng.choice(["a", "b"], n, p=[0.7, 0.3]),
            "g": rng.choice(list("stuv"), n),
        }
    )


def test_a_slope_is_a_coefficient(sleep):
    for table in (sleep.slopes("Days"), sleep.slopes("Days", average=True)):
        assert list(table.columns) == ["predictor", *ESTIMATES, "prob_positive"]
        check(table.loc[0], coefficient(sleep, "Days"))


def test_a_slope_by_level_adds_its_interaction(cake):
    table = cake.slopes("temp", by="recipe")
    for row, label in zip(table.to_dict("records"), (None, "recipe[B]:temp", "recipe[C]:temp"), strict=True):
        check(row, coefficient(cake, "temp") + (coefficient(cake, label) if label else 0))
    thirds = (coefficient(cake, "recipe[B]:temp") + coefficient(cake, "recipe[C]:temp")) / 3
    check(cake.slopes("temp").loc[0], coefficient(cake, "temp") + thirds)


def test_averages_over_rows_weight_what_is_there(data):
    fit = fake_fit("y ~ x * v + (1 | g)", data)
    share = np.mean(data.v == "b")
    check(fit.slopes("x", average=True).loc[0], coefficient(fit, "x") + share * coefficient(fit, "x:v[b]"))
    check(fit.slopes("x", weights="proportional").loc[0], coefficient(fit, "x") + share * coefficient(fit, "x:v[b]"))
    check(fit.slopes("x").loc[0], coefficient(fit, "x") + 0.5 * coefficient(fit, "x:v[b]"))
    by = fit.slopes("x", average=True, by="v")
    check(by.loc[1], coefficient(fit, "x") + coefficient(fit, "x:v[b]"))


def test_polynomials_are_exact(data):
    fit = fake_fit("y ~ x + I(x^2) + I(x^4) + x:z + (1 | g)", data)
    b = {label: coefficient(fit, label) for label in fit.design.coefficients}

    def slope(x, z):
        return b["x"] + 2 * x * b["I(x^2)"] + 4 * x**3 * b["I(x^4)"] + z * b["x:z"]

    check(fit.slopes("x").loc[0], slope(data.x.mean(), data.z.mean()))
    at = fit.slopes("x", at={"x": [2, 5], "z": 1})
    assert at["x"].tolist() == [2, 5]
    for row in at.to_dict("records"):
        check(row, slope(row["x"], 1))
    mean = np.mean([slope(x, z) for x, z in zip(data.x, data.z, strict=True)], axis=0)
    check(fit.slopes("x", average=True).loc[0], mean)


def test_functions_to_many_digits(data):
    fit = fake_fit("y ~ log(x) + sqrt(x) + scale(x) + offset(x) + (1 | g)", data)
    b = {label: coefficient(fit, label) for label in fit.design.coefficients}
    x = data.x.to_numpy()
    expected = b["log(x)"] * np.mean(1 / x) + b["sqrt(x)"] * np.mean(0.5 / np.sqrt(x)) + b["scale(x)"] / x.std(ddof=1)
    check(fit.slopes("x", average=True).loc[0], expected + 1)


def test_splines_at_the_ends_of_the_data(data):
    """At the ends the difference is one-sided: it agrees with a two-sided one just inside."""
    fit = fake_fit("y ~ bs(x, df=5) + (1 | g)", data)
    low, high = data.x.min(), data.x.max()
    ends = derivatives(fit.design, frame(fit.design, {"x": [low, high]}), "x").X
    inside = derivatives(fit.design, frame(fit.design, {"x": [low + 0.02, high - 0.02]}), "x").X
    assert np.abs(ends - inside).max() < 0.2
    assert np.abs(ends).max() > 0.5
    step = 1e-5
    from hierbayes.design.new_rows import rows_of

    for at, sign in ((low, 1), (high, -1)):
        own = rows_of(fit.design.schema, pd.DataFrame({"x": [at, at + sign * step]}), groups=False).X
        rough = sign * (own[1] - own[0]) / step
        np.testing.assert_allclose(ends[0 if sign > 0 else 1], rough, atol=1e-4)


def test_predictors_far_from_zero_lose_no_digits():
    sleep = hb.load_data("sleepstudy").assign(year=lambda d: d.Days + 2_000_000.0)
    fit = fake_fit("Reaction ~ year + (1 | Subject)", sleep)
    check(fit.slopes("year", average=True).loc[0], coefficient(fit, "year"))


def test_levels_have_their_totals(sleep):
    table = sleep.slopes("Days", groups="Subject")
    totals = sleep.coef().query("term == 'Days'")
    assert table["level"].tolist() == totals["level"].tolist()
    assert (table["group"] == "Subject").all()
    np.testing.assert_allclose(table[ESTIMATES], totals[ESTIMATES], rtol=1e-9)
    some = sleep.slopes("Days", groups="Subject", levels=["330", "308"])
    assert some["level"].tolist() == ["308", "330"]
    np.testing.assert_allclose(some[ESTIMATES], table[table["level"].isin(["308", "330"])][ESTIMATES], rtol=1e-12)


def test_levels_are_averaged_over_their_own_rows(data):
    fit = fake_fit("y ~ x * v + (x + I(x^2) | g)", data)
    table = fit.slopes("x", groups="g").set_index("level")
    effects = fit.posterior["b_g"]
    for level, rows in data.groupby("g"):
        own = effects.sel(g=level)
        expected = (
            coefficient(fit, "x")
            + np.mean(rows.v == "b") * coefficient(fit, "x:v[b]")
            + own.sel(g_term="x").to_numpy()
            + 2 * rows.x.mean() * own.sel(g_term="I(x^2)").to_numpy()
        )
        check(table.loc[level], expected)
    both = fit.slopes("x", groups="g", by="v")
    assert list(both.columns[:4]) == ["predictor", "group", "level", "v"]
    row = both[(both["level"] == "s") & (both["v"] == "b")].iloc[0]
    rows = data[(data.g == "s") & (data.v == "b")]
    own = effects.sel(g="s")
    check(
        row,
        coefficient(fit, "x")
        + coefficient(fit, "x:v[b]")
        + own.sel(g_term="x").to_numpy()
        + 2 * rows.x.mean() * own.sel(g_term="I(x^2)").to_numpy(),
    )
    held = fit.slopes("x", groups="g", at={"x": [0, 3], "v": "a"})
    assert held["x"].tolist() == [0] * 4 + [3] * 4
    own = effects.sel(g="u")
    expected = coefficient(fit, "x") + (own.sel(g_term="x") + 6 * own.sel(g_term="I(x^2)")).to_numpy()
    check(held[(held["level"] == "u") & (held["x"] == 3)].iloc[0], expected)


def test_effects_of_other_factors_are_zero():
    fit = fake_fit("y ~ 1 + (x | g) + (0 + x | h)", pd.DataFrame(
        {"y": np.arange(24.0) ** 1.2, "x": np.tile(np.arange(4.0), 6), "g": list("abcdef") * 4, "h": list("pq") * 12}
    ))  # fmt: skip
    table = fit.slopes("x", groups="h")
    np.testing.assert_allclose(table["mean"], fit.posterior["b_h"].sel(h_term="x").mean(("chain", "draw")), rtol=1e-9)


def test_several_predictors_at_once(data):
    fit = fake_fit("y ~ x + z + (1 | g)", data)
    table = fit.slopes(["x", "z"])
    assert table["predictor"].tolist() == ["x", "z"]
    check(table.loc[1], coefficient(fit, "z"))


def test_derivatives_in_parts(data, monkeypatch):
    fit = fake_fit("y ~ log(x) + (x | g)", data)
    values = frame(fit.design, {"x": data.x})
    whole = derivatives(fit.design, values, "x", groups=True)
    monkeypatch.setattr("hierbayes.summaries.questions.derivatives.CHUNK", 35)
    parts = derivatives(fit.design, values, "x", groups=True)
    np.testing.assert_array_equal(parts.X, whole.X)
    np.testing.assert_array_equal(parts.Z[0], whole.Z[0])


WRONG = [
    (lambda f: f.slopes("temperature"), "there is no predictor 'temperature'"),
    (lambda f: f.slopes("recipe"), "is categorical and has no slope"),
    (lambda f: f.slopes("angle"), "is the response"),
    (lambda f: f.slopes("replicate"), "is a grouping factor"),
    (lambda f: f.slopes([]), "no predictor is named"),
    (lambda f: f.slopes("temp", groups="repl"), "did you mean 'replicate'"),
    (lambda f: f.slopes("temp", levels=["1"]), "levels chooses among"),
    (lambda f: f.slopes("temp", groups="replicate", levels=["77"]), "has no level '77'"),
    (lambda f: f.slopes("temp", groups="replicate", levels=[]), "levels names no level"),
    (lambda f: f.slopes("temp", average="yes"), "average='yes'"),
    (lambda f: f.slopes("temp", average=True, by="temp"), "is numeric, so the rows do not fall"),
    (lambda f: f.slopes("temp", average=True, at={"recipe": ["A", "B"]}), "over rows it can be held at one"),
    (lambda f: f.slopes("temp", at={"recipe": "Z"}), "has no level 'Z'"),
    (lambda f: f.slopes("temp", weights="none"), "weights="),
]


@pytest.mark.parametrize(("ask", "why"), WRONG, ids=[why for _, why in WRONG])
def test_what_cannot_be_asked(cake, ask, why):
    with pytest.raises(hb.ModelError, match=why):
        ask(cake)
