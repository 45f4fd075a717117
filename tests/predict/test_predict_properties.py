"""The algebra of predictions: what must not matter, and how new levels are distributed."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from fits import fake_fit
from hypothesis import given, settings
from hypothesis import strategies as st
from prediction_structures import STRUCTURES, data_of, made_up

import hierbayes as hb

GROUPS = ("known", "new", "population", "average")
names = st.sampled_from(sorted(STRUCTURES))


def new_frame(name: str) -> pd.DataFrame:
    """The structure's data with some levels that its fit has not seen."""
    data = data_of(name).copy()
    design = made_up(name).design
    predictors = design.schema.needed(groups=True, response=False, weights=False)
    for column in {column for block in design.groups for column in block.columns} - set(predictors):
        some = np.arange(len(data)) % 3 == 0
        labels = data[column].astype(str).to_numpy(dtype=object)
        labels[some] = [f"new:{i % 4}" for i in range(int(some.sum()))]
        data[column] = labels
    return data


@cache
def frame(name: str, groups: str) -> pd.DataFrame:
    return new_frame(name) if groups in ("new", "average") else data_of(name)


@cache
def whole(name: str, groups: str, seed: int) -> np.ndarray:
    return made_up(name).predict(frame(name, groups), groups=groups, seed=seed, draws=True).to_numpy()


@settings(max_examples=80, deadline=None)
@given(name=names, groups=st.sampled_from(GROUPS), draw=st.data())
def test_any_rows_in_any_order_are_the_rows_of_the_full_prediction(name, groups, draw):
    data = frame(name, groups)
    places = draw.draw(st.lists(st.integers(0, len(data) - 1), min_size=1, max_size=40))
    fit = made_up(name)
    table = fit.predict(data, groups=groups, seed=7)
    part = fit.predict(data.iloc[places], groups=groups, seed=7)
    pd.testing.assert_frame_equal(part, table.iloc[places], check_exact=True)
    draws = fit.predict(data.iloc[places], groups=groups, seed=7, draws=True)
    np.testing.assert_array_equal(draws, whole(name, groups, 7)[:, :, places])


@settings(max_examples=40, deadline=None)
@given(name=names, groups=st.sampled_from(GROUPS), kind=st.sampled_from(["mean", "response"]), draw=st.data())
def test_columns_that_do_not_matter(name, groups, kind, draw):
    data, fit = frame(name, groups), made_up(name)
    columns = draw.draw(st.permutations(list(data.columns)))
    needed = set(fit.design.schema.needed(groups=True, response=False, weights=True))
    needed |= {column for block in fit.design.groups for column in block.columns}
    other = data[[column for column in columns if column in needed]].assign(unused=np.nan, Intercept="text")
    options = {"groups": groups, "kind": kind, "seed": 3}
    pd.testing.assert_frame_equal(fit.predict(other, **options), fit.predict(data, **options), check_exact=True)


@settings(max_examples=40, deadline=None)
@given(name=names, groups=st.sampled_from(GROUPS), kind=st.sampled_from(["mean", "response"]), seed=st.integers(0, 99))
def test_one_row(name, groups, kind, seed):
    data, fit = frame(name, groups), made_up(name)
    first = fit.predict(data.iloc[[0]], groups=groups, kind=kind, seed=seed)
    assert first.shape == (1, 5)
    pd.testing.assert_frame_equal(
        first, fit.predict(data, groups=groups, kind=kind, seed=seed).iloc[[0]], check_exact=True
    )


@settings(max_examples=40, deadline=None)
@given(name=names, seeds=st.lists(st.integers(0, 10**9), min_size=2, max_size=2, unique=True))
def test_the_same_seed_gives_the_same_bits_and_another_seed_others(name, seeds):
    fit, data = made_up(name), frame(name, "new")
    one, again, other = (
        fit.predict(data, groups="new", kind="response", seed=seed, draws=True).to_numpy()
        for seed in (seeds[0], seeds[0], seeds[1])
    )
    np.testing.assert_array_equal(one, again)
    # any two draws of a continuous distribution differ
    assert not (one == other).any()


@cache
def crowd() -> tuple[hb.Fit, np.ndarray]:
    """A fit with a strong correlation, and the effects of 300 new levels in each of its draws: (draws, levels, 2)."""
    fit = fake_fit("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy"), chains=2, draws=100)
    corr = fit.posterior["corr_Subject"]
    corr[:] = np.array([[1, -0.8], [-0.8, 1]])
    return fit, new_effects(fit, [f"level {i}" for i in range(300)], seed=4)


def new_effects(fit, levels, seed) -> np.ndarray:
    """Effects of new levels, taken out of predictions at Days 0 and 1."""
    new = pd.DataFrame({"Days": [0.0, 1.0] * len(levels), "Subject": np.repeat(levels, 2)})
    gap = fit.predict(new, groups="new", seed=seed, draws=True) - fit.predict(new, groups="population", draws=True)
    at = gap.to_numpy().reshape(-1, len(levels), 2)
    return np.stack([at[:, :, 0], at[:, :, 1] - at[:, :, 0]], axis=2)


def standardised(fit, effects, correlated=True) -> np.ndarray:
    """``L⁻¹ b`` of each draw and level, with L by numpy from the sds and correlations of the posterior."""
    sd = fit.posterior["sd_Subject"].to_numpy().reshape(-1, 2)
    corr = fit.posterior["corr_Subject"].to_numpy().reshape(-1, 2, 2) if correlated else np.eye(2)[None]
    root = np.linalg.cholesky(sd[:, :, None] * corr * sd[:, None, :])
    return np.linalg.solve(root[:, None], effects[..., None])[..., 0]


def distance_from_standard_normal(z) -> float:
    """The largest deviation of a mean or second moment from that of N(0, I), in its own standard errors."""
    flat = z.reshape(-1, z.shape[-1])
    count = len(flat)
    moments = flat.T @ flat / count - np.eye(z.shape[-1])
    errors = np.sqrt((1 + np.eye(z.shape[-1])) / count)
    return max(np.abs(flat.mean(axis=0)).max() * np.sqrt(count), np.abs(moments / errors).max())


def test_new_levels_have_the_full_covariance_of_each_draw():
    fit, effects = crowd()
    assert distance_from_standard_normal(standardised(fit, effects)) < 4
    # controls: without the correlation, with the sds of other draws, with effects of the fit's own levels
    assert distance_from_standard_normal(standardised(fit, effects, correlated=False)) > 50
    assert distance_from_standard_normal(standardised(fit, effects[::-1])) > 50
    borrowed = fit.posterior["b_Subject"].to_numpy().reshape(-1, 18, 2)
    assert distance_from_standard_normal(standardised(fit, borrowed)) > 20


def test_new_levels_are_independent_of_each_other():
    fit, effects = crowd()
    z = standardised(fit, effects)[:, :, 0]
    across = np.corrcoef(z.T)[np.triu_indices(300, 1)]
    assert abs(np.mean(across**2) * 200 - 1) < 0.05
    # the control: were all new levels to share one draw, as in brms
    shared = np.corrcoef(np.repeat(z[:, :1], 300, axis=1).T + 1e-9 * z.T)[np.triu_indices(300, 1)]
    assert abs(np.mean(shared**2) * 200 - 1) > 1


def test_a_new_level_is_shared_by_all_its_rows_and_terms():
    fit, _ = crowd()
    new = pd.DataFrame({"Days": [0.0, 1.0, 2.0, 2.0], "Subject": ["x", "x", "x", "x"]})
    found = fit.predict(new, groups="new", seed=9, draws=True).to_numpy()
    np.testing.assert_array_equal(found[..., 2], found[..., 3])
    np.testing.assert_allclose(found[..., 2] - 2 * found[..., 1] + found[..., 0], 0, atol=1e-9)
    # the control: rows of different levels do not lie on one line
    apart = fit.predict(new.assign(Subject=list("wxyz")), groups="new", seed=9, draws=True).to_numpy()
    assert np.abs(apart[..., 2] - 2 * apart[..., 1] + apart[..., 0]).mean() > 0.1


def test_a_new_level_is_shared_by_the_blocks_of_its_factor():
    """``(Days | Subject) + (0 + I(Days^2) | Subject)``: the effect of the square is independent of the others."""
    fit = fake_fit(STRUCTURES["two blocks"].formula, hb.load_data("sleepstudy"), draws=500)
    fit.posterior["corr_Subject"].values[..., [0, 1], [1, 0]] = 0.7
    levels = [f"s{i}" for i in range(40)]
    new = pd.DataFrame({"Days": [0.0, 1.0, 2.0, 3.0] * 40, "Subject": np.repeat(levels, 4)})
    gap = fit.predict(new, groups="new", seed=1, draws=True) - fit.predict(new, groups="population", draws=True)
    at = gap.to_numpy().reshape(-1, 40, 4)
    powers = np.vander([0.0, 1, 2], 3, increasing=True)
    b = at[..., :3] @ np.linalg.inv(powers).T
    np.testing.assert_allclose(at[..., 3], b @ [1, 3, 9], atol=1e-8)
    posterior = fit.posterior
    sd = posterior["sd_Subject"].to_numpy().reshape(-1, 3)
    corr = np.nan_to_num(posterior["corr_Subject"].to_numpy().reshape(-1, 3, 3))
    root = np.linalg.cholesky(sd[:, :, None] * corr * sd[:, None, :])
    z = np.linalg.solve(root[:, None], b[..., None])[..., 0]
    assert distance_from_standard_normal(z) < 4
    assert distance_from_standard_normal(b / sd[:, None, :]) > 20


def test_levels_of_different_factors_are_independent():
    fit = made_up("crossed", draws=500)
    names = [f"n{i}" for i in range(50)]
    both = fit.predict({"plate": names, "sample": names}, groups="new", seed=1, draws=True)
    one = fit.predict({"plate": names, "sample": ["A"] * 50}, groups="new", seed=1, draws=True)
    known = fit.posterior["b_sample"].sel(sample="A").to_numpy()
    sample = both - one + known
    plate = one - fit.predict({"plate": names, "sample": names}, groups="population", draws=True) - known
    sds = fit.posterior["sd_plate"].to_numpy(), fit.posterior["sd_sample"].to_numpy()
    z = np.stack([plate.to_numpy() / sds[0], sample.to_numpy() / sds[1]], axis=-1)
    assert distance_from_standard_normal(z) < 4
    # the control: the same draws for both factors
    assert distance_from_standard_normal(np.stack([z[..., 0], z[..., 0]], axis=-1)) > 50


def test_a_nested_level_under_a_new_one():
    """A new batch with a cask of a known name: the cell is new, and independent of the batch."""
    fit = made_up("nested", draws=500)
    batches = [f"Z{i}" for i in range(60)]
    cells = fit.predict({"batch": batches, "cask": ["a"] * 60}, groups="new", seed=1, draws=True)
    others = fit.predict({"batch": batches, "cask": ["b"] * 60}, groups="new", seed=1, draws=True)
    sd = {name: fit.posterior[f"sd_{name}"].to_numpy() for name in ("batch", "batch:cask")}
    expected = np.sqrt(2) * sd["batch:cask"]
    z = ((cells - others).to_numpy() / expected)[..., None]
    assert distance_from_standard_normal(z) < 4
    assert distance_from_standard_normal(((cells - others).to_numpy() / sd["batch"])[..., None]) > 20


def test_new_levels_do_not_depend_on_where_they_stand():
    fit, effects = crowd()
    again = new_effects(fit, ["level 299", "another", "level 0"], seed=4)
    np.testing.assert_allclose(again[:, [0, 2]], effects[:, [299, 0]], atol=1e-9)
    assert not np.allclose(new_effects(fit, ["level 0"], seed=5)[:, 0], effects[:, 0])


def closed_form(fit, z: np.ndarray) -> np.ndarray:
    """``z Sigma z'`` of each draw for each row, shape (draws, rows)."""
    sd = fit.posterior["sd_Subject"].to_numpy().reshape(-1, 2)
    corr = fit.posterior["corr_Subject"].to_numpy().reshape(-1, 2, 2)
    return np.einsum("ni,sij,nj->sn", z, sd[:, :, None] * corr * sd[:, None, :], z)


def test_average_responses_vary_by_the_closed_form():
    fit, _ = crowd()
    days = np.repeat([0.0, 2.0, 5.0], 200)
    new = pd.DataFrame({"Days": days, "Subject": [f"s{i}" for i in range(600)]})
    found = fit.predict(new, groups="average", kind="response", seed=2, draws=True)
    gap = (found - fit.predict(new, groups="population", draws=True)).to_numpy().reshape(-1, 600)
    sigma = fit.posterior["sigma"].to_numpy().reshape(-1, 1)
    between = closed_form(fit, np.column_stack([np.ones(600), days]))
    assert distance_from_standard_normal((gap / np.sqrt(between + sigma**2))[..., None]) < 4
    assert distance_from_standard_normal((gap / sigma)[..., None]) > 50
    # rows of one level share its draw: the covariance of two of them is z1 Sigma z2'
    pair = fit.predict(
        {"Days": [0.0, 2.0] * 300, "Subject": np.repeat([f"t{i}" for i in range(300)], 2)},
        groups="average",
        kind="response",
        seed=2,
        draws=True,
    ) - fit.predict({"Days": [0.0, 2.0] * 300}, groups="population", draws=True)
    at = pair.to_numpy().reshape(-1, 300, 2)
    sd = fit.posterior["sd_Subject"].to_numpy().reshape(-1, 2)
    expected = np.mean(sd[:, 0] ** 2 + 2 * -0.8 * sd[:, 0] * sd[:, 1])
    products = at[..., 0] * at[..., 1]
    error = products.std() / np.sqrt(products.size)
    assert abs(products.mean() - expected) < 4 * error
    assert abs(expected) > 10 * error


def test_average_takes_no_notice_of_the_data_of_a_level():
    fit, _ = crowd()
    seen = fit.predict({"Days": 9, "Subject": "337"}, groups="average", kind="response", seed=1, draws=True)
    known = fit.predict({"Days": 9, "Subject": "337"}, groups="known", kind="response", seed=1, draws=True)
    assert not np.allclose(seen, known)
    absent = fit.predict({"Days": [9, 9]}, groups="average", kind="response", seed=1, draws=True).to_numpy()
    empty = fit.predict({"Days": [9, 9], "Subject": None}, groups="average", kind="response", seed=1, draws=True)
    np.testing.assert_array_equal(absent, empty)
    assert not (absent[..., 0] == absent[..., 1]).any()


@pytest.mark.parametrize("name", ["categorical slopes", "indicators", "colons", "weights"])
def test_known_levels_keep_their_effects_beside_new_ones(name):
    fit, mixed = made_up(name), new_frame(name)
    kept = np.arange(len(mixed)) % 3 != 0
    new = fit.predict(mixed, groups="new", seed=1, draws=True).to_numpy()
    known = fit.predict(data_of(name), draws=True).to_numpy()
    # a known label beside a new one makes a new cell of an interaction
    columns = {column for block in fit.design.groups for column in block.columns}
    same = kept & (mixed[list(columns)].astype(str) == data_of(name)[list(columns)].astype(str)).all(axis=1).to_numpy()
    assert same.sum() > 10
    np.testing.assert_array_equal(new[..., same], known[..., same])
    assert not np.allclose(new[..., ~same], known[..., ~same])
