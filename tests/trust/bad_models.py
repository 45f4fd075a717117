"""Cases: names of columns, formulas and options of a model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from trust.bad_data import BASE, N, have
from trust.outcomes import Case, Outcome, Refused, Right, Warned

import hierbayes as hb
from hierbayes.errors import DataError, FormulaError, ModelError

# As a column, as the slope that varies, and as the grouping factor: the numbers are those of z and g.
ODD_NAMES = {
    "a bar": "1|g", "a module": "np", "a word of SQL": "select", "a quote": 'a"b', "an apostrophe": "a'b",
    "a blank": " ", "an emoji": "\U0001f642", "a tilde": "y~x", "brackets": "[x]", "a number": "1", "a sign": "-1",
    "a newline": "\n", "a NUL": "\0", "a backquote": "a`b", "a backslash": "a\\", "a tag": "<script>",
    "an accent of its own": "e\u0301", "a parameter": "b_h", "the word None": "None", "a word of Python": "lambda",
    "a formula: a function": "log", "a placeholder": "{x}", "a per cent sign": "100%", "no width": "a\u200bb",
    "right to left": "\u202ex", "long": "x" * 3000,
}  # fmt: skip
OWN_NAMES = ("sigma", "beta", "coef", "chain", "draw")


def quoted(name: str) -> str:
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def odd_name(name: str) -> Case:
    text, other = quoted(name), quoted(f"{name} too")

    def kept(model: Any) -> bool:
        (block,) = model.design.groups
        return (
            np.array_equal(model.design.X[:, 1], BASE["z"])
            and np.array_equal(block.Z[:, 1], BASE["z"])
            and block.factor == f"{name} too"
        )

    data = have(**{name: BASE["z"], f"{name} too": BASE["g"]})
    return Case("", f"y ~ {text} + ({text} | {other})", data, Right(kept))


def parts(*coefficients: str) -> Right:
    return Right(lambda model: model.design.coefficients == coefficients)


TWINS = BASE.rename(columns={"x": "\u00e9", "z": "e\u0301"})
INTERCEPT = have(Intercept=BASE["x"])
TAKEN = Refused(FormulaError, ("called 'Intercept'", "rename the column"))
SELF = Refused(FormulaError, ("'y' stands on the right side", "^", "leave it out there"))
WEIGHTED = have(w=[-1.0, *[1.0] * (N - 1)], big=1e9, small=1e-9, huge=1e308)

NAMES: dict[str, tuple[Any, Any, Outcome]] = {
    "a column twice": (
        "y ~ x", pd.concat([BASE, BASE[["x"]]], axis=1), Refused(DataError, ("more than one column called 'x'", "drop"))
    ),
    "an unused column twice": (
        "y ~ x", pd.concat([BASE, BASE[["z"]]], axis=1), Refused(DataError, ("more than one column called 'z'", "drop"))
    ),
    "case only": ("y ~ x + X", have(X=BASE["z"]), parts("Intercept", "x", "X")),
    "the wrong case": ("y ~ X", BASE, Refused(FormulaError, ("no column 'X'", "^", "Did you mean 'x'?"))),
    "a column called Intercept": ("y ~ x + Intercept", INTERCEPT, TAKEN),
    "a response called Intercept": ("Intercept ~ z", INTERCEPT, TAKEN),
    "an unused column called Intercept": ("y ~ x", INTERCEPT, parts("Intercept", "x")),
    "composed and decomposed": ("y ~ `\u00e9` + `e\u0301`", TWINS, parts("Intercept", "\u00e9", "e\u0301")),
    "composed for decomposed": (
        "y ~ \u00e9", TWINS.drop(columns="\u00e9"),
        Refused(FormulaError, ("no column '\u00e9'", "'e\\u0301'", "made of other characters", "rename")),
    ),
    "a number for a name": (
        "y ~ `0`", BASE.rename(columns={"x": 0}), Refused(DataError, ("'0'", "of type int", "data.columns"))
    ),
    "names of two storeys": (
        "y ~ x", pd.concat({"a": BASE}, axis=1), Refused(DataError, ("('a', 'y')", "of type tuple", "data.columns"))
    ),
    "a missing column": ("y ~ q", BASE, Refused(FormulaError, ("no column 'q'", "^", "The data has y, x, z, g, f"))),
    **{
        f"a predictor called {name}": (f"y ~ {name}", have(**{name: BASE["x"]}), parts("Intercept", name))
        for name in OWN_NAMES
    },
    **{
        f"a factor called {name}": (
            f"y ~ (1 | {name})", have(**{name: BASE["g"]}),
            Refused(ModelError, (f"'{name}' a second meaning in the posterior", "rename the column")),
        )
        for name in OWN_NAMES
    },
}  # fmt: skip

FORMULAS: dict[str, tuple[Any, Any, Outcome]] = {
    "no formula": (None, BASE, Refused(FormulaError, ("not NoneType", "Write response ~ terms"))),
    "an empty formula": ("", BASE, Refused(FormulaError, ("the formula is empty", "Write"))),
    "nothing to estimate": ("y ~ 0", BASE, Refused(FormulaError, ("no coefficient left", "Write y ~ 1"))),
    "y on both sides": ("y ~ x + y", BASE, SELF),
    "y on both sides, in a call": ("y ~ x + log(y)", BASE, SELF),
    "y as group": ("y ~ x + (1 | y)", BASE, SELF),
    "x by x": ("y ~ (x | x)", BASE, Refused(FormulaError, ("'x' does not change within a level", "^", "(1 | x)"))),
    "Python": ("y ~ __import__('os')", BASE, Refused(FormulaError, ("__import__() is not an allowed", "^"))),
}  # fmt: skip

RATED = {"family": "ordinal"}
SORTED = Refused(DataError, ("'k' holds text", "needs to know their order", "ordered=True"))
TWO = Refused(DataError, ("takes three or more", "bernoulli"))
CATEGORIES: dict[str, tuple[Any, Any, Outcome]] = {
    "text as ordered categories": ("k ~ x", have(k=BASE["f"]), SORTED),
    "categories without an order": (
        "k ~ x", have(k=pd.Categorical(BASE["f"])),
        Refused(DataError, ("categories without an order", "'u', 'v', 'w'", "ordered=True")),
    ),
    "two ordered categories": ("k ~ x", have(k=pd.Categorical(["a", "b"] * 12, ordered=True)), TWO),
    "two numbers as ordered categories": ("k ~ x", have(k=[0, 1] * 12), TWO),
    "two texts as ordered categories": ("k ~ x", have(k=["a", "b"] * 12), TWO),
    "truth values as ordered categories": ("k ~ x", have(k=[True, False] * 12), TWO),
    "one ordered category": (
        "k ~ x", have(k=[4] * 24), Refused(DataError, ("has one category ('4')", "look at the column"))
    ),
    "broken numbers as ordered categories": (
        "k ~ x", have(k=[1, 2, 2.5, 4] * 6),
        Refused(DataError, ("is 2.5 in row 2", "whole numbers in their order", "pd.cut")),
    ),
    "very many ordered categories": (
        "I(k) ~ x", pd.concat([have(k=0)] * 3, ignore_index=True).assign(k=range(72)),
        Refused(DataError, ("has 72 categories", "at most 50", "pd.cut")),
    ),
    "ordered categories of one name": (
        "k ~ x", have(k=pd.Categorical([1, "1", 2] * 8, [1, "1", 2], ordered=True)),
        Refused(DataError, ("both written '1'", "rename one")),
    ),
    "an ordered category without rows": (
        "k ~ x", have(k=pd.Categorical(BASE["f"], list("uvwz"), ordered=True)),
        Warned(("no row in use has the category 'z'", "remove_unused_categories"), lambda m: m.problem.categories == 4),
    ),
}  # fmt: skip

UNREAL = Refused(ModelError, ("'x' has numbers that cannot be squared", "change the prior"))
OPTIONS: dict[str, tuple[dict[str, Any], Outcome]] = {
    "family": ({"family": "gausian"}, Refused(ModelError, ("'gausian' is not available", "gaussian"))),
    "missing": ({"missing": "keep"}, Refused(ModelError, ("missing='keep'", '"drop" or "raise"'))),
    "a negative weight": ({"weights": "w"}, Refused(DataError, ("'w' is -1 in row 0", "leave such rows out"))),
    "weights that are large": ({"weights": "big"}, Refused(DataError, ("'big' are 1e+09", "divide them all"))),
    "weights that are small": ({"weights": "small"}, Refused(DataError, ("'small' are 1e-09", "divide them all"))),
    "weights that overflow": ({"weights": "huge"}, Refused(DataError, ("'huge' are", "divide them all"))),
    "weights of text": ({"weights": "g"}, Refused(DataError, ("weights column 'g' must be numeric",))),
    "weights not there": ({"weights": "ww"}, Refused(DataError, ("'ww'", "did you mean 'w'"))),
    "a prior of no parameter": (
        {"priors": {"X": hb.Normal(0, 1)}}, Refused(ModelError, ("no parameter 'X'", "did you mean 'x'"))
    ),
    "a prior that is a number": ({"priors": {"x": 1}}, Refused(ModelError, ("the prior of 'x' is 1", "hb.Normal"))),
    "a prior too narrow to be squared": (
        {"priors": {"x": hb.Normal(0, 1e-300)}}, UNREAL
    ),
    "a prior too wide to be squared": (
        {"priors": {"x": hb.Normal(0, 1e300)}}, UNREAL
    ),
    "a prior too far to be squared": (
        {"priors": {"x": hb.Normal(-1e300, 1)}}, UNREAL
    ),
    "a prior of the wrong kind": (
        {"priors": {"sigma": hb.Normal(0, 1)}}, Refused(ModelError, ("does not fit 'sigma'", "a positive prior"))
    ),
    "contrasts of a number": ({"contrasts": {"x": "sum"}}, Refused(DataError, ("'x', which is numeric", "C(x)"))),
    "contrasts of nothing": ({"contrasts": {"q": "sum"}}, Refused(DataError, ("'q', which the data do not have",))),
}  # fmt: skip


def cases() -> list[Case]:
    """All cases of this file."""
    named = [Case(f"a column called {word}", case.formula, case.data, case.outcome)
             for word, name in ODD_NAMES.items() for case in [odd_name(name)]]  # fmt: skip
    typed = [Case(name, *row) for table in (NAMES, FORMULAS) for name, row in table.items()]
    options = [Case(f"option: {name}", "y ~ x", WEIGHTED, outcome, given) for name, (given, outcome) in OPTIONS.items()]
    rated = [Case(f"ordinal: {name}", *row, RATED) for name, row in CATEGORIES.items()]
    return [*named, *typed, *options, *rated]
