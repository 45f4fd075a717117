"""The report of a fit: every part is there with the numbers of the fit, and what a fit cannot give is said."""

import html as html_escapes
import re

import numpy as np
import pandas as pd
import pytest
from fits import fake_fit

import hierbayes as hb
from hierbayes.report.fit_page import fit_page
from hierbayes.report.level_tables import MOST_LEVELS, level_tables
from hierbayes.report.pictures import spread
from hierbayes.report.question import question, rows_in_use, variation
from hierbayes.report.sampler_checks import checks, verdict

HOSTILE = "<script>alert(1)</script>"
TITLES = [
    "The question", "The model", "Priors", "Can the draws be trusted?", "Coefficients and variance components",
    "Figures", "Pooling", "Group-level effects", "Where the variance comes from", "Classical fits beside the posterior",
    "How it was made",
]  # fmt: skip


@pytest.fixture(scope="module")
def sleep():
    data = hb.load_data("sleepstudy")
    return hb.fit("Reaction ~ Days + (Days | Subject)", data, draws=200, chains=2, seed=1, progress=False)


@pytest.fixture(scope="module")
def written(sleep, tmp_path_factory):
    return sleep.report(tmp_path_factory.mktemp("report") / "report.html").read_text(encoding="utf-8")


def parts(page):
    """The text of each section by its title, with its tags."""
    found = re.findall(r'<section id="part-\d+"><h2>(.*?)</h2>(.*?)</section>', page, flags=re.DOTALL)
    return {html_escapes.unescape(title): inner for title, inner in found}


def rows_of(inner, number=0):
    table = re.findall(r"<tbody>(.*?)</tbody>", inner, flags=re.DOTALL)[number]
    rows = re.findall(r"<tr>(.*?)</tr>", table, flags=re.DOTALL)
    return [[html_escapes.unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)] for row in rows]


def as_number(cell):
    return float(cell.replace("\u2212", "-"))


def test_every_part_is_there_in_order(written):
    assert list(parts(written)) == TITLES
    assert "left out" not in written
    assert [html_escapes.unescape(link) for link in re.findall(r'<a href="#part-\d+">(.*?)</a>', written)] == TITLES


def test_the_numbers_are_those_of_the_fit(sleep, written):
    found = parts(written)
    fixed = sleep.fixef()
    shown = rows_of(found["Coefficients and variance components"])
    assert [row[0] for row in shown] == ["Intercept", "Days"]
    for row, (_, own) in zip(shown, fixed.iterrows(), strict=True):
        np.testing.assert_allclose(
            [as_number(cell) for cell in row[1:5]], own[["mean", "sd", "lower", "upper"]], rtol=0.01
        )
    levels = rows_of(found["Group-level effects"])
    effects = sleep.ranef().query("term == 'Days'").set_index("level")
    factors = sleep.pooling().levels.query("term == 'Days'").set_index("level")
    assert [row[0] for row in levels] == list(effects.index)
    for row in levels:
        mean, lower, upper = (float(x) for x in re.findall(r"-?\d+\.\d+", row[3].replace("\u2212", "-")))
        np.testing.assert_allclose([mean, lower, upper], effects.loc[row[0], ["mean", "lower", "upper"]], atol=0.006)
        assert float(row[4]) == pytest.approx(factors.loc[row[0], "factor"], abs=0.006)


def test_the_classical_columns_are_those_of_classical(sleep, written):
    rows = {row[0]: row[1:] for row in rows_of(parts(written)["Classical fits beside the posterior"])}
    reml = sleep.model.reml()
    assert as_number(rows["Days"][3].split()[0]) == pytest.approx(reml.fixef().loc["Days", "mean"], abs=0.005)
    assert as_number(rows["log-likelihood"][3]) == pytest.approx(reml.loglik, abs=0.005)
    assert as_number(rows["Days"][5].split()[0]) == pytest.approx(sleep.fixef().loc["Days", "mean"], abs=0.05)


def test_how_it_was_made_is_said(sleep, written):
    rows = dict(rows_of(parts(written)["How it was made"]))
    assert rows["seed"] == "1"
    assert rows["formula in full"] == "Reaction ~ 1 + Days + (1 + Days | Subject)"
    assert rows["engine"].startswith("collapsed")
    assert f"hierbayes {hb.__version__}" in rows["versions"]
    assert "pymc " in rows["versions"]
    mark = re.search(r"fingerprint ([0-9a-f]{64})", rows["data"]).group(1)
    other = sleep.model.update(data=hb.load_data("sleepstudy").assign(Days=lambda d: d["Days"] + 1))
    assert mark not in fit_page(sleep, {"fingerprint": "x", "packages": {}})
    assert other.spec.formula.text == sleep.spec.formula.text


def test_the_same_fit_gives_the_same_page(sleep, written, tmp_path):
    assert sleep.report(tmp_path / "again.html").read_text(encoding="utf-8") == written


def test_a_fit_without_its_data_leaves_parts_out_and_says_so(sleep, tmp_path):
    path = sleep.save(tmp_path / "bare.nc", data=False)
    page = hb.load(path).report(tmp_path / "bare.html").read_text(encoding="utf-8")
    found = parts(page)
    assert list(found) == TITLES
    for title in ("The model", "Pooling", "Where the variance comes from", "Classical fits beside the posterior"):
        assert "left out: this needs the data of the fit" in found[title], title
        assert found[title].count("left out") == 1
    assert [row[0] for row in rows_of(found["Coefficients and variance components"])] == ["Intercept", "Days"]
    assert len(rows_of(found["Group-level effects"])) == 18
    assert "data:image/png" in found["Figures"]


def test_a_model_without_groups_says_so(tmp_path):
    fit = fake_fit("Reaction ~ Days", hb.load_data("sleepstudy"))
    page = fit.report(tmp_path / "page.html").read_text(encoding="utf-8")
    found = parts(page)
    assert "<h1>Reaction: a linear model</h1>" in page
    assert page.count("<img ") == 1  # the population's curve
    for title in ("Figures", "Pooling", "Group-level effects"):
        assert "has no grouping factor" in found[title]
    assert [row[0] for row in rows_of(found["Classical fits beside the posterior"])][:2] == ["Intercept", "Days"]


def test_a_singular_fit_is_reported_as_such(tmp_path):
    fit = hb.fit("Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff2"), draws=100, chains=2, seed=1, progress=False)
    found = parts(fit.report(tmp_path / "page.html").read_text(encoding="utf-8"))
    assert "REML is singular: sd_Batch[Intercept] is estimated as 0" in found["Classical fits beside the posterior"]


def test_fixed_parameters_leave_the_likelihood_out():
    known = {"sd_Batch": hb.Fixed(40.0), "sigma": hb.Fixed(50.0)}
    data = hb.load_data("dyestuff")
    fit = hb.fit("Yield ~ 1 | Batch", data, priors=known, draws=100, chains=2, seed=1, progress=False)
    found = parts(fit_page(fit))
    assert "REML: " in found["Classical fits beside the posterior"]
    assert "separate" in found["Classical fits beside the posterior"]


def test_complaints_stand_on_top():
    fit = fake_fit("Reaction ~ Days + (1 | Subject)", hb.load_data("sleepstudy"), draws=20)
    assert fit.complaints
    page = fit_page(fit)
    assert html_escapes.escape(fit.complaints[0]) in page.split("<nav")[0]
    assert "Something is wrong with the draws" in parts(page)["Can the draws be trusted?"]


def test_hostile_names_are_text_in_every_part():
    rng = np.random.default_rng(0)
    levels = [HOSTILE, '"><img src=x onerror=alert(2)>', "a&b", "</table>", "new\nline", "$x$"]
    data = pd.DataFrame({HOSTILE: rng.normal(size=36), "y </p>": rng.normal(size=36), "g '\">": np.repeat(levels, 6)})
    page = fit_page(fake_fit(f"`y </p>` ~ `{HOSTILE}` + (`{HOSTILE}` | `g '\">`)", data), {"fingerprint": HOSTILE})
    assert "<script" not in page
    assert page.count("<img ") == page.count("data:image/png;base64,") >= 3
    for title in ("The question", "The model", "Priors", "Coefficients and variance components", "Group-level effects"):
        assert html_escapes.escape(HOSTILE) in parts(page)[title], title


def design_of(formula, data):
    model = hb.Model(formula, data)
    return model.spec.formula, model.design


@pytest.mark.parametrize(
    ("formula", "data", "asked"),
    [
        ("Yield ~ 1 | Batch", "dyestuff",
         "What is the mean of Yield, and how much does it differ between the levels of Batch?"),
        ("diameter ~ 1 + (1 | plate) + (1 | sample)", "penicillin", "What is the mean of diameter, and how much does "
         "it differ between the levels of plate and between the levels of sample?"),
        ("diameter ~ 0 + (1 | plate)", "penicillin", "How much does diameter differ between the levels of plate?"),
        ("Reaction ~ Days", "sleepstudy", "How does Reaction depend on Days?"),
        ("Y ~ V * N + (1 | B)", "oats", "How does Y depend on V, N and V:N, and how much does this differ between the "
         "levels of B?"),
    ],
)  # fmt: skip
def test_the_question_is_the_formula_in_words(formula, data, asked):
    assert question(*design_of(formula, hb.load_data(data))) == asked


def test_what_varies_by_what():
    sleep = hb.load_data("sleepstudy")
    assert variation(*design_of("Reaction ~ Days + (Days || Subject)", sleep)) == (
        "The level varies by Subject (18 levels).",
        "The effect of Days varies by Subject (18 levels), uncorrelated with the terms above.",
    )
    (said,) = variation(*design_of("Reaction ~ Days + (Days | Subject)", sleep))
    assert said == "The level and the effect of Days vary by Subject (18 levels), and what varies may be correlated."
    assert "independent" in variation(*design_of("Reaction ~ Days", sleep))[0]


def test_rows_are_counted():
    sleep = hb.load_data("sleepstudy")
    sleep.loc[:2, "Reaction"] = np.nan
    with pytest.warns(hb.HierBayesWarning):
        model = hb.Model("Reaction ~ Days + (1 | Subject)", sleep)
    assert rows_in_use(model.design) == (
        "177 rows; 3 more were dropped for missing values.", "Subject: 18 levels of 7 to 10 rows each.",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value", "row"),
    [("max_rhat", 1.011, 0), ("min_ess_bulk", 399, 1), ("min_ess_tail", 399, 2), ("divergences", 1, 3),
     ("min_bfmi", 0.29, 4)],
)  # fmt: skip
def test_each_check_can_fail(key, value, row):
    good = {"max_rhat": 1.01, "min_ess_bulk": 400, "min_ess_tail": 400, "divergences": 0, "min_bfmi": 0.3, "chains": 4}
    assert set(checks(good)["passed"]) == {"yes"}
    passed = checks({**good, key: value})["passed"].tolist()
    assert [i for i, so in enumerate(passed) if so == "no"] == [row]
    assert checks({**good, key: float("nan")})["passed"][row] == "cannot be checked"
    assert verdict(()) != verdict(("something",))


def test_many_levels_are_shown_by_their_ends():
    n = 500
    effects = pd.DataFrame({"group": "g", "level": [f"l{i}" for i in range(n)], "term": "Intercept",
                            "mean": np.random.default_rng(0).permutation(n) / 10, "sd": 1.0})  # fmt: skip
    effects = effects.assign(lower=effects["mean"] - 2, upper=effects["mean"] + 2)
    (block,) = level_tables(effects, None, 0.95)
    shown = effects.set_index("level").loc[list(block.frame.index), "mean"]
    assert len(shown) == MOST_LEVELS
    assert shown.is_monotonic_increasing
    assert shown.min() == 0
    assert shown.max() == (n - 1) / 10
    assert "of 500 levels" in block.note


def test_many_terms_are_put_into_several_tables():
    effects = pd.DataFrame({"group": "g", "level": np.repeat(["a", "b"], 5), "term": np.tile(list("vwxyz"), 2),
                            "mean": np.arange(10.0), "sd": 1.0, "lower": -1.0, "upper": 20.0})  # fmt: skip
    blocks = level_tables(effects, None, 0.95)
    assert [list(block.frame) for block in blocks] == [["v", "w", "x"], ["y", "z"]]
    assert blocks[1].frame.loc["b", "z"] == "9.00 [\u22121.00, 20.00]"


def test_levels_of_a_figure_are_spread_evenly():
    names = tuple(str(i) for i in range(101))
    assert spread(names, 101) is None
    assert spread(names, 5) == ["0", "25", "50", "75", "100"]
