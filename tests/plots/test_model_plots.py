"""`fit.plot.fan`, `.components`, `.effects` on models of every structure, from the fit to the figure."""

from __future__ import annotations

import numpy as np
import pytest
from fits import fake_fit
from plots.pictures import faults
from summaries_data import schools

import hierbayes as hb

MODELS = {
    "slopes": ("Reaction ~ Days + (Days | Subject)", "sleepstudy"),
    "crossed": ("diameter ~ 1 + (1 | plate) + (1 | sample)", "penicillin"),
    "nested": ("strength ~ 1 + (1 | batch/cask)", "pastes"),
    "categories": ("Y ~ V * N + (1 | B/V)", "oats"),
    "one": ("Yield ~ 1 + (1 | Batch)", "dyestuff"),
    "three terms": ("y ~ hours * sex + (hours + iq | school)", None),
    "no coefficients": ("y ~ 0 + (1 | school)", None),
}


@pytest.fixture(scope="module")
def fits():
    return {
        name: fake_fit(formula, hb.load_data(data) if data else schools()) for name, (formula, data) in MODELS.items()
    }


def visible(figure):
    return [ax for ax in figure.axes if ax.get_visible()]


@pytest.mark.parametrize("name", MODELS)
def test_fans(fits, name) -> None:
    fit = fits[name]
    for factor in fit.design.factors:
        levels = fit.design.blocks(factor)[0].levels
        figure = fit.plot.fan(factor, lines=10)
        assert len(visible(figure)) == len(levels) + 1
        assert faults(figure) == []


@pytest.mark.parametrize("name", MODELS)
def test_components(fits, name) -> None:
    fit = fits[name]
    figure = fit.plot.components(draws=200)
    assert visible(figure)[-1].get_xlabel() == "share of variance"
    assert faults(figure) == []


@pytest.mark.parametrize(
    ("name", "focal", "by"),
    [
        ("slopes", None, None),
        ("categories", "N", "V"),
        ("categories", None, "N"),
        ("three terms", "hours", "sex"),
        ("three terms", "hours", "iq"),
        ("three terms", "sex", "hours"),
    ],
)
def test_effects(fits, name, focal, by) -> None:
    if by == "iq":
        fits = fits | {name: fake_fit("y ~ hours * iq + (1 | school)", schools())}
    figure = fits[name].plot.effects(focal, by)
    assert figure.axes[0].get_xlabel() == (focal or {"slopes": "Days", "categories": "V"}[name])
    assert faults(figure) == []


def test_what_cannot_be_drawn_is_left_out_unless_asked_for() -> None:
    data = hb.load_data("dyestuff")
    flat = fake_fit("Yield ~ 1 + (1 | Batch)", data, priors="flat")
    assert [text.get_text() for text in flat.plot.components().legends[0].get_texts()][1:] == ["REML"]
    with pytest.raises(hb.ModelError, match="flat"):
        flat.plot.components(prior=True)
    known = fake_fit("Yield ~ 1 + (1 | Batch)", data, priors={"sd_Batch": hb.Fixed(40.0)})
    words = [text.get_text() for text in known.plot.components(draws=100).legends[0].get_texts()]
    assert [word.split(":")[0] for word in words] == ["posterior", "prior"]
    with pytest.raises(hb.ModelError):
        known.plot.components(reml=True)
    alone = known.plot.components(prior=False, reml=False).legends[0].get_texts()
    assert [text.get_text().split(":")[0] for text in alone] == ["posterior"]


def test_fans_of_many_levels_are_drawn_for_some() -> None:
    rng = np.random.default_rng(1)
    data = {"g": np.repeat([f"g{i:03d}" for i in range(150)], 2), "y": rng.normal(size=300)}
    figure = fake_fit("y ~ 1 + (1 | g)", data).plot.fan(lines=2)
    assert len(visible(figure)) == 100
    assert figure.legends[0].get_title().get_text() == "g (99 of 150 levels)"


def test_errors_reach_the_user(fits) -> None:
    fit = fits["slopes"]
    with pytest.raises(hb.DataError, match="no level '999'"):
        fit.plot.fan(levels=["999"])
    with pytest.raises(hb.ModelError, match="no predictor 'days'"):
        fit.plot.effects("days")
    with pytest.raises(hb.ModelError, match="nothing to pool"):
        fake_fit("Reaction ~ Days", hb.load_data("sleepstudy")).plot.fan()
    with pytest.raises(hb.ModelError, match="has no predictors"):
        fits["one"].plot.effects()


def test_without_groups_the_residual_holds_all_of_the_variance() -> None:
    figure = fake_fit("Reaction ~ Days", hb.load_data("sleepstudy")).plot.components(draws=100)
    assert [label.get_text() for label in visible(figure)[-1].get_yticklabels()] == ["Residual"]
