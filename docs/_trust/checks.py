"""The checks: each returns a table, and keeps what took long in a folder."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

import hierbayes as hb
from hierbayes.engines.stale import digest

from .structures import STRUCTURES, TRUTHS

ROOT = Path(__file__).resolve().parents[2]
SEED = 20
FURTHEST = 4.0
"""Monte Carlo errors between draws and quadrature from which they disagree."""


@dataclass(frozen=True)
class Calibrated:
    """One row a structure, one a quantity, and one for each data set that could not be sampled."""

    structures: pd.DataFrame
    quantities: pd.DataFrame
    failures: pd.DataFrame


def engine_digest(engine: str) -> str:
    """Return a digest of the sources of an engine: what other sources gave is not taken up again."""
    room = ROOT / "hierbayes" / "engines"
    if engine == "pymc":
        return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(room.glob("pymc*.py")))).hexdigest()[:8]
    return digest(room / ("joint" if engine == "joint" else "collapsed"))[:8]


def slug(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name)


def calibrations(names: Iterable[str], n: int, folder: Path, executor: Executor | None) -> Calibrated:
    """Calibrate structures on n data sets each; finished data sets stay in the folder."""
    rows, quantities, failures = [], [], []
    for name in names:
        started = time.perf_counter()
        path = folder / f"calibration-{slug(name)}-{engine_digest(STRUCTURES[name].engine)}.npz"
        own = STRUCTURES[name]
        found = hb.calibrate(
            own.model(), max(20, round(own.share * n)), seed=SEED, engine=own.engine, executor=executor, resume=path,
            progress=False,
        )  # fmt: skip
        rows.append(_about(name, found))
        quantities.append(_quantities(name, found))
        failures.append(found.failures.assign(structure=name))
        gone = time.perf_counter() - started
        print(f"{name}: {'passed' if found.passed else 'NOT PASSED'} in {gone:.0f} s", flush=True)
    return Calibrated(pd.DataFrame(rows), pd.concat(quantities), pd.concat(failures))


def _about(name: str, found: hb.Calibration) -> dict[str, Any]:
    own, ran = found.table(), found.diagnostics
    return {
        "structure": name,
        "formula": f"`{STRUCTURES[name].formula}`".replace("|", r"\|"),
        "layout": STRUCTURES[name].about,
        "engine": found.engine,
        "sets": found.n,
        "failed": len(found.failures),
        "quantities": len(own),
        "least p": min(own["p_chi2"].min(), own["p_ecdf"].min()),
        "bar": found.bar,
        "divergent sets": int((ran["divergences"] > 0).sum()),
        "longer chains": int((ran["draws"] > ran["draws"].min()).sum()),
        "passed": "yes" if found.passed else "**no**",
        # of each set, added up: a run that went on has no other
        "seconds": float(ran["seconds"].sum()),
    }


def _quantities(name: str, found: hb.Calibration) -> pd.DataFrame:
    own = found.table()
    shown = own[["quantity", "p_chi2", "p_ecdf", "coverage_50", "coverage_90", "coverage_95", "passed"]].copy()
    shown["quantity"] = [f"`{each}`" for each in shown["quantity"]]
    shown["passed"] = ["yes" if each else "**no**" for each in shown["passed"]]
    shown.insert(0, "structure", name)
    return shown


def coverage(names: Iterable[str], n: int, folder: Path) -> pd.DataFrame:
    """Count how often 95% intervals hold a fixed truth: posterior under default priors, and REML's Wald intervals."""
    parts = []
    for name in names:
        path = folder / f"coverage-{slug(name)}-{n}-{engine_digest('auto')}.csv"
        if not path.exists():
            own = TRUTHS[name]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", hb.HierBayesWarning)
                found = hb.experiment(
                    own.formula, own.sizes, own.truth, n=n, seed=SEED, fits=("partial", "reml"), progress=False
                )
            found.coverage().to_csv(path, index=False)
        parts.append(pd.read_csv(path).assign(truth=f"{name}: {TRUTHS[name].about}"))
    shown = pd.concat(parts)[["truth", "parameter", "method", "n", "coverage", "mcse", "width", "bias"]]
    return shown.assign(method=shown["method"].map({"partial": "posterior", "reml": "REML, Wald"}))


def quadrature(names: Iterable[str] | None) -> pd.DataFrame:
    """Compare draws with exact posteriors; the models and the grids are those of the tests."""
    from trust.exact import EXACT, z_scores

    rows = []
    for name in EXACT if names is None else names:
        own = EXACT[name]
        wanted = own.solve(1)
        fit = own.model().fit(draws=5000, chains=4, seed=SEED, engine="collapsed", progress=False)
        scores = z_scores(own, fit.posterior, wanted)
        largest = max(abs(z) for z in scores.values())
        rows.append(
            {
                "model": name, "statistics": len(scores), "furthest, in Monte Carlo errors": float(largest),
                "grid doubled changes": f"{_change(wanted, own.solve(2)):.0e}",
                "passed": "yes" if largest < FURTHEST else "**no**",
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def _change(coarse: dict[str, dict[str, float]], fine: dict[str, dict[str, float]]) -> float:
    """Return the largest change of a statistic, relative to it or, where it is below 1, in its own units."""
    return max(
        abs(coarse[number][kind] - value) / max(abs(value), 1.0)
        for number, own in fine.items()
        for kind, value in own.items()
    )


def reproducibility(quick: bool) -> pd.DataFrame:
    """Compare the bits of a fit and of its predictions between cores, processes and a file."""
    from trust.reproducible import fitted, of_posterior, of_predictions

    with warnings.catch_warnings():
        # so few draws are rough
        warnings.simplefilter("ignore", hb.HierBayesWarning)
        fit = fitted(1)
        wanted = [of_posterior(fit), of_predictions(fit)]
        rows = [(f"{cores} cores beside 1", of_posterior(fitted(cores)) == wanted[0]) for cores in (2, 4)]
        with tempfile.TemporaryDirectory() as folder:
            path = fit.save(Path(folder) / "fit.nc")
            loaded = hb.load(path)
            rows.append(
                ("saved and loaded, with predictions", [of_posterior(loaded), of_predictions(loaded)] == wanted)
            )
            if not quick:
                rows.append(("another process, with predictions", _elsewhere("2") == wanted))
                rows.append(("loaded in another process, with predictions", _elsewhere("1", path) == wanted))
    return pd.DataFrame([(what, "yes" if same else "**no**") for what, same in rows], columns=["compared", "same bits"])


def _elsewhere(*arguments: object) -> list[str]:
    """Return what the script of the tests prints in a fresh process."""
    script = ROOT / "tests" / "trust" / "reproducible.py"
    command = [sys.executable, str(script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
