"""The chart that moves with theta: density, gradient and draws against dense matrices, on tidy and on poor designs."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import collapsed_problems as gaussian
import numpy as np
import pytest
from joint_problems import FAMILIES, problem_of, response
from oracles.moving import NODE, dense_chart, dense_working, unwhitened

from hierbayes.engines.joint import tape as at
from hierbayes.engines.joint.engine import JointEngine
from hierbayes.engines.joint.entries import DENSITY, size_of
from hierbayes.engines.joint.moving_chart import with_moving_chart
from hierbayes.families import family as by_name
from hierbayes.priors import LKJ, POSITIVE, Fixed, HalfNormal, Normal, Parameter

STRUCTURES = tuple(name for name in gaussian.PROBLEMS if name not in ("fixed sds and correlation", "fixed sigma"))
"""The second holds the sd of a family that has none; the first is tested apart."""

POOR = ("one level", "single rows", "zero column", "equal columns", "far origin", "poor cells", "wide")


def poor(name):
    """Return a binomial problem whose levels leave directions of their effects undetermined."""
    rng = np.random.default_rng(len(name))
    n = 24
    codes, columns = np.arange(n) // 4, np.column_stack([np.ones(n), rng.normal(size=n)])
    if name == "one level":
        codes = np.zeros(n, dtype=int)
    elif name == "single rows":
        codes = np.arange(n)
    elif name == "zero column":
        columns[:, 0] = 0.0
    elif name == "equal columns":
        columns[:, 1] = columns[:, 0]
    elif name == "far origin":
        columns[:, 1] += 2000.0
    elif name == "poor cells":
        codes = np.repeat(np.arange(12), [1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 4, 5])
        columns = np.eye(3)[rng.integers(0, 3, n)]
    elif name == "wide":
        codes, columns = np.arange(n) % 12, rng.normal(size=(n, 4)) * [1, 1, 0, 1]
    k = columns.shape[1]
    blocks = (
        gaussian.block(rng, codes, columns=columns, priors=(HalfNormal(1.0),) * k, corr_prior=LKJ(2.0)),
        gaussian.block(rng, np.arange(n) % 3, priors=(HalfNormal(0.5),)),
    )
    base = gaussian.problem(rng, blocks, n, p=2)
    trials = rng.integers(1, 20, n).astype(float)
    y = response(by_name("binomial(logit)"), rng.normal(size=n), trials, rng)
    return replace(
        base, y=y, trials=trials, family="binomial", link="logit", parameters=(),
        beta_priors=(Normal(0.0, 2.0), Normal(0.3, 1.0)),
    )  # fmt: skip


CASES = [
    *((by_name("binomial(logit)"), structure) for structure in STRUCTURES),
    *((family, "crossed slopes") for family in FAMILIES if family.name != "binomial"),
    *((family, "three columns") for family in FAMILIES if family.name in ("poisson", "ordinal", "categorical")),
    *((None, name) for name in POOR),
]


@cache
def charts(family, structure):
    """Return the tape with its chart, and the dense one."""
    engine = JointEngine(poor(structure) if family is None else problem_of(family, structure))
    words = with_moving_chart(engine.tape, engine.peak)
    count = len(engine.peak.theta) * 4 * len(engine.peak.at.w)
    return words, dense_chart(engine, words[words[at.AT_FOLLOWING] :][:count].view(np.float64))


def points(words, count):
    rng = np.random.default_rng(8)
    # the last lies beyond the nodes in some coordinates of theta
    return [rng.normal(size=size_of(words)) * scale for scale in (0.3, 1.0, 2.0)[:count]]


def agree(found, right, bound):
    """Say whether numbers agree to a share of each, or of the typical one where a number is near 0."""
    size = np.maximum(np.abs(right), np.sqrt(np.mean(np.square(right))))
    return bool(np.all(np.abs(found - right) <= bound * size))


@pytest.mark.parametrize(("family", "structure"), CASES, ids=str)
def test_density_and_draws_are_those_of_dense_matrices(family, structure):
    words, dense = charts(family, structure)
    for z in points(words, 3):
        theta, _, w, _ = dense.at(z)
        assert agree(DENSITY.expanded(words, z), np.concatenate([theta, w]), 1e-9)
        assert DENSITY.log_density(words, z) == pytest.approx(dense.log_density(z), rel=1e-10, abs=1e-9)


@pytest.mark.parametrize(("family", "structure"), CASES, ids=str)
def test_gradient_is_that_of_differences_of_the_dense_density(family, structure):
    words, dense = charts(family, structure)
    rng = np.random.default_rng(9)
    for z in points(words, 2):
        grad = np.empty(len(z))
        assert DENSITY.log_density(words, z, grad) == pytest.approx(DENSITY.log_density(words, z), rel=1e-13)
        # every number of theta, and twelve directions in all of z
        dim = len(dense.mode)
        directions = [*np.eye(len(z))[:dim], *rng.normal(size=(12, len(z))) / np.sqrt(len(z))]
        right = np.array([slope(dense.log_density, z, each) for each in directions])
        assert agree(np.array([grad @ each for each in directions]), right, 1e-7)


def slope(function, z, direction, h=4e-3):
    """Return the derivative along a direction, by differences of the sixth order."""
    near, mid, far = (function(z + m * h * direction) - function(z - m * h * direction) for m in (1, 2, 3))
    return (45 * near - 9 * mid + far) / (60 * h)


def test_the_check_sees_a_jacobian_left_out_and_a_working_model_off_by_a_millionth():
    words, dense = charts(by_name("binomial(logit)"), "correlated slope")
    z = points(words, 2)[1]
    _, _, _, jacobian = dense.at(z)
    assert DENSITY.log_density(words, z) != pytest.approx(dense.log_density(z) - jacobian, rel=1e-6)
    off = replace(dense, information=dense.information * (1 + 1e-6))
    assert DENSITY.log_density(words, z) != pytest.approx(off.log_density(z), rel=1e-10, abs=1e-9)
    still = replace(dense, following=np.zeros_like(dense.following))
    assert DENSITY.log_density(words, z) != pytest.approx(still.log_density(z), rel=1e-10, abs=1e-9)


@pytest.mark.parametrize(
    ("family", "structure"),
    [
        *(
            (next(each for each in FAMILIES if each.name == name), structure)
            for name, structure in (("ordinal", "three columns"), ("negative_binomial", "crossed slopes"))
        ),
        (by_name("binomial(logit)"), "nested"),
        (None, "single rows"),
    ],
    ids=str,
)
def test_at_the_nodes_the_chart_has_the_mode_and_the_curvatures_of_the_model_there(family, structure):
    """Two posterior sds from the mode of theta, along each coordinate: z = 0 is the mode of (b, beta) given theta."""
    engine = JointEngine(poor(structure) if family is None else problem_of(family, structure))
    words, dense = charts(family, structure)
    dim, p = len(dense.mode), engine.problem.p
    for i in range(dim):
        for side in (-NODE, NODE):
            z = np.zeros(size_of(words))
            z[i] = side
            theta, u, w, _ = dense.at(z)
            information, slope_there = dense_working(engine, theta, w)
            # the slope of the log posterior in (v, beta), the prior of v being standard normal
            L = np.column_stack([unwhitened(engine, theta, each) for each in np.eye(len(u))])
            priors = np.concatenate([np.zeros(len(u) - p), [prior.mu for prior in engine.problem.beta_priors]])
            precisions = np.concatenate([np.ones(len(u) - p), [q.sigma**-2 for q in engine.problem.beta_priors]])
            left = L.T @ slope_there - precisions * (u - priors)
            sd = 1 / np.sqrt(np.diag(L.T @ information @ L) + precisions)
            assert np.max(np.abs(left) * sd) < 1e-3
            scales, _ = dense.followed(z[:dim])
            kept = np.diag(information) > 1e-8
            np.testing.assert_allclose(
                (scales**2 * np.diag(dense.information))[kept], np.diag(information)[kept], rtol=1e-4
            )


def test_for_a_normal_response_z_is_a_standard_normal_vector_given_any_theta():
    """At the mode's sigma the working model is the model: the density of z given theta is exactly normal."""
    problem = problem_of(by_name("gaussian(identity)"), "crossed slopes")
    engine = JointEngine(replace(problem, parameters=(Parameter("sigma", POSITIVE, Fixed(0.8)),)))
    words, dim = with_moving_chart(engine.tape, engine.peak), engine.layout.dim
    rng = np.random.default_rng(3)
    for scale in (0.5, 2.0):
        theta = scale * rng.normal(size=dim)
        first, second = (np.concatenate([theta, rng.normal(size=size_of(words) - dim)]) for _ in range(2))
        squares = 0.5 * (second[dim:] @ second[dim:] - first[dim:] @ first[dim:])
        assert DENSITY.log_density(words, first) - DENSITY.log_density(words, second) == pytest.approx(
            squares, abs=1e-8
        )


def test_an_sd_fixed_at_0_keeps_its_effects_at_0():
    problem = problem_of(by_name("poisson(log)"), "nested")
    blocks = (replace(problem.blocks[0], sd_priors=(Fixed(0.0),)), problem.blocks[1])
    engine = JointEngine(replace(problem, blocks=blocks))
    words, dim = with_moving_chart(engine.tape, engine.peak), engine.layout.dim
    z, grad = points(words, 1)[0], np.empty(size_of(words))
    assert np.isfinite(DENSITY.log_density(words, z, grad))
    assert np.all(np.isfinite(grad))
    first = engine.rows.order.index(0)
    start = dim + sum(problem.blocks[i].n_levels for i in engine.rows.order[:first])
    np.testing.assert_array_equal(DENSITY.expanded(words, z)[start : start + blocks[0].n_levels], 0.0)


def counts(y, x):
    """Return the engine of counts in pairs, `y ~ x + (1 | g)`."""
    import hierbayes as hb

    data = {"y": y, "x": x, "g": [f"g{i // 2}" for i in range(len(y))]}
    return JointEngine(hb.Model("y ~ x + (1 | g)", data, family="poisson").problem)


def test_the_steps_are_shorter_where_the_density_has_cliffs():
    """Zeros beside large counts leave the effects of some levels without a lower end."""
    x = [0.8, -0.3, 0.3, 1.0, 2.0, 0.6, 0.6, 0.7]
    assert counts([22, 18, 25, 31, 40, 24, 26, 21], x).target_accept == 0.9
    steep = counts([0, 0, 0, 0, 2, 0, 13, 14], x)
    assert steep.chart == "moving"
    assert steep.target_accept >= 0.95


def test_the_chart_is_fixed_where_no_level_is_in_two_minds_and_moves_in_the_smallest_models():
    import hierbayes as hb

    rng = np.random.default_rng(5)
    g = np.repeat(np.arange(120), 30)
    y = rng.poisson(np.exp(2 + rng.normal(0, 0.7, 120)[g]))
    many = hb.Model("y ~ 1 + (1 | g)", {"y": y, "g": [f"g{i}" for i in g]}, family="poisson")
    few = hb.Model("y ~ 1 + (1 | g)", {"y": y[:180], "g": [f"g{i}" for i in g[:180]]}, family="poisson")
    assert JointEngine(many.problem).chart == "fixed"
    assert JointEngine(many.problem).target_accept == 0.8
    assert JointEngine(few.problem).chart == "moving"
