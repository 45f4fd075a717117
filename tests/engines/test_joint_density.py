"""The joint engine's density and gradient, family by structure, against plain scipy and against differences."""

from __future__ import annotations

import numpy as np
import pytest
from joint_problems import FAMILIES, STRUCTURES, point_at_random, problem_of
from oracles import joint_families as oracle

from hierbayes.engines.joint.charting import with_chart
from hierbayes.engines.joint.engine import JointEngine
from hierbayes.engines.joint.entries import DENSITY, size_of
from hierbayes.families import family as by_name

CASES = [(family, structure) for family in FAMILIES for structure in STRUCTURES]
# five categories make four columns of each, and the search for their mode long where there are several
CASES += [(by_name("categorical(logit)", 5), structure) for structure in ("no groups", "intercept", "singletons")]


def names(value):
    return str(value)


@pytest.mark.parametrize(("family", "structure"), CASES, ids=names)
def test_density_is_that_of_scipy(family, structure):
    problem = problem_of(family, structure)
    engine, rng = JointEngine(problem), np.random.default_rng(5)
    for _ in range(2):
        point, theta = point_at_random(problem, rng)
        found = engine.log_density(theta, point.beta, point.b)
        assert found == pytest.approx(oracle.log_joint(problem, point), rel=1e-9)


def test_the_oracle_sees_a_wrong_link():
    problem = problem_of(by_name("bernoulli(logit)"), "intercept")
    point, theta = point_at_random(problem, np.random.default_rng(5))
    found = JointEngine(problem).log_density(theta, point.beta, point.b)
    wrong = oracle.log_joint(problem_of(by_name("bernoulli(probit)"), "intercept"), point)
    assert found != pytest.approx(wrong, rel=1e-3)


def differences(words, x, h):
    moves = h * np.eye(len(x))
    return np.array([(DENSITY.log_density(words, x + e) - DENSITY.log_density(words, x - e)) / (2 * h) for e in moves])


@pytest.mark.parametrize("charted", [False, True], ids=["plain", "charted"])
@pytest.mark.parametrize(("family", "structure"), CASES, ids=names)
def test_gradient_is_that_of_differences(family, structure, charted):
    engine = JointEngine(problem_of(family, structure))
    words = with_chart(engine.tape, engine.problem, engine.layout, engine.peak) if charted else engine.tape
    assert (words is engine.tape) != charted
    x = np.random.default_rng(1).normal(scale=0.5, size=size_of(words))
    grad = np.empty(len(x))
    value = DENSITY.log_density(words, x, grad)
    assert value == pytest.approx(DENSITY.log_density(words, x), rel=1e-13)
    np.testing.assert_allclose(grad, differences(words, x, 1e-5), rtol=2e-6, atol=2e-5)
