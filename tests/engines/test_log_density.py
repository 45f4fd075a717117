"""The density of the three ways to write one model: joint in numpy, PyMC's, and with beta and b integrated out.

Densities are of (sd, corr, sigma, beta, b) for the columns as given; Jacobians of transforms and of centring are out.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from linear_catalogue import linear_models
from oracles.given import as_written, elsewhere, log_conditional, log_jacobian, log_jacobian_of_effects
from oracles.graphs import logp_function
from oracles.joint import log_joint
from oracles.points import named_values, random_point
from oracles.structures import LAPLACE, STRUCTURES, table

import hierbayes as hb
from hierbayes.engines.assemble import assemble
from hierbayes.priors import Flat

MODELS = {**{f"{name} (catalogue)": spec for name, spec in linear_models().items()}, **STRUCTURES}
RTOL = 1e-8


@cache
def model_of(name):
    if name in STRUCTURES:
        formula, options, _ = STRUCTURES[name]
        return hb.Model(formula, table(), **options)
    spec = MODELS[name]
    return hb.Model(spec.formula, spec.table(), **spec.options())


def pieces(name):
    model = model_of(name)
    return model, *assemble(model.design, model.resolved_priors)


def close(value, wanted):
    return abs(value - wanted) <= RTOL * max(abs(wanted), 1.0)


def test_there_are_enough_structures_and_some_are_centred():
    assert len(STRUCTURES) >= 15
    centred = [name for name in MODELS if any(np.any(b.back != np.eye(len(b.back))) for b in pieces(name)[1].blocks)]
    assert len(centred) >= 5
    assert any(abs(np.linalg.det(b.back) - 1) > 0.1 for name in STRUCTURES for b in pieces(name)[1].blocks)


@pytest.mark.parametrize("name", MODELS)
def test_joint_density_is_that_of_numpy(name):
    model, problem, labels = pieces(name)
    rng = np.random.default_rng(31)
    for _ in range(3):
        point = elsewhere(problem, random_point(problem, rng), rng)
        given, effects = as_written(problem, labels, point)
        moved = log_jacobian(problem, point) + log_jacobian_of_effects(problem)
        assert close(model.log_density(**given, **effects), log_joint(problem, point) + moved)


@pytest.mark.parametrize("name", MODELS)
def test_collapsed_density_is_the_joint_one_over_the_conditional(name):
    model, problem, labels = pieces(name)
    rng = np.random.default_rng(32)
    for _ in range(3):
        point = random_point(problem, rng)
        given, _ = as_written(problem, labels, point)
        collapsed = model.log_density(**given)
        for _ in range(3):
            point = elsewhere(problem, point, rng)
            joint = model.log_density(**given, **as_written(problem, labels, point)[1])
            assert close(joint - log_jacobian_of_effects(problem) - log_conditional(problem, point), collapsed)


@pytest.mark.parametrize("name", MODELS)
def test_both_identities_hold_for_the_pymc_model(name):
    model, problem, labels = pieces(name)
    pymc_logp = logp_function(model)
    rng = np.random.default_rng(33)
    start = random_point(problem, rng)
    centring, of_effects = log_jacobian(problem, start), log_jacobian_of_effects(problem)
    given, _ = as_written(problem, labels, start)
    collapsed = model.log_density(**given)
    for point in (start, elsewhere(problem, start, rng), elsewhere(problem, start, rng)):
        values, jacobian = named_values(problem, labels, point, model.pymc)
        of_pymc = pymc_logp(values) - jacobian + centring
        written = model.log_density(**given, **as_written(problem, labels, point)[1])
        assert close(written, of_pymc + of_effects)
        assert close(of_pymc - log_conditional(problem, point), collapsed)


def test_the_checks_see_another_prior():
    model, problem, labels = pieces("two correlated")
    point = random_point(problem, np.random.default_rng(1))
    given, effects = as_written(problem, labels, point)
    formula = STRUCTURES["two correlated"][0]
    other = hb.Model(formula, table(), priors={"sigma": hb.HalfStudentT(3, 10)})
    wanted = log_joint(problem, point) + log_jacobian(problem, point)
    assert close(model.log_density(**given, **effects), wanted)
    assert not close(other.log_density(**given, **effects), wanted)
    assert abs(log_jacobian(problem, point)) > 0.01
    assert not close(other.log_density(**given), model.log_density(**given))


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("offset", [0.0, 1e6, 1e9])
def test_density_holds_on_any_scale_and_far_from_zero(scale, offset):
    """The response times a scale after an offset: the density of the parameters moves by powers of the scale."""
    sleep = hb.load_data("sleepstudy")
    sleep["Reaction"] = sleep["Reaction"].round(0)
    formula = "Reaction ~ Days + (Days | Subject)"
    sd, corr, sigma = np.array([25.0, 6.0]), 0.1, 25.0
    plain = hb.Model(formula, sleep, priors="flat").log_density(sd=sd, corr=corr, sigma=sigma)
    moved = sleep.assign(Reaction=scale * (sleep["Reaction"] + offset))
    model = hb.Model(formula, moved, priors="flat")
    found = model.log_density(sd=scale * sd, corr=corr, sigma=scale * sigma)
    # Two flat coefficients: beta takes up two powers. 1e-7 of the gaps is what the data themselves keep at 1e9.
    assert found == pytest.approx(plain - (180 - 2) * np.log(scale), rel=1e-8, abs=1e-4 if offset == 1e9 else 1e-6)


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_a_predictor_on_any_scale(scale):
    """The unit of a predictor changes the density by the units of the parameters alone."""
    sleep = hb.load_data("sleepstudy")
    formula = "Reaction ~ Days + (Days | Subject)"
    plain = hb.Model(formula, sleep).log_density(sd=[25, 6], corr=0.1, sigma=25)
    model = hb.Model(formula, sleep.assign(Days=scale * sleep["Days"]))
    assert model.log_density(sd=[25, 6 / scale], corr=0.1, sigma=25) == pytest.approx(plain + np.log(scale), rel=1e-8)


@pytest.mark.parametrize("offset", [1e6, -1e9])
def test_a_predictor_far_from_zero(offset):
    sleep = hb.load_data("sleepstudy")
    formula = "Reaction ~ Days + (1 | Subject)"
    plain = hb.Model(formula, sleep).log_density(sd=25, sigma=25)
    far = hb.Model(formula, sleep.assign(Days=sleep["Days"] + offset))
    assert far.log_density(sd=25, sigma=25) == pytest.approx(plain, rel=1e-9)


def test_no_groups_is_the_textbook_regression():
    """A flat prior on beta and sigma: log p(y | sigma) in closed form."""
    data = table()
    model = hb.Model("y ~ x + z", data, priors="flat")
    X, y, sigma = model.design.X, model.design.y, 2.5
    squares = np.linalg.lstsq(X, y, rcond=None)[1][0]
    wanted = -(60 - 3) * np.log(np.sqrt(2 * np.pi) * sigma) - squares / (2 * sigma**2)
    wanted -= 0.5 * np.linalg.slogdet(X.T @ X)[1]
    assert model.log_density(sigma=sigma) == pytest.approx(wanted, rel=1e-10)
    residual = y - X @ [1.0, 2.0, 0.5]
    joint = -60 * np.log(np.sqrt(2 * np.pi) * sigma) - residual @ residual / (2 * sigma**2)
    assert model.log_density(sigma=sigma, beta=[1.0, 2.0, 0.5]) == pytest.approx(joint, rel=1e-10)


def test_density_is_nought_outside_the_support():
    model = hb.Model("y ~ x + (1 | g)", table(), priors={"sd_g": hb.Uniform(0, 5)})
    assert np.isfinite(model.log_density(sd=4.9, sigma=1))
    assert model.log_density(sd=5.1, sigma=1) == -np.inf
    assert model.log_density(sd=5.1, sigma=1, beta=[0, 0], b={"g": np.zeros((6, 1))}) == -np.inf


def test_an_sd_fixed_at_nought_is_the_model_without_the_term():
    off = hb.Model("y ~ x + (1 | g)", table(), priors={"sd_g": hb.Fixed(0)})
    none = hb.Model("y ~ x", table())
    assert off.log_density(sd=0, sigma=2) == pytest.approx(none.log_density(sigma=2), rel=1e-12)
    with pytest.raises(hb.ModelError, match="no density"):
        off.log_density(sd=0, sigma=2, beta=[0, 0], b=np.zeros((6, 1)))


SLEEP = hb.Model("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy"))
GOOD = {"sd": [20, 5], "corr": 0.1, "sigma": 25}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sd": [20]}, "sd of 'Subject' has 1 terms; the model has 2"),
        ({"sd": [20, -5]}, "positive"),
        ({"sd": [20, 0]}, "positive"),
        ({"sd": [20, np.nan]}, "positive"),
        ({"sd": None}, "sd of the grouping factor 'Subject' is missing"),
        ({"sd": {"Batch": [1, 2]}}, "'Subject' is missing"),
        ({"sigma": 0}, "sigma=0 must be a positive number"),
        ({"sigma": "big"}, "sigma='big'"),
        ({"corr": 1.0}, "correlation matrix"),
        ({"corr": np.eye(3)}, "correlation matrix"),
        ({"corr": [[1, 0.2], [0.3, 1]]}, "correlation matrix"),
        ({"corr": [[2, 0.2], [0.2, 1]]}, "correlation matrix"),
        ({"corr": np.nan}, "correlation matrix"),
        ({"corr": None}, "corr of the grouping factor 'Subject' is missing"),
        ({"beta": [1, 2]}, "both beta and b"),
        ({"b": np.zeros((18, 2))}, "both beta and b"),
        ({"beta": [1], "b": np.zeros((18, 2))}, r"beta has the shape \(1,\)"),
        ({"beta": [1, 2], "b": np.zeros((18, 3))}, "3 terms"),
        ({"beta": [1, 2], "b": np.zeros((17, 2))}, "needs 18 rows"),
        ({"beta": [1, 2], "b": 0.0}, "needs 18 rows"),
    ],
)
def test_a_part_that_does_not_fit_is_named(change, said):
    assert np.isfinite(SLEEP.log_density(**GOOD))
    with pytest.raises(hb.ModelError, match=said):
        SLEEP.log_density(**{**GOOD, **change})


def test_another_number_than_the_fixed_one_is_refused():
    priors = {"sd_g": hb.Fixed(1.5), "corr_g": hb.Fixed(0.3), "sigma": hb.Fixed(2)}
    model = hb.Model("y ~ x + (x | g)", table(), priors=priors)
    given = {"sd": [1.5, 1.5], "corr": 0.3, "sigma": 2}
    value = model.log_density(**given)
    assert value == model.log_density(**{**given, "corr": None})
    for change in ({"sd": [1.5, 1.6]}, {"corr": 0.4}, {"sigma": 2.1}):
        with pytest.raises(hb.ModelError, match="what the model fixes it at"):
            model.log_density(**{**given, **change})


def test_a_prior_of_pymc_alone_has_no_collapsed_density():
    model = hb.Model("y ~ x + (1 | g)", table(), priors={"x": LAPLACE})
    with pytest.raises(hb.ModelError, match="cannot be integrated out"):
        model.log_density(sd=1, sigma=1)
    with pytest.raises(hb.ModelError, match="PyMC model only"):
        model.log_density(sd=1, sigma=1, beta=[0, 0], b=np.zeros((6, 1)))


def test_the_joint_mode_under_flat_priors_is_reml():
    """The mode with respect to (sd, corr, sigma), found by a plain search, is the REML fit; so is its height."""
    from scipy.optimize import minimize

    model = hb.Model("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy"), priors="flat")
    assert all(isinstance(prior, Flat) for prior in model.resolved_priors.beta)

    def cost(x):
        return -model.log_density(sd=np.exp(x[:2]), corr=np.tanh(x[2]), sigma=np.exp(x[3]))

    options = {"xatol": 1e-7, "fatol": 1e-10, "maxiter": 4000}
    found = minimize(cost, np.log([30, 5, np.e, 30]), method="Nelder-Mead", options=options)
    reml = model.reml()
    table = reml.varcorr()
    np.testing.assert_allclose(np.exp(found.x[[0, 1, 3]]), table["mean"].to_numpy()[[0, 1, 3]], rtol=1e-5)
    assert np.tanh(found.x[2]) == pytest.approx(table["mean"][2], abs=1e-5)
    # LKJ(1) of a pair is uniform on (-1, 1).
    assert -found.fun + np.log(2) == pytest.approx(reml.loglik, abs=1e-7)
    assert 2 * found.fun - 2 * np.log(2) == pytest.approx(1743.6282719, abs=1e-6)
