"""Variance components: intervals, units, what leaves the frame, and REML."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from plots.curves import component_rows
from plots.images import image
from plots.pictures import HOSTILE, faults, legend_texts

from hierbayes.errors import DataError
from hierbayes.plots import style
from hierbayes.plots.components_plot import PRIOR, components


def axes(figure):
    return [ax for ax in figure.axes if ax.get_visible()]


def marks(ax, marker):
    return [line for line in ax.lines if line.get_marker() == marker]


@image
def test_image_components():
    return components(component_rows(["Subject", "Item"], ["Intercept", "Days"]), ci_prob=0.95)


@pytest.mark.parametrize("terms", [["Intercept"], ["Intercept", "Days"], ["Intercept", "Days", "size[B]"]])
@pytest.mark.parametrize("groups", [["Subject"], ["batch", "batch:cask"]])
def test_texts_neither_overlap_nor_leave_the_figure(groups, terms) -> None:
    assert faults(components(component_rows(groups, terms), ci_prob=0.95)) == []


def test_hostile_names_are_shown_as_they_are() -> None:
    figure = components(component_rows(HOSTILE[1:4], ["Intercept"]))
    shown = {label.get_text() for label in axes(figure)[0].get_yticklabels()}
    assert {"<script>alert(1)</script>", r"\$x^2\$", r"cost \$5"} <= shown
    assert faults(figure) == []


def test_sds_of_one_unit_share_a_panel() -> None:
    figure = components(component_rows(["Subject"], ["Intercept", "Days"]))
    labels = [ax.get_xlabel() for ax in axes(figure)]
    assert labels == ["sd (units of y)", "sd (units of y per unit of Days)", "correlation", "share of variance"]
    names = [[label.get_text() for label in ax.get_yticklabels()] for ax in axes(figure)]
    assert names == [["Residual", "Subject"], ["Subject: Days"], ["Subject: Intercept, Days"], ["Residual", "Subject"]]


def test_dots_intervals_and_reml_stand_where_the_table_says() -> None:
    table = component_rows(["Subject", "Item"], ["Intercept"])
    ax = axes(components(table))[0]
    own = table[table["kind"].isin(["sd", "sigma"])]
    posterior, prior, reml = (own[own["source"] == source] for source in ("posterior", "prior", "REML"))
    dots = marks(ax, "o")
    np.testing.assert_allclose(dots[0].get_xdata(), posterior["median"])
    np.testing.assert_allclose(dots[0].get_ydata(), [2, 1, 0])
    np.testing.assert_allclose(dots[1].get_xdata(), prior["median"])
    assert (np.asarray(dots[1].get_ydata()) < np.asarray(dots[0].get_ydata())).all()
    np.testing.assert_allclose(marks(ax, "d")[0].get_xdata(), reml["median"])
    ends = [np.array([segment[:, 0] for segment in each.get_segments()]) for each in ax.collections[:2]]
    np.testing.assert_allclose(ends[0], posterior[["lower", "upper"]])
    np.testing.assert_allclose(ends[1], posterior[["inner_lower", "inner_upper"]])
    assert dots[0].get_color() == style.PARTIAL.colour
    assert dots[1].get_color() == PRIOR.colour


def test_a_wide_prior_leaves_the_frame_with_an_arrow() -> None:
    table = component_rows(["Subject"], ["Intercept"])
    ax = axes(components(table))[0]
    core = table[(table["source"] != "prior") & table["kind"].isin(["sd", "sigma"])][["upper", "median"]].max(axis=None)
    assert core < ax.get_xlim()[1] < 2.2 * core
    wide = table[(table["source"] == "prior") & table["kind"].isin(["sd", "sigma"])]
    assert len(marks(ax, ">")) == (wide["upper"] > ax.get_xlim()[1]).sum() > 0


def test_the_legend_names_what_is_there() -> None:
    table = component_rows(["Subject"], ["Intercept"])
    everything = ["posterior: median, 50% and 90% intervals", "prior: median, 50% and 90% intervals", "REML"]
    assert legend_texts(components(table, ci_prob=0.9)) == everything
    assert legend_texts(components(table[table["source"] == "posterior"], ci_prob=0.9)) == everything[:1]


def test_an_sd_of_nought_and_a_share_of_one_are_drawn_whole() -> None:
    table = component_rows(["Subject"], ["Intercept"])
    reml = table["source"] == "REML"
    table.loc[reml & (table["kind"] == "sd"), "median"] = 0.0
    figure = components(table)
    assert axes(figure)[0].get_xlim()[0] < 0
    assert faults(figure) == []


def test_an_empty_table_is_refused() -> None:
    with pytest.raises(DataError, match="empty"):
        components(pd.DataFrame(columns=["kind"]))
