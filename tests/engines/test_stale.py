"""Compiled functions go when a source that they are made of changes, and stay while none does."""

from __future__ import annotations

import os
from pathlib import Path

from hierbayes.engines import stale
from hierbayes.engines.stale import drop_stale, kernel_sources


def test_a_changed_source_drops_what_all_sources_compiled_to(tmp_path):
    (tmp_path / "inner" / "__pycache__").mkdir(parents=True)
    source = tmp_path / "inner" / "callee.py"
    source.write_text("import numba\none = 1\n")
    (tmp_path / "caller.py").write_text("import numba\ntwo = 2\n")
    assert drop_stale(tmp_path)
    compiled = [tmp_path / "inner" / "__pycache__" / name for name in ("callee.f.nbi", "callee.f.1.nbc")]
    for path in compiled:
        path.write_bytes(b"code")
    assert not drop_stale(tmp_path)
    assert all(path.exists() for path in compiled)
    # a copy of the sources has other times, and an edit may leave the size as it was
    os.utime(source, (1, 1))
    assert not drop_stale(tmp_path)
    source.write_text("import numba\none = 3\n")
    assert drop_stale(tmp_path)
    assert not any(path.exists() for path in compiled)
    assert source.exists()


def test_a_folder_that_is_not_there_or_cannot_be_written_does_no_harm(tmp_path):
    (tmp_path / "__pycache__").write_text("a file in the way")
    assert not drop_stale(tmp_path)
    assert not drop_stale(tmp_path / "nowhere")


def test_what_only_calls_kernels_may_change(tmp_path):
    room = tmp_path / "engines"
    (room / "inner").mkdir(parents=True)
    (room / "inner" / "kernel.py").write_text(
        "from numba import njit\nfrom hierbayes.engines.inner import (\n    tape as at,\n)\n"
        "from hierbayes.engines.base import Floats\n"
    )
    for name in ("inner/tape.py", "base.py", "inner/engine.py"):
        (room / name).write_text("one = 1\n")
    assert [path.relative_to(room).as_posix() for path in kernel_sources(room)] == [
        "base.py", "inner/kernel.py", "inner/tape.py",
    ]  # fmt: skip
    assert drop_stale(room)
    (room / "inner" / "engine.py").write_text("one = 2\n")
    assert not drop_stale(room)
    (room / "inner" / "tape.py").write_text("one = 2\n")
    assert drop_stale(room)


def test_every_file_with_a_kernel_and_every_tape_is_a_source():
    room = Path(stale.__file__).parent
    names = {path.relative_to(room).as_posix() for path in kernel_sources(room)}
    assert {"collapsed/kernel.py", "joint/kernel.py", "scalars.py", "collapsed/tape.py", "joint/tape.py"} <= names
    assert not {"collapsed/engine.py", "joint/engine.py", "assemble.py"} & names
