"""Regions of practical equivalence against counts."""

from __future__ import annotations

import numpy as np
import pytest
from fits import fake_fit

import hierbayes as hb


@pytest.fixture(scope="module")
def fit():
    return fake_fit("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy"), draws=300)


def test_shares_are_counted(fit):
    days = fit.posterior["beta"].to_numpy()[..., 1].ravel()
    row = fit.rope({"Days": (-0.5, 0.25)}, ci_prob=0.8).loc[0]
    lower, upper = np.quantile(days, [0.1, 0.9])
    within = [d for d in days if lower <= d <= upper]
    expected = [lower, upper, np.mean(days < -0.5), np.mean(np.abs(days + 0.125) <= 0.375), np.mean(days > 0.25)]
    found = [row[name] for name in ("lower", "upper", "below", "in_rope", "above")]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert row["in_rope_ci"] == pytest.approx(sum(-0.5 <= d <= 0.25 for d in within) / len(within))
    assert row["below"] + row["in_rope"] + row["above"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("region", "decision"), [((-99, 99), "equivalent"), ((50, 99), "different"), ((-99, 0), "undecided")]
)
def test_decisions(fit, region, decision):
    assert fit.rope({"Days": region})["decision"][0] == decision


def test_one_region_for_all_slopes_and_regions_of_quantities(fit):
    assert fit.rope((-1, 1))["quantity"].tolist() == ["Days"]
    ratio = (fit.posterior["sd_Subject"].to_numpy()[..., 0] / fit.posterior["sigma"].to_numpy()).ravel()
    table = fit.rope({"Days": (-1, 1), "sd_Subject[Intercept] / sigma": (0, 1)})
    assert table["in_rope"][1] == np.mean(ratio <= 1)


def test_a_column_called_like_a_parameter():
    data = hb.load_data("sleepstudy").rename(columns={"Days": "sigma"})
    fit = fake_fit("Reaction ~ sigma + (1 | Subject)", data)
    expected = np.mean(np.abs(fit.posterior["beta"].to_numpy()[..., 1]) <= 1)
    assert fit.rope((-1, 1))["in_rope"][0] == expected


@pytest.mark.parametrize("given", [None, {}, 3, {"Days": 3}, {3: (0, 1)}, (1, 0)])
def test_what_is_no_region(fit, given):
    with pytest.raises(hb.ModelError):
        fit.rope(given)


def test_what_is_no_quantity(fit):
    with pytest.raises(hb.FormulaError, match="a comparison does not belong here"):
        fit.rope({"Days > 3": (0, 1)})
    with pytest.raises(hb.ModelError, match="no coefficient beside the intercept"):
        fake_fit("Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff"), draws=5).rope((0, 1))
