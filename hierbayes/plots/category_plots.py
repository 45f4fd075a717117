"""Figures of one category of a categorical response: all of a fit but those that score the fit as a whole."""

from __future__ import annotations

from typing import Any

from hierbayes.errors import ModelError
from hierbayes.plots.accessor import FitPlots

_SCORING = ("psense", "loo_")


class CategoryPlots(FitPlots):
    """The figures of one category against the reference.

    Power scaling and leave-one-out need the likelihood of the draws, which is that of all categories together.
    """

    def arviz(self, name: str, *args: Any, **options: Any) -> Any:
        """Draw a plot of ArviZ; see `FitPlots.arviz`.

        Raises
        ------
        ModelError
            If it weighs the draws by their likelihood.
        """
        if str(name).startswith(_SCORING):
            raise _refusal(f'arviz("{name}")')
        return super().arviz(name, *args, **options)

    def psense(self, *args: Any, **options: Any) -> Any:
        """Refuse: the likelihood is that of all categories."""
        raise _refusal("psense()")

    def loo_khat(self, *args: Any, **options: Any) -> Any:
        """Refuse: the likelihood is that of all categories."""
        raise _refusal("loo_khat()")


def _refusal(plot: str) -> ModelError:
    return ModelError(
        f"fit.category(...).plot.{plot} is not there: it weighs draws by the likelihood of all categories together",
        f"ask fit.plot.{plot}",
    )
