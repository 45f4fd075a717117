"""One measurement in a process of its own: import, fit, and say what it took, as one line of JSON.

Run by the other scripts of this folder. By hand, a task as JSON:
``python benchmarks/worker.py '{"package": "hierbayes", "formula": "Yield ~ 1 | Batch", "data": "dyestuff", "draws": 9,
"seed": 1}'``. A task may also hold ``tune``, ``engine``, ``family``, and ``hyper_only``: leave the group-level effects
out of ESS.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings
from typing import Any

import numpy as np


def fit_hierbayes(task: dict[str, Any], data: Any) -> dict[str, Any]:
    """Fit by hierbayes; the first call in a process is the one that counts."""
    import hierbayes as hb

    started = time.perf_counter()
    model = hb.Model(task["formula"], data, family=task.get("family", "gaussian"))
    fit = model.fit(
        draws=task["draws"], tune=task.get("tune") or "auto", seed=task["seed"], engine=task.get("engine", "auto"),
        progress=False,
    )  # fmt: skip
    seconds = time.perf_counter() - started
    posterior = fit.posterior
    pieces = {name: posterior[name].values for name in posterior.data_vars if not str(name).startswith("corr_")}
    for name in posterior.data_vars:
        if str(name).startswith("corr_"):
            values = posterior[name].values
            lower = np.tril_indices(values.shape[-1], -1)
            pieces[name] = values[..., lower[0], lower[1]]
    found = fit.diagnostics
    return {
        "seconds": seconds,
        "divergences": found["divergences"],
        "gradients": found["gradients"],
        "engine": found["engine"],
        **ess(pieces, task),
    }


def fit_bambi(task: dict[str, Any], data: Any) -> dict[str, Any]:
    """Fit by Bambi, with nutpie or with PyMC's sampler."""
    import bambi

    started = time.perf_counter()
    model = bambi.Model(task["formula"], data, family=task.get("family", "gaussian"))
    tree = model.fit(
        draws=task["draws"], tune=task.get("tune") or 1000, chains=4, random_seed=task["seed"],
        inference_method="nutpie" if task["package"] == "bambi+nutpie" else "pymc", progressbar=False,
    )  # fmt: skip
    seconds = time.perf_counter() - started
    posterior, stats = tree["posterior"], tree["sample_stats"]
    pieces = {str(name): posterior[name].values for name in posterior.data_vars if str(name) != "mu"}
    return {"seconds": seconds, "divergences": int(stats["diverging"].sum()), **ess(pieces, task)}


def ess(pieces: dict[Any, Any], task: dict[str, Any]) -> dict[str, Any]:
    """Return the least bulk ESS and largest R-hat over all parameters, and over hyperparameters alone."""
    from arviz_stats.base import array_stats

    found: dict[str, Any] = {"draws": 0}
    every, hyper = [], []
    for name, values in pieces.items():
        flat = np.asarray(values).reshape(*values.shape[:2], -1)
        effects = str(name).startswith("b_") or ("|" in str(name) and "sigma" not in str(name))
        if effects and task.get("hyper_only"):
            continue
        for i in range(flat.shape[2]):
            own = flat[:, :, i]
            if np.ptp(own) == 0:
                continue
            pair = (float(array_stats.ess(own, chain_axis=0, draw_axis=1, method="bulk")),
                    float(array_stats.rhat(own, chain_axis=0, draw_axis=1, method="rank")))  # fmt: skip
            every.append(pair)
            if not effects:
                hyper.append(pair)
        found["draws"] = flat.shape[0] * flat.shape[1]
    found["min_ess"], found["max_rhat"] = min(p[0] for p in every), max(p[1] for p in every)
    found["min_ess_hyper"], found["max_rhat_hyper"] = min(p[0] for p in hyper), max(p[1] for p in hyper)
    return found


def load(task: dict[str, Any]) -> Any:
    """Return the data of a task: a bundled set, or made-up groups with a random slope."""
    if "data" in task:
        import hierbayes as hb

        return hb.load_data(task["data"])
    import pandas as pd

    rng = np.random.default_rng(task["rows"])
    groups = rng.integers(0, task["groups"], task["rows"])
    groups[: task["groups"]] = np.arange(task["groups"])
    x = rng.normal(size=task["rows"])
    effects = rng.normal(size=(task["groups"], 2)) * [1.0, 0.5]
    y = 2 + x + effects[groups, 0] + effects[groups, 1] * x + rng.normal(size=task["rows"])
    return pd.DataFrame({"y": y, "x": x, "g": pd.Categorical(groups.astype(str))})


def load_libraries(package: str) -> float:
    """Import what a fit needs and return the seconds it took."""
    started = time.perf_counter()
    import nutpie  # noqa: F401

    if package == "hierbayes":
        import numba  # noqa: F401

        import hierbayes.model  # noqa: F401
    else:
        import bambi  # noqa: F401
    return time.perf_counter() - started


def main() -> None:
    """Run one task."""
    task = json.loads(sys.argv[1])
    warnings.simplefilter("ignore")
    imports = load_libraries(task["package"])
    data = load(task)
    found = (fit_hierbayes if task["package"] == "hierbayes" else fit_bambi)(task, data)
    found["imports"] = imports
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print("RESULT " + json.dumps(found))


if __name__ == "__main__":
    main()
