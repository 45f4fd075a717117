"""Predictors of simulated tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import hierbayes as hb
from hierbayes.studies.given_columns import add_columns, longest_values
from hierbayes.studies.layouts import lay_out

LAYOUT = lay_out({"g": [2, 3, 1]}, ["g"])


def column(given, layout=LAYOUT, seed=1):
    return add_columns(layout, {"x": given}, seed)["x"]


def test_values_start_again_in_every_cell():
    assert column([10, 20, 30]).tolist() == [10, 20, 10, 20, 30, 10]
    assert column(range(2)).tolist() == [0, 1, 0, 1, 0, 0]


def test_values_for_every_row_stay_as_they_are():
    assert column(np.arange(6.0)).tolist() == [0, 1, 2, 3, 4, 5]


def test_texts_keep_the_order_of_their_levels():
    found = column(["b", "a"])
    assert found.tolist() == ["b", "a", "b", "a", "b", "b"]
    assert found.cat.categories.tolist() == ["b", "a"]
    ordered = pd.Categorical(["lo", "hi"], categories=["lo", "mid", "hi"], ordered=True)
    assert column(ordered).cat.categories.tolist() == ["lo", "mid", "hi"]


def test_a_number_is_a_constant():
    assert column(2.5).tolist() == [2.5] * 6


def test_a_level_has_one_value():
    assert column({"g": [1.0, 2.0, 3.0]}).tolist() == [1, 1, 2, 2, 2, 3]
    assert column({"g": {"1": 7, "2": 8, "3": 9}}).tolist() == [7, 7, 8, 8, 8, 9]
    assert column({"g": ["t", "c"]}).tolist() == ["t", "t", "c", "c", "c", "t"]
    drawn = column({"g": hb.Normal(0, 1)})
    assert drawn.groupby(LAYOUT.frame["g"], observed=True).nunique().tolist() == [1, 1, 1]
    assert drawn.nunique() == 3


def test_a_cell_of_two_columns_has_one_value():
    layout = lay_out({"a": 2, "b": 2, "rows": 2}, ["a", "b"])
    assert column({"a:b": [1, 2, 3, 4]}, layout).tolist() == [1, 1, 2, 2, 3, 3, 4, 4]


@pytest.mark.parametrize(
    ("given", "law"),
    [
        (hb.Normal(3, 2), stats.norm(3, 2)),
        (stats.gamma(2), stats.gamma(2)),
        (lambda rng, n: rng.uniform(-1, 1, n), stats.uniform(-1, 2)),
    ],
)
def test_draws_have_their_law(given, law):
    drawn = column(given, lay_out(4000, []))
    assert stats.kstest(drawn, law.cdf).pvalue > 1e-3
    assert stats.kstest(drawn + 0.2, law.cdf).pvalue < 1e-3


def test_the_seed_fixes_a_column_and_others_do_not_touch_it():
    one = add_columns(LAYOUT, {"x": hb.Normal(0, 1)}, 1)["x"]
    both = add_columns(LAYOUT, {"w": hb.Normal(0, 1), "x": hb.Normal(0, 1)}, 1)
    assert one.tolist() == both["x"].tolist()
    assert one.tolist() != both["w"].tolist()
    assert one.tolist() != column(hb.Normal(0, 1), seed=2).tolist()


def test_drawn_texts_have_sorted_levels():
    found = column(lambda rng, n: rng.choice(["u", "b", "m"], n), lay_out(200, []))
    assert found.cat.categories.tolist() == ["b", "m", "u"]


def test_the_longest_list_counts():
    assert longest_values({"a": range(4), "b": [1, 2], "c": hb.Normal(0, 1), "d": {"g": range(9)}}) == 4
    assert longest_values({}) == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([1, 2, 3, 4], "largest cell has 3 rows"),
        ([], "no values"),
        ("abc", "write values"),
        ({"g": [1, 2, 3, 4]}, "3 levels"),
        ({"g": {"1": 1}}, "no value for level '2'"),
        ({"h": 1}, "no column"),
        ({"g": 1, "h": 2}, "write values"),
        (lambda rng, n: rng.normal(size=n + 1), "shape"),
        (lambda rng: 1, "gave no values"),
        (None, "write values"),
        (hb.LKJ(2), "cannot draw"),
    ],
)
def test_what_is_wrong_with_a_predictor_is_named(given, said):
    with pytest.raises(hb.HierBayesError, match=said):
        column(given)
