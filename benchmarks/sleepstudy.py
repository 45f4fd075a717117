"""hierbayes beside Bambi on sleepstudy: wall time, least bulk ESS, and their ratio, cold and warm.

Every fit runs in a fresh process; imports are timed apart. Cold: empty compile caches. Warm: the caches of the cold
run; the median over the repeats. Least ESS: bulk, over all parameters, group-level effects among them. Bambi has no
correlated group effects, so beside ``(Days | Subject)`` it fits the uncorrelated model, its nearest.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from side_by_side import markdown, measure, table

CORRELATED = "Reaction ~ Days + (Days | Subject)"
UNCORRELATED = "Reaction ~ Days + (Days || Subject)"
IN_BAMBI = "Reaction ~ Days + (1 | Subject) + (0 + Days | Subject)"

PEERS = (
    ("hierbayes", "hierbayes", CORRELATED),
    ("hierbayes", "hierbayes", UNCORRELATED),
    ("Bambi + nutpie", "bambi+nutpie", IN_BAMBI),
    ("Bambi + PyMC", "bambi+pymc", IN_BAMBI),
)
HEAD = ["package", "formula", "cold s", "warm s", "least ESS", "ESS/s", "divergences", "import s"]

Runs = list[dict[str, Any]]


def measured(package: str, formula: str, draws: int, tune: int | None, repeats: int) -> Runs:
    """Return the cold run, then the warm ones."""
    task = {"package": package, "formula": formula, "data": "sleepstudy", "draws": draws, "tune": tune}
    with tempfile.TemporaryDirectory() as cache:
        return [measure({**task, "seed": 1 + i}, Path(cache)) for i in range(1 + repeats)]


def typical(runs: Runs) -> dict[str, float]:
    """Return the medians over the warm runs, and the ESS per second."""
    keys = ("seconds", "min_ess", "divergences", "imports")
    found = {key: float(median(run[key] for run in runs[1:])) for key in keys}
    return {**found, "cold": runs[0]["seconds"], "rate": found["min_ess"] / found["seconds"]}


def main() -> None:
    """Print the table and the ratios."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repeats", type=int, default=3, help="warm runs of each")
    options.add_argument("--draws", type=int, default=1000, help="of each of 4 chains")
    options.add_argument("--tune", type=int, help="warm-up steps; by default each package's own")
    options.add_argument("--packages", nargs="*", default=sorted({package for _, package, _ in PEERS}))
    options.add_argument("--markdown", action="store_true", help="print the table in Markdown")
    chosen = options.parse_args()
    rows: list[list[Any]] = []
    found: dict[tuple[str, str], dict[str, float]] = {}
    for name, package, formula in PEERS:
        if package not in chosen.packages:
            continue
        runs = measured(package, formula, chosen.draws, chosen.tune, chosen.repeats)
        failed = next((run["failed"] for run in runs if "failed" in run), None)
        if failed:
            rows.append([name, formula, failed, *[""] * 5])
            continue
        own = found[package, formula] = typical(runs)
        keys = ("cold", "seconds", "min_ess", "rate", "divergences", "imports")
        rows.append([name, formula, *(own[key] for key in keys)])
    print((markdown if chosen.markdown else table)(HEAD, rows))
    peer = found.get(("bambi+nutpie", IN_BAMBI))
    for formula in (CORRELATED, UNCORRELATED):
        own = found.get(("hierbayes", formula), {})
        if own and peer:
            time, rate = peer["seconds"] / own["seconds"], own["rate"] / peer["rate"]
            print(f"{formula}: 1/{time:.1f} of Bambi + nutpie's time, {rate:.0f} times its ESS/s")


if __name__ == "__main__":
    main()
