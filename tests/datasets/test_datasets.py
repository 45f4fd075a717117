"""The bundled data sets are what their sources table says, with R's order of levels."""

import json
import zlib
from pathlib import Path

import pandas as pd
import pytest

from hierbayes.datasets.loader import list_data, load_data
from hierbayes.datasets.sources import find, sources
from hierbayes.datasets.tables import read_csv
from hierbayes.errors import DataError

CLASSICAL = json.loads((Path(__file__).parents[1] / "reference" / "classical.json").read_text())
NAMES = (
    "chapter_groups dyestuff dyestuff2 penicillin sleepstudy pastes cake oats cbpp grouseticks insteval verbagg "
    "orange eight_schools wine"
).split()


def test_these_data_sets_are_bundled():
    assert list(sources()) == NAMES
    assert list_data()["name"].tolist() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_table_of_sources_tells_the_truth(name):
    frame, dataset = load_data(name), find(name)
    assert len(frame) == dataset.rows
    assert list(frame.columns) == [column.name for column in dataset.columns]
    assert not frame.isna().any(axis=None)
    assert dataset.source
    assert dataset.title
    assert all(column.about for column in dataset.columns)
    for column in dataset.columns:
        if column.levels is None:
            assert pd.api.types.is_numeric_dtype(frame[column.name])
            assert column.unit
        else:
            kind = frame[column.name].dtype
            assert isinstance(kind, pd.CategoricalDtype)
            assert not kind.ordered
            assert all(isinstance(level, str) for level in kind.categories)
            assert set(kind.categories) == set(frame[column.name])


REFERENCED = [
    (case, factor, data)
    for case, data in {
        "chapter_groups": "chapter_groups",
        "dyestuff": "dyestuff",
        "dyestuff2": "dyestuff2",
        "penicillin": "penicillin",
        "sleepstudy": "sleepstudy",
        "pastes": "pastes",
        "oats": "oats",
        "cbpp": "cbpp",
        "grouseticks": "grouseticks",
    }.items()
    for factor in CLASSICAL[case]["ranef"]
    if ":" not in factor
]


@pytest.mark.parametrize(("case", "factor", "data"), REFERENCED)
def test_levels_come_in_the_order_of_lme4(case, factor, data):
    assert list(load_data(data)[factor].cat.categories) == CLASSICAL[case]["ranef"][factor]["levels"]


@pytest.mark.parametrize(
    ("case", "data", "first", "second"),
    [("cake", "cake", "recipe", "replicate"), ("pastes", "pastes", "cask", "batch"), ("oats", "oats", "V", "B")],
)
def test_levels_of_interactions_come_in_the_order_of_lme4(case, data, first, second):
    frame = load_data(data)
    pairs = [f"{a}:{b}" for a in frame[first].cat.categories for b in frame[second].cat.categories]
    assert pairs == CLASSICAL[case]["ranef"][f"{first}:{second}"]["levels"]


def test_the_first_level_is_the_one_that_lme4_measures_from():
    verbagg = load_data("verbagg")
    firsts = {column: verbagg[column].cat.categories[0] for column in ("Gender", "btype", "situ", "r2")}
    assert firsts == {"Gender": "F", "btype": "curse", "situ": "other", "r2": "N"}
    items = list(verbagg["item"].cat.categories)
    # This one item is spelled with a small letter; R sorts it among the others.
    assert items.index("S4wantCurse") == items.index("S4WantScold") - 1


def test_means_of_the_numbers_are_those_of_the_papers():
    assert load_data("dyestuff")["Yield"].mean() == 1527.5
    assert load_data("sleepstudy").groupby("Days")["Reaction"].mean()[0] == pytest.approx(256.65181)
    assert load_data("insteval")["y"].between(1, 5).all()
    ticks = load_data("grouseticks")
    assert (ticks["TICKS"].sum(), ticks["TICKS"].max()) == (2567, 85)
    assert (ticks["HEIGHT"] - ticks["HEIGHT"].mean() - ticks["cHEIGHT"]).abs().max() < 1e-9


def test_each_call_gives_a_fresh_frame():
    frame = load_data("dyestuff")
    frame["Yield"] = 0
    assert load_data("dyestuff")["Yield"].mean() == 1527.5


@pytest.mark.parametrize("name", ["SleepStudy", " sleepstudy ", "SLEEPSTUDY"])
def test_names_are_read_in_any_case(name):
    assert load_data(name).shape == (180, 3)


def test_an_unknown_name_gets_the_nearest_and_all_of_them():
    with pytest.raises(DataError, match=r"no data set called 'slepstudy'\nDid you mean 'sleepstudy'\?.*oats"):
        load_data("slepstudy")
    with pytest.raises(DataError, match="is a string"):
        load_data(3)


def test_a_users_table_keeps_its_text(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text('y,g,kind\n1.5,"a,b",None\nNA,,drug\n2,c,"NaN"\n')
    frame = read_csv(path)
    assert frame["y"].isna().tolist() == [False, True, False]
    assert frame["g"].iloc[0] == "a,b"
    assert frame["g"].isna().tolist() == [False, True, False]
    assert frame["kind"].iloc[0] == "None"
    assert frame["kind"].isna().tolist() == [False, False, True]


def test_a_mark_of_byte_order_is_no_part_of_the_first_name(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(b"\xef\xbb\xbfy,g\n1,a\n")
    assert list(read_csv(path).columns) == ["y", "g"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", b"", "as a CSV file"),
        ("header.csv", b"y,g\n", "no rows"),
        ("latin.csv", b"y,g\n1,caf\xe9\n", "not text in UTF-8"),
        ("ragged.csv", b"y,g\n1,a\n1,a,b,c\n", "as a CSV file"),
        ("broken.csv.gz", zlib.compress(b"y,g\n1,a\n"), "as a CSV file"),
        ("cut.csv.gz", b"\x1f\x8b\x08\x00", "as a CSV file"),
    ],
)
def test_a_table_that_cannot_be_read_is_named(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_csv(path)
    assert str(path) in str(caught.value)


def test_a_missing_table_and_a_directory_are_told_apart(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_csv(tmp_path / "nothing.csv")
    with pytest.raises(DataError, match="it is a directory"):
        read_csv(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        read_csv("x" * 5000)
