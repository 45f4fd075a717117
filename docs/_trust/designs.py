"""Many random designs beside the dense normal and the plain sum; designs and comparisons are those of the tests."""

from __future__ import annotations

import hashlib
import json
import time
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from .checks import ROOT, engine_digest

PART = 2500
"""Designs of which the result is kept at once."""
EVERY = 10
"""One design in so many is compared in all that there is: draws, conditional modes, the joint engine."""


def random_designs(number: int, folder: Path, executor: Executor | None = None) -> pd.DataFrame:
    """Return one row on so many designs; finished parts stay in the folder while the sources are what they were."""
    starts = range(0, number, PART)
    sizes = [min(PART, number - first) for first in starts]
    part = partial(_part, folder=folder, digest=_digest())
    parts = list((executor.map if executor else map)(part, starts, sizes))
    wrong = [each for own in parts for each in own["wrong"]]
    for each in wrong[:20]:
        print(each, flush=True)
    return pd.DataFrame(
        {
            "designs": [sum(sizes)],
            "comparisons": [sum(own["comparisons"] for own in parts)],
            "largest difference, of what rounding allows": [max(own["largest"] for own in parts)],
            "wrong": [len(wrong)],
            "seconds": [float(sum(own["seconds"] for own in parts))],
            "passed": ["**no**" if wrong else "yes"],
        }
    )


def _part(first: int, size: int, folder: Path, digest: str) -> dict[str, Any]:
    """Return what some designs came to, from the folder if they were compared before."""
    from oracles.many_designs import examine

    path = folder / f"designs-{first}-{size}-{digest}.json"
    if not path.exists():
        started = time.process_time()
        found = examine(size, first, EVERY)
        own = {"comparisons": found.comparisons, "largest": found.largest, "wrong": list(found.wrong)}
        path.write_text(json.dumps(own | {"seconds": time.process_time() - started}), encoding="utf-8")
    return dict(json.loads(path.read_text(encoding="utf-8")))


def _digest() -> str:
    """Return a digest of the engines, of the designs and of what they are compared with."""
    oracles = ROOT / "tests" / "oracles"
    names = ("random_designs", "dense_normal", "design_checks", "joint_checks", "joint_families", "many_designs")
    own = hashlib.sha256(b"".join((oracles / f"{name}.py").read_bytes() for name in names)).hexdigest()[:8]
    return f"{engine_digest('auto')}-{engine_digest('joint')}-{own}"
