"""A fit that lives on: saved, updated, extended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from hierbayes.errors import warn
from hierbayes.model.base import FitBase
from hierbayes.sampling.run import Draws
from hierbayes.tables.numbers import check_flag

if TYPE_CHECKING:
    import xarray as xr

    from hierbayes.model.fitted import Fit

_OF_FIT = ("draws", "tune", "chains", "cores", "seed", "engine", "target_accept", "progress", "cache")


class Keeping(FitBase):
    """The part of a `Fit` that has to do with keeping."""

    def save(self, path: str | Path, data: bool = True) -> Path:
        """Write the fit as netCDF, which `hierbayes.load` gives back, and which ArviZ and xarray read.

        The file holds the draws and, as JSON, the formula, the priors with their numbers, the frozen schema of the
        design, how the draws were sampled, the versions of the packages and a fingerprint of the data. Nothing in it is
        ever run. A `Custom` prior is kept as text: the loaded fit predicts, but its model cannot be sampled again.

        Parameters
        ----------
        path : str or Path
        data : bool
            Keep the columns that the model reads, and the response. Without them a loaded fit still gives its estimates
            (coefficients, sds, levels) and predicts from new data; figures, residuals, shares of variance, comparisons
            and refits then need the data. Names of levels are always kept.

        Returns
        -------
        Path

        Raises
        ------
        DataError
            If the file cannot be written; a file that was there before is then as it was.

        Examples
        --------
        >>> import hierbayes as hb
        >>> fit = hb.fit("Yield ~ 1 | Batch", hb.load_data("dyestuff"), draws=200, chains=2, seed=1, progress=False)
        >>> fit.save("dyestuff.nc")  # doctest: +SKIP
        >>> hb.load("dyestuff.nc").predict({"Batch": "A"})  # doctest: +SKIP
        """
        from hierbayes.storage.record import write_record

        return write_record(self.model.record(self._draws), path, check_flag("data", data))

    def __reduce__(self) -> tuple[Callable[[bytes], Fit], tuple[bytes]]:
        """Send the fit to another process as the bytes of its file, which are read there as `load` reads them."""
        from hierbayes.model.loaded import fit_of_bytes
        from hierbayes.storage.record import record_bytes

        return fit_of_bytes, (record_bytes(self.model.record(self._draws)),)

    def __copy__(self) -> Self:
        return type(self)(self.model, self._draws)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Copy the draws; the model's parts are frozen and may be shared."""
        return type(self)(copy(self.model), replace(self._draws, tree=self._draws.tree.copy(deep=True)))

    def update(self, formula: str | None = None, data: Any = None, priors: Any = None, **options: Any) -> Fit:
        """Fit again with something changed; what is not named stays as it was, the seed too.

        Parameters
        ----------
        formula : str, optional
            A formula, or the difference from the old one: ``". ~ . + x"``, ``"log(.) ~ ."``, ``"~ . - x"``.
        data : data frame, optional
        priors : mapping or "flat", optional
            A mapping is laid over the old priors; None for a parameter gives it its default.
        **options
            Those of `Model` (family, contrasts, weights, missing, rank) and of `Model.fit` (draws, tune, chains, cores,
            seed, engine, target_accept, progress, cache).

        Returns
        -------
        Fit

        Raises
        ------
        FormulaError, DataError, ModelError, SamplingError
            As for `Model` and `Model.fit`, and if the data are needed but not there.

        Warns
        -----
        HierBayesWarning
            Names what is dropped, as `Model.update`; of attached draws also that nothing of how they were sampled is
            known, and variables of your own.

        Examples
        --------
        >>> import hierbayes as hb
        >>> sleep = hb.load_data("sleepstudy")
        >>> fit = hb.fit("Reaction ~ 1 + (1 | Subject)", sleep, draws=200, chains=2, seed=1, progress=False)
        >>> list(fit.update(". ~ . + Days").fixef().index)
        ['Intercept', 'Days']
        """
        self._warn_of_lost()
        model = self.model.update(formula, data, priors, **{k: v for k, v in options.items() if k not in _OF_FIT})
        return model.fit(**{**_as_options(self._draws), **{k: v for k, v in options.items() if k in _OF_FIT}})

    def extend(self, draws: int, seed: int | None = None) -> Fit:
        """Return a fit with `draws` more draws of each chain after those that are there.

        With the collapsed engine each chain goes on from where it stands, after a short warm-up that tunes the step
        size anew and whose draws are discarded. With the joint engine, with PyMC, and where a surrogate proposes, a
        fresh run with a warm-up of its own is put after the old one, whose chains' positions are not kept. Both give
        valid draws: R-hat of the whole also tells whether the two runs agree. Divergences,
        gradients and seconds add up. The random numbers are never those of earlier draws, and the same fit extended in
        the same way gives the same draws. Groups of `tree` other than posterior, sample_stats, unconstrained_posterior
        and observed_data are left out, for they belong to the old draws.

        Parameters
        ----------
        draws : int
            Draws of each chain to add.
        seed : int, optional
            By default it follows from the seed of the fit and the number of its draws.

        Returns
        -------
        Fit

        Raises
        ------
        ModelError
            If the draws were attached, or the fit was loaded without its data.
        SamplingError
            If it is interrupted.

        Examples
        --------
        >>> import hierbayes as hb
        >>> fit = hb.fit("Yield ~ 1 | Batch", hb.load_data("dyestuff"), draws=200, chains=2, seed=1, progress=False)
        >>> fit.extend(100).diagnostics["draws"]
        300
        """
        from hierbayes.model.extended import extended

        longer = type(self)(self.model, extended(self.model.runner, self._draws, draws, seed))
        for complaint in longer.complaints:
            warn(complaint)
        return longer  # type: ignore[return-value]

    def to_bambi(self) -> tuple[Any, xr.DataTree]:
        """Return a `bambi.Model` and the draws in Bambi's names, for ``bambi.interpret`` and its plots.

        The model has the formula, rows and, where Bambi can say them, priors of the fit; it is neither built nor
        sampled, for predicting needs only the draws. Where Bambi codes a term otherwise (contrasts other than
        treatment), the draws are converted to its columns. Whole numbers are handed over as such: 0 and 1 for
        ``bernoulli``, successes and trials by name for ``binomial``. Not handed over are the families ``exgaussian``
        (Bambi's has another location), ``shifted_lognormal``, ``ordinal`` (Bambi's ``cumulative`` has no intercept) and
        ``categorical`` (Bambi's categories are uncorrelated).

        Bambi's model knows no correlations of group-level effects. The draws of the effects hold them all the same,
        and so do predictions for known levels; ``corr`` itself is not handed over, a new level is Bambi's (the effects
        of a known level, chosen at random), and to sample the Bambi model again is to fit ``(x || g)``. Of an
        interaction ``a:b`` of grouping columns Bambi carries every combination: those that no row has get draws of a
        new level. Weights and known standard errors are not handed over, with a warning.

        Returns
        -------
        model : bambi.Model
        draws : xarray.DataTree
            Group ``posterior``: ``Intercept``, ``Days``, ``1|Subject(Subject__factor_dim)``, ``1|Subject_sigma``, ...,
            ``sigma`` and the other parameters of the family; ``_sigma`` and ``sigma`` are sds. Groups ``sample_stats``
            and ``observed_data``.

        Raises
        ------
        ModelError
            If Bambi has not the family, or cannot make the columns of the model from its formula.

        Examples
        --------
        >>> import hierbayes as hb
        >>> formula, sleep = "Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy")
        >>> fit = hb.fit(formula, sleep, draws=200, chains=2, seed=1, progress=False)
        >>> model, draws = fit.to_bambi()
        >>> list(draws["posterior"].data_vars)
        ['Intercept', 'Days', '1|Subject', '1|Subject_sigma', 'Days|Subject', 'Days|Subject_sigma', 'sigma']
        >>> import bambi as bmb
        >>> asked = {"Days": [0, 9], "Subject": ["308"]}
        >>> found = bmb.interpret.predictions(model, draws, conditional=asked).summary
        >>> own = fit.predict(found[["Days", "Subject"]])
        >>> bool(abs(found["estimate"] - own["mean"]).max() < 1e-9)
        True
        """
        from hierbayes.bridge.outgoing import hand_over

        self._own_likelihood("to_bambi")
        return hand_over(self.spec, self.design, self.model.resolved_priors, self.tree, self._draws.seed)


def _as_options(draws: Draws) -> Mapping[str, Any]:
    """Return how draws were sampled as the options of `Model.fit`; nothing if hierbayes did not sample them."""
    own = draws.settings
    if own is None:
        return {}
    options = {name: getattr(own, name) for name in ("draws", "chains", "cores", "seed", "target_accept", "progress")}
    return {**options, "tune": "auto" if own.tune is None else own.tune, "engine": draws.asked}
