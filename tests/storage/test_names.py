"""Names and texts in netCDF and back."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from hierbayes.errors import DataError
from hierbayes.sampling.tree import tree_name, true_name, with_true_names
from hierbayes.storage.names import decode_name, decode_texts, encode_name, encode_texts
from hierbayes.storage.trees import decoded, encoded

ANY = st.text(alphabet=st.characters(codec=None), max_size=12)
HOSTILE = st.text(alphabet="/% .25Fab\0é\u0301\ud800_nc4", max_size=12)


@given(st.lists(ANY | HOSTILE, min_size=2, max_size=5, unique=True))
def test_names_come_back_and_stay_different(names):
    written = [encode_name(name) for name in names]
    assert [decode_name(text) for text in written] == names
    assert len(set(written)) == len(names)


@given(ANY | HOSTILE)
def test_written_names_hold_nothing_that_netcdf_refuses(name):
    written = encode_name(name)
    assert written
    assert not set(written) & set("/ \0\n")
    assert set(written) != {"."}
    assert "_nc4_" not in written
    written.encode("utf-8")


@pytest.mark.parametrize("name", ["beta", "sd_Subject", "b_batch:cask", "I(x^2)", "Größe", "温度", "x.y", "recipe[B]"])
def test_ordinary_names_stay_readable(name):
    assert encode_name(name) == name


def test_two_spellings_of_a_letter_stay_apart():
    composed, apart = "caf\u00e9", "cafe\u0301"
    assert encode_name(composed) == composed
    assert encode_name(apart).isascii()


@given(st.lists(ANY | HOSTILE, max_size=4))
def test_texts_come_back(texts):
    written, changed = encode_texts(texts)
    assert (decode_texts(written) if changed else written) == texts
    assert not any("\0" in text for text in written)


def test_a_text_is_changed_only_where_it_must_be():
    assert encode_texts(["50%", "a/b", "", "\n"]) == (["50%", "a/b", "", "\n"], False)


def test_what_is_no_name_is_refused():
    with pytest.raises(DataError):
        decode_name("%FF")


@given(ANY | HOSTILE)
def test_tree_names_hold_no_slash_and_come_back(name):
    assert "/" not in tree_name(name)
    assert true_name(tree_name(name)) == name


@given(st.lists(st.text(alphabet="/%25Fab", min_size=1, max_size=6), min_size=2, max_size=4, unique=True))
def test_tree_names_stay_different(names):
    assert len({tree_name(name) for name in names}) == len(names)
    found = with_true_names(xr.Dataset({tree_name(name): ((), 0.0) for name in names}))
    assert sorted(map(str, found.data_vars)) == sorted(names)


def test_a_tree_comes_back_from_its_written_form():
    labels = np.asarray(["a\0", "", "é", "e\u0301"], dtype=object)
    posterior = xr.Dataset({"b_a b": (("chain", "a b"), np.ones((1, 4)))}, coords={"chain": [0], "a b": labels})
    tree = xr.DataTree.from_dict({"/posterior": posterior, "/posterior/deeper one": xr.Dataset({"x": 1})})
    written = encoded(tree)
    assert set(written) == {"/", "/posterior", "/posterior/deeper%20one"}
    back = decoded(xr.DataTree.from_dict(written))
    assert back["/posterior"].identical(posterior)
    assert list(back["/posterior"]["a b"].to_numpy()) == list(labels)
    assert back["/posterior/deeper one"]["x"] == 1


def test_values_that_are_neither_numbers_nor_texts_are_refused():
    tree = xr.DataTree.from_dict({"/posterior": xr.Dataset({"x": ("d", np.asarray([print, 1], dtype=object))})})
    with pytest.raises(DataError, match="neither numbers nor texts"):
        encoded(tree)
