"""Hypotheses as text: what is read, what it is worth for every draw, and what is refused with a mark at the place."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fits import fake_fit
from hypothesis import given, settings
from hypothesis import strategies as st

import hierbayes as hb
from hierbayes.summaries.questions.expressions import evaluate, linear_form
from hierbayes.summaries.questions.parameters import Parameters
from hierbayes.summaries.questions.reading import read


@pytest.fixture(scope="module")
def sleep():
    return fake_fit("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy"), draws=5)


@pytest.fixture(scope="module")
def parameters(sleep):
    return Parameters(sleep.posterior, sleep.design)


def value(text, parameters):
    return evaluate(read(text, parameters, compared=False).sides[0], parameters, text)


def names(posterior):
    """What Python needs to work the same expressions out by itself."""
    beta, sd = posterior["beta"].to_numpy(), posterior["sd_Subject"].to_numpy()
    return {
        "Intercept": beta[..., 0],
        "Days": beta[..., 1],
        "sd_Subject[Intercept]": sd[..., 0],
        "sd_Subject[Days]": sd[..., 1],
        "corr_Subject[Intercept, Days]": posterior["corr_Subject"].to_numpy()[..., 0, 1],
        "sigma": posterior["sigma"].to_numpy(),
        "b_Subject[309, Days]": posterior["b_Subject"].sel(Subject="309", Subject_term="Days").to_numpy(),
    }


def test_every_parameter_by_name(sleep, parameters):
    for name, draws in names(sleep.posterior).items():
        np.testing.assert_array_equal(value(name, parameters), draws)
    total = sleep.posterior["b_Subject"].sel(Subject="309", Subject_term="Days") + sleep.posterior["beta"].sel(
        coef="Days"
    )
    np.testing.assert_allclose(value("coef_Subject[309, Days]", parameters), total, rtol=1e-15)
    np.testing.assert_array_equal(value("beta[Days]", parameters), value("Days", parameters))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("corr_Subject[Days,Intercept]", "corr_Subject[ Intercept , Days ]"),
        ("corr_Subject", "corr_Subject[Intercept, Days]"),
        ("b_Subject[308,Days]", "b_Subject[ 308 , Days ]"),
        ("`sd_Subject[Days]`", "sd_Subject[Days]"),
        ("Days**2", "Days^2"),
        ("-Days^2", "-(Days^2)"),
        ("2^Days^2", "2^(Days^2)"),
        ("2^-Days", "1/2^Days"),
        ("Days - 3 - 2", "(Days - 3) - 2"),
        ("Days / 3 / 2", "(Days / 3) / 2"),
        ("--Days", "+Days"),
        ("Days*-1", "-Days"),
        ("min(Days, 0, sigma)", "-max(-Days, 0, -sigma)"),
        ("exp(log(sigma))", "abs(-sqrt(sigma)^2)"),
        ("1e1*Days", "10*Days"),
        (".5*Days", "Days/2"),
    ],
)
def test_two_ways_of_writing_one_thing(parameters, one, other):
    np.testing.assert_allclose(value(one, parameters), value(other, parameters), rtol=1e-14)


leaves = st.sampled_from(
    ["Days", "Intercept", "sigma", "sd_Subject[Days]", "corr_Subject[Intercept, Days]", "2", "0.25", "1e2"]
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(lambda t: f"{t[0]}{t[1]}{t[2]}"),
        inner.map(lambda t: f"-{t}"),
        inner.map(lambda t: f"abs({t})"),
        st.tuples(inner, inner).map(lambda t: f"max({t[0]}, {t[1]})"),
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(text=trees)
def test_random_expressions_against_python(sleep, parameters, text):
    known = names(sleep.posterior)
    python = text
    for i, name in enumerate(known):
        python = python.replace(name, f"v{i}_") if "[" in name else python
    space = {f"v{i}_": draws for i, draws in enumerate(known.values())} | {
        k: v for k, v in known.items() if "[" not in k
    }
    expected = eval(python, {"__builtins__": {}, "abs": np.abs, "max": np.maximum}, space)
    np.testing.assert_allclose(value("0*sigma + " + text, parameters), np.broadcast_to(expected, (2, 5)), rtol=1e-9)


def test_weighted_sums_are_seen(parameters):
    def weights(text):
        form = linear_form(read(text, parameters, compared=False).sides[0])
        return None if form is None else ({own.name: w for own, w in form.weights}, form.constant)

    assert weights("2*(Days - 3)/4 + Intercept - 1") == ({"Days": 0.5, "Intercept": 1.0}, -2.5)
    assert weights("-Days + Days*3 - Days*2") == ({}, 0.0)
    assert weights("Days*2^3") == ({"Days": 8.0}, 0.0)
    assert weights("max(1, 2)*Days") == ({"Days": 2.0}, 0.0)
    for text in ("Days*sigma", "Days^2", "1/Days", "abs(Days)", "Days/0", "log(sigma)"):
        assert weights(text) is None, text


BAD = [
    ("dayz > 8", "no parameter 'dayz'", "dayz", "Did you mean Days?"),
    ("Days > sgma", "no parameter 'sgma'", "sgma", "Did you mean sigma?"),
    ("b_Subject[999, Days] > 0", "no parameter 'b_Subject", "b_Subject[999, Days]", "Did you mean b_Subject["),
    ("b_Subjet[308, Days] > 0", "no parameter", "b_Subjet[308, Days]", "Parameters: Intercept"),
    ("coef_Subject[308, Day] > 0", "no parameter", "coef_Subject[308, Day]", "coef_Subject[308, Days]"),
    ("sd_Subject > 0", "no parameter 'sd_Subject'", "sd_Subject", "sd_Subject["),
    ("Days >> 8", "a value is missing before >", ">", None),
    ("Days >", "ends where a value is missing", ">", None),
    ("> 8", "a value is missing before >", ">", None),
    ("Days > (8", "never closed", "(", "Close it"),
    ("Days > 8)", "does not close anything", ")", "Take it out"),
    ("Days[ > 3", "this [ is never closed", "[", "Close it"),
    ("Days ] > 3", "a bracket stands only in a name", "]", "Write sd_Subject"),
    ("2Days > 1", "neither a number nor a name", "2Days", "Write *"),
    ("2 Days > 1", "an operator is missing before Days", "Days", None),
    ("Days sigma > 1", "an operator is missing before sigma", "sigma", None),
    ("log(sigma, 2) > 0", "log() takes one argument", "log(sigma, 2)", None),
    ("max(sigma) > 0", "max() takes two or more arguments", "max(sigma)", None),
    ("log() > 0", "a value is missing before )", ")", None),
    ("foo(Days) > 0", "no function foo()", "foo", "Functions: abs"),
    ("sqr(Days) > 0", "no function sqr()", "sqr", "Did you mean sqrt()?"),
    ("__import__('os') > 0", "no function __import__()", "__import__", None),
    ("Days > 3 < 2", "turns round", "<", "all as <"),
    ("0 < Days = 2", "an equality stands alone", "=", "of its own"),
    ("Days", "nothing is compared", "Days", "Write a comparison"),
    ("1 < 2", "no parameter takes part", "1 < 2", "Parameters:"),
    ("(Days > 3) + 1 > 0", "cannot stand in parentheses", ">", None),
    ("Days != 3", "!= is no hypothesis", "!=", "Write ="),
    ("Days => 3", "the other way round", "=>", ">="),
    ("Days > 3 & Days < 5", "& does not join", "&", "as a list"),
    ("Days > 3 || sigma < 5", "|| does not join", "||", "as a list"),
    ("Days ≥ 3", "≥ is not available", "≥", ">="),
    ("Days ~ 3", "belongs to a formula", "~", None),
    ("Days > 3, sigma < 5", "a comma stands only between", ",", "as a list"),
    ("Days > '3'", "text has no place", "'", "backquotes"),
    ("Days > 5%", "% is not available", "%", "0.05"),
    ("Days > 3; sigma", "without ;", ";", None),
    ("Days > ?", "the character '?' has no meaning", "?", "backquotes"),
    ("`Days > 3", "never closed", "`", "Close it"),
    ("`` > 3", "is empty", "``", None),
    ("`no such` > 3", "no parameter 'no such'", "`no such`", "Parameters:"),
    ("Days > 1e999", "too large", "1e999", None),
    ("log(Days - 1000) > 0", "no finite number in 10 of 10 draws", "log(Days - 1000)", None),
    ("1/(Days - Days) > 0", "no finite number in 10 of 10 draws", "1/(Days - Days)", None),
    ("(" * 51 + "Days" + ")" * 51 + " > 0", "nested more than 50 deep", "(", None),
    ("Days" + " + 1" * 201 + " > 0", "at most 200 operations", "+", None),
]


@pytest.mark.parametrize(("text", "what", "place", "hint"), BAD, ids=[text[:24] for text, *_ in BAD])
def test_what_cannot_be_read_is_marked(sleep, text, what, place, hint):
    with pytest.raises(hb.FormulaError) as caught:
        sleep.hypothesis(text)
    error = caught.value
    assert what in error.what
    lines = str(error).splitlines()
    caret = next(line for line in lines[1:] if set(line.strip()) == {"^"})
    start = caret.index("^") - 4
    assert text[start : start + len(place)] == place
    assert len(caret.strip()) == len(place) if len(text) < 100 else True
    assert hint is None or hint in (error.hint or "")


def test_a_name_with_two_meanings_is_refused():
    data = hb.load_data("sleepstudy").rename(columns={"Days": "sigma"})
    fit = fake_fit("Reaction ~ sigma + (1 | Subject)", data, draws=5)
    with pytest.raises(hb.FormulaError, match="is the name of a coefficient and of the residual sd") as caught:
        fit.hypothesis("sigma > 0")
    assert "beta[sigma]" in str(caught.value)
    expected = float((fit.posterior["beta"].sel(coef="sigma") > 0).mean())
    assert fit.hypothesis("beta[sigma] > 0").table["prob"][0] == expected


def test_a_call_that_is_a_coefficient():
    sleep = hb.load_data("sleepstudy")
    fit = fake_fit("Reaction ~ poly(Days, 2) + log1p(Days) + (1 | Subject)", sleep, draws=5)
    for name in ("poly(Days, 2)[1]", "poly(Days,2)[2]", "log1p(Days)"):
        label = name.replace(",2", ", 2")
        expected = float(fit.posterior["beta"].sel(coef=label).mean())
        assert fit.hypothesis(f"{name} > 0").table["mean"][0] == pytest.approx(expected, rel=1e-12)
    with pytest.raises(hb.FormulaError, match=r"there is no parameter 'Days'"):
        fit.hypothesis("abs(Days) > 1")


def test_log_of_a_coefficient_beside_a_coefficient_called_log():
    fit = fake_fit("Reaction ~ x + log(x) + (1 | Subject)", hb.load_data("sleepstudy").assign(x=lambda d: d.Days + 1))
    with pytest.raises(hb.FormulaError, match="may be a coefficient, or a function of one"):
        fit.hypothesis("log(x) > 0")
    assert fit.hypothesis("`log(x)` > 0").table["mean"][0] == pytest.approx(
        float(fit.posterior["beta"].sel(coef="log(x)").mean())
    )
    assert fit.hypothesis("exp(beta[x]) > 0").table["prob"][0] == 1


HOSTILE = [
    "a>b",
    "x = 1",
    "c]d",
    "[e",
    "f[g]h",
    "it's",
    'say "i"',
    "j`k",
    "l, m",
    "n:o",
    "0 < p < 1",
    "ü%",
    " q ",
    "min(1",
]


def test_hostile_names_in_backquotes(monkeypatch):
    monkeypatch.setattr("hierbayes.comparison.prior_parameters.DRAWS", 100)
    rng = np.random.default_rng(1)
    n = 20 * len(HOSTILE)
    data = pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "my col": np.resize(HOSTILE, n),
            "Days > 8": rng.normal(size=n),
            "g h]": np.repeat(HOSTILE, 20),
        }
    )
    fit = fake_fit("y ~ `my col` + `Days > 8` + (1 + `Days > 8` | `g h]`)", data, draws=5)
    wanted = {label: fit.posterior["beta"].sel(coef=label) for label in fit.design.coefficients}
    factor = fit.design.factors[0]
    for term in fit.design.groups[0].terms:
        wanted[f"sd_{factor}[{term}]"] = fit.posterior[f"sd_{factor}"].sel({f"{factor}_term": term})
        for level in fit.design.groups[0].levels:
            own = fit.posterior[f"b_{factor}"].sel({factor: level, f"{factor}_term": term})
            wanted[f"b_{factor}[{level}, {term}]"] = own
    quoted = {name: "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`" for name in wanted}
    table = fit.hypothesis([f"{text} > 0" for text in quoted.values()]).table
    np.testing.assert_allclose(table["mean"], [float(draws.mean()) for draws in wanted.values()], rtol=1e-12)
    assert len(wanted) > 40


def test_names_need_no_backquotes_where_brackets_hold_what_is_odd():
    data = pd.DataFrame(
        {"y": np.arange(20.0) ** 1.5, "v": ["a>b", "x = 1", "c]d", "[e", "0 < 1"] * 4, "g": list("pqrst") * 4}
    )
    fit = fake_fit("y ~ v + (1 | g)", data, draws=5)
    for label in fit.design.coefficients[1:]:
        found = fit.hypothesis(f"{label} > 0").table
        assert found["mean"][0] == pytest.approx(float(fit.posterior["beta"].sel(coef=label).mean()), rel=1e-12)
