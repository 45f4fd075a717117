"""Tadpoles show the table in blocks by size, and their texts can be read."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.figure import Figure
from plots.images import image
from plots.pictures import HOSTILE, MEANS, faults, legend_texts, names, sized, sizes

from hierbayes.errors import DataError, ModelError
from hierbayes.plots.tadpoles_plot import in_blocks, tadpoles


def draw(of, k=1, rows=None, **options):
    return tadpoles(sized(of, k, rows=rows), **{"factor": "g", "population": MEANS, **options})


def dots(ax) -> list[np.ndarray]:
    return [np.asarray(line.get_xydata()) for line in ax.lines if line.get_marker() == "o"]


def heads(ax) -> list[str]:
    return [text.get_text() for text in ax.texts if "pooled" in text.get_text()]


def ticks(ax) -> list[str]:
    return [label.get_text() for label in ax.get_xticklabels()]


@image
def test_image_tadpoles():
    return draw(names(48), 2, ci_prob=0.95)


@image
def test_image_tadpoles_balanced():
    return draw(list("ABCDEF"), rows=np.full(6, 5), ci_prob=0.95)


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("n", [1, 6, 40, 100])
def test_texts_neither_overlap_nor_leave_the_figure(n, k) -> None:
    assert faults(draw(names(n), k)) == []


def test_dots_bars_and_the_lines_between_them_are_the_table() -> None:
    table = sized(names(30), 2)
    figure = draw(names(30), 2)
    order = ticks(figure.axes[-1])
    for ax, term in zip(figure.axes, ["Intercept", "x"], strict=True):
        own = table[table["term"] == term].set_index("level").loc[order]
        no, partial = dots(ax)
        np.testing.assert_allclose(no[:, 1], own["no"])
        np.testing.assert_allclose(partial[:, 1], own["partial"])
        interval, tails = ([segment[:, 1] for segment in part.get_segments()] for part in ax.collections)
        np.testing.assert_allclose(interval, own[["lower", "upper"]])
        np.testing.assert_allclose(tails, own[["no", "partial"]].dropna())
        assert MEANS[term] in [line.get_ydata()[0] for line in ax.lines if len(set(line.get_ydata())) == 1]
        assert ax.get_ylabel() == term


def test_blocks_rise_in_size_and_say_how_far_they_are_pooled() -> None:
    table = sized(names(48), 1).set_index("level")
    figure = draw(names(48))
    ax = figure.axes[0]
    blocks = in_blocks(table.loc[ticks(ax)], 4)
    assert [level for block in blocks for level in block] == ticks(ax)
    ranges = [(table.loc[block, "rows"].min(), table.loc[block, "rows"].max()) for block in blocks]
    assert all(low[1] < high[0] for low, high in pairwise(ranges))
    for text, block, (low, high) in zip(heads(ax), blocks, ranges, strict=True):
        assert text == f"{low} to {high} rows\n{table.loc[block, 'factor'].mean():.0%} pooled"
    shares = [int(text.split("\n")[1].split("%")[0]) for text in heads(ax)]
    assert shares == sorted(shares, reverse=True)
    assert len(set(shares)) == 4


def test_blocks_have_about_as_many_levels_each() -> None:
    rows = sized(names(100), 1).set_index("level")
    assert [len(block) for block in in_blocks(rows, 4)] == pytest.approx([25] * 4, abs=8)


@pytest.mark.parametrize(("rows", "found"), [([3] * 6, 1), ([1, 1, 1, 9, 9, 9], 2), (range(1, 7), 4)])
def test_levels_of_one_size_are_never_parted(rows, found) -> None:
    table = sized(names(6), 1, rows=np.array(rows)).set_index("level")
    blocks = in_blocks(table, 4)
    assert len(blocks) <= 4
    assert len(blocks) == found
    spans = [set(table.loc[block, "rows"]) for block in blocks]
    assert sum(map(len, spans)) == len(set.union(*spans))


def test_in_a_block_levels_stand_by_partial_estimate() -> None:
    table = sized(names(48), 1).set_index("level")
    for block in in_blocks(table, 3):
        assert table.loc[block, "partial"].is_monotonic_increasing


def test_equal_sizes_do_not_claim_an_order() -> None:
    assert draw(names(6), rows=np.full(6, 5)).axes[0].get_xlabel() == "g"
    assert draw(names(6), rows=sizes(6)).axes[0].get_xlabel() == "g, from few rows to many"


def test_a_wild_estimate_leaves_the_frame_and_is_counted() -> None:
    table = sized(names(10), 1)
    table.loc[2, "no"] += 1e4
    figure = tadpoles(table, factor="g", population=MEANS)
    assert figure.axes[0].get_ylim()[1] < 200
    assert "1 no-pooling estimate outside the frame" in figure.legends[0].get_title().get_text()
    assert faults(figure) == []


def test_levels_terms_and_blocks_select() -> None:
    figure = draw(names(30), 3, terms=["size[B]"], levels=names(9), blocks=1)
    assert [ax.get_ylabel() for ax in figure.axes] == ["size[B]"]
    assert set(ticks(figure.axes[0])) == set(names(9))
    assert len(heads(figure.axes[0])) == 1


def test_the_legend() -> None:
    figure = draw(names(6), ci_prob=0.95)
    assert legend_texts(figure) == ["no pooling", "partial pooling", "95% interval", "population mean"]
    assert figure.legends[0].get_title().get_text() == "g: 6 levels, 1 too small for a fit of its own"


def test_hostile_names_are_shown_as_they_are() -> None:
    figure = draw(HOSTILE)
    assert faults(figure) == []
    assert {"(empty)", r"\$x^2\$", r"cost \$5", "new line", r"\alpha"} <= set(ticks(figure.axes[0]))
    assert len(set(ticks(figure.axes[0]))) == len(HOSTILE)


def test_given_axes_are_drawn_on_and_the_legend_lies_over_the_heads() -> None:
    figure = Figure(layout="constrained", figsize=(8, 5))
    ax = figure.subplots()
    assert draw(names(12), ax=ax) is figure
    assert faults(figure) == []


def test_errors_name_what_is_missing() -> None:
    with pytest.raises(DataError, match="g has no level 'z'"):
        draw(names(6), levels=["z"])
    with pytest.raises(ModelError, match="2 terms need 2 axes"):
        draw(names(6), 2, ax=Figure().subplots())
