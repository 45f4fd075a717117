"""Tables into the page, between its markers."""

from __future__ import annotations

import importlib.metadata
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

LIBRARIES = ("hierbayes", "numpy", "numba", "nutpie", "scipy", "pymc")


def cell(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else " ".join(str(value).split())


def markdown(table: pd.DataFrame) -> str:
    """Write a table in Markdown, numbers to three significant digits."""
    if not len(table):
        return "None."
    lines = ["| " + " | ".join(map(str, table.columns)) + " |", "|" + "---|" * table.shape[1]]
    lines += ["| " + " | ".join(map(cell, row)) + " |" for row in table.itertuples(index=False)]
    return "\n".join(lines)


def made(options: str, seconds: float) -> str:
    """Say when, with what and on what the page was made."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES)
    when = datetime.now(UTC).strftime("%Y-%m-%d")
    return (
        f"Made on {when} by `docs/make_trust.py{options}` in {seconds / 60:.0f} minutes: {versions}; "
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}."
    )


def fill(page: Path, target: Path, parts: dict[str, str]) -> None:
    """Write the page with each part between ``<!-- name -->`` and ``<!-- end -->``."""
    text = page.read_text(encoding="utf-8")
    for name, part in parts.items():
        before, after = re.split(rf"<!-- {name} -->\n.*?<!-- end -->", text, maxsplit=1, flags=re.DOTALL)
        text = f"{before}<!-- {name} -->\n{part}\n<!-- end -->{after}"
    target.write_text(text, encoding="utf-8")
