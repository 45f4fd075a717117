"""The joint engine's gradient, family by family, against the one that PyTensor derives from the PyMC model.

The tape's point is (theta, v, beta); PyMC's variables are sds, Cholesky factors, effects in one of two forms, beta and
the family's parameters. With values(x) the map between them, the gradient in x is, by the chain rule,

    (d values / d x)' d log p / d values  +  d log |Jacobian| / d x.

The map is written in numpy and differentiated by differences of the fourth order, good to eleven digits.
"""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from joint_problems import FAMILIES, point_at_random, problem_of
from oracles.graphs import function_of, untransformed
from oracles.joint_families import FamilyPoint
from oracles.points import named_values

from hierbayes.engines.assemble import Labels
from hierbayes.engines.joint.engine import JointEngine
from hierbayes.engines.joint.entries import DENSITY
from hierbayes.engines.pymc import build_pymc
from hierbayes.engines.theta import log_jacobian, unpack

pytestmark = pytest.mark.slow
# Two terms of correlated effects, crossed, and three coefficients.
STRUCTURE = "crossed slopes"


def labels_of(problem):
    return Labels(
        response="y",
        coefficients=tuple(f"x{i}" for i in range(problem.p)),
        factors=tuple(f"g{i}" for i in range(len(problem.blocks))),
        terms=tuple(tuple(f"t{j}" for j in range(block.Z.shape[1])) for block in problem.blocks),
        levels=tuple(tuple(f"l{j}" for j in range(block.n_levels)) for block in problem.blocks),
        parameters=problem.likelihood.parameters,
    )


def differences(function, x, h=2e-3):
    """Return the derivatives of a function of a vector, by differences of the fourth order; a row each number of x."""
    rows = []
    for move in h * np.eye(len(x)):
        near, far = function(x + move) - function(x - move), function(x + 2 * move) - function(x - 2 * move)
        rows.append((8 * near - far) / (12 * h))
    return np.array(rows)


class Map:
    """From a point of the tape to the values of PyMC's variables, and the log Jacobian of it."""

    def __init__(self, engine, graph, labels, names):
        self.engine, self.graph, self.labels, self.names = engine, graph, labels, names

    def point(self, x):
        """Return the parameters that stand behind a point of the tape; blocks lie there from the largest down."""
        problem, dim = self.engine.problem, self.engine.layout.dim
        value, start = unpack(self.engine.layout, x[:dim]), dim
        b = [np.zeros((0, 0))] * len(problem.blocks)
        for i in self.engine.rows.order:
            levels, k = problem.blocks[i].n_levels, problem.blocks[i].Z.shape[1]
            v = x[start : start + levels * k].reshape(levels, k)
            b[i] = v @ (value.sds[i][:, None] * value.factors[i]).T
            start += levels * k
        return FamilyPoint(x[start:], value.sigma, value.sds, value.corrs, tuple(b), value.aux)

    def values(self, x):
        """Return the values by name."""
        problem, point = self.engine.problem, self.point(x)
        found, _ = named_values(problem, self.labels, point, self.graph)
        return found | problem.named(point.sigma, point.aux)

    def flat(self, x):
        """Return the values of PyMC's free variables, one after the other."""
        values = self.values(x)
        return np.concatenate([np.ravel(values[name]) for name in self.names])

    def log_jacobian(self, x):
        """Return what the tape's log density has more than PyMC's: that of theta, and of v in place of a centred b."""
        problem, point = self.engine.problem, self.point(x)
        _, given = named_values(problem, self.labels, point, self.graph)
        # `given` takes (b, corr) to PyMC's variables; the tape's v stands for b in every block.
        scales = sum(
            block.n_levels * np.log(np.diag(np.linalg.cholesky(corr)) * sd).sum()
            for block, sd, corr in zip(problem.blocks, point.sd, point.corr, strict=True)
        )
        return scales - given + log_jacobian(self.engine.layout, x[: self.engine.layout.dim])


@cache
def both(family):
    """Return, at two random points, log densities and gradients: the tape's, and those of PyMC's model in its place.

    Last comes PyMC's gradient without that of the log Jacobian.
    """
    problem = problem_of(family, STRUCTURE)
    engine, labels = JointEngine(problem), labels_of(problem)
    graph = build_pymc(problem, labels)
    plain = untransformed(SimpleNamespace(pymc=graph))
    mapped = Map(engine, graph, labels, [variable.name for variable in plain.free_RVs])
    evaluate = function_of(plain, [plain.logp(jacobian=False), plain.dlogp(vars=plain.free_RVs, jacobian=False)])
    rng, found = np.random.default_rng(11), []
    for _ in range(2):
        point, theta = point_at_random(problem, rng)
        x = engine.point(theta, point.beta, point.b)
        own = np.empty(len(x))
        value = DENSITY.log_density(engine.tape, x, own)
        other, by_values = evaluate(mapped.values(x))
        chained = differences(mapped.flat, x) @ by_values
        moved = chained + differences(mapped.log_jacobian, x)
        found.append((value, own, float(other) + mapped.log_jacobian(x), moved, chained))
    return found


def agree(own, other):
    """Say whether two gradients agree to 1e-7 of each number, or of the typical one where a number is near 0."""
    size = np.maximum(np.abs(other), np.sqrt(np.mean(other**2)))
    return bool(np.all(np.abs(own - other) < 1e-7 * size))


@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_gradient_is_that_of_pytensor(family):
    for value, own, other, moved, _ in both(family):
        # PyMC rounds log 2 in its half-Student density to single precision
        assert value == pytest.approx(other, rel=1e-9, abs=2e-7)
        assert agree(own, moved), np.abs(own - moved).max()


@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_the_check_sees_a_jacobian_left_out_and_an_odd_number(family):
    for _, own, _, moved, chained in both(family):
        assert not agree(own, chained)
        odd = own.copy()
        odd[np.argmax(np.abs(own))] *= 1 + 1e-6
        assert not agree(odd, moved)
