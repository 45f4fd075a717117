"""Formulas and the arrays that they become, as a table."""

from __future__ import annotations

import random
from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.interpolate import BSpline

import hierbayes as hb
from hierbayes.design.build import build
from hierbayes.design.design import Design
from hierbayes.errors import DataError, FormulaError, ModelError
from hierbayes.spec import make_spec

N = 24
RNG = np.random.default_rng(1)


def frame() -> pd.DataFrame:
    """Twenty-four rows: numbers x, z (positive), small integers k, a categorical f whose order is c, a, b, text h,
    a boolean t, groups g, and casks named alike within samples s."""
    rng = np.random.default_rng(7)
    return pd.DataFrame(
        {
            "y": rng.normal(10, 2, N),
            "x": rng.normal(size=N),
            "z": rng.uniform(1, 5, N),
            "k": np.arange(N, dtype=np.uint8) + np.uint8(200),
            "f": pd.Categorical(np.resize(["b", "c", "a"], N), categories=["c", "a", "b"]),
            "h": np.resize(["v", "u", "u", "v", "v", "u", "u"], N),
            "t": np.resize([True, False, False, True, False], N),
            "g": np.resize(list("qprs"), N),
            "s": np.repeat(["B", "A", "C"], N // 3),
            "cask": np.resize(["a", "b", "b"], N),
        }
    )


DATA = frame()


def by_hand() -> dict[str, np.ndarray]:
    """What each label means, computed without the package."""
    d = DATA
    x, z, k = d["x"].to_numpy(), d["z"].to_numpy(), d["k"].to_numpy().astype(float)
    t = d["t"].to_numpy().astype(float)
    columns = {
        "Intercept": np.ones(N),
        "x": x,
        "z": z,
        "k": k,
        "t[True]": t,
        "t[False]": 1 - t,
        "I(k * k)": k**2,
        "I(x^2)": x**2,
        "I(x * t)": x * t,
        'I(f == "a")': (d["f"] == "a").to_numpy().astype(float),
        "log(z)": np.log(z),
        "center(z)": z - z.mean(),
        "scale(z)": (z - z.mean()) / z.std(ddof=1),
        "poly(z, 2, raw=True)[1]": z,
        "poly(z, 2, raw=True)[2]": z**2,
    }
    for name in "fhgs":
        columns |= {f"{name}[{level}]": (d[name] == level).to_numpy().astype(float) for level in set(d[name])}
    columns |= orthogonal_polynomials(z)
    columns |= cubic_spline(z)
    return columns


def orthogonal_polynomials(z: np.ndarray) -> dict[str, np.ndarray]:
    """Gram-Schmidt, as R's poly(z, 2): orthogonal to the constant and to each other, of length 1."""
    linear = z - z.mean()
    linear = linear / np.linalg.norm(linear)
    square = linear**2 - np.mean(linear**2)
    square = square - (square @ linear) * linear
    return {"poly(z, 2)[1]": linear, "poly(z, 2)[2]": square / np.linalg.norm(square)}


def cubic_spline(z: np.ndarray) -> dict[str, np.ndarray]:
    """Cubic B-splines with 4 degrees of freedom: one inner knot at the median; the first is left out, as in R."""
    knots = np.r_[[z.min()] * 4, np.median(z), [z.max()] * 4]
    basis = np.column_stack([BSpline(knots, np.eye(5)[j], 3)(z) for j in range(5)])
    return {f"bs(z, 4)[{j}]": basis[:, j] for j in range(1, 5)}


HAND = by_hand()

# formula ¦ canonical right side ¦ population columns, a space between them ¦ factor: terms (n x k, levels)
TABLE = """
y ~ 1                      ¦ 1                 ¦ Intercept                              ¦
y ~ x                      ¦ 1 + x             ¦ Intercept x                            ¦
y ~ 0 + x                  ¦ 0 + x             ¦ x                                      ¦
y ~ x - 1                  ¦ 0 + x             ¦ x                                      ¦
y ~ f                      ¦ 1 + f             ¦ Intercept f[a] f[b]                    ¦
y ~ 0 + f                  ¦ 0 + f             ¦ f[c] f[a] f[b]                         ¦
y ~ 0 + f + h              ¦ 0 + f + h         ¦ f[c] f[a] f[b] h[v]                    ¦
y ~ 0 + x + f              ¦ 0 + x + f         ¦ x f[c] f[a] f[b]                       ¦
y ~ h * x                  ¦ 1 + h + x + h:x   ¦ Intercept h[v] x h[v]:x                ¦
y ~ f:x                    ¦ 1 + f:x           ¦ Intercept f[c]:x f[a]:x f[b]:x         ¦
y ~ x + f:x                ¦ 1 + x + f:x       ¦ Intercept x f[a]:x f[b]:x              ¦
y ~ f * h                  ¦ 1 + f + h + f:h   ¦ Intercept f[a] f[b] h[v] f[a]:h[v] f[b]:h[v] ¦
y ~ f / h                  ¦ 1 + f + f:h       ¦ Intercept f[a] f[b] f[c]:h[v] f[a]:h[v] f[b]:h[v] ¦
y ~ f:h                    ¦ 1 + f:h           ¦ Intercept h[v] f[a]:h[u] f[a]:h[v] f[b]:h[u] f[b]:h[v] ¦
y ~ 0 + f:h                ¦ 0 + f:h           ¦ f[c]:h[u] f[c]:h[v] f[a]:h[u] f[a]:h[v] f[b]:h[u] f[b]:h[v] ¦
y ~ x:z + z:x:h            ¦ 1 + x:z + z:x:h   ¦ Intercept x:z z:x:h[v]                  ¦
y ~ t                      ¦ 1 + t             ¦ Intercept t[True]                      ¦
y ~ 0 + t                  ¦ 0 + t             ¦ t[False] t[True]                       ¦
y ~ t:x                    ¦ 1 + t:x           ¦ Intercept t[False]:x t[True]:x         ¦
y ~ I(x * t)               ¦ 1 + I(x * t)      ¦ Intercept I(x * t)                     ¦
y ~ k + I(k * k)           ¦ 1 + k + I(k * k)  ¦ Intercept k I(k * k)                   ¦
y ~ I(x**2) + I(f == "a")  ¦ 1 + I(x^2) + I(f == "a") ¦ Intercept I(x^2) I(f == "a")    ¦
y ~ log(z) + center(z)     ¦ 1 + log(z) + center(z) ¦ Intercept log(z) center(z)        ¦
y ~ scale(z):h             ¦ 1 + scale(z):h    ¦ Intercept scale(z):h[u] scale(z):h[v]  ¦
y ~ poly(z, 2)             ¦ 1 + poly(z, 2)    ¦ Intercept poly(z, 2)[1] poly(z, 2)[2]  ¦
y ~ poly(z, 2, raw=TRUE)   ¦ 1 + poly(z, 2, raw=True) ¦ Intercept poly(z, 2, raw=True)[1] poly(z, 2, raw=True)[2] ¦
y ~ bs(z, 4)               ¦ 1 + bs(z, 4)      ¦ Intercept bs(z, 4)[1] bs(z, 4)[2] bs(z, 4)[3] bs(z, 4)[4] ¦
y ~ (1 | g)                ¦ 1 + (1 | g)       ¦ Intercept   ¦ g: Intercept (n x 1, 4)
y ~ x | g                  ¦ 1 + (1 + x | g)     ¦ Intercept   ¦ g: Intercept x (n x 2, 4)
y ~ x + (0 + x | g)        ¦ 1 + x + (0 + x | g) ¦ Intercept x ¦ g: x (n x 1, 4)
y ~ x + (x || g)           ¦ 1 + x + (1 + x || g) ¦ Intercept x ¦ g: Intercept (n x 1, 4); g: x (n x 1, 4)
y ~ (f | g)                ¦ 1 + (1 + f | g)   ¦ Intercept ¦ g: Intercept f[a] f[b] (n x 3, 4)
y ~ (f || g)               ¦ 1 + (1 + f || g) ¦ Intercept ¦ g: Intercept (n x 1, 4); g: f[c] f[a] f[b] (n x 3, 4)
y ~ (0 + f | g)            ¦ 1 + (0 + f | g)   ¦ Intercept ¦ g: f[c] f[a] f[b] (n x 3, 4)
y ~ (h * x | g)            ¦ 1 + (1 + h + x + h:x | g) ¦ Intercept ¦ g: Intercept h[v] x h[v]:x (n x 4, 4)
y ~ (log(z) | g)           ¦ 1 + (1 + log(z) | g) ¦ Intercept ¦ g: Intercept log(z) (n x 2, 4)
y ~ (1 | s/cask) ¦ 1 + (1 | s) + (1 | s:cask) ¦ Intercept ¦ s: Intercept (n x 1, 3); s:cask: Intercept (n x 1, 6)
y ~ (1 | g) + (x | s) ¦ 1 + (1 | g) + (1 + x | s) ¦ Intercept ¦ g: Intercept (n x 1, 4); s: Intercept x (n x 2, 3)
y ~ (1 | g) + (1 | g)      ¦ 1 + (1 | g) + (1 | g) ¦ Intercept ¦ g: Intercept (n x 1, 4); g: Intercept_2 (n x 1, 4)
y ~ (1 | g) + (x | g) ¦ 1 + (1 | g) + (1 + x | g) ¦ Intercept ¦ g: Intercept (n x 1, 4); g: Intercept_2 x (n x 2, 4)
"""
ROWS = [[cell.strip() for cell in row.split("¦")] for row in TABLE.strip().splitlines()]


def design(formula: str, data: Any = DATA, **options: Any) -> Design:
    return build(make_spec(formula, **options), data)


def labels(text: str) -> list[str]:
    """Split at spaces outside brackets."""
    parts, depth = [""], 0
    for letter in text.strip():
        depth += (letter in "([") - (letter in ")]")
        if letter == " " and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part for part in parts if part]


def meaning(label: str) -> np.ndarray:
    """Return the column of a label, a product of columns made by hand."""
    plain = label.removesuffix("_2")
    return np.prod([HAND[piece] for piece in plain.split(":")], axis=0)


def levels_by_hand(factor: str) -> list[str]:
    return sorted({":".join(row) for row in DATA[factor.split(":")].itertuples(index=False)})


@pytest.mark.parametrize(("formula", "canonical", "columns", "groups"), ROWS, ids=[row[0] for row in ROWS])
def test_a_formula_has_these_terms_columns_and_blocks(formula: str, canonical: str, columns: str, groups: str) -> None:
    spec = make_spec(formula)
    found = build(spec, DATA)
    assert spec.formula.canonical == f"y ~ {canonical}"
    assert list(found.coefficients) == labels(columns)
    np.testing.assert_allclose(found.X, np.column_stack([meaning(each) for each in labels(columns)]), atol=1e-12)
    assert np.linalg.matrix_rank(found.X) == found.X.shape[1]
    shown = "; ".join(
        f"{block.factor}: {' '.join(block.terms)} (n x {len(block.terms)}, {block.n_levels})" for block in found.groups
    )
    assert shown == groups
    for block in found.groups:
        assert block.Z.shape == (N, len(block.terms))
        np.testing.assert_allclose(block.Z, np.column_stack([meaning(each) for each in block.terms]), atol=1e-12)
        assert list(block.levels) == levels_by_hand(block.factor)
        rows = DATA[block.factor.split(":")].itertuples(index=False)
        assert [block.levels[code] for code in block.codes] == [":".join(row) for row in rows]


TERMS = """
y ~ 1             ¦ 0
y ~ 0 + x         ¦ 1
y ~ f + x         ¦ 0 1 1 2
y ~ f:h           ¦ 0 1 1 1 1 1
y ~ h * x         ¦ 0 1 2 3
y ~ poly(z, 2) + t ¦ 0 1 1 2
"""


@pytest.mark.parametrize("row", TERMS.strip().splitlines())
def test_every_column_knows_its_term(row: str) -> None:
    formula, terms = row.split("¦")
    assert design(formula).terms == tuple(map(int, terms.split()))


def complete_factorial() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    cells = pd.MultiIndex.from_product([list("abc"), list("uv"), list("pqr"), range(6)], names=["f", "h", "s", "i"])
    data = cells.to_frame(index=False)
    for name in "xzy":
        data[name] = rng.normal(size=len(data))
    return data


def overcomplete(data: pd.DataFrame, term: tuple[str, ...]) -> np.ndarray:
    """Every indicator and every product: all that a term can span."""
    matrix = np.ones((len(data), 1))
    for name in term:
        own = data[[name]].to_numpy(float) if name in "xz" else pd.get_dummies(data[name]).to_numpy(float)
        matrix = (matrix[:, :, None] * own[:, None, :]).reshape(len(data), -1)
    return matrix


def test_no_coding_lacks_a_column_or_holds_one_too_many() -> None:
    data = complete_factorial()
    chance = random.Random(1)
    every = [term for k in (1, 2, 3) for term in combinations("fhsxz", k)]
    for _ in range(150):
        terms = chance.sample(every, chance.randint(1, 4))
        intercept = chance.random() < 0.6
        text = " + ".join(":".join(chance.sample(term, len(term))) for term in terms)
        X = design(f"y ~ {int(intercept)} + {text}", data).X
        parts = [np.ones((len(data), int(intercept))), *(overcomplete(data, term) for term in terms)]
        rank = np.linalg.matrix_rank(np.hstack(parts))
        assert X.shape[1] == rank, text
        assert np.linalg.matrix_rank(np.hstack([X, *parts])) == rank == np.linalg.matrix_rank(X), text


def test_three_way_cells_without_their_margins_span_every_cell() -> None:
    # formulae gives 15 columns for these 18 cells
    assert design("y ~ f:h:s", complete_factorial()).X.shape[1] == 18


# what R prints for contr.treatment(4, base = 2), contr.sum(4), contr.helmert(4) and contr.poly(4)
R_CONTRASTS: Mapping[str, tuple[Any, str, str]] = {
    "treatment": ({"treatment": "B"}, "1 0 0 / 0 0 0 / 0 1 0 / 0 0 1", "A C D"),
    "sum": ("sum", "1 0 0 / 0 1 0 / 0 0 1 / -1 -1 -1", "A B C"),
    "sum without B": (("sum", "B"), "1 0 0 / -1 -1 -1 / 0 1 0 / 0 0 1", "A C D"),
    "helmert": ("helmert", "-1 -1 -1 / 1 -1 -1 / 0 2 -1 / 0 0 3", "B C D"),
    "poly": (
        "poly",
        "-0.6708204 0.5 -0.2236068 / -0.2236068 -0.5 0.6708204 / 0.2236068 -0.5 -0.6708204 / 0.6708204 0.5 0.2236068",
        ".L .Q .C",
    ),
}


@pytest.mark.parametrize("name", R_CONTRASTS)
def test_contrasts_are_those_of_r(name: str) -> None:
    given, rows, names = R_CONTRASTS[name]
    matrix = np.array([[float(each) for each in row.split()] for row in rows.split("/")])
    data = pd.DataFrame({"y": RNG.normal(size=12), "c": np.resize(list("DABC"), 12)})
    found = design("y ~ c", data, contrasts={"c": given})
    codes = np.array(["ABCD".index(level) for level in data["c"]])
    np.testing.assert_allclose(found.X[:, 1:], matrix[codes], atol=1e-7)
    assert found.coefficients == ("Intercept", *(f"c[{each}]" for each in names.split()))
    full = design("y ~ 0 + c", data, contrasts={"c": given})
    np.testing.assert_array_equal(full.X, np.eye(4)[codes])


@pytest.mark.parametrize(
    ("written", "given"),
    [
        ('C(h, Treatment("v"))', {"treatment": "v"}),
        ("C(h, sum)", "sum"),
        ("C(h, Helmert)", "helmert"),
        ("C(h, contr.poly)", "poly"),
    ],
)
def test_a_contrast_in_the_formula_is_the_same_as_one_beside_it(written: str, given: Any) -> None:
    inside, beside = design(f"y ~ {written}"), design("y ~ h", contrasts={"h": given})
    np.testing.assert_array_equal(inside.X, beside.X)


def test_levels_may_be_put_in_order_in_the_formula() -> None:
    found = design('y ~ C(h, levels=["v", "u"])')
    np.testing.assert_array_equal(found.X[:, 1], DATA["h"] == "u")
    numbers = design("y ~ C(n)", DATA.assign(n=np.resize([10, 2, 2.5], N)))
    assert numbers.coefficients == ("Intercept", "C(n)[2.5]", "C(n)[10]")


def test_polynomial_contrasts_stay_orthonormal_for_many_levels() -> None:
    data = pd.DataFrame({"y": RNG.normal(size=80), "c": np.resize(np.arange(40), 80)})
    X = design("y ~ C(c, poly)", data).X[:40]
    np.testing.assert_allclose(X[:, 1:].T @ X[:, 1:], np.eye(39), atol=1e-12)
    np.testing.assert_allclose(X[:, 1:].sum(axis=0), 0, atol=1e-12)


def test_offsets_add_up_and_weights_are_kept() -> None:
    found = design("y ~ x + offset(z) + offset(log(z))", weights="k")
    np.testing.assert_allclose(found.offset, DATA["z"] + np.log(DATA["z"]))
    np.testing.assert_array_equal(found.weights, DATA["k"])
    assert found.coefficients == ("Intercept", "x")
    assert "offset" in repr(found)
    assert "weights" in repr(found)


def test_a_response_may_be_a_function_or_a_boolean() -> None:
    np.testing.assert_allclose(design("log(z) ~ x").y, np.log(DATA["z"]))
    np.testing.assert_allclose(design("I(y - z) ~ z").y, DATA["y"] - DATA["z"])
    np.testing.assert_array_equal(design("t ~ x").y, DATA["t"])


def test_levels_that_hold_the_separator_stay_apart() -> None:
    data = pd.DataFrame({"y": RNG.normal(size=8), "a": ["a", "a:b", "a", "x"] * 2, "b": ["b:c", "c", "b", ""] * 2})
    (block,) = design("y ~ (1 | a:b)", data).groups
    assert block.n_levels == 4
    assert set(block.keys) == {("a", "b:c"), ("a:b", "c"), ("a", "b"), ("x", "")}
    assert len(set(block.levels)) == 4
    assert {'"a":"b:c"', '"a:b":"c"', "a:b", "x:"} == set(block.levels)
    nested = design("y ~ (1 | a/b)", data).groups
    assert [one.factor for one in nested] == ["a", "a:b"]
    assert nested[0].levels == ("a", "a:b", "x")


def test_only_combinations_that_occur_are_levels() -> None:
    (block,) = design("y ~ (1 | s:f)", DATA[DATA["s"] != "C"].iloc[1:9]).groups
    assert block.keys == (("A", "a"), ("B", "c"), ("B", "a"), ("B", "b"))


def test_a_suffix_is_never_the_name_of_another_term() -> None:
    data = DATA.rename(columns={"z": "x_2"})
    found = design("y ~ (0 + x | g) + (0 + x | g) + (0 + x_2 | g)", data)
    assert [block.terms for block in found.groups] == [("x",), ("x_3",), ("x_2",)]
    np.testing.assert_array_equal(found.groups[2].Z[:, 0], data["x_2"])


def test_terms_of_different_factors_may_be_called_alike() -> None:
    assert [block.terms for block in design("y ~ (x | g) + (x | s)").groups] == [("Intercept", "x")] * 2


BUNDLED = [
    ("sleepstudy", "Reaction ~ Days + (Days | Subject)", "Intercept Days", "Subject: 2 x 18"),
    ("dyestuff", "Yield ~ 1 | Batch", "Intercept", "Batch: 1 x 6"),
    ("penicillin", "diameter ~ 1 + (1 | plate) + (1 | sample)", "Intercept", "plate: 1 x 24, sample: 1 x 6"),
    ("pastes", "strength ~ 1 + (1 | batch/cask)", "Intercept", "batch: 1 x 10, batch:cask: 1 x 30"),
    (
        "cake",
        "angle ~ recipe * temp + (1 | recipe:replicate)",
        "Intercept recipe[B] recipe[C] temp recipe[B]:temp recipe[C]:temp",
        "recipe:replicate: 1 x 45",
    ),
]


@pytest.mark.parametrize(("name", "formula", "columns", "groups"), BUNDLED, ids=[row[0] for row in BUNDLED])
def test_bundled_data_have_the_shapes_that_are_published(name: str, formula: str, columns: str, groups: str) -> None:
    found = design(formula, hb.load_data(name))
    assert " ".join(found.coefficients) == columns
    shown = ", ".join(f"{block.factor}: {len(block.terms)} x {block.n_levels}" for block in found.groups)
    assert shown == groups


def test_split_terms_far_from_zero_are_pointed_out() -> None:
    data = DATA.assign(year=2000 + DATA["x"])
    with pytest.warns(hb.HierBayesWarning, match=r"'year' varies by 'g' without a correlation.*center\(year\)"):
        design("y ~ (year || g)", data)


@pytest.mark.parametrize("name", ["np", "v0", "k0", "w0", "f_log", "whole", "I", "log", "C", "data", "self", "größe"])
def test_a_column_may_be_called_like_anything_inside(name: str) -> None:
    data = DATA.rename(columns={"x": name, "h": "n"})
    found = design(f"y ~ {name} + I({name} * 2 + z) + n + ({name} | g)", data)
    np.testing.assert_allclose(found.X[:, 2], 2 * DATA["x"] + DATA["z"])
    np.testing.assert_array_equal(found.groups[0].Z[:, 1], DATA["x"])


def test_a_column_may_have_any_name_between_backquotes() -> None:
    data = DATA.rename(columns={"x": "a b", "g": "1st: |group"})
    found = design("y ~ `a b` + log(I(`a b`^2) + 1) + (1 | `1st: |group`)", data)
    assert found.coefficients[1] == "`a b`"
    assert found.factors == ("1st: |group",)


MISUSED = [
    ("y ~ y", FormulaError, r"response 'y' stands on the right side"),
    ("y ~ x + (y | g)", FormulaError, r"response 'y' stands on the right side"),
    ("y ~ (1 | y)", FormulaError, r"response 'y' stands on the right side"),
    ("log(z) ~ x + z", FormulaError, r"response 'z' stands on the right side"),
    ("y ~ x | x", FormulaError, r"'x' does not change within a level of 'x'"),
    ("y ~ (f | f:h)", FormulaError, r"'f' does not change within a level of 'f:h'"),
    ("y ~ log(f)", DataError, r"'log\(f\)' reckons with column 'f'"),
    ("y ~ I(h * 2)", DataError, r"'I\(h \* 2\)' reckons with column 'h'"),
    ("y ~ log(x)", DataError, r"'log\(x\)' is nan in row \d+ of the rows in use"),
    ("y ~ I(x / 0)", DataError, r"is -?inf in row 0"),
    ("y ~ bs(x, 2)", DataError, r"'bs\(x, 2\)' cannot be computed"),
    ("y ~ poly(x, 30)", DataError, r"needs more than 30 values, and 'x' has 24"),
    ("f ~ x", DataError, r"the response 'f' must be numeric"),
    ("y ~ offset(h)", DataError, r"the offset 'h' must be numeric"),
    ('y ~ C(h, levels=["u"])', DataError, r"levels must name every level"),
    ('y ~ C(h, Treatment("w"))', ModelError, r"no level 'w'"),
]


@pytest.mark.parametrize(("formula", "kind", "message"), MISUSED, ids=[row[0] for row in MISUSED])
def test_what_cannot_be_meant_is_refused(formula: str, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        design(formula)


def test_the_response_on_the_right_is_marked() -> None:
    with pytest.raises(FormulaError) as caught:
        design("y ~ x + (1 | y)")
    assert str(caught.value).splitlines()[1:3] == ["    y ~ x + (1 | y)", "                 ^"]


def test_a_column_and_an_interaction_of_one_name_are_refused() -> None:
    data = DATA.rename(columns={"f": "s:cask"})
    with pytest.raises(FormulaError, match="both called 's:cask'"):
        design("y ~ (1 | s:cask) + (1 | `s:cask`)", data)
