"""The caterpillar and its normal-quantile twin."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from plots.images import image
from plots.pictures import HOSTILE, deviations, faults, legend_texts, names
from scipy.stats import norm

from hierbayes.errors import DataError, ModelError
from hierbayes.plots.caterpillar_plot import caterpillar


def dots(ax) -> np.ndarray:
    (line,) = [line for line in ax.lines if line.get_marker() == "o"]
    return np.asarray(line.get_xydata())


def intervals(ax) -> np.ndarray:
    return np.array([segment[:, 0] for segment in ax.collections[0].get_segments()])


@image
def test_image_caterpillar():
    return caterpillar(deviations(names(18), 2), factor="g", ci_prob=0.95)


@image
def test_image_quantiles():
    return caterpillar(deviations(names(40), 1), factor="g", quantiles=True, ci_prob=0.95)


@pytest.mark.parametrize("quantiles", [False, True])
@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("n", [2, 18, 400])
def test_texts_neither_overlap_nor_leave_the_figure(n, k, quantiles) -> None:
    figure = caterpillar(deviations(names(n), k), factor="g", quantiles=quantiles)
    assert faults(figure) == []


def test_a_column_per_term_ordered_by_one() -> None:
    effects = deviations(names(18), 2)
    figure = caterpillar(effects, factor="g", order_by="x")
    assert [ax.get_xlabel() for ax in figure.axes] == ["Intercept", "x"]
    ordered = effects[effects["term"] == "x"].sort_values("mean")
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ordered["level"].tolist()
    np.testing.assert_allclose(dots(figure.axes[1])[:, 0], ordered["mean"])
    np.testing.assert_allclose(intervals(figure.axes[1]), ordered[["lower", "upper"]])
    other = effects[effects["term"] == "Intercept"].set_index("level").loc[ordered["level"]]
    np.testing.assert_allclose(dots(figure.axes[0])[:, 0], other["mean"])
    assert all(ax.lines[0].get_xdata()[0] == 0 for ax in figure.axes)


def test_quantiles_order_each_term_by_itself() -> None:
    effects = deviations(names(18), 2)
    figure = caterpillar(effects, factor="g", quantiles=True)
    for ax, term in zip(figure.axes, ["Intercept", "x"], strict=True):
        ordered = effects[effects["term"] == term].sort_values("mean")
        np.testing.assert_allclose(dots(ax), np.column_stack([ordered["mean"], norm.ppf((np.arange(18) + 0.5) / 18)]))
        ends = [*ordered["level"][:3], *ordered["level"][-3:]]
        assert [text.get_text() for text in ax.texts] == ends
    assert figure.axes[0].get_ylabel() == "standard normal quantile"


def test_the_legend_states_factor_and_interval() -> None:
    figure = caterpillar(deviations(names(6), 1), factor="g", ci_prob=0.9)
    assert legend_texts(figure) == ["posterior mean", "90% interval"]
    assert figure.legends[0].get_title().get_text() == "g: 6 levels"


def test_hostile_names_are_shown_as_they_are() -> None:
    figure = caterpillar(deviations(HOSTILE, 2), factor="g")
    shown = {label.get_text() for label in figure.axes[0].get_yticklabels()}
    assert {"(empty)", r"\$x^2\$", r"cost \$5", "new line", r"\alpha"} <= shown
    assert len(shown) == len(HOSTILE)
    assert faults(figure) == []


def test_terms_and_levels_select() -> None:
    figure = caterpillar(deviations(names(9), 3), factor="g", terms=["x"], levels=names(4))
    assert [ax.get_xlabel() for ax in figure.axes] == ["x"]
    assert len(dots(figure.axes[0])) == 4


def test_errors_name_what_is_missing() -> None:
    effects = deviations(names(6), 2)
    with pytest.raises(ModelError, match="no term 'z'"):
        caterpillar(effects, factor="g", order_by="z")
    with pytest.raises(DataError, match="no level 'z'"):
        caterpillar(effects, factor="g", levels=["z"])
    with pytest.raises(ModelError, match="2 terms need 2 axes"):
        caterpillar(effects, factor="g", ax=Figure().subplots())
