"""REML and ML end at the best optimum known: random models, codings of the same model, lme4, and other searches."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from classical_designs import CODINGS, contrasts, random_design
from other_descents import triangular_descent

import hierbayes as hb
from hierbayes.engines.collapsed.columns import orthonormal
from hierbayes.engines.collapsed.criterion import Criterion
from hierbayes.engines.collapsed.likelihood import fit_ml, fit_reml, plain
from hierbayes.engines.collapsed.optimum import Optimum
from hierbayes.engines.collapsed.quasi_newton import minimise
from hierbayes.errors import ModelError

FOLDER = Path(__file__).parents[1] / "reference"
BEST = json.loads((FOLDER / "classical_optima.json").read_text())
SAME = 1e-4


def fit_of(seed, coding="treatment"):
    return (fit_ml if seed % 2 else fit_reml)(random_design(seed).problem(coding))


def test_the_random_models_are_those_of_the_reference():
    for seed, row in BEST.items():
        design = random_design(int(seed))
        assert (len(design.y), pytest.approx(row["y"], abs=1e-4)) == (row["rows"], design.y.sum())
    assert {random_design(int(seed)).columns for seed in BEST} == set(range(1, 11))


@pytest.mark.slow
@pytest.mark.parametrize("tens", range(len(BEST) // 10))
def test_random_fits_are_the_best_known(tens):
    """The best of four codings, of random starts of another method, and of lme4's bobyqa."""
    for seed in range(10 * tens, 10 * tens + 10):
        row = BEST[str(seed)]
        if "refused" in row:
            with pytest.raises(ModelError, match="sigma tends to 0"):
                fit_of(seed)
            continue
        fit = fit_of(seed)
        assert -2 * fit.loglik == pytest.approx(row["best"], abs=SAME), seed
        assert fit.singular == row["singular"], seed
        if "lme4" in row:
            assert -2 * fit.loglik < row["lme4"]["criterion"] + SAME, seed


def test_singular_is_what_lme4_says_where_it_reaches_the_optimum():
    rows = [row for row in BEST.values() if "lme4" in row and abs(row["lme4"]["criterion"] - row["best"]) < SAME]
    assert len(rows) >= 15
    assert all(row["singular"] == row["lme4"]["singular"] for row in rows)


def test_a_single_descent_in_the_given_columns_is_not_enough():
    """The search before: from one start, in the entries of triangular factors, bounded by 0."""
    worse = 0
    for seed in range(30):
        problem = plain(random_design(seed).problem())
        single = 2 * triangular_descent(Criterion(problem, "ml" if seed % 2 else "reml"))
        assert single > BEST[str(seed)]["best"] - SAME
        worse += single > BEST[str(seed)]["best"] + SAME
    assert worse >= 5


@pytest.mark.parametrize("seed", range(20))
def test_the_coding_of_the_columns_does_not_matter(seed):
    fits = [fit_of(seed, coding) for coding in CODINGS]
    criteria = [-2 * fit.loglik for fit in fits]
    assert max(criteria) - min(criteria) < SAME
    assert len({fit.singular for fit in fits}) == 1


@pytest.mark.parametrize(("seed", "right"), [(134, 347.1182), (46, 374.6540), (63, 386.2557)])
def test_contrasts_of_a_formula_do_not_matter(seed, right):
    rng = np.random.default_rng(seed)
    n, levels = 120, list("ABC") if seed % 2 else list("ABCD")
    d = pd.DataFrame({"f": rng.choice(levels, n), "g": np.repeat(np.arange(12), 10)})
    d["y"] = (
        rng.normal(size=n) + (d.f == "B") * 1 + rng.normal(size=12)[d.g] * rng.choice([0.2, 1])
        + (d.f == "C") * rng.normal(size=12)[d.g] * rng.choice([0, 0.5, 1])
    )  # fmt: skip
    models = {k: hb.Model("y ~ f + (f | g)", d, contrasts={"f": k}) for k in ("treatment", "sum", "helmert")}
    models["cell means"] = hb.Model("y ~ f + (0 + f | g)", d)
    for model in models.values():
        assert model.ml().criterion == pytest.approx(right, abs=SAME)
    # REML's criterion has a constant, the log determinant of the contrasts of the population
    plain_criterion = models["treatment"].reml().criterion
    for name in ("sum", "helmert"):
        turn = np.linalg.slogdet(contrasts(name, len(levels)))[1]
        assert models[name].reml().criterion == pytest.approx(plain_criterion + 2 * turn, abs=SAME)


@pytest.mark.parametrize("formula", ["y ~ cond + (cond | subj)", "y ~ cond + (0 + cond | subj)"])
def test_eight_columns_are_those_of_lme4(formula):
    """60 subjects, 8 conditions, 4 rows each; lme4's REML log-likelihood is -2372.93."""
    fit = hb.Model(formula, pd.read_csv(FOLDER / "sim8.csv")).reml()
    assert fit.loglik == pytest.approx(-2372.9254, abs=1e-3)
    assert not fit.singular
    assert fit.estimates.sigma == pytest.approx(0.70, abs=0.02)


def test_many_rows_and_two_crossed_slopes():
    """No start nearby is better: the search from far away ends at the same optimum."""
    rng = np.random.default_rng(3)
    n, a, b = 20_000, 40, 25
    x, first, second = rng.normal(size=n), rng.integers(0, a, n), rng.integers(0, b, n)
    L = np.array([[0.3, 0.0], [0.1, 0.02]])
    y = 1 + x + rng.normal(size=n)
    for codes, levels in ((first, a), (second, b)):
        effects = rng.normal(size=(levels, 2)) @ L.T
        y += effects[codes, 0] + effects[codes, 1] * x
    d = pd.DataFrame({"y": y, "x": x, "a": first, "b": second})
    problem = hb.Model("y ~ x + (x | a) + (x | b)", d).problem
    fit = fit_reml(problem)
    criterion = Criterion(orthonormal(plain(problem)).problem, "reml")
    for size in (0.01, 3.0):
        start = np.concatenate([(size * np.eye(2)).ravel()] * 2)
        other = minimise(criterion, start, np.full(8, 1e-3), 1e-8)
        assert fit.loglik > -other.value - 1e-5


def derivatives(seed):
    """Return a fit and, of each piece, the derivative of the log likelihood in its covariance, and the covariance."""
    problem = random_design(seed).problem()
    fit = fit_of(seed)
    moved = orthonormal(plain(problem))
    criterion = Criterion(moved.problem, "ml" if seed % 2 else "reml")
    roots = [turn @ factor / fit.sigma for turn, factor in zip(moved.turns, fit.factors, strict=True)]
    parts = [slice(piece.column, piece.column + piece.k) for piece in criterion.pieces]
    own = [roots[piece.block][part, part] for piece, part in zip(criterion.pieces, parts, strict=True)]
    slopes = criterion.by_covariance(np.concatenate([root.ravel() for root in own]), 1e-4)
    return fit, list(zip(slopes, own, strict=True))


@pytest.mark.parametrize("seed", range(25))
def test_conditions_of_an_optimum_on_the_cone_of_covariances(seed):
    """The derivative G has no positive direction, and none where there is variance: G Sigma = 0."""
    fit, pieces = derivatives(seed)
    ranks = []
    for G, root in pieces:
        size = 1.0 + np.linalg.norm(root) ** 2
        assert np.linalg.eigvalsh(G)[-1] < 2e-2
        assert np.linalg.norm(root.T @ G @ root) < 1e-3 * size
        values = np.linalg.svd(root, compute_uv=False)
        ranks.append(np.all(values > 1e-6))
    assert fit.singular == (not all(ranks))


def test_gradient_is_that_of_differences():
    for seed in (1, 4, 7):
        criterion = Criterion(plain(random_design(seed).problem()), "reml")
        rng = np.random.default_rng(seed)
        x = rng.normal(size=criterion.size)
        gradient = criterion(x)[1]
        for i in range(0, len(x), 3):
            step = np.zeros(len(x))
            step[i] = 1e-5
            wanted = (criterion(x + step)[0] - criterion(x - step)[0]) / 2e-5
            assert gradient[i] == pytest.approx(wanted, abs=1e-4 * max(1.0, np.abs(gradient).max()))


def test_starts_that_disagree_are_said():
    one = Optimum(np.zeros(0), 1.0, (), 0.0, (1.0, 1.0, 1.5))
    assert one.agreed
    assert not replace(one, reached=(1.0, 1.5, 1.5)).agreed
    assert not replace(one, promised=1.0).converged
    assert Optimum(np.zeros(0), 1.0, (), 0.0).agreed


def test_a_doubtful_fit_warns_and_says_so(monkeypatch):
    sleep = hb.load_data("sleepstudy")
    model = hb.Model("Reaction ~ Days + (Days | Subject)", sleep)
    monkeypatch.setattr(Optimum, "agreed", property(lambda self: False))
    with pytest.warns(hb.HierBayesWarning, match="a better one may exist"):
        fit = model.reml()
    assert "a better one may exist" in fit.doubt
    assert "a better one may exist" in repr(fit)
    monkeypatch.undo()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert model.reml().doubt == ""
