"""Make `few_levels_pymc.json`: means, sds and Monte Carlo errors of four posteriors of few levels by PyMC.

Usage: python tests/reference/make_few_levels.py [name of a model ...]. It takes a minute or two for each.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

import few_level_models
from oracles.agreement import summary

import hierbayes as hb

PATH = Path(__file__).parent / "few_levels_pymc.json"
OPTIONS = {"draws": 5000, "tune": 2000, "chains": 4, "seed": 2, "target_accept": 0.99}
"""Few levels make funnels: with less than 0.99 PyMC diverges in them."""
PACKAGES = ("hierbayes", "pymc", "pytensor", "nutpie", "numpy")
CHECKS = ("divergences", "max_rhat", "min_ess_bulk", "min_ess_tail")


def make(name: str) -> dict[str, object]:
    model = few_level_models.model(name)
    with warnings.catch_warnings():
        # its diagnostics are kept and the test looks at them
        warnings.simplefilter("ignore", hb.HierBayesWarning)
        fit = model.fit(engine="pymc", progress=False, **OPTIONS)
    return {
        "model": model.spec.formula.text,
        "family": model.spec.family.name,
        "priors": {str(key): str(prior) for key, prior in model.priors["prior"].items()},
        "options": OPTIONS,
        "diagnostics": {key: fit.diagnostics[key] for key in CHECKS},
        "versions": {package: importlib.metadata.version(package) for package in PACKAGES},
        "summary": {
            variable: {kind: [values.tolist() for values in pair] for kind, pair in own.items()}
            for variable, own in summary(fit.posterior).items()
        },
    }


def keep(found: dict[str, object]) -> None:
    """Write these beside those that are kept already."""
    every = json.loads(PATH.read_text()) if PATH.exists() else {}
    text = json.dumps({**every, **found})
    rounded = json.loads(text, parse_float=lambda number: float(f"{float(number):.8g}"))
    PATH.write_text(json.dumps(rounded, indent=1) + "\n")


if __name__ == "__main__":
    for each in sys.argv[1:] or few_level_models.MAKERS:
        keep({each: make(each)})
