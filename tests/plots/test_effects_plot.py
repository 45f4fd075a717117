"""Conditional effects: curves and bands, dots and intervals, the data, and the second variable."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from plots.curves import effect_tables
from plots.images import image
from plots.pictures import HOSTILE, faults, legend_texts

from hierbayes.errors import ModelError
from hierbayes.plots import style
from hierbayes.plots.effects_plot import LOOKS, MOST_POINTS, effects

DOSES = ["none", "little", "much"]


def draw(names=("",), x_names=None, **options):
    words = {"x_label": "day", "y_label": "score", "ci_prob": 0.95, "by_names": names, "x_names": x_names}
    words["by_label"] = None if len(names) == 1 else "treatment"
    return effects(**effect_tables(list(names), x_names), **(words | options))


@image
def test_image_effects_of_a_number():
    return draw(("old", "new"))


@image
def test_image_effects_of_a_category():
    return draw(("old", "new", "both"), DOSES)


@pytest.mark.parametrize("names", [("",), ("old", "new"), tuple("abcd"), tuple("abcdefghijkl")])
@pytest.mark.parametrize("x_names", [None, DOSES, [f"variety {i:02d}" for i in range(24)]])
def test_texts_neither_overlap_nor_leave_the_figure(names, x_names) -> None:
    assert faults(draw(names, x_names)) == []


def test_hostile_names_are_shown_as_they_are() -> None:
    figure = draw(tuple(HOSTILE[:4]), HOSTILE)
    assert legend_texts(figure)[:4] == ["(empty)", "<script>alert(1)</scrip…", r"\$x^2\$", r"cost \$5"]
    assert faults(figure) == []


def test_a_number_has_a_curve_and_a_band_over_the_data() -> None:
    tables, ax = effect_tables([""]), draw().axes[0]
    data, curve = ax.lines
    np.testing.assert_allclose(data.get_xydata(), tables["points"][["x", "y"]])
    np.testing.assert_allclose(curve.get_xydata(), tables["curves"][["x", "median"]])
    (band,) = [each for each in ax.collections if isinstance(each, PolyCollection)]
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (tables["curves"]["lower"].min(), tables["curves"]["upper"].max())
    assert data.get_zorder() < band.get_zorder() < curve.get_zorder()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("day", "score")


def test_a_category_has_dots_and_intervals_beside_the_data() -> None:
    tables, ax = effect_tables([""], DOSES), draw(x_names=DOSES).axes[0]
    data, dots = ax.lines
    np.testing.assert_allclose(dots.get_ydata(), tables["curves"]["median"])
    ends = np.array([segment[:, 1] for segment in ax.collections[0].get_segments()])
    np.testing.assert_allclose(ends, tables["curves"][["lower", "upper"]])
    assert [label.get_text() for label in ax.get_xticklabels()] == DOSES
    np.testing.assert_array_equal(np.round(data.get_xdata()), tables["points"]["x"])
    assert np.abs(np.asarray(data.get_xdata())[:, None] - np.asarray(dots.get_xdata())).min() > 0.05


def test_each_value_of_the_second_variable_has_a_look_of_its_own() -> None:
    figure = draw(tuple("abcd"))
    assert legend_texts(figure) == [*"abcd", "95% interval"]
    curves = [line for line in figure.axes[0].lines if line.get_marker() == "None"]
    assert [line.get_color() for line in curves] == [look.colour for look in LOOKS]
    assert len({line.get_linestyle() + str(line.get_color()) for line in curves}) == 4
    # complete and no pooling keep their colours for themselves
    assert not {look.colour for look in LOOKS} & {style.COMPLETE.colour, style.NO.colour}


def test_many_values_have_a_panel_each() -> None:
    figure = draw(tuple("abcdef"))
    assert [ax.get_title() for ax in figure.axes if ax.get_visible()] == list("abcdef")
    assert [ax.get_title() for ax in draw(("old", "new"), panels_by=True).axes] == ["old", "new"]
    with pytest.raises(ModelError, match="4 colours"):
        draw(tuple("abcdef"), panels_by=False)
    with pytest.raises(ModelError, match="axes of their own"):
        draw(tuple("abcdef"), ax=Figure().subplots())


def test_data_may_be_left_out_and_many_are_thinned() -> None:
    assert [len(line.get_xdata()) for line in draw(data=False).axes[0].lines] == [0, 12]
    assert "data" not in legend_texts(draw(data=False))
    tables = effect_tables([""], n=3 * MOST_POINTS)
    figure = effects(**tables, x_label="day", y_label="score")
    assert len(figure.axes[0].lines[0].get_xdata()) == MOST_POINTS


def test_it_draws_on_given_axes() -> None:
    own = Figure()
    assert draw(ax=own.subplots()) is own
