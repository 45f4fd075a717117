"""Malformed formulas: each with its message and the place that it marks."""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hierbayes.errors import FormulaError
from hierbayes.expressions.functions import FUNCTIONS
from hierbayes.formula import parse

DOCS = Path(__file__).parents[2] / "docs" / "formulas.md"

# The formula with carets below the marked place; the start of the message; a part of the hint.
MALFORMED = """
y
^
the formula has no ~
Reaction ~ Days

y = x
  ^
the formula has no ~
Write ~ here

y <- x
  ^
the formula has no ~
Write ~ here

~ x
^
nothing stands left of ~
Reaction ~ Days

y ~
  ^
nothing stands right of ~
Write y ~ 1

y ~ x ~ z
      ^
the formula has a second ~
one response

y ~ (x ~ z)
       ^
the formula has a second ~
one response

y ~ 0
    ^
the formula has no coefficient left
Write y ~ 1

y ~ x - x - 1
    ^^^^^^^^^
the formula has no coefficient left
Write y ~ 1

y ~ (x + (z | g)
    ^
this ( is never closed
Close it with )

y ~ x)
     ^
this ) does not close anything
Take it out

y ~ log(x]
         ^
this ] does not close anything
open it with [

y ~ x +
      ^
the formula ends where a term is missing

y ~ x + + * z
          ^
a term is missing before *

y ~ x z
      ^
an operator is missing before z

y ~ ()
    ^^
these parentheses are empty

y ~ 2x
    ^^
'2x' is neither a number nor a plain name
`2x`

y ~ x²
     ^
the character '²' has no meaning
backquotes

y ~ "x"
    ^^^
quoted text is not a column
without quotes

y ~ C(x, "a)
         ^
the " that opens here is never closed
Close it

y ~ `x
    ^
the ` that opens here is never closed
Close it

y ~ ``
    ^^
the name between these backquotes is empty

y ~ lgo(x)
    ^^^
lgo() is not an allowed function
Did you mean log()

y ~ np.log(x)
    ^^^^^^
np.log() is not an allowed function
Write log(x).

y ~ os.system("ls")
    ^^^^^^^^^
os.system() is not an allowed function
The allowed functions are log

y ~ __import__("os")
    ^^^^^^^^^^
__import__() is not an allowed function
The allowed functions are log

y ~ splines::bs(x, 3)
           ^^
a package cannot be named
bs(x, df=5)

y ~ I(lambda x: x)
      ^^^^^^
a lambda is not available
allowed

y ~ .
    ^
'.' is not available
Name the columns

y ~ x^2
    ^^^
x crossed with itself is x again
Write I(x^2)

y ~ log(x)^2
    ^^^^^^^^
log(x) crossed with itself
Write I(log(x)^2)

y ~ (a + b)^1.5
            ^^^
outside a function call a power must be a whole number
(a + b)^2

y ~ a^b
      ^
outside a function call a power must be a whole number
Write I(a^...)

y ~ x * 2
        ^
a column cannot be multiplied by a number here
I(x * 2)

y ~ x + 2
        ^
a number in a formula is 0 or 1
I(x + 2)

y ~ (1 + x) * z
     ^
0 and 1 stand for the intercept
summands

y ~ x > 1
      ^
a comparison stands only inside a call
I(x > 1)

y ~ x = 1
      ^
= stands only inside a call
I(x == 1)

y ~ x, z
     ^
a comma stands only inside a function call
Join terms with +

y ~ x[1]
     ^
a column cannot be subset
Choose the rows

y ~ {x}
    ^
braces have no meaning
( and )

y ~ a %in% b
      ^^^^
%in% is not available
a:b

y ~ x %% 2
      ^^
%% is not available
into the data

y ~ data$x
        ^
$ has no meaning
write x for data$x

y ~ True
    ^^^^
True is not a column
`True`

y ~ x - -z
        ^
a second minus
one sign

y ~ x + (1 |p| g)
           ^^^
a term has one bar; (1 |p| g)
Write (1 | g)

y ~ x + (1 | gr(g))
             ^^
gr() is not available
Write (1 | g)

y ~ (1 | mm(a, b))
         ^^
mm(), the multiple-membership term, is not available
Write (1 | g)

y ~ mo(x)
    ^^
mo(), the monotonic effect, is not available
C(x, poly)

y ~ s(x, k=3)
    ^
s(), the smooth term, is not available
bs(x, df=5)

y ~ te(x, z)
    ^^
te(), the tensor-product smooth, is not available
bs(x, df=5)

y ~ t2(x, z)
    ^^
t2(), the tensor-product smooth, is not available
bs(x, df=5)

y ~ (1 | a * b)
         ^^^^^
a crossing with * cannot be a grouping factor
(1 | a) + (1 | b) + (1 | a:b)

y ~ (1 | a + b)
         ^^^^^
a sum cannot be a grouping factor
(1 | a) + (1 | b)

y ~ (1 | factor(g))
         ^^^^^^^^^
a function call cannot be a grouping factor
write g.

y ~ (x | 1)
         ^
1 cannot be a grouping factor
Name a column

y ~ (1 | a:a)
           ^
the grouping factor names a twice

y ~ (0 | g)
     ^
nothing is left to vary by group
(1 | g) or (0 + x | g)

y ~ ( | g)
      ^
nothing stands left of this bar
(1 | g)

y ~ (x | )
       ^
nothing stands right of this bar
(1 | g)

y ~ ((x | g) | h)
      ^^^^^
a bar stands inside another
as summands

y ~ x + (1 | a) | b
         ^^^^^
a bar stands inside another
as summands

y ~ x * (1 | g)
         ^^^^^
a group-level term cannot be multiplied
summand

y ~ x - (1 | g)
         ^^^^^
a group-level term cannot be taken away
Leave it out

y ~ log(x | g)
          ^
a bar cannot stand inside log()
(x | g)

y ~ x - (x + (1 | g))
         ^^^^^^^^^^
group-level terms and offsets cannot be taken away
Leave them out

y ~ x - offset(z)
        ^^^^^^^^^
an offset cannot be taken away
Leave it out

y ~ offset(z) + (x + offset(z))
                            ^
this offset is given twice
Leave one out

y ~ x + (offset(z) | g)
         ^^^^^^^^^
an offset cannot stand beside a bar
offset(x) + (1 | g)

y ~ x:offset(z)
      ^^^^^^^^^
an offset is a summand of its own
offset(z)

y ~ I(x:z)
       ^
`:` has no meaning inside I()
I(x * z)

y ~ I(x & z)
        ^
& is not available
Multiply

y ~ I(1 < x < 3)
            ^
comparisons cannot be chained
Multiply two

y ~ I(x + "a")
          ^^^
text cannot be reckoned with
Compare it

y ~ log(2)
    ^^^^^^
log() of a constant names no column

y ~ log()
    ^^^^^
log() lacks its first argument
Write log(x)

y ~ log(x, 2)
           ^
log() takes one argument

y ~ poly(x, k)
            ^
degree of poly() must be a whole number

y ~ poly(x, 2, rwa=True)
                   ^^^^
poly() has no argument 'rwa'
degree, raw

y ~ poly(x, 2, degree=3)
                      ^
poly() is given degree twice

y ~ bs(x)
    ^^^^^
bs() lacks df or knots
bs(x, 5)

y ~ log(poly(x, 2))
        ^^^^
poly() cannot stand inside log()
term of its own

y ~ C(log(x))
      ^^^^^^
C() takes a column first
into the data

y ~ C(x, summ)
         ^^^^
'summ' is not a contrast
Did you mean sum

y ~ C(x, sum, reference="B")
                        ^^^
only the treatment contrast has a reference
Treatment("B")

y | weights(w) ~ x
    ^^^^^^^
weights() is not part of a response
weights="column"

k | trials(n) + weights(w) ~ x
              ^
a response takes one of
weights="column"

y | rate(n) ~ x
    ^^^^
rate() is not part of a response
offset(log(n))

y | cens(c) ~ x
    ^^^^
cens(), a censored response, is not available
one column

y | resp_se(s) ~ x
    ^^^^^^^
resp_se() cannot stand in a response
se(s)

y | g ~ x
    ^
right of the response's bar stands trials() or se()
p(k, n)

y | ~ x
    ^
right of the response's bar stands
p(k, n)

y | trials(n) | se(s) ~ x
              ^
a response has one bar
p(k, n)

y || se(s) ~ x
  ^^
|| stands right of ~ only
se(s)

k | trials(n, m) ~ x
    ^^^^^^^^^^^^
trials() takes one argument, not 2
trials(n)

k | trials() ~ x
    ^^^^^^^^
trials() takes one argument, not 0
trials(n)

k | trials(2.5) ~ x
           ^^^
a number of trials must be a whole number, 1 or more

k | trials(0) ~ x
           ^
a number of trials must be a whole number, 1 or more

k | trials("n") ~ x
           ^^^
text cannot be reckoned with

y | se(s, sigma=TRUE) ~ x
                ^^^^
se() has no argument 'sigma'
Write se(s)

y | se(0) ~ x
       ^
a standard error is a number above 0

cbind(k) ~ x
^^^^^^^^
cbind() takes two arguments, not 1
cbind(k, n - k)

cbind(a, b, c) ~ x
^^^^^^^^^^^^^^
cbind() takes two arguments, not 3
cbind(k, n - k)

prop(k, n, m) ~ x
^^^^^^^^^^^^^
prop() takes two arguments, not 3
prop(k, n)

p(k, n=n) ~ x
       ^
p() has no argument 'n'
p(k, n)

p(3, n) ~ x
  ^
the successes of p() name no column

p(k, 1.5) ~ x
     ^^^
a number of trials must be a whole number, 1 or more

p(poly(k, 2), n) ~ x
  ^^^^
poly() cannot stand inside p()

p(k, n) + 1 ~ x
        ^
a response takes one of

log(p(k, n)) ~ x
    ^
p(), successes and trials, is the whole left side
p(k, n)

y ~ cbind(a, b)
    ^^^^^
cbind(), successes and failures, is the whole left side
left of ~

y ~ trials(n)
    ^^^^^^
trials() stands right of the response's bar only
k | trials(n)

y ~ se(s)
    ^^
se() stands right of the response's bar only
y | se(s)

(y | g) ~ x
 ^^^^^
a bar in parentheses cannot be the response

a + b ~ x
^^^^^
the response a + b is neither
I(...)

poly(y, 2) ~ x
^^^^^^^^^^
poly() cannot be the response
one column

"y" ~ x
^^^
the response "y" is neither
one column
"""


def cases() -> list[tuple[str, str, str, str]]:
    """Return formula, carets, message and hint of each entry."""
    entries = [entry.splitlines() for entry in MALFORMED.strip("\n").split("\n\n")]
    return [(lines[0], lines[1], lines[2], lines[3] if len(lines) > 3 else "") for lines in entries]


@pytest.mark.parametrize(("text", "carets", "message", "hint"), cases(), ids=[case[0] for case in cases()])
def test_a_malformed_formula_says_what_where_and_what_to_do(text: str, carets: str, message: str, hint: str) -> None:
    with pytest.raises(FormulaError) as caught:
        parse(text)
    error = caught.value
    assert " " * error.start + "^" * (error.stop - error.start) == carets
    assert error.what.startswith(message)
    assert hint in (error.hint or "")
    assert f"    {text}\n    {carets}" in str(error)


def test_the_marked_line_is_the_one_with_the_fault() -> None:
    with pytest.raises(FormulaError) as caught:
        parse("y ~ x +\n\tlgo(z)")
    assert "\n     lgo(z)\n     ^^^\n" in str(caught.value)


@pytest.mark.parametrize("value", [None, 3, b"y ~ x", ["y ~ x"], parse("y ~ x")])
def test_what_is_not_text_is_refused(value: object) -> None:
    with pytest.raises(FormulaError, match=f"a formula is text, not {type(value).__name__}"):
        parse(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", " \n\t"])
def test_an_empty_formula_is_refused(text: str) -> None:
    with pytest.raises(FormulaError, match="the formula is empty"):
        parse(text)


NINE = "a + b + c + d + e + f + g + h + i"
LARGE = {
    "characters": ("y ~ " + "x + " * 3_000 + "x", "the limit is 10,000"),
    "parentheses": ("y ~ " + "(" * 51 + "x" + ")" * 51, "nested more than 50 deep"),
    "calls": ("y ~ " + "abs(" * 51 + "x" + ")" * 51, "nested more than 50 deep"),
    "signs": ("y ~ I(" + "-" * 5_000 + "x)", "more than 100 operations"),
    "powers": ("y ~ I(" + "x^" * 3_000 + "x)", "more than 100 operations"),
    "arithmetic": ("y ~ I(" + "x + " * 2_000 + "x)", "more than 100 operations"),
    "power of a sum": (f"y ~ ({NINE} + j + k)^20", "too many terms"),
    "product of sums": (f"y ~ ({NINE})^9 * (j + k + l)^3", "too many terms"),
    "terms": ("y ~ " + " + ".join(f"x{i}" for i in range(1_200)), "too many terms"),
    "products": ("y ~ " + " * ".join([f"({NINE[:29]})^8"] * 250), "too many terms"),
    "interaction": ("y ~ " + ":".join(f"x{i}" for i in range(60)), "more than 50 columns"),
    "bars": ("y ~ (1 | " + "/".join(f"x{i}" for i in range(60)) + ")", "more than 20 columns"),
}


@pytest.mark.parametrize(("text", "message"), LARGE.values(), ids=LARGE.keys())
def test_a_formula_has_limits(text: str, message: str) -> None:
    with pytest.raises(FormulaError, match=message):
        parse(text)


def test_what_is_within_the_limits_is_read() -> None:
    assert len(parse(f"y ~ ({NINE})^20").population.terms) == 2**9 - 1
    assert parse("y ~ " + "(" * 50 + "x" + ")" * 50).population == parse("y ~ x").population
    assert len(parse("y ~ " + " + ".join(f"x{i}" for i in range(1_000))).population.terms) == 1_000
    assert parse("y ~ I(" + "x + " * 100 + "x)").columns == ("y", "x")
    deep = parse("y ~ " + "abs(" * 49 + "I(" + "-" * 100 + "x)" + ")" * 49)
    assert replace(parse(deep.canonical), text="") == replace(deep, text="")


def deep_call(depth: int, action: Callable[[], object]) -> object:
    """Call `action` from a stack that is `depth` calls deeper."""
    return action() if depth == 0 else deep_call(depth - 1, action)


def test_a_stack_that_is_nearly_full_gives_a_formula_error() -> None:
    text = "y ~ " + "abs(" * 49 + "I(" + "-" * 100 + "x)" + ")" * 49
    frame, used = sys._getframe(), 0
    while frame.f_back is not None:
        frame, used = frame.f_back, used + 1
    with pytest.raises(FormulaError, match="nested too deep"):
        deep_call(sys.getrecursionlimit() - used - 200, lambda: parse(text))


PIECES = [
    *("y", "x", "g", "a.b", "`q r`", "0", "1", "2", "1e-3", '"s"', "True", ".", "lambda", "c", "sum"),
    *("~", "+", "-", "*", "/", ":", "^", "**", "|", "||", "(", ")", "[", "]", ",", "=", "==", "<", " ", "\n"),
    *("(1 | g)", "(x || g)", "(1 | a/b)", "C(", "I(x^2)", "c(1, 2)", "offset(x)", "%in%", "$", "np.", "gr(", "²"),
    *(f"{name}(" for name in FUNCTIONS),
]
VALID = [
    "Reaction ~ Days + (Days | Subject)",
    'log(y) ~ a * b - 1 + poly(x, 2, raw=TRUE) + C(f, Treatment("B"), levels=c("a", "B")) + (0 + x || g/h)',
    "y ~ (a + b + c)^2 / d - a:b + offset(log(n)) + bs(x, knots=[1, -2.5]) + I((x - 1)^2 > -z) + (x | g:h)",
    "`a b` ~ 0 + `x\\`y` + (1 | p) + (1 | s)",
]


def read_or_refuse(text: str) -> None:
    """Read a text; what is read must read back from its canonical form, what is not must be a FormulaError."""
    try:
        formula = parse(text)
    except FormulaError as refusal:
        error = refusal
    else:
        again = parse(formula.canonical)
        assert replace(again, text="") == replace(formula, text="")
        assert again.canonical == formula.canonical
        return
    assert error.what
    assert error.text is None or 0 <= error.start <= len(error.text)


@given(st.text(max_size=60))
@example("y ~ \ud800")
@example("\x00~\x00")
def test_any_text_is_read_or_refused(text: str) -> None:
    read_or_refuse(text)
    read_or_refuse(f"y ~ {text}")


@given(st.lists(st.sampled_from(PIECES), max_size=25))
def test_any_pieces_are_read_or_refused(pieces: list[str]) -> None:
    read_or_refuse("y ~ " + "".join(pieces))


@given(st.sampled_from(VALID), st.integers(0, 2**32))
def test_any_mutation_is_read_or_refused(text: str, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(text) + 1)
        stop = min(len(text), start + chance.randint(0, 3))
        text = text[:start] + chance.choice(["", *PIECES]) + text[stop:]
    read_or_refuse(text)


@pytest.mark.parametrize("text", VALID)
def test_the_formulas_that_are_mutated_are_valid(text: str) -> None:
    assert parse(text).columns
    read_or_refuse(text)


atoms = st.sampled_from(["a", "b", "log(x)", "`c d`", "I(x^2 - 1)", "C(f, sum)"])
sums = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" + ", " * ", ":", " / ", " - "]), inner).map("".join),
        inner.map(lambda text: f"({text})"),
        inner.map(lambda text: f"({text} + z)^2"),
    ),
    max_leaves=6,
)
factors = st.lists(st.sampled_from(["g", "h", "`k l`"]), min_size=1, max_size=3, unique=True).flatmap(
    lambda names: st.sampled_from([":", "/"]).map(lambda sign: sign.join(names))
)
bars = st.tuples(st.sampled_from(["", "0 + ", "1 + "]), sums, st.sampled_from(["|", "||"]), factors).map(
    lambda bar: f"({bar[0]}{bar[1]} + w {bar[2]} {bar[3]})"
)


@given(sums, st.lists(bars, max_size=3), st.sampled_from(["", " - 1", " + offset(n)"]))
def test_any_formula_reads_back_from_its_canonical_form(population: str, groups: list[str], last: str) -> None:
    text = f"y ~ {' + '.join([population, *groups])}{last} + v"
    formula = parse(text)
    again = parse(formula.canonical)
    assert replace(again, text="") == replace(formula, text="")
    assert again.canonical == formula.canonical


def refused_on_the_page() -> list[str]:
    """Return the formulas that the documentation page says are refused."""
    blocks = re.findall(r"```refused\n(.*?)```", DOCS.read_text(encoding="utf-8"), flags=re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


@pytest.mark.parametrize("text", refused_on_the_page())
def test_what_the_page_says_is_refused_is_refused_with_advice(text: str) -> None:
    with pytest.raises(FormulaError) as caught:
        parse(text)
    assert caught.value.hint
