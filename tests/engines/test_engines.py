"""Which engine runs, what it says of itself, and models at the edges of the collapsed one."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from linear_catalogue import linear_models

import hierbayes as hb
from hierbayes.catalogue import catalogue
from hierbayes.sampling.run import Runner

FORMULA = "Reaction ~ Days + (Days | Subject)"
QUIET = {"seed": 1, "progress": False}


@pytest.fixture(scope="module")
def sleep():
    return hb.load_data("sleepstudy")


def laplace(name, **kwargs):
    import pymc as pm

    return pm.Laplace(name, 0, 50, **kwargs)


def half_laplace(name, **kwargs):
    import pymc as pm

    return pm.Exponential(name, 0.05, **kwargs)


@pytest.mark.parametrize("name", linear_models())
def test_auto_takes_the_collapsed_engine_and_it_samples_well(name):
    spec = catalogue()[name]
    fit = hb.fit(spec.formula, spec.table(), **spec.options(), **QUIET)
    assert fit.engine == fit.diagnostics["engine"] == "collapsed"
    assert fit.diagnostics["reason"] == "beta and b integrate out exactly"
    assert "engine collapsed (beta and b integrate out exactly)" in str(fit)
    assert fit.diagnostics["divergences"] == 0
    assert fit.diagnostics["max_rhat"] < 1.01
    assert fit.complaints == ()
    assert fit.diagnostics["gradients"] > 0
    assert {"diverging", "energy"} <= set(fit.tree["sample_stats"].data_vars)


@pytest.mark.parametrize(
    ("key", "prior", "said"),
    [
        ("Days", hb.Custom(laplace), r"Custom\(laplace\) of a coefficient"),
        ("sd_Subject", hb.Custom(half_laplace), r"Custom\(half_laplace\)"),
        ("corr_Subject", hb.Custom(laplace), r"Custom\(laplace\) of a correlation"),
        ("sigma", hb.Custom(half_laplace), r"Custom\(half_laplace\)"),
    ],
)
def test_a_prior_of_your_own_goes_to_pymc_and_says_so(sleep, key, prior, said):
    model = hb.Model(FORMULA, sleep, priors={key: prior})
    engine, reason = model._runner.choose("auto")
    assert engine == "pymc"
    import re

    assert re.search(said, reason)
    with pytest.raises(hb.ModelError, match=said) as refused:
        model.fit(engine="collapsed")
    assert "collapsed" in str(refused.value)
    assert 'engine="auto"' in str(refused.value)


def test_too_wide_a_border_goes_to_pymc_and_says_so():
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"a": rng.integers(0, 5000, 12_000), "b": rng.integers(0, 5000, 12_000)}).astype(str)
    data["y"] = rng.normal(size=12_000)
    model = hb.Model("y ~ 1 + (1 | a) + (1 | b)", data)
    engine, reason = model._runner.choose("auto")
    assert engine == "pymc"
    assert "4000" in reason
    with pytest.raises(hb.ModelError, match="4000"):
        model.fit(engine="collapsed")


def test_what_is_asked_for_is_said(sleep):
    model = hb.Model(FORMULA, sleep)
    assert model._runner.choose("pymc") == ("pymc", "asked for")
    fit = model.fit(engine="collapsed", **QUIET)
    assert fit.diagnostics["reason"] == "asked for"
    assert "engine collapsed (asked for)" in str(fit.summary())


@pytest.mark.slow
def test_the_summary_of_a_pymc_fit_says_why(sleep):
    model = hb.Model("Reaction ~ Days + (1 | Subject)", sleep, priors={"Days": hb.Custom(laplace)})
    fit = model.fit(draws=300, **QUIET)
    assert fit.engine == "pymc"
    assert "Custom(laplace)" in fit.diagnostics["reason"]
    assert "engine pymc (the prior Custom(laplace) of a coefficient does not integrate out)" in str(fit)


def test_the_posterior_has_the_fixed_names_and_dims(sleep):
    formula = "Reaction ~ Days + (1 | Subject) + (0 + Days | Subject)"
    apart = hb.fit(formula, sleep, draws=1500, chains=2, **QUIET).posterior
    together = hb.fit(FORMULA, sleep, draws=1500, chains=2, **QUIET).posterior
    assert dict(apart.sizes) == {"chain": 2, "draw": 1500, "coef": 2, "Subject_term": 2, "Subject": 18}
    assert {k: v.dims[2:] for k, v in together.data_vars.items()} == {
        "beta": ("coef",),
        "sigma": (),
        "sd_Subject": ("Subject_term",),
        "corr_Subject": ("Subject_term", "Subject_term2"),
        "b_Subject": ("Subject", "Subject_term"),
    }
    assert list(together["Subject_term2"].to_numpy()) == ["Intercept", "Days"]


def regression(y, X, sigma=None, weights=1.0):
    """Return estimate and covariance of weighted least squares."""
    information = X.T @ (np.reshape(weights, (-1, 1)) * X)
    return np.linalg.solve(information, X.T @ (weights * y)), np.linalg.inv(information)


def test_an_sd_fixed_at_nought_is_complete_pooling(sleep):
    fit = hb.fit(FORMULA, sleep, priors={"sd_Subject": hb.Fixed(0)}, draws=4000, **QUIET)
    plain = hb.fit("Reaction ~ Days", sleep, draws=4000, **QUIET)
    assert fit.engine == "collapsed"
    assert np.all(fit.posterior["b_Subject"] == 0)
    assert np.all(fit.posterior["sd_Subject"] == 0)
    for row, wanted in zip(fit.fixef().itertuples(), plain.fixef().itertuples(), strict=True):
        assert row.mean == pytest.approx(wanted.mean, abs=0.06 * wanted.sd)
        assert row.sd == pytest.approx(wanted.sd, rel=0.06)
    assert (fit.ranef()[["mean", "sd"]] == 0).all().all()
    assert str(fit)


def test_everything_fixed_is_drawn_exactly(sleep):
    """No free number: each draw of beta and b is an independent one from a known normal."""
    priors = {"sd_Subject": hb.Fixed(20), "corr_Subject": hb.Fixed(0.3), "sigma": hb.Fixed(30), "beta": hb.Flat()}
    fit = hb.fit(FORMULA, sleep, priors=priors, draws=5000, **QUIET)
    assert fit.engine == "collapsed"
    for name, value in (("sigma", 30), ("sd_Subject", 20)):
        assert np.all(fit.posterior[name] == value)
    np.testing.assert_allclose(fit.posterior["corr_Subject"][..., 0, 1], 0.3)
    X = fit.design.X
    Z = np.zeros((180, 18, 2))
    Z[np.arange(180), fit.design.groups[0].codes] = X
    V = np.hstack([Z.reshape(180, 36), X])
    precision = V.T @ V / 900
    inverse = np.linalg.inv(400 * np.array([[1, 0.3], [0.3, 1]]))
    precision[:36, :36] += np.kron(np.eye(18), inverse)
    mean, covariance = np.linalg.solve(precision, V.T @ fit.design.y / 900), np.linalg.inv(precision)
    sd = np.sqrt(np.diag(covariance))
    posterior = fit.posterior
    drawn = np.hstack(
        [posterior["b_Subject"].to_numpy().reshape(20_000, 36), posterior["beta"].to_numpy().reshape(-1, 2)]
    )
    assert np.abs((drawn.mean(0) - mean) / sd).max() < 4.5 / np.sqrt(20_000)
    np.testing.assert_allclose(drawn.std(0, ddof=1), sd, rtol=4.5 / np.sqrt(2 * 20_000))
    own = np.corrcoef(drawn.T) - covariance / np.outer(sd, sd)
    assert np.abs(own).max() < 5 / np.sqrt(20_000)
    lagged = np.mean((drawn[1:] - mean) * (drawn[:-1] - mean), axis=0) / sd**2
    assert np.abs(lagged).max() < 4.5 / np.sqrt(20_000)


def test_weights_and_offset_without_groups(sleep):
    """Flat priors: beta given sigma is weighted least squares, and sigma is known in law."""
    rng = np.random.default_rng(2)
    data = sleep.assign(w=rng.uniform(0.2, 5, 180), known=rng.normal(0, 50, 180))
    model = hb.Model("Reaction ~ Days + offset(known)", data, weights="w", priors="flat")
    fit = model.fit(draws=5000, **QUIET)
    X, w = model.design.X, data["w"].to_numpy()
    y = (data["Reaction"] - data["known"]).to_numpy()
    beta, inverse = regression(y, X, weights=w)
    squares = float(w @ (y - X @ beta) ** 2)
    table = fit.fixef()
    # sigma flat: sigma**2 is squares over a chi-squared of n - p - 1
    free = 180 - 2 - 1
    sds = np.sqrt(np.diag(inverse) * squares / (free - 2))
    # 20,000 draws: a Monte Carlo error is 0.007 sds
    np.testing.assert_allclose((table["mean"] - beta) / sds, 0, atol=0.04)
    np.testing.assert_allclose(table["sd"], sds, rtol=0.04)
    sigma = fit.posterior["sigma"].to_numpy()
    assert np.mean(1 / sigma**2) == pytest.approx(free / squares, rel=0.01)


def test_weights_stand_for_repeated_rows():
    """A weight of 2 on every row tells of beta and b what the doubled table does, sigma known."""
    data = hb.load_data("dyestuff").assign(w=2.0)
    priors = {"sigma": hb.Fixed(50), "sd_Batch": hb.Fixed(40), "Intercept": hb.Flat()}
    once = hb.fit("Yield ~ 1 | Batch", data, weights="w", priors=priors, draws=3000, **QUIET).ranef()
    twice = hb.fit("Yield ~ 1 | Batch", pd.concat([data, data]), priors=priors, draws=3000, **QUIET).ranef()
    np.testing.assert_allclose(once["mean"], twice["mean"], atol=0.08 * once["sd"].max())
    np.testing.assert_allclose(once["sd"], twice["sd"], rtol=0.05)


def test_flat_priors_sample_what_reml_maximises(sleep):
    fit = hb.fit(FORMULA, sleep, priors="flat", draws=2000, **QUIET)
    assert fit.engine == "collapsed"
    reml = fit.model.reml()
    table = fit.varcorr()
    assert ((table["lower"] < reml.varcorr()["mean"]) & (reml.varcorr()["mean"] < table["upper"])).all()
    fixed = fit.fixef()
    # in a balanced design the estimate of the coefficients is one for all sds
    errors = fixed["sd"] / np.sqrt(fixed["ess_bulk"])
    np.testing.assert_array_less((fixed["mean"] - reml.fixef()["mean"]).abs(), 4.5 * errors)


@pytest.mark.parametrize(
    ("formula", "options"),
    [
        ("Reaction ~ 0 + (Days | Subject)", {}),
        ("Reaction ~ 0 + Days + (0 + Days | Subject)", {}),
        ("Reaction ~ 1", {}),
        ("Reaction ~ Days + (Days || Subject)", {}),
        ("Reaction ~ Days + (1 | Subject) + (1 | parity)", {}),
        ("Reaction ~ Days + (1 | Subject) + (1 | row)", {"priors": {"sigma": hb.Fixed(20)}}),
        (FORMULA, {"priors": {"sd_Subject": hb.Uniform(1, 60), "sigma": hb.Gamma(2, 0.05)}}),
        (FORMULA, {"priors": {"sd_Subject": hb.InverseGamma(2, 20), "corr_Subject": hb.LKJ(8)}}),
        (FORMULA, {"priors": {"sd_Subject[Days]": hb.LogNormal(1, 1), "sd_Subject[Intercept]": hb.Fixed(25)}}),
    ],
)
def test_models_of_many_shapes_sample_well(sleep, formula, options):
    data = sleep.assign(parity=(sleep["Days"] % 4).astype(str), row=[f"r{i}" for i in range(180)])
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*row")
        model = hb.Model(formula, data, **options)
    fit = model.fit(**QUIET)
    assert fit.engine == "collapsed"
    assert fit.diagnostics["divergences"] <= 4
    assert fit.diagnostics["max_rhat"] < 1.02
    for name in ("ranef", "varcorr", "coef", "fixef"):
        table = getattr(fit, name)()
        assert (
            table.select_dtypes("number")
            .drop(columns=["r_hat", "ess_bulk", "ess_tail"], errors="ignore")
            .notna()
            .all(axis=None)
        )


def test_pooling_figures_and_page_run_on_it(sleep, tmp_path):
    import matplotlib.pyplot as plt

    compared = hb.pooling(FORMULA, sleep, **QUIET)
    assert compared.fit.engine == "collapsed"
    table = compared.table().set_index(["level", "term"])
    published = hb.Model(FORMULA, sleep).reml().coef().set_index(["level", "term"])["mean"]
    np.testing.assert_allclose(table["partial"], published.loc[table.index], atol=5)
    between = table["factor"].between(0, 1)
    assert between.all()
    plot = compared.fit.plot
    for figure in (compared.plot(), plot.shrinkage(), plot.pooling(), plot.caterpillar()):
        assert figure.axes
        plt.close(figure)
    page = compared.fit.report(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "collapsed (beta and b integrate out exactly)" in page
    assert page.count("data:image/png;base64,") == 5


def test_pooling_with_an_sd_fixed_at_nought(sleep):
    """Complete pooling asked for by name: partial pooling is complete pooling, factor 1."""
    compared = hb.pooling("Reaction ~ Days + (1 | Subject)", sleep, priors={"sd_Subject": hb.Fixed(0)}, **QUIET)
    table = compared.table()
    np.testing.assert_allclose(table["factor"], 1.0)


def test_a_runner_keeps_its_engines(sleep):
    model = hb.Model(FORMULA, sleep)
    runner = model._runner
    assert isinstance(runner, Runner)
    assert runner.collapsed is model._runner.collapsed
    assert runner.collapsed.mode is runner.collapsed.mode


def test_a_large_dense_border_goes_to_pymc_and_says_why():
    """Thousands of levels crossed at random: factoring the border for each draw costs more than PyMC does."""
    rng = np.random.default_rng(0)
    rows = 6000
    data = pd.DataFrame(
        {"y": rng.normal(size=rows), "g": rng.integers(0, 3000, rows), "h": rng.integers(0, 2500, rows)}
    )
    model = hb.Model("y ~ 1 + (1 | g) + (1 | h)", data)
    name, reason = model._runner.choose("auto")
    assert name == "pymc"
    assert re.search(r"border of \d+ crossed effects would cost about", reason)
    assert model._runner.choose("collapsed")[0] == "collapsed"
