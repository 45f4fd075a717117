"""Runs the tests of random input with many more cases than the suite has."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def fuzz(formulas: int) -> tuple[str, bool]:
    """Return a sentence on so many formulas, and a tenth as many specifications and tables; and whether all held."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/trust/test_fuzz.py"]
    environment = {**os.environ, "HIERBAYES_FUZZ": str(formulas)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    held = done.returncode == 0
    tenth = max(formulas // 10, 1)
    said = "nothing but the errors that hierbayes itself defines" if held else f"not all held: {_last(done.stdout)}"
    return f"{formulas:,} formulas, {tenth:,} specifications and {tenth:,} tables: {said}.", held


def _last(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no test ran"
