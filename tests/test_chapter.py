"""Every example of the course chapter on linear mixed models: its printed figures, and what the posterior says.

The classical figures are those of R's lm, lme4 and nlme, as printed or in `reference/classical.json`. Posteriors are of
four chains of 1000 draws, seed 1, with the default priors.
"""

from __future__ import annotations

import json
import warnings
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import f as fisher

import hierbayes as hb
from hierbayes.estimates import least_squares

CLASSICAL = json.loads((Path(__file__).parent / "reference" / "classical.json").read_text())
CROSSED = "diameter ~ 1 + (1 | plate) + (1 | sample)"
SAMPLE_FIXED = "diameter ~ 1 + sample + (1 | plate)"
SLEEP = "Reaction ~ Days + (Days | Subject)"
PLATES = {"a": 0.80454704, "g": -1.37551591, "x": -1.21979713}
SAMPLES = {"A": 2.18705797, "B": -1.01047615, "C": 1.93789946, "D": -0.09689497, "E": -0.01384214, "F": -3.00374417}
SUBJECTS = {
    "308": (2.2585654, 9.1989719),
    "309": (-40.3985770, -8.6197032),
    "310": (-38.9602459, -5.4488799),
}


@cache
def model(formula, name):
    return hb.Model(formula, hb.load_data(name))


@cache
def posterior(formula, name):
    with warnings.catch_warnings():
        warnings.simplefilter("error", hb.HierBayesWarning)
        return model(formula, name).fit(seed=1, progress=False)


@cache
def reml(formula, name):
    return model(formula, name).reml()


def label(name):
    """Return a coefficient's name as R writes it."""
    return name.replace("[", "").replace("]", "").replace("Intercept", "(Intercept)")


def sds(fit, column="mean"):
    table = fit.varcorr()
    table = table[table["kind"] != "corr"]
    return {(g, t): v for g, t, v in zip(table["group"], table["term"], table[column], strict=True)}


def covers(fit, values, group, term=""):
    row = fit.varcorr().query("group == @group and term == @term and kind != 'corr'").iloc[0]
    return row["lower"] < values < row["upper"]


def effects(fit, group):
    table = fit.ranef()
    return table[table["group"] == group].set_index(["level", "term"])


class TestSimulatedGroups:
    """Four groups of two: `lm` gives the mean an error of 0.33, `lmer` one of 2.98."""

    formula = "y ~ 1 + (1 | group)"

    def test_lm(self):
        found = hb.Model("y ~ z", hb.load_data("chapter_groups")).reml()
        assert found.fixef()["mean"].tolist() == pytest.approx([2.24983, 0.89810], abs=1e-5)
        assert found.fixef()["sd"].tolist() == pytest.approx([0.32663, 0.05677], abs=1e-5)
        assert sds(found)["Residual", ""] == pytest.approx(0.9191, abs=5e-5)

    def test_lmer(self):
        found = reml(self.formula, "chapter_groups")
        spread = sds(found)
        assert spread["group", "Intercept"] ** 2 == pytest.approx(35.0431, abs=1e-3)
        assert spread["group", "Intercept"] == pytest.approx(5.9197, abs=1e-4)
        assert spread["Residual", ""] ** 2 == pytest.approx(0.8879, abs=5e-5)
        assert spread["Residual", ""] == pytest.approx(0.9423, abs=5e-5)
        assert found.fixef().loc["Intercept", ["mean", "sd"]].tolist() == pytest.approx([1.728, 2.979], abs=5e-4)
        assert round(found.criterion, 1) == 34.3

    def test_the_lesson(self):
        """0.33 against 2.98; and the posterior, which also does not know the sds, says a little more than 2.98."""
        ignored = hb.Model("y ~ z", hb.load_data("chapter_groups")).reml().fixef().loc["Intercept", "sd"]
        heeded = reml(self.formula, "chapter_groups").fixef().loc["Intercept", "sd"]
        row = posterior(self.formula, "chapter_groups").fixef().loc["Intercept"]
        assert (round(ignored, 2), round(heeded, 2)) == (0.33, 2.98)
        assert 2.979 < row["sd"] < 2 * 2.979
        assert row["mean"] == pytest.approx(1.728, abs=0.15 * 2.979)
        assert row["lower"] < 1.728 - 2 * 2.979 < 1.728 + 2 * 2.979 < row["upper"]

    def test_the_posterior_of_the_spreads_covers_reml(self):
        fit = posterior(self.formula, "chapter_groups")
        assert covers(fit, 5.9197, "group", "Intercept")
        assert covers(fit, 0.9423, "Residual")

    def test_the_correlation_of_rows_makes_the_difference(self):
        """Idea 1: at REML's correlation the variance of the mean of eight rows is that of lmer's intercept."""
        spread = sds(reml(self.formula, "chapter_groups"))
        total = sum(sd**2 for sd in spread.values())
        rho = spread["group", "Intercept"] ** 2 / total
        found = hb.variance_of_mean(rho=rho, sd=np.sqrt(total), groups=[1, 1, 2, 2, 3, 3, 4, 4])
        assert found.sd == pytest.approx(2.979, abs=5e-4)
        assert found.effective_n == pytest.approx(8 / (1 + rho))
        assert found.effective_n < 4.1
        assert hb.variance_of_mean(8, rho=0, sd=np.sqrt(total)).sd == pytest.approx(np.sqrt(total / 8))

    def test_differences_within_groups(self):
        """The paired view: -1.5646, 1.0593, 1.7856, 0.5873 with sd 1.441, blind to the groups."""
        data = hb.load_data("chapter_groups").assign(after=[0, 1] * 4)
        gaps = np.diff(data["y"].to_numpy().reshape(4, 2), axis=1)[:, 0]
        assert gaps.tolist() == pytest.approx([-1.5646, 1.0593, 1.7856, 0.5873], abs=1e-4)
        assert np.std(gaps, ddof=1) == pytest.approx(1.441, abs=5e-4)
        found = hb.classical(hb.Model("y ~ after + (1 | group)", data), seed=1, progress=False)
        assert found.paired.difference == pytest.approx(gaps.mean(), rel=1e-9)
        assert found.paired.std_error == pytest.approx(1.441 / 2, abs=5e-4)
        assert found.paired.table.loc[["separate", "fixed", "REML"], "equal"].all()
        moved = data.assign(y=data["y"] + 100 * data["group"].astype(float))
        again = hb.classical(hb.Model("y ~ after + (1 | group)", moved), seed=1, progress=False)
        assert again.paired.t == pytest.approx(found.paired.t, rel=1e-9)
        for fit, test in ((found, found.paired), (again, again.paired)):
            row = fit.fit.fixef().loc["after"]
            assert row["lower"] < test.difference < row["upper"]
            assert row["sd"] > test.std_error


class TestDyestuff:
    formula = "Yield ~ 1 | Batch"

    def test_lmer(self):
        found = reml(self.formula, "dyestuff")
        spread = sds(found)
        assert spread["Batch", "Intercept"] ** 2 == pytest.approx(1764, abs=0.5)
        assert spread["Batch", "Intercept"] == pytest.approx(42.00, abs=5e-3)
        assert spread["Residual", ""] ** 2 == pytest.approx(2451, abs=0.5)
        assert spread["Residual", ""] == pytest.approx(49.51, abs=5e-3)
        assert found.fixef().loc["Intercept", ["mean", "sd"]].tolist() == pytest.approx([1527.50, 19.38], abs=5e-3)
        assert round(found.criterion, 1) == 319.7

    def test_nearly_the_point_estimate_of_lm(self):
        """`lm(Yield ~ Batch)` has the same mean of the batches, the same sigma and half the standard error."""
        both = hb.classical(posterior(self.formula, "dyestuff"))
        wide = both.wide.loc["Intercept"]
        for method in ("complete", "separate", "fixed", "REML", "ML"):
            assert wide[method, "estimate"] == pytest.approx(1527.5, abs=1e-3)
        assert wide["posterior", "estimate"] == pytest.approx(1527.5, abs=0.15 * 19.38)
        assert both.wide.loc["sigma", ("fixed", "estimate")] == pytest.approx(49.51, abs=5e-3)
        assert wide["fixed", "std_error"] == pytest.approx(49.51 / np.sqrt(30), abs=1e-3)
        assert wide["separate", "std_error"] == pytest.approx(19.38, abs=5e-3)
        assert 19.38 < wide["posterior", "std_error"] < 1.6 * 19.38
        means = hb.load_data("dyestuff").groupby("Batch", observed=True)["Yield"].mean()
        assert dict(zip(both.levels["level"], both.levels["estimate"], strict=True)) == pytest.approx(dict(means))

    def test_the_posterior_covers_reml(self):
        fit = posterior(self.formula, "dyestuff")
        assert covers(fit, 42.00, "Batch", "Intercept")
        assert covers(fit, 49.51, "Residual")
        modes, own = effects(reml(self.formula, "dyestuff"), "Batch"), effects(fit, "Batch")
        assert ((own["lower"] < modes["mean"]) & (modes["mean"] < own["upper"])).all()

    def test_conditional_variances(self):
        """ranef(condVar = TRUE): 1 / (n / sigma² + 1 / sd²) in a balanced layout."""
        found = effects(reml(self.formula, "dyestuff"), "Batch")["sd"].to_numpy()
        np.testing.assert_allclose(found**2, 1 / (5 / 2451.25 + 1 / 1764.05), rtol=1e-4)
        reference = CLASSICAL["dyestuff"]["ml"]
        sd, sigma = reference["varcorr"]["Batch"]["sd"][0], reference["sigma"]
        ml = effects(model(self.formula, "dyestuff").ml(), "Batch")["sd"].to_numpy()
        np.testing.assert_allclose(ml**2, 1 / (5 / sigma**2 + 1 / sd**2), rtol=1e-4)


class TestPenicillin:
    """24 plates by 6 samples, crossed; then with the samples fixed."""

    def test_printed_effects(self):
        found = reml(CROSSED, "penicillin")
        assert round(found.fixef().loc["Intercept", "mean"], 5) == 22.97222
        for group, printed in (("plate", PLATES), ("sample", SAMPLES)):
            own = effects(found, group)["mean"]
            for level, value in printed.items():
                # lme4 stops its optimiser at a relative 1e-6
                assert own[level, "Intercept"] == pytest.approx(value, abs=2e-6), level

    def test_all_effects(self):
        found = reml(CROSSED, "penicillin")
        for group, count in (("plate", 24), ("sample", 6)):
            reference = CLASSICAL["penicillin"]["ranef"][group]
            own = effects(found, group)["mean"]
            values = [own[level, "Intercept"] for level in reference["levels"]]
            assert len(values) == count == len(own)
            np.testing.assert_allclose(values, np.ravel(reference["values"]), atol=2e-6)

    def test_the_posterior_agrees_on_every_effect(self):
        fit, classical = posterior(CROSSED, "penicillin"), reml(CROSSED, "penicillin")
        for group in ("plate", "sample"):
            own, modes = effects(fit, group), effects(classical, group)
            assert ((own["lower"] < modes["mean"]) & (modes["mean"] < own["upper"])).all()
            assert ((own["mean"] - modes["mean"]).abs() < 0.25 * own["sd"]).all()
        row = fit.fixef().loc["Intercept"]
        assert row["lower"] < 22.97222 < row["upper"]
        assert 0.8086 < row["sd"] < 2 * 0.8086

    def test_intervals_of_samples_hold_what_conditional_variances_leave_out(self):
        """condVar takes the mean as known; a deviation of one of six samples is not known better than their mean."""
        fit, classical = posterior(CROSSED, "penicillin"), reml(CROSSED, "penicillin")
        assert (effects(fit, "sample")["sd"] > 4 * effects(classical, "sample")["sd"]).all()
        ratio = effects(fit, "plate")["sd"] / effects(classical, "plate")["sd"]
        assert ((ratio > 1) & (ratio < 1.3)).all()

    def test_conditional_variances_from_the_dense_matrix(self):
        """lme4: Var(b | y) = sigma² Lam (Lam'Z'Z Lam + I)⁻¹ Lam', at the estimates and with beta known."""
        found, design = reml(CROSSED, "penicillin"), model(CROSSED, "penicillin").design
        Z = np.hstack([np.eye(block.n_levels)[block.codes] for block in design.groups])
        spread = sds(found)
        sizes = [block.n_levels for block in design.groups]
        prior = np.repeat([spread[block.factor, "Intercept"] for block in design.groups], sizes)
        covariance = np.linalg.inv(Z.T @ Z / spread["Residual", ""] ** 2 + np.diag(1 / prior**2))
        np.testing.assert_allclose(found.ranef()["sd"], np.sqrt(np.diag(covariance)), rtol=1e-6)

    def test_dot_plots(self):
        fit = posterior(CROSSED, "penicillin")
        for group, count in (("plate", 24), ("sample", 6)):
            figure = fit.plot.caterpillar(factor=group)
            assert len(figure.axes[0].get_yticklabels()) == count

    def test_anova_of_the_fixed_samples(self):
        table = posterior(SAMPLE_FIXED, "penicillin").anova()
        row, reference = table.loc["sample"], CLASSICAL["penicillin_anova"]
        assert row["df"] == 5
        assert [round(row["sum_sq"], 2), round(row["mean_sq"], 3), round(row["F"], 2)] == [449.22, 89.844, 297.09]
        assert round(row["chi_sq"], 1) == 1485.4
        assert row["p"] < 2.2e-16
        assert row["F"] == pytest.approx(reference["F"], rel=1e-4)
        assert row["chi_sq"] == pytest.approx(reference["wald_chisq"], rel=1e-4)
        # what needs no p-value: the spread of the six samples with its interval, against that of the residual
        assert row["finite_lower"] > 3 * table.loc["Residual", "finite_upper"]

    def test_the_fixed_samples(self):
        found, fit = reml(SAMPLE_FIXED, "penicillin"), posterior(SAMPLE_FIXED, "penicillin")
        reference = CLASSICAL["penicillin_sample_fixed"]
        for name, row in found.fixef().iterrows():
            assert row["mean"] == pytest.approx(reference["fixef"][label(name)], abs=1e-8)
            assert row["sd"] == pytest.approx(reference["se"][label(name)], rel=1e-5)
            own = fit.fixef().loc[name]
            assert own["lower"] < row["mean"] < own["upper"]
            assert own["mean"] == pytest.approx(row["mean"], abs=0.15 * row["sd"])
            assert own["sd"] == pytest.approx(row["sd"], rel=0.15)
        assert round(found.criterion, 4) == round(reference["reml_criterion"], 4)

    def test_all_effects_fixed(self):
        """Practice: `lm(diameter ~ plate + sample)`, its estimates and errors, beside the hierarchical fits."""
        formula = "diameter ~ plate + sample"
        found, fit = reml(formula, "penicillin"), posterior(formula, "penicillin")
        reference = CLASSICAL["penicillin_unpooled"]
        table, own = found.fixef(), fit.fixef()
        assert len(table) == len(reference["fixef"]) == 29
        for name, row in table.iterrows():
            assert row["mean"] == pytest.approx(reference["fixef"][label(name)], abs=1e-9)
            assert row["sd"] == pytest.approx(reference["se"][label(name)], rel=1e-9)
        assert sds(found)["Residual", ""] == pytest.approx(reference["sigma"], rel=1e-8)
        assert ((own["mean"] - table["mean"]).abs() < 0.15 * table["sd"]).all()
        assert (own["sd"] / table["sd"] - 1).abs().max() < 0.08

    def test_predictions_of_fixed_and_random_plates(self):
        """Both predict the cells nearly alike; the random plates are drawn in by sigma² / (sigma² + 6 sd²)."""
        fixed = posterior("diameter ~ plate + sample", "penicillin").fitted()
        mixed = posterior(SAMPLE_FIXED, "penicillin").fitted()
        assert np.corrcoef(fixed["mean"], mixed["mean"])[0, 1] > 0.999
        data = hb.load_data("penicillin")
        plate = data["plate"].astype(str)
        deviations = [(own["mean"] - own["mean"].mean()).groupby(plate).mean() for own in (fixed, mixed)]
        spread = sds(reml(SAMPLE_FIXED, "penicillin"))
        kept = 1 - spread["Residual", ""] ** 2 / (spread["Residual", ""] ** 2 + 6 * spread["plate", "Intercept"] ** 2)
        slope = deviations[0] @ deviations[1] / (deviations[0] @ deviations[0])
        assert slope == pytest.approx(kept, abs=0.02)
        assert slope < 0.97
        least = least_squares(data["diameter"], model("diameter ~ plate + sample", "penicillin").design.X)
        np.testing.assert_allclose(
            fixed["mean"], model("diameter ~ plate + sample", "penicillin").design.X @ least.beta, atol=0.05
        )
        # a plate that nobody has seen can be predicted from random plates alone
        unseen = {"plate": "z", "sample": "A"}
        row = posterior(SAMPLE_FIXED, "penicillin").predict(unseen, groups="new", seed=1).iloc[0]
        assert row["mean"] == pytest.approx(25.1667, abs=0.1)
        assert row["sd"] == pytest.approx(np.hypot(0.8467, 0.2061), rel=0.15)
        with pytest.raises(hb.DataError, match="'z'"):
            posterior("diameter ~ plate + sample", "penicillin").predict(unseen, groups="new", seed=1)

    def test_gls_is_the_marginal_twin(self):
        """Practice: `gls` with compound symmetry by plate has the coefficients, likelihood and covariance of lmer."""
        found, reference = reml(SAMPLE_FIXED, "penicillin"), CLASSICAL["penicillin_gls_compound_symmetry"]
        for name, value in found.fixef()["mean"].items():
            assert value == pytest.approx(reference["fixef"][label(name)], abs=1e-8)
        assert found.loglik == pytest.approx(reference["reml_loglik"], abs=1e-6)
        between, within = sds(found)["plate", "Intercept"] ** 2, sds(found)["Residual", ""] ** 2
        assert np.sqrt(between + within) == pytest.approx(reference["sigma"], rel=1e-5)
        assert between / (between + within) == pytest.approx(reference["rho"], rel=1e-4)
        # generalised least squares with that covariance written out
        design = model(SAMPLE_FIXED, "penicillin").design
        same = design.groups[0].codes[:, None] == design.groups[0].codes
        V = reference["sigma"] ** 2 * np.where(same, reference["rho"], 0.0)
        np.fill_diagonal(V, reference["sigma"] ** 2)
        inverse = np.linalg.inv(V)
        covariance = np.linalg.inv(design.X.T @ inverse @ design.X)
        np.testing.assert_allclose(covariance @ design.X.T @ inverse @ design.y, found.fixef()["mean"], atol=1e-8)
        np.testing.assert_allclose(np.sqrt(np.diag(covariance)), found.fixef()["sd"], rtol=1e-4)
        fit = posterior(SAMPLE_FIXED, "penicillin")
        share = fit.icc().set_index("group").loc["plate"]
        assert share["lower"] < reference["rho"] < share["upper"]
        assert share["mean"] == pytest.approx(reference["rho"], abs=0.05)


class TestSleepstudy:
    def test_fixed_effects(self):
        found = reml(SLEEP, "sleepstudy").fixef()
        assert found["mean"].round(5).tolist() == [251.40510, 10.46729]
        reference = CLASSICAL["sleepstudy"]["se"]
        assert found["sd"].tolist() == pytest.approx([reference["(Intercept)"], reference["Days"]], rel=1e-4)
        own = posterior(SLEEP, "sleepstudy").fixef()
        assert ((own["lower"] < found["mean"]) & (found["mean"] < own["upper"])).all()
        assert ((own["mean"] - found["mean"]).abs() < 0.15 * found["sd"]).all()

    def test_printed_effects(self):
        own = effects(reml(SLEEP, "sleepstudy"), "Subject")["mean"]
        for level, values in SUBJECTS.items():
            for term, value in zip(("Intercept", "Days"), values, strict=True):
                assert own[level, term] == pytest.approx(value, abs=2e-5)

    def test_all_eighteen_by_two_effects(self):
        reference = CLASSICAL["sleepstudy"]["ranef"]["Subject"]
        own = effects(reml(SLEEP, "sleepstudy"), "Subject")["mean"]
        found = [[own[level, term] for term in ("Intercept", "Days")] for level in reference["levels"]]
        assert np.shape(found) == (18, 2)
        # lme4's own optimum is good to 2e-4 of an effect
        np.testing.assert_allclose(found, reference["values"], atol=1e-3)

    def test_the_posterior_agrees_on_every_effect(self):
        own, modes = (effects(x(SLEEP, "sleepstudy"), "Subject") for x in (posterior, reml))
        assert ((own["lower"] < modes["mean"]) & (modes["mean"] < own["upper"])).all()
        assert ((own["mean"] - modes["mean"]).abs() < 0.35 * own["sd"]).all()
        assert (own["sd"] > 0.95 * modes["sd"]).all()

    def test_lines_of_the_mixed_model_against_separate_ones(self):
        """The figure: separate lines are lmList's; those of the mixed model lie between them and the population's."""
        reference = CLASSICAL["sleepstudy_unpooled"]["coef"]
        table = hb.classical(posterior(SLEEP, "sleepstudy")).levels
        separate = table.pivot(index="level", columns="term", values="estimate").loc[reference["levels"]]
        np.testing.assert_allclose(separate[["Intercept", "Days"]], reference["values"], rtol=1e-8)
        mixed = posterior(SLEEP, "sleepstudy").coef().pivot(index="level", columns="term", values="mean")
        assert (mixed.std() < separate.std()).all()
        slope = np.polyfit(separate["Days"], mixed["Days"], 1)[0]
        assert 0.6 < slope < 0.95
        figure = posterior(SLEEP, "sleepstudy").plot.pooling()
        assert len([axis for axis in figure.axes if axis.lines]) >= 18

    def test_ignoring_the_subjects(self):
        """Idea 2: rows as independent, the slope's error is 1.24; with the subjects 1.55."""
        both = hb.classical(posterior(SLEEP, "sleepstudy")).wide.loc["Days"]
        assert round(both["complete", "std_error"], 2) == 1.24
        assert round(both["REML", "std_error"], 2) == 1.55
        assert both["posterior", "std_error"] > 1.4


class TestAccessors:
    """summary, coef, fixef, ranef, model.matrix, predict, anova."""

    def test_summary_prints_what_the_others_hold(self):
        fit = posterior(SLEEP, "sleepstudy")
        text = str(fit.summary())
        assert "Reaction ~ Days + (Days | Subject)" in text
        assert "Number of rows: 180; levels: Subject 18" in text
        pd.testing.assert_frame_equal(fit.summary().fixed, fit.fixef())
        pd.testing.assert_frame_equal(fit.summary().varcorr, fit.varcorr())

    @pytest.mark.parametrize("source", [posterior, reml], ids=["posterior", "REML"])
    def test_coef_is_fixef_plus_ranef(self, source):
        fit = source(SLEEP, "sleepstudy")
        total, own = fit.coef().set_index(["level", "term"])["mean"], effects(fit, "Subject")["mean"]
        for level, term in own.index:
            assert total[level, term] == pytest.approx(fit.fixef()["mean"][term] + own[level, term], rel=1e-9)

    def test_model_matrix(self):
        design = model(SAMPLE_FIXED, "penicillin").design
        data = hb.load_data("penicillin")
        wanted = np.column_stack([np.ones(144), *(data["sample"] == level for level in "BCDEF")])
        np.testing.assert_array_equal(design.X, wanted)
        assert list(design.X_frame.columns) == ["Intercept", *(f"sample[{level}]" for level in "BCDEF")]
        block = design.groups[0]
        np.testing.assert_array_equal(block.Z, np.ones((144, 1)))
        assert [block.levels[code] for code in block.codes] == data["plate"].astype(str).tolist()

    def test_predict(self):
        """Known subjects, new ones and the population; lme4's re.form = NA is the population."""
        fit = posterior(SLEEP, "sleepstudy")
        rows = fit.coef().set_index(["level", "term"])["mean"]
        known = fit.predict({"Subject": ["308"], "Days": [9]})
        assert known["mean"][0] == pytest.approx(rows["308", "Intercept"] + 9 * rows["308", "Days"], rel=1e-9)
        population = fit.predict({"Days": [9]}, groups="population")
        assert population["mean"][0] == pytest.approx(fit.fixef()["mean"] @ [1, 9], rel=1e-9)
        new = fit.predict({"Subject": ["400"], "Days": [9]}, groups="new", seed=1)
        Sigma = CLASSICAL["sleepstudy"]["varcorr"]["Subject"]
        sd = np.array(Sigma["sd"])
        variance = np.array([1, 9]) @ (np.outer(sd, sd) * np.array(Sigma["corr"])) @ [1, 9]
        assert new["sd"][0] == pytest.approx(np.sqrt(variance + population["sd"][0] ** 2), rel=0.2)
        assert new["sd"][0] > 3 * population["sd"][0]
        with pytest.raises(hb.DataError, match="400"):
            fit.predict({"Subject": ["400"], "Days": [9]})

    def test_anova(self):
        table = posterior(SLEEP, "sleepstudy").anova()
        row = table.loc["Days"]
        wanted = (10.4672859596 / 1.5457896439) ** 2
        assert (row["df"], row["chi_sq"]) == (1, pytest.approx(wanted, rel=1e-4))
        assert row["F"] == pytest.approx(wanted, rel=1e-4)


class TestVarianceOfAMean:
    """Practice: the variance of a mean under given correlations."""

    def test_one_correlation(self):
        for n, rho in ((2, 0.5), (10, 0.3), (10, -0.1), (5, 0.0)):
            found = hb.variance_of_mean(n, rho=rho, sd=2.0)
            assert found.variance == pytest.approx(4 / n * (1 + (n - 1) * rho))
            assert (found.effective_n > n) == (rho < 0)

    def test_any_matrix_against_simulation(self):
        corr = np.array([[1, 0.6, 0.2], [0.6, 1, -0.3], [0.2, -0.3, 1]])
        draws = np.random.default_rng(1).multivariate_normal(np.zeros(3), corr, size=200_000).mean(axis=1)
        found = hb.variance_of_mean(corr=corr)
        assert found.variance == pytest.approx(corr.sum() / 9)
        assert found.variance == pytest.approx(draws.var(), rel=0.02)

    def test_more_correlation_tells_less(self):
        variances = [hb.variance_of_mean(6, rho=rho).variance for rho in (-0.19, 0, 0.3, 0.9)]
        assert all(a < b for a, b in pairwise(variances))


INTERACTIONS = [f"V[{v}]:N[{n}cwt]" for v in ("Marvellous", "Victory") for n in ("0.2", "0.4", "0.6")]
OATS = {
    "fixed": "Y ~ V * N",
    "blocks fixed": "Y ~ B + V * N",
    "blocks random": "Y ~ V * N + (1 | B)",
    "plots random": "Y ~ V * N + (1 | B/V)",
}


class TestOats:
    """Practice: varieties and nitrogen; blocks fixed or random."""

    def test_the_fixed_effects_fit(self):
        found, fit, reference = reml(OATS["fixed"], "oats"), posterior(OATS["fixed"], "oats"), CLASSICAL["oats_fixed"]
        for name, row in found.fixef().iterrows():
            assert row["mean"] == pytest.approx(reference["fixef"][label(name)], abs=1e-8)
            assert row["sd"] == pytest.approx(reference["se"][label(name)], rel=1e-8)
            assert fit.fixef().loc[name, "mean"] == pytest.approx(row["mean"], abs=0.15 * row["sd"])
            assert fit.fixef().loc[name, "sd"] == pytest.approx(row["sd"], rel=0.1)
        assert sds(found)["Residual", ""] == pytest.approx(reference["sigma"], rel=1e-8)

    @pytest.mark.parametrize("name", ["fixed", "blocks fixed"])
    def test_sequential_f_tests(self, name):
        """Is nitrogen's effect there? Yes. Is the interaction? No. By nested least squares, and as fit.anova has it."""
        design = model(OATS[name], "oats").design
        table = posterior(OATS[name], "oats").anova()
        terms = np.array(design.terms)
        fits = [least_squares(design.y, design.X[:, terms <= k]) for k in np.unique(terms)]
        squares = [fit.sigma**2 * fit.df for fit in fits]
        error = fits[-1].sigma ** 2
        sources = [source for source in table.index if source != "Residual"]
        assert sources == {"fixed": ["V", "N", "V:N"], "blocks fixed": ["B", "V", "N", "V:N"]}[name]
        for source, a, b, fewer, more in zip(sources, squares[:-1], squares[1:], fits[:-1], fits[1:], strict=True):
            df = fewer.df - more.df
            assert table.loc[source, "df"] == df
            assert table.loc[source, "sum_sq"] == pytest.approx(a - b, rel=1e-9)
            assert table.loc[source, "F"] == pytest.approx((a - b) / df / error, rel=1e-6)
        p = {s: fisher.sf(table.loc[s, "F"], table.loc[s, "df"], fits[-1].df) for s in ("N", "V:N")}
        assert p["N"] < 1e-5
        assert p["V:N"] > 0.9

    def test_sums_of_squares_by_hand(self):
        """Balanced: sums of squares of the means of blocks, varieties, amounts and cells."""
        data = hb.load_data("oats")
        rows = {
            name: data.groupby(by, observed=True)["Y"].transform("mean") - data["Y"].mean()
            for name, by in {"B": ["B"], "V": ["V"], "N": ["N"], "cell": ["V", "N"]}.items()
        }
        rows["V:N"] = rows.pop("cell") - rows["V"] - rows["N"]
        table = posterior(OATS["blocks fixed"], "oats").anova()["sum_sq"]
        assert [table[name] for name in rows] == pytest.approx([np.sum(own**2) for own in rows.values()])

    def test_what_the_posterior_says_of_nitrogen_and_the_interaction(self):
        fit = posterior(OATS["plots random"], "oats")
        highest = fit.fixef().loc["N[0.6cwt]"]
        assert highest["lower"] > 20
        assert fit.posterior["beta"].sel(coef="N[0.6cwt]").min() > 0
        effect = fit.fixef().loc[INTERACTIONS]
        assert ((effect["lower"] < 0) & (effect["upper"] > 0)).all()
        table = fit.anova()
        assert table.loc["N", "finite_lower"] > table.loc["V:N", "finite_upper"]
        assert table.loc["V:N", "finite_sd"] < table.loc["Residual", "finite_sd"]

    def test_random_blocks_keep_the_estimates_and_change_the_errors(self):
        """Balanced: the same contrasts; what is compared within blocks and plots is known better."""
        tables = {name: reml(formula, "oats").fixef() for name, formula in OATS.items()}
        contrasts = ["N[0.6cwt]", *INTERACTIONS, "V[Victory]"]
        for name in OATS:
            np.testing.assert_allclose(
                tables[name].loc[contrasts, "mean"], tables["fixed"].loc[contrasts, "mean"], atol=1e-6
            )
        errors = [tables[name].loc["N[0.6cwt]", "sd"] for name in OATS]
        assert errors == pytest.approx([12.8792, 9.2054, 9.2054, 7.6829], abs=1e-3)
        reference = CLASSICAL["oats"]
        for name, row in tables["plots random"].iterrows():
            assert row["mean"] == pytest.approx(reference["fixef"][label(name)], abs=1e-6)
            assert row["sd"] == pytest.approx(reference["se"][label(name)], rel=1e-4)
        for name, formula in OATS.items():
            own = posterior(formula, "oats").fixef().loc[contrasts]
            assert ((own["mean"] - tables[name].loc[contrasts, "mean"]).abs() < 0.15 * own["sd"]).all(), name
            assert ((own["sd"] / tables[name].loc[contrasts, "sd"]).between(0.9, 1.25)).all(), name

    def test_should_blocks_be_fixed_or_random(self):
        """What will not be known at prediction time is random: a seventh block needs the population of blocks."""
        field = {"B": ["VII", "I"], "V": "Victory", "N": "0.6cwt"}
        field = pd.DataFrame(field)
        with pytest.raises(hb.DataError, match="VII"):
            posterior(OATS["blocks fixed"], "oats").predict(field, groups="new", seed=1)
        found = posterior(OATS["plots random"], "oats").predict(field, groups="new", kind="response", seed=1)
        seventh, first = found.iloc[0], found.iloc[1]
        assert seventh["mean"] == pytest.approx(118.5, abs=2)
        components = CLASSICAL["oats"]["varcorr"]
        spread = np.sqrt(components["V:B"]["sd"][0] ** 2 + components["B"]["sd"][0] ** 2 + 13.307**2 + 9.107**2)
        assert spread < seventh["sd"] < 1.5 * spread
        assert seventh["sd"] > 1.5 * first["sd"]
        # the model without blocks takes the seventh for one more of the same
        blind = posterior(OATS["fixed"], "oats").predict(field, kind="response", seed=1).iloc[0]
        assert blind["sd"] < seventh["sd"]
