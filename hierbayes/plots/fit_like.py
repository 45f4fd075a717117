"""What figures need of a fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from hierbayes.engines.assemble import labels_of
from hierbayes.posterior import Posterior, posterior_of

if TYPE_CHECKING:
    import xarray as xr

    from hierbayes.design.design import Design
    from hierbayes.spec import ModelSpec


class FitLike(Protocol):
    """A posterior with its model, as the figures that are not drawn from one table alone ask for it."""

    @property
    def design(self) -> Design: ...

    @property
    def spec(self) -> ModelSpec: ...

    @property
    def model(self) -> Any: ...

    @property
    def posterior(self) -> xr.Dataset: ...

    @property
    def tree(self) -> xr.DataTree: ...

    @property
    def diagnostics(self) -> dict[str, Any]: ...

    def posterior_predictive(self, seed: int | None = None, draws: int | None = None) -> xr.DataTree: ...

    def log_likelihood(self) -> xr.Dataset: ...

    def loo(self, kind: str = "conditional") -> Any: ...


def draws_of(fit: FitLike) -> Posterior:
    """Return the draws of a fit as arrays."""
    return posterior_of(fit.posterior, labels_of(fit.design))
