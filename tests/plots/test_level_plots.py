"""`fit.plot` and `hb.plots` find the figures, for any number of terms and factors."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest
from fits import fake_fit
from matplotlib.figure import Figure
from plots.pictures import faults

import hierbayes as hb
from hierbayes.plots.accessor import FitPlots

MODELS = {
    "two terms": ("Reaction ~ Days + (Days | Subject)", "sleepstudy"),
    "uncorrelated": ("Reaction ~ Days + (Days || Subject)", "sleepstudy"),
    "crossed": ("diameter ~ 1 + (1 | plate) + (1 | sample)", "penicillin"),
    "nested": ("strength ~ 1 + (1 | batch/cask)", "pastes"),
    "categories": ("Y ~ V * N + (1 | B/V)", "oats"),
    "three terms": ("angle ~ recipe + temp + (1 + recipe | replicate)", "cake"),
    "no population slope": ("Reaction ~ 1 + (0 + Days | Subject)", "sleepstudy"),
}


@pytest.fixture(scope="module")
def fits():
    return {name: fake_fit(formula, hb.load_data(data)) for name, (formula, data) in MODELS.items()}


@pytest.mark.parametrize("kind", ["group_size", "tadpoles", "population", "shrinkage", "caterpillar"])
@pytest.mark.parametrize("model", MODELS)
def test_any_model_has_the_figure_for_each_factor(fits, model, kind) -> None:
    for factor in fits[model].design.factors:
        figure = getattr(fits[model].plot, kind)(factor)
        assert faults(figure) == []
        title = (figure.legends[0] if figure.legends else figure.axes[0].get_legend()).get_title().get_text()
        assert title.startswith(f"{factor}: {fits[model].design.blocks(factor)[0].n_levels} levels")


@pytest.mark.parametrize("kind", ["group_size", "tadpoles", "population"])
def test_levels_terms_and_size_are_handed_on(fits, kind) -> None:
    figure = getattr(fits["two terms"].plot, kind)(terms=["Days"], levels=["308", "337"], figsize=(5, 4))
    assert figure.get_size_inches().tolist() == [5, 4]
    labels = [ax.get_xlabel() if kind == "population" else ax.get_ylabel() for ax in figure.axes]
    assert set(labels) <= {"Days", ""}
    assert "2 levels" in figure.legends[0].get_title().get_text()


def test_the_first_factor_is_the_default(fits) -> None:
    assert fits["crossed"].plot.tadpoles().axes[0].get_xlabel().startswith("plate")


@pytest.mark.parametrize("kind", ["group_size", "tadpoles", "population"])
def test_errors_name_what_is_missing(fits, kind) -> None:
    draw = getattr(fits["crossed"].plot, kind)
    with pytest.raises(hb.ModelError, match="did you mean 'plate'"):
        draw("plates")
    with pytest.raises(hb.DataError, match="plate has no level 'z'"):
        draw(levels=["z"])
    with pytest.raises(hb.ModelError, match="plate has no term 'x'"):
        draw(terms=["x"])


def test_the_probability_is_written_and_checked(fits) -> None:
    figure = fits["crossed"].plot.tadpoles(ci_prob=0.5)
    assert "50% interval" in [text.get_text() for text in figure.legends[0].get_texts()]
    with pytest.raises(hb.ModelError, match="between 0 and 1"):
        fits["crossed"].plot.group_size(ci_prob=1.5)


def test_draws_are_drawn(fits) -> None:
    figure = fits["crossed"].plot.population("sample", draws=9)
    assert "the population under 9 posterior draws" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_hb_plots_finds_the_drawing_functions() -> None:
    assert set(hb.plots.__all__) == {name for name in dir(hb.plots) if not name.startswith("_")}
    assert "plots" in dir(hb)
    for name in hb.plots.__all__:
        function = getattr(hb.plots, name)
        assert function.__name__ == name
        signature = inspect.signature(function, eval_str=False)
        assert "figsize" in signature.parameters
        assert signature.return_annotation == Figure.__name__
        assert "Examples" in function.__doc__
    with pytest.raises(AttributeError, match="no attribute 'pie'"):
        _ = hb.plots.pie


def test_every_figure_is_found() -> None:
    from plots.test_images import FIGURES

    homes = {getattr(hb.plots, name).__module__.split(".")[-1] for name in hb.plots.__all__}
    assert set(FIGURES) <= homes


def test_finding_a_function_loads_no_matplotlib() -> None:
    code = (
        "import sys, hierbayes as hb\n"
        "assert 'hierbayes.plots' not in sys.modules\n"
        "hb.plots.caterpillar, hb.plots.population\n"
        "raise SystemExit(int('matplotlib' in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_method_says_what_it_returns_and_raises() -> None:
    for name in ("group_size", "tadpoles", "population", "shrinkage"):
        text = getattr(FitPlots, name).__doc__
        assert "Returns\n" in text
        assert "Raises\n" in text
