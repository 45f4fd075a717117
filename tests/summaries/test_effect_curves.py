"""Conditional effects against marginal means, predictions for the population, and the data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fits import fake_fit
from summaries_data import schools

import hierbayes as hb
from hierbayes.families import family as by_name
from hierbayes.plots.fit_like import draws_of
from hierbayes.summaries.effect_curves import effect_curves, first_predictor

LINK = by_name("poisson(log)")
STATISTICS = ["mean", "sd", "median", "lower", "upper"]


@pytest.fixture(scope="module")
def fit():
    return fake_fit("y ~ hours * sex + I(hours**2) + iq + (1 | school)", schools(), chains=1, draws=41)


def tables(fit, *args, family=None, **options):
    design = fit.design
    if family is not None:
        design = replace(design, schema=replace(design.schema, family=family))
    return effect_curves(design, draws_of(fit), *args, **options)


def test_curves_are_predictions_for_the_population_at_the_grid(fit) -> None:
    found = tables(fit, "hours", "sex")
    for sex in ("boy", "girl"):
        own = found.curves[found.curves["by"] == sex]
        at = {"hours": own["x"].tolist(), "sex": [sex] * len(own), "iq": [schools()["iq"].mean()] * len(own)}
        expected = fit.predict(at, groups="population")
        np.testing.assert_allclose(own[STATISTICS], expected[STATISTICS], rtol=1e-8)
    assert found.by_names == ("boy", "girl")
    assert (found.curves["x"].min(), found.curves["x"].max()) == (schools()["hours"].min(), schools()["hours"].max())


@pytest.mark.parametrize("focal", ["hours", "iq"])
def test_an_offset_is_part_of_the_curve(focal) -> None:
    """Of the column of the offset too: held at its mean, or followed along the axis."""
    offset = fake_fit("y ~ hours + offset(iq / 10) + (1 | school)", schools(), chains=1, draws=41)
    own = tables(offset, focal).curves
    at = {name: [schools()[name].mean()] * len(own) for name in ("hours", "iq")} | {focal: own["x"].tolist()}
    expected = offset.predict(at, groups="population")
    np.testing.assert_allclose(own[STATISTICS], expected[STATISTICS], rtol=1e-8)


def test_a_category_has_its_marginal_means(fit) -> None:
    found = tables(fit, "sex", ci_prob=0.8)
    np.testing.assert_allclose(found.curves[STATISTICS], fit.means("sex", ci_prob=0.8)[STATISTICS])
    assert found.x_names == ("boy", "girl")
    assert found.curves["x"].tolist() == [0, 1]


def test_other_categories_are_averaged(fit) -> None:
    found = tables(fit, "iq").curves.iloc[[0, -1]]
    np.testing.assert_allclose(found[STATISTICS], fit.means("iq", at={"iq": found["x"].tolist()})[STATISTICS])
    weighted = tables(fit, "iq", weights="proportional").curves.iloc[[0, -1]]
    assert not np.allclose(found["mean"], weighted["mean"])


def test_a_number_in_by_splits_at_mean_and_sd_and_the_data_take_the_nearest(fit) -> None:
    data, found = schools(), tables(fit, "hours", "iq")
    mean, sd = data["iq"].mean(), data["iq"].std()
    assert found.by_names == (f"{mean - sd:.4g}", f"{mean:.4g}", f"{mean + sd:.4g}")
    stops = np.array([mean - sd, mean, mean + sd])
    nearest = np.abs(data["iq"].to_numpy()[:, None] - stops).argmin(axis=1)
    assert found.points["by"].tolist() == [found.by_names[i] for i in nearest]
    np.testing.assert_array_equal(found.points["y"], data["y"])


def test_at_says_where(fit) -> None:
    found = tables(fit, "hours", "iq", at={"hours": [1, 2], "iq": [80, 120], "sex": "girl"})
    assert found.curves[["by", "x"]].to_numpy().tolist() == [["80", 1.0], ["80", 2.0], ["120", 1.0], ["120", 2.0]]
    expected = fit.predict({"hours": [1, 2] * 2, "iq": [80, 80, 120, 120], "sex": ["girl"] * 4}, groups="population")
    np.testing.assert_allclose(found.curves[STATISTICS], expected[STATISTICS])
    # data of levels that are not drawn are not drawn either
    assert set(tables(fit, "hours", "sex", at={"sex": "boy"}).points["by"]) == {"boy"}
    assert set(tables(fit, "sex", at={"sex": "girl"}).points["x"]) == {1.0}


def test_other_families_are_drawn_through_their_link(fit) -> None:
    linear, curved = tables(fit, "hours").curves, tables(fit, "hours", family=LINK).curves
    # the median of 41 draws is one of them
    np.testing.assert_allclose(np.log(curved["median"]), linear["median"])
    assert (np.log(curved["mean"]) > linear["mean"] + 0.1).all()


def test_the_first_predictor() -> None:
    assert first_predictor(hb.Model("y ~ sex + hours + (1 | school)", schools()).design) == "hours"
    assert first_predictor(hb.Model("y ~ sex + (1 | school)", schools()).design) == "sex"
    with pytest.raises(hb.ModelError, match="has no predictors"):
        first_predictor(hb.Model("y ~ 1 + (1 | school)", schools()).design)


def test_errors_say_what_is_there(fit) -> None:
    with pytest.raises(hb.ModelError, match="did you mean 'hours'"):
        tables(fit, "hour")
    with pytest.raises(hb.ModelError, match="grouping factor"):
        tables(fit, "hours", "school")
    with pytest.raises(hb.ModelError, match="stands in by too"):
        tables(fit, "hours", "hours")
    with pytest.raises(hb.ModelError, match="one predictor"):
        tables(fit, ["hours", "iq"])
    with pytest.raises(hb.ModelError, match="no level 'man'"):
        tables(fit, "hours", at={"sex": "man"})
