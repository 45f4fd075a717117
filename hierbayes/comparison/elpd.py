"""What leave-one-out gives back: ArviZ's result, with the level at which the density was taken.

Kept apart because it imports arviz at the top.
"""

# mypy: allow-subclassing-any
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from arviz_stats.utils import ELPDDataLOO


@dataclass(kw_only=True, repr=False)
class Loo(ELPDDataLOO):
    """Leave-one-out by importance sampling, as `arviz_stats.loo` gives it; ArviZ's functions take it.

    Attributes
    ----------
    elpd, se, p : float
        Expected log pointwise predictive density (the sum over rows), its standard error over rows, and the effective
        number of parameters.
    elpd_i, pareto_k : DataArray
        By row; Pareto k is 0 for a row that was refitted.
    good_k : float
        Pareto k up to which a row's figure can be trusted.
    conditional_on : str
        ``"conditional"``: weights from ``p(y_i | beta, b, sigma)``; ``"marginal"``: from ``p(y_i | y_-i, theta)``.
    refitted : tuple of int
        Rows whose density comes from an exact refit without them.
    """

    conditional_on: str = "conditional"
    refitted: tuple[int, ...] = ()

    @property
    def bad_rows(self) -> tuple[int, ...]:
        """The rows whose Pareto k is too large."""
        return tuple(np.flatnonzero(np.asarray(self.pareto_k) > self.good_k).tolist())

    def _header(self) -> Any:
        refits = f", {len(self.refitted)} rows by exact refits" if self.refitted else ""
        return f"{super()._header()}\nImportance sampling from the {self.conditional_on} density{refits}."
