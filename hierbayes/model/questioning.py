"""Questions put to the draws: hypotheses, means, contrasts, slopes."""

from __future__ import annotations

from hierbayes.model.base import FitBase


class Questioning(FitBase):
    """The part of a `Fit` that has to do with questioning."""
