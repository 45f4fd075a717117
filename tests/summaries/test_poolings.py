"""Complete, no and partial pooling against separate least-squares fits and the factor's formula."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fits import fake_fit

import hierbayes as hb
from hierbayes.studies.pooled import PoolingComparison

CLASSICAL = json.loads((Path(__file__).parent.parent / "reference" / "classical.json").read_text())
COLUMNS = ["group", "level", "term", "complete", "no", "partial", "lower", "upper", "factor"]


def comparison(formula, data, factor=None, **options):
    return PoolingComparison(fake_fit(formula, data, **options), factor)


@pytest.fixture(scope="module")
def sleep():
    return comparison("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy"))


def test_columns_and_rows(sleep):
    table = sleep.table()
    assert list(table.columns) == COLUMNS
    assert len(table) == 36
    assert set(table["group"]) == {"Subject"}


def test_the_table_is_a_copy(sleep):
    table = sleep.table()
    table.loc[:, "no"] = 0.0
    assert (sleep.table()["no"] != 0).all()


def test_complete_pooling_is_least_squares_over_all_rows(sleep):
    published = CLASSICAL["sleepstudy_pooled"]["fixef"]
    table = sleep.table().set_index("term")
    for term, name in (("Intercept", "(Intercept)"), ("Days", "Days")):
        found = table.loc[term, "complete"]
        np.testing.assert_allclose(found, published[name], rtol=1e-9)


def test_no_pooling_is_a_fit_for_each_level(sleep):
    published = CLASSICAL["sleepstudy_unpooled"]["coef"]
    wide = sleep.table().pivot(index="level", columns="term", values="no")
    found = wide.loc[published["levels"], ["Intercept", "Days"]]
    np.testing.assert_allclose(found, published["values"], rtol=1e-8)


def test_dyestuff_without_pooling_is_the_batch_means():
    found = comparison("Yield ~ 1 | Batch", hb.load_data("dyestuff")).table()
    published = CLASSICAL["dyestuff_unpooled"]["fixef"]
    assert dict(zip("Batch" + found["level"], found["no"], strict=True)) == pytest.approx(published)


def test_partial_pooling_is_the_total_of_each_level(sleep):
    totals = sleep.fit.coef()
    table = sleep.table().merge(totals, on=["group", "level", "term"], suffixes=("", "_coef"))
    np.testing.assert_allclose(table["partial"], table["mean"], rtol=1e-12)
    np.testing.assert_allclose(table["lower"], table["lower_coef"], rtol=1e-12)
    np.testing.assert_allclose(table["upper"], table["upper_coef"], rtol=1e-12)


def test_factor_of_a_random_intercept():
    data = hb.load_data("dyestuff").iloc[[0, 1, 2, 5, 6, 7, 8, 9, 10, 15, 16, 20, 25]]
    both = comparison("Yield ~ 1 | Batch", data)
    counts = data["Batch"].value_counts()
    sd, sigma = both.fit.posterior["sd_Batch"].to_numpy().ravel(), both.fit.posterior["sigma"].to_numpy().ravel()
    for row in both.table().itertuples():
        n = counts[row.level]
        assert row.factor == pytest.approx(np.mean(sigma**2 / (sigma**2 + n * sd**2)), rel=1e-12)


def test_factor_of_two_terms_follows_its_formula(sleep):
    posterior, data = sleep.fit.posterior, hb.load_data("sleepstudy")
    days = data[data["Subject"] == "310"]["Days"].to_numpy(float)
    Z = np.column_stack([np.ones_like(days), days])
    total = np.zeros(2)
    for c in range(2):
        for d in range(40):
            sd = np.diag(posterior["sd_Subject"].to_numpy()[c, d])
            Sigma = sd @ posterior["corr_Subject"].to_numpy()[c, d] @ sd
            A = Z.T @ Z / float(posterior["sigma"][c, d]) ** 2
            total += np.diag(np.linalg.inv(np.eye(2) + Sigma @ A))
    found = sleep.table().query("level == '310'")["factor"]
    np.testing.assert_allclose(found, total / 80, rtol=1e-10)


def test_a_level_too_small_has_no_fit_of_its_own_and_is_named():
    data = hb.load_data("sleepstudy")
    data = data[(data["Subject"] != "308") | (data["Days"] == 3)]
    both = comparison("Reaction ~ Days + (Days | Subject)", data)
    assert both.too_small == ("308",)
    table = both.table().set_index("level")
    assert table.loc["308", "no"].isna().all()
    assert table.loc["308", ["complete", "partial", "lower", "upper", "factor"]].notna().to_numpy().all()
    assert table.drop(index="308")["no"].notna().all()
    assert "too small for a fit of their own: 308" in repr(both)


def test_crossed_factors_are_compared_one_at_a_time():
    data, formula = hb.load_data("penicillin"), "diameter ~ 1 + (1 | plate) + (1 | sample)"
    plate, sample = comparison(formula, data), comparison(formula, data, "sample")
    assert (plate.factor, sample.factor) == ("plate", "sample")
    assert (len(plate.table()), len(sample.table())) == (24, 6)
    means = data.groupby("sample", observed=True)["diameter"].mean()
    np.testing.assert_allclose(sample.table().set_index("level")["no"], means[sample.table()["level"]], rtol=1e-12)
    np.testing.assert_allclose(sample.table()["complete"], data["diameter"].mean(), rtol=1e-12)


def test_nested_factor_with_predictors_that_vary_within():
    """Oats by block: variety and nitrogen keep shared coefficients; balanced, so a block's level is a shift."""
    data = hb.load_data("oats")
    both = comparison("Y ~ V * N + (1 | B/V)", data)
    assert both.factor == "B"
    table = both.table().set_index("level")
    shift = data.groupby("B", observed=True)["Y"].mean() - data["Y"].mean()
    np.testing.assert_allclose(table["no"] - table["complete"], shift[table.index], atol=1e-9)
    assert (comparison("Y ~ V * N + (1 | B/V)", data, "B:V").table()["no"].notna()).all()


def test_predictors_constant_within_a_level_keep_their_complete_pooling_estimate():
    """Cake: each batch has one recipe, which no batch can tell from its own level."""
    data = hb.load_data("cake")
    both = comparison("angle ~ recipe * temp + (1 | recipe:replicate)", data)
    table = both.table()
    assert len(table) == 45
    X = both.fit.design.X
    y = data["angle"].to_numpy(float)
    beta = np.linalg.lstsq(X, y, rcond=None)[0]
    key = data["recipe"].astype(str) + ":" + data["replicate"].astype(str)
    # balanced in temperature: the slopes within batches are those over all rows
    own = pd.Series(y - X[:, 1:] @ beta[1:]).groupby(key.to_numpy()).mean()
    np.testing.assert_allclose(table["no"], own[table["level"]], rtol=1e-8)


def test_weights_and_offset_take_part():
    rng = np.random.default_rng(2)
    data = pd.DataFrame(
        {"y": rng.normal(size=30), "g": list("abc") * 10, "w": rng.uniform(1, 3, 30), "o": rng.normal(size=30)}
    )
    both = comparison("y ~ 1 + offset(o) + (1 | g)", data, weights="w")
    for row in both.table().itertuples():
        part = data[data["g"] == row.level]
        assert row.no == pytest.approx(np.average(part["y"] - part["o"], weights=part["w"]))
        assert row.complete == pytest.approx(np.average(data["y"] - data["o"], weights=data["w"]))
    assert both.tables.y_label == "y less offset"


@pytest.mark.parametrize(
    ("formula", "data", "factor", "label"),
    [
        ("Reaction ~ Days + (Days | Subject)", "sleepstudy", None, "Days"),
        ("Reaction ~ Days + (1 | Subject)", "sleepstudy", None, "Days"),
        ("Yield ~ 1 | Batch", "dyestuff", None, "observation"),
        ("angle ~ recipe * temp + (1 | recipe:replicate)", "cake", None, "temp"),
        ("Y ~ V * N + (1 | B/V)", "oats", "B:V", "N"),
        ("diameter ~ 1 + sample + (1 | plate)", "penicillin", None, "sample"),
    ],
)
def test_horizontal_axis(formula, data, factor, label):
    tables = comparison(formula, hb.load_data(data), factor).tables
    assert tables.x_label == label
    assert len(tables.points) == len(hb.load_data(data))
    assert list(tables.curves.columns) == ["level", "x", "complete", "no", "partial"]
    assert set(tables.curves["level"]) == set(tables.table["level"])


def test_curves_are_the_three_fits(sleep):
    tables = sleep.tables
    curve = tables.curves.query("level == '309' and x == 4").iloc[0]
    rows = tables.table.query("level == '309'").set_index("term")
    for kind in ("complete", "no", "partial"):
        assert curve[kind] == pytest.approx(rows.loc["Intercept", kind] + 4 * rows.loc["Days", kind])


def test_covariance_is_the_posterior_mean_of_variances(sleep):
    posterior, found = sleep.fit.posterior, sleep.tables.covariance
    sd, corr = posterior["sd_Subject"].to_numpy(), posterior["corr_Subject"].to_numpy()
    assert found.loc["Days", "Days"] == pytest.approx(np.mean(sd[..., 1] ** 2))
    assert found.loc["Intercept", "Days"] == pytest.approx(np.mean(sd[..., 0] * sd[..., 1] * corr[..., 0, 1]))


def test_unknown_factor_and_no_factor():
    fit = fake_fit("Reaction ~ Days + (1 | Subject)", hb.load_data("sleepstudy"))
    with pytest.raises(hb.ModelError, match=r"no grouping factor 'subject'(?s:.*)did you mean 'Subject'"):
        PoolingComparison(fit, "subject")
    with pytest.raises(hb.ModelError, match="nothing to pool"):
        PoolingComparison(fake_fit("Reaction ~ Days", hb.load_data("sleepstudy")))
    with pytest.raises(hb.ModelError, match="kind='lines'"):
        PoolingComparison(fit).plot("lines")


def test_terms_that_depend_on_each_other_are_refused():
    data = hb.load_data("sleepstudy").assign(Twice=lambda t: 2 * t["Days"])
    fit = fake_fit("Reaction ~ Days + (Days | Subject) + (0 + Twice | Subject)", data)
    with pytest.raises(hb.ModelError, match="linearly dependent"):
        PoolingComparison(fit)
