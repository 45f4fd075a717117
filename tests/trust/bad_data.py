"""Cases: groups, rows, values, sizes and types of columns."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from trust.outcomes import Case, Outcome, Refused, Right, Warned

from hierbayes.errors import DataError, ModelError

N = 24
RNG = np.random.default_rng(5)
BASE = pd.DataFrame(
    {
        "y": RNG.normal(10, 2, N),
        "x": RNG.normal(size=N),
        "z": RNG.normal(size=N),
        "g": np.resize(list("abcdef"), N),
        "f": np.repeat(list("uvw"), 8),
    }
)
COUNT = np.arange(N)


def have(**columns: Any) -> pd.DataFrame:
    return BASE.assign(**columns)


def put(name: str, row: int, value: Any) -> pd.DataFrame:
    """The table with one value changed."""
    values = BASE[name].astype(object)
    values[row] = value
    return have(**{name: values.infer_objects()})


def levels(*expected: str) -> Right:
    return Right(lambda model: model.design.groups[0].levels == expected)


def column(expected: Any, k: int = 1) -> Right:
    """Column k of X is exactly this."""
    return Right(lambda model: np.array_equal(model.design.X[:, k], np.asarray(expected, dtype=float)))


def rows(n: int) -> Any:
    return lambda model: model.design.n == n and model.design.rows_given == N


SINGLE = Refused(DataError, ("'k'", "single level", "leave the term out"))
ALONE = "every row is a level of its own in 'k'"
TWICE = "each level of 'k' has a coefficient of its own"
EMPTY = "every row misses a value"
UNIT = "change its unit"
ROUNDED = ("varies by less than rounding can tell", "subtract a constant")
DATES = Refused(DataError, ("'k' holds dates or durations", "for a number data['k'] ="))
MIXED = Refused(DataError, ("'k' mixes kinds", "make the column all"))
NESTED = Refused(DataError, ("'k' holds values of type", "make it a column of numbers or of text"))
COMPLEX = Refused(DataError, ("'k' holds complex numbers", "real part"))
MERGED = Refused(DataError, ("'k' holds whole numbers beyond 2**53", "subtract a constant"))
IN_NUMBERS = "y ~ k"
BY_GROUP = "y ~ (1 | k)"

# name: formula, column k (or a whole table), outcome
GROUPS: dict[str, tuple[str, Any, Outcome]] = {
    "one group": ("y ~ x + (1 | k)", "a", SINGLE),
    "one group of an interaction": (
        "y ~ (1 | k:h)", have(k="a", h="b"), Refused(DataError, ("'k:h'", "single level", "leave the term out"))
    ),
    "one row a group": ("y ~ x + (1 | k)", COUNT, Warned((ALONE, "only the priors"))),
    "one row a group, with slopes": ("y ~ x + (x | k)", COUNT, Warned((ALONE, "only the priors"))),
    "one group has all rows but one": (BY_GROUP, ["b", *["a"] * (N - 1)], levels("a", "b")),
    "all levels of a predictor unique": (IN_NUMBERS, [f"k{i}" for i in COUNT], Warned(("24 rows",), rows(N))),
    "all levels of a predictor unique, beside groups": (
        "y ~ k + (1 | g)", [f"k{i}" for i in COUNT], Warned(("24 population-level", "identifier"), rows(N))
    ),
    "the factor as predictor and as group": ("y ~ k + (1 | k)", BASE["f"], Warned((TWICE, "Leave one of them out"))),
    "the factor as C() and as group": ("y ~ C(k) + (1 | k)", COUNT % 4, Warned((TWICE, "Leave one of them out"))),
    "a trend over groups": ("y ~ k + (1 | k)", COUNT % 4, column(COUNT % 4)),
    "more slopes than rows in each group": ("y ~ x * z + (x * z | k)", COUNT // 2, Right(rows(N))),
    "a group of missing rows only": (
        BY_GROUP, have(k=BASE["f"], y=np.where(BASE["f"] == "u", np.nan, BASE["y"])),
        Warned(("8 of 24 rows dropped", "y 8"), lambda model: model.design.groups[0].levels == ("v", "w")),
    ),
}  # fmt: skip

ROWS: dict[str, tuple[str, Any, Outcome]] = {
    "zero rows": ("y ~ x", BASE.iloc[:0], Refused(DataError, ("the data have no rows",))),
    "one row": ("y ~ 1", BASE.iloc[:1], Refused(DataError, ("1 row in use", "at least two"))),
    "two rows": ("y ~ x", BASE.iloc[:2], Warned(("2 population-level", "2 rows"))),
    "all of y missing": ("y ~ x", have(y=np.nan), Refused(DataError, (EMPTY, "y 24"))),
    "all of x missing": ("y ~ x", have(x=None), Refused(DataError, (EMPTY, "x 24"))),
    "all of g missing": ("y ~ (1 | g)", have(g=None), Refused(DataError, (EMPTY, "g 24"))),
    "each row misses something": (
        "y ~ x", have(y=np.where(COUNT % 2, np.nan, 1.0), x=np.where(COUNT % 2, 1.0, np.nan)),
        Refused(DataError, (EMPTY, "y 12, x 12")),
    ),
    "NaN in y": ("y ~ x", put("y", 3, np.nan), Warned(("1 of 24 rows dropped", "y 1"), rows(N - 1))),
    "NaN in x": ("y ~ x", put("x", 3, np.nan), Warned(("1 of 24 rows dropped", "x 1"), rows(N - 1))),
    "None in g": ("y ~ (1 | g)", put("g", 3, None), Warned(("1 of 24 rows dropped", "g 1"), rows(N - 1))),
    "NaN in a column that is not used": ("y ~ x", put("z", 3, np.nan), Right(rows(N))),
    "inf in y": ("y ~ x", put("y", 3, np.inf), Refused(DataError, ("'y' is inf in row 3", "remove the row"))),
    "-inf in x": ("y ~ x", put("x", 3, -np.inf), Refused(DataError, ("'x' is -inf in row 3", "remove the row"))),
    "inf in g": (BY_GROUP, [np.inf, *COUNT[1:]], Refused(DataError, ("'k' is inf in row 0", "remove the row"))),
    "log of zero": ("log(k) ~ x", COUNT, Refused(DataError, ("'log(k)' is -inf in row 0", "look at the data"))),
    "exp overflows": ("y ~ exp(k)", 100.0 * COUNT, Refused(DataError, ("'exp(k)' is inf in row 8",))),
    "division by zero": ("y ~ I(x / k)", 0.0, Refused(DataError, ("'I(x / k)'", "in row 0"))),
    "a scale of nothing": ("y ~ scale(k)", 1.0, Refused(DataError, ("'scale(k)' is nan", "look at the data"))),
    "a table that is no table": ("y ~ x", [1, 2], Refused(DataError, ("must be a data frame", "list"))),
    "no table": ("y ~ x", None, Refused(DataError, ("must be a data frame", "NoneType"))),
    "ragged columns": ("y ~ x", {"y": [1, 2], "x": [1]}, Refused(DataError, ("cannot be made into a table",))),
}  # fmt: skip


def over_offset(model: Any) -> bool:
    """With 1e12 added to y the prior of the slope is as without it: the spread was not lost."""
    spread = float(np.std(BASE["y"], ddof=1))
    return abs(model.resolved_priors.prior_of("sigma").sigma / spread - 1) < 1e-3


SIZES: dict[str, tuple[str, Any, Outcome]] = {
    "constant y": ("y ~ x", have(y=1.0), Refused(DataError, ("the response 'y' is the same in every row (1)",))),
    "constant x": (IN_NUMBERS, 1.0, Warned(("'k' of the population part", "the same in every row"), rows(N))),
    "constant text": (IN_NUMBERS, "a", Refused(DataError, ("'k' has a single level, 'a'", "leave it out"))),
    "constant slope": ("y ~ (k | g)", 1.0, Warned(("'k' of the term of 'g'", "the same in every row"), rows(N))),
    "constant x, no intercept": ("y ~ 0 + k", 2.0, column(np.full(N, 2.0), 0)),
    "the offset is the response": (
        "y ~ x + offset(k)", BASE["y"], Refused(ModelError, ("less its offset is the same", "look at the offset"))
    ),
    "x explains y exactly": (
        IN_NUMBERS, have(k=COUNT, y=3.0 + 0.1 * COUNT),
        Refused(ModelError, ("predictors explain the response", "fix sigma")),
    ),
    "groups explain y exactly": (
        "y ~ x + (1 | k)", have(k=BASE["f"], y=BASE["f"].map({"u": 1.1, "v": 0.3, "w": 9.7})),
        Refused(ModelError, ("the levels of 'k' explain", "fix sigma")),
    ),
    "x and groups explain y exactly": (
        "y ~ x + (x | k)", have(k=BASE["f"], y=BASE["f"].map({"u": 1.1, "v": 0.3, "w": 9.7}) + 0.7 * BASE["x"]),
        Refused(ModelError, ("the group-level terms of 'k' explain", "fix sigma")),
    ),
    "slopes explain y exactly": (
        "y ~ x + (0 + x | k)",
        have(k=BASE["f"], y=4.0 + BASE["f"].map({"u": 1.1, "v": 0.3, "w": 9.7}) * BASE["x"]),
        Refused(ModelError, ("the group-level terms of 'k' explain", "fix sigma")),
    ),
    "intercepts and slopes explain y exactly": (
        "y ~ x + (x || k)",
        have(k=BASE["f"], y=BASE["f"].map({"u": 1.1, "v": 0.3, "w": 9.7}) * (4.0 - BASE["x"])),
        Refused(ModelError, ("the group-level terms of 'k' explain", "fix sigma")),
    ),
    "slopes explain y but for a hair": (
        "y ~ x + (x | k)",
        have(k=BASE["f"], y=BASE["f"].map({"u": 1.1, "v": 0.3, "w": 9.7}) * BASE["x"] + 1e-6 * BASE["z"]),
        Right(rows(N)),
    ),
    "x explains y but for a hair": (IN_NUMBERS, have(k=COUNT, y=3.0 + COUNT + 1e-6 * BASE["z"]), Right(rows(N))),
    "units that no prior can span": (
        IN_NUMBERS, have(k=1e-140 * BASE["x"], y=1e140 * BASE["y"]),
        Refused(ModelError, ("'k' has numbers", "the unit")),
    ),
    "collinear": ("y ~ x + k", 2 * BASE["x"] - 1, Warned(("'k' of the population part", "linear"), rows(N))),
    "nearly collinear": (
        "y ~ x + k", BASE["x"] + 1e-9 * BASE["z"], Refused(ModelError, ("'k' is a linear combination", "leave one"))
    ),
    "almost collinear": ("y ~ x + k", BASE["x"] + 1e-4 * BASE["z"], Right(rows(N))),
    "two names of one factor": (
        "y ~ f + k", BASE["f"].map({"u": "1", "v": "2", "w": "3"}),
        Warned(("'k[2]', 'k[3]' of the population part", "linear combination"), rows(N)),
    ),
    "y times 1e200": ("y ~ x", have(y=1e200 * BASE["y"]), Refused(DataError, ("the response 'y'", UNIT))),
    "y times 1e-200": ("y ~ x", have(y=1e-200 * BASE["y"]), Refused(DataError, ("the response 'y'", UNIT))),
    "x times 1e200": (IN_NUMBERS, 1e200 * BASE["x"], Refused(ModelError, ("'k' is of a size", UNIT))),
    "x times 1e-200": (IN_NUMBERS, 1e-200 * BASE["x"], Refused(ModelError, ("'k' is of a size", UNIT))),
    "x below the smallest normal number": (IN_NUMBERS, 1e-310 * BASE["x"], Refused(ModelError, ("'k'", UNIT))),
    "y plus 1e12": ("y ~ x", have(y=BASE["y"] + 1e12), Right(over_offset)),
    "y plus 1e17": ("y ~ x", have(y=BASE["y"] + 1e17), Refused(ModelError, ("the response", *ROUNDED))),
    "x plus 1e15": (IN_NUMBERS, BASE["x"] + 1e15, Refused(ModelError, ("'k'", *ROUNDED))),
    "an offset of 1e12": ("y ~ x + offset(k)", 1e12, Right(over_offset)),
    "an offset of 1e17": ("y ~ x + offset(k)", 1e17, Refused(ModelError, ("less its offset", *ROUNDED))),
    "identifiers as numbers": (IN_NUMBERS, 2**60 + COUNT, MERGED),
    "identifiers as response": ("k ~ x", 2**60 + COUNT, MERGED),
    "identifiers in a call": ("y ~ I(k - 1)", 2**60 + COUNT, MERGED),
    "identifiers as groups": (BY_GROUP, 2**60 + COUNT % 3, levels(str(2**60), str(2**60 + 1), str(2**60 + 2))),
    "whole numbers beyond any float": (
        IN_NUMBERS, pd.Series([10**400 + i for i in range(N)], dtype=object),
        Refused(DataError, ("'k' holds numbers that cannot be read", "use smaller numbers")),
    ),
}  # fmt: skip

TYPES: dict[str, tuple[str, Any, Outcome]] = {
    "uint8 squared": ("y ~ I(k * k)", np.arange(200, 200 + N).astype(np.uint8), column(np.arange(200, 200 + N) ** 2)),
    "int8 squared": ("y ~ I(k * k)", np.arange(100, 100 + N).astype(np.int8), column(np.arange(100, 100 + N) ** 2)),
    "int64 squared": (
        "y ~ I(k * k)", 4 * 10**9 + COUNT, column([float(4 * 10**9 + i) ** 2 for i in range(N)])
    ),
    "bool response": ("k ~ x", BASE["x"] > 0, Right(lambda model: set(model.design.y) == {0.0, 1.0})),
    "bool predictor": (IN_NUMBERS, BASE["x"] > 0, column(BASE["x"] > 0)),
    "Int64 with NA": (IN_NUMBERS, pd.array([None, *COUNT[1:]], dtype="Int64"), Warned(("1 of 24 rows", "k 1"))),
    "Decimal": (IN_NUMBERS, [Decimal(int(i)) / 8 for i in COUNT], column(COUNT / 8)),
    "numbers as objects": (IN_NUMBERS, pd.Series([1.5, 2] * 12, dtype=object), column([1.5, 2] * 12)),
    "complex predictor": (IN_NUMBERS, 1j * COUNT, COMPLEX),
    "complex response": ("k ~ x", 1j * COUNT, COMPLEX),
    "complex groups": (BY_GROUP, 1j * (COUNT % 3), COMPLEX),
    "dates": (IN_NUMBERS, pd.date_range("2020", periods=N), DATES),
    "dates as response": ("k ~ x", pd.date_range("2020", periods=N), DATES),
    "durations": (IN_NUMBERS, pd.to_timedelta(COUNT, unit="D"), DATES),
    "durations as groups": (BY_GROUP, pd.to_timedelta(COUNT % 3, unit="D"), DATES),
    "Python's dates": (IN_NUMBERS, [datetime.date(2020, 1, 1)] * N, DATES),
    "text as response": ("f ~ x", BASE, Refused(DataError, ("the response 'f' must be numeric", "compare it"))),
    "arithmetic with text": ("y ~ I(f * 2)", BASE, Refused(DataError, ("'f', which holds text", "compare it"))),
    "bytes": (BY_GROUP, [b"a", b"b"] * 12, MIXED),
    "lists": (IN_NUMBERS, [[1]] * N, NESTED),
    "dicts": (IN_NUMBERS, [{}] * N, NESTED),
    "arrays in cells": (IN_NUMBERS, [np.ones(2)] * N, NESTED),
    "1 beside '1'": (BY_GROUP, pd.Series([1, "1"] * 12, dtype=object), MIXED),
    "1 beside True": (BY_GROUP, pd.Series([1, 2, True] * 8, dtype=object), MIXED),
    "True beside 0": (IN_NUMBERS, pd.Series([True, False, 0] * 8, dtype=object), MIXED),
    "1 beside '1' as categories": (
        BY_GROUP, pd.Categorical([1, "1"] * 12), Refused(DataError, ("both written '1'", "rename one"))
    ),
    "categories keep their order": (BY_GROUP, pd.Categorical(BASE["f"], list("wvu")), levels("w", "v", "u")),
    "ordered categories": (BY_GROUP, pd.Categorical(BASE["f"], list("vwu"), ordered=True), levels("v", "w", "u")),
    "unused categories": (BY_GROUP, pd.Categorical(BASE["f"], list("zwvu")), levels("w", "v", "u")),
    "numbers as groups": (BY_GROUP, np.resize([10, 9, 100], N), levels("9", "10", "100")),
    "floats as groups": (BY_GROUP, np.resize([0.5, -0.0, 0.0, 2.0], N), levels("0", "0.5", "2")),
    "an empty level": (BY_GROUP, np.resize(["", "a", "b"], N), levels("", "a", "b")),
    "blanks around levels": (BY_GROUP, np.resize([" a", "a", "a "], N), levels(" a", "a", "a ")),
    "levels of signs": (
        BY_GROUP, np.resize(["a:b", "a_b", "a,b", "a]", "a\nb", "<script>"], N),
        levels("<script>", "a\nb", "a,b", "a:b", "a]", "a_b"),
    ),
    "levels that are twins": (BY_GROUP, np.resize(["\u00e9", "e\u0301"], N), levels("e\u0301", "\u00e9")),
    "cells that are written alike": (
        "y ~ (1 | k:h)", have(k=np.resize(["a", "a:b"], N), h=np.resize(["b:c", "c"], N)),
        levels('"a":"b:c"', '"a:b":"c"'),
    ),
    "cells that are written alike, as coefficients": (
        "y ~ k * h", have(k=np.resize(["a", "b", "b]:h[d"], N), h=np.resize(list("cccddd"), N)),
        Refused(DataError, ("both be called 'k[b]:h[d]'", "rename a level")),
    ),
    "null and NaN of polars": (
        "y ~ x", pl.DataFrame({"y": [None, float("nan"), *BASE["y"][2:]], "x": BASE["x"].to_list()}),
        Warned(("2 of 24 rows dropped", "y 2"), rows(N - 2)),
    ),
}  # fmt: skip


def cases() -> list[Case]:
    """All cases of this file."""
    found = []
    for table in (GROUPS, ROWS, SIZES, TYPES):
        for name, (formula, data, outcome) in table.items():
            whole = isinstance(data, pd.DataFrame | pl.DataFrame | dict) or "table" in name
            found.append(Case(name, formula, data if whole else have(k=data), outcome))
    return found
