"""Columns that no row determines: which are dropped, what new rows of them come to, and what is said."""

from __future__ import annotations

import json
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

import hierbayes as hb
from hierbayes.design.new_rows import rows_of
from hierbayes.design.rank import combinations, kept_columns
from hierbayes.design.schema import Schema
from hierbayes.errors import DataError, ModelError

FULL = pd.DataFrame({"f": np.tile(list("ABC"), 40), "h": np.repeat(list("uvuv"), 30), "g": np.arange(120) % 8})
FULL["x"] = np.random.default_rng(5).normal(size=120)
FULL["y"] = np.random.default_rng(6).normal(size=120) + FULL["x"]
DATA = FULL[~((FULL["f"] == "A") & (FULL["h"] == "v"))].reset_index(drop=True)
CELL = pd.DataFrame({"f": ["A"], "h": ["v"], "g": [0], "x": [0.3]})

# the columns that R's qr() by limited pivoting keeps, as lme4 does, and the one that it drops
POPULATION = {
    "y ~ 0 + f:h + (1 | g)": (("f[A]:h[u]", "f[B]:h[u]", "f[B]:h[v]", "f[C]:h[u]", "f[C]:h[v]"), "f[A]:h[v]"),
    "y ~ f*h + (1 | g)": (("Intercept", "f[B]", "f[C]", "h[v]", "f[B]:h[v]"), "f[C]:h[v]"),
    "y ~ f/h + (1 | g)": (("Intercept", "f[B]", "f[C]", "f[B]:h[v]", "f[C]:h[v]"), "f[A]:h[v]"),
    "y ~ x + I(2*x - 1)": (("Intercept", "x"), "I(2 * x - 1)"),
}


def quiet(formula: str, data: pd.DataFrame = DATA, **options: Any) -> hb.Model:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hb.HierBayesWarning)
        return hb.Model(formula, data, **options)


@pytest.mark.parametrize("formula", POPULATION)
def test_what_is_dropped_is_named_and_the_rest_spans_the_cells(formula: str) -> None:
    kept, dropped = POPULATION[formula]
    with pytest.warns(hb.HierBayesWarning, match="do not determine the column") as heard:
        model = hb.Model(formula, DATA)
    assert len(heard) == 1
    assert repr(dropped) in str(heard[0].message)
    assert model.design.coefficients == kept
    assert np.linalg.matrix_rank(model.design.X) == len(kept)
    with pytest.raises(ModelError, match="do not determine the column"):
        hb.Model(formula, DATA, rank="raise")


@pytest.mark.parametrize("coding", ["treatment", "sum", "helmert", "poly"])
def test_the_empty_cell_is_told_in_every_coding(coding: str) -> None:
    schema = quiet("y ~ x + f*h + (1 | g)", contrasts={"f": coding}).design.schema
    given = rows_of(schema, FULL, undetermined="keep")
    empty = ((FULL["f"] == "A") & (FULL["h"] == "v")).to_numpy()
    np.testing.assert_array_equal(given.gap.any(axis=1), empty)
    with pytest.raises(DataError, match=r"row 0 .* lies where the fit had no data"):
        rows_of(schema, CELL)
    found = rows_of(schema, FULL, undetermined="nan").X
    np.testing.assert_array_equal(np.isnan(found).any(axis=1), empty)


@pytest.mark.parametrize("formula", ["y ~ f + h + (f*h | g)", "y ~ f + h + (0 + f:h | g)", "y ~ f + h + (f*h || g)"])
def test_of_group_level_terms(formula: str) -> None:
    with pytest.warns(hb.HierBayesWarning, match="of the term of 'g'"):
        model = hb.Model(formula, DATA)
    for block in model.design.groups:
        assert np.linalg.matrix_rank(block.Z) == len(block.terms)
    assert sum(len(block.dropped) for block in model.design.groups) == 1
    with pytest.raises(DataError, match="the term of 'g' is without"):
        rows_of(model.design.schema, CELL)
    assert rows_of(model.design.schema, CELL, groups=False).n == 1
    with pytest.raises(ModelError, match="of the term of 'g'"):
        hb.Model(formula, DATA, rank="raise")


@pytest.mark.parametrize("formula", [*POPULATION, "y ~ f*h + (f*h | g)", "y ~ f*h + (f*h || g)"])
def test_rows_of_the_data_come_back_bit_for_bit_and_so_does_the_schema(formula: str) -> None:
    design = quiet(formula).design
    schema = Schema.from_json(json.loads(json.dumps(design.schema.to_json())))
    assert schema == design.schema
    found = rows_of(schema, DATA)
    np.testing.assert_array_equal(found.X, design.X)
    for own, block in zip(found.groups, design.groups, strict=True):
        np.testing.assert_array_equal(own.Z, block.Z)


def test_of_a_categorical_response() -> None:
    data = DATA.assign(y=np.resize(list("pqr"), len(DATA)))
    design = quiet("y ~ f*h + (1 | g)", data, family="categorical").design
    assert len(design.coefficients) == 2 * 5
    np.testing.assert_array_equal(rows_of(design.schema, data).X, design.X)
    with pytest.raises(DataError, match="lies where the fit had no data"):
        rows_of(design.schema, CELL)


def test_columns_far_from_zero_are_not_taken_for_dependent() -> None:
    x = np.random.default_rng(1).normal(size=200)
    for shift in (0.0, 1e4, 1e8):
        matrix = np.column_stack([np.ones(200), x + shift, x**2, 2 * (x + shift)])
        assert kept_columns(matrix, True).tolist() == [0, 1, 2]


def test_a_dropped_column_is_the_combination_that_it_is_said_to_be() -> None:
    rng = np.random.default_rng(2)
    base = rng.normal(size=(60, 4)) * [1, 1e6, 1e-6, 1]
    matrix = np.column_stack([np.ones(60), base, base @ [1.0, 2e-6, 3e6, 0], np.zeros(60), rng.normal(size=60)])
    kept = kept_columns(matrix, True)
    assert kept.tolist() == [0, 1, 2, 3, 4, 7]
    first, second = combinations(matrix, kept, [f"c{j}" for j in range(8)])
    np.testing.assert_allclose(first.weights, [0, 1, 2e-6, 3e6, 0, 0], rtol=1e-9)
    assert second.label == "c6"
    assert not any(second.weights)


def test_a_rare_level_among_many_rows_is_not_dropped() -> None:
    f = np.repeat([0, 1, 2], [5000, 5000, 1])
    matrix = np.column_stack([np.ones(len(f)), f == 1, f == 2])
    assert kept_columns(matrix.astype(float), True).tolist() == [0, 1, 2]


def test_more_coefficients_than_rows() -> None:
    data = pd.DataFrame(np.random.default_rng(3).normal(size=(12, 16)), columns=[f"x{i}" for i in range(16)])
    formula = "x0 ~ " + " + ".join(f"x{i}" for i in range(1, 16))
    with pytest.warns(hb.HierBayesWarning, match="16 population-level coefficients for 12 rows"):
        model = hb.Model(formula, data)
    assert len(model.design.coefficients) == 16
    expected = 2.5 * data["x0"].std() / data["x3"].std()
    assert model.resolved_priors.beta[3].sigma == pytest.approx(expected)
    with pytest.raises(ModelError, match="flat priors with as many coefficients as rows"):
        quiet(formula, data, priors="flat")


def test_a_prior_of_a_dropped_column_is_refused() -> None:
    with pytest.raises(ModelError, match=r"no parameter 'f\[C\]:h\[v\]': no row determines its column"):
        quiet("y ~ f*h", priors={"f[C]:h[v]": hb.Normal(0, 1)})
    with pytest.raises(ModelError, match="rank='keep' is not understood"):
        hb.Model("y ~ x", DATA, rank="keep")


@pytest.mark.slow
def test_means_contrasts_and_slopes_beside_an_empty_cell() -> None:
    with pytest.warns(hb.HierBayesWarning, match="do not determine"):
        fit = hb.fit("y ~ x + f*h + (1 | g)", DATA, seed=1, draws=300, chains=2, progress=False)
    means = fit.means(["f", "h"])
    empty = ((means["f"] == "A") & (means["h"] == "v")).to_numpy()
    np.testing.assert_array_equal(means["mean"].isna(), empty)
    cells = DATA.assign(left=DATA["y"] - DATA["x"]).groupby(["f", "h"])["left"].mean()
    at_zero = fit.means(["f", "h"], at={"x": 0}).dropna()
    for _, row in at_zero.iterrows():
        assert abs(row["mean"] - cells[row["f"], row["h"]]) < 4 * row["sd"]
    # the mean of A over h needs the empty cell, that of B does not
    np.testing.assert_array_equal(fit.means("f")["mean"].isna(), [True, False, False])
    contrasts = fit.contrasts(["f", "h"])
    holds = contrasts["contrast"].str.contains("A v").to_numpy()
    assert 0 < holds.sum() < len(holds)
    np.testing.assert_array_equal(contrasts["mean"].isna(), holds)
    np.testing.assert_array_equal(contrasts["prob_positive"].isna(), holds)
    # a slope is determined in every cell, and so is its mean over all cells
    slope = fit.slopes("x")
    assert slope["mean"][0] == pytest.approx(fit.fixef()["mean"]["x"], abs=1e-9)
    with pytest.raises(DataError, match="lies where the fit had no data"):
        fit.predict(CELL)
    assert fit.predict(CELL.assign(h="u"))["mean"].notna().all()


@pytest.mark.slow
def test_reml_of_an_empty_cell_gives_the_cell_means_whatever_the_formula() -> None:
    found = {text: quiet(text).reml() for text in list(POPULATION)[:3]}
    cells = found["y ~ 0 + f:h + (1 | g)"].fixef()["mean"]
    crossed, nested = found["y ~ f*h + (1 | g)"].fixef()["mean"], found["y ~ f/h + (1 | g)"].fixef()["mean"]
    assert crossed["Intercept"] + crossed["f[C]"] + crossed["h[v]"] == pytest.approx(cells["f[C]:h[v]"], abs=1e-6)
    assert nested["Intercept"] + nested["f[B]"] + nested["f[B]:h[v]"] == pytest.approx(cells["f[B]:h[v]"], abs=1e-6)
    assert crossed["Intercept"] == pytest.approx(cells["f[A]:h[u]"], abs=1e-6)
