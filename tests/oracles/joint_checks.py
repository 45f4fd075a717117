"""What the joint engine says of random designs: density, gradient and Hessian beside plain sums and dense matrices."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from joint_problems import FAMILIES, of_family, point_at_random
from oracles import joint_families
from oracles.design_checks import Gap
from oracles.random_designs import random_design

from hierbayes.engines.joint.engine import JointEngine
from hierbayes.engines.joint.entries import DENSITY, size_of
from hierbayes.engines.theta import log_prior_density, unpack
from hierbayes.priors import Normal


class Plain:
    """The density of (theta, v, beta), ``b = L v``, as a plain sum over rows; columns stand as on the engine's tape."""

    def __init__(self, engine, theta):
        self.problem, self.value, self.prior = engine.problem, unpack(engine.layout, theta), 0.0
        self.prior = log_prior_density(engine.layout, theta)
        self.effects = sum(levels * k for _, levels, k, _ in engine.spans)
        rows = np.arange(len(self.problem.X))
        self.V = np.zeros((len(rows), self.effects + self.problem.p))
        self.V[:, self.effects :] = self.problem.X
        for number, _, k, start in engine.spans:
            block = self.problem.blocks[number]
            L = self.value.sds[number][:, None] * self.value.factors[number]
            for c, column in enumerate((block.Z @ L).T):
                self.V[rows, start + block.codes * k + c] = column
        normal = [prior for prior in self.problem.beta_priors if isinstance(prior, Normal)]
        self.mean = np.concatenate([np.zeros(self.effects), [prior.mu for prior in normal]])
        self.sd = np.concatenate([np.ones(self.effects), [prior.sigma for prior in normal]])

    def predictor(self, w):
        return self.problem.offset + self.V @ w

    def log_density(self, w):
        """Return the log density of y, v, beta and theta."""
        own = -0.5 * ((w - self.mean) / self.sd) ** 2 - np.log(self.sd) - 0.5 * math.log(2 * math.pi)
        rows = joint_families.log_likelihood(self.problem, self.predictor(w), self.value.sigma, self.value.aux)
        return float(rows + own.sum() + self.prior)

    def gradient(self, w):
        """Return the derivatives in (v, beta), those in the predictors by differences, row by row."""
        return self.V.T @ self.slopes(self.predictor(w)) - (w - self.mean) / self.sd**2

    def slopes(self, eta, h=1e-3):
        """Return the derivatives of the log likelihood in the predictors."""
        problem, value = self.problem, self.value
        if problem.family == "gaussian":
            return problem.weights * (problem.y - eta) / value.sigma**2
        S, found = problem.likelihood.predictors, np.zeros(len(eta))
        for c in range(S):
            move = np.zeros(len(eta))
            move[c::S] = h
            parts = [joint_families._rows(problem, problem.y, eta + s * move, value.sigma, value.aux) for s in STEPS]
            found[c::S] = problem.weights * sum(f * part for f, part in zip(FACTORS, parts, strict=True)) / (60 * h)
        return found

    def hessian(self, w):
        """Return the negative Hessian in (v, beta): of a row the second derivative, or what the engine takes for it."""
        problem, value, eta = self.problem, self.value, self.predictor(w)
        if problem.family in ("gamma", "negative_binomial", "ordinal"):
            known = self.curvatures(eta)[:, None] * self.V
        elif problem.family == "student_t":
            nu, scale = value.aux[0], value.aux[0] * value.sigma**2
            q = (problem.y - eta) ** 2 / scale
            curved = (nu + 1) / scale * np.maximum(1 - q, 0.1 * (1 + q)) / (1 + q) ** 2
            known = (problem.weights * curved)[:, None] * self.V
        else:
            known = problem.likelihood.informed(
                eta, self.V, {"sigma": value.sigma}, problem.weights, problem.trials
            )  # fmt: skip
        return self.V.T @ known + np.diag(self.sd**-2.0)

    def curvatures(self, eta, h=0.05):
        """Return minus the second derivatives of the log likelihood of each row, by differences."""
        problem, value = self.problem, self.value
        parts = [
            joint_families._rows(problem, problem.y, eta + step * h, value.sigma, value.aux) for step in range(-3, 4)
        ]
        return -problem.weights * sum(f * part for f, part in zip(CURVES, parts, strict=True)) / (180 * h * h)


STEPS = (-3, -2, -1, 1, 2, 3)
FACTORS = (-1, 9, -45, 45, -9, 1)
"""Differences of the sixth order, times 60."""
CURVES = (2, -27, 270, -490, 270, -27, 2)
"""Second differences of the sixth order, times 180."""


def joint_gaps(seed, family=None):
    """Return the gaps of the joint engine on a tame design of a seed, for one family, by turns."""
    rng = np.random.default_rng([seed, 1])
    family = family or FAMILIES[seed % len(FAMILIES)]
    problem = of_family(family, _mild(random_design(seed, tame=True).problem), seed)
    point, theta = point_at_random(problem, rng)
    if rng.random() < 0.4:
        theta = replace(theta, sds=tuple(sd * 10.0 ** -rng.uniform(0, 14, len(sd)) for sd in theta.sds))
    engine = JointEngine(problem)
    x = engine.point(theta, point.beta, tuple(np.zeros_like(b) for b in point.b))
    dim = engine.layout.dim
    plain = Plain(engine, x[:dim])
    x[dim : dim + plain.effects] = rng.normal(size=plain.effects)
    grad = np.empty(size_of(engine.tape))
    value, wanted = DENSITY.log_density(engine.tape, x, grad), plain.log_density(x[dim:])
    slopes = plain.gradient(x[dim:])
    size = 1.0 + np.abs(plain.V).T @ np.abs(plain.slopes(plain.predictor(x[dim:])))
    turned = _by_theta(engine.tape, x, dim)
    return [
        Gap(f"density, {family}", abs(value - wanted) / (1e-11 * (len(problem.y) + abs(wanted)))),
        Gap(f"gradient, {family}", _largest((grad[dim:] - slopes) / (1e-8 * size))),
        Gap(f"gradient in theta, {family}", _largest((grad[:dim] - turned) / (1e-7 * (1 + abs(value))))),
        *_laplace_gaps(engine, plain, x[:dim], str(family)),
    ]


def _mild(problem):
    """Return the problem with columns of size 1, so that no family overflows."""
    X = problem.X / np.maximum(np.abs(problem.X).max(axis=0), 1.0) if problem.p else problem.X
    blocks = tuple(replace(b, Z=b.Z / np.maximum(np.abs(b.Z).max(axis=0), 1.0)) for b in problem.blocks)
    return replace(problem, X=X, blocks=blocks, offset=np.clip(problem.offset, -2, 2))


def _by_theta(words, x, dim, h=1e-3):
    """Return the derivatives of the engine's own density in theta, by differences."""
    found = np.zeros(dim)
    for i in range(dim):
        for step, factor in zip(STEPS, FACTORS, strict=True):
            moved = x.copy()
            moved[i] += step * h
            found[i] += factor * DENSITY.log_density(words, moved) / (60 * h)
    return found


def _laplace_gaps(engine, plain, theta, name):
    """Return the gaps of the mode, of the Hessian's parts there and of the marginal density."""
    surface = engine.surface()
    value, into = -surface(theta), surface.at
    levels, k, size, border = *into.levels.shape[:2], len(into.w), len(into.border)
    H = plain.hessian(into.w)
    own = [slice(j * k, (j + 1) * k) for j in range(levels)]
    inner, rest = levels * k, slice(levels * k, size)
    solved = np.zeros((inner, border))
    blocks = np.zeros((levels, k, k))
    for j, part in enumerate(own):
        blocks[j] = np.linalg.inv(H[part, part])
        solved[part] = blocks[j] @ H[part, rest]
    schur = H[rest, rest] - H[:inner, rest].T @ solved
    R, coupling = np.triu(into.border), _dense_coupling(engine, into, inner, border)
    step = np.linalg.solve(H, plain.gradient(into.w)) if size else np.zeros(0)
    _, log_det = np.linalg.slogdet(H)
    wanted = plain.log_density(into.w) + 0.5 * size * math.log(2 * math.pi) - 0.5 * log_det
    scale = np.sqrt(np.outer(np.diag(H)[rest], np.diag(H)[rest]))
    # where the rows' second derivatives are differences they have eight digits
    room = 1e-6 if engine.problem.family in ("gamma", "negative_binomial", "ordinal") else 1e-9
    return [
        Gap(f"mode, {name}", _largest(step / 1e-4)),
        Gap(f"largest term's Hessian, {name}", _largest((into.levels - blocks) / room)),
        Gap(f"coupling, {name}", _largest((coupling - solved) / (room * (1 + np.abs(solved))))),
        Gap(f"border's Hessian, {name}", _largest((R.T @ R - schur) / (room * scale))),
        Gap(f"marginal density, {name}", abs(value - wanted) / (room * (len(H) + abs(wanted)))),
    ]


def _dense_coupling(engine, into, inner, border):
    """Return what the engine keeps cell by cell, as a matrix."""
    found, levels = np.zeros((inner, border)), len(into.levels)
    k = inner // levels if levels else 0
    pointers, columns = engine.cells.pointers, engine.cells.columns
    for j in range(levels):
        start, stop = int(pointers[j]), int(pointers[j + 1])
        cells = into.coupling[start * k : stop * k].reshape(k, -1)
        found[j * k : (j + 1) * k, columns[start:stop]] = cells
    return found


def _largest(values):
    values = np.asarray(values, dtype=float)
    return float(np.max(np.abs(values))) if values.size else 0.0
