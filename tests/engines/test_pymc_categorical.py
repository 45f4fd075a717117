"""The PyMC model of a categorical response: its density, slopes and draws, and Bambi's model of the same."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from oracles.categories import STRUCTURES, log_joint, moderate, table
from oracles.given import as_written, log_jacobian, log_jacobian_of_effects
from oracles.graphs import function_of, logp_function, untransformed
from oracles.points import named_values, random_point
from scipy import special, stats

import hierbayes as hb
from hierbayes.engines.assemble import assemble
from hierbayes.engines.naming import tree_name
from hierbayes.families import family as by_name
from hierbayes.priors import HalfStudentT

pytestmark = pytest.mark.slow


@cache
def compared(name: str, categories: tuple[str, ...] | None = None):
    """Return our density at a random point, PyMC's with all Jacobians out, the hand-written one, and their slack.

    With other `categories` the two answers named are exchanged for the hand-written one alone.
    """
    structure = STRUCTURES[name]
    model = structure.model()
    problem, labels = assemble(model.design, model.resolved_priors)
    point = moderate(random_point(problem, np.random.default_rng(len(name))))
    values, jacobian = named_values(problem, labels, point, model.pymc)
    given, effects = as_written(problem, labels, point)
    at = {"sd": given["sd"], "corr": given["corr"], **effects}
    of_pymc = logp_function(model)(values) - jacobian + log_jacobian(problem, point) + log_jacobian_of_effects(problem)
    # PyMC rounds log 2 in its half-Student density to single precision
    rounded = sum(isinstance(prior, HalfStudentT) for block in problem.blocks for prior in block.sd_priors)
    answers = None
    if categories is not None:
        swap = dict(zip(categories, reversed(categories), strict=True))
        answers = [swap.get(str(value), str(value)) for value in table()[structure.formula.split()[0]]]
    return model.log_density(**at), of_pymc, log_joint(structure, model, **at, answers=answers), 2.1e-8 * rounded


@pytest.mark.parametrize("name", STRUCTURES)
def test_the_three_densities_are_one(name):
    ours, of_pymc, by_hand, slack = compared(name)
    assert ours == pytest.approx(by_hand, rel=1e-9)
    assert of_pymc == pytest.approx(by_hand, rel=1e-9, abs=slack)


def test_terms_that_the_data_tell_are_written_in_their_centred_form():
    names = {variable.name for variable in STRUCTURES["centred form"].model().pymc.free_RVs}
    assert {"b_g_sampled", "v_h"} <= names
    assert "v_g" in {variable.name for variable in STRUCTURES["intercepts"].model().pymc.free_RVs}


@pytest.mark.parametrize("pair", [("no", "perhaps"), ("no", "yes"), ("perhaps", "yes")])
def test_exchanged_categories_would_be_told_apart(pair):
    _, of_pymc, exchanged, _ = compared("weights", pair)
    assert abs(of_pymc - exchanged) > 0.1


@pytest.mark.parametrize("name", ["slopes", "weights"])
def test_slopes_are_those_of_differences(name):
    """Of the log density in every coefficient and effect, by PyTensor."""
    model = STRUCTURES[name].model()
    problem, labels = assemble(model.design, model.resolved_priors)
    values, _ = named_values(problem, labels, moderate(random_point(problem, np.random.default_rng(3))), model.pymc)
    graph = untransformed(model)
    evaluate = function_of(graph, [graph.logp(jacobian=False), graph.dlogp(jacobian=False)])
    values = {rv.name: np.asarray(values[rv.name], dtype=float) for rv in graph.free_RVs}
    slopes = evaluate(values)[1]
    places = {rv.name: np.size(values[rv.name]) for rv in graph.continuous_value_vars and graph.free_RVs}
    assert sum(places.values()) == len(slopes)
    start, checked, h = 0, 0, 1e-6
    for own, size in places.items():
        if own.startswith(("beta", "b_", "v_", "sd_")):
            for i in range(size):
                ends = []
                for sign in (1, -1):
                    moved = values[own].copy()
                    moved.ravel()[i] += sign * h
                    ends.append(float(evaluate(values | {own: moved})[0]))
                assert slopes[start + i] == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-5, abs=2e-6)
                checked += 1
        start += size
    assert checked >= problem.p + sum(block.n_levels * block.Z.shape[1] for block in problem.blocks)


def test_densities_and_slopes_are_finite_far_out():
    import pymc as pm
    import pytensor
    import pytensor.tensor as pt

    from hierbayes.families import categorical

    own, eta = by_name("categorical(logit)", 3), pt.vector("eta")
    y = np.array([1, 2, 3, 1, 2, 3])
    with pm.Model() as model:
        own.observe("y", eta, {}, pt.as_tensor(y))
    (rows,) = model.logp(sum=False)
    every = pytensor.function([eta], [rows, pytensor.grad(rows.sum(), eta)], mode="FAST_COMPILE")
    for size in (1.0, 30.0, 800.0, 1e5):
        at = size * np.array([1, -1, 1, 0.5, -1, -1, -0.3, 1, 0, 1, 1, 1.0])
        found, slopes = every(at)
        np.testing.assert_allclose(
            found, categorical.log_probability(y, at.reshape(6, 2)), rtol=1e-12, atol=1e-16 * size
        )
        np.testing.assert_allclose(slopes, categorical.score(y, at.reshape(6, 2)).ravel(), atol=1e-12)


@pytest.mark.parametrize("weights", [None, "w"])
def test_the_response_is_drawn_with_its_probabilities(weights):
    """Draws by PyMC where all parameters are known; a weight says how many rows there are, not what one is like."""
    import pymc as pm

    sure = {"perhaps:Intercept": hb.Normal(0.8, 1e-9), "yes:Intercept": hb.Normal(-0.5, 1e-9)}
    sure |= {"perhaps:x": hb.Normal(0.3, 1e-9), "yes:x": hb.Normal(-0.6, 1e-9), "sd_g": hb.Fixed(0)}
    model = hb.Model("y3 ~ x + (1 | g)", table(), family="categorical", priors=sure, weights=weights)
    (response,) = model.pymc.observed_RVs
    values = pm.draw(response, 2000, random_seed=3, mode="FAST_COMPILE")
    assert values.shape == (2000, len(table()))
    assert values.dtype == np.int64
    x = table()["x"] - table()["x"].mean()
    shares = special.softmax(np.column_stack([0 * x, 0.8 + 0.3 * x, -0.5 - 0.6 * x]), axis=1)
    counts = np.array([(values == k).sum(axis=0) for k in (1, 2, 3)]).T

    def pvalue(expected):
        statistic = ((counts - 2000 * expected) ** 2 / (2000 * expected)).sum()
        return stats.chi2(2 * len(x)).sf(statistic)

    assert pvalue(shares) > 1e-3
    assert pvalue(shares[:, [0, 2, 1]]) < 1e-9
    assert pvalue(special.softmax(np.log(shares) + np.array([0, 0.1, 0]), axis=1)) < 1e-9


def test_the_model_is_readable():
    model = STRUCTURES["slopes"].model()
    graph = model.pymc
    assert tuple(graph.coords["coef"]) == ("perhaps:Intercept", "perhaps:x", "yes:Intercept", "yes:x")
    assert tuple(graph.coords["g_term"]) == tuple(graph.coords["coef"])
    assert "sigma" not in graph.named_vars
    assert [v.name for v in graph.observed_RVs] == ["y3"]
    np.testing.assert_array_equal(graph.rvs_to_values[graph["y3"]].eval(), model.design.y)
    assert graph["corr_g"].eval(mode="FAST_COMPILE").shape == (4, 4)
    assert graph["b_g"].eval(mode="FAST_COMPILE").shape == (6, 4)


def test_a_prior_of_another_kind_is_drawn_by_pymc():
    def laplace(name, **kwargs):
        import pymc as pm

        return pm.Laplace(name, 0, 0.01, **kwargs)

    priors = {"beta": hb.Normal(0, 0.01), "yes:Intercept": hb.Custom(laplace), "perhaps:Intercept": hb.Normal(2, 0.01)}
    tree = hb.Model("y3 ~ x", table(), family="categorical", priors=priors).prior_predictive(draws=100, seed=1)
    found = np.bincount(tree["prior_predictive"]["y3"].to_numpy().ravel(), minlength=4)
    expected = special.softmax([0.0, 2.0, 0.0])
    assert found[0] == 0
    np.testing.assert_allclose(found[1:] / found.sum(), expected, atol=0.03)
    assert np.abs(found[1:] / found.sum() - expected[[1, 0, 2]]).max() > 0.5


def test_hostile_names_make_a_model():
    data = table().assign(y3=table()["y3"].map({"no": "Intercept", "perhaps": "a/b: ü", "yes": "x|y[0]"}))
    priors = {"x|y[0]:x": hb.Normal(0.3, 2), "sd_g[a/b: ü:Intercept]": hb.Exponential(1), "sd_g": hb.HalfNormal(2)}
    plain = STRUCTURES["slopes"].model(
        priors={"yes:x": priors["x|y[0]:x"], "sd_g[perhaps:Intercept]": hb.Exponential(1), "sd_g": hb.HalfNormal(2)}
    )
    model = hb.Model("y3 ~ x + (x | g)", data, family="categorical", priors=priors)
    problem, labels = assemble(model.design, model.resolved_priors)
    point = moderate(random_point(problem, np.random.default_rng(1)))
    values, jacobian = named_values(problem, labels, point, model.pymc)
    values = {tree_name(name): own for name, own in values.items()}
    given, effects = as_written(problem, labels, point)
    expected = plain.log_density(sd=given["sd"], corr=given["corr"], **effects)
    found = logp_function(model)(values) - jacobian + log_jacobian(problem, point)
    assert found == pytest.approx(expected, rel=1e-9)


# Bambi


def test_the_density_is_that_of_bambi():
    """Bambi's categorical family, whose effects are independent as with ||: the same up to no constant at all."""
    import bambi as bmb
    from pymc.model.transform.conditioning import remove_value_transforms

    data = table().assign(y3=table()["y3"].astype("category"))
    ours = hb.Model(
        "y3 ~ x + (x || g)", data, family="categorical",
        priors={"Intercept": hb.Normal(0.3, 1.5), "x": hb.Normal(-0.2, 0.8), "sd_g": hb.HalfNormal(1.2),
                "sd_g[x]": hb.HalfNormal(0.7)},
    )  # fmt: skip
    theirs = bmb.Model(
        "y3 ~ 1 + x + (1 | g) + (0 + x | g)",
        data,
        family="categorical",
        priors={
            "Intercept": bmb.Prior("Normal", mu=0.3, sigma=1.5),
            "x": bmb.Prior("Normal", mu=-0.2, sigma=0.8),
            "1|g": bmb.Prior("Normal", mu=0, sigma=bmb.Prior("HalfNormal", sigma=1.2)),
            "x|g": bmb.Prior("Normal", mu=0, sigma=bmb.Prior("HalfNormal", sigma=0.7)),
        },
        noncentered=False,
        center_predictors=True,
    )
    theirs.build()
    graph = remove_value_transforms(theirs.backend.model)
    problem, labels = assemble(ours.design, ours.resolved_priors)
    point = moderate(random_point(problem, np.random.default_rng(8)))
    given, effects = as_written(problem, labels, point)
    coefficients = dict(zip(ours.design.coefficients, effects["beta"], strict=True))
    terms = list(ours.pymc.coords["g_term"])
    names = ("perhaps", "yes")

    def columns(of, label):
        return np.stack([of[..., terms.index(f"{name}:{label}")] for name in names], axis=-1)

    centre = table()["x"].mean()
    b, sd = effects["b"]["g"], given["sd"]["g"]
    values = {
        "Intercept": np.array([coefficients[f"{k}:Intercept"] + centre * coefficients[f"{k}:x"] for k in names]),
        "x": np.array([coefficients[f"{k}:x"] for k in names]),
        "1|g": columns(b, "Intercept"),
        "x|g": columns(b, "x"),
        "1|g_sigma": columns(sd, "Intercept"),
        "x|g_sigma": columns(sd, "x"),
    }
    shapes = {rv.name: tuple(rv.shape.eval(mode="FAST_COMPILE")) for rv in graph.free_RVs}
    placed = {name: oriented(values[name], shapes[name]) for name in shapes}
    evaluate = function_of(graph, graph.logp(jacobian=False))
    found = ours.log_density(sd=given["sd"], corr=given["corr"], **effects)
    assert found == pytest.approx(float(evaluate(placed)), rel=1e-9)
    placed["x"] = placed["x"][::-1]  # the categories exchanged
    assert abs(found - float(evaluate(placed))) > 0.1


def oriented(values, shape):
    """Return values by (level, category) in the order that Bambi keeps them in."""
    return values if values.shape == shape else values.T.reshape(shape)
