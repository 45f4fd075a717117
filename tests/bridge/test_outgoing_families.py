"""Fits of other families handed over to Bambi: the same density up to a constant, and the same predictions."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from family_fits import FORMULA, OTHERS, made_up, response, table
from fits import fake_fit
from oracles.graphs import function_of, untransformed

import hierbayes as hb
from hierbayes.engines.assemble import assemble
from hierbayes.engines.density import joint_log_density
from hierbayes.families import family as by_name

bambi = pytest.importorskip("bambi")

HANDED = [family for family in OTHERS if family.bambi is not None]
PRIORS = {
    "Intercept": hb.Normal(0.3, 1.5),
    "x": hb.Normal(0.1, 0.7),
    "sd_g": hb.HalfNormal(0.8),
    "sd_h": hb.HalfStudentT(4, 1.2),
}


def points(rng, n=3):
    """Values of all parameters of ``~ x + (1 | g) + (1 | h)``, the effects spherical."""
    for _ in range(n):
        yield {
            "beta": rng.normal(scale=0.5, size=2),
            "sd": rng.uniform(0.3, 1.5, 2),
            "v": (rng.normal(size=6), rng.normal(size=3)),
            "own": {"sigma": rng.uniform(0.4, 2), "nu": rng.uniform(2, 6), "alpha": rng.uniform(1, 4), "kappa": 3.1},
        }


def ours(fit, at):
    """The joint density of (sds, beta, b), by numpy, at spherical effects: with the Jacobian of b = sd v."""
    problem, _ = assemble(fit.design, fit.model.resolved_priors)
    b = tuple((sd * v)[:, None] for sd, v in zip(at["sd"], at["v"], strict=True))
    sds, corrs = tuple(np.array([sd]) for sd in at["sd"]), (np.eye(1), np.eye(1))
    value = joint_log_density(problem, sds, corrs, at["own"], at["beta"], b)
    return value + sum(len(v) * np.log(sd) for sd, v in zip(at["sd"], at["v"], strict=True))


def theirs(model):
    """The log density of a built Bambi model as a function of the same; its intercept is that at the mean too."""
    model.build()
    graph = untransformed(SimpleNamespace(pymc=model.backend.model))
    evaluate = function_of(graph, graph.logp(jacobian=False))

    def density(at):
        values = {"Intercept": at["beta"][0], "x": at["beta"][1], **at["own"]}
        for name, sd, v in zip("gh", at["sd"], at["v"], strict=True):
            values |= {f"1|{name}_sigma": sd, f"1|{name}_offset": v}
        return float(evaluate(values))

    return density


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bernoulli(probit)", "binomial", "negative_binomial"])
def test_the_density_is_ours_up_to_a_constant(name):
    family = next(own for own in HANDED if str(own) == name)
    fit = fake_fit(f"{response(family)} ~ x + (1 | g) + (1 | h)", table(), family=family, priors=PRIORS)
    density = theirs(fit.to_bambi()[0])
    gaps, wrong = [], []
    other = fake_fit(
        f"{response(family)} ~ x + (1 | g) + (1 | h)", table(), family=family, priors=PRIORS | {"x": hb.Normal(0, 0.5)}
    )
    for at in points(np.random.default_rng(4)):
        gaps.append(density(at) - ours(fit, at))
        wrong.append(density(at) - ours(other, at))
    # Bambi rounds the tails of the probit's shares
    assert np.ptp(gaps) < 1e-5
    assert np.ptp(wrong) > 1e-2


@pytest.mark.parametrize("family", HANDED, ids=str)
def test_predictions_agree(family):
    fit = made_up(family)
    model, draws = fit.to_bambi()
    parent = model.family.likelihood.parent
    found = model.predict(draws, inplace=False)["posterior"][parent].values
    if family.name == "lognormal":
        found = np.exp(found + 0.5 * fit.posterior["sigma"].values[..., None] ** 2)
    np.testing.assert_allclose(found, fit.predict(draws=True).values, rtol=1e-8)
    assert set(family.parameters) <= set(draws["posterior"].data_vars)
    np.testing.assert_array_equal(next(iter(draws["observed_data"].data_vars.values())), fit.design.y)
    rolled = draws["posterior"].to_dataset()
    draws["posterior"] = rolled.assign({"1|h": rolled["1|h"].roll(h__factor_dim=1)})
    assert not np.allclose(model.predict(draws, inplace=False)["posterior"][parent].values, found, rtol=1e-2)


def test_responses_that_are_texts_or_expressions_become_numbers():
    data = table()
    said = fake_fit("said ~ x + (1 | g)", data, family=by_name("bernoulli(logit)"))
    model, _ = said.to_bambi()
    assert model.response_term.name == "said"
    np.testing.assert_array_equal(model.data["said"], (data["said"] == "yes").astype(int))
    shares = fake_fit("cbind(k, n - k) ~ x + n + (1 | g)", data, family=by_name("binomial(logit)"))
    model, _ = shares.to_bambi()
    assert model.response_term.name == "p(k, trials)"
    np.testing.assert_array_equal(model.data["trials"], data["n"])


def test_what_is_not_the_same_there_is_refused():
    for name in ("exgaussian", "shifted_lognormal"):
        with pytest.raises(hb.ModelError, match=f"has not the family '{name}'"):
            made_up(next(own for own in OTHERS if own.name == name)).to_bambi()


def test_known_standard_errors_are_not_handed_over_in_silence():
    fit = fake_fit("real | se(w) ~ x + (1 | g)", table())
    with pytest.warns(hb.HierBayesWarning, match="known standard errors are not handed over"):
        fit.to_bambi()
    weighted = fake_fit(f"count {FORMULA}", table(), family=by_name("poisson(log)"), weights="w")
    with pytest.warns(hb.HierBayesWarning, match="weights 'w' are not handed over"):
        weighted.to_bambi()
