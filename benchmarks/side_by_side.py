"""What the benchmark scripts share: measurements in fresh processes, and tables of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

WORKER = Path(__file__).with_name("worker.py")


def measure(task: dict[str, Any], cache: Path | None = None, timeout: float = 900) -> dict[str, Any]:
    """Run one task in a fresh process and return what it says.

    Parameters
    ----------
    task : dict
        What `worker` is to do; see there.
    cache : Path, optional
        A folder for every compile cache, numba's and PyTensor's; by default the usual ones.
    timeout : float
        Seconds.

    Returns
    -------
    dict
        What the worker found, or ``failed`` and ``seconds``.
    """
    # Both variables make OpenBLAS choose kernels for another machine.
    environment = {k: v for k, v in os.environ.items() if k not in {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"}}
    environment |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    if cache is not None:
        environment["PYTHONPATH"] = str(_bare_source(cache / "source"))
        environment["NUMBA_CACHE_DIR"] = str(cache / "numba")
        environment["PYTENSOR_FLAGS"] = f"base_compiledir={cache / 'pytensor'}"
    started = time.perf_counter()
    try:
        done = subprocess.run(
            [sys.executable, str(WORKER), json.dumps(task)],
            capture_output=True, text=True, env=environment, timeout=timeout, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"failed": f"not done after {timeout:.0f} s", "seconds": timeout}
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if not lines:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        return {"failed": last, "seconds": time.perf_counter() - started}
    return dict(json.loads(lines[-1].removeprefix("RESULT ")))


def _bare_source(folder: Path) -> Path:
    """Return a folder with the package's sources alone: what was compiled beside them would be found there."""
    if not folder.exists():
        for name in ("hierbayes", "models"):
            shutil.copytree(WORKER.parent.parent / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def table(headings: list[str], rows: list[list[Any]]) -> str:
    """Return rows as a table of text."""
    cells = [headings, *([_text(cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(headings))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def markdown(headings: list[str], rows: list[list[Any]]) -> str:
    """Return rows as a table in Markdown."""
    lines = [headings, ["---"] * len(headings), *([_text(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _text(cell: Any) -> str:
    if isinstance(cell, float):
        return f"{cell:.3g}" if abs(cell) < 100 else f"{cell:.0f}"
    return str(cell)
