"""What other formula languages have and this one has not, with what to write instead."""

from __future__ import annotations

import re

from hierbayes.errors import FormulaError

RESPONSE = (
    "The response is one column, or an allowed function of one column, as in log(y); "
    "with trials p(k, n), with known standard errors y | se(s)."
)
TRIALS = 'Write p(k, n), cbind(k, n - k) or k | trials(n), left of ~, with family="binomial".'
SMOOTH = "Write bs(x, df=5) for a spline, or poly(x, 3) for a polynomial."

FUNCTIONS: dict[str, tuple[str, str]] = {
    "gr": ("gr() is not available", "Write (1 | g), or (x | g) for correlated effects of one factor."),
    "mm": ("mm(), the multiple-membership term, is not available", "Write (1 | g) with one grouping column."),
    "mo": ("mo(), the monotonic effect, is not available", "Write the column itself, or C(x, poly)."),
    "me": ("me(), the measurement-error term, is not available", "Write the column itself."),
    "mi": ("mi(), the missing-value term, is not available", 'Write the column itself; missing="drop" drops its rows.'),
    "s": ("s(), the smooth term, is not available", SMOOTH),
    "te": ("te(), the tensor-product smooth, is not available", SMOOTH),
    "ti": ("ti(), the tensor-product smooth, is not available", SMOOTH),
    "t2": ("t2(), the tensor-product smooth, is not available", SMOOTH),
    "gp": ("gp(), the Gaussian process, is not available", SMOOTH),
    "hsgp": ("hsgp(), the Gaussian process, is not available", SMOOTH),
    "ns": ("ns(), the natural spline, is not available", SMOOTH),
    "cbind": ("cbind(), successes and failures, is the whole left side", TRIALS),
    "mvbind": ("mvbind(), a response of several columns, is not available", RESPONSE),
    "c": ("c() as a term or response is not available", "c() lists constants, as in bs(x, knots=c(1, 2))."),
    "p": ("p(), successes and trials, is the whole left side", TRIALS),
    "prop": ("prop(), successes and trials, is the whole left side", TRIALS),
    "proportion": ("proportion(), successes and trials, is the whole left side", TRIALS),
    "trials": ("trials() stands right of the response's bar only", TRIALS),
    "binary": ("binary() is not available", 'Write I(y == "yes").'),
    "se": ("se() stands right of the response's bar only", "Write y | se(s) ~ x."),
    "cens": ("cens(), a censored response, is not available", RESPONSE),
    "trunc": ("trunc(), a truncated response, is not available", RESPONSE),
    "weights": ("weights() is not part of a formula", 'Give weights="column" beside the formula.'),
    "subset": ("subset() is not part of a formula", "Choose the rows of the data before."),
    "lag": ("lag() is not available", "Put the lagged column into the data and name it."),
    "ar": ("ar() is not available in a formula", "Write (1 | g) for rows that belong together."),
    "S": ("S() is not available", "Write C(x, sum)."),
    "T": ("T() is not available", 'Write C(x, Treatment("B")).'),
    "Treatment": ("Treatment() stands only inside C()", 'Write C(x, Treatment("B")).'),
    "ordered": ("ordered() is not available", 'Write C(x, poly, levels=["low", "high"]).'),
    "as.factor": ("as.factor() is not available", "Write C(x)."),
    "max": ("max() is not available", "Put the derived column into the data and name it."),
    "min": ("min() is not available", "Put the derived column into the data and name it."),
    "ln": ("ln() is not available", "Write log(x), the natural logarithm."),
    "pow": ("pow() is not available", "Write I(x^2)."),
    "lambda": ("a lambda is not available", "A formula calls only the functions that are allowed."),
    "function": ("a function cannot be written in a formula", "Put the derived column into the data and name it."),
}

_BESIDE = "{}() is not part of a response"
ADDITIONS: dict[str, tuple[str, str]] = {
    "weights": (_BESIDE.format("weights"), 'Give the weights beside the formula: weights="column".'),
    "rate": (_BESIDE.format("rate"), "Write offset(log(n)) on the right side."),
    "subset": (_BESIDE.format("subset"), "Choose the rows of the data before."),
    "cens": FUNCTIONS["cens"],
    "trunc": FUNCTIONS["trunc"],
    "mi": FUNCTIONS["mi"],
}
"""What brms takes right of the response's bar and this language does not."""

CHARACTERS: tuple[tuple[str, str, str], ...] = (
    (r"%in%", "%in% is not available", "Write a:b for b nested in a, or (1 | a/b) for nested groups."),
    (r"%[^%\s]*%", "{found} is not available", "Put the derived column into the data and name it."),
    (r"%", "% is not available", "Put the derived column into the data and name it."),
    (r"//", "// is not available", "Write floor(x / 2)."),
    (r"\{|\}", "braces have no meaning in a formula", "Write ( and )."),
    (r":::?", "a package cannot be named with {found}", "Write the function alone, as in bs(x, df=5)."),
    (r"\$|@", "{found} has no meaning in a formula", "Name the column alone: write x for data$x."),
    (r"&|!(?!=)", "{found} is not available", "Multiply two comparisons: I((x > 1) * (z > 1))."),
    (r";", "a formula is one expression, without ;", "Write one formula."),
    (r"#", "a formula takes no comments", "Take the comment out."),
)


def refuse_character(text: str, start: int) -> None:
    """Raise FormulaError if an operator that other languages have stands at `start`."""
    for pattern, what, hint in CHARACTERS:
        if match := re.compile(pattern).match(text, start):
            raise FormulaError(what.format(found=match.group()), text, start, match.end(), hint)
