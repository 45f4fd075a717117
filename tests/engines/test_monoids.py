"""Sums of the collapsed engine and rows of the joint engine add: parts of any split give what the whole gives."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from operator import add

import collapsed_problems as gaussian
import joint_problems as joint
import numpy as np
import pytest

from hierbayes.engines.collapsed.conditional import CRITERIA, Conditional
from hierbayes.engines.collapsed.statistics import accumulate, statistics_of
from hierbayes.engines.collapsed.sums import Sums
from hierbayes.engines.joint.arrange import Rows, arrange
from hierbayes.engines.joint.engine import JointEngine
from hierbayes.errors import DataError, ModelError
from hierbayes.priors import Flat, Normal


def splits(problem, seed=0):
    """Return the rows of each part, by the name of the split."""
    n, rng = problem.n, np.random.default_rng(seed)
    rows = np.arange(n)
    codes = problem.blocks[0].codes[:: problem.likelihood.predictors] if problem.blocks else rows % 3
    several = [np.flatnonzero(codes == level) for level in np.unique(codes)]
    cut = np.sort(rng.integers(0, n, 4))
    return {
        "whole": [rows],
        "halves": [rows[: n // 2], rows[n // 2 :]],
        "by level": several,
        "one level in one part only": [several[0], np.concatenate([*several[1:], rows[:0]])],
        "interleaved": [rows[start::3] for start in range(3)],
        "single rows": [rows[i : i + 1] for i in range(n)],
        "one row and the rest": [rows[1:], rows[:1]],
        "empty parts": [rows[:0], rows[:5], rows[:0], rows[5:], rows[:0]],
        "permuted": np.array_split(rng.permutation(n), 4),
        "ragged and permuted": np.split(rng.permutation(n), cut),
    }


SPLITS = tuple(splits(gaussian.PROBLEMS["intercept"]))


def part(problem, rows):
    """The rows of a problem in the order given, every level kept."""
    S = problem.likelihood.predictors
    wide = (S * rows[:, None] + np.arange(S)).ravel()
    return replace(
        problem, y=problem.y[rows], X=problem.X[wide], offset=problem.offset[wide], weights=problem.weights[rows],
        trials=None if problem.trials is None else problem.trials[rows],
        blocks=tuple(replace(block, Z=block.Z[wide], codes=block.codes[wide]) for block in problem.blocks),
    )  # fmt: skip


def sums_of_parts(problem, split):
    return reduce(add, [Sums.of(part(problem, rows)) for rows in split])


def rows_of_parts(problem, split):
    return reduce(add, [arrange(part(problem, rows)) for rows in split])


def densities(problem, statistics, seed=1):
    """The log likelihood by every criterion at the identity, at points at random and at small and large sds."""
    given, rng = Conditional(problem, statistics=statistics), np.random.default_rng(seed)
    sizes = [block.Z.shape[1] for block in problem.blocks]
    plain = ([np.ones(k) for k in sizes], [np.eye(k) for k in sizes], 1.0)
    points = [plain, *(gaussian.random_theta(problem, rng) for _ in range(2))]
    points += [([scale * sd for sd in plain[0]], plain[1], 1.0) for scale in (1e-8, 1e3)]
    return [
        gaussian.evaluate(given, gaussian.flat_lam(given, *point), point[2], criterion)[0]
        for point in points
        for criterion in CRITERIA
    ]


def cross_products(statistics):
    """What the statistics hold, in the columns as given and so that no sign is free: the same however it came about."""
    # columns [border, X, y]: X = basis R, and y = residual + X shift
    base = statistics.base if statistics.rows is None else statistics.rows.border
    p, width = statistics.p, len(base)
    back = np.eye(width)
    border = width - p - 1
    back[border : border + p, border : border + p] = statistics.rotation
    back[border : border + p, -1] = statistics.rotation @ statistics.shift
    found = {"n": statistics.n, "weights": statistics.log_weights, "size": statistics.size, "r": statistics.r}
    found["shift"], found["X'X"] = statistics.shift, statistics.rotation.T @ statistics.rotation
    found["base"] = back.T @ base @ back
    levels = statistics.tail.shape[1]
    if statistics.rows is None and levels:
        found["tail"] = statistics.tail.T.reshape(levels, -1, width) @ back
    return found


def difference(problem, sums, sparse):
    """The largest difference of densities and of cross products from those of the whole, relative to their size."""
    whole, added = accumulate(problem, sparse), statistics_of(sums, sparse)
    worst = relative(densities(problem, added), densities(problem, whole))
    ours, theirs = cross_products(added), cross_products(whole)
    return max([worst, *(relative(ours[name], theirs[name]) for name in theirs)])


def relative(ours, theirs):
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape
    return float(np.max(np.abs(ours - theirs), initial=0.0) / max(1.0, float(np.max(np.abs(theirs), initial=0.0))))


@pytest.mark.parametrize(("name", "sparse"), gaussian.CASES)
@pytest.mark.parametrize("split", SPLITS)
def test_sums_of_parts_are_those_of_the_whole(name, sparse, split):
    problem = gaussian.PROBLEMS[name]
    assert difference(problem, sums_of_parts(problem, splits(problem)[split]), sparse) < 1e-10


@pytest.mark.parametrize("seed", range(12))
def test_random_splits_in_any_order_and_any_nesting(seed):
    problem, rng = gaussian.PROBLEMS["four terms"], np.random.default_rng(seed)
    parts = np.split(rng.permutation(problem.n), np.sort(rng.integers(0, problem.n, int(rng.integers(1, 12)))))
    pending = [Sums.of(part(problem, rows)) for rows in parts]
    while len(pending) > 1:
        first = pending.pop(int(rng.integers(len(pending))))
        second = pending.pop(int(rng.integers(len(pending))))
        pending.append(first + second)
    assert difference(problem, pending[0], bool(seed % 2)) < 1e-10


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("far", [1e6, 1e9])
def test_a_far_response_keeps_its_digits(split, far):
    problem = gaussian.PROBLEMS["unbalanced, weights, offset"]
    moved = replace(problem, y=np.round(problem.y, 3) + far, offset=np.zeros(problem.n), beta_priors=(Flat(), Flat()))
    added = statistics_of(sums_of_parts(moved, splits(moved)[split]))
    assert relative(densities(moved, added), densities(moved, accumulate(moved))) < 1e-10


def test_a_column_that_is_nearly_nothing_in_one_row_takes_no_mean():
    problem = gaussian.PROBLEMS["intercept"]
    X = np.linspace(-1.0, 1.0, problem.n)[:, None]
    X[0] = 1e-17
    bare = replace(problem, X=X, beta_priors=(Flat(),), beta_back=np.eye(1))
    assert difference(bare, sums_of_parts(bare, splits(bare)["single rows"]), None) < 1e-10


@pytest.mark.parametrize("split", SPLITS)
def test_dependent_columns_have_the_density_of_the_whole(split):
    problem = gaussian.PROBLEMS["unbalanced, weights, offset"]
    priors = tuple(Normal(0.2 * k, 1.5) for k in range(3))
    twice = replace(problem, X=problem.X[:, [0, 1, 1]], beta_priors=priors, beta_back=np.eye(3))
    added = statistics_of(sums_of_parts(twice, splits(twice)[split]))
    bayes = slice(None, None, len(CRITERIA))
    assert relative(densities(twice, added)[bayes], densities(twice, accumulate(twice))[bayes]) < 1e-10


def test_fewer_rows_than_columns_add_up_to_enough():
    problem = gaussian.PROBLEMS["big blocks crossed"]
    parts = [Sums.of(part(problem, np.arange(start, start + 2))) for start in range(0, problem.n, 2)]
    assert all(own.rows.n <= 4 for own in parts)
    assert difference(problem, reduce(add, parts), None) < 1e-10


def test_a_border_that_is_eliminated_in_part_and_levels_without_rows():
    rng = np.random.default_rng(8)
    blocks = [gaussian.block(rng, rng.integers(0, levels, 900), n_levels=levels) for levels in (450, 120)]
    problem = gaussian.problem(rng, blocks, 900, p=3, weights=True, offset=True)
    added = sums_of_parts(problem, np.array_split(rng.permutation(900), 7))
    assert len(statistics_of(added, True).thin.levels) == 120
    for sparse in (False, True):
        assert difference(problem, added, sparse) < 1e-10


def test_sums_do_not_grow_with_the_rows():
    problem = gaussian.PROBLEMS["correlated slope"]
    once, levels = Sums.of(problem), problem.blocks[0].n_levels
    assert once.rows.n == levels * problem.blocks[0].Z.shape[1] + problem.p + 1
    twice = once + once
    assert (twice.n, twice.rows.n) == (2 * problem.n, once.rows.n)
    doubled = part(problem, np.r_[np.arange(problem.n), np.arange(problem.n)])
    assert difference(doubled, twice, None) < 1e-10


@pytest.mark.parametrize(("name", "sparse"), [("correlated slope", False), ("nested", True), ("crossed slopes", True)])
def test_a_level_counted_twice_or_lost_is_seen(name, sparse):
    problem = gaussian.PROBLEMS[name]
    levels = splits(problem)["by level"]
    assert difference(problem, sums_of_parts(problem, [*levels, levels[1][:0]]), sparse) < 1e-10
    assert difference(problem, sums_of_parts(problem, [*levels, levels[1]]), sparse) > 1e-4
    assert difference(problem, sums_of_parts(problem, levels[1:]), sparse) > 1e-4


def test_wrong_additions_are_seen(monkeypatch):
    from hierbayes.engines.collapsed import sums as module

    problem = gaussian.PROBLEMS["correlated slope"]
    split = splits(problem)["interleaved"]
    right = module._stacked

    def swapped(one, two):
        both = right(one, two)
        return replace(both, blocks=tuple(replace(own, codes=np.sort(own.codes)) for own in both.blocks))

    def unmoved(self, origin):
        return self.rows

    for name, wrong in [("_stacked", swapped), ("Sums._about", unmoved)]:
        with monkeypatch.context() as planted:
            planted.setattr(f"{module.__name__}.{name}", wrong)
            assert difference(problem, sums_of_parts(problem, split), False) > 1e-6


def test_what_does_not_add_is_refused():
    one, other = Sums.of(gaussian.PROBLEMS["intercept"]), Sums.of(gaussian.PROBLEMS["correlated slope"])
    with pytest.raises(ModelError, match="different models"):
        one + other
    problem = gaussian.PROBLEMS["intercept"]
    with pytest.raises(DataError, match="positive"):
        Sums.of(replace(problem, weights=np.zeros(problem.n)))
    with pytest.raises(ModelError, match="gaussian"):
        Sums.of(replace(problem, family="poisson", link="log"))
    poisson, bernoulli = (joint.problem_of(joint.FAMILIES[i], "intercept") for i in (7, 3))
    with pytest.raises(ModelError, match="different models"):
        arrange(poisson) + arrange(bernoulli)


def coarse(problem):
    """The problem with columns of few values and weights of two, so that rows agree."""
    blocks = tuple(replace(block, Z=np.sign(block.Z)) for block in problem.blocks)
    return replace(
        problem, X=np.sign(problem.X), offset=np.zeros_like(problem.offset), blocks=blocks,
        weights=np.where(np.arange(problem.n) % 5, 1.0, 1.5),
    )  # fmt: skip


def joint_densities(problem, rows, seed=3):
    engine, rng = JointEngine(problem), np.random.default_rng(seed)
    engine.__dict__["rows"] = rows
    found = []
    for _ in range(3):
        point, theta = joint.point_at_random(problem, rng)
        found.append(engine.log_density(theta, point.beta, point.b))
    return found


JOINT = [(family, structure) for family in joint.FAMILIES for structure in ("no groups", "intercept", "crossed slopes")]


@pytest.mark.parametrize(("family", "structure"), JOINT, ids=lambda own: getattr(own, "name", own))
@pytest.mark.parametrize("prepare", [coarse, lambda problem: problem], ids=["rows agree", "rows differ"])
def test_rows_of_parts_have_the_density_of_the_whole(family, structure, prepare):
    problem = prepare(joint.problem_of(family, structure))
    expected = joint_densities(problem, arrange(problem))
    for name, split in splits(problem).items():
        added = rows_of_parts(problem, split)
        assert relative(joint_densities(problem, added), expected) < 1e-10, name


def canonical(rows: Rows):
    """The rows of each observation with their numbers, in one order; the sum of the numbers where all rows add."""
    S = rows.predictors
    keys = np.column_stack([rows.offset, rows.X, *rows.Z, *rows.codes]).reshape(len(rows.a) // S, -1)
    table = np.column_stack([keys, rows.a.reshape(-1, S), rows.b[::S]])
    return table[np.lexsort(table.T[::-1])]


@pytest.mark.parametrize("family", joint.FAMILIES, ids=lambda own: f"{own.name}-{own.link}")
@pytest.mark.parametrize("split", SPLITS)
def test_the_same_rows_are_added_up_whatever_the_split(family, split):
    problem = coarse(joint.problem_of(family, "intercept"))
    whole, added = arrange(problem), rows_of_parts(problem, splits(problem)[split])
    assert relative(canonical(added), canonical(whole)) < 1e-10
    assert (added.kind, added.order, added.predictors) == (whole.kind, whole.order, whole.predictors)
    assert relative(added.consts, whole.consts) < 1e-10
    assert relative(added.counts, whole.counts) < 1e-10
    if whole.adds == "none":
        assert added.n == problem.n
    assert np.all(np.diff(added.codes[0]) >= 0)


def test_single_trials_stay_single_until_rows_agree():
    problem = joint.problem_of(joint.FAMILIES[3], "intercept")
    plain = replace(problem, weights=np.ones(problem.n))
    for prepared in (plain, replace(coarse(plain), weights=np.ones(problem.n))):
        for split in splits(prepared).values():
            assert rows_of_parts(prepared, split).kind == arrange(prepared).kind


@pytest.mark.parametrize("family", joint.FAMILIES, ids=lambda own: f"{own.name}-{own.link}")
def test_rows_counted_twice_are_seen(family):
    problem = coarse(joint.problem_of(family, "intercept"))
    split = splits(problem)["by level"]
    expected = joint_densities(problem, arrange(problem))
    assert relative(joint_densities(problem, rows_of_parts(problem, [*split, split[0]])), expected) > 1e-4
    assert relative(joint_densities(problem, rows_of_parts(problem, split[1:])), expected) > 1e-4
