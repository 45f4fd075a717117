"""`Model`: a formula, data and priors, and what may be asked before and for sampling."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hierbayes.design.build import build
from hierbayes.design.checks import warn_of_bare_bar
from hierbayes.design.design import Design
from hierbayes.design.scaling import ResolvedPriors, prior_table, resolve
from hierbayes.engines.assemble import Labels, assemble, labels_of
from hierbayes.engines.base import Problem
from hierbayes.errors import ModelError, warn
from hierbayes.families import Family
from hierbayes.model.fitted import Fit
from hierbayes.model.kept_model import KeptModel
from hierbayes.model.options import OF_FIT, OF_MODEL, unknown_option
from hierbayes.model.updated import keep_data, with_weights
from hierbayes.priors import Prior
from hierbayes.sampling.run import Runner
from hierbayes.sampling.sampler import Settings, quiet_libraries, settings, working
from hierbayes.sampling.tree import with_true_names
from hierbayes.spec import ModelSpec, make_spec

if TYPE_CHECKING:
    import pandas as pd
    import pymc
    import xarray as xr

    from hierbayes.estimates.classical_fit import ClassicalFit


class Model(KeptModel):
    """A hierarchical model: an lme4-style formula, data and priors.

    Parameters
    ----------
    formula : str
        Such as ``"Reaction ~ Days + (Days | Subject)"``. ``"Reaction ~ Days | Subject"`` means ``1 + (Days |
        Subject)``, as in lme4, with a warning that there is no population-level ``Days``.
    data : data frame
        pandas, polars, pyarrow or another frame that narwhals reads. Never changed.
    family : str
        The likelihood, a link other than the usual one in brackets: ``"gaussian"``, ``"student_t"``, ``"bernoulli"``,
        ``"binomial"`` (both with ``"(probit)"`` or ``"(cloglog)"`` too), ``"poisson"``, ``"negative_binomial"``,
        ``"gamma"``, ``"lognormal"``, ``"shifted_lognormal"``, ``"exgaussian"``, ``"beta"``, ``"ordinal"`` (logit or
        ``"(probit)"``), ``"categorical"``; see `hierbayes.families.FAMILIES`. A bernoulli response is 0 and 1,
        booleans, or two texts, of which the second level is modelled; a binomial one is written ``p(successes,
        trials)`` in the formula; an ordinal one is an ordered categorical, or whole numbers in their order; a
        categorical one is three or more texts, categories or whole numbers, of which the first is the reference, and
        each other one has coefficients and effects of its own, ``yes:Days``.
    priors : mapping of str to prior, or "flat", optional
        Keys: a coefficient, ``beta`` (all of them, the intercept too), ``Intercept``, ``sd_g`` or ``sd_g[term]``,
        ``corr_g``, ``sigma``, and the family's other parameters (``nu``, ``alpha``, ``kappa``, ``shift``, ``gap_2``,
        ...). With ``"categorical"`` a key names the parameter of one category, ``yes:Days``, ``sd_g[yes:Days]``, or
        of all, ``Days``. What is not named gets its default. The prior of the intercept refers to the mean of the
        columns. Priors of sds refer to sds, not variances.
    contrasts : mapping, optional
        Codings of categorical columns: ``{"cond": "sum"}``, ``{"cond": {"treatment": "B"}}``, ``"helmert"``,
        ``"poly"``.
    weights : str or array, optional
        A column of positive weights, or a weight for each row of the data, which becomes the column ``weights``: the
        residual variance of a row is ``sigma**2 / weight``; for other families than the gaussian the weight multiplies
        the row's log likelihood.
    missing : "drop" or "raise"
        Drop rows with missing values, with one warning that counts them, or refuse them.
    rank : "drop" or "raise"
        Drop columns that no row determines, as where a cell of ``f * h`` is empty, with one warning that names them,
        or refuse them. Means and predictions of such a cell are NaN or refused.

    Raises
    ------
    FormulaError
        If the formula cannot be read or names a column that is not there.
    DataError
        If the data cannot be used.
    ModelError
        If a prior or option does not fit the model.

    Examples
    --------
    >>> import hierbayes as hb
    >>> model = hb.Model("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy"))
    >>> print(model.priors["prior"].to_string())
    parameter
    Intercept                Normal(298.5, 140.8)
    Days                         Normal(0, 48.89)
    sd_Subject[Intercept]  HalfStudentT(3, 140.8)
    sd_Subject[Days]       HalfStudentT(3, 48.89)
    corr_Subject                           LKJ(2)
    sigma                  HalfStudentT(3, 56.33)
    >>> herds = hb.Model("p(incidence, size) ~ period + (1 | herd)", hb.load_data("cbpp"), family="binomial")
    >>> print(herds.priors.loc["Intercept", "prior"])  # around the logit of all cases over all animals
    Normal(-2.016, 2.5)
    """

    def __init__(
        self,
        formula: str,
        data: Any,
        family: str | Family = "gaussian",
        priors: Mapping[str, Prior] | str | None = None,
        contrasts: Mapping[str, Any] | None = None,
        weights: Any = None,
        missing: str = "drop",
        rank: str = "drop",
        **others: Any,
    ) -> None:
        for name in others:
            raise unknown_option(name, ("formula", "data", *OF_MODEL))
        data, weights = with_weights(data, weights)
        self._spec = make_spec(
            formula,
            family_name=family,
            priors=priors,
            contrasts=contrasts,
            weights=weights,
            missing=missing,
            rank=rank,
        )
        self._design = build(self._spec, data)
        warn_of_bare_bar(self._spec.formula)
        # of an ordinal family the data tell the number of categories
        self._spec = replace(self._spec, family=self._design.family)
        self._resolved = resolve(self._spec, self._design)
        self._kept = keep_data(data)
        self._fingerprint = None

    @property
    def spec(self) -> ModelSpec:
        """What was asked for, as one frozen value."""
        return self._spec

    @property
    def design(self) -> Design:
        """The data as arrays with their names, frozen."""
        return self._design

    @property
    def resolved_priors(self) -> ResolvedPriors:
        """Every prior as a value, after scaling."""
        return self._resolved

    @property
    def priors(self) -> pd.DataFrame:
        """Table of every prior after scaling: index parameter, columns prior, source, note.

        Where a prior does not refer to the parameter as reported, the note says to what: an intercept at the mean of
        the columns, or columns of a term that do not depend on how its factors are coded.
        """
        return prior_table(self._resolved, self._design)

    @property
    def problem(self) -> Problem:
        """The arrays and priors that the engines work on, in internal (centred) coordinates."""
        return self._runner.problem

    @property
    def labels(self) -> Labels:
        """The names of the problem's parts."""
        return labels_of(self._design)

    @property
    def runner(self) -> Runner:
        """The engines of the problem, each made on first use."""
        return self._runner

    @cached_property
    def _runner(self) -> Runner:
        return Runner(*assemble(self._design, self._resolved))

    def with_resolved(self, priors: ResolvedPriors) -> Model:
        """Return the same model with other priors, already in numbers; whatever is centred stays so."""
        other = copy(self)
        other.__dict__.pop("_runner", None)
        other._resolved = priors
        return other

    @property
    def pymc(self) -> pymc.Model:
        """The model as a `pymc.Model`, built on first access.

        It may be sampled by hand, or extended with potentials of your own; see `hierbayes.engines.pymc.build_pymc` for
        its variables.
        """
        return self._runner.model

    def graph(self) -> Any:
        """Draw the PyMC model as a graphviz graph; showing it needs Graphviz's ``dot`` program."""
        import pymc as pm

        with quiet_libraries():
            return pm.model_to_graphviz(self.pymc)

    def graph_text(self) -> str:
        """Return the graph as text: each node, its shape, and what it depends on."""
        from hierbayes.report.equation import graph_text

        return graph_text(self._design, self._resolved)

    def equation(self, kind: Literal["latex", "words"] = "latex") -> str:
        """Write the model in LaTeX, or in words.

        Parameters
        ----------
        kind : "latex" or "words"

        Examples
        --------
        >>> import hierbayes as hb
        >>> model = hb.Model("Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff"))
        >>> print(model.equation("words"))
        Yield is normal around a mean, with residual sd sigma ~ HalfStudentT(3, 63.02).
        The mean has 1 population-level coefficient:
          Intercept ~ Normal(1528, 157.6).
        Intercept varies by Batch (6 levels), normal around 0, on its own:
          sd of Intercept ~ HalfStudentT(3, 157.6).
        """
        from hierbayes.report.equation import latex, words

        if kind not in ("latex", "words"):
            raise ModelError(f'kind={kind!r} is not understood: write "latex" or "words"')
        return (latex if kind == "latex" else words)(self._design, self._resolved)

    def prior_predictive(self, draws: int = 500, seed: int | None = None) -> xr.DataTree:
        """Draw parameters from the priors, and data from the parameters.

        Parameters
        ----------
        draws : int
        seed : int, optional

        Returns
        -------
        xarray.DataTree
            Groups ``prior`` (the variables of `Fit.posterior`), ``prior_predictive`` and ``observed_data``. Drawn at
            once by numpy; with a `Custom` prior by PyMC, which compiles first and adds the variables that it samples.

        Raises
        ------
        ModelError
            If a prior is flat, for one cannot draw from it.
        """
        chosen = settings(draws=draws, seed=seed)
        if self._numpy_draws():
            from hierbayes.comparison.prior_draws import prior_tree

            return prior_tree(self.problem, self.labels, chosen.draws, chosen.seed)
        return self._pymc_prior(chosen)

    def prior_draws(self, draws: int = 4000, seed: int | None = None) -> xr.Dataset:
        """Draw parameters from the priors; variables are those of `Fit.posterior`, for the columns as given.

        Parameters
        ----------
        draws : int
        seed : int, optional

        Raises
        ------
        ModelError
            If a prior is flat, for one cannot draw from it.

        Examples
        --------
        >>> import hierbayes as hb
        >>> model = hb.Model("Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff"))
        >>> list(model.prior_draws(draws=10, seed=1).data_vars)
        ['beta', 'sigma', 'sd_Batch', 'b_Batch']
        """
        chosen = settings(draws=draws, seed=seed)
        if self._numpy_draws():
            from hierbayes.comparison.prior_draws import prior_tree

            tree = prior_tree(self.problem, self.labels, chosen.draws, chosen.seed, predictive=False)
            return with_true_names(tree["prior"].to_dataset())
        from hierbayes.engines.naming import posterior_dims

        drawn = self._pymc_prior(chosen)["prior"].to_dataset()
        return drawn[[name for name in posterior_dims(self.labels) if name in drawn]]

    def _numpy_draws(self) -> bool:
        """Say whether numpy can draw from the priors; refuse flat ones."""
        from hierbayes.comparison.prior_draws import drawable

        return drawable(self.problem)

    def _pymc_prior(self, chosen: Settings) -> xr.DataTree:
        import pymc as pm

        from hierbayes.comparison.prior_draws import require_prior_memory

        require_prior_memory(self.problem, chosen.draws, True)
        with quiet_libraries(), working("drawing from the priors", None):
            tree: xr.DataTree = pm.sample_prior_predictive(chosen.draws, model=self.pymc, random_seed=chosen.seed)
        return tree

    def reml(self) -> ClassicalFit:
        """Fit by restricted maximum likelihood, as lme4 does by default; priors play no part.

        Returns
        -------
        ClassicalFit
            With the accessors of a Fit (fixef, varcorr, ranef, coef): estimates stand in ``mean``, standard errors in
            ``sd``, Wald limits in ``lower`` and ``upper``; and loglik, aic, bic, singular, doubt. A warning says where
            the search from several starts leaves a doubt that the optimum is the best one.

        Raises
        ------
        ModelError
            If an sd or a correlation other than 0 is fixed, the coefficients are not determined, or the likelihood has
            no maximum because sigma tends to 0. A sigma that is fixed, or known by ``y | se(s)``, is held.

        Examples
        --------
        >>> import hierbayes as hb
        >>> fit = hb.Model("Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff")).reml()
        >>> round(fit.criterion, 4), round(float(fit.varcorr()["mean"][0]), 3)
        (319.6543, 42.001)
        """
        return self._classical(reml=True)

    def ml(self) -> ClassicalFit:
        """Fit by maximum likelihood; otherwise as `reml`."""
        return self._classical(reml=False)

    def _classical(self, reml: bool) -> ClassicalFit:
        from hierbayes.engines.collapsed.likelihood import fit_ml, fit_reml
        from hierbayes.estimates.classical_columns import poolings_of
        from hierbayes.estimates.classical_fit import ClassicalFit

        if not self._spec.family.conjugate:
            raise ModelError(
                f"{'REML' if reml else 'ML'} is for the gaussian family, and this model's is {self._spec.family.name}",
                f"fit() gives the posterior; {poolings_of(self._design)} complete and no pooling by maximum likelihood",
            )

        with working("maximising the likelihood", None):
            found = (fit_reml if reml else fit_ml)(self.problem)
        if found.doubt:
            warn(f"{'REML' if reml else 'ML'}: {found.doubt}")
        return ClassicalFit(self._spec.formula.text, self._design, self.problem, found)

    def log_density(
        self,
        *,
        sigma: float | None = None,
        sd: Any = None,
        corr: Any = None,
        beta: Any = None,
        b: Any = None,
        **parameters: float,
    ) -> float:
        """Return the log posterior density, up to the evidence: the log joint density of data and parameters.

        It is a density of (sd, corr, sigma, beta, b) for the columns as given. With `beta` and `b` left out they are
        integrated out, and it is a density of (sd, corr, sigma); that takes a gaussian response. The other parameters
        of a family stand beside sigma.

        Parameters
        ----------
        sigma : float, optional
            Residual standard deviation; left out where the family has none, or where it is known.
        sd : mapping of str to array, optional
            Standard deviations (not variances) of each grouping factor's terms. With one factor an array will do;
            without one there are none.
        corr : mapping of str to array, optional
            Correlation matrices, terms by terms; a number will do for a pair. Needed for correlated terms; entries of
            pairs that the model leaves uncorrelated are not read.
        beta : array, optional
            Population-level coefficients; give both `beta` and `b`, or neither.
        b : mapping of str to array, shape (levels, terms), optional
            Group-level effects of each factor.
        **parameters : float
            The other parameters of the family: ``nu``, ``alpha``, ``kappa``, ``shift``, ``gap_2``, ...

        Raises
        ------
        ModelError
            If a part is missing, has another shape, or a prior is known to the PyMC model only.

        Examples
        --------
        >>> import hierbayes as hb
        >>> model = hb.Model("Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff"), priors="flat")
        >>> round(-2 * model.log_density(sd=42.0, sigma=49.51), 3)  # REML criterion at its optimum
        319.654
        """
        from hierbayes.engines.points import density_at

        return density_at(self.problem, self._runner.labels, sd, corr, sigma, beta, b, parameters)

    def fit(
        self,
        draws: int = 1000,
        tune: int | Literal["auto"] = "auto",
        chains: int = 4,
        cores: int | None = None,
        seed: int | None = None,
        engine: str = "auto",
        target_accept: float | None = None,
        progress: bool | None = None,
        cache: str | Path | None = None,
    ) -> Fit:
        """Sample the posterior by NUTS.

        Parameters
        ----------
        draws : int
            Draws of each chain, after warm-up.
        tune : int or "auto"
            Warm-up steps of each chain.
        chains : int
        cores : int, optional
            Chains run at a time; all that the machine has by default, and never more. Changes no number.
        seed : int, optional
            Fixes every draw, bit for bit on one machine.
        engine : str
            ``"collapsed"`` integrates beta and b out, walks over the sds, correlations and sigma alone, then draws
            beta and b from their exact conditional: quick, and nothing to compile. ``"joint"`` walks over all of them
            at once, for families that do not integrate out, nothing to compile either. ``"pymc"`` samples `pymc`.
            ``"auto"`` takes the first of the three that applies; ``fit.diagnostics["reason"]`` says why.
        target_accept : float, optional
            Acceptance rate that the step size is tuned to, 0.9 by default (PyMC engine: 0.95); nearer to 1 follows a
            difficult posterior more closely.
        progress : bool, optional
            Show a progress bar; by default when it takes longer than two seconds. False is silent.
        cache : path, optional
            A file for the fit. If one is there whose formula, data, priors, sampling options and seed are the same, it
            is read instead of sampling; else the fit is sampled and written there. Needs a seed.

        Returns
        -------
        Fit

        Raises
        ------
        ModelError
            If an option is out of range, or `cache` is given without a seed or with a `Custom` prior.
        DataError
            If there is a file at `cache` that hierbayes did not write, or that is broken; it is left as it is.
        SamplingError
            If the sampler cannot start.

        Warns
        -----
        HierBayesWarning
            If the chains disagree, diverge or hold few effective draws; says what to do.
        """
        chosen = settings(
            draws=draws,
            tune=tune,
            chains=chains,
            cores=cores,
            seed=seed,
            target_accept=target_accept,
            progress=progress,
        )
        fit = Fit(self, self._drawn(chosen, engine, cache, seed))
        for complaint in fit.complaints:
            warn(complaint)
        return fit

    def __repr__(self) -> str:
        groups = ", ".join(f"{f} ({self._design.blocks(f)[0].n_levels} levels)" for f in self._design.factors)
        family = self._spec.family.name
        return f"Model({self._spec.formula.text!r}, {family}, {self._design.n} rows{f', {groups}' if groups else ''})"


def fit(formula: str, data: Any, **options: Any) -> Fit:
    """Fit a model in one call.

    Parameters
    ----------
    formula : str
    data : data frame
    **options
        Those of `Model` (family, priors, contrasts, weights, missing, rank) and of `Model.fit` (draws, tune, chains,
        cores, seed, engine, target_accept, progress, cache).

    Returns
    -------
    Fit

    Examples
    --------
    >>> import hierbayes as hb
    >>> fit = hb.fit("Yield ~ 1 | Batch", hb.load_data("dyestuff"), seed=1, progress=False)  # doctest: +SKIP
    """
    for name in options:
        if name not in (*OF_MODEL, *OF_FIT):
            raise unknown_option(name, (*OF_MODEL, *OF_FIT))
    model = Model(formula, data, **{k: v for k, v in options.items() if k in OF_MODEL})
    return model.fit(**{k: v for k, v in options.items() if k in OF_FIT})
