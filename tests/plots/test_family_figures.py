"""Figures and the report of fits of other families: drawn on the right scale, or left out with a reason."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from family_fits import made_up, table

from hierbayes.families import family as by_name

SHOWN = [by_name("bernoulli(logit)"), by_name("shifted_lognormal(identity)"), by_name("ordinal(logit)", 4)]


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


@pytest.mark.parametrize("family", SHOWN, ids=str)
@pytest.mark.parametrize(
    "name",
    ["pooling", "shrinkage", "caterpillar", "fan", "components", "effects", "group_size", "tadpoles", "population"],
)
def test_every_figure_is_drawn(family, name):
    figure = getattr(made_up(family).plot, name)()
    figure.canvas.draw()
    assert figure.axes


@pytest.mark.parametrize("family", [by_name("bernoulli(logit)"), by_name("binomial(cloglog)")], ids=str)
def test_lines_of_shares_are_shares(family):
    fit = made_up(family)
    for name in ("pooling", "fan", "effects"):
        figure = getattr(fit.plot, name)()
        drawn = [np.asarray(line.get_ydata(), dtype=float) for ax in figure.axes for line in ax.get_lines()]
        values = np.concatenate([y for y in drawn if len(y)])
        values = values[np.isfinite(values)]
        # data of 0 and 1 are moved by up to 0.04, so that dots do not hide each other
        assert (values > -0.05).all()
        assert (values < 1.05).all()


def test_dots_of_zeros_and_ones_are_moved_a_little():
    fit = made_up(by_name("bernoulli(logit)"))
    axes = fit.plot.pooling().axes
    dots = np.concatenate([line.get_ydata() for ax in axes for line in ax.get_lines() if line.get_marker() == "o"])
    assert len(np.unique(dots)) > 20
    np.testing.assert_array_equal(np.sort(np.round(dots)), np.sort(table()["binary"]))


def test_the_curve_of_effects_is_the_mean():
    fit = made_up(by_name("poisson(log)"))
    lines = fit.plot.effects("x").axes[0].get_lines()
    (curve,) = [line for line in lines if len(line.get_xdata()) == 60 and (np.diff(line.get_xdata()) > 0).all()]
    beta = fit.posterior["beta"]
    low = 0.5 * beta.sel(coef="f[low]").to_numpy()  # averaged over the two levels, on the scale of the link
    eta = beta.sel(coef="Intercept").to_numpy() + low + curve.get_xdata()[10] * beta.sel(coef="x").to_numpy()
    assert curve.get_ydata()[10] == pytest.approx(np.median(np.exp(eta)), rel=1e-9)


def test_the_report_says_what_it_leaves_out(tmp_path):
    fit = made_up(by_name("bernoulli(logit)"))
    text = fit.report(tmp_path / "fit.html").read_text(encoding="utf-8")
    assert "classical fits are for the gaussian family" in text
    assert "Intraclass correlations" in text
    assert "bernoulli" in text
