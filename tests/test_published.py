"""Every model of the catalogue against its published figures, and the page that explains the differences."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from linear_catalogue import linear_models

import hierbayes as hb
from hierbayes.catalogue import catalogue
from hierbayes.estimates import least_squares

PAGE = (Path(__file__).parent.parent / "docs" / "few-groups.md").read_text(encoding="utf-8")
NOTED = 0.15
NAMES = tuple(linear_models())


def explained():
    """The sds that the page explains, as (model, parameter)."""
    return set(re.findall(r"^- `(\w+)`, `([^`]+)`", PAGE, flags=re.MULTILINE))


def parameter(row):
    return "sigma" if row.group == "Residual" else f"sd_{row.group}[{row.term}]"


def test_the_page_names_only_what_the_catalogue_has():
    known = {
        (name, f"sd_{group}[{term}]")
        for name, spec in linear_models().items()
        for group, terms in spec.published["sds"].items()
        for term in terms
    } | {(name, "sigma") for name in linear_models()}
    assert explained()
    assert explained() <= known


def test_the_page_has_a_row_for_every_parameter():
    fixed = sum(len(spec.published["fixef"]) for spec in linear_models().values())
    sds = sum(1 + sum(map(len, spec.published["sds"].values())) for spec in linear_models().values())
    tables = re.findall(r"<!-- (\w+) -->\n(.*?)\n<!-- end -->", PAGE, flags=re.DOTALL)
    rows = {name: len(text.splitlines()) - 2 for name, text in tables}
    assert rows == {"fixed": fixed, "sds": sds}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_fixed_effects_lie_within_a_fraction_of_a_standard_error(name, catalogue_fits, few_groups):
    table = few_groups.fixed_rows(catalogue()[name], catalogue_fits[name])
    assert len(table) == len(catalogue()[name].published["fixef"])
    assert table[["lme4", "se", "mean", "sd"]].notna().to_numpy().all()
    assert (table["distance"].abs() < 0.15).all(), table.to_string()


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_sds_that_differ_from_reml_are_explained(name, catalogue_fits, few_groups):
    table = few_groups.sd_rows(catalogue()[name], catalogue_fits[name])
    far = {(name, parameter(row)) for row in table.itertuples() if not abs(row.ratio - 1) <= NOTED}
    assert far <= explained()
    inside = (table["lower"] <= table["REML"]) & (table["REML"] <= table["upper"])
    assert (inside | (table["REML"] == 0)).all(), table.to_string()


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_catalogue_samples_well(name, catalogue_fits):
    found = catalogue_fits[name].diagnostics
    assert found["max_rhat"] < 1.01
    assert found["min_ess_bulk"] > 2000
    assert found["min_ess_tail"] > 1000
    assert found["divergences"] == 0


@pytest.mark.slow
class TestChapter:
    """The chapter's printed figures where a posterior has a counterpart."""

    def test_ignoring_the_groups_is_over_confident(self, catalogue_fits):
        """`lm(y ~ z)` gives the mean a standard error of 0.33, the hierarchical model one of 2.98 or more."""
        data = hb.load_data("chapter_groups")
        ignored = least_squares(data["y"], np.column_stack([np.ones(8), data["z"]]))
        assert ignored.beta == pytest.approx([2.24983, 0.89810], abs=1e-5)
        assert np.sqrt(np.diag(ignored.covariance)) == pytest.approx([0.32663, 0.05677], abs=1e-5)
        row = catalogue_fits["chapter_groups"].fixef().loc["Intercept"]
        assert row["sd"] > 2.979
        assert row["mean"] == pytest.approx(1.728, abs=0.15 * 2.979)

    def test_dyestuff(self, catalogue_fits):
        fit = catalogue_fits["dyestuff"]
        assert fit.fixef().loc["Intercept", "mean"] == pytest.approx(1527.5, abs=0.15 * 19.38)
        assert fit.varcorr().set_index("group").loc["Residual", "median"] == pytest.approx(49.51, rel=0.05)

    def test_penicillin_effects(self, catalogue_fits):
        table = catalogue_fits["penicillin"].ranef().set_index(["group", "level"])
        chapter = {
            ("plate", "a"): 0.80454704,
            ("plate", "g"): -1.37551591,
            ("plate", "x"): -1.21979713,
            ("sample", "A"): 2.18705797,
            ("sample", "B"): -1.01047615,
            ("sample", "C"): 1.93789946,
            ("sample", "D"): -0.09689497,
            ("sample", "E"): -0.01384214,
            ("sample", "F"): -3.00374417,
        }
        for key, value in chapter.items():
            assert abs(table.loc[key, "mean"] - value) < 0.2 * table.loc[key, "sd"], key

    def test_sleepstudy_effects(self, catalogue_fits):
        table = catalogue_fits["sleepstudy"].ranef().set_index(["level", "term"])
        chapter = {
            ("308", "Intercept"): 2.2585654,
            ("308", "Days"): 9.1989719,
            ("309", "Intercept"): -40.3985770,
            ("309", "Days"): -8.6197032,
            ("310", "Intercept"): -38.9602459,
            ("310", "Days"): -5.4488799,
        }
        for key, value in chapter.items():
            assert abs(table.loc[key, "mean"] - value) < 0.35 * table.loc[key, "sd"], key

    def test_correlation_has_an_interval(self, catalogue_fits):
        row = catalogue_fits["sleepstudy"].varcorr().query("kind == 'corr'").iloc[0]
        assert -1 < row["lower"] < 0.066 < row["upper"] < 1
        assert (catalogue_fits["sleepstudy_uncorrelated"].varcorr()["kind"] != "corr").all()
