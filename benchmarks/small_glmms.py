"""Small hierarchical models of other families than the Gaussian: how many have a healthy posterior at the defaults.

Run from the checkout: ``python benchmarks/small_glmms.py [--seeds 1 2 3] [--models 40]``.
Each of the random models has 2 to 8 levels, 1 to 3 group-level columns, 2 to 1,000 trials or rows a level and sds from
0 to 2; six departments of many trials come first. Healthy means: no divergence, every R-hat below 1.01 and every bulk
and tail ESS at least 400, over all parameters, effects included.
"""

from __future__ import annotations

import argparse
import time

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--models", type=int, default=40)
    parser.add_argument("--only", type=int, nargs="+", default=None, help="numbers of models")
    parser.add_argument("--accept", type=float, default=None, help="target acceptance; the default of the engine")
    asked = parser.parse_args()
    import hierbayes as hb

    models = [departments(), *(random_model(i) for i in range(asked.models - 1))]
    print("| model | family | levels | rows | seed | divergences | R-hat | least ESS | steps | seconds | chart |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    healthy = 0
    for number, (formula, data, family) in enumerate(models):
        if asked.only is not None and number not in asked.only:
            continue
        for seed in asked.seeds:
            try:
                model = hb.Model(formula, data, family=family)
            except hb.HierBayesError as error:
                print(f"| {number} | {family} | refused: {error} |")
                continue
            started = time.perf_counter()
            fit = model.fit(seed=seed, progress=False, **({"target_accept": asked.accept} if asked.accept else {}))
            gone = time.perf_counter() - started
            rhat, ess = worst(fit)
            told = fit.diagnostics
            divergences = int(told["divergences"])
            healthy += divergences == 0 and rhat < 1.01 and ess >= 400
            steps = float(np.mean(fit.tree["sample_stats"]["n_steps"]))
            chart = model.runner.joint.chart if told["engine"] == "joint" else told["engine"]
            levels = data["g" if "g" in data else "dept"].nunique()
            row = [
                number, f"{family} `{formula}`", levels, len(data), seed, divergences, f"{rhat:.3f}", f"{ess:.0f}",
                f"{steps:.1f}", f"{gone:.2f}", chart,
            ]  # fmt: skip
            print(f"| {' | '.join(map(str, row))} |", flush=True)
    tried = [n for n in range(len(models)) if asked.only is None or n in asked.only]
    print(f"healthy: {healthy} of {len(tried) * len(asked.seeds)}")


if __name__ == "__main__":
    main()
