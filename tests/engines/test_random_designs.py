"""Engines on random designs, beside the dense normal and the plain sum, and the designs that were wrong once."""

from __future__ import annotations

import numpy as np
import pytest
from oracles.dense_normal import DenseNormal
from oracles.design_checks import collapsed_gaps
from oracles.many_designs import KINDS, examine, kinds_of
from oracles.random_designs import Design, random_design

from hierbayes.engines.base import Block, Problem
from hierbayes.engines.collapsed.likelihood import fit_ml, fit_reml
from hierbayes.engines.collapsed.statistics import accumulate
from hierbayes.priors import LKJ, POSITIVE, Fixed, Flat, Normal, Parameter

PARTS = 8
DESIGNS = 2000 // PARTS


@pytest.mark.parametrize("part", range(PARTS))
def test_engines_agree_with_the_dense_normal_and_the_plain_sum(part):
    comparisons = 0
    for seed in range(part * DESIGNS, (part + 1) * DESIGNS):
        found = examine(1, first=seed)
        assert found.wrong == ()
        comparisons += found.comparisons
    assert comparisons > 15 * DESIGNS


def test_designs_have_all_that_is_ugly():
    """Each kind is that of one design in a hundred at least."""
    counts = dict.fromkeys(KINDS, 0)
    for seed in range(400):
        for kind in kinds_of(random_design(seed)):
            counts[kind] += 1
    assert {kind: count for kind, count in counts.items() if count < 4} == {}


@pytest.mark.parametrize("seed", [3, 8, 21])
def test_the_dense_normal_in_eighty_digits_is_that_in_doubles(seed):
    design = random_design(seed, tame=True)
    long, short = (DenseNormal(design.problem, design.roots, design.sigma, exact=own) for own in (True, False))
    assert long.log_likelihood == pytest.approx(short.log_likelihood, rel=1e-11)
    assert long.by_log_sigma == pytest.approx(short.by_log_sigma, rel=1e-9, abs=1e-9)
    np.testing.assert_allclose(long.moment([0]), short.moment([0]), rtol=1e-8, atol=1e-8)
    for own, other in zip(long.conditional(), short.conditional(), strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-8, atol=1e-9)


def block(Z, codes, corr=True):
    k = Z.shape[1]
    prior = None if k == 1 else LKJ(1.0) if corr else Fixed(0.0)
    return Block(np.ascontiguousarray(Z), codes, int(codes.max()) + 1, (Flat(),) * k, prior, np.eye(k))


def problem(y, X, *blocks, priors=None):
    n, p = X.shape
    return Problem(
        y=np.asarray(y, float), X=X, offset=np.zeros(n), weights=np.ones(n), beta_priors=priors or (Flat(),) * p,
        beta_back=np.eye(p), blocks=blocks, parameters=(Parameter("sigma", POSITIVE, Flat()),),
    )  # fmt: skip


def second_category_alone():
    """``y ~ 1 + (0 + a | g)``: the one row of the last level is in the second category."""
    rng = np.random.default_rng(1)
    codes, a = np.r_[np.repeat(np.arange(12), 4), 12], np.r_[np.tile([0, 0, 1, 1], 12), 1]
    y = rng.normal(scale=[1.5, 2.5], size=(13, 2))[codes, a] + rng.normal(size=49)
    return problem(y, np.ones((49, 1)), block(np.eye(2)[a], codes))


def a_pair_with_equal_x(corr=True):
    """``y ~ x + z + (x + z | g)``, or with two bars: the two rows of the last level have the same x."""
    rng = np.random.default_rng(2)
    codes = np.r_[np.repeat(np.arange(10), 5), 10, 10]
    x, z = rng.normal(size=(2, 52))
    x[-1] = x[-2]
    X = np.column_stack([np.ones(52), x, z])
    y = np.sum(X * (1 + rng.normal(size=(11, 3)))[codes], axis=1) + rng.normal(size=52)
    return problem(y, X, block(X, codes, corr))


def repeated_measures():
    """``y ~ cond + (0 + cond | subj)``: 30 subjects and 3 conditions; 22 subjects have one row. sigma is 1."""
    rng = np.random.default_rng(3)
    sizes = [1] * 22 + [3] * 8
    codes = np.repeat(np.arange(30), sizes)
    condition = np.concatenate([rng.permutation(3)[:size] for size in sizes])
    cells = np.eye(3)[condition]
    root = np.array([[2.0, 0, 0], [1.5, 1.5, 0], [1.0, 0.5, 1.5]])
    y = np.sum(cells * (10 + rng.normal(size=(30, 3)) @ root.T)[codes], axis=1) + rng.normal(size=len(codes))
    return problem(y, np.column_stack([np.ones(len(y)), cells[:, 1:]]), block(cells, codes))


# REML criteria at sds of 2, 1.5 and 1, no correlation and sigma 1.2: those of the dense normal, and those given once
ONCE_WRONG = {
    "second category alone": (second_category_alone, 180.604, 187.893),
    "a pair with equal x": (a_pair_with_equal_x, 190.744, 190.764),
    "a pair with equal x, two bars": (lambda: a_pair_with_equal_x(corr=False), 190.744, 190.764),
    "repeated measures": (repeated_measures, 214.191, 241.205),
}


def looked_at(own):
    roots = tuple(np.diag([2.0, 1.5, 1.0][: b.Z.shape[1]]) for b in own.blocks)
    return Design(0, own, roots, 1.2, 10.0)


@pytest.mark.parametrize("name", ONCE_WRONG)
def test_what_was_wrong_once_is_the_dense_normal(name):
    make, right, wrong = ONCE_WRONG[name]
    design = looked_at(make())
    assert [own for own in collapsed_gaps(design) if own.wrong] == []
    value = -2 * DenseNormal(design.problem, design.roots, design.sigma, "reml", exact=True).log_likelihood
    assert value == pytest.approx(right, abs=6e-4)
    assert value != pytest.approx(wrong, abs=6e-4)


@pytest.mark.parametrize("name", ONCE_WRONG)
@pytest.mark.parametrize(("fit", "criterion"), [(fit_reml, "reml"), (fit_ml, "ml")], ids=["reml", "ml"])
def test_reml_and_ml_stop_where_the_dense_criterion_is_level(name, fit, criterion):
    own = ONCE_WRONG[name][0]()
    found = fit(own)
    corrs = [np.where(np.isfinite(corr), corr, np.eye(len(corr))) for corr in found.corrs]
    factors = [np.linalg.cholesky(corr + 1e-13 * np.eye(len(corr))) for corr in corrs]
    roots = [sd[:, None] * factor for sd, factor in zip(found.sds, factors, strict=True)]
    dense = DenseNormal(own, roots, found.sigma, criterion)
    assert found.loglik == pytest.approx(dense.log_likelihood, abs=1e-6)
    assert dense.by_log_sigma == pytest.approx(0, abs=1e-3)
    for i, root in enumerate(roots):
        moment = np.tril(dense.moment([i]))
        kept = np.eye(len(root), dtype=bool) if name.endswith("two bars") else np.ones_like(moment, dtype=bool)
        assert np.abs(moment[kept]).max() < 1e-3 * own.n


def test_the_criterion_of_repeated_measures_is_what_it_is():
    """It came out as 199.491; with a row for each condition sigma is not determined beside three sds."""
    found = fit_reml(repeated_measures())
    assert -2 * found.loglik == pytest.approx(186.660, abs=1e-3)


def test_columns_that_are_zero_throughout_have_statistics():
    """What is left of a predictor when rows are left out."""
    own = problem(np.arange(6.0), np.zeros((6, 1)), block(np.ones((6, 1)), np.arange(6) // 2), priors=(Normal(1, 2),))
    assert accumulate(own).p == 1
    assert [each for each in collapsed_gaps(Design(0, own, (np.eye(1),), 1.0, 1.0)) if each.wrong] == []


def test_a_sigma_far_beyond_the_data_has_a_density():
    """Where the sum of squares is a difference of numbers as large as sigma squared, it may come out below 0."""
    rng = np.random.default_rng(5)
    for _ in range(20):
        X = np.column_stack([np.ones(8), rng.normal(size=8), rng.normal(size=8)])
        own = problem(rng.normal(size=8), X, block(np.ones((8, 1)), np.arange(8) // 2), priors=(Normal(3, 0.5),) * 3)
        design = Design(0, own, (np.eye(1),), 1e9, 1e9)
        gaps = [gap for gap in collapsed_gaps(design, effects=False) if gap.what.startswith("log likelihood")]
        # to eight digits, though this sigma leaves room for none
        assert len(gaps) == 2
        assert all(gap.size < 1e-12 for gap in gaps)
