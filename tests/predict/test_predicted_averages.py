"""Averages of predictions over rows against means of the draws of each row."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from family_fits import EVERY, made_up, table
from fits import fake_fit

import hierbayes as hb
from hierbayes.errors import DataError, ModelError
from hierbayes.families import Family
from hierbayes.families import family as by_name

ESTIMATES = ["mean", "sd", "median", "lower", "upper"]


def check(row, draws):
    flat = np.asarray(draws).reshape(-1)
    expected = [flat.mean(), flat.std(ddof=1), *np.quantile(flat, [0.5, 0.025, 0.975])]
    np.testing.assert_allclose([row[name] for name in ESTIMATES], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("family", EVERY, ids=str)
def test_averages_are_means_of_the_draws_of_rows(family: Family) -> None:
    fit, data = made_up(family), table()
    for options in ({}, {"kind": "link"}, {"kind": "response", "seed": 3}, {"groups": "population"}):
        draws = fit.predict(draws=True, **options).to_numpy()
        check(fit.predict(average=True, **options).loc[0], draws.mean(axis=2))
        found = fit.predict(by="f", average=True, **options)
        assert list(found.columns) == ["f", *ESTIMATES]
        assert found["f"].tolist() == ["high", "low"]
        for row in found.to_dict("records"):
            check(row, draws[..., (data["f"] == row["f"]).to_numpy()].mean(axis=2))


def test_the_interval_is_that_of_the_average() -> None:
    """Not an average of the rows' intervals, which would be wider: this test would tell them apart."""
    fit = made_up(by_name("bernoulli(logit)"))
    rows, average = fit.predict(), fit.predict(average=True).loc[0]
    assert average["mean"] == pytest.approx(rows["mean"].mean())
    assert average["upper"] - average["lower"] < 0.9 * (rows["upper"] - rows["lower"]).mean()


def test_several_columns_and_new_data() -> None:
    fit, data = made_up(by_name("poisson(log)")), table()
    found = fit.predict(by=["g", "f"], average=True)
    draws = fit.predict(draws=True).to_numpy()
    seen = data.groupby(["g", "f"]).indices
    assert list(zip(found["g"], found["f"], strict=True)) == sorted(seen)
    for row in found.to_dict("records"):
        check(row, draws[..., seen[row["g"], row["f"]]].mean(axis=2))
    pd.testing.assert_frame_equal(fit.predict(data, by=["g", "f"], average=True), found)
    # a column that the model does not read, and a number
    new = data.iloc[::2].assign(site=np.where(data.index[::2] < 30, "north", "south"), n=1.5)
    by_site = fit.predict(new, by=["site", "n"], average=True)
    assert by_site[["site", "n"]].to_numpy().tolist() == [["north", 1.5], ["south", 1.5]]
    check(
        by_site.loc[1], fit.predict(new, draws=True).to_numpy()[..., (new["site"] == "south").to_numpy()].mean(axis=2)
    )
    by_x = fit.predict(by="x", average=True)
    np.testing.assert_array_equal(by_x["x"], np.unique(data["x"]))


@pytest.mark.parametrize("groups", ["new", "average"])
def test_levels_that_are_new_or_integrated_out(groups: str) -> None:
    fit = made_up(by_name("bernoulli(probit)"))
    new = table().assign(g="nobody")
    draws = fit.predict(new, groups=groups, seed=2, draws=True).to_numpy()
    found = fit.predict(new, groups=groups, seed=2, by="h", average=True)
    for row in found.to_dict("records"):
        check(row, draws[..., (new["h"] == row["h"]).to_numpy()].mean(axis=2))


def test_draws_of_averages() -> None:
    fit = made_up(by_name("gaussian(identity)"))
    rows = fit.predict(draws=True).to_numpy()
    found = fit.predict(by=["f", "h"], average=True, draws=True)
    assert found.dims == ("chain", "draw", "cell")
    assert found.sizes == {"chain": 2, "draw": 30, "cell": 6}
    own = (table()["f"] == str(found["f"].values[1])) & (table()["h"] == str(found["h"].values[1]))
    np.testing.assert_allclose(found.to_numpy()[..., 1], rows[..., own.to_numpy()].mean(axis=2), rtol=1e-12)
    single = fit.predict(average=True, draws=True)
    assert single.dims == ("chain", "draw")
    np.testing.assert_allclose(single.to_numpy(), rows.mean(axis=2), rtol=1e-12)


def test_rows_left_out_for_missing_values_do_not_count() -> None:
    data = table()
    data.loc[[1, 5, 7], "x"] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hb.HierBayesWarning)
        fit = fake_fit("real ~ x + f + (1 | g)", data)
    draws, kept = fit.predict(draws=True).to_numpy(), data.dropna()
    for row in fit.predict(by="f", average=True).to_dict("records"):
        check(row, draws[..., (kept["f"] == row["f"]).to_numpy()].mean(axis=2))
    with pytest.raises(DataError, match="column 'x' of the new data has 3 missing"):
        fit.predict(data, by="f", average=True)
    site = kept.assign(site=["n", None] + ["s"] * (len(kept) - 2))
    with pytest.raises(DataError, match=r"by: column 'site' of the new data has 1 missing.*in row 1"):
        fit.predict(site, by="site", average=True)


def test_many_pieces_do_not_change_a_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    fit = made_up(by_name("negative_binomial(log)"))
    monkeypatch.setattr("hierbayes.predict.pieces.NUMBERS", 1)
    once = fit.predict(by="g", average=True)
    monkeypatch.setattr("hierbayes.predict.pieces.usable_cores", lambda: 1)
    pd.testing.assert_frame_equal(fit.predict(by="g", average=True), once, check_exact=True)


def test_levels_stand_in_the_order_of_the_fit() -> None:
    data = table().assign(dose=pd.Categorical(["mid", "low", "top"] * 20, categories=["low", "mid", "top"]))
    data["id"] = np.arange(60) % 12
    fit = fake_fit("real ~ dose + (1 | id)", data)
    assert fit.predict(by="dose", average=True)["dose"].tolist() == ["low", "mid", "top"]
    assert fit.predict(by="id", average=True)["id"].tolist() == [str(i) for i in range(12)]
    shuffled = data.iloc[::-1].assign(dose=data["dose"].astype(str)[::-1])
    pd.testing.assert_frame_equal(fit.predict(shuffled, by="dose", average=True), fit.predict(by="dose", average=True))


def test_probabilities_of_categories_are_averaged() -> None:
    fit = made_up(by_name("ordinal(logit)", 4))
    draws = fit.category_probabilities(draws=True).to_numpy()
    found = fit.category_probabilities(by="f", average=True)
    assert list(found.columns) == ["f", "category", *ESTIMATES]
    for i, row in enumerate(found.to_dict("records")):
        check(row, draws[:, :, (table()["f"] == row["f"]).to_numpy(), i % 4].mean(axis=2))
    np.testing.assert_allclose(found.groupby("f")["mean"].sum(), 1, rtol=1e-12)
    rng = np.random.default_rng(3)
    data = table().assign(mode=rng.choice(["bus", "car", "train"], 60))
    nominal = fake_fit("mode ~ x + (1 | g)", data, family="categorical")
    own = nominal.category_probabilities(draws=True).to_numpy()
    averages = nominal.category_probabilities(by="f", average=True, newdata=data, draws=True)
    assert averages.dims == ("chain", "draw", "cell", "category")
    np.testing.assert_allclose(
        averages[:, :, 1, 2], own[:, :, (data["f"] == "low").to_numpy(), 2].mean(axis=2), rtol=1e-12
    )
    links = nominal.predict(kind="link", average=True)
    assert links["category"].tolist() == ["car", "train"]
    np.testing.assert_allclose(links["mean"], nominal.predict(kind="link", draws=True).mean(("chain", "draw", "row")))
    one = nominal.category("car").predict(by="g", average=True)
    assert one["g"].tolist() == sorted(set(data.loc[data["mode"] != "train", "g"]))
    with pytest.raises(ModelError, match=r"category_probabilities\(average=True\)"):
        nominal.predict(kind="response", draws=True, average=True)


WRONG = [
    ({"by": "f"}, "write average=True"),
    ({"by": "q", "average": True}, "reads no column 'q'"),
    ({"by": "n", "average": True}, "for another column of the data: newdata=data"),
    ({"by": 3, "average": True}, "by takes the name of a column"),
    ({"by": ["f", "f"], "average": True}, "names a column twice"),
    ({"average": 1}, "average=1 must be True or False"),
    ({"by": "ff", "average": True, "newdata": table()}, "have no column 'ff'.*\n.*did you mean 'f'"),
]


@pytest.mark.parametrize(("options", "why"), WRONG, ids=[why for _, why in WRONG])
def test_what_cannot_be_asked(options: dict, why: str) -> None:
    with pytest.raises(hb.HierBayesError, match=why):
        made_up(by_name("gaussian(identity)")).predict(**options)


def test_a_factor_of_several_columns_is_named_by_its_columns() -> None:
    fit = fake_fit("Y ~ N + (1 | B/V)", hb.load_data("oats"))
    with pytest.raises(ModelError, match=r"by=\['B', 'V'\]"):
        fit.predict(by="B:V", average=True)
    assert len(fit.predict(by=["B", "V"], average=True)) == 18
