"""Ranks of a calibration: curves, bands, what leaves them is marked."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from plots.images import image
from plots.pictures import HOSTILE, faults

from hierbayes.errors import DataError
from hierbayes.plots.calibration_plot import INSIDE, OUTSIDE, draw_calibration
from hierbayes.summaries.uniformity import bands

NAMES = ["Intercept", "x", "sd_g[Intercept]", "sd_g[x]", "corr_g[Intercept, x]", "sigma", "log likelihood"]


def ranks(names=NAMES, n=150, seed=3):
    """Uniform ranks; those of the third quantity are too often in the middle, those of the last too low."""
    rng = np.random.default_rng(seed)
    made = {name: rng.uniform(size=n) for name in names}
    if len(names) > 2:
        made[names[2]] = rng.beta(2, 2, n)
        made[names[-1]] = rng.beta(1, 1.8, n)
    return pd.concat([pd.DataFrame({"quantity": name, "place": values}) for name, values in made.items()])


@image
def test_image_calibration():
    return draw_calibration(ranks())


def curve(ax):
    (line,) = [line for line in ax.lines if len(line.get_xdata()) > 2]
    return line


def test_curves_are_distribution_functions_less_the_uniform_one() -> None:
    table = ranks()
    figure = draw_calibration(table)
    for name, ax in zip(NAMES, figure.axes, strict=False):
        values = table.loc[table["quantity"] == name, "place"].to_numpy()
        x, y = curve(ax).get_xdata(), curve(ax).get_ydata()
        np.testing.assert_allclose(y[1:-1], [np.mean(values <= at) - at for at in x[1:-1]], atol=1e-12)
        assert (y[0], y[-1]) == (0, 0)


def test_what_leaves_its_band_is_marked_and_nothing_else() -> None:
    table = ranks()
    figure = draw_calibration(table, ci_prob=0.99)
    for name, ax in zip(NAMES, figure.axes, strict=False):
        values = table.loc[table["quantity"] == name, "place"].to_numpy()
        left = bands(len(values)).p_value(values) <= 0.01
        assert left == (name in (NAMES[2], NAMES[-1]))
        assert ax.get_title().endswith(" *") == left
        assert to_hex(curve(ax).get_color()).upper() == (OUTSIDE if left else INSIDE).upper()
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["99% band, whole curve", "inside", "* leaves it"]


def test_without_a_fault_the_legend_names_none() -> None:
    figure = draw_calibration(ranks(["a", "b"]))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["95% band, whole curve", "inside"]


@pytest.mark.parametrize("names", [["a"], NAMES, [*NAMES, *HOSTILE], [f"b_g[level {i}, x]" for i in range(40)]])
def test_texts_neither_overlap_nor_leave_the_figure(names) -> None:
    assert faults(draw_calibration(ranks(names))) == []


def test_chosen_quantities_come_in_the_order_asked_for() -> None:
    figure = draw_calibration(ranks(), quantities=["sigma", "x"])
    assert [ax.get_title().removesuffix(" *") for ax in figure.axes if ax.get_visible()] == ["sigma", "x"]


@pytest.mark.parametrize(
    ("table", "options", "said"),
    [
        (pd.DataFrame({"quantity": ["a"]}), {}, "no column 'place'"),
        (pd.DataFrame({"quantity": [], "place": []}), {}, "no ranks"),
        (ranks(["a"]), {"quantities": ["b"]}, "no quantity 'b'"),
        (ranks(["a"]), {"quantities": []}, "no quantity ''"),
    ],
)
def test_what_cannot_be_drawn_is_said(table, options, said) -> None:
    with pytest.raises(DataError, match=said):
        draw_calibration(table, **options)
