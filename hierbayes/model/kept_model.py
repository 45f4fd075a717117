"""What a model has to do with keeping: parts put together, changes, draws from elsewhere, a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from hierbayes.design.design import Design
from hierbayes.design.scaling import ResolvedPriors, resolve
from hierbayes.errors import warn
from hierbayes.model.likelihood_check import warn_of_extension
from hierbayes.model.updated import changed, keep_data
from hierbayes.sampling.run import Draws, Runner, draw
from hierbayes.sampling.sampler import Settings
from hierbayes.spec import ModelSpec
from hierbayes.tables.numbers import check_flag

if TYPE_CHECKING:
    from hierbayes.model.fitted import Fit
    from hierbayes.model.model import Model
    from hierbayes.storage.record import Record


class KeptModel:
    """The part of a `Model` that has to do with keeping."""

    _spec: ModelSpec
    _design: Design
    _resolved: ResolvedPriors
    _kept: Any
    _fingerprint: str | None

    @property
    def runner(self) -> Runner:
        """The engines of the problem, each made on first use."""
        raise NotImplementedError

    @classmethod
    def of_parts(
        cls, spec: ModelSpec, design: Design, priors: ResolvedPriors, fingerprint: str | None = None, kept: Any = None
    ) -> Self:
        """Return a model of stages that are there already: a spec, a design, and priors in numbers.

        Parameters
        ----------
        spec : ModelSpec
        design : Design
        priors : ResolvedPriors
        fingerprint : str, optional
            Of the data, where the design does not hold them.
        kept : data frame, optional
            The data, for `update`.
        """
        model = cls.__new__(cls)
        model._spec, model._design, model._resolved = spec, design, priors
        model._fingerprint, model._kept = fingerprint, kept
        return model

    def __reduce__(self) -> tuple[Callable[[bytes], Model], tuple[bytes]]:
        """Send the model to another process as bytes: its spec, priors in numbers, schema and the columns it reads.

        Nothing of it is run on the other side. Other columns of the data stay behind, as those of a saved fit do.
        """
        from hierbayes.model.loaded import model_of_bytes
        from hierbayes.storage.record import model_bytes

        return model_of_bytes, (model_bytes(self._spec, self._resolved, self._design, self._fingerprint),)

    def __copy__(self) -> Self:
        """Return another model of the same parts, which are frozen."""
        other = type(self).__new__(type(self))
        vars(other).update(vars(self))
        return other

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return another model of the same parts, whose engines are made anew."""
        return self.of_parts(self._spec, self._design, self._resolved, self._fingerprint, keep_data(self._kept))

    def update(self, formula: str | None = None, data: Any = None, priors: Any = None, **options: Any) -> Self:
        """Return a new model with something changed; default priors are scaled anew.

        Parameters
        ----------
        formula : str, optional
            A formula, or the difference from the old one: ``". ~ . + x"``, ``"log(.) ~ ."``, ``"~ . - x"``.
        data : data frame, optional
        priors : mapping or "flat", optional
            A mapping is laid over the old priors; None for a parameter gives it its default.
        **options
            family, contrasts, weights, missing, rank, as for `Model`.

        Raises
        ------
        FormulaError, DataError, ModelError
            As for `Model`, and if the data are needed but not there.

        Warns
        -----
        HierBayesWarning
            Names what is dropped: old priors of parameters that the new model has not, ``"flat"`` under a mapping,
            codings of columns that are no longer terms, and what `pymc` was extended by.

        Examples
        --------
        >>> import hierbayes as hb
        >>> model = hb.Model("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy"))
        >>> model.update(". ~ . - Days").spec.formula.canonical
        'Reaction ~ 1 + (1 + Days | Subject)'
        >>> print(model.update(priors={"sigma": hb.HalfNormal(50)}).priors.loc["sigma", "prior"])
        HalfNormal(50)
        """
        warn_of_extension(self)
        new = changed(self._spec, self._design, self._kept, formula, data, priors, options)
        kept = self._kept if data is None else keep_data(data)
        return self.of_parts(new.spec, new.design, resolve(new.spec, new.design), kept=kept)

    def attach(self, tree: Any, same_likelihood: bool = False) -> Fit:
        """Make a fit of draws that were sampled by hand from `pymc`, extended with potentials or not.

        Parameters
        ----------
        tree : xarray.DataTree or Dataset
            What ``pm.sample`` or ``nutpie.sample`` gives, or its posterior. Levels and dims may stand in any order;
            variables of your own are kept, for `Fit.hypothesis` and `Fit.tidy` too.
        same_likelihood : bool
            Say that the likelihood is the model's, whatever the draws look like. Without it what depends on the
            likelihood (predictions, residuals, leave-one-out, shares of variance, means and slopes, ...) is refused
            where it may be another: `pymc` has been extended by an observed variable, by other data or by a potential
            that reads data; the draws hold a variable that `pymc` has not, or have not one that it samples; or the log
            density that the sampler noted is not that of `pymc` at the same point. An extended prior (a potential of
            parameters alone, further parameters) is taken.

        Returns
        -------
        Fit
            Its `engine` is ``"attached"``.

        Warns
        -----
        HierBayesWarning
            If the likelihood may be another, with the reason, and where the chains disagree.

        Raises
        ------
        DataError
            If a variable is missing, has other dims or levels, or holds a draw that is not finite.

        Examples
        --------
        >>> import hierbayes as hb
        >>> import pymc as pm
        >>> model = hb.Model("Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff"))
        >>> with model.pymc:
        ...     tree = pm.sample(random_seed=1)  # doctest: +SKIP
        >>> fit = model.attach(tree)  # doctest: +SKIP
        """
        from hierbayes.model.attached import attached
        from hierbayes.model.fitted import Fit
        from hierbayes.model.model import Model

        assert isinstance(self, Model)
        fit = Fit(self, attached(tree, self, check_flag("same_likelihood", same_likelihood)))
        fit._warn_of_doubt()
        for complaint in fit.complaints:
            warn(complaint)
        return fit

    def record(self, draws: Draws) -> Record:
        """Return everything that makes a fit of these draws, for its file."""
        from hierbayes.storage.record import Record

        return Record(self._spec, self._resolved, self._design, draws, self._fingerprint)

    def _drawn(self, chosen: Settings, engine: str, cache: str | Path | None, seed: int | None) -> Draws:
        def sample() -> Draws:
            return draw(self.runner, chosen, engine)

        if cache is None:
            return sample()
        import xarray as xr

        from hierbayes.model.cached import cached

        wanted = Draws(xr.DataTree(), engine, "", 0.0, 0, chosen.seed, chosen, engine)
        return cached(cache, seed, self.record(wanted), sample)
