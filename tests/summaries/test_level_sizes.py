"""Sizes of levels and the limits of their own fits, against separate least squares written out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fits import fake_fit
from scipy import stats

import hierbayes as hb
from hierbayes.errors import ModelError
from hierbayes.plots.fit_like import draws_of
from hierbayes.summaries.level_sizes import SIZED, sized_tables


def sized(fit, factor=None, ci_prob=0.95):
    return sized_tables(fit.design, fit.spec.formula, draws_of(fit), factor, ci_prob)[1]


@pytest.fixture(scope="module")
def ragged():
    """Sleepstudy with few rows of the first levels: one, two and three."""
    data = hb.load_data("sleepstudy")
    seen = data.groupby("Subject", observed=True).cumcount()
    most = data["Subject"].map({"308": 1, "309": 2, "310": 3}).astype(float).fillna(10)
    return data[seen < most]


def separate(data, ci_prob):
    """Separate straight lines with one sigma for all, level by level."""
    fits, rss, df = {}, 0.0, 0
    for level, own in data.groupby("Subject", observed=True):
        X = np.column_stack([np.ones(len(own)), own["Days"]])
        if len(own) < 2:
            continue
        beta, *_ = np.linalg.lstsq(X, own["Reaction"], rcond=None)
        rss += float(((own["Reaction"] - X @ beta) ** 2).sum())
        df += len(own) - 2
        fits[level] = (beta, np.sqrt(np.diag(np.linalg.inv(X.T @ X))))
    t = stats.t.ppf((1 + ci_prob) / 2, df) * np.sqrt(rss / df)
    return {level: (beta - t * root, beta + t * root) for level, (beta, root) in fits.items()}


@pytest.mark.parametrize("ci_prob", [0.5, 0.95])
def test_limits_are_those_of_separate_lines(ragged, ci_prob):
    table = sized(fake_fit("Reaction ~ Days + (Days | Subject)", ragged), ci_prob=ci_prob)
    wanted = separate(ragged, ci_prob)
    assert len(wanted) == 17
    for level, (lower, upper) in wanted.items():
        own = table[table["level"] == level]
        np.testing.assert_allclose(own["no_lower"], lower, rtol=1e-9)
        np.testing.assert_allclose(own["no_upper"], upper, rtol=1e-9)
    assert table.loc[table["level"] == "308", ["no", "no_lower", "no_upper"]].isna().all(axis=None)


def test_a_random_intercept_has_the_textbook_interval():
    data = hb.load_data("dyestuff")
    table = sized(fake_fit("Yield ~ 1 | Batch", data)).set_index("level")
    groups = data.groupby("Batch", observed=True)["Yield"]
    reach = stats.t.ppf(0.975, 24) * np.sqrt(groups.var().mean() / 5)
    np.testing.assert_allclose(table["no_upper"], groups.mean() + reach, rtol=1e-12)
    # The sd of a group alone would give another interval.
    assert abs(table.loc["A", "no_upper"] - (groups.mean() + stats.t.ppf(0.975, 4) * groups.sem())["A"]) > 1


def test_rows_count_those_of_the_level(ragged):
    table = sized(fake_fit("Reaction ~ Days + (Days | Subject)", ragged))
    wanted = ragged["Subject"].value_counts()
    assert table["rows"].tolist() == [wanted[level] for level in table["level"]]
    assert wanted["308"] == 1


def test_columns_and_order_are_those_of_the_pooling_table():
    fit = fake_fit("strength ~ 1 + (1 | batch/cask)", hb.load_data("pastes"))
    tables, table = sized_tables(fit.design, fit.spec.formula, draws_of(fit), "batch:cask")
    assert list(table.columns) == [*tables.table.columns, *SIZED]
    pd.testing.assert_frame_equal(table.drop(columns=SIZED), tables.table)
    assert set(table["rows"]) == {2}


def test_one_row_a_level_leaves_no_interval():
    data = hb.load_data("dyestuff").groupby("Batch", observed=True).head(1)
    table = sized(fake_fit("Yield ~ 1 | Batch", data))
    assert table["no"].notna().all()
    assert table[["no_lower", "no_upper"]].isna().all(axis=None)


def test_a_probability_is_asked_for():
    fit = fake_fit("Yield ~ 1 | Batch", hb.load_data("dyestuff"))
    with pytest.raises(ModelError, match="between 0 and 1"):
        sized(fit, ci_prob=95)
    with pytest.raises(ModelError, match="no grouping factor"):
        sized(fit, "batch")
