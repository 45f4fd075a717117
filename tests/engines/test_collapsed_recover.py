"""Draws of beta and b given theta, and conditional modes, against the dense conditional normal."""

from __future__ import annotations

import collapsed_problems as oracle
import numpy as np
import pytest
from collapsed_problems import CASES, PROBLEMS, flat_lam, tape_of

from hierbayes.engines.collapsed.conditional import Conditional
from hierbayes.engines.collapsed.recover import recover
from hierbayes.engines.theta import Theta, layout, pack
from hierbayes.priors import Fixed, Flat


def has_zero(problem):
    return any(isinstance(p, Fixed) and p.value == 0 for b in problem.blocks for p in b.sd_priors)


@pytest.mark.parametrize(("name", "sparse"), [c for c in CASES if not has_zero(PROBLEMS[c[0]])])
def test_a_draw_is_mean_plus_a_root_of_the_covariance(name, sparse):
    """The map from normal numbers to (b, beta) is affine: the mean, and a root of the covariance."""
    problem = PROBLEMS[name]
    given = Conditional(problem, sparse)
    sds, corrs, sigma = oracle.random_theta(problem, np.random.default_rng(8))
    theta = pack(given.layout, Theta(tuple(sds), tuple(np.linalg.cholesky(c) for c in corrs), sigma))
    total = sum(b.n_levels * b.Z.shape[1] for b in problem.blocks)
    size = total + problem.p
    normals = np.vstack([np.zeros(size), np.eye(size)])
    beta, b = given.draws(np.tile(theta, (size + 1, 1)), normals)
    mean, covariance = oracle.conditional(problem, sds, corrs, sigma)
    drawn = np.hstack([b, beta])
    np.testing.assert_allclose(drawn[0], mean, rtol=1e-9, atol=1e-10)
    root = drawn[1:] - drawn[0]
    np.testing.assert_allclose(root.T @ root, covariance, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", [name for name, p in PROBLEMS.items() if p.blocks and not has_zero(p)])
@pytest.mark.parametrize("given_beta", [True, False])
def test_conditional_modes(name, given_beta):
    from dataclasses import replace

    problem = replace(PROBLEMS[name], beta_priors=tuple(Flat() for _ in PROBLEMS[name].beta_priors))
    given = Conditional(problem, sparse=True)
    sds, corrs, sigma = oracle.random_theta(problem, np.random.default_rng(9))
    law = given.law(flat_lam(given, sds, corrs, sigma), sigma, given_beta)
    beta, spread, modes, covariances = law.beta, law.covariance, law.modes, law.spreads
    mean, covariance = oracle.conditional(problem, sds, corrs, sigma)
    q = len(mean) - problem.p
    np.testing.assert_allclose(beta, mean[q:], rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(spread, covariance[q:, q:], rtol=1e-8, atol=1e-12)
    if given_beta and problem.p:
        covariance = np.linalg.inv(np.linalg.inv(covariance)[:q, :q])
    start = 0
    for block, mode, cov in zip(problem.blocks, modes, covariances, strict=True):
        k = block.Z.shape[1]
        for j in range(block.n_levels):
            own = slice(start + j * k, start + (j + 1) * k)
            np.testing.assert_allclose(mode[j], mean[own], rtol=1e-9, atol=1e-10)
            np.testing.assert_allclose(cov[j], covariance[own, own], rtol=1e-8, atol=1e-12)
        start += block.n_levels * k


def test_the_same_bits_whatever_the_number_of_cores(monkeypatch):
    from hierbayes.engines.collapsed import recover as module

    problem = PROBLEMS["four terms"]
    words, table = tape_of(problem, True)
    monkeypatch.setattr(module, "_CHUNK_NUMBERS", 1000)
    theta = np.random.default_rng(1).normal(size=(90, table.dim))
    one = recover(problem, words, theta, seed=5, cores=1)
    three = recover(problem, words, theta, seed=5, cores=3)
    other = recover(problem, words, theta, seed=6, cores=1)
    np.testing.assert_array_equal(one.beta, three.beta)
    for a, b, c in zip(one.b, three.b, other.b, strict=True):
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(a, c)
    assert layout(problem).dim == table.dim
