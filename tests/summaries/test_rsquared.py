"""R2 against the rows written out, draw by draw."""

from __future__ import annotations

import numpy as np
import pytest
from fits import fake_fit
from oracles.dense_rows import CASES, cases, every_draw

import hierbayes as hb
from hierbayes.plots.fit_like import draws_of
from hierbayes.summaries import covariances, variation


@pytest.fixture(scope="module")
def fits():
    return cases()


def oracle(fit):
    found = {key: [] for key in (("bayes", "conditional"), ("bayes", "marginal"), ("nakagawa", "conditional"))}
    for rows in every_draw(fit):
        fixed, fitted = np.var(rows.fixed, ddof=1), np.var(rows.mean, ddof=1)
        between = np.mean([sum(part[i, i] for part in rows.groups.values()) for i in range(len(rows.mean))])
        residual = np.mean(np.diag(rows.residual))
        found["bayes", "conditional"].append(fitted / (fitted + residual))
        found["bayes", "marginal"].append(fixed / (fixed + between + residual))
        found["nakagawa", "conditional"].append((fixed + between) / (fixed + between + residual))
    found["nakagawa", "marginal"] = found["bayes", "marginal"]
    return found


@pytest.mark.parametrize("name", CASES)
def test_every_r2_is_its_formula(fits, name):
    table = fits[name].r2(0.9).set_index(["method", "kind"])
    expected = oracle(fits[name])
    assert list(table.index) == [("bayes", k) for k in ("conditional", "marginal")] + [
        ("nakagawa", k) for k in ("conditional", "marginal")
    ]
    for key, draws in expected.items():
        numbers = [np.mean(draws), np.std(draws, ddof=1), np.median(draws), *np.quantile(draws, [0.05, 0.95])]
        np.testing.assert_allclose(table.loc[key].astype(float), numbers, rtol=1e-9, atol=1e-12)


def test_realised_residuals_would_give_another_number(fits):
    """The earlier form of the Bayesian R2 is told apart."""
    fit = fits["slope"]
    other = [
        np.var(rows.mean, ddof=1) / (np.var(rows.mean, ddof=1) + np.var(fit.design.y - rows.mean, ddof=1))
        for rows in every_draw(fit)
    ]
    own = fit.r2().set_index(["method", "kind"]).loc[("bayes", "conditional"), "mean"]
    assert abs(own - np.mean(other)) > 0.01


def test_weights_and_offset_take_part(fits):
    from oracles.dense_rows import uneven

    weighted = fits["weighted"]
    plain = fake_fit("y ~ x + (x | g)", uneven(), draws=6, seed=3)
    for row in (0, 1):
        assert abs(weighted.r2()["mean"][row] - plain.r2()["mean"][row]) > 1e-3


def test_without_groups_the_four_agree():
    fit = fake_fit("Reaction ~ Days", hb.load_data("sleepstudy"))
    assert fit.r2()["mean"].nunique() == 1
    posterior = fit.posterior
    slopes, sigma = posterior["beta"].to_numpy()[..., 1], posterior["sigma"].to_numpy()
    fixed = slopes**2 * hb.load_data("sleepstudy")["Days"].var()
    assert fit.r2()["mean"][0] == pytest.approx(np.mean(fixed / (fixed + sigma**2)))


def test_rows_are_read_in_pieces_with_one_answer(fits, monkeypatch):
    whole = variation.row_spread(fits["crossed"].design, draws_of(fits["crossed"]))
    monkeypatch.setattr(variation, "chunks", lambda total, width: covariances.chunks(total, width, most=width * 5))
    pieces = variation.row_spread(fits["crossed"].design, draws_of(fits["crossed"]))
    np.testing.assert_array_equal(whole.fitted, pieces.fitted)
    np.testing.assert_array_equal(whole.error, pieces.error)
    np.testing.assert_allclose(whole.mean_error, pieces.mean_error, rtol=1e-12)


def test_a_mean_far_from_zero_costs_no_digits():
    data = hb.load_data("sleepstudy")
    fit = fake_fit("Reaction ~ Days + (1 | Subject)", data)
    far = fake_fit("Reaction ~ Days + offset(far) + (1 | Subject)", data.assign(far=1e9))
    np.testing.assert_allclose(fit.r2()["mean"], far.r2()["mean"], rtol=1e-6)
