"""Tables as LaTeX, Markdown and HTML: hostile labels come back as they were, numbers with sensible digits."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from fits import fake_fit
from hypothesis import example, given, settings
from hypothesis import strategies as st

import hierbayes as hb
from hierbayes.tables.cells import cells
from hierbayes.tables.exporting import export

HOSTILE = [
    "<script>alert(1)</script>",
    "a|b",
    "a\\|b",
    "\\",
    "50% & more_or_less #1 ~ ^2 $x$ {y}",
    "[optional]",
    "*starred",
    "](javascript:alert(1))",
    "_x_ `code` **bold**",
    "a\nb\r\nc",
    "&amp;",
    "\\begin{document}",
    "日本 σ²",
    "--",
    "'quoted' \"twice\"",
    "1e5",
    "\x00\x1b",
]


class Rows(HTMLParser):
    """Reads the cells of an HTML table, and the tags."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.rows, self.tags, self.open = [], set(), False

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.open = True

    def handle_endtag(self, tag):
        self.open = self.open and tag not in ("td", "th")

    def handle_data(self, data):
        if self.open:
            self.rows[-1][-1] += data


def html_rows(text):
    reader = Rows()
    reader.feed(text)
    return reader.rows, reader.tags


def markdown_rows(text):
    """Return what GitHub's dialect makes of a table."""
    MarkdownIt = pytest.importorskip("markdown_it").MarkdownIt
    return html_rows(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text))


def latex_rows(text):
    """Undo the escapes, character by character, as LaTeX would read them."""
    body = text.split("\\toprule\n")[1].split("\n\\bottomrule")[0]
    lines = [line for line in body.split("\n") if line != "\\midrule"]
    assert all(line.endswith(r" \\") for line in lines)
    return [[plain(cell) for cell in re.split(r"(?<!\\) & ", line[:-3])] for line in lines]


def plain(cell):
    words = {"textbackslash": "\\", "textasciicircum": "^", "textasciitilde": "~", "textless": "<", "textgreater": ">"}
    words |= {"textbar": "|", "textasciigrave": "`"}
    cell = re.sub(r"^\{([\[*])\}", r"\1", cell).replace("-{}-", "--").replace("-{}-", "--")
    found = re.sub(r"\\(?:(\w+)\{\}|([&%$#_{}]))", lambda m: words[m[1]] if m[1] else f"\0{m[2]}", cell)
    assert not re.search(r"(?<!\0)[&%$#_{}]", found), cell
    return found.replace("\0", "")


def shown(text):
    """A label as it is written: on one line."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", text).strip()


def labelled(labels):
    return pd.DataFrame({"label": labels, "value": np.arange(len(labels)) + 0.25})


def test_every_hostile_label_comes_back():
    frame = labelled(HOSTILE)
    wanted = [["label", "value"], *([shown(label), f"{i + 0.25:.3f}"] for i, label in enumerate(HOSTILE))]
    for text, read in ((export(frame, "html"), html_rows), (export(frame, "markdown"), markdown_rows)):
        rows, tags = read(text)
        assert rows == wanted
        assert tags <= {"table", "thead", "tbody", "tr", "th", "td"}
    assert latex_rows(export(frame, "latex")) == wanted


text_of_labels = st.text(st.characters(exclude_categories=("Cs", "Zs", "Cf")), max_size=12)


@settings(max_examples=200, deadline=None)
@given(text_of_labels)
@example("a||b")
@example("~~gone~~")
@example("![x](y)")
@example("\\\\|")
@example("-")
def test_any_label_comes_back(label):
    frame = labelled(["first", label])
    assert html_rows(export(frame, "html"))[0][2][0].strip() == shown(label)
    rows, tags = markdown_rows(export(frame, "markdown"))
    assert rows[2][0].strip() == shown(label)
    assert tags <= {"table", "thead", "tbody", "tr", "th", "td"}
    assert latex_rows(export(frame, "latex"))[2][0].strip() == shown(label)


def test_labels_without_escapes_would_be_seen():
    """The readers above do not pass what is written raw."""
    raw = "| label | value |\n| :--- | ---: |\n| a|b | 1 |\n| <b>x</b> | 2 |\n"
    rows, tags = markdown_rows(raw)
    assert rows[1] != ["a|b", "1"]
    assert "b" in tags
    assert html_rows("<table><tr><td><script>x</script></td></tr></table>")[1] > {"script"}
    with pytest.raises(AssertionError):
        latex_rows("\\toprule\na_b & 1 \\\\\n\\bottomrule")


def test_digits_follow_the_spread():
    frame = pd.DataFrame({"mean": [251.40510, 0.00123456], "sd": [6.8246, 0.00056], "lower": [238.0, np.nan]})
    found = cells(frame)
    assert found.headers == ("mean", "sd", "lower")
    assert found.rows == (("251.41", "6.82", "238.00"), ("0.001235", "0.000560", ""))
    assert found.numeric == (True, True, True)


def test_other_columns_share_their_decimals():
    frame = pd.DataFrame(
        {
            "share": [0.6543219, 0.3456781],
            "sum_sq": [449.2222, 12.5],
            "wide": [1234567.0, 0.00012],
            "count": [3, 40],
            "whole": [3.0, 40.0],
            "p": [1e-12, 0.0312],
            "r_hat": [1.00049, np.nan],
            "ess_bulk": [3999.6, np.inf],
        }
    )
    first, second = cells(frame).rows
    assert first == ("0.6543", "449.2", "1.235e+06", "3", "3", "<0.0001", "1.000", "4000")
    assert second == ("0.3457", "12.5", "0.00012", "40", "40", "0.0312", "", "inf")
    assert cells(frame[["share"]], digits=2).rows == (("0.65",), ("0.35",))


def test_numbers_in_latex():
    frame = pd.DataFrame({"a": [-1.5, 2.0], "b": [1.5e12, 1e-9], "p": [1e-9, 0.5], "c": [np.inf, -np.inf]})
    body = export(frame, "latex").splitlines()
    assert body[0] == r"\begin{tabular}{rrrr}"
    assert body[4] == r"$-1.500$ & $1.5\times 10^{12}$ & $<0.0001$ & $\infty$ \\"
    assert body[5] == r"2.000 & $1\times 10^{-9}$ & 0.5000 & $-\infty$ \\"


def test_labels_that_look_like_numbers_are_labels():
    frame = pd.DataFrame({"level": ["1e5", "-1", "x"]})
    assert latex_rows(export(frame, "latex"))[1:] == [["1e5"], ["-1"], ["x"]]


def test_the_index_is_written_unless_it_counts():
    plain_frame = pd.DataFrame({"a": [1, 2]})
    assert cells(plain_frame).headers == ("a",)
    assert cells(plain_frame.set_index(pd.Index(["x", "y"], name="b|c"))).headers == ("b|c", "a")
    assert cells(plain_frame.iloc[[1]].rename_axis("row")).rows == (("1", "2"),)
    two = plain_frame.set_index(pd.MultiIndex.from_tuples([("p", 1), ("q", 2)], names=["g", "h"]))
    two.columns = pd.MultiIndex.from_tuples([("REML", "estimate")])
    assert cells(two).headers == ("g", "h", "REML estimate")
    assert cells(two).rows == (("p", "1", "1"), ("q", "2", "2"))


@pytest.mark.parametrize("frame", [pd.DataFrame(), pd.DataFrame({"a": []}), pd.DataFrame({"a": [None, pd.NA]})])
@pytest.mark.parametrize("kind", ["latex", "markdown", "html"])
def test_empty_tables_are_written(frame, kind):
    assert isinstance(export(frame, kind), str)


def test_the_frame_is_not_changed():
    frame = pd.DataFrame({"mean": [1.0], "sd": [0.1]}, index=pd.Index(["x"], name="coefficient"))
    before = frame.copy()
    for kind in ("latex", "markdown", "html"):
        export(frame, kind, caption="c")
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize(
    ("suffix", "start"), [("tex", "\\begin"), ("md", "| a"), ("html", "<!DOCTYPE"), ("htm", "<!DOC")]
)
def test_files(tmp_path, suffix, start):
    place = tmp_path / f"table.{suffix}"
    text = export(pd.DataFrame({"a": ["σ"]}), path=place)
    written = place.read_text(encoding="utf-8")
    assert written.startswith(start)
    assert text in written
    assert "σ" in written
    if "htm" in suffix:
        assert 'charset="utf-8"' in written


def test_what_is_wrong_is_said(tmp_path):
    frame = pd.DataFrame({"a": [1]})
    with pytest.raises(hb.ModelError, match="kind='pdf'"):
        export(frame, "pdf")
    with pytest.raises(hb.ModelError, match="not a table"):
        export([1, 2], "html")
    with pytest.raises(hb.ModelError, match="digits"):
        export(frame, "html", digits=0)
    with pytest.raises(hb.DataError, match="cannot write"):
        export(frame, "html", path=tmp_path / "nowhere" / "t.html")


def test_word_needs_its_style_inline():
    text = export(pd.DataFrame({"name": ["x"], "value": [1.5]}), "html", caption="a < b")
    assert "class=" not in text
    assert "<style" not in text
    assert text.count("text-align:right") == 2
    assert "border-top:1.5pt solid black" in text
    assert "a &lt; b</caption>" in text


@pytest.fixture(scope="module")
def hostile_fit():
    sleep = hb.load_data("sleepstudy").rename(columns={"Subject": "a|<b>_%"})
    sleep["a|<b>_%"] = sleep["a|<b>_%"].cat.rename_categories(lambda name: f"<script>{name}|")
    return fake_fit("Reaction ~ Days + (Days | `a|<b>_%`)", sleep)


def test_summaries_and_fits_are_written_whole(hostile_fit):
    for thing in (hostile_fit.summary(), hostile_fit.model.reml()):
        assert [name for name in ("to_latex", "to_markdown", "to_html") if not getattr(thing, name)()] == []
        assert thing.to_html() == export(thing, "html")
        assert thing.to_html().count("<table") == 2
        assert "<b>" not in thing.to_html()
        assert html_rows(thing.to_html())[1] <= {"table", "caption", "thead", "tbody", "tr", "th", "td"}
        assert thing.to_latex().count(r"\begin{table}") == 2
        _, tags = markdown_rows(thing.to_markdown())
        assert "b" not in tags
    assert export(hostile_fit, "latex") == hostile_fit.summary().to_latex()
    text = export(hostile_fit.ranef(), "markdown")
    assert len(markdown_rows(text)[0]) == 37
    assert markdown_rows(text)[0][1][:2] == ["a|<b>_%", "<script>308|"]


def test_tidy_frames_hold_the_numbers_of_the_tables(hostile_fit):
    for fit in (hostile_fit, hostile_fit.model.reml()):
        tidy = fit.tidy(("fixed", "ran_pars", "ran_vals", "ran_coefs"), ci_prob=0.8)
        assert list(tidy) == ["effect", "group", "level", "term", "estimate", "std_error", "conf_low", "conf_high"]
        fixed, components = fit.fixef(0.8), fit.varcorr(0.8)
        own = tidy[tidy["effect"] == "fixed"]
        assert own["term"].tolist() == list(fixed.index)
        np.testing.assert_array_equal(
            own[["estimate", "std_error", "conf_low", "conf_high"]], fixed[["mean", "sd", "lower", "upper"]]
        )
        own = tidy[tidy["effect"] == "ran_pars"]
        assert own["term"].tolist() == ["sd__Intercept", "sd__Days", "cor__Intercept.Days", "sd__Observation"]
        assert own["group"].tolist() == components["group"].tolist()
        np.testing.assert_array_equal(own["estimate"], components["median"])
        for effect, table in (("ran_vals", fit.ranef(0.8)), ("ran_coefs", fit.coef(0.8))):
            own = tidy[tidy["effect"] == effect]
            assert (
                own[["group", "level", "term"]].to_numpy().tolist()
                == table[["group", "level", "term"]].to_numpy().tolist()
            )
            np.testing.assert_array_equal(own["estimate"], table["mean"])
    short = hostile_fit.tidy()
    assert list(short) == ["effect", "group", "term", "estimate", "std_error", "conf_low", "conf_high"]
    pd.testing.assert_frame_equal(short, hostile_fit.summary().tidy())
    np.testing.assert_array_equal(
        hostile_fit.tidy("ran_pars", estimate="mean")["estimate"], hostile_fit.varcorr()["mean"]
    )


@pytest.mark.parametrize("options", [{"effects": "random"}, {"effects": ()}, {"estimate": "mode"}, {"ci_prob": 2}])
def test_tidy_refuses_what_it_does_not_know(hostile_fit, options):
    with pytest.raises(hb.ModelError):
        hostile_fit.tidy(**options)


def test_no_groups():
    fit = fake_fit("Reaction ~ Days", hb.load_data("sleepstudy"))
    assert fit.tidy()["term"].tolist() == ["Intercept", "Days", "sd__Observation"]
    assert len(fit.tidy(("ran_vals", "ran_coefs"))) == 0
    assert fit.summary().to_latex()
