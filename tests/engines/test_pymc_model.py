"""The PyMC model against the joint density written out in numpy, on many structures, and its names."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from linear_catalogue import linear_models
from oracles.graphs import function_of, logp_function, untransformed
from oracles.joint import log_joint, log_prior
from oracles.points import named_values, random_point
from oracles.structures import LAPLACE, STRUCTURES, table

import hierbayes as hb
from hierbayes.catalogue import catalogue
from hierbayes.design.scaling import prior_keys
from hierbayes.engines.assemble import assemble
from hierbayes.engines.pymc import CENTRED_FROM, centred, mean_squares
from hierbayes.engines.pymc_engine import nested
from hierbayes.errors import HierBayesWarning, ModelError
from hierbayes.priors import POSITIVE, Parameter

MODELS = {**{f"{name} (catalogue)": spec for name, spec in linear_models().items()}, **STRUCTURES}


@cache
def model_of(name):
    if name in STRUCTURES:
        formula, options, _ = STRUCTURES[name]
        return hb.Model(formula, table(), **options)
    spec = MODELS[name]
    return hb.Model(spec.formula, spec.table(), **spec.options())


def pieces(model):
    return assemble(model.design, model.resolved_priors)


def evaluate(graph, outputs, values):
    return function_of(graph, outputs)(values)


def pymc_logp(model, values):
    return logp_function(model)(values)


# PyMC rounds log 2 in its half-Student density to single precision
LOG_2 = abs(float(np.float32(np.log(2))) - np.log(2))


def tolerance(problem):
    every = [
        *(own.prior for own in problem.parameters),
        *(prior for block in problem.blocks for prior in block.sd_priors),
    ]
    return 1e-11 + LOG_2 * sum(isinstance(prior, hb.HalfStudentT) for prior in every)


@pytest.mark.parametrize("name", MODELS)
def test_density_is_the_joint_density(name):
    model = model_of(name)
    problem, labels = pieces(model)
    point = random_point(problem, np.random.default_rng(len(name)))
    values, jacobian = named_values(problem, labels, point, model.pymc)
    expected = log_joint(problem, point) + jacobian
    assert pymc_logp(model, values) == pytest.approx(expected, rel=1e-9, abs=tolerance(problem))


@pytest.mark.parametrize("name", MODELS)
def test_every_free_variable_is_an_ancestor_of_the_response(name):
    from pytensor.graph.traversal import ancestors

    model = model_of(name).pymc
    above = set(ancestors(model.observed_RVs))
    assert len(model.observed_RVs) == 1
    assert [rv.name for rv in model.free_RVs if rv not in above] == []


@pytest.mark.parametrize("name", STRUCTURES)
def test_number_of_free_variables(name):
    assert len(model_of(name).pymc.free_RVs) == STRUCTURES[name][2]


@pytest.mark.parametrize("name", MODELS)
def test_reported_parameters_give_the_same_mean_for_the_columns_as_given(name):
    """In the user's columns, beta and b reach the same linear predictor, and sd and corr the covariance of b."""
    model = model_of(name)
    problem, labels = pieces(model)
    design, graph = model.design, untransformed(model)
    point = random_point(problem, np.random.default_rng(5))
    values, _ = named_values(problem, labels, point, model.pymc)
    every = ["beta", *(f"{kind}_{f}" for f in design.factors for kind in ("b", "sd", "corr"))]
    wanted = [n for n in every if n in graph]
    outputs = graph.replace_rvs_by_values([graph[n] for n in wanted])
    found = dict(zip(wanted, evaluate(graph, outputs, values), strict=True))
    mean, internal = design.X @ found.get("beta", np.zeros(0)), problem.X @ point.beta
    for factor, members in labels.grouped.items():
        Z = np.hstack([design.groups[i].Z for i in members])
        mean += np.sum(Z * found[f"b_{factor}"][design.groups[members[0]].codes], axis=1)
        start = 0
        for i in members:
            block, sd, k = problem.blocks[i], point.sd[i], len(point.sd[i])
            internal += np.sum(block.Z * point.b[i][block.codes], axis=1)
            Sigma = block.back @ (np.outer(sd, sd) * point.corr[i]) @ block.back.T
            own = slice(start, start + k)
            np.testing.assert_allclose(found[f"sd_{factor}"][own], np.sqrt(np.diag(Sigma)), rtol=1e-10)
            if k > 1:
                expected = Sigma / np.sqrt(np.outer(np.diag(Sigma), np.diag(Sigma)))
                np.testing.assert_allclose(found[f"corr_{factor}"][own, own], expected, atol=1e-10)
            start += k
    np.testing.assert_allclose(mean, internal, rtol=1e-9, atol=1e-9)


def distinct_priors(design):
    """Return another prior for each key of a model."""
    priors = {}
    for i, key in enumerate(prior_keys(design)):
        if key in design.coefficients:
            priors[key] = hb.Normal(0.3 * i, 2 + i)
        elif key.startswith("corr_"):
            priors[key] = hb.LKJ(1.5 + i)
        elif key == "sigma" or "[" in key:
            priors[key] = hb.Gamma(1 + 0.2 * i, 0.5 + 0.1 * i)
    return priors


def with_priors(problem, design, priors):
    """Put the user's priors straight from their keys into a problem."""
    blocks = [
        replace(
            own,
            sd_priors=tuple(priors[f"sd_{block.factor}[{term}]"] for term in block.terms),
            corr_prior=priors[f"corr_{block.factor}"] if block.correlated else None,
        )
        for own, block in zip(problem.blocks, design.groups, strict=True)
    ]
    beta = tuple(priors[name] for name in design.coefficients)
    return replace(
        problem, beta_priors=beta, blocks=tuple(blocks), parameters=(Parameter("sigma", POSITIVE, priors["sigma"]),)
    )


@pytest.mark.parametrize("name", linear_models())
def test_every_prior_of_the_user_reaches_the_graph(name):
    spec = catalogue()[name]
    design = model_of(f"{name} (catalogue)").design
    priors = distinct_priors(design)
    model = hb.Model(spec.formula, spec.table(), priors=priors)
    problem, labels = pieces(model)
    point = random_point(problem, np.random.default_rng(1))
    values, jacobian = named_values(problem, labels, point, model.pymc)
    found = pymc_logp(model, values) - jacobian
    assert found == pytest.approx(log_joint(with_priors(problem, design, priors), point), rel=1e-9)
    for key in priors:
        other = hb.LKJ(40) if key.startswith("corr_") else hb.Exponential(9)
        if key in design.coefficients:
            other = hb.Normal(0, 900)
        changed = log_joint(with_priors(problem, design, priors | {key: other}), point)
        assert abs(changed - found) > 1e-3, f"the check would not see the prior of {key}"


@pytest.mark.parametrize("columns", [2, 3, 4])
def test_lkj_reaches_the_graph_for_any_number_of_columns(columns):
    bar = ["x", "x + z", "x + z + u"][columns - 2]
    at_zero = []
    for eta in (1.0, 2.5):
        model = hb.Model(f"y ~ x + ({bar} | g)", table(), priors={"corr_g": hb.LKJ(eta), "sd_g": hb.HalfNormal(2)})
        problem, labels = pieces(model)
        point = random_point(problem, np.random.default_rng(columns))
        at_zero.append(pymc_logp(model, named_values(problem, labels, point, model.pymc)[0]))
    determinant = np.linalg.slogdet(point.corr[0])[1]
    from scipy.special import gammaln

    def volume(eta):
        d = columns
        beside = [gammaln(eta + (d - 1 - k) / 2) - gammaln(eta + (d - 1) / 2) for k in range(1, d)]
        return sum(beside) + d * (d - 1) / 4 * np.log(np.pi)

    assert at_zero[1] - at_zero[0] == pytest.approx(1.5 * determinant - volume(2.5) + volume(1.0), abs=1e-8)


SLEEP = hb.load_data("sleepstudy")


def test_correlated_split_and_separate_terms_are_different_models():
    together = hb.Model("Reaction ~ Days + (Days | Subject)", SLEEP).pymc
    apart = hb.Model("Reaction ~ Days + (1 | Subject) + (0 + Days | Subject)", SLEEP).pymc
    bars = hb.Model("Reaction ~ Days + (Days || Subject)", SLEEP).pymc
    assert "corr_Subject" in together.named_vars
    assert "corr_Subject" not in apart.named_vars
    assert "corr_Subject" not in bars.named_vars
    free = [sorted(rv.name for rv in model.free_RVs) for model in (together, apart, bars)]
    assert free[0] == ["beta_centred", "chol_corr_Subject", "sd_Subject_centred", "sigma", "v_Subject"]
    assert free[1] == free[2] == ["b_Subject_1_sampled", "b_Subject_2_sampled", "beta_centred", "sd_Subject", "sigma"]


def test_names_dims_and_coords():
    model = hb.Model("Reaction ~ Days + (Days | Subject)", SLEEP).pymc
    dims = {name: model.named_vars_to_dims.get(name) for name in ("beta", "sd_Subject", "corr_Subject", "b_Subject")}
    assert dims == {
        "beta": ("coef",),
        "sd_Subject": ("Subject_term",),
        "corr_Subject": ("Subject_term", "Subject_term2"),
        "b_Subject": ("Subject", "Subject_term"),
    }
    assert model["sigma"].ndim == 0
    assert model.coords["coef"] == ("Intercept", "Days")
    assert model.coords["Subject_term"] == model.coords["Subject_term2"] == ("Intercept", "Days")
    assert model.coords["Subject"][:2] == ("308", "309")
    assert len(model.coords["Subject"]) == 18


def test_pairs_left_uncorrelated_are_nan():
    model = model_of("pair and single of one factor")
    problem, labels = pieces(model)
    values, _ = named_values(problem, labels, random_point(problem, np.random.default_rng(0)), model.pymc)
    graph = untransformed(model)
    corr = evaluate(graph, graph.replace_rvs_by_values([graph["corr_g"]]), values)[0]
    assert np.isnan(corr).tolist() == [[False, False, True], [False, False, True], [True, True, False]]


TAKEN = "beta sigma sd_g b_g coef g_term X v_g g_codes y_data row Z_g".split()


@pytest.mark.parametrize("response", TAKEN)
def test_a_response_may_bear_any_name(response):
    model = hb.Model(f"{response} ~ x + (1 | g)", table().rename(columns={"y": response}))
    assert len(model.pymc.observed_RVs) == 1
    assert "beta" in model.pymc.named_vars


@pytest.mark.parametrize("factor", ["row", "X", "offset", "y_data", "weights", "h_codes"])
def test_a_grouping_factor_may_bear_a_name_of_the_model_s_data(factor):
    own = table().assign(**{factor: table()["h"]})
    model = hb.Model(f"y ~ x + (1 | g) + (1 | {factor}) + offset(known)", own, weights="w")
    assert f"b_{factor}" in model.pymc.named_vars


@pytest.mark.parametrize("factor", ["coef", "chain", "draw", "beta", "sigma", "g_term", "sd_g", "b_g"])
def test_a_grouping_factor_with_a_name_of_the_posterior_is_refused(factor):
    own = table().assign(**{factor: table()["h"]})
    with pytest.raises(hb.ModelError, match="second meaning in the posterior"):
        _ = hb.Model(f"y ~ x + (1 | g) + (1 | {factor})", own).pymc


def level_fits(y, z, codes, w):
    """Slopes and standard errors of each level, and the mean square within, by separate regressions."""
    slopes, information, within = [], [], 0.0
    for level in np.unique(codes):
        own = codes == level
        root = np.sqrt(w[own])
        design = np.column_stack([np.ones(own.sum()), z[own]])
        beta, squares, *_ = np.linalg.lstsq(design * root[:, None], y[own] * root, rcond=None)
        slopes.append(beta)
        information.append(1 / np.diag(np.linalg.inv(design.T @ (design * w[own][:, None]))))
        within += squares[0]
    return np.array(slopes), np.array(information), within / (len(y) - 2 * len(slopes))


def test_mean_squares_are_those_of_separate_regressions():
    data = table()
    model = hb.Model("y ~ x + (x | g)", data, weights="w", priors={"corr_g": hb.LKJ(1)})
    block = pieces(model)[0].blocks[0]
    y, w = data["y"].to_numpy(), data["w"].to_numpy()
    slopes, information, within = level_fits(y, data["x"].to_numpy(), block.codes, w)
    middle = np.sum(information * slopes, axis=0) / information.sum(axis=0)
    expected = np.sum(information * (slopes - middle) ** 2, axis=0) / 5 / within
    np.testing.assert_allclose(mean_squares(block, y, w), expected, rtol=1e-9)


def test_mean_squares_of_a_random_intercept_are_the_analysis_of_variance():
    from scipy import stats

    dye = hb.load_data("dyestuff")
    block = pieces(hb.Model("Yield ~ 1 | Batch", dye))[0].blocks[0]
    f = stats.f_oneway(*(own["Yield"] for _, own in dye.groupby("Batch", observed=True))).statistic
    assert mean_squares(block, dye["Yield"].to_numpy(float), np.ones(30))[0] == pytest.approx(f)


def test_centred_form_needs_levels_that_lie_clearly_apart_and_no_fixed_sd():
    data = table()
    block = pieces(hb.Model("y ~ 1 + (1 | g)", data))[0].blocks[0]
    ones, noise = np.ones(60), data["y"].to_numpy()
    apart = noise + 30.0 * block.codes
    assert mean_squares(block, noise, ones)[0] < CENTRED_FROM < mean_squares(block, apart, ones)[0]
    assert not centred(block, noise, ones)
    assert centred(block, apart, ones)
    assert not centred(replace(block, sd_priors=(hb.Fixed(0.0),)), apart, ones)


def test_levels_of_one_row_each_are_never_centred():
    data = table().assign(each=[f"row {i}" for i in range(60)])
    with pytest.warns(HierBayesWarning, match="each"):
        block = pieces(hb.Model("y ~ 1 + (1 | each)", data))[0].blocks[0]
    assert mean_squares(block, data["y"].to_numpy(), np.ones(60)).tolist() == [0.0]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pastes", True),
        ("oats", True),
        ("penicillin", False),
        ("sleepstudy", False),
        ("sleepstudy_uncorrelated", False),
    ],
)
def test_nesting_is_seen(name, expected):
    assert nested(pieces(model_of(f"{name} (catalogue)"))[0]) is expected


@pytest.mark.parametrize("bar", ["(1 | g)", "(x | g)"])
def test_centred_form_has_the_same_density(bar):
    code = table()["g"].str[1:].astype(float)
    own = table().assign(y=lambda t: t["y"] + 40 * code + 90 * code * t["x"])
    model = hb.Model(f"y ~ x + {bar}", own, priors={"sd_g": hb.HalfNormal(2)})
    assert "b_g_sampled" in [rv.name for rv in model.pymc.free_RVs]
    problem, labels = pieces(model)
    point = random_point(problem, np.random.default_rng(3))
    values, jacobian = named_values(problem, labels, point, model.pymc)
    assert pymc_logp(model, values) == pytest.approx(log_joint(problem, point) + jacobian, rel=1e-9, abs=1e-7)


def test_custom_priors_reach_the_graph():
    from scipy import stats

    def lognormal(name, **kwargs):
        import pymc as pm

        return pm.LogNormal(name, 0.5, 0.6, **kwargs)

    own = {"beta": LAPLACE, "sd_g": hb.Custom(lognormal), "sigma": hb.Custom(lognormal)}
    model = hb.Model("y ~ x + (x || g)", table(), priors=own)
    problem, labels = pieces(model)
    plain = replace(problem, beta_priors=(hb.Flat(), hb.Flat()))
    like = hb.LogNormal(0.5, 0.6)
    plain = replace(
        plain,
        blocks=tuple(replace(b, sd_priors=(like,)) for b in plain.blocks),
        parameters=(Parameter("sigma", POSITIVE, like),),
    )
    point = random_point(plain, np.random.default_rng(8))
    values, jacobian = named_values(plain, labels, point, model.pymc)
    expected = log_joint(plain, point) + stats.laplace(0, 4).logpdf(point.beta).sum()
    assert pymc_logp(model, values) - jacobian == pytest.approx(expected, rel=1e-9)


def test_a_custom_prior_may_serve_one_parameter_of_several():
    from scipy import stats

    model = hb.Model("y ~ x + z + (1 | g)", table(), priors={"x": LAPLACE, "sd_g": hb.HalfNormal(1)})
    assert {"beta_centred[Intercept]", "beta_centred[x]", "beta_centred[z]"} <= {rv.name for rv in model.pymc.free_RVs}
    problem, labels = pieces(model)
    plain = replace(problem, beta_priors=(problem.beta_priors[0], hb.Flat(), problem.beta_priors[2]))
    point = random_point(plain, np.random.default_rng(8))
    values, jacobian = named_values(plain, labels, point, model.pymc)
    expected = log_joint(plain, point) + stats.laplace(0, 4).logpdf(point.beta[1])
    assert pymc_logp(model, values) - jacobian == pytest.approx(expected, rel=1e-9, abs=1e-7)


def test_a_custom_correlation_prior_gives_the_cholesky_factor():
    def lkj(name, n):
        import pymc as pm

        return pm.LKJCorr(name, n=n, eta=4.0)

    given = {"sd_g": hb.HalfNormal(1)}
    custom = hb.Model("y ~ x + (x | g)", table(), priors=given | {"corr_g": hb.Custom(lkj)})
    plain = hb.Model("y ~ x + (x | g)", table(), priors=given | {"corr_g": hb.LKJ(4)})
    problem, labels = pieces(plain)
    point = random_point(problem, np.random.default_rng(2))
    values, _ = named_values(problem, labels, point, plain.pymc)
    assert pymc_logp(custom, values) == pytest.approx(pymc_logp(plain, values), rel=1e-12)


def test_an_sd_fixed_at_nought_switches_a_term_off():
    with_term = hb.Model("y ~ x + (1 | g)", table(), priors={"sd_g": hb.Fixed(0)})
    without = hb.Model("y ~ x", table())
    rng = np.random.default_rng(4)
    values = {"beta_centred": rng.normal(size=2), "sigma": 1.7, "v_g": rng.normal(size=(6, 1))}
    spherical = sum(log_prior(hb.Normal(0, 1), v) for v in values["v_g"].ravel())
    assert pymc_logp(with_term, values) - spherical == pytest.approx(pymc_logp(without, values), rel=1e-10)


def test_split_terms_far_from_nought_warn():
    far = table().assign(year=2000 + table()["x"])
    with pytest.warns(HierBayesWarning):
        hb.Model("y ~ year + (year || g)", far)


def test_slashes_in_names_are_written_otherwise_or_refused():
    """PyMC refuses them in the names of variables: of a response, of a level with a prior of its own."""
    data = table().assign(f=table()["f"].cat.rename_categories({"q": "q/1"}))
    model = hb.Model("I(y / 2) ~ f", data, priors={"f[r]": LAPLACE})
    names = [variable.name for variable in (*model.pymc.free_RVs, *model.pymc.observed_RVs)]
    assert "beta_centred[f[q%2F1]]" in names
    assert "I(y %2F 2)" in names
    for name in ("a/b", "/"):
        with pytest.raises(ModelError, match=f"does not take the name 'sd_{name}', for the slash"):
            _ = hb.Model(f"y ~ x + (1 | `{name}`)", data.rename(columns={"g": name})).pymc
