"""hierbayes beside Bambi + nutpie on VerbAgg: 7,584 answers of 316 persons to 24 items, crossed.

Yes or no, or with ``--family categorical`` yes, perhaps or no, persons alone, the effects of the two categories
uncorrelated, as Bambi has them.

The whole posterior, every fit in a fresh process, imports apart. The standard: R-hat < 1.01 and bulk ESS >= 400 for
every parameter, the 340 group-level effects too. Bambi starts with 4 x (1000 + 1000) and gets more draws until it
reaches the standard, or until its time is over.
"""

from __future__ import annotations

import argparse
from typing import Any

from side_by_side import markdown, measure, table

FORMULAS = {
    "bernoulli": dict.fromkeys(
        ("hierbayes", "bambi+nutpie"), "r2 ~ 1 + Anger + Gender + btype + situ + (1 | id) + (1 | item)"
    ),
    "categorical": {
        "hierbayes": "resp ~ 1 + Anger + Gender + btype + situ + (1 || id)",
        "bambi+nutpie": "resp ~ 1 + Anger + Gender + btype + situ + (1 | id)",
    },
}
LEAST_ESS, LARGEST_RHAT = 400, 1.01

Run = dict[str, Any]


def reached(run: Run) -> bool:
    """Say whether a run meets the standard."""
    return "failed" not in run and run["min_ess"] >= LEAST_ESS and run["max_rhat"] < LARGEST_RHAT


def row(name: str, run: Run) -> list[Any]:
    """Return a run as a row of the table."""
    if "failed" in run:
        return [name, "", run["seconds"], "", "", run["failed"], "", "no"]
    keys = ("draws", "seconds", "min_ess", "max_rhat", "divergences", "peak_mb")
    return [name, *(run[key] for key in keys), "yes" if reached(run) else "no"]


def main() -> None:
    """Print the table and the ratio."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--draws", type=int, default=1000, help="of each of hierbayes' 4 chains")
    options.add_argument("--peer", type=int, nargs="*", default=[1000, 2000, 4000], help="of each of Bambi's 4 chains")
    options.add_argument("--minutes", type=float, default=15, help="for all runs of Bambi together")
    options.add_argument("--family", choices=tuple(FORMULAS), default="bernoulli")
    options.add_argument("--markdown", action="store_true", help="print the table in Markdown")
    chosen = options.parse_args()
    tasks = {
        package: {"package": package, "formula": formula, "data": "verbagg", "family": chosen.family, "seed": 1}
        for package, formula in FORMULAS[chosen.family].items()
    }
    # The kernels are in the cache after this one.
    measure({**tasks["hierbayes"], "draws": 10, "tune": 10})
    own = measure({**tasks["hierbayes"], "draws": chosen.draws})
    peers: list[Run] = []
    left = 60 * chosen.minutes
    for draws in chosen.peer:
        peers.append(measure({**tasks["bambi+nutpie"], "draws": draws}, None, left))
        left -= peers[-1]["seconds"]
        if reached(peers[-1]) or left < 60:
            break
    rows = [row("hierbayes", own), *(row("Bambi + nutpie", run) for run in peers)]
    head = ["package", "draws", "seconds", "least ESS", "R-hat", "divergences", "peak MB", "standard reached"]
    print((markdown if chosen.markdown else table)(head, rows))
    if "failed" not in own:
        print(f"engine: {own['engine']}, {own['gradients']} gradients for {own['draws']} draws")
    if peers and reached(own):
        whether = "" if reached(peers[-1]) else ", which did not reach the standard"
        print(f"1/{peers[-1]['seconds'] / own['seconds']:.1f} of Bambi + nutpie's time{whether}")


if __name__ == "__main__":
    main()
