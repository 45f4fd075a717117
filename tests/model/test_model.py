"""`Model` and `Fit`: how they show themselves, the equation, the page, the file and the prior predictive."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from fits import fake_fit
from linear_catalogue import linear_models

import hierbayes as hb
from hierbayes.studies.pooled import PoolingComparison


@pytest.fixture(scope="module")
def sleep():
    return fake_fit("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy"))


@pytest.fixture(scope="module")
def hostile():
    """Column names and levels that mean something in LaTeX or HTML."""
    rng = np.random.default_rng(1)
    data = pd.DataFrame(
        {
            "a_b": rng.normal(size=24),
            "50%": rng.normal(size=24),
            "x^2 & {y}": rng.normal(size=24),
            "the_group": np.tile(["<script>alert(1)</script>", "a&b", "plain", "50% #1"], 6),
        }
    )
    return "a_b ~ `50%` + (`x^2 & {y}` | the_group)", data


MODELS = {name: (spec.formula, spec.data, spec.options()) for name, spec in linear_models().items()}


@pytest.mark.parametrize("name", MODELS)
def test_latex_of_the_catalogue_is_well_formed(name):
    formula, data, options = MODELS[name]
    model = hb.Model(formula, hb.load_data(data), **options)
    check_latex(model.equation())
    assert model.equation().count(r"\beta_{") >= 2 * len(model.design.coefficients)


def check_latex(text):
    """Braces balance at every point, environments match and every line has one relation and no bare special sign."""
    depth = 0
    for sign in re.sub(r"\\[{}]", "", text):
        depth += (sign == "{") - (sign == "}")
        assert depth >= 0
    assert depth == 0
    assert re.findall(r"\\begin\{(\w+)\}", text)[0] == re.findall(r"\\end\{(\w+)\}", text)[-1] == "aligned"
    for line in re.sub(r"\\begin\{pmatrix\}.*?\\end\{pmatrix\}", "", text).splitlines()[1:-1]:
        assert len(re.findall(r"&\\sim|&=", line)) == 1
        assert not re.search(r"(?<!\\)[%#$]", line)
        shown = re.findall(r"\\text\{((?:[^{}\\]|\\.)*)\}", line)
        assert not any(re.search(r"(?<!\\)[_^&~]", text) for text in shown)


def test_latex_states_the_model():
    text = hb.Model("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy")).equation()
    assert r"\mu_i &= \beta_{0} + \beta_{1}\,\text{Days}_i" in text
    assert r"b^{(1)}_{1,\text{Subject}[i]}\,\text{Days}_i" in text
    assert r"R^{(1)} &\sim \operatorname{LKJ}(2)" in text
    assert r"\sigma &\sim \operatorname{HalfStudentT}(3, 56.33)" in text


def test_latex_says_where_priors_speak_of_the_mean_of_the_predictors():
    sleep = hb.load_data("sleepstudy")
    centred = hb.Model("Reaction ~ Days + (Days | Subject)", sleep).equation()
    assert r"b^{(1)}_{0,j} &= \tilde{b}^{(1)}_{0,j} - 4.5\,\tilde{b}^{(1)}_{1,j}" in centred
    assert r"\bar{x}_k \beta_k &\sim \operatorname{Normal}(298.5, 140.8)" in centred
    as_written = hb.Model("Reaction ~ Days + (Days | Subject)", sleep, priors={"corr_Subject": hb.LKJ(1)}).equation()
    assert "tilde" not in as_written
    assert r"\bar{x}" not in hb.Model("Yield ~ 1 | Batch", hb.load_data("dyestuff")).equation()


def test_latex_shows_fixed_parameters_as_numbers():
    priors = {"sd_Subject": hb.Fixed(3), "corr_Subject": hb.Fixed(0.2), "sigma": hb.Fixed(30)}
    text = hb.Model("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy"), priors=priors).equation()
    check_latex(text)
    assert r"\tau^{(1)}_{0} &= 3 " in text
    assert r"\sigma &= 30" in text
    assert r"\begin{pmatrix} 1 & 0.2 \\ 0.2 & 1 \end{pmatrix}" in text


def test_latex_escapes_names(hostile):
    formula, data = hostile
    text = hb.Model(formula, data).equation()
    check_latex(text)
    assert r"\text{50\%}" in text
    assert r"\text{x\textasciicircum 2 \& \{y\}}" in text
    assert r"\text{the\_group}[i]" in text


def test_latex_of_weights_offset_and_custom_priors():
    data = hb.load_data("sleepstudy").assign(w=2.0, known=1.0)
    custom = {"Days": hb.Custom(lambda name, **kwargs: None)}
    model = hb.Model("Reaction ~ Days + offset(known) + (1 | Subject)", data, weights="w", priors=custom)
    text = model.equation()
    check_latex(text)
    assert r"\sigma / \sqrt{w_i}" in text
    assert r"\text{offset}_i" in text
    assert "Custom" in text
    assert "A known offset is added to the mean." in model.equation("words")
    assert "over its weight" in model.equation("words")


def test_words_name_every_prior():
    model = hb.Model("Y ~ V * N + (1 | B/V)", hb.load_data("oats"))
    words = model.equation("words")
    for name, row in model.priors.iterrows():
        assert row["prior"] in words
        if name in model.design.coefficients:
            assert f"  {name} ~ {row['prior']}" in words
    assert "varies by B:V (18 levels)" in words


def test_graph_text_names_every_node():
    text = hb.Model("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy")).graph_text()
    assert text.splitlines() == [
        "beta (2)  <-  priors",
        "sd_Subject (2)  <-  priors",
        "corr_Subject (2 x 2)  <-  LKJ prior",
        "b_Subject (18 x 2)  <-  sd_Subject, corr_Subject",
        "sigma  <-  prior",
        "Reaction (180)  <-  X beta + Z b_Subject, sigma",
    ]


def test_graph_has_every_variable():
    graph = hb.Model("Reaction ~ Days + (1 | Subject)", hb.load_data("sleepstudy")).graph()
    for name in ("beta", "sigma", "sd_Subject", "b_Subject", "Reaction"):
        assert name in graph.source


def test_equation_of_an_unknown_kind():
    with pytest.raises(hb.ModelError, match='"latex" or "words"'):
        hb.Model("Yield ~ 1 | Batch", hb.load_data("dyestuff")).equation("markdown")


def test_repr_of_a_model():
    model = hb.Model("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy"))
    assert repr(model) == "Model('Reaction ~ Days + (Days | Subject)', gaussian, 180 rows, Subject (18 levels))"


def test_the_data_of_the_user_is_not_changed():
    data = hb.load_data("sleepstudy")
    before = data.copy(deep=True)
    fake_fit("Reaction ~ Days + (Days | Subject)", data)
    pd.testing.assert_frame_equal(data, before)


def test_dropped_rows_are_counted_in_the_summary():
    data = hb.load_data("sleepstudy")
    data.loc[[3, 7], "Reaction"] = np.nan
    with pytest.warns(hb.HierBayesWarning, match="2"):
        fit = fake_fit("Reaction ~ Days + (1 | Subject)", data)
    assert "Number of rows: 178 (2 dropped)" in str(fit)


def test_html_of_a_fit_and_a_pooling_table_is_escaped(hostile):
    formula, data = hostile
    fit = fake_fit(formula, data)
    for shown in (fit._repr_html_(), PoolingComparison(fit)._repr_html_(), fit.model.design._repr_html_()):
        assert "<table" in shown
        assert "<script>" not in shown
    assert "x^2 &amp; {y}" in fit._repr_html_()
    assert "&lt;script&gt;" in PoolingComparison(fit)._repr_html_()


def test_report_is_one_page_and_escaped(hostile, tmp_path):
    formula, data = hostile
    fit = fake_fit(formula, data)
    page = fit.report(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script>alert(1)" not in page
    assert page.count("data:image/png;base64,") >= 3
    assert not re.search(r"(?:src|href)=[\"']https?:", page)
    for text in ("HalfStudentT", "pymc (made up)", "LKJ(2)", "the_group"):
        assert text in page


def test_report_without_groups_has_no_figures_of_levels(tmp_path):
    fit = fake_fit("Reaction ~ Days", hb.load_data("sleepstudy"))
    page = fit.report(tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("data:image/png") == 1
    assert "no grouping factor" in page


@pytest.mark.parametrize(
    ("formula", "data"),
    [
        ("Reaction ~ Days + (Days | Subject)", "sleepstudy"),
        ("Y ~ V * N + (1 | B/V)", "oats"),
        ("Reaction ~ Days", "sleepstudy"),
    ],
)
def test_saved_draws_are_read_back_bit_for_bit(formula, data, tmp_path):
    import xarray as xr

    fit = fake_fit(formula, hb.load_data(data))
    path = fit.save(tmp_path / "fit.nc")
    with xr.open_datatree(path, engine="h5netcdf") as tree:
        back = tree["posterior"].to_dataset().load()
        xr.testing.assert_equal(back, fit.posterior)
        assert list(back.data_vars) == list(fit.posterior.data_vars)
        assert tree.attrs["formula"] == formula
        assert tree.attrs["engine"] == "pymc"
        assert tree.attrs["seed"] == "0"
        np.testing.assert_array_equal(tree["observed_data"][fit.design.response], fit.design.y)
        assert "diverging" in tree["sample_stats"]


def test_a_saved_fit_is_what_arviz_reads(sleep, tmp_path):
    import arviz as az

    tree = az.from_netcdf(sleep.save(tmp_path / "fit.nc"))
    assert float(az.rhat(tree)["beta"].sel(coef="Days")) == pytest.approx(sleep.fixef().loc["Days", "r_hat"])


def test_a_path_that_cannot_be_written_is_named(sleep, tmp_path):
    with pytest.raises(hb.DataError, match=r"no.such"):
        sleep.save(tmp_path / "no-such" / "fit.nc")
    with pytest.raises(hb.DataError, match=r"no.such"):
        sleep.report(tmp_path / "no-such" / "page.html")


def test_tree_has_the_three_groups(sleep):
    assert {"posterior", "sample_stats", "observed_data"} <= set(sleep.tree.children)
    dims = {name: variable.dims[2:] for name, variable in sleep.posterior.data_vars.items()}
    assert dims == {
        "beta": ("coef",),
        "sigma": (),
        "sd_Subject": ("Subject_term",),
        "corr_Subject": ("Subject_term", "Subject_term2"),
        "b_Subject": ("Subject", "Subject_term"),
    }
    assert list(sleep.posterior["Subject"].to_numpy()[:2]) == ["308", "309"]


def test_a_response_called_row_is_kept():
    data = hb.load_data("sleepstudy").rename(columns={"Reaction": "row"})
    fit = fake_fit("row ~ Days + (1 | Subject)", data)
    np.testing.assert_array_equal(fit.tree["observed_data"]["row"], data["row"])


def test_flat_priors_cannot_be_drawn_from():
    model = hb.Model("Reaction ~ Days + (1 | Subject)", hb.load_data("sleepstudy"), priors="flat")
    with pytest.raises(hb.ModelError, match="flat priors cannot be drawn from"):
        model.prior_predictive(seed=1)


@pytest.mark.slow
def test_prior_predictive_follows_the_priors():
    model = hb.Model("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy"))
    first, again = (model.prior_predictive(draws=2000, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first["prior"]["beta"], again["prior"]["beta"])
    beta = first["prior"]["beta"].to_numpy().reshape(-1, 2)
    spread = np.std(model.design.y, ddof=1)
    slope = 2.5 * spread / np.std(model.design.X[:, 1], ddof=1)
    assert beta[:, 1].std() == pytest.approx(slope, rel=0.08)
    centre = beta @ [1, model.design.X[:, 1].mean()]
    assert centre.mean() == pytest.approx(model.design.y.mean(), abs=4 * 2.5 * spread / np.sqrt(2000))
    assert first["prior_predictive"]["Reaction"].shape[-1] == 180
    sigma = first["prior"]["sigma"].to_numpy().ravel()
    from scipy import stats

    assert np.median(sigma) == pytest.approx(spread * stats.t(3).ppf(0.75), rel=0.1)
