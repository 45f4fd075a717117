"""The fixed chart of the joint engine beside the one that moves with theta: steps, ESS and seconds of each.

Run from the checkout: ``python benchmarks/charts.py [model ...] [--draws 1000] [--seeds 1]``. The least bulk ESS is
over every number of the posterior, effects included; gradients count the warm-up; ``auto`` marks the chart that is
chosen.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
import pandas as pd
from small_glmms import departments, worst


def few() -> tuple[str, pd.DataFrame, str]:
    """Return 300 groups of three binary rows, true sd 0.4."""
    rng = np.random.default_rng(1)
    g = np.repeat(np.arange(300), 3)
    x = rng.normal(size=900)
    eta = 0.5 * x + 0.4 * rng.normal(size=300)[g]
    data = pd.DataFrame({"y": rng.binomial(1, 1 / (1 + np.exp(-eta))), "x": x, "g": [f"g{i}" for i in g]})
    return "y ~ x + (1 | g)", data, "bernoulli"


def slopes() -> tuple[str, pd.DataFrame, str]:
    """Return Poisson counts, 100 groups of 40 rows, correlated intercepts and slopes."""
    rng = np.random.default_rng(2)
    g = np.repeat(np.arange(100), 40)
    x = rng.normal(size=4000)
    b = rng.multivariate_normal([0, 0], [[0.25, 0.06], [0.06, 0.09]], size=100)
    data = pd.DataFrame(
        {"y": rng.poisson(np.exp(1 + 0.3 * x + b[g, 0] + b[g, 1] * x)), "x": x, "g": [f"g{i}" for i in g]}
    )
    return "y ~ x + (x | g)", data, "poisson"


def hazard() -> tuple[str, pd.DataFrame, str]:
    """Return a discrete-time hazard: 200 persons, up to eight periods, at most one event each."""
    rng = np.random.default_rng(3)
    rows = []
    for person in range(200):
        effect, treated = rng.normal(0, 0.8), person % 2
        for period in range(8):
            event = rng.random() < 1 / (1 + np.exp(2.0 - 0.1 * period - 0.5 * treated - effect))
            rows.append((f"p{person}", period, treated, int(event)))
            if event:
                break
    data = pd.DataFrame(rows, columns=["person", "period", "treated", "event"])
    return "event ~ period + treated + (1 | person)", data, "bernoulli"


def five_levels() -> tuple[str, pd.DataFrame, str]:
    """Return a categorical response of three answers in five groups."""
    rng = np.random.default_rng(4)
    g = np.repeat(np.arange(5), 40)
    x = rng.normal(size=200)
    eta = np.column_stack([np.zeros(200), 0.4 * x + rng.normal(0, 0.6, 5)[g], -0.3 + rng.normal(0, 0.9, 5)[g]])
    share = np.exp(eta) / np.exp(eta).sum(axis=1, keepdims=True)
    y = [("no", "perhaps", "yes")[rng.choice(3, p=each)] for each in share]
    return "y ~ x + (1 | g)", pd.DataFrame({"y": y, "x": x, "g": [f"g{i}" for i in g]}), "categorical"


def bundled(name: str, formula: str, family: str):
    """Return a maker of a model of the catalogue's data."""

    def make() -> tuple[str, pd.DataFrame, str]:
        import hierbayes as hb

        return formula, hb.load_data(name), family

    return make


MODELS = {
    "departments": departments,
    "cbpp": bundled("cbpp", "cbind(incidence, size - incidence) ~ period + (1 | herd)", "binomial"),
    "wine": bundled("wine", "rating ~ temp + contact + (1 | judge)", "ordinal"),
    "five_levels": five_levels,
    "few": few,
    "slopes": slopes,
    "hazard": hazard,
    "grouseticks": bundled(
        "grouseticks", "TICKS ~ YEAR + cHEIGHT + (1 | BROOD) + (1 | INDEX) + (1 | LOCATION)", "poisson"
    ),
    "verbagg": bundled("verbagg", "r2 ~ Anger + Gender + btype + situ + (1 | id) + (1 | item)", "bernoulli"),
    "answers": bundled("verbagg", "resp ~ 1 + Anger + Gender + btype + situ + (1 || id)", "categorical"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=list(MODELS), help="all by default")
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--accept", type=float, nargs="+", default=[None])
    parser.add_argument("--charts", nargs="+", default=["fixed", "moving"])
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    import hierbayes as hb
    from hierbayes.engines.joint.engine import JointEngine

    rule = JointEngine.chart.func
    columns = "model chart acceptance seed us_a_gradient steps gradients divergences R-hat ESS seconds ESS/s".split()
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for name in asked.models:
        formula, data, family = MODELS[name]()
        model = hb.Model(formula, data, family=family)
        auto = rule(JointEngine(model.problem))
        for chart in asked.charts:
            JointEngine.chart = property(lambda self, chart=chart: chart)
            engine = JointEngine(model.problem)
            cost = 1e6 * engine.seconds_per_gradient(0.3)
            for accept in asked.accept:
                for seed in asked.seeds:
                    again = hb.Model(formula, data, family=family)
                    started = time.perf_counter()
                    fit = again.fit(
                        seed=seed, draws=asked.draws, progress=False, **({"target_accept": accept} if accept else {})
                    )
                    gone = time.perf_counter() - started
                    rhat, ess = worst(fit)
                    told = fit.diagnostics
                    steps = float(np.mean(fit.tree["sample_stats"]["n_steps"]))
                    row = [
                        name, f"{chart}{' (auto)' if chart == auto else ''}", accept or "default", seed, f"{cost:.0f}",
                        f"{steps:.1f}", told["gradients"], told["divergences"], f"{rhat:.3f}", f"{ess:.0f}",
                        f"{gone:.1f}", f"{ess / gone:.0f}",
                    ]  # fmt: skip
                    print(f"| {' | '.join(map(str, row))} |", flush=True)


if __name__ == "__main__":
    main()
