"""Tables of a fit against plain numpy on the same draws. The posteriors are made up; nothing is sampled."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fits import fake_fit

import hierbayes as hb
from hierbayes.summaries.printing import method_line
from hierbayes.tables.numbers import convergence, estimates

ESTIMATES = ["mean", "sd", "median", "lower", "upper"]
CHAINS = ["ess_bulk", "ess_tail", "r_hat"]


@pytest.fixture(scope="module")
def sleep():
    return fake_fit("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy"))


@pytest.fixture(scope="module")
def penicillin():
    return fake_fit("diameter ~ 1 + (1 | plate) + (1 | sample)", hb.load_data("penicillin"))


def described(draws, probs=(0.025, 0.975)):
    """Mean, sd, median and limits of one parameter, from all chains."""
    flat = np.sort(np.concatenate(list(draws)))
    lower, upper = (np.interp(p * (len(flat) - 1), np.arange(len(flat)), flat) for p in probs)
    middle = (flat[(len(flat) - 1) // 2] + flat[len(flat) // 2]) / 2
    return [sum(flat) / len(flat), np.sqrt(np.sum((flat - flat.mean()) ** 2) / (len(flat) - 1)), middle, lower, upper]


def test_fixef_columns_and_numbers(sleep):
    table = sleep.fixef()
    assert list(table.columns) == ESTIMATES + CHAINS
    assert list(table.index) == ["Intercept", "Days"]
    assert table.index.name == "coefficient"
    for k, name in enumerate(table.index):
        draws = sleep.posterior["beta"].to_numpy()[..., k]
        np.testing.assert_allclose(table.loc[name, ESTIMATES].astype(float), described(draws), rtol=1e-12)


def test_convergence_is_arviz_own(sleep):
    import arviz as az

    table, posterior = sleep.fixef(), sleep.tree["posterior"].to_dataset()
    np.testing.assert_allclose(table["r_hat"], az.rhat(posterior)["beta"], rtol=1e-10)
    np.testing.assert_allclose(table["ess_bulk"], az.ess(posterior, method="bulk")["beta"], rtol=1e-10)
    np.testing.assert_allclose(
        table["ess_tail"], az.ess(posterior, method="tail", prob=(0.05, 0.95))["beta"], rtol=1e-10
    )


@pytest.mark.parametrize("ci_prob", [0.5, 0.89])
def test_ci_prob_is_the_probability_of_an_equal_tailed_interval(sleep, ci_prob):
    row = sleep.fixef(ci_prob).loc["Days"]
    draws = sleep.posterior["beta"].to_numpy()[..., 1]
    expected = described(draws, ((1 - ci_prob) / 2, (1 + ci_prob) / 2))
    np.testing.assert_allclose(row[ESTIMATES].astype(float), expected, rtol=1e-12)


@pytest.mark.parametrize("accessor", ["fixef", "varcorr", "ranef", "coef", "summary", "pooling_tables"])
@pytest.mark.parametrize("ci_prob", [0, 1, 95, -0.5, "0.95", True, None])
def test_ci_prob_out_of_range_is_refused(sleep, accessor, ci_prob):
    with pytest.raises(hb.ModelError, match=r"ci_prob=.*between 0 and 1"):
        getattr(sleep, accessor)(ci_prob=ci_prob)


def test_varcorr_columns_and_rows(sleep):
    table = sleep.varcorr()
    assert list(table.columns) == ["group", "term", "term2", "kind", *ESTIMATES, *CHAINS]
    assert table[["group", "term", "term2", "kind"]].to_numpy().tolist() == [
        ["Subject", "Intercept", "", "sd"],
        ["Subject", "Days", "", "sd"],
        ["Subject", "Intercept", "Days", "corr"],
        ["Residual", "", "", "sigma"],
    ]
    sources = [
        sleep.posterior["sd_Subject"].to_numpy()[..., 0],
        sleep.posterior["sd_Subject"].to_numpy()[..., 1],
        sleep.posterior["corr_Subject"].to_numpy()[..., 0, 1],
        sleep.posterior["sigma"].to_numpy(),
    ]
    for i, draws in enumerate(sources):
        np.testing.assert_allclose(table.loc[i, ESTIMATES].astype(float), described(draws), rtol=1e-12)


@pytest.mark.parametrize(
    "formula", ["Reaction ~ Days + (Days || Subject)", "Reaction ~ Days + (1 | Subject) + (0 + Days | Subject)"]
)
def test_without_a_correlation_there_is_no_row_for_one(formula):
    fit = fake_fit(formula, hb.load_data("sleepstudy"))
    assert list(fit.varcorr()["kind"]) == ["sd", "sd", "sigma"]
    assert "corr_Subject" not in fit.posterior
    assert "Corr" not in str(fit)


def test_a_factor_with_a_correlated_and_a_single_term_shows_the_one_correlation():
    data = hb.load_data("sleepstudy").assign(Even=lambda t: (t["Days"] % 2).astype(float))
    fit = fake_fit("Reaction ~ Days + (Days | Subject) + (0 + Even | Subject)", data)
    corr = fit.varcorr().query("kind == 'corr'")
    assert corr[["term", "term2"]].to_numpy().tolist() == [["Intercept", "Days"]]
    assert np.isfinite(corr[ESTIMATES].to_numpy()).all()


def test_ranef_shape_and_numbers(sleep):
    table = sleep.ranef()
    assert list(table.columns) == ["group", "level", "term", *ESTIMATES]
    assert len(table) == 36
    assert table.iloc[:3, :3].to_numpy().tolist() == [
        ["Subject", "308", "Intercept"],
        ["Subject", "308", "Days"],
        ["Subject", "309", "Intercept"],
    ]
    row = table[(table["level"] == "335") & (table["term"] == "Days")].iloc[0]
    draws = sleep.posterior["b_Subject"].sel(Subject="335", Subject_term="Days").to_numpy()
    np.testing.assert_allclose(row[ESTIMATES].astype(float), described(draws), rtol=1e-12)


def test_coef_is_population_plus_deviation_draw_by_draw(sleep):
    table = sleep.coef()
    assert list(table.columns) == ["group", "level", "term", *ESTIMATES]
    assert len(table) == 36
    row = table[(table["level"] == "335") & (table["term"] == "Days")].iloc[0]
    draws = sleep.posterior["b_Subject"].sel(Subject="335", Subject_term="Days").to_numpy()
    total = draws + sleep.posterior["beta"].sel(coef="Days").to_numpy()
    np.testing.assert_allclose(row[ESTIMATES].astype(float), described(total), rtol=1e-12)


def test_coef_holds_coefficients_that_do_not_vary():
    fit = fake_fit("Reaction ~ Days + (1 | Subject)", hb.load_data("sleepstudy"))
    days = fit.coef().query("term == 'Days'")
    assert len(days) == 18
    assert days["mean"].nunique() == 1
    assert days["mean"].iloc[0] == pytest.approx(fit.fixef().loc["Days", "mean"])


def test_crossed_factors_have_their_own_rows(penicillin):
    table = penicillin.ranef()
    assert table.groupby("group", sort=False)["level"].nunique().to_dict() == {"plate": 24, "sample": 6}
    assert list(penicillin.varcorr()["group"]) == ["plate", "sample", "Residual"]


def test_a_model_without_groups_or_without_coefficients():
    data = hb.load_data("sleepstudy")
    plain = fake_fit("Reaction ~ Days", data)
    assert plain.ranef().empty
    assert list(plain.coef().columns) == ["group", "level", "term", *ESTIMATES]
    bare = fake_fit("Reaction ~ 0 + (1 | Subject)", data)
    assert bare.fixef().empty
    assert list(bare.fixef().columns) == ESTIMATES + CHAINS
    assert len(bare.coef()) == 18
    assert "Fixed effects" in str(bare)
    assert "<table" in bare._repr_html_()


def test_summary_holds_the_tables(sleep):
    summary = sleep.summary(0.8)
    pd.testing.assert_frame_equal(summary.fixed, sleep.fixef(0.8))
    pd.testing.assert_frame_equal(summary.varcorr, sleep.varcorr(0.8))
    assert summary.diagnostics.shape[0] == 1
    wanted = ["divergences", "max_rhat", "min_ess_bulk", "min_ess_tail", "seconds", "gradients", "engine", "reason"]
    assert set(wanted) <= set(summary.diagnostics.columns)
    assert set(wanted) <= set(sleep.diagnostics)
    assert "80% interval" in str(summary)


def test_print_looks_like_lme4_with_intervals(sleep):
    lines = str(sleep).splitlines()
    assert lines[1] == "Formula: Reaction ~ Days + (Days | Subject)"
    random = next(i for i, line in enumerate(lines) if line.startswith("Random effects"))
    assert lines[random + 1].split() == ["Group", "Name", "sd", "(median)", "lower", "upper", "Corr", "r_hat"]
    assert lines[random + 2].split()[:2] == ["Subject", "Intercept"]
    assert lines[random + 3].split()[0] == "Days"
    assert "[" in lines[random + 3]
    assert lines[random + 4].split()[0] == "Residual"
    assert "Number of rows: 180; levels: Subject 18" in lines
    fixed = next(i for i, line in enumerate(lines) if line.startswith("Fixed effects"))
    assert lines[fixed + 1].split()[:4] == ["mean", "sd", "lower", "upper"]
    assert [lines[fixed + i].split()[0] for i in (2, 3)] == ["Intercept", "Days"]


def test_the_last_line_leaves_out_what_is_not_known():
    found = {"chains": 1, "draws": 5, "engine": "attached", "reason": "sampled by hand", "divergences": 0, "seed": 0}
    nothing = dict.fromkeys(("seconds", "max_rhat", "min_ess_bulk"), float("nan"))
    assert method_line({**found, **nothing}) == "1 chain x 5 draws, engine attached (sampled by hand), 0 divergences"
    known = {"chains": 4, "engine": "collapsed", "seconds": 0.21, "max_rhat": 1.001, "min_ess_bulk": 3000.4}
    assert method_line({**found, **known}) == (
        "4 chains x 5 draws, engine collapsed (sampled by hand), 0.2 s, 0 divergences, largest R-hat 1.001, "
        "least bulk ESS 3000, seed 0"
    )


def test_estimates_of_one_draw_have_no_sd():
    found = estimates(np.ones((1, 1, 2)), 0.95)
    assert np.isnan(found["sd"]).all()
    assert found["mean"].tolist() == [1.0, 1.0]


def test_convergence_of_what_does_not_vary_is_nan():
    draws = np.random.default_rng(0).normal(size=(2, 50, 2))
    draws[..., 1] = 1.0
    found = convergence(draws)
    for values in found.values():
        assert np.isfinite(values[0])
        assert np.isnan(values[1])
