"""`ave(x, g)`, the mean within the levels of a column: against pandas, for new data, through a file."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from fits import fake_fit

import hierbayes as hb
from hierbayes.errors import DataError, FormulaError, HierBayesError
from hierbayes.formula import parse
from hierbayes.formula.roles import key_columns

N = 60
RNG = np.random.default_rng(9)
DATA = pd.DataFrame({"school": RNG.choice(list("abcde"), N), "year": RNG.choice([2019, 2020, 2021], N)})
DATA["boy"] = RNG.random(N) < 0.5
DATA["x"], DATA["y"] = RNG.normal(5, 2, N), RNG.normal(size=N)


def means(frame: pd.DataFrame, *by: str, of: str = "x") -> pd.Series:
    return frame.groupby(list(by))[of].transform("mean")


CALLS = {
    "ave(x, school)": lambda d: means(d, "school"),
    "ave(x, year)": lambda d: means(d, "year"),
    "ave(x, boy)": lambda d: means(d, "boy"),
    "ave(x, school, year)": lambda d: means(d, "school", "year"),
    "I(x - ave(x, school))": lambda d: d["x"] - means(d, "school"),
    "ave(log(x^2), school)": lambda d: means(d.assign(z=np.log(d["x"] ** 2)), "school", of="z"),
    "scale(ave(x, school))": lambda d: (means(d, "school") - means(d, "school").mean()) / means(d, "school").std(),
    "ave(boy, school)": lambda d: means(d.assign(z=d["boy"] * 1.0), "school", of="z"),
    "ave(x > 5, year)": lambda d: means(d.assign(z=(d["x"] > 5) * 1.0), "year", of="z"),
}


@pytest.mark.parametrize("call", CALLS)
def test_means_within_levels_against_pandas(call: str) -> None:
    model = hb.Model(f"y ~ {call} + (1 | school)", DATA)
    np.testing.assert_allclose(model.design.X[:, 1], CALLS[call](DATA), rtol=1e-12)
    written = parse(model.spec.formula.canonical)
    assert written.population == model.spec.formula.population


def test_new_data_take_the_means_of_the_fit() -> None:
    fit = fake_fit("y ~ x + ave(x, school) + (1 | school)", DATA)
    own = DATA.groupby("school")["x"].mean()
    new = pd.DataFrame({"x": [100.0, -3.0, 2.0], "school": ["b", "b", "e"]})
    beta = fit.posterior["beta"].to_numpy()
    found = fit.predict(new, groups="population", draws=True).to_numpy()
    expected = beta @ np.array([np.ones(3), new["x"], own[["b", "b", "e"]]])
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    # the control: the means of the new data themselves are others
    assert abs(new["x"][:2].mean() - own["b"]) > 10
    np.testing.assert_allclose(fit.predict(DATA.iloc[:7])["mean"], fit.predict()["mean"][:7], rtol=1e-12)


@pytest.mark.parametrize("group", ["school", "year"])
def test_a_level_that_the_fit_has_not_seen(group: str) -> None:
    fit = fake_fit(f"y ~ ave(x, {group}) + (1 | {group})", DATA)
    new = DATA.iloc[:3].assign(**{group: ["z", "a", "b"] if group == "school" else [1999, 2019, 2020]})
    for groups in ("new", "population", "average"):
        with pytest.raises(DataError, match=r"ave\(\) has no mean for the level '(z|1999)', in row 0"):
            fit.predict(new, groups=groups)
    pair = fake_fit("y ~ ave(x, school, year)", DATA[~((DATA["school"] == "a") & (DATA["year"] == 2019))])
    with pytest.raises(DataError, match="the level 'a:2019', in row 1"):
        pair.predict(pd.DataFrame({"x": 1.0, "school": ["b", "a"], "year": [2019, 2019]}))


def test_the_hint_works_when_it_is_followed() -> None:
    data = DATA.copy()
    data["m"] = data.groupby("school")["x"].transform("mean")
    fit = fake_fit("y ~ m + (1 | school)", data)
    assert len(fit.predict({"m": [5.0], "school": ["z"]}, groups="new", seed=1)) == 1


def test_rows_left_out_do_not_count_and_a_file_keeps_the_means(tmp_path) -> None:
    data = DATA.assign(y=DATA["y"].where(DATA.index != 4))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hb.HierBayesWarning)
        fit = fake_fit("y ~ ave(x, school) + ave(x, year) + (1 | school)", data)
    kept = data.dropna()
    np.testing.assert_allclose(fit.design.X[:, 1], means(kept, "school"), rtol=1e-12)
    place = tmp_path / "fit.nc"
    fit.save(place)
    again = hb.load(place)
    new = pd.DataFrame({"x": 1.0, "school": ["c", "d"], "year": [2019, 2021]})
    pd.testing.assert_frame_equal(again.predict(new), fit.predict(new), check_exact=True)


def test_within_and_between_slopes() -> None:
    """The derivative in x holds the means of the groups: it is the slope within them. Levels average the rest."""
    fit = fake_fit("y ~ x + ave(x, year) + (1 | school)", DATA)
    beta = fit.posterior["beta"]
    assert fit.slopes("x")["mean"][0] == pytest.approx(float(beta.sel(coef="x").mean()), rel=1e-7)
    table = fit.contrasts("year", kind="sequential")
    own = DATA.groupby("year")["x"].mean().to_numpy()
    slope = float(beta.sel(coef="ave(x, year)").mean())
    np.testing.assert_allclose(table["mean"], np.diff(own) * slope, rtol=1e-9)


def test_large_numbers_keep_their_digits() -> None:
    data = DATA.assign(x=1e9 + RNG.integers(0, 3, N))
    found = hb.Model("y ~ ave(x, school)", data).design.X[:, 1]
    exact = data.assign(z=data["x"] - 1e9).groupby("school")["z"].transform("mean")
    np.testing.assert_allclose(found - 1e9, exact, atol=3e-7)


def test_a_column_of_groups_stays_a_key() -> None:
    assert key_columns(parse("y ~ x + ave(x, school) + (1 | school)")) == ("school",)
    assert key_columns(parse("y ~ ave(school, x) + (1 | school)")) == ()


WRONG = [
    ("y ~ ave(x)", r"ave\(\) takes 2 arguments", "ave(x, g)"),
    ("y ~ ave(x, school, FUN = median)", "ave() takes no FUN", "It is the mean"),
    ("y ~ ave(x, school, FUN = mean)", "ave() takes no FUN", "It is the mean"),
    ("y ~ ave(x, C(school))", "C() is not needed inside ave()", "ave(x, g, h)"),
    ("y ~ ave(x, as.factor(school))", "as.factor() is not needed", "ave(x, g)"),
    ("y ~ ave(x, 3)", "and this is none", "ave(x, g, h)"),
    ("y ~ ave(x, school:year)", "no meaning inside ave", "ave(x, g, h)"),
    ("y ~ ave(school, year)", "which holds text", None),
    ("ave(x, school) ~ y", "response", None),
    ("y ~ ave(x, scool)", "Did you mean 'school'?", None),
]


@pytest.mark.parametrize(("formula", "words", "hint"), WRONG)
def test_what_it_does_not_take(formula: str, words: str, hint: str | None) -> None:
    with pytest.raises(HierBayesError) as caught:
        hb.Model(formula, DATA)
    assert words.replace("\\", "") in str(caught.value)
    assert hint is None or hint in str(caught.value.hint)
    if "FUN" in formula:
        assert isinstance(caught.value, FormulaError)


def test_bambi_has_no_ave_and_takes_functions_of_rows() -> None:
    pytest.importorskip("bambi")
    from hierbayes.bridge.writing import write_formula

    model = hb.Model("y ~ ave(x, school)", DATA)
    with pytest.raises(hb.ModelError, match=r"Bambi has no ave\(\)"):
        write_formula(model.spec.formula, model.design)
    from formulae import design_matrices

    frame = DATA.assign(boy=DATA["boy"] * 1.0)
    counted = "I((x > 4) + (x > 6) - -(x > 5)) + round(x, digits=1)"
    for right in ("pmax(x, 5) + ifelse(x > 5, 1, 0) + I(!boy)", counted):
        rows = hb.Model(f"y ~ {right}", DATA)
        written = write_formula(rows.spec.formula, rows.design)
        found = np.asarray(design_matrices(written.text, frame, extra_namespace=written.namespace).common)
        np.testing.assert_allclose(found, rows.design.X)
