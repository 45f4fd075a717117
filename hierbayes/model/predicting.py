"""Predictions: fitted values, new data, replicated data."""

from __future__ import annotations

from hierbayes.model.base import FitBase


class Predicting(FitBase):
    """The part of a `Fit` that has to do with predicting."""
