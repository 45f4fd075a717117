"""How well a fit predicts, and what its priors do: leave-one-out, marginal likelihood, sensitivity."""

from __future__ import annotations

from hierbayes.model.base import FitBase


class Comparing(FitBase):
    """The part of a `Fit` that has to do with comparing."""
