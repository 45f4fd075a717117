"""`sensitivity`: refits under priors of other scales."""

from __future__ import annotations

import numpy as np
import pytest
from oracles.joint import log_prior
from oracles.quadrature import one_way_posterior

import hierbayes as hb
from hierbayes.studies.prior_sensitivity import scaled

pytestmark = pytest.mark.filterwarnings("ignore::hierbayes.HierBayesWarning")
DYESTUFF = "Yield ~ 1 | Batch"


@pytest.fixture(scope="module")
def model():
    return hb.Model(DYESTUFF, hb.load_data("dyestuff"))


@pytest.fixture(scope="module")
def found(model):
    return hb.sensitivity(model, {"sd_Batch": [0.1, 1, 4], "sigma": [0.2]}, seed=1, progress=False)


def exact(model, of_sd=1.0, of_sigma=1.0):
    own = model.resolved_priors
    sd, sigma = own.blocks[0].sd[0].scaled(of_sd), own.prior_of("sigma").scaled(of_sigma)
    codes, y = model.design.groups[0].codes, model.design.y
    return one_way_posterior(
        y, codes, (own.beta[0].mu, own.beta[0].sigma), lambda x: log_prior(sd, x), lambda x: log_prior(sigma, x), 300
    )


def row(found, key, factor, parameter):
    table = found.table
    return table[(table["key"] == key) & (table["factor"] == factor) & (table["parameter"] == parameter)].iloc[0]


@pytest.mark.parametrize(
    ("key", "factor", "scales"),
    [("sd_Batch", 0.1, (0.1, 1)), ("sd_Batch", 1, (1, 1)), ("sd_Batch", 4, (4, 1)), ("sigma", 0.2, (1, 0.2))],
)
def test_posteriors_are_those_of_quadrature(model, found, key, factor, scales):
    wanted, base = exact(model, *scales), exact(model)
    for name, parameter in (("sd", "sd_Batch[Intercept]"), ("sigma", "sigma"), ("Intercept", "Intercept")):
        own = row(found, key, factor, parameter)
        mean, sd = wanted[name]
        assert abs(own["mean"] - mean) < 0.1 * sd
        change = (mean - base[name][0]) / base[name][1]
        assert abs(own["change"] - change) <= 5 * own["error"] + 0.02


def test_the_check_tells_the_factor_one(model, found):
    mean, sd = exact(model)["sd"]
    assert abs(row(found, "sd_Batch", 0.1, "sd_Batch[Intercept]")["mean"] - mean) > 0.1 * sd


def test_the_table(found):
    table = found.table
    columns = ["key", "factor", "prior", "parameter", "mean", "sd", "lower", "upper", "change", "error"]
    assert list(table.columns) == columns
    assert table["factor"].unique().tolist() == [0.1, 1.0, 4.0, 0.2]
    assert set(table["parameter"]) == {"Intercept", "sd_Batch[Intercept]", "sigma"}
    assert (table.loc[table["factor"] == 1, ["change", "error"]] == 0).all().all()
    assert row(found, "sd_Batch", 0.1, "sigma")["prior"] == "HalfStudentT(3, 15.76)"
    assert "HalfStudentT" in repr(found)


def test_a_fit_lends_its_seed(model):
    fit = model.fit(draws=100, chains=2, seed=7, progress=False)
    options = {"draws": 100, "chains": 2, "progress": False}
    one = hb.sensitivity(fit, {"sigma": 2}, **options).table
    two = hb.sensitivity(model, {"sigma": [1, 2]}, seed=7, **options).table
    assert one.equals(two)
    base = one[(one["factor"] == 1) & (one["parameter"] == "sigma")]["mean"].iloc[0]
    assert base == pytest.approx(float(fit.posterior["sigma"].mean()))


@pytest.mark.parametrize(
    ("prior", "wanted"),
    [
        (hb.Normal(3, 2), hb.Normal(3, 4)),
        (hb.HalfNormal(2), hb.HalfNormal(4)),
        (hb.HalfStudentT(3, 2), hb.HalfStudentT(3, 4)),
        (hb.HalfCauchy(2), hb.HalfCauchy(4)),
        (hb.Exponential(2), hb.Exponential(1)),
        (hb.Gamma(3, 2), hb.Gamma(3, 1)),
        (hb.InverseGamma(3, 2), hb.InverseGamma(3, 4)),
        (hb.LogNormal(1, 2), hb.LogNormal(1 + np.log(2), 2)),
        (hb.Uniform(1, 2), hb.Uniform(2, 4)),
        (hb.LKJ(2), hb.LKJ(1)),
    ],
    ids=str,
)
def test_what_twice_as_wide_means(prior, wanted):
    assert prior.widened("x", 2.0) == wanted
    assert prior.widened("x", 1.0) == prior


def test_keys_stand_for_their_priors_and_centres_stay():
    model = hb.Model("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy"))
    own = model.resolved_priors
    assert own.blocks[0].moved
    both = scaled(model, "sd_Subject", 2.0).blocks[0]
    assert both.sd == tuple(prior.scaled(2) for prior in own.blocks[0].sd)
    np.testing.assert_array_equal(both.basis, own.blocks[0].basis)
    one = scaled(model, "sd_Subject[Days]", 2.0).blocks[0]
    assert one.sd == (own.blocks[0].sd[0], own.blocks[0].sd[1].scaled(2))
    assert scaled(model, "corr_Subject", 2.0).blocks[0].corr == hb.LKJ(1)
    assert [prior.sigma for prior in scaled(model, "beta", 2.0).beta] == [2 * prior.sigma for prior in own.beta]
    assert scaled(model, "Days", 2.0).beta[0] == own.beta[0]
    assert model.resolved_priors == own
    other = model.with_resolved(scaled(model, "sigma", 2.0))
    assert other.problem.prior_of("sigma") == own.prior_of("sigma").scaled(2)
    assert model.problem.prior_of("sigma") == own.prior_of("sigma")


@pytest.mark.parametrize(
    ("priors", "factors", "message"),
    [
        ({}, {"sd_batch": [2]}, "did you mean 'sd_Batch'"),
        ({}, {}, "takes a mapping"),
        ({}, {"sigma": [0]}, "must be a positive number"),
        ({}, {"sigma": [True]}, "must be a positive number"),
        ({}, {"sigma": ["2"]}, "must be a positive number"),
        ({}, {"sigma": []}, "there is no factor for 'sigma'"),
        ({"sd_Batch": hb.Fixed(3)}, {"sd_Batch": [2]}, "fixed at 3"),
        ({"Intercept": hb.Flat()}, {"Intercept": [2]}, "flat, and has no scale"),
        ({"sigma": hb.Custom(print)}, {"sigma": [2]}, "a function"),
    ],
)
def test_what_has_no_scale_is_refused(priors, factors, message):
    model = hb.Model(DYESTUFF, hb.load_data("dyestuff"), priors=priors)
    with pytest.raises(hb.ModelError, match=message):
        hb.sensitivity(model, factors, progress=False)


def test_what_is_no_model_is_refused():
    with pytest.raises(hb.ModelError, match="a Model or a Fit, not int"):
        hb.sensitivity(3, {"sigma": [2]})


def test_the_figure(found):
    figure = found.plot()
    assert len(figure.axes) == 6
    assert [ax.get_title() for ax in figure.axes[:2]] == ["prior of sd_Batch", "prior of sigma"]
    first = figure.axes[2]
    wanted = [row(found, "sd_Batch", factor, "sd_Batch[Intercept]") for factor in (0.1, 1.0, 4.0)]
    np.testing.assert_allclose(first.lines[0].get_ydata(), [own["mean"] for own in wanted])
    assert [tick.get_text() for tick in figure.axes[4].get_xticklabels()] == ["0.1", "1", "4"]
    low, high = first.get_ylim()
    assert low < min(own["lower"] for own in wanted) < max(own["upper"] for own in wanted) < high
    texts = [text.get_text() for text in first.texts]
    assert texts == [f"{own['change']:+.2f}".replace("-", "−") for own in (wanted[0], wanted[2])]
    assert len(found.plot(parameters=["sigma"]).axes) == 2
    with pytest.raises(hb.ModelError, match="no parameter 'tau'"):
        found.plot(parameters=["tau"])
