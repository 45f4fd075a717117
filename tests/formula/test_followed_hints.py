"""What is written in other languages, and what the hint says to write instead: it is read, or nothing is left to do."""

from __future__ import annotations

import datetime
import re
import warnings

import numpy as np
import pandas as pd
import pytest

import hierbayes as hb
from hierbayes.errors import DataError, FormulaError, HierBayesError

N = 48
RNG = np.random.default_rng(4)
DATA = pd.DataFrame({"g": np.arange(N) % 6, "a": np.repeat(list("pqr"), 16), "b": np.tile(list("uv"), 24)})
DATA["x"], DATA["z"], DATA["y"] = RNG.normal(size=(3, N))
DATA["t"] = np.arange(N) % 4
DATA["k"], DATA["n"], DATA["event"], DATA["period"] = np.arange(N) % 3, 5, RNG.integers(0, 2, N), np.arange(N) % 7
DATA["y_before"] = DATA["y"].shift(1).fillna(0.0)
DATA["day"] = [datetime.date(2024, 1, 1 + i % 6) for i in range(N)]
DATA["clock"] = [datetime.time(1 + i % 6, 30) for i in range(N)]
DATA["ts"] = pd.to_datetime(DATA["day"])
DATA["gone"] = DATA["ts"] - DATA["ts"].min() + pd.Timedelta(hours=1)
DATA["month"] = pd.Series(pd.PeriodIndex([f"2024-{1 + i % 6:02d}" for i in range(N)], freq="M"))

# what is typed, words of the hint, and the formula that follows it; none where there is nothing to write
HINTS: list[tuple[str, str, str | None]] = [
    ("y ~ 1 + (1 | as.factor(g))", "write g.", "y ~ 1 + (1 | g)"),
    ("y ~ 1 + (1 | C(g))", "write g.", "y ~ 1 + (1 | g)"),
    ("y ~ 1 + (1 | factor(g))", "write g.", "y ~ 1 + (1 | g)"),
    ("y ~ 1 + (1 | as.character(g))", "write g.", "y ~ 1 + (1 | g)"),
    ("y ~ 1 + (1 | a/as.factor(g))", "write g.", "y ~ 1 + (1 | a/g)"),
    ("y ~ 1 + (1 | interaction(a, b))", "write a:b.", "y ~ 1 + (1 | a:b)"),
    ("y ~ as.factor(a)", "Write C(x).", "y ~ C(a)"),
    ("y ~ us(x | g)", "Write (x | g)", "y ~ (x | g)"),
    ("y ~ us(1 + x | g)", "Write (x | g)", "y ~ (1 + x | g)"),
    ("y ~ diag(x | g)", "Write (x || g)", "y ~ (x || g)"),
    ("y ~ cs(b | g)", "Write (1 | g) + (1 | g:x)", "y ~ (1 | g) + (1 | g:b)"),
    ("y ~ x + ar1(t + 0 | g)", "y ~ y_before +", "y ~ y_before + x + (1 | g)"),
    ("y ~ x + ar(time = t, gr = g)", "y ~ y_before +", "y ~ y_before + x + (1 | g)"),
    ("y ~ x + unstr(t, g)", "y ~ y_before +", "y ~ y_before + x + (1 | g)"),
    ("y ~ x + car(W)", "Residuals are independent", None),
    ("y ~ x + corAR1(t)", "y ~ y_before +", "y ~ y_before + x + (1 | g)"),
    ("Surv(t, event) ~ x", "bs(period, df=4)", "event ~ bs(period, df=4) + (1 | g)"),
    ("y ~ x + frailty(g)", "Write (1 | g)", "y ~ x + (1 | g)"),
    ("y ~ SSlogis(x, a, b, z)", "bs(x, df=5)", "y ~ bs(x, df=5)"),
    ("y ~ x + max(x, z)", "Write pmax(x, z)", "y ~ x + pmax(x, z)"),
    ("y ~ !b", "Write I(!x)", "y ~ I(!event)"),
    ("y ~ poly(t, 4)", "write poly(t, 3)", "y ~ poly(t, 3)"),
    ("y ~ poly(t, 4)", "or C(t)", "y ~ C(t)"),
    ("y ~ x + sigma(z)", 'weights="column"', None),
    ("y ~ x + mean(x)", "ave(x, g)", "y ~ x + ave(x, g)"),
    ("y ~ group_mean(x, g)", "I(x - ave(x, g))", "y ~ I(x - ave(x, g)) + ave(x, g)"),
    ("y ~ demean(x, g)", "I(x - ave(x, g))", "y ~ I(x - ave(x, g)) + ave(x, g)"),
    ("y ~ interaction(a, b)", "Write a:b.", "y ~ a:b"),
    ("mvbind(x, z) ~ y", "The response is one column", "x ~ y"),
    ("lambda(x) ~ y", "allowed", None),
]


def quiet(formula: str, data: pd.DataFrame, **options: object) -> hb.Model:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hb.HierBayesWarning)
        return hb.Model(formula, data, **options)


@pytest.mark.parametrize(("typed", "words", "followed"), HINTS)
def test_a_hint_that_is_followed_leads_to_a_model(typed: str, words: str, followed: str | None) -> None:
    with pytest.raises(HierBayesError) as caught:
        hb.Model(typed, DATA)
    assert words in str(caught.value.hint)
    assert "id you mean" not in str(caught.value.hint)
    if followed is not None:
        assert quiet(followed, DATA).design.n == N


def test_successes_and_events_by_the_family_that_the_hint_names() -> None:
    with pytest.raises(FormulaError, match="is the whole left side") as caught:
        hb.Model("y ~ cbind(k, n)", DATA)
    assert all(
        words in str(caught.value.hint) for words in ("p(k, n)", "cbind(k, n - k)", "k | trials(n)", '"binomial"')
    )
    designs = [
        quiet(f"{left} ~ x", DATA, family="binomial").design for left in ("p(k, n)", "cbind(k, n - k)", "k | trials(n)")
    ]
    for design in designs:
        np.testing.assert_array_equal(design.y, DATA["k"])
        np.testing.assert_array_equal(design.trials, DATA["n"])
    with pytest.raises(hb.ModelError, match='write family="binomial" if successes are counted'):
        hb.Model("cbind(k, n - k) ~ x", DATA)
    with pytest.raises(FormulaError) as surv:
        hb.Model("Surv(t, event) ~ x", DATA)
    assert 'family="bernoulli(cloglog)"' in str(surv.value.hint)
    assert quiet("event ~ bs(period, df=4) + (1 | g)", DATA, family="bernoulli(cloglog)").spec.family.link == "cloglog"


def test_correlated_and_not_as_the_hints_of_us_and_diag_say() -> None:
    free, apart = (quiet(f"y ~ x + {bar}", DATA) for bar in ("(x | g)", "(x || g)"))
    assert "corr_g" in free.priors.index
    assert "corr_g" not in apart.priors.index
    assert [len(block.terms) for block in apart.design.groups] == [1, 1]


def test_compound_symmetry_is_what_the_hint_of_cs_writes() -> None:
    """Rows of one level of g share one variance, and more where b is the same too, whatever the levels."""
    design = quiet("y ~ 1 + (1 | g) + (1 | g:b)", DATA).design
    own, pair = (block.codes for block in design.groups)
    covariance = 4.0 * (own[:, None] == own) + 1.0 * (pair[:, None] == pair)
    same_g, same_b = (
        DATA["g"].to_numpy()[:, None] == DATA["g"].to_numpy(),
        DATA["b"].to_numpy()[:, None] == DATA["b"].to_numpy(),
    )
    np.testing.assert_array_equal(covariance, np.where(same_g & same_b, 5.0, np.where(same_g, 4.0, 0.0)))


@pytest.mark.parametrize("name", ["ts", "day", "gone", "clock", "month"])
def test_dates_and_times_made_levels_and_numbers_as_the_hint_says(name: str) -> None:
    for formula, which in ((f"y ~ 1 + (1 | {name})", 0), (f"y ~ {name}", 1)):
        with pytest.raises(DataError, match=f"column '{name}' holds dates or durations") as caught:
            hb.Model(formula, DATA)
        written = re.findall(rf"(data\['{name}'\] = .*?)(?:; |$)", str(caught.value.hint))
        assert len(written) == 2
        data = DATA.copy()
        exec(written[which], {"pd": pd, "data": data})
        design = quiet(formula, data).design
        if which == 0:
            assert design.groups[0].n_levels == 6
        else:
            assert len(np.unique(design.X[:, 1])) == 6


def test_the_index_is_named_and_reset() -> None:
    with pytest.raises(FormulaError, match=r"'g' is the index of the data.*\n.*\n.*\^\n.*data\.reset_index\(\)"):
        hb.Model("y ~ 1 + (1 | g)", DATA.set_index("g"))
    assert hb.Model("y ~ 1 + (1 | g)", DATA.set_index("g").reset_index()).design.groups[0].n_levels == 6


CALLS = {
    "pmax(x, 0)": lambda d: np.maximum(d["x"], 0),
    "pmin(x, z, 0.5)": lambda d: np.minimum(np.minimum(d["x"], d["z"]), 0.5),
    "ifelse(x > 0, x, 2 * z)": lambda d: np.where(d["x"] > 0, d["x"], 2 * d["z"]),
    'ifelse(a == "p", 1, 0)': lambda d: (d["a"] == "p") * 1.0,
    "I(!event)": lambda d: 1.0 - d["event"],
    "I(!(x > 0.5))": lambda d: (d["x"] <= 0.5) * 1.0,
    "I(!x > 0.5)": lambda d: (d["x"] <= 0.5) * 1.0,
    "I((!event) * x)": lambda d: (1 - d["event"]) * d["x"],
    "sin(2 * pi * t / 7)": lambda d: np.sin(2 * np.pi * d["t"] / 7),
    "log(pmax(x, 0.1))": lambda d: np.log(np.maximum(d["x"], 0.1)),
    "center(pmax(x, 0))": lambda d: np.maximum(d["x"], 0) - np.maximum(d["x"], 0).mean(),
}


@pytest.mark.parametrize("call", CALLS)
def test_functions_of_rows_against_numpy(call: str) -> None:
    from hierbayes.formula import parse

    model = hb.Model(f"y ~ {call}", DATA)
    np.testing.assert_allclose(model.design.X[:, 1], CALLS[call](DATA), rtol=1e-14, atol=1e-15)
    written = parse(model.spec.formula.canonical)
    assert written.population == model.spec.formula.population, written.canonical


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("y ~ pmax(x)", r"pmax\(\) takes 2 arguments"),
        ("y ~ ifelse(x > 0, 1)", r"ifelse\(\) takes 3 arguments"),
        ("y ~ ifelse(x > 0, 1, 2, 3)", r"ifelse\(\) takes at most 3 arguments"),
        ('y ~ ifelse(x > 0, "a", "b")', r"text cannot be reckoned with"),
        ("y ~ pmax(1, 2)", "names no column"),
        ("y ~ pmax(a, x)", "reckons with column 'a', which holds text"),
        ("y ~ I(!a)", "reckons with column 'a', which holds text"),
        ("y ~ I(x & z)", "& is not available"),
        ("y ~ I(pi)", "names no column"),
    ],
)
def test_what_they_do_not_take(formula: str, message: str) -> None:
    with pytest.raises(HierBayesError, match=message):
        hb.Model(formula, DATA)


def test_a_column_called_pi_is_not_mixed_up_with_the_number() -> None:
    data = DATA.assign(pi=DATA["x"])
    with pytest.raises(FormulaError, match="between backquotes for the column"):
        hb.Model("y ~ I(2 * pi * z)", data)
    np.testing.assert_allclose(hb.Model("y ~ I(2 * `pi`)", data).design.X[:, 1], 2 * DATA["x"])
    np.testing.assert_allclose(hb.Model("y ~ pi", data).design.X[:, 1], DATA["x"])
