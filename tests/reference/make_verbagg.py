"""Make `verbagg_pymc.json` and `three_answers_pymc.json`: means, sds and Monte Carlo errors of posteriors by PyMC.

Usage: python tests/reference/make_verbagg.py [verbagg] [three_answers]. It takes minutes.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

import nutpie
import three_answers
from oracles.agreement import summary

import hierbayes as hb
from hierbayes.catalogue import catalogue
from hierbayes.engines.naming import posterior_dims

HERE = Path(__file__).parent
OPTIONS = {"draws": 1500, "tune": 700, "chains": 4, "seed": 2, "target_accept": 0.85}
PACKAGES = ("hierbayes", "pymc", "pytensor", "nutpie", "numba", "numpy")


def verbagg() -> hb.Model:
    spec = catalogue()["verbagg"]
    return hb.Model(spec.formula, spec.table(), **spec.options())


MODELS = {"verbagg": verbagg, "three_answers": three_answers.model}


def make(name: str) -> None:
    model = MODELS[name]()
    # nutpie's own sampler and its diagonal metric: what adapts the joint engine's chains has no part in it
    tree = nutpie.sample(nutpie.compile_pymc_model(model.pymc), **OPTIONS, progress_bar=False)
    fit = model.attach(tree)
    numbers = {
        variable: {kind: [values.tolist() for values in pair] for kind, pair in own.items()}
        for variable, own in summary(fit.posterior[list(posterior_dims(model.labels))]).items()
    }
    found = {
        "model": model.spec.formula.text,
        "family": model.spec.family.name,
        "priors": {str(name): str(prior) for name, prior in fit.model.priors["prior"].items()},
        "options": OPTIONS,
        "diagnostics": {
            key: fit.diagnostics[key] for key in ("divergences", "max_rhat", "min_ess_bulk", "min_ess_tail")
        },
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
        "summary": numbers,
    }
    rounded = json.loads(json.dumps(found), parse_float=lambda text: float(f"{float(text):.8g}"))
    (HERE / f"{name}_pymc.json").write_text(json.dumps(rounded, indent=1) + "\n")


if __name__ == "__main__":
    for each in sys.argv[1:] or MODELS:
        make(each)
