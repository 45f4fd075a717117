"""Priors: each rule of the defaults on the case that it is there for, and what a user may set."""

from __future__ import annotations

import math
from dataclasses import fields
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import hierbayes as hb
from hierbayes.design.build import build
from hierbayes.design.design import Design
from hierbayes.design.scaling import ResolvedPriors, default_corr, prior_keys, prior_table, resolve
from hierbayes.engines.assemble import assemble
from hierbayes.engines.base import Problem
from hierbayes.errors import ModelError
from hierbayes.priors import Flat, Prior
from hierbayes.spec import make_spec


def resolved(formula: str, data: Any, **options: Any) -> tuple[ResolvedPriors, Design]:
    spec = make_spec(formula, **options)
    design = build(spec, data)
    return resolve(spec, design), design


def problem(formula: str, data: Any, **options: Any) -> Problem:
    priors, design = resolved(formula, data, **options)
    return assemble(design, priors)[0]


def shown(formula: str, data: Any, **options: Any) -> dict[str, str]:
    priors, design = resolved(formula, data, **options)
    return {str(name): str(prior) for name, prior in prior_table(priors, design)["prior"].items()}


def correlation_law(priors: ResolvedPriors) -> Any:
    """The law of one correlation of the first term."""
    block = priors.blocks[0]
    assert block.corr is not None
    return block.corr.law(len(block.sd))


def normals(priors: tuple[Prior, ...]) -> tuple[np.ndarray, np.ndarray]:
    assert all(isinstance(prior, hb.Normal) for prior in priors)
    pairs = np.array([(prior.mu, prior.sigma) for prior in priors])  # type: ignore[attr-defined]
    return pairs[:, 0], pairs[:, 1]


def posterior_mean(X: np.ndarray, y: np.ndarray, mean: np.ndarray, sd: np.ndarray, sigma: float) -> np.ndarray:
    """Conjugate normal algebra with a known residual sd."""
    precision = X.T @ X / sigma**2 + np.diag(sd**-2.0)
    return np.linalg.solve(precision, X.T @ y / sigma**2 + mean / sd**2)


# the defaults


def test_the_intercept_is_at_the_mean_of_the_predictors() -> None:
    sleep = hb.load_data("sleepstudy")
    priors, design = resolved("Reaction ~ Days + (Days | Subject)", sleep)
    mean, sd = normals(priors.beta)
    y, days = sleep["Reaction"], sleep["Days"]
    np.testing.assert_allclose(mean, [y.mean(), 0])
    np.testing.assert_allclose(sd, [2.5 * y.std(), 2.5 * y.std() / days.std()])
    np.testing.assert_allclose(priors.centre, [0, days.mean()])
    assert prior_table(priors, design).loc["Intercept", "note"] == "at the mean of the predictors"


def far_off() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    a, b = rng.normal(100, 1, (2, 100))
    return pd.DataFrame({"a": a, "b": b, "y": 2 * (a - 100) * (b - 100) + rng.normal(size=100)})


def test_the_product_of_two_far_off_predictors_is_not_shrunk_away() -> None:
    data = far_off()
    own = problem("y ~ a * b", data)
    mean, sd = normals(own.beta_priors)
    spread = data["y"].std()  # a residual sd as large as the data's: the prior weighs more than it will
    found = (own.beta_back @ posterior_mean(own.X, own.y, mean, sd, spread))[3]
    assert found == pytest.approx(2, abs=0.3)
    assert found == pytest.approx(np.linalg.lstsq(own.X, own.y)[0][3], rel=0.02)
    naive = 2.5 * spread / own.X[:, 1:].std(axis=0, ddof=1)
    shrunk = posterior_mean(own.X, own.y, mean, np.array([sd[0], *naive]), spread)[3]
    assert 0 < shrunk < 0.06


def test_powers_and_correlated_predictors_keep_weak_priors() -> None:
    rng = np.random.default_rng(5)
    x = rng.uniform(50, 60, 200)
    twin = x + rng.normal(0, 0.01, 200)
    data = pd.DataFrame({"x": x, "twin": twin, "y": 3 * (x - 55) ** 2 + rng.normal(size=200)})
    for formula, coefficients in (("y ~ x + I(x^2)", 2), ("y ~ x + twin", 2)):
        own = problem(formula, data)
        mean, sd = normals(own.beta_priors)
        slopes = posterior_mean(own.X, own.y, mean, sd, 1.0)[1:]
        assert len(slopes) == coefficients
        flat = np.linalg.lstsq(own.X, own.y)[0][1:]
        np.testing.assert_allclose(slopes, flat, rtol=0.05, atol=0.05 * np.abs(flat).max())


def test_the_scale_of_a_slope_is_what_the_others_leave_of_its_column() -> None:
    rng = np.random.default_rng(6)
    data = pd.DataFrame(rng.normal(size=(40, 3)) @ rng.normal(size=(3, 3)), columns=list("uvw")).assign(
        y=rng.normal(size=40)
    )
    priors, design = resolved("y ~ u + v + w", data)
    for k in range(1, 4):
        others = np.delete(design.X, k, axis=1)
        rest = design.X[:, k] - others @ np.linalg.lstsq(others, design.X[:, k])[0]
        expected = 2.5 * data["y"].std() / math.sqrt(rest @ rest / 39)
        assert normals(priors.beta)[1][k] == pytest.approx(expected, rel=1e-10)


def test_in_a_plain_design_the_scale_is_the_sd_of_the_column() -> None:
    data = pd.DataFrame({"u": [-1, -1, 1, 1.0] * 3, "v": [-2, 2, -2, 2.0] * 3, "y": np.arange(12.0) ** 2})
    sd = normals(resolved("y ~ u + v", data)[0].beta)[1]
    np.testing.assert_allclose(sd, 2.5 * data["y"].std() / np.array([1, data["u"].std(), data["v"].std()]))


def test_an_offset_is_taken_from_the_response_first() -> None:
    data = far_off()
    (prior,) = resolved("y ~ 1 + offset(I(1000 * a))", data)[0].beta
    rest = data["y"] - 1000 * data["a"]
    np.testing.assert_allclose(np.ravel(normals((prior,))), [rest.mean(), 2.5 * rest.std()])


def test_group_means_without_an_intercept_lie_around_the_mean() -> None:
    dyes = hb.load_data("dyestuff")
    own = problem("Yield ~ 0 + Batch", dyes)
    mean, sd = normals(own.beta_priors)
    np.testing.assert_allclose(mean, dyes["Yield"].mean())
    assert (sd >= 2.5 * dyes["Yield"].std()).all()
    found = posterior_mean(own.X, own.y, mean, sd, dyes["Yield"].std())
    np.testing.assert_allclose(found, dyes.groupby("Batch", observed=True)["Yield"].mean(), atol=8)
    assert not own.X.sum(axis=1).std()


def test_group_means_and_a_slope_without_an_intercept() -> None:
    data = pd.DataFrame({"g": list("abcd") * 5, "x": 2000 + np.arange(20.0), "y": 500 + np.sin(np.arange(20))})
    mean, sd = normals(resolved("y ~ 0 + x + g", data)[0].beta)
    np.testing.assert_allclose(mean, [0, *[data["y"].mean()] * 4], atol=1e-6)
    within = data["x"] - data.groupby("g")["x"].transform("mean")
    assert sd[0] == pytest.approx(2.5 * data["y"].std() / math.sqrt(within @ within / 19))


def test_a_slope_without_an_intercept_takes_root_mean_squares() -> None:
    data = pd.DataFrame({"x": [8.0, 9, 10, 12], "y": [80.0, 91, 99, 121]})
    (prior,) = resolved("y ~ 0 + x", data)[0].beta
    rms = np.sqrt((data**2).mean())
    np.testing.assert_allclose(np.ravel(normals((prior,))), [0, 2.5 * rms["y"] / rms["x"]])


def groups() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    return pd.DataFrame(
        {
            "y": rng.normal(50, 4, 48),
            "x": rng.normal(3, 2, 48),
            "year": np.resize(np.arange(2000.0, 2012.0), 48),
            "d": np.resize([0.0, 1, 1], 48),
            "h": np.resize(list("uvw"), 48),
            "g": np.repeat(list("abcd"), 12),
        }
    )


SD = groups()["y"].std()


def test_the_sd_of_four_groups_has_two_and_a_half_sds() -> None:
    priors, _ = resolved("y ~ 1 + (1 | g)", groups())
    assert priors.blocks[0].sd == (hb.HalfStudentT(3, 2.5 * SD),)
    assert priors.blocks[0].corr is None
    assert priors.prior_of("sigma") == hb.HalfStudentT(3, SD)


@pytest.mark.parametrize(
    ("term", "scales"),
    [
        ("x", lambda d: [1, d["x"].std()]),
        ("0 + x", lambda d: [np.sqrt((d["x"] ** 2).mean())]),
        ("d", lambda d: [1, 1]),
        ("0 + d", lambda d: [1]),
        ("h", lambda d: [1, 1, 1]),
        ("0 + h", lambda d: [1, 1, 1]),
        ("year", lambda d: [1, d["year"].std()]),
    ],
)
def test_the_scale_of_a_group_sd_follows_its_column(term: str, scales: Any) -> None:
    data = groups()
    found = [prior.sigma for prior in resolved(f"y ~ ({term} | g)", data)[0].blocks[0].sd]  # type: ignore[attr-defined]
    np.testing.assert_allclose(found, 2.5 * SD / np.array(scales(data)))


def test_the_second_intercept_of_a_factor_is_scaled_and_centred_like_the_first() -> None:
    data = groups()
    plain = resolved("y ~ (x | g)", data)[0].blocks[0]
    second = resolved("y ~ (1 | g) + (x | g)", data)[0].blocks[1]
    assert second.sd == plain.sd
    np.testing.assert_array_equal(second.basis, plain.basis)
    back = problem("y ~ (1 | g) + (x | g)", data).blocks[1].back
    np.testing.assert_allclose(back, [[1, -data["x"].mean()], [0, 1]])


def test_correlations_of_two_columns_are_lkj_two() -> None:
    assert resolved("y ~ (x | g)", groups())[0].blocks[0].corr == hb.LKJ(2)
    assert resolved("y ~ (0 + h || g)", groups())[0].blocks[0].corr == hb.LKJ(1.5)  # three levels
    assert resolved("y ~ (x | g)", groups(), priors="flat")[0].blocks[0].corr == hb.LKJ(1)


def test_a_further_column_changes_nothing_for_the_correlations_of_the_others() -> None:
    """Up to four columns; the law of one correlation is that of LKJ(2) for a pair."""
    data, bars = groups(), ("x", "x + year", "x * year")
    laws = [correlation_law(resolved(f"y ~ ({bar} | g)", data)[0]) for bar in bars]
    for law in laws:
        assert law.pdf(0.6) == pytest.approx(stats.beta(2, 2, loc=-1, scale=2).pdf(0.6), rel=1e-12)
    five = correlation_law(resolved("y ~ (x * year + I(x**2) | g)", data)[0])
    assert five.pdf(0.6) < 0.95 * laws[0].pdf(0.6)
    assert default_corr(8) == hb.LKJ(1)


def test_weights_put_sigma_on_the_scale_of_one_row() -> None:
    priors, _ = resolved("y ~ 1", groups().assign(w=4.0), weights="w")
    assert isinstance(priors.prior_of("sigma"), hb.HalfStudentT)
    assert priors.prior_of("sigma").sigma == pytest.approx(2 * SD)


# centring


def test_a_correlated_term_on_calendar_years_is_centred_and_comes_back() -> None:
    data = groups()
    priors, design = resolved("y ~ year + (year | g)", data)
    block = assemble(design, priors)[0].blocks[0]
    mean = data["year"].mean()
    np.testing.assert_array_equal(priors.blocks[0].basis, [[1, -mean], [0, 1]])
    np.testing.assert_allclose(block.Z[:, 1].mean(), 0, atol=1e-9)
    rng = np.random.default_rng(2)
    b = rng.normal(size=(4, 2))
    here = np.sum(block.Z * b[block.codes], axis=1)
    there = np.sum(design.groups[0].Z * (b @ block.back.T)[block.codes], axis=1)
    np.testing.assert_allclose(here, there, atol=1e-9)
    sd, corr = np.array([3.0, 0.5]), 0.3
    centred = np.outer(sd, sd) * np.array([[1, corr], [corr, 1]])
    given = block.back @ centred @ block.back.T
    # by hand: the intercept at year 0 is a - mean b
    assert given[1, 1] == pytest.approx(0.25)
    assert given[0, 1] == pytest.approx(corr * 1.5 - mean * 0.25)
    assert given[0, 0] == pytest.approx(9 - 2 * mean * corr * 1.5 + mean**2 * 0.25)


def test_population_coefficients_come_back_from_the_centre() -> None:
    own = problem("y ~ year * x + h", groups())
    beta = np.arange(1.0, 7.0)
    given = resolved("y ~ year * x + h", groups())[1].X @ (own.beta_back @ beta)
    np.testing.assert_allclose(own.X @ beta, given, atol=1e-7)
    np.testing.assert_allclose(own.X[:, 1:].mean(axis=0), 0, atol=1e-9)


@pytest.mark.parametrize(
    "priors",
    [
        {"sd_g": hb.HalfNormal(1)},
        {"sd_g[year]": hb.Exponential(1)},
        {"sd_g[Intercept]": hb.Fixed(0)},
        {"corr_g": hb.LKJ(1)},
        {"corr_g": hb.Fixed(0.5)},
        "flat",
    ],
    ids=str,
)
def test_once_the_user_sets_an_sd_or_corr_the_term_is_read_as_written(priors: Any) -> None:
    found, design = resolved("y ~ year + (year | g)", groups(), priors=priors)
    assert not found.blocks[0].moved
    np.testing.assert_array_equal(assemble(design, found)[0].blocks[0].back, np.eye(2))


def test_other_terms_stay_centred_when_one_is_set() -> None:
    data = groups().assign(s=np.resize(list("pqrst"), 48))
    found, _ = resolved("y ~ (x | g) + (x | s)", data, priors={"sd_s": hb.HalfNormal(1), "sigma": hb.HalfNormal(1)})
    assert found.blocks[0].moved
    assert not found.blocks[1].moved


@pytest.mark.filterwarnings("ignore::hierbayes.errors.HierBayesWarning")
def test_split_terms_and_terms_without_an_intercept_are_never_centred() -> None:
    for formula in ("y ~ (year || g)", "y ~ (0 + year + x | g)", "y ~ (0 + h || g)"):
        found, _ = resolved(formula, groups())
        assert not any(block.moved for block in found.blocks)


def test_a_split_slope_far_from_zero_is_warned_of() -> None:
    with pytest.warns(hb.HierBayesWarning, match="'year' varies by 'g' without a correlation"):
        resolved("y ~ (year || g)", groups())


# what the user sets

KEYS = ("beta", "Intercept", "x", "sd_g", "sd_g[Intercept]", "sd_g[x]", "corr_g", "sigma")
SLOPES = "y ~ x + (x | g)"


def test_the_keys_of_a_model() -> None:
    assert prior_keys(resolved(SLOPES, groups())[1]) == KEYS
    two = resolved("y ~ (1 | g) + (1 | g) + (1 | h)", groups())[1]
    assert prior_keys(two)[2:] == ("sd_g", "sd_g[Intercept]", "sd_g[Intercept_2]", "sd_h", "sd_h[Intercept]", "sigma")


def test_the_most_exact_key_wins() -> None:
    given = {
        "beta": hb.Normal(0, 1),
        "x": hb.Normal(0, 5),
        "sd_g": hb.HalfNormal(2),
        "sd_g[x]": hb.Exponential(3),
        "corr_g": hb.LKJ(4),
        "sigma": hb.Gamma(2, 0.5),
    }
    priors, design = resolved(SLOPES, groups(), priors=given)
    assert priors.beta == (hb.Normal(0, 1), hb.Normal(0, 5))
    assert priors.blocks[0].sd == (hb.HalfNormal(2), hb.Exponential(3))
    assert priors.blocks[0].corr == hb.LKJ(4)
    assert priors.prior_of("sigma") == hb.Gamma(2, 0.5)
    assert set(prior_table(priors, design)["source"]) == {"user"}


def test_what_is_not_set_keeps_its_default() -> None:
    table = prior_table(*resolved(SLOPES, groups(), priors={"Intercept": hb.Normal(40, 3)}))
    assert table["source"].to_dict() == {
        "Intercept": "user",
        "x": "default",
        "sd_g[Intercept]": "default",
        "sd_g[x]": "default",
        "corr_g": "default",
        "sigma": "default",
    }
    assert table.loc["Intercept", "prior"] == "Normal(40, 3)"
    assert table.loc["Intercept", "note"] == "at the mean of the predictors"
    assert table.loc["corr_g", "note"] == "at the mean of its predictors"


def test_priors_of_factor_levels_and_interactions_have_their_labels_as_keys() -> None:
    given = {"h[v]:x": hb.Normal(0, 7), "sd_g:h": hb.HalfNormal(9)}
    found = shown("y ~ h * x + (1 | g:h)", groups(), priors=given)
    assert found["h[v]:x"] == "Normal(0, 7)"
    assert found["sd_g:h[Intercept]"] == "HalfNormal(9)"


UNKNOWN = {"sd_G": "'sd_g'", "X": "'x'", "sd_g[X]": r"'sd_g\[x\]'", "sgima": "'sigma'", "corr": "'corr_g'"}


@pytest.mark.parametrize("key", UNKNOWN)
def test_an_unknown_key_names_the_nearest_and_lists_all(key: str) -> None:
    with pytest.raises(ModelError, match=rf"no parameter '.*'.*\ndid you mean {UNKNOWN[key]}\? keys: ") as caught:
        resolved(SLOPES, groups(), priors={key: hb.HalfNormal(1)})
    assert all(known in str(caught.value) for known in KEYS)


def test_corr_is_no_key_where_nothing_is_correlated() -> None:
    with pytest.raises(ModelError, match="no parameter 'corr_g'"):
        resolved("y ~ (1 | g)", groups(), priors={"corr_g": hb.LKJ(1)})


@pytest.mark.parametrize("name", ["sigma", "beta", "sd_g"])
def test_a_key_that_is_a_column_as_well_is_refused(name: str) -> None:
    data = groups().rename(columns={"x": name})
    assert resolved(f"y ~ {name} + (1 | g)", data)[1].coefficients == ("Intercept", name)
    with pytest.raises(ModelError, match=f"'{name}' is the name of a column and of a parameter"):
        resolved(f"y ~ {name} + (1 | g)", data, priors={name: hb.HalfNormal(1)})


WRONG_KIND = [
    ("x", hb.HalfNormal(1), "Normal, Flat or Custom"),
    ("beta", hb.LKJ(1), "Normal, Flat or Custom"),
    ("Intercept", hb.Fixed(1), "Normal, Flat or Custom"),
    ("sd_g", hb.Normal(0, 1), "a positive prior"),
    ("sd_g[x]", hb.LKJ(2), "a positive prior"),
    ("sigma", hb.Normal(0, 1), "a positive prior"),
    ("corr_g", hb.Normal(0, 1), "LKJ, Fixed or Custom"),
    ("corr_g", Flat(), "LKJ, Fixed or Custom"),
]


@pytest.mark.parametrize(("key", "prior", "allowed"), WRONG_KIND, ids=[f"{row[0]} {row[1]}" for row in WRONG_KIND])
def test_a_prior_of_the_wrong_kind_says_what_fits(key: str, prior: Prior, allowed: str) -> None:
    with pytest.raises(ModelError, match=rf"does not fit .*\nit takes {allowed}"):
        resolved(SLOPES, groups(), priors={key: prior})


@pytest.mark.parametrize("given", ["weak", 3, [("x", hb.Normal())], {"x": 3}, {"x": hb.Normal}], ids=str)
def test_what_is_no_mapping_of_priors_is_refused(given: Any) -> None:
    with pytest.raises(ModelError, match=r"priors=|priors takes|is not a prior"):
        make_spec(SLOPES, priors=given)


def test_sds_and_sigma_may_be_fixed_from_zero_up() -> None:
    priors, _ = resolved(SLOPES, groups(), priors={"sd_g[x]": hb.Fixed(0), "sigma": hb.Fixed(2.5)})
    assert priors.blocks[0].sd[1] == hb.Fixed(0.0)
    assert priors.prior_of("sigma") == hb.Fixed(2.5)
    for key in ("sd_g", "sd_g[x]", "sigma"):
        with pytest.raises(ModelError, match=r"can be fixed at a number from 0 up, not at -1"):
            resolved(SLOPES, groups(), priors={key: hb.Fixed(-1)})
        with pytest.raises(ModelError, match=r"can be fixed at a number from 0 up"):
            resolved(SLOPES, groups(), priors={key: hb.Fixed([[1, 0], [0, 1]])})


def test_a_correlation_may_be_fixed_at_a_number_or_a_matrix() -> None:
    as_number, _ = resolved(SLOPES, groups(), priors={"corr_g": hb.Fixed(-0.4)})
    as_matrix, _ = resolved(SLOPES, groups(), priors={"corr_g": hb.Fixed(np.array([[1, -0.4], [-0.4, 1]]))})
    assert as_number.blocks[0].corr == as_matrix.blocks[0].corr == hb.Fixed(((1.0, -0.4), (-0.4, 1.0)))


@pytest.mark.parametrize("value", [1, -1, 1.5, [[1, 0.2], [0.3, 1]], [[2, 0], [0, 2]], [[1]], [[1, 0, 0]] * 3], ids=str)
def test_what_is_no_correlation_matrix_is_refused(value: Any) -> None:
    with pytest.raises(ModelError, match="no 2 x 2 correlation matrix"):
        resolved(SLOPES, groups(), priors={"corr_g": hb.Fixed(value)})


def test_three_equal_correlations_have_a_lower_limit() -> None:
    resolved("y ~ (h | g)", groups(), priors={"corr_g": hb.Fixed(-0.49)})
    with pytest.raises(ModelError, match="no 3 x 3 correlation matrix"):
        resolved("y ~ (h | g)", groups(), priors={"corr_g": hb.Fixed(-0.51)})


# flat


def test_flat_is_flat_everywhere_and_the_table_says_so() -> None:
    found = shown(SLOPES, groups(), priors="flat")
    assert found.pop("corr_g") == "LKJ(1)"
    assert set(found.values()) == {"Flat()"}
    table = prior_table(*resolved(SLOPES, groups(), priors="flat"))
    assert set(table["source"]) == {"user"}
    assert set(table["note"]) == {""}


PROPER = {
    "three groups": ("y ~ 1 + (1 | h)", True),
    "two groups": ("y ~ 1 + (1 | two)", False),
    "two groups, no intercept": ("y ~ 0 + x + (1 | two)", True),
    "slopes of two groups": ("y ~ x + (0 + x | two)", False),
    "slopes of two groups, no slope": ("y ~ 1 + (0 + x | two)", True),
    "a predictor of the groups": ("y ~ level + (1 | h)", False),
    "a predictor of four groups": ("y ~ level + (1 | g)", True),
    "the groups twice": ("y ~ g + (1 | g)", False),
    "correlated, four groups": ("y ~ x + (x | g)", True),
    "correlated, three groups": ("y ~ x + (x | h)", False),
}


@pytest.mark.parametrize("case", PROPER)
def test_flat_priors_are_refused_where_the_posterior_would_be_improper(case: str) -> None:
    formula, proper = PROPER[case]
    data = groups().assign(two=np.resize(list("ab"), 48))
    data["level"] = data["g" if "| g" in formula else "h"].map({"a": 1, "b": 4, "c": 2, "d": 9, "u": 1, "v": 4, "w": 2})
    if proper:
        assert isinstance(resolved(formula, data, priors="flat")[0].blocks[0].sd[0], Flat)
    else:
        with pytest.raises(ModelError, match=r"flat prior on the sds of '.*' gives an improper posterior"):
            resolved(formula, data, priors="flat")
    resolved(formula, data)


def test_a_flat_sd_alone_is_judged_by_the_coefficients_that_are_flat() -> None:
    data = groups().assign(two=np.resize(list("ab"), 48))
    resolved("y ~ 1 + (1 | two)", data, priors={"sd_two": Flat()})
    with pytest.raises(ModelError, match="has 2 levels and would need 3"):
        resolved("y ~ 1 + (1 | two)", data, priors={"sd_two": Flat(), "beta": Flat()})


def test_flat_coefficients_need_more_rows_than_columns() -> None:
    data = pd.DataFrame({"y": [1.0, 2, 4, 3], "x": [1.0, 3, 2, 5], "z": [2.0, 1, 1, 7]})
    with pytest.raises(ModelError, match="as many coefficients as rows"):
        resolved("y ~ x + z", data, priors="flat")


# priors as values

ALL = [
    hb.Normal(1, 2),
    hb.HalfNormal(2),
    hb.HalfStudentT(3, 2),
    hb.HalfCauchy(2),
    hb.Exponential(0.5),
    hb.Gamma(2, 0.5),
    hb.InverseGamma(3, 2),
    hb.LogNormal(0.5, 1),
    hb.Uniform(1, 2),
    hb.LKJ(2),
    hb.Fixed(0.5),
]


def test_priors_print_as_they_are_written() -> None:
    assert " ".join(map(str, ALL)).replace(", ", ",") == (
        "Normal(1,2) HalfNormal(2) HalfStudentT(3,2) HalfCauchy(2) Exponential(0.5) Gamma(2,0.5) InverseGamma(3,2) "
        "LogNormal(0.5,1) Uniform(1,2) LKJ(2) Fixed(0.5)"
    )
    assert repr(hb.Normal(1, 2)) == "Normal(mu=1.0, sigma=2.0)"
    assert str(Flat()) == "Flat()"


@pytest.mark.parametrize("prior", ALL, ids=str)
def test_priors_are_values(prior: Prior) -> None:
    same = type(prior)(*(getattr(prior, field.name) for field in fields(prior)))
    assert same == prior
    assert hash(same) == hash(prior)
    with pytest.raises(AttributeError):
        prior.sigma = 3.0  # type: ignore[attr-defined]


SCALED = {
    "Normal(1, 2)": hb.Normal(3, 6),
    "HalfNormal(2)": hb.HalfNormal(6),
    "HalfStudentT(3, 2)": hb.HalfStudentT(3, 6),
    "HalfCauchy(2)": hb.HalfCauchy(6),
    "Exponential(0.5)": hb.Exponential(0.5 / 3),
    "Gamma(2, 0.5)": hb.Gamma(2, 0.5 / 3),
    "InverseGamma(3, 2)": hb.InverseGamma(3, 6),
    "LogNormal(0.5, 1)": hb.LogNormal(0.5 + math.log(3), 1),
    "Uniform(1, 2)": hb.Uniform(3, 6),
    "Fixed(0.5)": hb.Fixed(1.5),
}


@pytest.mark.parametrize("prior", [prior for prior in ALL if str(prior) in SCALED], ids=str)
def test_a_scaled_prior_is_that_of_the_multiple(prior: Prior) -> None:
    assert prior.scaled(3) == SCALED[str(prior)]
    assert prior.scaled(1) is prior


def test_what_has_no_scale_cannot_be_scaled() -> None:
    assert Flat().scaled(3) == Flat()
    for prior in (hb.LKJ(2), hb.Fixed([[1, 0], [0, 1]]), hb.Custom(print)):
        assert prior.scaled(1) is prior
        with pytest.raises(ModelError, match="has no scale"):
            prior.scaled(3)
    for factor in (0, -1, math.nan, math.inf):
        for prior in (*ALL, Flat()):
            with pytest.raises(ModelError, match="by a positive number only"):
                prior.scaled(factor)


BAD: list[tuple[Any, tuple[Any, ...], str]] = [
    (hb.Normal, (0, -1), "Normal: sigma must be positive and finite, not -1"),
    (hb.Normal, (0, 0), "sigma must be positive"),
    (hb.Normal, (math.nan, 1), "mu must be finite, not nan"),
    (hb.Normal, (0, math.inf), "sigma must be positive and finite, not inf"),
    (hb.Normal, (0, "3"), "sigma must be a number, not '3'"),
    (hb.Normal, (True, 1), "mu must be a number, not True"),
    (hb.Normal, (0, np.True_), "sigma must be a number"),
    (hb.Normal, (0, None), "sigma must be a number, not None"),
    (hb.Normal, (0, 1j), "sigma must be a number"),
    (hb.Normal, (0, [1, 2]), "sigma must be a number"),
    (hb.Normal, (0, 10**400), "sigma must be a number"),
    (hb.HalfNormal, (-1,), "sigma must be positive"),
    (hb.HalfStudentT, (0, 1), "nu must be positive"),
    (hb.HalfCauchy, (0,), "beta must be positive"),
    (hb.Exponential, (-2,), "lam must be positive"),
    (hb.Gamma, (2, 0), "beta must be positive"),
    (hb.InverseGamma, (0, 1), "alpha must be positive"),
    (hb.LogNormal, (0, 0), "sigma must be positive"),
    (hb.Uniform, (2, 1), "needs 0 <= lower < upper"),
    (hb.Uniform, (-1, 1), "needs 0 <= lower < upper"),
    (hb.LKJ, (0,), "eta must be positive"),
    (hb.Fixed, (math.nan,), "finite"),
    (hb.Fixed, ("0.5",), "Fixed takes a number"),
    (hb.Fixed, (True,), "Fixed takes a number"),
    (hb.Fixed, ([0.1, 0.2],), "Fixed takes a number or a square matrix"),
    (hb.Fixed, (None,), "Fixed takes a number"),
    (hb.Custom, (3,), "Custom takes a function"),
]


@pytest.mark.parametrize(("make", "given", "message"), BAD, ids=[f"{row[0].__name__} {row[1]}"[:40] for row in BAD])
def test_parameters_that_make_no_sense_are_refused(make: Any, given: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        make(*given)


@pytest.mark.parametrize("number", [2, 2.0, np.float32(2), np.int8(2), np.array(2.0), Decimal(2)], ids=repr)
def test_any_number_may_be_a_parameter(number: Any) -> None:
    assert hb.HalfNormal(number) == hb.HalfNormal(2)
    assert type(hb.HalfNormal(number).sigma) is float
    assert hb.Fixed(number) == hb.Fixed(2.0)
