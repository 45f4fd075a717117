"""Figures of attached draws whose likelihood may not be the model's: those that refer to parameters alone."""

from __future__ import annotations

from typing import Any, NoReturn

from hierbayes.plots.accessor import FitPlots


class AttachedPlots(FitPlots):
    """The figures of a fit, without those that need the likelihood: they are refused, with the reason."""

    def fan(self, *args: Any, **options: Any) -> NoReturn:
        """Refuse: the lines are those of the model's predictor."""
        self._refuse("plot.fan")

    def effects(self, *args: Any, **options: Any) -> NoReturn:
        """Refuse: the curves are those of the model's mean."""
        self._refuse("plot.effects")

    def components(self, *args: Any, **options: Any) -> NoReturn:
        """Refuse: shares of the variance are among them; `varcorr` has the sds."""
        self._refuse("plot.components")

    def pooling(self, *args: Any, **options: Any) -> NoReturn:
        """Refuse: the lines of partial pooling are those of the model's predictor."""
        self._refuse("plot.pooling")

    def _refuse(self, what: str) -> NoReturn:
        from hierbayes.model.base import FitBase

        assert isinstance(self._fit, FitBase)
        self._fit._own_likelihood(what)
        raise AssertionError("this fit has the likelihood of its model")
