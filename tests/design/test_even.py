"""The default priors of a term do not depend on how its factors are coded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from seeds import shifted

import hierbayes as hb
from hierbayes.design.even import basis_of, centring, even_contrasts
from hierbayes.families import family as by_name
from hierbayes.storage.specs import priors_from_json, priors_to_json

SUM, HELMERT, POLY = ({"contrasts": {"f": kind}} for kind in ("sum", "helmert", "poly"))

SAME_SPACE: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "one factor": [
        ("f", {}),
        ("0 + f", {}),
        ("f", SUM),
        ("f", HELMERT),
        ("f", POLY),
        ("C(f, reference='b')", {}),
        ("C(f, levels=['b', 'c', 'd', 'a'])", {}),
        ("C(f, contrast='sum')", {}),
    ],
    "two factors": [("f + h", {}), ("h + f", SUM), ("0 + h + f", HELMERT)],
    "an interaction": [("f * h", {}), ("h * f", SUM), ("0 + f:h", {}), ("f / h", {"contrasts": {"h": "helmert"}})],
    "a slope in each cell": [("f * x", {}), ("0 + f + f:x", {}), ("f / x", {}), ("x * f", SUM)],
    "slopes alone": [("0 + f:x", {}), ("0 + x + x:f", {}), ("0 + x + x:f", SUM)],
    "a number beside": [("f + x", {}), ("0 + x + f", {}), ("x + f", POLY)],
    "a call beside": [("f + poly(x, 2)", {}), ("0 + f + poly(x, 2)", {})],
    "numbers by numbers": [("f * x * z", {}), ("z * x * f", SUM)],
    "two levels": [("h", {}), ("0 + h", {}), ("h", {"contrasts": {"h": "sum"}}), ("C(h, reference='v')", {})],
    "true or false": [("b", {}), ("0 + b", {}), ("C(b, contrast='sum')", {})],
}
CASES = [(name, i) for name, own in SAME_SPACE.items() for i in range(1, len(own))]


def table(n: int = 240) -> pd.DataFrame:
    """Rows of twelve levels of g, unbalanced in f (four levels), h and b."""
    rng = np.random.default_rng(11)
    f = rng.choice(list("cabd"), n, p=[0.4, 0.1, 0.2, 0.3])
    h, g = rng.choice(["u", "v"], n, p=[0.3, 0.7]), np.arange(n) % 12
    effects = rng.normal(size=(12, 4)) * [0.3, 1.5, 0.3, 0.8]
    y = 2 + effects[g, [list("abcd").index(level) for level in f]] + rng.normal(size=n)
    x, z = rng.normal(3, 2, n), rng.uniform(size=n)
    return pd.DataFrame({"g": [f"g{i}" for i in g], "f": f, "h": h, "b": h == "u", "x": x, "z": z, "y": y})


def model(bar: str, data: pd.DataFrame | None = None, **options: Any) -> hb.Model:
    return hb.Model(f"y ~ 1 + ({bar} | g)", table() if data is None else data, **options)


def stated(own: hb.Model) -> tuple[np.ndarray, list[float]]:
    """Return the columns that the priors refer to, and the scales of the sds."""
    (block,) = own.problem.blocks
    return block.Z, [prior.sigma for prior in block.sd_priors]  # type: ignore[union-attr]


def gap(first: hb.Model, second: hb.Model) -> float:
    """Return how far two models are apart in the columns or the scales of the sds; 0 is one prior."""
    (Z, scales), (other, others) = stated(first), stated(second)
    return max(float(np.abs(Z - other).max()), float(np.abs(np.subtract(scales, others)).max()))


# the columns


@pytest.mark.parametrize("levels", ["ab", "ba", "abcd", "dbca", "abcdefgh"])
def test_the_contrasts_treat_all_levels_alike(levels: str) -> None:
    H = even_contrasts(tuple(levels))
    k = len(levels)
    np.testing.assert_allclose(H.sum(axis=0), 0, atol=1e-15)
    np.testing.assert_allclose(H.T @ H, np.eye(k - 1) / 2, atol=1e-15)
    apart = np.sum((H[:, None] - H[None]) ** 2, axis=2)
    np.testing.assert_allclose(apart, 1 - np.eye(k), atol=1e-15)


def test_the_contrasts_belong_to_the_levels_not_to_their_order() -> None:
    H, other = even_contrasts(tuple("abcd")), even_contrasts(tuple("cadb"))
    np.testing.assert_array_equal(other, H[[2, 0, 3, 1]])


@pytest.mark.parametrize(("name", "i"), CASES, ids=[f"{name}, {SAME_SPACE[name][i][0]}" for name, i in CASES])
def test_every_coding_has_one_prior(name: str, i: int) -> None:
    (bar, options), (other, others) = SAME_SPACE[name][0], SAME_SPACE[name][i]
    first, second = model(bar, **options), model(other, **others)
    assert gap(first, second) < 1e-12
    assert first.problem.blocks[0].corr_prior == second.problem.blocks[0].corr_prior
    for own in (first, second):
        np.testing.assert_array_equal(own.problem.blocks[0].Z, own.design.groups[0].Z @ own.problem.blocks[0].back)


@pytest.mark.parametrize("other", ["0 + f", "f", "C(f, reference='b')"])
def test_priors_of_the_columns_as_written_are_told_apart(other: str) -> None:
    """The control: what the user sets is read for the columns as coded, and is another prior in another coding."""
    scale = {"sd_g": hb.HalfStudentT(3, 2.0)}
    options = SUM if other == "f" else {}
    assert gap(model("f", priors=scale), model(other, priors=scale, **options)) > 0.1
    assert not model(other, priors=scale, **options).resolved_priors.blocks[0].moved


@pytest.mark.parametrize("ordered", [False, True])
def test_the_order_of_declared_levels_is_no_prior(ordered: bool) -> None:
    data = table()
    declared = data.assign(f=pd.Categorical(data["f"], list("dcba"), ordered=ordered))
    assert gap(model("f"), model("f", declared)) < 1e-12


def test_where_the_priors_hold() -> None:
    """By hand: the intercept at the mean over rows, b against a, c against both, d against the three."""
    data = table()
    Z, scales = stated(model("f"))
    rows = data["f"].map({"a": [-1, -1, -1], "b": [1, -1, -1], "c": [0, 2, -1], "d": [0, 0, 3]})
    contrasts = np.array(rows.tolist()) / np.sqrt([4, 12, 24])
    np.testing.assert_allclose(Z, np.column_stack([np.ones(240), contrasts - contrasts.mean(axis=0)]), atol=1e-13)
    np.testing.assert_allclose(scales, 2.5 * data["y"].std())


def test_a_slope_in_each_cell_is_scaled_by_the_number_itself() -> None:
    data = table()
    Z, scales = stated(model("f * x"))
    x = data["x"] - data["x"].mean()
    np.testing.assert_allclose(scales[:4], 2.5 * data["y"].std())
    np.testing.assert_allclose(scales[4:], 2.5 * data["y"].std() / data["x"].std())
    raw = even_contrasts(tuple("abcd"))[[list("abcd").index(level) for level in data["f"]]] * x.to_numpy()[:, None]
    np.testing.assert_allclose(Z[:, 5:], raw - raw.mean(axis=0), atol=1e-12)


def test_where_zero_is_plays_no_part_in_a_slope_of_each_cell() -> None:
    far = table().assign(x=table()["x"] + 2000)
    assert gap(model("f * x"), model("f * x", far)) < 1e-8


# where nothing changes


@pytest.mark.parametrize("bar", ["x", "x + z", "x * z", "poly(x, 2)"])
def test_numbers_alone_are_centred_as_they_are(bar: str) -> None:
    own = model(bar)
    (block,) = own.design.groups
    assert block.even is None
    np.testing.assert_array_equal(own.problem.blocks[0].back, centring(block.Z))
    np.testing.assert_array_equal(own.problem.blocks[0].Z, block.Z - np.r_[0, block.Z[:, 1:].mean(axis=0)])
    assert set(own.priors["note"]) == {"at the mean of its predictors", ""}


@pytest.mark.parametrize("bar", ["h", "b"])
def test_two_levels_are_treatment_columns_less_their_means(bar: str) -> None:
    own = model(bar)
    (block,) = own.design.groups
    np.testing.assert_array_equal(own.problem.blocks[0].back, centring(block.Z))
    assert not own.resolved_priors.blocks[0].columns


@pytest.mark.filterwarnings("ignore::hierbayes.errors.HierBayesWarning")
def test_split_terms_stay_as_they_are_written() -> None:
    own = hb.Model("y ~ 1 + (f || g)", table())
    assert not any(block.moved for block in own.resolved_priors.blocks)
    assert all(block.even is None for block in own.design.groups)


# cells that are empty


@pytest.mark.filterwarnings("ignore::hierbayes.errors.HierBayesWarning")
@pytest.mark.parametrize(("other", "options"), [("h * f", {}), ("f * h", SUM), ("0 + f:h", {})])
def test_an_empty_cell_leaves_one_prior(other: str, options: dict[str, Any]) -> None:
    data = table()
    data = data[~((data["f"] == "b") & (data["h"] == "v"))]
    first, second = model("f * h", data), model(other, data, **options)
    assert first.problem.blocks[0].Z.shape[1] == 7
    assert first.resolved_priors.blocks[0].columns
    assert gap(first, second) < 1e-12


def test_columns_of_another_space_have_no_basis() -> None:
    rng = np.random.default_rng(2)
    Z, turn = rng.normal(size=(20, 3)), rng.normal(size=(3, 3))
    np.testing.assert_allclose(basis_of(Z, Z @ turn), turn, rtol=1e-10)
    assert basis_of(Z, Z @ turn + 1e-6 * rng.normal(size=(20, 3))) is None
    assert basis_of(np.column_stack([Z, Z[:, 0] + Z[:, 1]]), Z) is None


# what is said


def test_the_table_says_where_each_prior_holds() -> None:
    notes = model("f").priors["note"]
    assert notes["sd_g[Intercept]"] == "of Intercept, at the mean of its predictors"
    assert notes["sd_g[f[b]]"] == "of f[b] against f[a], at the mean of its predictors"
    assert notes["sd_g[f[d]]"] == "of f[d] against f[a] to f[c], at the mean of its predictors"
    assert notes["corr_g"] == "of the same columns as the sds"
    assert model("x * f").priors["note"]["sd_g[x:f[c]]"].startswith("of x by f[c] against f[a] to f[b]")


@pytest.mark.parametrize("bar", ["0 + f:x", "0 + x + x:f"])
def test_slopes_without_an_intercept_are_not_said_to_hold_at_the_mean(bar: str) -> None:
    """No constant is among their columns, so that nothing is taken from them."""
    own = model(bar)
    notes = own.priors["note"].filter(like="sd_g")
    assert notes.iloc[0] == "of x"
    assert notes.iloc[1] == "of x by f[b] against f[a]"
    assert "at the mean of its predictors" not in own.equation("words")
    np.testing.assert_allclose(stated(own)[0][:, 0], table()["x"], atol=1e-12)


def test_the_equation_and_the_words_say_it() -> None:
    own = model("f")
    assert "sd of f[c] against f[a] to f[b] ~ HalfStudentT" in own.equation("words")
    assert r"\begin{pmatrix}" in own.equation()
    assert r"\begin{pmatrix}" not in model("x").equation()


def test_the_categories_of_a_response_each_have_the_basis() -> None:
    data = table().assign(k=np.resize(["no", "yes", "perhaps"], 240))
    own = hb.Model("k ~ 1 + (f | g)", data, family="categorical")
    single = model("f").problem.blocks[0].back
    np.testing.assert_allclose(own.problem.blocks[0].back, np.kron(np.eye(2), single), atol=1e-13)
    assert own.resolved_priors.blocks[0].columns[5] == "yes:f[b] against f[a]"
    other = hb.Model("k ~ 1 + (0 + f | g)", data, family="categorical")
    assert gap(own, other) < 1e-12


# files


def test_the_basis_comes_back_from_a_file() -> None:
    for own in (model("f"), model("x"), model("f", priors={"corr_g": hb.LKJ(3)})):
        (wanted,) = own.resolved_priors.blocks
        (found,) = priors_from_json(priors_to_json(own.resolved_priors), own.spec.family).blocks
        np.testing.assert_array_equal(found.basis, wanted.basis)
        assert (found.sd, found.corr, found.columns) == (wanted.sd, wanted.corr, wanted.columns)


def test_files_say_what_was_taken_from_each_column_where_that_is_all() -> None:
    told = priors_to_json(model("x").resolved_priors)
    (block,) = told["blocks"]
    middle = table()["x"].mean()
    assert block["centre"] == [0.0, middle]
    block["centre"] = [0.0, middle, 0.0, middle]
    block["sd"] = block["sd"] * 2
    (found,) = priors_from_json(told, by_name("categorical", 3)).blocks
    wanted = np.kron(np.eye(2), [[1, -middle], [0, 1]])
    np.testing.assert_array_equal(found.basis, wanted)


# the posterior


def cells(own: hb.Model, draws: Any) -> np.ndarray:
    """Return the draws of the covariance matrix of the cells of f, whatever the coding."""
    sd = draws["sd_g"].to_numpy().reshape(-1, 4)
    covariance = sd[:, :, None] * draws["corr_g"].to_numpy().reshape(-1, 4, 4) * sd[:, None, :]
    f = table()["f"].to_numpy()
    rows = np.array([own.design.groups[0].Z[np.argmax(f == level)] for level in "abcd"])
    return np.asarray(rows @ covariance @ rows.T)


@pytest.mark.parametrize("i", range(1, len(SAME_SPACE["one factor"])))
def test_prior_draws_are_the_same_in_every_coding(i: int) -> None:
    first, (bar, options) = model("f"), SAME_SPACE["one factor"][i]
    second = model(bar, **options)
    wanted = cells(first, first.prior_draws(200, seed=3))
    np.testing.assert_allclose(cells(second, second.prior_draws(200, seed=3)), wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.slow
def test_the_posterior_is_the_same_in_every_coding() -> None:
    """Medians of log sds of the cells within Monte Carlo error, and those under the priors as written beyond it."""
    options: dict[str, Any] = {"draws": 4000, "chains": 4, "seed": shifted(5), "progress": False}

    def median(bar: str, **given: Any) -> np.ndarray:
        own = model(bar, **given)
        sigma = cells(own, own.fit(**options).posterior)
        return np.asarray(np.median(np.log(np.diagonal(sigma, axis1=1, axis2=2)) / 2, axis=0))

    wanted = median("f")
    for bar, given in (("0 + f", {}), ("f", SUM), ("f", HELMERT)):
        np.testing.assert_allclose(median(bar, **given), wanted, atol=0.03)
    scale = 2.5 * table()["y"].std()
    as_written = [median(bar, priors={"sd_g": hb.HalfStudentT(3, scale)}) for bar in ("f", "0 + f")]
    assert np.abs(as_written[0] - as_written[1]).max() > 0.06
