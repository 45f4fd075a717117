"""The cost of rows: 1,000 groups with a random slope, 10^4, 10^5 and 10^6 rows.

Seconds for design, statistics and sampling (mode, warm-up, draws, recovery, names), and of one gradient, which must
not depend on the rows; then, at 10^5 rows, the whole fit beside Bambi + nutpie's at equal draws.
"""

from __future__ import annotations

import argparse
import time
import warnings
from typing import Any

from side_by_side import markdown, measure, table
from worker import load

FORMULA = "y ~ x + (x | g)"
IN_BAMBI = "y ~ x + (1 | g) + (0 + x | g)"
GROUPS = 1000


def stages(rows: int, draws: int) -> list[Any]:
    """Return the seconds of each stage of one fit."""
    import hierbayes as hb

    data = load({"rows": rows, "groups": GROUPS})
    started = time.perf_counter()
    model = hb.Model(FORMULA, data)
    engine = model._runner.collapsed
    _ = model.problem
    designed = time.perf_counter()
    _ = engine.tape
    counted = time.perf_counter()
    fit = model.fit(draws=draws, seed=1, progress=False)
    sampled = time.perf_counter()
    gradient = engine.seconds_per_gradient()
    spans = [designed - started, counted - designed, sampled - counted, sampled - started]
    return [rows, *spans, fit.diagnostics["min_ess_bulk"], 1e6 * gradient]


def main() -> None:
    """Print the tables and the ratios."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    options.add_argument("--draws", type=int, default=1000, help="of each of 4 chains")
    options.add_argument("--peer", type=int, default=100_000, help="rows of the comparison; 0 leaves it out")
    options.add_argument("--tune", type=int, help="warm-up steps of Bambi; by default 1000")
    options.add_argument("--timeout", type=float, default=1800, help="seconds for Bambi")
    options.add_argument("--markdown", action="store_true", help="print the tables in Markdown")
    chosen = options.parse_args()
    warnings.simplefilter("ignore")
    write = markdown if chosen.markdown else table
    stages(10_000, 10)
    found = [stages(rows, chosen.draws) for rows in chosen.rows]
    head = ["rows", "design s", "statistics s", "sampling s", "whole s", "least ESS", "gradient us"]
    print(write(head, found))
    costs = [row[-1] for row in found]
    print(f"gradient, largest over least: {max(costs) / min(costs):.3f}")
    if not chosen.peer:
        return
    task = {"rows": chosen.peer, "groups": GROUPS, "draws": chosen.draws, "seed": 1, "hyper_only": True}
    own = measure({**task, "package": "hierbayes", "formula": FORMULA})
    peer = measure({**task, "package": "bambi+nutpie", "formula": IN_BAMBI, "tune": chosen.tune}, None, chosen.timeout)
    rows = [
        [name, run["seconds"], run.get("min_ess_hyper", ""), run.get("max_rhat_hyper", run.get("failed"))]
        for name, run in (("hierbayes", own), ("Bambi + nutpie, uncorrelated", peer))
    ]
    print("\n" + write(["package", "seconds", "least ESS of hyperparameters", "R-hat"], rows))
    print(f"1/{peer['seconds'] / own['seconds']:.0f} of Bambi + nutpie's time at equal draws")


if __name__ == "__main__":
    main()
