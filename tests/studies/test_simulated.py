"""Simulated data: their law against closed forms, their columns against those of a fit, and their seeds."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import hierbayes as hb
from hierbayes.studies.categories import asked_categories
from hierbayes.studies.plans import make_plan
from hierbayes.studies.worlds import make_source

DAYS = {"Days": range(3)}
SLOPES = {"Intercept": 250, "Days": 10, "sd_Subject": [25, 6], "corr_Subject": 0.5, "sigma": 5}


@dataclass(frozen=True)
class Case:
    """A structure, and what its mean and covariance are by hand; `wrong` spoils the covariance."""

    formula: str
    sizes: Any
    truth: dict[str, Any]
    mean: Any
    covariance: Any
    wrong: Any
    options: dict[str, Any] = field(default_factory=dict)


def same(table, *columns):
    """Say of each pair of rows whether they agree in all columns."""
    found = np.ones((len(table), len(table)))
    for name in columns:
        values = table[name].to_numpy()
        found *= values[:, None] == values[None]
    return found


def outer(values, other=None):
    return np.outer(values, values if other is None else other)


def of_slopes(table, corr=0.5):
    d = table["Days"].to_numpy(dtype=float)
    own = 25**2 + corr * 25 * 6 * (d[:, None] + d) + 36 * outer(d)
    return same(table, "Subject") * own + 25 * np.eye(len(d))


def of_nested(table, cask=("batch", "cask")):
    return 9 * same(table, "batch") + 4 * same(table, *cask) + np.eye(len(table))


def of_sum_coded(table, sign=-1.0):
    z = np.where(table["cond"] == "a", 1.0, sign)
    own = 4 + 0.3 * 2 * 3 * (z[:, None] + z) + 9 * outer(z)
    return same(table, "g") * own + np.eye(len(table))


def of_weights(table, use=True):
    w = table["w"].to_numpy(dtype=float)
    return 4 * same(table, "g") + 9 * np.diag(1 / w if use else np.ones(len(w)))


def of_split(table, corr=0.0):
    x = table["x"].to_numpy(dtype=float)
    own = 4 + 9 * outer(x) + corr * 6 * (x[:, None] + x)
    return same(table, "g") * own + np.eye(len(table))


def of_interaction(table, columns=("g", "h")):
    x = table["x"].to_numpy(dtype=float)
    return same(table, *columns) * 4 * outer(x) + np.eye(len(table))


def of_crossed(table, both=True):
    return 4 * same(table, "plate") + 9 * both * same(table, "sample") + np.eye(len(table))


def of_factor_slopes(table, independent=False):
    """``(0 + V | B)``: an effect for each variety in each block."""
    sds = table["V"].map({"u": 1.0, "v": 2.0, "w": 3.0}).to_numpy(dtype=float)
    corr = np.where(same(table, "V") > 0, 1.0, 0.0 if independent else 0.6)
    return same(table, "B") * corr * outer(sds) + 0.25 * np.eye(len(table))


CASES = {
    "one factor": Case(
        "y ~ 1 | g",
        {"g": [1, 2, 4]},
        {"Intercept": 3, "sd_g": 2, "sigma": 1},
        lambda t: np.full(len(t), 3.0),
        lambda t: 4 * same(t, "g") + np.eye(len(t)),
        lambda t: 5 * np.eye(len(t)),
    ),
    "correlated slopes": Case(
        "Reaction ~ Days + (Days | Subject)",
        {"Subject": 2},
        SLOPES,
        lambda t: 250 + 10.0 * t["Days"].to_numpy(),
        of_slopes,
        lambda t: of_slopes(t, corr=0.0),
        {"predictors": DAYS},
    ),
    "split by ||": Case(
        "y ~ x + (x || g)",
        {"g": 2},
        {"beta": [1, 2], "sd_g": [2, 3], "sigma": 1},
        lambda t: 1 + 2.0 * t["x"].to_numpy(),
        of_split,
        lambda t: of_split(t, corr=0.3),
        {"predictors": {"x": [1.0, 2.0, 4.0]}},
    ),
    "crossed": Case(
        "diameter ~ 1 + (1 | plate) + (1 | sample)",
        {"plate": 3, "sample": 3},
        {"Intercept": 0, "sd_plate": 2, "sd_sample": 3, "sigma": 1},
        lambda t: np.zeros(len(t)),
        of_crossed,
        lambda t: of_crossed(t, both=False),
    ),
    "nested": Case(
        "y ~ 1 + (1 | batch/cask)",
        {"batch": 2, "cask": 2, "rows": 2},
        {"Intercept": 1, "sd_batch": 3, "sd_batch:cask": 2, "sigma": 1},
        lambda t: np.ones(len(t)),
        of_nested,
        lambda t: of_nested(t, cask=("cask",)),
    ),
    "categorical slopes, sum coding": Case(
        "y ~ cond + (cond | g)",
        {"g": 2, "cond": ["a", "b"], "rows": 2},
        {"beta": {"Intercept": 5, "cond[a]": 1}, "sd_g": [2, 3], "corr_g": 0.3, "sigma": 1},
        lambda t: np.where(t["cond"] == "a", 6.0, 4.0),
        of_sum_coded,
        lambda t: of_sum_coded(t, sign=0.0),
        {"contrasts": {"cond": "sum"}},
    ),
    "an effect for each category": Case(
        "y ~ 0 + V + (0 + V | B)",
        {"B": 2, "V": ["u", "v", "w"], "rows": 1},
        {"beta": [1, 2, 3], "sd_B": {"V[u]": 1, "V[v]": 2, "V[w]": 3}, "corr_B": 0.6, "sigma": 0.5},
        lambda t: t["V"].map({"u": 1.0, "v": 2.0, "w": 3.0}).to_numpy(dtype=float),
        of_factor_slopes,
        lambda t: of_factor_slopes(t, independent=True),
    ),
    "interactions and an offset": Case(
        "y ~ x * h + offset(o) + (0 + x | g:h)",
        {"g": 2, "h": ["p", "q"]},
        {"beta": {"Intercept": 1, "x": 2, "h[q]": 3, "x:h[q]": 4}, "sd_g:h": 2, "sigma": 1},
        lambda t: 1 + 2 * t["x"] + (t["h"] == "q") * (3 + 4 * t["x"]) + t["o"],
        of_interaction,
        lambda t: of_interaction(t, columns=("g",)),
        {"predictors": {"x": [1.0, -2.0], "o": [10.0, 20.0]}},
    ),
    "weights": Case(
        "y ~ 1 + (1 | g)",
        {"g": 2, "rows": 3},
        {"Intercept": 0, "sd_g": 2, "sigma": 3},
        lambda t: np.zeros(len(t)),
        of_weights,
        lambda t: of_weights(t, use=False),
        {"weights": "w", "predictors": {"w": [1.0, 2.0, 8.0]}},
    ),
}  # fmt: skip


def many(case, count=3000):
    """Return the table of a case and many of its responses."""
    options = {"predictors": None, **case.options}
    plan = make_plan(case.formula, case.sizes, data=None, seed=1, asked=GAUSSIAN, **options)
    source = make_source(plan, case.truth)
    return plan.table, np.stack([source.draw(seed).y for seed in range(count)])


def p_value(y, mean, covariance):
    """Return how well draws agree with a normal law: the whitened second moments against the identity.

    With R draws of n whitened numbers, R S_ij^2 (i < j) and R (S_ii - 1)^2 / 2 are chi-squares to first order.
    """
    white = np.linalg.solve(np.linalg.cholesky(covariance), (y - np.asarray(mean, dtype=float)).T)
    n, R = white.shape
    S = white @ white.T / R
    off = S[np.triu_indices(n, 1)]
    squares = R * (np.sum(off**2) + np.sum((np.diag(S) - 1) ** 2) / 2 + np.sum(white.mean(axis=1) ** 2))
    return float(stats.chi2.sf(squares, len(off) + 2 * n))


@pytest.mark.parametrize("name", CASES)
def test_draws_have_the_implied_mean_and_covariance(name):
    case = CASES[name]
    table, y = many(case)
    assert p_value(y, case.mean(table), case.covariance(table)) > 1e-3
    # the controls: another covariance, another mean
    assert p_value(y, case.mean(table), case.wrong(table)) < 1e-9
    shift = 0.15 * np.sqrt(np.diag(case.covariance(table)))
    assert p_value(y, case.mean(table) + shift, case.covariance(table)) < 1e-6


@pytest.mark.parametrize("name", CASES)
def test_columns_are_those_of_a_fit(name):
    case = CASES[name]
    options = {key: value for key, value in case.options.items() if key in ("contrasts", "weights")}
    data = hb.simulate(case.formula, case.sizes, case.truth, 4, **case.options)
    assert data.columns[0] == case.formula.split()[0]
    design = hb.Model(case.formula, data, **options).design
    truth = data.attrs["truth"]
    assert list(truth["beta"]) == list(design.coefficients)
    mean = design.offset + design.X @ np.array(list(truth["beta"].values()))
    np.testing.assert_allclose(mean, np.asarray(case.mean(data), dtype=float))
    for factor in design.factors:
        terms = [term for block in design.blocks(factor) for term in block.terms]
        b = pd.DataFrame(truth[f"b_{factor}"])
        assert b.columns.tolist() == terms
        assert b.index.tolist() == list(design.blocks(factor)[0].levels)
        Z = np.hstack([block.Z for block in design.blocks(factor)])
        mean += np.sum(Z * b.to_numpy()[design.blocks(factor)[0].codes], axis=1)
    quiet = hb.simulate(case.formula, case.sizes, {**case.truth, "sigma": 0}, 4, **case.options)
    np.testing.assert_allclose(quiet.iloc[:, 0], mean, rtol=1e-12, atol=1e-12)


def slopes(seed, **change):
    return hb.simulate("Reaction ~ Days + (Days | Subject)", {"Subject": 18}, {**SLOPES, **change}, seed,
                       predictors={"Days": range(10)})  # fmt: skip


def test_one_seed_fixes_every_bit():
    assert slopes(7).equals(slopes(7))
    assert slopes(7).attrs == slopes(7).attrs
    assert not slopes(7).equals(slopes(8))


def test_what_changes_one_part_leaves_the_others():
    one, other = slopes(7).attrs["truth"], slopes(7, sigma=50, Days=3).attrs["truth"]
    assert one["b_Subject"] == other["b_Subject"]
    doubled = slopes(7, sd_Subject=[50, 12]).attrs["truth"]["b_Subject"]
    np.testing.assert_allclose(pd.DataFrame(doubled), 2 * pd.DataFrame(one["b_Subject"]))


def test_effects_of_one_factor_do_not_depend_on_another():
    truth = {"Intercept": 0, "sd_a": 1, "sigma": 1}
    alone = hb.simulate("y ~ 1 + (1 | a)", {"a": 5, "rows": 2}, truth, 3)
    both = hb.simulate("y ~ 1 + (1 | b) + (1 | a)", {"a": 5, "b": 2}, {**truth, "sd_b": 1}, 3)
    assert alone.attrs["truth"]["b_a"] == both.attrs["truth"]["b_a"]
    assert both.attrs["truth"]["b_b"]["Intercept"]["1"] != both.attrs["truth"]["b_a"]["Intercept"]["1"]


def test_a_correlation_of_one_ties_the_effects():
    b = pd.DataFrame(slopes(1, corr_Subject=1).attrs["truth"]["b_Subject"])
    np.testing.assert_allclose(b["Days"] * 25, b["Intercept"] * 6)


def test_the_truth_survives_copies_joins_and_json(tmp_path):
    data = slopes(1)
    assert json.loads(json.dumps(data.attrs)) == data.attrs
    assert data.query("Days < 3").attrs["truth"]["sigma"] == 5
    assert pd.concat([data, data.copy()]).shape == (360, 3)
    data.to_parquet(tmp_path / "data.parquet")
    assert pd.read_parquet(tmp_path / "data.parquet").attrs == data.attrs


def test_given_data_keep_their_columns_and_are_not_changed():
    given = hb.load_data("sleepstudy")
    before = given.copy()
    data = hb.simulate("Reaction ~ Days + (Days | Subject)", truth=SLOPES, data=given, seed=1)
    pd.testing.assert_frame_equal(given, before)
    assert given.attrs == {}
    assert data["Subject"].tolist() == given["Subject"].tolist()
    assert list(data.columns) == list(given.columns)
    assert not np.allclose(data["Reaction"], given["Reaction"])


def test_a_logarithm_is_undone():
    truth = {"Intercept": 2, "sd_g": 0.5, "sigma": 0.1}
    plain = hb.simulate("y ~ 1 | g", {"g": 4, "rows": 2}, truth, 1)
    for function, inverse in [("log", np.exp), ("log10", lambda v: 10**v), ("log2", np.exp2), ("log1p", np.expm1)]:
        data = hb.simulate(f"{function}(y) ~ 1 | g", {"g": 4, "rows": 2}, truth, 1)
        np.testing.assert_allclose(data["y"], inverse(plain["y"]))
    with pytest.raises(hb.DataError, match="overflows"):
        hb.simulate("log(y) ~ 1 | g", {"g": 4, "rows": 2}, {**truth, "Intercept": 2000}, 1)
    with pytest.raises(hb.FormulaError, match="cannot be simulated"):
        hb.simulate("sqrt(y) ~ 1 | g", {"g": 4, "rows": 2}, truth, 1)


def test_a_model_without_groups():
    data = hb.simulate("y ~ x", 500, {"beta": [1, 2], "sigma": 0.5}, 1, predictors={"x": hb.Uniform(0, 10)})
    found = stats.linregress(data["x"], data["y"])
    assert abs(found.slope - 2) < 4 * found.stderr
    assert abs(found.intercept - 1) < 4 * found.intercept_stderr


def test_the_truth_is_recovered():
    truth = {**SLOPES, "sigma": 20}
    data = hb.simulate("Reaction ~ Days + (Days | Subject)", {"Subject": 150}, truth, 5, predictors={"Days": range(10)})
    fit = hb.Model("Reaction ~ Days + (Days | Subject)", data).reml()
    fixed, random = fit.fixef(), fit.varcorr()
    values = {"Intercept": 250, "Days": 10}
    assert all(abs(fixed["mean"][name] - value) < 4 * fixed["sd"][name] for name, value in values.items())
    true = np.array([25, 6, 0.5, 20])
    assert np.all(np.abs(random["mean"] - true) < 4 * random["sd"])
    # the control: half and one and a half of the sds are seen to be wrong
    sds = [0, 1, 3]
    for factor in (0.5, 1.5):
        assert np.all(np.abs(random["mean"] - factor * true)[sds] > 4 * random["sd"][sds])


GAUSSIAN = asked_categories("gaussian", {})
PRIORS = {"Intercept": hb.Normal(0, 2), "sd_g": hb.HalfNormal(3), "sigma": hb.Exponential(1)}


def test_truths_from_priors_have_their_law():
    sizes = {"g": 3, "rows": 2}
    plan = make_plan("y ~ 1 | g", sizes, data=None, predictors=None, seed=1, asked=GAUSSIAN, priors=PRIORS)
    source = make_source(plan, "prior")
    worlds = [source.draw(seed).values for seed in range(3000)]
    sd = np.array([world["sd_g"][0] for world in worlds])
    assert stats.kstest([world["beta"][0] for world in worlds], stats.norm(0, 2).cdf).pvalue > 1e-3
    assert stats.kstest(sd, stats.halfnorm(scale=3).cdf).pvalue > 1e-3
    assert stats.kstest([float(world["sigma"]) for world in worlds], stats.expon().cdf).pvalue > 1e-3
    white = np.concatenate([(world["b_g"] / world["sd_g"]).ravel() for world in worlds])
    assert stats.kstest(white, stats.norm.cdf).pvalue > 1e-3
    assert stats.kstest(sd, stats.halfnorm(scale=3.5).cdf).pvalue < 1e-3


def test_simulating_from_the_prior_needs_a_scale():
    with pytest.raises(hb.ModelError, match="scaled to a response"):
        hb.simulate("y ~ 1 | g", {"g": 3, "rows": 2}, "prior", 1, priors={"Intercept": hb.Normal(0, 1)})
    with pytest.raises(hb.ModelError, match="flat"):
        hb.simulate("y ~ 1 | g", {"g": 3, "rows": 2}, "prior", 1, priors={**PRIORS, "sigma": hb.Flat()})
    data = hb.simulate("Yield ~ 1 | Batch", truth="prior", data=hb.load_data("dyestuff"), seed=1)
    assert data.attrs["truth"]["sd_Batch"]["Intercept"] > 0


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"predictors": None}, hb.FormulaError, "nothing says what column 'x' holds"),
        ({"sizes": {"rows": 3}}, hb.FormulaError, r'sizes=\{"g": ...\}'),
        ({"sizes": None}, hb.DataError, "neither sizes nor data"),
        ({"data": {"g": [1, 2]}}, hb.DataError, "give one of them"),
        ({"predictors": {"x": [1, 2], "y": [1, 2]}}, hb.DataError, "names the response"),
        ({"predictors": {"x": [1, 2], "g": [1, 2]}}, hb.DataError, "stands in sizes and in predictors"),
        ({"predictors": [1, 2]}, hb.DataError, "maps columns to values"),
        ({"truth": None}, hb.ModelError, "maps parameters"),
        ({"truth": "posterior"}, hb.ModelError, '"prior"'),
        ({"seed": -1}, hb.ModelError, "seed"),
        ({"seed": 1.5}, hb.ModelError, "seed"),
        ({"weights": "w"}, hb.FormulaError, "'w'"),
        ({"formula": "y ~ x + (1 | g"}, hb.FormulaError, "never closed"),
        ({"predictors": {"x": [1.0, np.nan]}}, hb.DataError, "x"),
        ({"predictors": {"x": [1.0, np.inf]}}, hb.DataError, "inf"),
    ],
)
def test_what_is_wrong_is_named(change, error, said):
    given = {"formula": "y ~ x + (1 | g)", "sizes": {"g": 4}, "truth": {"beta": [1, 2], "sd_g": 1, "sigma": 1},
             "seed": 1, "predictors": {"x": [1, 2]}, **change}  # fmt: skip
    with pytest.raises(error, match=said):
        hb.simulate(**given)


WEIGHED = {"Intercept": 1.0, "sd_g": 0.5, "sigma": 2.0}


def test_weights_as_values_are_a_column_by_another_name():
    sizes, values = {"g": 5, "rows": 4}, [1.0, 2.0, 4.0, 8.0]
    named = hb.simulate("y ~ 1 + (1 | g)", sizes, WEIGHED, seed=3, predictors={"weights": values}, weights="weights")
    given = hb.simulate("y ~ 1 + (1 | g)", sizes, WEIGHED, seed=3, weights=values)
    pd.testing.assert_frame_equal(given, named)
    assert given["weights"].tolist() == values * 5
    whole = np.linspace(1, 9, 20)
    table = hb.simulate("y ~ 1 + (1 | g)", sizes, WEIGHED, seed=3, weights=whole)
    np.testing.assert_array_equal(table["weights"], whole)
    # the noise is that of an unweighted table over the root of the weight
    plain = hb.simulate("y ~ 1 + (1 | g)", sizes, WEIGHED, seed=3)
    effects = 1.0 + pd.Series(plain.attrs["truth"]["b_g"]["Intercept"])[plain["g"].astype(str)].to_numpy()
    np.testing.assert_allclose(table["y"] - effects, (plain["y"] - effects) / np.sqrt(whole), rtol=1e-9)
    beside = hb.simulate(
        "y ~ weights + (1 | g)",
        sizes,
        {**WEIGHED, "weights": 0.1},
        seed=3,
        weights=values,
        predictors={"weights": [0.0, 1.0]},
    )
    assert beside["weights_2"].tolist() == values * 5


def test_weights_beside_data_are_one_a_row():
    data = pd.DataFrame({"g": list("abcde") * 4})
    values = np.linspace(1, 9, 20)
    table = hb.simulate("y ~ 1 + (1 | g)", data=data, truth=WEIGHED, seed=3, weights=values)
    np.testing.assert_array_equal(table["weights"], values)
    assert list(data.columns) == ["g"]
    with pytest.raises(hb.DataError, match=r"shape \(3,\), and the data have 20 rows"):
        hb.simulate("y ~ 1 + (1 | g)", data=data, truth=WEIGHED, weights=[1.0, 2.0, 3.0])
    with pytest.raises(hb.DataError, match="neither a column nor a list of weights"):
        hb.simulate("y ~ 1 + (1 | g)", {"g": 5}, WEIGHED, weights=2.0)
    with pytest.raises(hb.DataError, match=r"predictors\['weights'\] holds 3 values"):
        hb.simulate("y ~ 1 + (1 | g)", {"g": 5, "rows": 2}, WEIGHED, weights=[1.0, 2.0, 3.0])


def test_an_experiment_takes_the_same_weights():
    options = {"n": 3, "seed": 2, "fits": ["complete", "no"], "progress": False}
    sizes, values = {"g": 4, "rows": 3}, [1.0, 5.0, 25.0]
    one = hb.experiment("y ~ 1 + (1 | g)", sizes, WEIGHED, weights=values, **options)
    other = hb.experiment("y ~ 1 + (1 | g)", sizes, WEIGHED, weights="w", predictors={"w": values}, **options)
    pd.testing.assert_frame_equal(one.errors(), other.errors())
    plain = hb.experiment("y ~ 1 + (1 | g)", sizes, WEIGHED, **options)
    assert not np.allclose(one.errors()["error"], plain.errors()["error"])


def test_missing_values_beside_data_are_answered_with_what_there_is():
    """There is no `missing=` here: the rows have to go before."""
    data = pd.DataFrame({"g": list("abcde") * 4, "x": [np.nan, *range(19)]})
    truth = {**WEIGHED, "x": 1}
    with pytest.raises(hb.DataError, match=r"or leave those rows out \(a model does so with missing=\"drop\"\)"):
        hb.simulate("y ~ x + (1 | g)", data=data, truth=truth, seed=3)
    assert len(hb.simulate("y ~ x + (1 | g)", data=data.dropna(), truth=truth, seed=3)) == 19
    with pytest.raises(hb.DataError, match="or leave those rows out"):
        hb.Model("x ~ 1 + (1 | g)", data, missing="raise")
    with pytest.warns(hb.HierBayesWarning, match="1 of 20 rows dropped"):
        assert hb.Model("x ~ 1 + (1 | g)", data, missing="drop").design.n == 19
