"""hierbayes beside Bambi + nutpie on InstEval: 73,421 rows, 2,972 + 1,128 + 14 crossed levels.

The standard: every hyperparameter and coefficient with R-hat < 1.01 and bulk ESS >= 400. Bambi starts with 4 x (1000 +
1000) and gets more draws until it reaches it, or until its time is over; hierbayes runs once with few draws, for the
standard, and once with its defaults.
"""

from __future__ import annotations

import argparse
from typing import Any

from side_by_side import markdown, measure, table

FORMULA = "y ~ 1 + service + (1 | s) + (1 | d) + (1 | dept)"
LEAST_ESS, LARGEST_RHAT = 400, 1.01

Run = dict[str, Any]


def reached(run: Run) -> bool:
    """Say whether a run meets the standard."""
    return "failed" not in run and run["min_ess_hyper"] >= LEAST_ESS and run["max_rhat_hyper"] < LARGEST_RHAT


def row(name: str, run: Run) -> list[Any]:
    """Return a run as a row of the table."""
    if "failed" in run:
        return [name, "", run["seconds"], "", run["failed"], "", "no"]
    keys = ("draws", "seconds", "min_ess_hyper", "max_rhat_hyper", "peak_mb")
    return [name, *(run[key] for key in keys), "yes" if reached(run) else "no"]


def main() -> None:
    """Print the table and the ratio."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--draws", type=int, nargs="*", default=[300, 1000], help="of each of hierbayes' 4 chains")
    options.add_argument("--peer", type=int, nargs="*", default=[1000, 2000, 4000], help="of each of Bambi's 4 chains")
    options.add_argument("--tune", type=int, help="warm-up steps of Bambi; by default 1000")
    options.add_argument("--minutes", type=float, default=15, help="for all runs of Bambi together")
    options.add_argument("--markdown", action="store_true", help="print the table in Markdown")
    chosen = options.parse_args()
    task = {"formula": FORMULA, "data": "insteval", "seed": 1, "hyper_only": True}
    # The kernels are in the cache after this one.
    measure({"package": "hierbayes", "formula": "Yield ~ 1 | Batch", "data": "dyestuff", "draws": 10, "seed": 1})
    own = [measure({**task, "package": "hierbayes", "draws": draws}) for draws in chosen.draws]
    peers: list[Run] = []
    left = 60 * chosen.minutes
    for draws in chosen.peer:
        run = measure({**task, "package": "bambi+nutpie", "draws": draws, "tune": chosen.tune}, None, left)
        peers.append(run)
        left -= run["seconds"]
        if reached(run) or left < 60:
            break
    rows = [*(row("hierbayes", run) for run in own), *(row("Bambi + nutpie", run) for run in peers)]
    head = ["package", "draws", "seconds", "least ESS", "R-hat", "peak MB", "standard reached"]
    print((markdown if chosen.markdown else table)(head, rows))
    for run in own:
        if "failed" not in run:
            print(f"engine: {run['engine']}, {run['gradients']} gradients for {run['draws']} draws")
    best = next((run for run in own if reached(run)), None)
    if best and peers:
        whether = "" if reached(peers[-1]) else ", which did not reach the standard"
        print(f"1/{peers[-1]['seconds'] / best['seconds']:.1f} of Bambi + nutpie's time{whether}")


if __name__ == "__main__":
    main()
