"""The eight schools: the published figures, quadrature, and draws beside them."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

import hierbayes as hb
from hierbayes.catalogue import catalogue

from .checks import FURTHEST, SEED


def schools() -> pd.DataFrame:
    """Return one row for mu, tau and the first school's own effect: mean and sd by three ways."""
    from trust.quadrature import of_draws

    spec = catalogue()["eight_schools"]
    fit = hb.Model(spec.formula, spec.table(), **spec.options()).fit(
        draws=5000, chains=4, seed=SEED, engine="collapsed", progress=False
    )
    posterior = fit.posterior
    mu = posterior["beta"].to_numpy()[..., 0]
    drawn = {
        "Intercept": ("mu", mu),
        "sd_school[Intercept]": ("tau", posterior["sd_school"].to_numpy()[..., 0]),
        "school A": ("theta[1]", mu + posterior["b_school"].to_numpy()[..., 0, 0]),
    }
    exact, published = by_quadrature(), spec.published["posterior"]
    rows = []
    for key, (name, draws) in drawn.items():
        found = of_draws(draws, False)
        apart = [abs(found[kind][0] - exact[key][kind]) / found[kind][1] for kind in ("mean", "sd")]
        rows.append(
            {
                "quantity": f"`{name}`",
                "published": _shown(published[key]["mean"], published[key]["sd"]),
                "quadrature": _shown(exact[key]["mean"], exact[key]["sd"]),
                "20,000 draws": _shown(found["mean"][0], found["sd"][0]),
                "Monte Carlo errors": _shown(found["mean"][1], found["sd"][1]),
                "passed": "yes" if max(apart) < FURTHEST and _same(published[key], exact[key]) else "**no**",
            }
        )
    return pd.DataFrame(rows)


def by_quadrature() -> dict[str, dict[str, float]]:
    """Return mean and sd of each quantity under the priors of the catalogue."""
    from oracles.joint import log_prior
    from trust.quadrature import known_errors, log_axis

    spec = catalogue()["eight_schools"]
    data, priors = spec.table(), spec.options()["priors"]
    y, errors = (data[name].to_numpy(dtype=float) for name in ("effect", "error"))
    mean, spread = priors["Intercept"], partial(log_prior, priors["sd_school"])
    found = known_errors(y, errors, (mean.mu, mean.sigma), spread, log_axis("sd", 1e-6, 1e6, 4000))
    names = {"Intercept": "Intercept", "sd_school[Intercept]": "sd as a number", "school A": "mu + b"}
    return {key: found[name] for key, name in names.items()}


def _same(published: dict[str, float], exact: dict[str, float]) -> bool:
    return bool(np.allclose([published[kind] for kind in exact], list(exact.values()), rtol=1e-6))


def _shown(mean: float, sd: float) -> str:
    return f"{mean:.4f} ({sd:.4f})"
