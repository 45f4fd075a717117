"""Contrasts of slopes, by weights of one's own, by polynomials and as ratios, against coefficients and loops."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from family_fits import made_up
from fits import fake_fit

import hierbayes as hb
from hierbayes.families import family as by_name
from hierbayes.summaries.questions.contrast_weights import contrast_matrix, own_weights

ESTIMATES = ["mean", "sd", "median", "lower", "upper"]
FIBER = pd.DataFrame(
    {
        "machine": np.repeat(list("ABC"), 5),
        "strength": [36, 41, 39, 42, 49, 40, 48, 39, 45, 44, 35, 37, 42, 34, 32],
        "diameter": [20, 25, 24, 25, 32, 22, 28, 22, 30, 28, 21, 23, 26, 21, 15],
        "g": list("uvw") * 5,
    }
)
"""Montgomery (2013), Design and Analysis of Experiments, example 15.5: as in emmeans' vignette on interactions."""


def check(row, draws, above="prob_positive", at=0.0):
    draws = np.asarray(draws)
    expected = [draws.mean(), draws.std(ddof=1), *np.quantile(draws, [0.5, 0.025, 0.975])]
    np.testing.assert_allclose([row[name] for name in ESTIMATES], expected, rtol=1e-7, atol=1e-10)
    assert row[above] == np.mean(draws > at)


def beta(fit, label):
    return fit.posterior["beta"].sel(coef=label).to_numpy()


@pytest.fixture(scope="module")
def cake():
    return fake_fit("angle ~ recipe * temp + (1 | recipe:replicate)", hb.load_data("cake"))


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(11)
    n = 150
    found = pd.DataFrame(
        {
            "x": rng.normal(2, 1, n),
            "v": rng.choice(["a", "b", "c"], n, p=[0.6, 0.3, 0.1]),
            "w": rng.choice(["p", "q"], n, p=[0.8, 0.2]),
            "g": rng.choice(list("stu"), n),
        }
    )
    found["y"] = rng.normal(size=n)
    found["won"] = rng.integers(0, 2, n)
    found["count"] = rng.poisson(2, n)
    return found


@pytest.fixture(scope="module")
def won(data):
    return fake_fit("won ~ v * x + w + (1 | g)", data, family="bernoulli")


@pytest.fixture(scope="module")
def count(data):
    return fake_fit("count ~ v * x + w + (1 | g)", data, family="poisson")


def predictor(fit, **at):
    """The linear predictor of a cell, from the labels of the coefficients."""
    total = 0.0
    for label in fit.design.coefficients:
        value = beta(fit, label)
        for part in label.split(":"):
            name, _, level = part.partition("[")
            if part != "Intercept":
                value = value * (float(at[name] == level[:-1]) if level else at[name])
        total = total + value
    return total


def test_contrasts_of_slopes_are_differences_of_coefficients(cake):
    table = cake.contrasts("recipe", slopes="temp")
    assert table["contrast"].tolist() == ["B - A", "C - A", "C - B"]
    b, c = beta(cake, "recipe[B]:temp"), beta(cake, "recipe[C]:temp")
    for row, draws in zip(table.to_dict("records"), (b, c, c - b), strict=True):
        check(row, draws)
    mean = cake.contrasts("recipe", kind="mean", slopes="temp")
    check(mean.loc[0], -(b + c) / 3)
    reference = cake.contrasts("recipe", kind="reference", reference="C", slopes="temp")
    check(reference.loc[1], b - c)


def test_the_published_trends_of_emmeans():
    """emmeans, vignette("interactions"): emtrends(fiber.lm, pairwise ~ machine, var = "diameter")."""
    fit = fake_fit("strength ~ machine * diameter + (1 | g)", FIBER)
    X = fit.design.X
    fit.posterior["beta"][:], residual, *_ = np.linalg.lstsq(X, fit.design.y, rcond=None)
    slopes = fit.slopes("diameter", by="machine")["mean"].to_numpy()
    np.testing.assert_allclose(slopes, [1.104, 0.857, 0.864], atol=5e-4)
    # later less earlier, where emmeans takes earlier less later
    table = fit.contrasts("machine", slopes="diameter")
    assert table["contrast"].tolist() == ["B - A", "C - A", "C - B"]
    np.testing.assert_allclose(table["mean"], [-0.24714, -0.24008, 0.00705], atol=1e-5)
    # and the standard errors, 0.296, 0.284 and 0.306, from draws of the least-squares posterior
    root = np.linalg.cholesky(np.linalg.inv(X.T @ X) * residual[0] / 9)
    normal = np.random.default_rng(1).normal(size=(2, 40, X.shape[1]))
    normal = (normal.reshape(80, -1) - normal.reshape(80, -1).mean(axis=0)) @ np.linalg.inv(
        np.linalg.cholesky(np.cov(normal.reshape(80, -1).T)).T
    )
    fit.posterior["beta"][:] = (np.linalg.lstsq(X, fit.design.y, rcond=None)[0] + normal @ root.T).reshape(2, 40, -1)
    np.testing.assert_allclose(fit.contrasts("machine", slopes="diameter")["sd"], [0.296, 0.284, 0.306], atol=6e-4)


def test_contrasts_of_slopes_by_a_factor_and_their_interaction(data):
    fit = fake_fit("y ~ v * w * x + (1 | g)", data)
    table = fit.contrasts("v", by="w", kind="sequential", slopes="x")
    assert table[["contrast", "w"]].to_numpy().tolist() == [
        ["b - a", "p"],
        ["c - b", "p"],
        ["b - a", "q"],
        ["c - b", "q"],
    ]
    check(table.loc[0], beta(fit, "v[b]:x"))
    check(table.loc[2], beta(fit, "v[b]:x") + beta(fit, "v[b]:w[q]:x"))
    both = fit.contrasts("v", by="w", kind="sequential", slopes="x", interaction=True)
    assert both["w"].tolist() == ["q - p"] * 2
    check(both.loc[0], beta(fit, "v[b]:w[q]:x"))


def test_slopes_averaged_over_rows_differ_where_a_curve_is(data):
    fit = fake_fit("y ~ v * poly(x, 2) + (1 | g)", data)
    table = fit.contrasts("v", slopes="x", average=True)
    own = fit.slopes("x", by="v", average=True)["mean"].to_numpy()
    np.testing.assert_allclose(table["mean"], [own[1] - own[0], own[2] - own[0], own[2] - own[1]], rtol=1e-9)
    grid = fit.contrasts("v", slopes="x")["mean"].to_numpy()
    assert np.abs(grid - table["mean"]).max() > 1e-4
    curve = fit.contrasts("x", slopes="x", at={"x": [1, 3], "v": "a"})
    ends = fit.slopes("x", at={"x": [1, 3], "v": "a"})["mean"]
    assert curve["contrast"].tolist() == ["3 - 1"]
    np.testing.assert_allclose(curve["mean"][0], ends[1] - ends[0], rtol=1e-9)


def test_slopes_of_the_mean_response_against_the_derivative(won, data):
    table = won.contrasts("v", slopes="x", scale="response")
    x = data["x"].mean()

    def slope(v):
        parts = []
        for w in "pq":
            p = 1 / (1 + np.exp(-predictor(won, v=v, x=x, w=w)))
            own = beta(won, "x") + (beta(won, f"v[{v}]:x") if v != "a" else 0)
            parts.append(p * (1 - p) * own)
        return np.mean(parts, axis=0)

    for row, (later, earlier) in zip(table.to_dict("records"), ("ba", "ca", "cb"), strict=True):
        check(row, slope(later) - slope(earlier))
    odds = won.contrasts("v", slopes="x", scale="odds")
    check(odds.loc[0], np.exp(beta(won, "v[b]:x")), "prob_above_1", 1.0)
    assert odds["contrast"].tolist() == ["b / a", "c / a", "c / b"]


CUSTOM = {
    "rest over a": {"b": 0.5, "c": 0.5, "a": -1},
    "c over b": [0, -1, 1],
    "a itself": {"a": 1},
}


def test_weights_of_ones_own(data):
    fit = fake_fit("y ~ v * x + w + (1 | g)", data)
    table = fit.contrasts("v", by="w", kind=CUSTOM)
    assert table["contrast"].tolist() == list(CUSTOM) * 2
    x = data["x"].mean()
    for w, start in (("p", 0), ("q", 3)):
        a, b, c = (predictor(fit, v=v, x=x, w=w) for v in "abc")
        for row, draws in zip(
            table.iloc[start : start + 3].to_dict("records"), ((b + c) / 2 - a, c - b, a), strict=True
        ):
            check(row, draws)
    one = fit.contrasts("v", kind=[-1, 0.5, 0.5])
    assert one["contrast"].tolist() == ["0.5 b + 0.5 c - a"]
    by_level = fit.contrasts("v", kind={"a": -1, "b": 0.5, "c": 0.5})
    pd.testing.assert_frame_equal(one, by_level)
    pd.testing.assert_frame_equal(
        fit.contrasts("v", kind="sequential").drop(columns="contrast"),
        fit.contrasts("v", kind=np.array([[-1, 1, 0], [0, -1, 1]])).drop(columns="contrast"),
    )
    slopes = fit.contrasts("v", kind=CUSTOM, slopes="x")
    check(slopes.loc[0], (beta(fit, "v[b]:x") + beta(fit, "v[c]:x")) / 2)
    check(slopes.loc[2], beta(fit, "x"))
    pairs = fit.contrasts(["v", "w"], kind={"far": {("c", "q"): 1, ("a", "p"): -1}, "far too": {"c q": 1, "a p": -1}})
    assert pairs["mean"][0] == pairs["mean"][1]


def test_interactions_of_weights_of_ones_own(data):
    fit = fake_fit("y ~ v * w + (1 | g)", data)
    table = fit.contrasts("v", by="w", kind={"rest": {"b": 0.5, "c": 0.5, "a": -1}}, interaction=True)
    check(table.loc[0], (beta(fit, "v[b]:w[q]") + beta(fit, "v[c]:w[q]")) / 2)


# Fisher and Yates, table XXIII, as contr.poly of emmeans (poly.emmc) has them
TABLES = {
    3: [[-1, 0, 1], [1, -2, 1]],
    4: [[-3, -1, 1, 3], [1, -1, -1, 1], [-1, 3, -3, 1]],
    5: [[-2, -1, 0, 1, 2], [2, -1, -2, -1, 2], [-1, 2, 0, -2, 1], [1, -4, 6, -4, 1]],
    6: [
        [-5, -3, -1, 1, 3, 5],
        [5, -1, -4, -4, -1, 5],
        [-5, 7, 4, -4, -7, 5],
        [1, -3, 2, 2, -3, 1],
        [-1, 5, -10, 10, -5, 1],
    ],
    8: [
        [-7, -5, -3, -1, 1, 3, 5, 7],
        [7, 1, -3, -5, -5, -3, 1, 7],
        [-7, 5, 7, 3, -3, -7, -5, 7],
        [7, -13, -3, 9, 9, -3, -13, 7],
        [-7, 23, -17, -15, 15, 17, -23, 7],
        [1, -5, 9, -5, -5, 9, -5, 1],
    ],
}


@pytest.mark.parametrize("size", TABLES)
def test_polynomials_are_those_of_the_tables(size):
    matrix, labels = contrast_matrix([str(i) for i in range(size)], "polynomial", None, range(size))
    np.testing.assert_array_equal(matrix, TABLES[size])
    assert labels == ["linear", "quadratic", "cubic", "quartic", "degree 5", "degree 6"][: len(matrix)]


def test_polynomials_of_unequal_and_of_many_places():
    places = [0.0, 1.0, 2.5, 10.0]
    matrix, _ = contrast_matrix(list("abcd"), "polynomial", None, places)
    np.testing.assert_allclose(matrix.sum(axis=1), 0, atol=1e-9)
    np.testing.assert_allclose(matrix @ matrix.T - np.diag(np.sum(matrix**2, axis=1)), 0, atol=1e-6)
    powers = np.array([np.power(places, k) for k in (1, 2)])
    assert abs(matrix[1] @ powers[0]) < 1e-6 < matrix[1] @ powers[1]  # the quadratic one is blind to a line
    many, _ = contrast_matrix([str(i) for i in range(60)], "polynomial", None, range(60))
    assert len(many) == 6
    assert np.isfinite(many).all()
    scale = np.sqrt(np.sum(many**2, axis=1))
    np.testing.assert_allclose((many / scale[:, None]) @ (many / scale[:, None]).T, np.eye(6), atol=1e-12)
    uneven = np.random.default_rng(1).normal(size=31)
    found, _ = contrast_matrix([str(i) for i in range(31)], "polynomial", None, list(uneven))
    exact, _ = contrast_matrix([str(i) for i in range(30)], "polynomial", None, list(uneven[:30]))
    np.testing.assert_allclose(found @ found.T, np.eye(6), atol=1e-12)
    np.testing.assert_allclose(exact @ exact.T, np.diag(np.sum(exact**2, axis=1)), atol=1e-6)
    powers = np.vander(uneven, 7, increasing=True)
    for weights, places in ((found, powers), (exact, powers[:30])):
        moments = weights @ places  # each is blind to the powers below its own, and positive for that one
        assert np.abs(np.tril(moments[:, 1:], -1)).max() < 1e-6 * np.abs(moments).max()
        assert (np.diag(moments[:, 1:]) > 0).all()
    with pytest.raises(hb.ModelError, match="of 1,000 means at most"):
        contrast_matrix([str(i) for i in range(1001)], "polynomial", None, range(1001))
    backwards, _ = contrast_matrix(list("abc"), "polynomial", None, [2.0, 1.0, 0.0])
    np.testing.assert_array_equal(backwards, [[1, 0, -1], [1, -2, 1]])


@pytest.mark.parametrize(
    ("places", "weights"),
    [
        ([1e-8, 2e-8, 5e-8], [[-5, -2, 7], [3, -4, 1]]),  # 1, 2 and 5 in another unit
        ([0.0, 1.4e-6, 3e-6], [[-22, -1, 23], [8, -15, 7]]),  # 0, 7 and 15
        ([1990.0, 1995.0, 2003.0], [[-6, -1, 7], [8, -13, 5]]),
        ([0.0, 0.1, 0.4], [[-5, -2, 7], [3, -4, 1]]),
        ([1e15, 1e15 + 1, 1e15 + 3], [[-4, -1, 5], [2, -3, 1]]),
    ],
)
def test_polynomials_do_not_depend_on_the_unit_of_the_places(places, weights):
    np.testing.assert_array_equal(contrast_matrix(list("abc"), "polynomial", None, places)[0], weights)


@pytest.mark.parametrize("places", [[0.0, 1e-12, 1.0], [0.0, 0.5, 1e6], [1e300, 1.0, 2.0], [5e-324, 1e-320, 1.0]])
def test_polynomials_of_places_far_apart(places):
    """Against exact arithmetic: the places less their mean, and what is blind to these and to a constant."""
    matrix, _ = contrast_matrix(list("abc"), "polynomial", None, places)
    a, b, c = map(Fraction, places)
    for found, exact in zip(
        matrix, ([2 * a - b - c, 2 * b - a - c, 2 * c - a - b], [c - b, a - c, b - a]), strict=True
    ):
        wanted = np.array([float(weight / max(map(abs, exact))) for weight in exact])
        wanted *= np.sign(wanted[np.argmax(places)]) / np.linalg.norm(wanted)
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-300)


def test_what_the_model_makes_0_has_no_sign(data):
    """A line has no curve, and slopes without an interaction do not differ: their last bits are no evidence."""
    fit = fake_fit("y ~ v * x + w + (1 | g)", data)
    curved = fit.contrasts("x", kind="polynomial", at={"x": [0.3, 1.1, 0.7, 2.9]}).iloc[1:]
    alike = fit.contrasts("v", by="w", slopes="x", interaction=True)
    apart = fit.contrasts("v", by="w", interaction=True)
    over_rows = fit.contrasts("w", by="v", average=True, interaction=True)
    for table in (curved, alike, apart, over_rows):
        assert (table[[*ESTIMATES, "prob_positive"]] == 0).all(axis=None)
    # the control: what the model does not make 0, however small, stays
    tiny = fit.contrasts("x", at={"x": [1, 1 + 1e-9]})
    assert abs(tiny["mean"][0]) > 0
    assert 0 < tiny["prob_positive"][0] < 1


def test_polynomial_contrasts_of_means_and_slopes(data):
    oats = fake_fit("Y ~ V * N + (1 | B/V)", hb.load_data("oats"))
    table = oats.contrasts("N", by="V", kind="polynomial")
    names = ["0.0cwt", "0.2cwt", "0.4cwt", "0.6cwt"]
    for i, (v, start) in enumerate((("Golden.rain", 0), ("Marvellous", 3))):
        means = [predictor(oats, V=v, N=n) for n in names]
        for row, weights in zip(table.iloc[start : start + 3].to_dict("records"), TABLES[4], strict=True):
            check(row, sum(w * m for w, m in zip(weights, means, strict=True)))
        assert table["V"][3 * i] == v
    line = fake_fit("y ~ x + v + (1 | g)", data)
    curved = line.contrasts("x", kind="polynomial", at={"x": [0, 1, 2.5, 10]})
    assert np.abs(curved["mean"][1:]).max() < 1e-6 < abs(curved["mean"][0])
    slopes = fake_fit("y ~ v * x + (1 | g)", data)
    quadratic = slopes.contrasts("v", kind="polynomial", slopes="x")
    check(quadratic.loc[1], beta(slopes, "v[c]:x") - 2 * beta(slopes, "v[b]:x"))


def test_the_polynomials_of_the_oats_trial():
    """By least squares, as emmeans' contrast(emmeans(m, "N"), "poly") has them in the balanced split plots.

    From the means 79.389, 98.889, 114.222 and 123.389: 147.333, -10.333 and -2.000.
    """
    oats = hb.load_data("oats")
    fit = fake_fit("Y ~ V + N + (1 | B/V)", oats, contrasts={"N": "helmert"})
    fit.posterior["beta"][:] = np.linalg.lstsq(fit.design.X, fit.design.y, rcond=None)[0]
    found = fit.contrasts("N", kind="polynomial")["mean"]
    np.testing.assert_allclose(found, [147.3333, -10.3333, -2.0], atol=1e-4)


def test_odds_and_odds_ratios(won, data):
    x = data["x"].mean()
    eta = {v: np.mean([predictor(won, v=v, x=x, w=w) for w in "pq"], axis=0) for v in "abc"}
    means = won.means("v", scale="odds")
    for row in means.to_dict("records"):
        draws = np.exp(eta[row["v"]])
        np.testing.assert_allclose(
            [row[name] for name in ESTIMATES[:3]], [draws.mean(), draws.std(ddof=1), np.median(draws)]
        )
    table = won.contrasts("v", scale="odds")
    assert table["contrast"].tolist() == ["b / a", "c / a", "c / b"]
    assert "prob_positive" not in table
    for row, (later, earlier) in zip(table.to_dict("records"), ("ba", "ca", "cb"), strict=True):
        check(row, np.exp(eta[later] - eta[earlier]), "prob_above_1", 1.0)
    slopes = won.slopes("x", by="v", scale="odds")
    check(slopes.loc[1], np.exp(beta(won, "x") + beta(won, "v[b]:x")), "prob_above_1", 1.0)
    # the limits are those of the differences, taken to the other scale
    link = won.contrasts("v")
    np.testing.assert_allclose(
        table[["median", "lower", "upper"]], np.exp(link[["median", "lower", "upper"]]), rtol=0.02
    )
    np.testing.assert_array_equal(table["prob_above_1"], link["prob_positive"])


@pytest.mark.parametrize("name", ["won", "count"])
def test_ratios_of_means_draw_by_draw(name, request, data):
    fit, x = request.getfixturevalue(name), data["x"].mean()
    inverse = {"won": lambda eta: 1 / (1 + np.exp(-eta)), "count": np.exp}[name]
    mean = {v: np.mean([inverse(predictor(fit, v=v, x=x, w=w)) for w in "pq"], axis=0) for v in "abc"}
    table = fit.contrasts("v", scale="ratio")
    for row, (later, earlier) in zip(table.to_dict("records"), ("ba", "ca", "cb"), strict=True):
        check(row, mean[later] / mean[earlier], "prob_above_1", 1.0)
    middle = fit.contrasts("v", kind="mean", scale="ratio")
    assert middle["contrast"].tolist() == ["a / mean", "b / mean", "c / mean"]
    check(middle.loc[1], mean["b"] / np.cbrt(mean["a"] * mean["b"] * mean["c"]), "prob_above_1", 1.0)
    own = fit.contrasts("v", kind={"b over a": {"b": 1, "a": -1}}, scale="ratio")
    np.testing.assert_allclose(own[ESTIMATES].loc[0].astype(float), table[ESTIMATES].loc[0].astype(float))
    crossed = fit.contrasts("v", by="w", kind="sequential", interaction=True, scale="ratio")
    assert crossed["w"].tolist() == ["q / p"] * 2
    cell = {(v, w): inverse(predictor(fit, v=v, x=x, w=w)) for v in "ab" for w in "pq"}
    ratio = (cell["b", "q"] / cell["a", "q"]) / (cell["b", "p"] / cell["a", "p"])
    np.testing.assert_allclose(crossed["mean"][0], ratio.mean(), rtol=1e-9)
    # without w:v the ratio of rates is the same for both, and that of risks is not
    assert bool(np.allclose(crossed["mean"], 1, atol=1e-9)) == (name == "count")


def test_rate_ratios_of_slopes(count):
    check(
        count.slopes("x", by="v", scale="ratio").loc[2],
        np.exp(beta(count, "x") + beta(count, "v[c]:x")),
        "prob_above_1",
        1.0,
    )
    check(count.contrasts("v", slopes="x", scale="ratio").loc[0], np.exp(beta(count, "v[b]:x")), "prob_above_1", 1.0)


def test_lognormal_means_and_ordinal_odds():
    fit = made_up(by_name("lognormal(identity)"))
    table = fit.contrasts("f", scale="ratio")
    check(table.loc[0], np.exp(beta(fit, "f[low]")), "prob_above_1", 1.0)  # sigma cancels
    ordinal = made_up(by_name("ordinal(logit)", 4))
    check(ordinal.contrasts("f", scale="odds").loc[0], np.exp(beta(ordinal, "f[low]")), "prob_above_1", 1.0)


def test_one_category_against_the_reference():
    rng = np.random.default_rng(3)
    data = pd.DataFrame(
        {"mode": rng.choice(["bus", "car", "train"], 90), "x": rng.normal(size=90), "f": list("uvw") * 30}
    )
    fit = fake_fit("mode ~ f * x", data, family="categorical").category("car")
    b = {label: beta(fit, label) for label in ("f[v]", "f[v]:x")}
    table = fit.contrasts("f", at={"x": 2}, scale="odds")
    check(table.loc[0], np.exp(b["f[v]"] + 2 * b["f[v]:x"]), "prob_above_1", 1.0)
    check(fit.contrasts("f", slopes="x").loc[0], b["f[v]:x"])
    assert len(fit.contrasts("f", kind="polynomial")) == 2


WRONG = [
    (lambda f: f.contrasts("v", kind={"q": [1, -1]}), "the contrast 'q' has 2 weights for 3 means"),
    (lambda f: f.contrasts("v", kind={"q": {"z": 1}}), "the contrast 'q': there is no mean 'z'"),
    (lambda f: f.contrasts("v", kind={"q": {"a": "1"}}), "has the weight '1'"),
    (lambda f: f.contrasts("v", kind={"q": [0, 0, 0]}), "weights of 0 only"),
    (lambda f: f.contrasts("v", kind={"q": [1, float("nan"), 0]}), "has the weight nan"),
    (lambda f: f.contrasts("v", kind={"q": [1, True, 0]}), "has the weight True"),
    (lambda f: f.contrasts("v", kind={}), "holds no contrast"),
    (lambda f: f.contrasts("v", kind={"q": [1, -1, 0], "r": 3}), "the contrast 'r' is 3"),
    (lambda f: f.contrasts("v", kind=3), "kind=3 is not understood"),
    (lambda f: f.contrasts("v", kind=[1, -1, 0], reference="a"), "weights of your own takes no reference"),
    (lambda f: f.contrasts("v", kind="pairwis"), "did you mean 'pairwise'"),
    (lambda f: f.contrasts(["v", "w"], kind="polynomial"), "are of one predictor"),
    (lambda f: f.contrasts("v", slopes="w"), "'w' is categorical and has no slope"),
    (lambda f: f.contrasts("v", slopes="xx"), "slopes: there is no predictor 'xx'"),
    (lambda f: f.contrasts("v", slopes=["x"]), "must be the name of a numeric predictor"),
    (lambda f: f.contrasts("v", average=True, weights="proportional"), "says how cells of a grid count"),
    (lambda f: f.means("v", average=True, weights="proportional"), "says how cells of a grid count"),
    (lambda f: f.means("v", average="yes"), "average='yes'"),
    (lambda f: f.means("v", by="x", average=True), "by='x' is numeric"),
    (lambda f: f.means("v", at={"x": [1, 2]}, average=True), "over rows it can be held at one"),
    (lambda f: f.contrasts("v", slopes="x", average=1), "average=1"),
    (lambda f: f.contrasts("x", at={"x": [1, 2]}, slopes="x", average=True), "by='x' is numeric"),
    (lambda f: f.means("v", scale="odds"), "for the link logit, and that of gaussian is identity"),
    (lambda f: f.contrasts("v", scale="odds"), 'write scale="link"'),
    (lambda f: f.contrasts("v", scale="ratio"), "the mean may be 0 or negative"),
    (lambda f: f.slopes("x", scale="ratio"), "the mean may be 0 or negative"),
    (lambda f: f.means("v", scale="ratio"), r"fit\.means\(\) gives each by itself"),
    (lambda f: f.means("v", scale="log"), "scale='log' is not understood"),
    (lambda f: f.means("v", scale=None), "scale=None is not understood"),
]


@pytest.mark.parametrize(("ask", "why"), WRONG, ids=[why for _, why in WRONG])
def test_what_cannot_be_asked(data, ask, why):
    with pytest.raises(hb.ModelError, match=why):
        ask(fake_fit("y ~ v * x + w + (1 | g)", data))


FAMILIES = [
    ("count ~ x", "poisson", "odds", 'scale="ratio" gives ratios of means'),
    ("won ~ x", "bernoulli(probit)", "odds", "ratios of means \\(risks\\)"),
    ("won ~ x", "bernoulli", "ratio", 'scale="odds" for the odds ratio'),
]


@pytest.mark.parametrize(("formula", "family", "scale", "instead"), FAMILIES)
def test_a_scale_that_a_family_has_not_is_answered_with_one_that_it_has(data, formula, family, scale, instead):
    fit = fake_fit(formula, data, family=family)
    with pytest.raises(hb.ModelError, match=instead):
        fit.slopes("x", scale=scale)
    assert len(fit.contrasts("x", at={"x": [1, 2]}, scale="ratio")) == 1


def test_averages_over_rows_that_are_not_there(data):
    holed = data[~((data["v"] == "c") & (data["w"] == "q"))]
    fit = fake_fit("y ~ v + w + x + (1 | g)", holed)
    with pytest.raises(hb.ModelError, match="no row of the data has w=q, v=c"):
        fit.contrasts("v", by="w", slopes="x", average=True)
    assert len(fit.contrasts("v", by="w", slopes="x")) == 6


def test_own_weights_are_taken_as_they_are():
    matrix, labels = own_weights(["a", "b"], {"both": [1, 1]})
    assert matrix.tolist() == [[1, 1]]
    assert labels == ["both"]
    assert own_weights(["a", "b"], [[-1, 1], [2, -0.25]])[1] == ["b - a", "2 a - 0.25 b"]
