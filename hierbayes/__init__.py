"""Bayesian hierarchical models from lme4-style formulas."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hierbayes import plots as plots
    from hierbayes.comparison.bayes_factors import BayesFactor, bayes_factor
    from hierbayes.comparison.table import compare
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
    from hierbayes.model.bridging import from_bambi
    from hierbayes.model.loaded import load
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
    from hierbayes.studies.calibration import calibrate
    from hierbayes.studies.calibration_result import Calibration
    from hierbayes.studies.classical_twins import ClassicalTwins, classical
    from hierbayes.studies.experiment_result import Experiment
    from hierbayes.studies.experiments import experiment
    from hierbayes.studies.pooled import PoolingComparison, pooling
    from hierbayes.studies.prior_sensitivity import Sensitivity, sensitivity
    from hierbayes.studies.simulated import simulate
    from hierbayes.summaries.mean_variance import variance_of_mean
    from hierbayes.tables.exporting import export

__version__ = "0.2.0.dev0"

_HOMES = {
    "hierbayes.comparison.bayes_factors": ("BayesFactor", "bayes_factor"),
    "hierbayes.comparison.table": ("compare",),
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
    "hierbayes.model.bridging": ("from_bambi",),
    "hierbayes.model.loaded": ("load",),
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
    "hierbayes.studies.calibration": ("calibrate",),
    "hierbayes.studies.calibration_result": ("Calibration",),
    "hierbayes.studies.classical_twins": ("ClassicalTwins", "classical"),
    "hierbayes.studies.experiment_result": ("Experiment",),
    "hierbayes.studies.experiments": ("experiment",),
    "hierbayes.studies.pooled": ("PoolingComparison", "pooling"),
    "hierbayes.studies.prior_sensitivity": ("Sensitivity", "sensitivity"),
    "hierbayes.studies.simulated": ("simulate",),
    "hierbayes.tables.exporting": ("export",),
    "hierbayes.summaries.mean_variance": ("variance_of_mean",),
}
_MODULES = ("plots",)
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "LKJ",
    "BayesFactor",
    "Calibration",
    "ClassicalTwins",
    "Custom",
    "DataError",
    "Experiment",
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
    "Sensitivity",
    "Uniform",
    "bayes_factor",
    "calibrate",
    "classical",
    "compare",
    "experiment",
    "export",
    "fit",
    "from_bambi",
    "list_data",
    "load",
    "load_data",
    "pooling",
    "sensitivity",
    "simulate",
    "variance_of_mean",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"hierbayes.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'hierbayes' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, *_MODULES, "__version__"])
