"""Categorical fits on disk, on a page and in pictures; one that is sampled from end to end."""

from __future__ import annotations

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from category_fits import FORMULAS, NAMES, made_up, shares, table

import hierbayes as hb
from hierbayes.errors import DataError, HierBayesError, HierBayesWarning, ModelError
from hierbayes.plots.fit_like import draws_of
from hierbayes.report.mathml import mathml

SOME = table().iloc[:3]


@pytest.mark.parametrize("structure", list(FORMULAS))
@pytest.mark.parametrize("data", [True, False])
def test_a_file_gives_back_every_number(structure, data, tmp_path):
    fit = made_up(structure)
    again = hb.load(fit.save(tmp_path / "fit.nc", data=data))
    xr.testing.assert_identical(again.posterior, fit.posterior)
    assert again.design.categories == fit.design.categories
    assert again.spec.family == fit.spec.family
    for groups in ("known", "new", "population", "average"):
        asked = {"groups": groups, "seed": 4}
        found = again.category_probabilities(SOME, **asked)
        pd.testing.assert_frame_equal(found, fit.category_probabilities(SOME, **asked), check_exact=True)
    pd.testing.assert_frame_equal(again.predict(SOME, kind="link"), fit.predict(SOME, kind="link"), check_exact=True)
    pd.testing.assert_frame_equal(again.simulate(SOME, nsim=3, seed=2), fit.simulate(SOME, nsim=3, seed=2))
    for asked in ("fixef", "varcorr"):
        pd.testing.assert_frame_equal(getattr(again, asked)(), getattr(fit, asked)(), check_exact=True)
    if data:
        pd.testing.assert_frame_equal(again.category_probabilities(), fit.category_probabilities(), check_exact=True)
        pd.testing.assert_frame_equal(again.category("foot").fixef(), fit.category("foot").fixef())
        np.testing.assert_array_equal(again.log_likelihood()["kind"], fit.log_likelihood()["kind"])
        assert again.model.equation() == fit.model.equation()


NEED_ROWS = {
    "category_probabilities": lambda fit: fit.category_probabilities(),
    "link": lambda fit: fit.predict(kind="link"),
    "simulate": lambda fit: fit.simulate(),
    "posterior_predictive": lambda fit: fit.posterior_predictive(),
    "log_likelihood": lambda fit: fit.log_likelihood(),
    "loo": lambda fit: fit.loo(),
    "marginal": lambda fit: fit.loo(kind="marginal"),
    "psense": lambda fit: fit.psense(),
    "category": lambda fit: fit.category("foot"),
    "extend": lambda fit: fit.extend(10),
    "ppc": lambda fit: fit.plot.ppc(),
    "effects": lambda fit: fit.plot.effects("x"),
    "leave_one_group_out": lambda fit: fit.leave_one_group_out("g"),
}


@pytest.mark.parametrize("asked", list(NEED_ROWS))
def test_without_the_rows_what_needs_them_says_so(asked, tmp_path):
    bare = hb.load(made_up("apart").save(tmp_path / "fit.nc", data=False))
    with pytest.raises(HierBayesError, match="data"):
        NEED_ROWS[asked](bare)


def test_without_the_rows_there_is_a_page(tmp_path):
    bare = hb.load(made_up("apart").save(tmp_path / "fit.nc", data=False))
    page = bare.report(tmp_path / "fit.html").read_text()
    assert "foot:x" in page
    assert "no way to draw" not in page


def test_the_page(tmp_path):
    fit = made_up()
    page = fit.report(tmp_path / "fit.html").read_text()
    assert "<mfrac>" in page
    assert "no way to draw" not in page
    assert "probability of each category" in page
    assert "over the data" not in page
    assert "and of the residual" not in page
    for name in ("car:Intercept", "foot:f[low]"):
        assert name in page


def test_fractions():
    found = mathml(r"p &= \frac{\exp(a)}{\sum_{j=1}^{3} b_{j}}")
    above = (
        '<mrow><mi mathvariant="normal">exp</mi><mo stretchy="false">(</mo><mi>a</mi><mo stretchy="false">)</mo></mrow>'
    )
    assert f"<mfrac>{above}<mrow><msubsup><mo>∑</mo>" in found
    assert found.count("<mfrac>") == found.count("</mfrac>") == 1


# pictures


def test_probabilities_along_a_number():
    fit = made_up()
    ax = fit.plot.effects("x").axes[0]
    assert ax.get_ylabel() == "probability of kind"
    lines = [line for line in ax.lines if len(line.get_xdata()) == 60]
    assert len(lines) == 3
    x = lines[0].get_xdata()
    grid = pd.DataFrame({"x": x})
    eta = fit.posterior["beta"]
    share_low = 0.5  # other categorical predictors are averaged on the scale of the predictors
    parts = [
        eta.sel(coef=f"{name}:Intercept")
        + share_low * eta.sel(coef=f"{name}:f[low]")
        + eta.sel(coef=f"{name}:x") * xr.DataArray(grid["x"], dims="at")
        for name in NAMES[1:3]
    ]
    wanted = np.median(shares(np.stack([part.transpose("chain", "draw", "at") for part in parts], -1)), axis=(0, 1))
    for k, line in enumerate(lines):
        np.testing.assert_allclose(line.get_ydata(), wanted[:, k], rtol=1e-9)
    assert [text.get_text() for text in ax.get_legend().get_texts()][:3] == list(NAMES[:3])
    assert len({line.get_color() for line in lines}) == 3
    plt.close("all")


@pytest.mark.parametrize("number", [5, 8])
@pytest.mark.parametrize("focal", ["x", "f"])
def test_many_categories_have_a_panel_each(number, focal):
    figure = made_up("correlated", NAMES[:number]).plot.effects(focal)
    assert [ax.get_title() for ax in figure.axes if ax.get_title()] == list(NAMES[:number])
    plt.close("all")


def test_shares_of_rows_stand_beside_the_probabilities_of_levels():
    fit = made_up()
    from hierbayes.summaries.effect_curves import effect_curves

    found = effect_curves(fit.design, draws_of(fit), "f").points
    data = table()
    for row in found.itertuples():
        own = data[data["f"] == ("high", "low")[int(row.x)]]
        assert row.y == pytest.approx((own["kind"] == row.by).mean())
    assert len(found) == 6


def test_replicated_categories_are_counted_by_name():
    fit = made_up()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        drawn = fit.plot.ppc(num_samples=20)
    (ax,) = drawn.viz["figure"].item().axes
    assert [text.get_text() for text in ax.get_xticklabels()] == list(NAMES[:3])
    assert ax.get_xlabel() == "kind"
    at = drawn.viz["observed_markers"]["kind"].item().get_offsets()
    wanted = [(fit.design.y == k).sum() for k in (1, 2, 3)]
    np.testing.assert_allclose(np.asarray(at)[:, 1], wanted)
    plt.close("all")


def test_more_panels_than_arviz_draws():
    from arviz_base import rc_context

    fit = made_up()
    with rc_context({"plot.max_subplots": 3}):
        with pytest.raises(ModelError, match="more panels than ArviZ draws") as caught:
            fit.plot.psense()
        assert "var_names" in caught.value.hint
    fit.plot.psense("beta")
    plt.close("all")


def test_the_sds_of_one_predictor_share_a_panel():
    labels = [ax.get_xlabel() for ax in made_up().plot.components().axes]
    assert labels.count("sd (units of log odds against bus per unit of x)") == 1
    assert not any("per unit of car" in label for label in labels)
    plt.close("all")


# from end to end


def grouped(n=300, levels=15):
    """Rows whose groups differ. Where they do not, sds lie near 0, and a chain may stand still there for long."""
    rng = np.random.default_rng(5)
    codes, x = np.arange(n) % levels, rng.normal(size=n).round(2)
    utility = np.outer(x, [0.0, 0.5, -0.5]) + rng.normal(size=(levels, 3))[codes] + rng.gumbel(size=(n, 3))
    kind = pd.Categorical([NAMES[k] for k in utility.argmax(axis=1)], categories=NAMES[:3])
    return pd.DataFrame({"g": [f"g{code}" for code in codes], "x": x, "kind": kind})


@pytest.fixture(scope="module")
def sampled():
    asked = {"family": "categorical", "draws": 1000, "chains": 2, "seed": 3, "progress": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HierBayesWarning)
        return hb.fit("kind ~ x + (1 | g)", grouped(), **asked)


@pytest.mark.slow
def test_a_fit_from_end_to_end(sampled, tmp_path):
    fit = sampled
    # 370 to 730 effective draws of 2,000 with twelve seeds, and R-hat at most 1.011
    assert fit.diagnostics["max_rhat"] < 1.03
    # the mean probability of each category is its share of the rows; its Monte Carlo error is 0.001
    found = fit.category_probabilities(draws=True).mean(("chain", "draw", "row")).to_numpy()
    wanted = np.bincount(fit.design.y.astype(int))[1:] / fit.design.n
    np.testing.assert_allclose(found, wanted, atol=0.01)
    assert np.abs(np.roll(found, 1) - wanted).max() > 0.03
    again = hb.load(fit.save(tmp_path / "fit.nc"))
    xr.testing.assert_identical(again.posterior, fit.posterior)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loo = fit.loo(progress=False)
        longer = again.extend(50)
        page = fit.report(tmp_path / "fit.html").read_text()
    assert -300 * np.log(3) + 10 < loo.elpd < 0  # better than chance
    assert longer.posterior.sizes["draw"] == 1050
    xr.testing.assert_equal(longer.posterior.isel(draw=slice(0, 1000)), fit.posterior)
    assert "<mfrac>" in page
    with pytest.raises(DataError, match="zoe"):
        fit.category_probabilities({"x": 0.0, "g": "zoe"})
