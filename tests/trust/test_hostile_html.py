"""Names that try to break out of HTML, LaTeX or Markdown: a page has the tags that it has with plain names."""

from __future__ import annotations

import re
from collections import Counter
from html import escape, unescape
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from fits import fake_fit
from hostile import quoted

import hierbayes as hb
from hierbayes.report.blocks import Code, Listing, Table, Words
from hierbayes.report.page import Page, Section, page
from hierbayes.studies.pooled import PoolingComparison

pytestmark = pytest.mark.filterwarnings("ignore::hierbayes.HierBayesWarning")
BREAKS = (
    "<script>alert(1)</script>", "</script><script>alert(1)</script>", "</table><img src=x onerror=alert(1)>",
    "\" onmouseover=alert(1) x=\"", "' onfocus='alert(1)' autofocus='", "--><script>alert(1)</script><!--",
    "]]><svg onload=alert(1)>", "<iframe srcdoc='<script>alert(1)</script>'>", "</style><style>*{display:none}",
    "<a href=javascript:alert(1)>x</a>", "&lt;script&gt;alert(1)&lt;/script&gt;", "</title><base href=//evil>",
    "</code></p><form action=//evil>", "<math><mtext></mtext><style><img src=x onerror=alert(1)>",
    "{{7*7}}${7*7}<%=7%>",
    "<meta http-equiv=refresh content=0>", "\\u003cscript\\u003ealert(1)", "</noscript><script>alert(1)</script>",
)  # fmt: skip
LEVELS = tuple(f"{text}{i}" for i, text in enumerate(BREAKS[:6]))
PLAIN = ("alpha", "beta2", "gamma", "delta", "eps", "zeta")


class Tags(HTMLParser):
    """Every tag with the names of its attributes, and with what runs or leads elsewhere of their values."""

    def __init__(self, html):
        super().__init__()
        self.found = Counter()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        active = {name: value for name, value in attrs if name in ("src", "href", "http-equiv")}
        # Long cells and columns of numbers have classes of their own, which lead nowhere.
        self.found[tag, *(name for name, _ in attrs if name != "class"), *map(str, active.values())] += 1

    def handle_comment(self, data):
        self.found["comment"] += 1

    def unknown_decl(self, data):
        self.found["declaration"] += 1


def tags(html):
    found = Tags(html).found
    inner = re.search('srcdoc="([^"]*)"', html)
    return found + tags(unescape(inner[1])) if inner else found


def made(x, response, group, levels):
    rng = np.random.default_rng(1)
    names = pd.Categorical(np.tile(levels, 6), categories=list(levels))
    data = pd.DataFrame({x: rng.normal(size=36), response: rng.normal(size=36), group: names})
    return fake_fit(f"{quoted(response)} ~ {quoted(x)} + ({quoted(x)} | {quoted(group)})", data, draws=12)


@pytest.fixture(scope="module")
def plain():
    return made("x", "y", "g", PLAIN)


@pytest.fixture(scope="module", params=range(0, len(BREAKS), 3))
def hostile(request):
    x, response, group = BREAKS[request.param : request.param + 3]
    return made(x, response, group, LEVELS)


def described(fit):
    """Blocks of a report from the names of a fit."""
    name = fit.design.response
    words = (Words(name), Listing(fit.design.groups[0].levels), Code(name), Table(fit.ranef(), name, name))
    return page(Page(name, fit.spec.formula.text, (name,), (Section(name, words), Section("s", words)), name))


SHOWN = {
    "summary": lambda fit: fit._repr_html_(),
    "design": lambda fit: fit.design._repr_html_(),
    "pooling": lambda fit: PoolingComparison(fit)._repr_html_(),
    "pooling factors": lambda fit: fit.pooling()._repr_html_(),
    "table": lambda fit: hb.export(fit.ranef(), "html", caption=fit.design.response),
    "tables": lambda fit: fit.summary().to_html(),
    "page": described,
}


@pytest.mark.parametrize("kind", SHOWN)
def test_hostile_names_add_no_tag(plain, hostile, kind):
    html = SHOWN[kind](hostile)
    assert tags(html) == tags(SHOWN[kind](plain))
    assert "script" not in {tag for tag, *_ in Tags(html).found}


@pytest.mark.parametrize("first", [0, 3])
def test_the_explorer_has_its_own_scripts_alone(plain, first):
    shown = made(*BREAKS[first : first + 3], LEVELS).explore()
    expected = plain.explore()
    assert tags(shown.html) == tags(expected.html)
    assert sum(n for (tag, *_), n in Tags(shown.html).found.items() if tag == "script") == 2
    assert tags(shown._repr_html_()) == tags(expected._repr_html_())


def test_latex_and_markdown_hold_names_as_text():
    names = ("\\input{/etc/passwd}", "$\\immediate\\write18{touch HIT}$", "\\\\[1em] & x % y")
    fit = made(
        *names, ("\\csname x\\endcsname", "^^5cinput", "| a | b |", "[x](javascript:alert(1))", "![x](//evil)", "`x`")
    )
    for text in (fit.summary().to_latex(), hb.export(fit.ranef(), "latex"), fit.model.equation("latex")):
        assert not re.search(r"\\(input|immediate|write|csname|endcsname)\b", text)
        assert "^^" not in text
    markdown = hb.export(fit.ranef(), "markdown")
    assert "](" not in markdown
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1


@pytest.mark.parametrize("text", [text for text in BREAKS if re.search("<[a-z/]", text)])
def test_a_break_that_is_not_escaped_is_seen(plain, text):
    """Else the comparison of tags would prove nothing."""
    html = hb.export(plain.ranef(), "html")
    assert tags(html.replace(">alpha<", f">{text}<")) != tags(html)
    assert tags(html.replace(">alpha<", f">{escape(text)}<")) == tags(html)


@pytest.mark.parametrize(("text", "quote"), [(BREAKS[3], '"'), (BREAKS[4], "'")])
def test_a_break_out_of_an_attribute_is_seen(text, quote):
    plain, broken, safe = (f"<b title={quote}{each}{quote}>" for each in ("alpha", text, escape(text)))
    assert tags(broken) != tags(plain)
    assert tags(safe) == tags(plain)
