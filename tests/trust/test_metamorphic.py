"""What must not change the posterior, and what must change it by a known factor: exact densities, not draws.

Every test compares the collapsed log density, beta and b integrated out, of two ways to write one model.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.dense import moments
from oracles.given import _log_det, covariance_parts
from scipy import stats

import hierbayes as hb
from hierbayes.engines.collapsed.engine import CollapsedEngine
from hierbayes.engines.theta import Theta

SLOPES = "y ~ x + z + (x | g) + (1 | h)"
FORMULAS = {
    "intercepts": "y ~ x + (1 | g)",
    "slopes": SLOPES,
    "three": "y ~ x + z + (x + z | g)",
    "split": "y ~ x + (x || g) + (1 | h)",
    "nested": "y ~ f + x + (1 | g/h)",
    "crossed": "y ~ f * x + (x | g) + (f | h)",
}
seeds = st.integers(0, 10**6)
often = settings(max_examples=12, deadline=None, derandomize=True)


def frame(seed, n=30):
    """Rows with unbalanced and crossed factors; y is a whole number, so that sums with large ones are exact."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "y": np.round(rng.normal(20, 6, n)),
            "x": np.round(rng.normal(3, 2, n), 3),
            "z": np.round(rng.uniform(0, 9, n), 3),
            "w": np.round(rng.uniform(0.5, 4, n), 3),
            "f": [*"pqr", *rng.choice(list("pqr"), n - 3)],
            "g": [*"abcde", *rng.choice(list("abcde"), n - 5, p=[0.4, 0.3, 0.15, 0.1, 0.05])],
            "h": [*"uvw", *rng.choice(list("uvw"), n - 3)],
        }
    )


def point(model, seed):
    """Random sds, correlations and sigma, for the columns as given."""
    rng = np.random.default_rng([seed, 1])
    sd, corr = {}, {}
    for factor in model.design.factors:
        k = sum(len(block.terms) for block in model.design.blocks(factor))
        rows = np.tril(rng.normal(size=(k, k)), -1) + 1.5 * np.eye(k)
        rows /= np.linalg.norm(rows, axis=1)[:, None]
        sd[factor], corr[factor] = rng.uniform(0.3, 5, k), rows @ rows.T
    return {"sd": sd, "corr": corr, "sigma": float(rng.uniform(1, 8))}


def make(formula, data, **options):
    return hb.Model(formula, data, **options)


def density(model, at):
    value = model.log_density(**at)
    assert np.isfinite(value)
    return value


def close(value, wanted):
    return abs(value - wanted) <= 1e-8 * max(1.0, abs(wanted))


# the same model, written otherwise


@often
@given(seed=seeds, formula=st.sampled_from(sorted(FORMULAS.values())))
def test_the_order_of_rows_does_not_matter(seed, formula):
    data = frame(seed)
    one, other = make(formula, data), make(formula, data.sample(frac=1, random_state=seed))
    assert close(density(other, point(one, seed)), density(one, point(one, seed)))


@often
@given(seed=seeds, formula=st.sampled_from(sorted(FORMULAS.values())))
def test_the_order_of_columns_and_an_index_do_not_matter(seed, formula):
    data = frame(seed)
    other = data[np.random.default_rng(seed).permutation(data.columns)].assign(more=1.5)
    other.index = pd.Index(np.random.default_rng(seed).permutation(len(data)), name="y")
    one = make(formula, data)
    assert density(make(formula, other), point(one, seed)) == density(one, point(one, seed))


@often
@given(seed=seeds)
def test_the_order_of_terms_does_not_matter(seed):
    data = frame(seed)
    one = make("y ~ x + z + f + (x + z | g) + (1 | h)", data)
    other = make("y ~ f + z + x + (1 | h) + (z + x | g)", data)
    at = point(one, seed)
    turn = np.array([0, 2, 1])
    moved = {**at, "sd": {**at["sd"], "g": at["sd"]["g"][turn]},
             "corr": {**at["corr"], "g": at["corr"]["g"][np.ix_(turn, turn)]}}  # fmt: skip
    assert close(density(other, moved), density(one, at))


LABELS = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(list(":|/_,\"' \\[]()~+*")), min_size=1)
    .map(lambda text: f"{text}."),
    min_size=8, max_size=8, unique=True,
)  # fmt: skip


@often
@given(seed=seeds, labels=LABELS, formula=st.sampled_from(["y ~ x + (1 | g/h)", SLOPES, "y ~ x + (x | g:h)"]))
def test_the_names_of_levels_do_not_matter(seed, labels, formula):
    data = frame(seed)
    names = {"g": dict(zip("abcde", labels, strict=False)), "h": dict(zip("uvw", labels[5:], strict=True))}
    other = data.assign(**{column: data[column].map(own) for column, own in names.items()})
    one = make(formula, data)
    assert close(density(make(formula, other), point(one, seed)), density(one, point(one, seed)))


def test_cells_whose_names_run_together_stay_apart():
    """Levels (a_b, c) and (a, b_c), and (a:b, c) and (a, b:c): two cells each, whatever joins their names."""
    data = frame(3).assign(g=["a", "b", "a", "b", "c"] * 6, h=["u", "v", "v", "u", "u"] * 6)
    one = make("y ~ x + (1 | g:h)", data)
    for names in ({"a": "a_b", "b": "a", "u": "c", "v": "b_c"}, {"a": "a:b", "b": "a", "u": "c", "v": "b:c"}):
        other = data.assign(g=data["g"].map({"c": "z", **names}), h=data["h"].map(names))
        assert close(density(make("y ~ x + (1 | g:h)", other), point(one, 1)), density(one, point(one, 1)))


def test_two_levels_made_one_are_seen():
    data = frame(3)
    one = make(SLOPES, data)
    assert not close(
        density(make(SLOPES, data.assign(g=data["g"].replace("e", "d"))), point(one, 1)), density(one, point(one, 1))
    )


def test_a_changed_row_is_seen():
    data = frame(3)
    one, other = make(SLOPES, data, priors=TOLD), make(SLOPES, data.assign(y=data["y"] + np.eye(30)[4]), priors=TOLD)
    assert not close(density(other, point(one, 1)), density(one, point(one, 1)))


TOLD = {
    "beta": hb.Normal(0, 10), "sd_g": hb.HalfNormal(4), "sd_h": hb.HalfStudentT(3, 4), "corr_g": hb.LKJ(1.5),
    "sigma": hb.Exponential(0.2),
}  # fmt: skip


# units and origins: the default priors move along


@often
@given(seed=seeds, formula=st.sampled_from(sorted(FORMULAS.values())), shift=st.integers(-(10**6), 10**6),
       scale=st.sampled_from([2.0**-30, 0.125, 4.0, 2.0**20, 2.0**30]))  # fmt: skip
def test_a_response_in_other_units(seed, formula, shift, scale):
    """``y -> shift + scale y``: the density falls by one power of the scale for each row, sd and sigma."""
    data = frame(seed)
    one, at = make(formula, data), point(make(formula, data), seed)
    other = make(formula, data.assign(y=scale * (data["y"] + shift)))
    moved = {**at, "sd": {factor: scale * own for factor, own in at["sd"].items()}, "sigma": scale * at["sigma"]}
    powers = one.design.n + 1 + sum(len(own) for own in at["sd"].values())
    assert close(density(other, moved), density(one, at) - powers * np.log(scale))
    if scale != 4.0:
        return
    assert not close(density(other, at), density(one, at) - powers * np.log(scale))


@often
@given(seed=seeds, offset=st.sampled_from([1e3, 1e6, -1e9, 1e9]), formula=st.sampled_from(sorted(FORMULAS.values())))
def test_a_response_far_from_nought(seed, offset, formula):
    """Whole numbers up to 1e9 hold their gaps exactly, so the density must as well, up to the mean's last bits."""
    data = frame(seed)
    one = make(formula, data)
    found = density(make(formula, data.assign(y=data["y"] + offset)), point(one, seed))
    assert found == pytest.approx(density(one, point(one, seed)), rel=1e-8, abs=1e-6)


@often
@given(seed=seeds, size=st.sampled_from([1.0, 1e3, 1e6, 1e9]))
def test_an_offset_is_what_is_taken_away(seed, size):
    data = frame(seed)
    known = np.round(np.random.default_rng(seed).normal(0, size, len(data)))
    one = make(SLOPES, data)
    other = make("y ~ x + z + offset(known) + (x | g) + (1 | h)", data.assign(y=data["y"] + known, known=known))
    assert close(density(other, point(one, seed)), density(one, point(one, seed)))


@often
@given(seed=seeds, shift=st.sampled_from([0.0, -7.0, 2.0**20, 1e9]), scale=st.sampled_from([2.0**-20, 0.5, 8.0]))
def test_a_predictor_of_the_population_in_other_units(seed, shift, scale):
    data = frame(seed)
    # quarters, so that what is added is added exactly
    data["x"] = np.round(4 * data["x"]) / 4
    one = make("y ~ x + (1 | g)", data)
    other = make("y ~ x + (1 | g)", data.assign(x=scale * (data["x"] + shift)))
    assert close(density(other, point(one, seed)), density(one, point(one, seed)))


@often
@given(seed=seeds, move=st.sampled_from([(0.0, 1024.0), (-7.0, 8.0), (100.0, 4.0), (2000.0, 0.5), (2000.0, 0.03125)]))
def test_a_predictor_that_varies_by_level_in_other_units(seed, move):
    """Effects for ``scale (x + shift)``: sds and correlation at another origin, and the Jacobian of that move."""
    shift, scale = move
    data = frame(seed)
    data["x"] = np.round(4 * data["x"]) / 4
    one, at = make(SLOPES, data), point(make(SLOPES, data), seed)
    back = np.array([[1.0, -shift], [0.0, 1.0 / scale]])
    # moves are such that 1 - corr² at the old origin keeps its digits
    start, corr = at["sd"]["g"], at["corr"]["g"]
    ahead = np.linalg.inv(back)
    given_sd, given_corr = covariance_parts(ahead, start, corr)
    other = make(SLOPES, data.assign(x=scale * (data["x"] + shift)))
    old = {**at, "sd": {**at["sd"], "g": given_sd}, "corr": {**at["corr"], "g": given_corr}}
    jacobian = _log_det(ahead, start, corr)
    assert density(other, at) == pytest.approx(density(one, old) + jacobian, rel=1e-8, abs=1e-6)


@often
@given(seed=seeds, scale=st.sampled_from([0.25, 4.0, 1024.0]))
def test_told_priors_in_other_units(seed, scale):
    """Priors that the user set, moved along with the units of the response."""
    data = frame(seed)
    moved = {key: prior.scaled(scale) if key != "corr_g" else prior for key, prior in TOLD.items()}
    one, other = make(SLOPES, data, priors=TOLD), make(SLOPES, data.assign(y=scale * data["y"]), priors=moved)
    at = point(one, seed)
    at_scale = {**at, "sd": {f: scale * own for f, own in at["sd"].items()}, "sigma": scale * at["sigma"]}
    powers = one.design.n + 1 + sum(len(own) for own in at["sd"].values())
    assert close(density(other, at_scale), density(one, at) - powers * np.log(scale))


@often
@given(seed=seeds, scale=st.sampled_from([0.25, 4.0, 1024.0]))
def test_weights_in_other_units(seed, scale):
    """Weights times four are a sigma times two: one power of two for sigma's own density."""
    data = frame(seed)
    one = make(SLOPES, data, weights="w")
    other = make(SLOPES, data.assign(w=scale * data["w"]), weights="w")
    at = point(one, seed)
    found = density(other, {**at, "sigma": np.sqrt(scale) * at["sigma"]})
    assert close(found, density(one, at) - 0.5 * np.log(scale))


# data in parts


def rows_of(problem, rows):
    blocks = tuple(replace(block, Z=block.Z[rows], codes=block.codes[rows]) for block in problem.blocks)
    parts = {name: getattr(problem, name)[rows] for name in ("y", "X", "offset", "weights")}
    return replace(problem, blocks=blocks, **parts)


@often
@given(seed=seeds, formula=st.sampled_from(sorted(FORMULAS.values())))
def test_more_rows_add_what_the_first_ones_leave_to_be_told(seed, formula):
    """log p(y1, y2 | theta) - log p(y1 | theta) = log p(y2 | y1, theta), a dense normal."""
    problem = make(formula, frame(seed)).problem
    rng = np.random.default_rng(seed)
    sds = tuple(rng.uniform(0.5, 3, block.Z.shape[1]) for block in problem.blocks)
    at = Theta(sds, tuple(np.eye(len(sd)) for sd in sds), 2.0)
    first, rest = np.arange(14), np.arange(14, problem.n)
    found = CollapsedEngine(problem).log_density(at) - CollapsedEngine(rows_of(problem, first)).log_density(at)
    assert close(found, left_to_tell(problem, sds, first, rest))
    assert not close(found, left_to_tell(problem, sds, first, rest[1:]))


def left_to_tell(problem, sds, first, rest):
    mean, K, _ = moments(problem, sds, [np.eye(len(sd)) for sd in sds], 2.0)
    gain = np.linalg.solve(K[np.ix_(first, first)], K[np.ix_(first, rest)]).T
    centre = mean[rest] + gain @ (problem.y[first] - mean[first])
    return stats.multivariate_normal(centre, K[np.ix_(rest, rest)] - gain @ K[np.ix_(first, rest)]).logpdf(
        problem.y[rest]
    )
