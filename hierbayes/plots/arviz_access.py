"""ArviZ's own plots, one call away from a fit."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from hierbayes.errors import HierBayesError, ModelError
from hierbayes.formula.names import suggest
from hierbayes.plots import arviz_tree
from hierbayes.plots.fit_like import FitLike
from hierbayes.sampling.sampler import working
from hierbayes.tables.numbers import check_prob

if TYPE_CHECKING:
    from arviz_plots import PlotCollection

VarNames = str | Sequence[str] | None

_PREDICTIVE = ("ppc_", "loo_pit", "loo_interval", "loo_pava")
_WITHOUT_NAMES = ("energy", "ppc_", "loo_pit", "loo_interval", "loo_pava")
_NOT_GIVEN = ("dt", "data", "pc_kwargs", "backend", "plot_collection", "elpd_data")
_NOT_OF_A_FIT = ("compare", "khat", "dgof", "dgof_dist", "lm", "ecdf_pit")


class ArvizPlots:
    """The part of ``fit.plot`` that hands the fit to ArviZ."""

    _fit: FitLike

    def arviz(
        self, name: str, var_names: VarNames = None, draws: int | None = None, seed: int | None = None, **options: Any
    ) -> PlotCollection:
        """Draw any plot of ArviZ that takes one fit: ``arviz_plots.plot_<name>``, with the groups that it needs.

        By default coefficients, sds, correlations (one for each pair that the model lets correlate) and sigma, without
        what is fixed; group-level effects where `var_names` names them.

        Parameters
        ----------
        name : str
            ``"trace_dist"``, ``"pair"``, ``"ess"``, ``"autocorr"``, ``"ppc_pit"``, ``"loo_pit"``, ...
        var_names : str or sequence of str, optional
            Variables: ``"beta"``, ``"sd_Subject"``, ``"corr_Subject"``, ``"sigma"``, ``"b_Subject"``.
        draws : int, optional
            Draws of the prior, or of each chain in replicated data, where the plot needs them.
        seed : int, optional
            Of such draws; by default that of the fit.
        **options
            Those of the function of ArviZ.

        Returns
        -------
        arviz_plots.PlotCollection
            ``.viz["figure"].item()`` is the figure; ``.savefig(path)`` saves it.

        Raises
        ------
        ModelError
            If ArviZ has no such plot of one fit, there is no such variable, the priors cannot be drawn from, or
            there are too many panels.

        Examples
        --------
        >>> import hierbayes as hb
        >>> fit = hb.fit("Yield ~ 1 | Batch", hb.load_data("dyestuff"), draws=100, chains=2, seed=1, progress=False)
        >>> fit.plot.arviz("ess", var_names="sigma")  # doctest: +SKIP
        """
        function = _function(name)
        names = self._names(var_names, options)
        effects = var_names is not None
        tree = arviz_tree.tree_of(self._fit, effects)
        with working("preparing the plot", None):
            _add_groups(self._fit, tree, name, draws, seed)
        if not name.startswith(_WITHOUT_NAMES):
            options["var_names"] = names
        if "labeller" in _parameters(function):
            options.setdefault("labeller", arviz_tree.labeller())
        with arviz_tree.look(), _in_words(name, function):
            collection: PlotCollection = function(tree, **options)
        return collection

    def trace(self, var_names: VarNames = None, **options: Any) -> PlotCollection:
        """Draw every chain, draw by draw (`arviz_plots.plot_trace`); arguments as in `arviz`.

        A healthy trace looks like noise around one level, the chains on top of each other.
        """
        return self.arviz("trace", var_names, **options)

    def rank(self, var_names: VarNames = None, **options: Any) -> PlotCollection:
        """Draw how the ranks of each chain differ from uniform (`arviz_plots.plot_rank`); arguments as in `arviz`."""
        return self.arviz("rank", var_names, **options)

    def forest(
        self, var_names: VarNames = None, combined: bool = True, ci_prob: float = 0.95, **options: Any
    ) -> PlotCollection:
        """Draw medians with intervals below each other (`arviz_plots.plot_forest`); further arguments as in `arviz`.

        Parameters
        ----------
        combined : bool
            All chains together; False draws each for itself.
        ci_prob : float
            Probability of the thin equal-tailed interval; the thick one has 0.5.
        """
        from arviz_plots import plot_forest

        probs = tuple(sorted((0.5, check_prob(ci_prob))))
        options = {"combined": combined, "ci_probs": probs, "point_estimate": "median", **options}
        names = self._names(var_names, options)
        if {"coords", "filter_vars", "labels", "shade_label", "plot_collection"} & set(options) or _left_out(names):
            return self.arviz("forest", var_names, **options)
        tree = arviz_tree.in_one_column(arviz_tree.tree_of(self._fit, True), names)
        with arviz_tree.look(), _in_words("forest", plot_forest):
            collection: PlotCollection = plot_forest(tree, labels=["name"], **options)
        return collection

    def ppc(self, num_samples: int = 50, seed: int | None = None, **options: Any) -> PlotCollection:
        """Draw the distribution of replicated responses over that of the data (`arviz_plots.plot_ppc_dist`).

        For categories without an order, how many rows have each, in replicated data (with intervals) and in the data,
        on the scale of the root (`arviz_plots.plot_ppc_rootogram`).

        Parameters
        ----------
        num_samples : int
            Replicated data sets.
        seed : int, optional
            By default that of the fit.

        Raises
        ------
        ModelError
            If ArviZ does not take an option. ``kind`` is ``"kde"``, ``"hist"`` or ``"ecdf"``; a statistic of replicated
            data is drawn by ``fit.plot.arviz("ppc_tstat", t_stat="mean")``.
        """
        _check_number(num_samples)
        chains, length = (self._fit.posterior.sizes[dim] for dim in ("chain", "draw"))
        draws = min(-(-num_samples // chains), length)
        if not self._fit.design.family.has_mean:
            with warnings.catch_warnings():
                # ArviZ makes arrays of counts by category, whose axes it takes for chains and draws
                warnings.filterwarnings("ignore", message="Found chain dimension to be longer")
                drawn = self.arviz("ppc_rootogram", draws=draws, seed=seed, **options)
            return _with_categories(drawn, self._fit.design.response, self._fit.design.categories)
        return self.arviz("ppc_dist", draws=draws, seed=seed, num_samples=min(num_samples, draws * chains), **options)

    def prior_posterior(
        self, var_names: VarNames = None, draws: int = 4000, seed: int | None = None, **options: Any
    ) -> PlotCollection:
        """Draw prior and posterior densities (`arviz_plots.plot_prior_posterior`); arguments as in `arviz`."""
        return self.arviz("prior_posterior", var_names, draws=draws, seed=seed, **options)

    def psense(self, var_names: VarNames = None, ci_prob: float = 0.95, **options: Any) -> PlotCollection:
        """Draw posteriors under prior and likelihood raised to powers near 1 (`arviz_plots.plot_psense_dist`).

        Where the lines part, prior or likelihood decides; `Fit.psense` has the numbers. Arguments as in `arviz`.
        """
        return self.arviz("psense_dist", var_names, ci_prob=check_prob(ci_prob), **options)

    def loo_khat(self, kind: str = "conditional", **options: Any) -> PlotCollection:
        """Draw the Pareto k of each row left out (`arviz_plots.plot_khat`).

        Parameters
        ----------
        kind : "conditional" or "marginal"
            As in `Fit.loo`.
        """
        from arviz_plots import plot_khat

        found = self._fit.loo(kind=kind)
        # a line at what is too large, which ArviZ leaves out by default
        options = {"hline_values": [found.good_k], "visuals": {"hlines": True}} | options
        with arviz_tree.look(), _in_words("khat", plot_khat):
            collection: PlotCollection = plot_khat(found, **options)
        return collection

    def energy(self, **options: Any) -> PlotCollection:
        """Draw the energy of the sampler (`arviz_plots.plot_energy`)."""
        return self.arviz("energy", **options)

    def _names(self, given: VarNames, options: dict[str, Any]) -> list[str]:
        """Return the variables to draw, as the tree names them; with ArviZ's own filter they are left as given."""
        from hierbayes.sampling.tree import tree_name

        default = list(arviz_tree.parameters(self._fit, self._fit.posterior))
        if given is None:
            return [tree_name(name) for name in default]
        names = [given] if isinstance(given, str) else [str(name) for name in given]
        if options.get("filter_vars") is None:
            known = [*default, *(f"b_{factor}" for factor in self._fit.design.factors)]
            for name in names:
                _check_variable(name.removeprefix("~"), known)
        return [tree_name(name) for name in names]


_OTHER_PLOTS = {
    "ppc_dist": 'kind is "kde", "hist" or "ecdf"; a statistic is drawn by fit.plot.arviz("ppc_tstat", t_stat="mean")'
}
_REFUSALS = (ImportError, ValueError, TypeError, KeyError, AttributeError, IndexError, NotImplementedError)


@contextmanager
def _in_words(name: str, function: Any) -> Iterator[None]:
    """Say in hierbayes' words what ArviZ does not take: an option, its value, or more panels than it draws."""
    try:
        yield
    except HierBayesError:
        raise
    except _REFUSALS as error:
        if "max_subplots" in str(error):
            raise ModelError(
                "the figure would have more panels than ArviZ draws", 'name some variables: var_names=["beta"]'
            ) from error
        listed = ", ".join(own for own in _parameters(function) if own not in _NOT_GIVEN)
        raise ModelError(
            f"ArviZ's plot_{name} does not take this: {type(error).__name__}: {error}",
            _OTHER_PLOTS.get(name, f"its options are {listed}; see arviz_plots.plot_{name}"),
        ) from error


def _check_number(num_samples: Any) -> None:
    whole = isinstance(num_samples, int | np.integer) and not isinstance(num_samples, bool)
    if not whole or num_samples < 1:
        raise ModelError(f"num_samples={num_samples!r} is no number of data sets", "write a whole number from 1 up")


def _with_categories(drawn: PlotCollection, response: str, names: Sequence[str]) -> PlotCollection:
    """Write the names of categories where ArviZ has their numbers."""
    for ax in drawn.viz["figure"].item().axes:
        ax.set_xlim(0.5, len(names) + 0.5)
        ax.set_xticks(range(1, len(names) + 1), names, parse_math=False)
        ax.set_xlabel(response, parse_math=False)
        ax.set_ylabel("rows")
        ax.set_title("")
    return drawn


def _left_out(names: list[str]) -> bool:
    return any(name.startswith("~") for name in names)


def _function(name: Any) -> Any:
    import arviz_plots

    plots = [own.removeprefix("plot_") for own in dir(arviz_plots) if own.startswith("plot_")]
    known = [own for own in plots if own not in (*_NOT_OF_A_FIT, "collection", "matrix")]
    if name not in known:
        nearest = suggest(str(name), known)
        hint = f"did you mean {nearest!r}? " if nearest else ""
        raise ModelError(f"ArviZ has no plot {name!r} of one fit", f"{hint}it has: {', '.join(known)}")
    return getattr(arviz_plots, f"plot_{name}")


def _parameters(function: Any) -> tuple[str, ...]:
    import inspect

    return tuple(inspect.signature(function).parameters)


def _check_variable(name: str, known: list[str]) -> None:
    if name not in known:
        nearest = suggest(name, known)
        hint = f"did you mean {nearest!r}? " if nearest else ""
        raise ModelError(f"var_names: there is no variable {name!r}", f"{hint}there are: {', '.join(known)}")


def _add_groups(fit: FitLike, tree: Any, name: str, draws: int | None, seed: int | None) -> None:
    if name in ("prior_posterior", "bf"):
        arviz_tree.with_prior(fit, tree, draws or 4000, seed)
    if name.startswith("psense"):
        arviz_tree.with_power_scaling(fit, tree)
    if name.startswith(_PREDICTIVE):
        arviz_tree.with_predictive(fit, tree, draws, seed)
    if name.startswith("loo_"):
        arviz_tree.with_likelihood(fit, tree)
