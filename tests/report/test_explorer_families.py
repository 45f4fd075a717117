"""The explorer of other families: modes found by scipy, and lines on the scale of the response."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from family_fits import made_up
from fits import fake_fit
from scipy.optimize import minimize

import hierbayes as hb
from hierbayes.errors import ModelError
from hierbayes.families import family as by_name
from hierbayes.plots.fit_like import draws_of
from hierbayes.report.explorer import explore
from hierbayes.report.explorer_anchor import find_anchor
from hierbayes.report.explorer_path import MULTIPLIERS

MIDDLE, LAST = 30, 60
FAMILIES = [
    by_name("bernoulli(logit)"), by_name("binomial(probit)"), by_name("poisson(log)"), by_name("gamma(log)"),
    by_name("negative_binomial(log)"), by_name("lognormal(identity)"), by_name("student_t(identity)"),
    by_name("ordinal(logit)"),
]  # fmt: skip


def modes(fit, position, factor):
    """Return beta and all effects at the mode, as given, by a general minimiser on dense matrices in v."""
    problem, design = fit.model.problem, fit.design
    anchor = find_anchor(problem, design, draws_of(fit), factor)
    own = {name: float(np.median(fit.posterior[name])) for name in design.family.parameters}
    roots = []
    for block, covariance in zip(design.groups, anchor.covariances, strict=True):
        m = MULTIPLIERS[position] if block.factor == factor else 1.0
        roots.append(m * np.linalg.cholesky(covariance))
    columns = [problem.X]
    for block, root in zip(problem.blocks, roots, strict=True):
        whole = np.zeros((problem.n, block.n_levels, len(root)))
        whole[np.arange(problem.n), block.codes] = block.Z @ root
        columns.append(whole.reshape(problem.n, -1))
    W = np.hstack(columns)
    means = np.array([prior.mu for prior in problem.beta_priors])
    scales = np.array([prior.sigma for prior in problem.beta_priors])

    def minus(u):
        eta = problem.offset + W @ u
        found = design.family.log_likelihood(problem.y, eta, own, problem.weights, problem.trials).sum()
        rest = u[problem.p :]
        return -found + 0.5 * np.sum(((u[: problem.p] - means) / scales) ** 2) + 0.5 * rest @ rest

    u = np.zeros(W.shape[1])
    for _ in range(3):
        u = minimize(minus, u, method="BFGS", options={"gtol": 1e-7, "maxiter": 2000}).x
    effects, start = [], problem.p
    for block, root in zip(problem.blocks, roots, strict=True):
        size = block.n_levels * len(root)
        effects.append(u[start : start + size].reshape(block.n_levels, -1) @ root.T @ block.back.T)
        start += size
    members = [i for i, block in enumerate(design.groups) if block.factor == factor]
    return problem.beta_back @ u[: problem.p], np.hstack([effects[i] for i in members])


@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_every_position_is_the_mode_that_a_minimiser_finds(family):
    fit = made_up(family)
    data = explore(fit, "g").data
    for position in (0, MIDDLE, LAST) if family.name == "gamma" else (0, MIDDLE):
        beta, b = modes(fit, position, "g")
        assert np.allclose(data["beta"][position], beta, rtol=0, atol=3e-4)
        assert np.allclose(data["b"][position], b, rtol=0, atol=3e-4)
    assert not np.any(data["b"][0])
    assert np.abs(np.subtract(data["b"][MIDDLE], data["b"][LAST])).max() > 0.05


def test_the_page_says_what_its_lines_are():
    fit = made_up(by_name("poisson(log)"))
    shown = explore(fit, "g")
    assert (shown.data["link"], shown.data["exact"], shown.data["left"]) == ("log", False, None)
    assert "posterior modes" in shown.html
    assert "generalised least squares" not in shown.html
    assert shown.data["anchor"]["name"] == "posterior median"


def test_the_offset_and_the_mean_of_a_logarithm_are_in_the_lines():
    fit = made_up(by_name("lognormal(identity)"))
    shifts = np.concatenate([level["shift"] for level in explore(fit, "g").data["levels"]])
    assert np.allclose(shifts, 0.5 * float(np.median(fit.posterior["sigma"])) ** 2)
    counts = hb.load_data("sleepstudy").assign(count=3, seen=np.arange(180) % 7 + 1.0)
    counts.loc[::3, "count"] = 5
    fit = fake_fit("count ~ Days + offset(log(seen)) + (1 | Subject)", counts, family="poisson")
    level = explore(fit).data["levels"][0]
    assert np.allclose(level["shift"], np.log(counts["seen"][:10]))


def test_a_family_without_a_compiled_density_is_refused():
    with pytest.raises(ModelError, match=r"the beta family .* is not compiled"):
        explore(made_up(by_name("beta(logit)")), "g")


def test_levels_that_are_all_the_same_have_no_fit_of_their_own_and_the_page_says_why():
    rng = np.random.default_rng(6)
    data = pd.DataFrame({"y": rng.integers(0, 2, 60), "g": np.repeat(list("abcdef"), 10)})
    data.loc[data["g"] == "c", "y"] = 1
    shown = explore(fake_fit("y ~ 1 + (1 | g)", data, family="bernoulli"))
    assert [level["small"] for level in shown.data["levels"]] == [False, False, True, False, False, False]
    assert "1 level has too few rows, or no finite estimate" in shown.html
