"""Cases: new data for a prediction."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from trust.bad_data import BASE
from trust.outcomes import Outcome, Refused, Right

from hierbayes.errors import DataError, ModelError

NEW = BASE.iloc[:4].drop(columns="y")
KNOWN = NEW.iloc[[0, 0, 1]]


def with_(**columns: Any) -> pd.DataFrame:
    return NEW.assign(**columns)


def same_as_plain(given: Any, plain: Any) -> bool:
    """The answers are those for the new data as they stand."""
    return given["mean"].tolist() == plain["mean"].tolist()


def one_draw_a_level(given: Any, _: Any) -> bool:
    """Rows of one new level share their effects; another level has others."""
    found = given["mean"].to_numpy()
    return found[0] == found[1] != found[2]


SAME = Right(lambda pair: same_as_plain(*pair))
ROW = "row 1 (counting from 0)"

# name: new data, options, outcome
PREDICTIONS: dict[str, tuple[Any, dict[str, Any], Outcome]] = {
    "an unseen level of a predictor": (
        with_(f=["u", "new", "u", "v"]), {},
        Refused(DataError, ("'f' has the level 'new'", ROW, "its levels are: u, v, w")),
    ),
    "an unseen group": (
        with_(g=["a", "new", "a", "b"]), {}, Refused(DataError, ("the level 'new' of 'g'", ROW, 'groups="new"'))
    ),
    "a missing group": (
        with_(g=["a", None, "a", "b"]), {}, Refused(DataError, ("'g' is missing", ROW, 'groups="population"'))
    ),
    "a missing group, to be new": (
        with_(g=["a", None, "a", "b"]), {"groups": "new"}, Refused(DataError, ("'g' is missing", ROW, "name the level"))
    ),
    "a missing group, for the population": (
        with_(g=None), {"groups": "population"}, Right(lambda pair: len(pair[0]) == 4)
    ),
    "unseen groups, to be new": (
        KNOWN.assign(g=["p", "p", "q"], x=1.0, f="u"), {"groups": "new", "seed": 1},
        Right(lambda pair: one_draw_a_level(*pair)),
    ),
    "further columns": (with_(more=1, y="text"), {}, SAME),
    "columns in another order": (NEW[NEW.columns[::-1]], {}, SAME),
    "another index": (NEW.set_axis([7, 7, 7, 7]), {}, SAME),
    "polars": (pl.from_pandas(NEW), {}, SAME),
    "a dict": (NEW.to_dict("list"), {}, SAME),
    "a missing column": (NEW.drop(columns="x"), {}, Refused(DataError, ("no column 'x'", "they have"))),
    "a column in the wrong case": (
        NEW.rename(columns={"x": "X"}), {}, Refused(DataError, ("no column 'x'", "did you mean 'X'"))
    ),
    "no rows": (NEW.iloc[:0], {}, Refused(DataError, ("have no rows",))),
    "NaN in a predictor": (with_(x=[1, np.nan, 1, 1]), {}, Refused(DataError, ("'x'", ROW, "fill them in"))),
    "null in a predictor": (
        pl.from_pandas(NEW).with_columns(x=pl.Series([1.0, None, 1.0, 1.0])), {},
        Refused(DataError, ("'x'", ROW, "fill them in")),
    ),
    "inf in a predictor": (with_(x=[1, np.inf, 1, 1]), {}, Refused(DataError, ("'x' is inf in row 1", "remove"))),
    "text for a number": (with_(x="three"), {}, Refused(DataError, ("'x' holds text", "'three'", "number"))),
    "dates for a number": (with_(x=pd.Timestamp("2020-01-01")), {}, Refused(DataError, ("'x' holds dates", "number"))),
    "no table": (7, {}, Refused(DataError, ("must be a data frame", "int"))),
    "an unknown question": (NEW, {"groups": "some"}, Refused(ModelError, ("groups='some'", "'known'"))),
    "a negative seed": (NEW, {"seed": -1}, Refused(ModelError, ("seed=-1", "at least 0"))),
}  # fmt: skip
