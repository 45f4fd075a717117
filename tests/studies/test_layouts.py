"""The rows that `sizes` describes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import hierbayes as hb
from hierbayes.studies.layouts import lay_out


def counts(sizes, *columns, longest=1):
    frame = lay_out(sizes, columns, longest).frame
    return frame.groupby(list(columns), sort=False, observed=True).size()


def test_one_factor_has_levels_by_number():
    layout = lay_out({"Subject": 3, "rows": 2}, ["Subject", "Days"])
    assert layout.frame["Subject"].tolist() == ["1", "1", "2", "2", "3", "3"]
    assert layout.frame["Subject"].cat.categories.tolist() == ["1", "2", "3"]
    assert layout.cells.tolist() == [0, 0, 1, 1, 2, 2]
    assert layout.places.tolist() == [0, 1, 0, 1, 0, 1]


def test_ten_levels_keep_their_order():
    frame = lay_out({"g": 11}, ["g"]).frame
    assert frame["g"].cat.categories.tolist() == [str(i) for i in range(1, 12)]


def test_crossed_columns_have_one_row_a_cell():
    found = counts({"plate": 24, "sample": 6}, "plate", "sample")
    assert len(found) == 144
    assert set(found) == {1}


def test_nested_columns_reuse_their_labels():
    found = counts({"batch": 10, "cask": 3, "rows": 2}, "batch", "cask")
    assert len(found) == 30
    assert set(found) == {2}
    assert found.index.get_level_values("cask").unique().tolist() == ["1", "2", "3"]


def test_levels_within_levels_have_labels_of_their_own():
    frame = lay_out({"batch": 2, "batch/sample": [1, 2]}, ["batch", "sample"]).frame
    assert frame.astype(str).to_numpy().tolist() == [["1", "1:1"], ["2", "2:1"], ["2", "2:2"]]


def test_three_depths_of_nesting():
    sizes = {"a": ["x", "y"], "a/b": {"y": 1, "x": 2}, "a/b/c": [1, 2, 1], "rows": 2}
    frame = lay_out(sizes, ["a", "b", "c"]).frame
    assert frame["c"].astype(str).tolist()[::2] == ["x:1:1", "x:2:1", "x:2:2", "y:1:1"]
    assert len(frame) == 8


def test_nesting_beside_a_crossed_column():
    found = counts({"a": 2, "s": 2, "a/b": [1, 2]}, "a", "s", "b")
    assert found.index.tolist() == [
        *[("1", "1", "1:1"), ("1", "2", "1:1")],
        *[("2", "1", "2:1"), ("2", "1", "2:2"), ("2", "2", "2:1"), ("2", "2", "2:2")],
    ]


@pytest.mark.parametrize("given", [[5, 10, 25], np.array([5, 10, 25]), {"1": 5, "2": 10, "3": 25}])
def test_rows_level_by_level(given):
    assert counts({"g": given}, "g").to_dict() == {"1": 5, "2": 10, "3": 25}


def test_levels_by_name_and_empty_cells():
    found = counts({"g": 2, "cond": ["low", "high"], "rows": [1, 2, 0, 3]}, "g", "cond")
    assert found.to_dict() == {("1", "low"): 1, ("1", "high"): 2, ("2", "high"): 3}


def test_a_level_without_rows_is_left_out():
    frame = lay_out({"g": 3, "rows": [1, 0, 2]}, ["g"]).frame
    assert frame["g"].cat.categories.tolist() == ["1", "3"]


def test_a_number_is_rows_without_groups():
    assert lay_out(7, []).n == 7


def test_rows_default_to_the_longest_list():
    assert lay_out({"g": 3}, ["g"], longest=4).n == 12
    assert lay_out({"g": 3, "rows": 5}, ["g"], longest=4).n == 15


def test_a_column_with_a_slash_is_a_column():
    assert lay_out({"site/plot": 3}, ["site/plot"]).frame["site/plot"].tolist() == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({"gg": 3}, "did you mean 'g'"),
        ({"g": 0}, "at least 1"),
        ({"g": -2}, "at least 1"),
        ({"g": 2.5}, "number of levels"),
        ({"g": True}, "number of levels"),
        ({"g": "a"}, "number of levels"),
        ({"g": []}, "number of levels"),
        ({"g": [1, "a"]}, "number of levels"),
        ({"g": [3, 0]}, "counts 0 rows"),
        ({"g": ["a", "a"]}, "twice"),
        ({"g": 3, "h/g": 2}, "twice"),
        ({"h/g": 3}, "name 'h' first"),
        ({"h": 2, "h/g": [1, 2, 3]}, "each of the 2 outer levels"),
        ({"h": 2, "h/g": {"1": 2}}, "every outer level"),
        ({"g": [1, 2], "rows": 3}, "one grouping column"),
        ({"g": [1, 2], "h": 2}, "one grouping column"),
        ({"g": 2, "rows": [1, 2, 3]}, "each of the 2 cells"),
        ({"g": 2, "rows": [0, 0]}, "no rows"),
        ({"g": 2, "rows": [1, -1]}, "counts -1 rows"),
        ({"g": 2, "rows": 0}, "at least 1"),
        ({"g": 10**6, "h": 10**6}, "at most"),
        ({"g": 10, "rows": 10**12}, "at most"),
        ([3, 4], "maps grouping columns"),
        ({1: 2}, "maps grouping columns"),
        (True, "maps grouping columns"),
    ],
)
def test_what_is_wrong_with_sizes_is_named(sizes, said):
    with pytest.raises(hb.DataError, match=said):
        lay_out(sizes, ["g", "h"])


def test_a_column_called_rows_is_refused():
    with pytest.raises(hb.DataError, match="mixed up"):
        lay_out({"g": 3}, ["g", "rows"])


def test_columns_are_string_categoricals():
    frame = lay_out({"g": 3, "h": ["b", "a"]}, ["g", "h"]).frame
    assert all(isinstance(frame[name].dtype, pd.CategoricalDtype) for name in frame)
    assert frame["h"].cat.categories.tolist() == ["b", "a"]
