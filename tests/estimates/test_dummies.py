"""Groups as fixed effects against a dense fit under the constraints that the effects sum to zero, and against R."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import block_diag, null_space

import hierbayes as hb
from hierbayes.errors import ModelError
from hierbayes.estimates import GroupColumns, fixed_groups, no_pooling
from hierbayes.estimates import dummies as module

CLASSICAL = json.loads((Path(__file__).parents[1] / "reference" / "classical.json").read_text())


def expanded(group):
    """Return Z times the indicator of each level, level by level."""
    Z, codes = np.asarray(group.Z, dtype=float), np.asarray(group.codes)
    return np.hstack([Z * (codes == j)[:, None] for j in range(group.n_levels)])


def in_span(X, z):
    return np.linalg.norm(z - X @ np.linalg.pinv(X) @ z) < 1e-9 * np.linalg.norm(z)


def oracle(y, X, groups, weights):
    """Return beta, its covariance, which of it is determined, sigma and df by one dense pseudo-inverse."""
    root = np.sqrt(weights)
    parts = []
    for group in groups:
        k = np.shape(group.Z)[1]
        rows = [np.tile(np.eye(k)[i], group.n_levels) for i in range(k) if in_span(X, np.asarray(group.Z)[:, i])]
        parts.append(null_space(np.array(rows)) if rows else np.eye(k * group.n_levels))
    D = np.hstack([X, np.hstack([expanded(g) for g in groups]) @ block_diag(*parts)]) * root[:, None]
    inverse = np.linalg.pinv(D, rcond=1e-10)
    w = inverse @ (root * y)
    rank = np.linalg.matrix_rank(D, tol=1e-8)
    df = len(y) - rank
    squares = np.sum((root * y - D @ w) ** 2)
    p = X.shape[1]
    rows = inverse @ D  # the projection on what the columns determine
    known = np.linalg.norm(rows[:p] - np.eye(len(w))[:p], axis=1) < 1e-7
    variance = squares / df if df > 0 else np.nan
    covariance = variance * inverse @ inverse.T
    return w[:p], covariance[:p, :p], known, np.sqrt(variance), df, rank


@st.composite
def designs(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(30, 60))
    x = rng.normal(size=n)
    level_two = draw(st.booleans())
    codes = np.concatenate([np.repeat(np.arange(5), 4), rng.integers(0, 5, n - 20)])
    columns = [np.ones(n), x, *([rng.normal(size=5)[codes]] if level_two else [])]
    X = np.column_stack(columns)
    slope = draw(st.sampled_from(["none", "x", "other"]))
    Z = {"none": X[:, :1], "x": X[:, :2], "other": np.column_stack([np.ones(n), rng.normal(size=n)])}[slope]
    groups = [GroupColumns(Z, codes, 5)]
    second = draw(st.sampled_from(["none", "crossed", "nested"]))
    if second == "crossed":
        groups.append(GroupColumns(X[:, :1], rng.permutation(np.arange(n) % 3), 3))
    if second == "nested":
        groups.append(GroupColumns(X[:, :1], 2 * codes + np.arange(n) % 2, 10))
    weights = rng.uniform(0.5, 2, n) if draw(st.booleans()) else np.ones(n)
    return rng.normal(size=n), X, groups, weights


@settings(max_examples=60, deadline=None)
@given(designs())
def test_against_one_dense_fit(design):
    y, X, groups, weights = design
    found = fixed_groups(y, X, groups, weights)
    beta, covariance, known, sigma, df, rank = oracle(y, X, groups, weights)
    assert (found.df, found.rank) == (df, rank)
    np.testing.assert_array_equal(found.identified, known)
    np.testing.assert_allclose(found.beta[known], beta[known], rtol=1e-7, atol=1e-9)
    assert np.isnan(found.beta[~known]).all()
    np.testing.assert_allclose(
        found.covariance[np.ix_(known, known)], covariance[np.ix_(known, known)], rtol=1e-7, atol=1e-9
    )
    assert found.sigma == pytest.approx(sigma, rel=1e-9)
    squares = sigma**2 * df
    loglik = 0.5 * np.log(weights).sum() - len(y) / 2 * (np.log(2 * np.pi * squares / len(y)) + 1)
    assert found.loglik == pytest.approx(loglik, rel=1e-9)


def test_the_oracle_sees_other_constraints():
    """Unbalanced: the mean of the level means is not the mean of the rows."""
    y, codes = np.array([0.0, 2.0, 10.0, 12.0, 11.0, 30.0]), np.array([0, 0, 1, 1, 1, 2])
    found = fixed_groups(y, np.ones((6, 1)), [GroupColumns(np.ones((6, 1)), codes, 3)])
    assert found.beta[0] == pytest.approx((1 + 11 + 30) / 3)
    assert found.beta[0] != pytest.approx(y.mean())


def test_figures_of_r():
    """`lm(diameter ~ plate + sample)`: under R's coding the intercept is plate a, sample A."""
    data, reference = hb.load_data("penicillin"), CLASSICAL["penicillin_unpooled"]
    plate, sample = (data[name].astype("category").cat.codes.to_numpy() for name in ("plate", "sample"))
    ones = np.ones((144, 1))
    found = fixed_groups(data["diameter"], ones, [GroupColumns(ones, plate, 24), GroupColumns(ones, sample, 6)])
    assert found.sigma == pytest.approx(reference["sigma"], rel=1e-9)
    fixef = reference["fixef"]
    own = [[v for name, v in fixef.items() if name.startswith(factor)] for factor in ("plate", "sample")]
    average = fixef["(Intercept)"] + sum(own[0]) / 24 + sum(own[1]) / 6
    assert found.beta[0] == pytest.approx(average, rel=1e-9)
    assert np.sqrt(found.covariance[0, 0]) == pytest.approx(reference["sigma"] / 12, rel=1e-9)


def test_one_factor_with_all_columns_is_the_mean_of_separate_fits():
    sleep = hb.load_data("sleepstudy")
    codes = sleep["Subject"].astype("category").cat.codes.to_numpy()
    X = np.column_stack([np.ones(180), sleep["Days"]])
    found = fixed_groups(sleep["Reaction"], X, [GroupColumns(X, codes, 18)])
    separate = no_pooling(sleep["Reaction"], None, X, codes, 18)
    np.testing.assert_allclose(found.beta, separate.coef.mean(axis=0), rtol=1e-10)
    np.testing.assert_allclose(
        np.sqrt(np.diag(found.covariance)), np.sqrt((separate.se**2).sum(axis=0)) / 18, rtol=1e-10
    )
    assert (found.df, found.sigma) == (144, pytest.approx(separate.sigma))


def test_levels_too_small_are_left_out_and_counted():
    rng = np.random.default_rng(3)
    codes = np.array([0, 0, 0, 1, 1, 1, 1, 2])
    x, y = rng.normal(size=8), rng.normal(size=8)
    X = np.column_stack([np.ones(8), x])
    found = fixed_groups(y, X, [GroupColumns(X, codes, 3)])
    kept = fixed_groups(y[:7], X[:7], [GroupColumns(X[:7], codes[:7], 2)])
    assert (found.left_out, kept.left_out) == (1, 0)
    np.testing.assert_allclose(found.beta, kept.beta)
    assert np.isnan(found.loglik)
    assert np.isfinite(kept.loglik)


def test_what_cannot_be_fitted_is_said(monkeypatch):
    ones = np.ones((4, 1))
    group = GroupColumns(np.column_stack([ones, [0, 1, 2, 3]]), [0, 1, 2, 3], 4)
    with pytest.raises(ModelError, match="No level has a fit"):
        fixed_groups(np.arange(4.0), ones, [group])
    with pytest.raises(ModelError, match="linearly dependent"):
        fixed_groups(np.arange(4.0), np.hstack([ones, ones]), [GroupColumns(ones, [0, 0, 1, 1], 2)])
    monkeypatch.setattr(module, "LARGEST", 10)
    crossed = [GroupColumns(ones, [0, 0, 1, 1], 2), GroupColumns(ones, [0, 1, 0, 1], 2)]
    with pytest.raises(ModelError, match="too many"):
        fixed_groups(np.arange(4.0), ones, crossed)
