"""Files that are broken, hostile or of another kind are refused in plain words, and nothing in them is ever run."""

from __future__ import annotations

import json
import shutil

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from fits import fake_fit

import hierbayes as hb
from hierbayes.storage import file as storage_file
from hierbayes.storage.file import TEXTS, VERSION
from hierbayes.storage.fingerprint import contents_fingerprint

pytestmark = pytest.mark.filterwarnings("ignore::hierbayes.HierBayesWarning")


@pytest.fixture(scope="module")
def fit():
    return fake_fit("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy"), draws=8)


@pytest.fixture(scope="module")
def saved(fit, tmp_path_factory):
    return fit.save(tmp_path_factory.mktemp("saved") / "fit.nc")


@pytest.fixture
def copy(saved, tmp_path):
    return shutil.copy(saved, tmp_path / "copy.nc")


def refused(path, match):
    with pytest.raises(hb.DataError, match=match) as caught:
        hb.load(path)
    return str(caught.value)


def edit_text(path, name, edit):
    """Change one JSON text of a file as somebody would who knows the format: the fingerprint is made to fit."""
    with h5py.File(path, "r+") as file:
        value = json.loads(file.attrs[name])
        changed = edit(value)
        file.attrs[name] = json.dumps(value if changed is None else changed)
    agree(path)


def agree(path):
    with xr.open_datatree(path, engine="h5netcdf") as tree:
        tree.load()
    contents = json.loads(tree.attrs["contents"])
    groups = {name: tree[name].to_dataset(inherit=False) for name in contents["groups"]}
    contents["digest"] = contents_fingerprint({name: tree.attrs[name] for name in TEXTS}, groups)
    with h5py.File(path, "r+") as file:
        file.attrs["contents"] = json.dumps(contents)


def test_a_file_whose_fingerprint_was_made_to_fit_is_loaded(copy, fit):
    edit_text(copy, "packages", lambda value: value)
    pd.testing.assert_frame_equal(hb.load(copy).fixef(), fit.fixef(), check_exact=True)


@pytest.mark.parametrize("share", [0, 1e-4, 0.01, 0.3, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(copy, saved, share):
    whole = saved.read_bytes()
    copy_path = saved.parent / "part.nc"
    copy_path.write_bytes(whole[: int(share * len(whole))])
    refused(copy_path, "part.nc")
    copy_path.write_bytes(whole[:-1])
    refused(copy_path, "part.nc")


def test_a_flipped_byte_is_seen_or_does_no_harm(saved, tmp_path, fit):
    whole, wanted = saved.read_bytes(), fit.fixef()
    seen, path = 0, tmp_path / "flipped.nc"
    values = np.ascontiguousarray(fit.posterior["beta"].to_numpy()).tobytes()
    places = [whole.index(values) + 5, *np.linspace(8, len(whole) - 1, 25).astype(int)]
    for place in places:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            again = hb.load(path)
        except hb.DataError:
            seen += 1
            continue
        pd.testing.assert_frame_equal(again.fixef(), wanted, check_exact=True)
    assert seen >= 5


def test_a_flipped_draw_is_seen(saved, tmp_path, fit):
    whole = saved.read_bytes()
    place = whole.index(np.ascontiguousarray(fit.posterior["beta"].to_numpy()).tobytes())
    path = tmp_path / "flipped.nc"
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    refused(path, "damaged")


@pytest.mark.parametrize("name", TEXTS)
def test_a_changed_text_is_seen(copy, name):
    with h5py.File(copy, "r+") as file:
        file.attrs[name] = file.attrs[name] + " "
    refused(copy, "damaged")


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "9" * 5000, "null", '"x"', "[]", "{}"])
@pytest.mark.parametrize("name", ["spec", "run", "schema"])
def test_a_text_that_is_not_what_it_should_be_is_refused(copy, name, text):
    with h5py.File(copy, "r+") as file:
        file.attrs[name] = text
    refused(copy, r"copy\.nc")


def test_a_later_version_is_refused(copy):
    with h5py.File(copy, "r+") as file:
        file.attrs["format_version"] = VERSION + 1
        file.attrs["spec"] = "not JSON in that version"
    assert "update hierbayes" in refused(copy, f"format {VERSION + 1}")


def test_what_is_no_fit_is_refused(tmp_path):
    refused(tmp_path / "none.nc", "no file")
    refused(tmp_path, "directory")
    (tmp_path / "empty.nc").write_bytes(b"")
    refused(tmp_path / "empty.nc", "is empty")
    (tmp_path / "text.nc").write_text("y ~ x")
    refused(tmp_path / "text.nc", "not netCDF")
    xr.Dataset({"x": 1}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    refused(tmp_path / "other.nc", "no fit that hierbayes saved")
    refused("a\0b", "cannot be read")


def set_in(*keys):
    *way, last, new = keys

    def edit(value):
        for key in way:
            value = value[key]
        value[last] = new

    return edit


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        ("schema", lambda s: s["groups"][0]["levels"].pop()),
        ("schema", lambda s: s["groups"][0]["terms"].append("x")),
        ("schema", lambda s: s["coefficients"].pop()),
        ("schema", set_in("formula", "Reaction ~ 1")),
        ("schema", set_in("weights", "Days")),
        ("schema", set_in("columns", [])),
        ("schema", lambda s: s["columns"][2]["levels"].reverse()),
        ("priors", lambda p: p["beta"].pop()),
        ("priors", lambda p: p["blocks"].pop()),
        ("priors", set_in("centre", [0.0])),
        ("priors", set_in("sigma", {"dist": "os.system", "command": "true"})),
        ("priors", set_in("sigma", {"dist": "Normal", "sigma": "__import__('os')"})),
        ("spec", set_in("formula", "Reaction ~ __import__('os').system('true')")),
        ("spec", set_in("formula", "Reaction ~ 1 + (Days | Subject)")),
        ("spec", set_in("family", {"name": "evil", "link": "identity"})),
        ("spec", set_in("missing", "maybe")),
        ("design", set_in("n", 3)),
        ("design", set_in("terms", [0, 7])),
        ("design", set_in("rows_given", 2)),
        ("run", set_in("settings", {"draws": 1})),
        ("run", set_in("gradients", "many")),
        ("fingerprint", lambda _: "0" * 64),
    ],
)
def test_texts_that_disagree_with_the_arrays_are_refused(copy, name, edit):
    edit_text(copy, name, edit)
    refused(copy, r"copy\.nc")


def test_arrays_of_another_kind_or_size_are_refused(saved, tmp_path):
    def with_change(change):
        with xr.open_datatree(saved, engine="h5netcdf") as tree:
            tree.load()
        groups = {path: node.to_dataset(inherit=False) for path, node in tree.subtree_with_keys}
        change(groups)
        made = xr.DataTree.from_dict(groups)
        made.attrs = tree.attrs
        made.to_netcdf(tmp_path / "made.nc", engine="h5netcdf")
        agree(tmp_path / "made.nc")
        return tmp_path / "made.nc"

    def replaced(group, **variables):
        return lambda groups: groups.update({group: groups[group].assign(variables)})

    with xr.open_datatree(saved, engine="h5netcdf") as tree:
        posterior, data = tree["posterior"].to_dataset().load(), tree["model_data"].to_dataset().load()
    hb.load(with_change(lambda groups: None))
    refused(with_change(lambda g: g.update(posterior=posterior.isel(Subject=slice(3)))), "terms or levels")
    refused(with_change(lambda g: g.update(posterior=posterior.isel(draw=slice(0)))), "no draws")
    refused(with_change(lambda g: g.update(posterior=posterior.drop_vars("sigma"))), "sigma")
    refused(with_change(replaced("posterior", beta=posterior["beta"].astype(np.float32))), "64 bits")
    refused(with_change(replaced("posterior", beta=posterior["sigma"])), "dims")
    refused(with_change(replaced("model_data", Subject=data["Subject"] + 1)), "Subject")
    refused(with_change(replaced("model_data", Days=data["Days"] * np.nan)), "Days")
    refused(with_change(replaced("model_data", Days=data["Days"] + 1)), "not those of the fit")
    refused(with_change(lambda g: g.update(model_data=data.drop_vars("Days"))), "not those of its model")
    refused(with_change(lambda g: g.update(model_data=data.isel(row=slice(5)))), "not those of the fit")


def test_nothing_in_a_file_is_run(copy, tmp_path, monkeypatch):
    import os
    import pickle

    def never(*_, **__):
        raise AssertionError("code in a file was run")

    mark = tmp_path / "was-run"
    code = f"__import__('pathlib').Path({str(mark)!r}).touch()"
    edit_text(copy, "priors", set_in("sigma", {"dist": "Custom", "name": code, "source": code}))
    edit_text(copy, "run", set_in("reason", code))
    with monkeypatch.context() as patched:
        for module, name in ((os, "system"), (pickle, "loads"), (pickle, "load")):
            patched.setattr(module, name, never)
        again = hb.load(copy)
        assert code in str(again.model.priors.loc["sigma", "prior"])
        with pytest.raises(hb.ModelError, match="keeps the text"):
            _ = again.model.pymc
    assert not mark.exists()


def test_links_out_of_the_file_are_refused(copy, saved, tmp_path):
    with h5py.File(copy, "r+") as file:
        file["elsewhere"] = h5py.ExternalLink(str(saved), "/posterior")
    refused(copy, "another place")
    other = shutil.copy(saved, tmp_path / "raw.nc")
    (tmp_path / "secret").write_bytes(b"x" * 8)
    with h5py.File(other, "r+") as file:
        file.create_dataset("raw", (8,), "u1", external=[(str(tmp_path / "secret"), 0, 8)])
    refused(other, "another place")


def test_an_array_that_is_too_large_for_its_file_is_refused(copy):
    with h5py.File(copy, "r+") as file:
        file.create_dataset("bomb", (10**13,), "f8", chunks=(10**6,), fillvalue=0.0)
    refused(copy, "larger than the file")


# writing


def test_a_file_that_cannot_be_written_leaves_nothing(fit, tmp_path, monkeypatch):
    path = tmp_path / "fit.nc"
    fit.save(path)
    before = path.read_bytes()

    def full(part, content):
        part.write_bytes(content[:50])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storage_file, "_put", full)
    with pytest.raises(hb.DataError, match="No space left"):
        fit.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_an_interruption_leaves_nothing(fit, tmp_path, monkeypatch):
    def stopped(part, content):
        part.write_bytes(content[:50])
        raise KeyboardInterrupt

    monkeypatch.setattr(storage_file, "_put", stopped)
    with pytest.raises(KeyboardInterrupt):
        fit.save(tmp_path / "fit.nc")
    assert list(tmp_path.iterdir()) == []


def test_places_that_cannot_be_written_are_named(fit, tmp_path):
    (tmp_path / "file").write_text("x")
    for place, match in [
        (tmp_path, "directory"),
        (tmp_path / "no" / "fit.nc", "no"),
        (tmp_path / "file" / "x.nc", "x.nc"),
    ]:
        with pytest.raises(hb.DataError, match=match):
            fit.save(place)
    assert (tmp_path / "file").read_text() == "x"


def test_a_link_to_a_file_stays_a_link(fit, tmp_path):
    real, link = tmp_path / "real.nc", tmp_path / "link.nc"
    real.write_bytes(b"")
    link.symlink_to(real)
    assert fit.save(link) == link
    assert link.is_symlink()
    pd.testing.assert_frame_equal(hb.load(real).fixef(), fit.fixef(), check_exact=True)


def test_a_saved_file_is_as_readable_as_any_other(fit, tmp_path):
    (tmp_path / "plain").touch()
    fit.save(tmp_path / "fit.nc")
    assert (tmp_path / "fit.nc").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_group_of_the_name_of_the_data_is_not_overwritten(fit, tmp_path):
    tree = fit.tree.copy()
    tree[storage_file.MODEL_DATA] = xr.DataTree(xr.Dataset({"x": 1}))
    made = type(fit)(fit.model, type(fit._draws)(tree, "pymc", "", 1.0, 1, 1))
    with pytest.raises(hb.ModelError, match="model_data"):
        made.save(tmp_path / "fit.nc")
