"""Where the variance comes from: shares, R2, sources of variation, pooling factors."""

from __future__ import annotations

from hierbayes.model.base import FitBase


class Decomposing(FitBase):
    """The part of a `Fit` that has to do with decomposing."""
