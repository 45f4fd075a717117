"""Did the sampler do its work? Diagnostics as numbers, and in plain English where something is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hierbayes.tables.numbers import Floats, convergence

if TYPE_CHECKING:
    import xarray as xr

    from hierbayes.sampling.run import Draws


_MOST = 100
"""Group-level effects of one factor that are checked, evenly spaced where it has more: each costs milliseconds."""


class Agreement:
    """How well the chains agree on each variable of a posterior; what is asked for twice is worked out once.

    Parameters
    ----------
    posterior : Dataset
    """

    def __init__(self, posterior: xr.Dataset) -> None:
        self.posterior = posterior
        self._known: dict[str, dict[str, Floats]] = {}

    def of(self, name: str) -> dict[str, Floats]:
        """Return effective sample sizes and R-hat of the numbers of a variable, spread over those of many effects."""
        if name not in self._known:
            values = self.posterior[name].values
            if name.startswith("b_") and values[0, 0].size > _MOST:
                flat = values.reshape(*values.shape[:2], -1)
                values = flat[:, :, np.linspace(0, flat.shape[2] - 1, _MOST).astype(int)]
            self._known[name] = convergence(values)
        return self._known[name]

    def worst(self, effects: bool) -> dict[str, float]:
        """Return the largest R-hat and the least effective sample sizes over all numbers, or all but the effects."""
        worst = {"r_hat": -np.inf, "ess_bulk": np.inf, "ess_tail": np.inf}
        for name in map(str, self.posterior.data_vars):
            if name.startswith("b_") and not effects:
                continue
            for key, values in self.of(name).items():
                known = values[np.isfinite(values)]
                if known.size:
                    worst[key] = max(worst[key], known.max()) if key == "r_hat" else min(worst[key], known.min())
        return {key: float(value) if np.isfinite(value) else float("nan") for key, value in worst.items()}


def diagnostics(draws: Draws, effects: bool = True, agreement: Agreement | None = None) -> dict[str, Any]:
    """Return the checks of a fit; `effects` says whether R-hat and ESS look at the group-level effects too.

    Keys: ``divergences``, ``max_rhat``, ``min_ess_bulk``, ``min_ess_tail``, ``min_bfmi`` (energy), ``draws``,
    ``chains``, ``seconds``, ``gradients``, ``engine``, ``reason``, ``seed``.
    """
    posterior, stats = draws.tree["posterior"].to_dataset(), draws.tree["sample_stats"].to_dataset()
    found = (agreement or Agreement(posterior)).worst(effects)
    return {
        "divergences": int(stats["diverging"].sum()) if "diverging" in stats else 0,
        "max_rhat": found["r_hat"],
        "min_ess_bulk": found["ess_bulk"],
        "min_ess_tail": found["ess_tail"],
        "min_bfmi": _energy(stats),
        "draws": int(posterior.sizes["draw"]),
        "chains": int(posterior.sizes["chain"]),
        "seconds": draws.seconds,
        "gradients": draws.gradients,
        "engine": draws.engine,
        "reason": draws.reason,
        "seed": draws.seed,
    }


def complaints(found: dict[str, Any]) -> list[str]:
    """Return what is wrong with a fit and what to do about it, in plain English; empty if nothing is."""
    said = []
    if count := found["divergences"]:
        said.append(
            f"{count} divergence{'s' if count > 1 else ''}: the sampler could not follow the posterior everywhere, "
            "so estimates may be biased, mostly where an sd is near 0. Fit again with target_accept=0.99, or with "
            "tighter priors on the sds."
        )
    if found["max_rhat"] > 1.01:
        said.append(
            f"the chains disagree (largest R-hat {found['max_rhat']:.3f}, should be at most 1.01). Fit again with more "
            "draws and tune; if that does not help, look at the priors."
        )
    least, needed = min(found["min_ess_bulk"], found["min_ess_tail"]), 100 * found["chains"]
    if found["draws"] < 4:
        said.append(f"{found['draws']} draws a chain are too few to check anything: fit again with more draws.")
    elif least < needed:
        said.append(
            f"only {least:.0f} effective draws for some parameter ({needed} are advised): its interval is rough. "
            "Fit again with more draws."
        )
    if found["min_bfmi"] < 0.3:
        said.append(
            f"the energy of the chains mixes slowly (E-BFMI {found['min_bfmi']:.2f}, should be at least 0.3): the "
            "tails may be missed. Fit again with more tune, or with tighter priors on the sds."
        )
    return said


def _energy(stats: xr.Dataset) -> float:
    from arviz_stats.base import array_stats

    if "energy" not in stats or stats.sizes["draw"] < 4:
        return float("nan")
    return float(np.min(array_stats.bfmi(stats["energy"].values)))
