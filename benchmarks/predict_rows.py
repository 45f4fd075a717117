"""Prediction of many rows from many draws: seconds and the peak of memory, which must not grow with rows x draws.

Fits the sleepstudy data, then predicts a frame of new rows in a table of means and intervals. The peak of resident
memory is that of this process from start to end, the fit and the frame included.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
import warnings

import numpy as np
import pandas as pd
from side_by_side import markdown, table

import hierbayes as hb


def peak() -> float:
    """Return the largest resident memory so far, in MB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--draws", type=int, default=1000, help="of each of 4 chains")
    options.add_argument("--groups", nargs="*", default=["known"], help="known, new, population, average")
    options.add_argument("--kind", default="mean", help="mean or response")
    options.add_argument("--unseen", type=int, default=100, help="unseen levels among the rows, for other than known")
    options.add_argument("--markdown", action="store_true", help="print the table in Markdown")
    chosen = options.parse_args()
    warnings.simplefilter("ignore")
    sleep = hb.load_data("sleepstudy")
    fit = hb.fit("Reaction ~ Days + (Days | Subject)", sleep, draws=chosen.draws, seed=1, progress=False)
    rng = np.random.default_rng(1)
    seen = [str(level) for level in sleep["Subject"].unique()]
    found = []
    for groups in chosen.groups:
        levels = seen if groups == "known" else seen + [f"new {i}" for i in range(chosen.unseen)]
        codes = rng.integers(len(levels), size=chosen.rows)
        days = rng.uniform(0, 9, chosen.rows)
        new = pd.DataFrame({"Days": days, "Subject": pd.Categorical.from_codes(codes, levels)})
        before, started = peak(), time.perf_counter()
        fit.predict(new, groups=groups, kind=chosen.kind, seed=1)
        seconds = time.perf_counter() - started
        found.append([chosen.rows, 4 * chosen.draws, groups, chosen.kind, seconds, before, peak()])
    head = ["rows", "draws", "groups", "kind", "seconds", "MB before", "MB at most"]
    print((markdown if chosen.markdown else table)(head, found))


if __name__ == "__main__":
    main()
