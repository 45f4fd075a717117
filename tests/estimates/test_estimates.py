"""Least squares against lme4's lmList, R's lm and a plain fit of each level."""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

import hierbayes
from hierbayes.errors import DataError, ModelError
from hierbayes.estimates import NoPooling, least_squares, no_pooling

REFERENCE = Path(__file__).parents[1] / "reference" / "classical.json"
DATASETS = Path(hierbayes.__file__).parent / "datasets"


@pytest.fixture(scope="module")
def classical() -> dict:
    return json.loads(REFERENCE.read_text())


def table(name: str) -> dict[str, np.ndarray]:
    path = next(file for file in DATASETS.glob("*.csv") if file.stem.lower() == name)
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    return {column: np.array([row[column] for row in rows]) for column in rows[0]}


def coded(column: np.ndarray) -> tuple[np.ndarray, list[str]]:
    levels, codes = np.unique(column, return_inverse=True)
    return codes, levels.tolist()


@pytest.fixture
def sleep() -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    data = table("sleepstudy")
    days = data["Days"].astype(float)
    codes, levels = coded(data["Subject"])
    return data["Reaction"].astype(float), np.column_stack([np.ones_like(days), days]), codes, levels


def one_by_one(y, X, Z, codes, n_levels, root, gamma) -> np.ndarray:
    """Fit each level with numpy's own least squares, gamma taken as known."""
    coef = np.full((n_levels, Z.shape[1]), np.nan)
    for level in range(n_levels):
        rows = codes == level
        if rows.sum() >= Z.shape[1]:
            weight = root[rows, None]
            target = (y - X @ gamma)[rows] * root[rows]
            coef[level] = np.linalg.lstsq(Z[rows] * weight, target, rcond=None)[0]
    return coef


def unbalanced(seed: int = 3, n_levels: int = 200) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    counts = rng.integers(4, 12, n_levels)
    codes = rng.permutation(np.repeat(np.arange(n_levels), counts))
    n = len(codes)
    Z = np.column_stack([np.ones(n), 2000 + rng.normal(size=n), rng.normal(size=n)])
    X = rng.normal(size=(n, 2))
    y = X @ [1.0, -2.0] + rng.normal(size=(n_levels, 3))[codes][:, 0] + 0.3 * Z[:, 1] + rng.normal(size=n)
    return y, X, Z, codes, rng.uniform(0.2, 3.0, n)


def test_sleepstudy_unpooled_is_lmlist(sleep, classical) -> None:
    y, Z, codes, levels = sleep
    fit = no_pooling(y, None, Z, codes, len(levels))
    expected = classical["sleepstudy_unpooled"]["coef"]
    assert expected["levels"] == levels
    np.testing.assert_allclose(fit.coef, expected["values"], rtol=1e-9)
    assert not fit.too_small.any()
    assert fit.df == 144
    assert fit.sigma == pytest.approx(25.5918, abs=5e-5)


def test_lmlist_standard_errors_use_the_pooled_sigma(sleep) -> None:
    y, Z, codes, levels = sleep
    fit = no_pooling(y, np.empty((180, 0)), Z, codes, len(levels))
    expected = fit.sigma * np.sqrt(np.diag(np.linalg.inv(Z[codes == 0].T @ Z[codes == 0])))
    np.testing.assert_allclose(fit.se, np.tile(expected, (18, 1)), rtol=1e-12)


def test_sleepstudy_pooled_is_lm(sleep, classical) -> None:
    y, X, _, _ = sleep
    fit, expected = least_squares(y, X), classical["sleepstudy_pooled"]
    np.testing.assert_allclose(fit.beta, list(expected["fixef"].values()), rtol=1e-9)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), list(expected["se"].values()), rtol=1e-9)
    assert fit.sigma == pytest.approx(expected["sigma"], rel=1e-10)
    assert (fit.df, fit.rank) == (178, 2)


@pytest.mark.parametrize("weighted", [False, True])
def test_loglik_is_the_normal_density_at_its_maximum(weighted) -> None:
    y, X, _, _, weights = unbalanced(n_levels=10)
    fit = least_squares(y, X, weights if weighted else None)
    precision = weights if weighted else np.ones_like(y)
    scale = fit.sigma * np.sqrt(fit.df / len(y)) / np.sqrt(precision)
    assert fit.loglik == pytest.approx(norm.logpdf(y, X @ fit.beta, scale).sum(), rel=1e-12)


def test_dyestuff_pooled_and_unpooled(classical) -> None:
    data = table("dyestuff")
    y = data["Yield"].astype(float)
    codes, levels = coded(data["Batch"])
    one = np.ones((len(y), 1))
    pooled, expected = least_squares(y, one), classical["dyestuff_pooled"]
    assert [pooled.beta[0], pooled.covariance[0, 0] ** 0.5, pooled.sigma] == pytest.approx(
        [expected["fixef"][0], expected["se"][0], expected["sigma"]], rel=1e-10
    )
    separate, expected = no_pooling(y, None, one, codes, len(levels)), classical["dyestuff_unpooled"]
    np.testing.assert_allclose(separate.coef[:, 0], list(expected["fixef"].values()), rtol=1e-10)
    np.testing.assert_allclose(separate.se[:, 0], list(expected["se"].values()), rtol=1e-8)
    assert separate.sigma == pytest.approx(expected["sigma"], rel=1e-8)


def test_penicillin_unpooled_fits_plates_and_samples_together(classical) -> None:
    data, expected = table("penicillin"), classical["penicillin_unpooled"]
    y = data["diameter"].astype(float)
    codes, levels = coded(data["plate"])
    samples = np.unique(data["sample"])[1:]
    X = (data["sample"][:, None] == samples).astype(float)
    fit = no_pooling(y, X, np.ones((len(y), 1)), codes, len(levels))
    fixef = expected["fixef"]
    plates = fixef["(Intercept)"] + np.array([0.0] + [fixef[f"plate{level}"] for level in levels[1:]])
    np.testing.assert_allclose(fit.coef[:, 0], plates, rtol=1e-10)
    np.testing.assert_allclose(fit.gamma, [fixef[f"sample{sample}"] for sample in samples], rtol=1e-9)
    se = [expected["se"][f"sample{sample}"] for sample in samples]
    np.testing.assert_allclose(np.sqrt(np.diag(fit.gamma_covariance)), se, rtol=1e-6)
    assert fit.se[0, 0] == pytest.approx(expected["se"]["(Intercept)"], rel=1e-6)
    assert fit.sigma == pytest.approx(expected["sigma"], rel=1e-6)
    assert fit.df == 144 - 24 - 5


@pytest.mark.parametrize("weighted", [False, True])
def test_every_level_agrees_with_its_own_least_squares(weighted) -> None:
    y, X, Z, codes, weights = unbalanced()
    fit = no_pooling(y, X, Z, codes, 200, weights if weighted else None)
    root = np.sqrt(weights) if weighted else np.ones_like(y)
    expected = one_by_one(y, X, Z, codes, 200, root, fit.gamma)
    centre = np.abs(Z).mean(axis=0)
    # The intercept at x = 0 lies 2000 sds away, so the fit is compared where the data are.
    np.testing.assert_allclose(fit.coef @ centre, expected @ centre, rtol=1e-10)
    np.testing.assert_allclose(fit.coef[:, 2], expected[:, 2], rtol=1e-10, atol=1e-10)


def test_shared_coefficients_equal_the_fit_with_all_dummies() -> None:
    y, X, Z, codes, weights = unbalanced(n_levels=20)
    Z = np.column_stack([Z[:, 0], Z[:, 1] - 2000, Z[:, 2]])
    fit = no_pooling(y, X, Z, codes, 20, weights)
    dummies = (codes[:, None] == np.arange(20))[:, :, None] * Z[:, None, :]
    full = least_squares(y, np.column_stack([X, dummies.reshape(len(y), -1)]), weights)
    np.testing.assert_allclose(fit.gamma, full.beta[:2], rtol=1e-10)
    np.testing.assert_allclose(fit.coef.ravel(), full.beta[2:], rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(fit.se.ravel(), np.sqrt(np.diag(full.covariance))[2:], rtol=1e-9)
    np.testing.assert_allclose(fit.gamma_covariance, full.covariance[:2, :2], rtol=1e-9, atol=1e-15)
    assert (fit.sigma, fit.df) == (pytest.approx(full.sigma, rel=1e-12), full.df)


def test_a_predictor_constant_within_levels_keeps_its_complete_pooling_estimate() -> None:
    rng = np.random.default_rng(8)
    codes = np.repeat(np.arange(12), 6)
    between, within = rng.normal(size=12)[codes], rng.normal(size=72)
    y = 3 * between - within + rng.normal(size=72)
    X, one = np.column_stack([between, within]), np.ones((72, 1))
    complete = least_squares(y, np.column_stack([one, X])).beta[1:]
    fit = no_pooling(y, X, one, codes, 12, gamma_complete=complete)
    alone = no_pooling(y, within[:, None], one, codes, 12)
    assert fit.gamma[0] == pytest.approx(complete[0], rel=1e-13)
    assert fit.gamma[1] == pytest.approx(alone.gamma[0], rel=1e-12)
    assert fit.gamma_covariance[0] == pytest.approx([0.0, 0.0], abs=1e-15)
    assert (fit.df, fit.sigma) == (alone.df, pytest.approx(alone.sigma, rel=1e-12))
    with pytest.raises(ModelError, match="identify 1 of the 2 shared"):
        no_pooling(y, X, one, codes, 12)


def too_small_levels() -> NoPooling:
    x = np.array([0.0, 1, 2, 0, 1, 5, 4, 4, 4])
    codes = np.array([0, 0, 0, 1, 1, 2, 4, 4, 4])
    y = np.array([1.0, 2.5, 2, 4, 7, 9, 1, 2, 3])
    return no_pooling(y, None, np.column_stack([np.ones(9), x]), codes, 5)


def test_levels_too_small_are_nan_and_take_no_part() -> None:
    fit = too_small_levels()
    assert fit.too_small.tolist() == [False, False, True, True, True]
    assert fit.counts.tolist() == [3, 2, 1, 0, 3]
    np.testing.assert_array_equal(np.isnan(fit.coef).all(axis=1), fit.too_small)
    np.testing.assert_array_equal(np.isnan(fit.se).all(axis=1), fit.too_small)
    np.testing.assert_allclose(fit.coef[:2], [[4 / 3, 0.5], [4.0, 3.0]], rtol=1e-12)
    assert fit.df == 1
    assert fit.sigma == pytest.approx(np.sqrt(2 / 3), rel=1e-12)


def test_without_degrees_of_freedom_there_is_no_sigma() -> None:
    fit = no_pooling([1.0, 2.0], None, np.ones((2, 1)), [0, 1], 2)
    assert fit.coef[:, 0].tolist() == [1.0, 2.0]
    assert fit.df == 0
    assert np.isnan(fit.sigma)
    assert np.isnan(fit.se).all()


def test_rank_deficient_columns() -> None:
    x = np.arange(5.0)
    X = np.column_stack([np.ones(5), x, 2 * x - 1])
    y = 1 + 2 * x
    with pytest.raises(ModelError, match="3 columns of the model have rank 2"):
        least_squares(y, X)
    fit = least_squares(y, X, allow_deficient=True)
    assert (fit.rank, fit.df) == (2, 3)
    np.testing.assert_allclose(X @ fit.beta, y, rtol=1e-12)


def test_far_offsets_are_not_called_deficient() -> None:
    x = 1e9 + np.arange(6.0)
    fit = least_squares(3 * np.arange(6.0), np.column_stack([np.ones(6), x]))
    assert fit.rank == 2
    assert fit.beta[1] == pytest.approx(3, rel=1e-6)


def test_weights_act_as_repeated_rows() -> None:
    y, X = np.array([1.0, 4.0, 2.0]), np.column_stack([np.ones(3), [0.0, 1.0, 2.0]])
    repeat = [2, 1, 3]
    weighted = least_squares(y, X, repeat)
    repeated = least_squares(np.repeat(y, repeat), np.repeat(X, repeat, axis=0))
    np.testing.assert_allclose(weighted.beta, repeated.beta, rtol=1e-12)
    assert weighted.sigma**2 * weighted.df == pytest.approx(repeated.sigma**2 * repeated.df, rel=1e-12)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"weights": [1.0, 0.0, 1.0]}, "Weight 0.0 in row 1"),
        ({"weights": [1.0]}, "weights have shape"),
        ({"y": [1.0, np.nan, 2.0]}, "Row 1 holds a missing"),
        ({"codes": [0, 1, 2]}, "Row 2 has level code 2; there are 2 levels"),
        ({"codes": [0, 1]}, "level codes have shape"),
        ({"Z": np.ones((2, 1))}, "does not fit 3 rows"),
        ({"gamma_complete": [1.0]}, "gamma_complete has shape"),
    ],
)
def test_bad_input_is_named(arguments, words) -> None:
    good = {"y": [1.0, 2.0, 3.0], "X": None, "Z": np.ones((3, 1)), "codes": [0, 0, 1], "n_levels": 2}
    with pytest.raises(DataError, match=words):
        no_pooling(**{**good, **arguments})


def test_nothing_is_mutated() -> None:
    y, X, Z, codes, weights = unbalanced(n_levels=10)
    before = [array.copy() for array in (y, X, Z, codes, weights)]
    no_pooling(y, X, Z, codes, 10, weights)
    for array, copy in zip((y, X, Z, codes, weights), before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_a_hundred_thousand_levels() -> None:
    rng = np.random.default_rng(1)
    codes = np.repeat(np.arange(100_000), rng.integers(1, 7, 100_000))
    Z = np.column_stack([np.ones(len(codes)), rng.normal(size=len(codes))])
    start = time.perf_counter()
    fit = no_pooling(rng.normal(size=len(codes)), None, Z, codes, 100_000)
    assert time.perf_counter() - start < 20
    assert fit.too_small.sum() == (fit.counts == 1).sum()
