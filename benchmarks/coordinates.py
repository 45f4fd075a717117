"""Which coordinates, chart and warm-up serve the sampler best: effective draws per gradient on the catalogue's models.

Every model is sampled in several coordinates of the sds and sigma, with and without the chart ``theta = mode + C z``,
after warm-ups of several lengths. Printed is, per 100 gradients, the least bulk and the least tail ESS over the sds,
correlations and sigma, the median over seeds; every gradient counts, those of the warm-up, of the search for the mode
and of its Hessian too. Counts, not times: the machine may be busy.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from side_by_side import markdown, table

Floats = NDArray[np.float64]

MODELS = ("chapter_groups", "dyestuff", "dyestuff2", "penicillin", "sleepstudy", "pastes", "oats", "cake")
COORDINATES = {
    "score": "normal score of the prior, for sds and sigma",
    "score, log": "normal score of the prior for sds, logarithm for sigma",
    "mode, log": "normal score of a half-t with the sd at the mode as scale for sds, logarithm for sigma",
    "log": "logarithm, for sds and sigma",
}
WAYS = tuple((name, whitened) for name in COORDINATES for whitened in (True, False))
WARM_UPS = (50, 150, 300, 800)


def in_coordinates(problem: Any, name: str) -> Any:
    """Return the layout of theta with its sds and sigma in the coordinates of that name."""
    from hierbayes.engines.collapsed.mode import find_mode
    from hierbayes.engines.collapsed.pack import build_tape
    from hierbayes.engines.collapsed.statistics import accumulate
    from hierbayes.engines.theta import layout, unpack
    from hierbayes.priors.codes import MAP_HALF_T3

    logs, own = layout(problem, log_only=True), layout(problem)
    if name == "log":
        return logs
    ints, floats = own.scalar_ints.copy(), own.scalar_floats.copy()
    kind, a, b = problem.prior_of("sigma").coordinate(float(np.std(problem.y)), log_only=name != "score")
    ints[-1, 1], floats[-1, 2:4] = kind, (a, b)
    own = replace(own, scalar_ints=ints, scalar_floats=floats)
    if name == "mode, log":
        at = unpack(own, find_mode(build_tape(problem, accumulate(problem), own)).theta)
        ints, floats = ints.copy(), floats.copy()
        ints[:-1, 1], floats[:-1, 2] = MAP_HALF_T3, np.concatenate(at.sds)
        own = replace(own, scalar_ints=ints, scalar_floats=floats)
    return own


def walk(problem: Any, own: Any, whitened: bool, tune: int, draws: int, seed: int) -> dict[str, float]:
    """Sample theta once and return ESS per 100 gradients, bulk and tail, and divergences."""
    from hierbayes.engines.collapsed.entries import DENSITY
    from hierbayes.engines.collapsed.mode import find_mode
    from hierbayes.engines.collapsed.pack import build_tape, with_chart
    from hierbayes.engines.collapsed.statistics import accumulate
    from hierbayes.engines.pointer import nutpie_model
    from hierbayes.sampling.sampler import run, settings

    tape = build_tape(problem, accumulate(problem), own)
    spent = 0
    if whitened:
        mode = find_mode(tape)
        tape, spent = with_chart(tape, mode.theta, mode.factor), mode.gradients
    trace = run(nutpie_model(tape, DENSITY), settings(draws=draws, seed=seed, progress=False), tune=tune)
    gradients = trace.gradients + spent
    bulk, tail = least_ess(own, trace.draws["theta"])
    return {
        "bulk": 100 * bulk / gradients,
        "tail": 100 * tail / gradients,
        "divergences": float(trace.stats["diverging"].sum()),
    }


def least_ess(own: Any, theta: Floats) -> tuple[float, float]:
    """Return the least bulk and tail ESS over sds, correlations and sigma at draws of theta."""
    from arviz_stats.base import array_stats

    from hierbayes.engines.theta import unpack_draws

    chains, draws, dim = theta.shape
    sds, corrs, sigma, _ = unpack_draws(own, theta.reshape(-1, dim))
    columns = [*(sd for sd in sds), sigma[:, None]]
    columns += [corr[:, *np.tril_indices(corr.shape[1], -1)] for corr in corrs]
    values = np.hstack(columns).reshape(chains, draws, -1)
    found = []
    for method, prob in (("bulk", None), ("tail", (0.05, 0.95))):
        every = [
            float(array_stats.ess(values[:, :, i], chain_axis=0, draw_axis=1, method=method, prob=prob))
            for i in range(values.shape[2])
            if np.ptp(values[:, :, i]) > 0
        ]
        found.append(min(every))
    return found[0], found[1]


def main() -> None:
    """Print a row for every combination."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--draws", type=int, default=1000)
    options.add_argument("--seeds", type=int, default=5)
    options.add_argument("--models", nargs="*", default=list(MODELS))
    options.add_argument("--markdown", action="store_true", help="print the table in Markdown")
    chosen = options.parse_args()
    write = markdown if chosen.markdown else table

    from hierbayes.catalogue import catalogue
    from hierbayes.model import Model

    found: dict[tuple[str, str, bool, int], dict[str, float]] = {}
    for name in chosen.models:
        spec = catalogue()[name]
        problem = Model(spec.formula, spec.table(), **spec.options()).problem
        for coordinate, whitened in WAYS:
            own = in_coordinates(problem, coordinate)
            for tune in WARM_UPS:
                runs = [walk(problem, own, whitened, tune, chosen.draws, seed) for seed in range(1, chosen.seeds + 1)]
                typical = {key: float(np.median([r[key] for r in runs])) for key in runs[0]}
                typical["divergences"] = sum(r["divergences"] for r in runs)
                found[name, coordinate, whitened, tune] = typical
    print(write(["coordinates", ""], [[name, text] for name, text in COORDINATES.items()]) + "\n")
    print("Least bulk / tail ESS per 100 gradients, mean: the geometric one; divergences: of all models and seeds\n")
    rows = [
        [coordinate, "yes" if whitened else "no", tune, *row(found, chosen.models, (coordinate, whitened, tune))]
        for coordinate, whitened in WAYS
        for tune in WARM_UPS
    ]
    print(write(["coordinates", "chart", "warm-up", *chosen.models, "mean", "divergences"], rows))


def row(found: dict[Any, dict[str, float]], models: list[str], way: tuple[str, bool, int]) -> list[Any]:
    """Return the cells of one way: each model, the geometric mean, the divergences."""
    pairs = np.array([[found[name, *way]["bulk"], found[name, *way]["tail"]] for name in models])
    means = np.exp(np.log(pairs).mean(axis=0))
    cells = [f"{bulk:.1f} / {tail:.1f}" for bulk, tail in (*pairs, means)]
    return [*cells, int(sum(found[name, *way]["divergences"] for name in models))]


if __name__ == "__main__":
    main()
