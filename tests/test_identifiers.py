"""Identifiers in a CSV file stay what they are: 001, 01 and 1 are three levels."""

from __future__ import annotations

import warnings

import pandas as pd
import pytest
from typer.testing import CliRunner

import hierbayes as hb
from hierbayes.catalogue import read_spec
from hierbayes.cli import app
from hierbayes.datasets.tables import read_csv
from hierbayes.formula import parse
from hierbayes.formula.roles import coded_columns, key_columns


def write(tmp_path, ids, header="id,y,x"):
    path = tmp_path / "table.csv"
    path.write_text("\n".join([header, *(f"{id},{i * 7 % 5}.5,{i}" for i, id in enumerate(ids))]) + "\n")
    return path


def heard(path, keys=None):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        frame = read_csv(path, keys)
    return frame, [str(each.message) for each in found]


@pytest.mark.parametrize(
    ("ids", "word"),
    [
        (["001", "01", "1", "2"], "leading zeros, as '001'"),
        (["1e5", "100000", "2", "3"], "raised to a power, as '1e5'"),
        (["1E5", "2E5", "3E5", ""], "raised to a power, as '1E5'"),
        (["1.10", "1.1", "1.2", "2.0"], "would be one"),
        (["9007199254740993", "9007199254740992", "", "5"], "would be one"),
        (["1.0", "1", "2", "3"], "would be one"),
    ],
)
def test_keys_that_numbers_would_lose_are_read_as_text(tmp_path, ids, word):
    frame, (said,) = heard(write(tmp_path, ids), ["id"])
    assert "'id'" in said
    assert word in said
    assert frame["id"].dropna().tolist() == [each for each in ids if each]
    assert frame["id"].isna().tolist() == [not each for each in ids]
    assert frame["y"].dtype == frame["x"].astype(float).dtype


@pytest.mark.parametrize(
    "ids", [["1", "2", "10", "0"], ["-1", "1", "2", ""], ["a", "01", "1", "b"], ["0.5", "1.5", "2.5", "3"]]
)
def test_keys_that_lose_nothing_are_read_as_before(tmp_path, ids):
    frame, silence = heard(write(tmp_path, ids), ["id"])
    assert silence == []
    pd.testing.assert_frame_equal(frame, read_csv(write(tmp_path, ids)))


def test_without_a_formula_whole_numbers_with_leading_zeros_stay_text_and_the_advice_makes_numbers(tmp_path):
    data, (said,) = heard(write(tmp_path, ["001", "01", "1", "2"]))
    assert data["id"].tolist() == ["001", "01", "1", "2"]
    assert "pd.to_numeric(data['id'])" in said
    assert pd.to_numeric(data["id"]).tolist() == [1, 1, 1, 2]
    for ids in (["1e5", "10", "2", "3"], ["00.5", "1.5", "2", "3"]):
        frame, silence = heard(write(tmp_path, ids))
        assert silence == []
        assert frame["id"].dtype == float


def test_a_column_that_is_a_number_too_stays_one(tmp_path):
    path = write(tmp_path, ["01", "02", "03", "04"])
    frame, silence = heard(path, key_columns(parse("y ~ id + (1 | id)")))
    assert silence == []
    assert frame["id"].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("formula", "keys"),
    [
        ("y ~ day + C(kind) + (1 | day) + (1 | school/class)", {"school", "class", "kind"}),
        ("y ~ log(day) + (1 | day) + (1 | g)", {"g"}),
        ("k | trials(n) ~ factor(f) + (1 | g)", {"f", "g"}),
        ("y ~ x + offset(z) + (x | z)", set()),
        ("y ~ C(x) + x", set()),
    ],
)
def test_keys_are_the_columns_that_are_levels_and_nothing_else(formula, keys):
    assert set(key_columns(parse(formula))) == keys


def test_what_is_coded():
    assert coded_columns(parse("y ~ f:x + log(z) + (C(k) + h | g)")) == {"f", "x", "k", "h"}


def ids_of(model):
    return model.design.groups[0].levels


def test_a_specification_keeps_identifiers(tmp_path):
    write(tmp_path, ["001", "01", "1", "2"] * 5)
    spec = tmp_path / "model.toml"
    spec.write_text('formula = "y ~ x + (1 | id)"\ndata = "table.csv"\n')
    stated = read_spec(spec)
    with pytest.warns(hb.HierBayesWarning, match="'id'"):
        assert ids_of(hb.Model(stated.formula, stated.table())) == ("001", "01", "1", "2")


@pytest.mark.parametrize(("ids", "levels"), [(["001", "01", "1", "2"], 4), (["1e5", "100000", "2", "3"], 4)])
def test_the_command_line_keeps_identifiers(tmp_path, ids, levels):
    path = write(tmp_path, ids * 5)
    with pytest.warns(hb.HierBayesWarning, match="'id'"):
        done = CliRunner().invoke(app, ["show", "--formula", "y ~ x + (1 | id)", "--data", str(path)])
    assert done.exit_code == 0, done.output
    assert f"{levels} levels" in done.output
