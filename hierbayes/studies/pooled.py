"""`pooling`: complete, no and partial pooling of one model in one object."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hierbayes.errors import ModelError
from hierbayes.families import family
from hierbayes.model import Fit
from hierbayes.model import fit as fit_model
from hierbayes.plots.accessor import draw_pooling, draw_shrinkage
from hierbayes.summaries.poolings import PoolingTables

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class PoolingComparison:
    """Complete, no and partial pooling side by side. Made by `hierbayes.pooling`.

    Attributes
    ----------
    fit : Fit
        The hierarchical fit, partial pooling.
    factor : str
        The grouping factor that is compared.
    """

    def __init__(self, fit: Fit, factor: str | None = None, ci_prob: float = 0.95) -> None:
        self.fit = fit
        self._asked, self._ci_prob = factor, ci_prob
        self.factor = self.tables.factor

    @cached_property
    def tables(self) -> PoolingTables:
        """Every table of the comparison; see `hierbayes.summaries.poolings.pooling_tables`."""
        return self.fit.pooling_tables(self._asked, self._ci_prob)

    def table(self) -> pd.DataFrame:
        """Return one row for each level and term.

        Returns
        -------
        DataFrame
            Columns group, level, term; complete, no, partial: the three estimates of the level's total; lower, upper:
            the interval of the partial-pooling estimate; factor: the pooling factor, the posterior mean of the
            diagonal of ``(I + Sigma A_j)^-1`` with ``A_j = Z_j' W_j Z_j / sigma^2``. 0 is no pooling, 1 is complete
            pooling; with a random intercept alone it is ``sigma^2 / (sigma^2 + n_j sd^2)``. ``no`` is NaN for a level
            too small for its own fit.
        """
        return self.tables.table.copy()

    @property
    def too_small(self) -> tuple[str, ...]:
        """The levels too small for a fit of their own."""
        missing = self.tables.table["no"].isna()
        return tuple(dict.fromkeys(self.tables.table.loc[missing, "level"]))

    def plot(self, kind: str = "pooling", levels: Sequence[str] | None = None, **options: Any) -> Figure:
        """Draw a panel for each level (``kind="pooling"``) or the shrinkage arrows (``kind="shrinkage"``)."""
        if kind not in ("pooling", "shrinkage"):
            raise ModelError(f'kind={kind!r} is not understood: write "pooling" or "shrinkage"')
        return (draw_pooling if kind == "pooling" else draw_shrinkage)(self.tables, levels, **options)

    def __repr__(self) -> str:
        text = self.tables.table.to_string(index=False, float_format=lambda value: f"{value:.4g}")
        small = f"\ntoo small for a fit of their own: {', '.join(self.too_small)}" if self.too_small else ""
        return f"Pooling of {self.fit.design.response} by {self.factor}\n{text}{small}"

    def _repr_html_(self) -> str:
        return str(self.tables.table.to_html(index=False, float_format=lambda value: f"{value:.4g}"))


def pooling(
    formula: str, data: Any, factor: str | None = None, ci_prob: float = 0.95, **options: Any
) -> PoolingComparison:
    """Compare complete, no and partial pooling.

    Complete and no pooling are least squares; only partial pooling is sampled.

    Parameters
    ----------
    formula : str
        With at least one group-level term.
    data : data frame
    factor : str, optional
        The grouping factor to compare; the first by default.
    ci_prob : float
        Probability of the equal-tailed intervals of partial pooling.
    **options
        Those of `hierbayes.fit`.

    Returns
    -------
    PoolingComparison

    Raises
    ------
    ModelError
        If the model has no group-level terms, or the family is categorical.

    Examples
    --------
    >>> import hierbayes as hb
    >>> both = hb.pooling("Yield ~ 1 | Batch", hb.load_data("dyestuff"), seed=1)  # doctest: +SKIP
    """
    if not family(options.get("family", "gaussian")).has_mean:
        # before the fit, for which one would wait in vain
        raise ModelError(
            "hb.pooling compares poolings of one linear predictor, and a categorical response has several",
            "fit with hb.fit, and ask fit.category(...).pooling_tables() about one category against the reference",
        )
    return PoolingComparison(fit_model(formula, data, **options), factor, ci_prob)
