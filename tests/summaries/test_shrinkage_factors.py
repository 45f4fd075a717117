"""Pooling factors against loops over draws and against closed forms at fixed sds."""

from __future__ import annotations

import numpy as np
import pytest
from fits import fake_fit
from oracles.dense_rows import CASES, cases, every_draw, fixed_dyestuff

import hierbayes as hb
from hierbayes.summaries import shrinkage_factors


@pytest.fixture(scope="module")
def fits():
    return cases()


@pytest.fixture(scope="module")
def dyestuff():
    return fixed_dyestuff()


def covariance(fit, factor, chain, draw):
    point, start, parts = fit.posterior.isel(chain=chain, draw=draw), 0, []
    for block in fit.design.blocks(factor):
        k = len(block.terms)
        own = slice(start, start + k)
        sd = np.diag(point[f"sd_{factor}"].to_numpy()[own])
        corr = point[f"corr_{factor}"].to_numpy()[own, own] if k > 1 else np.eye(1)
        parts.append(sd @ corr @ sd)
        start += k
    whole, start = np.zeros((start, start)), 0
    for part in parts:
        whole[start : start + len(part), start : start + len(part)] = part
        start += len(part)
    return whole


@pytest.mark.parametrize("name", CASES)
def test_factor_of_a_level_is_its_formula(fits, name):
    fit = fits[name]
    levels = fit.pooling(0.9).levels
    design = fit.design
    for factor in design.factors:
        blocks = design.blocks(factor)
        Z = np.hstack([block.Z for block in blocks])
        for j, level in enumerate(blocks[0].levels):
            inside = blocks[0].codes == j
            found = []
            for chain in range(2):
                for draw in range(6):
                    W = np.diag(design.weights[inside] / float(fit.posterior["sigma"][chain, draw]) ** 2)
                    A = Z[inside].T @ W @ Z[inside]
                    Sigma = covariance(fit, factor, chain, draw)
                    found.append(np.diag(np.linalg.inv(np.eye(len(A)) + Sigma @ A)))
            own = levels[(levels["group"] == factor) & (levels["level"] == level)]
            assert set(own["rows"]) == {inside.sum()}
            np.testing.assert_allclose(own["factor"], np.mean(found, axis=0), rtol=1e-9)
            np.testing.assert_allclose(own["lower"], np.quantile(found, 0.05, axis=0), rtol=1e-9)
            np.testing.assert_allclose(own["upper"], np.quantile(found, 0.95, axis=0), rtol=1e-9)
            b = fit.posterior[f"b_{factor}"].sel({factor: level}).to_numpy().reshape(12, -1)
            sd2 = np.mean(fit.posterior[f"sd_{factor}"].to_numpy().reshape(12, -1) ** 2, axis=0)
            np.testing.assert_allclose(own["variance_left"], b.var(axis=0, ddof=1) / sd2, rtol=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_factor_of_a_term_is_gelman_and_pardoes(fits, name):
    fit = fits[name]
    terms = fit.pooling().terms.set_index(["group", "term"])
    for factor in fit.design.factors:
        b = fit.posterior[f"b_{factor}"]
        for term in b[f"{factor}_term"].to_numpy():
            draws = b.sel({f"{factor}_term": term}).to_numpy().reshape(12, -1)
            within = np.mean([np.var(draw, ddof=1) for draw in draws])
            expected = 1 - np.var(draws.mean(axis=0), ddof=1) / within
            assert terms.loc[(factor, term), "factor"] == pytest.approx(expected)
            assert terms.loc[(factor, term), "size"] == draws.shape[1]
    root = np.sqrt(fit.design.weights)
    errors = np.array([root * (fit.design.y - rows.mean) for rows in every_draw(fit)])
    expected = 1 - np.var(errors.mean(axis=0), ddof=1) / np.mean(errors.var(axis=1, ddof=1))
    assert terms.loc[("Residual", ""), "factor"] == pytest.approx(expected)
    assert terms.loc[("Residual", ""), "size"] == 24


def test_levels_at_fixed_sds_are_exact(dyestuff):
    levels = dyestuff.pooling().levels
    exact = 50.0**2 / (50.0**2 + 5 * 40.0**2)
    for column in ("factor", "lower", "upper"):
        np.testing.assert_allclose(levels[column], exact, rtol=1e-12)
    assert abs(50.0 / (50.0 + 5 * 40.0) - exact) > 0.01  # sds in the place of variances


def test_unequal_levels_at_fixed_sds_are_exact():
    data = hb.load_data("dyestuff").iloc[:-7]
    given = {"sd_Batch": hb.Fixed(30.0), "sigma": hb.Fixed(50.0)}
    levels = (
        hb.fit("Yield ~ 1 | Batch", data, priors=given, draws=20, chains=1, seed=1, progress=False).pooling().levels
    )
    n = data["Batch"].value_counts().reindex(levels["level"]).to_numpy()
    assert levels["rows"].tolist() == n.tolist()
    np.testing.assert_allclose(levels["factor"], 2500 / (2500 + n * 900), rtol=1e-12)


def closed_form(share):
    """Gelman and Pardoe's factor of a balanced one-way layout, by the level's factor `share`.

    Means of b shrink to (1 - share) of the batch's deviation; given y the deviations of the b from each other have
    variance share times sd**2, whatever is known of the common mean.
    """
    between = hb.load_data("dyestuff").groupby("Batch", observed=True)["Yield"].mean().var()
    explained = (1 - share) ** 2 * between
    return 1 - explained / (explained + share * 1600)


def test_terms_at_fixed_sds_follow_their_closed_form(dyestuff):
    found = dyestuff.pooling().terms.set_index("group").loc["Batch", "factor"]
    share = 2500 / (2500 + 5 * 1600)
    assert found == pytest.approx(closed_form(share), abs=0.01)
    # another sd would be seen
    assert abs(found - closed_form(2500 / (2500 + 5 * 800))) > 0.05


def test_variance_left_at_fixed_sds_follows_its_closed_form(dyestuff):
    """var(b | y) is what the level's own rows leave, and what the unknown mean adds, here under its Normal prior."""
    left = dyestuff.pooling().levels["variance_left"]
    y = hb.load_data("dyestuff")["Yield"]
    share = 2500 / (2500 + 5 * 1600)
    mean_variance = 1 / (1 / (2.5 * y.std()) ** 2 + 6 / (1600 + 500))
    exact = share + (1 - share) ** 2 * mean_variance / 1600
    np.testing.assert_allclose(left, exact, rtol=0.1)
    assert abs(share / exact - 1) > 0.2


def test_levels_alike_are_worked_once(fits):
    many = np.repeat(np.arange(3.0), 4)[:, None, None] * np.eye(2)
    unique, place = shrinkage_factors.alike(many)
    assert len(unique) == 3
    np.testing.assert_array_equal(unique[place], many)


def test_many_levels_take_evenly_spaced_draws(fits, monkeypatch):
    whole = fits["slope"].pooling().levels["factor"]
    monkeypatch.setattr(shrinkage_factors, "_MOST", 0)
    monkeypatch.setattr(shrinkage_factors, "_LEAST", 2)
    ends = fits["slope"].pooling().levels["factor"]
    assert not np.allclose(whole, ends)
    Z, codes = fits["slope"].design.groups[0].Z, fits["slope"].design.groups[0].codes
    found = []
    for chain, draw in ((0, 0), (1, 5)):
        A = Z[codes == 0].T @ Z[codes == 0] / float(fits["slope"].posterior["sigma"][chain, draw]) ** 2
        found.append(np.diag(np.linalg.inv(np.eye(2) + covariance(fits["slope"], "g", chain, draw) @ A)))
    np.testing.assert_allclose(ends[:2], np.mean(found, axis=0), rtol=1e-9)


def test_it_prints_and_has_html(dyestuff):
    shown = dyestuff.pooling(0.8)
    assert "By term:" in repr(shown)
    assert "80% interval" in repr(shown)
    assert shown._repr_html_().count("<table") == 2


def test_a_model_without_groups_has_the_data_alone():
    found = fake_fit("Reaction ~ Days", hb.load_data("sleepstudy")).pooling()
    assert found.terms["group"].tolist() == ["Residual"]
    assert found.levels.empty
    assert list(found.levels.columns) == shrinkage_factors.LEVELS
    assert "By level" not in repr(found)
    assert 0 < found.terms["factor"][0] < 1
