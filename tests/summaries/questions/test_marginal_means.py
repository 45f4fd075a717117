"""Estimated marginal means and contrasts against loops over cells and draws."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from fits import fake_fit

import hierbayes as hb
from hierbayes.summaries.questions.contrast_weights import contrast_matrix
from hierbayes.summaries.questions.grid import CHUNK, average_grid

ESTIMATES = ["mean", "sd", "median", "lower", "upper"]


def linear_predictor(fit, row):
    """The mean of one cell for every draw, from the labels of the coefficients alone (treatment coding)."""
    beta = fit.posterior["beta"]
    total = np.zeros((beta.sizes["chain"], beta.sizes["draw"]))
    for label in fit.design.coefficients:
        factor = 1.0
        for part in label.split(":"):
            name, _, level = part.partition("[")
            if part == "Intercept":
                continue
            factor *= float(row[name]) if not level else float(str(row[name]) == level[:-1])
        total += factor * beta.sel(coef=label).to_numpy()
    return total


def check(row, draws):
    expected = [draws.mean(), draws.std(ddof=1), *np.quantile(draws, [0.5, 0.025, 0.975])]
    np.testing.assert_allclose([row[name] for name in ESTIMATES], expected, rtol=1e-9, atol=1e-12)


@pytest.fixture(scope="module")
def oats():
    return fake_fit("Y ~ V * N + (1 | B/V)", hb.load_data("oats"))


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(3)
    n = 120
    return pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "x": rng.normal(5, 2, n),
            "z": rng.normal(size=n),
            "v": rng.choice(["a", "b", "c"], n, p=[0.6, 0.3, 0.1]),
            "w": rng.choice(["p", "q"], n, p=[0.8, 0.2]),
            "b": rng.choice([True, False], n),
            "k": rng.choice([1, 2, 4], n),
            "g": rng.choice(list("stu"), n),
        }
    )


@pytest.fixture(scope="module")
def mixed(data):
    return fake_fit("y ~ v * x + w + z + (1 | g)", data)


def test_means_of_cells(oats):
    table = oats.means("N", by="V")
    assert list(table.columns) == ["N", "V", *ESTIMATES]
    levels = [column.levels for column in oats.design.columns if column.name in ("N", "V")]
    for _, row in table.iterrows():
        check(row, linear_predictor(oats, row))
    assert sorted(zip(table["V"], table["N"], strict=True)) == sorted(itertools.product(*levels))
    assert table["N"].tolist() == sorted(table["N"])


def test_means_average_the_other_factor_equally(oats):
    table = oats.means("N")
    for _, row in table.iterrows():
        cells = [linear_predictor(oats, {"N": row["N"], "V": v}) for v in ("Golden.rain", "Marvellous", "Victory")]
        check(row, np.mean(cells, axis=0))


def test_numeric_predictors_stand_at_their_mean(mixed, data):
    table = mixed.means("v")
    for _, row in table.iterrows():
        others = {"v": row["v"], "x": data.x.mean(), "z": data.z.mean()}
        check(row, np.mean([linear_predictor(mixed, {**others, "w": w}) for w in "pq"], axis=0))


def test_proportional_weights_count_rows(mixed, data):
    table = mixed.means("w", weights="proportional")
    shares = data.v.value_counts(normalize=True)
    for _, row in table.iterrows():
        others = {"w": row["w"], "x": data.x.mean(), "z": data.z.mean()}
        check(row, sum(share * linear_predictor(mixed, {**others, "v": v}) for v, share in shares.items()))
    assert not np.allclose(table["mean"], mixed.means("w")["mean"])


def test_proportional_weights_are_joint(data):
    fit = fake_fit("y ~ v * w + b + (1 | g)", data)
    table = fit.means("b", weights="proportional")
    shares = data.groupby(["v", "w"]).size() / len(data)
    for _, row in table.iterrows():
        own = {"b": row["b"]}
        expected = sum(s * linear_predictor(fit, {**own, "v": v, "w": w}) for (v, w), s in shares.items())
        check(row, expected)


def test_at_holds_and_averages(mixed):
    table = mixed.means("v", at={"x": [0, 10], "w": "q", "v": ["c", "a"], "z": 1})
    assert table["v"].tolist() == ["c", "a"]
    for _, row in table.iterrows():
        cells = [linear_predictor(mixed, {"v": row["v"], "x": x, "w": "q", "z": 1}) for x in (0, 10)]
        check(row, np.mean(cells, axis=0))


def test_numeric_by_takes_mean_and_sd_or_at(mixed, data):
    table = mixed.means("v", by="x")
    mean, sd = data.x.mean(), data.x.std()
    np.testing.assert_allclose(table["x"][:3], [mean - sd, mean, mean + sd])
    held = mixed.means("x", by="v", at={"x": [2, 8]})
    assert held["x"].tolist() == [2, 2, 2, 8, 8, 8]
    for _, row in held.iterrows():
        cells = [linear_predictor(mixed, {**row, "w": w, "z": data.z.mean()}) for w in "pq"]
        check(row, np.mean(cells, axis=0))


def test_offsets_count(data):
    fit = fake_fit("y ~ v + offset(x) + (1 | g)", data)
    row = fit.means("v").loc[0]
    check(row, linear_predictor(fit, row) + data.x.mean())
    moved = fit.means("v", at={"x": 100}).loc[0]
    assert moved["mean"] - row["mean"] == pytest.approx(100 - data.x.mean())


def test_numbers_as_levels_and_booleans(data):
    fit = fake_fit("y ~ C(k) + b + (1 | g)", data)
    table = fit.means("k", by="b")
    assert table["k"].tolist() == ["1", "1", "2", "2", "4", "4"]
    for _, row in table.iterrows():
        check(row, linear_predictor(fit, {"C(k)": row["k"], "b": row["b"]}))
    assert len(fit.means("k", at={"k": [4, 1.0]})) == 2


def test_sum_contrasts_give_the_same_means(data):
    """The coding of the design does not matter to a mean: least squares stands in for a draw."""
    found = []
    for coding in ({}, {"v": "sum", "w": "helmert"}):
        fit = fake_fit("y ~ v * w + x", data, contrasts=coding, draws=5)
        beta, *_ = np.linalg.lstsq(fit.design.X, fit.design.y, rcond=None)
        fit.posterior["beta"][:] = beta
        found.append(fit.means("v")["mean"].to_numpy())
    np.testing.assert_allclose(*found, rtol=1e-9)
    cells = data.assign(e=data.y - (beta[-1 - fit.design.coefficients[::-1].index("x")] * (data.x - data.x.mean())))
    np.testing.assert_allclose(found[0], cells.groupby(["v", "w"]).e.mean().groupby("v").mean(), rtol=1e-9)


def test_balanced_means_are_cell_means():
    """With flat priors and the sds fixed, the marginal means of a balanced trial are its raw means."""
    data = hb.load_data("oats")
    priors = {"beta": hb.Flat(), "sd_B": hb.Fixed(14.0), "sd_B:V": hb.Fixed(10.0), "sigma": hb.Fixed(13.0)}
    fit = hb.fit("Y ~ V * N + (1 | B/V)", data, priors=priors, draws=1000, seed=1, progress=False)
    table = fit.means("N")
    error = table["sd"] / np.sqrt(4000)
    raw = data.groupby("N", observed=True)["Y"].mean().to_numpy()
    assert (np.abs(table["mean"] - raw) < 4 * error).all()
    # the classical standard error: sqrt(sd_B^2/6 + sd_BV^2/18 + sigma^2/18)
    np.testing.assert_allclose(table["sd"], np.sqrt(14**2 / 6 + 10**2 / 18 + 13**2 / 18), rtol=0.05)
    differences = fit.contrasts("N")
    np.testing.assert_allclose(differences["sd"], np.sqrt(2 * 13**2 / 18), rtol=0.05)


@pytest.mark.parametrize(
    ("kind", "pairs"),
    [
        ("pairwise", [(1, 0), (2, 0), (3, 0), (2, 1), (3, 1), (3, 2)]),
        ("reference", [(1, 0), (2, 0), (3, 0)]),
        ("sequential", [(1, 0), (2, 1), (3, 2)]),
    ],
)
def test_contrasts_are_differences_of_means_draw_by_draw(oats, kind, pairs):
    table = oats.contrasts("N", by="V", kind=kind)
    names = ["0.0cwt", "0.2cwt", "0.4cwt", "0.6cwt"]
    assert table["contrast"].tolist() == [f"{names[i]} - {names[j]}" for i, j in pairs] * 3
    for (_, row), (v, (i, j)) in zip(
        table.iterrows(), itertools.product(("Golden.rain", "Marvellous", "Victory"), pairs), strict=True
    ):
        own = [linear_predictor(oats, {"V": v, "N": names[k]}) for k in (i, j)]
        check(row, own[0] - own[1])
        assert row["V"] == v
        assert row["prob_positive"] == np.mean(own[0] > own[1])


def test_contrasts_with_the_mean_and_with_a_reference(oats):
    names = ["0.0cwt", "0.2cwt", "0.4cwt", "0.6cwt"]
    means = [oats.means("N", at={"N": n}) for n in names]
    overall = np.mean([m["mean"][0] for m in means])
    table = oats.contrasts("N", kind="mean")
    np.testing.assert_allclose(table["mean"], [m["mean"][0] - overall for m in means], rtol=1e-9)
    other = oats.contrasts("N", kind="reference", reference="0.6cwt")
    assert other["contrast"].tolist() == [f"{n} - 0.6cwt" for n in names[:3]]
    np.testing.assert_allclose(other["mean"], [m["mean"][0] - means[3]["mean"][0] for m in means[:3]], rtol=1e-9)


def test_interaction_is_a_difference_of_differences(oats):
    table = oats.contrasts("N", by="V", kind="sequential", interaction=True)
    assert table["V"].unique().tolist() == [
        "Marvellous - Golden.rain",
        "Victory - Golden.rain",
        "Victory - Marvellous",
    ]
    for _, row in table.iterrows():
        (n1, n0), (v1, v0) = row["contrast"].split(" - "), row["V"].split(" - ")
        own = {(v, n): linear_predictor(oats, {"V": v, "N": n}) for v in (v1, v0) for n in (n1, n0)}
        check(row, own[v1, n1] - own[v1, n0] - own[v0, n1] + own[v0, n0])
    plain = fake_fit("Y ~ V + N + (1 | B/V)", hb.load_data("oats"))
    assert np.abs(plain.contrasts("N", by="V", interaction=True)["mean"]).max() < 1e-12


def test_contrasts_of_two_factors_and_of_numbers(oats, mixed):
    table = oats.contrasts(["V", "N"], kind="reference", reference=["Victory", "0.2cwt"])
    assert len(table) == 11
    assert table["contrast"][0] == "Golden.rain 0.0cwt - Victory 0.2cwt"
    steps = mixed.contrasts("x", at={"x": [1, 3]}, by="v")
    slope = mixed.posterior["beta"]
    own = 2 * (slope.sel(coef="x") + slope.sel(coef="v[b]:x")).to_numpy()
    assert steps["contrast"][1] == "3 - 1"
    check(steps.loc[1], own)


def test_rows_of_a_large_grid_are_averaged_in_parts(data, monkeypatch):
    fit = fake_fit("y ~ v * w + b + C(k) + (1 | g)", data)
    whole = fit.means("v", by="w")
    monkeypatch.setattr("hierbayes.summaries.questions.grid.CHUNK", 7)
    pd.testing.assert_frame_equal(fit.means("v", by="w"), whole)
    assert CHUNK > 1000
    assert average_grid(fit.design, {"v": ("a",)}, {}, "equal").X.shape == (1, len(fit.design.coefficients))


def test_a_predictor_called_like_a_column_of_the_table(data):
    fit = fake_fit("y ~ mean + contrast + (1 | g)", data.rename(columns={"v": "mean", "w": "contrast"}))
    assert list(fit.means("mean").columns) == ["mean (predictor)", *ESTIMATES]
    assert list(fit.contrasts("mean", by="contrast").columns[:2]) == ["contrast", "contrast (predictor)"]


def test_hostile_levels():
    names = ["a - b", "x = 1", "c]d", ""]
    data = pd.DataFrame({"y": np.arange(40.0) ** 2, "my col": names * 10, "g": list("pqrst") * 8})
    fit = fake_fit("y ~ `my col` + (1 | g)", data)
    assert sorted(fit.means("my col")["my col"]) == sorted(names)
    assert len(fit.contrasts("my col")) == 6


def test_no_predictors_are_named():
    fit = fake_fit("Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff"))
    with pytest.raises(hb.ModelError, match="is a grouping factor"):
        fit.means("Batch")
    with pytest.raises(hb.ModelError, match="no predictor is named"):
        fit.means([])


WRONG = [
    (lambda f: f.means("Q"), "there is no predictor 'Q'"),
    (lambda f: f.means("vv"), "did you mean 'v'"),
    (lambda f: f.means("g"), "is a grouping factor"),
    (lambda f: f.means("y"), "is the response"),
    (lambda f: f.means("x"), "is numeric, so it has no levels"),
    (lambda f: f.means(3), "takes the name of a predictor"),
    (lambda f: f.means(["v", "v"]), "names a predictor twice"),
    (lambda f: f.means("v", by="v"), "stands in by too"),
    (lambda f: f.means("v", by="Q"), "by: there is no predictor"),
    (lambda f: f.means("v", at={"Q": 1}), "at: there is no predictor"),
    (lambda f: f.means("v", at={"x": "a"}), "is no value of it"),
    (lambda f: f.means("v", at={"x": float("nan")}), "not finite"),
    (lambda f: f.means("v", at={"x": []}), "gives no value"),
    (lambda f: f.means("v", at={"x": [1, 1.0]}), "twice"),
    (lambda f: f.means("v", at={"w": "z"}), "has no level 'z'"),
    (lambda f: f.means("v", at=[1]), "at takes a mapping"),
    (lambda f: f.means("v", weights="outer"), "weights='outer'"),
    (lambda f: f.means("v", ci_prob=1.5), "ci_prob"),
    (lambda f: f.contrasts("v", kind="tukey"), "kind='tukey'"),
    (lambda f: f.contrasts("v", reference="a"), "takes no reference"),
    (lambda f: f.contrasts("v", kind="reference", reference="z"), "there is no mean 'z'"),
    (lambda f: f.contrasts("v", at={"v": "a"}), "only one mean"),
    (lambda f: f.contrasts("v", interaction=True), "an interaction needs by"),
    (lambda f: f.contrasts("v", by="w", interaction="no"), "interaction='no'"),
    (lambda f: f.means("v", at={"x": np.arange(1e6), "z": [1, 2]}), "the limit is 1,000,000"),
    (lambda f: f.contrasts("x", at={"x": np.arange(300)}), "make 44,850 pairs"),
]


@pytest.mark.parametrize(("ask", "why"), WRONG, ids=[why for _, why in WRONG])
def test_what_cannot_be_asked(mixed, ask, why):
    with pytest.raises(hb.ModelError, match=why):
        ask(mixed)


def test_contrast_matrix_sums_to_zero():
    for kind in ("pairwise", "reference", "sequential", "mean"):
        matrix, labels = contrast_matrix(list("abcde"), kind, None)
        np.testing.assert_allclose(matrix.sum(axis=1), 0, atol=1e-15)
        assert len(labels) == len(matrix) == len(set(labels))
