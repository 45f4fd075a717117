"""Formulas and what they mean, as a table."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from hierbayes.expressions.syntax import Binary, Call, Name, Number, Sequence, Text, Unary
from hierbayes.formula import Formula, Term, canonical, column_error, parse, show, suggest
from hierbayes.formula.printing import fill_dots

DOCS = Path(__file__).parents[2] / "docs" / "formulas.md"

# formula ¦ response ¦ population part ¦ group-level terms, with ; between them
TABLE = """
y ~ 1                               ¦ y         ¦ 1         ¦
y ~ x                               ¦ y         ¦ 1 + x     ¦
y ~ x - 1                           ¦ y         ¦ 0 + x     ¦
y ~ -1 + x                          ¦ y         ¦ 0 + x     ¦
y ~ 0 + x                           ¦ y         ¦ 0 + x     ¦
y ~ x + 0 + 1                       ¦ y         ¦ 1 + x     ¦
y ~ x + -1                          ¦ y         ¦ 0 + x     ¦
y ~ a + b + a + b:a + a:b           ¦ y         ¦ 1 + a + b + b:a ¦
y ~ a * b                           ¦ y         ¦ 1 + a + b + a:b ¦
y ~ a:b + a                         ¦ y         ¦ 1 + a + a:b ¦
y ~ a:b:c + a:b + c                 ¦ y         ¦ 1 + c + a:b + a:b:c ¦
y ~ a * b * c                       ¦ y         ¦ 1 + a + b + c + a:b + a:c + b:c + a:b:c ¦
y ~ a * b * c - a:b:c               ¦ y         ¦ 1 + a + b + c + a:b + a:c + b:c ¦
y ~ (a + b + c)^2                   ¦ y         ¦ 1 + a + b + c + a:b + a:c + b:c ¦
y ~ (a + b + c)**2 - a:b            ¦ y         ¦ 1 + a + b + c + a:c + b:c ¦
y ~ a / b                           ¦ y         ¦ 1 + a + a:b ¦
y ~ a / (b + c)                     ¦ y         ¦ 1 + a + a:b + a:c ¦
y ~ (a + b) / c                     ¦ y         ¦ 1 + a + b + a:b:c ¦
y ~ a * b / c                       ¦ y         ¦ 1 + a + b + a:b + a:b:c ¦
y ~ (a + b):(c + d)                 ¦ y         ¦ 1 + a:c + a:d + b:c + b:d ¦
y ~ a - a + b                       ¦ y         ¦ 1 + b     ¦
y ~ a + (b - a)                     ¦ y         ¦ 1 + a + b ¦
y ~ a + b + c - (a + b)             ¦ y         ¦ 1 + c     ¦
y ~ x + a - (1 + x)                 ¦ y         ¦ 0 + a     ¦
y ~ x + a - (x - a)                 ¦ y         ¦ 1 + a     ¦
y ~ x + (a - 1)                     ¦ y         ¦ 0 + x + a ¦
y ~ (a + b - a) * c                 ¦ y         ¦ 1 + b + c + b:c ¦
y ~ a:a                             ¦ y         ¦ 1 + a     ¦
log(y) ~ log(x + 1) + x:exp(z)      ¦ log(y)    ¦ 1 + log(x + 1) + x:exp(z) ¦
I(y / 10) ~ I(x**2) + I(x^2)        ¦ I(y / 10) ¦ 1 + I(x^2) ¦
y ~ poly(x, 2, raw=TRUE) + bs(z, 5) ¦ y         ¦ 1 + poly(x, 2, raw=True) + bs(z, 5) ¦
y ~ scale(x) * C(g, sum)            ¦ y         ¦ 1 + scale(x) + C(g, contrast="sum") + scale(x):C(g, contrast="sum") ¦
`a b` ~ `x y` + my.var + `1st`      ¦ `a b`     ¦ 1 + `x y` + my.var + `1st` ¦
größe ~ 温度                          ¦ größe     ¦ 1 + 温度    ¦
y ~ x | g                           ¦ y         ¦ 1         ¦ (1 + x | g)
Yield ~ 1 | Batch                   ¦ Yield     ¦ 1         ¦ (1 | Batch)
y ~ 0 + x | g                       ¦ y         ¦ 1         ¦ (0 + x | g)
y ~ z + x | a/b                     ¦ y         ¦ 1         ¦ (1 + z + x | a) ; (1 + z + x | a:b)
y ~ x || g                          ¦ y         ¦ 1         ¦ (1 || g) ; (0 + x || g)
y ~ x + (x | g)                     ¦ y         ¦ 1 + x     ¦ (1 + x | g)
y ~ x + (0 + x | g)                 ¦ y         ¦ 1 + x     ¦ (0 + x | g)
y ~ x + (x - 1 | g)                 ¦ y         ¦ 1 + x     ¦ (0 + x | g)
y ~ (x | g)                         ¦ y         ¦ 1         ¦ (1 + x | g)
y ~ ((x | g))                       ¦ y         ¦ 1         ¦ (1 + x | g)
y ~ 0 + (1 | g)                     ¦ y         ¦ 0         ¦ (1 | g)
y ~ x + (x || g)                    ¦ y         ¦ 1 + x     ¦ (1 || g) ; (0 + x || g)
y ~ (0 + a + b || g)                ¦ y         ¦ 1         ¦ (0 + a || g) ; (0 + b || g)
y ~ (a * b || g)                    ¦ y         ¦ 1         ¦ (1 || g) ; (0 + a || g) ; (0 + b || g) ; (0 + a:b || g)
y ~ (1 | a/b)                       ¦ y         ¦ 1         ¦ (1 | a) ; (1 | a:b)
y ~ (1 | a/b/c)                     ¦ y         ¦ 1         ¦ (1 | a) ; (1 | a:b) ; (1 | a:b:c)
y ~ (1 | a/(b/c))                   ¦ y         ¦ 1         ¦ (1 | a) ; (1 | a:b) ; (1 | a:b:c)
y ~ (1 | a:b)                       ¦ y         ¦ 1         ¦ (1 | a:b)
y ~ (x | a/b:c)                     ¦ y         ¦ 1         ¦ (1 + x | a) ; (1 + x | a:b:c)
y ~ (x || a/b)                      ¦ y         ¦ 1         ¦ (1 || a) ; (0 + x || a) ; (1 || a:b) ; (0 + x || a:b)
y ~ (1 | p) + x + (1 | s)           ¦ y         ¦ 1 + x     ¦ (1 | p) ; (1 | s)
y ~ x + (1 | g) + (0 + x | g)       ¦ y         ¦ 1 + x     ¦ (1 | g) ; (0 + x | g)
y ~ (a:b + log(x) | `g h`)          ¦ y         ¦ 1         ¦ (1 + log(x) + a:b | `g h`)
y ~ x + ((1 | a) + (1 | b))         ¦ y         ¦ 1 + x     ¦ (1 | a) ; (1 | b)
"""

ROWS = [[cell.strip() for cell in line.split("¦")] for line in TABLE.strip().splitlines()]


@pytest.mark.parametrize(("text", "response", "population", "groups"), ROWS, ids=[row[0] for row in ROWS])
def test_a_formula_means_what_the_table_says(text: str, response: str, population: str, groups: str) -> None:
    formula = parse(text)
    assert show(formula.response) == response
    assert show(formula.population) == population
    assert " ; ".join(show(group) for group in formula.groups) == groups


@pytest.mark.parametrize("text", [row[0] for row in ROWS])
def test_the_canonical_form_reads_back_as_the_same_formula(text: str) -> None:
    formula = parse(text)
    again = parse(canonical(formula))
    assert replace(again, text="") == replace(formula, text="")
    assert canonical(again) == canonical(formula)


# left side ¦ response ¦ trials ¦ standard errors ¦ canonical left side
LEFT = """
k | trials(n)                ¦ k        ¦ n           ¦       ¦ k | trials(n)
k | trials(12)               ¦ k        ¦ 12          ¦       ¦ k | trials(12)
k | trials(n + m)            ¦ k        ¦ n + m       ¦       ¦ k | trials(n + m)
k|trials(abs(n)*2)           ¦ k        ¦ abs(n) * 2  ¦       ¦ k | trials(abs(n) * 2)
cbind(k, f)                  ¦ k        ¦ k + f       ¦       ¦ k | trials(k + f)
cbind(k, n - k)              ¦ k        ¦ n           ¦       ¦ k | trials(n)
cbind(k, n - j)              ¦ k        ¦ k + (n - j) ¦       ¦ k | trials(k + (n - j))
cbind(k, 0)                  ¦ k        ¦ k + 0       ¦       ¦ k | trials(k + 0)
cbind(a + b, n - (a + b))    ¦ I(a + b) ¦ n           ¦       ¦ I(a + b) | trials(n)
cbind(`a b`, n - `a b`)      ¦ `a b`    ¦ n           ¦       ¦ `a b` | trials(n)
p(k, n)                      ¦ k        ¦ n           ¦       ¦ k | trials(n)
prop(round(k), 10)           ¦ round(k) ¦ 10          ¦       ¦ round(k) | trials(10)
proportion(k, n)             ¦ k        ¦ n           ¦       ¦ k | trials(n)
y | se(s)                    ¦ y        ¦             ¦ s     ¦ y | se(s)
log(y) | se(s / y)           ¦ log(y)   ¦             ¦ s / y ¦ log(y) | se(s / y)
y | se(0.5)                  ¦ y        ¦             ¦ 0.5   ¦ y | se(0.5)
"""


@pytest.mark.parametrize("line", LEFT.strip().splitlines())
def test_a_left_side_means_what_the_table_says(line: str) -> None:
    text, response, trials, se, written = [cell.strip() for cell in line.split("¦")]
    formula = parse(f"{text} ~ x + (1 | g)")
    shown = [show(each) if each is not None else "" for each in (formula.response, formula.trials, formula.se)]
    assert shown == [response, trials, se]
    assert formula.canonical == f"{written} ~ 1 + x + (1 | g)"
    assert replace(parse(formula.canonical), text="") == replace(formula, text="")
    assert fill_dots(". ~ . + z", formula) == f"{written} ~ 1 + x + (1 | g) + z"


def test_the_left_side_names_its_columns_first() -> None:
    assert parse("cbind(k, f) ~ x").columns == ("k", "f", "x")
    assert parse("y | se(s) ~ y2 + offset(z)").columns == ("y", "s", "z", "y2")


def test_what_only_responses_take_may_still_be_a_column() -> None:
    assert parse("p ~ trials + se + (cbind | prop)").columns == ("p", "trials", "se", "cbind", "prop")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Reaction ~ Days + (Days | Subject)", "Reaction ~ 1 + Days + (1 + Days | Subject)"),
        ("Reaction ~ Days || Subject", "Reaction ~ 1 + (1 + Days || Subject)"),
        ("Yield ~ 1 | Batch", "Yield ~ 1 + (1 | Batch)"),
        ("y ~ x + (0 + a + b || g) + (0 + c + a || g)", "y ~ 1 + x + (0 + a + b + c || g) + (0 + a || g)"),
        ("y ~ offset(log(n)) - 1 + x", "y ~ 0 + x + offset(log(n))"),
        ("y\n ~\tx", "y ~ 1 + x"),
    ],
)
def test_the_canonical_form_is_written_out(text: str, expected: str) -> None:
    assert parse(text).canonical == expected


def test_a_formula_prints_as_it_was_typed() -> None:
    assert str(parse("y ~x*  z")) == "y ~x*  z"


def test_a_split_term_knows_it_and_its_factor_stays_whole() -> None:
    groups = parse("y ~ f + (f || g)").groups
    assert [show(group.part) for group in groups] == ["1", "0 + f"]
    assert all(group.split for group in groups)
    assert not any(group.split for group in parse("y ~ f + (1 | g) + (0 + f | g)").groups)


def test_nested_factors_are_tuples_with_a_label() -> None:
    first, second = parse("y ~ (1 | a/b)").groups
    assert (first.factor, second.factor, second.label) == (("a",), ("a", "b"), "a:b")


def test_offsets_are_collected_apart() -> None:
    formula = parse("y ~ x + offset(log(n)) + offset(m)")
    assert formula.offsets == (Call("log", (Name("n"),)), Name("m"))
    assert formula.population.terms == (Term((Name("x"),)),)


def test_columns_come_once_each_in_order() -> None:
    assert parse("log(y) ~ x * `a b` + C(f, sum) + (x | s/t)").columns == ("y", "x", "a b", "f", "s", "t")


def atom(text: str) -> object:
    """Return the only atom of a formula's right side."""
    (term,) = parse(f"y ~ {text}").population.terms
    return term.atoms[0]


X = Name("x")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I(x^2)", Call("I", (Binary("**", X, Number(2)),))),
        ("I(-x^2)", Call("I", (Unary("-", Binary("**", X, Number(2))),))),
        ("I(x^-2)", Call("I", (Binary("**", X, Unary("-", Number(2))),))),
        ("I(2^3^x)", Call("I", (Binary("**", Number(2), Binary("**", Number(3), X)),))),
        ("I(x - 1 - 1e-3)", Call("I", (Binary("-", Binary("-", X, Number(1)), Number(0.001)),))),
        ("I(1 + x * 2)", Call("I", (Binary("+", Number(1), Binary("*", X, Number(2))),))),
        ('I(x == "a")', Call("I", (Binary("==", X, Text("a")),))),
        ("I(x<-1)", Call("I", (Binary("<", X, Unary("-", Number(1))),))),
        ("I(x * sqrt(2))", Call("I", (Binary("*", X, Call("sqrt", (Number(2),))),))),
        ("poly(x, 2L, raw=TRUE)", Call("poly", (X, Number(2)), (("raw", Text(True)),))),
        ("bs(x, knots=c(1, -2))", Call("bs", (X,), (("knots", Sequence((Number(1), Unary("-", Number(2))))),))),
    ],
)
def test_arithmetic_inside_a_call(text: str, expected: Call) -> None:
    assert atom(text) == expected


TREATMENT_B = (("contrast", Text("treatment")), ("reference", Text("B")))
LEVELS = (("levels", Sequence((Text("a"), Text("b")))),)


@pytest.mark.parametrize(
    ("text", "kwargs"),
    [
        ("C(x)", ()),
        ("factor(x)", ()),
        ("C(x, sum)", (("contrast", Text("sum")),)),
        ("C(x, Sum)", (("contrast", Text("sum")),)),
        ("C(x, contr.sum)", (("contrast", Text("sum")),)),
        ('C(x, "contr.helmert")', (("contrast", Text("helmert")),)),
        ("C(x, contrast=poly)", (("contrast", Text("poly")),)),
        ('C(x, Treatment("B"))', TREATMENT_B),
        ('C(x, treatment(reference="B"))', TREATMENT_B),
        ('C(x, reference="B")', TREATMENT_B),
        ('C(x, treatment, ref="B")', TREATMENT_B),
        ('C(x, levels=["a", "b"])', LEVELS),
        ("C(x, c('a', 'b'))", LEVELS),
        ('factor(x, levels=c("a", "b"))', LEVELS),
        ('C(x, sum, levels=["a", "b"])', (("contrast", Text("sum")), *LEVELS)),
    ],
)
def test_every_spelling_of_a_contrast_comes_to_one_form(text: str, kwargs: object) -> None:
    assert atom(text) == Call("C", (X,), kwargs)  # type: ignore[arg-type]
    assert parse(f"y ~ {text}").columns == ("y", "x")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I((x+1)*2)", "I((x + 1) * 2)"),
        ("I(x-(1-2))", "I(x - (1 - 2))"),
        ("I((x^2)^3)", "I((x^2)^3)"),
        ("I((-x)^2)", "I((-x)^2)"),
        ("I((x<1)*2)", "I((x < 1) * 2)"),
        ("I(x**2**3)", "I(x^2^3)"),
        ("log( `a b` )", "log(`a b`)"),
        ("log(`plain`)", "log(plain)"),
        ("log(`True`)", "log(`True`)"),
        (r"log(`a\`b`)", r"log(`a\`b`)"),
        ("I(x + 1e20)", "I(x + 1e+20)"),
        ("I(x == 'it\\'s \"\\n')", 'I(x == "it\'s \\"\\n")'),
    ],
)
def test_show_writes_with_the_fewest_parentheses(text: str, expected: str) -> None:
    found = atom(text)
    assert isinstance(found, Call)
    assert show(found) == expected
    assert atom(expected) == found


def test_spans_point_into_the_text() -> None:
    text = "y ~ `a b` + (x | g)"
    formula = parse(text)
    (term,) = formula.population.terms
    (group,) = formula.groups
    assert text[term.span.start : term.span.stop] == "`a b`"
    assert text[group.span.start : group.span.stop] == "x | g"


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("days", "Days"), ("Dayz", "Days"), ("Subj", "Subject"), ("temperature", None), ("", None)],
)
def test_suggest(name: str, nearest: str | None) -> None:
    assert suggest(name, ["Reaction", "Days", "Subject", 7]) == nearest


@pytest.mark.parametrize(
    ("text", "name", "start", "stop"),
    [
        ("y ~ dayz + (1 | Subj)", "dayz", 4, 8),
        ("y ~ dayz + (1 | Subj)", "Subj", 16, 20),
        ("y ~ log(dayz)", "dayz", 8, 12),
        ("yy ~ x", "yy", 0, 2),
        ("y ~ (g | f/g)", "g", 5, 6),
        ("y ~ x | sum:`a b`", "a b", 12, 17),
        ("y ~ C(x, sum) + (1 | sum)", "sum", 21, 24),
    ],
)
def test_a_missing_column_is_marked_where_it_is_first_named(text: str, name: str, start: int, stop: int) -> None:
    error = column_error(parse(text), name, ["Reaction", "Days", "Subject"])
    assert (error.start, error.stop) == (start, stop)
    assert text in str(error)


def test_a_missing_column_suggests_the_nearest_or_lists_them() -> None:
    formula = parse("y ~ dayz + q")
    assert column_error(formula, "dayz", ["Days", "Subject"]).hint == "Did you mean 'Days'?"
    assert column_error(formula, "q", ["Days", "Subject"]).hint == "The data has Days, Subject."


def test_a_formula_built_by_hand_has_no_place_to_mark() -> None:
    formula = Formula("", Name("y"), parse("y ~ 1").population)
    assert column_error(formula, "y", ["Days"]).text is None


def documented() -> list[tuple[str, bool]]:
    """Return every formula of the documentation page and whether it is refused there."""
    text = DOCS.read_text(encoding="utf-8")
    blocks = re.findall(r"```(formula|refused)\n(.*?)```", text, flags=re.DOTALL)
    lines = [(line, kind == "refused") for kind, block in blocks for line in block.splitlines() if line.strip()]
    spoken = [(span, False) for span in re.findall(r"(?<!`)`([^`\n]*~[^`\n]*)`(?!`)", text) if span.strip() != "~"]
    return lines + spoken


def test_the_page_shows_formulas() -> None:
    assert sum(not refused for _, refused in documented()) > 25
    assert sum(refused for _, refused in documented()) > 10


@pytest.mark.parametrize("text", [text for text, refused in documented() if not refused])
def test_every_formula_of_the_page_is_read(text: str) -> None:
    left, _, right = text.partition("  means  ")
    formula = parse(left)
    if right:
        meant = parse(right)
        assert formula.population == meant.population
        assert [(group.part, group.factor) for group in formula.groups] == [
            (group.part, group.factor) for group in meant.groups
        ]
