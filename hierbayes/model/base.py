"""What every part of a fit stands on: the model, the draws and their names."""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hierbayes.design.design import Design
from hierbayes.engines.assemble import labels_of
from hierbayes.errors import ModelError, warn
from hierbayes.model.attached import DOUBT, OWN_VARIABLES
from hierbayes.posterior import Posterior, posterior_of
from hierbayes.sampling.run import Draws
from hierbayes.sampling.tree import with_true_names
from hierbayes.spec import ModelSpec
from hierbayes.summaries.health import Agreement, complaints, diagnostics
from hierbayes.summaries.single_category import refuse_several

if TYPE_CHECKING:
    import xarray as xr

    from hierbayes.model.model import Model


class FitBase:
    """A model and draws from its posterior.

    Attributes
    ----------
    model : Model
    """

    def __init__(self, model: Model, draws: Draws) -> None:
        self.model = model
        self._draws = draws

    @property
    def spec(self) -> ModelSpec:
        """What was asked for."""
        return self.model.spec

    @property
    def design(self) -> Design:
        """The data as arrays with their names."""
        return self.model.design

    @property
    def tree(self) -> xr.DataTree:
        """The draws as ArviZ reads them: groups posterior, sample_stats, observed_data."""
        return self._draws.tree

    @cached_property
    def posterior(self) -> xr.Dataset:
        """The posterior draws.

        Variables: beta(coef), sigma, sd_<g>(<g>_term), corr_<g>(<g>_term, <g>_term2) and b_<g>(<g>, <g>_term), and the
        other parameters of a family; for an ordinal one gap_2, gap_3, ... and threshold(threshold_dim).
        ``sd`` and ``sigma`` are standard deviations; ``corr`` holds NaN for pairs that the model leaves uncorrelated.
        """
        found = with_true_names(self._draws.tree["posterior"].to_dataset())
        found.attrs = {name: own for name, own in found.attrs.items() if name not in (DOUBT, OWN_VARIABLES)}
        return found

    @cached_property
    def _arrays(self) -> Posterior:
        """The same as arrays, by part."""
        return posterior_of(self.posterior, labels_of(self.design))

    @cached_property
    def _agreement(self) -> Agreement:
        """How well the chains agree, for the tables and the diagnostics alike."""
        return Agreement(self.posterior)

    def _one_predictor(self, what: str) -> None:
        """Refuse a question that is asked of one linear predictor where a row has several."""
        refuse_several(self.design, what)

    @property
    def _doubt(self) -> str:
        """Why attached draws may be of another likelihood than the model's; empty if nothing says so."""
        return str(self._draws.tree["posterior"].attrs.get(DOUBT, ""))

    def _own_likelihood(self, what: str) -> None:
        """Refuse a question to the likelihood where the draws may be of another one than the model's."""
        if self._doubt:
            raise ModelError(
                f"{what} depends on the likelihood, and that of the attached draws may not be the model's: "
                f"{self._doubt}",
                "what speaks of the parameters alone is there (fixef, varcorr, ranef, coef, tidy, hypothesis). If the "
                "likelihood is the model's all the same: fit.model.attach(fit.tree, same_likelihood=True)",
            )

    def _warn_of_doubt(self) -> None:
        """Warn where attached draws may be of another likelihood than the model's."""
        if self._doubt:
            warn(
                f"the draws may be of another likelihood than the model's: {self._doubt}. What depends on the "
                "likelihood (predict, residuals, loo, r2, icc, ...) is refused; where it is the model's, say "
                "attach(..., same_likelihood=True)"
            )

    def _warn_of_lost(self) -> None:
        """Warn of what a new fit will not have of attached draws."""
        if self.engine == "attached":
            own = f" and without {', '.join(map(repr, self._own_variables))}" if self._own_variables else ""
            warn(
                "these draws were attached: the new fit is sampled by hierbayes from the formula and its priors alone, "
                f"with the options that are given here{own}"
            )

    @cached_property
    def _own_variables(self) -> tuple[str, ...]:
        """The user's own variables among attached draws."""
        return tuple(json.loads(self._draws.tree["posterior"].attrs.get(OWN_VARIABLES, "[]")))

    @property
    def engine(self) -> str:
        """The engine that ran."""
        return self._draws.engine

    @cached_property
    def diagnostics(self) -> dict[str, Any]:
        """How the sampler did.

        Keys: divergences, max_rhat, min_ess_bulk, min_ess_tail, min_bfmi, draws, chains, seconds, gradients, engine,
        reason, seed.
        """
        return diagnostics(self._draws, agreement=self._agreement)

    @cached_property
    def complaints(self) -> tuple[str, ...]:
        """What is wrong with the draws and what to do about it; empty if nothing is."""
        # The collapsed engine draws each effect from its exact conditional: it mixes as the rest does, or better.
        found = diagnostics(self._draws, False, self._agreement) if self.engine == "collapsed" else self.diagnostics
        return tuple(complaints(found))
