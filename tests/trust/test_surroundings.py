"""A full disk, a read-only home and package, pipes in the place of files, two processes that compile at once."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from engines.test_native import BODY
from fits import fake_fit

import hierbayes as hb
from hierbayes.engines import stale
from hierbayes.engines.stale import find_cache
from hierbayes.errors import DataError, SamplingError
from hierbayes.report.page import write_page

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
pytestmark = pytest.mark.filterwarnings("ignore::hierbayes.HierBayesWarning")


@pytest.fixture(scope="module")
def fit():
    return fake_fit("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy"), draws=60)


def run(what, folder, root=ROOT, before=None, **variables):
    """Run a script of `surroundings` and return what it printed."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("COV_", "PYTEST", "NUMBA", "XDG"))
    }
    done = subprocess.run(
        [sys.executable, str(HERE / "surroundings.py"), what, str(folder)],
        capture_output=True, text=True, check=False, cwd=folder, preexec_fn=before,
        env={**kept, "PYTHONPATH": str(root), "MPLBACKEND": "Agg", **variables},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_full_disk_leaves_nothing_half_written(fit, tmp_path):
    fit.save(tmp_path / "fit.nc")
    found = run("full_disk", tmp_path)
    for what in ("save", "save over", "page"):
        kind, said = found[what]
        assert kind == "DataError"
        assert "cannot be written to" in said or "cannot write" in said
        assert "choose another" in said.lower()
    assert found["files"] == ["fit.nc", "kept.nc"]
    assert found["kept"] == "old"
    assert found["again"] is None


WRITERS = {"save": lambda fit, place: fit.save(place), "page": lambda _, place: write_page(place, "<p>")}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_pipe_is_not_replaced_by_a_file(fit, tmp_path, kind):
    """Nor is a device: as root a save to /dev/null would else take it away from the whole machine."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(DataError, match="no ordinary file"):
        WRITERS[kind](fit, pipe)
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def without_override():
    """Let permissions bind root too: they do where the process has lost this one capability."""
    if os.getuid() == 0 and ctypes.CDLL(None).prctl(24, 1, 0, 0, 0) != 0:
        raise OSError("the capability cannot be dropped")


def package_copy(folder):
    """The package with all that is compiled, in a folder of its own."""
    shutil.copytree(ROOT / "hierbayes", folder / "hierbayes")
    shutil.copytree(ROOT / "models", folder / "models")
    return folder / "hierbayes"


@pytest.mark.slow
def test_a_read_only_home_and_package_run_what_is_compiled(tmp_path):
    options = {"draws": 20, "chains": 1, "seed": 1, "progress": False}
    here = hb.fit("Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff"), **options)
    copied = package_copy(tmp_path)
    folders = [copied, *(path for path in copied.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        (tmp_path / "work").mkdir()
        found = run("read_only", tmp_path / "work", root=tmp_path, before=without_override, HOME="/dev/null")
    except subprocess.SubprocessError:
        pytest.skip("root keeps the right to write everywhere here")
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert found["package"] == str(copied)
    assert found["there"] == [True], "the copy could be written to: nothing is shown"
    assert not Path(found["temporary"][0]).exists()
    assert found["compiled"] == 0
    assert found["beta"] == here.posterior["beta"].to_numpy().tobytes().hex()


def test_without_any_folder_for_compiled_functions_they_can_still_be_defined(tmp_path):
    copied = package_copy(tmp_path)
    for folder in list(copied.rglob("__pycache__")):
        shutil.rmtree(folder)
        folder.write_text("a file in the way")
    found = run("no_cache", tmp_path, root=tmp_path, HOME="/dev/null")
    assert found["package"] == str(copied)
    (folder,) = found["temporary"]
    assert not Path(folder).exists()


def test_not_even_a_temporary_folder(monkeypatch):
    def none(**_):
        raise FileNotFoundError(2, "No usable temporary directory found")

    def refused(_):
        raise RuntimeError("no locator available")

    monkeypatch.setattr("numba.core.caching.FunctionCache", refused)
    monkeypatch.setattr(stale.tempfile, "mkdtemp", none)
    with pytest.raises(SamplingError, match=r"no folder for compiled functions.*\n.*NUMBA_CACHE_DIR"):
        find_cache()


LOADS = """
import sys, numpy as np
from numba.core import event
from hierbayes.engines import native
with event.install_recorder("numba:compile") as recorder:
    functions = native.load("sample", {"sample_sum": "ipp", "sample_double": "ip"})
x, out = np.array([0.0, 1.0, 2.5]), np.empty(1)
functions["sample_double"](3, x.ctypes.data)
functions["sample_sum"](3, x.ctypes.data, out.ctypes.data)
print(out[0] == np.exp([0.0, 2.0, 5.0]).sum(), len(recorder.buffer) > 0)
"""


@pytest.mark.slow
def test_two_processes_that_compile_at_once_do_not_harm_each_other(tmp_path):
    (tmp_path / "sample.py").write_text(BODY.format(name="sample"))
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": paths, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}

    def start():
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen([sys.executable, "-c", LOADS], env=environment, **pipes)

    both = [start(), start()]
    said = [process.communicate() for process in both]
    assert [out.split() for out, _ in said] == [["True", "True"]] * 2, said
    out, error = start().communicate()
    assert out.split() == ["True", "False"], error
    assert len(list((tmp_path / "cache").rglob("native-*.o"))) == 1
    assert not list((tmp_path / "cache").rglob("tmp*"))
