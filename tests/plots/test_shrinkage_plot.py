"""Shrinkage: rows, plane and matrix show the table, and their texts can be read."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.quiver import Quiver
from plots.images import image
from plots.pictures import HOSTILE, MEANS, covariance, faults, legend_texts, names, pooled
from scipy.stats import chi2

from hierbayes.errors import DataError, ModelError
from hierbayes.plots.arrows import ellipse, shrinkage_arrows
from hierbayes.plots.shrinkage_plot import shrinkage

COMPLETE = {term: mean + 0.5 for term, mean in MEANS.items()}


def draw(of, k, **options):
    common = {"factor": "g", "population": MEANS, "complete": COMPLETE, "covariance": covariance(k)}
    return shrinkage(pooled(of, k), **{**common, **options})


def arrows_of(ax) -> tuple[np.ndarray, np.ndarray]:
    (quiver,) = [item for item in ax.collections if isinstance(item, Quiver)]
    tails = np.asarray(quiver.XY)
    return tails, tails + np.column_stack([quiver.U, quiver.V])


def annotations(ax) -> list[str]:
    return [text.get_text() for text in ax.texts if text.get_text()]


@image
@pytest.mark.parametrize("k", [1, 2, 3])
def test_image_shrinkage(k):
    return draw(names(18), k, ci_prob=0.95)


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("n", [6, 40, 100])
def test_texts_neither_overlap_nor_leave_the_figure(n, k) -> None:
    figure = draw(names(n), k)
    assert faults(figure) == []


@pytest.mark.parametrize("k", [1, 2, 3])
def test_hostile_names_are_shown_as_they_are(k) -> None:
    figure = draw(HOSTILE, k)
    assert faults(figure) == []
    if k < 3:
        ax = figure.axes[0]
        shown = annotations(ax) if k == 2 else [label.get_text() for label in ax.get_yticklabels()]
        assert {"(empty)", r"\$x^2\$", r"cost \$5", "new line", r"\alpha"} <= set(shown)
        assert len(set(shown)) == len(shown)


def test_arrows_run_from_no_to_partial_pooling() -> None:
    levels = names(18)
    wide = pooled(levels, 2).pivot(index="level", columns="term").loc[levels]
    tails, heads = arrows_of(draw(levels, 2).axes[0])
    np.testing.assert_allclose(tails, wide["no"][["Intercept", "x"]].to_numpy()[:-1])
    np.testing.assert_allclose(heads, wide["partial"][["Intercept", "x"]].to_numpy()[:-1])


def test_the_plane_names_axes_levels_ellipses_and_legend() -> None:
    figure = draw(names(18), 2)
    ax = figure.axes[0]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Intercept", "x")
    assert legend_texts(figure) == ["no pooling", "partial pooling", "complete pooling", "population mean",
                                    "10, 30, 50, 70, 90% of levels"]  # fmt: skip
    assert sorted(annotations(ax)) == sorted([*names(18), "10%", "30%", "50%", "70%", "90%"])


def test_the_two_large_dots_lie_at_the_two_means() -> None:
    ax = draw(names(6), 2).axes[0]
    large = {line.get_marker(): line.get_xydata()[0].tolist() for line in ax.lines if line.get_markersize() > 6
             and len(line.get_xydata()) == 1}  # fmt: skip
    assert large == {"D": [50.5, 3.5], "s": [50.0, 3.0]}


def test_many_levels_name_the_outermost_only() -> None:
    shown = [text for text in annotations(draw(names(100), 2).axes[0]) if "school" in text]
    assert 0 < len(shown) <= 14


@pytest.mark.parametrize("mass", [0.1, 0.5, 0.9])
def test_an_ellipse_holds_its_mass(mass) -> None:
    centre, matrix = np.array([3.0, -1.0]), covariance(2)
    ring = ellipse(centre, matrix, mass) - centre
    distance = np.einsum("ni,ij,nj->n", ring, np.linalg.inv(matrix), ring)
    np.testing.assert_allclose(distance, chi2.ppf(mass, 2), rtol=1e-10)


def test_a_labelled_covariance_is_read_by_its_labels_and_nan_is_uncorrelated() -> None:
    swapped = pd.DataFrame([[1.0, np.nan], [np.nan, 16.0]], index=["x", "Intercept"], columns=["x", "Intercept"])
    ring = max((line.get_xydata() for line in draw(names(6), 2, covariance=swapped).axes[0].lines), key=len)
    assert np.ptp(ring[:, 0]) == pytest.approx(4 * np.ptp(ring[:, 1]), rel=1e-3)


def test_rows_are_ordered_and_show_both_means() -> None:
    table = pooled(names(20), 1).sort_values("partial")
    figure = draw(names(20), 1, ci_prob=0.95)
    ax = figure.axes[0]
    assert [label.get_text() for label in ax.get_yticklabels()] == table["level"].tolist()
    tails, heads = arrows_of(ax)
    kept = table["no"].notna()
    np.testing.assert_allclose(tails[:, 0], table["no"][kept])
    np.testing.assert_allclose(heads[:, 0], table["partial"][kept])
    uprights = [line.get_xdata()[0] for line in ax.lines if list(line.get_ydata()) == [0, 1]]
    assert uprights == [50.5, 50.0]
    assert "95% interval" in legend_texts(figure)


def test_three_terms_give_a_lower_triangle_of_planes() -> None:
    figure = draw(names(20), 3)
    seen = [ax for ax in figure.axes if ax.get_visible()]
    assert len(seen) == 3
    assert [(ax.get_xlabel(), ax.get_ylabel()) for ax in seen] == [("", "x"), ("Intercept", "size[B]"), ("x", "")]
    assert seen[1].get_xlim() == seen[0].get_xlim()
    tails, _ = arrows_of(seen[2])
    wide = pooled(names(20), 3).pivot(index="level", columns="term")["no"].loc[names(20)]
    np.testing.assert_allclose(tails, wide[["x", "size[B]"]].to_numpy()[:-1])


@pytest.mark.parametrize("k", [1, 2])
def test_a_wild_estimate_leaves_the_frame_and_is_counted(k) -> None:
    table = pooled(names(10), k)
    table.loc[table["level"] == "school 003", "no"] += 1e4
    figure = shrinkage(table, factor="g", population=MEANS, complete=COMPLETE, covariance=covariance(k))
    assert figure.axes[0].get_xlim()[1] < 100
    assert "1 no-pooling estimate outside the frame" in annotations(figure.axes[0])
    assert faults(figure) == []


@pytest.mark.parametrize("k", [1, 2, 3])
def test_levels_zoom_in(k) -> None:
    figure = draw(names(30), k, levels=["school 004", "school 002"])
    tails, _ = arrows_of(figure.axes[0])
    assert len(tails) == 2


def test_given_axes_are_drawn_on() -> None:
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert draw(names(6), 2, ax=left) is figure
    assert left.get_xlabel() == "Intercept"
    assert right.get_xlabel() == ""


def test_the_table_is_left_alone() -> None:
    table = pooled(names(6), 2)
    before = table.copy()
    shrinkage(table, factor="g", population=MEANS, complete=COMPLETE, covariance=covariance(2))
    pd.testing.assert_frame_equal(table, before)


def test_errors_name_what_is_missing() -> None:
    with pytest.raises(DataError, match="g has no level 'z'"):
        draw(names(6), 2, levels=["z"])
    with pytest.raises(DataError, match="no rows of the grouping factor 'h'"):
        draw(names(6), 2, factor="h")
    with pytest.raises(ModelError, match="g has no term 'speed'"):
        draw(names(6), 2, terms=["speed"])
    with pytest.raises(ModelError, match="covariance has shape"):
        draw(names(6), 2, covariance=covariance(3))
    with pytest.raises(ModelError, match="3 terms need a matrix"):
        draw(names(6), 3, ax=Figure().subplots())
    common = {"factor": "g", "population": MEANS, "complete": COMPLETE, "covariance": covariance(2)}
    with pytest.raises(ModelError, match="g has no term 'z'"):
        shrinkage_arrows(pooled(names(6), 2), term_x="Intercept", term_y="z", **common)
