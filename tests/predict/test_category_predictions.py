"""What is predicted of a categorical response, against loops over draws, rows and categories."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from category_fits import FORMULAS, NAMES, covariance, known, made_up, nothing, predictors, shares, shrunk, table

from hierbayes.errors import DataError, ModelError

STRUCTURES = list(FORMULAS)
ROWS = table().iloc[[3, 11, 40]].reset_index(drop=True)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_probabilities_are_the_shares_of_the_odds(structure):
    fit = made_up(structure)
    found = fit.category_probabilities(draws=True)
    assert found.dims == ("chain", "draw", "row", "category")
    assert found["category"].to_numpy().tolist() == list(NAMES[:3])
    np.testing.assert_allclose(found, shares(predictors(fit)), rtol=1e-10)
    np.testing.assert_allclose(found.sum("category"), 1, rtol=1e-12)
    population = fit.category_probabilities(groups="population", draws=True)
    np.testing.assert_allclose(population, shares(predictors(fit, effects=nothing)), rtol=1e-10)
    if fit.design.groups:  # the control: effects do something
        assert np.abs(population - found).max() > 0.05


@pytest.mark.parametrize("structure", STRUCTURES)
def test_new_rows_are_as_the_rows_of_the_fit(structure):
    fit = made_up(structure)
    whole = fit.category_probabilities(draws=True)
    own = fit.category_probabilities(ROWS, draws=True)
    np.testing.assert_array_equal(own, whole.isel(row=[3, 11, 40]))
    alone = fit.category_probabilities(ROWS.iloc[[1]], draws=True)
    np.testing.assert_array_equal(alone[:, :, 0], own[:, :, 1])
    single = fit.category_probabilities({name: ROWS[name][1] for name in ("g", "h", "x", "f")}, draws=True)
    np.testing.assert_array_equal(single, alone)


def test_the_table_is_of_the_draws():
    fit = made_up()
    drawn = fit.category_probabilities(ROWS, draws=True).to_numpy().reshape(60, -1)
    told = fit.category_probabilities(ROWS, ci_prob=0.5)
    assert told.columns.tolist() == ["row", "category", "mean", "sd", "median", "lower", "upper"]
    assert told["row"].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert told["category"].tolist() == list(NAMES[:3]) * 3
    np.testing.assert_allclose(told["mean"], drawn.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(told["sd"], drawn.std(axis=0, ddof=1), rtol=1e-10)
    np.testing.assert_allclose(told["lower"], np.quantile(drawn, 0.25, axis=0), rtol=1e-12)
    np.testing.assert_allclose(told.groupby("row")["mean"].sum(), 1, rtol=1e-12)


@pytest.mark.parametrize("structure", ["correlated", "apart", "nested"])
def test_linear_predictors(structure):
    fit = made_up(structure)
    found = fit.predict(ROWS, kind="link", draws=True)
    assert found.dims == ("chain", "draw", "row", "category")
    assert found["category"].to_numpy().tolist() == ["car", "foot"]
    np.testing.assert_allclose(found, predictors(fit, ROWS), rtol=1e-10, atol=1e-12)
    told = fit.predict(ROWS, kind="link", groups="population")
    assert told["category"].tolist() == ["car", "foot"] * 3
    by_hand = predictors(fit, ROWS, nothing).mean(axis=(0, 1))
    np.testing.assert_allclose(told["mean"], by_hand.ravel(), rtol=1e-10, atol=1e-12)


def rebuilt(fit, factor: str, level: str, seed: int):
    """The effects of a new level, by the one draw of it that seed and name fix."""
    from hierbayes.posterior.roots import covariance_root
    from hierbayes.predict.level_effects import generator

    draws = fit._arrays.factors[factor]
    root = covariance_root(draws.sd, draws.known_corr)
    z = generator(seed, "level", factor, *level.split(":")).standard_normal((root.shape[0], root.shape[2]))
    shape = (fit.posterior.sizes["chain"], fit.posterior.sizes["draw"], root.shape[0])
    b = np.einsum("ijs,js->si", root, z).reshape(shape)
    like = fit.posterior[f"b_{factor}"].isel({factor: 0}, drop=True)
    return like.copy(data=b)


@pytest.mark.parametrize("structure", ["correlated", "apart", "nested", "crossed"])
def test_a_new_level_is_drawn_once_for_all_categories(structure):
    fit = made_up(structure)
    data = ROWS.assign(g=["zoe", "a", "zoe"])
    levels = {factor: fit.posterior[factor].to_numpy().tolist() for factor in fit.design.factors}

    def effects(factor, level):
        return known(fit)(factor, level) if level in levels[factor] else rebuilt(fit, factor, level, 9)

    found = fit.category_probabilities(data, groups="new", seed=9, draws=True)
    np.testing.assert_allclose(found, shares(predictors(fit, data, effects)), rtol=1e-9)
    link = fit.predict(data, groups="new", kind="link", seed=9, draws=True)
    np.testing.assert_allclose(shares(link.to_numpy()), found, rtol=1e-9)
    # the same in every frame, another with another seed
    alone = fit.category_probabilities(data.iloc[[2]], groups="new", seed=9, draws=True)
    np.testing.assert_array_equal(alone[:, :, 0], found[:, :, 2])
    other = fit.category_probabilities(data, groups="new", seed=10, draws=True)
    assert np.abs(other - found)[:, :, 2].max() > 0.05
    assert (fit.category_probabilities(data, groups="new", seed=10, draws=True) == other).all()


def one_posterior(structure: str, draws: int = 4000):
    """A fit all of whose draws are one, so that what varies over draws is the new level."""
    fit = shrunk(f"kind {FORMULAS[structure]}", table(), draws=draws)
    for name in fit.posterior:
        fit.posterior[name][:] = fit.posterior[name].isel(chain=0, draw=0).to_numpy()
        if str(name).startswith("sd_"):
            fit.posterior[name] *= 2.5  # so that integrating over levels is plainly seen
    return fit


@pytest.mark.parametrize("structure", ["correlated", "apart"])
def test_new_levels_have_the_covariance_of_the_model(structure):
    fit = one_posterior(structure)
    row = next(ROWS.itertuples())
    data = pd.DataFrame([{"x": row.x, "f": row.f, "g": "zoe", "h": "zed"}])
    drawn = fit.predict(data, groups="new", kind="link", seed=3, draws=True).to_numpy().reshape(-1, 2)
    wanted = covariance(fit, row)[0, 0]
    found = np.cov(drawn.T)
    error = np.sqrt((np.outer(np.diag(wanted), np.diag(wanted)) + wanted**2) / len(drawn))
    assert np.all(np.abs(found - wanted) < 4.5 * error)
    correlated = abs(wanted[0, 1]) > 6 * error[0, 1]
    assert correlated == (
        structure == "correlated"
    )  # one covariance is right, the other has nothing between categories


def test_averages_are_those_over_many_new_levels():
    fit = one_posterior("correlated")
    data = pd.DataFrame([{"x": row.x, "f": row.f, "g": "zoe", "h": "zed"} for row in ROWS.itertuples()])
    drawn = fit.category_probabilities(data, groups="new", seed=2, draws=True).to_numpy().reshape(-1, 3, 3)
    found = fit.category_probabilities(data, groups="average", draws=True)[0, 0].to_numpy()
    error = drawn.std(axis=0) / np.sqrt(len(drawn))
    assert np.all(np.abs(drawn.mean(axis=0) - found) < 4.5 * error)
    assert np.all(error < 0.006)
    population = fit.category_probabilities(data, groups="population", draws=True)[0, 0].to_numpy()
    assert np.abs(drawn.mean(axis=0) - population).max() > 0.03
    apart = found.copy()  # what independent predictors would give
    from hierbayes.families.category_averages import average_probabilities

    for i, row in enumerate(ROWS.itertuples()):
        sds = np.sqrt(np.diagonal(covariance(fit, row)[0, 0]))
        apart[i] = average_probabilities(predictors(fit, ROWS, nothing)[0, 0, i], np.diag(sds))
    assert np.any(np.abs(drawn.mean(axis=0) - apart) > 6 * error)


@pytest.mark.parametrize("structure", ["correlated", "apart", "nested", "crossed"])
def test_averages_are_integrals(structure):
    fit = made_up(structure)
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    weights /= weights.sum()
    eta = predictors(fit, ROWS, nothing)
    found = fit.category_probabilities(ROWS, groups="average", draws=True).to_numpy()
    for i, row in enumerate(ROWS.itertuples()):
        root, exact = np.linalg.cholesky(covariance(fit, row)), 0.0
        for a, wa in zip(nodes, weights, strict=True):
            for b, wb in zip(nodes, weights, strict=True):
                exact += wa * wb * shares(eta[:, :, i] + root @ np.array([a, b]))
        np.testing.assert_allclose(found[:, :, i], exact, atol=3e-5)


def test_averages_need_no_grouping_column_and_no_seed():
    fit = made_up()
    bare = ROWS[["x", "f"]]
    np.testing.assert_array_equal(
        fit.category_probabilities(bare, groups="average", draws=True, seed=4),
        fit.category_probabilities(ROWS, groups="average", draws=True, seed=5),
    )
    assert fit.category_probabilities(bare, groups="population")["mean"].notna().all()


def test_responses_come_as_often_as_their_probabilities_say():
    fit = one_posterior("correlated")
    drawn = fit.predict(ROWS, kind="response", seed=1, draws=True)
    assert drawn.dims == ("chain", "draw", "row")
    assert set(np.unique(drawn)) <= {1.0, 2.0, 3.0}
    found = np.stack([(drawn == k).mean(("chain", "draw")) for k in (1, 2, 3)], axis=1)
    wanted = fit.category_probabilities(ROWS, draws=True)[0, 0].to_numpy()
    error = np.sqrt(wanted * (1 - wanted) / (drawn.sizes["chain"] * drawn.sizes["draw"]))
    assert np.all(np.abs(found - wanted) < 4.5 * error)
    assert np.any(np.abs(np.roll(found, 1, axis=1) - wanted) > 6 * error)  # the numbers stand for these categories
    again = fit.predict(ROWS, kind="response", seed=1, draws=True)
    np.testing.assert_array_equal(drawn, again)
    assert (drawn != fit.predict(ROWS, kind="response", seed=2, draws=True)).any()
    # rows of one draw are independent of each other
    assert abs(np.corrcoef(drawn[..., 0].to_numpy().ravel(), drawn[..., 1].to_numpy().ravel())[0, 1]) < 0.06


def test_responses_of_levels_that_are_not_given_vary_with_them():
    fit = one_posterior("correlated")
    drawn = fit.predict(ROWS[["x", "f"]], kind="response", groups="average", seed=1, draws=True)
    found = np.stack([(drawn == k).mean(("chain", "draw")) for k in (1, 2, 3)], axis=1)
    wanted = fit.category_probabilities(ROWS, groups="average", draws=True)[0, 0].to_numpy()
    np.testing.assert_allclose(found, wanted, atol=0.03)
    assert np.abs(found - fit.category_probabilities(ROWS, groups="population", draws=True)[0, 0]).max() > 0.035


def test_simulated_data_are_names():
    fit = made_up()
    found = fit.simulate(nsim=4, seed=3)
    assert found.shape == (60, 4)
    assert set(np.unique(found)) == set(NAMES[:3])
    pd.testing.assert_frame_equal(found, fit.simulate(nsim=4, seed=3))
    many = one_posterior("correlated", 2000).simulate(ROWS, nsim=4000, seed=3).to_numpy()
    wanted = one_posterior("correlated", 2000).category_probabilities(ROWS, draws=True)[0, 0]
    for k, name in enumerate(NAMES[:3]):
        np.testing.assert_allclose((many == name).mean(axis=1), wanted[:, k], atol=0.036)


def test_replicated_data_stand_beside_the_observed():
    fit = made_up()
    tree = fit.posterior_predictive(seed=1, draws=10)
    drawn = tree["posterior_predictive"]["kind"]
    assert drawn.sizes == {"chain": 2, "draw": 10, "row": 60}
    assert set(np.unique(drawn)) == {1.0, 2.0, 3.0}
    np.testing.assert_array_equal(tree["observed_data"]["kind"], fit.design.y)
    assert "posterior_predictive" not in fit.tree.children


def test_what_is_refused():
    fit = made_up()
    with pytest.raises(DataError, match="'x'"):
        fit.category_probabilities(ROWS.drop(columns="x"))
    with pytest.raises(DataError, match="has not seen the level 'zoe' of 'g'"):
        fit.category_probabilities(ROWS.assign(g="zoe"))
    with pytest.raises(DataError, match="has not seen the level 'zoe' of 'g'"):
        fit.predict(ROWS.assign(g="zoe"), kind="link")
    with pytest.raises(DataError, match="'g'"):
        fit.category_probabilities(ROWS.drop(columns="g"))
    with pytest.raises(DataError, match="medium"):
        fit.category_probabilities(ROWS.assign(f="medium"))
    with pytest.raises(DataError, match="row 1"):
        fit.category_probabilities(ROWS.assign(x=[0.0, np.nan, 1.0]))
    with pytest.raises(ModelError, match="groups='all' is not understood"):
        fit.category_probabilities(groups="all")
    for asked in ({}, {"kind": "response"}, {"draws": True}):
        with pytest.raises(ModelError, match="categories without an order have no mean"):
            fit.predict(**asked)
    with pytest.raises(ModelError, match="categories without an order have no mean") as caught:
        fit.fitted()
    assert "kind" not in caught.value.hint  # an option that it does not take
    with pytest.raises(ModelError, match=r"fit\.category_probabilities\(groups=\"average\", draws=True\)"):
        fit.effective_n()


@pytest.mark.parametrize("number", [4, 6])
def test_more_categories(number):
    fit = made_up("correlated", NAMES[:number])
    found = fit.category_probabilities(draws=True)
    assert found.sizes["category"] == number
    np.testing.assert_allclose(found, shares(predictors(fit)), rtol=1e-10)
    average = fit.category_probabilities(ROWS, groups="average", draws=True)
    np.testing.assert_allclose(average.sum("category"), 1, rtol=1e-10)
    rng = np.random.default_rng(0)
    row = next(ROWS.itertuples())
    root = np.linalg.cholesky(covariance(fit, row)[0, 0])
    eta = predictors(fit, ROWS, nothing)[0, 0, 0] + rng.standard_normal((40_000, number - 1)) @ root.T
    np.testing.assert_allclose(average[0, 0, 0], shares(eta).mean(axis=0), atol=0.009)
