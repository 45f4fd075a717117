"""The response of a family as an observed variable of a PyMC model."""

# mypy: allow-untyped-calls
from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hierbayes.families.base import Family
    from hierbayes.families.slots import Parameters


def observe(family: Family, name: str, eta: Any, parameters: Parameters, y: Any, weights: Any, trials: Any) -> None:
    """Add the observed response; see `hierbayes.families.base.Family.observe`."""
    import pymc as pm
    import pytensor.tensor as pt

    law = family.pymc_law(eta, parameters, trials)
    if weights is None and law is not None:
        law.kind(name, **law.arguments, observed=y)
        return
    known = [weights if weights is not None else pt.ones(1), trials if trials is not None else pt.ones(1)]
    functions = {"logp": _logp(family, parameters), "random": _random(family, parameters, trials is not None)}
    kind = "int64" if family.whole else "float64"
    pm.CustomDist(name, eta, *known, *parameters.values(), **functions, dtype=kind, observed=y)


def _logp(family: Family, names: Parameters) -> Callable[..., Any]:
    def logp(value: Any, eta: Any, weights: Any, trials: Any, *parameters: Any) -> Any:
        named = dict(zip(names, parameters, strict=True))
        return weights * family.pymc_log_density(value, eta, named, trials)

    return logp


def _random(family: Family, names: Parameters, counted: bool) -> Callable[..., Any]:
    def random(
        eta: Any, weights: Any, trials: Any, *parameters: Any, rng: np.random.Generator, size: Any = None
    ) -> Any:
        named = dict(zip(names, parameters, strict=True))
        spread = np.broadcast_to(eta, np.shape(eta) if size is None else size)
        drawn = family.draw(spread, named, rng, weights=weights, trials=trials if counted else None)
        return np.asarray(drawn, dtype=np.int64 if family.whole else np.float64)

    return random
