"""Runs the checks behind `trust.md` and writes their tables between its markers.

Run from the checkout: ``python docs/make_trust.py``, or ``make trust``. What is finished is kept in ``build/trust``, so
that a run that was stopped goes on where it was; delete the folder to start anew. ``--quick`` looks whether all runs.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from multiprocessing import get_context
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS), str(DOCS.parent / "tests"), str(DOCS.parent / "tests" / "helpers")]
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")


def arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="three structures, few data sets")
    parser.add_argument("--sets", type=int, default=None, help="data sets of each structure: 1000, or 20 if quick")
    parser.add_argument("--repetitions", type=int, default=None, help="of each fixed truth: 1000, or 4 if quick")
    parser.add_argument("--faults", type=int, default=None, help="faults to plant: all, or none if quick")
    parser.add_argument("--formulas", type=int, default=None, help="random formulas: 10,000, or none if quick")
    parser.add_argument("--designs", type=int, default=None, help="random designs: 100,000, or 500 if quick")
    parser.add_argument("--processes", type=int, default=None, help="data sets at a time; all cores by default")
    parser.add_argument("--folder", type=Path, default=DOCS.parent / "build" / "trust", help="keeps what is finished")
    parser.add_argument("--page", type=Path, default=DOCS / "trust.md", help="the page to write")
    found = parser.parse_args(given)
    found.sets = found.sets or (20 if found.quick else 1000)
    found.repetitions = found.repetitions or (4 if found.quick else 1000)
    if found.formulas is None:
        found.formulas = 0 if found.quick else 10_000
    if found.designs is None:
        found.designs = 500 if found.quick else 100_000
    if found.faults is None and found.quick:
        found.faults = 0
    return found


def pool(asked: argparse.Namespace) -> AbstractContextManager[Executor | None]:
    """Return processes: much of a data set is Python, which threads would share out one at a time."""
    from hierbayes.engines.collapsed.threads import usable_cores

    size = asked.processes or usable_cores()
    if asked.quick or size < 2:
        return nullcontext()
    return ProcessPoolExecutor(size, mp_context=get_context("spawn"))


def main(given: list[str] | None = None) -> None:
    from _trust import checks, counts, designs, fuzz, page, planted, schools, structures

    from hierbayes.engines.collapsed.threads import usable_cores

    asked = arguments(given)
    asked.folder.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    quick = structures.QUICK if asked.quick else None
    names = quick["structures"] if quick else tuple(structures.STRUCTURES)
    with pool(asked) as executor:
        found = checks.calibrations(names, asked.sets, asked.folder, executor)
        beside = designs.random_designs(asked.designs, asked.folder, executor)
    truths = checks.coverage(quick["truths"] if quick else structures.TRUTHS, asked.repetitions, asked.folder)
    exact = checks.quadrature(quick["exact"] if quick else None)
    bits = checks.reproducibility(asked.quick)
    eight = schools.schools()
    # without faults the page keeps the table that it has
    faults = None if asked.faults == 0 else planted.planted(asked.faults, asked.folder, usable_cores())
    random = fuzz.fuzz(asked.formulas) if asked.formulas else None
    options = " --quick" if asked.quick else f" --sets {asked.sets} --repetitions {asked.repetitions}"
    page.fill(
        DOCS / "trust.md",
        asked.page,
        {
            "made": page.made(options, time.perf_counter() - started),
            "verdict": verdict(found, exact, bits, eight, faults, random, beside),
            "calibration": page.markdown(found.structures),
            "quantities": page.markdown(found.quantities),
            "failures": page.markdown(found.failures[["structure", "set", "seed", "reason"]]),
            "coverage": page.markdown(truths),
            "quadrature": page.markdown(exact),
            "schools": page.markdown(eight),
            "designs": page.markdown(beside),
            "reproducibility": page.markdown(bits),
            **({} if faults is None else {"planted": page.markdown(faults)}),
            "counts": page.markdown(counts.counts()),
        },
    )
    print(f"{asked.page} in {time.perf_counter() - started:.0f} s")


def verdict(found, exact, bits, eight=None, faults=None, random=None, beside=None) -> str:
    """Say what passed and what did not; the structures share one hundredth of false alarms among them.

    The eight schools, the planted faults, random input and random designs may be left out.
    """
    own = found.structures
    tests = int(2 * own["quantities"].sum())
    least = float(own["least p"].min())
    counts = [int(own[name].sum()) for name in ("quantities", "sets", "failed")]
    said = [
        f"- Calibration: {len(own)} structures, {counts[0]} quantities, {counts[1]} data sets, {counts[2]} that could "
        f"not be sampled. The least of {tests} p values is {least:.2g}; "
        f"times their number, {min(1, tests * least):.2g}.",
        f"- Quadrature: {int((exact['passed'] == 'yes').sum())} of {len(exact)} models agree.",
        f"- Reproducibility: {int((bits['same bits'] == 'yes').sum())} of {len(bits)} comparisons have the same bits.",
    ]
    if beside is not None:
        said.append(
            f"- Random designs: {int(beside['comparisons'].sum()):,} comparisons on "
            f"{int(beside['designs'].sum()):,} designs; {int(beside['wrong'].sum())} differ."
        )
    if faults is not None:
        said.append(planted_verdict(faults))
    if random is not None:
        said.append(f"- Random input: {random[0]}")
    lost = [
        *own.loc[own["passed"] != "yes", "structure"],
        *exact.loc[exact["passed"] != "yes", "model"],
        *bits.loc[bits["same bits"] != "yes", "compared"],
        *(
            []
            if eight is None
            else [f"eight schools: {name}" for name in eight.loc[eight["passed"] != "yes", "quantity"]]
        ),
        *(["random designs"] if beside is not None and beside["wrong"].any() else []),
        *(["random input"] if random is not None and not random[1] else []),
        *([] if faults is None else faults.loc[faults["as it should be"] != "yes", "fault"]),
    ]
    return "\n".join([*said, f"- What did not pass: {', '.join(lost) if lost else 'nothing'}."])


def planted_verdict(faults) -> str:
    """Say how many faults the tests saw; the first row is the control."""
    own = faults.iloc[1:]
    seen, added = int((own["as it should be"] == "yes").sum()), int((own["added for it"] != "").sum())
    words = f", {added} of them by a test that was written because none had seen them" if added else ""
    return f"- Planted faults: the tests see {seen} of {len(own)}{words}."


if __name__ == "__main__":
    main()
