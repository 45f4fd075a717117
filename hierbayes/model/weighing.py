"""What the priors do, and the densities by draw and row that such questions are asked of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hierbayes.model.base import FitBase
from hierbayes.posterior import posterior_of
from hierbayes.sampling.sampler import whole_number
from hierbayes.sampling.tree import as_group, response_name
from hierbayes.tables.numbers import check_prob

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


class Weighing(FitBase):
    """The part of a `Fit` that has to do with prior and likelihood, each for itself."""

    def log_likelihood(self, thin: int = 1, max_gb: float = 2.0) -> xr.Dataset:
        """Return the log density of each row at each draw, and keep it as the group ``log_likelihood`` of `tree`.

        It is ``log p(y_i | beta, b, sigma)`` (with the parameters of the family), natural logarithm, group-level
        effects given, times the weight of the row where the family is not the gaussian. ArviZ's functions
        (`arviz_stats.loo`, `arviz_stats.psense`, ...) read the group.

        Parameters
        ----------
        thin : int
            Use every `thin`-th draw of each chain.
        max_gb : float
            Refuse an array larger than this, in gigabytes.

        Returns
        -------
        Dataset
            One variable, named as the response, dims chain, draw, row.

        Raises
        ------
        ModelError
            If the array would be too large; says what would make it fit.

        Examples
        --------
        >>> import hierbayes as hb
        >>> sleep = hb.load_data("sleepstudy")
        >>> fit = hb.fit("Reaction ~ Days + (1 | Subject)", sleep, draws=100, chains=2, seed=1, progress=False)
        >>> dict(fit.log_likelihood().sizes)
        {'chain': 2, 'draw': 100, 'row': 180}
        """
        import numpy as np
        import xarray as xr

        from hierbayes.comparison.row_densities import all_row_densities

        self._own_likelihood("log_likelihood")
        step = whole_number("thin", thin)
        values = all_row_densities(self.design, self._arrays, step, max_gb)
        name, row = response_name(self.design.response)
        index = {"chain": self.posterior["chain"], "draw": self.posterior["draw"][::step]}
        found = xr.Dataset({name: (("chain", "draw", row), values)}, coords={**index, row: np.arange(self.design.n)})
        self._keep("log_likelihood", found)
        return found

    def log_prior(self) -> xr.Dataset:
        """Return the log prior density of each parameter at each draw, and keep it as the group ``log_prior``.

        Variables are those of `posterior`, group-level effects apart: these have no prior of their own, for their
        distribution is part of the model. Densities are of the parameter as its prior reads it: for the intercept and
        for correlated terms that is at the mean of the columns, for terms with factors in columns that do not depend
        on their coding (see `Model.priors`). ``corr_<g>`` is one number,
        the log density of the whole matrix. What is flat or fixed has 0.

        Raises
        ------
        ModelError
            If a prior is a `Custom` one, whose density PyMC alone knows.

        Examples
        --------
        >>> import hierbayes as hb
        >>> sleep = hb.load_data("sleepstudy")
        >>> fit = hb.fit("Reaction ~ Days + (1 | Subject)", sleep, draws=100, chains=2, seed=1, progress=False)
        >>> dict(fit.log_prior()["beta"].sizes)
        {'chain': 2, 'draw': 100, 'coef': 2}
        """
        import xarray as xr

        from hierbayes.comparison.prior_densities import prior_densities

        values = prior_densities(self.model.problem, self.model.labels, self._arrays)
        named = {}
        for name, own in values.items():
            dims = self.posterior[name].dims[: own.ndim]
            coords = {dim: self.posterior[dim] for dim in dims}
            named[name] = xr.DataArray(own, dims=dims, coords=coords)
        found = xr.Dataset(named)
        self._keep("log_prior", found)
        return found

    def prior_posterior(self, draws: int = 4000, seed: int | None = None, ci_prob: float = 0.95) -> pd.DataFrame:
        """Return prior beside posterior of each parameter, and keep draws of the prior as the group ``prior``.

        `arviz_plots.plot_prior_posterior` reads the group.

        Parameters
        ----------
        draws : int
            Draws from the prior.
        seed : int, optional
            By default that of the fit.
        ci_prob : float
            Probability of the equal-tailed intervals.

        Returns
        -------
        DataFrame
            Index: parameter. Columns prior_median, prior_lower, prior_upper, median, lower, upper and contraction,
            ``1 - (width of the posterior interval / width of the prior interval)^2``: near 1 the data dominate, near 0
            the prior. For the columns as given: the prior of the intercept at 0 follows from that at the mean of the
            columns.

        Raises
        ------
        ModelError
            If a prior is flat.

        Examples
        --------
        >>> import hierbayes as hb
        >>> fit = hb.fit("Yield ~ 1 | Batch", hb.load_data("dyestuff"), draws=100, chains=2, seed=1, progress=False)
        >>> fit.prior_posterior().index.tolist()
        ['Intercept', 'sd_Batch[Intercept]', 'sigma']
        """
        from hierbayes.comparison.prior_tables import beside

        probability = check_prob(ci_prob)
        seed = self._draws.seed if seed is None else seed
        prior = self.model.prior_draws(draws, seed)
        self._keep("prior", prior)
        return beside(self.model.labels, posterior_of(prior, self.model.labels), self._arrays, probability)

    def psense(self) -> pd.DataFrame:
        """Return how far each parameter's posterior moves when prior or likelihood are raised to a power near 1.

        Power-scaling sensitivity (Kallioinen et al. 2024) by `arviz_stats.psense_summary`, without refits. The priors
        of coefficients, sds, correlations and sigma are scaled together; the distribution of group-level effects is
        part of the model and is not.

        Returns
        -------
        DataFrame
            Index: parameter. Columns prior and likelihood (sensitivity: from 0.05 on it counts), diagnosis.

        Raises
        ------
        ModelError
            If a prior is a `Custom` one, whose density PyMC alone knows, or every prior is flat or fixed, or there are
            fewer than 20 draws.

        Examples
        --------
        >>> import hierbayes as hb
        >>> fit = hb.fit("Yield ~ 1 | Batch", hb.load_data("dyestuff"), draws=500, chains=2, seed=1, progress=False)
        >>> fit.psense().columns.tolist()
        ['prior', 'likelihood', 'diagnosis']
        """
        from hierbayes.comparison.prior_tables import power_scaling

        self._own_likelihood("psense")
        return power_scaling(self.design, self.model.problem, self.model.labels, self._arrays)

    def _keep(self, group: str, found: xr.Dataset) -> None:
        """Put a group into the tree, in place of one of that name."""
        import xarray as xr

        self.tree[group] = xr.DataTree(as_group(found))
