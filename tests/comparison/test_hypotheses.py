"""Hypotheses judged by draws: shares that are counted, odds, prior probabilities, and how they are shown."""

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd
import pytest
from fits import fake_fit

import hierbayes as hb
from hierbayes.comparison.hypotheses import HypothesisTable
from hierbayes.comparison.prior_parameters import DRAWS, PriorParameters
from hierbayes.summaries.questions.parameters import Parameters

ROW = ["hypothesis", "quantity", "mean", "sd", "lower", "upper", "prob", "prob_mcse", "odds", "prior_prob"]


@pytest.fixture(scope="module")
def sleep():
    return fake_fit("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy"), draws=200)


@pytest.fixture(scope="module")
def asked(sleep):
    return sleep.hypothesis(["sd_Subject[Intercept] > sigma", "-1 < Days <= 1", "Days < Intercept < sigma < 3 * sigma"])


def test_shares_are_counted(sleep, asked):
    posterior = sleep.posterior
    sd, sigma = posterior["sd_Subject"].to_numpy()[..., 0], posterior["sigma"].to_numpy()
    intercept, days = (posterior["beta"].to_numpy()[..., k] for k in (0, 1))
    counted = [
        sum(float(a > b) for a, b in zip(sd.ravel(), sigma.ravel(), strict=True)) / 400,
        sum(float(-1 < d <= 1) for d in days.ravel()) / 400,
        sum(float(d < i < s) for d, i, s in zip(days.ravel(), intercept.ravel(), sigma.ravel(), strict=True)) / 400,
    ]
    table = asked.table
    assert list(table.columns[: len(ROW)]) == ROW
    np.testing.assert_allclose(table["prob"], counted, rtol=1e-14)
    np.testing.assert_allclose(table["odds"], [p / (1 - p) for p in counted], rtol=1e-12)
    assert min(counted) > 0
    assert max(counted) < 1


def test_estimates_are_of_what_is_named(sleep, asked):
    posterior = sleep.posterior
    sd, sigma = posterior["sd_Subject"].to_numpy()[..., 0], posterior["sigma"].to_numpy()
    intercept, days = (posterior["beta"].to_numpy()[..., k] for k in (0, 1))
    steps = np.minimum(np.minimum(intercept - days, sigma - intercept), 2 * sigma)
    quantities = {"sd_Subject[Intercept] - sigma": sd - sigma, "Days": days, "smallest step": steps}
    assert asked.table["quantity"].tolist() == list(quantities)
    for row, draws in zip(asked.table.itertuples(), quantities.values(), strict=True):
        expected = [draws.mean(), draws.std(ddof=1), *np.quantile(draws, [0.025, 0.975])]
        np.testing.assert_allclose([row.mean, row.sd, row.lower, row.upper], expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "quantity"),
    [
        ("Days > 8", "Days - 8"),
        ("8 < Days", "8 - Days"),
        ("Days > 0", "Days"),
        ("Days > 2*sigma - 1", "Days - (2*sigma - 1)"),
        ("(Days + 1)*2 > (sigma - 1)", "(Days + 1)*2 - (sigma - 1)"),
        ("Days > -3", "Days - (-3)"),
    ],
)
def test_the_difference_is_left_less_right(sleep, text, quantity):
    assert sleep.hypothesis(text).table["quantity"][0] == quantity


def test_error_of_a_share():
    fit = fake_fit("Reaction ~ Days + (1 | Subject)", hb.load_data("sleepstudy"), chains=4, draws=1000)
    row = fit.hypothesis("Days > 0.3").table.loc[0]
    # made-up draws are independent
    assert row["prob_mcse"] == pytest.approx(np.sqrt(row["prob"] * (1 - row["prob"]) / 4000), rel=0.15)
    sure = fit.hypothesis("sigma > 0").table.loc[0]
    assert sure["prob"] == 1
    assert sure["odds"] == np.inf
    n = 4000.5 + 0.5
    assert sure["prob_mcse"] == pytest.approx(np.sqrt(4000.5 * 0.5 / (n**2 * (n + 1))), rel=1e-9)


def test_what_all_draws_agree_on_is_shown_as_beyond_them(sleep):
    shown = str(sleep.hypothesis(["sigma > 0", "sigma < 0"]))
    assert "> 400" in shown
    assert "< 0.0025" in shown
    assert "inf" not in shown
    assert "nan" not in shown.lower()


def test_ties_count_where_a_parameter_is_fixed():
    fit = fake_fit("Reaction ~ Days", hb.load_data("sleepstudy"), priors={"sigma": hb.Fixed(30.0)}, draws=5)
    fit.posterior["sigma"][:] = 30.0
    assert fit.hypothesis(["sigma <= 30", "sigma >= 30", "sigma < 30", "sigma > 30"]).table["prob"].tolist() == [
        1,
        1,
        0,
        0,
    ]


def test_rope_is_the_share_within(sleep):
    found = sleep.hypothesis(["Days > 0.5", "sigma = 1"], rope=(-0.2, 0.4))
    days, sigma = sleep.posterior["beta"].to_numpy()[..., 1], sleep.posterior["sigma"].to_numpy()
    expected = [np.mean(np.abs(days - 0.6) <= 0.3), np.mean(np.abs(sigma - 1.1) <= 0.3)]
    np.testing.assert_allclose(found.table["in_rope"], expected, rtol=1e-12)
    assert "region of practical equivalence -0.2 to 0.4" in str(found)


PROPER = [
    "Days > 8",
    "Days < 20 + 3",
    "Intercept < 250",
    "10 > 2*Days - Intercept/100",
    "sigma < 20",
    "30 < sd_Subject[Days] < 100",
    "-sd_Subject[Days] > -30",
    "-20 < Days < 3",
    "sd_Subject[Intercept] > sigma",
    "corr_Subject > 0.2",
    "b_Subject[308, Days] > 30",
    "b_Subject[308, Intercept]*b_Subject[308, Days] > 0",
    "coef_Subject[308, Days] > coef_Subject[309, Days] > -10",
    "sd_Subject[Intercept]^2/(sd_Subject[Intercept]^2 + sigma^2) > 0.5",
    "abs(Days)*4 > Intercept",
]


@pytest.mark.parametrize("text", PROPER)
def test_prior_probabilities_against_draws_of_the_priors(sleep, text):
    prior = sleep.model.prior_draws(draws=20_000, seed=7)
    of_prior = Parameters(prior, sleep.design)
    from hierbayes.summaries.questions.expressions import evaluate
    from hierbayes.summaries.questions.reading import read

    hypothesis = read(text, of_prior)
    share = hypothesis.holds([evaluate(side, of_prior, text) for side in hypothesis.sides]).mean()
    found = sleep.hypothesis(text).table.loc[0]
    error = np.sqrt(share * (1 - share) / 20_000)
    assert 0.005 < share < 0.995
    assert abs(found["prior_prob"] - share) < 4 * error + 0.003
    assert abs(found["prior_prob"] - share) < 0.02
    odds = found["odds"] * (1 - found["prior_prob"]) / found["prior_prob"]
    assert found["evidence_ratio"] == pytest.approx(odds, rel=1e-9)


@pytest.mark.parametrize(
    ("text", "drawn"), [("Days > 0.5", False), ("abs(Days)*4 > 1", True), ("abs(Days) > abs(Intercept)", True)]
)
def test_error_of_an_evidence_ratio(sleep, text, drawn):
    """The logit of a share p has the error of p over p (1 - p); a prior share that is drawn adds its own."""
    found = sleep.hypothesis(text).table.loc[0]
    prob, prior = found["prob"], found["prior_prob"]
    assert 0.02 < prob < 0.98
    assert 0.001 < prior < 0.999
    of_posterior = found["prob_mcse"] / (prob * (1 - prob))
    of_prior = 1 / np.sqrt(DRAWS * prior * (1 - prior)) if drawn else 0.0
    expected = found["evidence_ratio"] * np.hypot(of_posterior, of_prior)
    assert found["evidence_mcse"] == pytest.approx(expected, rel=0.02 if drawn else 1e-12)
    assert not drawn or found["evidence_mcse"] > 1.0005 * found["evidence_ratio"] * of_posterior


def test_another_prior_would_be_seen(sleep):
    tight = fake_fit(
        "Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy"), priors={"Days": hb.Normal(0, 5)}, draws=5
    )
    default, own = (fit.hypothesis("Days > 8").table["prior_prob"][0] for fit in (sleep, tight))
    assert abs(default - own) > 0.1


def test_prior_draws_are_the_same_every_time(sleep):
    problem, labels = sleep.model.problem, sleep.model.labels
    wanted = [Parameters(sleep.posterior, sleep.design).find(name) for name in ("b_Subject[308, Days]", "corr_Subject")]
    first, second = (PriorParameters(problem, labels) for _ in range(2))
    np.testing.assert_array_equal(second.draws(wanted[1]), first.draws(wanted[1]))
    np.testing.assert_array_equal(second.draws(wanted[0]), first.draws(wanted[0]))
    assert first.draws(wanted[0]).shape == (1, DRAWS)


def test_flat_priors_have_no_evidence_ratio():
    fit = fake_fit("Reaction ~ Days + (1 | Subject)", hb.load_data("sleepstudy"), priors="flat", draws=20)
    asked = fit.hypothesis(["Days > 0.3", "Days = 0.3", "sigma > 1", "sd_Subject > sigma"])
    assert asked.table["evidence_ratio"].isna().all()
    assert 0 < asked.table["prob"][0] < 1
    assert asked.table["note"].str.contains("flat").all()


def test_out_as_markdown_and_html(sleep, asked):
    assert "| sd_Subject[Intercept] \\> sigma" in asked.to_markdown() or "sd_Subject[Intercept]" in asked.to_markdown()
    assert "<table" in asked._repr_html_()
    assert "&lt;" in asked._repr_html_()


@pytest.mark.parametrize("given", [[], 3, None, [3], ["Days > 0", None], ""])
def test_what_is_no_hypothesis(sleep, given):
    with pytest.raises(hb.ModelError):
        sleep.hypothesis(given)


@pytest.mark.parametrize("rope", [3, (1,), (2, 1), (0, 0), "ab", (0, float("nan")), (0, None)])
def test_what_is_no_region(sleep, rope):
    with pytest.raises(hb.ModelError, match="region of"):
        sleep.hypothesis("Days > 0", rope=rope)
    with pytest.raises(hb.ModelError, match="region of"):
        sleep.rope({"Days": rope})


def test_attached_draws_give_no_evidence(sleep):
    fit = sleep.model.attach(sleep.tree)
    asked = fit.hypothesis(["Days > 0", "Days = 0"])
    assert asked.table["prob"][0] == sleep.hypothesis("Days > 0").table["prob"][0]
    assert asked.table["evidence_ratio"].isna().all()
    assert asked.table["note"].str.contains("attached").all()


def test_progress_is_checked_where_no_bar_is_shown(sleep):
    with pytest.raises(hb.ModelError, match="progress='loud'"):
        sleep.hypothesis("Days > 8", progress="loud")


@pytest.mark.parametrize(("prob", "ratio", "shown"), [(1.0, math.inf, "> 400"), (0.0, 0.0, "< 0.0025")])
def test_what_is_sure_is_printed_as_the_bound_that_the_draws_give(prob: float, ratio: float, shown: str) -> None:
    row = dict.fromkeys(("mean", "sd", "lower", "upper"), 0.0)
    row |= {"hypothesis": "x > 0", "quantity": "x", "prob": prob, "odds": ratio, "prior_prob": 0.5, "note": ""}
    own = HypothesisTable(pd.DataFrame([row | {"evidence_ratio": ratio, "evidence_mcse": math.nan}]), 0.95, 400)
    assert str(own).count(shown) >= 2
    point = HypothesisTable(
        pd.DataFrame([row | {"prob": math.nan, "odds": math.nan, "prior_prob": math.nan, "evidence_ratio": ratio,
                             "evidence_mcse": math.nan}]), 0.95, 400
    )  # fmt: skip
    assert ("> 1.8e+308" if ratio else "< 2.2e-308") in str(point)
    assert not re.search(r"\b(inf|nan)\b", str(own) + str(point))


@pytest.mark.slow
def test_a_sure_thing_has_its_bound_in_the_note() -> None:
    fit = hb.fit("Yield ~ 1 | Batch", hb.load_data("dyestuff"), draws=100, chains=2, seed=1, progress=False)
    found = fit.hypothesis("Intercept > 1400").table.iloc[0]
    before = found["prior_prob"] / (1 - found["prior_prob"])
    assert found["evidence_ratio"] == math.inf
    assert (
        f"all 200 draws agree, which tell no more than that the evidence ratio is more than {200 / before:.4g}"
        in (found["note"])
    )
