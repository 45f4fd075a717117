"""Intraclass correlations against the whole covariance matrix of the rows, draw by draw, and closed forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fits import fake_fit
from oracles.dense_rows import CASES, cases, every_draw, fixed_dyestuff

import hierbayes as hb
from hierbayes.families import family as by_name

STATISTICS = ["mean", "sd", "median", "lower", "upper"]


@pytest.fixture(scope="module")
def fits():
    return cases()


def summarised(draws, ci_prob=0.95):
    draws = np.asarray(draws)
    tail = (1 - ci_prob) / 2
    return [draws.mean(), draws.std(ddof=1), np.median(draws), np.quantile(draws, tail), np.quantile(draws, 1 - tail)]


def shares(fit, unadjusted=False):
    found = []
    for rows in every_draw(fit):
        parts = {name: np.mean(np.diag(part)) for name, part in rows.groups.items()}
        if unadjusted:
            parts["Fixed"] = np.var(rows.fixed, ddof=1)
        parts["Residual"] = np.mean(np.diag(rows.residual))
        total = sum(parts.values())
        found.append({name: part / total for name, part in parts.items()})
    return found


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("kind", ["adjusted", "unadjusted"])
def test_shares_are_those_of_the_covariance_matrix(fits, name, kind):
    table = fits[name].icc(kind=kind).set_index("group")
    oracle = shares(fits[name], kind == "unadjusted")
    assert list(table.index) == list(oracle[0])
    for group in table.index:
        expected = summarised([draw[group] for draw in oracle])
        np.testing.assert_allclose(table.loc[group, STATISTICS].astype(float), expected, rtol=1e-10, atol=1e-15)
    assert table["mean"].sum() == pytest.approx(1)


@pytest.mark.parametrize("kind", ["adjusted", "unadjusted"])
def test_all_groups_together_are_one_share(fits, kind):
    table = fits["crossed"].icc(ci_prob=0.8, kind=kind, by_group=False).set_index("group")
    expected = summarised([draw["g"] + draw["h"] for draw in shares(fits["crossed"], kind == "unadjusted")], 0.8)
    np.testing.assert_allclose(table.loc["all groups", STATISTICS].astype(float), expected, rtol=1e-10)
    assert "correlation" not in table


@pytest.mark.parametrize("name", CASES)
def test_correlation_is_that_of_pairs_of_rows(fits, name):
    fit = fits[name]
    table = fit.icc().set_index("group")
    for factor in fit.design.factors:
        codes = fit.design.blocks(factor)[0].codes
        pairs = [(i, j) for i in range(24) for j in range(24) if i != j and codes[i] == codes[j]]
        found = []
        for rows in every_draw(fit):
            covariance = np.mean([rows.V[i, j] for i, j in pairs])
            found.append(covariance / np.mean([(rows.V[i, i] + rows.V[j, j]) / 2 for i, j in pairs]))
        mean, _, _, lower, upper = summarised(found)
        columns = ["correlation", "correlation_lower", "correlation_upper"]
        np.testing.assert_allclose(table.loc[factor, columns].astype(float), [mean, lower, upper], rtol=1e-10)
    assert np.isnan(table.loc["Residual", "correlation"])


def test_a_random_intercept_is_the_ratio_of_variances(fits):
    posterior = fits["intercept"].posterior
    sd2, sigma2 = posterior["sd_g"].to_numpy()[..., 0] ** 2, posterior["sigma"].to_numpy() ** 2
    table = fits["intercept"].icc().set_index("group")
    assert table.loc["g", "mean"] == pytest.approx(np.mean(sd2 / (sd2 + sigma2)))
    assert table.loc["g", "correlation"] == pytest.approx(table.loc["g", "mean"])
    # not the ratio of sds
    sd, sigma = np.sqrt(sd2), np.sqrt(sigma2)
    assert abs(table.loc["g", "mean"] - np.mean(sd / (sd + sigma))) > 0.01


def test_closed_form_at_fixed_sds():
    table = fixed_dyestuff(draws=50, chains=1).icc().set_index("group")
    exact = 1600 / (1600 + 2500)
    np.testing.assert_allclose(
        table.loc["Batch", ["mean", "median", "lower", "upper"]].astype(float), exact, rtol=1e-12
    )
    np.testing.assert_allclose(table.loc["Residual", "mean"], 1 - exact, rtol=1e-12)
    assert table.loc["Batch", "sd"] == pytest.approx(0, abs=1e-12)


def test_levels_with_one_row_have_no_pairs():
    data = hb.load_data("dyestuff").assign(row=[f"r{i}" for i in range(30)])
    with pytest.warns(hb.HierBayesWarning, match="every row is a level"):
        fit = hb.fit("Yield ~ 1 + (1 | row)", data, draws=20, chains=1, tune=50, seed=1, progress=False)
    table = fit.icc().set_index("group")
    assert np.isnan(table.loc["row", "correlation"])
    assert 0 < table.loc["row", "mean"] < 1


def test_what_is_not_understood_is_refused(fits):
    with pytest.raises(hb.ModelError, match=r"kind='both'"):
        fits["intercept"].icc(kind="both")
    with pytest.raises(hb.ModelError, match="by_group='no'"):
        fits["intercept"].icc(by_group="no")
    with pytest.raises(hb.ModelError, match="ci_prob"):
        fits["intercept"].icc(ci_prob=2)


@pytest.mark.parametrize("method", ["effective_n", "variance_of_mean"])
def test_other_families_are_refused_rather_than_answered_wrongly(method, monkeypatch):
    fit = fake_fit("Yield ~ 1 | Batch", hb.load_data("dyestuff"))
    monkeypatch.setattr(fit.model, "_spec", replace(fit.spec, family=by_name("poisson(log)")))
    with pytest.raises(hb.ModelError, match=rf"fit\.{method}\(\) is for the gaussian family, .* is poisson"):
        getattr(fit, method)()
