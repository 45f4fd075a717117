"""The frozen schema: new data become the rows that they would have been among the data of the fit."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prediction_structures import STRUCTURES, data_of, invented
from scipy.interpolate import BSpline

import hierbayes as hb
from hierbayes.design.build import build
from hierbayes.design.new_rows import rows_of
from hierbayes.design.schema import Schema
from hierbayes.errors import DataError
from hierbayes.spec import make_spec


def design_of(formula: str, data: pd.DataFrame, **options):
    return build(make_spec(formula, **options), data)


def structure(name: str):
    own = STRUCTURES[name]
    return design_of(own.formula, data_of(name), **own.options)


def assert_rows(rows, design, places):
    """Bit for bit the rows of the design at these places."""
    np.testing.assert_array_equal(rows.X, design.X[places])
    np.testing.assert_array_equal(rows.offset, design.offset[places])
    for own, block in zip(rows.groups, design.groups, strict=True):
        np.testing.assert_array_equal(own.Z, block.Z[places])
        np.testing.assert_array_equal(own.codes, block.codes[places])
        assert own.new == ()


@pytest.mark.parametrize("name", STRUCTURES)
def test_the_fits_own_rows_come_back_bit_for_bit(name):
    design = structure(name)
    rows = rows_of(design.schema, data_of(name), response=True)
    assert_rows(rows, design, np.arange(design.n))
    np.testing.assert_array_equal(rows.y, design.y)
    np.testing.assert_array_equal(rows.weights, design.weights)


@pytest.mark.parametrize("name", STRUCTURES)
def test_the_schema_survives_json(name):
    design = structure(name)
    back = Schema.from_json(json.loads(json.dumps(design.schema.to_json(), allow_nan=False)))
    assert back == design.schema
    assert_rows(rows_of(back, data_of(name)), design, np.arange(design.n))


@pytest.mark.parametrize("name", STRUCTURES)
@settings(max_examples=12, deadline=None)
@given(draw=st.data())
def test_rows_do_not_depend_on_their_neighbours(name, draw):
    design, data = structure(name), data_of(name)
    places = draw.draw(st.lists(st.integers(0, len(data) - 1), min_size=1, max_size=6))
    assert_rows(rows_of(design.schema, data.iloc[places]), design, places)


def test_without_the_frozen_states_the_rows_would_differ():
    """The control: a subset that is scaled by itself is another matter."""
    design, data = structure("scale"), data_of("scale")
    anew = design_of(STRUCTURES["scale"].formula, data.iloc[:40])
    assert not np.allclose(anew.X, design.X[:40])
    assert_rows(rows_of(design.schema, data.iloc[:40]), design, np.arange(40))


def test_what_the_calls_learn_is_what_their_definitions_say():
    data = invented()
    x, z = data["x"].to_numpy(), data["z"].to_numpy()
    new = pd.DataFrame({"x": [2.0, 3.5, 8.0], "z": [0.1, -0.2, 0.7]})
    # scale(x) and poly(x, 2) span the same line, and one design holds one of them
    formula = "y ~ I(x * z) + center(log(x)) + poly(x, 2) + bs(z, df=5)"
    rows = rows_of(design_of(formula, data).schema, new)
    scaled = rows_of(design_of("y ~ scale(x)", data).schema, new)
    np.testing.assert_allclose(scaled.X[:, 1], (new["x"] - x.mean()) / x.std(ddof=1), rtol=1e-13)
    np.testing.assert_allclose(rows.X[:, 2], np.log(new["x"]) - np.log(x).mean(), rtol=1e-13)
    # orthonormal polynomials by QR of the powers
    triangle = np.linalg.qr(np.vander(x, 3, increasing=True))[1]
    powers = np.vander(new["x"], 3, increasing=True)
    orthonormal = np.linalg.solve(triangle.T, powers.T).T * np.sign(np.diag(triangle))
    np.testing.assert_allclose(rows.X[:, 3:5], orthonormal[:, 1:], atol=1e-10)
    inner = np.percentile(z, [100 / 3, 200 / 3])
    knots = np.concatenate([[z.min()] * 4, inner, [z.max()] * 4])
    basis = BSpline.design_matrix(new["z"].to_numpy(), knots, 3).toarray()
    np.testing.assert_allclose(rows.X[:, 5:], basis[:, 1:], atol=1e-12)


def test_a_spline_beyond_its_knots_is_extrapolated_with_a_warning():
    design = structure("bs")
    with pytest.warns(hb.HierBayesWarning, match=r"1 of 2 values of 'bs\(x, df=5\)' lie outside"):
        rows_of(design.schema, {"x": [5.0, 99.0], "z": [0.0, 0.0]}, groups=False)


def test_a_call_that_the_schema_does_not_know_is_not_learnt_from_new_data():
    schema = replace(structure("center").schema, states={})
    with pytest.raises(DataError, match=r"does not hold the parameters of 'center\(x\)'"):
        rows_of(schema, invented())


def test_levels_and_contrasts_are_those_of_the_fit():
    design, data = structure("categorical slopes"), data_of("categorical slopes")
    last = data.iloc[[len(data) - 1]].astype({"N": str, "V": str, "B": str})
    assert_rows(rows_of(design.schema, last), design, [len(data) - 1])
    # a frame whose categories stand in another order
    turned = data.assign(V=data["V"].cat.reorder_categories(list(data["V"].cat.categories)[::-1]))
    assert_rows(rows_of(design.schema, turned), design, np.arange(len(data)))


def test_numbers_are_labelled_as_in_the_fit():
    design, data = structure("numbers as levels"), data_of("numbers as levels")
    alike = data.assign(number=data["number"].astype(float), count=data["count"].astype("float32"))
    assert_rows(rows_of(design.schema, alike), design, np.arange(len(data)))
    texts = data.assign(number=data["number"].astype(str), long=data["long"].astype(str))
    assert_rows(rows_of(design.schema, texts), design, np.arange(len(data)))
    flags = data.assign(flag=data["flag"].astype(int))
    assert_rows(rows_of(design.schema, flags), design, np.arange(len(data)))
    assert rows_of(design.schema, data.assign(number=7.5)).groups[0].new == ("7.5",)


def test_long_identifiers_are_told_apart():
    design, data = structure("numbers as levels"), data_of("numbers as levels")
    rows = rows_of(design.schema, data.assign(long=2**60 + 5))
    assert rows.groups[1].new == (str(2**60 + 5),)
    with pytest.raises(DataError, match="'long' holds identifiers beyond"):
        rows_of(design.schema, data.assign(long=data["long"].astype(float)))


def test_two_to_the_53_has_one_label_whatever_stands_beside_it():
    data = pd.DataFrame({"y": [1.0, 2, 3, 4], "g": [2**53, 1, 2**53, 1]})
    design = design_of("y ~ 1 + (1 | g)", data)
    rows = rows_of(design.schema, pd.DataFrame({"g": [2**53, 2**53 + 1]}))
    assert design.groups[0].levels == ("1", str(2**53))
    assert (rows.groups[0].codes.tolist(), rows.groups[0].new) == ([1, 2], (str(2**53 + 1),))


def test_cells_written_alike_stay_apart():
    design = structure("colons")
    assert any('"' in level for level in design.groups[0].levels)
    new = pd.DataFrame({"x": 1.0, "left": ["a", "a:b", "new", "new:b"], "right": ["b:c", "c", "b:c", "c"]})
    (own,) = rows_of(design.schema, new).groups
    labels = [design.groups[0].keys[code] for code in own.codes[:2]]
    assert labels == [("a", "b:c"), ("a:b", "c")]
    assert own.new_keys == (("new", "b:c"), ("new:b", "c"))
    assert own.new == ('"new":"b:c"', '"new:b":"c"')
    assert len(set(own.codes)) == 4


def test_levels_not_given():
    design = structure("correlated")
    new = pd.DataFrame({"Days": [1, 2, 3], "Subject": ["308", None, "nobody"]})
    (own,) = rows_of(design.schema, new).groups
    assert own.codes.tolist() == [0, -1, 18]
    assert rows_of(design.schema, new.assign(Subject=None)).groups[0].codes.tolist() == [-1] * 3
    assert rows_of(design.schema, new[["Days"]], absent=True).groups[0].codes.tolist() == [-1] * 3
    assert rows_of(design.schema, new[["Days"]], groups=False).groups == ()
    nested = structure("nested")
    (fine, coarse) = rows_of(nested.schema, {"batch": ["A", "A", None], "cask": ["a", None, "b"]}).groups
    assert {fine.factor: fine.codes.tolist(), coarse.factor: coarse.codes.tolist()} == {
        "batch": [0, 0, -1],
        "batch:cask": [0, -1, -1],
    }


@pytest.mark.parametrize("convert", [pl.from_pandas, pa.Table.from_pandas, lambda frame: frame.to_dict("list")])
@pytest.mark.parametrize("name", ["correlated", "categorical slopes", "numbers as levels", "weights", "poly"])
def test_every_kind_of_frame(name, convert):
    design, data = structure(name), data_of(name)
    assert_rows(rows_of(design.schema, convert(data)), design, np.arange(len(data)))


def test_the_frame_is_never_changed():
    for name in STRUCTURES:
        data = data_of(name)
        before = data.copy(deep=True)
        rows_of(structure(name).schema, data, response=True)
        pd.testing.assert_frame_equal(data, before)


def test_a_dict_of_single_values_is_one_row():
    rows = rows_of(structure("correlated").schema, {"Days": 3, "Subject": "309"})
    assert (rows.n, rows.X.tolist(), rows.groups[0].codes.tolist()) == (1, [[1.0, 3.0]], [1])


def test_a_comparison_takes_levels_that_the_fit_has_not_seen():
    """Only columns that have coefficients of their own are tied to the levels of the fit."""
    design = design_of('y ~ x + I(left == "a") + (1 | left)', invented())
    rows = rows_of(design.schema, {"x": [1.0, 1.0], "left": ["new", "a"]})
    assert rows.X[:, 2].tolist() == [0.0, 1.0]
    assert rows.groups[0].new == ("new",)


def test_weights_are_read_where_they_are_needed():
    design, data = structure("weights"), data_of("weights")
    bare = data.drop(columns=["w", "y"])
    assert rows_of(design.schema, bare).weights.tolist() == [1.0] * len(data)
    np.testing.assert_array_equal(rows_of(design.schema, data, weights=True).weights, data["w"])
    with pytest.raises(DataError, match="no column 'w'"):
        rows_of(design.schema, bare, weights=True)
    with pytest.raises(DataError, match=r"weight in column 'w' is -1 in row 0"):
        rows_of(design.schema, data.assign(w=-1.0), weights=True)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("correlated", lambda d: d.drop(columns="Days"), ["no column 'Days'"]),
        ("correlated", lambda d: d.rename(columns={"Days": "days"}), ["no column 'Days'", "did you mean 'days'"]),
        ("correlated", lambda d: d.drop(columns="Subject"), ["no column 'Subject'"]),
        ("correlated", lambda d: d.iloc[:0], ["no rows"]),
        ("correlated", lambda d: d.assign(Days=[1.0, 2.0, np.nan] * 60), ["'Days'", "60 missing", "row 2"]),
        ("correlated", lambda d: d.assign(Days=[1.0, np.inf] * 90), ["'Days' is inf in row 1"]),
        ("correlated", lambda d: d.assign(Days="three"), ["'Days' holds text", "'three'", "number"]),
        ("correlated", lambda d: d.assign(Days=pd.Timestamp("2020-01-01")), ["'Days' holds dates"]),
        ("categorical slopes", lambda d: d.assign(V="Fuji"), ["'V'", "'Fuji'", "row 0", "not seen", "Golden.rain"]),
        ("categorical slopes", lambda d: d.assign(V=[None] + ["Victory"] * (len(d) - 1)), ["'V'", "row 0"]),
        ("numbers as levels", lambda d: d.assign(count=9), ["'count'", "'9'", "its levels are: 0, 1, 2"]),
        ("numbers as levels", lambda d: d.assign(flag=3), ["'flag'", "'3'", "False, True"]),
        ("functions", lambda d: d.assign(x=-1.0), ["'sqrt(x)' is nan in row 0"]),
        ("offset", lambda d: d.drop(columns="x"), ["no column 'x'"]),
    ],
)
def test_what_cannot_be_used_is_named(name, change, words):
    with pytest.raises(DataError) as caught:
        rows_of(structure(name).schema, change(data_of(name)))
    assert [word for word in words if word not in str(caught.value)] == []


@pytest.mark.parametrize("junk", [7, "a text", [1, 2], None, {"Days": {1, 2}}])
def test_what_is_no_frame_is_refused(junk):
    with pytest.raises(DataError):
        rows_of(structure("correlated").schema, junk)


@pytest.mark.parametrize("break_it", [lambda d: d.pop("states"), lambda d: d.update(groups=[{}]), lambda d: d.clear()])
def test_a_broken_schema_says_so(break_it):
    given_json = structure("correlated").schema.to_json()
    break_it(given_json)
    with pytest.raises(DataError, match="schema of the fit cannot be read"):
        Schema.from_json(given_json)


@pytest.mark.parametrize("name", STRUCTURES)
def test_sparse_Z_has_the_columns_of_each_level(name):
    design = structure(name)
    dense = design.Z.toarray()
    assert dense.shape == (design.n, len(design.Z_names))
    assert len(set(design.Z_names)) == len(design.Z_names)
    at = {label: j for j, label in enumerate(design.Z_names)}
    expected = np.zeros_like(dense)
    for block in design.groups:
        for i in range(design.n):
            for k, term in enumerate(block.terms):
                expected[i, at[f"{block.factor}[{block.levels[block.codes[i]]}]:{term}"]] = block.Z[i, k]
    np.testing.assert_array_equal(dense, expected)


def test_the_order_of_Z_is_level_by_level():
    design = structure("correlated")
    assert design.Z_names[:4] == tuple(f"Subject[{j}]:{t}" for j in (308, 309) for t in ("Intercept", "Days"))
    b = np.random.default_rng(1).normal(size=(18, 2))
    block = design.groups[0]
    np.testing.assert_allclose(design.Z @ b.ravel(), np.sum(block.Z * b[block.codes], axis=1))
