"""Coverage of 95% intervals on the chapter's simulated groups (4 groups of 2 rows), and seconds of the repetitions.

First the truth of the chapter, which every fit meets with default priors scaled to its own data; the same with flat
priors; then truths drawn from the priors, which are those of the chapter's data and of every fit.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from typing import Any

from side_by_side import markdown, table

import hierbayes as hb

FORMULA = "y ~ 1 + (1 | group)"
TRUTH = {"Intercept": 1.728, "sd_group": 5.92, "sigma": 0.94}


def runs() -> dict[str, dict[str, Any]]:
    """Return the experiments by name."""
    chapter = {"sizes": {"group": 4, "rows": 2}, "truth": TRUTH}
    return {
        "chapter": {**chapter, "fits": ("complete", "no", "partial", "reml")},
        "chapter, flat priors": {**chapter, "fits": "partial", "priors": "flat"},
        "truths from the priors": {"data": hb.load_data("chapter_groups"), "truth": "prior"},
    }


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repetitions", type=int, default=1000)
    options.add_argument("--cores", type=int, default=2)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--markdown", action="store_true", help="print the table in Markdown")
    chosen = options.parse_args()
    warnings.simplefilter("ignore")
    common: dict[str, Any] = {"seed": chosen.seed, "cores": chosen.cores, "progress": False}
    # imports and the loading of compiled code
    hb.experiment(FORMULA, {"group": 4, "rows": 2}, TRUTH, n=4, **common)
    rows: list[list[Any]] = []
    for name, own in runs().items():
        started = time.perf_counter()
        found = hb.experiment(FORMULA, n=chosen.repetitions, **own, **common)
        seconds, load = time.perf_counter() - started, os.getloadavg()[0]
        for line in found.coverage().dropna(subset="coverage").itertuples():
            ratio = line.claimed / line.actual
            rows.append([name, line.parameter, line.method, line.coverage, line.mcse, ratio, seconds, load])
    head = ["truth", "parameter", "fit", "coverage", "mcse", "claimed / actual sd", "seconds", "load"]
    print((markdown if chosen.markdown else table)(head, rows))


if __name__ == "__main__":
    main()
