"""Compiled functions go when any source changes, and stay while none does."""

from __future__ import annotations

import os

from hierbayes.engines.stale import drop_stale


def test_a_changed_source_drops_what_all_sources_compiled_to(tmp_path):
    (tmp_path / "inner" / "__pycache__").mkdir(parents=True)
    source = tmp_path / "inner" / "callee.py"
    source.write_text("one = 1\n")
    (tmp_path / "caller.py").write_text("two = 2\n")
    assert drop_stale(tmp_path)
    compiled = [tmp_path / "inner" / "__pycache__" / name for name in ("callee.f.nbi", "callee.f.1.nbc")]
    for path in compiled:
        path.write_bytes(b"code")
    assert not drop_stale(tmp_path)
    assert all(path.exists() for path in compiled)
    # a copy of the sources has other times, and an edit may leave the size as it was
    os.utime(source, (1, 1))
    assert not drop_stale(tmp_path)
    source.write_text("one = 3\n")
    assert drop_stale(tmp_path)
    assert not any(path.exists() for path in compiled)
    assert source.exists()


def test_a_folder_that_is_not_there_or_cannot_be_written_does_no_harm(tmp_path):
    (tmp_path / "__pycache__").write_text("a file in the way")
    assert not drop_stale(tmp_path)
    assert not drop_stale(tmp_path / "nowhere")
