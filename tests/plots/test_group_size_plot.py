"""Twin panels by group size show the table, and their texts can be read."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from plots.images import image
from plots.pictures import HOSTILE, MEANS, faults, legend_texts, names, sized, sizes

from hierbayes.errors import DataError, ModelError
from hierbayes.plots import style
from hierbayes.plots.group_size_plot import abreast, group_size

COMPLETE = {term: mean + 0.5 for term, mean in MEANS.items()}


def draw(of, k=1, rows=None, **options):
    common = {"factor": "g", "population": MEANS, "complete": COMPLETE}
    return group_size(sized(of, k, rows=rows), **{**common, **options})


def dots(ax) -> np.ndarray:
    (line,) = [line for line in ax.lines if line.get_marker() == "o"]
    return np.asarray(line.get_xydata())


def levels_named(ax) -> set[str]:
    return {text.get_text() for text in ax.texts if text.get_text()}


@image
def test_image_group_size():
    return draw(names(60), 2, ci_prob=0.95)


@image
def test_image_group_size_balanced():
    return draw(names(8), rows=np.full(8, 5), ci_prob=0.95)


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("n", [1, 6, 100])
def test_texts_neither_overlap_nor_leave_the_figure(n, k) -> None:
    assert faults(draw(names(n), k)) == []


@pytest.mark.parametrize("rows", [np.full(18, 10), np.repeat([1, 2], 9), np.array([*range(1, 18), 20_000])])
def test_sizes_of_every_kind_can_be_read(rows) -> None:
    figure = draw(names(18), rows=rows)
    assert faults(figure) == []


def test_left_is_no_and_right_is_partial_pooling() -> None:
    table = sized(names(30), 2)
    figure = draw(names(30), 2)
    assert len(figure.axes) == 4
    for row, term in enumerate(["Intercept", "x"]):
        own = table[table["term"] == term]
        left, right = figure.axes[2 * row : 2 * row + 2]
        np.testing.assert_allclose(dots(left)[:, 1], own["no"])
        np.testing.assert_allclose(dots(right)[:, 1], own["partial"])
        ends = np.array([segment[:, 1] for segment in left.collections[0].get_segments()])
        np.testing.assert_allclose(ends, own.dropna()[["no_lower", "no_upper"]])
        ends = np.array([segment[:, 1] for segment in right.collections[0].get_segments()])
        np.testing.assert_allclose(ends, own[["lower", "upper"]])
        assert left.get_ylim() == right.get_ylim()
        assert left.get_ylabel() == term


def test_the_line_of_complete_pooling_crosses_both_and_that_of_the_population_the_right() -> None:
    left, right = draw(names(30)).axes
    flat = [{line.get_ydata()[0] for line in ax.lines if len(set(line.get_ydata())) == 1} for ax in (left, right)]
    assert flat == [{50.5}, {50.5, 50.0}]


def test_the_x_axis_is_logarithmic_and_near_the_size() -> None:
    ax = draw(names(60)).axes[0]
    assert ax.get_xscale() == "log"
    own = sizes(60)
    x = dots(ax)[:, 0]
    assert np.corrcoef(np.log(x), np.log(own))[0, 1] > 0.98
    different = np.unique(own)
    nearest = different[np.argmin(np.abs(np.log(x)[:, None] - np.log(different)), axis=1)]
    assert (nearest == own).all()


def test_levels_of_one_size_stand_apart() -> None:
    x = abreast(np.array([1.0, 1, 1, 50, 50, 7]))
    assert len(set(x)) == 6
    assert (np.diff(x[:3]) > 0).all()
    assert x[5] == 7


def test_many_levels_name_those_that_are_moved_most() -> None:
    table = sized(names(100), 1)
    moved = table.assign(by=(table["no"] - table["partial"]).abs()).nlargest(10, "by")
    left, right = draw(names(100)).axes
    assert levels_named(right) <= set(moved["level"])
    assert len(levels_named(left)) >= 6


def test_few_levels_are_all_named() -> None:
    left, right = draw(names(6)).axes
    assert levels_named(right) == set(names(6)[:-1])
    assert levels_named(left) == set(names(6)[:-1])


def test_equal_sizes_say_so_instead_of_a_scale() -> None:
    left, _ = draw(names(6), rows=np.full(6, 5)).axes
    assert left.get_xlabel() == "levels of g, 5 rows each"
    assert list(left.get_xticks()) == []


def test_the_legend_names_colours_lines_and_small_levels() -> None:
    figure = draw(names(20), ci_prob=0.9)
    assert legend_texts(figure) == [
        "no pooling", "partial pooling", "90% interval", "complete pooling", "population mean",
    ]  # fmt: skip
    assert figure.legends[0].get_title().get_text() == "g: 20 levels, 1 too small for a fit of its own"
    colours = [handle.get_markeredgecolor() for handle in figure.legends[0].legend_handles[:2]]
    assert colours == [style.NO.colour, style.PARTIAL.colour]


def test_levels_and_terms_select() -> None:
    figure = draw(names(30), 3, terms=["x"], levels=["school 004", "school 002"])
    assert [ax.get_ylabel() for ax in figure.axes] == ["x", ""]
    assert len(dots(figure.axes[1])) == 2
    assert levels_named(figure.axes[1]) == {"school 004", "school 002"}


def test_hostile_names_are_shown_as_they_are() -> None:
    figure = draw(HOSTILE)
    assert faults(figure) == []
    assert {"(empty)", r"\$x^2\$", r"cost \$5", "new line"} <= levels_named(figure.axes[1])


def test_given_axes_are_drawn_on() -> None:
    figure = Figure(layout="constrained", figsize=(9, 5))
    pair = figure.subplots(1, 2)
    assert draw(names(6), ax=pair) is figure
    assert pair[0].get_legend() is not None


def test_errors_name_what_is_missing() -> None:
    with pytest.raises(DataError, match="g has no level 'z'"):
        draw(names(6), levels=["z"])
    with pytest.raises(ModelError, match="g has no term 'z'"):
        draw(names(6), terms=["z"])
    with pytest.raises(ModelError, match="1 axes for 1 terms"):
        draw(names(6), ax=Figure().subplots())
    with pytest.raises(ModelError, match="2 axes for 2 terms"):
        draw(names(6), 2, ax=Figure().subplots(1, 2))
