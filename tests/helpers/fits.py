"""Fits and posteriors that several test files share; the sampled ones are made once a session."""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path

import numpy as np
import pytest
from linear_catalogue import linear_models

import hierbayes as hb
from hierbayes.engines.assemble import assemble
from hierbayes.engines.base import Trace
from hierbayes.engines.naming import posterior_dims
from hierbayes.model import Fit
from hierbayes.sampling.run import Draws, named_tree

DOCS = Path(__file__).parents[2] / "docs"


def fake_fit(formula, data, chains=2, draws=40, seed=0, **options):
    """Return a fit whose posterior is made up: right names, shapes and ranges, no sampling."""
    model = hb.Model(formula, data, **options)
    problem, labels = assemble(model.design, model.resolved_priors)
    rng = np.random.default_rng(seed)
    sizes = {"coef": len(labels.coefficients), "threshold_dim": len(labels.thresholds)}
    for factor, members in labels.grouped.items():
        sizes[factor] = len(labels.levels[members[0]])
        sizes[f"{factor}_term"] = sizes[f"{factor}_term2"] = sum(len(labels.terms[i]) for i in members)
    made = {}
    for name, dims in posterior_dims(labels).items():
        shape = (chains, draws, *(sizes[dim] for dim in dims))
        made[name] = rng.normal(size=shape) if name[:2] == "b_" or name == "beta" else rng.uniform(0.5, 2, shape)
        if name.startswith("corr_"):
            members = labels.grouped[name.removeprefix("corr_")]
            made[name] = _corrs([len(labels.terms[i]) for i in members], shape, rng)
    stats = {"diverging": np.zeros((chains, draws), bool), "energy": rng.normal(size=(chains, draws))}
    tree = named_tree(Trace(made, stats, 100, False), labels, problem)
    return Fit(model, Draws(tree, "pymc", "made up", 1.0, 100, seed))


def _corrs(sizes, shape, rng):
    corr = np.full(shape, np.nan)
    start = 0
    for k in sizes:
        rows = np.tril(rng.normal(size=(*shape[:2], k, k)))
        rows /= np.linalg.norm(rows, axis=-1, keepdims=True)
        corr[..., start : start + k, start : start + k] = rows @ np.swapaxes(rows, -1, -2)
        start += k
    corr[..., np.arange(start), np.arange(start)] = 1
    return corr


@pytest.fixture(scope="session")
def few_groups():
    """The script behind the page on few groups, as a module."""
    spec = importlib.util.spec_from_file_location("make_few_groups", DOCS / "make_few_groups.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def catalogue_fits(few_groups):
    """Every model of the catalogue, sampled once, by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hb.HierBayesWarning)
        return {name: few_groups.fit_model(spec) for name, spec in linear_models().items()}
