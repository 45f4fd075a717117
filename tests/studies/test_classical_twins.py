"""Classical fits beside the posterior: against R's figures, closed forms and SciPy's paired t-test."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fits import fake_fit
from scipy.stats import chi2, ttest_ind, ttest_rel
from scipy.stats import t as student

import hierbayes as hb
from hierbayes.catalogue import catalogue
from hierbayes.estimates.side_by_side import complete_column, fixed_column
from hierbayes.studies.classical_twins import METHODS

CLASSICAL = json.loads((Path(__file__).parents[1] / "reference" / "classical.json").read_text())
SLEEP = "Reaction ~ Days + (Days | Subject)"


def twins(formula, data, **options):
    return hb.classical(fake_fit(formula, data), **options)


def picked(found, method, column="estimate"):
    own = found.table[found.table["method"] == method]
    return own.set_index("parameter")[column]


@pytest.fixture(scope="module")
def sleep():
    return twins(SLEEP, hb.load_data("sleepstudy"))


@pytest.fixture(scope="module")
def dyestuff():
    return twins("Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff"))


@pytest.mark.filterwarnings("ignore::hierbayes.errors.HierBayesWarning")
def test_a_model_is_sampled_once_and_a_fit_not(monkeypatch):
    model, calls = hb.Model("Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff")), []
    plain = hb.Model.fit
    monkeypatch.setattr(hb.Model, "fit", lambda self, **options: calls.append(options) or plain(self, **options))
    found = hb.classical(model, draws=50, chains=2, seed=3, progress=False)
    assert calls == [{"draws": 50, "chains": 2, "seed": 3, "progress": False}]
    assert found.fit.posterior.sizes["draw"] == 50
    again = hb.classical(found.fit)
    assert len(calls) == 1
    assert again.fit is found.fit
    pd.testing.assert_frame_equal(again.table, found.table)


def test_what_is_wrong_is_said(dyestuff):
    with pytest.raises(hb.ModelError, match="not sampled again, so draws"):
        hb.classical(dyestuff.fit, draws=10)
    with pytest.raises(hb.ModelError, match="takes a Model or a Fit, not str"):
        hb.classical("y ~ x")
    with pytest.raises(hb.ModelError, match="Batch"):
        hb.classical(dyestuff.fit, factor="batch")
    with pytest.raises(hb.ModelError, match="ci_prob"):
        hb.classical(dyestuff.fit, ci_prob=1)


def test_one_row_for_each_parameter_and_method(sleep):
    names = ["Intercept", "Days", "sd_Subject[Intercept]", "sd_Subject[Days]", "corr_Subject[Intercept, Days]", "sigma"]
    assert list(sleep.table) == [
        "parameter", "effect", "group", "term", "method", "estimate", "std_error", "conf_low", "conf_high",
    ]  # fmt: skip
    assert sleep.table["parameter"].tolist() == names * 6
    assert sleep.table["method"].drop_duplicates().tolist() == list(METHODS)
    assert sleep.table["effect"].tolist() == (["fixed"] * 2 + ["ran_pars"] * 4) * 6
    assert sleep.notes == ()
    assert sleep.paired is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        sleep.factor = "x"


def test_complete_pooling_is_lm(sleep, dyestuff):
    reference = CLASSICAL["sleepstudy_pooled"]
    assert picked(sleep, "complete")[:2].tolist() == pytest.approx(list(reference["fixef"].values()), rel=1e-9)
    assert picked(sleep, "complete", "std_error")[:2].tolist() == pytest.approx(
        list(reference["se"].values()), rel=1e-9
    )
    assert picked(sleep, "complete")["sigma"] == pytest.approx(reference["sigma"], rel=1e-9)
    assert picked(sleep, "complete")[2:5].isna().all()
    half = student.ppf(0.975, 178) * reference["se"]["Days"]
    assert picked(sleep, "complete", "conf_high")["Days"] == pytest.approx(reference["fixef"]["Days"] + half)
    limits = [picked(sleep, "complete", f"conf_{side}")["sigma"] for side in ("low", "high")]
    assert limits == pytest.approx(reference["sigma"] * np.sqrt(178 / chi2.ppf([0.975, 0.025], 178)))
    pooled = CLASSICAL["dyestuff_pooled"]
    assert picked(dyestuff, "complete")["Intercept"] == pytest.approx(pooled["fixef"][0])
    assert picked(dyestuff, "complete", "std_error")["Intercept"] == pytest.approx(pooled["se"][0])


def test_separate_fits_are_lmlist(sleep):
    reference = CLASSICAL["sleepstudy_unpooled"]["coef"]
    wide = sleep.levels.pivot(index="level", columns="term", values="estimate")
    values = np.array(reference["values"])
    np.testing.assert_allclose(wide.loc[reference["levels"], ["Intercept", "Days"]], values, rtol=1e-8)
    assert (sleep.levels["rows"] == 10).all()
    np.testing.assert_allclose(picked(sleep, "separate")[:2], values.mean(axis=0), rtol=1e-10)
    np.testing.assert_allclose(picked(sleep, "separate", "std_error")[:2], values.std(axis=0, ddof=1) / np.sqrt(18))
    np.testing.assert_allclose(picked(sleep, "separate")[2:4], values.std(axis=0, ddof=1), rtol=1e-8)
    assert picked(sleep, "separate").iloc[4] == pytest.approx(np.corrcoef(values.T)[0, 1], rel=1e-8)
    days = np.arange(10.0)
    X = np.column_stack([np.ones(10), days])
    sigma = picked(sleep, "separate")["sigma"]
    error = sigma * np.sqrt(np.diag(np.linalg.inv(X.T @ X)))
    np.testing.assert_allclose(sleep.levels["std_error"], np.tile(error, 18), rtol=1e-10)


def test_in_balanced_data_the_mean_of_separate_fits_has_the_error_of_reml(sleep):
    """The covariance of an estimate of one level is Sigma + sigma² (X'X)⁻¹, for both."""
    np.testing.assert_allclose(
        picked(sleep, "separate", "std_error")[:2], picked(sleep, "REML", "std_error")[:2], rtol=1e-5
    )
    fixed = picked(sleep, "fixed", "std_error")[:2] / picked(sleep, "REML", "std_error")[:2]
    assert (fixed < 0.6).all()


def test_groups_as_fixed_effects(sleep, dyestuff):
    reference = CLASSICAL["dyestuff_unpooled"]
    assert picked(dyestuff, "fixed")["Intercept"] == pytest.approx(np.mean(list(reference["fixef"].values())))
    assert picked(dyestuff, "fixed", "std_error")["Intercept"] == pytest.approx(reference["sigma"] / np.sqrt(30))
    assert picked(dyestuff, "fixed")["sigma"] == pytest.approx(reference["sigma"])
    sigma = picked(sleep, "fixed")["sigma"]
    days = np.arange(10.0)
    wanted = sigma / np.sqrt(18 * np.sum((days - 4.5) ** 2))
    assert picked(sleep, "fixed", "std_error")["Days"] == pytest.approx(wanted)


@pytest.mark.parametrize("name", ["sleepstudy", "penicillin", "oats", "pastes"])
def test_reml_and_ml_are_those_of_lme4(name):
    spec = catalogue()[name]
    found = twins(spec.formula, spec.table())
    for method, reference in (("REML", CLASSICAL[name]), ("ML", CLASSICAL[name]["ml"])):
        own = picked(found, method)
        values = sorted(reference["fixef"].values())
        np.testing.assert_allclose(sorted(own[list(found.fit.design.coefficients)]), values, rtol=1e-5, atol=1e-5)
        assert own["sigma"] == pytest.approx(reference["sigma"], rel=1e-4)
    assert found.criteria.loc["REML", "criterion"] == pytest.approx(CLASSICAL[name]["reml_criterion"], abs=1e-6)
    assert found.criteria.loc["ML", "criterion"] == pytest.approx(CLASSICAL[name]["ml_deviance"], abs=1e-6)
    assert found.criteria.loc["REML", "aic"] == found.reml.aic
    assert found.criteria.loc["ML", "bic"] == found.ml.bic


def test_the_posterior_stands_as_the_summary_prints_it(sleep):
    fit = sleep.fit
    own = picked(sleep, "posterior")
    assert own[:2].tolist() == fit.fixef()["mean"].tolist()
    assert own[2:].tolist() == fit.varcorr()["median"].tolist()
    assert picked(sleep, "posterior", "std_error").tolist() == [*fit.fixef()["sd"], *fit.varcorr()["sd"]]
    assert sleep.criteria.loc["posterior"].isna().all()
    narrow = hb.classical(fit, ci_prob=0.5)
    for method in METHODS:
        low, wide = (picked(x, method, "conf_low")["Days"] for x in (narrow, sleep))
        assert low > wide


def test_likelihoods_of_least_squares(sleep):
    """R: logLik(lm) at the maximum-likelihood sigma, parameters counted with sigma."""
    y, days = sleep.fit.design.y, sleep.fit.design.X[:, 1]
    slope, intercept = np.polyfit(days, y, 1)
    squares = np.sum((y - intercept - slope * days) ** 2)
    wanted = -90 * (np.log(2 * np.pi * squares / 180) + 1)
    row = sleep.criteria.loc["complete"]
    assert row["loglik"] == pytest.approx(wanted)
    assert row["aic"] == pytest.approx(-2 * wanted + 6)
    assert row["bic"] == pytest.approx(-2 * wanted + 3 * np.log(180))
    both = sleep.criteria.loc[["separate", "fixed"]]
    np.testing.assert_allclose(both.iloc[0], both.iloc[1], rtol=1e-12)
    sigma = picked(sleep, "separate")["sigma"]
    assert both["loglik"].iloc[0] == pytest.approx(-90 * (np.log(2 * np.pi * sigma**2 * 144 / 180) + 1))
    assert both["parameters"].tolist() == [37, 37]


def test_wide_holds_what_long_holds(sleep):
    wide = sleep.wide
    assert wide.columns.get_level_values(0).drop_duplicates().tolist() == list(METHODS)
    for method in METHODS:
        for column in ("estimate", "std_error"):
            pd.testing.assert_series_equal(
                wide[method, column].iloc[:6], picked(sleep, method, column), check_names=False
            )
    assert wide.loc["-2 log-likelihood", ("REML", "estimate")] == sleep.reml.criterion
    assert wide.loc["AIC":, (slice(None), "std_error")].isna().all(axis=None)


def test_it_prints_and_exports(sleep):
    text = str(sleep)
    assert repr(sleep) == text
    for said in ("251.41 (6.82)", "10.47 (1.55)", "1743.63", "complete", "posterior"):
        assert said in text
        assert said in sleep.to_markdown()
        assert said in sleep._repr_html_()
    assert "sd\\_Subject[Intercept]" in sleep.to_latex()
    empty = str(twins("Reaction ~ Days", hb.load_data("sleepstudy")))
    assert "separate" not in empty
    assert "251.41 (6.61)" in empty


class TestNotes:
    """What does not exist is said, and the rest is there."""

    def test_singular(self):
        found = twins("Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff2"))
        assert found.notes == tuple(f"{m} is singular: sd_Batch[Intercept] is estimated as 0" for m in ("REML", "ML"))
        assert picked(found, "REML")["sd_Batch[Intercept]"] == 0
        assert picked(found, "REML", "std_error")["Intercept"] == pytest.approx(0.67839, rel=1e-4)

    def test_linearly_dependent(self):
        design = fake_fit(SLEEP, hb.load_data("sleepstudy")).design
        twice = dataclasses.replace(design, X=np.column_stack([design.X[:, 0], 2 * design.X[:, 0]]))
        for column in (complete_column(twice, 0.95), fixed_column(twice, 0.95)):
            assert "columns" in column.notes[0]
            assert np.isnan(column.numbers).all()

    def test_fixed_sds_have_no_reml(self):
        fit = fake_fit(SLEEP, hb.load_data("sleepstudy"), priors={"sd_Subject": hb.Fixed(25.0)})
        found = hb.classical(fit)
        assert any(note.startswith("REML: ") for note in found.notes)
        assert picked(found, "complete").notna().sum() == 3

    def test_no_groups(self):
        found = twins("Reaction ~ Days", hb.load_data("sleepstudy"))
        assert (found.factor, len(found.levels), found.notes) == ("", 0, ())
        assert picked(found, "REML").tolist() == pytest.approx(picked(found, "complete").tolist(), rel=1e-8)
        assert "separate" not in found.table["method"].tolist()

    def test_no_coefficients(self):
        found = twins("Reaction ~ 0 + (Days | Subject)", hb.load_data("sleepstudy"))
        assert any("no population-level coefficients" in note for note in found.notes)
        assert found.levels["term"].drop_duplicates().tolist() == ["Intercept", "Days"]
        assert picked(found, "separate").notna().sum() == 4

    def test_predictors_of_levels(self):
        found = twins("y ~ z + (1 | group)", hb.load_data("chapter_groups"))
        assert found.notes[0] == "separate: no level of group has a fit of its own: z does not vary within it"
        assert found.notes[1].startswith("fixed: beside fixed effects of the groups, Intercept, z cannot be told")
        assert picked(found, "fixed")["sigma"] == pytest.approx(0.94229628, rel=1e-6)

    def test_nothing_left_for_sigma(self):
        spec = catalogue()["oats"]
        found = twins(spec.formula, spec.table())
        assert any(note.startswith("separate: no residual degrees of freedom") for note in found.notes)
        assert np.isnan(picked(found, "separate")["sigma"])
        assert picked(found, "separate")["Intercept"] == pytest.approx(80)

    def test_small_levels_are_named(self):
        data = hb.load_data("sleepstudy")
        data = data[~data["Subject"].isin(["308", "309"]) | (data["Days"] == 3)]
        found = twins(SLEEP, data)
        assert "separate: too small for a fit of their own and left out: 308, 309" in found.notes
        assert "fixed: 2 levels are too small for columns of their own and are left out" in found.notes
        assert found.criteria.loc[["separate", "fixed"], "loglik"].isna().all()
        assert found.levels.query("level == '308'")["estimate"].isna().all()
        assert np.isfinite(picked(found, "separate")["Days"])


def test_another_factor(sleep):
    data = hb.load_data("penicillin")
    formula = "diameter ~ 1 + (1 | plate) + (1 | sample)"
    found = twins(formula, data, factor="sample")
    means = data.groupby("sample", observed=True)["diameter"].mean()
    assert found.factor == "sample"
    assert picked(found, "separate")["sd_sample[Intercept]"] == pytest.approx(means.std(ddof=1))
    assert np.isnan(picked(found, "separate")["sd_plate[Intercept]"])


def test_weights_and_offset():
    data = hb.load_data("sleepstudy").assign(w=np.tile([1.0, 2.0], 90), o=np.arange(180.0))
    fit = fake_fit("Reaction ~ Days + offset(o) + (1 | Subject)", data, weights="w")
    found = hb.classical(fit)
    X, y, root = fit.design.X, data["Reaction"] - data["o"], np.sqrt(data["w"].to_numpy())
    wanted = np.linalg.lstsq(X * root[:, None], y * root, rcond=None)[0]
    np.testing.assert_allclose(picked(found, "complete")[:2], wanted, rtol=1e-9)
    D = np.column_stack([np.eye(18)[fit.design.groups[0].codes], X[:, 1]])
    within = np.linalg.lstsq(D * root[:, None], y * root, rcond=None)[0]
    assert picked(found, "fixed")["Days"] == pytest.approx(within[-1])
    assert picked(found, "fixed")["Intercept"] == pytest.approx(within[:-1].mean())


def pairs(seed, share, n=12, step=0.4):
    """Return n pairs whose two rows hold `share` of a common part; negative shares turn its sign."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=n)
    y = np.concatenate([common + 0.6 * rng.normal(size=n), share * common + step + 0.6 * rng.normal(size=n)])
    data = pd.DataFrame({"subject": [f"s{i:02}" for i in range(n)] * 2, "diet": ["A"] * n + ["B"] * n, "y": y})
    return data.sample(frac=1, random_state=seed), y[:n], y[n:]


class TestPaired:
    """`y ~ condition + (1 | subject)`, two conditions within each subject, is the paired t-test."""

    @pytest.mark.parametrize("seed", range(8))
    @pytest.mark.parametrize("contrast", ["treatment", "sum"])
    def test_every_way_to_it_agrees(self, seed, contrast):
        data, first, second = pairs(seed, 1.0)
        if contrast == "sum":
            first, second = second, first
        found = hb.classical(fake_fit("y ~ diet + (1 | subject)", data, contrasts={"diet": contrast}))
        wanted = ttest_rel(second, first)
        test = found.paired
        assert (test.t, test.df, test.p_value) == pytest.approx((wanted.statistic, 11, wanted.pvalue), rel=1e-12)
        assert test.difference == pytest.approx(np.mean(second - first), rel=1e-12)
        assert test.table.loc[["fixed", "separate"], "t"].tolist() == pytest.approx([test.t] * 2, rel=1e-8)
        assert picked(found, "REML")["sd_subject[Intercept]"] > 0
        assert test.table.loc["REML", "t"] == pytest.approx(test.t, rel=1e-8)
        assert test.table.loc[["separate", "fixed", "REML"], "equal"].all()
        assert not test.table.loc[["complete", "ML"], "equal"].any()
        assert test.table.loc["complete", "t"] == pytest.approx(ttest_ind(second, first).statistic, rel=1e-10)
        assert test.table.loc["ML", "t"] == pytest.approx(test.t * np.sqrt(12 / 11), rel=1e-6)
        assert "vary together" in test.explanation

    @pytest.mark.parametrize("seed", range(4))
    def test_negative_correlation_is_where_reml_differs(self, seed):
        data, first, second = pairs(seed, -1.0)
        found = hb.classical(fake_fit("y ~ diet + (1 | subject)", data))
        test = found.paired
        assert test.test.correlation < 0
        assert picked(found, "REML")["sd_subject[Intercept]"] == 0
        assert test.table.loc["REML", "t"] == pytest.approx(ttest_ind(second, first).statistic, rel=1e-8)
        assert not test.table.loc["REML", "equal"]
        assert abs(test.table.loc["REML", "t"]) > abs(test.t)
        assert test.table.loc[["fixed", "separate"], "t"].tolist() == pytest.approx([test.t] * 2, rel=1e-8)
        assert "cannot give them a negative covariance" in test.explanation
        assert test.explanation in repr(found)
        assert "Paired t-test of diet[B]" in found._repr_html_()

    def test_the_posterior_is_wider_than_the_test_and_centred_on_it(self):
        data, *_ = pairs(1, 1.0, n=40)
        found = hb.classical(hb.Model("y ~ diet + (1 | subject)", data), seed=1, progress=False)
        row = found.paired.table.loc["posterior"]
        assert row["estimate"] == pytest.approx(found.paired.difference, abs=0.1 * found.paired.std_error)
        assert row["std_error"] == pytest.approx(found.paired.std_error, rel=0.1)

    def test_other_designs_are_not_it(self):
        data, *_ = pairs(1, 1.0)
        third = pd.concat([data, data[data["diet"] == "A"].assign(diet="C")])
        twice = pd.concat([data, data.assign(y=data["y"] + 1)])
        for formula, table in (
            ("y ~ 1 + (1 | subject)", data),
            ("y ~ 0 + diet + (1 | subject)", data),
            ("y ~ diet", data),
            ("y ~ diet + (1 | subject)", third),
            ("y ~ diet + (1 | subject)", twice),
            ("y ~ diet + (1 | subject)", data.iloc[1:]),
            ("y ~ diet + (0 + x | subject)", data.assign(x=np.arange(24.0) + 1)),
        ):
            assert twins(formula, table).paired is None, formula
        weighted = fake_fit("y ~ diet + (1 | subject)", data.assign(w=np.arange(24) + 1.0), weights="w")
        assert hb.classical(weighted).paired is None
