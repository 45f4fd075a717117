"""REML and ML beside the best optimum known, on random models with one to ten group-level columns.

The best known is the best of the fit in four codings, of descents from random starts by another method, and of lme4's
where its figures are given. Every model is fitted once; those of odd seeds by ML, those of even ones by REML.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "helpers"))

from classical_designs import CODINGS, Design, random_design
from other_descents import random_descent, triangular_descent

SAME = 1e-4
"""What counts as equal, in the criterion."""


def compare(seed: int, starts: int) -> dict[str, Any]:
    """Return the criteria of one model: ours, in every coding, from other starts, and of a single plain descent."""
    from hierbayes.engines.collapsed.columns import orthonormal
    from hierbayes.engines.collapsed.criterion import Criterion
    from hierbayes.engines.collapsed.likelihood import fit_ml, fit_reml, plain
    from hierbayes.errors import ModelError

    design = random_design(seed)
    fit, kind = ((fit_reml, "reml"), (fit_ml, "ml"))[seed % 2]
    row = {"seed": seed, "method": "ML" if seed % 2 else "REML", "columns": design.columns, "rows": len(design.y),
           "y": float(design.y.sum())}  # fmt: skip
    began = time.process_time()
    try:
        own = fit(design.problem())
    except ModelError as error:
        return {**row, "refused": error.what}
    seconds = time.process_time() - began
    codings = [fit(design.problem(coding)) for coding in CODINGS[1:]]
    wide = Criterion(orthonormal(plain(design.problem("sum"))).problem, kind)
    rng = np.random.default_rng([29, seed])
    others = [2 * random_descent(wide, rng) for _ in range(starts)]
    return {
        **row, "criterion": -2 * own.loglik, "singular": own.singular, "doubt": own.doubt,
        "codings": [-2 * each.loglik for each in codings], "singulars": [each.singular for each in codings],
        "others": [value if np.isfinite(value) else None for value in others], "seconds": seconds,
        "single": 2 * triangular_descent(Criterion(plain(design.problem()), kind)),
    }  # fmt: skip


def best_known(row: dict[str, Any], lme4: dict[str, Any]) -> float:
    """Return the least criterion known of a model."""
    known = [row["criterion"], *row["codings"], *(value for value in row["others"] if value is not None)]
    return min([*known, lme4[str(row["seed"])]["criterion"]] if str(row["seed"]) in lme4 else known)


def write_tables(seeds: range, folder: Path) -> None:
    """Write the data of models as CSV files for lme4, one column for each of its formula, and an index of formulas."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "index.csv").open("w", newline="") as file:
        index = csv.writer(file)
        index.writerow(["seed", "reml", "formula", "file"])
        for seed in seeds:
            design = random_design(seed)
            names, columns, formula = _columns(design)
            with (folder / f"{seed}.csv").open("w", newline="") as table:
                writer = csv.writer(table)
                writer.writerow(names)
                writer.writerows(np.column_stack(columns).tolist())
            index.writerow([seed, int(seed % 2 == 0), formula, f"{seed}.csv"])


def _columns(design: Design) -> tuple[list[str], list[np.ndarray], str]:
    names = ["y", "w", *(f"x{j}" for j in range(design.X.shape[1]))]
    columns = [design.y, design.weights, *design.X.T]
    terms = []
    for t, term in enumerate(design.terms):
        own = [f"z{t}_{j}" for j in range(term.Z.shape[1])]
        names += [*own, f"g{t}"]
        columns += [*term.Z.T, term.codes]
        terms += [f"(0 + {' + '.join(own)} | g{t})"] if term.correlated else [f"(0 + {z} | g{t})" for z in own]
    return names, columns, " + ".join(["y ~ 0", *names[2 : 2 + design.X.shape[1]], *terms])


def report(rows: list[dict[str, Any]], lme4: dict[str, Any]) -> None:
    """Print how many fits are equal to the best known."""
    refused = [row for row in rows if "refused" in row]
    rows = [row for row in rows if "refused" not in row]
    best = np.array([best_known(row, lme4) for row in rows])
    own = np.array([row["criterion"] for row in rows])
    single = np.array([row["single"] for row in rows])
    coding = np.array([max(row["codings"]) - min(row["codings"]) for row in rows])
    seconds = np.array([row["seconds"] for row in rows])
    doubtful = np.array([bool(row["doubt"]) for row in rows])
    worse = own - best > SAME
    theirs = np.array(
        [lme4[str(row["seed"])]["criterion"] - row["criterion"] for row in rows if str(row["seed"]) in lme4]
    )
    print(f"fits                        {len(rows)} (singular: {sum(row['singular'] for row in rows)})")
    print(f"refused                     {len(refused)}: sigma tends to 0")
    print(f"equal to the best known     {np.sum(~worse)} to {SAME}")
    print(f"worse                       {np.sum(worse)}, by at most {np.max(own - best):.2g}")
    print(f"worse without a warning     {np.sum(worse & ~doubtful)}")
    print(f"warned of                   {np.sum(doubtful)}")
    print(f"singular, by coding         {sum(len({row['singular'], *row['singulars']}) > 1 for row in rows)} differ")
    print(f"criterion, by coding        {np.max(coding):.2g} apart at most")
    print(f"seconds (processor)         median {np.median(seconds):.3f}, largest {np.max(seconds):.2f}")
    print(f"one plain descent           {np.sum(single - best > SAME)} worse, by at most {np.max(single - best):.3g}")
    if len(theirs):
        print(
            f"beside lme4                 {len(theirs)}: equal {np.sum(np.abs(theirs) <= SAME)}, lme4 worse "
            f"{np.sum(theirs > SAME)} (by at most {np.max(theirs):.3g}), lme4 better {np.sum(theirs < -SAME)}"
        )


def write_reference(rows: list[dict[str, Any]], lme4: dict[str, Any], file: Path) -> None:
    """Write what the tests compare with: the best known of each model, and lme4's."""
    found = {
        str(row["seed"]): {"rows": row["rows"], "y": round(row["y"], 6), "refused": row["refused"]}
        if "refused" in row
        else {
            "rows": row["rows"], "y": round(row["y"], 6), "best": round(best_known(row, lme4), 6),
            "singular": row["singular"], "single": round(row["single"], 6), **(
                {"lme4": lme4[str(row["seed"])]} if str(row["seed"]) in lme4 else {}
            ),
        }
        for row in rows
    }  # fmt: skip
    lines = ",\n".join(f"{json.dumps(seed)}: {json.dumps(own)}" for seed, own in found.items())
    file.write_text("{\n" + lines + "\n}\n")


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--fits", type=int, default=2000)
    options.add_argument("--first", type=int, default=0, help="the first seed")
    options.add_argument("--starts", type=int, default=3, help="random starts of the other method")
    options.add_argument(
        "--rows", type=Path, help="a file that keeps the fits, one line each; those in it are not made again"
    )
    options.add_argument("--lme4", type=Path, help="criteria of lme4 by seed, from tests/reference/classical_optima.R")
    options.add_argument("--tables", type=Path, help="write the data for lme4 into this folder, and do nothing else")
    options.add_argument("--reference", type=Path, help="write what the tests compare with")
    chosen = options.parse_args()
    seeds = range(chosen.first, chosen.first + chosen.fits)
    if chosen.tables:
        write_tables(seeds, chosen.tables)
        return
    kept = chosen.rows.read_text().splitlines() if chosen.rows and chosen.rows.exists() else []
    rows = {row["seed"]: row for row in map(json.loads, kept)}
    for seed in seeds:
        if seed not in rows:
            rows[seed] = compare(seed, chosen.starts)
            if chosen.rows:
                with chosen.rows.open("a") as file:
                    file.write(json.dumps(rows[seed]) + "\n")
    lme4 = json.loads(chosen.lme4.read_text()) if chosen.lme4 else {}
    report([rows[seed] for seed in seeds], lme4)
    if chosen.reference:
        write_reference([rows[seed] for seed in seeds], lme4, chosen.reference)


if __name__ == "__main__":
    main()
