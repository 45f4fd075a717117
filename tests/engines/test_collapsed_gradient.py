"""Density and gradient of the kernel against the same density as a PyTensor graph, differentiated by PyTensor."""

from __future__ import annotations

import numpy as np
import pytest
from oracles.structures import STRUCTURES, table

import hierbayes as hb
from hierbayes.engines.collapsed.kernel import log_density
from hierbayes.engines.collapsed.pack import build_tape
from hierbayes.engines.collapsed.statistics import accumulate
from hierbayes.engines.theta import layout
from hierbayes.priors import Fixed

NAMES = (
    "regression",
    "intercepts",
    "three correlated",
    "four correlated",
    "four terms",
    "weights and offset",
    "missing cell",
    "nested, slopes",
    "singletons",
    "fixed",
)


def half_t(prior, x):
    """Return the log density of a half-t, up to a constant."""
    import pytensor.tensor as pt

    return -(prior.nu + 1) / 2 * pt.log1p((x / prior.sigma) ** 2 / prior.nu)


def correlation(theta, place, k):
    """Return the correlation matrix of partial correlations tanh(theta), and log |d corr / d theta|."""
    import pytensor.tensor as pt

    rows, log_jacobian = [], 0.0
    for i in range(k):
        row, left = [], pt.as_tensor(1.0)
        for j in range(i):
            row.append(pt.tanh(theta[place]) * left)
            left = left / pt.cosh(theta[place])
            log_jacobian = log_jacobian - (k - j) * pt.log(pt.cosh(theta[place]))
            place += 1
        rows.append(pt.stack([*row, left, *[pt.as_tensor(0.0)] * (k - i - 1)]))
    factor = pt.stack(rows)
    return factor @ factor.T, log_jacobian, place


def graph(problem, scales):
    """Return theta and its log density, beta and b integrated out; theta walks in logarithms of sd / scale."""
    import pytensor.tensor as pt

    theta = pt.dvector("theta")
    place, total, number = 0, pt.as_tensor(0.0), 0
    roots = np.array([prior.sigma for prior in problem.beta_priors])
    means = np.array([prior.mu for prior in problem.beta_priors])
    covariance = pt.as_tensor((problem.X * roots**2) @ problem.X.T)

    def positive(prior):
        nonlocal place, total, number
        number += 1
        if isinstance(prior, Fixed):
            return pt.as_tensor(float(prior.value))
        value = scales[number - 1] * pt.exp(theta[place])
        total = total + half_t(prior, value) + theta[place]
        place += 1
        return value

    for block in problem.blocks:
        k = block.Z.shape[1]
        sd = pt.stack([positive(prior) for prior in block.sd_priors])
        corr = pt.as_tensor(np.eye(k))
        if isinstance(block.corr_prior, Fixed):
            corr = pt.as_tensor(np.where(np.eye(k, dtype=bool), 1.0, block.corr_prior.value))
        elif k > 1:
            corr, log_jacobian, place = correlation(theta, place, k)
            total = total + log_jacobian + (block.corr_prior.eta - 1) * pt.log(pt.linalg.det(corr))
        same = (block.codes[:, None] == block.codes).astype(float)
        covariance = covariance + same * (block.Z @ (sd[:, None] * corr * sd) @ block.Z.T)
    sigma = positive(problem.prior_of("sigma"))
    covariance = covariance + sigma**2 * np.diag(1 / problem.weights)
    factor = pt.linalg.cholesky(covariance)
    gap = pt.linalg.solve_triangular(factor, problem.y - problem.offset - problem.X @ means, lower=True)
    return theta, total - pt.sum(pt.log(pt.diag(factor))) - 0.5 * pt.sum(gap**2)


@pytest.mark.parametrize("name", NAMES)
def test_gradient_is_that_of_pytensor(name):
    import pytensor
    import pytensor.tensor as pt

    formula, options, _ = STRUCTURES[name]
    problem = hb.Model(formula, table(), **options).problem
    places = layout(problem, log_only=True)
    words = build_tape(problem, accumulate(problem), places)
    variable, logp = graph(problem, np.exp(places.scalar_floats[:, 2]))
    outputs = [logp, pt.grad(logp, variable)] if places.dim else [logp]
    function = pytensor.function([variable], outputs, mode="FAST_COMPILE", on_unused_input="ignore")
    rng = np.random.default_rng(12)
    gaps = []
    for _ in range(3):
        theta = 0.7 * rng.normal(size=places.dim)
        grad = np.zeros(places.dim)
        value = log_density(words, words.view(np.float64), theta, grad)
        wanted = function(theta)
        gaps.append(value - wanted[0])
        if places.dim:
            np.testing.assert_allclose(grad, wanted[1], rtol=1e-8, atol=1e-8 * (1 + np.abs(wanted[1]).max()))
    # The constants of the priors are left out.
    assert np.ptp(gaps) < 1e-8 * (1 + abs(value))
