"""Small hierarchical models of other families than the Gaussian: how many have a healthy posterior at the defaults.

Run from the checkout: ``python benchmarks/small_glmms.py [--seeds 1 2 3] [--models 40]``. Every fit is made twice, in
the fixed chart, which the engine had alone before, and in the chart that it chooses, in turn.
Each of the random models has 2 to 8 levels, 1 to 3 group-level columns, 2 to 1,000 trials or rows a level and sds from
0 to 2; six departments of many trials come first. Healthy means: no divergence, every R-hat below 1.01 and every bulk
and tail ESS at least 400, over all parameters, effects included.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
import pandas as pd

FAMILIES = ("bernoulli", "binomial", "poisson", "binomial", "poisson", "negative_binomial", "bernoulli", "ordinal")


def departments() -> tuple[str, pd.DataFrame, str]:
    """Return the admissions of six departments, Bickel, Hammel and O'Connell (1975)."""
    data = pd.DataFrame(
        {
            "dept": np.repeat(list("ABCDEF"), 2),
            "male": [1, 0] * 6,
            "admit": [512, 89, 353, 17, 120, 202, 138, 131, 53, 94, 22, 24],
            "applications": [825, 108, 560, 25, 325, 593, 417, 375, 191, 393, 373, 341],
        }
    )
    return "admit | trials(applications) ~ male + (male | dept)", data, "binomial"


def random_model(number: int) -> tuple[str, pd.DataFrame, str]:
    """Return formula, data and family of one random model."""
    rng = np.random.default_rng(1000 + number)
    family = FAMILIES[number % len(FAMILIES)]
    levels, columns = int(rng.integers(2, 9)), int(rng.integers(1, 4))
    rows = int(rng.integers(2, 41)) if family in ("bernoulli", "ordinal") else int(rng.integers(2, 9))
    sds = rng.choice([0.0, 0.1, 0.3, 0.7, 1.0, 2.0], size=columns)
    g = np.repeat(np.arange(levels), rows)
    n = len(g)
    Z = np.column_stack([np.ones(n), rng.normal(size=n), rng.integers(0, 2, n)])
    beta = np.array([rng.normal(0, 0.7), 0.5, -0.3])
    b = rng.normal(size=(levels, columns)) * sds
    eta = Z @ beta + np.sum(Z[:, :columns] * b[g], axis=1)
    data = pd.DataFrame({"x": Z[:, 1], "z": Z[:, 2], "g": [f"g{i}" for i in g]})
    share = 1 / (1 + np.exp(-eta))
    left = "y"
    if family == "bernoulli":
        data["y"] = rng.binomial(1, share)
    elif family == "binomial":
        most = int(rng.choice([2, 10, 100, 1000]))
        data["n"] = rng.integers(1, 1 + max(1, most // rows), n)
        data["y"] = rng.binomial(data["n"], share)
        left = "y | trials(n)"
    elif family == "poisson":
        data["y"] = rng.poisson(np.exp(np.minimum(eta + rng.choice([0.0, 2.0]), 8)))
    elif family == "negative_binomial":
        mean = np.exp(np.minimum(eta + 1.0, 8))
        data["y"] = rng.negative_binomial(3, 3 / (3 + mean))
    else:
        latent = eta + rng.logistic(size=n)
        data["y"] = 1 + sum((latent > cut).astype(int) for cut in (0.0, 1.0, 2.0))
    bar = ("(1 | g)", "(x | g)", "(x + z | g)")[columns - 1]
    return f"{left} ~ x + z + {bar}", data, family


def worst(fit) -> tuple[float, float]:
    """Return the largest R-hat and the least bulk or tail ESS over every number of the posterior."""
    import arviz as az

    posterior = fit.posterior
    rhat = az.rhat(posterior)
    bulk, tail = az.ess(posterior), az.ess(posterior, method="tail")

    def extreme(tree, function):
        values = [np.asarray(tree[name]).ravel() for name in tree.data_vars]
        joined = np.concatenate(values)
        return float(function(joined[np.isfinite(joined)]))

    return extreme(rhat, np.max), min(extreme(bulk, np.min), extreme(tail, np.min))


def tried(hb, formula: str, data: pd.DataFrame, family: str, seed: int, chart: str) -> dict[str, float]:
    """Return what one fit gave, by the fixed chart as before or by the chart that the engine chooses."""
    from hierbayes.engines.joint.engine import JointEngine

    chosen = JointEngine.chart
    if chart == "fixed":
        JointEngine.chart = property(lambda self: "fixed" if self.peak is not None else "none")
    try:
        started = time.perf_counter()
        fit = hb.Model(formula, data, family=family).fit(seed=seed, progress=False)
        gone = time.perf_counter() - started
    finally:
        JointEngine.chart = chosen
    rhat, ess = worst(fit)
    told = fit.diagnostics
    return {
        "divergences": int(told["divergences"]),
        "rhat": rhat,
        "ess": ess,
        "steps": float(np.mean(fit.tree["sample_stats"]["n_steps"])),
        "gradients": told["gradients"],
        "seconds": gone,
        "healthy": int(told["divergences"]) == 0 and rhat < 1.01 and ess >= 400,
    }


def row_of(runs: list[dict[str, float]]) -> list[str]:
    """Return the columns of one model and chart, over its seeds."""
    return [
        f"{sum(run['healthy'] for run in runs)}/{len(runs)}",
        str(sum(run["divergences"] for run in runs)),
        f"{max(run['rhat'] for run in runs):.3f}",
        f"{min(run['ess'] for run in runs):.0f}",
        f"{np.mean([run['steps'] for run in runs]):.1f}",
        f"{np.mean([run['gradients'] for run in runs]):.0f}",
        f"{np.median([run['seconds'] for run in runs]):.2f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--models", type=int, default=40)
    parser.add_argument("--only", type=int, nargs="+", default=None, help="numbers of models")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    import hierbayes as hb

    titles = ["healthy", "divergences", "R-hat", "least ESS", "steps", "gradients", "seconds"]
    columns = ["model", "family", "group-level term", "levels", "rows", *(f"{t}, fixed" for t in titles), *titles]
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    total = {"fixed": 0, "chosen": 0}
    numbers = asked.only or range(asked.models)
    for number in numbers:
        formula, data, family = departments() if number == 0 else random_model(number - 1)
        runs: dict[str, list[dict[str, float]]] = {"fixed": [], "chosen": []}
        for seed in asked.seeds:
            for chart in runs if seed % 2 else reversed(list(runs)):
                runs[chart].append(tried(hb, formula, data, family, seed, chart))
        for chart in runs:
            total[chart] += sum(run["healthy"] for run in runs[chart])
        term = formula[formula.rindex("(") :].replace("|", "\\|")
        levels = data["g" if "g" in data else "dept"].nunique()
        row = [str(number), family, f"`{term}`", str(levels), str(len(data)), *row_of(runs["fixed"])]
        print(f"| {' | '.join([*row, *row_of(runs['chosen'])])} |", flush=True)
    count = len(list(numbers)) * len(asked.seeds)
    print(f"healthy: {total['fixed']} of {count} in the fixed chart, {total['chosen']} of {count} in the one chosen")


if __name__ == "__main__":
    main()
