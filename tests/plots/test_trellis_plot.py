"""The pooling trellis shows the data and the three fits of every level."""

from __future__ import annotations

import numpy as np
import pytest
from plots.images import image
from plots.pictures import HOSTILE, faults, legend_texts, lines, names

from hierbayes.errors import DataError
from hierbayes.plots.trellis_plot import pooling_trellis

WEEKS = [0.0, 1.0, 2.0, 3.0]
FITS = ["complete pooling", "no pooling", "partial pooling"]


def draw(of, x=WEEKS, **options):
    points, curves = lines(of, x)
    words = {"level_order": of, "x_label": "week", "y_label": "score", "factor": "g"}
    return pooling_trellis(points, curves, **{**words, **options})


def panels(figure) -> list:
    return [ax for ax in figure.axes if ax.get_visible()]


@image
@pytest.mark.parametrize("x", ["numbers", "names"])
def test_image_trellis(x):
    return draw(names(11), WEEKS if x == "numbers" else list("CAB"))


@pytest.mark.parametrize("x", [WEEKS, [1e6, 2e6, 3e6], list("ABCDEF"), [f"treatment number {i}" for i in range(5)]])
@pytest.mark.parametrize("n", [1, 7, 30])
def test_texts_neither_overlap_nor_leave_the_figure(n, x) -> None:
    figure = draw(names(n), x)
    assert faults(figure) == []


@pytest.mark.slow
def test_a_hundred_panels_can_be_read() -> None:
    figure = draw(names(100), [1e6, 2e6, 3e6])
    assert faults(figure) == []


def test_a_panel_per_level_with_its_data_and_three_fits() -> None:
    levels = names(7)
    points, curves = lines(levels, WEEKS)
    figure = draw(levels)
    assert [ax.get_title() for ax in panels(figure)] == levels
    for ax, level in zip(panels(figure), levels, strict=True):
        drawn = {line.get_label(): line.get_ydata() for line in ax.lines}
        fits = curves[curves["level"] == level]
        np.testing.assert_array_equal(drawn["complete pooling"], fits["complete"])
        np.testing.assert_array_equal(drawn["partial pooling"], fits["partial"])
        assert ("no pooling" in drawn) == (level != levels[-1])
        (data,) = [line for line in ax.lines if line.get_marker() == "o"]
        np.testing.assert_array_equal(data.get_xydata(), points[points["level"] == level][["x", "y"]])
    assert legend_texts(figure) == ["data", *FITS]
    assert (figure.get_supxlabel(), figure.get_supylabel()) == ("week", "score")


def test_the_three_fits_differ_in_colour_and_in_line() -> None:
    drawn = [line for line in panels(draw(names(2)))[0].lines if line.get_label() in FITS]
    assert len({line.get_color() for line in drawn}) == 3
    assert len({str(line._dash_pattern) for line in drawn}) == 3


def test_axes_are_shared() -> None:
    assert len({(ax.get_xlim(), ax.get_ylim()) for ax in panels(draw(names(6)))}) == 1


def test_levels_zoom_in_in_the_order_asked_for() -> None:
    assert [ax.get_title() for ax in panels(draw(names(9), levels=["school 005", "school 001"]))] == [
        "school 005",
        "school 001",
    ]
    with pytest.raises(DataError, match="g has no level '5'"):
        draw(names(9), levels=["5"])


def test_more_than_a_hundred_levels_are_thinned_and_said_so() -> None:
    figure = draw(names(250))
    assert len(panels(figure)) == 100
    assert figure.legends[0].get_title().get_text() == "g (100 of 250 levels)"


def test_categories_name_the_x_axis_in_their_order() -> None:
    ticks = panels(draw(names(2), list("CAB")))[0].get_xticklabels()
    assert [tick.get_text() for tick in ticks] == ["C", "A", "B"]


def test_a_lone_row_still_shows_its_fits() -> None:
    line = next(line for line in panels(draw(names(3), [1.0]))[0].lines if line.get_label() == "partial pooling")
    assert np.ptp(line.get_xdata()) > 0


def test_a_wild_fit_does_not_squeeze_the_data() -> None:
    points, curves = lines(names(4), WEEKS)
    curves.loc[curves["level"] == "school 001", "no"] *= 1e3
    words = {"level_order": names(4), "x_label": "week", "y_label": "score", "factor": "g"}
    assert panels(pooling_trellis(points, curves, **words))[0].get_ylim()[1] < 200


def test_hostile_names_are_shown_as_they_are() -> None:
    figure = draw(HOSTILE, x_label="$x$")
    titles = [ax.get_title() for ax in panels(figure)]
    assert titles[0] == "(empty)"
    assert titles[2:4] == [r"\$x^2\$", r"cost \$5"]
    assert len(set(titles)) == len(HOSTILE)
    assert figure.get_supxlabel() == r"\$x\$"
    assert faults(figure) == []
