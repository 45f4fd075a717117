"""Tables by row keep the index of the user's frame, so that what is assigned back lies where it belongs."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from fits import fake_fit

import hierbayes as hb

FORMULA = "Reaction ~ Days + (Days | Subject)"


@pytest.fixture(scope="module")
def sleep():
    return hb.load_data("sleepstudy")


def quietly(formula, data, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hb.HierBayesWarning)
        return fake_fit(formula, data, **options)


def indices(n):
    rng = np.random.default_rng(3)
    return {
        "shuffled": pd.Index(rng.permutation(n)),
        "texts": pd.Index([f"row {i}" for i in rng.permutation(n)]),
        "duplicates": pd.Index(rng.integers(0, 5, n)),
        "floats": pd.Index(rng.permutation(n) / 2, name="when"),
        "int32": pd.Index(rng.permutation(n).astype("int32")),
        "dates": pd.date_range("2024-01-01", periods=n, freq="h", name="time")[rng.permutation(n)],
        "spans": pd.to_timedelta(rng.permutation(n), unit="s"),
        "several levels": pd.MultiIndex.from_arrays([rng.integers(0, 3, n), list("ab" * (n // 2))], names=["a", None]),
    }


def tables(fit):
    return {
        "fitted": fit.fitted(),
        "residuals": fit.residuals(),
        "standardized": fit.residuals(standardized=True),
        "predict": fit.predict(),
        "response": fit.predict(kind="response", seed=1),
        "population": fit.predict(groups="population"),
        "simulate": fit.simulate(nsim=2, seed=1),
    }


@pytest.mark.parametrize("kind", list(indices(180)))
def test_every_table_by_row_has_the_index_of_the_frame(sleep, kind):
    index = indices(180)[kind]
    fit, plain = fake_fit(FORMULA, sleep.set_index(index)), fake_fit(FORMULA, sleep)
    for name, table in tables(fit).items():
        pd.testing.assert_index_equal(table.index, index)
        np.testing.assert_array_equal(table.to_numpy(), tables(plain)[name].to_numpy())
    pd.testing.assert_index_equal(fit.design.X_frame.index, index)


@pytest.mark.parametrize("kind", list(indices(180)))
def test_a_loaded_fit_still_has_it(sleep, kind, tmp_path):
    index = indices(180)[kind]
    fit = fake_fit(FORMULA, sleep.set_index(index))
    again = hb.load(fit.save(tmp_path / "fit.nc"))
    pd.testing.assert_frame_equal(again.fitted(), fit.fitted())


def test_an_index_that_json_cannot_hold_comes_back_as_positions(sleep, tmp_path):
    index = pd.date_range("2024-01-01", periods=180, freq="h", tz="Europe/Berlin")
    fit = fake_fit(FORMULA, sleep.set_index(index))
    assert fit.fitted().index.equals(index)
    again = hb.load(fit.save(tmp_path / "fit.nc"))
    np.testing.assert_array_equal(again.fitted().to_numpy(), fit.fitted().to_numpy())
    assert again.fitted().index.tolist() == list(range(180))


def test_labels_are_data_and_are_not_kept_without_them(sleep, tmp_path):
    fit = fake_fit(FORMULA, sleep.set_index(pd.Index([f"patient {i}" for i in range(180)])))
    path = fit.save(tmp_path / "fit.nc", data=False)
    assert b"patient 17" not in path.read_bytes()
    assert hb.load(path).predict(sleep.tail(3)).index.tolist() == [177, 178, 179]


def test_what_is_assigned_to_a_shuffled_frame_lies_in_its_rows(sleep):
    shuffled = sleep.sample(frac=1, random_state=3)
    fit = fake_fit(FORMULA, shuffled)
    shuffled["fit"], shuffled["left"] = fit.fitted()["mean"], fit.residuals()["mean"]
    np.testing.assert_allclose(shuffled["fit"] + shuffled["left"], shuffled["Reaction"], rtol=1e-12)
    shuffled["again"] = fit.predict(shuffled)["mean"]
    np.testing.assert_array_equal(shuffled["again"], shuffled["fit"])


@pytest.mark.parametrize("frame", ["pandas", "polars", "labelled"])
def test_a_missing_row_is_missing_in_the_table(sleep, frame, tmp_path):
    gaps = sleep.astype({"Reaction": float})
    gaps.loc[[0, 7], "Reaction"] = np.nan
    given = {
        "pandas": gaps,
        "polars": pl.from_pandas(gaps.astype({"Subject": str})),
        "labelled": gaps.add_prefix("r", axis=0),
    }
    fit = quietly(FORMULA, given[frame])
    wanted = [i for i in range(180) if i not in (0, 7)]
    wanted = [f"r{i}" for i in wanted] if frame == "labelled" else wanted
    for table in (*tables(fit).values(), hb.load(fit.save(tmp_path / "fit.nc")).fitted()):
        assert table.index.tolist() == wanted
    if frame == "pandas":
        gaps["fit"] = fit.fitted()["mean"]
        assert gaps.index[gaps["fit"].isna()].tolist() == [0, 7]


def test_new_data_keep_their_own_index(sleep):
    fit = fake_fit(FORMULA, sleep)
    new = sleep.iloc[[5, 3, 3]].set_index(pd.Index(["b", "a", "a"], name="who"))
    for groups in ("known", "population", "average"):
        assert fit.predict(new, groups=groups).index.equals(new.index)
    assert fit.simulate(new, seed=1).index.equals(new.index)
    np.testing.assert_array_equal(fit.predict(new).to_numpy(), fit.predict().iloc[[5, 3, 3]].to_numpy())
    assert fit.predict({"Days": 1, "Subject": "308"}).index.tolist() == [0]


def test_the_advice_for_missing_values_in_new_data_is_followed(sleep):
    fit = fake_fit(FORMULA, sleep)
    new = sleep.astype({"Days": float}).iloc[[5, 3, 4]]
    new.loc[3, "Days"] = np.nan
    with pytest.raises(hb.DataError, match="leave those rows out"):
        fit.predict(new)
    new["mean"] = fit.predict(new.dropna())["mean"]
    assert new["mean"].isna().tolist() == [False, True, False]


def test_probabilities_of_categories_are_told_by_the_labels(tmp_path):
    wine = hb.load_data("wine").sample(frac=1, random_state=1)
    fit = fake_fit("rating ~ temp + (1 | judge)", wine, family="ordinal")
    table, plain = (
        fit.category_probabilities(),
        fake_fit("rating ~ temp + (1 | judge)", wine.reset_index(drop=True), family="ordinal").category_probabilities(),
    )
    assert table.index.tolist() == [label for label in wine.index for _ in range(5)]
    pd.testing.assert_frame_equal(table.reset_index(drop=True), plain.reset_index(drop=True))
    wine["p"] = table.loc[table["category"] == "3", "mean"]
    np.testing.assert_array_equal(wine["p"], plain.loc[plain["category"] == "3", "mean"])


def test_one_category_keeps_the_labels_of_its_rows():
    said = hb.load_data("verbagg").sample(300, random_state=1)
    fit = fake_fit("resp ~ Anger + (1 | item)", said, family="categorical")
    one = fit.category("yes")
    assert one.fitted().index.tolist() == said.index[said["resp"] != "perhaps"].tolist()
    table = fit.category_probabilities()
    assert table.index[::3].tolist() == said.index.tolist()
    assert fit.simulate(seed=1).index.equals(said.index)
    assert len(fit.design.X_frame) == 600


def test_an_updated_model_of_a_loaded_fit_has_it_too(sleep, tmp_path):
    shuffled = sleep.sample(frac=1, random_state=3)
    again = hb.load(fake_fit(FORMULA, shuffled).save(tmp_path / "fit.nc"))
    assert again.model.update(". ~ . - Days").design.index.tolist() == shuffled.index.tolist()
    assert hb.Model(FORMULA, shuffled).update(". ~ . - Days").design.index.equals(shuffled.index)
