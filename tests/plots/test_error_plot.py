"""The error experiment: dots by group, means by block."""

from __future__ import annotations

import numpy as np
import pytest
from plots.curves import errors
from plots.images import image
from plots.pictures import faults, legend_texts

from hierbayes.errors import DataError
from hierbayes.plots import style
from hierbayes.plots.error_plot import draw_errors

SIZES = [5, 10, 25, 35]


def dots(ax, method):
    colour = {"no": style.NO.colour, "partial": style.PARTIAL.colour}[method]
    (found,) = [line for line in ax.lines if line.get_marker() == "o" and line.get_markeredgecolor() == colour]
    return np.asarray(found.get_xydata())


def block_means(ax, method):
    colour = {"no": style.NO.colour, "partial": style.PARTIAL.colour}[method]
    return [line.get_ydata()[0] for line in ax.lines if line.get_marker() == "None" and line.get_color() == colour]


@image
def test_image_errors():
    return draw_errors(errors(SIZES))


@pytest.mark.parametrize("per_size", [1, 15, 100])
@pytest.mark.parametrize("sizes", [[5], SIZES, list(range(2, 40))])
def test_texts_neither_overlap_nor_leave_the_figure(sizes, per_size) -> None:
    assert faults(draw_errors(errors(sizes, per_size, replicates=2))) == []


def test_each_group_has_a_dot_for_each_method_and_each_block_a_mean() -> None:
    table = errors(SIZES)
    ax = draw_errors(table.sample(frac=1, random_state=1)).axes[0]
    for method in ("no", "partial"):
        own = table[table["method"] == method].assign(error=lambda rows: rows["error"].abs())
        np.testing.assert_allclose(np.sort(dots(ax, method)[:, 1]), np.sort(own["error"]))
        np.testing.assert_allclose(block_means(ax, method), own.groupby("size")["error"].mean())
    assert [text.get_text() for text in ax.texts] == ["5 rows", "10 rows", "25 rows", "35 rows"]
    # both dots of a group stand above each other, and blocks in the order of size
    np.testing.assert_array_equal(np.sort(dots(ax, "no")[:, 0]), np.arange(1, 61))
    first = table[(table["method"] == "no") & (table["size"] == 5)]["error"].abs()
    np.testing.assert_allclose(np.sort(dots(ax, "no")[dots(ax, "no")[:, 0] <= 15, 1]), np.sort(first))


def test_replicates_are_averaged() -> None:
    table = errors(SIZES, replicates=8)
    figure = draw_errors(table)
    own = table[table["method"] == "no"].assign(error=lambda rows: rows["error"].abs())
    expected = own.groupby("group")["error"].mean()
    np.testing.assert_allclose(np.sort(dots(figure.axes[0], "no")[:, 1]), np.sort(expected))
    assert figure.axes[0].get_legend().get_title().get_text() == "mean of 8 replicates"


def test_many_sizes_make_four_blocks() -> None:
    ax = draw_errors(errors(list(range(2, 42)), 1)).axes[0]
    assert [text.get_text() for text in ax.texts] == ["2 to 11 rows", "12 to 21 rows", "22 to 31 rows", "32 to 41 rows"]


def test_other_methods_are_left_out_and_one_alone_will_do() -> None:
    table = errors(SIZES)
    more = table.replace({"method": {"partial": "complete"}})
    figure = draw_errors(more)
    assert legend_texts(figure) == ["no pooling", "block mean, no pooling"]
    assert "partial pooling" in legend_texts(draw_errors(table))


def test_groups_too_small_for_a_fit_keep_their_other_dot() -> None:
    table = errors([1, 5], 3)
    table = table[~((table["size"] == 1) & (table["method"] == "no"))]
    ax = draw_errors(table).axes[0]
    assert len(dots(ax, "no")) == 3
    assert len(dots(ax, "partial")) == 6
    assert [text.get_text() for text in ax.texts] == ["1 row", "5 rows"]


def test_errors_say_what_is_missing() -> None:
    with pytest.raises(DataError, match="no column 'size'"):
        draw_errors(errors(SIZES).drop(columns="size"))
    with pytest.raises(DataError, match="no errors of no or partial"):
        draw_errors(errors(SIZES).assign(method="complete"))
