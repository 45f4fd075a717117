"""Predictions against plain loops over the posterior, and what the options mean."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pytest
from fits import fake_fit
from prediction_structures import STRUCTURES, data_of, invented, made_up

import hierbayes as hb
from hierbayes.posterior.roots import covariance_root
from hierbayes.predict import level_effects, pieces
from hierbayes.predict.level_effects import generator
from hierbayes.predict.row_estimates import row_estimates

CHAINS, DRAWS = 2, 30


def looped_means(fit, with_effects: bool) -> np.ndarray:
    """The mean of every row of the fit in every draw, number by number, by the labels of the posterior."""
    design, posterior = fit.design, fit.posterior
    found = np.zeros((CHAINS, DRAWS, design.n))
    for i in range(design.n):
        mean = np.full((CHAINS, DRAWS), design.offset[i])
        for j, label in enumerate(design.coefficients):
            mean = mean + design.X[i, j] * posterior["beta"].sel(coef=label).to_numpy()
        for block in design.groups if with_effects else ():
            effects = posterior[f"b_{block.factor}"]
            level = block.levels[block.codes[i]]
            for k, term in enumerate(block.terms):
                own = effects.sel({block.factor: level, f"{block.factor}_term": term})
                mean = mean + block.Z[i, k] * own.to_numpy()
        found[:, :, i] = mean
    return found


@pytest.mark.parametrize("name", STRUCTURES)
def test_means_are_those_of_plain_loops(name):
    fit = made_up(name)
    expected = looped_means(fit, with_effects=True)
    known = fit.predict(data_of(name), draws=True)
    assert known.dims == ("chain", "draw", "row")
    np.testing.assert_allclose(known, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(known, fit.predict(draws=True))
    np.testing.assert_array_equal(known, fit.predict(data_of(name), groups="new", draws=True))
    without = looped_means(fit, with_effects=False)
    population = fit.predict(data_of(name), groups="population", draws=True)
    np.testing.assert_allclose(population, without, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(population, fit.predict(data_of(name), groups="average", draws=True))


def test_the_mean_of_sleepstudy_written_out():
    fit = made_up("correlated")
    days, subject = 7.5, "335"
    b = fit.posterior["b_Subject"].sel(Subject=subject)
    beta = fit.posterior["beta"]
    expected = (
        beta.sel(coef="Intercept")
        + b.sel(Subject_term="Intercept")
        + days * (beta.sel(coef="Days") + b.sel(Subject_term="Days"))
    )
    found = fit.predict({"Days": days, "Subject": subject}, draws=True).isel(row=0)
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_an_offset_is_added_and_weights_do_not_touch_the_mean():
    fit = made_up("offset")
    new = pd.DataFrame({"x": [2.0, 2.0], "z": 0.3, "count": [0, 5], "number": 1})
    found = fit.predict(new, draws=True)
    np.testing.assert_allclose(found.isel(row=1) - found.isel(row=0), 5.0, rtol=1e-12)
    plain = made_up("weights").predict(data_of("weights").drop(columns=["w", "y"]))
    pd.testing.assert_frame_equal(plain, made_up("weights").fitted())


def test_the_table_is_numpys_and_pandas_view_of_the_draws():
    fit = made_up("correlated")
    draws = fit.predict(draws=True).to_numpy().reshape(-1, 180)
    table = fit.predict(ci_prob=0.8)
    assert list(table.columns) == ["mean", "sd", "median", "lower", "upper"]
    assert table.index.tolist() == list(range(180))
    np.testing.assert_allclose(table["mean"], draws.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(table["sd"], draws.std(axis=0, ddof=1), rtol=1e-12)
    expected = np.quantile(draws, [0.5, (1 - 0.8) / 2, 1 - (1 - 0.8) / 2], axis=0)
    np.testing.assert_allclose(table[["median", "lower", "upper"]].T, expected, rtol=1e-14)


@pytest.mark.parametrize("size", [1, 2, 3, 40, 1001])
def test_estimates_of_any_number_of_draws(size):
    draws = np.random.default_rng(size).normal(5, 2, size=(7, size))
    with np.errstate(invalid="ignore"):
        found = row_estimates(draws.copy(), np.empty_like(draws), 0.95)
    np.testing.assert_allclose(found[0], draws.mean(axis=1), rtol=1e-13)
    tail = (1 - 0.95) / 2
    np.testing.assert_array_equal(found[2:], np.quantile(draws, [0.5, tail, 1 - tail], axis=1))
    if size > 1:
        np.testing.assert_allclose(found[1], draws.std(axis=1, ddof=1), rtol=1e-12)
    else:
        assert np.isnan(found[1]).all()


def test_a_root_of_a_covariance_is_numpys_also_where_it_is_singular():
    rng = np.random.default_rng(3)
    factor = rng.normal(size=(50, 4, 4))
    covariance = factor @ np.swapaxes(factor, 1, 2)
    sd = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    corr = covariance / (sd[:, :, None] * sd[:, None, :])
    root = covariance_root(sd, corr).transpose(2, 0, 1)
    np.testing.assert_allclose(root, np.linalg.cholesky(covariance), rtol=1e-8, atol=1e-9)
    one = covariance_root(np.array([[2.0, 3.0]]), np.array([[[1.0, 1.0], [1.0, 1.0]]]))[:, :, 0]
    np.testing.assert_allclose(one, [[2, 0], [3, 0]])
    none = covariance_root(np.array([[0.0, 3.0]]), np.eye(2)[None])[:, :, 0]
    np.testing.assert_allclose(none, [[0, 0], [0, 3]])


def test_a_response_is_the_mean_and_noise_of_the_right_size():
    """By the sigma of its draw and the weight of its row the noise is N(0, 1); without the weights it is not."""
    fit = fake_fit(STRUCTURES["weights"].formula, invented(400), chains=4, draws=100, weights="w")
    new = invented(400)
    noise = fit.predict(new, kind="response", seed=5, draws=True) - fit.predict(new, draws=True)
    scaled = (noise / fit.posterior["sigma"]).to_numpy()
    right = scaled * np.sqrt(new["w"].to_numpy())
    count = right.size
    assert abs(right.mean()) < 4 / np.sqrt(count)
    assert abs(right.var() - 1) < 4 * np.sqrt(2 / count)
    assert abs((right**4).mean() - 3) < 4 * np.sqrt(96 / count)
    assert abs(scaled.var() - 1) > 20 * np.sqrt(2 / count)
    # no row, and no draw, repeats another
    across = np.corrcoef(right.reshape(-1, 400)[:, :50].T)
    assert np.abs(across[np.triu_indices(50, 1)]).max() < 5 / np.sqrt(400)


def test_the_noise_belongs_to_the_frame():
    fit, new = made_up("weights"), data_of("weights")
    once = fit.predict(new, kind="response", seed=3)
    pd.testing.assert_frame_equal(once, fit.predict(new.copy(), kind="response", seed=3))
    pd.testing.assert_frame_equal(once, fit.predict(pl.from_pandas(new), kind="response", seed=3))
    assert not np.allclose(once["mean"], fit.predict(new, kind="response", seed=4)["mean"])
    free = [fit.predict(new, kind="response")["mean"].to_numpy() for _ in range(2)]
    assert not np.allclose(*free)


def test_fitted_and_residuals():
    fit = made_up("weights")
    design = fit.design
    means = looped_means(fit, with_effects=True).reshape(-1, design.n)
    left = design.y - means
    pd.testing.assert_frame_equal(fit.fitted(), fit.predict())
    np.testing.assert_allclose(fit.residuals()["mean"], left.mean(axis=0), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(fit.residuals(0.5)["upper"], np.quantile(left, 0.75, axis=0), rtol=1e-10, atol=1e-12)
    sigma = fit.posterior["sigma"].to_numpy().reshape(-1, 1)
    scaled = left * np.sqrt(design.weights) / sigma
    found = fit.residuals(standardized=True)
    np.testing.assert_allclose(found["mean"], scaled.mean(axis=0), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found["sd"], scaled.std(axis=0, ddof=1), rtol=1e-10)


def test_simulated_data_take_one_draw_each():
    fit = made_up("correlated")
    found = fit.simulate(nsim=60, seed=2)
    assert list(found.columns[:2]) == ["sim_1", "sim_2"]
    assert found.shape == (180, 60)
    means = looped_means(fit, with_effects=True).reshape(-1, 180).T
    sigma = fit.posterior["sigma"].to_numpy().ravel()
    z = (found.to_numpy() - means) / sigma
    assert abs(z.mean()) < 4 / np.sqrt(z.size)
    assert abs(z.var() - 1) < 4 * np.sqrt(2 / z.size)
    # the control: against the parameters of other draws they do not fit
    assert abs(((found.to_numpy() - means[:, ::-1]) / sigma).var() - 1) > 0.5
    pd.testing.assert_frame_equal(found, fit.simulate(nsim=60, seed=2))
    assert fit.simulate({"Days": 1, "Subject": "x"}, nsim=200, groups="new", seed=2).shape == (1, 200)


def test_evenly_spread_draws():
    draws = made_up("correlated")._arrays
    sigma = draws.parameters["sigma"]
    np.testing.assert_array_equal(draws.evenly(60).parameters["sigma"], sigma)
    np.testing.assert_array_equal(draws.evenly(4).parameters["sigma"], sigma[[7, 22, 37, 52]])
    thin = draws.thinned(3)
    assert (thin.chains, thin.draws) == ((0, 1), (5, 15, 25))
    np.testing.assert_array_equal(thin.parameters["sigma"], sigma[[5, 15, 25, 35, 45, 55]])
    np.testing.assert_array_equal(thin.factors["Subject"].b, draws.factors["Subject"].b[[5, 15, 25, 35, 45, 55]])


def test_arviz_takes_the_posterior_predictive():
    import arviz_plots
    import arviz_stats

    fit = made_up("correlated")
    before = set(fit.tree.children)
    tree = fit.posterior_predictive(seed=1)
    assert set(fit.tree.children) == before
    found = tree["posterior_predictive"]["Reaction"]
    assert dict(found.sizes) == {"chain": CHAINS, "draw": DRAWS, "row": 180}
    np.testing.assert_array_equal(found, fit.predict(kind="response", seed=1, draws=True))
    assert dict(fit.posterior_predictive(draws=7)["posterior_predictive"].sizes)["draw"] == 7
    arviz_plots.plot_ppc_dist(tree, num_samples=10)
    assert np.isfinite(arviz_stats.summary(tree, group="posterior_predictive", kind="stats").to_numpy(float)).all()


@pytest.mark.parametrize(
    ("name", "change", "options", "words"),
    [
        ("correlated", lambda d: d.assign(Subject="999"), {}, ["'999'", "'Subject'", "row 0", 'groups="new"']),
        ("nested", lambda d: d.assign(cask="z"), {}, ["'A:z'", "'batch:cask'"]),
        ("correlated", lambda d: d.assign(Subject=None), {}, ["'Subject' is missing in row 0", '"average"']),
        ("correlated", lambda d: d.assign(Subject=None), {"groups": "new"}, ["'Subject' is missing in row 0"]),
        ("correlated", lambda d: d.drop(columns="Subject"), {"groups": "new"}, ["no column 'Subject'"]),
        ("weights", lambda d: d.drop(columns="w"), {"kind": "response"}, ["no column 'w'"]),
        ("weights", lambda d: d.assign(kind="other"), {"groups": "population"}, ["'kind'", "'other'"]),
    ],
)
def test_errors_name_the_place(name, change, options, words):
    with pytest.raises(hb.DataError) as caught:
        made_up(name).predict(change(data_of(name)), **options)
    assert [word for word in words if word not in str(caught.value)] == []


@pytest.mark.parametrize(
    "options",
    [
        {"groups": "all"},
        {"groups": None},
        {"kind": "median"},
        {"ci_prob": 95},
        {"seed": -1},
        {"seed": 0.5},
        {"draws": "yes"},
    ],
)
def test_options_that_are_not_understood(options):
    with pytest.raises(hb.ModelError, match=next(iter(options))):
        made_up("correlated").predict(**options)
    with pytest.raises(hb.ModelError, match="nsim=0"):
        made_up("correlated").simulate(nsim=0)
    with pytest.raises(hb.ModelError, match="standardized='no'"):
        made_up("correlated").residuals(standardized="no")
    with pytest.raises(hb.DataError, match="1000000000 draws, so many copies of the parameters, would take"):
        made_up("correlated").simulate(nsim=10**9)


@pytest.mark.parametrize("groups", ["population", "average"])
def test_grouping_columns_are_not_needed_where_no_effect_enters(groups):
    fit = made_up("categorical slopes")
    new = data_of("categorical slopes")[["V", "N"]].iloc[[5]]
    assert fit.predict(new, groups=groups).shape == (1, 5)
    wide = fit.predict(new, groups="average", kind="response", seed=1)
    narrow = fit.predict(new, groups="population", kind="response", seed=1)
    assert wide["sd"].item() > narrow["sd"].item()


def test_the_draws_are_never_held_unless_asked_for():
    """10,000 rows of 4,000 draws are 320 MB; the table takes a fraction of it."""
    fit = fake_fit("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy"), chains=4, draws=1000)
    rng = np.random.default_rng(1)
    new = pd.DataFrame({"Days": rng.uniform(0, 9, 10_000), "Subject": rng.choice(["308", "335", "372"], 10_000)})
    tracemalloc.start()
    table = fit.predict(new, progress=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(table) == 10_000
    assert peak < 60e6


def test_too_many_draws_are_refused_before_they_are_made(monkeypatch):
    fit = made_up("correlated")
    monkeypatch.setattr("hierbayes.sampling.memory._UNASKED", 0)
    monkeypatch.setattr("hierbayes.sampling.memory.free_memory", lambda: 10_000)
    with pytest.raises(hb.DataError, match="60 draws of 180 rows would take"):
        fit.predict(draws=True)


def test_a_bar_shows_how_far_it_is(capfd):
    made_up("correlated").predict(progress=True)
    assert "predicting 180 rows" in capfd.readouterr().err
    made_up("correlated").predict(progress=False)
    assert capfd.readouterr() == ("", "")


def test_words_do_not_run_together():
    draws = {
        generator(seed, *words).random()
        for seed in (1, 11)
        for words in [("level", "g", "ab", "c"), ("level", "g", "a", "bc"), ("level", "ga", "b", "c"), ("1level", "g")]
    }
    assert len(draws) == 8
    assert generator(1, "a\ud800").random() == generator(1, "a\ud800").random()


def test_the_plan_of_pieces_changes_no_bit(monkeypatch):
    fit = made_up("crossed", draws=40)
    new = data_of("crossed").assign(plate=[f"new {i % 7}" for i in range(144)])
    options = {"groups": "new", "kind": "response", "seed": 2}
    whole = fit.predict(new, **options)
    monkeypatch.setattr(pieces, "NUMBERS", 1)
    monkeypatch.setattr(level_effects, "HELD", 0)
    assert len(pieces.pieces(144, 80)) == 9
    pd.testing.assert_frame_equal(whole, fit.predict(new, **options), check_exact=True)
    monkeypatch.setattr(pieces, "usable_cores", lambda: 1)
    pd.testing.assert_frame_equal(whole, fit.predict(new, **options), check_exact=True)


def test_an_error_in_a_piece_is_passed_on(monkeypatch):
    monkeypatch.setattr(pieces, "NUMBERS", 1)

    def fail(piece):
        raise MemoryError(f"{piece.start}")

    with pytest.raises(MemoryError):
        pieces.over_pieces(fail, pieces.pieces(400, 10), "failing", False)
