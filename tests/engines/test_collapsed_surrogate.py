"""The thin rows of a large border, the factor that values and draws share, and the chain that walks by a surrogate."""

from __future__ import annotations

import collapsed_problems as oracle
import numpy as np
import pytest
from collapsed_problems import PROBLEMS, tape_of
from seeds import shifted

from hierbayes.engines.collapsed.conditional import Conditional
from hierbayes.engines.collapsed.draw import draw_one
from hierbayes.engines.collapsed.factor import Workspace
from hierbayes.engines.collapsed.kernel import log_density
from hierbayes.engines.collapsed.mode import find_mode
from hierbayes.engines.collapsed.recover import recover
from hierbayes.engines.collapsed.surrogate import fit_surrogate, sample_by_surrogate
from hierbayes.engines.theta import layout, unpack


@pytest.fixture(scope="module")
def wide():
    """400 levels crossed with 150 that touch few others, and with 5 that touch all."""
    rng = np.random.default_rng(5)
    n = 1600
    fine = np.arange(n) % 400
    middle = (fine // 3 + rng.integers(0, 6, n)) % 150
    coarse = rng.integers(0, 5, n)
    blocks = [oracle.block(rng, codes, n_levels=levels) for codes, levels in ((fine, 400), (middle, 150), (coarse, 5))]
    return oracle.problem(rng, blocks, n, p=2, flat="mixed", weights=True)


def given_for(problem, thin, monkeypatch):
    from hierbayes.engines.collapsed import order

    with monkeypatch.context() as patch:
        if not thin:
            patch.setattr(order, "LARGE", 10_000)
        return Conditional(problem, sparse=True)


def test_thin_rows_change_neither_density_nor_gradient(wide, monkeypatch):
    thin, plain = given_for(wide, True, monkeypatch), given_for(wide, False, monkeypatch)
    assert len(thin.statistics.thin.starts) - 1 > 30
    assert len(plain.statistics.thin.starts) - 1 == 0
    rng = np.random.default_rng(1)
    for _ in range(5):
        theta = 0.5 * rng.normal(size=thin.layout.dim)
        values, grads = [], []
        for words in (thin.tape, plain.tape):
            grads.append(np.empty(len(theta)))
            values.append(log_density(words, words.view(np.float64), theta, grads[-1]))
        assert values[0] == pytest.approx(values[1], rel=1e-12)
        np.testing.assert_allclose(grads[0], grads[1], rtol=1e-8, atol=1e-8)


def test_thin_rows_give_every_level_its_own_effect(wide, monkeypatch):
    """The mean of b, without noise, equals the dense conditional mean, level by level."""
    given = given_for(wide, True, monkeypatch)
    words, theta = given.tape, np.full(given.layout.dim, 0.2)
    value = unpack(layout(wide), theta)
    mean, _ = oracle.conditional(wide, list(value.sds), list(value.corrs), value.sigma)
    space = Workspace.of(words)
    _, sigma = space.fill(words, theta)
    beta, b = np.empty(wide.p), np.empty(555)
    floats = words.view(np.float64)
    draw_one(words, floats, space.lam, sigma, space.gram, space.store, np.zeros(555 + wide.p), beta, b)
    np.testing.assert_allclose(np.concatenate([b, beta]), mean, atol=1e-9)


def test_classical_modes_find_their_levels_again(wide, monkeypatch):
    thin, plain = given_for(wide, True, monkeypatch), given_for(wide, False, monkeypatch)
    lam = np.array([0.5, 0.8, 0.3])
    one, two = (given.law(lam, 1.2) for given in (thin, plain))
    np.testing.assert_allclose(one.beta, two.beta, rtol=1e-9)
    for a, b in zip(one.modes + one.spreads, two.modes + two.spreads, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-10)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("name", sorted(PROBLEMS))
def test_a_factor_serves_value_and_any_number_of_draws(name, sparse):
    problem = PROBLEMS[name]
    words, table = tape_of(problem, sparse)
    theta, floats = np.full(table.dim, 0.1), words.view(np.float64)
    space = Workspace.of(words)
    value, sigma = space.fill(words, theta)
    assert value == pytest.approx(log_density(words, floats, theta, np.zeros(0)), rel=1e-12)
    effects = sum(block.n_levels * block.Z.shape[1] for block in problem.blocks)
    normals = np.random.default_rng(2).standard_normal(effects + problem.p)
    found = []
    for numbers in (normals, -normals, normals):
        beta, b = np.empty(problem.p), np.empty(effects)
        draw_one(words, floats, space.lam, sigma, space.gram, space.store, numbers, beta, b)
        found.append(np.concatenate([beta, b]))
    np.testing.assert_array_equal(found[0], found[2])
    assert not np.allclose(found[0], found[1])


def test_theta_is_held_while_b_moves():
    words, _ = tape_of(PROBLEMS["crossed"], True)
    mode = find_mode(words)
    walked = sample_by_surrogate(words, fit_surrogate(words, mode, 1, 3), 20, 2, 1, 3, hold=2)
    np.testing.assert_array_equal(walked.theta[:, 0::2], walked.theta[:, 1::2])
    assert not walked.accepted[:, 1::2].any()
    assert np.all(np.diff(walked.b[:, :, 0], axis=1) != 0)
    assert np.all(np.diff(walked.beta[:, :, 0], axis=1) != 0)
    assert 2 * 10 <= walked.values <= 2 * 11


def test_effects_of_the_walk_follow_the_conditional_of_its_theta():
    """Drawn on the way or recovered afterwards: the same means and sds of beta and b."""
    problem = PROBLEMS["crossed"]
    words, table = tape_of(problem, True)
    seed = shifted(8)
    walked = sample_by_surrogate(words, fit_surrogate(words, find_mode(words), 2, seed), 4000, 4, 2, seed)
    after = recover(problem, words, walked.theta.reshape(-1, table.dim), seed=shifted(9), cores=2)
    ours = np.hstack([walked.beta.reshape(-1, problem.p), walked.b.reshape(16000, -1)])
    theirs = np.hstack([after.beta, *(b.reshape(16000, -1) for b in after.b)])
    gap = (ours.mean(axis=0) - theirs.mean(axis=0)) / theirs.std(axis=0)
    assert np.abs(gap).max() < 5 * np.sqrt(2 / 16000)
    np.testing.assert_allclose(ours.std(axis=0), theirs.std(axis=0), rtol=0.06)


def test_rough_curvatures_change_the_way_to_the_mode_and_not_the_mode():
    words, table = tape_of(PROBLEMS["crossed"], True)
    plain = find_mode(words, starts=1)
    rough = find_mode(words, starts=1, rough=np.full(table.dim, 20.0), cores=2)
    gap = np.linalg.solve(plain.factor, rough.theta - plain.theta)
    assert np.linalg.norm(gap) < 0.1
    np.testing.assert_allclose(rough.hessian, plain.hessian, rtol=0.2, atol=0.2)
