"""Models of every family from formula to tables: priors, refusals, what is printed and kept; nothing is sampled."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from oracles.given import as_written, log_jacobian
from oracles.points import random_point
from scipy import special, stats

import hierbayes as hb
from hierbayes.catalogue import Spec
from hierbayes.design.scaling import prior_keys
from hierbayes.engines.assemble import assemble
from hierbayes.engines.naming import posterior_coords, posterior_dims
from hierbayes.errors import HierBayesWarning, ModelError
from hierbayes.families import FAMILIES, Family, family
from hierbayes.families import family as by_name
from hierbayes.priors import Flat

LEFT = {"binary": "o", "binomial": "p(k, n)", "count": "c", "positive": "t", "unit": "u", "real": "y", "ordered": "r"}
LINKS = [f"{name}({link})" for name, kind in FAMILIES.items() for link in kind.links]
# for the categorical family, with several linear predictors a row, see test_categorical and design/test_stacked
SINGLE = [name for name, kind in FAMILIES.items() if kind.values != "unordered"]
SINGLE_LINKS = [name for name in LINKS if family(name).name in SINGLE]


@cache
def table() -> pd.DataFrame:
    rng = np.random.default_rng(11)
    n = 48
    trials = rng.integers(1, 9, n)
    return pd.DataFrame(
        {
            "x": rng.normal(2, 1.5, n),
            "g": [f"g{i % 6}" for i in range(n)],
            "exposure": rng.uniform(1, 30, n),
            "w": rng.uniform(0.3, 2.5, n),
            "n": trials,
            "k": rng.binomial(trials, 0.4),
            "c": rng.poisson(3, n),
            "t": rng.gamma(3, 0.5, n) + 0.2,
            "u": rng.beta(2, 3, n),
            "y": rng.normal(1, 2, n),
            "o": np.where(rng.random(n) < 0.4, "yes", "no"),
            "r": pd.Categorical(
                rng.choice(["bad", "fair", "good", "best"], n), ["bad", "fair", "good", "best"], ordered=True
            ),
        }
    )


def model_of(name: str, formula: str = "{} ~ x + (x | g)", data: Any = None, **options: Any) -> hb.Model:
    own = family(name)
    return hb.Model(formula.format(LEFT[own.values]), table() if data is None else data, family=own, **options)


def shown(model: hb.Model) -> dict[str, str]:
    return {str(name): str(prior) for name, prior in model.priors["prior"].items()}


# links


@pytest.mark.parametrize("name", LINKS)
def test_a_link_and_its_inverse_undo_each_other(name):
    own = family(name)
    at = np.array([-3.0, -0.5, 0.0, 0.7, 2.0])
    np.testing.assert_allclose(own.linked(own.inverse(at)), at, atol=1e-12)
    assert own.whole == (own.values in ("count", "binary", "binomial", "ordered", "unordered"))


# default priors


@pytest.mark.parametrize("name", SINGLE_LINKS)
def test_default_priors_have_the_units_of_the_link(name):
    own, data = family(name), table()
    model = model_of(name)
    beta = model.resolved_priors.beta
    if own.link == "identity":
        y = np.log(data["t"]) if own.values == "positive" else data["y"]
        mean, sd = y.mean(), y.std()
    else:
        means = {
            "binary": (data["o"] == "yes").mean(),
            "binomial": data["k"].sum() / data["n"].sum(),
            "count": data["c"].mean(),
            "positive": data["t"].mean(),
            "unit": data["u"].mean(),
            "ordered": (data["r"] != "bad").mean(),
        }
        mean, sd = own.linked(means[own.values]), 1.0
    assert beta[0].mu == pytest.approx(mean)
    assert beta[0].sigma == pytest.approx(2.5 * sd)
    assert beta[1].sigma == pytest.approx(2.5 * sd / data["x"].std())
    sds = model.resolved_priors.blocks[0].sd
    assert [prior.sigma for prior in sds] == pytest.approx([2.5 * sd, 2.5 * sd / data["x"].std()])
    own = model.spec.family  # of an ordinal one it now knows the number of categories
    keys = prior_keys(model.design)
    assert keys[keys.index("corr_g") + 1 :] == own.parameters
    assert tuple(model.priors.index[-len(own.parameters) :]) == own.parameters or not own.parameters
    for prior in (own.prior for own in model.resolved_priors.parameters if own.name != "sigma"):
        assert prior.encoded  # one that the kernels know


def test_defaults_of_the_other_parameters():
    data = table()
    expected = {
        "student_t": {"sigma": f"HalfStudentT(3, {data['y'].std():.4g})", "nu": "Gamma(2, 0.1)"},
        "exgaussian": {key: f"HalfStudentT(3, {data['y'].std():.4g})" for key in ("sigma", "nu")},
        "negative_binomial": {"alpha": "LogNormal(1, 2)"},
        "gamma": {"alpha": "LogNormal(1, 2)"},
        "beta": {"kappa": "LogNormal(2, 2)"},
        "lognormal": {"sigma": f"HalfStudentT(3, {np.log(data['t']).std():.4g})"},
        "shifted_lognormal": {
            "sigma": f"HalfStudentT(3, {np.log(data['t']).std():.4g})",
            "shift": f"Uniform(0, {data['t'].min():.4g})",
        },
        "ordinal": {"gap_2": "LogNormal(0, 1)", "gap_3": "LogNormal(0, 1)"},
    }
    for name, wanted in expected.items():
        model = model_of(name)
        found = shown(model)
        assert {key: found[key] for key in model.spec.family.parameters} == wanted
    for name in ("bernoulli", "binomial", "poisson"):
        model = model_of(name)
        assert "sigma" not in model.priors.index
        assert model.problem.kernel_parameters[0].prior == hb.Fixed(1.0)


def test_case_weights_do_not_scale_sigma():
    """Only the gaussian's weights divide the variance, so that sigma is that of a row of weight 1."""
    assert shown(model_of("student_t", weights="w"))["sigma"] == shown(model_of("student_t"))["sigma"]
    assert shown(model_of("gaussian", weights="w"))["sigma"] != shown(model_of("gaussian"))["sigma"]


def test_an_exposure_moves_the_intercept_to_the_rate():
    data = table()
    model = model_of("poisson", "{} ~ x + offset(log(exposure))")
    assert model.resolved_priors.beta[0].mu == pytest.approx(np.log(data["c"].sum() / data["exposure"].sum()))
    logits = model_of("bernoulli", "{} ~ x + offset(exposure)")
    share = special.logit((data["o"] == "yes").mean())
    assert logits.resolved_priors.beta[0].mu == pytest.approx(share - data["exposure"].mean())


def test_without_an_intercept_cell_means_lie_around_the_mean():
    model = model_of("poisson", "{} ~ 0 + g")
    assert [prior.mu for prior in model.resolved_priors.beta] == pytest.approx([np.log(table()["c"].mean())] * 6)
    through_zero = model_of("poisson", "{} ~ 0 + x")
    rms = np.sqrt(np.log(table()["c"].mean()) ** 2 + 1)
    assert through_zero.resolved_priors.beta[0].sigma == pytest.approx(2.5 * rms / np.sqrt(np.mean(table()["x"] ** 2)))


# priors that the user sets


def test_priors_of_the_other_parameters_can_be_set():
    model = model_of("student_t", priors={"nu": hb.Fixed(4), "sigma": hb.HalfNormal(2)})
    assert shown(model)["nu"] == "Fixed(4)"
    assert model.priors.loc["nu", "source"] == "user"
    assert model.problem.prior_of("nu") == hb.Fixed(4.0)
    assert model_of("gamma", priors={"alpha": hb.Exponential(0.5)}).problem.prior_of("alpha") == hb.Exponential(0.5)
    assert model_of("shifted_lognormal", priors={"shift": hb.Uniform(0, 0.1)}).problem.prior_of("shift").upper == 0.1


@pytest.mark.parametrize(
    ("name", "priors", "what"),
    [
        ("bernoulli", {"sigma": hb.HalfNormal(1)}, "there is no parameter 'sigma'"),
        ("poisson", {"alpha": hb.HalfNormal(1)}, "there is no parameter 'alpha'"),
        ("negative_binomial", {"alpha": hb.Normal(0, 1)}, "does not fit 'alpha'"),
        ("negative_binomial", {"alpha": Flat()}, "improper posterior: as it grows, the likelihood tends to that of"),
        ("student_t", {"nu": Flat()}, "improper posterior"),
        ("student_t", {"nu": hb.Fixed(0)}, "nu is a positive number: it cannot be fixed at 0"),
        ("beta", {"kappa": hb.Fixed(((1.0,),))}, "kappa is a positive number"),
        ("shifted_lognormal", {"shift": hb.HalfNormal(1)}, "lets the shift exceed the smallest response"),
        ("shifted_lognormal", {"shift": hb.Uniform(0, 9)}, "lets the shift exceed the smallest response"),
        ("shifted_lognormal", {"shift": Flat()}, "lets the shift exceed the smallest response"),
        ("shifted_lognormal", {"shift": hb.Fixed(9)}, "lets the shift exceed the smallest response"),
    ],
)
def test_priors_that_do_not_fit_are_refused(name, priors, what):
    with pytest.raises(ModelError, match=what):
        model_of(name, priors=priors)


def test_sigma_takes_no_prior_beside_known_standard_errors():
    model = hb.Model("y | se(w) ~ x + (1 | g)", table())
    assert "sigma" not in prior_keys(model.design)
    assert model.priors.loc["sigma", ["prior", "note"]].tolist() == ["Fixed(1)", "the standard errors are known"]
    with pytest.raises(ModelError, match="there is no parameter 'sigma'"):
        hb.Model("y | se(w) ~ x", table(), priors={"sigma": hb.HalfNormal(1)})
    before = hb.Model("y ~ x", table(), priors={"sigma": hb.HalfNormal(1)})
    with pytest.warns(HierBayesWarning, match="the priors of 'sigma' are dropped"):
        assert before.update("y | se(w) ~ x").problem.prior_of("sigma") == hb.Fixed(1.0)


@pytest.mark.parametrize("name", SINGLE)
def test_flat_priors_are_flat_where_that_leaves_a_posterior(name):
    model = model_of(name, priors="flat")
    proper = {("student_t", "nu"), ("negative_binomial", "alpha"), ("shifted_lognormal", "shift")}
    for parameter in model.spec.family.parameters:
        prior = shown(model)[parameter]
        assert (prior == "Flat()") == ((name, parameter) not in proper)
    assert all(isinstance(prior, Flat) for prior in model.problem.beta_priors)


def test_the_sensitivity_to_a_prior_reaches_the_other_parameters():
    from hierbayes.studies.prior_sensitivity import scaled

    model = model_of("gamma", priors={"alpha": hb.HalfNormal(2)})
    assert scaled(model, "alpha", 3.0).prior_of("alpha") == hb.HalfNormal(6)
    assert scaled(model, "sd_g", 3.0).prior_of("alpha") == hb.HalfNormal(2)
    with pytest.raises(ModelError, match="bounded by the smallest response"):
        scaled(model_of("shifted_lognormal"), "shift", 2.0)


# improper posteriors


def flat_glm(y: list[int], x: list[float], name: str = "bernoulli", left: str = "y", **more: Any) -> hb.Model:
    return hb.Model(f"{left} ~ x", pd.DataFrame({"y": y, "x": x, **more}), family=name, priors="flat")


@pytest.mark.parametrize(
    ("y", "name"),
    [
        ([0, 0, 0, 1, 1, 1], "bernoulli"),
        ([0, 0, 0, 0, 1, 1], "bernoulli(probit)"),
        ([1, 1, 0, 0, 0, 0], "bernoulli"),
        ([0, 0, 0, 0, 0, 7], "poisson"),
    ],
)
def test_separation_is_refused_under_flat_priors(y, name):
    with pytest.raises(ModelError, match="foretells the bounds of 'y' without an error"):
        flat_glm(y, [1.0, 2, 3, 4, 5, 6], name)
    # the default priors have no such trouble
    assert hb.Model("y ~ x", pd.DataFrame({"y": y, "x": [1.0, 2, 3, 4, 5, 6]}), family=name).priors is not None


def test_quasi_separation_is_refused_and_overlap_is_not():
    with pytest.raises(ModelError, match="separation"):
        flat_glm([0, 0, 1, 0, 1, 1], [1.0, 2, 3, 3, 4, 5])
    flat_glm([0, 1, 0, 0, 1, 1], [1.0, 2, 3, 3, 4, 5])
    flat_glm([0, 1, 2, 0, 0, 5], [1.0, 2, 3, 4, 5, 6], "poisson")
    flat_glm([0, 2, 3, 4], [1.0, 2, 3, 4], "binomial", "p(y, n)", n=[4, 4, 4, 4])
    with pytest.raises(ModelError, match="separation"):
        flat_glm([0, 0, 4, 4], [1.0, 2, 3, 4], "binomial", "p(y, n)", n=[4, 4, 4, 4])


@pytest.mark.parametrize("seed", range(6))
def test_separation_agrees_with_the_climb_of_the_likelihood(seed):
    """On separated data the maximum of the likelihood runs away; elsewhere Newton's steps stop."""
    from hierbayes.design.separation import separated

    rng = np.random.default_rng(seed)
    data = pd.DataFrame({"a": rng.normal(size=14), "b": rng.integers(0, 2, 14).astype(float)})
    data["y"] = (rng.random(14) < special.expit(4 * data["a"])).astype(int)
    design = hb.Model("y ~ a + b", data, family="bernoulli").design
    beta, X = np.zeros(3), design.X
    for _ in range(60):
        p = special.expit(X @ beta)
        step = np.linalg.lstsq((X * (p * (1 - p))[:, None]).T @ X + 1e-9 * np.eye(3), X.T @ (design.y - p))[0]
        beta = beta + np.clip(step, -1, 1)
    assert separated(design, X) == bool(np.abs(X @ beta).max() > 20)


def test_levels_on_one_bound_do_not_count_for_a_flat_sd():
    data = pd.DataFrame({"g": list("aabbccdd"), "y": [0, 1, 0, 1, 0, 1, 1, 1]})
    hb.Model("y ~ 1 + (1 | g)", data, family="bernoulli", priors="flat")
    fewer = data.assign(y=[0, 1, 0, 1, 0, 0, 1, 1])
    with pytest.raises(ModelError, match="it has 2 levels whose responses are not all on one bound and would need 3"):
        hb.Model("y ~ 1 + (1 | g)", fewer, family="bernoulli", priors="flat")
    hb.Model("y ~ 1 + (1 | g)", fewer, family="poisson", priors={"beta": Flat()})


# names and densities


@pytest.mark.parametrize(("name", "factor"), [("gamma", "alpha"), ("student_t", "nu"), ("beta", "kappa")])
def test_a_grouping_factor_cannot_bear_the_name_of_a_parameter(name, factor):
    data = table().assign(**{factor: table()["g"]})
    with pytest.raises(ModelError, match=f"the grouping factor '{factor}' would give '{factor}' a second meaning"):
        assert model_of(name, f"{{}} ~ x + (1 | {factor})", data).problem
    assert hb.Model(f"y ~ x + (1 | {factor})", data).problem.p == 2


def log_rows(own: Family, y, eta, parameters, trials):
    mu = own.inverse(eta)
    match own.name:
        case "bernoulli":
            return np.where(y == 1, stats.norm.logcdf(eta), stats.norm.logsf(eta))
        case "binomial":
            return stats.binom(trials.astype(int), mu).logpmf(y)
        case "negative_binomial":
            return stats.nbinom(parameters["alpha"], parameters["alpha"] / (parameters["alpha"] + mu)).logpmf(y)
        case "shifted_lognormal":
            return stats.lognorm(parameters["sigma"], parameters["shift"], np.exp(eta)).logpdf(y)
    raise AssertionError(own.name)


@pytest.mark.parametrize("name", ["bernoulli(probit)", "binomial", "negative_binomial", "shifted_lognormal"])
def test_the_density_of_a_point_has_the_likelihood_of_the_family(name):
    """The density of the priors and effects, which other tests check, plus the likelihood as scipy has it."""
    own, weights = family(name), table()["w"]
    model = model_of(name, weights="w")
    problem, labels = assemble(model.design, model.resolved_priors)
    point = random_point(problem, np.random.default_rng(3))
    given, effects = as_written(problem, labels, point)
    aux = {"shift": 0.1} if "shift" in own.parameters else {each.name: 1.7 for each in problem.kernel_parameters[1:]}
    sigma = {} if own.has_sigma else {"sigma": None}
    found = model.log_density(**{**given, **sigma}, **effects, **aux)
    eta = problem.X @ point.beta + np.einsum("ik,ik->i", problem.blocks[0].Z, point.b[0][problem.blocks[0].codes])
    rows = log_rows(own, problem.y, eta, {"sigma": point.sigma, **aux}, problem.trials)
    from hierbayes.engines.density import joint_log_density, row_log_likelihood

    parameters = {"sigma": point.sigma, **aux} if own.has_sigma else aux
    prior = joint_log_density(problem, point.sd, point.corr, parameters, point.beta, point.b)
    prior -= row_log_likelihood(problem, eta, parameters).sum()
    assert found == pytest.approx(prior + float(weights @ rows) + log_jacobian(problem, point), rel=1e-10)
    assert abs(float((weights - 1) @ rows)) > 0.1  # the weights are seen


@pytest.mark.parametrize(
    ("name", "given", "what"),
    [
        ("poisson", {"sigma": 1.0}, "the poisson family has no sigma"),
        ("gamma", {}, "alpha is missing"),
        ("gamma", {"alpha": -1.0}, "alpha=-1.0 must be a positive number"),
        ("poisson", {"alpha": 1.0}, "the poisson family has no parameter 'alpha'"),
        ("student_t", {"nu": 3.0}, "sigma is missing"),
        ("poisson", {}, "the poisson family does not integrate out"),
    ],
)
def test_a_point_must_have_the_parameters_of_the_family(name, given, what):
    with pytest.raises(ModelError, match=what):
        model_of(name, "{} ~ x + (1 | g)").log_density(sd=[1.0], **given)


# draws without sigma: tables, files, update


def made_up(model: hb.Model, seed: int = 5) -> hb.Fit:
    """A fit of draws that nobody sampled, for the tables."""
    rng = np.random.default_rng(seed)
    dims, coords = posterior_dims(model.labels), posterior_coords(model.labels)
    drawn = {}
    for name, own in dims.items():
        values = rng.normal(size=(2, 60, *(len(coords[dim]) for dim in own)))
        positive = name.startswith("sd_") or not own
        drawn[name] = (("chain", "draw", *own), np.exp(0.2 * values) if positive else values)
        if name.startswith("corr_"):
            corr = np.tanh(values)
            corr[..., 1, 0] = corr[..., 0, 1]
            corr[..., [0, 1], [0, 1]] = 1
            drawn[name] = (drawn[name][0], corr)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HierBayesWarning)
        return model.attach(xr.Dataset(drawn, coords={dim: names for dim, names in coords.items() if names}))


@pytest.mark.parametrize("name", SINGLE)
def test_tables_hold_the_parameters_of_the_family_and_no_others(name):
    fit = made_up(model_of(name))
    own = fit.spec.family
    varcorr = fit.varcorr()
    assert varcorr["kind"].tolist() == ["sd", "sd", "corr", *own.parameters]
    assert varcorr["group"].tolist()[3:] == ["Residual" if kind == "sigma" else "Family" for kind in own.parameters]
    for kind in own.parameters:
        expected = fit.posterior[kind].mean().item()
        assert varcorr.loc[varcorr["kind"] == kind, "mean"].item() == pytest.approx(expected)
    terms = fit.tidy("ran_pars")["term"].tolist()
    assert terms[3:] == ["sd__Observation" if kind == "sigma" else kind for kind in own.parameters]
    printed = str(fit)
    for kind in own.parameters if not own.ordered else fit.design.categories:
        assert ("Residual" if kind == "sigma" else kind) in printed
    assert ("gap_2" in printed) is False
    assert ("Residual" in printed) == own.has_sigma
    assert f"{own} family" in printed


@pytest.mark.parametrize("name", SINGLE)
def test_a_fit_survives_its_file(name, tmp_path):
    fit = made_up(model_of(name, weights="w"))
    for data in (True, False):
        fit.save(tmp_path / f"{data}.nc", data=data)
        back = hb.load(tmp_path / f"{data}.nc")
        assert back.spec == fit.spec
        assert back.model.resolved_priors.parameters == fit.model.resolved_priors.parameters
        assert back.design.schema == fit.design.schema
        pd.testing.assert_frame_equal(back.varcorr(), fit.varcorr())
        assert str(back.summary()) == str(fit.summary())
        if data:
            assert str(back.model.priors) == str(fit.model.priors)
            assert back.design.trials is None or back.design.trials.tolist() == fit.design.trials.tolist()
        elif name == "binomial":
            with pytest.raises(ModelError, match="needs the data of the fit"):
                _ = back.design.trials


def test_the_title_says_which_level_is_modelled():
    assert "bernoulli(probit) family, of o = yes" in str(made_up(model_of("bernoulli(probit)")))


def test_a_bernoulli_regression_without_groups_has_no_random_effects_to_show():
    fit = made_up(model_of("bernoulli", "{} ~ x"))
    assert fit.varcorr().empty
    for text in (str(fit), fit.summary()._repr_html_()):
        assert "Random effects" not in text
        assert "Empty" not in text
    assert "Fixed effects" in str(fit)
    assert "Fixed effects" in fit.summary()._repr_html_()


def test_component_intervals_of_a_family_without_sigma():
    from hierbayes.summaries.component_intervals import component_intervals

    fit = made_up(model_of("negative_binomial"))
    found = component_intervals(fit.design, fit.posterior)
    shares = found[found["kind"] == "share"]
    assert shares["median"].between(0, 1).all()
    found = found[found["kind"] != "share"]
    assert found["kind"].tolist() == ["sd", "sd", "alpha", "corr"]
    assert found["unit"].tolist() == ["log(mean of c)", "log(mean of c) per unit of x", "", ""]
    times = component_intervals(*(lambda fit: (fit.design, fit.posterior))(made_up(model_of("lognormal"))))
    assert times.loc[times["kind"] == "sigma", "unit"].item() == "log(t)"


def test_the_family_can_be_changed():
    model = hb.Model("c ~ x + (1 | g)", table(), priors={"sigma": hb.HalfNormal(9)})
    with pytest.warns(HierBayesWarning, match="the priors of 'sigma' are dropped"):
        counts = model.update(family="poisson")
    assert counts.spec.family == by_name("poisson(log)")
    more = counts.update(family="negative_binomial", priors={"alpha": hb.Exponential(1)})
    assert shown(more)["alpha"] == "Exponential(1)"
    shares = hb.Model("p(k, n) ~ x", table(), family="binomial").update(". ~ . + (1 | g)")
    assert shares.spec.formula.canonical == "k | trials(n) ~ 1 + x + (1 | g)"
    assert shares.design.trials is not None


# the model in words and signs


@pytest.mark.parametrize("name", SINGLE_LINKS)
def test_the_model_is_written_in_signs_and_words(name):
    from hierbayes.report.mathml import mathml

    own, model = family(name), model_of(name, weights="w")
    latex, words, graph = model.equation(), model.equation("words"), model.graph_text()
    assert mathml(latex).startswith("<math")
    left = r"\mu_i &=" if own.link == "identity" else rf"\operatorname{{{own.link}}}(\mu_i) &="
    left = rf"\operatorname{{{own.link}}}(\operatorname{{P}}(y_i \le k)) &= c_k - \eta_i" if own.ordered else left
    own = model.spec.family
    assert left in latex
    for parameter in own.parameters:
        assert str(dict(model.priors["prior"])[parameter]) in words
        assert f"{parameter}  <-  prior" in graph
    assert ("sigma" in words) == own.has_sigma
    if own.link != "identity":
        assert ("log" if own.link == "log" else own.link) in words
    assert "weight" in words


def test_words_of_particular_models():
    assert (
        model_of("bernoulli")
        .equation("words")
        .startswith("o is 'yes' with a probability whose logit is the linear predictor.\nThe linear predictor has 2")
    )
    assert model_of("binomial").equation("words").startswith("k counts the successes of n trials")
    known = hb.Model("y | se(w) ~ x", table())
    assert known.equation("words").startswith("y is normal around a mean, with known standard errors w.\nThe mean has")
    assert r"\operatorname{Normal}(\mu_i,\ s_i)" in known.equation()
    assert "sigma" not in known.graph_text()


def test_a_catalogue_entry_may_state_a_family():
    data = table()
    entry = Spec(name="shares", formula="cbind(k, n - k) ~ x + (1 | g)", data="", family="binomial(probit)")
    model = hb.Model(entry.formula, data, **entry.options())
    assert (model.spec.family.name, model.spec.family.link) == ("binomial", "probit")
