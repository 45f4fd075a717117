"""Object code on disk gives what numba gives, and whatever is wrong with the file only costs time."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from hierbayes.engines import native

BODY = """
import numpy as np
from numba import carray

def {name}_sum(n, x, out):
    values = carray(x, (n,), np.float64)
    scratch = np.empty(n)
    for i in range(n):
        scratch[i] = np.exp(values[i])
    carray(out, (1,), np.float64)[0] = scratch.sum()
    return n

def {name}_double(n, x):
    values = carray(x, (n,), np.float64)
    for i in range(n):
        values[i] *= 2
    return 0
"""


@pytest.fixture
def sample(tmp_path, monkeypatch):
    """A module of two functions, and numba's cache in a folder of its own."""
    name = "sample_" + tmp_path.name.replace("-", "_")
    (tmp_path / f"{name}.py").write_text(BODY.format(name=name))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path / "cache"))
    return name, {f"{name}_sum": "ipp", f"{name}_double": "ip"}


def check(functions, name):
    x, out = np.array([0.0, 1.0, 2.5]), np.empty(1)
    assert functions[f"{name}_double"](3, x.ctypes.data) == 0
    assert x.tolist() == [0.0, 2.0, 5.0]
    assert functions[f"{name}_sum"](3, x.ctypes.data, out.ctypes.data) == 3
    assert out[0] == pytest.approx(np.exp(x).sum(), rel=1e-15)


def files(tmp_path):
    return list((tmp_path / "cache").rglob("native-*.o"))


def test_the_second_process_compiles_nothing_and_gives_the_same(sample, tmp_path, monkeypatch):
    name, entries = sample
    check(native.load(name, entries), name)
    assert len(files(tmp_path)) == 1
    monkeypatch.setattr(native, "_compiled", None)  # calling it would fail
    sys.modules.pop(name)
    check(native.load(name, entries), name)
    assert name not in sys.modules


@pytest.mark.parametrize(
    "spoil", [lambda code: code[:-9], lambda code: b"", lambda code: code[:200] + b"x" + code[201:]]
)
def test_a_spoiled_file_is_not_loaded_and_is_written_anew(sample, tmp_path, spoil):
    name, entries = sample
    native.load(name, entries)
    (path,) = files(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(spoil(whole))
    assert native._from_disk(path, entries) is None
    check(native.load(name, entries), name)
    assert path.read_bytes() != spoil(whole)
    assert set(native._from_disk(path, entries)) == set(entries)


def test_without_a_folder_to_write_to_it_compiles_in_memory(sample, tmp_path, monkeypatch):
    name, entries = sample
    monkeypatch.setattr(native, "_place", lambda *_: None)
    check(native.load(name, entries), name)
    assert files(tmp_path) == []


def test_another_version_of_the_sources_has_another_file(sample, monkeypatch):
    name, entries = sample
    before = native._place(name, entries)
    monkeypatch.setattr(native, "kernel_digest", lambda room: "changed")
    assert native._place(name, entries) != before
