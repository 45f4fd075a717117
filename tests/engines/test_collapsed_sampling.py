"""Mode, chart, NUTS by pointer and by nutpie's public door, and the surrogate."""

from __future__ import annotations

from dataclasses import replace

import collapsed_problems as oracle
import numpy as np
import pytest
from collapsed_problems import PROBLEMS, tape_of
from seeds import shifted

from hierbayes.engines.assemble import Labels
from hierbayes.engines.collapsed import tape
from hierbayes.engines.collapsed.engine import CollapsedEngine, refusal
from hierbayes.engines.collapsed.entries import DENSITY
from hierbayes.engines.collapsed.kernel import log_density
from hierbayes.engines.collapsed.mode import find_mode
from hierbayes.engines.collapsed.pack import build_tape, with_chart
from hierbayes.engines.collapsed.recover import recover
from hierbayes.engines.collapsed.statistics import accumulate
from hierbayes.engines.collapsed.surrogate import fit_surrogate, sample_by_surrogate
from hierbayes.engines.naming import THETA, as_given, posterior_dims
from hierbayes.engines.pointer import nutpie_model
from hierbayes.engines.theta import layout, unpack
from hierbayes.errors import DataError, ModelError
from hierbayes.priors import HalfStudentT, Normal
from hierbayes.sampling.run import Runner
from hierbayes.sampling.sampler import run, settings


def sample(chart, draws, tune, chains, cores, seed, by_pointer=True):
    chosen = settings(draws=draws, chains=chains, cores=cores, seed=shifted(seed), progress=False)
    return run(nutpie_model(chart, DENSITY, by_pointer=by_pointer), chosen, tune=tune)


@pytest.fixture(scope="module")
def charted():
    problem = PROBLEMS["correlated slope"]
    words, table = tape_of(problem, False)
    mode = find_mode(words)
    return problem, words, table, mode, with_chart(words, mode.theta, mode.factor)


def test_mode_is_stationary_and_the_chart_whitens(charted):
    _, words, table, mode, chart = charted
    grad = np.zeros(table.dim)
    log_density(chart, chart.view(np.float64), np.zeros(table.dim), grad)
    np.testing.assert_allclose(grad, 0, atol=1e-3)
    np.testing.assert_allclose(-mode.factor.T @ mode.hessian @ mode.factor, np.eye(table.dim), atol=1e-6)
    assert mode.agree
    assert mode.log_density == log_density(words, words.view(np.float64), mode.theta, grad)


def test_pointer_and_public_door_give_the_same_draws(charted):
    chart = charted[4]
    options = {"draws": 200, "tune": 100, "chains": 3, "cores": 2, "seed": 11}
    pointer, public = sample(chart, **options), sample(chart, **options, by_pointer=False)
    np.testing.assert_array_equal(pointer.draws["theta"], public.draws["theta"])
    assert pointer.gradients == public.gradients


def test_draws_depend_on_the_seed_and_not_on_the_cores(charted):
    chart = charted[4]
    options = {"draws": 100, "tune": 100, "chains": 4}
    one = sample(chart, **options, cores=1, seed=2)
    two = sample(chart, **options, cores=4, seed=2)
    other = sample(chart, **options, cores=1, seed=3)
    np.testing.assert_array_equal(one.draws["theta"], two.draws["theta"])
    assert not np.array_equal(one.draws["theta"], other.draws["theta"])
    assert one.draws["theta"].shape == (4, 100, chart[tape.DIM])
    assert not np.array_equal(one.draws["theta"][0], one.draws["theta"][1])


def grid_moments(words, mode, dim_of_interest):
    """Return mean and sd of one coordinate by quadrature over two coordinates of z."""
    chart = with_chart(words, mode.theta, mode.factor)
    floats = chart.view(np.float64)
    axis = np.linspace(-9, 9, 401)
    nothing = np.zeros(0)
    values = np.array([[log_density(chart, floats, np.array([a, b]), nothing) for b in axis] for a in axis])
    weights = np.exp(values - values.max())
    weights /= weights.sum()
    a, b = np.meshgrid(axis, axis, indexing="ij")
    theta = mode.theta[:, None, None] + np.einsum("ij,jkl->ikl", mode.factor, np.array([a, b]))
    mean = np.sum(weights * theta[dim_of_interest])
    return mean, np.sqrt(np.sum(weights * (theta[dim_of_interest] - mean) ** 2))


@pytest.mark.parametrize("way", ["nuts", "surrogate"])
def test_draws_agree_with_quadrature(way):
    problem = PROBLEMS["intercept"]
    words, table = tape_of(problem, False)
    mode = find_mode(words)
    if way == "nuts":
        trace = sample(with_chart(words, mode.theta, mode.factor), 4000, 200, 4, 2, seed=4)
        theta = trace.draws["theta"]
        assert trace.stats["diverging"].sum() == 0
    else:
        surrogate = fit_surrogate(words, mode, cores=2, seed=shifted(4))
        walked = sample_by_surrogate(words, surrogate, 4000, 4, 2, seed=shifted(4), hold=1)
        theta = walked.theta
        assert walked.accepted.mean() > 0.9
    for i in range(table.dim):
        mean, sd = grid_moments(words, mode, i)
        draws = theta[:, :, i].ravel()
        # 16,000 draws of at least half their number in effective size: six standard errors.
        assert abs(draws.mean() - mean) < 6 * sd / np.sqrt(8000)
        assert draws.std() == pytest.approx(sd, rel=0.06)


def test_draws_are_exact_whatever_the_surrogate():
    """Half an sd beside the posterior in every direction, it is refused more often, and the draws stay where they were.

    A surrogate that fits is accepted nearly always: there one could not tell whether anything is ever refused.
    """
    words, table = tape_of(PROBLEMS["intercept"], False)
    mode = find_mode(words)
    good = fit_surrogate(words, mode, cores=2, seed=shifted(4))
    poor = replace(good, mode=good.mode + 0.5 * good.factor.sum(axis=1))
    walked = sample_by_surrogate(words, poor, 1500, 4, 2, seed=shifted(4), hold=1)
    for i in range(table.dim):
        mean, sd = grid_moments(words, mode, i)
        draws = walked.theta[:, :, i].ravel()
        assert abs(draws.mean() - mean) < 0.1 * sd
        assert draws.std() == pytest.approx(sd, rel=0.1)
    assert 0.3 < walked.accepted.mean() < 0.9


def test_surrogate_draws_do_not_depend_on_the_cores(charted):
    _, words, _, mode, _ = charted
    one = sample_by_surrogate(words, fit_surrogate(words, mode, 1, 7), 50, 2, 1, 7)
    two = sample_by_surrogate(words, fit_surrogate(words, mode, 3, 7), 50, 2, 3, 7)
    for part in ("theta", "beta", "b", "accepted"):
        np.testing.assert_array_equal(getattr(one, part), getattr(two, part))
    assert one.values == two.values


def test_posterior_mean_of_b_by_two_ways(charted):
    """The average of drawn b is the average of its conditional means, up to Monte Carlo error."""
    problem, words, table, _, chart = charted
    drawn = sample(chart, 500, 200, 4, 2, seed=9).draws["theta"].reshape(-1, table.dim)
    b = recover(problem, words, drawn, seed=9).b[0]
    means, variances = [], []
    for theta in drawn[::10]:
        value = unpack(table, theta)
        mean, covariance = oracle.conditional(problem, list(value.sds), list(value.corrs), value.sigma)
        means.append(mean[: b[0].size])
        variances.append(np.diag(covariance)[: b[0].size])
    spread = np.sqrt(np.mean(variances, 0) + np.var(means, 0))
    gap = b.reshape(len(b), -1).mean(0) - np.mean(means, 0)
    assert np.all(np.abs(gap) < 5 * spread * np.sqrt(1 / 1000 + 1 / 100))
    np.testing.assert_allclose(b.reshape(len(b), -1).std(0), spread, rtol=0.15)


def test_what_the_engine_does_not_take_is_refused():
    rng = np.random.default_rng(0)
    problem = PROBLEMS["intercept"]
    with pytest.raises(ModelError, match="gaussian"):
        accumulate(replace(problem, family="bernoulli", link="logit"))
    with pytest.raises(DataError, match="positive"):
        accumulate(replace(problem, weights=np.zeros(problem.n)))
    wide = oracle.problem(
        rng, [oracle.block(rng, rng.integers(0, 5000, 12000)), oracle.block(rng, rng.integers(0, 5000, 12000))], 12000
    )
    with pytest.raises(ModelError, match="at most 4000"):
        accumulate(wide)
    odd = replace(problem, beta_priors=(Normal(0, 1), HalfStudentT(3, 1)))
    with pytest.raises(ModelError, match="coefficient"):
        build_tape(odd, accumulate(odd), layout(odd))
    assert "coefficient" in refusal(odd)
    assert refusal(problem) is None


def labels_of(problem):
    """Return made-up names: each factor has one block."""
    return Labels(
        response="y",
        coefficients=tuple(f"x{i}" for i in range(problem.p)),
        factors=tuple(f"g{i}" for i in range(len(problem.blocks))),
        terms=tuple(tuple(f"t{j}" for j in range(b.Z.shape[1])) for b in problem.blocks),
        levels=tuple(tuple(f"l{j}" for j in range(b.n_levels)) for b in problem.blocks),
    )


@pytest.mark.parametrize("dear", [False, True])
@pytest.mark.parametrize("name", ["no groups", "crossed", "fixed sds and correlation", "no coefficients"])
def test_the_runner_gives_named_draws_that_do_not_depend_on_the_cores(name, dear, monkeypatch):
    problem = PROBLEMS[name]
    monkeypatch.setattr(CollapsedEngine, "dear", dear)
    labels = labels_of(problem)
    traces = []
    for cores in (1, 2):
        chosen = settings(draws=150, chains=2, cores=cores, seed=3, progress=False)
        traces.append(Runner(problem, labels).sample("collapsed", chosen))
    assert ("accepted" in traces[0].stats) is dear
    assert set(traces[0].draws) == {*posterior_dims(labels), THETA}
    for key, values in traces[0].draws.items():
        assert values.shape[:2] == (2, 150)
        np.testing.assert_array_equal(values, traces[1].draws[key])


def test_a_surrogate_that_is_too_far_off_gives_way_to_nuts(monkeypatch):
    from hierbayes.engines.collapsed import surrogate

    monkeypatch.setattr(CollapsedEngine, "dear", True)
    monkeypatch.setattr(surrogate, "LEAST_EFFICIENCY", 2.0)
    problem = PROBLEMS["crossed"]
    trace = Runner(problem, labels_of(problem)).sample(
        "collapsed", settings(draws=50, chains=2, seed=1, progress=False)
    )
    assert "accepted" not in trace.stats
    assert trace.stats["diverging"].shape == (2, 50)


def test_both_doors_give_the_same_posterior():
    """The whole posterior, beta and b too, is the same bits by pointer and by nutpie's public door."""
    problem = PROBLEMS["crossed slopes"]
    engine, labels = CollapsedEngine(problem), labels_of(problem)
    found = []
    for by_pointer in (True, False):
        theta = sample(engine.charted, 100, 100, 2, 1, 5, by_pointer).draws["theta"]
        found.append(as_given(problem, labels, engine.expand(theta.reshape(200, -1), 5, 1), 2))
    for key in posterior_dims(labels):
        np.testing.assert_array_equal(found[0][key], found[1][key])
