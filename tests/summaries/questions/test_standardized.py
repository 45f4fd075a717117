"""Means and contrasts over the rows of the data against predictions of the data with the focal predictors set."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fits import fake_fit

import hierbayes as hb

ESTIMATES = ["mean", "sd", "median", "lower", "upper"]
FITS = {
    "bernoulli": "won ~ v * x + w + (1 | g)",
    "poisson": "count ~ v * x + w + offset(o) + (1 | g)",
    "gaussian": "y ~ v * poly(x, 2) + w + (1 | g)",
}


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(21)
    n = 90
    found = pd.DataFrame(
        {
            "v": rng.choice(["a", "b", "c"], n, p=[0.6, 0.3, 0.1]),
            "w": rng.choice(["p", "q"], n, p=[0.8, 0.2]),
            "x": rng.gamma(2.0, 1.0, n) + 0.5,
            "o": rng.uniform(0, 1, n),
            "g": rng.choice(list("stu"), n),
        }
    )
    found["won"], found["count"] = rng.integers(0, 2, n), rng.poisson(2, n)
    found["y"] = rng.normal(size=n)
    return found


@pytest.fixture(scope="module", params=FITS)
def fit(request: pytest.FixtureRequest, data: pd.DataFrame) -> hb.Fit:
    return fake_fit(FITS[request.param], data, family=request.param)


def over_rows(fit: hb.Fit, rows: pd.DataFrame, kind: str = "mean", **values: object) -> np.ndarray:
    """The average of the predictions of the rows with some predictors set, in every draw."""
    drawn = fit.predict(rows.assign(**values), groups="population", kind=kind, draws=True)
    return drawn.mean("row").to_numpy()


def check(row: dict, draws: np.ndarray) -> None:
    expected = [draws.mean(), draws.std(ddof=1), *np.quantile(draws, [0.5, 0.025, 0.975])]
    np.testing.assert_allclose([row[name] for name in ESTIMATES], expected, rtol=1e-8, atol=1e-10)


def test_means_over_rows(fit: hb.Fit, data: pd.DataFrame) -> None:
    for scale, kind in (("link", "link"), ("response", "mean")):
        table = fit.means("v", scale=scale, average=True)
        assert table["v"].tolist() == ["a", "b", "c"]
        for row in table.to_dict("records"):
            check(row, over_rows(fit, data, kind, v=row["v"]))
        split = fit.means("v", by="w", scale=scale, average=True)
        assert list(split.columns) == ["v", "w", *ESTIMATES]
        pd.testing.assert_frame_equal(split[["v", "w"]], fit.means("v", by="w")[["v", "w"]])
        for row in split.to_dict("records"):
            check(row, over_rows(fit, data[data["w"] == row["w"]], kind, v=row["v"]))
    # the control: the grid weighs p and q alike and has x at its mean
    assert np.abs(fit.means("v")["mean"] - fit.means("v", average=True)["mean"]).max() > 0.01


def test_contrasts_over_rows(fit: hb.Fit, data: pd.DataFrame) -> None:
    table = fit.contrasts("v", scale="response", average=True)
    means = {v: over_rows(fit, data, v=v) for v in "abc"}
    for row, (later, earlier) in zip(table.to_dict("records"), ("ba", "ca", "cb"), strict=True):
        check(row, means[later] - means[earlier])
    split = fit.contrasts("v", by="w", kind="reference", scale="response", average=True, interaction=True)
    own = {(v, w): over_rows(fit, data[data["w"] == w], v=v) for v in "ab" for w in "pq"}
    check(split.to_dict("records")[0], own["b", "q"] - own["a", "q"] - own["b", "p"] + own["a", "p"])
    numbers = fit.contrasts("x", at={"x": [1, 3]}, scale="response", average=True)
    check(numbers.to_dict("records")[0], over_rows(fit, data, x=3.0) - over_rows(fit, data, x=1.0))
    held = fit.contrasts("v", at={"w": "q", "v": ["a", "c"]}, scale="response", average=True)
    check(held.to_dict("records")[0], over_rows(fit, data, v="c", w="q") - over_rows(fit, data, v="a", w="q"))


def test_risk_ratios_over_rows(data: pd.DataFrame) -> None:
    fit = fake_fit(FITS["bernoulli"], data, family="bernoulli")
    risks = {v: over_rows(fit, data, v=v) for v in "ab"}
    row = fit.contrasts("v", scale="ratio", average=True).to_dict("records")[0]
    check(row, risks["b"] / risks["a"])
    assert row["prob_above_1"] == np.mean(risks["b"] > risks["a"])
    odds = {v: over_rows(fit, data, "link", v=v) for v in "ab"}
    check(fit.contrasts("v", scale="odds", average=True).to_dict("records")[0], np.exp(odds["b"] - odds["a"]))


def test_weights_of_ones_own_and_polynomials_over_rows(fit: hb.Fit, data: pd.DataFrame) -> None:
    means = {v: over_rows(fit, data, v=v) for v in "abc"}
    own = fit.contrasts("v", kind={"rest": {"a": -1, "b": 0.5, "c": 0.5}}, scale="response", average=True)
    check(own.to_dict("records")[0], (means["b"] + means["c"]) / 2 - means["a"])
    bent = fit.contrasts("v", kind="polynomial", scale="response", average=True).to_dict("records")[1]
    check(bent, means["a"] - 2 * means["b"] + means["c"])


def test_a_split_without_rows(data: pd.DataFrame) -> None:
    holed = data[~((data["v"] == "c") & (data["w"] == "q"))]
    fit = fake_fit("won ~ v + w + x", holed, family="bernoulli")
    with pytest.raises(hb.ModelError, match="no row of the data has v=c, w=q"):
        fit.means("x", by=["v", "w"], at={"x": [1, 2]}, average=True)
    # what is asked for need not occur with the rest: that is the point
    assert len(fit.means("v", by="w", average=True)) == 6


def test_rows_in_parts(data: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    fit = fake_fit(FITS["bernoulli"], data, family="bernoulli")
    whole = fit.contrasts("v", by="w", scale="response", average=True)
    monkeypatch.setattr("hierbayes.summaries.questions.grid.CHUNK", 7)
    monkeypatch.setattr("hierbayes.summaries.questions.response_scale.NUMBERS", 500)
    pd.testing.assert_frame_equal(fit.contrasts("v", by="w", scale="response", average=True), whole)


def test_the_advice_for_a_fit_without_its_data_is_followed(tmp_path):
    """`at` is named where it serves, and only there: rows, and the step of a slope, are the data's."""
    data = hb.load_data("cake")
    fake_fit("angle ~ recipe * temp + (1 | replicate)", data).save(tmp_path / "bare.nc", data=False)
    bare = hb.load(tmp_path / "bare.nc")
    with pytest.raises(hb.ModelError, match=r"give values with at: \{'temp': ...\}, or save the fit with data=True"):
        bare.means("recipe")
    assert len(bare.means("recipe", at={"temp": 200})) == 3
    for ask in (
        lambda: bare.means("recipe", average=True),
        lambda: bare.means("recipe", average=True, at={"temp": 200}),
        lambda: bare.slopes("temp"),
        lambda: bare.contrasts("recipe", slopes="temp", at={"temp": 200}),
    ):
        with pytest.raises(hb.ModelError, match="file of the fit does not hold\nsave the fit with data=True") as error:
            ask()
        assert "with at" not in str(error.value)
