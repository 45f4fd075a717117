"""What other formula languages have and this one has not, with what to write instead."""

from __future__ import annotations

from hierbayes.expressions.scanner import Language

RESPONSE = (
    "The response is one column, or an allowed function of one column, as in log(y); "
    "with trials p(k, n), with known standard errors y | se(s)."
)
TRIALS = 'Write p(k, n), cbind(k, n - k) or k | trials(n), left of ~, with family="binomial".'
SERIES = (
    "Residuals are independent given the effects. What a row takes from the row before it goes into the data as a "
    "column: y ~ y_before + ... + (1 | g)."
)
CURVE = (
    "Nonlinear models are not available. A curve through the data is bs(x, df=5) or poly(x, 3); one that is linear in "
    "its coefficients is written with log(x), exp(x) or I(1 / x)."
)
SPREAD = 'All rows have one sigma; known ratios of variances are given beside the formula: weights="column".'
EVENTS = (
    "In discrete time a row is a person in one period, event is 0 or 1 there: event ~ bs(period, df=4) + (1 | g) with "
    'family="bernoulli(cloglog)".'
)
MEANS = "Write ave(x, g) for the mean within the levels of g, I(x - ave(x, g)) for the rest."
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
    "S": ("S() is not available", "Write C(x, sum)."),
    "T": ("T() is not available", 'Write C(x, Treatment("B")).'),
    "Treatment": ("Treatment() stands only inside C()", 'Write C(x, Treatment("B")).'),
    "ordered": ("ordered() is not available", 'Write C(x, poly, levels=["low", "high"]).'),
    "as.factor": ("as.factor() is not available", "Write C(x)."),
    "as.character": ("as.character() is not available", "Write C(x)."),
    "as.numeric": ("as.numeric() is not available", "Make the column a number in the data: pd.to_numeric(data[x])."),
    "interaction": ("interaction() is not available", "Write a:b."),
    "max": ("max() is not available", "Write pmax(x, z), the larger of two in each row."),
    "min": ("min() is not available", "Write pmin(x, z), the smaller of two in each row."),
    "mean": ("mean() is not available", "Write center(x), or ave(x, g) for the mean within the levels of g."),
    "us": ("us() is not needed", "Write (x | g): its effects are correlated without restriction."),
    "diag": ("diag() is not available", "Write (x || g) for effects without correlation."),
    "cs": (
        "cs(), compound symmetry or a category-specific effect, is not available",
        "Write (1 | g) + (1 | g:x) for compound symmetry; for an effect that is one for all categories, the column.",
    ),
    "rr": ("rr(), the reduced-rank term, is not available", "Write (x | g)."),
    "Surv": ("Surv(), a time until an event, is not available", EVENTS),
    "frailty": ("frailty() is not available", "Write (1 | g)."),
    "cluster": ("cluster() is not available", "Write (1 | g)."),
    "strata": ("strata() is not available", "Write C(x), or (1 | x)."),
    "nl": ("nl(), the nonlinear model, is not available", CURVE),
    "sigma": ("sigma() is no part of a formula", SPREAD),
    "varIdent": ("varIdent(), a residual sd for each level, is not available", SPREAD),
    "varPower": ("varPower(), a residual sd that follows a column, is not available", SPREAD),
    "varFixed": ("varFixed() is not available in a formula", SPREAD),
    "rcs": ("rcs(), the restricted cubic spline, is not available", SMOOTH),
    "lo": ("lo(), the smooth term, is not available", SMOOTH),
    "ln": ("ln() is not available", "Write log(x), the natural logarithm."),
    "pow": ("pow() is not available", "Write I(x^2)."),
    "lambda": ("a lambda is not available", "A formula calls only the functions that are allowed."),
    "function": ("a function cannot be written in a formula", "Put the derived column into the data and name it."),
}
_OF_SERIES = (
    *("ar", "ar1", "arma", "ma", "car", "unstr", "cosy", "hetar1", "toep", "ou", "sar", "fcor"),
    *("exp_cov", "gau", "mat", "corAR1", "corCAR1", "corARMA", "corCompSymm", "corSymm", "corExp"),
    *("corGaus", "corSpher", "corLin"),
)
_CURVES = (
    *("SSlogis", "SSasymp", "SSasympOff", "SSasympOrig", "SSbiexp", "SSfol", "SSfpl", "SSgompertz", "SSmicmen"),
    "SSweibull",
)
FUNCTIONS |= {
    name: (f"{name}() is not available", MEANS)
    for name in ("group_mean", "gmean", "demean", "within", "between", "cwc", "gm", "mean_by")
}
FUNCTIONS |= {name: (f"{name}(), a residual correlation, is not available", SERIES) for name in _OF_SERIES}
FUNCTIONS |= {name: (f"{name}(), a nonlinear curve, is not available", CURVE) for name in _CURVES}

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
    (r"&", "{found} is not available", "Multiply two comparisons: I((x > 1) * (z > 1))."),
    (r";", "a formula is one expression, without ;", "Write one formula."),
    (r"#", "a formula takes no comments", "Take the comment out."),
)

FORMULA = Language(
    noun="formula",
    operators=("||", "**", "==", "!=", "<=", ">=", *"+-*/^:|~,=<>()[]!"),
    refused=CHARACTERS,
    character="If it belongs to the name of a column, put the name between backquotes: `my column`.",
    number="Write `{name}` between backquotes if it is a column, or put an operator between the two.",
    plain="a plain name",
    long="Put derived columns into the data and name them in the formula.",
    quotes="\"'",
    suffix="L",
)
"""The language of formulas, with R's suffix for whole numbers."""
