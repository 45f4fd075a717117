"""The fan of posterior lines, and the ribbon of a new level."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_hex
from plots.curves import fans
from plots.images import image
from plots.pictures import HOSTILE, faults, legend_texts, names

from hierbayes.errors import DataError
from hierbayes.plots import style
from hierbayes.plots.fan_plot import NEW_MEAN, NEW_RESPONSE, fan
from hierbayes.plots.panels import MOST


def draw(those, tables=None, **options):
    words = {"factor": "school", "x_label": "day", "y_label": "score", "ci_prob": 0.95} | options
    return fan(**(tables or fans(those)), **words)


def panels(figure):
    return [ax for ax in figure.axes if ax.get_visible()]


def collection(ax, kind):
    return [each for each in ax.collections if isinstance(each, kind)]


@image
def test_image_fan():
    return draw(names(11), fans(names(11), draws=20))


@pytest.mark.parametrize("n", [1, 2, 6, 18, pytest.param(100, marks=pytest.mark.slow)])
def test_texts_neither_overlap_nor_leave_the_figure(n) -> None:
    assert faults(draw(names(n), fans(names(n), draws=5))) == []


def test_hostile_names_are_shown_as_they_are() -> None:
    figure = draw(HOSTILE)
    titles = [ax.get_title() for ax in panels(figure)]
    assert titles[:4] == ["(empty)", "<script>alert(1)</script>", r"\$x^2\$", r"cost \$5"]
    assert faults(figure) == []


def test_each_panel_holds_its_lines_and_its_data() -> None:
    tables = fans(names(4), draws=20)
    figure = draw(names(4), tables)
    for ax, level in zip(panels(figure), names(4), strict=False):
        (lines,) = collection(ax, LineCollection)
        own = tables["lines"][tables["lines"]["level"] == level]
        drawn = np.array(lines.get_segments())
        np.testing.assert_allclose(drawn[..., 1].ravel(), own["y"])
        assert len(drawn) == 20
        assert to_hex(lines.get_color()[0]) == style.PARTIAL.colour.lower()
        data = tables["points"][tables["points"]["level"] == level]
        np.testing.assert_allclose(ax.lines[0].get_ydata(), data["y"])


def test_the_last_panel_is_a_new_level() -> None:
    tables = fans(names(4))
    last = panels(draw(names(4), tables))[-1]
    assert last.get_title() == "a new school"
    ribbon, (outer, inner) = tables["ribbon"], collection(last, PolyCollection)
    assert [to_hex(each.get_facecolor()[0]) for each in (outer, inner)] == [NEW_RESPONSE, NEW_MEAN]
    for area, low, high in ((outer, "lower", "upper"), (inner, "level_lower", "level_upper")):
        heights = area.get_paths()[0].vertices[:, 1]
        assert heights.min() == ribbon[low].min()
        assert heights.max() == ribbon[high].max()
    np.testing.assert_allclose(last.lines[0].get_ydata(), ribbon["median"])


def test_a_family_without_responses_has_one_ribbon() -> None:
    tables = fans(names(3))
    tables["ribbon"][["lower", "upper"]] = np.nan
    figure = draw(names(3), tables)
    assert len(collection(panels(figure)[-1], PolyCollection)) == 1
    assert legend_texts(figure) == ["data", "50 posterior draws", "mean of a new level (95%)"]


def test_the_limits_hold_everything() -> None:
    tables = fans(names(5))
    ax = panels(draw(names(5), tables))[0]
    low, high = ax.get_ylim()
    assert low < min(tables["lines"]["y"].min(), tables["ribbon"]["lower"].min())
    assert high > max(tables["lines"]["y"].max(), tables["ribbon"]["upper"].max())
    assert ax.get_xlim()[0] < 0
    assert ax.get_xlim()[1] > 9


def test_levels_select_and_many_are_thinned() -> None:
    some = panels(draw(names(9), levels=["school 004", "school 001"]))
    assert [ax.get_title() for ax in some] == ["school 004", "school 001", "a new school"]
    many = draw(names(130), fans(names(130), draws=2, points=2))
    assert len(panels(many)) == MOST
    assert many.legends[0].get_title().get_text() == "school (99 of 130 levels)"
    with pytest.raises(DataError, match="no level 'z'"):
        draw(names(3), levels=["z"])


def test_categories_are_named() -> None:
    tables = fans(names(6), points=4)
    place = {x: float(i) for i, x in enumerate(sorted(set(tables["ribbon"]["x"])))}
    tables = {name: table.assign(x=table["x"].map(place)) for name, table in tables.items()}
    figure = draw(names(6), tables, x_names=["none", "little", "more", "a great deal"])
    # the lowest panel of the first column bears the names
    below = panels(figure)[4]
    assert [label.get_text() for label in below.get_xticklabels()] == ["none", "little", "more", "a great deal"]
    assert faults(figure) == []


def test_a_single_place_shows_a_dash() -> None:
    tables = {name: table[table["x"] == 0] for name, table in fans(names(2)).items()}
    figure = draw(names(2), tables)
    (lines,) = collection(panels(figure)[0], LineCollection)
    assert np.ptp(lines.get_segments()[0][:, 0]) == pytest.approx(0.8)
