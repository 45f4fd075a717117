"""From a data frame to columns: every kind of frame and of column, and what is refused."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import datetime
import decimal
import inspect
import warnings
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hierbayes as hb
from hierbayes.design.build import build
from hierbayes.design.design import Design
from hierbayes.design.scaling import resolve
from hierbayes.engines.assemble import assemble
from hierbayes.errors import DataError, FormulaError, HierBayesError, ModelError
from hierbayes.spec import make_spec

Y = np.array([0.5, 0.0, 4.0, 3.0, 5.0, 8.0])
LONG = 2**60


def design(formula: str, data: Any, **options: Any) -> Design:
    spec = make_spec(formula, **options)
    found = build(spec, data)
    assemble(found, resolve(spec, found))
    return found


def with_column(values: Any) -> pd.DataFrame:
    return pd.DataFrame({"y": Y, "v": values})


def codes_of(formula: str, data: Any) -> tuple[tuple[str, ...], list[int]]:
    (block,) = design(formula, data).groups
    return block.levels, block.codes.tolist()


# frames


def plain_columns() -> dict[str, list[Any]]:
    rng = np.random.default_rng(3)
    return {
        "y": rng.normal(size=30).tolist(),
        "x": [None if i == 4 else float(value) for i, value in enumerate(rng.normal(size=30))],
        "n": [None if i == 7 else int(value) for i, value in enumerate(rng.integers(-5, 50, 30))],
        "f": [None if i == 9 else "cab"[i % 3] for i in range(30)],
        "t": [None if i == 11 else i % 5 < 2 for i in range(30)],
        "g": [LONG + i % 4 for i in range(30)],
    }


FRAMES = {
    "pandas": lambda columns: pd.DataFrame(columns),
    "pandas, arrow types": lambda columns: pd.DataFrame(columns).convert_dtypes(dtype_backend="pyarrow"),
    "pandas, nullable types": lambda columns: pd.DataFrame(columns).convert_dtypes(),
    "polars": pl.DataFrame,
    "polars, lazy": lambda columns: pl.DataFrame(columns).lazy(),
    "pyarrow": lambda columns: pa.table(columns),
    "narwhals": lambda columns: nw.from_native(pl.DataFrame(columns)),
    "dict": lambda columns: columns,
}


@pytest.mark.parametrize("kind", FRAMES)
@pytest.mark.filterwarnings("ignore::hierbayes.errors.HierBayesWarning")
def test_every_kind_of_frame_gives_the_same_bits(kind: str) -> None:
    formula = "y ~ x + n * f + t + (x | g)"
    expected = design(formula, pd.DataFrame(plain_columns()))
    found = design(formula, FRAMES[kind](plain_columns()))
    assert found.coefficients == expected.coefficients
    for name in ("y", "X", "rows"):
        assert getattr(found, name).tobytes() == getattr(expected, name).tobytes()
    assert found.groups[0].levels == expected.groups[0].levels == tuple(str(LONG + i) for i in range(4))
    assert found.groups[0].codes.tobytes() == expected.groups[0].codes.tobytes()
    assert found.groups[0].Z.tobytes() == expected.groups[0].Z.tobytes()
    assert found.n == 26
    assert found.rows_given == 30


def test_long_identifiers_with_nulls_stay_apart_in_polars_and_arrow() -> None:
    frame = pl.DataFrame({"y": Y, "v": [LONG, LONG + 1, None, LONG, LONG + 1, LONG + 2]})
    unsigned = frame.with_columns(pl.col("v").cast(pl.UInt64))
    for data in (frame, frame.to_arrow(), unsigned, unsigned.to_arrow()):
        with pytest.warns(hb.HierBayesWarning, match="1 of 6 rows dropped"):
            levels, codes = codes_of("y ~ (1 | v)", data)
        assert levels == (str(LONG), str(LONG + 1), str(LONG + 2))
        assert codes == [0, 1, 0, 1, 2]


def test_polars_categories_are_sorted_and_enums_keep_their_order() -> None:
    text = ["b", "a", "c"] * 2
    frame = pl.DataFrame({"y": Y, "v": text})
    assert codes_of("y ~ (1 | v)", frame.with_columns(pl.col("v").cast(pl.Categorical)))[0] == ("a", "b", "c")
    shuffled = frame.with_columns(pl.col("v").cast(pl.Categorical))[[2, 4, 0, 1, 3, 5]]
    assert codes_of("y ~ (1 | v)", shuffled)[0] == ("a", "b", "c")
    chosen = frame.with_columns(pl.col("v").cast(pl.Enum(["c", "b", "z", "a"])))
    assert codes_of("y ~ (1 | v)", chosen)[0] == ("c", "b", "a")


def test_an_arrow_dictionary_keeps_its_order() -> None:
    column = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2] * 2, pa.int8()), pa.array(["c", "a", "b"]))
    assert codes_of("y ~ (1 | v)", pa.table({"y": Y, "v": column})) == (("c", "a", "b"), [0, 1, 2] * 2)


@pytest.mark.parametrize("index", [[0] * 6, list("abcdef"), [5, 4, 3, 2, 1, 0]], ids=["repeated", "text", "reversed"])
def test_the_index_plays_no_part(index: list[Any]) -> None:
    data = with_column([1.0, 5, 2, 2, 9, 7])
    expected, found = design("y ~ v", data), design("y ~ v", data.set_axis(index))
    np.testing.assert_array_equal(found.X, expected.X)
    np.testing.assert_array_equal(found.rows, np.arange(6))


def test_the_frame_is_never_changed_nor_tied_to_the_design() -> None:
    data = pd.DataFrame(plain_columns())
    data["f"] = data["f"].astype("category")
    data["lists"] = [[i] for i in range(30)]
    data.attrs["note"] = "mine"
    before = copy.deepcopy(data)
    with pytest.warns(hb.HierBayesWarning):
        found = design("log(I(y + 10)) ~ poly(x, 2) * f + I(n * n) + t + (x | g)", data)
    pd.testing.assert_frame_equal(data, before, check_exact=True)
    assert data.attrs == before.attrs
    y, X = found.y.copy(), found.X.copy()
    data[["y", "x", "n"]] = 0.0
    np.testing.assert_array_equal(found.y, y)
    np.testing.assert_array_equal(found.X, X)


def test_the_schema_is_frozen() -> None:
    found = design("y ~ v + (1 | v)", with_column(list("abcabc")))
    for thing, name in ((found, "y"), (found.groups[0], "levels"), (found.columns[0], "name")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(thing, name, None)


# kinds of columns

NUMBERS = {
    "int8": np.array([100, 101, 127, -128, 5, 6], dtype=np.int8),
    "uint8": np.array([100, 101, 255, 0, 5, 6], dtype=np.uint8),
    "uint64": np.array([1, 2, 3, 4, 50, 6], dtype=np.uint64),
    "float16": np.array([1, 2, 3, 4, 50, 6], dtype=np.float16),
    "Int64": pd.array([1, 2, 3, 4, 50, 6], dtype="Int64"),
    "UInt8": pd.array([1, 2, 3, 4, 255, 6], dtype="UInt8"),
    "Float32": pd.array([1, 2, 3, 4, 50, 6], dtype="Float32"),
    "int8[pyarrow]": pd.array([1, 2, 3, 4, 127, 6], dtype="int8[pyarrow]"),
    "decimal128": pd.array([decimal.Decimal(i * i) for i in range(6)], dtype=pd.ArrowDtype(pa.decimal128(6, 2))),
    "Decimal": [decimal.Decimal(i * i) for i in range(6)],
    "object": pd.Series([1, 2.5, 3, 4, 50, 6], dtype=object),
    "sparse": pd.arrays.SparseArray([0, 0, 1, 2, 0, 0]),
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_of_any_type_are_floats_and_never_overflow(kind: str) -> None:
    exact = [float(value) for value in NUMBERS[kind]]
    found = design("y ~ v + I(v * v)", with_column(NUMBERS[kind]))
    np.testing.assert_array_equal(found.X[:, 1], exact)
    np.testing.assert_array_equal(found.X[:, 2], np.square(exact))


LEVELS = {
    "text, sorted": (["b", "a", "c"] * 2, "a b c", [1, 0, 2]),
    "string": (pd.array(["b", "a", "c"] * 2, dtype="string"), "a b c", [1, 0, 2]),
    "object": (pd.Series(["b", "a", "c"] * 2, dtype=object), "a b c", [1, 0, 2]),
    "category order": (pd.Categorical(["b", "a", "c"] * 2, categories=["c", "b", "z", "a"]), "c b a", [1, 2, 0]),
    "ordered": (pd.Categorical(["b", "a", "c"] * 2, categories=["c", "b", "z", "a"], ordered=True), "c b a", [1, 2, 0]),
    "category of numbers": (pd.Categorical([3, 1, 20] * 2, categories=[20, 3, 1]), "20 3 1", [1, 2, 0]),
    "category of floats": (pd.Categorical([3.0, 1.5, 20] * 2), "1.5 3 20", [1, 0, 2]),
    "numbers, by size": ([10, 9, 100] * 2, "9 10 100", [1, 0, 2]),
    "floats": ([0.1 + 0.2, 0.3, -0.5] * 2, "-0.5 0.3 0.30000000000000004", [2, 1, 0]),
    "booleans": ([True, False, True] * 2, "False True", [1, 0, 1]),
    "words": (["True", "False", "nan"] * 2, "False True nan", [1, 0, 2]),
    "colons": (["a:b", "a", ":"] * 2, ": a a:b", [2, 1, 0]),
    "long int64": ([LONG, LONG + 1, LONG + 2] * 2, f"{LONG} {LONG + 1} {LONG + 2}", [0, 1, 2]),
    "long uint64": (np.array([2**63 + 1, 2**63, 7] * 2, dtype=np.uint64), f"7 {2**63} {2**63 + 1}", [2, 1, 0]),
    "longer": (pd.Series([10**30 + 1, 10**30, 5] * 2, dtype=object), f"5 {10**30} {10**30 + 1}", [2, 1, 0]),
}


@pytest.mark.parametrize("kind", LEVELS)
def test_levels_of_a_grouping_factor(kind: str) -> None:
    values, levels, codes = LEVELS[kind]
    assert codes_of("y ~ (1 | v)", with_column(values)) == (tuple(levels.split(" ")), codes * 2)


def test_an_empty_text_is_a_level() -> None:
    found = design("y ~ v + (1 | v)", with_column(["", "a", "b"] * 2))
    assert found.groups[0].levels == ("", "a", "b")
    assert found.coefficients == ("Intercept", "v[a]", "v[b]")


MISSING = {
    "float": [1.0, 2, None, 4, 9, 7],
    "Int64": pd.array([1, 2, None, 4, 9, 7], dtype="Int64"),
    "Float64 with NaN": pd.array([1.0, 2, np.nan, 4, 9, 7], dtype="Float64"),
    "double[pyarrow] with NaN": pd.array([1.0, 2, np.nan, 4, 9, 7], dtype="double[pyarrow]"),
    "boolean": pd.array([True, False, None, True, True, False], dtype="boolean"),
    "bool[pyarrow]": pd.array([True, False, None, True, True, False], dtype="bool[pyarrow]"),
    "boolean objects": pd.Series([True, False, None, True, True, False], dtype=object),
    "string": pd.array(["a", "b", None, "b", "c", "a"], dtype="string"),
    "string[pyarrow]": pd.array(["a", "b", None, "b", "c", "a"], dtype="string[pyarrow]"),
    "object with NaN": pd.Series(["a", "b", np.nan, "b", "c", "a"], dtype=object),
    "object with NA": pd.Series(["a", "b", pd.NA, "b", "c", "a"], dtype=object),
    "category": pd.Categorical(["a", "b", None, "b", "c", "a"]),
    "Decimal": [decimal.Decimal(i * i) if i != 2 else decimal.Decimal("NaN") for i in range(6)],
}


@pytest.mark.parametrize("kind", MISSING)
def test_rows_with_missing_values_are_dropped_with_one_warning_that_counts(kind: str) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = design("y ~ v", with_column(MISSING[kind]))
    assert [str(one.message) for one in caught] == ["1 of 6 rows dropped for missing values (v 1)"]
    np.testing.assert_array_equal(found.rows, [0, 1, 3, 4, 5])
    np.testing.assert_array_equal(found.y, Y[found.rows])
    with pytest.raises(DataError, match=r"missing values \(v 1\); the first is in column 'v', row 2"):
        design("y ~ v", with_column(MISSING[kind]), missing="raise")


def test_the_warning_points_at_the_callers_line() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        line = inspect.currentframe().f_lineno + 1  # type: ignore[union-attr]
        hb.Model("y ~ v", with_column(MISSING["float"]))
    (one,) = caught
    assert one.filename == __file__
    assert one.lineno == line
    assert one.category is hb.HierBayesWarning


def test_counts_of_missing_values_name_each_column_that_is_used() -> None:
    data = pd.DataFrame(
        {
            "y": [1.0, None, 3, 4, 9, 7],
            "v": [1.0, None, None, 4, 2, 7],
            "w": [1.0, 1, 1, None, 2, 1],
            "unused": [None] * 6,
        }
    )
    with pytest.warns(hb.HierBayesWarning, match=r"^3 of 6 rows dropped for missing values \(y 1, v 2, w 1\)$"):
        assert design("y ~ v", data, weights="w").n == 3


def test_levels_only_in_dropped_rows_are_no_levels() -> None:
    data = pd.DataFrame({"y": [None, *Y[1:]], "v": pd.Categorical(["z", "b", "a", "b", "a", "b"])})
    with pytest.warns(hb.HierBayesWarning):
        assert design("y ~ v + (1 | v)", data).groups[0].levels == ("a", "b")


# what is refused

BAD_COLUMNS = {
    "infinite": ([1, 2, np.inf, 4, 5, 7], r"column 'v' is inf in row 2 \(counting from 0\)"),
    "minus infinite": ([1, 2, 3, -np.inf, 5, 7], r"column 'v' is -inf in row 3"),
    "infinite Decimal": ([*map(decimal.Decimal, "12345"), decimal.Decimal("inf")], r"column 'v' is inf in row 5"),
    "complex": ([1j] * 6, r"column 'v' holds complex numbers"),
    "complex objects": (pd.Series([1j] * 6, dtype=object), r"'v' mixes kinds .* \(complex\)"),
    "dates": (pd.date_range("2020", periods=6), r"column 'v' holds dates or durations"),
    "dates with a zone": (pd.date_range("2020", periods=6, tz="UTC"), r"column 'v' holds dates or durations"),
    "durations": (pd.to_timedelta(range(6), unit="D"), r"column 'v' holds dates or durations"),
    "python dates": ([datetime.date(2020, 1, 1)] * 6, r"column 'v' holds dates or durations \(date\)"),
    "periods": (pd.period_range("2020", periods=6, freq="D"), r"column 'v' holds dates or durations \(Period\)"),
    "bytes": ([b"a", b"b"] * 3, r"'v' mixes kinds .* \(bytes\)"),
    "lists": ([[1]] * 6, r"column 'v' holds values of type list"),
    "mappings": ([{}] * 6, r"column 'v' holds values of type dict"),
    "1 beside '1'": (pd.Series([1, "1"] * 3, dtype=object), r"'v' mixes kinds of values"),
    "signalling": ([decimal.Decimal("sNaN")] * 6, r"column 'v' cannot be read"),
    "twins": (pd.Categorical([1, "1"] * 3), r"'v' has two different values that are both written '1'"),
    "all missing": ([np.nan] * 6, r"every row misses a value \(missing: v 6\)"),
    "one level": (["a"] * 6, r"'v' has a single level, 'a'"),
    "one boolean": ([True] * 6, r"'v' has a single level, 'True'"),
    "constant": ([3.0] * 6, r"do not determine the column 'v' .* is the same in every row"),
    "constant that rounds": ([0.1] * 6, r"do not determine the column 'v' .* is the same in every row"),
    "huge": ([1e200, 2e200, 3e200, 1e200, 5e200, 1e200], r"'v' is of a size that cannot be squared"),
    "tiny": ([1e-200, 2e-200, 3e-200, 1e-200, 5e-200, 1e-200], r"'v' is of a size that cannot be squared"),
}


@pytest.mark.parametrize("kind", BAD_COLUMNS)
def test_a_column_that_cannot_be_used_is_named(kind: str) -> None:
    values, message = BAD_COLUMNS[kind]
    with pytest.raises((DataError, ModelError), match=message):
        design("y ~ v", with_column(values), rank="raise")


def test_a_level_too_few_after_missing_rows() -> None:
    data = pd.DataFrame({"y": Y, "v": ["a", "a", "a", "b", "a", "a"], "w": [1, 1, 2, None, 1, 3.0]})
    with pytest.warns(hb.HierBayesWarning), pytest.raises(DataError, match="'v' has a single level"):
        design("y ~ v + w", data)


TABLE = pd.DataFrame({"y": Y, "x": [1.0, 2, 4, 3, 9, 5], "f": list("abcabc"), "w": [1, 1, 2, 0, 1, 1], "one": "a"})
TABLE["minus"] = -TABLE["x"]
TABLE["Intercept"] = TABLE["x"]

RAISE = {"rank": "raise"}
BAD_MODELS: list[tuple[str, str, dict[str, Any], type[Exception], str]] = [
    ("constant response", "I(0 * y) ~ x", {}, DataError, r"the response 'I\(0 \* y\)' is the same in every row \(0\)"),
    ("collinear", "y ~ x + minus", RAISE, ModelError, r"'minus' .*: it is a linear combination of the columns before"),
    (
        "collinear by group",
        "y ~ (x + minus | f)",
        RAISE,
        ModelError,
        r"'minus' of the term of 'f': it is a linear comb",
    ),
    ("collinear and flat", "y ~ x + minus", RAISE | {"priors": "flat"}, ModelError, r"'minus' .* linear comb"),
    ("one group", "y ~ (1 | one)", {}, DataError, r"grouping factor 'one' has a single level"),
    ("too many", "y ~ f * x", {"priors": "flat"}, ModelError, r"flat priors with as many coefficients as rows"),
    ("name", "y ~ Intercept", {}, FormulaError, r"a column called 'Intercept' would be mixed up"),
    ("weights", "y ~ x", {"weights": "w"}, DataError, r"weight in column 'w' is 0 in row 3 .*must be positive"),
    ("weights text", "y ~ x", {"weights": "f"}, DataError, r"the weights column 'f' must be numeric"),
    ("weights name", "y ~ x", {"weights": "ww"}, DataError, r"weights names the column 'ww'.*\ndid you mean 'w'"),
    ("weights empty", "y ~ x", {"weights": ""}, DataError, r"weights names the column ''"),
    ("contrast", "y ~ f", {"contrasts": {"f": "zum"}}, ModelError, r"contrast 'zum' is not known\nwrite \"treatment\""),
    ("contrast kind", "y ~ f", {"contrasts": ["f"]}, ModelError, r"contrasts takes a mapping"),
    ("reference", "y ~ f", {"contrasts": {"f": {"treatment": "q"}}}, ModelError, r"no level 'q'.*\n.*: a, b, c"),
    ("reference of sum", "y ~ f", {"contrasts": {"f": ("helmert", "a")}}, ModelError, r"takes no reference level"),
    ("contrast of numbers", "y ~ x", {"contrasts": {"x": "sum"}}, DataError, r"'x', which is numeric\nwrite C\(x\)"),
    ("contrast unused", "y ~ x", {"contrasts": {"f": "sum"}}, DataError, r"'f', which the formula does not use"),
    ("contrast absent", "y ~ f", {"contrasts": {"ff": "sum"}}, DataError, r"'ff', which the data do not have"),
]


@pytest.mark.parametrize(("formula", "options", "kind", "message"), [row[1:] for row in BAD_MODELS])
def test_a_model_that_the_data_cannot_bear(
    formula: str, options: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        design(formula, TABLE, **options)


def test_a_column_that_is_not_there_is_marked_with_the_nearest_name() -> None:
    with pytest.raises(FormulaError) as caught:
        design("Reaction ~ dayz + (1 | Subject)", hb.load_data("sleepstudy"))
    assert str(caught.value).splitlines() == [
        "the data has no column 'dayz'",
        "    Reaction ~ dayz + (1 | Subject)",
        "               ^^^^",
        "Did you mean 'Days'?",
    ]


TWO = pd.DataFrame({"y": Y, "x": Y[::-1]})
BAD_TABLES = {
    "no frame": (None, "must be a data frame .*, not NoneType"),
    "list": ([1, 2], "must be a data frame .*, not list"),
    "array": (np.ones((3, 2)), "must be a data frame .*, not ndarray"),
    "series": (pd.Series([1, 2]), "must be a data frame .*, not Series"),
    "ragged": ({"y": [1, 2], "x": [1]}, "cannot be made into a table"),
    "empty": ({}, "have no rows"),
    "no rows": (TWO.iloc[:0], "have no rows"),
    "one row": (TWO.iloc[:1], "1 row in use; a model needs at least two"),
    "twice": (pd.concat([TWO, TWO[["x"]]], axis=1), "more than one column called 'x'"),
    "twice in arrow": (pa.Table.from_arrays([pa.array(Y)] * 3, names=["y", "x", "x"]), "two columns of one name|'x'"),
}


@pytest.mark.parametrize("kind", BAD_TABLES)
def test_a_table_that_cannot_be_used(kind: str) -> None:
    data, message = BAD_TABLES[kind]
    with pytest.raises(DataError, match=message):
        design("y ~ x", data)


VALUES = st.one_of(
    st.lists(st.floats(), min_size=4, max_size=4),
    st.lists(st.one_of(st.none(), st.integers()), min_size=4, max_size=4),
    st.lists(st.one_of(st.none(), st.booleans()), min_size=4, max_size=4),
    st.lists(st.text(max_size=2), min_size=4, max_size=4),
    st.lists(st.sampled_from(["a", "b", None]), min_size=4, max_size=4).map(pd.Categorical),
    st.lists(st.one_of(st.text(max_size=1), st.integers(0, 3), st.floats(), st.none()), min_size=4, max_size=4),
    st.lists(st.decimals().filter(lambda value: not value.is_snan()), min_size=4, max_size=4),
    st.lists(st.one_of(st.complex_numbers(), st.dates(), st.binary(), st.lists(st.none())), min_size=4, max_size=4),
)
FORMULAS = [
    *("y ~ 1", "y ~ x", "y ~ x + g", "y ~ 0 + x", "y ~ x:g", "y ~ (x | g)", "y ~ (x || g)", "y ~ (1 | x/g)"),
    *("y ~ log(x) + (1 | g)", "y ~ poly(x, 2)", "y ~ scale(x)", "y ~ C(x)", 'y ~ I(g == "a")', "log(y) ~ offset(x)"),
]


@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(formula=st.sampled_from(FORMULAS), y=VALUES, x=VALUES, g=VALUES, flat=st.booleans())
def test_whatever_the_data_only_our_own_errors_escape(formula: str, y: Any, x: Any, g: Any, flat: bool) -> None:
    data = pd.DataFrame({"y": pd.Series(y), "x": pd.Series(x), "g": pd.Series(g)})
    before = data.copy(deep=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", hb.HierBayesWarning)
        with contextlib.suppress(HierBayesError):
            found = design(formula, data, priors="flat" if flat else None)
            assert np.isfinite(found.X).all()
            assert all(np.isfinite(block.Z).all() for block in found.groups)
    pd.testing.assert_frame_equal(data, before)
