"""How the figure of prior sensitivity looks; what it says is tested with `hb.sensitivity`."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from plots.images import image
from plots.pictures import faults

from hierbayes.errors import ModelError
from hierbayes.plots.sensitivity_plot import draw_sensitivity

PARAMETERS = ["Intercept", "sd_school[Intercept]", "sigma"]


def table() -> pd.DataFrame:
    rows = []
    for k, key in enumerate(["sd_school", "sigma"]):
        for factor in (0.25, 1.0, 4.0):
            for i, name in enumerate(PARAMETERS):
                change = 0.0 if factor == 1 else np.log(factor) * (0.4 if k + 1 == i else 0.02)
                mean = 10.0 * (i + 1) + change
                rows.append((key, factor, name, mean, mean - 2, mean + 2.5, change))
    return pd.DataFrame(rows, columns=["key", "factor", "parameter", "mean", "lower", "upper", "change"])


@image
def test_image_sensitivity():
    return draw_sensitivity(table(), ci_prob=0.95)


def test_a_row_for_each_parameter_and_a_column_for_each_prior() -> None:
    figure = draw_sensitivity(table())
    assert len(figure.axes) == 6
    assert faults(figure) == []
    second = figure.axes[2]
    (dots,) = [line for line in second.lines if line.get_marker() == "o"]
    own = table()[lambda t: (t["key"] == "sd_school") & (t["parameter"] == PARAMETERS[1])]
    np.testing.assert_allclose(dots.get_ydata(), own["mean"])
    assert [text.get_text() for text in second.texts] == ["−0.55", "+0.55"]


def test_parameters_select() -> None:
    assert len(draw_sensitivity(table(), ["sigma"]).axes) == 2
    with pytest.raises(ModelError, match="no parameter 'tau'"):
        draw_sensitivity(table(), ["tau"])
