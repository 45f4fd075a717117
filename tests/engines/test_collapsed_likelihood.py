"""REML and ML against lme4's published figures, to ten digits in reference/classical.json."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hierbayes.datasets.loader import load_data
from hierbayes.engines.base import Block, Problem
from hierbayes.engines.collapsed.likelihood import fit_ml, fit_reml
from hierbayes.errors import ModelError
from hierbayes.priors import LKJ, POSITIVE, Fixed, Flat, HalfNormal, Parameter

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "classical.json").read_text())


def read(name):
    return load_data(name.lower())


def codes(frame, *columns):
    keys = frame[list(columns)].astype(str).agg("\0".join, axis=1)
    return pd.factorize(keys)[0].astype(np.int64)


def dummies(column):
    return pd.get_dummies(column.astype(str), drop_first=True).to_numpy(float)


def with_intercept(*columns):
    return np.column_stack([np.ones(len(columns[0])), *columns]) if columns else None


def products(a, b):
    return np.column_stack([a[:, i] * b[:, j] for j in range(b.shape[1]) for i in range(a.shape[1])])


def block(level_codes, Z=None):
    Z = np.ones((len(level_codes), 1)) if Z is None else Z
    k = Z.shape[1]
    return Block(Z, level_codes, int(level_codes.max()) + 1, (Flat(),) * k, LKJ(1.0) if k > 1 else None, np.eye(k))


def build(y, X, *blocks, weights=None):
    n, p = len(y), X.shape[1]
    return Problem(
        y=np.asarray(y, float), X=X, offset=np.zeros(n), weights=np.ones(n) if weights is None else weights,
        beta_priors=(Flat(),) * p, beta_back=np.eye(p), blocks=blocks,
        parameters=(Parameter("sigma", POSITIVE, Flat()),),
    )  # fmt: skip


def one(frame, y, factor):
    return build(frame[y], np.ones((len(frame), 1)), block(codes(frame, factor)))


def sleep(*terms):
    d = read("sleepstudy")
    X = np.column_stack([np.ones(len(d)), d.Days])
    return build(d.Reaction, X, *(block(codes(d, "Subject"), X[:, t]) for t in terms))


def oats():
    d = read("oats")
    v = np.column_stack([d.V == "Marvellous", d.V == "Victory"]).astype(float)
    n = dummies(d.N)
    X = np.column_stack([np.ones(len(d)), v, n, products(v, n)])
    return build(d.Y, X, block(codes(d, "V", "B")), block(codes(d, "B")))


def cake():
    d = read("cake")
    r, t = dummies(d.recipe), d.temp.to_numpy(float)
    X = np.column_stack([np.ones(len(d)), r, t, r * t[:, None]])
    return build(d.angle, X, block(codes(d, "recipe", "replicate")))


def penicillin(fixed=False):
    d = read("Penicillin")
    X = np.ones((len(d), 1))
    if fixed:
        return build(d.diameter, np.column_stack([X, dummies(d["sample"])]), block(codes(d, "plate")))
    return build(d.diameter, X, block(codes(d, "plate")), block(codes(d, "sample")))


def pastes():
    d = read("Pastes")
    X = np.ones((len(d), 1))
    return build(d.strength, X, block(codes(d, "batch", "cask")), block(codes(d, "batch")))


def insteval():
    d = read("InstEval")
    X = np.column_stack([np.ones(len(d)), d.service.astype(float)])
    return build(d.y, X, *(block(codes(d, f)) for f in ("s", "d", "dept")))


CASES = {
    "chapter_groups": lambda: one(read("chapter_groups"), "y", "group"),
    "dyestuff": lambda: one(read("Dyestuff"), "Yield", "Batch"),
    "dyestuff2": lambda: one(read("Dyestuff2"), "Yield", "Batch"),
    "penicillin": penicillin,
    "penicillin_sample_fixed": lambda: penicillin(fixed=True),
    "sleepstudy": lambda: sleep([0, 1]),
    "sleepstudy_uncorrelated": lambda: sleep([0], [1]),
    "sleepstudy_intercept": lambda: sleep([0]),
    "pastes": pastes,
    "cake": cake,
    "oats": oats,
    "insteval": insteval,
}


def check(fit, reference, criterion):
    assert -2 * fit.loglik == pytest.approx(criterion, abs=1e-6)
    assert fit.sigma == pytest.approx(reference["sigma"], rel=1e-4)
    for sd, corr, group in zip(fit.sds, fit.corrs, reference["varcorr"].values(), strict=True):
        np.testing.assert_allclose(sd, group["sd"], rtol=1e-4, atol=1e-12)
        if len(sd) > 1:
            np.testing.assert_allclose(corr, group["corr"], atol=1e-4)
    np.testing.assert_allclose(fit.beta, list(reference["fixef"].values()), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name == "insteval" else name for name in CASES]
)
def test_reml_and_ml_are_those_of_lme4(name):
    reference = REFERENCE[name]
    problem = CASES[name]()
    fit = fit_reml(problem)
    check(fit, reference, reference["reml_criterion"])
    np.testing.assert_allclose(np.sqrt(np.diag(fit.beta_covariance)), list(reference["se"].values()), rtol=1e-4)
    assert fit.singular == (name == "dyestuff2")
    check(fit_ml(problem), reference["ml"], reference["ml_deviance"])
    if "ranef" in reference:
        groups = list(reference["ranef"].values())
        # lme4 gathers the terms of one factor.
        own = list(fit.modes) if len(groups) == len(fit.modes) else [np.hstack(fit.modes)]
        for mode, group in zip(own, groups, strict=True):
            values = np.array(group["values"])
            size = 1e-12 + np.abs(values).max()
            np.testing.assert_allclose(np.sort(mode, 0), np.sort(values, 0), atol=1e-4 * size)


def test_dyestuff2_is_exactly_zero():
    for fit in (fit_reml(CASES["dyestuff2"]()), fit_ml(CASES["dyestuff2"]())):
        assert fit.sds[0][0] == 0.0
        assert fit.singular
        assert np.all(fit.modes[0] == 0)
        assert np.all(fit.mode_covariances[0] == 0)


@pytest.mark.parametrize("offset", [0.0, 1e6, 1e9])
@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_criterion_holds_far_from_zero_and_on_any_scale(offset, scale):
    """A response moved by an offset keeps the deviance to what the rounding of the data allows."""
    from dataclasses import replace

    problem = sleep([0, 1])
    y = scale * (problem.y + offset)
    days = problem.X[:, 1] * 7.0
    X = np.column_stack([problem.X[:, 0], days])
    moved = replace(problem, y=y, X=X, blocks=(replace(problem.blocks[0], Z=X),))
    fit, start = fit_reml(moved), fit_reml(problem)
    shift = 2 * (problem.n - 2) * np.log(scale) + 2 * np.log(7.0)
    assert -2 * fit.loglik == pytest.approx(-2 * start.loglik + shift, abs=1e-6)
    np.testing.assert_allclose(fit.sds[0], start.sds[0] * scale / [1, 7.0], rtol=1e-4)


def test_a_column_far_from_zero_keeps_its_digits():
    from dataclasses import replace

    problem = sleep([0])
    X = problem.X + np.array([0.0, 1e9])
    fit, start = fit_reml(replace(problem, X=X)), fit_reml(problem)
    assert fit.loglik == pytest.approx(start.loglik, abs=1e-6)
    assert fit.beta[1] == pytest.approx(start.beta[1], rel=1e-6)


def test_no_groups_is_least_squares():
    d = read("sleepstudy")
    X = np.column_stack([np.ones(len(d)), d.Days])
    fit = fit_reml(build(d.Reaction, X))
    reference = REFERENCE["sleepstudy_pooled"]
    np.testing.assert_allclose(fit.beta, list(reference["fixef"].values()), rtol=1e-9)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.beta_covariance)), list(reference["se"].values()), rtol=1e-9)
    assert fit.sigma == pytest.approx(reference["sigma"], rel=1e-9)


def test_correlations_fixed_at_zero_are_those_of_separate_bars():
    from dataclasses import replace

    problem = sleep([0, 1])
    bars = replace(problem, blocks=(replace(problem.blocks[0], corr_prior=Fixed(0.0)),))
    assert fit_reml(bars).loglik == pytest.approx(fit_reml(sleep([0], [1])).loglik, abs=1e-8)


def test_fixed_sds_and_collinear_columns_are_refused():
    from dataclasses import replace

    problem = sleep([0])
    bad = replace(problem, blocks=(replace(problem.blocks[0], sd_priors=(Fixed(1.0),)),))
    with pytest.raises(ModelError, match="fixed"):
        fit_reml(bad)
    twice = replace(problem, X=np.column_stack([problem.X, problem.X[:, 1]]), beta_priors=(Flat(),) * 3)
    with pytest.raises(ModelError, match="determined"):
        fit_ml(twice)
    informed = replace(problem, blocks=(replace(problem.blocks[0], sd_priors=(HalfNormal(1e-3),)),))
    assert fit_reml(informed).loglik == fit_reml(problem).loglik


@pytest.mark.parametrize("seed", [2, 10, 16, 22, 24])
@pytest.mark.parametrize("scale", [1e-4, 1e2, 1e3, 1e6])
def test_a_singular_fit_is_the_best_one_whatever_the_scale_of_the_weights(seed, scale):
    """Correlations of 1 and -1 are an optimum each here; where the search starts must not choose between them."""
    rng = np.random.default_rng(seed)
    n, level = 48, np.arange(48) % 8
    X = np.column_stack([np.ones(n), rng.normal(size=n)])
    y = 10 + 2 * X[:, 1] + 0.3 * rng.normal(size=8)[level] + rng.normal(size=n)
    weights = rng.uniform(0.5, 2, n)
    plain, scaled = (fit_reml(build(y, X, block(level, X), weights=own)) for own in (weights, scale * weights))
    assert scaled.loglik == pytest.approx(plain.loglik, abs=1e-6)
    np.testing.assert_allclose(scaled.sds[0], plain.sds[0], atol=1e-3)
    assert scaled.sigma == pytest.approx(plain.sigma * np.sqrt(scale), rel=1e-4)
