"""Few levels at the defaults: how many simulated data sets are sampled without a divergence, and with a low R-hat.

Run from the checkout: ``python benchmarks/few_levels.py [--sets 200] [--only "few, ordinal"] [--accept 0.99]``.
The structures and the data sets are those of the calibrations of ``make trust`` whose names begin with "few"; there a
chain has 500 draws, here four chains have 1,000 each, as `Model.fit` takes them. ``--rows FILE`` keeps a line for each
data set, with the truth that it was drawn from.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

DOCS = Path(__file__).resolve().parents[1] / "docs"


def about_data(problem) -> dict[str, float]:
    """Return what tells extreme data from others: the largest response, and the share of the smallest."""
    y = np.asarray(problem.y, dtype=float)
    return {
        "largest": float(y.max()),
        "at_least": float(np.mean(y == y.min())),
        "at_most": float(np.mean(y == y.max())),
    }


def fits(name: str, sets: int, accept: float | None) -> Iterator[dict[str, object]]:
    """Yield diagnostics, truth and data of each data set of a structure."""
    from _trust.checks import SEED
    from _trust.structures import FEW_LEVELS

    from hierbayes.sampling.run import Runner, draw
    from hierbayes.sampling.sampler import settings
    from hierbayes.studies.calibration import make_task, seeds_of
    from hierbayes.studies.calibration_quantities import of_world
    from hierbayes.summaries.health import diagnostics

    model = FEW_LEVELS[name].model()
    task = make_task(model, settings(draws=100, chains=1, cores=1, seed=SEED, progress=False), "joint")
    for number, seed in enumerate(seeds_of(SEED, sets)):
        world = task.source.draw(seed)
        problem = replace(task.problem, y=world.y)
        runner = Runner(problem, task.source.labels)
        chosen = settings(cores=1, seed=number, target_accept=accept, progress=False)
        started = time.perf_counter()
        drawn = draw(runner, chosen, "joint")
        told = diagnostics(drawn)
        truth = dict(
            zip([q.name for q in task.quantities], of_world(task.quantities, task.design, world, seed), strict=True)
        )
        yield {
            "structure": name, "set": number, "divergences": told["divergences"], "rhat": told["max_rhat"],
            "ess": min(told["min_ess_bulk"], told["min_ess_tail"]), "chart": runner.joint.chart,
            "seconds": time.perf_counter() - started, **about_data(problem), **truth,
        }  # fmt: skip


def row_of(name: str, found: pd.DataFrame) -> str:
    """Return the line of a structure; an R-hat fails from 1.01, an ESS below 400."""
    split = found["divergences"] > 0
    cells = [
        name, len(found), int(np.sum(found["chart"] == "moving")), int(split.sum()), f"{split.mean():.1%}",
        int((found["divergences"] > 4).sum()), int(found["divergences"].max()), int((found["rhat"] >= 1.01).sum()),
        f"{found['rhat'].max():.3f}", int((found["ess"] < 400).sum()), f"{found['ess'].min():.0f}",
        f"{found['seconds'].median():.2f}",
    ]  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=200)
    parser.add_argument("--only", nargs="+", default=None, help="names of structures")
    parser.add_argument("--accept", type=float, default=None, help="target acceptance; the default of the engine")
    parser.add_argument("--rows", type=Path, default=None, help="a CSV file, a line for each data set")
    asked = parser.parse_args()
    sys.path.insert(0, str(DOCS))
    from _trust.structures import FEW_LEVELS

    print(
        "| structure | sets | moving chart | divergent sets | share | more than 4 | most | R-hat from 1.01 | largest "
        "| ESS below 400 | least | seconds |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    every = []
    for name in asked.only or FEW_LEVELS:
        own = pd.DataFrame(fits(name, asked.sets, asked.accept))
        print(row_of(name, own), flush=True)
        every.append(own)
        if asked.rows is not None:
            pd.concat(every).to_csv(asked.rows, index=False)


if __name__ == "__main__":
    main()
