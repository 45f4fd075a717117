"""Bayesian hierarchical models from lme4-style formulas."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hierbayes.datasets.loader import list_data, load_data
    from hierbayes.errors import (
        DataError,
        FormulaError,
        HierBayesError,
        HierBayesWarning,
        ModelError,
        SamplingError,
    )
    from hierbayes.model import Fit, Model, fit
    from hierbayes.priors import (
        LKJ,
        Custom,
        Exponential,
        Fixed,
        Flat,
        Gamma,
        HalfCauchy,
        HalfNormal,
        HalfStudentT,
        InverseGamma,
        LogNormal,
        Normal,
        Uniform,
    )
    from hierbayes.studies.pooled import PoolingComparison, pooling

__version__ = "0.1.0"

_HOMES = {
    "hierbayes.datasets.loader": ("list_data", "load_data"),
    "hierbayes.errors": (
        "DataError",
        "FormulaError",
        "HierBayesError",
        "HierBayesWarning",
        "ModelError",
        "SamplingError",
    ),
    "hierbayes.model": ("Fit", "Model", "fit"),
    "hierbayes.priors": (
        "LKJ",
        "Custom",
        "Exponential",
        "Fixed",
        "Flat",
        "Gamma",
        "HalfCauchy",
        "HalfNormal",
        "HalfStudentT",
        "InverseGamma",
        "LogNormal",
        "Normal",
        "Uniform",
    ),
    "hierbayes.studies.pooled": ("PoolingComparison", "pooling"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "LKJ",
    "Custom",
    "DataError",
    "Exponential",
    "Fit",
    "Fixed",
    "Flat",
    "FormulaError",
    "Gamma",
    "HalfCauchy",
    "HalfNormal",
    "HalfStudentT",
    "HierBayesError",
    "HierBayesWarning",
    "InverseGamma",
    "LogNormal",
    "Model",
    "ModelError",
    "Normal",
    "PoolingComparison",
    "SamplingError",
    "Uniform",
    "fit",
    "list_data",
    "load_data",
    "pooling",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'hierbayes' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
