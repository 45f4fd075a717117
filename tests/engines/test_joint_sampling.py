"""The joint engine's chart, NUTS by pointer and by nutpie's public door, and the collapsed engine as its judge."""

from __future__ import annotations

from dataclasses import replace

import collapsed_problems as gaussian
import numpy as np
import pytest
from joint_problems import FAMILIES, STRUCTURES, problem_of
from oracles.agreement import largest, limit, z_scores
from seeds import shifted

from hierbayes.engines.assemble import Labels
from hierbayes.engines.joint import charting
from hierbayes.engines.joint import tape as at
from hierbayes.engines.joint.arrange import arrange
from hierbayes.engines.joint.engine import JointEngine, refusal
from hierbayes.engines.joint.entries import DENSITY
from hierbayes.errors import DataError, ModelError
from hierbayes.families import family as by_name
from hierbayes.priors import LKJ, POSITIVE, Custom, Fixed, HalfNormal, HalfStudentT, Normal, Parameter, Uniform
from hierbayes.sampling.run import Runner
from hierbayes.sampling.sampler import run, settings
from hierbayes.sampling.tree import named_tree

POISSON = by_name("poisson(log)")
BERNOULLI = by_name("bernoulli(logit)")


def sample(engine, draws, seed, chains=4, cores=2, by_pointer=True, tune=None):
    chosen = settings(draws=draws, chains=chains, cores=cores, seed=shifted(seed), progress=False)
    return run(engine.model(by_pointer), chosen, tune=tune or engine.tune, target_accept=0.8)


def labels_of(problem):
    return Labels(
        response="y",
        coefficients=tuple(f"x{i}" for i in range(problem.p)),
        factors=tuple(f"g{i}" for i in range(len(problem.blocks))),
        terms=tuple(tuple(f"t{j}" for j in range(b.Z.shape[1])) for b in problem.blocks),
        levels=tuple(tuple(f"l{j}" for j in range(b.n_levels)) for b in problem.blocks),
    )


def test_pointer_and_public_door_give_the_same_draws():
    engine = JointEngine(problem_of(POISSON, "crossed slopes"))
    pointer, public = (sample(engine, 60, 3, chains=2, tune=60, by_pointer=door) for door in (True, False))
    np.testing.assert_array_equal(pointer.draws["theta"], public.draws["theta"])
    assert pointer.gradients == public.gradients


def test_draws_depend_on_the_seed_and_not_on_the_cores():
    problem = problem_of(BERNOULLI, "crossed slopes")
    found = []
    for cores, seed in ((1, 3), (2, 3), (1, 4)):
        chosen = settings(draws=60, tune=60, chains=2, cores=cores, seed=seed, progress=False)
        found.append(Runner(problem, labels_of(problem)).sample("joint", chosen).draws)
    for key, values in found[0].items():
        assert values.shape[:2] == (2, 60)
        np.testing.assert_array_equal(values, found[1][key])
    assert not np.array_equal(found[0]["beta"], found[2]["beta"])
    assert not np.array_equal(found[0]["beta"][0], found[0]["beta"][1])


BY_THE_RULE = charting.CENTRED_FROM


def fixed_chart(engine):
    """Return the tape with the chart that does not move, whichever would be chosen."""
    return charting.with_chart(engine.tape, engine.problem, engine.layout, engine.peak)


@pytest.mark.parametrize(
    ("family", "structure", "threshold"),
    [
        *((POISSON, "four terms", threshold) for threshold in (0.0, BY_THE_RULE, 1e9)),
        *((POISSON, structure, BY_THE_RULE) for structure in STRUCTURES if structure != "four terms"),
        *((own, "crossed slopes", BY_THE_RULE) for own in FAMILIES if own.name != "student_t" and own.link != "probit"),
    ],
    ids=str,
)
def test_the_chart_whitens_the_hessian_and_its_centre_is_stationary(family, structure, threshold, monkeypatch):
    """In z the curvature at the mode of w given theta is the unit matrix, whatever w holds.

    Left out are the families whose chart takes another curvature than minus the second derivative.
    """
    monkeypatch.setattr(charting, "CENTRED_FROM", threshold)
    engine = JointEngine(problem_of(family, structure))
    words, dim = fixed_chart(engine), engine.layout.dim
    size = int(words[at.EFFECTS] + words[at.P])
    flags = words[words[at.AT_CENTRED] :][: sum(block.n_levels for block in engine.problem.blocks)]
    assert threshold == BY_THE_RULE or flags.all() == flags.any() == (threshold == 0.0)
    z, h = np.zeros(dim + size), 1e-4
    rows = []
    for i in range(dim, dim + size):
        up, down = np.empty(dim + size), np.empty(dim + size)
        DENSITY.log_density(words, z + h * np.eye(dim + size)[i], up)
        DENSITY.log_density(words, z - h * np.eye(dim + size)[i], down)
        rows.append((down - up)[dim:] / (2 * h))
    np.testing.assert_allclose(np.array(rows), np.eye(size), atol=2e-4)
    grad = np.empty(dim + size)
    DENSITY.log_density(words, z, grad)
    np.testing.assert_allclose(grad[dim:], 0, atol=1e-3)


@pytest.mark.parametrize("structure", ["crossed slopes", "four terms", "nested slopes"])
def test_an_sd_fixed_at_0_takes_its_term_out(structure):
    """Whichever term it is: the posterior modes of the others are those of a model without it."""
    problem = problem_of(POISSON, structure)
    for gone in range(len(problem.blocks)):
        blocks = list(problem.blocks)
        own = blocks[gone]
        blocks[gone] = replace(own, sd_priors=(Fixed(0.0),) * own.Z.shape[1], corr_prior=None)
        switched = JointEngine(replace(problem, blocks=tuple(blocks)))
        without = JointEngine(replace(problem, blocks=tuple(b for i, b in enumerate(blocks) if i != gone)))
        np.testing.assert_allclose(switched.peak.theta, without.peak.theta, atol=2e-2)
        charted = [fixed_chart(engine) for engine in (switched, without)]
        coefficients = [words[words[at.AT_MODE] :].view(np.float64) for words in charted]
        ends = [
            own[engine.layout.dim + int(engine.tape[at.EFFECTS]) :][: problem.p]
            for own, engine in zip(coefficients, (switched, without), strict=True)
        ]
        np.testing.assert_allclose(*ends, atol=2e-2)


def test_laplace_is_exact_for_the_gaussian_family():
    """The mode of the marginal density is then that of the collapsed engine, and so is the curvature."""
    from hierbayes.engines.collapsed.engine import CollapsedEngine

    problem = replace(gaussian.PROBLEMS["crossed slopes"])
    mode, peak = CollapsedEngine(problem).mode, JointEngine(problem).peak
    spread = np.sqrt(np.diag(np.linalg.inv(-mode.hessian)))
    np.testing.assert_allclose((peak.theta - mode.theta) / spread, 0, atol=0.05)
    scale = np.outer(spread, spread)
    np.testing.assert_allclose(peak.hessian * scale, -mode.hessian * scale, atol=0.05)


@pytest.fixture(scope="module")
def two_posteriors():
    """One Gaussian posterior by both engines."""
    problem = gaussian.PROBLEMS["crossed"]
    runner, labels = Runner(problem, labels_of(problem)), labels_of(problem)
    chosen = settings(draws=1500, chains=4, seed=8, progress=False)
    traces = [runner.sample(engine, chosen) for engine in ("joint", "collapsed")]
    # in one run of eight the joint engine has two divergences among its 6,000 draws
    assert all(trace.stats["diverging"].mean() <= 1 / 500 for trace in traces)
    return [named_tree(trace, labels, problem)["posterior"].to_dataset() for trace in traces]


def test_gaussian_draws_are_those_of_the_collapsed_engine(two_posteriors):
    worst, count = largest(z_scores(*two_posteriors))
    assert count > 2 * 15
    assert worst < limit(count)


def test_the_comparison_sees_an_sd_that_is_off_by_a_tenth(two_posteriors):
    ours, theirs = two_posteriors
    worst, count = largest(z_scores(ours.assign(sigma=1.1 * ours["sigma"]), theirs))
    assert worst > limit(count)


def test_identical_rows_are_added_up_and_others_kept():
    problem = problem_of(BERNOULLI, "intercept")
    bare = replace(problem, X=problem.X[:, :1], beta_priors=problem.beta_priors[:1], beta_back=np.eye(1))
    rows = arrange(bare)
    assert rows.n == bare.blocks[0].n_levels
    assert rows.a.sum() == bare.y.sum()
    assert rows.b.sum() == bare.n
    assert arrange(problem).n == problem.n


def test_rows_that_agree_but_for_a_sign_of_zero_or_a_digit():
    problem = problem_of(POISSON, "no groups")
    X = np.zeros((problem.n, 1))
    X[::2] = -0.0
    X[:5] = 1e-300
    bare = replace(problem, X=X, beta_priors=problem.beta_priors[:1], beta_back=np.eye(1))
    assert arrange(bare).n == 2


def test_what_the_engine_does_not_take_is_refused():
    problem = problem_of(BERNOULLI, "intercept")
    assert refusal(problem) is None
    assert "beta" in refusal(replace(problem, family="beta"))
    assert "coefficient" in refusal(replace(problem, beta_priors=(Normal(0, 1), HalfStudentT(3, 1))))
    block = problem.blocks[0]
    assert "Custom(print)" in refusal(replace(problem, blocks=(replace(block, sd_priors=(Custom(print),)),)))
    pair = problem_of(BERNOULLI, "unbalanced, weights, offset")
    odd = replace(pair, blocks=(replace(pair.blocks[0], corr_prior=Normal(0, 1)),))
    assert "correlation" in refusal(odd)
    wide = replace(problem, blocks=(block, replace(block, n_levels=4000), replace(block, n_levels=4000)))
    assert "4006" in refusal(wide)
    with pytest.raises(DataError, match="positive"):
        arrange(replace(problem, weights=np.zeros(problem.n)))


def test_the_runner_chooses_by_family_and_refuses_by_name():
    problem = problem_of(BERNOULLI, "intercept")
    runner = Runner(problem, labels_of(problem))
    assert runner.choose("auto")[0] == "joint"
    assert runner.choose("joint") == ("joint", "asked for")
    with pytest.raises(ModelError, match="collapsed engine does not take"):
        runner.choose("collapsed")
    skewed = replace(
        problem, family="beta", y=np.full(problem.n, 0.4), parameters=(Parameter("kappa", POSITIVE, HalfNormal(1.0)),)
    )
    odd = Runner(skewed, labels_of(skewed))
    assert odd.choose("auto")[0] == "pymc"
    with pytest.raises(ModelError, match="joint engine does not take"):
        odd.choose("joint")
    gauss = gaussian.PROBLEMS["intercept"]
    assert Runner(gauss, labels_of(gauss)).choose("auto")[0] == "collapsed"
    assert Runner(gauss, labels_of(gauss)).choose("joint")[0] == "joint"


def test_without_a_mode_the_chains_run_without_a_chart(monkeypatch):
    engine = JointEngine(problem_of(BERNOULLI, "intercept"))
    found = sample(engine, 400, 1)
    bare = JointEngine(engine.problem)
    monkeypatch.setattr(JointEngine, "peak", None)
    assert not bare.charted[at.CHART_ON]
    assert bare.tune > 400
    other = sample(bare, 400, 1)
    spread = found.draws["theta"].std(axis=(0, 1))
    gap = found.draws["theta"].mean(axis=(0, 1)) - other.draws["theta"].mean(axis=(0, 1))
    assert np.all(np.abs(gap) < 0.4 * spread)


def test_parameters_with_bounds_stay_within_them():
    problem = problem_of(by_name("gamma(log)"), "intercept")
    bounded = replace(problem, parameters=(problem.parameters[0].under(Uniform(1.0, 3.0)),))
    drawn = sample(JointEngine(bounded), 100, 2, chains=2)
    aux = JointEngine(bounded).expand(drawn.draws["theta"].reshape(200, -1)).aux[0]
    assert 1.0 < aux.min() < aux.max() < 3.0


def test_correlations_are_drawn():
    problem = problem_of(POISSON, "three columns")
    drawn = sample(JointEngine(problem), 100, 2, chains=2)
    expanded = JointEngine(problem).expand(drawn.draws["theta"].reshape(200, -1))
    assert isinstance(problem.blocks[0].corr_prior, LKJ)
    assert np.all(np.linalg.eigvalsh(expanded.corrs[0])[:, 0] > 0)
    assert expanded.b[0].shape == (200, problem.blocks[0].n_levels, 3)
