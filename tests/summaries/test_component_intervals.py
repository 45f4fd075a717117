"""Variance components as intervals: against the other tables, the priors' own quantiles and lme4's estimates."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from fits import fake_fit
from scipy.stats import t

import hierbayes as hb
from hierbayes.summaries.component_intervals import component_intervals

CLASSICAL = json.loads((Path(__file__).parent.parent / "reference" / "classical.json").read_text())
LIMITS = ["median", "lower", "upper"]


@pytest.fixture(scope="module")
def sleep():
    return fake_fit("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy"))


def rows(table, **wanted):
    for name, value in wanted.items():
        table = table[table[name] == value]
    return table


def test_the_posterior_has_the_numbers_of_the_other_tables(sleep) -> None:
    table = component_intervals(sleep.design, sleep.posterior, ci_prob=0.9)
    sds = table[table["kind"] != "share"]
    np.testing.assert_allclose(sds[LIMITS], sleep.varcorr(0.9).iloc[[0, 1, 3, 2]][LIMITS])
    assert sds["kind"].tolist() == ["sd", "sd", "sigma", "corr"]
    assert sds["unit"].tolist() == ["Reaction", "Reaction per unit of Days", "Reaction", ""]
    shares = rows(table, kind="share")
    np.testing.assert_allclose(shares[LIMITS], sleep.icc(0.9)[LIMITS])
    inner = sleep.varcorr(0.5).iloc[[0, 1, 3, 2]]
    np.testing.assert_allclose(sds[["inner_lower", "inner_upper"]], inner[["lower", "upper"]])


@pytest.mark.parametrize(
    ("formula", "data", "groups"),
    [
        ("diameter ~ 1 + (1 | plate) + (1 | sample)", "penicillin", ["plate", "sample", "Residual"]),
        ("strength ~ 1 + (1 | batch/cask)", "pastes", ["batch", "batch:cask", "Residual"]),
        ("Reaction ~ Days + (1 | Subject) + (0 + Days | Subject)", "sleepstudy", ["Subject", "Residual"]),
    ],
)
def test_every_factor_has_a_share_under_every_source(formula, data, groups) -> None:
    fit = fake_fit(formula, hb.load_data(data))
    reml = fit.model.reml().varcorr()
    table = component_intervals(fit.design, fit.posterior, fit.model.prior_draws(500, 1), reml)
    for source in ("posterior", "prior", "REML"):
        own = rows(table, source=source, kind="share")
        assert own["group"].tolist() == groups
        assert own["median"].between(0, 1).all()
    # of one draw the shares add up
    np.testing.assert_allclose(rows(table, source="REML", kind="share")["median"].sum(), 1)


def test_reml_shares_are_those_of_the_published_components() -> None:
    fit = fake_fit("Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff"))
    table = component_intervals(fit.design, fit.posterior, reml=fit.model.reml().varcorr())
    own = rows(table, source="REML")
    batch, residual = CLASSICAL["dyestuff"]["varcorr"]["Batch"]["sd"][0], CLASSICAL["dyestuff"]["sigma"]
    np.testing.assert_allclose(rows(own, kind="sd")["median"], batch, rtol=1e-5)
    np.testing.assert_allclose(
        rows(own, kind="share", group="Batch")["median"], batch**2 / (batch**2 + residual**2), rtol=1e-5
    )
    assert own[["lower", "upper", "inner_lower", "inner_upper"]].isna().all(axis=None)


def test_reml_shares_count_slopes_and_correlations(sleep) -> None:
    reml = sleep.model.reml().varcorr()
    table = component_intervals(sleep.design, sleep.posterior, reml=reml)
    sd, corr = reml["mean"].to_numpy()[:2], reml["mean"].to_numpy()[2]
    days = hb.load_data("sleepstudy")["Days"].to_numpy()
    variance = np.mean(sd[0] ** 2 + 2 * days * corr * sd[0] * sd[1] + days**2 * sd[1] ** 2)
    expected = variance / (variance + reml["mean"].to_numpy()[3] ** 2)
    found = rows(table, source="REML", kind="share", group="Subject")["median"].to_numpy()
    np.testing.assert_allclose(found, expected)
    assert abs(found[0] - (variance - 2 * days.mean() * corr * sd[0] * sd[1]) / variance) > 0.01


def test_the_prior_has_the_quantiles_of_its_distribution() -> None:
    data = hb.load_data("dyestuff")
    fit = fake_fit("Yield ~ 1 + (1 | Batch)", data)
    table = component_intervals(fit.design, fit.posterior, fit.model.prior_draws(20_000, 1))
    scale = {"sd": 2.5 * data["Yield"].std(), "sigma": data["Yield"].std()}
    for kind, own in scale.items():
        found = rows(table, source="prior", kind=kind)[["inner_lower", "median", "inner_upper"]].to_numpy()[0]
        np.testing.assert_allclose(found, own * t(3).ppf([0.625, 0.75, 0.875]), rtol=0.04)


def test_uncorrelated_pairs_have_no_row() -> None:
    fit = fake_fit("Reaction ~ Days + (Days || Subject)", hb.load_data("sleepstudy"))
    table = component_intervals(fit.design, fit.posterior, reml=fit.model.reml().varcorr())
    assert not len(rows(table, kind="corr"))
    assert not table["median"].isna().any()
