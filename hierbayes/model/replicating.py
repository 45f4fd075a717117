"""Replicated data: responses drawn from a fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from hierbayes.errors import ModelError
from hierbayes.model.base import FitBase
from hierbayes.posterior import Posterior
from hierbayes.predict.answers import Source, all_draws, check_memory, labelled_draws
from hierbayes.predict.asked import Asked, asked, category_draws, row_draws
from hierbayes.sampling.sampler import settings, whole_number
from hierbayes.sampling.tree import row_name, tree_name

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

Groups = Literal["known", "new", "population", "average"]


class Replicating(FitBase):
    """The part of a `Fit` that has to do with replicated data, and where predictions take their draws from."""

    def _source(self, question: Asked, newdata: Any, posterior: Posterior | None = None) -> Source:
        """Return what gives the draws that answer a question; by default from all draws of the posterior."""
        find = category_draws if not self.spec.family.has_mean else row_draws
        return find(question, posterior or self._arrays, self.design, newdata)

    def simulate(
        self,
        newdata: Any = None,
        nsim: int = 1,
        groups: Groups = "known",
        seed: int | None = None,
        progress: bool | None = None,
    ) -> pd.DataFrame:
        """Simulate responses, one replicated data set a column, as lme4's ``simulate``.

        Each column takes its parameters from one posterior draw; the draws are spread evenly over the chains.

        Parameters
        ----------
        newdata : data frame or dict, optional
            As for `predict`.
        nsim : int
            Number of data sets.
        groups : str
            As for `predict`: ``"known"`` keeps the groups of the fit, ``"average"`` draws every level anew.
        seed : int, optional
            Fixes every number, bit for bit.

        Returns
        -------
        DataFrame
            One row for each row of the data, under their index as in `predict`; columns ``sim_1``, ``sim_2``,
            ...; the categories themselves for ``categorical``.

        Examples
        --------
        >>> import hierbayes as hb
        >>> dyestuff = hb.load_data("dyestuff")
        >>> fit = hb.fit("Yield ~ 1 + (1 | Batch)", dyestuff, draws=100, chains=2, seed=1, progress=False)
        >>> fit.simulate(nsim=2, seed=1).shape
        (30, 2)
        """
        import numpy as np
        import pandas as pd

        self._own_likelihood("simulate")
        chosen, number = settings(seed=seed, progress=progress), whole_number("nsim", nsim)
        check_memory(self._arrays.width, number, ", so many copies of the parameters,")
        posterior = self._arrays.evenly(number)
        question = asked(groups, "response", chosen.seed)
        source = self._source(question, newdata, posterior)
        found = all_draws(source, chosen.progress)
        names = [f"sim_{i + 1}" for i in range(number)]
        if not self.spec.family.has_mean:
            found = np.asarray(self.design.categories, dtype=object)[found.astype(np.int64) - 1]
        return pd.DataFrame(found.T, columns=names, index=source.rows.index)

    def posterior_predictive(
        self, seed: int | None = None, draws: int | None = None, progress: bool | None = None
    ) -> xr.DataTree:
        """Return the fit's tree with replicated data, for ArviZ's posterior predictive checks.

        Parameters
        ----------
        seed : int, optional
            Fixes every number, bit for bit.
        draws : int, optional
            Draws of each chain to use, spread evenly; all by default.

        Returns
        -------
        xarray.DataTree
            A copy of `tree` with the group ``posterior_predictive``: the response under its name, dims chain, draw and
            row, beside ``observed_data``.

        Examples
        --------
        >>> import hierbayes as hb
        >>> dyestuff = hb.load_data("dyestuff")
        >>> fit = hb.fit("Yield ~ 1 + (1 | Batch)", dyestuff, draws=100, chains=2, seed=1, progress=False)
        >>> dict(fit.posterior_predictive(seed=1, draws=50)["posterior_predictive"].sizes)
        {'chain': 2, 'draw': 50, 'row': 30}
        """
        import xarray as xr

        self._own_likelihood("posterior_predictive")
        chosen = settings(seed=seed, progress=progress)
        posterior = self._arrays
        if draws is not None and whole_number("draws", draws) < len(posterior.draws):
            posterior = posterior.thinned(draws)
        question = asked("known", "response", chosen.seed)
        source = self._source(question, None, posterior)
        name, row = tree_name(self.design.response), row_name(self.design.response)
        if name in ("chain", "draw"):
            raise ModelError(f"a response called {name!r} would be mixed up with the dim of that name", "rename it")
        tree = self.tree.copy()
        tree["posterior_predictive"] = xr.DataTree(labelled_draws(source, row, chosen.progress).to_dataset(name=name))
        return tree
