"""Variances of means of rows, and effective numbers, against the whole covariance matrix of the rows."""

from __future__ import annotations

import numpy as np
import pytest
from fits import fake_fit
from oracles.dense_rows import CASES, cases, every_draw, fixed_dyestuff

import hierbayes as hb
from hierbayes.summaries import row_means


@pytest.fixture(scope="module")
def fits():
    return cases()


def inverse_sum(V):
    return np.ones(len(V)) @ np.linalg.solve(V, np.ones(len(V)))


@pytest.mark.parametrize("name", CASES)
def test_effective_n_is_that_of_the_covariance_matrix(fits, name):
    table = fits[name].effective_n().set_index("mean_of")
    plain, best = [], []
    for rows in every_draw(fits[name]):
        single = np.mean(np.diag(rows.V))
        plain.append(single * 24**2 / rows.V.sum())
        best.append(single * inverse_sum(rows.V))
    for label, draws in (("rows", plain), ("rows, best weights", best)):
        expected = [24, np.mean(draws), np.std(draws, ddof=1), np.median(draws), *np.quantile(draws, [0.025, 0.975])]
        np.testing.assert_allclose(table.loc[label].astype(float), expected, rtol=1e-9)


def test_balanced_closed_form_at_fixed_sds():
    exact = 30 / (1 + 4 * 1600 / 4100)
    np.testing.assert_allclose(fixed_dyestuff(draws=20, chains=1).effective_n()["mean"], exact, rtol=1e-12)


def test_no_correlation_no_loss():
    fit = fixed_dyestuff(sd=0.0, draws=20, chains=1)
    np.testing.assert_allclose(fit.effective_n()["mean"], 30, rtol=1e-12)
    plain = fake_fit("Reaction ~ Days", hb.load_data("sleepstudy"))
    np.testing.assert_allclose(plain.effective_n()["mean"], 180, rtol=1e-12)


def test_too_many_crossed_effects_leave_the_best_mean_out(fits, monkeypatch):
    monkeypatch.setattr(row_means, "_WORK", 1.0)
    table = fits["crossed"].effective_n().set_index("mean_of")
    assert np.isnan(table.loc["rows, best weights", "mean"])
    assert np.isfinite(table.loc["rows", "mean"])


def test_means_by_level_by_column_and_of_rows(fits):
    fit = fits["crossed"]
    design = fit.design
    cut = {
        "g": dict(
            zip(design.blocks("g")[0].levels, np.eye(5, dtype=bool)[:, design.blocks("g")[0].codes], strict=True)
        ),
        "f": {level: design.column("f").codes == i for i, level in enumerate(design.column("f").levels)},
    }
    whole = list(every_draw(fit))
    for by, sets in cut.items():
        table = fit.variance_of_mean(by=by)
        assert list(dict.fromkeys(table["rows"])) == list(sets)
        for label, inside in sets.items():
            check(table[table["rows"] == label], whole, np.flatnonzero(inside))
    check(fit.variance_of_mean(rows=[0, 3, 20]), whole, [0, 3, 20])
    check(fit.variance_of_mean(), whole, np.arange(24))
    mask = np.arange(24) % 2 == 0
    check(fit.variance_of_mean(rows=mask), whole, np.flatnonzero(mask))


def check(table, whole, rows):
    own = [draw.V[np.ix_(rows, rows)] for draw in whole]
    m = len(rows)
    variance = np.array([V.sum() / m**2 for V in own])
    independent = np.array([np.trace(V) / m**2 for V in own])
    expected = {
        "variance": variance,
        "sd": np.sqrt(variance),
        "effective_n": m * independent / variance,
        "ratio": variance / independent,
    }
    assert set(table["n"]) == {m}
    for quantity, draws in expected.items():
        row = table[table["quantity"] == quantity].iloc[0]
        numbers = [np.mean(draws), np.std(draws, ddof=1), np.median(draws), *np.quantile(draws, [0.025, 0.975])]
        np.testing.assert_allclose(row[["mean", "sd", "median", "lower", "upper"]].astype(float), numbers, rtol=1e-9)


def test_a_numeric_column_cuts_by_its_values():
    fit = fake_fit("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy"), draws=5)
    table = fit.variance_of_mean(by="Days")
    assert list(dict.fromkeys(table["rows"])) == [str(day) for day in range(10)]
    # one row of each subject: they are independent
    ratio = table[table["quantity"] == "ratio"]
    np.testing.assert_allclose(ratio["mean"], 1, rtol=1e-12)
    np.testing.assert_allclose(table[table["quantity"] == "effective_n"]["mean"], 18, rtol=1e-12)


def test_a_fit_and_the_function_agree():
    fit = fixed_dyestuff(draws=5, chains=1)
    rho = 1600 / 4100
    batch = hb.load_data("dyestuff")["Batch"]
    by_hand = hb.variance_of_mean(rho=rho, groups=batch, sd=np.sqrt(4100))
    table = fit.variance_of_mean().set_index("quantity")["mean"]
    assert table["variance"] == pytest.approx(by_hand.variance)
    assert table["effective_n"] == pytest.approx(by_hand.effective_n)
    assert table["ratio"] == pytest.approx(by_hand.ratio)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"by": "G"}, r"no column 'G'\n.*did you mean 'g'"),
        ({"by": "g", "rows": [1]}, "not both"),
        ({"rows": []}, "at least one row"),
        ({"rows": [24]}, "rows holds 24"),
        ({"rows": [-1]}, "rows holds -1"),
        ({"rows": [1, 1]}, "twice"),
        ({"rows": [0.5]}, "positions"),
        ({"rows": [True, False]}, "positions"),
        ({"rows": np.zeros(24, dtype=bool)}, "at least one row"),
        ({"ci_prob": 1.0}, "ci_prob"),
    ],
)
def test_rows_that_are_not_there_are_refused(fits, options, said):
    with pytest.raises(hb.ModelError, match=said):
        fits["crossed"].variance_of_mean(**options)
