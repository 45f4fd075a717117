"""Joint tests of terms against contrasts by hand, other codings, classical chi-squares and dense densities."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from fits import fake_fit
from scipy import stats

import hierbayes as hb

TESTED = ["chi2", "tail_prob", "tail_mcse", "chi2_prob"]


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    n = 120
    found = pd.DataFrame(
        {
            "v": rng.choice(["a", "b", "c"], n, p=[0.5, 0.3, 0.2]),
            "w": rng.choice(["p", "q"], n, p=[0.7, 0.3]),
            "x": rng.normal(4, 1, n),
            "g": rng.choice(list("stu"), n),
        }
    )
    found["y"] = rng.normal(size=n) + 0.3 * found["x"]
    found["won"] = rng.integers(0, 2, n)
    return found


def same_posterior(fit: hb.Fit, formula: str, data: pd.DataFrame, **options: object) -> hb.Fit:
    """The same posterior in other coordinates: every draw gives every row the same linear predictor."""
    other = fake_fit(formula, data, draws=fit.posterior.sizes["draw"], **options)
    turn = np.linalg.lstsq(other.design.X, fit.design.X, rcond=None)[0]
    np.testing.assert_allclose(other.design.X @ turn, fit.design.X, atol=1e-8)
    other.posterior["beta"][:] = fit.posterior["beta"].to_numpy() @ turn.T
    return other


def by_hand(theta: np.ndarray) -> list[float]:
    """Distance of 0, share of the draws at least as far out, and the chi-square tail."""
    flat = theta.reshape(-1, theta.shape[-1])
    inverse = np.linalg.inv(np.atleast_2d(np.cov(flat.T)))
    away = flat - flat.mean(axis=0)
    distances = np.einsum("ij,jk,ik->i", away, inverse, away)
    zero = flat.mean(axis=0) @ inverse @ flat.mean(axis=0)
    return [zero, float(np.mean(distances >= zero)), float(stats.chi2.sf(zero, flat.shape[1]))]


def coefficients(fit: hb.Fit, *labels: str) -> np.ndarray:
    return fit.posterior["beta"].sel(coef=list(labels)).to_numpy()


CODINGS = [
    {"v": "sum", "w": "sum"},
    {"v": "helmert", "w": "sum"},
    {"v": "poly"},
    {"v": ("treatment", "c"), "w": ("treatment", "q")},
]
FORMULAS = ["y ~ v * w", "y ~ v * w * x + (1 | g)", "y ~ v / w + poly(x, 2):v", "y ~ 0 + v + v:x"]
TAILS = ["chi2", "tail_prob", "chi2_prob"]


@pytest.mark.parametrize("coding", CODINGS, ids=str)
@pytest.mark.parametrize(
    "formula", ["y ~ v * w", "y ~ v * w * x + (1 | g)", "y ~ v / w + poly(x, 2):v", "y ~ 0 + v + v:x"]
)
def test_the_coding_of_a_factor_does_not_matter(data: pd.DataFrame, formula: str, coding: dict) -> None:
    fit = fake_fit(formula, data, draws=200)
    coding = {name: own for name, own in coding.items() if name in formula}
    other = same_posterior(fit, formula, data, contrasts=coding)
    one, two = fit.joint_tests(evidence=False), other.joint_tests(evidence=False)
    assert one["term"].tolist() == two["term"].tolist()
    np.testing.assert_allclose(one[["df", *TESTED]], two[["df", *TESTED]], rtol=1e-6, atol=1e-12)


def test_the_coefficients_of_a_term_do_depend_on_the_coding(data: pd.DataFrame) -> None:
    """The control: treatment coefficients of v beside v:w refer to w = p alone, and their distance is another."""
    fit = fake_fit("y ~ v * w", data, draws=200)
    fit.posterior["beta"].loc[{"coef": "v[b]:w[q]"}] += 3.0
    raw = by_hand(coefficients(fit, "v[b]", "v[c]"))[0]
    assert abs(raw - fit.joint_tests("v")["chi2"][0]) > 0.1
    plain = fake_fit("y ~ v + w", data, draws=200)
    assert by_hand(coefficients(plain, "v[b]", "v[c]"))[0] == pytest.approx(plain.joint_tests("v")["chi2"][0])


def test_sum_coded_coefficients_and_centred_columns_are_what_is_tested(data: pd.DataFrame) -> None:
    fit = fake_fit("y ~ v * w * x", data, draws=200)
    centred = data.assign(x=data["x"] - data["x"].mean())
    other = same_posterior(fit, "y ~ v * w * x", centred, contrasts={"v": "sum", "w": "sum"})
    table = fit.joint_tests(evidence=False).set_index("term")
    for term, own in table.iterrows():
        labels = [
            label
            for label in other.design.coefficients
            if [part.split("[")[0] for part in label.split(":")] == str(term).split(":")
        ]
        assert own["df"] == len(labels)
        np.testing.assert_allclose(own[TAILS].astype(float), by_hand(coefficients(other, *labels)), rtol=1e-6)


def test_terms_are_contrasts_of_means_and_slopes(data: pd.DataFrame) -> None:
    fit = fake_fit("y ~ v * x + w", data, draws=200)
    table = fit.joint_tests(evidence=False).set_index("term")
    slopes = coefficients(fit, "v[b]:x", "v[c]:x")
    level = coefficients(fit, "v[b]", "v[c]") + data["x"].mean() * slopes
    average = coefficients(fit, "x") + slopes.sum(axis=-1, keepdims=True) / 3
    for term, theta in (("v", level), ("x", average), ("v:x", slopes), ("w", coefficients(fit, "w[q]"))):
        np.testing.assert_allclose(table.loc[term, TAILS].astype(float), by_hand(theta), rtol=1e-6)
    # of a single quantity the distance is mean over sd
    single = fit.contrasts("w").loc[0]
    assert table.loc["w", "chi2"] == pytest.approx((single["mean"] / single["sd"]) ** 2)
    moved = same_posterior(fit, "y ~ v * x + w", data.assign(x=data["x"] - 1950))
    np.testing.assert_allclose(moved.joint_tests(evidence=False)[TESTED], table[TESTED], rtol=1e-5)


def test_polynomials_are_tested_as_a_whole(data: pd.DataFrame) -> None:
    fit = fake_fit("y ~ poly(x, 2) * w", data, draws=200)
    raw = same_posterior(fit, "y ~ poly(x, 2, raw=True) * w", data)
    one, two = fit.joint_tests(evidence=False), raw.joint_tests(evidence=False)
    assert one["df"].tolist() == [2, 1, 2]
    np.testing.assert_allclose(one[TESTED], two[TESTED], rtol=1e-5)


@pytest.mark.parametrize(
    ("formula", "df"),
    [
        ("y ~ v * w", [2, 1, 2]),
        ("y ~ v:w", [5]),
        ("y ~ v / w", [2, 3]),
        ("y ~ 0 + v", [2]),
        ("y ~ 0 + v * w", [2, 1, 2]),
        ("y ~ v:x", [3]),
        ("y ~ x + v:x", [1, 2]),
        ("y ~ 1 + (1 | g)", []),
    ],
)
def test_degrees_of_freedom(data: pd.DataFrame, formula: str, df: list[int]) -> None:
    assert fake_fit(formula, data, draws=200).joint_tests(evidence=False)["df"].tolist() == df


FIXED = {"sd_B": hb.Fixed(14.0), "sd_B:V": hb.Fixed(10.0), "sigma": hb.Fixed(13.0)}


def test_flat_priors_give_the_classical_chi_square() -> None:
    """With the sds known, in balanced split plots, it is the sum of squares over the variance of its stratum."""
    oats, priors = hb.load_data("oats"), {"beta": hb.Flat(), **FIXED}
    fit = hb.fit("Y ~ V * N + (1 | B/V)", oats, priors=priors, draws=2000, seed=1, progress=False)
    table = fit.joint_tests().set_index("term")
    y, mean = oats["Y"], oats["Y"].mean()
    n = 18 * np.sum((oats.groupby("N", observed=True)["Y"].mean() - mean) ** 2) / 13.0**2
    v = 24 * np.sum((oats.groupby("V", observed=True)["Y"].mean() - mean) ** 2) / (13.0**2 + 4 * 10.0**2)
    cells = oats.groupby(["V", "N"], observed=True)["Y"].transform("mean")
    rows = oats.groupby("V", observed=True)["Y"].transform("mean")
    columns = oats.groupby("N", observed=True)["Y"].transform("mean")
    vn = np.sum((cells - rows - columns + mean) ** 2) / 13.0**2
    assert len(y) == 72
    expected = np.array([v, n, vn])
    # of 8,000 draws: the covariance has a relative error of sqrt(2 / 8000), the mean adds 2 d / sqrt(8000)
    error = expected * np.sqrt(2 / 8000) + 2 * np.sqrt(expected / 8000)
    assert (np.abs(table["chi2"] - expected) < 4 * error).all()
    tails = stats.chi2.sf(expected, [2, 3, 6])
    assert (np.abs(table["tail_prob"] - tails) < 4 * table["tail_mcse"] + 4 * error * 0.5 + 1e-9).all()
    assert table["evidence_ratio"].isna().all()
    assert table["note"].str.contains("its prior is flat").all()


def test_the_bayes_factor_against_dense_densities() -> None:
    """With sds and sigma known the evidence of each model is a normal density of the data."""
    oats = hb.load_data("oats")
    priors = {"beta": hb.Normal(0, 20), "Intercept": hb.Normal(100, 50), **FIXED}
    fit = hb.fit("Y ~ V * N + (1 | B/V)", oats, priors=priors, draws=400, chains=2, seed=1, progress=False)
    table = fit.joint_tests().set_index("term")
    design, problem = fit.design, fit.model.problem
    Z = design.Z.toarray()
    levels = [block.n_levels for block in design.groups]
    sds = np.repeat([{"B": 14.0, "B:V": 10.0}[block.factor] for block in design.groups], levels)
    noise = (Z * sds**2) @ Z.T + 13.0**2 * np.eye(design.n)
    m = np.array([prior.mu for prior in problem.beta_priors])
    s = np.array([prior.sigma for prior in problem.beta_priors])
    X = problem.X
    full = stats.multivariate_normal(X @ m, (X * s**2) @ X.T + noise).logpdf(design.y)
    cells = {"V": [], "N": [], "V:N": []}
    # differences of means, by the labels of the treatment coefficients
    labels = list(design.coefficients)
    for term in cells:
        own = [label for label in labels if ":".join(part.split("[")[0] for part in label.split(":")) == term]
        cells[term] = [np.eye(len(labels))[labels.index(label)] for label in own]
    for label in (each for each in labels if ":" in each):
        v, n = label.split(":")
        row = np.eye(len(labels))[labels.index(label)]
        place = [each for each in labels if each.startswith("V[") and ":" not in each].index(v)
        cells["V"][place] = cells["V"][place] + row / 4
        place = [each for each in labels if each.startswith("N[") and ":" not in each].index(n)
        cells["N"][place] = cells["N"][place] + row / 3
    for term, rows in cells.items():
        C = np.array(rows) @ problem.beta_back
        gain = (s**2)[:, None] * C.T @ np.linalg.inv((C * s**2) @ C.T)
        mean, covariance = m - gain @ (C @ m), np.diag(s**2) - gain @ (C * s**2)
        held = stats.multivariate_normal(X @ mean, X @ covariance @ X.T + noise).logpdf(design.y)
        assert np.log(table.loc[term, "evidence_ratio"]) == pytest.approx(held - full, abs=1e-6)


def test_the_bayes_factor_against_bridge_sampling() -> None:
    """Marginal likelihoods of two models with the same priors are another way to the same number."""
    oats = hb.load_data("oats")
    priors = {"sd_B": hb.HalfStudentT(3, 60), "sd_B:V": hb.HalfStudentT(3, 60), "sigma": hb.HalfStudentT(3, 60)}
    priors |= {"beta": hb.Normal(0, 100), "Intercept": hb.Normal(104, 68)}
    crossed, additive = (
        hb.fit(f"Y ~ {terms} + (1 | B/V)", oats, priors=priors, seed=1, progress=False) for terms in ("V * N", "V + N")
    )
    row, factor = crossed.joint_tests("V:N").loc[0], hb.bayes_factor(additive, crossed)
    error = np.hypot(row["evidence_mcse"] / row["evidence_ratio"], factor.error)
    assert error < 0.02
    assert abs(np.log(row["evidence_ratio"]) - factor.log) < 4 * error


def test_one_coefficient_is_the_point_hypothesis() -> None:
    sleep = hb.load_data("sleepstudy")
    fit = hb.fit("Reaction ~ Days + (Days | Subject)", sleep, draws=300, chains=2, seed=1, progress=False)
    joint, point = fit.joint_tests("Days"), fit.hypothesis("Days = 0").table
    assert joint["evidence_ratio"][0] == pytest.approx(point["evidence_ratio"][0], rel=1e-9)
    assert joint["evidence_mcse"][0] == pytest.approx(point["evidence_mcse"][0], rel=1e-6)


def test_other_families_take_the_posterior_for_normal(data: pd.DataFrame) -> None:
    priors = {"beta": hb.Normal(0.0, 1.5)}
    fit = fake_fit("won ~ v + w", data, draws=2000, family="bernoulli", priors=priors)
    mean, sd = np.array([0.2, 0.3, -0.1, 0.4]), np.array([0.3, 0.2, 0.4, 0.5])
    fit.posterior["beta"][:] = mean + sd * np.random.default_rng(2).normal(size=(2, 2000, 4))
    table = fit.joint_tests().set_index("term")
    posterior = stats.norm(mean[1:3], sd[1:3]).logpdf(0).sum()
    ratio = np.exp(posterior - 2 * stats.norm(0, 1.5).logpdf(0))
    assert abs(table.loc["v", "evidence_ratio"] - ratio) < 4 * table.loc["v", "evidence_mcse"]
    assert table.loc["v", "evidence_mcse"] < 0.1 * ratio
    assert "taken for normal" in table.loc["v", "note"]


def test_an_effect_and_none() -> None:
    """A planted effect lies far out and one that is not there does not; the truth is in the names."""
    rng = np.random.default_rng(8)
    data = pd.DataFrame(
        {"real": list("abcd") * 30, "none": rng.permutation(list("pqr") * 40), "g": np.arange(120) % 12}
    )
    data["y"] = data["real"].map({"a": 0.0, "b": 0.8, "c": 1.6, "d": 2.4}) + rng.normal(size=120)
    fit = hb.fit("y ~ real + none + (1 | g)", data, draws=500, seed=1, progress=False)
    table = fit.joint_tests().set_index("term")
    assert table.loc["real", "tail_prob"] == 0
    assert 0 < table.loc["real", "tail_mcse"] < 0.001  # what all draws agree on has an error too
    assert table.loc["real", "evidence_ratio"] < 0.1
    assert table.loc["none", "tail_prob"] > 0.05
    assert table.loc["none", "evidence_ratio"] > 3


def quietly(formula: str, data: pd.DataFrame, draws: int = 200, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hb.HierBayesWarning)
        return fake_fit(formula, data, draws=draws, **options)


def test_an_empty_cell_leaves_the_rest_of_a_term(data: pd.DataFrame) -> None:
    """Of v, a and b are seen with both levels of w, and c with p alone; as emmeans' joint_tests, which lowers df1."""
    holed = data[~((data["v"] == "c") & (data["w"] == "q"))]
    fit = quietly("y ~ v * w + x", holed)
    table = fit.joint_tests().set_index("term")
    assert table["df"].to_dict() == {"v": 1, "w": 0, "x": 1, "v:w": 1}
    b, bq = coefficients(fit, "v[b]", "v[b]:w[q]").transpose(2, 0, 1)
    np.testing.assert_allclose(table.loc["v", TAILS].astype(float), by_hand((b + bq / 2)[..., None]), rtol=1e-6)
    np.testing.assert_allclose(table.loc["v:w", TAILS].astype(float), by_hand(bq[..., None]), rtol=1e-6)
    assert table.loc["v:w", "note"].startswith("of the part that the data determine")
    assert np.isfinite(table.loc["v:w", "evidence_ratio"])
    assert table.loc["w", "note"].startswith("not determined by the data")
    assert np.isnan(table.loc["w", "chi2"])
    assert np.isfinite(table.loc["x", "chi2"])
    assert "part" not in table.loc["x", "note"]
    short = fit.joint_tests(evidence=False).set_index("term")
    assert short["note"].to_dict() == {
        "v": "of the part that the data determine: cells of the term are empty",
        "w": "not determined by the data: cells of it are empty",
        "x": "",
        "v:w": "of the part that the data determine: cells of the term are empty",
    }


@pytest.mark.parametrize("kind", ["sum", "helmert"])
def test_what_an_empty_cell_leaves_does_not_depend_on_the_coding(data: pd.DataFrame, kind: str) -> None:
    holed = data[~((data["v"] == "c") & (data["w"] == "q"))]
    fit = quietly("y ~ v * w", holed)
    other = quietly("y ~ v * w", holed, contrasts={"v": kind, "w": kind})
    same = np.linalg.lstsq(other.design.X, fit.design.X, rcond=None)[0]
    other.posterior["beta"][:] = fit.posterior["beta"].to_numpy() @ same.T
    mine, its = (own.joint_tests(evidence=False).set_index("term") for own in (fit, other))
    assert mine["df"].to_dict() == its["df"].to_dict() == {"v": 1, "w": 0, "v:w": 1}
    np.testing.assert_allclose(mine[TESTED], its[TESTED], rtol=1e-9)


def test_one_category_against_the_reference(data: pd.DataFrame) -> None:
    rng = np.random.default_rng(6)
    named = data.assign(mode=rng.choice(["bus", "car", "train"], len(data)))
    whole = fake_fit("mode ~ v + x", named, family="categorical", draws=200)
    table = whole.category("car").joint_tests().set_index("term")
    theta = coefficients(whole, "car:v[b]", "car:v[c]")
    np.testing.assert_allclose(table.loc["v", TAILS].astype(float), by_hand(theta), rtol=1e-6)
    with pytest.raises(hb.ModelError, match=r"fit\.category\('car'\)\.joint_tests\(\)"):
        whole.joint_tests()


def test_a_fit_that_was_saved_without_its_data(data: pd.DataFrame, tmp_path) -> None:
    for formula, known in (("y ~ v * w + (1 | g)", True), ("y ~ v * x", False)):
        fit = fake_fit(formula, data, draws=100)
        fit.save(tmp_path / "bare.nc", data=False)
        bare = hb.load(tmp_path / "bare.nc")
        if known:
            table = bare.joint_tests()
            assert table["note"].str.contains("its file does not hold").all()
            np.testing.assert_allclose(table[TESTED], fit.joint_tests(evidence=False)[TESTED], rtol=1e-9)
        else:
            with pytest.raises(hb.ModelError, match="does not hold 'x'"):
                bare.joint_tests()


def test_terms_by_name_and_what_is_refused(data: pd.DataFrame) -> None:
    fit = fake_fit("y ~ v * w + x", data, draws=200)
    assert fit.joint_tests(["w : v", "x"], evidence=False)["term"].tolist() == ["v:w", "x"]
    assert list(fit.joint_tests("x", evidence=False).columns) == ["term", "df", *TESTED]
    for given, why in (
        ("z", "has no term 'z'"),
        ("V:w", "did you mean 'v:w'"),
        ([], "takes a term"),
        (3, "takes a term"),
    ):
        with pytest.raises(hb.ModelError, match=why):
            fit.joint_tests(given)
    few = fake_fit("y ~ v * w + x", data, draws=5)
    assert few.joint_tests("v")["chi2"].isna().all()
