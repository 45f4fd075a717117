"""Experiments: the same numbers whatever the cores, tables that agree with fits by hand, coverage as it should be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import hierbayes as hb
from hierbayes.studies.experiment_result import Experiment
from hierbayes.studies.replicates import repeat_once

CHAPTER = {"Intercept": 1.7, "sd_group": 5.92, "sigma": 0.94}
SLOPES = {"Intercept": 250, "Days": 10, "sd_Subject": [25, 6], "corr_Subject": 0.2, "sigma": 25}
SMALL = {"n": 6, "seed": 3, "draws": 250, "progress": False}


def slopes(**options):
    return hb.experiment(
        "Reaction ~ Days + (Days | Subject)",
        {"Subject": [3, 5, 8, 10]},
        SLOPES,
        predictors={"Days": range(10)},
        **{**SMALL, **options},
    )


@pytest.fixture(scope="module")
def small() -> Experiment:
    return slopes(fits=("complete", "no", "partial", "reml"), cores=1)


def rows(table, **values):
    for name, value in values.items():
        table = table[table[name] == value]
    return table


def test_cores_change_no_number(small):
    other = slopes(fits=("complete", "no", "partial", "reml"), cores=3)
    pd.testing.assert_frame_equal(small.table, other.table, check_exact=True)
    pd.testing.assert_frame_equal(small.levels, other.levels, check_exact=True)
    pd.testing.assert_frame_equal(small.diagnostics, other.diagnostics, check_exact=True)


def test_a_shorter_experiment_is_the_start_of_a_longer_one(small):
    short = slopes(n=2, fits=("complete",))
    whole = rows(small.table, method="complete")
    pd.testing.assert_frame_equal(short.table, whole[whole["replicate"] < 2].reset_index(drop=True))


def test_another_seed_gives_other_data(small):
    other = slopes(n=1, seed=4, fits=("complete",))
    assert other.table["estimate"][0] != small.table["estimate"][0]


def test_the_data_of_a_repetition_are_those_of_simulate(small):
    data = small.data(4)
    again = hb.simulate("Reaction ~ Days + (Days | Subject)", {"Subject": [3, 5, 8, 10]}, SLOPES, small.seeds[4],
                        predictors={"Days": range(10)})  # fmt: skip
    pd.testing.assert_frame_equal(data, again, check_exact=True)
    assert data.attrs == again.attrs
    for bad in (-1, 6, 1.0, True):
        with pytest.raises(hb.ModelError, match="no repetition"):
            small.data(bad)


def test_drawn_predictors_stay_the_same_in_every_repetition():
    found = hb.experiment("y ~ x + (1 | g)", {"g": 4, "rows": 3}, {"beta": [0, 1], "sd_g": 1, "sigma": 1},
                          predictors={"x": hb.Normal(0, 1)}, fits=("complete",), **SMALL)  # fmt: skip
    assert found.data(0)["x"].equals(found.data(3)["x"])
    assert not found.data(0)["y"].equals(found.data(3)["y"])


def test_complete_pooling_is_least_squares(small):
    data = small.data(2)
    found = rows(small.table, replicate=2, method="complete").set_index("parameter")
    X = np.column_stack([np.ones(len(data)), data["Days"]])
    beta, squares, *_ = np.linalg.lstsq(X, data["Reaction"])
    df = len(data) - 2
    se = np.sqrt(squares[0] / df * np.diag(np.linalg.inv(X.T @ X)))
    names = ["Intercept", "Days"]
    np.testing.assert_allclose(found.loc[names, "estimate"], beta)
    np.testing.assert_allclose(found.loc[names, "sd"], se)
    np.testing.assert_allclose(found.loc[names, "upper"], beta + stats.t.ppf(0.975, df) * se)
    assert "sd_Subject[Days]" not in found.index


def test_no_pooling_of_a_level_is_its_own_line(small):
    data = small.data(1)
    for level, own in data.groupby("Subject", observed=True):
        slope, intercept = np.polyfit(own["Days"].astype(float), own["Reaction"], 1)
        found = rows(small.levels, replicate=1, method="no", group=level).set_index("term")
        np.testing.assert_allclose(found.loc[["Intercept", "Days"], "estimate"], [intercept, slope])
        assert found["size"].unique().tolist() == [len(own)]


def test_the_truth_of_a_level_is_population_and_deviation(small):
    for r in range(2):
        truth = small.data(r).attrs["truth"]
        wanted = pd.DataFrame(truth["b_Subject"]) + pd.Series(truth["beta"])
        found = rows(small.levels, replicate=r, method="partial").pivot(index="group", columns="term", values="truth")
        pd.testing.assert_frame_equal(found[["Intercept", "Days"]], wanted, check_names=False, check_index_type=False)


def test_complete_pooling_gives_every_level_one_line(small):
    found = rows(small.levels, replicate=0, method="complete", term="Days")
    fixed = rows(small.table, replicate=0, method="complete", parameter="Days")
    for column in ("estimate", "sd", "lower", "upper"):
        np.testing.assert_allclose(found[column], fixed[column].iloc[0])


def test_partial_pooling_is_the_posterior_of_a_fit(small):
    fit = hb.fit("Reaction ~ Days + (Days | Subject)", small.data(3), draws=2000, chains=2, seed=9, progress=False)
    found = rows(small.table, replicate=3, method="partial").set_index("parameter")
    fixed = fit.fixef()
    for name in ("Intercept", "Days"):
        assert abs(found.loc[name, "estimate"] - fixed.loc[name, "mean"]) < 0.4 * fixed.loc[name, "sd"]
        assert 0.6 < found.loc[name, "sd"] / fixed.loc[name, "sd"] < 1.6
    median = fit.varcorr().query("kind == 'sd'").set_index(["group", "term"]).loc[("Subject", "Days"), "median"]
    assert abs(found.loc["sd_Subject[Days]", "estimate"] / median - 1) < 0.3
    coef = fit.coef().set_index(["level", "term"])
    own = rows(small.levels, replicate=3, method="partial").set_index(["group", "term"])
    distance = (own["estimate"] - coef["mean"]) / coef["sd"]
    assert distance.abs().max() < 0.5


def test_reml_is_that_of_the_model(small):
    fit = hb.Model("Reaction ~ Days + (Days | Subject)", small.data(0)).reml()
    found = rows(small.table, replicate=0, method="reml").set_index("parameter")
    np.testing.assert_allclose(found.loc["Days", ["estimate", "sd", "lower", "upper"]].astype(float),
                               fit.fixef().loc["Days", ["mean", "sd", "lower", "upper"]])  # fmt: skip
    assert found.loc["sigma", "estimate"] == pytest.approx(fit.varcorr()["mean"].iloc[-1])


def test_covered_and_error_are_what_they_say(small):
    for table in (small.table, small.levels):
        known = table.dropna(subset="lower")
        inside = (known["lower"] <= known["truth"]) & (known["truth"] <= known["upper"])
        assert (known["covered"].astype(bool) == inside).all()
        assert 0 < inside.mean() < 1
        np.testing.assert_array_equal(table["error"], table["estimate"] - table["truth"])
        assert table["covered"].isna().equals(table["lower"].isna() | table["upper"].isna())


def test_coverage_adds_up(small):
    found = small.coverage().set_index(["parameter", "method"])
    own = rows(small.table, parameter="Days", method="no")
    line, share = found.loc["Days", "no"], own["covered"].mean()
    assert line["n"] == 6
    assert line["coverage"] == share
    assert line["mcse"] == pytest.approx(np.sqrt(share * (1 - share) / 6))
    assert line["bias"] == pytest.approx(own["error"].mean())
    assert line["rmse"] == pytest.approx(np.sqrt(np.mean(own["error"] ** 2)))
    assert line["actual"] == pytest.approx(own["error"].std(ddof=1))
    assert line["claimed"] == pytest.approx(np.sqrt(np.mean(own["sd"] ** 2)))
    assert line["width"] == pytest.approx((own["upper"] - own["lower"]).median())
    levels = small.coverage(levels=True)
    assert levels["size"].unique().tolist() == [3, 5, 8, 10]
    three = rows(small.levels, term="Days", size=3, method="partial")
    share = three["covered"].astype(float)
    assert rows(levels, term="Days", size=3, method="partial")["coverage"].iloc[0] == share.mean()


def test_levels_of_one_repetition_do_not_count_as_independent():
    found = hb.experiment("y ~ 1 | g", {"g": 5, "rows": 2}, {"Intercept": 0, "sd_g": 1, "sigma": 1},
                          fits=("complete",), **{**SMALL, "n": 40})  # fmt: skip
    shares = found.levels.groupby("replicate")["covered"].mean().astype(float)
    line = found.coverage(levels=True).iloc[0]
    assert line["coverage"] == pytest.approx(shares.mean())
    assert line["mcse"] == pytest.approx(shares.std(ddof=0) / np.sqrt(40))


def test_errors_are_absolute_and_by_term(small):
    found = small.errors()
    assert found.columns.tolist() == ["group", "size", "replicate", "method", "error"]
    assert (found["error"] >= 0).all()
    own = rows(small.levels, term="Days")
    np.testing.assert_array_equal(small.errors("Days")["error"], own["error"].abs())
    assert not small.errors("Days")["error"].equals(found["error"])
    with pytest.raises(hb.ModelError, match="did you mean 'Days'"):
        small.errors("Dayz")


def test_a_level_too_small_for_a_fit_has_no_row():
    truth = {"beta": [0, 1], "sd_g": [1, 1], "corr_g": 0, "sigma": 1}
    found = hb.experiment("y ~ x + (x | g)", {"g": [1, 4, 4]}, truth, predictors={"x": range(4)}, fits="no", **SMALL)
    assert set(found.levels["group"]) == {"2", "3"}


def test_crossed_factors_are_chosen_by_name():
    options = {"fits": ("complete", "no"), **SMALL}
    truth = {"Intercept": 0, "sd_plate": 1, "sd_sample": 2, "sigma": 1}
    found = hb.experiment("y ~ 1 + (1|plate) + (1|sample)", {"plate": 4, "sample": 3}, truth, **options)
    other = hb.experiment(
        "y ~ 1 + (1|plate) + (1|sample)", {"plate": 4, "sample": 3}, truth, factor="sample", **options
    )
    assert found.levels["group"].nunique() == 4
    assert other.levels["group"].nunique() == 3
    pd.testing.assert_frame_equal(found.table, other.table)
    truths = rows(other.levels, replicate=1, method="no").set_index("group")["truth"]
    b = other.data(1).attrs["truth"]["b_sample"]["Intercept"]
    np.testing.assert_allclose(truths.loc[list(b)], list(b.values()))


def test_a_model_without_groups():
    found = hb.experiment("y ~ x", 20, {"beta": [1, 2], "sigma": 1}, predictors={"x": hb.Normal(0, 1)}, **SMALL)
    assert set(found.table["method"]) == {"complete", "partial"}
    assert len(found.levels) == 0
    with pytest.raises(hb.ModelError, match="no groups"):
        found.errors()
    assert "6 repetitions" in repr(found)


def test_print_and_html(small):
    text, page = repr(small), small._repr_html_()
    for said in ("6 repetitions", "sd_Subject[Days] 6", "share of 95% intervals", "mean absolute error"):
        assert said in text
        assert said in page
    assert small.to_markdown().count("\n") > 10
    named = hb.experiment("y ~ 1 | g", {"g": ["<b>", "c"], "rows": 2}, {"Intercept": 0, "sd_g": 1, "sigma": 1},
                          **{**SMALL, "n": 2, "fits": ("complete",)})  # fmt: skip
    assert "<b>" not in named._repr_html_().replace("<p><b>", "")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"n": 0}, "whole number of repetitions"),
        ({"n": 2.0}, "whole number of repetitions"),
        ({"fits": ("some",)}, "it takes one or more"),
        ({"fits": ()}, "it takes one or more"),
        ({"factor": "h"}, "no grouping factor 'h'"),
        ({"ci_prob": 95}, "ci_prob"),
        ({"cores": 0}, "cores"),
        ({"draws": 0}, "draws"),
        ({"truth": {"Intercept": 0}}, "does not say"),
        ({"truth": "prior"}, "scaled to a response"),
        ({"priors": {"sd_h": hb.HalfNormal(1)}}, "no parameter 'sd_h'"),
        ({"priors": {"sigma": hb.Custom(lambda name: None)}}, "does not sample with PyMC.*no prior Custom"),
    ],
)
def test_what_is_wrong_is_named(change, said):
    given = {"formula": "y ~ 1 | g", "sizes": {"g": 4, "rows": 2}, **SMALL, **change}
    given.setdefault("truth", {"Intercept": 0, "sd_g": 1, "sigma": 1})
    with pytest.raises(hb.ModelError, match=said):
        hb.experiment(**given)


def test_no_pooling_needs_groups():
    with pytest.raises(hb.ModelError, match="needs groups"):
        hb.experiment("y ~ 1", 5, {"Intercept": 0, "sigma": 1}, fits=("no",), **SMALL)


def test_a_repetition_that_fails_names_its_seed(small):
    with pytest.raises(hb.SamplingError, match=r"repetition 0 \(seed \d+\) failed"):
        slopes(fits=("reml",), priors={"sd_Subject": hb.Fixed(25.0)})


def test_an_interruption_is_said_plainly(monkeypatch):
    def stop(trial, seed):
        raise KeyboardInterrupt

    monkeypatch.setattr("hierbayes.studies.experiments.repeat_once", stop)
    with pytest.raises(hb.SamplingError, match="interrupted"):
        slopes(fits=("complete",))


def test_chains_that_disagree_are_reported(monkeypatch):
    def poor(trial, seed):
        return replace(repeat_once(trial, seed), max_rhat=1.2)

    monkeypatch.setattr("hierbayes.studies.experiments.repeat_once", poor)
    with pytest.warns(hb.HierBayesWarning, match="6 of 6 repetitions"):
        slopes(fits=("complete",))


def test_the_figure_draws_the_errors_of_a_term(small):
    for term in (None, "Days"):
        figure = small.plot(term, figsize=(6, 3))
        assert figure.get_size_inches().tolist() == [6, 3]
        assert "4" in [label.get_text() for label in figure.axes[0].get_xticklabels()]


def test_with_truths_from_priors_the_priors_stay_what_they_are():
    data = hb.load_data("chapter_groups")
    found = hb.experiment("y ~ 1 + (1 | group)", data=data, truth="prior", **SMALL)
    wanted = hb.Model("y ~ 1 + (1 | group)", data).resolved_priors
    assert found.trial.priors == replace(wanted, centre=found.trial.priors.centre, blocks=found.trial.priors.blocks)
    assert found.trial.priors.blocks[0].sd == wanted.blocks[0].sd
    truths = rows(found.table, parameter="sigma", method="partial")["truth"]
    assert truths.nunique() == 6


@pytest.fixture(scope="module")
def chapter() -> Experiment:
    fits = ("complete", "no", "partial", "reml")
    return hb.experiment("y ~ 1 + (1 | group)", {"group": 4, "rows": 2}, CHAPTER, n=200, seed=1, fits=fits,
                         progress=False)  # fmt: skip


@pytest.fixture(scope="module")
def calibrated() -> Experiment:
    data = hb.load_data("chapter_groups")
    return hb.experiment("y ~ 1 + (1 | group)", data=data, truth="prior", n=200, seed=1, progress=False)


def agrees(line, share):
    """Say whether a coverage agrees with a share, by the exact binomial test."""
    count = round(line["coverage"] * line["n"])
    return stats.binomtest(count, int(line["n"]), share).pvalue > 1e-3


@pytest.mark.slow
def test_fits_that_ignore_the_groups_are_over_confident(chapter):
    found = chapter.coverage().set_index(["parameter", "method"]).loc["Intercept"]
    assert found.loc["complete", "coverage"] < 0.87
    assert found.loc["no", "coverage"] < 0.35
    assert 0.87 < found.loc["partial", "coverage"] <= 1
    assert found.loc["complete", "coverage"] < found.loc["reml", "coverage"] < found.loc["partial", "coverage"]
    assert found.loc["complete", "claimed"] < 0.8 * found.loc["complete", "actual"]
    assert found.loc["no", "claimed"] < 0.2 * found.loc["no", "actual"]
    assert found.loc["partial", "claimed"] > found.loc["partial", "actual"]
    assert not agrees(found.loc["complete"], 0.95)


@pytest.mark.slow
def test_with_truths_from_the_priors_intervals_hold_them_as_often_as_they_say(calibrated):
    found = calibrated.coverage().set_index(["parameter", "method"])
    for name in ("Intercept", "sd_group[Intercept]", "sigma"):
        assert agrees(found.loc[name, "partial"], 0.95)
        assert not agrees(found.loc[name, "partial"], 0.80)
    assert not agrees(found.loc["Intercept", "complete"], 0.95)
    assert calibrated.diagnostics["divergences"].sum() == 0
    assert calibrated.diagnostics["max_rhat"].max() < 1.05


@pytest.mark.slow
def test_with_priors_that_are_not_the_truths_own_the_intervals_miss(calibrated):
    """The negative control of calibration: the fits believe in sds twenty times smaller than those drawn."""
    own = calibrated.trial.priors
    narrow = replace(own.blocks[0], sd=(own.blocks[0].sd[0].scaled(0.05),))
    other = replace(calibrated.trial, priors=replace(own, blocks=(narrow,)))
    at = [address.name for address in other.addresses].index("sd_group[Intercept]")
    outcomes = [repeat_once(other, seed) for seed in calibrated.seeds[:60]]
    inside = [out.numbers["partial"][at, 2] <= out.truth[at] <= out.numbers["partial"][at, 3] for out in outcomes]
    assert stats.binomtest(sum(inside), 60, 0.95).pvalue < 1e-3
