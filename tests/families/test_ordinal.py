"""Ordered categories from the column to the answers: scores, gaps, thresholds, published figures of R's clmm."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from family_fits import made_up, predictors, table, variances
from scipy import integrate, stats

import hierbayes as hb
from hierbayes.catalogue import catalogue
from hierbayes.errors import DataError, HierBayesWarning, ModelError
from hierbayes.families import family
from hierbayes.families import family as by_name
from hierbayes.priors import Flat

CLMM = json.loads((Path(__file__).parents[1] / "reference" / "classical.json").read_text())
ORDERED = by_name("ordinal(logit)", 4)
NAMES = ["none", "some", "more", "most"]


def wine_model(**options) -> hb.Model:
    spec = catalogue()["wine"]
    return hb.Model(spec.formula, spec.table(), **({"family": spec.family} | options))


# what is read


def frame(y) -> pd.DataFrame:
    return pd.DataFrame({"y": y, "x": np.linspace(-1, 1, len(y))})


@pytest.mark.parametrize(
    ("y", "categories"),
    [
        ([3, 1, 7, 3, 1, 7], ("1", "3", "7")),
        ([-1.0, 0.0, 2.0, 0.0, -1.0, 2.0], ("-1", "0", "2")),
        (pd.Categorical(list("cabcab"), list("cab"), ordered=True), ("c", "a", "b")),
        (pd.Categorical([10, 9, 8] * 2, [8, 9, 10], ordered=True), ("8", "9", "10")),
    ],
)
def test_categories_are_scored_in_their_order(y, categories):
    design = hb.Model("y ~ x", frame(y), family="cumulative").design
    assert design.categories == categories
    labels = [str(int(value)) if isinstance(value, float) else str(value) for value in list(y)]
    assert design.y.tolist() == [categories.index(label) + 1 for label in labels]
    assert design.family == by_name("ordinal(logit)", 3)
    assert design.modelled is None
    assert " < ".join(categories) in repr(design)


def test_a_formula_may_compute_the_response():
    design = hb.Model("I(5 - y) ~ x", frame([1, 2, 3, 1, 2, 3]), family="ordinal").design
    assert design.categories == ("2", "3", "4")
    assert design.y.tolist() == [3, 2, 1, 3, 2, 1]


def test_unused_categories_stay_with_a_word():
    y = pd.Categorical(list("aabbdd"), list("abcde"), ordered=True)
    with pytest.warns(HierBayesWarning, match="no row in use has the categories 'c', 'e' of the response 'y'"):
        model = hb.Model("y ~ x", frame(y), family="ordinal")
    assert model.spec.family.parameters == ("gap_2", "gap_3", "gap_4")
    assert model.design.y.tolist() == [1, 1, 2, 2, 4, 4]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        other = hb.Model("y ~ x", frame(y.remove_unused_categories()), family="ordinal")
    assert other.design.categories == ("a", "b", "d")
    # new data tell the family anew
    assert model.update(data=frame([1, 2, 3] * 2)).spec.family.categories == 3
    assert model.update(data=frame([0.0, 0.3, 1.2]), family="gaussian").spec.family == family("gaussian")


def test_new_rows_have_the_scores_of_the_fit():
    from hierbayes.design.new_rows import rows_of

    design = hb.Model("y ~ x", frame([3, 1, 7, 3, 1, 7]), family="ordinal").design
    assert rows_of(design.schema, frame([7, 3]), response=True).y.tolist() == [3, 2]
    with pytest.raises(DataError, match=r"the category '5' in row 1 .*, which the fit has not seen"):
        rows_of(design.schema, frame([7, 5]), response=True)
    texts = hb.Model("y ~ x", frame(pd.Categorical(list("cabcab"), list("cab"), ordered=True)), family="ordinal").design
    assert rows_of(texts.schema, frame(["b", "c"]), response=True).y.tolist() == [3, 1]


# priors


@pytest.mark.parametrize(
    ("y", "proper"),
    [
        ([1, 2, 3, 1, 2, 3, 3, 1], True),
        ([1, 1, 1, 2, 2, 3, 3, 3], False),  # x tells the category
        ([1, 1, 2, 1, 3, 3, 2, 3], True),
        ([1, 2, 1, 2, 2, 1, 3, 3], True),  # the lower two overlap, and all share one slope
        ([1, 1, 1, 1, 2, 2, 2, 3], False),
    ],
)
def test_flat_gaps_are_refused_where_the_likelihood_has_no_maximum(y, proper):
    data = frame(y).assign(x=np.arange(8.0))
    design = hb.Model("y ~ x", data, family="ordinal").design

    def fall(beta_gap):
        own = {"gap_2": np.exp(beta_gap[2])}
        return -design.family.log_likelihood(design.y, design.X @ beta_gap[:2], own).sum()

    from scipy.optimize import minimize

    best = minimize(fall, np.zeros(3), method="Nelder-Mead", options={"maxiter": 8000, "fatol": 1e-12, "xatol": 1e-12})
    assert (np.abs(best.x[:2]).max() < 15) == proper
    if proper:
        assert hb.Model("y ~ x", data, family="ordinal", priors="flat").priors.loc["gap_2", "prior"] == "Flat()"
        return
    with pytest.raises(ModelError, match="improper posterior"):
        hb.Model("y ~ x", data, family="ordinal", priors="flat")


def test_flat_gaps_need_the_highest_category():
    y = pd.Categorical([1, 2, 3, 1, 2, 3, 2, 1], [1, 2, 3, 4], ordered=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HierBayesWarning)
        with pytest.raises(ModelError, match="flat priors on gap_3 give an improper posterior"):
            hb.Model("y ~ x", frame(y), family="ordinal", priors={"gap_3": Flat()})
        assert hb.Model("y ~ x", frame(y), family="ordinal", priors={"gap_2": Flat()}).problem.categories == 4


def test_flat_gaps_and_sds_need_levels_of_several_categories():
    data = pd.DataFrame({"g": list("aabbccddee"), "y": [1, 2, 2, 2, 3, 3, 2, 3, 1, 3]})
    hb.Model("y ~ 1 + (1 | g)", data, family="ordinal", priors={"beta": Flat(), "sd_g": Flat()})
    with pytest.raises(ModelError, match="it has 3 levels with more than one category and would need 4"):
        hb.Model("y ~ 1 + (1 | g)", data, family="ordinal", priors="flat")


@pytest.mark.parametrize(
    ("priors", "what"),
    [
        ({"gap_2": hb.Normal(0, 1)}, "does not fit 'gap_2'"),
        ({"gap_2": hb.Fixed(0.0)}, "gap_2 is a positive number"),
        ({"gap_5": hb.HalfNormal(1)}, "there is no parameter 'gap_5'"),
    ],
)
def test_priors_of_gaps_are_checked(priors, what):
    with pytest.raises(ModelError, match=what):
        wine_model(priors=priors)
    assert str(wine_model(priors={"gap_4": hb.HalfNormal(2)}).priors.loc["gap_4", "prior"]) == "HalfNormal(2)"


# the likelihood of a published fit


def marginal(model: hb.Model, beta, gaps, sd: float) -> float:
    """The log likelihood with the judges' effects integrated out, by quadrature."""
    design = model.design
    eta, own = design.X @ beta, dict(zip(model.spec.family.parameters, gaps, strict=True))
    codes = design.groups[0].codes
    total = 0.0
    for j in range(design.groups[0].n_levels):
        rows = codes == j

        def inner(u, rows=rows):
            each = design.family.log_likelihood(design.y[rows], eta[rows] + sd * u, own)
            return np.exp(each.sum()) * stats.norm.pdf(u)

        total += np.log(integrate.quad(inner, -10, 10, epsabs=0, epsrel=1e-10, limit=200)[0])
    return total


def of_clmm(case: str):
    found = CLMM[case]
    thresholds = np.array(list(found["thresholds"].values()))
    return [-thresholds[0], *found["fixef"].values()], np.diff(thresholds), found["varcorr"]["judge"]["sd"][0]


def test_the_likelihood_is_that_of_clmm():
    model = wine_model()
    found = marginal(model, *of_clmm("wine_quadrature"))
    assert found == pytest.approx(CLMM["wine_quadrature"]["logLik"], abs=1e-6)
    assert marginal(model, *of_clmm("wine")) < found - 1e-7  # Laplace's approximation misses the maximum
    beta, gaps, sd = of_clmm("wine_quadrature")
    for k in range(3):  # it is a maximum in every gap
        moved = gaps * np.where(np.arange(3) == k, 1.05, 1.0)
        assert marginal(model, beta, moved, sd) < found - 1e-4


# posteriors


def test_thresholds_are_cuts_less_the_intercept():
    model = hb.Model("ordered ~ x + f + (x | g)", table(), family="ordinal(probit)")
    drawn = model.prior_draws(draws=20, seed=1)
    first = -drawn["beta"].sel(coef="Intercept").to_numpy()
    sums = np.stack([first, first + drawn["gap_2"], first + drawn["gap_2"] + drawn["gap_3"]], axis=-1)
    np.testing.assert_allclose(drawn["threshold"].to_numpy(), sums, rtol=1e-14)
    assert drawn["threshold_dim"].to_numpy().tolist() == ["none|some", "some|more", "more|most"]
    without = hb.Model("ordered ~ 0 + f", table(), family="ordinal").prior_draws(draws=20, seed=1)
    np.testing.assert_array_equal(without["threshold"].to_numpy()[..., 0], 0)
    np.testing.assert_array_equal(without["threshold"].to_numpy()[..., 1], without["gap_2"])


def test_a_factor_cannot_be_called_threshold():
    data = table().assign(threshold=table()["g"])
    with pytest.raises(ModelError, match="'threshold' a second meaning"):
        assert hb.Model("ordered ~ x + (1 | threshold)", data, family="ordinal").problem


def test_the_summary_shows_thresholds_and_no_gaps():
    fit = made_up(ORDERED)
    found = fit.thresholds(0.9)
    np.testing.assert_allclose(found["mean"], fit.posterior["threshold"].mean(("chain", "draw")))
    for text in (str(fit), fit.summary()._repr_html_(), fit.summary().to_markdown()):
        assert "none|some" in text or "none\\|some" in text
        assert "gap_2" not in text
        assert "less its intercept" in text
    assert fit.varcorr()["kind"].tolist()[-2:] == ["gap_2", "gap_3"]
    assert made_up(by_name("poisson(log)")).thresholds().empty
    assert "Thresholds" not in str(made_up(by_name("poisson(log)")))
    from hierbayes.report.fit_page import _estimates

    page = str(_estimates(fit))
    assert "none|some" in page
    assert "gap_2" not in page


def shares(eta, own) -> np.ndarray:
    """The probabilities of the four categories, from the definition."""
    cuts = np.stack([np.zeros_like(own["gap_2"]), own["gap_2"], own["gap_2"] + own["gap_3"]], axis=-1)
    below = stats.logistic.cdf(cuts[..., None, :] - eta[..., None])
    edges = [np.zeros_like(below[..., :1]), below, np.ones_like(below[..., :1])]
    return np.diff(np.concatenate(edges, axis=-1), axis=-1)


def test_probabilities_of_the_categories():
    fit = made_up(ORDERED)
    own = {name: fit.posterior[name].to_numpy() for name in ("gap_2", "gap_3")}
    found = fit.category_probabilities(draws=True)
    assert found.dims == ("chain", "draw", "row", "category")
    assert found["category"].to_numpy().tolist() == NAMES
    np.testing.assert_allclose(found, shares(predictors(fit), own), rtol=1e-9, atol=1e-14)
    told = fit.category_probabilities(table().iloc[[3, 11]], ci_prob=0.5)
    assert told["row"].tolist() == [0] * 4 + [1] * 4
    assert told["category"].tolist() == NAMES * 2
    np.testing.assert_allclose(told["mean"], found.mean(("chain", "draw"))[[3, 11]].to_numpy().ravel(), rtol=1e-12)
    np.testing.assert_allclose(
        told["upper"], np.quantile(found.to_numpy()[:, :, [3, 11]].reshape(60, -1), 0.75, axis=0), rtol=1e-12
    )
    # expected scores are what predict says
    scores = (found * np.arange(1, 5)).sum("category").mean(("chain", "draw"))
    np.testing.assert_allclose(fit.predict()["mean"], scores, rtol=1e-12)


def test_probabilities_averaged_over_the_groups():
    fit = made_up(ORDERED)
    own = {name: fit.posterior[name].to_numpy() for name in ("gap_2", "gap_3")}
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    eta, sd = predictors(fit, level="none"), np.sqrt(variances(fit))
    exact = sum(w * shares(eta + node * sd, own) for node, w in zip(nodes, weights / weights.sum(), strict=True))
    found = fit.category_probabilities(groups="average", draws=True)
    np.testing.assert_allclose(found, exact, rtol=1e-5, atol=1e-8)
    assert np.abs(found - fit.category_probabilities(groups="population", draws=True)).max() > 0.02
    with pytest.raises(ModelError, match="the poisson family has no categories"):
        made_up(by_name("poisson(log)")).category_probabilities()


def test_the_ribbon_of_a_new_level():
    from hierbayes.plots.fit_like import draws_of
    from hierbayes.summaries.fans import fan_tables, score_quantile

    rng, size = np.random.default_rng(3), 400
    own = {"gap_2": rng.uniform(0.3, 2, (size, 1)), "gap_3": rng.uniform(0.3, 2, (size, 1))}
    mean, sd = rng.normal(0.5, 1, (size, 2)), rng.uniform(0.2, 2, (size, 2))
    eta = mean[:, None, :] + sd[:, None, :] * rng.standard_normal((size, 2000, 2))
    scores = ORDERED.mean(eta, {name: values[..., None] for name, values in own.items()}).reshape(-1, 2)
    for prob in (0.025, 0.5, 0.975):
        found = score_quantile(ORDERED, own, mean, sd, prob)
        np.testing.assert_allclose(found, np.quantile(scores, prob, axis=0), atol=0.01)
    fit = made_up(ORDERED)
    tables = fan_tables(fit.design, draws_of(fit), "g", x="x", lines=3)
    ribbon = tables.ribbon
    assert (ribbon["level_lower"] < ribbon["median"]).all()
    assert (ribbon["median"] < ribbon["level_upper"]).all()
    assert ribbon[["level_lower", "level_upper"]].stack().between(1, 4).all()
    assert tables.y_label == "score of ordered"


def test_levels_of_one_end_alone_have_no_fit_of_their_own():
    from hierbayes.estimates import Responses, maximum_by_level

    y, codes = np.array([1.0, 1.0, 2.0, 3.0, 2.0, 4.0, 4.0, 2.0]), np.array([0, 0, 1, 1, 1, 2, 2, 3])
    rows = Responses(ORDERED, y, {"gap_2": 1.0, "gap_3": 2.0}, np.zeros(8), np.ones(8))
    found = maximum_by_level(rows, np.zeros((8, 0)), np.ones((8, 1)), codes, 4, np.zeros(0))
    assert found.too_small.tolist() == [True, False, True, False]
    # a level of one middle category sits where the density at both thresholds is the same: half way
    assert found.coef[3, 0] == pytest.approx(0.5, abs=1e-6)


def test_simulated_categories():
    truth = {"Intercept": 1.0, "sd_g": 0.5, "gap_2": 1.0, "gap_3": 0.5}
    data = hb.simulate("y ~ 1 + (1 | g)", {"g": 3, "rows": 200}, truth, seed=1, family="ordinal")
    assert data["y"].cat.categories.tolist() == ["1", "2", "3", "4"]
    with pytest.raises(ModelError, match="nothing says how many"):
        hb.simulate("y ~ 1 + (1 | g)", {"g": 3, "rows": 20}, "prior", seed=1, family="ordinal")
    with pytest.raises(ModelError, match="does not say gap_2"):
        hb.simulate("y ~ 1 + (1 | g)", {"g": 3, "rows": 20}, {"Intercept": 1, "sd_g": 1, "gap_3": 1}, family="ordinal")
    like = hb.simulate("rating ~ 1 + (1 | judge)", data=hb.load_data("wine"), family="ordinal", seed=1,
                       truth={"Intercept": 1, "sd_judge": 1, "gap_2": 1, "gap_3": 1, "gap_4": 1})  # fmt: skip
    assert like["rating"].dtype.kind == "i"
    assert set(like["rating"]) <= {1, 2, 3, 4, 5}


@pytest.fixture(scope="module")
def wine_fit():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HierBayesWarning)
        return wine_model().fit(seed=1, progress=False)


@pytest.mark.slow
def test_the_posterior_is_near_clmm(wine_fit):
    found, clmm = wine_fit, CLMM["wine_quadrature"]
    assert found.engine == "joint"
    assert found.diagnostics["max_rhat"] < 1.01
    # one in four of such fits has a divergence among its 4,000 draws
    assert found.diagnostics["divergences"] <= 4
    for ours, theirs, se in (
        ("temp[warm]", "tempwarm", "tempwarm"),
        ("contact[yes]", "contactyes", "contactyes"),
    ):
        row = found.fixef().loc[ours]
        assert abs(row["mean"] - clmm["fixef"][theirs]) < 0.35 * clmm["se"][se]
        assert row["sd"] == pytest.approx(clmm["se"][se], rel=0.2)
        assert row["mean"] > 3 * row["sd"]  # negative control: no effect is ruled out
    for name, row in found.thresholds().iterrows():
        assert abs(row["mean"] - clmm["thresholds"][name]) < 0.35 * clmm["thresholds_se"][name]
    sd = found.varcorr().iloc[0]
    assert sd["lower"] < clmm["varcorr"]["judge"]["sd"][0] < sd["upper"]
    effects = found.ranef()["mean"].to_numpy()
    modes = np.ravel(clmm["ranef"]["judge"]["values"])
    assert np.corrcoef(effects, modes)[0, 1] > 0.99


@pytest.mark.slow
def test_what_is_asked_of_a_fit(wine_fit, tmp_path):
    """Every answer is given, and is about scores from 1 to 5 or the latent variable."""
    fit = wine_fit
    assert fit.fitted()["mean"].between(1, 5).all()
    drawn = fit.predict(kind="response", seed=1, draws=True)
    assert set(np.unique(drawn)) == {1, 2, 3, 4, 5}
    # the shares of the categories come back in replicated data
    seen = np.bincount(fit.design.y.astype(int), minlength=6)[1:] / 72
    again = np.bincount(drawn.to_numpy().astype(int).ravel(), minlength=6)[1:] / drawn.size
    np.testing.assert_allclose(again, seen, atol=0.03)
    assert np.isfinite(fit.loo().elpd)
    shares_of = fit.icc().set_index("group")["median"]
    sd2 = fit.posterior["sd_judge"].to_numpy() ** 2
    assert shares_of["judge"] == pytest.approx(np.median(sd2 / (sd2 + np.pi**2 / 3)), rel=1e-6)
    assert fit.r2()["mean"].between(0, 1).all()
    fit.save(tmp_path / "wine.nc")
    back = hb.load(tmp_path / "wine.nc")
    assert str(back.summary()) == str(fit.summary())
    pd.testing.assert_frame_equal(back.category_probabilities(), fit.category_probabilities())
    assert back.model.update(priors={"gap_2": hb.HalfNormal(1)}).spec.family.categories == 5


@pytest.mark.slow
def test_pymc_finds_the_same_posterior(wine_fit):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HierBayesWarning)  # it is short
        other = wine_model().fit(draws=400, chains=2, seed=1, engine="pymc", progress=False)
    for ours, theirs in ((wine_fit.fixef(), other.fixef()), (wine_fit.thresholds(), other.thresholds())):
        error = np.sqrt(ours["sd"] ** 2 / ours["ess_bulk"] + theirs["sd"] ** 2 / theirs["ess_bulk"])
        assert (np.abs(ours["mean"] - theirs["mean"]) < 4.5 * error).all()
    drawn = other.posterior
    first = -drawn["beta"].sel(coef="Intercept").to_numpy()
    np.testing.assert_allclose(
        drawn["threshold"].to_numpy()[..., 2], first + drawn["gap_2"] + drawn["gap_3"], rtol=1e-9
    )


@pytest.mark.slow
def test_the_posterior_of_simulated_data_is_calibrated():
    """Ranks of the truth among posterior draws are uniform, gaps among them; a wrong link is found out elsewhere."""
    data = hb.load_data("wine").assign(x=lambda d: (d["temp"] == "warm").astype(float))
    model = hb.Model("rating ~ x + (1 | judge)", data, family="ordinal")
    found = hb.calibrate(model, n=60, seed=3, draws=60, progress=False)
    assert found.passed
    assert {"gap_2", "gap_3", "gap_4"} <= set(found.table()["quantity"])
