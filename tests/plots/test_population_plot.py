"""The learned population shows draws, their average and the levels, and its texts can be read."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from plots.images import image
from plots.pictures import HOSTILE, faults, learned, legend_texts, names, pooled
from scipy.stats import norm

from hierbayes.errors import DataError, ModelError
from hierbayes.plots import style
from hierbayes.plots.population_plot import bins, population


def draw(of, k=1, **options):
    draws, density = learned(k)
    return population(pooled(of, k), draws, density, **{"factor": "g", **options})


def bars(ax) -> np.ndarray:
    """Left end, right end and height of the bars of the partial-pooling estimates."""
    found = [patch for patch in ax.patches if hasattr(patch, "get_height")]
    return np.array([(bar.get_x(), bar.get_x() + bar.get_width(), bar.get_height()) for bar in found])


@image
def test_image_population():
    return draw(names(60), 2)


@image
def test_image_population_few_levels():
    return draw(list("ABCDEF"))


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("n", [1, 6, 100])
def test_texts_neither_overlap_nor_leave_the_figure(n, k) -> None:
    assert faults(draw(names(n), k)) == []


@pytest.mark.parametrize("n", [6, 100])
def test_the_histogram_counts_the_levels(n) -> None:
    table = pooled(names(n), 2)
    for ax, term in zip(draw(names(n), 2).axes, ["Intercept", "x"], strict=True):
        partial = table.loc[table["term"] == term, "partial"].to_numpy()
        own = bars(ax)
        wanted, _ = np.histogram(partial, [*own[:, 0], own[-1, 1]], density=True)
        np.testing.assert_allclose(own[:, 2], wanted)
        assert np.sum((own[:, 1] - own[:, 0]) * own[:, 2]) == pytest.approx(1)


def test_a_curve_for_each_draw_is_its_normal_density() -> None:
    draws, _ = learned(2)
    for ax, term in zip(draw(names(20), 2).axes, ["Intercept", "x"], strict=True):
        (curves,) = [part for part in ax.collections if isinstance(part, LineCollection)]
        own = draws[draws["term"] == term]
        assert len(curves.get_segments()) == len(own) == 40
        for line, mean, sd in zip(curves.get_segments(), own["mean"], own["sd"], strict=True):
            np.testing.assert_allclose(line[:, 1], norm(mean, sd).pdf(line[:, 0]), rtol=1e-9)


def test_the_thick_line_is_the_average() -> None:
    _, density = learned(1)
    (line,) = [line for line in draw(names(20)).axes[0].lines if line.get_linewidth() > 2]
    np.testing.assert_array_equal(line.get_xydata(), density[["x", "density"]])
    assert line.get_color() == style.POPULATION.colour


def test_a_draw_without_spread_is_left_out() -> None:
    draws, density = learned(1)
    draws.loc[0, "sd"] = 0.0
    ax = population(pooled(names(9), 1), draws, density, factor="g").axes[0]
    (curves,) = [part for part in ax.collections if isinstance(part, LineCollection)]
    assert len(curves.get_segments()) == 39
    assert np.isfinite(np.concatenate(curves.get_segments())).all()


def test_levels_that_agree_still_have_a_histogram() -> None:
    table = pooled(names(5), 1).assign(no=50.0, partial=50.0)
    figure = population(table, *learned(1), factor="g")
    assert bars(figure.axes[0])[:, 2].max() > 0
    edges = bins(np.full(5, 50.0))
    assert edges[0] < 50 < edges[-1]


def test_no_level_with_a_fit_of_its_own_has_no_such_histogram() -> None:
    table = pooled(names(5), 1).assign(no=np.nan)
    figure = population(table, *learned(1), factor="g")
    assert "levels, no pooling" not in legend_texts(figure)
    assert len(legend_texts(figure)) == 3


def test_a_wild_level_does_not_squeeze_the_rest() -> None:
    table = pooled(names(9), 1)
    table.loc[0, "no"] = 1e5
    assert population(table, *learned(1), factor="g").axes[0].get_xlim()[1] < 100


def test_few_levels_are_named_at_their_ticks() -> None:
    ax = draw(list("ABCDEF")).axes[0]
    assert {text.get_text() for text in ax.texts} == set("ABCDEF")
    assert {text.get_text() for text in draw(names(60)).axes[0].texts} == set()


def test_levels_and_terms_select() -> None:
    figure = draw(names(30), 3, terms=["x"], levels=names(8))
    assert [ax.get_xlabel() for ax in figure.axes] == ["x"]
    (rug,) = [line for line in figure.axes[0].lines if line.get_marker() == "|"]
    assert len(rug.get_xdata()) == 8


def test_the_legend_counts_draws_and_levels() -> None:
    figure = draw(names(30))
    assert legend_texts(figure) == [
        "levels, partial pooling", "levels, no pooling", "the population under 40 posterior draws",
        "their average: a level not yet seen",
    ]  # fmt: skip
    assert figure.legends[0].get_title().get_text() == "g: 30 levels, 1 too small for a fit of its own"


def test_hostile_names_are_shown_as_they_are() -> None:
    figure = draw(HOSTILE)
    assert faults(figure) == []
    assert {r"\$x^2\$", "new line"} <= {text.get_text() for text in figure.axes[0].texts}


def test_given_axes_are_drawn_on() -> None:
    figure = Figure(layout="constrained")
    left, right = figure.subplots(1, 2)
    assert draw(names(6), ax=right) is figure
    assert (left.get_xlabel(), right.get_xlabel()) == ("", "Intercept")


def test_errors_name_what_is_missing() -> None:
    with pytest.raises(DataError, match="g has no level 'z'"):
        draw(names(6), levels=["z"])
    with pytest.raises(ModelError, match="g has no term 'z'"):
        draw(names(6), terms=["z"])
    with pytest.raises(ModelError, match="no draws of the term 'x'"):
        population(pooled(names(6), 2), *learned(1), factor="g")
    with pytest.raises(ModelError, match="2 terms need 2 axes"):
        draw(names(6), 2, ax=Figure().subplots())
